"""The functions of Python's ``statistics`` on traced floats, entered once that module is in use.

    statistics.fmean(xs)      the sum, to twice the digits, by the number
    statistics.stdev(xs)      np.std, with a check that there are two

They are added up with what each addition loses, where Python's own are exact fractions: results may
differ in the last digit.  Of other numbers than Python floats, Python's results are of other types: an error says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ops.function_table import functions, implements_builtin
from autodiff.ops.known import check, compare, decide
from autodiff.ops.promotion import as_array, pointwise
from autodiff.ops.python_builtins import exact_sum
from autodiff.ops.python_numbers import FLOAT, number
from autodiff.ops.tracer import Tracer, whole_of
from autodiff.ops.ufuncs import unsupported


def _data(data: Any, name: str, least: int) -> tuple[Tracer, Any]:
    """Python floats as a vector, and how many: with fewer than ``least`` plain Python raises."""
    whole = whole_of(data)
    if whole is not None:
        forms = {data.item_form} if data.is_of_one_type else set()
    else:
        items = data if isinstance(data, (list, tuple)) else list(data)
        forms = {x.form if isinstance(x, Tracer) else type(x) for x in items}
        whole = as_array(list(items))
    if not forms <= {"python", float} or whole.ndim != 1 or whole.dtype != FLOAT:
        raise unsupported(
            f"statistics.{name} of other things than Python floats is not available",
            "use the function of NumPy",
        )
    count = whole.shape[0]
    if decide(lambda: count >= least) is not True:
        check(compare("greater_equal", count, least), f"{name} of too few numbers")
    return Tracer(whole.value, "array"), count


def _mean(data: Any, name: str) -> Tracer:
    rows, count = _data(data, name, 1)
    return number(exact_sum(rows) / count, float)


@implements_builtin(statistics.mean)
def mean(data: Any) -> Tracer:
    """``statistics.mean`` of floats."""
    return _mean(data, "mean")


@implements_builtin(statistics.fmean)
def fmean(data: Any) -> Tracer:
    """``statistics.fmean`` of floats."""
    return _mean(data, "fmean")


@implements_builtin(statistics.geometric_mean)
def geometric_mean(data: Any) -> Tracer:
    """``statistics.geometric_mean``: the exponential of the mean of the logarithms."""
    rows, count = _data(data, "geometric_mean", 1)
    check(
        functions[np.all](pointwise("greater", rows, 0.0)), "a geometric mean of no positive number"
    )
    return number(pointwise("exp", exact_sum(pointwise("log", rows)) / count), float)


@implements_builtin(statistics.harmonic_mean)
def harmonic_mean(data: Any, weights: Any = None) -> Tracer:
    """``statistics.harmonic_mean``: the reciprocal of the mean of the reciprocals."""
    if weights is not None:
        raise unsupported(
            "statistics.harmonic_mean with weights is not available", "leave them out"
        )
    rows, count = _data(data, "harmonic_mean", 1)
    check(
        functions[np.all](pointwise("greater", rows, 0.0)), "a harmonic mean of no positive number"
    )
    return number(pointwise("divide", count, exact_sum(pointwise("divide", 1.0, rows))), float)


@implements_builtin(statistics.median)
def median(data: Any) -> Tracer:
    """``statistics.median``."""
    rows, _ = _data(data, "median", 1)
    check(pointwise("logical_not", functions[np.any](pointwise("isnan", rows))), "a median of NaN")
    return number(functions[np.median](rows), float)


def _variance(name: str, least: int, root: bool) -> Callable[..., Tracer]:
    def function(data: Any, center: Any = None) -> Tracer:
        if center is not None:
            raise unsupported(f"statistics.{name} with a mean is not available", "leave it out")
        rows, _ = _data(data, name, least)
        spread = functions[np.std if root else np.var]
        return number(spread(rows, ddof=least - 1), float)

    return function


for _name, _least in (("variance", 2), ("pvariance", 1), ("stdev", 2), ("pstdev", 1)):
    implements_builtin(getattr(statistics, _name))(_variance(_name, _least, _name.endswith("dev")))
