"""Minimax polynomials behind `autodiff.engines.native.vector_math`: fits them anew and prints them.

    python bench/fit_polynomials.py            # every table
    python bench/fit_polynomials.py log sin    # some of them

Each row of `FITS` names a smooth function g, the interval on which the reduced argument lies, a weight w
that turns the error of g into the relative error of the result, and the number of coefficients for
float64 and float32. The second algorithm of Remez (1934) minimises max |w (g - p)| in 50-digit
arithmetic; the coefficients are then rounded to the working precision. The printed error is that of the
rounded polynomial, as a power of two (2**-53 is half an ulp of float64, 2**-24 of float32).

Needs mpmath. Nothing here runs when the package is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np

mp.mp.dps = 50
Real = Callable[[mp.mpf], mp.mpf]


@dataclass(frozen=True)
class Fit:
    """One polynomial to fit: ``p(t) ~ g(t)`` on ``[low, high]``, minimising ``max |w (g - p)|``."""

    g: Real
    weight: Real
    low: mp.mpf
    high: mp.mpf
    double: int
    single: int


def minimax(fit: Fit, count: int) -> list[mp.mpf]:
    """Coefficients (constant first) of the minimax polynomial, by Remez's second algorithm."""
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)

    def chebyshev(number: int) -> list[mp.mpf]:
        middle, half = (high + low) / 2, (high - low) / 2
        return [middle - half * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / number) for i in range(number)]

    grid = chebyshev(24 * count + 1)
    values = [(t, fit.g(t), fit.weight(t)) for t in grid]
    nodes = chebyshev(count + 1)
    for _ in range(12):
        rows, right = [], []
        for sign, t in enumerate(nodes):
            rows.append([t**j for j in range(count)] + [mp.mpf((-1) ** sign) / fit.weight(t)])
            right.append(fit.g(t))
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix(right))
        coefficients = [solution[j] for j in range(count)]
        errors = [w * (g - mp.polyval(coefficients[::-1], t)) for t, g, w in values]
        nodes, peaks = _alternating_peaks(grid, errors, count + 1)
        if max(peaks) < mp.mpf("1.01") * min(peaks):
            break
    return coefficients


def _alternating_peaks(
    grid: list[mp.mpf], errors: list[mp.mpf], count: int
) -> tuple[list[mp.mpf], list[mp.mpf]]:
    """The largest error of each run of one sign; surplus runs are dropped at the weaker end."""
    runs: list[tuple[mp.mpf, mp.mpf, int]] = []
    for t, error in zip(grid, errors, strict=True):
        side = 1 if error > 0 else -1
        if runs and runs[-1][2] == side:
            if abs(error) > runs[-1][1]:
                runs[-1] = (t, abs(error), side)
        else:
            runs.append((t, abs(error), side))
    while len(runs) > count:
        runs.pop(0 if runs[0][1] < runs[-1][1] else -1)
    if len(runs) < count:
        raise ArithmeticError(f"the error alternates {len(runs)} times, {count} needed: finer grid")
    return [run[0] for run in runs], [run[1] for run in runs]


def rounded(coefficients: list[mp.mpf], dtype: str) -> list[float]:
    """Coefficients in the working precision."""
    kind = np.float64 if dtype == "f64" else np.float32
    return [float(kind(float(c))) for c in coefficients]


def error_of(fit: Fit, coefficients: list[float]) -> float:
    """log2 of the largest weighted error of the rounded polynomial."""
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    points = [low + (high - low) * i / 400 for i in range(1, 400)]
    worst = max(abs(fit.weight(t) * (fit.g(t) - mp.polyval(coefficients[::-1], t))) for t in points)
    return float(mp.log(worst, 2))


def _odd_rest(function: Real, z: mp.mpf, known: int = 1) -> mp.mpf:
    """(f(t)/t - 1) / z at t = sqrt(z), for an odd f with f'(0) = 1; by its series near 0."""
    t = mp.sqrt(z)
    return (function(t) / t - 1) / z


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.001")
QUARTER_PI = mp.pi / 4 * mp.mpf("1.001")
# s = f/(2+f) for 1+f in [sqrt(1/2), sqrt(2)]: s**2 <= (3 - 2 sqrt(2))**2
LOG_Z = (3 - 2 * mp.sqrt(2)) ** 2
TINY = mp.mpf("1e-12")


def _from_t(t: mp.mpf) -> mp.mpf:
    """The x of t = (x - 2.5)/(x + 2.5)."""
    return mp.mpf("2.5") * (1 + t) / (1 - t)


FITS: dict[str, Fit] = {
    # exp(r) = 1 + r + r**2 q(r); the weight is that of expm1, the harder user, kept off 0
    "exp": Fit(
        lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > TINY else (1 + r / 3) / 2,
        lambda r: abs(r) + mp.mpf("0.02"),
        -HALF_LN2, HALF_LN2, 10, 5,
    ),
    # log((1+s)/(1-s)) = 2s + s z q(z), z = s**2
    "log": Fit(
        lambda z: 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z / 2,
        TINY, LOG_Z, 7, 4,
    ),
    # the same with 2/3 taken out: log = 2s + s z (2/3 + z q(z)), to extra precision for pow
    "log_tail": Fit(
        lambda z: ((mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z - mp.mpf(1) / 3) * 2 / z,
        lambda z: z**2 / 2,
        TINY, LOG_Z, 9, 4,
    ),
    # log in double for the power of float32: 2**-42 is enough
    "log_short": Fit(
        lambda z: 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z / 2,
        TINY, LOG_Z, 5, 5,
    ),
    # sin r = r + r z q(z), z = r**2
    "sin": Fit(
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z,
        TINY, QUARTER_PI**2, 6, 3,
    ),
    # cos r = 1 - z/2 + z**2 q(z)
    "cos": Fit(
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2 / mp.cos(mp.sqrt(z)),
        TINY, QUARTER_PI**2, 6, 3,
    ),
    # sinh r = r + r z q(z), on the reduced argument of exp
    "sinh": Fit(
        lambda z: (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z,
        TINY, HALF_LN2**2, 5, 3,
    ),
    # cosh r = 1 + z/2 + z**2 q(z)
    "cosh": Fit(
        lambda z: (mp.cosh(mp.sqrt(z)) - 1 - z / 2) / z**2,
        lambda z: z**2,
        TINY, HALF_LN2**2, 4, 2,
    ),
    # tanh t = t + t z q(z), |t| <= 0.6, for float32
    "tanh": Fit(
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)),
        TINY, mp.mpf("0.3601"), 5, 5,
    ),
    # asin t = t + t z q(z), z = t**2 <= 1/4
    "asin": Fit(
        lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z,
        TINY, mp.mpf("0.2501"), 12, 5,
    ),
    # atan t = t + t z q(z), |t| <= tan(pi/8)
    "atan": Fit(
        lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z,
        TINY, (mp.sqrt(2) - 1) ** 2 * mp.mpf("1.001"), 11, 5,
    ),
    # erf x = x + x q(z), z = x**2 <= 1
    "erf": Fit(
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.mpf(1),
        TINY, mp.mpf("1.0001"), 12, 7,
    ),
    # exp(x**2) erfc x = q(t), t = (x - 2.5)/(x + 2.5), 1 <= x <= 6; the weight is that of erf
    "erfc": Fit(
        lambda t: mp.erfc(_from_t(t)) * mp.exp(_from_t(t) ** 2),
        lambda t: mp.exp(-_from_t(t) ** 2),
        mp.mpf("-1.5") / mp.mpf("3.5"), mp.mpf("3.5") / mp.mpf("8.5"), 12, 6,
    ),
    # m**(-1/3), the start of an iteration
    "cbrt": Fit(
        lambda m: m ** (-mp.mpf(1) / 3),
        lambda m: m ** (mp.mpf(1) / 3),
        mp.sqrt(2) / 2, mp.sqrt(2), 6, 4,
    ),
}  # fmt: skip


def main() -> None:
    for name in sys.argv[1:] or FITS:
        fit = FITS[name]
        for dtype, count in (("f64", fit.double), ("f32", fit.single)):
            coefficients = rounded(minimax(fit, count), dtype)
            print(f"{name} {dtype}  error 2**{error_of(fit, coefficients):.1f}")
            for value in coefficients:
                print(f"    {value!r},")


if __name__ == "__main__":
    main()
