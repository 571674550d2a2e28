"""Calls like one seen before, recognised without flattening them: a generated Python function.

    loss(params, X, mode="l2")      seen once, where params = {"w": array, "b": 0.5}

    def recognise(params, X, *, mode=_absent):
        if type(params) is dict and len(params) == 2 and type(mode) is str and mode == "l2":
            return (params, X, mode), [params["b"], params["w"], X, mode]

What it gives is what binding and flattening the call gives, for calls that have the same key: the
same containers, the same static values, the same parameters left at their defaults.  Types and
shapes of arrays and the types of numbers are not looked at here: the compiled entry compares them.
A call of another kind, or one that does not bind, gives None.

Containers other than lists, tuples, named tuples and dictionaries have no such function; calls
with them are flattened every time.
"""

from __future__ import annotations

import inspect
import keyword
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

Recognised = tuple[tuple[Any, ...], list[Any]]
Recognise = Callable[..., Recognised | None]

_ABSENT = object()
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class FlatCall(Protocol):
    """What is read of a bound and flattened call."""

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
    function : function or None
        The user's function, where its defaults may change.
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
    # No arguments in *rest and **more are no arguments, not a default.
    left_out = [
        x is absent and p.kind not in _VARIADIC for x, p in zip(call.given, parameters, strict=True)
    ]
    for k, parameter in enumerate(parameters):
        if parameter.name.startswith("_") or keyword.iskeyword(parameter.name):
            if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                return None
        else:
            names[k] = parameter.name
    # Parameters may be called ``type`` or ``len``.
    namespace: dict[str, Any] = {
        "_absent": _ABSENT, "_type": type, "_len": len, "_list": list, "_map": map
    }  # fmt: skip
    conditions: list[str] = []
    whole = {id(x) for x in call.leaves if type(x) in (list, tuple)}  # taken as arrays
    try:
        for k, (name, slot) in enumerate(zip(names, call.slots, strict=True)):
            if left_out[k]:
                conditions.append(f"{name} is _absent")
                if function is not None:
                    conditions.append(_same_default(function, parameters[k], slot, namespace))
            else:
                if parameters[k].default is not inspect.Parameter.empty:
                    conditions.append(f"{name} is not _absent")
                _structure(slot, name, conditions, namespace, whole)
        slots = [
            _bound(namespace, f"_d{k}", slot) if left_out[k] else names[k]
            for k, slot in enumerate(call.slots)
        ]
        leaves = [_reached(path, slots) for path in call.paths]
        for number, (leaf, role) in enumerate(zip(call.leaves, call.roles, strict=True)):
            if number not in inputs:
                _static(leaf, role, leaves[number], conditions, namespace)
    except _Unsuited:
        return None
    lines = [
        f"def recognise({_parameters(parameters, names)}):",
        f"    if {' and '.join(conditions) or 'True'}:",
        f"        return ({', '.join(slots)}{',' if slots else ''}), [{', '.join(leaves)}]",
        "    return None",
    ]
    exec("\n".join(lines), namespace)
    recognise: Recognise = namespace["recognise"]
    # The paths are written for this kind of container: they must lead to the leaves.
    found = recognise(*_arguments(parameters, call, absent), **_keywords(parameters, call, absent))
    if found is None or not all(a is b for a, b in zip(found[1], call.leaves, strict=True)):
        return None
    return recognise


def _same_default(
    function: Any, parameter: inspect.Parameter, value: Any, namespace: dict[str, Any]
) -> str:
    """The condition that a parameter still has the default it had."""
    at = _bound(namespace, "_function", function)
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        name = _bound(namespace, f"_k{len(namespace)}", value)
        return f"{at}.__kwdefaults__[{parameter.name!r}] is {name}"
    name = _bound(namespace, "_defaults", function.__defaults__)
    return f"{at}.__defaults__ is {name}"


def _bound(namespace: dict[str, Any], name: str, value: Any) -> str:
    namespace[name] = value
    return name


def _reached(path: str, slots: Sequence[str]) -> str:
    """A leaf's path, ``args[2]['w']``, from the parameter's name."""
    number, _, rest = path.removeprefix("args[").partition("]")
    return slots[int(number)] + rest


def _structure(
    obj: Any, at: str, conditions: list[str], namespace: dict[str, Any], whole: set[int]
) -> None:
    """Conditions that hold for containers of the same structure, which leaves apart."""
    kind = type(obj)
    if id(obj) in whole:
        conditions.append(f"_type({at}) is {_bound(namespace, f'_t{len(namespace)}', kind)}")
        return
    if kind in (list, tuple, dict, OrderedDict) or _is_named_tuple(obj):
        name = _bound(namespace, f"_t{len(namespace)}", kind)
        conditions += [f"_type({at}) is {name}", f"_len({at}) == {len(obj)}"]
        if isinstance(obj, dict):
            if not all(type(key) in (str, int) for key in obj):
                raise _Unsuited
            conditions.append(f"_list({at}) == {list(obj)!r}")  # a loop over it has this order
            if not all(type(key) is str for key in obj):
                kinds = _bound(namespace, f"_t{len(namespace)}", list(map(type, obj)))
                conditions.append(f"_list(_map(_type, {at})) == {kinds}")  # True is 1 as a key
            for key, item in obj.items():
                _structure(item, f"{at}[{key!r}]", conditions, namespace, whole)
        else:
            for k, item in enumerate(obj):
                _structure(item, f"{at}[{k}]", conditions, namespace, whole)
        return
    from autodiff import tree

    if tree.is_container(obj):
        raise _Unsuited
    if obj is None:
        return
    # A container, or a labelled object, in the place of a leaf is another structure: what the
    # entry is given it refuses; for static leaves their type is compared.


def _is_named_tuple(obj: Any) -> bool:
    return isinstance(obj, tuple) and hasattr(type(obj), "_fields")


def _static(
    leaf: Any, role: str, at: str, conditions: list[str], namespace: dict[str, Any]
) -> None:
    """The condition under which a leaf that is no input is the same to the signature."""
    if role != "static":
        raise _Unsuited  # an array that the program does not read: its type belongs to the key
    name = _bound(namespace, f"_s{len(namespace)}", leaf)
    if leaf is None or isinstance(leaf, bool):
        conditions.append(f"{at} is {name}")
    elif isinstance(leaf, (int, str, bytes)):
        kind = _bound(namespace, f"_t{len(namespace)}", type(leaf))
        conditions.append(f"_type({at}) is {kind} and {at} == {name}")
    elif callable(leaf):
        conditions.append(f"{at} is {name}")
    else:
        del namespace[name]
        kind = _bound(namespace, f"_t{len(namespace)}", type(leaf))
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


def _arguments(parameters: Sequence[inspect.Parameter], call: FlatCall, absent: Any) -> list[Any]:
    found: list[Any] = []
    for parameter, slot, given in zip(parameters, call.slots, call.given, strict=True):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            found += slot
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY or (
            parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and _has_variadic(parameters)
        ):
            if given is absent:
                break
            found.append(slot)
    return found


def _has_variadic(parameters: Sequence[inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)


def _keywords(
    parameters: Sequence[inspect.Parameter], call: FlatCall, absent: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parameter, slot, given in zip(parameters, call.slots, call.given, strict=True):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found.update(slot)
        elif given is absent:
            continue
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY or (
            parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            and not _has_variadic(parameters)
        ):
            found[parameter.name] = slot
    return found
