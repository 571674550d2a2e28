"""Symbolic execution of the user's syntax tree: frames, and the tables of what they can run.

The interpreter walks the tree of the user's function with an explicit environment.  Values that
do not depend on inputs are ordinary Python objects; arrays and traced numbers are tracers, which
record operations as Python's operators reach them.  Statements give a completion, as in the
ECMAScript specification: normal (None), or a :class:`Completion` that says return, break or
continue.

What each construct does is filled into the tables by the modules above this one: statements in
:mod:`autodiff.capture.statements`, expressions in :mod:`autodiff.capture.expressions`, ``match`` in
:mod:`autodiff.capture.matching`, what may be left and entered again in
:mod:`autodiff.capture.suspending`.  Calls are in :mod:`autodiff.capture.calls`; branches on traced
values in :mod:`autodiff.capture.staging`, loops in :mod:`autodiff.capture.loops`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Sequence
from types import CellType, FunctionType
from typing import Any

from autodiff.capture.frames import (
    UNBOUND,
    Completion,
    Maybe,
    Poison,
    Scope,
)
from autodiff.capture.origins import is_of_library
from autodiff.capture.paths import Guard, Path
from autodiff.capture.sourcecode import Syntax
from autodiff.capture.standing import close_let_go
from autodiff.capture.state import MISSING, Place
from autodiff.capture.trace import Declined, Trace
from autodiff.ir.data import Source
from autodiff.ladder import Bail


class Frame:
    """One activation: evaluates expressions and executes statements in a scope."""

    def __init__(self, trace: Trace, scope: Scope, name: str) -> None:
        self.trace = trace
        self.scope = scope
        scope.locals.watch(trace.parts)
        self.name = name
        self.statement: ast.AST | None = None  # the one that runs, or the lambda
        self.rests: list[Sequence[ast.stmt]] = []  # statements still to come, innermost list last
        # What ends when the statements do: function, loop, staged loop, barrier.
        self.boundary = "function"
        self.errors: list[BaseException] = []  # those being handled, innermost last
        # In a library that is interpreted: the line of the user's that called it, or by which the function was left.
        called_at = trace.builder.source or trace.left_at
        self.called_at = called_at if is_of_library(scope) else None
        # Loops, by node, that did not settle although first passes ran by themselves: how often, and why.
        self.unsettled: dict[int, tuple[int, Bail]] = {}
        self.loop_flags: Any = None  # names of the variables that end the staged loop
        # Of a generator that runs to its end at once (``pushing``): that it does, and the variables of whoever takes
        # the values that nobody reads before they are bound anew.
        self.is_pushed = False
        self.passing: frozenset[tuple[Scope, str]] = frozenset()

    # -- names -------------------------------------------------------------------------------
    def load(self, name: str, node: ast.AST) -> Any:
        """The value of a name."""
        owner = self.scope.owner(name)
        if owner is not None:
            value = owner.locals.get(name, UNBOUND)
            if value is UNBOUND:
                raise UnboundLocalError(
                    f"cannot access local variable '{name}' where it is not associated with a value"
                )
            if isinstance(value, Maybe):
                value = value.resolve(name)
                owner.locals[name] = value
            elif isinstance(value, Poison):
                raise Declined(f"{name!r} after the loop that assigns it", self.source(node))
            return value
        return self._load_free(name)

    def _load_free(self, name: str) -> Any:
        cell, state = self.closure_cell(name), self.trace.state
        if cell is not None:
            changed = state.load(cell, "cell_contents")
            if changed is not MISSING:
                return changed
            path = Path.root(cell, f"c_{name}_").attribute("cell_contents")
            try:
                return self.trace.lift(cell.cell_contents, path)
            except ValueError:
                raise NameError(
                    f"cannot access free variable '{name}' where it is not associated with a value "
                    "in enclosing scope",
                    name=name,
                ) from None
        globals_ = self.scope.globals
        changed = state.load(globals_, name)
        if changed is not MISSING:
            return changed
        if name in globals_:
            return self.trace.lift(globals_[name], Path.root(globals_, "g").item(name))
        found = globals_.get("__builtins__", builtins)
        table = found if isinstance(found, dict) else vars(found)
        self.trace.guards.append(Guard(Path.root(globals_, "g"), "missing", name))
        if name in table:
            if getattr(table[name], "__module__", "builtins") == "builtins":
                if table is vars(builtins):
                    self.trace.note_lookup(builtins, name, table[name])
                return table[name]
            return self.trace.lift(table[name], Path.root(table, "b").item(name))
        raise NameError(f"name '{name}' is not defined", name=name)

    def store(self, name: str, value: Any) -> None:
        """Bind a name."""
        if name in self.scope.syntax.globals:
            self._store_outside(
                Place(self.scope.globals, Path.root(self.scope.globals, "g"), "item", name), value
            )
            return
        owner = self.scope.owner(name)
        if owner is not None:
            owner.locals[name] = value
            return
        cell = self.closure_cell(name)
        if cell is None:
            raise Declined(f"assignment to the nonlocal {name!r}")
        at = Path.root(cell, f"c_{name}_")
        self._store_outside(Place(cell, at, "attribute", "cell_contents"), value)

    def _store_outside(self, place: Place, value: Any) -> None:
        if value is UNBOUND:
            raise Declined(f"deletion of {place.at.describe()}")
        if self.trace.tier.holds_back:
            self.trace.state.store(place, value)
        elif place.kind == "attribute":
            setattr(place.owner, place.key, self.trace.plain(value))
        else:
            place.owner[place.key] = self.trace.plain(value)

    def closure_cell(self, name: str) -> CellType | None:
        """The cell of a variable that belongs to a function around the captured one."""
        scope: Scope | None = self.scope
        while scope is not None:
            cell = scope.closure.get(name)
            if isinstance(cell, CellType):
                return cell
            scope = scope.parent
        return None

    # -- expressions ---------------------------------------------------------------------------
    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression."""
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            raise Declined(f"{type(node).__name__} expressions", self.source(node))
        return handler(self, node)

    def at(self, node: ast.AST) -> None:
        """Operations emitted from now on come from ``node``."""
        self.trace.builder.source = self.source(node)

    def source(self, node: Any) -> Source:
        """Where a node stands; of a library's code, where the user called it."""
        return self.called_at or Source(
            self.scope.syntax.file,
            node.lineno,
            node.col_offset,
            node.end_col_offset if node.end_lineno == node.lineno else node.col_offset + 1,
            self.name,
        )

    # -- statements ------------------------------------------------------------------------------
    def execute(self, statements: Sequence[ast.stmt]) -> Completion | None:
        """Run statements until one completes abruptly."""
        for position, statement in enumerate(statements):
            handler = STATEMENTS.get(type(statement))
            if handler is None:
                raise Declined(f"{type(statement).__name__} statements", self.source(statement))
            self.statement = statement
            self.rests.append(statements[position + 1 :])
            try:
                completion = handler(self, statement)
            finally:
                self.rests.pop()
            if self.trace.let_go_of:
                close_let_go(self.trace)
            if completion is not None:
                return completion
        return None

    def execute_rests(self, rests: Sequence[Sequence[ast.stmt]]) -> Completion | None:
        """Run the statements that were still to come, from the innermost list outwards."""
        for depth in range(len(rests) - 1, -1, -1):
            saved, self.rests = self.rests, list(rests[:depth])
            try:
                completion = self.execute(rests[depth])
            finally:
                self.rests = saved
            if completion is not None:
                return completion
        return None

    def within(self, boundary: str, statements: Sequence[ast.stmt]) -> Completion | None:
        """Run statements whose end is the end of a loop body or another boundary."""
        saved = self.rests, self.boundary
        self.rests, self.boundary = [], boundary
        try:
            return self.execute(statements)
        finally:
            self.rests, self.boundary = saved


STATEMENTS: dict[type, Callable[..., Completion | None]] = {}
EXPRESSIONS: dict[type, Callable[[Frame, Any], Any]] = {}


def function_scope(function: FunctionType, syntax: Syntax) -> Scope:
    """The scope a user's function runs in."""
    names = function.__code__.co_freevars
    closure = dict(zip(names, function.__closure__ or (), strict=True))
    scope = Scope(syntax, function.__globals__, closure, None)
    scope.qualname = function.__qualname__
    return scope
