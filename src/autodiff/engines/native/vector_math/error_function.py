"""erf as straight-line code: a polynomial below 1, and 1 - exp(-x**2) q((x - 2.5)/(x + 2.5)) beyond."""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    copysign,
    least,
    magnitude,
    muladd,
    polynomial,
    select,
)
from autodiff.engines.native.vector_math.exponential import exp

# erf x = x + x q(x**2), |x| <= 1
_ERF = {
    "f64": (
        0.12837916709551256,
        -0.3761263890318355,
        0.11283791670945235,
        -0.026866170643273336,
        0.005223977607400118,
        -0.0008548325988590286,
        0.00012055295287742263,
        -1.4924744039839693e-05,
        1.6447510045133795e-06,
        -1.6209117846957352e-07,
        1.372272650322686e-08,
        -7.800724755345275e-10,
    ),
    "f32": (
        0.12837916612625122,
        -0.3761262595653534,
        0.11283600330352783,
        -0.026854436844587326,
        0.0051895189099013805,
        -0.0008020686800591648,
        7.888576510595158e-05,
    ),
}
# exp(x**2) erfc x = q((x - 2.5)/(x + 2.5)), 1 <= x <= 6
_ERFC = {
    "f64": (
        0.21080636406114245,
        -0.37173673394925977,
        0.2517131932118606,
        -0.12503305235404805,
        0.03992254046218279,
        -0.0039936895665679045,
        -0.002642354889364393,
        0.0008755221097141778,
        0.00022549523047006416,
        -0.00013881429388846518,
        -5.327179736782542e-05,
        -9.531014477640236e-07,
    ),
    "f32": (
        0.21080650389194489,
        -0.3717275559902191,
        0.25185614824295044,
        -0.12407242506742477,
        0.0431043803691864,
        0.0010261429706588387,
    ),
}


def erf(x: Value) -> Value:
    """The error function."""
    name = x.format.name
    a = magnitude(x)
    z = a * a
    inner = muladd(a, polynomial(z, _ERF[name]), a)
    far = least(a, 6.0)  # erf is 1 to the last bit from 5.93 on
    t = (far - 2.5) / (far + 2.5)
    # the rounding of x**2 does not matter: erfc is small where x**2 is large
    outer = muladd(-exp(-(far * far)), polynomial(t, _ERFC[name]), 1.0)
    return copysign(select(a < 1.0, inner, outer), x)
