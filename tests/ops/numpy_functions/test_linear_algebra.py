"""Products, einsum and np.linalg against NumPy, with derivatives to second order."""

from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import ShapeError
from tests.ops.support import ENGINES, check_derivatives, check_value, run

rng = np.random.default_rng(0)
A, B, V, W = (
    rng.normal(size=(3, 4)),
    rng.normal(size=(4, 2)),
    rng.normal(size=4),
    rng.normal(size=3),
)
T = rng.normal(size=(2, 3, 4))
S = rng.normal(size=(4, 4)) + 4 * np.eye(4)
P = S @ S.T
STACK = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
engines = pytest.mark.parametrize("engine", ENGINES)

PRODUCTS = {
    "dot vectors": (lambda x: np.dot(x, x), V),
    "dot matrix vector": (lambda a, x: np.dot(a, x), A, V),
    "dot vector matrix": (lambda x, a: x.dot(a), W, A),
    "dot matrices": (lambda a, b: a.dot(b), A, B),
    "dot scalar": (lambda a: np.dot(a, 2.0), A),
    "dot many axes": (lambda t, b: np.dot(t, b), T, B),
    "dot many axes both": (lambda t, u: np.dot(t, u), T, rng.normal(size=(5, 4, 2))),
    "matmul": (lambda a, b: a @ b, A, B),
    "matmul vector": (lambda a, x: a @ x, A, V),
    "matmul left vector": (lambda x, a: x @ a, W, A),
    "matmul batched": (lambda t, b: t @ b, T, B),
    "matmul both batched": (lambda t: t @ np.swapaxes(t, -1, -2), T),
    "matmul broadcast": (lambda a, t: a.T @ t, A, T),
    "matmul vector batched": (lambda x, t: x @ t, W, T),
    "vdot": (lambda a: np.vdot(a, a), A),
    "inner": (lambda a, t: np.inner(a, t), A, T),
    "outer": (lambda x, y: np.outer(x, y), V, W),
    "tensordot 2": (lambda a: np.tensordot(a, a), A),
    "tensordot axes": (lambda t, a: np.tensordot(t, a, axes=([1, 2], [0, 1])), T, A),
    "tensordot 0": (lambda x, y: np.tensordot(x, y, axes=0), V, W),
    "kron": (lambda a, b: np.kron(a, b), A, B),
    "kron vector": (lambda x, b: np.kron(x, b), V, B),
    "cross": (lambda x, y: np.cross(x, y), rng.normal(size=(2, 3)), W),
    "vecdot": (lambda t, a: np.vecdot(t, a), T, A),
    "multi_dot": (lambda a, b, x: np.linalg.multi_dot([x, a, b]), A, B, W),
    "multi_dot three": (lambda a, b: np.linalg.multi_dot([a.T, a, b, b.T]), A, B),
    "matrix_power": (lambda s: np.linalg.matrix_power(s, 5), S),
    "matrix_power 0": (lambda s: np.linalg.matrix_power(s, 0), S),
    "matrix_power negative": (lambda s: np.linalg.matrix_power(s, -2), S),
}
EINSUM = {
    "ij,jk->ik": (A, B),
    "ij,jk": (A, B),
    "ij->ji": (A,),
    "ij->": (A,),
    "ij->j": (A,),
    "ii->i": (S,),
    "ii": (S,),
    "iij->j": (rng.normal(size=(3, 3, 2)),),
    "i,i": (V, V),
    "i,j->ij": (V, W),
    "i,j->ji": (V, W),
    "ij,ij->ij": (A, A),
    "ij,j->i": (A, V),
    "bij,bjk->bik": (STACK, STACK),
    "...ij,...jk->...ik": (STACK, STACK[0]),
    "i...->...": (T,),
    "...,...": (A, A[0]),
    "ij,kj,kl->il": (A, rng.normal(size=(5, 4)), rng.normal(size=(5, 2))),
    "ij,jk,kl,l": (A, B, rng.normal(size=(2, 3)), W),
    "ijk,ij->k": (T, rng.normal(size=(2, 3))),
    "ij,i->": (A, W),
    "ijk->kij": (T,),
    "ij,jj->i": (A, S),
    "ab,b,c->ac": (A, V, W),
    "bi,bi->b": (A, A),
}
SOLVES = {
    "solve vector": (lambda s, x: np.linalg.solve(s, x), S, V),
    "solve matrix": (lambda s, b: np.linalg.solve(s, b), S, B),
    "solve batched": (lambda s, b: np.linalg.solve(s, b), STACK, rng.normal(size=(3, 2))),
    "inv": (lambda s: np.linalg.inv(s), S),
    "inv batched": (lambda s: np.linalg.inv(s), STACK),
    "det": (lambda s: np.linalg.det(s), S),
    "det small": (lambda s: np.linalg.det(s), STACK),
    "slogdet": (lambda s: list(np.linalg.slogdet(s)), S),
    "slogdet named": (lambda s: np.linalg.slogdet(s).logabsdet, P),
    "cholesky": (lambda s: np.linalg.cholesky(s + s.T), P),
    "cholesky upper": (lambda s: np.linalg.cholesky(s + s.T, upper=True), P),
    "eigh": (lambda s: np.linalg.eigh(s + s.T)[0], S),
    "eigh vectors": (lambda s: np.abs(np.linalg.eigh(s + s.T).eigenvectors), S),
    "eigvalsh": (lambda s: np.linalg.eigvalsh(s + s.mT), STACK),
    "svd values": (lambda a: np.linalg.svd(a, compute_uv=False), A),
    "svd tall": (lambda a: [np.abs(z) for z in np.linalg.svd(a.T, full_matrices=False)], A),
    "svd wide": (lambda a: [np.abs(z) for z in np.linalg.svd(a, full_matrices=False)], A),
    "svd square": (lambda s: [np.abs(z) for z in np.linalg.svd(s)], S),
    "qr": (lambda a: [z * np.sign(z) for z in np.linalg.qr(a.T)], A),
    "qr complete": (lambda a: np.linalg.qr(a.T, mode="complete"), A),
    "qr complete of a wide matrix": (
        lambda a: [z * z for z in np.linalg.qr(a, mode="complete")],
        A,
    ),
    "qr square": (lambda s: [z * z for z in np.linalg.qr(s)], S),
    "qr r": (lambda a: np.abs(np.linalg.qr(a.T, mode="r")), A),
    "pinv": (lambda a: np.linalg.pinv(a), A),
    "pinv tall": (lambda a: np.linalg.pinv(a.T), A),
    "lstsq": (lambda a, x: np.linalg.lstsq(a.T, x)[0], A, V),
    "lstsq residuals": (lambda a, x: np.linalg.lstsq(a.T, x)[1], A, V),
    "cond": (lambda s: np.linalg.cond(s), S),
    "cond 1": (lambda s: np.linalg.cond(s, 1), S),
    "tensorsolve": (
        lambda t, x: np.linalg.tensorsolve(t, x),
        rng.normal(size=(2, 2, 4)) + np.eye(4).reshape(2, 2, 4),
        rng.normal(size=(2, 2)),
    ),
    "tensorinv": (lambda t: np.linalg.tensorinv(t, ind=1), S.reshape(4, 2, 2)),
    "trace": (lambda s: np.trace(s), S),
}
NORMS = {
    "norm": (lambda a: np.linalg.norm(a), A),
    "norm vector": (lambda x: np.linalg.norm(x), V),
    "norm fro": (lambda a: np.linalg.norm(a, "fro"), A),
    "norm nuc": (lambda a: np.linalg.norm(a, "nuc"), A),
    "norm 2 of matrix": (lambda a: np.linalg.norm(a, 2), A),
    "norm -2 of matrix": (lambda a: np.linalg.norm(a, -2), A),
    "norm 1 of matrix": (lambda a: np.linalg.norm(a, 1), A),
    "norm -1 of matrix": (lambda a: np.linalg.norm(a, -1), A),
    "norm inf of matrix": (lambda a: np.linalg.norm(a, np.inf), A),
    "norm keepdims": (lambda a: np.linalg.norm(a, axis=1, keepdims=True), A),
    "norm axes": (lambda t: np.linalg.norm(t, axis=(0, 2)), T),
    **{
        f"norm {order} of vector": (lambda x, order=order: np.linalg.norm(x, order), V)
        for order in (1, 2, 3, 0.5, -1, np.inf, -np.inf)
    },
    "norm axis": (lambda a: np.linalg.norm(a, 3, axis=0), A),
    "vector_norm": (lambda a: np.linalg.vector_norm(a, axis=1), A),
    "matrix_norm": (lambda t: np.linalg.matrix_norm(t), T),
}
CASES = {**PRODUCTS, **SOLVES, **NORMS}


@engines
@pytest.mark.parametrize("name", CASES)
def test_value(name: str, engine: str) -> None:
    f, *arguments = CASES[name]
    check_value(f, *arguments, engine=engine, rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    f, *arguments = CASES[name]
    check_derivatives(f, *arguments)


@engines
@pytest.mark.parametrize("subscripts", EINSUM)
def test_einsum(subscripts: str, engine: str) -> None:
    f = lambda *x: np.einsum(subscripts, *x)
    check_value(f, *EINSUM[subscripts], engine=engine)
    check_derivatives(f, *EINSUM[subscripts], engine=engine)


def test_einsum_with_lists_of_subscripts() -> None:
    check_value(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), A, B)


def doubled(subscripts: str, x: Any) -> Any:
    """What a store into the result leaves in the operand: without a sum it is a view."""
    y = np.einsum(subscripts, x)
    y *= 2.0
    return x, y


@pytest.mark.parametrize(
    ("subscripts", "shape"),
    [("ij->ji", (3, 4)), ("ii->i", (3, 3)), ("iji->ij", (2, 3, 2)), ("iii->i", (3, 3, 3)),
     ("i...i->...i", (2, 3, 2)), ("ij->i", (3, 1)), ("...", (2, 3))],
)  # fmt: skip
def test_einsum_without_a_sum_is_a_view(subscripts: str, shape: tuple[int, ...]) -> None:
    x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    plain = doubled(subscripts, x.copy())
    for engine in ("native", "numpy"):
        for argument in (x.copy(), np.asfortranarray(x)):
            compiled = autodiff.function(doubled, engine=engine)(subscripts, argument)
            np.testing.assert_array_equal(argument, plain[0])
            np.testing.assert_array_equal(compiled[1], plain[1])
    weighted = lambda x: np.sum(np.cos(x) * doubled(subscripts, 1.0 * x)[0])
    autodiff.check_gradient(weighted, x)


def test_matrix_rank() -> None:
    check_value(lambda a: np.linalg.matrix_rank(a), A)
    check_value(lambda a: np.linalg.matrix_rank(np.outer(a, a)), V)


def test_norm_zero_counts() -> None:
    check_value(lambda x: np.linalg.norm(x, 0), np.array([1.0, 0.0, 2.0]))


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", "int8"])
def test_dtypes_of_products(dtype: str) -> None:
    a, b = (2 * A).astype(dtype), (2 * B).astype(dtype)
    check_value(
        lambda a, b: [a @ b, np.dot(a[0], b), np.einsum("ij,jk->k", a, b), np.inner(a, a)], a, b
    )


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_dtypes_of_linalg(dtype: str) -> None:
    s = np.array([[4, 1], [1, 3]]).astype(dtype)
    x = np.array([1, 2]).astype(dtype)
    check_value(
        lambda s, x: [np.linalg.solve(s, x), np.linalg.inv(s), np.linalg.det(s), np.linalg.norm(x), np.linalg.cholesky(s)],
        s, x,
    )  # fmt: skip


def test_empty_products() -> None:
    check_value(lambda a, b: [a @ b, np.dot(a, b)], np.zeros((2, 0)), np.zeros((0, 3)))
    check_value(lambda a: np.einsum("ij->i", a), np.zeros((2, 0)))


def test_the_gradient_of_a_norm_at_zero_is_zero() -> None:
    from autodiff.differentiate import vjp
    from autodiff.engines.numpy import compile_program
    from tests.ops.support import trace

    program = vjp(trace(np.linalg.norm, V), [0], seed_ones=True)
    np.testing.assert_array_equal(compile_program(program)([np.zeros(4)])[1], np.zeros(4))


ERRORS = [
    (lambda a: a @ a, ShapeError, "matmul: Input operand 1 has a mismatch in its core dimension 0"),
    (
        lambda a: np.dot(a, a),
        ShapeError,
        r"shapes \(3,4\) and \(3,4\) not aligned: 4 \(dim 1\) != 3 \(dim 0\)",
    ),
    (
        lambda a: np.linalg.inv(a),
        np.linalg.LinAlgError,
        "Last 2 dimensions of the array must be square",
    ),
    (lambda a: np.linalg.det(a[0]), np.linalg.LinAlgError, "1-dimensional array given"),
    (lambda a: np.einsum("ij,jk", a, a), ValueError, "could not be broadcast together"),
    (
        lambda a: np.einsum("ii->i", a),
        ValueError,
        r"dimensions in single operand for collapsing index 'i' don't match \(3 != 4\)",
    ),
    (
        lambda a: np.einsum("ii", a),
        ValueError,
        r"dimensions in operand 0 for collapsing index 'i' don't match \(3 != 4\)",
    ),
    (lambda a: np.einsum("ij->jj", a), ValueError, "includes output subscript 'j' multiple times"),
    (lambda a: np.einsum("i...->i", a), ValueError, "output has more dimensions than subscripts"),
    (lambda a: np.einsum("i1", a), ValueError, "invalid subscript '1' in einstein sum"),
    (
        lambda a: np.einsum("ij->j", a, dtype=np.float32),
        TypeError,
        "Iterator operand 0 dtype could not be cast",
    ),
    (lambda a: np.linalg.norm(a, 5), ValueError, "Invalid norm order for matrices"),
]


@pytest.mark.parametrize(("f", "error", "text"), ERRORS)
def test_errors(f, error, text) -> None:
    with pytest.raises(error, match=text):
        run(f, A)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("m", "n"), [(0, 3), (3, 0), (0, 0)])
def test_least_squares_without_rows_or_columns(m, n, engine):
    def solve(a, b):
        return tuple(np.linalg.lstsq(a, b, rcond=None))

    a, b = np.ones((m, n)), np.ones(m)
    found = autodiff.function(solve, engine=engine, on_fallback="error")(a, b)
    for f, w in zip(found, solve(a, b), strict=True):
        np.testing.assert_array_equal(f, w)
        assert np.shape(f) == np.shape(w)
    slope = autodiff.gradient(lambda a, b: np.sum(solve(a, b)[0]), wrt=0, engine=engine)
    np.testing.assert_array_equal(slope(a, b), np.zeros((m, n)))
