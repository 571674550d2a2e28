"""Random NumPy programs whose state lives in objects, dicts, tuples and lists.

    program = generate(random.Random(7))
    print(program.source)
    program.function(*program.arguments(2))

The fourth generator, beside `random_programs`, `random_arrays` and `random_mixed`.  A program takes ``x``
and ``y`` (float64, of ``n`` elements), a dict ``p`` of such an array ``u`` and a float ``s``, a float,
a count from 0 to 4 and a bool.  All arrays have ``n`` elements, so that each may be put wherever
another is: attributes, entries and items are bound to arrays that have other names, names are bound
anew to other containers, branches choose between containers, and what is stored through one
name is read through another.  It returns a float that depends on everything, and a tuple of all
containers that are alive at its end: which of them share memory, and which are one object, counts too.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .reference import compile_source
from .registry import Call
from .writing import BaseWriter, Program

SHAPES = ((3, 2), (3, 1), (3, 0), (4, 3), (3, 4), (1, 2))  # n and k, by variant


class State:
    """An array, a number, a count and a list, which methods change."""

    def __init__(self, u: Any, s: Any) -> None:
        self.u, self.s = u, s
        self.count = 0
        self.log: list[Any] = []

    def push(self, v: Any) -> None:
        """Bind the array anew."""
        self.u = 0.5 * (self.u + v)
        self.count += 1

    def damp(self, s: Any) -> Any:
        """Change the array in place, and return it."""
        self.u *= np.cos(s)
        return self.u

    def take(self, v: Any) -> Any:
        """Let the array be another's."""
        self.u = v
        return self

    def note(self, s: Any) -> None:
        """Remember a number; of the large ones only the sine."""
        if s > 0.543219:
            s = np.sin(s)
        self.log.append(s)
        self.s = 0.5 * (self.s + s)

    def exchange(self, other: Any) -> None:
        """Swap the arrays of two."""
        self.u, other.u = other.u, self.u


@dataclass
class Cell:
    """An array and a number."""

    u: Any
    s: Any = 0.25

    def settle(self, limit: Any) -> int:
        """Change both while the number is large."""
        for k in range(3):
            if abs(self.s) < limit:
                return k
            self.s *= 0.6
            self.u[0] += 0.3 * self.s
        return 3


def poke(v: Any, s: Any) -> Any:
    """Change an array and return it."""
    v[0] = s
    if s > 0.212121:
        return v
    v *= 0.7
    return v


def touch(c: Any, s: Any) -> Any:
    """Change an object, or do nothing."""
    if c.s > 0.876543:
        return c
    c.s += 0.3 * np.sin(s)
    c.u[-1] -= c.s
    return c


def fill(d: Any, v: Any) -> Any:
    """Change a dict: one entry in place or anew."""
    if v[0] > 0.111119:
        d["u"] = v
    else:
        d["u"][:] = 0.5 * v
    d["s"] = 0.5 * d["s"] + v[-1]
    return d


def rotate(rows: Any) -> Any:
    """Swap the ends of a list."""
    rows[0], rows[-1] = rows[-1], rows[0]
    return rows


def extend(numbers: Any, s: Any, k: int) -> None:
    """Append numbers, until one is small."""
    for i in range(k):
        if s < -0.765432 or len(numbers) > 6:
            return
        numbers.append(s - 0.3 * i)
        s = s - 0.4


NAMES = {
    "np": np,
    **{f.__name__: f for f in (State, Cell, poke, touch, fill, rotate, extend)},
}


@dataclass(frozen=True, repr=False)
class RandomProgram(Program):
    """Source text, the function made of it, and the seed of its arguments."""

    floats: ClassVar = ("x", "y", "p", "a")
    variants: ClassVar = (0, 1, 2, 3, 0, 4)
    aliased: ClassVar = (6,)
    shares: ClassVar = True

    def arguments(self, variant: int = 0) -> Call:
        """Arguments ``x, y, p, a, k, flag``."""
        draw = np.random.default_rng([self.seed, variant])
        n, k = SHAPES[variant % len(SHAPES)]
        x, y, u = draw.uniform(-1.5, 1.5, (3, n))
        if variant == 6:
            y, u = x, x[::-1]
        p = {"u": u, "s": float(draw.uniform(-1.5, 1.5))}
        return Call((x, y, p, float(draw.uniform(-1.5, 1.5)), k, bool(draw.integers(0, 2))))

    def loss(self) -> Any:
        """The first result alone."""
        return self.function.__globals__["loss"]


TAIL = """
def loss(x, y, p, a, k, flag):
    return program(x, y, p, a, k, flag)[0]
"""


def generate(choose: random.Random, statements: int = 6, depth: int = 2) -> RandomProgram:
    """Write one program; all decisions are drawn from `choose`."""
    body = Writer(choose).function(statements, depth)
    source = f"{TAIL}\n\n{body}"
    compiled = compile_source(source, f"<random objects {hash(source):x}>", dict(NAMES))
    return RandomProgram(source, compiled["program"], choose.randrange(2**31))


@dataclass
class Scope:
    """The names in scope, by kind."""

    scalars: list[str] = field(default_factory=lambda: ["a"])
    counts: list[str] = field(default_factory=lambda: ["k"])
    vectors: list[str] = field(default_factory=lambda: ["x", "y"])
    states: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    dicts: list[str] = field(default_factory=list)  # {"u": array, "s": number}
    pairs: list[str] = field(default_factory=list)  # (array, array)
    nested: list[str] = field(default_factory=list)  # ((array, number), [number, array])
    numbers: list[str] = field(default_factory=list)  # lists of two numbers or more
    rows: list[str] = field(default_factory=list)  # lists of two arrays or more
    records: list[str] = field(default_factory=list)  # lists of (number, number), perhaps empty
    tables: list[str] = field(default_factory=list)  # lists of lists of two numbers, not empty
    grids: list[str] = field(default_factory=list)  # two lists of three numbers
    groups: list[str] = field(default_factory=list)  # lists of two objects or more
    iterators: list[str] = field(default_factory=list)  # of numbers
    homes: list[str] = field(default_factory=list)  # {"c": object, "d": dict, "v": [array, array]}


@dataclass
class Writer(BaseWriter):
    """Writes statements for the names in scope."""

    scope: Scope = field(default_factory=Scope)

    # --- frame ---------------------------------------------------------------------------------

    def function(self, statements: int, depth: int) -> str:
        """The source of the whole function."""
        if self.choose.random() < 0.2:
            self.scope.dicts.append("p")
        for kind in self.choose.sample(list(self.makers()), 3):
            self.make(kind)
        for _ in range(statements):
            self.statement(depth)
        head = ["def program(x, y, p, a, k, flag):", "    n = len(x)", "    total = 0.0"]
        head.append("    w = np.linspace(0.5, 1.5, n)")
        self.write("return total + " + " + ".join(self.terms()) + f", ({self.alive()},)")
        return "\n".join([*head, *self.lines, ""])

    def terms(self) -> list[str]:
        """Numbers that depend on everything."""
        s = self.scope
        terms = [f"0.5 * {name}" for name in s.scalars]
        terms += [f"({name} @ w)" for name in s.vectors]
        terms += [f"0.7 * ({o}.u @ w) + 0.3 * {o}.s" for o in [*s.states, *s.cells]]
        terms += [f"0.1 * sum({o}.log) + 0.2 * {o}.count" for o in s.states]
        terms += [f"0.6 * ({d}['u'] @ w) - 0.4 * {d}['s']" for d in s.dicts]
        terms += [f"0.7 * ({t}[0] @ w) - 0.4 * ({t}[1] @ w ** 2)" for t in s.pairs]
        terms += [f"0.3 * ({t}[0][0] @ w) * {t}[1][0]" for t in s.nested]
        terms += [f"0.2 * sum({L}) * len({L})" for L in s.numbers]
        terms += [f"sum(0.1 * i * (v @ w) for i, v in enumerate({L}))" for L in s.rows]
        terms += [f"sum((c - 0.3 * d for c, d in {L}), 0.0)" for L in s.records]
        terms += [f"sum(0.3 * r[0] + i * r[1] for i, r in enumerate({L}))" for L in s.tables]
        terms += [f"{g}[0][1] * {g}[1][2] + sum({g}[1])" for g in s.grids]
        terms += [f"0.3 * sum(c.s * (c.u @ w) for c in {L})" for L in s.groups]
        terms += [f"next({it}, 0.4) + sum({it})" for it in s.iterators]
        terms += [f"({h}['c'].u @ {h}['d']['u']) + {h}['v'][-1][0]" for h in s.homes]
        return terms

    def alive(self) -> str:
        """The containers that are returned."""
        s = self.scope
        parts = [*s.scalars, *s.counts, *s.vectors, *s.dicts, *s.pairs, *s.nested, *s.numbers]
        parts += [*s.rows, *s.records, *s.tables, *s.grids]
        parts += [f"{o}.{name}" for o in s.states for name in ("u", "s", "count", "log")]
        parts += [f"[{o}.u, {o}.s]" for o in s.cells]
        parts += [f"[c.u for c in {L}]" for L in s.groups]
        parts += [f"{h}['d'], {h}['v']" for h in s.homes]
        return ", ".join(parts)

    # --- expressions -----------------------------------------------------------------------------

    def arrays(self) -> list[str]:
        """Places of arrays that may be bound anew, besides names."""
        s = self.scope
        places = [f"{o}.u" for o in [*s.states, *s.cells]] + [f"{d}['u']" for d in s.dicts]
        places += [f"{L}[{self.end()}]" for L in s.rows]
        places += [f"{L}[{self.end()}].u" for L in s.groups]
        places += [f"{t}[1][1]" for t in s.nested]
        places += [q for h in s.homes for q in (f"{h}['c'].u", f"{h}['d']['u']", f"{h}['v'][0]")]
        return places

    def array(self) -> str:
        """An array that exists: a name, or a part of a container."""
        s = self.scope
        fixed = [f"{t}[{i}]" for t in s.pairs for i in (0, 1)]
        fixed += [f"{t}[0][0]" for t in s.nested]
        return self.choose.choice([*s.vectors, *self.arrays(), *fixed])

    def places(self) -> list[str]:
        """Places of numbers, besides names."""
        s = self.scope
        places = [f"{o}.s" for o in [*s.states, *s.cells]] + [f"{d}['s']" for d in s.dicts]
        places += [f"{L}[{self.end()}]" for L in s.numbers]
        places += [f"{L}[{self.end()}][{self.pick('0', '1')}]" for L in s.tables]
        places += [
            f"{g}[{self.pick('0', '1', '-1')}][{self.pick('0', '2', 'k % 3')}]" for g in s.grids
        ]
        places += [f"{t}[1][0]" for t in s.nested] + [f"{L}[{self.end()}].s" for L in s.groups]
        return places

    def end(self) -> str:
        """An index into a list of two or more."""
        return self.pick("0", "-1", "1", "k % 2", "int(flag)")

    def index(self) -> str:
        """An index into an array."""
        return self.pick("0", "-1", "k % n", "n // 2", "n - 1")

    def vector(self, depth: int = 1) -> str:
        """An array expression; at depth 0, what exists."""
        if depth == 0:
            return self.array()
        u, v = self.array(), self.array()
        forms = [f"np.sin({u})", f"0.5 * ({u} + {v})", f"{u} * np.cos({v})", f"{u}.copy()"]
        forms += [
            f"{u} - 0.3 * {self.scalar(0)}",
            f"np.where({u} > {self.constant()}, {u}, 0.3 * {v})",
        ]
        forms += [f"{u}[::-1] * 0.9", "np.zeros(n)", f"np.array([0.9 * e for e in {u}])"]
        return self.choose.choice(forms)

    def scalar(self, depth: int = 2) -> str:
        """A float expression that grows slowly."""
        s = self.scope
        if depth == 0 or self.choose.random() < 0.2:
            forms = [*s.scalars, *self.places(), self.constant(), f"{self.array()}[{self.index()}]"]
            return self.choose.choice(forms)
        p, q = self.scalar(depth - 1), self.scalar(depth - 1)
        forms = [f"np.sin({p})", f"0.5 * ({p} + {q})", f"{p} * np.sin({q})", f"max({p}, {q})"]
        forms += [f"({p} if {self.condition(0)} else {q})", f"0.3 * ({self.array()} @ w)"]
        forms += [f"0.2 * {self.array()}.sum()", f"0.3 * {self.choose.choice(s.counts)}"]
        forms += [f"0.1 * sum({L})" for L in s.numbers] + [f"0.1 * len({L})" for L in s.records]
        forms += [f"0.2 * sum(c.s for c in {L})" for L in s.groups]
        forms += [f"({L}[-1][1] if {L} else {p})" for L in s.records]
        forms += [f"sum(r[0] for r in {g})" for g in [*s.grids, *s.tables]]
        forms += [f"0.1 * max({L})" for L in s.numbers]
        forms += [f"{o}.count * 0.2" for o in s.states]
        return self.choose.choice(forms)

    def condition(self, depth: int = 1) -> str:
        """A truth value."""
        s = self.scope
        one = f"{self.scalar(depth)} {self.pick('<', '>')} {self.constant()}"
        k = self.choose.choice(s.counts)
        forms = [one, one, one, "flag", "not flag", f"{k} > 1", f"{k} % 2", f"{one} and flag"]
        forms += [f"{one} or {k} == 1", f"{self.array()}.sum() > {self.constant()}"]
        forms += [f"len({L}) > 2" for L in [*s.numbers, *s.records, *s.rows]]
        forms += [
            f"{p} is {q}" for names in (s.states, s.dicts, s.rows) for p in names for q in names
        ]
        return self.choose.choice(forms)

    # --- containers ------------------------------------------------------------------------------

    def makers(self) -> dict[str, Any]:
        """How a container of each kind is written."""
        s, v, c = self.scalar, self.vector, lambda: self.choose.choice((0, 1))
        return {
            "vectors": lambda: v(1),
            "states": lambda: f"State({v(1)}, {s(1)})",
            "cells": lambda: f"Cell({v(1)}, {s(1)})",
            "dicts": lambda: f"{{'u': {v(c())}, 's': {s(1)}}}",
            "pairs": lambda: f"({v(c())}, {v(c())})",
            "nested": lambda: f"(({v(c())}, {s(0)}), [{s(1)}, {v(c())}])",
            "numbers": lambda: self.pick(
                f"[{s(1)}, {s(0)}]", "[0.0] * 3", f"[{s(0)} for _ in range(3)]"
            ),
            "rows": lambda: self.pick(f"[{v(c())}, {v(c())}]", f"[{v(1)} for _ in range(2)]"),
            "records": lambda: self.pick("[]", f"[({s(0)}, {s(1)})]"),
            "tables": lambda: f"[[{s(0)}, {s(1)}], [{s(0)}, 0.5]]",
            "grids": lambda: self.pick(
                "[[0.0] * 3 for _ in range(2)]", f"[[{s(0)}, 0.1, {s(0)}], [0.2] * 3]"
            ),
            "groups": lambda: self.group(),
            "iterators": lambda: f"iter([{s(0)}, {s(0)}, {s(1)}])",
            "homes": lambda: self.home(),
        }

    def group(self) -> str:
        """A list of objects."""
        s = self.scope
        one = [f"Cell({self.vector(1)}, {self.scalar(0)})", *s.cells, *s.states]
        return f"[{self.choose.choice(one)}, {self.choose.choice(one)}]"

    def home(self) -> str:
        """A dict of containers."""
        s = self.scope
        c = self.choose.choice([f"Cell({self.vector(1)})", *s.cells, *s.states])
        d = self.choose.choice([self.makers()["dicts"](), *s.dicts])
        v = self.choose.choice([self.makers()["rows"](), *s.rows])
        return f"{{'c': {c}, 'd': {d}, 'v': {v}}}"

    def make(self, kind: str = "") -> None:
        """A new container, under a new name."""
        kind = kind or self.choose.choice(list(self.makers()))
        text = self.makers()[kind]()
        name = self.fresh(kind[0] if kind != "numbers" else "q")
        self.write(f"{name} = {text}")
        getattr(self.scope, kind).append(name)

    def owned(self) -> list[tuple[str, list[str]]]:
        """Kinds of containers of which there are names."""
        return [(kind, names) for kind in self.makers() if (names := getattr(self.scope, kind))]

    def parts(self, kind: str) -> list[str]:
        """Containers of a kind that are parts of others."""
        s = self.scope
        return {
            "states": [],
            "cells": [],
            "dicts": [f"{h}['d']" for h in s.homes],
            "rows": [f"{h}['v']" for h in s.homes],
            "vectors": [self.array()],
            "numbers": [*[f"{g}[{i}]" for g in s.grids for i in (0, -1)]],
        }.get(kind, [])

    def rebind(self) -> None:
        """A name is bound to a new container, or to another one's."""
        kind, names = self.choose.choice(self.owned())
        name = self.choose.choice(names)
        other = [*names, *self.parts(kind), self.makers()[kind]()]
        self.write(f"{name} = {self.choose.choice(other)}")

    def alias(self) -> None:
        """A second name."""
        kind, names = self.choose.choice(self.owned())
        name = self.fresh("b")
        self.write(f"{name} = {self.choose.choice([*names, *self.parts(kind)])}")
        getattr(self.scope, kind).append(name)

    def select(self) -> None:
        """A name for one container or another, and a store through it."""
        kind, names = self.choose.choice(self.owned())
        options = [*names, *names, *self.parts(kind), self.makers()[kind]()]
        p, q = self.choose.choice(options), self.choose.choice(options)
        name = self.fresh("z")
        if self.choose.random() < 0.6:
            self.write(f"{name} = {p} if {self.condition()} else {q}")
        else:
            self.write(f"{name} = {p}")
            self.write(f"if {self.condition()}:")
            self.write(f"    {name} = {q}")
        getattr(self.scope, kind).append(name)
        self.change(kind, name)

    def swap(self) -> None:
        """Two containers or parts are exchanged."""
        kind, names = self.choose.choice(self.owned())
        p, q = self.choose.choice(names), self.choose.choice(names)
        places = self.arrays()
        if places and self.choose.random() < 0.4:
            p, q = self.choose.choice(places), self.choose.choice([*places, *self.scope.vectors])
        self.write(f"{p}, {q} = {q}, {p}")

    def change(self, kind: str = "", name: str = "") -> None:
        """Something of a container is changed."""
        if not kind:
            kind, names = self.choose.choice(self.owned())
            name = self.choose.choice(names)
        s, v, r, i = (
            self.scalar(1),
            self.vector(self.choose.randrange(2)),
            self.scalar(0),
            self.end(),
        )
        k = self.choose.choice(self.scope.counts)
        owner = self.choose.choice([*self.scope.states, *self.scope.cells, "State(w * 1.0, 0.5)"])
        both = [f"{name}.u = {v}", f"{name}.u[{self.index()}] = {s}", f"{name}.u *= 0.8"]
        both += [f"{name}.s = {s}", f"{name}.s += 0.3 * np.sin({r})", f"touch({name}, {s})"]
        both += [f"{name}.u, {name}.s = {v}, {s}", f"poke({name}.u, {s})", f"{name}.u += {r}"]
        forms = {
            "vectors": [f"{name}[{self.index()}] = {s}", f"{name} *= 0.8", f"{name}[1:] = {name}[:-1]",
                        f"{name}[...] = {v}", f"{name} += 0.3 * {v}", f"poke({name}, {s})",
                        f"{name} = poke({name}, {s})", f"{name}[{self.index()}] += 0.3 * {r}"],
            "states": [*both, f"{name}.push({v})", f"{name}.damp({s})", f"{name}.take({v})",
                       f"{name}.note({s})", f"{name}.exchange({owner})", f"{name}.count += 1",
                       f"{name}.log = [{s}]", f"{name}.take({v}).damp({r})", f"{name}.log.append({s})"],
            "cells": [*both, f"{name}.settle(0.432109)", f"{name}.s = 0.1 * {name}.settle({r})"],
            "dicts": [f"{name}['u'] = {v}", f"{name}['u'][{self.index()}] = {s}", f"{name}['s'] = {s}",
                      f"{name}['u'] *= 0.9", f"{name}['s'] += 0.2 * {r}", f"fill({name}, {v})",
                      f"{name} = fill({name}, {v})", f"{name}.update(s={s})",
                      f"for key in {name}: {name}[key] = 0.7 * {name}[key]"],
            "pairs": [f"{name}[{self.pick('0', '1')}][{self.index()}] = {s}", f"{name} = {name}[::-1]",
                      f"{name} = ({v}, {name}[0])", f"poke({name}[1], {s})"],
            "nested": [f"{name}[0][0][{self.index()}] = {s}", f"{name}[1][0] = {s}", f"{name}[1][1] = {v}",
                       f"{name}[1][1] *= 0.9", f"{name} = ({name}[0], [{s}, {v}])",
                       f"{name} = (({v}, {name}[1][0]), {name}[1])"],
            "numbers": [f"{name}.append({s})", f"{name}[{i}] = {s}", f"extend({name}, {s}, {k})",
                        f"{name}[{i}] += 0.3 * {r}", f"rotate({name})", f"{name} = {name} + [{s}]",
                        f"{name} += [{s}, {r}]", f"{name}.insert(0, {s})",
                        f"{name} = [0.5 * e for e in {name}]", f"{name}.reverse()",
                        f"if len({name}) > 2: {name}.pop()", f"{name}.pop(0); {name}.append({s})"],
            "rows": [f"{name}.append({v})", f"{name}[{i}] = {v}", f"{name}[{i}][{self.index()}] = {s}",
                     f"{name}[{i}] *= 0.8", f"rotate({name})", f"{name}.append({name}[0])",
                     f"{name} = [v * 0.9 for v in {name}]", f"{name} = {name}[::-1]",
                     f"{name} = [*{name}[1:], {v}]", f"{name}[{i}], {name}[0] = {name}[0], {v}"],
            "records": [f"{name}.append(({s}, {r}))", f"{name}.append(({r}, 0.1 * {k}))",
                        f"{name} = [(d, c) for c, d in {name}]", f"if {name}: {name}[-1] = ({s}, {r})",
                        f"if {name}: {name}.pop()", f"{name} = {name}[:1]"],
            "tables": [f"{name}.append([{s}, {r}])", f"{name}[{i}][0] = {s}", f"{name}[-1][1] += 0.2 * {r}",
                       f"{name}.append({name}[0])", f"{name}[{i}] = [{s}, {r}]", f"rotate({name})",
                       f"{name}.append(list({name}[-1])); {name}[-1][0] = {s}"],
            "grids": [f"{name}[{self.pick('0', '1')}][{k} % 3] = {s}", f"{name}[-1][1] += 0.3 * {r}",
                      f"{name}[0], {name}[1] = {name}[1], {name}[0]", f"{name}[1] = [{s}, {r}, 0.5]",
                      f"{name} = [[0.9 * e for e in row] for row in {name}]", f"{name}[0] = list({name}[1])"],
            "groups": [f"{name}[{i}].u = {v}", f"{name}[{i}].s = {s}", f"{name}[{i}] = {owner}",
                       f"{name}.append({owner})", f"touch({name}[{i}], {s})", f"rotate({name})",
                       f"{name}[0].u, {name}[1].u = {name}[1].u, {name}[0].u", f"{name}[{i}].u *= 0.9"],
            "iterators": [f"{self.choose.choice(self.scope.scalars)} = 0.5 * next({name}, {s})"],
            "homes": [f"{name}['c'].u = {v}", f"{name}['c'] = {owner}", f"{name}['d']['s'] = {s}",
                      f"{name}['v'][0] = {v}", f"{name}['v'].append({v})", f"fill({name}['d'], {v})",
                      f"{name}['d'] = {{'u': {name}['c'].u, 's': {r}}}", f"{name}['d']['u'][0] = {s}",
                      f"{name}['c'].u *= 0.9", f"{name}['v'] = {name}['v'][::-1]"],
        }  # fmt: skip
        for line in self.choose.choice(forms[kind]).split("; "):
            self.write(line)

    def assign(self) -> None:
        """A number, or a place of one."""
        targets = [*self.places(), *self.scope.scalars]
        if self.choose.random() < 0.3:
            name = self.fresh("e")
            self.write(f"{name} = {self.scalar()}")
            self.scope.scalars.append(name)
        else:
            self.write(
                f"{self.choose.choice(targets)} {self.pick('=', '=', '+=')} 0.5 * {self.scalar(1)}"
            )

    def hold(self) -> None:
        """A part becomes what another container has."""
        places = self.arrays()
        if not places:
            return self.make()
        self.write(f"{self.choose.choice(places)} = {self.vector(0)}")
        self.write(f"{self.array()}[{self.index()}] = {self.scalar(1)}")

    # --- statements ---------------------------------------------------------------------------

    def statement(self, depth: int) -> None:
        """One statement; control flow only where `depth` allows it."""
        simple = [self.make, self.rebind, self.alias, self.select, self.select, self.swap]
        simple += [*[self.change] * 8, self.assign, self.assign, self.hold, self.hold]
        control = [self.branch, self.branch, self.for_index, self.for_items, self.for_items]
        control += [self.while_loop]
        if depth > 0 and self.choose.random() < 0.5:
            self.choose.choice(control)(depth - 1)
        else:
            self.choose.choice(simple)()

    def after_leaving(self) -> None:
        """A statement that a break or continue passes over."""
        self.change()

    def returned(self, value: str) -> str:
        """What an early return gives."""
        return f"total + {value}, (x, {self.array()}, y)"

    def for_index(self, depth: int) -> None:
        """A loop over a range."""
        i = self.fresh("i")
        self.write(f"for {i} in range({self.pick('k', 'k', 'n', '2', '1, k')}):")
        with self.loop():
            self.scope.counts.append(i)
            self.statements(depth)
            self.leave()

    def for_items(self, depth: int) -> None:
        """A loop over a container, whose items are changed."""
        s = self.scope
        e, f = self.fresh("e"), self.fresh("f")
        options: list[tuple[str, dict[str, list[str]]]] = [
            (f"{e} in {self.array()}", {"scalars": [e]}),
            (f"{e} in ({self.array()}, {self.array()})", {"vectors": [e]}),
        ]
        options += [(f"{e} in {L}[:3]", {"scalars": [e]}) for L in s.numbers]
        options += [
            (f"{e}, {f} in enumerate({L}[:3])", {"counts": [e], "scalars": [f]}) for L in s.numbers
        ]
        options += [(f"{e} in {L}[:3]", {"vectors": [e]}) for L in s.rows]
        options += [
            (f"{e}, {f} in enumerate({L}[:2])", {"counts": [e], "vectors": [f]}) for L in s.rows
        ]
        options += [(f"{e} in {t}", {"vectors": [e]}) for t in s.pairs]
        options += [(f"{e}, {f} in {L}[:3]", {"scalars": [e, f]}) for L in s.records]
        options += [(f"{e} in {g}", {"numbers": [e]}) for g in s.grids]
        options += [(f"{e}, {f} in {L}[:2]", {"scalars": [e, f]}) for L in s.tables]
        options += [(f"{e} in {L}[:3]", {"cells": [e]}) for L in s.groups]
        options += [(f"{e} in {d}['u']", {"scalars": [e]}) for d in s.dicts]
        options += [
            (f"{e}, {f} in zip({p}, {q})", {"vectors": [e, f]}) for p in s.pairs for q in s.pairs
        ]
        options += [
            (f"{e} in ({p}, {q})", {"cells": [e]}) for p in s.cells for q in [*s.cells, *s.states]
        ]
        options += [(f"{e} in [{p}, {q}]", {"dicts": [e]}) for p in s.dicts for q in s.dicts]
        text, names = self.choose.choice(options)
        self.write(f"for {text}:")
        with self.loop():
            for kind, new in names.items():
                getattr(self.scope, kind).extend(new)
            kind, new = self.choose.choice(list(names.items()))
            if kind in self.makers() and self.choose.random() < 0.7:
                if kind == "numbers":
                    self.write(f"{new[0]}[{self.pick('0', '1')}] = {self.scalar(1)}")
                else:
                    self.change(kind, new[-1])
            self.statements(depth)
            self.leave()

    def while_loop(self, depth: int) -> None:
        """A loop while data say so, at most four times."""
        c = self.fresh("c")
        self.write(f"{c} = 0")
        forever = self.choose.random() < 0.3
        self.write("while True:" if forever else f"while {c} < 4 and ({self.condition()}):")
        with self.loop():
            self.write(f"{c} += 1")
            if forever:
                self.write(f"if {c} > 3 or {self.condition()}:")
                self.write("    break")
            self.statements(depth)
            self.leave()
        self.scope.counts.append(c)
