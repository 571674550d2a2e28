"""Legendre functions with their derivatives, spherical harmonics, and sequences of functions of SciPy.

    legendre(n, m, x; name, order, options)   the derivative of an order 0, 1 or 2, of each element
    sequence(x; name, degrees)                (f, f') of all degrees, of one number

SciPy gives a function together with its derivatives; the one beyond those that it gives, the third or the
second, follows from the differential equation.  A spherical harmonic of an angle φ is its value at 0
times ``exp(i m φ)``.

Source: DLMF 14.2.2 (Legendre's equation), 10.47.17 and 10.51.3 (spherical Bessel and Riccati's functions).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from autodiff.ir.data import ArrayType
from autodiff.ops import holomorphic_functions
from autodiff.ops.complex_functions import TABLE
from autodiff.ops.complex_numbers import is_complex, joined
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import known
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import as_array, broadcast_shapes, broadcast_to, cast, pointwise
from autodiff.ops.python_numbers import number
from autodiff.ops.scipy_functions import as_float
from autodiff.ops.special import pointwise_ufunc
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported

_DOUBLE = np.dtype(np.float64)


# -- functions of Legendre's equation --------------------------------------------------------------------
def _of_degree(n: Any, m: Any, x: Any, order: int, options: Any) -> Any:
    return special.legendre_p(n, x, diff_n=order)[order]


def _associated(n: Any, m: Any, x: Any, order: int, options: Any) -> Any:
    return special.assoc_legendre_p(n, m, x, diff_n=order, **dict(options))[order]


def _of_sphere(n: Any, m: Any, x: Any, order: int, options: Any) -> Any:
    return special.sph_legendre_p(n, m, x, diff_n=order)[order]


_MEANINGS: dict[str, Callable[..., Any]] = {
    "legendre_p": _of_degree, "assoc_legendre_p": _associated, "sph_legendre_p": _of_sphere,
}  # fmt: skip


def _meaning(n: Any, m: Any, x: Any, name: str, order: int, options: Any) -> Any:
    return np.asarray(_MEANINGS[name](n, m, x, order, options))


def _third(name: str, n: Any, m: Any, x: Any, y: Any) -> Any:
    """The third derivative, from the equation differentiated once; ``y(k)`` is the k-th."""
    a, square = n * (n + 1.0), m * (m + 0.0)
    if name == "sph_legendre_p":
        sine, cosine = np.sin(x), np.cos(x)
        first = (1 / sine**2 - a + square / sine**2) * y(1)
        return first - cosine / sine * y(2) - 2 * square * cosine / sine**3 * y(0)
    z = 1 - x * x
    # Of order 0 what is divided by z once more is not there, also at the ends.
    none = np.equal(square, 0)
    w = np.where(none, 1.0, z)
    first = (2.0 - a + np.where(none, 0.0, square) / w) * y(1)
    return (4 * x * y(2) + first + 2 * square * x / (w * w) * y(0)) / z


def _slope(site: Site) -> Any:
    n, m, x = site.operands
    how = dict(site.attributes)
    order = how.pop("order")
    if order < 2:
        return emit_tracer("legendre", n, m, x, order=order + 1, **how)
    given = {2: site.result}

    def y(k: int) -> Any:
        found = given.get(k)
        return emit_tracer("legendre", n, m, x, order=k, **how) if found is None else found

    degree, turns = (cast(v, np.float64) for v in (n, m))
    return _third(how["name"], degree, turns, x, y)


register(
    Entry(
        "legendre",
        lambda types, name, order, options: (types[2],),
        _meaning,
        Kernel("legendre"),
        Rules(
            lambda site, tangents: (None if tangents[2] is None else tangents[2] * _slope(site),),
            lambda site, cts: (None, None, cts[0] * _slope(site)),
        ),
    )
)


def _whole(n: Any, name: str) -> Any:
    array = as_array(n)
    if array.dtype.kind not in "iub":
        raise TypeError(
            f"ufunc '{name}' not supported for the input types, and the inputs could not be safely "
            "coerced to any supported types according to the casting rule ''safe''"
        )
    return Tracer(cast(array, INT).value, "array")


def _values(name: str, n: Any, m: Any, x: Any, count: int, **options: Any) -> list[Any]:
    """The function and its first derivatives, of operands that are broadcast."""
    if is_complex(x):
        raise unsupported(f"scipy.special.{name} of complex numbers", "pass real ones")
    angle = Tracer(cast(as_array(x), _DOUBLE).value, "array")
    operands = [_whole(n, name), _whole(m, name), angle]
    shape = broadcast_shapes(*[v.shape for v in operands])
    wide = [broadcast_to(v, shape) for v in operands]
    how = tuple(sorted(options.items()))
    return [
        Tracer(emit_tracer("legendre", *wide, name=name, order=k, options=how).value, "array")
        for k in range(count)
    ]


def _orders(diff_n: Any) -> int:
    if diff_n not in (0, 1, 2):
        raise ValueError(
            f"diff_n is currently only implemented for orders 0, 1, and 2, received: {diff_n}."
        )
    return int(diff_n) + 1


def _stacked(found: list[Any]) -> Any:
    return functions[np.stack](found)


@implements(special.legendre_p)
def legendre_p(n: Any, z: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.legendre_p`` of real numbers."""
    return _stacked(_values("legendre_p", n, 0, z, _orders(diff_n)))


@implements(special.assoc_legendre_p)
def assoc_legendre_p(
    n: Any, m: Any, z: Any, *, branch_cut: Any = 2, norm: Any = False, diff_n: Any = 0
) -> Any:
    """``scipy.special.assoc_legendre_p`` of real numbers."""
    how = {"branch_cut": _fixed(branch_cut), "norm": bool(norm)}
    return _stacked(_values("assoc_legendre_p", n, m, z, _orders(diff_n), **how))


def _fixed(branch_cut: Any) -> int:
    if not isinstance(branch_cut, (int, np.integer)):
        raise unsupported("scipy.special.assoc_legendre_p with many branch cuts", "pass a number")
    return int(branch_cut)


@implements(special.sph_legendre_p)
def sph_legendre_p(n: Any, m: Any, theta: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.sph_legendre_p``."""
    return _stacked(_values("sph_legendre_p", n, m, theta, _orders(diff_n)))


def _degree(n: Any) -> int:
    if isinstance(n, Tracer) or int(n) != n or n < 0:
        raise unsupported("all functions up to a degree that is no number", "pass an integer")
    return int(n)


def _all_degrees(n: Any, m: Any, around: int) -> tuple[Any, Any]:
    """Degrees, and orders 0, 1, …, m, -m, …, -1, along two axes before those of the argument."""
    highest = abs(int(m))
    orders = np.r_[0 : highest + 1, -highest:0]
    tail = (1,) * around
    degrees = np.arange(_degree(n) + 1)
    return degrees.reshape(-1, 1, *tail), orders.reshape(1, -1, *tail)


@implements(special.legendre_p_all)
def legendre_p_all(n: Any, z: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.legendre_p_all`` of real numbers."""
    x = array_of(z)
    degrees = np.arange(_degree(n) + 1).reshape(-1, *(1,) * x.ndim)
    return _stacked(_values("legendre_p", degrees, 0, x, _orders(diff_n)))


@implements(special.assoc_legendre_p_all)
def assoc_legendre_p_all(
    n: Any, m: Any, z: Any, *, branch_cut: Any = 2, norm: Any = False, diff_n: Any = 0
) -> Any:
    """``scipy.special.assoc_legendre_p_all`` of real numbers."""
    x = array_of(z)
    degrees, orders = _all_degrees(n, m, x.ndim)
    return assoc_legendre_p(degrees, orders, x, branch_cut=branch_cut, norm=norm, diff_n=diff_n)


@implements(special.sph_legendre_p_all)
def sph_legendre_p_all(n: Any, m: Any, theta: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.sph_legendre_p_all``."""
    x = array_of(theta)
    degrees, orders = _all_degrees(n, m, x.ndim)
    return sph_legendre_p(degrees, orders, x, diff_n=diff_n)


@implements(special.sph_harm_y)
def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.sph_harm_y``, without derivatives."""
    if diff_n != 0:
        raise unsupported("scipy.special.sph_harm_y with diff_n=", "use autodiff.jacobian")
    (value,) = _values("sph_legendre_p", n, m, theta, 1)
    turn: Any = pointwise(
        "multiply", cast(_whole(m, "sph_harm_y"), np.float64), cast(as_array(phi), _DOUBLE)
    )
    return joined(value * np.cos(turn), value * np.sin(turn), "array")


@implements(special.sph_harm_y_all)
def sph_harm_y_all(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: Any = 0) -> Any:
    """``scipy.special.sph_harm_y_all``, without derivatives."""
    x, y = array_of(theta), array_of(phi)
    degrees, orders = _all_degrees(n, m, max(x.ndim, y.ndim))
    return sph_harm_y(degrees, orders, x, y, diff_n=diff_n)


# -- sequences -------------------------------------------------------------------------------------------
def _second_of_lqn(value: Any, slope: Any, x: Any, degrees: Any) -> Any:
    k = np.arange(degrees[0] + 1.0)
    return (2 * x * slope - k * (k + 1) * value) / (1 - x * x)


def _second_of_lqmn(value: Any, slope: Any, x: Any, degrees: Any) -> Any:
    m, k = np.arange(degrees[0] + 1.0)[:, None], np.arange(degrees[1] + 1.0)
    z = 1 - x * x
    return (2 * x * slope - (k * (k + 1) - m * m / z) * value) / z


def _second_of_riccati(value: Any, slope: Any, x: Any, degrees: Any) -> Any:
    k = np.arange(degrees[0] + 1.0)
    return (k * (k + 1) / (x * x) - 1) * value


def _second_of_lmbda(value: Any, slope: Any, x: Any, degrees: Any) -> Any:
    v = degrees[0] - int(degrees[0]) + np.arange(int(degrees[0]) + 1.0)
    return -(2 * v + 1) / x * slope - value


_SECOND = {
    "lqn": _second_of_lqn, "lqmn": _second_of_lqmn, "riccati_jn": _second_of_riccati,
    "riccati_yn": _second_of_riccati, "lmbda": _second_of_lmbda,
}  # fmt: skip


def _sequence_meaning(x: Any, name: str, degrees: Any) -> Any:
    return tuple([np.asarray(v) for v in getattr(special, name)(*degrees, float(x))])


def _sequence_rule(types: Any, name: str, degrees: Any) -> tuple[ArrayType, ...]:
    found = ArrayType(_DOUBLE, tuple([int(n) + 1 for n in degrees]))
    return found, found


def _slopes(site: Site) -> tuple[Any, Any]:
    value, slope = site.results
    how = site.attributes
    return slope, _SECOND[how["name"]](value, slope, site.operands[0], how["degrees"])


def _sequence_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    total: Any = None
    for ct, slope in zip(cts, _slopes(site), strict=True):
        if ct is not None:
            term = functions[np.sum](ct * slope)
            total = term if total is None else total + term
    return (total,)


register(
    Entry(
        "sequence",
        _sequence_rule,
        _sequence_meaning,
        Kernel("sequence"),
        Rules(
            lambda site, tangents: tuple([tangents[0] * slope for slope in _slopes(site)]),
            _sequence_vjp,
        ),
    )
)


def _sequence(name: str) -> Callable[..., Any]:
    def function(*operands: Any) -> Any:
        *degrees, x = operands
        numbers = [known(as_array(n)) for n in degrees]
        if is_complex(x) or as_array(x).shape or any(n is None or n.ndim for n in numbers):
            raise unsupported(f"scipy.special.{name} of this form", "pass numbers")
        fixed = tuple([float(n) if name == "lmbda" else int(n) for n in numbers if n is not None])
        if min(fixed) < 0:
            raise unsupported(f"scipy.special.{name} of a negative degree", "pass another one")
        value = cast(as_array(x), _DOUBLE)
        first, second = emit_tracer("sequence", value, name=name, degrees=fixed)
        return Tracer(first.value, "array"), Tracer(second.value, "array")

    return function


for _name in _SECOND:
    implements(getattr(special, _name))(_sequence(_name))


def _orders_from(v: Any) -> Any:
    """``v - int(v) + k``, k = 0 … int(v), at least two of them."""
    order: Any = as_array(v)
    below = number(np.trunc(stop(order)), float)
    whole = int(below)
    return order - below + np.arange(max(whole, 1) + 1.0)


@implements(special.pbdv_seq)
def pbdv_seq(v: Any, x: Any) -> Any:
    """``scipy.special.pbdv_seq``, each order by itself."""
    return functions[special.pbdv](_orders_from(v), as_array(x))


@implements(special.pbvv_seq)
def pbvv_seq(v: Any, x: Any) -> Any:
    """``scipy.special.pbvv_seq``, each order by itself."""
    return functions[special.pbvv](_orders_from(v), as_array(x))


@implements(special.pbdn_seq)
def pbdn_seq(n: Any, z: Any) -> Any:
    """``scipy.special.pbdn_seq`` of a real number, each order by itself: SciPy's routine is of complex ones."""
    if not isinstance(n, int) or n < 0:
        raise unsupported(
            "scipy.special.pbdn_seq of an order that is traced or negative", "use pbdv"
        )
    found = functions[special.pbdv](_orders_from(n), as_array(z))
    return tuple([x.astype(np.complex128) for x in found])


def _levels(name: str) -> Callable[..., Any]:
    def function(m: Any, n: Any, c: Any) -> Any:
        low, high = _degree(m), _degree(n)
        degrees = np.arange(low, high + 1.0)
        level: Any = functions[getattr(special, name)]
        return level(float(low), degrees, as_array(c))

    return function


implements(special.pro_cv_seq)(_levels("pro_cv"))
implements(special.obl_cv_seq)(_levels("obl_cv"))


# -- modified spherical Bessel functions of the second kind ------------------------------------------------
@implements(special.spherical_kn)
def spherical_kn(n: Any, z: Any, derivative: bool = False) -> Any:
    """``scipy.special.spherical_kn``; of real numbers k(-x) = -π i(x) - (-1)ⁿ k(x)."""
    if is_complex(z):
        order = n if isinstance(n, Tracer) else np.asarray(n, np.int64)
        return holomorphic_functions.applied(f"_spherical_kn{'_d' if derivative else ''}", order, z)
    degree: Any = as_array(n)
    x = as_float(z)
    size: Any = np.abs(x)
    ending = "_d" if derivative else ""
    k: Any = pointwise_ufunc(f"scipy_spherical_kn{ending}", degree, size)
    i: Any = pointwise_ufunc(f"scipy_spherical_in{ending}", degree, size)
    even = np.equal(degree % 2, 0)
    beyond = np.where(even, -k, k) - np.pi * i
    found = np.where(x < 0, -beyond if derivative else beyond, k)
    return found.astype(x.dtype)  # as SciPy, which fills an array of that type


TABLE[special.spherical_kn] = spherical_kn

__all__ = ["legendre_p", "sph_harm_y", "spherical_kn"]
