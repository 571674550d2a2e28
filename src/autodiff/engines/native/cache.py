"""Machine code kept on disk, so that a program compiled once loads at once in the next process.

    key = cache.key_of(text, environment)       # environment: versions, CPU, options
    code = cache.read(key)                       # bytes, or None
    cache.write(key, code)

One file per module, ``<directory>/<xx>/<key>.machinecode``: a digest, then the object file.
Files are written under a temporary name and renamed, so a reader sees a whole file or none, also
with several processes at work.  What does not match its digest is treated as absent and written
anew.  The directory's size is limited; the files used longest ago go first.

``AUTODIFF_CACHE=0`` turns the cache off; ``AUTODIFF_CACHE_DIR`` names the directory, which is
otherwise the platform's place for a user's caches.  A directory that cannot be read or written
only costs time: nothing here raises.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sys
import tempfile
from pathlib import Path

LIMIT_BYTES = 512 * 2**20
"""The directory is brought back below this size ..."""

_TRIM_EVERY = 64
"""... about once in so many writes (counting files costs more than writing one)."""

_SUFFIX = ".machinecode"
_MAGIC = b"autodiff object 1\n"
_DIGEST_BYTES = 16

_random = random.Random()  # not numpy's nor the module's state: users seed those


def is_on() -> bool:
    """Whether machine code is kept on disk."""
    return os.environ.get("AUTODIFF_CACHE", "1").lower() not in ("0", "off", "no", "false")


def directory() -> Path:
    """Where machine code is kept."""
    named = os.environ.get("AUTODIFF_CACHE_DIR")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "autodiff"


def key_of(*texts: str) -> str:
    """A name for the machine code that ``texts`` determine."""
    digest = hashlib.blake2b(digest_size=20)
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def path_of(key: str) -> Path:
    """The file that holds the machine code called ``key``."""
    return directory() / key[:2] / f"{key}{_SUFFIX}"


def read(key: str) -> bytes | None:
    """The machine code called ``key``, or None."""
    if not is_on():
        return None
    path = path_of(key)
    try:
        content = path.read_bytes()
    except (OSError, RuntimeError):
        return None
    start = len(_MAGIC) + _DIGEST_BYTES
    code = content[start:]
    if content[:start] != _MAGIC + _digest(code):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now: the last to be evicted
    return code


def write(key: str, code: bytes) -> bool:
    """Keep ``code`` under ``key``; whether it was kept."""
    if not is_on():
        return False
    path = path_of(key)
    try:
        directory().mkdir(
            mode=0o700, parents=True, exist_ok=True
        )  # code to be run: the user's alone
        path.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=_SUFFIX + ".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _digest(code) + code)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, RuntimeError):
        return False
    if _random.randrange(_TRIM_EVERY) == 0:
        trim()
    return True


def trim(limit: int | None = None) -> None:
    """Remove the files used longest ago until the directory holds less than ``limit`` bytes."""
    limit = LIMIT_BYTES if limit is None else limit
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError, RuntimeError):
        for path in directory().glob(f"??/*{_SUFFIX}*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    # Down to nine tenths, so that the next few writes have room.
    for _, size, path in sorted(found):
        if total <= limit * 0.9:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def clear() -> None:
    """Remove all machine code from the cache."""
    trim(-1)


def _digest(code: bytes) -> bytes:
    return hashlib.blake2b(code, digest_size=_DIGEST_BYTES).digest()
