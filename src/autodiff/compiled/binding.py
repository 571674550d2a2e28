"""What a call is bound to: a slot for each parameter, and the leaves of the containers in them.

    def loss(params, X, mode="l2"): …         loss({"w": w, "b": 0.5}, X)

    slots    ({"w": w, "b": 0.5}, X, "l2")
    leaves   [0.5, w, X, "l2"]                roles  [array, array, array, static]
    paths    ["args[0]['b']", "args[0]['w']", "args[1]", "args[2]"]
    key      types, dtypes and shapes, static values, the containers, what is left at its default

Calls of one *key* may be answered by one specialisation; calls of one *structure*, which leaves
out sizes of arrays and values of ints, by one that reads those at run time.
"""

from __future__ import annotations

import functools
import inspect
from collections import deque
from collections.abc import Callable, Sequence, Set
from dataclasses import field
from types import FunctionType, MethodType
from typing import Any, ClassVar

import numpy as np

from autodiff import tree
from autodiff.capture.given import is_whole, kind_of
from autodiff.capture.origins import is_read_piecewise
from autodiff.ops.complex_numbers import parts_of_complex
from autodiff.plain_data import dataclass
from autodiff.tables import Column, Table, columns_of
from autodiff.transform.plans import Transformation


def _is_table(x: Any) -> bool:
    return type(x) is Table


NOT_GIVEN = object()  # in Call.given: the parameter has its default
Rebuild = Callable[..., tuple[list[Any], dict[str, Any]]]


@dataclass
class Call:
    """One call, bound and flattened."""

    slots: tuple[Any, ...]  # one object per parameter
    leaves: list[Any]
    roles: list[str]
    paths: list[str]
    names: list[str | None]
    slot_of: list[int]
    definitions: list[Any | None]
    key: tuple[Any, ...]
    given: tuple[Any, ...]  # the slots, with a marker for parameters left at their default
    positional: int | None = None  # arguments given by position, where that is passed on as given
    left_out: frozenset[int] = frozenset()  # parameters that are not passed on
    lists: frozenset[int] = frozenset()  # leaves that are lists of numbers: one array each
    as_given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})  # arguments and keywords
    wholes: dict[int, Any] = field(default_factory=dict)  # complex leaves, read as their parts
    tabled: tuple[Any, ...] = ()  # the slots with lists of records as tables

    @property
    def has_tables(self) -> bool:
        """Whether lists of records among the arguments are columns."""
        return not _identical(self.tabled, self.slots)

    @property
    def columns(self) -> dict[int, Column]:
        """The leaves that are columns of floats in lists of records."""
        found: dict[int, Column] = {}
        for slot in self.tabled:
            is_nested = tree.is_container(slot)
            parts = tree.flatten_argument(slot, _is_table)[0] if is_nested else [slot]
            for table in filter(_is_table, parts):
                columns = columns_of(table.layout)
                found |= {id(table.columns[column.number]): column for column in columns}
        return {k: found[id(x)] for k, x in enumerate(self.leaves) if id(x) in found}

    @property
    def can_be_taken_apart(self) -> bool:
        """Whether there is another way to take it: the items of lists one by one."""
        return bool(self.lists) or self.has_tables

    def structure(self) -> tuple[Any, ...]:
        """The signature without the sizes of arrays and the values of ints."""
        parts = [
            (role, leaf.dtype, leaf.ndim)
            if is_complex(role)
            else (leaf.dtype, leaf.dtype.num, leaf.ndim, type(leaf))
            if isinstance(leaf, np.ndarray)
            else leaf_key(leaf, role)[:-1]
            if k in self.lists
            else "int"
            if is_int(leaf, role)
            else leaf_key(leaf, role)
            for k, (leaf, role) in enumerate(zip(self.leaves, self.roles, strict=True))
        ]
        return (*parts, *self.definitions, *self.key[-2:])

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each leaf, () for those that are no arrays."""
        return [
            x.shape if isinstance(x, np.ndarray) else (len(x),) if k in self.lists else ()
            for k, x in enumerate(self.leaves)
        ]

    def whole(self) -> Call:
        """The call itself; what was only recognised is bound here."""
        return self


class Recognised:
    """What running a specialisation needs of a call like one seen before."""

    __slots__ = ("_bind", "leaves", "slots")
    wholes: ClassVar[dict[int, Any]] = {}  # calls with complex leaves are not recognised

    def __init__(self, slots: tuple[Any, ...], leaves: list[Any], bind: Callable[[], Call]) -> None:
        self.slots = slots
        self.leaves = leaves
        self._bind = bind

    def whole(self) -> Call:
        """The call, bound and flattened."""
        return self._bind()


class Signature:
    """The parameters of a function, and calls bound to them: one slot per parameter."""

    def __init__(self, function: Any) -> None:
        self.function = function
        # Whether defaults may change between calls, which is looked for where they are used.
        self.live = isinstance(function, FunctionType)
        self.holder = _holder(function)
        # ``def wrapper(*args, **kwargs)`` around a function: parameters are named as that one's, but
        # the wrapper gets the arguments in the way they were given, and no defaults.
        self.forwards = self.live and hasattr(function, "__wrapped__") and _forwards(function)
        # So it is with one inside of a transformation, until a call does not fit the function.
        self.follows = not self.live
        # A transformation tells the arguments of its call from defaults: those are not made given.
        self.tells = hasattr(function, "__autodiff_inline__")
        self._read(function)

    def _read(self, function: Any) -> None:
        self._defaults = self._current_defaults()
        try:
            # The signature of a ufunc names options (where, casting) that have no neutral default,
            # and what wraps a ufunc, as its gradient does, is asked for that of the ufunc.
            self.signature: inspect.Signature | None = (
                None
                if isinstance(_innermost(function), np.ufunc)
                else inspect.signature(function, follow_wrapped=self.forwards)
                if self.live
                else signature_of(function, self.follows)
            )
        except (TypeError, ValueError):
            self.signature = None
        self.parameters = list(self.signature.parameters.values()) if self.signature else []
        if self.holder is not None and not self.live:
            named = [p.name for p in self.parameters if p.default is not p.empty]
            if isinstance(self.holder, FunctionType) and not set(named) <= set(
                self.holder.__code__.co_varnames
            ):
                self.holder = None  # the signature is that of what it wraps
        kinds = [p.kind for p in self.parameters]
        self.plain = self.signature is not None and all(
            k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for k in kinds
        )
        self.names = [p.name for p in self.parameters]
        self.title = getattr(function, "__name__", "f")

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The slots of a call: the value of each parameter, defaults included."""
        return self.bind_telling(args, kwargs)[0]

    def bind_telling(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], frozenset[int]]:
        """The slots of a call, and which of them hold the parameter's default."""
        if self.plain and not kwargs and len(args) == len(self.parameters):
            return args, frozenset()
        if self.holder is not None and not _identical(self._defaults, self._current_defaults()):
            self._read(self.function)
        if self.signature is None:
            if isinstance(self.holder, Preset):
                self.holder.check()
            return args, frozenset()
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            unfit: str | None = str(error)
        else:
            unfit = None
        if unfit is not None:  # beyond the handler: Python's own error is in the context of none
            if self.forwards or self.follows:  # the wrapper takes arguments of its own
                self.forwards = self.follows = False
                self._read(self.function)
                return self.bind_telling(args, kwargs)
            if self.live or isinstance(self.function, type):
                self.function(*args, **kwargs)  # raises Python's own error
            raise TypeError(f"{self.title}() {unfit}")
        given = set(bound.arguments)
        if self.forwards:
            found = [bound.arguments.get(p.name, _nothing(p)) for p in self.parameters]
            return tuple(found), frozenset(
                k for k, p in enumerate(self.parameters) if p.name not in given
            )
        bound.apply_defaults()
        slots = tuple([bound.arguments[p.name] for p in self.parameters])
        return slots, frozenset(k for k, p in enumerate(self.parameters) if p.name not in given)

    def _current_defaults(self) -> tuple[Any, ...]:
        return _defaults_of(self.holder)

    def unbind(
        self,
        slots: Sequence[Any],
        left_out: frozenset[int] = frozenset(),
        positional: int | None = None,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Arguments and keywords that bind to ``slots``, the first ``positional`` by position."""
        if self.signature is None:
            return list(slots), {}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        if positional is None and left_out:
            positional = min(left_out)
        for k, (parameter, value) in enumerate(zip(self.parameters, slots, strict=True)):
            if k in left_out:
                continue
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                args.extend(value)
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                kwargs.update(value)
            elif parameter.kind is inspect.Parameter.KEYWORD_ONLY or (
                positional is not None and k >= positional
            ):
                kwargs[parameter.name] = value
            else:
                args.append(value)
        return args, kwargs


class Preset:
    """The defaults of a ``functools.partial``: its keywords, and the defaults of the function inside."""

    __slots__ = ("partial",)

    def __init__(self, partial: functools.partial[Any]) -> None:
        self.partial = partial

    def now(self) -> tuple[Any, ...]:
        """Names and values, which the user may have changed."""
        keywords = self.partial.keywords
        return (*keywords, *keywords.values(), *_defaults_of(_holder(self.partial.func)))

    def check(self) -> None:
        """Raise where the function inside does not take what is preset."""
        function = self.partial.func
        try:
            inside = inspect.signature(function)
        except (TypeError, ValueError):  # of a function in C
            return
        try:
            inside.bind_partial(*self.partial.args, **self.partial.keywords)
        except TypeError as error:
            unfit = f"{getattr(function, '__name__', 'f')}() {error}"
        else:
            return
        raise TypeError(unfit)

    def are(self, then: tuple[Any, ...]) -> bool:
        """Whether they are what they were."""
        return _identical(self.now(), then)


def _holder(function: Any) -> FunctionType | Preset | None:
    """What has the defaults of a call: the function of a method or of a callable object, a partial."""
    if isinstance(function, functools.partial):
        return Preset(function)
    if isinstance(function, MethodType):
        function = function.__func__
    elif not isinstance(function, FunctionType | type):
        function = getattr(type(function), "__call__", None)  # noqa: B004 - as a call finds it
    return function if isinstance(function, FunctionType) else None


def _defaults_of(holder: FunctionType | Preset | None) -> tuple[Any, ...]:
    if holder is None:
        return ()
    if isinstance(holder, Preset):
        return holder.now()
    by_keyword = holder.__kwdefaults__ or {}
    return (*(holder.__defaults__ or ()), *by_keyword, *by_keyword.values())


def _identical(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


# Parameters whose default cannot be left to Python once a later one is passed, or that have none.
_FIXED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)


def by_position(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, to be passed by position where it may be either way."""
    if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return parameter
    return parameter.replace(kind=inspect.Parameter.POSITIONAL_ONLY)


def _innermost(function: Any) -> Any:
    """The function inside of wrappers and ``functools.partial``."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    return function


def signature_of(function: Any, follow: bool = True) -> inspect.Signature:
    """The signature of what transformations are around.

    That of a function under ``functools.wraps`` which takes arguments of its own is its own;
    unless ``follow``, so is that of one that takes any.
    """
    while getattr(type(function), "__autodiff_wraps__", False):
        function = function.__wrapped__
    called = function
    while isinstance(called, functools.partial):
        called = called.func
    if type(called) is np.vectorize and called is function and callable(called.pyfunc):
        found = inspect.signature(called.pyfunc)
        # Defaults are not passed on: they would be taken for elements.
        if all(p.default is p.empty and p.kind not in _FIXED for p in found.parameters.values()):
            return found
    called = called.__func__ if isinstance(called, MethodType) else called
    own = isinstance(called, FunctionType) and not (follow and _forwards(called))
    return inspect.signature(function, follow_wrapped=not own)


def _forwards(function: FunctionType) -> bool:
    kinds = [p.kind for p in inspect.signature(function, follow_wrapped=False).parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]


def _nothing(parameter: inspect.Parameter) -> Any:
    """What stands for a parameter that is not passed on."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return ()
    return {} if parameter.kind is inspect.Parameter.VAR_KEYWORD else None


def not_passed_on(
    signature: Signature, named: Set[int], defaulted: frozenset[int]
) -> frozenset[int]:
    """The defaults that are left out in calling a transformation, as they were by its caller.

    Those named in ``wrt`` are passed, and what stands before one that goes by position only.
    """
    if signature.signature is None:  # of a ufunc, which has no defaults
        return frozenset()
    last = max(
        (k for k in named if signature.parameters[k].kind is inspect.Parameter.POSITIONAL_ONLY),
        default=-1,
    )
    return frozenset(k for k in defaulted - named if k > last)


def _left_out(
    signature: Signature,
    transformation: Transformation,
    slots: tuple[Any, ...],
    given: tuple[Any, ...],
    defaulted: frozenset[int],
) -> frozenset[int]:
    """Parameters that Python fills in: a list, dict or object among the defaults is itself, and remembers changes."""
    if signature.forwards:
        return defaulted
    if signature.tells:
        return not_passed_on(signature, transformation.named_slots(signature, given), defaulted)
    if not signature.live:
        return frozenset()
    named = transformation.named_slots(signature, given)
    return frozenset(
        k
        for k in defaulted - named
        if _holds_changeable(slots[k]) and signature.parameters[k].kind not in _FIXED
    )


def _holds_changeable(x: Any) -> bool:
    """Whether a default is, or holds, what can change, or is one object: more than numbers and tuples of them."""
    if isinstance(x, (list, dict, set, deque)):
        return True
    return tree.is_container(x) and not all(isinstance(part, tuple) for part in tree.nodes([x]))


def flattened(
    signature: Signature,
    transformation: Transformation,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    whole: bool = False,
    tables: bool = False,
) -> Call:
    """Bind a call and flatten its arguments.

    ``whole``: lists of numbers are leaves; ``tables``: lists of records are their columns.
    """
    slots, defaulted = signature.bind_telling(args, kwargs)
    if not transformation.is_value:
        slots = tuple(map(as_numbers, slots))
    given, left_out = slots, frozenset[int]()
    if defaulted:
        given = tuple([NOT_GIVEN if k in defaulted else x for k, x in enumerate(slots)])
        left_out = _left_out(signature, transformation, slots, given, defaulted)
        slots = tuple([None if k in left_out else x for k, x in enumerate(slots)])
    floats = transformation.integer_slots_as_float(signature, given)
    leaves: list[Any] = []
    roles: list[str] = []
    paths: list[str] = []
    names: list[str | None] = []
    slot_of: list[int] = []
    definitions: list[Any | None] = []
    lists: list[int] = []
    wholes: dict[int, Any] = {}
    key: list[Any] = []
    orders: list[Any] = []
    titles = signature.names
    tabled: list[Any] = []
    for k, slot in enumerate(slots):
        as_float = k in floats
        name = titles[k] if k < len(titles) else None
        parts, definition = [slot], None
        reached: Sequence[str] = (f"args[{k}]",)
        contains_itself = False
        if tree.is_container(slot) and not (whole and is_whole(slot)):
            try:
                if tables:
                    kinds = "f" if as_float else "fi" if not transformation.is_value else "fib"
                    slot = _with_tables(signature, k, slot, kinds)
                parts, definition = tree.flatten_argument(slot, is_whole if whole else None)
            except RecursionError:
                contains_itself = True  # an object as any other
            else:
                key.append(definition)
                orders += tree.key_orders(slot)
                reached = tree.paths(definition, f"args[{k}]")
        definitions.append(definition)
        tabled.append(slot)
        for part, path in zip(parts, reached, strict=True):
            role = "static" if contains_itself else classify(part, as_float)
            if whole and not contains_itself and type(part) in (list, tuple):
                lists.append(len(leaves))
            if is_complex(role):
                wholes[len(leaves)] = part
            leaves.append(parts_of_complex(part) if is_complex(role) else part)
            roles.append(role)
            paths.append(path)
            names.append(name if path == f"args[{k}]" else None)
            slot_of.append(k)
            key.append(leaf_key(part, role))
    positional = len(args) if signature.forwards else None
    key += [tuple(orders), (defaulted, positional)]
    return Call(
        slots,
        leaves,
        roles,
        paths,
        names,
        slot_of,
        definitions,
        tuple(key),
        given,
        positional,
        left_out,
        frozenset(lists),
        (args, kwargs),
        wholes,
        tuple(tabled),
    )


def _with_tables(signature: Signature, k: int, slot: Any, kinds: str) -> Any:
    """The value of a parameter with its lists of records as tables; ``*args`` are no list."""
    parameter = signature.parameters[k] if signature.parameters else None
    if parameter is not None and parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
        return tree.with_tables(slot, is_whole, kinds)
    if parameter is None or type(slot) is not tuple:
        return slot
    parts = tuple(
        [tree.with_tables(x, is_whole, kinds) if tree.is_container(x) else x for x in slot]
    )
    return slot if all(a is b for a, b in zip(parts, slot, strict=True)) else parts


def rebuilding(signature: Signature, call: Call) -> Rebuild:
    """From leaf values to the arguments and keywords of the call.

    ``link(slots, made)`` gives what was made in the place of the call's slots the attributes that
    these carry besides their parts.
    """

    def run(
        values: list[Any], link: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]] = tree.link
    ) -> tuple[list[Any], dict[str, Any]]:
        made: list[Any] = []
        position = 0
        for definition in call.definitions:
            count = 1 if definition is None else definition.num_leaves
            part = values[position : position + count]
            made.append(part[0] if definition is None else tree.unflatten(definition, part))
            position += count
        slots: Sequence[Any] = made
        if any(isinstance(x, tree.Carried) for x in values):
            slots = link(call.slots, slots)
        return signature.unbind(slots, call.left_out, call.positional)

    return run


def as_numbers(x: Any) -> Any:
    """An array of objects that are all numbers as an array of numbers; anything else as it is."""
    if type(x) is not np.ndarray or x.dtype != object or not x.size:
        return x
    kinds = {type(item) for item in x.flat}
    known = (float, int, complex, np.floating, np.integer, np.complexfloating)
    if any(not issubclass(kind, known) or kind is bool for kind in kinds):
        return x
    try:
        return np.array(x.tolist())
    except OverflowError:
        return x


def classify(leaf: Any, as_float: bool) -> str:
    """The role of an argument leaf: ``array``, ``float``, ``static``, or ``complex`` and a form."""
    if type(leaf) in (list, tuple):
        return "float" if as_float and type(leaf[0]) is int else "array"
    if type(leaf) is complex:
        return "complex python"
    if isinstance(leaf, np.generic) and leaf.dtype.kind in "VUSMm":
        return "static"  # no number: fields that are read one by one, text, a time
    if type(leaf) is np.ndarray and leaf.dtype.kind in "USMm":
        return "static"  # no numbers, as where it is found outside
    if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype in _COMPLEX_DTYPES:
        if type(leaf) is np.ndarray:
            return "complex array"
        if isinstance(leaf, np.generic):
            return "complex scalar"
    if isinstance(leaf, (np.ndarray, np.generic)):
        return "float" if as_float and leaf.dtype.kind in "iu" and leaf.ndim == 0 else "array"
    if isinstance(leaf, float):
        return "array"
    if as_float and type(leaf) is int:
        return "float"
    return "static"


def is_complex(role: str) -> bool:
    """Whether a leaf is complex: its parts are in an array."""
    return role.startswith("complex")


_COMPLEX_DTYPES = tuple(map(np.dtype, (np.complex64, np.complex128, np.clongdouble)))


def is_in_c_order(x: Any) -> bool:
    """Whether an object is no array, or one in C order."""
    return not isinstance(x, np.ndarray) or x.flags.c_contiguous


def contiguous(x: Any) -> Any:
    """An array in C order, as entries take it, without binding the call anew."""
    return x if type(x) is not np.ndarray or x.flags.c_contiguous else np.array(x, order="C")


def may_overlap_itself(x: Any) -> bool:
    """Whether two elements of an array may share memory: one axis does not step over the others."""
    if not isinstance(x, np.ndarray) or x.flags.forc or not x.size:
        return False
    room = x.itemsize
    for stride, n in sorted((abs(s), n) for s, n in zip(x.strides, x.shape, strict=True) if n > 1):
        if stride < room:
            return True
        room += stride * (n - 1)
    return False


def whole_of_parts(pair: Any, role: str) -> Any:
    """The complex array, NumPy scalar or Python number that an array of parts stands for."""
    whole = np.ascontiguousarray(pair).view(np.result_type(pair.dtype, np.complex64))[..., 0]
    form = role.removeprefix("complex ")
    return whole if form == "array" else whole[()] if form == "scalar" else complex(whole)


def is_int(leaf: Any, role: str) -> bool:
    """Whether a leaf may be read at run time as an int of 64 bits."""
    return role == "static" and type(leaf) is int and -(2**62) < leaf < 2**62


def leaf_key(leaf: Any, role: str) -> Any:
    """What of a leaf belongs to the signature."""
    if type(leaf) in (list, tuple):
        return (type(leaf), kind_of(leaf), role, len(leaf))
    if role == "array":
        if isinstance(leaf, np.ndarray):
            if type(leaf) is not np.ndarray:
                return (leaf.dtype, leaf.dtype.num, leaf.shape, type(leaf))
            # The number tells ``longlong`` from the ``int64`` of its size, which it equals.
            return (leaf.dtype, leaf.dtype.num, leaf.shape)
        return type(leaf)
    if role == "float":
        return ("float", type(leaf))
    if is_complex(role):
        return (role, np.asarray(leaf).dtype, np.shape(leaf))
    if leaf is None or isinstance(leaf, (bool, int, str, bytes)):
        return (type(leaf), leaf)
    # Not the objects themselves, which the key would keep alive; guards compare them.
    if not callable(leaf) or is_read_piecewise(leaf):
        return id(type(leaf))
    if type(leaf) is MethodType:
        return (MethodType, id(leaf.__func__))  # each access makes another method
    if type(leaf) is functools.partial:
        return (functools.partial, id(leaf.func))
    return (id(type(leaf)), id(leaf))
