"""Extents that may be known only at run time: integer polynomials over symbols.

An extent of an array is an ``int`` or a :class:`Dim`.  A ``Dim`` is a polynomial with integer
coefficients over *atoms*; an atom is either a symbol (any hashable object: in a program, the
scalar integer value that holds the number) or one of the functions floordiv, mod, min, max of
extents.  Arithmetic on Dims is ordinary Python arithmetic, so a shape rule is written once for
fixed and for symbolic extents; a result that is constant collapses to ``int``.

    n = Dim.symbol(value)          # extent read at run time
    (n + 1) * 2 - n                # -> n + 2
    (n + 1) - n                    # -> 1, an int

Comparisons decide by algebra first, then by the known ranges of the symbols (attributes ``low``
and ``high`` of a symbol, where it has them), then by the decider in force (see
:func:`deciding`), which may consult the value seen at this call and record a guard.  Where nobody
can decide, :class:`UndecidedExtent` is raised: an extent is never guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, Union

from autodiff.plain_data import dataclass
from autodiff.signals import Signal

Extent: TypeAlias = Union[int, "Dim"]
Decider: TypeAlias = Callable[[str, "Dim"], bool]

_decider: ContextVar[Decider | None] = ContextVar("autodiff_extent_decider", default=None)


class UndecidedExtent(Signal):
    """A comparison of extents that algebra, ranges and hints leave open."""


@contextmanager
def deciding(decider: Decider | None) -> Iterator[None]:
    """Use ``decider(relation, difference)`` for comparisons that algebra leaves open.

    ``relation`` is ``"=="`` or ``">="`` and is asked of ``difference`` against zero.
    """
    token = _decider.set(decider)
    try:
        yield
    finally:
        _decider.reset(token)


@dataclass(frozen=True)
class Func:
    """A non-polynomial atom: ``name`` in floordiv, mod, min, max, applied to two extents."""

    name: str
    left: Extent
    right: Extent

    def __hash__(self) -> int:
        return hash((self.name, self.left, self.right))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Func)
            and self.name == other.name
            and same(self.left, other.left)
            and same(self.right, other.right)
        )

    def __repr__(self) -> str:
        if self.name == "floordiv":
            return f"({self.left} // {self.right})"
        if self.name == "mod":
            return f"({self.left} % {self.right})"
        return f"{self.name}({self.left}, {self.right})"


Monomial: TypeAlias = tuple[tuple[Any, int], ...]


def _order(atom: Any) -> tuple[int, str]:
    return (
        id(atom) if not isinstance(atom, Func) else 0,
        repr(atom) if isinstance(atom, Func) else "",
    )


def _multiply_monomials(a: Monomial, b: Monomial) -> Monomial:
    powers: dict[Any, int] = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: _order(item[0])))


class Dim:
    """An integer polynomial over atoms; immutable.  Build with :meth:`symbol` and arithmetic."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: dict[Monomial, int] = dict(terms)
        self._hash = hash(frozenset(self.terms.items()))

    @staticmethod
    def symbol(atom: Any) -> Dim:
        """The extent that is the run-time value of ``atom``."""
        return Dim({((atom, 1),): 1})

    @staticmethod
    def _make(terms: dict[Monomial, int]) -> Extent:
        terms = {monomial: c for monomial, c in terms.items() if c}
        if not terms:
            return 0
        if len(terms) == 1 and () in terms:
            return terms[()]
        return Dim(terms)

    # -- arithmetic -------------------------------------------------------------------------
    def __add__(self, other: Extent) -> Extent:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        terms = dict(self.terms)
        for monomial, c in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + c
        return Dim._make(terms)

    __radd__ = __add__

    def __neg__(self) -> Extent:
        return Dim({monomial: -c for monomial, c in self.terms.items()})

    def __pos__(self) -> Extent:
        return self

    def __sub__(self, other: Extent) -> Extent:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: Extent) -> Extent:
        return (-self) + other

    def __mul__(self, other: Extent) -> Extent:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in _terms(other).items():
                monomial = _multiply_monomials(m1, m2)
                terms[monomial] = terms.get(monomial, 0) + c1 * c2
        return Dim._make(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Extent) -> Extent:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Extent) -> Extent:
        return floordiv(other, self)

    def __mod__(self, other: Extent) -> Extent:
        return self - floordiv(self, other) * other

    def __rmod__(self, other: Extent) -> Extent:
        return other - floordiv(other, self) * self

    def __pow__(self, power: int) -> Extent:
        result: Extent = 1
        for _ in range(power):
            result = result * self
        return result

    # -- comparison -------------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return is_zero(self - other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __ge__(self, other: Extent) -> bool:
        return is_nonnegative(self - other)

    def __gt__(self, other: Extent) -> bool:
        return is_nonnegative(self - other - 1)

    def __le__(self, other: Extent) -> bool:
        return is_nonnegative(other - self)

    def __lt__(self, other: Extent) -> bool:
        return is_nonnegative(other - self - 1)

    def __bool__(self) -> bool:
        return not is_zero(self)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return format_extent(self)


def _terms(extent: Extent) -> dict[Monomial, int]:
    if isinstance(extent, Dim):
        return extent.terms
    return {(): int(extent)}


def same(a: Extent, b: Extent) -> bool:
    """Whether two extents are equal by algebra alone (no ranges, no hints, no guard)."""
    if isinstance(a, Dim) or isinstance(b, Dim):
        return _terms(a) == _terms(b) if isinstance(a, Dim) and isinstance(b, Dim) else False
    return a == b


def same_shape(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    """Whether two shapes are equal by algebra alone."""
    return len(a) == len(b) and all(same(m, n) for m, n in zip(a, b, strict=True))


def differ(a: Extent, b: Extent) -> bool:
    """Whether two extents surely differ, by algebra and ranges (no hints, no guard)."""
    low, high = bounds(a - b)
    return (low is not None and low > 0) or (high is not None and high < 0)


def floordiv(a: Extent, b: Extent) -> Extent:
    """``a // b``, exact where every coefficient divides."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if isinstance(b, int):
        if b == 1:
            return a
        terms = _terms(a)
        if all(c % b == 0 for c in terms.values()):
            return Dim._make({m: c // b for m, c in terms.items()})
    elif isinstance(a, Dim):
        quotient = _divide_exactly(a, b)
        if quotient is not None:
            return quotient
    return Dim.symbol(Func("floordiv", a, b))


def _divide_exactly(a: Dim, b: Dim) -> Extent | None:
    """``a / b`` where ``b`` is a single monomial that divides every term of ``a``."""
    if len(b.terms) != 1:
        return 1 if same(a, b) else None
    ((divisor, c_b),) = b.terms.items()
    result: dict[Monomial, int] = {}
    for monomial, c in a.terms.items():
        powers = dict(monomial)
        for atom, power in divisor:
            if powers.get(atom, 0) < power:
                return None
            powers[atom] -= power
        if c % c_b:
            return None
        key = tuple(
            sorted(((k, p) for k, p in powers.items() if p), key=lambda item: _order(item[0]))
        )
        result[key] = c // c_b
    return Dim._make(result)


def minimum(a: Extent, b: Extent) -> Extent:
    """The smaller of two extents, decided by algebra where possible, else an atom."""
    return _extremum("min", a, b)


def maximum(a: Extent, b: Extent) -> Extent:
    """The larger of two extents, decided by algebra where possible, else an atom."""
    return _extremum("max", a, b)


def _extremum(name: str, a: Extent, b: Extent) -> Extent:
    low, high = bounds(a - b)
    if low is not None and low >= 0:
        return b if name == "min" else a
    if high is not None and high <= 0:
        return a if name == "min" else b
    return Dim.symbol(Func(name, a, b))


# -- ranges -----------------------------------------------------------------------------------
def bounds(extent: Extent) -> tuple[int | None, int | None]:
    """Integer lower and upper bounds of an extent from the ranges of its symbols."""
    if isinstance(extent, int):
        return extent, extent
    reduced = _eliminate(extent, upper=False), _eliminate(extent, upper=True)
    return _constant_bound(reduced[0], upper=False), _constant_bound(reduced[1], upper=True)


class _Found(threading.local):
    """Ranges of functions found while one question is answered.

    Nested floordiv, min and max ask for the same ones again and again, twice at each level.
    """

    ranges: dict[Func, tuple[Extent | None, Extent | None]] | None = None


_found = _Found()


def _range_of(atom: Any) -> tuple[Extent | None, Extent | None]:
    if not isinstance(atom, Func):
        return getattr(atom, "low", None), getattr(atom, "high", None)
    if _found.ranges is None:
        _found.ranges = {}
        try:
            return _range_of_function(atom)
        finally:
            _found.ranges = None
    if atom not in _found.ranges:
        _found.ranges[atom] = _range_of_function(atom)
    return _found.ranges[atom]


def _range_of_function(atom: Func) -> tuple[Extent | None, Extent | None]:
    (l_low, l_high), (r_low, r_high) = bounds(atom.left), bounds(atom.right)
    if atom.name == "min":
        highs = [h for h in (l_high, r_high) if h is not None]
        low = min(l_low, r_low) if l_low is not None and r_low is not None else None
        return low, (min(highs) if highs else None)
    if atom.name == "max":
        lows = [v for v in (l_low, r_low) if v is not None]
        high = max(l_high, r_high) if l_high is not None and r_high is not None else None
        return (max(lows) if lows else None), high
    if atom.name == "floordiv" and isinstance(atom.right, int) and atom.right > 0:
        return (
            None if l_low is None else l_low // atom.right,
            None if l_high is None else l_high // atom.right,
        )
    return None, None


def _eliminate(extent: Extent, upper: bool, depth: int = 0) -> Extent:
    """Replace symbols that have ranges in terms of others (a loop index) by their extreme."""
    if isinstance(extent, int) or depth > 8:
        return extent
    for monomial, c in extent.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            if any(atom == other for m in extent.terms if m != monomial for other, _ in m):
                continue
            low, high = _range_of(atom)
            bound = high if (c > 0) == upper else low
            if isinstance(bound, Dim):
                rest = {m: k for m, k in extent.terms.items() if m != monomial}
                return _eliminate(Dim._make(rest) + bound * c, upper, depth + 1)
    return extent


def _constant_bound(extent: Extent, upper: bool) -> int | None:
    if isinstance(extent, int):
        return extent
    total = 0
    for monomial, c in extent.terms.items():
        low, high = 1, 1
        known_low, known_high = True, True
        for atom, power in monomial:
            a_low, a_high = _range_of(atom)
            a_low = a_low if isinstance(a_low, int) else None
            a_high = a_high if isinstance(a_high, int) else None
            if a_low is None or a_low < 0:
                if len(monomial) > 1 or power > 1:
                    return None
                low, high = a_low or 0, a_high or 0
                known_low, known_high = a_low is not None, a_high is not None
                break
            low *= a_low**power
            if a_high is None:
                known_high = False
            else:
                high *= a_high**power
        if (c > 0) == upper:
            if not known_high:
                return None
            total += c * high
        else:
            if not known_low:
                return None
            total += c * low
    return total


def is_zero(extent: Extent) -> bool:
    """Whether an extent is zero; consults ranges, then the decider in force."""
    if isinstance(extent, int):
        return extent == 0
    low, high = bounds(extent)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    return _decide("==", extent)


def is_nonnegative(extent: Extent) -> bool:
    """Whether an extent is at least zero; consults ranges, then the decider in force."""
    if isinstance(extent, int):
        return extent >= 0
    low, high = bounds(extent)
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    return _decide(">=", extent)


def _decide(relation: str, extent: Dim) -> bool:
    decider = _decider.get()
    if decider is None:
        raise UndecidedExtent(f"cannot decide {extent} {relation} 0")
    return decider(relation, extent)


# -- traversal --------------------------------------------------------------------------------
def symbols(extent: Extent) -> set[Any]:
    """The symbols an extent depends on."""
    found: set[Any] = set()
    if isinstance(extent, Dim):
        for monomial in extent.terms:
            for atom, _ in monomial:
                if isinstance(atom, Func):
                    found |= symbols(atom.left) | symbols(atom.right)
                else:
                    found.add(atom)
    return found


def substitute(extent: Extent, replace: Callable[[Any], Extent]) -> Extent:
    """The extent with every symbol ``s`` replaced by ``replace(s)``."""
    if not isinstance(extent, Dim):
        return extent
    total: Extent = 0
    for monomial, c in extent.terms.items():
        product: Extent = c
        for atom, power in monomial:
            if isinstance(atom, Func):
                new = apply(
                    atom.name, substitute(atom.left, replace), substitute(atom.right, replace)
                )
            else:
                new = replace(atom)
            for _ in range(power):
                product = product * new
        total = total + product
    return total


def apply(name: str, left: Extent, right: Extent) -> Extent:
    """Apply the function ``name`` (floordiv, mod, min, max) to two extents."""
    if name == "floordiv":
        return floordiv(left, right)
    if name == "mod":
        return left % right
    return _extremum(name, left, right)


def evaluate(extent: Extent, lookup: Callable[[Any], int]) -> int:
    """The integer an extent is, given the value of every symbol."""
    result = substitute(extent, lambda atom: int(lookup(atom)))
    assert isinstance(result, int)
    return result


def product(extents: tuple[Extent, ...]) -> Extent:
    """The number of elements of a shape."""
    total: Extent = 1
    for extent in extents:
        total = total * extent
    return total


def format_extent(extent: Extent, name: Callable[[Any], str] = str) -> str:
    """Readable text of an extent, with ``name(symbol)`` for each symbol."""
    if not isinstance(extent, Dim):
        return str(extent)
    parts: list[str] = []
    for monomial, c in sorted(extent.terms.items(), key=lambda item: -len(item[0])):
        factors = []
        for atom, power in monomial:
            text = _format_func(atom, name) if isinstance(atom, Func) else name(atom)
            factors.append(text if power == 1 else f"{text}**{power}")
        body = "*".join(factors)
        magnitude = abs(c)
        if not body:
            body = str(magnitude)
        elif magnitude != 1:
            body = f"{magnitude}*{body}"
        sign = "-" if c < 0 else "+"
        parts.append(f" {sign} {body}" if parts else (f"-{body}" if c < 0 else body))
    return "".join(parts)


def _format_func(atom: Func, name: Callable[[Any], str]) -> str:
    left, right = format_extent(atom.left, name), format_extent(atom.right, name)
    if atom.name == "floordiv":
        return f"(({left}) // ({right}))"
    if atom.name == "mod":
        return f"(({left}) % ({right}))"
    return f"{atom.name}({left}, {right})"


def upper_bound(extent: Extent, local: set[Any]) -> Extent | None:
    """An upper bound of ``extent`` that is free of the symbols in ``local``, if ranges give one."""
    for _ in range(16):
        if not isinstance(extent, Dim) or not symbols(extent) & local:
            return extent
        reduced = _bound_once(extent, local)
        if reduced is None:
            return None
        extent = reduced
    return None


def _bound_once(extent: Dim, local: set[Any]) -> Extent | None:
    for monomial, c in extent.terms.items():
        for atom, power in monomial:
            inside = symbols(Dim.symbol(atom)) if isinstance(atom, Func) else {atom}
            if not inside & local:
                continue
            if len(monomial) != 1 or power != 1:
                return None
            bound = _atom_bound(atom, c > 0, local)
            if bound is None:
                return None
            rest = {m: k for m, k in extent.terms.items() if m != monomial}
            return Dim._make(rest) + bound * c
    return None


def _atom_bound(atom: Any, upper: bool, local: set[Any]) -> Extent | None:
    if not isinstance(atom, Func):
        low, high = _range_of(atom)
        return high if upper else low
    if atom.name in ("min", "max"):
        sides = [upper_bound(side, local) if upper else -1 for side in (atom.left, atom.right)]
        if not upper:
            return None
        known = [s for s in sides if s is not None]
        if atom.name == "min":
            return known[0] if known else None
        return maximum(known[0], known[1]) if len(known) == 2 else None
    if atom.name == "floordiv" and isinstance(atom.right, int) and atom.right > 0 and upper:
        top = upper_bound(atom.left, local)
        return None if top is None else floordiv(top, atom.right)
    return None
