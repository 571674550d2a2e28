"""Forward against reverse mode on captured programs with control flow, to second order.

    <ct, jvp(dx)> = <vjp(ct), dx>          for random dx and ct
    jvp of vjp = vjp of jvp                the Hessian along a direction, both ways
    vjp of vjp                             the same again, for some programs

Both sides are exact, so no step size and no tolerance but rounding is involved.  The programs are
those of the corpus; hand-built ones cover what capture does not write.
"""

import functools
from typing import Any

import numpy as np
import pytest

from autodiff.differentiate import jvp, vjp
from autodiff.engines.native.compile import compile_program as native
from autodiff.engines.numpy import compile_program as reference
from autodiff.ir import Program, verify
from autodiff.ops.entries import type_rule_of
from tests.capture.support import corpus, inputs_of, kinds
from tests.passes.programs import PROGRAMS, make

THEMES = sorted({name.split(".")[0] for name in corpus()})
CONTROL = ("cond", "for", "while")


@functools.cache
def case(name: str) -> tuple[Program, list[Any]]:
    """A program whose outputs are those that can carry a cotangent, and inputs."""
    if name in PROGRAMS:
        program, inputs = make(name)
    else:
        found = corpus()[name][1]
        program, inputs = found.program, inputs_of(found)
    outputs = [v for v in program.outputs if v.type.is_float and v.type.is_static]
    block = type(program.block)(list(program.inputs), program.block.operations, outputs)
    return Program(block, program.name), inputs


def checked(program: Program, stage: str) -> Program:
    return verify(program, type_rule_of, stage)


def directions(
    program: Program, inputs: list[Any], seed: int
) -> tuple[list[int], list[Any], list[Any]]:
    """Differentiated inputs, tangents of them, cotangents of the outputs."""
    random = np.random.default_rng(seed)
    wrt = [k for k, v in enumerate(program.inputs) if v.type.is_float]
    dx = [random.normal(size=np.shape(inputs[k])).astype(program.inputs[k].dtype) for k in wrt]
    ct = [random.normal(size=v.shape).astype(v.dtype) for v in program.outputs]
    return wrt, dx, ct


def inner(a: list[Any], b: list[Any]) -> tuple[float, float]:
    """The inner product, and the size of what was added up."""
    terms = [np.sum(np.asarray(x, float) * y) for x, y in zip(a, b, strict=True)]
    return float(sum(terms)), float(
        sum(np.sum(np.abs(np.asarray(x, float) * y)) for x, y in zip(a, b, strict=True))
    )


def assert_dual(name: str, engine: Any = reference) -> None:
    program, inputs = case(name)
    wrt, dx, ct = directions(program, inputs, 1)
    if not wrt or not program.outputs:
        return
    active = [k in wrt for k in range(len(inputs))]
    count = len(program.outputs)
    forward = engine(checked(jvp(program, active), "jvp"))
    backward = engine(checked(vjp(program, wrt), "vjp"))
    pushed = forward([*copies(inputs), *dx])
    pulled = backward([*copies(inputs), *ct])
    for k in range(count):  # the values come along, unchanged
        np.testing.assert_allclose(pushed[k], pulled[k], rtol=1e-12, err_msg=name)
    left, scale = inner(ct, pushed[count:])
    right, more = inner(pulled[count:], dx)
    single = any(
        v.dtype.itemsize < 8 for v in (*program.inputs, *program.outputs) if v.type.is_float
    )
    tolerance = 1e-4 if single else 1e-9
    assert np.isfinite(left)
    assert abs(left - right) <= tolerance * (scale + more) + 1e-12, f"{name}: {left} and {right}"


def copies(inputs: list[Any]) -> list[Any]:
    return [np.array(x) for x in inputs]


def assert_symmetric(name: str) -> None:
    """The derivative of ``<ct, f>`` to second order along dx, forward over reverse and the reverse."""
    program, inputs = case(name)
    wrt, dx, ct = directions(program, inputs, 2)
    if not wrt or not program.outputs:
        return
    n, count = len(inputs), len(program.outputs)
    active = [k in wrt for k in range(n)]
    first = vjp(program, wrt, keep_values=False)
    over = checked(jvp(first, [*active, *[False] * count]), "jvp of vjp")
    one = reference(over)([*copies(inputs), *ct, *dx])[len(wrt) :]

    pushed = jvp(program, active)
    tangents = list(range(count, len(pushed.outputs)))
    under = checked(vjp(pushed, wrt, tangents, keep_values=False), "vjp of jvp")
    other = reference(under)([*copies(inputs), *dx, *ct])
    for a, b in zip(one, other, strict=True):
        scale = np.max(np.abs(b), initial=0.0)
        assert np.all(np.isfinite(b)), name
        tolerance = 1e-4 if a.dtype.itemsize < 8 else 1e-8
        np.testing.assert_allclose(
            a, b, rtol=tolerance, atol=tolerance * scale + 1e-12, err_msg=name
        )


def programs(theme: str, part: int, of: int) -> list[str]:
    """A part of the theme's differentiable programs; those with control flow first."""
    found = [
        name
        for name, (entry, taken) in corpus().items()
        if name.startswith(theme + ".") and entry.differentiable
    ]
    found.sort(key=lambda name: not any(kinds(corpus()[name][1].program)[k] for k in CONTROL))
    return found[part::of]


@pytest.mark.parametrize("theme", THEMES)
def test_forward_and_reverse_are_dual(theme: str) -> None:
    for name in programs(theme, 0, 2):
        assert_dual(name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_forward_and_reverse_are_dual_for_built_programs(name: str) -> None:
    if name in ("small_powers", "signs_and_casts", "trivial_factors", "strong_products"):
        return  # at inputs where derivatives are infinite
    assert_dual(name)


@pytest.mark.parametrize("theme", THEMES)
def test_forward_and_reverse_are_dual_natively(theme: str) -> None:
    for name in programs(theme, 1, 12)[:2]:
        assert_dual(name, native)


@pytest.mark.parametrize("theme", THEMES)
def test_second_order_both_ways(theme: str) -> None:
    for name in programs(theme, 0, 3):
        if corpus()[name][0].smooth:
            assert_symmetric(name)


@pytest.mark.parametrize("theme", THEMES)
def test_reverse_over_reverse(theme: str) -> None:
    for name in programs(theme, 0, 9):
        if not corpus()[name][0].smooth:
            continue
        program, inputs = case(name)
        wrt, dx, ct = directions(program, inputs, 3)
        active = [k in wrt for k in range(len(inputs))]
        first = vjp(program, wrt, keep_values=False)
        twice = checked(vjp(first, wrt, keep_values=False), "vjp of vjp")
        found = reference(twice)([*copies(inputs), *ct, *dx])
        over = jvp(first, [*active, *[False] * len(ct)])
        expected = reference(over)([*copies(inputs), *ct, *dx])[len(wrt) :]
        for a, b in zip(found, expected, strict=True):
            scale = np.max(np.abs(b), initial=0.0)
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * scale + 1e-12, err_msg=name)
