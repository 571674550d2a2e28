"""Reductions and cumulative functions against NumPy, in every dtype and option, with derivatives."""

import numpy as np
import pytest

from tests.ops.support import ENGINES, check_value, named_tests, run

X = np.random.default_rng(0).normal(size=(3, 4))
M = X > -0.2
engines = pytest.mark.parametrize("engine", ENGINES)

CASES = {
    "sum": lambda x: np.sum(x),
    "sum axis": lambda x: np.sum(x, axis=1),
    "sum axes": lambda x: x[None].sum(axis=(0, -1)),
    "sum keepdims": lambda x: x.sum(axis=0, keepdims=True),
    "sum initial": lambda x: np.sum(x, axis=1, initial=2.5),
    "sum where": lambda x: np.sum(x, axis=1, where=M),
    "sum where traced": lambda x: np.sum(x, where=x > 0),
    "sum no axes": lambda x: np.sum(x, axis=()),
    "prod": lambda x: np.prod(x),
    "prod axis": lambda x: np.prod(x, axis=0),
    "prod with zero": lambda x: np.prod(x * np.array([0.0, 1, 1, 1]), axis=1),
    "prod with two zeros": lambda x: np.prod(x * np.array([0.0, 0, 1, 1]), axis=1),
    "mean": lambda x: np.mean(x),
    "mean axis": lambda x: x.mean(axis=0),
    "mean where": lambda x: np.mean(x, axis=1, where=M),
    "mean keepdims": lambda x: np.mean(x, axis=-1, keepdims=True),
    "var": lambda x: np.var(x),
    "var axis ddof": lambda x: x.var(axis=1, ddof=1),
    "var where": lambda x: np.var(x, where=M),
    "std": lambda x: np.std(x, axis=0),
    "std keepdims": lambda x: x.std(axis=1, keepdims=True, ddof=1),
    "min": lambda x: np.min(x),
    "max axis": lambda x: x.max(axis=1),
    "max initial": lambda x: np.max(x, axis=1, initial=0.3),
    "max where": lambda x: np.max(x, axis=1, where=M, initial=-9.0),
    "amin": lambda x: np.amin(x, axis=(0, 1), keepdims=True),
    "ptp": lambda x: np.ptp(x, axis=1),
    "average": lambda x: np.average(x, axis=1),
    "average weights": lambda x: np.average(x, axis=1, weights=np.array([1.0, 2, 3, 4])),
    "average returned": lambda x: list(np.average(x, axis=0, weights=x * x, returned=True)),
    "cumsum": lambda x: np.cumsum(x),
    "cumsum axis": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: np.cumprod(x, axis=1),
    "cumprod with zero": lambda x: np.cumprod(x * np.array([1.0, 0, 1, 1]), axis=1),
    "diff": lambda x: np.diff(x),
    "diff twice": lambda x: np.diff(x, n=2, axis=0),
    "diff edges": lambda x: np.diff(x, prepend=0.0, append=x[:, :1]),
    "ediff1d": lambda x: np.ediff1d(x, to_begin=1.0, to_end=[2.0, 3.0]),
    "nansum": lambda x: np.nansum(np.where(M, x, np.nan), axis=1),
    "nanmean": lambda x: np.nanmean(np.where(M, x, np.nan), axis=1),
    "nanstd": lambda x: np.nanstd(np.where(M, x, np.nan)),
    "nanmax": lambda x: np.nanmax(np.where(M, x, np.nan), axis=1),
    "nanmin": lambda x: np.nanmin(np.where(M, x, np.nan)),
    "nanprod": lambda x: np.nanprod(np.where(M, x, np.nan)),
    "nancumsum": lambda x: np.nancumsum(np.where(M, x, np.nan)),
    "out": lambda x: np.sum(x, axis=0, out=x[0] * 0),
}
INTEGER = {
    "any": lambda x: np.any(x > 0, axis=1),
    "all": lambda x: np.all(x > -10),
    "argmax": lambda x: np.argmax(x),
    "argmin axis": lambda x: np.argmin(x, axis=1),
    "argmax keepdims": lambda x: x.argmax(axis=0, keepdims=True),
    "count_nonzero": lambda x: np.count_nonzero(x > 0),
    "count_nonzero axis": lambda x: np.count_nonzero(x, axis=0),
    "any where": lambda x: np.any(x > 0, where=M),
    "nanargmax": lambda x: np.nanargmax(np.where(M, x, np.nan), axis=1),
}

test_value, test_derivatives = named_tests(CASES, INTEGER, X)


TYPED = [
    "sum",
    "prod",
    "mean",
    "var",
    "std",
    "min",
    "max",
    "any",
    "all",
    "argmax",
    "argmin",
    "cumsum",
    "cumprod",
    "ptp",
    "count_nonzero",
]


DTYPES = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64"]


@engines
@pytest.mark.parametrize("name", TYPED)
def test_dtype_of_the_result_is_numpys(name: str, engine: str) -> None:
    # NumPy cannot subtract bools.
    arrays = [
        np.array([[1, 0, 2], [3, 1, 1]]).astype(d) for d in DTYPES if (name, d) != ("ptp", "bool")
    ]
    axes = [None, 0, 1 if name in ("argmax", "argmin", "cumsum", "cumprod") else (1,)]
    check_value(
        lambda *xs: [getattr(np, name)(x, axis=k) for x in xs for k in axes], *arrays, engine=engine
    )


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_dtype_argument(dtype: str) -> None:
    check_value(lambda x: [np.sum(x, axis=0, dtype=dtype), np.cumsum(x, dtype=dtype)], X)


def test_a_maximum_of_nothing_is_numpys_error() -> None:
    with pytest.raises(
        ValueError, match="zero-size array to reduction operation maximum which has no identity"
    ):
        run(lambda x: np.max(x, axis=0), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="attempt to get argmax of an empty sequence"):
        run(lambda x: np.argmax(x), np.zeros(0))


@engines
@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
def test_reductions_of_nothing(name: str, engine: str) -> None:
    check_value(
        lambda x: [getattr(np, name)(x), getattr(np, name)(x, axis=0)],
        np.zeros((0, 2)),
        engine=engine,
    )


def test_ties_of_extrema_share_the_derivative() -> None:
    from autodiff.differentiate import vjp
    from autodiff.engines.numpy import compile_program
    from tests.ops.support import trace

    x = np.array([1.0, 3.0, 3.0, 2.0])
    program = vjp(trace(np.max, x), [0], seed_ones=True)
    np.testing.assert_array_equal(compile_program(program)([x])[1], [0, 0.5, 0.5, 0])


@engines
@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "float64", "bool"])
def test_the_dtype_in_which_a_mean_is_taken(dtype: str, engine: str) -> None:
    x = np.array([[1, 0, 2], [3, 1, 1]]).astype(dtype)
    check_value(
        lambda x: [
            np.mean(x, dtype=np.int64),
            np.mean(x, axis=0, dtype=np.int64),
            np.var(x, axis=1, dtype=np.int64),
            np.std(x, dtype=np.int64),
            np.var(x, axis=0, dtype=np.float32),
        ],
        x,
        engine=engine,
    )


@engines
@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
def test_a_given_result_decides_the_dtype_of_a_sum(dtype: str, engine: str) -> None:
    x = (X * 50).astype(dtype)
    check_value(
        lambda x: [
            function(x, axis=0, out=np.zeros_like(x[0], dtype=kind))
            for function in (np.sum, np.prod, np.mean, np.max)
            for kind in ("float64", "float32", "int64", "int8")
            if (function, kind) != (np.prod, "int8")
        ],
        x,
        engine=engine,
    )


def test_results_that_are_given_are_not_stretched() -> None:
    wrong = "output parameter for reduction operation add has the wrong number of dimensions: Found 1 but expected 0"
    with pytest.raises(ValueError, match=wrong):
        run(lambda x: np.sum(x, out=np.zeros_like(x[0])), X)
    with pytest.raises(ValueError, match="output operand has the wrong shape"):
        run(lambda x: np.sum(x, axis=0, out=np.zeros_like(x[:, 0])), X)
    with pytest.raises(
        TypeError, match=r"Cannot cast array data from dtype\('float64'\) to dtype\('int64'\)"
    ):
        run(lambda x: np.argmax(x, axis=0, out=np.zeros_like(x[0])), X)
    with pytest.raises(ValueError, match=r"output array does not match result of np.argmax\."):
        run(lambda x: np.argmax(x, axis=0, out=np.zeros_like(x[:, 0], dtype=int)), X)


def test_axes_that_do_not_exist() -> None:
    with pytest.raises(
        ValueError, match="input operand has more dimensions than allowed by the axis remapping"
    ):
        run(lambda x: np.sum(x, where=np.ones((2, 3, 4), bool)), X)
    with pytest.raises(TypeError, match="'tuple' object cannot be interpreted as an integer"):
        run(lambda x: np.argmax(x, axis=(0, 1)), X)
    with pytest.raises(ValueError, match="axis 0 is out of bounds for array of dimension 0"):
        run(lambda x: np.mean(x, axis=0), np.array(1.5))
    check_value(
        lambda x: [np.sum(x, axis=0), np.max(x, axis=-1), np.cumsum(x, axis=0)], np.array(1.5)
    )


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_unique_with_everything(dtype: str, axis: int | None) -> None:
    x = np.round(X).astype(dtype)
    check_value(lambda x: list(np.unique(x, True, True, True, axis=axis)), x)
    check_value(lambda x: [np.unique(x, axis=axis), np.unique(x[0], axis=0)], x)
    check_value(lambda x: [*np.unique_all(x), *np.unique_counts(x), *np.unique_inverse(x)], x)


def test_nan_in_unique() -> None:
    x = np.array([np.nan, 1.0, 1.0, np.nan, 0.0])
    check_value(lambda x: [*np.unique(x, return_counts=True), *np.unique_counts(x)], x)
    check_value(lambda x: np.unique(x, equal_nan=False, return_index=True), x)
