"""What the generators of random programs share: the program, and a writer of indented statements.

`random_programs` writes for fixed lengths, `random_arrays` for sizes known by name, `random_mixed`
for several dtypes and for names that are bound again.  Every decision is drawn from a
`random.Random`, so that a seed or a hypothesis strategy (`hypothesis.strategies.randoms`) determines
the program.  Programs end, compare against irrational thresholds (a random point is a point where
they are differentiable), and keep values small.
"""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from .registry import Call


@dataclass(frozen=True)
class Program:
    """Source text, the function made of it, and the seed of its arguments."""

    source: str
    function: Callable[..., Any]
    seed: int

    floats: ClassVar[tuple[str, ...]]  # parameters that are differentiated
    variants: ClassVar[tuple[int, ...]]  # the first again at the end: nothing may be locked in
    aliased: ClassVar[tuple[int, ...]] = ()  # variants whose arguments share memory
    has_single: ClassVar[bool] = False  # whether it computes in single precision, too
    shares: ClassVar[bool] = False  # whether it matters which results are one object

    def arguments(self, variant: int = 0) -> Call:
        """Fresh arguments; other variants take other paths."""
        raise NotImplementedError

    def loss(self) -> Callable[..., Any]:
        """The function whose result is one float."""
        return self.function

    def twin(self) -> Callable[..., Any]:
        """The same in double precision throughout, for differences."""
        return self.loss()

    def __repr__(self) -> str:
        return self.source


@dataclass
class BaseWriter:
    """Writes statements for the names in `scope`; a block forgets those that it introduced."""

    choose: random.Random
    scope: Any
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    made: int = 0
    loops: int = 0  # that are open
    nested: int = 0  # functions that are open
    foreign: set[str] = field(default_factory=set)  # of the outer function: not to be bound

    # --- lines ---------------------------------------------------------------------------------

    def write(self, line: str) -> None:
        """Add a line at the present depth."""
        self.lines.append("    " * self.indent + line)

    def fresh(self, prefix: str) -> str:
        """A name that no statement has used."""
        self.made += 1
        return f"{prefix}{self.made}"

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """An indented block; its new names are forgotten afterwards."""
        kept = self.scope
        self.scope = replace(
            kept, **{f.name: copy.copy(getattr(kept, f.name)) for f in fields(kept)}
        )
        self.indent += 1
        yield
        self.indent -= 1
        self.scope = kept

    @contextlib.contextmanager
    def loop(self) -> Iterator[None]:
        """The body of a loop."""
        self.loops += 1
        with self.block():
            yield
        self.loops -= 1

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """The body of a function."""
        loops, self.loops = self.loops, 0
        self.nested += 1
        with self.block():
            yield
        self.nested -= 1
        self.loops = loops

    # --- choices -------------------------------------------------------------------------------

    def pick(self, *forms: str) -> str:
        """One of them."""
        return self.choose.choice(forms)

    def constant(self) -> str:
        """An irrational-looking number between -1.5 and 1.5."""
        return f"{self.choose.randrange(-1500000, 1500000) / 1e6 + 1.23e-7:.9f}"

    def sized(self, kinds: dict[str, Any], size: Any) -> list[str]:
        """Names of a size."""
        return [name for name, length in kinds.items() if length == size]

    # --- what a generator provides -------------------------------------------------------------

    def statement(self, depth: int) -> None:
        """Write one statement; control flow only where `depth` allows it."""
        raise NotImplementedError

    def condition(self, depth: int = 1) -> str:
        """A truth value."""
        raise NotImplementedError

    def scalar(self, depth: int = 2) -> str:
        """A scalar expression that grows slowly."""
        raise NotImplementedError

    def after_leaving(self) -> None:
        """A statement that a break or continue passes over."""
        raise NotImplementedError

    def returned(self, value: str) -> str:
        """What an early return gives."""
        return value if self.nested else f"total + {value}"

    EARLY: ClassVar[float] = 0.12  # how often a branch returns

    # --- control flow --------------------------------------------------------------------------

    def statements(self, depth: int) -> None:
        """The body of a block."""
        for _ in range(self.choose.randrange(1, 4)):
            self.statement(depth)

    def branch(self, depth: int) -> None:
        """if, elif, else; sometimes an early return."""
        self.write(f"if {self.condition()}:")
        with self.block():
            self.statements(depth)
            if self.EARLY and self.choose.random() < self.EARLY:
                value = self.scalar(1)
                self.write(f"return {self.returned(value)}")
        if self.choose.random() < 0.3:
            self.write(f"elif {self.condition()}:")
            with self.block():
                self.statements(depth)
        if self.choose.random() < 0.6:
            self.write("else:")
            with self.block():
                self.statements(depth)

    def leave(self) -> None:
        """Sometimes break or continue, with something after it."""
        if self.choose.random() < 0.3:
            self.write(f"if {self.condition()}:")
            self.write("    " + self.pick("break", "continue"))
            self.after_leaving()
