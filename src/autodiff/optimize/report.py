"""What is known after a fit: values, errors, correlations, intervals, contours, as text and HTML.

    print(result)                       a report
    result.interval("k", level=0.95)    where the profile of the cost has risen by what belongs to 95 %
    result.contour("a", "k")            the same of two parameters, as a closed curve

Errors come from a quadratic approximation of the cost at its minimum. A profile needs none: one
parameter is held at a value, the others are fitted again, and the rise of the cost is compared with
the quantile of chi-square (of F, where the size of sigma comes from the same data).

Sources: W. T. Eadie et al., *Statistical Methods in Experimental Physics* (1971), chapter 9;
D. M. Bates and D. G. Watts, *Nonlinear Regression Analysis* (1988), chapter 6 (profiles, F).
"""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from autodiff.api import jacobian
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.tracebacks import depth_of_user

from .evaluation import History, scipy_optimize
from .named import Named, labels_of, off_bounds
from .parameters import Array

ONE_SIGMA = math.erf(1 / math.sqrt(2))  # 68.27 %


class FitResult:
    """The result of :func:`autodiff.optimize.fit`.

    Attributes
    ----------
    values, errors
        Of every parameter, by name; an error is one standard deviation, 0 of what is fixed and nan of
        what is at a bound or not determined by the data.
    labels
        The free parameters, entry by entry: the rows of `covariance` and `correlations`.
    covariance, correlations
        Matrices of the free parameters.
    cost
        Half of chi-square, or minus the logarithm of the likelihood.
    chi_square, reduced_chi_square, r_squared, aic, bic
        The usual statistics; None where they are not defined.
    residuals
        At the best fit, in units of sigma if that was given.
    count, freedom
        The number of residuals, and how many of them are left over by the free parameters.
    vector, data
        The best values of the free parameters, entry by entry; what the model was compared with.
    success, message, scipy
        Whether the fit has converged, and the result of SciPy's that says so.
    history
        Of the evaluations, if asked for.
    """

    def __init__(
        self, *, name: str, kind: str, named: Named, problem: Any, vector: Array, scipy: Any,
        predicted: Any, data: tuple[Any, ...], scaled: bool, errors_from: str,
        history: History | None,
    ) -> None:  # fmt: skip
        self._name, self._kind, self._named, self._problem = name, kind, named, problem
        self.vector, self._predicted, self.data = np.array(vector), predicted, data
        self._scaled, self._errors_from = scaled, errors_from
        self.scipy, self.history = scipy, history
        self.success, self.message = bool(scipy.success), str(scipy.message)
        self.labels = named.labels
        self.values = _as_given(named.naming.values(self.vector), named)
        self.cost: float = problem.cost(self.vector)

    # -- statistics --------------------------------------------------------------------------------
    @cached_property
    def residuals(self) -> Array | None:
        """At the best fit; None of a likelihood."""
        return None if self._kind == "likelihood" else self._problem.residuals(self.vector)

    @property
    def count(self) -> int | None:
        """How many residuals there are."""
        return None if self.residuals is None else int(self.residuals.size)

    @property
    def freedom(self) -> int | None:
        """Residuals less free parameters."""
        return None if self.count is None else self.count - self.vector.size

    @property
    def chi_square(self) -> float | None:
        """The sum of the squared residuals."""
        return None if self.residuals is None else 2 * self.cost

    @property
    def reduced_chi_square(self) -> float | None:
        """For each residual that is left over."""
        return 2 * self.cost / self.freedom if self.freedom and self.freedom > 0 else None

    @property
    def r_squared(self) -> float | None:
        """The part of the variance of `y` that the model explains."""
        if self._kind != "least_squares":
            return None
        x, y, _ = self.data
        off = np.abs(self._predicted[0](self.vector, x) - y) ** 2
        spread = float(np.sum(np.abs(y - np.mean(y)) ** 2))
        return 1 - float(np.sum(off)) / spread if spread else None

    def _information(self, price: float) -> float | None:
        free = self.vector.size
        if self._kind == "likelihood":
            return 2 * self.cost + price * free
        if not self.cost:
            return None
        assert self.count is not None
        return self.count * math.log(2 * self.cost / self.count) + price * free

    @property
    def aic(self) -> float | None:
        """Akaike's information criterion."""
        return self._information(2)

    @property
    def bic(self) -> float | None:
        """The Bayesian information criterion; None of a likelihood, which has no count of data."""
        return None if self.count is None else self._information(math.log(self.count))

    # -- errors ------------------------------------------------------------------------------------
    @cached_property
    def at_bound(self) -> tuple[str, ...]:
        """The free parameters that a bound holds."""
        gradient = self._problem.gradient(self.vector)
        off = off_bounds(self.vector, gradient, self._named.low, self._named.high)
        return tuple([label for label, free in zip(self.labels, off, strict=True) if not free])

    @property
    def _scale(self) -> float:
        """What the covariance is multiplied by: the variance of a residual, if that is not known."""
        if not self._scaled:
            return 1.0
        reduced = self.reduced_chi_square
        return math.nan if reduced is None else reduced

    @cached_property
    def covariance(self) -> Array:
        """Of the free parameters; nan where the data do not determine it."""
        inside = np.array([label not in self.at_bound for label in self.labels])
        found = np.full((inside.size, inside.size), np.nan)
        if inside.any():
            found[np.ix_(inside, inside)] = self._scale * self._inverse(inside)
        return found

    def _inverse(self, inside: Array) -> Array:
        """The inverse of the Hessian of the cost by the entries `inside`, or of JᵀJ."""
        if self._errors_from == "hessian" or self._kind == "likelihood":
            matrix = self._problem.hessian(self.vector)[np.ix_(inside, inside)]
            lengths = np.sqrt(np.abs(np.diagonal(matrix)))
            lengths[lengths == 0] = 1
            values, vectors = np.linalg.eigh(matrix / np.outer(lengths, lengths))
        else:
            jacobian = np.asarray(self._problem.jacobian(self.vector))[:, inside]
            lengths = np.linalg.norm(jacobian, axis=0)
            lengths[lengths == 0] = 1
            # From the singular values of J: those of JᵀJ have lost half of their digits.
            _, roots, rows = np.linalg.svd(jacobian / lengths, full_matrices=False)
            values, vectors = np.zeros(lengths.size), np.zeros((lengths.size, lengths.size))
            values[: roots.size], vectors[:, : roots.size] = roots**2, rows.T
        if not values.min() > 1e-13 * max(values.max(), 0):
            return np.full(np.shape(vectors), np.nan)  # not a minimum, or a flat one
        inverse = (vectors / values) @ vectors.T
        return inverse / np.outer(lengths, lengths)

    @cached_property
    def correlations(self) -> Array:
        """Of the free parameters."""
        deviations = np.sqrt(np.diagonal(self.covariance))
        with np.errstate(invalid="ignore"):  # of a fit without any error: 0/0
            return self.covariance / np.outer(deviations, deviations)

    @cached_property
    def errors(self) -> dict[str, Any]:
        """One standard deviation of every parameter, those of tied ones to first order."""
        free = dict(zip(self.labels, np.sqrt(np.diagonal(self.covariance)), strict=True))
        found: dict[str, Any] = {}
        for name, entry in self._named.given.items():
            shape = np.shape(self.values[name])
            if entry.tied is not None:
                found[name] = self._tied_error(name, shape)
            elif entry.fixed:
                found[name] = np.zeros(shape)[()]
            else:
                entries = [free[label] for label in labels_of(name, shape)]
                found[name] = np.reshape(entries, shape) if shape else entries[0]
        return found

    def _tied_error(self, name: str, shape: tuple[int, ...]) -> Any:
        naming = self._named.naming
        slope = np.asarray(jacobian(lambda vector: naming.values(vector)[name])(self.vector))
        slope = slope.reshape(-1, self.vector.size)
        # A parameter at its bound stays there: what depends on it varies with the others alone.
        known = np.array([label not in self.at_bound for label in self.labels])
        slope, covariance = slope[:, known], self.covariance[np.ix_(known, known)]
        variance = np.einsum("ri,ij,rj->r", slope, covariance, slope)
        return np.sqrt(variance).reshape(shape)[()]

    # -- profiles ----------------------------------------------------------------------------------
    def _quantile(self, level: float, of: int) -> float:
        """By how much twice the cost, over its scale, rises to the edge of a region of `level`."""
        if not 0 < level < 1:
            raise NameArgumentError(f"level={level} is no probability", remedy="give e.g. 0.95")
        if not self._scale > 0:
            raise ArgumentError(
                "the residuals tell no size of errors: they are zero, or no more than the parameters",
                remedy="give sigma and absolute_sigma=True",
            )
        from scipy import stats

        if self._scaled:
            return float(of * stats.f.ppf(level, of, self.freedom))
        return float(stats.chi2.ppf(level, of))

    def _rise(self, held: Array, at: Array, start: Array) -> tuple[float, Array]:
        """Twice the rise of the cost, over its scale, with the entries `held` at `at`; and where."""
        x = np.array(start)
        x[held] = at
        moving = np.setdiff1d(np.arange(x.size), held)
        if moving.size:
            x = self._problem.solve(x, moving, self._named.low, self._named.high).x
        rise = 2 * (self._problem.cost(x) - self.cost) / self._scale
        if rise < -1e-6:
            warnings.warn(
                f"with {', '.join(self.labels[k] for k in held)} held at {np.array(at).tolist()} the "
                "rest fits better than the fit itself: it was not the minimum. Fit again from there.",
                UserWarning,
                stacklevel=depth_of_user(),
            )
        return max(rise, 0.0), x

    def profile(self, name: str, values: Any = None) -> tuple[Array, Array]:
        """How the cost rises with one parameter, all others fitted again.

        Parameters
        ----------
        name
            A free parameter.
        values
            Where; by default 21 points to three errors on both sides.

        Returns
        -------
        tuple of ndarray
            The values, and the rise of chi-square (over its scale) or of -2 log likelihood.
        """
        k = self._named.entry(name)
        self._quantile(ONE_SIGMA, 1)  # there is a scale
        if values is None:
            reach = 3 * self._step(k)
            values = np.linspace(-reach, reach, 21) + self.vector[k]
            values = values[(values >= self._named.low[k]) & (values <= self._named.high[k])]
        values = np.asarray(values, dtype=np.float64)
        rises, held = np.empty(values.shape), np.array([k])
        # Outwards from the minimum on both sides, each from where the last one ended.
        for side in (values >= self.vector[k], values < self.vector[k]):
            x, indices = self.vector, np.flatnonzero(side)
            for i in indices[np.argsort(np.abs(values[indices] - self.vector[k]))]:
                rises[i], x = self._rise(held, values[i : i + 1], x)
        return values, rises

    def interval(self, name: str, level: float = ONE_SIGMA) -> tuple[float, float]:
        """The interval of a free parameter by its profile; an end is its bound where that comes first.

        An end is infinite where the cost never rises so far.
        """
        k = self._named.entry(name)
        target, held = self._quantile(level, 1), np.array([k])
        step = self._step(k) * math.sqrt(target)
        ends = [
            self._end(held, np.array([sign * step]), target, self.vector[held])[0]
            for sign in (-1.0, 1.0)
        ]
        return float(ends[0]), float(ends[1])

    def intervals(self, level: float = ONE_SIGMA) -> dict[str, tuple[float, float]]:
        """`interval` of every free parameter."""
        return {label: self.interval(label, level) for label in self.labels}

    def contour(self, first: str, second: str, level: float = ONE_SIGMA, points: int = 40) -> Array:
        """The edge of the region of two free parameters at `level`, an array (points + 1, 2).

        In each direction the profile of both is followed to where it has risen far enough.
        """
        held = np.array([self._named.entry(first), self._named.entry(second)])
        if held[0] == held[1]:
            raise NameArgumentError("a contour needs two parameters", remedy="name another one")
        target = self._quantile(level, 2)
        block = self.covariance[np.ix_(held, held)]
        if not np.all(np.isfinite(block)):
            raise ArgumentError(
                f"the errors of {first} and {second} are not known: one is at its bound, or the data "
                "do not determine them",
                remedy="look at result.profile of each",
            )
        axes = math.sqrt(target) * np.linalg.cholesky(block)
        angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
        center = self.vector[held]
        edge = [
            self._end(held, axes @ [math.cos(angle), math.sin(angle)], target, center, 1e-4)
            for angle in angles
        ]
        return np.array([*edge, edge[0]])

    def _step(self, k: int) -> float:
        error = math.sqrt(self.covariance[k, k]) if self.covariance[k, k] >= 0 else math.nan
        return error if 0 < error < math.inf else 0.1 * (abs(self.vector[k]) + 0.1)

    def _end(
        self, held: Array, direction: Array, target: float, center: Array, precise: float = 1e-8
    ) -> Array:
        """Where on the way from `center` in this direction the cost has risen by `target`."""
        low, high = self._named.low[held], self._named.high[held]
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(direction > 0, (high - center) / direction, (low - center) / direction)
        limit = float(np.nanmin(np.where(direction == 0, np.inf, room)))
        x = self.vector

        def short(distance: float) -> float:
            nonlocal x
            rise, x = self._rise(held, center + distance * direction, x)
            return math.sqrt(rise) - math.sqrt(target)

        inner, outer = 0.0, min(1.0, limit)
        while short(outer) < 0:
            if outer >= limit:
                return center + limit * direction
            if outer > 1e6:
                return np.where(direction == 0, center, np.copysign(np.inf, direction))
            inner, outer = outer, min(1.6 * outer, limit)
        if inner == 0.0 and outer == 0.0:
            return center
        found = scipy_optimize().brentq(short, inner, outer, xtol=1e-12, rtol=precise)
        return center + found * direction

    # -- predictions -------------------------------------------------------------------------------
    def predict(self, x: Any) -> Any:
        """The fitted model at `x`."""
        return self._curve()[0](self.vector, x)

    def band(self, x: Any, level: float = ONE_SIGMA) -> tuple[Any, Any]:
        """The fitted model at `x`, and half the width of its band of confidence there."""
        curve, slope = self._curve()
        value = curve(self.vector, x)
        known = np.array([label not in self.at_bound for label in self.labels])
        rows = np.asarray(slope(self.vector, x)).reshape(-1, self.vector.size)[:, known]
        covariance = self.covariance[np.ix_(known, known)]
        width = np.sqrt(np.einsum("ri,ij,rj->r", rows, covariance, rows))
        return value, math.sqrt(self._quantile(level, 1)) * width.reshape(np.shape(value))

    def _curve(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        if self._predicted is None:
            raise ArgumentError(
                f"cost={self._kind!r} has no curve to predict",
                remedy="call the model with result.values",
            )
        return self._predicted

    # -- text --------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        state = "converged" if self.success else "not converged"
        values = ", ".join(f"{name}={_short(value)}" for name, value in self.values.items())
        return f"<FitResult of {self._name}, {state}: {values}>"

    def __str__(self) -> str:
        lines = [self._headline(), *(f"  {name}: {text}" for name, text in self._statistics())]
        table = [("parameter", "value", "error", "", "start", "bounds"), *self._rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append(("  " + "  ".join(cells)).rstrip())
        related = self._related()
        if related:
            lines.append("  correlations above 0.1 in size")
            lines += [f"    {first}, {second}  {value:+.3f}" for first, second, value in related]
        return "\n".join(lines)

    def _headline(self) -> str:
        by = "maximum likelihood" if self._kind == "likelihood" else "least squares"
        state = "converged" if self.success else f"NOT converged ({self.message})"
        return f"fit of {self._name} by {by} ({self.scipy.method}), {self.scipy.nfev} evaluations: {state}"

    def _statistics(self) -> list[tuple[str, str]]:
        found = [
            ("data", self.count),
            ("free parameters", self.vector.size),
            ("chi-square", self.chi_square),
            ("reduced chi-square", self.reduced_chi_square),
            ("-log likelihood", self.cost if self._kind == "likelihood" else None),
            ("R²", self.r_squared),
            ("AIC", self.aic),
            ("BIC", self.bic),
        ]
        return [(name, _short(value)) for name, value in found if value is not None]

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name, entry in self._named.given.items():
            shape = np.shape(self.values[name])
            value, error = np.ravel(self.values[name]), np.ravel(self.errors[name])
            start = None if entry.tied else np.ravel(np.broadcast_to(entry.value, shape))
            for k, label in enumerate(labels_of(name, shape)):
                if entry.fixed:
                    rows.append((label, _short(value[k]), "", "fixed", "", ""))
                    continue
                digits = f"{error[k]:.3g}"
                if label in self.at_bound:
                    digits, note = "", "at its bound"
                elif not np.isfinite(error[k]):
                    digits, note = "", "not determined"
                else:
                    note = f"{100 * error[k] / abs(value[k]):.2g} %" if value[k] else ""
                begun = "tied" if start is None else _short(start[k])
                rows.append((label, _short(value[k]), digits, note, begun, _bounds_text(entry)))
        return rows

    def _related(self) -> list[tuple[str, str, float]]:
        found = [
            (self.labels[i], self.labels[j], float(self.correlations[i, j]))
            for i in range(len(self.labels))
            for j in range(i)
            if abs(self.correlations[i, j]) > 0.1
        ]
        return sorted(found, key=lambda entry: -abs(entry[2]))[:20]

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{_escaped(c)}</th>"
            for c in ("parameter", "value", "error", "", "start", "bounds")
        )
        body = "".join(
            "<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        facts = "".join(
            f"<tr><th>{_escaped(name)}</th><td>{_escaped(text)}</td></tr>"
            for name, text in self._statistics()
        )
        related = "".join(
            f"<tr><td>{_escaped(first)}</td><td>{_escaped(second)}</td><td>{value:+.3f}</td></tr>"
            for first, second, value in self._related()
        )
        return (
            f"<p>{_escaped(self._headline())}</p><table><tr>{head}</tr>{body}</table>"
            f"<details><summary>statistics</summary><table>{facts}</table></details>"
            f"<details><summary>correlations</summary><table>{related}</table></details>"
        )


def _as_given(values: dict[str, Any], named: Named) -> dict[str, Any]:
    """In the user's order, numbers as numbers."""
    return {
        name: np.array(values[name]) if np.ndim(values[name]) else float(values[name])
        for name in named.given
    }


def _short(value: Any) -> str:
    if isinstance(value, int | np.integer):
        return str(value)
    return f"{value:.6g}" if np.ndim(value) == 0 else np.array2string(value, precision=4)


def _bounds_text(entry: Any) -> str:
    if entry.tied is not None or (np.all(np.isinf(entry.low)) and np.all(np.isinf(entry.high))):
        return ""
    low, high = (_short(np.asarray(end, dtype=float)[()]) for end in (entry.low, entry.high))
    return f"{low} … {high}"


def _escaped(text: str) -> str:
    return html.escape(text)
