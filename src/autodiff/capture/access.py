"""Attributes and items: ``obj.name`` and ``obj[index]``."""

from __future__ import annotations

import ast
import functools
import inspect
import operator
from collections import defaultdict
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from autodiff import containers, labelled
from autodiff.capture import choices, dataframes, members
from autodiff.capture.assignment import store_item, store_past_setter
from autodiff.capture.calls import call, run_known, want_columns
from autodiff.capture.functions import Closure, descriptor, guard_property, own_method
from autodiff.capture.gathered import whole_of
from autodiff.capture.inputs import is_library
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import TracedList
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Guard, Path
from autodiff.capture.state import MISSING
from autodiff.capture.trace import Declined
from autodiff.dims import Dim
from autodiff.ladder import Bail, NotStaged
from autodiff.later import later
from autodiff.ops import dispatch, methods
from autodiff.ops.dispatch import extent_of
from autodiff.ops.indexing import position
from autodiff.ops.known import require_hashable
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer, as_tracer, is_traced
from autodiff.signals import door, refuse_ours, run_users

if TYPE_CHECKING:
    from autodiff.capture import seeds, staging, words
    from autodiff.ops import number_methods
else:
    words = later("autodiff.capture.words")
    seeds = later("autodiff.capture.seeds")
    staging = later("autodiff.capture.staging")
    number_methods = later("autodiff.ops.number_methods")


def as_key(frame: Frame, x: Any) -> Any:
    """``x`` to be looked up by its hash, which a list of the user's has none of."""
    frame.trace.guard_hashed(x)
    return _hashed(x)


@door
def _hashed(x: Any) -> Any:
    require_hashable(x)
    hash(x)
    return x


def attribute(frame: Frame, node: ast.Attribute) -> Any:
    """``obj.name``."""
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
    if isinstance(obj, HoldsTracers):
        if obj.is_keyed:
            return obj.attribute(name)  # type: ignore[attr-defined]
        obj.refuse_unknown(name)
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
    if not isinstance(obj, (type, ModuleType, super)):
        getter = own_method(frame, obj, "__getattribute__")
        if getter is not None and not is_library(getter):
            return _load_by_getter(frame, obj, name, getter, node)
    return load_past_getter(frame, obj, name, node)


def _load_by_getter(frame: Frame, obj: Any, name: str, getter: Any, node: ast.AST) -> Any:
    """``obj.name`` of an object whose class has a ``__getattribute__``."""
    try:
        return call(frame, getter, [obj, name], {}, node)
    except AttributeError as error:
        refuse_ours(error)
        fallback = own_method(frame, obj, "__getattr__")
        if fallback is None:
            raise
    return call(frame, fallback, [obj, name], {}, node)


def _method_of(frame: Frame, obj: Any, name: str, method: MethodType, static: Any) -> Any:
    """A function bound to an object that is guarded itself; which function it is may change."""
    path, function = frame.trace.paths.get(id(obj)), cast("FunctionType", method.__func__)
    stored = method.__self__ is not obj and not isinstance(obj, super)
    if stored and not isinstance(method.__self__, type):
        at = path or _path_of_class(obj, name, static)
        return method if at is None else frame.trace.lift(method, at.attribute(name))
    if path is None:
        _guard_bound(frame, obj, name, function)
    else:
        at = path.attribute(name).attribute("__func__")
        frame.trace.guards.append(Guard(at, "is", function))
    return method


def load_past_getter(frame: Frame, obj: Any, name: str, node: ast.AST) -> Any:
    """``object.__getattribute__(obj, name)``, and what a ``__getattr__`` gives where that has nothing."""
    if isinstance(obj, Closure) and name not in _OF_FUNCTIONS and name not in vars(obj):
        return _attribute_of_function(frame, name, node)
    changed = _changed_attribute(frame, obj, name)
    if changed is not MISSING:
        return changed
    static = inspect.getattr_static(type(obj), name, None)
    _refuse_state(frame, obj, name, callable(static), node)
    if labelled.is_foreign(obj) and obj is not static and not callable(static):
        path = frame.trace.paths.get(id(obj))
        if path is not None:  # read as it is, and again at every call
            return frame.trace.lift(run_users(getattr, obj, name), path.attribute(name))
    if isinstance(static, property) and isinstance(static.fget, (FunctionType, Closure)):
        guard_property(frame.trace, type(obj), name, static.fget, static)
        return call(frame, static.fget, [obj], {}, node)
    if isinstance(static, functools.cached_property) and not frame.trace.is_external(obj):
        if name not in _own(obj):
            guard_property(frame.trace, type(obj), name, static.func, static)
            value = call(frame, static.func, [obj], {}, node)
            store_past_setter(frame, obj, name, value, node)
            return value
    reader = getattr(type(static), "__get__", None)
    if (
        isinstance(reader, FunctionType)
        and not is_library(reader)
        and not isinstance(obj, (type, ModuleType, super))
        and (hasattr(type(static), "__set__") or name not in _own(obj))
    ):
        found = descriptor(frame.trace, obj, name, static)
        return call(frame, reader, [found, obj, type(obj)], {}, node)
    if static is None and not isinstance(obj, (type, ModuleType)) and name not in _own(obj):
        getter = own_method(frame, obj, "__getattr__")
        if getter is None:
            frame.trace.guard_presence(obj, name, found=False)
        else:
            path = frame.trace.paths.get(id(obj))
            if path is not None:  # to see whether it is there would ask for it
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
        return _method_of(frame, obj, name, value, static)
    bound = type(value).__name__ in ("builtin_function_or_method", "method-wrapper", "method")
    if bound and name not in _own(obj) and not isinstance(static, BuiltinFunctionType):
        return value  # a method of the object, not a function that was stored there
    if path is None:
        path = _path_of_class(obj, name, static)
    return value if path is None else frame.trace.lift(value, path.attribute(name))


def _refuse_state(frame: Frame, obj: Any, name: str, is_method: bool, node: ast.AST) -> None:
    """Decline what a generator shows of its state: it advances when the program runs, not before."""
    trace = frame.trace
    if id(obj) in trace.reached and not is_method:
        raise Declined("the state of a random generator that each call makes", frame.source(node))
    if name in _OF_SOURCES and trace.tier.holds_back and id(obj) in trace.paths:
        if seeds.is_seed(obj):
            raise Declined("the state of a random generator", frame.source(node))


_OF_SOURCES = ("state", "n_children_spawned")
_OF_FUNCTIONS = ("__name__", "__qualname__", "__doc__", "__dict__", "__call__", "__get__", "__eq__")


def _attribute_of_function(frame: Frame, name: str, node: ast.AST) -> Any:
    """What a function that captured code made has beside its names."""
    if not methods.has(FunctionType, name):
        raise AttributeError(f"'function' object has no attribute {name!r}", name=name)
    raise Declined(f"{name} of a function that is made here", frame.source(node))


def _attribute_of_choice(frame: Frame, obj: Any, name: str, node: ast.AST) -> Any:
    """``z.name`` of an object known by its number: its methods and properties are given what stands for it."""
    pool, number = choices.group_and_index(obj)
    is_read = pool.cls is dict and name in _READS and members.member(obj) is not None
    if is_read or (choices.is_known(obj) and issubclass(pool.cls, (list, dict))):
        return choices.Method(obj, name)
    static = inspect.getattr_static(pool.cls, name, None)
    if isinstance(static, property) and isinstance(static.fget, (FunctionType, Closure)):
        guard_property(frame.trace, pool.cls, name, static.fget, static)
        return call(frame, static.fget, [obj], {}, node)
    if isinstance(static, FunctionType) and pool.lacks(name):
        frame.trace.guard_class(pool.cls, name, static)
        return MethodType(static, obj)
    if not choices.is_known(obj):
        return pool.attribute(frame, number, name, static, node, load_attribute)
    return staging.on_each(frame, obj, lambda x: load_attribute(frame, x, name, node), node)


def call_of_choice(
    frame: Frame, method: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``z.append(x)`` of a list or dict that a branch chose."""

    def called(x: Any) -> Any:
        return call(frame, load_attribute(frame, x, method.name, node), args, kwargs, node)

    owner = choices.as_dict(method.owner)
    return staging.on_each(frame, owner, called, node)


_READS = ("copy", "get", "keys")  # methods of dicts for which one of the same entries does


# What tracers have for themselves.
_OF_TRACERS = frozenset(("__array_priority__", "__doc__", "__init__", "__module__", "__new__"))


def _attribute_of_array(frame: Frame, obj: Tracer, name: str, node: ast.AST) -> Any:
    """``x.name`` of what is traced: only what the object has in plain Python."""
    plain, given = obj.python_type, frame.trace.class_given(obj)
    if name == "__class__":
        return given
    if given is not plain and getattr(given, name, None) is not getattr(plain, name, None):
        raise Declined(f"{given.__name__}.{name}, of a class of numbers", frame.source(node))
    if not methods.has(plain, name):
        owner = plain.__name__ if plain.__module__ == "builtins" else f"numpy.{plain.__name__}"
        raise AttributeError(f"{owner!r} object has no attribute {name!r}", name=name)
    if obj.form != "array":
        method = number_methods.bound(obj, name)
        if method is not None:
            return method
    missing = object()
    if getattr(Tracer, name, None) is getattr(object, name, missing):
        raise Declined(f"{plain.__name__}.{name}, which is not supported", frame.source(node))
    if name in _OF_TRACERS:
        return getattr(np.empty(0) if plain is np.ndarray else plain(), name)
    if name == "base":
        _refuse_base(frame, obj, node)
    try:
        return _as_numbers(run_users(getattr, obj, name))
    except AttributeError as error:
        refuse_ours(error)
        raise methods.unknown(obj, name) from None


def _refuse_base(frame: Frame, array: Tracer, node: ast.AST) -> None:
    """Decline where an array from outside is, or may be, a view of another one; a program knows its own.

    What is followed of SciPy asks to save memory: the values are the same.
    """
    if str(frame.scope.globals.get("__name__")).startswith("scipy."):
        return
    for record in frame.trace.inputs:
        if record.cell is not array.cell:
            continue
        if not isinstance(record.example, np.ndarray) or record.example.base is not None:
            raise Declined("the base of an array from outside", frame.source(node))
        frame.trace.guards.append(Guard(record.path.attribute("base"), "is", None))


def _own(obj: Any) -> Any:
    # That of super(A, cls) is what a class above says of the attribute __dict__.
    return () if isinstance(obj, super) else containers.found_plainly(obj, "__dict__", ())


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
    if found is not MISSING or name in _own(obj):
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
    if name in _own(obj):
        return None
    return Path.root(type(obj), "t")


def subscript(frame: Frame, node: ast.Subscript) -> Any:
    """``container[index]``."""
    container = frame.evaluate(node.value)
    index = frame.evaluate(node.slice)
    frame.at(node)
    return load_item(frame, container, index, node)


def _item_of_range(sequence: range, index: Tracer) -> Any:
    """The number at a position that only the run knows."""
    try:
        at = position(extent_of(index), len(sequence), 0)
    except IndexError:
        raise IndexError("range object index out of range") from None
    return as_tracer(at * sequence.step + sequence.start)


def _made_for_key(
    frame: Frame, container: dict[Any, Any], key: Any, asked: Any, node: ast.AST
) -> Any:
    """What a dict makes for a key that it does not have; the user's method gets what was asked for."""
    missing, path = (
        own_method(frame, container, "__missing__"),
        frame.trace.paths.get(id(container)),
    )
    if missing is not None:
        return call(frame, missing, [container, asked], {}, node)
    if not isinstance(container, defaultdict) or container.default_factory is None:
        return MISSING
    made = call(frame, container.default_factory, [], {}, node)
    store_item(frame, container, key, made, node)
    if path is None or frame.trace.tier.holds_back:
        return made
    # Where each call is traced, what is stored outside is plain.
    return frame.trace.lift(container[key], path.item(key))


def _item_of_member(x: Any, key: Any) -> Any:
    """``x[key]`` of a dict that is a member."""
    found = members.member(x)
    assert found is not None
    pool, number = found
    if not issubclass(pool.cls, dict) or type(key) not in (str, int):
        raise members.MemberNeeded("an item of an object that is an item of a list")
    if not pool.holds(key):
        raise KeyError(key)
    return pool.load(key, number)


def load_item(frame: Frame, container: Any, index: Any, node: ast.AST) -> Any:
    """``container[index]``."""
    index = asked = frame.trace.as_index(index) if frame.trace.whole else index
    if members.member(container) is not None:
        return run_users(_item_of_member, container, index)
    if choices.is_choice(container) and issubclass(choices.class_of(container), (list, dict)):
        return staging.on_each(frame, container, lambda x: load_item(frame, x, index, node), node)
    if (taken := _item_by_number(frame, container, index, node)) is not MISSING:
        return taken
    if labelled.is_foreign(container) or isinstance(container, labelled.StandIn):
        container = dataframes.in_place_of(frame.trace, container)
        if dataframes.is_its_own(frame.trace, container):
            return run_users(operator.getitem, container, index)
    if isinstance(container, Tracer):
        index = frame.trace.deep(index)
        try:
            return run_known(frame.trace, operator.getitem, container, index)
        except Bail as failure:
            return frame.trace.rerun(failure, operator.getitem, (container, index), {})
    if container is np.r_ or container is np.c_:
        items = index if isinstance(index, tuple) else (index,)
        return dispatch.functions[container](items) if is_traced(items) else container[index]
    if isinstance(container, TracedList):
        if not container.is_stored() and isinstance(index, Tracer):
            if container.is_here() or not container.can_store():
                index = _as_index(index)
        return run_known(frame.trace, operator.getitem, container, index)
    whole = _whole_for(frame.trace, container, index)
    if whole is not None:
        return run_known(frame.trace, operator.getitem, whole, index)
    if isinstance(index, (Tracer, tuple)):
        want_columns(frame, container, index)
    if isinstance(index, Tracer):
        taken = _item_at_traced(frame, container, index, node)
        if taken is not MISSING:
            return taken
        index = _as_index(index)
    if labelled.is_foreign(container) and _is_label(index):
        path = frame.trace.paths.get(id(container))
        if path is not None:
            return frame.trace.lift(run_users(operator.getitem, container, index), path.item(index))
    asked_of = _method_for_items(frame, container, node)
    if asked_of is not None:
        return call(frame, asked_of[0], [*asked_of[1:], index], {}, node)
    path = frame.trace.paths.get(id(container))
    if path is not None and frame.trace.state.changes(container):
        changed = _changed_item(frame, container, index)
        if changed is not MISSING:
            return changed
    if isinstance(container, dict) and as_key(frame, index) not in container:
        made = _made_for_key(frame, container, index, asked, node)
        if made is not MISSING:
            return made
    value = run_known(frame.trace, operator.getitem, container, index)
    # A view of an array is another object at each call; its content is guarded with that of the whole.
    if path is None or isinstance(container, (type, np.ndarray)):
        return frame.trace.original(value)
    if isinstance(index, slice):
        return frame.trace.original(frame.trace.deep(container)[index])
    return frame.trace.lift(value, path.item(index))


def _whole_for(trace: Any, container: Any, index: Any) -> Any:
    """What stands for a list from outside of which a part is read, or an item at a place that only the run knows."""
    if isinstance(index, slice):
        return whole_of(trace, container)
    return whole_of(trace, container, 1) if isinstance(index, Tracer) else None


def _item_by_number(frame: Frame, container: Any, index: Any, node: ast.AST) -> Any:
    """An item of a dict in columns, by a string that is known by its number, or such a string of a list of some."""
    trace = frame.trace
    if isinstance(container, HoldsTracers) and container.is_keyed:
        return container.load(index)  # type: ignore[attr-defined]
    if choices.is_word(index):
        want_columns(frame, container, index)
        load = functools.partial(load_item, frame, container, node=node)
        stage = functools.partial(staging.stage_choice, frame, node=node)
        return words.item_of(trace, container, index, load, stage)
    if isinstance(index, Tracer) and isinstance(container, (list, tuple, str)):
        if words.are_asked(trace, container, index):
            names = words.lifted(trace, container)
            return words.word_at(trace, names, index, type_of(container).__name__)
    return MISSING


def _item_at_traced(frame: Frame, container: Any, index: Tracer, node: ast.AST) -> Any:
    """``container[index]`` where nobody has to know the index; ``MISSING`` where somebody has."""
    asked_of = _method_for_items(frame, container, node)
    if asked_of is not None:
        return call(frame, asked_of[0], [*asked_of[1:], index], {}, node)
    if isinstance(container, np.ndarray):
        return _item_of_array(frame.trace, container, index)
    if isinstance(container, range) and index.dtype.kind in "iu" and not index.shape:
        return _item_of_range(container, index)
    return MISSING


def _method_for_items(frame: Frame, container: Any, node: ast.AST) -> tuple[Any, ...] | None:
    """The user's method that gives an item of an object or of a class, and what it is called with before the key."""
    method = own_method(frame, container, "__getitem__")
    if method is not None:
        return method, container
    if isinstance(container, type) and not is_library(container):
        static = inspect.getattr_static(container, "__class_getitem__", None)
        if isinstance(static, classmethod) and isinstance(static.__func__, (FunctionType, Closure)):
            return (load_attribute(frame, container, "__class_getitem__", node),)
    return None


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
    if isinstance(index, slice) or not hashable(index) or state.is_appended(container):
        frame.trace.refuse_changed(container, "an item")
    if type(container) is list and -len(container) <= index < 0:
        index += len(container)
    return state.load(container, index)


def hashable(key: Any) -> bool:
    """Whether ``key`` has a hash."""
    return isinstance(key, (int, str, float, tuple, bool, type(None)))


def _is_label(index: Any) -> bool:
    """Whether an index is made of names and numbers, whose text says it all."""
    if isinstance(index, (list, tuple)):
        return all(_is_label(item) for item in index)
    return type(index) in (str, int, bool)


def _as_index(index: Tracer) -> Any:
    concrete = index._concrete()
    return concrete


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
