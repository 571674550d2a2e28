"""Code of libraries that is run as the user's is."""

from __future__ import annotations

from typing import Any

from autodiff.ops.builder import current_builder


def interpreted(function: Any, *args: Any, **options: Any) -> Any:
    """A function or method of a library, of traced values: its code, as the user's code is run."""
    interpret = current_builder().interpret
    if interpret is None:  # no capture is under way: the code runs on tracers
        return function(*args, **options)
    return interpret(function, args, options)


__all__ = ["interpreted"]
