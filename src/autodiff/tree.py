"""Containers of arrays: flattening and rebuilding, with optree, or without it where that is simple (`nesting`).

Lists, tuples, dicts, named tuples, OrderedDict, deque and dataclasses are containers, and so are
the Series, DataFrames and DataArrays of pandas and xarray that hold numbers of one type; everything
else, None included, is a leaf.  A class is registered when it is first met.  optree is loaded only
when a container of a class is met: a call with plain arrays, in tuples, lists and dicts as well, never needs it.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.labelled import Labelled, is_labelled, put_together, take_apart
from autodiff.later import later
from autodiff.plain_data import dataclass
from autodiff.sameness import told_apart
from autodiff.tables import Table, register, table_of

if TYPE_CHECKING:
    from autodiff import nesting
else:
    nesting = later("autodiff.nesting")

NAMESPACE = "autodiff"  # of whole containers
ARGUMENTS = "autodiff.arguments"  # ... of those whose parts derivatives have
_CONTAINERS = (list, tuple, dict)
_NUMBERS = frozenset((float, int, bool))
_registered: set[type] = set()
_labelled: set[type] = set()  # those of pandas and xarray among them


class Carried:
    """The leaf that the attributes of an argument are which are none of its parts.

    What the function gets holds them as well; a derivative does not.
    """

    __slots__ = ("attributes", "cls")

    def __init__(self, cls: type, attributes: dict[str, Any]) -> None:
        self.cls = cls  # of the object that carries them
        self.attributes = attributes


NOTHING = Carried(object, {})  # in a derivative


def is_container(obj: Any) -> bool:
    """Whether ``obj`` holds leaves rather than being one."""
    return (
        isinstance(obj, _CONTAINERS)
        or type(obj) is deque
        or containers.is_record(obj)
        or _has_labels(obj)
    )


def _has_labels(obj: Any) -> bool:
    return type(obj) is Labelled or is_labelled(obj)


def labelled_in(obj: Any) -> Any | None:
    """The first object of pandas or xarray in a container, or the container if it is one."""
    import optree

    if is_labelled(obj):
        return obj
    if not _labelled:
        return None
    parts = optree.tree_leaves(obj, is_leaf=is_labelled, none_is_leaf=True, namespace=NAMESPACE)
    return next((x for x in parts if is_labelled(x)), None)


_ORDINARY = frozenset((float, int, bool, str, list, tuple, dict, type(None), np.ndarray))


def _is_new(x: Any) -> bool:
    """Whether ``x`` is of a class that optree must be told how to take apart."""
    cls = type(x)
    if cls in _ORDINARY or cls in _registered:
        return False
    if isinstance(x, tuple):
        return not (cls is tuple or _is_generated(cls))
    return containers.is_record(x) or _has_labels(x)


def _is_generated(cls: type) -> bool:
    """Whether a class of tuples is as ``namedtuple`` makes it: those optree takes apart itself."""
    if not hasattr(cls, "_fields"):
        return True  # which is a leaf
    return not cls.__dictoffset__ and "_fields" in _owner_of_new(cls)


def _owner_of_new(cls: type) -> Any:
    return next((vars(base) for base in cls.__mro__ if "__new__" in vars(base)), {})


def _register(cls: type) -> None:
    """Tell optree of a class of named tuples or dataclasses: by what they hold, running no code of it."""
    import optree

    is_tuple = issubclass(cls, tuple)

    def flatten(whole: bool, obj: Any) -> tuple[tuple[Any, ...], Any, tuple[Any, ...]]:
        attributes = containers.attributes_of(obj)
        held: dict[Any, Any] = {}
        if whole:
            held = dict(enumerate(tuple.__iter__(obj))) if is_tuple else {}
            held |= attributes
        else:
            back = _back_references.get()
            held = {k: x for k, x in children(obj) if (id(obj), k) not in back}
        names, values = tuple(held), tuple(held.values())
        carried = {name: x for name, x in attributes.items() if name not in held}
        if carried:
            return (*values, Carried(cls, carried)), (names, tuple(carried)), (*names, "")
        return values, (names, ()), names

    def unflatten(names: Any, children: Any) -> Any:
        held = dict(zip(names[0], children, strict=False))
        if is_tuple:
            obj = containers.tuple_of(cls, [x for k, x in held.items() if isinstance(k, int)])
        else:
            obj = containers.new_instance(cls)
        attributes = {k: x for k, x in held.items() if isinstance(k, str)}
        for name in list(attributes):
            carried = is_tuple or not containers.may_be_part(cls, name)
            if carried and _is_left_out(attributes[name]):
                del attributes[name]
        if names[1] and isinstance(children[-1], Carried):
            attributes |= children[-1].attributes
        containers.set_attributes(obj, attributes)
        return obj

    with warnings.catch_warnings():
        # That optree would have taken a named tuple apart itself, through its class.
        warnings.simplefilter("ignore", UserWarning)
        for namespace in (NAMESPACE, ARGUMENTS):
            optree.register_pytree_node(
                cls,
                functools.partial(flatten, namespace is NAMESPACE),
                unflatten,
                path_entry_type=optree.FlattenedEntry,
                namespace=namespace,
            )
    _registered.add(cls)


def _is_left_out(x: Any) -> bool:
    """Whether a derivative has none of this attribute."""
    return x is NOTHING or (is_container(x) and any(y is NOTHING for y in flatten(x)[0]))


def _register_labelled(cls: type) -> None:
    import optree

    def flatten(obj: Any) -> tuple[tuple[Any, ...], Any]:
        labels, values = take_apart(obj)
        return (values,), labels

    def unflatten(labels: Any, children: Any) -> Any:
        return put_together(labels, children[0])

    for namespace in (NAMESPACE, ARGUMENTS):
        optree.register_pytree_node(cls, flatten, unflatten, namespace=namespace)
    _registered.add(cls)
    _labelled.add(cls)


def _is_unlabelled(obj: Any) -> bool:
    """Whether this one of a registered class holds other things than numbers."""
    return type(obj) in _labelled and not _has_labels(obj)


def _counts_as_list(obj: Any) -> bool:
    return getattr(type(obj), "counts_as_list", False)


def flatten(
    obj: Any, whole_lists: bool = False, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], Any]:
    """The leaves of ``obj`` in order, and what :func:`unflatten` needs to rebuild it.

    Lists that captured code makes (they say ``counts_as_list``) are taken apart as lists, and are
    lists when rebuilt; with ``whole_lists`` they are leaves.  So is what ``is_leaf`` is true of.
    """
    return _flatten(obj, NAMESPACE, whole_lists, is_leaf)


def flatten_argument(
    obj: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], Any]:
    """As :func:`flatten`, of what is differentiated by: the parts that a derivative has.

    The other attributes of a dataclass or named tuple are one more leaf, of :class:`Carried`.
    """
    return _flatten(obj, ARGUMENTS, False, is_leaf)


def parts(obj: Any) -> list[Any]:
    """The leaves of what is differentiated by, or of a derivative; of a leaf itself."""
    if not is_container(obj):
        return [obj]
    try:
        return [x for x in flatten_argument(obj)[0] if not isinstance(x, Carried)]
    except RecursionError:
        return [obj]  # a list that contains itself


def _flatten(
    obj: Any, namespace: str, whole_lists: bool, is_leaf: Callable[[Any], bool] | None
) -> tuple[list[Any], Any]:
    again = namespace is ARGUMENTS
    token = None
    if again and type(obj) in _cyclic:
        token = _back_references.set(_find_back_references(obj))
    try:
        return _flatten_whole(obj, namespace, whole_lists, is_leaf)
    except RecursionError:
        back = _find_back_references(obj) if again and token is None else None
        if not back:
            raise
        _cyclic.add(type(obj))
        token = _back_references.set(back)
        return _flatten_whole(obj, namespace, whole_lists, is_leaf)
    finally:
        if token is not None:
            _back_references.reset(token)


_cyclic: set[type] = set()  # classes of arguments in which fields were met that lead back
# The fields that lead back to what the dataclass is a part of, by its id.
_back_references: ContextVar[frozenset[tuple[int, str]]] = ContextVar(
    "back references", default=frozenset()
)


def _flatten_whole(
    obj: Any, namespace: str, whole_lists: bool, is_leaf: Callable[[Any], bool] | None
) -> tuple[list[Any], Any]:
    found = nesting.take_apart(obj, is_leaf, _may_have_parts)
    if found is not None:
        return found
    import optree

    moved = _was_moved if any(map(_was_moved, nodes([obj]))) else None
    while True:
        stops = _either(_is_new, _is_unlabelled if _labelled else None)
        leaves, definition = optree.tree_flatten(
            obj,
            is_leaf=_either(moved, _either(stops, is_leaf)),
            none_is_leaf=True,
            namespace=namespace,
        )
        if moved is not None and any(map(_was_moved, leaves)):
            obj = definition.unflatten(
                [OrderedDict(x.items()) if _was_moved(x) else x for x in leaves]
            )
            continue
        if not whole_lists and any(_counts_as_list(x) for x in leaves):
            obj = definition.unflatten([list(x) if _counts_as_list(x) else x for x in leaves])
            continue
        new = {type(x) for x in leaves if _is_new(x) and not (is_leaf is not None and is_leaf(x))}
        if not new:
            return leaves, definition
        for x in leaves:
            if type(x) in new and type(x) not in _registered:
                (_register_labelled if _has_labels(x) else _register)(type(x))


def _may_have_parts(x: Any) -> bool:
    """Whether something else than a tuple, list or dict may be one of optree's containers."""
    cls = type(x)
    if cls in _ORDINARY:
        return False
    return cls in _registered or cls is Table or _counts_as_list(x) or is_container(x)


def with_tables(obj: Any, is_leaf: Callable[[Any], bool], kinds: str) -> Any:
    """The container with its lists of records as tables, but for those that are leaves.

    ``kinds``: those of the dtypes that columns may have.
    """
    found: dict[int, Table] = {}

    def stops(x: Any) -> bool:
        if is_leaf(x):
            return True
        table = table_of(x, kinds) if isinstance(x, (list, tuple)) else None
        if table is None:
            return False
        found[id(x)] = table
        return True

    leaves, definition = flatten_argument(obj, stops)
    if not found:
        return obj
    register(NAMESPACE, ARGUMENTS)
    return definition.unflatten([found.get(id(x), x) for x in leaves])


def _either(
    one: Callable[[Any], bool] | None, other: Callable[[Any], bool] | None
) -> Callable[[Any], bool] | None:
    if one is None or other is None:
        return one or other
    return lambda x: one(x) or other(x)


def children(obj: Any, above: frozenset[int] = frozenset()) -> list[tuple[Any, Any]]:
    """The parts of a container among the arguments that derivatives have, each with its key.

    Not the fields that lead back to one of the objects ``above``.  Instances of the user's classes of
    lists and dicts have no parts: they are leaves.
    """
    if type(obj) in (dict, OrderedDict, defaultdict):
        return list(obj.items())
    if type(obj) is tuple or (isinstance(obj, tuple) and hasattr(type(obj), "_fields")):
        return list(enumerate(tuple.__iter__(obj)))
    if type(obj) in (list, deque):
        return [] if _holds_only_numbers(obj) else list(enumerate(obj))
    if containers.is_record(obj):
        held = containers.attributes_of(obj)
        names = containers.parts_of_record(obj)
        return [(name, held[name]) for name in names if id(held[name]) not in above]
    return []


def _walk(objects: Iterable[Any]) -> Iterator[tuple[Any, frozenset[int]]]:
    """The containers among some arguments, as often as they are there, and what each is a part of."""
    pending = [(x, frozenset[int]()) for x in objects][::-1]
    while pending:
        obj, above = pending.pop()
        if is_container(obj):
            yield obj, above
            if id(obj) not in above:
                above = above | {id(obj)}
                pending += [(part, above) for _, part in reversed(children(obj, above))]


def nodes(objects: Iterable[Any]) -> Iterator[Any]:
    """The containers among some arguments, as often as they are there."""
    return (obj for obj, _ in _walk(objects))


def _find_back_references(obj: Any) -> frozenset[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    for part, above in _walk([obj]):
        if containers.is_record(part) and id(part) not in above:
            above = above | {id(part)}
            names = {name for name, _ in children(part)} - {k for k, _ in children(part, above)}
            found |= {(id(part), name) for name in names}
    return frozenset(found)


def _holds_only_numbers(obj: Any) -> bool:
    return type(obj) in (list, tuple, deque) and _NUMBERS.issuperset(map(type, obj))


@dataclass(frozen=True, eq=False)
class Pair:
    """A dataclass or named tuple of an argument, and what was made in its place."""

    original: Any
    made: Any
    path: tuple[tuple[type, Any], ...]  # classes of the containers around it, and keys
    carried: tuple[str, ...]  # the attributes that are no parts


def pairs(original: Any, made: Any) -> Iterator[Pair]:
    """The dataclasses and named tuples of an argument, with what was made in the place of each.

    Not into what was made in another way: a list that is one array.
    """
    return _pairs(original, made, (), _find_back_references(original))


def _pairs(
    original: Any,
    made: Any,
    path: tuple[tuple[type, Any], ...],
    back: frozenset[tuple[int, str]],
) -> Iterator[Pair]:
    cls = type(original)
    if original is made or cls is not type(made):
        return
    parts = [(k, x) for k, x in children(original) if (id(original), k) not in back]
    if containers.is_record(original) or hasattr(cls, "_fields"):
        names = {key for key, _ in parts}
        carried = [name for name in containers.attributes_of(original) if name not in names]
        yield Pair(original, made, path, tuple(carried))
        of_made: Any = dict(enumerate(_items(made))) | containers.attributes_of(made)
    elif isinstance(made, tuple):
        of_made = _items(made)
    else:
        of_made = made
    for key, part in parts:
        yield from _pairs(part, of_made[key], (*path, (cls, key)), back)


def _items(x: Any) -> tuple[Any, ...]:
    return tuple(tuple.__iter__(x)) if isinstance(x, tuple) else ()


def is_of_derivatives(definition: Any) -> list[bool]:
    """For each leaf of a whole container whether a derivative has it: not what a dataclass carries."""
    return [not any(map(_is_carried, accessor)) for accessor in definition.accessors()]


def _is_carried(entry: Any) -> bool:
    cls, key = entry.type, entry.entry
    if cls not in _registered or cls in _labelled or not isinstance(key, str):
        return False
    return issubclass(cls, tuple) or not containers.may_be_part(cls, key)


def link(originals: Sequence[Any], made: Sequence[Any]) -> Sequence[Any]:
    """Have what was made in the place of arguments refer to itself where the arguments do.

    A node of a tree carries its parent, which is in the arguments as well.
    """
    found = [p for x, y in zip(originals, made, strict=True) for p in pairs(x, y)]
    of_original = {id(pair.original): pair.made for pair in found}
    for pair in found:
        held = containers.attributes_of(pair.made)
        attributes = {
            name: containers.replaced(
                held[name], lambda part: id(part) in of_original, lambda part: of_original[id(part)]
            )
            for name in pair.carried
            if name in held
        }
        containers.set_attributes(pair.made, attributes)
    return made


def _was_moved(x: Any) -> bool:
    """Whether keys of an OrderedDict were moved: optree goes by the dict below, which keeps their order."""
    return type(x) is OrderedDict and any(
        a is not b for a, b in zip(x, dict.__iter__(x), strict=True)
    )


def key_orders(obj: Any) -> list[Any]:
    """The keys of each dictionary in a container, in their order, which its definition leaves out.

    So it does whether a key is 1, True or 1.0.
    """
    return [tuple(map(told_apart, part)) for part in nodes([obj]) if isinstance(part, dict)]


def unflatten(definition: Any, leaves: list[Any]) -> Any:
    """Rebuild the container that :func:`flatten` took apart, around new leaves."""
    return definition.unflatten(leaves)


@functools.lru_cache(maxsize=256)
def paths(definition: Any, root: str) -> tuple[str, ...]:
    """For each leaf the Python expression that reaches it, such as ``root['w'][0]``."""
    accessors = definition.accessors()
    return tuple([functools.reduce(_reached, accessor, root) for accessor in accessors])


def _reached(at: str, entry: Any) -> str:
    """What reaches a part of what ``at`` reaches."""
    if entry.type is Table:
        return f"{at}{entry.entry}"
    if entry.type in _labelled:
        return at  # the values of a labelled object are called as the object is
    if entry.type in _registered:
        return at if entry.entry == "" else containers.path_to(entry.type, entry.entry, at)
    return f"{at}{entry.codify('')}"
