"""Who else holds what a loop binds anew: another variable, a container, an expression that is not done yet.

    u = x; for …: u = u * 2                 ``x`` is another name of what ``u`` is before the loop
    self.u + self.advance()                 ``self.u`` was read and waits, while ``advance`` binds it anew
    y = self.advance()                      nothing waits

A loop may carry an array or object that it binds anew by its contents alone if nobody else holds it.  Variables, and what
is reached from them, are searched; an expression has its operands to itself, so of each call it is noted whether
any wait for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autodiff.capture import structures
from autodiff.capture.arrays import Chosen
from autodiff.capture.frames import ComprehensionScope, Scope
from autodiff.capture.interpreter import Frame
from autodiff.capture.members import row_step
from autodiff.capture.parts import ObjectScope
from autodiff.capture.reaching import reaches
from autodiff.capture.regions import cells_of, live_scopes
from autodiff.capture.structures import LeafScope
from autodiff.ops.tracer import Tracer


def is_aliased(frame: Frame, scope: Scope, name: str, tracer: Tracer) -> bool:
    """Whether an array that a name stands for may be reached otherwise as well."""
    owner = scope.scope if isinstance(scope, LeafScope) else scope
    if _may_be_an_operand(frame, owner):
        return True
    if row_step(tracer) is not None:  # the list has it
        return True
    cells = cells_of(tracer).keys()
    if isinstance(tracer.cell, Chosen) and tracer.cell.reference is None:
        return True
    if not cells.isdisjoint(frame.trace.cells_of_inputs()):
        return True

    def is_such(x: Any) -> bool:
        return isinstance(x, Tracer) and any(cell in cells for cell in cells_of(x))

    return has_holder(frame, is_such, (scope, name))


def _may_be_an_operand(frame: Frame, owner: Any) -> bool:
    """Whether an expression that is not done yet may hold what a variable stands for.

    ``self.x + self.advance()`` has read ``self.x``, ``list(generator)`` what was yielded before: no variable has it.
    What only such an expression holds does not get into variables of the function that runs.
    """
    if frame.scope.syntax.is_generator and not frame.is_pushed:
        return True
    if owner is frame.scope:
        return False
    return bool(frame.trace.waiting) or isinstance(frame.scope, ComprehensionScope)


def has_holder(
    frame: Frame,
    is_such: Callable[[Any], bool],
    but: tuple[Scope | None, str | None] = (None, None),
) -> bool:
    """Whether a variable of the running code, or what is reached from one, is such; ``but`` is one that does not count."""
    (scope, name), more = but, list[Any]()
    if isinstance(scope, LeafScope):  # the leaves beside it, and what else there is
        more = [v for key, v in scope.locals.items() if key != name]
        scope, name = scope.scope, scope.name

    def partly(x: Any) -> list[Any] | None:
        if x is scope and isinstance(x, Scope):
            return [v for key, v in x.locals.items() if key != name] + [x.parent, x.closure]
        if isinstance(scope, ObjectScope) and (x is scope.obj or x is scope.table):
            return [v for key, v in scope.table.items() if key != name]
        return None

    return reaches(frame.trace, [*live_scopes(frame), *more], is_such, partly)


def has_other_names(frame: Frame, scope: Scope, name: str, x: Any, surely_runs: bool) -> bool:
    """Whether a list, dict or object of the structure that a name stands for is known otherwise as well.

    What an expression holds is not changed under this name in the loop.  It is the same object after it if there was no
    iteration.
    """
    parts = [id(part) for part in structures.mutable(frame.trace, x)]
    if not parts:
        return False
    if not surely_runs and _may_be_an_operand(frame, scope):
        return True
    mine = set(parts)
    return len(mine) < len(parts) or has_holder(frame, lambda x: id(x) in mine, (scope, name))


# -- operands that wait ------------------------------------------------------------------------------
# The operands of an expression in the order in which they are evaluated.
_OPERANDS: dict[type, Callable[[Any], Any]] = {
    ast.BinOp: lambda e: (e.left, e.right),
    ast.UnaryOp: lambda e: (e.operand,),
    ast.Compare: lambda e: (e.left, *e.comparators),
    ast.Attribute: lambda e: (e.value,),
    ast.Subscript: lambda e: (e.value, e.slice),
    ast.Starred: lambda e: (e.value,),
    ast.Tuple: lambda e: e.elts,
    ast.Call: lambda e: (e.func, *e.args, *(k.value for k in e.keywords)),
}
_MOST_AROUND = 20  # expressions around a call that are looked at


def is_alone(frame: Frame, node: ast.Call) -> bool:
    """Whether no operand of its statement waits for a call, but for what variables hold as well."""
    part: Any = frame.statement
    if (
        frame.scope.syntax.is_generator and not frame.is_pushed
    ):  # whoever goes through it has what was yielded
        return False
    if isinstance(part, ast.AugAssign) and not _is_held(frame, part.target):
        return False
    if isinstance(part, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)):
        part = part.value
    elif isinstance(part, ast.Lambda):
        part = part.body
    for _ in range(_MOST_AROUND):
        if part is node:
            return True
        for operand in _OPERANDS.get(type(part), lambda e: ())(part):
            if _contains_node(operand, node):
                part = operand
                break
            if not _is_held(frame, operand):
                return False
        else:
            return False
    return False


def _contains_node(whole: Any, part: Any) -> bool:
    first, last = (whole.lineno, whole.col_offset), (whole.end_lineno, whole.end_col_offset)
    at, end = (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
    return first <= at and last >= end


def _is_held(frame: Frame, node: ast.expr) -> bool:
    """Whether the value of an operand is a variable's that no other function binds, or is a function."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner, name = frame.scope.owner(node.value.id), node.value.id
        return owner is None and isinstance(frame.scope.globals.get(name), ModuleType)
    if isinstance(node, ast.Name):
        owner = frame.scope.owner(node.id)
        if owner is None:
            return callable(frame.scope.globals.get(node.id, len))
        return owner is frame.scope and id(owner) not in frame.trace.kept_scopes
    return isinstance(node, ast.Constant)


__all__ = ["has_holder", "has_other_names", "is_aliased", "is_alone"]
