"""Predicates and references: equal predicates are one object; reads, stores and `is` through a choice are Python's.

Random traces on a heap of numbers are compared with Python's own names on every path.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.capture.heap import Heap, Object
from autodiff.capture.predicates import Predicates, Refused
from autodiff.capture.references import MOST_CHOICES, Choice, Logic, To

ATOMS = 4


class Algebra:
    """Truth values and numbers of the program as nested tuples; how many were computed."""

    operations = 0

    def key(self, leaf: Any) -> Any:
        return leaf

    def lift(self, x: Any) -> Any:
        return ("constant", x)

    def _made(self, *leaf: Any) -> Any:
        self.operations += 1
        return leaf

    def negated(self, p: Any) -> Any:
        return self._made("not", p)

    def both(self, p: Any, q: Any) -> Any:
        return self._made("and", p, q)

    def either(self, p: Any, q: Any) -> Any:
        return self._made("or", p, q)

    def select(self, p: Any, a: Any, b: Any) -> Any:
        return self._made("select", p, a, b)


def value(leaf: Any, atoms: tuple[bool, ...]) -> Any:
    """What a leaf is where the atoms have these values."""
    kind, *operands = leaf
    if kind in ("constant", "atom"):
        return operands[0] if kind == "constant" else atoms[operands[0]]
    if kind == "select":
        return value(operands[1 if value(operands[0], atoms) else 2], atoms)
    parts = [value(x, atoms) for x in operands]
    return not parts[0] if kind == "not" else all(parts) if kind == "and" else any(parts)


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
        return logic.of(("atom", formula))
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
        assert value(leaf, values) == holds(formula, values)


def test_negation_and_choice_compute_nothing() -> None:
    algebra = Algebra()
    logic = Predicates(algebra)
    p, q = (logic.of(("atom", k)) for k in (0, 1))
    before = algebra.operations
    assert logic.both(p, logic.negated(p)) is False
    assert logic.choose(q, p, p) is p
    assert logic.negated(logic.negated(logic.both(p, q))) is logic.both(q, p)
    assert algebra.operations == before


# -- references ---------------------------------------------------------------------------------------
class Numbers(Heap):
    """Objects that hold one number each."""

    def __init__(self) -> None:
        super().__init__(Algebra())

    def read(self, object: Object) -> Any:
        return object.like[0]

    def write(self, object: Object, value: Any) -> None:
        object.like[0] = value


NAMES = st.integers(0, 3)
STATEMENTS = st.lists(
    st.one_of(
        st.tuples(st.just("choose"), NAMES, FORMULAS, NAMES, NAMES),  # z = x if p else y
        st.tuples(st.just("store"), NAMES, st.integers(5, 9)),  # x[...] = n
        st.tuples(st.just("store where"), FORMULAS, NAMES, st.integers(5, 9)),  # if p: x[...] = n
        st.tuples(
            st.just("store within"), FORMULAS, NAMES, NAMES
        ),  # on the way where p: x[...] = y
    ),
    max_size=6,
)


@given(STATEMENTS)
def test_names_that_branches_choose_read_store_and_compare_as_in_python(trace: Any) -> None:
    heap = Numbers()
    objects = [Object([("constant", k)]) for k in range(4)]
    names: list[Any] = [To(x) for x in objects]
    logic = heap.logic
    for kind, *parts in trace:
        if kind == "choose":
            z, formula, x, y = parts
            names[z] = logic.join(predicate(logic, formula), names[x], names[y])
        elif kind == "store":
            heap.write_through(names[parts[0]], ("constant", parts[1]))
        elif kind == "store where":
            where = predicate(logic, parts[0])
            heap.write_through(names[parts[1]], ("constant", parts[2]), where)
        else:
            formula, x, y = parts
            p = predicate(logic, formula)
            with heap.assuming(p):
                read = heap.read_through(heap.known(names[y]))
            heap.write_through(names[x], read, p)
    for atoms in EVERY:
        contents, bound = list(range(4)), list(range(4))
        for kind, *parts in trace:
            if kind == "choose":
                z, formula, x, y = parts
                bound[z] = bound[x if holds(formula, atoms) else y]
            elif kind == "store":
                contents[bound[parts[0]]] = parts[1]
            elif holds(parts[0], atoms):
                _, x, y = parts
                contents[bound[x]] = y if kind == "store where" else contents[bound[y]]
        for name, which in zip(names, bound, strict=True):
            assert value(heap.read_through(name), atoms) == contents[which]
            for k, x in enumerate(objects):
                same = logic.identical(name, To(x))
                assert value(logic.leaf(same), atoms) == (k == which)


def test_within_a_branch_its_choices_are_decided() -> None:
    heap = Numbers()
    logic, a, b = heap.logic, Object([1]), Object([2])
    p, q = logic.of(("atom", 0)), logic.of(("atom", 1))
    nested = logic.join(p, logic.join(q, To(a), To(b)), To(b))
    for way, holds_, expected in [
        (p, False, b),
        (logic.both(p, q), True, a),
        (logic.both(p, q), False, b),
    ]:
        with heap.assuming(way, holds_):
            found = heap.known(nested)
        assert isinstance(found, To) and found.object is expected
    assert isinstance(heap.known(nested), Choice)
    with heap.assuming(p):
        assert heap.decided(p) is True
        assert heap.decided(logic.negated(p)) is False
        assert heap.decided(q) is q


def test_an_object_that_exists_on_one_side_only_is_stored_to_without_a_condition() -> None:
    heap = Numbers()
    p = heap.logic.of(("atom", 0))
    a, b = Object([("constant", 1)]), Object([("constant", 2)], born=p)
    heap.write_through(heap.logic.join(p, To(b), To(a)), ("constant", 3))
    assert b.like == [("constant", 3)]
    assert a.like == [("select", ("atom", 0), ("constant", 1), ("constant", 3))]


def test_more_objects_than_a_name_may_be_are_refused() -> None:
    logic = Logic(Algebra())
    found: Any = To(Object(None))
    with pytest.raises(Refused, match="one of more than 32 objects"):
        for k in range(MOST_CHOICES):
            found = logic.join(("atom", k), To(Object(None)), found)
    assert k == MOST_CHOICES - 1
