"""pow, cbrt and hypot as straight-line code.

pow is exp(y log|x|), the logarithm to about 65 bits, with the special cases of C99 (Annex F.9.4.4).
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    F64,
    Value,
    copysign,
    fast_two_sum,
    fma,
    greatest,
    least,
    magnitude,
    muladd,
    narrow,
    nearest_integer,
    polynomial,
    power_of_two,
    rint,
    select,
    square_root,
    two_product,
    widen,
)
from autodiff.engines.native.vector_math.exponential import (
    INVERSE_LN2,
    LN2,
    exp_of_parts,
    exp_of_sum,
)
from autodiff.engines.native.vector_math.logarithm import INFINITY, NAN, split

# 2 atanh(s) = 2 s + s z (2/3 + z q(z)), z = s**2
_TAIL = (
    0.4,
    0.28571428571428376,
    0.22222222222290555,
    0.1818181816925705,
    0.15384616752807237,
    0.13333240459217985,
    0.11768673016159784,
    0.10422918150616253,
    0.11013206406057569,
)
# the same from 2/3 on, for results of 24 bits
_SHORT_LOG = (
    0.6666666667579471,
    0.39999995623950163,
    0.28572108929561885,
    0.22176198754816967,
    0.19583996987826352,
)
# m**(-1/3) for sqrt(1/2) <= m <= sqrt(2), to 17 bits (12 for float32)
_INVERSE_CUBE_ROOT = {
    "f64": (
        1.9991663652924956,
        -2.485897522224198,
        2.792165318924768,
        -1.8980872868631935,
        0.7007170132985236,
        -0.10806004149534768,
    ),
    "f32": (
        1.7307031154632568,
        -1.2857143878936768,
        0.7133253812789917,
        -0.1585354506969452,
    ),
}
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# ln 2 in two parts: the first has 42 bits, so that k times it is exact, the second ends at bit 95
_LN2 = (0.6931471805598903, 5.497923018708371e-14)


def _log_in_two_parts(x: Value, nowhere: Value) -> tuple[Value, Value]:
    """log x as an unevaluated sum, relative error about 2**-65, for finite x > 0 (double); `nowhere`: see `pow`."""
    m, k, _ = split(x)
    f = m - 1.0
    d = f + 2.0
    d_low = f - (d - 2.0)
    reciprocal = 1.0 / select(nowhere, 0.0, d)
    s = f * reciprocal
    s_low = muladd(-s, d_low, fma(-s, d, f)) * reciprocal
    z, z_low = two_product(s, s)
    z_low = muladd(2.0 * s, s_low, z_low)
    cube, cube_low = two_product(z, s)
    cube_low = muladd(z_low, s, muladd(z, s_low, cube_low))
    # log m = 2 s + 2/3 cube + cube (z q(z)); the low part of 2/3 goes with the last, small, factor
    third, third_low = two_product(cube, _TWO_THIRDS[0])
    factor = muladd(z, polynomial(z, _TAIL), _TWO_THIRDS[1])
    third_low = muladd(cube, factor, muladd(cube_low, _TWO_THIRDS[0], third_low))
    high, low = fast_two_sum(2.0 * s, third)
    low = low + muladd(s_low, 2.0, third_low)
    high, carry = fast_two_sum(k * _LN2[0], high)
    return high, carry + muladd(k, _LN2[1], low)


def _finite(y: Value) -> Value:
    """An exponent within +-2**64: such decide already, and y log x is finite, 0 for x = 1."""
    return least(greatest(y, -(2.0**64)), 2.0**64)


def _double_magnitude(x: Value, y: Value, nowhere: Value) -> Value:
    """x**y for finite x > 0."""
    log, log_low = _log_in_two_parts(x, nowhere)
    y = _finite(y)
    t, t_low = two_product(y, log)
    t_low = muladd(y, log_low, t_low)
    inside = least(greatest(t, -746.0), 710.0)
    return exp_of_sum(inside, select(inside.equals(t), t_low, 0.0))


def _single_magnitude(a: Value, y: Value, nowhere: Value) -> Value:
    """a**y for finite a > 0 of 24 bits: the logarithm and the product in double, the exponential as in exp."""
    m, k, _ = split(a)
    m, k = widen(m), widen(k)
    s = (m - 1.0) / select(nowhere, 0.0, m + 1.0)
    z = s * s
    log = muladd(k, LN2, s * muladd(z, polynomial(z, _SHORT_LOG), 2.0))
    t = least(greatest(widen(_finite(y)) * log, -104.0), 89.0)
    n, _ = nearest_integer(t, INVERSE_LN2)
    return exp_of_parts(narrow(n), narrow(muladd(-n, LN2, t)))


def pow(x: Value, y: Value) -> Value:
    """x**y with the special cases of C99: x**0 = 1**y = 1 even for NaN, signs by odd whole y, NaN for negative x otherwise."""
    a = magnitude(x)
    whole = rint(y).equals(y)
    nowhere = (
        (x < 0.0) & (x > -INFINITY) & ~whole
    )  # divides by zero: a mark in the processor's flags
    result = (_double_magnitude if x.format is F64 else _single_magnitude)(a, y, nowhere)
    # 0 and inf: the logarithm is not finite
    edge = select(y < 0.0, select(a.equals(0.0), a.constant(INFINITY), 0.0), a)
    result = select(a.equals(0.0) | a.equals(INFINITY), edge, result)
    half = 0.5 * y
    odd = whole & rint(half).differs(half)
    result = select(odd, copysign(result, x), result)
    result = select(nowhere | x.compare("uno", y), NAN, result)
    return select(x.equals(1.0) | y.equals(0.0), 1.0, result)


def cbrt(x: Value) -> Value:
    """The cube root: one step of third order from a polynomial for a**(-1/3), then a corrected product."""
    a = magnitude(x)
    m, k, _ = split(a)
    third, i = nearest_integer(k, 1.0 / 3.0)
    rest = muladd(third, -3.0, k)  # -1, 0 or 1; a = 2**(3 third) 2**rest m
    up, down = rest > 0.5, rest < -0.5
    m = m * select(up, 2.0, select(down, x.constant(0.5), 1.0))
    start = polynomial(
        m * select(up, 0.5, select(down, x.constant(2.0), 1.0)), _INVERSE_CUBE_ROOT[x.format.name]
    )
    w = start * select(up, 0.7937005259840998, select(down, x.constant(1.259921049894873), 1.0))
    e = fma(-(w * w), w * m, 1.0)
    w = muladd(w * e, muladd(e, 2.0 / 9.0, 1.0 / 3.0), w)
    y = m * (w * w)
    square, square_low = two_product(y, y)
    error = muladd(-square_low, y, fma(-square, y, m))
    y = muladd(error, (w * w) * (1.0 / 3.0), y) * power_of_two(i)
    return select((a > 0.0) & (a < INFINITY), copysign(y, x), x)


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2) without overflow or underflow on the way; infinite if either is, even beside NaN."""
    a, b = magnitude(x), magnitude(y)
    largest = select(a > b, a, b)
    far = 2.0 ** (x.format.bias // 2)
    up = 2.0 ** (x.format.bias // 2 + x.format.fraction)
    big, little = largest > far, largest < 1.0 / far
    scale = select(big, 1.0 / up, select(little, x.constant(up), 1.0))
    back = select(big, up, select(little, x.constant(1.0 / up), 1.0))
    a1, b1 = a * scale, b * scale
    result = square_root(fma(a1, a1, b1 * b1)) * back
    return select(a.equals(INFINITY) | b.equals(INFINITY), INFINITY, result)
