"""Evaluation of expressions: one small handler for each node of the syntax tree."""

from __future__ import annotations

import ast
import math
import operator
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from autodiff.capture import choices
from autodiff.capture.access import (
    as_key,
    attribute,
    call_of_choice,
    load_attribute,
    load_item,
    subscript,
)
from autodiff.capture.assignment import assign
from autodiff.capture.calls import (
    SPECIAL_TYPES,
    ask_python,
    call,
    dict_made,
    is_no_sequence,
    iterate,
    run_known,
    unpacked,
)
from autodiff.capture.conditions import python_not
from autodiff.capture.effects import append_outside
from autodiff.capture.formatting import joined, text_of
from autodiff.capture.functions import Closure, make_closure, own_method, standing_for
from autodiff.capture.given import transposed
from autodiff.capture.interpreter import EXPRESSIONS, Frame
from autodiff.capture.operators import (
    BINARY,
    METHODS,
    UNARY,
    apply_binary,
    both_hold,
    compare_pair,
    condition,
    own_truth,
)
from autodiff.capture.origins import is_own
from autodiff.capture.trace import Declined
from autodiff.ladder import NotStaged
from autodiff.later import enter_later, later
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer
from autodiff.signals import door, run_users

if TYPE_CHECKING:
    from autodiff.capture import comprehensions, holders, staging
else:
    holders = later("autodiff.capture.holders")
    staging = later("autodiff.capture.staging")
    comprehensions = later("autodiff.capture.comprehensions")


def _constant(frame: Frame, node: ast.Constant) -> Any:
    return node.value


def _name(frame: Frame, node: ast.Name) -> Any:
    return frame.load(node.id, node)


def _binary(frame: Frame, node: ast.BinOp) -> Any:
    # The tree of a sum is nested to the left as deep as the sum has terms.
    nested = [node]
    while type(nested[-1].left) is ast.BinOp:
        nested.append(nested[-1].left)
    left = frame.evaluate(nested[-1].left)
    for inner in reversed(nested):
        right = frame.evaluate(inner.right)
        frame.at(inner)
        left = apply_binary(frame, BINARY[type(inner.op)], left, right, inner)
    return left


def _unary(frame: Frame, node: ast.UnaryOp) -> Any:
    value = frame.evaluate(node.operand)
    frame.at(node)
    if isinstance(node.op, ast.Not):
        value = own_truth(frame, value)
        if frame.trace.tier.stages(value):
            return python_not(value)
        return run_users(operator.not_, value)
    function = UNARY[type(node.op)]
    method = own_method(frame, value, METHODS[function][0])
    if method is None:
        return run_known(frame.trace, function, value)
    return call(frame, method, [value], {}, node)


def _boolean(frame: Frame, node: ast.BoolOp) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value: Any = None
    for position, part in enumerate(node.values):
        value = frame.evaluate(part)
        last = position == len(node.values) - 1
        if not last and frame.trace.tier.stages(value):
            return staging.stage_boolean(frame, value, node, position)
        if not last and run_users(bool, own_truth(frame, value)) == stop_at:
            return value
    return value


def _compare(frame: Frame, node: ast.Compare) -> Any:
    return _Chain(frame, node).holds_from(0, frame.evaluate(node.left))


class _Chain:
    """A chain of comparisons: like ``and``, none is made after one that does not hold."""

    def __init__(self, frame: Frame, node: ast.Compare) -> None:
        self.frame, self.node = frame, node
        # What is after a link before this one may not be computed where Python would not.
        self.cheap_from = 0
        self.is_tried = False  # whether a link before it is trying what is after it

    def holds_from(self, position: int, left: Any) -> Any:
        """The comparisons from one on."""
        frame, node = self.frame, self.node
        right = frame.evaluate(node.comparators[position])
        frame.at(node)
        part = compare_pair(frame, node.ops[position], left, right)
        if position == len(node.ops) - 1:
            return part

        def others() -> Any:
            return self.holds_from(position + 1, right)

        test = own_truth(frame, part)
        if not frame.trace.tier.stages(test):
            return others() if run_users(bool, test) else part
        rest = node.comparators[position + 1 :]
        if position >= self.cheap_from and isinstance(part, Tracer):
            if all(_is_short(frame, x) for x in rest):
                later = self._tried(test, others)
                if later is not None:
                    return both_hold(part, later)
            self.cheap_from = max(self.cheap_from, position + 1)
            if self.is_tried:
                raise NotStaged("a comparison that takes a branch")
        return staging.stage_choice(frame, test, others, lambda: part, node)

    def _tried(self, test: Tracer, others: Callable[[], Any]) -> Tracer | None:
        outer, self.is_tried = self.is_tried, True
        try:
            return staging.harmless(self.frame, test, others)
        finally:
            self.is_tried = outer


def _is_short(frame: Frame, node: ast.expr) -> bool:
    """Whether an operand of a comparison calls nothing of the user's that is not found by a name of Python's."""
    calls = [
        x
        for x in ast.walk(node)
        if not comprehensions.is_harmless(x, (ast.Attribute, ast.Subscript))
    ]
    return all(
        isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id in ("len", "abs")
        for x in calls
    )


def _conditional(frame: Frame, node: ast.IfExp) -> Any:
    test = condition(frame, node.test)
    if frame.trace.tier.stages(test):
        return staging.stage_choice(
            frame,
            test,
            lambda: frame.evaluate(node.body),
            lambda: frame.evaluate(node.orelse),
            node,
        )
    return frame.evaluate(node.body if run_users(bool, test) else node.orelse)


def _tuple(frame: Frame, node: ast.Tuple) -> Any:
    return tuple(_elements(frame, node.elts))


def _list(frame: Frame, node: ast.List) -> Any:
    return frame.trace.fresh(frame.trace.new_list(_elements(frame, node.elts)))


def _set(frame: Frame, node: ast.Set) -> Any:
    return dict_made(frame, node, {as_key(frame, x) for x in _elements(frame, node.elts)})


def _elements(frame: Frame, nodes: list[ast.expr]) -> list[Any]:
    items: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            taken = frame.evaluate(node.value)
            if is_no_sequence(taken):
                ask_python(lambda x: [*x], taken)
            items.extend(unpacked(frame, taken))
        else:
            items.append(frame.evaluate(node))
    return items


def _dict(frame: Frame, node: ast.Dict) -> Any:
    result: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            entries = choices.as_dict(frame.evaluate(value))
            _refuse_no_mapping(frame, entries)
            result.update(_entries(frame, entries, node))
        else:
            hashed = as_key(frame, frame.evaluate(key))
            result[hashed] = frame.evaluate(value)
    return dict_made(frame, node, result)


def _as_named(function: Any) -> Any:
    """What Python names in the errors of a call."""
    if isinstance(function, Closure):
        return standing_for(function)
    if is_own(function):
        raise Declined("what Python says of a call of a method of what is traced")
    return function


def _refuse_no_mapping(frame: Frame, x: Any, function: Any = None) -> None:
    """Python's error of what is no mapping, in ``{**x}`` or a call ``f(**x)``."""
    if not isinstance(x, (Tracer, StoredList)):
        if isinstance(x, Mapping) or hasattr(type(x), "keys"):
            return
        if own_method(frame, x, "__getattr__") is not None or own_method(
            frame, x, "__getattribute__"
        ):
            return
    function = _as_named(function)

    def put(entries: Any) -> None:
        function(**entries) if function is not None else {**entries}

    ask_python(put, x)


@door
def _refuse_twice(function: Any, keywords: Any, given: Any) -> None:
    """Raise Python's error of a keyword that a call has twice."""
    function(**dict.fromkeys(keywords), **dict.fromkeys(given))


def _entries(frame: Frame, mapping: Any, node: ast.AST) -> Any:
    """What ``**mapping`` adds."""
    if own_method(frame, mapping, "__getitem__") is None:
        entries = frame.trace.deep(mapping)
        return {key: frame.trace.original(entries[key]) for key in entries}
    keys = call(frame, load_attribute(frame, mapping, "keys", node), [], {}, node)
    return {key: load_item(frame, mapping, key, node) for key in iterate(frame, keys)}


SPECIAL_TYPES[choices.Method] = call_of_choice


def _slice(frame: Frame, node: ast.Slice) -> slice:
    parts = (node.lower, node.upper, node.step)
    return slice(
        *[None if part is None else frame.trace.as_index(frame.evaluate(part)) for part in parts]
    )


def _call(frame: Frame, node: ast.Call) -> Any:
    receiver = _appending(frame, node)
    function = frame.evaluate(node.func) if receiver is None else receiver[1]
    arguments: list[Any] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items = frame.evaluate(argument.value)
            if function is zip and len(node.args) == 1 and _is_strict_or_not(node):
                columns = transposed(items)  # all of one length
                if columns is not None:
                    return frame.trace.fresh(iter(columns))
            arguments.extend(_starred(frame, function, items, len(node.args) == 1))
        elif isinstance(argument, ast.GeneratorExp) and _takes_all(function, node):
            arguments.append(_generated(frame, argument))
        elif isinstance(argument, ast.GeneratorExp) and (function is any or function is all):
            found = comprehensions.rolled_truth(frame, argument, function is any)
            if isinstance(found, (bool, Tracer)):
                return found
            arguments.append(found)
        else:
            arguments.append(frame.evaluate(argument))
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        value = frame.evaluate(keyword.value)
        if keyword.arg is None:
            _refuse_no_mapping(frame, value, function)
            given = _entries(frame, value, node)
        else:
            given = {keyword.arg: value}
        if not keywords.keys().isdisjoint(given):
            _refuse_twice(_as_named(function), keywords, given)
        run_users(keywords.update, given)
    frame.at(node)
    if receiver is not None and receiver[0] and len(arguments) == 1 and not keywords:
        return append_outside(frame, function, arguments[0], node)
    if function is super and not arguments:
        return _super(frame)
    if not isinstance(function, (FunctionType, MethodType, Closure, type)):
        made = call(frame, function, arguments, keywords, node)
        if type(made) is dict and function == dict.fromkeys:
            return dict_made(frame, node, made)
        return made
    if (function is dict or function is deque) and len(arguments) == 1 and not keywords:
        (given,) = arguments
        if isinstance(given, HoldsTracers) and given.is_keyed:
            if function is dict or given.python_type is deque:
                return given.copied()  # type: ignore[attr-defined]
    if function in (dict, defaultdict, Counter):
        return dict_made(frame, node, call(frame, function, arguments, keywords, node))
    frame.trace.is_alone = holders.is_alone(frame, node)
    try:
        made = call(frame, function, arguments, keywords, node)
    finally:
        frame.trace.is_alone = False
    return dict_made(frame, node, made) if function is set or function is deque else made


def _starred(frame: Frame, function: Any, items: Any, is_alone: bool) -> Any:
    """What ``f(*items)`` is called with; Python's error names the function where nothing stands beside it."""
    if not is_no_sequence(items):
        return unpacked(frame, items)
    function = _as_named(function)

    def call_with(x: Any) -> None:
        function(*x) if is_alone else [*x]

    ask_python(call_with, items)
    return unpacked(frame, items)


def _generated(frame: Frame, node: ast.GeneratorExp) -> Any:
    """The list of the items of a generator that is gone through at once."""
    try:
        return comprehensions.list_comprehension(frame, node)
    except StopIteration as error:
        cause = error
    run_users(_raise, RuntimeError("generator raised StopIteration"), cause)


@door
def _raise(error: Exception, cause: Exception) -> None:
    raise error from cause


def _is_strict_or_not(node: ast.Call) -> bool:
    """Whether a call has no other keyword than ``strict=True`` or ``strict=False``."""
    return all(k.arg == "strict" and isinstance(k.value, ast.Constant) for k in node.keywords)


def _appending(frame: Frame, node: ast.Call) -> tuple[bool, Any] | None:
    """For ``history.append(x)``: whether the list is one from outside, and it or its method.

    Such a list is not read here, so its length does not shape the program.
    """
    method, trace = node.func, frame.trace
    if not isinstance(method, ast.Attribute) or method.attr != "append":
        return None
    if not trace.tier.holds_back:
        return None
    before = len(trace.lengths)
    owner = frame.evaluate(method.value)
    if type(owner) is not list or not trace.is_external(owner):
        frame.at(method)
        return False, load_attribute(frame, owner, "append", method)
    mine = [guard for key, guard in trace.lengths[before:] if key == id(owner)]
    trace.lengths[before:] = [(k, g) for k, g in trace.lengths[before:] if g not in mine]
    trace.guards = [g for g in trace.guards if not any(g is m for m in mine)]
    return True, owner


# Functions that go through a whole generator before anything else happens.
_TAKES_ALL = (sum, list, tuple, min, max, sorted, math.fsum, math.prod)
# Of a module that is not imported for these.
_STATISTICS = frozenset(
    "mean fmean geometric_mean harmonic_mean median pvariance variance pstdev stdev".split()
)


def _takes_all(function: Any, node: ast.Call) -> bool:
    if (function is min or function is max) and any(k.arg == "key" for k in node.keywords):
        return False  # it is called for an item before the next one is made
    if any(function is f for f in _TAKES_ALL):
        return True
    named = isinstance(function, FunctionType) and function.__module__ == "statistics"
    return named and function.__name__ in _STATISTICS


def _super(frame: Frame) -> Any:
    scope = frame.scope
    cell = scope.closure.get("__class__")
    first = next(iter(scope.syntax.node.args.args), None)
    if cell is None or first is None:
        raise Declined("super() outside of a method")
    return super(cell.cell_contents, scope.locals[first.arg])


def _lambda(frame: Frame, node: ast.Lambda) -> Any:
    return make_closure(frame, node)


def _walrus(frame: Frame, node: ast.NamedExpr) -> Any:
    value = frame.evaluate(node.value)
    assign(frame, node.target, value)
    return value


def _formatted(frame: Frame, node: ast.JoinedStr) -> Any:
    texts: list[Any] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            texts.append(part.value)
            continue
        assert isinstance(part, ast.FormattedValue)
        value = frame.evaluate(part.value)
        specification = "" if part.format_spec is None else str(frame.evaluate(part.format_spec))
        frame.at(node)
        if part.conversion > 0:
            value = text_of(frame, value, chr(part.conversion))
        texts.append(text_of(frame, value, "", specification))
    return joined(frame, texts)


EXPRESSIONS.update(
    {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _boolean,
        ast.Compare: _compare,
        ast.IfExp: _conditional,
        ast.Tuple: _tuple,
        ast.List: _list,
        ast.Set: _set,
        ast.Dict: _dict,
        ast.Attribute: attribute,
        ast.Subscript: subscript,
        ast.Slice: _slice,
        ast.Call: _call,
        ast.Lambda: _lambda,
        ast.NamedExpr: _walrus,
        ast.JoinedStr: _formatted,
    }
)
enter_later(
    EXPRESSIONS,
    "autodiff.capture.comprehensions",
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
