"""Values that are equal and not one: what a program was made for is told apart from all others."""

import math
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.sameness import same_value, told_apart

NAN = float("nan")
# Values of a row are equal to each other, by ``==``; Python tells each from all others.
EQUAL = [
    [1, 1.0, True, np.int64(1), np.float64(1.0), np.True_, np.uint8(1), 1 + 0j, Decimal(1)],
    [0.0, -0.0, 0, False, np.float64(0.0), np.float64(-0.0), np.float32(-0.0), 0j, -0j],
    [np.float32(0.0), np.float32(-0.0), np.float16(0.0), complex(0.0, -0.0), np.complex64(0)],
    [(1, 2), (1.0, 2), (True, 2), (1, np.int64(2))],
    [(0.0,), (-0.0,), (0,), ((),)[:0] + (False,)],
    [((0.0, "a"),), ((-0.0, "a"),)],
    [frozenset([1]), frozenset([1.0]), frozenset([True])],
    [frozenset([0.0]), frozenset([-0.0])],
    [Decimal("1.0"), Decimal("1.00")],
    [range(0), range(1, 1), range(0, -3)],
    ["a", np.str_("a")],
]


@pytest.mark.parametrize("row", EQUAL, ids=range(len(EQUAL)))
def test_equal_values_that_python_tells_apart_are_not_one(row) -> None:
    for k, a in enumerate(row):
        for n, b in enumerate(row):
            assert same_value(a, b) is (k == n), (a, b)
            assert (told_apart(a) == told_apart(b)) is (k == n) or isinstance(a, (Decimal, range))


@pytest.mark.parametrize("x", [NAN, np.float64("nan"), np.float32("nan"), complex(NAN, 1.0)])
def test_nan_is_nan(x) -> None:
    assert same_value(x, type(x)(x)) and same_value((x, 1), (type(x)(x), 1))
    assert not same_value(x, 1.0)


def nan():
    """Another object each time."""
    return float("nan")


# What makes a value with NaN in it, another object each time; values of a row are told apart.
WITH_NAN = [
    [nan, lambda: -nan(), lambda: np.float64(nan()), lambda: np.float32(nan()), lambda: 1.0],
    [
        lambda: complex(nan(), 1.0), lambda: complex(nan(), 2.0), lambda: complex(1.0, nan()),
        lambda: np.complex128(complex(nan(), 1.0)), lambda: complex(nan(), nan()),
    ],
    [lambda: Decimal("nan"), lambda: Decimal("nan12"), lambda: Decimal("-nan"), lambda: Decimal(1)],
    [lambda: (nan(), 1), lambda: (nan(), 2), lambda: (1, nan()), lambda: ((nan(),), 1)],
    [lambda: {nan()}, lambda: {nan(), nan()}, lambda: {nan(), 1}, lambda: {1.0, 1j}],
    [lambda: frozenset([nan(), "a"]), lambda: frozenset([nan(), "b"])],
    [lambda: slice(None, nan()), lambda: slice(nan(), None), lambda: slice(None, 1.0)],
    [
        lambda: np.timedelta64("NaT"), lambda: np.timedelta64("NaT", "s"), lambda: np.timedelta64(1, "D"),
        lambda: np.timedelta64(24, "h"), lambda: np.datetime64("NaT"), lambda: np.datetime64("2020"),
    ],
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The 'generic' unit:DeprecationWarning")  # NumPy's, of 2.5
@pytest.mark.parametrize("row", WITH_NAN, ids=range(len(WITH_NAN)))
def test_what_holds_nan_is_what_holds_the_same(row) -> None:
    for k, a in enumerate(row):
        for n, b in enumerate(row):
            assert same_value(a(), b()) is (k == n), (a(), b())


class Holder:
    def __init__(self, v):
        self.v = v


HELD = [made for row in WITH_NAN for made in row]
HELD += [lambda: [nan(), 2], lambda: {"a": nan()}, lambda: deque([nan(), (nan(),)])]


def as_it_is(x, holder):
    v = holder.v
    if isinstance(v, float) and v != v:
        return x * math.copysign(2.0, v)
    return x + len(repr(v))


@pytest.mark.filterwarnings("ignore:The 'generic' unit:DeprecationWarning")  # NumPy's, of 2.5
@pytest.mark.parametrize("made", HELD, ids=range(len(HELD)))
def test_an_object_that_holds_nan_is_one_program(made) -> None:
    compiled = autodiff.function(as_it_is)
    for k in range(5):
        assert compiled(1.0 + k, Holder(made())) == as_it_is(1.0 + k, Holder(made()))
    assert len(compiled.cache) == 1


def test_another_part_beside_nan_is_another_value() -> None:
    compiled = autodiff.function(lambda x, holder: x * holder.v.imag)
    for k in (1.0, 2.0, 1.0, -0.0):
        assert compiled(3.0, Holder(complex(nan(), k))) == 3.0 * k


def shown(x, v):
    return x[0] * len(repr(v))


def first_key(x, v):
    return x[0] * len(repr(next(iter(v))))


def side(x, v):
    return x[0] * math.copysign(2.0, next(iter(v)))


CALLS: dict[str, tuple[Any, list[Any]]] = {
    "keys": (shown, [{1: 2.0}, {True: 2.0}, {1.0: 2.0}, {np.int64(1): 2.0}]),
    "keys in a loop": (first_key, [{1: 2.0}, {True: 2.0}, {1.0: 2.0}]),
    "keys in keys": (shown, [{(1,): 2.0}, {(1.0,): 2.0}]),
    "zeros as keys": (side, [{0.0: 1.0}, {-0.0: 1.0}]),
    "keys inside": (shown, [[{1: 2.0}], [{True: 2.0}]]),
    "members": (shown, [{1}, {True}, {1.0}]),
    "zeros as members": (side, [frozenset([0.0]), frozenset([-0.0])]),
    "numbers": (shown, [1, True, 1.0, np.int64(1), np.True_]),
    "zeros": (shown, [0.0, -0.0, np.float32(0.0), np.float32(-0.0)]),
    "items": (shown, [(0.0, 1), (-0.0, 1), (0, 1), (0, True)]),
    "kinds of dict": (shown, [{"a": 1}, OrderedDict(a=1), Counter(a=1), {"a": True}]),
    "deques": (shown, [deque([0.0]), deque([-0.0]), deque([0.0], 3)]),
    "slices": (shown, [slice(1), slice(True)]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.value_and_gradient])
def test_arguments_that_are_equal_and_not_one(name, transform) -> None:
    function, values = CALLS[name]
    compiled = transform(function)
    x = np.array([1.0, 2.0])
    for v in [*values, *values]:
        got = compiled(x, v)
        got = got if transform is autodiff.function else got[0]
        assert repr(got) == repr(function(x, v)), v


KEPT: Any = None


def outside(x):
    return x[0] * len(repr(KEPT)) * (2.0 if "-" in str(KEPT) else 3.0)


OUTSIDE = [
    [0.0, -0.0],
    [(0.0, 1), (-0.0, 1)],
    [{0.0: "a"}, {-0.0: "a"}],
    [{1: "a"}, {True: "a"}, {1.0: "a"}],
    [{0.0}, {-0.0}],
    [{1, 2}, {True, 2}],
    [frozenset([0.0]), frozenset([-0.0])],
    [0j, -0j, complex(0.0, -0.0)],
    [Decimal("1.0"), Decimal("1.00"), Decimal("-0"), Decimal("0")],
    [range(0), range(1, 1)],
    [np.float32(0.0), np.float32(-0.0)],
]


@pytest.mark.parametrize("values", OUTSIDE, ids=range(len(OUTSIDE)))
def test_what_is_outside_of_the_function_is_equal_and_not_one(values, monkeypatch) -> None:
    compiled = autodiff.value_and_gradient(outside)
    x = np.array([1.0, 2.0])
    for v in [*values, *values]:
        monkeypatch.setitem(globals(), "KEPT", v)
        assert repr(compiled(x)[0]) == repr(outside(x)), v
