"""Which arguments of a call are differentiated, and what ``wrt`` names.

    by_default((np.ones(3), "mean", 2))     [0, 2]: all that hold numbers
    wrt_items(signature, ("b", 0), slots)   [1, 0]: parameters by number, in the order asked for

A tag and an array that the function reads are no parameters; they are :class:`Named`.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.naming import Tagged
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.ir.data import Source
from autodiff.patterns import pattern
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
            count = f"{len(slots)} argument{'s' * (len(slots) != 1)}"
            raise NameArgumentError(
                f"wrt={item!r}: {signature.title} has {count}.",
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
    known = [*signature.names, *(tags or ())]
    near = _nearest(item, known) if isinstance(item, str) else []
    tagged = f", its tags {', '.join(map(repr, tags))}" if tags else ""
    return NameArgumentError(
        f"wrt={item!r} is not an argument of {signature.title}; "
        f"its arguments are {', '.join(signature.names) or 'unnamed'}{tagged}.",
        remedy=f"did you mean {near[0]!r}?" if near else "name one of them",
    )


def _nearest(name: str, known: Sequence[Any]) -> list[str]:
    from difflib import get_close_matches  # loaded for a mistake only

    return get_close_matches(name, [x for x in known if isinstance(x, str)], 1)


def without_numbers(signature: Any, slots: Sequence[Any]) -> ArgumentError:
    """The error for a call with nothing to differentiate by: what was given instead, and what to do."""
    given = [
        f"{name} is of type {type(x).__name__}"
        for name, x in zip(signature.names, slots, strict=False)
        if type(x) is not object  # what stands for a default
    ]
    remedies = [_AS_NUMBERS[type(x).__name__] for x in slots if type(x).__name__ in _AS_NUMBERS]
    said = f" ({', '.join(given)})" if given else ""
    return ArgumentError(
        f"{signature.title} has no argument to differentiate by in this call: none is a "
        f"number, an array or a container with some{said}.",
        code="AD103",
        remedy=remedies[0]
        if remedies
        else "pass floats or float arrays, or name what is meant in wrt",
    )


# What holds numbers, and is no number and no container of theirs, with what to pass instead.
_AS_NUMBERS = {
    "Decimal": "pass float(x)",
    "Fraction": "pass float(x)",
    "range": "pass np.arange(n, dtype=float)",
    "set": "pass a list or an array: a set has no order",
    "frozenset": "pass a list or an array: a set has no order",
    "generator": "pass a list or an array: a generator can be gone through once only",
    "map": "pass a list or an array: what map gives can be gone through once only",
    "zip": "pass lists or arrays: what zip gives can be gone through once only",
    "ArrayImpl": 'pass np.asarray(x), or use engine="jax", which takes arrays of JAX\'s',
    "Tensor": "pass x.detach().numpy(); a function of tensors is autodiff.interop.torch_function(f)",
    "EagerTensor": "pass x.numpy()",
}


def defined_at(signature: Any) -> Source | None:
    """The line on which a function is defined, for errors that belong to it as a whole."""
    function = signature.function
    while not hasattr(function, "__code__") and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    for number in range(code.co_firstlineno, code.co_firstlineno + _MOST_DECORATORS):
        text = linecache.getline(code.co_filename, number).rstrip()
        for begin in _BEGIN.finditer(text):
            if (begin[1] or "<lambda>") == code.co_name:
                return Source(code.co_filename, number, begin.start(), len(text), code.co_name)
    return None


_MOST_DECORATORS = 20  # lines before ``def``
_BEGIN = pattern(r"\b(?:async +)?def +(\w+)|\blambda\b")


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
