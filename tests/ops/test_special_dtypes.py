"""The dtype and type of what the ufuncs of ``scipy.special`` give is SciPy's, for every dtype of their operands."""

import numpy as np
import pytest
import scipy.special

import autodiff

NAMES = sorted(n for n, f in vars(scipy.special).items() if isinstance(f, np.ufunc))
DTYPES = (np.float32, np.float64, np.int64, np.complex64, np.complex128)


def differences(name):
    ufunc = getattr(scipy.special, name)
    compiled = autodiff.function(lambda *x: ufunc(*x), engine="numpy")
    for dtype in DTYPES:
        for x in (dtype(0.5), np.full(2, 0.5).astype(dtype)):
            given = [x] * ufunc.nin
            try:
                expected = ufunc(*given)
            except TypeError:  # there is no such loop
                continue
            pairs = zip(
                *(r if isinstance(r, tuple) else (r,) for r in (compiled(*given), expected)),
                strict=True,
            )
            for found, wanted in pairs:
                if (type(found), found.dtype) != (type(wanted), wanted.dtype):
                    yield name, dtype, type(found), found.dtype


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*NAMES[::40], "wofz", "erfcx", "loggamma", "jv"])
def test_dtypes_are_scipys(name):
    assert not list(differences(name))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_all_dtypes_are_scipys(name):
    assert not list(differences(name))
