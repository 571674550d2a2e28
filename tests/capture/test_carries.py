"""What loops carry: which are one loop, with how many numbers, and why the others are not."""

from __future__ import annotations

import pytest

from autodiff.capture.predicates import Refused
from tests.capture.heap_carries import ROUNDS, Rotation, carry
from tests.capture.heap_machine import Machine
from tests.capture.heap_model import (
    Add,
    Alias,
    Append,
    Constant,
    Delete,
    If,
    Input,
    Is,
    Load,
    New,
    Repeat,
    Statement,
    Store,
    Trace,
)
from tests.capture.heap_traces import agrees

NUMBER, ARRAY = Input("n", 0), New("x", "array", ("n",))
STEP = (Load("k", "x", 0), Add("k", "k", "n"), New("x", "array", ("k",)))  # x = x + n
STATE = (New("x", "array", ("n",)), New("s", "instance", ("x", "n")))


def loop(*body: Statement, most: int = 3) -> Repeat:
    return Repeat(99, most, body)


# What is before the loop, its body, what follows it; how many slots it has, those of numbers that the body
# alone knows, with whether they are bound, not counted.
ROLLED: dict[str, tuple[Trace, Trace, Trace]] = {
    "a number": ((NUMBER,), (Add("n", "n", "n"),), ()),
    "a number that becomes one of another type": ((NUMBER, Constant("s", 0)), (Add("s", "s", "n"),), ()),
    "an array stored into": ((NUMBER, ARRAY), (Store("x", 0, "n"),), (Load("k", "x", 0),)),
    "an array bound anew": ((NUMBER, ARRAY), STEP, (Input("n", 1), Store("x", 0, "n"))),
    "an array with another name": ((NUMBER, ARRAY, Alias("y", "x")), STEP, (Input("n", 1), Store("x", 0, "n"))),
    "the one before": ((NUMBER, ARRAY), (Alias("old", "x"), *STEP), (Is("t", "old", "x"), Input("n", 1), Store("old", 0, "n"))),
    "the best so far": (
        (NUMBER, ARRAY, Alias("best", "x")),
        (*STEP, If(1, (Alias("best", "x"),), ())),
        (Is("t", "best", "x"), Input("n", 1), Store("best", 0, "n")),
    ),
    "an object bound anew": ((NUMBER, *STATE), (Load("x", "s", 0), *STEP, New("s", "instance", ("x", "n"))), ()),
    "an object replaced on a condition": (
        (NUMBER, *STATE),
        (Load("x", "s", 0), *STEP, If(1, (New("s", "instance", ("x", "n")),), ())),
        (Load("y", "s", 0), Is("t", "x", "y"), Input("n", 1), Store("y", 0, "n")),
    ),
    "parts of an object from before": ((NUMBER, *STATE), (Store("s", 1, "n"), Add("n", "n", "n")), ()),
    "an exchange": ((NUMBER, ARRAY, New("y", "array", ("n",)), Alias("z", "y")), (Alias("z", "x"), Alias("x", "y"), Alias("y", "z")), (Store("x", 0, "n"), Is("t", "x", "z"))),
    "one of two objects": (
        (NUMBER, ARRAY, New("y", "array", ("n",)), Alias("b", "x")),
        (If(1, (Alias("b", "x"),), (Alias("b", "y"),)), Input("n", 1), Store("b", 0, "n")),
        (Is("t", "b", "y"),),
    ),
    "None or an object": ((NUMBER, ARRAY, Constant("b", None)), (If(1, (Alias("b", "x"),), ()),), (Is("t", "b", "x"),)),
    "two names of one object bound anew": (
        (NUMBER, ARRAY, Alias("y", "x")),
        (*STEP, Alias("y", "x"), Input("n", 1), Store("y", 0, "n")),
        (Is("t", "x", "y"), Store("x", 0, "n")),
    ),
    "a name that the body binds": ((NUMBER,), (Add("k", "n", "n"),), (Add("m", "k", "k"),)),
    "a name that some iterations bind": ((NUMBER,), (If(1, (Add("k", "n", "n"),), ()),), (Add("m", "k", "k"),)),
    "a loop in a loop": ((NUMBER, ARRAY), (Repeat(5, 2, STEP), Store("x", 0, "n")), ()),
    "a loop in a loop that may not run": (
        (NUMBER, ARRAY, Alias("y", "x")),
        (Repeat(5, 2, (New("x", "array", ("n",)),)),),
        (Is("t", "x", "y"), Input("n", 1), Store("x", 0, "n")),
    ),
    "items of a list": ((NUMBER, ARRAY, New("l", "list", ("n", "x"))), (Load("x", "l", 1), *STEP, Store("l", 1, "x")), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", ROLLED)
def test_one_loop(name: str) -> None:
    before, body, after = ROLLED[name]
    machine = agrees((*before, loop(*body), *after), checking=True)
    assert machine.rolled >= 1 and not machine.reasons


# Their first iterations are run by themselves.
PEELED: dict[str, tuple[Trace, Trace, str]] = {
    "an array with another name, stored into": (
        (NUMBER, ARRAY, Alias("y", "x")),
        (*STEP, Input("n", 1), Store("y", 0, "n")),
        "binds 'x' anew and stores into it: it has other names as well",
    ),
    "stored into before it is bound anew": (
        (NUMBER, ARRAY, Alias("y", "x")),
        (Store("x", 0, "n"), *STEP),
        "binds 'x' anew and stores into it: it has other names as well",
    ),
    "asked which it is": (
        (NUMBER, ARRAY, Alias("y", "x")),
        (Is("t", "x", "y"), *STEP),
        "binds 'x' anew and asks which object it is: it has other names as well",
    ),
    "another kind of object": (
        (NUMBER, ARRAY, Constant("p", None)),
        (New("p", "array", ("n",)),),
        "'p' becomes another kind of object, or one with other parts",
    ),
    "a part that the first iteration makes": (
        (NUMBER, New("s", "instance", ("n",))),
        (New("s", "instance", ("n", "n")),),
        "'s' becomes another kind of object, or one with other parts",
    ),
    "objects within objects without end": (
        (NUMBER, New("a", "instance", ("n", "n")), Alias("c", "a")),
        (If(4, (New("a", "instance", ("n", "a")),), ()), Store("c", 1, "a")),
        "holds objects within objects without end",
    ),
    "a list that grows": (
        (NUMBER, New("l", "list")),
        (Append("l", "n"),),
        "in which the length of a list changes",
    ),
}


@pytest.mark.parametrize("name", PEELED)
def test_not_one_loop_at_once(name: str) -> None:
    before, body, reason = PEELED[name]
    machine = agrees((*before, loop(*body)), checking=True)
    assert any(reason in found for found in machine.reasons), machine.reasons


def carried(before: Trace, body: Trace) -> list[int]:
    """How often the body is run."""
    machine = Machine()
    machine.run(before)
    runs = [0]

    def once() -> None:
        runs[0] += 1
        machine.run(body)

    since = machine.heap.snapshot()
    found = carry(machine.heap, once, lambda attempt: attempt(), machine.algebra.hole("index"))
    assert not machine.heap.changed(since)
    return [len(found.slots), runs[0], len(found.rotations)]


EXCHANGE = (Alias("z", "x"), Alias("x", "y"), Alias("y", "z"))
STORED = (Input("m", 1), Store("x", 0, "m"))


def test_how_much_is_carried_and_how_often_the_body_is_run() -> None:
    before = (NUMBER, ARRAY, Input("m", 1), New("y", "array", ("m",)))
    assert carried(before, (Store("x", 0, "n"),)) == [0, 1, 0]  # what is there already
    assert carried(before, (Store("x", 0, "m"),)) == [1, 2, 0]
    assert carried(before, (New("x", "array", ("m",)),)) == [1, 2, 0]
    # What it holds, and which object it is.
    assert carried((*before, Alias("z", "x")), (New("x", "array", ("m",)),)) == [2, 2, 0]
    # Which of two older objects it is, and no contents.
    assert carried(before, (If(1, (Alias("x", "y"),), ()),)) == [1, 2, 0]
    # Two contents, which change places, and whether ``m`` is bound.
    assert carried(
        before, (*EXCHANGE, Delete("z"), Input("m", 2), Store("x", 0, "m"), Delete("m"))
    ) == [3, 2, 1]


def test_an_exchange_of_what_others_hold_is_of_names() -> None:
    before = (NUMBER, ARRAY, Input("m", 1), New("y", "array", ("m",)), New("l", "list", ("x", "y")))
    assert carried(before, (*EXCHANGE, Delete("z"), Store("x", 0, "n"))) == [3, 2, 0]
    agrees((*before, loop(*EXCHANGE, *STORED), Is("t", "x", "y"), Load("k", "l", 1)))


def test_an_exchange_of_what_the_loop_lets_others_hold_is_told() -> None:
    with pytest.raises(Rotation) as refused:
        carried((NUMBER, ARRAY, New("y", "array", ("n",))), (*EXCHANGE, *STORED))
    assert {s.names[0].key for s in refused.value.structures} == {"x", "y"}


def test_what_never_settles_is_refused_after_four_rounds() -> None:
    machine = Machine()
    names = "abcdefgh"
    machine.run((NUMBER, *(New(name, "list") for name in names)))
    rounds = iter(names)

    def body() -> None:
        machine.run((New(next(rounds), "list"),))

    with pytest.raises(Refused, match="what the loop changes does not settle"):
        carry(machine.heap, body, lambda f: f(), machine.algebra.hole("k"))
    assert "".join(rounds) == names[ROUNDS:]


def test_the_cost_is_that_of_what_the_loop_changes() -> None:
    def operations(unrelated: int) -> int:
        machine = Machine(checking=False)
        machine.run((NUMBER, ARRAY, *(New(f"u{k}", "array", ("n",)) for k in range(unrelated))))
        written = len(machine.heap.journal)
        seen = []
        trace = (*STEP, Store("x", 0, "n"))
        carry(
            machine.heap,
            lambda: machine.run(trace),
            lambda attempt: (attempt(), seen.append(machine.heap.stores)),
            machine.algebra.hole("k"),
        )
        assert len(machine.heap.journal) == written
        return machine.heap.stores - unrelated * 2

    assert operations(1) == operations(200)


@pytest.mark.parametrize("depth", [4, 16])
def test_loops_in_loops_are_studied_in_a_time_that_grows_with_their_depth(depth: int) -> None:
    class Counting(Machine):
        runs = 0

        def step(self, s: Statement) -> None:
            self.runs += isinstance(s, Store)
            super().step(s)

    trace: Trace = (*STEP, Store("x", 0, "n"), Add("s", "s", "n"))
    for label in range(depth):
        trace = (Repeat(100 + label, 2, trace),)
    machine = Counting(checking=False)
    machine.run((NUMBER, ARRAY, Constant("s", 0), *trace))
    assert machine.rolled >= depth and not machine.reasons
    assert machine.runs <= 4 * depth
