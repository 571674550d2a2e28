"""AUTODIFF_CHECK=3: native code that leaves an array is found, and the place in the program told.

``AUTODIFF_CHECK=3 pytest tests/programs`` runs the whole corpus so; here are a few of its kinds, and
what happens where an index is wrong on purpose.
"""

from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.differentiate import vjp
from autodiff.dims import Dim
from autodiff.engines.native import compile as native
from autodiff.engines.native import control_flow, elements, kernels
from autodiff.errors import InternalError
from autodiff.ir import ArrayType, Program
from autodiff.ops.builder import building, emit


@pytest.fixture(autouse=True)
def _bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIFF_CHECK", "3")


def _shift(attributes: dict[str, Any], by: int) -> dict[str, Any]:
    return attributes | {"starts": tuple([s + by for s in attributes["starts"]])}


def shifted_slices(by: int) -> Any:
    def wrong(g: Any, operation: Any, indices: Any) -> Any:
        at = elements.slice_indices(**_shift(operation.attributes, by), indices=indices)
        return elements.element(g, operation.operands[0], at)

    return wrong


@pytest.mark.parametrize(
    ("by", "element"), [(1, "4 of 4"), (-2, "-1 of 4")], ids=["behind", "before"]
)
def test_a_load_outside_is_found(by: int, element: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(elements._RULES, "slice", shifted_slices(by))

    def tail(x):
        return x[1:] * 2.0

    with pytest.raises(InternalError) as caught:
        autodiff.function(tail)(np.arange(4.0))
    text = str(caught.value)
    assert f"native code leaves its array: load at element {element}, of float64[4]" in text
    assert "return x[1:] * 2.0" in text


def test_a_load_outside_is_found_where_sizes_are_known_at_run_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(elements._RULES, "slice", shifted_slices(1))
    f = autodiff.function(lambda x: np.sum(x[1:]))
    for n in (3, 4, 50):
        with pytest.raises(InternalError, match="native code leaves its array: load at element"):
            f(np.arange(float(n)))


def test_a_store_outside_is_found_and_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    right = control_flow._Loop._row

    def wrong(loop: Any, stack: Any, k: Any) -> Any:
        return right(loop, stack, k).at(1, stack.row)

    monkeypatch.setattr(control_flow._Loop, "_row", wrong)

    def f(x):
        y = x[0]
        for k in range(len(x)):
            y = np.sin(y) * x[k]
        return y

    with pytest.raises(
        InternalError, match="native code leaves its array: (store|load) at element"
    ):
        autodiff.gradient(f)(np.ones(100))


def test_a_routine_that_would_go_too_far_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    right = kernels._matrix_at
    monkeypatch.setattr(kernels, "_matrix_at", lambda i, n, m, s: right(i, n, m, s) + 1)
    with pytest.raises(InternalError, match="a routine for 9 elements at element 1 of 9"):
        autodiff.function(np.linalg.inv)(np.eye(3))


def test_every_access_is_compared_and_a_right_program_runs() -> None:
    with building() as builder:
        n = builder.parameter(ArrayType(np.dtype(np.int64), ()), "n")
        x = builder.parameter(ArrayType(np.dtype(float), (Dim.symbol(n),)), "x")
        y = emit("cumulative_sum", (emit("sin", (x,)),), axis=0, reverse=False)
        builder.block.outputs = [emit("reduce_sum", (y,), axes=(0,)), y]
    program = Program(builder.block, "f")
    run = native.compile_program(vjp(program, [1], [0]))
    text = run.kernel.text
    body = text[text.index("define i32 @kernel") :]
    assert body.count("call ptr @autodiff.access") > 3
    values = np.linspace(0.0, 1.0, 7)
    total, _, slope = run([7, values, 1.0])
    np.testing.assert_allclose(total, np.sum(np.cumsum(np.sin(values))))
    np.testing.assert_allclose(slope, np.arange(7, 0, -1) * np.cos(values))


def stencil(x, n):
    for _ in range(n):
        x = x + 0.1 * (np.roll(x, 1) - 2.0 * x + np.roll(x, -1))
    return np.sum(x**2)


def recursive(x, n):
    y = np.zeros(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = y[i - 1] * x[i] + y[i // 2]
    return np.sum(y)


def gathered(x, n):
    index = (np.arange(n) * 7) % n
    return np.sum(x[index] * x[::-1][index - n])


def solved(x, n):
    return np.sum(np.linalg.solve(np.outer(x, x) + n * np.eye(n), x) @ np.outer(x, x))


def halved(x, n):
    total = 0.0
    while total < 10.0:
        total = total + np.sum(x[: n // 2] ** 2 * x[n // 2 : n // 2 * 2]) + 1.0
    return total


@pytest.mark.parametrize(
    "f", [stencil, recursive, gathered, solved, halved], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("threads", [1, 2])
def test_programs_stay_inside_at_every_size(f: Any, threads: int) -> None:
    function = autodiff.function(f, threads=threads)
    gradient, oracle = (
        autodiff.gradient(f, wrt="x", engine=engine, **options)
        for engine, options in (("native", {"threads": threads}), ("numpy", {}))
    )
    for n in (5, 6, 2, 9):
        x = np.linspace(0.1, 1.0, n)
        np.testing.assert_allclose(function(x, n), f(x, n))
        np.testing.assert_allclose(gradient(x, n), oracle(x, n), rtol=1e-10)
