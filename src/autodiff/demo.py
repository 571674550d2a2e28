"""The demo: fit the 27 NIST regression problems with exact and with approximate derivatives.

    python -m autodiff demo

Every problem is fitted from both of NIST's starting points by SciPy's trust-region least-squares
solver, once with the Jacobian that autodiff makes of the plain NumPy model, once with SciPy's
finite differences; everything else is the same. The report sets the two side by side, measured by
the digits to which the parameters agree with the certified values.

The solver: method "trf" with ``x_scale="jac"``, because the parameters differ by up to ten orders
of magnitude; and tolerances of 1e-15, because the question is how far the arithmetic lets it go.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from autodiff import nist
from autodiff.nist.models import Array, Model

SOLVER: dict[str, Any] = {
    "method": "trf",
    "x_scale": "jac",
    "ftol": 1e-15,
    "xtol": 1e-15,
    "gtol": 1e-15,
    "max_nfev": 5000,
}

# From start 2 a fit must agree with the certified values to this many digits.
REQUIRED_DIGITS = 6.0


@dataclass(frozen=True)
class Outcome:
    """What one solver found.

    Attributes
    ----------
    parameters
        The fitted parameters; nan if the solver failed.
    digits
        Digits agreed with the certified parameters, the worst of them.
    rss
        Residual sum of squares.
    evaluations
        Evaluations of the model, those for finite differences included, plus, with exact
        derivatives, evaluations of the Jacobian.
    seconds
        Of the solver, without compilation.
    costs
        Half the residual sum of squares at each residual that the solver asked for.
    """

    parameters: Array
    digits: float
    rss: float
    evaluations: int
    seconds: float
    costs: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """One problem from one start, fitted with exact derivatives and with differences."""

    problem: nist.Problem
    start: int
    exact: Outcome
    differences: Outcome
    compile_seconds: float


def run(
    names: Iterable[str] = (),
    *,
    picture: str | None = "autodiff_demo.png",
    output: TextIO | None = None,
) -> bool:
    """Run the demo and print the report.

    Parameters
    ----------
    names
        NIST's names of the problems to fit; all when empty.
    picture
        File for the picture; None for none. Without matplotlib none is drawn.
    output
        Where to print; standard output by default.

    Returns
    -------
    bool
        Whether every fit from start 2 agrees to `REQUIRED_DIGITS` digits.
    """
    output = output or sys.stdout
    problems = [nist.load(name) for name in names] or nist.load_all()
    print(HEADING, file=output)
    comparisons = []
    for comparison in compare(problems):
        comparisons.append(comparison)
        print(format_row(comparison), file=output, flush=True)
    print(summary(comparisons), file=output)
    if picture is not None:
        print(_save_picture(comparisons, picture), file=output)
    return all(c.exact.digits >= REQUIRED_DIGITS for c in comparisons if c.start == 2)


def compare(problems: Iterable[nist.Problem]) -> Iterator[Comparison]:
    """Fit each problem from start 1 and from start 2."""
    for problem in problems:
        model, compile_seconds = _compiled(problem)
        for start in (1, 2):
            yield Comparison(
                problem,
                start,
                fit_exact(problem, start, model),
                fit_differences(problem, start),
                compile_seconds if start == 1 else 0.0,
            )


def residuals_of(model: Model) -> Callable[[Array, Array, Array], Array]:
    """``residuals(b, x, y)`` of a model, in plain NumPy."""

    def residuals(b: Array, x: Array, y: Array) -> Array:
        return model(b, x) - y

    return residuals


def _compiled(problem: nist.Problem) -> tuple[Callable[..., Array], float]:
    """The residuals, compiled by a first evaluation, and the seconds that it took."""
    import scipy.optimize  # noqa: F401  (its import is not compilation)

    from autodiff.optimize import least_squares

    residuals = residuals_of(problem.model)
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        least_squares(
            residuals, problem.starts[1], args=(problem.x, problem.y), max_nfev=1, method="trf"
        )
    return residuals, time.perf_counter() - began


def fit_exact(
    problem: nist.Problem, start: int, residuals: Callable[..., Array] | None = None
) -> Outcome:
    """Fit with the Jacobian made by autodiff from the model."""
    from autodiff.optimize import least_squares

    residuals = residuals or residuals_of(problem.model)

    def solve() -> tuple[Any, list[float], int]:
        result = least_squares(
            residuals,
            problem.starts[start - 1],
            args=(problem.x, problem.y),
            history=True,
            **SOLVER,
        )
        return result, result.history.values, result.nfev + result.njev

    return _outcome(problem, solve)


def fit_differences(problem: nist.Problem, start: int) -> Outcome:
    """Fit with SciPy's own finite differences, the model in plain NumPy."""
    from scipy import optimize

    plain = residuals_of(problem.model)

    def solve() -> tuple[Any, list[float], int]:
        costs: list[float] = []

        def counted(b: Array) -> Array:
            found = plain(b, problem.x, problem.y)
            costs.append(0.5 * float(found @ found))
            return found

        result = optimize.least_squares(counted, problem.starts[start - 1], jac="2-point", **SOLVER)
        return result, costs, len(costs)

    return _outcome(problem, solve)


def _outcome(problem: nist.Problem, solve: Callable[[], tuple[Any, list[float], int]]) -> Outcome:
    began = time.perf_counter()
    # Trial steps overflow in exp and leave the domain of powers: part of the problems, not news.
    with np.errstate(all="ignore"):
        try:
            result, costs, evaluations = solve()
        except (ValueError, np.linalg.LinAlgError):
            # SciPy's answer to residuals or derivatives that are not finite.
            nothing = np.full(len(problem.parameters), np.nan)
            seconds = time.perf_counter() - began
            return Outcome(nothing, 0.0, float("nan"), 0, seconds, ())
    seconds = time.perf_counter() - began
    digits = nist.agreed_digits(result.x, problem.parameters)
    rss = float(np.sum(problem.residuals(result.x) ** 2))
    return Outcome(result.x, digits, rss, evaluations, seconds, tuple(costs))


HEADING = """\
The 27 nonlinear regression problems of the NIST Statistical Reference Datasets, fitted by
scipy.optimize.least_squares(method="trf", x_scale="jac", tolerances 1e-15).
digits: to which the worst parameter agrees with NIST's certified value (11 are certified).
evals: evaluations of the model; with exact derivatives, of the model and of its Jacobian.
ms: the solver's time; compilation, once per problem, is in the column after it.

                         ------------- autodiff ------------------   --- finite differences ---
problem   level    start digits   residual SS   evals      ms compile   digits   evals        ms
"""[:-1]


def format_row(c: Comparison) -> str:
    """One line of the report."""
    compiling = f"{c.compile_seconds * 1e3:8.0f}" if c.start == 1 else " " * 8
    return (
        f"{c.problem.name:<9} {c.problem.level:<8} {c.start:5d} {c.exact.digits:6.1f} "
        f"{c.exact.rss:13.6e} {c.exact.evaluations:7d} {c.exact.seconds * 1e3:7.1f}{compiling}"
        f" {c.differences.digits:8.1f} {c.differences.evaluations:7d} "
        f"{c.differences.seconds * 1e3:9.1f}"
    )


def summary(comparisons: list[Comparison]) -> str:
    """The last lines of the report."""
    lines = [""]
    for start in (1, 2):
        chosen = [c for c in comparisons if c.start == start]
        if not chosen:
            continue
        exact = np.array([c.exact.digits for c in chosen])
        approximate = np.array([c.differences.digits for c in chosen])
        lines.append(
            f"start {start}: {_count(exact)} of {len(chosen)} agree to {REQUIRED_DIGITS:.0f} digits "
            f"or more (fewest {exact.min():.1f}, median {np.median(exact):.1f}); with finite "
            f"differences {_count(approximate)} (fewest {approximate.min():.1f}, median "
            f"{np.median(approximate):.1f})."
        )
    short = [c for c in comparisons if c.start == 2 and c.exact.digits < REQUIRED_DIGITS]
    for c in short:
        lines.append(f"Too few digits: {c.problem.name} from start 2, {c.exact.digits:.1f}.")
    evaluations = [sum(getattr(c, way).evaluations for c in comparisons) for way in _WAYS]
    seconds = [sum(getattr(c, way).seconds for c in comparisons) for way in _WAYS]
    compiling = sum(c.compile_seconds for c in comparisons)
    lines.append(
        f"Evaluations {evaluations[0]} against {evaluations[1]}; solver time {seconds[0]:.2f} s "
        f"(and {compiling:.2f} s to compile) against {seconds[1]:.2f} s."
    )
    return "\n".join(lines)


_WAYS = ("exact", "differences")


def _count(digits: Any) -> int:
    return int(np.sum(digits >= REQUIRED_DIGITS))


def _save_picture(comparisons: list[Comparison], file: str) -> str:
    """Draw the picture into `file`; the sentence that says so, or why not."""
    try:
        import matplotlib as mpl
    except ImportError:
        return 'No picture: matplotlib is not installed (pip install "autodiff-numpy[plot]").'
    backend = mpl.get_backend()
    mpl.use("Agg")  # a file is written; no window and no display are needed
    try:
        figure = draw(comparisons)
        figure.savefig(file, dpi=130)
        mpl.pyplot.close(figure)
    except OSError as error:
        return f"No picture: could not write {file} ({error.strerror})."
    finally:
        mpl.use(backend)
    return f"Picture of fits and convergence: {file}"


def draw(comparisons: list[Comparison]) -> Any:
    """A matplotlib figure: all fits, then convergence and digits, exact against differences."""
    from autodiff.plot import pyplot

    plt = pyplot()
    fits = [c for c in comparisons if c.start == 2]
    columns = min(7, max(3, len(fits)))
    rows = -(-len(fits) // columns)
    figure = plt.figure(figsize=(2.1 * columns, 1.7 * rows + 4.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.7 * rows, 4.4])
    panels = upper.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, comparison in zip(panels, fits, strict=False):
        _draw_fit(panel, comparison)
    left, right = lower.subplots(1, 2)
    _draw_convergence(left, fits)
    _draw_digits(right, comparisons)
    return figure


def _draw_fit(panel: Any, comparison: Comparison) -> None:
    from autodiff.plot import EXACT, fit

    problem, best = comparison.problem, comparison.exact.parameters
    panel.set_axis_on()
    panel.tick_params(labelsize=5, length=2)
    title = f"{problem.name}  {comparison.exact.digits:.1f}"
    if problem.x.ndim == 1:
        fit(lambda x, *b: problem.model(np.array(b), x), best, problem.x, problem.y, ax=panel)
    else:  # two predictors: observed against fitted
        fitted = problem.model(best, problem.x)
        panel.plot(fitted, problem.y, ".", color="#555555", markersize=3)
        panel.plot(fitted, fitted, color=EXACT, linewidth=1)
        title += " (y over fit)"
    panel.set_title(title, fontsize=7)


def _draw_convergence(panel: Any, fits: list[Comparison]) -> None:
    from autodiff.plot import EXACT, OTHER

    for colour, way, label in ((OTHER, "differences", "finite differences"),
                               (EXACT, "exact", "autodiff")):  # fmt: skip
        for i, c in enumerate(fits):
            costs = np.array(getattr(c, way).costs)
            if not len(costs):
                continue
            # What is left above the certified minimum, relative to it; 1e-13 is its rounding.
            left = 2 * np.fmin.accumulate(costs) / c.problem.rss - 1
            panel.loglog(
                np.arange(1, len(left) + 1),
                np.maximum(left, 1e-13),
                color=colour,
                linewidth=0.8,
                alpha=0.7,
                label=label if i == 0 else None,
            )
    panel.set_xlabel("evaluations of the residuals")
    panel.set_ylabel("RSS above certified, relative")
    panel.set_title("convergence from start 2", fontsize=9)
    panel.legend(fontsize=7)


def _draw_digits(panel: Any, comparisons: list[Comparison]) -> None:
    from autodiff.plot import EXACT, OTHER

    chosen = [c for c in comparisons if c.start == 2]
    places = np.arange(len(chosen))
    for colour, way, shift in ((EXACT, "exact", -0.2), (OTHER, "differences", 0.2)):
        panel.bar(places + shift, [getattr(c, way).digits for c in chosen], 0.4, color=colour)
    panel.axhline(REQUIRED_DIGITS, color="#555555", linewidth=0.8, linestyle="--")
    panel.set_xticks(places, [c.problem.name for c in chosen], rotation=90, fontsize=7)
    panel.set_ylabel("digits agreed")
    panel.set_title("worst parameter against the certified values, start 2", fontsize=9)
