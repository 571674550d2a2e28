"""``copy.copy`` and ``copy.deepcopy`` of what captured code works with.

    old = copy.deepcopy(state)       containers and objects made anew, around copies of their arrays

The parts of an object from outside are read as its attributes are: anew at every call.  Objects whose
class says itself how it is copied are copied so; what has more to it than attributes is Python's affair.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from types import FunctionType, GeneratorType, ModuleType, SimpleNamespace
from typing import Any

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.access import load_attribute, load_item
from autodiff.capture.calls import SPECIAL, call, iterate
from autodiff.capture.findings import Input
from autodiff.capture.functions import Closure, own_method
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.lists import TracedList, is_stored
from autodiff.capture.paths import Guard, Path
from autodiff.capture.pools import copy_of
from autodiff.capture.regions import cells_of
from autodiff.capture.sourcecode import syntax_of
from autodiff.capture.trace import Declined
from autodiff.dims import Dim
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Cell, Tracer
from autodiff.signals import run_users

_ATOMS = (bool, int, float, complex, str, bytes, type(None), Dim)
_HELD = (type, FunctionType, ModuleType, Closure)
MOST_ARRAYS = 32  # of the arguments in one copy, each of which is compared with each at every call
_HEAP_TYPE = 1 << 9  # of classes that Python code defines
_HOOKS = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__", "__getnewargs_ex__", "__getnewargs__")  # fmt: skip


def shallow(frame: Frame, x: Any) -> Any:
    """``copy.copy(x)``."""
    if choices.is_choice(x) and not hasattr(choices.class_of(x), "__copy__"):
        return _copy_of_member(frame, x, lambda part: part)
    node = frame.scope.syntax.node
    method = own_method(frame, x, "__copy__")
    if method is not None:
        return call(frame, method, [x], {}, node)
    if isinstance(x, Tracer):
        return x.__copy__()
    if isinstance(x, (*_ATOMS, *_HELD)) or type(x) is tuple:
        return x
    _refuse_running(x, copy.copy)
    if id(x) in frame.trace.seeded:
        return frame.trace.seed(copy.copy(x))
    _refuse_drawn(frame, x)
    made = _like(frame, x, lambda part: part)
    return call_library(frame, copy.copy, [x], {}, node) if made is None else made


def _copy_of_member(frame: Frame, x: Any, new: Callable[[Any], Any]) -> Any:
    """An object that holds what one does that is an item of a list."""
    table, cls = choices.table_of_member(x), choices.class_of(x)
    if table is None or not choices.is_copied_plainly(cls):
        choices.refuse(x)
        raise AssertionError("that refuses")
    table = {name: new(part) for name, part in table.items()}
    if cls is dict:
        return frame.trace.fresh(table)
    made = frame.trace.fresh(containers.new_instance(cls))
    containers.set_attributes(made, table)
    return made


def _refuse_drawn(frame: Frame, x: Any) -> None:
    """A copy of a random generator that each call makes is as that is then."""
    if id(x) in frame.trace.reached:
        raise Declined("a copy of a random generator that each call makes")


def deep(frame: Frame, x: Any, *memo: Any) -> Any:
    """``copy.deepcopy(x)``."""
    if memo:
        return call_library(frame, copy.deepcopy, [x, *memo], {}, frame.scope.syntax.node)
    if choices.is_choice(x) and not hasattr(choices.class_of(x), "__deepcopy__"):
        return _copy_of_member(frame, x, lambda part: _deep(frame, part, {}, {}))
    given = frame.trace.taken_apart
    if any(id(part) in given for part in containers.walk(x, is_stored) if part is not x):
        # What is one container in the arguments is one in the copy.
        frame.trace.guard_no_repeats("a deep copy")
    return _deep(frame, x, {}, _given_twice(frame, x))


def _refuse_running(x: Any, copies: Callable[[Any], Any]) -> None:
    """Raise what Python does where code that stands still is to be copied."""
    if isinstance(x, TracedGenerator):
        if x.kind is GeneratorType:
            run_users(copies, (c for c in ""))
        raise Declined(f"a copy of a {x.kind.__name__}")  # which shares with it what it takes from


def _given_twice(frame: Frame, x: Any) -> dict[Cell, Cell]:
    """Of arrays of the arguments that are one object: that of the first for each of the others.

    Each array among the arguments is an input of its own, though two may be one.  Derivatives are by each place.
    """
    if frame.trace.derivative:
        return {}
    arrays = [part for part in containers.walk(x, is_stored) if is_array(part)]
    cells = {cell: None for part in arrays for cell in cells_of(part)}
    inputs = [r for r in frame.trace.inputs if r.cell in cells and r.form == "array"]
    first: dict[int, Input] = {}
    twins = {}
    for record in inputs if len(inputs) > 1 else ():
        one = first.setdefault(id(record.example), record)
        if one is record:
            for other in list(first.values())[:-1]:
                frame.trace.guards.append(Guard(other.path, "apart", record.path))
        else:
            frame.trace.guards.append(Guard(one.path, "alias", record.path))
            twins[record.cell] = one.cell
    if len(first) > MOST_ARRAYS:
        raise Declined("a deep copy of so many arrays")
    return twins


def _deep(frame: Frame, x: Any, known: dict[Any, tuple[Any, Any]], twins: dict[Cell, Cell]) -> Any:
    node = frame.scope.syntax.node
    if isinstance(x, (*_ATOMS, *_HELD)):
        return x
    if id(x) in frame.trace.seeded:
        return frame.trace.seed(copy.deepcopy(x))
    _refuse_drawn(frame, x)
    # Several objects may stand for one array.
    key = (twins.get(x.cell, x.cell), x.path) if is_array(x) else id(x)
    if key in known:
        return known[key][1]

    def note(copied: Any) -> Any:
        known[key] = (x, copied)
        return copied

    _refuse_running(x, copy.deepcopy)
    method = own_method(frame, x, "__deepcopy__")
    if method is not None:
        return note(call(frame, method, [x, {}], {}, node))
    if isinstance(x, Tracer):
        return note(x.__deepcopy__({}))
    copied = copy_of(x, known)
    if copied is not None:
        return note(frame.trace.fresh(copied))
    if containers.is_plain_tuple(x):
        before = list(iterate(frame, x))
        items = [_deep(frame, part, known, twins) for part in before]
        if type(x) is tuple and all(a is b for a, b in zip(items, before, strict=True)):
            return x
        new: Any = type(x).__new__
        if isinstance(new, FunctionType) and syntax_of(new) is not None:
            # As Python does, which converts the items a second time.
            return note(call(frame, new, [type(x), *items], {}, node))
        return note(containers.tuple_of(type(x), items))
    made = _like(frame, x, lambda part: _deep(frame, part, known, twins), note)
    return note(call_library(frame, copy.deepcopy, [x], {}, node)) if made is None else made


def _like(
    frame: Frame, x: Any, part: Callable[[Any], Any], note: Callable[[Any], Any] = lambda made: made
) -> Any:
    """A list, dict or object with the ``part`` of each of its parts; None of anything else."""
    trace, node = frame.trace, frame.scope.syntax.node
    if isinstance(x, TracedList) and x.is_stored():
        return note(trace.fresh(x.copy()))
    if type(x) is list or isinstance(x, TracedList):
        items = note(trace.fresh(trace.new_list()))
        for item in list(iterate(frame, x)):
            list.append(items, part(item))
        return items
    if type(x) is dict:
        trace.refuse_changed(x)
        table = note(trace.fresh({}))
        for key in list(x):
            table[key] = part(load_item(frame, x, key, node))
        return table
    if not _is_plain(x):
        return None
    trace.refuse_changed(x)
    path = trace.paths.get(id(x))
    if path is not None:
        at = Path(f"_names_in({path.text})", (*path.roots, ("_names_in", _names_in)))
        trace.guards.append(Guard(at, "equal", _names_in(x)))
    cls = type(x)
    obj = note(trace.fresh(containers.new_instance(cls)))
    for name in list(vars(x)):
        vars(obj)[name] = part(load_attribute(frame, x, name, node))
    return obj


def _names_in(x: Any) -> tuple[str, ...]:
    return tuple(vars(x))


def _is_plain(x: Any) -> bool:
    """Whether an object is its attributes, and Python would copy it as these."""
    cls = type(x)
    if type(containers.found_plainly(x, "__dict__")) is not dict:
        return False
    if cls is SimpleNamespace:
        return True
    if not all(c is object or c.__flags__ & _HEAP_TYPE for c in cls.__mro__):
        return False
    if any(vars(c).get("__slots__") for c in cls.__mro__):
        return False
    if any(isinstance(vars(c).get(n), property) for c in cls.__mro__ for n in vars(x)):
        return False
    return all(
        inspect.getattr_static(cls, hook, None) is inspect.getattr_static(object, hook, None)
        for hook in _HOOKS
    )


FUNCTIONS: dict[Any, Callable[..., Any]] = {copy.copy: shallow, copy.deepcopy: deep}

SPECIAL.update(FUNCTIONS)

__all__ = ["FUNCTIONS"]
