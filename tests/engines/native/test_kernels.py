"""Products, factorisations, solves, running sums, positions of extrema: against the reference engine."""

from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import session
from autodiff.ops.control import CheckFailed
from autodiff.ops.linear_algebra import dot_general, triangular_solve
from autodiff.ops.reductions import true_positions
from autodiff.ops.tracer import emit_tracer

from .programs import assert_engines_agree, traced

PRODUCTS = [
    ((3,), (3,), ((0,), (0,)), ((), ())),
    ((4, 3), (3,), ((1,), (0,)), ((), ())),
    ((3, 4), (3,), ((0,), (0,)), ((), ())),
    ((3,), (3, 5), ((0,), (0,)), ((), ())),
    ((3,), (5, 3), ((0,), (1,)), ((), ())),
    ((4, 3), (3, 5), ((1,), (0,)), ((), ())),
    ((3, 4), (5, 3), ((0,), (1,)), ((), ())),
    ((4, 3), (5,), ((), ()), ((), ())),
    ((2, 4, 3), (2, 3, 5), ((2,), (1,)), ((0,), (0,))),
    ((4, 2, 3), (3, 5, 2), ((2,), (0,)), ((1,), (2,))),
    ((4, 3, 2), (5, 2, 3), ((1, 2), (2, 1)), ((), ())),
    ((2, 3), (2, 3), ((1,), (1,)), ((0,), (0,))),
    ((0, 3), (3, 2), ((1,), (0,)), ((), ())),
    ((4, 0), (0, 2), ((1,), (0,)), ((), ())),
]


@pytest.mark.parametrize("scale", [1, 9], ids=["inline", "blas"])
@pytest.mark.parametrize("case", PRODUCTS, ids=str)
def test_products(case: Any, scale: int, rng: np.random.Generator) -> None:
    shape_a, shape_b, contract, batch = case
    for dtype in (np.float64, np.float32, np.int32):
        a = (4 * rng.random([n * scale for n in shape_a])).astype(dtype)
        b = (4 * rng.random([n * scale for n in shape_b])).astype(dtype)
        assert_engines_agree(
            traced(lambda a, b: dot_general(a, b, contract, batch), a, b), [a, b], 3e-14, 1e-14
        )


def test_operands_of_products_that_are_views_are_not_copied(rng: np.random.Generator) -> None:
    a, b = rng.random((40, 50)), rng.random((60, 50))
    program = traced(
        lambda a, b: a[5:, 3:] @ b.T[3:] + (b[:35, :50] @ a.T[:, :60:2].T.T)[:, :1] * 0.0, a, b
    )
    kernel = assert_engines_agree(program, [a, b], 1e-13).kernel
    assert kernel.text.count("call void @dgemm") == 2
    plain = traced(lambda a, b: a[5:, 3:] @ b.T[3:], a, b)
    assert assert_engines_agree(plain, [a, b], 1e-13).kernel.work_bytes == 0


def test_products_of_computed_operands(rng: np.random.Generator) -> None:
    a, b = rng.random((30, 40)), rng.random((40, 20))
    program = traced(lambda a, b: np.sin(a @ np.exp(b)) @ (b.T * 2.0) + a[::-1], a, b)
    assert_engines_agree(program, [a, b], 1e-11, 1e-13)


def test_logistic_regression_passes_over_the_data(rng: np.random.Generator) -> None:
    x, y, w = rng.random((50, 7)), (rng.random(50) < 0.5) * 1.0, rng.random(7)

    def program(x: Any, y: Any, w: Any) -> Any:
        z = x @ w
        p = 1.0 / (1.0 + np.exp(-z))
        return np.sum(np.log1p(np.exp(-z)) + (1.0 - y) * z), (p - y) @ x

    assert_engines_agree(traced(program, x, y, w), [x, y, w], 1e-13, 1e-14)


def matrices(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    a = rng.standard_normal(shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "shape", [(1, 1), (4, 4), (30, 30), (2, 3, 5, 5), (0, 0), (3, 0, 0)], ids=str
)
def test_factorisations(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> None:
    a = matrices(rng, shape).astype(dtype)
    b = rng.standard_normal((*shape[:-1], 3)).astype(dtype)
    c = rng.standard_normal((*shape[:-1], 1)).astype(dtype)

    def program(a: Any, b: Any, c: Any) -> Any:
        results = [
            emit_tracer("cholesky", a),
            emit_tracer("inverse", a),
            *emit_tracer("slogdet", a),
        ]
        results += [
            emit_tracer("eigenvalues", np.tril(a)),
            emit_tracer("eigenvalues", a, upper=True),
        ]
        results += [emit_tracer("slogdet", a - np.swapaxes(a, -1, -2) * 0.5 - a)[0]]
        results += [emit_tracer("solve", a + 0.1 * np.tril(a), b), emit_tracer("solve", a, c * 2.0)]
        for lower in (True, False):
            for transposed in (True, False):
                results.append(triangular_solve(a, b, lower, transposed))
                results.append(triangular_solve(np.swapaxes(a, -1, -2), c, lower, transposed))
        return results

    assert_engines_agree(traced(program, a, b, c), [a, b, c], 1e-11, 1e-12)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("cholesky", "not positive definite"), ("solve", "Singular"), ("inverse", "Singular")],
)
def test_what_cannot_be_factorised_fails(kind: str, message: str) -> None:
    a = np.zeros((3, 3))
    extra = (np.ones((3, 2)),) if kind == "solve" else ()
    run = assert_engines_agree(
        traced(lambda *x: emit_tracer(kind, *x), a, *extra), [np.eye(3), *extra], 1e-15
    )
    with pytest.raises(CheckFailed, match=message):
        run([a, *extra])


def test_slogdet_of_a_singular_matrix() -> None:
    a = np.ones((3, 3))
    assert_engines_agree(traced(lambda a: emit_tracer("slogdet", a), a), [a])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
@pytest.mark.parametrize(
    "sizes", [(1, 1), (5, 3), (3, 5), (1024, 1), (1025, 1024), (2100, 40), (40, 2100)], ids=str
)
def test_convolutions(
    sizes: tuple[int, int], dtype: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, v = (rng.integers(-9, 9, n).astype(dtype) for n in sizes)
    program = traced(lambda a, v: emit_tracer("convolve", a, v), a, v)
    assert_engines_agree(program, [a, v])  # of small whole numbers, so exact in any order
    monkeypatch.setenv("AUTODIFF_CHECK", "3")  # no element beyond the arrays
    assert_engines_agree(program, [a, v])


def test_a_convolution_with_what_is_not_finite() -> None:
    a, v = np.array([1.0, np.inf, 2.0, -0.0]), np.array([0.0, np.nan, 1.0])
    assert_engines_agree(traced(lambda a, v: emit_tracer("convolve", a, v), a, v), [a, v])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (0,), (1, 1)], ids=str)
def test_along_an_axis(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> None:
    x = rng.integers(0, 4, shape).astype(dtype)

    def program(x: Any) -> Any:
        results = []
        for axis in range(len(shape)):
            for reverse in (False, True):
                results.append(emit_tracer("cumulative_sum", x * 2, axis=axis, reverse=reverse))
                results.append(emit_tracer("cumulative_prod", x, axis=axis, reverse=reverse))
            if 0 not in shape:
                results += [
                    emit_tracer("argmax", x, axis=axis),
                    emit_tracer("argmin", x + x, axis=axis),
                ]
        return results

    assert_engines_agree(traced(program, x), [x], 1e-14)


def test_first_nan_wins() -> None:
    x = np.array([[1.0, np.nan, 5.0, np.nan], [np.inf, 2.0, -np.inf, 2.0]])
    program = traced(
        lambda x: (emit_tracer("argmax", x, axis=1), emit_tracer("argmin", x, axis=1)), x
    )
    assert_engines_agree(program, [x])


MASKS = {
    "some": lambda x: x > 0.5,
    "none": lambda x: x > 2.0,
    "all": lambda x: x < 2.0,
    "computed": lambda x: np.sin(3.0 * x) * np.exp(x) + np.tanh(x) > 1.0,
    "view": lambda x: (x > 0.5)[..., ::-1],
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("shape", [(37,), (5, 7), (2, 3, 4), (0,), (3, 0)], ids=str)
def test_positions_of_true_elements(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = rng.random(shape)
    program = traced(lambda x: tuple(true_positions(MASKS[name](x))), x)
    assert not assert_engines_agree(program, [x], 0.0).kernel.host_calls


@pytest.mark.parametrize("seed", range(5))
def test_positions_found_in_a_loop(seed: int) -> None:
    def bins(x, n):
        total = 0.0
        for i in range(n):
            inside = x[(x >= i / n) & (x < (i + 1) / n)]
            total += inside.size * (inside**2).sum()
            x[x < i / n] *= 1.0 + x[0]
        return total

    x = np.random.default_rng(seed).random(50)
    given = x.copy(), x.copy()
    np.testing.assert_allclose(autodiff.function(bins)(given[0], 7), bins(given[1], 7), 1e-13)
    np.testing.assert_allclose(given[0], given[1], 1e-14)


# -- factors that are used again --------------------------------------------------------------------
def _twice(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(a, b) ** 2) + np.sum(np.linalg.solve(a, 2.0 * b) ** 3)


def _likelihood(a: Any, b: Any) -> Any:
    return np.log(abs(np.linalg.det(a))) + b @ np.linalg.solve(a, b)


def _in_a_loop(a: Any, b: Any) -> Any:
    for k in range(3):
        b = np.linalg.solve(a + k * np.eye(len(b)), b)
    return np.sum(b * b)


def _in_a_branch(a: Any, b: Any) -> Any:
    x = np.linalg.solve(a, b)
    return np.sum(np.linalg.inv(a)) + x[0] if x[0] > 0 else np.sum(np.linalg.solve(a, x) ** 2)


def _changed(a: Any, b: Any) -> Any:
    first = np.linalg.solve(a, b)
    a[0, 0] += 1.0
    return np.sum(first * np.linalg.solve(a, b))


# The gradient, and how many factorisations it takes.
WITH_FACTORS = {
    "solve": (lambda a, b: np.sum(np.linalg.solve(a, b) ** 2), 1),
    "columns": (lambda a, b: np.sum(np.linalg.solve(a, np.stack([b, 2 * b], 1)) ** 2), 1),
    "two of one matrix": (_twice, 1),
    "logarithm of the determinant": (_likelihood, 2),  # another one where it is singular
    "loop": (_in_a_loop, 3),
    "branch": (_in_a_branch, 1),
    "changed matrix": (_changed, 2),
    # Each is rounded as NumPy rounds it, by its own factors.
    "transpose by hand": (lambda a, b: np.sum(np.linalg.solve(a.T, np.linalg.solve(a, b)) ** 2), 2),
    "stack": (lambda a, b: np.sum(np.linalg.solve(np.stack([a, a + 1.0]), b[:, None]) ** 2), 2),
}


@pytest.mark.parametrize("name", WITH_FACTORS)
@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_matrix_is_factorised_once(name: str, n: int, rng: np.random.Generator) -> None:
    f, count = WITH_FACTORS[name]
    a, b = rng.standard_normal((n, n)) + 3.0 * np.eye(n), rng.standard_normal(n)
    native = autodiff.value_and_gradient(f, wrt=("a", "b"))
    value, slopes = native(a.copy(), b)
    wanted, expected = autodiff.value_and_gradient(f, wrt=("a", "b"), engine="numpy")(a.copy(), b)
    np.testing.assert_allclose(value, wanted, rtol=1e-11)
    for slope, right in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, right, rtol=1e-9, atol=1e-11)
    if n == 9:
        assert native.llvm(a, b).count("call void @dgetrf(") == count
        again = native(2 * a, -b)  # nothing is left of the factors of the call before
        np.testing.assert_allclose(
            again[1][0],
            autodiff.gradient(f, engine="numpy", wrt="a")(2 * a, -b),
            rtol=1e-9,
            atol=1e-11,
        )


def test_kept_factors_of_a_singular_matrix_are_not_divided_by() -> None:
    def f(a: Any) -> Any:
        return np.linalg.slogdet(a)[1] + np.sum(np.linalg.inv(a))

    compiled = autodiff.function(f)
    compiled(np.eye(3))
    assert compiled.llvm(np.eye(3)).count("call void @dgetrf(") == 1
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        compiled(np.ones((3, 3)))


@pytest.mark.parametrize("f", [lambda x: np.argmax(x), lambda x: x[np.argmin(x)] + x[np.argmax(x)]])
def test_places_of_extrema_are_sought_many_elements_at_a_time(f: Any) -> None:
    x = np.cos(np.arange(1000.0))
    compiled = autodiff.function(f)
    assert compiled(x) == f(x)
    text = compiled.llvm(x)
    with session._lock:
        module = session._state().parse(session._complete(text))
        session._state().optimise(module, text)
    loops = sum(line.startswith("head") for line in text.splitlines())
    left = sum(line.startswith("head") for line in str(module).splitlines())
    assert (loops, left) in ((2, 0), (4, 0))
