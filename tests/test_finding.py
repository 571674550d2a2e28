"""``find_nan``: the operation that makes a NaN or infinity, by kind, place, operands and pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def logs(x: Any) -> Any:
    return np.sum(np.log(x))


def sums(x: Any) -> Any:
    total = np.float64(0.0)
    for k in range(len(x)):
        total += np.arcsin(x[k])
    return total


def halving(x: Any) -> Any:
    while x > -0.5:
        x = np.sqrt(x) - 0.6
    return x


def overflowing(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x))


def chosen(x: Any) -> Any:
    return np.sum(np.where(x > 0, np.log(x), 0.0))


def branching(x: Any) -> Any:
    return -np.inf if x > 2 else x


def smallest(x: Any) -> Any:
    best = np.inf
    for k in range(len(x)):
        best = min(best, x[k])
    return best


def difference(x: Any) -> Any:
    return x - np.inf - (x - np.inf)


def quotients(x: Any) -> Any:
    return [y / (y - 3.0) for y in x]


ANGLES = np.array([0.3, 1.0, 0.4, 0.5, 0.6, 0.1, 0.2, 0.0, 0.9, 0.8])

# What is searched, where, and: the kind, the operands, the result, the index, the passes.
FOUND: list[tuple[Callable[..., Any], Any, tuple[Any, ...]]] = [
    (logs, np.array([1.0, 0.0, 4.0]), ("log", (0.0,), -np.inf, (1,), ())),
    (logs, np.array([1.0, 2.0, -4.0]), ("log", (-4.0,), np.nan, (2,), ())),
    (sums, ANGLES, ("inverse_cosine", (1.0,), np.inf, (), (8,))),  # from the last to the first
    (sums, np.append(ANGLES, 1.5), ("arcsin", (1.5,), np.nan, (), (10,))),
    (overflowing, np.array([1000.0, 0.0]), ("exp", (1000.0,), np.inf, (0,), ())),
    (branching, 3.0, ("constant", (), -np.inf, (), ())),
    (difference, 1.0, ("subtract", (-np.inf, -np.inf), np.nan, (), ())),
    (logs, np.array([1.0, np.nan]), ("input", ("x",), np.nan, (1,), ())),
    (quotients, np.array([1.0, 3.0]), ("divide", (3.0, 0.0), np.inf, (), ())),
]


def over(x: Any) -> Any:
    return 1.0 / x


def unrolled(x: Any) -> Any:
    total = 0.0
    for y in x:
        total += over(y) + np.sqrt(y + 1)
    return total


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ([0.0, 1.0, 2.0], "in the value, divide(1, 0) is inf."),
        ([2.0, 0.0, 1.0], "in the value, divide(1, 0) is inf, when this runs for the 2nd time."),
        ([2.0, 1.0, 0.0], "in the value, divide(1, 0) is inf, when this runs for the 3rd time."),
    ],
)
def test_the_pass_of_an_unrolled_loop(x: Any, text: str) -> None:
    found = autodiff.find_nan(unrolled)(np.array(x))
    assert str(found).splitlines()[0] == text
    assert found.cause.source.function == "over"


@pytest.mark.parametrize(("f", "x", "expected"), FOUND)
def test_what_makes_it(f: Any, x: Any, expected: tuple[Any, ...]) -> None:
    found = autodiff.find_nan(f)(x)
    assert found is not None
    cause = found.cause
    passes = tuple(number for _, number in cause.passes)
    assert (cause.kind, cause.index, passes) == (expected[0], expected[3], expected[4])
    np.testing.assert_equal(cause.operands, expected[1])
    np.testing.assert_equal(cause.result, expected[2])


def test_of_a_loop_that_ends_by_a_condition() -> None:
    found = autodiff.find_nan(halving)(2.0)
    assert found is not None
    (operand,) = found.cause.operands
    assert found.cause.kind == "sqrt"
    assert operand < 0
    x, number = 2.0, 0
    while x >= 0:
        x, number = np.sqrt(x) - 0.6, number + 1
    assert [number for _, number in found.cause.passes] == [number]


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (logs, np.array([1.0, 2.0])),
        (chosen, np.array([1.0, 0.0, -1.0])),
        (smallest, np.array([3.0, 1.0])),
        (branching, 1.0),
        (overflowing, np.array([1.0, 2.0])),
        (sums, ANGLES[2:]),
    ],
)
def test_nothing_is_found_where_all_that_comes_out_is_finite(f: Any, x: Any) -> None:
    assert autodiff.find_nan(f)(x) is None


def test_the_text_has_the_line_the_operands_and_a_remedy() -> None:
    text = str(autodiff.find_nan(sums)(ANGLES))
    line = sums.__code__.co_firstlineno
    assert text == (
        f"in the derivative of this line, inverse_cosine(1) is inf, in pass 8 of the loop at line {line + 2} "
        "as the derivative goes through it.\n"
        f"  {__file__}, line {line + 3}, in sums\n"
        "    total += np.arcsin(x[k])\n"
        "             ^^^^^^^^^^^^^^^\n"
        "  Remedy: keep its argument inside of -1 to 1: np.clip(x, -1 + eps, 1 - eps)"
    )
    assert str(autodiff.find_nan(logs)(np.array([np.nan]))).startswith(
        "the argument x holds nan at index [0] of shape (1,)."
    )


def test_of_a_transformed_function_and_a_method() -> None:
    assert autodiff.find_nan(autodiff.gradient(sums))(ANGLES).cause.kind == "inverse_cosine"
    assert autodiff.find_nan(autodiff.function(logs))(np.zeros(2)).cause.kind == "log"

    class Model:
        @autodiff.gradient
        def share(self, x: Any) -> Any:
            return np.sum(x / np.sum(x))

    found = autodiff.find_nan(Model().share)(np.array([1.0, -1.0]))
    assert found.cause.kind == "divide"


def test_of_integers_only_the_value_is_searched() -> None:
    def f(n: str) -> Any:
        return np.log(np.arange(len(n)))

    assert autodiff.find_nan(f)("abc").cause.operands == (0,)
    assert autodiff.find_nan(f)("") is None


def test_draws_and_prints_happen_once(capsys: Any) -> None:
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)

    def noisy(x: Any) -> Any:
        print("once")
        return np.log(x * rng.normal() * 0.0)

    assert autodiff.find_nan(noisy)(1.0).cause.kind == "log"
    assert capsys.readouterr().out == "once\n"
    twin.normal()
    assert rng.normal() == twin.normal()


def test_the_environment_variable_makes_nan_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIFF_DEBUG_NAN", "1")
    with pytest.raises(
        FloatingPointError, match=r"AD402: in the value, log\(-1\) is nan"
    ) as caught:
        autodiff.function(logs)(np.array([1.0, -1.0]))
    assert caught.value.code == "AD402"
    assert autodiff.function(branching)(3.0) == -np.inf  # written on purpose, and no NaN
    assert autodiff.gradient(logs)(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
