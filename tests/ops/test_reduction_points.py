"""Derivatives of every reduction at ties, zeros, infinities, NaN, one element and none.

Each function meets each point: its value is NumPy's, with the sign of zeros; its derivative is the
same forwards, backwards and as a matrix; it is what differences give where they agree from both
sides and lies between them at a kink; the second derivative is finite and symmetric, and that of a
smooth function is what differences of the first give.  ``conventions-at-kinks.md`` says the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff

pytestmark = pytest.mark.filterwarnings("ignore")
ENGINES = ("numpy", "native")
INF, NAN = np.inf, np.nan


def _norm(order: Any) -> Callable[[Any], Any]:
    return lambda x: np.linalg.norm(x, order)


# Polynomials and the like: differentiable everywhere, as often as wanted.
SMOOTH: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "var": np.var,
    "average": np.average,
    "average by weights": lambda x: np.average(x, weights=x * x + 1.0),
    "nansum": np.nansum,
    "nanprod": np.nanprod,
    "nanmean": np.nanmean,
    "nanvar": np.nanvar,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "nancumsum": np.nancumsum,
    "nancumprod": np.nancumprod,
    "logsumexp": special.logsumexp,
    "logsumexp by weights": lambda x: special.logsumexp(x, b=np.arange(1.0, x.size + 1)),
    "softmax": special.softmax,
    "log_softmax": special.log_softmax,
    "norm squared": lambda x: np.linalg.norm(x) ** 2,
    "norm of order 4 to the 4th": lambda x: np.linalg.norm(x, 4) ** 4,
    "std squared": lambda x: np.std(x) ** 2,
    "trace": lambda x: np.trace(np.outer(x, x)),
    "logaddexp.reduce": np.logaddexp.reduce,
    "logaddexp2.reduce": np.logaddexp2.reduce,
    "multiply.reduce": np.multiply.reduce,
    "subtract.reduce": np.subtract.reduce,
    "diff": np.diff,
    "second diff": lambda x: np.diff(x, n=2),
    "ediff1d": np.ediff1d,
    "trapezoid": np.trapezoid,
    "trapezoid by x": lambda x: np.trapezoid(x, x * x),
    "sum where": lambda x: np.sum(x, where=np.arange(x.size) > 0),
    "prod with a start": lambda x: np.prod(x, initial=2.0),
    "sum of Python": lambda x: sum(x),
    "dot": lambda x: np.dot(x, x),
}
# Extrema share among ties, which are counted.
EXTREMA: dict[str, Callable[[Any], Any]] = {
    "max": np.max,
    "min": np.min,
    "nanmax": np.nanmax,
    "nanmin": np.nanmin,
    "maximum.reduce": np.maximum.reduce,
    "minimum.reduce": np.minimum.reduce,
    "max of Python": lambda x: max(x),
    "min of Python": lambda x: min(x),
}
KINKED: dict[str, Callable[[Any], Any]] = {
    **EXTREMA,
    "std": np.std,
    "nanstd": np.nanstd,
    "ptp": np.ptp,
    "max with a start": lambda x: np.max(x, initial=0.0),
    "running maximum": np.maximum.accumulate,
    "running minimum": np.minimum.accumulate,
    "fmax.reduce": np.fmax.reduce,
    "fmin.reduce": np.fmin.reduce,
    "hypot.reduce": np.hypot.reduce,
    "norm": np.linalg.norm,
    "norm of order 1": _norm(1),
    "norm of order 3": _norm(3),
    "norm of order inf": _norm(INF),
    "norm of order -inf": _norm(-INF),
    "norm of order 0": _norm(0),
    "element at the maximum": lambda x: x[np.argmax(x)],
    "element at the minimum": lambda x: np.take(x, np.argmin(x)),
}
# Elements are told apart by their places in a stable sort, also where they are equal.
SORTED: dict[str, Callable[[Any], Any]] = {
    "sort": np.sort,
    "argsort": lambda x: x[np.argsort(x, kind="stable")],
    "partition": lambda x: np.partition(x, 0),
    "median": np.median,
    "nanmedian": np.nanmedian,
    "quantile": lambda x: np.quantile(x, 0.3),
    "lower quantile": lambda x: np.quantile(x, 0.3, method="lower"),
    "percentile": lambda x: np.percentile(x, 50.0),
    "nanquantile": lambda x: np.nanquantile(x, 0.3),
    "nanpercentile": lambda x: np.nanpercentile(x, 40.0),
}
FUNCTIONS = {**SMOOTH, **KINKED, **SORTED}
# Which of two zeros fmax and fmin keep depends in NumPy on the length and the processor.
EITHER_ZERO = ("fmax.reduce", "fmin.reduce", "nanmax", "nanmin")

FINITE: dict[str, list[float]] = {
    "plain": [1.5, -0.5, 2.0],
    "ties": [2.0, 1.0, 2.0],
    "all equal": [1.0, 1.0, 1.0],
    "all zero": [0.0, 0.0, 0.0],
    "a zero": [2.0, 0.0, 3.0],
    "two zeros": [0.0, 3.0, 0.0],
    "zeros of both signs": [0.0, -0.0, 1.0],
    "negative zero first": [-0.0, 0.0],
    "negative zeros": [-0.0, -0.0],
    "negative zero last": [1.0, -0.0],
    "one": [-3.0],
    "one zero": [0.0],
    "one negative zero": [-0.0],
}
OTHERS: dict[str, list[float]] = {
    "inf": [1.0, INF, 2.0],
    "-inf": [-INF, 1.0, 2.0],
    "both": [INF, -INF, 1.0],
    "two inf": [INF, INF, 1.0],
    "all -inf": [-INF, -INF],
    "nan": [1.0, NAN, 2.0],
    "all nan": [NAN, NAN],
    "one inf": [INF],
    "one -inf": [-INF],
    "none": [],
}
SAMPLE = ("prod", "max", "median", "logsumexp", "norm squared", "std", "hypot.reduce", "nanmax")


def rows(names: Any) -> list[Any]:
    """A parameter for each name, those outside of the sample marked slow."""
    return [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in names]


# The engines share the rules; native code is compiled for every function, which takes its time.
ON_BOTH = ["numpy", pytest.param("native", marks=pytest.mark.slow)]


def outcome(f: Callable[[], Any]) -> Any:
    """The result, or the type of the exception."""
    try:
        return f()
    except Exception as error:
        return type(error)


def signs(value: Any) -> list[bool]:
    """Of the zeros among the elements."""
    array = np.ravel(value)
    return [bool(np.signbit(v)) for v in array if v == 0]


@pytest.mark.parametrize("engine", ON_BOTH)
@pytest.mark.parametrize("name", rows(FUNCTIONS))
def test_values_are_those_of_numpy(name: str, engine: str) -> None:
    f = FUNCTIONS[name]
    for point in (*FINITE.values(), *OTHERS.values()):
        x = np.array(point, float)
        expected = outcome(lambda x=x: f(x))
        found = outcome(lambda x=x: autodiff.function(f, engine=engine)(x))
        if isinstance(expected, type):
            assert found is expected, point
            continue
        assert np.shape(found) == np.shape(expected), point
        np.testing.assert_allclose(found, expected, rtol=4e-15, err_msg=str(point))
        assert name in EITHER_ZERO or signs(found) == signs(expected), point


def matrices(f: Callable[[Any], Any], x: Any, engine: str) -> tuple[Any, Any, Any]:
    """The Jacobian as a matrix, column by column forwards, and row by row backwards."""
    size = np.size(f(x))
    whole = np.reshape(autodiff.jacobian(f, engine=engine)(x), (size, x.size))
    push = [autodiff.jvp(f, (x,), (e,), engine=engine)[1] for e in np.eye(x.size)]
    pull = autodiff.vjp(f, x, engine=engine)[1]
    shape = np.shape(f(x))
    back = [pull(np.reshape(e, shape) if shape else float(e[0])) for e in np.eye(size)]
    back = [np.ravel(b[0] if isinstance(b, tuple) else b) for b in back]
    return whole, np.reshape(push, (x.size, size)).T, np.reshape(back, (size, x.size))


def one_sided(f: Callable[[Any], Any], x: Any, step: Any) -> tuple[Any, Any]:
    """Differences to the left and to the right along a step."""
    here, h = np.ravel(f(x)), np.max(np.abs(step))
    return (here - np.ravel(f(x - step))) / h, (np.ravel(f(x + step)) - here) / h


@pytest.mark.parametrize("engine", ON_BOTH)
@pytest.mark.parametrize("name", rows(FUNCTIONS))
def test_derivatives_are_differences_or_between_them(name: str, engine: str) -> None:
    f = FUNCTIONS[name]
    for point in FINITE.values():
        x = np.array(point)
        whole, forward, backward = matrices(f, x, engine)
        np.testing.assert_allclose(forward, whole, rtol=1e-12, atol=1e-15, err_msg=str(point))
        np.testing.assert_allclose(backward, whole, rtol=1e-12, atol=1e-15, err_msg=str(point))
        directions = list(np.eye(x.size)) if name not in SORTED else [np.ones(x.size)]
        for d in directions:
            left, right = one_sided(f, x, 1e-6 * d)
            slope = whole @ d
            allowed = 1e-4 * (1 + np.abs(left) + np.abs(right))
            assert (slope >= np.minimum(left, right) - allowed).all(), (point, d)
            assert (slope <= np.maximum(left, right) + allowed).all(), (point, d)


@pytest.mark.parametrize("engine", ON_BOTH)
@pytest.mark.parametrize("name", rows(SMOOTH))
def test_second_derivatives_of_smooth_functions(name: str, engine: str) -> None:
    f = FUNCTIONS[name]
    slope = autodiff.jacobian(f, engine=engine)
    second = autodiff.jacobian(lambda x: autodiff.jacobian(f)(x), engine=engine)
    for point in FINITE.values():
        x = np.array(point)
        shape = (np.size(f(x)), x.size, x.size)
        found = np.reshape(second(x), shape)
        np.testing.assert_allclose(found, np.swapaxes(found, 1, 2), rtol=1e-9, atol=1e-12)
        h = 1e-5
        moved = [np.ravel(slope(x + h * e)) - np.ravel(slope(x - h * e)) for e in np.eye(x.size)]
        expected = np.moveaxis(np.reshape(moved, (x.size, *shape[:2])), 0, 2) / (2 * h)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=str(point))


@pytest.mark.parametrize("name", rows({**KINKED, **SORTED}))
def test_second_derivatives_at_kinks_are_finite_and_symmetric(name: str) -> None:
    f = FUNCTIONS[name]
    second = autodiff.jacobian(lambda x: autodiff.jacobian(f)(x), engine="numpy")
    for point in FINITE.values():
        x = np.array(point)
        found = np.reshape(second(x), (np.size(f(x)), x.size, x.size))
        assert np.isfinite(found).all(), point
        np.testing.assert_allclose(found, np.swapaxes(found, 1, 2), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", [np.hypot.reduce, np.linalg.norm])
def test_lengths_are_smooth_where_some_elements_are_zero(function: Any, engine: str) -> None:
    def length(x: Any) -> Any:
        return function(x)

    for point in ([0.0, 0.0, 2.0], [2.0, 0.0, 0.0], [0.0, 2.0]):
        expected = np.diag([0.5 if v == 0 else 0.0 for v in point])
        found = autodiff.hessian(length, engine=engine)(np.array(point))
        np.testing.assert_allclose(found, expected, atol=1e-15)
    huge = autodiff.gradient(np.hypot.reduce, engine=engine)(np.array([3e200, 0.0, 4e200]))
    np.testing.assert_allclose(huge, [0.6, 0.0, 0.8], rtol=1e-14)


@pytest.mark.parametrize("name", rows(EXTREMA))
def test_extrema_share_equally_among_ties(name: str) -> None:
    f = EXTREMA[name]
    for point in FINITE.values():
        x = np.array(point)
        tied = x == f(x)
        expected = tied / np.sum(tied)
        np.testing.assert_array_equal(autodiff.gradient(f, engine="numpy")(x), expected)


def _log_of(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: np.log(function(x))


# Derivatives at infinite numbers, and where an infinite derivative stands beside another element.
LIMITS: tuple[tuple[str, Callable[[Any], Any], list[float], list[float]], ...] = (
    ("logsumexp", special.logsumexp, [INF, 1.0], [1.0, 0.0]),
    ("logsumexp", special.logsumexp, [INF, INF], [0.5, 0.5]),
    ("logsumexp", special.logsumexp, [INF], [1.0]),
    ("logsumexp", special.logsumexp, [-INF], [1.0]),
    ("logsumexp", special.logsumexp, [-INF, -INF], [0.5, 0.5]),
    ("logsumexp", special.logsumexp, [-INF, 1.0], [0.0, 1.0]),
    ("logsumexp by weights", SMOOTH["logsumexp by weights"], [1.0, INF, 2.0], [0.0, 1.0, 0.0]),
    ("logaddexp.reduce", np.logaddexp.reduce, [INF, 1.0], [1.0, 0.0]),
    ("logaddexp.reduce", np.logaddexp.reduce, [-3.0], [1.0]),
    ("hypot.reduce", np.hypot.reduce, [-3.0], [-1.0]),
    ("hypot.reduce", np.hypot.reduce, [-INF], [-1.0]),
    ("hypot.reduce", np.hypot.reduce, [-3.0, 4.0], [-0.6, 0.8]),
    ("max", np.max, [INF, 1.0], [1.0, 0.0]),
    ("max", np.max, [INF, INF, 1.0], [0.5, 0.5, 0.0]),
    ("nanmax", np.nanmax, [NAN, 1.0], [0.0, 1.0]),
    ("prod", np.prod, [2.0, INF, 3.0], [INF, 6.0, INF]),
    ("log of max", _log_of(np.max), [0.0, -1.0], [INF, 0.0]),
    ("log of min", _log_of(np.min), [1.0, 0.0], [0.0, INF]),
    ("log of prod", _log_of(np.prod), [0.0], [INF]),
    ("log of cumprod", lambda x: np.log(np.cumprod(x)[0]), [0.0, 2.0], [INF, 0.0]),
    ("max of logs", lambda x: np.max(np.stack([np.log(x[0]), 5 * x[1]])), [0.0, 1.0], [0.0, 5.0]),
)


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: f"{row[0]}{row[2]}")
def test_derivatives_beside_infinity_are_limits_in_both_modes(row: Any) -> None:
    _, f, point, expected = row
    x = np.array(point)
    assert autodiff.gradient(f, engine="numpy")(x).tolist() == expected
    forward = [autodiff.jvp(f, (x,), (e,), engine="numpy")[1] for e in np.eye(x.size)]
    assert [float(v) for v in forward] == expected


def test_native_code_has_the_limits_too() -> None:
    for _, f, point, expected in (LIMITS[0], LIMITS[9], LIMITS[16]):
        assert autodiff.gradient(f, engine="native")(np.array(point)).tolist() == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_maximum_that_is_not_used_passes_no_nan_on(engine: str) -> None:
    def guarded(x: Any) -> Any:
        most = np.max(x)
        return np.where(np.isnan(most), 0.0, most) + x[0]

    found = autodiff.gradient(guarded, engine=engine)(np.array([1.0, NAN]))
    assert found.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", [np.max, np.min])
def test_short_extrema_keep_the_zero_that_numpy_keeps(function: Any, engine: str) -> None:
    rng = np.random.default_rng(0)
    for shape, axis in (((2,), None), ((7,), None), ((5, 3), 0), ((40, 3), 0), ((3, 4), 1)):
        x = np.where(rng.random(shape) < 0.5, 0.0, -0.0)

        def extremum(x: Any, axis: Any = axis) -> Any:
            return function(x, axis=axis)

        found = autodiff.function(extremum, engine=engine)(x)
        assert signs(found) == signs(function(x, axis=axis)), (shape, axis)


@pytest.mark.parametrize("engine", ENGINES)
def test_powers_of_numbers_by_a_half(engine: str) -> None:
    for x in (np.float64(-INF), np.float64(-0.0), np.float64(4.0), -INF):
        operator = autodiff.function(lambda x: x**0.5, engine=engine)(x)
        ufunc = autodiff.function(lambda x: np.power(x, 0.5), engine=engine)(x)
        np.testing.assert_array_equal([operator, ufunc], [x**0.5, np.power(x, 0.5)])
        assert signs(operator) + signs(ufunc) == signs(x**0.5) + signs(np.power(x, 0.5))


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("order", [1.5, 2.5, 3, 4])
def test_a_norm_of_an_infinite_vector_has_one_derivative(order: float, engine: str) -> None:
    norm = _norm(order)
    for x in ([INF, 1.0, 0.0], [-INF, INF, 2.0], [1.0, -INF]):
        v = np.array(x)
        forward, reverse = (
            autodiff.jacobian(norm, mode=mode, engine=engine)(v) for mode in ("forward", "reverse")
        )
        assert np.array_equal(forward, reverse) and np.all(reverse == 0)
    assert np.all(np.isfinite(autodiff.gradient(norm, engine=engine)(np.array([3.0, -4.0]))))


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_products_of_elements_and_of_vectors_have_strong_zeros(engine: str) -> None:
    a, b = np.array([INF, 1.0, 0.0]), np.array([0.0, 2.0, INF])
    for product in (lambda a, b: np.sum(a * b), np.dot, np.vdot, np.inner):
        found = autodiff.gradient(product, engine=engine)(a, b)
        assert np.array_equal(found, [b, a])
    forward = autodiff.jacobian(lambda a, b: np.sum(a * b), mode="forward", engine=engine)(a, b)
    assert np.array_equal(forward, [b, a])
