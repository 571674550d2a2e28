"""Rotations are followed: SciPy's values on both engines, derivatives by differences, also at no rotation at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

import autodiff
from tests.ops.support import ENGINES, differences

engines = pytest.mark.parametrize("engine", ENGINES)
_rng = np.random.default_rng(4)
V, X = _rng.normal(size=(3, 3)), _rng.normal(size=(3, 3))
CASES: dict[str, Callable[[Any], Any]] = {
    "matrix": lambda v: Rotation.from_rotvec(v).as_matrix(),
    "apply": lambda v: Rotation.from_rotvec(v[0]).apply(X) + Rotation.from_rotvec(v[1]).apply(v),
    "product": lambda v: (Rotation.from_rotvec(v[0]) * Rotation.from_euler("xyz", v[1])).as_quat(),
    "inverse": lambda v: (Rotation.from_mrp(0.2 * v).inv() ** 2).as_rotvec(),
    "euler": lambda v: Rotation.from_quat(np.concatenate([v[0], [2.0]])).as_euler("zyx", degrees=True),
    "magnitude": lambda v: Rotation.from_rotvec(v).magnitude(),
    "mean": lambda v: Rotation.from_rotvec(0.3 * v).mean().as_rotvec(),
    "slerp": lambda v: Slerp([0, 1, 2], Rotation.from_rotvec(v))([0.25, 1.5]).as_rotvec(),
    "items": lambda v: Rotation.from_rotvec(v)[1].as_matrix() @ v[0],
}  # fmt: skip
names = [n if n in ("apply", "product") else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


@engines
@pytest.mark.parametrize("name", names)
def test_values(name: str, engine: str) -> None:
    compiled = autodiff.function(CASES[name], engine=engine)
    for v in (V, 0.5 * V[::-1]):
        np.testing.assert_allclose(compiled(v), CASES[name](v), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", names)
def test_derivatives(name: str) -> None:
    direction = np.cos(np.arange(9.0)).reshape(3, 3)
    total = lambda v: np.sum(np.sin(CASES[name](v)))  # noqa: E731
    gradient = autodiff.gradient(total)
    (slope,) = differences(lambda h: [np.asarray(total(V + h * direction))])
    np.testing.assert_allclose(np.sum(gradient(V) * direction), slope, rtol=1e-7)
    np.testing.assert_allclose(autodiff.jvp(total, (V,), (direction,))[1], slope, rtol=1e-7)
    (bend,) = differences(lambda h: [np.sum(gradient(V + h * direction) * direction)])
    product = autodiff.hessian_vector(total, engine="numpy")(V, _tensors=direction)
    np.testing.assert_allclose(np.sum(product * direction), bend, rtol=1e-6, atol=1e-8)


@engines
def test_no_rotation_has_the_derivative_of_a_small_one(engine: str) -> None:
    """Where an angle is divided by its sine, 0 by 0."""
    f = lambda v: np.sum(Rotation.from_rotvec(v).as_matrix() * X)  # noqa: E731
    found = autodiff.gradient(f, engine=engine)(np.zeros(3))
    np.testing.assert_allclose(found, [X[2, 1] - X[1, 2], X[0, 2] - X[2, 0], X[1, 0] - X[0, 1]], rtol=1e-12)  # fmt: skip
