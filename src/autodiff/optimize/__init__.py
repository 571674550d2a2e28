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

from .evaluation import History
from .fmin import fmin_cg, fmin_l_bfgs_b, fmin_ncg
from .local import minimize
from .methods import METHODS, methods_table
from .regression import curve_fit, least_squares
from .roots import root, root_scalar
from .stochastic import basinhopping, dual_annealing

__all__ = [
    "METHODS",
    "History",
    "basinhopping",
    "curve_fit",
    "dual_annealing",
    "fmin_cg",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "least_squares",
    "methods_table",
    "minimize",
    "root",
    "root_scalar",
]
