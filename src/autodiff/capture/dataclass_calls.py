"""What calling a dataclass runs of the user's code: interpreted, as everything else is.

    @dataclass
    class Body:
        mass: float
        trail: list = field(default_factory=start)         start()

        def __post_init__(self):                           self.weight = self.mass * GRAVITY
            self.weight = self.mass * GRAVITY

The ``__init__`` that the standard library writes has no source.  Where it only stores its arguments, Python itself
runs it.  Where it calls a factory, a setter or ``__post_init__``, what these read must be read at every call, and
their branches be seen: it is done here step by step.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from types import FunctionType
from typing import Any

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.access import load_attribute
from autodiff.capture.assignment import store_attribute, store_past_setter
from autodiff.capture.calls import SPECIAL, TAKES_CHOICES, call
from autodiff.capture.construction import INITIALISERS, construct
from autodiff.capture.interpreter import Frame
from autodiff.capture.sourcecode import syntax_of
from autodiff.signals import run_users


def _fields_of(cls: type, init: FunctionType) -> list[Any] | None:
    """The fields that a dataclass's generated ``__init__`` stores, if storing them runs code of the user's."""
    owner = next((base for base in cls.__mro__ if vars(base).get("__init__") is init), None)
    if owner is None or "__dataclass_params__" not in vars(owner) or syntax_of(init) is not None:
        return None
    fields = [f for f in owner.__dataclass_fields__.values() if f._field_type in _INITIALISED]  # type: ignore[attr-defined]
    factories = not all(any(f.default_factory is x for x in _PLAIN_FACTORIES) for f in fields)
    setter: Any = inspect.getattr_static(cls, "__setattr__", None)
    converts = isinstance(setter, FunctionType) and syntax_of(setter) is not None
    described = any(
        hasattr(type(inspect.getattr_static(cls, f.name, None)), "__set__")
        and f.name not in containers.slots_of(cls)
        for f in fields
    )
    runs = factories or converts or described or hasattr(cls, "__post_init__")
    return fields if runs else None


_INITIALISED = (dataclasses._FIELD, dataclasses._FIELD_INITVAR)  # type: ignore[attr-defined]
_PLAIN_FACTORIES: tuple[Any, ...] = (dataclasses.MISSING, list, dict, set)


def initialise(
    frame: Frame,
    instance: Any,
    init: FunctionType,
    args: list[Any],
    kwargs: dict[str, Any],
    node: ast.AST,
) -> bool:
    """What the ``__init__`` of a dataclass does, step by step: see ``dataclasses._init_fn``."""
    cls = type(instance)
    fields = _fields_of(cls, init)
    if fields is None:
        return False
    try:
        bound = inspect.signature(init).bind(instance, *args, **kwargs)
    except TypeError:
        run_users(init, instance, *args, **kwargs)  # which says what is wrong
        raise
    bound.apply_defaults()
    owner: Any = next(base for base in cls.__mro__ if vars(base).get("__init__") is init)
    store = store_past_setter if owner.__dataclass_params__.frozen else store_attribute
    given: dict[str, Any] = {}
    for field in fields:
        name, factory = field.name, field.default_factory
        value = bound.arguments[name] if field.init else field.default
        if factory is not dataclasses.MISSING and not (field.init and _is_given(value)):
            value = call(frame, factory, [], {}, node)
        elif not field.init and (
            value is dataclasses.MISSING or name not in containers.slots_of(cls)
        ):
            continue
        given[name] = value
        if field._field_type is dataclasses._FIELD:  # type: ignore[attr-defined]
            store(frame, instance, name, value, node)
    if hasattr(owner, "__post_init__"):
        extra = [given[f.name] for f in fields if f._field_type is not dataclasses._FIELD]  # type: ignore[attr-defined]
        call(frame, load_attribute(frame, instance, "__post_init__", node), extra, {}, node)
    return True


def _is_given(value: Any) -> bool:
    """Whether an argument is not what stands for the default of a field with a factory."""
    return value is not dataclasses._HAS_DEFAULT_FACTORY  # type: ignore[attr-defined]


def replace(frame: Frame, obj: Any, /, **changes: Any) -> Any:
    """``dataclasses.replace``: the object is made through its class."""
    node, cls = frame.scope.syntax.node, choices.class_of(obj)
    fields = getattr(cls, "__dataclass_fields__", None)
    if fields is None or isinstance(obj, type):
        return run_users(dataclasses.replace, obj, **changes)
    for field in fields.values():
        is_plain = field._field_type is dataclasses._FIELD  # type: ignore[attr-defined]
        wanted = field._field_type in _INITIALISED and field.init and field.name not in changes
        if (field.name in changes and not field.init) or (
            wanted and not is_plain and field.default is dataclasses.MISSING
        ):
            return run_users(dataclasses.replace, obj, **changes)  # which says what is wrong
        if wanted and is_plain:
            changes[field.name] = load_attribute(frame, obj, field.name, node)
        elif wanted:
            changes[field.name] = field.default
    return construct(frame, cls, [], changes, node)


INITIALISERS.append(initialise)
FUNCTIONS: dict[Any, Any] = {dataclasses.replace: replace}
SPECIAL.update(FUNCTIONS)
TAKES_CHOICES.add(dataclasses.replace)

__all__ = ["FUNCTIONS"]
