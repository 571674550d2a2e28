"""Special functions of complex numbers: SciPy's bits, and derivatives by the parts, to second order."""

from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff
import autodiff.ops.scipy_functions  # noqa: F401 - fills the tables
from autodiff.ops.entries import ENTRIES
from autodiff.ops.holomorphic_functions import HOLOMORPHIC, Holomorphic, path_of
from autodiff.ops.special import ufunc_at
from tests.ops.calls import both_tests
from tests.ops.support import ENGINES, differences

engines = pytest.mark.parametrize("engine", ENGINES)
W = 1 + 2j  # so that the real part of a product sees both parts

# Of real arguments, through complex numbers or their derivatives.
CASES = [
    (lambda x: np.real(W * special.hankel1(1.5, x)), (1.3,)),
    (lambda x: np.real(W * special.hankel2e(1, x)), (np.array([1.3, 2.0]),)),
    (lambda x: np.real(W * special.wofz(x)), (1.3,)),
    (lambda x: np.real(special.lambertw(x)), (np.array([0.0, 1.3, -0.2]),)),
    (lambda x: np.real(W * special.lambertw(x, -1)), (-0.2,)),
    (lambda x: np.real(W * special.lambertw(x + 1j, 2)), (0.7,)),
    (lambda x: np.real(W * special.kelvin(x)[1]), (1.2,)),
    (lambda x: np.real(W * special.modfresnelp(x)[0]), (1.2,)),
    (lambda x: np.real(W * special.modfresnelp(x)[1]), (1.2,)),
    (lambda x: np.real(W * special.modfresnelm(x)[1]), (1.2,)),
    (lambda x, s, g: special.voigt_profile(x, s, g), (0.9, 0.5, 0.3)),
    (lambda x, s, g: special.voigt_profile(x, s, g), (9.0, 0.5, 0.3)),
    (lambda x, g: special.voigt_profile(x, 0.0, g), (0.9, 0.3)),
    (lambda x, s: special.voigt_profile(x, s, 0.0), (0.9, 0.4)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)


ITEMS = list(HOLOMORPHIC.values())


def _orders(item: Holomorphic) -> list[Any]:
    """Orders in the middle of the domain, whole where they have to be."""
    ends = zip(item.orders, item.domain[:-2], strict=True)
    return [0.5 * (low + high) if growth else int(high - 1) for growth, (low, high) in ends]


ORDERS = list(map(_orders, ITEMS))


@engines
def test_values_are_scipys_bits(engine: str) -> None:
    def values(z):
        return [ufunc_at(path_of(i.name))(*v, z) for i, v in zip(ITEMS, ORDERS, strict=True)]

    z = np.array([0.35 + 0.45j, 0.9 - 0.2j])
    for have, want in zip(autodiff.function(values, engine=engine)(z), values(z), strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_rules_against_differences(name: str) -> None:
    """By the real and by the imaginary part."""
    item = HOLOMORPHIC[name]
    orders = [np.full(3, v) for v in _orders(item)]
    point = [np.array([0.35, 0.6, 0.45]), np.array([0.45, 0.3, -0.2])]
    for operation in item.operations:
        entry = ENTRIES[operation]
        for k, rule in enumerate(entry.derivative.rules[-2:]):

            def moved(t: float, k: int = k, entry: Any = entry) -> list[np.ndarray]:
                parts = [x + t * (k == n) for n, x in enumerate(point)]
                return [entry.meaning(*orders, *parts)]

            (want,) = differences(moved)
            have = rule(entry.meaning(*orders, *point), *orders, *point)
            np.testing.assert_allclose(have, want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("z", [12.0 + 0.0j, 30.0 + 20.0j, -15.0 + 3.0j, 1e8 + 1.0j, 0.1 + 9.0j])
def test_the_slope_of_wofz_does_not_cancel_far_out(z: complex) -> None:
    """Of the real part by x and by y, against mpmath."""
    import mpmath

    mp = mpmath.mp
    with mpmath.workdps(60):
        w = mp.exp(-(mp.mpc(z) ** 2)) * mp.erfc(-1j * mp.mpc(z))
        slope = complex(-2 * mp.mpc(z) * w + 2j / mp.sqrt(mp.pi))
    x, y = z.real, z.imag
    by_x, by_y = autodiff.gradient(lambda x, y: np.real(special.wofz(x + 1j * y)))(x, y)
    np.testing.assert_allclose([by_x, by_y], [slope.real, -slope.imag], rtol=1e-12, atol=1e-14 * abs(slope))  # fmt: skip
