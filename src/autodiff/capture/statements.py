"""Statements: what the interpreter does for each kind, in one table.

Branches and loops on traced values go to :mod:`autodiff.capture.staging` and
:mod:`autodiff.capture.loops`; ``try`` and ``with``, which may be left and entered again, are in
:mod:`autodiff.capture.suspending`.
"""

from __future__ import annotations
import __future__

import abc
import ast
import builtins
import functools
import importlib
import inspect
import operator
import sys
import types
from collections import deque
from collections.abc import Callable
from types import WrapperDescriptorType
from typing import TYPE_CHECKING, Any

from autodiff.capture.access import load_attribute, load_item
from autodiff.capture.assignment import (
    assign,
    delete_attribute,
    delete_item,
    store_attribute,
    store_item,
)
from autodiff.capture.calls import call, is_asked, run_known, unpacked
from autodiff.capture.frames import BREAK, CONTINUE, UNBOUND, Completion
from autodiff.capture.functions import Closure, make_closure, own_method
from autodiff.capture.inputs import is_library
from autodiff.capture.interpreter import STATEMENTS, Frame
from autodiff.capture.operators import (
    BINARY_OF,
    IN_PLACE,
    METHODS,
    apply_binary,
    as_operand_of_array,
    class_of,
    condition,
    telling,
)
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Path
from autodiff.capture.text import DeferredText
from autodiff.labelled import Labelled
from autodiff.ladder import Bail, Declined, Rung
from autodiff.later import enter_later, later
from autodiff.ops.either import is_array
from autodiff.ops.known import require_types
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import door, run_users

if TYPE_CHECKING:
    from autodiff.capture import loops, staging
else:
    staging = later("autodiff.capture.staging")
    loops = later("autodiff.capture.loops")


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


def _augmented(frame: Frame, node: ast.AugAssign) -> None:
    function = IN_PLACE[type(node.op)]
    target = node.target
    if isinstance(target, ast.Name):
        old = frame.load(target.id, target)
        value = frame.evaluate(node.value)
        frame.at(node)
        frame.store(target.id, apply_in_place(frame, function, old, value, node))
    elif isinstance(target, ast.Subscript):
        container, index = frame.evaluate(target.value), frame.evaluate(target.slice)
        frame.at(target)
        old = load_item(frame, container, index, target)
        value = frame.evaluate(node.value)
        frame.at(node)
        if type(old) is Labelled:  # a column that pandas hands out is a new object
            new = apply_binary(frame, BINARY_OF[function], old, value, node)
        else:
            new = apply_in_place(frame, function, old, value, node)
        store_item(frame, container, index, new, node)
    elif isinstance(target, ast.Attribute):
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
        isinstance(built_in, WrapperDescriptorType) and not isinstance(old, Tracer)
    ):
        frame.trace.changing(old, frame.source(node))
    if isinstance(old, (list, deque)) and function is operator.iadd and is_asked(frame, value):
        value = unpacked(frame, value)
    if is_array(old):
        value = as_operand_of_array(frame, value, node)
    value = frame.trace.deep(value)
    if isinstance(old, (list, dict, set, deque)) and frame.trace.is_external(old):
        frame.trace.storing_into(old)
    method = own_method(frame, old, f"__{function.__name__}__")
    if method is not None:
        result = call(frame, method, [old, value], {}, node)
        if result is not NotImplemented:
            return result
    binary = BINARY_OF[function]
    if isinstance(old, (tuple, StoredList)) and type_of(old) is tuple:
        require_types(function, old, value)
    text = old if binary is operator.mod else value if binary is operator.mul else None
    if isinstance(text, (str, bytes, bytearray)) and not is_array(old):
        return apply_binary(frame, binary, old, value, node)
    if not hasattr(class_of(old), f"__{function.__name__}__"):
        kind = value if isinstance(old, Tracer) else old
        is_own = own_method(frame, kind, METHODS[binary][0]) is not None  # of np.poly1d
        if is_own or class_of(kind).__module__ not in ("builtins", "numpy"):
            return apply_binary(frame, binary, old, value, node, in_place=True)
    elif method is not None:
        return apply_binary(frame, binary, old, value, node, in_place=True)
    if type(old) is list and isinstance(value, StoredList) and function is operator.iadd:
        old.extend(value)  # Python would ask the other list, which adds to a new one
        return old
    frame.trace.allowance.before_operator(function, old, value)
    try:
        asked = telling(function, old, value)
        return frame.trace.original(run_known(frame.trace, asked, old, value))
    except Bail as failure:
        return frame.trace.rerun(failure, function, (old, value), {})


def _if(frame: Frame, node: ast.If) -> Completion | None:
    test = condition(frame, node.test)
    if frame.trace.tier.stages(test):
        return staging.stage_if(frame, node, test)
    return frame.execute(node.body if run_users(bool, test) else node.orelse)


def _for(frame: Frame, node: ast.For) -> Completion | None:
    return loops.run_for(frame, node)


def _while(frame: Frame, node: ast.While) -> Completion | None:
    return loops.run_while(frame, node)


@door
def _raise(frame: Frame, node: ast.Raise) -> None:
    if node.exc is None:
        if not frame.errors:
            raise Declined("a bare raise outside of a handler", frame.source(node))
        raise frame.errors[-1]
    try:
        error = frame.evaluate(node.exc)
    except Bail as reason:
        error = _unsaid(frame, node.exc, reason)
    _decline_exit(frame, error, node)
    if node.cause is None:
        raise error
    raise error from frame.evaluate(node.cause)


def _unsaid(frame: Frame, node: ast.expr, reason: Bail) -> Exception:
    """What a side of a branch raises of which the text cannot be known: plain Python says it where it is taken."""
    in_branch = frame.trace.allowance.left is not None
    if reason.rung is not Rung.UNCOMPILED or not in_branch or not isinstance(node, ast.Call):
        raise reason
    kind = frame.evaluate(node.func)
    if not (isinstance(kind, type) and issubclass(kind, Exception)) or not isinstance(
        kind.__init__, WrapperDescriptorType
    ):
        raise reason

    def said(_: Any) -> str:
        raise reason

    error: Exception = kind(DeferredText([(None, said, "")]))
    return error


def _decline_exit(frame: Frame, error: Any, node: ast.Raise) -> None:
    """``SystemExit`` and the like end more than the function: only plain Python raises them."""
    kind = error if isinstance(error, type) else type(error)
    if not issubclass(kind, BaseException) or issubclass(kind, Exception):
        return
    frame.trace.tier.decline(f"raise {kind.__name__}", frame.source(node))
    if isinstance(error, BaseException):
        error.args = tuple([frame.trace.plain(x) for x in error.args])


@door
def _assert(frame: Frame, node: ast.Assert) -> None:
    test = condition(frame, node.test)
    if frame.trace.tier.stages(test):
        staging.assert_traced(frame, test, node)
    elif not test:
        raise AssertionError(*([] if node.msg is None else [frame.evaluate(node.msg)]))


def _function_definition(frame: Frame, node: Any) -> None:
    function: Any = make_closure(frame, node)
    for decorator in reversed(node.decorator_list):
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
    if any(isinstance(base, (Tracer, StoredList)) for base in bases):
        raise Declined("a class below what is no class", frame.source(node))
    cell = types.CellType()
    made: Any = run_users(
        types.new_class,
        node.name,
        bases,
        keywords,
        lambda namespace: _class_body(frame, node, namespace, cell),
    )
    cell.cell_contents = made
    for decorator in reversed(decorators):
        made = run_users(decorator, frame.trace.fresh(made))
    if sys.version_info >= (
        3,
        14,
    ):  # methods know the class that a dataclass with slots is made anew
        cell.cell_contents = made
    frame.store(node.name, frame.trace.fresh(made))


def _class_body(frame: Frame, node: ast.ClassDef, namespace: Any, cell: types.CellType) -> None:
    """What a class body puts into the namespace of the class, which its methods know by a cell."""
    namespace["__module__"] = frame.scope.globals.get("__name__", builtins.__name__)
    namespace["__qualname__"] = f"{frame.scope.qualname}.<locals>.{node.name}"
    annotations: dict[str, Any] = {}
    for statement in node.body:
        if not namespace.keys().isdisjoint(_names_read(statement)):
            raise Declined("a class body that reads its own names", frame.source(statement))
        if isinstance(statement, ast.FunctionDef):
            if statement.name == "__getattribute__":  # which whoever looks at an object calls
                raise Declined(
                    "a __getattribute__ of a class in a function", frame.source(statement)
                )
            namespace[statement.name] = _method(frame, statement, namespace, cell)
        elif isinstance(statement, ast.Assign) and all(
            isinstance(target, ast.Name) for target in statement.targets
        ):
            value = frame.evaluate(statement.value)
            namespace.update({target.id: value for target in statement.targets})  # type: ignore[attr-defined]
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotations[statement.target.id] = _annotation(frame, statement.annotation)
            if statement.value is not None:
                namespace[statement.target.id] = frame.evaluate(statement.value)
        elif not isinstance(statement, ast.Pass) and not _is_text(statement):
            raise Declined(f"{type(statement).__name__} in a class body", frame.source(statement))
    if annotations:
        namespace["__annotations__"] = annotations


# What a decorator makes of a method while its class is made, without a look at what the method does.
_METHODS: tuple[Any, ...] = (
    property, staticmethod, classmethod, functools.cached_property, abc.abstractmethod,
)  # fmt: skip
# Methods that belong to the class without a decorator that says so.
_OF_CLASSES: dict[str, Any] = {
    "__new__": staticmethod, "__init_subclass__": classmethod, "__class_getitem__": classmethod,
}  # fmt: skip


def _method(frame: Frame, node: ast.FunctionDef, namespace: Any, cell: types.CellType) -> Any:
    """A method as the class has it: ``x = property(x)``, ``x = x.setter(…)``, or as it is."""
    decorators = [_decorator(frame, decorator, namespace) for decorator in node.decorator_list]
    method: Any = make_closure(frame, node)
    method.cells = {"__class__": cell}
    method.__qualname__ = f"{namespace['__qualname__']}.{node.name}"
    for decorator in reversed(decorators):
        method = decorator(method)
    plain = isinstance(method, Closure)
    return _OF_CLASSES[node.name](method) if plain and node.name in _OF_CLASSES else method


def _decorator(frame: Frame, node: ast.expr, namespace: Any) -> Any:
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and isinstance(namespace.get(node.value.id), property)
    ):
        return getattr(namespace[node.value.id], node.attr)
    if any(isinstance(x, ast.Name) and x.id in namespace for x in ast.walk(node)):
        raise Declined("a class body that reads its own names", frame.source(node))
    decorator = frame.evaluate(node)
    if not any(decorator is known for known in _METHODS):
        raise Declined("a decorated method of a class inside of a function", frame.source(node))
    return decorator


def _names_read(statement: ast.stmt) -> set[str]:
    """The names that a statement of a class body reads while the class is made; all, if it binds one in passing."""
    parts: list[ast.AST] = [statement]
    if isinstance(statement, ast.FunctionDef):
        parts = [
            x for x in (*statement.args.defaults, *statement.args.kw_defaults) if x is not None
        ]
    nodes = [x for part in parts for x in ast.walk(part)]
    if any(isinstance(x, ast.NamedExpr) for x in nodes):
        return {"__module__"}  # which every class body binds
    return {x.id for x in nodes if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Load)}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


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
            assert isinstance(target, ast.Attribute)
            delete_attribute(frame, frame.evaluate(target.value), target.attr, node)


def _import(frame: Frame, node: ast.Import) -> None:
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
    try:
        return run_users(importlib.import_module, f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        raise ImportError(
            f"cannot import name {name!r} from {module.__name__!r} "
            f"({getattr(module, '__file__', None) or 'unknown location'})",
            name=module.__name__,
            path=getattr(module, "__file__", None),
        ) from None


STATEMENTS.update(
    {
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
    }
)

enter_later(STATEMENTS, "autodiff.capture.handlers", ast.Try)
enter_later(STATEMENTS, "autodiff.capture.suspending", ast.With)
enter_later(STATEMENTS, "autodiff.capture.matching", ast.Match)

__all__ = ["apply_in_place"]
