"""Classical test problems for optimisers, in plain NumPy.

Most are from Moré, Garbow and Hillstrom (1981), "Testing unconstrained optimization software", ACM
Transactions on Mathematical Software 7, 17-41, with that paper's numbering, standard starting
points and published minima. Each is a vector of residuals; the objective is its sum of squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A problem: residuals, start, and the values of all its known minima."""

    name: str
    residuals: Callable[[Any], Any]
    start: Any
    minima: tuple[float, ...]

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


def biggs_exp6(x):  # 18
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


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


def broyden_tridiagonal(x):  # 30
    around = np.concatenate([[0.0], x, [0.0]])
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


def linear_full_rank(x):  # 32, with m = 2 n
    n = len(x)
    total = np.sum(x) / n
    return np.concatenate([x - total - 1, np.full(n, -1.0) - total])


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
    Problem("brown_badly_scaled", brown_badly_scaled, np.array([1.0, 1.0]), (0.0,)),
    Problem("beale", beale, np.array([1.0, 1.0]), (0.0,)),
    Problem("jennrich_sampson", jennrich_sampson, np.array([0.3, 0.4]), (124.36218236,)),
    Problem("helical_valley", helical_valley, np.array([-1.0, 0.0, 0.0]), (0.0,)),
    Problem("bard", bard, np.ones(3), (8.21487731e-3, 17.4286)),
    Problem("gaussian", gaussian, np.array([0.4, 1.0, 0.0]), (1.12793277e-8,)),
    Problem("box_three_dimensional", box_three_dimensional, np.array([0.0, 10.0, 20.0]), (0.0,)),
    Problem("powell_singular", powell_singular, np.array([3.0, -1.0, 0.0, 1.0]), (0.0,)),
    Problem("wood", wood, np.array([-3.0, -1.0, -3.0, -1.0]), (0.0,)),
    Problem(
        "kowalik_osborne", kowalik_osborne, np.array([0.25, 0.39, 0.415, 0.39]), (3.07505604e-4,)
    ),
    Problem("brown_dennis", brown_dennis, np.array([25.0, 5.0, -5.0, -1.0]), (85822.20162636,)),
    Problem(
        "biggs_exp6", biggs_exp6, np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0]), (0.0, 5.65564993e-3)
    ),
    Problem("watson", watson, np.zeros(6), (2.28767005e-3,)),
    Problem("extended_rosenbrock", extended_rosenbrock, np.tile([-1.2, 1.0], 5), (0.0,)),
    Problem("penalty_1", penalty_1, np.arange(1.0, 11.0), (7.08765153e-5,)),
    Problem("penalty_2", penalty_2, np.full(4, 0.5), (9.37629304e-6,)),
    Problem("variably_dimensioned", variably_dimensioned, 1 - np.arange(1, 11) / 10, (0.0,)),
    Problem("trigonometric", trigonometric, np.full(10, 0.1), (0.0, 2.79506e-5)),
    Problem("brown_almost_linear", brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)),
    Problem(
        "discrete_boundary_value", discrete_boundary_value, _start_of_boundary_value(10), (0.0,)
    ),
    Problem("broyden_tridiagonal", broyden_tridiagonal, np.full(10, -1.0), (0.0,)),
    Problem("linear_full_rank", linear_full_rank, np.ones(10), (10.0,)),
    Problem("chebyquad", chebyquad, np.arange(1, 9) / 9, (3.51687373e-3,)),
)


def _objective_of(residuals):
    def objective(x):
        return np.sum(residuals(x) ** 2)

    return objective


# One objective for each problem, so that what is compiled for it is found again.
OBJECTIVES = {problem.name: _objective_of(problem.residuals) for problem in PROBLEMS}
