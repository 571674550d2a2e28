"""Object files to an image: what a linker does, for the few things that generated code asks of one.

    data = linked(objects, ("entry", "status"))       # plain data, see ``image``

Read are ELF files for x86-64 that LLVM makes of position-independent code in the small model.  Code
comes first, then constants, then variables and a table of addresses; each begins on a page.  Calls of
what is outside go through a jump, ``jmp *address(%rip)``.  What is not known here (thread-local
variables, absolute 32-bit addresses) is refused: then nothing is stored.

The format is that of the System V ABI, AMD64 supplement, chapter 4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autodiff.plain_data import dataclass
from autodiff.stored.image import PAGE

_ALLOCATED, _WRITABLE, _EXECUTABLE, _THREAD = 0x2, 0x1, 0x4, 0x400
_SYMBOLS, _RELOCATIONS, _NOTHING, _UNWINDING = 2, 4, 8, 0x70000001
_R_64, _R_PC32, _R_PLT32, _R_GOTPCREL, _R_PC64 = 1, 2, 4, 9, 24
_R_GOTPCRELX, _R_REX_GOTPCRELX = 41, 42
_FIRST_SPECIAL = 0xFF00  # numbers of sections that are none
_JUMP = b"\xff\x25"


class Unlinkable(Exception):
    """An object file has something that is not known here."""


@dataclass(frozen=True)
class _Section:
    kind: int
    flags: int
    content: bytes
    size: int
    align: int
    link: int
    info: int
    name: str


@dataclass(frozen=True)
class _Symbol:
    name: str
    section: int  # 0: defined elsewhere
    value: int
    is_global: bool


class _Object:
    """One object file."""

    def __init__(self, code: bytes) -> None:
        if code[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", code, 16) != (1, 62):
            raise Unlinkable("not an object file for x86-64")
        (table,) = struct.unpack_from("<Q", code, 40)
        count, names = struct.unpack_from("<HH", code, 60)
        heads = [struct.unpack_from("<IIQQQQIIQQ", code, table + 64 * k) for k in range(count)]
        titles = code[heads[names][4] : heads[names][4] + heads[names][5]]
        self.sections = [_section(code, head, titles) for head in heads]
        found = [s for s in self.sections if s.kind == _SYMBOLS]
        if len(found) != 1:
            raise Unlinkable("no table of symbols")
        texts = self.sections[found[0].link].content
        self.symbols = [
            _Symbol(_text(texts, name), section, value, info >> 4 != 0)
            for name, info, _, section, value, _ in struct.iter_unpack("<IBBHQQ", found[0].content)
        ]
        if any(s.section >= _FIRST_SPECIAL and s.name and s.is_global for s in self.symbols):
            raise Unlinkable("an absolute or common symbol")

    def relocations(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Section, place, kind, symbol and addend."""
        for section in self.sections:
            if section.kind == _RELOCATIONS and self.is_kept(section.info):
                for place, info, addend in struct.iter_unpack("<QQq", section.content):
                    yield section.info, place, info & 0xFFFFFFFF, info >> 32, addend

    def is_kept(self, number: int) -> bool:
        """Whether a section is part of a program; tables for exceptions are not: none go through."""
        section = self.sections[number]
        if section.flags & _THREAD:
            raise Unlinkable("thread-local variables")
        return bool(section.flags & _ALLOCATED) and not (
            section.kind == _UNWINDING or section.name == ".eh_frame"
        )


def _section(code: bytes, head: tuple[int, ...], titles: bytes) -> _Section:
    name, kind, flags, _, offset, size, link, info, align, _ = head
    content = b"" if kind == _NOTHING else code[offset : offset + size]
    return _Section(kind, flags, content, size, max(align, 1), link, info, _text(titles, name))


def _text(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode()


def undefined(code: bytes) -> list[str]:
    """The names that an object file uses and does not define."""
    return [s.name for s in _Object(code).symbols if s.name and not s.section]


def linked(objects: Sequence[bytes], exported: Sequence[str]) -> dict[str, Any]:
    """The image of some object files, in which ``exported`` names can be found.

    Raises
    ------
    Unlinkable
        When one has something that is not known here.
    """
    return _Linker([_Object(code) for code in objects]).image(exported)


class _Linker:
    def __init__(self, objects: Sequence[_Object]) -> None:
        self.objects = objects
        self.content = bytearray()
        self.places: dict[tuple[int, int], int] = {}  # of sections, by object and number
        self.table: dict[
            tuple[str, int] | int, int
        ] = {}  # addresses wanted, and where they will be
        self.jumps: dict[str, int] = {}

    def image(self, exported: Sequence[str]) -> dict[str, Any]:
        """The image as plain data."""
        outside = {name for name in self._used() if name not in self._defined()}
        self._lay(lambda s: bool(s.flags & _EXECUTABLE))
        for name in sorted(outside):
            self._align(8)
            self.jumps[name] = len(self.content)
            self.content += _JUMP + b"\0\0\0\0"
        self._align(PAGE)
        code = len(self.content)
        self._lay(lambda s: not s.flags & (_EXECUTABLE | _WRITABLE))
        self._align(PAGE)
        constants = len(self.content)
        self._lay(lambda s: bool(s.flags & _WRITABLE) and not s.flags & _EXECUTABLE)
        self._align(8)
        self.names = {
            s.name: self.places[k, s.section] + s.value
            for k, of in enumerate(self.objects)
            for s in of.symbols
            if s.is_global and s.section and (k, s.section) in self.places
        }
        inside, elsewhere = self._patched()
        for name, at in self.jumps.items():
            self._distance(at + 2, self._entry((name, 0)) - 4, at + 2)
        for wanted, at in self.table.items():
            if isinstance(wanted, int):
                inside.append((at, wanted))
            else:
                elsewhere.append((at, *wanted))
        self._align(PAGE)
        return {
            "content": bytes(self.content), "size": len(self.content), "code": code,
            "constants": constants, "inside": inside, "outside": elsewhere,
            "names": {name: self.names[name] for name in exported},
        }  # fmt: skip

    def _defined(self) -> set[str]:
        return {s.name for of in self.objects for s in of.symbols if s.is_global and s.section}

    def _used(self) -> set[str]:
        return {
            of.symbols[symbol].name
            for of in self.objects
            for _, _, kind, symbol, _ in of.relocations()
            if kind == _R_PLT32 and not of.symbols[symbol].section
        }

    def _align(self, to: int) -> None:
        self.content += bytes(-len(self.content) % to)

    def _lay(self, wanted: Callable[[_Section], bool]) -> None:
        for k, of in enumerate(self.objects):
            for number, section in enumerate(of.sections):
                if section.size and of.is_kept(number) and wanted(section):
                    self._align(section.align)
                    self.places[k, number] = len(self.content)
                    self.content += section.content or bytes(section.size)

    def _entry(self, wanted: tuple[str, int] | int) -> int:
        """Where the table holds an address."""
        at = self.table.get(wanted)
        if at is None:
            at = self.table[wanted] = len(self.content)
            self.content += bytes(8)
        return at

    def _distance(self, place: int, target: int, origin: int) -> None:
        try:
            struct.pack_into("<i", self.content, place, target - origin)
        except struct.error:
            raise Unlinkable("too far") from None

    def _patched(self) -> tuple[list[tuple[int, int]], list[tuple[int, str, int]]]:
        """Fill in distances; the places of addresses, of what is inside and of what is not."""
        inside: list[tuple[int, int]] = []
        outside: list[tuple[int, str, int]] = []
        for k, of in enumerate(self.objects):
            for section, offset, kind, number, addend in of.relocations():
                place = self.places[k, section] + offset
                symbol = of.symbols[number]
                if symbol.section:
                    target = self.places.get((k, symbol.section), None)
                    target = None if target is None else target + symbol.value
                else:
                    target = self.names.get(symbol.name)
                if target is None and (symbol.section or not symbol.name):
                    raise Unlinkable("a symbol in a section that is left out")
                if kind in (_R_GOTPCREL, _R_GOTPCRELX, _R_REX_GOTPCRELX):
                    wanted = (symbol.name, 0) if target is None else target
                    self._distance(place, self._entry(wanted) + addend, place)
                elif kind == _R_64:
                    if target is None:
                        outside.append((place, symbol.name, addend))
                    else:
                        inside.append((place, target + addend))
                elif kind == _R_PLT32 or (kind == _R_PC32 and target is not None):
                    to = self.jumps[symbol.name] if target is None else target
                    self._distance(place, to + addend, place)
                elif kind == _R_PC64 and target is not None:
                    struct.pack_into("<q", self.content, place, target + addend - place)
                else:
                    raise Unlinkable(f"a relocation of kind {kind}")
        return inside, outside
