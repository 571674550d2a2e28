"""Python's own functions as captured code calls them, on traced values, lists and objects.

    isinstance(x, float)      answered for what ``x`` is in plain Python
    len(xs)                   of a list that a loop builds: a number the program computes
    range(n)                  lazy, so that a loop over it can be rolled
    sum(f(x) for x in xs)     addition by addition; of a list in a store: one reduction

Functions of numbers alone, ``round`` or ``math.sin``, are in :mod:`autodiff.ops.python_builtins`.
"""

from __future__ import annotations

import ast
import bisect
import collections
import dataclasses
import inspect
import math
import operator
from collections.abc import Callable
from types import FunctionType, MethodWrapperType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import choices, library_in_python
from autodiff.capture.access import load_attribute, load_item, load_past_getter
from autodiff.capture.assignment import (
    delete_attribute,
    delete_item,
    store_attribute,
    store_item,
    store_past_setter,
)
from autodiff.capture.calls import SPECIAL, SPECIAL_TYPES, call, is_asked, iterate
from autodiff.capture.functions import Closure, own_method, run_text
from autodiff.capture.given import TracedTuple, converted
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.lists import TracedList
from autodiff.capture.operators import (
    BINARY,
    COMPARE,
    IN_PLACE,
    apply_binary,
    by_own_methods,
    class_of,
    is_same,
    own_truth,
    refuse_answer,
)
from autodiff.capture.origins import is_library, type_of
from autodiff.capture.paths import found_without_getattr
from autodiff.capture.records import Typed
from autodiff.capture.sequences import lazy_range, lazy_sequence
from autodiff.capture.slots import Slot, fit
from autodiff.capture.statements import apply_in_place
from autodiff.capture.text import DeferredText
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, bounds
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.ops import dispatch, methods, smooth, structural
from autodiff.ops.builder import emit
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.complex_numbers import joined as joined_parts
from autodiff.ops.control import emit_check
from autodiff.ops.either import VARIES, Either, Kind, choose
from autodiff.ops.known import require_types
from autodiff.ops.promotion import result_dtype, weak_kind
from autodiff.ops.python_numbers import number
from autodiff.ops.tracer import Form, HoldsTracers, Tracer, as_tracer, is_traced, whole_of
from autodiff.signals import refuse_ours, run_users

if TYPE_CHECKING:
    from autodiff.capture import comprehensions, construction
else:
    construction = later("autodiff.capture.construction")
    comprehensions = later("autodiff.capture.comprehensions")


def _isinstance(frame: Frame, obj: Any, kinds: Any) -> bool:
    if isinstance(obj, DeferredText):
        return issubclass(str, kinds)
    if not isinstance(obj, Tracer):
        own = type_of(obj)
        return isinstance(obj, kinds) if own is type(obj) else issubclass(own, kinds)
    return issubclass(_given_type(frame, obj), kinds)


def _given_type(frame: Frame, x: Any) -> Any:
    """The class that an object has in plain Python: int, of an int that is differentiated as a float."""
    if not isinstance(x, Tracer) or x.form != "python":
        return type_of(x)
    return int if frame.trace.is_whole(x) else frame.trace.class_given(x)


def _type(frame: Frame, obj: Any, *rest: Any) -> Any:
    if rest:
        raise Declined("a class made by type()")
    return _given_type(frame, obj)


def _len(frame: Frame, obj: Any) -> Any:
    if isinstance(obj, Tracer) and obj.shape and isinstance(obj.shape[0], Dim):
        return as_tracer(obj.shape[0])
    if isinstance(obj, Tracer):
        return len(obj)
    if isinstance(obj, HoldsTracers) and obj.is_keyed:
        return obj.length()  # type: ignore[attr-defined]
    if isinstance(obj, TracedList):
        length = obj.extent
        return as_tracer(length) if isinstance(length, Dim) else length
    method = own_method(frame, obj, "__len__")
    if method is not None:
        length = call(frame, method, [obj], {}, frame.scope.syntax.node)
        refuse_answer("__len__", length)
        if isinstance(length, Tracer):
            return dispatch.builtin_functions[int](length)
        return operator.index(length)
    frame.trace.refuse_changed(obj, "the length")
    return len(obj)


def _bool(frame: Frame, *args: Any) -> Any:
    """``bool(x)``, as a condition asks for it."""
    value = own_truth(frame, args[0]) if len(args) == 1 else None
    if not isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)):
        given = args if len(args) != 1 else (value,)
        return call_library(frame, bool, list(given), {}, frame.scope.syntax.node)
    frame.trace.refuse_changed(value, "the truth")
    return run_users(bool, value)


def _hasattr(frame: Frame, obj: Any, name: str) -> bool:
    if isinstance(obj, Tracer):
        return methods.has(obj.python_type, name)
    if isinstance(obj, HoldsTracers):
        obj.refuse_unknown(name)
        return True
    if isinstance(obj, Closure):
        return name in vars(obj) or methods.has(FunctionType, name)
    if frame.trace.state.changes(obj) or _is_computed(frame, obj, name):
        return _getattr(frame, obj, name, _MISSING) is not _MISSING
    found = hasattr(obj, name)
    frame.trace.guard_presence(obj, name, found)
    return found


def _getattr(frame: Frame, obj: Any, name: str, *default: Any) -> Any:
    is_asked_once = frame.trace.state.changes(obj) or _is_computed(frame, obj, name)
    if default and not is_asked_once and not _hasattr(frame, obj, name):
        return default[0]
    try:
        return load_attribute(frame, obj, name, frame.scope.syntax.node)
    except AttributeError as error:
        if not default or not is_asked_once:
            raise
        refuse_ours(error)
        return default[0]


_MISSING = object()


def _is_computed(frame: Frame, obj: Any, name: str) -> bool:
    """Whether code of the user's runs when an attribute is asked for: a property, ``__getattr__``."""
    if isinstance(obj, (type, ModuleType)) or choices.is_choice(obj):
        return False
    static = inspect.getattr_static(type(obj), name, None)
    if isinstance(
        getattr(static, "fget", None) or getattr(type(static), "__get__", None), FunctionType
    ):
        return True
    getters = [own_method(frame, obj, "__getattribute__")]
    if static is None and not found_without_getattr(obj, name):
        getters.append(own_method(frame, obj, "__getattr__"))
    return any(getter is not None and not is_library(getter) for getter in getters)


def _setattr(frame: Frame, obj: Any, name: str, value: Any) -> None:
    store_attribute(frame, obj, name, value, frame.scope.syntax.node)


def _getattr_plainly(frame: Frame, obj: Any, name: str) -> Any:
    """``object.__getattribute__``, which asks no ``__getattr__``."""
    node = frame.scope.syntax.node
    if obj is None or isinstance(obj, (type, Tracer, *_NUMBERS)):
        return call_library(frame, object.__getattribute__, [obj, name], {}, node)
    if own_method(frame, obj, "__getattr__") is not None:
        run_users(object.__getattribute__, obj, name)
    return load_past_getter(frame, obj, name, node)


_NUMBERS = (int, float, complex, str, bytes, np.generic)


def _setattr_plainly(frame: Frame, obj: Any, name: str, value: Any) -> None:
    node = frame.scope.syntax.node
    if isinstance(obj, (type, Tracer)):
        call_library(frame, object.__setattr__, [obj, name, value], {}, node)
        return
    store_past_setter(frame, obj, name, value, node)


def _new_plainly(frame: Frame, *args: Any, **kwargs: Any) -> Any:
    """``object.__new__(cls)``, which a ``__new__`` of the user's makes its object with."""
    return frame.trace.fresh(run_users(object.__new__, *args, **kwargs))


def _call_wrapper(frame: Frame, function: Any, args: Any, kwargs: Any, node: ast.AST) -> Any:
    """``super().__setattr__(name, value)`` and the like: methods of ``object`` bound to an object."""
    handler = _OF_OBJECT.get(function.__name__)
    if handler is None or function.__objclass__ is not object or kwargs:
        return call_library(frame, function, args, kwargs, node)
    return run_users(handler, frame, function.__self__, *args)


_OF_OBJECT: dict[str, Callable[..., Any]] = {
    "__getattribute__": _getattr_plainly,
    "__setattr__": _setattr_plainly,
}


def _delattr(frame: Frame, obj: Any, name: str) -> None:
    delete_attribute(frame, obj, name, frame.scope.syntax.node)


def _setitem(frame: Frame, container: Any, index: Any, value: Any) -> None:
    store_item(frame, container, index, value, frame.scope.syntax.node)


def _delitem(frame: Frame, container: Any, index: Any) -> None:
    delete_item(frame, container, index, frame.scope.syntax.node)


def _operator(apply: Callable[..., Any], function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """``operator.add``, ``operator.iadd`` and the like."""

    def run(frame: Frame, left: Any, right: Any) -> Any:
        return apply(frame, function, left, right, frame.scope.syntax.node)

    return run


def _callable(frame: Frame, obj: Any) -> bool:
    return not isinstance(obj, Tracer) and callable(obj)


def _dir(frame: Frame, *args: Any) -> Any:
    if not args:  # the names of a frame of the user's, which there is not
        raise Declined("the names in a function", frame.trace.builder.source)
    plain = type_of(args[0])
    if plain is not type(args[0]):  # what stands for an array, a number or a list
        return dir(np.empty(0) if plain is np.ndarray else plain())
    return call_library(frame, dir, list(args), {}, frame.scope.syntax.node)


def _abs(frame: Frame, obj: Any) -> Any:
    method = own_method(frame, obj, "__abs__")
    if method is not None:
        return call(frame, method, [obj], {}, frame.scope.syntax.node)
    return dispatch.builtin_functions[abs](obj) if isinstance(obj, Tracer) else abs(obj)


def _number(kind: Any, name: str) -> Callable[..., Any]:
    """``float(x)`` and ``int(x)``, with the user's ``__float__`` and ``__int__`` interpreted."""

    def run(frame: Frame, *args: Any, **kwargs: Any) -> Any:
        node = frame.scope.syntax.node
        method = own_method(frame, args[0], name) if len(args) == 1 and not kwargs else None
        if method is None:
            return construction.construct(frame, kind, list(args), kwargs, node)
        found = call(frame, method, [args[0]], {}, node)
        if not issubclass(type_of(found), kind):
            wrong = type_of(found).__name__
            owner = type(args[0]).__name__
            raise TypeError(f"{owner}.{name} returned non-{kind.__name__} (type {wrong})")
        return found

    return run


def _by_method(function: Any, name: str) -> Callable[..., Any]:
    """``round(x)`` or ``math.floor(x)``, with the method of the user's class interpreted."""

    def run(frame: Frame, *args: Any, **kwargs: Any) -> Any:
        node = frame.scope.syntax.node
        method = own_method(frame, args[0], name) if args and not kwargs else None
        if method is None:
            return call_library(frame, function, list(args), kwargs, node)
        return call(frame, method, list(args), {}, node)

    return run


def _place(function: Any, text: Callable[..., Any]) -> Callable[..., Any]:
    """``bisect.bisect(items, x, key=f)``."""

    def run(frame: Frame, *args: Any, key: Any = None, **kwargs: Any) -> Any:
        if key is None:
            return call_library(frame, function, list(args), kwargs, frame.scope.syntax.node)
        items, x, low, high = _searched(*args, **kwargs)
        if low < 0:
            raise ValueError("lo must be non-negative")
        high = _len(frame, items) if high is None else high
        return run_text(frame.trace, text, items, x, low, high, key)

    return run


def _searched(a: Any, x: Any, lo: Any = 0, hi: Any = None) -> tuple[Any, Any, Any, Any]:
    """What ``bisect`` is given, by its names."""
    return a, x, lo, hi


def _asarray(function: Any) -> Callable[..., Any]:
    """``np.asarray(x)``, with the user's ``__array__`` interpreted."""

    def run(frame: Frame, *args: Any, **kwargs: Any) -> Any:
        node = frame.scope.syntax.node
        method = own_method(frame, args[0], "__array__") if args else None
        if method is not None:
            args = (call(frame, method, [args[0]], {}, node), *args[1:])
        elif args and is_asked(frame, args[0]) and isinstance(args[0], (list, tuple)):
            args = (list(iterate(frame, args[0])), *args[1:])
        elif args and is_asked(frame, args[0]) and hasattr(type(args[0]), "__len__"):
            reason = f"{function.__name__} of a sequence of the user's own"
            frame.trace.tier.decline(reason, frame.source(node))
        return call_library(frame, function, list(args), kwargs, node)

    return run


def _range(frame: Frame, *arguments: Any) -> Any:
    arguments = frame.trace.as_index(arguments)
    if not frame.trace.tier.rolls or not any(isinstance(a, (Tracer, Dim)) for a in arguments):
        return run_users(range, *arguments)
    return lazy_range(*arguments)


def _list(frame: Frame, *sequence: Any) -> list[Any]:
    if sequence and type(sequence[0]) is TracedList:
        return frame.trace.fresh(sequence[0].copy())
    if sequence and isinstance(sequence[0], TracedTuple):
        made = converted(sequence[0], TracedList)
        if made is not None:
            return frame.trace.fresh(made)
    if sequence and _is_vector(frame, sequence[0]):
        return _of_vector(frame, sequence[0], sequence[0].dtype, "scalar")
    items = list(iterate(frame, sequence[0])) if sequence else []
    return frame.trace.fresh(frame.trace.new_list(items))


def _tolist(frame: Frame, x: Tracer) -> Any:
    if not _is_vector(frame, x):
        return run_users(methods.tolist, x)
    methods.require_integers(x)
    return _of_vector(frame, x, {"f": float, "b": bool}.get(x.dtype.kind, int), "python")


def _of_vector(frame: Frame, x: Tracer, dtype: Any, form: Form) -> list[Any]:
    made: Any = frame.trace.fresh(frame.trace.new_list())
    made.fill(x.astype(dtype), Slot(np.dtype(dtype), (), form))
    return made


def _is_vector(frame: Frame, x: Any) -> bool:
    """Whether the numbers of a list made of ``x`` are one array: of a long one."""
    if not frame.trace.tier.rolls or not isinstance(x, Tracer) or isinstance(x, ComplexTracer):
        return False
    lazy = lazy_sequence(frame, x) if len(x.shape) == 1 else None
    return lazy is not None and comprehensions.is_long(lazy)


def _tuple(frame: Frame, *sequence: Any) -> Any:
    if sequence and type_of(sequence[0]) is tuple:
        return sequence[0]
    if sequence and isinstance(sequence[0], TracedList) and isinstance(sequence[0].extent, Dim):
        made = converted(sequence[0], TracedTuple)
        if made is not None:
            return made
    return tuple(iterate(frame, sequence[0])) if sequence else ()


def _sum(frame: Frame, sequence: Any, start: Any = 0) -> Any:
    total = start
    whole = whole_of(sequence) if class_of(start) in _ADDED else None
    typed = sequence.typed() if isinstance(sequence, TracedList) else None
    if typed is not None and class_of(start) in _ADDED and _adds_in_wide(typed[0], start):
        added = total + _sum_of_typed(*typed)
        return _unless_empty(typed[1].shape[0], start, added)
    rows = isinstance(sequence, TracedList) and sequence.store is not None
    if whole is not None and rows and sequence.is_of_one_type:
        added = _added(total, sequence, whole)
        return _unless_empty(whole.shape[0], start, added)
    if type(sequence) is Tracer and sequence.form == "array" and sequence.shape:
        extent = sequence.shape[0]
        if (
            class_of(start) in _ADDED
            and isinstance(extent, int)
            and extent > _LONG
            and sequence.dtype.kind in "biuf"
        ):
            return _sum_in_order(start, sequence)
    return _sum_of_each(frame, iterate(frame, sequence), start)


def _sum_of_each(frame: Frame, items: Any, start: Any) -> Any:
    """The sum item by item; ``rounded``: additions of floats, of which what they round off is added by Python."""
    total, rounded = start, list[Any]()
    of_floats = structural.KEEPS_REST and class_of(start) in (int, float)
    for item in items:
        classes = class_of(total), class_of(item)
        if of_floats and classes[0] is float:
            if classes[1] not in (int, bool, float):  # from here on each addition is one of objects
                total, of_floats = _with_rest(total, rounded), False
            elif classes[1] is float or structural.KEEPS_REST_OF_INTS:
                rounded.append((total, item))
        elif classes[0] is not int:
            of_floats = False
        plain = classes[0] in _ADDED and classes[1] in _ADDED
        total = total + item if plain else _plus(frame, total, item)
    return _with_rest(total, rounded) if of_floats else total


def _with_rest(total: Any, rounded: list[Any]) -> Any:
    """A sum of floats with what its additions have rounded off, which of a single one is less than it has digits."""
    if len(rounded) < 2:
        return total
    rest: Any = 0.0
    for pair in rounded:
        more = smooth.rest_of_sum(rest, *[dispatch.cast(_wide(x), np.float64) for x in pair])
        for x in pair[:1] if structural.KEEPS_REST_OF_INTS else pair:
            if isinstance(x, Either):  # an int, or a float
                more = dispatch.functions[np.where](Tracer(x.is_narrow, "python"), rest, more)
        rest = more
    result = number(smooth.with_rest(_wide(total), rest), float)
    return Either(result, total.is_narrow, total.narrow) if isinstance(total, Either) else result


def _wide(x: Any) -> Tracer:
    return as_tracer(x.wide if isinstance(x, Either) else x)


# What items may start from that are added at once: no object of the user's, which sees each of them.
_ADDED = (int, float, complex, bool, np.ndarray, *np.sctypeDict.values())
# From here on the items of an array are one operation, which adds them in the same order.
_LONG = 64


def _sum_in_order(start: Any, x: Tracer) -> Any:
    head = dispatch.functions[np.asarray](start + x[0])
    rest = dispatch.cast(x[1:], head.dtype)
    whole = dispatch.functions[np.concatenate]([head[None], rest])
    return dispatch.functions[np.cumsum](whole, axis=0, dtype=head.dtype)[-1]


def _plus(frame: Frame, left: Any, right: Any) -> Any:
    return apply_binary(frame, operator.add, left, right, frame.scope.syntax.node)


def _divmod(frame: Frame, left: Any, right: Any) -> Any:
    result = by_own_methods(frame, divmod, left, right, frame.scope.syntax.node)
    if result is not NotImplemented:
        return result
    if is_traced([left, right]):
        return dispatch.builtin_functions[divmod](left, right)
    return run_users(divmod, left, right)


def _pow(frame: Frame, base: Any, exp: Any, mod: Any = None) -> Any:
    node = frame.scope.syntax.node
    method = None if mod is None else own_method(frame, base, "__pow__")
    if method is not None:
        return call(frame, method, [base, exp, mod], {}, node)
    if mod is None:
        result = by_own_methods(frame, operator.pow, base, exp, node)
        if result is not NotImplemented:
            return result
    return call_library(frame, pow, [base, exp] if mod is None else [base, exp, mod], {}, node)


def _unless_empty(extent: Any, start: Any, total: Any) -> Any:
    """The sum of so many items: that of none is what it starts with, an ``int`` perhaps."""
    low, high = bounds(extent)
    if high == 0:
        return start
    if low is not None and low > 0:
        return total
    is_empty = np.equal(as_tracer(extent), 0)
    result = choose(is_empty, start, total)
    if result is not NotImplemented:
        return result
    try:
        return start if bool(is_empty) else total
    except Bail:
        if not isinstance(total, Either) or not isinstance(is_empty, Tracer):
            raise
        result = choose(is_empty, start, total.wide)
        if result is NotImplemented:
            raise
    # An int, a float or NumPy's: of no number of the program. What one of each pass is sees no sum of floats alone.
    is_wide = np.logical_or(is_empty, np.logical_not(Tracer(total.is_narrow, "python")))
    emit_check(as_tracer(is_wide).value, "a sum of one of three types")
    return result


def _adds_in_wide(template: Typed, start: Any) -> bool:
    """Whether a sum of numbers of two types has the wide type where one of them has, and its digits throughout."""
    wide, narrow = template.types.slot, template.narrow
    if weak_kind(start) is None and result_dtype(start, wide.dtype) != wide.dtype:
        return False
    if narrow.dtype.kind == "b":
        return False
    if narrow.form != "python":
        if wide.form == "python" or np.result_type(wide.dtype, narrow.dtype) != wide.dtype:
            return False
    is_zero = narrow.constant is not VARIES and narrow.constant == 0
    return is_zero or (wide.dtype.itemsize, narrow.dtype.itemsize) == (8, 8)


def _sum_of_typed(template: Typed, values: Tracer, tags: Tracer) -> Either:
    """The sum of numbers of two types: of the narrow one where all of them are."""
    slot, narrow = template.types.slot, template.narrow
    summed = structural.sum_of_items(Tracer(values.value, "array"), slot.form == "python")
    total = fit(summed, slot)
    all_narrow = dispatch.functions[np.all](Tracer(tags.value, "array"))
    return Either(Tracer(total, slot.form), all_narrow.value, Kind(narrow.dtype, narrow.form))


def _sum_of_rows(sequence: TracedList, whole: Tracer) -> Any:
    """The sum of the items of a list in a store, as the type of item it has."""
    if isinstance(whole, ComplexTracer):
        parts = (structural.reduce_sum(Tracer(x.value, "array"), (0,)) for x in whole.parts)
        return joined_parts(next(parts), next(parts), sequence.item_form)
    assert sequence.store is not None
    form = sequence.store.slot.form
    if whole.dtype.kind == "b":
        whole = dispatch.cast(whole, np.int64)
    total = structural.sum_of_items(Tracer(whole.value, "array"), form == "python")
    if form == "python":
        return Tracer(emit("cast", (total.value,), dtype=total.dtype, weak=True), "python")
    return Tracer(total.value, form)


def _added(start: Any, sequence: TracedList, whole: Tracer) -> Any:
    """``start`` and the items of a list in a store, in this order where it makes a difference."""
    is_nothing = isinstance(start, int) and start == 0
    if not is_nothing and sequence.item_form != "python" and not isinstance(whole, ComplexTracer):
        dtype = result_dtype(start, whole) if weak_kind(start) is None else whole.dtype
        whole = dispatch.cast(whole, dtype)  # int8 from an int64 on
    kind = class_of(start)
    if is_nothing or kind not in (int, bool, float, np.float64) or whole.dtype != np.float64:
        return start + _sum_of_rows(sequence, whole)
    if isinstance(whole, ComplexTracer) or len(whole.shape) > 1:
        return start + _sum_of_rows(sequence, whole)
    start = start if isinstance(start, Tracer) else float(start)
    first = dispatch.cast(as_tracer(start), whole.dtype)[None]
    if kind is int:  # added to the first float as any two numbers are
        first, whole = first + whole[:1], whole[1:]
    whole = dispatch.functions[np.concatenate]([first, whole])
    if kind in (int, float):
        return _sum_of_rows(sequence, whole)
    total = structural.sum_of_items(Tracer(whole.value, "array"), of_floats=False)
    if kind is bool and sequence.item_form == "python":
        return number(total, float)
    return Tracer(total.value, "scalar")


def _is(frame: Frame, a: Any, b: Any) -> bool:
    return is_same(frame, a, b)


def _is_not(frame: Frame, a: Any, b: Any) -> bool:
    return not _is(frame, a, b)


def _vars(frame: Frame, *obj: Any) -> Any:
    if not obj:
        return call_library(frame, vars, [], {}, frame.scope.syntax.node)
    if isinstance(obj[0], (Tracer, *_NUMBERS)):
        require_types(vars, *obj)
    return _getattr(frame, obj[0], "__dict__")


def _making_a_class(make: Callable[..., Any]) -> Callable[..., Any]:
    """``namedtuple`` and ``make_dataclass``: the class is made by Python, as the user's."""

    def handler(frame: Frame, *args: Any, **kwargs: Any) -> Any:
        made: Any = make(*args, **kwargs)
        if made.__module__.split(".")[0] in ("autodiff", "types", "collections"):
            made.__module__ = frame.scope.globals.get("__name__")
        return made

    return handler


def _get_all(frame: Frame, getter: Any, args: Any, kwargs: Any, node: ast.AST) -> Any:
    """``operator.itemgetter(...)(obj)`` and ``operator.attrgetter(...)(obj)``."""
    obj = getter(*args, **kwargs) if len(args) != 1 or kwargs else args[0]  # raises Python's error
    found = []
    for key in getter.__reduce__()[1]:
        value = obj
        if isinstance(getter, operator.itemgetter):
            value = load_item(frame, obj, key, node)
        else:
            for name in key.split("."):
                value = load_attribute(frame, value, name, node)
        found.append(value)
    return found[0] if len(found) == 1 else tuple(found)


def _call_method(frame: Frame, function: Any, args: Any, kwargs: Any, node: ast.AST) -> Any:
    """``operator.methodcaller(name, ...)(obj)``."""
    how: Any = function.__reduce__()  # with keywords: a partial of the class
    words: list[Any] = list(getattr(how[0], "args", ())) + list(how[1])
    keywords: dict[str, Any] = dict(getattr(how[0], "keywords", {}))
    plain = (bool, int, str, type(None))
    given = [*words[1:], *keywords.values()]
    if frame.trace.is_external(function) and not all(isinstance(x, plain) for x in given):
        raise Declined("operator.methodcaller with arguments", frame.source(node))
    method = load_attribute(frame, args[0], words[0], node)
    return call(frame, method, words[1:], keywords, node)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    collections.namedtuple: _making_a_class(collections.namedtuple),
    dataclasses.make_dataclass: _making_a_class(dataclasses.make_dataclass),
    vars: _vars,
    operator.is_: _is,
    operator.is_not: _is_not,
    isinstance: _isinstance,
    abs: _abs,
    type: _type,
    len: _len,
    bool: _bool,
    hasattr: _hasattr,
    getattr: _getattr,
    setattr: _setattr,
    object.__getattribute__: _getattr_plainly,
    object.__setattr__: _setattr_plainly,
    object.__new__: _new_plainly,
    delattr: _delattr,
    operator.setitem: _setitem,
    operator.delitem: _delitem,
    **{
        function: _operator(apply_binary, function)
        for function in (*BINARY.values(), *COMPARE.values())
    },
    **{function: _operator(apply_in_place, function) for function in IN_PLACE.values()},
    operator.iconcat: _operator(apply_in_place, operator.iadd),
    callable: _callable,
    dir: _dir,
    range: _range,
    list: _list,
    methods.tolist: _tolist,
    tuple: _tuple,
    sum: _sum,
    divmod: _divmod,
    pow: _pow,
    float: _number(float, "__float__"),
    int: _number(int, "__int__"),
    complex: _number(complex, "__complex__"),
    round: _by_method(round, "__round__"),
    bisect.bisect_left: _place(bisect.bisect_left, library_in_python.place_left),
    bisect.bisect_right: _place(bisect.bisect_right, library_in_python.place_right),
    math.floor: _by_method(math.floor, "__floor__"),
    math.ceil: _by_method(math.ceil, "__ceil__"),
    math.trunc: _by_method(math.trunc, "__trunc__"),
    np.array: _asarray(np.array),
    np.asarray: _asarray(np.asarray),
}

SPECIAL.update(FUNCTIONS)
SPECIAL_TYPES.update(
    {
        operator.itemgetter: _get_all,
        operator.attrgetter: _get_all,
        operator.methodcaller: _call_method,
        MethodWrapperType: _call_wrapper,
    }
)
