"""Random NumPy programs as source text: loops, branches, stores, aliasing views, helper calls.

    program = generate(random.Random(7))
    print(program.source)
    program.function(*program.arguments())

A program takes two vectors, a matrix, two floats and an integer, and returns one float that depends
on every name alive at its end and on the arguments as it left them.  All programs terminate, stay in
bounds and compare against irrational thresholds, so that a random point is a point where they are
differentiable.  Values grow slowly: products are damped by a sine, quotients by ``1.5 + v*v``.

How: a `Writer` keeps the names in scope with their kind (scalar, vector of known length) and writes
one statement after the other; every decision is drawn from a `random.Random`, so a seed or a
hypothesis strategy (`hypothesis.strategies.randoms`) determines the program.  Names that a branch or
a loop body introduces are forgotten at its end.

It does not write: containers, classes, keyword arguments, exceptions; the corpus has those.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .reference import compile_source
from .registry import Call
from .writing import BaseWriter, Program

LENGTH = 5  # of the vectors x and y
ROWS, COLUMNS = 3, 4  # of the matrix M

HELPERS = """
def squash(v, s):
    v *= 0.5
    v[0] = np.sin(s) + v[-1]
    return v.sum() * 0.2


def mix(p, q):
    if p > q:
        return 0.6 * p - 0.3 * q
    return np.cos(p) * q


def smooth(v):
    out = v.copy()
    for i in range(1, len(v)):
        out[i] = 0.5 * v[i] + 0.4 * out[i - 1]
    return out
"""


@dataclass(frozen=True, repr=False)
class RandomProgram(Program):
    """Source text, the function made of it, and the seed of its arguments."""

    floats: ClassVar = ("x", "y", "M", "a", "b")
    variants: ClassVar = (0, 1, 2, 0)  # the first again at the end: nothing may be locked in

    def arguments(self, variant: int = 0) -> Call:
        """Arguments ``x, y, M, a, b, n``; other variants take other paths."""
        draw = np.random.default_rng([self.seed, variant])
        shapes = ((LENGTH,), (LENGTH,), (ROWS, COLUMNS))
        arrays = [draw.uniform(-1.5, 1.5, shape) for shape in shapes]
        a, b = draw.uniform(-1.5, 1.5, 2)
        return Call((*arrays, float(a), float(b), int(draw.integers(0, 4))))


def generate(choose: random.Random, statements: int = 6, depth: int = 2) -> RandomProgram:
    """Write one program; all decisions are drawn from `choose`.

    Parameters
    ----------
    choose
        The source of decisions.
    statements
        How many stand in the outermost block.
    depth
        How deep control flow nests.
    """
    body = Writer(choose).function(statements, depth)
    source = f"{HELPERS}\n\n{body}"
    namespace = compile_source(source, f"<random program {hash(source):x}>", {"np": np})
    return RandomProgram(source, namespace["program"], choose.randrange(2**31))


@dataclass
class Scope:
    """The names in scope, by kind."""

    scalars: list[str] = field(default_factory=lambda: ["a", "b"])
    vectors: dict[str, int] = field(default_factory=lambda: {"x": LENGTH, "y": LENGTH})
    indices: dict[str, int] = field(default_factory=dict)  # loop variables with their bound


@dataclass
class Writer(BaseWriter):
    """Writes statements for the names in scope."""

    scope: Scope = field(default_factory=Scope)

    EARLY: ClassVar = 0.0

    # --- frame ---------------------------------------------------------------------------------

    def function(self, statements: int, depth: int) -> str:
        """The source of the whole function."""
        for _ in range(statements):
            self.statement(depth)
        for name, weight in zip(self.scope.scalars, self.weights(), strict=False):
            self.write(f"total += {weight} * {name}")
        for name, weight in zip(self.scope.vectors, self.weights(), strict=False):
            self.write(f"total += {weight} * ({name} * np.arange(1.0, len({name}) + 1)).sum()")
        self.write("total += (M * np.linspace(0.5, 1.5, 12).reshape(3, 4)).sum()")
        self.write("return total")
        head = ["def program(x, y, M, a, b, n):", "    total = 0.0"]
        return "\n".join([*head, *self.lines, ""])

    def weights(self) -> Iterator[str]:
        """Weights that differ from name to name."""
        return (f"{0.37 + 0.11 * k:.2f}" for k in range(99))

    # --- expressions ------------------------------------------------------------------------------

    def index(self, length: int) -> str:
        """An index expression that is inside an axis of `length` elements."""
        inside = [name for name, bound in self.scope.indices.items() if bound <= length]
        options = [str(self.choose.randrange(length)), f"-{self.choose.randrange(1, length + 1)}"]
        options += inside + [f"{length - 1} - {name}" for name in inside]
        options += [
            f"({name} + {self.choose.randrange(4)}) % {length}" for name in self.scope.indices
        ]
        return self.choose.choice(options)

    def vector(self, length: int | None = None) -> str | None:
        """The name of a vector, of that length where one is given."""
        names = [name for name, size in self.scope.vectors.items() if length in (None, size)]
        return self.choose.choice(names) if names else None

    def atom(self) -> str:
        """A scalar without arithmetic."""
        kind = self.choose.randrange(5)
        if kind == 0:
            return self.constant()
        if kind == 1:
            return f"M[{self.index(ROWS)}, {self.index(COLUMNS)}]"
        name = self.vector()
        if kind == 2 and name:
            return f"{name}[{self.index(self.scope.vectors[name])}]"
        return self.choose.choice(self.scope.scalars)

    def scalar(self, depth: int = 2) -> str:
        """A scalar expression that grows slowly."""
        if depth == 0 or self.choose.random() < 0.25:
            return self.atom()
        p, q = self.scalar(depth - 1), self.scalar(depth - 1)
        forms = [
            f"np.sin({p})",
            f"np.tanh({p} - {q})",
            f"0.5 * ({p} + {q})",
            f"({p}) * np.sin({q})",
            f"({p}) / (1.5 + ({q}) ** 2)",
            f"np.exp(-({p}) ** 2)",
            f"0.8 * np.sqrt(1.1 + ({p}) ** 2)",
            f"max({p}, {q})",
            f"min({p}, {self.constant()})",
            f"abs({p})",
            f"mix({p}, {q})",
            f"({p} if {self.condition(0)} else {q})",
            self.reduction(),
            self.reduction(),
        ]
        return self.choose.choice(forms)

    def reduction(self) -> str:
        """A scalar made of a vector or of the matrix."""
        name = self.vector()
        if name is None:
            return "M.mean()"
        size = self.scope.vectors[name]
        other = self.vector(size)
        k = self.index(size)
        forms = [
            f"{name}.mean()",
            f"0.3 * {name}.sum()",
            f"{name}.max()",
            f"0.2 * np.dot({name}, {other})",
            f"0.3 * {name}[:{k}].sum()",
            f"0.3 * ({name}[{self.choose.randrange(size)}:] ** 2).mean()",
            f"0.2 * sum(t * t for t in {name})",
            f"0.4 * {name}[{name} > {self.constant()}].sum()",
            f"0.3 * M[{self.index(ROWS)}].sum()",
            f"0.2 * M.T[{self.index(COLUMNS)}].sum()",
        ]
        return self.choose.choice(forms)

    def array(self, length: int, depth: int = 1) -> str:
        """A vector expression with `length` elements."""
        name = self.vector(length)
        base = name if name else f"np.full({length}, {self.scalar(1)})"
        if depth == 0:
            return base
        p, q = self.array(length, depth - 1), self.array(length, depth - 1)
        forms = [
            f"np.sin({p})",
            f"0.5 * ({p} + {q})",
            f"{p} * np.cos({q})",
            f"{p}[::-1]",
            f"{p} / (1.5 + {q} ** 2)",
            f"np.where({p} > {self.constant()}, {p}, {q})",
            f"np.maximum({p}, {self.scalar(1)})",
            f"{self.scalar(1)} + 0.5 * {p}",
            f"smooth({p})",
            f"np.cumsum({p}) * 0.3",
        ]
        return self.choose.choice(forms)

    def condition(self, depth: int = 1) -> str:
        """A truth value that depends on the data."""
        one = f"{self.scalar(depth)} {self.choose.choice(['<', '>', '<=', '>='])} {self.constant()}"
        kind = self.choose.randrange(6)
        if kind == 0:
            return f"{one} and {self.atom()} < {self.constant()}"
        if kind == 1:
            return f"not {self.atom()} > {self.constant()} or {one}"
        if kind == 2:
            return f"{self.constant()} < {self.atom()} < 1.234567"
        if kind == 3 and self.scope.indices:
            return f"{self.choose.choice(list(self.scope.indices))} % 2 == 0 and {one}"
        return one

    # --- statements ---------------------------------------------------------------------------

    def statement(self, depth: int) -> None:
        """One statement; control flow only where `depth` allows it."""
        simple = [self.assign_scalar, self.update_scalar, self.store_element, self.store_slice]
        simple += [self.new_vector, self.new_view, self.swap, self.in_place, self.mask_store]
        simple += [self.store_matrix, self.store_element, self.call_helper, self.overlap]
        nested = [self.for_range, self.for_rows, self.for_elements, self.while_loop, self.branch]
        nested += [self.branch, self.for_range]
        if depth > 0 and self.choose.random() < 0.45:
            self.choose.choice(nested)(depth - 1)
        else:
            self.choose.choice(simple)()

    def assign_scalar(self) -> None:
        """A new scalar or a new value of an old one."""
        text = self.scalar()
        if self.choose.random() < 0.5:
            self.write(f"{self.choose.choice(self.scope.scalars)} = {text}")
        else:
            name = self.fresh("s")
            self.write(f"{name} = {text}")
            self.scope.scalars.append(name)

    def update_scalar(self) -> None:
        """Augmented assignment, which rebinds."""
        name = self.choose.choice(self.scope.scalars)
        form = self.choose.choice(["{} += 0.3 * np.sin({})", "{} *= np.cos({})", "{} -= 0.2 * {}"])
        self.write(form.format(name, f"({self.scalar(1)})"))

    def target(self) -> tuple[str, int]:
        """A vector to store into."""
        name = self.vector()
        assert name is not None  # x and y never leave the scope
        return name, self.scope.vectors[name]

    def store_element(self) -> None:
        """``v[i] = ...`` and its augmented forms."""
        name, size = self.target()
        operator = self.choose.choice(["=", "=", "+=", "-=", "*="])
        value = self.scalar() if operator != "*=" else f"np.sin({self.scalar(1)})"
        self.write(f"{name}[{self.index(size)}] {operator} {value}")

    def store_slice(self) -> None:
        """``v[lo:hi] = ...`` with steps of either sign."""
        name, size = self.target()
        lo = self.choose.randrange(size)
        hi = self.choose.randrange(lo, size + 1)
        kind = self.choose.randrange(4)
        if kind == 0:
            self.write(f"{name}[{lo}:{hi}] = {self.scalar(1)}")
        elif kind == 1:
            self.write(f"{name}[{lo}:{hi}] += 0.5 * ({self.array(size)})[{lo}:{hi}]")
        elif kind == 2:
            self.write(f"{name}[::-1] = {self.array(size)}")
        else:
            self.write(f"{name}[::2] *= np.cos({self.scalar(1)})")

    def new_vector(self) -> None:
        """A vector with memory of its own."""
        size = self.choose.choice([3, COLUMNS, LENGTH])
        name = self.fresh("v")
        forms = [f"np.zeros({size})", f"({self.array(size)}) * 1.0", f"({self.array(size)}).copy()"]
        self.write(f"{name} = {self.choose.choice(forms)}")
        self.scope.vectors[name] = size

    def new_view(self) -> None:
        """A second name for memory that has one."""
        base, size = self.target()
        name = self.fresh("w")
        forms = [(base, size), (f"{base}[::-1]", size), (f"M[{self.index(ROWS)}]", COLUMNS)]
        forms += [(f"M[:, {self.index(COLUMNS)}]", ROWS), (f"M.T[{self.index(COLUMNS)}]", ROWS)]
        forms += [("M.reshape(-1)[2:7]", 5), ("M.ravel()[::4]", 3), ("np.diag(M[:, 1:]).copy()", 3)]
        if size > 2:
            forms += [(f"{base}[1:]", size - 1), (f"{base}[:-1]", size - 1)]
            forms += [(f"{base}[::2]", (size + 1) // 2)]
        text, length = self.choose.choice(forms)
        self.write(f"{name} = {text}")
        self.scope.vectors[name] = length

    def swap(self) -> None:
        """A swap of elements or of scalars."""
        name, size = self.target()
        i, j = self.index(size), self.index(size)
        if self.choose.random() < 0.7:
            self.write(f"{name}[{i}], {name}[{j}] = {name}[{j}], {name}[{i}]")
        else:
            p, q = self.choose.choice(self.scope.scalars), self.choose.choice(self.scope.scalars)
            self.write(f"{p}, {q} = {q}, 0.5 * ({p} + {q})")

    def in_place(self) -> None:
        """Augmented assignment to a whole array, which mutates."""
        name, size = self.target()
        if self.choose.random() < 0.5:
            self.write(f"{name} *= np.cos({self.scalar(1)})")
        else:
            self.write(f"{name} += 0.3 * ({self.array(size)})")

    def mask_store(self) -> None:
        """A store by mask, by integers, or through a function."""
        name, size = self.target()
        forms = [
            f"{name}[{name} > {self.constant()}] = {self.scalar(1)}",
            f"{name}[np.abs({name}) > 0.654321] *= 0.5",
            f"{name}[[0, {size - 1}]] = {self.scalar(1)}",
            f"np.add.at({name}, [1, 0, 1], 0.3 * ({self.scalar(1)}))",
            f"np.multiply({name}, np.sin({self.scalar(1)}), out={name}, where={name} < {self.constant()})",
        ]
        self.write(self.choose.choice(forms))

    def store_matrix(self) -> None:
        """A store into the matrix: element, row, column, block."""
        i, j = self.index(ROWS), self.index(COLUMNS)
        forms = [
            f"M[{i}, {j}] = {self.scalar()}",
            f"M[{i}, {j}] += 0.5 * ({self.scalar(1)})",
            f"M[{i}] = {self.array(COLUMNS)}",
            f"M[:, {j}] = 0.5 * ({self.array(ROWS)})",
            f"M[1:, :2] *= np.sin({self.scalar(1)})",
            f"M.T[{j}] += 0.3 * ({self.scalar(1)})",
        ]
        self.write(self.choose.choice(forms))

    def call_helper(self) -> None:
        """A call that changes its argument and returns a number."""
        name, _ = self.target()
        result = self.fresh("s")
        self.write(f"{result} = squash({name}, {self.scalar(1)})")
        self.scope.scalars.append(result)

    def overlap(self) -> None:
        """An assignment whose two sides share memory."""
        name, _ = self.target()
        forms = [f"{name}[1:] = {name}[:-1]", f"{name}[:-1] -= 0.3 * {name}[1:]"]
        forms += [f"{name}[:] = {name}[::-1]", f"{name}[1:] -= 0.3 * {name}[0]"]
        self.write(self.choose.choice(forms))

    # --- control flow --------------------------------------------------------------------------

    def for_range(self, depth: int) -> None:
        """A loop over a range with a concrete, an argument-dependent or a triangular bound."""
        i = self.fresh("i")
        forms = [("range(3)", 3), (f"range({LENGTH})", LENGTH), ("range(n)", 4), ("range(1, 4)", 4)]
        forms += [(f"range({LENGTH - 1}, -1, -2)", LENGTH), ("range(len(x))", LENGTH)]
        forms += [(f"range({name})", bound) for name, bound in self.scope.indices.items()]
        text, bound = self.choose.choice(forms)
        self.write(f"for {i} in {text}:")
        with self.block():
            self.scope.indices[i] = bound
            self.statements(depth)
            self.leave()

    def for_rows(self, depth: int) -> None:
        """A loop over the rows of the matrix: views that the body may store into."""
        row = self.fresh("r")
        k = self.fresh("k")
        self.write(f"for {k}, {row} in enumerate(M):")
        with self.block():
            self.scope.indices[k] = ROWS
            self.scope.vectors[row] = COLUMNS
            self.statements(depth)
            self.leave()

    def for_elements(self, depth: int) -> None:
        """A loop over the elements of one vector or of two."""
        name, size = self.target()
        other = self.vector(size)
        e, f = self.fresh("e"), self.fresh("e")
        forms = [f"{e} in {name}", f"{e} in reversed({name})", f"{e}, {f} in zip({name}, {other})"]
        text = self.choose.choice(forms)
        self.write(f"for {text}:")
        with self.block():
            self.scope.scalars.append(e)
            if "zip" in text:
                self.scope.scalars.append(f)
            self.statements(depth)
            self.leave()

    def while_loop(self, depth: int) -> None:
        """A loop while data say so, at most five times."""
        count = self.fresh("c")
        self.write(f"{count} = 0")
        self.write(f"while {count} < 5 and ({self.condition()}):")
        with self.block():
            self.write(f"{count} += 1")
            self.statements(depth)
            self.leave()

    def after_leaving(self) -> None:
        """A statement that a break or continue passes over."""
        self.update_scalar()
