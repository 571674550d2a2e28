"""Linear algebra of complex matrices: ``np.linalg`` and ``scipy.linalg`` on traced complex arrays.

    solve, inv, pinv, lstsq, expm     the real function of [[X, -Y], [Y, X]], which multiplies as X + iY does
    det, slogdet, cholesky, eigh, eig, svd, qr     one operation on the pair, with rules of its own

The first kind has derivatives of every order for nothing, in machine code where the real function is.
Of the second kind the meaning is NumPy's own function on a view, and the rules are written in complex
numbers: ``jvp`` as on paper, ``vjp`` its adjoint in Re(tr(aᴴ b)).

Eigenvectors and singular vectors are known up to phases.  The operations leave these alone (their
turn is 0); a factor of modulus 1 then makes real what LAPACK makes real (the first element of an
eigenvector of a Hermitian matrix, because its reduction to tridiagonal form starts there; the largest
element of one of a general matrix; the first of a right singular vector), so that the derivative is
that of what NumPy returns.  Where eigenvalues of a Hermitian matrix, or singular values, are equal,
``autodiff.differentiate.spectra`` tells what has a derivative; equal eigenvalues of a general matrix are
refused at run time where vectors are differentiated.

Formulas: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); C. Boeddeker et al., "On the computation of complex-valued gradients with
application to statistically optimum beamforming" (2017); J. Townsend, "Differentiating the singular
value decomposition" (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.dims import Dim, at_least, equal, product
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.later import later
from autodiff.ops import decompositions, reflections
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import (
    NOT_HOLOMORPHIC,
    ComplexTracer,
    as_complex,
    decline,
    from_pair,
    is_complex,
    joined,
    plain,
)
from autodiff.ops.control import emit_refusal
from autodiff.ops.custom import stop
from autodiff.ops.decompositions import _outside, _symbolic_eye, noise
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.fourier import in_pairs, whole
from autodiff.ops.function_table import functions
from autodiff.ops.numpy_functions.linear_algebra import float_matrix
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer

if TYPE_CHECKING:
    from autodiff.ops import scipy_linalg
else:
    scipy_linalg = later("autodiff.ops.scipy_linalg")

Matrix = Any  # a complex traced array


def _h(x: Matrix) -> Matrix:
    """The conjugate transpose."""
    return np.swapaxes(x, -1, -2).conj()


def _t(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _diagonal(x: Any) -> Any:
    return np.diagonal(x, axis1=-2, axis2=-1)


def _unit(n: Any) -> Any:
    """The unit matrix, of a size that may be known at run time only."""
    return np.eye(n) if isinstance(n, int) else _symbolic_eye(n).astype(float)


def _on_diagonal(d: Any) -> Any:
    """Matrices with these diagonals."""
    unit = _unit(d.shape[-1]).astype(np.zeros((), d.dtype).real.dtype)  # of single precision, too
    return d[..., None, :] * unit


def _matrix(a: Any, square: bool = False) -> Matrix:
    z = as_complex(a)
    re, im = z.parts
    z = joined(re, im, "array")
    if z.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{z.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if square and not equal(z.shape[-1], z.shape[-2]):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return z


def _given(x: Any) -> Any:
    """A tangent or cotangent of a pair, as complex numbers."""
    return None if x is None else from_pair(x, "array")


def _pair(z: Any) -> Any:
    if z is None:
        return None
    re, im = z.parts
    return joined(re, im, "array").pair


def _sum(*terms: Any) -> Any:
    found = [x for x in terms if x is not None]
    total = found[0] if found else None
    for x in found[1:]:
        total = total + x
    return total


# -- by real matrices of twice the size ---------------------------------------------------------------
def _embedded(z: Matrix) -> Tracer:
    x, y = map(plain, z.parts)
    rows = [functions[np.concatenate](row, -1) for row in ([x, pointwise("negative", y)], [y, x])]
    found: Tracer = functions[np.concatenate](rows, -2)
    return found


def _column(z: Matrix, axis: int) -> Tracer:
    found: Tracer = functions[np.concatenate](list(map(plain, z.parts)), axis)
    return found


def _halves(x: Tracer, n: Any, axis: int) -> ComplexTracer:
    """The complex array whose parts lie one after the other along an axis, -1 or -2."""
    rest = (slice(None),) * (-1 - axis)
    re, im = (plain(x[(..., part, *rest)]) for part in (slice(0, n), slice(n, None)))
    return joined(re, im, "array")


def solve(a: Any, b: Any) -> ComplexTracer:
    """``np.linalg.solve``."""
    a, b = _matrix(a, square=True), as_complex(b)
    axis = -1 if b.ndim == 1 else -2
    found = functions[np.linalg.solve](_embedded(a), _column(b, axis))
    return _halves(found, a.shape[-1], axis)


def _eye(a: Matrix) -> Any:
    n = a.shape[-1]
    lead = (1,) * (a.ndim - 2)
    unit = functions[np.reshape](functions[np.eye](n, dtype=a.part_dtype), (*lead, n, n))
    return functions[np.broadcast_to](unit, a.shape)


def inv(a: Any) -> Matrix:
    """``np.linalg.inv``."""
    a = _matrix(a, square=True)
    return solve(a, joined(plain(_eye(a)), plain(functions[np.zeros_like](a.parts[0])), "array"))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, **options: Any) -> ComplexTracer:
    """``np.linalg.pinv``."""
    if set(options) - {"rtol"}:
        raise decline("np.linalg.pinv with " + ", ".join(options))
    a = _hermitian(_matrix(a, square=True)) if hermitian else _matrix(a)
    cut = {} if rcond is None else {"rcond": rcond}
    if rcond is None and options.get("rtol") not in (None, np._NoValue):
        cut = options
    found = functions[np.linalg.pinv](_embedded(a), **cut)
    return _halves(found[..., : a.shape[-2]], a.shape[-1], -2)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """``np.linalg.lstsq``."""
    a, b = _matrix(a), as_complex(b)
    axis = -1 if b.ndim == 1 else -2
    if rcond is None:  # by the sizes of the matrix that was given
        rcond = float(np.finfo(a.part_dtype).eps) * max(a.shape)
    x, residuals, rank, s = functions[np.linalg.lstsq](_embedded(a), _column(b, axis), rcond)
    return _halves(x, a.shape[-1], axis), residuals, rank // 2, s[::2]


def expm(a: Any) -> ComplexTracer:
    """``scipy.linalg.expm``."""
    from scipy import linalg

    a = _matrix(a, square=True)
    n = a.shape[-1]
    return _halves(functions[linalg.expm](_embedded(a))[..., :n], n, -2)


def matrix_power(a: Any, n: Any) -> Matrix:
    """``np.linalg.matrix_power``."""
    z = _matrix(a, square=True)
    if isinstance(n, Tracer) or int(n) != n:
        raise decline("np.linalg.matrix_power of run-time order")
    n = int(n)
    if n == 0:
        return joined(plain(_eye(z)), plain(functions[np.zeros_like](z.parts[0])), "array")
    z, n = (inv(z), -n) if n < 0 else (z, n)
    result: Any = None
    while n:
        if n & 1:
            result = z if result is None else result @ z
        n >>= 1
        z = z @ z if n else z
    return result


def tensorsolve(a: Any, b: Any, axes: Any = None) -> ComplexTracer:
    """``np.linalg.tensorsolve``."""
    x: Any = as_complex(a)
    y: Any = as_complex(b)
    if axes is not None:
        x = np.transpose(x, [k for k in range(x.ndim) if k not in axes] + list(axes))
    rest = x.shape[y.ndim :]
    n = product(rest)
    if not equal(x.size, n * n):
        raise decline("np.linalg.tensorsolve of these shapes")
    found: Any = solve(np.reshape(x, (n, n)), np.ravel(y))
    return as_complex(np.reshape(found, rest))


# -- determinants -------------------------------------------------------------------------------------
def _slogdet_rule(types: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    return ArrayType(a.dtype, (*a.shape[:-3], 2)), ArrayType(a.dtype, a.shape[:-3])


def _slogdet_meaning(pair: Any) -> Any:
    sign, size = np.linalg.slogdet(whole(pair))
    return in_pairs(sign), np.asarray(size)


def _slogdet_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, sign, da = _given(site.operands[0]), _given(site.results[0]), _given(tangents[0])
    trace = np.trace(solve(a, da), axis1=-2, axis2=-1)
    return _pair(sign * (1j * trace.imag)), trace.real


def _slogdet_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, sign, ct_sign = _given(site.operands[0]), _given(site.results[0]), _given(cts[0])
    at = (..., None, None)  # also of one matrix, an array: a number would be one of Python's
    weight = _sum(
        None if cts[1] is None else cts[1][at] + 0j,
        None if ct_sign is None else -1j * (ct_sign.conj() * sign)[at].imag,
    )
    return (_pair(_h(inv(a)) * weight),)


def _slogdet(a: Any) -> tuple[ComplexTracer, Tracer]:
    sign, size = emit_tracer("complex_slogdet", plain(_matrix(a, square=True).pair))
    return from_pair(sign), plain(size)


def slogdet(a: Any) -> Any:
    """``np.linalg.slogdet``."""
    from numpy.linalg._linalg import SlogdetResult

    return SlogdetResult(*_slogdet(a))


def det(a: Any) -> Any:
    """``np.linalg.det``."""
    sign, size = _slogdet(a)
    return sign * np.exp(size)


# -- Cholesky -----------------------------------------------------------------------------------------
def _lower_half(x: Matrix) -> Matrix:
    """The lower triangle, the diagonal halved."""
    return 0.5 * (np.tril(x) + np.tril(x, -1))


def _hermitian(x: Matrix) -> Matrix:
    """The Hermitian matrix whose lower triangle is read."""
    below = np.tril(x, -1)
    return below + _h(below) + _on_diagonal(_diagonal(x).real)


def _onto_triangle(x: Matrix) -> Matrix:
    """The adjoint of :func:`_hermitian`."""
    return np.tril(x + _h(x), -1) + _on_diagonal(_diagonal(x).real)


def _cholesky_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    factor, da = _given(site.result), _hermitian(_given(tangents[0]))
    inner = _h(solve(factor, _h(solve(factor, da))))
    return (_pair(factor @ _lower_half(inner)),)


def _cholesky_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    factor = _given(site.result)
    back = _h(inv(factor))
    inner = _lower_half(_h(factor) @ np.tril(_given(cts[0])))
    return (_pair(_onto_triangle(back @ inner @ _h(back))),)


def cholesky(a: Any, /, *, upper: bool = False) -> ComplexTracer:
    """``np.linalg.cholesky``."""
    a = _matrix(a, square=True)
    pair = emit_tracer("complex_cholesky", plain((_h(a) if upper else a).pair))
    factor = from_pair(pair, "array")
    return _h(factor) if upper else factor


# -- eigenvalues of Hermitian matrices ----------------------------------------------------------------
def _eigh_meaning(pair: Any, scipy: bool = False, upper: bool = False) -> Any:
    z = np.swapaxes(whole(pair), -1, -2).conj() if upper else whole(pair)
    if scipy:  # by another routine of LAPACK's, with other signs
        from scipy import linalg

        w, v = linalg.eigh(z, lower=not upper)
    else:  # upper: of the other triangle of the same matrix
        w, v = np.linalg.eigh(z, "U" if upper else "L")
    return w, in_pairs(v)


def eigh_push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Tangents of eigenvalues and vectors; nothing turns within the span of equal ones."""
    w, v = site.results[0], _given(site.results[1])
    inner = _h(v) @ _hermitian(_given(tangents[0])) @ v
    return _diagonal(inner).real, _pair(v @ (inner * decompositions._inverse_gaps(w)))


def eigh_pull(site: Site, ct_w: Any, turn: Any) -> tuple[Any, ...]:
    """The cotangent of the matrix, from those of eigenvalues and of turns between eigenvectors."""
    total = decompositions.eigh_whole(_given(site.results[1]), ct_w, turn)
    return (_pair(_onto_triangle(total)),)


def _eigh_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    w, v, ct_v = site.results[0], _given(site.results[1]), _given(cts[1])
    turn = None
    if ct_v is not None:
        turn = decompositions.antisymmetric(_h(v) @ ct_v) * decompositions._inverse_gaps(w)
    return eigh_pull(site, cts[0], turn)


def _as_made(x: Matrix, element: ComplexTracer) -> Matrix:
    """Columns turned so that an element of each stays as real as LAPACK has made it.

    The factor is 1 for the values and is there for its derivative: that of the phase of what rounding
    leaves of 0 would be as large as it is meaningless.
    """
    n = x.shape[-1]
    size: Any = as_tracer(n) if isinstance(n, Dim) else n
    least = 8 * size * float(np.finfo(x.part_dtype).eps)
    none = np.abs(element.real) + np.abs(element.imag) <= least
    known: Any = np.where(none, 1.0, element)
    unit = known.conj() / np.abs(known)
    side = stop(pointwise("copysign", constant(1.0, x.part_dtype), plain(element.real)))
    factor = np.where(none, 1.0, unit * side)
    return x * factor[..., None, :]


def _eigh_of(a: Any, triangle: str, scipy: bool = False) -> tuple[Any, Any]:
    if triangle.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    a = _matrix(a, square=True)
    upper = triangle.upper() == "U"  # then the last element of each vector is real
    how: dict[str, Any] = {"scipy": scipy} if scipy or not upper else {}
    how |= {"upper": True} if upper else {}
    w, v = emit_tracer("complex_eigh", plain((_h(a) if upper else a).pair), **how)
    v = from_pair(v, "array")
    return Tracer(w.value, "array"), _as_made(v, v[..., -1 if upper else 0, :])


def eigh(a: Any, UPLO: str = "L") -> Any:
    """``np.linalg.eigh``."""
    from numpy.linalg._linalg import EighResult

    return EighResult(*_eigh_of(a, UPLO))


def eigvalsh(a: Any, UPLO: str = "L") -> Tracer:
    """``np.linalg.eigvalsh``."""
    a = _matrix(a, square=True)
    if UPLO.upper() == "U":
        a = _h(a)
    return Tracer(emit_tracer("complex_eigh", plain(a.pair))[0].value, "array")


# -- eigenvalues of general matrices ------------------------------------------------------------------
def _eig_rule(types: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    return ArrayType(a.dtype, (*a.shape[:-1], 2)), ArrayType(a.dtype, (*a.shape, 2))


def _complex_eig_rule(types: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    return ArrayType(a.dtype, (*a.shape[:-2], 2)), ArrayType(a.dtype, a.shape)


def _eig_meaning(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    kind = np.result_type(a.dtype, np.complex64)
    return in_pairs(w.astype(kind)), in_pairs(v.astype(kind))


def _eigenvalues_meaning(a: Any) -> Any:
    return in_pairs(np.linalg.eigvals(a).astype(np.result_type(a.dtype, np.complex64)))


def _eig_parts(site: Site) -> tuple[Matrix, Matrix]:
    return _given(site.results[0]), _given(site.results[1])


def _refuse_equal(gaps: Any, scale: Any) -> None:
    """Raise at run time where values are equal, to what is known of them."""
    error = DerivativeError(
        "derivatives of the eigenvectors of a general matrix where eigenvalues are equal.",
        code="AD305",
        source=current_builder().source,
        remedy="write the function of the matrix without its vectors (scipy.linalg.expm, "
        "np.linalg.inv, matrix_power)",
    )
    emit_refusal(np.any(gaps <= scale).value, error)  # type: ignore[attr-defined]


def _eig_turn(w: Matrix) -> Any:
    size = np.abs(w)
    apart = np.abs(w[..., None, :] - w[..., :, None]) + _unit(w.shape[-1]) * 1e300
    _refuse_equal(apart, noise(size)[..., None])
    unit = _unit(w.shape[-1])
    return (1 - unit) / (w[..., None, :] - w[..., :, None] + unit)


def _inverse_basis(v: Matrix) -> Any:
    """The inverse of the matrix of eigenvectors, refused where they are no basis to half of the digits."""
    inverse = inv(v)
    error = DerivativeError(
        "derivatives of the eigenvalues of a defective matrix, which has fewer eigenvectors than eigenvalues.",
        code="AD305",
        source=current_builder().source,
        remedy="write the function of the matrix without its eigenvalues (np.linalg.det, np.trace, "
        "scipy.linalg.expm, matrix_power)",
    )
    limit = float(np.finfo(v.part_dtype).eps) ** -0.75
    emit_refusal(np.logical_not(np.all(np.abs(inverse) < limit)).value, error)
    return inverse


def _eig_push(site: Site, da: Matrix) -> tuple[Any, ...]:
    w, v = _eig_parts(site)
    inner = _inverse_basis(v) @ (da @ v)
    wanted = not site.wanted or site.wanted[1]
    return _pair(_diagonal(inner)), _pair(v @ (inner * _eig_turn(w))) if wanted else None


def _eig_pull(site: Site, cts: tuple[Any, ...]) -> Matrix:
    w, v = _eig_parts(site)
    ct_w, ct_v = map(_given, cts)
    inner = _sum(
        None if ct_w is None else _on_diagonal(ct_w),
        None if ct_v is None else (_h(v) @ ct_v) * _eig_turn(w).conj(),
    )
    return _h(_inverse_basis(v)) @ (inner @ _h(v))


def eigen(a: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors as complex arrays, as LAPACK gives them."""
    if is_complex(a):
        w, v = emit_tracer("complex_eig", plain(_matrix(a, square=True).pair))
    else:
        w, v = emit_tracer("real_eig", float_matrix(a))
    return from_pair(w, "array"), from_pair(v, "array")


def eig_results(a: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors as complex arrays, before NumPy takes those that are real as real."""
    values, vectors = eigen(a)
    if vectors.shape[-1] == 0:
        return values, vectors
    size = np.abs(vectors)
    at = np.argmax(size, axis=-2, keepdims=True)
    largest: Any = np.take_along_axis(vectors, at, -2)[..., 0, :]
    length = np.sqrt(np.sum(size * size, axis=-2, keepdims=True))
    # Vectors have length 1: the quotient changes the derivative alone.
    return values, _as_made(vectors, largest) / (length / stop(plain(length)))


MAY_BE_REAL = np.lib.NumpyVersion(np.__version__) < "2.5.0"  # from there on always complex


def eig(a: Any) -> Any:
    """``np.linalg.eig``: of a real matrix whose eigenvalues are all real, real arrays until NumPy 2.5."""
    from numpy.linalg._linalg import EigResult

    values, vectors = eig_results(a)
    if MAY_BE_REAL and not is_complex(a) and bool(np.all(values.imag == 0)):
        return EigResult(values.real, vectors.real)
    return EigResult(values, vectors)


def eigvals(a: Any) -> Any:
    """``np.linalg.eigvals``."""
    values, _ = eigen(a)
    if MAY_BE_REAL and not is_complex(a) and bool(np.all(values.imag == 0)):
        return values.real
    return values


# -- singular values ----------------------------------------------------------------------------------
def _svd_rule(types: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    m, n = a.shape[-3:-1]
    k = min(m, n)
    lead = a.shape[:-3]
    return (
        ArrayType(a.dtype, (*lead, m, k, 2)),
        ArrayType(a.dtype, (*lead, k)),
        ArrayType(a.dtype, (*lead, k, n, 2)),
    )


def _svd_meaning(pair: Any) -> Any:
    u, s, vh = np.linalg.svd(whole(pair), full_matrices=False)
    return in_pairs(u), s, in_pairs(vh)


def in_complex(site: Site) -> Site:
    """The site of a singular value decomposition, with the complex arrays of its pairs."""
    u, s, vh = site.results
    a = _given(site.operands[0])
    return Site((a,), (_given(u), s, _given(vh)), site.attributes, site.needed)


def _svd_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    push: Any = decompositions.svd_rules.jvp
    du, ds, dvh = push(in_complex(site), (_given(tangents[0]),))
    return _pair(du), ds, _pair(dvh)


def _svd_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    pull: Any = decompositions.svd_rules.vjp
    return (_pair(pull(in_complex(site), (_given(cts[0]), cts[1], _given(cts[2])))[0]),)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """``np.linalg.svd``: thin, or full where the matrix is square."""
    a = _matrix(a)
    if hermitian:
        if compute_uv:
            raise decline("np.linalg.svd with hermitian=True and vectors")
        return np.sort(np.abs(eigvalsh(a)))[..., ::-1]
    if not compute_uv:
        return svdvals(a)
    m, n = a.shape[-2:]
    from numpy.linalg._linalg import SVDResult

    u, s, vh = emit_tracer("complex_svd", plain(a.pair))
    u, vh = from_pair(u, "array"), from_pair(vh, "array")
    element = vh[..., :, 0].conj() if at_least(m, n) else u[..., 0, :]
    v, u = _as_made(_h(vh), element), _as_made(u, element)
    if full_matrices and not equal(m, n):
        if at_least(m, n):
            u = np.concatenate([u, _rest(a, u)], -1)
        else:
            v = np.concatenate([v, _rest(a, v)], -1)
    return SVDResult(u, Tracer(s.value, "array"), _h(v))  # type: ignore[arg-type]


def _rest(a: Matrix, basis: Matrix) -> Matrix:
    """The singular vectors that complete a basis."""
    found = emit_tracer("complex_svd_rest", plain(a.pair), plain(basis.pair))
    return from_pair(found, "array")


def _svd_rest_rule(types: Any) -> tuple[ArrayType, ...]:
    a, basis = types
    *lead, size, k, _ = basis.shape
    return (ArrayType(a.dtype, (*lead, size, size - k, 2)),)


def _svd_rest_meaning(a: Any, basis: Any) -> Any:
    u, s, vh = np.linalg.svd(whole(a))
    k = s.shape[-1]
    rest = u[..., k:] if a.shape[-3] > k else np.swapaxes(vh[..., k:, :], -1, -2).conj()
    return in_pairs(rest)


def _svd_rest_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    if tangents[1] is None:
        return (None,)
    raise decompositions.no_rest_in_forward_mode()


def _svd_rest_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    rest, basis, ct = map(_given, (site.result, site.operands[1], cts[0]))
    inner = _h(rest) @ ct
    decompositions.refuse_chosen_rest(np.abs(inner - _h(inner)), np.abs(inner))
    return None, _pair(-(rest @ (_h(ct) @ basis)))


def svdvals(a: Any) -> Tracer:
    """``np.linalg.svdvals``."""
    return Tracer(emit_tracer("complex_svd", plain(_matrix(a).pair))[1].value, "array")


def matrix_rank(a: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """``np.linalg.matrix_rank``."""
    if hermitian or rtol is not None:
        raise decline("np.linalg.matrix_rank with hermitian= or rtol=")
    a = _matrix(a)
    s = svdvals(a)
    if tol is None:
        largest = np.max(s, axis=-1, keepdims=True)
        tol = largest * max(a.shape[-2:]) * float(np.finfo(a.part_dtype).eps)
    return np.count_nonzero(s > tol, axis=-1)


def cond(x: Any, p: Any = None) -> Any:
    """``np.linalg.cond``."""
    if p in (None, 2, -2):
        s = svdvals(x)
        found = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        found = norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))
    # Of a matrix without any NaN it is infinite where it would be NaN.
    re, im = map(np.isnan, as_complex(x).parts)
    singular = np.isnan(found) & ~functions[np.any](re | im, axis=(-2, -1))
    return functions[np.where](singular, np.inf, found)[()]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.linalg.norm`` over two axes, or of all elements."""
    a = _matrix(x)
    if axis is None and ord is None:
        found = functions[np.linalg.norm](functions[np.ravel](a.pair))
        return functions[np.reshape](found, (1,) * a.ndim) if keepdims else found
    axes = normalize_axis_tuple((-2, -1) if axis is None else axis, a.ndim)
    if len(axes) != 2 or (axis is None and a.ndim != 2):
        raise decline("this norm")
    re, im = (functions[np.moveaxis](part, axes, (-2, -1)) for part in a.parts)
    moved = joined(re, im, "array")
    if ord in (None, "fro"):
        parts = plain(moved.pair)
        lines = functions[np.reshape](parts, (*parts.shape[:-3], -1))
        found = functions[np.linalg.norm](lines, axis=-1)
    elif ord in (2, -2, "nuc"):
        s, place = svdvals(moved), 0 if ord == 2 else -1
        one = s[place] if s.ndim == 1 else s[..., place]  # a number of one matrix
        found = s.sum(-1) if ord == "nuc" else one
    else:
        found = functions[np.linalg.norm](np.abs(moved), ord, (-2, -1))
    return functions[np.expand_dims](found, tuple(sorted(axes))) if keepdims else found


# -- QR -----------------------------------------------------------------------------------------------
def _qr_rule(types: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    m, n = a.shape[-3:-1]
    return (
        ArrayType(a.dtype, (*a.shape[:-3], m, n, 2)),
        ArrayType(a.dtype, (*a.shape[:-3], n, n, 2)),
    )


def _qr_meaning(pair: Any) -> Any:
    q, r = np.linalg.qr(whole(pair))
    return in_pairs(q), in_pairs(r)


def _skew(x: Matrix) -> Matrix:
    """The skew-Hermitian matrix with the strictly lower triangle and the imaginary diagonal of ``x``."""
    below = np.tril(x, -1)
    return below - _h(below) + _on_diagonal(1j * _diagonal(x).imag)


def _skew_adjoint(x: Matrix) -> Matrix:
    return np.tril(x - _h(x), -1) + _on_diagonal(1j * _diagonal(x).imag)


def _qr_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    q, r = _given(site.results[0]), _given(site.results[1])
    moved = _given(tangents[0]) @ inv(r)
    inner = _h(q) @ moved
    turn = _skew(inner)
    return _pair(q @ turn + _outside(q, moved)), _pair((inner - turn) @ r)


def _qr_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    q, r = _given(site.results[0]), _given(site.results[1])
    ct_q, ct_r = map(_given, cts)
    inner = None if ct_q is None else _skew_adjoint(_h(q) @ ct_q)
    if ct_r is not None:
        k = np.triu(ct_r) @ _h(r)
        inner = _sum(inner, k - _skew_adjoint(k))
    total = _sum(q @ inner, None if ct_q is None else _outside(q, ct_q))
    return (_pair(total @ _h(inv(r))),)


def thin_qr(z: Matrix) -> tuple[Matrix, Matrix]:
    """The factors of matrices that are not wide."""
    q, r = (from_pair(x, "array") for x in emit_tracer("complex_qr", plain(z.pair)))
    return q, r


def qr(a: Any, mode: str = "reduced") -> Any:
    """``np.linalg.qr``."""
    from numpy.linalg._linalg import QRResult

    if mode not in ("reduced", "r", "complete"):
        raise decline(f"np.linalg.qr with mode={mode!r}")
    q, r = reflections.complex_qr(_matrix(a), mode == "complete", thin_qr)
    return r if mode == "r" else QRResult(q, r)


# -- the operations -----------------------------------------------------------------------------------
def _same(types: Any) -> tuple[ArrayType, ...]:
    return (types[0],)


def _eigh_rule(types: Any, scipy: bool = False, upper: bool = False) -> tuple[ArrayType, ...]:
    a = types[0]
    return ArrayType(a.dtype, a.shape[:-2]), a


def _eigh_turned(w: Any, v: Any, da: Any) -> Any:
    turned, found = decompositions.eigh_turned(w, whole(v), whole(da), False)
    return in_pairs(turned), found


def _svd_turned(u: Any, s: Any, vh: Any, da: Any) -> Any:
    left, right, found = decompositions.svd_turned(whole(u), s, whole(vh), whole(da))
    return in_pairs(left), in_pairs(right), found


def _cholesky_meaning(pair: Any) -> Any:
    return in_pairs(np.linalg.cholesky(whole(pair)))


def _register(name: str, rule: Any, meaning: Any, jvp: Any, vjp: Any) -> None:
    register(Entry(name, rule, meaning, Kernel(name), Rules(jvp, vjp)))


_register("complex_slogdet", _slogdet_rule, _slogdet_meaning, _slogdet_jvp, _slogdet_vjp)
_register("complex_cholesky", _same, _cholesky_meaning, _cholesky_jvp, _cholesky_vjp)
_register("complex_eigh", _eigh_rule, _eigh_meaning, eigh_push, _eigh_vjp)
_register(
    "complex_eig",
    _complex_eig_rule,
    lambda pair: _eig_meaning(whole(pair)),
    lambda site, tangents: _eig_push(site, _given(tangents[0])),
    lambda site, cts: (_pair(_eig_pull(site, cts)),),
)
_register(
    "real_eig",
    _eig_rule,
    _eig_meaning,
    lambda site, tangents: _eig_push(site, tangents[0] + 0j),
    lambda site, cts: (plain(_eig_pull(site, cts).real),),
)
# Of a program that is not differentiated any more, see ``passes.dead``.
register(
    Entry(
        "complex_eigvalsh",
        lambda types, **how: _eigh_rule(types)[:1],
        lambda pair, **how: np.linalg.eigvalsh(whole(pair)),
        Kernel("complex_eigvalsh"),
    )
)
register(
    Entry(
        "complex_svdvals",
        lambda types: _svd_rule(types)[1:2],
        lambda pair: np.linalg.svd(whole(pair), compute_uv=False),
        Kernel("complex_svdvals"),
    )
)
register(
    Entry(
        "complex_eigenvalues",
        lambda types: _complex_eig_rule(types)[:1],
        lambda pair: _eigenvalues_meaning(whole(pair)),
        Kernel("complex_eigenvalues"),
    )
)
register(
    Entry(
        "real_eigenvalues",
        lambda types: _eig_rule(types)[:1],
        _eigenvalues_meaning,
        Kernel("real_eigenvalues"),
    )
)
_register("complex_svd", _svd_rule, _svd_meaning, _svd_jvp, _svd_vjp)
_register("complex_svd_rest", _svd_rest_rule, _svd_rest_meaning, _svd_rest_jvp, _svd_rest_vjp)
# The bases that fit a direction, as of real matrices.
register(
    Entry(
        "complex_eigh_turned",
        lambda types: (types[1], decompositions.FLAG),
        _eigh_turned,
        Kernel("complex_eigh_turned"),
        decompositions.turned_rules((1,), 3),
    )
)
register(
    Entry(
        "complex_svd_turned",
        lambda types: (types[0], types[2], decompositions.FLAG),
        _svd_turned,
        Kernel("complex_svd_turned"),
        decompositions.turned_rules((0, 2), 4),
    )
)
_register("complex_qr", _qr_rule, _qr_meaning, _qr_jvp, _qr_vjp)

OF_NUMPY: dict[str, Callable[..., Any]] = {
    "solve": solve, "inv": inv, "pinv": pinv, "lstsq": lstsq, "det": det, "slogdet": slogdet,
    "cholesky": cholesky, "eigh": eigh, "eigvalsh": eigvalsh, "eig": eig, "eigvals": eigvals,
    "svd": svd, "svdvals": svdvals, "qr": qr, "matrix_power": matrix_power, "cond": cond,
    "matrix_rank": matrix_rank, "tensorsolve": tensorsolve,
}  # fmt: skip
NOT_HOLOMORPHIC.update(
    getattr(np.linalg, name)
    for name in ("slogdet", "cholesky", "eigh", "svd", "qr", "pinv", "lstsq")
)


# -- SciPy's names ------------------------------------------------------------------------------------
_IGNORED = frozenset(("overwrite_a", "overwrite_b", "check_finite", "lapack_driver"))


def _with(function: Callable[..., Any], **known: Sequence[Any]) -> Callable[..., Any]:
    """A function of SciPy's, whose options may have these values, that makes no difference."""

    def run(*args: Any, **options: Any) -> Any:
        for name, value in list(options.items()):
            if name in _IGNORED or value in known.get(name, ()):
                del options[name]
        if set(options) - {"a", "b", "lower", "full_matrices", "compute_uv", "ord", "mode"}:
            raise decline("scipy.linalg with " + ", ".join(options))
        return function(*args, **options)

    return run


def of_scipy() -> dict[Any, Callable[..., Any]]:
    """The functions of ``scipy.linalg``, which is imported for it."""
    from scipy import linalg

    def scipy_cholesky(a: Any, lower: bool = False) -> Any:
        factor = cholesky(a if lower else _h(_matrix(a, square=True)))
        return factor if lower else _h(factor)

    def scipy_eig(a: Any) -> Any:
        return eig_results(a)

    def scipy_eigvals(a: Any) -> Any:
        return eigen(a)[0]

    def scipy_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
        found = svd(a, full_matrices, compute_uv)
        return tuple(found) if compute_uv else found

    def scipy_lstsq(a: Any, b: Any) -> Any:
        x, residuals, rank, s = lstsq(a, b, float(np.finfo(_matrix(a).part_dtype).eps))
        return x, residuals, scipy_linalg.rank_of_lstsq(rank), s

    return {
        linalg.inv: _with(inv),
        linalg.det: _with(lambda a: det(as_complex(a, np.complex128))),
        linalg.expm: lambda A: expm(A),
        linalg.pinv: _with(pinv),
        linalg.lstsq: _with(scipy_lstsq, cond=(None,)),
        linalg.cholesky: _with(scipy_cholesky),
        linalg.svd: _with(scipy_svd),
        linalg.svdvals: _with(svdvals),
        linalg.eig: _with(scipy_eig),
        linalg.eigvals: _with(scipy_eigvals),
    }


__all__ = ["OF_NUMPY", "eig", "eigvals", "norm", "of_scipy"]
