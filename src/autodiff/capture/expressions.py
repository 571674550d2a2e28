"""Evaluation of expressions: one small handler for each node of the syntax tree."""

from __future__ import annotations

import ast
import inspect
import math
import operator
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Set
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import containers, labelled
from autodiff.capture import choices, dataframes, gathered, members
from autodiff.capture.arrays import Chosen
from autodiff.capture.assignment import assign, store_item
from autodiff.capture.calls import SPECIAL_TYPES, call, iterate, unpacked
from autodiff.capture.conditions import as_python, python_not, truth
from autodiff.capture.effects import append_outside
from autodiff.capture.frames import ComprehensionScope, Scope
from autodiff.capture.functions import Closure, descriptor, make_closure, own_method
from autodiff.capture.generators import Stopped, TracedGenerator, passing
from autodiff.capture.given import transposed
from autodiff.capture.holders import is_alone
from autodiff.capture.interpreter import EXPRESSIONS, Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.lists import TracedList
from autodiff.capture.loops import roll_or_peel, run_at_once
from autodiff.capture.numbering import ArraysMatter
from autodiff.capture.opaque import refuse_unseen
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Guard, Path
from autodiff.capture.pools import RowsMatter, row_of, same_row
from autodiff.capture.predicates import Predicate
from autodiff.capture.references import Choice, Reference, To
from autodiff.capture.regions import cells_of, is_listed
from autodiff.capture.sequences import LazySequence, lazy_sequence
from autodiff.capture.staging import stage_boolean, stage_choice
from autodiff.capture.state import MISSING
from autodiff.capture.stores import is_item
from autodiff.capture.text import DeferredText, characters
from autodiff.capture.trace import Declined, is_library
from autodiff.capture.unrolling import Passes
from autodiff.dims import Dim
from autodiff.ladder import Bail, NotStaged
from autodiff.ops import dispatch
from autodiff.ops.either import Either, choose, is_array
from autodiff.ops.tracer import AmbiguousStore, StoredList, Tracer, as_tracer, is_traced
from autodiff.signals import door, refuse_ours, run_users

# What Python calls the operators: ``operator.__add__`` for ``a + b``, ``operator.__iadd__`` for ``a += b``, and the
# methods of a class, ``__add__`` and ``__radd__``.
_NAMES: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
BINARY: dict[type, Callable[[Any, Any], Any]] = {
    kind: getattr(operator, f"__{name}__") for kind, name in _NAMES.items()
}
IN_PLACE: dict[type, Callable[[Any, Any], Any]] = {
    kind: getattr(operator, f"__i{name}__") for kind, name in _NAMES.items()
}
BINARY_OF = {IN_PLACE[kind]: BINARY[kind] for kind in IN_PLACE}  # ``a + b`` for ``a += b``
UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _constant(frame: Frame, node: ast.Constant) -> Any:
    return node.value


def _name(frame: Frame, node: ast.Name) -> Any:
    return frame.load(node.id, node)


def _binary(frame: Frame, node: ast.BinOp) -> Any:
    # The tree of a sum is nested to the left as deep as the sum has terms.
    nested = [node]
    while type(nested[-1].left) is ast.BinOp:
        nested.append(nested[-1].left)
    left = frame.evaluate(nested[-1].left)
    for inner in reversed(nested):
        right = frame.evaluate(inner.right)
        frame.at(inner)
        left = apply_binary(frame, BINARY[type(inner.op)], left, right, inner)
    return left


# -- operators of the user's classes ---------------------------------------------------------------
_METHODS: dict[Any, tuple[str, str | None]] = {
    **{BINARY[kind]: (f"__{name}__", f"__r{name}__") for kind, name in _NAMES.items()},
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
    operator.neg: ("__neg__", None),
    operator.pos: ("__pos__", None),
    operator.invert: ("__invert__", None),
}


def apply_binary(frame: Frame, function: Any, left: Any, right: Any, node: ast.AST) -> Any:
    """``left op right``, through the user's own methods where a class defines the operator."""
    left = dataframes.in_place_of(frame.trace, left)
    right = dataframes.in_place_of(frame.trace, right)
    if dataframes.computes_alone(frame.trace, left, right):
        return run_users(function, left, right)
    if labelled.is_foreign(left) != labelled.is_foreign(right):
        if isinstance(left, (Tracer, labelled.Labelled)) and labelled.is_labelled(right):
            right = labelled.lift(right)
        elif isinstance(right, (Tracer, labelled.Labelled)) and labelled.is_labelled(left):
            left = labelled.lift(left)
    name, reflected = _METHODS.get(function, (None, None))
    for obj, other, method_name in ((left, right, name), (right, left, reflected)):
        method = own_method(frame, obj, method_name)
        if method is not None:
            result = call(frame, method, [obj, other], {}, node)
            if result is not NotImplemented:
                return result
    if function is operator.mod and type_of(right) is tuple:
        right = tuple(right)
    if function is operator.mod and isinstance(left, (str, DeferredText)):
        from autodiff.capture.formatting import percent

        frame.trace.allowance.before_operator(function, left, right)
        return percent(frame, left, right)
    if function is operator.mod and isinstance(left, bytes):
        refuse_unseen(frame, (right,), node)
    left, right = frame.trace.deep(left), frame.trace.deep(right)
    if function is operator.add or function is operator.mul:
        left, right = stored_items(frame, left), stored_items(frame, right)
    frame.trace.allowance.before_operator(function, left, right)
    try:
        result = frame.trace.original(run_users(function, left, right))
        return frame.trace.fresh(result) if type(result) is dict else result
    except Bail as failure:
        return frame.trace.rerun(failure, function, (left, right), {})


def own_truth(frame: Frame, obj: Any) -> Any:
    """What is asked where ``obj`` is a condition: the answer of the user's class, if it has one."""
    if isinstance(obj, (Tracer, bool)):
        return obj
    if choices.is_choice(obj):
        cls = choices.class_of(obj)
        if not hasattr(cls, "__bool__") and not hasattr(cls, "__len__"):
            return True
    for name in ("__bool__", "__len__"):
        method = own_method(frame, obj, name)
        if method is not None:
            return call(frame, method, [obj], {}, frame.scope.syntax.node)
    return obj


def _unary(frame: Frame, node: ast.UnaryOp) -> Any:
    value = frame.evaluate(node.operand)
    frame.at(node)
    if isinstance(node.op, ast.Not):
        value = own_truth(frame, value)
        if frame.trace.tier.stages(value):
            return python_not(value)
        return run_users(operator.not_, value)
    function = UNARY[type(node.op)]
    method = own_method(frame, value, _METHODS[function][0])
    if method is None:
        return run_users(function, value)
    return call(frame, method, [value], {}, node)


def _boolean(frame: Frame, node: ast.BoolOp) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value: Any = None
    for position, part in enumerate(node.values):
        value = frame.evaluate(part)
        last = position == len(node.values) - 1
        if not last and frame.trace.tier.stages(value):
            return stage_boolean(frame, value, node, position)
        if not last and run_users(bool, own_truth(frame, value)) == stop_at:
            return value
    return value


def _compare(frame: Frame, node: ast.Compare) -> Any:
    left = frame.evaluate(node.left)
    result: Any = True
    for position, (kind, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
        right = frame.evaluate(right_node)
        frame.at(node)
        part = _compare_pair(frame, kind, left, right)
        if position == 0:
            result = part
        elif isinstance(result, Tracer) and isinstance(part, Tracer):
            result = _both(result, part)
        else:
            result = part if run_users(bool, result) else result
        if position < len(node.ops) - 1 and not isinstance(result, Tracer):
            if not run_users(bool, result):
                return result
        left = right
    return result


def _both(first: Tracer, second: Tracer) -> Any:
    """``first and second`` of two comparisons, without a branch: neither has effects.

    Like ``and`` it is the first that is false, or else the second: Python's bool or NumPy's.
    """
    condition = truth(first)
    if all(x.dtype.kind == "b" and not x.shape for x in (first, second)):
        if first.form == second.form and not isinstance(second, Either):
            both: Any = np.logical_and(condition, truth(second))
            return Tracer(both.value, first.form)
        chosen = choose(condition, second, first)
        if chosen is not NotImplemented:
            return chosen
    return second if condition else first


def _compare_pair(frame: Frame, kind: ast.cmpop, left: Any, right: Any) -> Any:
    if isinstance(kind, (ast.Is, ast.IsNot)):
        same = is_same(frame, left, right)
        if isinstance(kind, ast.Is):
            return same
        return python_not(same) if isinstance(same, Tracer) else not same
    if isinstance(kind, (ast.In, ast.NotIn)):
        frame.trace.refuse_items(left)
        found = _contains(frame, left, right)
        return (
            found
            if isinstance(kind, ast.In)
            else (python_not(found) if isinstance(found, Tracer) else not found)
        )
    frame.trace.refuse_items(left, right)
    frame.trace.guard_apart(left, right)  # which are equal if they are one
    for side in (left, right):
        if containers.kind_of(side) is not None:
            frame.trace.guard_hashed(side)
    compare, node = COMPARE[type(kind)], frame.scope.syntax.node
    if isinstance(left, Tracer) or isinstance(right, Tracer):
        return apply_binary(frame, compare, left, right, node)
    with frame.trace.comparing_items():
        return apply_binary(frame, compare, left, right, node)


def is_same(frame: Frame, left: Any, right: Any) -> Any:
    """``left is right``: a bool, or a traced one of arrays that a branch chose."""
    if members.member(left) is not None or members.member(right) is not None:
        return members.same_member(left, right)
    for x, other in ((left, right), (right, left)):
        if choices.is_choice(x) and left is not right:
            test, first, second = choices.parts_of(x)
            return choices.same(test, is_same(frame, first, other), is_same(frame, second, other))
    if row_of(left) is not None or row_of(right) is not None:
        return same_row(left, right)
    _check_identity(frame, left, right)
    if is_singleton(left, right) or is_singleton(right, left):
        return True
    if not (is_array(left) and is_array(right)):
        return False
    found = members.same_array(left, right)
    if found is not None:
        return found
    numbering = frame.trace.numbering
    if numbering.is_carried and (numbering.knows(left) or numbering.knows(right)):
        return numbering.same(left, right)
    heap = frame.trace.heap
    if any(isinstance(x.cell, Chosen) and x.cell.reference is None for x in (left, right)):
        if left.cell is not right.cell and cells_of(left).keys() & cells_of(right).keys():
            raise NotStaged("an identity test of an array that is a part of others")
    same = heap.decided(_identical(frame, heap.reference(left), heap.reference(right)))
    return same if isinstance(same, bool) else Tracer(heap.value_of(same), "python")


def _identical(frame: Frame, a: Reference, b: Reference) -> Predicate:
    """Where two arrays are one."""
    if isinstance(a, Choice):
        first, second = (_identical(frame, x, b) for x in (a.a, a.b))
        return frame.trace.heap.logic.choose(a.predicate, first, second)
    if isinstance(b, Choice):
        return _identical(frame, b, a)
    assert isinstance(a, To) and isinstance(b, To)
    return _same_array(frame, a.object.like, b.object.like)


def is_singleton(value: Any, singleton: Any) -> bool:
    """``value is singleton``, which a traced Python bool may be."""
    if isinstance(value, Tracer) and isinstance(singleton, bool):
        return value.form == "python" and value.dtype.kind == "b" and bool(value) is singleton
    return value is singleton


def _check_identity(frame: Frame, left: Any, right: Any) -> None:
    """Whether two arrays from outside are one is known for this call only.

    Of what a branch or loop chose, it has to be decided which one it is.
    """
    if left is not right:
        # Two names of the user's may have one float; an item of an array is made anew each time.
        if all(isinstance(x, Tracer) and x.form != "array" for x in (left, right)):
            given = {id(record.cell) for record in frame.trace.inputs}
            if id(left.cell) in given and id(right.cell) in given:
                node = frame.scope.syntax.node
                raise Declined("whether two numbers are one object", frame.source(node))
        frame.trace.refuse_identity(left, right)
        if isinstance(left, Tracer) and isinstance(right, Tracer):
            if (is_item(left) or is_item(right)) and all(
                is_item(x) or is_listed(x) for x in (left, right)
            ):
                if not frame.trace.numbering.is_carried:
                    raise ArraysMatter("an identity test of an array of a list")
        elif isinstance(left, TracedList) and isinstance(right, TracedList):
            if left.frozen and right.frozen:
                if not frame.trace.shares_rows:
                    raise RowsMatter("an identity test of a list that is an item of a list")
                raise AmbiguousStore("an identity test of a list that is an item of a list")
            frame.trace.refuse_held(left)
            frame.trace.refuse_held(right)
        elif type_of(left) is type_of(right):
            frame.trace.refuse_held(left)
            frame.trace.refuse_held(right)
    if isinstance(left, Tracer) and isinstance(right, Tracer) and left.cell is not right.cell:
        cells = {id(left.cell), id(right.cell)}
        records = [r for r in frame.trace.inputs if id(r.cell) in cells and r.form == "array"]
        if len(records) == 2 and any(r.leaf is None for r in records):
            frame.trace.tier.decline("an identity test of arrays from outside of the function")


def _same_array(frame: Frame, left: Tracer, right: Tracer) -> bool:
    if left.cell is right.cell or left.path != right.path:
        return left.cell is right.cell and left.path == right.path
    # Two arguments, whole: at another call they may be one object, or no longer be one.
    records = [r for r in frame.trace.inputs if r.cell in (left.cell, right.cell)]
    if len(records) != 2 or left.path or any(r.leaf is None for r in records):
        return False
    one, other = records
    same: bool = one.example is other.example
    frame.trace.guards.append(Guard(one.path, "alias" if same else "apart", other.path))
    return same


@door
def _is_in(item: Any, container: Any) -> bool:
    # No generator, which would not be marked: an ``__eq__`` of the user's may change the container.
    for x in container:  # noqa: SIM110
        if x is item or x == item:
            return True
    return False


def _contains(frame: Frame, item: Any, container: Any) -> Any:
    if isinstance(container, Tracer):
        return as_python(np.any(container == item))
    if type(container) is dict and _hashable(item) and frame.trace.state.changes(container):
        try:
            load_item(frame, container, item, frame.scope.syntax.node)
        except KeyError as error:
            refuse_ours(error)
            return False
        return True
    method = own_method(frame, container, "__contains__")
    if method is not None:
        return call(frame, method, [container, item], {}, frame.scope.syntax.node)
    if isinstance(container, TracedList):
        holders = container.places_of(item)
        if holders is not None:
            return as_python(np.any(holders))
    container = stored_items(frame, frame.trace.deep(container))
    if isinstance(container, (Set, dict)):
        as_key(frame, item)
    if id(container) in frame.trace.instances:
        container = list(iterate(frame, container))
    if isinstance(item, Tracer) or (
        isinstance(container, (list, tuple)) and any(isinstance(x, Tracer) for x in container)
    ):
        with frame.trace.comparing_items():
            return _is_in(item, container)
    frame.trace.advancing((container,))
    items = (item, *container) if isinstance(container, (list, tuple, set, dict)) else (item,)
    if any(own_method(frame, x, "__eq__") is not None for x in items):
        refuse_unseen(frame, items)
    for x in items[1:]:
        frame.trace.guard_apart(item, x)
    if isinstance(container, str):
        item = characters(item)
    if not isinstance(container, (list, tuple, Set, dict)):  # what it yields is known by no path
        refuse_unseen(frame, (item,))
    with frame.trace.comparing_items():
        return run_users(operator.contains, container, item)


def _conditional(frame: Frame, node: ast.IfExp) -> Any:
    test = own_truth(frame, frame.evaluate(node.test))
    if frame.trace.tier.stages(test):
        return stage_choice(
            frame,
            test,
            lambda: frame.evaluate(node.body),
            lambda: frame.evaluate(node.orelse),
            node,
        )
    return frame.evaluate(node.body if run_users(bool, test) else node.orelse)


def _tuple(frame: Frame, node: ast.Tuple) -> Any:
    return tuple(_elements(frame, node.elts))


def _list(frame: Frame, node: ast.List) -> Any:
    return frame.trace.fresh(frame.trace.new_list(_elements(frame, node.elts)))


def _set(frame: Frame, node: ast.Set) -> Any:
    return frame.trace.fresh({as_key(frame, x) for x in _elements(frame, node.elts)})


def as_key(frame: Frame, x: Any) -> Any:
    """``x`` to be looked up by its hash, which a list of the user's has none of."""
    frame.trace.guard_hashed(x)
    return _hashed(x)


@door
def _hashed(x: Any) -> Any:
    if isinstance(x, list):
        raise TypeError("unhashable type: 'list'")
    hash(x)
    return x


def _elements(frame: Frame, nodes: list[ast.expr]) -> list[Any]:
    items: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items.extend(unpacked(frame, frame.evaluate(node.value)))
        else:
            items.append(frame.evaluate(node))
    return items


def _dict(frame: Frame, node: ast.Dict) -> Any:
    result: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            result.update(_entries(frame, frame.evaluate(value), node))
        else:
            hashed = as_key(frame, frame.evaluate(key))
            result[hashed] = frame.evaluate(value)
    return frame.trace.fresh(result)


def _entries(frame: Frame, mapping: Any, node: ast.AST) -> Any:
    """What ``**mapping`` adds."""
    if own_method(frame, mapping, "__getitem__") is None:
        entries = frame.trace.deep(mapping)
        return {key: frame.trace.original(entries[key]) for key in entries}
    keys = call(frame, load_attribute(frame, mapping, "keys", node), [], {}, node)
    return {key: load_item(frame, mapping, key, node) for key in iterate(frame, keys)}


def _attribute(frame: Frame, node: ast.Attribute) -> Any:
    obj = frame.evaluate(node.value)
    frame.at(node)
    return load_attribute(frame, obj, node.attr, node)


def _as_numbers(x: Any) -> Any:
    """Extents as the traced Python ints that the user's code sees (``x.shape``, ``x.size``)."""
    if isinstance(x, Dim):
        return as_tracer(x)
    if type(x) is tuple and any(isinstance(n, Dim) for n in x):
        return tuple(as_tracer(n) if isinstance(n, Dim) else n for n in x)
    return x


PURE_PACKAGES = ("numpy", "scipy", "math", "operator", "itertools", "functools")


def load_attribute(frame: Frame, obj: Any, name: str, node: ast.AST) -> Any:
    """``obj.name``, lifted or guarded where it comes from outside."""
    if name == "__class__":
        return type_of(obj)
    if members.member(obj) is not None:
        return members.attribute(frame, obj, name, node, load_attribute, call)
    if type(obj) is choices.Among:
        return gathered.attribute(frame, obj, name, node, load_attribute, call)
    if choices.is_choice(obj):
        return _attribute_of_choice(frame, obj, name, node)
    if isinstance(obj, Tracer):
        return _attribute_of_array(frame, obj, name, node)
    if labelled.is_foreign(obj) or isinstance(obj, labelled.StandIn):
        stands_for = dataframes.in_place_of(frame.trace, obj)
        if stands_for is obj or stands_for.knows(name):
            obj = stands_for
        if dataframes.is_its_own(frame.trace, obj):
            return run_users(getattr, obj, name)
    if isinstance(obj, ModuleType) and obj.__name__.split(".")[0] in PURE_PACKAGES:
        return frame.trace.look_up(obj, name)
    if id(obj) not in frame.trace.paths and not isinstance(obj, (type, ModuleType, super)):
        getter = own_method(frame, obj, "__getattribute__")
        if getter is not None and not is_library(getter):
            return _load_by_getter(frame, obj, name, getter, node)
    return load_past_getter(frame, obj, name, node)


def _load_by_getter(frame: Frame, obj: Any, name: str, getter: Any, node: ast.AST) -> Any:
    """``obj.name`` of an object made here whose class has a ``__getattribute__``."""
    try:
        return call(frame, getter, [obj, name], {}, node)
    except AttributeError as error:
        refuse_ours(error)
        fallback = own_method(frame, obj, "__getattr__")
        if fallback is None:
            raise
    return call(frame, fallback, [obj, name], {}, node)


def load_past_getter(frame: Frame, obj: Any, name: str, node: ast.AST) -> Any:
    """``object.__getattribute__(obj, name)``, and what a ``__getattr__`` gives where that has nothing."""
    changed = _changed_attribute(frame, obj, name)
    if changed is not MISSING:
        return changed
    static = inspect.getattr_static(type(obj), name, None)
    if labelled.is_foreign(obj) and obj is not static and not callable(static):
        path = frame.trace.paths.get(id(obj))
        if path is not None:  # read as it is, and again at every call
            return frame.trace.lift(run_users(getattr, obj, name), path.attribute(name))
    if isinstance(static, property) and isinstance(static.fget, FunctionType):
        frame.trace.guard_class(type(obj), name, static)
        return call(frame, static.fget, [obj], {}, node)
    reader = getattr(type(static), "__get__", None)
    if (
        isinstance(reader, FunctionType)
        and not is_library(reader)
        and id(obj) not in frame.trace.paths
        and not isinstance(obj, (type, ModuleType, super))
        and (hasattr(type(static), "__set__") or name not in _own(obj))
    ):
        found = descriptor(frame.trace, obj, name, static)
        return call(frame, reader, [found, obj, type(obj)], {}, node)
    if static is None and not isinstance(obj, (type, ModuleType)) and name not in _own(obj):
        getter = own_method(frame, obj, "__getattr__")
        frame.trace.guard_presence(obj, name, found=getter is not None)
        if getter is not None:
            path = frame.trace.paths.get(id(obj))
            if path is not None:
                frame.trace.guards.append(Guard(path, "computes", name))
            return call(frame, getter, [obj, name], {}, node)
    try:
        value = run_users(getattr, obj, name)
    except AttributeError:
        frame.trace.guard_presence(obj, name, found=False)
        raise
    if isinstance(obj, ModuleType) and is_library(obj):
        frame.trace.note_lookup(obj, name, value)
    path = frame.trace.paths.get(id(obj))
    if isinstance(value, MethodType) and isinstance(value.__func__, FunctionType):
        # Bound to an object that is guarded itself; which function it is bound to may change.
        stored = value.__self__ is not obj and not isinstance(obj, super)
        if stored and not isinstance(value.__self__, type):
            at = path or _path_of_class(obj, name, static)
            return value if at is None else frame.trace.lift(value, at.attribute(name))
        if path is None:
            _guard_bound(frame, obj, name, value.__func__)
        else:
            at = path.attribute(name).attribute("__func__")
            frame.trace.guards.append(Guard(at, "is", value.__func__))
        return value
    bound = type(value).__name__ in ("builtin_function_or_method", "method-wrapper", "method")
    if bound and name not in _own(obj) and not isinstance(static, BuiltinFunctionType):
        return value  # a method of the object, not a function that was stored there
    if path is None:
        path = _path_of_class(obj, name, static)
    return value if path is None else frame.trace.lift(value, path.attribute(name))


def _attribute_of_choice(frame: Frame, obj: Any, name: str, node: ast.AST) -> Any:
    """``z.name`` of an object that a branch chose; its methods are given the choice."""
    cls = choices.class_of(obj)
    if issubclass(cls, (list, dict)):
        return choices.Method(obj, name)
    static = inspect.getattr_static(cls, name, None)
    test, first, second = choices.parts_of(obj)
    if isinstance(static, property) and isinstance(static.fget, FunctionType):
        frame.trace.guard_class(cls, name, static)
        return call(frame, static.fget, [obj], {}, node)
    if isinstance(static, FunctionType):
        if any(name in vars(x) for x in choices.objects_of(obj)):
            choices.refuse(obj)
        frame.trace.guard_class(cls, name, static)
        return MethodType(static, obj)
    return stage_choice(
        frame,
        test,
        lambda: load_attribute(frame, first, name, node),
        lambda: load_attribute(frame, second, name, node),
        node,
    )


def _call_of_choice(
    frame: Frame, method: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``z.append(x)`` of a list or dict that a branch chose."""

    def called(x: Any) -> Any:
        return call(frame, load_attribute(frame, x, method.name, node), args, kwargs, node)

    test, first, second = choices.parts_of(method.owner)
    return stage_choice(frame, test, lambda: called(first), lambda: called(second), node)


SPECIAL_TYPES[choices.Method] = _call_of_choice


def _attribute_of_array(frame: Frame, obj: Tracer, name: str, node: ast.AST) -> Any:
    """``x.name`` of what is traced: only what the object has in plain Python."""
    plain = obj.python_type
    if name == "__class__":
        return plain
    if not hasattr(plain, name):
        owner = plain.__name__ if plain.__module__ == "builtins" else f"numpy.{plain.__name__}"
        raise AttributeError(f"{owner!r} object has no attribute {name!r}", name=name)
    if name in ("__array_priority__", "__doc__"):  # which tracers have for themselves
        return getattr(np.empty(0) if plain is np.ndarray else plain(), name)
    if name == "base":
        _refuse_base(frame, obj, node)
    try:
        return _as_numbers(run_users(getattr, obj, name))
    except AttributeError as error:
        refuse_ours(error)
        kind = "np.ndarray" if obj.form == "array" else plain.__name__
        raise Declined(f"{kind}.{name}, which is not supported", frame.source(node)) from None


def _refuse_base(frame: Frame, array: Tracer, node: ast.AST) -> None:
    """Decline where an array from outside is, or may be, a view of another one; a program knows its own."""
    for record in frame.trace.inputs:
        if record.cell is not array.cell:
            continue
        if not isinstance(record.example, np.ndarray) or record.example.base is not None:
            raise Declined("the base of an array from outside", frame.source(node))
        frame.trace.guards.append(Guard(record.path.attribute("base"), "is", None))


def _own(obj: Any) -> Any:
    return getattr(obj, "__dict__", ())


def _changed_attribute(frame: Frame, obj: Any, name: str) -> Any:
    """An attribute that the function changes, of an object or of its class."""
    state = frame.trace.state
    if not state.places:
        return MISSING
    if name == "__dict__":
        frame.trace.refuse_changed(obj, "the __dict__")
    if isinstance(obj, ModuleType):
        return state.load(vars(obj), name)
    found = state.load(obj, name)
    if found is not MISSING or name in getattr(obj, "__dict__", ()):
        return found
    for cls in type(obj).__mro__ if not isinstance(obj, type) else obj.__mro__[1:]:
        found = state.load(cls, name)
        if found is not MISSING or name in vars(cls):
            return found
    return MISSING


def _guard_bound(frame: Frame, obj: Any, name: str, function: FunctionType) -> None:
    """Guard a method of an object that was made here, of a class, or of ``super()``."""
    if isinstance(obj, super):
        classes = type(obj.__self__).__mro__  # type: ignore[attr-defined]
    else:
        classes = obj.__mro__ if isinstance(obj, type) else type(obj).__mro__
    for cls in classes:
        found = vars(cls).get(name)
        if found is function or getattr(found, "__func__", None) is function:
            frame.trace.guard_class(cls, name, function)
            return


def _path_of_class(obj: Any, name: str, static: Any) -> Path | None:
    """Where an attribute is read that belongs to a class or module, or to an object's class."""
    if isinstance(obj, (type, ModuleType)):
        return None if is_library(obj) else Path.root(obj, "t")
    if static is None or hasattr(type(static), "__get__") or is_library(type(obj)):
        return None
    if name in getattr(obj, "__dict__", ()):
        return None
    return Path.root(type(obj), "t")


def _subscript(frame: Frame, node: ast.Subscript) -> Any:
    container = frame.evaluate(node.value)
    index = frame.evaluate(node.slice)
    frame.at(node)
    return load_item(frame, container, index, node)


def load_item(frame: Frame, container: Any, index: Any, node: ast.AST) -> Any:
    """``container[index]``."""
    index = frame.trace.as_index(index) if frame.trace.whole else index
    if members.member(container) is not None:
        return run_users(members.entry, container, index)
    if choices.is_choice(container) and issubclass(choices.class_of(container), (list, dict)):
        test, first, second = choices.parts_of(container)
        return stage_choice(
            frame,
            test,
            lambda: load_item(frame, first, index, node),
            lambda: load_item(frame, second, index, node),
            node,
        )
    if labelled.is_foreign(container) or isinstance(container, labelled.StandIn):
        container = dataframes.in_place_of(frame.trace, container)
        if dataframes.is_its_own(frame.trace, container):
            return run_users(operator.getitem, container, index)
    if isinstance(container, Tracer):
        index = frame.trace.deep(index)
        try:
            return run_users(operator.getitem, container, index)
        except Bail as failure:
            return frame.trace.rerun(failure, operator.getitem, (container, index), {})
    if container is np.r_ or container is np.c_:
        items = index if isinstance(index, tuple) else (index,)
        return dispatch.functions[container](items) if is_traced(items) else container[index]
    if isinstance(container, TracedList):
        if not container.is_stored() and isinstance(index, Tracer):
            if container.is_here() or not container.can_store():
                index = _as_index(index)
        return run_users(operator.getitem, container, index)
    if isinstance(index, Tracer):
        if isinstance(container, np.ndarray):
            return _item_of_array(frame.trace, container, index)
        index = _as_index(index)
    if labelled.is_foreign(container) and _is_label(index):
        path = frame.trace.paths.get(id(container))
        if path is not None:
            return frame.trace.lift(run_users(operator.getitem, container, index), path.item(index))
    method = own_method(frame, container, "__getitem__")
    if method is not None:
        return call(frame, method, [container, index], {}, node)
    if isinstance(container, type) and not is_library(container):
        static = inspect.getattr_static(container, "__class_getitem__", None)
        if isinstance(static, classmethod) and isinstance(static.__func__, FunctionType):
            method = load_attribute(frame, container, "__class_getitem__", node)
            return call(frame, method, [index], {}, node)
    path = frame.trace.paths.get(id(container))
    if path is not None and frame.trace.state.changes(container):
        changed = _changed_item(frame, container, index)
        if changed is not MISSING:
            return changed
    if isinstance(container, dict) and as_key(frame, index) not in container:
        missing = own_method(frame, container, "__missing__")
        if missing is not None:
            return call(frame, missing, [container, index], {}, node)
        if isinstance(container, defaultdict) and container.default_factory is not None:
            made = call(frame, container.default_factory, [], {}, node)
            store_item(frame, container, index, made, node)
            if path is None or frame.trace.tier.holds_back:
                return made
            # Where each call is traced, what is stored outside is plain.
            return frame.trace.lift(container[index], path.item(index))
    value = run_users(operator.getitem, container, index)
    if path is None or isinstance(container, type):
        return frame.trace.original(value)
    if isinstance(index, slice):
        return frame.trace.original(frame.trace.deep(container)[index])
    return frame.trace.lift(value, path.item(index))


def _item_of_array(trace: Any, array: np.ndarray[Any, Any], index: Tracer) -> Any:
    """An item of an array that is none of the program, at a place known only when that runs."""
    if not trace.tier.reusable:
        return run_users(operator.getitem, array, trace.untraced(index))
    item = as_tracer(array)[index]
    if isinstance(item, Tracer) and item.path:  # the program would read, and store into, a copy
        raise NotStaged("a part of an array that is not traced, at a place known at run time")
    return item


def _changed_item(frame: Frame, container: Any, index: Any) -> Any:
    """An item that the function changes, of a dict or list from outside."""
    state = frame.trace.state
    if isinstance(index, slice) or not _hashable(index) or state.is_appended(container):
        frame.trace.refuse_changed(container, "an item")
    if type(container) is list and -len(container) <= index < 0:
        index += len(container)
    return state.load(container, index)


def _hashable(key: Any) -> bool:
    return isinstance(key, (int, str, float, tuple, bool, type(None)))


def _is_label(index: Any) -> bool:
    """Whether an index is made of names and numbers, whose text says it all."""
    if isinstance(index, (list, tuple)):
        return all(_is_label(item) for item in index)
    return type(index) in (str, int, bool)


def _as_index(index: Tracer) -> Any:
    concrete = index._concrete()
    return concrete


def _slice(frame: Frame, node: ast.Slice) -> slice:
    parts = (node.lower, node.upper, node.step)
    return slice(
        *[None if part is None else frame.trace.as_index(frame.evaluate(part)) for part in parts]
    )


def _call(frame: Frame, node: ast.Call) -> Any:
    receiver = _appending(frame, node)
    function = frame.evaluate(node.func) if receiver is None else receiver[1]
    arguments: list[Any] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items = frame.evaluate(argument.value)
            if function is zip and len(node.args) == 1 and _is_strict_or_not(node):
                columns = transposed(items)  # all of one length
                if columns is not None:
                    return frame.trace.fresh(iter(columns))
            arguments.extend(unpacked(frame, items))
        elif isinstance(argument, ast.GeneratorExp) and _takes_all(function, node):
            arguments.append(_generated(frame, argument))
        elif isinstance(argument, ast.GeneratorExp) and (function is any or function is all):
            found = _rolled_truth(frame, argument, function is any)
            if isinstance(found, (bool, Tracer)):
                return found
            arguments.append(found)
        else:
            arguments.append(frame.evaluate(argument))
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        value = frame.evaluate(keyword.value)
        if keyword.arg is None:
            run_users(keywords.update, _entries(frame, value, node))
        else:
            keywords[keyword.arg] = value
    frame.at(node)
    if receiver is not None and receiver[0] and len(arguments) == 1 and not keywords:
        return append_outside(frame, function, arguments[0], node)
    if function is super and not arguments:
        return _super(frame)
    if not isinstance(function, (FunctionType, MethodType, Closure, type)):
        return call(frame, function, arguments, keywords, node)
    frame.trace.is_alone = is_alone(frame, node)
    try:
        return call(frame, function, arguments, keywords, node)
    finally:
        frame.trace.is_alone = False


def _generated(frame: Frame, node: ast.GeneratorExp) -> Any:
    """The list of the items of a generator that is gone through at once."""
    try:
        return _list_comprehension(frame, node)
    except StopIteration as error:
        cause = error
    run_users(_raise, RuntimeError("generator raised StopIteration"), cause)


@door
def _raise(error: Exception, cause: Exception) -> None:
    raise error from cause


def _is_strict_or_not(node: ast.Call) -> bool:
    """Whether a call has no other keyword than ``strict=True`` or ``strict=False``."""
    return all(k.arg == "strict" and isinstance(k.value, ast.Constant) for k in node.keywords)


def _appending(frame: Frame, node: ast.Call) -> tuple[bool, Any] | None:
    """For ``history.append(x)``: whether the list is one from outside, and it or its method.

    Such a list is not read here, so its length does not shape the program.
    """
    method, trace = node.func, frame.trace
    if not isinstance(method, ast.Attribute) or method.attr != "append":
        return None
    if not trace.tier.holds_back:
        return None
    before = len(trace.lengths)
    owner = frame.evaluate(method.value)
    if type(owner) is not list or not trace.is_external(owner):
        frame.at(method)
        return False, load_attribute(frame, owner, "append", method)
    mine = [guard for key, guard in trace.lengths[before:] if key == id(owner)]
    trace.lengths[before:] = [(k, g) for k, g in trace.lengths[before:] if g not in mine]
    trace.guards = [g for g in trace.guards if not any(g is m for m in mine)]
    return True, owner


# Functions that go through a whole generator before anything else happens.
_TAKES_ALL = (sum, list, tuple, min, max, sorted, math.fsum, math.prod)
# Of a module that is not imported for these.
_STATISTICS = frozenset(
    "mean fmean geometric_mean harmonic_mean median pvariance variance pstdev stdev".split()
)


def _takes_all(function: Any, node: ast.Call) -> bool:
    if (function is min or function is max) and any(k.arg == "key" for k in node.keywords):
        return False  # it is called for an item before the next one is made
    if any(function is f for f in _TAKES_ALL):
        return True
    named = isinstance(function, FunctionType) and function.__module__ == "statistics"
    return named and function.__name__ in _STATISTICS


def _super(frame: Frame) -> Any:
    scope = frame.scope
    cell = scope.closure.get("__class__")
    first = next(iter(scope.syntax.node.args.args), None)
    if cell is None or first is None:
        raise Declined("super() outside of a method")
    return super(cell.cell_contents, scope.locals[first.arg])


def _lambda(frame: Frame, node: ast.Lambda) -> Any:
    return make_closure(frame, node)


def _walrus(frame: Frame, node: ast.NamedExpr) -> Any:
    value = frame.evaluate(node.value)
    assign(frame, node.target, value)
    return value


def _formatted(frame: Frame, node: ast.JoinedStr) -> Any:
    from autodiff.capture.formatting import joined, text_of

    texts: list[Any] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            texts.append(part.value)
            continue
        assert isinstance(part, ast.FormattedValue)
        value = frame.evaluate(part.value)
        specification = "" if part.format_spec is None else str(frame.evaluate(part.format_spec))
        frame.at(node)
        if part.conversion > 0:
            value = text_of(frame, value, chr(part.conversion))
        texts.append(text_of(frame, value, "", specification))
    return joined(frame, texts)


_FEW = "a comprehension of few items, or over objects"


# -- comprehensions ---------------------------------------------------------------------------------
def _comprehension(
    frame: Frame,
    node: Any,
    elements: Callable[[Frame], Any],
    source: Any = None,
    why: Bail | str = _FEW,
) -> Iterator[Any]:
    targets: set[str] = set()
    for generator in node.generators:
        targets.update(n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
    inner = Frame(frame.trace, ComprehensionScope(frame.scope, frozenset(targets)), frame.name)
    first = frame.evaluate(node.generators[0].iter) if source is None else source
    return _generate(inner, node.generators, 0, elements, first, Passes(frame, node, why))


@door
def _suspended(value: Any) -> Iterator[Any]:
    """A value of a generator expression: what is thrown in where it stands is the user's."""
    yield value


def _generate(
    frame: Frame, generators: Any, depth: int, elements: Any, first: Any, passes: Passes
) -> Iterator[Any]:
    if depth == len(generators):
        yield from _suspended(passing(elements, frame))
        return
    generator = generators[depth]
    if generator.is_async:
        raise Declined("asynchronous comprehensions")
    source = first if depth == 0 else passing(frame.evaluate, generator.iter)
    for item in passing(iterate, frame, source):
        assign(frame, generator.target, item)
        if all(passing(_holds, frame, condition) for condition in generator.ifs):
            yield from _generate(frame, generators, depth + 1, elements, None, passes)
        if depth == 0:
            passes.made()
    if depth == 0:
        passes.end()


def _holds(frame: Frame, condition: ast.expr) -> bool:
    return run_users(bool, own_truth(frame, frame.evaluate(condition)))


def _all_of(items: Iterator[Any]) -> list[Any]:
    """The items of a comprehension, which raises what it raises."""
    try:
        return list(items)
    except Stopped as stopped:
        error = stopped.error
    raise error  # here, for in the handler its context would become ours


def _as_generator(items: Iterator[Any]) -> Generator[Any, Any, None]:
    """The items of a generator, of which a StopIteration is a mistake."""
    try:
        yield from items
    except Stopped as stopped:
        raise RuntimeError("generator raised StopIteration") from stopped.error


def stored_items(frame: Frame, x: Any) -> Any:
    """A list or tuple whose class has methods of its own as Python's operators see it: its items."""
    kind = list if isinstance(x, list) else tuple if isinstance(x, tuple) else None
    if kind is None or type(x) is kind or isinstance(x, StoredList):
        return x
    names = ("__iter__", "__len__", "__getitem__")
    if all(own_method(frame, x, name) is None for name in names):
        return x
    items = kind.__iter__(x)
    return frame.trace.new_list(items) if kind is list else tuple(items)


def _list_comprehension(frame: Frame, node: ast.ListComp | ast.GeneratorExp) -> Any:
    rolled = _rolled_comprehension(frame, node)
    if rolled is not None:
        return rolled
    items = _all_of(_comprehension(frame, node, lambda inner: inner.evaluate(node.elt)))
    return frame.trace.fresh(frame.trace.new_list(items))


_RESULT = "<list>"  # no name that a program could have
_SOURCES = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.BinOp, ast.ListComp)


def _rolled_comprehension(frame: Frame, node: ast.ListComp | ast.GeneratorExp) -> Any:
    """The list of a long comprehension, made by a loop that appends; None where it is not one."""
    if not frame.trace.tier.rolls or any(g.is_async for g in node.generators):
        return None
    if not isinstance(node.generators[0].iter, _SOURCES):
        return None
    source = frame.evaluate(node.generators[0].iter)
    append = ast.Call(
        ast.Attribute(ast.Name(_RESULT, ast.Load()), "append", ast.Load()), [node.elt], []
    )
    made = frame.trace.fresh(frame.trace.new_list())
    found = _rolled(frame, node, source, ast.Expr(append), made)
    if isinstance(found, Scope):
        return made
    return _unrolled_comprehension(frame, node, source, found)


def _rolled(
    frame: Frame, node: ast.ListComp | ast.GeneratorExp, source: Any, body: ast.stmt, start: Any
) -> Scope | Bail | str:
    """The scope of a loop over ``source`` that does ``body``, or why there is none."""
    sequence = lazy_sequence(frame, source)
    if sequence is None and isinstance(source, (list, tuple, dict, set, str)):
        return _FEW
    targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    scope = ComprehensionScope(frame.scope, frozenset((*targets, _RESULT)))
    scope.locals[_RESULT] = start
    loop = _nested_loops(node, body, node.generators[0].iter)
    inner = Frame(frame.trace, scope, frame.name)
    if sequence is None and run_at_once(inner, loop, source) is not None:
        return scope
    if sequence is None or not is_long(sequence):
        return _FEW
    after = roll_or_peel(inner, loop, sequence)
    if isinstance(after, Bail):
        return after
    after()
    return scope


def _rolled_truth(frame: Frame, node: ast.GeneratorExp, stop: bool) -> Any:
    """``any(…)`` or ``all(…)`` of a long comprehension, by a loop that ends early; else its items."""
    first = node.generators[0]
    if not frame.trace.tier.rolls or len(node.generators) > 1 or first.is_async:
        return frame.evaluate(node)
    if not isinstance(first.iter, _SOURCES):
        return frame.evaluate(node)
    source = frame.evaluate(first.iter)
    if isinstance(source, (TracedIterator, TracedGenerator)):
        return _generator(frame, node, source)
    test = node.elt if stop else ast.UnaryOp(ast.Not(), node.elt)
    found = ast.Assign([ast.Name(_RESULT, ast.Store())], ast.Constant(stop))
    body = ast.If(test, [found, ast.Break()], [])
    scope = _rolled(frame, node, source, body, not stop)
    if isinstance(scope, Scope):
        return scope.locals[_RESULT]
    items = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), source, scope)
    if isinstance(source, (list, tuple, range, Tracer, LazySequence)) and _says_only(frame, node):
        return Foreseen(items)
    return frame.trace.fresh(items)


class Foreseen:
    """Items that may all be asked for, whether Python would or not: nobody can tell."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return self.items


# What is compared and computed without a call, and without an exception that a value decides.
_HARMLESS = (
    *(ast.Compare, ast.UnaryOp, ast.BoolOp, ast.Name, ast.Constant),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def _says_only(frame: Frame, node: ast.GeneratorExp) -> bool:
    """Whether a condition on the items of a sequence does nothing else, so that it does not matter of how many it is asked."""
    parts = [node.elt, *node.generators[0].ifs]
    for part in (inner for outer in parts for inner in ast.walk(outer)):
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub, ast.Mult)):
            continue
        if not isinstance(part, _HARMLESS):
            return False
    return True


def is_long(sequence: Any) -> bool:
    """Whether a sequence has so many items, or an unknown number, that a loop is made of them."""
    return isinstance(sequence.count, Dim) or sequence.count > LONGEST_UNROLLED_COMPREHENSION


LONGEST_UNROLLED_COMPREHENSION = 8


def _unrolled_comprehension(frame: Frame, node: Any, source: Any, why: Bail | str = _FEW) -> Any:
    found = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), source, why)
    items = _all_of(found)
    return frame.trace.fresh(frame.trace.new_list(items))


def _set_comprehension(frame: Frame, node: ast.SetComp) -> Any:
    return frame.trace.fresh(
        set(
            _all_of(
                _comprehension(frame, node, lambda inner: as_key(inner, inner.evaluate(node.elt)))
            )
        )
    )


def _dict_comprehension(frame: Frame, node: ast.DictComp) -> Any:
    def pair(inner: Frame) -> tuple[Any, Any]:
        return as_key(inner, inner.evaluate(node.key)), inner.evaluate(node.value)

    return frame.trace.fresh(dict(_all_of(_comprehension(frame, node, pair))))


_FIRST = "<first>"


def _generator(frame: Frame, node: ast.GeneratorExp, source: Any = None) -> Any:
    """A generator like the user's own: a loop may be run into it, else it stands still between items."""
    source = frame.evaluate(node.generators[0].iter) if source is None else source
    first = call(frame, iter, [source], {}, node)
    items = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), first)
    steps = _as_generator(items)
    if any(g.is_async for g in node.generators):
        return frame.trace.fresh(steps)
    targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    scope = ComprehensionScope(frame.scope, frozenset((*targets, _FIRST)))
    scope.locals[_FIRST] = first
    body = _nested_loops(node, ast.Expr(ast.Yield(node.elt)), ast.Name(_FIRST, ast.Load()))
    function = ast.FunctionDef("<genexpr>", _NO_ARGUMENTS, [body], [])
    ast.copy_location(function, node)
    return TracedGenerator(frame.trace, steps, (Frame(frame.trace, scope, frame.name), function))


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _nested_loops(node: Any, body: ast.stmt, first: ast.expr) -> ast.For:
    """The loops of a comprehension, the outermost over ``first``, with ``body`` in the innermost."""
    for g in reversed(node.generators):
        for condition in reversed(g.ifs):
            body = ast.If(condition, [body], [])
        body = ast.For(g.target, first if g is node.generators[0] else g.iter, [body], [])
    for part in ast.walk(body):
        if isinstance(part, (ast.expr, ast.stmt)) and not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    assert isinstance(body, ast.For)
    return body


EXPRESSIONS.update(
    {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _boolean,
        ast.Compare: _compare,
        ast.IfExp: _conditional,
        ast.Tuple: _tuple,
        ast.List: _list,
        ast.Set: _set,
        ast.Dict: _dict,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Slice: _slice,
        ast.Call: _call,
        ast.Lambda: _lambda,
        ast.NamedExpr: _walrus,
        ast.JoinedStr: _formatted,
        ast.ListComp: _list_comprehension,
        ast.SetComp: _set_comprehension,
        ast.DictComp: _dict_comprehension,
        ast.GeneratorExp: _generator,
    }
)
