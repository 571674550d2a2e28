"""Forward mode through eigenvectors and singular vectors where eigenvalues or singular values are equal.

The direction ``da`` is known, and the vectors may be turned within the span so that
they diagonalise it; then nothing is infinite.  The result is computed with those vectors, and, where
some were turned, with NumPy's as well: if the two differ, it depends on the basis; else it is NumPy's,
``derived_as`` the other::

    y = f(w, v)   =>   v', equal = eigh_turned(w, v, da);  y' = f(w, v')
                       y = derived_as(cond(equal): f(w, v), compared with y', else: y', y')

A value may be the same for every basis and its slope another for each (v_ij v_kj, where v_kj is 0 in
all of them).  So where some are equal the result is computed with NumPy's vectors and with those turned
in their span, both moved by ``da`` as the span is, and with equal values moved alike: their tangents are
the same unless the basis matters (``given_basis``, ``one_slope``).

Source: T. Kato, Perturbation Theory for Linear Operators (1966), section II.2.
What is not here, see ``differentiate.spectra``, which has reverse mode.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import symbols
from autodiff.errors import DerivativeError
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import Block, Operation, Program, Value, free_values, uses, walk
from autodiff.ops import complex_linalg, decompositions
from autodiff.ops.builder import Builder, building
from autodiff.ops.control import INT, emit_cond, emit_refusal
from autodiff.ops.decompositions import _h, _times, noise
from autodiff.ops.entries import ENTRIES, Site
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass

_EIGH = ("eigh", "symmetric_eigen", "eigen_found", "complex_eigh")
_SVD = ("svd", "complex_svd")
_PAIRS = ("complex_eigh", "complex_svd")
_KINDS = frozenset((*_EIGH, *_SVD))


def has_vectors(program: Program) -> bool:
    """Whether the program has a decomposition whose vectors its results depend on."""
    if not any(operation.kind in _KINDS for operation in walk(program.block)):
        return False
    live = _live(program.block, set(program.outputs))
    return any(_is_used(operation, live) for operation in walk(program.block))


def _is_used(operation: Operation, live: set[Value]) -> bool:
    vectors = operation.results[1:] if operation.kind in _EIGH else operation.results[::2]
    return operation.kind in _KINDS and any(v in live for v in vectors)


def _live(block: Block, outputs: set[Value]) -> set[Value]:
    """Values that outputs may depend on with a derivative."""
    live = {*outputs, *block.outputs}
    for operation in reversed(block.operations):
        if operation.regions:
            for region in operation.regions:
                live |= _live(region, set())
                live.update(free_values(region))
            live.update(operation.operands)
        elif any(v in live for v in operation.results):
            if not ENTRIES[operation.kind].zero_derivative:
                live.update(uses(operation))
    return live


# -- tangents ---------------------------------------------------------------------------------------
def push(
    site: Site, operation: Operation, tangents: Sequence[Any]
) -> tuple[list[Value], Sequence[Any]]:
    """What replaces an operation of these in the direction of the tangents: values, and tangents."""
    if operation.kind == "given_basis":
        return _push_given(site, tangents[0])
    if operation.kind == "one_slope":
        return _push_slope(site, operation, tangents)
    a, *arrays = site.operands
    da, in_pairs = tangents[0], site.attributes["in_pairs"]
    if da is None:
        results = (*arrays, Tracer.constant(np.array(False)))
        return [x.value for x in results], (None,) * len(results)
    if len(arrays) == 2:
        w, v = arrays
        upper = site.attributes["upper"]
        if in_pairs:
            turned, equal = emit_tracer("complex_eigh_turned", w, v, da)
            rule = complex_linalg.eigh_push
        else:
            turned, equal = emit_tracer("eigh_turned", w, v, da, upper=upper)
            rule = decompositions._eigh_jvp
        results = (w, turned, equal)
    else:
        u, s, vh = arrays
        name = "complex_svd_turned" if in_pairs else "svd_turned"
        left, right, equal = emit_tracer(name, u, s, vh, da)
        m, n = u.shape[s.ndim - 1], vh.shape[s.ndim]
        if m != n:
            # The vectors outside of the thin factors would have to be turned as well.
            none: Any = np.any(s <= noise(s))
            emit_refusal(none.value, depends_on_basis(operation))
        results = (left, s, right, equal)
        rule = ENTRIES["complex_svd" if in_pairs else "svd"].derivative.jvp  # type: ignore
    of_turned = Site((a,), results[:-1], site.attributes, (True,))
    pushed = rule(of_turned, (da,))
    return [x.value for x in results], (*pushed, None)


def _push_given(site: Site, da: Any) -> tuple[list[Value], Sequence[Any]]:
    a, *arrays = site.operands
    if da is None:
        return [*[x.value for x in arrays], site.results[-1].value], (None,) * len(site.results)
    in_pairs, is_eigh = site.attributes["in_pairs"], len(arrays) == 2
    values = arrays[0] if is_eigh else arrays[1]
    if site.attributes["turned"]:
        arrays = [x if x is values else as_complex(x) if in_pairs else x for x in arrays]
        turn: Any = _turned_eigh if is_eigh else _turned_svd
        arrays = turn(*arrays)
        arrays = [x if x.dtype.kind == "f" else x.pair for x in arrays]
    if in_pairs:
        name = "complex_eigh" if is_eigh else "complex_svd"
    else:
        name = "eigh" if is_eigh else "svd"
    rule = ENTRIES[name].derivative.jvp  # type: ignore
    pushed = list(rule(Site((a,), tuple(arrays), site.attributes, (True,)), (da,)))
    place = 0 if is_eigh else 1
    pushed[place] = _alike(values, pushed[place], is_eigh)
    size = functools.reduce(operator.add, [size_of(x) for x in (da, *pushed)])
    return [*[x.value for x in arrays], size.value], (*pushed, None)


def _equal(w: Any) -> Any:
    return np.abs(w[..., None, :] - w[..., :, None]) <= noise(w)[..., None]


def _alike(w: Any, dw: Any, is_eigh: bool) -> Any:
    """The mean of the tangents of equal values; 0 of singular values that are 0."""
    weights = np.where(_equal(w), 1.0, 0.0).astype(w.dtype)
    mean = np.sum(weights * dw[..., None, :], axis=-1) / np.sum(weights, axis=-1)
    return mean if is_eigh else np.where(w <= noise(w), 0.0, mean).astype(w.dtype)


def _turned_eigh(w: Any, v: Any) -> tuple[Any, Any]:
    return w, _times(v, _turn_by(0.3, w, v))


def _turned_svd(u: Any, s: Any, vh: Any) -> tuple[Any, Any, Any]:
    left = right = _turn_by(0.3, s, u)
    if u.shape[s.ndim - 1] is vh.shape[s.ndim] or u.shape[s.ndim - 1] == vh.shape[s.ndim]:
        # Where both sides are whole bases, those of 0 turn by themselves, or change their sign.
        none = s <= noise(s)
        by_itself = -_turn_by(-0.17, s, u)
        right = np.where(none[..., None, :], by_itself, right)
    return _times(u, left), s, _times(_h(right), vh)


def _turn_by(amount: float, w: Any, v: Any) -> Any:
    """A turn within each span, by Cayley's formula."""
    generator = amount * rotation_of(np.logical_and(above_diagonal(w), _equal(w)), v)
    one = np.where(on_diagonal(w), 1.0, 0.0).astype(w.dtype)
    return np.linalg.solve(one + generator, one - generator)


def _push_slope(
    site: Site, operation: Operation, tangents: Sequence[Any]
) -> tuple[list[Value], Sequence[Any]]:
    given, one, _, *sizes = site.operands
    found = [t for t in tangents[1:3] if t is not None]
    if found:
        slopes: Any = [zeros_like(one) if t is None else t for t in tangents[1:3]]
        one_slope, other_slope = slopes
        top = size_of(one_slope) + size_of(other_slope)
        size = functools.reduce(operator.add, sizes, np.zeros((), top.dtype)[()])
        epsilon = float(np.finfo(given.dtype).eps)
        near = np.abs(one_slope) + np.abs(other_slope)
        allowed = epsilon**0.5 * near + epsilon**0.625 * (top + size * (1.0 + size_of(one)))
        apart: Any = np.any(np.abs(one_slope - other_slope) > allowed)
        emit_refusal(apart.value, depends_on_basis(operation))
    return [given.value], (tangents[0],)


# -- formulas of both modes ----------------------------------------------------------------------
def as_complex(pair: Any) -> Any:
    """The complex matrix of a pair of real ones."""
    return complex_linalg._given(pair)


def rotation_of(equal: Any, v: Any) -> Any:
    """The generator of turns within the spans of equal values."""
    if v.dtype.kind == "f":
        half: Any = np.where(equal, 1.0, 0.0).astype(v.dtype)
    else:  # the two kinds of turns of complex vectors at once, with weights that do not cancel
        half = np.where(equal, 1.0, 0.0).astype(v.part_dtype) * (0.8 + 0.6j)
    return half - _h(half)


def size_of(x: Any) -> Any:
    """The largest absolute value."""
    return np.max(np.abs(x), initial=0.0)


def above_diagonal(w: Any) -> Any:
    """Which elements of a matrix of pairs of values stand above its diagonal."""
    line = emit_tracer("iota", size=w.shape[-1], dtype=INT)
    return line[None, :] > line[:, None]


def on_diagonal(w: Any) -> Any:
    """Which elements of a matrix of pairs of values stand on its diagonal."""
    line = emit_tracer("iota", size=w.shape[-1], dtype=INT)
    return np.equal(line[:, None], line)


# -- the program with other bases -------------------------------------------------------------------
def apart(program: Program) -> Program:
    """The program whose forward derivative is right where eigen- or singular values are equal."""
    live = _live(program.block, set(program.outputs))
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        try:
            _Rewriting(builder, live).run(program.block, {})
        except _RunTimeSize:
            return program
        return Program(builder.block, program.name)


class _RunTimeSize(Exception):
    """A size depends on eigenvalues, so that the two variants need not agree in shape."""


@dataclass(frozen=True)
class _Chain:
    """What of a block depends on vectors, to be computed in other bases; ``mapping`` knows the rest."""

    mapping: Mapping
    roots: list[tuple[Operation, Operation]]
    operations: list[Operation]


class _Rewriting:
    """Copies blocks, with other vectors in the place of those of decompositions."""

    def __init__(self, builder: Builder, live: set[Value]) -> None:
        self.builder = builder
        self.live = live

    def run(self, block: Block, mapping: Mapping) -> None:
        """Copy the operations into the builder's block, and set its outputs."""
        touched: set[Value] = set()  # old values that depend on vectors
        chain: list[Operation] = []  # what computes them
        roots: list[
            tuple[Operation, Operation]
        ] = []  # decompositions of what does not, and their copies
        flags: list[Any] = []
        first: Operation | None = None
        for operation in block.operations:
            depends = any(v in touched for v in _reads(operation))
            new = self._copy(operation, mapping)
            if depends:
                chain.append(operation)
                touched.update(operation.results)
            if _is_used(operation, self.live):
                first = first or operation
                if not depends:
                    roots.append((operation, new))
                flags.append(self._apart(operation, new, mapping))
                touched.update(operation.results)
        outputs = [mapping.get(v, v) for v in block.outputs]
        places = [k for k, v in enumerate(block.outputs) if v in touched]
        if first is not None and places:
            wanted = [block.outputs[k] for k in places]
            if any(s in touched for v in wanted for n in v.type.shape for s in symbols(n)):
                raise _RunTimeSize
            given = [outputs[k] for k in places]
            self.builder.source = first.source
            settled = self._settle(wanted, given, _Chain(mapping, roots, chain), flags, first)
            for k, value in zip(places, settled, strict=True):
                outputs[k] = value
        self.builder.block.outputs = outputs

    def _copy(
        self,
        operation: Operation,
        mapping: Mapping,
        rewrite: Callable[[Block, Mapping], None] | None = None,
    ) -> Operation:
        """Append a copy; decompositions in its regions are rewritten there.

        ``rewrite``: how, of what is copied once more, and shares nothing with the first copy.
        """
        inside = [o for region in operation.regions for o in walk(region)]
        if not any(_is_used(o, self.live) for o in inside):
            new = copy_operation(operation, mapping, share=rewrite is None)
            self.builder.block.operations.append(new)
            return new
        inner = dict(mapping)
        copied = copy_operation(operation, inner, share=False)
        regions = []
        for old, region in zip(operation.regions, copied.regions, strict=True):
            with self.builder.region() as block:
                block.parameters = region.parameters
                parameters = zip(old.parameters, region.parameters, strict=True)
                (rewrite or self.run)(old, {**mapping, **dict(parameters)})
            regions.append(block)
        new = Operation(
            copied.kind,
            copied.operands,
            copied.attributes,
            copied.results,
            tuple(regions),
            copied.source,
        )
        mapping.update(zip(operation.results, new.results, strict=True))
        self.builder.block.operations.append(new)
        return new

    def _in_basis(self, chain: _Chain, turned: bool) -> tuple[Mapping, list[Any]]:
        """What depends on vectors once more, with those of NumPy's or turned ones; how large tangents are."""
        mapping, sizes = dict(chain.mapping), []
        for operation, new in chain.roots:
            sizes.append(self._given(operation, new, mapping, turned))
        self._once_more(chain.operations, mapping, turned, sizes)
        return mapping, sizes

    def _once_more(
        self, operations: Sequence[Operation], mapping: Mapping, turned: bool, sizes: list[Any]
    ) -> None:
        def rewrite(block: Block, inner: Mapping) -> None:
            self._once_more(block.operations, inner, turned, [])
            self.builder.block.outputs = [inner.get(v, v) for v in block.outputs]

        for operation in operations:
            if operation.results or operation.regions:
                new = self._copy(operation, mapping, rewrite)
                if _is_used(operation, self.live):
                    sizes.append(self._given(operation, new, mapping, turned))

    def _given(self, operation: Operation, new: Operation, mapping: Mapping, turned: bool) -> Any:
        """Emit ``given_basis`` of a decomposition; the size of its tangents."""
        *results, size = self._emit("given_basis", operation, new, turned=turned)
        mapping.update(zip(operation.results, [x.value for x in results], strict=True))
        return size

    def _emit(self, kind: str, operation: Operation, new: Operation, **attributes: Any) -> Any:
        self.builder.source = operation.source
        operands = [Tracer(v, "array") for v in (new.operands[0], *new.results)]
        upper = bool(operation.attributes.get("upper", False))
        in_pairs = operation.kind in _PAIRS
        return emit_tracer(kind, *operands, upper=upper, in_pairs=in_pairs, **attributes)

    def _apart(self, operation: Operation, new: Operation, mapping: Mapping) -> Any:
        """Emit what stands for the results of a decomposition; the flag that they are others."""
        *results, flag = self._emit("basis_apart", operation, new)
        mapping.update(zip(operation.results, [x.value for x in results], strict=True))
        return flag

    def _settle(
        self,
        wanted: list[Value],
        given: list[Value],
        chain: _Chain,
        flags: list[Any],
        first: Operation,
    ) -> list[Value]:
        """Results with the values of NumPy's vectors; those that depend on the vectors are refused."""
        equal = flags[0]
        for flag in flags[1:]:
            equal = np.logical_or(equal, flag)
        smooth = [k for k, v in enumerate(wanted) if v.type.is_float]
        with self.builder.region() as then:
            exact, sizes = self._in_basis(chain, turned=False)
            turned, _ = self._in_basis(chain, turned=True)
            self.builder.source = first.source
            then.outputs = [exact.get(v, v) for v in wanted]
            for k in smooth:
                one, other = then.outputs[k], turned.get(wanted[k], wanted[k])
                for variant in (given[k], other):
                    emit_refusal(_differ(one, variant), depends_on_basis(first))
                operands = [Tracer(v, "array") for v in (given[k], one, other)]
                checked = emit_tracer("one_slope", *operands, *sizes, of=first.kind)
                then.outputs.append(checked.value)
        with self.builder.region() as orelse:
            orelse.outputs = [*given, *[given[k] for k in smooth]]
        results = emit_cond(equal.value, then, orelse, first.source)
        settled = list(results[: len(wanted)])
        for k, slope in zip(smooth, results[len(wanted) :], strict=True):
            carried: Tracer = derived_as(Tracer(settled[k]), Tracer(slope))
            carried.value.type = settled[k].type
            settled[k] = carried.value
        return settled


def _reads(operation: Operation) -> list[Value]:
    return [*uses(operation), *(v for region in operation.regions for v in free_values(region))]


def _differ(a: Value, b: Value) -> Value:
    """Whether two variants of a result differ by more than rounding."""
    epsilon = float(np.finfo(a.type.dtype).eps)
    x: Any = Tracer(a, "array")
    y: Any = Tracer(b, "array")
    size: Any = np.abs(x) + np.abs(y)
    top: Any = np.max(size, initial=0.0)
    found: Any = np.any(np.abs(x - y) > epsilon**0.5 * size + epsilon**0.625 * (1.0 + top))
    return found.value


# -- errors -----------------------------------------------------------------------------------------
def words_of(operation: Operation) -> tuple[str, str]:
    """What the vectors and values of a decomposition are called."""
    if operation.attributes.get("of", operation.kind) in _SVD:
        return "singular vectors", "singular values"
    return "eigenvectors", "eigenvalues"


def depends_on_basis(operation: Operation) -> DerivativeError:
    """The error that says that a result depends on the choice of a basis."""
    vectors, what = words_of(operation)
    kind = operation.attributes.get("of", operation.kind)
    transposed = "V.conj().T" if kind in _PAIRS else "V.T"
    return DerivativeError(
        f"the {vectors} of equal {what} have no derivative, and the result depends on which basis "
        "of their span was chosen.",
        code="AD305",
        source=operation.source,
        remedy=f"use the {vectors} only in combinations that are the same for every basis, such as "
        f"V f(w) {transposed} or the projector on all of them",
    )
