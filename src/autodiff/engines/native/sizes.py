"""Sizes that 64 bits cannot hold: found before anything is allocated or indexed.

    np.zeros((n, n))      n·n·8 bytes; with n = 2**31 they are 2**65, which is 0 modulo 2**64

Extents are polynomials, computed in the machine's integers.  What follows holds for every array of
a kernel, whether it lies in memory or not: its extents and its bytes are computed once without
overflow and are at most ``LIMIT``, or the kernel fails before the array is used, and plain Python
decides (NumPy raises what it raises).  From then on products of extents, positions of elements and
sizes of buffers are computed without checks, as they are smaller.

An array that nothing reads is not there any more; what is left of it is its size, which ``sized`` has
checked (:mod:`autodiff.passes.dead`).

Most extents need no check: ``magnitude`` bounds them by what their symbols are.  A check stands at
the beginning of the block, before effects, or where the last of its symbols becomes known; those of
loop bodies stand before the loop where they can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from autodiff.dims import Dim, Extent, Func, bounds, product, same_shape, symbols
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.writer import extent_key
from autodiff.ir.data import Block, Operation, Source, Value
from autodiff.ops.control import GUARD, MEMORY_FAILED, MOST_BYTES
from autodiff.ops.entries import ENTRIES, Pointwise, Reduction, Update
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native.generator import Generator

TOO_LARGE = "a size exceeds 64 bits"

LIMIT = MOST_BYTES

SAFE = 2**62
"""Below this, nothing can overflow by what is added or scaled in computing positions."""

_GIVEN = 2**60  # of integers that a call is given, which is checked where extents are made of them
_SIZING = 2**39  # of those that shape an array: one check of the integer in place of one a shape
_COUNTED = 2**50  # steps that no loop makes in a lifetime
_INTEGER = 2**63

# Operations that give a part of an operand, or as many elements in another order.
_NOT_LARGER = frozenset(("slice", "reshape", "transpose"))


# -- how large an extent can be ---------------------------------------------------------------------
def magnitude(g: Generator, extent: Extent) -> int:
    """A bound of all that is computed in evaluating an extent, by what its symbols are."""
    if not isinstance(extent, Dim):
        return abs(extent)
    total = 0
    for monomial, c in extent.terms.items():
        term = abs(c)
        for atom, power in monomial:
            term *= _of_atom(g, atom) ** power
        total += term
    return total


def _of_atom(g: Generator, atom: Any) -> int:
    if isinstance(atom, Func):
        return max(magnitude(g, atom.left), magnitude(g, atom.right))
    low, high = getattr(atom, "low", None), getattr(atom, "high", None)
    if isinstance(low, int) and isinstance(high, int):
        return max(abs(low), abs(high), 1)
    if atom in g.extents_of_inputs:
        return LIMIT
    if atom in g.integer_inputs:
        return g.ranged.setdefault(atom, _GIVEN)
    owner = getattr(atom, "owner", None)
    if owner is not None and owner.kind == "extent_value":
        return min(magnitude(g, owner.attributes["value"]), _INTEGER)
    if owner is not None and owner.kind == "while" and atom is owner.results[0]:
        return _COUNTED
    return _COUNTED if atom in g.counters else _INTEGER


# -- what is to be checked ----------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Demand:
    """Extents that must be computable, or the shape of an array that must fit into memory."""

    extents: tuple[Extent, ...]
    itemsize: int  # 0: extents alone
    source: Source | None

    def key(self) -> Any:
        """Equal for demands that say the same."""
        return ("size", self.itemsize, tuple(map(extent_key, self.extents)))


def demands(g: Generator, block: Block) -> list[Demand]:
    """The checks that a block needs, with those of the loops in it."""
    found: dict[Any, Demand] = {}
    for demand in _of_block(g, block):
        found.setdefault(demand.key(), demand)
    return list(found.values())


def _of_block(g: Generator, block: Block) -> Iterator[Demand]:
    for operation in block.operations:
        if operation.kind in ("for", "while"):
            g.counters.add(operation.regions[-1].parameters[0])
            for region in operation.regions:
                yield from _of_block(g, region)
        yield from _of_operation(g, operation)


def _of_operation(g: Generator, operation: Operation) -> Iterator[Demand]:
    if operation.kind == "sized":
        shape, itemsize = operation.attributes["shape"], operation.attributes["itemsize"]
        for symbol in {s for n in shape for s in symbols(n)} & g.integer_inputs:
            g.ranged.setdefault(symbol, _GIVEN)
        yield Demand(shape, itemsize, operation.source)
        return
    alone = tuple(
        [e for a in operation.attributes.values() for e in _extents(a) if _may_overflow(g, e)]
    )
    if alone:
        yield Demand(alone, 0, operation.source)
    for value in operation.results:
        if value.shape and _may_be_too_large(g, operation, value):
            yield Demand(value.shape, value.dtype.itemsize, operation.source)


def _extents(attribute: Any) -> Iterator[Dim]:
    if isinstance(attribute, Dim):
        yield attribute
    elif isinstance(attribute, (tuple, list)):
        for item in attribute:
            yield from _extents(item)


def _may_overflow(g: Generator, extent: Extent) -> bool:
    if isinstance(extent, Dim) and len(extent.terms) == 1:
        ((monomial, c),) = extent.terms.items()
        if c == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]  # a number of 64 bits as it is
            return isinstance(atom, Func) and (
                _may_overflow(g, atom.left) or _may_overflow(g, atom.right)
            )
    return magnitude(g, extent) >= SAFE


def _may_be_too_large(g: Generator, operation: Operation, value: Value) -> bool:
    lowering = ENTRIES[operation.kind].lowering
    overflows = any(_may_overflow(g, n) for n in value.shape)
    if not overflows and (
        operation.kind in _NOT_LARGER
        or isinstance(lowering, (Pointwise, Reduction, Update))
        or any(same_shape(value.shape, x.shape) for x in operation.operands)
    ):
        return False
    size = product(value.shape) * value.dtype.itemsize
    if isinstance(size, int):
        return size > LIMIT
    _, most = bounds(size)
    if most is not None and most <= LIMIT:
        return False
    return magnitude(g, size) >= SAFE or any(_may_be_negative(g, n) for n in value.shape)


def _may_be_negative(g: Generator, extent: Extent) -> bool:
    """Whether an extent is made of integers of the call, and nothing says that it is none below 0."""
    if not any(s in g.ranged for s in symbols(extent)):
        return False
    least, _ = bounds(extent)
    return least is None or least < 0


# -- checking -------------------------------------------------------------------------------------------
def begin(g: Generator, block: Block) -> list[Demand]:
    """Write the checks at the beginning of a block; those that are still to come."""
    for symbol in _shaping(block):
        if symbol in g.integer_inputs:
            g.ranged[symbol] = _SIZING
    pending = demands(g, block)
    for symbol, most in g.ranged.items():
        _require_range(g, symbol, most)
    return settle(g, pending)


def _shaping(block: Block) -> Iterator[Any]:
    """The symbols that the shapes in a block and its loops are made of."""
    for operation in block.operations:
        for value in operation.results:
            for extent in value.shape:
                yield from symbols(extent)
        if operation.kind in ("for", "while"):
            for region in operation.regions:
                yield from _shaping(region)


def _require_range(g: Generator, symbol: Value, most: int) -> None:
    """An integer of the call is not so large that what is added to it overflows."""
    key = ("range", symbol, most)
    if g.w.recall(key):
        return
    name = g.w.extent(Dim.symbol(symbol))
    shifted = g.w.op(f"add i64 {name}, {most}", name)
    good = g.w.op(f"icmp ule i64 {shifted}, {2 * most}", shifted)
    g.fail_unless(good, TOO_LARGE, None)
    g.w.frames[-1].memo[key] = True


def settle(g: Generator, pending: list[Demand]) -> list[Demand]:
    """Write the checks whose symbols are known here; the others, which are still to come."""
    left = []
    for demand in pending:
        if all(_is_known(g, s) for e in demand.extents for s in symbols(e)):
            require(g, demand)
        else:
            left.append(demand)
    return left


def _is_known(g: Generator, symbol: Any) -> bool:
    return isinstance(g.lookup(symbol), Element)


def require(g: Generator, demand: Demand) -> None:
    """Leave the kernel where a size does not fit.

    Raises
    ------
    MemoryError
        Where no run could have the size.
    """
    if all(isinstance(e, int) for e in demand.extents):
        raise MemoryError(f"there is no memory for an array of shape {demand.extents}")
    key = demand.key()
    if g.w.recall(key):
        return
    flags: list[str] = []
    names = [
        g.w.checked_extent(e, flags) if _may_overflow(g, e) else g.w.extent(e)
        for e in demand.extents
    ]
    good = _none(g, flags)
    if demand.itemsize and g.is_guarded:
        # Guards come later: a loop whose first pass stands by itself is for calls with a pass, and stacks n - 1 values.
        below = [n for e, n in zip(demand.extents, names, strict=True) if _may_be_negative(g, e)]
        signs = [g.w.op(f"icmp sge i64 {n}, 0", n) for n in below]
        if signs:
            g.fail_unless(_all(g, [good, *signs]), GUARD, demand.source)
    if demand.itemsize:
        good = _all(g, [good, *_fits(g, names, demand)])
    g.fail_unless(good, MEMORY_FAILED if demand.itemsize else TOO_LARGE, demand.source)
    g.w.frames[-1].memo[key] = True


def _fits(g: Generator, names: Sequence[str], demand: Demand) -> list[str]:
    """Conditions that no extent is negative and that all of them are so many bytes at most."""
    w = g.w
    conditions = [w.op(f"icmp ule i64 {n}, {LIMIT}", n) for n in names]
    if magnitude(g, product(demand.extents) * demand.itemsize) < SAFE:
        return conditions
    flags: list[str] = []
    total = str(demand.itemsize)
    for name in names:
        total = w.checked("umul", total, name, flags)
    return [*conditions, _none(g, flags), w.op(f"icmp ule i64 {total}, {LIMIT}", total)]


def _none(g: Generator, flags: Sequence[str]) -> str:
    """That no flag is set."""
    if not flags:
        return "true"
    some, *others = dict.fromkeys(flags)
    for flag in others:
        some = g.w.op(f"or i1 {some}, {flag}", some, flag)
    return g.w.op(f"xor i1 {some}, true", some)


def _all(g: Generator, conditions: Sequence[str]) -> str:
    total = "true"
    for condition in conditions:
        if condition != "true":
            total = (
                condition
                if total == "true"
                else g.w.op(f"and i1 {total}, {condition}", total, condition)
            )
    return total


__all__ = ["LIMIT", "TOO_LARGE", "Demand", "begin", "magnitude", "settle"]
