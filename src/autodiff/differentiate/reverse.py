"""Reverse mode: a program to the program of its values and cotangents.

    vjp(f(x, y) -> z, wrt=(0,))  ==  f'(x, y, ct_z) -> z, ct_x

The program runs forward, unchanged but for loops that keep residuals; then each operation's
pullback is emitted in reverse order.  Forward and backward are one program, so whatever they
share is computed once.  Control flow lives in :mod:`autodiff.differentiate.reverse_control`.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import debug
from autodiff.differentiate.activity import differentiable_operands, propagate, useful
from autodiff.differentiate.rules import WITH_VECTORS, accumulate, pullback
from autodiff.dims import Dim, Extent, differ, symbols
from autodiff.errors import InternalError
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value
from autodiff.later import later
from autodiff.ops.builder import Builder, building
from autodiff.ops.entries import ENTRIES, Site
from autodiff.ops.known import check, compare
from autodiff.ops.structural import reshape, zeros_like
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.differentiate import checkpoints, spectra
else:
    spectra = later("autodiff.differentiate.spectra")  # few programs decompose matrices
    checkpoints = later("autodiff.differentiate.checkpoints")

Cotangents = dict[Value, Tracer]
Pull = Callable[[Cotangents], None]
OTHER_SIZE = "a cotangent does not have the shape of the result"


def vjp(
    program: Program,
    wrt: Sequence[int],
    outputs: Sequence[int] | None = None,
    seed_ones: bool = False,
    keep_values: bool = True,
    compare_sizes: bool = False,
) -> Program:
    """The program of values and cotangents.

    Parameters
    ----------
    program : Program
        What to differentiate.
    wrt : sequence of int
        Inputs whose cotangents are wanted.
    outputs : sequence of int, optional
        Outputs that receive a cotangent; by default every floating-point output.
    seed_ones : bool
        Use 1 as the cotangent of each of ``outputs`` (a gradient) instead of an extra input.
    keep_values : bool
        Whether the program's own outputs come first among the outputs.
    compare_sizes : bool
        Whether a size of an output that the program itself finds out is that of the cotangent: it is
        checked at run time, and the sizes found on the cotangents are the last inputs.

    Returns
    -------
    Program
        Inputs: those of ``program``, then, unless ``seed_ones``, a cotangent per chosen output.
        Outputs: those of ``program`` (if kept), then a cotangent per input in ``wrt``.
    """
    if outputs is None:
        outputs = [k for k, v in enumerate(program.outputs) if v.type.is_float]
    if any(operation.regions for operation in program.block.operations):
        program = checkpoints.in_segments(program)
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        active = {program.inputs[k] for k in wrt}
        propagate(program.block, active)
        wanted = {program.outputs[k] for k in outputs}
        sweep = Reverse(builder, active, useful(program.block, active, wanted))
        sweep.forward(program.block)
        cotangents: Cotangents = {}
        computed: set[Value] = set()
        if compare_sizes:
            computed = {sweep.primal(v) for op in program.block.operations for v in op.results}
        sizes: dict[Extent, Value] = {}
        for k in outputs:
            value = sweep.primal(program.outputs[k])
            seed = _seed(builder, value, seed_ones, computed, sizes)
            cotangents[value] = accumulate(cotangents.get(value), seed, Tracer(value, "array"))
        sweep.backward(cotangents)
        kept = [sweep.primal(v) for v in program.outputs] if keep_values else []
        builder.block.parameters += sizes.values()
        builder.block.outputs = kept + [sweep.dense(program.inputs[k], cotangents) for k in wrt]
        return Program(builder.block, f"{program.name}_vjp")


def _seed(
    builder: Builder, value: Value, ones: bool, computed: set[Value], sizes: dict[Extent, Value]
) -> Any:
    if ones:
        one: Any = Tracer.constant(np.ones((), value.dtype))
        shape: Any = value.shape
        return np.broadcast_to(one, shape) if shape else one
    for n in value.shape:
        if not computed.isdisjoint(symbols(n)) and n not in sizes:
            sizes[n] = Value(ArrayType(np.dtype(np.int64), (), True), "size")
            sizes[n].low = 0
    given = tuple([Dim.symbol(sizes[n]) if n in sizes else n for n in value.shape])
    hint = f"ct_{value.hint}" if value.hint else None
    ct = Tracer(builder.parameter(ArrayType(value.dtype, given), hint), "array")
    for n, m in zip(value.shape, given, strict=True):
        if n in sizes:
            check(compare("equal", m, n), OTHER_SIZE)
    return reshape(ct, value.shape)


class Reverse:
    """One reverse sweep: ``forward`` records pulls, ``backward`` runs them in reverse order.

    ``active`` and ``useful`` are sets of values of the program being differentiated;
    cotangents are kept by the value's copy in the new program (``primal``).
    """

    def __init__(
        self,
        builder: Builder,
        active: set[Value],
        useful: set[Value],
        mapping: Mapping | None = None,
        recompute: bool = False,
        in_loop: bool = False,
        local: frozenset[Value] = frozenset(),
        saved: Mapping | None = None,
    ) -> None:
        self.builder = builder
        self.active = active
        self.useful = useful
        self.mapping: Mapping = {} if mapping is None else mapping
        self.pulls: list[Pull] = []
        # Whether the operations run a second time: then nothing is shared with the first run,
        # and effects and checks, which have happened, are left out.
        self.recompute = recompute
        # Whether residuals must outlive an iteration of an enclosing loop.
        self.in_loop = in_loop
        # What differs between the iterations of that loop.
        self.local = local
        # In a branch that is run again: what the first run kept.
        self.saved: Mapping = {} if saved is None else saved
        # What the block that is differentiated hands to others, where it is a region.
        self.leaving: Sequence[Value] = ()

    def primal(self, value: Value) -> Value:
        """The value in the new program."""
        return self.mapping.get(value, value)

    def dense(self, value: Value, cotangents: Cotangents) -> Value:
        """The cotangent of a value, as zeros where it received none."""
        ct = cotangents.get(self.primal(value))
        if ct is None:
            ct = zeros_like(Tracer(self.primal(value), "array"))
        return ct.value

    def forward(self, block: Block) -> None:
        """Copy the operations of a block, recording how to pull cotangents through each."""
        for operation in block.operations:
            wanted = any(v in self.useful and v in self.active for v in operation.results)
            if operation.regions and wanted:
                from autodiff.differentiate import reverse_control

                self.pulls.append(reverse_control.forward(self, operation))
                continue
            if self.recompute and not operation.results and ENTRIES[operation.kind].has_effect:
                continue
            if self.saved and operation.results and operation.results[0] in self.saved:
                new = copy_operation(operation, self.mapping, share=False)
                kept = tuple([self.saved[v] for v in operation.results])
                self.mapping.update(zip(operation.results, kept, strict=True))
                if wanted:
                    self.pulls.append(self._pull(operation, new, kept))
                continue
            new = copy_operation(operation, self.mapping, share=not self.recompute)
            self.builder.block.operations.append(new)
            if wanted:
                self.pulls.append(self._pull(operation, new))

    def _pull(
        self, operation: Operation, new: Operation, results: tuple[Value, ...] | None = None
    ) -> Pull:
        """How cotangents of ``results``, by default those of ``new``, go through an operation."""
        results = results or new.results
        through = differentiable_operands(operation)
        needed = tuple([v in self.active and v in through for v in operation.operands])

        def pull(cotangents: Cotangents) -> None:
            cts = [cotangents.pop(v, None) for v in results]
            if all(ct is None for ct in cts):
                return
            self.builder.source = new.source and new.source.derivative()
            site = Site(
                tuple([Tracer(v, "array") for v in new.operands]),
                tuple([Tracer(v, "array") for v in results]),
                new.attributes,
                needed,
            )
            leaving = [self.primal(v) for v in self.leaving if v in self.active]
            found = None
            if new.kind in WITH_VECTORS:
                found = spectra.pull_vectors(self.builder, new, site, cts, leaving)
            contributions = pullback(new, site, cts) if found is None else found
            for value, contribution, wanted in zip(
                new.operands, contributions, needed, strict=True
            ):
                if wanted and contribution is not None:
                    add(cotangents, value, contribution)

        return pull

    def backward(self, cotangents: Cotangents) -> None:
        """Run the recorded pulls in reverse order on ``cotangents``, in place."""
        for pull in reversed(self.pulls):
            pull(cotangents)


def add(cotangents: Cotangents, value: Value, contribution: Any) -> None:
    """Add a contribution to a value's cotangent."""
    if debug.checking():
        _require_fit(value, contribution)
    if isinstance(contribution, Tracer):  # extents may be one that are written in two ways
        contribution = reshape(contribution, value.shape)
    cotangents[value] = accumulate(cotangents.get(value), contribution, Tracer(value, "array"))


def _require_fit(value: Value, contribution: Any) -> None:
    """A contribution to a cotangent has the shape of its value."""
    if not isinstance(contribution, Tracer):
        return
    shape = contribution.shape
    if len(shape) != len(value.shape) or any(map(differ, shape, value.shape)):
        raise InternalError(
            f"differentiation adds a contribution of shape {tuple(shape)} to the cotangent of {value!r}"
        )
