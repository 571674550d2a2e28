"""Dicts whose values are lists, with keys that only the run knows: one log of all items.

    d = defaultdict(list)                          ranks: int64[3] of -1, sizes: int64[3] of 0, count: 0
    for k, v in zip(keys, xs):              =>     if ranks[k] < 0: ranks[k] = count; count += 1
        d[k].append(v)                             sizes[k] += 1; places.append(k); items.append(v)
    {k: sum(v) for k, v in d.items()}              the items in the order of their places; of each key a slice of them

What appends adds to one list, so that a loop carries no more than for other dicts (:mod:`keyed`).  Who reads a list of the dict gets
a slice of the items, brought into the order of their places where the log was written last: outside of a loop that only
reads.  A list of the dict is known by its place (:class:`Group`), which is asked anew at each use; what ``get`` gives, which may be a
list of nobody's, only until something is appended.

Not here: to change a list in any other way, to put one in the place of another, a list that something else has, too, identity,
lists that come into the result beside the dict, items of several types.  These need Python's own dict, as in :mod:`keyed`.
"""

from __future__ import annotations

import ast
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from autodiff.capture import keyed, queued
from autodiff.capture import library_in_python as texts
from autodiff.capture.functions import run_text
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import TracedList, rows_of
from autodiff.capture.regions import QueuesOf
from autodiff.capture.slots import Slot
from autodiff.dims import maximum
from autodiff.ir.data import Value
from autodiff.ops import dispatch
from autodiff.ops.control import emit_check
from autodiff.ops.known import extent_of
from autodiff.ops.structural import slice_of, zeros
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass

FLOAT = np.dtype(np.float64)
OF_FLOATS = Slot(FLOAT, (), "python")


# What captured code asks of dicts in columns, of whatever values (``calls.columns_later``).
want, made_like = keyed.want, keyed.made_like


def made(frame: Frame, plain: Any, keys: keyed.Keys, node: ast.AST) -> Any:
    """The dict in columns of one that an expression has just made; the deque as a list."""
    if isinstance(keys, QueuesOf):
        return queued.made(frame, plain, keys)
    if not keys.has_lists:
        return keyed.made(frame, plain, keys, True)
    return keyed.made(frame, plain, keys, not plain or _are_new(node), GroupedDict)


def _are_new(node: ast.AST) -> bool:
    """Whether the lists in a dict that an expression makes are nobody else's."""
    if isinstance(node, ast.Dict):
        return all(isinstance(value, ast.List) for value in node.values)
    return isinstance(node, ast.DictComp) and isinstance(node.value, ast.List)


class GroupedDict(keyed.KeyedDict):
    """A dict of lists in columns; ``numbers`` are how many items each list has."""

    def __init__(self, frame: Frame, plain: Any, keys: keyed.Keys) -> None:
        super().__init__(frame, dict.fromkeys(plain, 0), keys)
        self.python_type, self.factory = type(plain), getattr(plain, "default_factory", None)
        trace = frame.trace
        self.places = trace.fresh(trace.new_list())
        self.items = trace.fresh(trace.new_list())
        # Lists of a dict that was empty have items once they are in it, but for a defaultdict's that nobody appends to.
        self.has_items = not plain
        self.is_lent = False  # whether something goes through one of its lists, perhaps later
        self._in_order: tuple[Any, ...] | None = None
        for key, items in plain.items():
            self._begin(self.group(self._place(key)[0]), items)

    def group(self, at: Any, is_there: bool = True, has_items: bool = False) -> Group:
        """The list at a place."""
        return Group(self, at, is_there, has_items and self.has_items)

    def load(self, key: Any) -> Any:
        """``d[key]``."""
        at, key = self._place(key, stores=self.factory is not None)
        if self.factory is None:
            self._run(texts.value_at, self.numbers, at, key)
        else:
            self._run(texts.value_or_put, self.numbers, self.count, at, 0)
        return self.group(at, has_items=self.factory is None)

    def store(self, key: Any, value: Any, is_new: bool = False) -> None:
        """``d[key] = []``, where there is none."""
        at, _ = self._place(key, stores=True)
        self._require_new(value, is_new)
        is_free: Any = np.logical_not(self._run(texts.is_there, at))
        if not isinstance(is_free, Tracer) and not is_free:
            raise self.facts.plain("a list in the place of another")
        emit_check(as_tracer(is_free).value, "a list of a dict in the place of another")
        self._run(texts.put_at, self.numbers, self.count, at, 0)
        self._begin(self.group(at), value)

    def setdefault(self, key: Any, default: Any = None, is_new: bool = False) -> Any:
        """``d.setdefault(key, [])``."""
        self._require_new(default, is_new and not len(default))
        at, _ = self._place(key, stores=True)
        self._run(texts.value_or_put, self.numbers, self.count, at, 0)
        return self.group(at)

    def get(self, key: Any, default: Any = None, is_new: bool = False) -> Any:
        """``d.get(key, [])``."""
        self._require_new(default, is_new and not len(default))
        return self.group(self._place(key)[0], is_there=False)

    def _require_new(self, value: Any, is_new: bool) -> None:
        if not (is_new and type(value) is TracedList):
            raise self.facts.plain("a list that something else has, too")

    def _begin(self, group: Group, items: Any) -> None:
        if not isinstance(items.extent, int):
            raise self.facts.plain("a list of a length that only the run knows")
        for item in list(items):
            group.append(item)

    def pop(self, key: Any, *default: Any) -> Any:
        """The items of a list that is gone would stay."""
        raise self.facts.plain("a list that is taken out of a dict")

    def copy(self, kind: Any = None) -> Any:
        """A copy has the same lists."""
        raise self.facts.plain("a copy of a dict of lists")

    def through(self, name: str = "keys") -> Any:
        """What a loop over the keys, values or items goes through."""
        if name != "keys":
            self.in_order()
        return super().through(name)

    def _values(self) -> Any:
        return Places(self)

    # -- the lists ------------------------------------------------------------------------------
    def in_order(self) -> tuple[Any, Any]:
        """The items in the order of their places, as a list, and where those of each place end."""
        builder = self.trace.builder
        held = [*_held(self.items), *_held(self.places)]
        if self._in_order is not None:
            known, block, found = self._in_order
            if known == held and builder.is_open(block):
                return found
        blocks = [*builder.stack, builder.block]
        block = blocks[max(_depth(blocks, x) for x in held)] if held else builder.block
        with builder.reopened(block):
            found = self._sorted()
        self._in_order = held, block, found
        return found

    def _sorted(self) -> tuple[Any, Any]:
        size = self.facts.high - self.facts.low + 1
        made = self.trace.fresh(self.trace.new_list())
        if isinstance(self.items.extent, int) and self.items.extent == 0:
            made.fill(zeros((0,), FLOAT), OF_FLOATS)
            return made, np.zeros(size, np.int64)
        rows = rows_of(self.items)
        if rows is None:
            raise self.facts.plain("lists of other things than numbers of one type")
        order, ends = run_text(self.trace, texts.order_of, self.places, size)
        made.fill(rows[0][order], rows[1])
        return made, ends

    def listed(self, at: Any, has_items: bool) -> Any:
        """The list at a place, as it is now."""
        items, ends = self.in_order()
        size: Any = self.numbers[at]
        if has_items and isinstance(size, Tracer):  # so the type of a sum is known
            emit_check(as_tracer(np.greater(size, 0)).value, "a list of a dict that has no items")
            size = maximum(extent_of(size), 1)
        end, size = extent_of(ends[at]), extent_of(size)
        made = Read((), self.trace)
        made.facts = self.facts
        rows = items.numbers()
        made.fill(slice_of(rows, (end - size,), (size,), (1,)), items.store.slot)
        return self.trace.fresh(made)

    def plan(self, of_list: Callable[[Any], Any]) -> Any:
        """How it is made where it is in the result."""
        items, ends = self.in_order()
        places = self._run(texts.places_in, self.count)
        args = places, self.numbers, ends, self.facts.low, self.kind
        lists = [*run_text(self.trace, texts.groups_of, *args), items]
        plans = [of_list(x)[1] for x in lists]
        return "list", GroupedPlan(self.python_type, self.factory, self.facts, *plans)


def _held(x: TracedList) -> list[Value]:
    """The values that a list is made of by now."""
    if x.store is not None:
        return [x.store.buffer.value, x.store.count.value]
    return [item.value for item in list.__iter__(x) if isinstance(item, Tracer)]


def _depth(blocks: list[Any], value: Value) -> int:
    """The innermost of the open blocks in which a value is made; the first for those of none."""
    owner = value.owner
    for depth in range(len(blocks) - 1, 0, -1):
        block = blocks[depth]
        if any(value is x for x in block.parameters) or (
            owner is not None and any(owner is x for x in block.operations)
        ):
            return depth
    return 0


@dataclass(frozen=True)
class GroupedPlan:
    """How a dict of lists in the result is made: of its keys, and where each list ends in the items."""

    kind: Any
    factory: Any
    facts: keyed.Keys  # of which keys are numbers, perhaps
    keys: Any
    sizes: Any
    ends: Any
    items: Any

    def build(self, *given: Any) -> Any:
        """The dict, from what ``ListPlan.build`` is given."""
        keys, sizes, ends, items = (
            plan.build(*given) for plan in (self.keys, self.sizes, self.ends, self.items)
        )
        if self.facts.names or self.facts.parts:
            keys = map(self.facts.key, keys)
        entries = {
            key: items[end - size : end] for key, size, end in zip(keys, sizes, ends, strict=True)
        }
        return defaultdict(self.factory, entries) if self.kind is defaultdict else entries


class Read(TracedList):
    """What is read of a list of a dict: to change it would not change the dict's."""

    __slots__ = ("facts",)
    facts: keyed.Keys

    def _refuse_frozen(self) -> None:
        raise self.facts.plain("a change of a list of a dict")


class Places(keyed.InColumns):
    """The lists of a dict, by their places."""

    python_type = list

    def __init__(self, of: GroupedDict) -> None:
        self.of, self.facts = of, of.facts

    def load(self, at: Any) -> Any:
        """The list at a place."""
        return self.of.group(at, has_items=True)


class Group(keyed.InColumns):
    """A list of a dict in columns, known by its place."""

    python_type = list
    arguments: ClassVar = {"append": (1,), "index": (1,), "count": (1,), "copy": (0,)}

    def __init__(self, of: GroupedDict, at: Any, is_there: bool, has_items: bool) -> None:
        self.of, self.at, self.facts, self.has_items = of, at, of.facts, has_items
        self.is_there = is_there  # else it may be a new one that is not in the dict
        self._before = None if is_there else _held(of.items)

    def append(self, item: Any) -> None:
        """``d[key].append(item)``."""
        of = self.of
        if not self.is_there or of.is_lent:
            raise self.facts.plain("a change of a list that something goes through")
        if not keyed.is_number(item):
            raise self.facts.plain("lists of other things than numbers of one type")
        run_text(of.trace, texts.append_at, of.numbers, of.places, of.items, self.at, item)

    def listed(self) -> Any:
        """The list as it is now, to be read at once."""
        self._refuse_later()
        return self.of.listed(self.at, self.has_items)

    def _refuse_later(self) -> None:
        """Refuse what is appended meanwhile: a new list that is not in the dict does not get it."""
        if self._before is not None and self._before != _held(self.of.items):
            raise self.facts.plain("a list that may be none of the dict, read after a change of it")

    def attribute(self, name: str) -> Any:
        """``d[key].name``."""
        if name not in self.arguments:
            self._refuse_part(name)
        return keyed.Method(self, name)

    def load(self, index: Any) -> Any:
        """``d[key][index]``."""
        return run_text(self.of.trace, texts.item_at, self.listed(), index)

    def has(self, item: Any) -> Any:
        """``item in d[key]``."""
        return run_text(self.of.trace, texts.is_in, item, self.listed())

    def length(self) -> Any:
        """``len(d[key])``."""
        self._refuse_later()
        return self.of.numbers[self.at]

    def through(self) -> Any:
        """What a loop goes through."""
        self.of.is_lent = True
        return self.listed()

    def index(self, item: Any) -> Any:
        """``d[key].index(item)``."""
        return self.listed().index(item)

    def count(self, item: Any) -> Any:
        """``d[key].count(item)``."""
        return self.listed().count(item)

    def copy(self) -> Any:
        """``d[key].copy()``."""
        return self.listed().copy()


_LAZY = frozenset((zip, enumerate, reversed, iter, map, filter))
_AT_ONCE = frozenset(
    (list, tuple, set, frozenset, math.fsum, math.prod, sum, min, max, sorted, any, all)
)


def read(function: Any, args: list[Any]) -> list[Any]:
    """The arguments of a call, where the lists of a dict or the deques that are among them are only read."""
    if function is len or not any(type(x) is Group or type(x) is queued.Queue for x in args):
        return args
    is_lazy, at_once = function in _LAZY, function in _AT_ONCE
    known = isinstance(function, np.ufunc) or function in dispatch.functions
    if not (is_lazy or at_once or known or getattr(function, "__module__", "") == "statistics"):
        return args
    for x in args:
        if type(x) is Group and is_lazy:
            x.of.is_lent = True
    # What goes through a deque later finds out that it has changed meanwhile.
    kinds = (Group,) if is_lazy else (Group, queued.Queue)
    return [x.listed() if type(x) in kinds else x for x in args]


for _name in "iadd mul rmul imul length_hint".split():
    setattr(Group, f"__{_name}__", keyed.refusing(f"__{_name}__"))
