"""Containers that are arguments and reached by another way too: a change of one is a change of both."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import UnsupportedError

over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])
outside: Any = None


class Holder:
    item: Any = None


def dict_by_global(d: Any, a: Any) -> Any:
    outside["t"] = 5 * a
    return d["t"] * a


def dict_by_class(d: Any, a: Any) -> Any:
    Holder.item["t"] = 5 * a
    return d["t"] * a


def dict_by_argument(d: Any, a: Any) -> Any:
    d["t"] = 5 * a
    return outside["t"] * a


def dict_in_a_loop(d: Any, a: Any) -> Any:
    for k in range(3):
        outside["t"] = outside["t"] * a + k
    return d["t"] * a


def dict_on_a_condition(d: Any, a: Any) -> Any:
    if a > 0:
        outside["t"] = 5 * a
    return d["t"] * a


def dict_updated(d: Any, a: Any) -> Any:
    outside.update(t=5 * a)
    return d["t"] * a


def list_by_global(d: Any, a: Any) -> Any:
    outside[0] = 5 * a
    return d[0] * a


def list_by_argument(d: Any, a: Any) -> Any:
    d[0] = 5 * a
    return outside[0] * a


def list_appended(d: Any, a: Any) -> Any:
    outside.append(5 * a)
    return d[-1] * a


def nested(d: Any, a: Any) -> Any:
    outside["t"] = 5 * a
    return d[0]["x"]["t"] * a


def read_alone(d: Any, a: Any) -> Any:
    return d["t"] * outside["t"] * a


# Functions, and what makes the argument of an object and the object that is reached otherwise.
ROWS: list[tuple[Any, Any, Any]] = [
    *[
        (f, lambda: {"t": 0.4}, lambda x: x)
        for f in (dict_by_global, dict_by_class, dict_by_argument, dict_in_a_loop,
                  dict_on_a_condition, dict_updated)
    ],
    *[(f, lambda: [0.4, 2.0], lambda x: x) for f in (list_by_global, list_by_argument, list_appended)],
    (list_by_global, lambda: [0.5] * 12, lambda x: x),
    (list_by_argument, lambda: [0.5] * 12, lambda x: x),
    (nested, lambda: {"t": 0.4}, lambda x: [{"x": x}, 1.0]),
]  # fmt: skip


def call(f: Any, make: Any, given: Any, is_one: bool, run: Any, a: float) -> Any:
    global outside
    argument, outside = make(), make()
    if is_one:
        outside = argument
    Holder.item = outside
    return run(given(argument), a)


@over_engines
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("row", range(len(ROWS)))
def test_values_are_those_of_plain_python(row: int, first: bool, engine: str) -> None:
    f, make, given = ROWS[row]
    compiled = autodiff.function(f, engine=engine)
    for is_one in (first, not first, first):
        expected = call(f, make, given, is_one, f, 1.3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            assert call(f, make, given, is_one, compiled, 1.3) == expected


@over_engines
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("row", range(len(ROWS)))
def test_derivatives_are_right_or_refused(row: int, first: bool, engine: str) -> None:
    f, make, given = ROWS[row]
    gradient = autodiff.gradient(f, wrt="a", engine=engine)
    for is_one in (first, not first, first):
        above, below = (call(f, make, given, is_one, f, a) for a in (1.3 + 1e-6, 1.3 - 1e-6))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            try:
                found = call(f, make, given, is_one, gradient, 1.3)
            except UnsupportedError as error:
                assert is_one
                assert " too" in str(error) or "argument" in str(error)
            else:
                assert found == pytest.approx((above - below) / 2e-6, rel=1e-6)


@over_engines
def test_an_argument_that_is_changed_beside_one_that_is_read_otherwise(engine: str) -> None:
    global outside
    outside = {"t": 0.4}

    def f(d: Any, log: Any, a: Any) -> Any:
        log[0] = d["t"] * a
        return log[0] * outside["t"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slope = autodiff.gradient(f, wrt="a", engine=engine)(outside, [0.0], 1.3)
    assert slope == pytest.approx(0.16)


def test_what_is_changed_and_where_is_named() -> None:
    global outside
    outside = {"t": 0.4}
    with pytest.warns(autodiff.FallbackWarning), pytest.raises(UnsupportedError) as caught:
        autodiff.gradient(dict_by_global, wrt="a")(outside, 1.3)
    assert "a change of outside, a dict that is in the arguments too" in str(caught.value)


@over_engines
def test_reading_alone_is_compiled(engine: str) -> None:
    global outside
    outside = {"t": 0.4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = autodiff.gradient(read_alone, wrt="a", engine=engine)
        assert compiled(outside, 1.3) == pytest.approx(0.16)
    np.testing.assert_equal(len(compiled.cache), 1)


@dataclasses.dataclass
class Body:
    x: float
    y: float


def apart(rows: Any) -> Any:
    total = 0.0
    for a in rows:
        for b in rows:
            if a is b:
                continue
            total += a.x * b.y
    return total


def are_one(a: Any, b: Any) -> Any:
    return 1.0 if a is b else 2.0


def is_outside(a: Any) -> Any:
    return 1.0 if a is outside else 2.0


@over_engines
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "make", [lambda: [1.0, 2.0], lambda: {"t": 1.0}, lambda: Body(1.0, 2.0), lambda: [1.0] * 12,
             lambda: (1.0, Body(1.0, 2.0)), lambda: [(1.0, 2.0)] * 2]
)  # fmt: skip
def test_whether_two_containers_are_one(make: Any, first: bool, engine: str) -> None:
    global outside
    both, one = (
        autodiff.function(are_one, engine=engine),
        autodiff.function(is_outside, engine=engine),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for same in (first, not first, first):
            a, b = make(), make()
            outside = a if same else b
            assert both(a, a if same else b) == are_one(a, a if same else b)
            assert one(a) == is_outside(a)


@over_engines
@pytest.mark.parametrize("count", [3, 9])
@pytest.mark.parametrize("first", [True, False])
def test_records_that_are_one_in_a_list(first: bool, count: int, engine: str) -> None:
    compiled = autodiff.function(apart, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for same in (first, not first, first):
            rows = [Body(1.5, 2.0)] * count if same else [Body(1.5 + k, 2.0) for k in range(count)]
            assert compiled(rows) == pytest.approx(apart(rows), rel=1e-14)


@over_engines
def test_identity_where_all_are_apart_is_compiled(engine: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = autodiff.function(apart, engine=engine)
        for shift in (0.0, 1.0):
            rows = [Body(1.5 + k, 2.0 + shift) for k in range(3)]
            assert compiled(rows) == pytest.approx(apart(rows), rel=1e-14)
    assert len(compiled.cache) == 1


WHOLE = np.arange(6.0)
PART = WHOLE[1:4]


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_whose_view_an_array_from_outside_is(engine: str) -> None:
    def of_outside(x):
        return x.sum() * (PART.base is WHOLE)

    def of_itself(x):
        return x.base is None, x[0].base is x, (x * 2).base is None

    x = np.ones((2, 3)).copy()
    assert autodiff.function(lambda x: x.sum() * (WHOLE.base is None), engine=engine)(x) == 6.0
    with pytest.warns(autodiff.FallbackWarning, match="the base of an array from outside"):
        assert autodiff.function(of_outside, engine=engine)(x) == of_outside(x) == 6.0
    made = autodiff.function(of_itself, engine=engine)
    assert made(x) == of_itself(x) == (True, True, True)
    with pytest.warns(autodiff.FallbackWarning, match="the base of an array from outside"):
        assert made(WHOLE.reshape(2, 3)) == (False, False, True)
    assert made(x) == (True, True, True)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_names_of_an_array_and_of_a_function(engine: str) -> None:
    def of_array(x):
        return len(dir(x)), "__autodiff_binds__" in dir(x), "value" in dir(x[0]), len(dir([x]))

    def of_frame(x):
        y = x * 2
        return dir(), y

    x = np.ones(3)
    assert autodiff.function(of_array, engine=engine)(x) == of_array(x)
    with pytest.warns(autodiff.FallbackWarning, match="the names in a function"):
        assert autodiff.function(of_frame, engine=engine)(x)[0] == ["x", "y"]


def test_a_frame_is_refused_where_python_does_not_run_the_function() -> None:
    def f(x):
        return np.sum(inspect.currentframe().f_locals["x"])

    x = np.ones(3)
    with pytest.warns(autodiff.FallbackWarning, match="currentframe"):
        assert autodiff.function(f)(x) == 3.0
    with (
        pytest.warns(autodiff.FallbackWarning, match="currentframe"),
        pytest.raises(UnsupportedError, match="the frame of a function that is differentiated"),
    ):
        autodiff.gradient(f)(x)
