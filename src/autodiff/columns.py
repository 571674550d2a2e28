"""Reading the columns of a list of records, and writing records from columns: generated functions.

    [{"t": 0.0, "y": 1.5}, …]          seen once, a table of two columns of floats (``tables``)

    def read(rows):
        if type(rows) is not list or len(rows) < 8 or set(map(type, rows)) != {dict}: return None
        if list(chain(rows)) != ["t", "y"] * len(rows): return None
        a, b = zip(*map(values, rows), strict=True)
        if set(map(type, a)) != {float}: return None          likewise b
        return array(a), array(b)

    def write(a, b):
        return [{"t": x, "y": y} for x, y in zip(a.tolist(), b.tolist())]

``read`` gives None, or raises, for a list that is no table of this layout.  Every row is looked at in each
call; that it is done by whole columns makes it as quick as conditions on the items one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.tables import (
    FEWEST,
    LARGEST,
    LARGEST_INT,
    Array,
    Fixed,
    Layout,
    Numbers,
    Part,
    Record,
    Scalar,
)

Reader = Callable[[Any], tuple[np.ndarray, ...] | None]
Writer = Callable[..., Any]
MANY = 100  # floats that are packed
_DTYPES: dict[type, type] = {int: np.int64, bool: np.bool_}


class Unreadable(Exception):
    """There is no such function for records of this kind."""


def floats(items: Any) -> np.ndarray:
    """An array of objects that are known to be floats; the many are packed in a third of the time."""
    count = len(items)
    if count < MANY:
        return np.fromiter(items, np.float64, count)
    return np.frombuffer(struct.pack(f"{count}d", *items))


class _Code:
    """Lines of a function in the making, and the objects that it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.objects: dict[str, Any] = {
            "type": type, "len": len, "set": set, "map": map, "zip": zip, "list": list, "max": max,
            "min": min, "array": np.array, "floats": floats, "chain": chain.from_iterable,
            "values": dict.values, "join": b"".join, "ndarray": np.ndarray,
        }  # fmt: skip
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"x{self.count}"

    def bound(self, obj: Any) -> str:
        name = f"o{len(self.objects)}"
        self.objects[name] = obj
        return name

    def unless(self, condition: str) -> None:
        self.lines.append(f"if {condition}: return None")

    def function(self, head: str) -> Any:
        text = "\n    ".join([f"def run({head}):", *self.lines])
        # In tracebacks it counts as a line of this file, which are hidden.
        exec(compile(text, __file__, "exec"), self.objects)
        return self.objects["run"]


def compile_read(layout: Layout, fewest: int = FEWEST) -> Reader:
    """The columns of a list or tuple of records that has this layout, and at least so many."""
    code = _Code()
    code.unless(f"type(rows) is not {code.bound(layout.cls)} or len(rows) < {fewest}")
    columns = ", ".join(_read(code, layout.part, "rows"))
    code.lines.append(f"return ({columns},)")
    read: Reader = code.function("rows")
    return read


def _read(code: _Code, part: Part, at: str) -> Iterator[str]:
    """Conditions on the items of a sequence, and the expressions of its columns."""
    if isinstance(part, Record):
        code.unless(f"set(map(type, {at})) != {code.bound({part.cls})}")
        yield from _read_records(code, part, at)
    elif isinstance(part, Scalar):
        code.unless(f"set(map(type, {at})) != {code.bound({part.kind})}")
        if part.kind is int:
            code.unless(f"max({at}) >= {LARGEST_INT} or min({at}) <= -{LARGEST_INT}")
        dtype = _DTYPES.get(part.kind)
        yield f"floats({at})" if dtype is None else f"array({at}, {code.bound(dtype)})"
    elif isinstance(part, Fixed):
        code.unless(f"set(map(type, {at})) != {code.bound({type(part.value)})}")
        code.unless(f"{at}.count({part.value!r}) != len(rows)")
    elif isinstance(part, Numbers):
        flat = code.name()
        code.unless(
            f"set(map(type, {at})) != {code.bound({list})} or len(set(map(len, {at}))) != 1"
        )
        code.lines.append(f"{flat} = list(chain({at}))")
        code.unless(f"set(map(type, {flat})) != {code.bound({part.kind})}")
        yield f"floats({flat}).reshape(len(rows), -1)"
    else:
        yield _read_arrays(code, part, at)


def _read_arrays(code: _Code, part: Array, at: str) -> str:
    """Conditions on arrays, and the expression of the one that they are stacked in.

    Joining their bytes raises for an array that is not in C order, and takes a fifth of the time of np.array.
    """
    shape, stacked = code.name(), code.name()
    code.unless(f"set(map(type, {at})) != {code.bound({np.ndarray})}")
    dtypes = f"list(map({code.bound(attrgetter('dtype'))}, {at}))"
    code.unless(f"{dtypes}.count({code.bound(part.dtype)}) != len(rows)")
    code.lines.append(f"{shape} = {at}[0].shape")
    shapes = f"list(map({code.bound(attrgetter('shape'))}, {at}))"
    code.unless(f"not {shape} or {shapes}.count({shape}) != len(rows)")
    code.lines.append(f"{stacked} = join({at})")
    code.unless(f"len({stacked}) > {LARGEST * part.dtype.itemsize}")
    return f"ndarray((len(rows), *{shape}), {code.bound(part.dtype)}, {stacked})"


def _read_records(code: _Code, part: Record, at: str) -> Iterator[str]:
    if not part.parts:
        raise Unreadable
    items = at
    if part.cls is dict:
        code.unless(f"list(chain({at})) != {code.bound(list(part.names))} * len(rows)")
        items = f"map(values, {at})"
    elif not issubclass(part.cls, tuple):
        if not containers.slots_of(part.cls):
            # All that they hold is compared: besides the fields there may be other attributes.
            held = f"map({code.bound(attrgetter('__dict__'))}, {at})"
            code.unless(f"list(chain({held})) != {code.bound(list(part.names))} * len(rows)")
        items = f"map({code.bound(attrgetter(*part.names))}, {at})"
    parts = [code.name() for _ in part.parts]
    if len(parts) == 1 and not issubclass(part.cls, (tuple, dict)):
        code.lines.append(f"{parts[0]} = list({items})")
    else:
        code.lines.append(f"{', '.join(parts)}, = zip(*{items}, strict=True)")
    for inner, name in zip(part.parts, parts, strict=True):
        yield from _read(code, inner, name)


def compile_write(layout: Layout) -> Writer:
    """The list or tuple of records of some columns."""
    code = _Code()
    given: list[str] = []
    item = _written(code, layout.part, given)
    names = [f"c{k}" for k in range(len(given))]
    items = ", ".join([f"i{k}" for k in range(len(given))])
    sources = [text.format(name) for text, name in zip(given, names, strict=True)]
    each = sources[0] if len(given) == 1 else f"zip({', '.join(sources)}, strict=True)"
    made = f"list({each})" if item in ("i0", f"({items},)") else f"[{item} for {items} in {each}]"
    if len(given) == 1 and item == "(i0,)":
        made = f"list(zip({each}))"
    code.lines.append(f"return {made if layout.cls is list else f'tuple({made})'}")
    write: Writer = code.function(", ".join(names))
    return write


def _written(code: _Code, part: Part, given: list[str]) -> str:
    """The expression of one record; ``given``: how the items of each column are got."""
    if isinstance(part, Fixed):
        return repr(part.value)
    if isinstance(part, Record):
        parts = [_written(code, p, given) for p in part.parts]
        if part.cls is tuple:
            return f"({', '.join(parts)},)"
        if part.cls is dict:
            pairs = zip(part.names, parts, strict=True)
            return "{" + ", ".join([f"{name!r}: {text}" for name, text in pairs]) + "}"
        if issubclass(part.cls, tuple):
            new, cls = code.bound(tuple.__new__), code.bound(part.cls)
            return f"{new}({cls}, ({', '.join(parts)},))"
        return f"{code.bound(_maker(part))}({', '.join(parts)})"
    if isinstance(part, Array):
        given.append("map(array, {})")
    elif isinstance(part, Numbers):
        given.append("{}.tolist()" if part.kind is float else "map(list, {})")
    else:
        given.append("{}" if part.kind is np.float64 else "{}.tolist()")
    return f"i{len(given) - 1}"


def _maker(part: Record) -> Callable[..., Any]:
    """A dataclass of its parts, not through __init__, which may compute or check."""
    code = _Code()
    cls, new = code.bound(part.cls), code.bound(object.__new__)
    names = [f"p{k}" for k in range(len(part.names))]
    code.lines.append(f"made = {new}({cls})")
    slots = containers.slots_of(part.cls)
    if slots:
        for name, text in zip(part.names, names, strict=True):
            code.lines.append(f"{code.bound(slots[name].__set__)}(made, {text})")
    else:
        held = ", ".join([f"{n!r}: {text}" for n, text in zip(part.names, names, strict=True)])
        store = code.bound(object.__setattr__)
        code.lines.append(f"{store}(made, '__dict__', {{{held}}})")
    code.lines.append("return made")
    maker: Callable[..., Any] = code.function(", ".join(names))
    return maker


__all__ = ["Reader", "Unreadable", "Writer", "compile_read", "compile_write"]
