"""Common subexpression elimination: an operation computed before is not computed again.

    a = sin(x); b = sin(x)   =>   a = sin(x)
    check(p); check(p)       =>   check(p)
    a, b = for(): … yield x, x    =>   a = for(): … yield x

Operations in a nested block see those of the enclosing blocks; sibling blocks see nothing of each
other, since only one of them may run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.ir.data import Operation, Program, Value
from autodiff.ops.entries import ENTRIES
from autodiff.passes.rewrite import Scope, rebuild

LARGEST_CONSTANT = 64  # elements; larger constants are compared by identity


def eliminate_common_subexpressions(program: Program) -> Program:
    """Replace operations by equal ones computed before."""
    return rebuild(program, _visit)


def _visit(operation: Operation, scope: Scope) -> Sequence[Value] | None:
    if operation.regions:
        return _without_equal_stacks(operation, scope)
    # A check that has held holds again; other effects happen as often as they are written.
    if ENTRIES[operation.kind].has_effect and operation.kind != "check":
        return None
    key = (
        operation.kind,
        operation.operands,
        tuple([(k, _key(v)) for k, v in operation.attributes.items()]),
        tuple([v.type.weak for v in operation.results]),
    )
    found = scope.find(key)
    # What the user wrote is rounded as NumPy rounds it, which a derivative need not be: the
    # derivative may use the user's value, not the other way about.
    if found is None or (_is_derived(found) and not operation.is_derived):
        scope.table[key] = operation.results
        return None
    return found


def _without_equal_stacks(operation: Operation, scope: Scope) -> Sequence[Value] | None:
    """Where a loop stacks one value several times, all users take the first stack."""
    if operation.kind not in ("for", "while"):
        return None
    outputs, results = operation.regions[-1].outputs, list(operation.results)
    first = len(results) - len(outputs)  # a while loop gives its trips ahead of the others
    stacks: dict[Value, Value] = {}
    for k in range(len(operation.operands), len(outputs)):
        results[first + k] = stacks.setdefault(outputs[k], results[first + k])
    if len(stacks) == len(outputs) - len(operation.operands):
        return None
    scope.block.operations.append(operation)
    return results


def _is_derived(values: Sequence[Value]) -> bool:
    return bool(values) and values[0].owner is not None and values[0].owner.is_derived


_PLAIN = frozenset((int, str, bool, float, type(None)))  # the classes of most attributes


def _key(attribute: Any) -> Any:
    if type(attribute) in _PLAIN:
        return attribute
    if isinstance(attribute, Dim):
        # By terms, not by ==, which may ask for a decision.
        return ("extent", frozenset(attribute.terms.items()))
    if isinstance(attribute, tuple):
        return tuple([_key(item) for item in attribute])
    if isinstance(attribute, np.ndarray):
        if attribute.size > LARGEST_CONSTANT:
            return id(attribute)
        return (_key(attribute.dtype), attribute.shape, attribute.tobytes())
    if isinstance(attribute, np.dtype):
        return (attribute, attribute.num)  # ``longlong`` equals the ``int64`` of its size
    if callable(attribute):
        return id(attribute)
    return attribute
