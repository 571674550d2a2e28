"""Contexts of the standard library that only keep what they are given, and attributes that are deleted."""

import contextlib
import functools

import pytest

import autodiff
from tests.capture.support import ENGINES


class Resource:
    def __init__(self, x):
        self.x, self.closed = x, 0.0

    def close(self):
        self.closed = self.x


class Cached:
    def __init__(self, x):
        self.x, self.asked = x, 0

    @functools.cached_property
    def twice(self):
        self.asked += 1
        return self.x * 2


class Guarded:
    def __init__(self, x):
        self._v, self.log = x, []

    @property
    def v(self):
        return self._v

    @v.deleter
    def v(self):
        self.log.append(self._v)
        self._v = 1.0

    def __delattr__(self, name):
        self.log.append(len(name))
        object.__delattr__(self, name)


def null_of_a_value(x):
    with contextlib.nullcontext(x) as q:
        return q * 2


def null_or_not(x, flag):
    with contextlib.nullcontext(x) if flag else contextlib.nullcontext(0.5) as q:
        return q * x


def closing(x):
    r = Resource(x)
    with contextlib.closing(r) as q:
        y = q.x * 2
    return y * r.closed


def closing_on_the_way_out(x):
    r = Resource(x)
    try:
        with contextlib.closing(r):
            raise KeyError
    except KeyError:
        return r.closed * 3


def suppressing(x):
    with contextlib.suppress(ValueError):
        if x > 1:
            raise ValueError
        x = x * 3
    return x


def cached_anew(x):
    t = Cached(x)
    first = t.twice + t.twice
    del t.twice
    t.x = x * x
    return first * t.twice * t.asked


def deleted(x):
    t = Cached(x)
    del t.x
    try:
        return t.x
    except AttributeError as error:
        return x * len(str(error))


def deleted_by_its_class(x):
    g = Guarded(x)
    del g.v
    delattr(g, "_v")
    return x * sum(g.log)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "rest"),
    [(null_of_a_value, ()), (null_or_not, (True,)), (null_or_not, (False,)), (closing, ())]
    + [(f, ()) for f in (closing_on_the_way_out, suppressing, cached_anew, deleted)]
    + [(deleted_by_its_class, ())],
)
def test_it_is_compiled_and_differentiated(f, rest, engine):
    compiled, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for x in (1.5, 0.5):
        assert compiled(x, *rest) == f(x, *rest)
        h = 1e-6
        found = slope(x, *rest)
        change = (f(x + h, *rest) - f(x - h, *rest)) / (2 * h)
        assert (found[0] if isinstance(found, tuple) else found) == pytest.approx(change, rel=1e-6)
