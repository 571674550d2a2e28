"""A value that an earlier derivative has left outside is a constant, and that is said."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import StoredValueWarning

X = np.array([1.0, 2.0])


class Kept:
    """State that goes on from call to call, and values that are kept to be used again."""

    def __init__(self) -> None:
        self.memo: dict[Any, Any] = {}
        self.pair: list[Any] = [None, None]
        self.x: Any = None
        self.value: Any = None
        self.state = 0.0
        self.mean = np.zeros(2)
        self.best = np.inf

    def by_number(self, x):
        if x in self.memo:
            return self.memo[x]
        y = x**3
        self.memo[x] = y
        return y

    def by_pair(self, x):
        if self.pair[0] == x:
            return self.pair[1]
        self.pair[0] = x
        self.pair[1] = np.sin(x)
        return self.pair[1]

    def by_attribute(self, x):
        if self.x is None or self.x != x:
            self.x, self.value = x, x * x * x
        return self.value * 2

    def by_array(self, x):
        if self.x is None or not np.array_equal(self.x, x):
            self.x = x.copy()
            self.value = x**3
        return np.sum(self.value)

    def smallest(self, x):
        y = np.sum(x**2)
        if y < self.best:
            self.best = y
        return self.best

    def recurrent(self, x):
        self.state = np.tanh(self.state + x)
        return self.state

    def running_mean(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x
        return np.sum((x - self.mean) ** 2)

    def in_place(self, x):
        self.mean *= 0.9
        self.mean += x
        return np.sum(self.mean**2)

    def beside(self, x):
        y = np.sum(x**2)
        if y < self.best:
            self.best = y
        return y

    def as_constant(self, x):
        if x not in self.memo:
            self.memo[x] = x**3
        return autodiff.stop_gradient(self.memo[x]) * x

    def of_the_first_call(self, x):
        if self.value is None:
            self.value = np.std(x)
        return np.sum(x / self.value)

    def until_full(self, x):
        while self.state < 3.0:
            self.state += x[0] ** 2
        return self.state * x[1]

    def in_a_dict(self, x):
        self.memo["state"] = np.tanh(self.memo.get("state", 0.0) + x)
        return self.memo["state"]


ENGINES = [pytest.param("native", marks=pytest.mark.slow), "numpy"]
TOLD: dict[str, tuple[Any, str, str]] = {
    "by_number": (2.0, "memo[2.0]", "if x in self.memo"),
    "by_pair": (2.0, "pair[1]", "def by_pair"),
    "by_attribute": (2.0, "value", "return self.value * 2"),
    "by_array": (X, "value", "return np.sum(self.value)"),
    "smallest": (X, "best", "if y < self.best"),
}
NOT_TOLD = {
    "recurrent": 1.0,
    "running_mean": X,
    "in_place": X,
    "beside": X,
    "as_constant": 1.0,
    "in_a_dict": 1.0,
    "of_the_first_call": X,
    "until_full": X,
}


def told_by(f: Callable[..., Any], x: Any, engine: str) -> list[warnings.WarningMessage]:
    made = autodiff.gradient(f, engine=engine)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(4):
            made(x)
    return [w for w in told if w.category is StoredValueWarning]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TOLD)
def test_a_value_kept_by_an_earlier_call_is_told_of(name: str, engine: str) -> None:
    x, place, line = TOLD[name]
    (told,) = told_by(getattr(Kept(), name), x, engine)  # once
    text = str(told.message)
    assert text.startswith("AD503: ") and f"{place} was stored by an earlier call" in text
    assert text.splitlines()[2].strip().startswith(line) and told.filename == __file__
    assert "functools.lru_cache" in text.splitlines()[-1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NOT_TOLD)
def test_a_state_that_each_call_stores_anew_is_not_told_of(name: str, engine: str) -> None:
    assert not told_by(getattr(Kept(), name), NOT_TOLD[name], engine)


def test_values_of_calls_that_are_not_differentiated_are_constants() -> None:
    kept = Kept()
    assert autodiff.function(kept.by_attribute)(2.0) == 16.0
    assert not told_by(kept.by_attribute, 2.0, "numpy")


def test_a_cache_that_is_looked_through_keeps_the_derivative() -> None:
    @functools.lru_cache
    def cube(x):
        return x**3

    made = autodiff.gradient(lambda x: cube(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [made(2.0) for _ in range(3)] == [12.0] * 3
