"""What is kept on disk, so that a program compiled once loads at once in the next process.

    key = cache.key_of(text, environment)       # environment: versions, CPU, options
    code = cache.read(key)                       # bytes, or None
    cache.write(key, code)

One file per module, ``<directory>/<xx>/<key>.machinecode``: a digest of key and code, then the
object file.  Files are written under a temporary name and renamed, so a reader sees a whole file
or none, also with several processes at work.  What does not match its digest is treated as absent
and written anew: damage, and a file that was put under another file's name.  The directory's size
is limited; the files used longest ago go first.

What is read here is run, so it has to be the user's own: a folder or file that belongs to somebody
else, that others may write, or that is reached by a symbolic link is neither read nor written.  The
digest is no secret and no protection against a user who may write here; the owner is.

``AUTODIFF_CACHE=0`` turns the cache off, ``code`` keeps machine code alone and no whole
specialisations (``stored``); ``AUTODIFF_CACHE_DIR`` names the directory, which is
otherwise the platform's place for a user's caches.  A directory that cannot be read or written
only costs time: nothing here raises.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    # What ``hashlib.blake2b`` is; ``hashlib`` itself loads all of OpenSSL, which takes milliseconds.
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_BYTES = 512 * 2**20
"""The directory is brought back below this size ..."""

_TRIM_EVERY = 64
"""... about once in so many writes (counting files costs more than writing one)."""

_SUFFIX = ".machinecode"
_MAGIC = b"autodiff object 2\n"
_DIGEST_BYTES = 16
_ABANDONED = 3600.0  # seconds after which a temporary file is of a process that was killed

# No link is followed, and opening a pipe does not wait; both are names of POSIX alone.
_OPENING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OPENING |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_MAKING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | (_OPENING & ~os.O_RDONLY)


def is_on() -> bool:
    """Whether machine code is kept on disk."""
    if os.environ.get("AUTODIFF_CACHE", "1").lower() in ("0", "off", "no", "false"):
        return False
    # A user without a home (of a number that has no name) would get a folder called ``~``.
    return bool(os.environ.get("AUTODIFF_CACHE_DIR")) or os.path.isabs(_place())


def directory() -> Path:
    """Where machine code is kept."""
    from pathlib import Path  # not needed to read and write, and slow to load

    return Path(_place())


def _place() -> str:
    named = os.environ.get("AUTODIFF_CACHE_DIR")
    if named:
        return named
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or ""
        if not os.path.isabs(base):  # which is to be ignored, by the standard of that variable
            base = os.path.expanduser("~/.cache")
    return os.path.join(base, "autodiff")


def key_of(*texts: str) -> str:
    """A name for the machine code that ``texts`` determine."""
    digest = blake2b(digest_size=20)
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def path_of(key: str) -> Path:
    """The file that holds the machine code called ``key``."""
    return directory() / key[:2] / f"{key}{_SUFFIX}"


def _folder_of(key: str) -> str:
    return os.path.join(_place(), key[:2])


def read(key: str, large: bool = False) -> bytes | None:
    """The machine code called ``key``, or None; ``large``: of megabytes, which have a digest that is made sooner."""
    if not is_on():
        return None
    folder = _folder_of(key)
    path = os.path.join(folder, key + _SUFFIX)
    try:
        if not _are_ours(_place(), folder):
            return None
        # Owner and mode are asked of the file that is open, which nobody can exchange any more.
        with open(os.open(path, _OPENING), "rb", 0) as file:  # unbuffered: read whole
            if not _is_ours(os.fstat(file.fileno()), stat.S_ISREG):
                return None
            head, code = file.read(len(_MAGIC) + _DIGEST_BYTES), file.read()
    except (OSError, RuntimeError):
        return None
    if head != _MAGIC + (_digest_of_large if large else _digest)(key, code):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now: the last to be evicted
    return code


def write(key: str, code: bytes, large: bool = False) -> bool:
    """Keep ``code`` under ``key``, to be read with the same ``large``; whether it was kept.

    The file is not forced to the disk: what a power failure leaves of it does not match its digest,
    and waiting for the disk would take longer than many a compilation.
    """
    if not is_on():
        return False
    folder = _folder_of(key)
    try:
        # Code to be run: the folders are the user's alone.
        with contextlib.suppress(FileExistsError):
            os.makedirs(os.path.dirname(_place()) or ".", exist_ok=True)
            os.mkdir(_place(), 0o700)
        if not _are_ours(_place()):  # before anything is made in it
            return False
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        if not _are_ours(folder):
            return False
        handle, temporary = _new_file(folder, key)
        try:
            with os.fdopen(handle, "wb") as file:
                digest = (_digest_of_large if large else _digest)(key, code)
                file.write(_MAGIC + digest + code)
            os.replace(temporary, os.path.join(folder, key + _SUFFIX))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, RuntimeError):
        return False
    if int.from_bytes(os.urandom(4), "little") % _TRIM_EVERY == 0:
        trim()
    return True


def _new_file(folder: str, key: str) -> tuple[int, str]:
    """A file of a name that no other process or thread has, open for writing by this user alone."""
    while True:
        temporary = os.path.join(folder, f"{key}.{os.urandom(8).hex()}{_SUFFIX}.tmp")
        with contextlib.suppress(FileExistsError):
            return os.open(temporary, _MAKING, 0o600), temporary


def _are_ours(*folders: str) -> bool:
    """Whether all of these are folders (not links to some) that only this user can change."""
    return all(_is_ours(os.lstat(folder), stat.S_ISDIR) for folder in folders)


def _is_ours(facts: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Whether a file or folder is of a kind, belongs to this user, and is closed to others."""
    if not is_kind(facts.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows: a user's folders are closed to others by inheritance
        return True
    return facts.st_uid == os.geteuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def trim(limit: int | None = None) -> None:
    """Remove the files used longest ago until the directory holds less than ``limit`` bytes."""
    limit = LIMIT_BYTES if limit is None else limit
    found: list[tuple[float, int, str]] = []
    with contextlib.suppress(OSError, RuntimeError):
        if not _are_ours(_place()):
            return
        for path in _files():
            with contextlib.suppress(OSError):
                facts = os.lstat(path)
                if path.endswith(".tmp") and time.time() - facts.st_mtime > _ABANDONED:
                    os.unlink(path)
                else:
                    found.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    # Down to nine tenths, so that the next few writes have room.
    for _, size, path in sorted(found):
        if total <= limit * 0.9:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size


def _files() -> list[str]:
    """The files of the cache, also those that are not finished."""
    try:
        inside = list(os.scandir(_place()))
    except FileNotFoundError:  # nothing has been written yet
        return []
    folders = [one.path for one in inside if len(one.name) == 2 and one.is_dir()]
    return [f.path for folder in folders for f in os.scandir(folder) if _SUFFIX in f.name]


def clear() -> None:
    """Remove all machine code from the cache."""
    trim(-1)


def _digest(key: str, code: bytes) -> bytes:
    digest = blake2b(key.encode(), digest_size=_DIGEST_BYTES)
    digest.update(b"\n")  # no key has one
    digest.update(code)
    return digest.digest()


def _digest_of_large(key: str, code: bytes) -> bytes:
    """That of Python's own bytecode files: 0.15 ms a megabyte, a fifth of the other's time."""
    import importlib.util

    return importlib.util.source_hash(code) + importlib.util.source_hash(key.encode())
