"""What a container is: one row for each kind, and the walks over them that everything else uses.

    kind_of([1, x])                     the row of lists: its parts, and how one is made of others
    leaves({"a": (x, [y])})             x, y
    replaced((x, [y, 2]), new)          (new(x), [new(y), 2]), where new changes only x and y

A container is an object that Python's text, copies, comparisons or results look into: lists, tuples,
named tuples, dicts and their variants, sets, deques, slices, namespaces, dataclasses and other
instances of the user's classes, exceptions, partials, bound methods, views of dicts.  Modules,
functions, classes, arrays, numbers and the objects of libraries are leaves.

Every walk keeps in mind what it has met: an object in two places is one object afterwards, and one
that contains itself is no endless walk.  What nothing changes in is not copied.

A list that captured code makes says ``counts_as_list``; it is gone through by ``iter`` if its items
are in a store, and a plain list where it is made anew.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import MappingProxyType, MemberDescriptorType, MethodType, SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from autodiff.plain_data import dataclass

_HEAP_TYPE = 1 << 9  # set in the flags of classes that Python code defines


@dataclass(frozen=True)
class Kind:
    """One kind of container.

    Attributes
    ----------
    name : str
        What it is called.
    is_kind : callable
        Whether an object is of this kind, if it is of none of the kinds before.
    keys, values : callable
        The parts, in order, and what each is found by: a position, a key, the name of an attribute.
    make : callable
        ``make(x, keys, values)``: one like ``x`` of other parts.
    empty, fill : callable, optional
        Of what can change: one like ``x`` without parts, and ``fill(obj, keys, values)``, which
        gives an object these parts instead of its own.
    has_keys : bool
        Whether the keys are objects of the user as well.
    is_ordered : bool
        Whether the parts have an order of their own.
    """

    name: str
    is_kind: Callable[[Any], bool]
    keys: Callable[[Any], Sequence[Any]]
    values: Callable[[Any], Sequence[Any]]
    make: Callable[[Any, Sequence[Any], Sequence[Any]], Any]
    empty: Callable[[Any], Any] | None = None
    fill: Callable[[Any, Sequence[Any], Sequence[Any]], None] | None = None
    has_keys: bool = False
    is_ordered: bool = True

    @property
    def is_mutable(self) -> bool:
        """Whether such a container can change."""
        return self.fill is not None


def _mutable(
    name: str,
    is_kind: Callable[[Any], bool],
    values: Callable[[Any], Sequence[Any]],
    empty: Callable[[Any], Any],
    fill: Callable[[Any, Sequence[Any], Sequence[Any]], None],
    keys: Callable[[Any], Sequence[Any]] | None = None,
    **options: Any,
) -> Kind:
    def make(x: Any, new_keys: Sequence[Any], new_values: Sequence[Any]) -> Any:
        obj = empty(x)
        fill(obj, new_keys, new_values)
        return obj

    keys = keys or (lambda x: range(len(values(x))))
    return Kind(name, is_kind, keys, values, make, empty, fill, **options)


# -- sequences ------------------------------------------------------------------------------------
def _items_of_list(x: Any) -> list[Any]:
    """The items; of a list that is kept in parts those that the program computes."""
    if getattr(type(x), "counts_as_list", False) and x.is_elsewhere():
        return list(x)
    return list(list.__iter__(x))


def _with_attributes(x: Any, obj: Any) -> Any:
    """``obj`` with the attributes of ``x``, an instance of a class made from a built-in one."""
    table = _table_of(x)
    if table:
        obj.__dict__.update(table)
    return obj


def _empty_list(x: Any) -> list[Any]:
    if type(x) is list or getattr(type(x), "counts_as_list", False):
        return []
    made: list[Any] = list.__new__(type(x))
    return _with_attributes(x, made)


def _fill_list(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    list.__setitem__(obj, slice(None), values)


def _fill_deque(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    deque.clear(obj)
    deque.extend(obj, values)


def _empty_deque(x: Any) -> Any:
    made: Any = deque.__new__(type(x))
    deque.__init__(made, (), x.maxlen)
    return _with_attributes(x, made)


def tuple_of(cls: type, items: Iterable[Any]) -> Any:
    """The tuple of a class that holds these items.

    Not through the class: its ``__new__`` may take other arguments, and converts what it is given.
    """
    made: Any = tuple(items)
    return made if cls is tuple else tuple.__new__(cls, made)


def is_plain_tuple(x: Any) -> bool:
    """Whether ``x`` is a tuple or named tuple that is nothing but its items.

    Neither is one that has attributes as well, or that the user's class reads in another way.
    """
    cls: Any = type(x)
    if cls is tuple:
        return True
    if not isinstance(x, tuple) or not hasattr(cls, "_fields") or _table_of(x):
        return False
    return all(getattr(cls, name) is getattr(tuple, name) for name in _READS)


_READS = ("__getitem__", "__iter__", "__len__")


def _make_tuple(x: Any, keys: Sequence[Any], values: Sequence[Any]) -> Any:
    if hasattr(type(x), "n_sequence_fields"):  # sys.version_info, of whose class nobody makes more
        same = all(a is b for a, b in zip(x, values, strict=True))
        return x if same else type(x)(values)
    return _with_attributes(x, tuple_of(type(x), values))


def _make_frozenset(x: Any, keys: Sequence[Any], values: Sequence[Any]) -> Any:
    made: Any = frozenset.__new__(type(x), values)
    return _with_attributes(x, made)


def _fill_set(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    set.clear(obj)
    set.update(obj, values)


def _empty_set(x: Any) -> Any:
    made: Any = set.__new__(type(x))
    return _with_attributes(x, made)


# -- dicts ------------------------------------------------------------------------------------------
def _keys_of_dict(x: Any) -> list[Any]:
    return list(OrderedDict.__iter__(x) if isinstance(x, OrderedDict) else dict.__iter__(x))


def is_dict(x: Any) -> bool:
    """Whether an object is a dict, by its keys and not by its class alone."""
    # A sparse array by keys (``dok_array``) is a dict by its class alone: it has none of its elements there.
    return isinstance(x, dict) and type(x).__module__ != "scipy.sparse._dok"


def _values_of_dict(x: Any) -> list[Any]:
    if not isinstance(x, OrderedDict):
        return list(dict.values(x))  # looks no key up, which would run what compares the user's
    return [dict.__getitem__(x, key) for key in _keys_of_dict(x)]


def _empty_dict(x: Any) -> Any:
    cls: Any = type(x)
    made = cls.__new__(cls)
    if isinstance(x, defaultdict):
        defaultdict.__init__(made, x.default_factory)
    return _with_attributes(x, made)


def _fill_dict(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    kind: Any = OrderedDict if isinstance(obj, OrderedDict) else dict
    kind.clear(obj)
    for key, value in zip(keys, values, strict=True):
        kind.__setitem__(obj, key, value)


_VIEWS: dict[type, Callable[[Any], Any]] = {
    type({}.keys()): lambda table: table.keys(),
    type({}.values()): lambda table: table.values(),
    type({}.items()): lambda table: table.items(),
    type(OrderedDict().keys()): lambda table: table.keys(),
    type(OrderedDict().values()): lambda table: table.values(),
    type(OrderedDict().items()): lambda table: table.items(),
}


class _Caught:
    """What a mapping proxy compares its mapping with: the only way to get at that."""

    def __eq__(self, mapping: object) -> bool:
        self.mapping = mapping
        return True

    __hash__ = None  # type: ignore[assignment]


def _mapping_of(proxy: Any) -> Any:
    """The mapping itself that a ``mappingproxy`` lets be read."""
    caught = _Caught()
    return caught.mapping if proxy == caught else proxy.copy()


# -- instances --------------------------------------------------------------------------------------
def slots_of(cls: type) -> dict[str, Any]:
    """The attributes that instances keep outside of their ``__dict__``: descriptors by name."""
    known = _slots.get(cls)
    if known is None:
        known = _slots[cls] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                if type(member) is MemberDescriptorType and base.__flags__ & _HEAP_TYPE:
                    known[name] = member
    return known


_slots: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()


def attributes_of(x: Any) -> dict[str, Any]:
    """What an instance holds, its ``__dict__`` and its slots, whatever its class says of attributes."""
    found = dict(_table_of(x))
    slots = _slots.get(type(x))
    for name, slot in (slots_of(type(x)) if slots is None else slots).items():
        try:
            found[name] = slot.__get__(x)
        except AttributeError:
            continue
    return found


def attribute_of(x: Any, name: str) -> Any:
    """One of what an instance holds; a KeyError or AttributeError where it does not."""
    slot = slots_of(type(x)).get(name)
    return _table_of(x)[name] if slot is None else slot.__get__(x)


def found_plainly(obj: Any, name: str, default: Any = None) -> Any:
    """An attribute that is there before ``__getattr__`` of the user's is asked, which may do and raise anything."""
    try:
        return object.__getattribute__(obj, name)
    except AttributeError:
        return default


def set_attributes(obj: Any, attributes: Mapping[str, Any]) -> None:
    """Have an instance hold these as well, whatever its class says of attributes."""
    slots, table = slots_of(type(obj)), _table_of(obj)
    for name, value in attributes.items():
        if name in slots:
            slots[name].__set__(obj, value)
        else:
            table[name] = value


def drop_attribute(obj: Any, name: str) -> None:
    """Have an instance hold nothing by this name."""
    _table_of(obj).pop(name, None)


def is_record(x: Any) -> bool:
    """Whether ``x`` is an instance of a dataclass that is nothing but its attributes."""
    cls = type(x)
    return hasattr(cls, "__dataclass_fields__") and (cls in _fields or _is_instance(x))


def parts_of_record(x: Any) -> tuple[str, ...]:
    """The attributes of a record that a derivative has: its fields, as far as it holds them.

    Where a field is computed (a property with a setter), it cannot be told which attributes stand
    for it, so that all of them are parts.
    """
    held = attributes_of(x)
    names, some_are_computed = _fields_of(type(x))
    if some_are_computed and any(
        name not in held and _is_computed(type(x), name) for name in names
    ):
        return tuple(held)
    return tuple([name for name in names if name in held])


def may_be_part(cls: type, name: str) -> bool:
    """Whether :func:`parts_of_record` has an attribute of this name of instances that hold it."""
    names, all_may_be = _fields_of(cls)
    return all_may_be or name in names


def _fields_of(cls: Any) -> tuple[tuple[str, ...], bool]:
    """The names of the fields of a class of records, and whether code of the class keeps some elsewhere."""
    found = _fields.get(cls)
    if found is None:
        names = tuple([field.name for field in dataclasses.fields(cls)])
        found = _fields[cls] = names, any(_is_computed(cls, name) for name in names)
    return found


_fields: WeakKeyDictionary[type, tuple[tuple[str, ...], bool]] = WeakKeyDictionary()


def _is_computed(cls: type, name: str) -> bool:
    """Whether a class runs code where this attribute is stored."""
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    return hasattr(type(found), "__set__") and type(found) is not MemberDescriptorType


def is_plain_record(cls: type) -> bool:
    """Whether dataclasses of a class keep their fields in a ``__dict__``, or in slots, which no code stands before."""
    names, some_are_computed = _fields_of(cls)
    slots = slots_of(cls)
    getter: Any = cls.__getattribute__
    return (
        getter is object.__getattribute__
        and not some_are_computed
        and (not slots or (set(slots) == set(names) and not cls.__dictoffset__))
    )


def path_to(cls: Any, key: str | int, at: str) -> str:
    """The expression for an attribute or item that an instance of a class holds, if ``at`` is one for it.

    Where a class runs code when it is read, the expression calls ``_held``, which is :func:`held`.
    """
    if isinstance(key, int):
        plain, text = cls.__getitem__ is tuple.__getitem__, f"{at}[{key}]"
    else:
        plain = cls.__getattribute__ is object.__getattribute__ and not _is_computed(cls, key)
        text = f"{at}.{key}"
    return text if plain else f"_held({at}, {key!r})"


def held(x: Any, key: str | int) -> Any:
    """One of what an instance holds, an attribute or an item of a tuple; an error where it does not."""
    return tuple.__getitem__(x, key) if isinstance(key, int) else attribute_of(x, key)


def _table_of(x: Any) -> dict[str, Any]:
    """The ``__dict__`` of an object, past what its class says about attributes."""
    try:
        table = object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}
    return table if type(table) is dict else {}


def _set_attributes(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    set_attributes(obj, dict(zip(keys, values, strict=True)))


def _is_instance(x: Any) -> bool:
    """Whether an object is nothing but its attributes, and of a class of the user's."""
    cls = type(x)
    if not cls.__flags__ & _HEAP_TYPE or isinstance(x, (type, Enum)):
        return False
    if f"{cls.__module__}.{cls.__qualname__}" in _OF_LIBRARY:
        return True
    if is_library_class(cls) or home_of_class(cls).split(".")[0] in ("pandas", "xarray"):
        return False
    # Of classes in C, ``object`` alone: what others keep of an instance is not seen.
    return all(base is object or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)


# Classes of Python's library that are written in Python and hold what they are given.
_OF_LIBRARY = frozenset(
    [
        *(f"collections.{name}" for name in ("ChainMap", "UserDict", "UserList", "UserString")),
        *("argparse.Namespace", "statistics.NormalDist", "inspect.BoundArguments"),
        "contextlib.nullcontext",
    ]
)


def home_of_class(cls: type) -> str:
    """The module of a class; "" of one that code in a namespace without a name made, which says it is a builtin."""
    module = cls.__module__ if isinstance(cls.__module__, str) else ""
    if module == "builtins" and cls.__flags__ & _HEAP_TYPE:
        return module if getattr(builtins, cls.__name__, None) is cls else ""
    return module


def is_library_class(cls: type) -> bool:
    """Whether a class is Python's, NumPy's or one of this package."""
    module = home_of_class(cls)
    if module.startswith(("autodiff.nist", "autodiff.optimize", "autodiff.demo")):
        return False
    root = module.split(".")[0]
    if root in ("numpy", "scipy", "autodiff", "optree", "llvmlite"):
        return True
    return root in sys.stdlib_module_names and root != "__main__"


def new_instance(cls: type) -> Any:
    """An object of a class without attributes: not through the class, which may ask for arguments."""
    made_by = SimpleNamespace if issubclass(cls, SimpleNamespace) else object
    return made_by.__new__(cls)


def _empty_instance(x: Any) -> Any:
    return new_instance(type(x))


def _make_exception(x: Any) -> Any:
    made: Any = type(x).__new__(type(x), *x.args)
    made.__cause__, made.__context__ = x.__cause__, x.__context__
    made.__suppress_context__, made.__traceback__ = x.__suppress_context__, x.__traceback__
    return made


def _keys_of_exception(x: BaseException) -> list[Any]:
    return ["args", *attributes_of(x)]


def _values_of_exception(x: BaseException) -> list[Any]:
    return [x.args, *attributes_of(x).values()]


def _fill_exception(obj: Any, keys: Sequence[Any], values: Sequence[Any]) -> None:
    obj.args = values[0]
    _set_attributes(obj, keys[1:], values[1:])


def _make_partial(x: Any, keys: Sequence[Any], values: Sequence[Any]) -> Any:
    function, args, keywords = values
    made: Any = functools.partial.__new__(type(x), function, *args, **keywords)
    return _with_attributes(x, made)


def _tuple(name: str, is_one: Callable[[Any], bool]) -> Kind:
    return Kind(
        name,
        is_one,
        lambda x: range(tuple.__len__(x)),
        lambda x: tuple(tuple.__iter__(x)),
        _make_tuple,
    )


# -- the rows ----------------------------------------------------------------------------------------
KINDS: tuple[Kind, ...] = (
    _mutable("list", lambda x: isinstance(x, list), _items_of_list, _empty_list, _fill_list),
    _tuple("named tuple", lambda x: isinstance(x, tuple) and hasattr(type(x), "_fields")),
    _tuple("tuple", lambda x: isinstance(x, tuple)),
    # OrderedDict, defaultdict, Counter and the user's classes of dicts among them.
    _mutable(
        "dict",
        is_dict,
        _values_of_dict,
        _empty_dict,
        _fill_dict,
        _keys_of_dict,
        has_keys=True,
    ),
    _mutable("deque", lambda x: isinstance(x, deque), lambda x: list(x), _empty_deque, _fill_deque),
    _mutable(
        "set",
        lambda x: isinstance(x, set),
        lambda x: list(x),
        _empty_set,
        _fill_set,
        is_ordered=False,
    ),
    Kind(
        "frozenset",
        lambda x: isinstance(x, frozenset),
        lambda x: range(len(x)),
        lambda x: list(x),
        _make_frozenset,
        is_ordered=False,
    ),
    Kind(
        "slice",
        lambda x: isinstance(x, slice),
        lambda x: ("start", "stop", "step"),
        lambda x: (x.start, x.stop, x.step),
        lambda x, keys, values: slice(*values),
    ),
    Kind(
        "mappingproxy",
        lambda x: isinstance(x, MappingProxyType),
        lambda x: ("mapping",),
        lambda x: (_mapping_of(x),),
        lambda x, keys, values: MappingProxyType(values[0]),
    ),
    Kind(
        "view of a dict",
        lambda x: type(x) in _VIEWS,
        lambda x: ("mapping",),
        lambda x: (_mapping_of(x.mapping),),
        lambda x, keys, values: _VIEWS[type(x)](values[0]),
    ),
    _mutable(
        "exception",
        lambda x: isinstance(x, BaseException),
        _values_of_exception,
        _make_exception,
        _fill_exception,
        _keys_of_exception,
    ),
    Kind(
        "partial",
        lambda x: isinstance(x, functools.partial),
        lambda x: ("func", "args", "keywords"),
        lambda x: (x.func, x.args, x.keywords),
        _make_partial,
    ),
    Kind(
        "bound method",
        lambda x: isinstance(x, MethodType),
        lambda x: ("__self__",),
        lambda x: (x.__self__,),
        lambda x, keys, values: MethodType(x.__func__, values[0]),
    ),
    _mutable(
        "namespace",
        lambda x: isinstance(x, SimpleNamespace),
        lambda x: list(vars(x).values()),
        _empty_instance,
        _set_attributes,
        lambda x: list(vars(x)),
    ),
    _mutable(
        "instance",
        _is_instance,
        lambda x: list(attributes_of(x).values()),
        _empty_instance,
        _set_attributes,
        lambda x: list(attributes_of(x)),
    ),
)

_LEAVES = frozenset((int, float, complex, bool, str, bytes, type(None), type, type(sys)))
_of_class: WeakKeyDictionary[type, Kind | None] = WeakKeyDictionary()


def kind_of(x: Any) -> Kind | None:
    """The kind of container that ``x`` is; None of a leaf."""
    cls = type(x)
    if cls in _LEAVES:
        return None
    try:
        return _of_class[cls]
    except KeyError:
        found = next((kind for kind in KINDS if kind.is_kind(x)), None)
        _of_class[cls] = found
        return found


# -- walks --------------------------------------------------------------------------------------------
Test = Callable[[Any], bool]


def parts_of(x: Any, keys: bool = False) -> list[Any]:
    """What a container holds, its keys first if they are objects of the user's; nothing of a leaf."""
    kind = kind_of(x)
    if kind is None:
        return []
    values = kind.values(x)
    return [*kind.keys(x), *values] if keys and kind.has_keys else list(values)


def walk(x: Any, stop: Test | None = None, keys: bool = False) -> Iterator[Any]:
    """``x`` and everything in it, each object once; not beyond objects that ``stop`` is true of."""
    seen: dict[int, Any] = {}
    pending = [x]
    while pending:
        current = pending.pop()
        if kind_of(current) is not None:
            if id(current) in seen:
                continue
            seen[id(current)] = current
        yield current
        if stop is None or not stop(current):
            pending += reversed(parts_of(current, keys))


def leaves(x: Any, stop: Test | None = None, keys: bool = False) -> Iterator[Any]:
    """The leaves in a container, in order; objects that ``stop`` is true of are leaves."""
    for part in walk(x, stop, keys):
        if kind_of(part) is None or (stop is not None and stop(part)):
            yield part


def holds(x: Any, test: Test, stop: Test | None = None) -> bool:
    """Whether ``test`` is true of ``x`` or of anything in it, keys included."""
    return any(test(part) for part in walk(x, stop, keys=True))


class _Changes:
    """Which containers hold something that changes, how often; the walk before a rebuilding."""

    def __init__(self, x: Any, test: Test, stop: Test | None, copied: Test | None) -> None:
        self.parents: dict[int, list[int]] = {}
        self.objects: dict[int, Any] = {}
        # The keys and values of each, which are looked at once.
        self.parts: dict[int, tuple[list[Any], list[Any]]] = {}
        self.changing: set[int] = set()
        self.shared: set[int] = set()
        pending: list[tuple[Any, int | None]] = [(x, None)]
        hit: list[int] = []
        while pending:
            current, parent = pending.pop()
            if test(current):
                if parent is not None:
                    hit.append(parent)
                continue
            kind = kind_of(current)
            if kind is None or (stop is not None and stop(current)):
                continue
            key = id(current)
            if parent is not None:
                self.parents.setdefault(key, []).append(parent)
            if key in self.objects:
                self.shared.add(key)
                continue
            self.objects[key] = current
            keys, values = list(kind.keys(current)), list(kind.values(current))
            self.parts[key] = (keys, values)
            if copied is not None and copied(current):
                hit.append(key)
            inside = [*keys, *values] if kind.has_keys else values
            pending += [(part, key) for part in inside]
        while hit:
            key = hit.pop()
            if key not in self.changing:
                self.changing.add(key)
                hit += self.parents.get(key, ())


def replaced(
    x: Any,
    test: Test,
    new: Callable[[Any], Any],
    stop: Test | None = None,
    copied: Test | None = None,
) -> Any:
    """``x`` with ``new(part)`` for every part, key or leaf, that ``test`` is true of.

    A container that holds none of these is left as it is and not copied, unless ``copied`` says so;
    nothing is beyond objects that ``stop`` is true of.
    """
    if test(x):
        return new(x)
    if kind_of(x) is None:
        return x
    return planned(x, test, lambda part: lambda given: new(part), stop, copied)(None)


def planned(
    x: Any,
    test: Test,
    plan: Callable[[Any], Callable[[Any], Any]],
    stop: Test | None = None,
    copied: Test | None = None,
) -> Callable[[Any], Any]:
    """How to make containers like ``x`` again and again: a function of what the parts are made from.

    ``plan(part)`` is asked once for every part that ``test`` is true of, in order; what it gives is
    called with the argument of the function returned.  Sharing and cycles are as in ``x``.
    """
    changes = _Changes(x, test, stop, copied)
    if not changes.shared:
        return _planned_once(x, test, plan, changes)
    makers: dict[int, Callable[[Any, dict[int, Any]], Any]] = {}

    def maker_of(part: Any) -> Callable[[Any, dict[int, Any]], Any]:
        if test(part):
            made = plan(part)
            return lambda given, memo: made(given)
        key = id(part)
        if key not in changes.changing:
            return lambda given, memo: part
        if key not in makers:
            cell: list[Any] = []
            makers[key] = lambda given, memo: cell[0](given, memo)  # while it is made: of a cycle
            cell.append(container_maker(part))
            makers[key] = cell[0]
        return makers[key]

    def container_maker(part: Any) -> Callable[[Any, dict[int, Any]], Any]:
        kind = kind_of(part)
        assert kind is not None
        keys, held = changes.parts[id(part)]
        key_makers = [maker_of(key) for key in keys] if kind.has_keys else None
        value_makers = [maker_of(value) for value in held]
        number, is_shared = id(part), id(part) in changes.shared

        def run(given: Any, memo: dict[int, Any]) -> Any:
            if is_shared and number in memo:
                return memo[number]
            if kind.fill is not None and kind.empty is not None:
                obj = kind.empty(part)
                if is_shared:
                    memo[number] = obj  # before it is filled: it may be in itself
                names: Sequence[Any] = keys
                if key_makers is not None:
                    names = [make(given, memo) for make in key_makers]
                kind.fill(obj, names, [make(given, memo) for make in value_makers])
                return obj
            values = [make(given, memo) for make in value_makers]
            if is_shared and number in memo:
                return memo[number]
            obj = kind.make(part, keys, values)
            if is_shared:
                memo[number] = obj
            return obj

        return run

    make = maker_of(x)
    return lambda given: make(given, {})


def _planned_once(
    x: Any, test: Test, plan: Callable[[Any], Callable[[Any], Any]], changes: _Changes
) -> Callable[[Any], Any]:
    """The plan for a container in which no other one is in two places."""
    if test(x):
        return plan(x)
    if id(x) not in changes.changing:
        return lambda given: x
    kind = kind_of(x)
    assert kind is not None
    keys, values = changes.parts[id(x)]
    key_makers = [_planned_once(key, test, plan, changes) for key in keys if kind.has_keys]
    makers = [_planned_once(value, test, plan, changes) for value in values]
    if type(x) is tuple:
        return lambda given: tuple([make(given) for make in makers])
    if kind.name == "list" and type(kind.make(x, (), ())) is list:
        return lambda given: [make(given) for make in makers]
    if type(x) is dict and not any(test(key) or id(key) in changes.changing for key in keys):
        return lambda given: dict(zip(keys, [make(given) for make in makers], strict=True))
    if type(x) is dict:
        return lambda given: {
            key(given): make(given) for key, make in zip(key_makers, makers, strict=True)
        }
    return lambda given: kind.make(
        x, [key(given) for key in key_makers] or keys, [make(given) for make in makers]
    )


def settle(roots: Iterable[Any], test: Test, new: Callable[[Any], Any], stop: Test) -> None:
    """Put ``new(part)`` in place of every part that ``test`` is true of, inside the objects themselves.

    What cannot change (a tuple) is made anew where it stands.  Not beyond what ``stop`` is true of.
    """
    done: dict[int, Any] = {}

    def settled(part: Any) -> Any:
        if test(part):
            return new(part)
        kind = kind_of(part)
        if kind is None or stop(part):
            return part
        if id(part) in done:
            return done[id(part)][1]
        done[id(part)] = (part, part)
        keys, values = list(kind.keys(part)), list(kind.values(part))
        new_keys = [settled(key) for key in keys] if kind.has_keys else keys
        new_values = [settled(value) for value in values]
        same = all(a is b for a, b in zip([*keys, *values], [*new_keys, *new_values], strict=True))
        if same:
            return part
        if kind.fill is not None:
            kind.fill(part, new_keys, new_values)
            return part
        made = kind.make(part, new_keys, new_values)
        done[id(part)] = (part, made)
        return made

    for root in roots:
        settled(root)


__all__ = [
    "KINDS",
    "Kind",
    "attribute_of",
    "attributes_of",
    "drop_attribute",
    "held",
    "holds",
    "home_of_class",
    "is_dict",
    "is_library_class",
    "is_plain_record",
    "is_plain_tuple",
    "is_record",
    "kind_of",
    "leaves",
    "may_be_part",
    "new_instance",
    "parts_of",
    "parts_of_record",
    "path_to",
    "planned",
    "replaced",
    "set_attributes",
    "settle",
    "slots_of",
    "tuple_of",
    "walk",
]
