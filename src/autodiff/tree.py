"""Containers of arrays: flattening and rebuilding, with optree.

Lists, tuples, dicts, named tuples, OrderedDict, deque and dataclasses are containers, and so are
the Series, DataFrames and DataArrays of pandas and xarray that hold numbers of one type; everything
else, None included, is a leaf.  A class is registered when it is first met.  optree is loaded only
when a container is met: a call with plain arrays never needs it.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from autodiff.labelled import Labelled, is_labelled, put_together, take_apart
from autodiff.sameness import told_apart
from autodiff.tables import Table, register, table_of

NAMESPACE = "autodiff"
_CONTAINERS = (list, tuple, dict)
_NUMBERS = frozenset((float, int, bool))
_registered: set[type] = set()
_labelled: set[type] = set()  # those of pandas and xarray among them


def is_container(obj: Any) -> bool:
    """Whether ``obj`` holds leaves rather than being one."""
    return (
        isinstance(obj, _CONTAINERS)
        or _is_dataclass_instance(obj)
        or type(obj).__name__ == "deque"
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


def _is_dataclass_instance(obj: Any) -> bool:
    return dataclasses.is_dataclass(obj) and not isinstance(obj, type)


def _register(cls: type) -> None:
    import optree

    names = tuple(f.name for f in dataclasses.fields(cls))

    def flatten(obj: Any) -> tuple[tuple[Any, ...], Any]:
        present = tuple(n for n in names if hasattr(obj, n))
        return tuple(getattr(obj, n) for n in present), present

    def unflatten(present: Any, children: Any) -> Any:
        # Not through __init__, which may compute or check with values that are traced here.
        obj: Any = object.__new__(cls)
        for name, child in zip(present, children, strict=True):
            object.__setattr__(obj, name, child)
        return obj

    optree.register_pytree_node(cls, flatten, unflatten, namespace=NAMESPACE)
    _registered.add(cls)


def _register_labelled(cls: type) -> None:
    import optree

    def flatten(obj: Any) -> tuple[tuple[Any, ...], Any]:
        labels, values = take_apart(obj)
        return (values,), labels

    def unflatten(labels: Any, children: Any) -> Any:
        return put_together(labels, children[0])

    optree.register_pytree_node(cls, flatten, unflatten, namespace=NAMESPACE)
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
    import optree

    moved = _was_moved if _holds_moved(obj) else None
    while True:
        leaves, definition = optree.tree_flatten(
            obj,
            is_leaf=_either(moved, _either(_is_unlabelled if _labelled else None, is_leaf)),
            none_is_leaf=True,
            namespace=NAMESPACE,
        )
        if moved is not None and any(map(_was_moved, leaves)):
            obj = definition.unflatten(
                [OrderedDict(x.items()) if _was_moved(x) else x for x in leaves]
            )
            continue
        if not whole_lists and any(_counts_as_list(x) for x in leaves):
            obj = definition.unflatten([list(x) if _counts_as_list(x) else x for x in leaves])
            continue
        new = {type(x) for x in leaves if _is_dataclass_instance(x)} - _registered
        labelled = {type(x) for x in leaves if _has_labels(x)} - _registered
        if not new and not labelled:
            return leaves, definition
        for cls in new:
            _register(cls)
        for cls in labelled:
            _register_labelled(cls)


def with_tables(obj: Any, is_leaf: Callable[[Any], bool], kinds: str) -> Any:
    """The container with its lists of records as tables, but for those that are leaves.

    ``kinds``: those of the dtypes that columns may have.
    """
    import optree

    found: dict[int, Table] = {}

    def stops(x: Any) -> bool:
        if is_leaf(x):
            return True
        table = table_of(x, kinds) if isinstance(x, (list, tuple)) else None
        if table is None:
            return False
        found[id(x)] = table
        return True

    leaves, definition = optree.tree_flatten(
        obj, is_leaf=stops, none_is_leaf=True, namespace=NAMESPACE
    )
    if not found:
        return obj
    register(NAMESPACE)
    return definition.unflatten([found.get(id(x), x) for x in leaves])


def _either(
    one: Callable[[Any], bool] | None, other: Callable[[Any], bool] | None
) -> Callable[[Any], bool] | None:
    if one is None or other is None:
        return one or other
    return lambda x: one(x) or other(x)


def _was_moved(x: Any) -> bool:
    """Whether keys of an OrderedDict were moved: optree goes by the dict below, which keeps their order."""
    return type(x) is OrderedDict and any(
        a is not b for a, b in zip(x, dict.__iter__(x), strict=True)
    )


def _holds_moved(obj: Any) -> bool:
    return _was_moved(obj) or any(map(_holds_moved, _items(obj)))


def _items(obj: Any) -> Iterable[Any]:
    """What a container holds; nothing where that is numbers alone, or only the program knows."""
    if _counts_as_list(obj):
        return ()
    if isinstance(obj, dict):
        return obj.values()
    if isinstance(obj, (list, tuple)) or type(obj).__name__ == "deque":
        return () if _NUMBERS.issuperset(map(type, obj)) else obj
    if _is_dataclass_instance(obj):
        return [getattr(obj, f.name, None) for f in dataclasses.fields(obj)]
    return ()


def key_orders(obj: Any) -> list[Any]:
    """The keys of each dictionary in a container, in their order, which its definition leaves out.

    So it does whether a key is 1, True or 1.0.
    """
    found: list[Any] = [tuple(map(told_apart, obj))] if isinstance(obj, dict) else []
    for item in _items(obj):
        found += key_orders(item)
    return found


def unflatten(definition: Any, leaves: list[Any]) -> Any:
    """Rebuild the container that :func:`flatten` took apart, around new leaves."""
    return definition.unflatten(leaves)


def accessors(definition: Any) -> list[str]:
    """For each leaf the Python expression that reaches it, such as ``['w'][0]``."""
    # The values of a labelled object are called as the object is.
    return [_text_of(a) for a in definition.accessors()]


def _text_of(accessor: Any) -> str:
    parts = [entry.entry if entry.type is Table else entry.codify("") for entry in accessor]
    return "".join(parts).replace("[<flat index 0>]", "")
