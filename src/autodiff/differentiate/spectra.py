"""Eigenvectors and singular vectors where eigenvalues or singular values are equal.

The derivative of such a vector is infinite, yet that of ``V f(w) Vᵀ`` is not: in it
(f(w_j) - f(w_i)) / (w_j - w_i) has the limit f'(w_i).  Where no two are equal the rules of
``ops.decompositions`` hold, and nothing here changes them.

Reverse mode.  The rule divides m_ij = (Vᵀ ct_V - ct_Vᵀ V)_ij / 2 by w_j - w_i.  Where both are 0 the
quotient is the derivative of m_ij by w_j - w_i (l'Hôpital), and m_ij is computed by the program so
far: it is differentiated once more, forward, in the direction w_k = k::

    skew = cond(equal): where(equal, push(m; w_k = k) / (j - i), m / (w_j - w_i)), else: m / (w_j - w_i)

If m_ij is not 0 where the eigenvalues are equal, or the cotangent of the matrix moves as the vectors turn
within their span, the result depends on which basis was chosen: it has no derivative, and an error says so.

Forward mode: ``differentiate.bases``.

Of complex matrices the same holds with conjugate transposes: ``Vᴴ``, and turns that are skew-Hermitian.
Their vectors are pairs in the program (``ops.complex_linalg``), complex arrays in the formulas.  The
phase of each vector is not a turn between two, and is left to what is computed from the vectors.

Source: Yu. L. Daleckii and S. G. Krein (1965) for the derivative of f(a); T. Kato, Perturbation
Theory for Linear Operators (1966), section II.2, for the basis that fits a direction.
Not here, and refused: second derivatives through vectors of equal eigenvalues; vectors that leave a
loop's body or a branch in a form that depends on the basis, though what becomes of them does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.differentiate.activity import propagate
from autodiff.differentiate.rules import WITH_VECTORS
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, walk
from autodiff.later import later
from autodiff.ops import decompositions
from autodiff.ops.builder import Builder
from autodiff.ops.control import INT, emit_cond, emit_refusal
from autodiff.ops.decompositions import _h, _times, noise
from autodiff.ops.entries import Entry, Kernel, Site, register
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.differentiate import bases
    from autodiff.ops import complex_linalg
else:
    bases = later("autodiff.differentiate.bases")
    complex_linalg = later("autodiff.ops.complex_linalg")  # which few programs need


def has_vectors(program: Program) -> bool:
    """Whether the program has a decomposition whose vectors its results depend on."""
    found = any(operation.kind in WITH_VECTORS for operation in walk(program.block))
    return found and bases.has_vectors(program)


# -- reverse mode -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Downstream:
    """What was computed from a decomposition so far, to be differentiated forward once more.

    ``leaving`` is what other decompositions are of, and what the region that this one is in hands to
    others: cotangents of that are constants here, which is right if it does not depend on the basis.
    """

    builder: Builder
    before: list[Operation]
    leaving: list[Value]
    operation: Operation

    def push(self, seeds: Sequence[tuple[Any, Any]], wanted: Sequence[Any]) -> list[Any]:
        """Tangents of ``wanted``, where ``seeds`` are values and their tangents."""
        from autodiff.differentiate.forward import Forward

        sweep = Forward(self.builder)
        sweep.copies = {id(op): op for op in self.before}
        tangents = {_in_program(x): _in_program(tangent) for x, tangent in seeds}
        tangent_of = sweep.push(tangents, Block(operations=self.before))
        return [_like(x, Tracer(tangent_of(_in_program(x)), "array")) for x in wanted]

    def refuse(self, size: Any, allowed: Any) -> None:
        """Raise where something is not 0 that would be if the basis did not matter."""
        found: Any = np.any(np.abs(size) > allowed)
        emit_refusal(found.value, bases.depends_on_basis(self.operation))


def _in_program(x: Any) -> Value:
    """The value that stands for an array: of a complex one, its pair."""
    found: Value = (x if x.dtype.kind == "f" else x.pair).value
    return found


def _like(x: Any, found: Tracer) -> Any:
    """An array of the program in the form of another, whose pair it may be."""
    return found if x.dtype.kind == "f" else bases.as_complex(found)


def pull_vectors(
    builder: Builder,
    operation: Operation,
    site: Site,
    cts: Sequence[Any],
    leaving: Sequence[Value],
) -> Sequence[Any] | None:
    """The pullback of a decomposition whose vectors have cotangents; None for all else."""
    is_svd = operation.kind in bases._SVD
    if not is_svd and operation.kind not in bases._EIGH:
        return None
    if all(ct is None for ct in (cts[::2] if is_svd else cts[1:])):
        return None
    blocks = (*builder.stack, builder.block)
    before = [op for block in blocks for op in block.operations]
    others = [op for op in before if op.kind in WITH_VECTORS and op is not operation]
    if not any(op is operation for op in before):
        before = []
    # What other decompositions are of leaves, too: through them no tangent is needed, nor infinite.
    # And vectors that complete a basis stay where they are as those of the basis turn in its span.
    before = [
        op
        for op in before
        if op.kind not in WITH_VECTORS and op.kind not in ("svd_rest", "complex_svd_rest")
    ]
    active = set(operation.results)
    propagate(Block(operations=before), active)
    cut = dict.fromkeys(
        (*[v for v in leaving if v.type.is_float], *[op.operands[0] for op in others])
    )
    downstream = _Downstream(builder, before, [v for v in cut if v in active], operation)
    found = (_pull_svd if is_svd else _pull_eigh)(downstream, site, cts)
    return (*found, *[None] * (len(site.operands) - len(found)))


def _pull_eigh(downstream: _Downstream, site: Site, cts: Sequence[Any]) -> Sequence[Any]:
    in_pairs = downstream.operation.kind in bases._PAIRS
    w, v = site.results
    if in_pairs:
        v, cts = bases.as_complex(v), (cts[0], bases.as_complex(cts[1]))
    turn = _turns_between(w, _times(_h(v), cts[1]))
    gap = w[..., None, :] - w[..., :, None]
    equal = bases.above_diagonal(w) & (np.abs(gap) <= noise(w)[..., None])

    def limits() -> tuple[Any, ...]:
        rotation = bases.rotation_of(equal, v)
        turned = _times(v, rotation)
        change = _refuse_dependent(downstream, ((v, turned),), cts[1:], w)
        moved = _turns_between(w, _times(_h(v), change[0]) + _times(_h(turned), cts[1]))
        moved = _against(equal, rotation, turn, moved)
        downstream.refuse(moved, _allowed(w) * bases.size_of(cts[1]))
        step = _index(w)
        (ct_v,) = downstream.push(((w, np.broadcast_to(step, w.shape)),), cts[1:])
        moved = _turns_between(w, _times(_h(v), ct_v))
        return (_limit(downstream, turn, moved, _steps(step), gap, w, bases.size_of(cts[1])),)

    usual = (decompositions._inverse_gaps(w) * turn,)
    (skew,) = _in_the_limit(downstream, np.any(equal), usual, limits)
    if in_pairs:
        return complex_linalg.eigh_pull(site, cts[0], skew)
    return decompositions.eigh_pull(site, cts[0], skew)


def _pull_svd(downstream: _Downstream, site: Site, cts: Sequence[Any]) -> Sequence[Any]:
    in_pairs = downstream.operation.kind in bases._PAIRS
    if in_pairs:
        site = complex_linalg.in_complex(site)
        cts = (bases.as_complex(cts[0]), cts[1], bases.as_complex(cts[2]))
    u, s, vh = site.results

    def turns_of(ct_u: Any, ct_vh: Any) -> tuple[Any, Any, Any]:
        both, apart, outside = decompositions.svd_turns(site, ct_u, ct_vh)
        return _off_diagonal(s, both), apart, outside

    both, apart, outside = turns_of(cts[0], cts[2])
    gaps, sums = decompositions._pairs(s)
    gap, total = s[..., None, :] - s[..., :, None], s[..., None, :] + s[..., :, None]
    known = noise(s)
    close = bases.above_diagonal(s) & (np.abs(gap) <= known[..., None])
    equal = np.any(close) | np.any(s <= known)
    usual = [gaps * both, sums * apart]
    if outside is not None:
        usual.append(outside / s[..., None, :])
    given = [ct for ct in (cts[0], cts[2]) if ct is not None]

    def turns(moved: list[Any]) -> tuple[Any, Any, Any]:
        rest = iter(moved)
        parts = [None if ct is None else next(rest) for ct in (cts[0], cts[2])]
        return turns_of(*parts)

    def limits() -> tuple[Any, ...]:
        scale = np.maximum(bases.size_of(given[0]), bases.size_of(given[-1]))
        rotation = bases.rotation_of(close, u)
        of_u, of_vh = _times(u, rotation), _times(_h(rotation), vh)
        moved = _refuse_dependent(downstream, ((u, of_u), (vh, of_vh)), given, s)
        change, change_apart, change_outside = turns(moved)
        if cts[0] is not None:
            of_left = decompositions.antisymmetric(_times(_h(of_u), cts[0]))
            change, change_apart = change + of_left, change_apart + of_left
        if cts[2] is not None:
            of_right = decompositions.antisymmetric(_times(of_vh, _h(cts[2])))
            change, change_apart = change + of_right, change_apart - of_right
        allowed = _allowed(s) * scale
        downstream.refuse(_against(close, rotation, both, change), allowed)
        carried = _times(rotation, apart) - _times(apart, rotation)
        downstream.refuse(change_apart + carried, allowed)
        if outside is not None:
            downstream.refuse(change_outside - _times(outside, rotation), allowed)
        # Downwards, as singular values are; from 1, so that none is 0.
        step = s.shape[-1] - _index(s)
        d_both, d_apart, d_outside = turns(
            downstream.push(((s, np.broadcast_to(step, s.shape)),), given)
        )
        steps = _steps(step), step[None, :] + step[:, None]
        found = [
            _limit(downstream, both, d_both, steps[0], gap, s, scale),
            _limit(downstream, apart, d_apart, steps[1], total, s, scale),
        ]
        if outside is not None:
            row, along = s[..., None, :], step
            found.append(_limit(downstream, outside, d_outside, along, row, s, scale))
        return tuple(found)

    skew = _in_the_limit(downstream, equal, tuple(usual), limits)
    rest = () if outside is not None else (None,)
    (found,) = decompositions.svd_pull(site, cts[1], *skew, *rest)
    return (found.pair if in_pairs else found,)


def _against(equal: Any, rotation: Any, turn: Any, moved: Any) -> Any:
    """How cotangents of turns move as vectors turn within spans, which would leave that of the matrix alone.

    Between two vectors of one span the cotangent itself has to be 0, and so has how it moves.
    """
    upper = np.where(equal, 1.0, 0.0)
    inside = (upper + np.swapaxes(upper, -1, -2)) > 0
    between = np.where(inside | bases.on_diagonal(upper), 0.0, turn)
    carried = _times(rotation, between) - _times(between, rotation)
    return np.where(inside, moved, np.where(bases.on_diagonal(upper), 0.0, moved + carried))


def _turns_between(w: Any, x: Any) -> Any:
    """Cotangents of the turns between any two vectors, from what they are in their own basis."""
    return _off_diagonal(w, decompositions.antisymmetric(x))


def _off_diagonal(w: Any, x: Any) -> Any:
    """A matrix without the turns of single vectors, which are phases: real ones have none."""
    return x if x.dtype.kind == "f" else np.where(bases.on_diagonal(w), 0.0, x)


def _refuse_dependent(
    downstream: _Downstream, seeds: Sequence[tuple[Any, Any]], cts: Sequence[Any], w: Any
) -> list[Any]:
    """Tangents of ``cts`` as the vectors turn; what leaves the region must have none."""
    leaving = [Tracer(v, "array") for v in downstream.leaving]
    found = downstream.push(seeds, [*cts, *leaving])
    for x, change in zip(leaving, found[len(cts) :], strict=True):
        downstream.refuse(change, _allowed(w) * (1.0 + bases.size_of(x)))
    return found[: len(cts)]


def _allowed(w: Any) -> float:
    return float(np.finfo(w.dtype).eps) ** 0.625


def _index(w: Any) -> Any:
    return emit_tracer("iota", size=w.shape[-1], dtype=INT).astype(w.dtype)


def _steps(step: Any) -> Any:
    """Differences of steps between any two values; 1 on the diagonal, where nothing is divided."""
    return np.where(bases.on_diagonal(step), 1.0, step[None, :] - step[:, None]).astype(step.dtype)


def _in_the_limit(
    downstream: _Downstream, equal: Any, usual: tuple[Any, ...], limits: Any
) -> tuple[Any, ...]:
    """``usual``, or where ``equal`` is true what ``limits`` emits."""
    builder = downstream.builder
    with builder.region() as then:
        if downstream.before:
            found = limits()
        else:
            always = Tracer.constant(np.array(True))
            emit_refusal(always.value, _in_a_loop(downstream.operation))
            found = usual
        then.outputs = [_in_program(x) for x in found]
    with builder.region() as orelse:
        orelse.outputs = [_in_program(x) for x in usual]
    results = emit_cond(equal.value, then, orelse)
    once = [emit_tracer("first_order", Tracer(v, "array"), equal) for v in results]
    return tuple([_like(x, found) for x, found in zip(usual, once, strict=True)])


def _limit(
    downstream: _Downstream, turn: Any, moved: Any, steps: Any, gap: Any, w: Any, scale: Any
) -> Any:
    """``turn / gap``, and ``moved / steps`` where the gap is 0 to what is known of it.

    ``scale`` is the size of what ``turn`` was computed from.
    """
    known = noise(w)[..., None]
    none = np.abs(gap) <= known
    usual = np.where(none, 0.0, turn / np.where(none, 1.0, gap))
    limit = moved / steps
    # What rounding leaves of 0, and the gap that rounding makes of none.
    epsilon = float(np.finfo(w.dtype).eps)
    allowed = 10 * known * np.abs(limit) + epsilon**0.75 * scale
    downstream.refuse(np.where(none, turn, 0.0), allowed)
    found: Any = np.where(none, limit, usual)
    return found.astype(w.dtype) if found.dtype.kind == "f" else found


# -- forward mode -----------------------------------------------------------------------------------
_FLAG = ArrayType(np.dtype(bool), ())
_OF_BASES = frozenset(("basis_apart", "given_basis", "one_slope"))

# The results of a decomposition once more, and whether other vectors were put in their place: what
# forward mode, which knows the direction, replaces.
register(
    Entry(
        "basis_apart",
        lambda types, **attributes: (*types[1:], _FLAG),
        lambda a, *arrays, **attributes: (*arrays, np.asarray(False)),
        Kernel("basis_apart"),
    )
)
# The results of a decomposition, with vectors ``turned`` within the spans of equal values or as they
# are, which move as the spans do; how large the tangents are.
register(
    Entry(
        "given_basis",
        lambda types, **attributes: (*types[1:], ArrayType(types[0].dtype, ())),
        lambda a, *arrays, **attributes: (*arrays, np.zeros((), a.dtype)),
        Kernel("given_basis"),
    )
)
# The first operand, whose tangent is a derivative only if those of the second and third are the same.
register(
    Entry(
        "one_slope",
        lambda types, **attributes: (types[0],),
        lambda x, *rest, **attributes: np.asarray(x),
        Kernel("one_slope"),
    )
)


def push_vectors(
    site: Site, operation: Operation, tangents: Sequence[Any]
) -> tuple[list[Value], Sequence[Any]] | None:
    """What replaces an operation of these in the direction of the tangents: values, and tangents.

    None for all other operations.
    """
    if operation.kind in _OF_BASES:
        return bases.push(site, operation, tangents)
    return None


def with_bases_apart(program: Program) -> Program:
    """The program whose forward derivative is right where eigen- or singular values are equal."""
    return bases.apart(program) if has_vectors(program) else program


# -- errors -----------------------------------------------------------------------------------------
def _in_a_loop(operation: Operation) -> DerivativeError:
    _, what = bases.words_of(operation)
    return DerivativeError(
        f"the derivative through vectors of equal {what} is not available in reverse mode within "
        "a loop or branch.",
        code="AD305",
        source=operation.source,
        remedy="use autodiff.jvp, or write the function of the matrix without its vectors",
    )
