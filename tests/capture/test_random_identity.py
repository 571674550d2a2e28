"""Random programs over names of arrays and lists: what is one object in Python is one in the result.

    alias, rebind, append, exchange, shallow copy, branch, loop, identity test, store, return

Each program runs with two inputs and with the first one again, plain and compiled; compared are the arguments as they
are afterwards and the result, down to which of their parts are one object.
"""

import linecache
import random

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
    text = Writer(seed, kind).program()
    name = f"<{kind} {seed}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    table = {}
    try:
        exec(compile(text, name, "exec"), table)
        compiled = Function(table["f"], engine=engine)
        for size in (1, 2, 1):
            with uncompiled_allowed():
                found = outcome(compiled, arguments(kind, size))
            assert found == outcome(table["f"], arguments(kind, size)), text
    finally:
        del linecache.cache[name]


@pytest.mark.parametrize("kind", ["arrays", "rows"])
def test_a_few_programs(kind) -> None:
    for seed in range(15):
        check(seed, kind, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("kind", ["arrays", "rows", "complex"])
@pytest.mark.parametrize("first", range(100, 400, 50))
def test_many_programs(first, kind, engine) -> None:
    for seed in range(first, first + (50 if engine == "numpy" else 10)):
        check(seed, kind, engine)
