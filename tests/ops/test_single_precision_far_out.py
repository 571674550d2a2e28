"""SciPy's functions of one float32 number, where what they are made of leaves the range of float32."""

import warnings

import numpy as np
import pytest
from scipy import special

import autodiff
from autodiff.ops.function_table import functions

LINE = np.concatenate([np.logspace(-44, 38.5, 120), np.linspace(0.0, 100.0, 101)])
POINTS = np.concatenate([LINE, np.linspace(80.0, 110.0, 31)]).astype(np.float32)
# Subnormal numbers are zeros in SciPy's.
LEAST = float(np.finfo(np.float32).tiny)


def _of_single() -> list[str]:
    """SciPy's ufuncs of one number that have a loop for float32."""
    names = [n for n in dir(special) if isinstance(getattr(special, n), np.ufunc)]
    ufuncs = [(n, getattr(special, n)) for n in names]
    return [n for n, u in ufuncs if u.nin == 1 and "f->f" in u.types and u in functions]


@pytest.mark.parametrize("name", _of_single())
def test_a_function_is_finite_where_that_of_scipy_is(name: str) -> None:
    function, x = getattr(special, name), np.concatenate([POINTS, -POINTS])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        wanted = function(x)
        found = autodiff.function(lambda x: function(x))(x)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=LEAST)
