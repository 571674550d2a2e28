"""asin, acos, atan, atan2, asinh, acosh and atanh as straight-line code.

The circular ones reduce to an argument of at most 1/2 (asin) or tan(pi/8) (atan) and a minimax polynomial, as in fdlibm
(Sun Microsystems, 1993). The hyperbolic ones are logarithms, written so that nothing cancels near 0.
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    bits,
    copysign,
    fast_two_sum,
    fma,
    magnitude,
    muladd,
    polynomial,
    power_of_two,
    select,
    square_root,
)
from autodiff.engines.native.vector_math.exponential import LN2, LN2_PARTS
from autodiff.engines.native.vector_math.logarithm import INFINITY, NAN, atanh_rest, split

HALF_PI = {
    "f64": (1.5707963267948966, 6.123233995736766e-17),
    "f32": (1.5707963705062866, -4.371138828673793e-08),
}

# asin t = t + t z q(z), z = t**2 <= 1/4
_ASIN = {
    "f64": (
        0.16666666666665378,
        0.07500000000344453,
        0.04464285682225214,
        0.03038195938443972,
        0.022371752196306098,
        0.01735979181377692,
        0.013884387692168565,
        0.012174701221851377,
        0.0065045495821941125,
        0.019591557060119454,
        -0.016322370867586734,
        0.03197875724157032,
    ),
    "f32": (
        0.16666753590106964,
        0.07495234906673431,
        0.045478057116270065,
        0.02414248324930668,
        0.04222794622182846,
    ),
}
# atan t = t + t z q(z), z = t**2, |t| <= tan(pi/8)
_ATAN = {
    "f64": (
        -0.333333333333332,
        0.19999999999953644,
        -0.1428571428020248,
        0.1111111078374779,
        -0.09090897765406317,
        0.07692060335736556,
        -0.06663105195290028,
        0.05847895715713262,
        -0.05039324095621069,
        0.03806480122697558,
        -0.017907191413503082,
    ),
    "f32": (
        -0.33333316445350647,
        0.1999848484992981,
        -0.14243744313716888,
        0.10595180839300156,
        -0.0608125664293766,
    ),
}


def _asin_parts(x: Value) -> tuple[Value, Value, Value, Value]:
    """(|x| > 1/2, t, its tail, rest): asin t = t + tail + rest; t = |x|, or sqrt((1 - |x|)/2) where |x| > 1/2."""
    a = magnitude(x)
    outer = a > 0.5
    z = select(outer, muladd(a, -0.5, 0.5), a * a)
    root = square_root(z)
    t = select(outer, root, a)
    # what the root lost: (z - root**2) / (2 root), nearly; root = 0 only for |x| = 1, which is exact
    lost = fma(-root, root, z) / select(root > 0.0, root + root, 1.0)
    tail = select(outer, lost, 0.0)
    return outer, t, tail, t * (z * polynomial(z, _ASIN[x.format.name]))


def asin(x: Value) -> Value:
    """The arcsine: pi/2 - 2 asin sqrt((1 - |x|)/2) beyond 1/2."""
    outer, t, tail, rest = _asin_parts(x)
    high, low = HALF_PI[x.format.name]
    double = 2.0 * t
    total = high - double
    error = (high - total) - double
    far = total + (error + (low - 2.0 * (rest + tail)))
    return copysign(select(outer, far, t + rest), x)


def acos(x: Value) -> Value:
    """The arccosine: 2 asin sqrt((1 - x)/2) beyond 1/2, pi less that below -1/2."""
    outer, t, tail, rest = _asin_parts(x)
    high, low = HALF_PI[x.format.name]
    negative = x < 0.0
    # inside: pi/2 - asin x; asin x has the sign of x
    start = select(outer, x.constant(2.0 * high), high)
    start_low = select(outer, x.constant(2.0 * low), low)
    part = select(outer, 2.0 * t, copysign(t, x))
    part_low = select(outer, 2.0 * (rest + tail), copysign(rest, x))
    part, part_low = fast_two_sum(part, part_low)
    total, error = fast_two_sum(start, -part)
    subtracted = total + (error + (start_low - part_low))
    return select(outer & ~negative, part + part_low, subtracted)


def _atan_of_ratio(y: Value, x: Value) -> Value:
    """atan(y/x) for y, x >= 0 and their ratio defined, in [0, pi/2]: one division.

    y/x up to tan(pi/8); pi/4 + atan((y-x)/(y+x)) up to tan(3 pi/8); pi/2 - atan(x/y) beyond.
    """
    name = x.format.name
    high, low = HALF_PI[name]
    near = y <= 0.41421356237309503 * x
    far = ~(y < 2.414213562373095 * x)
    n = select(near, y, select(far, -x, y - x))
    d = select(near, x, select(far, y, y + x))
    t = n / d
    # the middle's numerator and denominator are rounded; what they lost, over d, is the tail of t
    lost = fma(-t, d, n)
    total = select(near, 0.0, select(far, x.constant(high), 0.5 * high))
    start_low = select(near, 0.0, select(far, x.constant(low), 0.5 * low))
    z = t * t
    rest = (t * z) * polynomial(z, _ATAN[name])
    tail = select(near | far, 0.0, (lost - t * _lost_in_sum(y, x) + _lost_in_sum(y, -x)) / d)
    s, error = fast_two_sum(total, t)
    return select(near, t + rest, s + (error + (start_low + (rest + tail))))


def _lost_in_sum(a: Value, b: Value) -> Value:
    """The rounding error of a + b."""
    total = a + b
    part = total - a
    return (a - (total - part)) + (b - part)


def atan(x: Value) -> Value:
    """The arctangent."""
    return copysign(_atan_of_ratio(magnitude(x), x.constant(1.0)), x)


def atan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in [-pi, pi], by the signs of both, of zeros too."""
    high, low = HALF_PI[x.format.name]
    a, b = magnitude(y), magnitude(x)
    # y + x must not overflow, nor the bounds of the three ranges lose digits; equal infinities have ratio 1, zeros 0
    big, up = 2.0 ** (x.format.bias - 2), 2.0 ** (2 * x.format.fraction)
    little = (a < 1.0 / up) & (b < 1.0 / up)
    scale = select((a > big) | (b > big), x.constant(0.25), select(little, x.constant(up), 1.0))
    both = a.equals(b) & (a.equals(INFINITY) | a.equals(0.0))
    ratio = select(a.equals(0.0), 0.0, x.constant(1.0))
    angle = _atan_of_ratio(select(both, ratio, a * scale), select(both, 1.0, b * scale))
    behind = (2.0 * high - angle) + 2.0 * low
    left = bits(x).compare("slt", 0)
    return copysign(select(left, behind, angle), y)


def _log1p(x: Value) -> Value:
    return x.code.entry("log1p", f"@ad.log1p.{x.format.name}", x)


def _log_of_sum(x: Value, u: Value) -> Value:
    """log(1 + u), or log(2 x) where x is so large that this is the same and its square may overflow."""
    big = x > 2.0 ** (x.format.fraction + 2)
    return _log1p(select(big, x, u)) + select(big, x.constant(LN2), 0.0)


def asinh(x: Value) -> Value:
    """log(|x| + sqrt(x**2 + 1)), as log1p(|x| + x**2 / (1 + sqrt(x**2 + 1)))."""
    a = magnitude(x)
    square = a * a
    return copysign(_log_of_sum(a, a + square / (1.0 + square_root(square + 1.0))), x)


def acosh(x: Value) -> Value:
    """log(x + sqrt(x**2 - 1)), as log1p(t + sqrt(2 t + t**2)) with t = x - 1."""
    t = x - 1.0
    u, lost = fast_two_sum(square_root(fma(t, t, 2.0 * t)), t)
    # beyond 1/4 what the sum lost is too little to matter
    return select(x < 1.0, NAN, _log_of_sum(x, u) + select(u < 0.25, lost, 0.0))


def atanh(x: Value) -> Value:
    """(1/2) log((1 + x) / (1 - x)), from s = ((1 + x) u - (1 - x)) / ((1 + x) u + (1 - x)) with u = 2**-k that makes s small."""
    high, low = LN2_PARTS[x.format.name]
    a = magnitude(x)
    above, below = a + 1.0, 1.0 - a
    m, k, e = split(below, subnormal=False)  # 1 - a is at least half an ulp of 1
    extra = above > 1.4142135623730951 * m
    k = select(extra, 1.0, a.constant(0.0)) - k
    u = power_of_two(select(extra, e - 1, e) - x.format.bias)  # the bits e - bias are -k
    # rounded once each: below 1/2, 1 + u and 1 - u are exact; from there on, 1 - a is
    small = a < 0.5
    n = select(small, fma(a, u + 1.0, u - 1.0), muladd(above, u, -below))
    d = select(small, fma(a, u - 1.0, u + 1.0), muladd(above, u, below))
    # elsewhere by zero, or NaN from infinity less itself: both leave a mark in the processor's flags
    s = n / select(a < 1.0, d, n - n)
    total = muladd(k, 0.5 * high, s + muladd(k, 0.5 * low, 0.5 * atanh_rest(s)))
    result = select(a < 1.0, total, select(a.equals(1.0), a.constant(INFINITY), NAN))
    return copysign(result, x)
