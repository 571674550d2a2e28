"""Derivatives by values inside of programs: the same bits, and the derivative of the program cut there."""

from typing import Any

import numpy as np
import pytest

from autodiff.differentiate import perturbed, unperturbed, vjp
from autodiff.engines.numpy import compile_program as reference
from autodiff.errors import DerivativeError
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import Block, Program, Value
from autodiff.passes import optimize
from tests.capture.support import corpus
from tests.differentiate.test_modes import case, checked

NAMES = sorted(name for k, name in enumerate(sorted(corpus())) if k % 6 == 0)


def inner_values(program: Program) -> list[Value]:
    """Up to three floating-point results of the outermost block, spread over it."""
    found = [
        v
        for op in program.block.operations
        for v in op.results
        if v.type.is_float and v.type.is_static and op.kind != "constant"
    ]
    return found[:: max(len(found) // 3, 1)][:3]


def cut_at(program: Program, value: Value) -> Program:
    """The program with an input more that stands for ``value``."""
    own = Value(value.type)
    block = Block([*program.inputs, own])
    mapping: Mapping = {}
    for operation in program.block.operations:
        block.operations.append(copy_operation(operation, mapping, share=False))
        if value in operation.results:
            mapping[value] = own
    block.outputs = [mapping.get(v, v) for v in program.outputs]
    return Program(block, program.name)


def run(program: Program, inputs: list[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return [np.asarray(x) for x in reference(program)(inputs)]


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_that_of_the_program_cut_there(name: str) -> None:
    program, inputs = case(name)
    values = inner_values(program)
    if not values or not program.outputs:
        pytest.skip("nothing of floating point inside")
    random = np.random.default_rng(0)
    ct = [random.normal(size=v.shape).astype(v.dtype) for v in program.outputs]
    expected = run(program, inputs)
    n = len(program.inputs)
    opened = checked(perturbed(program, values), "perturbed")
    closed = checked(unperturbed(opened, n, len(values)), "unperturbed")
    for form in (closed, optimize(closed)):
        for got, known in zip(run(form, inputs), expected, strict=True):
            assert np.array_equal(got, known, equal_nan=True)
            assert np.array_equal(np.signbit(got), np.signbit(known))
    try:
        pulled = vjp(opened, [n + k for k in range(len(values))], keep_values=False)
    except DerivativeError:
        pytest.skip("an operation without a derivative")
    pulled = checked(unperturbed(pulled, n, len(values)), "pulled")
    by_values = run(optimize(pulled), [*inputs, *ct])
    for value, by_value in zip(values, by_values, strict=True):
        block = Block(list(program.inputs), program.block.operations, [value])
        (at,) = run(Program(block, "value"), inputs)
        cut = vjp(cut_at(program, value), [n], keep_values=False)
        (alone,) = run(cut, [*inputs, at, *ct])
        np.testing.assert_allclose(by_value, alone, rtol=1e-9, atol=1e-12)
