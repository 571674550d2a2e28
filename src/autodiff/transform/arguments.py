"""Which arguments of a call are differentiated, and what ``wrt`` names.

    by_default((np.ones(3), "mean", 2))     [0, 2]: all that hold numbers
    wrt_items(signature, ("b", 0), slots)   [1, 0]: parameters by number, in the order asked for

A tag and an array that the function reads are no parameters; they are :class:`Named`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.naming import Tagged
from autodiff.errors import NameArgumentError
from autodiff.plain_data import dataclass

# An argument by name or position, a tag by its key or value, an array that the function reads.
Wrt = str | int | Tagged | np.ndarray | np.generic | Sequence[Any] | None


def is_number(x: Any) -> bool:
    """Whether an argument, or a leaf of one, is a number or an array of numbers.

    Python's bools are flags that choose what a function does, not numbers.
    """
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "fiubc"
    return isinstance(x, (float, complex)) or type(x) is int


def holds_numbers(slot: Any) -> bool:
    """Whether an argument is a number, an array, or a container with some."""
    return any(is_number(x) for x in _each_leaf(slot))


def by_default(slots: Sequence[Any], signature: Any = None) -> list[int]:
    """The arguments that are differentiated where ``wrt`` names none: all that hold numbers.

    What they are does not depend on dtypes, so neither does the structure of a derivative.
    """
    numeric = [k for k, x in enumerate(slots) if holds_numbers(x)]
    # An empty list has an empty derivative; no arguments in ``*rest`` are no argument.
    return numeric or [
        k
        for k, x in enumerate(slots)
        if tree.is_container(x) and not _leaves(x) and not _is_variadic(signature, k)
    ]


def _is_variadic(signature: Any, slot: int) -> bool:
    parameters = signature.parameters if signature is not None else ()
    return slot < len(parameters) and parameters[slot].kind in (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    )


def _each_leaf(slot: Any) -> Iterator[Any]:
    """The leaves one after the other: who looks for one of a kind need not see those of a long list."""
    if type(slot) in (list, tuple, dict):
        for part in slot.values() if type(slot) is dict else slot:
            yield from _each_leaf(part)
    else:
        yield from _leaves(slot)


def by_parameter(signature: Any, items: Sequence[Any]) -> list[Any]:
    """What is given for each argument by position, for each parameter: a tuple for ``*rest``."""
    at = _rest_of(signature)
    return list(items) if at is None else [*items[:at], tuple(items[at:])]


def by_position(
    signature: Any, parts: dict[int, Any], primals: Sequence[Any], zero: Callable[[Any], Any]
) -> tuple[Any, ...]:
    """The parts that parameters have, for each argument by position; ``zero(x)`` where there is none."""
    at = _rest_of(signature)
    if at is not None and at in parts:
        rest = dict(enumerate(parts[at], at))
        # What is no number is itself in the structure of a derivative.
        of_rest = {k: y for k, y in rest.items() if y is not primals[k]}
        parts = {**{k: y for k, y in parts.items() if k < at}, **of_rest}
    return tuple([parts[k] if k in parts else zero(x) for k, x in enumerate(primals)])


def _rest_of(signature: Any) -> int | None:
    kinds = [p.kind for p in signature.parameters]
    rest = inspect.Parameter.VAR_POSITIONAL
    return kinds.index(rest) if rest in kinds else None


def _leaves(slot: Any) -> list[Any]:
    return tree.parts(slot)


@dataclass(frozen=True, eq=False)
class Named:
    """Something to differentiate by that is no argument: a tag, or an object of the caller's."""

    key: Any  # of the tag
    is_tag: bool
    asked: str  # how the user wrote it


def wrt_items(signature: Any, wrt: Wrt, slots: Sequence[Any]) -> list[int | Named]:
    """What is differentiated by, in the order asked for: parameters by number, and named things."""
    if wrt is None:
        return list(by_default(slots, signature))
    if not isinstance(wrt, (str, int, list, tuple, Tagged, np.ndarray, np.generic)):
        raise NameArgumentError(
            f"wrt={wrt!r} is neither the name nor the position of an argument.",
            remedy="give a name, a position, a tag, an array that the function reads, or a tuple "
            "of them",
        )
    items = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    found = [wrt_item(signature, item, slots) for item in items]
    for k, item in enumerate(found):
        if any(_is_same(item, other) for other in found[:k]):
            raise NameArgumentError(
                f"wrt={written(wrt)} names {written(items[k])} twice.",
                remedy="name each argument, tag or array once",
            )
    return found


def _is_same(a: int | Named, b: int | Named) -> bool:
    if isinstance(a, Named) and isinstance(b, Named) and a.is_tag == b.is_tag:
        return bool(a.key == b.key) if a.is_tag else a.key is b.key
    return isinstance(a, int) and a == b


def wrt_item(signature: Any, item: Any, slots: Sequence[Any]) -> int | Named:
    """One thing to differentiate by: the number of a parameter, or what is named otherwise."""
    if isinstance(item, bool):
        raise unknown_name(signature, item, None)
    if isinstance(item, int):
        position = item if item >= 0 else item + len(slots)
        if not 0 <= position < len(slots):
            raise NameArgumentError(
                f"wrt={item!r}: {signature.title} has {len(slots)} arguments.",
                remedy="name an argument, or give a position that exists",
            )
        return position
    if isinstance(item, (np.ndarray, np.generic)):
        return Named(item, False, written(item))
    if isinstance(item, str) and item in signature.names:
        return int(signature.names.index(item))
    if isinstance(item, Named):
        return item
    key = item.key if isinstance(item, Tagged) else item
    return Named(key, True, repr(key))


def written(wrt: Any) -> str:
    """``wrt`` as a message shows it: arrays by dtype and shape."""
    if isinstance(wrt, (list, tuple)):
        inner = ", ".join(written(item) for item in wrt)
        return f"({inner},)" if len(wrt) == 1 else f"({inner})"
    if isinstance(wrt, np.ndarray) and wrt.shape:
        return f"<array {wrt.dtype}{list(wrt.shape)}>"
    return repr(wrt)


def unknown_name(signature: Any, item: Any, tags: Any) -> NameArgumentError:
    """The error for a name that is neither an argument's nor a tag's."""
    tagged = f", its tags {', '.join(map(repr, tags))}" if tags else ""
    return NameArgumentError(
        f"wrt={item!r} is not an argument of {signature.title}; "
        f"its arguments are {', '.join(signature.names) or 'unnamed'}{tagged}.",
        remedy="name one of them",
    )


def wrt_slots(signature: Any, wrt: Wrt, slots: Sequence[Any]) -> list[int]:
    """The parameters among what is differentiated by, in the order asked for."""
    return [k for k in wrt_items(signature, wrt, slots) if isinstance(k, int)]


def holds_float(slot: Any) -> bool:
    """Whether an argument is or holds a floating-point (or complex) number or array."""
    return any(
        isinstance(x, (float, complex))
        or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc")
        for x in _each_leaf(slot)
    )
