"""Writing LLVM IR text: one function, its loops, and the extents it computes with.

    w = Writer()
    with w.scope():
        with w.loop(0, n) as i:                  # i is a LoopIndex, usable inside extents
            x = w.op(f"load double, ptr {p}", p)     # goes to the outermost loop it can stand in

Text is written directly: building LLVM's object model from Python costs ten times as much as
LLVM needs to read the text.  ``op`` places an instruction by its operands: the *level* of a name
is the loop it was computed in, and an instruction stands at the highest level of its operands, so
that loop-invariant code is outside of the loop from the start.  Equal instructions in reach are
written once.  Control flow of the program itself (branches, staged loops) opens a ``scope``,
which nothing is moved out of.

Extents are integers or ``Dim`` polynomials over scalar values and loop indices; ``extent`` writes
their value as an i64, the parts of outer loops first.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, Func, bounds
from autodiff.engines.native import signals
from autodiff.errors import UnsupportedError
from autodiff.plain_data import dataclass

METADATA = 1_000_000  # metadata nodes from here on are the writer's, those below the storage's

LLVM_TYPES: dict[str, str] = {
    "b1": "i1", "i1": "i8", "u1": "i8", "i2": "i16", "u2": "i16", "i4": "i32", "u4": "i32",
    "i8": "i64", "u8": "i64", "f2": "half", "f4": "float", "f8": "double",
}  # fmt: skip


def register_type(dtype: np.dtype[Any]) -> str:
    """LLVM's type of an element in a register."""
    try:
        return LLVM_TYPES[f"{dtype.kind}{dtype.itemsize}"]
    except KeyError:
        raise UnsupportedError(
            f"the native engine has no elements of dtype {dtype}.", remedy="use float64"
        ) from None


def memory_type(dtype: np.dtype[Any]) -> str:
    """LLVM's type of an element in memory: bool takes a byte."""
    return "i8" if dtype.kind == "b" else register_type(dtype)


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A constant of ``dtype`` as LLVM writes it."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind != "f":
        return str(int(value))
    with np.errstate(over="ignore", under="ignore"):  # limits of wider dtypes, among others
        nearest = dtype.type(value)
    if dtype.itemsize == 2:
        return f"0xH{struct.unpack('<H', struct.pack('<e', nearest))[0]:04X}"
    # float constants are written as the double of the same value
    return f"0x{struct.unpack('<Q', struct.pack('<d', float(nearest)))[0]:016X}"


class LoopIndex:
    """A symbol of extents whose value is an i64 name; it lies in ``low … high``."""

    __slots__ = ("high", "low", "name")

    def __init__(self, name: str, low: Extent | None, high: Extent | None) -> None:
        self.name = name
        self.low = low
        self.high = high

    def __repr__(self) -> str:
        return self.name


@dataclass
class _Frame:
    lines: list[str]
    memo: dict[Any, Any] = field(default_factory=dict)
    calls: int = 0  # of elementary functions


@dataclass
class Step:
    """What one step of a loop costs, in instructions, and whether the loop looks for signals."""

    lines: int = 0
    cost: float = 0.0
    polls: bool = False

    @property
    def units(self) -> int:
        """The cost as it is counted."""
        return max(1, min(int(self.cost), signals.WORK))

    @property
    def stretch(self) -> int:
        """Steps from one look at the count of work to the next; a power of two."""
        return 1 << max(0, (signals.WORK // (signals.LOOKS * self.units)).bit_length() - 1)

    @property
    def is_long(self) -> bool:
        """Whether a step is so much work, in loops of its own, that a look after each costs nothing.

        A loop around the loop, to go in stretches, would cost LLVM several milliseconds.
        """
        return self.cost >= LONG_STEP and self.cost >= 2 * self.lines

    def equal_stretch(self, steps: Extent) -> int | None:
        """Steps of a stretch such that all are equally long, and fill vectors; None: there are none.

        LLVM then knows that no step is left over, and keeps nothing in registers for such steps.
        """
        if not isinstance(steps, int):
            return None
        least = max(1, steps // self.stretch)  # stretches
        most = min(4 * least, least + 256)  # shorter ones, or a longer search, gain nothing
        sizes = [steps // k for k in range(least, most + 1) if steps % k == 0]
        return next((size for size in sizes if size % VECTOR == 0), None)


LONG_STEP = 4096
"""Instructions of a step from which on it counts its work itself."""

VECTOR = 16
"""A multiple of the elements in any vector register, but for those of the smallest types."""

UNROLLED = 4  # LLVM may unroll loops of up to this many steps
CALL_COST = 20  # of an elementary function, in instructions
UFUNC_COST = 1000  # of SciPy's functions, between gammaln (100) and hyp2f1 (50,000)
SMALL_WORK = 4000
"""Instructions that a loop executes in a whole call (about a microsecond), up to which vector
instructions do not pay for the time that LLVM takes to find them."""


def extent_key(extent: Extent | None) -> Any:
    """A key that is equal for extents equal by algebra; never asks ranges or guards."""
    return frozenset(extent.terms.items()) if isinstance(extent, Dim) else extent


class Writer:
    """The body of one function; see the module header."""

    def __init__(self) -> None:
        self.entry: list[str] = []  # stack slots and what is computed once
        self.outlined: list[str] = []  # functions beside the one being written
        self.frames: list[_Frame] = [_Frame([])]
        self.declared: dict[str, str] = {}
        self.globals: list[str] = []
        self.functions: set[tuple[str, str]] = set()  # of vector_math, to be inlined
        self.called: set[tuple[str, str]] = set()  # of vector_math, that are called
        self.ufuncs: set[Any] = set()  # calls of their C functions, see ufunc_calls
        self.routines = False  # whether loops for whole arrays are called, see routines
        self.group = ""  # the access group of the loops being written, see parallel
        self.symbol: Callable[[Any], str] = self._no_symbol
        self.nodes: list[str] = []  # metadata beyond what storage numbers
        self.repeats = 1.0  # how often, at most, what is written now runs in a call
        self.work = 0.0  # instructions of the step being written beyond its lines: calls, loops
        self.depth = 0  # loops that are open in the function being written
        self.charged = False  # whether loops in the step being written leave the look to this one
        self.polls = False  # whether the function being written looks for signals
        self.marks = False  # whether flags of floating-point errors are set for integers
        self.cut = False  # whether it is a piece of a nest, run by one of several threads
        self._levels: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._floor = 0
        self._count = 0

    # -- names and places ---------------------------------------------------------------------
    def number(self) -> int:
        """A number not used before."""
        self._count += 1
        return self._count

    def level(self, name: str) -> int:
        """The frame a name was computed in; 0 for literals and arguments."""
        return self._levels.get(name, 0)

    def line(self, text: str) -> None:
        """Write an instruction here."""
        self.frames[-1].lines.append("  " + text)

    def label(self, name: str) -> None:
        """Begin a basic block here."""
        self.frames[-1].lines.append(name + ":")

    def _place(self, operands: tuple[str, ...]) -> int:
        level = self._floor
        levels = self._levels
        for name in operands:
            other = levels.get(name, 0)
            if other > level:
                level = other
        # A name from a scope that was closed can be used where we are.
        return min(level, len(self.frames) - 1)

    def op(self, text: str, *operands: str) -> str:
        """An instruction without effects, placed by its operands; its name."""
        found = self.recall(text)
        if found is not None:
            return found
        level = self._place(operands)
        self._count += 1
        name = f"%v{self._count}"
        frame = self.frames[level]
        frame.lines.append(f"  {name} = {text}")
        frame.memo[text] = name
        self._levels[name] = level
        self._texts[name] = text
        return name

    def text_of(self, name: str) -> str:
        """The instruction that computes a name, or an empty text."""
        return self._texts.get(name, "")

    def metadata(self, node: str) -> str:
        """The name of a metadata node."""
        if node not in self.nodes:
            self.nodes.append(node)
        return f"!{METADATA + self.nodes.index(node)}"

    def here(self, text: str) -> str:
        """An instruction that must stand here (a load of memory that changes, a call)."""
        self._count += 1
        name = f"%v{self._count}"
        self.frames[-1].lines.append(f"  {name} = {text}")
        self._levels[name] = len(self.frames) - 1
        return name

    def recall(self, key: Any) -> Any:
        """What is remembered under ``key`` in the open frames, or None."""
        for frame in reversed(self.frames):
            found = frame.memo.get(key)
            if found is not None:
                return found
        return None

    def remember(self, key: Any, value: Any, *names: str) -> None:
        """Remember ``value``, computed from ``names``, as long as these are in reach."""
        self.frames[self._place(names)].memo[key] = value

    def slot(self, type: str, align: int = 8) -> str:
        """A stack slot."""
        name = f"%a{self.number()}"
        self.entry.append(f"  {name} = alloca {type}, align {align}")
        return name

    def settle(self, name: str) -> None:
        """A name from a scope that closes goes on living here."""
        if name in self._levels:
            self._levels[name] = min(self._levels[name], len(self.frames) - 1)

    def declare(self, name: str, result: str, arguments: str, attributes: str = "nounwind") -> str:
        """Declare a function of another module; its name with the ``@``."""
        self.declared.setdefault(
            name, f"declare {result} @{name}({arguments}) {attributes}".rstrip()
        )
        return f"@{name}"

    def intrinsic(self, name: str, type: str, *arguments: str, types: tuple[str, ...] = ()) -> str:
        """A call of ``llvm.<name>.<type>``."""
        suffix = {"double": "f64", "float": "f32", "half": "f16"}.get(type, type)
        full = f"llvm.{name}.{suffix}"
        types = types or (type,) * len(arguments)
        if full not in self.declared:
            self.declared[full] = f"declare {type} @{full}({', '.join(types)})"
        listed = ", ".join(f"{t} {a}" for t, a in zip(types, arguments, strict=True))
        return self.op(f"call {type} @{full}({listed})", *arguments)

    # -- control flow -------------------------------------------------------------------------
    @contextmanager
    def scope(self) -> Iterator[None]:
        """A stretch of the program that nothing is moved out of."""
        floor = self._floor
        self.frames.append(_Frame(self.frames[-1].lines))
        self._floor = len(self.frames) - 1
        try:
            yield
        finally:
            self.frames.pop()
            self._floor = floor

    @contextmanager
    def apart(self) -> Iterator[tuple[list[str], list[str]]]:
        """Code for a function of its own: its lines, and its stack slots."""
        entry, floor, counts = self.entry, self._floor, (self.polls, self.depth, self.charged)
        frame = _Frame([])
        self.entry, self.polls, self.depth, self.cut = [], False, 0, True
        self.frames.append(frame)
        self._floor = len(self.frames) - 1
        try:
            yield frame.lines, self.entry
        finally:
            self.frames.pop()
            self.entry, self._floor = entry, floor
            (self.polls, self.depth, self.charged), self.cut = counts, False
            self.frames[-1].calls += frame.calls

    def branch(self, condition: str, yes: str, no: str) -> None:
        """Branch and leave the place open: a label must follow."""
        self.line(f"br i1 {condition}, label %{yes}, label %{no}")

    @contextmanager
    def loop(
        self,
        low: Extent,
        high: Extent,
        most: int | None = None,
        covers: tuple[Extent, int] | None = None,
    ) -> Iterator[LoopIndex]:
        """A loop over ``low <= i < high``; loop-invariant code goes before it.

        A loop that may be long looks for signals: between stretches of many steps, or after each
        step where loops in it count their work and leave the look to it, as this one does where
        another is around it.  ``most`` is a bound of its steps that the extents do not tell;
        ``covers`` are the elements that it goes through, so many at most in a step.
        """
        n = self.number()
        first, last = self.extent(low), self.extent(high)
        index = LoopIndex(f"%i{n}", low, high - 1)
        frame = _Frame([])
        self.frames.append(frame)
        self._levels[index.name] = len(self.frames) - 1
        if most is None:
            steps = high - low
            most = bounds(steps)[1] if isinstance(steps, Dim) else steps
        with self.repeated(high - low), self.step(most) as step:
            times = self.repeats
            try:
                yield index
                if self.charged:
                    self.spend(str(len(frame.lines)), f"spent{n}")
            finally:
                self.frames.pop()
                step.lines = len(frame.lines)
        body = frame.lines
        if step.polls and self.depth:
            length, size = covers or (high - low, 1)
            units = max(1, step.units // size)
            self.charge(self.here(f"mul i64 {self.extent(length)}, {units}"))
            step.polls = False
        elif step.polls and step.is_long:
            self.frames.append(frame)
            self.spend(str(step.units), f"spent{n}")
            self.frames.pop()
            step.polls = False
        self.frames[-1].calls += frame.calls
        work = times * (len(body) + CALL_COST * frame.calls)
        plain = work <= SMALL_WORK
        if isinstance(low, int) and isinstance(high, int) and low < high:
            self.line(f"br label %pre{n}")
        else:
            self.line(f"%go{n} = icmp slt i64 {first}, {last}")
            self.branch(f"%go{n}", f"pre{n}", f"end{n}")
        self.label(f"pre{n}")
        start, stop, origin, then = first, last, f"pre{n}", f"end{n}"
        if step.polls:
            start, stop, origin, then = f"%from{n}", f"%to{n}", f"ready{n}", f"rest{n}"
            self.line(f"br label %stretch{n}")
            self.label(f"stretch{n}")
            self.line(f"{start} = phi i64 [ {first}, %pre{n} ], [ {stop}, %rest{n} ]")
            self.stretch(n, start, last, step, high - low)
        self.line(f"br label %head{n}")
        self.label(f"head{n}")
        self.line(f"%i{n} = phi i64 [ {start}, %{origin} ], [ %next{n}, %tail{n} ]")
        self.frames[-1].lines.extend(body)
        self.line(f"br label %tail{n}")
        self.label(f"tail{n}")
        self.line(f"%next{n} = add nuw nsw i64 %i{n}, 1")
        self.line(f"%more{n} = icmp slt i64 %next{n}, {stop}")
        self.line(
            f"br i1 %more{n}, label %head{n}, label %{then}{self.loop_metadata(low, high, plain)}"
        )
        if step.polls:
            self.label(f"rest{n}")
            self.line(f"%again{n} = icmp slt i64 {stop}, {last}")
            self.line(f"br i1 %again{n}, label %stretch{n}, label %end{n}")
        self.label(f"end{n}")

    # -- signals ------------------------------------------------------------------------------
    @contextmanager
    def step(self, most: Extent | None) -> Iterator[Step]:
        """One step of a loop of at most so many, of which the lines are counted by the caller.

        Afterwards the step says whether the loop has to look for signals between its steps; where
        loops in it have left that to each step (``charged``), it is done.
        """
        before, self.work, charged, self.charged = self.work, 0.0, self.charged, False
        self.depth += 1
        step = Step()
        yield step
        self.depth -= 1
        step.cost = step.lines + self.work
        whole = step.cost * max(most, 0) if isinstance(most, int) else math.inf
        step.polls = whole > signals.WORK and not self.charged
        small = whole <= signals.WORK and not self.charged
        self.work, self.charged = before + (whole if small else 0.0), charged

    def stretch(
        self, n: int, start: str, last: str, step: Step, steps: Extent | None = None
    ) -> None:
        """Write up to where the next steps go, ``%to``, and look for signals if it is time to.

        ``steps`` of the whole loop.
        """
        equal = None if steps is None else step.equal_stretch(steps)
        if equal is None:
            self.line(f"%left{n} = sub i64 {last}, {start}")
            self.declared.setdefault("llvm.smin.i64", "declare i64 @llvm.smin.i64(i64, i64)")
            size = self.here(f"call i64 @llvm.smin.i64(i64 %left{n}, i64 {step.stretch})")
        else:
            size = str(equal)
        self.line(f"%to{n} = add nsw i64 {start}, {size}")
        self.spend(self.here(f"mul i64 {size}, {step.units}"), f"ready{n}")

    def polls_here(self) -> None:
        """The function being written looks for signals: it counts work, and has a way out."""
        if not self.polls:
            self.polls = True
            self.entry.append("  %fuel = alloca i64, align 8")
            self.entry.append(f"  store i64 {signals.WORK}, ptr %fuel")

    def charge(self, units: str) -> str:
        """Count work, in a slot that LLVM keeps in a register; what is left till the next look."""
        self.charged = True
        self.polls_here()
        fuel = self.here("load i64, ptr %fuel")
        left = self.here(f"sub i64 {fuel}, {units}")
        self.line(f"store i64 {left}, ptr %fuel")
        return left

    def spend(self, units: str, then: str) -> None:
        """Count work; look for signals when enough was done since the last time.

        ``then`` is the label that follows.
        """
        n = self.number()
        charged = self.charged
        left = self.charge(units)
        self.charged = charged
        self.line(f"%spent{n} = icmp slt i64 {left}, 0")
        self.branch(f"%spent{n}", f"poll{n}", then)
        self.label(f"poll{n}")
        self.line(f"store i64 {signals.WORK}, ptr %fuel")
        raised = self.here(signals.POLL_PART if self.cut else signals.POLL)
        self.line(f"%raised{n} = icmp ne i32 {raised}, 0")
        self.branch(f"%raised{n}", signals.LEAVE, then)
        self.label(then)

    @contextmanager
    def repeated(self, times: Extent | None) -> Iterator[None]:
        """Code that runs so many times where it stands; None: unknown."""
        before = self.repeats
        most = bounds(times)[1] if isinstance(times, Dim) else times
        self.repeats = math.inf if most is None else before * max(most, 0)
        try:
            yield
        finally:
            self.repeats = before

    def note_call(self, cost: int = CALL_COST) -> None:
        """Tell the loop that is open of the call of an elementary function."""
        self.frames[-1].calls += 1
        self.work += cost

    def loop_metadata(
        self, low: Extent = 0, high: Extent | None = None, plain: bool = False
    ) -> str:
        """What LLVM is told of a loop, to be put after the branch back to its head.

        Loops are not unrolled but for those of a few steps: copies of a body cost time to compile
        and gained none in running.  LLVM would also unroll a loop of known length before it
        vectorises, and then vectorise the loop around it, with gathers: a product of a 20000 x 50
        matrix and a vector took 2.1 ms rather than 0.13 ms.

        Vectorising is what takes most of LLVM's time.  It does not try where nothing can be
        gained: in ``plain`` loops, which do little.
        """
        facts = []
        if plain:
            facts.append(self.metadata('!{!"llvm.loop.vectorize.enable", i1 false}'))
        if not (isinstance(low, int) and isinstance(high, int) and high - low <= UNROLLED):
            facts.append(self.metadata('!{!"llvm.loop.unroll.disable"}'))
        if self.group:
            facts.append(self.metadata(f'!{{!"llvm.loop.parallel_accesses", {self.group}}}'))
        if not facts:
            return ""
        node = f"!{METADATA + len(self.nodes)}"
        self.nodes.append(f"distinct !{{{', '.join([node, *facts])}}}")
        return f", !llvm.loop {node}"

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """Loops whose iterations do not depend on each other, as their addresses do not show."""
        self.group = f"!{METADATA + len(self.nodes)}"
        self.nodes.append("distinct !{}")
        try:
            yield
        finally:
            self.group = ""

    # -- extents ------------------------------------------------------------------------------
    def _no_symbol(self, symbol: Any) -> str:
        raise AssertionError(f"the extent symbol {symbol!r} has no value")

    def _atom(self, atom: Any) -> str:
        if isinstance(atom, LoopIndex):
            return atom.name
        if isinstance(atom, Func):
            return self._function(atom)
        return self.symbol(atom)

    def extent(self, extent: Extent) -> str:
        """The value of an extent as an i64."""
        if not isinstance(extent, Dim):
            return str(int(extent))
        key = extent_key(extent)
        found = self.recall(key)
        if found is not None:
            return found
        total = None
        for factors, c in self._ordered_terms(extent, self._atom):
            total = self._add_term(total, factors, c)
        assert total is not None
        self.remember(key, total, total)
        return total

    def _ordered_terms(
        self, extent: Dim, name_of: Callable[[Any], str]
    ) -> list[tuple[list[str], int]]:
        """The factors and coefficients of the terms, in the order in which they are added.

        Outer loops first: the sum of what an inner loop does not change stands outside of it.
        """
        terms = []
        for monomial, c in extent.terms.items():
            factors = [name_of(atom) for atom, power in monomial for _ in range(power)]
            factors.sort(key=lambda name: (self.level(name), len(name), name))
            level = max((self.level(name) for name in factors), default=0)
            terms.append((level, factors, c))
        terms.sort(key=lambda term: (term[0], term[1]))
        return [(factors, c) for _, factors, c in terms]

    def checked_extent(self, extent: Extent, flags: list[str]) -> str:
        """The value of an extent, step by step as :meth:`extent` computes it.

        ``flags`` receives an i1 for each step, set where the result does not fit into 64 bits; the
        value is of use where none is set.
        """
        if not isinstance(extent, Dim):
            if not -(2**63) <= extent < 2**63:
                flags.append("true")
                return "0"
            return str(extent)

        def atom_name(atom: Any) -> str:
            if isinstance(atom, Func):
                self.checked_extent(atom.left, flags)
                self.checked_extent(atom.right, flags)
            return self._atom(atom)

        total = None
        for factors, c in self._ordered_terms(extent, atom_name):
            term = factors[0] if factors else str(c)
            for name in factors[1:]:
                term = self.checked("smul", term, name, flags)
            if factors and c != 1:
                term = self.checked("smul", term, str(c), flags)
            total = term if total is None else self.checked("sadd", total, term, flags)
        assert total is not None
        return total

    def checked(self, word: str, a: str, b: str, flags: list[str]) -> str:
        """``a`` op ``b`` in 64 bits (``word``: sadd, smul, umul); ``flags`` receives the overflow."""
        name = f"llvm.{word}.with.overflow.i64"
        self.declared.setdefault(name, f"declare {{ i64, i1 }} @{name}(i64, i64)")
        both = self.op(f"call {{ i64, i1 }} @{name}(i64 {a}, i64 {b})", a, b)
        flags.append(self.op(f"extractvalue {{ i64, i1 }} {both}, 1", both))
        return self.op(f"extractvalue {{ i64, i1 }} {both}, 0", both)

    def _add_term(self, total: str | None, factors: list[str], c: int) -> str:
        if not factors:
            product = str(c)
        else:
            product = factors[0]
            for name in factors[1:]:
                product = self.op(f"mul nsw i64 {product}, {name}", product, name)
            if c not in (1, -1) or (c == -1 and total is None):
                product = self.op(f"mul nsw i64 {product}, {c}", product)
        if total is None:
            return product
        if factors and c == -1:
            return self.op(f"sub nsw i64 {total}, {product}", total, product)
        return self.op(f"add nsw i64 {total}, {product}", total, product)

    def _function(self, atom: Func) -> str:
        a, b = self.extent(atom.left), self.extent(atom.right)
        if atom.name in ("min", "max"):
            return self.intrinsic(f"s{atom.name}", "i64", a, b)
        # Round to minus infinity; a divisor of 0 must not trap (an empty array may have it).
        safe = b
        if not isinstance(atom.right, int):
            zero = self.op(f"icmp eq i64 {b}, 0", b)
            safe = self.op(f"select i1 {zero}, i64 1, i64 {b}", zero, b)
        quotient = self.op(f"sdiv i64 {a}, {safe}", a, safe)
        rest = self.op(f"srem i64 {a}, {safe}", a, safe)
        mixed = self.op(f"xor i64 {rest}, {safe}", rest, safe)
        negative = self.op(f"icmp slt i64 {mixed}, 0", mixed)
        nonzero = self.op(f"icmp ne i64 {rest}, 0", rest)
        adjust = self.op(f"and i1 {negative}, {nonzero}", negative, nonzero)
        if atom.name == "floordiv":
            less = self.op(f"sub i64 {quotient}, 1", quotient)
            return self.op(
                f"select i1 {adjust}, i64 {less}, i64 {quotient}", adjust, less, quotient
            )
        more = self.op(f"add i64 {rest}, {safe}", rest, safe)
        return self.op(f"select i1 {adjust}, i64 {more}, i64 {rest}", adjust, more, rest)
