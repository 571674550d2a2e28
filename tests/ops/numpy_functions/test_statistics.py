"""Order statistics, covariance and histograms against NumPy, with derivatives."""

import re

import numpy as np
import pytest

from autodiff.api import Function
from tests.ops.support import check_value, named_tests

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 4)), rng.normal(size=(3, 5))

CASES = {
    "median even": lambda x, y: np.median(x),
    "median odd": lambda x, y: np.median(y, axis=1),
    "median keepdims": lambda x, y: np.median(x, axis=(0, 1), keepdims=True),
    "quantile": lambda x, y: np.quantile(x, 0.3),
    "quantile axis": lambda x, y: np.quantile(y, 0.25, axis=1),
    "quantile several": lambda x, y: np.quantile(x, [0.1, 0.5, 0.9], axis=0),
    "quantile ends": lambda x, y: np.quantile(x, [0, 1]),
    "quantile keepdims": lambda x, y: np.quantile(x, [0.2, 0.4], axis=1, keepdims=True),
    "quantile lower": lambda x, y: np.quantile(x, 0.3, method="lower"),
    "quantile higher": lambda x, y: np.quantile(x, 0.3, method="higher"),
    "quantile midpoint": lambda x, y: np.quantile(x, 0.3, method="midpoint"),
    "percentile": lambda x, y: np.percentile(x, 35, axis=1),
    "percentile several": lambda x, y: np.percentile(x, [10, 90]),
    "cov": lambda x, y: np.cov(x),
    "cov columns": lambda x, y: np.cov(x, rowvar=False),
    "cov two": lambda x, y: np.cov(x[0], x[1]),
    "cov bias": lambda x, y: np.cov(x, bias=True),
    "cov weights": lambda x, y: np.cov(x, aweights=[1.0, 2.0, 3.0, 4.0]),
    "cov frequencies": lambda x, y: np.cov(x, fweights=[1, 2, 3, 4]),
    "cov of vector": lambda x, y: np.cov(x[0]),
    "corrcoef": lambda x, y: np.corrcoef(x),
    "bincount weights": lambda x, y: np.bincount(np.array([0, 2, 2, 5]), weights=x[0]),
    "histogram weights": lambda x, y: np.histogram(
        [0.1, 0.5, 0.9, 1.0], bins=3, range=(0, 1), weights=x[0]
    )[0],
    "histogramdd weights": lambda x, y: np.histogramdd(
        [np.arange(4.0), np.arange(4.0) ** 2], bins=(2, 3), weights=x[0], density=True
    )[0],
}
INTEGER = {
    "histogram": lambda x, y: np.histogram(x, bins=4)[0],
    "histogram edges": lambda x, y: np.histogram(x, bins=[-1.0, 0.0, 0.5, 2.0])[0],
    "bincount": lambda x, y: np.bincount(np.argmax(x, axis=0), minlength=3),
    "bincount of run-time size": lambda x, y: np.bincount(np.argmax(y, axis=1)),
}

test_value, test_derivatives = named_tests(CASES, INTEGER, X, Y)


def test_histogram_density_and_edges() -> None:
    check_value(lambda x: list(np.histogram(x, bins=5, density=True)), X)


def test_histograms_of_several_axes() -> None:
    kinds = [
        {"bins": (2, 3)},
        {"bins": 3, "density": True},
        {"bins": [np.array([-2.0, 0, 0.5, 3]), 2]},
        {"bins": 2, "range": [[-1, 1], [0, 2]]},
    ]
    for how in kinds:
        check_value(lambda x: np.histogramdd(x[:, :2], **how)[0], X)  # noqa: B023
        check_value(lambda x: list(np.histogramdd([x[0], x[1]], **how)[1]), X)  # noqa: B023


def test_nan_spreads_through_order_statistics() -> None:
    x = X.copy()
    x[0, 1] = np.nan
    check_value(lambda x: [np.median(x, axis=1), np.quantile(x, 0.3, axis=1), np.median(x)], x)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_dtypes(dtype: str) -> None:
    x = (10 * X).astype(dtype)
    check_value(
        lambda x: [np.median(x, axis=0), np.quantile(x, 0.3), np.percentile(x, [5, 50]), np.cov(x)],
        x,
    )


# -- shares and ranges of other dtypes: NumPy computes in these --------------------------------------
SAMPLE = np.array([0.3, 1.7, -2.2, 5.1, 4.4, 0.9])
SAMPLES = [SAMPLE, *((3 * SAMPLE + 9).astype(t) for t in ("f4", "i1"))]
SHARES = [
    0.37, np.float64(0.2), np.float16(0.3), np.array([0.2, 0.7], np.float32), 1, True, np.array([0, 1]),
]  # fmt: skip
METHODS = ["linear", "weibull", "midpoint", "median_unbiased", "nearest"]


@pytest.mark.parametrize("function", [np.quantile, np.nanquantile, np.percentile, np.nanpercentile])
def test_a_quantile_has_the_dtype_and_the_digits_of_numpys(function) -> None:
    of_nan = function in (np.nanquantile, np.nanpercentile)
    for method in METHODS[: 1 if of_nan else None]:
        compiled = Function(lambda x, q, m=method: function(x, q, method=m), engine="numpy")
        for x in SAMPLES:
            for share in SHARES:
                q = share if function in (np.quantile, np.nanquantile) else 100 * share
                wanted, found = function(x, q, method=method), compiled(x, q)
                assert (type(found), found.dtype) == (type(wanted), wanted.dtype), (method, x, q)
                digits = np.finfo(wanted.dtype).eps if wanted.dtype.kind == "f" else 0
                np.testing.assert_allclose(found, wanted, rtol=4 * digits, atol=0)


@pytest.mark.parametrize("bins", [3, 10])
def test_the_edges_of_a_range_are_numpys(bins) -> None:
    compiled = Function(lambda a, b: np.histogram(SAMPLE, bins, (a, b)), engine="numpy")
    for ends in ((0, 5), (np.float32(0.1), np.float32(2.3)), (np.float32(0.5), 2.0), (1, 1)):
        found, wanted = compiled(*ends), np.histogram(SAMPLE, bins, ends)
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_allclose(found[1], wanted[1], rtol=2e-16)
    for ends in ((0.0, 5e-324), (1.0, 1.0 + 2e-16)):
        try:
            np.histogram(SAMPLE, bins, ends)
        except ValueError as error:  # not in every version
            with pytest.raises(ValueError, match=re.escape(str(error))):
                compiled(*ends)
        else:
            np.testing.assert_array_equal(compiled(*ends)[0], np.histogram(SAMPLE, bins, ends)[0])
