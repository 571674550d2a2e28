"""Native routines that go through elements in order: running sums, arg-extrema, bisection, positions.

    cumulative_sum, cumulative_prod     an accumulator along an axis
    argmax, argmin                      the best so far, and where
    searchsorted                        bisection, for each element that is sought
    nonzero                             the positions of true elements, one after the other
    convolve                            each element of the shorter times all of the longer, in blocks

The loops are written one element at a time: what a step needs is what the step before has left in a
stack slot.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autodiff.dims import Dim, Extent, minimum
from autodiff.engines.native.elements import Indices, element
from autodiff.engines.native.generator import Generator
from autodiff.engines.native.nests import combined, identity
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import linear
from autodiff.engines.native.writer import LoopIndex, literal, register_type
from autodiff.ir.data import Operation


def _cumulative(g: Generator, operation: Operation) -> bool:
    (x,) = operation.operands
    axis, reverse = operation.attributes["axis"], operation.attributes["reverse"]
    combine = "sum" if operation.kind == "cumulative_sum" else "prod"
    result = operation.result
    place = g.destination(result)
    shape = x.shape
    type = register_type(x.dtype)
    # NumPy begins with the first element, so that -0.0 stays.
    signed_zero = combine == "sum" and x.dtype.kind == "f"
    first = literal(-0.0, x.dtype) if signed_zero else identity(combine, x.dtype)

    def step(indices: list[Extent]) -> Indices:
        mirrored = list(indices)
        if reverse:
            mirrored[axis] = shape[axis] - 1 - indices[axis]
        return tuple(mirrored)

    def body(indices: list[Extent], accumulator: str) -> None:
        at = step(indices)
        new = g.s.cast(element(g, x, at), x.dtype)
        old = Element(g.w.here(f"load {type}, ptr {accumulator}"), x.dtype)
        total = combined(g, combine, old, new)
        g.w.line(f"store {type} {total.name}, ptr {accumulator}")
        g.memory.store(total.name, place, linear(at, shape))

    def level(k: int, indices: list[Extent]) -> None:
        if k == len(shape):
            accumulator = g.w.slot(type)
            g.w.line(f"store {type} {first}, ptr {accumulator}")
            with g.w.loop(0, shape[axis]) as i:
                indices[axis] = Dim.symbol(i)
                body(indices, accumulator)
        elif k == axis:
            level(k + 1, indices)
        else:
            with g.w.loop(0, shape[k]) as i:
                indices[k] = Dim.symbol(i)
                level(k + 1, indices)

    _in_nest(g, lambda: level(0, [0] * len(shape)))
    g.bind(result, place)
    return True


def _in_nest(g: Generator, write_loops: Callable[[], None]) -> None:
    was = g.in_nest
    g.in_nest = True
    try:
        with g.w.scope():
            write_loops()
    finally:
        g.in_nest = was


def _arg_extremum_of_vector(g: Generator, operation: Operation) -> bool:
    """The extremum first, then the first place where it is: two loops of many elements at a time.

    In one loop each element waits for the comparison before.
    """
    (x,) = operation.operands
    (n,) = x.shape
    g.buffer(x)
    type, combine = register_type(x.dtype), operation.kind.removeprefix("arg")
    best, where = g.w.slot(type), g.w.slot("i64")
    g.w.line(f"store {type} {element(g, x, (0,)).name}, ptr {best}")
    none = Element(g.w.extent(n), np.dtype(np.int64))
    g.w.line(f"store i64 {none.name}, ptr {where}")

    def extremum(i: LoopIndex) -> None:
        old = Element(g.w.here(f"load {type}, ptr {best}"), x.dtype)
        found = combined(g, combine, old, element(g, x, (Dim.symbol(i),)))
        g.w.line(f"store {type} {found.name}, ptr {best}")

    def place(i: LoopIndex, extreme: Element) -> None:
        here = element(g, x, (Dim.symbol(i),))
        hit = g.s.or_(g.s.eq(here, extreme), g.s.isnan(here))  # of numbers and NaN, the first NaN
        at = g.s.select(hit, Element(i.name, none.dtype), none)
        old = g.w.here(f"load i64, ptr {where}")
        # Without signs: LLVM would ask the signs of what comes before the last step, and not vectorise.
        g.w.line(f"store i64 {g.w.intrinsic('umin', 'i64', at.name, old)}, ptr {where}")

    def write_loops() -> None:
        with g.w.loop(0, n) as i:
            extremum(i)
        extreme = Element(g.w.here(f"load {type}, ptr {best}"), x.dtype)
        with g.w.loop(0, n) as i:
            place(i, extreme)

    _in_nest(g, write_loops)
    g.bind(operation.result, Element(g.w.here(f"load i64, ptr {where}"), none.dtype))
    return True


def _arg_extremum(g: Generator, operation: Operation) -> bool:
    (x,) = operation.operands
    if len(x.shape) == 1 and x.dtype.kind in "fiu":
        return _arg_extremum_of_vector(g, operation)
    axis = operation.attributes["axis"]
    result = operation.result
    shape = x.shape
    type = register_type(x.dtype)
    place = g.destination(result) if result.shape else None
    best, where = g.w.slot(type), g.w.slot("i64")
    better = g.s.gt if operation.kind == "argmax" else g.s.lt

    def search(indices: list[Extent]) -> None:
        indices[axis] = 0
        first = element(g, x, tuple(indices))
        g.w.line(f"store {type} {first.name}, ptr {best}")
        g.w.line(f"store i64 0, ptr {where}")
        with g.w.loop(1, shape[axis]) as i:
            indices[axis] = Dim.symbol(i)
            new = element(g, x, tuple(indices))
            old = Element(g.w.here(f"load {type}, ptr {best}"), x.dtype)
            at = Element(g.w.here(f"load i64, ptr {where}"), np.dtype(np.int64))
            # The first extremum wins; the first NaN wins over every number.
            wins = g.s.and_(g.s.or_(better(new, old), g.s.isnan(new)), g.s.not_(g.s.isnan(old)))
            g.w.line(f"store {type} {g.s.select(wins, new, old).name}, ptr {best}")
            index = Element(i.name, at.dtype)
            g.w.line(f"store i64 {g.s.select(wins, index, at).name}, ptr {where}")
        if place is not None:
            found = g.w.here(f"load i64, ptr {where}")
            kept = tuple([n for k, n in enumerate(indices) if k != axis])
            g.memory.store(found, place, linear(kept, result.shape))

    def level(k: int, indices: list[Extent]) -> None:
        if k == len(shape):
            search(indices)
        elif k == axis:
            level(k + 1, indices)
        else:
            with g.w.loop(0, shape[k]) as i:
                indices[k] = Dim.symbol(i)
                level(k + 1, indices)

    _in_nest(g, lambda: level(0, [0] * len(shape)))
    if place is not None:
        g.bind(result, place)
    else:
        g.bind(result, Element(g.w.here(f"load i64, ptr {where}"), np.dtype(np.int64)))
    return True


def _searchsorted(g: Generator, operation: Operation) -> bool:
    """Bisection: each element is looked for among ``rest`` places from ``first`` on."""
    a, v = operation.operands
    result, n = operation.result, a.shape[0]
    g.buffer(a)
    place = g.destination(result) if result.shape else None
    search = _bisection_of(g, operation, n) if isinstance(n, int) else _bisection(g, operation, n)
    if place is None:
        # The place is read where it was found: there is one element.
        g.bind(result, Element(search(element(g, v, ())), np.dtype(np.int64)))
        return True

    def level(k: int, indices: list[Extent]) -> None:
        if k < len(v.shape):
            with g.w.loop(0, v.shape[k]) as i:
                level(k + 1, [*indices, Dim.symbol(i)])
            return
        found = search(element(g, v, tuple(indices)))
        g.memory.store(found, place, linear(tuple(indices), result.shape))

    _in_nest(g, lambda: level(0, []))
    g.bind(result, place)
    return True


def _beyond(g: Generator, operation: Operation, at: LoopIndex, sought: Element) -> Element:
    """Whether what is sought lies beyond a place."""
    probe = element(g, operation.operands[0], (Dim.symbol(at),))
    if operation.attributes["side"] == "left":
        return _sorts_before(g, probe, sought)
    return g.s.not_(_sorts_before(g, sought, probe))


def _bisection_of(g: Generator, operation: Operation, n: int) -> Callable[[Element], str]:
    """Bisection of a known number of places: its halves are constants, whatever is found.

    The place moves on by a half and a mask. Of a choice LLVM may make a jump, which the processor guesses
    wrong every other time.
    """

    def search(sought: Element) -> str:
        first, rest = "0", n
        while rest:
            half = max(rest // 2, 1)
            probed = g.w.here(f"add i64 {first}, {half - 1}")
            beyond = _beyond(g, operation, LoopIndex(probed, 0, n - 1), sought)
            mask = g.w.here(f"sext i1 {beyond.name} to i64")
            first = g.w.here(f"add i64 {first}, {g.w.here(f'and i64 {mask}, {half}')}")
            rest = rest - half if rest > 1 else 0
        return first

    return search


def _bisection(g: Generator, operation: Operation, n: Extent) -> Callable[[Element], str]:
    """Bisection of a number of places that is known at run time."""
    first, rest = g.w.slot("i64"), g.w.slot("i64")

    def halve(sought: Element) -> None:
        start, count = g.w.here(f"load i64, ptr {first}"), g.w.here(f"load i64, ptr {rest}")
        half = g.w.here(f"lshr i64 {count}, 1")
        middle = g.w.here(f"add i64 {start}, {half}")
        left = Element(g.w.here(f"icmp sgt i64 {count}, 0"), np.dtype(bool))
        at = LoopIndex(g.w.here(f"select i1 {left.name}, i64 {middle}, i64 0"), 0, n - 1)
        beyond = g.s.and_(left, _beyond(g, operation, at, sought))
        mask = g.w.here(f"sext i1 {beyond.name} to i64")
        step = g.w.here(f"and i64 {mask}, {g.w.here(f'add i64 {half}, 1')}")
        g.w.line(f"store i64 {g.w.here(f'add i64 {start}, {step}')}, ptr {first}")
        # Beyond: what is left is count - half - 1, else half.
        fewer = g.w.here(f"sub i64 {g.w.here(f'sub i64 {count}, 1')}, {half}")
        other = g.w.here(f"and i64 {mask}, {g.w.here(f'xor i64 {half}, {fewer}')}")
        g.w.line(f"store i64 {g.w.here(f'xor i64 {half}, {other}')}, ptr {rest}")

    def search(sought: Element) -> str:
        g.w.line(f"store i64 0, ptr {first}")
        g.w.line(f"store i64 {g.w.extent(n)}, ptr {rest}")
        with g.w.loop(0, minimum(n, 63)):
            halve(sought)
        return g.w.here(f"load i64, ptr {first}")

    return search


def _sorts_before(g: Generator, x: Element, y: Element) -> Element:
    """Whether ``x < y`` in the order of sorting, in which NaN comes last."""
    if x.dtype.kind != "f":
        return g.s.lt(x, y)
    return g.s.or_(g.s.lt(x, y), g.s.and_(g.s.isnan(y), g.s.not_(g.s.isnan(x))))


def _nonzero(g: Generator, operation: Operation) -> bool:
    """Positions of true elements, without a branch that the processor would have to guess.

    Every position is written to the next free place, which moves on where the element is true.  When all
    places are full the rest is written to a place of no interest.
    """
    (mask,) = operation.operands
    w, shape = g.w, mask.shape
    places = [g.destination(v) for v in operation.results]
    starts = [g.memory.address(place) for place in places]
    count = w.extent(operation.results[0].shape[0])
    found, spare = w.slot("i64"), w.slot("i64")

    def step(indices: list[Extent]) -> None:
        free = w.here(f"load i64, ptr {found}")
        left = w.here(f"icmp slt i64 {free}, {count}")
        for start, index in zip(starts, indices, strict=True):
            position = w.extent(index)
            next_place = w.here(f"getelementptr i64, ptr {start}, i64 {free}")
            place = w.here(f"select i1 {left}, ptr {next_place}, ptr {spare}")
            w.line(f"store i64 {position}, ptr {place}")
        is_true = element(g, mask, tuple(indices))
        one = w.here(f"zext i1 {is_true.name} to i64")
        w.line(f"store i64 {w.here(f'add i64 {free}, {one}')}, ptr {found}")

    def level(k: int, indices: list[Extent]) -> None:
        if k == len(shape):
            step(indices)
            return
        with w.loop(0, shape[k]) as i:
            level(k + 1, [*indices, Dim.symbol(i)])

    w.line(f"store i64 0, ptr {found}")
    _in_nest(g, lambda: level(0, []))
    # What was counted elsewhere: no place may be left as it was found in memory.
    all_found = w.here(f"icmp eq i64 {w.here(f'load i64, ptr {found}')}, {count}")
    g.fail_unless(all_found, "nonzero failed", operation.source)
    for value, place in zip(operation.results, places, strict=True):
        g.bind(value, place)
    return True


_BLOCK = (
    1024  # elements of a convolution that stay in the cache while all products are added to them
)


def _convolve(g: Generator, operation: Operation) -> bool:
    """Sums of products, in the order of the shorter operand's elements."""
    longer, shorter = operation.operands
    dtype, result = longer.dtype, operation.result
    if dtype.kind != "f" or shorter.dtype != dtype or dtype.itemsize < 4:
        return False
    n, m = longer.shape[0], shorter.shape[0]
    if isinstance(n, int) and isinstance(m, int) and n < m:
        longer, shorter, n, m = shorter, longer, m, n
    a, v, place = g.buffer(longer), g.buffer(shorter), g.destination(result)
    total = result.shape[0]
    g.memory.clear(place)
    blocks = _computed(g, f"sdiv i64 {g.w.extent(total + _BLOCK - 1)}, {_BLOCK}", None)
    with g.w.loop(0, blocks, covers=(total, _BLOCK)) as block:
        first = Dim.symbol(block) * _BLOCK
        last = _either(g, "smin", first + _BLOCK, total)
        with g.w.loop(_either(g, "smax", first - n + 1, 0), _either(g, "smin", last, m)) as j:
            factor = Element(g.memory.load(v, Dim.symbol(j), False), dtype)
            low = _either(g, "smax", first, Dim.symbol(j))
            with g.w.loop(low, _either(g, "smin", last, Dim.symbol(j) + n), most=_BLOCK) as i:
                x = Element(g.memory.load(a, Dim.symbol(i) - Dim.symbol(j), False), dtype)
                before = Element(g.memory.load(place, Dim.symbol(i), False), dtype)
                after = g.s.add(before, g.s.mul(x, factor))
                g.memory.store(after.name, place, Dim.symbol(i))
    g.bind(result, place)
    return True


def _computed(g: Generator, instruction: str, high: Extent | None) -> Dim:
    """An extent that an instruction gives, which is not negative."""
    return Dim.symbol(LoopIndex(g.w.here(instruction), 0, high))


def _either(g: Generator, function: str, x: Extent, y: Extent) -> Dim:
    """The smaller (``smin``) or larger (``smax``) of two extents, of which one is no less than 0."""
    name = f"llvm.{function}.i64"
    g.w.declared.setdefault(name, f"declare i64 @{name}(i64, i64)")
    return _computed(g, f"call i64 @{name}(i64 {g.w.extent(x)}, i64 {g.w.extent(y)})", None)


ROUTINES: dict[str, Callable[[Generator, Operation], bool]] = {
    "cumulative_sum": _cumulative,
    "cumulative_prod": _cumulative,
    "argmax": _arg_extremum,
    "argmin": _arg_extremum,
    "searchsorted": _searchsorted,
    "nonzero": _nonzero,
    "convolve": _convolve,
}
