"""The comparisons that ``dataclasses`` writes, whose text is kept nowhere.

    def __eq__(self, other):
     if other.__class__ is self.__class__:
      return (self.x,self.v,)==(other.x,other.v,)
     return NotImplemented

The text follows from the names in the code.  It is believed only if Python compiles it to that code, so
what another version of Python or another library writes is not taken for this.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

_OPERATORS = {"__eq__": "==", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def generated(function: FunctionType) -> ast.FunctionDef | None:
    """The syntax of a comparison that a dataclass was given; None of anything else."""
    code = function.__code__
    if code.co_name not in _OPERATORS or code.co_varnames != ("self", "other"):
        return None
    for text in _texts(code):
        module = ast.parse(text)
        (made,) = [c for c in compile(module, "", "exec").co_consts if isinstance(c, CodeType)]
        if _does(made) == _does(code):
            (node,) = module.body
            assert isinstance(node, ast.FunctionDef)
            return node
    return None


def _texts(code: CodeType) -> Iterator[str]:
    """What the versions of ``dataclasses`` write."""
    fields = [name for name in code.co_names if name not in ("__class__", "NotImplemented")]
    operator = _OPERATORS[code.co_name]
    mine, other = (
        "(" + "".join(f"{owner}.{name}," for name in fields) + ")" for owner in ("self", "other")
    )
    head = f"def {code.co_name}(self, other):\n"
    tail = " return NotImplemented"
    same = " if other.__class__ is self.__class__:\n"
    yield f"{head}{same}  return {mine}{operator}{other}\n{tail}"
    if code.co_name == "__eq__":  # since 3.13
        terms = " and ".join(f"self.{name}==other.{name}" for name in fields) or "True"
        alone = " if self is other:\n  return True\n"
        yield f"{head}{alone}{same}  return {terms}\n{tail}"


def _does(code: CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_consts, code.co_names, code.co_varnames


__all__ = ["generated"]
