"""Functions of ``itertools`` that take items and give them again: ``product``, ``combinations``, ``cycle``, ``tee``.

    for p, q in combinations(xs, 2):        for j in range(len(xs)):
        s += p * q                   =>         for k in range(j + 1, len(xs)):
                                                    s += xs[j] * xs[k]

Where the item at any position can be told, nothing has to be taken: they are loops over positions, or iterators over
one sequence.  What they give is what the items were when Python takes them.  So of a list or array that changes
afterwards the items are Python's own to keep, as are few of them, for which no loop is made.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import Any

from autodiff.capture import library_in_python
from autodiff.capture.access import load_item
from autodiff.capture.calls import SPECIAL, call
from autodiff.capture.comprehensions import is_long
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterating import (
    OverSequence,
    Repeated,
    by_python,
    by_text,
    is_indexed,
    noted,
)
from autodiff.capture.iterators import TracedIterator, named
from autodiff.capture.lists import TracedList
from autodiff.capture.passing import by_its_text
from autodiff.capture.sequences import LazySequence, lazy_sequence
from autodiff.capture.slots import is_numeric
from autodiff.dims import Dim
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Tracer
from autodiff.signals import run_users


def _chosen(function: Any, choose: Callable[..., Any]) -> Callable[..., Any]:
    """What chooses among the items of one sequence: loops in loops, where the sequence is a long one."""
    otherwise = by_python(function)

    def run(frame: Frame, iterable: Any, r: Any = None) -> Any:
        words = {} if r is None else {"r": frame.trace.as_index(r)}
        run_users(function, (), **words)  # raises Python's error
        items = None if r is None else _items_now(frame, iterable)
        text = None if items is None else choose(items, words["r"])
        if text is None:
            return otherwise(frame, iterable, **words)
        return by_text(frame, function, *text)

    return run


def _product(frame: Frame, *iterables: Any, repeat: Any = 1) -> Any:
    repeat = frame.trace.as_index(repeat)
    run_users(itertools.product, (), repeat=repeat)  # raises Python's error
    found = [_items_now(frame, x) for x in iterables]
    known = [x if now is None else now for x, now in zip(iterables, found, strict=True)]
    if all(now is None for now in found) or not all(map(is_indexed, known)):
        return by_python(itertools.product)(frame, *known, repeat=repeat)
    pools = [SPECIAL[list](frame, x) if isinstance(x, list) else x for x in known]
    return by_text(frame, itertools.product, library_in_python.product_of, tuple(pools) * repeat)


def _items_now(frame: Frame, x: Any) -> Any:
    """The items of a long sequence as they are now; None of others, which Python goes through."""
    if isinstance(x, (LazySequence, TracedIterator)):
        x = SPECIAL[list](frame, x)
    lazy = lazy_sequence(frame, x) if frame.trace.tier.rolls and is_indexed(x) else None
    if lazy is None or not is_long(lazy):
        return None
    if isinstance(x, Tracer):
        return x.copy() if len(x.shape) == 1 else x  # rows are views, which see what changes
    return SPECIAL[list](frame, x) if isinstance(x, list) else x


def _kept(frame: Frame, x: Any) -> Any:
    """Numbers that are taken now and given again later, of what does not change meanwhile; None of other things.

    What does change refuses to, and the function is captured again, without this.
    """
    trace = frame.trace
    if not trace.tier.rolls or trace.distinguish_arrays:
        return None
    if isinstance(x, range):
        return x
    if isinstance(x, Tracer) and len(x.shape) == 1 and not isinstance(x, ComplexTracer):
        x.cell.listed = True
        return x
    if type(x) is tuple:
        x = SPECIAL[list](frame, x)
    if not isinstance(x, TracedList):
        return None
    if not (x.is_numbers() if x.is_stored() else all(is_numeric(y) and not is_array(y) for y in x)):
        return None
    trace.ambiguous[id(x)] = x
    return x


def _cycle(frame: Frame, iterable: Any) -> Any:
    items = _kept(frame, iterable)
    count = None if items is None else extent_of(call(frame, len, [items], {}, _node(frame)))
    if count is None or isinstance(count, Dim) or count == 0:
        return by_python(itertools.cycle)(frame, iterable)
    made = named(Repeated, itertools.cycle)
    return noted(frame, made(frame, lambda k: load_item(frame, items, k % count, _node(frame))))


def _tee(frame: Frame, iterable: Any, n: Any = 2) -> Any:
    n = frame.trace.as_index(n)
    run_users(itertools.tee, (), n)  # raises Python's error
    items = _kept(frame, iterable)
    if items is None:
        return by_python(itertools.tee)(frame, iterable, n)
    kind: Any = type(itertools.tee(())[0])
    return tuple([noted(frame, named(OverSequence, kind)(frame, items)) for _ in range(n)])


def _node(frame: Frame) -> ast.AST:
    return frame.scope.syntax.node


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    itertools.product: _product,
    itertools.combinations: _chosen(
        itertools.combinations, lambda x, r: (library_in_python.combined, x, r, 0, 1)
    ),
    itertools.combinations_with_replacement: _chosen(
        itertools.combinations_with_replacement,
        lambda x, r: (library_in_python.combined, x, r, 0, 0),
    ),
    itertools.permutations: _chosen(
        itertools.permutations,
        lambda x, r: (library_in_python.permuted_pairs, x) if r == 2 else None,
    ),
    itertools.cycle: _cycle,
    itertools.tee: _tee,
    library_in_python.product_of: by_its_text(library_in_python.product_of),
    library_in_python.combined: by_its_text(library_in_python.combined),
}

SPECIAL.update(FUNCTIONS)

__all__ = ["FUNCTIONS"]
