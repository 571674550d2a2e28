"""Contractions and dense linear algebra.

    dot_general(a, b; contract, batch)   contract = (axes of a, axes of b), batch likewise;
                                         result axes: batch, free of a, free of b
    cholesky(a; upper)                   lower factor of each matrix in the last two axes; ``upper``: rounded
                                         as NumPy rounds the transposed factor of the transpose
    solve(a, b)                          a x = b; b has shape (…, n, k)
    triangular_solve(a, b; lower, transposed, unit)   a or its transpose is used
    inverse(a)      slogdet(a) -> (sign, log|det|)     lu-based
    factorises(a; routine)               whether ``cholesky``, or ``solve`` and ``inverse``, raise nothing
    convolve(a, v)                       full discrete convolution of two vectors

The leading axes of all operands are batch axes and agree.  Rules after M. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Extent, differ
from autodiff.errors import InternalError
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Bilinear, Entry, Kernel, Rules, Site, register
from autodiff.ops.structural import transpose
from autodiff.ops.tracer import Tracer, emit_tracer

Axes = tuple[int, ...]


# -- contraction ----------------------------------------------------------------------------------
def _free(ndim: int, *used: Axes) -> Axes:
    taken = {k for axes in used for k in axes}
    return tuple(k for k in range(ndim) if k not in taken)


def _dot_rule(
    types: Any, contract: tuple[Axes, Axes], batch: tuple[Axes, Axes]
) -> tuple[ArrayType, ...]:
    a, b = types
    if a.dtype != b.dtype:
        raise InternalError("dot_general: dtypes differ")
    shape: tuple[Extent, ...] = tuple(a.shape[k] for k in batch[0])
    shape += tuple(a.shape[k] for k in _free(a.ndim, contract[0], batch[0]))
    shape += tuple(b.shape[k] for k in _free(b.ndim, contract[1], batch[1]))
    return (ArrayType(a.dtype, shape),)


def _dot_meaning(a: Any, b: Any, contract: tuple[Axes, Axes], batch: tuple[Axes, Axes]) -> Any:
    nb = len(batch[0])
    free_a, free_b = _free(a.ndim, contract[0], batch[0]), _free(b.ndim, contract[1], batch[1])
    left = np.transpose(a, batch[0] + free_a + contract[0])
    right = np.transpose(b, batch[1] + contract[1] + free_b)
    batch_shape = left.shape[:nb]
    rows, columns = left.shape[nb : nb + len(free_a)], right.shape[nb + len(contract[1]) :]
    inner = int(np.prod([a.shape[k] for k in contract[0]], dtype=np.int64))
    m, n = int(np.prod(rows, dtype=np.int64)), int(np.prod(columns, dtype=np.int64))
    result = np.matmul(left.reshape(*batch_shape, m, inner), right.reshape(*batch_shape, inner, n))
    return np.reshape(result, (*batch_shape, *rows, *columns))


def dot_general(
    a: Tracer, b: Tracer, contract: tuple[Axes, Axes], batch: tuple[Axes, Axes]
) -> Tracer:
    """Contract axes of ``a`` with axes of ``b``; see the module header for the result's axes."""
    return emit_tracer("dot_general", a, b, contract=contract, batch=batch)


def _dot_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    (a, b), (ca, cb), (ba, bb) = (
        site.operands,
        site.attributes["contract"],
        site.attributes["batch"],
    )
    nb = len(ba)
    a_ndim, b_ndim = len(a.value.shape), len(b.value.shape)
    free_a, free_b = _free(a_ndim, ca, ba), _free(b_ndim, cb, bb)
    lead = tuple(range(nb))
    at_a = tuple(range(nb, nb + len(free_a)))
    at_b = tuple(range(nb + len(free_a), nb + len(free_a) + len(free_b)))
    ct_a = ct_b = None
    if site.needed[0]:
        # batch, free a, then the contracted axes in the order they keep in b.
        raw = dot_general(ct, b, (at_b, free_b), (lead, bb))
        in_b = sorted(cb)
        axes = ba + free_a + tuple(ca[cb.index(k)] for k in in_b)
        ct_a = transpose(raw, tuple(axes.index(k) for k in range(a_ndim)))
    if site.needed[1]:
        raw = dot_general(ct, a, (at_a, free_a), (lead, ba))
        in_a = sorted(ca)
        axes = bb + free_b + tuple(cb[ca.index(k)] for k in in_a)
        ct_b = transpose(raw, tuple(axes.index(k) for k in range(b_ndim)))
    return ct_a, ct_b


register(
    Entry("dot_general", _dot_rule, _dot_meaning, Kernel("dot_general"), Bilinear(_dot_transpose))
)


# -- convolution --------------------------------------------------------------------------------
def _convolve_rule(types: Any) -> tuple[ArrayType, ...]:
    a, v = types
    return (ArrayType(a.dtype, (a.shape[0] + v.shape[0] - 1,)),)


def _convolve_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    # ct_a[i] = sum_j ct[i + j] v[j]: the middle of the convolution with v reversed.
    def with_respect_to(x: Any, other: Any) -> Any:
        m, n = x.shape[0], other.shape[0]
        return emit_tracer("convolve", ct, other[::-1])[n - 1 : n - 1 + m]

    a, v = (Tracer(x.value, "array") for x in site.operands)
    return (
        with_respect_to(a, v) if site.needed[0] else None,
        with_respect_to(v, a) if site.needed[1] else None,
    )


register(
    Entry(
        "convolve",
        _convolve_rule,
        lambda a, v: np.convolve(a, v),
        Kernel("convolve"),
        Bilinear(_convolve_transpose),
    )
)


# -- factorisations and solves ----------------------------------------------------------------------
def _square(types: Any, **attributes: Any) -> tuple[ArrayType, ...]:
    a = types[0]
    if a.ndim < 2 or differ(a.shape[-1], a.shape[-2]):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return (ArrayType(a.dtype, a.shape),)


def t(x: Any) -> Any:
    """Transpose of the last two axes."""
    return np.swapaxes(x, -1, -2)


def mm(a: Any, b: Any) -> Any:
    """Matrix product over the last two axes with equal batch axes."""
    nd = len(a.value.shape)
    lead = tuple(range(nd - 2))
    return dot_general(a, b, ((nd - 1,), (nd - 2,)), (lead, lead))


def triangular_solve(a: Tracer, b: Tracer, lower: bool, transposed: bool) -> Tracer:
    """Solve ``a x = b`` (or with the transpose of ``a``), reading one triangle of ``a``."""
    return emit_tracer("triangular_solve", a, b, lower=lower, transposed=transposed)


def _triangular_meaning(a: Any, b: Any, lower: bool, transposed: bool) -> Any:
    triangle = np.tril(a) if lower else np.triu(a)
    return np.linalg.solve(np.swapaxes(triangle, -1, -2) if transposed else triangle, b)


def _triangular_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, x, (da, db) = site.operands[0], site.result, tangents
    lower, transposed = site.attributes["lower"], site.attributes["transposed"]
    right = db
    if da is not None:
        triangle = np.tril(da) if lower else np.triu(da)
        moved = mm(t(triangle) if transposed else triangle, x)
        right = -moved if right is None else right - moved
    return (triangular_solve(a, right, lower, transposed),)


def _triangular_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, x = site.operands[0], site.result
    lower, transposed = site.attributes["lower"], site.attributes["transposed"]
    ct_b = triangular_solve(a, cts[0], lower, not transposed)
    ct_a = None
    if site.needed[0]:
        outer = mm(x, t(ct_b)) if transposed else mm(ct_b, t(x))
        ct_a = -(np.tril(outer) if lower else np.triu(outer))
    return ct_a, ct_b


register(
    Entry(
        "triangular_solve",
        lambda types, lower, transposed: (ArrayType(types[1].dtype, types[1].shape),),
        _triangular_meaning,
        Kernel("triangular_solve"),
        Rules(_triangular_jvp, _triangular_vjp),
    )
)


def _phi(x: Any) -> Any:
    """Lower triangle with the diagonal halved."""
    return 0.5 * (np.tril(x) + np.tril(x, -1))


def _cholesky_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    factor, da = site.result, tangents[0]
    # dL = L phi(L^-1 sym(dA) L^-T); only the lower triangle of A is read.
    lower = np.tril(da)
    symmetric = lower + t(np.tril(da, -1))
    inner = triangular_solve(factor, symmetric, True, False)
    inner = t(triangular_solve(factor, t(inner), True, False))
    return (mm(factor, _phi(inner)),)


def _cholesky_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    factor = site.result
    middle = _phi(mm(t(factor), np.tril(cts[0])))
    middle = triangular_solve(factor, middle, True, True)
    symmetric = t(triangular_solve(factor, t(middle), True, True))
    # The cotangent of the full symmetric argument, folded onto the triangle that is read.
    return (_fold(symmetric),)


def _cholesky_meaning(a: Any, upper: bool = False) -> Any:
    return t(np.linalg.cholesky(t(a), upper=True)) if upper else np.linalg.cholesky(a)


def _fold(s: Any) -> Any:
    return np.tril(s) + np.tril(t(s), -1)


register(
    Entry(
        "cholesky",
        _square,
        _cholesky_meaning,
        Kernel("cholesky"),
        Rules(_cholesky_jvp, _cholesky_vjp),
    )
)


def _factorises_meaning(a: Any, routine: str) -> Any:
    try:
        np.linalg.inv(a) if routine == "lu" else _cholesky_meaning(a, routine == "upper cholesky")
    except np.linalg.LinAlgError:
        return np.bool_(False)
    return np.bool_(True)


register(
    Entry(
        "factorises",
        lambda types, routine: (ArrayType(np.dtype(bool), ()),),
        _factorises_meaning,
        Kernel("factorises"),
        zero_derivative=True,
    )
)


def solve(a: Tracer, b: Tracer) -> Tracer:
    """Solve ``a x = b`` with matrices in the last two axes of both."""
    return emit_tracer("solve", a, b)


def _solve_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, x, (da, db) = site.operands[0], site.result, tangents
    right = db
    if da is not None:
        right = -mm(da, x) if right is None else right - mm(da, x)
    return (solve(a, right),)


def _solve_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, x = site.operands[0], site.result
    ct_b = solve(t(a), cts[0])
    return (-mm(ct_b, t(x)) if site.needed[0] else None), ct_b


register(
    Entry(
        "solve",
        lambda types: (ArrayType(types[1].dtype, types[1].shape),),
        np.linalg.solve,
        Kernel("solve"),
        Rules(_solve_jvp, _solve_vjp),
    )
)

register(
    Entry(
        "inverse",
        _square,
        np.linalg.inv,
        Kernel("inverse"),
        Rules(
            lambda site, tangents: (-mm(mm(site.result, tangents[0]), site.result),),
            lambda site, cts: (-mm(mm(t(site.result), cts[0]), t(site.result)),),
        ),
    )
)


def _slogdet_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = _square(types)
    scalar = ArrayType(a.dtype, a.shape[:-2])
    return scalar, scalar


def _slogdet_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    (a,) = site.operands
    return None, np.sum(t(emit_tracer("inverse", a)) * tangents[0], axis=(-2, -1))


def _slogdet_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    if cts[1] is None:
        return (None,)
    (a,) = site.operands
    return (cts[1][..., None, None] * t(emit_tracer("inverse", a)),)


register(
    Entry(
        "slogdet",
        _slogdet_rule,
        lambda a: tuple(np.linalg.slogdet(a)),
        Kernel("slogdet"),
        Rules(_slogdet_jvp, _slogdet_vjp),
    )
)
