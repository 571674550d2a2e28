"""Automatic differentiation and compilation of unmodified NumPy code.

    import numpy as np
    import autodiff

    @autodiff.gradient
    def slope(x):
        return np.sum(np.sin(x) ** 2)

``autodiff.function(f)`` returns what ``f`` returns; ``autodiff.gradient(f)`` its exact derivative.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "autodiff.api": (
        "Function", "Gradient", "HessianVector", "Hessian", "Jacobian", "ValueAndGradient", "Vmap",
        "function", "gradient", "value_and_gradient", "hessian_vector", "jacobian", "hessian",
        "jvp", "linearize", "vjp", "vmap", "sparsity",
    ),
    "autodiff.custom": ("checkpoint", "custom_gradient", "implicit", "stop_gradient"),
    "autodiff.symbolic": ("Symbolic", "constant", "tag"),
    "autodiff.testing": ("check_gradient",),
    "autodiff.finding": ("find_nan",),
    "autodiff.errors": (
        "AutodiffError", "FallbackWarning", "NotScalarError", "ShapeError", "UnsupportedError",
        "DerivativeError", "NonFiniteError",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("optimize", "testing", "plot", "errors")

__all__ = [*_HOME_OF, "__version__", "optimize"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is not None:
        with importlib.import_module("autodiff.garbage").few_collections():
            value = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"autodiff.{name}")
    # Python itself asks for names with underscores, and there is nothing to be said of those.
    advice = "" if name.startswith("_") else _advice(name)
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}{advice}")


def _advice(name: str) -> str:
    advice: str = importlib.import_module("autodiff.spellings").name_advice(name, __dir__())
    return advice


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
