"""Pictures of convergence, of fits and of gradient checks (needs matplotlib).

    result = autodiff.optimize.minimize(rosenbrock, x0, history=True)
    autodiff.plot.convergence(result.history)

Every function draws into the axes it is given, or into new ones, and returns the axes; nothing is
shown or saved. matplotlib is imported at the first call; it is the extra ``autodiff-numpy[plot]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import tree
from autodiff.errors import ArgumentError, AutodiffError

if TYPE_CHECKING:
    from autodiff.optimize import FitResult, History

# Dark enough on white, and distinguishable by people with colour-blindness (Okabe and Ito 2008).
EXACT, OTHER, DATA = "#0072B2", "#D55E00", "#555555"


class PlotError(AutodiffError, ImportError):
    """matplotlib is not installed."""

    code = "AD601"


def convergence(
    history: History | Mapping[str, History], *, target: float | None = None, ax: Any = None
) -> Any:
    """Draw the best value so far over the number of evaluations.

    Parameters
    ----------
    history
        ``result.history``, or several by name.
    target
        The best value possible, if known: the distance to it is drawn. Otherwise the distance to
        the best value of all.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    histories = history if isinstance(history, Mapping) else {"": history}
    values = {name: np.fmin.accumulate(entry.values) for name, entry in histories.items()}
    if target is None:
        target = min(
            (float(np.nanmin(v)) for v in values.values() if np.isfinite(v).any()), default=0.0
        )
    for name, found in values.items():
        distance = np.abs(found - target)
        # A distance of zero has no place on a logarithmic axis: the line ends there.
        distance[distance == 0] = np.nan
        ax.semilogy(np.arange(1, len(found) + 1), distance, label=name or None)
    ax.set_xlabel("evaluations")
    ax.set_ylabel("value above the minimum")
    if any(histories):
        ax.legend()
    return ax


def fit(
    model: Callable[..., Any],
    parameters: Any,
    x: Any,
    y: Any,
    *,
    title: str = "",
    ax: Any = None,
) -> Any:
    """Draw data and the fitted curve ``model(x, *parameters)``, as `curve_fit` has them.

    Parameters
    ----------
    model
        ``model(x, *parameters)``, for one-dimensional `x`.
    parameters
        The fitted parameters.
    x, y
        The data.
    title
        Above the picture.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    x, y = np.asarray(x), np.asarray(y)
    grid = np.linspace(x.min(), x.max(), 400)
    ax.plot(x, y, ".", color=DATA, markersize=3)
    ax.plot(grid, model(grid, *parameters), color=EXACT, linewidth=1)
    ax.set_title(title)
    return ax


def fitted(result: FitResult, *, level: float = 0.6827, ax: Any = None) -> Any:
    """Draw the data of a fit, the fitted curve, and its band of confidence.

    Parameters
    ----------
    result
        What `autodiff.optimize.fit` returns, of a model of one-dimensional `x`.
    level
        Of the band.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    x, y = _data_of(result)
    grid = np.linspace(x.min(), x.max(), 400)
    value, width = result.band(grid, level)
    ax.plot(x, y, ".", color=DATA, markersize=3)
    ax.plot(grid, value, color=EXACT, linewidth=1)
    ax.fill_between(grid, value - width, value + width, color=EXACT, alpha=0.2, linewidth=0)
    return ax


def residuals(result: FitResult, *, ax: Any = None) -> Any:
    """Draw the residuals of a fit, data less model, over `x`, and one standard deviation about zero.

    Parameters
    ----------
    result
        What `autodiff.optimize.fit` returns; of residuals that have no `x`, over their number.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if result.residuals is None:
        raise ArgumentError(
            "a likelihood has no residuals to draw", remedy="use plot.profile or plot.contours"
        )
    ax = _axes(ax)
    off = -result.residuals
    at = np.ravel(result.data[0]) if result.data and np.size(result.data[0]) == off.size else None
    at = np.arange(1, off.size + 1) if at is None else at
    spread = float(np.sqrt(result.reduced_chi_square or 0.0))
    ax.axhspan(-spread, spread, color=EXACT, alpha=0.15, linewidth=0)
    ax.axhline(0, color=EXACT, linewidth=0.8)
    ax.plot(at, off, ".", color=DATA, markersize=3)
    ax.set_ylabel("residuals")
    return ax


def profile(result: FitResult, name: str, *, ax: Any = None) -> Any:
    """Draw how the cost rises with one parameter, all others fitted again, and its parabola.

    Where the two lines part, errors say less than `result.interval`.

    Parameters
    ----------
    result
        What `autodiff.optimize.fit` returns.
    name
        A free parameter.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    values, rises = result.profile(name)
    ax.plot(values, rises, color=EXACT, linewidth=1, label="profile")
    k = result.labels.index(name)
    with np.errstate(invalid="ignore"):
        off = (values - result.vector[k]) / np.sqrt(result.covariance[k, k])
    ax.plot(values, off**2, "--", color=OTHER, linewidth=0.8, label="from the error")
    ax.set_xlabel(name)
    ax.set_ylabel("rise of chi-square")
    ax.legend()
    return ax


def contours(
    result: FitResult,
    first: str,
    second: str,
    *,
    levels: Sequence[float] = (0.6827, 0.9545),
    points: int = 40,
    ax: Any = None,
) -> Any:
    """Draw the edges of the regions of two parameters at some levels of confidence.

    Parameters
    ----------
    result
        What `autodiff.optimize.fit` returns.
    first, second
        Free parameters, on the two axes.
    levels
        Of confidence, for both parameters together.
    points
        On each edge; each is found by some fits of the other parameters.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    for level, style in zip(levels, ["-", "--", ":", "-."] * len(levels), strict=False):
        edge = result.contour(first, second, level, points)
        ax.plot(*edge.T, style, color=EXACT, linewidth=1, label=f"{100 * level:.4g} %")
    at = [result.vector[result.labels.index(name)] for name in (first, second)]
    ax.plot(*at, "+", color=OTHER)
    ax.set_xlabel(first)
    ax.set_ylabel(second)
    ax.legend()
    return ax


def _data_of(result: FitResult) -> tuple[Any, Any]:
    if len(result.data) != 3 or np.ndim(result.data[0]) != 1:
        raise ArgumentError(
            "there is no curve over a one-dimensional x to draw",
            remedy="fit data (x, y) by cost='least_squares', or use plot.residuals",
        )
    return result.data[0], result.data[1]


def gradient_check(exact: Any, differences: Any = None, *, ax: Any = None) -> Any:
    """Draw each entry of a gradient against finite differences: all on the diagonal is right.

    Parameters
    ----------
    exact
        What `autodiff.check_gradient` returns; or a gradient, an array or a container of arrays.
    differences
        The same by finite differences, where `exact` is a gradient.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    if differences is None:
        exact, differences = exact.gradient, exact.differences
    exact, differences = _entries(exact), _entries(differences)
    if exact.size == 0:
        return ax
    ends = [min(exact.min(), differences.min()), max(exact.max(), differences.max())]
    ax.plot(ends, ends, color=DATA, linewidth=0.8)
    ax.plot(differences, exact, "o", color=EXACT, markersize=4)
    ax.set_xlabel("finite differences")
    ax.set_ylabel("autodiff")
    return ax


def sparsity(pattern: Any, *, ax: Any = None) -> Any:
    """Draw which elements of a sparse derivative may be other than zero.

    Parameters
    ----------
    pattern
        What `autodiff.sparsity(f)(x)` returns, or any sparse array.
    ax
        matplotlib axes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    ax.spy(pattern, markersize=max(0.5, 200 / max(pattern.shape)), color=EXACT)
    ax.set_xlabel(f"{pattern.shape[1]} columns, {pattern.nnz} elements")
    ax.set_ylabel(f"{pattern.shape[0]} rows")
    return ax


def _entries(values: Any) -> Any:
    """All numbers of an array or a container of arrays, as one vector."""
    leaves = tree.flatten(values)[0]
    return np.concatenate([np.ravel(x) for x in leaves if x is not None] or [np.zeros(0)])


def pyplot() -> Any:
    """`matplotlib.pyplot`, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise PlotError(
            "drawing needs matplotlib, which is not installed",
            remedy='pip install "autodiff-numpy[plot]"',
        ) from None
    return plt


def _axes(ax: Any) -> Any:
    return pyplot().subplots()[1] if ax is None else ax
