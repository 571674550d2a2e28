"""Arrays of JAX's among the arguments of a call, which the JAX engine keeps where they are.

Capture and the search for a specialisation look at NumPy arrays.  A call that is not recognised at
once is made with copies for the host in the place of the arrays on the device; the engine, which
knows of which arrays they are copies, runs on these.  Results are arrays of JAX's where an argument
was.  Calls of a kind seen before are recognised without copies (``fast``, ``recall``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import containers, tree
from autodiff.engines.jax import platform
from autodiff.errors import ArgumentError


def looked_at(run: Callable[..., Any], *given: Any) -> Any:
    """``run(*given)`` with copies for the host of the arrays of JAX's; its result on the device."""
    kept: dict[int, tuple[Any, Any]] = {}
    of: dict[int, Any] = {}

    def copied(x: Any) -> Any:
        if id(x) not in of:
            of[id(x)] = _on_host(x)
            kept[id(of[id(x)])] = (of[id(x)], x)
        return of[id(x)]

    parts = [_replaced(x, platform.is_device_array, copied) for x in given]
    if not kept:
        return run(*given)
    token = platform.originals.set(kept)
    try:
        result = run(*parts)
    finally:
        platform.originals.reset(token)

    def back(x: Any) -> Any:
        found = kept.get(id(x))
        if found is not None and found[0] is x:
            return found[1]
        with platform.double_precision():
            return platform.jax().numpy.asarray(x)

    return _replaced(result, lambda x: isinstance(x, np.ndarray), back)


def _replaced(x: Any, test: Callable[[Any], bool], new: Callable[[Any], Any]) -> Any:
    def is_opaque(part: Any) -> bool:
        return not test(part) and not tree.is_container(part)

    return containers.replaced(x, test, new, stop=is_opaque)


def _on_host(x: Any) -> Any:
    if isinstance(x, platform.jax().core.Tracer):
        raise ArgumentError(
            "an argument is a value that JAX traces: the function was called inside of jax.jit, "
            "jax.grad, jax.vmap or the like.",
            remedy="call it with arrays; its own derivatives are those of autodiff.gradient, its "
            "batches those of autodiff.vmap",
        )
    return np.asarray(x)


def refuse_stores(title: str, stored: Sequence[Any]) -> None:
    """An error where the function stores into an argument that is an array of JAX's."""
    kept = platform.originals.get()
    if any(platform.is_device_array(x) or id(x) in kept for x in stored):
        raise ArgumentError(
            f"{title} stores into an argument that is an array of JAX's, which cannot change.",
            remedy="copy it in the function (x = x.copy()) and return the copy, or pass NumPy arrays",
        )
