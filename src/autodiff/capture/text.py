"""Text made of traced values: formatted when the program runs, by the effect that uses it.

    print(f"loss {x:.3f}")      the f-string is a DeferredText until print is called at each run
    f"{x:.1f}" == "1.0"         Python needs the characters now: this call's, and a guard

``str``, ``repr``, ``format`` and f-strings of traced values give a :class:`DeferredText`.  Every
use of it but as an argument of an effect asks for its characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.ops.tracer import StoredList, Tracer

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame


_CONVERSIONS: dict[Any, Any] = {"r": repr, "s": str, "a": ascii}


class DeferredText:
    """An f-string with traced values: formatted at each run by the effect that uses it."""

    def __init__(self, parts: list[Any]) -> None:
        # Strings, and (value, conversion, format specification); a conversion is a letter of an
        # f-string or a function.
        self.parts = parts

    def render(self, resolve: Callable[[Any], Any]) -> str:
        """The text, with ``resolve`` giving the value of each traced part."""
        texts = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value, conversion, specification = part
            value = resolve(value)
            convert = _CONVERSIONS.get(conversion, conversion or None)
            value = value if convert is None else convert(value)
            texts.append(format(value, specification))
        return "".join(texts)

    def __str__(self) -> str:
        return self.render(lambda x: x._concrete() if isinstance(x, Tracer) else x)

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


def characters(x: Any) -> Any:
    """``x`` with the texts in it, in lists and tuples too, as plain strings."""
    if isinstance(x, DeferredText):
        return str(x)
    if type(x) in (list, tuple) or (isinstance(x, StoredList) and not x.is_stored()):
        items = [characters(item) for item in x]
        # What is given may be kept, and changed later: without texts it is x itself.
        if any(a is not b for a, b in zip(items, x, strict=True)):
            return tuple(items) if type(x) is tuple else items
    return x


def _text(conversion: str, plain: Callable[..., str]) -> Callable[..., Any]:
    def run(frame: Frame, *arguments: Any, **keywords: Any) -> Any:
        if len(arguments) == 1 and not keywords and not frame.trace.eager:
            if isinstance(arguments[0], DeferredText) and conversion == "s":
                return arguments[0]
            if isinstance(arguments[0], (Tracer, DeferredText)):
                return DeferredText([(arguments[0], conversion, "")])
        _refuse(frame, arguments)
        return plain(*[_known(a) for a in arguments], **keywords)

    return run


def _refuse(frame: Frame, objects: Any) -> None:
    from autodiff.capture.expressions import refuse_unseen

    refuse_unseen(frame, objects)


def _known(x: Any) -> Any:
    return x._concrete() if isinstance(x, Tracer) else x


def _format(frame: Frame, x: Any, specification: str = "") -> Any:
    if isinstance(x, Tracer) and not frame.trace.eager:
        return DeferredText([(x, "", str(specification))])
    _refuse(frame, (x,))
    return format(x, specification)


def _numpys(plain: Callable[..., str]) -> Callable[..., Any]:
    """A function of NumPy that writes an array or a number."""

    def run(frame: Frame, *arguments: Any, **keywords: Any) -> Any:
        others = [*arguments[1:], *keywords.values()]
        if (
            arguments
            and isinstance(arguments[0], Tracer)
            and not frame.trace.eager
            and all(isinstance(x, (int, float, str, type(None))) for x in others)
        ):
            return DeferredText(
                [(arguments[0], lambda x: plain(x, *arguments[1:], **keywords), "")]
            )
        return plain(*[_known(a) for a in arguments], **{k: _known(v) for k, v in keywords.items()})

    return run


# The interpreter's own versions of functions that write values.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    str: _text("s", str),
    repr: _text("r", repr),
    ascii: _text("a", ascii),
    format: _format,
    **{
        write: _numpys(write)
        for write in (
            np.array2string,
            np.array_repr,
            np.array_str,
            np.format_float_positional,
            np.format_float_scientific,
        )
    },
}

__all__ = ["FUNCTIONS", "DeferredText", "characters"]
