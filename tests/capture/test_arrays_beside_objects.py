"""Arrays and NumPy's numbers beside objects of the user's: who answers an operator, and of what type that is."""

import copy
import operator

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES


class Scaling:
    """Has reflected operators, of which NumPy's arrays ask each item for one."""

    def __init__(self, k):
        self.k = k

    def __radd__(self, other):
        return other * self.k

    def __mul__(self, other):
        return other - self.k

    __rmul__ = __mul__

    def __lt__(self, other):
        return self.k < other

    def __gt__(self, other):
        return self.k > other


class Equal(Scaling):
    __hash__ = None

    def __eq__(self, other):
        return self.k == other


class First(Scaling):
    __array_priority__ = 10.0


class Alone(Scaling):
    __array_ufunc__ = None


class AsArray(Scaling):
    def __array__(self, dtype=None, copy=None):
        return np.array([self.k, 2.0])


class OnlyArray:
    def __init__(self, k):
        self.k = k

    def __array__(self, dtype=None, copy=None):
        return np.array([self.k, 2.0])


class Failing(OnlyArray):
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")


class Number(float):
    def __radd__(self, other):
        return 100.0


class Nothing:
    def __init__(self, k):
        self.k = k


CLASSES = [Scaling, Equal, First, Alone, AsArray, OnlyArray, Failing, Number, Nothing]
VALUES = [np.array([1.0, 2.0]), np.float64(2.0), 2.0, np.int64(2), np.array(2.0)]
OPERATORS = [operator.add, operator.mul, operator.lt, operator.eq, operator.ne, operator.iadd, operator.matmul, operator.sub]  # fmt: skip


def seen(f, *args):
    try:
        result = f(*args)
    except Exception as error:
        return type(error).__name__, str(error)
    return type(result).__name__, repr(result)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("is_tried", [False, True])
def test_who_answers(cls, is_tried):
    for op in OPERATORS:
        for swapped in (False, True):

            def f(x, k):
                pair = (cls(k), x) if swapped else (x, cls(k))
                if not is_tried:
                    return op(*pair)
                try:
                    return op(*pair)
                except (TypeError, RuntimeError) as error:
                    return str(error)

            if cls is Number and (swapped or op is operator.matmul):
                continue  # a Python number is asked first, of a class of its own
            for x in VALUES:
                want = seen(f, copy.copy(x), 3.0)
                got = seen(autodiff.function(f, engine="numpy"), copy.copy(x), 3.0)
                is_shape = (got[0], want[0]) == ("ShapeError", "ValueError")
                assert is_shape or got == want or " at 0x" in want[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_slopes(engine):
    numbers = lambda x, k: (x + Scaling(k)) * (np.sin(x) + Scaling(k))
    arrays = lambda x, k: np.sum(x * AsArray(k)) + np.sum(OnlyArray(k) * x) + np.sum(x + First(k))
    assert autodiff.check_gradient(numbers, np.float64(0.7), 3.0, engine=engine)
    assert autodiff.check_gradient(arrays, np.array([1.0, 2.0]), 3.0, engine=engine)


def reversed_by(x, y):
    items = [3.0, x, y]
    items.sort(reverse=x > y)
    return items[0] * 2 + items[1] * 3 + sorted(items, reverse=x < y)[2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_flag_of_a_sort(engine):
    compiled = autodiff.function(reversed_by, engine=engine)
    for pair in ((2.0, 1.0), (1.0, 2.0), (5.0, 4.0)):
        assert compiled(*pair) == reversed_by(*pair)
        assert autodiff.check_gradient(reversed_by, *pair, engine=engine)
