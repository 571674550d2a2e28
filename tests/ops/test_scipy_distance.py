"""``scipy.spatial.distance`` in captured code: every metric with its options."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial import distance

import autodiff
from autodiff.ops.scipy_distance import METRICS
from tests.ops.calls import P, S, Z, check_derivatives, check_value
from tests.ops.test_scipy_ndimage import check_all

rng = np.random.default_rng(0)
BOOLEAN = ("dice", "hamming", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule")
A, B = np.abs(rng.normal(size=(6, 3))), np.abs(rng.normal(size=(4, 3)))
A[1], A[0, 0] = B[2], 0.0
TRUE_A, TRUE_B = rng.random((6, 5)) > 0.5, rng.random((4, 5)) > 0.5
TRUE_A[0], TRUE_B[0], TRUE_A[1] = True, True, TRUE_B[1]
W3, W5 = np.array([0.5, 2.0, 0.0]), np.array([0.5, 1, 2, 0.1, 0.3])
VI = np.array([[2, 0.5, 0], [0.2, 1, 0], [0, 0.1, 3]])


def options_of(metric: str) -> list[dict[str, Any]]:
    """The options to try of a metric."""
    if metric == "minkowski":
        return [{"p": 3}, {"p": 1.5, "w": W3}, {"p": 1}, {"p": 2, "w": W3}]
    if metric == "mahalanobis":
        return [{}, {"VI": VI}]
    if metric == "seuclidean":
        return [{}, {"V": np.array([1.0, 2, 3])}]
    if metric == "jensenshannon":
        return [{}]
    return [{}, {"w": W5 if metric in BOOLEAN else W3}]


def calls(metric: str) -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for k, how in enumerate(options_of(metric)):
        found[f"cdist {k}"] = lambda x, y, how=how: distance.cdist(x, y, metric, **how)
        found[f"pdist {k}"] = lambda x, y, how=how: distance.pdist(x, metric, **how)
    return found


@pytest.mark.parametrize(
    "metric", [pytest.param(m, marks=[] if m in ("minkowski", "yule") else pytest.mark.slow) for m in METRICS]
)  # fmt: skip
def test_value(metric: str) -> None:
    table = calls(metric)
    if metric in BOOLEAN:
        check_all(table, TRUE_A, TRUE_B)
        check_all({"numbers": lambda x, y: distance.cdist(x, y, metric)}, np.round(A), np.round(B))
    else:
        check_all(table, A, B)
        check_all({"integers": lambda x, y: distance.cdist(x, y, metric)}, np.arange(6).reshape(2, 3) + 1, np.arange(12).reshape(4, 3) ** 2)  # fmt: skip


@pytest.mark.parametrize(
    "metric", [pytest.param(m, marks=[] if m == "euclidean" else pytest.mark.slow) for m in METRICS if m not in BOOLEAN]
)  # fmt: skip
def test_derivatives(metric: str) -> None:
    how = {"mahalanobis": {"VI": S @ S.T}, "seuclidean": {"V": np.array([1.0, 2, 3])}}.get(metric, {})  # fmt: skip
    columns = 3 if how else 4
    x, y = P[:, :columns], np.abs(Z[0, :, :columns]) + 0.1
    if metric == "chebyshev":  # away from where another element is the largest
        x, y = x * np.array([1.0, 2, 4, 9]), y * np.array([1.0, 2, 4, 9])
    check_derivatives(lambda a, b: distance.cdist(a, b, metric, **how), x, y, engine="numpy")
    check_derivatives(lambda a: distance.pdist(a, metric, **how), x, engine="numpy")


def test_by_weights_and_parameters() -> None:
    f = lambda w, v, p: [
        distance.cdist(A, B, "minkowski", p=p, w=w),
        distance.cdist(A, B, "seuclidean", V=v),
    ]
    args = (np.array([0.5, 2.0, 0.7]), np.array([1.0, 2, 3]), 2.5)
    check_value(f, *args, engine="native")
    check_derivatives(f, *args, engine="numpy")


def test_no_distance_has_derivative_zero() -> None:
    for metric in ("euclidean", "minkowski", "seuclidean"):
        slope = autodiff.gradient(lambda x: distance.cdist(x, x, metric).sum())(A)  # noqa: B023
        assert np.all(np.isfinite(slope))


def test_square_form_and_functions_as_metrics() -> None:
    check_value(lambda v: distance.squareform(v), rng.normal(size=6), engine="native")
    check_value(
        lambda m: distance.squareform(m), distance.squareform(rng.random(6)), engine="native"
    )
    f = lambda x, y: distance.cdist(x, y, lambda u, v: np.sum(np.abs(u - v) ** 3))
    check_value(f, A, B, engine="native")
