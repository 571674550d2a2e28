"""Vectors that a mask selects, and NumPy's callables as functions of their own: no error of the library's own."""

import copy
import types
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from tests.coverage.rows import rows
from tests.coverage.selections import takes_a_vector, wrong

_SAMPLE = 40  # one in so many in the default run
# Draws differ from call to call, masked arrays run as plain Python, classes of polynomials are alike.
_OTHERS = ("numpy.random", "numpy.ma", "scipy.differentiate")
_ROWS = [
    row
    for row in rows()
    if row.call
    and takes_a_vector(row)
    and not row.space.startswith(_OTHERS)
    and not (row.space.startswith("numpy.polynomial.") and row.space.rpartition(".")[2][0] in "CLH")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", range(0, len(_ROWS), _SAMPLE))
def test_calls_of_selections_are_numpys(at: int) -> None:
    assert not list(wrong(_ROWS[at], "numpy"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", sorted({row.space for row in _ROWS}))
def test_every_call_of_selections_is_numpys(space: str) -> None:
    found = [(row.call, *wrong(row, "numpy")) for row in _ROWS if row.space == space]
    assert not [one for one in found if len(one) > 1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "call",
    [
        "np.correlate(y[y > 0], s[0], 'same')", "np.polynomial.Polynomial(y[y > 9]).degree()", "np.vectorize(abs)(y[y > 0])",
        "np.interp(0.5, np.abs(y)[y > 0], y[y > 0])", "np.polyfit(y[y > 0], y[y > 0] ** 2, 1)", "np.median(y[y > 9])",
    ],
)  # fmt: skip
def test_calls_that_selections_have_broken(call: str) -> None:
    f = eval(f"lambda y, s: {call}", {"np": np})
    compiled = autodiff.function(f, engine="numpy")
    for y in (np.array([0.3, 0.8, -1.0, 1.4]), np.array([0.3, -0.8, 0.5]), -np.ones(3)):
        given = y, np.eye(3) + 1
        try:
            expected = f(*given)
        except Exception as error:
            with pytest.raises(type(error)):
                compiled(*given)
            continue
        np.testing.assert_allclose(compiled(*given), expected, rtol=1e-9, atol=1e-12)


# -- callables as they are ----------------------------------------------------------------------------
# They write files, or change what is set for the process.
_NOT_CALLED = """save savez savez_compressed savetxt load loadtxt fromfile show_config show_runtime info test setbufsize seterr
    seterrcall printoptions set_printoptions get_include genfromtxt fromregex""".split()


def _callables() -> list[Any]:
    found = []
    for module in (np, np.linalg, np.fft, scipy.linalg):
        for name in sorted(vars(module)):
            f = getattr(module, name)
            is_one = callable(f) and not isinstance(f, (type, types.ModuleType))
            if is_one and not name.startswith(("_", "get_", "find_")) and name not in _NOT_CALLED:
                found.append(pytest.param(f, id=f"{module.__name__}.{name}"))
    return found


_BARE = _callables()


def _internal(f: Any) -> list[str]:
    matrix = np.random.default_rng(2).normal(size=(3, 3))
    for given in ((matrix,), (matrix, matrix + 1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                f(*copy.deepcopy(given))
            except Exception:
                continue
            autodiff.function(f, engine="numpy")(*copy.deepcopy(given))
        return [str(w.message) for w in caught if "internal error of autodiff" in str(w.message)]
    return []


@pytest.mark.parametrize("f", [*_BARE[::_SAMPLE], np.array, np.isin, np.linalg.pinv])
def test_a_bare_callable_is_a_function(f: Any) -> None:
    assert not _internal(f)


@pytest.mark.slow
@pytest.mark.parametrize("f", _BARE)
def test_every_bare_callable_is_a_function(f: Any) -> None:
    assert not _internal(f)
