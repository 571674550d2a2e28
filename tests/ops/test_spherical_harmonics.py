"""Legendre functions, spherical harmonics and sequences of ``scipy.special``: values and derivatives."""

import mpmath
import numpy as np
import pytest
from scipy import special

import autodiff
from tests.ops.calls import both_tests

V = np.array([0.3, -0.45, 0.62, 0.81])
ANGLES = np.array([0.4, 1.1, 1.7, 2.6])
SIGNS = np.array([-2.3, -1.4, 1.7, 1.9])
N, M = np.array([0, 1, 3, 4]), np.array([0, -1, 2, -3])


def parts(z):
    return [np.real(z), np.imag(z)]


CASES = [
    (lambda x: special.legendre_p(3, x), (V,)),
    (lambda x: special.legendre_p(N, x, diff_n=2), (V,)),
    (lambda x: special.legendre_p_all(4, x, diff_n=1), (V,)),
    (lambda x: special.assoc_legendre_p(3, 2, x), (V,)),
    (lambda x: special.assoc_legendre_p(N, M, x, diff_n=2), (V,)),
    (lambda x: special.assoc_legendre_p(3, 1, x, norm=True, branch_cut=3), (V + 1.2,)),
    (lambda x: special.assoc_legendre_p_all(3, 2, x), (V,)),
    (lambda x: special.sph_legendre_p(N, M, x, diff_n=2), (ANGLES,)),
    (lambda x: special.sph_legendre_p_all(3, 3, x), (1.2,)),
    (lambda x, y: parts(special.sph_harm_y(3, -2, x, y)), (ANGLES, V)),
    (lambda x, y: parts(special.sph_harm_y(N, M, x, y[:, None])), (ANGLES, V)),
    (lambda x, y: parts(special.sph_harm_y_all(3, 2, x, y)), (ANGLES, V)),
    (lambda x: special.lqn(3, x), (0.4,)),
    (lambda x: special.lqmn(2, 3, x), (0.4,)),
    (lambda x: special.riccati_jn(4, x), (1.7,)),
    (lambda x: special.riccati_yn(0, x), (1.7,)),
    (lambda x: special.lmbda(3, x), (1.7,)),
    (lambda x: special.lmbda(2.5, x), (1.7,)),
    (lambda v, x: special.pbdv_seq(v, x), (2.3, 0.7)),
    (lambda v, x: special.pbvv_seq(v, x), (1.3, 0.7)),
    (lambda c: [special.pro_cv_seq(1, 3, c), special.obl_cv_seq(0, 2, c)], (0.8,)),
    (lambda x: special.spherical_kn(2, x), (SIGNS,)),
    (lambda x: special.spherical_kn(3, x, True), (SIGNS,)),
]  # fmt: skip
VALUES = [
    (lambda x: special.legendre_p(2, x), (V.astype(np.float32),)),
    (lambda x: special.legendre_p_all(0, x), (np.zeros((0, 2)),)),
    (lambda x: special.sph_harm_y(2, 1, x, 0.3), (1.2,)),
    (lambda n, x: special.assoc_legendre_p(n, 1, x), (np.arange(3)[:, None], V)),
    (lambda x: special.spherical_kn(0, x), (V.astype(np.float32),)),
]  # fmt: skip
_values, _derivatives = both_tests(CASES)
test_values, test_derivatives = map(pytest.mark.slow, (_values, _derivatives))
test_more_values, _ = both_tests(VALUES)
test_sample_of_values, test_sample_of_derivatives = both_tests([CASES[4], CASES[9]])


@pytest.mark.parametrize("x", [0.3, 0.999, -0.9999])
def test_a_third_derivative_is_that_of_mpmath(x: float) -> None:
    """It follows from the equation, which divides by 1 - x²."""
    third = autodiff.gradient(lambda x: special.assoc_legendre_p(6, 0, x, diff_n=2)[2, ...])(x)
    with mpmath.workdps(40):
        expected = mpmath.diff(lambda t: mpmath.legendre(6, t), mpmath.mpf(x), 3)
    np.testing.assert_allclose(third, float(expected), rtol=2e-9)


def test_derivatives_reach_the_poles() -> None:
    """At the ends of the interval the first two derivatives are polynomials' own."""

    def f(x):
        return np.sum(special.legendre_p(4, x))

    ends = np.array([-1.0, 1.0])
    np.testing.assert_allclose(autodiff.gradient(f)(ends), [-10.0, 10.0])
    found = autodiff.hessian_vector(f)(ends, _tensors=np.ones(2))
    np.testing.assert_allclose(found, [45.0, 45.0])


@pytest.mark.parametrize("name", ["jn", "yn", "in", "kn"])
@pytest.mark.parametrize("derivative", [False, True])
def test_spherical_bessel_functions_of_complex_numbers(name, derivative):
    function = getattr(special, f"spherical_{name}")
    f = lambda z: function(2, z, derivative)  # noqa: E731
    z = np.array([0.7 + 0.3j, -1.2 + 0.5j])
    for x in (z, z.astype(np.complex64)):
        found = autodiff.function(f)(x)
        assert found.dtype == x.dtype
        np.testing.assert_allclose(found, f(x), rtol=1e-5 if x is not z else 1e-12)
    step = 1e-6
    slope = autodiff.gradient(lambda z: np.sum(f(z).real))(z)
    np.testing.assert_allclose(slope, np.conj(f(z + step) - f(z - step)) / (2 * step), rtol=1e-6)
