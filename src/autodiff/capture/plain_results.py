"""The lists, keys and members of sets of a result, as the caller is to see them: plain ones, of numbers."""

from __future__ import annotations

from typing import Any

from autodiff import containers, tree
from autodiff.capture.lists import TracedList, refuse_open_length
from autodiff.capture.origins import type_of
from autodiff.capture.text import is_pending
from autodiff.capture.trace import Trace


def plain_lists(result: Any, whole: bool) -> Any:
    """The result with ordinary lists for those made here, but for those that stay in their store."""

    def stays(x: Any) -> bool:
        return bool(x.is_stored() and whole and x.is_even())

    def plain(x: Any) -> Any:
        if not isinstance(x, TracedList):
            return plain_lists(x, whole)
        if stays(x):
            return x
        refuse_open_length(x)
        items = [plain(item) for item in x]
        return tuple(items) if type_of(x) is tuple else items

    if isinstance(result, TracedList):
        return plain(result)
    if not tree.is_container(result):
        return result
    # What holds none of them stays: it may be one of the user's own.
    return containers.replaced(
        result,
        lambda x: isinstance(x, TracedList) and not stays(x),
        plain,
        stop=lambda x: isinstance(x, TracedList) or not tree.is_container(x),
    )


def plain_keys(trace: Trace, result: Any) -> Any:
    """The result with the values of this call, guarded, for traced keys and members of sets."""

    def has_traced_keys(x: Any) -> bool:
        kind = containers.kind_of(x)
        if kind is None:
            return False
        is_set = kind.name in ("set", "frozenset")
        hashed = kind.values(x) if is_set else kind.keys(x) if kind.has_keys else ()
        return any(containers.holds(part, is_pending) for part in hashed)

    def plain(x: Any) -> Any:
        kind = containers.kind_of(x)
        assert kind is not None
        if not kind.has_keys:
            return trace.untraced(x)
        keys = [trace.untraced(key) for key in kind.keys(x)]
        return kind.make(x, keys, [plain_keys(trace, value) for value in kind.values(x)])

    return containers.replaced(
        result,
        has_traced_keys,
        plain,
        stop=lambda x: isinstance(x, TracedList) or trace.is_external(x),
    )
