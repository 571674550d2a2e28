"""SciPy's loops with exact gradients against the same loops with finite differences.

    python -m bench.scipy_loops

`minimize(method="L-BFGS-B")` on the extended Rosenbrock function and on a sum of logistic losses,
at n = 2, 10 and 100, from the same start to the same tolerance. Times are for a whole search, the
best of several, after a first one that compiles; the first search is reported beside them.
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

from autodiff.optimize import minimize  # noqa: E402

SIZES = (2, 10, 100)


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


def main() -> int:
    """Print the table; return 1 if a loop is slower with exact gradients."""
    print("function      n   first ms  exact ms  evals   differences ms  evals   times faster")
    slower = 0
    for n in SIZES:
        for name, function, start in (
            ("rosenbrock", rosenbrock, np.linspace(-1.2, 1.2, n)),
            ("logistic", logistic_of(n), np.zeros(n)),
        ):
            began = time.perf_counter()
            minimize(function, start, method="L-BFGS-B")
            first = time.perf_counter() - began
            exact, result = best_of(lambda: minimize(function, start, method="L-BFGS-B"))
            # maxfun counts the evaluations for differences; as many iterations as it takes.
            options = {"maxfun": 10**7}
            approximate, reference = best_of(
                lambda: optimize.minimize(function, start, method="L-BFGS-B", options=options)
            )
            slower += exact > approximate
            print(
                f"{name:<11} {n:4d} {first * 1e3:9.1f} {exact * 1e3:9.2f} {result.nfev:6d} "
                f"{approximate * 1e3:15.2f} {reference.nfev:6d} {approximate / exact:12.1f}"
            )
    return 1 if slower else 0


def best_of(solve: Callable[[], Any], repeats: int = 5) -> tuple[float, Any]:
    """The shortest time of several runs, and the last result."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        result = solve()
        best = min(best, time.perf_counter() - began)
    return best, result


if __name__ == "__main__":
    raise SystemExit(main())
