"""Methods that get a number between brackets: what they compute with it has a derivative."""

import pytest

import autodiff
from tests.capture.support import ENGINES


class Line:
    """A curve whose points are asked for by brackets."""

    def __init__(self, slope=2.0):
        self.slope, self.seen = slope, 0.0

    def __getitem__(self, at):
        at, by = at if isinstance(at, tuple) else (at, 1.0)
        return self.slope * at * at * by if at > 1.0 else at * by

    def __setitem__(self, at, value):
        self.seen = at * at * value

    def __delitem__(self, at):
        self.seen = at * 5.0

    def __contains__(self, at):
        self.seen = at * 3.0
        return at > 0.0

    def __class_getitem__(cls, at):
        return at * 7.0


class Table(dict):
    def __missing__(self, at):
        return at * at


LINE, TABLE = Line(3.0), Table({0.25: 1.0})


def made_here(x):
    return Line()[x] + x


def outside(x):
    return LINE[x] + LINE[x, 2.0]


def argument(x, line=LINE):
    return line[x * 2.0] * x


def of_class(x):
    return Line[x] * x


def missing(x):
    return Table()[x] + TABLE[x] * 2.0


def stored(x):
    line = Line()
    line[x] = x
    return line.seen


def deleted(x):
    line = Line()
    del line[x]
    return line.seen * x


def asked(x):
    line = Line()
    return line.seen * x if x in line else 0.0


def local_class(x):
    class Square:
        def __getitem__(self, at):
            return at * at

        def __class_getitem__(cls, at):
            return at * 3.0

    return Square()[x] + Square[x] * x


def in_loop(x):
    line, total = Line(), 0.0
    for k in range(6):
        total += line[x + 0.2 * k]
    return total


FUNCTIONS = [
    made_here, outside, argument, of_class, missing, stored, deleted, asked, local_class, in_loop,
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_computed_with_a_key_has_a_derivative(f, engine) -> None:
    compiled, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for x in (0.7, 0.85, 1.5, 2.5):
        assert compiled(x) == pytest.approx(f(x), rel=1e-14)
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert gradient(x) == pytest.approx(slope, rel=1e-6)
        assert autodiff.jvp(f, (x,), (1.0,), engine=engine)[1] == pytest.approx(slope, rel=1e-6)
