"""Lists of records whose floats the entry reads itself: what it takes, what it refuses, and what it leaves as it was."""

import collections
import dataclasses
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import columns

Point = collections.namedtuple("Point", "a b")


@dataclasses.dataclass
class Pair:
    a: float
    b: float


@dataclasses.dataclass(slots=True)
class Slotted:
    a: float
    b: float


MAKERS: dict[str, Callable[[float, float], Any]] = {
    "dict": lambda a, b: {"a": a, "b": b},
    "dataclass": Pair,
    "tuple": lambda a, b: (a, b),
    "named tuple": Point,
    "slots": Slotted,
}


def by_name(rows: Any) -> Any:
    total = 0.0
    for row in rows:
        total += np.sin(row["a"]) * row["b"]
    return total


def by_attribute(rows: Any) -> Any:
    total = 0.0
    for row in rows:
        total += np.sin(row.a) * row.b
    return total


def by_place(rows: Any) -> Any:
    total = 0.0
    for a, b in rows:
        total += np.sin(a) * b
    return total


FUNCTIONS = {"dict": by_name, "tuple": by_place}


def rows_of(kind: str, count: int, shift: float = 0.0) -> list[Any]:
    return [MAKERS[kind](0.1 * k + shift, 2.0 - k) for k in range(count)]


@pytest.fixture(params=list(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def seen(kind: str, engine: str = "native") -> tuple[Callable[..., Any], Any]:
    """The function, and the compiled one, called often enough that the entry reads."""
    f = FUNCTIONS.get(kind, by_attribute)
    compiled = autodiff.function(f, engine=engine)
    for k in range(3):
        rows = rows_of(kind, 9, k)
        np.testing.assert_allclose(compiled(rows), f(rows), rtol=1e-14)
    return f, compiled


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("container", [list, tuple])
def test_values_for_any_number_of_records(kind: str, container: type, engine: str) -> None:
    f = FUNCTIONS.get(kind, by_attribute)
    compiled = autodiff.function(f, engine=engine)
    for count in (9, 9, 8, 7, 1, 30, 256, 257, 1000, 9):
        rows = container(rows_of(kind, count, 0.5))
        np.testing.assert_allclose(compiled(rows), f(rows), rtol=1e-12)


def test_derivatives_by_records(kind: str) -> None:
    f = FUNCTIONS.get(kind, by_attribute)
    rows = rows_of(kind, 12)
    slope, expected = autodiff.gradient(f), autodiff.gradient(f, engine="numpy")
    for _ in range(3):
        assert slope(rows) == expected(rows)


def test_python_is_not_asked_for_the_columns(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, compiled = seen(kind)
    read: list[int] = []
    monkeypatch.setattr(columns, "floats", read.append)
    number = sum(1 for _ in range(3) if compiled(rows_of(kind, 9)) is not None)
    assert number == 3 and not read


def changed(kind: str, what: str) -> Any:
    rows = rows_of(kind, 9)
    other: Any = {
        "an int": lambda: MAKERS[kind](3, 2.0),
        "a NumPy float": lambda: MAKERS[kind](np.float64(3.0), 2.0),
        "another class": lambda: MAKERS["tuple" if kind == "named tuple" else "named tuple"](
            3.0, 2.0
        ),
        "None": lambda: None,
        "an array": lambda: MAKERS[kind](np.array(3.0), 2.0),  # type: ignore[arg-type]
    }[what]()
    rows[4] = other
    return rows


@pytest.mark.parametrize("what", ["an int", "a NumPy float", "another class", "None", "an array"])
def test_other_records_are_not_read(kind: str, what: str) -> None:
    f, compiled = seen(kind)
    rows = changed(kind, what)
    try:
        expected = f(rows)
    except Exception as error:
        with pytest.raises(type(error)):
            compiled(rows)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        result = compiled(rows)
    assert type(result) is type(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_names_in_another_order_one_more_and_names_that_are_equal() -> None:
    def keys(rows: Any) -> Any:
        total = 0.0
        for row in rows:
            for name in row:
                total = 0.5 * total + row[name]
        return total

    compiled = autodiff.function(keys)
    made = [{"a": 1.0 * k, "b": 2.0} for k in range(9)]
    for _ in range(3):
        assert compiled(made) == keys(made)
    turned = [{"b": 2.0, "a": 1.0 * k} for k in range(9)]
    assert compiled(turned) == keys(turned)
    more = [*made[:8], {"a": 1.0, "b": 2.0, "c": 3.0}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        assert compiled(more) == keys(more)
    equal = [{"".join(["a", ""]): 1.0 * k, str(b"b", "ascii"): 2.0} for k in range(9)]
    assert compiled(equal) == keys(equal)


def test_a_class_that_changes_is_noticed() -> None:
    @dataclasses.dataclass
    class Changing:
        a: float
        b: float

    rows = [Changing(0.1 * k, 2.0) for k in range(9)]
    compiled = autodiff.function(by_attribute)
    for _ in range(3):
        np.testing.assert_allclose(compiled(rows), by_attribute(rows), rtol=1e-14)
    Changing.b = property(lambda self: 5.0)  # type: ignore[assignment]
    np.testing.assert_allclose(compiled(rows), by_attribute(rows), rtol=1e-14)


def test_an_attribute_that_a_record_has_beside_its_fields() -> None:
    _, compiled = seen("dataclass")
    rows = rows_of("dataclass", 9)
    rows[3].c = "more"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        np.testing.assert_allclose(compiled(rows), by_attribute(rows), rtol=1e-14)
    del rows[5].b
    with pytest.raises(AttributeError):
        compiled(rows)


def test_a_list_that_changes_while_it_is_read() -> None:
    @dataclasses.dataclass
    class Emptying:
        a: float
        b: float

    rows = [Emptying(0.1 * k, 2.0) for k in range(9)]
    compiled = autodiff.function(by_attribute)
    for _ in range(3):
        compiled(rows)
    whole = list(rows)

    def emptied(self: Any) -> float:
        rows.clear()
        return 5.0

    Emptying.b = property(emptied)  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        result = compiled(rows)
    rows[:] = whole
    expected = [by_attribute(rows), 0.0]
    assert any(np.isclose(result, x) for x in expected)


def test_nothing_is_kept(kind: str) -> None:
    _, compiled = seen(kind)
    rows = rows_of(kind, 9)
    refused = [*rows[:5], MAKERS[kind](1, 2.0), *rows[5:]]
    for _ in range(5):  # until nothing more is compiled
        compiled(rows)
        compiled(refused)

    def held() -> list[int]:
        found = [sys.getrefcount(rows), sys.getrefcount(rows[3]), sys.getrefcount(rows[7])]
        number = rows[3]["a"] if kind == "dict" else rows[3][0] if kind == "tuple" else rows[3].a
        return [*found, sys.getrefcount(number)]

    before = held()
    for _ in range(50):
        compiled(rows)
        compiled(refused)
    assert held() == before


def test_floating_point_warnings_are_asked_of_the_records() -> None:
    def f(rows: Any) -> Any:
        total = 0.0
        for row in rows:
            total += np.float64(row["a"]) / row["b"]
        return total

    compiled = autodiff.function(f)
    rows = [{"a": 1.0, "b": 1.0 + k} for k in range(9)]
    for _ in range(3):
        compiled(rows)
    rows[4]["b"] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero") as given:
        assert compiled(rows) == np.inf
    assert given[0].filename == __file__


def test_records_within_arguments_and_beside_lists() -> None:
    def f(model: Any, weights: Any, scale: float = 2.0) -> Any:
        total = 0.0
        for row, weight in zip(model["rows"], weights, strict=True):
            total += row.a * row.b * weight
        return total * scale + model["shift"]

    compiled, slope = autodiff.function(f), autodiff.gradient(f)
    reference = autodiff.gradient(f, engine="numpy")
    for k in range(4):
        model = {"rows": rows_of("dataclass", 9 + k), "shift": 1.0 + k}
        weights = [0.5 * i for i in range(9 + k)]
        np.testing.assert_allclose(compiled(model, weights), f(model, weights), rtol=1e-14)
        assert slope(model, weights) == reference(model, weights)
