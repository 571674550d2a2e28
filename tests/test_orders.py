"""Arrays in Fortran order: where they keep coming, a program takes them as they lie."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.compiled import orders

A = np.asfortranarray(np.random.default_rng(0).standard_normal((40, 3)))
W = np.array([0.5, -1.0, 2.0])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are made at the second call."""
    monkeypatch.setattr(orders, "ENOUGH", 2 * orders._OF_CALL)


def known(transformed: Any) -> list[Any]:
    """What is known of arrays in Fortran order, of all specialisations."""
    return [found for s in transformed.cache for found in s.orders.values()]


def row_stored(a: Any) -> Any:
    a[3] = a[2] * 2.0
    return a.sum()


def stencil(a: Any) -> None:
    a[1:-1, 1:-1] = 0.25 * (a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2])


def looped(a: Any) -> Any:
    total = 0.0
    for i in range(len(a)):
        total = total + a[i, 1] * total + a[i, 0]
    return total


# A function, and whether its second program is made.
FUNCTIONS: dict[str, tuple[Callable[..., Any], bool]] = {
    "sum of squares": (lambda a: (a * a).sum(), True),
    "rows": (lambda a: np.exp(a - a.mean(0)).sum(axis=1), True),
    "product": (lambda a: np.tanh(a @ W), True),
    "gram": (lambda a: a.T @ a, True),
    "global": (lambda a: (a * W).sum(), True),
    "a row stored": (row_stored, True),
    "a stencil": (stencil, True),
    "itself": (lambda a: a + 1.0, True),
    "a loop": (looped, False),
    "a draw": (lambda a: a + np.random.default_rng(0).normal(), True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_those_of_plain_python(name: str) -> None:
    f, made = FUNCTIONS[name]
    g = autodiff.function(f)
    for k in range(4):
        given, plain = A + k, A + k
        assert given.flags.fnc
        result, wanted = g(given), f(plain)
        assert type(result) is type(wanted)
        if wanted is not None:
            np.testing.assert_allclose(result, wanted, rtol=1e-14)
        np.testing.assert_array_equal(given, plain)
    assert [callable(x) for x in known(g)] == [made]


@pytest.mark.parametrize("name", ["sum of squares", "rows", "product", "gram", "a loop"])
def test_derivatives(name: str) -> None:
    f = FUNCTIONS[name][0]
    scalar = lambda a: np.sum(f(a) ** 2)  # noqa: E731
    gradient, pushed = autodiff.gradient(scalar), autodiff.jvp
    wanted = autodiff.gradient(scalar, engine="numpy")(np.ascontiguousarray(A))
    for _ in range(4):
        np.testing.assert_allclose(gradient(A), wanted, rtol=1e-13)
        _, along = pushed(scalar, (A,), (A,))
        np.testing.assert_allclose(along, np.sum(wanted * A), rtol=1e-12)
    assert len(known(gradient)) == 1


def test_some_arguments_of_other_sizes_and_orders() -> None:
    f = autodiff.function(lambda a, b, s: (a * b).sum(axis=0) * s)
    for n in (4, 4, 5, 6, 7, 8, 9):
        a, b = np.asfortranarray(np.arange(3.0 * n).reshape(n, 3)), np.ones((n, 3)) + n
        for x, y in ((a, b), (b, a), (a, a + 1), (a[:, ::-1], b)):
            np.testing.assert_allclose(f(x, y, 2.0), (x * y).sum(axis=0) * 2.0, rtol=1e-14)


def test_warnings_are_told_by_the_first_program() -> None:
    f = autodiff.function(lambda a: np.log(a).sum())
    for _ in range(3):
        f(np.abs(A))
    assert [callable(x) for x in known(f)] == [True]
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        f(A)
    assert known(f) == [None]
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        f(A)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(f(np.abs(A)), np.log(np.abs(A)).sum(), rtol=1e-14)


def test_a_read_only_array_in_fortran_order_is_refused_as_by_numpy() -> None:
    f, a = autodiff.function(row_stored), A.copy("F")
    for _ in range(3):
        f(a)
    a.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(a)
