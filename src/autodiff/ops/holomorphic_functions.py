"""Special functions of complex numbers, on pairs of real ones.

    hankel1(v, x)               complex, of real numbers too
    wofz(z), gamma(z), …        of complex numbers
    voigt_profile(x, s, g)      real, but its derivatives are the imaginary part of wofz

The C function is SciPy's ufunc's own; natively its complex operands and results are pairs, see
``engines/native/ufunc_calls``.  Each function is two operations, ``scipy_complex_wofz.0`` and ``.1``,
the real and the imaginary part; as it is holomorphic, one complex formula gives all four partial
derivatives (Cauchy and Riemann).  Formulas are of pairs ``(re, im)``.

By orders there is no formula: ``by_parameter``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from autodiff.ops import special
from autodiff.ops.by_parameter import beyond, by_parameter, of_order, power_of
from autodiff.ops.complex_numbers import example, joined, parts_of
from autodiff.ops.entries import ENTRIES, Entry, Partials, Pointwise, Samples, register
from autodiff.ops.promotion import pointwise
from autodiff.ops.smooth import beyond_infinity, polynomial
from autodiff.ops.special import _f
from autodiff.ops.special_rows import Domain, row
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

Pair: TypeAlias = tuple[Any, Any]
_I: Pair = (0.0, 1.0)
_ROOT_PI = float(np.sqrt(np.pi))


# -- arithmetic of pairs ----------------------------------------------------------------------------------
def _times(p: Pair, q: Pair) -> Pair:
    return p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]


def _plus(p: Pair, q: Pair, factor: float = 1.0) -> Pair:
    return p[0] + factor * q[0], p[1] + factor * q[1]


def _scaled(factor: Any, p: Pair) -> Pair:
    return factor * p[0], factor * p[1]


def _exp(p: Pair) -> Pair:
    size = np.exp(p[0])
    return size * np.cos(p[1]), size * np.sin(p[1])


def _reciprocal(p: Pair) -> Pair:
    # By the larger part, as the square of neither may over- or underflow (Smith, 1962).
    size = np.maximum(np.abs(p[0]), np.abs(p[1]))
    a, b = p[0] / size, p[1] / size
    square = (a * a + b * b) * size
    return a / square, -b / square


def _where(condition: Any, p: Pair, q: Pair) -> Pair:
    return np.where(condition, p[0], q[0]), np.where(condition, p[1], q[1])


# -- the table ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Holomorphic:
    """A ufunc of real orders and one complex argument, and its derivative by that.

    ``orders`` hold how it grows with each, see :mod:`autodiff.ops.by_parameter`, None of whole numbers;
    ``slopes[k](w, *orders, z)`` of the result number k, a pair, of pairs ``w`` and ``z``.  ``shrinks``: a
    holomorphic function times the exponential of minus the size of that part of ``z``, of which ``slopes`` know nothing.
    """

    name: str
    orders: tuple[Callable[..., Any] | None, ...]
    slopes: tuple[Callable[..., Pair], ...]
    domain: Domain
    source: str
    shrinks: int | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """Real and imaginary part of each result."""
        return tuple([f"scipy_complex_{self.name}.{k}" for k in range(2 * len(self.slopes))])


HOLOMORPHIC: dict[str, Holomorphic] = {}


def _enter(item: Holomorphic) -> None:
    HOLOMORPHIC[item.name] = item
    for part in range(2 * len(item.slopes)):
        _enter_part(item, part)


def _enter_part(item: Holomorphic, part: int) -> None:
    path = path_of(item.name)
    slope = item.slopes[part // 2]
    pair = item.operations[part - part % 2 :][:2]

    def derivative(y: Any, *operands: Any) -> Pair:
        *orders, re, im = operands
        w: Pair = (_apply(pair[0], *operands), _apply(pair[1], *operands))
        return slope(w, *orders, (re, im))

    # w' = ∂u/∂x + i ∂v/∂x = ∂v/∂y - i ∂u/∂y
    def by_re(y: Any, *x: Any) -> Any:
        found = derivative(y, *x)[part % 2]
        return found - np.sign(x[-2]) * y if item.shrinks == 0 else found

    def by_im(y: Any, *x: Any) -> Any:
        found = derivative(y, *x)[0] if part % 2 else -derivative(y, *x)[1]
        return found - np.sign(x[-1]) * y if item.shrinks == 1 else found

    def itself(*x: Any) -> Any:
        return _apply(item.operations[part], *np.broadcast_arrays(*x))

    by_orders: list[Any] = [
        growth and by_parameter(itself, k, growth) for k, growth in enumerate(item.orders)
    ]
    rules = [rule and special.of_defined(rule) for rule in (*by_orders, by_re, by_im)]
    register(
        Entry(
            item.operations[part],
            special._float_type,
            lambda *operands: _parts(path, *operands)[part],
            Pointwise(lambda s, *x: s.ufunc(path, *x, part=part)),
            Partials(tuple(rules)),
            samples=Samples(item.domain),
        )
    )


def path_of(name: str) -> str:
    """Where the ufunc is."""
    return f"scipy.special.{'_ufuncs.' if name.startswith('_') else ''}{name}"


def _parts(path: str, *operands: Any) -> list[Any]:
    """The parts of the results of a ufunc, of arrays."""
    *orders, re, im = np.broadcast_arrays(*operands)
    z = np.empty(re.shape, np.result_type(re.dtype, np.complex64))
    z.real, z.imag = re, im
    found = special.ufunc_at(path)(*orders, z)
    results = found if isinstance(found, tuple) else (found,)
    return [part for w in results for part in (np.real(w), np.imag(w))]


def _apply(name: str, *operands: Any) -> Any:
    """One part, of tracers or arrays."""
    traced = [x for x in operands if isinstance(x, Tracer)]
    if not traced:
        return ENTRIES[name].meaning(*operands)
    dtype = next((x.dtype for x in traced if x.dtype.kind == "f"), np.dtype(np.float64))
    same = [as_tracer(x) for x in operands]  # orders that are whole numbers stay so
    kept = [x.dtype == dtype or x.dtype.kind == "i" for x in same]
    return emit_tracer(
        name, *[x if k else x.astype(dtype) for x, k in zip(same, kept, strict=True)]
    )


def _of(name: str, result: int = 0) -> Callable[..., Pair]:
    """A function of the table on pairs."""

    def apply(*operands: Any) -> Pair:
        *orders, z = operands
        names = HOLOMORPHIC[name].operations[2 * result :]
        return _apply(names[0], *orders, *z), _apply(names[1], *orders, *z)

    return apply


def _part(ufunc: np.ufunc, operands: Sequence[Any]) -> np.dtype[Any]:
    """The dtype of the parts of the loop that SciPy takes, which is not always the smallest."""
    given = [x if isinstance(x := example(operand), np.dtype) else type(x) for operand in operands]
    loop = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
    return np.empty(0, loop[-1]).real.dtype


def applied(name: str, *operands: Any) -> Any:
    """A function of the table on tracers, real or complex."""
    *orders, z = operands
    item = HOLOMORPHIC[name]
    part = _part(special.ufunc_at(path_of(name)), operands)
    counts = [part if growth else np.dtype(np.int64) for growth in item.orders]
    loop = (*counts, part, part, part)
    given = (*orders, *parts_of(z, part))
    found = [pointwise(operation, *given, dtypes=loop) for operation in item.operations]
    results = [joined(found[k], found[k + 1]) for k in range(0, len(found), 2)]
    return results[0] if len(results) == 1 else tuple(results)


# -- functions of one argument -----------------------------------------------------------------------------
_PLANE: Domain = ((-1.0, 1.0), (0.2, 1.2))
_RIGHT: Domain = ((0.5, 2.0), (0.2, 1.2))
_SQUARE_ROOT_OF_TWO_PI = float(np.sqrt(2 * np.pi))


def _gaussian(factor: float, sign: float) -> Callable[..., Pair]:
    """``factor exp(sign z²)``."""
    return lambda w, z: _scaled(factor, _exp(_scaled(sign, _times(z, z))))


# w = i / sqrt(π) times the sum of (2k-1)!! / 2^k z^-(2k+1) for large z in the upper half plane
# (DLMF 7.12.1), where the derivative -2 z w + 2i / sqrt(π) cancels.
_FAR = 8.0
_DOUBLE_FACTORIALS = [float(np.prod(np.arange(1.0, 2 * k + 2, 2))) / 2.0**k for k in range(20)]


def _faddeeva_slope(w: Pair, z: Pair) -> Pair:
    far = (np.maximum(np.abs(z[0]), np.abs(z[1])) > _FAR) & np.greater_equal(z[1], 0)
    r = _reciprocal(_where(far, z, (_FAR, _FAR)))
    square = _times(r, r)
    total: Pair = (_DOUBLE_FACTORIALS[-1] + 0.0 * r[0], 0.0 * r[0])
    for c in _DOUBLE_FACTORIALS[-2::-1]:
        total = _plus(_times(total, square), (c, 0.0))
    series = _scaled(-1 / _ROOT_PI, _times(_I, _times(square, total)))
    near = _plus(_scaled(-2.0, _times(z, w)), (0.0, 2 / _ROOT_PI))
    return _where(far, series, near)


def _one(name: str, slope: Callable[..., Pair], domain: Domain, source: str) -> None:
    _enter(Holomorphic(name, (), (slope,), domain, source))


_one("wofz", _faddeeva_slope, _PLANE, "DLMF 7.10.2")
_one("erf", _gaussian(2 / _ROOT_PI, -1.0), _PLANE, "DLMF 7.10.1")
_one("erfc", _gaussian(-2 / _ROOT_PI, -1.0), _PLANE, "DLMF 7.10.1")
_one("erfi", _gaussian(2 / _ROOT_PI, 1.0), _PLANE, "DLMF 7.10.1")
_one("ndtr", _gaussian(1 / _SQUARE_ROOT_OF_TWO_PI, -0.5), _PLANE, "DLMF 7.10.1")
_one(
    "erfcx",
    lambda w, z: _plus(_scaled(2.0, _times(z, w)), (-2 / _ROOT_PI, 0.0)),
    _PLANE,
    "DLMF 7.10.1",
)
_one("dawsn", lambda w, z: _plus(_scaled(-2.0, _times(z, w)), (1.0, 0.0)), _PLANE, "DLMF 7.10.3")
_one("loggamma", lambda w, z: _of("psi")(z), _RIGHT, "DLMF 5.2.2")
_one("gamma", lambda w, z: _times(w, _of("psi")(z)), _RIGHT, "DLMF 5.2.2")
_one("rgamma", lambda w, z: _scaled(-1.0, _times(w, _of("psi")(z))), _RIGHT, "DLMF 5.2.2")
_one("expi", lambda w, z: _times(_exp(z), _reciprocal(z)), _RIGHT, "DLMF 6.2.5")
_one("exp1", lambda w, z: _scaled(-1.0, _times(_exp(_scaled(-1.0, z)), _reciprocal(z))), _RIGHT, "DLMF 6.2.1")  # fmt: skip
_one("wrightomega", lambda w, z: _times(w, _reciprocal(_plus(w, (1.0, 0.0)))), _PLANE, "Corless and Jeffrey (2002)")  # fmt: skip

# ψ' = 1/z + 1/2z² + sum of B(2k) / z^(2k + 1), after ψ'(z) = ψ'(z + 1) + 1/z² (DLMF 5.15.8, 5.5.2);
# from the left half plane by reflection, π² / sin² πz = ψ'(z) + ψ'(1 - z) (DLMF 5.15.6)
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _trigamma(w: Pair, z: Pair) -> Pair:
    left = np.less(z[0], 0.5)
    right = _where(left, (1 - z[0], -z[1]), z)
    total: Pair = (0.0, 0.0)
    for k in range(12):
        r = _reciprocal(_plus(right, (float(k), 0.0)))
        total = _plus(total, _times(r, r))
    r = _reciprocal(_plus(right, (12.0, 0.0)))
    square = _times(r, r)
    series: Pair = (0.0, 0.0)
    for c in reversed(_BERNOULLI):
        series = _times(_plus(series, (c, 0.0)), square)
    value = _plus(total, _plus(_times(r, _plus(series, (1.0, 0.0))), square, 0.5))
    x, y = np.pi * (z[0] - np.rint(z[0])), np.pi * np.clip(z[1], -100.0, 100.0)
    x, y = np.where(left, x, 0.5 * np.pi), np.where(left, y, 0.0)
    inverse = _reciprocal((np.sin(x) * np.cosh(y), np.cos(x) * np.sinh(y)))
    mirrored = _plus(_scaled(np.pi**2, _times(inverse, inverse)), value, -1.0)
    return _where(left, mirrored, value)


_one("psi", _trigamma, _RIGHT, "DLMF 5.15")


# -- integrals of sines and cosines -------------------------------------------------------------------------
def _sine(p: Pair) -> Pair:
    return np.sin(p[0]) * np.cosh(p[1]), np.cos(p[0]) * np.sinh(p[1])


def _cosine(p: Pair) -> Pair:
    return np.cos(p[0]) * np.cosh(p[1]), -np.sin(p[0]) * np.sinh(p[1])


def _turned(function: Callable[[Pair], Pair], sign: float) -> Callable[[Pair], Pair]:
    """``sinh`` and ``cosh``, of the sine and cosine of ``i z``."""
    if sign > 0:
        return lambda z: function((-z[1], z[0]))
    return lambda z: _times((0.0, -1.0), function((-z[1], z[0])))


def _over(function: Callable[[Pair], Pair]) -> Callable[..., Pair]:
    return lambda w, z: _times(function(z), _reciprocal(z))


def _of_square(function: Callable[[Pair], Pair]) -> Callable[..., Pair]:
    return lambda w, z: function(_scaled(0.5 * np.pi, _times(z, z)))


_enter(Holomorphic("sici", (), (_over(_sine), _over(_cosine)), _RIGHT, "DLMF 6.2.9"))
_enter(
    Holomorphic(
        "shichi",
        (),
        (_over(_turned(_sine, -1.0)), _over(_turned(_cosine, 1.0))),
        _RIGHT,
        "DLMF 6.2.15",
    )
)
_enter(Holomorphic("fresnel", (), (_of_square(_sine), _of_square(_cosine)), _PLANE, "DLMF 7.2.7"))


# -- Bessel functions ---------------------------------------------------------------------------------------
def _bessel(
    name: str, below: float, above: float, own: Pair, source: str, shrinks: int | None = None
) -> None:
    """The derivative ``below w(v - 1) + above w(v + 1) + own w``."""

    def slope(w: Pair, v: Any, z: Pair) -> Pair:
        f = _of(name)
        total = _plus(_scaled(below, f(v - 1, z)), f(v + 1, z), above)
        return total if own == (0.0, 0.0) else _plus(total, _times(own, w))

    _enter(Holomorphic(name, (of_order,), (slope,), ((0.5, 2.5), *_RIGHT), source, shrinks))


_ZERO: Pair = (0.0, 0.0)
for _name, _below, _above, _own, _source in (
    ("jv", 0.5, -0.5, _ZERO, "DLMF 10.6.1"), ("yv", 0.5, -0.5, _ZERO, "DLMF 10.6.1"),
    ("iv", 0.5, 0.5, _ZERO, "DLMF 10.29.1"), ("kv", -0.5, -0.5, _ZERO, "DLMF 10.29.1"),
    ("kve", -0.5, -0.5, (1.0, 0.0), "DLMF 10.29.1"),
    ("hankel1", 0.5, -0.5, _ZERO, "DLMF 10.6.1"), ("hankel2", 0.5, -0.5, _ZERO, "DLMF 10.6.1"),
    ("hankel1e", 0.5, -0.5, (0.0, -1.0), "DLMF 10.6.1"), ("hankel2e", 0.5, -0.5, _I, "DLMF 10.6.1"),
):  # fmt: skip
    _bessel(_name, _below, _above, _own, _source)
_bessel("jve", 0.5, -0.5, _ZERO, "DLMF 10.6.1", 1)
_bessel("yve", 0.5, -0.5, _ZERO, "DLMF 10.6.1", 1)
_bessel("ive", 0.5, 0.5, _ZERO, "DLMF 10.29.1", 0)


def _spherical(name: str, below: float, above: float) -> None:
    """``(2n + 1) f' = below n f(n - 1) + above (n + 1) f(n + 1)``, of whole orders."""
    own, slope = f"_spherical_{name}", f"_spherical_{name}_d"

    def second(w: Pair, n: Any, z: Pair) -> Pair:
        lower = _of(slope)(np.where(np.equal(n, 0), n, n - 1), z)
        total = _plus(_scaled(below * n, lower), _of(slope)(n + 1, z), above * (n + 1))
        return _scaled(1 / (2.0 * n + 1), total)

    domain = ((1.0, 3.0), *_RIGHT)
    _enter(Holomorphic(own, (None,), (lambda w, n, z: _of(slope)(n, z),), domain, "DLMF 10.51.2"))
    _enter(Holomorphic(slope, (None,), (second,), domain, "DLMF 10.51.2"))


for _name, _below, _above in (("jn", 1, -1), ("yn", 1, -1), ("in", 1, 1), ("kn", -1, -1)):
    _spherical(_name, _below, _above)

_enter(
    Holomorphic(
        "airy",
        (),
        (
            lambda w, z: _of("airy", 1)(z),
            lambda w, z: _times(z, _of("airy", 0)(z)),
            lambda w, z: _of("airy", 3)(z),
            lambda w, z: _times(z, _of("airy", 2)(z)),
        ),
        _PLANE,
        "DLMF 9.2.1",
    )
)


def _away_from_1(re: Any, im: Any) -> Any:
    """A power of ``1 - z``, whose argument is at most π."""
    return 4.0 + np.abs(np.log(np.maximum(np.hypot(1 - re, im), 1e-30)))


# -- orthogonal polynomials -----------------------------------------------------------------------------------
def _lowered(name: str, n: Any, *rest: Any) -> Pair:
    """The polynomial of the degree below; of degree 0 nothing."""
    none = np.equal(n, 0)
    return _where(none, (0.0, 0.0), _of(name)(np.where(none, n, n - 1), *rest))


def _by_degree(n: Any, *rest: Any) -> Any:
    return np.pi + np.log1p(np.hypot(rest[-2], rest[-1]))


def _polynomial(name: str, slope: Callable[..., Pair], source: str) -> None:
    """One of a degree alone, of which ``slope(n, z)`` is the derivative."""
    rule = lambda w, n, z: slope(n, z)  # noqa: E731
    _enter(Holomorphic(f"eval_{name}", (_by_degree,), (rule,), ((2.0, 5.0), *_PLANE), source))


def _moved(z: Pair) -> Pair:
    return 2 * z[0] - 1, 2 * z[1]


def _gegenbauer(factor: float, a: float, n: Any, z: Pair) -> Pair:
    return _scaled(factor, _lowered("eval_gegenbauer", n, a + 0.0 * z[0], z))


_polynomial("legendre", lambda n, z: _gegenbauer(1.0, 1.5, n, z), "DLMF 18.9.19")
_polynomial("chebyt", lambda n, z: _scaled(n, _lowered("eval_chebyu", n, z)), "DLMF 18.9.21")
_polynomial("chebyu", lambda n, z: _gegenbauer(2.0, 2.0, n, z), "DLMF 18.9.19")
_polynomial("chebyc", lambda n, z: _scaled(n, _lowered("eval_chebyu", n, _scaled(0.5, z))), "DLMF 18.9.21")  # fmt: skip
_polynomial("chebys", lambda n, z: _gegenbauer(1.0, 2.0, n, _scaled(0.5, z)), "DLMF 18.9.19")
_polynomial("sh_legendre", lambda n, z: _gegenbauer(2.0, 1.5, n, _moved(z)), "DLMF 18.9.19")
_polynomial("sh_chebyt", lambda n, z: _scaled(2.0 * n, _lowered("eval_chebyu", n, _moved(z))), "DLMF 18.9.21")  # fmt: skip
_polynomial("sh_chebyu", lambda n, z: _gegenbauer(4.0, 2.0, n, _moved(z)), "DLMF 18.9.19")
_polynomial(
    "laguerre",
    lambda n, z: _scaled(-1.0, _lowered("eval_genlaguerre", n, 1.0 + 0.0 * z[0], z)),
    "DLMF 18.9.23",
)
_enter(
    Holomorphic(
        "eval_gegenbauer",
        (_by_degree, lambda n, a, re, im: beyond(a + 0.5)),
        (lambda w, n, a, z: _scaled(2 * a, _lowered("eval_gegenbauer", n, a + 1, z)),),
        ((2.0, 5.0), (0.5, 2.0), *_PLANE),
        "DLMF 18.9.19",
    )
)
_enter(
    Holomorphic(
        "eval_genlaguerre",
        (_by_degree, lambda n, a, re, im: np.maximum(beyond(a + 1), power_of(re, im))),
        (lambda w, n, a, z: _scaled(-1.0, _lowered("eval_genlaguerre", n, a + 1, z)),),
        ((2.0, 5.0), (0.5, 2.0), *_PLANE),
        "DLMF 18.9.23",
    )
)
_enter(
    Holomorphic(
        "eval_jacobi",
        (
            _by_degree,
            lambda n, a, b, re, im: beyond(a + 1),
            lambda n, a, b, re, im: beyond(b + 1),
        ),
        (
            lambda w, n, a, b, z: _scaled(
                0.5 * (n + a + b + 1), _lowered("eval_jacobi", n, a + 1, b + 1, z)
            ),
        ),
        ((2.0, 5.0), (0.5, 2.0), (0.5, 2.0), *_PLANE),
        "DLMF 18.9.15",
    )
)


# -- hypergeometric functions ---------------------------------------------------------------------------------
_enter(
    Holomorphic(
        "hyp0f1",
        (lambda v, re, im: np.maximum(beyond(v), power_of(re, im)),),
        (lambda w, v, z: _scaled(1 / v, _of("hyp0f1")(v + 1, z)),),
        ((0.5, 2.0), *_PLANE),
        "DLMF 16.3.1",
    )
)
_enter(
    Holomorphic(
        "hyp1f1",
        (
            lambda a, b, re, im: power_of(re, im),
            lambda a, b, re, im: np.maximum(beyond(b), power_of(re, im)),
        ),
        (lambda w, a, b, z: _scaled(a / b, _of("hyp1f1")(a + 1, b + 1, z)),),
        ((0.5, 2.0), (0.5, 2.0), *_PLANE),
        "DLMF 13.3.15",
    )
)
_enter(
    Holomorphic(
        "hyp2f1",
        (
            lambda a, b, c, re, im: _away_from_1(re, im),
            lambda a, b, c, re, im: _away_from_1(re, im),
            lambda a, b, c, re, im: np.maximum(beyond(c), _away_from_1(re, im)),
        ),
        (lambda w, a, b, c, z: _scaled(a * b / c, _of("hyp2f1")(a + 1, b + 1, c + 1, z)),),
        ((0.5, 2.0), (0.5, 2.0), (0.5, 2.0), (-0.4, 0.4), (0.1, 0.5)),
        "DLMF 15.5.1",
    )
)


# -- Voigt's profile: Re w(z) / s sqrt(2π), z = (x + i g) / s sqrt(2) ------------------------------------------
def _voigt_slopes(x: Any, s: Any, g: Any) -> tuple[Any, Any]:
    """The derivatives by x and by g; of Lorentz's profile where s is 0."""
    lorentz = np.equal(s, 0)
    t = float(np.sqrt(2)) * np.where(lorentz, 1.0, s)
    z = (x / t, g / t)
    slope = _scaled(1 / (t * t * _ROOT_PI), _faddeeva_slope(_of("wofz")(z), z))
    square = np.where(lorentz, x * x + g * g, 1.0)
    by_x = np.where(lorentz, -2 * x * g / (np.pi * square * square), slope[0])
    return by_x, np.where(lorentz, (x * x - g * g) / (np.pi * square * square), -slope[1])


def _voigt_by_deviation(y: Any, x: Any, s: Any, g: Any) -> Any:
    # s times the second derivative by x, as the profile solves the heat equation: w'' / 2 = -w - z w',
    # of the series where that cancels.
    t = float(np.sqrt(2)) * np.where(np.equal(s, 0), 1.0, s)
    z = (x / t, g / t)
    w = _of("wofz")(z)
    near = _plus(_scaled(-2.0, w), _times(z, _faddeeva_slope(w, z)), -2.0)
    far = (np.maximum(np.abs(z[0]), np.abs(z[1])) > _FAR) & np.greater_equal(z[1], 0)
    r = _reciprocal(_where(far, z, (_FAR, _FAR)))
    square = _times(r, r)
    total: Pair = (0.0 * r[0], 0.0 * r[0])
    for k in range(len(_DOUBLE_FACTORIALS) - 1, -1, -1):
        total = _plus(_times(total, square), ((2 * k + 2) * _DOUBLE_FACTORIALS[k], 0.0))
    series = _scaled(1 / _ROOT_PI, _times(_I, _times(r, _times(square, total))))
    bend = _where(far, series, near)[0] / (t * t * t * _ROOT_PI)
    return np.where(np.equal(s, 0), 0.0, s * bend)


row(
    "voigt_profile",
    (
        lambda y, x, s, g: beyond_infinity(x, 0.0, lambda x: _voigt_slopes(x, s, g)[0]),
        lambda y, x, s, g: beyond_infinity(x, 0.0, lambda x: _voigt_by_deviation(y, x, s, g)),
        lambda y, x, s, g: beyond_infinity(x, 0.0, lambda x: _voigt_slopes(x, s, g)[1]),
    ),
    ((-2.0, 2.0), (0.5, 2.0), (0.3, 2.0)),
    "DLMF 7.19.1",
)


# -- complex functions of a real argument -----------------------------------------------------------------------
def kelvin(x: Any) -> Any:
    """``scipy.special.kelvin``: ber + i bei, ker + i kei, and their derivatives."""
    of = lambda name: special.pointwise_ufunc(f"scipy_{name}", x)  # noqa: E731
    pairs = (("ber", "bei"), ("ker", "kei"), ("berp", "beip"), ("kerp", "keip"))
    return tuple([joined(of(re), of(im)) for re, im in pairs])


def _far_fresnel(part: int, sign: float, x: Any) -> Any:
    """K' far out, where the formula cancels: of ``(1 ± i) / (2 sqrt(2 π) x) sum of (∓i)**k (1/2)_k x**-2k``."""
    coefficients, p = [], 1.0
    for k in range(18):
        term = (1 + sign * 1j) * (-sign * 1j) ** k * p
        coefficients.append(-(2 * k + 1) * float(term.imag if part else term.real))
        p *= k + 0.5
    r = 1 / (x * x)
    return float(0.5 / np.sqrt(2 * np.pi)) * r * polynomial(r, coefficients)


def _modified_fresnel(name: str, sign: float) -> None:
    """F' = -exp(±i x²) and K' = ∓2i x K - exp(∓i π/4) / sqrt(π) (DLMF 7.2.6, 7.13)."""

    def integral(part: int) -> Any:
        if part == 0:
            return lambda y, x: -np.cos(x * x)
        return lambda y, x: -sign * np.sin(x * x)

    root = float(np.sqrt(0.5 / np.pi))

    def scaled(part: int) -> Any:
        other = _f(f"{name}.{3 - part}")
        turn = -sign if part else sign

        def partial(y: Any, x: Any) -> Any:
            far = np.greater(x, 8)
            beyond = _far_fresnel(part, sign, np.where(far, x, 8.0))
            near = np.where(far, 1.0, x)
            return np.where(
                far, beyond, turn * (2 * near * other(near) - (sign if part == 0 else 1) * root)
            )

        return partial

    path = f"scipy.special.{name}"
    rules = (integral(0), integral(1), scaled(0), scaled(1))
    for k, rule in enumerate(rules):
        special.enter_ufunc(f"{name}.{k}", (rule,), ((0.3, 2.0),), path, k)


for _name, _sign in (("modfresnelp", 1.0), ("modfresnelm", -1.0)):
    _modified_fresnel(_name, _sign)


def modified_fresnel(name: str, x: Any) -> Any:
    """``scipy.special.modfresnelp`` or ``modfresnelm``: F and K, complex."""
    parts = [special.pointwise_ufunc(f"scipy_{name}.{k}", x) for k in range(4)]
    return joined(parts[0], parts[1]), joined(parts[2], parts[3])


# -- Lambert's W ------------------------------------------------------------------------------------------------
# W' = exp(-W) / (1 + W) (DLMF 4.13.4); operands are the parts of z, the branch and SciPy's tolerance.
def _enter_lambertw() -> None:
    path = "scipy.special._ufuncs._lambertw"

    def slope(re: Any, im: Any, k: Any, tolerance: Any) -> Pair:
        endless = np.isinf(re) | np.isinf(im)
        finite = finite_slope(np.where(endless, 1.0, re), np.where(endless, 0.0, im), k, tolerance)
        return np.where(endless, 0.0, finite[0]), np.where(endless, 0.0, finite[1])

    def finite_slope(re: Any, im: Any, k: Any, tolerance: Any) -> Pair:
        w = (_lambertw(0, re, im, k, tolerance), _lambertw(1, re, im, k, tolerance))
        return _times(_exp(_scaled(-1.0, w)), _reciprocal(_plus(w, (1.0, 0.0))))

    def meaning(part: int) -> Callable[..., Any]:
        def run(re: Any, im: Any, k: Any, tolerance: Any) -> Any:
            re, im, k, tolerance = np.broadcast_arrays(re, im, k, tolerance)
            z = np.empty(re.shape, np.result_type(re.dtype, np.complex64))
            z.real, z.imag = re, im
            w = special.ufunc_at(path)(z, k, tolerance)
            return np.imag(w) if part else np.real(w)

        return run

    rules: tuple[tuple[Callable[..., Any], ...], ...] = (
        (lambda y, *x: slope(*x)[0], lambda y, *x: -slope(*x)[1]),
        (lambda y, *x: slope(*x)[1], lambda y, *x: slope(*x)[0]),
    )
    for part in (0, 1):
        register(
            Entry(
                f"scipy_complex_lambertw.{part}",
                special._float_type,
                meaning(part),
                Pointwise(lambda s, *x, part=part: s.ufunc(path, *x, part=part)),
                Partials((*[special.of_defined(rule) for rule in rules[part]], None, None)),
                samples=Samples((*_RIGHT, (0.0, 0.0), (1e-8, 1e-8))),
            )
        )


def _lambertw(part: int, *operands: Any) -> Any:
    name = f"scipy_complex_lambertw.{part}"
    if any(isinstance(x, Tracer) for x in operands):
        return emit_tracer(name, *[as_tracer(x) for x in operands])
    return ENTRIES[name].meaning(*operands)


_enter_lambertw()


def lambertw(z: Any, k: Any = 0, tol: Any = 1e-8) -> Any:
    """``scipy.special.lambertw``, complex."""
    part = np.dtype(np.float64)  # the only precision that SciPy has
    loop = (part, part, np.dtype(np.int64), part, part)
    operands = (*parts_of(z, part), k, tol)
    re, im = (pointwise(f"scipy_complex_lambertw.{n}", *operands, dtypes=loop) for n in (0, 1))
    return joined(re, im)
