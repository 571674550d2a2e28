"""The table of Python and NumPy callables that work on tracers, and the decorators that fill it.

    @implements(np.trace)
    def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None): ...

``functions`` answers NumPy's callables, also those that do not dispatch by themselves
(``np.zeros``); ``builtin_functions`` answers Python's builtins and the ``math`` module, with
Python's semantics on Python numbers.  A function takes the arguments the original takes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


# The user's program imports the left one: the right one enters what stands for its functions.
_OPTIONAL = {
    "numpy.polynomial.polyutils": "autodiff.ops.numpy_functions.series",
    "scipy.fft": "autodiff.ops.scipy_fft",
    "scipy.signal": "autodiff.ops.scipy_signal",
    "scipy.spatial.distance": "autodiff.ops.scipy_distance",
    "scipy.special": "autodiff.ops.spherical_harmonics",
    "scipy.linalg": "autodiff.ops.scipy_qr_updates",
    "scipy.ndimage": "autodiff.ops.scipy_ndimage",
    "scipy.spatial.transform": "autodiff.ops.scipy_rotation",
    "scipy.sparse": "autodiff.ops.scipy_sparse",
    "scipy.sparse._compressed": "autodiff.ops.scipy_sparse_structure",
    "scipy.sparse.linalg": "autodiff.ops.scipy_sparse_linalg",
    "scipy.stats": "autodiff.ops.scipy_stats",
    "scipy._lib.array_api_extra": "autodiff.ops.updates",
}


class Table(dict[Any, Callable[..., Any]]):
    """A dictionary that learns the functions of optional modules once these are in use."""

    def __init__(self, optional: Mapping[str, str]) -> None:
        super().__init__()
        self.waiting = dict(optional)

    def get(self, key: Any, default: Any = None) -> Any:
        """The implementation of a callable, or ``default``."""
        found = super().get(key)
        if found is None and self._learn():
            found = super().get(key)
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (self._learn() and super().__contains__(key))

    def _learn(self) -> bool:
        """Enter the functions of modules that are in use by now; whether there were any."""
        ready = [name for name in self.waiting if name in sys.modules]
        for name in ready:
            module = self.waiting.pop(
                name, None
            )  # which the import of another one may have entered
            if module is not None:
                importlib.import_module(module)
        return bool(ready)


functions: dict[Any, Callable[..., Any]] = Table(_OPTIONAL)
builtin_functions: dict[Any, Callable[..., Any]] = Table(
    {"statistics": "autodiff.ops.python_statistics"}
)


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
