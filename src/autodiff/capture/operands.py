"""What an expression holds while a part of it is evaluated: values that no variable may have.

    self.u + self.advance()       ``self.u`` was read and waits, while ``advance`` stores into it and binds it anew
    y = self.advance()            nothing waits

A loop may carry an array that it binds anew by its contents alone if nobody else holds the array.  Who does is found by
way of the variables (:mod:`autodiff.capture.rolling`), so of each call it is noted whether operands wait for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame

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


__all__ = ["is_alone"]
