"""The table of Python and NumPy callables that work on tracers, and the decorators that fill it.

    @implements(np.trace)
    def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None): ...

``functions`` answers NumPy's callables, also those that do not dispatch by themselves
(``np.zeros``); ``builtin_functions`` answers Python's builtins and the ``math`` module, with
Python's semantics on Python numbers.  A function takes the arguments the original takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Table(dict[Any, Callable[..., Any]]):
    """A dictionary that learns the functions of ``scipy.special`` once that module is in use."""

    knows_scipy = False

    def get(self, key: Any, default: Any = None) -> Any:
        """The implementation of a callable, or ``default``."""
        found = super().get(key)
        if found is None and not self.knows_scipy and "scipy.special" in sys.modules:
            self.knows_scipy = True
            import autodiff.ops.scipy_functions  # noqa: F401

            found = super().get(key)
        return default if found is None else found


functions: dict[Any, Callable[..., Any]] = Table()
builtin_functions: dict[Any, Callable[..., Any]] = {}


def implements(*callables: Any) -> Callable[[F], F]:
    """Enter a function as the implementation of NumPy callables."""

    def enter(function: F) -> F:
        for callable in callables:
            functions[callable] = function
        return function

    return enter


def implements_builtin(*callables: Any) -> Callable[[F], F]:
    """Enter a function as the implementation of Python builtins or functions of ``math``."""

    def enter(function: F) -> F:
        for callable in callables:
            builtin_functions[callable] = function
        return function

    return enter
