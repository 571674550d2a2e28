"""SciPy's loops with exact gradients against the same loops with finite differences.

    python -m bench.scipy_loops

`minimize` by five methods on the extended Rosenbrock function and on a sum of logistic losses,
`least_squares`, `curve_fit` and `root`, at n = 2, 10 and 100, from the same start to the same tolerance, at most
`ITERATIONS` steps. Times are for a whole search, the best of several, in turns, after a first one
that compiles; that first search is reported beside them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

# One thread each. Must precede the import of NumPy.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
from scipy import optimize  # noqa: E402

from autodiff import optimize as exact_optimize  # noqa: E402

SIZES = (2, 10, 100)
METHODS = ("L-BFGS-B", "BFGS", "CG", "SLSQP", "TNC")
ITERATIONS = 50


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic_of(n: int) -> Callable[[Any], Any]:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((200, n))
    signs = np.sign(features @ np.ones(n) + rng.standard_normal(200))

    def logistic(x: Any) -> Any:
        margin = signs * (features @ x)
        return np.mean(np.logaddexp(0, -margin)) + 0.01 * np.sum(x**2)

    return logistic


def residuals(x: Any) -> Any:
    return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1], [0.1 * x[-1]]])


def tridiagonal(x: Any) -> Any:  # Broyden (1965)
    around = np.concatenate([[0.0], x, [0.0]])
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


def peaks(x: Any, *parameters: Any) -> Any:
    """Gaussians of width one: height and place of each."""
    total = np.zeros(len(x))
    for k in range(0, len(parameters), 2):
        total = total + parameters[k] * np.exp(-((x - parameters[k + 1]) ** 2))
    return total


def fit_peaks(package: Any, n: int) -> Any:
    places = 4.0 * np.arange(n // 2)
    x = np.linspace(-4.0, places[-1] + 4.0, 8 * n)
    y = peaks(x, *np.stack([1 + np.sin(places) ** 2, places + 0.3], axis=1).ravel())
    start = np.stack([np.ones(n // 2), places], axis=1).ravel()
    found = package.curve_fit(peaks, x, y, start, full_output=True)
    return optimize.OptimizeResult(x=found[0], nfev=found[2]["nfev"])


Solve = Callable[[Any], Any]  # from scipy.optimize or autodiff.optimize to a result


def loops(n: int) -> list[tuple[str, Solve]]:
    """The searches of size `n`, by name."""
    found: list[tuple[str, Solve]] = []
    for name, function, start in (
        ("rosenbrock", rosenbrock, np.linspace(-1.2, 1.2, n)),
        ("logistic", logistic_of(n), np.zeros(n)),
    ):
        for method in METHODS:
            # maxfun counts the evaluations for differences; as many iterations as it takes.
            limit = {"maxfun": 20 * ITERATIONS} if method == "TNC" else {"maxiter": ITERATIONS}
            if method == "L-BFGS-B":
                limit["maxfun"] = 10**7

            def search(package: Any, f=function, x=start, method=method, limit=limit) -> Any:
                return package.minimize(f, x, method=method, options=limit)

            found.append((f"{name} {method}", search))
    start = np.linspace(-1.2, 1.2, n)
    limit = ITERATIONS
    found.append(("least_squares trf", lambda p: p.least_squares(residuals, start, max_nfev=limit)))
    found.append(("curve_fit lm", lambda p: fit_peaks(p, n)))
    found.append(("root hybr", lambda p: p.root(tridiagonal, np.full(n, -1.0))))
    return found


def main() -> int:
    """Print the table; return 1 if a loop is slower with exact derivatives."""
    print(
        "loop                    n  first ms  exact ms  evals  differences ms  evals  times faster"
    )
    slower = 0
    for n in SIZES:
        for name, solve in loops(n):
            began = time.perf_counter()
            solve(exact_optimize)
            first = time.perf_counter() - began
            exact, approximate, result, reference = best_of(solve)
            slower += exact > approximate
            print(
                f"{name:<20} {n:4d} {first * 1e3:9.1f} {exact * 1e3:9.2f} {result.nfev:6d} "
                f"{approximate * 1e3:15.2f} {reference.nfev:6d} {approximate / exact:13.1f}",
                flush=True,
            )
    return 1 if slower else 0


def best_of(solve: Solve, repeats: int = 3) -> tuple[float, float, Any, Any]:
    """The shortest time of several runs with exact derivatives and with differences, in turns."""
    best = [float("inf"), float("inf")]
    results = [None, None]
    for _ in range(repeats):
        for k, package in enumerate((exact_optimize, optimize)):
            began = time.perf_counter()
            results[k] = solve(package)
            best[k] = min(best[k], time.perf_counter() - began)
    return *best, *results


if __name__ == "__main__":
    raise SystemExit(main())
