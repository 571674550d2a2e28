"""Where Python hands arrays to a compiled program: another type, rank or shape is never believed.

The first call makes the program with arrays that fit.  What comes later gives what plain Python
gives, or its exception: for arrays of attributes and globals, lists, results of calls that are not
compiled, and what solvers are given.  Rules of ``custom_gradient`` and ``implicit`` have tests of their own.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

import autodiff
from tests.ops.support import ENGINES

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.arange(1.0, 4.0)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*args)
        except Exception as error:
            return error


def agree(have: Any, want: Any, rtol: float = 1e-12) -> bool:
    """The same value, or a kind of the same exception."""
    if isinstance(want, Exception) or isinstance(have, Exception):
        return isinstance(have, type(want)) and isinstance(want, Exception)
    return np.shape(have) == np.shape(want) and bool(np.allclose(have, want, rtol=rtol))


class Model:
    w: Any = np.ones(3)


MODEL = Model()
NUMBERS: list[Any] = [1.0, 2.0, 3.0]
ATTRIBUTES = [
    np.ones(4), np.ones((3, 1)), np.float32(2), np.ones(3, np.int8), np.ones(3, complex), "s", None, [1.0, 2.0, 3.0],
    np.ones((2, 3)), np.ones(0), np.ones(3, object), np.ma.masked_array(np.ones(3), [0, 1, 0]), np.ones(1), np.ones((3, 3)).T,
]  # fmt: skip
LISTS: list[list[Any]] = [
    [1.0], [1.0, 2.0], [], [1, 2, 3], [1.0] * 4, ["a", 2, 3], [[1.0], [2.0], [3.0]], [None, 1, 2], [True, False, True], [1j, 2, 3],
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_attributes_are_read_again(engine: str) -> None:
    f = lambda x: np.sum(MODEL.w * x)  # noqa: E731
    MODEL.w = np.ones(3)
    compiled = autodiff.function(f, engine=engine)
    assert compiled(X) == 6.0
    for value in ATTRIBUTES:
        MODEL.w = value
        assert agree(outcome(compiled, X), outcome(f, X)), value


@pytest.mark.parametrize("engine", ENGINES)
def test_lists_have_the_length_that_they_have(engine: str) -> None:
    f = lambda x: np.sum(np.array(NUMBERS) * x)  # noqa: E731
    NUMBERS[:] = [1.0, 2.0, 3.0]
    compiled = autodiff.function(f, engine=engine)
    assert compiled(X) == 14.0
    for value in LISTS:
        NUMBERS[:] = value
        assert agree(outcome(compiled, X), outcome(f, X)), value


MODE = ["same"]


def by_mode(x: np.ndarray) -> Any:
    """What a call that is not compiled gives, of another shape or kind at another time."""
    return {
        "same": x * 2, "longer": np.concatenate([x, x]), "number": 1.0, "rank": x[None], "integers": np.ones(x.shape, int),
        "complex": x + 1j, "none": None, "single": x.astype(np.float32), "list": [1.0] * len(x), "text": "abc",
    }[MODE[0]]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_results_of_calls_that_are_not_compiled(engine: str) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.apply_along_axis(by_mode, 0, autodiff.stop_gradient(x))) + np.sum(x)

    MODE[0] = "same"
    compiled = autodiff.function(f, engine=engine)
    for mode in (
        "same",
        "longer",
        "number",
        "rank",
        "integers",
        "complex",
        "none",
        "single",
        "list",
        "text",
    ):
        MODE[0] = mode
        assert agree(outcome(compiled, X), outcome(f, X)), mode


# What a solver's function gives for x and parameters p, right in the first row and not in the others.
RESIDUALS: dict[str, Callable[[Any, Any], Any]] = {
    "right": lambda x, p: x * x - p,
    "short": lambda x, p: (x * x - p)[:1],
    "long": lambda x, p: np.concatenate([x * x - p, x]),
    "number": lambda x, p: x[0] - p[0],
    "rank": lambda x, p: (x * x - p)[None],
    "column": lambda x, p: (x * x - p)[:, None],
    "matrix": lambda x, p: np.outer(x, p),
    "none": lambda x, p: None,
}
SOLVERS: dict[str, Callable[[Any, Any], Any]] = {
    "root": lambda r, p: np.sum(optimize.root(r, np.ones(2), args=(p,)).x),
    "minimize": lambda r, p: np.sum(optimize.minimize(lambda x: r(x, p) ** 2, np.ones(2)).x),
    "solve_ivp": lambda r, p: np.sum(integrate.solve_ivp(lambda t, y: r(y, p), (0.0, 0.1), np.ones(2)).y[:, -1]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_solvers_are_given(solver: str, engine: str) -> None:
    for name, residual in RESIDUALS.items():
        f = lambda p, residual=residual: SOLVERS[solver](residual, p)  # noqa: E731
        want = outcome(f, X[1:])
        assert agree(outcome(autodiff.function(f, engine=engine), X[1:]), want, 1e-4), name
        slope = outcome(autodiff.gradient(lambda p, f=f: f(p), engine=engine), X[1:])
        if isinstance(want, Exception):
            assert isinstance(slope, Exception), name
