"""The functions of Python's ``statistics`` on traced floats, entered once that module is in use.

    statistics.fmean(xs)      the sum, to twice the digits, by the number
    statistics.stdev(xs)      np.std, with a check that there are two

They are added up with what each addition loses, where Python's own are exact fractions: results may
differ in the last digit.  Of NumPy's floats some results are NumPy's; of numbers of several types an error says that they are not available.
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
from autodiff.ops.tracer import Tracer, as_tracer, whole_of
from autodiff.ops.ufuncs import unsupported


def _data(data: Any, name: str, least: int) -> tuple[Tracer, Any, bool]:
    """Floats as a vector, how many, and whether they are NumPy's: with fewer than ``least`` plain Python raises."""
    whole = data if isinstance(data, Tracer) else whole_of(data)
    forms: set[Any]
    if whole is data:
        forms = {"scalar"}
    elif whole is not None and data.is_of_one_type:
        forms = {data.item_form}
    elif whole is not None:  # of two types: that of the result may depend on the path
        typed = data.typed()
        forms = {None if typed is None else typed[0].types.slot.form} - {"scalar"} or {None}
    else:
        items = data if isinstance(data, (list, tuple)) else list(data)
        forms = {x.form if isinstance(x, Tracer) else type(x) for x in items}
        whole = as_array(list(items))
    kinds = ({"python", float}, {"scalar", np.float64})
    if whole.ndim != 1 or whole.dtype != FLOAT or not any(forms <= kind for kind in kinds):
        raise unsupported(
            f"statistics.{name} of other things than floats of one type is not available",
            "use the function of NumPy",
        )
    count = whole.shape[0]
    if decide(lambda: count >= least) is not True:
        check(compare("greater_equal", count, least), f"{name} of too few numbers")
    return Tracer(whole.value, "array"), count, not forms <= kinds[0]


def _of_type(x: Any, is_numpys: bool) -> Tracer:
    """A result of the type that the numbers have."""
    return Tracer(as_tracer(x).value, "scalar") if is_numpys else number(x, float)


@implements_builtin(statistics.mean)
def mean(data: Any) -> Tracer:
    """``statistics.mean`` of floats."""
    rows, count, is_numpys = _data(data, "mean", 1)
    return _of_type(exact_sum(rows) / count, is_numpys)


@implements_builtin(statistics.fmean)
def fmean(data: Any) -> Tracer:
    """``statistics.fmean`` of floats."""
    rows, count, _ = _data(data, "fmean", 1)
    return number(exact_sum(rows) / count, float)


@implements_builtin(statistics.geometric_mean)
def geometric_mean(data: Any) -> Tracer:
    """``statistics.geometric_mean``: the exponential of the mean of the logarithms."""
    rows, count, _ = _data(data, "geometric_mean", 1)
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
    rows, count, is_numpys = _data(data, "harmonic_mean", 1)
    check(
        functions[np.all](pointwise("greater", rows, 0.0)), "a harmonic mean of no positive number"
    )
    mean = pointwise("divide", count, exact_sum(pointwise("divide", 1.0, rows)))
    return _of_type(mean, is_numpys)


@implements_builtin(statistics.median)
def median(data: Any) -> Tracer:
    """``statistics.median``."""
    rows, _, is_numpys = _data(data, "median", 1)
    check(pointwise("logical_not", functions[np.any](pointwise("isnan", rows))), "a median of NaN")
    return _of_type(functions[np.median](rows), is_numpys)


def _variance(name: str, least: int, root: bool) -> Callable[..., Tracer]:
    def function(data: Any, center: Any = None) -> Tracer:
        if center is not None:
            raise unsupported(f"statistics.{name} with a mean is not available", "leave it out")
        rows, _, is_numpys = _data(data, name, least)
        spread = functions[np.std if root else np.var]
        return _of_type(spread(rows, ddof=least - 1), is_numpys and not root)

    return function


for _name, _least in (("variance", 2), ("pvariance", 1), ("stdev", 2), ("pstdev", 1)):
    implements_builtin(getattr(statistics, _name))(_variance(_name, _least, _name.endswith("dev")))
