"""Assignments: names, patterns, items and attributes get a value, or lose it.

a, (b, *c) = values       names one by one, what is left in a list
x[i] = v                  a new value of the array's storage; a place outside (capture.state)
obj.name = v              the user's setter, a place outside, or an attribute of a new object
"""

from __future__ import annotations

import ast
import inspect
import operator
from itertools import islice
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import labelled
from autodiff.capture import choices, dataframes, members
from autodiff.capture.calls import (
    ask_python,
    call,
    is_asked,
    is_no_sequence,
    iterate,
    run_known,
    verdicts,
    want_columns,
)
from autodiff.capture.functions import Closure, descriptor, guard_property, of_class, own_method
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import Iterating
from autodiff.capture.origins import is_library
from autodiff.capture.paths import Guard
from autodiff.capture.sourcecode import syntax_of
from autodiff.capture.state import attribute_place, item_place
from autodiff.capture.trace import traced_leaves
from autodiff.errors import UnsupportedError
from autodiff.ladder import Bail, Declined
from autodiff.later import later
from autodiff.ops.complex_numbers import is_complex
from autodiff.ops.dispatch import set_attribute
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import opaque, staging
else:
    opaque, staging = later("autodiff.capture.opaque"), later("autodiff.capture.staging")


def assign(frame: Frame, target: ast.expr, value: Any) -> None:
    """Store ``value`` into an assignment target."""
    if isinstance(target, ast.Name):
        frame.store(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(frame, target, value)
    elif isinstance(target, ast.Subscript):
        container, keys = _reached_to_store(frame, target.value)
        index = frame.evaluate(target.slice)
        frame.at(target)
        store_item(frame, container, index, value, target)
        if keys is not None and item_place(frame.trace, container, index) is not None:
            frame.trace.remove_guard(keys)  # what else is in the dict has shaped nothing
    elif isinstance(target, ast.Attribute):
        obj = frame.evaluate(target.value)
        frame.at(target)
        store_attribute(frame, obj, target.attr, value, target)
    else:
        raise Declined(f"assignment to {type(target).__name__}", frame.source(target))


def _reached_to_store(frame: Frame, node: ast.expr) -> tuple[Any, Guard | None]:
    """A container, and the guard of the keys that it had when it was reached, if it is a dict.

    Only where no code but this statement has got hold of it by that.
    """
    trace, path = frame.trace, None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        path = trace.paths.get(id(frame.evaluate(node.value)))
        path = None if path is None else path.attribute(node.attr)
    before = len(trace.guards)
    container = frame.evaluate(node)
    last = trace.guards[-1] if len(trace.guards) > before else None
    holds_back = trace.tier.holds_back
    if not holds_back or type(container) is not dict or last is None or last.relation != "keys":
        return container, None
    # The value of a property, say, is reached by another path, from code that may keep it.
    mine = isinstance(node, ast.Name) or (path is not None and last.path.text == path.text)
    return container, last if mine else None


def _taken_apart(x: Any) -> None:
    (_,) = x


def _unpack(frame: Frame, target: ast.Tuple | ast.List, value: Any) -> None:
    frame.at(target)
    if is_no_sequence(value):
        ask_python(_taken_apart, value)
    starred = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
    if starred and isinstance(value, StoredList) and value.numbers() is not None:
        items: Any = frame.trace.listed(value)  # whose middle is a list again
    else:
        source = iterate(frame, value)
        is_run = not starred and isinstance(value, Iterating)  # no further than needed
        items = list(islice(source, len(target.elts) + 1) if is_run else source)
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
    own = _own_method(frame, container, "__setitem__")
    if own is not None:
        call(frame, own, [container, index, value], {}, node)
        return
    index = frame.trace.as_index(index) if frame.trace.whole else index
    if isinstance(index, slice) and isinstance(container, list) and is_asked(frame, value):
        value = frame.trace.new_list(iterate(frame, value))
    if members.member(container) is not None:
        _store_into_member(container, index, value)
        return
    if choices.is_choice(container) and issubclass(choices.class_of(container), (list, dict)):
        staging.on_each(frame, container, lambda x: store_item(frame, x, index, value, node), node)
        return
    if isinstance(container, HoldsTracers) and container.is_keyed:
        statement = frame.statement  # of which the value may be a new list, which nobody has yet
        is_new = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List)
        container.store(index, value, is_new and statement.targets == [node])  # type: ignore
        return
    if labelled.is_foreign(container) or isinstance(container, labelled.StandIn):
        container = dataframes.in_place_of(frame.trace, container)
        if dataframes.is_its_own(frame.trace, container):
            dataframes.store(frame.trace, container, index, value)
            return
    if isinstance(container, Tracer):
        index, value = frame.trace.deep(index), frame.trace.deep(value)
        try:
            run_known(frame.trace, operator.setitem, container, index, value)
        except Bail as failure:
            frame.trace.rerun(failure, operator.setitem, (container, index, value), {})
            raise Declined(failure.reason, frame.source(node)) from None
        return
    _store_as_python(frame, container, index, value, node)


def _store_as_python(frame: Frame, container: Any, index: Any, value: Any, node: ast.AST) -> None:
    """``container[index] = value`` of Python's containers, NumPy's arrays that are not traced, and foreign objects."""
    trace = frame.trace
    if trace.is_external(container) and trace.tier.holds_back:
        if trace.paths[id(container)].text.endswith(".__dict__"):
            raise Declined("a store into the __dict__ of an object", frame.source(node))
        place = item_place(trace, container, index)
        if place is not None:
            trace.state.store(place, value)
            return
    want_columns(frame, container, index, value)
    choices.refuse(index)
    trace.changing(container, frame.source(node), index if type(container) is dict else None)
    if isinstance(container, dict):
        trace.guard_hashed(index)
        if isinstance(index, list):
            raise TypeError("unhashable type: 'list'")
    if not trace.tier.holds_back and isinstance(container, (np.ndarray, np.void)):
        value = _as_stored(frame, value, node)
    if isinstance(index, slice) and trace.is_external(container):
        trace.storing_into(container)
        run_users(operator.setitem, container, index, value)
        return
    if isinstance(container, dict):
        index = trace.outside(container, index)
    value = trace.outside(container, value)
    if type(container).__module__.startswith("scipy."):
        opaque.refuse_lost_item(frame, container, value, node)
    if isinstance(container, StoredList):
        run_known(trace, operator.setitem, container, index, value)
    else:
        run_users(operator.setitem, container, index, value)


def _own_method(frame: Frame, container: Any, name: str) -> Any:
    """The method by which a class of the user's stores or deletes an item; None where the kind of container does."""
    if isinstance(container, (Tracer, HoldsTracers, StoredList, np.ndarray)):
        return None
    cls = choices.class_of(container)
    if cls in (list, dict) or labelled.is_foreign(container):
        return None
    method = of_class(cls, name)
    users = isinstance(method, FunctionType) and not is_library(method)
    return own_method(frame, container, name) if users or isinstance(method, Closure) else None


def _as_stored(frame: Frame, value: Any, node: ast.AST) -> Any:
    """A value of this call as it goes into an array that is not traced, where no derivative goes."""
    trace = frame.trace
    if any(map(trace.differentiated, (x.value for x in traced_leaves(value)))):
        raise UnsupportedError(
            "a traced result cannot be written into an array that is not traced",
            source=frame.source(node),
            remedy="create the array inside the function, or pass it as an argument",
        )
    return trace.untraced(value)


def store_attribute(frame: Frame, obj: Any, name: str, value: Any, node: ast.AST) -> None:
    """``obj.name = value``."""
    if choices.is_choice(obj):
        _store_into_choice(frame, obj, name, value, node)
        return
    if isinstance(obj, Tracer):
        if name in ("real", "imag") and is_complex(obj):
            frame.at(node)
            run_users(set_attribute, obj, name, value)
            return
        if name in ("shape", "T", "flat", "real", "imag"):
            raise Declined(f"assignment to the array attribute {name!r}", frame.source(node))
        unknown = AttributeError(f"'numpy.ndarray' object has no attribute '{name}'")
        raise verdicts.restated(frame.trace, unknown, setattr, [obj, name, value])
    if isinstance(obj, StoredList):  # which has attributes of its own
        require_attribute(obj, name)
    if isinstance(obj, Closure) and name in Closure.__slots__ and not name.startswith("__"):
        raise Declined(
            f"the attribute {name!r} of a function that is made here", frame.source(node)
        )
    if not isinstance(obj, (type, ModuleType)):
        setter = own_method(frame, obj, "__setattr__")
        if setter is not None and (isinstance(setter, Closure) or syntax_of(setter) is not None):
            call(frame, setter, [obj, name, value], {}, node)
            return
    store_past_setter(frame, obj, name, value, node, setattr)


def require_attribute(obj: StoredList, name: str) -> None:
    """Python's error of a list or tuple, which has no attributes that can be set or deleted."""
    run_users(setattr, obj.python_type(), name, None)
    raise Declined(f"the attribute {name!r} of a {obj.python_type.__name__}")


def store_past_setter(
    frame: Frame, obj: Any, name: str, value: Any, node: ast.AST, store: Any = object.__setattr__
) -> None:
    """``object.__setattr__(obj, name, value)``: a property or descriptor of the class is still asked."""
    static = inspect.getattr_static(type(obj), name, None)
    if isinstance(static, property) and isinstance(static.fset, (FunctionType, Closure)):
        guard_property(frame.trace, type(obj), name, static.fset, static)
        call(frame, static.fset, [obj, value], {}, node)
        return
    setter = getattr(type(static), "__set__", None)
    if isinstance(setter, FunctionType) and not is_library(setter):
        call(frame, setter, [descriptor(frame.trace, obj, name, static), obj, value], {}, node)
        return
    trace = frame.trace
    if trace.is_external(obj) and trace.tier.holds_back:
        place = attribute_place(trace, obj, name)
        if place is not None:
            trace.state.store(place, value)
            return
    trace.changing(obj, frame.source(node), name)
    run_users(store, obj, name, trace.outside(obj, value))


def delete_attribute(frame: Frame, obj: Any, name: str, node: ast.AST) -> None:
    """``del obj.name``."""
    trace = frame.trace
    if isinstance(obj, StoredList):
        require_attribute(obj, name)
    kept = isinstance(obj, (Tracer, type, ModuleType)) or choices.is_choice(obj)
    if (
        kept
        or members.member(obj) is not None
        or (trace.is_external(obj) and trace.tier.holds_back)
    ):
        raise Declined("deletion of an attribute", frame.source(node))
    own = own_method(frame, obj, "__delattr__")
    if own is not None:
        call(frame, own, [obj, name], {}, node)
        return
    static = inspect.getattr_static(type(obj), name, None)
    if isinstance(static, property) and isinstance(static.fdel, (FunctionType, Closure)):
        guard_property(frame.trace, type(obj), name, static.fdel, static)
        call(frame, static.fdel, [obj], {}, node)
        return
    deleter = getattr(type(static), "__delete__", None)
    if isinstance(deleter, FunctionType) and not is_library(deleter):
        call(frame, deleter, [descriptor(trace, obj, name, static), obj], {}, node)
        return
    trace.changing(obj, frame.source(node))
    run_users(object.__delattr__, obj, name)


def _store_into_choice(frame: Frame, obj: Any, name: str, value: Any, node: ast.AST) -> None:
    """``z.name = value`` of an object known by its number; of one that a branch chose, of each on its path."""
    pool, number = choices.group_and_index(obj)
    static = inspect.getattr_static(pool.cls, name, None)
    if isinstance(static, property) and isinstance(static.fset, (FunctionType, Closure)):
        guard_property(frame.trace, pool.cls, name, static.fset, static)
        call(frame, static.fset, [obj, value], {}, node)
    elif choices.is_known(obj):
        staging.on_each(frame, obj, lambda x: store_attribute(frame, x, name, value, node), node)
    else:
        pool.store_attribute(number, name, static, value)


def delete_item(frame: Frame, container: Any, index: Any, node: ast.AST) -> None:
    """``del container[index]``."""
    own = _own_method(frame, container, "__delitem__")
    if own is not None:
        call(frame, own, [container, index], {}, node)
        return
    if isinstance(container, HoldsTracers) and container.is_keyed:
        container.delete(index)  # type: ignore[attr-defined]
        return
    want_columns(frame, container, index)
    frame.trace.changing(container, frame.source(node))
    run_known(frame.trace, operator.delitem, container, index)


def _store_into_member(x: Any, key: Any, value: Any) -> None:
    """``x[key] = value`` of a dict that is a member."""
    found = members.member(x)
    assert found is not None
    pool, number = found
    if not issubclass(pool.cls, dict):
        raise members.MemberNeeded("a store into an item of an object that is an item of a list")
    pool.store(key, number, value)
