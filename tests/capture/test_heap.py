"""The heap against its executable specification: random traces, all paths, every location, identity included."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from autodiff.capture.heap import CONTENT
from autodiff.capture.predicates import Refused
from autodiff.errors import InternalError
from tests.capture.heap_entries import Heap, Location, Made, Object, Outside
from tests.capture.heap_kinds import ARRAY, DICT, INSTANCE, LIST, VARIABLES
from tests.capture.heap_machine import Algebra, Instance, Machine
from tests.capture.heap_merge import Outcome, merge, run
from tests.capture.heap_model import Trace
from tests.capture.heap_references import UNBOUND, Choice, Leaf, Maybe, Static, To
from tests.capture.heap_traces import START, agrees, loops, traces

RANDOM = dict(deadline=None, suppress_health_check=list(HealthCheck))


# -- the heap does what the model does --------------------------------------------------------------
@settings(max_examples=60, **RANDOM)
@given(traces())
def test_random_traces(trace: Trace) -> None:
    machine = agrees(START + trace)
    event(f"rolled: {machine.rolled > 0}")


@settings(max_examples=30, **RANDOM)
@given(loops())
def test_random_loops(trace: Trace) -> None:
    machine = agrees(trace)
    event(f"rolled: {machine.rolled > 0}")


@settings(max_examples=15, **RANDOM)
@given(traces(1) | loops())
def test_the_heap_never_contradicts_itself(trace: Trace) -> None:
    agrees(START + trace, most=1, checking=True)


@pytest.mark.slow
@settings(max_examples=10_000, **RANDOM)
@given(traces(3, 8) | loops())
def test_many_random_traces(trace: Trace) -> None:
    agrees(START + trace)


# -- one thing at a time ------------------------------------------------------------------------------
def a_heap(checking: bool = True) -> tuple[Heap, Object]:
    heap = Heap(Algebra(), checking=checking)
    return heap, heap.new(VARIABLES, Made())


def an_array(heap: Heap, content: Any) -> Object:
    made = heap.new(ARRAY, Made())
    heap.write((made, CONTENT), Leaf(heap.logic.algebra.lift(content)))
    return made


def atom(heap: Heap, label: int) -> Any:
    algebra: Any = heap.logic.algebra
    return algebra.make("asked", label, ())


def test_a_store_through_a_choice_is_a_store_to_each_where_it_is_that_one() -> None:
    heap, frame = a_heap()
    a, b, p = an_array(heap, 1), an_array(heap, 2), heap.logic.of(atom(heap, 0))
    heap.write((frame, "y"), heap.logic.join(p, To(a), To(b)))
    heap.write_through(heap.read((frame, "y")), CONTENT, Leaf("new"))
    leaf = heap.read((a, CONTENT)).value
    assert (leaf.kind, leaf.operands[1:]) == ("select", ("new", heap.logic.algebra.lift(1)))
    leaf = heap.read((b, CONTENT)).value
    assert (leaf.kind, leaf.operands[1:]) == ("select", (heap.logic.algebra.lift(2), "new"))
    assert heap.identical(heap.read((frame, "y")), To(a)) is p
    assert heap.identical(heap.read((frame, "y")), To(b)) is heap.logic.negated(p)


def test_within_a_branch_its_choices_are_decided() -> None:
    heap, frame = a_heap()
    a, b, p = an_array(heap, 1), an_array(heap, 2), atom(heap, 0)
    heap.write((frame, "y"), heap.logic.join(p, To(a), To(b)))
    with heap.assuming(p):
        found = heap.read((frame, "y"))
        assert isinstance(found, To) and found.object is a
        assert heap.identical(found, To(b)) is False
    with heap.assuming(p, False):
        assert heap.read((frame, "y")).object is b
    assert isinstance(heap.read((frame, "y")), Choice)


def test_a_branch_decides_choices_within_choices_together_with_what_is_around_them() -> None:
    heap, frame = a_heap()
    a, b = an_array(heap, 1), an_array(heap, 2)
    p, q = atom(heap, 0), atom(heap, 1)
    logic = heap.logic
    heap.write((frame, "y"), logic.join(p, logic.join(q, To(a), To(b)), To(b)))
    with heap.assuming(logic.both(p, q), False):
        assert heap.read((frame, "y")).object is b
    with heap.assuming(logic.negated(p)), heap.assuming(q):
        assert heap.read((frame, "y")).object is b


def test_what_was_there_before_the_call_is_read_once_and_survives_undo() -> None:
    class Loader:
        loads: list[Any] = []

        def load(self, object: Object, key: Any) -> Any:
            self.loads.append(key)
            return Static(key) if key in ("x", "y") else UNBOUND

        def keys(self, object: Object) -> list[str]:
            return ["x", "y"]

    loader = Loader()
    heap = Heap(Algebra(), loader, checking=True)
    table = heap.new(DICT, Outside("table"), {})
    since = heap.snapshot()
    assert heap.read((table, "x")).value == "x"
    heap.write((table, "y"), UNBOUND)
    heap.write((table, "z"), Static("z"))
    assert heap.keys(table) == ["x", "z"] and heap.length(table) == 2
    heap.write((table, "y"), Static("again"))
    assert heap.keys(table) == ["x", "z", "y"]
    heap.verify(since)
    heap.undo(since)
    assert heap.keys(table) == ["x", "y"] and heap.read((table, "z")) is UNBOUND
    assert loader.loads.count("x") == loader.loads.count("y") == 1


def test_undo_puts_back_contents_orders_and_counts() -> None:
    heap, frame = a_heap()
    table = heap.new(DICT, Made(), {})
    for key in "pqr":
        heap.write((table, key), To(frame))
    since = heap.snapshot()
    heap.write((table, "p"), UNBOUND)
    heap.write((table, "p"), Static(1))
    heap.write((table, "s"), To(table))
    assert heap.keys(table) == ["q", "r", "p", "s"]
    assert set(heap.changed(since)) == {Location(table, "p"), Location(table, "s")}
    heap.undo(since)
    assert heap.keys(table) == ["p", "q", "r"] and not heap.changed(since)
    assert frame.holders == 3 and table.holders == 0
    heap.verify(since)


def test_objects_made_on_each_side_become_one_where_nobody_can_tell() -> None:
    heap, frame = a_heap()

    def side(number: int) -> Callable[[], tuple[()]]:
        def make() -> tuple[()]:
            made = heap.new(INSTANCE, Made(), Instance())
            heap.write((made, "x"), Static(number))
            heap.write((frame, "s"), To(made))
            heap.write((frame, "t"), To(made))
            return ()

        return make

    merge(heap, atom(heap, 0), run(heap, side(1)), run(heap, side(2)))
    s, t = heap.read((frame, "s")), heap.read((frame, "t"))
    assert isinstance(s, To) and heap.identical(s, t) is True
    assert heap.read((s.object, "x")).value.kind == "select"


def test_keys_in_two_orders_are_refused_and_the_heap_is_as_before() -> None:
    heap, frame = a_heap()
    table = heap.new(DICT, Made(), {})
    before = heap.snapshot()

    def side(keys: str) -> Callable[[], tuple[()]]:
        return lambda: tuple(heap.write((table, key), Static(0)) for key in keys)[:0]

    outcomes = run(heap, side("pq")), run(heap, side("qp"))
    with pytest.raises(Refused, match="keys in another order"):
        merge(heap, atom(heap, 0), *outcomes)
    assert not heap.changed(before) and heap.keys(table) == []
    merge(heap, atom(heap, 0), run(heap, side("pqr")), run(heap, side("qs")))
    assert heap.keys(table) == ["p", "q", "r", "s"]
    assert isinstance(heap.read((table, "p")), Maybe) and isinstance(
        heap.read((table, "q")), Static
    )


def test_a_list_knows_its_length_on_each_side_of_a_branch() -> None:
    heap, frame = a_heap()
    items, p = heap.new(LIST, Made(), []), atom(heap, 0)
    heap.write((items, 0), Static(0))
    merge(
        heap, p, run(heap, lambda: heap.write((items, 1), Static(1)) or ()), run(heap, lambda: ())
    )
    with pytest.raises(Refused, match="a list whose length depends on a branch"):
        heap.length(items)
    with heap.assuming(p):
        assert heap.length(items) == 2
    with heap.assuming(p, False):
        assert heap.length(items) == 1


def test_more_than_eight_objects_are_refused() -> None:
    heap, frame = a_heap()
    found: Any = To(frame)
    with pytest.raises(Refused, match="one of more than 8 objects"):
        for k in range(9):
            found = heap.logic.join(atom(heap, k), To(heap.new(LIST, Made(), [])), found)
    assert k == 7


# -- merging is symmetric ---------------------------------------------------------------------------
class Swapped(Machine):
    """Merges every branch the other way round."""

    def merged(self, p: Any, then: Outcome, orelse: Outcome) -> None:
        super().merged(self.heap.logic.negated(p), orelse, then)


@settings(max_examples=25, **RANDOM)
@given(traces(2, 4))
def test_a_merge_is_symmetric_up_to_swapping_the_predicate(trace: Trace) -> None:
    agrees(START + trace, kind=Swapped)


# -- contradictions are found -------------------------------------------------------------------------
def test_a_change_that_the_journal_does_not_tell_is_found() -> None:
    heap, frame = a_heap()
    heap.write((frame, "x"), Static(1))
    since = heap.snapshot()
    frame.entries["x"] = frame.entries["x"]._replace(reference=Static(2))
    with pytest.raises(InternalError, match="changed, and the journal does not say so"):
        heap.verify(since)


def test_a_reference_that_is_not_counted_is_found() -> None:
    heap, frame = a_heap()
    heap.write((frame, "x"), To(frame))
    frame.holders = 0
    with pytest.raises(InternalError, match="has 1 holders, 0 are counted"):
        heap.verify()


def test_a_reference_that_is_in_no_normal_form_is_found() -> None:
    heap, frame = a_heap()
    p = heap.logic.of(atom(heap, 0))
    heap.write((frame, "x"), Maybe(Maybe(Static(1), p), p))
    with pytest.raises(InternalError, match="a Maybe inside of a Maybe"):
        heap.verify()


# -- what it costs ------------------------------------------------------------------------------------
def calls(function: Callable[[], Any]) -> int:
    """How many functions are called."""
    count = 0

    def note(frame: Any, what: str, argument: Any) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def of_size(n: int) -> tuple[Heap, Object, list[Object]]:
    """A heap with a list of so many items, each an array, and as many variables."""
    heap, frame = a_heap(checking=False)
    items, arrays = heap.new(LIST, Made(), []), [an_array(heap, k) for k in range(n)]
    for k, array in enumerate(arrays):
        heap.write((items, k), To(array))
        heap.write((frame, k), To(array))
    return heap, items, arrays


@pytest.mark.parametrize("n", [10, 1000])
def test_reads_writes_and_snapshots_cost_the_same_in_any_heap(n: int) -> None:
    heap, items, arrays = of_size(n)
    assert calls(lambda: heap.read((items, 5))) <= 8
    assert (
        calls(lambda: heap.write((arrays[3], CONTENT), Static(1))) <= 32
    )  # Python 3.13 tells of more
    assert calls(lambda: heap.write((items, n), Static(1))) <= 32
    assert calls(lambda: heap.length(items)) <= 4
    assert calls(heap.snapshot) <= 6


def test_undo_changed_and_merge_cost_what_was_changed() -> None:
    def costs(size: int, changes: int) -> tuple[int, int, int]:
        heap, items, arrays = of_size(size)

        def side(number: int) -> Callable[[], tuple[()]]:
            def store() -> tuple[()]:
                for k in range(changes):
                    heap.write((arrays[k], CONTENT), Static(number))
                heap.write((items, size), To(heap.new(DICT, Made(), {})))
                return ()

            return store

        since = heap.snapshot()
        side(0)()
        changed = calls(lambda: heap.changed(since))
        undone = calls(lambda: heap.undo(since))
        outcomes = run(heap, side(1)), run(heap, side(2))
        return changed, undone, calls(lambda: merge(heap, atom(heap, 0), *outcomes))

    small, large, twice = costs(20, 10), costs(2000, 10), costs(2000, 20)
    assert all(abs(a - b) < 10 for a, b in zip(small, large, strict=True))
    assert all(b <= 2 * a for a, b in zip(large, twice, strict=True))
    assert all(cost < 200 * 11 for cost in large)
