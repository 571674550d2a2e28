"""Loop nests: fusion, views, pieces, reductions, against the reference engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.engines.native.compile import compile_program

from .programs import assert_engines_agree, traced


def rosenbrock(x: Any) -> Any:
    a, b = x[:-1], x[1:]
    d = b - a * a
    g = np.zeros_like(x)
    g[1:] += 200.0 * d
    g[:-1] += -400.0 * d * a - 2.0 * (1.0 - a)
    return np.sum(100.0 * d * d + (1.0 - a) ** 2), g


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def padded_stencil(u: Any) -> Any:
    out = np.zeros_like(u)
    out[1:-1, 1:-1] += u[2:, 1:-1] + u[:-2, 1:-1] - 4.0 * u[1:-1, 1:-1]
    out[:, 2:] += u[:, :-2]
    return out


PROGRAMS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "rosenbrock": (rosenbrock, [(2,), (3,), (10,), (1001,)]),
    "softmax": (softmax, [(1, 1), (4, 7), (33, 50)]),
    "two reductions of one pass": (lambda x: (np.sum(x), np.sum(x * x), np.max(x), np.min(x)), [(9,), (20, 3)]),
    "reduction over rows": (lambda x: np.sum(np.sin(x), axis=0), [(5, 3), (1, 4), (70, 65)]),
    "reduction over columns": (lambda x: np.sum(np.sin(x), axis=1), [(5, 3), (4, 1), (70, 65)]),
    "reduction over outer and inner axes": (lambda x: np.sum(x, axis=(0, 2)), [(3, 4, 5)]),
    "reduction over the middle": (lambda x: np.max(x, axis=1), [(3, 4, 5)]),
    "products": (lambda x: (np.prod(x), np.prod(x, axis=0)), [(4, 3)]),
    "variance": (lambda x: (np.var(x), np.std(x, axis=0), np.mean(x, axis=1)), [(30, 20)]),
    "any and all": (lambda x: (np.any(x > 1.5), np.all(x < 3), np.any(x > 0.5, axis=0)), [(6, 5), (2,)][:1]),
    "transposed": (lambda x: x.T * 2.0 + np.sin(x).T, [(4, 6)]),
    "outer sum": (lambda x: x[:, None] + np.cos(x)[None, :], [(7,)]),
    "reshaped": (lambda x: np.reshape(x, (-1,)) * 2.0 + np.reshape(np.exp(x.T), (-1,)), [(4, 6)]),
    "reshaped broadcast": (lambda x: np.reshape(np.broadcast_to(x[:, None], (6, 4)), (3, 8)) + 1.0, [(6,)]),
    "reversed": (lambda x: x[::-1] * x + x[::-2].sum(), [(11,), (4,)]),
    "concatenated": (lambda x: np.concatenate([x, 2.0 * x[1:], x[:1]]) * 3.0, [(5,), (200,)]),
    "five pieces": (lambda x: np.concatenate([x, x + 1, x * 2, np.sin(x), x[:1]]) * 3.0, [(5,), (200,)]),
    "stacked": (lambda x: np.stack([x, np.exp(x), x * x], axis=1).sum(axis=0), [(6,)]),
    "padded": (lambda x: np.pad(x, (2, 3)) * 2.0, [(5,), (1,)]),
    "stencil in two axes": (padded_stencil, [(4, 5), (12, 20)]),
    "diagonal": (lambda x: np.diag(x) * 2.0 + np.trace(x), [(5, 5)]),
    "triangle": (lambda x: np.tril(x) + np.triu(x, 1) * 2.0, [(4, 4)]),
    "row and column of a matrix": (lambda x: x[2] * x[:, 1] + x[0, 0], [(5, 5)]),
    "expensive value used twice": (lambda x: np.exp(x)[1:] - np.exp(x)[:-1] + np.sum(np.exp(x)), [(50,)]),
    "normalised": (lambda x: x / np.sqrt(np.sum(x * x)), [(12,)]),
    "chain of reductions": (lambda x: np.sum((x - np.mean(x)) ** 2 / np.std(x)), [(100,)]),
    "tiny": (lambda x: (x + 1.0) * np.sum(x), [(1,), (2,), (3,), (2, 2)]),
    "rolled": (lambda x: np.roll(x, 1) - 2.0 * x + np.roll(x, -1), [(9,)]),
    "argument is the result": (lambda x: (x, x, x.T), [(3, 4)]),
}  # fmt: skip
CASES = [(name, shape) for name, (_, shapes) in PROGRAMS.items() for shape in shapes]


@pytest.mark.parametrize(("name", "shape"), CASES, ids=lambda v: str(v).replace(" ", "-"))
def test_engines_agree(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    function = PROGRAMS[name][0]
    for dtype in (np.float64, np.float32):
        x = rng.uniform(0.5, 2.0, shape).astype(dtype)
        # Sums are taken in another order: errors of n eps at worst, far fewer in practice.
        assert_engines_agree(traced(function, x), [x], rtol=3e-14, atol=1e-14)


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "b1"])
def test_integer_reductions(dtype: str, rng: np.random.Generator) -> None:
    x = rng.integers(0, 2 if dtype == "b1" else 9, (5, 7)).astype(dtype)
    assert_engines_agree(
        traced(
            lambda x: (
                np.sum(x),
                np.sum(x, axis=0),
                np.max(x, axis=1),
                np.min(x),
                np.prod(x, axis=0),
            ),
            x,
        ),
        [x],
    )


def test_empty_arrays() -> None:
    x, y = np.zeros((0, 3)), np.zeros((3, 0))
    program = traced(
        lambda x, y: (np.sum(x), np.sum(x, axis=0), np.sum(y, axis=1), np.exp(x), x.T, np.prod(y)),
        x,
        y,
    )
    assert_engines_agree(program, [x, y])


def test_maximum_of_nan_is_nan() -> None:
    x = np.array([1.0, np.nan, 3.0, -np.inf] * 9)
    assert_engines_agree(
        traced(lambda x: (np.max(x), np.min(x), np.max(x[2:3]), np.sum(x)), x), [x]
    )


@pytest.mark.parametrize("seed", range(4))
def test_long_sums_are_as_accurate_as_numpy(seed: int) -> None:
    x = np.random.default_rng(seed).uniform(0, 1, 1_000_003).astype(np.float32)
    run = compile_program(traced(lambda x: np.sum(x), x))
    exact = np.sum(x.astype(np.float64))
    half_an_ulp = 2.0**-25 * exact
    assert abs(float(run([x])[0]) - exact) < 1.5 * abs(float(np.sum(x)) - exact) + half_an_ulp


def test_long_sums_of_infinities_are_those_of_numpy() -> None:
    x = np.ones(100_001)
    run = compile_program(traced(lambda x: np.sum(x), x))
    x[77] = np.inf
    assert run([x])[0] == np.inf
    x[99_999] = -np.inf
    assert np.isnan(run([x])[0])


def test_sums_are_taken_in_blocks_only_where_they_may_be_long() -> None:
    def triangle(x: Any) -> Any:
        total = 0.0
        for i in range(len(x)):
            total += np.dot(x[:i], x[:i])
        return total

    def loops(function: Callable[..., Any], n: int) -> int:
        return autodiff.function(function).llvm(np.ones(n)).count("phi i64")

    assert loops(lambda x: np.sum(x), 8192) == 1
    assert loops(lambda x: np.sum(x), 8193) == 2
    assert loops(triangle, 60) == 2  # the loop itself, and a sum of at most 60 products


SHORT_PRODUCTS: list[tuple[Any, ...]] = [
    ("ij,jk->ik", (9, 4), (4, 8)),
    ("ij,jk->ik", (9, 1), (1, 8)),
    ("ij,kj->ik", (70, 3), (65, 3)),
    ("bij,bjk->bik", (5, 7, 2), (5, 2, 6)),
    ("ijk,jkl->il", (6, 2, 2), (2, 2, 9)),
    ("ij,j->i", (30, 3), (3,)),
    ("ij,jk->ik", (9, 0), (0, 8)),
    ("ij,jk->ik", (0, 3), (3, 8)),
]


@pytest.mark.parametrize(("subscripts", "a", "b"), SHORT_PRODUCTS)
@pytest.mark.parametrize("dtype", [np.float64, np.int32, bool])
def test_products_of_few_terms(subscripts: str, a: Any, b: Any, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    x, y = (rng.integers(-3, 4, shape).astype(dtype) for shape in (a, b))

    def program(x: Any, y: Any) -> Any:
        z = np.einsum(subscripts, x, y)
        return z, np.sin(z), z[:1]

    assert_engines_agree(traced(program, x, y), [x, y])


def test_products_of_few_terms_take_part_in_fusion() -> None:
    def text(terms: int) -> str:
        x, w = np.ones((100, terms)), np.ones((terms, 8))
        return str(autodiff.function(lambda x, w: np.tanh(x @ w + 1.0)).llvm(x, w))

    assert text(4).count("phi i64") == 2  # rows and columns of the result
    assert "@autodiff.product." not in text(4)
    assert "@autodiff.product." in text(5)


def test_zeros_are_set_without_a_loop() -> None:
    text = autodiff.function(lambda x: (np.zeros((40, 50)), np.sum(x, axis=0))).llvm(
        np.ones((9, 8))
    )
    assert text.count("call void @llvm.memset") == 2  # the zeros, and where rows are summed
    assert text.count("phi i64") == 2


def test_loops_of_little_work_stay_scalar() -> None:
    def text(n: int) -> str:
        return autodiff.function(lambda x: 2.0 * x + 1.0).llvm(np.ones(n))

    assert "llvm.loop.vectorize.enable" in text(100)
    assert "llvm.loop.vectorize.enable" not in text(10_000)

    def repeated(x: Any) -> Any:
        s = 0.0
        for _ in range(100):
            s += np.sum(x * s)
        return s

    assert "llvm.loop.vectorize.enable" not in autodiff.function(repeated).llvm(np.ones(100))


def test_values_in_one_nest_share_loads_and_results() -> None:
    x = np.linspace(0.1, 1.0, 1000)

    def program(x: Any) -> Any:
        e = np.exp(x)
        return np.sum(e), e, np.max(e * x)

    kernel = assert_engines_agree(traced(program, x), [x], rtol=1e-14).kernel
    body = kernel.text[kernel.text.index("@kernel") :]
    assert body.count(" phi ") == 1
    assert body.count("call double @library.exp") == 1


def test_loop_invariant_work_stands_outside_of_the_inner_loop() -> None:
    x, y = np.ones(30), np.ones((30, 40))
    kernel = assert_engines_agree(traced(lambda x, y: np.exp(x)[:, None] * y, x, y), [x, y]).kernel
    body = kernel.text[kernel.text.index("@kernel") :]
    assert body.index("@library.exp") < body.index("head", body.index("head") + 10)


def test_long_chains_compile() -> None:
    def chain(x: Any) -> Any:
        for _ in range(1500):
            x = x * 0.999 + 1e-3
        return x

    x = np.linspace(0, 1, 20)
    assert_engines_agree(traced(chain, x), [x], rtol=1e-12)


def test_large_constants_are_data(rng: np.random.Generator) -> None:
    small, large = rng.random(20), rng.random(2000)
    program = traced(lambda x: (x[:20] * small, np.sum(x * large)), np.ones(2000))
    run = assert_engines_agree(program, [np.ones(2000)], rtol=1e-14)
    assert [c.size for c in run.kernel.constants] == [2000]


def test_what_is_cleared_is_read_first() -> None:
    def drained(x: Any) -> Any:
        a, b = x.copy(), 3.0 * x
        for _ in range(10):
            a, b = a + 2.0 * b, np.zeros(5)
        return a

    x = np.arange(5.0)
    np.testing.assert_array_equal(autodiff.function(drained)(x), 7.0 * x)
