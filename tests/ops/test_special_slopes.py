"""Derivatives of special functions at special points, against mpmath: at 0 and ends, near where formulas meet, far out."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import autodiff.ops.scipy_functions  # noqa: F401 - fills the tables
from autodiff.ops.entries import ENTRIES

mp = mpmath.mp
REAL = (0.0, 1e-300, 1e-10, 1e-3, 0.4, 1.0, 1.9, 2.1, 5.0, 9.5, -1e-10, -0.7, -1.0, -3.3)
FAR = (30.0, 1e3, 1e8)
POSITIVE = (1e-10, 1e-3, 0.4, 1.0, 2.5, 9.5, 30.0)
Slope = Callable[..., Any]
Case = tuple[str, int, list[tuple[float, ...]], Slope]


def singles(*values: float) -> list[tuple[float, ...]]:
    return [(x,) for x in values]


def pairs(first: tuple[float, ...], second: tuple[float, ...]) -> list[tuple[float, ...]]:
    return [(a, b) for a in first for b in second]


def derivative(f: Slope, k: int, order: int = 1) -> Slope:
    """By argument k, by differences of many digits."""

    def slope(*x: Any) -> Any:
        step = (abs(x[k]) or mp.mpf(1)) * mp.mpf(10) ** -20
        return mp.diff(lambda t: f(*x[:k], t, *x[k + 1 :]), x[k], order, h=step)

    return slope


def over_x(f: Slope, at_zero: float) -> Slope:
    return lambda x: f(x) / x if x else mp.mpf(at_zero)


def all_sides(name: str, f: Slope, points: list[tuple[float, ...]]) -> list[Case]:
    return [(name, k, points, derivative(f, k)) for k in range(len(points[0]))]


def regular_beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def f_distribution(m: Any, n: Any, x: Any) -> Any:
    return regular_beta(m / 2, n / 2, m * x / (m * x + n))


def student(n: Any, t: Any) -> Any:
    half = mp.mpf(1) / 2
    if abs(t) < 1:
        return (
            t
            / mp.sqrt(n)
            / mp.beta(n / 2, half)
            * mp.hyp2f1(half, (n + 1) / 2, 3 * half, -t * t / n)
        )
    return -mp.sign(t) / 2 * regular_beta(n / 2, half, n / (n + t * t))


def kolmogorov(x: Any) -> Any:
    if x > 0.3:
        return mp.nsum(lambda k: (-1) ** int(k) * 8 * k * k * x * mp.exp(-2 * k * k * x * x), [1, mp.inf])  # fmt: skip
    q = lambda k: ((2 * k - 1) * mp.pi / x) ** 2 / 4  # noqa: E731
    return -mp.sqrt(2 * mp.pi) / x**2 * mp.nsum(lambda k: mp.exp(-q(k) / 2) * (q(k) - 1), [1, mp.inf])  # fmt: skip


def scaled_fresnel(x: Any) -> Any:
    """The derivative of ``exp(-i (x² + π/4)) / sqrt(π)`` times the integral of exp(i t²) from x on."""
    i = mp.mpc(0, 1)
    if x > 100:  # by its asymptotic series
        return -(1 + i) / (2 * mp.sqrt(2 * mp.pi)) * (1 - 3 * i / (2 * x * x) - mp.mpf(15) / (4 * x**4)) / (x * x)  # fmt: skip
    value = mp.erfc(mp.exp(-i * mp.pi / 4) * x) / 2 * mp.exp(-i * x * x)
    return -2 * i * x * value - mp.exp(-i * mp.pi / 4) / mp.sqrt(mp.pi)


ANGLES = pairs((0.0, 1e-8, 0.4, 1.5, 3.0, -7.0), (-1e6, -0.7, 0.0, 1e-12, 0.3, 0.99, 1 - 1e-9))
TRIPLES: list[tuple[float, ...]] = [(1e-10, 1.0, 2.0), (0.5, 0.5, 0.5), (1.0, 2.0, 1e8), (3.0, 2.0, 1.0), (1.0, 2.0, 1.0001), (1.0, 2.0, 1.03)]  # fmt: skip
CASES: list[Case] = [
    ("erfi", 0, singles(*REAL), lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(x * x)),
    ("sici.0", 0, singles(*REAL, *FAR), lambda x: mp.sinc(x)),
    ("sici.1", 0, singles(*POSITIVE, *FAR), lambda x: mp.cos(x) / x),
    ("shichi.0", 0, singles(*REAL, 30.0), over_x(mp.sinh, 1)),
    ("airy.0", 0, singles(*REAL), lambda x: mp.airyai(x, derivative=1)),
    ("airy.1", 0, singles(*REAL), lambda x: x * mp.airyai(x)),
    ("airye.0", 0, singles(*POSITIVE), derivative(lambda x: mp.airyai(x) * mp.exp(2 * x * mp.sqrt(x) / 3), 0)),
    ("ber", 0, singles(*REAL), derivative(lambda x: mp.ber(0, x), 0)),
    ("berp", 0, singles(*REAL[2:]), derivative(lambda x: mp.ber(0, x), 0, 2)),
    ("beip", 0, singles(*REAL), derivative(lambda x: mp.bei(0, x), 0, 2)),
    ("struve", 1, pairs((0.0, 0.5, 1.0, 3.0), POSITIVE), derivative(mp.struveh, 1)),
    ("modstruve", 1, pairs((0.0, 0.5, 1.0, 3.0), POSITIVE), derivative(mp.struvel, 1)),
    ("struve", 1, pairs((150.0, 200.0), (30.0, 300.0)), derivative(mp.struveh, 1)),
    ("modstruve", 1, pairs((150.0, 200.0), (30.0, 300.0)), derivative(mp.struvel, 1)),
    ("powm1", 1, pairs((1e-8, 0.5, 3.0, 1e8), (-50.0, -1e-8, 0.3)), lambda x, p: mp.log(x) * x**p),
    ("cosine_cdf", 0, singles(-3.14159, -3.0, 0.3, 3.1415926), lambda x: (1 + mp.cos(x)) / (2 * mp.pi)),
    ("it2struve0", 0, singles(*POSITIVE), lambda x: -mp.struveh(0, x) / x),
    ("it2j0y0.0", 0, singles(*REAL), over_x(lambda x: 1 - mp.besselj(0, x), 0)),
    ("it2i0k0.0", 0, singles(*REAL), over_x(lambda x: mp.besseli(0, x) - 1, 0)),
    ("kv", 0, pairs((1e-3, 0.3, 1.5, 7.0, 50.0), (1e-10, 0.1, 1.0, 10.0, 200.0)), derivative(mp.besselk, 0)),
    ("ellipkinc", 0, ANGLES[:35], lambda p, m: 1 / mp.sqrt(1 - m * mp.sin(p) ** 2)),
    ("ellipkinc", 1, ANGLES, derivative(mp.ellipf, 1)),
    ("ellipeinc", 1, ANGLES, derivative(mp.ellipe, 1)),
    ("ellipkm1", 0, singles(1e-10, 0.3, 0.86, 0.9, 1.0, 1.1, 1.2, 5.0, 1e6), derivative(lambda p: mp.ellipk(1 - p), 0)),
    *all_sides("elliprf", mp.elliprf, TRIPLES),
    *all_sides("elliprd", mp.elliprd, TRIPLES),
    *all_sides("elliprg", mp.elliprg, TRIPLES[:4]),
    *all_sides("elliprj", mp.elliprj, [(1e-5, 1.0, 2.0, 3.0), (0.5,) * 4, (1.0, 2.0, 3.0, 2.0001), (3.0, 2.0, 1.0, 0.1)]),
    *all_sides("elliprc", mp.elliprc, [(1e-5, 1.0), (1.0, 1.0), (1.0, 1.0001), (3.0, -2.0), (2.0, 1e8)]),
    *all_sides("agm", mp.agm, [(1.0, 1.0), (1.0, 1.0001), (1.0, 1e-10), (1e10, 2.0), (2.0, 3.0), (1e100, 1e-8), (1e-100, 1e50), (1.0, 3e9), (1.0, 3e10)]),
    ("modfresnelp.2", 0, singles(0.3, 2.0, 7.9, 8.1, 40.0, 1e3, 1e8, 1e100), lambda x: mp.re(scaled_fresnel(x))),
    ("modfresnelm.3", 0, singles(0.3, 2.0, 7.9, 8.1, 40.0, 1e3, 1e8, 1e100), lambda x: -mp.im(scaled_fresnel(x))),
    ("kv", 0, [(2e3, 2e3), (0.3, 800.0)], lambda v, x: mp.mpf(0)),
    ("spence", 0, singles(1e-300, 1e-10, 0.3, 0.999, 1.0, 1.001, 1.2, 3.0, 1e10), lambda x: mp.log(x) / (1 - x) if x != 1 else mp.mpf(-1)),
    ("zeta", 0, pairs((1.0001, 1.5, 4.0, 30.0, 100.0), (0.01, 0.5, 1.0, 2.0, 50.0, 1e6)), lambda s, q: mp.zeta(s, q, derivative=1)),
    ("riemann_zeta", 0, singles(1.0001, 1.5, 4.0, 30.0, 0.5, 0.0, -0.3, -0.6, -1.0, -2.0, -3.3, -10.0, -20.5), lambda s: mp.zeta(s, derivative=1)),
    ("owens_t", 0, pairs((0.0, 0.3, -2.0, 20.0), (0.0, 0.5, -3.0, 1e5)), lambda h, a: -mp.exp(-h * h / 2) * mp.erf(a * h / mp.sqrt(2)) / 2 / mp.sqrt(2 * mp.pi)),
    ("fdtr", 0, [(m, n, x) for m, n in pairs((0.5, 3.0, 50.0), (0.3, 1.0)) for x in (0.01, 0.5, 3.0)], derivative(f_distribution, 0)),
    ("fdtr", 1, [(m, n, x) for m, n in pairs((0.5, 3.0, 50.0), (0.3, 1.0)) for x in (0.01, 0.5, 3.0)], derivative(f_distribution, 1)),
    ("stdtr", 0, pairs((0.3, 1.0, 5.0, 29.0, 31.0, 300.0, 1e5, 1e9), (-3.0, 0.1, 1.0, 1.6, 4.0)), derivative(student, 0)),
    ("stdtr", 0, pairs((1e-3, 0.3, 1.0, 5.0, 27.4, 31.0), (0.0, 1e-16, -1e-5, 0.03, 0.54)), derivative(student, 0)),
    ("kolmogorov", 0, singles(0.04, 0.2, 0.5, 0.899, 0.9, 0.901, 1.5, 5.0), kolmogorov),
    ("inv_boxcox", 1, pairs((0.0, 0.3, 2.0), (-0.2, 1e-9, 0.14)), derivative(lambda x, p: mp.exp(mp.log1p(p * x) / p), 1)),
]  # fmt: skip


def check(case: Case) -> None:
    name, k, points, slope = case
    entry = ENTRIES[f"scipy_{name}"]
    with np.errstate(all="ignore"), mpmath.workdps(60):
        for point in points:
            x = [np.array(v) for v in point]
            have = float(entry.derivative.rules[k](entry.meaning(*x), *x))  # type: ignore[union-attr]
            want = float(mp.re(slope(*[mp.mpf(v) for v in point])))
            np.testing.assert_allclose(have, want, rtol=5e-12, atol=1e-290, err_msg=f"{name} by {k} at {point}")  # fmt: skip


@pytest.mark.parametrize("number", [1, 8, 17, 27])
def test_slopes(number: int) -> None:
    check(CASES[number])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CASES)))
def test_slopes_of_all(number: int) -> None:
    check(CASES[number])


def test_at_zero_of_spherical_bessel_functions() -> None:
    """j0'' = -1/3, j1'' = 0 at 0, j2'' = 2/15."""
    entry = ENTRIES["scipy_spherical_jn_d"]
    n, x = np.array([0, 1, 2]), np.zeros(3)
    with np.errstate(all="ignore"):
        have = entry.derivative.rules[1](entry.meaning(n, x), n, x)
    np.testing.assert_allclose(have, [-1 / 3, 0.0, 2 / 15], rtol=1e-15)
