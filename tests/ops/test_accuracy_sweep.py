"""The sweep of ``accuracy_sweep`` finds nothing doubtful where nothing is, and what is wrong."""

import numpy as np
import pytest

from tests.ops.accuracy_sweep import compare, differences, sweep, sweep_special


@pytest.mark.parametrize(("name", "method"), [("norm", "logcdf"), ("norm", "ppf"), ("semicircular", "pdf")])  # fmt: skip
def test_nothing_is_doubtful(name: str, method: str) -> None:
    assert list(sweep(name, method)) == []


@pytest.mark.parametrize("name", ["scipy_stdtr", "scipy_ndtr", "scipy_gammaincinv", "scipy_beta"])
def test_no_derivative_of_a_special_function_is_doubtful(name: str) -> None:
    assert list(sweep_special(name)) == []


def test_a_wrong_derivative_is_found() -> None:
    x = [np.array([0.3, 2.0, 1e-10])]
    right, error = differences(np.exp, x, 0, wide=True)
    np.testing.assert_allclose(right, np.exp(x[0]), rtol=1e-6)
    wrong = np.array([np.exp(0.3), np.exp(2.0) * (1 + 1e-4), np.nan])
    assert [point for _, point, _, _ in compare("exp", np.array(x), wrong, right, error)] == [
        (2.0,),
        (1e-10,),
    ]
