"""What a frame of the interpreter is made of: scopes, variables, and how statements end.

    Scope(locals, parent)     the names that code sees; a comprehension has one of its own
    Box                       a variable that a function defined inside shares with its maker
    Completion                how a statement ended, if not normally: return, break, continue
    UNBOUND, Maybe            a name without a value, and one that has it on some paths only

Plain data, known to branches, loops and the state outside; what runs code in it is
:class:`autodiff.capture.interpreter.Frame`.
"""

from __future__ import annotations

from typing import Any

from autodiff.capture.parts import Locals
from autodiff.capture.sourcecode import Syntax
from autodiff.ops.control import emit_check
from autodiff.ops.tracer import Tracer


class Unbound:
    """Marks a local name that has no value (yet, or any more)."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND = Unbound()


class Poison:
    """A name that only a loop body knows: its value after the loop is not kept."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Completion:
    """How a statement ended, if not normally."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: str, value: Any = None) -> None:
        self.kind = kind
        self.value = value

    @property
    def leaves_loop(self) -> bool:
        """Whether a loop ends whose body ended so."""
        return self.kind in ("break", "return")

    @property
    def after_loop(self) -> Completion | None:
        """How the loop ends that a statement of its body has left."""
        return self if self.kind == "return" else None


BREAK, CONTINUE = Completion("break"), Completion("continue")


class Scope:
    """The names a frame sees: its own, those of enclosing frames, globals, built-ins."""

    def __init__(
        self,
        syntax: Syntax,
        globals_: dict[str, Any],
        closure: dict[str, Any],
        parent: Scope | None,
    ) -> None:
        self.syntax = syntax
        self.globals = globals_
        self.closure = closure  # real closure cells of the user's function, by name
        self.parent = parent  # enclosing captured frame, for functions defined inside
        self.qualname: str = "" if parent is None else parent.qualname  # of the function
        self.locals = Locals(self)

    def restore(self, before: dict[str, Any]) -> None:
        """Put variables back."""
        self.locals.restore(before)

    def owner(self, name: str) -> Scope | None:
        """The captured scope that owns a name, if any does."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.syntax.assigned and name not in scope.syntax.globals:
                return scope
            scope = scope.parent
        return None


class ComprehensionScope(Scope):
    """The scope of a comprehension: its targets, everything else in the frame around it."""

    def __init__(self, parent: Scope, targets: frozenset[str]) -> None:
        syntax = Syntax(parent.syntax.node, parent.syntax.file, targets, frozenset(), False)
        super().__init__(syntax, parent.globals, parent.closure, parent)


class Maybe:
    """A name bound on one side of a staged branch only; ``resolve`` makes sure of it."""

    __slots__ = ("bound", "is_read", "value")

    def __init__(self, bound: Tracer, value: Any) -> None:
        self.bound = bound
        self.value = value
        self.is_read = False  # whether any code has taken it to be bound

    def resolve(self, name: str) -> Any:
        """The value, with a check at run time that the name is bound."""
        self.is_read = True
        emit_check(self.bound.value, f"local variable '{name}' is not bound on this path")
        return self.value
