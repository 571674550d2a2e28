"""Operators on what the interpreter holds: arithmetic, comparisons, identity, membership, truth."""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, labelled
from autodiff.capture import choices, dataframes
from autodiff.capture.access import as_key, hashable, load_item, stored_items
from autodiff.capture.arrays import Chosen
from autodiff.capture.calls import (
    ask_python,
    call,
    is_no_sequence,
    iterate,
    run_known,
    want_columns,
)
from autodiff.capture.conditions import as_python, python_not, truth
from autodiff.capture.formatting import percent
from autodiff.capture.functions import of_class, own_method
from autodiff.capture.interpreter import EXPRESSIONS, Frame
from autodiff.capture.lists import TracedList
from autodiff.capture.members import row_step
from autodiff.capture.numbering import ArraysMatter
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Guard
from autodiff.capture.pools import RowsMatter
from autodiff.capture.predicates import Predicate
from autodiff.capture.references import Choice, Reference, To
from autodiff.capture.slots import is_listed
from autodiff.capture.stores import is_item, is_unknown
from autodiff.capture.text import DeferredText, characters
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, bounds
from autodiff.ladder import Bail, NotStaged
from autodiff.later import later
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either, choose, is_array
from autodiff.ops.known import check, require_types
from autodiff.ops.tracer import AmbiguousStore, HoldsTracers, Tracer, as_tracer
from autodiff.signals import door, refuse_ours, run_users

if TYPE_CHECKING:
    from autodiff.capture import opaque, regions, words
else:
    words = later("autodiff.capture.words")
    opaque = later("autodiff.capture.opaque")
    regions = later("autodiff.capture.regions")

# What Python calls the operators: ``operator.__add__`` for ``a + b``, ``operator.__iadd__`` for ``a += b``, and the
# methods of a class, ``__add__`` and ``__radd__``.
_NAMES: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
BINARY: dict[type, Callable[[Any, Any], Any]] = {
    kind: getattr(operator, f"__{name}__") for kind, name in _NAMES.items()
}
IN_PLACE: dict[type, Callable[[Any, Any], Any]] = {
    kind: getattr(operator, f"__i{name}__") for kind, name in _NAMES.items()
}
BINARY_OF = {IN_PLACE[kind]: BINARY[kind] for kind in IN_PLACE}  # ``a + b`` for ``a += b``
UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# -- operators of the user's classes ---------------------------------------------------------------
METHODS: dict[Any, tuple[str, str | None]] = {
    **{BINARY[kind]: (f"__{name}__", f"__r{name}__") for kind, name in _NAMES.items()},
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
    operator.neg: ("__neg__", None),
    operator.pos: ("__pos__", None),
    operator.invert: ("__invert__", None),
    divmod: ("__divmod__", "__rdivmod__"),
}
_COMPARES = frozenset(COMPARE.values())
_SYMBOLS: dict[Any, str] = {
    **dict(zip(BINARY.values(), "+ - * / // % ** @ & | ^ << >>".split(), strict=True)),
    **dict(zip(COMPARE.values(), "== != < <= > >=".split(), strict=True)),
    operator.pow: "** or pow()",
    divmod: "divmod()",
}


def apply_binary(
    frame: Frame, function: Any, left: Any, right: Any, node: ast.AST, in_place: bool = False
) -> Any:
    """``left op right``, through the user's own methods where a class defines the operator.

    ``in_place``: for ``left op= right``, which the class of ``left`` has no answer to.
    """
    if function is operator.or_ and not in_place:
        left, right = choices.as_dict(left), choices.as_dict(right)
    left = dataframes.in_place_of(frame.trace, left)
    right = dataframes.in_place_of(frame.trace, right)
    if dataframes.computes_alone(frame.trace, left, right):
        return run_users(function, left, right)
    if labelled.is_foreign(left) != labelled.is_foreign(right):
        if isinstance(left, (Tracer, labelled.Labelled)) and labelled.is_labelled(right):
            right = labelled.lift(right)
        elif isinstance(right, (Tracer, labelled.Labelled)) and labelled.is_labelled(left):
            left = labelled.lift(left)
    result = by_own_methods(frame, function, left, right, node, in_place)
    if result is not NotImplemented:
        return result
    if function is operator.mod and type_of(right) is tuple:
        right = tuple(right)
    if function is operator.mod and isinstance(left, (str, DeferredText)):
        frame.trace.allowance.before_operator(function, left, right)
        return percent(frame, left, right)
    if function is operator.mod and isinstance(left, (bytes, bytearray)):
        opaque.refuse_unseen(frame, (right,), node)
        right = (right,) if isinstance(right, Tracer) and right.form == "python" else right
    if any(isinstance(x, (list, tuple, TracedList)) for x in (left, right)):
        require_types(function, left, right)
    left, right = frame.trace.deep(left), frame.trace.deep(right)
    if function is operator.add or function is operator.mul:
        left, right = stored_items(frame, left), stored_items(frame, right)
    frame.trace.allowance.before_operator(function, left, right)
    asked = telling(function, left, right)
    try:
        result = frame.trace.original(run_known(frame.trace, asked, left, right))
        return frame.trace.fresh(result) if type(result) is dict else result
    except Bail as failure:
        return frame.trace.rerun(failure, function, (left, right), {})


def telling(function: Any, left: Any, right: Any) -> Any:
    """The operator, asked of the right operand if NumPy's integer on the left would hand over to a ufunc.

    Ufuncs do not tell of integers that overflow, as the operators of NumPy's numbers do.
    """
    name = _TELL.get(function)
    if name is None or not (isinstance(left, np.integer) and isinstance(right, Tracer)):
        return function
    return lambda a, b: function(a, b) if (c := getattr(b, name)(a)) is NotImplemented else c


_TELL = {f: METHODS[BINARY_OF.get(f, f)][1]
         for kind in (ast.Add, ast.Sub, ast.Mult) for f in (BINARY[kind], IN_PLACE[kind])}  # fmt: skip


def class_of(x: Any) -> Any:
    """The class that an operand has; of a number that is of two types the wide one."""
    if choices.is_choice(x):
        return choices.class_of(x)
    return type_of(x.wide if isinstance(x, Either) else x)


def by_own_methods(
    frame: Frame, function: Any, left: Any, right: Any, node: ast.AST, in_place: bool = False
) -> Any:
    """What the user's methods answer to ``left op right``, asked in Python's order; else NotImplemented."""
    name, reflected = METHODS.get(function, (None, None))
    asked = [(left, right, name), (right, left, reflected)]
    if isinstance(left, Tracer) and isinstance(right, Tracer):
        return NotImplemented
    first, second = class_of(left), class_of(right)
    compares = function in _COMPARES
    if second is first and not compares:
        del asked[1]
    elif second is not first and reflected is not None and issubclass(second, first):
        if compares or _overrides(first, second, reflected):
            asked.reverse()
    has_own, is_settled = False, True
    for obj, other, method_name in asked:
        numpys = class_of(obj) is np.ndarray or issubclass(class_of(obj), np.generic)
        if numpys and isinstance(other, (int, float, complex)):
            return NotImplemented  # of the user's class or not, it is taken for a number
        if numpys and not isinstance(other, Tracer) and _is_an_object(frame, obj, other, function):
            if obj is left and _defers(obj, other):
                continue
            return _numpys_answer(frame, function, left, right, node)
        method, negates = _own(frame, obj, method_name)
        if method is not None:
            has_own, result = True, call(frame, method, [obj, other], {}, node)
            if result is not NotImplemented:
                return _not(frame, result) if negates else result
        elif not _knows_nothing(class_of(obj), class_of(other), method_name):
            is_settled = False
    if not is_settled or (not has_own and function in (operator.eq, operator.ne)):
        return NotImplemented
    if function is operator.eq:
        return is_same(frame, left, right)
    if function is operator.ne:
        return _not(frame, is_same(frame, left, right))
    raise TypeError(_refusal(function, first, second, in_place))


def _is_an_object(frame: Frame, obj: Any, other: Any, function: Any) -> bool:
    """Whether NumPy's array or number meets an object of the user's, of which NumPy makes an array."""
    if function is operator.matmul and class_of(obj) is not np.ndarray:
        return False
    if isinstance(other, _NO_OBJECTS) or labelled.is_foreign(other):
        return False
    found = containers.kind_of(other)
    is_instance = choices.is_choice(other) or (found is not None and found.name == "instance")
    return is_instance or own_method(frame, other, "__array__") is not None


_PRIORITY_OF_NUMBERS = -1000000.0
_NO_OBJECTS = (np.ndarray, np.generic, labelled.StandIn, HoldsTracers)


def _defers(obj: Any, other: Any) -> bool:
    """Whether NumPy's left operand leaves the answer to a class: ``__array_ufunc__ = None``, or a higher priority."""
    cls, missing = class_of(other), object()
    says = getattr(cls, "__array_ufunc__", missing)
    if says is not missing:
        return says is None
    priority = 0.0 if class_of(obj) is np.ndarray else _PRIORITY_OF_NUMBERS
    return bool(getattr(cls, "__array_priority__", _PRIORITY_OF_NUMBERS) > priority)


def _numpys_answer(frame: Frame, function: Any, left: Any, right: Any, node: ast.AST) -> Any:
    """``left op right`` as NumPy computes it of an array or number and an object of the user's."""
    is_first = class_of(left) is np.ndarray or issubclass(class_of(left), np.generic)
    own, other = (left, right) if is_first else (right, left)
    of_objects = _method(frame, other, "__array__") is None
    if of_objects and class_of(own) is not np.ndarray and not _has_protocol(other):
        own = call(frame, own.item, [], {}, node)
    else:
        other = as_operand_of_array(frame, other, node)
    if not is_first and function in _COMPARES:  # it is asked the other way round
        return apply_binary(frame, _MIRRORED[function], own, other, node)
    pair = (own, other) if is_first else (other, own)
    return apply_binary(frame, function, *pair, node)


_MIRRORED = {
    operator.lt: operator.gt, operator.gt: operator.lt, operator.le: operator.ge,
    operator.ge: operator.le, operator.eq: operator.eq, operator.ne: operator.ne,
}  # fmt: skip


def _has_protocol(x: Any) -> bool:
    return any(hasattr(class_of(x), name) for name in ("__array_ufunc__", "__len__"))


def as_operand_of_array(frame: Frame, x: Any, node: ast.AST) -> Any:
    """What an array computes with in the place of an object of the user's: the array that it gives."""
    if isinstance(x, _NO_OBJECTS):
        return x
    found = containers.kind_of(x)
    method = own_method(frame, x, "__array__")
    if method is None and (found is None or found.name != "instance"):
        return x
    if method is None or hasattr(type(x), "__array_ufunc__") or labelled.is_foreign(x):
        raise Declined("an array beside an object of the user's, which gives an array of objects")
    return call(frame, np.asarray, [x], {}, node)


def _own(frame: Frame, obj: Any, name: str | None) -> tuple[Any, bool]:
    """The user's method, and whether its answer is turned round: ``object`` has ``!=`` ask ``__eq__``."""
    if name == "__ne__" and of_class(class_of(obj), name) is object.__ne__:
        return _method(frame, obj, "__eq__"), True
    return _method(frame, obj, name), False


def _method(frame: Frame, obj: Any, name: str | None) -> Any:
    """The method of the user's class; None of a class that has none, also where which object it is is not known."""
    if choices.is_choice(obj) and (name is None or of_class(choices.class_of(obj), name) is None):
        return None
    return own_method(frame, obj, name)


def _not(frame: Frame, answer: Any) -> Any:
    answer = own_truth(frame, answer)
    return python_not(answer) if isinstance(answer, Tracer) else not answer


def _knows_nothing(cls: type, other: type, name: str | None) -> bool:
    """Whether a class that is not the user's has no answer to an operator with another class."""
    if cls in _NUMBERS:
        return not issubclass(other, _NUMBERS) and other.__module__ != "numpy"
    found = of_class(cls, name or "")
    return found is None or found is getattr(object, name or "", None)


_NUMBERS = (int, float, complex, bool)


def _overrides(first: type, second: type, name: str) -> bool:
    found = of_class(second, name)
    return found is not None and found is not of_class(first, name)


def _refusal(function: Any, first: type, second: type, in_place: bool) -> str:
    """What Python says of operands none of which has an answer."""
    symbol = _SYMBOLS[function]
    if in_place:
        symbol = f"{symbol.split()[0]}="
    if function in _COMPARES:
        kinds = f"instances of '{_name(first)}' and '{_name(second)}'"
        return f"'{symbol}' not supported between {kinds}"
    kinds = f"'{_name(first)}' and '{_name(second)}'"
    return f"unsupported operand type(s) for {symbol}: {kinds}"


def _name(cls: type) -> str:
    """What a class is called in C, as errors of operators name it."""
    return f"numpy.{cls.__name__}" if cls.__module__ == "numpy" else cls.__name__


def own_truth(frame: Frame, obj: Any) -> Any:
    """What is asked where ``obj`` is a condition: the answer of the user's class, if it has one."""
    if isinstance(obj, (Tracer, bool)):
        return obj
    if isinstance(obj, TracedList) and isinstance(obj.extent, Dim):
        low, high = bounds(obj.extent)
        if not (low is not None and low > 0) and not (high is not None and high <= 0):
            return Tracer(as_tracer(np.greater(as_tracer(obj.extent), 0)).value, "python")
    if isinstance(obj, HoldsTracers) and obj.is_keyed:
        return obj.length()  # type: ignore[attr-defined]
    if choices.is_word(obj):
        choices.refuse(obj)
    if choices.is_choice(obj):
        cls = choices.class_of(obj)
        if of_class(cls, "__bool__") is None and of_class(cls, "__len__") is None:
            return True
    for name in ("__bool__", "__len__"):
        method = _method(frame, obj, name)
        if method is not None:
            answer = call(frame, method, [obj], {}, frame.scope.syntax.node)
            refuse_answer(name, answer)
            return answer
    return obj


class Truth(ast.expr):
    """An operand of ``and`` or ``or`` of which nothing but its truth is asked."""

    _fields = ("value",)

    def __init__(self, value: ast.expr) -> None:
        super().__init__()
        self.value = value


def condition(frame: Frame, node: ast.expr) -> Any:
    """What an expression says in the place of a condition: of ``xs and xs[-1] > x`` not which of the two it is."""
    if isinstance(node, ast.BoolOp) and any(map(_may_be_list, node.values)):
        known = [
            ast.copy_location(Truth(part), part) if _may_be_list(part) else part
            for part in node.values
        ]
        node = ast.copy_location(ast.BoolOp(node.op, known), node)
    return own_truth(frame, frame.evaluate(node))


def _may_be_list(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.BoolOp))


EXPRESSIONS[Truth] = lambda frame, node: condition(frame, node.value)


def refuse_answer(name: str, answer: Any) -> None:
    """Raise what Python raises where ``__bool__`` or ``__len__`` gives no bool or no length."""
    kind = type_of(answer)
    given = f"numpy.{kind.__name__.rstrip('_')}" if kind.__module__ == "numpy" else kind.__name__
    if name == "__bool__":
        if kind is not bool:
            raise TypeError(f"__bool__ should return bool, returned {given}")
    elif kind is np.ndarray:
        if answer.ndim or answer.dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
    elif kind is np.bool_ or not hasattr(kind, "__index__"):
        raise TypeError(f"'{given}' object cannot be interpreted as an integer")
    elif isinstance(answer, (int, np.integer)) and answer < 0:
        raise ValueError(_NO_LENGTH)
    elif isinstance(answer, Tracer):
        is_length: Any = np.greater_equal(answer, 0)
        check(is_length, _NO_LENGTH, ValueError)


_NO_LENGTH = "__len__() should return >= 0"


def both_hold(first: Tracer, second: Tracer) -> Any:
    """``first and second`` of two comparisons, without a branch: neither has effects.

    Like ``and`` it is the first that is false, or else the second: Python's bool or NumPy's.
    """
    condition = truth(first)
    if all(x.dtype.kind == "b" and not x.shape for x in (first, second)):
        if first.form == second.form and not isinstance(second, Either):
            both: Any = np.logical_and(condition, truth(second))
            return Tracer(both.value, first.form)
        chosen = choose(condition, second, first)
        if chosen is not NotImplemented:
            return chosen
    return second if condition else first


def compare_pair(frame: Frame, kind: ast.cmpop, left: Any, right: Any) -> Any:
    """One comparison of a chain."""
    if isinstance(kind, (ast.Is, ast.IsNot)):
        same = is_same(frame, left, right)
        if isinstance(kind, ast.Is):
            return same
        return python_not(same) if isinstance(same, Tracer) else not same
    if isinstance(kind, (ast.In, ast.NotIn)):
        frame.trace.refuse_items(left)
        found = _contains(frame, left, right)
        return (
            found
            if isinstance(kind, ast.In)
            else (python_not(found) if isinstance(found, Tracer) else not found)
        )
    if choices.is_word(left) or choices.is_word(right):
        return words.compared(frame.trace, kind, left, right)
    frame.trace.refuse_items(left, right)
    frame.trace.guard_apart(left, right)  # which are equal if they are one
    for side in (left, right):
        if containers.kind_of(side) is not None:
            frame.trace.guard_hashed(side)
    compare, node = COMPARE[type(kind)], frame.scope.syntax.node
    if isinstance(left, Tracer) or isinstance(right, Tracer):
        return apply_binary(frame, compare, left, right, node)
    with frame.trace.comparing_items():
        return apply_binary(frame, compare, left, right, node)


def is_same(frame: Frame, left: Any, right: Any) -> Any:
    """``left is right``: a bool, or a traced one of arrays that a branch chose."""
    if isinstance(left, ComplexTracer) or isinstance(right, ComplexTracer):
        if left is right or not (is_array(left) and is_array(right)):
            return left is right
        sides: list[Any] = [
            x.parts[0] if isinstance(x, ComplexTracer) else None for x in (left, right)
        ]
        if any(x is None for x in sides):
            return False
        cells = [x.parts[0].cell for x, _ in frame.trace.complex_inputs.values()]
        if sides[0].cell is not sides[1].cell and all(
            any(x.cell is c for c in cells) for x in sides
        ):
            frame.trace.tier.decline("an identity test of complex arrays from outside")
        return is_same(frame, *sides)
    for x, other in ((left, right), (right, left)):
        if choices.is_known(x) and left is not right:
            for one, y in itertools.product(choices.objects_of(x), choices.objects_of(other)):
                _check_identity(frame, one, y)
            return choices.same(x, other)
    if _is_value(left) and _is_value(right):
        return _is_one_value(frame, left, right)
    known = any(choices.known_in(x) is not None for x in (left, right))
    if known and not (is_array(left) and is_array(right)):
        return choices.same(left, right)
    _check_identity(frame, left, right)
    if is_singleton(left, right) or is_singleton(right, left):
        return True
    if not (is_array(left) and is_array(right)):
        return False
    if known and not any(isinstance(x.cell, Chosen) for x in (left, right)):
        return choices.same(left, right)
    numbering = frame.trace.numbering
    if numbering.is_carried and (numbering.knows(left) or numbering.knows(right)):
        return numbering.same(left, right)
    heap = frame.trace.heap
    if any(isinstance(x.cell, Chosen) and x.cell.reference is None for x in (left, right)):
        if (
            left.cell is not right.cell
            and regions.cells_of(left).keys() & regions.cells_of(right).keys()
        ):
            raise NotStaged("an identity test of an array that is a part of others")
    same = heap.decided(_identical(frame, heap.reference(left), heap.reference(right)))
    return same if isinstance(same, bool) else Tracer(heap.value_of(same), "python")


_VALUES = (int, float, complex, str, bytes)

# What makes a float that nobody had before.
_ARITHMETIC = frozenset(
    "add subtract multiply divide floor_divide remainder power negative absolute slice".split()
)


def _is_value(x: Any) -> bool:
    """Whether it is a number or text, of which Python may have several objects."""
    if isinstance(x, Tracer):
        return x.form != "array"
    return type(x) in _VALUES or isinstance(x, (np.generic, DeferredText, Dim))


def _is_one_value(frame: Frame, left: Any, right: Any) -> Any:
    """``left is right`` of numbers and texts, of which a program knows what they are, not which object.

    Their types and values tell it where Python keeps one object for a value, and arithmetic makes a float that nobody
    has had before.  Of others it differs between calls with the same values.
    """
    traced = [x for x in (left, right) if isinstance(x, (Tracer, DeferredText, Dim))]
    if left is right and traced:
        return True
    if not any(isinstance(x, Either) for x in traced):
        kind = type_of(left)
        if kind is not type_of(right):
            return False
        if kind in (bool, np.bool_):
            same: Any = np.equal(left, right)
            return as_python(same) if isinstance(same, Tracer) else bool(same)
        if not traced:
            return frame.trace.is_one_constant(left, right)
        if kind not in (int, str, bytes) and _are_made(frame, left, right):
            return False
    raise Declined("whether two numbers or texts are one object")


def _are_made(frame: Frame, left: Any, right: Any) -> bool:
    """Whether each number is from outside or just made, not both from outside, so that they are two."""
    values = [x.value for x in (left, right) if type(x) is Tracer]
    if len(values) < 2 or values[0] is values[1]:
        return False
    given = {id(record.cell.value) for record in frame.trace.inputs}
    made = [
        value.owner is not None
        and value.owner.kind in _ARITHMETIC
        and (value.owner.kind != "slice" or x.form == "scalar")
        for value, x in zip(values, (left, right), strict=True)
    ]
    return any(made) and all(m or id(v) in given for m, v in zip(made, values, strict=True))


def _identical(frame: Frame, a: Reference, b: Reference) -> Predicate:
    """Where two arrays are one."""
    if isinstance(a, Choice):
        first, second = (_identical(frame, x, b) for x in (a.a, a.b))
        return frame.trace.heap.logic.choose(a.predicate, first, second)
    if isinstance(b, Choice):
        return _identical(frame, b, a)
    assert isinstance(a, To) and isinstance(b, To)
    _check_from_outside(frame, a.object.like, b.object.like)
    return _same_array(frame, a.object.like, b.object.like)


def is_singleton(value: Any, singleton: Any) -> bool:
    """``value is singleton``, which a traced Python bool may be."""
    if isinstance(value, Tracer) and isinstance(singleton, bool):
        return value.form == "python" and value.dtype.kind == "b" and bool(value) is singleton
    return value is singleton


def _check_identity(frame: Frame, left: Any, right: Any) -> None:
    """Whether two arrays from outside are one is known for this call only.

    Of what a branch or loop chose, it has to be decided which one it is.
    """
    if left is not right:
        frame.trace.refuse_identity(left, right)
        if isinstance(left, Tracer) and isinstance(right, Tracer):
            if (is_item(left) or is_item(right)) and all(
                is_item(x) or is_listed(x) or is_unknown(x) for x in (left, right)
            ):
                if not frame.trace.numbering.is_carried:
                    raise ArraysMatter("an identity test of an array of a list")
        elif isinstance(left, TracedList) and isinstance(right, TracedList):
            if left.frozen and right.frozen:
                if not frame.trace.shares_rows:
                    raise RowsMatter("an identity test of a list that is an item of a list")
                raise AmbiguousStore("an identity test of a list that is an item of a list")
            frame.trace.refuse_held(left)
            frame.trace.refuse_held(right)
        elif type_of(left) is type_of(right):
            frame.trace.refuse_held(left)
            frame.trace.refuse_held(right)
    if isinstance(left, Tracer) and isinstance(right, Tracer):
        _check_from_outside(frame, left, right)


def _check_from_outside(frame: Frame, left: Tracer, right: Tracer) -> None:
    """Of two arrays from outside of the function nobody looks at each call whether they are one."""
    cells = {id(left.cell), id(right.cell)}
    records = [r for r in frame.trace.inputs if id(r.cell) in cells and r.form == "array"]
    if len(records) == 2 and any(r.leaf is None for r in records):
        frame.trace.tier.decline("an identity test of arrays from outside of the function")


def _same_array(frame: Frame, left: Tracer, right: Tracer) -> Predicate:
    rows = [row_step(x) for x in (left, right)]
    if left.cell is right.cell and rows[0] is not None and rows[1] is not None:
        # Rows of one pool are one array where they have one number, which the run may know alone.
        same_number: Any = np.equal(rows[0].number, rows[1].number)
        if not isinstance(same_number, Tracer):
            return bool(same_number)
        return frame.trace.heap.logic.of(Tracer(as_tracer(same_number).value, "python"))
    if left.cell is right.cell or left.path != right.path:
        return left.cell is right.cell and left.path == right.path
    # Two arguments, whole: at another call they may be one object, or no longer be one.
    records = [r for r in frame.trace.inputs if r.cell in (left.cell, right.cell)]
    if len(records) != 2 or left.path or any(r.leaf is None for r in records):
        return False
    one, other = records
    same: bool = one.example is other.example
    frame.trace.guards.append(Guard(one.path, "alias" if same else "apart", other.path))
    return same


@door
def _is_in(item: Any, container: Any) -> bool:
    # No generator, which would not be marked: an ``__eq__`` of the user's may change the container.
    for x in container:  # noqa: SIM110
        if x is item or x == item:
            return True
    return False


def _is_one_of(frame: Frame, word: Any, container: Any) -> Any:
    """``word in names``, of a string that is known by its number."""
    want_columns(frame, container, word)
    if type(container) is str:  # text that it is a part of
        return words.is_in(frame.trace, word, container)
    is_of_names = isinstance(container, (tuple, list, set, frozenset))
    if not is_of_names or not all(type(x) is str for x in container):
        choices.refuse(word)
    frame.trace.refuse_items(container)
    return words.is_in(frame.trace, word, set(iterate(frame, container)))


def _contains(frame: Frame, item: Any, container: Any) -> Any:
    if isinstance(container, Tracer):
        require_types(operator.contains, container, 0)
        found: Any = np.any(container == item)
        return as_python(found) if isinstance(found, Tracer) else bool(found)
    if isinstance(container, HoldsTracers) and container.is_keyed:
        return container.has(item)  # type: ignore[attr-defined]
    if choices.is_word(item):
        return _is_one_of(frame, item, container)
    container = choices.as_dict(container)
    want_columns(frame, container, item)
    if isinstance(container, (bytes, bytearray)) and isinstance(item, Tracer):
        if item.form != "python":
            raise Declined("a search for the memory of an array")
        require_types(operator.contains, container, item)
    if type(container) is dict and hashable(item) and frame.trace.state.changes(container):
        try:
            load_item(frame, container, item, frame.scope.syntax.node)
        except KeyError as error:
            refuse_ours(error)
            return False
        return True
    if isinstance(container, str):
        require_types(operator.contains, container, item)
    elif is_no_sequence(container) and not hasattr(type(container), "__contains__"):
        ask_python(lambda x: item in x, container)
    method = own_method(frame, container, "__contains__")
    if method is not None:
        return call(frame, method, [container, item], {}, frame.scope.syntax.node)
    if isinstance(container, TracedList):
        holders = container.places_of(item)
        if holders is not None:
            return as_python(np.any(holders))
    container = stored_items(frame, frame.trace.deep(container))
    if isinstance(container, (Set, dict)):
        as_key(frame, item)
    if id(container) in frame.trace.instances:
        container = list(iterate(frame, container))
    if isinstance(item, Tracer) or (
        isinstance(container, (list, tuple)) and any(isinstance(x, Tracer) for x in container)
    ):
        with frame.trace.comparing_items():
            return _is_in(item, container)
    frame.trace.advancing((container,))
    items = (item, *container) if isinstance(container, (list, tuple, set, dict)) else (item,)
    if any(own_method(frame, x, "__eq__") is not None for x in items):
        opaque.refuse_unseen(frame, items)
    for x in items[1:]:
        frame.trace.guard_apart(item, x)
    if isinstance(container, str):
        item = characters(item)
    if not isinstance(container, (list, tuple, Set, dict)):  # what it yields is known by no path
        opaque.refuse_unseen(frame, (item,))
    with frame.trace.comparing_items():
        return run_users(operator.contains, container, item)
