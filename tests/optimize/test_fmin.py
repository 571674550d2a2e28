"""PyAutoDiff's own optimisers: `fmin_l_bfgs_b`, `fmin_cg`, `fmin_ncg`."""

import numpy as np
import pytest

from autodiff.errors import ArgumentError
from autodiff.optimize import fmin_cg, fmin_l_bfgs_b, fmin_ncg

ALL = pytest.mark.parametrize("fmin", [fmin_l_bfgs_b, fmin_cg, fmin_ncg])


def two_arguments(p, q):
    return np.sum((p - np.arange(2.0)) ** 2) + np.sum((q - np.arange(3.0)) ** 2)


def least_squares_loss(p):
    x = np.arange(20).reshape(4, 5)
    b = np.arange(3) - 1.5
    return np.mean((np.dot(x, p) - b - np.arange(3)) ** 2)


def loss_with_stores(x):
    if np.any(x < -100):
        return float("inf")
    y = x.copy()
    y[0] += 3.0
    y[1] -= 4.0
    total = (y**2).sum()
    total += 1.3
    return total


@ALL
def test_a_function_that_branches_and_stores(fmin):
    np.testing.assert_allclose(fmin(loss_with_stores, np.zeros(2)), [-3, 4], atol=1e-4)


@ALL
def test_a_matrix_in_a_matrix_out(fmin):
    best = fmin(least_squares_loss, np.zeros((5, 3)))
    expected = np.array(
        [[0.3, -0.1, -0.5], [0.15, -0.05, -0.25], [0, 0, 0], [-0.15, 0.05, 0.25], [-0.3, 0.1, 0.5]]
    )
    assert best.shape == (5, 3)
    np.testing.assert_allclose(best, expected, atol=1e-3)


@ALL
@pytest.mark.parametrize(
    "start",
    [
        {"init_args": (np.zeros(2), np.zeros(3))},
        {"init_kwargs": {"q": np.zeros(3), "p": np.zeros(2)}},
        {"init_args": np.zeros(2), "init_kwargs": {"q": np.zeros(3)}},
    ],
    ids=["args", "kwargs", "both"],
)
def test_several_arguments_give_a_tuple_in_the_order_of_the_signature(fmin, start):
    if "init_args" not in start:
        start = {"init_args": (), **start}
    p, q = fmin(two_arguments, **start)
    np.testing.assert_allclose(p, np.arange(2.0), atol=1e-4)
    np.testing.assert_allclose(q, np.arange(3.0), atol=1e-4)


@ALL
def test_a_number_in_a_number_out(fmin):
    best = fmin(lambda x: (x - 3.0) ** 2, 1.0)
    assert isinstance(best, float)
    assert best == pytest.approx(3)


def test_defaults_are_not_optimised():
    def loss(x, a=5.0):
        return np.sum((x - a) ** 2) + a**2

    np.testing.assert_allclose(fmin_l_bfgs_b(loss, np.zeros(2)), 5, atol=1e-6)


def test_keyword_only_arguments_are_optimised_by_name():
    def loss(x, *, y):
        return np.sum((x - 1) ** 2) + (y - 2) ** 2

    x, y = fmin_l_bfgs_b(loss, np.zeros(2), {"y": 0.0})
    np.testing.assert_allclose(x, 1, atol=1e-6)
    assert y == pytest.approx(2)


def test_containers_are_given_back():
    best = fmin_l_bfgs_b(lambda p: np.sum((p["a"] - 1) ** 2) + p["b"][0] ** 2,
                         {"a": np.zeros(2), "b": [3.0]})  # fmt: skip
    np.testing.assert_allclose(best["a"], 1, atol=1e-6)
    assert isinstance(best["b"], list)


def test_scalar_bounds_hold_for_every_entry():
    p, q = fmin_l_bfgs_b(two_arguments, (np.zeros(2), np.zeros(3)), scalar_bounds=(0.25, 1.5))
    np.testing.assert_allclose(p, [0.25, 1], atol=1e-6)
    np.testing.assert_allclose(q, [0.25, 1, 1.5], atol=1e-6)


@ALL
def test_return_info_reports_the_minimum_and_the_history(fmin):
    best, info = fmin(lambda x: np.sum((x - 1) ** 2) + 7, np.zeros(2), return_info=True,
                      history=True)  # fmt: skip
    assert info["f_opt"] == pytest.approx(7)
    assert len(info["history"]) >= 2
    assert info["info"]["warnflag"] == 0


@ALL
def test_callbacks_see_the_arguments_in_their_shapes(fmin):
    seen = []
    fmin(two_arguments, (np.zeros(2), np.ones(3)), callback=seen.append)
    assert [part.shape for part in seen[-1]] == [(2,), (3,)]


def test_scipys_options_pass_through():
    _, info = fmin_l_bfgs_b(two_arguments, (np.zeros(2), np.zeros(3)), maxiter=1, m=3,
                            return_info=True)  # fmt: skip
    assert info["info"]["nit"] == 1
    _, info = fmin_cg(two_arguments, (np.ones(2), np.zeros(3)), retall=True, return_info=True)
    assert info["info"]["allvecs"][0][0].shape == (2,)


def test_options_that_follow_from_the_function_are_refused():
    with pytest.raises(ArgumentError, match="approx_grad is not an option here"):
        fmin_l_bfgs_b(two_arguments, (np.zeros(2), np.zeros(3)), approx_grad=True)
    with pytest.raises(ArgumentError, match="both scalar_bounds and bounds"):
        fmin_l_bfgs_b(np.sum, np.zeros(1), scalar_bounds=(0, 1), bounds=[(0, 1)])


def test_arguments_that_do_not_fit_are_an_error_that_shows_the_signature():
    with pytest.raises(ArgumentError, match=r"do not fit two_arguments\(p, q\): missing"):
        fmin_cg(two_arguments, np.zeros(2))
    with pytest.raises(ArgumentError, match="nothing to optimise"):
        fmin_cg(lambda: 0.0, ())


@ALL
def test_nothing_is_printed_unless_asked(fmin, capsys):
    fmin(two_arguments, (np.zeros(2), np.zeros(3)))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""
