"""Special functions beyond NumPy's: the error function, the gamma function and their relatives.

    erf, erfc, lgamma, tgamma (x)      pointwise, by vector code or the C library
    erfinv, j0, betaln, zeta, … (…)    pointwise, by the C function of SciPy's ufunc: ``scipy_j0``, …

A SciPy function is one line of a table: its name, its partial derivatives, where tests may sample.
Its value is SciPy's own, bit by bit, on each engine.  Derivatives by orders, which have no closed form,
are in ``by_parameter``, the gamma function's relatives in ``gamma_functions``, derivatives of
incomplete functions by their shapes in ``incomplete_functions``.

Formulas: Abramowitz and Stegun, Handbook of Mathematical Functions (1964); NIST Digital Library of
Mathematical Functions (DLMF), https://dlmf.nist.gov.

SciPy is imported when one of its functions is first met.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import same_shape
from autodiff.errors import DerivativeError, InternalError
from autodiff.ir.data import ArrayType
from autodiff.ops.bessel_orders import scaled_k_by_order
from autodiff.ops.builder import current_builder
from autodiff.ops.by_parameter import by_parameter, of_order
from autodiff.ops.entries import (
    ENTRIES,
    Entry,
    Partials,
    Pointwise,
    Samples,
    register,
)
from autodiff.ops.promotion import as_array, cast, dtype_of, operand, pointwise
from autodiff.ops.smooth import (
    beyond_infinity,
    direction,
    log_square,
    near_or_far,
    normal_density,
    polynomial,
    smooth,
    where_defined,
)
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.value_only import why_value_only

_TWO_OVER_SQRT_PI = float(2 / np.sqrt(np.pi))


def _same_type(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    return (types[0],)


def _scipy(name: str) -> Callable[[Any], Any]:
    def meaning(x: Any) -> Any:
        y = ufunc_at(ufunc_path(name))(x)
        # SciPy's log-gamma is -inf at -inf; the C library's and Python's is +inf.
        return np.where(np.isneginf(x), np.inf, y).astype(y.dtype) if name == "gammaln" else y

    return meaning


def _enter(
    name: str,
    scipy_name: str,
    partial: Callable[..., Any],
    low: float,
    high: float,
    fading: tuple[int, ...] = (),
) -> Entry:
    return register(
        Entry(
            name,
            _same_type,
            _scipy(scipy_name),
            Pointwise(lambda s, x: s.call(name, x)),
            Partials((partial,), fading=fading),
            samples=Samples(((low, high),)),
        )
    )


def digamma(x: Any) -> Any:
    """The derivative of the logarithm of the gamma function."""
    return apply("scipy_digamma", x)


# exp(-x**2), with derivatives that are 0 at infinity
gaussian: Callable[..., Any] = smooth(
    "gaussian",
    lambda x: np.exp(-x * x),
    lambda s, x: s.call("exp", s.neg(s.mul(x, x))),
    lambda y, x: -2.0 * _strong(y, x),
    fading=True,
)
_enter("erf", "erf", lambda y, x: _TWO_OVER_SQRT_PI * gaussian(x), -2.0, 2.0, (0,))
_enter("erfc", "erfc", lambda y, x: -_TWO_OVER_SQRT_PI * gaussian(x), -2.0, 2.0, (0,))
_enter("lgamma", "gammaln", lambda y, x: digamma(x), 0.3, 6.0)
_enter("tgamma", "gamma", lambda y, x: y * digamma(x), 0.3, 4.0)


# -- SciPy's ufuncs -------------------------------------------------------------------------------
# Where the ufunc of a name is not an attribute of that name.
_PLACES = {"zeta": "scipy.special._ufuncs._zeta"}  # scipy.special.zeta is a Python function


def ufunc_path(name: str) -> str:
    """The dotted name of the ufunc of an operation ``scipy_name``."""
    short = name.removeprefix("scipy_")
    return _PLACES.get(short, f"scipy.special.{short}")


@functools.cache
def ufunc_at(path: str) -> np.ufunc:
    """The ufunc of a dotted name."""
    module, _, name = path.rpartition(".")
    found: np.ufunc = getattr(importlib.import_module(module), name)
    return found


def apply(name: str, *operands: Any) -> Any:
    """An operation of this module on tracers, or its NumPy meaning on arrays."""
    if any(isinstance(x, Tracer) for x in operands):
        return pointwise_ufunc(name, *operands)
    return ENTRIES[name].meaning(*operands)


def pointwise_ufunc(name: str, *operands: Any) -> Tracer:
    """An operation of this module, with the promotion of its ufunc, and broadcasting."""
    operands = tuple([operand(x) for x in operands])
    if not name.startswith("scipy_"):  # of one operand, as many dtypes as it has
        (x,) = operands
        single = dtype_of(x) in (np.dtype(np.float32), np.dtype(np.float64))
        value = as_array(x) if single else cast(x, np.float64)
        return Tracer(emit_tracer(name, value).value, "array" if value.shape else "scalar")
    kinds = [dtype_of(x) for x in operands]
    return pointwise(name, *operands, dtypes=_loop_of(ufunc_path(name), tuple(kinds)))


@functools.lru_cache(maxsize=4096)
def _loop_of(path: str, kinds: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    """The dtypes that NumPy's loop works in; a weak Python number is ``int`` or ``float``.

    Of the results the first one is given, of a complex one its part.
    """
    if all(isinstance(kind, type) for kind in kinds):
        kinds = tuple([np.dtype(kind) for kind in kinds])
    ufunc = ufunc_at(path)
    loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout))[: ufunc.nin + 1]
    return tuple([np.dtype(d.char.lower()) if d.kind == "c" else d for d in loop])


def _no_partial(name: str, argument: str) -> Callable[..., Any]:
    def refuse(y: Any, *operands: Any) -> Any:
        reason = why_value_only(f"scipy.special.{name.partition('.')[0]}")
        why = f": {reason}" if reason else ""
        raise DerivativeError(
            f"scipy.special.{name} has no derivative by its argument {argument} here{why}.",
            code="AD302",
            source=current_builder().source,
            remedy="give the function one with autodiff.custom_gradient, or pass that argument "
            "through autodiff.stop_gradient if no derivative should flow",
        )

    return refuse


def of_defined(partial: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a partial derivative, which is NaN where the function is."""

    def rule(y: Any, *operands: Any) -> Any:
        slope = partial(y, *operands)
        return slope if isinstance(slope, (int, float)) else where_defined(y, slope)

    return rule


# Numbers for all numbers: NaN only of NaN, of which the slope is NaN, too, without asking for the function.
_EVERYWHERE = frozenset(
    "gammaln rgamma ndtr log_ndtr erfi erfcx dawsn i0e i1e expi sindg cosdg tandg cotdg wrightomega exp10 cosine_cdf"
    .split()
)  # fmt: skip


def _rule(title: str, partial: Any) -> Callable[..., Any] | None:
    if isinstance(partial, str):
        return _no_partial(title, partial)
    return partial if partial is None or title in _EVERYWHERE else of_defined(partial)


def _float_type(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    """The dtype of the floats (an order may be an integer), the shape of those that have axes."""
    dtype = next(type.dtype for type in types if type.dtype.kind == "f")
    shaped = [type.shape for type in types if type.shape]
    if any(not same_shape(shape, shaped[0]) for shape in shaped):
        raise InternalError(f"operand shapes {shaped} differ")
    return (ArrayType(dtype, shaped[0] if shaped else ()),)


# Functions that end the process where an operand is below a number, by name: the operand, and the number.
# SciPy's library raises an error in them that is not caught; there they have no value.
_FATAL = {"nct_pdf": (1, 2.0**-52)}


def enter_ufunc(
    name: str,
    partials: tuple[Any, ...],
    domain: tuple[tuple[float, float], ...],
    path: str | None = None,
    part: int = 0,
    absorbing: tuple[int, ...] = (),
    fading: tuple[int, ...] = (),
) -> None:
    """Enter a ufunc of SciPy as ``scipy_name``.

    Parameters
    ----------
    name : str
        The name of the ufunc.
    partials : tuple
        The partial derivatives as of any pointwise operation; a string instead of a function is
        the name of an argument that has none.
    domain : tuple of (float, float)
        Where tests may sample the operands.
    path : str, optional
        The dotted name of the ufunc, where it is not ``scipy.special.name``.
    part : int
        Which of its results.
    absorbing : tuple of int
        Operands by which the derivative vanishes faster than others grow.
    fading : tuple of int
        Those at whose infinities the result is a number.
    """
    if path is not None:
        _PLACES[name] = path
    place = ufunc_path(name)
    title = place.rpartition(".")[2].removeprefix("_")
    rules = tuple([_rule(title, p) for p in partials])

    number, least = _FATAL.get(name, (None, 0.0))

    def safe(number_of: Callable[[Any], Any], operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands, the one that must not be small as ``number_of`` makes it."""
        return tuple([number_of(x) if k == number else x for k, x in enumerate(operands)])

    def scalar(s: Any, *x: Any) -> Any:
        given = lambda x: s.select(  # noqa: E731
            s.lt(x, s.constant(least, x)), s.constant(float("nan"), x), x
        )
        return s.ufunc(place, *safe(given, x), part=part)

    def meaning(*operands: Any) -> Any:
        operands = safe(lambda x: np.where(np.less(x, least), np.nan, x), operands)
        result = ufunc_at(place)(*operands)
        results = result if isinstance(result, tuple) else (result,)
        if results[0].dtype.kind == "c":  # counted by their parts
            return (np.imag if part % 2 else np.real)(results[part // 2])
        return results[part]

    register(
        Entry(
            f"scipy_{name}",
            _float_type,
            meaning,
            Pointwise(scalar),
            Partials(rules, absorbing, fading),
            samples=Samples(domain),
        )
    )


def _f(name: str) -> Callable[..., Any]:
    return lambda *operands: apply(f"scipy_{name}", *operands)


_ROOT_PI, _ROOT_TWO_PI = float(np.sqrt(np.pi)), float(np.sqrt(2 * np.pi))
j0, j1, jv, y0, y1, yv = _f("j0"), _f("j1"), _f("jv"), _f("y0"), _f("y1"), _f("yv")
i0, i1, iv, i0e, i1e, ive = _f("i0"), _f("i1"), _f("iv"), _f("i0e"), _f("i1e"), _f("ive")
k0, k1, kv, k0e, k1e, kve = _f("k0"), _f("k1"), _f("kv"), _f("k0e"), _f("k1e"), _f("kve")
expn, zeta, ellipk, ellipe = _f("expn"), _f("zeta"), _f("ellipk"), _f("ellipe")


kn, yn, rgamma = _f("kn"), _f("yn"), _f("rgamma")


def _of_order(function: Callable[..., Any], n: Any, step: int, x: Any) -> Any:
    """The function of the neighbouring order; what is behind the point of an order does not count."""
    # A float, so that the loop is the one of the other operand's dtype.
    return function(np.trunc(n) + float(step), x)


def _scaled_i_slope(v: Any, x: Any, near: Any) -> Any:
    """The derivative of ``exp(-abs(x)) I_v(x)``; negative x are reflected, for whole orders."""
    # The slope of an even function is odd; orders that are not whole have no negative x.
    half = 0.5 * v
    odd = np.where(np.equal(half, np.trunc(half)), -1.0, 1.0)
    odd = np.where(np.equal(v, np.trunc(v)), odd, np.nan)
    return _far_scaled(v, x, -1.0, odd, near)


def _scaled_k_slope(v: Any, x: Any, near: Any) -> Any:
    """The derivative of ``exp(x) K_v(x)``."""
    return _far_scaled(v, x, 1.0, np.nan, near)


_HANKEL_TERMS = 16


def _far_scaled(v: Any, x: Any, sign: float, odd: Any, near: Any) -> Any:
    """``near``, and far out, where that is a difference of equals, the slope of Hankel's series.

    With z = abs(x) the function is c sum of sign**k a_k(v) z**(-k - 1/2), a_k = a_(k-1) (4v² - (2k-1)²) / 8k
    (DLMF 10.40.1, 10.40.2); a sign in c and none in the slope is that of K.
    """
    size = np.abs(x)
    far = size > np.maximum(40.0, 4.0 * v * v)
    z = np.where(far & np.isfinite(x), size, np.maximum(40.0, 4.0 * v * v))
    term: Any = 1.0 + 0.0 * z
    total: Any = -0.5 * term
    for k in range(1, _HANKEL_TERMS):
        term = term * (4.0 * v * v - (2.0 * k - 1.0) ** 2) * (sign / (8.0 * k)) / z
        total = total - (k + 0.5) * term
    c = float(np.sqrt(0.5 * np.pi)) if sign > 0 else float(np.sqrt(0.5 / np.pi))
    value = np.where(np.isinf(x), 0.0, c * total / z / np.sqrt(z))
    return np.where(far, np.where(x < 0, odd, 1.0) * value, near)


def _elliptic_series(of_e: bool, count: int = 26) -> list[float]:
    """Coefficients of the derivative of K(m), or of E(m), by powers of m (DLMF 19.5.1, 19.5.2)."""
    coefficients, c = [], 1.0
    for n in range(1, count + 1):
        c *= ((2 * n - 1) / (2 * n)) ** 2
        coefficients.append(0.5 * np.pi * n * (c / (1 - 2 * n) if of_e else c))
    return coefficients


_ELLIPK_SLOPE, _ELLIPE_SLOPE = _elliptic_series(False), _elliptic_series(True)


def _ellipk_partial(y: Any, m: Any) -> Any:
    # DLMF 19.4.1, which cancels near 0.
    return beyond_infinity(m, 0.0, lambda m: near_or_far(
        np.abs(m) < 0.15, m, 0.5,
        lambda m: polynomial(m, _ELLIPK_SLOPE),
        # over a common denominator, and 0 times the infinite K(1) is 0: infinite at 1, not NaN
        lambda m: (ellipe(m) - _strong(1 - m, ellipk(m))) / (1 - m) / (2 * m),
    ))  # fmt: skip


def _ellipe_partial(y: Any, m: Any) -> Any:
    return beyond_infinity(m, 0.0, lambda m: near_or_far(
        np.abs(m) < 0.15, m, 0.5,
        lambda m: polynomial(m, _ELLIPE_SLOPE),
        lambda m: (ellipe(m) - ellipk(m)) / (2 * m),
    ))  # fmt: skip


def _log_beta(a: Any, b: Any) -> Any:
    return apply("scipy_betaln", a, b)


def _power_term(s: Any, p: Any, logarithm: Any) -> Any:
    """``p * logarithm``, 0 for p = 0."""
    zero = s.constant(0.0, p)
    return s.select(s.eq(p, zero), zero, s.mul(p, logarithm))


def _times_log(p: Any, logarithm: Any) -> Any:
    return np.where(np.equal(p, 0), 0.0, p * logarithm)


def _strong(a: Any, b: Any) -> Any:
    return emit_tracer("strong_multiply", a, b) if isinstance(b, Tracer) else a * b


# x**p (1 - x)**q e**c, by logarithms, as each factor may over- or underflow.  At the ends of the
# support the logarithms are infinite, so the derivatives are of the same kind, with lower powers.
power_product: Callable[..., Any] = smooth(
    "power_product",
    lambda p, q, c, x: np.exp(_times_log(p, np.log(x)) + _times_log(q, np.log1p(-x)) + c),
    lambda s, p, q, c, x: s.call(
        "exp",
        s.add(
            s.add(
                _power_term(s, p, s.call("log", x)), _power_term(s, q, s.call("log1p", s.neg(x)))
            ),
            c,
        ),
    ),
    lambda y, p, q, c, x: np.where(x == 0, 0.0, y * np.log(np.where(x == 0, 1.0, x))),
    lambda y, p, q, c, x: np.where(x == 1, 0.0, y * np.log1p(-np.where(x == 1, 0.0, x))),
    lambda y, p, q, c, x: y,
    lambda y, p, q, c, x: (
        _strong(p, power_product(p - 1, q, c, x)) - _strong(q, power_product(p, q - 1, c, x))
    ),
    domain=((1.0, 3.0), (1.0, 3.0), (-1.0, 1.0), (0.2, 0.8)),
)
# x**p e**c likewise
scaled_power: Callable[..., Any] = smooth(
    "scaled_power",
    lambda p, c, x: np.exp(_times_log(p, np.log(x)) + c),
    lambda s, p, c, x: s.call("exp", s.add(_power_term(s, p, s.call("log", x)), c)),
    lambda y, p, c, x: np.where(x == 0, 0.0, y * np.log(np.where(x == 0, 1.0, x))),
    lambda y, p, c, x: y,
    lambda y, p, c, x: _scaled_power_slope(y, p, c, x),
    domain=((1.0, 3.0), (-1.0, 1.0), (0.5, 3.0)),
)


def _scaled_power_slope(y: Any, p: Any, c: Any, x: Any) -> Any:
    # p x**(p - 1) e**c; where it falls p y / x, as x**(p - 1) overflows where the next slope is small
    falls = np.less(p, 0)
    over = np.where(
        falls, 1 / np.where(falls, x, 1.0), scaled_power(np.where(falls, 1.0, p - 1), c, x)
    )
    return np.where(falls, p * np.where(falls, y, 1.0), p), over


_LARGE_SHAPE = 20.0


def _gamma_density(y: Any, a: Any, x: Any) -> Any:
    endless = np.isposinf(a)  # where the function is 0 for all x
    # Of a large shape the power and its logarithm cancel: of 1e16 no digit would be right.
    large = np.greater(a, _LARGE_SHAPE) & np.isfinite(a) & np.greater(x, 0) & np.isfinite(x)
    shape = np.where(endless | large, 1.0, a)
    density = beyond_infinity(
        x, 0.0, lambda x: scaled_power(shape - 1, -x - apply("lgamma", shape), x)
    )
    x = np.where(large, x, _LARGE_SHAPE)
    whole = apply("scipy_igam_fac", np.where(large, a, _LARGE_SHAPE), x) / x
    density = np.where(large, whole, density)
    return np.where(endless, np.where(np.isfinite(x), 0.0, np.nan), density)


def _shape_slope(a: Any, x: Any) -> Any:
    from autodiff.ops.incomplete_functions import shape_slope

    return shape_slope(a, x)


def _beta_slope(number: int, sign: float) -> Callable[..., Any]:
    """The derivative of the incomplete beta function by its first or second shape."""

    def partial(y: Any, a: Any, b: Any, x: Any) -> Any:
        from autodiff.ops.incomplete_functions import beta_slopes

        return sign * beta_slopes(a, b, x)[number]

    return partial


def at_infinite_shape(a: Any, b: Any, x: Any) -> Any:
    """Where one shape is infinite and ``betainc(a, b, x)`` is 0 or 1 on both sides of x."""
    left = (
        np.isposinf(a) & np.greater(b, 0) & np.isfinite(b) & np.greater_equal(x, 0) & np.less(x, 1)
    )
    right = (
        np.isposinf(b) & np.greater(a, 0) & np.isfinite(a) & np.greater(x, 0) & np.less_equal(x, 1)
    )
    return left | right


def _beta_density(y: Any, a: Any, b: Any, x: Any) -> Any:
    flat = at_infinite_shape(a, b, x)
    p, q = np.where(flat, 1.0, a), np.where(flat, 1.0, b)
    return np.where(flat, 0.0, power_product(p - 1, q - 1, -_log_beta(p, q), x))


def _student_density(y: Any, n: Any, t: Any) -> Any:
    normal = np.isposinf(n)
    n = np.where(normal, 1.0, n)
    density = np.exp(-0.5 * (n + 1) * log_square(t / np.sqrt(n)) - 0.5 * np.log(n) - _log_beta(0.5 * n, 0.5 + 0 * n))  # fmt: skip
    return np.where(normal, normal_density(t), density)


def _student_by_degrees(y: Any, n: Any, t: Any) -> Any:
    from autodiff.ops.incomplete_functions import student_is_inside, student_slope

    normal = np.isposinf(n)
    n = np.where(normal, 50.0, n)
    integral = np.greater(n, 30) | student_is_inside(n, t)
    few = np.where(integral, 1.0, n)
    near = np.where(integral, 1.0, t)
    # The tail beyond abs(t) is half of the incomplete beta function of n/2, 1/2 at w = n / (n + t²).
    square = near * near
    w, rest = few / (few + square), square / (few + square)
    half = 0.5 + 0.0 * n
    by_shape = _beta_slope(0, 0.25)(y, 0.5 * few, half, w)
    # w**(n/2 - 1) (1 - w)**-1/2 / B(n/2, 1/2) times dw/dn = w (1 - w) / n
    power = np.exp(0.5 * few * np.log(w) - _log_beta(0.5 * few, half))
    by_argument = 0.5 * power * np.sqrt(rest) / few
    direct = -np.sign(near) * (by_shape + by_argument)
    value = student_slope(np.where(integral, n, 50.0), np.where(integral, t, 1.0))
    return np.where(normal, 0.0, np.where(integral, value, direct))


def _kve_by_order(v: Any, x: Any) -> Any:
    return scaled_k_by_order(v, x)


def _zeta_by_order(y: Any, s: Any, q: Any) -> Any:
    from autodiff.ops.wave_functions import zeta_by_order

    return zeta_by_order(s, q)


def _rgamma_partial(y: Any, x: Any) -> Any:
    # -y digamma(x), which at the zeros of y is 0 times infinity; there by reflection
    # (A&S 6.1.17): y = sin(pi x) gamma(1 - x) / pi.
    left = np.less(x, 0.5)
    z = np.where(left, x, 0.0)
    other = apply("tgamma", 1 - z)
    reflected = other * (np.cos(np.pi * z) - np.sin(np.pi * z) / np.pi * digamma(1 - z))
    # At infinity y is 0, and any finite number in the place of digamma will do.
    right = np.where(left | np.isinf(x), 1.0, x)
    return np.where(left, reflected, -_strong(y, digamma(right)))


# e**(x**2) erfc(x) = (1 - 1 / 2x² + 3 / 4x⁴ - …) / (x sqrt pi) (A&S 7.1.23), Dawson's integral
# likewise with signs all alike; the derivatives of both cancel to that second term.
_DOUBLE_FACTORIALS = [float(np.prod(np.arange(1.0, 2 * k, 2))) / 2.0**k for k in range(1, 17)]


def _erfcx_partial(y: Any, x: Any) -> Any:
    series = [(-1.0) ** k * c for k, c in enumerate(_DOUBLE_FACTORIALS, 1)]
    return _beyond(x > 10, x, _TWO_OVER_SQRT_PI, series, 2 * x * y - _TWO_OVER_SQRT_PI)


def _dawsn_partial(y: Any, x: Any) -> Any:
    return _beyond(np.abs(x) > 10, x, -1.0, _DOUBLE_FACTORIALS, 1 - 2 * x * y)


def _beyond(far: Any, x: Any, factor: float, series: list[float], near: Any) -> Any:
    r = 1 / np.where(far, x, 10.0)
    return np.where(far, factor * r * r * polynomial(r * r, series), near)


def _log_ndtr_partial(y: Any, x: Any) -> Any:
    # The density over the distribution function; to the left both vanish, their scaled ones do not.
    left = np.less(x, 0)
    scaled = apply("scipy_erfcx", np.where(left, x, 0.0) * -float(np.sqrt(0.5)))
    right = np.where(left, 0.0, x)
    density = normal_density(right) * np.exp(-np.where(left, 0.0, y))
    # Far to the left the slope is -x and a little, whose derivatives the quotient loses.
    far = np.less(x, -20.0)
    z = -np.where(far, x, -20.0)
    series = z + polynomial(1 / (z * z), _MILLS[1:]) / z
    return np.where(far, series, np.where(left, float(np.sqrt(2 / np.pi)) / scaled, density))


def _inverse_series(coefficients: list[float]) -> list[float]:
    """The coefficients of ``1 / sum of c[k] r**k`` where c[0] is 1."""
    found: list[float] = [1.0]
    for k in range(1, len(coefficients)):
        found.append(-sum(coefficients[j] * found[k - j] for j in range(1, k + 1)))
    return found


# The density over the distribution function at -z, by z**-2: z over 1 - 1/z² + 3/z⁴ - … (A&S 26.2.12)
_MILLS = _inverse_series(
    [(-1.0) ** k * float(np.prod(np.arange(1.0, 2 * k, 2))) for k in range(13)]
)


def _expn_partial(y: Any, n: Any, x: Any) -> Any:
    # -E of order n - 1, by the recurrence (A&S 5.1.14) where SciPy has no such order.
    n = np.trunc(n)  # as SciPy cuts it
    low = np.less_equal(n, 1)
    below = expn(np.where(low, 1.0, n - 1), x)
    return -np.where(low, (np.exp(-x) - (n - 1) * y) / x, below)


def _expi_partial(y: Any, x: Any) -> Any:
    top = np.equal(x, np.inf)  # where a quotient of infinities is infinite
    finite = np.where(top, 1.0, x)
    return np.where(top, np.exp(x), np.exp(finite) / finite)


def _boxcox_by_power(logarithm: Any, p: Any) -> Any:
    """The derivative of ``(exp(p l) - 1) / p`` by p; near p l = 0 by its series."""
    product = p * logarithm
    small = np.abs(product) < 0.1
    near: Any = np.where(small, product, 0.0)
    series: Any = 0.0
    for k in range(12, -1, -1):
        series = series * near + (k + 1) / math.factorial(k + 2)
    power = np.where(small, 1.0, p)
    zero = np.isneginf(logarithm)  # where exp(p l) is 0 rather than 0 times infinity
    finite = np.where(zero, 0.0, logarithm)
    value = np.expm1(np.where(small, 0.0, product))
    far = (np.exp(np.where(zero, -np.inf, p * finite)) * finite - value / power) / power
    limit = np.where(zero & (p == 0), np.inf, far)  # l**2 / 2
    return np.where(small, finite * finite * series, limit)


def _boxcox1p_by_argument(y: Any, x: Any, p: Any) -> Any:
    """``(1 + x)**(p - 1)``, by a logarithm that is right for tiny x; 1 for p = 1, also where it is infinite."""
    even = (p == 1) & ((x == -1) | (x == np.inf))
    return np.exp((p - 1) * np.log1p(np.where(even, 0.0, x)))


def _pseudo_huber_by_delta(y: Any, d: Any, r: Any) -> Any:
    # (r / (d + h))**2 r**2 / h, where h is the root of d**2 + r**2: |r| at d = 0
    h = np.hypot(d, r)
    none = h == 0
    endless = np.isinf(r) & np.isfinite(d)  # where the slope is that of d * abs(r)
    q = np.where(endless, 1.0, r) / np.where(none | endless, 1.0, d + h)
    return q * q * r * (np.where(endless, np.sign(r), r) / np.where(none | endless, 1.0, h))


def _pseudo_huber_by_residual(y: Any, d: Any, r: Any) -> Any:
    h = np.hypot(d, r)
    usable = np.isfinite(h) & (h > 0)
    endless = np.isinf(r) & np.isfinite(d)
    z = np.where(endless, 1.0, r)
    far = np.where(endless, d * np.sign(r), z / np.hypot(1.0, z / np.where(d == 0, 1.0, d)))
    return np.where(usable, d * direction(r, d, np.where(usable, h, 1.0)), far)


# name, partial derivatives (or the name of the argument that has none), where the tests sample
_KERNELS: tuple[tuple[str, tuple[Any, ...], tuple[tuple[float, float], ...]], ...] = (
    ("erfinv", (lambda y, x: np.exp(y * y) / _TWO_OVER_SQRT_PI,), ((-0.9, 0.9),)),
    ("erfcx", (_erfcx_partial,), ((-1.0, 3.0),)),
    ("erfcinv", (lambda y, x: -np.exp(y * y) / _TWO_OVER_SQRT_PI,), ((0.2, 1.8),)),
    ("ndtri", (lambda y, x: _ROOT_TWO_PI * np.exp(0.5 * y * y),), ((0.1, 0.9),)),
    ("log_ndtr", (_log_ndtr_partial,), ((-4.0, 2.0),)),
    ("rgamma", (_rgamma_partial,), ((0.3, 4.0),)),
    ("dawsn", (_dawsn_partial,), ((-2.0, 2.0),)),
    ("j0", (lambda y, x: -j1(x),), ((-3.0, 3.0),)),
    ("j1", (lambda y, x: 0.5 * (j0(x) - jv(2.0, x)),), ((-3.0, 3.0),)),
    ("y0", (lambda y, x: -y1(x),), ((0.5, 4.0),)),
    ("y1", (lambda y, x: y0(x) - y / x,), ((0.5, 4.0),)),
    ("i0", (lambda y, x: i1(x),), ((-2.0, 2.0),)),
    ("i1", (lambda y, x: 0.5 * (i0(x) + iv(2.0, x)),), ((-2.0, 2.0),)),
    ("i0e", (lambda y, x: _scaled_i_slope(0.0, x, i1e(x) - np.sign(x) * y),), ((0.2, 3.0),)),
    ("i1e", (lambda y, x: _scaled_i_slope(1.0, x, 0.5 * (i0e(x) + ive(2.0, x)) - np.sign(x) * y),), ((0.2, 3.0),)),
    ("k0", (lambda y, x: -k1(x),), ((0.3, 3.0),)),
    ("k1", (lambda y, x: -k0(x) - y / x,), ((0.3, 3.0),)),
    ("k0e", (lambda y, x: _scaled_k_slope(0.0, x, y - k1e(x)),), ((0.3, 3.0),)),
    ("k1e", (lambda y, x: _scaled_k_slope(1.0, x, y - k0e(x) - y / x),), ((0.3, 3.0),)),
    ("exp1", (lambda y, x: -np.exp(-x) / x,), ((0.3, 3.0),)),
    ("expi", (_expi_partial,), ((0.3, 3.0),)),
    ("ellipk", (_ellipk_partial,), ((0.1, 0.8),)),
    ("ellipe", (_ellipe_partial,), ((0.1, 0.8),)),
    ("jv", (by_parameter(jv, 0, of_order), lambda y, v, x: 0.5 * (jv(v - 1, x) - jv(v + 1, x))), ((1.0, 3.0), (0.5, 4.0))),
    ("yv", (by_parameter(yv, 0, of_order), lambda y, v, x: 0.5 * (yv(v - 1, x) - yv(v + 1, x))), ((1.0, 3.0), (1.0, 4.0))),
    ("iv", (by_parameter(iv, 0, of_order), lambda y, v, x: 0.5 * (iv(v - 1, x) + iv(v + 1, x))), ((1.0, 3.0), (0.5, 3.0))),
    ("kv", (lambda y, v, x: np.where(np.equal(y, 0), 0.0, np.exp(-x) * _kve_by_order(v, x)), lambda y, v, x: -0.5 * (kv(v - 1, x) + kv(v + 1, x))), ((1.0, 3.0), (0.5, 3.0))),
    ("ive", (by_parameter(ive, 0, of_order), lambda y, v, x: _scaled_i_slope(v, x, 0.5 * (ive(v - 1, x) + ive(v + 1, x)) - np.sign(x) * y)),
     ((1.0, 3.0), (0.5, 3.0))),
    ("kve", (lambda y, v, x: _kve_by_order(v, x), lambda y, v, x: _scaled_k_slope(v, x, y - 0.5 * (kve(v - 1, x) + kve(v + 1, x)))), ((1.0, 3.0), (0.5, 3.0))),
    ("expn", ("n", _expn_partial), ((2.0, 2.0), (0.5, 2.0))),
    ("zeta", (_zeta_by_order, lambda y, x, q: -x * zeta(x + 1, q)), ((2.0, 4.0), (0.5, 3.0))),
    ("kn", ("n", lambda y, n, x: -0.5 * (_of_order(kn, n, -1, x) + _of_order(kn, n, 1, x))),
     ((2.0, 2.0), (0.5, 3.0))),
    ("yn", ("n", lambda y, n, x: 0.5 * (_of_order(yn, n, -1, x) - _of_order(yn, n, 1, x))),
     ((2.0, 2.0), (1.0, 4.0))),
    ("ndtr", (lambda y, x: normal_density(x),), ((-2.0, 2.0),)),
    ("boxcox", (lambda y, x, p: np.power(x, p - 1), lambda y, x, p: _boxcox_by_power(np.log(x), p)),
     ((0.5, 3.0), (-2.0, 2.0))),
    ("boxcox1p", (_boxcox1p_by_argument, lambda y, x, p: _boxcox_by_power(np.log1p(x), p)),
     ((0.5, 3.0), (-2.0, 2.0))),
    ("pseudo_huber", (_pseudo_huber_by_delta, _pseudo_huber_by_residual),
     ((0.5, 3.0), (-2.0, 2.0))),
    ("gammainc", (lambda y, a, x: _shape_slope(a, x), _gamma_density), ((0.5, 3.0), (0.5, 3.0))),
    ("gammaincc", (lambda y, a, x: -_shape_slope(a, x), lambda y, a, x: -_gamma_density(y, a, x)),
     ((0.5, 3.0), (0.5, 3.0))),
    ("betainc", (_beta_slope(0, 1.0), _beta_slope(1, 1.0), _beta_density), ((0.5, 3.0), (0.5, 3.0), (0.2, 0.8))),
    ("betaincc", (_beta_slope(0, -1.0), _beta_slope(1, -1.0), lambda y, a, b, x: -_beta_density(y, a, b, x)),
     ((0.5, 3.0), (0.5, 3.0), (0.2, 0.8))),
    ("stdtr", (_student_by_degrees, _student_density), ((1.0, 5.0), (-2.0, 2.0))),
)  # fmt: skip
_FADING = {
    "ndtr": (0,),
    "log_ndtr": (0,),
    "stdtr": (1,),
    "dawsn": (0,),
    "erfcx": (0,),
    "exp1": (0,),
}
for _name, _partials, _domain in _KERNELS:
    # The incomplete gamma functions are those of exp(x), of x**2, …, whose slopes overflow.
    enter_ufunc(
        _name,
        _partials,
        _domain,
        absorbing=(1,) if "gammainc" in _name else (),
        fading=_FADING.get(_name, ()),
    )
