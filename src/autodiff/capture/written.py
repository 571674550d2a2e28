"""Numbers read from text that was written of values with a derivative: refused, for it would be lost.

    float(f"{x:.3f}")                  gradient: DerivativeError at this line
    json.loads(json.dumps(x))          the same
    float(f"{stop_gradient(x):.3f}")   no derivative is wanted

Text itself has no derivative, and may be shown, compared, looked up.  A number read from it is the
value that was written, or nearly; its derivative would silently be zero.  ``int(x)`` and ``round``
are steps, of which zero is the derivative; text is a way around, not a step.

Characters are plain strings, which cannot be marked: they are known by what they are.  A text that
reads like one that was written counts as that one, also if it comes from elsewhere.  Code without source
runs out of sight: where it has, or makes, such a text and names one of these functions, it is refused,
unless it prints, so that text may be there for that.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.patterns import pattern

_NUMBER = pattern(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")
_ENOUGH = 3  # characters by which a piece is known; "1" and "10" are in too many texts

# What makes numbers of text.
READERS: frozenset[Any] = frozenset(
    (
        float, int, complex, eval, ast.literal_eval,
        np.array, np.asarray, np.asanyarray, np.fromstring, np.loadtxt, np.genfromtxt,
    )
)  # fmt: skip
_READING_METHODS = frozenset(("fromhex", "from_float", "create_decimal"))
# By name, for code that is not seen; and what text is there for, if it is one of these.
_READING_NAMES = _READING_METHODS | frozenset(
    (
        "float", "int", "complex", "Decimal", "Fraction", "eval", "loads", "literal_eval",
        "fromstring", "loadtxt", "genfromtxt", "float64", "float32", "array", "asarray", "astype",
    )
)  # fmt: skip
_SHOWING_NAMES = frozenset(
    ("print", "warn", "debug", "info", "warning", "error", "log", "write", "set_description")
)


class Written:
    """The texts of one capture that show values which carry derivatives."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.numbers: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.texts)

    def note(self, text: str) -> None:
        """A text that was written of such a value."""
        self.texts.add(text)
        self.numbers.update(_NUMBER.findall(text))

    def is_shown_in(self, objects: Sequence[Any]) -> bool:
        """Whether one of these texts, or a piece of one, is among objects."""
        return any(map(self.shows, _texts(objects)))

    def note_derived(self, owner: Any, args: Sequence[Any], result: Any) -> None:
        """What a method of a string has made of such texts: pieces, another alphabet."""
        if any(self.shows(text) for text in _texts((owner, *args))):
            for text in _texts((result,)):
                if any(map(str.isdigit, text)):
                    self.note(text)

    def shows(self, text: str) -> bool:
        """Whether a text is one of these, a piece of one or made with a piece of one."""
        text = text.strip()
        if not any(map(str.isdigit, text)) and text.lstrip("+-") not in ("nan", "inf"):
            return False
        if text in self.texts or text in self.numbers:
            return True
        return (len(text) >= _ENOUGH and any(text in written for written in self.texts)) or any(
            len(number) >= _ENOUGH and number in text for number in self.numbers
        )

    def is_read(self, function: Any, args: Sequence[Any]) -> bool:
        """Whether a call makes numbers of such a text."""
        return reads_numbers(function) and self.is_shown_in(args)


def may_read_numbers(names: Iterable[str]) -> bool:
    """Whether code with these names may make numbers of its text, which it does not show."""
    found = set(names)
    return not _READING_NAMES.isdisjoint(found) and _SHOWING_NAMES.isdisjoint(found)


def _is_exact(cls: type) -> bool:
    """Whether a class is that of decimal numbers or of fractions, neither of which is imported for the question."""
    names = {(c.__module__, c.__name__) for c in cls.__mro__}
    return not _EXACT.isdisjoint(names)


_EXACT = {("decimal", "Decimal"), ("_pydecimal", "Decimal"), ("fractions", "Fraction")}


def reads_numbers(function: Any) -> bool:
    """Whether a function makes numbers of text."""
    if isinstance(function, type) and (issubclass(function, np.generic) or _is_exact(function)):
        return not issubclass(function, (np.character, np.void))
    try:
        if function in READERS:
            return True
    except TypeError:  # unhashable
        return False
    name = getattr(function, "__name__", "")
    # ``json`` is not imported to compare with its function.
    return name in _READING_METHODS or (name == "loads" and function.__module__ == "json")


def _texts(objects: Sequence[Any]) -> Iterator[str]:
    for x in containers.leaves(objects):
        if isinstance(x, str):
            yield x
        elif isinstance(x, (bytes, bytearray)):
            yield x.decode("latin-1")
        elif isinstance(x, io.StringIO):
            yield x.getvalue()
        elif isinstance(x, np.ndarray) and x.dtype.kind in "US":
            yield from map(str, x.ravel().tolist())
