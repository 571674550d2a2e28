"""Random traces for the heap and its specification, and the comparison of the two."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autodiff.capture.predicates import Refused
from tests.capture import heap_model as model
from tests.capture.heap_machine import Machine, difference
from tests.capture.heap_model import (
    Add,
    Alias,
    Append,
    Call,
    Constant,
    Delete,
    If,
    Input,
    Is,
    Load,
    New,
    Repeat,
    Store,
    Trace,
    paths,
)

# -- random traces --------------------------------------------------------------------------------
NAMES = st.sampled_from("abcd")
KEYS = st.integers(0, 1)


@st.composite
def traces(draw: Any, depth: int = 2, most: int = 6, labels: Any = None) -> Trace:
    labels = iter(range(1000)) if labels is None else labels
    found = []
    for _ in range(draw(st.integers(1, most))):
        kinds = SIMPLE + (NESTED if depth else ())
        kind = draw(st.sampled_from(kinds))
        found.append(statement(draw, kind, depth, labels))
    return tuple(found)


SIMPLE = (
    ["new"] * 4 + ["alias"] * 2 + ["load"] * 2 + ["store"] * 4 + ["append"] + ["delete"] + ["is"] + ["add"] + ["input"]
    + ["constant"]
)  # fmt: skip
SIMPLE = tuple(SIMPLE)
NESTED = ("if", "if", "if", "repeat", "repeat", "call")


def statement(draw: Any, kind: str, depth: int, labels: Any) -> model.Statement:
    def inner() -> Trace:
        return draw(traces(depth - 1, 4, labels))

    a, b, c = draw(NAMES), draw(NAMES), draw(NAMES)
    match kind:
        case "new":
            parts = draw(st.lists(NAMES, max_size=2))
            return New(a, draw(st.sampled_from(model.KINDS)), tuple(parts))
        case "alias":
            return Alias(a, b)
        case "load":
            return Load(a, b, draw(KEYS))
        case "store":
            return Store(a, draw(KEYS), b)
        case "append":
            return Append(a, b)
        case "delete":
            return Delete(a, draw(st.sampled_from((None, 0, 1))))
        case "is":
            return Is(a, b, c)
        case "add":
            return Add(a, b, c)
        case "input":
            return Input(a, next(labels))
        case "constant":
            return Constant(a, draw(st.sampled_from((None, 1, 0.5, True))))
        case "if":
            return If(next(labels), inner(), draw(st.just(()) | traces(depth - 1, 4, labels)))
        case "repeat":
            return Repeat(next(labels), draw(st.integers(1, 3)), inner())
    return Call(a, ((b, c), (c, b)), inner(), draw(NAMES))


# Something of each kind to begin with.
START: Trace = (
    Input("d", -1),
    New("a", "list", ("d", "d")),
    New("b", "instance", ("a", "d")),
    New("c", "array", ("d",)),
)


def agrees(
    trace: Trace, most: int = 16, checking: bool = False, kind: type[Machine] = Machine
) -> Machine:
    """Compare the heap with the model on every path; the machine where one capture serves all paths."""
    shared: Machine | None = kind(checking=checking)
    try:
        shared.run(trace)
    except Refused:
        shared = None
    machine = shared
    for oracle, variables in paths(trace, most if shared else 4):
        machine = shared
        if machine is None:
            # Not checked: where paths are decided, what the heap says of the others means nothing.
            machine = kind(oracle, False)
            machine.run(trace)
        found = difference(machine, oracle, variables)
        assert found is None, f"{found}\non the path {oracle.known}"
    assert machine is not None
    return machine


# -- loops over objects of few kinds, whose names change hands ---------------------------------------------
OBJECTS = st.sampled_from("abc")


@st.composite
def exchanges(draw: Any, depth: int, most: int, labels: Any) -> Trace:
    found: list[model.Statement] = []
    for _ in range(draw(st.integers(1, most))):
        a, b = draw(OBJECTS), draw(OBJECTS)
        kind = draw(st.sampled_from(EXCHANGES + (("repeat",) if depth else ())))
        match kind:
            case "new":
                found.append(New(a, draw(st.sampled_from(("array", "instance"))), ("n", "n")))
            case "step":
                found += [Load("n", b, 0), Add("n", "n", "n"), New(a, "array", ("n",))]
            case "alias":
                found.append(Alias(a, b))
            case "store":
                found += [Input("n", next(labels)), Store(a, 0, "n")]
            case "is":
                found.append(Is("t", a, b))
            case "if":
                then, orelse = (draw(exchanges(0, 2, labels)) for _ in range(2))
                found.append(If(next(labels), then, orelse if draw(st.booleans()) else ()))
            case "repeat":
                found.append(Repeat(next(labels), 2, draw(exchanges(0, 3, labels))))
    return tuple(found)


EXCHANGES = ("new", "new", "step", "step", "alias", "alias", "store", "store", "is", "if", "if")


@st.composite
def loops(draw: Any) -> Trace:
    labels = iter(range(1000))
    found: list[model.Statement] = [Input("n", next(labels))]
    for name in "abc":
        kind = draw(st.sampled_from(("array", "array", "instance", "alias")))
        parts = ("n", "n")
        found.append(Alias(name, draw(OBJECTS)) if kind == "alias" else New(name, kind, parts))
    body = draw(exchanges(1, 5, labels))
    return (*found, Repeat(next(labels), 3, body), *draw(exchanges(0, 3, labels)))
