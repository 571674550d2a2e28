"""Native code reads nothing that it has not written: AUTODIFF_CHECK=2 fills its memory with NaN.

Some corpus programs (``-m slow``: all), called back and forth through one object, compared with the
numpy engine, which has no memory of its own.
"""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

import autodiff

from . import reference
from .registry import Program, load
from .test_corpus import assert_same, flat_gradient, invoke, point_of, wrt_of

ONE_IN = 25  # of the programs run by default
PROGRAMS = [p for p in load() if p.differentiable and not p.may_run_uncompiled]


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(p, id=p.name, marks=[pytest.mark.slow] if number % ONE_IN else [])
        for number, p in enumerate(PROGRAMS)
    ],
)
def test_values_and_gradients_in_any_order(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIFF_CHECK", "2")
    scalar = reference.scalar_function(program)
    gradient, expected = (
        autodiff.gradient(scalar, wrt=wrt_of(program), engine=engine)
        for engine in ("native", "numpy")
    )

    def slopes(f: Any, number: int) -> Any:
        point = point_of(program, number)
        return flat_gradient(invoke(f, point.arguments)[0], point, program.name)

    right = {number: slopes(expected, number) for number in program.calls}
    function = autodiff.function(program.function)
    for number in [*program.calls, 0, *reversed(program.calls)]:
        ours, plain = program.arguments(number), program.arguments(number)
        with contextlib.redirect_stdout(io.StringIO()):
            function(*ours.args, **ours.kwargs)
            program.function(*plain.args, **plain.kwargs)
        assert_same(program.bind(ours), program.bind(plain), program.name)
        scale = 1.0 + np.max(np.abs(right[number]), initial=0.0)
        np.testing.assert_allclose(
            slopes(gradient, number), right[number], rtol=1e-8, atol=1e-9 * scale
        )


def test_memory_is_nan_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x):
        y = np.sort(x)
        return np.cumsum(np.outer(y, y), axis=0)

    x = np.linspace(0.0, 1.0, 40)
    monkeypatch.setenv("AUTODIFF_CHECK", "1")
    plain = autodiff.function(f).llvm(x)
    assert "memset" not in plain
    monkeypatch.setenv("AUTODIFF_CHECK", "2")
    poisoned = autodiff.function(f)
    text = poisoned.llvm(x)
    assert "call void @llvm.memset.p0.i64(ptr %out0, i8 -1, i64 12800, i1 false)" in text
    assert "call void @llvm.memset.p0.i64(ptr %work, i8 -1" in text
    np.testing.assert_allclose(poisoned(x), f(x))
