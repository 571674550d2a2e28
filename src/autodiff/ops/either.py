"""Numbers whose type depends on the path: ``x if x > 0 else 0``, ``s = 0`` before a loop adds floats.

    Either(wide, is_narrow, narrow)     the value, held exactly in the wide type; a traced bool that
                                        tells whether it is of the narrow type; that type

In plain Python such a number is an ``int`` on one path and a ``float`` on the other.  The program
holds one value that both types can be taken from without loss, and remembers which it is.  An
operation on it is tried on both types.  Where both give one result, it is done once, on the wide
type; where the results differ in type alone or in value, the result is such a number again, or is
selected.  Any other use needs the type: it is decided by the path of this call, with a guard, and
inside of a staged loop refused.

An ``Either`` is a scalar.  Arrays whose dtype depends on the path are decided at once.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.errors import AutodiffError, InternalError
from autodiff.ir.data import Operation, Value
from autodiff.ladder import Bail
from autodiff.ops.builder import current_block, current_builder, emit
from autodiff.ops.entries import ENTRIES, Effect
from autodiff.ops.protocol import protocol
from autodiff.ops.tracer import BINARY, COMPARISON, UNARY, Cell, Form, Tracer, as_tracer
from autodiff.plain_data import dataclass

VARIES = object()  # in place of a constant: the value is known only when the program runs


@dataclass(frozen=True)
class Kind:
    """A scalar type, as dtype and form, and the value where all numbers of it are one constant."""

    dtype: np.dtype[Any]
    form: Form
    constant: Any = VARIES

    def is_type(self, other: Kind) -> bool:
        """Whether both are one type, whatever the values."""
        return self.dtype == other.dtype and self.form == other.form

    def joined(self, other: Kind) -> Kind:
        """The kind of numbers that are of either kind, of one type."""
        same = _same_constant(self.constant, other.constant)
        return self if same else Kind(self.dtype, self.form)


def _same_constant(a: Any, b: Any) -> bool:
    if a is VARIES or b is VARIES:
        return a is b
    # Of whole numbers there is one zero (and Python's may be too large for NumPy).
    if isinstance(a, (complex, np.complexfloating)) or isinstance(b, (complex, np.complexfloating)):
        return bool(a == b) and repr(complex(a)) == repr(complex(b))
    whole = isinstance(a, int) and isinstance(b, int)
    alike = a == b and (whole or np.signbit(a) == np.signbit(b))
    return bool(alike) or bool(a != a and b != b)


class Probe(Tracer):
    """What stands in a first look at a loop for a number that is a constant before the loop.

    It is taken for that constant where types come together, and notes that it was.
    """

    __slots__ = ("start", "taken")

    def __init__(self, value: Value, form: Form, start: Any, taken: list[Any]) -> None:
        super().__init__(value, form)
        self.start = start
        self.taken = taken


def kind_of(x: Any) -> Kind | None:
    """The kind of a scalar that is no ``Either``; None of anything else."""
    if isinstance(x, Probe):
        x.taken.append(x)
        return Kind(x.dtype, x.form, x.start)
    if isinstance(x, Tracer):
        return Kind(x.dtype, x.form) if not x.shape and x.form != "array" else None
    if type(x) is complex:
        return Kind(np.dtype(complex), "python", x)
    if isinstance(x, np.generic):
        return Kind(x.dtype, "scalar", x)
    if isinstance(x, Dim):
        return Kind(np.dtype(np.int64), "python")
    if type(x) in (bool, int, float):
        if type(x) is int and not is_in_64_bits(x):
            return None
        dtype = {bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(float)}[type(x)]
        return Kind(dtype, "python", x)
    return None


def is_in_64_bits(x: int) -> bool:
    """Whether an integer can be a number of the program."""
    return -(2**63) <= x < 2**63


def kinds_of(x: Any) -> list[Kind] | None:
    """The kinds a scalar may be of, the widest first."""
    if isinstance(x, Either):
        return [Kind(x.wide.dtype, x.wide.form), x.narrow]
    kind = kind_of(x)
    return None if kind is None else [kind]


def embeds(kind: Kind, wide: Kind) -> bool:
    """Whether the wide type holds every number of a kind exactly."""
    if kind.constant is not VARIES:
        return _holds(wide.dtype, kind.constant)
    if kind.dtype == wide.dtype or kind.dtype.kind == "b":
        return True
    if kind.dtype.kind in "iu" and wide.dtype.kind == "f":
        bits = kind.dtype.itemsize * 8 - (kind.dtype.kind == "i")
        return bits <= np.finfo(wide.dtype).nmant + 1
    return bool(np.can_cast(kind.dtype, wide.dtype, "safe"))


def _holds(dtype: np.dtype[Any], x: Any) -> bool:
    """Whether a dtype has a number."""
    if isinstance(x, (bool, np.bool)):
        return True
    if dtype.kind == "f":
        if isinstance(x, (int, np.integer)) and abs(int(x)) > 2**64:
            return False
        with np.errstate(all="ignore"):
            held = dtype.type(x)
        return (
            bool(x != x)
            or bool(np.isfinite(held) and held.item() == np.asarray(x).item())
            or (isinstance(x, (float, np.floating)) and bool(np.isinf(x)))
        )
    if dtype.kind == "c":
        if isinstance(x, (complex, np.complexfloating)):
            return dtype == np.dtype(complex) or dtype.type(x) == x
        part = np.dtype(float) if dtype == np.dtype(complex) else np.dtype(np.float32)
        return _holds(part, x)
    if dtype.kind in "iu" and isinstance(x, (int, np.integer)):
        info = np.iinfo(dtype)
        return info.min <= int(x) <= info.max
    return False


def _width(kind: Kind) -> tuple[Any, ...]:
    return ("bui".find(kind.dtype.kind) if kind.dtype.kind in "bui" else 3 + (kind.dtype.kind == "c"),
            kind.constant is VARIES, kind.dtype.itemsize, kind.form == "scalar")  # fmt: skip


def union(a: Sequence[Kind], b: Sequence[Kind]) -> list[Kind] | None:
    """The kinds of a number that has those of ``a`` on one path and those of ``b`` on the other.

    One or two; None where there are more, or where neither type holds what the other one does.
    """
    found: list[Kind] = []
    for kind in (*a, *b):
        for k, other in enumerate(found):
            if other.is_type(kind):
                found[k] = other.joined(kind)
                break
        else:
            found.append(kind)
    if len(found) == 1:
        return found
    if len(found) > 2:
        return None
    for wide in sorted(found, key=_width, reverse=True):
        if all(_fits(kinds, wide) for kinds in (a, b)):
            (narrow,) = [k for k in found if k is not wide]
            return [Kind(wide.dtype, wide.form), narrow]
    return None


def _fits(kinds: Sequence[Kind], wide: Kind) -> bool:
    # What an Either of this wide type holds already was looked at when it was made.
    return kinds[0].is_type(wide) or all(embeds(kind, wide) for kind in kinds)


class Either(Tracer):
    """A traced number whose type depends on the path; see the module header."""

    __slots__ = ("_decided", "is_narrow", "narrow", "wide")

    def __init__(self, wide: Tracer, is_narrow: Value, narrow: Kind) -> None:
        self.wide = wide
        self.is_narrow = is_narrow
        self.narrow = narrow
        self._cache = None
        self._decided: tuple[Any, Tracer] | None = None

    def as_narrow(self) -> Any:
        """The number as one of the narrow type."""
        if self.narrow.constant is not VARIES:
            return self.narrow.constant
        return converted(self.wide, self.narrow)

    def decided(self) -> Tracer:
        """The number in the type that it has on the path of this call, which is guarded."""
        builder = current_builder()
        # Asked each time: where staging is given up, the guard goes with what was done, and what is kept here stays.
        narrow = bool(Tracer(self.is_narrow, "python"))
        if self._decided is not None and builder.is_open(self._decided[0]):
            return self._decided[1]
        result = as_tracer(self.as_narrow()) if narrow else self.wide
        self._decided = builder.block, result
        return result

    # What asks for the parts of a tracer needs the type.
    @property
    def cell(self) -> Cell:  # type: ignore[override]
        """The storage cell, once the type is decided."""
        return self.decided().cell

    @property
    def form(self) -> Form:  # type: ignore[override]
        """What the number is to the user's code, once that is decided."""
        return self.decided().form

    @property
    def python_type(self) -> type:
        """The type in plain Python; of one that outlived its trace, the wide one."""
        own = self.wide if current_block() is None else self.decided()
        return own.python_type

    @property
    def path(self) -> Any:  # type: ignore[override]
        """No number is a view."""
        return ()

    def __bool__(self) -> bool:
        return bool(self.wide)

    def __float__(self) -> float:
        return float(self.wide)

    def __hash__(self) -> int:
        return hash(self.wide._concrete())

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs.get("out") is not None:
            return super().__array_ufunc__(ufunc, method, *_decide_all(inputs), **kwargs)
        return on_both(lambda *x: ufunc(*x, **kwargs), inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return on_both(lambda *x: function(*x, **kwargs), args)


def _operator(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def method(self: Either, *others: Any) -> Any:
        if any(isinstance(x, (str, bytes)) or x is None for x in others):
            return NotImplemented
        return on_both(function, (*others, self) if reflected else (self, *others))

    return method


for _name in BINARY:
    _function = getattr(operator, f"__{_name}__")
    for _prefix, _reflected in (("", False), ("r", True), ("i", False)):
        setattr(Either, f"__{_prefix}{_name}__", _operator(_function, _reflected))
for _name in (*COMPARISON, *UNARY):
    setattr(Either, f"__{_name}__", _operator(getattr(operator, f"__{_name}__"), False))


def is_array(x: Any) -> bool:
    """Whether a value is a traced array."""
    return isinstance(x, Tracer) and not isinstance(x, Either) and x.form == "array"


def converted(x: Tracer, kind: Kind) -> Tracer:
    """A number in another type."""
    if kind.dtype.kind == "c":
        made: Tracer = protocol.as_complex(x, kind.dtype, kind.form)
        return made
    weak = kind.form == "python" and kind.dtype.kind != "b"
    value = x.value
    if value.type.dtype != kind.dtype or value.type.weak != weak:
        value = emit("cast", (value,), dtype=kind.dtype, weak=weak)
    return Tracer(value, kind.form)


def choose(condition: Any, a: Any, b: Any) -> Any:
    """``a if condition else b`` of a traced bool and two numbers; NotImplemented where nothing holds both."""
    first, second = kinds_of(a), kinds_of(b)
    if first is None or second is None:
        return NotImplemented
    joined = union(first, second)
    if joined is None:
        return NotImplemented
    wide, *narrow = joined
    if not narrow and wide.constant is not VARIES:
        return wide.constant  # which both are
    pair = (converted(_wide(x), wide).value for x in (a, b))
    chosen = Tracer(emit("select", (condition.value, *pair)), wide.form)
    if not narrow:
        return converted(chosen, wide)
    flags = (as_tracer(is_of(x, narrow[0])).value for x in (a, b))
    return Either(converted(chosen, wide), emit("select", (condition.value, *flags)), narrow[0])


def _wide(x: Any) -> Tracer:
    return x.wide if isinstance(x, Either) else as_tracer(x)


def is_of(x: Any, kind: Kind) -> Any:
    """Whether a number is of the type of ``kind``, which is one of those it may have: a bool, or a traced one.

    What is the narrow type among some numbers may be the wide one among more: 1.0 embeds in float32, as float32
    does in float64.
    """
    if not isinstance(x, Either):
        own = kind_of(x)
        return own is not None and own.is_type(kind)
    if x.narrow.is_type(kind):
        return Tracer(x.is_narrow, "python")
    return Tracer(emit("logical_not", (x.is_narrow,)), "python")


# -- operations on both types -----------------------------------------------------------------------
def on_both(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """``function(*operands)``, where operands, or items of lists among them, are of two types."""
    operands = [as_tracer(x) if isinstance(x, np.ndarray) else x for x in operands]
    found = list({id(x): x for x in eithers(operands)}.values())
    flags = {x.is_narrow for x in found}
    builder = current_builder()
    operations = builder.block.operations
    start = len(operations)
    try:
        wide = function(*_put(operands, {id(x): x.wide for x in found}))
        used = operations[start:]
        if len(flags) == 1:
            tried = _tried(function, operands, {id(x): x.as_narrow for x in found})
            return _result(function, operands, found, wide, used, *tried)
        return _of_combinations(function, operands, found, wide, used)
    except InternalError:
        raise
    except Bail:  # of complex numbers, which are not selected between
        operations[start:] = [x for x in operations[start:] if not _has_effect([x])]
        return function(*_put(operands, {id(x): x.decided() for x in found}))
    except (_TypeNeeded, TypeError, ValueError, ArithmeticError, AutodiffError):
        # What was read of arrays is remembered with them; only checks must not stay.
        operations[start:] = [x for x in operations[start:] if not _has_effect([x])]
        return function(*_put(operands, {id(x): x.decided() for x in found}))


class _TypeNeeded(Exception):
    """The types give results that no one number holds."""


def stored(ufunc: np.ufunc, a: Tracer, x: Any) -> Any:
    """``x`` as an operand of ``ufunc(a, x, out=a)``: in the wide type where that gives the same."""
    if not isinstance(x, Either):
        return x
    chosen = ({id(x): lambda: x.wide}, {id(x): x.as_narrow})
    try:
        (wide, used), (narrow, tried) = (_tried(ufunc, (a, x), c) for c in chosen)
    except (TypeError, ValueError, ArithmeticError):
        return x.decided()
    return x.wide if _is_type(wide, narrow) and _alike(used, tried) else x.decided()


def put_into(dtype: np.dtype[Any], x: Any) -> Any:
    """``x`` as it is stored into an array: every float dtype takes both real types alike."""
    if not isinstance(x, Either):
        return x
    return x.wide if dtype.kind == "f" and x.wide.dtype.kind != "c" else x.decided()


def eithers(operands: Any) -> list[Either]:
    """The numbers of two types among operands and the items of lists and tuples in them."""
    found: list[Either] = []
    for x in operands:
        if isinstance(x, Either):
            found.append(x)
        elif type(x) in (list, tuple):
            found += eithers(x)
    return found


def _put(operands: Any, chosen: dict[int, Any]) -> list[Any]:
    """The operands with what is chosen in place of numbers of two types."""
    return [
        chosen[id(x)]
        if id(x) in chosen
        else type(x)(_put(x, chosen))
        if type(x) in (list, tuple)
        else x
        for x in operands
    ]


def _decide_all(operands: Sequence[Any]) -> list[Any]:
    return [x.decided() if isinstance(x, Either) else x for x in operands]


def _tried(
    function: Callable[..., Any], operands: Sequence[Any], chosen: dict[int, Callable[[], Any]]
) -> tuple[Any, list[Operation]]:
    """What ``function`` gives for a choice of types, and the operations, which are thrown away.

    A number that is looked at for the first time is taken for the constant that it is at the start.
    """
    probes = [x for x in operands if isinstance(x, Probe)]
    with current_builder().region() as block, np.errstate(all="ignore"):
        values = {id(x): x.start for x in probes} | {key: take() for key, take in chosen.items()}
        for x in probes:
            x.taken.append(x)
        result = function(*_put(operands, values))
    return result, block.operations


def _result(
    function: Callable[..., Any],
    operands: Sequence[Any],
    found: list[Either],
    wide: Any,
    used: list[Operation],
    narrow: Any,
    tried: list[Operation],
) -> Any:
    """The result of both types, given those of each."""
    if isinstance(wide, Either) or isinstance(narrow, Either):
        raise _TypeNeeded
    alike = _alike(used, tried)
    if narrow is NotImplemented and wide is NotImplemented:
        return wide
    if alike and _is_type(wide, narrow):
        return wide
    kinds, other = kind_of(wide), kind_of(narrow)
    if kinds is None or other is None:
        raise _TypeNeeded
    checks = not alike and _has_effect([*used, *tried])
    if checks and any(_has_effect([x]) and x.kind != "check" for x in (*used, *tried)):
        raise _TypeNeeded
    joined = union([kinds], [other])
    if joined is None or len(joined) == 2 and not joined[0].is_type(kinds):
        raise _TypeNeeded
    if checks or not (alike or _same_for_constants(function, operands, found, other)):
        is_narrow = found[0].is_narrow
        start = len(current_builder().block.operations) - len(used)
        _restrict_checks(start, is_narrow)
        start = len(current_builder().block.operations)
        with np.errstate(all="ignore"):
            again = function(*_put(operands, {id(x): x.as_narrow() for x in found}))
        _restrict_checks(start, emit("logical_not", (is_narrow,)))
        pair = (converted(as_tracer(x), kinds).value for x in (again, wide))
        value = emit("select", (found[0].is_narrow, *pair))
        wide = converted(Tracer(value, kinds.form), kinds)
    if len(joined) == 1:
        return wide
    return Either(as_tracer(wide), found[0].is_narrow, other)


def _restrict_checks(start: int, unless: Value) -> None:
    """Let the checks among the operations from ``start`` on hold where ``unless`` is true as well."""
    operations = current_builder().block.operations
    checks = [x for x in operations[start:] if x.kind == "check"]
    operations[start:] = [x for x in operations[start:] if x.kind != "check"]
    for x in checks:
        predicate = emit("logical_or", (x.operands[0], unless))
        current_builder().emit("check", (predicate,), x.attributes, source=x.source)


def _of_combinations(
    function: Callable[..., Any],
    operands: Sequence[Any],
    found: list[Either],
    wide: Any,
    used: list[Operation],
) -> Any:
    """The result where the types of several operands depend on different things.

    It is made once, on the wide types, where all combinations agree with these.
    """
    flags = list(dict.fromkeys(x.is_narrow for x in found))
    if len(flags) > MOST_FLAGS:
        raise _TypeNeeded
    try:
        return _agreed(function, operands, found, wide, used, flags)
    except _TypeNeeded:
        return _selected(function, operands, found, wide, flags)


def _selected(
    function: Callable[..., Any],
    operands: Sequence[Any],
    found: list[Either],
    wide: Any,
    flags: Sequence[Value],
) -> Any:
    """The result for each combination of types, of which one is taken: ``max`` of two numbers of two types."""
    result, operations = wide, current_builder().block.operations
    for number in range(1, 1 << len(flags)):
        chosen = [flag for k, flag in enumerate(flags) if number >> k & 1]
        start = len(operations)
        held = {id(x): x.as_narrow() if x.is_narrow in chosen else x.wide for x in found}
        other = function(*_put(operands, held))
        if _has_effect(operations[start:]):
            raise _TypeNeeded
        terms = [f if f in chosen else emit("logical_not", (f,)) for f in flags]
        result = choose(Tracer(_all(terms), "python"), other, result)
        if result is NotImplemented:
            raise _TypeNeeded
    return result


def _agreed(
    function: Callable[..., Any],
    operands: Sequence[Any],
    found: list[Either],
    wide: Any,
    used: list[Operation],
    flags: Sequence[Value],
) -> Any:
    """The result on the wide types, which all combinations have to agree with."""
    kind = kind_of(wide) if not isinstance(wide, Either) else None
    if kind is None and not isinstance(wide, Tracer):
        raise _TypeNeeded
    narrow: Kind | None = None
    where: list[list[Value]] = []
    for number in range(1, 1 << len(flags)):
        chosen = [flag for k, flag in enumerate(flags) if number >> k & 1]
        mine = [x for x in found if x.is_narrow in chosen]
        rest = {id(x): (lambda x=x: x.wide) for x in found if x.is_narrow not in chosen}
        result, tried = _tried(function, operands, rest | {id(x): x.as_narrow for x in mine})
        if isinstance(result, Either):
            raise _TypeNeeded
        other = kind_of(result)
        same = _alike(used, tried) or (
            other is not None
            and len(mine) == len(found)
            and _same_for_constants(function, operands, found, other)
        )
        if not same:
            raise _TypeNeeded
        if _is_type(wide, result):
            continue
        if kind is None or other is None or not embeds(other, kind):
            raise _TypeNeeded
        if narrow is not None and not narrow.is_type(other):
            raise _TypeNeeded
        narrow = other if narrow is None else narrow.joined(other)
        where.append([f if f in chosen else emit("logical_not", (f,)) for f in flags])
    if narrow is None:
        return wide
    is_narrow = _any([_all(terms) for terms in where])
    return Either(as_tracer(wide), is_narrow, narrow)


MOST_FLAGS = 3  # of operands of two types that depend on different things


def _all(terms: Sequence[Value]) -> Value:
    return functools.reduce(lambda a, b: emit("logical_and", (a, b)), terms)


def _any(terms: Sequence[Value]) -> Value:
    return functools.reduce(lambda a, b: emit("logical_or", (a, b)), terms)


def _same_for_constants(
    function: Callable[..., Any], operands: Sequence[Any], found: list[Either], narrow: Kind
) -> bool:
    """Whether the narrow result is a constant that the wide type gives for its constants as well."""
    if narrow.constant is VARIES:
        return False
    if any(x.narrow.constant is VARIES for x in found):
        return False
    wide: dict[int, Callable[[], Any]] = {
        id(x): functools.partial(_constant_in, x.wide, x.narrow.constant) for x in found
    }
    result, _ = _tried(function, operands, wide)
    if isinstance(result, Tracer) or not isinstance(result, (bool, int, float, np.generic)):
        return False
    return _same_constant(result, narrow.constant)


def _constant_in(wide: Tracer, constant: Any) -> Any:
    """A constant as a number of the wide type."""
    held = wide.dtype.type(constant)
    return held.item() if wide.form == "python" else held


def _is_type(a: Any, b: Any) -> bool:
    """Whether two results are of one type (and shape)."""
    if not (isinstance(a, Tracer) and isinstance(b, Tracer)):
        kinds = kind_of(a), kind_of(b)
        return kinds[0] is not None and kinds[1] is not None and kinds[0].is_type(kinds[1])
    return a.dtype == b.dtype and a.form == b.form and a.shape == b.shape


_MIRRORED = {
    "less": "greater", "greater": "less", "less_equal": "greater_equal",
    "greater_equal": "less_equal",
}  # fmt: skip
_CONVERSIONS = ("cast", "constant", "broadcast", "extent_value")


def _alike(a: Sequence[Operation], b: Sequence[Operation]) -> bool:
    """Whether two lists of operations compute in the same types, conversions left aside.

    Then they give the same values, as the wide type holds the narrow numbers exactly.
    """
    first, second = ([x for x in ops if x.kind not in _CONVERSIONS] for ops in (a, b))
    return bool(first) and len(first) == len(second) and all(map(_same_operation, first, second))


def _same_operation(a: Operation, b: Operation) -> bool:
    def types(values: Sequence[Value]) -> list[Any]:
        return [(v.type.dtype, v.type.shape) for v in values]

    mirrored = _MIRRORED.get(a.kind) == b.kind  # Python has asked the other operand
    return (
        (a.kind == b.kind or mirrored)
        and not a.regions
        and not b.regions
        and types(a.operands) == types(b.operands[:: -1 if mirrored else 1])
        and types(a.results) == types(b.results)
        and repr(a.attributes) == repr(b.attributes)
    )


def _has_effect(operations: Sequence[Operation]) -> bool:
    return any(isinstance(ENTRIES[x.kind].lowering, Effect) for x in operations)


__all__ = [
    "VARIES",
    "Either",
    "Kind",
    "Probe",
    "choose",
    "eithers",
    "embeds",
    "is_array",
    "is_in_64_bits",
    "is_of",
    "kind_of",
    "kinds_of",
    "on_both",
    "put_into",
    "stored",
    "union",
]
