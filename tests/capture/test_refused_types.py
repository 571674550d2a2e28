"""What Python refuses by the types of what it is given is refused of traced values, in Python's words."""

import math

import numpy as np
import pytest

import autodiff

V, W, X, N = [1.0, 2.0], (0.5, -1.0), 2.0, 3

# Functions of a list, a tuple, a float and an int.
REFUSED = [
    lambda v, w, x, n: w + v, lambda v, w, x, n: v + w, lambda v, w, x, n: w < v, lambda v, w, x, n: v >= w,
    lambda v, w, x, n: w >= [], lambda v, w, x, n: max(v, w), lambda v, w, x, n: min(w, v), lambda v, w, x, n: max(x, v),
    lambda v, w, x, n: sorted([v, w]), lambda v, w, x, n: v - w, lambda v, w, x, n: w * x, lambda v, w, x, n: v < x,
    lambda v, w, x, n: hash(v), lambda v, w, x, n: hash((v, x)), lambda v, w, x, n: hash(((x, v), x)),
    lambda v, w, x, n: (v, x) in {(1, 2): 3}, lambda v, w, x, n: len({(v,), x}), lambda v, w, x, n: len(set([v])),
    lambda v, w, x, n: len(frozenset([(v,), x])), lambda v, w, x, n: {v: 1}, lambda v, w, x, n: {(v, n): 1},
    lambda v, w, x, n: x in x, lambda v, w, x, n: v in x, lambda v, w, x, n: n not in n, lambda v, w, x, n: x in "ab",
    lambda v, w, x, n: math.prod(x), lambda v, w, x, n: pow(x, 2, 3), lambda v, w, x, n: pow(2, x, 3),
    lambda v, w, x, n: pow(v, 2), lambda v, w, x, n: round(x, x), lambda v, w, x, n: round(v), lambda v, w, x, n: abs(w),
    lambda v, w, x, n: round(np.float64(x) > 1), lambda v, w, x, n: divmod(v, x), lambda v, w, x, n: "%d" % v,
    lambda v, w, x, n: "%.3f and %s" % (v, x), lambda v, w, x, n: "%x" % (x,),
]  # fmt: skip
ACCEPTED = [
    lambda v, w, x, n: v == w, lambda v, w, x, n: w != v, lambda v, w, x, n: v * n, lambda v, w, x, n: n * w,
    lambda v, w, x, n: v + [x], lambda v, w, x, n: w + (x,), lambda v, w, x, n: hash(w) == hash((0.5, -1.0)),
    lambda v, w, x, n: len({w, x}), lambda v, w, x, n: {w: x}, lambda v, w, x, n: x in w, lambda v, w, x, n: v in [w, v],
    lambda v, w, x, n: pow(n, 2, 2), lambda v, w, x, n: round(x, n), lambda v, w, x, n: "%d%%" % x == "2%", lambda v, w, x, n: "%s" % v == "[1.0, 2.0]",
    lambda v, w, x, n: max(v, [x, x]), lambda v, w, x, n: np.array(v) + w, lambda v, w, x, n: np.array(v) == {1.0},
    lambda v, w, x, n: {1.0} in np.array(v), lambda v, w, x, n: {"k": 1} in np.array(x), lambda v, w, x, n: x in np.array(v),
    lambda v, w, x, n: max([n, n], v), lambda v, w, x, n: max([(x, "a"), (n, "b")]), lambda v, w, x, n: divmod(n, x),
]  # fmt: skip


def extended(v, w, x, n):
    w += v
    return w


def outcome(f):
    try:
        return repr(f(list(V), W, X, N))
    except TypeError as error:
        return f"TypeError: {error}"


def caught(f):
    def g(v, w, x, n):
        try:
            r = f(v, w, x, n)
        except TypeError:
            r = "refused"
        return r, x * 2

    return g


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", [*REFUSED, extended])
def test_refused(f, engine):
    plain = outcome(f)
    assert plain.startswith("TypeError: ")
    assert outcome(autodiff.function(f, engine=engine)) == plain
    assert outcome(autodiff.function(caught(f), engine=engine)) == outcome(caught(f))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", ACCEPTED)
def test_accepted(f, engine):
    assert outcome(autodiff.function(f, engine=engine)) == outcome(f)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_int_that_counts_as_a_float_is_asked_about_as_an_int(engine):
    value, slope = autodiff.value_and_gradient(lambda x: pow(x, 2, 3) * 1.0, engine=engine)(5)
    assert (value, slope) == (1.0, 10.0)
    assert autodiff.gradient(lambda x: round(2.5, x) * x, engine=engine)(5) == 2.5
