"""What transformations can be told, and the errors for what they cannot.

gradient(f, engine="numpy")     an option
gradient(f, argnums=0)          another library's: the error names the option that is meant
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff import spellings
    from autodiff.engines.jax import platform
    from autodiff.engines.native import pool
else:
    platform = later("autodiff.engines.jax.platform")
    pool = later("autodiff.engines.native.pool")
    spellings = later("autodiff.spellings")

OF_DERIVATIVES = ("wrt", "holomorphic", "checkpoint", "memory")
OPTIONS = (
    "wrt", "engine", "device", "threads", "use_cache", "on_fallback", "solver_jacobians", *OF_DERIVATIVES[1:],
)  # fmt: skip


if TYPE_CHECKING:

    class Options(TypedDict, total=False):
        """What each transformation can be told; see :class:`Transformed`."""

        engine: str
        device: str | None
        threads: int
        use_cache: bool
        on_fallback: str
        solver_jacobians: bool


if TYPE_CHECKING:

    class DerivativeOptions(Options, total=False):
        """What derivatives can be told besides."""

        holomorphic: bool
        checkpoint: str | None
        memory: int | None


if TYPE_CHECKING:

    class MatrixOptions(DerivativeOptions, total=False):
        """What Jacobians and Hessians can be told besides."""

        mode: str


def refuse_unknown(title: Callable[[], str], options: Mapping[str, Any], known: list[str]) -> None:
    """An error for an option that there is not, in the words of who uses another library."""
    for name in options:
        if name not in known:
            raise ArgumentError(
                f"{title()} has no option {name!r}.",
                remedy=spellings.option_remedy(name, known, options[name]),
            )


def refuse_no_function(given: Any, name: str) -> None:
    """An error where what shows or searches a function was given something else."""
    if not callable(given):
        raise ArgumentError(
            f"{name} needs a function, not {type(given).__name__}.",
            remedy=f"pass the function itself, and its arguments after it: {name}(f)(*args)",
        )


def no_function_remedy(given: Any, name: str) -> str:
    """What to do where something else than a function was given."""
    if isinstance(given, str):
        return f"in a decorator name the option: @autodiff.{name}(wrt={given!r})"
    if isinstance(given, property):
        return "put @property above it, so that it gets the function"
    if isinstance(given, ModuleType):
        return f"pass one of its functions, {given.__name__}.f"
    if isinstance(given, Mapping):
        return "pass one of the functions that it holds"
    for method in ("logpdf", "logpmf", "forward", "predict", "fun"):
        if callable(getattr(given, method, None)):
            return f"pass one of its methods, such as x.{method}"
    return "pass the function itself, not the result of calling it"


def refuse_device(engine: str, device: Any, use_cache: bool) -> None:
    """An error for a device that is no device's name, or of an engine that has none."""
    if engine == "jax" and not use_cache:
        raise NameArgumentError(
            "use_cache=False runs uncompiled, by NumPy, and engine='jax' never does.",
            remedy="leave one of them out",
        )
    if device is None:
        return
    if engine != "jax":
        raise NameArgumentError(
            f"device={device!r} is for engine='jax'; engine={engine!r} runs on the CPU.",
            remedy="give engine='jax' as well, or leave the device out",
        )
    platform.parsed(device)


def budget_of(checkpoint: Any, memory: Any) -> int | None:
    """The bytes that loops may keep for the way back; None for as many as it takes."""
    if checkpoint is None:
        if memory is not None:
            raise ArgumentError(
                'memory is for checkpoint="auto".', remedy='give checkpoint="auto" as well'
            )
        return None
    if checkpoint != "auto":
        raise NameArgumentError(
            f"checkpoint={checkpoint!r} is not known.",
            remedy='use "auto", or mark a loop: for k in autodiff.checkpoint(range(n))',
        )
    if memory is None:
        return (pool.memory_of_the_machine() or 2**32) // 4
    if isinstance(memory, bool) or not isinstance(memory, (int, float, np.integer)) or memory < 1:
        raise ArgumentError(
            f"memory={memory!r} is no number of bytes.", remedy="pass bytes, such as memory=2**30"
        )
    return int(memory)
