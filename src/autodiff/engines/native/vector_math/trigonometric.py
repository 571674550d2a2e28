"""sin, cos and tan as straight-line code, accurate for every finite argument.

Arguments below 2**20 (float32: 2**11) are reduced modulo pi/2 with pi/2 in three parts (Cody & Waite 1980); larger ones, which are rare,
are left to the C library without a branch in the loop (`large_argument`).

The polynomials are minimax, arranged as in fdlibm (Sun Microsystems, 1993) so that the tail of the reduced argument counts.
`sin` and `cos` of one argument share everything but the last selection once the compiler has merged equal lines.
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    bits,
    corrected_quotient,
    fast_two_sum,
    fma,
    from_bits,
    magnitude,
    muladd,
    nearest_integer,
    polynomial,
    select,
)
from autodiff.engines.native.vector_math.large_argument import BOUND, where_large

# sin r = r + r z q(z), z = r**2, |r| <= pi/4
_SIN = {
    "f64": (
        -0.16666666666666632,
        0.008333333333322313,
        -0.0001984126982972358,
        2.7557313661727293e-06,
        -2.505075323953371e-08,
        1.5896504662569683e-10,
    ),
    "f32": (-0.16666655242443085, 0.008332173340022564, -0.00019516656175255775),
}
# cos r = 1 - z/2 + z**2 q(z)
_COS = {
    "f64": (
        0.041666666666666595,
        -0.0013888888888872897,
        2.4801587288748908e-05,
        -2.7557314148795565e-07,
        2.0875696593094512e-09,
        -1.1358311478005897e-11,
    ),
    "f32": (0.04166664555668831, -0.0013887310633435845, 2.4432536520180292e-05),
}

_TWO_OVER_PI = 0.6366197723675814
# pi/2 in three parts. k times the second (33 or 13 bits) is exact below the bound on the argument, so that the rounding
# error of the reduction is known exactly; x - k times the first is exact by a fused multiply-add.
_HALF_PI = {
    "f64": (1.5707963267948966, 6.12323399538461e-17, 3.5215598651832e-27),
    "f32": (1.5707963705062866, -4.371395334601402e-08, 2.5633440682570896e-12),
}


def _reduce(x: Value) -> tuple[Value, Value, Value]:
    """(r, tail, n) with x = n pi/2 + r + tail, |r| <= pi/4 (1 + tiny), for |x| < BOUND; n as an integer modulo 4.

    Infinity and NaN give NaN.
    """
    first, second, third = _HALF_PI[x.format.name]
    k, n = nearest_integer(x, _TWO_OVER_PI)
    start = fma(-k, first, x)
    r = fma(-k, second, start)
    return r, fma(-k, third, fma(-k, second, start - r)), n


def _sin_parts(r: Value, tail: Value) -> tuple[Value, Value]:
    """sin(r + tail) as r plus a correction."""
    z = r * r
    return r, muladd(z * r, polynomial(z, _SIN[r.format.name]), muladd(-tail, 0.5 * z, tail))


def _cos_parts(r: Value, tail: Value) -> tuple[Value, Value]:
    """cos(r + tail) as 1 - r**2/2, rounded, plus a correction."""
    z = r * r
    half = 0.5 * z
    high = 1.0 - half
    rest = muladd(-tail, r, (1.0 - high) - half)
    return high, muladd(z * z, polynomial(z, _COS[r.format.name]), rest)


def _odd(n: Value) -> Value:
    return (n & 1).differs(0)


def _by_quadrant(x: Value, shift: int) -> Value:
    """sin(x + shift pi/2)."""
    r, tail, n = _reduce(x)
    sine, sine_low = _sin_parts(r, tail)
    cosine, cosine_low = _cos_parts(r, tail)
    odd = _odd(n)
    if shift == 0:
        result = select(odd, cosine + cosine_low, sine + sine_low)
    else:
        result = select(odd, sine + sine_low, cosine + cosine_low)
        n = n + 1
    sign = (n & 2) << (x.format.bits - 2)
    return from_bits(bits(result) ^ sign)


# Below these sin and tan are x to the last bit, and the reduction would lose -0.0.
_TINY = {"f64": 2.0**-27, "f32": 2.0**-13}


def within(name: str, dtype: str) -> tuple[float, float]:
    """The sizes |x|, from the first and below the second, for which the straight-line code holds alone."""
    return 0.0 if name == "cos" else _TINY[dtype], BOUND[dtype]


def _with_ends(x: Value, result: Value, name: str) -> Value:
    """The result, replaced where |x| is large, and by x where sin and tan are x to the last bit."""
    size = magnitude(x)
    if name != "cos":
        result = select(size < _TINY[x.format.name], x, result)
    return select(size >= BOUND[x.format.name], where_large(x, name), result)


def sin(x: Value) -> Value:
    """The sine."""
    return _with_ends(x, sin_within(x), "sin")


def cos(x: Value) -> Value:
    """The cosine."""
    return _with_ends(x, cos_within(x), "cos")


def tan(x: Value) -> Value:
    """The tangent."""
    return _with_ends(x, tan_within(x), "tan")


def sin_within(x: Value) -> Value:
    """The sine of x `within` its sizes."""
    return _by_quadrant(x, 0)


def cos_within(x: Value) -> Value:
    """The cosine of x `within` its sizes."""
    return _by_quadrant(x, 1)


def tan_within(x: Value) -> Value:
    """sin/cos, or -cos/sin in odd quadrants, both in two parts, of x `within` its sizes."""
    r, tail, n = _reduce(x)
    sine, sine_low = fast_two_sum(*_sin_parts(r, tail))
    cosine, cosine_low = fast_two_sum(*_cos_parts(r, tail))
    odd = _odd(n)
    result = corrected_quotient(
        select(odd, cosine, sine),
        select(odd, cosine_low, sine_low),
        select(odd, sine, cosine),
        select(odd, sine_low, cosine_low),
    )
    sign = n << (x.format.bits - 1)
    return from_bits(bits(result) ^ sign)
