"""Distributions whose values SciPy finds by quadrature, by search or in C: its values, with derivatives of formulas.

    geninvgauss.cdf(z, p, b)     SciPy's value; the derivative of ∫ f(t) dt up to z, or of -∫ f(t) dt from it
    geninvgauss.ppf(q, p, b)     SciPy's value; the derivative of two steps of Newton's method from it
    kstwo.cdf(z, n)              SciPy's value and SciPy's density, by z alone
    binom.ppf(q, n, p)           SciPy's value, which is constant by pieces

A step of Newton's method on ``F(x, a) = q`` doubles the number of derivatives that are right, so after two of them
those up to the third order are.  The integrals are over the tail on the side of z that holds less, by the rule of
Takahasi and Mori for decaying integrands (``s = exp(v - exp(-v))``), whose error here is below 1e-12.

Source: H. Takahasi and M. Mori, Double exponential formulas for numerical integration (1974).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from scipy.stats._distn_infrastructure import rv_generic

from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops import distribution_formulas, distributions, special
from autodiff.ops.builder import current_builder
from autodiff.ops.custom import stop
from autodiff.ops.distribution_ends import scaled_bessel
from autodiff.ops.distributions import run
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array, broadcast_shapes, broadcast_to, cast
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.smooth import derived_as, polynomial
from autodiff.ops.tracer import Tracer, emit_tracer

# -- SciPy's own methods ------------------------------------------------------------------------------------
# What is differentiated by the place alone: the density is SciPy's, too.
BY_PLACE = frozenset({"kstwo", "studentized_range"})
# Quantiles for which SciPy searches where its routine finds none.
SEARCHED = frozenset({"invgauss", "wald"})
# A subnormal parameter with which SciPy's routine of quantiles ends the process.
_FATAL = frozenset({("invgauss", "_ppf"), ("invgauss", "_isf")})


# Of moments: which of those that SciPy's method gives together.
_MOMENTS = {"_mean": 0, "_variance": 1}


def _method(dist: Any, name: str) -> Any:
    if name in _MOMENTS:
        return lambda *shapes: dist._stats(*shapes)[_MOMENTS[name]]
    return getattr(dist, "vecentropy" if name == "_entropy" else name)


def _meaning(*operands: Any, dist: str, method: str) -> Any:
    method_of = _method(getattr(stats, dist), method)
    given = [np.atleast_1d(np.asarray(x, np.float64)) for x in operands]
    none: Any = False
    if (dist, method) in _FATAL:
        none = np.abs(given[1]) < np.finfo(np.float64).smallest_normal
        given[1] = np.where(none, 1.0, given[1])
    with np.errstate(all="ignore"):
        found = np.where(none, np.nan, method_of(*given))
    return np.asarray(found, np.float64).reshape(np.shape(operands[0]))


def _refuse(dist: str, what: str) -> DerivativeError:
    return DerivativeError(
        f"scipy.stats.{dist} has no derivative by {what}: SciPy computes it by a routine of its own.",
        code="AD302",
        source=current_builder().source,
        remedy="pass it through autodiff.stop_gradient if no derivative should flow",
    )


def _slope(site: Site) -> Any:
    """The derivative by the place: the density, or one over it."""
    dist, method = site.attributes["dist"], site.attributes["method"]
    if method not in ("_cdf", "_sf", "_ppf", "_isf"):
        raise _refuse(dist, "the place of its density")
    place = site.operands[0] if method in ("_cdf", "_sf") else site.results[0]
    density = emit_tracer("scipy_method", place, *site.operands[1:], dist=dist, method="_pdf")
    slope = density if method in ("_cdf", "_sf") else 1 / density
    return slope if method in ("_cdf", "_ppf") else -slope


def _push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(v is not None for v in tangents[1:]):
        raise _refuse(site.attributes["dist"], "its shape parameters")
    return (tangents[0] * _slope(site),)


def _pull(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(site.needed[1:]):
        raise _refuse(site.attributes["dist"], "its shape parameters")
    return (cts[0] * _slope(site), *[None] * (len(site.operands) - 1))


register(
    Entry(
        "scipy_method",
        lambda types, dist, method: (ArrayType(np.dtype(np.float64), types[0].shape),),
        _meaning,
        Kernel("scipy_method"),
        Rules(_push, _pull),
    )
)


def method(dist: Any, name: str, *operands: Any) -> Any:
    """``dist._name`` of SciPy, at run time."""
    arrays = [cast(as_array(x), np.float64) for x in operands]
    shape = broadcast_shapes(*[x.shape for x in arrays])
    wide = [Tracer(broadcast_to(x, shape).value, "array") for x in arrays]
    return emit_tracer("scipy_method", *wide, dist=dist.name, method=f"_{name}")


def _log_density(dist: Any, *operands: Any) -> Any:
    return np.log(method(dist, "pdf", *operands))


def constant(dist: Any, name: str, *operands: Any) -> Any:
    """``dist._name`` of SciPy, without derivative."""
    return stop(method(dist, name, *[stop(as_array(x)) for x in operands]))


# -- distribution functions of densities ----------------------------------------------------------------------
_STEP = 0.05
_V = np.arange(-3.6, 5.3, _STEP)
_S = np.exp(_V - np.exp(-_V))  # from 0 to infinity
_WEIGHTS = _STEP * (1 + np.exp(-_V)) * _S


def _column(x: Any) -> Any:
    return np.reshape(x, (*np.shape(x), 1))


def _tail(log_density: Callable[..., Any], z: Any, right: Any, scale: Any, shapes: Any, from_0: bool) -> Any:  # fmt: skip
    """``∫ f`` beyond z: to the right where ``right``, else to the left, down to 0 if ``from_0``."""
    place, side, width = _column(z), _column(right), _column(stop(as_array(scale)))
    if from_0:
        below = place * np.exp(-_S)
        t = np.where(side, place + width * _S, below)
        weights = np.where(side, width * _WEIGHTS, below * _WEIGHTS)
    else:
        t = np.where(side, place + width * _S, place - width * _S)
        weights = width * _WEIGHTS
    density = np.exp(log_density(t, *[_column(s) for s in shapes]))
    return np.sum(density * weights, axis=-1)


# By name: the logarithm of the density, the length over which its tails decay, and whether its support begins at 0.
_INTEGRATED: dict[str, tuple[Callable[..., Any], Callable[..., Any], bool]] = {
    "geninvgauss": (
        distribution_formulas.TABLE[type(stats.geninvgauss)].log_density,
        lambda p, b: 2 / b,
        True,
    ),
    "genhyperbolic": (
        distribution_formulas.TABLE[type(stats.genhyperbolic)].log_density,
        lambda p, a, b: 1 / (a - np.abs(b)),
        False,
    ),
}


def integrated(dist: Any, name: str, z: Any, *shapes: Any) -> Any:
    """``cdf`` or ``sf`` of SciPy, with the derivative of the integral of its density."""
    log_density, scale, from_0 = _INTEGRATED[dist.name]
    arrays = [cast(as_array(x), np.float64) for x in (z, *shapes)]
    shape = broadcast_shapes(*[x.shape for x in arrays])
    place, *rest = [Tracer(broadcast_to(x, shape).value, "array") for x in arrays]
    value = constant(dist, name, place, *rest)
    right = value > 0.5 if name == "cdf" else value < 0.5
    tail = _tail(log_density, place, right, scale(*rest), rest, from_0)
    grows = right if name == "sf" else np.logical_not(right)
    return derived_as(value, np.where(grows, tail, -tail))


# -- entropies ----------------------------------------------------------------------------------------------
# Those for which SciPy's quadrature meets a logarithm of 0: by name, whether the support begins at 0.
ENTROPIES = {
    "exponnorm": False, "exponpow": True, "genexpon": True, "genhyperbolic": False,
    "geninvgauss": True, "nct": False, "powernorm": False,
}  # fmt: skip


def entropy(dist: Any, *shapes: Any) -> Any:
    """The entropy that SciPy finds by quadrature, with the derivative of that of ``-f log f`` from the median."""
    value = constant(dist, "entropy", *shapes)
    low, median, high = (constant(dist, "ppf", q, *shapes) for q in (0.2, 0.5, 0.8))
    log_density = _INTEGRATED[dist.name][0] if dist.name in _INTEGRATED else functools.partial(distributions._formula, dist, "logpdf")  # fmt: skip

    def log_entr(t: Any, *columns: Any) -> tuple[Any, Any]:
        logarithm = log_density(t, *columns)
        some = logarithm > -600.0  # else e**logarithm, and its product with anything here, is 0
        return some, np.where(some, logarithm, 0.0)

    total: Any = 0.0
    place, width = _column(median), _column(high - low)
    for side in (1.0, -1.0):
        if side < 0 and ENTROPIES[dist.name]:
            t, weights = place * np.exp(-_S), place * np.exp(-_S) * _WEIGHTS
        else:
            t, weights = place + side * width * _S, width * _WEIGHTS
        some, logarithm = log_entr(t, *[_column(x) for x in shapes])
        terms = np.where(some, -logarithm * np.exp(logarithm), 0.0)
        total = total + np.sum(terms * weights, axis=-1)
    return derived_as(value, total)


# -- means over levels ---------------------------------------------------------------------------------------
def _kappa_moment(dist: Any, n: int, *shapes: Any) -> Any:
    """``∫ x**n dF`` over the levels below and above the median, whose ends are no places."""
    formulas = distribution_formulas.TABLE[type(dist)]
    columns = [_column(x) for x in shapes]
    level = 0.5 * np.exp(-_S)
    total: Any = 0.0
    for quantile in (formulas.ppf, formulas.isf):
        assert quantile is not None
        total = total + np.sum(quantile(level, *columns) ** n * level * _WEIGHTS, axis=-1)
    return derived_as(constant(dist, "munp", 0.0 * shapes[0] + n, *shapes), total)


def _kappa_entropy(dist: Any, h: Any, k: Any) -> Any:
    """By levels u, where ``log f`` is ``(1 - k) log((1 - u**h) / h) + (1 - h) log(u)``."""
    level, order = 0.5 * np.exp(-_S), _column(h)
    low = special.apply("scipy_boxcox", level, order)
    high = special.apply("scipy_boxcox1p", -level, order)
    logarithm = np.sum((np.log(-low) + np.log(-high)) * level * _WEIGHTS, axis=-1)
    return derived_as(constant(dist, "entropy", h, k), (1.0 - h) - (1.0 - k) * logarithm)


def _around_circle(dist: Any, n: int, kappa: Any) -> Any:
    """A moment of ``exp(kappa cos x)`` from -π to π."""
    value = constant(dist, "munp", 0.0 * kappa + n, kappa)
    if n % 2:
        return value
    width = stop(as_array(np.minimum(np.pi, 12.0 / np.sqrt(np.maximum(kappa, 1e-300)))))
    nodes, weights = gauss_legendre()
    place = _column(width) * nodes
    terms = place**n * np.exp(_column(kappa) * (np.cos(place) - 1.0))
    total = np.sum(terms * weights, axis=-1) * width
    return derived_as(value, total / (np.pi * scaled_bessel(kappa)))


def _circular_entropy(dist: Any, kappa: Any) -> Any:
    """``log(2 π I0) - kappa I1 / I0``, without the kinks of scaled functions at 0."""
    end = np.equal(kappa, 0)
    small, large = np.where(end, kappa, 0.0), np.where(end, 1.0, kappa)
    near, far = (
        special.apply(f"scipy_i1{e}", k) / special.apply(f"scipy_i0{e}", k)
        for e, k in (("", small), ("e", large))
    )
    formula = np.log(2 * np.pi * scaled_bessel(kappa)) + kappa - kappa * np.where(end, near, far)
    return derived_as(run(dist._entropy, (kappa,)), formula)


def _student_entropy(df: Any) -> Any:
    """SciPy's formulas, which ask one number at a time whether it is infinite."""
    many = np.greater_equal(df, 100)
    n, few = np.where(many, df, 100.0), np.where(many, 1.0, df)
    half, more = 0.5 * few, 0.5 * (few + 1)
    step = special.digamma(more) - special.digamma(half)
    direct = more * step + np.log(np.sqrt(few) * special.apply("scipy_beta", half, 0.5 + 0.0 * few))
    r = 1 / n
    series = (1.0, 1 / 4, -1 / 6, -1 / 8, 3 / 10, 1 / 4)
    return np.where(many, float(stats.norm.entropy()) + r * polynomial(r, series), direct)


# -- quantiles --------------------------------------------------------------------------------------------
def _density(dist: Any, x: Any, shapes: tuple[Any, ...]) -> Any:
    if dist.name in _INTEGRATED:
        return np.exp(_INTEGRATED[dist.name][0](x, *shapes))
    return distributions._formula(dist, "pdf", x, *shapes)


def solved(dist: Any, name: str, level: Any, *shapes: Any) -> Any:
    """``ppf`` or ``isf`` of SciPy, with the derivative of the solution of ``cdf(x) = level``, or of ``sf(x) = level``."""
    # By the complement where that is given: 1 - level has lost its digits, or is 1.
    probability, sign = ("cdf", 1.0) if name == "ppf" else ("sf", -1.0)
    found = constant(dist, name, level, *shapes)
    x: Any = found
    for _ in range(2):
        excess = distributions._formula(dist, probability, x, *shapes) - level
        x = x - sign * excess / _density(dist, x, shapes)
    return derived_as(found, x)


def _enter() -> None:
    rules = distributions.RULES
    for name in dir(stats):
        dist = getattr(stats, name)
        if not isinstance(dist, (stats.rv_continuous, stats.rv_discrete)) or name != dist.name:
            continue
        is_default = type(dist)._ppf is rv_generic._ppf or name in BY_PLACE | SEARCHED
        if isinstance(dist, stats.rv_discrete):
            if is_default:
                for level in ("ppf", "isf"):
                    rules[name, level] = functools.partial(constant, dist, level)
        elif name in BY_PLACE:
            rules[name, "logpdf"] = functools.partial(_log_density, dist)
            for formula in ("pdf", "cdf", "sf", "ppf", "isf"):
                rules[name, formula] = functools.partial(method, dist, formula)
        elif is_default:
            for level in ("ppf", "isf"):
                rules[name, level] = functools.partial(solved, dist, level)
        if name == "t":
            rules[name, "entropy"] = _student_entropy
        if name == "kappa4":
            distributions.MOMENTS[name] = functools.partial(_kappa_moment, dist)
            rules[name, "entropy"] = functools.partial(_kappa_entropy, dist)
            rules[name, "stats"] = lambda *shapes: (None,) * 4
        if name == "vonmises":
            distributions.MOMENTS[name] = functools.partial(_around_circle, dist)
            rules[name, "entropy"] = functools.partial(_circular_entropy, dist)
        if name in ENTROPIES:
            rules[name, "entropy"] = functools.partial(entropy, dist)
        if name in _INTEGRATED:
            for formula in ("cdf", "sf"):
                rules[name, formula] = functools.partial(integrated, dist, formula)


_enter()


@implements(rv_generic._ppf)
def quantile_of(self: Any, q: Any, *shapes: Any) -> Any:
    """The quantile that SciPy's own code asks for, as that of a median."""
    rule = distributions.RULES.get((self.name, "ppf")) if distributions.is_own(self) else None
    if rule is None:  # a distribution of the user's
        return interpreted(self._ppfvec, q, *shapes)
    return rule(as_array(q), *shapes)


__all__ = ["BY_PLACE", "constant", "integrated", "method", "solved"]
