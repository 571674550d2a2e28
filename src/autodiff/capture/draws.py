"""Draws from random generators whose parameters are traced.

    rng.normal(mu, sigma)      mu + sigma * a standard draw: derivatives by both
    rng.gamma(shape, scale)    drawn with the values that the parameters have then; derivatives by
                               :mod:`autodiff.ops.draws`
    rng.poisson(lam)           drawn likewise; an integer has derivative zero
    rng.choice(x), rng.permutation(x)     positions are drawn, items taken
    random.gauss(mu, sigma)    mu + sigma * random.gauss(0, 1), as Python has it

Each is one draw of NumPy's or Python's own generator, which gives the numbers that it gives to plain Python.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.running import is_of_python
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, Extent, equal
from autodiff.errors import ShapeError
from autodiff.ir.data import ArrayType
from autodiff.ops import dispatch
from autodiff.ops.complex_numbers import is_complex
from autodiff.ops.custom import stop
from autodiff.ops.draws import implicit, same_value
from autodiff.ops.known import check, decide, extent_of, known
from autodiff.ops.promotion import as_array, broadcast_shapes, cast
from autodiff.ops.python_numbers import number
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.plain_data import dataclass

Draw = Callable[..., Any]


@dataclass(frozen=True)
class Standard:
    """A draw that is a function of one with fixed parameters."""

    method: str
    names: tuple[str, ...]
    defaults: tuple[float, ...]
    combine: Callable[..., Any]
    valid: Callable[..., Any] | None = None  # of the parameters; NumPy raises for others


@dataclass(frozen=True)
class Smooth:
    """A draw with the parameters of the call, and the function of them that it is."""

    names: tuple[str, ...]
    defaults: tuple[Any, ...]
    smooth: Callable[..., Any]


def _located(z: Any, loc: Any, scale: Any) -> Any:
    return loc + scale * z


def _triangular(u: Any, left: Any, mode: Any, right: Any) -> Any:
    base, low, high = right - left, mode - left, right - mode
    first = left + np.sqrt(u * low * base)
    second = right - np.sqrt((1.0 - u) * high * base)
    return np.where(u <= low / base, first, second)


def _by_scale(scale: Any) -> Any:
    return np.logical_not(np.signbit(scale))  # of a zero NumPy looks at the sign


def _by_location(loc: Any, scale: Any) -> Any:
    return _by_scale(scale)


def _by_bounds(low: Any, high: Any) -> Any:
    return _by_scale(high - low) & np.isfinite(high - low)


STANDARD: dict[str, Standard] = {
    "normal": Standard("standard_normal", ("loc", "scale"), (0.0, 1.0), _located, _by_location),
    "uniform": Standard(
        "random", ("low", "high"), (0.0, 1.0), lambda z, low, high: low + (high - low) * z,
        _by_bounds,
    ),
    "exponential": Standard(
        "standard_exponential", ("scale",), (1.0,), lambda z, scale: scale * z, _by_scale
    ),
    "rayleigh": Standard("rayleigh", ("scale",), (1.0,), lambda z, scale: scale * z, _by_scale),
    "lognormal": Standard(
        "standard_normal", ("mean", "sigma"), (0.0, 1.0), lambda z, mean, sigma: np.exp(mean + sigma * z),
        _by_location,
    ),
    "weibull": Standard(
        "standard_exponential", ("a",), (), lambda z, a: z ** (1.0 / a), lambda a: a > 0
    ),
    "pareto": Standard(
        "standard_exponential", ("a",), (), lambda z, a: np.expm1(z / a), lambda a: a > 0
    ),
    "power": Standard(
        "standard_exponential", ("a",), (), lambda z, a: (-np.expm1(-z)) ** (1.0 / a), lambda a: a > 0
    ),
    "triangular": Standard(
        "random", ("left", "mode", "right"), (), _triangular,
        lambda left, mode, right: (left <= mode) & (mode <= right) & (left < right),
    ),
    "laplace": Standard("laplace", ("loc", "scale"), (0.0, 1.0), _located, _by_location),
    "logistic": Standard("logistic", ("loc", "scale"), (0.0, 1.0), _located, _by_location),
    "gumbel": Standard("gumbel", ("loc", "scale"), (0.0, 1.0), _located, _by_location),
}  # fmt: skip


# -- drawn with their parameters -------------------------------------------------------------------
def _f(z: Any, dfnum: Any, dfden: Any) -> Any:
    ratio = dfnum * z / (dfden + dfnum * z)
    w = implicit("beta", ratio, 0.5 * dfnum, 0.5 * dfden)
    return dfden / dfnum * w / (1.0 - w)


def _student(z: Any, df: Any) -> Any:
    w = implicit("beta", z * z / (df + z * z), 0.5 + 0.0 * df, 0.5 * df)
    return np.sign(z) * np.sqrt(df * w / (1.0 - w))


SMOOTH: dict[str, Smooth] = {
    "standard_gamma": Smooth(("shape",), (), lambda z, shape: implicit("gamma", z, shape)),
    "beta": Smooth(("a", "b"), (), lambda z, a, b: implicit("beta", z, a, b)),
    "f": Smooth(("dfnum", "dfden"), (), _f),
    "standard_t": Smooth(("df",), (), _student),
    "wald": Smooth(("mean", "scale"), (), lambda z, mean, scale: implicit("wald", z, mean, scale)),
    "noncentral_chisquare": Smooth(
        ("df", "nonc"), (), lambda z, df, nonc: implicit("noncentral_chisquare", z, df, nonc)
    ),
    "noncentral_f": Smooth(
        ("dfnum", "dfden", "nonc"), (), lambda z, *given: implicit("noncentral_f", z, *given)
    ),
    "vonmises": Smooth(
        ("mu", "kappa"), (), lambda z, mu, kappa: mu + implicit("vonmises", _turned(z - mu), kappa)
    ),
}
# Integers, whose derivative is zero.
DISCRETE: dict[str, tuple[str, ...]] = {
    "binomial": ("n", "p"),
    "geometric": ("p",),
    "hypergeometric": ("ngood", "nbad", "nsample"),
    "logseries": ("p",),
    "negative_binomial": ("n", "p"),
    "poisson": ("lam",),
    "zipf": ("a",),
}


def _turned(angle: Any) -> Any:
    """An angle between -π and π."""
    whole: Any = angle - 2 * np.pi * np.round(angle / (2 * np.pi))
    return whole


def is_known(owner: Any, name: str) -> bool:
    """Whether a draw of this name is one of a table."""
    if is_of_python(owner):
        return name in OF_PYTHON
    return name == "choice" or any(name in t for t in (STANDARD, SMOOTH, DISCRETE, COMPOSED))


def valued(x: Any) -> Any:
    """A parameter that the function has made of constants, as what it is; any other as it is."""
    array = known(x) if isinstance(x, Tracer) and not is_complex(x) else None
    if array is None:
        return x
    return array.item() if x.form == "python" else array[()] if x.form == "scalar" else array


def draw_traced(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST,
    draw: Draw, emit: Draw,
) -> Any:  # fmt: skip
    """A draw of a table, some of whose parameters are traced.

    ``draw(method, args, kwargs)`` is any other draw; ``emit(method, args, kwargs, type, form)`` one
    that gets the values of traced arguments when the program runs.
    """
    if is_of_python(owner):
        if any(isinstance(x, Tracer) and x.shape for x in (*args, *kwargs.values())):
            raise Declined(f"random.{name} with arrays", frame.source(node))
        return OF_PYTHON[name](draw, emit, *args, **kwargs)
    if name != "choice" and any(map(_is_wider, (*args, *kwargs.values()))):
        # An array is an error of NumPy's, a number loses what does not fit, with a warning.
        reason = f"random.{name} of complex numbers or long doubles"
        raise Declined(reason, frame.source(node))
    if name in COMPOSED:
        return COMPOSED[name](owner, draw, *args, **kwargs)
    if name == "choice":
        return _choice(owner, draw, emit, *args, **kwargs)
    rule = STANDARD.get(name) or SMOOTH.get(name)
    names = rule.names if rule is not None else DISCRETE[name]
    defaults = rule.defaults if rule is not None else ()
    given = dict(zip((*names, "size"), args, strict=False)) | kwargs
    if set(given) - {*names, "size"}:
        raise Declined(f"random.{name} with {min(set(given) - set(names))}=", frame.source(node))
    padded = (np._NoValue,) * (len(names) - len(defaults)) + defaults
    values = [_parameter(given.get(n, d)) for n, d in zip(names, padded, strict=True)]
    if rule is not None:
        values = list(map(_double, values))
    if any(v is np._NoValue for v in values):
        raise TypeError(f"{name}() is missing a parameter")
    size = given.get("size")
    shapes: list[Any] = [v.shape if isinstance(v, Tracer) else np.shape(v) for v in values]
    if any(isinstance(n, Dim) for sizes in shapes for n in sizes):
        raise Declined(f"random.{name} of run-time size", frame.source(node))
    shape = np.broadcast_shapes(*shapes)
    _require_fit(size, shape)
    if isinstance(rule, Standard):
        return _standard(owner, rule, values, size if size is not None else shape or None, draw)
    if size is not None:
        if is_traced([size]) or isinstance(size, Dim):
            raise Declined(f"random.{name} of traced size", frame.source(node))
        shape = (size,) if isinstance(size, int) else tuple(size)
    stopped = [stop(v) if isinstance(v, Tracer) else v for v in values]
    dtype = np.dtype(np.int64 if rule is None else np.float64)
    alone = size is None and not shape
    type = ArrayType(dtype, shape, alone)
    z = emit(name, stopped, {"size": size}, type, "python" if alone else "array")
    if rule is None:
        return z
    arrays = [as_array(v) for v in values]
    return same_value(z, rule.smooth(_plain(z), *arrays))


def _parameter(x: Any) -> Any:
    """A parameter of a draw: lists, of which NumPy makes arrays, as arrays."""
    return as_array(x) if isinstance(x, (list, tuple)) else x


def _is_wider(x: Any) -> bool:
    """Whether a parameter is of another type than the floats that draws have."""
    return is_complex(x) or (
        isinstance(x, (Tracer, np.ndarray, np.generic)) and x.dtype.char == "g"
    )


def _double(x: Any) -> Any:
    """A parameter in double precision, as which NumPy reads it."""
    if isinstance(x, Tracer):
        x = number(x, float) if x.form != "array" else cast(x, np.float64)
        return x
    return x.astype(np.float64) if isinstance(x, (np.ndarray, np.generic)) else x


def _require_fit(size: Any, shape: tuple[Any, ...]) -> None:
    """Parameters are stretched to the size of a draw, never the other way: NumPy raises, in plain Python."""
    if size is None or not shape:
        return
    wanted = tuple([extent_of(n) for n in (size if isinstance(size, (tuple, list)) else (size,))])
    try:
        wide = broadcast_shapes(wanted, shape)
    except ShapeError:
        wide = ()
    fits = len(wide) == len(wanted) and all(map(_is_equal, wide, wanted))
    if not fits:
        raise Declined(f"random numbers of size {size} with parameters of shape {shape}")


def _is_equal(m: Extent, n: Extent) -> bool:
    return decide(lambda: equal(m, n)) is True


def _plain(z: Any) -> Any:
    return Tracer(as_array(z).value, "array")


# -- made of other draws --------------------------------------------------------------------------
def _gamma(
    owner: Any, draw: Callable[..., Any], shape: Any, scale: Any = 1.0, size: Any = None
) -> Any:
    shape, scale = _double(_parameter(shape)), _double(_parameter(scale))
    shapes: list[Any] = [v.shape if isinstance(v, Tracer) else np.shape(v) for v in (shape, scale)]
    whole = np.broadcast_shapes(*shapes)
    check(as_array(dispatch.functions[np.all](_by_scale(scale))), "a scale that is not negative")
    _require_fit(size, whole)
    size = size if size is not None else whole or None
    found = scale * draw("standard_gamma", [shape], {"size": size})
    return number(found, float) if size is None else found


def _chisquare(owner: Any, draw: Callable[..., Any], df: Any, size: Any = None) -> Any:
    df = _double(_parameter(df))
    check(as_array(dispatch.functions[np.all](df > 0)), "positive degrees of freedom")
    return 2.0 * draw("standard_gamma", [df / 2.0], {"size": size})


# -- several numbers at once -----------------------------------------------------------------------
def _dirichlet(owner: Any, draw: Callable[..., Any], alpha: Any, size: Any = None) -> Any:
    """Gamma variates divided by their sum, which NumPy draws in the same order."""
    weights: Any = cast(as_array(alpha), np.float64)
    if weights.ndim != 1:  # what NumPy refuses
        raise Declined("random.dirichlet of parameters that are not in a row")
    if isinstance(owner, np.random.RandomState):
        positive = dispatch.functions[np.all](weights > 0)
        check(as_array(positive), "positive parameters")
    else:  # below, NumPy breaks a stick instead
        check(as_array(dispatch.functions[np.max](weights) >= 0.1), "a parameter above 0.1")
    lead = () if size is None else (size,) if isinstance(size, int) else tuple(size)
    gammas = draw("standard_gamma", [weights], {"size": (*lead, *weights.shape)})
    return gammas / dispatch.functions[np.sum](gammas, axis=-1, keepdims=True)


def _factor(cov: Any, method: str) -> Any:
    """A matrix whose product with its transpose is the covariance, as NumPy takes it."""
    linalg = {n: dispatch.functions[getattr(np.linalg, n)] for n in ("svd", "eigh", "cholesky")}
    if method == "cholesky":
        return linalg["cholesky"](cov)
    if method == "eigh":
        values, vectors = linalg["eigh"](cov)
        return vectors * np.sqrt(np.abs(values))
    u, values, _ = linalg["svd"](cov)
    return u * np.sqrt(values)


def _multivariate_normal(
    owner: Any, draw: Callable[..., Any], mean: Any, cov: Any, size: Any = None,
    check_valid: str = "warn", tol: float = 1e-8, *, method: str = "svd",
) -> Any:  # fmt: skip
    center, matrix = as_array(mean), cast(as_array(cov), np.float64)
    lead = () if size is None else (size,) if isinstance(size, int) else tuple(size)
    functions = dispatch.functions
    if isinstance(owner, np.random.RandomState):
        _, values, v = functions[np.linalg.svd](matrix)
        factor: Any = functions[np.transpose](np.sqrt(values)[:, None] * v)
    else:
        factor = _factor(matrix, method)
    if check_valid != "ignore":  # else plain Python runs, and NumPy warns or raises
        product = functions[np.matmul](factor, functions[np.transpose](factor))
        near = np.abs(product - matrix) <= tol + tol * np.abs(matrix)
        check(as_array(functions[np.all](near)), "a covariance that is positive semidefinite")
    z = draw("standard_normal", [], {"size": (*lead, *center.shape)})
    return center + functions[np.matmul](z, functions[np.transpose](factor))


def _choice(
    owner: Any, draw: Draw, emit: Draw, a: Any, size: Any = None, replace: bool = True, p: Any = None,
    axis: int = 0, shuffle: bool = True,
) -> Any:  # fmt: skip
    items = as_array(a)
    if not items.shape and isinstance(a, Tracer):
        raise Declined("random.choice of a traced number")
    if isinstance(owner, np.random.RandomState) and items.ndim > 1:
        raise ValueError("a must be 1-dimensional")
    how = {"size": size, "replace": replace, "p": p}
    if not isinstance(owner, np.random.RandomState):
        how["shuffle"] = shuffle
    count = items.shape[axis] if items.shape else a
    if is_traced([p]):  # which choose among places, and have no derivative
        if is_traced([size]) or isinstance(size, Dim):
            raise Declined("random.choice of traced size")
        how["p"] = stop(as_array(p))
        shape = () if size is None else (size,) if isinstance(size, int) else tuple(size)
        form = "python" if size is None else "array"
        places = emit("choice", [count], how, ArrayType(np.dtype(np.int64), shape, False), form)
    else:
        places = draw("choice", [count], how)
    return dispatch.functions[np.take](items, places, axis) if items.shape else places


def _permutation(owner: Any, draw: Callable[..., Any], x: Any, axis: int = 0) -> Any:
    items = as_array(x)
    if not items.shape:
        raise Declined("random.permutation of a traced number")
    return dispatch.functions[np.take](items, draw("permutation", [items.shape[axis]], {}), axis)


def _permuted(owner: Any, draw: Callable[..., Any], x: Any, axis: Any = None) -> Any:
    """By what a permutation makes of the places, which are drawn like numbers of as many bytes."""
    items: Any = as_array(x)
    if not all(isinstance(n, int) for n in items.shape) or items.dtype.itemsize != 8:
        raise Declined("random.permuted of this array")
    places = np.arange(items.size).reshape(items.shape)
    index = draw("permuted", [places], {} if axis is None else {"axis": axis})
    return dispatch.functions[np.ravel](items)[index]


COMPOSED: dict[str, Callable[..., Any]] = {
    "gamma": _gamma,
    "chisquare": _chisquare,
    "dirichlet": _dirichlet,
    "multivariate_normal": _multivariate_normal,
    "permutation": _permutation,
    "permuted": _permuted,
}


# -- of Python's own generators ---------------------------------------------------------------------
def _gauss(method: str) -> Callable[..., Any]:
    def drawn(draw: Draw, emit: Draw, mu: Any = 0.0, sigma: Any = 1.0) -> Any:
        return mu + draw(method, [0.0, 1.0], {}) * sigma

    return drawn


def _uniform(draw: Draw, emit: Draw, a: Any, b: Any) -> Any:
    return a + (b - a) * draw("random", [], {})


def _expovariate(draw: Draw, emit: Draw, lambd: Any = 1.0) -> Any:
    return draw("expovariate", [1.0], {}) / lambd


def _lognormvariate(draw: Draw, emit: Draw, mu: Any, sigma: Any) -> Any:
    return dispatch.builtin_functions[math.exp](mu + draw("normalvariate", [0.0, 1.0], {}) * sigma)


def _weibullvariate(draw: Draw, emit: Draw, alpha: Any, beta: Any) -> Any:
    return alpha * draw("expovariate", [1.0], {}) ** (1.0 / beta)


def _paretovariate(draw: Draw, emit: Draw, alpha: Any) -> Any:
    return (1.0 - draw("random", [], {})) ** (-1.0 / alpha)


def _of_values(emit: Draw, method: str, *given: Any) -> Any:
    """A draw that rejects numbers: with the values that its parameters have then."""
    stopped = [stop(x) if isinstance(x, Tracer) else x for x in given]
    return emit(method, stopped, {}, ArrayType(np.dtype(np.float64), (), True), "python")


def _gammavariate(draw: Draw, emit: Draw, alpha: Any, beta: Any) -> Any:
    z = _of_values(emit, "gammavariate", alpha, beta)
    scale = as_array(beta)
    return same_value(z, scale * implicit("gamma", _plain(z) / stop(scale), as_array(alpha)))


def _betavariate(draw: Draw, emit: Draw, alpha: Any, beta: Any) -> Any:
    z = _of_values(emit, "betavariate", alpha, beta)
    return same_value(z, implicit("beta", _plain(z), as_array(alpha), as_array(beta)))


OF_PYTHON: dict[str, Callable[..., Any]] = {
    "gauss": _gauss("gauss"),
    "normalvariate": _gauss("normalvariate"),
    "uniform": _uniform,
    "expovariate": _expovariate,
    "lognormvariate": _lognormvariate,
    "weibullvariate": _weibullvariate,
    "paretovariate": _paretovariate,
    "gammavariate": _gammavariate,
    "betavariate": _betavariate,
}


def _standard(owner: Any, rule: Standard, values: list[Any], size: Any, draw: Draw) -> Any:
    method = rule.method
    if method == "random" and isinstance(owner, np.random.RandomState):
        method = "random_sample"
    valid = rule.valid
    if "low" in rule.names and isinstance(owner, np.random.RandomState):
        valid = lambda low, high: np.isfinite(high - low)  # noqa: E731 - bounds in either order
    if valid is not None:
        # Else plain Python runs, and NumPy raises.
        check(as_array(dispatch.functions[np.all](valid(*values))), "parameters in range")
    found = rule.combine(draw(method, [], {"size": size}), *values)
    return number(found, float) if size is None else found  # a Python number, of scalars as well
