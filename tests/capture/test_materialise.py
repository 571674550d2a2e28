"""From the heap to Python's objects: what is shared is shared, and the user's objects become what Python makes of them."""

from __future__ import annotations

from collections import deque, namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from autodiff.capture.predicates import Refused
from tests.capture import heap_model as model
from tests.capture.heap_entries import Heap, Made
from tests.capture.heap_kinds import LIST, TUPLE, Kind, kind_of
from tests.capture.heap_machine import (
    AfterRun,
    Algebra,
    Machine,
    machine_on,
    same_graph,
)
from tests.capture.heap_materialise import plan
from tests.capture.heap_model import Oracle, Trace, following
from tests.capture.heap_originals import Originals
from tests.capture.heap_references import UNBOUND, To
from tests.capture.heap_traces import START, traces

Point = namedtuple("Point", "x y")


class Slotted:
    __slots__ = ("x", "y")


# -- the user's objects, changed by the function -------------------------------------------------------
def begin() -> dict[str, Any]:
    """Variables that mean objects from before the call."""
    variables: dict[str, Any] = {}
    model.run(START, variables, Oracle([]), ())
    return variables


def agrees_outside(trace: Trace, most: int = 6) -> None:
    """Compare the user's objects after a call, and what names mean, with what Python makes of them."""
    shared = True
    try:
        machine_on(begin())[0].run(trace)
    except Refused:
        shared = False
    answers: list[int] | None = []
    for _ in range(most):
        assert answers is not None
        oracle, expected = Oracle(answers), begin()
        wanted = list(expected.values())
        model.run(trace, expected, oracle, ())
        variables = begin()
        found = list(variables.values())
        machine, originals, since = machine_on(variables, None if shared else oracle)
        machine.run(trace)
        names = machine.heap.keys(machine.frame)
        roots = [machine.heap.read((machine.frame, name)) for name in names]
        built = plan(machine.heap, roots, since).build(AfterRun(oracle, originals))
        result = {k: v for k, v in zip(names, built, strict=True) if v is not UNBOUND}
        order = sorted(expected)
        assert order == sorted(result)
        mine, other = ([x[k] for k in order] for x in (result, expected))
        assert same_graph([found, mine], [wanted, other]), f"on the path {oracle.known}"
        answers = following(oracle.asked)
        if answers is None:
            return


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces(1))
def test_objects_from_before_the_call(trace: Trace) -> None:
    agrees_outside(trace)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces(2, 8))
def test_many_objects_from_before_the_call(trace: Trace) -> None:
    agrees_outside(trace)


# -- shapes of all kinds ----------------------------------------------------------------------------------
def rebuilt(x: Any) -> Any:
    """A graph taken into the heap, and made anew of it."""
    heap = Heap(Algebra(), checking=True)

    def lift(part: Any, path: Any) -> Any:
        return heap.logic.algebra.lift(part) if type(part) is float else None

    originals = Originals(lift)
    originals.heap, heap.loader = heap, originals
    first = originals.reference(x, ())
    copies: dict[Any, Any] = {}

    def copied(reference: Any) -> Any:
        """What captured code would have made that looks the same."""
        if not isinstance(reference, To):
            return reference
        old = reference.object
        if old not in copies:
            copies[old] = heap.new(old.kind, Made(), old.like)
            for key in heap.keys(old):
                heap.write((copies[old], key), copied(heap.read((old, key))))
        return To(copies[old])

    root = copied(first)
    heap.verify()
    (made,) = plan(heap, [root]).build(AfterRun(Oracle([]), originals))
    return made


def graphs() -> dict[str, Any]:
    circle: list[Any] = [1.0]
    circle.append(circle)
    inside: list[Any] = []
    through_a_tuple = (inside, 2.0)
    inside.append(through_a_tuple)
    shared = {"a": 1.0}
    chain: Any = None
    for k in range(300):
        chain = SimpleNamespace(next=chain, value=float(k))
    slotted = Slotted()
    slotted.x, slotted.y = shared, slotted  # type: ignore[attr-defined]
    return {
        "a circle": circle,
        "a circle through a tuple": through_a_tuple,
        "a part in two places": [shared, (shared, [shared])],
        "a chain": chain,
        "a named tuple": Point(1.0, [Point(2.0, 3.0)]),
        "a deque of a length": deque([1.0, [2.0]], maxlen=2),
        "slots": slotted,
        "an exception": ValueError("text", [1.0]),
        "a slice": slice(1.0, None, 2.0),
    }


@pytest.mark.parametrize("name", graphs())
def test_what_is_made_is_alike_and_new(name: str) -> None:
    x = graphs()[name]
    made = rebuilt(x)
    twins: dict[int, Any] = {}
    pending = [(x, made)]
    while pending:
        old, new = pending.pop()
        assert type(old) is type(new)
        kind: Kind | None = kind_of(old)
        if kind is None:
            assert old == new
        elif id(old) in twins:
            assert twins[id(old)] is new
        else:
            row = kind.container
            assert new is not old and row is not None and row.keys(old) == row.keys(new)
            twins[id(old)] = new
            pending += zip(row.values(old), row.values(new), strict=True)
    if isinstance(x, deque):
        assert made.maxlen == x.maxlen


def test_what_a_branch_chose_is_what_it_chose() -> None:
    mine, other = [1.0], [2.0]
    for answer in (0, 1):
        machine, originals, since = machine_on({"a": mine, "b": other})
        chosen = (model.If(7, (model.Alias("c", "a"),), (model.Alias("c", "b"),)),)
        machine.run((*chosen, model.New("r", "list", ("c", "a"))))
        root = machine.heap.read((machine.frame, "r"))
        oracle = Oracle([])
        oracle.known["if", 7, ()] = answer
        (made,) = plan(machine.heap, [root], since).build(AfterRun(oracle, originals))
        assert made[0] is (mine if answer else other) and made[1] is mine


def test_a_key_that_is_removed_and_stored_again_comes_last() -> None:
    table = {"p": 1, "q": 2}
    machine, originals, since = machine_on({"d": table})
    machine.run((model.Constant("n", 3), model.Delete("d", 0), model.Store("d", 0, "n")))
    plan(machine.heap, [], since).build(AfterRun(Oracle([]), originals))
    assert list(table.items()) == [("q", 2), ("p", 3)]


def test_nothing_that_is_not_reached_is_made() -> None:
    machine = Machine()
    machine.run((model.New("a", "list"), model.New("b", "list", ("a",))))
    heap = machine.heap
    assert not plan(heap, []).made
    assert len(plan(heap, [heap.read((machine.frame, "a"))]).made) == 1


def test_a_long_tuple_of_tuples_is_made() -> None:
    heap = Heap(Algebra())
    inner = heap.new(LIST, Made(), [])
    for _ in range(50):
        outer = heap.new(TUPLE, Made(), ())
        heap.write((outer, 0), To(inner))
        inner = outer
    (made,) = plan(heap, [To(inner)]).build(AfterRun(Oracle([]), Originals(lambda x, p: None)))
    for _ in range(50):
        (made,) = made
    assert made == []
