"""Calls of library functions: by the tables of operations, at Python speed, or declined.

    np.sin(x)                x is traced: the entry of ``np.sin`` (:mod:`autodiff.ops.dispatch`)
    np.sin(0.5), math.gcd    nothing is traced: run now, and its arrays are constants
    sorted(xs, key=f)        f is the user's: a :class:`Callback` stands for it, which is interpreted
    np.random.normal()       see :mod:`autodiff.capture.effects`
    scipy.integrate.quad     on traced arguments: followed into its Python, else declined

Which functions are pure is said in :mod:`autodiff.capture.origins`.
"""

from __future__ import annotations

import ast
import bisect
import collections
import functools
import heapq
import importlib
import inspect
import math
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import (
    MappingProxyType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    NoneType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import labelled
from autodiff.capture import choices
from autodiff.capture.callbacks import (
    Callback,
    CalledOut,
    as_library_sees,
    call_unknown,
    callback,
    calls_functions,
    compares_items,
    in_python,
    is_callback,
    is_method_in_c,
)
from autodiff.capture.effects import call_impure, is_generator
from autodiff.capture.foreign import changes_itself, refuse_change
from autodiff.capture.functions import Closure, call_function, own_method
from autodiff.capture.interpreter import Frame
from autodiff.capture.members import member
from autodiff.capture.origins import (
    COMPARING,
    COMPARING_ITEMS,
    PURE_MODULES,
    is_impure,
    is_of_paths,
    is_own,
    module_of,
    module_of_class,
    name_of,
    owner_of,
    type_of,
    ufunc_method,
)
from autodiff.capture.paths import Guard
from autodiff.capture.text import characters
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import Dim
from autodiff.errors import DtypeError
from autodiff.ladder import Bail, NotStaged
from autodiff.later import later
from autodiff.ops import complex_numbers, dispatch, fatal, layout, methods
from autodiff.ops.builder import current_builder
from autodiff.ops.function_table import as_taken
from autodiff.ops.known import require_hashable, require_types
from autodiff.ops.tracer import StoredList, Tracer, is_traced
from autodiff.signals import refuse_ours, run_users

if TYPE_CHECKING:
    from autodiff.capture import hidden_draws, opaque, verdicts
    from autodiff.ops import complex_functions, marks, number_methods
    from autodiff.ops.numpy_functions import linear_algebra
else:
    complex_functions = later("autodiff.ops.complex_functions")
    marks = later("autodiff.ops.marks")
    number_methods = later("autodiff.ops.number_methods")
    linear_algebra = later("autodiff.ops.numpy_functions.linear_algebra")
    hidden_draws = later("autodiff.capture.hidden_draws")
    opaque = later("autodiff.capture.opaque")
    verdicts = later("autodiff.capture.verdicts")

# Methods that change the object they belong to, by built-in type.
MUTATORS = frozenset(
    "append extend insert pop remove clear sort reverse update setdefault popitem add discard "
    "appendleft extendleft popleft rotate __setitem__ __delitem__ __setattr__ __delattr__ __iadd__ __ior__ "
    "__imul__ __iand__ __isub__ __ixor__ intersection_update difference_update "
    "symmetric_difference_update move_to_end subtract".split()
)
# What ``Counter.update`` counts with, which stores into its first argument.
_count_elements: Any = getattr(collections, "_count_elements")  # noqa: B009 - no stub has it
# Those that take items out of what they are given, one by one.
EXTENDING = frozenset(
    "extend extendleft update __iadd__ __ior__ __iand__ __isub__ __ixor__ intersection_update "
    "difference_update symmetric_difference_update subtract".split()
)
# Functions that move items about in the list that is their first argument.
_CHANGE_FIRST = (
    heapq.heappush, heapq.heappop, heapq.heapify, heapq.heapreplace, heapq.heappushpop,
    bisect.insort_left, bisect.insort_right,
)  # fmt: skip
# These make new arrays also from plain arguments; as operations they need no stored constant.
_CREATION: frozenset[Any] = frozenset(
    (
        np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.arange, np.linspace,
        np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.array, np.asarray,
    )
)  # fmt: skip
# What takes some types of numbers and sequences, and not others.
_BY_TYPES = (pow, round, divmod, abs, max, min, math.prod)
_DESCRIPTORS = (MethodDescriptorType, WrapperDescriptorType)
_METHODS = (*_DESCRIPTORS, MethodWrapperType)
_ARRAY_TYPES = (np.ndarray, np.generic)


def call_library(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call a function, method or class of a library."""
    taker = owner_of(function)
    if isinstance(taker, StoredList) and any(member(x) is not None for x in args):
        if function.__name__ in ("append", "insert"):  # a list can have members of pools
            _announce_change(frame, taker, function.__name__, args, kwargs, node)
            run_users(function, *args, **kwargs)
            return None
    for x in (*args, *kwargs.values()):
        choices.refuse(x)
        if isinstance(x, (list, tuple, dict)):
            choices.refuse_words(frame.trace, x)
    if not kwargs and any(function is one for one in _BY_TYPES):
        if len(args) > 1 or function not in (max, min):
            require_types(function, *args)
    elif function is hash and len(args) == 1:
        require_hashable(args[0])
    elif args:
        _require_hashes(function, args)
    if isinstance(function, _DESCRIPTORS) and function.__name__ in MUTATORS and args:
        if function.__objclass__ not in _ARRAY_TYPES:  # ``list.append(xs, x)`` is ``xs.append(x)``
            owner, *args = args
            function = (
                getattr(owner, function.__name__)
                if isinstance(owner, StoredList)
                else function.__get__(owner)
            )
    owner = owner_of(function)
    if owner is math:
        args = [_as_float(frame, x) for x in args]
    args = frame.trace.allowance.before_call(function, args)
    if any(type(x) is deque for x in args) and lookup(function, True) is not None:
        # What computes of a deque computes of its items.
        args = [list(x) if type(x) is deque and is_traced(list(x)) else x for x in args]
    result = _call(frame, function, args, kwargs, node)
    if frame.trace.written and isinstance(owner, (str, bytes)):
        frame.trace.written.note_derived(owner, args, result)
    if isinstance(owner, (list, dict)) and not frame.trace.is_external(owner):
        frame.trace.original(owner)
    if type(owner) is dict and type(result) is dict and function.__name__ == "copy":
        frame.trace.fresh(result)
    return frame.trace.original(result)


def _as_float(frame: Frame, x: Any) -> Any:
    """An argument of a function of ``math``: of an object of the user's the number that its class makes of it."""
    method = None if isinstance(x, Tracer) else own_method(frame, x, "__float__")
    if method is None:
        return x
    is_closure = isinstance(method, Closure)
    found = method(x) if is_closure else call_function(frame.trace, method, [x], {})
    if not issubclass(type_of(found), float):
        wrong = type_of(found).__name__
        raise TypeError(f"{type(x).__name__}.__float__ returned non-float (type {wrong})")
    return found


# Methods of dicts and sets that look up what they are given, and those that do so with the items of it.
_BY_HASH = frozenset(
    "get pop setdefault add discard remove __getitem__ __contains__ __delitem__".split()
)
_BY_HASHES = frozenset(
    "update union intersection difference symmetric_difference isdisjoint issubset issuperset "
    "intersection_update difference_update symmetric_difference_update fromkeys".split()
)


def _require_hashes(function: Any, args: list[Any]) -> None:
    """Python's TypeError where a list, or the like, is to be found by its hash."""
    owner, name = owner_of(function), getattr(function, "__name__", "")
    is_set = isinstance(owner, (set, frozenset))
    if (is_set or isinstance(owner, dict)) and name in _BY_HASH:
        require_hashable(args[0])
    makes = function is set or function is frozenset
    if makes or (name in _BY_HASHES and (is_set or owner is dict)):
        for given in args[: None if is_set else 1]:
            for x in given if isinstance(given, (list, tuple)) else ():
                require_hashable(x)


# Of SciPy's packages that are in use: what captures their solvers and interpolators.
_CAPTURING = (
    (("scipy.optimize", "scipy.integrate", "scipy.sparse.linalg"), "autodiff.capture.solvers"),
    (("scipy.interpolate",), "autodiff.capture.interpolators"),
    (("scipy.sparse",), "autodiff.capture.sparse_tables"),
)


def _attempts() -> Iterator[Callable[..., Any]]:
    """What may know a call whole; each gives NotImplemented for one that it does not."""
    yield _make_text
    for packages, module in _CAPTURING:
        if any(package in sys.modules for package in packages):
            yield importlib.import_module(module).attempt


def _call(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    trace = frame.trace
    owner = owner_of(function)
    if isinstance(owner, ModuleType):  # ``operator.add`` is no method that changes a set
        owner = None
    trace.advancing((owner, *args, *kwargs.values()))
    for attempt in _attempts():
        found = attempt(frame, function, args, kwargs, node)
        if found is not NotImplemented:
            return found
    path = trace.paths.get(id(function))
    if path is not None and owner is not None and not isinstance(owner, type):
        owner = trace.lift(
            owner, path.attribute("__self__")
        )  # a method that was kept: ``dot = A.dot``
        if isinstance(owner, Tracer):
            function = getattr(owner, function.__name__)
    calls_back = trace.tier.reusable and calls_functions(function)
    if calls_back:
        if not compares_items(function):  # which compares objects, callable or not
            args = [callback(frame, a, node) for a in args]
        kwargs = {k: callback(frame, v, node) for k, v in kwargs.items()}
    found = _change(frame, function, owner, args, kwargs, node)
    if found is not NotImplemented:
        return found
    if type(owner) is dict and function.__name__ == "get" and trace.state.changes(owner):
        return _get(frame, owner, *args)
    _refuse_changed(trace, function, [owner, *args, *kwargs.values()])
    args = [trace.deep(a) for a in args]
    kwargs = {k: trace.deep(v) for k, v in kwargs.items()}
    if owner is not None and trace.is_external(owner):
        if isinstance(owner, (list, dict, tuple, MappingProxyType)):
            function = getattr(trace.deep(owner), function.__name__)
    if getattr(function, "__name__", "") in COMPARING_ITEMS:
        with trace.comparing_items():
            return _call_with_all_lifted(frame, function, owner, args, kwargs, node)
    return _call_with_all_lifted(frame, function, owner, args, kwargs, node)


def _make_text(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """The text that a method of a string makes, or a class of its objects; else NotImplemented."""
    from autodiff.capture.formatting import string_method, text_by_class, text_of

    owner = owner_of(function)
    if isinstance(owner, StoredList) and function.__name__ in ("__repr__", "__str__"):
        return text_of(frame, owner, "r")
    if isinstance(owner, str) or getattr(function, "__objclass__", None) is str:
        text, *given = [owner, *args] if isinstance(owner, str) else args or [""]
        made = string_method(frame, text, function.__name__, given, kwargs)
        if made is not NotImplemented:
            return made
    if getattr(function, "__name__", "") in ("__repr__", "__str__") and not kwargs:
        given = [owner] if isinstance(function, MethodWrapperType) and not args else args
        base = getattr(function, "__objclass__", None)
        if len(given) == 1 and isinstance(base, type) and not isinstance(given[0], Tracer):
            return text_by_class(frame, base, function.__name__, given[0])
    return NotImplemented


def _change(
    frame: Frame, function: Any, owner: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """The result of what changes an object from outside; of anything else NotImplemented."""
    trace = frame.trace
    if any(function is f for f in _CHANGE_FIRST) and args:
        trace.tier.decline(f"{name_of(function)}, which changes a list", frame.source(node))
        items = [trace.outside(args[0], x) for x in args[1:]]
        return run_users(function, args[0], *items, **kwargs)
    if function is _count_elements and args:  # of ``Counter.update``
        trace.changing(args[0], frame.source(node))
        trace.guard_hashed(args[1:])
    if owner is None or getattr(function, "__name__", "") not in MUTATORS:
        return NotImplemented
    _announce_change(frame, owner, function.__name__, args, kwargs, node)
    if not trace.is_external(owner):
        return NotImplemented
    trace.effects = True
    if function.__name__ in EXTENDING:
        trace.storing_into(owner)
        return run_users(function, *args, **kwargs)
    found = run_users(
        function, *[trace.plain(a) for a in args], **{k: trace.plain(v) for k, v in kwargs.items()}
    )
    if function.__name__ == "setdefault" and isinstance(owner, dict):
        key = trace.untraced(args[0])
        return trace.lift(found, trace.paths[id(owner)].item(key))
    return found


def _call_with_all_lifted(
    frame: Frame, function: Any, owner: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    trace = frame.trace
    if labelled.holds(args, kwargs) and not is_own(function):
        return labelled.apply(function, args, kwargs)
    traced = is_traced(args) or is_traced(list(kwargs.values())) or _holds_traced(args, kwargs)
    traced = traced or opaque.holds_traced([owner, *args, *kwargs.values()])
    compares = COMPARING.get(getattr(function, "__name__", ""))
    if isinstance(owner, list) and compares is not None and not kwargs.get("key"):
        if any(own_method(frame, x, compares) is not None for x in (*args, *list.__iter__(owner))):
            opaque.refuse_unseen(frame, (*args, owner), node)
        trace.guard_hashed((*args, *list.__iter__(owner)))  # equal where they are one
    known = _operation(function, owner, args, kwargs, traced)
    if known is not None:
        if id(owner) in trace.instances:  # what is read of it is not seen
            trace.guards.append(Guard(trace.paths[id(owner)], "is", owner))
        if trace.has_text and not is_own(function):
            args, kwargs = characters(args), characters(kwargs)
        if current_builder().raising is not None:
            linear_algebra.note_call(function, args, kwargs)
        if not traced and not isinstance(owner, Tracer):
            refuse_change(frame, function, args, kwargs, node)
        if kwargs:
            _refuse_misspelt(function, known, kwargs)
        if traced and _is_odd(function, args, kwargs):
            is_asked = getattr(function, "__name__", "") in _ASKED
            verdicts.refuse_odd(trace, function, args, kwargs, is_asked)
        given, named = as_taken(function, known, args, kwargs)
        try:
            return run_users(known, *given, **named)
        except DtypeError:
            if traced or function not in _CREATION:
                raise
            # What NumPy makes is left as it is, and refused or converted where it is used.
        except Bail as failure:
            if isinstance(owner, Tracer):
                function = getattr(trace.concrete(owner), function.__name__)
            return trace.rerun(failure, function, args, kwargs)
    if is_impure(function):
        return call_impure(frame, function, args, kwargs, node)
    if trace.has_text:
        args, kwargs = characters(args), characters(kwargs)
    if not traced:
        return _call_untraced(frame, function, args, kwargs, node)
    return call_unknown(frame, function, args, kwargs, node)


def _refuse_misspelt(function: Any, known: Any, kwargs: dict[str, Any]) -> None:
    """Raise where an implementation takes any option, and the library's own function has no such one."""
    code = getattr(known, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
        return
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    others = [name for name in kwargs if name not in named]
    if not others:
        return
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of a function in C
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in others:
        if name not in parameters:
            text = f"{function.__name__}() got an unexpected keyword argument {name!r}"
            raise TypeError(text)


# What NumPy's functions are usually given by these names, and the words that there are.
_NUMBER = (Tracer, int, float, complex, Dim, np.ndarray, np.generic)
_NO_VALUE = type(np._NoValue)
_OPTIONS: dict[str, tuple[type, ...]] = {
    "axis": (int, tuple, NoneType, Dim),
    "keepdims": (bool, _NO_VALUE),
    "subok": (bool,),
    "copy": (bool, NoneType),
    "out": (Tracer, tuple, NoneType),
    "dtype": (type, np.dtype, str, NoneType),
    "initial": (*_NUMBER, NoneType, _NO_VALUE),
    "casting": (),
    "order": (NoneType,),
}
_WORDS: dict[str, frozenset[str]] = {
    "casting": frozenset(("no", "equiv", "safe", "same_kind", "unsafe")),
    "order": frozenset("CFAK"),
}
# What they are seldom given by position, or by another name.
_SELDOM = (dict, set, frozenset, range, slice, bytes, np.datetime64, np.timedelta64)
# Functions of NumPy's Python that use what they are given in ways that their own code alone tells.
_ASKED = frozenset(
    "apply_over_axes can_cast common_type cond dirichlet dsplit fftshift histogram2d histogramdd hsplit "
    "ifftshift matrix_rank nanpercentile nanquantile permutation polyder put_along_axis rollaxis "
    "split take_along_axis unstack vsplit".split()
)


def _is_odd(function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether NumPy may refuse what a function of its is given for what it is alone.

    What is usual passes without being looked at further.
    """
    ufunc = function if isinstance(function, np.ufunc) else owner_of(function)
    is_ufunc = isinstance(ufunc, np.ufunc)
    odd = any(isinstance(x, _SELDOM) and not isinstance(x, Tracer) for x in args)
    odd = odd or any(_is_odd_option(name, x) for name, x in kwargs.items())
    odd = odd or getattr(function, "__name__", "") in _ASKED
    if is_ufunc:
        return odd or (bool(ufunc.signature) and "where" in kwargs)
    return odd and (module_of(function).startswith("numpy") or bool(methods.name_of(function)))


def _is_odd_option(name: str, x: Any) -> bool:
    usual = _OPTIONS.get(name)
    if usual is None:
        return isinstance(x, _SELDOM) and not isinstance(x, Tracer)
    if isinstance(x, list):
        return True
    if isinstance(x, Tracer):
        is_number = x.form != "array"
        return Tracer not in usual or is_number == (name == "out")
    if type(x) is str and name in _WORDS:
        return x not in _WORDS[name]
    return not isinstance(x, usual) or (type(x) is bool and name == "axis")


def _operation(
    function: Any, owner: Any, args: list[Any], kwargs: dict[str, Any], traced: bool
) -> Any:
    """What computes a function of traced values; None where no table knows it."""
    known = _on_complex(function, owner, args, kwargs, traced) or lookup(function, traced)
    makes = function is np.asarray or function is np.array
    if not traced and makes and any(map(changes_itself, args[:1])):
        known = None  # the array that it gives may have the memory of what it is given
    if traced and isinstance(owner, np.ufunc) and dispatch.is_known_ufunc(owner):
        known = functools.partial(ufunc_method, owner, function.__name__)
    if traced and known is None and dispatch.is_known_ufunc(function):
        # Not through NumPy, which would make numbers of what it finds in a list.
        known = functools.partial(_apply_ufunc, function)
    if isinstance(owner, Tracer) or dispatch.is_known_ufunc(function) or is_own(function):
        known = known or function
    if traced and known is not None:
        _refuse_long_doubles(function, args, kwargs)
    return known


def _refuse_long_doubles(function: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Leave SciPy's functions of long doubles to SciPy: most compute with other numbers."""
    of_scipy = str(getattr(function, "__module__", "")).startswith("scipy.")
    if isinstance(function, np.ufunc):
        of_scipy = getattr(np, function.__name__, None) is not function
    if of_scipy and any(map(_is_long_double, (*args, *kwargs.values()))):
        source = current_builder().source
        raise NotStaged(f"scipy's {function.__name__} of long doubles, which it converts", source)


def _is_long_double(x: Any) -> bool:
    if isinstance(x, (list, tuple)) and not isinstance(x, Tracer):
        return any(map(_is_long_double, list(x)))
    if isinstance(x, complex_numbers.ComplexTracer):
        return x.part_dtype.itemsize > 8
    return isinstance(x, (Tracer, np.ndarray, np.generic)) and x.dtype.char in "gG"


def _apply_ufunc(ufunc: np.ufunc, *args: Any, **kwargs: Any) -> Any:
    if ufunc.nin <= len(args) <= ufunc.nargs:
        outs = args[ufunc.nin :]
        if outs and "out" not in kwargs:
            kwargs["out"] = (*outs, *(None,) * (ufunc.nargs - len(args)))
            if ufunc in (np.maximum, np.minimum):
                marks.note_third()
        return dispatch.apply_ufunc(ufunc, "__call__", args[: ufunc.nin], kwargs)
    return ufunc(*args, **kwargs)  # NumPy says what is wrong


def _announce_change(
    frame: Frame, owner: Any, method: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> None:
    """A method is about to change what it belongs to."""
    trace, source = frame.trace, frame.source(node)
    if method == "__setattr__" and args:
        trace.changing(owner, source, args[0])
        return
    if type(owner) is dict and not trace.is_external(owner):
        if method == "setdefault" and args and not is_traced(args[:1]) and args[0] in owner:
            return
        if method == "update" and all(type(given) is dict for given in args):
            trace.changing_entries(
                owner, [*(key for given in args for key in given), *kwargs], source
            )
            return
    trace.changing(owner, source)


def _get(frame: Frame, table: dict[Any, Any], key: Any, default: Any = None) -> Any:
    """``table.get(key)`` of a dict that the function changes."""
    from autodiff.capture.access import load_item

    try:
        return load_item(frame, table, key, frame.scope.syntax.node)
    except KeyError as error:
        refuse_ours(error)
        return default


def _refuse_changed(trace: Trace, function: Any, objects: Sequence[Any]) -> None:
    """A library function would see an object as it was before the function changed it."""
    if trace.state.places or trace.state.appended:
        for obj in objects:
            trace.refuse_changed(obj, name_of(function))


def lookup(function: Any, traced: bool) -> Callable[..., Any] | None:
    """The implementation of a NumPy function or a builtin on tracers."""
    try:
        if isinstance(function, _METHODS):
            cls = function.__objclass__
            found = number_methods.find(function) if traced else None
            if found is not None:
                return found
            of_array = cls in _ARRAY_TYPES or (traced and number_methods.is_of_numbers(cls))
            if of_array and not isinstance(function, MethodWrapperType):
                # np.ndarray.sum(x), with an array that may be traced
                return functools.partial(_method_of, function)
        if traced:
            if isinstance(function, np.ufunc) and function in dispatch.functions:
                return functools.partial(_apply_ufunc, function)
            found = dispatch.functions.get(function)
            if found is not None:
                return layout.remembering(function, found)
            found = dispatch.builtin_functions.get(function)
            if found is None and isinstance(function, MethodType):
                found = dispatch.functions.get(function.__func__)
                return None if found is None else functools.partial(found, function.__self__)
            if found is None and is_method_in_c(function):
                owner = function.__self__
                found = dispatch.functions.get(getattr(type(owner), function.__name__, None))
                return None if found is None else functools.partial(found, owner)
            if found is None and isinstance(function, type):  # made by what a class above says
                made = dispatch.functions.get(getattr(function, "__init__"))  # noqa: B009 - of a class
                return None if made is None else functools.partial(made, function)
            return found
        return dispatch.functions.get(function) if function in _CREATION else None
    except TypeError:  # unhashable
        return None


def _method_of(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.ndarray.sum(x)``: a method of a class, of an object of that class."""
    if not isinstance(x, Tracer):
        return function(x, *args, **kwargs)
    if not issubclass(x.python_type, function.__objclass__):
        require_types(function, x)
    return getattr(x, function.__name__)(*args, **kwargs)


_SHAPED = (np.zeros, np.ones, np.empty)  # whose second argument is a dtype


def _on_complex(
    function: Any, owner: Any, args: list[Any], kwargs: dict[str, Any], traced: bool
) -> Callable[..., Any] | None:
    """What computes a function of NumPy, SciPy or Python where complex numbers are traced or made."""
    if not traced:
        # Arrays that the function makes are constants of the program, as real ones are.
        try:
            if function not in _CREATION:
                return None
        except TypeError:  # unhashable
            return None
    named = len(args) > 1 and type(args[1]) is str and function in _SHAPED
    named = named and args[1] in complex_numbers.CHARACTERS
    if not named and not complex_numbers.concerns(args, kwargs):
        return None
    if isinstance(owner, np.ufunc):
        return lambda *inputs, **options: complex_numbers.apply_ufunc(
            owner, function.__name__, inputs, options
        )
    if isinstance(owner, Tracer) or is_own(function):
        return None
    if type(function) is MethodDescriptorType and issubclass(np.ndarray, function.__objclass__):
        return functools.partial(_method_of, function)
    if isinstance(function, np.ufunc) or complex_functions.find(function) is not None:
        return lambda *inputs, **options: complex_functions.apply(function, inputs, options)
    fatal.refuse(function, args, kwargs)
    if lookup(function, True) is not None:  # which knows real arrays alone
        raise complex_numbers.decline(name_of(function))
    return None


def _holds_traced(args: list[Any], kwargs: dict[str, Any]) -> bool:
    return any(
        isinstance(a, dict) and is_traced(list(a.values())) for a in (*args, *kwargs.values())
    )


def _call_untraced(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A library function of values that are no inputs: run it now, at Python speed."""
    root = module_of(function).split(".")[0]
    owner = owner_of(function)
    if owner is not None and not isinstance(owner, (type(sys), type)):
        # A method: it may change what it belongs to.
        root = module_of_class(function, owner).split(".")[0]
    # ``operator.index`` and other functions in C call their module ``_operator``.
    pure = root.lstrip("_") in PURE_MODULES and not any(
        hasattr(type(a), "__next__") and frame.trace.is_external(a) for a in (owner, *args)
    )
    if not (pure or is_of_paths(function)):
        reason = f"{name_of(function)}, which may depend on more than its arguments"
        frame.trace.tier.decline(reason, frame.source(node))
    if frame.trace.tier.reusable and not _keeps_only(function, args, kwargs):
        # A method of a list or dict hands its items on.
        looks = not isinstance(owner, (list, tuple, dict, MappingProxyType, set, deque))
        seen = [*args, *kwargs.values(), *([owner] if looks else [])]
        if frame.trace.reads_instance(seen):
            known = lookup(function, True) if root == "scipy" else None
            if known is not None:  # of a matrix that is read at every call
                return run_users(known, *args, **kwargs)
            python = in_python(function)
            if python is None and opaque.is_sparse(owner):
                python, args = in_python(function.__func__), [owner, *args]
            if python is not None:
                return call_function(frame.trace, python, args, kwargs)
            reason = f"{name_of(function)} of an object from outside of the function"
            raise Declined(reason, frame.source(node))
    given = [x for x in (*args, *kwargs.values()) if is_generator(x)]
    draws = any(id(x) not in frame.trace.seeded for x in given) and root in ("scipy", "statistics")
    calls = root == "scipy" and any(map(is_callback, (*args, *kwargs.values())))
    python = in_python(function) if draws and not calls else None
    if python is not None:
        return call_function(frame.trace, python, args, kwargs)
    if draws or hidden_draws.draws_anew(function, args, kwargs):
        reason = f"{name_of(function)} (it must run at every call)"
        frame.trace.tier.decline(reason, frame.source(node))
    if calls:
        caller = CalledOut(function)
        args = [as_library_sees(frame, a, node) for a in args]
        kwargs = {k: as_library_sees(frame, v, node) for k, v in kwargs.items()}
        with hidden_draws.without_draws(frame, function, node):
            return opaque.lift_result(
                caller.call(frame.trace, lambda: opaque.run_native(function, args, kwargs))
            )
    refuse_change(frame, function, args, kwargs, node)
    with hidden_draws.without_draws(frame, function, node):
        result = opaque.lift_result(opaque.run_native(function, args, kwargs))
    # Out of a dict, or by way of Python's own functions, comes one that was there before.
    made = root in ("numpy", "scipy", "statistics") and not frame.trace.is_external(result)
    if made and is_generator(result) and not any(result is x for x in (*args, *kwargs.values())):
        return hidden_draws.note_seeded(frame, result)
    return result


def _keeps_only(function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a library function hands objects on without looking into them."""
    if any(isinstance(a, (Callback, Closure)) for a in (*args, *kwargs.values())):
        return True  # what looks into them is the user's function
    return any(function is f for f in _KEEPERS) or module_of(function) in ("itertools", "_weakref")


_KEEPERS: tuple[Any, ...] = (functools.partial, super, MethodType, inspect.signature, operator.is_)
