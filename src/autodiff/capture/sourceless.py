"""Functions without source run with tracers.

These are code made by ``exec``, the prompt before 3.13, and code that its file does not hold any more
(:mod:`autodiff.capture.texts`).  Python itself runs them, so nothing sees what they read.  Before
the call, everything that their code names, and what it can reach from there, is guarded; where that
cannot be done (a list, an object, a module that may change, an effect) the function is declined,
and each call runs uncompiled rather than with a value of an earlier one.  ``isinstance`` is answered
by ``Tracer.__class__``; what ``type`` says of a tracer cannot be changed, so code that asks is
declined, as is code that handles exceptions: it would see what is refused of a tracer.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import inspect
import os
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autodiff.capture.inputs import is_library
from autodiff.capture.paths import Guard, Path
from autodiff.capture.trace import Declined, Trace
from autodiff.capture.written import may_read_numbers
from autodiff.ladder import Bail
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import run_users

# Names by which code reaches the outside world.
_EFFECTS = frozenset("print input open exec eval globals locals vars breakpoint __import__".split())
# Functions of SciPy, in C, that call functions of the user's: what is refused of traced values does not come out of them.
_CALL_BACK = frozenset(
    "brentq brenth bisect ridder fsolve leastsq quad dblquad tplquad nquad odeint ode solve_bvp fmin_l_bfgs_b fmin_tnc "
    "fmin_cobyla generic_filter generic_filter1d geometric_transform".split()
)
_PURE = frozenset("numpy scipy math cmath operator itertools functools builtins".split())


def call_without_source(
    trace: Trace, function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Run a function on tracers once all that it reads is guarded."""
    if _is_of_named_tuple(function):
        return run_users(function, *args, **kwargs)
    if _asks_for_types(function):
        raise Declined(f"{function.__name__} has no source and calls type")
    if (name := _calls_back(function)) is not None:
        raise Declined(f"{function.__name__} has no source and calls {name}, which calls it back")
    if _handles_exceptions(function):
        raise Declined(f"{function.__name__} has no source and handles exceptions")
    if trace.tier.reusable:  # the uncompiled tier reads everything anew at each call
        reading = _Reading(trace, function)
        reading.function(function, Path.root(function, "f"), _defaults_used(function, args, kwargs))
        for argument in (*args, *kwargs.values()):
            reading.argument(argument)
        return _run(trace, function, args, kwargs)
    try:
        return _run(trace, function, args, kwargs)
    finally:
        _settle_what_it_reaches(trace, function, (*args, *kwargs.values()))


def _run(trace: Trace, function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run it; refused where it may have read a number from text that shows a derivative."""
    before = len(trace.written.texts)
    trace.runs_unseen += 1
    try:
        result = run_users(function, *args, **kwargs)
    finally:
        trace.runs_unseen -= 1
    has_text = len(trace.written.texts) > before or (
        bool(trace.written) and trace.written.is_shown_in((*args, *kwargs.values()))
    )
    if has_text and may_read_numbers(_reached(function, {})):
        trace.refuse_reading(f"{function.__name__} has no source and may read a number")
    return result


def _reached(function: FunctionType, seen: dict[int, FunctionType]) -> set[str]:
    """The names in a function's code, and in that of the functions it reaches by a global or closure."""
    seen[id(function)] = function
    names = set(_names(function.__code__))
    values: list[Any] = [function.__globals__.get(name) for name in names]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not bound yet
            values.append(cell.cell_contents)
    for value in values:
        if isinstance(value, FunctionType) and _root(value) not in _PURE and id(value) not in seen:
            names |= _reached(value, seen)
    return names


def _is_of_named_tuple(function: FunctionType) -> bool:
    """Whether it is the ``__new__`` that ``namedtuple`` writes, which reads its arguments only."""
    module = function.__globals__.get("__name__", "")
    return function.__name__ == "__new__" and module.startswith("namedtuple_")


def _settle_what_it_reaches(trace: Trace, function: FunctionType, args: Sequence[Any]) -> None:
    """Have no traced value stay where a function that ran unseen may have stored one."""
    for name in set(_names(function.__code__)) & function.__globals__.keys():
        value = function.__globals__[name] = trace.plain(function.__globals__[name])
        trace.storing_into(value)
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not bound yet
            cell.cell_contents = trace.plain(cell.cell_contents)
            trace.storing_into(cell.cell_contents)
    for argument in args:
        if trace.is_external(argument):
            trace.storing_into(argument)


def _handles_exceptions(function: FunctionType) -> bool:
    """Whether a handler of the function's would see what is refused of its traced values."""
    reached: dict[int, FunctionType] = {}
    names = _reached(function, reached)
    found = [
        step.opname
        for each in reached.values()
        if not each.__code__.co_filename.startswith(
            "<frozen "
        )  # handlers for KeyError and the like
        for code in _codes(each.__code__)
        for step in dis.get_instructions(code)
    ]
    withs = found.count("WITH_EXCEPT_START")
    return found.count("PUSH_EXC_INFO") > withs or (withs > 0 and not names & _LET_PASS)


_LET_PASS = frozenset(("errstate", "catch_warnings", "nullcontext"))  # contexts, by name


def _calls_back(function: FunctionType) -> str | None:
    """The function of SciPy's that a function, or one that it reaches, has call others; None if there is none."""
    reached: dict[int, FunctionType] = {}
    if not _reached(function, reached) & _CALL_BACK:
        return None
    for each in reached.values():
        for name in sorted(set(_names(each.__code__)) & _CALL_BACK):
            known = each.__globals__.get(name)  # else an attribute, of a module most likely
            if known is None or _root(known) == "scipy":
                return name
    return None


def _asks_for_types(function: FunctionType) -> bool:
    """Whether a function, or one that it reaches by a global or closure, calls ``type``."""
    return "type" in _reached(function, {}) and "type" not in function.__globals__


def _defaults_used(
    function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
) -> set[str] | None:
    """The parameters that take their default in this call; None where that is not known."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)
        return set(signature.parameters) - set(signature.bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return None


class _Reading:
    """What a function may read, guarded piece by piece."""

    def __init__(self, trace: Trace, function: FunctionType) -> None:
        self.trace = trace
        self.name = function.__name__
        self.why = "has no source"
        if os.path.exists(function.__code__.co_filename):
            self.why += " (its file has changed since)"
        self.seen: set[int] = set()

    def declined(self, what: str) -> Bail:
        return Declined(f"{self.name} {self.why} and {what}")

    def function(self, function: FunctionType, path: Path, defaults: set[str] | None) -> None:
        """Guard what the code of a function names, its defaults and its closure."""
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        names = set(_names(function.__code__))
        for name in sorted(names):
            if name in function.__globals__:
                at = Path.root(function.__globals__, "g").item(name)
                self.value(function.__globals__[name], at, f"reads the global {name!r}")
                self.follow(function.__globals__[name], names)
            elif name in _EFFECTS and hasattr(builtins, name):
                raise self.declined(f"calls {name}")
        if _stores_outside(function.__code__):
            raise self.declined("changes a global or a variable of a function around it")
        if names & {"nditer", "nested_iters"}:  # which store into arrays of their own
            raise self.declined("iterates by np.nditer")
        if "random" in names:
            raise self.declined("may draw random numbers")
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            at = Path.root(cell, "c").attribute("cell_contents")
            self.value(cell.cell_contents, at, f"reads the variable {name!r}")
            self.follow(cell.cell_contents, names)
        for name, value, at in _defaults(function, path):
            if defaults is None or name in defaults:
                self.value(value, at, f"has the default {name!r}")

    def follow(self, module: Any, names: set[str]) -> None:
        """Note what the code may ask of a module of a library, and of the modules in it."""
        if not isinstance(module, ModuleType) or not is_library(module):
            return
        for name in sorted(names & vars(module).keys()):
            found = vars(module)[name]
            self.trace.note_lookup(module, name, found)
            if found is not module:
                self.follow(found, names - {name})

    def value(self, value: Any, path: Path, what: str) -> None:
        """Guard a value that the code can reach by ``path``."""
        if value is None or isinstance(value, (int, float, complex, str, bytes, np.generic)):
            self.trace.guards.append(Guard(path, "equal", value))
        elif isinstance(value, tuple) and type(value) is tuple:
            self.trace.guards.append(Guard(path, "length", len(value)))
            for k, item in enumerate(value):
                self.value(item, path.item(k), what)
        elif isinstance(value, FunctionType) and _root(value) not in _PURE:
            self.trace.guards.append(Guard(path, "is", value))
            self.function(value, path, None)
        elif _is_pure(value):
            self.trace.guards.append(Guard(path, "is", value))
        else:
            kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
            raise self.declined(f"{what}, of type {kind}")

    def argument(self, value: Any) -> None:
        """Look at an argument: traced and plain values are part of the signature, others are read."""
        if value is None or isinstance(
            value, (Tracer, int, float, complex, str, bytes, np.generic)
        ):
            return
        if type(value) in (list, tuple) or isinstance(value, StoredList):
            for item in value:
                self.argument(item)
        elif type(value) is dict:
            for item in value.values():
                self.argument(item)
        elif isinstance(value, FunctionType) and _root(value) not in _PURE:
            self.function(value, Path.root(value, "f"), None)
        elif not _is_pure(value) and _root(type(value)) != "autodiff":
            raise self.declined(f"takes an argument of type {type(value).__name__}")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and that of the functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _stores_outside(code: CodeType) -> bool:
    """Whether code binds a global, or a variable of a function around it, anew."""
    return any(
        step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
        or (step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in code.co_freevars)
        for part in _codes(code)
        for step in dis.get_instructions(part)
    )


def _names(code: CodeType) -> Iterator[str]:
    """Global and attribute names in code and in the functions defined in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _defaults(function: FunctionType, path: Path) -> Iterator[tuple[str, Any, Path]]:
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    for k, (name, value) in enumerate(zip(positional, defaults, strict=True)):
        yield name, value, path.attribute("__defaults__").item(k)
    for name, value in (function.__kwdefaults__ or {}).items():
        yield name, value, path.attribute("__kwdefaults__").item(name)


def _root(obj: Any) -> str:
    return (getattr(obj, "__module__", None) or "").split(".")[0]


def _is_pure(value: Any) -> bool:
    """Modules, classes and library functions that do not change and read only their arguments."""
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0] in _PURE and not value.__name__.startswith(
            "numpy.random"
        )
    if isinstance(value, (type, BuiltinFunctionType, FunctionType)):
        return _root(value) in _PURE and getattr(value, "__name__", "") not in _EFFECTS
    return isinstance(value, np.ufunc) or type(value).__name__ == "_ArrayFunctionDispatcher"


__all__ = ["call_without_source"]
