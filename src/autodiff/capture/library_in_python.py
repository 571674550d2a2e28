"""What Python's own iterators do, written in Python: interpreted as if they were the user's.

    filter(f, xs)          for x in xs: if f(x): yield x
    accumulate(xs, f)      total = f(total, x); yield total

So a loop over them is the loop that stands here with the loop's body in the place of the ``yield``
(:mod:`autodiff.capture.pushing`), and is rolled where that can be.  The equivalents in the
documentation of ``itertools``, and CPython's code where that says more: in which order functions
are called and items are taken can be seen.
"""

# None of these is called as it stands: the interpreter reads them, and knows only what they need.
# ruff: noqa: C419, UP028, SIM113

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np


def mapped(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``map``."""
    for item in iterable:
        yield function(item)


def starmapped(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``itertools.starmap``."""
    for row in iterable:
        yield function(*row)


def kept(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``filter``."""
    for item in iterable:
        if function(item):
            yield item


def kept_if_true(iterable: Iterable[Any]) -> Iterator[Any]:
    """``filter(None, …)``."""
    for item in iterable:
        if item:
            yield item


def kept_if_not(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``itertools.filterfalse``."""
    for item in iterable:
        if not function(item):
            yield item


def kept_if_false(iterable: Iterable[Any]) -> Iterator[Any]:
    """``itertools.filterfalse(None, …)``."""
    for item in iterable:
        if not item:
            yield item


def selected(pairs: Iterable[Any]) -> Iterator[Any]:
    """``itertools.compress``, of items with their selectors."""
    for item, selector in pairs:
        if selector:
            yield item


def numbered(iterable: Iterable[Any], start: int) -> Iterator[Any]:
    """``enumerate``."""
    number = start
    for item in iterable:
        yield number, item
        number += 1


def while_true(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``itertools.takewhile``."""
    for item in iterable:
        if not function(item):
            break
        yield item


def from_false(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    """``itertools.dropwhile``."""
    drops = True
    for item in iterable:
        if drops and function(item):
            continue
        drops = False
        yield item


def first_of(iterable: Iterable[Any], count: int) -> Iterator[Any]:
    """``itertools.islice(iterable, count)``, of one item or more: the one after is not taken."""
    taken = 0
    for item in iterable:
        yield item
        taken += 1
        if taken >= count:
            break


def chained(iterables: Iterable[Any]) -> Iterator[Any]:
    """``itertools.chain``."""
    for iterable in iterables:
        for item in iterable:
            yield item


def accumulated(function: Callable[..., Any], total: Any, iterator: Iterable[Any]) -> Iterator[Any]:
    """``itertools.accumulate``, from a first total on."""
    yield total
    for item in iterator:
        total = function(total, item)
        yield total


def accumulated_from_first(
    function: Callable[..., Any], iterator: Iterator[Any], nothing: Any
) -> Iterator[Any]:
    """``itertools.accumulate``, from the first item on."""
    total = next(iterator, nothing)
    if total is nothing:
        return
    yield total
    for item in iterator:
        total = function(total, item)
        yield total


def paired(iterator: Iterator[Any], nothing: Any) -> Iterator[Any]:
    """``itertools.pairwise``."""
    before = next(iterator, nothing)
    if before is nothing:
        return
    for item in iterator:
        yield before, item
        before = item


def product_of(sequences: tuple[Any, ...]) -> Iterator[Any]:
    """``itertools.product``, of sequences."""
    if not sequences:
        yield ()
    elif len(sequences) == 1:
        for item in sequences[0]:
            yield (item,)
    else:
        for item in sequences[0]:
            for rest in product_of(sequences[1:]):
                yield (item, *rest)


def combined(sequence: Any, count: int, start: Any, gap: int) -> Iterator[Any]:
    """``itertools.combinations`` of a sequence from ``start`` on; without a ``gap`` items come again."""
    if count == 0:
        yield ()
    elif count == 1:
        for k in range(start, len(sequence)):
            yield (sequence[k],)
    else:
        for k in range(start, len(sequence)):
            for rest in combined(sequence, count - 1, k + gap, gap):
                yield (sequence[k], *rest)


def permuted_pairs(sequence: Any) -> Iterator[Any]:
    """``itertools.permutations(sequence, 2)``."""
    for j in range(len(sequence)):
        for k in range(len(sequence) - 1):
            yield sequence[j], sequence[k + (k >= j)]


def zipped_after(iterator: Iterable[Any], sequences: tuple[Any, ...]) -> Iterator[Any]:
    """``zip`` of an iterator with lists or arrays that are asked after it."""
    k = 0
    for item in iterator:
        if not all([k < len(sequence) for sequence in sequences]):
            break
        yield (item, *[sequence[k] for sequence in sequences])
        k += 1


def zipped_before(
    sequence: Any, iterator: Iterable[Any], sequences: tuple[Any, ...]
) -> Iterator[Any]:
    """``zip`` of an iterator with a list or array that is asked before it, and others after it."""
    if len(sequence) == 0:
        return
    k, first = 0, sequence[0]
    for item in iterator:
        if not all([k < len(other) for other in sequences]):
            break
        yield (first, item, *[other[k] for other in sequences])
        k += 1
        if k >= len(sequence):
            break
        first = sequence[k]


def of_iterator(iterator: Iterator[Any]) -> Iterator[Any]:
    """What an object of a class with ``__next__`` gives."""
    while True:
        try:
            item = iterator.__next__()
        except StopIteration:
            break
        yield item


def of_sequence(sequence: Any) -> Iterator[Any]:
    """What an object of a class with ``__getitem__`` and no ``__iter__`` gives."""
    k = 0
    while True:
        try:
            item = sequence[k]
        except (IndexError, StopIteration):
            break
        yield item
        k += 1


def backwards(sequence: Any, count: int) -> Iterator[Any]:
    """``reversed`` of an object of a class with ``__len__`` and ``__getitem__``."""
    k = count - 1
    while k >= 0:
        try:
            item = sequence[k]
        except (IndexError, StopIteration):
            break
        yield item
        k -= 1


def until(function: Callable[[], Any], last: Any) -> Iterator[Any]:
    """``iter(function, last)``."""
    while True:
        try:
            item = function()
        except StopIteration:
            break
        if last is item or last == item:
            break
        yield item


def any_of(iterable: Iterable[Any]) -> bool:
    """``any``."""
    found = False
    for item in iterable:
        if item:
            found = True
            break
    return found


def all_of(iterable: Iterable[Any]) -> bool:
    """``all``."""
    found = True
    for item in iterable:
        if not item:
            found = False
            break
    return found


def reduced(function: Callable[..., Any], total: Any, iterable: Iterable[Any]) -> Any:
    """``functools.reduce``."""
    for item in iterable:
        total = function(total, item)
    return total


def reduced_from_first(function: Callable[..., Any], iterable: Iterable[Any]) -> Any:
    """``functools.reduce`` without a first total."""
    is_first, total = True, 0.0
    for item in iterable:
        if is_first:
            is_first, total = False, item
        else:
            total = function(total, item)
    if is_first:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total


def itself(item: Any) -> Any:
    """The key of what is compared without one."""
    return item


def extreme_by(
    key: Callable[[Any], Any], iterable: Iterable[Any], is_better: Callable[[Any, Any], Any]
) -> tuple[bool, Any]:
    """``min`` and ``max`` with a key: whether there is an item, and the best one."""
    is_empty, best, value = True, 0.0, 0.0
    for item in iterable:
        new = key(item)
        if is_empty:
            is_empty, best, value = False, item, new
        elif is_better(new, value):
            best, value = item, new
    return is_empty, best


def best_by(
    key: Callable[[Any], Any],
    iterable: Iterable[Any],
    is_better: Callable[[Any, Any], Any],
    best: Any,
    value: Any,
) -> Any:
    """``min`` and ``max`` with a key, from an item with its key on."""
    for item in iterable:
        new = key(item)
        if is_better(new, value):
            best, value = item, new
    return best


# -- heapq ----------------------------------------------------------------------------------------
def is_less(a: Any, b: Any) -> Any:
    """Whether an item of a heap goes before another one."""
    return a < b


def sift_down(heap: Any, start: Any, place: Any) -> None:
    """An item goes up from its place, as far as those above it are greater."""
    item = heap[place]
    while place > start and is_less(item, heap[(place - 1) >> 1]):
        heap[place] = heap[(place - 1) >> 1]
        place = (place - 1) >> 1
    heap[place] = item


def sift_up(heap: Any, place: Any) -> None:
    """An item goes down to a leaf, and up again from there."""
    start, end, item = place, len(heap), heap[place]
    child = 2 * place + 1
    while child < end:
        if child + 1 < end and not is_less(heap[child], heap[child + 1]):
            child = child + 1
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    heap[place] = item
    sift_down(heap, start, place)


def heapify(heap: Any) -> None:
    """``heapq.heapify``."""
    for k in range(len(heap) // 2):
        sift_up(heap, len(heap) // 2 - 1 - k)


def heappush(heap: Any, item: Any) -> None:
    """``heapq.heappush``."""
    heap.append(item)
    sift_down(heap, 0, len(heap) - 1)


def heappop(heap: Any) -> Any:
    """``heapq.heappop``."""
    item = heap.pop()
    if heap:
        item, heap[0] = heap[0], item
        sift_up(heap, 0)
    return item


def heapreplace(heap: Any, item: Any) -> Any:
    """``heapq.heapreplace``."""
    first = heap[0]
    heap[0] = item
    sift_up(heap, 0)
    return first


def heappushpop(heap: Any, item: Any) -> Any:
    """``heapq.heappushpop``."""
    if heap and is_less(heap[0], item):
        item, heap[0] = heap[0], item
        sift_up(heap, 0)
    return item


def insort_left(items: Any, x: Any, lo: Any = 0, hi: Any = None) -> None:
    """``bisect.insort_left`` without a key."""
    items.insert(bisect.bisect_left(items, x, lo, hi), x)


def insort_right(items: Any, x: Any, lo: Any = 0, hi: Any = None) -> None:
    """``bisect.insort_right`` without a key."""
    items.insert(bisect.bisect_right(items, x, lo, hi), x)


def place_left(items: Any, x: Any, low: int, high: int, key: Callable[[Any], Any]) -> int:
    """``bisect.bisect_left`` with a key."""
    while low < high:
        middle = (low + high) // 2
        if key(items[middle]) < x:
            low = middle + 1
        else:
            high = middle
    return low


def place_right(items: Any, x: Any, low: int, high: int, key: Callable[[Any], Any]) -> int:
    """``bisect.bisect_right`` with a key."""
    while low < high:
        middle = (low + high) // 2
        if x < key(items[middle]):
            high = middle
        else:
            low = middle + 1
    return low


# -- dicts whose keys only the run knows (capture.keyed): ranks say which keys there are, in which order they came --
def value_of(ranks: Any, values: Any, at: int, default: Any) -> Any:
    """``dict.get``."""
    return values[at] if ranks[at] >= 0 else default


def value_at(ranks: Any, values: Any, at: int, key: Any) -> Any:
    """``d[key]``."""
    if ranks[at] < 0:
        raise KeyError(key)
    return values[at]


def put_at(ranks: Any, values: Any, count: Any, at: int, value: Any) -> None:
    """``d[key] = value``."""
    if ranks[at] < 0:
        ranks[at] = count[1]
        count[1] += 1
        count[0] += 1
    values[at] = value


def value_or_put(ranks: Any, values: Any, count: Any, at: int, value: Any) -> Any:
    """``dict.setdefault``, and an item of a ``defaultdict``."""
    if ranks[at] < 0:
        ranks[at] = count[1]
        count[1] += 1
        count[0] += 1
        values[at] = value
    return values[at]


def taken_at(ranks: Any, values: Any, count: Any, at: int, key: Any) -> Any:
    """``d.pop(key)``."""
    if ranks[at] < 0:
        raise KeyError(key)
    ranks[at] = -1
    count[0] -= 1
    return values[at]


def taken_or(ranks: Any, values: Any, count: Any, at: int, default: Any) -> Any:
    """``d.pop(key, default)``."""
    if ranks[at] < 0:
        return default
    ranks[at] = -1
    count[0] -= 1
    return values[at]


def is_there(ranks: Any, at: int) -> Any:
    """``key in d``."""
    return ranks[at] >= 0


def places_in(ranks: Any, count: Any) -> Any:
    """Where the keys are, in the order in which they came."""
    return np.argsort(np.array(ranks))[len(ranks) - count[0] :]


def keys_in(places: Any, check: Any, values: Any, first: int, kind: Any) -> Iterator[Any]:
    """A loop over the keys."""
    for at in places:
        check()
        yield kind(at + first)
    check()


def values_in(places: Any, check: Any, values: Any, first: int, kind: Any) -> Iterator[Any]:
    """A loop over the values."""
    for at in places:
        check()
        yield values[at]
    check()


def items_in(places: Any, check: Any, values: Any, first: int, kind: Any) -> Iterator[Any]:
    """A loop over the items."""
    for at in places:
        check()
        yield kind(at + first), values[at]
    check()


def lists_of(places: Any, values: Any, first: int, kind: Any) -> Any:
    """The keys and the values."""
    return [kind(at + first) for at in places], [values[at] for at in places]


# -- and of those whose values are lists (capture.grouped): one log of all items, each with its place --
def append_at(sizes: Any, places: Any, items: Any, at: int, item: Any) -> None:
    """``d[key].append(item)``."""
    sizes[at] += 1
    places.append(at)
    items.append(item)


def order_of(places: Any, size: int) -> Any:
    """In which order the items of one place stand together, and where those of each end."""
    at = np.array(places)
    return np.argsort(at, kind="stable"), np.cumsum(np.bincount(at, minlength=size))


def item_at(items: Any, index: Any) -> Any:
    """An item of a list."""
    return items[index]


def is_in(item: Any, items: Any) -> Any:
    """``item in items``."""
    return item in items


def groups_of(places: Any, sizes: Any, ends: Any, first: int, kind: Any) -> Any:
    """The keys, how many items each has, and where they end."""
    keys = [kind(at + first) for at in places]
    return keys, [sizes[at] for at in places], [int(ends[at]) for at in places]


def exchanged_to_rise(a: Any, b: Any, of_a: Any, of_b: Any) -> Any:
    """Two items with their keys, the one with the smaller key first."""
    if of_b < of_a:
        a, b = b, a
        of_a, of_b = of_b, of_a
    return (a, b), (of_a, of_b)


def exchanged_to_fall(a: Any, b: Any, of_a: Any, of_b: Any) -> Any:
    """The same, the one with the larger key first."""
    if of_b > of_a:
        a, b = b, a
        of_a, of_b = of_b, of_a
    return (a, b), (of_a, of_b)


# Deques: ``back`` has what has come at the end, and ``front`` what has come at the beginning, the last one first.  Of both it
# is counted how many have gone from where they begin.  Apart, for what never changes stays known.
def put_last(back: Any, gone: Any, front: Any, fallen: Any, changes: Any, item: Any) -> None:
    """``deque.append``."""
    back.append(item)  # first, for it says of which type items are
    changes[0] += 1


def put_first(back: Any, gone: Any, front: Any, fallen: Any, changes: Any, item: Any) -> None:
    """``deque.appendleft``."""
    front.append(item)
    changes[0] += 1


def put_all(
    back: Any, gone: Any, front: Any, fallen: Any, changes: Any, items: Iterable[Any]
) -> None:
    """``deque.extend``."""
    for item in items:
        back.append(item)
        changes[0] += 1


def taken_first(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Any:
    """``deque.popleft``."""
    if len(front) > fallen[0]:
        changes[0] += 1
        return front.pop()
    at = gone[0]
    if at >= len(back):
        raise IndexError("pop from an empty deque")
    gone[0] = at + 1
    changes[0] += 1
    return back[at]


def taken_last(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Any:
    """``deque.pop``."""
    if len(front) == 0 or len(back) > gone[0]:
        if gone[0] >= len(back):
            raise IndexError("pop from an empty deque")
        changes[0] += 1
        return back.pop()
    at = fallen[0]
    if at >= len(front):
        raise IndexError("pop from an empty deque")
    fallen[0] = at + 1
    changes[0] += 1
    return front[at]


def take_all(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> None:
    """``deque.clear``."""
    gone[0] = len(back)
    changes[0] += 1
    if len(front) > 0:
        fallen[0] = len(front)


def length_of_queue(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Any:
    """``len(q)``."""
    return len(back) - gone[0] + (len(front) - fallen[0])


def item_of_queue(back: Any, gone: Any, front: Any, fallen: Any, changes: Any, index: Any) -> Any:
    """``q[index]``."""
    first = len(front) - fallen[0]
    size = len(back) - gone[0] + first
    if index < 0:
        index += size
    if index < 0 or index >= size:
        raise IndexError("deque index out of range")
    if first and index < first:
        return front[len(front) - 1 - index]
    return back[gone[0] + (index - first)]


def put_in_queue(
    back: Any, gone: Any, front: Any, fallen: Any, changes: Any, index: Any, value: Any
) -> None:
    """``q[index] = value``."""
    first = len(front) - fallen[0]
    size = len(back) - gone[0] + first
    if index < 0:
        index += size
    if index < 0 or index >= size:
        raise IndexError("deque index out of range")
    if first and index < first:
        front[len(front) - 1 - index] = value
    else:
        back[gone[0] + (index - first)] = value


def left_in_queue(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Any:
    """The items that are there."""
    return front[fallen[0] :][::-1] + back[gone[0] :]


def left_in_back(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Any:
    """The same of a deque whose items have all come at the end."""
    return back[gone[0] :]


def through_queue(back: Any, gone: Any, front: Any, fallen: Any, changes: Any) -> Iterator[Any]:
    """A loop over a deque."""
    before = changes[0]
    for k in range(len(front) - fallen[0]):
        yield front[len(front) - 1 - k]
        if changes[0] != before:
            raise RuntimeError("deque mutated during iteration")
    for k in range(gone[0], len(back)):
        yield back[k]
        if changes[0] != before:
            raise RuntimeError("deque mutated during iteration")
