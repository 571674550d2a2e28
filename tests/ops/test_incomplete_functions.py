"""Derivatives of incomplete gamma and beta functions by their shapes, against series and integrals in 40 digits."""

import functools

import mpmath as mp
import numpy as np
import pytest
import scipy.special as sp

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
SHAPES = (1e-10, 1e-3, 0.1, 0.5, 1.0, 1.5, 1.9, 2.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e5)
RATIOS = (1e-8, 1e-3, 0.1, 0.5, 0.8, 0.95, 1.0, 1.05, 1.2, 1.5, 2.0, 3.0, 8.0)


@functools.cache
def by_shape(a, x):
    """The derivative of P(a, x) by a: its power series term by term, or an integral of one sign."""
    with mp.workdps(40):
        a, x = mp.mpf(a), mp.mpf(x)
        front = mp.exp(a * mp.log(x) - x - mp.loggamma(a))
        if x > a + 1 and x >= 3:
            level, d = mp.log(x) - mp.psi(0, a), x - a
            end = 160 / (d + mp.sqrt(d * d + 160 * x))
            places = [0, end / 16, end / 8, end / 4, end / 2, end]
            return -front * mp.quad(lambda u: mp.exp(a * u - x * mp.expm1(u)) * (level + u), places)
        term, psi, n, total = 1 / a, mp.psi(0, a + 1), 0, mp.mpf(0)
        while True:
            more = term * (mp.log(x) - psi)
            total += more
            if n > 5 and abs(more) < abs(total) * mp.mpf(10) ** -36:
                return front * total
            n += 1
            term, psi = term * x / (a + n), psi + 1 / (a + n)


def points(shapes, ratios):
    for a in shapes:
        for x in sorted({a * r for r in ratios} | set(ratios)):
            if abs(by_shape(a, x)) > 1e-80:  # below, the density itself is not as accurate
                yield a, x


def slope_of(f, x):
    """The derivative by two points, of a function in 40 digits."""
    with mp.workdps(40):
        h = mp.mpf(10) ** -12 * mp.mpf(x)
        return float((f(x + h) - f(x - h)) / (2 * h))


@ENGINES
@pytest.mark.parametrize(("f", "sign"), [(sp.gammainc, 1.0), (sp.gammaincc, -1.0)])
def test_by_the_shape_it_is_right_to_twelve_digits(engine, f, sign):
    tried = list(points(SHAPES, RATIOS))  # here: at import every run of any test would wait
    slope = autodiff.gradient(lambda a, x: np.sum(f(a, x)), wrt="a", engine=engine)
    for (a, x), value in zip(tried, slope(*np.array(tried).T), strict=True):
        right = sign * by_shape(a, x)
        assert abs(mp.mpf(value) - right) <= 1e-12 * abs(right), (a, x)


@ENGINES
def test_second_derivatives_by_the_shape(engine):
    hessian = autodiff.hessian(lambda a, x: sp.gammainc(a, x), engine=engine)
    for a, x in points((0.1, 0.5, 1.0, 1.9, 3.0, 30.0), (0.1, 0.8, 1.0, 1.5, 3.0)):
        (by_a_a, by_a_x), (by_x_a, _) = hessian(a, x)
        size = abs(float(by_shape(a, x)))
        right = slope_of(lambda a, x=x: by_shape(a, x), a)
        assert abs(by_a_a - right) <= 1e-11 * (abs(right) + size / a), (a, x)
        right = slope_of(lambda x, a=a: by_shape(a, x), x)
        assert abs(by_a_x - right) <= 1e-11 * (abs(right) + size / x), (a, x)
        assert abs(by_x_a - right) <= 1e-11 * (abs(right) + size / x), (a, x)


@ENGINES
def test_by_the_shape_at_the_ends(engine):
    slope = autodiff.gradient(lambda a, x: sp.gammainc(a, x), wrt="a", engine=engine)
    assert slope(2.0, 0.0) == slope(2.0, np.inf) == 0.0
    assert (
        np.isnan(slope(-1.0, 1.0)) and np.isnan(slope(2.0, np.nan)) and np.isnan(slope(2.0, -1.0))
    )
    # At shape 0, P jumps from 1 to itself: the derivative is that of the exponential integral.
    assert np.isclose(slope(0.0, 1.5), -sp.exp1(1.5), rtol=1e-13)
    single = autodiff.gradient(lambda a: sp.gammainc(a, np.float32(1.5)), engine=engine)
    found = single(np.float32(2.0))
    assert found.dtype == np.float32 and np.isclose(found, float(by_shape(2.0, 1.5)), rtol=1e-6)


def test_distributions_have_derivatives_by_their_shape():
    import scipy.stats as st

    for f in (
        lambda a: st.gamma.cdf(1.5, a),
        lambda a: st.chi2.sf(3.0, a),
        lambda a: st.invgamma.cdf(0.7, a),
        lambda a: sp.chdtr(a, 2.0),
    ):
        autodiff.check_gradient(f, 2.3)


# -- the incomplete beta function -----------------------------------------------------------------------
BETA_SHAPES = (1e-3, 0.1, 0.5, 1.0, 3.0, 40.0, 1e3)


def beta_points():
    for a in BETA_SHAPES:
        for b in BETA_SHAPES:
            mean = a / (a + b)
            for x in sorted({1e-10, 0.3, 0.9, mean, 0.9 * mean}):
                yield a, b, x


@functools.cache
def slope_of_beta(a, b, x, number):
    """The derivative of I_x(a, b) by a (0) or b (1), or None where it is too small to matter."""

    def f(t):
        shapes = (t, b) if number == 0 else (a, t)
        return mp.betainc(*shapes, 0, x, regularized=True)

    with mp.workdps(50):
        at = mp.mpf((a, b)[number])
        try:
            found = mp.diff(f, at, h=at * mp.mpf(10) ** -15)
        except (ValueError, mp.libmp.NoConvergence):
            return None
        return found if abs(found) > 1e-30 else None


@ENGINES
@pytest.mark.parametrize(("f", "sign"), [(sp.betainc, 1.0), (sp.betaincc, -1.0)])
def test_by_the_shapes_of_beta_it_is_right_to_twelve_digits(engine, f, sign):
    points = np.array(list(beta_points())[:: 1 if sign > 0 else 5])
    slopes = autodiff.gradient(lambda a, b, x: np.sum(f(a, b, x)), wrt=["a", "b"], engine=engine)
    tried = 0
    for number, found in enumerate(slopes(*points.T)):
        for (a, b, x), value in zip(points, found, strict=True):
            right = slope_of_beta(a, b, x, number)
            if right is not None:
                tried += 1
                # x^a (1 - x)^b / B(a, b) loses as many digits as a + b has.
                error = 1e-12 * max(1.0, (a + b) / 100)
                assert abs(mp.mpf(value) - sign * right) <= error * abs(right), (a, b, x, number)
    assert tried > 1.5 * len(points)


@ENGINES
def test_second_derivatives_by_the_shapes_of_beta(engine):
    hessian = autodiff.hessian(lambda a, b, x: sp.betainc(a, b, x), engine=engine)
    h = 1e-4
    slope = autodiff.gradient(lambda a, b, x: sp.betainc(a, b, x), engine=engine)
    for a, b, x in (
        (2.0, 3.0, 0.3),
        (2.0, 3.0, 0.7),
        (0.5, 0.5, 0.2),
        (0.3, 4.0, 0.01),
        (8.0, 0.7, 0.95),
    ):
        found = np.array(hessian(a, b, x))
        for k in range(3):
            point = np.array([a, b, x])

            def along(t, k=k, point=point):
                moved = point.copy()
                moved[k] += t
                return np.array(slope(*map(float, moved)))

            step = h * min(point[k], 1 - x if k == 2 else 1.0)
            near = along(step) - along(-step)
            right = (8 * near - (along(2 * step) - along(-2 * step))) / (12 * step)
            assert np.allclose(found[:, k], right, rtol=1e-7, atol=1e-8), (a, b, x, k)


@ENGINES
def test_by_the_shapes_of_beta_at_the_ends(engine):
    slope = autodiff.gradient(lambda a, b, x: sp.betainc(a, b, x), wrt=["a", "b"], engine=engine)
    assert slope(2.0, 3.0, 0.0) == slope(2.0, 3.0, 1.0) == (0.0, 0.0)
    assert np.all(np.isnan(slope(-2.0, 3.0, 0.5))) and np.all(np.isnan(slope(2.0, 3.0, np.nan)))
