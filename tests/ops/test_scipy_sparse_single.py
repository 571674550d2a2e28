"""Spectra of matrices in single precision: SciPy's values, derivatives found in double precision."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff

V = np.arange(1.0, 9.0)
WIDE = sp.diags_array([V + 3, V[:7], V[:7]], offsets=[0, 1, -1], shape=(8, 8), format="csc")
SINGLE = WIDE.astype(np.float32)
START = np.ones(8, np.float32)

CALLS = {
    "eigsh": lambda A: sl.eigsh(A, k=2, v0=START)[0],
    "eigs": lambda A: sl.eigs(A, k=2, v0=START)[0].real,
    "svds": lambda A: sl.svds(A, k=2, v0=START)[1],
}


@pytest.mark.parametrize(
    ("name", "mode"), [("eigsh", "forward"), ("eigs", "reverse"), ("svds", "forward")]
)
def test_derivatives_of_single_precision(name, mode):
    call, p = CALLS[name], np.float32(1.5)
    value = autodiff.function(lambda p: call(SINGLE * p), on_fallback="error")(p)
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, call(SINGLE * p))
    slope = autodiff.jacobian(lambda p: call(SINGLE * p), mode=mode)(p)
    assert slope.dtype == np.float32
    exact = autodiff.jacobian(lambda p: call(WIDE * p), mode=mode)(1.5)
    np.testing.assert_allclose(slope, exact, rtol=1e-6)


def test_a_full_matrix_in_single_precision():
    full = SINGLE.toarray()
    slope = autodiff.jacobian(lambda p: sl.eigsh(full * p, k=2, v0=START)[0])(np.float32(1.5))
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, sl.eigsh(WIDE, k=2, v0=V)[0], rtol=1e-6)
