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
import sys
from typing import TYPE_CHECKING, Any

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
    "autodiff.numpy_source": ("derivative_source",),
    "autodiff.profiling": ("profile",),
    "autodiff.pictures": ("picture",),
    "autodiff.errors": (
        "AutodiffError", "FallbackWarning", "NotScalarError", "ShapeError", "UnsupportedError",
        "DerivativeError", "NonFiniteError", "MissingPackageError", "WorkerError",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("optimize", "distributed", "interop", "testing", "plot", "errors")

__all__ = [*_HOME_OF, "__version__", "optimize"]  # noqa: PLE0604


if (
    TYPE_CHECKING
):  # what type checkers and editors see; at run time each name is loaded when it is asked for
    from autodiff import distributed as distributed
    from autodiff import errors as errors
    from autodiff import interop as interop
    from autodiff import optimize as optimize
    from autodiff import plot as plot
    from autodiff import testing as testing
    from autodiff.api import (
        Function as Function,
    )
    from autodiff.api import (
        Gradient as Gradient,
    )
    from autodiff.api import (
        Hessian as Hessian,
    )
    from autodiff.api import (
        HessianVector as HessianVector,
    )
    from autodiff.api import (
        Jacobian as Jacobian,
    )
    from autodiff.api import (
        ValueAndGradient as ValueAndGradient,
    )
    from autodiff.api import (
        Vmap as Vmap,
    )
    from autodiff.api import (
        function as function,
    )
    from autodiff.api import (
        gradient as gradient,
    )
    from autodiff.api import (
        hessian as hessian,
    )
    from autodiff.api import (
        hessian_vector as hessian_vector,
    )
    from autodiff.api import (
        jacobian as jacobian,
    )
    from autodiff.api import (
        jvp as jvp,
    )
    from autodiff.api import (
        linearize as linearize,
    )
    from autodiff.api import (
        sparsity as sparsity,
    )
    from autodiff.api import (
        value_and_gradient as value_and_gradient,
    )
    from autodiff.api import (
        vjp as vjp,
    )
    from autodiff.api import (
        vmap as vmap,
    )
    from autodiff.custom import (
        checkpoint as checkpoint,
    )
    from autodiff.custom import (
        custom_gradient as custom_gradient,
    )
    from autodiff.custom import (
        implicit as implicit,
    )
    from autodiff.custom import (
        stop_gradient as stop_gradient,
    )
    from autodiff.errors import (
        AutodiffError as AutodiffError,
    )
    from autodiff.errors import (
        DerivativeError as DerivativeError,
    )
    from autodiff.errors import (
        FallbackWarning as FallbackWarning,
    )
    from autodiff.errors import (
        MissingPackageError as MissingPackageError,
    )
    from autodiff.errors import (
        NonFiniteError as NonFiniteError,
    )
    from autodiff.errors import (
        NotScalarError as NotScalarError,
    )
    from autodiff.errors import (
        ShapeError as ShapeError,
    )
    from autodiff.errors import (
        UnsupportedError as UnsupportedError,
    )
    from autodiff.errors import (
        WorkerError as WorkerError,
    )
    from autodiff.finding import find_nan as find_nan
    from autodiff.numpy_source import derivative_source as derivative_source
    from autodiff.pictures import picture as picture
    from autodiff.profiling import profile as profile
    from autodiff.symbolic import Symbolic as Symbolic
    from autodiff.symbolic import constant as constant
    from autodiff.symbolic import tag as tag
    from autodiff.testing import check_gradient as check_gradient


def _load(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is not None:
        with importlib.import_module("autodiff.garbage").few_collections():
            value = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"autodiff.{name}")
    # Python itself asks for names with underscores, and for those of modules before it imports them:
    # there is nothing to be said of those.
    asks = sys._getframe(1).f_globals.get("__name__")
    quiet = name.startswith("_") or asks == "importlib._bootstrap"
    advice = "" if quiet else _advice(name)
    # Of an AttributeError ``from autodiff import name`` would say that there is no such name, and no more.
    imported = bool(advice) and _is_import_from(sys._getframe(1))
    try:
        if imported:
            raise ImportError(f"cannot import name {name!r} from 'autodiff'{advice}", name=name)
        raise AttributeError(f"module 'autodiff' has no attribute {name!r}{advice}")
    except (AttributeError, ImportError) as error:
        if not quiet:
            importlib.import_module("autodiff.tracebacks").hide_frames(error)
        raise


if not TYPE_CHECKING:  # a checker would take every misspelt name for one that is loaded
    __getattr__ = _load


def _is_import_from(frame: Any) -> bool:
    """Whether a frame stands at ``from … import name``."""
    opcode = importlib.import_module("opcode")  # loaded for a mistake only
    return bool(frame.f_code.co_code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"])


def _advice(name: str) -> str:
    advice: str = importlib.import_module("autodiff.spellings").name_advice(name, __dir__())
    return advice


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
