"""Choosing, sorting, searching and comparing elements against NumPy, with derivatives."""

from typing import Any

import numpy as np
import pytest

import autodiff
from tests.ops.support import check_value, named_tests

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 4)), rng.normal(size=4)
I = np.array([[2, 0], [1, 1], [0, 3]])


def stored(f):
    """A function that stores into a copy of its argument and returns the copy."""

    def run(x, *rest):
        a = x.copy()
        f(a, *rest)
        return a

    return run


CASES = {
    "where": lambda x, y: np.where(x > 0, x, y),
    "where scalar": lambda x, y: np.where(x > 0, x, 0.0),
    "where of scalars": lambda x, y: np.where(x[0, 0] > 0, 1.0, 2.0) * y,
    "clip": lambda x, y: np.clip(x, -0.5, 0.5),
    "clip method": lambda x, y: x.clip(max=0.3),
    "clip arrays": lambda x, y: np.clip(x, y - 0.5, y + 0.5),
    "select": lambda x, y: np.select([x > 1, x > 0], [x, y * x], default=-1.0),
    "choose": lambda x, y: np.choose([0, 1, 1, 0], [x[0], y]),
    "take": lambda x, y: np.take(x, [0, 5, -1]),
    "take axis": lambda x, y: x.take([[1, 0], [2, 2]], axis=0),
    "take wrap": lambda x, y: np.take(y, [5, -7], mode="wrap"),
    "take clip": lambda x, y: np.take(y, [5, -7], mode="clip"),
    "take_along_axis": lambda x, y: np.take_along_axis(x, I, axis=1),
    "take_along_axis traced": lambda x, y: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    "compress": lambda x, y: np.compress([True, False, True], x, axis=0),
    "extract": lambda x, y: np.extract(np.arange(12).reshape(3, 4) % 5 == 0, x),
    "delete": lambda x, y: np.delete(x, [1, 2], axis=1),
    "delete one": lambda x, y: np.delete(y, -1),
    "insert": lambda x, y: np.insert(y, 2, 7.0),
    "insert many": lambda x, y: np.insert(y, [1, 3], [5.0, 6.0]),
    "insert row": lambda x, y: np.insert(x, 1, y, axis=0),
    "sort": lambda x, y: np.sort(x),
    "sort axis": lambda x, y: np.sort(x, axis=0),
    "sort flat": lambda x, y: np.sort(x, axis=None),
    "sort method": lambda x, y: stored(lambda a: a.sort(axis=0))(x),
    "put": lambda x, y: stored(lambda a: np.put(a, [0, 5, 11], y[:2]))(x),
    "put_along_axis": lambda x, y: stored(lambda a: np.put_along_axis(a, I, y[:2], axis=1))(x),
    "copyto": lambda x, y: stored(lambda a: np.copyto(a, y))(x),
    "copyto where": lambda x, y: stored(lambda a: np.copyto(a, y, where=x > 0))(x),
    "fill_diagonal": lambda x, y: stored(lambda a: np.fill_diagonal(a, y[0]))(x),
    "fill_diagonal tall": lambda x, y: stored(lambda a: np.fill_diagonal(a, y[:2], wrap=True))(
        np.vstack([x, x])[:, :2]
    ),
    "fill": lambda x, y: stored(lambda a: a[1].fill(y[2]))(x),
    "putmask": lambda x, y: stored(lambda a: np.putmask(a, x > 0, y[:3]))(x),
    "place": lambda x, y: stored(lambda a: np.place(a, x > 0, y[:3]))(x),
    "add.at": lambda x, y: stored(lambda a: np.add.at(a, (slice(None), [1, 1, 3]), y[:3]))(x),
    "add.at rows": lambda x, y: stored(lambda a: np.add.at(a, [0, 2, 0], x))(x),
    "subtract.at": lambda x, y: stored(lambda a: np.subtract.at(a, [0, 0], y))(x),
    "multiply.at": lambda x, y: stored(lambda a: np.multiply.at(a, [0, 2, 0], y))(x),
    "hypot.at": lambda x, y: stored(lambda a: np.hypot.at(a, [0, 2, 0], y))(x),
    "maximum.at": lambda x, y: stored(lambda a: np.maximum.at(a, (0, [1, 1, 3]), y[:3]))(x),
    "negative.at": lambda x, y: stored(lambda a: np.negative.at(a, (slice(None), 1)))(x),
}
INTEGER = {
    "argsort": lambda x, y: np.argsort(x, axis=0),
    "argsort flat": lambda x, y: x.argsort(axis=None),
    "lexsort": lambda x, y: np.lexsort((y, np.round(y))),
    "searchsorted": lambda x, y: np.searchsorted(np.sort(y), x),
    "searchsorted right": lambda x, y: np.sort(y).searchsorted(0.1, side="right"),
    "digitize": lambda x, y: np.digitize(x, np.array([-1.0, 0.0, 1.0])),
    "digitize down": lambda x, y: np.digitize(x, np.array([1.0, 0.0, -1.0]), right=True),
    "isin": lambda x, y: np.isin(np.round(x), [0.0, 1.0]),
    "isclose": lambda x, y: np.isclose(x, x + 1e-9 * y),
    "allclose": lambda x, y: np.allclose(x, x + 1e-9),
    "array_equal": lambda x, y: [
        np.array_equal(x, x),
        np.array_equal(x, y),
        np.array_equal(y, y + 1),
    ],
    "array_equiv": lambda x, y: np.array_equiv(x * 0 + y, y),
    "nonzero of constants": lambda x, y: list(np.nonzero(np.array([0, 1, 2]))) + [y],
    "unravel_index": lambda x, y: list(np.unravel_index(np.argmax(x), x.shape)),
    "ravel_multi_index": lambda x, y: np.ravel_multi_index(
        (np.argmax(x, axis=0), [0, 1, 2, 3]), (3, 4)
    ),
    "logical": lambda x, y: np.logical_and(x > 0, y > 0) | np.logical_not(x > 1),
}

test_value, test_derivatives = named_tests(CASES, INTEGER, X, Y)


@pytest.mark.parametrize("dtype", ["int32", "float32", "bool", "uint8"])
def test_dtypes(dtype: str) -> None:
    x = np.array([3, 0, 1, 2]).astype(dtype)
    check_value(
        lambda x: [
            np.where(x > 1, x, 0),
            np.where(x > 1, x, 0.5),
            np.sort(x),
            np.take(x, [0, 1]),
            np.argsort(x),
        ],
        x,
    )
    if dtype != "bool":
        check_value(lambda x: [np.clip(x, 1, 2), np.clip(x, 0.5, 1.5)], x)


def test_nan_sorts_last_and_searches_last() -> None:
    x = np.array([np.nan, 1.0, 0.0, np.nan])
    check_value(
        lambda x: [np.sort(x), np.argsort(x), np.searchsorted(np.sort(x), np.array([0.5, np.nan]))],
        x,
    )


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_places_among_any_number_of_elements(engine: str, side: str) -> None:
    """Of a number known beforehand, and, from the third on, of one that is read at each call."""
    compiled = autodiff.function(lambda k, x: np.searchsorted(k, x, side), engine=engine)
    apart = [
        autodiff.function(lambda k, x: np.searchsorted(k, x, side), engine=engine) for _ in "ab"
    ]
    for n in [*range(18), 31, 32, 33, 100]:
        knots = np.sort(np.random.default_rng(n).integers(0, 9, n) * 1.0)
        if n % 5 == 4:
            knots[-1] = np.nan
        x = np.concatenate([knots, knots - 0.5, [np.nan, np.inf, -np.inf, 9.5]])
        expected = np.searchsorted(knots, x, side)
        np.testing.assert_array_equal(compiled(knots, x), expected)
        if n in (7, 8):
            np.testing.assert_array_equal(apart[n - 7](knots, x), expected)
            assert apart[n - 7](knots, 3.0) == np.searchsorted(knots, 3.0, side)


@pytest.mark.parametrize("kind", [None, "stable", "quicksort", "mergesort", "heapsort"])
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_sorted_zeros_keep_the_signs_that_numpy_leaves_them(engine: str, kind: Any) -> None:
    x = np.random.default_rng(3).choice([0.0, -0.0, 1.0, -1.0, np.nan], 400)

    def f(x: Any) -> Any:
        rows = x.reshape(4, -1)
        return np.sort(x, kind=kind), np.sort(rows, axis=0, kind=kind), np.sort(rows, None, kind)

    for ours, plain in zip(autodiff.function(f, engine=engine)(x), f(x), strict=True):
        np.testing.assert_array_equal(ours, plain)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(plain))
