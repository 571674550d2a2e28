"""exp, exp2, expm1, tanh and its slope, sinh and cosh as straight-line code.

All reduce x = k ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts, Cody & Waite 1980), evaluate a minimax polynomial
in r and scale by 2**k in the bits of the exponent. Results below the normal range are rounded once, as gradual underflow asks.
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    copysign,
    corrected_quotient,
    fast_two_sum,
    fma,
    from_bits,
    greatest,
    least,
    magnitude,
    muladd,
    nearest_integer,
    polynomial,
    power_of_two,
    select,
)

INVERSE_LN2 = 1.4426950408889634
LN2 = 0.6931471805599453
# ln 2 in two parts, the first so short that k times it is exact without a fused multiply
LN2_PARTS = {
    "f64": (0.6931471806019545, -4.2009150726810846e-11),
    "f32": (0.693145751953125, 1.428606765330187e-06),
}

# exp(r) = 1 + r + r**2 q(r); fitted by bench/fit_polynomials.py, as are all tables of this package
_EXP = {
    "f64": (
        0.5000000000000004,
        0.16666666666666685,
        0.04166666666658147,
        0.00833333333331552,
        0.0013888888930387493,
        0.00019841269901124697,
        2.480150640928063e-05,
        2.7557229561449913e-06,
        2.7625664789951683e-07,
        2.5113993520240023e-08,
    ),
    "f32": (
        0.5,
        0.1666654497385025,
        0.04166629537940025,
        0.008366402238607407,
        0.0013945719692856073,
    ),
}
# sinh(r) = r + r z q(z), z = r**2
_SINH = {
    "f64": (
        0.16666666666666677,
        0.008333333333321534,
        0.00019841269886396715,
        2.7557243915379606e-06,
        2.5109146200777676e-08,
    ),
    "f32": (0.1666666716337204, 0.008333289064466953, 0.00019905075896531343),
}
# cosh(r) = 1 + z/2 + z**2 q(z)
_COSH = {
    "f64": (
        0.04166666666660249,
        0.0013888888927415068,
        2.4801507879131595e-05,
        2.7625514375288515e-07,
    ),
    "f32": (0.041666459292173386, 0.0013935478636994958),
}
# tanh(t) = t + t z q(z), z = t**2, |t| <= 0.6
_TANH_SINGLE = (
    -0.33333298563957214,
    0.13331922888755798,
    -0.05378369987010956,
    0.020795464515686035,
    -0.005894508212804794,
)


def _reduce(x: Value) -> tuple[Value, Value, Value]:
    """(k, its bits, r) with x = k ln 2 + r."""
    high, low = LN2_PARTS[x.format.name]
    k, i = nearest_integer(x, INVERSE_LN2)
    return k, i, muladd(-k, low, muladd(-k, high, x))


def _curvature(r: Value) -> Value:
    """exp(r) - 1 - r on the reduced argument."""
    return (r * r) * polynomial(r, _EXP[r.format.name])


def _exp(r: Value) -> Value:
    """exp(r) on the reduced argument."""
    return muladd(r * r, polynomial(r, _EXP[r.format.name]), r) + 1.0


def scale(p: Value, k: Value, i: Value) -> Value:
    """p * 2**k in two steps, as 2**k alone may over- or underflow; i are the bits of k."""
    _, half = nearest_integer(k, 0.5)
    return p * power_of_two(half) * power_of_two(i - half)


def exp(x: Value) -> Value:
    """e**x."""
    # beyond these the result is 0 or inf whatever the argument; NaN passes
    low, high = {"f64": (-746.0, 710.0), "f32": (-104.0, 89.0)}[x.format.name]
    k, i, r = _reduce(least(greatest(x, low), high))
    return scale(_exp(r), k, i)


def exp_of_sum(x: Value, tail: Value) -> Value:
    """e**(x + tail) with |tail| small beside |x|, for pow; x is within the clamps of exp."""
    k, i, r = _reduce(x)
    return scale(_exp(r + tail), k, i)


def exp_of_parts(k: Value, r: Value) -> Value:
    """2**k e**r on the reduced argument."""
    return scale(_exp(r), k, nearest_integer(k, 1.0)[1])


def exp2(x: Value) -> Value:
    """2**x."""
    low, high = {"f64": (-1076.0, 1025.0), "f32": (-151.0, 129.0)}[x.format.name]
    x = least(greatest(x, low), high)
    k, i = nearest_integer(x, 1.0)
    return scale(_exp((x - k) * LN2), k, i)


def _too_small(x: Value) -> Value:
    """|x| so small that f(x) = x for f odd with slope 1, or f = expm1; keeps -0.0 and subnormals."""
    return magnitude(x) < 2.0 ** -(x.format.fraction + 2)


def expm1(x: Value) -> Value:
    """e**x - 1 without cancellation near 0: 2**k r + (2**k - 1) is nearly exact, 2**k (e**r - 1 - r) is added."""
    low, high = {"f64": (-40.0, 710.0), "f32": (-20.0, 89.0)}[x.format.name]
    _, i, r = _reduce(least(greatest(x, low), high))
    half = power_of_two(i - 1)  # 2**(k-1): 2**k itself overflows just before the result does
    result = 2.0 * muladd(half, _curvature(r), muladd(half, r, half - 0.5))
    return select(_too_small(x), x, result)


# Bounds of |x| and of k in `_tanh_parts`: beyond the first tanh is 1 and its slope 0, and 2**k
# times the largest e**r is finite at the second.
_TANH_BOUNDS = {"f64": (376.0, 1000.0), "f32": (54.0, 120.0)}


def _tanh_parts(x: Value) -> tuple[Value, Value, Value]:
    """(2**k, e**r - 1, 2**-j) with e**(2 |x|) = 2**(k + j) e**r, where j is 0 but far out.

    Of `tanh` and `tanh_slope` alike, line for line, so that LLVM computes it once for both.
    """
    bound, most = _TANH_BOUNDS[x.format.name]
    k, i, r = _reduce(2.0 * least(magnitude(x), bound))
    _, low = nearest_integer(least(k, most), 1.0)
    return power_of_two(low), r + _curvature(r), power_of_two(low - i)


def _tanh_sums(power: Value, rest: Value) -> tuple[Value, Value, Value, Value]:
    """(E, its rounding error, E + 1, its rounding error) with E = power (1 + rest)."""
    e, e_low = fast_two_sum(power, power * rest)
    d, d_low = fast_two_sum(e, e.constant(1.0))
    return e, e_low, d, d_low + e_low


def tanh(x: Value) -> Value:
    """tanh|x| = (E - 1) / (E + 1) with E = e**2|x|."""
    a = magnitude(x)
    power, rest, _ = _tanh_parts(x)
    if x.format.bits == 32:
        # 1 - 2 / (E + 1) cancels below ln(3)/2; there a short polynomial is cheaper than two parts
        far = 1.0 - 2.0 * (1.0 / muladd(power, rest, power + 1.0))
        z = a * a
        near = muladd(a * z, polynomial(z, _TANH_SINGLE), a)
        return copysign(select(a < 0.6, near, far), x)
    # numerator and denominator in two parts, as each is rounded once more than we can afford
    e, e_low, d, d_low = _tanh_sums(power, rest)
    n, n_low = fast_two_sum(e, e.constant(-1.0))
    return copysign(corrected_quotient(n, n_low + e_low, d, d_low), x)


def tanh_slope(x: Value) -> Value:
    """1 / cosh(x)**2 = 4 q (1 - q) with q = 1 / (E + 1) <= 1/2: nothing cancels, as in 1 - tanh**2."""
    power, rest, factor = _tanh_parts(x)
    if x.format.bits == 32:
        d = muladd(power, rest, power + 1.0)
        d_low = muladd(power, rest, (power + 1.0) - d)
    else:
        _, _, d, d_low = _tanh_sums(power, rest)
    q = 1.0 / d
    q = muladd(q, muladd(-q, d_low, fma(-q, d, 1.0)), q)
    return (4.0 * q) * (1.0 - q) * factor


def _sinh_cosh_parts(x: Value) -> tuple[Value, Value, Value, Value]:
    """(S, c, a, b) of |x| = k ln 2 + r: S = sinh r, c = cosh r - 1, a = 2**(k-2), b = 2**(-k-2)."""
    bound = {"f64": 710.48, "f32": 89.42}[x.format.name]  # just beyond overflow: 2**(k-2) is finite
    k, i, r = _reduce(least(magnitude(x), bound))
    z = r * r
    s = muladd(r * z, polynomial(z, _SINH[x.format.name]), r)
    c = muladd(z * z, polynomial(z, _COSH[x.format.name]), 0.5 * z)
    a = power_of_two(i - 2)
    # far beyond where b matters, its exponent must not wrap
    b = from_bits(x.format.one - ((_bits_of_small(k) + 2) << x.format.fraction))
    return s, c, a, b


def _bits_of_small(k: Value) -> Value:
    """The bits of min(k, 64)."""
    return nearest_integer(least(k, 64.0), 1.0)[1]


def sinh(x: Value) -> Value:
    """sinh(k ln 2 + r) = (2**k - 2**-k)/2 cosh r + (2**k + 2**-k)/2 sinh r."""
    s, c, a, b = _sinh_cosh_parts(x)
    difference = a - b
    total = muladd(s, a + b, difference * c) + difference
    return select(_too_small(x), x, copysign(2.0 * total, x))


def cosh(x: Value) -> Value:
    """cosh(k ln 2 + r) = (2**k + 2**-k)/2 cosh r + (2**k - 2**-k)/2 sinh r."""
    s, c, a, b = _sinh_cosh_parts(x)
    # a + (b + ...), as a + b alone would lose b where it is half an ulp
    return 2.0 * (a + muladd(s, a - b, muladd(c, a + b, b)))
