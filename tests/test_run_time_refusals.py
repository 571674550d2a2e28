"""Arguments that NumPy refuses, known only when the program runs, on either side of a branch.

Each row is an operation, values that it accepts and values that plain Python refuses.  The
compiled function has met the good ones when a bad one comes: it raises what Python raises, with the
same text and at the same line, where the branch is taken, and nothing where it is not.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

V = np.arange(1.0, 6.0)
M = np.arange(9.0).reshape(3, 3) + 5.0 * np.eye(3)
INF, NAN = np.inf, np.nan

# The operation of an array and a number, good numbers, bad ones.
ROWS: dict[str, tuple[Callable[[Any, Any], Any], tuple[Any, ...], tuple[Any, ...]]] = {
    "item": (lambda x, k: x[k], (1, 2), (5, -6, 2**62)),
    "item of a matrix": (lambda x, k: np.outer(x, x)[k, 0], (1, 2), (5, -6)),
    "slice step": (lambda x, k: x[::k].sum(), (1, 2), (0,)),
    "store": (lambda x, k: _stored(x, k), (1, 2), (7, -9)),
    "take": (lambda x, k: np.take(x, k), (1, 2), (5, -6)),
    "delete": (lambda x, k: np.delete(x, k).sum(), (1, 2), (5, -6)),
    "insert": (lambda x, k: np.insert(x, k, 2.0).sum(), (1, 2), (6, -7)),
    "repeat": (lambda x, k: np.repeat(x, k).sum(), (1, 2), (-1, -(2**40))),
    "tile": (lambda x, k: np.tile(x, k).sum(), (1, 2), (-1,)),
    "zeros": (lambda x, k: np.zeros(k).sum() * x[0], (1, 2), (-1,)),
    "ones": (lambda x, k: np.ones((k, 2)).sum() * x[0], (1, 2), (-1,)),
    "eye": (lambda x, k: np.eye(k).sum() * x[0], (1, 2), (-1, -2)),
    "pad": (lambda x, k: np.pad(x, k).sum(), (1, 2), (-1,)),
    "linspace": (lambda x, k: np.linspace(x[0], 2.0, k).sum(), (1, 2), (-1,)),
    "arange": (lambda x, k: np.arange(0.0, 3.0, k).sum() * x[0], (1.0, 2.0), (0.0, NAN)),
    "split": (lambda x, k: np.array_split(x, k)[0].sum(), (1, 2), (0, -1)),
    "reshape": (lambda x, k: x.reshape(k, -1).sum(), (1, 5), (2, 3)),
    "swap axes": (lambda x, k: np.diagonal(np.outer(x, x), k).sum(), (0, 1), (2**62,)),
    "interp": (lambda x, k: np.interp(x, V, V, period=k).sum(), (1.0, 2.0), (0.0,)),
    "gradient": (lambda x, k: np.gradient(x[:k]).sum(), (3, 4), (1,)),
    "solve": (lambda x, k: np.linalg.solve(k * M, x[:3]).sum(), (1.0, 2.0), (0.0,)),
    "inverse": (lambda x, k: np.linalg.inv(k * M).sum() * x[0], (1.0, 2.0), (0.0,)),
    "cholesky": (lambda x, k: np.linalg.cholesky(k * np.eye(3)).sum() * x[0], (1.0,), (-1.0, 0.0)),
    "quantile": (lambda x, k: np.quantile(x, k), (0.1, 0.5), (-0.1, 1.5)),
    "percentile": (lambda x, k: np.percentile(x, k), (10.0, 50.0), (-1.0, 101.0)),
    "finite": (lambda x, k: np.asarray_chkfinite(k * x).sum(), (1.0, 2.0), (INF, NAN)),
    "weights": (lambda x, k: np.average(x, weights=k * V), (1.0, 2.0), (0.0,)),
    "integer power": (lambda x, k: x[0] * np.array(3) ** np.array([2, k]).sum(), (1, 2), (-9,)),
    "shift": (lambda x, k: x[0] * (3 << k), (1, 2), (-1,)),
    "integer division": (lambda x, k: x[0] * (7 // k), (1, 2), (0,)),
    "remainder": (lambda x, k: x[0] * (7 % k), (1, 2), (0,)),
    "division of floats": (lambda x, k: x[0] * (7.0 / k), (1.0, 2.0), (0.0,)),
    "list": (lambda x, k: x[0] * [1.0, 2.0, 3.0][k], (1, 2), (3, -4)),
    "range": (lambda x, k: x[0] * sum(range(0, 4, k)), (1, 2), (0,)),
    "convolve": (lambda x, k: np.convolve(x, np.ones(k)).sum(), (1, 2), (0,)),
    "correlate": (lambda x, k: np.correlate(np.ones(k), x, "same").sum(), (1, 2), (0,)),
    "pad by a mean": (lambda x, k: np.pad(x[:k], 1, mode="mean").sum(), (1, 2), (0,)),
    "empty maximum": (lambda x, k: x[:k].max(), (1, 2), (0,)),
    "empty argmin": (lambda x, k: x[np.argmin(x[:k])], (1, 2), (0,)),
    "broadcast": (lambda x, k: (x[:k] + x[:3]).sum(), (3, 1), (2,)),
    "dot": (lambda x, k: x[:k] @ x[:3], (3,), (2,)),
}  # fmt: skip
SAMPLE = ("item", "repeat", "arange", "solve", "empty maximum")


def _stored(x: Any, k: Any) -> Any:
    y = x.copy()
    y[k] = 7.0
    return y.sum()


def branching(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    def f(x: Any, k: Any, t: Any) -> Any:
        if t > 0:
            return operation(x, k) * 2.0
        return x.sum()

    return f


def outcome(f: Callable[..., Any], *args: Any) -> tuple[Any, Any]:
    """The result, or the exception's type, text and lines in this file but for the callers'."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(*args), None
        except Exception as error:
            text = str(error).splitlines()[0].removeprefix("AD201: ")
            own = [e for e in traceback.extract_tb(error.__traceback__) if e.filename == __file__]
            return type(error), (text, [e.lineno for e in own if e.name != "outcome"])


def wrong(name: str, engine: str) -> list[str]:
    operation, good, bad = ROWS[name]
    plain = branching(operation)
    value = autodiff.function(plain, engine=engine)
    slope = autodiff.gradient(plain, wrt=0, engine=engine)
    found = []
    for t in (1.0, -1.0):
        for k in (*good, *bad):
            expected, how = outcome(plain, V, k, t)
            for compiled in (value, slope):
                got, said = outcome(compiled, V, k, t)
                same = said is None if how is None else got is expected and said == how
                if same and how is None and compiled is value:
                    same = np.allclose(got, expected, rtol=1e-12)
                if not same:
                    which = "value" if compiled is value else "gradient"
                    found.append(f"{which} {name}({k}), {t}: {got} {said}, not {expected} {how}")
    if not any(outcome(plain, V, k, 1.0)[1] for k in bad):
        found.append(f"{name}: plain Python accepts {bad}")
    return found


@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_refused_at_run_time(name: str) -> None:
    assert not wrong(name, "native")


def test_a_size_of_a_branch_not_taken_does_not_end_a_derivative() -> None:
    plain = branching(ROWS["zeros"][0])
    slope = autodiff.gradient(plain, wrt=0)
    for k in (2, 3, -1):
        np.testing.assert_array_equal(slope(V, k, -1.0), np.ones(5))
    for k in (-1, 2**62):
        assert outcome(slope, V, k, 1.0) == outcome(plain, V, k, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", ROWS)
def test_what_is_refused_at_run_time_whatever_it_is(name: str, engine: str) -> None:
    found = wrong(name, engine)
    assert not found, "\n".join(found)
