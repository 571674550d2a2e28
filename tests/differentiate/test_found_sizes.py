"""Cotangents of results whose size the program finds out: used where they fit, refused where not."""

import numpy as np
import pytest

import autodiff

OF_FOUND_SIZE = {
    "mask": (lambda x: x[x > 0] ** 2, np.array([1.0, -2.0, 3.0, 4.0])),
    "unique": (lambda x: np.unique(x) ** 2, np.array([1.0, 1.0, 3.0])),
    "roots": (lambda x: np.roots(x), np.array([2.0, -3.0, 1.0])),
    "roots of what begins with 0": (lambda x: np.roots(x), np.array([0.0, 1.0, -3.0, 2.0])),
    "residuals": (
        lambda a: np.linalg.lstsq(a, np.array([1.0, 2.0, 4.0]), rcond=None)[1],
        np.array([[1.0, 2.0], [3.0, 1.0], [2.0, 2.0]]),
    ),
    "trim_zeros": (lambda x: np.trim_zeros(x) ** 2, np.array([0.0, 1.0, 2.0, 0.0])),
    "rows": (lambda x: x[np.sum(x, 1) > 0] * 2, np.array([[1.0, 2.0], [-3.0, 1.0], [2.0, 2.0]])),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", OF_FOUND_SIZE)
def test_vjp_of_results_of_a_size_that_is_found_out(name, engine):
    f, x = OF_FOUND_SIZE[name]
    value, pull = autodiff.vjp(f, x, engine=engine, on_fallback="error")
    ct = np.cos(np.arange(value.size)).reshape(value.shape)
    step = np.sin(np.arange(x.size)).reshape(x.shape)
    tangent = autodiff.jvp(f, (x,), (step,), engine=engine)[1]
    moved = step != 0  # by what is dropped at the ends of a polynomial the slope is not known
    pulled = np.sum(pull(ct)[0][moved] * step[moved])
    np.testing.assert_allclose(pulled, np.sum(ct * tangent), rtol=1e-10)
    for size in (value.shape[0] - 1, value.shape[0] + 1, value.shape[0] + 7):
        other = np.ones((size, *value.shape[1:]))
        with pytest.raises(autodiff.ShapeError, match="does not have the shape of the result"):
            pull(other)


@pytest.mark.parametrize("p", [[2.0, 0.2, 0.0], [0.0, 1.0, -3.0, 2.0]])
def test_slopes_of_roots_by_coefficients_that_are_dropped_are_not_known(p):
    """NumPy drops zeros at both ends; the roots move by them (-1 of the first row's squares), where 0 was given."""

    def squares(q):
        return np.sum(np.roots(q) ** 2).real

    x = np.array(p)
    slope, known = autodiff.gradient(squares)(x), x != 0
    assert np.isnan(slope[~known]).all()
    assert np.isnan(autodiff.jvp(squares, (x,), (1.0 * ~known,))[1])
    steps = 1e-6 * np.eye(len(p))[known]
    difference = [(squares(x + h) - squares(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(slope[known], difference, rtol=1e-7)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_vjp_of_several_results_some_of_which_have_a_size_that_is_found_out(engine):
    def f(x):
        return {"above": x[x > 0] ** 2, "all": 3 * x, "below": x[x < 0], "count": np.sum(x > 0)}

    x = np.array([1.0, -2.0, 3.0, 4.0])
    _, pull = autodiff.vjp(f, x, engine=engine)
    found = pull({"above": np.ones(3), "all": np.ones(4), "below": np.full(1, 5.0), "count": 0})
    np.testing.assert_allclose(found[0], [5.0, 8.0, 9.0, 11.0])
    with pytest.raises(autodiff.ShapeError, match="does not have the shape of the result"):
        pull({"above": np.ones(3), "all": np.ones(4), "below": np.ones(2), "count": 0})


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x) - np.max(x[x > 9], initial=0.5),
        lambda x: np.min(x[x > 0], initial=2.5) * x[1],
        lambda x: np.sum(np.max(np.stack([x, x * 2], 1)[x > 9], axis=0, initial=x[0])),
        lambda x: np.max((x[x > 9] * 2).astype(int), initial=3) * x[0],
        lambda x: np.nanmax(x[x > 9], initial=1.0) * x[2],
    ],
)
def test_extremes_of_none_with_a_number_to_begin_with(f, engine):
    x, step = np.array([-1.0, 2.0, 3.5, 3.0]), np.arange(1.0, 5.0)
    assert autodiff.function(f, engine=engine)(x) == f(x)
    slope = (f(x + 1e-6 * step) - f(x - 1e-6 * step)) / 2e-6
    assert np.isclose(autodiff.gradient(f, engine=engine)(x) @ step, slope)
    assert np.isclose(autodiff.jvp(f, (x,), (step,), engine=engine)[1], slope)
