"""``@dataclass``, as that of the standard library and quicker to make: a twentieth of the time.

    from autodiff.plain_data import dataclass

    @dataclass(frozen=True)
    class Limit:
        low: float
        high: float = math.inf

A first call imports 170 such classes, most of which never have an object, and for each the standard library reads the
annotations and compiles the text of five methods, a third of a millisecond in all.  Here all of that waits until it is
asked for: ``__init__`` is compiled when there are some objects, and the fields are read when something needs their names.
``fields``, ``replace`` and ``is_dataclass`` work as ever, since the fields are found by the standard
library; ``plain_data.replace`` does not need it.  Options are ``frozen`` and ``eq``; a class may write its ``__slots__``
and its ``__init__`` itself; for the rest take the original.
"""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import reprlib
from collections.abc import Callable
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """``dataclasses.dataclass`` with these options."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, eq=eq)
        _await_fields(cls)
        given = cls.__dict__
        methods = {"__init__": _put_off(cls, frozen), "__repr__": _shower(cls)}
        if eq:
            methods["__eq__"] = _comparer(cls)
            methods["__hash__"] = _hasher(cls) if frozen else None
        if frozen:
            methods["__setattr__"], methods["__delattr__"] = _guards(cls)
        for name, method in methods.items():
            # A class that defines __eq__ alone has a __hash__ of None, which it did not write.
            if name not in given or (name == "__hash__" and given[name] is None):
                if method is not None:
                    method.__qualname__ = f"{cls.__qualname__}.{name}"
                setattr(cls, name, method)
        return cls


_MISSING = dataclasses.MISSING

_ANSWERS = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
"""What the standard library says of a class by its annotations."""


class _Awaited:
    """What is in the place of an answer until it is asked for, of a class or of an object."""

    __slots__ = ("annotations", "cls", "defaults", "name")

    def __init__(
        self, name: str, cls: type, annotations: dict[str, Any], defaults: dict[str, Any]
    ) -> None:
        self.name = name
        self.cls = cls
        self.annotations = annotations
        self.defaults = defaults

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        """All answers, taken from a class without methods that has the same annotations."""
        given = self.cls.__dict__
        names = {
            n: given[n] for n in ("__module__", "__qualname__", "__orig_bases__") if n in given
        }
        names |= {"__annotations__": self.annotations, "__doc__": self.cls.__doc__ or "Fields."}
        bare = type(self.cls)(self.cls.__name__, self.cls.__bases__, names | self.defaults)
        dataclasses.dataclass(init=False, repr=False, eq=False)(bare)
        for name in _ANSWERS:
            if type(given.get(name)) is _Awaited:
                setattr(self.cls, name, bare.__dict__[name])
        return bare.__dict__[self.name]


def _await_fields(cls: type) -> None:
    """Have the fields of a class found when they are first asked for."""
    given = cls.__dict__
    annotations = cls.__annotations__
    defaults = {
        name: given[name]
        for name in annotations
        if name in given and type(given[name]) is not MemberDescriptorType  # that of ``__slots__``
    }
    for name in _ANSWERS:
        if name not in given:
            setattr(cls, name, _Awaited(name, cls, annotations, defaults))
    for name, default in defaults.items():
        if isinstance(default, dataclasses.Field):
            if default.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)


_FEW = 10
"""Objects that are filled step by step: to compile a function for them takes as long as some thirty of them."""

# Of a field: its name, annotation, default, default factory, whether it is a parameter, and whether it is compared.
_Part = tuple[str, Any, Any, Any, bool, bool]
_known: dict[type, list[_Part]] = {}


def _parts_of(cls: type) -> list[_Part]:
    """The fields of a class, of annotations that are texts without a second meaning as they stand."""
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = _found_parts(cls)
    return known


def _found_parts(cls: type) -> list[_Part]:
    found: dict[str, _Part] = {}
    for base in reversed(cls.__mro__):
        fields = base.__dict__.get("__dataclass_fields__")
        if type(fields) is not _Awaited:
            known = () if fields is None else dataclasses.fields(base)
            found |= {f.name: (f.name, f.type, *_options_of(f)) for f in known}
            continue
        texts = fields.annotations.values()
        said = " ".join(texts) if all(type(text) is str for text in texts) else _NO_FIELDS[0]
        if any(word in said for word in _NO_FIELDS):
            fields.__get__(None, base)  # which says what they are
            return _found_parts(cls)
        for name, text in fields.annotations.items():
            default = fields.defaults.get(name, _MISSING)
            if isinstance(default, dataclasses.Field):
                found[name] = (name, text, *_options_of(default))
            else:
                found[name] = (name, text, default, _MISSING, True, True)
    return list(found.values())


def _options_of(field: dataclasses.Field[Any]) -> tuple[Any, Any, bool, bool]:
    """What ``field`` says of a field, as it stands in ``_Part``."""
    return field.default, field.default_factory, field.init, field.compare


def replace(obj: T, /, **changes: Any) -> T:
    """``dataclasses.replace``, of objects that may be the first to be asked for their fields."""
    for name, _, _, _, is_parameter, _ in _parts_of(type(obj)):
        if is_parameter and name not in changes:
            changes[name] = getattr(obj, name)
    return type(obj)(**changes)


_NO_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")


def _fill(
    self: Any, parts: list[_Part], args: tuple[Any, ...], kwargs: dict[str, Any], frozen: bool
) -> bool:
    """Give an object its fields, as a function for them would; False where that is to say what is wrong."""
    names = [part[0] for part in parts if part[4]]
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or not given.keys().isdisjoint(kwargs):
        return False
    if not kwargs.keys() <= set(names):
        return False
    given |= kwargs
    required = [
        name for name, _, default, new, init, _ in parts if init and default is new is _MISSING
    ]
    if not given.keys() >= set(required):
        return False
    for name, _, default, new, init, _ in parts:
        if name in given:
            value = given[name]
        elif new is not _MISSING:
            value = new()
        elif init:
            value = default
        else:
            continue
        if frozen:
            object.__setattr__(self, name, value)
        else:
            setattr(self, name, value)
    finish = getattr(self, "__post_init__", None)
    if finish is not None:
        finish()
    return True


def _put_off(cls: type, frozen: bool) -> Callable[..., None]:
    """What is in the place of ``__init__`` until there is an object: of most classes there never is."""

    def settled() -> Callable[..., None]:
        made = _initialiser(cls, frozen)
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        if cls.__dict__.get("__init__") is __init__:
            setattr(cls, "__init__", made)  # noqa: B010 - mypy wants no assignment to a method
        if isinstance(cls.__dict__.get("__signature__"), _Signature):
            with contextlib.suppress(AttributeError):  # another thread was faster
                del cls.__signature__  # type: ignore[attr-defined]
        return made

    left = _FEW
    parts: list[_Part] = []

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            if not parts:
                parts[:] = _parts_of(cls)
            if _fill(self, parts, args, kwargs, frozen):
                return
        settled()(self, *args, **kwargs)

    if "__init__" not in cls.__dict__:
        cls.__signature__ = _Signature(cls, settled)  # type: ignore[attr-defined]
    return __init__


class _Signature:
    """The signature of a class whose ``__init__`` is not made yet, for ``inspect.signature``."""

    def __init__(self, cls: type, settle: Callable[[], Any]) -> None:
        self._cls = cls
        self._settle = settle

    def __get__(self, obj: Any, owner: type) -> Any:
        if owner is not self._cls:
            raise AttributeError("__signature__")  # it has an __init__ of its own
        self._settle()
        import inspect

        return inspect.signature(owner)


def _initialiser(cls: type, frozen: bool) -> Callable[..., None]:
    fields = _parts_of(cls)
    scope: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
    parameters, body = ["self"], []
    for name, _, default, new, init, _ in fields:
        value = name
        if new is not _MISSING:
            scope[f"_new_{name}"] = new
            parameters += [f"{name}=_missing"] if init else []
            value = f"_new_{name}() if {name} is _missing else {name}"
            value = value if init else f"_new_{name}()"
        elif default is not _MISSING:
            scope[f"_default_{name}"] = default
            parameters += [f"{name}=_default_{name}"] if init else []
        else:
            parameters += [name] if init else []
        if init or new is not _MISSING:
            store = f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}"
            body.append(store)
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}): {'; '.join(body) or 'pass'}", scope)
    made: Callable[..., None] = scope["__init__"]
    made.__annotations__ = {name: type for name, type, _, _, init, _ in fields if init} | {
        "return": None
    }
    return made


def _shower(cls: type) -> Callable[[Any], str]:
    show: Callable[[Any], str] | None = None

    def made() -> Callable[[Any], str]:
        names = [f.name for f in dataclasses.fields(cls) if f.repr]

        @reprlib.recursive_repr()
        def show(self: Any) -> str:
            parts = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
            return f"{type(self).__qualname__}({parts})"

        return show

    def __repr__(self: Any) -> str:
        nonlocal show
        show = show or made()
        return show(self)

    return __repr__


def _compared(cls: type) -> Callable[[Any], Any]:
    """What is compared of an object: a tuple, whose items are not asked where they are the same."""
    names = [part[0] for part in _parts_of(cls) if part[5]]
    if len(names) == 1:
        get = operator.attrgetter(*names)
        return lambda x: (get(x),)
    return operator.attrgetter(*names) if names else lambda x: ()


def _comparer(cls: type) -> Callable[[Any, Any], Any]:
    compared: Callable[[Any], Any] | None = None

    def __eq__(self: Any, other: object) -> Any:
        nonlocal compared
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = compared or _compared(cls)
        return compared(self) == compared(other)

    return __eq__


def _hasher(cls: type) -> Callable[[Any], int]:
    compared: Callable[[Any], Any] | None = None

    def __hash__(self: Any) -> int:
        nonlocal compared
        compared = compared or _compared(cls)
        return hash(compared(self))

    return __hash__


def _guards(cls: type) -> tuple[Callable[[Any, str, Any], None], Callable[[Any, str], None]]:
    def is_kept(self: Any, name: str) -> bool:
        return type(self) is cls or name in {f.name for f in dataclasses.fields(cls)}

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if is_kept(self, name):
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:
        if is_kept(self, name):
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return __setattr__, __delattr__
