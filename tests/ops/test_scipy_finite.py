"""SciPy's linear algebra refuses what is not finite, unless told not to look: so do compiled calls."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import autodiff
from autodiff.ops.function_table import functions

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]])
B = np.array([1.0, 2.0, 3.0])
DATA = (linalg.cho_factor(A), linalg.lu_factor(A))

# Calls of a matrix; ``how`` may say that SciPy is not to look.
CALLS: dict[str, Callable[..., Any]] = {
    "solve": lambda a, **how: linalg.solve(a, B, **how),
    "solve of a right side": lambda a, **how: linalg.solve(A, a, **how),
    "inv": linalg.inv,
    "det": linalg.det,
    "lstsq": lambda a, **how: linalg.lstsq(a, B, **how)[0],
    "pinv": linalg.pinv,
    "pinvh": linalg.pinvh,
    "norm": linalg.norm,
    "solve_triangular": lambda a, **how: linalg.solve_triangular(a, B, **how),
    "cholesky": linalg.cholesky,
    "cho_factor": lambda a, **how: linalg.cho_factor(a, **how)[0],
    "cho_solve": lambda a, **how: linalg.cho_solve(DATA[0], a, **how),
    "lu": lambda a, **how: linalg.lu(a, **how)[2],
    "lu_factor": lambda a, **how: linalg.lu_factor(a, **how)[0],
    "lu_solve": lambda a, **how: linalg.lu_solve(DATA[1], a, **how),
    "qr": lambda a, **how: linalg.qr(a, **how)[1],
    "qr_delete": lambda a, **how: linalg.qr_delete(np.eye(3), a, 0, **how)[1],
    "qr_insert": lambda a, **how: linalg.qr_insert(np.eye(3), a, B, 0, **how)[1],
    "qr_update": lambda a, **how: linalg.qr_update(np.eye(3), a, B, B, **how)[1],
    "rq": lambda a, **how: linalg.rq(a, **how)[0],
    "hessenberg": lambda a, **how: linalg.hessenberg(a, **how),
    "schur": lambda a, **how: linalg.schur(a, **how)[0],
    "qz": lambda a, **how: linalg.qz(a, A, **how)[0],
    "ordqz": lambda a, **how: linalg.ordqz(a, A, **how)[0],
    "ldl": lambda a, **how: linalg.ldl(a, **how)[0],
    "eig": lambda a, **how: linalg.eig(a, **how)[0].real,
    "eigvals": lambda a, **how: linalg.eigvals(a, **how).real,
    "svd": lambda a, **how: linalg.svd(a, **how)[1],
    "svdvals": linalg.svdvals,
    "eigh": lambda a, **how: linalg.eigh(a, **how)[0],
    "eigvalsh": linalg.eigvalsh,
    "eigh_tridiagonal": lambda a, **how: linalg.eigh_tridiagonal(a[0], a[1, :2], **how)[0],
    "eigvalsh_tridiagonal": lambda a, **how: linalg.eigvalsh_tridiagonal(a[0], a[1, :2], **how),
    "eig_banded": lambda a, **how: linalg.eig_banded(a[:2], **how)[0],
    "eigvals_banded": lambda a, **how: linalg.eigvals_banded(a[:2], **how),
    "cholesky_banded": lambda a, **how: linalg.cholesky_banded(a[:2] + [[0.0], [9.0]], **how),
    "cho_solve_banded": lambda a, **how: linalg.cho_solve_banded((a[:2], False), B, **how),
    "solve_banded": lambda a, **how: linalg.solve_banded((1, 1), a, B, **how),
    "solveh_banded": lambda a, **how: linalg.solveh_banded(a[:2] + [[0.0], [9.0]], B, **how),
    "solve_toeplitz": lambda a, **how: linalg.solve_toeplitz((a[0], a[1]), B, **how),
}  # fmt: skip


def entered() -> set[str]:
    """The functions of SciPy's linear algebra that look, and that have an entry."""
    functions.get(None)
    return {
        function.__name__
        for function in functions
        if str(getattr(function, "__module__", "")).startswith("scipy.linalg")
        and "check_finite" in inspect.signature(function).parameters
    }


def test_every_function_that_looks_is_called() -> None:
    assert not entered() - set(CALLS)


def _outcome(f: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            f(*args)
        except Exception as error:
            return type(error), str(error).splitlines()[0]
    return None


@pytest.mark.parametrize("name", CALLS)
def test_what_is_not_finite_is_refused(name: str) -> None:
    f = CALLS[name]
    value = autodiff.function(lambda a: f(a), engine="numpy")
    slope = autodiff.gradient(lambda a: np.sum(f(a)))
    assert _outcome(value, A) is None
    for place, bad in (((0, 0), np.nan), ((1, 1), np.inf), ((0, 1), -np.inf)):
        x = A.copy()
        x[place] = bad
        expected = _outcome(f, x)
        for compiled in (value, slope):
            assert _outcome(compiled, x) == expected, (place, bad)


@pytest.mark.parametrize("name", ["solve", "det", "norm", "cholesky", "solve_triangular"])
def test_nobody_looks_where_that_is_said(name: str) -> None:
    f = CALLS[name]
    compiled = autodiff.function(lambda a: f(a, check_finite=False))
    x = A.copy()
    x[0, 0] = np.nan
    compiled(A)
    assert _outcome(compiled, x) == _outcome(lambda a: f(a, check_finite=False), x)
