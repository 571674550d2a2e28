"""Arrays that the function stores into: what changed of them is copied back, not all of them.

    a[3] = a[4] * 2; return a.sum()     before   v1 = slice_update(a, v0, starts=(3, 0)); return …, v1      a[...] = v1
                                        after    return …, v0                                               a[3, :] = v0

A run must not change arguments before it has succeeded, so new contents are outputs, which are copied when
it has.  Where stores into slices at known places are all that happened to an array, the slices are the outputs, in the
order of the stores: an array of any size costs what is stored into it.

Not here: places and sizes that are known at run time only, stores in loops.  These arrays are copied whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.compiled.after import form_of
from autodiff.dims import Dim, Extent, evaluate, symbols
from autodiff.ir.data import Block, Operation, Program, Value, uses, walk
from autodiff.passes import eliminate_dead_code
from autodiff.plain_data import dataclass

_MOST = 8
"""Slices of one array that are copied one by one."""

_SMALL = 4
"""A slice of at most one part in so many is also copied out of an array that the program needs as a whole."""


@dataclass(frozen=True)
class Write:
    """An output that goes into an input after the run: where ``at`` says, or into all of it."""

    number: int
    output: int
    at: tuple[Any, ...] | None = None
    # Where that is known after the run only: start, step, whether a slice; outputs that starts depend on.
    # A start that is one of these outputs stands as itself.
    parts: tuple[tuple[Extent | Value, int, bool], ...] = ()
    symbols: tuple[tuple[Any, int], ...] = ()
    # Where that are items: for each axis a number, or the output that it is; all of the axes that follow.
    items: tuple[tuple[int | None, int], ...] = ()

    def happen(self, target: Any, outputs: Sequence[Any]) -> None:
        """Copy it."""
        place: Any
        if self.at is not None:
            place = self.at
        elif len(self.items) == 1:  # a row, without a function for the list
            known, number = self.items[0]
            place = outputs[number] if known is None else known
        elif self.items:
            place = tuple([outputs[n] if known is None else known for known, n in self.items])
        elif self.parts:
            place = self._index(outputs)
        else:
            np.copyto(target, outputs[self.output])
            return
        plain = target if type(target) is np.ndarray else np.asarray(target)
        plain[place] = outputs[self.output]

    def _index(self, outputs: Sequence[Any]) -> tuple[Any, ...]:
        known = {symbol: outputs[number] for symbol, number in self.symbols}
        sizes = iter(np.shape(outputs[self.output]))
        index: list[Any] = []
        for extent, step, is_slice in self.parts:
            if isinstance(extent, int):
                start = extent
            elif isinstance(extent, Value):
                start = known[extent]
            else:
                start = evaluate(extent, known.__getitem__)
            index.append(slice(start, start + next(sizes) * step, step) if is_slice else start)
        return tuple(index)


def written(
    program: Program, forms: list[str], mutated: Sequence[tuple[int, int]]
) -> tuple[Program, list[str], tuple[Write, ...]]:
    """The program whose outputs are slices where these will do, the outputs' forms, and what is copied.

    ``mutated`` are numbers of inputs, and of the outputs that are their new contents.
    """
    outputs, forms = list(program.outputs), list(forms)
    writes: list[Write] = []
    for number, output in mutated:
        stores = _stores(program, program.inputs[number], outputs[output])
        for store in stores:
            piece = store.operands[1]
            at = output if store is stores[0] else len(outputs)
            outputs[at:], forms[at:] = (
                [piece, *outputs[at + 1 :]],
                [form_of(piece), *forms[at + 1 :]],
            )
            parts = _parts(store)
            found = list(dict.fromkeys(s for start, _, _ in parts for s in symbols(start)))
            places = []
            for symbol in found:
                places.append((symbol, len(outputs)))
                outputs.append(symbol)
                forms.append("int")
            index = None if found else _index(store)
            alone = [(_alone(start), step, is_slice) for start, step, is_slice in parts]
            items = _items(program.inputs[number], store, alone, dict(places)) if found else ()
            writes.append(Write(number, at, index, tuple(alone), tuple(places), items))
        if not stores:
            writes.append(Write(number, output))
    if not any(write.parts for write in writes):
        return program, forms, tuple(writes)
    block = Block(program.block.parameters, program.block.operations, outputs)
    return eliminate_dead_code(Program(block, program.name)), forms, tuple(writes)


def _stores(program: Program, given: Value, new: Value) -> list[Operation]:
    """The stores that made a new content, if there are no others and to copy their slices is less."""
    stores: list[Operation] = []
    value = new
    while value is not given:
        store = value.owner
        if store is None or store.kind != "slice_update" or len(stores) == _MOST:
            return []
        if not _parts(store) or store.operands[1].dtype != given.dtype:
            return []
        stores.append(store)
        value = store.operands[0]
    stores.reverse()
    return stores if _is_less(program, given, stores) else []


def _is_less(program: Program, given: Value, stores: list[Operation]) -> bool:
    """Whether whole contents are not computed any more, or slices are small."""
    if not stores:
        return False
    inner = {store.result for store in stores}
    ours = {id(store) for store in stores}
    others = [op for op in walk(program.block) if id(op) not in ours]
    if not any(not inner.isdisjoint(uses(op)) for op in others):
        return program.outputs.count(stores[-1].result) == 1
    shapes = [given.shape, *[store.operands[1].shape for store in stores]]
    known = [[n for n in shape if isinstance(n, int)] for shape in shapes]
    if any(len(a) != len(b) for a, b in zip(known, shapes, strict=True)):
        return False
    whole, *slices = [math.prod(shape) for shape in known]
    return sum(slices) * _SMALL <= whole


def _parts(store: Operation) -> tuple[tuple[Extent, int, bool], ...]:
    """For each axis where a store begins, its step, and whether it is a slice; nothing where that is not told."""
    how = store.attributes
    parts = [
        (start, step, size is not None)
        for start, size, step in zip(how["starts"], how["sizes"], how["steps"], strict=True)
    ]
    for start, step, _ in parts:
        if not isinstance(step, int) or step < 1 or (isinstance(start, int) and start < 0):
            return ()
        if any(not isinstance(s, Value) or s.dtype != np.int64 for s in symbols(start)):
            return ()
    return tuple(parts)


def _alone(extent: Extent) -> Extent | Value:
    """The symbol that an extent is, or the extent."""
    for symbol in symbols(extent):
        if isinstance(extent, Dim) and extent.terms == Dim.symbol(symbol).terms:
            return symbol
    return extent


def _items(
    given: Value,
    store: Operation,
    parts: Sequence[tuple[Extent | Value, int, bool]],
    places: Mapping[Any, int],
) -> tuple[tuple[int | None, int], ...]:
    """``Write.items`` of a store into items that outputs tell, as a row is; nothing where it is into less of them."""
    items: list[tuple[int | None, int]] = []
    for start, _, is_slice in parts:
        if is_slice:
            break
        if not isinstance(start, (int, Value)):
            return ()
        items.append((None, places[start]) if isinstance(start, Value) else (start, 0))
    rest = range(len(items), len(parts))
    whole = all(
        parts[k] == (0, 1, True) and given.shape[k] == size
        for k, size in zip(rest, store.operands[1].shape, strict=False)
    )
    return tuple(items) if whole and len(store.operands[1].shape) == len(rest) else ()


def _index(store: Operation) -> tuple[Any, ...] | None:
    """NumPy's index of the slice that is stored into; None where it is not known now."""
    index: list[Any] = []
    sizes = iter(store.operands[1].shape)
    for start, step, is_slice in _parts(store):
        size = next(sizes) if is_slice else 0
        if not isinstance(start, int) or not isinstance(size, int):
            return None
        index.append(slice(start, start + size * step, step) if is_slice else start)
    return tuple(index)


__all__ = ["Write", "written"]
