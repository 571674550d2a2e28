"""Arguments as they are now, for somebody who reads them later, or changes them where nobody sees it.

    as_now([xs, xs])            one new list twice, of copies of the arrays in ``xs``
    as_now([model], deep=True)  a new model, with copies of what it holds

What is one object is one in the copies, and arrays that share memory share it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from autodiff import containers, tree
from autodiff.sameness import same_value


def as_now(x: Any, deep: bool = False) -> tuple[Any, dict[int, np.ndarray]]:
    """A copy of ``x`` with its containers and arrays, and these by the identity of those that they are copies of.

    ``deep``: objects of the user's classes are copied as well.
    """
    found: list[Any] = []

    def is_array(x: Any) -> bool:
        return isinstance(x, np.ndarray) and np.may_share_memory(x, x) and x.size > 0

    def is_opaque(x: Any) -> bool:
        return not (deep or tree.is_container(x))

    def can_change(x: Any) -> bool:
        kind = containers.kind_of(x)
        return kind is not None and kind.is_mutable

    def noted(x: Any) -> Any:
        found.append(x)
        return x

    containers.replaced(x, is_array, noted, is_opaque)
    made = {id(x): copy for x, copy in zip(found, copied_together(found), strict=True)}
    return containers.replaced(x, is_array, lambda y: made[id(y)], is_opaque, can_change), made


def has_objects(x: Any) -> bool:
    """Whether there are objects of the user's classes in ``x``."""
    return containers.holds(
        x, lambda part: containers.kind_of(part) is not None and not tree.is_container(part)
    )


def is_as(x: Any, before: Any) -> bool:
    """Whether a structure holds what its copy does."""
    pairs = zip_longest(containers.walk(x, keys=True), containers.walk(before, keys=True))
    return all(map(_is_same, *zip(*pairs, strict=True)))


def _is_same(x: Any, y: Any) -> bool:
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x is y or (x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes())
    if containers.kind_of(x) is not None:
        return type(x) is type(y)
    return x is y or same_value(x, y)


def may_overlap_itself(x: Any) -> bool:
    """Whether two elements of an array may share memory: one axis does not step over the others."""
    if not isinstance(x, np.ndarray) or x.flags.c_contiguous or not x.size:
        return False
    room = x.itemsize
    for stride, n in sorted((abs(s), n) for s, n in zip(x.strides, x.shape, strict=True) if n > 1):
        if stride < room:
            return True
        room += stride * (n - 1)
    return False


def copied_together(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Copies of arrays, which share memory among each other, and with themselves, as these do."""
    made: dict[int, np.ndarray] = {}
    rest = list(
        {id(a): a for a in arrays if type(a) is np.ndarray and not a.dtype.hasobject}.values()
    )
    while rest:
        together = [rest.pop()]
        for a in together:
            near = [b for b in rest if np.may_share_memory(a, b)]
            together += near
            rest = [b for b in rest if not any(b is c for c in near)]
        if len(together) > 1 or may_overlap_itself(together[0]):
            made.update(_copied_as_they_lie(together))
    return [made[id(a)] if id(a) in made else np.array(a, order="K", subok=True) for a in arrays]


def _copied_as_they_lie(arrays: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    bounds = [np.lib.array_utils.byte_bounds(a) for a in arrays]
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    memory = np.empty(high - low, np.uint8)
    made = {}
    for a in arrays:
        made[id(a)] = np.ndarray(a.shape, a.dtype, memory, a.ctypes.data - low, a.strides)
        made[id(a)][...] = a
    return made
