"""Numbers taken out of arrays: their methods give what NumPy's scalars give."""

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES


def methods(x):
    a = x[0]
    return (
        *(a.copy(), x.sum().copy(), np.copy(a), x[:1].copy(), a.item(), a.tolist(), a.reshape(1)),
        *(a.ravel(), a.flatten(), a.astype(int), a.round(1), a.T, a[()], a.sum(), a.squeeze()),
        *(a.mean(), a.real, a.clip(0, 1), a.conj(), a.cumsum(), a.any(), a.max(), a.repeat(2)),
        *(np.sum(a), np.reshape(a, 1), np.atleast_1d(a), np.squeeze(a), np.abs(a), -a),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_methods_of_numpys_scalars(engine: str) -> None:
    compiled = autodiff.function(methods, engine=engine, on_fallback="error")
    for x in (np.array([1.25, -2.0]), np.array([-0.75, 1.0, 3.0])):
        result, expected = compiled(x), methods(x)
        assert [type(r) for r in result] == [type(r) for r in expected]
        assert repr(result) == repr(expected)
