"""Containers of arrays: flattening and rebuilding, with optree.

Lists, tuples, dicts, named tuples, OrderedDict, deque and dataclasses are containers; everything
else, None included, is a leaf.  A dataclass is registered when it is first met.  optree is loaded
only when a container is met: a call with plain arrays never needs it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

NAMESPACE = "autodiff"
_CONTAINERS = (list, tuple, dict)
_registered: set[type] = set()


def is_container(obj: Any) -> bool:
    """Whether ``obj`` holds leaves rather than being one."""
    return (
        isinstance(obj, _CONTAINERS) or _is_dataclass_instance(obj) or type(obj).__name__ == "deque"
    )


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


def flatten(obj: Any) -> tuple[list[Any], Any]:
    """The leaves of ``obj`` in order, and what :func:`unflatten` needs to rebuild it."""
    import optree

    while True:
        leaves, definition = optree.tree_flatten(obj, none_is_leaf=True, namespace=NAMESPACE)
        new = {type(x) for x in leaves if _is_dataclass_instance(x)} - _registered
        if not new:
            return leaves, definition
        for cls in new:
            _register(cls)


def unflatten(definition: Any, leaves: list[Any]) -> Any:
    """Rebuild the container that :func:`flatten` took apart, around new leaves."""
    return definition.unflatten(leaves)


def accessors(definition: Any) -> list[str]:
    """For each leaf the Python expression that reaches it, such as ``['w'][0]``."""
    return [accessor.codify("") for accessor in definition.accessors()]
