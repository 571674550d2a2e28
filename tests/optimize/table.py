"""The classical problems, solved by each method, as tables for the documentation.

    python -m tests.optimize.table            # print
    python -m tests.optimize.table --write    # put into docs/optimisation.md

For each problem and method: how often the objective is evaluated with exact derivatives, and with
SciPy's finite differences, from the same start to the same tolerance. A cross marks a search that
did not end at a known minimum.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from autodiff.optimize import METHODS, least_squares, minimize

from .problems import FUNCTIONS, PROBLEMS, Problem

PAGE = Path(__file__).parents[2] / "docs" / "optimisation.md"
BEGIN, END = "<!-- problems: begin -->\n", "<!-- problems: end -->\n"

WITH_DIFFERENCES = ("BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")
# SciPy has these only for those who bring derivatives.
EXACT_ONLY = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-exact", "dogleg")
FITTING = "least_squares"
COLUMNS = (*WITH_DIFFERENCES, FITTING, *EXACT_ONLY)
TOLERANCE = 1e-9


class Count:
    """A function, and how often it was called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.function(x)


Outcome = tuple[int, bool]  # evaluations; whether a minimum was reached


def exact(problem: Problem, method: str) -> Outcome | None:
    """One search with exact derivatives."""
    if method == FITTING:
        if problem in FUNCTIONS:
            return None
        result = least_squares(problem.residuals, problem.start, x_scale="jac", **_limits())
        return result.nfev, problem.is_minimum(2 * result.cost)
    try:
        result = minimize(problem.objective, problem.start, method=method, **_how(method))
    except np.linalg.LinAlgError:  # dogleg, where the Hessian is not positive definite
        return 0, False
    return result.nfev, problem.is_minimum(float(result.fun))


def differences(problem: Problem, method: str) -> Outcome | None:
    """The same search with SciPy's finite differences."""
    if method in EXACT_ONLY:
        return None
    if method == FITTING:
        if problem in FUNCTIONS:
            return None
        residuals = Count(problem.residuals)
        result = optimize.least_squares(residuals, problem.start, x_scale="jac", **_limits())
        return residuals.calls, problem.is_minimum(2 * result.cost)
    objective = Count(problem.objective)
    result = optimize.minimize(objective, problem.start, method=method, **_how(method))
    return objective.calls, problem.is_minimum(float(result.fun))


def _how(method: str) -> dict[str, Any]:
    # maxfun counts the evaluations for differences as well: as many as it takes.
    limit = {"maxfun": 10**5} if method in ("TNC", "L-BFGS-B") else {"maxiter": 1000}
    return {"tol": TOLERANCE, "options": limit}


def _limits() -> dict[str, float]:
    return {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14}


def tables() -> str:
    """Both tables in Markdown: one line a method, and one line a problem."""
    found: dict[tuple[str, str], tuple[Outcome | None, Outcome | None]] = {}
    problems = PROBLEMS + FUNCTIONS
    for problem in problems:
        for method in COLUMNS:
            found[problem.name, method] = exact(problem, method), differences(problem, method)
    return f"{_summary(problems, found)}\n\n{_details(problems, found)}\n"


def _summary(problems: tuple[Problem, ...], found: Any) -> str:
    lines = [
        "| method | problems | solved, exact | solved, differences | solved by both: evaluations, "
        "exact / differences | times fewer |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for method in COLUMNS:
        pairs = [found[p.name, method] for p in problems if found[p.name, method][0]]
        solved = sum(ours[1] for ours, _ in pairs)
        if method in EXACT_ONLY:
            lines.append(f"| {method} | {len(pairs)} | {solved} | | | |")
            continue
        both = [(ours[0], theirs[0]) for ours, theirs in pairs if ours[1] and theirs[1]]
        ours, theirs = (sum(column) for column in zip(*both, strict=True))
        lines.append(
            f"| {method} | {len(pairs)} | {solved} | {sum(theirs[1] for _, theirs in pairs)} "
            f"| {ours} / {theirs} | {theirs / ours:.1f} |"
        )
    return "\n".join(lines)


def _details(problems: tuple[Problem, ...], found: Any) -> str:
    lines = [
        "| problem | n | " + " | ".join(COLUMNS) + " |",
        "| --- " * (len(COLUMNS) + 2) + "|",
    ]
    for problem in problems:
        cells = [
            " / ".join(_cell(outcome) for outcome in found[problem.name, method] if outcome)
            for method in COLUMNS
        ]
        name = problem.name.replace("_", " ")
        lines.append(f"| {name} | {len(problem.start)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(outcome: Outcome) -> str:
    evaluations, reached = outcome
    return f"{evaluations or ''}{'' if reached else '×'}"


def main() -> None:
    """Print the tables or write them into the documentation."""
    assert {method.lower() for method in COLUMNS} - {FITTING} <= set(METHODS)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = tables()
    if "--write" not in sys.argv:
        print(text)
        return
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + BEGIN + "\n" + text + "\n" + END + after)


if __name__ == "__main__":
    main()
