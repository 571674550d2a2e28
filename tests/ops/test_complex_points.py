"""Complex numbers at poles, far out, and where zeros have signs: values are NumPy's, derivatives those of analysis."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff

engines = pytest.mark.parametrize("engine", ["native", "numpy"])
pytestmark = pytest.mark.filterwarnings("ignore")

# Functions with a pole or a branch point at 0, where no derivative of any order is a number.
POLES: dict[str, Callable[..., Any]] = {
    "log": np.log, "log2": np.log2, "log10": np.log10, "reciprocal": np.reciprocal,
    "quotient": lambda z: (z + 2) / z, "power": lambda z: z**-1, "power of -2": lambda z: z**-2,
    "root": lambda z: z**-0.5, "cotangent": lambda z: 1 / np.tan(z), "log of a square": lambda z: np.log(z * z),
    "log of an array": lambda z: np.sum(np.log(np.ones(2) * z)), "log1p": lambda z: np.log1p(z - 1),
    "arctanh": lambda z: np.arctanh(z + 1),
}  # fmt: skip


@engines
@pytest.mark.parametrize("name", POLES)
def test_there_is_no_derivative_at_a_pole(name: str, engine: str) -> None:
    first = autodiff.gradient(POLES[name], holomorphic=True, engine=engine)
    second = autodiff.hessian(POLES[name], holomorphic=True, engine=engine)
    for derivative in (first, second):
        assert not np.isfinite(derivative(np.complex128(0)))


@engines
def test_elements_beside_a_pole_have_their_derivatives(engine: str) -> None:
    z = np.array([1 + 1j, 0, 2 - 3j])
    for f, wanted in ((np.log, 1 / z), (lambda z: 1 / z, -1 / z**2)):
        found = autodiff.gradient(lambda z, f=f: np.sum(f(z)), holomorphic=True, engine=engine)(z)
        np.testing.assert_allclose(found[[0, 2]], wanted[[0, 2]], rtol=1e-14)
    inside = autodiff.gradient(
        lambda z: np.sum(np.where(z == 0, 0, np.log(np.where(z == 0, 1, z)))),
        holomorphic=True,
        engine=engine,
    )(z)
    np.testing.assert_allclose(inside, [1 / z[0], 0, 1 / z[2]], rtol=1e-14)


@engines
@pytest.mark.parametrize("size", [1e100, 1e153, 1e155, 1e160])
def test_arcus_tangents_far_out(size: float, engine: str) -> None:
    z = size * np.array([1 + 1j, 1 - 2j, -1.0, 2j])
    for f, sign in ((np.arctan, 1), (np.arctanh, -1)):
        found = autodiff.gradient(lambda z, f=f: np.sum(f(z)), holomorphic=True, engine=engine)(z)
        np.testing.assert_allclose(found, sign * (1 / z) / z, rtol=1e-10, atol=1e-322)


_PARTS = (0.0, -0.0, 1.0, -1.0, 2.0, -3.0)
_NUMBERS = np.array([complex(a, b) for a in _PARTS for b in _PARTS if a or b])
_ENDS = np.array([complex(0, np.inf), complex(np.inf, 1), complex(-np.inf, 0), complex(3, -np.inf)])
POWERS: dict[str, Callable[..., Any]] = {
    "1": lambda z: z**1, "2": lambda z: z**2, "3": lambda z: z**3, "4": lambda z: z**4, "5": lambda z: z**5,
    "7": lambda z: z**7, "-1": lambda z: z**-1, "-2": lambda z: z**-2, "-3": lambda z: z**-3,
    "-4": lambda z: z**-4, "1/2": lambda z: z**0.5, "2.0": lambda z: z**2.0, "complex": lambda z: z ** (2 + 0j),
    "power 2": lambda z: np.power(z, 2), "power 4": lambda z: np.power(z, 4), "power -1": lambda z: np.power(z, -1),
    "power -2": lambda z: np.power(z, -2), "log": lambda z: np.log(z**-4),
}  # fmt: skip


@engines
@pytest.mark.parametrize("name", POWERS)
def test_signs_of_zeros_of_powers(name: str, engine: str) -> None:
    found, wanted = autodiff.function(POWERS[name], engine=engine)(_NUMBERS), POWERS[name](_NUMBERS)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    for f, w in ((found.real, wanted.real), (found.imag, wanted.imag)):
        np.testing.assert_array_equal(np.signbit(f), np.signbit(w))


@engines
def test_square_roots_written_as_powers_at_infinity(engine: str) -> None:
    f = lambda z: z**0.5  # noqa: E731
    np.testing.assert_array_equal(autodiff.function(f, engine=engine)(_ENDS), f(_ENDS))


@pytest.mark.parametrize("name", ["elliprf", "elliprd", "elliprj"])
def test_functions_of_three_complex_numbers_are_refused_by_name(name: str) -> None:
    function = getattr(special, name)
    others = (1.0, 2.0, 3.0)[: function.nin - 1]
    with pytest.raises(autodiff.UnsupportedError, match=f"scipy.special.{name} of complex numbers"):
        autodiff.jvp(
            lambda z: function(z, *others), (np.array([1 + 0.5j]),), (np.array([1.0 + 0j]),)
        )


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_whole_exponents_that_are_elements_multiply(engine: str) -> None:
    """As NumPy's loop: exact where products are, of infinite numbers, and with the slope by the exponent."""
    z = np.array([1j, -2 + 1j, 3j, complex(np.inf, 1), 1 + 1j, 0.5 - 2j, 2 + 1j, 1e-3j, 0j, 0j])
    e = np.array([1.0, 2, 3, 1, -4, 99, 2.5, -99, 0, 3])
    power = autodiff.function(lambda z, e: z**e, engine=engine)
    np.testing.assert_allclose(power(z, e).view(float), (z**e).view(float), rtol=1e-13)
    assert power(z, e)[0] == 1j and power(z, e)[2] == -27j
    finite, whole = z[[0, 1, 4, 5]], e[[0, 1, 4, 5]] / [1, 1, 1, 33]
    by_exponent = autodiff.gradient(lambda e: np.sum((finite**e).imag), engine=engine)(whole)
    np.testing.assert_allclose(
        by_exponent, (finite**whole * np.log(finite)).imag, rtol=1e-12, atol=1e-15
    )
    by_base = autodiff.gradient(lambda z: np.sum(z**whole), holomorphic=True, engine=engine)
    np.testing.assert_allclose(by_base(finite), whole * finite ** (whole - 1), rtol=1e-12)


@pytest.mark.parametrize("call", [(1e200j, 2.5), (-2j, complex(0, np.inf))])
def test_powers_of_python_that_are_not_finite_are_errors(call: tuple[complex, complex]) -> None:
    with pytest.raises(ArithmeticError) as wanted:
        call[0] ** call[1]
    with pytest.raises(type(wanted.value)):
        autodiff.function(lambda z, e: z**e)(*call)
