"""The bytecode of what a first call loads, in one file on disk.

    use()       # before the modules that compile are loaded: they come from that file, if there is one
    note()      # a program was compiled: the file is written when the process ends, if there was none

A first call loads a hundred and seventy modules that a call answered from disk does not need.  Python finds each by
itself: it asks the system seven times, reads a file, and makes the names in it anew although most are in other files
too.  From one file, all of it takes less than half of that time, and no bytecode files need be there.

The file is one of the cache, named by Python's version and by size and time of all files of this package.  Modules are
made as ever, with the same specification and a loader that also has their text; only their code is at hand.  Folders of
this package get a finder for that (``sys.path_importer_cache``), which knows of other modules what the usual one does.

Not here: modules that are loaded by a process that needs no compiler (they are loaded before), and those that only some
programs need: the file has what a process had loaded when its first program was compiled.
"""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import sys
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


class _Finder(FileFinder):
    """Finds the modules of a folder: first those whose code is at hand."""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        code = _codes.get(fullname)
        if code is None:
            return super().find_spec(fullname, target)
        path = code.co_filename
        spec = ModuleSpec(fullname, _Loader(fullname, path), origin=path)
        spec.has_location = True
        folder, name = os.path.split(path)
        if name == "__init__.py":
            spec.submodule_search_locations = [folder]
        return spec


@functools.cache
def use() -> bool:
    """Take code from the file, if there is one; whether there is."""
    key = _key()
    content = None if key is None else cache.read(key, large=True)
    if content is None:
        return False
    with few_collections():
        codes = marshal.loads(content)
    _codes.update((name, code) for name, code in codes.items() if name not in sys.modules)
    kinds = (
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (SourceFileLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    for folder in {os.path.dirname(code.co_filename) for code in _codes.values()}:
        sys.path_importer_cache[folder] = _Finder(folder, *kinds)
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
