"""The bytecode of what a first call loads: in one file on disk, or in Python's own files, read without detours.

    use()       # before the modules that compile are loaded: they come from that file, if there is one
    note()      # a program was compiled: the file is written when the process ends, if there was none

A first call loads a hundred and seventy modules that a call answered from disk does not need.  Python finds each by
itself: it asks the system twelve times, reads a file, and makes the names in it anew although most are in other files
too.  From one file, all of it takes less than half of that time, and no bytecode files need be there.

The file is one of the cache, named by Python's version and by size and time of all files of this package.  Modules are
made as ever, with the same specification and a loader that also has their text; only their code is at hand.  A finder
for that stands before Python's own (``sys.meta_path``), after whatever import hooks a user has set.

Where there is no such file, as on a machine that has compiled nothing yet, the finder goes to the bytecode file of a
module at once, which holds if it names size and time of the source as it is: five questions to the system in place of
twelve, and nothing of what Python asks of modules that may be anything.  Whatever is not as usual (no such file, one that
is older, of another kind or made elsewhere) is left to Python.

Not here: modules that are loaded by a process that needs no compiler (they are loaded before), and those that only some
programs need: the file has what a process had loaded when its first program was compiled.
"""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import sys
from collections.abc import Sequence
from importlib.machinery import (
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType, ModuleType

from autodiff import cache
from autodiff.garbage import few_collections
from autodiff.stored.loading import sources, sources_now

_FORMAT = "bytecode 1"
_PACKAGE = __name__.partition(".")[0]

MOST = 240
"""Modules from which on a first program was no small one: others would read more than they need."""

_FEW = 60
"""Modules that there are at most where the file is looked for first: they are needed to do so, and not in it."""

_before: set[str] = set()  # those that the process had
_codes: dict[str, CodeType] = {}  # of modules that are still to be made
_noted: list[str] = []  # modules whose code is written when the process ends


class _Loader(SourceFileLoader):
    """Has the code of a module at hand, once: who loads it again gets what is in its file."""

    def get_code(self, fullname: str) -> CodeType | None:
        found = _codes.pop(fullname, None)
        return super().get_code(fullname) if found is None else found


class _Reader(SourceFileLoader):
    """Has found the source of a module, whose bytecode file is read if it is of that."""

    found: tuple[str | None, os.stat_result] | None = None  # once
    moved = False  # whether bytecode files are those of another place, which Python mends in each

    def get_code(self, fullname: str) -> CodeType | None:
        found, self.found = self.found, None
        code = None if found is None or found[0] is None else self._read(found[0], found[1])
        return super().get_code(fullname) if code is None else code

    def _read(self, file: str, source: os.stat_result) -> CodeType | None:
        """The code in a bytecode file, if it is that of the source as it is."""
        try:
            content = _content(file)
            if content[:16] != _head(source):
                return None
            code = marshal.loads(memoryview(content)[16:])
        except (OSError, EOFError, ValueError, TypeError):
            return None
        if isinstance(code, CodeType) and code.co_filename == self.path:
            return code
        _Reader.moved = True
        return None


def _content(file: str) -> bytes:
    """What is in a file, without an object of Python's for it, which asks the system four things more."""
    opened = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(opened, os.fstat(opened).st_size)
    finally:
        os.close(opened)


def _head(source: os.stat_result) -> bytes:
    """What a bytecode file begins with that is of this source: Python's number, no flags, time and size."""
    number = int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF
    return MAGIC_NUMBER + bytes(4) + b"".join(part.to_bytes(4, "little") for part in number)


class _Finder:
    """Finds the modules of this package: first those whose code is at hand, then those with a bytecode file."""

    def __init__(self) -> None:
        self._found: set[str] = set()  # who asks again is answered by Python
        some = cache_from_source(os.path.join("folder", "name.py"))
        self._ending = some.rpartition("name")[2]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of a module; None: Python finds it, or nobody."""
        code = _codes.get(fullname)
        if code is not None:
            self._found.add(fullname)
            place = code.co_filename
            return self._spec(_Loader(fullname, place), *os.path.split(place))
        if (
            not fullname.startswith(_BEGINNING)
            or not path
            or fullname in self._found
            or _Reader.moved
        ):
            return None
        self._found.add(fullname)
        name = fullname.rpartition(".")[2]
        for folder, file in ((path[0], f"{name}.py"), (f"{path[0]}{os.sep}{name}", _INIT)):
            place = f"{folder}{os.sep}{file}"
            try:
                source = os.stat(place)
            except OSError:
                continue
            loader = _Reader(fullname, place)
            spec = self._spec(loader, folder, file)
            loader.found = spec.cached, source
            return spec
        return None

    def _spec(self, loader: SourceFileLoader, folder: str, file: str) -> ModuleSpec:
        spec = ModuleSpec(loader.name, loader, origin=loader.path)
        spec.has_location = True
        if sys.pycache_prefix is None:
            spec.cached = f"{folder}{_CACHE}{file[:-3]}{self._ending}"
        if file == _INIT:
            spec.submodule_search_locations = [folder]
        return spec


_BEGINNING, _INIT = f"{_PACKAGE}.", "__init__.py"
_CACHE = f"{os.sep}__pycache__{os.sep}"


def _look() -> None:
    """Stand before Python's own finders, after whatever hooks a user has set, those of paths among them."""
    finders = sys.meta_path
    finders[:] = [finder for finder in finders if not _is_earlier(finder)]
    is_usual = type(__spec__.loader) is SourceFileLoader  # this module was loaded just now
    if is_usual and sys.implementation.cache_tag is not None:  # else there are no bytecode files
        usual = (k for k, finder in enumerate(finders) if finder in _USUAL)
        finders.insert(next(usual, len(finders)), _Finder())


def _is_earlier(finder: object) -> bool:
    """Whether a finder is that of this package before it was taken out of ``sys.modules``."""
    return (type(finder).__module__, type(finder).__qualname__) == (__name__, "_Finder")


_USUAL = (BuiltinImporter, FrozenImporter, PathFinder)


@functools.cache
def use() -> bool:
    """Take code from the file, if there is one; whether there is."""
    _look()
    key = _key()
    content = None if key is None else cache.read(key, large=True)
    if content is None:
        before = _loaded()
        _before.update(before if len(before) <= _FEW else ())
        return False
    with few_collections():
        codes = marshal.loads(content)
    _codes.update((name, code) for name, code in codes.items() if name not in sys.modules)
    return True


def _loaded() -> list[str]:
    """The modules of this package that the process has."""
    return [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]


@functools.cache
def _key() -> str | None:
    """The name of the file; None where there is none to be."""
    if not cache.is_on() or os.environ.get("AUTODIFF_CACHE", "").lower() == "code":
        return None
    try:
        return _key_of(sources())
    except OSError:  # not in a folder
        return None


def _key_of(files: tuple[str, ...]) -> str | None:
    """The name of the file for a state of this package's files."""
    python = repr((sys.version, sys.implementation.cache_tag, sys.flags.optimize))
    return cache.key_of(_FORMAT, python, *files) if files else None


def note() -> None:
    """Have the modules that are loaded now come from one file in other processes."""
    if _noted or use() or _key() is None:
        return
    loaded = _loaded()
    _noted.extend(name for name in loaded if name not in _before)
    if len(loaded) <= MOST:
        atexit.register(_write, os.getpid())


def _write(process: int) -> None:
    """Write the file, where the files of this package are what they were; a forked child leaves it to its parent."""
    key = _key()
    if os.getpid() != process or key is None:
        return
    try:
        codes = {name: code for name in _noted if (code := _code_of(name)) is not None}
        unchanged = _key_of(sources_now()) == key
    except (OSError, ImportError, SyntaxError, ValueError):  # they are being edited or removed
        return
    if unchanged:
        cache.write(key, marshal.dumps(codes), large=True)


def _code_of(name: str) -> CodeType | None:
    """The code of a module that is made of a file of Python's, as any process would load it."""
    loader = getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None)
    return loader.get_code(name) if isinstance(loader, SourceFileLoader) else None


__all__ = ["note", "use"]
