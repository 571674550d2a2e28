"""SciPy's optimisers, fitters and root finders, with exact derivatives of plain NumPy functions.

    >>> import numpy as np
    >>> from autodiff.optimize import minimize
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> minimize(rosenbrock, [1.3, 0.7, 0.8]).x.round(6)
    array([1., 1., 1.])

The functions take what SciPy's functions of the same name take and return what they return. Each
method gets exactly the derivatives that it can use (`methods` has the table): nothing is left to
finite differences unless asked for by name (``jac="2-point"``). Beyond SciPy: parameters may be
arrays of any shape and containers of arrays; ``progress=True`` shows a bar; ``history=True``
keeps the convergence.

`fmin_l_bfgs_b`, `fmin_cg` and `fmin_ncg` have PyAutoDiff's own signatures.

SciPy is imported at the first use, not with this package.
"""

from typing import Any

from autodiff import spellings
from autodiff.tracebacks import hide_frames

from .evaluation import History, scipy_optimize
from .fitting import fit
from .fmin import fmin_cg, fmin_l_bfgs_b, fmin_ncg
from .global_search import differential_evolution, shgo
from .local import minimize
from .methods import METHODS, methods_table
from .named import Parameter
from .older import fmin_slsqp, fsolve, leastsq, minimize_scalar
from .regression import curve_fit, least_squares
from .report import FitResult
from .roots import newton, root, root_scalar
from .stochastic import basinhopping, dual_annealing

# SciPy's own classes of constraints and starting Hessians, under the names that its users expect here.
_OF_SCIPY = ("BFGS", "SR1", "Bounds", "LinearConstraint", "NonlinearConstraint", "OptimizeResult")

__all__ = [  # noqa: PLE0604
    "METHODS",
    "FitResult",
    "History",
    "Parameter",
    "basinhopping",
    "curve_fit",
    "differential_evolution",
    "dual_annealing",
    "fit",
    "fmin_cg",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "fmin_slsqp",
    "fsolve",
    "least_squares",
    "leastsq",
    "methods_table",
    "minimize",
    "minimize_scalar",
    "newton",
    "root",
    "root_scalar",
    "shgo",
    *_OF_SCIPY,
]


def __getattr__(name: str) -> Any:
    if name in _OF_SCIPY:
        return getattr(scipy_optimize(), name)
    advice = spellings.optimiser_advice(name, __all__)
    try:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")
    except AttributeError as error:
        hide_frames(error)
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
