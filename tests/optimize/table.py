"""Print the table of the classical problems for the documentation.

    python -m tests.optimize.table

For each problem and method: evaluations of the objective with exact derivatives, and with SciPy's
finite differences. ``*`` marks a run that did not end at a known minimum.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import optimize

from autodiff.optimize import METHODS, minimize

from .problems import PROBLEMS, Problem

FIRST_ORDER = ("BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP")
SECOND_ORDER = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr")


def table() -> str:
    """The table, in Markdown."""
    heads = [f"{m}: exact / differences" for m in FIRST_ORDER] + [
        f"{m}: exact" for m in SECOND_ORDER
    ]
    lines = ["| problem | n | " + " | ".join(heads) + " |", "| --- " * (len(heads) + 2) + "|"]
    for problem in PROBLEMS:
        cells = [problem.name.replace("_", " "), str(len(problem.start))]
        for method in FIRST_ORDER:
            exact = minimize(problem.objective, problem.start, method=method)
            approximate = optimize.minimize(problem.objective, problem.start, method=method)
            cells.append(f"{_count(problem, exact)} / {_count(problem, approximate)}")
        for method in SECOND_ORDER:
            assert METHODS[method.lower()].curvature != "none"
            cells.append(_count(problem, minimize(problem.objective, problem.start, method=method)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _count(problem: Problem, result: optimize.OptimizeResult) -> str:
    reached = any(abs(result.fun - known) <= 1e-7 + 1e-5 * known for known in problem.minima)
    return f"{result.nfev}{'' if reached else '*'}"


if __name__ == "__main__":
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(table())
