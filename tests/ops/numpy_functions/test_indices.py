"""Index arrays, dtype questions, set operations, np.r_ and np.c_ against NumPy."""

import numpy as np
import pytest

import autodiff
from autodiff.ops.dispatch import functions
from autodiff.ops.tracer import Tracer
from tests.ops.support import check_value, named_tests, run

X = np.random.default_rng(0).normal(size=(3, 4))
S = np.random.default_rng(1).normal(size=(3, 3))


class Concatenation:
    """np.r_ or np.c_ on plain arrays, the table's entry on traced ones."""

    def __init__(self, original) -> None:
        self.original = original

    def __getitem__(self, index):
        items = index if isinstance(index, tuple) else (index,)
        traced = any(isinstance(item, Tracer) for item in items)
        return functions[self.original](index) if traced else self.original[index]


r_, c_ = Concatenation(np.r_), Concatenation(np.c_)
CASES = {
    "tril_indices_from": lambda x: x[np.tril_indices_from(x)],
    "triu_indices_from": lambda x: x[np.triu_indices_from(x, 1)],
    "astype": lambda x: np.astype(x, np.float64) * 2,
    "real_if_close": lambda x: np.real_if_close(x),
    "r_": lambda x: r_[x[0], 1.0, x[1, 2], 0:3],
    "r_ rows": lambda x: r_[x, x[:1]],
    "r_ linspace": lambda x: r_[x[0], 0:1:3j],
    "c_": lambda x: c_[x[0], x[1], np.arange(4)],
    "c_ matrices": lambda x: c_[x, x[:, :1]],
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, [0, 1]),
    "poly": lambda x: np.poly(x[0]),
    "nanmedian": lambda x: np.nanmedian(np.where(x > 0.3, np.nan, x), axis=1),
    "nanquantile": lambda x: np.nanquantile(np.where(x > 1.0, np.nan, x), [0.2, 0.7], axis=0),
    "nanpercentile": lambda x: np.nanpercentile(np.where(x > 0.3, np.nan, x), 30),
    "nanmedian keepdims": lambda x: np.nanmedian(
        np.where(x > 1.0, np.nan, x), axis=0, keepdims=True
    ),
}
INTEGER = {
    "union1d": lambda x: np.union1d(np.round(x), [7.0, 0.0]),
    "intersect1d": lambda x: np.intersect1d(np.round(x), [1.0, 0.0]),
    "setdiff1d": lambda x: np.setdiff1d(np.round(x), [0.0]),
}

test_value, test_derivatives = named_tests(CASES, INTEGER, X)


def test_diag_indices() -> None:
    check_value(lambda s: s[np.diag_indices_from(s)], S)
    with pytest.raises(ValueError, match="All dimensions of input must be of equal length"):
        run(lambda x: np.diag_indices_from(x), X)


def test_questions_about_dtypes() -> None:
    seen = []

    def f(x):
        seen.append(
            [
                np.result_type(x, 1.0),
                np.result_type(x, np.float64),
                np.can_cast(x.dtype, int),
                np.common_type(x),
            ]
        )
        return x

    check_value(f, X.astype(np.float32))
    assert seen[0] == seen[1]


SETS = [
    (np.array([3, -1, 4, 9]), np.array([3, 2**64 - 1, 4, 9], dtype=np.uint64)),
    (np.array([2**53, 2**53 + 1, 5]), np.array([2**53 + 1, 2**60 + 1, 5], dtype=np.uint64)),
    (np.array([2**53, 2**53 + 1, 5]), np.array([2.0**53, 5.0])),
    (np.array([1.0, np.nan, 2.0]), np.array([np.nan, 2.0])),
    (np.array([1, 1, 2]), np.array([2, 3])),
    (np.zeros(0), np.ones((2, 2))),
]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("of", [np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d])
def test_sets_of_unlike_types_compare_as_numpy_does(of, engine):
    compiled = autodiff.function(lambda a, b: of(a, b), engine=engine)
    for a, b in (*SETS, *[pair[::-1] for pair in SETS]):
        found, wanted = compiled(a, b), of(a, b)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("unique", [False, True])
def test_where_what_is_common_stands(unique):
    def f(a, b):
        return np.intersect1d(a, b, assume_unique=unique, return_indices=True)

    repeats = [] if unique else [(np.array([2, 1, 1, 2]), np.array([5.0, 2.0, 2.0]))]
    compiled = autodiff.function(f, engine="numpy", on_fallback="error")
    for a, b in (*SETS, *repeats, (np.array([1.0, 7.0]), np.zeros(0))):
        for found, wanted in zip(compiled(a, b), f(a, b), strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)


def test_an_intersection_of_what_is_said_to_be_unique():
    compiled = autodiff.function(lambda a, b: np.intersect1d(a, b, assume_unique=True))
    for a, b in SETS:
        np.testing.assert_array_equal(compiled(a, b), np.intersect1d(a, b, assume_unique=True))
