"""The bytecode of what a first call loads: in one file on disk, or in Python's own files, read without detours.

    use()       # before the modules that compile are loaded: they come from that file, if there is one
    note()      # a program was compiled: the file is written when the process ends, if there was none

A first call loads a hundred and seventy modules that a call answered from disk does not need.  Python finds each by
itself: it asks the system seven times, reads a file, and makes the names in it anew although most are in other files
too.  From one file, all of it takes less than half of that time, and no bytecode files need be there.

The file is one of the cache, named by Python's version and by size and time of all files of this package.  Modules are
made as ever, with the same specification and a loader that also has their text; only their code is at hand.  Folders of
this package get a finder for that (``sys.path_importer_cache``), which knows of other modules what the usual one does.

Where there is no such file, as on a machine that has compiled nothing yet, the finder goes to the bytecode file of a
module at once, which holds if it names size and time of the source as it is: three questions to the system in place of
seven, and nothing of what Python asks for modules that may be anything, in half of its time.  Whatever is not as usual
(no such file, one that is older, of another kind or made elsewhere, a package) is left to Python.

Not here: modules that are loaded by a process that needs no compiler (they are loaded before), and those that only some
programs need: the file has what a process had loaded when its first program was compiled.
"""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import sys
from collections.abc import Iterable
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
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

_codes: dict[str, CodeType] = {}  # of modules that are still to be made
_noted: list[str] = []  # modules whose code is written when the process ends


class _Loader(SourceFileLoader):
    """Has the code of a module at hand, once: who loads it again gets what is in its file."""

    def get_code(self, fullname: str) -> CodeType | None:
        found = _codes.pop(fullname, None)
        return super().get_code(fullname) if found is None else found


class _Reader(SourceFileLoader):
    """Has found the bytecode file of a module, and the source that it is to be of."""

    found: tuple[str, os.stat_result] | None = None  # once

    def get_code(self, fullname: str) -> CodeType | None:
        found, self.found = self.found, None
        code = None if found is None else self._read(*found)
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
        is_own = isinstance(code, CodeType) and code.co_filename == self.path
        return code if is_own else None


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


class _Finder(FileFinder):
    """Finds the modules of a folder: first those whose code is at hand, then those with a bytecode file."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, *_KINDS)
        self._folder = folder + os.sep
        self._before, _, self._after = cache_from_source(f"{self._folder}?.py").rpartition("?")
        self._found: set[str] = set()  # who asks again is answered by Python

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        code = _codes.get(fullname)
        if code is None:
            return self._with_file(fullname) or self._usual(fullname, target)
        path = code.co_filename
        spec = ModuleSpec(fullname, _Loader(fullname, path), origin=path)
        spec.has_location = True
        folder, name = os.path.split(path)
        if name == "__init__.py":
            spec.submodule_search_locations = [folder]
        return spec

    def _with_file(self, fullname: str) -> ModuleSpec | None:
        """A module of this folder that is asked for the first time."""
        name = fullname.rpartition(".")[2]
        path = f"{self._folder}{name}.py"
        try:
            source = os.stat(path)
        except OSError:
            return None
        if name in self._found:
            return None
        self._found.add(name)
        loader = _Reader(fullname, path)
        spec = ModuleSpec(fullname, loader, origin=path)
        spec.has_location = True
        spec.cached = f"{self._before}{name}{self._after}"
        loader.found = spec.cached, source
        return spec

    def _usual(self, fullname: str, target: ModuleType | None) -> ModuleSpec | None:
        """What Python finds; folders of a package get such a finder, too."""
        spec = super().find_spec(fullname, target)
        if spec is not None and spec.submodule_search_locations:
            _look_in(spec.submodule_search_locations)
        return spec


_KINDS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


def _look_in(folders: Iterable[str]) -> None:
    """Give these folders a finder, where they have Python's own, or none yet."""
    known = sys.path_importer_cache
    if sys.implementation.cache_tag is None:  # Python writes no bytecode files
        return
    for folder in folders:
        if type(known.get(folder)) in (FileFinder, type(None)) and os.path.isdir(folder):
            known[folder] = _Finder(folder)


@functools.cache
def use() -> bool:
    """Take code from the file, if there is one; whether there is."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == _PACKAGE:
            _look_in(getattr(module, "__path__", ()))
    key = _key()
    content = None if key is None else cache.read(key, large=True)
    if content is None:
        return False
    with few_collections():
        codes = marshal.loads(content)
    _codes.update((name, code) for name, code in codes.items() if name not in sys.modules)
    _look_in({os.path.dirname(code.co_filename) for code in _codes.values()})
    return True


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
    _noted.extend(name for name in sys.modules if name.partition(".")[0] == _PACKAGE)
    if len(_noted) <= MOST:
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
