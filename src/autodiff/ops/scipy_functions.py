"""``scipy.special`` on traced arrays; loaded when the user's program has imported that module.

Entries of :mod:`autodiff.ops.special`, or compositions that do not overflow where SciPy does not.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from autodiff.ops import complex_functions, holomorphic_functions, smooth, special_rows
from autodiff.ops import special as entries
from autodiff.ops.complex_numbers import as_complex, decline, plain
from autodiff.ops.custom import stop
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import known
from autodiff.ops.promotion import (
    as_array,
    broadcast_to,
    cast,
    constant,
    pointwise,
    select,
    weak_kind,
)
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


def as_float(x: Any) -> Any:
    """An operand in float64, or in float32 where it is that."""
    array = as_array(x)
    if array.dtype in (np.float32, np.float64) and array.form != "python":
        return Tracer(array.value, "array" if array.shape else "scalar")
    return cast(array, np.float64)


def in_loop(ufunc: np.ufunc, *xs: Any) -> list[Any]:
    """The operands in the dtypes of the loop that the ufunc has for them."""
    arrays = [as_array(x) for x in xs]
    given = [weak_kind(x) or a.dtype for x, a in zip(xs, arrays, strict=True)]
    found = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
    return [
        Tracer(cast(a, dtype).value, "array" if a.shape else "scalar")
        for a, dtype in zip(arrays, found, strict=False)
    ]


def _entry(name: str) -> Callable[..., Tracer]:
    def function(x: Any) -> Tracer:
        value = as_float(x)
        return Tracer(emit_tracer(name, value).value, "array" if value.shape else "scalar")

    return function


erf = implements(special.erf)(_entry("erf"))
erfc = implements(special.erfc)(_entry("erfc"))


def _enter(scipy_function: Any, name: str) -> Callable[..., Any]:
    """A ufunc of SciPy as the operation ``scipy_name``."""

    def function(*operands: Any) -> Tracer:
        return entries.pointwise_ufunc(f"scipy_{name}", *operands)

    return implements(scipy_function)(function)


for _name, _, _domain in entries._KERNELS:
    _enter(getattr(special, _name), _name)
gammaln, digamma = _enter(special.gammaln, "gammaln"), _enter(special.digamma, "digamma")
beta, betaln = _enter(special.beta, "beta"), _enter(special.betaln, "betaln")
binom, poch, logit = _enter(special.binom, "binom"), _enter(special.poch, "poch"), _enter(special.logit, "logit")  # fmt: skip
ndtr = _enter(special.ndtr, "ndtr")
_enter(special.pseudo_huber, "pseudo_huber")
_enter(special.boxcox, "boxcox")
_enter(special.boxcox1p, "boxcox1p")
_enter(special.gamma, "gamma")
_enter(special.loggamma, "loggamma")
_enter(special.gammasgn, "gammasgn")

for _name, _ufunc in (("expm1", "expm1"), ("log1p", "log1p"), ("cbrt", "cbrt"), ("exp2", "exp2")):
    implements(getattr(special, _name))(lambda x, ufunc=_ufunc: pointwise(ufunc, as_float(x)))


expit = implements(special.expit)(_entry("logistic"))


@implements(special.log_expit)
def log_expit(x: Any) -> Tracer:
    """``log(expit(x))``."""
    value = as_float(x)
    return pointwise(
        "negative", pointwise("logaddexp", constant(0, value.dtype), pointwise("negative", value))
    )


@implements(special.xlogy)
def xlogy(x: Any, y: Any) -> Any:
    """``x log y``, 0 where x is 0."""
    a, b = in_loop(special.xlogy, x, y)
    safe = _safe(a, b, b, 1)
    logarithm = pointwise("log", safe)
    value = _times(a, b, logarithm)
    return _sloped(value, (a, logarithm), (b, smooth.where_defined(value, _quotient(a, safe))))


def _times(a: Any, b: Any, logarithm: Any) -> Tracer:
    """The product, 0.0 where ``a`` is 0 or -0.0 and ``b`` a number, whatever sign the logarithm has."""
    product = pointwise("multiply", a, logarithm)
    none: Any = (a == 0.0) & np.logical_not(np.isnan(b))
    return select(none, constant(0, product.dtype), product)


def _quotient(a: Any, b: Any) -> Tracer:
    return pointwise("divide", a, b)


def _sloped(value: Any, *by: tuple[Any, Any]) -> Tracer:
    """``value`` with its partial derivatives, each beside what it is taken by.

    The chain rule multiplies infinity by zero where an argument is infinite, one way forwards and
    another way backwards.
    """
    arguments, slopes = zip(*by, strict=True)
    wide = [broadcast_to(cast(x, value.dtype), value.shape) for x in (*arguments, *slopes)]
    apply = smooth.with_slope if len(by) == 1 else smooth.with_slopes
    return Tracer(apply(value, *wide).value, value.form)


def _safe(a: Any, b: Any, argument: Any, instead: float) -> Any:
    """``b``, replaced where ``a`` is 0 and the logarithm of ``argument`` has no finite value.

    Elsewhere the derivative by ``a`` is the logarithm, also where ``a`` is 0.
    """
    usable: Any = (argument > 0.0) & (argument < np.inf)
    replaced: Any = (a == 0.0) & np.logical_not(usable) & np.logical_not(np.isnan(b))
    return select(replaced, constant(instead, b.dtype), b)


@implements(special.xlog1py)
def xlog1py(x: Any, y: Any) -> Any:
    """``x log(1 + y)``, 0 where x is 0."""
    a, b = in_loop(special.xlog1py, x, y)
    safe = _safe(a, b, b + 1.0, 0)
    logarithm = pointwise("log1p", safe)
    slope = _quotient(a, pointwise("add", safe, constant(1, safe.dtype)))
    value = _times(a, b, logarithm)
    return _sloped(value, (a, logarithm), (b, smooth.where_defined(value, slope)))


@implements(special.entr)
def entr(x: Any) -> Tracer:
    """``-x log x``; minus infinity for negative x."""
    (value,) = in_loop(special.entr, x)
    product = xlogy(value, value)
    # 0.0 at 0, as in SciPy, where the negative is -0.0
    inside = select(pointwise("equal", value, 0), product, pointwise("negative", product))
    result = select(pointwise("less", value, 0), constant(-np.inf, value.dtype), inside)
    defined = np.logical_not(pointwise("less_equal", value, 0))  # by convention 0 elsewhere
    logarithm: Any = pointwise("log", select(defined, value, constant(1, value.dtype)))
    slope = select(defined, -(logarithm + 1.0), constant(0, value.dtype))
    return _sloped(result, (value, slope))


@implements(special.comb)
def comb(
    N: Any, k: Any, *, exact: bool = False, repetition: bool = False, legacy: Any = None
) -> Tracer:
    """``scipy.special.comb`` with ``exact=False``; 0 where k is outside of 0 … N."""
    if exact:
        raise unsupported("scipy.special.comb with exact=True", "use exact=False")
    if repetition:
        return comb(as_float(N) + k - 1.0, k)
    x, y = as_float(N), as_float(k)
    inside: Any = (y >= 0.0) & (y <= x) & (x >= 0.0)
    safe = select(inside, y, constant(0, y.dtype))
    return select(inside, binom(x, safe), constant(0, x.dtype))


@implements(special.factorial)
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """``gamma(n + 1)``; 0 for negative numbers.

    SciPy returns the number 1 at 0 and at 1, which says nothing of the slope there.
    """
    x = as_array(n)
    if exact or extend != "zero" or x.dtype.kind not in "iuf" or x.dtype.itemsize < 4:
        raise unsupported("scipy.special.factorial with these options", "call scipy.special.gamma")
    if x.form != "array" and x.dtype == np.float32:  # of another dtype at 0 and 1
        raise unsupported("scipy.special.factorial of a number of float32", "pass a float64")
    negative: Any = np.less(x, 0)
    if x.dtype.kind != "f":
        x = Tracer(cast(x, np.float64).value, x.form)
    usual: Any = select(negative, 1.0, x, x.dtype)
    found: Any = entries.pointwise_ufunc("scipy_gamma", usual + 1.0)
    value = select(negative, 0.0, found, np.float64)
    return Tracer(value.value, "array" if x.form == "array" else "scalar")


def _positive(x: Any, y: Any) -> Any:
    return (x > 0.0) & (y > 0.0)


def _log_ratio(x: Any, y: Any) -> Any:
    """``log(x / y)`` as SciPy: near 1 by the difference; a quotient out of range by its parts."""
    ratio: Any = x / y
    near: Any = (ratio > 0.5) & (ratio < 2.0)
    usable: Any = (ratio >= np.finfo(ratio.dtype).tiny) & (ratio < np.inf)
    difference = np.log1p(select(near, (x - y) / y, 0.0, ratio.dtype))
    apart = select(usable, np.log(select(usable, ratio, 1.0, ratio.dtype)), np.log(x) - np.log(y))
    return select(near, difference, apart)


@implements(special.rel_entr)
def rel_entr(x: Any, y: Any) -> Any:
    """``x log(x / y)``; 0 for x = 0 and y >= 0, else infinite."""
    a, b = in_loop(special.rel_entr, x, y)
    both: Any = _positive(a, b)
    x, y = select(both, a, 1.0, a.dtype), select(both, b, 1.0, b.dtype)
    logarithm = _log_ratio(x, y)
    zero: Any = (a == 0.0) & (b >= 0.0)
    outside = select(np.isnan(a) | np.isnan(b), np.nan, np.inf, a.dtype)
    outside = select(zero, 0.0, outside, a.dtype)
    by_x = select(both, logarithm + 1.0, 0.0, a.dtype)
    by_y = select(both, -x / y, 0.0, a.dtype)
    return _sloped(select(both, a * logarithm, outside, a.dtype), (a, by_x), (b, by_y))


@implements(special.kl_div)
def kl_div(x: Any, y: Any) -> Tracer:
    """``x log(x / y) - x + y``; y for x = 0 and y >= 0, else infinite."""
    a, b = in_loop(special.kl_div, x, y)
    both: Any = _positive(a, b)
    value = rel_entr(select(both, a, 1.0, a.dtype), select(both, b, 1.0, b.dtype)) - a + b
    zero: Any = (a == 0.0) & (b >= 0.0)
    outside = select(np.isnan(a) | np.isnan(b), np.nan, np.inf, a.dtype)
    result = select(both, value, select(zero, b, outside, b.dtype), a.dtype)
    x, y = select(both, a, 1.0, a.dtype), select(both, b, 1.0, b.dtype)
    by_x = select(both, _log_ratio(x, y), 0.0, a.dtype)
    ratio: Any = x / y
    near: Any = (ratio > 0.5) & (ratio < 2.0)
    by_y = select(near, (y - x) / select(near, y, 1.0, y.dtype), 1.0 - ratio, a.dtype)
    by_y = select(both, by_y, select(zero, 1.0, 0.0, a.dtype), a.dtype)
    return _sloped(result, (a, by_x), (b, by_y))


@implements(special.huber)
def huber(delta: Any, r: Any) -> Tracer:
    """Huber's loss; infinite for negative delta."""
    d, x = in_loop(special.huber, delta, r)
    size: Any = np.abs(x)
    near: Any = size <= d
    value = select(near, 0.5 * x * x, d * (size - 0.5 * d))
    none: Any = np.less(d, 0.0)
    by_d = select(near | none, 0.0, size - d, x.dtype)
    by_x = select(none, 0.0, select(near, x, d * np.sign(x)), x.dtype)
    return _sloped(select(none, np.inf, value, x.dtype), (d, by_d), (x, by_x))


_exprel = _entry("exprel")


@implements(special.exprel)
def exprel(x: Any) -> Tracer:
    """``(exp(x) - 1) / x``, of float32 by way of float64: its exponential overflows where the quotient does not."""
    given = as_float(x)
    if given.dtype != np.float32:
        return _exprel(given)
    return cast(_exprel(cast(given, np.dtype(np.float64))), given.dtype)


@implements(special.diric)
def diric(x: Any, n: Any) -> Any:
    """``sin(n x / 2) / (n sin(x / 2))``; SciPy's code has constants where the denominator is small."""
    order = known(as_array(n))
    if order is None:
        raise unsupported("scipy.special.diric of a traced number of terms", "pass a number")
    given = as_float(x)
    single = given.dtype == np.float32 and np.result_type(np.float32, order.dtype) == np.float32
    order = np.where((order > 0) & (order == np.floor(order)), order, np.nan).astype(np.float64)
    angle: Any = cast(given, np.dtype(np.float64))
    u = angle / 2
    sine: Any = np.sin(u)
    # With the distance r to the next multiple of pi it is a quotient of sin(z) / z, which are smooth.
    near = np.abs(sine) < 0.02
    r: Any = np.arcsin(np.where(near, sine, 0.0))
    sign: Any = np.where(np.cos(u) < 0, np.where(order % 2 == 0, -1.0, 1.0), 1.0)
    ratio: Any = sign * smooth.sine_ratio(order * r) / smooth.sine_ratio(r)
    found: Any = np.where(near, ratio, np.sin(order * u) / (order * np.where(near, 1.0, sine)))
    return Tracer(cast(found, np.dtype(np.float32 if single else np.float64)).value, "array")


@implements(special.cosm1)
def cosm1(x: Any) -> Tracer:
    """``cos(x) - 1``."""
    half: Any = np.sin(as_float(x) * 0.5)
    return 0.0 - 2.0 * half * half  # 0.0 at 0, as in SciPy


@implements(special.polygamma)
def polygamma(n: Any, x: Any) -> Any:
    """Derivatives of digamma, by the Hurwitz zeta function (A&S 6.4.10)."""
    order = known(as_array(n))
    if order is None or order.ndim:
        raise unsupported("scipy.special.polygamma of a traced order", "pass a number")
    k = int(order)
    if k == 0:
        return Tracer(cast(digamma(x), np.float64).value, "array")
    sign = 1.0 if k % 2 else -1.0
    value: Any = entries.pointwise_ufunc("scipy_zeta", k + 1.0, cast(as_array(x), np.float64))
    found = value * (sign * math.factorial(k))
    return Tracer(found.value, "array")  # also of a number


@implements(special.zeta)
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The zeta function of Riemann, or of Hurwitz."""
    if out is not None:
        raise unsupported("scipy.special.zeta with out=", "assign its result")
    if q is None:
        return entries.pointwise_ufunc("scipy_riemann_zeta", as_float(x))
    return entries.pointwise_ufunc("scipy_zeta", x, q)


def _enter_row(row: special_rows.Row) -> None:
    """The ufunc of a row of the tables, by its operations."""

    def function(*operands: Any) -> Any:
        found = [entries.pointwise_ufunc(name, *operands) for name in row.operations]
        return found[0] if len(found) == 1 else tuple(found)

    place = entries.ufunc_path(row.operations[0])
    implements(entries.ufunc_at(place))(function)


for _module in special_rows.MODULES:
    importlib.import_module(_module)
for _row in special_rows.ROWS.values():
    _enter_row(_row)


def _enter_holomorphic() -> None:
    """The functions of complex numbers; those of results that are always complex, of real ones too."""
    for name, item in holomorphic_functions.HOLOMORPHIC.items():
        ufunc = entries.ufunc_at(holomorphic_functions.path_of(name))
        function = functools.partial(holomorphic_functions.applied, name)
        complex_functions.TABLE[ufunc] = function
        if item.shrinks is not None:
            complex_functions.NOT_HOLOMORPHIC.add(ufunc)
        if ufunc not in functions:
            implements(ufunc)(function)
    implements(special.kelvin)(holomorphic_functions.kelvin)
    for name in ("modfresnelp", "modfresnelm"):
        function = functools.partial(holomorphic_functions.modified_fresnel, name)
        implements(getattr(special, name))(function)
    implements(special.lambertw)(holomorphic_functions.lambertw)
    complex_functions.TABLE[special.lambertw] = holomorphic_functions.lambertw


_enter_holomorphic()


def _log_sum(x: Any, terms: Any, top: Any, axis: Any) -> Any:
    """``log(sum(terms))`` of ``terms = exp(x - top)``, accurate also where one term is nearly all.

    The terms of the maximum, 1 each, are counted; the logarithm is that of 1 plus the rest.
    """
    largest: Any = cast(pointwise("equal", x, top), x.dtype)
    count: Any = functions[np.sum](largest, axis=axis, keepdims=True)
    rest: Any = functions[np.sum](terms - largest, axis=axis, keepdims=True)
    none = np.equal(count, 0)  # the maximum is infinite or NaN
    least: Any = select(none, 1.0, count, x.dtype)
    apart = np.log(select(none, rest, 1.0, x.dtype))
    return select(none, apart, np.log1p(rest / least) + np.log(least), x.dtype)


def _weighted_log_sum(x: Any, b: Any, most: Any, top: Any, axis: Any) -> tuple[Any, Any]:
    """``log(abs(sum(b * exp(x - top))))`` likewise, and the sign of the sum."""
    terms: Any = np.exp(x - top)
    # what is above the maximum has the weight 0
    terms = np.where(np.equal(b, 0) & np.logical_not(np.isfinite(terms)), 0.0, terms)
    largest: Any = cast(np.equal(x, top) & np.isfinite(most), x.dtype)
    whole: Any = functions[np.sum](b * largest, axis=axis, keepdims=True)
    rest: Any = functions[np.sum](b * (terms - largest), axis=axis, keepdims=True)
    none = np.equal(whole, 0)  # the maximum is infinite, or its weights cancel
    whole = np.where(none, 1.0, whole)
    ratio = rest / whole
    apart = np.log(np.abs(np.where(none, rest, 1.0)))
    magnitude = np.log1p(np.where(ratio < -1, -ratio - 2, ratio)) + np.log(np.abs(whole))
    sign = np.where(none, np.sign(rest), np.sign(1 + ratio) * np.sign(whole))
    found = np.where(none, apart, magnitude)
    # SciPy takes an infinite sum as it stands, with 0 times an exponential that overflows as NaN.
    most_of_exp = float(np.log(np.finfo(x.dtype).max))
    endless: Any = cast(np.equal(b, 0) & np.logical_not(x <= most_of_exp), x.dtype)
    lost = (functions[np.max](endless, axis=axis, keepdims=True) > 0) & np.logical_not(np.isfinite(found))  # fmt: skip
    return np.where(lost, np.nan, found), np.where(lost, np.nan, sign)


def _as_given(x: Any) -> Any:
    """An operand in its own floating type, also float16: SciPy's ufuncs are of float32 and float64."""
    array = as_array(x)
    if array.dtype == np.float16:
        return Tracer(array.value, "array" if array.shape else "scalar")
    return as_float(x)


@implements(special.logsumexp)
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """``log(sum(b * exp(a)))`` without overflow."""
    x = _as_given(a)
    weights: Any = None
    counted: Any = x
    if b is not None:  # what has the weight 0 is no maximum
        weights = as_array(b)
        counted = np.where(np.equal(weights, 0), np.asarray(-np.inf, x.dtype), x)
    most = functions[np.max](counted, axis=axis, keepdims=True)
    top = select(pointwise("isfinite", most), most, constant(0, x.dtype))
    result: Any
    sign: Any
    if b is None:
        terms = pointwise("exp", pointwise("subtract", x, top))
        result = pointwise("add", _log_sum(x, terms, top, axis), top)
        sign = pointwise("sign", functions[np.sum](terms, axis=axis, keepdims=True))
    else:
        logarithm, sign = _weighted_log_sum(x, weights, most, top, axis)
        result = logarithm + top
        if not return_sign:
            result = np.where(sign < 0, np.nan, result)
    # Of an infinite maximum the sum is the maximum, with its derivative.
    infinite = pointwise("logical_and", pointwise("isinf", most), pointwise("equal", result, most))
    result = select(infinite, most, result, result.dtype)

    def finished(value: Tracer) -> Tracer:
        if keepdims:
            return value
        axes = tuple(range(x.ndim)) if axis is None else axis
        squeezed = functions[np.squeeze](value, axes)
        return Tracer(squeezed.value, "array" if squeezed.shape else "scalar")

    return (finished(result), finished(sign)) if return_sign else finished(result)


@implements(special.softmax)
def softmax(x: Any, axis: Any = None) -> Tracer:
    """``exp(x) / sum(exp(x))`` without overflow."""
    value = _as_given(x)
    terms = pointwise(
        "exp", pointwise("subtract", value, functions[np.max](value, axis=axis, keepdims=True))
    )
    return pointwise("divide", terms, functions[np.sum](terms, axis=axis, keepdims=True))


@implements(special.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Tracer:
    """``log(softmax(x))``."""
    value = _as_given(x)
    top = functions[np.max](value, axis=axis, keepdims=True)
    top = select(pointwise("isfinite", top), top, constant(0, value.dtype))
    shifted = pointwise("subtract", value, top)
    total = functions[np.sum](pointwise("exp", shifted), axis=axis, keepdims=True)
    return pointwise("subtract", shifted, pointwise("log", total))


# -- of complex numbers ----------------------------------------------------------------------------------
def _by_largest(z: Any, axis: Any) -> tuple[Any, Any]:
    """``exp(z - top)``, and ``top``, the largest real part: none overflows."""
    top: Any = stop(functions[np.max](plain(z.parts[0]), axis=axis, keepdims=True))
    top = np.where(np.isfinite(top), top, 0.0).astype(z.part_dtype)
    return np.exp(z - top), top


def _complex_logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    if return_sign:
        raise decline("scipy.special.logsumexp with return_sign=True")
    z = as_complex(a)
    terms, top = _by_largest(z, axis)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    found = np.log(total) + top
    if keepdims:
        return found
    return np.squeeze(found, tuple(range(z.ndim)) if axis is None else axis)[()]


def _complex_softmax(x: Any, axis: Any = None) -> Any:
    terms, _ = _by_largest(as_complex(x), axis)
    return terms / np.sum(terms, axis=axis, keepdims=True)


def _complex_log_softmax(x: Any, axis: Any = None) -> Any:
    z: Any = as_complex(x)
    top = np.max(z, axis=axis, keepdims=True)  # also of imaginary parts, which decide the branch
    shifted = z - np.where(np.isfinite(top), top, 0.0)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


complex_functions.TABLE.update(
    {
        special.logsumexp: _complex_logsumexp,
        special.softmax: _complex_softmax,
        special.log_softmax: _complex_log_softmax,
    }
)
