"""Calls: what runs as it is, what is interpreted, what is an operation, what is declined.

In this order: functions that capture answers in its own way (:mod:`~autodiff.capture.python_builtins`
and others), the user's Python functions (interpreted, so that their globals, branches and loops
are seen: :mod:`~autodiff.capture.functions`), bound methods, classes
(:mod:`~autodiff.capture.construction`), callable objects, and library functions
(:mod:`~autodiff.capture.library`): by the tables of :mod:`autodiff.ops.dispatch`, at Python speed
without traced arguments, and the rest, random numbers, files, time and unknown C functions, with
care or declined, so that the call runs uncompiled rather than with a frozen value.
"""

from __future__ import annotations

import ast
import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, labelled
from autodiff.capture import choices, dataframes, library_in_python
from autodiff.capture.callbacks import Callback
from autodiff.capture.functions import Closure, call_function, own_method, run_text
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import Iterating
from autodiff.capture.library import call_library
from autodiff.capture.lists import TracedList
from autodiff.capture.members import member
from autodiff.capture.origins import is_impure, is_library, owner_of, type_of
from autodiff.capture.paths import Guard, Path, is_literal
from autodiff.capture.text import characters
from autodiff.capture.trace import Trace, is_iterator
from autodiff.capture.written import reads_numbers
from autodiff.later import enter_later, later
from autodiff.ops import dispatch
from autodiff.ops.either import eithers, on_both
from autodiff.ops.known import require_types, type_name
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer
from autodiff.signals import door, run_users
from autodiff.stack import with_room

if TYPE_CHECKING:
    from autodiff.capture import construction, gathered, verdicts
else:
    construction = later("autodiff.capture.construction")
    gathered = later("autodiff.capture.gathered")
    verdicts = later("autodiff.capture.verdicts")

# Functions that capture answers in its own way, ``handler(frame, *args)``, and objects that it calls in
# its own way, by their type: filled in by the modules that do so.
SPECIAL: dict[Any, Callable[..., Any]] = {}
SPECIAL_TYPES: dict[type, Callable[..., Any]] = {}
answer_later = functools.partial(enter_later, SPECIAL, through=run_users)

# The module of dicts that are kept in columns (``grouped``), which stands above this one.
columns: Any = None


def want_columns(frame: Frame, container: Any, key: Any, *value: Any) -> None:
    """Have a dict or set of the function's own that is looked up so in columns, if it can be: the function is captured again."""
    if isinstance(container, (dict, set)) and (
        isinstance(key, (Tracer, int, str, tuple)) or choices.is_word(key)
    ):
        columns.want(frame, container, key, *value)


def dict_made(frame: Frame, node: ast.expr, made: Any) -> Any:
    """A dict or set that a line has just made; in columns, where that was found to be needed."""
    trace, source = frame.trace, frame.source(node)
    trace.fresh(made)
    trace.made_at[id(made)] = made, source
    keys = trace.keys.get(source) if trace.keys else None
    return made if keys is None else columns.made(frame, made, keys, node)


def read_lists(function: Any, args: list[Any]) -> list[Any]:
    """The arguments of a call, with lists of dicts in columns as lists where they are only read."""
    return columns.read(function, args)


def dict_made_like(frame: Frame, node: ast.expr, source: Any) -> Any:
    """An empty dict in columns for what goes through another one; None where it is to be Python's own."""
    if not (isinstance(source, HoldsTracers) and source.is_keyed):
        return None
    return columns.made_like(frame, frame.source(node), source)


# What runs a loop over things of some kind in a way of its own, or gives None: generators (``pushing``).
AT_ONCE: list[Callable[[Frame, ast.For, Any], Any]] = []


def call(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call anything from captured code."""
    # What stores is done once: it cannot be tried with one type, and thrown away.
    inputs = function.nin if isinstance(function, np.ufunc) else len(args)
    stores = kwargs.get("out") is not None or len(args) > inputs
    if not stores and _is_pure(function) and eithers(args):
        return on_both(lambda *x: call(frame, function, list(x), kwargs, node), args)
    trace = frame.trace
    depth = trace.users_depth + trace.depth
    if trace.has_keyed and _hashable(function):
        args = read_lists(function, args)
    try:
        result = with_room(depth, _call, frame, function, args, kwargs, node)
    except Exception as error:
        if not trace.tried:
            raise
        failure = error
    else:
        if is_iterator(result) and not trace.was_made(result):
            trace.fresh(result)
        return result
    raise verdicts.restated(trace, failure, function, args, kwargs)


def run_known(trace: Trace, function: Callable[..., Any], /, *args: Any) -> Any:
    """Apply an operator to what may be traced; what it raises is as in plain Python."""
    try:
        return run_users(function, *args)
    except Exception as error:
        failure = error
    raise verdicts.restated(trace, failure, function, args, {})


def _call_method(
    frame: Frame, method: MethodType, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A function bound to an object."""
    function, owner = method.__func__, method.__self__
    if isinstance(function, Closure):
        return function(owner, *args, **kwargs)
    if isinstance(function, FunctionType) and not is_library(function):
        path = frame.trace.paths.get(id(method))
        if path is not None:
            owner = frame.trace.lift(owner, path.attribute("__self__"))
        return call_function(frame.trace, function, [owner, *args], kwargs)
    special = SPECIAL.get(function) if isinstance(owner, list) else None
    if special is not None:
        return run_users(special, frame, owner, *args, **kwargs)
    return call_library(frame, method, args, kwargs, node)


def _call(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    choices.refuse(function)
    frame.trace.calling = frame
    if frame.trace.written or frame.trace.has_text:
        args = _as_read(frame.trace, function, args, kwargs)
    if dataframes.answers(frame.trace, function, args, kwargs):
        args = [dataframes.in_place_of(frame.trace, x) for x in args]
        return run_users(function, *args, **kwargs)
    args = list(map(choices.as_dict, args)) if function is dict else args
    hashable = _hashable(function)
    if hashable and function in TAKES_ALL and _takes_all(function, args, kwargs):
        args = [_all_items(frame, function, args[0], node), *args[1:]]
    special = SPECIAL.get(function) if hashable else None
    if special is not None:
        args = _as_answered(function, args, kwargs)
        frame.trace.advancing((*args, *kwargs.values()))
        return run_users(special, frame, *args, **kwargs)
    if isinstance(function, (Closure, Callback)):
        return function(*args, **kwargs)
    if args and isinstance(args[0], TracedList) and getattr(function, "__objclass__", None) is list:
        return call(frame, getattr(args[0], function.__name__), args[1:], kwargs, node)
    nested = getattr(type(function), "__autodiff_inline__", None)
    if nested is not None:
        return nested(function, frame.trace, args, kwargs)
    if labelled.is_own(function) and labelled.holds(args, kwargs):
        return labelled.apply(function, args, kwargs)
    if isinstance(function, FunctionType) and "__autodiff_inline__" in function.__dict__:
        return function.__dict__["__autodiff_inline__"](frame.trace, args, kwargs)
    owner = _owner(frame, function, args)
    if isinstance(owner, (list, deque, set)) and getattr(function, "__name__", "") in _EXTENDING:
        args = [unpacked(frame, x) if is_asked(frame, x) else x for x in args]
    if isinstance(function, MethodType):
        return _call_method(frame, function, args, kwargs, node)
    if isinstance(function, functools.partial):
        inner, first, named = partial_parts(frame.trace, function)
        return call(frame, inner, [*first, *args], {**named, **kwargs}, node)
    if isinstance(function, FunctionType) and _is_single_dispatch(function):
        return call(frame, _implementation(frame.trace, function, args), args, kwargs, node)
    if isinstance(function, functools._lru_cache_wrapper) and _is_users(function.__wrapped__):
        return _call_cached(frame, function, args, kwargs, node)
    for kind, handler in SPECIAL_TYPES.items():
        if isinstance(function, kind):
            return handler(frame, function, args, kwargs, node)
    if args and isinstance(args[0], Iterating) and _is_statistic(function):
        args = [call(frame, list, [args[0]], {}, node), *args[1:]]
    if isinstance(function, FunctionType) and not is_library(function):
        if function in dispatch.functions:
            return call_library(frame, function, args, kwargs, node)
        return call_function(frame.trace, function, args, kwargs)
    if isinstance(function, type) and not is_impure(function):
        return construction.construct(frame, function, args, kwargs, node)
    method = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself
    if isinstance(method, FunctionType) and not is_library(method):
        frame.trace.guard_class(type(function), "__call__", method)
        return call_function(frame.trace, method, [function, *args], kwargs)
    if isinstance(method, Closure):
        return method(function, *args, **kwargs)
    return call_library(frame, function, args, kwargs, node)


def _owner(frame: Frame, function: Any, args: list[Any]) -> Any:
    """Whose method is called; a dict that it looks up, or changes, by a key that only the run knows may be in columns."""
    owner = owner_of(function)
    if args:
        want_columns(frame, owner, *args[:2])
    return owner


def _as_read(trace: Trace, function: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments of a call; refused if it reads numbers from text that shows derivatives."""
    if reads_numbers(function):
        args = characters(args)
        trace.refuse_read(function, (*args, *kwargs.values()))
    return args


# Methods that take the items of what they are given.
_EXTENDING = frozenset(("extend", "extendleft", "update"))
# What asks nothing of an object but its attributes and the methods that its class writes in Python.
TAKES_CHOICES: set[Any] = {getattr, setattr, abs, len, float, int}
# Functions that take all items of one argument: how it is made ready.
TAKES_ALL: dict[Any, Callable[[Frame, Any, ast.AST], Any]] = {}


def _as_answered(function: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments of what captured code answers itself; text that is chosen among others is refused."""
    if function is not isinstance and function is not type:
        for x in (*args, *kwargs.values()):
            if choices.is_word(x):
                choices.refuse(x)
    if function is getattr and len(args) == 2:
        return args
    return [_known_class(function, x) for x in args]


def _known_class(function: Any, x: Any) -> Any:
    """An argument of what captured code answers itself: any of the objects that a branch chose among has the class."""
    if not choices.is_choice(x) or function in TAKES_CHOICES:
        return x
    if function is not isinstance and function is not type:
        choices.refuse(x)
    if choices.is_word(x):
        return ""
    is_member = member(x) is not None
    return (
        containers.new_instance(choices.class_of(x)) if is_member else next(choices.objects_of(x))
    )


def _takes_all(function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a call takes all items of its first argument before it does anything else."""
    if function is sum or function is deque:
        return bool(args)
    return len(args) == 1 and (function is sorted or "key" not in kwargs)


def _all_items(frame: Frame, function: Any, items: Any, node: ast.AST) -> Any:
    """What a function takes all items of: a list of floats from outside as a whole."""
    whole = gathered.floats_of(frame.trace, items)
    return TAKES_ALL[function](frame, items, node) if whole is None else whole


def _is_statistic(function: Any) -> bool:
    """Whether a function is one of Python's ``statistics``, which take all items first."""
    return isinstance(function, FunctionType) and function.__module__ == "statistics"


def _is_users(function: Any) -> bool:
    return isinstance(function, FunctionType) and not is_library(function)


def _call_cached(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A function under ``functools.lru_cache``: what the cache holds, read at every call.

    Of values known only when the program runs it is the function itself that is interpreted: what
    it remembers makes no difference to a function that computes.
    """
    trace = frame.trace
    given = [*args, *kwargs.values()]
    for x in given:
        if isinstance(x, (list, dict, set)) or (isinstance(x, Tracer) and x.form == "array"):
            raise TypeError(f"unhashable type: '{type_name(x)}'")
    if any(isinstance(x, Tracer) and x.dtype.kind == "f" for x in given):
        return call(frame, trace.wrapped(function, "__wrapped__"), args, kwargs, node)
    args = [trace.untraced(x) for x in args]
    kwargs = {name: trace.untraced(x) for name, x in kwargs.items()}
    if not trace.tier.reusable or not all(map(is_literal, (*args, *kwargs.values()))):
        return call(frame, trace.wrapped(function, "__wrapped__"), args, kwargs, node)
    words = [*map(repr, args), *(f"{name}={x!r}" for name, x in kwargs.items())]
    root = Path.root(function, "cached")
    return trace.lift(
        function(*args, **kwargs), Path(f"{root.text}({', '.join(words)})", root.roots)
    )


# Functions of numbers that do nothing but compute, so that they may be tried on both types.
_PURE = frozenset((abs, round, pow, divmod, float, int, bool, isinstance))
# NumPy's, all but those that store into an argument or call one.
_IMPURE = frozenset(
    (
        *(np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask),
        *(np.apply_along_axis, np.apply_over_axes, np.fromfunction, np.piecewise),
    )
)


def _is_pure(function: Any) -> bool:
    if isinstance(function, np.ufunc) or getattr(function, "__module__", None) == "math":
        return True
    if not _hashable(function):
        return False
    return function in _PURE or (function in dispatch.functions and function not in _IMPURE)


def partial_parts(
    trace: Trace, function: functools.partial[Any]
) -> tuple[Any, list[Any], dict[str, Any]]:
    """What a partial calls, and what it puts before: read from where the partial was found."""
    path = trace.paths.get(id(function))
    if path is None:
        return function.func, list(function.args), dict(function.keywords)
    inner = trace.lift(function.func, path.attribute("func"))
    trace.guards.append(Guard(path.attribute("args"), "length", len(function.args)))
    first = [trace.lift(x, path.attribute("args").item(k)) for k, x in enumerate(function.args)]
    named = trace.lift(function.keywords, path.attribute("keywords"))
    at = path.attribute("keywords")
    return inner, first, {name: trace.lift(x, at.item(name)) for name, x in named.items()}


def _is_single_dispatch(function: FunctionType) -> bool:
    return function.__code__ is _SINGLE_DISPATCH


_SINGLE_DISPATCH: Any = getattr(functools.singledispatch(lambda x: x), "__code__")  # noqa: B009


def _implementation(trace: Trace, function: Any, args: list[Any]) -> Any:
    """The function that ``functools.singledispatch`` chooses, which may be another one later."""
    if not args:
        raise TypeError(f"{function.__name__} requires at least 1 positional argument")
    cls = type_of(args[0])
    chosen = function.dispatch(cls)
    root = Path.root(function, "f")
    held = Path.root(cls, "t")
    at = Path(f"{root.text}.dispatch({held.text})", (*root.roots, *held.roots))
    return trace.lift(chosen, at)


def _hashable(function: Any) -> bool:
    return isinstance(function, (type, BuiltinFunctionType, FunctionType, type(np.sum)))


@door
def _items(iterator: Iterator[Any]) -> Iterator[Any]:
    """What an iterator of the user's gives, whose exceptions are the user's."""
    # Not ``yield from``, which would end the iterator with a loop that breaks.
    for item in iterator:  # noqa: UP028
        yield item


def iterator_of(frame: Frame, made: Any) -> Any:
    """What an ``__iter__`` of the user's has made, as an iterator of ours where it has a ``__next__`` of the user's."""
    if isinstance(made, Iterating):
        return made
    if own_method(frame, made, "__next__") is not None:
        return run_text(frame.trace, library_in_python.of_iterator, made)
    if not hasattr(type(made), "__next__"):
        raise TypeError(f"iter() returned non-iterator of type '{type_name(made)}'")
    return made


def _from_outside(frame: Frame, iterator: Any) -> Iterator[Any]:
    """What an iterator gives that was there before the call: no more than is taken is gone afterwards."""
    while True:
        try:
            item = call_library(frame, next, [iterator], {}, frame.scope.syntax.node)
        except StopIteration:
            return
        yield item


def is_asked(frame: Frame, x: Any) -> bool:
    """Whether an object is gone through by methods of the user's, which are to be interpreted wherever that is done."""
    if isinstance(x, Tracer) or x is None or isinstance(x, (int, float, str)):
        return False
    names = ("__iter__", "__next__")
    methods = [own_method(frame, x, name) for name in names]
    if any(isinstance(m, Closure) or _is_users(m) for m in methods):
        return True
    return asked_for_items(frame, x)


def is_no_sequence(x: Any) -> bool:
    """Whether Python finds nothing in an object by which to go through it."""
    if isinstance(x, Tracer):
        return not x.shape
    if isinstance(x, (np.number, np.bool)):
        return True
    return not any(hasattr(type(x), name) for name in ("__iter__", "__getitem__"))


def ask_python(function: Callable[..., Any], x: Any) -> None:
    """Raise what Python raises of an object that is no sequence or mapping, of one of its type where it is traced."""
    if isinstance(x, (Tracer, StoredList)):
        require_types(door(function), x)
    else:
        door(function)(x)


def asks_length(frame: Frame, x: Any) -> None:
    """Python asks an object how many items there will be, where it makes room for them."""
    if isinstance(x, HoldsTracers) and x.is_keyed:
        return
    for name in ("__len__", "__length_hint__"):
        method = own_method(frame, x, name)
        if method is not None:
            call(frame, method, [x], {}, frame.scope.syntax.node)
            return


def unpacked(frame: Frame, x: Any) -> Any:
    """The items that ``*x`` puts into a list, and ``xs.extend(x)``."""
    items = iterate(frame, x)
    if not isinstance(x, (Tracer, Iterating, list, tuple, dict, set)):
        asks_length(frame, x)
    return items


def asked_for_items(frame: Frame, obj: Any) -> bool:
    """Whether a class without ``__iter__`` gives its items by a ``__getitem__`` of the user's."""
    if hasattr(type(obj), "__iter__"):
        return False
    method = own_method(frame, obj, "__getitem__")
    return isinstance(method, Closure) or _is_users(method)


def iterate(frame: Frame, obj: Any) -> Iterable[Any]:
    """What ``for x in obj`` goes through."""
    if isinstance(obj, Tracer):
        return iter(obj)
    if isinstance(obj, Iterating):
        return obj
    if isinstance(obj, HoldsTracers) and obj.is_keyed:
        return obj.through()  # type: ignore[attr-defined]
    frame.trace.advancing((obj,))
    path = frame.trace.paths.get(id(obj))
    frame.trace.refuse_changed(obj, "a loop over the items")
    if path is None and isinstance(obj, np.ndarray):
        # A row is a part of the array, which is none of the program: a store is to be seen there.
        numbers = obj.ndim == 1 and obj.dtype.kind in "fiub"
        return iter(Tracer.constant(obj)) if numbers else iter(obj)
    if path is None or id(obj) in frame.trace.instances:
        method = own_method(frame, obj, "__iter__")
        library = isinstance(method, FunctionType) and is_library(method)
        if method is not None and not library:
            made = call(frame, method, [obj], {}, frame.scope.syntax.node)
            return iterate(frame, iterator_of(frame, made))
        if method is None and asked_for_items(frame, obj):
            return run_text(frame.trace, library_in_python.of_sequence, obj)
        if path is None:
            items = run_users(iter, obj)
            if type(obj) not in (list, tuple, str, range):  # the others may end with an exception
                items = _items(items)
            if frame.trace.allowance.left is not None:
                items = frame.trace.allowance.counted(items)
            return map(frame.trace.original, items) if frame.trace.copies else items
    assert path is not None
    if isinstance(obj, (list, tuple, deque, np.void)):
        held: Any = obj
        return iter([frame.trace.lift(x, path.item(k)) for k, x in enumerate(held)])
    if isinstance(obj, (frozenset, str, range)):
        return iter(obj)
    if isinstance(obj, (dict, MappingProxyType, set)):
        return _items(iter(obj))
    frame.trace.tier.decline(f"iteration over {type(obj).__name__}")
    if is_iterator(obj):
        return _from_outside(frame, obj)
    return iter([frame.trace.lift(x, path.item(k)) for k, x in enumerate(obj)])
