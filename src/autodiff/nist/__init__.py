"""The 27 nonlinear regression problems of the NIST Statistical Reference Datasets.

    >>> from autodiff import nist
    >>> problem = nist.load("Misra1a")
    >>> problem.parameters.shape, problem.x.shape
    ((2,), (14,))

The data files are NIST's own (public domain, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml).
Each holds the observations, two starting points (start 1 is far from the solution, start 2
nearer) and the certified parameters, their standard deviations and the residual sum of squares to
eleven digits, computed by NIST in 128-bit arithmetic.

`problems` reads the files; `models` has one plain NumPy function for each model line.
"""

from .models import MODELS, log_response_models
from .problems import Problem, agreed_digits, load, load_all, names

__all__ = ["MODELS", "Problem", "agreed_digits", "load", "load_all", "log_response_models", "names"]
