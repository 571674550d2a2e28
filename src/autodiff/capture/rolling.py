"""Rolling loops: one interpretation of the body becomes a ``for`` or ``while`` of the program.

The body runs on placeholders for the variables and storage cells that it changes; which these are
is found by running it (:mod:`autodiff.capture.bodies`).  Where only the first iteration differs
(``y = 0; y += array``, ``previous = None``) it is peeled off.  A ``break`` or ``return`` becomes a
variable that ends the loop.

    for i in range(n): s += x[i]     =>     s' = for(s, count=n): yield s + slice(x, k)

Anything that cannot be done this way raises a ``Bail`` (:mod:`autodiff.ladder`), before the program is
changed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture import staging
from autodiff.capture.assignment import assign
from autodiff.capture.bodies import Body
from autodiff.capture.carries import ATTEMPTS, leading
from autodiff.capture.conditions import truth
from autodiff.capture.frames import UNBOUND, Completion, Maybe, Poison, Scope
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import TracedList
from autodiff.capture.members import row_step
from autodiff.capture.operators import condition
from autodiff.capture.regions import Outcome, defined, run_region, undoing
from autodiff.capture.sequences import LazySequence
from autodiff.capture.slots import Slot, fit, is_listed, is_numeric, same_object, slot_of
from autodiff.capture.sourcecode import _Scan
from autodiff.capture.temporaries import keep_temporaries, runs, shape_at, starts_of, with_leading
from autodiff.capture.trace import Declined, NotStaged
from autodiff.dims import Dim, Extent, last_index, symbols
from autodiff.ir.data import Block, Operation, Value, free_values, uses, walk
from autodiff.ladder import Bail, Rung
from autodiff.ops.builder import emit
from autodiff.ops.control import emit_for, emit_while
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import Either, is_array
from autodiff.ops.entries import ENTRIES
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.signals import Signal

After = Callable[[], Completion | None]  # what is left to do once a loop stands in the program


def _finish(body: Body, keys: list[tuple[Scope, str]], slots: list[Slot]) -> None:
    """Fill in the outputs of the body's block, temporaries as extra carries."""
    assert body.outcome is not None
    block, outcome = body.outcome.block, body.outcome
    with body.frame.trace.builder.reopened(block):
        outputs = []
        for (key, slot), parameter in zip(body.names.items(), block.parameters[1:], strict=False):
            end = outcome.names.get(key, UNBOUND)
            value = parameter if end is UNBOUND else fit(end, slot)
            sized = end is not UNBOUND and key in body.sizes
            outputs.append(with_leading(parameter, value) if sized else value)
        for cell, parameter in zip(
            body.cells, block.parameters[1 + len(body.names) :], strict=True
        ):
            outputs.append(outcome.cells.get(cell, parameter))
        for key, slot in zip(keys, slots, strict=True):
            parameter = Value(slot.type)
            block.parameters.append(parameter)
            outputs.append(_temporary(body, key, slot, parameter))
    block.outputs = outputs


def _temporary(body: Body, key: tuple[Scope, str], slot: Slot, before: Value) -> Value:
    """What a name first bound in the body is after an iteration; ``before`` is what it was."""
    assert body.outcome is not None
    end = body.outcome.names[key]
    if key in body.latches:
        new = emit("select", (end.bound.value, fit(end.value, slot), before))
        return fit(Tracer(new, slot.form), slot)
    latch = next(
        (body.latches[k] for k, which in body.which.items() if which == key and k in body.latches),
        None,
    )
    if latch is not None:
        bound = body.outcome.names[latch]
        return fit(Tracer(emit("select", (bound.value, fit(end, slot), before)), "python"), slot)
    if key in body.latches.values():
        return fit(Tracer(emit("logical_or", (end.value, before)), "python"), slot)
    value = fit(end, slot)
    return with_leading(before, value) if key in body.lasts else value


def _bind_results(
    body: Body,
    results: Sequence[Value],
    keys: list[tuple[Scope, str]],
    slots: list[Slot],
    ran: Any,
    trips: Callable[[], Value],
) -> None:
    """Give names and cells their values after the loop; ``ran`` tells whether it ran at all."""
    names, carries = len(body.names), len(body.names) + len(body.cells)
    held = _bind_cells(body, results[:names], results[names:carries])
    numbers = {key: Tracer(held[key], slot.form) for key, slot in body.names.items()}
    after = {**numbers, **body.arrays.after(held, ran)}
    for key, tracer in after.items():
        if _is_left(body, key):
            continue
        if is_listed(_end_of(body, key)):
            tracer.cell.listed = True
        key[0].locals[key[1]] = _of_types(body, key, tracer, after, ran)
    _bind_temporaries(body, dict(zip(keys, results[carries:], strict=True)), slots, ran, trips)
    for scope, name in body.temporaries:
        if (scope, name) not in keys:
            scope.locals[name] = Poison(name)
    for halves in body.halves:
        halves.join()
    body.share_results(ran)


def _is_left(body: Body, key: tuple[Scope, str]) -> bool:
    """Whether a name has an array that is known by its number in a list, and no pass gives it another one."""
    start, placed = key[0].locals.get(key[1]), body.placed.get(key)
    if not isinstance(start, Tracer) or row_step(start) is None or body.outcome is None:
        return False
    end = body.outcome.names.get(key)
    return end is None or (isinstance(end, Tracer) and end.value is placed)


def _bind_cells(
    body: Body, names: Sequence[Value], cells: Sequence[Value]
) -> dict[tuple[Any, str], Value]:
    """Give cells their content after the loop; what the names hold, in their sizes."""
    held = dict(zip(body.names, names, strict=True))
    for size in body.carried_sizes():
        held[size.key].low, held[size.key].high = 0, size.room
    for key in body.sizes:
        held[key] = leading(held[key], body.shape(key, body.count, held))
    for cell, value in zip(body.cells, cells, strict=True):
        if cell in body.frame.trace.counts:
            value.low, value.high = 0, body.most_items(cell)
        cell.write(value)
    for cell, (start, step) in body.inductive.items():
        assert body.count is not None
        cell.write(as_tracer(start + step * body.count).value)
    return held


def _bind_temporaries(
    body: Body,
    values: dict[tuple[Scope, str], Value],
    slots: Sequence[Slot],
    ran: Any,
    trips: Callable[[], Value],
) -> None:
    """Give the names that the body binds first the values of the last iteration."""
    ends = {key: _end_of(body, key) for key in values}
    body.arrays.take_temporaries([x for x in ends.values() if is_array(x)])
    helpers = {*body.latches.values(), *body.tags.values(), *body.which.values()}
    for (key, value), slot in zip(values.items(), slots, strict=True):
        scope, name = key
        if key in helpers:
            continue
        if key in body.lasts:
            assert body.count is not None
            value = leading(value, shape_at(body.lasts[key], body.parameters[0], body.count - 1))
        last = Tracer(value, slot.form)
        if slot.form == "array":
            last = body.arrays.temporary(ends[key], value, key in body.latches, trips)
            if key in body.which:
                last.cell.number = Tracer(values[body.which[key]], "python")
            if is_listed(ends[key]):
                last.cell.listed = True
        if key in body.narrow:
            last = Either(last, values[body.tags[key]], body.narrow[key])
        if key in body.latches:
            bound = Tracer(values[body.latches[key]], "python")
            scope.locals[name] = Maybe(bound, last)
        else:
            scope.locals[name] = last if ran is True else Maybe(ran, last)


def _of_types(
    body: Body, key: tuple[Scope, str], tracer: Tracer, after: dict[Any, Tracer], ran: Any
) -> Tracer:
    """A variable after the loop, which may be of one of two types."""
    assert body.outcome is not None
    if key not in body.narrow:
        return tracer
    tag = body.tags[key]
    start, end = body.tag_scope.starts[tag[1]], body.outcome.names.get(tag)
    is_narrow = after[tag].value
    if end is False:  # of the wide type after every iteration
        if ran is True:
            return tracer
        if start is True:
            is_narrow = emit("logical_not", (ran.value,))
    return Either(tracer, is_narrow, body.narrow[key])


def _end_of(body: Body, key: tuple[Scope, str]) -> Any:
    """What a name is at the end of the body, where it is bound."""
    assert body.outcome is not None
    end = body.outcome.names.get(key)
    return end.value if isinstance(end, Maybe) else end


def _assigned(statements: Sequence[ast.stmt]) -> set[str]:
    scan = _Scan()
    for statement in statements:
        scan.visit(statement)
    return scan.assigned


def _initial_names(frame: Frame, statements: Sequence[ast.stmt]) -> dict[tuple[Scope, str], Slot]:
    """Carries to begin with: numbers and arrays that the body assigns anew."""
    found = {}
    for name in sorted(_assigned(statements)):
        scope = frame.scope.owner(name)
        value = UNBOUND if scope is None else scope.locals.get(name, UNBOUND)
        if scope is not None and is_numeric(value) and not _only_in_place(statements, name, value):
            found[scope, name] = slot_of(value)
    return found


def passing_names(
    frame: Frame, node: ast.For | ast.While, targets: Sequence[ast.expr] = ()
) -> frozenset[str]:
    """The variables that a loop's body, or a target, binds, that are unbound before it, and that nothing else reads."""
    table, bound = frame.scope.locals, _assigned(node.body)
    bound |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    inside = {id(inner) for statement in node.body for inner in ast.walk(statement)}
    read = {
        inner.id
        for inner in ast.walk(frame.scope.syntax.node)
        if isinstance(inner, ast.Name)
        and isinstance(inner.ctx, ast.Load)
        and id(inner) not in inside
    }
    return frozenset(
        name for name in bound if table.get(name, UNBOUND) is UNBOUND and name not in read
    )


def _only_in_place(statements: Sequence[ast.stmt], name: str, value: Any) -> bool:
    """Whether an array's name is only a target of ``+=`` and the like: the array itself changes."""
    if not is_array(value):
        return False
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                parents = [
                    n
                    for n in ast.walk(statement)
                    if isinstance(n, ast.AugAssign) and n.target is node
                ]
                if not parents:
                    return False
    return True


# -- for ----------------------------------------------------------------------------------------------
def roll_for(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    """A ``for`` loop over a lazy sequence as one loop of the program; what is left to do then."""
    with undoing(frame):
        return _roll_for(frame, node, sequence)


def _roll_for(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    ends = staging.escapes(node.body) - {"continue"}
    if ends:
        return _roll_for_with_end(frame, node, sequence)

    def run(index: Value) -> None:
        frame.at(node.iter)  # where an element is taken
        assign(frame, node.target, sequence.item(Tracer(index, "python")))
        frame.within("staged loop", node.body)

    count = sequence.count
    body = Body(frame, run, count, count, _initial_names(frame, node.body))
    body.passing = passing_names(frame, node)
    with body.lists_restored():
        body.interpret(sequence.lists)
        frame.at(node)
        keys, slots, fillers = keep_temporaries(body)
        _finish(body, keys, slots)
        assert body.outcome is not None
        carries = tuple(starts_of(body) + fillers)
        results = emit_for(count, carries, body.outcome.block, checkpointed=sequence.checkpointed)
    _bind_results(
        body, results, keys, slots, runs(sequence.count), lambda: as_tracer(sequence.count).value
    )
    body.stands(node)
    return lambda: frame.execute(node.orelse)


def roll_rows(
    frame: Frame, node: ast.AST, count: Extent, row: Callable[[Any], Sequence[Value]]
) -> list[tuple[Value, bool]]:
    """A loop whose iterations each give values: these stacked, and whether they may differ.

    ``row`` runs iteration ``k`` and returns what it gives.
    """
    given: list[Value] = []

    def run(index: Value) -> None:
        given[:] = row(Tracer(index, "python"))

    with undoing(frame):
        body = Body(frame, run, count, count)
        with body.lists_restored():
            body.interpret()
            keys, slots, fillers = keep_temporaries(body)
            _finish(body, keys, slots)
            assert body.outcome is not None
            block, inside = body.outcome.block, defined(body.outcome)
            if any(symbols(n) & inside for value in given for n in value.shape):
                raise NotStaged("iterations that give arrays of different sizes")
            varying = _varying(block)
            differ = [value in varying for value in given]
            block.outputs += given
            carries = tuple(starts_of(body) + fillers)
            results = emit_for(count, carries, block)
    n = len(carries)
    _bind_results(body, results[:n], keys, slots, runs(count), lambda: as_tracer(count).value)
    body.stands(node)
    return list(zip(results[n:], differ, strict=True))


def _varying(block: Block) -> set[Value]:
    """The values of a loop's body that may differ between iterations."""
    varying = set(block.parameters)
    for operation in block.operations:
        read = {*uses(operation), *(v for r in operation.regions for v in free_values(r))}
        inner = [operation, *(op for region in operation.regions for op in walk(region))]
        if not varying.isdisjoint(read) or any(op.kind == "host_call" for op in inner):
            varying.update(operation.results)
    return varying


# -- while, and loops with an early end ---------------------------------------------------------------
def _flags(node: ast.AST) -> staging.Ends:
    return staging.Ends(
        f"<break {id(node):x}>", f"<returned {id(node):x}>", f"<result {id(node):x}>", []
    )


def _stops(node: ast.For | ast.While) -> list[str]:
    """Those of the ways in which a loop may end early."""
    flags, ends = _flags(node), staging.escapes(node.body)
    return [n for n, kind in ((flags.stop, "break"), (flags.returned, "return")) if kind in ends]


class Acts(Bail):
    """The condition of a loop does more than to answer."""


def roll_while(frame: Frame, node: ast.While) -> After:
    """A ``while`` loop as one loop of the program; what is left to do then."""
    with undoing(frame):
        return _roll_conditional(
            frame, node, lambda: condition(frame, node.test), _nothing, _nothing
        )


def roll_acting_while(frame: Frame, node: ast.While, tested: Any) -> After:
    """The same, where the condition acts: has effects, changes variables.

    It has been ``tested`` once; from then on it is the end of a pass, and what it says a variable.
    """
    goes_on, table = f"<goes on {id(node):x}>", frame.scope.locals
    stops = _stops(node)

    def again() -> None:
        frame.at(node)
        ended = [table[name] for name in stops]
        stopped = any(x is True for x in ended)
        open_ends = [x for x in ended if isinstance(x, Tracer)]
        table[goes_on] = not stopped and _unless(frame, node, open_ends, test)

    def test() -> Any:
        answer = condition(frame, node.test)
        return truth(answer) if isinstance(answer, Tracer) else bool(answer)

    table[goes_on] = truth(tested) if isinstance(tested, Tracer) else bool(tested)
    try:
        with undoing(frame):
            return _roll_conditional(
                frame, node, lambda: frame.scope.locals[goes_on], _nothing, again, (goes_on,)
            )
    finally:
        table.pop(goes_on, None)


def _nothing() -> None:
    pass


def _roll_for_with_end(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    counter = f"<position {id(node):x}>"
    table = frame.scope.locals
    table[counter] = 0
    count = sequence.count

    def test() -> Any:
        limit = as_tracer(count) if isinstance(count, Dim) else count
        return frame.scope.locals[counter] < limit

    def before() -> None:
        position = frame.scope.locals[counter]
        if isinstance(position, Tracer):
            position.value.low, position.value.high = 0, last_index(count)
        frame.at(node.iter)
        assign(frame, node.target, sequence.item(position))

    def after() -> None:
        frame.scope.locals[counter] = frame.scope.locals[counter] + 1

    try:
        return _roll_conditional(
            frame, node, test, before, after, (counter,), count, sequence.lists,
            sequence.checkpointed,
        )  # fmt: skip
    finally:
        frame.scope.locals.pop(counter, None)


def _roll_conditional(
    frame: Frame,
    node: ast.For | ast.While,
    test: Callable[[], Any],
    before: Callable[[], None],
    after: Callable[[], None],
    extra: Sequence[str] = (),
    limit: Extent | None = None,
    through: Sequence[TracedList] = (),
    checkpointed: bool = False,
) -> After:
    flags, stops = _flags(node), _stops(node)
    names = _initial_names(frame, node.body)
    for name in stops:
        frame.scope.locals[name] = False
    for name in (*extra, *stops):
        names[frame.scope, name] = slot_of(frame.scope.locals[name])
    try:
        body, keys, slots, results = _make_while(
            frame, node, names, test, before, after, stops, flags, limit, through, checkpointed
        )
    except Signal:
        for name in (flags.stop, flags.returned):
            frame.scope.locals.pop(name, None)
        flags.taken(frame.scope.locals)
        raise
    trips = results[0]
    ran = runs(extent_of(Tracer(trips, "python")))
    stacks = len(results) - len(body.row_cells())
    _bind_results(body, results[1:stacks], keys, slots, ran, lambda: trips)
    body.end_rows(trips, results[stacks:])
    body.stands(node)
    for name in set(stops) - _taken_ends(body, stops):
        frame.scope.locals.pop(name)
    return _after_loop(frame, node, flags)


def _make_while(
    frame: Frame,
    node: ast.For | ast.While,
    names: dict[tuple[Scope, str], Slot],
    test: Callable[[], Any],
    before: Callable[[], None],
    after: Callable[[], None],
    stops: Sequence[str],
    flags: staging.Ends,
    limit: Extent | None,
    through: Sequence[TracedList],
    checkpointed: bool,
) -> tuple[Body, list[tuple[Scope, str]], list[Slot], tuple[Value, ...]]:
    def run(index: Value) -> None:
        before()
        saved, frame.loop_flags = frame.loop_flags, flags
        try:
            completion = frame.within("staged loop", node.body)
            if completion is not None:
                staging.record_end(frame, completion)
        finally:
            frame.loop_flags = saved
        after()

    body = Body(frame, run, None, limit, names)
    body.passing = passing_names(frame, node)
    with body.lists_restored():
        frame.trace.checkpointed = None
        tested = _with_condition(body, node, through, lambda: _continues(frame, node, test, stops))
        # ``while checkpoint(x > 1)``: the mark is on the condition.
        marked = isinstance(node, ast.While) and frame.trace.checkpointed is not None
        counted = isinstance(node, ast.For) and not _taken_ends(body, stops)
        return _emit_while(body, tested, limit if counted else None, checkpointed or marked)


def _taken_ends(body: Body, stops: Sequence[str]) -> set[str]:
    """The flags of the ways out that a pass may take: a handler may never be reached."""
    assert body.outcome is not None
    before = dict(zip(body.names, body.parameters[1:], strict=False))
    after = {name: body.outcome.names.get((body.frame.scope, name)) for name in stops}
    return {
        name
        for name, flag in after.items()
        if flag is not None and as_tracer(flag).value is not before[body.frame.scope, name]
    }


def _with_condition(
    body: Body, node: ast.AST, through: Sequence[TracedList], condition: Callable[[], Any]
) -> Outcome:
    """Interpret the body and the condition, which may need more of a list than the body does."""
    frame, rolling = body.frame, body.frame.trace.rolling
    for _ in range(ATTEMPTS):
        body.interpret(through)
        frame.at(node)
        parameters = body.bind(None)

        def thunk(parameters: list[Value] = parameters) -> Any:
            body.enter(parameters)
            before = _state(body)
            answer = condition()
            if not all(map(same_object, before, _state(body))):
                raise Acts(Rung.UNROLLED, "the loop condition changes what the loop carries")
            return answer

        rolling.append(body)
        try:
            return run_region(frame, thunk, parameters)
        except Bail as needed:
            if not body.is_asked(needed):
                raise
            request = needed
        finally:
            rolling.pop()
        body.take(request)
    raise NotStaged("what the loop changes does not settle")


def _state(body: Body) -> list[Any]:
    """What the loop carries, as it is now."""
    names = [scope.locals.get(name) for scope, name in (*body.names, *body.structures)]
    return [*names, *(Tracer(cell.value, "python") for cell in body.cells)]


def _emit_while(
    body: Body, tested: Outcome, count: Extent | None, checkpointed: bool
) -> tuple[Body, list[tuple[Scope, str]], list[Slot], tuple[Value, ...]]:
    frame = body.frame
    if tested.raised is not None:
        raise NotStaged(f"the loop condition raises {type(tested.raised).__name__}")
    known_names = {*body.names, *body.structures}
    if any(key not in known_names for key in tested.names) or any(
        c not in body.cells for c in tested.cells
    ):
        raise Acts(Rung.UNROLLED, "the loop condition changes variables")
    if acts(tested.block.operations):
        raise Acts(Rung.UNROLLED, "the loop condition has effects")
    with frame.trace.builder.reopened(tested.block):
        tested.block.outputs = [as_tracer(tested.value).value]
    keys, slots, fillers = keep_temporaries(body)
    _finish(body, keys, slots)
    tested.block.parameters += [Value(slot.type) for slot in slots]
    assert body.outcome is not None
    stacked = body.row_cells()
    outcome = body.outcome
    outcome.block.outputs += [outcome.cells.get(cell, cell.value) for cell in stacked]
    carries = tuple(starts_of(body) + fillers)
    if count is not None:  # nothing ends it early
        results = emit_for(count, carries, outcome.block, checkpointed=checkpointed)
        return body, keys, slots, (as_tracer(count).value, *results)
    results = emit_while(carries, tested.block, outcome.block, checkpointed=checkpointed)
    return body, keys, slots, results


def acts(operations: Sequence[Operation]) -> bool:
    """Whether operations have effects, other than to end the call."""
    inner = [*operations, *(x for op in operations for r in op.regions for x in walk(r))]
    return any(ENTRIES[x.kind].has_effect and x.kind not in ("check", "sized") for x in inner)


def _continues(frame: Frame, node: ast.AST, test: Callable[[], Any], stops: Sequence[str]) -> Any:
    """The condition of another pass: nothing ended the loop, and the user's own condition."""

    def own() -> Any:
        value = test()
        return truth(value) if isinstance(value, Tracer) else bool(value)

    return _unless(frame, node, [frame.scope.locals[name] for name in stops], own)


def _unless(frame: Frame, node: ast.AST, ends: Sequence[Tracer], test: Callable[[], Any]) -> Any:
    """What ``test`` says where none of the ``ends`` holds; elsewhere it does not run."""
    if not ends:
        return test()
    ended: Any = ends[0]
    for other in ends[1:]:
        ended = Tracer(np.logical_or(ended, other).value, "python")
    return staging.stage_choice(
        frame, Tracer(np.logical_not(ended).value, "python"), test, lambda: False, node
    )


def _after_loop(frame: Frame, node: ast.For | ast.While, flags: staging.Ends) -> After:
    """The ``else`` clause, and a ``return`` from inside of the loop."""
    table = frame.scope.locals
    stopped = table.pop(flags.stop, None)
    returned = table.pop(flags.returned, None)
    parts = flags.taken(table)
    if any(isinstance(part, Poison) for part in parts):
        problem = "a result returned from inside of a loop that is not a number or an array"
        raise NotStaged(problem) if len(parts) > 1 else Declined(problem)
    result = None if returned is None else flags.together(parts)

    def orelse() -> Completion | None:
        if stopped is None or not node.orelse:
            return frame.execute(node.orelse)
        finished = Tracer(np.logical_not(stopped).value, "python")
        branch = ast.copy_location(ast.If(ast.Constant(True), node.orelse, []), node)
        return staging.stage_if(frame, branch, finished)

    if returned is None and (stopped is None or not node.orelse):
        return orelse
    if returned is None:
        completion = orelse()
    elif stopped is None and _has_no_end(node):
        completion = _return_surely(frame, Completion("return", result))
    else:
        completion = _return_from_loop(frame, returned, Completion("return", result), orelse)
    return lambda: completion


def _has_no_end(node: ast.For | ast.While) -> bool:
    """Whether nothing but a ``break``, ``return`` or exception ends a loop: ``while True``."""
    test = getattr(node, "test", None)
    return isinstance(test, ast.Constant) and bool(test.value)


def _return_surely(frame: Frame, result: Completion) -> Completion:
    """What follows such a loop is never run; there the types of both would have to merge."""
    if frame.boundary != "staged loop":
        return result
    staging.record_end(frame, result)
    return Completion("done")


def _return_from_loop(
    frame: Frame, returned: Any, result: Completion, orelse: After
) -> Completion | None:
    rests = [*frame.rests]

    def otherwise() -> Completion | None:
        completion = orelse()
        return frame.execute_rests(rests) if completion is None else completion

    def recorded(completion: Completion | None) -> Completion | None:
        return None if completion is None else staging.record_end(frame, completion)

    if frame.boundary == "function":
        return staging.branch(frame, returned, lambda: result, otherwise, ends=True)
    if frame.boundary == "staged loop":
        return staging.branch(
            frame, returned, lambda: recorded(result), lambda: recorded(otherwise()), ends=True
        )
    return result if bool(returned) else orelse()


__all__ = ["Acts", "After", "acts", "roll_acting_while", "roll_for", "roll_while"]
