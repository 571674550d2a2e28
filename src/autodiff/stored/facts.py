"""What the meaning of a function depends on: written down at one time, compared at another.

    facts = described(f, hidden)      # plain data
    reached = compared(facts, g)      # the functions that g stands on, if all of it is the same

Two functions with equal facts compute the same: their instructions and constants are the same, and
so is all that these can reach by a name.  Names lead to

    a builtin without side effects           by its name
    a module of NumPy, SciPy, math, …        by its name, with each attribute that the code may ask for
    a function or type of such a module      by its name, and by its code where it is Python
    a plain value                            by its text
    another function                         which is described as well
    a float or array that each call reads    by its type alone

What leads to anything else, or may change what names lead to, has no description: there is no
almost.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Set
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autodiff import lookups
from autodiff.cache import key_of

# Of these modules functions are known by name; what they do is decided by versions.
_LIBRARIES = (
    "numpy", "scipy", "math", "cmath", "operator", "_operator", "itertools", "functools", "_functools",
)  # fmt: skip
_OUTWARD = ("numpy.random", "numpy.testing", "numpy.ctypeslib", "numpy.f2py", "scipy.io")
_BUILTINS = frozenset(
    "abs all any bool complex divmod enumerate filter float frozenset int isinstance issubclass len list "
    "map max min pow range reversed round set slice sorted sum tuple zip dict type "
    "ArithmeticError AssertionError IndexError KeyError OverflowError RuntimeError TypeError "
    "ValueError ZeroDivisionError NotImplementedError Exception LookupError StopIteration".split()
)
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
# What functions and types of libraries are: the last is what NumPy makes of those that it dispatches.
_KINDS = (np.ufunc, type, FunctionType, BuiltinFunctionType, type(np.sum))
_READ = (float, np.ndarray, np.float64, np.float32)
_NAMES = ("LOAD_GLOBAL",)
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
# What makes names, or looks for them in other ways.
_REFUSED = (
    "IMPORT_NAME", "IMPORT_FROM", "IMPORT_STAR", "LOAD_BUILD_CLASS", "STORE_GLOBAL", "DELETE_GLOBAL",
    "LOAD_NAME", "STORE_NAME", "DELETE_NAME", "LOAD_CLASSDEREF", "LOAD_LOCALS", "LOAD_SUPER_ATTR",
    "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FROM_DICT_OR_DEREF",
    # Text of numbers is as NumPy's print options have it.
    "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "CONVERT_VALUE",
)  # fmt: skip
_TEXT = (
    "array2string",
    "array_repr",
    "array_str",
    "format_float_positional",
    "format_float_scientific",
)

Facts = dict[str, Any]


class Undescribed(Exception):
    """Something that no text says exactly."""


def text_of(value: Any) -> str:
    """A plain value as a text that is different for what Python can tell apart."""
    if type(value) in PLAIN:
        return f"{type(value).__name__} {value!r}"
    if type(value) is tuple:
        return f"({', '.join(map(text_of, value))})"
    if type(value) is frozenset:  # of a constant: ``x in {1, 2}``
        return f"frozenset({', '.join(sorted(map(text_of, value)))})"
    if type(value) is CodeType:
        return digest_of(value)
    raise Undescribed


def digest_of(code: CodeType) -> str:
    """A name for what code does, wherever it stands: without file, lines and names of locals' places."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    table = getattr(code, "co_exceptiontable", b"")
    constants = "\n".join(map(text_of, code.co_consts))
    return key_of(repr(counts), repr(names), code.co_code.hex(), table.hex(), constants)


def cells_of(function: FunctionType) -> tuple[Any, ...]:
    """The variables of a closure."""
    return function.__closure__ or ()


def defaults_of(function: FunctionType) -> dict[str, Any]:
    """The defaults of a function's parameters, by the path to each from the function."""
    found = {f".__defaults__[{k}]": x for k, x in enumerate(function.__defaults__ or ())}
    found |= {f".__kwdefaults__[{n!r}]": x for n, x in (function.__kwdefaults__ or {}).items()}
    return found


# -- to write down --------------------------------------------------------------------------------
def described(function: FunctionType, hidden: Set[tuple[int, str]]) -> tuple[Facts, list[Any]]:
    """What a function depends on, and the functions that it reaches, itself the first.

    ``hidden`` are places whose floats and arrays every call reads: the function's or namespace's
    identity, and the path from there.

    Raises
    ------
    Undescribed
        When something has no exact description.
    """
    writer = _Writer(hidden)
    writer.add(function)
    done = 0
    while done < len(writer.reached):
        writer.describe(writer.reached[done])
        done += 1
    return {"functions": writer.functions, "attributes": writer.attributes()}, writer.reached


class _Writer:
    def __init__(self, hidden: Set[tuple[int, str]]) -> None:
        self.hidden = hidden
        self.reached: list[Any] = []
        self.functions: list[Facts] = []
        self.modules: dict[str, None] = {}
        self.asked: dict[str, None] = {}  # names of attributes

    def add(self, function: FunctionType) -> int:
        for k, known in enumerate(self.reached):
            if known is function:
                return k
        if len(self.reached) == 64:
            raise Undescribed
        self.reached.append(function)
        return len(self.reached) - 1

    def describe(self, function: FunctionType) -> None:
        code, space = function.__code__, function.__globals__
        # Attributes of a function are for decorators, which look at them in their own ways.
        if function.__dict__ or not isinstance(_builtins_of(function), dict):
            raise Undescribed
        names: dict[str, None] = {}
        for kind, name in _names_in(code):
            (names if kind in _NAMES else self.asked)[name] = None
        found: dict[str, Any] = {}
        for name in names:
            if name in space:
                found[name] = self.value(space[name], (id(space), f"[{name!r}]"))
            else:
                found[name] = _builtin(function, name)
        cells = [self.value(c.cell_contents, (id(c), ".cell_contents")) for c in cells_of(function)]
        given = defaults_of(function).items()
        defaults = {path: self.value(x, (id(function), path)) for path, x in given}
        self.functions.append(
            {"code": digest_of(code), "globals": found, "cells": cells, "defaults": defaults}
        )

    def value(self, x: Any, place: tuple[int, str]) -> tuple[Any, ...]:
        if place in self.hidden:
            if type(x) not in _READ:
                raise Undescribed
            return "read", type(x).__name__
        if type(x) is FunctionType and not _is_library(x.__module__):
            if (x.__module__ or "").split(".")[0] == "autodiff":
                raise Undescribed  # what these mean to a capture, their code does not say
            return "function", self.add(x)
        if type(x) is ModuleType:
            if not _is_library(x.__name__) or sys.modules.get(x.__name__) is not x:
                raise Undescribed
            self.modules[x.__name__] = None
        return fact_of(x)

    def attributes(self) -> list[tuple[str, str, Any]]:
        """What each name of an attribute is in each module that the code may ask."""
        found: list[tuple[str, str, Any]] = []
        pending = list(self.modules)
        seen = set(pending)
        while pending:
            module = pending.pop()
            home = vars(sys.modules[module])
            for name in self.asked:
                if name not in home:
                    if name in dir(sys.modules[module]):  # made when it is asked for
                        raise Undescribed
                    continue
                found.append((module, name, fact_of(home[name])))
                inner = home[name]
                if type(inner) is ModuleType and inner.__name__ not in seen:
                    seen.add(inner.__name__)
                    pending.append(inner.__name__)
        return found


def fact_of(x: Any) -> tuple[Any, ...]:
    """The description of a plain value, or of a module or something of a library."""
    if type(x) in (*PLAIN, tuple):
        return "value", text_of(x)
    if type(x) is ModuleType:
        if not _is_library(x.__name__):
            raise Undescribed
        return "module", x.__name__
    return _of_library(x)


def _of_library(x: Any) -> tuple[Any, ...]:
    kind = type(x)
    if kind not in _KINDS:  # whose attributes may be anything
        raise Undescribed
    name = getattr(x, "__qualname__", x.__name__)
    if type(name) is not str:
        raise Undescribed
    if kind is np.ufunc:
        # One that was made of a function of the user's has another name than it is found under.
        homes = ("numpy", "scipy.special")
        if not any(getattr(sys.modules.get(h), x.__name__, None) is x for h in homes):
            raise Undescribed
        return "library", "ufunc", x.__name__, ""
    module = getattr(x, "__module__", None)
    if type(module) is not str or not (_is_library(module) or module == "builtins"):
        raise Undescribed
    if module == "builtins" and name not in _BUILTINS:
        raise Undescribed
    if not _is_found(x, module, name):
        raise Undescribed  # it only says that it is from there
    if kind is type:
        return "library", "type", f"{module}.{name}", ""
    if kind is FunctionType:
        return "library", "function", f"{module}.{name}", digest_of(x.__code__)
    if kind is BuiltinFunctionType and not isinstance(x.__self__, (ModuleType, type(None))):
        raise Undescribed  # a method of some object
    return "library", kind.__qualname__, f"{module}.{name}", ""


def _is_found(x: Any, module: str, name: str) -> bool:
    """Whether something is what its module has under its name."""
    home: Any = sys.modules.get(module)
    for part in name.split("."):
        home = getattr(home, part, None)
    return home is x


def _is_library(module: str | None) -> bool:
    if not module or any(module == m or module.startswith(m + ".") for m in _OUTWARD):
        return False
    return module.split(".")[0] in _LIBRARIES


def _builtins_of(function: Any) -> Any:
    return function.__builtins__


def _builtin(function: FunctionType, name: str) -> tuple[Any, ...]:
    known = _builtins_of(function)
    if name not in _BUILTINS or known.get(name) is not getattr(builtins, name, None):
        raise Undescribed
    return ("builtin", *_of_library(known[name]))


def _names_in(code: CodeType) -> Iterator[tuple[str, str]]:
    import dis  # not needed to compare

    before = None
    for instruction in dis.get_instructions(code):
        kind = instruction.opname
        if kind in _REFUSED or (kind in _ATTRIBUTES and instruction.argval in _TEXT):
            raise Undescribed
        # Which of two equal things is which object is no fact, but for None.
        if kind == "IS_OP" and before != ("LOAD_CONST", None):
            raise Undescribed
        before = (kind, instruction.argval)
        if kind in _NAMES or kind in _ATTRIBUTES:
            yield kind, instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


# -- to compare ------------------------------------------------------------------------------------
def compared(facts: Facts, function: FunctionType) -> list[FunctionType] | None:
    """The functions that ``function`` reaches if all facts hold of it, else None."""
    wanted = facts["functions"]
    reached: list[Any] = [None] * len(wanted)
    reached[0] = function
    try:
        for k, of in enumerate(wanted):
            if reached[k] is None or not _holds(of, reached[k], reached):
                return None
        for module, name, fact in facts["attributes"]:
            # Asked as the code asks, for NumPy and SciPy load some of their modules when they are asked.
            if fact_of(getattr(sys.modules[module], name)) != fact:
                return None
    except (Undescribed, KeyError, ValueError, AttributeError):  # also of a cell without contents
        return None
    # Functions that were two are two: code may ask whether they are one.
    return reached if len(set(map(id, reached))) == len(reached) else None


def noted(facts: Facts) -> set[lookups.Name]:
    """The names of libraries in facts that hold, which are followed from now on."""
    found: set[lookups.Name] = set()
    for module, name, _ in facts["attributes"]:
        home = sys.modules[module]
        if lookups.is_followed(home, name):
            found.add(lookups.note(home, name, vars(home)[name]))
    return found


def _holds(of: Facts, function: FunctionType, reached: list[Any]) -> bool:
    space = function.__globals__
    if function.__dict__ or digest_of(function.__code__) != of["code"]:
        return False
    for name, fact in of["globals"].items():
        if fact[0] == "builtin":
            if name in space or _builtin(function, name) != fact:
                return False
        elif not _is(space[name], fact, reached):
            return False
    cells, defaults = cells_of(function), defaults_of(function)
    if len(cells) != len(of["cells"]) or list(defaults) != list(of["defaults"]):
        return False
    return all(
        _is(c.cell_contents, f, reached) for c, f in zip(cells, of["cells"], strict=True)
    ) and all(_is(defaults[path], fact, reached) for path, fact in of["defaults"].items())


def _is(x: Any, fact: tuple[Any, ...], reached: list[Any]) -> bool:
    if fact[0] == "read":
        return type(x) in _READ and type(x).__name__ == fact[1]
    if fact[0] == "function":
        if type(x) is not FunctionType or _is_library(x.__module__):
            return False
        if reached[fact[1]] is None:
            reached[fact[1]] = x
        return reached[fact[1]] is x
    if type(x) is ModuleType and sys.modules.get(x.__name__) is not x:
        return False
    return fact_of(x) == fact
