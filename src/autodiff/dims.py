"""Extents that may be known only at run time: integer polynomials over symbols.

An extent of an array is an ``int`` or a :class:`Dim`.  A ``Dim`` is a polynomial with integer
coefficients over *atoms*; an atom is either a symbol (any hashable object: in a program, the
scalar integer value that holds the number) or one of the functions floordiv, mod, min, max of
extents.  Arithmetic on Dims is ordinary Python arithmetic, so a shape rule is written once for
fixed and for symbolic extents; a result that is constant collapses to ``int``.

    n = Dim.symbol(value)          # extent read at run time
    (n + 1) * 2 - n                # -> n + 2
    (n + 1) - n                    # -> 1, an int

``==`` and ``hash`` are those of the polynomial: two extents that only happen to be equal at a run are
not ``==``, and to compare has no effect.  Whether two extents *are* equal is decided by a call::

    equal(n, m)            # by algebra, by ranges, else by the decider in force
    at_least(n, 1)         # n >= 1, likewise

Both decide by algebra first, then by the known ranges of the symbols (attributes ``low``
and ``high`` of a symbol, where it has them), then by the decider in force (see
:func:`deciding`), which may consult the value seen at this call and record a guard.  ``<`` and the
like stop at the ranges.  Where nobody can decide, :class:`UndecidedExtent` is raised: an extent is
never guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Set
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
    """Have :func:`equal` and :func:`at_least` ask ``decider(relation, difference)`` what is open.

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
            and self.left == other.left
            and self.right == other.right
        )

    def __repr__(self) -> str:
        if self.name == "floordiv":
            return f"({self.left} // {self.right})"
        if self.name == "mod":
            return f"({self.left} % {self.right})"
        return f"{self.name}({self.left}, {self.right})"


Monomial: TypeAlias = tuple[tuple[Any, int], ...]


def _order(atom: Any) -> tuple[bool, int]:
    # Not by the text of a function, which doubles with each level of nesting.
    return (False, hash(atom)) if isinstance(atom, Func) else (True, id(atom))


def _multiply_monomials(a: Monomial, b: Monomial) -> Monomial:
    powers: dict[Any, int] = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: _order(item[0])))


class Dim:
    """An integer polynomial over atoms; immutable.  Build with :meth:`symbol` and arithmetic."""

    __slots__ = ("_hash", "_symbols", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: dict[Monomial, int] = dict(terms)
        self._hash = hash(frozenset(self.terms.items()))
        self._symbols: frozenset[Any] | None = None

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
        return isinstance(other, Dim) and self._hash == other._hash and self.terms == other.terms

    def __ge__(self, other: Extent) -> bool:
        return _is_surely_nonnegative(self - other)

    def __gt__(self, other: Extent) -> bool:
        return _is_surely_nonnegative(self - other - 1)

    def __le__(self, other: Extent) -> bool:
        return _is_surely_nonnegative(other - self)

    def __lt__(self, other: Extent) -> bool:
        return _is_surely_nonnegative(other - self - 1)

    def __bool__(self) -> bool:
        raise TypeError(f"whether {self} is zero is asked by equal(extent, 0)")

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return format_extent(self)


def _terms(extent: Extent) -> dict[Monomial, int]:
    if isinstance(extent, Dim):
        return extent.terms
    return {(): int(extent)}


def same(a: Extent, b: Extent) -> bool:
    """Whether two extents are equal by algebra alone, which is what ``==`` says as well."""
    return a == b


def same_shape(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    """Whether two shapes are equal by algebra alone."""
    return tuple(a) == tuple(b)


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


_MOST_SIDES = 4  # of one extremum that are compared with one another


def _extremum(name: str, a: Extent, b: Extent) -> Extent:
    winner = _winner(name, a, b)
    if winner is not None:
        return winner
    # Of max(max(n - 1, 0) - 1, 0) and the like only those are left that none of the others beats.
    sides = (*_sides(name, a), *_sides(name, b))
    if len(sides) > _MOST_SIDES:
        return Dim.symbol(Func(name, a, b))
    left: list[Extent] = []
    for one in sides:
        if not any(_winner(name, one, other) == other for other in left):
            left = [other for other in left if _winner(name, one, other) != one] + [one]
    found, *rest = left
    for other in rest:
        found = Dim.symbol(Func(name, found, other))
    return found


def _winner(name: str, a: Extent, b: Extent) -> Extent | None:
    """Which of two extents is the extremum, where algebra and ranges tell."""
    sign = _sign(a - b, 0)
    if sign is None:
        return None
    return b if (sign >= 0) == (name == "min") else a


def _sides(name: str, extent: Extent) -> list[Extent]:
    """What an extent is the extremum of: ``a + r`` and ``b + r``, if it is ``max(a, b) + r``."""
    split = _split(extent, larger=name == "max")
    if split is None:
        return [extent]
    return [*_sides(name, split.a), *_sides(name, split.b)]


@dataclass(frozen=True)
class _Split:
    """An extent as the larger, or the smaller, of two."""

    larger: bool
    a: Extent
    b: Extent


def _split(extent: Extent, larger: bool | None = None) -> _Split | None:
    """``c * max(l, r) + rest`` as ``max(c * l + rest, c * r + rest)``; the smaller one if c < 0.

    With ``larger``, only as the larger one, or only as the smaller one.
    """
    if isinstance(extent, int):
        return None
    for monomial, c in extent.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            if isinstance(atom, Func) and atom.name in ("min", "max"):
                rest = Dim._make({m: k for m, k in extent.terms.items() if m != monomial})
                is_larger = (atom.name == "max") == (c > 0)
                if larger is not None and is_larger != larger:
                    continue
                return _Split(is_larger, rest + atom.left * c, rest + atom.right * c)
    return None


def last_index(count: Extent) -> Extent:
    """The last index of a loop: ``n - 1`` where ``max(n, 0)`` is the count, since there is an iteration."""
    if isinstance(count, Dim) and len(count.terms) == 1:
        ((monomial, c),) = count.terms.items()
        atom = monomial[0][0]
        if c == 1 and len(monomial) == 1 and monomial[0][1] == 1 and isinstance(atom, Func):
            sides = (atom.left, atom.right)
            if atom.name == "max" and 0 in sides:
                return sides[sides[0] == 0] - 1
    return count - 1


# -- ranges -----------------------------------------------------------------------------------
def bounds(extent: Extent) -> tuple[int | None, int | None]:
    """Integer lower and upper bounds of an extent from the ranges of its symbols."""
    if isinstance(extent, int):
        return extent, extent
    return _asked(_both_bounds, extent)


def _both_bounds(extent: Dim) -> tuple[int | None, int | None]:
    return _bound(extent, upper=False), _bound(extent, upper=True)


def _sign(extent: Extent, most: int) -> int | None:
    """1 where an extent is surely 0 or more, -1 where it is surely ``most`` or less, else None."""
    if isinstance(extent, int):
        return 1 if extent >= 0 else -1 if extent <= most else None
    return _asked(_sign_by_bounds, extent, most)


def _sign_by_bounds(extent: Dim, most: int) -> int | None:
    low = _bound(extent, upper=False)
    if low is not None and low >= 0:
        return 1
    high = _bound(extent, upper=True)
    return -1 if high is not None and high <= most else None


def _asked(answer: Callable[..., Any], *given: Any) -> Any:
    """What a function answers, all of it as one question."""
    if _question.ranges is not None:
        return answer(*given)
    _question.ranges, _question.steps = {}, 0
    try:
        return answer(*given)
    finally:
        _question.ranges = None


_MOST_STEPS = 48  # in one question; what needs more is left open


def _bound(extent: Extent, upper: bool) -> int | None:
    if isinstance(extent, int):
        return extent
    _question.steps += 1
    if _question.steps > _MOST_STEPS:
        return _constant_bound(extent, upper)
    # First what must hold of both sides; last, when all else is done, what one of them decides.
    split = _split(extent, larger=upper)
    if split is None:
        reduced = _eliminate(extent, upper)
        if reduced is not None:
            return _bound(reduced, upper)
        split = _split(extent, larger=not upper)
    if split is None:
        return _constant_bound(extent, upper)
    sides = _bound(split.a, upper), _bound(split.b, upper)
    known = [x for x in sides if x is not None]
    if split.larger == upper and len(known) < 2:
        return None
    best = max if split.larger else min
    return best(known) if known else None


class _Question(threading.local):
    """What was found while one question is answered, and in how many steps.

    Nested floordiv, min and max ask for the same ranges again and again, twice at each level.
    """

    ranges: dict[Func, tuple[Extent | None, Extent | None]] | None = None
    steps = 0


_question = _Question()


def _range_of(atom: Any) -> tuple[Extent | None, Extent | None]:
    if not isinstance(atom, Func):
        return getattr(atom, "low", None), getattr(atom, "high", None)
    if _question.ranges is None:
        return _range_of_function(atom)
    if atom not in _question.ranges:
        _question.ranges[atom] = _range_of_function(atom)
    return _question.ranges[atom]


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


def _eliminate(extent: Dim, upper: bool) -> Extent | None:
    """One symbol that has a range in terms of others (a loop index) replaced by its extreme."""
    for monomial, c in extent.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            if any(atom == other for m in extent.terms if m != monomial for other, _ in m):
                continue
            low, high = _range_of(atom)
            bound = high if (c > 0) == upper else low
            if bound is None and (c > 0) == upper:
                bound = _above_quotient(atom)
            if isinstance(bound, Dim):
                rest = {m: k for m, k in extent.terms.items() if m != monomial}
                return Dim._make(rest) + bound * c
    return None


def _above_quotient(atom: Any) -> Extent | None:
    """``n``, which is not below ``(n + r) // d`` for ``n >= 0`` and ``0 <= r < d``."""
    if not isinstance(atom, Func) or atom.name != "floordiv" or not isinstance(atom.left, Dim):
        return None
    r = atom.left.terms.get((), 0)
    if not isinstance(atom.right, int) or not 0 <= r < atom.right:
        return None
    low, _ = bounds(atom.left - r)
    return atom.left - r if low is not None and low >= 0 else None


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


# -- decisions --------------------------------------------------------------------------------
def equal(a: Extent, b: Extent) -> bool:
    """Decide whether two extents are equal: by algebra and ranges, else by the decider in force."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    return False if differ(a, b) else _decide("==", difference)


def at_least(a: Extent, b: Extent) -> bool:
    """Decide whether ``a >= b``: by algebra and ranges, else by the decider in force."""
    difference = a - b
    answer = _is_nonnegative(difference)
    if answer is None:
        assert isinstance(difference, Dim)
        return _decide(">=", difference)
    return answer


def equal_shapes(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    """Decide whether two shapes are equal, axis by axis."""
    return len(a) == len(b) and all(equal(m, n) for m, n in zip(a, b, strict=True))


def _is_nonnegative(extent: Extent) -> bool | None:
    """Whether an extent is at least zero by its range; None where that leaves it open."""
    sign = _sign(extent, -1)
    return None if sign is None else sign >= 0


def _is_surely_nonnegative(extent: Extent) -> bool:
    answer = _is_nonnegative(extent)
    if answer is None:
        raise UndecidedExtent(f"cannot decide {extent} >= 0 without asking")
    return answer


def _decide(relation: str, extent: Dim) -> bool:
    decider = _decider.get()
    if decider is None:
        raise UndecidedExtent(f"cannot decide {extent} {relation} 0")
    return decider(relation, extent)


# -- traversal --------------------------------------------------------------------------------
def symbols(extent: Extent) -> Set[Any]:
    """The symbols an extent depends on."""
    if not isinstance(extent, Dim):
        return frozenset()
    if extent._symbols is None:  # found once: nested functions share what they are made of
        found: set[Any] = set()
        for monomial in extent.terms:
            for atom, _ in monomial:
                if isinstance(atom, Func):
                    found |= symbols(atom.left) | symbols(atom.right)
                else:
                    found.add(atom)
        extent._symbols = frozenset(found)
    return extent._symbols


def substitute(extent: Extent, replace: Callable[[Any], Extent]) -> Extent:
    """The extent with every symbol ``s`` replaced by ``replace(s)``."""
    return _substitute(extent, replace, {})


def _substitute(
    extent: Extent, replace: Callable[[Any], Extent], known: dict[Func, Extent]
) -> Extent:
    if not isinstance(extent, Dim):
        return extent
    total: Extent = 0
    for monomial, c in extent.terms.items():
        product: Extent = c
        for atom, power in monomial:
            if not isinstance(atom, Func):
                new = replace(atom)
            elif atom in known:
                new = known[atom]
            else:
                sides = (_substitute(side, replace, known) for side in (atom.left, atom.right))
                new = known[atom] = apply(atom.name, *sides)
            for _ in range(power):
                product = product * new
        total = total + product
    return total


def rename(extent: Extent, new: Mapping[Any, Any]) -> Extent:
    """The extent with other symbols in place of some.

    Where these have the ranges of the old ones, and are as many, what ranges have decided stays decided.
    """
    if not isinstance(extent, Dim):
        return extent
    names = {s: new[s] for s in symbols(extent) if s in new}
    if not names:
        return extent
    others = symbols(extent) - names.keys()
    if len({*names.values(), *others}) == len(names) + len(others) and all(
        _is_renamed(getattr(s, end, None), getattr(t, end, None), new)
        for s, t in names.items()
        for end in ("low", "high")
    ):
        return _renamed(extent, names, {})
    return substitute(extent, lambda s: Dim.symbol(names.get(s, s)))


def _is_renamed(old: Extent | None, now: Extent | None, new: Mapping[Any, Any]) -> bool:
    return (rename(old, new) if isinstance(old, Dim) else old) == now


def _renamed(extent: Extent, names: Mapping[Any, Any], known: dict[Func, Func]) -> Extent:
    if not isinstance(extent, Dim):
        return extent

    def atom_of(atom: Any) -> Any:
        if not isinstance(atom, Func):
            return names.get(atom, atom)
        if atom not in known:
            sides = [_renamed(side, names, known) for side in (atom.left, atom.right)]
            known[atom] = Func(atom.name, *sides)
        return known[atom]

    terms: dict[Monomial, int] = {}
    for monomial, c in extent.terms.items():
        powers = [(atom_of(atom), power) for atom, power in monomial]
        terms[tuple(sorted(powers, key=lambda item: _order(item[0])))] = c
    return Dim(terms)


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
        split = _split(extent)
        if split is not None:
            sides = upper_bound(split.a, local), upper_bound(split.b, local)
            known = [x for x in sides if x is not None]
            if split.larger:
                return maximum(known[0], known[1]) if len(known) == 2 else None
            return known[0] if known else None
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
    if atom.name == "floordiv" and isinstance(atom.right, int) and atom.right > 0 and upper:
        top = upper_bound(atom.left, local)
        return None if top is None else floordiv(top, atom.right)
    return None
