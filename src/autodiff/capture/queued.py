"""Deques that loops fill and empty: a list of all that has come, and how many items have gone.

    q = deque([0])                       back: [0], gone: 0
    while q:                      =>     while len(back) - gone:
        u = q.popleft()                      u = back[gone]; gone += 1
        q.append(v)                          back.append(v)

What comes at the beginning (``appendleft``) is in a second list, turned round.  All are ordinary lists of the capture, and what
a method does is text (``library_in_python``) that is interpreted: loops carry the lists, branches merge them.  So nothing is
known here of what items are.

Where a branch or pass leaves another number of items in a deque than it has found, the function is captured once more,
with a :class:`Queue` from the line on that makes the deque.  What is done with it otherwise (``rotate``, a deque with a
``maxlen``, its text, to keep it outside) needs Python's own: the function is captured once more, with one made at that line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from autodiff.capture import keyed
from autodiff.capture import library_in_python as texts
from autodiff.capture.functions import run_text
from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import QueuesOf
from autodiff.capture.trace import Trace
from autodiff.ops.tracer import StoredList
from autodiff.plain_data import dataclass


def made(frame: Frame, plain: deque[Any], facts: QueuesOf) -> Any:
    """The deque as a list of one that was just made; itself where it has to be Python's own."""
    if facts.is_plain:
        return plain
    frame.trace.has_keyed = True
    trace = frame.trace
    return Queue(trace, trace.fresh(trace.new_list(plain)), facts)


class Queue(keyed.InColumns):
    """A deque as a list of all that has come."""

    python_type = deque
    facts: QueuesOf  # type: ignore[assignment]
    arguments: ClassVar = {  # how many its methods have
        "append": (1,),
        "appendleft": (1,),
        "pop": (0,),
        "popleft": (0,),
        "extend": (1,),
        "clear": (0,),
        "copy": (0,),
    }

    def __init__(self, trace: Trace, items: Any, facts: QueuesOf) -> None:
        self.trace, self.facts = trace, facts
        self.parts = [items, *(trace.fresh(trace.new_list(x)) for x in ([0], [], [0], [0]))]

    def _run(self, text: Callable[..., Any], *args: Any) -> Any:
        return run_text(self.trace, text, *self.parts, *args)

    def attribute(self, name: str) -> Any:
        """``q.name``."""
        if name == "maxlen":
            return None
        if name not in self.arguments:
            self._refuse_part(name)
        return keyed.Method(self, name)

    def append(self, item: Any) -> None:
        """``q.append(item)``."""
        self._run(texts.put_last, item)

    def appendleft(self, item: Any) -> None:
        """``q.appendleft(item)``."""
        self._run(texts.put_first, item)

    def extend(self, items: Any) -> None:
        """``q.extend(items)``."""
        if items is self:
            self._refuse_part("an extension by itself")
        self._run(texts.put_all, items)

    def pop(self) -> Any:
        """``q.pop()``."""
        return self._run(texts.taken_last)

    def popleft(self) -> Any:
        """``q.popleft()``."""
        return self._run(texts.taken_first)

    def clear(self) -> None:
        """``q.clear()``."""
        self._run(texts.take_all)

    def copy(self) -> Queue:
        """Another deque of the same items."""
        return Queue(self.trace, self.trace.fresh(self.listed().copy()), self.facts)

    copied = copy  # ``deque(q)``

    def load(self, index: Any) -> Any:
        """``q[index]``."""
        return self._run(texts.item_of_queue, index)

    def store(self, index: Any, value: Any, is_new: bool = False) -> None:
        """``q[index] = value``."""
        self._run(texts.put_in_queue, index, value)

    def has(self, item: Any) -> Any:
        """``item in q``."""
        return run_text(self.trace, texts.is_in, item, self.listed())

    def length(self) -> Any:
        """``len(q)``."""
        return self._run(texts.length_of_queue)

    def listed(self) -> Any:
        """The items that are there, as a list."""
        front = self.parts[2].extent
        is_empty = isinstance(front, int) and front == 0
        return self._run(texts.left_in_back if is_empty else texts.left_in_queue)

    def through(self) -> Any:
        """What a loop goes through, as long as the deque is not changed."""
        return self._run(texts.through_queue)

    def plan(self, of_list: Callable[[Any], Any]) -> Any:
        """How it is made where it is in the result."""
        items = self.listed()
        if not (isinstance(items, StoredList) and items.is_stored()):
            self._refuse_part("the items")
        return "list", QueuePlan(of_list(items)[1])


Queue.__name__ = "deque"  # what errors call it


@dataclass(frozen=True)
class QueuePlan:
    """How a deque of the result is made of a list of its items."""

    items: Any

    def build(self, *given: Any) -> Any:
        """The deque, from what ``ListPlan.build`` is given."""
        return deque(self.items.build(*given))
