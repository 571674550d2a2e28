"""Long doubles: values and derivatives in their own precision, by the reference engine; SciPy's functions of them by SciPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

import autodiff

LONG = np.longdouble
X = np.array([0.5, -1.25, 2.0], LONG) / 3
Z = X + 1j * X[::-1]
EPS = float(np.finfo(LONG).eps)

# A function and its derivative by each element, both in plain NumPy.
SLOPES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "power": (lambda x: np.sum(x**3), lambda x: 3 * x**2),
    "ufuncs": (lambda x: np.sum(np.exp(np.sin(x))), lambda x: np.exp(np.sin(x)) * np.cos(x)),
    "beside floats": (lambda x: np.sum(x * np.arange(3) / 7.0), lambda x: np.arange(3) / LONG(7)),
    "cumulative": (lambda x: np.cumsum(x)[-1] * x[0], lambda x: x[0] + np.sum(x) * np.eye(3)[0]),
    "loop": (lambda x: looped(x), lambda x: np.where(x > 0, 2 * x, -1)),
}


def looped(x: Any) -> Any:
    total = x[0] * 0
    for k in range(len(x)):
        total = total + x[k] ** 2 if x[k] > 0 else total - x[k]
    return total


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name: str, engine: str) -> None:
    f, slope = SLOPES[name]
    value, gradient = autodiff.value_and_gradient(f, engine=engine)(X)
    assert type(value) is LONG and value == f(X)
    assert gradient.dtype == LONG
    np.testing.assert_allclose(gradient, slope(X).astype(LONG), rtol=4 * EPS, atol=4 * EPS)
    assert autodiff.jvp(f, (X,), (np.ones_like(X),), engine=engine)[1].dtype == LONG


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
def test_complex_ones(engine: str) -> None:
    gradient = autodiff.gradient(lambda z: np.sum(np.abs(z) ** 2), engine=engine)(Z)
    assert gradient.dtype == np.clongdouble
    np.testing.assert_allclose(gradient, 2 * Z, rtol=4 * EPS)
    found = autodiff.function(lambda x: np.fft.fft(x), engine=engine)(X)
    assert found.dtype == np.fft.fft(X).dtype


def test_what_computes_is_said() -> None:
    text = str(autodiff.function(lambda x: np.exp(x)).explain(X))
    assert np.dtype(LONG).itemsize == 8 or "native code has no long doubles" in text


@pytest.mark.skipif(np.dtype(LONG).itemsize == 8, reason="they are doubles here")
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_what_libraries_convert_or_refuse() -> None:
    from scipy import linalg, special

    matrix = np.eye(3, dtype=LONG) + np.outer(X, X)
    assert autodiff.function(lambda a: linalg.inv(a))(matrix).dtype == linalg.inv(matrix).dtype
    with pytest.raises(autodiff.errors.UnsupportedError, match="inv of long doubles"):
        autodiff.gradient(lambda a: np.sum(linalg.inv(a)))(matrix)
    for f in (lambda a: np.linalg.det(a), lambda a: np.interp(a, [0, 1], [0, 1]), special.gamma):
        with pytest.raises(TypeError) as wanted:
            f(matrix)
        with pytest.raises(TypeError) as found:
            autodiff.function(f)(matrix)
        assert str(found.value) == str(wanted.value)


SOLVED = {
    "newton": lambda p: optimize.newton(lambda z: z * z - p, 1.0),
    "fixed_point": lambda p: optimize.fixed_point(lambda z: np.cos(z) * p, 1.0),
    "minimize_scalar": lambda p: optimize.minimize_scalar(lambda z: (z - p) ** 2).x,
    "quad_vec": lambda p: integrate.quad_vec(lambda t: t * p, 0, 1)[0],
}


@pytest.mark.parametrize("name", SOLVED)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_what_scipy_solves_with_long_doubles_is_left_to_it(name: str) -> None:
    p = np.longdouble(0.75)
    found, wanted = autodiff.function(SOLVED[name])(p), SOLVED[name](p)
    assert found == wanted
    assert type(found) is type(wanted)
    with pytest.raises(autodiff.errors.AutodiffError):
        autodiff.gradient(SOLVED[name])(p)
