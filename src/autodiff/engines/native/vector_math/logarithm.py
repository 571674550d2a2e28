"""log, log2, log10 and log1p as straight-line code.

x = 2**k m with m between sqrt(1/2) and sqrt(2), taken from the bits; with f = m - 1, s = f / (2 + f) and z = s**2,

    log m = 2 atanh s = f - s (f - R),     R = z q(z) the minimax rest of 2 atanh(s)/s - 2,

an arrangement of fdlibm (Sun Microsystems, 1993): f is exact, and what is subtracted is less than a fifth of it.

Where the logarithm is not defined the division is by zero: its result is replaced, but it leaves a mark in the processor's flags.
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    bits,
    fast_two_sum,
    fma,
    from_bits,
    literal,
    magnitude,
    muladd,
    polynomial,
    select,
)
from autodiff.engines.native.vector_math.exponential import INVERSE_LN2, LN2_PARTS

INFINITY = float("inf")
NAN = float("nan")

_LOG = {
    "f64": (
        0.6666666666666734,
        0.3999999999941473,
        0.2857142874238629,
        0.22222198572848692,
        0.18183564353642923,
        0.15314049785282283,
        0.14795956882006228,
    ),
    "f32": (0.6666666269302368, 0.4000033438205719, 0.2853730618953705, 0.23582179844379425),
}
_INVERSE_LN10 = 0.4342944819032518
# log10 2 in two parts, k times the first exact
_LOG10_2 = {
    "f64": (0.3010299956640665, -8.532344317057107e-14),
    "f32": (0.301025390625, 4.605039066518657e-06),
}


def _pattern(x: Value, value: float) -> int:
    """The bits of a constant in the format of x."""
    double = int(literal(value, "double"), 16)
    if x.format.bits == 64:
        return double
    exponent = (double >> 52) - 1023 + 127
    return (exponent << 23) | ((double >> 29) & 0x7FFFFF)


def split(x: Value, subnormal: bool = True) -> tuple[Value, Value, Value]:
    """(m, k, e) with x = 2**k m, sqrt(1/2) <= m < sqrt(2), for finite x > 0.

    e are bits: k + bias of the argument, scaled to be normal. Without `subnormal`, x is known to be normal.
    """
    form = x.format
    root = _pattern(x, 0.7071067811865476)
    # an integer below 2**fraction put under the bits of 2**fraction is that integer, as a float
    offset: Value = x.constant(2.0**form.fraction + form.bias)
    if subnormal:
        up = form.fraction + 2
        small = x < form.tiny
        x = select(small, x * 2.0**up, x)
        offset = select(small, 2.0**form.fraction + form.bias + up, offset)
    shifted = bits(x) + (form.one - root)
    e = shifted >> form.fraction
    k = from_bits(e | _pattern(x, 2.0**form.fraction)) - offset
    m = from_bits((shifted & ((1 << form.fraction) - 1)) + root)
    return m, k, e


def _deficit(f: Value, defined: Value) -> tuple[Value, Value]:
    """(s, f - R), so that log(1 + f) = f - s (f - R), where `defined`."""
    s = f / select(defined, f + 2.0, 0.0)
    z = s * s
    return s, muladd(-z, polynomial(z, _LOG[f.format.name]), f)


def _log_of_parts(k: Value, f: Value, defined: Value) -> Value:
    """k ln 2 + log(1 + f)."""
    high, low = LN2_PARTS[f.format.name]
    s, deficit = _deficit(f, defined)
    return muladd(k, high, f + muladd(-s, deficit, k * low))


def atanh_rest(s: Value) -> Value:
    """2 atanh(s) - 2 s, for |s| <= 3 - 2 sqrt(2)."""
    z = s * s
    return (s * z) * polynomial(z, _LOG[s.format.name])


def _with_specials(x: Value, result: Value, pole: float = 0.0) -> Value:
    """-inf at the pole, NaN below it, inf and NaN of the argument kept."""
    special = select(x > pole, x, select(x.equals(pole), x.constant(-INFINITY), NAN))
    return select((x > pole) & (x < INFINITY), result, special)


def log(x: Value) -> Value:
    """The natural logarithm."""
    m, k, _ = split(x)
    return _with_specials(x, _log_of_parts(k, m - 1.0, x > 0.0))


def _log_to_base(x: Value, factor: float, step: tuple[float, float]) -> Value:
    """k step + log(m) factor, the step in two parts; round numbers come out exact, as the large terms are added without loss."""
    m, k, _ = split(x)
    f = m - 1.0
    s, deficit = _deficit(f, x > 0.0)
    first = f * factor
    total, error = fast_two_sum(k * step[0], first)
    low = muladd(s * deficit, -factor, error + fma(f, factor, -first))
    if step[1]:
        low = muladd(k, step[1], low)
    return _with_specials(x, total + low)


def log2(x: Value) -> Value:
    """The logarithm to base 2; exact at powers of two."""
    return _log_to_base(x, INVERSE_LN2, (1.0, 0.0))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    return _log_to_base(x, _INVERSE_LN10, _LOG10_2[x.format.name])


def log1p(x: Value) -> Value:
    """log(1 + x): f is 1 + x over 2**k, less 1, with what the sum 1 + x lost put back.

    For k = 0, that is |x| small, f is x itself.
    """
    u = x + 1.0
    lost = x - (u - 1.0)
    m, k, e = split(u, subnormal=False)
    # 2**(1-k), as 2**-k has no normal pattern for the largest k
    twice = from_bits(x.format.one - ((e - (x.format.bias + 1)) << x.format.fraction))
    f = muladd(0.5 * lost, twice, m - 1.0)
    result = _log_of_parts(k, f, x > -1.0)
    keep = magnitude(x) < 2.0 ** -(x.format.fraction + 2)
    return _with_specials(x, select(keep, x, result), -1.0)
