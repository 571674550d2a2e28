"""Functions that handle floating-point errors themselves: what is an error is not known beforehand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autodiff

X = np.array([0.5, -1.5, 2.0])
ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
pytestmark = pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")


def filtered(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.log(x).sum()
        except RuntimeWarning:
            return x[0] * 7.0


def filtered_by_name(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings(action="error")
        try:
            return np.log(x).sum()
        except Exception:
            return x[0] * 7.0


def awaited(x: Any) -> Any:
    try:
        return np.log(x).sum()
    except (ZeroDivisionError, RuntimeWarning):
        return x[0] * 7.0


def raised(x: Any) -> Any:
    try:
        return np.log(x).sum()
    except FloatingPointError:
        return x[0] * 7.0


@ENGINES
@pytest.mark.parametrize("f", [filtered, filtered_by_name, awaited])
def test_a_warning_that_is_an_error_is_handled_as_in_plain_python(f: Any, engine: str) -> None:
    value, slope = (t(f, engine=engine) for t in (autodiff.function, autodiff.gradient))
    for x in (np.abs(X), X, np.abs(X)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            assert value(x) == f(x)
            with pytest.raises(autodiff.UnsupportedError, match="warnings"):
                slope(x)


@ENGINES
def test_a_derivative_under_an_errstate_that_raises_is_of_the_path_taken(engine: str) -> None:
    value, slope = (t(raised, engine=engine) for t in (autodiff.function, autodiff.gradient))
    for _ in range(2):
        with np.errstate(all="raise"):
            assert value(X) == raised(X) == 3.5
            with pytest.raises(autodiff.UnsupportedError, match="handles a floating-point error"):
                slope(X)
            np.testing.assert_allclose(slope(np.abs(X)), 1.0 / np.abs(X))
        with np.errstate(all="ignore"):
            expected = np.where(X > 0, 1.0 / X, np.nan)  # where log is no number, its slope is none
            np.testing.assert_array_equal(slope(X), expected)
