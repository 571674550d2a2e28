"""Arithmetic of the user's own is rounded as NumPy rounds it, bit for bit, alone or beside a derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

RNG = np.random.default_rng(5)
X, Y = RNG.uniform(0.1, 3.0, size=(2, 101))


def equal_terms(x: Any, y: Any) -> Any:
    return np.sqrt(x * x - y * y)


def discriminant(x: Any, y: Any) -> Any:
    b = x + y
    return np.sqrt(b * b - 4 * (x * y) - (x - y) ** 2 + 1.0)


def product_and_sum(x: Any, y: Any) -> Any:
    return x * y + x


def accumulated(x: Any, y: Any) -> Any:
    z = x.copy()
    z[1:] += x[:-1] * y[1:]
    z[:5] -= x[:5] * y[:5]
    return z


def logistic_map(x: Any, y: Any) -> Any:
    for _ in range(60):
        x = 3.9 * x * (1.0 - x) + 1e-3 * y
        x = x - np.floor(x)
    return x


def store_and_read(x: Any, y: Any) -> Any:
    z = np.zeros_like(x)
    for i in range(1, len(x)):
        z[i] = z[i - 1] * 1.7 + x[i] * y[i]
        if z[i] > 2.0:
            z[i] -= 1.5 * z[i]
    return z


def escape_times(x: Any, y: Any) -> Any:
    z, count = np.zeros_like(x), np.zeros(x.shape)
    for _ in range(50):
        inside = np.abs(z) < 2
        z[inside] = z[inside] ** 2 + x[inside] - 2.1
        count[inside] += 1
    return count + z


def scalars(x: Any, y: Any) -> Any:
    total, k = x[0], 0
    while k < 40:
        total = total * 1.37 - total * y[k]
        k += 1
    return total + x


PROGRAMS = [
    equal_terms, discriminant, product_and_sum, accumulated, logistic_map, store_and_read, escape_times, scalars,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS)
def test_values_are_numpys_to_the_last_bit(f: Callable[..., Any]) -> None:
    with np.errstate(invalid="ignore"):
        for x, y in ((X, Y), (X, X), (X[::-1], Y)):
            np.testing.assert_array_equal(autodiff.function(f)(x, y), f(x, y))


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("k", [0, 7, 60])
@pytest.mark.filterwarnings("ignore:invalid value")  # roots of negative numbers
def test_values_beside_a_derivative_are_no_different(f: Callable[..., Any], k: int) -> None:
    value, _ = autodiff.value_and_gradient(lambda x, y: f(x, y)[k])(X, Y)
    pushed, _ = autodiff.jvp(f, (X, Y), (Y, X))
    with np.errstate(invalid="ignore"):
        expected = f(X, Y)
    np.testing.assert_array_equal(value, expected[k])
    np.testing.assert_array_equal(pushed, expected)


def test_equal_products_cancel() -> None:
    assert np.array_equal(autodiff.function(equal_terms)(X, X), np.zeros_like(X))


def test_derivatives_may_fuse_and_values_may_not() -> None:
    text = autodiff.function(product_and_sum).llvm(X, Y)
    assert "fadd" in text
    assert "contract" not in text
    derivative = autodiff.gradient(lambda x, y: np.sum(np.sin(x * y) + x * y))
    assert "contract" in derivative.llvm(X, Y)


PRODUCTS: list[Callable[[Any], Any]] = [
    np.prod,
    lambda x: np.prod(x * 1e200),
    lambda x: np.prod(1e200 / x),
    lambda x: np.multiply.reduce(x.reshape(2, -1), axis=1),
    lambda x: np.prod(x.reshape(2, -1), axis=0),
    lambda x: np.prod(np.sqrt(x) * x * 1e-100),
    lambda x: np.prod((x * 1e180).astype(np.float32) * np.float32(1e30)),
    lambda x: np.prod(x, where=x < 1.0),
]


@pytest.mark.parametrize("f", PRODUCTS)
@pytest.mark.parametrize("n", [1, 3, 16, 40])
@pytest.mark.filterwarnings("ignore:overflow")
def test_products_are_taken_in_order(f: Callable[[Any], Any], n: int) -> None:
    """In another order, or with their constants brought together, they would leave the range."""
    for pair in ([1e200, 1e-200], [1e-200, 1e-200], [3.0, 0.3]):
        x = np.array(pair * n)
        expected = f(x)
        for got in (autodiff.function(f)(x), autodiff.function(f, threads=2)(x)):
            np.testing.assert_array_equal(got, expected)


def test_only_sums_of_derivatives_are_reordered() -> None:
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total = total + x[i] * np.sin(x[i]) + x[i] * x[i]
            x[i] += 0.5
        return total + np.sum(np.exp((x - 3.0) - total))

    x = np.linspace(0.0, 1.0, 50)
    additions = [line for line in kernel_of(autodiff.function(f), x) if "fadd" in line]
    assert additions
    assert not any("nsz" in line for line in additions)
    derived = [line for line in kernel_of(autodiff.gradient(f), x) if "nsz" in line]
    assert derived
    assert all("fadd contract reassoc nsz" in line for line in derived)
    autodiff.check_gradient(lambda x: f(x.copy()), x)


def kernel_of(compiled: Any, x: np.ndarray) -> list[str]:
    text = compiled.llvm(x)
    return text[text.index("@kernel(") :].splitlines()


@pytest.mark.parametrize("terms", [2, 3, 4])
@pytest.mark.parametrize("kink", [
    lambda g: np.minimum(g, 1.0),
    lambda g: np.maximum(0.5, g),
    lambda g: g.clip(0.2, 1.5),
    lambda g: g - np.max(g, axis=0),
])  # fmt: skip
def test_what_ties_are_looked_for_in_is_computed_once(
    kink: Callable[[Any], Any], terms: int
) -> None:
    # A product written out fuses in one loop and not in the other: then no element is the maximum.
    def f(x):
        return np.sum(np.cumsum(kink(x.T @ x))) ** 2

    x = np.random.default_rng(terms).uniform(0.1, 0.9, (5, terms, 4))
    expected = np.stack([autodiff.gradient(f, engine="numpy")(row) for row in x])
    found = autodiff.vmap(autodiff.gradient(f))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
