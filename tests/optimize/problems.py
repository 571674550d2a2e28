"""Classical test problems for optimisers, in plain NumPy.

`PROBLEMS` are the 35 of Moré, Garbow and Hillstrom (1981), "Testing unconstrained optimization
software", ACM Transactions on Mathematical Software 7, 17-41, with that paper's numbering, standard
starting points and published minima. Each is a vector of residuals; the objective is its sum of
squares. Problem 11 is taken as its authors corrected it, abs(y - x2) for abs(y m i x2).

`FUNCTIONS` are other functions in wide use, with their minima, local ones included: M. Jamil and X.-S.
Yang (2013), "A literature survey of benchmark functions for global optimisation problems",
International Journal of Mathematical Modelling and Numerical Optimisation 4, 150-194; Trid from
S. Surjanovic and D. Bingham, "Virtual Library of Simulation Experiments".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A problem: residuals (or a function of one value), start, values of all its known minima."""

    name: str
    residuals: Callable[[Any], Any]
    start: Any
    minima: tuple[float, ...]

    def is_minimum(self, value: float) -> bool:
        """Whether `value` is that of a known minimum."""
        return any(abs(value - known) <= 1e-7 + 1e-5 * abs(known) for known in self.minima)

    @property
    def objective(self):
        return OBJECTIVES[self.name]


def rosenbrock(x):  # 1
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def freudenstein_roth(x):  # 2
    return np.array(
        [
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
            -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        ]
    )


def powell_badly_scaled(x):  # 3
    return np.array([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x):  # 4
    return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(x):  # 5
    y = np.array([1.5, 2.25, 2.625])
    i = np.arange(1, 4)
    return y - x[0] * (1 - x[1] ** i)


def jennrich_sampson(x):  # 6
    i = np.arange(1, 11)
    return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def helical_valley(x):  # 7
    theta = np.arctan(x[1] / x[0]) / (2 * np.pi) + np.where(x[0] > 0, 0.0, 0.5)
    return np.array([10 * (x[2] - 10 * theta), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


def bard(x):  # 8
    y = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34,
                  2.10, 4.39])  # fmt: skip
    u = np.arange(1.0, 16.0)
    v = 16 - u
    w = np.minimum(u, v)
    return y - (x[0] + u / (v * x[1] + w * x[2]))


def gaussian(x):  # 9
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y = np.array([*half, 0.3989, *reversed(half)])
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def meyer(x):  # 10
    y = np.array([34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147,
                  4427, 3820, 3307, 2872])  # fmt: skip
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * np.exp(x[1] / (t + x[2])) - y


def gulf(x):  # 11, with m = 99
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t


def box_three_dimensional(x):  # 12
    t = 0.1 * np.arange(1, 11)
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def powell_singular(x):  # 13
    return np.array(
        [
            x[0] + 10 * x[1],
            np.sqrt(5) * (x[2] - x[3]),
            (x[1] - 2 * x[2]) ** 2,
            np.sqrt(10) * (x[0] - x[3]) ** 2,
        ]
    )


def wood(x):  # 14
    return np.array(
        [
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            np.sqrt(90) * (x[3] - x[2] ** 2),
            1 - x[2],
            np.sqrt(10) * (x[1] + x[3] - 2),
            (x[1] - x[3]) / np.sqrt(10),
        ]
    )


def kowalik_osborne(x):  # 15
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235,
                  0.0246])  # fmt: skip
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x):  # 16
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def osborne_1(x):  # 17
    y = np.array([0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
                  0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
                  0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
                  0.406])  # fmt: skip
    t = 10 * np.arange(33)
    return y - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def biggs_exp6(x):  # 18
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def osborne_2(x):  # 19
    y = np.array([1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746,
                  0.679, 0.608, 0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649,
                  0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395,
                  0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653,
                  0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739,
                  0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
                  0.054])  # fmt: skip
    t = np.arange(65) / 10
    model = x[0] * np.exp(-t * x[4])
    for k in range(1, 4):  # three bumps beside the decay
        model += x[k] * np.exp(-((t - x[k + 7]) ** 2) * x[k + 4])
    return y - model


def watson(x):  # 20
    t = np.arange(1, 30) / 29
    value = np.zeros(29)
    slope = np.zeros(29)
    for j in range(len(x)):
        value = value + x[j] * t**j
        if j > 0:
            slope = slope + j * x[j] * t ** (j - 1)
    return np.concatenate([slope - value**2 - 1, [x[0], x[1] - x[0] ** 2 - 1]])


def extended_rosenbrock(x):  # 21
    odd, even = x[::2], x[1::2]
    return np.concatenate([10 * (even - odd**2), 1 - odd])


def extended_powell_singular(x):  # 22
    a, b, c, d = x.reshape(-1, 4).T
    parts = [a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2]
    return np.concatenate(parts)


def penalty_1(x):  # 23
    return np.append(np.sqrt(1e-5) * (x - 1), np.sum(x**2) - 0.25)


def penalty_2(x):  # 24
    n = len(x)
    i = np.arange(2, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    a = np.sqrt(1e-5)
    return np.concatenate(
        [
            [x[0] - 0.2],
            a * (np.exp(x[1:] / 10) + np.exp(x[:-1] / 10) - y),
            a * (np.exp(x[1:] / 10) - np.exp(-1 / 10)),
            [np.sum(np.arange(n, 0, -1) * x**2) - 1],
        ]
    )


def variably_dimensioned(x):  # 25
    total = np.sum(np.arange(1, len(x) + 1) * (x - 1))
    return np.concatenate([x - 1, [total, total**2]])


def trigonometric(x):  # 26
    n = len(x)
    i = np.arange(1, n + 1)
    return n - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)


def brown_almost_linear(x):  # 27
    return np.append(x[:-1] + np.sum(x) - (len(x) + 1), np.prod(x) - 1)


def discrete_boundary_value(x):  # 28
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    around = np.concatenate([[0.0], x, [0.0]])
    return 2 * x - around[:-2] - around[2:] + h**2 * (x + t + 1) ** 3 / 2


def discrete_integral(x):  # 29
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    cubes = (x + t + 1) ** 3
    below = np.cumsum(t * cubes)
    above = np.sum((1 - t) * cubes) - np.cumsum((1 - t) * cubes)
    return x + h * ((1 - t) * below + t * above) / 2


def broyden_tridiagonal(x):  # 30
    around = np.concatenate([[0.0], x, [0.0]])
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


def broyden_banded(x):  # 31
    n = len(x)
    residuals = np.zeros(n)
    for i in range(n):
        residuals[i] = x[i] * (2 + 5 * x[i] ** 2) + 1
        for j in range(max(0, i - 5), min(n, i + 2)):
            if j != i:
                residuals[i] -= x[j] * (1 + x[j])
    return residuals


def linear_full_rank(x):  # 32, with m = 2 n
    n = len(x)
    total = np.sum(x) / n
    return np.concatenate([x - total - 1, np.full(n, -1.0) - total])


def linear_rank_1(x):  # 33, with m = n
    i = np.arange(1, len(x) + 1)
    return i * np.sum(i * x) - 1


def linear_rank_1_with_zeros(x):  # 34, with m = n
    n = len(x)
    inner = np.sum(np.arange(2, n) * x[1:-1])
    return np.concatenate([[-1.0], np.arange(1, n - 1) * inner - 1, [-1.0]])


def chebyquad(x):  # 35, shifted Chebyshev polynomials on [0, 1] against their integrals
    n = len(x)
    z = 2 * x - 1
    previous, current = np.ones(n), z
    residuals = []
    for i in range(1, n + 1):
        integral = 0.0 if i % 2 else -1 / (i**2 - 1)
        residuals.append(np.sum(current) / n - integral)
        previous, current = current, 2 * z * current - previous
    return np.array(residuals)


def _start_of_boundary_value(n):
    t = np.arange(1, n + 1) / (n + 1)
    return t * (t - 1)


PROBLEMS = (
    Problem("rosenbrock", rosenbrock, np.array([-1.2, 1.0]), (0.0,)),
    Problem("freudenstein_roth", freudenstein_roth, np.array([0.5, -2.0]), (0.0, 48.98425368)),
    Problem("powell_badly_scaled", powell_badly_scaled, np.array([0.0, 1.0]), (0.0,)),
    Problem("brown_badly_scaled", brown_badly_scaled, np.array([1.0, 1.0]), (0.0,)),
    Problem("beale", beale, np.array([1.0, 1.0]), (0.0,)),
    Problem("jennrich_sampson", jennrich_sampson, np.array([0.3, 0.4]), (124.36218236,)),
    Problem("helical_valley", helical_valley, np.array([-1.0, 0.0, 0.0]), (0.0,)),
    Problem("bard", bard, np.ones(3), (8.21487731e-3, 17.4286)),
    Problem("gaussian", gaussian, np.array([0.4, 1.0, 0.0]), (1.12793277e-8,)),
    Problem("meyer", meyer, np.array([0.02, 4000.0, 250.0]), (87.94585517,)),
    # Where x3 falls below 0 the residuals level out: stationary values from 0.038 to 6.7.
    Problem("gulf", gulf, np.array([5.0, 2.5, 0.15]), (0.0,)),
    Problem("box_three_dimensional", box_three_dimensional, np.array([0.0, 10.0, 20.0]), (0.0,)),
    Problem("powell_singular", powell_singular, np.array([3.0, -1.0, 0.0, 1.0]), (0.0,)),
    Problem("wood", wood, np.array([-3.0, -1.0, -3.0, -1.0]), (0.0,)),
    Problem(
        "kowalik_osborne", kowalik_osborne, np.array([0.25, 0.39, 0.415, 0.39]), (3.07505604e-4,)
    ),
    Problem("brown_dennis", brown_dennis, np.array([25.0, 5.0, -5.0, -1.0]), (85822.20162636,)),
    Problem("osborne_1", osborne_1, np.array([0.5, 1.5, -1.0, 0.01, 0.02]), (5.46489470e-5,)),
    Problem(
        "biggs_exp6", biggs_exp6, np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0]), (0.0, 5.65564993e-3)
    ),
    Problem(
        "osborne_2",
        osborne_2,
        np.array([1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5]),
        (4.01377363e-2,),
    ),
    Problem("watson", watson, np.zeros(6), (2.28767005e-3,)),
    Problem("extended_rosenbrock", extended_rosenbrock, np.tile([-1.2, 1.0], 5), (0.0,)),
    Problem(
        "extended_powell_singular",
        extended_powell_singular,
        np.tile([3.0, -1.0, 0.0, 1.0], 3),
        (0.0,),
    ),
    Problem("penalty_1", penalty_1, np.arange(1.0, 11.0), (7.08765153e-5,)),
    Problem("penalty_2", penalty_2, np.full(4, 0.5), (9.37629304e-6,)),
    Problem("variably_dimensioned", variably_dimensioned, 1 - np.arange(1, 11) / 10, (0.0,)),
    Problem("trigonometric", trigonometric, np.full(10, 0.1), (0.0, 2.79506e-5)),
    Problem("brown_almost_linear", brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)),
    Problem(
        "discrete_boundary_value", discrete_boundary_value, _start_of_boundary_value(10), (0.0,)
    ),
    Problem("discrete_integral", discrete_integral, _start_of_boundary_value(10), (0.0,)),
    Problem("broyden_tridiagonal", broyden_tridiagonal, np.full(10, -1.0), (0.0,)),
    Problem("broyden_banded", broyden_banded, np.full(10, -1.0), (0.0,)),
    Problem("linear_full_rank", linear_full_rank, np.ones(10), (10.0,)),
    Problem("linear_rank_1", linear_rank_1, np.ones(10), (90 / 42,)),
    Problem("linear_rank_1_with_zeros", linear_rank_1_with_zeros, np.ones(10), (124 / 34,)),
    Problem("chebyquad", chebyquad, np.arange(1, 9) / 9, (3.51687373e-3,)),
)


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def booth(x):
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def matyas(x):
    return 0.26 * np.sum(x**2) - 0.48 * np.prod(x)


def mccormick(x):
    return np.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def three_hump_camel(x):
    return 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2


def six_hump_camel(x):
    a, b = x
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2


def goldstein_price(x):
    a, b = x
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    second = 30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return first * second


def branin(x):
    a, b = x
    bend = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


def styblinski_tang(x):
    return np.sum(x**4 - 16 * x**2 + 5 * x) / 2


def zakharov(x):
    total = np.sum(np.arange(1, len(x) + 1) * x) / 2
    return np.sum(x**2) + total**2 + total**4


def dixon_price(x):
    i = np.arange(2, len(x) + 1)
    return (x[0] - 1) ** 2 + np.sum(i * (2 * x[1:] ** 2 - x[:-1]) ** 2)


def trid(x):
    return np.sum((x - 1) ** 2) - np.sum(x[1:] * x[:-1])


def schumer_steiglitz(x):
    return np.sum(x**4)


FUNCTIONS = (
    Problem("himmelblau", himmelblau, np.zeros(2), (0.0,)),
    Problem("booth", booth, np.zeros(2), (0.0,)),
    Problem("matyas", matyas, np.array([5.0, -3.0]), (0.0,)),
    # It repeats along the diagonal; the minima fall by 3.1416 each time.
    Problem("mccormick", mccormick, np.zeros(2), (-1.91322295, -1.91322295 + np.pi)),
    Problem("three_hump_camel", three_hump_camel, np.array([1.0, 1.0]), (0.0, 0.29863844)),
    Problem(
        "six_hump_camel",
        six_hump_camel,
        np.array([1.0, 1.0]),
        (-1.03162845, -0.21546382, 2.10425031),
    ),
    Problem("goldstein_price", goldstein_price, np.array([0.5, -0.5]), (3.0, 30.0, 84.0, 840.0)),
    Problem("branin", branin, np.array([5.0, 5.0]), (0.39788736,)),
    Problem("styblinski_tang", styblinski_tang, np.full(5, -1.0), (-5 * 39.16616570,)),
    Problem("zakharov", zakharov, np.full(5, 1.0), (0.0,)),
    Problem("dixon_price", dixon_price, np.full(5, 1.0), (0.0, 2 / 3)),
    Problem("trid", trid, np.zeros(6), (-50.0,)),
    Problem("schumer_steiglitz", schumer_steiglitz, np.linspace(1, 3, 10), (0.0,)),
)


def _objective_of(residuals):
    def objective(x):
        return np.sum(residuals(x) ** 2)

    return objective


# One objective for each problem, so that what is compiled for it is found again.
OBJECTIVES = {
    **{problem.name: _objective_of(problem.residuals) for problem in PROBLEMS},
    **{problem.name: problem.residuals for problem in FUNCTIONS},
}
