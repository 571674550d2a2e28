"""Text that is one of several strings, which the run decides: what is done with its number.

    kind = "high" if x > 1 else "low"        number of kind = 0 if x > 1 else 1
    kind == "low"                            number == 1
    names[i % 3]                             the numbers of all names, of which the one at a place
    total[kind] += x                         a dict in columns, by number (``keyed``)

What else is done with it needs the string: the function is captured once more, without such numbers (``choices.Words``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import choices
from autodiff.ops.dispatch import extent_of
from autodiff.ops.indexing import position
from autodiff.ops.tracer import StoredList, Tracer, as_tracer

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace


def at(word: Any, table: Sequence[int]) -> Any:
    """What a table has at the number of a word."""
    number = choices.number_now(word)
    if isinstance(number, int):
        return table[number]
    return Tracer(as_tracer(Tracer.constant(np.array(table))[number]).value, "python")


def are_words(trace: Trace, container: Any) -> bool:
    """Whether something is a list or tuple of strings, or a string, and strings may be known by their numbers."""
    if trace.words is None or not isinstance(container, (list, tuple, str)):
        return False
    if isinstance(container, StoredList) and container.is_stored():
        return False
    return bool(container) and all(type(x) is str for x in container)


def lifted(trace: Trace, container: Any) -> list[Any]:
    """The strings of such a list, which are guarded where it is from outside; the characters of a string."""
    if isinstance(container, str):
        return list(container)
    path = trace.paths.get(id(container))
    trace.refuse_changed(container, "a loop over the items")
    items = list(container)
    return items if path is None else [trace.lift(x, path.item(k)) for k, x in enumerate(items)]


def are_asked(trace: Trace, container: Any, index: Any) -> bool:
    """Whether a loop or branch asks such a list for the string at a place that only the run knows."""
    if not isinstance(index, Tracer) or not trace.builder.stack:
        return False
    is_place = index.form != "array" and index.dtype.kind in "iu"
    return is_place and are_words(trace, container)


def word_at(trace: Trace, names: Sequence[str], index: Any, kind: str = "list") -> Any:
    """The one at that place."""
    if isinstance(index, int):
        return names[index]
    try:
        place = position(extent_of(index), len(names), 0)
    except IndexError:
        raise IndexError(f"{kind} index out of range") from None
    table = Tracer.constant(np.array([trace.words.number(name) for name in names]))
    return trace.words.row(Tracer(as_tracer(table[as_tracer(place)]).value, "python"))


def compared(trace: Trace, kind: ast.cmpop, left: Any, right: Any) -> Any:
    """``word == other``."""
    if not isinstance(kind, (ast.Eq, ast.NotEq)):
        choices.refuse(left)
        choices.refuse(right)
    other = right if choices.is_word(left) else left
    if type(other) is not str and not choices.is_word(other):
        if other is None or type(other) in (int, float, bool):
            return isinstance(kind, ast.NotEq)
        choices.refuse(left)
        choices.refuse(right)
    words = trace.words
    compare: Any = np.equal if isinstance(kind, ast.Eq) else np.not_equal
    return _truth(compare(words.number(left), words.number(right)))


def _truth(x: Any) -> Any:
    return Tracer(x.value, "python") if isinstance(x, Tracer) else bool(x)


def is_in(trace: Trace, word: Any, given: Collection[str]) -> Any:
    """``word in names``, and ``word in text``."""
    table = [name in given for name in trace.words.numbers]
    number = choices.number_now(word)
    if isinstance(number, int) or all(x == table[0] for x in table):
        return table[number if isinstance(number, int) else 0]
    return _truth(as_tracer(Tracer.constant(np.array(table))[number]))


def item_of(
    trace: Trace,
    container: Any,
    word: Any,
    load: Callable[[str], Any],
    stage: Callable[[Tracer, Callable[[], Any], Callable[[], Any]], Any],
) -> Any:
    """``table[word]`` of a dict, on each path the item of its string."""
    known = list(trace.words.numbers)
    if type(container) is not dict or not all(name in container for name in known):
        choices.refuse(word)

    def found(names: list[str]) -> Any:
        if len(names) == 1:
            return load(names[0])
        test = compared(trace, ast.Eq(), word, names[0])
        if not isinstance(test, Tracer):
            return load(names[0]) if test else found(names[1:])
        return stage(test, partial(load, names[0]), partial(found, names[1:]))

    return found(known)


__all__ = ["are_asked", "are_words", "at", "compared", "is_in", "item_of", "lifted", "word_at"]
