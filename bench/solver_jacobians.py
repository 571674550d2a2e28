"""SciPy's solvers inside of a function, with its differences and with exact derivatives handed over.

    OPENBLAS_NUM_THREADS=1 python -m bench.solver_jacobians

For each: evaluations that SciPy counts, and processor time of plain SciPy, of the compiled function, and of that with
``solver_jacobians=True``.  Fails where the last is slower than the second by more than a tenth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import integrate, optimize

import autodiff

TIMES = np.linspace(0, 10, 200)
CELLS = 64
Problem = Callable[[float], Any]


def root(p: float) -> Any:
    """Broyden's tridiagonal equations, 30 of them."""
    found = optimize.root(
        lambda z: (3 - p * z) * z - np.roll(z, 1) - 2 * np.roll(z, -1) + 1, -np.ones(30)
    )
    return found.x, found.nfev


def least_squares(p: float) -> Any:
    """A damped oscillation, 200 points and five parameters."""
    data = 2 * np.exp(-p * TIMES) * np.sin(1.3 * TIMES + 0.2) + 0.5
    found = optimize.least_squares(
        lambda z: z[0] * np.exp(-z[1] * TIMES) * np.sin(z[2] * TIMES + z[3]) + z[4] - data,
        [1.0, 0.5, 1.2, 0.0, 0.0],
    )
    return found.x, found.nfev


def rosenbrock(n: int, method: str) -> Problem:
    """Rosenbrock's function."""

    def search(p: float) -> Any:
        found = optimize.minimize(
            lambda z: np.sum(p * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2),
            np.full(n, 0.5),
            method=method,
        )
        return found.x, found.nfev

    return search


def robertson(method: str) -> Problem:
    """Three reactions with rates from 0.04 to 3e7."""

    def run(p: float) -> Any:
        def rates(t: Any, y: Any) -> Any:
            first, second, third = 0.04 * y[0], p * y[1] * y[2], 3e7 * y[1] ** 2
            return [second - first, first - second - third, third]

        found = integrate.solve_ivp(rates, (0, 1e5), [1.0, 0, 0], method, rtol=1e-6, atol=1e-9)
        return found.y[:, -1], found.nfev

    return run


def van_der_pol(p: float) -> Any:
    """Two periods of a stiff oscillator."""
    found = integrate.solve_ivp(
        lambda t, y: [y[1], p * (1 - y[0] ** 2) * y[1] - y[0]],
        (0, 2000), [2.0, 0.0], "Radau", rtol=1e-6, atol=1e-9,
    )  # fmt: skip
    return found.y[:, -1], found.nfev


def reaction(method: str) -> Problem:
    """A reaction on a ring of 64 cells, between which it diffuses."""
    start = np.sin(2 * np.pi * np.arange(CELLS) / CELLS)

    def run(p: float) -> Any:
        def slope(t: Any, u: Any) -> Any:
            return p * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) * CELLS**2 + u * (1 - u**2)

        found = integrate.solve_ivp(slope, (0, 1), start, method, rtol=1e-6, atol=1e-9)
        return found.y[:, -1], found.nfev

    return run


def boundary(p: float) -> Any:
    """Bratu's problem; what is counted are meshes."""
    found = integrate.solve_bvp(
        lambda x, y: np.vstack((y[1], -p * np.exp(y[0]))), lambda a, b: np.array([a[0], b[0]]),
        np.linspace(0, 1, 11), np.zeros((2, 11)), tol=1e-8,
    )  # fmt: skip
    return found.sol(0.5), found.niter


PROBLEMS: list[tuple[str, Problem, float]] = [
    ("root, 30 unknowns", root, 2.0),
    ("least_squares, 5", least_squares, 0.3),
    ("minimize BFGS, 20", rosenbrock(20, "BFGS"), 100.0),
    ("minimize L-BFGS-B, 50", rosenbrock(50, "L-BFGS-B"), 100.0),
    ("minimize SLSQP, 20", rosenbrock(20, "SLSQP"), 100.0),
    ("minimize trust-constr, 20", rosenbrock(20, "trust-constr"), 100.0),
    ("solve_ivp BDF, Robertson", robertson("BDF"), 1e4),
    ("solve_ivp LSODA, Robertson", robertson("LSODA"), 1e4),
    ("solve_ivp Radau, van der Pol", van_der_pol, 1e3),
    ("solve_ivp BDF, 64 cells", reaction("BDF"), 0.01),
    ("solve_ivp Radau, 64 cells", reaction("Radau"), 0.01),
    ("solve_bvp, Bratu", boundary, 1.0),
]


def shortest(call: Problem, p: float, repeats: int = 5) -> float:
    """The least processor time of several calls, in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call(p)
        times.append(time.process_time() - began)
    return min(times) * 1e3


def main() -> int:
    """Print the table; return 1 where exact derivatives make a call slower."""
    print(f"{'':30}   evaluations          ms: SciPy  compiled  with Jacobians")
    slower = 0
    for name, plain, p in PROBLEMS:
        calls = (plain, autodiff.function(plain), autodiff.function(plain, solver_jacobians=True))
        counts = [int(call(p)[1]) for call in calls]
        times = [shortest(call, p) for call in calls]
        slower += times[2] > 1.1 * times[1]
        print(
            f"{name:30} {counts[1]:6d} {counts[2]:6d} {times[0]:18.2f} {times[1]:9.2f} {times[2]:15.2f}",
            flush=True,
        )
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
