"""Where the values of a function come from, so that every call reads them again.

A :class:`Path` is a Python expression from something a call can reach — an argument, a module's
globals, a closure cell, a function's defaults — to an object: ``args[0].weights['W']``.  Arrays
and floats reached by a path are hidden inputs, read at each call; other values that shaped the
program are guarded.  ``compile_reader`` turns the paths and guards of one capture into a single
Python function, so that a call costs a few dictionary look-ups.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from types import CodeType
from typing import Any

from autodiff import containers, tree
from autodiff.lasting import Weak
from autodiff.patterns import pattern
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value

# How roots are written: (what the path begins with, what stands for it).
_WRITTEN = (
    (pattern(r"^_g[0-9a-f]+\['(\w+)'\]"), r"\1"),  # a global
    (pattern(r"^_g[0-9a-f]+$"), "globals"),
    (pattern(r"^_c(?:_(\w+)_)?[0-9a-f]+\.cell_contents"), r"\1"),  # a variable of a closure
    (pattern(r"^_kept_(\w+)_[0-9a-f]+$"), r"\1 (as it was)"),  # what a recording holds
    (pattern(r"^_f[0-9a-f]+\.__defaults__"), "defaults"),
    (pattern(r"^_f[0-9a-f]+\.__kwdefaults__"), "defaults"),
    (pattern(r"^_([a-z]+)[0-9a-f]+(?=$|[.\[])"), r"\1"),  # self, a class, a module
)
_OF_GLOBALS = pattern(r"^_g[0-9a-f]+$")
# An attribute that the class would compute, read as the object holds it.
_HELD = pattern(r"_held\(((?:(?!_held).)*?), '(\w+)'\)")


@dataclass(frozen=True)
class Path:
    """``text`` evaluated with the objects of ``roots`` bound to their names."""

    text: str
    roots: tuple[tuple[str, Any], ...] = ()
    described: str = field(default="", compare=False)  # in place of the text
    shared: Path | None = field(
        default=None, compare=False
    )  # what others are items of, too: found once

    def attribute(self, name: str) -> Path:
        """The path to an attribute."""
        return Path(f"{self.text}.{name}", self.roots)

    def item(self, key: Any) -> Path:
        """The path to an item; a key that no text says (an enumeration's member) is held itself."""
        if is_literal(key):
            return Path(f"{self.text}[{key!r}]", self.roots)
        name = f"_k{id(key):x}"
        return Path(f"{self.text}[{name}]", (*self.roots, (name, key)))

    def describe(self) -> str:
        """The path as a user would write it: names instead of the objects that hold them."""
        text = self.described or self.text
        for written, replacement in _WRITTEN:
            text = written.sub(replacement, text)
        while _HELD.search(text):
            text = _HELD.sub(r"\1.\2", text)
        return text

    @property
    def is_of_arguments(self) -> bool:
        """Whether it starts at the arguments of the call."""
        text = self.text
        while text.startswith(("_held(", "type(")):
            text = text.partition("(")[2]
        return text.startswith("args[")

    @staticmethod
    def root(obj: Any, prefix: str) -> Path:
        """A path that starts at an object held by identity."""
        name = f"_{prefix}{id(obj):x}"
        return Path(name, ((name, obj),))


def is_literal(key: Any) -> bool:
    """Whether the text of a path can say a key or an argument."""
    if type(key) is tuple:
        return all(is_literal(part) for part in key)
    if type(key) is float:
        return math.isfinite(key)
    return type(key) in (int, str, bool, bytes, type(None))


@dataclass(frozen=True)
class Guard:
    """A condition on what a path leads to.

    ``is``, ``equal`` (same type and value, -0.0 is not 0.0), ``type``, ``length``, ``keys``; ``alias`` and ``apart``,
    where the expected is another path, which leads to the same object or to another one;
    ``missing``, ``lacks`` and ``has``: what the path leads to has no item, no attribute, an
    attribute of that name; ``computes``: none but what ``__getattr__`` makes; ``contents``: an array
    with these bytes; ``not given``: it is none of the containers in the arguments;
    ``without repeats``: no container is in the arguments twice, the expected being whether tuples matter.
    """

    path: Path
    relation: str
    expected: Any

    @property
    def is_dead(self) -> bool:
        """Whether it cannot hold any more: what it compares with is gone."""
        return isinstance(self.expected, Weak) and self.expected() is None

    def describe(self) -> str:
        """The condition as a line of text."""
        where = self.path.describe()
        if self.relation == "missing":
            if _OF_GLOBALS.fullmatch(self.path.text):
                return f"no global is named {self.expected}"
            return f"{where} has no item {self.expected!r}"
        if self.relation in ("lacks", "has", "computes"):
            says = {"lacks": "has no attribute", "has": "has an attribute"}
            return f"{where} {says.get(self.relation, 'stores no attribute')} {self.expected!r}"
        if self.relation == "is" and isinstance(self.expected, CodeType):
            return f"the code of {self.expected.co_qualname} is as it was"
        if self.relation in ("apart", "alias"):
            return f"{where} is {'not ' * (self.relation == 'apart')}{self.expected.describe()}"
        named = self.relation in ("is", "type")
        expected = getattr(self.expected, "__name__", None) if named else None
        if isinstance(self.expected, Path):
            expected = self.expected.describe()
        expected = expected or repr(self.expected)
        short = expected if len(expected) < 60 else expected[:57] + "…"
        return f"{where} {self.relation} {short}"

    def condition(self, name: str) -> str:
        """The Python expression that is true while the guard holds."""
        text = self.path.text
        if isinstance(self.expected, Weak):
            name = Weak.compared(name)
        if self.relation == "is":
            return f"{text} is {name}"
        if self.relation == "type":
            return f"type({text}) is {name}"
        if self.relation == "length":
            return f"len({text}) == {name}"
        if self.relation == "keys":
            if all(type(key) is str for key in self.expected):
                return f"tuple({text}) == {name}"
            return f"_same(tuple({text}), {name})"
        if self.relation == "alias":
            return f"{text} is {self.expected.text}"
        if self.relation == "apart":
            return f"{text} is not {self.expected.text}"
        if self.relation == "without repeats":
            return f"not _has_repeats({text}, {name})"
        if self.relation == "not given":
            return f"not _is_given({text}, args)"
        if self.relation == "missing":
            return f"{name} not in {text}"
        if self.relation in ("has", "lacks"):
            return f"{'not ' if self.relation == 'lacks' else ''}hasattr({text}, {name})"
        if self.relation == "computes":
            return f"not _found({text}, {name})"
        if self.relation == "contents":
            return f"{text}.tobytes() == {name}"
        return f"_same({text}, {name})"


def is_given(obj: Any, slots: Sequence[Any]) -> bool:
    """Whether an object is one of the containers in a call's arguments."""
    return any(part is obj for part in tree.nodes(slots))


_EMPTY: tuple[()] = ()  # of which there is one


def containers_in(slots: Sequence[Any], tuples: bool) -> Iterator[Any]:
    """The containers in a call's arguments, as often as they are there; ``tuples``: also those that cannot change."""
    for part in tree.nodes(slots):
        if part is not _EMPTY and (
            tuples or not isinstance(part, tuple) or containers.attributes_of(part)
        ):
            yield part


def has_repeats(slots: Sequence[Any], tuples: bool) -> bool:
    """Whether a container is in a call's arguments twice."""
    seen: set[int] = set()
    for part in containers_in(slots, tuples):
        if id(part) in seen:
            return True
        seen.add(id(part))
    return False


def found_without_getattr(obj: Any, name: str) -> bool:
    """Whether an attribute is there before ``__getattr__`` is asked."""
    try:
        object.__getattribute__(obj, name)
    except AttributeError:
        return False
    return True


def compile_reader(
    guards: Sequence[Guard], hidden: Sequence[Path]
) -> Callable[[tuple[Any, ...]], tuple[Any, ...] | None]:
    """A function of the call's arguments: the hidden inputs, or None when a guard fails."""
    namespace: dict[str, Any] = {
        "_same": same_value, "_found": found_without_getattr, "_is_given": is_given,
        "_has_repeats": has_repeats, "_held": containers.held,
    }  # fmt: skip
    conditions = []
    seen: set[tuple[str, str, str]] = set()
    for number, guard in enumerate(guards):
        related = guard.expected if isinstance(guard.expected, Path) else None
        named = guard.relation in ("missing", "lacks", "has", "computes", "without repeats")
        missing = guard.expected if named else None
        key = (guard.path.text, guard.relation, related.text if related else repr(missing))
        if key in seen:
            continue
        seen.add(key)
        namespace.update(guard.path.roots)
        if related is None:
            namespace[f"_e{number}"] = guard.expected
        else:
            namespace.update(related.roots)
        conditions.append(guard.condition(f"_e{number}"))
    for path in hidden:
        namespace.update(path.roots)
    shared: dict[str, str] = {}
    found = []
    for path in hidden:
        whole = "" if path.shared is None else path.shared.text
        name = shared.setdefault(whole, f"_w{len(shared)}") if whole else ""
        found.append(name + path.text.removeprefix(whole))
    results = ", ".join(found)
    lines = ["def reader(args):", "    try:"]
    if conditions:
        lines.append(f"        if not ({' and '.join(conditions)}):")
        lines.append("            return None")
    lines += [f"        {name} = {text}" for text, name in shared.items()]
    lines.append(f"        return ({results}{',' if hidden else ''})")
    # A path that no longer exists (a deleted global, a missing attribute) fails the guards.
    lines += ["    except (AttributeError, KeyError, IndexError, TypeError, ValueError):"]
    lines.append("        return None")
    exec(_compiled("\n".join(lines)), namespace)
    return namespace["reader"]


@functools.lru_cache(256)
def _compiled(text: str) -> CodeType:
    """The code of a reader: those of functions that read the same names are one text."""
    return compile(text, "<string>", "exec")
