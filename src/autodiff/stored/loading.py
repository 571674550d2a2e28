"""Entries on disk: their names, whether one is for this process, and the callable that it makes.

    what = Described.of(Gradient, function, options)   # None: calls of it are never stored
    key = what.key(signature_of(args))
    run = load(key, function, listener)                # None: nothing there that holds here

A name is made of everything that can be known before an entry is read: versions and sources of this
package, Python, NumPy, SciPy and llvmlite, the processor, options, instructions of the function, types
of the arguments.  What is read is checked against the rest (``facts``).  Anything else than a whole
entry of this user's, whose digest and facts are right, is no entry.
"""

from __future__ import annotations

import builtins
import functools
import marshal
import os
import sys
from collections.abc import Callable, Mapping, Set
from importlib.machinery import PathFinder
from types import FunctionType
from typing import Any

import numpy as np

from autodiff import cache, debug, lookups
from autodiff.engines.native import symbols
from autodiff.engines.native.callables import callable_of
from autodiff.errors import is_signal_handlers
from autodiff.sameness import same_value
from autodiff.stored import facts, image

_FORMAT = "specialisation 1"
_ITEMS = (str, int, type(None))
_SCALARS = (np.float64, np.float32, np.int64, np.int32)
_LARGEST_INT = 2**62
# Settings that only say where things are kept.
_ELSEWHERE = ("AUTODIFF_CACHE", "AUTODIFF_CACHE_DIR")


class Again(Exception):
    """The call is to be made again, by a specialisation that is compiled in this process."""


def is_on() -> bool:
    """Whether specialisations are kept on disk: not only machine code, and on this system."""
    setting = os.environ.get("AUTODIFF_CACHE", "1").lower()
    quiet = debug.level() == 0  # else the user wants to see what is made
    return setting != "code" and quiet and cache.is_on() and image.is_possible()


@functools.cache
def _environment() -> str | None:
    """All but the call that a specialisation depends on; None where that cannot be known."""
    try:
        parts = [_FORMAT, sys.version, np.__version__, np.__file__, _processor(), *sources()]
    except OSError:
        return None
    for name, file in (("llvmlite", "_version.py"), ("scipy", "version.py")):
        parts.append(_installed(name, file))
    return "\n".join(parts)


def _settings() -> str:
    """What the environment says of how to compile."""
    found = sorted(os.environ.items())
    return repr([x for x in found if x[0].startswith("AUTODIFF_") and x[0] not in _ELSEWHERE])


@functools.cache
def sources() -> tuple[str, ...]:
    """Names, sizes and times of the files of this package as the process began: who changes one makes another."""
    return sources_now()


def sources_now() -> tuple[str, ...]:
    """The same as they are now; OSError where the package is in no folder."""
    found, pending = [], [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    while pending:
        for one in os.scandir(pending.pop()):
            if one.is_dir():
                if one.name != "__pycache__":
                    pending.append(one.path)
            elif one.name.endswith(".py"):
                facts_of_file = one.stat()
                found.append(f"{one.path} {facts_of_file.st_size} {facts_of_file.st_mtime_ns}")
    return tuple(sorted(found))


def _installed(name: str, file: str) -> str:
    """Which version of a package is installed, without importing it."""
    spec = PathFinder.find_spec(name)
    if spec is None or not spec.origin:
        return f"no {name}"
    path = os.path.join(os.path.dirname(spec.origin), file)
    try:
        found = os.stat(path)
    except OSError:
        return f"{name} {spec.origin}"
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _processor() -> str:
    """What the processor is and can do, as the system says it."""
    with open("/proc/cpuinfo", "rb", 0) as file:
        text = file.read(16384).decode("latin-1")
    known = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    first = text.partition("\n\n")[0].splitlines()
    return "\n".join(line for line in first if line.partition(":")[0].strip() in known)


class Described:
    """A transformation of a function, as far as the names of its entries go."""

    __slots__ = ("_text", "function")

    def __init__(self, function: FunctionType, text: str) -> None:
        self.function = function
        self._text = text

    @classmethod
    def of(cls, kind: type, function: Any, options: Mapping[str, Any]) -> Described | None:
        """The description, or None of what is never stored."""
        if type(function) is not FunctionType or not is_on():
            return None
        if options["engine"] != "native" or options["device"] is not None:
            return None
        if not options["use_cache"] or options["holomorphic"] or not _is_simple(options["wrt"]):
            return None
        told = [f"{name}={options[name]!r}" for name in sorted(options) if name != "on_fallback"]
        return cls(function, "\n".join([kind.__name__, *told]))

    def key(self, signature: tuple[str, ...]) -> str | None:
        """The name of the entry for calls of such arguments."""
        environment, function = _environment(), self.function
        try:
            values = [c.cell_contents for c in facts.cells_of(function)]
            values += facts.defaults_of(function).values()
            plain = [facts.text_of(x) if type(x) in (int, float, str, bool) else "" for x in values]
            code = facts.digest_of(function.__code__)
        except (facts.Undescribed, ValueError):
            return None
        if environment is None:
            return None
        return cache.key_of(environment, _settings(), self._text, code, *plain, *signature)


def _is_simple(wrt: Any) -> bool:
    """Whether ``wrt`` is said by its text: names and numbers of parameters."""
    return type(wrt) in _ITEMS or (
        type(wrt) in (tuple, list) and all(type(x) in _ITEMS for x in wrt)
    )


def signature_of(args: tuple[Any, ...]) -> tuple[str, ...] | None:
    """The types of a call's arguments, with the shapes of arrays; None where some are of other kinds."""
    found = []
    for x in args:
        if type(x) is np.ndarray:
            if x.dtype.kind not in "fiu" or not x.dtype.isnative:
                return None
            found.append(f"{x.dtype.str} {x.dtype.num} {x.shape}")
        elif type(x) is float or type(x) in _SCALARS:
            found.append(type(x).__name__)
        elif type(x) is int and -_LARGEST_INT < x < _LARGEST_INT:
            found.append("int")
        else:
            return None
    return tuple(found)


class Stored:
    """A specialisation that was read from disk, as far as it can be looked at."""

    def __init__(
        self, run: Callable[..., Any], about: Mapping[str, Any], kept: Any, names: Set[lookups.Name]
    ) -> None:
        self.run = run
        self.arguments: tuple[str, ...] = about["arguments"]
        self.guards: tuple[str, ...] = about["guards"]
        self.reads: tuple[str, ...] = about["reads"]
        self._kept = kept
        self.names = names  # of libraries, that it stands on

    def __repr__(self) -> str:
        parts = [f"<stored specialisation for ({', '.join(self.arguments)})"]
        if self.reads:
            parts.append(f"reads {', '.join(self.reads)}")
        parts.append(f"guards {'; '.join(self.guards) or 'none'}")
        return "; ".join(parts) + ">"


def load(key: str, function: FunctionType, listener: Callable[..., None]) -> Stored | None:
    """The specialisation of that name, if there is one that holds for this function now."""
    content = cache.read(key)
    if content is None:
        return None
    try:  # its digest is right, so it was written by this version: it is what ``storing`` makes
        entry = marshal.loads(content)
        reached = facts.compared(entry["facts"], function)
        if reached is None:
            return None
        names = facts.noted(entry["facts"])
        call, kept = _callable(entry, listener)
        run = _guarded(entry, reached, call)
    except Exception as error:  # whatever there is to be said of it is said by making it anew
        if is_signal_handlers(error):
            raise
        return None
    return Stored(run, entry["about"], kept, names)


def _callable(
    entry: Mapping[str, Any], listener: Callable[..., None]
) -> tuple[Callable[..., Any], Any]:
    """The built-in function of an entry, and what it stands on."""
    constants = {
        name: np.frombuffer(bytearray(content), dtype)
        for name, dtype, content in entry["constants"]
    }

    kept = dict(entry["objects"])

    def address(name: str) -> int:
        if name in constants:
            return int(constants[name].ctypes.data)
        return id(kept[name]) if name in kept else symbols.address(name)

    machine = image.Image(entry["image"], address)
    call = callable_of(machine, (constants, kept), entry["name"])
    call.__self__.notify(listener).must = entry["must"]  # type: ignore[attr-defined]
    return call, machine


def _guarded(
    entry: Mapping[str, Any], reached: list[FunctionType], call: Callable[..., Any]
) -> Callable[..., Any]:
    """The callable under the guards of the specialisation, with what it reads at each call.

    What a guard compares with is what is found now, which the facts say is what was found then.
    """
    guards, hidden = entry["guards"], entry["hidden"]
    if not guards and not hidden:
        return call
    space: dict[str, Any] = {"_same": same_value, "_run": call, "__builtins__": builtins}
    for name, (kind, function, cell) in entry["roots"]:
        of = reached[function]
        space[name] = (
            of
            if kind == "function"
            else of.__globals__
            if kind == "globals"
            else facts.cells_of(of)[cell]
        )
    conditions = []
    for k, (relation, path, name) in enumerate(guards):
        expected = f"_e{k}"
        if relation == "missing":
            space[expected] = name
            conditions.append(f"{expected} not in {path}")
            continue
        space[expected] = eval(path, space)
        if relation == "type":
            space[expected] = type(space[expected])
            conditions.append(f"type({path}) is {expected}")
        elif relation == "length":
            space[expected] = len(space[expected])
            conditions.append(f"len({path}) == {expected}")
        elif relation == "is":
            conditions.append(f"{path} is {expected}")
        else:
            conditions.append(f"_same({path}, {expected})")
    read = "".join(f", {path}" for path in hidden)
    lines = ["def run(*args):", "    try:"]
    if conditions:
        lines += [
            f"        if not ({' and '.join(conditions)}):",
            "            return NotImplemented",
        ]
    lines += [
        f"        read = ({read[2:]}{',' if hidden else ''})",
        "    except (AttributeError, KeyError, IndexError, TypeError, ValueError):",
        "        return NotImplemented",
        "    return _run(*args, *read)",
    ]
    exec("\n".join(lines), space)
    made: Callable[..., Any] = space["run"]
    return made


__all__ = [
    "Again",
    "Described",
    "Stored",
    "is_on",
    "load",
    "signature_of",
    "sources",
    "sources_now",
]
