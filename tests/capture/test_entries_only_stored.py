"""Entries of a dict that a function only stores into: neither they nor the other keys shape the program.

What the function looks at in any way does: each program is called on dicts that differ between calls.
"""

from collections import OrderedDict

import numpy as np
import pytest

import autodiff as ad


class Holder:
    def __init__(self):
        self.table = {}
        self.other = {}
        self.kept = None

    @property
    def shown(self):
        held = self.table
        self.kept = held
        return held


TABLE: dict = {}


def stores(h, x):
    h.table["a"] = x * 2
    h.table["b"] = x * 3
    return x


def stores_and_reads_another(h, x):
    h.table["a"] = x * 2
    return h.table["c"] + x if "c" in h.table else x


def reads_what_it_stores(h, x):
    h.table["a"] = x * 2
    return h.table["a"] + 1


def reads_before(h, x):
    old = h.table.get("a", 0.5)
    h.table["a"] = x * 2
    return old * x


def reads_its_type(h, x):
    kind = type(h.table["a"]).__name__ if "a" in h.table else "none"
    h.table["a"] = x
    return x, kind


def asks_the_length_first(h, x):
    n = len(h.table)
    h.table["a"] = x
    return n * x


def asks_the_length_of_a_local_name(h, x):
    table = h.table
    table["a"] = x
    return x * len(table)


def counts(h, x):
    h.table["a"] = h.table.get("a", 0) + 1
    return x * h.table["a"]


def stores_at_the_length(h, x):
    h.table[len(h.table)] = x
    return x


def stores_in_a_branch(h, x):
    if x > 1:
        h.table["a"] = x
    return x


def stores_in_a_loop(h, x):
    for k in range(3):
        h.table["a"] = x * k
    return x


def stores_in_a_loop_of_no_steps(h, x):
    for k in range(int(x) - 1):
        h.table["a"] = x * k
    return x


def stores_by_two_names(h, x):
    h.table["a"] = x
    h.other["a"] = 2 * x
    return x


def reads_by_another_name(h, x):
    h.table["a"] = x
    return h.other["a"] if "a" in h.other else x


def stores_by_a_property(h, x):
    h.shown["a"] = x
    return x * (2 if "c" in h.kept else 1)


def stores_nested(h, x):
    h.other["inner"]["a"] = x
    return x


def loops_over_it(h, x):
    h.table["z"] = x
    return sum(v for v in h.other.values()) + x


def deletes(h, x):
    h.table["a"] = x
    del h.table["a"]
    return x


def raises(h, x):
    h.table["a"] = x
    return h.table["missing"]


PROGRAMS = [
    stores, stores_and_reads_another, reads_what_it_stores, reads_before, reads_its_type,
    asks_the_length_first, asks_the_length_of_a_local_name, counts, stores_at_the_length,
    stores_in_a_branch, stores_in_a_loop, stores_in_a_loop_of_no_steps, stores_by_two_names,
    reads_by_another_name, stores_by_a_property, stores_nested, loops_over_it, deletes, raises,
]  # fmt: skip


# The dict as a whole after a store into it, and exceptions: plain Python.
NOT_COMPILED = (
    asks_the_length_first, asks_the_length_of_a_local_name, stores_at_the_length, deletes, raises,
)  # fmt: skip


def one_dict(h):
    h.other = h.table


def two_dicts(h):
    h.other = dict(h.table)


BETWEEN = [
    lambda h: None,
    lambda h: h.table.update(c=4.0),
    lambda h: h.table.pop("a", None),
    lambda h: h.table.update(a=None),
    lambda h: h.table.update(a="text", c=2),
    lambda h: h.table.update(a=np.float32(2.5)),
    lambda h: h.table.update(a=np.array([1.0, 2.0])),
    one_dict,
    two_dicts,
    lambda h: h.table.clear(),
    lambda h: setattr(h, "table", OrderedDict(c=1.0)),
    lambda h: setattr(h, "table", {"b": 1, "a": 2}),
]


def outcome(f, h, x):
    try:
        return f(h, x)
    except Exception as error:
        return type(error), str(error)


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)  # in this order
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, tuple):
        for left, right in zip(a, b, strict=True):
            same(left, right)
    else:
        np.testing.assert_array_equal(a, b)


def alike(mine, theirs):
    for name in ("table", "other"):
        same(getattr(mine, name), getattr(theirs, name))
    assert (mine.table is mine.other) == (theirs.table is theirs.other)
    assert (mine.kept is mine.table) == (theirs.kept is theirs.table)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_every_call_sees_the_dict_as_it_is(f, engine):
    compiled = ad.function(f, engine=engine)
    mine, theirs = Holder(), Holder()
    for h in (mine, theirs):
        h.other["inner"] = {}
    for step, change in enumerate([*BETWEEN, *BETWEEN[::-1]]):
        if f in (stores_nested, loops_over_it) and change in (one_dict, two_dicts):
            continue
        change(mine)
        change(theirs)
        if f is loops_over_it:
            mine.other.pop("inner", None)
            theirs.other.pop("inner", None)
        x = 0.5 + step % 4
        same(outcome(compiled, mine, x), outcome(f, theirs, x))
        alike(mine, theirs)
    assert bool(compiled.cache) == (f not in NOT_COMPILED)


def test_a_global_dict_is_stored_into_by_one_program():
    def f(x):
        TABLE["b"] = 2 * x
        return x * x

    TABLE.clear()
    compiled = ad.function(f, on_fallback="error")
    for k in range(4):
        assert compiled(1.5 + k) == (1.5 + k) ** 2
        assert TABLE["b"] == 3.0 + 2 * k
        TABLE[k] = k
    assert len(compiled.cache) == 1


def test_derivatives_store_too():
    compiled = ad.gradient(stores_by_two_names, wrt="x", on_fallback="error")
    h = Holder()
    for x in (1.0, 2.0, 3.0):
        assert compiled(h, x) == 1.0
    assert len(compiled.cache) == 1
    assert h.table == {"a": 3.0}
    assert h.other == {"a": 6.0}
