"""Symbolic execution of the user's syntax tree: frames, statements, control flow.

The interpreter walks the tree of the user's function with an explicit environment.  Values that
do not depend on inputs are ordinary Python objects; arrays and traced numbers are tracers, which
record operations as Python's operators reach them.  Statements give a completion, as in the
ECMAScript specification: normal (None), or a :class:`Completion` that says return, break or
continue.

Expressions live in :mod:`autodiff.capture.expressions`, calls in :mod:`autodiff.capture.calls`,
branches and loops on traced values in :mod:`autodiff.capture.staging`; ``try``, ``with`` and
generators in :mod:`autodiff.capture.generators`.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import operator
import sys
import types
from collections import deque
from collections.abc import Callable, Sequence
from types import CellType, FunctionType, WrapperDescriptorType
from typing import Any

import numpy as np

from autodiff.capture.frames import (
    BREAK,
    CONTINUE,
    UNBOUND,
    Completion,
    Maybe,
    Scope,
)
from autodiff.capture.paths import Guard, Path
from autodiff.capture.sourcecode import Syntax
from autodiff.capture.state import MISSING, Place, attribute_place, item_place
from autodiff.capture.trace import Declined, Trace, is_library
from autodiff.ir.data import Source
from autodiff.ladder import Bail
from autodiff.ops.either import is_array
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import door, run_users


class Frame:
    """One activation: evaluates expressions and executes statements in a scope."""

    def __init__(self, trace: Trace, scope: Scope, name: str) -> None:
        self.trace = trace
        self.scope = scope
        self.name = name
        self.rests: list[Sequence[ast.stmt]] = []  # statements still to come, innermost list last
        # What ends when the statements do: function, loop, staged loop, barrier.
        self.boundary = "function"
        self.errors: list[Exception] = []  # those being handled, innermost last
        self.loop_flags: Any = None  # names of the variables that end the staged loop

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
            elif type(value).__name__ == "Poison":
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
                    "in enclosing scope"
                ) from None
        globals_ = self.scope.globals
        changed = state.load(globals_, name)
        if changed is not MISSING:
            return changed
        if name in globals_:
            return self.trace.lift(globals_[name], Path.root(globals_, "g").item(name))
        builtins = globals_.get("__builtins__", __builtins__)
        table = builtins if isinstance(builtins, dict) else vars(builtins)
        self.trace.guards.append(Guard(Path.root(globals_, "g"), "missing", name))
        if name in table:
            if getattr(table[name], "__module__", "builtins") == "builtins":
                return table[name]
            return self.trace.lift(table[name], Path.root(table, "b").item(name))
        raise NameError(f"name '{name}' is not defined")

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
            raise Declined(f"deletion of {place.text}")
        if not self.trace.eager:
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
        """Where a node stands."""
        return Source(
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
            self.rests.append(statements[position + 1 :])
            try:
                completion = handler(self, statement)
            finally:
                self.rests.pop()
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


# -- statement handlers ---------------------------------------------------------------------------
def _expression(frame: Frame, node: ast.Expr) -> None:
    frame.evaluate(node.value)


def _return(frame: Frame, node: ast.Return) -> Completion:
    return Completion("return", None if node.value is None else frame.evaluate(node.value))


def _assign(frame: Frame, node: ast.Assign) -> None:
    value = frame.evaluate(node.value)
    for target in node.targets:
        assign(frame, target, value)


def _annotated(frame: Frame, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(frame, node.target, frame.evaluate(node.value))


def assign(frame: Frame, target: ast.expr, value: Any) -> None:
    """Store ``value`` into an assignment target."""
    if isinstance(target, ast.Name):
        frame.store(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(frame, target, value)
    elif isinstance(target, ast.Subscript):
        container = frame.evaluate(target.value)
        index = frame.evaluate(target.slice)
        frame.at(target)
        store_item(frame, container, index, value, target)
    elif isinstance(target, ast.Attribute):
        obj = frame.evaluate(target.value)
        frame.at(target)
        store_attribute(frame, obj, target.attr, value, target)
    else:
        raise Declined(f"assignment to {type(target).__name__}", frame.source(target))


def _unpack(frame: Frame, target: ast.Tuple | ast.List, value: Any) -> None:
    from autodiff.capture.calls import iterate

    frame.at(target)
    starred = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
    if starred and isinstance(value, StoredList) and value.numbers() is not None:
        items: Any = frame.trace.listed(value)  # whose middle is a list again
    else:
        items = list(iterate(frame, value))
    if not starred:
        if len(items) != len(target.elts):
            few = "not enough" if len(items) < len(target.elts) else "too many"
            got = f", got {len(items)}" if few == "not enough" else ""
            raise ValueError(f"{few} values to unpack (expected {len(target.elts)}{got})")
        for part, item in zip(target.elts, items, strict=True):
            assign(frame, part, item)
        return
    before = starred[0]
    after = len(target.elts) - before - 1
    count: Any = frame.trace.length(items)
    if count < before + after:
        raise ValueError(
            f"not enough values to unpack (expected at least {before + after}, got {count})"
        )
    for part, item in zip(target.elts[:before], items[:before], strict=True):
        assign(frame, part, item)
    middle = items[before : -after or None]
    assign(frame, target.elts[before].value, middle)  # type: ignore[attr-defined]
    for part, item in zip(target.elts[before + 1 :], items[-after:] if after else (), strict=True):
        assign(frame, part, item)


def store_item(frame: Frame, container: Any, index: Any, value: Any, node: ast.AST) -> None:
    """``container[index] = value``."""
    index = frame.trace.as_index(index) if frame.trace.whole else index
    if isinstance(container, Tracer):
        index, value = frame.trace.deep(index), frame.trace.deep(value)
        try:
            run_users(operator.setitem, container, index, value)
        except Bail as failure:
            frame.trace.rerun(failure, operator.setitem, (container, index, value), {})
            raise Declined(failure.reason, frame.source(node)) from None
        return
    trace = frame.trace
    if trace.is_external(container) and not trace.eager:
        if trace.paths[id(container)].text.endswith(".__dict__"):
            raise Declined("a store into the __dict__ of an object", frame.source(node))
        place = item_place(trace, container, index)
        if place is not None:
            trace.state.store(place, value)
            return
    trace.changing(container, frame.source(node), index if type(container) is dict else None)
    if isinstance(container, dict) and isinstance(index, list):
        raise TypeError("unhashable type: 'list'")
    if isinstance(index, slice) and trace.is_external(container):
        trace.storing_into(container)
        run_users(operator.setitem, container, index, value)
        return
    run_users(operator.setitem, container, index, trace.outside(container, value))


def store_attribute(frame: Frame, obj: Any, name: str, value: Any, node: ast.AST) -> None:
    """``obj.name = value``."""
    if isinstance(obj, Tracer):
        if name in ("shape", "T", "flat", "real", "imag"):
            raise Declined(f"assignment to the array attribute {name!r}", frame.source(node))
        raise AttributeError(f"'numpy.ndarray' object has no attribute '{name}'")
    static = inspect.getattr_static(type(obj), name, None)
    if isinstance(static, property) and isinstance(static.fset, FunctionType):
        from autodiff.capture.calls import call

        frame.trace.guard_class(type(obj), name, static)
        call(frame, static.fset, [obj, value], {}, node)
        return
    trace = frame.trace
    if trace.is_external(obj) and not trace.eager:
        place = attribute_place(trace, obj, name)
        if place is not None:
            trace.state.store(place, value)
            return
    trace.changing(obj, frame.source(node), name)
    run_users(setattr, obj, name, trace.outside(obj, value))


def _augmented(frame: Frame, node: ast.AugAssign) -> None:
    from autodiff.capture.expressions import IN_PLACE

    function = IN_PLACE[type(node.op)]
    target = node.target
    if isinstance(target, ast.Name):
        old = frame.load(target.id, target)
        value = frame.evaluate(node.value)
        frame.at(node)
        frame.store(target.id, apply_in_place(frame, function, old, value, node))
    elif isinstance(target, ast.Subscript):
        container, index = frame.evaluate(target.value), frame.evaluate(target.slice)
        from autodiff.capture.expressions import load_item

        frame.at(target)
        old = load_item(frame, container, index, target)
        value = frame.evaluate(node.value)
        frame.at(node)
        store_item(frame, container, index, apply_in_place(frame, function, old, value, node), node)
    elif isinstance(target, ast.Attribute):
        from autodiff.capture.expressions import load_attribute

        obj = frame.evaluate(target.value)
        old = load_attribute(frame, obj, target.attr, target)
        value = frame.evaluate(node.value)
        frame.at(node)
        new = apply_in_place(frame, function, old, value, node)
        if new is old and is_array(old):
            return  # self.a += b: the array itself was changed
        store_attribute(frame, obj, target.attr, new, node)


def apply_in_place(
    frame: Frame, function: Callable[..., Any], old: Any, value: Any, node: ast.AST
) -> Any:
    """``old op= value``; a list from outside must not change."""
    built_in = inspect.getattr_static(type(old), f"__{function.__name__}__", None)
    if type(old) is dict and type(value) is dict:
        frame.trace.changing_entries(old, list(value), frame.source(node))
    elif isinstance(old, list) or (
        isinstance(built_in, WrapperDescriptorType) and not isinstance(old, (Tracer, np.ndarray))
    ):
        frame.trace.changing(old, frame.source(node))
    from autodiff.capture.calls import call
    from autodiff.capture.expressions import BINARY_OF, apply_binary, own_method

    value = frame.trace.deep(value)
    if isinstance(old, (list, dict, set, deque)) and frame.trace.is_external(old):
        frame.trace.storing_into(old)
    method = own_method(frame, old, f"__{function.__name__}__")
    if method is not None:
        result = call(frame, method, [old, value], {}, node)
        if result is not NotImplemented:
            return result
    if method is not None or getattr(type(old), "__module__", "builtins") != "builtins":
        if not hasattr(type(old), f"__{function.__name__}__") and not isinstance(old, Tracer):
            return apply_binary(frame, BINARY_OF[function], old, value, node)
    if type(old) is list and isinstance(value, StoredList) and function is operator.iadd:
        old.extend(value)  # Python would ask the other list, which adds to a new one
        return old
    try:
        return frame.trace.original(run_users(function, old, value))
    except Bail as failure:
        return frame.trace.rerun(failure, function, (old, value), {})


def _if(frame: Frame, node: ast.If) -> Completion | None:
    from autodiff.capture.expressions import own_truth

    test = own_truth(frame, frame.evaluate(node.test))
    if isinstance(test, Tracer) and not frame.trace.eager:
        from autodiff.capture import staging

        return staging.stage_if(frame, node, test)
    return frame.execute(node.body if run_users(bool, test) else node.orelse)


def _for(frame: Frame, node: ast.For) -> Completion | None:
    from autodiff.capture import staging

    return staging.run_for(frame, node)


def _while(frame: Frame, node: ast.While) -> Completion | None:
    from autodiff.capture import staging

    return staging.run_while(frame, node)


@door
def _raise(frame: Frame, node: ast.Raise) -> None:
    if node.exc is None:
        if not frame.errors:
            raise Declined("a bare raise outside of a handler", frame.source(node))
        raise frame.errors[-1]
    error = frame.evaluate(node.exc)
    _decline_exit(frame, error, node)
    if node.cause is None:
        raise error
    raise error from frame.evaluate(node.cause)


def _decline_exit(frame: Frame, error: Any, node: ast.Raise) -> None:
    """``SystemExit`` and the like end more than the function: only plain Python raises them."""
    kind = error if isinstance(error, type) else type(error)
    if not issubclass(kind, BaseException) or issubclass(kind, Exception):
        return
    if not frame.trace.eager:
        raise Declined(f"raise {kind.__name__}", frame.source(node))
    if isinstance(error, BaseException):
        error.args = tuple([frame.trace.plain(x) for x in error.args])


@door
def _assert(frame: Frame, node: ast.Assert) -> None:
    from autodiff.capture.expressions import own_truth

    test = own_truth(frame, frame.evaluate(node.test))
    if isinstance(test, Tracer) and not frame.trace.eager:
        from autodiff.capture.staging import assert_traced

        assert_traced(frame, test, node)
    elif not test:
        raise AssertionError(*([] if node.msg is None else [frame.evaluate(node.msg)]))


def _function_definition(frame: Frame, node: Any) -> None:
    from autodiff.capture.functions import make_closure

    function: Any = make_closure(frame, node)
    for decorator in reversed(node.decorator_list):
        from autodiff.capture.calls import call

        function = call(frame, frame.evaluate(decorator), [function], {}, decorator)
    frame.store(node.name, function)


def _class_definition(frame: Frame, node: ast.ClassDef) -> None:
    bases = tuple(frame.evaluate(base) for base in node.bases)
    keywords = {k.arg: frame.evaluate(k.value) for k in node.keywords if k.arg is not None}
    if len(keywords) < len(node.keywords):
        raise Declined("** in the head of a class", frame.source(node))
    decorators = [frame.evaluate(decorator) for decorator in node.decorator_list]
    for decorator in decorators:
        if getattr(decorator, "__module__", "") not in ("dataclasses", "functools"):
            raise Declined("a decorated class inside of a function", frame.source(node))
    made: Any = run_users(
        types.new_class,
        node.name,
        bases,
        keywords,
        lambda namespace: _class_body(frame, node, namespace),
    )
    for decorator in reversed(decorators):
        made = run_users(decorator, made)
    frame.store(node.name, made)


def _class_body(frame: Frame, node: ast.ClassDef, namespace: Any) -> None:
    """What a class body puts into the namespace of the class."""
    from autodiff.capture.functions import make_closure

    namespace["__module__"] = frame.scope.globals.get("__name__")
    namespace["__qualname__"] = node.name
    annotations: dict[str, Any] = {}
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
            namespace[statement.name] = make_closure(frame, statement)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            namespace[statement.targets[0].id] = frame.evaluate(statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotations[statement.target.id] = _annotation(frame, statement.annotation)
            if statement.value is not None:
                namespace[statement.target.id] = frame.evaluate(statement.value)
        elif not isinstance(statement, (ast.Pass, ast.Expr)):
            raise Declined(f"{type(statement).__name__} in a class body", frame.source(statement))
    if annotations:
        namespace["__annotations__"] = annotations


def _annotation(frame: Frame, node: ast.expr) -> Any:
    """An annotation as its class has it: text where it may name what does not exist yet."""
    as_text = frame.scope.globals.get("annotations") is __future__.annotations
    if as_text or sys.version_info >= (3, 14):
        return ast.unparse(node)
    return frame.evaluate(node)


def _delete(frame: Frame, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            frame.load(target.id, target)
            frame.store(target.id, UNBOUND)
        elif isinstance(target, ast.Subscript):
            delete_item(frame, frame.evaluate(target.value), frame.evaluate(target.slice), node)
        else:
            raise Declined("deletion of an attribute", frame.source(node))


def delete_item(frame: Frame, container: Any, index: Any, node: ast.AST) -> None:
    """``del container[index]``."""
    frame.trace.changing(container, frame.source(node))
    run_users(operator.delitem, container, index)


def _import(frame: Frame, node: ast.Import) -> None:
    import importlib

    for alias in node.names:
        name = alias.name
        module = run_users(importlib.import_module, name)
        if alias.asname is None and "." in name:
            name = name.split(".")[0]
            module = run_users(importlib.import_module, name)
        if name in sys.modules and not is_library(module):
            frame.trace.lift(module, Path.root(sys.modules, "m").item(name))
        frame.store(alias.asname or alias.name.split(".")[0], module)


def _import_from(frame: Frame, node: ast.ImportFrom) -> None:
    import importlib

    package = frame.scope.globals.get("__package__")
    module = run_users(importlib.import_module, "." * node.level + (node.module or ""), package)
    if module.__name__ in sys.modules and not is_library(module):
        frame.trace.lift(module, Path.root(sys.modules, "m").item(module.__name__))
    for alias in node.names:
        if alias.name == "*":
            raise Declined("import *", frame.source(node))
        value = getattr(module, alias.name, UNBOUND)
        if value is UNBOUND:
            value = _submodule(module, alias.name)
        root = Path.root(module, "m")
        frame.store(alias.asname or alias.name, frame.trace.lift(value, root.attribute(alias.name)))


def _submodule(module: Any, name: str) -> Any:
    import importlib

    try:
        return run_users(importlib.import_module, f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        raise ImportError(
            f"cannot import name {name!r} from {module.__name__!r} "
            f"({getattr(module, '__file__', None) or 'unknown location'})"
        ) from None


def _match(frame: Frame, node: ast.Match) -> Completion | None:
    from autodiff.capture.matching import execute_match

    return execute_match(frame, node)


STATEMENTS: dict[type, Callable[..., Completion | None]] = {
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.While: _while,
    ast.Break: lambda frame, node: BREAK,
    ast.Continue: lambda frame, node: CONTINUE,
    ast.Pass: lambda frame, node: None,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.FunctionDef: _function_definition,
    ast.AsyncFunctionDef: _function_definition,
    ast.ClassDef: _class_definition,
    ast.Delete: _delete,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: lambda frame, node: None,
    ast.Nonlocal: lambda frame, node: None,
    ast.Match: _match,
}

EXPRESSIONS: dict[type, Callable[[Frame, Any], Any]] = {}


def function_scope(function: FunctionType, syntax: Syntax) -> Scope:
    """The scope a user's function runs in."""
    names = function.__code__.co_freevars
    closure = dict(zip(names, function.__closure__ or (), strict=True))
    return Scope(syntax, function.__globals__, closure, None)
