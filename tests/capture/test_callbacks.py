"""Functions that the user hands to a library: what they read is read at every call, too."""

import functools
import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import autodiff
from tests.capture.support import ENGINES, same, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)

weights = np.ones(4)
factor = 2.0


class Scaling:
    def __init__(self):
        self.factor = 2.0

    def __call__(self, v):
        return v * self.factor

    def method(self, v):
        return v * self.factor


scaling = Scaling()


def weigh(row):
    return (row * weights).sum() * factor


def scale(v):
    return v * factor


def combine(a, b):
    return a * factor + b


def sorted_in_place(x):
    items = [x[0, 0], x[0, 1], x[0, 2]]
    items.sort(key=scale)
    return np.array(items)


CASES = {
    "apply_along_axis": lambda x: np.apply_along_axis(weigh, 1, x),
    "apply_along_axis of constants": lambda x: np.apply_along_axis(weigh, 1, np.ones((3, 4))) * x[:, 0],
    "piecewise": lambda x: np.piecewise(x, [x > 0], [scale, 0.0]),
    "vectorize": lambda x: np.vectorize(scale)(x),
    "vectorize of constants": lambda x: np.vectorize(scale)(np.arange(4.0)) * x,
    "frompyfunc": lambda x: np.frompyfunc(scale, 1, 1)(np.arange(4.0)).astype(float) * x,
    "fromfunction": lambda x: np.fromfunction(combine, (3, 4)) * x,
    "apply_over_axes": lambda x: np.apply_over_axes(lambda a, k: np.sum(a, k) * factor, x, [0]),
    "map": lambda x: np.array(list(map(weigh, x))),
    "reduce": lambda x: functools.reduce(combine, [x, x]),
    "accumulate": lambda x: np.array(list(itertools.accumulate(list(x[0]), combine))),
    "accumulate of constants": lambda x: np.array(list(itertools.accumulate([1.0, 2.0], combine))) * x[0, :2],
    "starmap": lambda x: np.array(list(itertools.starmap(combine, [(1, 2), (3, 4)]))) * x[0, :2],
    "sorted": lambda x: np.array(sorted([x[0, 0], x[0, 1], x[0, 2]], key=scale)),
    "sorted by a method": lambda x: np.array(sorted([1.0, 2.0, 3.0], key=scaling.method)) * x[0, :3],
    "sorted by an object": lambda x: np.array(sorted([x[0, 0], x[0, 1]], key=scaling)),
    "sorted by a partial": lambda x: np.array(sorted([x[0, 0], x[0, 1]], key=functools.partial(scale))),
    "list.sort": sorted_in_place,
    "max": lambda x: max(x[0, 0], x[0, 1], key=scale),
    "quad": lambda x: scipy.integrate.quad(scale, 0, 1)[0] * x,
    "brentq": lambda x: scipy.optimize.brentq(lambda t: t - factor, -5, 5) * x,
}  # fmt: skip


@over_engines
@pytest.mark.parametrize("name", CASES)
def test_what_a_callback_reads_is_read_at_every_call(name, engine, monkeypatch) -> None:
    f, x = CASES[name], np.random.default_rng(0).normal(size=(3, 4))
    compiled = autodiff.function(f, engine=engine)
    with uncompiled_allowed():
        same(compiled(x), f(x))
        monkeypatch.setitem(globals(), "weights", np.arange(4.0))
        same(compiled(x), f(x))
        weights[1] = -5.0
        same(compiled(x), f(x))
        monkeypatch.setitem(globals(), "factor", -3.0)
        monkeypatch.setattr(scaling, "factor", -3.0)
        same(compiled(x), f(x))


def test_a_callback_carries_derivatives() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for name in ("apply_along_axis", "piecewise", "vectorize", "accumulate", "list.sort"):
        f = CASES[name]
        assert autodiff.check_gradient(lambda x, f=f: np.sum(f(x) ** 2), x), name
