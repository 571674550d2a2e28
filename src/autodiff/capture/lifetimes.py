"""What is compiled keeps nothing alive of what a call was given or found, closures of functions included.

    function(lambda g, x: g(x))(h, x)      def h(x): return np.sum(big * x)

    _c_big_7f.cell_contents      ->   args[0].__closure__[0].cell_contents
    args[0] is h                 ->   args[0] is h() is not None, where h is a weak reference

    _c_big_9a.cell_contents      ->   TABLE['h'].__closure__[0].cell_contents     for h of a global table

While capturing, a path may start at an object that is held by identity: a function, a cell of its
closure, a class.  Where such an object can be reached from the arguments, or from what stays as long as
what is compiled, the guards say by which way, and every call goes that way anew.  What stays is the
shorter path: a class that a module has by its name, the function that was compiled, its closure and
its module, and functions that hold nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from autodiff.capture.paths import Guard, Path
from autodiff.lasting import Weak, holds_nothing, is_lasting


class Ways:
    """The ways from the arguments of a call, and from what stays, to the objects at which paths start."""

    def __init__(
        self, compiled: Any, known: Iterable[tuple[Any, Path]], guards: Sequence[Guard]
    ) -> None:
        self.objects: list[Any] = []  # whose identities are keys
        self.ways: dict[int, list[Path]] = {}
        self.found: dict[int, Path | None] = {}
        self.staying = {id(part): part for part in _parts(compiled)}
        self.own = {id(part): part for part in _own(compiled)}
        for obj, path in known:
            self._add(obj, path)
        for guard in guards:
            path = guard.path
            if guard.relation == "is":
                self._add(guard.expected, path)
            elif guard.relation == "type":
                self._add(guard.expected, Path(f"type({path.text})", path.roots))
            for _, root in path.roots:
                self._add(root, None)

    def _add(self, obj: Any, path: Path | None) -> None:
        """Note a way to an object, and through the object to what belongs to it."""
        is_new = id(obj) not in self.ways
        ways = self.ways.setdefault(id(obj), [])
        if path is not None:
            ways.append(path)
        if not is_new:
            return
        self.objects.append(obj)
        start = Path.root(obj, "w")
        if isinstance(obj, FunctionType):
            self._add(obj.__globals__, start.attribute("__globals__"))
            for k, cell in enumerate(obj.__closure__ or ()):
                self._add(cell, start.attribute("__closure__").item(k))
        elif isinstance(obj, type):
            for k, base in enumerate(obj.__mro__[1:], 1):
                self._add(base, start.attribute("__mro__").item(k))

    def stays(self, obj: Any) -> bool:
        """Whether an object lives as long as what is compiled, or holds nothing."""
        return id(obj) in self.staying or is_lasting(obj) or holds_nothing(obj)

    def to(self, obj: Any) -> Path | None:
        """The way to an object from the arguments, or from what stays, if the object may go."""
        key = id(obj)
        if key in self.own:  # what is compiled is of this one, whichever an argument is
            return None
        if key not in self.found:
            self.found[key] = None  # no way leads through the object itself
            if not is_lasting(obj):
                ways = [self.shortened(way) for way in self.ways.get(key, ())]
                of_arguments = (way for way in ways if way.is_of_arguments)
                way = next(of_arguments, None)
                if way is None and not self.stays(obj):
                    way = next(filter(self._starts_at_what_stays, ways), None)
                self.found[key] = way
        return self.found[key]

    def _starts_at_what_stays(self, path: Path) -> bool:
        return all(self.stays(root) for _, root in path.roots)

    def shortened(self, path: Path) -> Path:
        """The path, from the arguments or what stays instead of from objects that they lead to."""
        text, roots = path.text, dict[str, Any]()
        for name, obj in path.roots:
            way = self.to(obj)
            if way is None:
                roots[name] = obj
                continue
            text = re.sub(rf"\b{name}\b", way.text.replace("\\", r"\\"), text)
            roots.update(way.roots)
        return path if text == path.text else Path(text, tuple(roots.items()), path.describe())

    def of(self, guard: Guard) -> Guard:
        """The guard by such paths, with a weak reference to what may go."""
        path, expected = self.shortened(guard.path), guard.expected
        if isinstance(expected, Path):
            expected = self.shortened(expected)
        elif guard.relation in ("is", "type") and (
            path.is_of_arguments or self.to(expected) is not None
        ):
            expected = Weak.of(expected)
        return Guard(path, guard.relation, expected)


def _own(function: Any) -> Iterator[Any]:
    """The function, and the objects that it is a method of or calls."""
    yield function
    if isinstance(function, MethodType):
        yield from _own(function.__self__)
    elif isinstance(function, partial):
        yield from _own(function.func)


def _parts(function: Any) -> Iterator[Any]:
    """What lives as long as a function does: what it is made of, whatever that refers to by now."""
    yield function
    yield from type(function).__mro__
    if isinstance(function, FunctionType):
        yield function.__globals__
        yield from function.__closure__ or ()
    elif isinstance(function, MethodType):
        yield from _parts(function.__func__)
        yield from _parts(function.__self__)
    elif isinstance(function, partial):
        yield from _parts(function.func)


def let_go(captured: Any, function: Any) -> None:
    """Have what is read and asked at each call start at its arguments or at what stays.

    ``function`` is the one that was compiled, which lives as long as what it was compiled to.
    """
    trace = captured.trace
    known = [(obj, trace.paths[id(obj)]) for obj in trace.keep_alive if id(obj) in trace.paths]
    ways = Ways(function, known, captured.guards)
    captured.guards = [ways.of(guard) for guard in captured.guards]
    captured.objects = [ways.shortened(path) for path in captured.objects]
    for record in captured.inputs:
        record.path = ways.shortened(record.path)


__all__ = ["let_go"]
