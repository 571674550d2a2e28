"""Loops: rolled where possible, else with the first pass by itself, else pass by pass.

A loop whose body allows it is one loop of the program (:mod:`autodiff.capture.rolling`).  Where that
fails, a loop goes down :mod:`the ladder <autodiff.ladder>`, and notes which rung it is on and why.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.capture.assignment import assign
from autodiff.capture.calls import AT_ONCE, iterate
from autodiff.capture.effort import PASS
from autodiff.capture.frames import UNBOUND, Completion, ComprehensionScope, Scope
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.holders import has_holder
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import TracedList
from autodiff.capture.operators import condition
from autodiff.capture.regions import FILLS, FIRST, run_region, undoing
from autodiff.capture.sequences import LONGEST_UNROLLED, LazySequence, lazy_sequence, worth_rolling
from autodiff.capture.slots import is_numeric, type_text
from autodiff.capture.unrolling import Passes
from autodiff.dims import UndecidedExtent, at_least
from autodiff.ir.data import Operation
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.later import later
from autodiff.ops.dispatch import known
from autodiff.ops.tracer import HoldsTracers, Tracer
from autodiff.plain_data import dataclass
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import rolling, staging
else:
    rolling = later("autodiff.capture.rolling")  # which most of what loops need comes with
    staging = later("autodiff.capture.staging")

FEW_PASSES = "few passes"
MOST_UNSETTLED = 2  # times that a loop is tried in vain while a loop around it is run pass by pass
MOST_PEELED = 3  # passes that are run one by one since their types differ
_MOST = {FILLS: 20, FIRST: 8}  # ... since a deque fills up, or a list begins so


@dataclass(frozen=True)
class Ended:
    """How a loop has ended."""

    completion: Completion | None = None


def run_at_once(frame: Frame, node: ast.For, source: Any) -> Ended | None:
    """Run a loop over a generator, where that can be done at once; else None."""
    for run in tuple(AT_ONCE):
        ended: Ended | None = run(frame, node, source)
        if ended is not None:
            return ended
    return None


def run_for(frame: Frame, node: ast.For) -> Completion | None:
    """A ``for`` loop: rolled where possible, else one pass of the interpreter an iteration."""
    frame.trace.checkpointed = None
    source = frame.evaluate(node.iter)
    if not frame.trace.tier.rolls:
        return unroll_for(frame, node, source, "")
    ended = run_at_once(frame, node, source)
    if ended is not None:
        return ended.completion
    sequence = lazy_sequence(frame, source)
    if sequence is None:
        kind = type_text(source)
        return unroll_for(frame, node, source, f"a {kind} that Python goes through item by item")
    if source is frame.trace.checkpointed:
        sequence = replace(sequence, checkpointed=True)
    if not worth_rolling(sequence, node.body) and not _ends_unseen(frame, node.body):
        return unroll_for(frame, node, source, FEW_PASSES)
    after = roll_or_peel(frame, node, sequence)
    return unroll_for(frame, node, source, after) if isinstance(after, Bail) else after()


def _ends_unseen(frame: Frame, body: Sequence[ast.stmt]) -> bool:
    """Whether a loop may end early where no value of this call tells: in a loop, a lane, a derivative.

    Pass by pass there is no way through it.
    """
    return bool(frame.trace.builder.stack) and bool(staging.escapes(body) - {"continue"})


def unroll_for(frame: Frame, node: ast.For, source: Any, why: Bail | str) -> Completion | None:
    """A ``for`` loop, pass by pass."""
    passes, left = Passes(frame, node, why), None
    frame.trace.in_hand.append(source)
    try:
        for item in iterate(frame, source):
            frame.trace.allowance.take(PASS)
            assign(frame, node.target, item)
            completion = frame.within("loop", node.body)
            if passes.left_by(completion):
                left = completion
                break
    finally:  # a generator that stands still may have put something behind it
        in_hand = frame.trace.in_hand
        del in_hand[next(k for k in reversed(range(len(in_hand))) if in_hand[k] is source)]
    if left is not None:
        _let_go(frame, source)
        return left.after_loop
    passes.end()
    return frame.execute(node.orelse)


def _let_go(frame: Frame, source: Any) -> None:
    """A loop that is left lets go of its generator, which ends there if nobody else has it."""
    if type(source) is TracedGenerator:
        if not has_holder(frame, lambda x: x is source):
            source.close()


def run_while(frame: Frame, node: ast.While) -> Completion | None:
    """A ``while`` loop: rolled when its end depends on inputs, or when it runs for long."""
    peeled = 0
    rollable, builder = frame.trace.tier.rolls, frame.trace.builder
    passes = Passes(frame, node, FEW_PASSES)

    def roll(test: Any = None, done: Sequence[Operation] = ()) -> rolling.After | None:
        nonlocal peeled, rollable
        try:  # ``done``: what has been done to test the condition
            try:
                if not rolling.acts(done):
                    return rolling.roll_while(frame, node)
            except rolling.Acts:
                if test is None:
                    raise
            return rolling.roll_acting_while(frame, node, test)
        except Bail as problem:
            if problem.rung not in (Rung.PEELED, Rung.UNROLLED):
                raise
            passes.reason = problem
            if problem.rung is Rung.PEELED:
                peeled += 1  # this pass is run by itself, then the rest is looked at again
                frame.trace.decisions.take(Rung.PEELED, problem, frame.source(node))
            rollable = problem.rung is Rung.PEELED and peeled < MOST_PEELED
        return None

    long_enough = 0 if _ends_unseen(frame, node.body) else LONGEST_UNROLLED
    while True:
        if rollable and passes.count >= long_enough + peeled:
            after = roll()
            if after is not None:
                return after()
        if rollable and passes.count == peeled == 0 and _may_take_until_empty(frame, node):
            after = roll()
            if after is not None:
                return after()
        before = len(builder.block.operations)
        test = condition(frame, node.test)
        is_open = isinstance(test, Tracer) and known(test) is None
        is_first = peeled == passes.count == 0
        if rollable and (is_open or (is_first and _may_end_by_handler(node))):
            after = roll(test, builder.block.operations[before:])
            if after is not None:
                return after()
        if not run_users(bool, test):
            passes.end()
            return frame.execute(node.orelse)
        frame.trace.allowance.take(PASS)
        if rollable and is_first and _may_end_at_run(frame, node):
            after = roll(test, builder.block.operations[before:])
            if after is not None:
                return after()
        completion = frame.within("loop", node.body)
        if passes.left_by(completion):
            return completion.after_loop


def _may_take_until_empty(frame: Frame, node: ast.While) -> bool:
    """Whether a loop takes things out of a list until few are left, and may put others in: ``while stack``."""
    parts = [n for statement in node.body for n in ast.walk(statement)]
    if not any("pop" in (getattr(n, "attr", "") or getattr(n, "id", "")) for n in parts):
        return False
    names = [n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)]
    scopes = [(frame.scope.owner(name), name) for name in names]
    held = [s.locals.get(n) for s, n in scopes if s is not None]
    return any(
        isinstance(x, TracedList) or (isinstance(x, HoldsTracers) and x.is_keyed) for x in held
    )


def _may_end_at_run(frame: Frame, node: ast.While) -> bool:
    """Whether only the run knows if the first pass is the last, of a loop whose test is known.

    ``while True`` with a ``break`` where something has converged: all of it is one loop of the program,
    as pass by pass each number of passes would be a program.  The pass is looked at as a region, which
    changes nothing; where it cannot be one, the loop begins pass by pass.
    """
    if not staging.escapes(node.body) - {"continue"}:
        return False
    try:
        with undoing(frame):
            run_region(frame, lambda: frame.within("first pass", node.body))
            raise NotStaged("it was only looked at")
    except Bail as problem:
        return problem.rung is Rung.ROLLED


def _may_end_by_handler(node: ast.While) -> bool:
    """Whether it may depend on what is raised how often a loop runs: ``while True`` around a ``try``."""
    return any(
        isinstance(inner, ast.Try) and staging.escapes([inner]) - {"continue"}
        for statement in node.body
        for inner in ast.walk(statement)
    )


# -- the first pass by itself ----------------------------------------------------------------------
def roll_or_peel(frame: Frame, node: ast.For, sequence: LazySequence) -> rolling.After | Bail:
    """A ``for`` loop over a lazy sequence as one loop of the program: what is left to do then, or why not."""
    try:
        return _roll_or_peel(frame, node, sequence)
    except Bail as problem:
        if problem.rung is not Rung.UNROLLED:
            raise
        return problem


def _roll_or_peel(frame: Frame, node: ast.For, sequence: LazySequence) -> rolling.After:
    often, why = frame.unsettled.get(id(node), (0, None))
    if why is not None and often >= MOST_UNSETTLED:  # in passes of a loop around it
        raise NotStaged(why.reason, why.source)
    try:
        return _rolled(frame, node, sequence)
    except Bail as problem:
        if problem.rung is not Rung.PEELED:
            raise
        differs = problem
    if not _has_several(sequence):
        raise NotStaged("the first iteration differs, and there may be none", differs.source)
    return lambda: _peeled(frame, node, sequence, differs)


def _peeled(
    frame: Frame, node: ast.For, sequence: LazySequence, why: Bail, before: int = 0
) -> Completion | None:
    """A loop whose first pass runs by itself; ``before`` is how many have."""
    frame.trace.decisions.take(Rung.PEELED, why, frame.source(node))
    source = sequence.source
    assign(frame, node.target, sequence.item(0) if source is None else next(source))
    completion = frame.within("loop", node.body)
    if completion is not None and completion.leaves_loop:
        return completion.after_loop
    # Of one pass or more: nobody sees what the first one went through.
    rest = sequence.shifted(1) if source is None else lazy_sequence(frame, source)
    if rest is None:
        return unroll_for(frame, node, source, why)
    for name in [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]:
        scope = frame.scope.owner(name)
        if scope is not None and not is_numeric(scope.locals[name]):
            scope.locals[name] = UNBOUND
    try:
        after = _rolled(frame, node, rest)
    except Bail as problem:
        if problem.rung not in (Rung.PEELED, Rung.UNROLLED):
            raise
        most = _MOST.get(problem.reason, MOST_PEELED)
        if problem.rung is Rung.PEELED and before + 1 < most and _has_several(rest):
            return _peeled(frame, node, rest, problem, before + 1)
        often, _ = frame.unsettled.get(id(node), (0, None))
        frame.unsettled[id(node)] = often + 1, problem
        return unroll_for(frame, node, rest if source is None else source, problem)
    return after()


def _rolled(frame: Frame, node: ast.For, sequence: LazySequence) -> rolling.After:
    """A loop of the program, which moves the iterator that it goes through to where the loop ends."""
    source, ends = sequence.source, staging.escapes(node.body) - {"continue"}
    if source is None:
        return rolling.roll_for(frame, node, sequence)
    if not ends or not is_used_elsewhere(frame, source.origins(), source, node.iter, may_end=True):
        after = rolling.roll_for(frame, node, sequence)
        source.move(sequence.count, True)
        return after
    counted = copy.copy(node)
    counted.target = ast.Tuple([ast.Name(TAKEN, ast.Store()), node.target], ast.Store())
    for part in (counted.target, counted.target.elts[0]):
        ast.copy_location(part, node.target)
    scope, item = frame.scope, sequence.item
    scope.syntax = replace(scope.syntax, assigned=scope.syntax.assigned | {TAKEN})
    scope.locals[TAKEN] = 0
    try:
        numbered = replace(sequence, item=lambda k: (k + 1, item(k)))
        after = rolling.roll_for(frame, counted, numbered)
        source.move(scope.locals[TAKEN], False)
    finally:
        del scope.locals[TAKEN]
    return after


TAKEN = "<taken>"  # how many items a loop has taken that may end early; no name that a program could have


def is_used_elsewhere(
    frame: Frame, wanted: Sequence[Any], x: Any, node: ast.AST | None, may_end: bool
) -> bool:
    """Whether anything but the loop that goes through ``x`` may come to one of the objects that are ``wanted``.

    ``node`` is the expression that has given ``x``: a variable may have it that nothing else reads.  Where the loop
    ``may_end`` early, what is left is found by whoever reads the variable again: the same code, in a loop around.
    """
    ids = {id(y) for y in wanted}
    owner = frame.scope.owner(node.id) if isinstance(node, ast.Name) else None
    name = None
    if owner is not None and isinstance(node, ast.Name) and owner.locals.get(node.id) is x:
        if _is_read_last(frame, owner, node, may_end):
            name = node.id
    return has_holder(frame, lambda other: id(other) in ids, (owner, name))


def _is_read_last(frame: Frame, owner: Scope, node: ast.Name, may_end: bool) -> bool:
    """Whether a variable is read nowhere else from here on; one that capture has named, is not."""
    if node.id.startswith("<"):
        return True
    parts = list(ast.walk(owner.syntax.node))
    inner = {n for f in parts[1:] if isinstance(f, _FUNCTIONS) for n in ast.walk(f)}
    here = (node.lineno, node.col_offset)
    for n in parts:
        is_read = isinstance(n, ast.Name) and n.id == node.id and isinstance(n.ctx, ast.Load)
        if is_read and n is not node and (n in inner or (n.lineno, n.col_offset) >= here):  # type: ignore[attr-defined]
            return False
    mine: Scope | None = frame.scope
    while isinstance(mine, ComprehensionScope):
        mine = mine.parent
    repeated = [part for n in parts for part in _repeated(n)]
    is_repeated = any(n is node for part in repeated for n in ast.walk(part))
    return not may_end or (owner is mine and not is_repeated)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _repeated(node: ast.AST) -> list[ast.AST]:
    """The parts of a loop or comprehension that run several times."""
    if isinstance(node, (ast.For, ast.While)):
        return [*node.body, *([node.test] if isinstance(node, ast.While) else [])]
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        once = set(ast.walk(node.generators[0].iter))
        return [n for n in ast.walk(node) if isinstance(n, ast.Name) and n not in once]
    return []


def _has_several(sequence: LazySequence) -> bool:
    """Whether a sequence has more than one item in this call, from now on under a guard."""
    try:
        return at_least(sequence.count, 2)
    except UndecidedExtent:
        return False


__all__ = [
    "FEW_PASSES",
    "Ended",
    "is_used_elsewhere",
    "roll_or_peel",
    "run_at_once",
    "run_for",
    "run_while",
]
