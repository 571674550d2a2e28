"""Jacobians column by column and row by row, through loops and branches."""

import numpy as np
import pytest

import autodiff


def loop_with_a_branch(x):
    total = np.zeros(3)
    for j in range(len(x)):
        if j > 0:
            total = total + j * x[j]
    return np.concatenate([total, x**2])


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_branch_in_a_loop_is_run_again_with_tangents(engine):
    # More results than arguments, so by columns: the loop is repeated with tangents, and its
    # constants must not be taken from the first run of the loop.
    x = np.arange(1.0, 7.0)
    expected = np.vstack([np.tile(np.arange(6.0), (3, 1)), np.diag(2 * x)])
    found = autodiff.jacobian(loop_with_a_branch, engine=engine)(x)
    np.testing.assert_allclose(found, expected)
