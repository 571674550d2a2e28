"""Random programs over names of arrays, lists, dicts and objects: what is one object in Python is one in the result.

    alias, rebind, append, exchange, shallow copy, branch, choice, loop, identity test, store, return

Each program runs with two inputs and with the first one again, plain and compiled; compared are the arguments as they
are afterwards and the result, down to which of their parts are one object.
"""

import linecache
import random
from typing import ClassVar

import numpy as np
import pytest

from autodiff.api import Function

from .support import uncompiled_allowed
from .test_identity import shape_of


class Writer:
    """Writes one program: of arrays ``x`` and ``y`` with a list, or of a list of lists."""

    def __init__(self, seed: int, kind: str) -> None:
        self.random = random.Random(seed)
        self.kind = kind
        self.lines: list[str] = []
        self.in_loop = False
        self.names, self.lists = (["u"], ["m"]) if kind == "rows" else (["x", "y"], ["p"])

    def pick(self, *texts: str) -> str:
        return self.random.choice(texts)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def write(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def program(self) -> str:
        if self.kind == "rows":
            self.write(0, "def f(rows, a):")
            copied = (
                "list(rows)",
                "rows[:]",
                "rows.copy()",
                "[r for r in rows]",
                "[r[:] for r in rows]",
            )
            self.write(1, "m = " + self.pick(*copied, "[]", "[rows[0]] * 3"))
            self.write(1, f"u = rows[{self.random.randrange(3)}]")
            if self.chance(0.3):  # which has the numbers of all rows in one array from here on
                self.write(1, "for i in range(len(m)):")
                self.write(2, "for j in range(len(m[i])):")
                self.write(3, "m[i][j] = m[i][j] + a * j")
        else:
            self.write(0, "def f(x, y, a):")
            self.write(1, f"p = [{self.pick('', 'x', 'x, y', 'x * a', 'y, y')}]")
        for _ in range(self.random.randint(2, 5)):
            self.statement(1, 2)
        self.loop(1, 2)
        known = self.names + self.lists
        parts = self.random.sample(known, min(len(known), self.random.randint(1, 4)))
        if self.kind == "rows" and self.chance(0.3):
            parts.append("rows")
        self.write(1, f"return [{', '.join(parts)}]")
        return "\n".join(self.lines) + "\n"

    def index(self) -> str:
        if self.in_loop and self.chance(0.5):
            return self.pick("k", "k % 3", "-1", "0", "k - 1")
        return self.pick("0", "-1", "1")

    def item(self) -> str:
        """An array, or a list of numbers."""
        if self.chance(0.55):
            return self.pick(*self.names)
        if self.chance(0.55):
            return f"{self.pick(*self.lists)}[{self.index()}]"
        if self.kind != "rows":
            return f"{self.pick(*self.names)} * a"
        made = f"{self.pick(*self.names)}[:]", f"[v * a for v in {self.pick(*self.names)}]"
        return self.pick(f"rows[{self.index()}]", "[a, 1.0, a]", *made)

    def condition(self) -> str:
        if self.chance(0.5):
            row = f"rows[{'k % 3' if self.in_loop else '0'}]" if self.kind == "rows" else "y"
            part = ".real" if self.kind == "complex" else ""
            return f"{row}[{self.random.randrange(3)}]{part} > {self.pick('a', '0.5', '0.2')}"
        if self.chance(0.4):
            return f"{self.pick(*self.names)} is {self.item()}"
        return (
            self.pick("k % 2", "k > 2", "k < 4") if self.in_loop and self.chance(0.5) else "a > 0.5"
        )

    def statement(self, depth: int, left: int) -> None:
        chance = self.random.random()
        if chance < 0.35:
            self.write(depth, f"{self.pick(*self.names)} = {self.item()}")
        elif chance < 0.5 and depth == 1:
            self.new_name()
        elif chance < 0.6:
            self.write(depth, f"{self.pick(*self.lists)}[{self.index()}] = {self.item()}")
        elif chance < 0.63:
            target = self.item() if self.kind == "rows" else self.pick(*self.names)
            self.write(depth, f"{target}[{self.random.randrange(3)}] = a * 2")
        elif chance < 0.68:
            chosen = f"{self.item()} if {self.condition()} else {self.item()}"
            self.write(depth, f"{self.pick(*self.names)} = {chosen}")
        elif chance < 0.82 and left:
            self.write(depth, f"if {self.condition()}:")
            self.block(depth + 1, left - 1)
            if self.chance(0.5):
                self.write(depth, "else:")
                self.block(depth + 1, left - 1)
        elif chance < 0.9 and left and not self.in_loop:
            self.loop(depth, left)
        else:
            self.write(depth, f"{self.pick(*self.lists)}.append({self.item()})")

    def new_name(self) -> None:
        number = len(self.names) + len(self.lists)
        if self.chance(0.6):
            self.write(1, f"v{number} = {self.item()}")
            self.names.append(f"v{number}")
            return
        old = self.pick(*self.lists)
        copied = (
            f"{old}[:]",
            f"list({old})",
            f"[w for w in {old}]",
            f"{old} + {old}",
            f"{old}[1:]",
        )
        self.write(1, f"l{number} = {self.pick(*copied, old, '[]', f'[{self.item()}]')}")
        self.lists.append(f"l{number}")

    def loop(self, depth: int, left: int) -> None:
        self.write(depth, f"for k in range({self.pick('4', '9', '9')}):")
        self.in_loop = True
        self.block(depth + 1, left)
        self.in_loop = False

    def block(self, depth: int, left: int) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(depth, left)


class Chooser(Writer):
    """Writes one program of lists, dicts or objects ``p``, ``q`` and ``s``, some of them the caller's.

    choice by a condition, exchange in a loop, rotation, store, the least so far, new one, items of a list of them
    """

    MADE: ClassVar = {
        "lists": ("[{}, {}]", ("[0]", "[1]", "[-1]")),
        "dicts": ("{{'u': {}, 'v': {}}}", ("['u']", "['v']")),
        "points": ("Point({}, {})", (".u", ".v")),
    }

    def program(self) -> str:
        made, self.parts = self.MADE[self.kind]
        self.names, self.holders = ["p", "q", "s"], list[str]()
        given = self.pick("", "b, c, ", "b, c, ", "b, ")
        self.write(0, f"def f({given}x, y, n):")
        self.made = lambda: made.format(
            self.pick("x", "y", "x * y", "0.5"), self.pick("x", "y", "1.0")
        )
        known = [name for name in given.split(", ") if name]
        for name in self.names:
            self.write(1, f"{name} = {self.pick(self.made(), self.made(), *known)}")
            known.append(name)
        if self.chance(0.4):
            self.write(1, f"l = [{self.pick(*self.names)}, {self.pick(*self.names)}]")
            self.holders += ["l[0]", "l[-1]"]
        self.write(1, "best, t, i = None, 0.0, 0")
        for _ in range(self.random.randint(0, 2)):
            self.statement(1, 1)
        self.loop(1, 2)
        if self.chance(0.3):
            self.loop(1, 1)
        if self.chance(0.6):
            self.write(1, f"{self.part()} {self.pick('=', '+=')} 10.0 * x")
        more = self.pick("", ", best", ", best, p is s", ", l" if self.holders else "")
        self.write(1, f"return {self.pick(f't + {self.part()} * 3.0', f'p, q, s, t{more}')}")
        return "\n".join(self.lines) + "\n"

    def one(self) -> str:
        return self.pick(*self.names, *self.names, *self.holders)

    def part(self) -> str:
        return self.one() + self.pick(*self.parts)

    def condition(self) -> str:
        return self.pick(
            f"{self.part()} < {self.pick('1.0', 'y', 't', self.part())}",
            f"{self.part()} < {self.part()}",
            f"{self.pick(*self.names)} is {self.pick(*self.names)}",
            f"i % 2 == {self.pick('0', '1')}",
            f"t > {self.pick('x', '0.5')}",
            "x > y",
        )

    def statement(self, depth: int, left: int) -> None:
        chance, (a, b, c) = self.random.random(), (self.one() for _ in range(3))
        if chance < 0.25:
            self.write(depth, f"{a}, {b} = {b}, {a}")
        elif chance < 0.3:
            self.write(depth, f"{a}, {b}, {c} = {b}, {c}, {a}")
        elif chance < 0.45:
            self.write(depth, f"{a} = {b} if {self.condition()} else {c}")
        elif chance < 0.52:
            self.write(depth, f"{a} = {b}")
        elif chance < 0.7:
            new = self.pick("x", "y", "0.5 * x", "t", "0.25")
            self.write(depth, f"{self.part()} {self.pick('=', '+=', '-=')} {new}")
        elif chance < 0.76:
            self.write(depth, f"t += {self.part()} * {self.pick('0.5', 'x')}")
        elif chance < 0.8:
            self.write(depth, f"{self.pick(*self.names)} = {self.made()}")
        elif chance < 0.86:
            at = self.pick(*self.parts)
            self.write(depth, f"if best is None or {a}{at} < best{at}:")
            self.write(depth + 1, f"best = {a}")
        elif left:
            self.write(depth, f"if {self.condition()}:")
            self.block(depth + 1, left - 1)
            if self.chance(0.4):
                self.write(depth, "else:")
                self.block(depth + 1, left - 1)
        else:
            self.write(depth, "t += 0.5 * x")

    def loop(self, depth: int, left: int) -> None:
        self.write(depth, f"for i in range({self.pick('n', 'n', '12')}):")
        self.block(depth + 1, left)


class Point:
    def __init__(self, u, v):
        self.u = u
        self.v = v


def chosen_arguments(kind, text, size):
    made = eval(f"lambda u, v: {Chooser.MADE[kind][0].format('u', 'v')}", {"Point": Point})
    count = text.count(",", 0, text.index("\n")) - 2
    x, y, n = ((1.5, 0.7, 3), (0.4, 1.1, 4), (2.0, -0.6, 1), (-0.3, 0.9, 0))[size]
    return *(made(x + 0.37 + 0.3 * k, y - 0.23 - 0.2 * k) for k in range(count)), x, y, n


def arguments(kind, size):
    if kind == "rows":
        return [
            [0.1 * i * j * size + (i == j) for j in range(3)] for i in range(9)
        ], 0.4 + 0.1 * size
    x, y = np.linspace(0.1, 1.0, 3) * size, np.linspace(1.0, 0.2, 3) * size
    if kind == "complex":
        return x * (1 + 2j), y * (1 - 0.5j), 0.5 + 0.1 * size
    return x, y, 0.5 + 0.1 * size


def outcome(function, given):
    try:
        result = function(*given)
    except (IndexError, TypeError) as error:
        return type(error)
    return shape_of((given, result), {})


def check(seed, kind, engine):
    is_chooser = kind in Chooser.MADE
    text = (Chooser if is_chooser else Writer)(seed, kind).program()

    def given(size):
        return chosen_arguments(kind, text, size) if is_chooser else arguments(kind, size)

    name = f"<{kind} {seed}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    table = {"Point": Point}
    try:
        exec(compile(text, name, "exec"), table)
        compiled = Function(table["f"], engine=engine)
        for size in (0, 1, 2, 3, 1) if is_chooser else (1, 2, 1):
            with uncompiled_allowed():
                found = outcome(compiled, given(size))
            assert found == outcome(table["f"], given(size)), text
    finally:
        del linecache.cache[name]


@pytest.mark.parametrize("kind", ["arrays", "rows"])
def test_a_few_programs(kind) -> None:
    for seed in range(15):
        check(seed, kind, "numpy")


@pytest.mark.parametrize(
    ("kind", "seed"), [("lists", 64), ("lists", 169), ("lists", 4850)]
)  # exchanged with the caller's own
def test_exchanged_lists(kind, seed) -> None:
    check(seed, kind, "numpy")


@pytest.mark.parametrize("kind", Chooser.MADE)
def test_a_few_programs_that_choose(kind) -> None:
    for seed in range(10):
        check(seed, kind, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("kind", ["arrays", "rows", "complex", *Chooser.MADE])
@pytest.mark.parametrize("first", range(100, 400, 50))
def test_many_programs(first, kind, engine) -> None:
    for seed in range(first, first + (50 if engine == "numpy" else 10)):
        check(seed, kind, engine)
