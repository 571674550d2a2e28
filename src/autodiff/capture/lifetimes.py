"""What is compiled keeps nothing alive of what a call was given, functions and their closures included.

    function(lambda g, x: g(x))(h, x)      def h(x): return np.sum(big * x)

    _c_big_7f.cell_contents      ->   args[0].__closure__[0].cell_contents
    args[0] is h                 ->   args[0] is h() is not None, where h is a weak reference

While capturing, a path may start at an object that is held by identity: a function, a cell of its
closure, a class.  Where such an object can be reached from the arguments, the guards say by which way,
and every call goes that way anew.  A class that a module has by its name lives as long as
the module, and stays the shorter path; what is reached from elsewhere is not the call's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any

from autodiff.capture.paths import Guard, Path
from autodiff.lasting import Weak, is_lasting


class Ways:
    """The ways from the arguments of a call to the objects at which paths start."""

    def __init__(self, known: Iterable[tuple[Any, Path]], guards: Sequence[Guard]) -> None:
        self.objects: list[Any] = []  # whose identities are keys
        self.ways: dict[int, list[Path]] = {}
        self.found: dict[int, Path | None] = {}
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

    def to(self, obj: Any) -> Path | None:
        """The way to an object from the arguments, if there is one and the object may go."""
        key = id(obj)
        if key not in self.found:
            self.found[key] = None  # no way leads through the object itself
            if not is_lasting(obj):
                ways = map(self.from_arguments, self.ways.get(key, ()))
                self.found[key] = next((way for way in ways if way.is_of_arguments), None)
        return self.found[key]

    def from_arguments(self, path: Path) -> Path:
        """The path, from the arguments instead of from objects that they lead to."""
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
        """The guard, from the arguments, with a weak reference to what they gave to the call."""
        path, expected = self.from_arguments(guard.path), guard.expected
        if isinstance(expected, Path):
            expected = self.from_arguments(expected)
        elif guard.relation in ("is", "type") and (
            path.is_of_arguments or self.to(expected) is not None
        ):
            expected = Weak.of(expected)
        return Guard(path, guard.relation, expected)


def let_go(captured: Any) -> None:
    """Have what is read and asked at each call start at the arguments of that call."""
    trace = captured.trace
    known = [(obj, trace.paths[id(obj)]) for obj in trace.keep_alive if id(obj) in trace.paths]
    ways = Ways(known, captured.guards)
    captured.guards = [ways.of(guard) for guard in captured.guards]
    captured.objects = [ways.from_arguments(path) for path in captured.objects]
    for record in captured.inputs:
        record.path = ways.from_arguments(record.path)


__all__ = ["let_go"]
