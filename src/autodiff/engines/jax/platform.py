"""JAX itself: imported when it is first used, its devices by name, double precision for our calls.

    jax()                     the package, or an error that says how to install it
    device_of("gpu:1")        one of its devices, or an error that says what there is
    double_precision()        a context in which arrays keep 64 bits; the user's setting stays

JAX cuts float64 to float32 unless it is told not to.  It is told by a setting of the running thread
that ends with the context: ``jax.config.jax_enable_x64`` is the user's own, before and after.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from autodiff.errors import EngineError

DOCTOR = "python -m autodiff doctor"


@functools.cache
def jax() -> Any:
    """The package.

    Raises
    ------
    EngineError
        If it is not installed, or cannot be imported.
    """
    try:
        import jax
    except ImportError as error:
        raise EngineError(
            f"engine='jax' needs JAX, which cannot be imported ({error}).",
            remedy='pip install "jax" (for a GPU: pip install "jax[cuda12]"); '
            f"{DOCTOR} shows what is found",
        ) from None
    return jax


def double_precision() -> AbstractContextManager[Any]:
    """A context in which JAX computes with 64 bits where a program says so, in this thread."""
    return _enable_x64()(True)


@functools.cache
def _enable_x64() -> Any:
    package = jax()
    if hasattr(package, "enable_x64"):
        return package.enable_x64
    from jax.experimental import enable_x64  # before JAX 0.8

    return enable_x64


def on_device(device: Any) -> AbstractContextManager[Any]:
    """A context in which what is not on a device yet goes to this one; None leaves it to JAX."""
    return nullcontext() if device is None else jax().default_device(device)


def parsed(name: str | None) -> tuple[str, int] | None:
    """``gpu:1`` as ("gpu", 1); None for None.

    Raises
    ------
    EngineError
        If it is not the name of a kind of device, with or without a number.
    """
    if name is None:
        return None
    kind, colon, number = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind not in ("cpu", "gpu", "tpu") or (colon and not number.isdecimal()):
        raise EngineError(
            f"device={name!r} is not the name of a device.",
            remedy='use "cpu", "gpu" or "tpu", with a number if there are several: "gpu:1"; '
            f"{DOCTOR} lists them",
        )
    return kind, int(number or 0)


def device_of(name: str | None) -> Any:
    """The device of a name, None for None: then JAX chooses, or the arrays say where they are.

    Raises
    ------
    EngineError
        If there is no such device.
    """
    wanted = parsed(name)
    if wanted is None:
        return None
    kind, number = wanted
    found = devices(kind)
    if number < len(found):
        return found[number]
    there = f"JAX finds {len(found)} of this kind" if found else f"JAX finds no {kind.upper()}"
    raise EngineError(
        f"there is no device {name!r}: {there}.",
        remedy=f"{DOCTOR} lists the devices that JAX finds; a GPU needs its own build of JAX "
        '(pip install "jax[cuda12]") and a driver. Nothing is moved to the CPU by itself: '
        'ask for device="cpu"',
    )


def devices(kind: str) -> list[Any]:
    """The devices of a kind that JAX finds."""
    try:
        return list(jax().devices(kind))
    except RuntimeError:  # as JAX says that there are none
        return []


def is_device_array(x: Any) -> bool:
    """Whether an object is an array of JAX's; JAX is not imported to find out."""
    package = sys.modules.get("jax")
    return package is not None and isinstance(x, package.Array)


def description() -> str:
    """What the doctor says: version and devices, or what is missing."""
    try:
        package = jax()
        found = [d for kind in ("gpu", "tpu", "cpu") for d in devices(kind)]
    except EngineError as error:
        return f"{error.message} {error.remedy}"
    named = ", ".join(f"{name_of(d)} ({d.device_kind})" for d in found)
    return f"JAX {package.__version__}; devices: {named or 'none'}"


def name_of(device: Any) -> str:
    """The name by which a device is asked for."""
    kind = "gpu" if device.platform in ("gpu", "cuda", "rocm") else device.platform
    same = devices(kind)
    return f"{kind}:{same.index(device)}" if len(same) > 1 else kind


originals: ContextVar[Mapping[int, tuple[Any, Any]]] = ContextVar(
    "autodiff_originals", default=MappingProxyType({})
)
"""Of a running call: copies for the host, by their id, with the arrays of JAX's that they are of."""
