"""Writable arguments whose elements share memory, with themselves or with each other.

A compiled program keeps its arrays apart and gives each element a place of its own, so a call that
stores into such an array runs as plain NumPy does; a gradient says that it cannot.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


# -- ways to lie in a base of twenty numbers -----------------------------------------------------
def _strided(shape: tuple[int, ...], strides: tuple[int, ...], start: int = 0) -> Any:
    return lambda base: as_strided(base[start:], shape, strides)


OVERLAPPING = {
    "one_number": _strided((5,), (0,)),
    "rows_of_one_row": _strided((3, 4), (0, 8)),
    "windows": _strided((4, 3), (8, 8)),
    "windows_backwards": _strided((4, 3), (-8, 8), 6),
    "windows_two_apart": _strided((3, 4), (16, 8)),
    "halves_of_numbers": _strided((5,), (4,)),
    "numpy_windows": lambda base: sliding_window_view(base[:8], 3, writeable=True),
}
APART = {
    "contiguous": lambda base: base[:12].reshape(4, 3),
    "transposed": lambda base: base[:12].reshape(4, 3).T,
    "reversed": lambda base: base[::-1],
    "every_second": lambda base: base[::2],
    "interleaved": _strided((2, 3), (24, 16)),  # no axis steps over the other, yet apart
    "one_row": _strided((1, 3), (0, 8)),
    "no_row": _strided((0, 3), (0, 8)),
}


# -- ways to store ---------------------------------------------------------------------------------
def first(x):
    x[:1] = 5.0
    return x


def all_of_it(x):
    x[...] = x * 2.0
    return x


def in_place(x):
    x += 1.0
    return x


def out(x):
    np.multiply(x, 3.0, out=x)
    return x


def copied(x):
    np.copyto(x, x[::-1] + 0.0)
    return x


def one_by_one(x):
    for i in range(len(x)):
        x[i] = x[i] + 1.0
    return x.sum()


def in_a_branch(x):
    if x.sum() > 0.0:
        x[:1] = -1.0
    return x + 0.0


def a_view(x):
    y = x[1:]
    y[:1] = 8.0
    return x


def chosen(x):
    x[x > 2.0] = 0.0
    return x


def and_back(x):
    before = x.copy()
    x[:1] = 5.0
    seen = x[-1:] + 0.0
    x[...] = before
    return seen


STORES = [
    first,
    all_of_it,
    in_place,
    out,
    copied,
    one_by_one,
    in_a_branch,
    a_view,
    chosen,
    and_back,
]


def _both(function: Callable[..., Any], engine: str, *places: Callable[[Any], Any]) -> None:
    """The compiled function and plain NumPy leave the same base and give the same result."""
    compiled = autodiff.function(function, engine=engine)
    for _ in range(2):
        bases = [np.arange(1.0, 21.0) for _ in range(2)]
        results = [
            np.array(f(*[place(base) for place in places]))
            for f, base in zip((function, compiled), bases, strict=True)
        ]
        np.testing.assert_array_equal(*bases)
        np.testing.assert_array_equal(*results)


@ENGINES
@pytest.mark.parametrize("store", STORES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", [*OVERLAPPING, *APART])
def test_stores_into_an_argument_that_overlaps_itself(place, store, engine):
    _both(store, engine, (OVERLAPPING | APART)[place])


def store_and_read(x, y):
    x[0] = 5.0
    return y.sum() + x.sum()


def chase(x, y):
    for i in range(len(x)):
        x[i] = y[i] + 1.0
    return x.sum()


def write_out(x, y):
    np.multiply(y, 2.0, out=x)
    return x


PAIRS = {
    "the_same": (lambda b: b[:4], lambda b: b[:4]),
    "shifted": (lambda b: b[:4], lambda b: b[1:5]),
    "reversed": (lambda b: b[:4], lambda b: b[3::-1]),
    "apart": (lambda b: b[:4], lambda b: b[4:8]),
    "interleaved": (lambda b: b[:8:2], lambda b: b[1:9:2]),
    "the_other_overlaps_itself": (lambda b: b[8:12], lambda b: as_strided(b, (4,), (0,))),
    "the_first_overlaps_itself": (lambda b: as_strided(b, (4,), (0,)), lambda b: b[8:12]),
    "out_of_the_base": (lambda b: as_strided(b, (4,), (8,)), lambda b: as_strided(b, (4,), (0,))),
}


@ENGINES
@pytest.mark.parametrize("function", [store_and_read, chase, write_out], ids=lambda f: f.__name__)
@pytest.mark.parametrize("pair", PAIRS)
def test_stores_into_an_argument_that_overlaps_another(pair, function, engine):
    _both(function, engine, *PAIRS[pair])


class Held:
    """What a function reads beside its argument."""

    array: Any = None


def store_beside(x):
    x[0] = 5.0
    return Held.array.sum() + x.sum()


def store_into_what_is_held(x):
    Held.array[0] = 5.0
    return Held.array.sum() + x.sum()


@ENGINES
@pytest.mark.parametrize(
    "function", [store_beside, store_into_what_is_held], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("pair", PAIRS)
def test_stores_where_an_array_read_beside_the_arguments_overlaps(pair, function, engine):
    here, held = PAIRS[pair]

    def place(base):
        Held.array = held(base)
        return here(base)

    _both(function, engine, place)


@ENGINES
@pytest.mark.parametrize("place", OVERLAPPING)
def test_a_gradient_refuses_what_it_cannot_keep_apart(place, engine):
    base = np.arange(1.0, 21.0)
    with pytest.raises(TypeError) as caught:
        autodiff.gradient(one_by_one, engine=engine)(OVERLAPPING[place](base))
    assert str(caught.value) == (
        "AD101: gradient of one_by_one: elements of an array share memory, and the function stores "
        "into it.\n  Remedy: pass a copy, x.copy(), whose elements are independent"
    )
    np.testing.assert_array_equal(base, np.arange(1.0, 21.0))


@ENGINES
@pytest.mark.parametrize("place", [p for p in APART if p not in ("no_row",)])
def test_a_gradient_by_an_argument_whose_elements_are_apart(place, engine):
    x = APART[place](np.arange(1.0, 21.0))
    slope = autodiff.gradient(one_by_one, engine=engine)(x)
    np.testing.assert_array_equal(slope, np.ones(x.shape))


@ENGINES
def test_an_overlapping_argument_that_is_only_read_is_differentiated(engine):
    x = as_strided(np.arange(1.0, 7.0), (4, 3), (8, 8))
    slope = autodiff.gradient(lambda x: np.sum(x**2), engine=engine)(x)
    np.testing.assert_array_equal(slope, 2.0 * x)


@ENGINES
@pytest.mark.parametrize("place", OVERLAPPING)
def test_a_derivative_that_is_asked_for_later_refuses_it_as_well(place, engine):
    base = np.arange(1.0, 21.0)
    x = OVERLAPPING[place](base)
    value, pull = autodiff.vjp(one_by_one, x, engine=engine)
    base[:] = np.arange(1.0, 21.0)
    assert value == one_by_one(OVERLAPPING[place](base))
    with pytest.raises(TypeError, match="AD101: vjp of one_by_one: elements of an array share"):
        pull(1.0)


@ENGINES
@pytest.mark.parametrize("pair", PAIRS)
def test_arguments_that_overlap_are_kept_as_they_lie(pair, engine):
    """Or those of a later derivative would be apart, unlike those that the value was computed of."""
    here, there = PAIRS[pair]

    def outcome(derivative: Callable[..., Any]) -> Any:
        base = np.arange(1.0, 21.0)
        try:
            return [np.array(g) for g in derivative(here(base), there(base))]
        except TypeError:
            return "refused"

    found = outcome(lambda x, y: autodiff.vjp(store_and_read, x, y, engine=engine)[1](1.0))
    wanted = outcome(autodiff.gradient(store_and_read, engine=engine))
    np.testing.assert_equal(found, wanted)
