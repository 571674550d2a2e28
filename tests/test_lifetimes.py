"""What the first call was given is the caller's: nothing of it is kept alive by what was compiled."""

import gc
import sys
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff

ENGINES = ["native", "numpy"]


def loss(x):
    return np.sum(x * x)


def stores(x):
    x[0] = 2.0
    return np.sum(x)


def branches(x):
    s = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            s += x[k] ** 2
    return s


def by_length(x):
    return np.sum(x.reshape(2, -1) @ np.ones(len(x) // 2))


def by_value(x):
    return np.sum(x) * len("ab" * int(x[0]))


def sliced(x):
    y = x[1:]
    return np.sum(y[::-1] * x[:-1])


def prints(x):
    print(np.sum(x))
    return np.sum(x)


def in_try(x):
    try:
        return np.linalg.inv(x[:, None] * x + np.eye(4)).sum()
    except np.linalg.LinAlgError:
        return 0.0


FUNCTIONS = [loss, stores, branches, by_length, by_value, sliced, prints, in_try]


pytestmark = pytest.mark.usefixtures("new_objects_only")


def assert_dead(*references):
    gc.collect()
    for reference in references:
        assert reference() is None, [type(x) for x in gc.get_referrers(reference())]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_arrays_given_are_not_kept(f, transform, engine):
    compiled = transform(f, engine=engine)
    for n in (4, 4) if f is in_try else (4, 6, 8):
        x = np.arange(1.0, n + 1)
        reference = weakref.ref(x)
        compiled(x)
        del x
        assert_dead(reference)


@pytest.mark.parametrize(
    "transform", [autodiff.hessian, autodiff.jacobian, autodiff.value_and_gradient]
)
def test_nor_by_other_transformations(transform):
    x = np.arange(1.0, 4.0)
    reference = weakref.ref(x)
    transform(loss)(x)
    del x
    assert_dead(reference)


@dataclass
class Model:
    weights: np.ndarray
    calls: int = 0


def of_model(m, x):
    m.calls += 1
    return np.sum(m.weights * x)


class Holder:
    def __init__(self, weights):
        self.weights = weights

    def loss(self, x):
        return np.sum(self.weights * x)


def of_holder(holder, x):
    return holder.loss(x) + np.sum(holder.weights)


@pytest.mark.parametrize(
    "make, f", [(Model, lambda m, x: np.sum(m.weights * x)), (Holder, of_holder)]
)
def test_objects_given_and_what_they_hold_are_not_kept(make, f):
    compiled = autodiff.function(f)
    for _ in range(2):
        model, x = make(np.ones(3)), np.ones(3)
        references = [weakref.ref(y) for y in (model, model.weights, x)]
        compiled(model, x)
        del model, x
        assert_dead(*references)


def test_containers_given_are_not_kept():
    compiled = autodiff.gradient(lambda p: np.sum(p["w"] * p["b"][0]))
    w, b = np.ones(3), np.ones(3)
    references = [weakref.ref(w), weakref.ref(b)]
    compiled({"w": w, "b": [b]})
    del w, b
    assert_dead(*references)


WEIGHTS = np.ones(3)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_arrays_read_from_outside_are_not_kept(transform, monkeypatch):
    compiled = transform(lambda x: np.sum(WEIGHTS * x))
    monkeypatch.setattr(sys.modules[__name__], "WEIGHTS", np.ones(3))
    reference = weakref.ref(WEIGHTS)
    compiled(np.ones(3))
    globals()["WEIGHTS"] = np.full(3, 2.0)
    assert_dead(reference)
    compiled(np.ones(3))


def test_a_guard_on_contents_compares_with_what_they_were():
    f = lambda x, y: y * len("ab" * int(np.sum(x)))  # noqa: E731
    compiled = autodiff.function(f)
    x = np.ones(3)
    for value in (1.0, 2.0, 1.0):
        x[:] = value
        assert compiled(x, 0.5) == f(x, 0.5)
