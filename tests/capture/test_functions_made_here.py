"""Functions that captured code makes have the attributes of functions, and decorators work on them."""

import functools
import math

import pytest

import autodiff
from tests.capture.support import ENGINES


def plus_one(f):
    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        return f(*args, **kwargs) + 1.0

    return wrapped


def wrapped_inside(x):
    def twice(f):
        @functools.wraps(f)
        def g(*args, **kwargs):
            return f(*args, **kwargs) * 2

        return g

    @twice
    def h(v, w=1.0):
        "What h does."
        return v + w

    return h(x) + h(x, w=x), h.__name__, h.__doc__, h.__wrapped__(x)


def wrapped_twice(x):
    def scaled(k):
        def deco(f):
            @functools.wraps(f)
            def g(*args):
                return f(*args) * k

            g.k = k
            return g

        return deco

    @plus_one
    @scaled(x)
    @scaled(2.0)
    def h(v):
        return v * v

    return h(x), h.k, sorted(vars(h))


def remembered(x):
    def memo(f):
        table = {}

        @functools.wraps(f)
        def g(n):
            if n not in table:
                table[n] = f(n)
            return table[n]

        g.table = table
        return g

    @memo
    def fib(n):
        return x * n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(10), len(fib.table)


def counted(x):
    def f(v):
        f.calls += 1
        return v * f.calls

    f.calls = 0
    return f(x) + f(x) + f.calls, vars(f)


def attributes(x):
    f = lambda v: v
    found = []
    for name in ("nope", "frame", "node"):
        try:
            getattr(f, name)
        except AttributeError as error:
            found.append(str(error))
    f.tag = x
    known = [hasattr(f, name) for name in ("frame", "tag", "__defaults__", "mro")]
    return f.tag * 2, found, known, getattr(f, "syntax", x), f.__name__


FUNCTIONS = [wrapped_inside, wrapped_twice, remembered, counted, attributes]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_functions_are_as_in_python(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (2.0, 0.5, 2.0):
        assert repr(compiled(x)) == repr(f(x))
    assert autodiff.check_gradient(lambda x: f(x)[0], 2.0, engine=engine)


def taken(x):
    f = lambda v: v * f.frame
    f.frame = x
    return f(x)


def asked(x):
    def f(a, b=x):
        return a * b

    return f(2.0) + f.__defaults__[0]


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("f", [taken, asked])
def test_what_is_not_known_of_them_is_left_to_python(f):
    assert autodiff.function(f, engine="numpy")(2.0) == f(2.0)


SCALE = 3.0


class Wrapped:
    def __init__(self, v):
        self.v = v

    def __round__(self, n=None):
        return Wrapped(round(self.v, n)) if n is not None else round(self.v * SCALE)

    def __floor__(self):
        return math.floor(self.v * SCALE)

    def __ceil__(self):
        return math.ceil(self.v * SCALE)

    def __trunc__(self):
        return math.trunc(self.v * SCALE)

    def __float__(self):
        return self.v * SCALE

    def __complex__(self):
        return complex(self.v * SCALE, 1.0)

    def __repr__(self):
        return f"<{self.v:.2f}>"


class OnlyFloat:
    def __init__(self, v):
        self.v = v

    def __float__(self):
        return self.v * SCALE


USES = [
    lambda w, x: round(w(x)) * x, lambda w, x: round(w(x), 1).v * x, lambda w, x: math.floor(w(x)) * x, lambda w, x: math.ceil(w(x)) * x,
    lambda w, x: math.trunc(w(x)) * x, lambda w, x: math.sqrt(w(x)) + math.sin(w(x)) * x, lambda w, x: math.hypot(w(x), x),
    lambda w, x: complex(w(x)).real * x, lambda w, x: float(w(x)) * x, lambda w, x: len([w(x)].__repr__()) * x,
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("use", USES)
def test_methods_that_pythons_functions_ask_for_are_read_at_every_call(use, engine, monkeypatch):
    f = lambda x: use(Wrapped, x)
    compiled = autodiff.function(f, engine=engine)
    assert compiled(2.345) == pytest.approx(f(2.345), rel=1e-14)
    assert autodiff.check_gradient(f, 2.345, engine=engine)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert compiled(2.345) == pytest.approx(f(2.345), rel=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_number_of_a_class_in_functions_of_math(engine):
    f = lambda x: math.exp(OnlyFloat(x)) + math.floor(OnlyFloat(x)) + math.isfinite(OnlyFloat(x))
    assert autodiff.function(f, engine=engine)(0.7) == pytest.approx(f(0.7), rel=1e-14)
    assert autodiff.check_gradient(f, 0.7, engine=engine)
