"""Random NumPy programs whose sizes are known by name only: matrices, masks, integers, lists.

    program = generate(random.Random(7))
    print(program.source)
    program.function(*program.arguments(2))

The companion of `random_programs`, which writes for fixed lengths.  Here one program takes arguments
of several shapes, so that one compiled object meets them all: ``x`` and ``y`` have ``n`` elements,
``A`` has ``n`` rows and ``m`` columns, ``k`` is an int below ``n``.  Some variants pass arguments
that share memory.

Every name in scope has a kind: scalar; index below ``n`` or ``m``; vector of ``n``, of ``m``, or of
a size that only the data know (perhaps empty); matrix; array of indices below ``n`` or ``m``; mask;
list of scalars.  Thresholds are irrational, values grow slowly, and all loops end, as there.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .reference import compile_source
from .registry import Call
from .writing import BaseWriter, Program

SHAPES = ((5, 3), (4, 3), (6, 2), (3, 4), (5, 3))  # of A, by variant

_AUGMENTED = re.compile(r"(\w+) \S=")

HELPERS = """
def damp(v, s):
    v *= 0.5
    if s > 0.212121:
        v[0] = np.sin(s)
        return v.sum() * 0.2
    return v[-1]


def first_above(v, s):
    for i, e in enumerate(v):
        if e > s:
            return i
    return 0


def running(v):
    out = np.empty_like(v)
    level = 0.0
    for i in range(len(v)):
        level = 0.5 * level + v[i]
        out[i] = level
    return out
"""


@dataclass(frozen=True, repr=False)
class RandomProgram(Program):
    """Source text, the function made of it, and the seed of its arguments."""

    floats: ClassVar = ("x", "y", "A", "a", "b")
    variants: ClassVar = (0, 1, 2, 3, 0)  # the first again at the end: nothing may be locked in
    aliased: ClassVar = (5, 6, 7)  # variants whose arguments share memory

    def arguments(self, variant: int = 0) -> Call:
        """Arguments ``x, y, A, a, b, k``; other variants have other shapes and take other paths."""
        draw = np.random.default_rng([self.seed, variant])
        n, m = SHAPES[variant % len(SHAPES)]
        x, y = draw.uniform(-1.5, 1.5, (2, n))
        A = draw.uniform(-1.5, 1.5, (n, m))
        if variant == 5:
            y = x[::-1]
        elif variant == 6:
            y = x
        elif variant == 7:
            x, y = A[:, 0], A[::-1, 1]
        a, b = draw.uniform(-1.5, 1.5, 2)
        return Call((x, y, A, float(a), float(b), int(draw.integers(0, n))))


def generate(choose: random.Random, statements: int = 6, depth: int = 2) -> RandomProgram:
    """Write one program; all decisions are drawn from `choose`."""
    body = Writer(choose).function(statements, depth)
    source = f"{HELPERS}\n\n{body}"
    namespace = compile_source(source, f"<random arrays {hash(source):x}>", {"np": np})
    return RandomProgram(source, namespace["program"], choose.randrange(2**31))


@dataclass
class Scope:
    """The names in scope, by kind; the values say how long they are or what they are below."""

    scalars: list[str] = field(default_factory=lambda: ["a", "b"])
    vectors: dict[str, str] = field(default_factory=lambda: {"x": "n", "y": "n"})
    matrices: list[str] = field(default_factory=lambda: ["A"])
    indices: dict[str, str] = field(default_factory=lambda: {"k": "n"})
    integers: dict[str, tuple[str, str]] = field(default_factory=dict)  # (length, below)
    masks: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)


@dataclass
class Writer(BaseWriter):
    """Writes statements for the names in scope."""

    scope: Scope = field(default_factory=Scope)

    # --- frame ---------------------------------------------------------------------------------

    def function(self, statements: int, depth: int) -> str:
        """The source of the whole function."""
        for _ in range(statements):
            self.statement(depth)
        weight = 0.37
        for name in self.scope.scalars:
            self.write(f"total += {weight:.2f} * {name}")
            weight += 0.11
        for name in self.scope.vectors:
            self.write(f"total += {weight:.2f} * ({name} * np.arange(1.0, len({name}) + 1)).sum()")
            weight += 0.11
        for name in self.scope.matrices:
            self.write(f"total += {weight:.2f} * (w @ {name} @ u)")
        for name in self.scope.integers:
            self.write(f"total += 0.01 * ({name} * np.arange(len({name}))).sum()")
        for name in self.scope.masks:
            self.write(f"total += 0.3 * np.count_nonzero({name}) + 0.1 * {name}[0]")
        for name in self.scope.lists:
            self.write(f"total += 0.2 * sum({name}) + 0.1 * len({name})")
        for name in self.scope.indices:
            self.write(f"total += 0.1 * {name}")
        self.write("return total")
        head = ["def program(x, y, A, a, b, k):", "    n, m = A.shape", "    total = 0.0"]
        head.append("    w, u = np.linspace(0.5, 1.5, n), np.linspace(1.5, 0.5, m)")
        return "\n".join([*head, *self.lines, ""])

    def write(self, line: str) -> None:
        """Add a line at the present depth."""
        bound = _AUGMENTED.match(line)
        if self.nested and bound and bound[1] not in self.scope.scalars:
            line = "pass"  # it would make an array of the outer function a local name
        super().write(line)

    # --- expressions ------------------------------------------------------------------------------

    def index(self, size: str) -> str:
        """An index below ``n`` or ``m``."""
        options = ["0", "1", "-1", "-2", f"{size} // 2", f"{size} - 1", f"k % {size}"]
        for name, below in self.scope.indices.items():
            options += [name, f"{size} - 1 - {name}"] if below == size else []
            options.append(f"({name} + {self.choose.randrange(3)}) % {size}")
        for name, (_, below) in self.scope.integers.items():
            if below == size:
                options.append(f"{name}[0]")
        return self.choose.choice(options)

    def vector(self, size: str, depth: int = 1) -> str:
        """A vector expression with ``n`` or ``m`` elements."""
        A = self.choose.choice(self.scope.matrices)
        view = f"{A}[:, {self.index('m')}]" if size == "n" else f"{A}[{self.index('n')}]"
        base = self.choose.choice([*self.sized(self.scope.vectors, size) * 2, view])
        if depth == 0:
            return base
        p, q = self.vector(size, depth - 1), self.vector(size, depth - 1)
        forms = [
            f"np.sin({p})",
            f"0.5 * ({p} + {q})",
            f"{p} * np.cos({q})",
            f"{p}[::-1]",
            f"np.where({p} > {self.constant()}, {p}, 0.3 * {q})",
            f"np.roll({p}, 1)",
            f"{self.scalar(1)} + 0.5 * {p}",
            f"running({p})",
            f"np.sort({p})",
            f"0.3 * np.cumsum({p})",
            f"0.4 * {A} @ {self.vector('m', 0)}"
            if size == "n"
            else f"0.4 * {A}.T @ {self.vector('n', 0)}",
            f"{A}.mean(axis={int(size == 'n')})",
            f"{A}.max(axis={int(size == 'n')})",
            f"np.minimum({p}, {self.constant()})",
        ]
        for name, (length, below) in self.scope.integers.items():
            if length == size:
                forms.append(f"({self.vector(below, 0)})[{name}]")
        for name in self.sized(self.scope.masks, size):
            forms.append(f"np.where({name}, {p}, {q})")
            forms.append(f"{p} * {name}")
        return self.choose.choice(forms)

    def loose(self) -> str:
        """A vector of a size that is not known, perhaps empty."""
        size = self.pick("n", "m")
        v = self.vector(size, 0)
        forms = [
            f"{v}[:{self.index(size)}]",
            f"{v}[{self.index(size)}:]",
            f"{v}[{v} > {self.constant()}]",
        ]
        forms += [f"{name}" for name in self.sized(self.scope.vectors, "?")] * 2
        A = self.choose.choice(self.scope.matrices)
        forms += [f"{A}[{self.index('n')}, :{self.index('m')}]", f"{A}[{A} < {self.constant()}]"]
        forms += [f"{v}[{name}]" for name in self.sized(self.scope.masks, size)]
        forms += [f"{A}[{self.index('n')}:, {self.index('m')}][::2]", f"{A}.reshape(-1)[1::2]"]
        return self.choose.choice(forms)

    def scalar(self, depth: int = 2) -> str:
        """A scalar expression that grows slowly."""
        A = self.choose.choice(self.scope.matrices)
        if depth == 0 or self.choose.random() < 0.2:
            size = self.pick("n", "m")
            forms = [self.constant(), f"{A}[{self.index('n')}, {self.index('m')}]"]
            forms += [self.choose.choice(self.scope.scalars)] * 2
            forms.append(f"{self.vector(size, 0)}[{self.index(size)}]")
            return self.choose.choice(forms)
        p, q = self.scalar(depth - 1), self.scalar(depth - 1)
        size = self.pick("n", "m")
        v, loose = self.vector(size), self.loose()
        forms = [
            f"np.sin({p})",
            f"0.5 * ({p} + {q})",
            f"({p}) * np.sin({q})",
            f"({p}) / (1.5 + ({q}) ** 2)",
            f"0.8 * np.sqrt(1.1 + ({p}) ** 2)",
            f"max({p}, {q})",
            f"abs({p})",
            f"({p} if {self.condition(0)} else {q})",
            f"0.2 * ({v}).sum()",
            f"({v}).max()",
            f"({v}).std()",
            f"0.2 * np.dot({v}, {self.vector(size, 0)})",
            f"0.2 * ({loose}).sum()",
            f"0.1 * (({loose}) ** 2).sum()",
            f"0.1 * sum(np.sin(t) for t in {loose})",
            f"0.1 * len({loose})",
            f"0.1 * np.prod(np.cos({loose}))",
            f"0.1 * {A}.sum()",
            f"0.2 * np.trace({A})",
            f"({v})[np.argmax({v})]",
            f"({v})[first_above({v}, {p})]",
        ]
        forms += [f"{name}[-1]" for name in self.scope.lists]
        forms += [f"0.1 * sum({name})" for name in self.scope.lists]
        forms += [f"0.1 * {name}.sum()" for name in [*self.scope.masks, *self.scope.integers]]
        forms += [f"0.3 * {name}" for name in self.scope.indices]
        return self.choose.choice(forms)

    def condition(self, depth: int = 1) -> str:
        """A truth value."""
        one = f"{self.scalar(depth)} {self.pick('<', '>', '<=', '>=')} {self.constant()}"
        forms = [one, one, f"not {one}", f"{one} and {self.scalar(0)} < {self.constant()}"]
        forms += [f"{one} or {self.scalar(0)} > {self.constant()}"]
        forms += [f"({self.vector(self.pick('n', 'm'), 0)} > {self.constant()}).any()"]
        forms += [f"len({self.loose()}) > 1"]
        forms += [f"{name}[{self.index(size)}]" for name, size in self.scope.masks.items()]
        forms += [f"{name} % 2" for name in self.scope.indices]
        return self.choose.choice(forms)

    # --- statements ---------------------------------------------------------------------------

    def statement(self, depth: int) -> None:
        """One statement; control flow only where `depth` allows it."""
        simple = [self.assign, self.update, self.store_vector, self.store_vector, self.store_matrix]
        simple += [self.store_matrix, self.new_vector, self.new_view, self.new_matrix, self.integer]
        simple += [self.mask, self.fancy_store, self.fancy_store, self.list_use, self.loose_use]
        simple += [self.call, self.in_place]
        control = [self.branch, self.branch, self.for_index, self.for_index, self.for_items]
        control += [self.while_loop, self.inner_function]
        if depth > 0 and self.choose.random() < 0.45:
            self.choose.choice(control)(depth - 1)
        else:
            self.choose.choice(simple)()

    def assign(self) -> None:
        """A scalar."""
        text = self.scalar()
        own = [s for s in self.scope.scalars if not self.nested or s not in ("a", "b")]
        if own and self.choose.random() < 0.5:
            self.write(f"{self.choose.choice(own)} = {text}")
        else:
            name = self.fresh("s")
            self.write(f"{name} = {text}")
            self.scope.scalars.append(name)

    def update(self) -> None:
        """Augmented assignment, which rebinds; swaps."""
        own = [s for s in self.scope.scalars if not self.nested or s not in ("a", "b")]
        if not own:
            return self.assign()
        p, q = self.choose.choice(own), self.choose.choice(own)
        forms = [f"{p} += 0.3 * np.sin({self.scalar(1)})", f"{p} *= np.cos({self.scalar(1)})"]
        forms += [f"{p}, {q} = {q}, 0.5 * ({p} + {q})"]
        self.write(self.choose.choice(forms))

    def target(self) -> tuple[str, str]:
        """A vector of ``n`` or ``m`` to store into."""
        size = self.pick("n", "n", "m")
        names = self.sized(self.scope.vectors, size)
        if not names:
            size, names = "n", self.sized(self.scope.vectors, "n")
        return self.choose.choice(names), size

    def store_vector(self) -> None:
        """A store into a vector: elements, slices, overlaps."""
        v, size = self.target()
        i, j = self.index(size), self.index(size)
        forms = [
            f"{v}[{i}] = {self.scalar()}",
            f"{v}[{i}] += 0.5 * ({self.scalar(1)})",
            f"{v}[{i}], {v}[{j}] = {v}[{j}], {v}[{i}]",
            f"{v}[{i}:] *= np.cos({self.scalar(1)})",
            f"{v}[:{i}] = {self.scalar(1)}",
            f"{v}[::-1] = {self.vector(size)}",
            f"{v}[1:] = {v}[:-1]",
            f"{v}[:-1] -= 0.3 * {v}[1:]",
            f"{v}[::2] += 0.3 * ({self.vector(size)})[::2]",
            f"{v}[:] = {v}[::-1]",
            f"{v}[{i}:] = {self.vector(size, 0)}[{i}:]",
            f"{v}.sort()",
            f"{v}[:2], {v}[-2:] = {v}[-2:], {v}[:2]",
        ]
        self.write(self.choose.choice(forms))

    def store_matrix(self) -> None:
        """A store into a matrix: element, row, column, block, transposed, diagonal."""
        A, B = self.choose.choice(self.scope.matrices), self.choose.choice(self.scope.matrices)
        i, j = self.index("n"), self.index("m")
        forms = [
            f"{A}[{i}, {j}] = {self.scalar()}",
            f"{A}[{i}, {j}] += 0.5 * ({self.scalar(1)})",
            f"{A}[{i}] = {self.vector('m')}",
            f"{A}[:, {j}] = 0.5 * ({self.vector('n')})",
            f"{A}.T[{j}] += 0.3 * ({self.vector('n', 0)})",
            f"{A}[{i}:, :{j}] *= np.sin({self.scalar(1)})",
            f"{A}[{i}, :{j}] = {self.scalar(1)}",
            f"{A}[{i}:, {j}] -= 0.3 * {A}[{i}, {j}]",
            f"{A}[1:] = {A}[:-1]",
            f"{A}[:, ::-1] += 0.2 * {B}",
            f"{A}[[0, 1]] = {A}[[1, 0]]",
            f"{A}[{i}], {A}[{self.index('n')}] = {A}[{self.index('n')}].copy(), {A}[{i}].copy()",
            f"np.fill_diagonal({A}, {self.scalar(1)})",
            f"{A}[{A} > {self.constant()}] = {self.scalar(1)}",
            f"{A} += 0.2 * np.outer({self.vector('n', 0)}, {self.vector('m', 0)})",
            f"{A}.ravel()[{i}] = {self.scalar(1)}",
            f"np.multiply({A}, 0.7, out={A}, where={B} > {self.constant()})",
            f"{A}.sort(axis=0)",
        ]
        self.write(self.choose.choice(forms))

    def in_place(self) -> None:
        """Augmented assignment to a whole array, which mutates."""
        v, size = self.target()
        forms = [
            f"{v} *= np.cos({self.scalar(1)})",
            f"{v} += 0.3 * ({self.vector(size)})",
            f"np.copyto({v}, 0.5 * ({self.vector(size)}))",
            f"np.add({v}, {self.scalar(1)}, out={v})",
            f"{v}.fill({self.scalar(1)})",
        ]
        self.write(self.choose.choice(forms))

    def new_vector(self) -> None:
        """A vector with memory of its own."""
        size = self.pick("n", "m")
        name = self.fresh("v")
        forms = [
            f"np.zeros({size})",
            f"({self.vector(size)}) * 1.0",
            f"({self.vector(size)}).copy()",
        ]
        self.write(f"{name} = {self.choose.choice(forms)}")
        self.scope.vectors[name] = size

    def new_view(self) -> None:
        """A second name for memory that has one, or for a part of unknown size."""
        name = self.fresh("w")
        A = self.choose.choice(self.scope.matrices)
        v, size = self.target()
        i, j = self.index("n"), self.index("m")
        forms = [(v, size), (f"{v}[::-1]", size), (f"{A}[{i}]", "m"), (f"{A}[:, {j}]", "n")]
        forms += [
            (f"{A}.T[{j}]", "n"),
            (f"{A}[::-1, ::-1][{i}]", "m"),
            (f"{v}[{self.index(size)}:]", "?"),
        ]
        forms += [
            (f"{A}[{i}, :{j}]", "?"),
            (f"{A}.reshape(-1)[::2]", "?"),
            (f"{A}.ravel()[1:]", "?"),
        ]
        forms += [(f"{A}[{i}:].T[{j}]", "?"), (f"{v}[{v} > {self.constant()}]", "?")]
        loose = self.sized(self.scope.vectors, "?")
        if loose:
            forms.append((f"{self.choose.choice(loose)}[1:]", "?"))
        text, length = self.choose.choice(forms)
        self.write(f"{name} = {text}")
        self.scope.vectors[name] = length

    def new_matrix(self) -> None:
        """A matrix, with memory of its own or as a view."""
        name = self.fresh("B")
        A = self.choose.choice(self.scope.matrices)
        forms = [
            f"{A}.copy()",
            f"{A}[::-1]",
            f"{A}[:, ::-1]",
            f"np.outer({self.vector('n', 0)}, {self.vector('m', 0)})",
            "np.zeros((n, m))",
            f"np.where({A} > {self.constant()}, {A}, {self.scalar(1)})",
            f"np.sin({A}.T).T",
            f"{A} * {self.vector('m', 0)}",
            f"np.array([{self.vector('m', 0)} for i in range(n)])",
            f"np.column_stack([{self.vector('n', 0)}] * m)",
        ]
        self.write(f"{name} = {self.choose.choice(forms)}")
        self.scope.matrices.append(name)

    def integer(self) -> None:
        """An array of indices, or a store into one."""
        names = list(self.scope.integers)
        if names and self.choose.random() < 0.4:
            name = self.choose.choice(names)
            _, below = self.scope.integers[name]
            forms = [f"{name}[0], {name}[-1] = {name}[-1], {name}[0]", f"{name}[1:] = {name}[:-1]"]
            forms += [f"{name} += 1", f"{name}[{name} > 0] -= 1"]
            self.write(self.choose.choice(forms))
            self.write(f"{name} %= {below}")
            return
        name = self.fresh("q")
        size = self.pick("n", "m")
        below = self.pick("n", "m")
        forms_of = [
            (f"np.argsort({self.vector(size, 0)})", size),
            (f"np.arange({size}) * 2 % {below}", below),
            (f"({self.vector(size, 0)} > {self.constant()}).astype(int)", below),
            (
                f"np.argmax(np.outer({self.vector(size, 0)}, {self.vector(below, 0)}), axis=1)",
                below,
            ),
        ]
        text, below = self.choose.choice(forms_of)
        self.write(f"{name} = {text}")
        self.scope.integers[name] = (size, below)

    def mask(self) -> None:
        """A mask, or a store into one."""
        names = list(self.scope.masks)
        if names and self.choose.random() < 0.4:
            name = self.choose.choice(names)
            size = self.scope.masks[name]
            forms = [f"{name}[{self.index(size)}] = {self.condition()}", f"{name}[:] = ~{name}"]
            forms += [f"{name} &= {self.vector(size, 0)} < {self.constant()}"]
            self.write(self.choose.choice(forms))
            return
        size = self.pick("n", "m")
        name = self.fresh("t")
        one = f"{self.vector(size)} > {self.constant()}"
        forms = [one, f"({one}) | ({self.vector(size, 0)} < {self.constant()})"]
        self.write(f"{name} = {self.choose.choice(forms)}")
        self.scope.masks[name] = size

    def fancy_store(self) -> None:
        """A store by mask or by integers."""
        v, size = self.target()
        A = self.choose.choice(self.scope.matrices)
        s = self.scalar(1)
        forms = [
            f"{v}[{v} > {self.constant()}] = {s}",
            f"{v}[np.abs({v}) > 0.654321] *= 0.5",
            f"{v}[[0, -1]] = {s}",
            f"np.add.at({v}, [1, 0, 1], 0.3 * ({s}))",
            f"{v}[[1, 1, 0]] += 0.3 * ({s})",
            f"{v}[np.nonzero({self.vector(size, 0)} > {self.constant()})[0]] -= 0.2",
            f"{v}[np.argmin({v})] = {s}",
        ]
        for name in self.sized(self.scope.masks, size):
            forms += [f"{v}[{name}] = {s}", f"{v}[~{name}] *= 0.6"]
            forms += [
                f"{v}[{name}] = ({self.vector(size)})[{name}]",
                f"{v}[{name}] += {v}[{name}].sum()",
            ]
        for name, (length, below) in self.scope.integers.items():
            if below == size:
                forms += [f"{v}[{name}] = {self.vector(length)}", f"{v}[{name}] += 0.3"]
                forms += [f"np.add.at({v}, {name}, 0.3 * {self.vector(length, 0)})"]
            if below == "n":
                forms += [f"{A}[{name}, 0] = {self.vector(length)}", f"{A}[{name}] *= 0.8"]
            if below == "m":
                forms += [f"{A}[:, {name}] -= 0.1", f"{A}[0, {name}] = {self.vector(length)}"]
        self.write(self.choose.choice(forms))

    def list_use(self) -> None:
        """A list of scalars: made, appended to, changed; a list of arrays that is looped over."""
        if not self.scope.lists:
            name = self.fresh("l")
            forms = [f"[{self.scalar(1)}]", f"[{self.scalar(1)}, {self.scalar(0)}]"]
            forms += [f"list({self.vector('n', 0)})", f"[e * 0.5 for e in {self.vector('m', 0)}]"]
            self.write(f"{name} = {self.choose.choice(forms)}")
            self.scope.lists.append(name)
            return
        name = self.choose.choice(self.scope.lists)
        v, _ = self.target()
        kind = self.choose.randrange(5)
        if kind < 2:
            self.write(f"{name}.append({self.scalar(1)})")
        elif kind == 2:
            self.write(f"{name}[0] = {self.scalar(1)}")
        elif kind == 3:
            self.write(f"for e in [{v}, {self.target()[0]}]:")
            self.write(f"    e *= {self.constant()}")
        else:
            self.write(f"{name} = {name}[::-1]")

    def loose_use(self) -> None:
        """A vector of unknown size: made, changed, read where it is not empty."""
        names = self.sized(self.scope.vectors, "?")
        if not names or self.choose.random() < 0.4:
            name = self.fresh("z")
            forms = [
                self.loose(),
                f"np.sin({self.loose()})",
                f"np.concatenate([{self.loose()}, {self.loose()}])",
            ]
            forms += [f"np.repeat({self.loose()}, 2)", f"np.cumsum({self.loose()})"]
            forms += [f"np.unique({self.loose()})"] if self.choose.random() < 0.2 else []
            self.write(f"{name} = {self.choose.choice(forms)}")
            self.scope.vectors[name] = "?"
            return
        name = self.choose.choice(names)
        kind = self.choose.randrange(4)
        if kind == 0:
            self.write(f"{name} *= np.cos({self.scalar(1)})")
        elif kind == 1:
            self.write(f"{name}[::2] = {self.scalar(1)}")
        elif kind == 2:
            self.write(f"if len({name}):")
            self.write(f"    {name}[0] += 0.5 * {name}[-1]")
            self.write(f"    total += 0.1 * {name}.max()" if not self.nested else "    pass")
        else:
            self.write(f"{name}[1:] += 0.3 * {name}[:-1]")

    def call(self) -> None:
        """A call that changes its argument and returns a number."""
        v, _ = self.target()
        name = self.fresh("s")
        self.write(f"{name} = damp({v}, {self.scalar(1)})")
        self.scope.scalars.append(name)

    # --- control flow --------------------------------------------------------------------------

    def for_index(self, depth: int) -> None:
        """A loop over a range."""
        i = self.fresh("i")
        forms = [("n", "n"), ("m", "m"), ("1, n", "n"), ("n - 1, -1, -1", "n"), ("k", "n")]
        forms += [
            ("0, n, 2", "n"),
            ("k, n", "n"),
            ("len(x)", "n"),
            ("2", "m"),
            ("m - 1, 0, -1", "m"),
        ]
        forms += [(name, below) for name, below in self.scope.indices.items()]
        text, below = self.choose.choice(forms)
        self.write(f"for {i} in range({text}):")
        with self.loop():
            self.scope.indices[i] = below
            self.statements(depth)
            self.leave()
        if self.choose.random() < 0.2:
            self.write("else:")
            with self.block():
                self.update() if not self.nested else self.in_place()

    def for_items(self, depth: int) -> None:
        """A loop over elements, rows, columns, pairs, a list."""
        A = self.choose.choice(self.scope.matrices)
        e, f = self.fresh("e"), self.fresh("e")
        v, size = self.target()
        kind = self.choose.randrange(6)
        text = [
            f"{e} in {A}",
            f"{e} in {A}.T",
            f"{e} in {v}",
            f"{e}, {f} in zip({v}, {self.vector(size, 0)})",
            f"{e}, {f} in enumerate({A})",
            f"{e} in {self.loose()}",
        ][kind]
        self.write(f"for {text}:")
        with self.loop():
            if kind == 0:
                self.scope.vectors[e] = "m"
            elif kind == 1:
                self.scope.vectors[e] = "n"
            elif kind == 4:
                self.scope.indices[e] = "n"
                self.scope.vectors[f] = "m"
            else:
                self.scope.scalars += [e, f] if kind == 3 else [e]
            self.statements(depth)
            self.leave()

    def while_loop(self, depth: int) -> None:
        """A loop while data say so, at most six times."""
        c = self.fresh("c")
        self.write(f"{c} = 0")
        forever = self.choose.random() < 0.3
        self.write("while True:" if forever else f"while {c} < 6 and ({self.condition()}):")
        with self.loop():
            self.write(
                f"{c} = {c} + 1"
            )  # not +=, which write leaves out for names it does not know
            if forever:
                self.write(f"if {c} > 4 or {self.condition()}:")
                self.write("    break")
            self.statements(depth)
            self.leave()
        self.scope.scalars.append(c)

    def after_leaving(self) -> None:
        """A statement that a break or continue passes over."""
        self.in_place()

    def inner_function(self, depth: int) -> None:
        """A function inside the function, which reads and changes arrays of the outer one."""
        if self.nested:
            return self.branch(depth)
        g, p, v = self.fresh("g"), self.fresh("p"), self.fresh("p")
        self.write(f"def {g}({p}, {v}):")
        outer = self.scope
        with self.inside():
            # Assigning to a name of the outer function would make it local: scalars start anew.
            self.scope.scalars = [p]
            self.scope.lists = []
            self.scope.integers = {}
            self.scope.masks = {}
            self.scope.vectors = {**{n: s for n, s in outer.vectors.items() if s != "?"}, v: "n"}
            self.statements(min(depth, 1))
            self.write(f"return {self.scalar(1)}")
        name = self.fresh("s")
        self.write(f"{name} = {g}({self.scalar(1)}, {self.target_of('n')})")
        self.scope.scalars.append(name)
        if self.choose.random() < 0.5:
            self.write(f"{name} += 0.5 * {g}({name}, {self.target_of('n')})")

    def target_of(self, size: str) -> str:
        """The name of a vector of that size."""
        return self.choose.choice(self.sized(self.scope.vectors, size))
