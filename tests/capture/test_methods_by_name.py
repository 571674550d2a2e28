"""Methods of numbers called by name give what the method of that class gives, NotImplemented among it."""

import math
import operator
from types import MethodWrapperType

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES

NUMBERS = [2.5, 3, np.float64(2.5), np.int64(3), True, np.float32(1.5)]
BINARY = "add sub mul truediv floordiv mod divmod pow lshift and or xor lt le gt ge eq ne".split()
OTHERS = [1, 2.0, True, np.float64(0.5), np.int64(2), np.float32(1.5), "a", None, (1,), {}]
UNARY = "neg pos abs invert bool int float index complex trunc floor ceil round".split()
OF_CLASSES = [
    lambda x: float.__mul__(x, 2), lambda x: float.__add__(x, x), lambda x: float.__rsub__(2.0, x), lambda x: float.__neg__(x),
    lambda x: int.__add__(2, x), lambda x: int.__mul__(x, 2), lambda x: int.__and__(x, True), lambda x: np.float64.__mul__(x, 2),
    lambda x: np.int64.__add__(x, 1), lambda x: np.generic.__add__(x, 1), lambda x: type(x).__add__(x, x), lambda x: bool.__and__(x, 1),
    lambda x: (2.5).__radd__(x), lambda x: (2).__add__(x), lambda x: (2).__eq__(x), lambda x: np.float64(2).__sub__(x),
    lambda x: np.int64(2).__radd__(x), lambda x: np.float32(2).__mul__(x), lambda x: True.__or__(x), lambda x: float.is_integer(x),
    lambda x: float.conjugate(x), lambda x: int.conjugate(x), lambda x: x.is_integer(), lambda x: x.conjugate(),
    lambda x: x.__pow__(2, 5), lambda x: x.__pow__(2, None), lambda x: x.__rpow__(2), lambda x: x.__round__(1), lambda x: x.__round__(None),
    lambda x: x.__format__(".2f"), lambda x: x.__format__("d"), lambda x: x.__repr__(), lambda x: float.__repr__(x), lambda x: x.__str__(),
    lambda x: x.__hash__() == hash(x), lambda x: x.__add__(), lambda x: x.__add__(1, 2), lambda x: x.__neg__(1), lambda x: x.__add__(other=1),
    lambda x: x.__len__(), lambda x: x.__iadd__(1), lambda x: x.__getitem__(0), lambda x: x.__init__(), lambda x: x.__or__(4),
    lambda x: x.mro(), lambda x: x.__name__, lambda x: hasattr(x, "__or__"), lambda x: hasattr(x, "mro"), lambda x: hasattr(x, "__name__"),
    lambda x: list(map((2.0).__mul__, [x, x])), lambda x: list(map(x.__rsub__, [1, 2.0, 3])), lambda x: sum(map(x.__mul__, [1, 2.0])),
    lambda x: operator.methodcaller("__add__", 1.5)(x), lambda x: x.__mul__(2), lambda x: isinstance(x.__add__, MethodWrapperType),
    lambda x: x == {}, lambda x: x != {1}, lambda x: x == "a", lambda x: frozenset() == x, lambda x: callable(x.__add__), lambda x: sorted([3.0, 1.0], key=x.__rmul__), lambda x: x.__trunc__() + math.floor(x),
]  # fmt: skip


def outcome(f, *args):
    try:
        return f(*args)
    except Exception as error:
        return type(error).__name__, str(error)


def seen(x):
    # The engines' powers differ in the last digit.
    return type(x), f"{x:.12g}" if isinstance(x, (float, np.floating)) else repr(x)


def binary(x):
    names = [f"__{r}{name}__" for name in BINARY for r in ("", "r")]
    return [outcome(lambda: getattr(x, n)(y)) for n in names for y in OTHERS]


def unary(x):
    return [outcome(lambda: getattr(x, f"__{name}__")()) for name in UNARY]


def of_classes(x):
    return [outcome(f, x) for f in OF_CLASSES]


@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("x", NUMBERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("f", [binary, unary, of_classes])
def test_methods_by_name(f, x, engine):
    expected, result = f(x), autodiff.function(f, engine=engine)(x)
    assert [seen(r) for r in result] == [seen(r) for r in expected]


@pytest.mark.parametrize("x", NUMBERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("f", OF_CLASSES)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_what_is_raised_outside_of_a_handler(f, x):
    result, expected = outcome(autodiff.function(f, engine="numpy"), x), outcome(f, x)
    assert seen(result) == seen(expected)


def slopes(x, y):
    total = x.__mul__(y).__add__(x.__rtruediv__(2.0)) + float.__pow__(x, 2)
    if x.__lt__(y):
        total = total.__radd__(y.__rpow__(x))
    return total.__sub__((2.5).__rsub__(x)) if (2).__add__(x) is NotImplemented else total


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [float, np.float64])
def test_their_derivatives(kind, engine):
    for point in ((1.5, 2.0), (2.0, 0.5)):
        args = tuple(map(kind, point))
        assert autodiff.function(slopes, engine=engine)(*args) == slopes(*args)
        assert autodiff.check_gradient(slopes, *args, engine=engine)


def test_an_int_that_is_differentiated_is_asked_about_as_an_int():
    f = lambda x: x * 2.0 if x.__add__(1.5) is NotImplemented else x * 3.0
    assert f(3) == 6.0
    assert autodiff.value_and_gradient(f)(3) == (6.0, 2.0)
