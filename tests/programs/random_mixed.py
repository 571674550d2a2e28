"""Random NumPy programs of mixed dtypes, rebound views, closures and containers.

    program = generate(random.Random(7))
    print(program.source)
    program.function(*program.arguments(2))

The third generator, beside `random_programs` and `random_arrays`.  A program takes ``x`` (float64), ``h``
(float32), ``q`` (int64) and ``t`` (bool) of ``n`` elements, ``r`` (int32) of ``m``, ``A`` (float64) of
``n`` by ``m``, a float, an int below ``n`` and a bool.  It returns a float that depends on everything,
and a tuple of all names that are alive at its end, whose dtypes count too.

``F`` is the dtype float32.  As differences of float32 numbers say nothing about derivatives, the *twin* of
a program has ``F = np.float64``: that is what is perturbed.

Rows are rebound to views, a branch decides which array a name is, scalars begin as ints and become
floats, functions inside of the function change its variables, return from nested loops, and so on.
What raises in plain Python raises here: such a program is kept, and the exceptions are compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .reference import compile_source
from .registry import Call
from .writing import BaseWriter, Program

SHAPES = ((5, 3), (5, 3), (3, 4), (6, 2), (1, 3), (4, 3))  # of A, by variant

HELPERS = """
def locate(v, s):
    for i in range(len(v)):
        for k in range(i, len(v)):
            if v[k] - v[i] > s:
                return i, v[k]
        if v[i] < -1.111111:
            return i, 0.5
    return len(v) - 1, s


def halve(v, s=0.3, *, by=2):
    v /= by
    if s > 0.212121:
        return v
    return v[::-1]


def both(p, q):
    return (p, q) if np.sum(p) > 0.0123 else (q, p)
"""


@dataclass(frozen=True, repr=False)
class RandomProgram(Program):
    """Source text, the function made of it, and the seed of its arguments."""

    floats: ClassVar = ("x", "h", "A", "a")
    variants: ClassVar = (0, 1, 2, 3, 0, 4)
    aliased: ClassVar = (6, 7)
    has_single: ClassVar = True

    def arguments(self, variant: int = 0) -> Call:
        """Arguments ``x, h, q, t, r, A, a, j, flag``."""
        draw = np.random.default_rng([self.seed, variant])
        n, m = SHAPES[variant % len(SHAPES)]
        x = draw.uniform(-1.5, 1.5, n)
        h = draw.uniform(-1.5, 1.5, n).astype(np.float32)
        q = draw.integers(-3, 4, n)
        t = draw.uniform(size=n) < 0.5
        r = draw.integers(0, n, m).astype(np.int32)
        A = draw.uniform(-1.5, 1.5, (n, m))
        if variant == 6:
            x = A[:, 0]
        elif variant == 7:
            x = A.reshape(-1)[1 : n + 1][::-1]
        a = float(draw.uniform(-1.5, 1.5))
        return Call((x, h, q, t, r, A, a, int(draw.integers(0, n)), bool(draw.integers(0, 2))))

    def twin(self) -> Callable[..., Any]:
        """The loss in double precision."""
        namespace = {"np": np, "F": np.float64}
        return compile_source(self.source, f"<twin {hash(self.source):x}>", namespace)["loss"]

    def loss(self) -> Callable[..., Any]:
        """The first result alone."""
        return self.function.__globals__["loss"]


TAIL = """

def loss(x, h, q, t, r, A, a, j, flag):
    return program(x, h, q, t, r, A, a, j, flag)[0]
"""


def generate(choose: random.Random, statements: int = 4, depth: int = 2) -> RandomProgram:
    """Write one program; all decisions are drawn from `choose`."""
    body = Writer(choose).function(statements, depth)
    source = f"{HELPERS}{TAIL}\n\n{body}"
    namespace = {"np": np, "F": np.float32}
    compiled = compile_source(source, f"<random mixed {hash(source):x}>", namespace)
    return RandomProgram(source, compiled["program"], choose.randrange(2**31))


@dataclass
class Scope:
    """The names in scope, by kind."""

    scalars: list[str] = field(default_factory=lambda: ["a"])
    vectors: dict[str, str] = field(default_factory=lambda: {"x": "n"})  # float64, by size
    single: dict[str, str] = field(default_factory=lambda: {"h": "n"})  # float32
    integers: dict[str, str] = field(default_factory=lambda: {"q": "n"})  # any values
    places: dict[str, tuple[str, str]] = field(default_factory=lambda: {"r": ("m", "n")})
    masks: dict[str, str] = field(default_factory=lambda: {"t": "n"})
    matrices: list[str] = field(default_factory=lambda: ["A"])
    indices: dict[str, str] = field(default_factory=lambda: {"j": "n"})
    counts: list[str] = field(default_factory=list)  # ints of any value
    flags: list[str] = field(default_factory=lambda: ["flag"])
    pairs: list[str] = field(default_factory=list)  # tuples of two vectors of n
    dicts: list[str] = field(default_factory=list)  # {"u": vector of n, "s": scalar}
    lists: list[str] = field(default_factory=list)  # of scalars
    stacks: list[str] = field(default_factory=list)  # lists of vectors of n


@dataclass
class Writer(BaseWriter):
    """Writes statements for the names in scope."""

    scope: Scope = field(default_factory=Scope)

    # --- frame ---------------------------------------------------------------------------------

    def function(self, statements: int, depth: int) -> str:
        """The source of the whole function."""
        for _ in range(statements):
            self.statement(depth)
        s = self.scope
        weight = 0.37
        for name in s.scalars:
            self.write(f"total += {weight:.2f} * {name}")
            weight += 0.11
        for name in [*s.vectors, *s.single]:
            self.write(f"total += {weight:.2f} * ({name} * np.arange(1.0, len({name}) + 1)).sum()")
            weight += 0.11
        for name in s.matrices:
            self.write(f"total += {weight:.2f} * (w @ {name} @ u)")
        for name in s.pairs:
            self.write(f"total += 0.7 * ({name}[0] @ w) - 0.4 * ({name}[1] * w * w).sum()")
        for name in s.dicts:
            self.write(f"total += 0.6 * ({name}['u'] @ w) + 0.3 * {name}['s']")
        for name in s.lists:
            self.write(f"total += 0.2 * sum({name}) + 0.1 * len({name})")
        for name in s.stacks:
            self.write(f"total += 0.1 * (np.stack({name}) @ w).sum()")
        rest = [*s.integers, *s.places, *s.masks, *s.counts, *s.flags, *s.indices]
        alive = [
            *s.scalars,
            *s.vectors,
            *s.single,
            *s.matrices,
            *s.pairs,
            *s.dicts,
            *s.lists,
            *rest,
        ]
        self.write(f"return total, ({', '.join(alive)},)")
        head = ["def program(x, h, q, t, r, A, a, j, flag):", "    n, m = A.shape"]
        head += ["    total = 0.0"]
        head.append("    w, u = np.linspace(0.5, 1.5, n), np.linspace(1.5, 0.5, m)")
        return "\n".join([*head, *self.lines, ""])

    def write(self, line: str) -> None:
        """Add a line; arrays of the outer function are changed by stores, as `A += 1` would bind `A`."""
        name, _, rest = line.partition(" ")
        if name in self.foreign and re.match(r"\S+=", rest) and name not in self.scope.scalars:
            line = f"{name}[...] {rest}"
        super().write(line)

    # --- expressions -----------------------------------------------------------------------------

    def index(self, size: str) -> str:
        """An index below ``n`` or ``m``."""
        s = self.scope
        options = ["0", "-1", f"{size} // 2", f"{size} - 1", f"j % {size}", f"int(flag) % {size}"]
        for name, below in s.indices.items():
            options += [name, f"{size} - 1 - {name}", f"-1 - {name}"] if below == size else []
            options.append(f"({name} + {self.choose.randrange(3)}) % {size}")
        options += [f"{name}[0]" for name, (_, below) in s.places.items() if below == size]
        options += [f"np.argmax({v})" for v in self.sized(s.vectors, size)]
        options += [f"{name} % {size}" for name in s.counts]
        return self.choose.choice(options)

    def whole(self) -> str:
        """An integer expression of small value."""
        s = self.scope
        options = [str(self.choose.randrange(-2, 4)), *s.indices, *s.counts]
        options += [f"{v}[{self.index(size)}]" for v, size in s.integers.items()]
        options += [f"np.count_nonzero({v})" for v in s.masks]
        options += [f"{v}.sum() % 5" for v in s.integers]
        options += [f"int(np.floor({self.scalar(0)}))", f"len({self.loose()})"]
        options += [f"np.argmin({v})" for v in s.single]
        one, other = self.choose.choice(options), self.choose.choice(options)
        return self.pick(one, f"({one} + {other})", f"({one}) // 2", f"max({one}, {other})", one)

    def vector(self, size: str, depth: int = 1) -> str:
        """A float64 vector expression with ``n`` or ``m`` elements."""
        s = self.scope
        A = self.choose.choice(s.matrices)
        view = f"{A}[:, {self.index('m')}]" if size == "n" else f"{A}[{self.index('n')}]"
        names = self.sized(s.vectors, size)
        views = [view, f"{A}.T[{self.index('m')}]" if size == "n" else f"{A}[::-1][0]"]
        if size == "n":
            views += [f"{name}[{k}]" for name in s.pairs for k in (0, 1)]
            views += [f"{name}['u']" for name in s.dicts]
            views += [f"{name}[-1]" for name in s.stacks]
        base = self.choose.choice([*names * 2, *views])
        if depth == 0:
            return base
        p, q = self.vector(size, depth - 1), self.vector(size, depth - 1)
        forms = [
            f"np.sin({p})",
            f"0.5 * ({p} + {q})",
            f"{p} * np.cos({q})",
            f"{p}[::-1]",
            f"np.where({p} > {self.constant()}, {p}, 0.3 * {q})",
            f"{self.scalar(1)} + 0.5 * {p}",
            f"np.clip({p}, {self.scalar(0)}, 1.234567)",
            f"{A}.mean(axis={int(size == 'n')})",
            f"{A}.sum(axis={int(size == 'n')}, where={A} > {self.constant()})",
            f"{A}.max(axis={int(size == 'n')}, initial=-0.5)",
            f"({A} - {A}.mean(axis={int(size == 'n')}, keepdims=True)).{self.pick('max', 'sum')}"
            f"(axis={int(size == 'n')})",
            f"np.cumsum({p}) * 0.3",
            f"np.array([np.sin(e) for e in {p}])",
            f"np.array([e * {self.constant()} for e in {p}]) + {q}",
        ]
        forms += [f"0.2 * {v} + {p}" for v in self.sized(s.integers, size)]
        forms += [f"{p} * {v}" for v in self.sized(s.masks, size)]
        forms += [f"{p} + {v}" for v in self.sized(s.single, size)]
        forms += [f"np.where({v}, {p}, {q})" for v in self.sized(s.masks, size)]
        forms += [f"{p} / (1.5 + {v} ** 2)" for v in self.sized(s.integers, size)]
        for name, (length, below) in s.places.items():
            if length == size:
                forms.append(f"({self.vector(below, 0)})[{name}]")
            if below == size:
                forms.append(
                    f"np.bincount({name}, weights={self.vector(length, 0)}, minlength={size})"
                )
        if size == "n":
            forms += [f"halve({p} * 1.0, {self.scalar(0)})", f"both({p}, {q})[0]"]
            forms.append(f"np.max([{p}, {q}], axis=0)")
            forms.append(f"np.einsum('ij,j->i', {A}, {self.vector('m', 0)}) * 0.3")
        return self.choose.choice(forms)

    def loose(self) -> str:
        """A vector of a size that is not known, perhaps empty."""
        s = self.scope
        size = self.pick("n", "m")
        v = self.vector(size, 0)
        A = self.choose.choice(s.matrices)
        forms = [
            f"{v}[:{self.index(size)}]",
            f"{v}[{self.index(size)}:]",
            f"{v}[{v} > {self.constant()}]",
            f"{v}[1:][::-1]",
            f"{A}[{A} < {self.constant()}]",
            f"{A}.reshape(-1)[::2][1:]",
            f"{A}[{self.index('n')}:, {self.index('m')}][::2]",
        ]
        forms += [f"{v}[{name}]" for name in self.sized(s.masks, size)]
        forms += self.sized(s.vectors, "?") * 2
        return self.choose.choice(forms)

    def scalar(self, depth: int = 2) -> str:
        """A float expression that grows slowly."""
        s = self.scope
        A = self.choose.choice(s.matrices)
        size = self.pick("n", "m")
        if depth == 0 or self.choose.random() < 0.2:
            forms = [self.constant(), f"{A}[{self.index('n')}, {self.index('m')}]"]
            forms += [self.choose.choice(s.scalars)] * 2
            forms += [f"{v}[{self.index(k)}]" for v, k in [*s.vectors.items()][-3:] if k != "?"]
            forms += [f"{name}['s']" for name in s.dicts] + [f"{name}[-1]" for name in s.lists]
            return self.choose.choice(forms)
        p, q = self.scalar(depth - 1), self.scalar(depth - 1)
        v, loose, k = self.vector(size), self.loose(), self.whole()
        forms = [
            f"np.sin({p})",
            f"0.5 * ({p} + {q})",
            f"({p}) * np.sin({q})",
            f"({p}) / (1.5 + ({q}) ** 2)",
            f"max({p}, {q}, {self.scalar(0)})",
            f"min({p}, {k})",
            f"max(0, {p})",
            f"abs({p})",
            f"({p} if {self.condition(0)} else {q})",
            f"({p} if {self.condition(0)} else {k})",
            f"float({p} > {self.constant()} and {q})",
            f"float({p} < {self.constant()} or {q})",
            f"0.3 * {k}",
            f"{k} / 3",
            f"0.5 ** abs({k})",
            f"({p}) * ({p} > {self.constant()})",
            f"0.2 * ({v}).sum()",
            f"({v}).max()",
            f"np.ptp({v})",
            f"0.2 * np.dot({v}, {self.vector(size, 0)})",
            f"0.2 * ({loose}).sum()",
            f"0.1 * sum(np.sin(e) for e in {loose})",
            f"0.1 * sum(e * i for i, e in enumerate({loose}))",
            f"0.1 * sum(e for e in {loose} if e > {self.constant()})",
            f"max((e for e in {loose}), default=0.3)",
            f"({v})[np.argmin({v})]",
            f"0.3 * locate({v}, {p})[1]",
            f"({v})[locate({v}, {p})[0]]",
            f"float({k})",
            f"0.2 * np.linalg.norm({v})",
            f"0.1 * {A}.sum(axis=0, keepdims=True)[0, {self.index('m')}]",
            f"0.1 * np.sum({A}, where={A} > {p})",
            f"0.2 * np.mean([{p}, {q}, {k}])",
            f"float(np.float32(0.5) * {k})",
        ]
        forms += [f"0.5 * float({name}[{self.index(z)}])" for name, z in s.single.items()]
        forms += [f"0.3 * {name}.sum(dtype=float)" for name in s.single]
        forms += [f"0.1 * sum({name})" for name in s.lists]
        forms += [f"0.1 * ({name}[0] @ {name}[1])" for name in s.pairs]
        return self.choose.choice(forms)

    def condition(self, depth: int = 1) -> str:
        """A truth value."""
        s = self.scope
        one = f"{self.scalar(depth)} {self.pick('<', '>', '<=', '>=')} {self.constant()}"
        forms = [one, one, f"not {one}", f"{one} and {self.scalar(0)} < {self.constant()}"]
        forms += [f"{one} or {self.scalar(0)} > {self.constant()}"]
        forms += [f"-0.987654 < {self.scalar(0)} <= {self.scalar(0)} + 0.2 < 1.234567"]
        forms += [f"({self.vector(self.pick('n', 'm'), 0)} > {self.constant()}).any()"]
        forms += [f"len({self.loose()}) > 1", *s.flags, *[f"not {f}" for f in s.flags]]
        forms += [f"{name}[{self.index(size)}]" for name, size in s.masks.items()]
        forms += [f"{name} % 2" for name in [*s.indices, *s.counts]]
        forms += [f"{self.whole()} {self.pick('==', '!=', '<', '>=')} {self.whole()}"]
        return self.choose.choice(forms)

    # --- statements ---------------------------------------------------------------------------

    def statement(self, depth: int) -> None:
        """One statement; control flow only where `depth` allows it."""
        simple = [self.assign, self.update, self.store, self.store, self.store_matrix]
        simple += [self.store_matrix, self.new_vector, self.view, self.view, self.rebind]
        simple += [self.rebind, self.choose_array, self.choose_array, self.numbers, self.numbers]
        simple += [self.mask, self.fancy, self.fancy, self.container, self.container]
        simple += [self.in_place, self.single_use, self.swap, self.call, self.loose_use]
        control = [self.branch, self.branch, self.for_index, self.for_index, self.for_items]
        control += [self.while_loop, self.while_loop, self.inner_function, self.type_change]
        if depth > 0 and self.choose.random() < 0.5:
            self.choose.choice(control)(depth - 1)
        else:
            self.choose.choice(simple)()

    def own(self, names: list[str]) -> list[str]:
        """Names that may be bound again here: a function inside of the function has its own."""
        return [name for name in names if name not in self.foreign]

    def assign(self) -> None:
        """A scalar."""
        own = self.own(self.scope.scalars)
        text = self.scalar()
        if own and self.choose.random() < 0.5:
            self.write(f"{self.choose.choice(own)} = {text}")
        else:
            name = self.fresh("s")
            self.write(f"{name} = {text}")
            self.scope.scalars.append(name)

    def update(self) -> None:
        """Augmented assignment, which rebinds."""
        own = self.own(self.scope.scalars)
        if not own:
            return self.assign()
        p, q = self.choose.choice(own), self.choose.choice(own)
        forms = [f"{p} += 0.3 * np.sin({self.scalar(1)})", f"{p} *= np.cos({self.scalar(1)})"]
        forms += [f"{p}, {q} = {q}, 0.5 * ({p} + {q})", f"{p} -= 0.1 * {self.whole()}"]
        self.write(self.choose.choice(forms))

    def target(self) -> tuple[str, str]:
        """A float64 vector of ``n`` or ``m`` to store into; a name, or an item of a container."""
        s = self.scope
        size = self.pick("n", "n", "m")
        options = self.sized(s.vectors, size) * 2
        if size == "n":
            options += [f"{name}[{k}]" for name in s.pairs for k in (0, 1)]
            options += [f"{name}['u']" for name in s.dicts]
            options += [f"{name}[0]" for name in s.stacks]
            options += [f"{self.choose.choice(s.matrices)}[:, {self.index('m')}]"]
        else:
            options += [f"{self.choose.choice(s.matrices)}[{self.index('n')}]"]
        return self.choose.choice(options), size

    def store(self) -> None:
        """A store into a vector: elements, slices, overlaps, views of views."""
        v, size = self.target()
        i, j = self.index(size), self.index(size)
        forms = [
            f"{v}[{i}] = {self.scalar()}",
            f"{v}[{i}] = {self.whole()}",
            f"{v}[{i}] += 0.5 * ({self.scalar(1)})",
            f"{v}[{i}], {v}[{j}] = {v}[{j}], {v}[{i}]",
            f"{v}[{i}:] *= np.cos({self.scalar(1)})",
            f"{v}[:{i}] = {self.scalar(1)}",
            f"{v}[::-1] = {self.vector(size)}",
            f"{v}[1:] = {v}[:-1]",
            f"{v}[:-1] -= 0.3 * {v}[1:]",
            f"{v}[::2][1:] = {self.scalar(1)}",
            f"{v}[1:][::2] *= {self.constant()}",
            f"{v}[::-1][{i}] += {self.scalar(0)}",
            f"{v}[:] = {v}[::-1]",
            f"{v}[:] = {self.scalar(0)}, *{v}[1:]",
            f"{v}[{i}:][:1] = {self.scalar(0)}",
            f"{v}[::2] += 0.3 * ({self.vector(size)})[::2]",
            f"{v}[{i}:] = {self.vector(size, 0)}[{i}:]",
        ]
        self.write(self.choose.choice(forms))

    def store_matrix(self) -> None:
        """A store into a matrix or a view of it."""
        s = self.scope
        A, B = self.choose.choice(s.matrices), self.choose.choice(s.matrices)
        i, j, k = self.index("n"), self.index("m"), self.index("n")
        forms = [
            f"{A}[{i}, {j}] = {self.scalar()}",
            f"{A}[{i}][{j}] += 0.5 * ({self.scalar(1)})",
            f"{A}.T[{j}] += 0.3 * ({self.vector('n', 0)})",
            f"{A}.T[{j}][::2] = {self.scalar(0)}",
            f"{A}[[{i}, {k}]] = {A}[[{k}, {i}]]",
            f"{A}[{i}], {A}[{k}] = {A}[{k}].copy(), {A}[{i}].copy()",
            f"{A}[:, ::-1][{i}, 1:] = {A}[{k}, 1:]",
            f"{A}.reshape(-1)[::m + 1] = {self.scalar(1)}",
            f"{A}.reshape(m, n)[:, 0] *= 0.9",
            f"{A}.ravel()[1:3] += {self.scalar(0)}",
            f"{A}[{A} > {self.constant()}] = {self.scalar(1)}",
            f"{A}[{A} > {self.constant()}] *= 0.7",
            f"{A} -= 0.3 * {A}.mean(axis={self.pick('0', '1')}, keepdims=True)",
            f"{A} += 0.2 * {B}[::-1]",
            f"{A}[1:] = {A}[:-1]",
            f"{A}[:, 1:] -= 0.2 * {A}[:, :-1]",
            f"{A}[...] = np.where({B} > {self.constant()}, {A}, 0.4 * {B})",
            f"{A}[np.argmax({A}[:, 0])] = {self.vector('m')}",
            f"{A}[{i}] = {self.whole()}",
            f"np.multiply({A}, 0.7, out={A}, where={B} > {self.constant()})",
            f"{A}.sort(axis={self.pick('0', '1')})",
            f"np.copyto({A}, 0.5 * {A}, where={A} > {self.constant()})",
            f"np.put_along_axis({A}, np.argmax({A}, axis=1)[:, None], {self.scalar(0)}, axis=1)",
        ]
        forms += [f"{A}[{v}] *= 0.8" for v in self.sized(s.masks, "n")]
        forms += [f"{A}[{v}, {j}] = {self.scalar(0)}" for v in self.sized(s.masks, "n")]
        self.write(self.choose.choice(forms))

    def after_leaving(self) -> None:
        """A statement that a break or continue passes over."""
        self.in_place()

    def in_place(self) -> None:
        """Augmented assignment to a whole array, which mutates."""
        v, size = self.target()
        if v in self.foreign:
            v = f"{v}[:]"
        forms = [f"{v} *= np.cos({self.scalar(1)})", f"{v} += 0.3 * ({self.vector(size)})"]
        forms += [f"{v} -= 0.1 * {e}" for e in self.sized(self.scope.integers, size)]
        forms += [f"np.add({v}, {self.scalar(1)}, out={v})"] if "[" not in v else []
        self.write(self.choose.choice(forms))

    def new_vector(self) -> None:
        """A vector with memory of its own."""
        size = self.pick("n", "m")
        name = self.fresh("v")
        forms = [
            f"np.zeros({size})",
            f"({self.vector(size)}) * 1.0",
            f"({self.vector(size)}).copy()",
            f"np.full({size}, {self.scalar(0)})",
            f"np.full({size}, {self.whole()}) * 0.1",
            f"np.linspace({self.scalar(0)}, 1.0, {size})",
            f"np.arange({size}) / {size}",
        ]
        self.write(f"{name} = {self.choose.choice(forms)}")
        self.scope.vectors[name] = size

    def viewed(self) -> tuple[str, str]:
        """A view of a vector or of a matrix, and its size."""
        A = self.choose.choice(self.scope.matrices)
        v, size = self.target()
        i, j = self.index("n"), self.index("m")
        forms = [(v, size), (f"{v}[::-1]", size), (f"{A}[{i}]", "m"), (f"{A}[:, {j}]", "n")]
        forms += [(f"{A}.T[{j}]", "n"), (f"{A}[::-1][{i}][::-1]", "m"), (f"{A}[::-1].T[{j}]", "n")]
        forms += [(f"{A}.reshape(-1)[:n]", "n"), (f"{A}.T.reshape(-1)[:n]", "n")]
        forms += [
            (f"{A}.reshape(-1)[{self.pick('0', '1')}::m][:n]", "n"),
            (f"{A}.ravel()[-m:]", "m"),
        ]
        return self.choose.choice(forms)

    def view(self) -> None:
        """A second name for memory that has one."""
        name = self.fresh("w")
        text, size = self.viewed()
        self.write(f"{name} = {text}")
        self.scope.vectors[name] = size

    def rebind(self) -> None:
        """Another array under an old name, in a loop perhaps."""
        own = self.own([v for v, size in self.scope.vectors.items() if size != "?"])
        if not own:
            return self.view()
        name = self.choose.choice(own)
        size = self.scope.vectors[name]
        A = self.choose.choice(self.scope.matrices)
        forms = [f"{name}[::-1]", self.vector(size, 0), self.vector(size), f"{name} * 1.0"]
        forms += [f"{A}[{self.index('n')}]" if size == "m" else f"{A}[:, {self.index('m')}]"]
        forms += [f"{name} if {self.condition(0)} else {self.vector(size, 0)}"]
        others = [v for v in own if self.scope.vectors[v] == size and v != name]
        if others and self.choose.random() < 0.4:
            other = self.choose.choice(others)
            self.write(f"{name}, {other} = {other}, {name}")
            return
        self.write(f"{name} = {self.choose.choice(forms)}")

    def choose_array(self) -> None:
        """A name that is one array or another, and a store through it."""
        size = self.pick("n", "m")
        name = self.fresh("y")
        p, q = self.vector(size, 0), self.vector(size, 0)
        if self.choose.random() < 0.5:
            self.write(f"{name} = {p} if {self.condition(0)} else {q}")
        else:
            self.write(f"if {self.condition(0)}:")
            self.write(f"    {name} = {p}")
            self.write("else:")
            self.write(f"    {name} = {self.pick(q, f'{q} * 1.0', f'{q}[::-1]')}")
        forms = [f"{name}[{self.index(size)}] = {self.scalar(1)}", f"{name} *= {self.constant()}"]
        forms += [f"{name}[1:] += {self.scalar(0)}", f"{name}[::-1][0] -= {self.scalar(0)}"]
        self.write(self.choose.choice(forms))
        self.scope.vectors[name] = size

    def numbers(self) -> None:
        """Integers: a scalar, an array, a store into one."""
        s = self.scope
        name = self.fresh("k")
        kind = self.choose.randrange(7)
        if kind == 0:
            self.write(f"{name} = {self.whole()}")
            s.counts.append(name)
        elif kind == 1:
            size = self.pick("n", "m")
            forms = [f"np.floor({self.vector(size)}).astype(int)", f"np.arange({size}) * 3 - 2"]
            forms += [f"np.argsort({self.vector(size, 0)})", f"np.zeros({size}, dtype=np.int32)"]
            forms += [f"({self.vector(size, 0)} > {self.constant()}).astype(np.int8)"]
            self.write(f"{name} = {self.choose.choice(forms)}")
            s.integers[name] = size
        elif kind == 2:
            size, below = self.pick("n", "m"), self.pick("n", "m")
            forms = [f"np.arange({size}) * 2 % {below}", f"np.arange({size})[::-1] // 2 % {below}"]
            forms += [f"np.abs(np.floor({self.vector(size, 0)})).astype(np.int32) % {below}"]
            if size == "n" and below == "m":
                forms.append(f"np.argmin({self.choose.choice(s.matrices)}, axis=1)")
            self.write(f"{name} = {self.choose.choice(forms)}")
            s.places[name] = (size, below)
        elif kind == 3 and self.own(s.counts):
            name = self.choose.choice(self.own(s.counts))
            self.write(f"{name} {self.pick('+=', '-=')} {self.whole()}")
            self.write(f"{name} %= 7")
        else:
            name = self.choose.choice(list(s.integers))
            i, j = self.index(s.integers[name]), self.index(s.integers[name])
            forms = [f"{name}[{i}] = {self.whole()}", f"{name}[{i}] = {self.scalar(0)}"]
            forms += [f"{name}[{i}] += {self.whole()}", f"{name}[{name} > 1] -= 2"]
            forms += [f"{name}[{i}], {name}[{j}] = {name}[{j}], {name}[{i}]"]
            forms += [f"{name}[1:] = {name}[:-1]", f"{name}[:] //= 2", f"{name}[::2] *= -1"]
            self.write(self.choose.choice(forms))

    def mask(self) -> None:
        """A mask, a store into one, a flag."""
        s = self.scope
        size = self.pick("n", "m")
        name = self.fresh("t")
        kind = self.choose.randrange(3)
        if kind == 0:
            one = f"{self.vector(size)} > {self.constant()}"
            forms = [one, f"({one}) | ({self.vector(size, 0)} < {self.constant()})"]
            forms += [f"{v} % 2 == 0" for v in self.sized(s.integers, size)]
            forms += [f"~{v}" for v in self.sized(s.masks, size)]
            self.write(f"{name} = {self.choose.choice(forms)}")
            s.masks[name] = size
        elif kind == 1:
            self.write(f"{name} = bool({self.condition()})")
            s.flags.append(name)
        else:
            name = self.choose.choice(list(s.masks))
            size = s.masks[name]
            forms = [f"{name}[{self.index(size)}] = {self.condition()}", f"{name}[:] = ~{name}"]
            forms += [f"{name}[1:] ^= {name}[:-1]", f"{name}[::2] = False"]
            self.write(self.choose.choice(forms))

    def fancy(self) -> None:
        """A store by mask or by integers, with repetitions."""
        s = self.scope
        v, size = self.target()
        A = self.choose.choice(s.matrices)
        c = self.scalar(1)
        forms = [
            f"{v}[{v} > {self.constant()}] = {c}",
            f"{v}[{v} > {self.constant()}] += 0.3 * {v}.sum()",
            f"np.add.at({v}, [0, -1, 0], 0.3 * ({c}))",
            f"{v}[[0, 0, -1]] += 0.3 * ({c})",
            f"{v}[np.argmin({v})] = {c}",
            f"{v}[np.argsort({v})[:2]] *= 0.5",
            f"{v}[np.flatnonzero({v} < {self.constant()})] = {c}",
        ]
        for name in self.sized(s.masks, size):
            forms += [f"{v}[{name}] = {c}", f"{v}[~{name}] = ({self.vector(size)})[~{name}]"]
            forms += [f"{v}[{name}] = ({self.vector(size)})[:{name}.sum()]"]
        for name, (length, below) in s.places.items():
            if below == size:
                forms += [f"{v}[{name}] = {self.vector(length)}", f"{v}[{name}] += 0.3"]
                forms += [f"np.add.at({v}, {name}, 0.3 * {self.vector(length, 0)})"]
                forms += [f"np.maximum.at({v}, {name}, {self.vector(length, 0)})"]
            if length == "n" and below == "m":
                forms += [
                    f"{A}[np.arange(n), {name}] *= 0.6",
                    f"np.add.at({A}, (slice(None), {name}), 0.1)",
                ]
        self.write(self.choose.choice(forms))

    def single_use(self) -> None:
        """Arrays of float32: made, stored into, promoted."""
        s = self.scope
        kind = self.choose.randrange(3)
        name = self.choose.choice(list(s.single))
        size = s.single[name]
        if kind == 0:
            new = self.fresh("f")
            size = self.pick("n", "m")
            forms = [f"({self.vector(size)}).astype(F)", f"np.zeros({size}, dtype=F)"]
            forms += [f"np.sin({v}) * 0.5" for v in self.sized(s.single, size)]
            forms += [
                f"{v} * {m}" for v in self.sized(s.single, size) for m in self.sized(s.masks, size)
            ]
            forms += [f"{v}[::-1]" for v in self.sized(s.single, size)]
            self.write(f"{new} = {self.choose.choice(forms)}")
            s.single[new] = size
        elif kind == 1:
            forms = [f"{name}[{self.index(size)}] = {self.scalar(1)}", f"{name}[1:] *= F(0.7)"]
            forms += [f"{name}[:] = {self.vector(size)}", f"{name}[::2] += {self.constant()}"]
            forms += [
                f"{name}[{self.index(size)}] += {self.whole()}",
                f"{name}[{name} > 0.3] = 0.25",
            ]
            self.write(self.choose.choice(forms))
        else:
            new = self.fresh("v")
            other = self.vector(size, 0)
            forms = [f"{name} + {other}", f"np.where({name} > 0.1, {name}, {other})"]
            forms += [f"{name} * {v}" for v in self.sized(s.integers, size)]
            forms += [f"np.concatenate([{name}, {other}])[:{size}]", f"{name}.astype(float)"]
            self.write(f"{new} = {self.choose.choice(forms)}")
            s.vectors[new] = size

    def swap(self) -> None:
        """Rows or items swapped, by value or by name."""
        v, size = self.target()
        i, j = self.index(size), self.index(size)
        self.write(f"{v}[{i}], {v}[{j}] = {v}[{j}] + {self.scalar(0)}, {v}[{i}]")

    def container(self) -> None:
        """Tuples, dicts and lists: made, changed, bound again."""
        s = self.scope
        p, q = self.vector("n"), self.vector("n", 0)
        kind = self.choose.randrange(8)
        if kind == 0 or (kind == 1 and not self.own(s.pairs)):
            name = self.fresh("p")
            self.write(f"{name} = ({p}, {q})")
            s.pairs.append(name)
        elif kind == 1:
            name = self.choose.choice(self.own(s.pairs))
            forms = [f"{name} = ({name}[1], {name}[0])", f"{name} = ({p}, {name}[0])"]
            forms += [f"{name} = both(*{name})"]
            self.write(self.choose.choice(forms))
        elif kind == 2 or (kind == 3 and not s.dicts):
            name = self.fresh("d")
            self.write(f"{name} = {{'u': {self.pick(p, q)}, 's': {self.scalar(0)}}}")
            s.dicts.append(name)
        elif kind == 3:
            name = self.choose.choice(s.dicts)
            forms = [f"{name}['s'] = {self.scalar(1)}", f"{name}['u'] = {p}", f"{name}['u'] = {q}"]
            forms += [f"{name}['s'] += 0.3", f"{name}['u'][0] = {self.scalar(0)}"]
            self.write(self.choose.choice(forms))
        elif kind == 4 or (kind == 5 and not s.lists):
            name = self.fresh("l")
            forms = [
                f"[{self.scalar(1)}]",
                f"[e * 0.5 for e in {self.vector('m', 0)}]",
                f"[{self.whole()}, 0.5]",
            ]
            forms += [f"list({self.vector('n', 0)})"]
            self.write(f"{name} = {self.choose.choice(forms)}")
            s.lists.append(name)
        elif kind == 5:
            name = self.choose.choice(s.lists)
            forms = [f"{name}.append({self.scalar(1)})", f"{name}[-1] = {self.scalar(1)}"]
            forms += [
                f"{name}.append({self.whole()})",
                f"{name}[0], {name}[-1] = {name}[-1], {name}[0]",
            ]
            self.write(self.choose.choice(forms))
        elif kind == 6 or not s.stacks:
            name = self.fresh("g")
            self.write(f"{name} = [{self.pick(p, q)}, {self.vector('n')}]")
            s.stacks.append(name)
        else:
            name = self.choose.choice(s.stacks)
            forms = [f"{name}.append({self.pick(p, q)})", f"{name}[0] = {self.pick(p, q)}"]
            forms += [f"{name}.append({name}[0] * 0.5)", f"{name}[-1][0] = {self.scalar(0)}"]
            self.write(self.choose.choice(forms))

    def loose_use(self) -> None:
        """A vector of unknown size: made, changed, bound again."""
        s = self.scope
        names = self.sized(s.vectors, "?")
        if not names or self.choose.random() < 0.4:
            name = self.fresh("z")
            forms = [self.loose(), f"np.concatenate([{self.loose()}, {self.loose()}])"]
            forms += [
                f"np.append({self.loose()}, {self.scalar(0)})",
                f"np.repeat({self.loose()}, 2)",
            ]
            forms += [f"np.array([e for e in {self.loose()}] + [0.5])"]
            self.write(f"{name} = {self.choose.choice(forms)}")
            s.vectors[name] = "?"
            return
        name = self.choose.choice(names)
        forms = [f"{name}[::2] = {self.scalar(1)}", f"{name}[1:] += 0.3 * {name}[:-1]"]
        if name in self.own(names):
            forms += [f"{name} = {name}[1:]", f"{name} = np.append({name}[-3:], {self.scalar(0)})"]
            forms += [
                f"{name} = {name}[{name} > {self.constant()}]",
                f"{name} = {name}[::-1] * 0.9",
            ]
            forms += [f"{name} = {self.loose()}"]
        self.write(self.choose.choice(forms))

    def call(self) -> None:
        """A call that changes its argument and returns a view of it, or two results."""
        s = self.scope
        v, size = self.target()
        if self.choose.random() < 0.5:
            name = self.fresh("y")
            by = self.pick("", ", by=3", f", by={self.constant()}")
            self.write(f"{name} = halve({v}, {self.scalar(1)}{by})")
            s.vectors[name] = size
        else:
            k, e = self.fresh("k"), self.fresh("s")
            self.write(f"{k}, {e} = locate({v}, {self.scalar(1)})")
            s.counts.append(k)
            s.scalars.append(e)

    # --- control flow --------------------------------------------------------------------------

    def type_change(self, depth: int) -> None:
        """A number that is an int first, and a float from the first iteration on."""
        name, i = self.fresh("s"), self.fresh("i")
        self.write(f"{name} = {self.pick('0', '1', 'j', 'True', 'int(flag)')}")
        self.write(f"for {i} in range({self.pick('n', 'm', 'j', '2')}):")
        with self.loop():
            self.scope.indices[i] = "n"
            forms = [f"{name} = {name} + {self.scalar(1)}", f"{name} = 0.5 * {name} + {i}"]
            forms += [
                f"{name} += {self.vector('n', 0)}[{i} % n]",
                f"{name} = max({name}, {self.scalar(0)})",
            ]
            forms += [f"{name} = {self.scalar(0)} if {self.condition(0)} else {name}"]
            self.write(self.choose.choice(forms))
            self.statements(depth)
        self.scope.scalars.append(name)

    def for_index(self, depth: int) -> None:
        """A loop over a range."""
        i = self.fresh("i")
        forms = [("n", "n"), ("m", "m"), ("1, n", "n"), ("n - 1, -1, -1", "n"), ("j", "n")]
        forms += [("0, n, 2", "n"), ("j, n", "n"), ("len(x)", "n"), ("2", "?")]
        forms += [(name, below) for name, below in self.scope.indices.items()]
        text, below = self.choose.choice(forms)
        self.write(f"for {i} in range({text}):")
        with self.loop():
            self.scope.indices[i] = below
            self.statements(depth)
            self.leave()
        self.otherwise()

    def otherwise(self) -> None:
        """Sometimes an else of the loop."""
        if self.choose.random() < 0.25:
            self.write("else:")
            with self.block():
                self.statements(0)

    def for_items(self, depth: int) -> None:
        """A loop over elements, rows, columns, pairs, items of containers."""
        s = self.scope
        A = self.choose.choice(s.matrices)
        e, f = self.fresh("e"), self.fresh("e")
        v, size = self.target()
        options: list[tuple[str, dict[str, str], dict[str, str], list[str]]] = [
            (f"{e} in {A}", {e: "m"}, {}, []),
            (f"{e} in {A}.T", {e: "n"}, {}, []),
            (f"{e} in {A}[::-1]", {e: "m"}, {}, []),
            (f"{e} in {v}", {}, {}, [e]),
            (f"{e}, {f} in zip({v}, {self.vector(size, 0)})", {}, {}, [e, f]),
            (f"{e}, {f} in enumerate({A})", {f: "m"}, {e: "n"}, []),
            (f"{e}, {f} in enumerate({v})", {}, {e: size}, [f]),
            (f"{e} in {self.loose()}", {}, {}, [e]),
            (f"{e} in ({self.vector('n', 0)}, {self.vector('n', 0)})", {e: "n"}, {}, []),
        ]
        options += [(f"{e} in {name}", {e: "n"}, {}, []) for name in s.stacks]
        text, vectors, indices, scalars = self.choose.choice(options)
        self.write(f"for {text}:")
        with self.loop():
            self.scope.vectors.update(vectors)
            self.scope.indices.update(indices)
            self.scope.scalars += scalars
            self.statements(depth)
            self.leave()
        self.otherwise()

    def while_loop(self, depth: int) -> None:
        """A loop while data say so, at most six times."""
        c = self.fresh("c")
        self.write(f"{c} = 0")
        forever = self.choose.random() < 0.3
        self.write("while True:" if forever else f"while {c} < 6 and ({self.condition()}):")
        with self.loop():
            self.write(f"{c} += 1")
            if forever:
                self.write(f"if {c} > 4 or {self.condition()}:")
                self.write("    break")
            self.statements(depth)
            self.leave()
        self.otherwise()
        self.scope.counts.append(c)

    def returned(self, value: str) -> str:
        """What an early return gives."""
        return value if self.nested else f"total + {value}, (x, h, q, t, A, j)"

    def inner_function(self, depth: int) -> None:
        """A function that reads and changes names of the outer one, and returns from its loops."""
        if self.nested:
            return self.branch(depth)
        g, p, v, s = self.fresh("g"), self.fresh("p"), self.fresh("p"), self.scope
        free = self.choose.choice([*s.scalars, *s.counts])
        vector = self.choose.choice(list(s.vectors))
        self.write(f"def {g}({p}, {v}):")
        outer = self.foreign
        self.foreign = {
            *s.scalars, *s.vectors, *s.single, *s.integers, *s.places, *s.masks, *s.matrices,
            *s.indices, *s.counts, *s.flags, *s.pairs, *s.dicts, *s.lists, *s.stacks,
        } - {free, vector}  # fmt: skip
        with self.inside():
            self.write(f"nonlocal {free}, {vector}" if self.choose.random() < 0.6 else "pass")
            if self.lines[-1].endswith("pass"):
                self.foreign |= {free, vector}
            self.scope.scalars.append(p)
            self.scope.vectors[v] = "n"
            self.statements(min(depth, 1) + 1)
            self.write(f"return {self.scalar(1)}")
        self.foreign = outer
        name = self.fresh("s")
        self.write(f"{name} = {g}({self.scalar(1)}, {self.vector('n', 0)})")
        self.scope.scalars.append(name)
        if self.choose.random() < 0.5:
            self.write(f"{name} += 0.5 * {g}({name}, {self.vector('n', 0)})")
