"""``np.linalg`` functions that rest on eigenvalues, singular values and QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import at_least, equal
from autodiff.ops import complex_linalg
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import compare, decide
from autodiff.ops.linear_algebra import t
from autodiff.ops.marks import note_deprecated
from autodiff.ops.numpy_functions.linear_algebra import (
    float_matrix,
    in_double,
    matmul,
    refuse_half,
)
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import as_array, cast, constant, pointwise
from autodiff.ops.reflections import complete_qr
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


@implements(np.linalg.eigh)
@in_double
def eigh(a: Any, UPLO: str = "L") -> Any:
    """``np.linalg.eigh``."""
    from numpy.linalg._linalg import EighResult

    values, vectors = _eigh(a, UPLO)
    return EighResult(values, vectors)  # type: ignore[arg-type]


def _eigh(a: Any, triangle: str) -> tuple[Tracer, Tracer]:
    if triangle.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    x = float_matrix(a)
    values, vectors = emit_tracer("eigh", x, upper=triangle.upper() == "U")
    return values, vectors


@implements(np.linalg.eigvalsh)
@in_double
def eigvalsh(a: Any, UPLO: str = "L") -> Tracer:
    """``np.linalg.eigvalsh``."""
    return _eigh(a, UPLO)[0]


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """``np.linalg.eig``: its results may be complex."""
    return complex_linalg.eig(a)


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """``np.linalg.eigvals``: its results may be complex."""
    return complex_linalg.eigvals(a)


def _mirrored(a: Any) -> Tracer:
    """The symmetric matrix whose lower triangle is read, as NumPy does for ``hermitian=True``."""
    x = float_matrix(a)
    lower: Any = functions[np.tril](x)
    return lower + functions[np.swapaxes](functions[np.tril](x, -1), -1, -2)


@implements(np.linalg.svd)
@in_double
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """``np.linalg.svd``: the thin form, which ``svd_rest`` completes to bases."""
    from numpy.linalg._linalg import SVDResult

    if hermitian and compute_uv:
        raise unsupported("np.linalg.svd with hermitian=True", "use np.linalg.eigh")
    x = _mirrored(a) if hermitian else float_matrix(a, square=False)
    u, s, vh = emit_tracer("svd", x)
    if not compute_uv:
        return s
    m, n = x.shape[-2:]
    if full_matrices and m != n:
        join: Any = functions[np.concatenate]
        if m > n:
            u = join([u, emit_tracer("svd_rest", x, u)], axis=-1)
        else:
            rest = emit_tracer("svd_rest", x, t(vh))
            vh = join([vh, t(rest)], axis=-2)
    return SVDResult(u, s, vh)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Tracer:
    """``np.linalg.svdvals``."""
    return svd(x, compute_uv=False)


@implements(np.linalg.qr)
@in_double
def qr(a: Any, mode: str = "reduced") -> Any:
    """``np.linalg.qr``."""
    from numpy.linalg._linalg import QRResult

    if mode in ("f", "full"):
        note_deprecated()
        mode = "reduced"
    x = float_matrix(a, square=False)
    if mode == "complete" and x.ndim == 2 and at_least(*x.shape) and not equal(*x.shape):
        return QRResult(*complete_qr(x))
    if mode not in ("reduced", "r") and not (mode == "complete" and at_least(*x.shape[:-3:-1])):
        raise unsupported(
            f"np.linalg.qr with mode {mode!r} is not available here", "use the mode 'reduced'"
        )
    q, r = emit_tracer("qr", x)
    return r if mode == "r" else QRResult(q, r)


@implements(np.linalg.pinv)
@in_double
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Tracer:
    """``np.linalg.pinv``."""
    cutoff: float | str | None = None
    if rcond is not None:
        if rtol is not np._NoValue:
            raise ValueError("`rtol` and `rcond` can't be both set.")
        cutoff = float(rcond)
    elif rtol is None:
        cutoff = "sizes"
    elif rtol is not np._NoValue:
        cutoff = float(rtol)
    x = _mirrored(a) if hermitian else float_matrix(a, square=False)
    inverse: Tracer = emit_tracer("pseudo_inverse", x, rcond=cutoff)[0]
    return inverse


@implements(np.linalg.lstsq)
@in_double
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """``np.linalg.lstsq`` by the pseudo-inverse; residuals where the rank, at run time, is full."""
    x = float_matrix(a, square=False)
    y = array_of(b)
    refuse_half(y)
    dtype = np.result_type(x.dtype, y.dtype if y.dtype.kind == "f" else np.float64)
    x, y = cast(x, dtype), cast(y, dtype)
    m, n = x.shape
    eps = float(np.finfo(dtype).eps)
    if rcond == -1:
        cutoff: float | str = eps
    elif rcond is None:
        cutoff = eps * max(m, n) if isinstance(m, int) and isinstance(n, int) else "sizes"
    else:
        cutoff = float(rcond)
        if not 0.0 < cutoff < 1.0:  # as LAPACK's gelsd takes it
            cutoff = float(np.finfo(x.dtype).eps)
    inverse, values = emit_tracer("pseudo_inverse", x, rcond=cutoff)
    solution = matmul(inverse, y)
    relative: Any = cutoff
    if relative == "sizes":
        relative = cast(pointwise("multiply", pointwise("maximum", m, n), eps), dtype)
    some = decide(lambda: at_least(values.shape[0], 1))
    largest = constant(0.0, dtype) if some is False else values[0]
    large = pointwise("greater", values, pointwise("multiply", largest, relative))
    rank = functions[np.sum](large, dtype=np.int32)
    rest = pointwise("subtract", y, matmul(x, solution))
    residuals = functions[np.sum](pointwise("multiply", rest, rest), axis=0)
    is_tall = decide(lambda: at_least(m, n + 1))
    if is_tall is not False:
        residuals = functions[np.reshape](residuals, (-1,))
        full = pointwise("equal", rank, n)
        if is_tall is None:
            full = pointwise("logical_and", full, compare("greater", m, n))
        residuals = residuals[: pointwise("multiply", cast(full, np.int64), residuals.shape[0])]
    else:
        residuals = functions[np.zeros]((0,), dtype)
    return solution, residuals, rank, values


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tracer:
    """``np.linalg.matrix_rank``."""
    if tol is not None and rtol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    x = as_array(A)
    if x.ndim < 2:
        nonzero = functions[np.any](pointwise("not_equal", x, 0))
        return Tracer(emit_tracer("cast", nonzero, dtype=np.dtype(np.int64)).value, "python")
    matrix = _mirrored(x) if hermitian else float_matrix(x, square=False)
    _, values, _ = emit_tracer("svd", matrix)
    if tol is None:
        m, n = matrix.shape[-2:]
        larger: Any = (
            max(m, n) if isinstance(m, int) and isinstance(n, int) else pointwise("maximum", m, n)
        )
        relative = (
            pointwise("multiply", larger, float(np.finfo(values.dtype).eps))
            if rtol is None
            else rtol
        )
        tol = pointwise("multiply", functions[np.max](values, axis=-1, keepdims=True), relative)
    return functions[np.sum](pointwise("greater", values, tol), axis=-1)
