"""Functions of plain NumPy as functions of other libraries, with their derivatives.

    pytensor_op(f)          an Op, so that PyMC samples a NumPy likelihood with NUTS
    jax_function(f)         a function for jax.jit, grad, jvp, hessian and vmap
    torch_function(f)       a function of tensors, with backward, double backward and torch.func
    casadi_callback(f, …)   a function for CasADi's solvers, with Jacobians
    low_level_callable(f)   machine code for scipy.integrate.quad and scipy.ndimage, without Python
    lmfit_jacobian(model)   the Jacobian of an lmfit.Model, through bounds and expressions

Each needs its library, an extra of that name (``pip install "autodiff-numpy[torch]"``), which is imported when the
function is called. What libraries take as plain functions (iminuit, emcee, scikit-learn) needs nothing from
here: docs/interop.md shows how.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME_OF = {
    "casadi_callback": "casadi",
    "jax_function": "jax",
    "lmfit_jacobian": "lmfit",
    "low_level_callable": "low_level",
    "pytensor_op": "pytensor",
    "torch_function": "torch",
}

__all__ = [
    "casadi_callback",
    "jax_function",
    "lmfit_jacobian",
    "low_level_callable",
    "pytensor_op",
    "torch_function",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A module of ours, which imports the library of its name.
    return getattr(importlib.import_module(f"{__name__}.with_{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
