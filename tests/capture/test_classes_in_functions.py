"""Classes that a function makes, and classes of code that has no name."""

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


FUNCTIONS = [own_names, effects, defaults, no_class]
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
