"""What may be raised in a ``try`` for values of the run: who takes it up.

    try:
        factor = np.linalg.cholesky(S)          ok = factorises(S)
    except np.linalg.LinAlgError:        =>     cond(ok): the rest of the body, or the handler
        return -np.inf

An operation that raises for some values says so before it is done (``Builder.raising``).  The innermost ``try``
that has a handler for it is an :class:`Attempt`; where nothing has happened yet in the statement that it runs,
it is told by a bail, and makes a branch of it (:mod:`autodiff.capture.handlers`).  Everywhere else the program
gets a check, and plain Python runs the handler.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from autodiff.capture.frames import Scope
from autodiff.capture.regions import Journal, Outcome
from autodiff.ir.data import Value, walk
from autodiff.ladder import Bail, Rung
from autodiff.ops.builder import Claim, Raised
from autodiff.ops.entries import ENTRIES
from autodiff.sameness import same_value

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame

MOST_BRANCHES = 8  # of one ``try``, each for another operation that may raise
MOST_AGAIN = 400  # operations of a statement that is interpreted again for each of them
_TELLING = ("exc_info", "format_exc", "print_exc", "exception")  # what reads the exception in force


class Attempt:
    """One ``try`` whose body is run from statement ``start`` on.

    Of the first ``assumed`` operations that may raise in that statement it is known that they do not.
    """

    def __init__(
        self, frame: Frame, node: ast.Try, start: int, assumed: int, branches: bool
    ) -> None:
        self.frame = frame
        self.node = node
        self.position = start
        self.assumed = assumed
        self.branches = branches  # whether what is raised becomes a branch
        self.touched = False  # whether the statement has changed what cannot be put back
        self.met = 0
        self._kinds: list[Any] | None = None

    # -- statements
    @contextmanager
    def statement(self, position: int) -> Iterator[None]:
        """Run a statement; where it turns out that it may raise, what it has done is undone."""
        trace = self.frame.trace
        builder, decisions = trace.builder, trace.decisions.mark()
        if position != self.position:
            self.position, self.assumed = position, 0
        self.touched, self.met = False, 0
        self.block, self.length, self.emitted = (
            builder.block, len(builder.block.operations), builder.emitted,
        )  # fmt: skip
        outer, source = builder.journal, builder.source
        builder.journal = self.journal = Journal(outer)
        trace.attempts.append(self)
        try:
            with trace.parts.region(None) as self.changes:
                yield
        except Bail as problem:
            if self.is_met(problem):
                self.changes.restore()
                for cell, value in reversed(builder.journal):
                    cell.restore(value)
                builder.journal = Journal(outer)
                builder.source = source
                trace.decisions.back_to(decisions)
            raise
        finally:
            trace.attempts.pop()
            if outer is not None:
                outer += builder.journal
            builder.journal = outer

    def is_met(self, problem: Bail) -> bool:
        """Whether it is this body in which something may raise."""
        return problem.rung is Rung.CARRIED and problem.needs[0] is self

    # -- what may be raised
    def handler(self, error: Raised) -> ast.ExceptHandler | None:
        """The handler that takes an exception."""
        kind = error if isinstance(error, type) else type(error)
        if self._kinds is None:
            source = self.frame.trace.builder.source
            self._kinds = [self._kind(handler.type) for handler in self.node.handlers]
            self.frame.trace.builder.source = source
        for handler, kinds in zip(self.node.handlers, self._kinds, strict=True):
            if kinds is None or issubclass(kind, kinds):
                return handler
        return None

    def _kind(self, node: ast.expr | None) -> Any:
        """What a handler is for; None where that cannot be told by a glance."""
        if node is None:
            return Exception
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        if not all(isinstance(part, (ast.Name, ast.Attribute)) for part in parts):
            return None
        kinds = tuple([self.frame.evaluate(part) for part in parts])
        are_classes = all(isinstance(k, type) and issubclass(k, BaseException) for k in kinds)
        return kinds if are_classes else None

    def meet(self, claim: Claim, error: Raised, handler: ast.ExceptHandler) -> bool:
        """Something raises an exception unless ``claim`` holds; whether that is known to hold."""
        builder = self.frame.trace.builder
        if builder.block is not self.block:
            return False
        self.met += 1
        if self.met <= self.assumed:
            return True
        if not self.branches or self.met > MOST_BRANCHES or not _can_take(handler, error):
            return False
        if self.touched or builder.emitted - self.emitted > MOST_AGAIN or self._has_acted():
            return False
        value = claim() if callable(claim) else claim
        reason = "something that raises for values of the run"
        raise Bail(Rung.CARRIED, reason, builder.source, (self, value, error, handler))

    def _has_acted(self) -> bool:
        """Whether the statement has changed anything, or done what must not be done twice."""
        for scope, before in self.changes.saved.values():
            now = scope.locals
            if len(now) != len(before) or any(now[k] is not v for k, v in before.items()):
                return True
        new = list(islice(self.block.operations, self.length, None))
        for operation in new:
            for inner in (operation, *(i for r in operation.regions for i in walk(r))):
                if ENTRIES[inner.kind].has_effect and inner.kind not in ("check", "sized"):
                    return True
        made = {value for operation in new for value in operation.results}
        return any(old not in made for _, old in self._written())

    def _written(self) -> Iterator[tuple[Any, Value]]:
        """The cells that were written since the statement began, and what they held."""
        journal: Any = self.frame.trace.builder.journal
        while True:
            yield from journal
            if journal is self.journal:
                return
            journal = journal.outer


class Closed:
    """What no exception may pass unseen: a ``with``, whose end is the user's code too."""

    touched = False


def meets(frame_trace: Any, claim: Claim, error: Raised) -> bool:
    """Whether somebody takes up that something may raise (``Builder.raising``)."""
    for attempt in reversed(frame_trace.attempts):
        if isinstance(attempt, Closed):
            return False
        handler = attempt.handler(error)
        if handler is not None:
            taken: bool = attempt.meet(claim, error, handler)
            return taken
        if attempt.node.finalbody:
            return False
    return False


def _can_take(handler: ast.ExceptHandler, error: Raised) -> bool:
    """Whether a handler gets to see no more of an exception than is known of it."""
    for node in (n for statement in handler.body for n in ast.walk(statement)):
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in _TELLING or (name == handler.name and isinstance(error, type)):
                return False
        if isinstance(node, ast.keyword) and node.arg == "exc_info":
            return False
        if isinstance(node, ast.Raise) and node.exc is None and isinstance(error, type):
            return False
    return True


# -- what the user's code raises --------------------------------------------------------------------
def raised_by(frame: Frame, outcome: Outcome) -> Raised | None:
    """What one side of a branch raises; None where the side has changed what a handler may see.

    Variables of a function that ends by it are seen by nobody, unless a function in it has them.
    """
    error = outcome.raised
    assert error is not None
    scope = frame.scope
    dies = not any(a.frame.scope is scope for a in frame.trace.attempts if isinstance(a, Attempt))
    dies = dies and not _has_functions(scope)
    if outcome.cells or not all(dies and s is scope for s, _ in outcome.names):
        return None
    return error if _is_plain(error) else type(error)


def _has_functions(scope: Scope) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    node: Any = scope.syntax.node
    return any(isinstance(n, kinds) for n in ast.walk(node) if n is not node)


def raise_alike(first: Outcome, second: Outcome) -> bool:
    """Whether it makes no difference which of two sides has raised its exception."""
    a, b = first.raised, second.raised
    if first.names or second.names or first.cells or second.cells or type(a) is not type(b):
        return False
    return _is_plain(a) and _is_plain(b) and same_value(_parts(a), _parts(b))


def _is_plain(error: Any) -> bool:
    """Whether an exception holds nothing but constants."""
    return error.__cause__ is None and all(
        isinstance(x, (str, bytes, bool, int, float, type(None))) for x in _parts(error)
    )


def _parts(error: Any) -> tuple[Any, ...]:
    return (*error.args, *vars(error).values())


__all__ = ["Attempt", "Closed", "meets", "raise_alike", "raised_by"]
