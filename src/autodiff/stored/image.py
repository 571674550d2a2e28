"""Machine code in memory without LLVM: an image is copied, a few addresses are filled in, and it is run.

    machine = Image(data, addresses)        # addresses: what names outside of it stand for
    machine.address("entry")                # valid while ``machine`` lives

An image (made by ``objects``) refers to itself by distances, and to all else by a table of addresses.
Memory is written before it may be executed, and never both at once.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

PAGE = 4096
_READ_EXECUTE, _READ = 5, 1  # PROT_READ | PROT_EXEC, PROT_READ


def is_possible() -> bool:
    """Whether images are made for, and run on, this system: Linux on x86 of 64 bits."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or os.sysconf("SC_PAGE_SIZE") != PAGE:
        return False
    return os.uname().machine == "x86_64"


class Image:
    """An image in memory, which is given back with this object."""

    def __init__(self, data: Mapping[str, Any], address: Callable[[str], int]) -> None:
        import mmap  # of a process that has something on disk

        memory = mmap.mmap(-1, data["size"], flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        content = data["content"]
        memory[: len(content)] = content
        self._memory = memory
        self._view = ctypes.c_char.from_buffer(memory)  # the memory stays where it is
        self._start = start = ctypes.addressof(self._view)
        for place, name, addend in data["outside"]:
            struct.pack_into("<Q", memory, place, (address(name) + addend) % 2**64)
        for place, target in data["inside"]:
            struct.pack_into("<Q", memory, place, start + target)
        self._names: dict[str, int] = data["names"]
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        code, constants = data["code"], data["constants"]
        if protect(start, code, _READ_EXECUTE):
            raise OSError(ctypes.get_errno(), "memory cannot be made executable")
        if constants > code and protect(start + code, constants - code, _READ):
            raise OSError(ctypes.get_errno(), "memory cannot be protected")

    def address(self, name: str) -> int:
        """The address of a function or variable that the image exports."""
        return self._start + self._names[name]
