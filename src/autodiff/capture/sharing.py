"""Lists and dicts that occur more than once in a result: they are one object in what is returned.

    rows = [x, y]
    return rows, {"last": rows}        rows is made once, and put in both places

Each is taken out of the result; a :class:`Shared` leaf stands where it was.  Not seen are lists
that a list of lists keeps as copies (:mod:`autodiff.capture.records`), and what a branch chose.
"""

from __future__ import annotations

import copy
from collections import Counter, deque
from typing import Any

from autodiff.capture.lists import TracedList, refuse_open_length
from autodiff.capture.trace import Declined, Trace


class Shared:
    """What stands in a result for the list or dict of this number: a leaf, as containers go."""

    def __init__(self, number: int) -> None:
        self.number = number


def take_out(trace: Trace, result: Any) -> tuple[Any, list[Any]]:
    """The result with its shared lists and dicts replaced, and these."""
    sharing = _Sharing(trace)
    sharing.count(result)
    if all(times == 1 for times in sharing.times.values()):
        return result, []
    return sharing.replace(result), sharing.found


class _Sharing:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.times: Counter[int] = Counter()
        self.numbers: dict[int, int] = {}
        self.found: list[Any] = []

    def items(self, x: Any) -> list[Any]:
        """The parts of a container in which lists and dicts may be."""
        if self.trace.is_external(x) or isinstance(x, TracedList) and x.is_stored():
            return []
        if isinstance(x, dict):
            return list(x.values())
        return list(x) if isinstance(x, (list, tuple, deque)) else []

    def count(self, x: Any) -> None:
        """Count how often each list or dict occurs."""
        if isinstance(x, (list, dict, deque)) and not self.trace.is_external(x):
            self.times[id(x)] += 1
            if self.times[id(x)] > 1:
                return
        for item in self.items(x):
            self.count(item)

    def replace(self, x: Any) -> Any:
        """The same with what is shared taken out."""
        if self.times[id(x)] < 2:
            return self.inside(x)
        if id(x) not in self.numbers:
            number = self.numbers[id(x)] = len(self.found)
            self.found.append(None)
            self.found[number] = self.inside(x)
        elif self.found[self.numbers[id(x)]] is None:
            raise Declined("a list or dict in the result that contains itself")
        return Shared(self.numbers[id(x)])

    def inside(self, x: Any) -> Any:
        """The container with its parts replaced; itself where there is nothing to replace."""
        before = self.items(x)
        after = [self.replace(item) for item in before]
        if all(a is b for a, b in zip(before, after, strict=True)):
            return x
        if isinstance(x, dict):
            made = copy.copy(x)
            made.update(zip(x, after, strict=True))
            return made
        if isinstance(x, TracedList):
            refuse_open_length(x)
            return after
        if isinstance(x, deque):
            return deque(after, x.maxlen)
        return type(x)(*after) if hasattr(x, "_fields") else type(x)(after)
