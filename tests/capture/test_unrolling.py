"""A long unrolling is told before it costs seconds: once, by the number of operations, at its line."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.capture import unrolling
from autodiff.errors import UnrollWarning
from tests.capture.support import ENGINES, captured

X = np.linspace(0.5, 3.0, 40)
MOST = 100  # operations, in these tests


@pytest.fixture(autouse=True)
def few_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrolling, "MOST_OPERATIONS", MOST)


# With texts that differ: records that a table cannot hold.
SCALES = [{"by": 1 + k / 100, "of": f"part {k}"} for k in range(40)]


def over_dicts(x):
    for scale in SCALES:
        x = np.sin(x) * scale["by"] + 1.0
    return x


def over_text(x):
    total = 0.0
    for k in range(len(x)):
        total = total + x[k] * float("12345678"[k % 8])
    return total


def by_while(x):
    k = 0
    while k < len(SCALES):
        x = np.sin(x) * SCALES[k]["by"] + 1.0
        k += 1
    return x


def by_comprehension(x):
    return sum([np.sin(x) * scale["by"] + 1.0 for scale in SCALES])


def by_generator(x):
    def scaled(x):
        for scale in SCALES:
            yield np.sin(x) * scale["by"] + 1.0

    total = 0.0
    for y in scaled(x):
        total = total + y
    return total


def after_a_yield(x):
    def scaled(x):
        for k in range(40):
            x = np.sin(x) * SCALES[k]["by"] + 1.0
            if k == 39:
                yield x

    return next(iter(scaled(x)))


def nested(x):
    for scale in SCALES:
        for other in SCALES[:2]:
            x = x * scale["by"] + other["by"]
    return x


def inside_of_a_branch(x):
    if x[0] > 0:
        x = over_dicts(x)
    return x


def inside_of_try(x):
    try:
        x = over_dicts(x)
    except Exception:
        x = x * 0.0
    finally:
        x = x + 1.0
    return x


def straight(x):
    x = x + 1
    for scale in SCALES[:10]:
        x = x * scale["by"]
    for scale in SCALES[:10]:
        x = x * scale["by"]
    return x


LONG = [
    over_dicts,
    over_text,
    by_while,
    by_comprehension,
    by_generator,
    after_a_yield,
    nested,
    inside_of_a_branch,
    inside_of_try,
]
over_long = pytest.mark.parametrize("function", LONG, ids=lambda f: f.__name__)


def warned(call: Callable[..., Any], *args: Any) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args)
    return [w for w in caught if issubclass(w.category, UnrollWarning)]


@over_long
def test_a_long_unrolling_warns_once_and_the_values_are_right(function: Callable[..., Any]) -> None:
    compiled = autodiff.function(function, engine="numpy")
    with pytest.warns(UnrollWarning, match="AD501: this loop is unrolled"):
        result = compiled(X.copy())
    np.testing.assert_allclose(result, function(X.copy()), rtol=1e-12)
    assert not warned(compiled, X), "compiled already"
    assert not warned(compiled, X[:39] if function is not over_text else X[:38]), "told already"


@over_long
def test_where_the_user_has_it_so_it_is_an_error(function: Callable[..., Any]) -> None:
    """The user's ``except``, a branch or the tiers below must not take it for the function's own."""
    compiled = autodiff.function(function, engine="numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnrollWarning)
        for _ in range(2):
            with pytest.raises(UnrollWarning, match="AD501"):
                compiled(X.copy())
        with pytest.raises(UnrollWarning, match="AD501"):
            autodiff.gradient(lambda x: np.sum(function(x)), engine="numpy")(X.copy())
        with pytest.raises(UnrollWarning, match="AD501"):
            compiled.explain(X)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_text_names_the_line_the_reason_and_the_remedy(engine: str) -> None:
    line = over_dicts.__code__.co_firstlineno + 1
    (found,) = warned(autodiff.function(over_dicts, engine=engine), X)
    assert (found.filename, found.lineno) == (__file__, line)
    text = re.sub(r"first \d+ passes are \d+", "first N passes are M", str(found.message))
    assert text == (
        "AD501: this loop is unrolled, because of a list that Python goes through item by item: "
        "its first N passes are M operations, which take long to compile.\n"
        f"  {__file__}, line {line}, in over_dicts\n"
        "    for scale in SCALES:\n"
        "    ^^^^^^^^^^^^^^^^^^^\n"
        "  Remedy: let the loop change only numbers, arrays and lists that keep their types and "
        "sizes, or write it with array operations; use_cache=False compiles nothing, and runs each "
        "call as it is"
    )


def test_it_comes_at_the_first_pass_that_is_too_much() -> None:
    (found,) = warned(captured, over_dicts, X)
    passes, operations = map(
        int, re.findall(r"first (\d+) passes are (\d+)", str(found.message))[0]
    )
    assert MOST < operations <= MOST + operations / passes


def test_each_object_tells_for_itself() -> None:
    assert len(warned(autodiff.function(over_dicts, engine="numpy"), X)) == 1
    assert len(warned(autodiff.function(over_dicts, engine="numpy"), X)) == 1


@pytest.mark.parametrize("call", [
    autodiff.function(straight, engine="numpy"),
    autodiff.function(over_dicts, engine="numpy", use_cache=False),
    autodiff.gradient(lambda x: np.sum(over_dicts(x)), engine="numpy", use_cache=False),
], ids=["short", "as plain Python", "along its path"])  # fmt: skip
def test_what_compiles_little_or_nothing_warns_of_nothing(call: Callable[..., Any]) -> None:
    assert not warned(call, X)
