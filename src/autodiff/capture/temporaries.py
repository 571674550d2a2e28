"""Temporaries: variables that a loop sets before it reads them, and their values after it."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.capture import choices, structures
from autodiff.capture.bodies import Body
from autodiff.capture.carries import FLAG, Tags
from autodiff.capture.contents import has_own_rows
from autodiff.capture.frames import Maybe, Poison, Scope
from autodiff.capture.lists import TracedList
from autodiff.capture.loop_arrays import NUMBER
from autodiff.capture.regions import defined
from autodiff.capture.slots import Slot, as_parts, fit, is_numeric, slot_of
from autodiff.capture.trace import Trace
from autodiff.dims import Dim, Extent, bounds, maximum, same_shape, substitute, symbols, upper_bound
from autodiff.ir.data import Value
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either, is_array
from autodiff.ops.structural import slice_update, zeros
from autodiff.ops.tracer import Tracer, as_tracer


class _Halves:
    """A scope for the parts of a complex variable that the body binds first."""

    def __init__(self, scope: Any, name: str, form: Any) -> None:
        self.locals: dict[str, Any] = {}
        self.parent = None
        self.scope = scope
        self.name = name
        self.form = form

    def join(self) -> None:
        """Bind the variable to the number or array of both parts."""
        re, im = self.locals["real"], self.locals["imag"]
        if isinstance(re, Maybe):
            whole = ComplexTracer((re.value, im.value), self.form)
            self.scope.locals[self.name] = Maybe(re.bound, whole)
        elif isinstance(re, Poison) or isinstance(im, Poison):
            self.scope.locals[self.name] = Poison(self.name)
        else:
            self.scope.locals[self.name] = ComplexTracer((re, im), self.form)


# -- making the loop --------------------------------------------------------------------------------
def with_leading(room: Value, value: Value) -> Value:
    """``room`` with its first elements replaced by the whole of ``value``."""
    n = len(value.shape)
    whole, part = Tracer(room, "array"), Tracer(value, "array")
    return slice_update(whole, part, (0,) * n, value.shape, (1,) * n).value


def starts_of(body: Body) -> list[Value]:
    """What the variables of a loop are before it."""
    values = []
    for key, slot in body.names.items():
        scope, name = key
        start = scope.starts[name] if isinstance(scope, Tags) else scope.locals[name]
        value = fit(start, slot)
        if key in body.sizes and not same_shape(slot.shape, body.room(key)):
            value = with_leading(zeros(body.room(key), slot.dtype).value, value)
        values.append(value)
    return values + [cell.value for cell in body.cells]


def keep_temporaries(body: Body) -> tuple[list[tuple[Scope, str]], list[Slot], list[Value]]:
    """Names first bound in the body whose last value can be carried out of the loop."""
    assert body.outcome is not None
    inside = defined(body.outcome)
    keys, slots, starts = [], [], []
    _halve_temporaries(body)
    _spread_temporaries(body)
    body.index = body.parameters[0]
    for key, end in body.temporaries.items():
        if isinstance(end, Maybe) and key[1].startswith("<result"):
            end = body.outcome.names[key] = end.value  # read only where the loop has returned
        latched = isinstance(end, Maybe)
        if isinstance(end, Maybe):
            end = end.value
        if not is_numeric(end) or (latched and isinstance(end, Either)):
            continue
        slot = slot_of(end)
        if any(symbols(n) & inside for n in slot.shape if isinstance(n, Dim)):
            room = None if latched else _room_of_last(body, slot, inside)
            if room is None:
                continue
            body.lasts[key] = slot.shape
            slot = Slot(slot.dtype, room, slot.form)
        keys.append(key)
        slots.append(slot)
        start = zeros(slot.shape, slot.dtype).value
        starts.append(fit(Tracer(start, slot.form), slot))
        if isinstance(end, Either):
            tag = body.tags[key] = (key[0], f"<type of {key[1]}>")
            body.outcome.names[tag] = Tracer(end.is_narrow, "python")
            body.narrow[key] = end.narrow
            keys.append(tag)
            slots.append(FLAG)
            starts.append(fit(False, FLAG))
        if is_array(end) and body.frame.trace.numbering.is_carried:
            which = body.which[key] = (key[0], f"<which {key[1]}>")
            body.outcome.names[which] = _number_at_end(body, end)
            keys.append(which)
            slots.append(NUMBER)
            starts.append(fit(0, NUMBER))
        if latched:
            # Not every iteration binds it: it keeps its value, and whether it was ever bound.
            flag = (key[0], f"<bound {key[1]}>")
            body.latches[key] = flag
            body.outcome.names[flag] = body.outcome.names[key].bound
            keys.append(flag)
            slots.append(FLAG)
            starts.append(fit(False, FLAG))
    return keys, slots, starts


def _number_at_end(body: Body, end: Tracer) -> Tracer:
    """Which array a name is at the end of the body (``numbering``)."""
    trace = body.frame.trace
    assert body.outcome is not None
    trace.rolling.append(body)
    try:
        with trace.builder.reopened(body.outcome.block):
            return Tracer(trace.numbering.value_of(end), "python")
    finally:
        trace.rolling.pop()


def _halve_temporaries(body: Body) -> None:
    """Take complex temporaries apart, each into two real ones."""
    assert body.outcome is not None
    body.halves = []
    for key, end in list(body.temporaries.items()):
        number = as_parts(end.value if isinstance(end, Maybe) else end)
        if number is None:
            continue
        halves: Any = _Halves(*key, number.form)
        body.halves.append(halves)
        del body.temporaries[key]
        for name, part in zip(("real", "imag"), number.parts, strict=True):
            half = Maybe(end.bound, part) if isinstance(end, Maybe) else part
            if isinstance(end, Maybe) and key[1].startswith("<result"):
                half = part  # read only where the loop has returned
            body.temporaries[halves, name] = body.outcome.names[halves, name] = half


class _LastObject:
    """A scope for the leaves of an object that the body binds first, which nobody else has at its end."""

    def __init__(self, trace: Trace, key: tuple[Scope, str], end: Any, count: int) -> None:
        self.locals: dict[str, Any] = {}
        self.parent = None
        self.trace, self.key, self.end, self.count = trace, key, end, count

    def join(self) -> None:
        """Bind the variable to an object made of the leaves."""
        scope, name = self.key
        leaves = {at: x.value if isinstance(x, Maybe) else x for at, x in self.locals.items()}
        if len(leaves) < self.count or any(isinstance(x, Poison) for x in leaves.values()):
            scope.locals[name] = Poison(name)
            return
        made = structures.rebuilt(self.trace, self.end, leaves)
        bound = [x.bound for x in self.locals.values() if isinstance(x, Maybe)]
        scope.locals[name] = Maybe(bound[0], made) if bound else made


def _spread_temporaries(body: Body) -> None:
    """Take objects that the body binds first apart into their leaves."""
    assert body.outcome is not None
    for key, end in list(body.temporaries.items()):
        if not body.is_done(key):
            end = body.temporaries[key] = _without_pools(body, key, end)
        is_list = isinstance(end, TracedList) and end.is_stored()
        by_number = choices.known_in(end) is not None
        is_object = isinstance(end, choices.Instance) and key not in body.outcome.entangled
        if not (is_list or is_object or by_number):
            continue
        if body.is_done(key) or structures.is_cyclic(body.frame.trace, end):
            continue
        with body.frame.trace.builder.reopened(body.outcome.block):
            leaves = structures.leaves_of(body.frame.trace, end)
        if not leaves or not structures.is_plain(body.frame.trace, end):
            continue
        if is_list:
            body.refuse_shared(key)
        whole: Any = _LastObject(body.frame.trace, key, end, len(leaves))
        body.halves.append(whole)
        del body.temporaries[key]
        for at, leaf in leaves.items():
            body.temporaries[whole, at] = body.outcome.names[whole, at] = leaf


def _without_pools(body: Body, key: tuple[Scope, str], end: Any) -> Any:
    """What a name is at the end of the body; Poison if it is of a pool that the pass has made, which nobody after it has."""
    trace, value = body.frame.trace, end.value if isinstance(end, Maybe) else end
    known = [x for x in structures.pools_in(trace, value) if not trace.builder.is_open(x.block)]
    return Poison(key[1]) if known and not has_own_rows(value) else end


def _room_of_last(body: Body, slot: Slot, inside: set[Value]) -> tuple[Extent, ...] | None:
    """The largest extents of an array whose size depends on the iteration; None where unknown."""
    if body.count is None or runs(body.count) is not True:
        return None
    index = body.parameters[0]
    if any(symbols(n) & inside - {index} for n in slot.shape if isinstance(n, Dim)):
        return None
    room = [upper_bound(n, {index}) for n in slot.shape]
    if any(n is None for n in room):
        return None
    return tuple([maximum(n, 0) for n in room if n is not None])


def shape_at(shape: tuple[Extent, ...], index: Value, k: Extent) -> tuple[Extent, ...]:
    """A shape in terms of the loop's index, in iteration ``k``."""
    return tuple([substitute(n, lambda s: k if s is index else Dim.symbol(s)) for n in shape])


def runs(count: Extent) -> Any:
    """Whether a loop of ``count`` iterations runs at all: True, or a traced bool."""
    low, _ = bounds(count)
    if low is not None and low >= 1:
        return True
    positive: Any = np.greater(as_tracer(count), 0)
    return Tracer(positive.value, "python")
