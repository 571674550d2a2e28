"""NumPy functions on arguments that few tests have: the value, dtype and type, or the exception.

Every row is called with every argument by one compiled object, and compared with plain NumPy.
"""

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import autodiff
from tests.ops.support import ENGINES, is_refused_everywhere

rng = np.random.default_rng(0)
ARGUMENTS: list[Any] = [
    rng.normal(size=5),
    rng.normal(size=(3, 4)),
    np.asfortranarray(rng.normal(size=(4, 3))),
    rng.normal(size=5).astype(np.float32),
    np.arange(-3, 4),
    (50 * np.arange(6)).reshape(2, 3).astype(np.uint8),
    np.array([True, False, True]),
    np.array(1.5),
    0.7,
    np.float32(0.7),
    3,
    np.int8(3),
    np.zeros((0, 3)),
    np.array([1.0, np.nan, -np.inf, 0.0, 2.0]),
    np.ones((1, 1)),
    np.repeat([2.0, 1.0], 20),
    rng.integers(0, 5, 50),
]


def masked_store(x):
    x[x > 0] = 1
    return x


def store_by_truth(x):
    x[np.sum(x) > 0] = 1
    return x


REDUCTIONS = [
    "sum", "prod", "mean", "std", "var", "max", "min", "all", "any", "argmax", "argmin", "ptp",
    "nansum", "nanmax", "nanmean", "nanstd",
]  # fmt: skip


def of_a_scalar(name: str) -> Callable[[Any], Any]:
    """The reduction of a NumPy scalar, and of a 0-d array, into an array; and that array."""
    dtype = int if name.startswith("arg") else float
    reduce = getattr(np, name)

    def f(x: Any) -> Any:
        y = np.float64(1.5) * (x if np.ndim(x) == 0 else 1.0)
        out, other = np.zeros((), dtype), np.zeros((), dtype)
        return reduce(y, out=out), out, reduce(np.array(y), out=other), other

    return f


METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased", "higher", "unknown",
]  # fmt: skip


def quantiles(method: str) -> Callable[[Any], Any]:
    return lambda x: np.quantile(x, [0.0, 0.1, 0.5, 0.77, 1.0], axis=-1, method=method)


ROWS: dict[str, Callable[[Any], Any]] = {
    "quantile lower": lambda x: np.quantile(x, 0.3, method="lower"),
    "quantile nearest": lambda x: np.quantile(x, [0.1, 0.9], axis=-1, method="nearest"),
    "quantile midpoint": lambda x: np.quantile(x, [0.1, 0.9], method="midpoint"),
    "percentile": lambda x: np.percentile(x, [25, 50, 90]),
    "nanmedian": lambda x: np.nanmedian(x),
    "gradient": lambda x: np.gradient(x, axis=0),
    "average": lambda x: np.average(x, weights=np.abs(x)),
    "histogram": lambda x: np.histogram(x, 5),
    "convolve": lambda x: np.convolve(x, [1, 2, 1]),
    "correlate": lambda x: np.correlate(x, x, "full"),
    "vander": lambda x: np.vander(x),
    "polyfit": lambda x: np.polyfit(np.arange(5), x, 1),
    "insert": lambda x: np.insert(x, [0, 2], x[:1]),
    "insert row": lambda x: np.insert(x, 1, 9.5, axis=0),
    "reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "accumulate": lambda x: np.maximum.accumulate(x),
    "partition": lambda x: (np.partition(x, 1), np.argpartition(x, 1)),
    "argsort": lambda x: (np.argsort(x), np.argsort(x, kind="stable")),
    "largest": lambda x: x[np.argpartition(-x, 2)[:2]],
    "max of Python": lambda x: (max(x), min(x)),
    "max of Python, reversed": lambda x: (max(x[::-1]), min(x[::-1])),
    "power": lambda x: x**x,
    "square": lambda x: x**2,
    "power of an integer": lambda x: 2**x,
    "isin": lambda x: np.isin(x, [0, 1, 2]),
    "intersect1d": lambda x: np.intersect1d(x, [1, 2, 0.7]),
    "ix_": lambda x: np.ix_(x > 0),
    "arange": lambda x: np.arange(x),
    "arange from": lambda x: np.arange(x, 9.0),
    "nan_to_num": lambda x: np.nan_to_num(x, nan=7),
    "i0": lambda x: np.i0(x).dtype,
    "copyto float": lambda x: np.copyto(x, 2.5),
    "copyto int": lambda x: np.copyto(x, 3),
    "putmask": lambda x: np.putmask(x, x > 0, x * 2),
    "putmask array": lambda x: np.putmask(x, x > 0, np.array([1.5, 2.0])),
    "place": lambda x: np.place(x, x > 0, np.array([1.5, 2.0])),
    "put": lambda x: np.put(np.zeros_like(x), [0], 300),
    "cond of what is singular": lambda x: np.linalg.cond(np.stack([0 * x[:2], x[:2]])),
    "cond 1 of zeros": lambda x: np.linalg.cond(np.zeros((2, 2)) * np.sum(x), 1),
    "conj of bools": lambda x: (np.conj(x > 0), (x > 0).conj(), np.conjugate(x > 1)),
    "a store into imag": lambda x: x.imag.__setitem__(..., 1),
    "divmod by None": lambda x: divmod(x, None),
    "divmod of None": lambda x: divmod(None, np.sum(x)),
    "divmod by text": lambda x: divmod(np.sum(x), "a"),
    "lstsq": lambda x: np.linalg.lstsq(np.vander(x, 2), 1.0 + x, rcond=None)[1].shape,
    "outer with a number": lambda x: (np.add.outer(x, 100), np.multiply.outer(x, 2.5)),
    "dot with a number": lambda x: (np.dot(x, 2.5), np.inner(x, 100)),
    "polyval at a number": lambda x: np.polyval(x, 100),
    "polymul": lambda x: np.polymul(x, [1, 2]),
    "reduce of a list": lambda x: np.minimum.reduce([x, 2 * x]),
    "accumulate of a list": lambda x: np.add.accumulate([x, 2 * x]),
    "interp to infinity": lambda x: np.interp(x, [0.0, 1.0, np.inf], [1.0, np.inf, 0.0]),
    "lexsort": lambda x: np.lexsort((x, x[:1])),
    "matmul in place": lambda x: x.__imatmul__(x),
    "masked store": masked_store,
    "into a number": lambda x: np.add(x, 1, x),
    "conj": lambda x: x.conj(),
    "masked by a truth": lambda x: x[np.sum(x) > 0],
    "masked by its own truth": lambda x: x[..., np.any(x > 0), None],
    "masked by a known truth": lambda x: (x[True], x[False]),
    "store by a truth": store_by_truth,
    "place numbers": lambda x: np.place(x, x > 0, [300, 1]),
    "putmask numbers": lambda x: np.putmask(x, x > 0, [300, 1]),
    "put numbers": lambda x: np.put(x, [0], [300]),
    "put method": lambda x: x.put([0], 1),
    "fill": lambda x: x.fill(1),
    "vectorize": lambda x: np.vectorize(lambda v: v + 1)(x),
    "vectorize to float": lambda x: np.vectorize(lambda v: v * 2 + 1.5)(x),
    "vectorize, given": lambda x: np.vectorize(lambda v: v * 2, otypes=[np.float32])(x),
    "poly": lambda x: np.poly(x),
    "union1d": lambda x: np.union1d(x, 3),
    "concatenate of all": lambda x: np.concatenate((x, 3), axis=None),
    "ediff1d": lambda x: np.ediff1d(x),
    "ediff1d with ends": lambda x: np.ediff1d(x, to_begin=1, to_end=[1.5]),
    "round": lambda x: np.round(x, 1),
    "average along": lambda x: np.average(x, axis=0, weights=[1, 2, 3]),
    "average of axes": lambda x: np.average(x, axis=(1, 0), weights=np.ones((4, 3))),
    "read-only": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, -1).flags.writeable,
    "bincount": lambda x: np.bincount(x),
    "bincount, weighted": lambda x: np.bincount(x, weights=[1.0, 2.0, 3.0]),
    "subtract.accumulate": lambda x: np.subtract.accumulate(x),
    "divide.accumulate": lambda x: np.divide.accumulate(x, axis=-1),
    "fmod.accumulate": lambda x: np.fmod.accumulate(x),
    "bitwise_or.reduce": lambda x: np.bitwise_or.reduce(x, axis=None),
    "floor_divide.reduce": lambda x: np.floor_divide.reduce(x, axis=-1, keepdims=True),
    "fmax.reduce": lambda x: np.fmax.reduce(x, axis=(0, -1)),
    "gcd": lambda x: (np.gcd(x, 6), np.lcm(x, [4]), np.gcd.reduce(x)),
    "repeat": lambda x: np.repeat(x, x),
    "repeat each": lambda x: np.repeat(x, np.flatnonzero(x), axis=0),
    "as_strided": lambda x: as_strided(x, (x.size - 1, 2), (x.itemsize, x.itemsize)),
    "add.at of floats": lambda x: np.add.at(x, [0, 1, 1], 1.5),
    "add.at of large numbers": lambda x: (y := np.zeros_like(x) + 2**60, np.add.at(y, 0, 1.0))[0],
    "subtract.at of floats": lambda x: np.subtract.at(x, [1, 1], 2.5),
    "subtract.at one place": lambda x: np.subtract.at(x, 1, 2.5),
    "nextafter": lambda x: np.nextafter(x.astype(np.float16), np.float16(1.0)),
    "ldexp": lambda x: [np.ldexp(x, k) for k in (-2098, -1030, -127, 3, 127, 1500, 2098)],
    "ldexp of halves": lambda x: np.ldexp(x.astype(np.float16), [[-24], [-3], [127], [2**40]]),
    "ldexp by unsigned": lambda x: np.ldexp(x, np.uint64(3)),
    "ptp into": lambda x: [np.ptp(x, out=np.zeros((), t)) for t in (np.float64, x.dtype)],
    "ptp into integers": lambda x: np.ptp(x, out=np.zeros((), int)),
    "std into": lambda x: np.std(1.0 * x, out=np.zeros((), (1.0 * x).dtype)),
    **{f"{name} of a scalar into": of_a_scalar(name) for name in REDUCTIONS},
    "std into integers": lambda x: np.std(x, out=np.zeros((), int)),
    "pad of statistics": lambda x: np.pad(x, 2, mode="mean", stat_length=9),
    "pad of few": lambda x: [np.pad(x, 1, mode="mean", stat_length=k) for k in (0, 1)],
    "rfftn of one axis twice": lambda x: np.abs(np.fft.rfftn(x, axes=(0, 0))),
    "arange of a long step": lambda x: (np.arange(x, x + 1, np.inf), np.arange(x, x, np.inf)),
    "arange back by a long step": lambda x: (np.arange(x, x + 1, -np.inf), np.arange(x, 9, 1e300)),
    "linspace of one": lambda x: [np.linspace(x, 2.0, n, retstep=True)[1] for n in (0, 1)],
    "quantile beyond": lambda x: np.quantile(x, 1.01),
    "percentile below": lambda x: np.percentile(x, -1),
    **{f"quantile {m}": quantiles(m) for m in METHODS},
}


def outcome(f: Callable[[Any], Any], x: Any) -> Any:
    """The result, or the exception, and the argument afterwards."""
    x = copy.deepcopy(x)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(x), x
        except Exception as error:
            return error, x


def same(found: Any, expected: Any, engine: str) -> None:
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), (found, expected)
        text = str(expected)
        assert text in str(found) or isinstance(found, autodiff.ShapeError), (found, expected)
        return
    assert type(found) is type(expected), (found, expected)
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other, engine)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert found.dtype == expected.dtype, (found, expected)
        rtol, atol = 1e-6 if expected.dtype == "f4" else 1e-10, 0.0
        if engine == "jax" and expected.dtype.kind == "f":
            # Sums in another order, and XLA takes subnormal numbers for 0.
            largest = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
            atol = max(rtol * largest, np.finfo(expected.dtype).smallest_normal)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    else:
        assert found == expected or (found != found and expected != expected)


ON_JAX = {"argsort": lambda x: (np.argsort(x, kind="stable"),) * 2}  # whatever NumPy's order is


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_odd_arguments_do_what_they_do_in_numpy(name: str, engine: str) -> None:
    f = ROWS[name]
    compiled = autodiff.function(f, engine=engine)
    plain = ON_JAX.get(name, f) if engine == "jax" else f
    for x in ARGUMENTS:
        found, expected = outcome(compiled, x), outcome(plain, x)
        if engine == "jax" and isinstance(found[0], autodiff.UnsupportedError):
            assert is_refused_everywhere(f, lambda x=x: [copy.deepcopy(x)]), (name, x, found[0])
            continue
        try:
            same(found, expected, engine)
        except AssertionError as difference:
            raise AssertionError(f"{name} of {x!r}: {difference}") from None


A, F4, U1 = np.array, np.float32, np.uint8
BLOCKS = np.arange(18.0).reshape(2, 3, 3)


def sum_of_squares(x):
    total = 0.0
    for v in np.nditer(x):
        total = total + v * v
    return total


def double_by_nditer(x):
    for v in np.nditer(x, op_flags=["readwrite"]):
        v[...] = 2 * v
    return x


def fill_by_nditer(x):
    y = np.empty(x.shape)
    with np.nditer([x, y], op_flags=[["readonly"], ["writeonly"]]) as pairs:
        for u, v in pairs:
            v[...] = 2 * u
    return y


def store_by_nditer(x):
    for v in np.nditer(x):
        v[...] = 2 * v


ITERATED = [
    (np.arange(4.0),), (np.arange(6.0).reshape(2, 3),), (np.arange(6.0).reshape(2, 3).T,),
    (np.arange(6.0)[::-1],), (np.arange(40.0),), (np.zeros(0),),
]  # fmt: skip

# Each function with argument lists that one compiled object is called with in turn: what is right,
# and what NumPy refuses.
CALLS: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "shape": (
        lambda x: (np.shape(x), np.size(x), np.size(x, 0), np.broadcast_shapes(np.shape(x), (1,))),
        [(np.ones(3),), (np.ones(4),), (np.ones(5),)],
    ),
    "linalg.trace": (np.linalg.trace, [(BLOCKS,), (BLOCKS[0],), (BLOCKS[:, :2],)]),
    "tensorinv": (
        np.linalg.tensorinv,
        [(np.eye(6).reshape(2, 3, 6, 1),), (np.eye(3),), (np.ones((2, 3, 3, 1)),)],
    ),
    "matrix_rank": (np.linalg.matrix_rank, [(np.eye(3),), (A([0.0, 1.0]),)]),
    "matrix_power": (np.linalg.matrix_power, [(np.eye(2), 2), (np.ones((2, 3)), 0), (A([1.0]), 0)]),
    "linalg.outer": (np.linalg.outer, [(A([1, 2]), A([3])), (np.eye(2), A([3]))]),
    "linalg.cross": (np.linalg.cross, [(A([1, 2, 3]), A([3, 1, 2])), (A([1, 2]), A([3, 1]))]),
    "cross": (np.cross, [(A([1, 2, 3]), A([3, 1, 2])), (np.arange(4), np.arange(4))]),
    "vecdot": (np.vecdot, [(np.ones(3), np.arange(3)), (np.ones(5), np.arange(3))]),
    "matvec": (
        getattr(np, "matvec", np.matmul),
        [(np.ones((2, 3)), np.arange(3)), (np.ones(3), np.arange(3))],
    ),
    "kron": (np.kron, [(np.ones(3), np.arange(2)), (A(1.5), U1(2))]),
    "norm": (lambda x, p: np.linalg.norm(x, p), [(F4([1, 2]), 3), (F4([1, 2]), 2.5)]),
    "nanmedian": (
        lambda x: np.nanmedian(x, axis=-1, keepdims=True),
        [
            (A([[1, np.inf, np.nan], [-np.inf, -np.inf, 2], [np.nan] * 3]),),
            (F4([2, 1, np.nan, 5]),),
        ],
    ),
    "nanargmax": (
        lambda x: (np.nanargmax(x), np.nanargmin(x)),
        [(A([1, np.nan, 3]),), (A([-np.inf, np.nan]),), (A([np.nan]),)],
    ),
    "nanmax": (lambda x: np.nanmax(x, initial=2), [(A([1.0, np.nan]),), (A([np.nan]),)]),
    "nanmean": (lambda x: np.nanmean(x, dtype=np.int64), [(A([1, 3]),), (A([1.0, np.nan]),)]),
    "cov": (lambda x: np.cov(x, dtype=np.float32), [(np.eye(3),), (F4([1, 2, 4]),)]),
    "corrcoef": (lambda x: np.corrcoef(x, dtype=np.float32), [(np.eye(3),), (F4([1, 2, 4]),)]),
    "choose": (
        lambda x: np.choose(x, [10, 20, 30]),
        [(A([0, 2]),), (A([0, 3]),), (A([0, -1]),), (A([0.5]),)],
    ),
    "ravel_multi_index": (
        lambda x: np.ravel_multi_index((x, x), (3, 4)),
        [(A([0, 2]),), (A([0, 3]),), (A([0, -1]),), (A([0.5]),)],
    ),
    "unravel_index": (
        lambda x: np.unravel_index(x, (3, 4)),
        [(A([0, 11]),), (3,), (A([0, -1]),), (A([0.5]),)],
    ),
    "digitize": (
        np.digitize,
        [(A([0, 1, 2.0]), A(bins)) for bins in ([0, 1, 2.0], [2, 1, 0.0], [1, 1, 1.0])],
    ),
    "digitize, disordered": (np.digitize, [(A([0, 1.0]), A([2, 1, 3.0]))]),
    "interp": (
        np.interp,
        [
            (A([0, 1, 2.0]), A([0, 1, 2.0]), A([3, 4, 6.0])),
            (1.0, A([0, np.nan, 2]), np.ones(3)),
            (np.nan, A([0, 1, 2.0]), np.ones(3)),
            (A([0, 1, 2.0]), A([0, 1, 2.0]), np.ones(4)),
        ],
    ),
    "histogram": (np.histogram, [(A([0, 1, 2.0]), A([0, 1, 2.0])), (A([0, 1.0]), A([0, 2, 1.0]))]),
    "histogram, counted": (np.histogram, [(A([0, 1, 2.0]), 3), (np.zeros(0), 3), (A([1.0]), 0)]),
    "histogram in a range": (
        lambda x, b: np.histogram(x, 4, range=(0.5, b)),
        [(A([0, 1, 2.0]), 2.0), (A([0, 1, 2.0]), 0.0), (A([0, 1, 2.0]), np.inf)],
    ),
    "linspace": (
        lambda x, n: np.linspace(0, x, n),
        [(1.0, 3), (1.0, 4), (1.0, 1), (1.0, 0), (1.0, -1)],
    ),
    "geomspace": (
        lambda a, b: np.geomspace(a, b, 4),
        [(1.0, 8.0), (-1.0, -8.0), (-1.0, 8.0), (0.0, 1.0)],
    ),
    "select": (
        lambda c, x: np.select([c], [x]),
        [(A([True, False]), np.ones(2)), (A([1, 0]), np.ones(2))],
    ),
    "fill_diagonal": (
        lambda x: (np.fill_diagonal(x, 9), x)[1],
        [(np.ones((2, 2, 2)),), (np.ones((2, 3, 2)),), (np.ones((5, 2)),)],
    ),
    "take": (np.take, [(np.arange(4), A([1, -1])), (np.arange(4), True), (np.arange(4), A([0.5]))]),
    "take_along_axis": (
        lambda x, i: np.take_along_axis(x, i, 0),
        [(np.arange(4), A([1, -1])), (np.arange(4), A([0.5]))],
    ),
    "insert": (lambda x, v: np.insert(x, 1, v), [(U1([1, 2]), 3), (U1([1, 2]), 300)]),
    "tri": (lambda n: np.tri(n, 3), [(2,), (0,), (-1,)]),
    "clip": (
        np.clip,
        [(U1([1, 200]), a, b) for a, b in ((2, 100), (-5, 100), (0, 300), (300, 400), (-5, -3))],
    ),
    "unwrap": (
        lambda x, p: np.unwrap(x, period=p),
        [(A([0, 4, 8, -3]), 4), (A([0, 4, 8]), 5), (A([0.0, 4, 8]), 3.5)],
    ),
    "gradient": (
        np.gradient,
        [(F4([1, 2, 5]), A([0.0, 1, 3])), (A([1, 2, 5]), U1([3, 2, 5])), (A([1, 2.0]), np.ones(3))],
    ),
    "quantile": (
        np.quantile,
        [(A([5, 1, 2**60 + 1]), 1), (F4([1, 2, 4]), A([0, 1])), (F4([1, 2, 4]), A(0.3))],
    ),
    "percentile": (np.percentile, [(F4([1, 2, 4]), A(30)), (F4([1, 2, 4]), 30), (A([1, 2]), 50)]),
    "concatenate": (
        lambda x: np.concatenate([x, x], dtype=np.int32),
        [(A([1, 2]),), (A([1.0, 2.0]),)],
    ),
    "ldexp": (np.ldexp, [(A([1.5]), A([2])), (A([1.5]), A([2.5]))]),
    "round": (np.round, [(A([1.26]), 1), (A([1.26]), 1.5)]),
    "of a number": (
        lambda x: (np.squeeze(x), np.transpose(x), np.broadcast_arrays(x, 1), np.i0(x), np.copy(x)),
        [(3,), (0.5,), (True,), (np.float32(0.5),)],
    ),
    "nditer": (sum_of_squares, ITERATED),
    "nditer, stored": (double_by_nditer, ITERATED),
    "nditer, filled": (fill_by_nditer, ITERATED),
    "nditer, read-only": (store_by_nditer, ITERATED),
    "unstack": (np.unstack, [(A([1.0, 2.0]),), (np.eye(2),)]),
}


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CALLS)
def test_calls_in_turn_do_what_they_do_in_numpy(name: str, engine: str) -> None:
    f, calls = CALLS[name]
    compiled = autodiff.function(lambda *args: f(*args), engine=engine)
    for args in calls:
        found = outcome(lambda args: (compiled(*args), args), args)
        expected = outcome(lambda args: (f(*args), args), args)
        try:
            same(found[0], expected[0], engine)
        except AssertionError as difference:
            raise AssertionError(f"{name} of {args!r}: {difference}") from None


# Of an array of small integers and a Python int, which the array's dtype need not hold.
INTEGERS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        name: lambda x, k, name=name: getattr(np, name)(x, k)
        for name in (
            "add subtract multiply floor_divide remainder divmod maximum minimum power bitwise_and "
            "left_shift equal less greater_equal fmax divide gcd hypot"
        ).split()
    },
    "operator": lambda x, k: x + k,
    "reflected operator": lambda x, k: k - x,
    "in place": lambda x, k: x.__iadd__(k),
    "scalar": lambda x, k: x[0] * k,
    "comparison": lambda x, k: x[0] < k,
    "max from": lambda x, k: np.max(x, initial=k),
    "sum from": lambda x, k: np.sum(x, initial=k, dtype=x.dtype),
    "where": lambda x, k: np.where(x > 1, x, k),
    "searchsorted": lambda x, k: np.searchsorted(x, k),
}


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", INTEGERS)
def test_python_integers_beyond_a_small_dtype(name: str, engine: str) -> None:
    compiled = autodiff.function(INTEGERS[name], engine=engine)
    for dtype in ("uint8", "int8", "int32", "uint64", "int64"):
        for k in (1, 300, -1, 2**40):
            x = np.array([1, 100, 127], dtype)
            found = outcome(lambda x, k=k: compiled(x, k), x)
            expected = outcome(lambda x, k=k: INTEGERS[name](x, k), x)
            try:
                same(found, expected, engine)
            except AssertionError as difference:
                raise AssertionError(f"{name} of {x!r} and {k}: {difference}") from None


NUMBERS: list[Any] = [
    np.nan, 1e30, -1.5, 300.7, 300, -1, np.inf, 2.5, True,
    np.float64(np.nan), np.float32(300.7), np.int64(-1), np.float16(2.5),
]  # fmt: skip


def stored(store: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def f(x, v):
        store(x, v)
        return x

    return f


STORES: dict[str, Callable[[Any, Any], Any]] = {
    "element": stored(lambda x, v: x.__setitem__(0, v)),
    "slice": stored(lambda x, v: x.__setitem__(slice(None), v)),
    "mask": stored(lambda x, v: x.__setitem__(x > 0, v)),
    "positions": stored(lambda x, v: x.__setitem__([0, 1], v)),
    "fill": stored(lambda x, v: x.fill(v)),
    "full": lambda x, v: np.full(3, v, dtype=x.dtype),
    "full_like": lambda x, v: np.full_like(x, v),
    "array": lambda x, v: (np.array(v, dtype=x.dtype), np.array([v, v], dtype=x.dtype)),
    "put": stored(lambda x, v: np.put(x, [0], v)),
    "constructor": lambda x, v: x.dtype.type(v),
    "astype": lambda x, v: np.asarray(v).astype(x.dtype),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STORES)
def test_integers_do_not_hold_what_numpy_refuses(name: str, engine: str) -> None:
    compiled = autodiff.function(STORES[name], engine=engine)
    for dtype in ("int64", "uint8", "int8", "bool", "float32"):
        for v in NUMBERS:
            x = np.arange(3).astype(dtype)
            found = outcome(lambda x, v=v: compiled(x, v), x)
            expected = outcome(lambda x, v=v: STORES[name](x, v), x)
            try:
                same(found, expected, engine)
            except AssertionError as difference:
                raise AssertionError(f"{name} of {v!r} in {x!r}: {difference}") from None


@pytest.mark.parametrize("name", ["element", "slice", "mask", "positions", "fill", "put", "array"])
def test_integers_do_not_hold_numbers_of_the_program_that_numpy_refuses(name: str) -> None:
    for v in NUMBERS[:-4]:
        f = lambda x, v=f"{v}": STORES[name](x, float(v))
        for dtype in ("int64", "uint8"):
            x = np.arange(3).astype(dtype)
            found = outcome(autodiff.function(f, engine="numpy"), x)
            same(found, outcome(f, x), "numpy")


def is_definite(a):
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return -1.0
    return np.sum(a)


def store_unread(x, i):
    y = x * 1.0
    y[i] = 0.0
    return np.sum(x * x)


# What a function computes without reading it raises all the same.
UNREAD: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "cholesky": (
        lambda a: (np.linalg.cholesky(a), np.sum(a * a))[1],
        [(np.eye(2),), (-np.eye(2),)],
    ),
    "inv": (lambda a: (np.linalg.inv(a), np.sum(a * a))[1], [(np.eye(2),), (np.zeros((2, 2)),)]),
    "gather": (
        lambda x, i: (x[i], np.sum(x * x))[1],
        [(np.ones(3), A([0, 2])), (np.ones(3), A([0, 3]))],
    ),
    "gather of a constant": (
        lambda x, i: np.sum(x * x) + np.sum(np.arange(3.0)[i]),
        [(np.ones(3), A([0, 2])), (np.ones(3), A([0, 3]))],
    ),
    "gather, linear": (
        lambda x, i: np.sum(x[i]),
        [(np.ones(3), A([0, 2])), (np.ones(3), A([0, 3]))],
    ),
    "store": (store_unread, [(np.ones(3), A([0, 2])), (np.ones(3), A([0, 3]))]),
    "bincount": (
        lambda x, i: (np.bincount(i), np.sum(x * x))[1],
        [(np.ones(3), A([0, 2])), (np.ones(3), A([0, -1]))],
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_raises_all_the_same(name: str, engine: str) -> None:
    f, (right, wrong) = UNREAD[name]
    for made in (autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)):
        made(*right)
        with pytest.raises((IndexError, ValueError, np.linalg.LinAlgError)) as found:
            made(*wrong)
        with pytest.raises(found.type, match=re.escape(str(found.value).splitlines()[0])):
            f(*wrong)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_attempted_factorisation_decides(engine: str) -> None:
    compiled = autodiff.function(is_definite, engine=engine)
    for a in (np.eye(2), -np.eye(2), 2 * np.eye(2)):
        same(compiled(a), is_definite(a), engine)
