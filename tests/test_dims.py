"""Extents: arithmetic against integers, ranges against enumeration, decisions and refusals.

The property tests build the same random expression over Dims and over the integers that their
symbols stand for; whatever a Dim claims (its value, its bounds, a comparison) must hold there.
"""

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from autodiff.dims import (
    Dim,
    Extent,
    Func,
    UndecidedExtent,
    at_least,
    bounds,
    deciding,
    equal,
    equal_shapes,
    evaluate,
    floordiv,
    format_extent,
    maximum,
    minimum,
    product,
    same,
    same_shape,
    substitute,
    symbols,
    upper_bound,
)


class Symbol:
    """A named symbol with a range, as values of a program have."""

    def __init__(self, name: str, low: Extent | None = None, high: Extent | None = None) -> None:
        self.name, self.low, self.high = name, low, high

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


def ranged(name: str, low: Extent | None = None, high: Extent | None = None) -> Dim:
    return Dim.symbol(Symbol(name, low, high))


N, M = Symbol("n"), Symbol("m")
n, m = Dim.symbol(N), Dim.symbol(M)


# -- arithmetic -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        ((n + 1) - n, 1),
        (n * 0, 0),
        (n - n, 0),
        (0 * (n + m), 0),
        ((n + 1) * (n - 1) - n**2, -1),
        (floordiv(4 * n + 6, 2) - 2 * n, 3),
        ((2 * n) % 2, 0),
        (floordiv(n * m, n) - m, 0),
        (n**0, 1),
        (floordiv(n + m, n + m), 1),
        (product((2, n, 3)) - 6 * n, 0),
        (product(()), 1),
    ],
)  # fmt: skip
def test_what_is_constant_collapses_to_an_int(extent: Extent, expected: int) -> None:
    assert type(extent) is int
    assert extent == expected


@pytest.mark.parametrize(
    ("extent", "text"),
    [
        (n, "n"),
        (n + 1, "n + 1"),
        (1 - n, "-n + 1"),
        (2 * n * m - 3, "2*n*m - 3"),
        (n**2, "n**2"),
        (n // 2, "((n) // (2))"),
        (minimum(n, m), "min(n, m)"),
        (7, "7"),
    ],
)
def test_text(extent: Extent, text: str) -> None:
    assert format_extent(extent) in (text, text.replace("n*m", "m*n"))


def test_equal_polynomials_hash_alike() -> None:
    assert hash((n + 1) * (n + 1)) == hash(n * n + 2 * n + 1)
    assert {n + m: 1}[m + n] == 1


def test_arithmetic_with_other_types_is_refused() -> None:
    with pytest.raises(TypeError):
        n + 1.5
    with pytest.raises(TypeError):
        n * "a"
    assert (n == "n") is False


def _integer_expressions(depth: int) -> st.SearchStrategy[Any]:
    """Pairs of functions of (a, b): one on any extents, usable with Dims and with integers."""
    leaf = st.one_of(
        st.integers(-3, 5).map(lambda c: lambda a, b: c),
        st.sampled_from([lambda a, b: a, lambda a, b: b]),
    )

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        two = st.tuples(inner, inner)
        return st.one_of(
            two.map(lambda p: lambda a, b: p[0](a, b) + p[1](a, b)),
            two.map(lambda p: lambda a, b: p[0](a, b) - p[1](a, b)),
            two.map(lambda p: lambda a, b: p[0](a, b) * p[1](a, b)),
            st.tuples(inner, st.integers(1, 4)).map(
                lambda p: lambda a, b: floordiv(p[0](a, b), p[1])
            ),
            st.tuples(inner, st.integers(1, 4)).map(lambda p: lambda a, b: p[0](a, b) % p[1]),
            two.map(lambda p: lambda a, b: minimum(p[0](a, b), p[1](a, b))),
            two.map(lambda p: lambda a, b: maximum(p[0](a, b), p[1](a, b))),
        )

    return st.recursive(leaf, extend, max_leaves=depth)


@given(_integer_expressions(6), st.integers(0, 6), st.integers(0, 6))
def test_an_extent_is_worth_what_the_integers_are(
    build: Callable[..., Any], a: int, b: int
) -> None:
    extent = build(n, m)
    assert evaluate(extent, {N: a, M: b}.__getitem__) == build(a, b)


@given(
    _integer_expressions(5),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 3),
)
def test_bounds_hold_for_every_value_in_range(
    build: Callable[..., Any], a: int, more_a: int, b: int, more_b: int
) -> None:
    first, second = Symbol("a", a, a + more_a), Symbol("b", b, b + more_b)
    extent = build(Dim.symbol(first), Dim.symbol(second))
    low, high = bounds(extent)
    for x, y in itertools.product(range(a, a + more_a + 1), range(b, b + more_b + 1)):
        value = evaluate(extent, {first: x, second: y}.__getitem__)
        assert low is None or low <= value
        assert high is None or value <= high


@given(_integer_expressions(5), st.integers(0, 4), st.integers(0, 4))
def test_a_bound_free_of_the_local_symbol_bounds_every_iteration(
    build: Callable[..., Any], count: int, b: int
) -> None:
    size = Symbol("size", 0)
    index = Symbol("k", 0, Dim.symbol(size) - 1)
    extent = build(Dim.symbol(index), Dim.symbol(size))
    bound = upper_bound(extent, {index})
    if bound is None:
        return
    assert index not in symbols(bound)
    for k in range(count):
        value = evaluate(extent, {index: k, size: count}.__getitem__)
        assert value <= evaluate(bound, {size: count}.__getitem__)


# -- comparisons --------------------------------------------------------------------------------
def test_comparison_by_algebra() -> None:
    assert n + 1 == 1 + n
    assert (n + 2) > (n + 1)
    assert n <= n
    assert n != n + 1
    assert not n < n


def test_comparison_by_range() -> None:
    k = ranged("k", 0, n - 1)
    assert k < n
    assert k >= 0
    assert n - k >= 1
    assert k + 1 != 0


def test_a_triangle_of_loop_indices_is_decided() -> None:
    size = ranged("size", 1)
    i = Symbol("i", 0, size - 1)
    j = Symbol("j", 0, Dim.symbol(i) - 1)
    assert Dim.symbol(j) < size
    assert at_least(size - Dim.symbol(j) - 1, 0)


@pytest.mark.parametrize(
    "compare",
    [
        lambda: equal(n, m),
        lambda: equal_shapes((2, n), (2, m)),
        lambda: at_least(n, 4),
        lambda: n > 3,
        lambda: n <= m,
    ],
)
def test_an_open_comparison_is_refused_without_a_decider(compare: Callable[[], Any]) -> None:
    with pytest.raises(UndecidedExtent):
        compare()


def test_the_decider_is_asked_only_what_is_open() -> None:
    asked: list[tuple[str, str]] = []

    def decide(relation: str, difference: Dim) -> bool:
        asked.append((relation, str(difference)))
        return relation == ">="

    with deciding(decide):
        assert equal(n + 1, n + 1)
        assert at_least(n, 3)
        assert not equal(n, 4)
        assert not equal_shapes((2, n), (3, m))
        assert at_least(ranged("k", 1), 1)
    assert asked == [(">=", "n - 3"), ("==", "n - 4")]
    with pytest.raises(UndecidedExtent):
        at_least(n, 3)


def _never(relation: str, difference: Dim) -> bool:
    raise AssertionError(f"asked whether {difference} {relation} 0")


def test_equality_is_that_of_the_polynomial_and_asks_nobody() -> None:
    k = ranged("k", 1, 1)  # which is 1, but is not written so
    with deciding(_never):
        assert [n == m, n != m, n == 3, 3 != n, n == n + 0, k == 1] == [
            *(False, True, False, True, True, False)
        ]
        assert (2, n) != (2, m)
        assert n in (m, n) and m not in {n: 0, n + 1: 0}
        assert Func("min", n, 3) != Func("min", m, 3)


@pytest.mark.parametrize("compare", [lambda: n < m, lambda: n >= 3, lambda: max(n, 3)])
def test_an_order_asks_nobody(compare: Callable[[], Any]) -> None:
    with deciding(_never), pytest.raises(UndecidedExtent):
        compare()


def test_an_extent_has_no_truth() -> None:
    with pytest.raises(TypeError, match=r"whether n is zero is asked by equal\(extent, 0\)"):
        bool(n)


def test_same_never_asks() -> None:
    assert same(n + m, m + n)
    assert not same(n, m)
    assert not same(n, 3)
    assert same_shape((2, n), (2, n))
    assert not same_shape((2, n), (n, 2))
    assert not same_shape((2,), (2, n))


def test_plain_integers_are_decided_at_once() -> None:
    with deciding(_never):
        assert equal(3, 3)
        assert not equal(3, 0)
        assert at_least(0, 0)
        assert not at_least(-1, 0)


# -- extrema --------------------------------------------------------------------------------------
def test_extrema_are_decided_where_ranges_allow() -> None:
    k = ranged("k", 0, 4)
    assert minimum(k, 4) is k
    assert maximum(k, 4) == 4
    assert maximum(k, 0) is k
    assert isinstance(maximum(n, 0), Dim)


def test_equal_atoms_are_one_atom() -> None:
    assert same(minimum(n, m) - minimum(n, m), 0)
    assert Func("min", n, m) == Func("min", n, m)
    assert Func("min", n, m) != Func("max", n, m)
    assert hash(Func("floordiv", n, 2)) == hash(Func("floordiv", n, 2))


# -- traversal ------------------------------------------------------------------------------------
def test_substitution_reaches_into_atoms() -> None:
    extent = minimum(n, m) + n // 2
    assert symbols(extent) == {N, M}
    assert substitute(extent, lambda s: {N: 7, M: 3}[s]) == 6
    half = substitute(extent, lambda s: m if s is N else Dim.symbol(s))
    assert same(half, m + m // 2)


def test_an_extent_is_an_index_nowhere() -> None:
    # A Dim that slipped into NumPy would silently freeze a size: it has no __index__.
    with pytest.raises(TypeError):
        np.zeros(n)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        range(n)  # type: ignore[arg-type]
