"""Strong zeros, and no dense ones.

A cotangent that is exactly 0 contributes 0 whatever the local partial, so code that NumPy users
guard with ``where`` has a finite gradient.  The gradient of a loop that stores or reads one
element per iteration does one element's work per iteration.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.dims import Dim
from autodiff.ir import Block, Operation, Program, walk

# NumPy computes what is masked, and tells.
pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value)")

over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])


# -- strong zeros ---------------------------------------------------------------------------------
def masked_log(x):
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 0.0)), 0.0))


def unsafe_log(x):
    return np.sum(np.where(x > 0, np.log(x), 0.0))


def unsafe_root(x):
    return np.sum(np.where(x > 0, np.sqrt(x), x))


def unsafe_quotient(x):
    return np.sum(np.where(x == 0, 1.0, np.sin(x) / x))


def norm_at_zero(x):
    return np.linalg.norm(x * 0.0)


def hand_norm_at_zero(x):
    return np.sqrt(np.sum((0.0 * x) ** 2))


def entropy(x):
    return -np.sum(np.where(x > 0, x * np.log(x), 0.0))


def branch_of_root(x):
    total = 0.0
    for v in x:
        total += np.sqrt(v) if v > 0 else 0.0
    return total


def power_of_zero(x):
    return np.sum(np.where(x > 0, x**0.5, 0.0)) + np.sum(x**2)


def absolute_and_hypot(x):
    return np.sum(np.abs(x)) + np.sum(np.hypot(x, 0.0 * x))


X = np.array([-1.5, 0.0, 2.0])
STRONG: list[tuple[Callable[..., Any], list[float]]] = [
    (masked_log, [0, 0, 1 / 2]),
    (unsafe_log, [0, 0, 1 / 2]),
    (unsafe_root, [1, 1, 1 / np.sqrt(8)]),
    (unsafe_quotient, [(np.cos(1.5) * 1.5 - np.sin(1.5)) / -(1.5**2), 0, (np.cos(2) * 2 - np.sin(2)) / 4]),
    (norm_at_zero, [0, 0, 0]),
    (hand_norm_at_zero, [0, 0, 0]),
    (entropy, [0, 0, -np.log(2) - 1]),
    (branch_of_root, [0, 0, 1 / np.sqrt(8)]),
    (power_of_zero, [-3, 0, 4 + 1 / np.sqrt(8)]),
    (absolute_and_hypot, [-2, 0, 2]),
]  # fmt: skip


@over_engines
@pytest.mark.parametrize(("f", "expected"), STRONG, ids=lambda x: getattr(x, "__name__", ""))
def test_a_cotangent_of_zero_contributes_zero(f, expected, engine) -> None:
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(X), expected, rtol=1e-14)


@over_engines
@pytest.mark.parametrize(("f", "expected"), STRONG, ids=lambda x: getattr(x, "__name__", ""))
def test_a_tangent_of_zero_contributes_zero(f, expected, engine) -> None:
    for k in range(3):
        _, tangent = autodiff.jvp(f, (X,), (np.eye(3)[k],), engine=engine)
        np.testing.assert_allclose(tangent, expected[k], rtol=1e-14, atol=0)


@over_engines
@pytest.mark.parametrize("f", [unsafe_log, unsafe_root, entropy, branch_of_root, hand_norm_at_zero])
def test_second_derivatives_are_finite_too(f, engine) -> None:
    product = autodiff.hessian_vector(f, engine=engine)(X, _tensors=np.ones(3))
    assert np.all(np.isfinite(product))
    np.testing.assert_array_equal(product[:2], 0.0)


@over_engines
def test_a_nan_that_matters_is_not_hidden(engine) -> None:
    gradient = autodiff.gradient(lambda x: np.sum(np.log(x)), engine=engine)
    with np.errstate(all="ignore"):
        assert np.isinf(gradient(np.array([0.0, 1.0]))[0])
        assert np.isnan(gradient(np.array([np.nan, 1.0]))[0])


# -- no dense zeros -------------------------------------------------------------------------------
N = 50


def one_store(x):
    a = np.zeros(N)
    for i in range(N):
        a[i] = np.sin(x[i])
    return np.sum(a)


def recurrence(x):
    a = x.copy()
    for i in range(1, N):
        a[i] = 0.5 * a[i - 1] + a[i] * a[i - 1]
    return a[-1]


def read_far(x):
    s = 1.0
    for i in range(N):
        s = s * 0.5 + x[i] * x[(7 * i) % N]
    return s


def swaps(x):
    a = x.copy()
    for i in range(N - 1):
        a[i], a[i + 1] = a[i + 1], a[i] * 0.5
    return np.sum(a**2)


def add_in_place(x):
    a = np.zeros(N)
    for i in range(N):
        a[i // 2] += x[i] ** 2
    return np.sum(a**3)


def conditional_store(x):
    a = np.zeros(N)
    for i in range(N):
        if x[i] > 0:
            a[i] = x[i] ** 2
    return np.sum(a)


def while_store(x):
    a = x.copy()
    i = 0
    while i < N - 1 and a[i] < 10.0:
        a[i + 1] += 0.1 * a[i]
        i += 1
    return a[N - 1]


def rows(m):
    total = 0.0
    for i in range(1, N):
        m[i] = m[i] + 0.5 * m[i - 1]
        total += m[i, 0]
    return total


IN_PLACE = frozenset("slice_update slice_add scatter_update scatter_add for while cond".split())


def size(value: Any) -> int:
    """Elements, where that is known; a size that is not known counts as large."""
    total = 1
    for n in value.type.shape:
        total *= 10**6 if isinstance(n, Dim) else n
    return total


def dense_work(program: Program, limit: int) -> Iterator[Operation]:
    """Operations inside loops that compute more than ``limit`` elements anew."""

    def inside(block: Block) -> Iterator[Operation]:
        for operation in walk(block):
            if operation.kind not in IN_PLACE and any(size(v) > limit for v in operation.results):
                yield operation

    for operation in walk(program.block):
        if operation.kind in ("for", "while"):
            for region in operation.regions:
                yield from inside(region)


CHEAP = [one_store, recurrence, read_far, swaps, add_in_place, conditional_store, while_store]


@pytest.mark.parametrize("f", CHEAP, ids=lambda f: f.__name__)
def test_an_iteration_of_the_gradient_costs_one_element(f) -> None:
    program = autodiff.gradient(f, engine="numpy").ir(np.linspace(0.1, 0.9, N))
    kinds = {operation.kind for operation in walk(program.block)}
    assert kinds & {"for", "while"}, "the loop was not rolled: the test says nothing"
    assert list(dense_work(program, 1)) == []


@pytest.mark.parametrize("f", CHEAP, ids=lambda f: f.__name__)
def test_an_iteration_of_the_second_derivative_costs_one_element(f) -> None:
    x = np.linspace(0.1, 0.9, N)
    compiled = autodiff.hessian_vector(f, engine="numpy")
    assert list(dense_work(compiled.ir(x), 1)) == []


def test_an_iteration_over_rows_costs_a_row() -> None:
    program = autodiff.gradient(rows, engine="numpy").ir(np.ones((N, 4)))
    assert list(dense_work(program, 4)) == []


def test_the_detector_finds_dense_work() -> None:
    def dense(x):
        s = 0.0
        for i in range(N):
            s += np.sum(x * x[i])
        return s

    program = autodiff.gradient(dense, engine="numpy").ir(np.ones(N))
    assert list(dense_work(program, 1))


@over_engines
@pytest.mark.parametrize("f", CHEAP, ids=lambda f: f.__name__)
def test_their_gradients_are_right(f, engine) -> None:
    x = np.linspace(0.1, 0.9, N)
    assert autodiff.check_gradient(f, x, engine=engine).agrees
