"""Calls like one seen before, recognised without flattening them: a generated Python function.

    loss(params, X, mode="l2")      seen once, where params = {"w": array, "b": 0.5}

    def recognise(params, X, *, mode=_absent):
        if type(params) is dict and len(params) == 2 and type(mode) is str and mode == "l2":
            return (params, X, mode), [params["b"], params["w"], X, mode]

What it gives is what binding and flattening the call gives, for calls that have the same key: the
same containers, the same static values, the same parameters left at their defaults.  Types and
shapes of arrays and the types of numbers are not looked at here: the compiled entry compares them.
A call of another kind, or one that does not bind, gives None.

Of lists of records the columns are read at once, by a function of their layout (``columns``).
Containers other than these, lists, tuples, named tuples, dictionaries and dataclasses have no such function;
calls with them are flattened every time.

``compile_direct`` writes the same conditions before a call of the compiled entry:

    def direct(*_args):
        _p0, _p1 = _args
        if type(_p0) is dict and len(_p0) == 2 and len(_args) == 2 …:
            return run(_p0["b"], _p0["w"], _p1)
        return NotImplemented
"""

from __future__ import annotations

import functools
import inspect
import keyword
import operator
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autodiff import containers, tree
from autodiff.capture.origins import is_read_piecewise
from autodiff.columns import Unreadable, compile_read
from autodiff.lasting import Weak
from autodiff.plain_data import dataclass
from autodiff.tables import FEWEST, Table, columns_of, names_of_class
from autodiff.tables import names as column_names

Recognised = tuple[tuple[Any, ...], list[Any]]
Recognise = Callable[..., Recognised | None]

_ABSENT = object()
_REST, _NAMED = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
_VARIADIC = (_REST, _NAMED)


if TYPE_CHECKING:

    class FlatCall(Protocol):
        """What is read of a bound and flattened call."""

        as_given: tuple[tuple[Any, ...], dict[str, Any]]
        tabled: tuple[Any, ...]  # the slots with lists of records as tables
        slots: tuple[Any, ...]
        leaves: list[Any]
        roles: list[str]
        paths: list[str]
        given: tuple[Any, ...]


class _Unsuited(Exception):
    """There is no such function for this call."""


def compile_recognise(
    function: Any,
    parameters: Sequence[inspect.Parameter],
    call: FlatCall,
    absent: Any,
    inputs: Sequence[int],
) -> Recognise | None:
    """A function of the arguments of later calls: their slots and leaves, or None.

    Parameters
    ----------
    function : function, ``binding.Preset`` or None
        What has the defaults, where they may change.
    parameters : sequence of inspect.Parameter
        Its parameters.
    call : FlatCall
        The call seen.
    absent : object
        What stands in ``call.given`` for a parameter left at its default.
    inputs : sequence of int
        The leaves that the compiled entry is given, hence compares; the others are compared here.
    """
    names = [f"_p{k}" for k in range(len(call.slots))]
    for k, parameter in enumerate(parameters):
        if parameter.name.startswith("_") or keyword.iskeyword(parameter.name):
            if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                return None
        else:
            names[k] = parameter.name
    try:
        found = _conditions(function, parameters, call, absent, inputs, names)
    except (_Unsuited, RecursionError):
        return None
    conditions, slots, leaves, namespace = found
    lines = [
        f"def recognise({_parameters(parameters, names)}):",
        f"    if {' and '.join(conditions) or 'True'}:",
        f"        return ({', '.join(slots)}{',' if slots else ''}), [{', '.join(leaves)}]",
        "    return None",
    ]
    exec("\n".join(lines), namespace)
    recognise: Recognise = namespace["recognise"]
    # The paths are written for this kind of container: they must lead to the leaves.
    args, kwargs = call.as_given
    seen = recognise(*args, **kwargs)
    if seen is None or not all(map(_is_same, seen[1], call.leaves)):
        return None
    return recognise


@dataclass(frozen=True)
class Direct:
    """What a direct call runs: see :func:`compile_direct`."""

    run: Callable[..., Any]  # the entry
    reader: Callable[[tuple[Any, ...]], tuple[Any, ...] | None] | None  # guards, hidden inputs
    inputs: Sequence[int]  # the leaves that the entry is given
    lists: Mapping[int, tuple[Any, bool]]  # leaves that are lists: type of items, ints as floats
    most: int  # floats in a list that the entry reads itself
    kind_of: Callable[[Any], Any]
    array_of: Callable[[Any, bool], Any]
    current: Any  # while it runs, ``current.running`` is ``(owner, arguments)``
    owner: Any


def compile_direct(
    function: Any, parameters: Sequence[inspect.Parameter], call: FlatCall, absent: Any, to: Direct
) -> Callable[..., Any] | None:
    """A function that runs later calls with as many arguments by position: its result.

    ``NotImplemented`` is for calls of another kind, and for those that the entry refuses.  Of a call with keywords it is
    a function of the arguments by position, as a tuple, and of those by keyword, as a dict.
    """
    if call.as_given[1]:
        return _compile_named(function, parameters, call, absent, to)
    kinds = [p.kind for p in parameters]
    rest = kinds.index(_REST) if _REST in kinds else None  # ``*args``, which is one slot
    given = [x is not absent for k, x in enumerate(call.given) if kinds[k] not in _VARIADIC]
    count = sum(given)
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not all(given[:count]):
        return None
    if any(kind not in by_position for kind in kinds[:count]):
        return None
    if rest is not None and call.slots[rest] and count != rest:
        return None
    names = [f"_p{k}" for k in range(len(call.slots))]
    extra, first = 0, "_args"
    if rest is not None:
        extra, first = len(call.slots[rest]), f"_args[:{count}]"
    lines = [
        f"if _len(_args) != {count + extra}: return NotImplemented",
        *([f"{', '.join(names[:count])}, = {first}"] if count else []),
        *([f"{names[rest]} = _args[{count}:]"] if rest is not None else []),
        *(f"{names[k]} = {{}}" for k, kind in enumerate(kinds) if kind is _NAMED),
    ]
    return _direct(function, parameters, call, absent, to, "*_args", lines, "(_owner, _args)")


def _compile_named(
    function: Any, parameters: Sequence[inspect.Parameter], call: FlatCall, absent: Any, to: Direct
) -> Callable[..., Any] | None:
    """The same for a call with keywords."""
    args, kwargs = call.as_given
    if any(p.kind is _REST for p in parameters):
        return None
    only = inspect.Parameter.POSITIONAL_ONLY  # whose name may be that of another one's keyword
    by_name = {
        p.name: f"_p{k}"
        for k, p in enumerate(parameters)
        if p.name in kwargs and p.kind is not only and p.kind is not _NAMED
    }
    others = ", ".join(f"{name!r}: _kwargs[{name!r}]" for name in kwargs if name not in by_name)
    lines = [
        f"if _len(_args) != {len(args)} or _len(_kwargs) != {len(kwargs)}: return NotImplemented",
        *([f"{', '.join(f'_p{k}' for k in range(len(args)))}, = _args"] if args else []),
        *(f"{slot} = _kwargs[{name!r}]" for name, slot in by_name.items()),
        *(f"_p{k} = {{{others}}}" for k, p in enumerate(parameters) if p.kind is _NAMED),
    ]
    running = "(_owner, _args, _kwargs)"
    return _direct(function, parameters, call, absent, to, "_args, _kwargs", lines, running)


def _direct(
    function: Any,
    parameters: Sequence[inspect.Parameter],
    call: FlatCall,
    absent: Any,
    to: Direct,
    head: str,
    bound: Sequence[str],
    running: str,
) -> Callable[..., Any] | None:
    """A function whose first lines give the slots their names, ``_p0`` and so on."""
    names = [f"_p{k}" for k in range(len(call.slots))]
    try:
        found = _conditions(function, parameters, call, absent, to.inputs, names, True, to.most)
        conditions, slots, leaves, namespace = found
        taken = [_taken(k, leaves[k], call, to, conditions, namespace) for k in to.inputs]
    except (_Unsuited, RecursionError):
        return None
    namespace |= {
        "_run": to.run, "_reader": to.reader, "_current": to.current, "_owner": to.owner,
        "_kind_of": to.kind_of, "_array_of": to.array_of, "_float": float, "_int": int,
    }  # fmt: skip
    hidden = ["_hidden = _reader((" + "".join(f"{x}, " for x in slots) + "))"] if to.reader else []
    lines = [
        f"def direct({head}):",
        "    try:",
        *(f"        {line}" for line in bound),
        f"        if not ({' and '.join(conditions) or 'True'}): return NotImplemented",
        *(f"        {line}" for line in hidden),
        *(["        if _hidden is None: return NotImplemented"] if hidden else []),
        f"        _given = ({''.join(f'{x}, ' for x in taken)}{'*_hidden, ' if hidden else ''})",
        "    except (TypeError, LookupError, AttributeError, ValueError, OverflowError):",
        "        return NotImplemented",
        "    _before = _current.running",
        f"    _current.running = {running}",
        "    try:",
        "        return _run(*_given)",
        "    finally:",
        "        _current.running = _before",
    ]
    # In tracebacks it counts as a line of this file, which are hidden.
    exec(compile("\n".join(lines), __file__, "exec"), namespace)
    direct: Callable[..., Any] = namespace["direct"]
    return direct


def _taken(
    number: int,
    at: str,
    call: FlatCall,
    to: Direct,
    conditions: list[str],
    namespace: dict[str, Any],
) -> str:
    """A leaf as the entry takes it."""
    if number in to.lists:
        kind, as_float = to.lists[number]
        if to.most and kind in (float, np.float64):
            name = _bound(namespace, f"_t{len(namespace)}", kind)
            conditions.append(f"(_len({at}) <= {to.most} or _kind_of({at}) is {name})")
            return f"{at} if _len({at}) <= {to.most} else _array_of({at}, {as_float})"
        conditions.append(f"_kind_of({at}) is {_bound(namespace, f'_t{len(namespace)}', kind)}")
        return f"_array_of({at}, {as_float})"
    if call.roles[number] == "float":  # an int that is differentiated by
        if type(call.leaves[number]) is not int:
            raise _Unsuited
        conditions.append(f"_type({at}) is _int")
        return f"_float({at})"
    return at


def _conditions(
    function: Any,
    parameters: Sequence[inspect.Parameter],
    call: FlatCall,
    absent: Any,
    inputs: Sequence[int],
    names: Sequence[str],
    lengths_known: bool = False,
    most: int = 0,
) -> tuple[list[str], list[str], list[str], dict[str, Any]]:
    """Conditions for a call like this one, expressions of its slots and leaves, and their globals.

    ``lengths_known``: which parameters have arguments has been looked at.
    ``most``: records in a list whose columns of floats the entry reads itself, and compares.
    """
    # No arguments in *rest and **more are no arguments, not a default.
    left_out = [
        x is absent and p.kind not in _VARIADIC for x, p in zip(call.given, parameters, strict=True)
    ]
    # Parameters may be called ``type`` or ``len``.
    namespace: dict[str, Any] = {
        "_absent": _ABSENT, "_type": type, "_len": len, "_list": list, "_map": map
    }  # fmt: skip
    conditions: list[str] = []
    columns: dict[str, str] = {}  # of lists of records: a column's path, and what has been read
    whole = {id(x) for x in call.leaves if type(x) in (list, tuple)}  # taken as arrays
    for k, (name, slot) in enumerate(zip(names, call.tabled, strict=True)):
        if left_out[k]:
            if not lengths_known:
                conditions.append(f"{name} is _absent")
            if function is not None:
                conditions.append(_same_default(function, parameters[k], slot, namespace))
        else:
            if parameters[k].default is not inspect.Parameter.empty and not lengths_known:
                conditions.append(f"{name} is not _absent")
            _structure(slot, name, conditions, namespace, whole, columns, most)
    slots = [
        _bound(namespace, f"_d{k}", slot) if left_out[k] else names[k]
        for k, slot in enumerate(call.slots)
    ]
    leaves = [columns.get(at, at) for at in [_reached(path, slots) for path in call.paths]]
    for number, (leaf, role) in enumerate(zip(call.leaves, call.roles, strict=True)):
        if number not in inputs:
            _static(leaf, role, leaves[number], conditions, namespace)
    return conditions, slots, leaves, namespace


def _same_default(
    function: Any, parameter: inspect.Parameter, value: Any, namespace: dict[str, Any]
) -> str:
    """The condition that a parameter still has the default it had."""
    at = _bound(namespace, "_function", function)
    if not isinstance(
        function, FunctionType
    ):  # of a partial, which has more than one place for them
        return f"{at}.are({_bound(namespace, '_defaults', function.now())})"
    # A ``__signature__`` set by hand names parameters that the function itself does not have.
    if parameter.name in (function.__kwdefaults__ or {}):
        name = _bound(namespace, f"_k{len(namespace)}", value)
        return f"({at}.__kwdefaults__ or {{}}).get({parameter.name!r}, _absent) is {name}"
    name = _bound(namespace, "_defaults", function.__defaults__)
    return f"{at}.__defaults__ is {name}"


def _bound(namespace: dict[str, Any], name: str, value: Any) -> str:
    namespace[name] = value
    return name


def _held(namespace: dict[str, Any], obj: Any) -> str:
    """The text to the right of ``x is`` for an object, which is not kept alive."""
    reference = Weak.of(obj)
    name = _bound(namespace, f"_s{len(namespace)}", reference)
    return Weak.compared(name) if isinstance(reference, Weak) else name


def _reached(path: str, slots: Sequence[str]) -> str:
    """A leaf's path, ``args[2]['w']``, from the parameter's name."""
    number, _, rest = path.removeprefix("args[").partition("]")
    return slots[int(number)] + rest


def _is_same(found: Any, leaf: Any) -> bool:
    """Whether a leaf was found; columns of records are read anew, and ``*args`` is another tuple in each call."""
    if found is leaf:
        return True
    if type(found) is tuple and type(leaf) is tuple:
        return len(found) == len(leaf) and all(map(operator.is_, found, leaf))
    arrays = type(found) is np.ndarray and type(leaf) is np.ndarray
    return arrays and found.dtype == leaf.dtype and found.tobytes() == leaf.tobytes()


def _structure(
    obj: Any,
    at: str,
    conditions: list[str],
    namespace: dict[str, Any],
    whole: set[int],
    columns: dict[str, str],
    most: int,
) -> None:
    """Conditions that hold for containers of the same structure, which leaves apart."""
    kind = type(obj)
    if kind is Table:
        try:
            read = _bound(namespace, f"_t{len(namespace)}", compile_read(obj.layout))
        except Unreadable:
            raise _Unsuited from None
        found = f"_c{len(columns)}"
        are_read = f"({found} := {read}({at})) is not None"
        items = [f"{found}[{k}]" for k in range(len(obj.columns))]
        if most and columns_of(obj.layout):
            few = f"{FEWEST} <= _len({at}) <= {most}"
            are_read = f"({few} or {are_read})"
            items = [f"({at} if _len({at}) <= {most} else {item})" for item in items]
        conditions.append(are_read)
        columns |= {
            f"{at}{name}": item for name, item in zip(column_names(obj.layout), items, strict=True)
        }
        return
    if id(obj) in whole:
        conditions.append(f"_type({at}) is {_bound(namespace, f'_t{len(namespace)}', kind)}")
        return
    if kind in (list, tuple, dict, OrderedDict) or _is_named_tuple(obj):
        name = _bound(namespace, f"_t{len(namespace)}", kind)
        conditions += [f"_type({at}) is {name}", f"_len({at}) == {len(obj)}"]
        if kind.__dictoffset__ > 0 and issubclass(kind, tuple):
            conditions.append(f"not {at}.__dict__")
        if isinstance(obj, dict):
            if not all(type(key) in (str, int) for key in obj):
                raise _Unsuited
            conditions.append(f"_list({at}) == {list(obj)!r}")  # a loop over it has this order
            if not all(type(key) is str for key in obj):
                kinds = _bound(namespace, f"_t{len(namespace)}", list(map(type, obj)))
                conditions.append(f"_list(_map(_type, {at})) == {kinds}")  # True is 1 as a key
            for key, item in obj.items():
                _structure(item, f"{at}[{key!r}]", conditions, namespace, whole, columns, most)
        else:
            for k, item in enumerate(obj):
                _structure(item, f"{at}[{k}]", conditions, namespace, whole, columns, most)
        return
    if containers.is_record(obj) and containers.is_plain_record(kind):
        _record(obj, at, conditions, namespace, whole, columns, most)
        return
    if tree.is_container(obj):
        raise _Unsuited
    if obj is None:
        return
    # A container, or a labelled object, in the place of a leaf is another structure: what the
    # entry is given it refuses; for static leaves their type is compared.


def _record(
    obj: Any,
    at: str,
    conditions: list[str],
    namespace: dict[str, Any],
    whole: set[int],
    columns: dict[str, str],
    most: int,
) -> None:
    """The same for a dataclass that holds its fields and nothing else."""
    names = names_of_class(type(obj))
    if set(containers.attributes_of(obj)) != set(names):
        raise _Unsuited
    conditions.append(f"_type({at}) is {_held(namespace, type(obj))}")
    if not containers.slots_of(type(obj)):
        conditions.append(f"_list({at}.__dict__) == {list(names)!r}")
    for name in names:
        _structure(getattr(obj, name), f"{at}.{name}", conditions, namespace, whole, columns, most)


def _is_named_tuple(obj: Any) -> bool:
    return isinstance(obj, tuple) and containers.is_plain_tuple(obj)


def _static(
    leaf: Any, role: str, at: str, conditions: list[str], namespace: dict[str, Any]
) -> None:
    """The condition under which a leaf that is no input is the same to the signature."""
    if role != "static":
        raise _Unsuited  # an array that the program does not read: its type belongs to the key
    kind = _held(namespace, type(leaf))
    if leaf is None or isinstance(leaf, bool):
        conditions.append(f"{at} is {leaf}")
    elif isinstance(leaf, (int, str, bytes)):
        name = _bound(namespace, f"_s{len(namespace)}", leaf)
        conditions.append(f"_type({at}) is {kind} and {at} == {name}")
    elif isinstance(leaf, MethodType):
        function = _held(namespace, leaf.__func__)
        conditions.append(f"_type({at}) is {kind} and {at}.__func__ is {function}")
    elif type(leaf) is functools.partial:
        function = _held(namespace, leaf.func)
        conditions.append(f"_type({at}) is {kind} and {at}.func is {function}")
    elif callable(leaf) and not is_read_piecewise(leaf):
        conditions.append(f"{at} is {_held(namespace, leaf)}")
    else:
        conditions.append(f"_type({at}) is {kind}")


def _parameters(parameters: Sequence[inspect.Parameter], names: Sequence[str]) -> str:
    parts: list[str] = []
    starred = False
    for k, (parameter, name) in enumerate(zip(parameters, names, strict=True)):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            parts.append(f"*{name}")
            starred = True
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            parts.append(f"**{name}")
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        has_default = parameter.default is not inspect.Parameter.empty
        parts.append(f"{name}=_absent" if has_default else name)
        last = k + 1 == len(parameters) or parameters[k + 1].kind != parameter.kind
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and last:
            parts.append("/")
    return ", ".join(parts)
