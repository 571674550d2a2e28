"""``heapq`` on lists of the captured code: the loops that it is, interpreted as the user's own would be.

    heapq.heappush(heap, x)       heap.append(x), then x changes places with what is above it while that is greater

So a heap is a list in an array like any other (:mod:`autodiff.capture.lists`), and a loop that pushes and pops is one
loop of the program.
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.capture import library_in_python
from autodiff.capture.calls import SPECIAL, call
from autodiff.capture.functions import run_text
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.lists import TracedList
from autodiff.capture.slots import is_numeric
from autodiff.ops.either import Either, is_array
from autodiff.ops.python_builtins import goes_before
from autodiff.ops.tracer import Tracer


def _of_heap(function: Any, text: Callable[..., Any]) -> Callable[..., Any]:
    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        if args and isinstance(args[0], TracedList) and not words:
            return run_text(frame.trace, text, *args)
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


def _first(reverse: bool) -> Callable[..., Any]:
    """``nsmallest`` and ``nlargest``: the first of the items in order."""

    def run(frame: Frame, n: Any, iterable: Any, key: Any = None) -> Any:
        node = frame.scope.syntax.node
        found = call(frame, sorted, [iterable], {"key": key, "reverse": reverse}, node)
        return found[: max(frame.trace.as_index(n), 0)]

    return run


def _is_less(frame: Frame, a: Any, b: Any) -> Any:
    """``a < b``, of which nothing but its truth is asked: of tuples of numbers without a branch."""
    if _is_row(a) and _is_row(b):
        return goes_before(np.less, a, b)
    return call(frame, operator.lt, [a, b], {}, frame.scope.syntax.node)


def _is_row(x: Any) -> bool:
    """Whether an item is a tuple of numbers, one of which the run computes."""
    if type(x) is not tuple or not any(isinstance(part, Tracer) for part in x):
        return False
    return all(
        is_numeric(part) and not is_array(part) and not isinstance(part, Either) for part in x
    )


def _text(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda frame, *args: run_text(frame.trace, function, *args)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{
        getattr(heapq, text.__name__): _of_heap(getattr(heapq, text.__name__), text)
        for text in (
            library_in_python.heapify,
            library_in_python.heappush,
            library_in_python.heappop,
            library_in_python.heapreplace,
            library_in_python.heappushpop,
        )
    },
    library_in_python.sift_down: _text(library_in_python.sift_down),
    library_in_python.is_less: _is_less,
    library_in_python.sift_up: _text(library_in_python.sift_up),
    heapq.nsmallest: _first(reverse=False),
    heapq.nlargest: _first(reverse=True),
}

SPECIAL.update(FUNCTIONS)

__all__ = ["FUNCTIONS"]
