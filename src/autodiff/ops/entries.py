"""Operation entries: everything that is true of an operation, written once.

An :class:`Entry` holds the operation's type rule, its NumPy meaning (what the reference engine
runs), its derivative in one of five forms, its lowering class (what other engines need), and the
sample domain that the table tests draw from.  An entry never names an engine; an engine never
names a pointwise operation.

Lowering classes
    Pointwise(scalar)     ``scalar(s, *operands)`` computes one element with the core functions
                          ``s`` offers (see autodiff.ops.scalar)
    Reduction(combine)    identity and combination over ``axes``
    View()                result elements are operand elements: an index map, by kind
    Update()              operand with some elements replaced or added to: an index map, by kind
    Creation()            constant, iota, extents
    Kernel(routine)       a named routine with an agreed signature; engines lacking it call
                          the NumPy meaning
    Control()             cond, for, while
    Effect()              check, host_call: kept in order, never removed

Derivative forms (rules are plain NumPy; they run on arrays and on tracers alike)
    Partials(rules)       pointwise: one formula per operand, ``rule(y, *operands)``; None: constant
    Linear(transpose)     linear jointly in operands ``arguments``; jvp is the operation itself
    Bilinear(transpose)   linear in each of its two operands
    Rules(jvp, vjp)       anything else
    OfPrograms()          made of the derivatives of the programs among the attributes
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autodiff.dims import differ
from autodiff.errors import ShapeError
from autodiff.ir.data import ArrayType, Operation, Value
from autodiff.later import is_loaded
from autodiff.ops.function_table import LoadedWhole, loading
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    pass

TypeRule: TypeAlias = Callable[..., tuple[ArrayType, ...]]


# -- lowering classes -------------------------------------------------------------------------
@dataclass(frozen=True)
class Pointwise:
    """One element from the operands' elements; ``scalar(s, *elements)``, see ops.scalar."""

    scalar: Callable[..., Any]


@dataclass(frozen=True)
class Reduction:
    """Combination over the axes ``attributes["axes"]``: sum, prod, max, min, any, all."""

    combine: str


@dataclass(frozen=True)
class View:
    """An index map from result to operand."""


@dataclass(frozen=True)
class Update:
    """The first operand with part of its elements replaced by, or added to, another operand."""


@dataclass(frozen=True)
class Creation:
    """No array operand: constant, iota, and the like."""


@dataclass(frozen=True)
class Kernel:
    """A named routine."""

    routine: str


@dataclass(frozen=True)
class Control:
    """Structured control flow."""


@dataclass(frozen=True)
class Effect:
    """Happens in order and is never removed."""


Lowering: TypeAlias = Pointwise | Reduction | View | Update | Creation | Kernel | Control | Effect


# -- derivative forms -------------------------------------------------------------------------
@dataclass(frozen=True)
class Site:
    """What a rule sees of one operation: operands, results (tracers), attributes, demand.

    ``needed``: by operand, whether its cotangent is (forwards: whether it has a tangent);
    ``wanted``: by result, whether somebody reads its tangent, forwards where that is known.
    """

    operands: tuple[Any, ...]
    results: tuple[Any, ...]
    attributes: dict[str, Any]
    needed: tuple[bool, ...]
    wanted: tuple[bool, ...] = ()

    @property
    def result(self) -> Any:
        """The only result."""
        return self.results[0]


@dataclass(frozen=True)
class Partials:
    """Pointwise derivative: ``rules[k](y, *operands)`` is the partial by operand k.

    A tuple stands for the product of its items.  A tangent or cotangent is multiplied by one after
    the other, the last by what follows before, so that a product which over- or underflows is not
    formed where the whole does not.

    Where a partial by one of the operands ``absorbing`` is exactly 0, its term is 0, whatever it
    is multiplied with.  (Of every term this is so where the tangent or cotangent is exactly 0.)
    By the operands ``fading`` it is so of tangents: the result tends to a number where the operand is
    infinite, as does what it is made of, whose tangent may be infinite there.  Backwards such a slope
    is a cotangent that is exactly 0.
    """

    rules: tuple[Callable[..., Any] | None, ...]
    absorbing: tuple[int, ...] = ()
    fading: tuple[int, ...] = ()


@dataclass(frozen=True)
class Linear:
    """Linear jointly in the operands ``arguments``.

    ``transpose(site, ct)`` gives one cotangent per operand: an array, an :class:`Accumulate`, None.
    """

    transpose: Callable[..., Sequence[Any]]
    arguments: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Bilinear:
    """Linear in operand 0 and in operand 1; ``transpose`` as in :class:`Linear`."""

    transpose: Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class Rules:
    """``jvp(site, tangents) -> tangents of results``; ``vjp(site, cts) -> cts of operands``.

    A tangent or cotangent that is zero is None, on either side.
    """

    jvp: Callable[..., Sequence[Any]]
    vjp: Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class OfPrograms:
    """Made of the derivatives of the programs among the attributes (differentiate.solvers)."""


Derivative: TypeAlias = Partials | Linear | Bilinear | Rules | OfPrograms | None


@dataclass(frozen=True)
class Accumulate:
    """A cotangent given by how it is added to an accumulator, so that no dense zeros are made.

    ``apart``: the number and the rest of which it is the product, where that is remembered.
    """

    into: Callable[[Any], Any]
    apart: tuple[Any, Callable[[Any], Any]] | None = None


@dataclass(frozen=True)
class Samples:
    """Where the table tests draw operands from: ``[low, high]`` per operand, special points."""

    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),)
    special: tuple[float, ...] = ()


@dataclass(frozen=True)
class Entry:
    """Everything about one operation."""

    name: str
    type_rule: TypeRule
    meaning: Callable[..., Any]
    lowering: Lowering
    derivative: Derivative = None
    ufunc: np.ufunc | None = None
    samples: Samples = field(default_factory=Samples)
    zero_derivative: bool = False
    regions: Callable[[Operation], None] | None = None  # raises ShapeError where they do not fit
    kept: bool = False  # also where nothing uses its results: it may be there for what it raises
    beside: str = ""  # the operation of the same operand that shares most of its work

    @property
    def has_effect(self) -> bool:
        """Whether the operation must be kept even when its results are unused."""
        return isinstance(self.lowering, Effect)


class Table(LoadedWhole[str, Entry]):
    """The operations by name; the modules of some are loaded when one that is not known yet, or all, are asked for."""

    def __init__(self, homes: Sequence[str]) -> None:
        super().__init__()
        self._unopened = dict.fromkeys(homes)

    def entered(self) -> list[Entry]:
        """Those whose modules are loaded."""
        return list(dict.values(self))

    def __missing__(self, name: str) -> Entry:
        self._load_all()
        found = super().get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of a name, or ``default``."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return self.get(name) is not None  # type: ignore[arg-type]

    def enter(self, entry: Entry) -> None:
        """Add an entry, which loads nothing."""
        if super().__contains__(entry.name):
            raise ValueError(f"operation {entry.name!r} is entered twice")
        self[entry.name] = entry

    def _load_all(self) -> None:
        # One thread loads, the others wait; a module's own body may ask meanwhile, for which
        # a module is open only when it is complete.
        if self._unopened:
            with loading:
                for home in tuple(self._unopened):
                    if is_loaded(home):
                        self._unopened.pop(home, None)


ENTRIES = Table(
    [
        f"autodiff.ops.{name}"
        for name in (
            "complex_functions",
            "decompositions",
            "determinants",
            "draws",
            "fourier",
            "gamma_functions",
            "lengths",
            "linear_algebra",
            "log_powers",
            "marks",
            "numpy_functions.indices",
            "numpy_functions.mathematics",
            "special",
        )
    ]
)


def register(entry: Entry) -> Entry:
    """Add an entry to the table of all operations."""
    ENTRIES.enter(entry)
    return entry


def result_types(
    kind: str, types: tuple[ArrayType, ...], attributes: dict[str, Any]
) -> tuple[ArrayType, ...]:
    """Types of the results of an operation, by its entry's rule."""
    return ENTRIES[kind].type_rule(types, **attributes)


def type_rule_of(operation: Operation) -> Sequence[ArrayType] | None:
    """The type rule as the verifier asks for it; None where regions decide."""
    entry = ENTRIES[operation.kind]
    if entry.regions is not None:
        entry.regions(operation)
    if isinstance(entry.lowering, (Control, Effect)):
        return None
    return entry.type_rule(tuple(v.type for v in operation.operands), **operation.attributes)


def require_types(
    what: str, given: Sequence[Value], wanted: Sequence[ArrayType], stacked: bool = False
) -> None:
    """Raise ShapeError unless values have the dtypes and shapes wanted of them.

    ``stacked``: the types wanted have a first axis more, along which the values are stacked.
    """
    if len(given) != len(wanted):
        raise ShapeError(f"{what} are {len(given)} values, not {len(wanted)}.")
    for value, type in zip(given, wanted, strict=True):
        shape = type.shape[1:] if stacked else type.shape
        fits = (
            value.dtype == type.dtype
            and len(value.shape) == len(shape)
            and not any(differ(m, n) for m, n in zip(value.shape, shape, strict=True))
        )
        if not fits:
            raise ShapeError(f"{what} have a value of {value.type} where {type} is declared.")
