"""Arguments that a loop binds anew, or may: the caller sees what is stored into them before, in and after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.programs.reference import compile_source

# Results of a class that is no dataclass run uncompiled, and are compared like others.
pytestmark = pytest.mark.filterwarnings("ignore:f runs uncompiled")


@dataclass
class Cell:
    """Two numbers, or an array and a number."""

    u: Any
    s: Any = 0.25


@dataclass(eq=False)
class Single:
    """The same, compared by identity."""

    u: Any
    s: Any = 0.25


class Plain:
    """The same without dataclass."""

    def __init__(self, u: Any, s: Any = 0.25) -> None:
        self.u = u
        self.s = s


# What is bound (of two values), and the place that is stored into.
KINDS = {
    "dataclass": ("Cell({u}, {s})", "c.s"),
    "dataclass with an array": ("Cell(np.ones(2) * {u}, {s})", "c.s"),
    "dataclass by identity": ("Single({u}, {s})", "c.s"),
    "object": ("Plain({u}, {s})", "c.s"),
    "dict": ("{{'u': np.ones(2) * {u}, 's': {s}}}", "c['s']"),
    "list": ("[{u}, {s}]", "c[1]"),
    "dataclass in a dataclass": ("Cell(Cell({u}, {s}), 1.0)", "c.u.s"),
    "dataclass in a list": ("[Cell({u}, {s})]", "c[0].s"),
    "dataclass in a tuple": ("(Cell({u}, {s}), 1.0)", "c[0].s"),
    "list in a dict": ("{{'a': [{u}, {s}]}}", "c['a'][1]"),
}
LOOPS = {
    "if": "for q in L:\n    if {test}: c = {new}",
    "change otherwise": "for q in L:\n    if {test}: c = {new}\n    else: {place} += 0.5",
    "continue": "for q in L:\n    if not ({test}): continue\n    c = {new}",
    "break": "for q in L:\n    if not ({test}): break\n    c = {new}",
    "expression": "for q in L:\n    c = {new} if {test} else c",
    "while": "i = 0\nwhile i < len(L):\n    q, i = L[i], i + 1\n    if {test}: c = {new}",
    "in a branch": "if t < 0.9:\n    for q in L:\n        if {test}: c = {new}",
    "in a loop": "for k in range(len(L)):\n    for q in L:\n        if {test}: c = {new}",
    "always": "for q in L:\n    c = {new}",
    "exchange": "q = 0.5\nz = {new}\nfor q in L:\n    if {test}: c, z = z, c",
    "exchange always": "q = 0.5\nz = {new}\nfor q in L:\n    c, z = z, c",
}
AFTERWARDS = {
    "store": "{place} = 0.1 * t",
    "change in a loop": "for q in L: {place} += q * t",
    "store in a branch": "if t > 0.5: {place} = 9.0",
    "result": "return c",
}
TESTS = {"number": "t < 0.158", "item": "q > 0.9"}
LOW, HIGH = [0.3, 0.5, 0.7, 0.2, 0.6], [0.95, 0.97, 0.93, 0.96, 0.99, 0.94]
CALLS = [(0.2, LOW), (0.1, HIGH), (0.1, LOW), (1.0, HIGH), (0.1, []), (1.0, LOW), (0.2, HIGH)]
ALL = [*itertools.product(KINDS, LOOPS, AFTERWARDS, TESTS)]

# What a pass binds, by what is in it; what was there before it stays in part.
PARTS = {
    "list of objects": ("[Cell(2.0, 3.0), Cell(4.0, 5.0)]", "c[0].s"),
    "dict of objects": ("{0: Cell(2.0, 3.0), 1: Cell(4.0, 5.0)}", "c[0].s"),
    "tuple of objects": ("(Cell(2.0, 3.0), Cell(4.0, 5.0))", "c[0].s"),
    "list of lists": ("[[2.0, 3.0], [4.0, 5.0]]", "c[0][1]"),
    "list of arrays": ("[np.array([2.0, 3.0]), np.array([4.0, 5.0])]", "c[0][1]"),
}
ANEW = {
    "list": ["[c[0], c[1]]", "[c[1], c[0]]", "list(c)", "c[::-1]", "[v for v in c]", "c + []"],
    "dict": ["{0: c[0], 1: c[1]}", "{0: c[1], 1: c[0]}", "dict(c)", "{**c}", "c.copy()"],
    "tuple": ["(c[0], c[1])", "(c[1], c[0])"],
}


def function_of(lines: str, name: str) -> Callable[..., Any]:
    """The function with a body."""
    source = "def f(c, L, t):\n" + "".join(f"    {line}\n" for line in lines.split("\n"))
    names = {"Cell": Cell, "Single": Single, "Plain": Plain, "np": np}
    return compile_source(source, f"<{name}>", names)["f"]  # type: ignore[no-any-return]


def seen(x: Any) -> Any:
    """What somebody who has a container sees in it."""
    if isinstance(x, (Cell, Single, Plain)):
        return {name: seen(value) for name, value in vars(x).items()}
    if isinstance(x, dict):
        return {key: seen(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [seen(item) for item in x]
    return x.tolist() if isinstance(x, np.ndarray) else x


def compare(body: str, make: str, name: str) -> None:
    """Arguments afterwards, and whether the result is one, as in plain Python."""
    plain = function_of(body, name)
    compiled = autodiff.function(plain, engine="numpy")
    for t, items in CALLS:
        c, d = (function_of("return " + make, "make")(0, 0, 0) for _ in range(2))
        ours, theirs = compiled(c, [*items], t), plain(d, [*items], t)
        assert seen(c) == seen(d), (body, t, items)
        assert seen(ours) == seen(theirs), (body, t, items)
        if not isinstance(c, tuple):
            assert (ours is c) == (theirs is d), (body, t, items)


@pytest.mark.parametrize("at", range(6))
def test_argument_that_a_loop_may_bind_anew(at: int) -> None:
    for kind, loop, after, test in ALL[at::97]:
        check(kind, loop, after, test)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loop", LOOPS)
def test_every_argument_that_a_loop_may_bind_anew(kind: str, loop: str) -> None:
    for after, test in itertools.product(AFTERWARDS, TESTS):
        check(kind, loop, after, test)


def check(kind: str, loop: str, after: str, test: str) -> None:
    """One program of the table."""
    make, place = KINDS[kind]
    body = LOOPS[loop].format(new=make.format(u="q", s="t"), test=TESTS[test], place=place)
    name = f"{kind} {loop} {after} {test}"
    compare(
        body + "\n" + AFTERWARDS[after].format(place=place), make.format(u="2.0", s="3.0"), name
    )


@pytest.mark.parametrize("kind", PARTS)
def test_parts_of_an_argument_that_a_loop_puts_into_something_new(kind: str) -> None:
    make, place = PARTS[kind]
    for new, inside in itertools.product(ANEW[kind.split()[0]], (False, True)):
        change = f"\n    {place} = {place} * 0.5 + q" if inside else ""
        compare(f"for q in L:\n    c = {new}{change}\n{place} = t", make, f"{kind} {new} {inside}")


def test_a_state_with_parameters_of_the_caller_is_one_loop_where_nobody_changes_them() -> None:
    def fall(c: Any, L: Any, t: Any) -> Any:
        state = Cell(c, t)
        for q in L:
            state = Cell(state.u, state.s + q * state.u.s)
        return state.s

    compiled = autodiff.function(fall)
    given = Cell(2.0, 3.0), [0.1 * k for k in range(9)], 1.0
    assert compiled(*given) == fall(*given)
    assert "is one loop" in compiled.explain(*given)


# What a place holds, and may hold another: the one that the caller kept is itself, where it is still there.
HELD_IN: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "entry": ("c['a']", "c['b']", lambda a, b: {"a": a, "b": b}),
    "attribute": ("c.u", "c.s", Cell),
    "item": ("c[0]", "c[1]", lambda a, b: [a, b]),
}
HELD = {
    "array": ("np.array([{x}, {x}])", ""),
    "list": ("[{x}, {x}]", ""),
    "list of lists": ("[[{x}, {x}]]", "[0]"),
    "list of arrays": ("[np.array([{x}, {x}])]", "[0]"),
}
ANOTHER = {
    "branch": "if t < 0.158: {a} = {b}",
    "branch, and a change": "if t < 0.158: {a} = {b}\n{a}{at}[1] += 9.0",
    "branch, the other one changed": "if t < 0.158: {a} = {b}\n{b}{at}[1] += 9.0",
    "branch, a new one": "if t < 0.158: {a} = {new}",
    "branch, exchanged": "if t < 0.158: {a}, {b} = {b}, {a}\nfor q in L: {a}{at}[1] += q",
    "name": "z = {a}\nif t < 0.158: z = {b}\nz{at}[1] += 9.0\n{a} = z",
    "loop": "for q in L:\n    if q > 0.8: {a} = {b}\n    {a}{at}[1] += q",
    "loop, a new one": "for q in L:\n    if q > 0.8: {a} = {new}",
}
PLACES = [*itertools.product(HELD, HELD_IN, ANOTHER)]


@pytest.mark.parametrize(
    ("kind", "held", "flow"),
    [
        case if k % 2 == 0 else pytest.param(*case, marks=pytest.mark.slow)
        for k, case in enumerate(PLACES)
    ],
)
def test_what_is_not_replaced_is_the_callers(kind: str, held: str, flow: str) -> None:
    a, b, hold = HELD_IN[held]
    make, at = HELD[kind]
    body = ANOTHER[flow].format(a=a, b=b, at=at, new=make.format(x="t"))
    plain = function_of(body, f"{kind}, {held}, {flow}")
    created = function_of(f"return {make.format(x='t')}", "make")
    compiled = autodiff.function(plain, engine="numpy")
    for t, items in [(0.2, LOW), (0.1, HIGH), (0.1, []), (0.7, HIGH[:1])]:
        found = []
        for f in (plain, compiled):
            kept = [created(0, 0, 1.0), created(0, 0, 2.0)]
            holder = hold(*kept)
            f(holder, [*items], t)
            parts = vars(holder) if isinstance(holder, Cell) else holder
            now = list(parts.values() if isinstance(parts, dict) else parts)
            found.append([[x is y for x in now for y in kept], seen(now), seen(kept)])
        assert found[0] == found[1]


@pytest.mark.parametrize("place", ["OWN", "KEPT['x']", "KEPT['cell'].u"])
def test_array_outside_that_is_not_replaced_is_itself(place: str) -> None:
    source = f"def f(t):\n    global OWN\n    if t < 0.158: {place} = np.array([t, t])\n"
    names: dict[str, Any] = {"np": np, "KEPT": {}}
    compiled = autodiff.function(compile_source(source, "<outside>", names)["f"], engine="numpy")
    namespace = compiled.__wrapped__.__globals__
    for t in (0.2, 0.1, 0.3):
        array = namespace["OWN"] = np.ones(2)
        namespace["KEPT"].update(x=array, cell=Cell(array))
        compiled(t)
        assert (eval(place, namespace) is array) == (t >= 0.158)  # noqa: S307


DEFAULTS = ["Cell(1.0)", "Single(np.ones(2))", "[1.0, 2.0]", "{'u': 1.0}", "(Cell(1.0), 2.0)"]


@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize("body", ["[c]", "(c, t)", "[c if t > 0.158 else t]", "[c is DEFAULT]"])
def test_default_is_itself(body: str, default: str) -> None:
    """An object that is a default is what it is under its other names."""
    source = f"DEFAULT = {default}\ndef f(t, c=DEFAULT):\n    return {body}\n"
    source += f"class Owner:\n    def f(self, t, c=DEFAULT):\n        return {body}\n"
    names: dict[str, Any] = {"Cell": Cell, "Single": Single, "np": np}
    found = compile_source(source, "<default>", names)
    for plain in (found["f"], found["Owner"]().f):
        compiled = autodiff.function(plain, engine="numpy")
        for t in (0.2, 0.1, 0.3):
            ours, theirs = compiled(t)[0], plain(t)[0]
            assert ours is theirs or ours == theirs == t


@pytest.mark.parametrize("kind", ["dict", "list in a dict", "dataclass"])
@pytest.mark.parametrize("loop", ["if", "continue", "expression", "in a loop"])
def test_it_is_one_loop_where_an_argument_is_only_read_afterwards(kind: str, loop: str) -> None:
    make, place = KINDS[kind]
    body = LOOPS[loop].format(new=make.format(u="q", s="t"), test="q > 0.9", place=place)
    compiled = autodiff.function(function_of(f"{body}\nreturn {place} * 2.0", "read"))
    report = compiled.explain(
        function_of(f"return {make.format(u='2.0', s='3.0')}", "make")(0, 0, 0), LOW, 0.2
    )
    assert "is one loop" in report
    assert "unrolled" not in report
    assert "took one path" not in report


INSIDE = {
    "changed": "{place} += 0.5",
    "changed in some": "if k > 2: {place} = 4.0",
    "changed when a pass says so": "if flag: {place} = 9.0\n    flag = k > 1",
    "kept": "keep = c",
    "nothing": "pass",
}
OUTSIDE = {"store": "{place} = t", "whether it is": "return c is c0, keep is c0", "nothing": "pass"}
NESTED = [*itertools.product(["dict", "list", "dataclass", "list in a dict"], INSIDE, OUTSIDE)]


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [pytest.param(*row, marks=[pytest.mark.slow] if k % 4 else []) for k, row in enumerate(NESTED)],
)
def test_argument_that_loops_in_loops_may_bind_anew(kind: str, inside: str, outside: str) -> None:
    make, place = KINDS[kind]
    for test in TESTS.values():
        lines = [
            "c0, keep, flag, q = c, None, False, 0.5",
            "for k in range(5):",
            f"    for q in L:\n        if {test}: c = {make.format(u='q', s='t')}",
            f"    {INSIDE[inside].format(place=place)}",
            OUTSIDE[outside].format(place=place),
        ]
        compare("\n".join(lines), make.format(u="2.0", s="3.0"), f"{kind} {inside} {outside}")
