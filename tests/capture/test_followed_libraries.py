"""Classes and objects that a library's Python makes of traced values are followed as a user's are."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, interpolate, linalg, optimize, signal, special, stats

import autodiff
from tests.ops.support import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)
pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
P = np.polynomial.Polynomial
X = np.array([0.4, -1.0, 2.0, 0.7, -0.3, 1.1])
COVARIANCE = stats.Covariance
KNOWN = COVARIANCE.from_diagonal(np.arange(1.0, 7.0))


class Length:
    """A number with a unit, of which ``divmod`` is its own."""

    def __init__(self, metres: Any) -> None:
        self.metres = metres

    def __divmod__(self, other: Any) -> Any:
        return self.metres // other, Length(self.metres % other)

    def __rdivmod__(self, other: Any) -> Any:
        return Length(other / self.metres), 0.0

    def __radd__(self, other: Any) -> Any:
        return Length(other + self.metres)

    def __add__(self, other: Any) -> Any:
        return Length(self.metres + other.metres)


class Shape:
    """A class that makes instances of a class below it."""

    def __new__(cls, *sides: Any) -> Any:
        return object.__new__(Square if len(sides) == 1 else Shape)

    def __init__(self, *sides: Any) -> None:
        self.area = np.prod(np.stack(sides))


class Square(Shape):
    def __init__(self, side: Any) -> None:
        self.area = side * side


class Cable(Length):
    """Made by what ``super`` finds, of a class that has a class above it."""

    def __new__(cls, *parts: Any) -> Any:
        return super().__new__(cls)


def stepped(x: Any) -> Any:
    """Two steps of a method of Runge and Kutta."""
    method = integrate.RK45(lambda t, y: -x[3] * y, 0.0, x[:3], 1.0)
    method.step()
    method.step()
    return method.y


class Kernel:
    """An inverse that is found when it is first asked for, with SciPy's routine and a branch."""

    def __init__(self, diagonal: Any) -> None:
        self.diagonal = diagonal

    @functools.cached_property
    def inverse(self) -> Any:
        if self.diagonal[0] > 0:
            factor = np.linalg.cholesky(np.diag(self.diagonal**2 + 1.0))
            return linalg.cho_solve((factor, True), np.eye(len(self.diagonal)))
        return np.eye(len(self.diagonal)) * self.diagonal

    def total(self, times: int) -> Any:
        found = 0.0
        for k in range(times):
            if self.diagonal[k] > -5.0:
                found = found + self.inverse[k, k] * k
        return found + len(vars(self))


def relaxed(x: Any) -> Any:
    """A solver of the user's that keeps what it finds in SciPy's table of results."""
    found = optimize.OptimizeResult(x=x * 2, fun=0.0, success=True)
    for k in range(4):
        found.fun = found.fun + found.x[0] * k
        if found.fun > 3:
            found.fun = found.fun * 0.5
    found["x"] = found.x + found.fun
    return found.x * len(found)


CASES: dict[str, Callable[[Any], Any]] = {
    "sum of polynomials": lambda x: sum([P(x[:3]), P(x[3:])]).coef,
    "another basis": lambda x: P(x).convert(kind=np.polynomial.Chebyshev).coef,
    "sum of the user's": lambda x: sum([Length(x[0]), Length(x[1])]).metres,
    "divmod of the user's": lambda x: divmod(Length(x[2]), 0.6)[1].metres,
    "reflected divmod": lambda x: divmod(3.0, Length(x[2]))[0].metres,
    "a class below": lambda x: Shape(x[0]).area + Shape(x[1], x[2]).area,
    "super of a class": lambda x: Cable(x[0]).metres * x[1],
    "interpolants": lambda x: interpolate.Rbf(np.arange(6.0), x)(np.array([0.5, 2.2])),
    "rational interpolants": lambda x: interpolate.FloaterHormannInterpolator(np.arange(6.0), x)(
        0.7
    ),
    "barycentric": lambda x: interpolate.barycentric_interpolate(np.arange(6.0), x, 0.7),
    "a polynomial by its parameter": lambda x: special.jacobi(2, x[0], 1.2)(x[1:]),
    "a product with an inverse": lambda x: optimize.LbfgsInvHessProduct(x[None, :3], x[None, 3:])(
        x[:3]
    ),
    "a step": lambda x: stepped(x),
    "a callable object": lambda x: np.abs(signal.CZT(6)(x)),
    "a spectrum": lambda x: np.abs(signal.stft(x, nperseg=4)[2]),
    "a response": lambda x: np.abs(signal.freqz(x[:2], x[2:4], 5)[1]),
    "a table of results of the user's": relaxed,
    "the user's cached property": lambda x: Kernel(x).inverse,
    "the user's cached property in a loop": lambda x: Kernel(-x).total(4),
    "a system given to a function": lambda x: (
        signal.cont2discrete(signal.StateSpace([[-x[2]]], [[1.0]], [[x[3]]], [[0.0]]), 0.1).A
    ),
    "covariances": lambda x: np.stack(
        [
            stats.multivariate_normal.entropy(cov=COVARIANCE.from_diagonal(x[2:4])),
            stats.multivariate_normal.logpdf(x[:2], cov=COVARIANCE.from_diagonal(x[2:4])),
            stats.multivariate_normal.cdf(x[:2], x[4:], COVARIANCE.from_diagonal(x[2:4])),
            stats.multivariate_normal(x[:2], COVARIANCE.from_cholesky(np.diag(x[2:4]))).logpdf(
                x[4:]
            ),
            stats.multivariate_normal.pdf(
                x[:2], [0.0, 0.1], COVARIANCE.from_eigendecomposition((x[2:4], np.eye(2)))
            ),
        ]
    ),
    "covariances alone": lambda x: np.concatenate(
        [
            COVARIANCE.from_precision(np.diag(x[2:4]) + 0.1).covariance.ravel(),
            COVARIANCE.from_precision(np.diag(x[2:4]) + 0.1).whiten(x[:2]),
            COVARIANCE.from_cholesky(np.diag(x[2:4])).colorize(x[:2]),
            np.stack(
                [
                    COVARIANCE.from_diagonal(x[2:4]).log_pdet,
                    x[0] * COVARIANCE.from_diagonal(x[2:4]).rank,
                ]
            ),
        ]
    ),
    "a covariance from outside": lambda x: stats.multivariate_normal.logpdf(x, x[::-1], KNOWN),
    "a system": lambda x: signal.step(([1.0], [1.0, x[2]]), T=np.linspace(0, 1, 4))[1],
}
names = [
    n if "user" in n or "below" in n else pytest.param(n, marks=pytest.mark.slow) for n in CASES
]


@engines
@pytest.mark.parametrize("name", names)
def test_values_and_gradients(name: str, engine: str) -> None:
    f = CASES[name]
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(X), f(X), rtol=1e-12, atol=1e-13)
    direction = np.cos(np.arange(6.0))
    found = autodiff.gradient(lambda x: np.sum(f(x)), engine=engine)(X)
    slope = (np.sum(f(X + 1e-6 * direction)) - np.sum(f(X - 1e-6 * direction))) / 2e-6
    np.testing.assert_allclose(np.sum(found * direction), slope, rtol=1e-6, atol=1e-7)


def test_a_store_into_windows_is_plain_python() -> None:
    def f(x: Any) -> Any:
        y = x * 1
        np.lib.stride_tricks.sliding_window_view(y, 3, writeable=True)[0] = 7.0
        return y

    with pytest.warns(autodiff.FallbackWarning, match="a store into sliding_window_view"):
        np.testing.assert_array_equal(autodiff.function(f)(X), f(X))
