"""Branches on traced values become structured control flow.

A branch whose condition depends on inputs is interpreted on both sides, each from the same start,
and merged into a ``cond``.  A side that raises becomes a check.  A side that ends the function or
the loop's pass takes the statements still to come into the other side.

Loops are in :mod:`autodiff.capture.loops`.

Where staging is not possible (:class:`Bail`), the path of this call is taken, with a guard in
the program that sends a call which would take another path to a capture of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.attempts import raise_alike, raised_by
from autodiff.capture.conditions import truth
from autodiff.capture.frames import Completion, Maybe
from autodiff.capture.interpreter import Frame
from autodiff.capture.merging import Joined, Merge, variable
from autodiff.capture.parts import ObjectScope
from autodiff.capture.regions import Outcome, defined, run_region, undoing
from autodiff.dims import Extent, same, symbols
from autodiff.ir.data import Value, walk
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.ops.control import emit_check, emit_cond
from autodiff.ops.dispatch import extent_of, known
from autodiff.ops.either import Either
from autodiff.ops.tracer import Cell, Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import door

# What is merged beside variables, and what takes it.
Extra: TypeAlias = tuple[Any, Any, Callable[[Any], None]] | None


# -- if -----------------------------------------------------------------------------------------
def stage_if(frame: Frame, node: ast.If, test: Tracer) -> Completion | None:
    """An ``if`` on a traced value."""
    test = truth(test)
    decided = known(test)
    if decided is not None:
        return frame.execute(node.body if decided else node.orelse)
    escapes = ends_of(frame, [node])
    if escapes and not can_end(frame, escapes):
        words = " or ".join(sorted(escapes))
        if frame.boundary == "first pass":
            raise Bail(Rung.ROLLED, f"a {words} in it", frame.source(node))
        taken = bool(test)
        frame.trace.decisions.take(Rung.GUARDED, f"a {words} in it", frame.source(node))
        return frame.execute(node.body if taken else node.orelse)
    rests = list(frame.rests) if escapes else []
    try:
        with undoing(frame):
            _refuse_endless_recursion(frame)
            return branch(
                frame,
                test,
                lambda: side(frame, lambda: frame.execute(node.body), rests),
                lambda: side(frame, lambda: frame.execute(node.orelse), rests),
                ends=bool(escapes),
                last_first=_is_short(node.orelse) and not _is_short(node.body),
            )
    except Bail as problem:
        if problem.rung < Rung.UNROLLED:
            raise
        why = problem
    return frame.execute(node.body if _take_path(frame, node, test, why) else node.orelse)


def ends_of(frame: Frame, statements: Sequence[ast.stmt]) -> set[str]:
    """How statements that become two sides may end early.

    If they may, each side runs the statements that follow as well, which may end otherwise.
    """
    found = _escapes(statements)
    return found.union(*map(_escapes, frame.rests)) if found else found


def _refuse_endless_recursion(frame: Frame) -> None:
    active = frame.trace.active
    if active and active[-1] in frame.trace.endless:
        raise NotStaged(f"the recursion of {frame.name} on values known only when it runs")


def _take_path(frame: Frame, node: ast.AST, test: Tracer, why: Bail) -> bool:
    """The path of this call, guarded; where that is not known, the problem stands."""
    try:
        taken = bool(test)
    except Bail as problem:
        if problem.rung is not Rung.UNROLLED:
            raise
        raise why from None
    frame.trace.decisions.take(Rung.GUARDED, why, frame.source(node))
    return taken


def can_end(frame: Frame, escapes: set[str]) -> bool:
    """Whether ends of branches can be merged at the boundary the frame is in."""
    if frame.boundary == "function":
        return escapes == {"return"}
    if frame.boundary == "staged loop":
        return True
    return frame.boundary in ("loop", "first pass") and escapes == {"continue"}


def side(
    frame: Frame, body: Callable[[], Completion | None], rests: Sequence[Sequence[ast.stmt]]
) -> Completion | None:
    """One side of a branch, with the statements still to come if the branch may end the body."""
    saved, frame.rests = frame.rests, list(rests)
    try:
        completion = body()
        if completion is None and rests:
            completion = frame.execute_rests(rests)
    finally:
        frame.rests = saved
    if frame.boundary == "staged loop" and completion is not None:
        completion = record_end(frame, completion)
    return completion


@dataclass(frozen=True)
class Ends:
    """The variables that end a staged loop, by name.

    What it returns is one variable, or one for each part of a tuple: which of them are numbers is all
    that the loop has to know.  ``shapes`` are the classes of the tuple, once a pass has returned.
    """

    stop: str
    returned: str
    result: str
    shapes: list[Any]

    def record(self, table: dict[str, Any], value: Any) -> None:
        """Keep what a pass returns."""
        parts: list[Any] = []
        shape = _apart(value, parts)
        if self.shapes and self.shapes[0] != shape:
            raise NotStaged("a loop returns tuples of several kinds")
        self.shapes[:] = [shape]
        table.update((f"{self.result} {k}", part) for k, part in enumerate(parts))

    def taken(self, table: dict[str, Any]) -> list[Any]:
        """The parts of what was returned, which are no variables any more."""
        names = [name for name in table if name.startswith(self.result)]
        found = [table.pop(f"{self.result} {k}") for k in range(len(names))]
        return [x.value if isinstance(x, Maybe) else x for x in found]

    def together(self, parts: Sequence[Any]) -> Any:
        """What was returned, of its parts."""
        return _together(self.shapes[0], iter(parts))


def _apart(x: Any, parts: list[Any]) -> Any:
    """The classes of a tuple of tuples, whose other items go to ``parts``."""
    if containers.is_plain_tuple(x):
        return type(x), tuple([_apart(item, parts) for item in x])
    parts.append(x)
    return None


def _together(shape: Any, parts: Iterator[Any]) -> Any:
    if shape is None:
        return next(parts)
    cls, items = shape
    return containers.tuple_of(cls, [_together(item, parts) for item in items])


def record_end(frame: Frame, completion: Completion) -> Completion | None:
    """In a staged loop: note a break or return in variables, and end the pass normally."""
    flags = frame.loop_flags
    if completion.kind == "break":
        frame.scope.locals[flags.stop] = True
    elif completion.kind == "return":
        frame.scope.locals[flags.returned] = True
        flags.record(frame.scope.locals, completion.value)
    return None


def branch(
    frame: Frame,
    test: Tracer,
    then: Callable[[], Completion | None],
    orelse: Callable[[], Completion | None],
    ends: bool,
    last_first: bool = False,
) -> Completion | None:
    """Both sides, merged; ``ends``: they have run to the end of the function or pass.

    ``last_first``: where one of them raises it may be the last one, so that it is looked at first.
    """
    returned, box = ends and frame.boundary == "function", list[Any]()

    def extra(first: Outcome, second: Outcome) -> Extra:
        _refuse_draws(first, second)
        return _values(first, second, box) if returned else None

    explored = _merged(frame, test, then, orelse, extra, last_first)
    if explored is not None:
        return _ended(frame, explored.value, ends)
    if returned:
        return Completion("return", box[-1])
    return Completion("done") if ends else None


def _merged(
    frame: Frame,
    test: Tracer,
    then: Callable[[], Any],
    orelse: Callable[[], Any],
    extra: Callable[[Outcome, Outcome], Extra],
    last_first: bool = False,
) -> InLine | None:
    """Both sides in the program; or the one that raises nothing, in line.

    Where one side gives an item of a list and the other one an object that it has made, this one becomes
    such an item at the end of its side.
    """
    mark, joining = frame.trace.decisions.mark(), list[Joined]()
    while True:
        first, second = (
            partial(_joined, frame, x, joining, k) for k, x in enumerate((then, orelse))
        )
        explored = _both_sides(frame, test, first, second, last_first)
        if not isinstance(explored, tuple):
            return explored
        try:
            _merge(frame, test, *explored, extra(*explored))
        except Bail as problem:
            if not isinstance(problem.needs, Joined):
                raise
            if problem.needs in joining:
                raise NotStaged(problem.reason) from None
            joining.append(problem.needs)
            frame.trace.decisions.back_to(mark)
        else:
            return None


def _joined(frame: Frame, side: Callable[[], Any], joining: Sequence[Joined], number: int) -> Any:
    """Run a side; what it has made that is to be an item of a pool becomes one."""
    value = side()
    for which, key, pool in joining:
        if which != number:
            continue
        held = value if key is None else key[0].locals.get(key[1])
        is_end = key is None and isinstance(value, Completion)
        held = value.value if is_end else held
        if choices.is_choice(held) or not pool.fits(held):
            continue
        held = pool.row(pool.number(held))
        if key is None:
            value = Completion(value.kind, held) if is_end else held
    return value


@dataclass
class InLine:
    """What a side gave that ran in line, as the other one raises."""

    value: Any


def _both_sides(
    frame: Frame,
    test: Tracer,
    then: Callable[[], Any],
    orelse: Callable[[], Any],
    last_first: bool = False,
) -> tuple[Outcome, Outcome] | InLine:
    """What each side does, on which it is known whether the test holds; or the one that raises nothing, in line.

    Where the first one raises, the other one is not looked at before it runs in line: of branches in
    branches each would be looked at twice as often as the one around it.
    """
    trace, mark = frame.trace, frame.trace.decisions.mark()
    sides, order = {True: then, False: orelse}, [False, True] if last_first else [True, False]
    found: dict[bool, Outcome] = {}
    for holds in order:
        with trace.heap.assuming(test.value, holds):
            found[holds] = _explore(frame, sides[holds])
        raises = found[holds].raised is not None
        if raises and (len(found) == 2 or not trace.tried):
            _refuse_draws(*found.values())
            trace.decisions.back_to(mark)  # the other side runs now, or once more
            return InLine(_past(frame, test, holds, found, sides[not holds]))
    if found[order[0]].raised is not None:
        trace.decisions.back_to(mark)
        return InLine(_past(frame, test, order[0], found, sides[order[1]]))
    return found[True], found[False]


def _explore(frame: Frame, side: Callable[[], Any]) -> Outcome:
    """Run a side into a region, with an end to what is done for one that may not be taken."""
    with frame.trace.allowance.side():
        return run_region(frame, side)


def _refuse_draws(*outcomes: Outcome) -> None:
    """A backward conditional computes its branch again, which must not draw again."""
    for outcome in outcomes:
        if any(op.kind == "host_call" and op.results for op in walk(outcome.block)):
            raise NotStaged("a random draw inside of a branch")


def _values(first: Outcome, second: Outcome, box: list[Any]) -> Extra:
    results = [None if o.value is None else o.value.value for o in (first, second)]
    return results[0], results[1], box.append


def _negated(test: Tracer) -> Value:
    negated: Any = np.logical_not(test)
    value: Value = negated.value
    return value


def _past(
    frame: Frame,
    test: Tracer,
    holds: bool,
    found: dict[bool, Outcome],
    other: Callable[[], Any],
) -> Any:
    """What the other side of one that raises does; that the one is not taken is checked."""
    one, rest = found[holds], found.get(not holds)
    assert one.raised is not None
    if rest is not None and rest.raised is not None:
        if frame.trace.tried and not raise_alike(one, rest):
            raise NotStaged("both sides of it raise, and a handler may tell which did")
        raise found[True].raised or one.raised
    is_other = _negated(test) if holds else test.value
    emit_check(is_other, _message(one.raised), raised_by(frame, one))
    return other()


def _ended(frame: Frame, completion: Completion | None, ends: bool) -> Completion | None:
    """How a branch ends of which one side has run in line."""
    if not ends:
        return completion
    if frame.boundary == "function":
        return completion if completion is not None else Completion("return", None)
    return Completion("done")


def _message(error: Exception) -> str:
    """What a check says; values in the text of the error are known only when the program runs."""
    texts = [a for a in error.args if isinstance(a, str)]
    return f"{type(error).__name__}: {texts[0]}" if texts else type(error).__name__


def _merge(
    frame: Frame,
    test: Tracer,
    first: Outcome,
    second: Outcome,
    extra: Extra,
) -> None:
    merge = Merge(frame, test, first, second)
    for scope, name in {**first.names, **second.names}:
        if isinstance(scope, ObjectScope) and name not in scope.locals:
            raise NotStaged(f"a branch gives an object the attribute {name!r}")
        merge.key = scope, name
        put = _putter(scope.locals, name)
        a, b = (variable(frame, outcome, scope, name) for outcome in (first, second))
        merge.value(a, b, put)
    counts = _equal_counts(frame, first, second)
    cells = [cell for cell in {**first.cells, **second.cells} if cell not in counts]
    numbers = []
    for cell in cells:
        numbers.append(len(merge.outputs[0]))
        for outcome, outputs in zip((first, second), merge.outputs, strict=True):
            outputs.append(outcome.cells.get(cell, cell.value))
    merge.key = None
    if extra is not None:
        merge.value(*extra)
    merge.arrays.settle(merge.outputs)
    first.block.outputs, second.block.outputs = merge.outputs
    results: tuple[Any, ...] = ()
    if merge.outputs[0] or first.block.operations or second.block.operations:
        results = emit_cond(test.value, first.block, second.block)
    for cell, number in zip(cells, numbers, strict=True):
        if cell in frame.trace.counts:
            results[number].low = 0
        cell.write(results[number])
    for cell, count in counts.items():
        cell.write(as_tracer(count).value)
    merge.complete(results)


def _equal_counts(frame: Frame, first: Outcome, second: Outcome) -> dict[Cell, Extent]:
    """The numbers of items of lists to which both sides have put as many."""
    found = dict[Cell, Extent]()
    for cell in first.cells.keys() & second.cells.keys() & frame.trace.counts:
        a, b = (extent_of(Tracer(x.cells[cell], "python")) for x in (first, second))
        if same(a, b) and not symbols(a) & {x for s in (first, second) for x in defined(s)}:
            found[cell] = a
    return found


def _putter(table: dict[str, Any], name: str) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        table[name] = value

    return put


# -- conditional expressions, and / or, assert ----------------------------------------------------
def stage_choice(
    frame: Frame, test: Tracer, then: Callable[[], Any], orelse: Callable[[], Any], node: ast.AST
) -> Any:
    """A conditional expression on a traced value."""
    test = truth(test)
    decided = known(test)
    if decided is not None:
        return then() if decided else orelse()
    try:
        with undoing(frame):
            _refuse_endless_recursion(frame)
            box = list[Any]()
            explored = _merged(
                frame, test, then, orelse, lambda a, b: (a.value, b.value, box.append)
            )
            return box[-1] if explored is None else explored.value
    except Bail as problem:
        if problem.rung < Rung.UNROLLED:
            raise
        why = problem
    return then() if _take_path(frame, node, test, why) else orelse()


# What may be computed where Python would not: it takes as long as a branch, and raises nothing.
_CHEAP = frozenset(
    "constant slice cast extent_value negative absolute add subtract multiply logical_not "
    "equal not_equal less less_equal greater greater_equal logical_and logical_or".split()
)


def harmless(frame: Frame, test: Tracer, thunk: Callable[[], Any]) -> Tracer | None:
    """The condition that ``thunk`` gives where ``test`` holds, if nobody can tell whether it is computed."""
    test = truth(test)
    try:
        with undoing(frame):
            with frame.trace.heap.assuming(test.value, True):
                outcome = _explore(frame, thunk)
            return _in_line(frame, outcome)
    except Bail:
        return None


def _in_line(frame: Frame, outcome: Outcome) -> Tracer:
    """The condition that a region gives, whose operations are computed whether it would run or not."""
    found = outcome.value
    has_effects = outcome.raised is not None or outcome.names or outcome.cells
    is_dear = any(op.kind not in _CHEAP for op in walk(outcome.block))
    if has_effects or is_dear or not isinstance(found, Tracer) or isinstance(found, Either):
        raise NotStaged("more than a condition that is cheap")
    frame.trace.builder.block.operations += outcome.block.operations
    return found


def on_each(frame: Frame, x: Any, use: Callable[[Any], Any], node: ast.AST) -> Any:
    """What ``use`` gives for the object that a choice is, done to each on the path on which it is that one."""
    if not choices.is_choice(x):
        return use(x)
    test, *parts = choices.parts_of(x)
    first, second = (partial(on_each, frame, part, use, node) for part in parts)
    return stage_choice(frame, test, first, second, node)


def chosen_object(frame: Frame, x: Any) -> Any:
    """A new object that holds what an object holds that a branch chose."""
    if not choices.is_choice(x):
        return x
    if issubclass(choices.class_of(x), (list, dict)):
        raise NotStaged("the loop chooses among lists or dicts")
    test, *objects = choices.parts_of(x)
    first, second = (containers.attributes_of(chosen_object(frame, part)) for part in objects)
    if list(first) != list(second):
        raise NotStaged("the branches give objects with different attributes")
    node = frame.scope.syntax.node
    attributes = {
        name: stage_choice(frame, test, partial(first.get, name), partial(second.get, name), node)
        for name in first
    }
    made = frame.trace.fresh(containers.new_instance(choices.class_of(x)))
    containers.set_attributes(made, attributes)
    return made


def stage_boolean(frame: Frame, value: Tracer, node: ast.BoolOp, position: int) -> Any:
    """``and`` / ``or`` whose operand at ``position`` is traced."""
    rest = node.values[position + 1 :]

    def others() -> Any:
        if len(rest) == 1:
            return frame.evaluate(rest[0])
        return frame.evaluate(ast.copy_location(ast.BoolOp(node.op, rest), node))

    if isinstance(node.op, ast.Or):
        return stage_choice(frame, value, lambda: value, others, node)
    return stage_choice(frame, value, others, lambda: value, node)


@door
def assert_traced(frame: Frame, test: Tracer, node: ast.Assert) -> None:
    """``assert`` on a traced value: a check at every run."""
    frame.at(node)
    test = truth(test)
    decided = known(test)
    if decided is None:
        emit_check(test.value, "AssertionError")
    elif not decided:
        raise AssertionError(*([] if node.msg is None else [frame.evaluate(node.msg)]))


def _is_short(statements: Sequence[ast.stmt]) -> bool:
    """Whether statements have no branch or loop among them."""
    kinds = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)
    return not any(isinstance(statement, kinds) for statement in statements)


# -- what a statement list may do -----------------------------------------------------------------
def _escapes(statements: Sequence[ast.stmt]) -> set[str]:
    """How statements may end early: ``return``, ``break``, ``continue`` of the enclosing body."""
    found: set[str] = set()
    for statement in statements:
        _collect(statement, found, in_loop=False)
    return found


def _collect(node: ast.AST, found: set[str], in_loop: bool) -> None:
    if isinstance(node, ast.Return):
        found.add("return")
    elif isinstance(node, (ast.Break, ast.Continue)):
        if not in_loop:
            found.add("break" if isinstance(node, ast.Break) else "continue")
    elif isinstance(node, (ast.expr, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return
    elif isinstance(node, (ast.For, ast.While)):
        for child in node.body:
            _collect(child, found, True)
        for child in node.orelse:
            _collect(child, found, in_loop)
    else:
        for part in ast.iter_child_nodes(node):
            _collect(part, found, in_loop)


def escapes(statements: Sequence[ast.stmt]) -> set[str]:
    """How the statements of a loop body may end it early."""
    return _escapes(statements)
