"""Predicates: equal ones are one object, and as truth values of the program they are what they say."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autodiff.capture.predicates import Predicates
from tests.capture.heap_machine import Algebra, Evaluation
from tests.capture.heap_model import Oracle

ATOMS = 4
FORMULAS = st.recursive(
    st.integers(0, ATOMS - 1) | st.booleans(),
    lambda inner: st.tuples(inner, inner, inner) | st.tuples(inner),
    max_leaves=12,
)


def predicate(logic: Predicates, formula: Any) -> Any:
    """``(p,)`` is not p, ``(p, q, r)`` is q where p holds, else r."""
    if isinstance(formula, bool):
        return formula
    if isinstance(formula, int):
        return logic.of(logic.algebra.make("asked", formula, ()))  # type: ignore[attr-defined]
    if len(formula) == 1:
        return logic.negated(predicate(logic, formula[0]))
    return logic.choose(*(predicate(logic, part) for part in formula))


def holds(formula: Any, values: tuple[bool, ...]) -> bool:
    if isinstance(formula, bool):
        return formula
    if isinstance(formula, int):
        return values[formula]
    if len(formula) == 1:
        return not holds(formula[0], values)
    p, q, r = formula
    return holds(q if holds(p, values) else r, values)


EVERY = tuple(itertools.product((False, True), repeat=ATOMS))


@given(FORMULAS, FORMULAS)
def test_predicates_are_one_object_if_and_only_if_they_are_equal(a: Any, b: Any) -> None:
    logic = Predicates(Algebra())
    p, q = predicate(logic, a), predicate(logic, b)
    assert (p is q) == all(holds(a, values) == holds(b, values) for values in EVERY)
    assert logic.implies(p, q) == all(not holds(a, values) or holds(b, values) for values in EVERY)


@given(FORMULAS)
def test_a_predicate_as_a_truth_value_of_the_program(formula: Any) -> None:
    logic = Predicates(Algebra())
    leaf = logic.leaf(predicate(logic, formula))
    for values in EVERY:
        oracle = Oracle([])
        oracle.known = {("if", k, ()): int(value) for k, value in enumerate(values)}
        assert Evaluation(oracle).value(leaf) == holds(formula, values)


def test_negation_and_choice_compute_nothing() -> None:
    algebra = Algebra()
    logic = Predicates(algebra)
    p, q = (logic.of(algebra.make("asked", k, ())) for k in (0, 1))
    before = algebra.operations
    assert logic.both(p, logic.negated(p)) is False
    assert logic.choose(q, p, p) is p
    assert logic.negated(logic.negated(logic.both(p, q))) is logic.both(q, p)
    assert algebra.operations == before
