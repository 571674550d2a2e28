"""Classes that a function makes, and classes of code that has no name."""

import abc
import dataclasses
import functools
import linecache

import pytest

import autodiff
from tests.capture.support import ENGINES


def own_names(x):
    a = 7.0

    class Made:
        a = 1.0
        b = a + 1.0
        c = d = 3.0

        def get(self, by=c):
            return a * by

    return Made.b * x + Made.d + Made().get() + Made.c


def effects(x):
    found = []

    class Made:
        found.append(x)
        c = len(found) * 2.0

    return Made.c * x + found[0]


def defaults(x):
    class Made:
        scale = other = 2.0
        offset: float = 1.0

        def get(self, y, by=x):
            return self.scale * y * by + self.offset

    return Made().get(x) + Made.other


def no_class(x):
    try:

        class Made(x):
            pass

    except TypeError as error:
        return x * len(str(error))
    return x


def properties(x):
    class Circle:
        def __init__(self, radius):
            self._radius = radius

        @property
        def radius(self):
            return self._radius

        @radius.setter
        def radius(self, value):
            self._radius = value * 2.0

        @property
        def area(self):
            return 3.0 * self.radius**2

        @functools.cached_property
        def twice(self):
            return self.area * 2.0

    circle = Circle(x)
    first = circle.area + circle.twice
    circle.radius = x + 1.0
    return first + circle.area + circle.twice


def without_self(x):
    class Scale:
        factor = 3.0

        def __init__(self, a):
            self.a = a

        @staticmethod
        def square(y):
            return y * y

        @classmethod
        def made(cls, a):
            return cls(a * cls.factor)

        def get(self):
            return self.square(self.a) + Scale.square(2.0) + type(self).made(self.a).a

    return Scale.made(x).get() + Scale(x).made(2.0).a


def of_parents(x):
    class Base:
        def __init__(self, a):
            self.a = a

        def value(self):
            return self.a * 2.0

        @property
        def shown(self):
            return self.a + 1.0

        @classmethod
        def made(cls, a):
            return cls(a)

    class Middle(Base):
        def __init__(self, a, b=2.0):
            super().__init__(a * b)
            self.b = b

        def value(self):
            return super().value() + self.b

    class Last(Middle):
        def value(self):
            return super().value() * 3.0

        @property
        def shown(self):
            return super().shown * 2.0

        @classmethod
        def made(cls, a):
            return super().made(a * a)

    last = Last.made(x)
    return last.value() + last.shown


def in_branches(x):
    class Base:
        def __init__(self, a):
            self.a = a

    class Ramp(Base):
        def __init__(self, a):
            super().__init__(a)

        @property
        def value(self):
            if self.a > 1.0:
                return self.a * 3.0
            return self.a * self.a

    total = 0.0
    for k in range(5):
        total += Ramp(x + k * 0.3).value
    return total


def dataclass_inside(x):
    @dataclasses.dataclass
    class Base:
        a: float

        @property
        def twice(self):
            return self.a * 2.0

    @dataclasses.dataclass(slots=True)
    class Point(Base):
        b: float = 2.0

        def value(self):
            return self.twice * self.b

    return Point(x).value()


def abstract(x):
    class Base(abc.ABC):
        @abc.abstractmethod
        def value(self): ...

        def twice(self):
            return 2.0 * self.value()

    class Line(Base):
        def __init__(self, a):
            self.a = a

        def value(self):
            return self.a * 3.0

    try:
        Base()
    except TypeError:
        return Line(x).twice()
    return 0.0


def of_classes(x):
    class Base:
        weight = 1.0

        def __class_getitem__(cls, k):
            return cls.weight * k

    class Heavy(Base):
        weight = 4.0

    return Heavy[2] * x + Base[x]


def noting_subclasses(x):
    class Base:
        def __init_subclass__(cls, weight=1.0):
            cls.weight = weight * x

    class Heavy(Base, weight=4.0):
        pass

    return Heavy.weight


def own_decorator(x):
    class Made:
        def twice(f):
            return lambda self: f(self) * 2.0

        @twice
        def get(self):
            return x

    return Made().get()


METHODS = [
    properties,
    without_self,
    of_parents,
    in_branches,
    dataclass_inside,
    abstract,
    of_classes,
]
FUNCTIONS = [own_names, effects, defaults, no_class, own_decorator, noting_subclasses, *METHODS]
NAMELESS = """
from dataclasses import dataclass

class Base:
    scale = 2.0
    def __init__(self, a): self.a = a
    def get(self): return self.a * self.scale
    def __add__(self, other): return Base(self.a + other.a)

@dataclass
class Point:
    a: float
    b: float = 1.0

def inside(x):
    class Made(Base):
        def twice(self): return self.get() * 2
    return Made(x).twice() + (lambda y: y * x)(x)

def outside(x): return (Base(x) + Base(2 * x)).get() + Point(x).a * Point(x, x).b

def returned(x): return Point(x, b=2.0), [Base(x).a]

def refused(x):
    try:
        (lambda **k: k)(**x)
    except TypeError as error:
        return str(error), x * 2
"""


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_a_class_body_is_as_in_python(f, engine):
    for x in (2.0, 0.5):
        assert autodiff.function(f, engine=engine)(x) == f(x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["inside", "outside", "returned", "refused"])
def test_code_without_a_name(name, engine):
    file = "<code without a name>"
    linecache.cache[file] = (len(NAMELESS), None, NAMELESS.splitlines(True), file)
    spaces = {}, {}
    for space in spaces:
        exec(compile(NAMELESS, file, "exec"), space)
    plain, compiled = spaces[0][name], autodiff.function(spaces[1][name], engine=engine)
    for x in (2.0, 0.5):
        assert repr(compiled(x)) == repr(plain(x))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_derivative_of_a_method(engine):
    assert autodiff.check_gradient(defaults, 2.0, engine=engine)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", METHODS)
def test_the_derivative_of_decorated_and_inherited_methods(f, engine):
    compiled, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for x in (2.0, 0.35):
        assert compiled(x) == pytest.approx(f(x), rel=1e-14)
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert gradient(x) == pytest.approx(slope, rel=1e-6)
        assert autodiff.jvp(f, (x,), (1.0,), engine=engine)[1] == pytest.approx(slope, rel=1e-6)


def asks_for_every_attribute(x):
    class Doubled:
        def __getattribute__(self, name):
            return object.__getattribute__(self, name) * 2

    one = Doubled()
    one.value = x
    return one.value * x


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_what_looks_at_an_object_of_a_class_with_getattribute_asks_it():
    assert autodiff.function(asks_for_every_attribute, engine="numpy")(3.0) == 18.0
    with pytest.raises(autodiff.errors.UnsupportedError, match="__getattribute__ of a class in a"):
        autodiff.gradient(asks_for_every_attribute, engine="numpy")(3.0)
