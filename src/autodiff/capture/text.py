"""Text made of traced values: formatted when the program runs, by the effect that uses it.

    print(f"loss {x:.3f}")      the f-string is a DeferredText until print is called at each run
    f"{x:.1f}" == "1.0"         Python needs the characters now: this call's, and a guard

How captured code makes such text is in :mod:`autodiff.capture.formatting`.  What is shown may be a
container or an object with traced values in it: Python itself writes it, once it is made anew with
the values that these have (:func:`materialised`).  Every use of a :class:`DeferredText` but as an
argument of an effect asks for its characters.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.ladder import Declined
from autodiff.ops.tracer import StoredList, Tracer


class DeferredText:
    """Text with traced values in it.

    ``parts`` are strings, and ``(value, conversion, specification)``: what is shown, as it was when
    the text was made; the function that makes it a string, None for ``format`` itself; what
    ``format`` is told.
    """

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def render(self, resolve: Callable[[Any], Any]) -> str:
        """The text, with ``resolve`` giving what each part shows."""
        texts = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value, convert, specification = part
            value = resolve(value)
            texts.append(format(value if convert is None else convert(value), specification))
        return "".join(texts)

    def __str__(self) -> str:
        text = self.render(materialised)
        for part in self.parts:
            if not isinstance(part, str):
                _note_written(part[0], text)
        return text

    def __add__(self, other: Any) -> DeferredText:
        if not isinstance(other, (str, DeferredText)):
            return NotImplemented
        return DeferredText(
            [*self.parts, *(other.parts if isinstance(other, DeferredText) else [other])]
        )

    def __radd__(self, other: Any) -> DeferredText:
        return DeferredText([other, *self.parts]) if isinstance(other, str) else NotImplemented

    # -- Python needs the characters ---------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        return getattr(str(self), name)

    def __eq__(self, other: object) -> bool:
        return str(self) == (str(other) if isinstance(other, DeferredText) else other)

    def __lt__(self, other: Any) -> bool:
        return str(self) < characters(other)

    def __le__(self, other: Any) -> bool:
        return str(self) <= characters(other)

    def __gt__(self, other: Any) -> bool:
        return str(self) > characters(other)

    def __ge__(self, other: Any) -> bool:
        return str(self) >= characters(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return repr(str(self))

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __bool__(self) -> bool:
        return any(part for part in self.parts if isinstance(part, str)) or bool(str(self))

    def __len__(self) -> int:
        return len(str(self))

    def __iter__(self) -> Iterator[str]:
        return iter(str(self))

    def __contains__(self, item: Any) -> bool:
        return characters(item) in str(self)

    def __getitem__(self, index: Any) -> str:
        return str(self)[index]

    def __mul__(self, count: int) -> str:
        return str(self) * count

    __rmul__ = __mul__

    def __mod__(self, values: Any) -> str:
        return str(self) % values


class Said:
    """Stands, in what a text shows, for an object whose own text is known already."""

    def __init__(self, text: str | DeferredText) -> None:
        self.text = text

    def __repr__(self) -> str:
        return str(self.text)


def is_pending(x: Any) -> bool:
    """Whether ``x`` is known only when the program runs: a traced value, or text made of some."""
    if isinstance(x, StoredList):
        return x.python_type is tuple or x.is_numbers()
    return isinstance(x, (Tracer, DeferredText)) or (
        isinstance(x, Said) and isinstance(x.text, DeferredText)
    )


def hides_pending(x: Any) -> bool:
    """Whether an object that is no container holds what is pending: ``itertools.count(x)`` does.

    What Python's own objects in C refer to, and containers in them, is looked at.
    """
    if type(x) in _HOLD_NOTHING or isinstance(x, _OTHERS):
        return False
    if type(x).__module__.partition(".")[0] == "autodiff":
        return False
    seen: set[int] = set()
    inside = [x]
    while inside and len(seen) < MOST_LOOKED_AT:
        for part in gc.get_referents(inside.pop()):
            if is_pending(part):
                return True
            if isinstance(part, (list, tuple, dict, set, deque)) and id(part) not in seen:
                seen.add(id(part))
                inside.append(part)
    return False


MOST_LOOKED_AT = 1000  # lists and dicts in an object that is no container
_HOLD_NOTHING = frozenset((int, float, complex, bool, str, bytes, type(None)))
_OTHERS = (type, ModuleType, FunctionType, BuiltinFunctionType, np.ndarray, np.generic, np.ufunc)


def refuse_hidden(x: Any) -> None:
    """Decline to hand over what holds pending values where nobody would exchange them."""
    for part in containers.leaves(x, is_pending, keys=True):
        if not is_pending(part) and hides_pending(part):
            raise Declined(f"a {type(part).__name__} that holds traced values, used as a whole")


def _note_written(shown: Any, text: str) -> None:
    """Tell the capture that Python has the characters of a text in which something is shown."""
    for part in containers.leaves(shown, is_pending, keys=True):
        if isinstance(part, Tracer):
            part._shown_in(text)
        elif isinstance(part, StoredList):
            _note_written(list(part), text)


def _value_of(x: Tracer) -> Any:
    return x._concrete()


def materialised(x: Any, value_of: Callable[[Tracer], Any] = _value_of) -> Any:
    """``x`` with the values of this call; containers and objects with traced values are made anew."""

    def known(part: Any) -> Any:
        if isinstance(part, Tracer):
            return value_of(part)
        if isinstance(part, StoredList):
            return part.python_type([materialised(item, value_of) for item in part])
        if isinstance(part, Said):
            return Said(known(part.text))
        text: str = part.render(lambda shown: materialised(shown, value_of))
        return text

    return containers.replaced(x, is_pending, known, copied=is_made_list)


def is_made_list(x: Any) -> bool:
    """Whether ``x`` is a list of captured code, which Python's own functions get as a plain one."""
    return isinstance(x, StoredList)


def _has_text(x: Any) -> bool:
    return type(x) in (DeferredText, Said)


def characters(x: Any) -> Any:
    """``x`` with the texts in it as plain strings, wherever in containers they are."""
    if isinstance(x, DeferredText):
        return str(x)
    # What is given may be kept, and changed later: without texts it is x itself.
    return containers.replaced(x, _has_text, str, stop=_is_stored)


def _is_stored(x: Any) -> bool:
    return isinstance(x, StoredList) and x.is_stored()


__all__ = [
    "DeferredText",
    "Said",
    "characters",
    "hides_pending",
    "is_made_list",
    "is_pending",
    "materialised",
    "refuse_hidden",
]
