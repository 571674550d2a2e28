"""Every part of what a solver returns has SciPy's type, also where it is the result of the function."""

import warnings

import numpy as np
import pytest
import scipy.integrate as integrate
import scipy.optimize as optimize

import autodiff


def hit(t, y):
    return y[0]


hit.terminal, hit.direction = True, -1
A = np.array([[2.0, 1.0], [1.0, 3.0]])
OPTIONS = {"full_output": True}
CALLS = {
    "solve_ivp": lambda v: integrate.solve_ivp(lambda t, y: [y[1], -9.81], (0, 10), [1.0, v], events=hit),
    "solve_bvp": lambda v: integrate.solve_bvp(lambda x, y: np.vstack((y[1], -v * y[0])), lambda a, b: np.array([a[0], b[0] - 1]), np.linspace(0, 1, 5), np.zeros((2, 5))),
    "root": lambda v: optimize.root(lambda x: x**2 - v, [1.0, 2.0]), "root_scalar": lambda v: optimize.root_scalar(lambda x: x**2 - v, bracket=(0, 3)),
    "minimize": lambda v: optimize.minimize(lambda x: (x[0] - v) ** 2 + x[1] ** 2, [0.0, 1.0]), "L-BFGS-B": lambda v: optimize.minimize(lambda x: (x[0] - v) ** 2 + x[1] ** 2, [0.0, 1.0], method="L-BFGS-B"),
    "minimize_scalar": lambda v: optimize.minimize_scalar(lambda x: (x - v) ** 2), "least_squares": lambda v: optimize.least_squares(lambda x: x - v, [0.0, 1.0]),
    "linprog": lambda v: optimize.linprog([v, 1.0], A_ub=[[-1.0, -1.0]], b_ub=[-1.0]), "lsq_linear": lambda v: optimize.lsq_linear(A * v, np.ones(2)), "quad_vec": lambda v: integrate.quad_vec(lambda x: np.exp(-v * x), 0, 1),
    "leastsq": lambda v: optimize.leastsq(lambda x: x - v, [0.0, 1.0], **OPTIONS), "fsolve": lambda v: optimize.fsolve(lambda x: x**2 - v, 1.0, **OPTIONS), "fmin": lambda v: optimize.fmin(lambda x: (x[0] - v) ** 2, [0.0], disp=False, **OPTIONS),
    "quad": lambda v: integrate.quad(lambda x: np.exp(-v * x), 0, 1, full_output=1), "curve_fit": lambda v: optimize.curve_fit(lambda x, a: a * x, np.arange(4.0), np.arange(4.0) * v, **OPTIONS), "brentq": lambda v: optimize.brentq(lambda x: x**2 - v, 0, 3.0, **OPTIONS),
}  # fmt: skip


def kinds(x):
    """Types, dtypes and shapes of a result and its parts."""
    if isinstance(x, dict):
        return {k: kinds(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return type(x), [kinds(v) for v in x]
    return type(x), getattr(x, "dtype", None), getattr(x, "shape", None)


def parts(result):
    """The names or numbers of the parts that are numbers, arrays or texts."""
    pairs = (
        result.items()
        if isinstance(result, dict)
        else enumerate(result if isinstance(result, tuple) else ())
    )
    plain = (int, float, str, np.ndarray, np.generic, list, tuple, dict, type(None))
    return [k for k, x in pairs if isinstance(x, plain)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_parts_of_results_have_scipys_types(name):
    call = CALLS[name]
    expected = call(1.3)
    for part in parts(expected):
        f = lambda v, part=part: call(v)[part]  # noqa: E731
        assert kinds(autodiff.function(f, engine="numpy")(1.3)) == kinds(f(1.3)), part


@pytest.mark.parametrize("name", ["leastsq", "fmin", "quad", "curve_fit", "linprog"])
def test_whole_results_hold_nothing_of_the_library(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = autodiff.function(CALLS[name])(1.3), CALLS[name](1.3)
    assert kinds(found) == kinds(expected)
