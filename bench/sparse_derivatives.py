"""Sparse Jacobians and Hessians against as many products as there are columns.

    python -m bench.sparse_derivatives

The Hessian of Rosenbrock's function of 100,000 variables, the Jacobian of the Brusselator on a grid of
300 x 300 points, and that of a bundle adjustment with all its blocks. In one run, in turns: the sparse
derivative at a new point, and one product of the same function, whose time is multiplied with the
number of columns, as a program without the structure would need as many. The first call, which finds
pattern and colours, and the most memory that the steady calls held stand beside them. It fails where the
sparse derivative is less than `GOAL` times faster. CasADi, and JAX with `sparsejac` and with `asdex`, follow where
they are installed (`bench/sparse_peers.py`).
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

# One thread each. Must precede the import of NumPy.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402

import autodiff  # noqa: E402
from bench import sparse_peers  # noqa: E402

REPEATS = 5
GOAL = 20.0


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def brusselator(y: Any) -> Any:
    """Both concentrations on a periodic grid, shape (2, n, n)."""
    u, v = y[0], y[1]
    spread = 0.02 * (y.shape[1] - 1) ** 2

    def laplacian(w: Any) -> Any:
        return np.roll(w, 1, 0) + np.roll(w, -1, 0) + np.roll(w, 1, 1) + np.roll(w, -1, 1) - 4.0 * w

    slope_u = 1.0 + u**2 * v - 4.4 * u + spread * laplacian(u)
    slope_v = 3.4 * u - u**2 * v + spread * laplacian(v)
    return np.stack([slope_u, slope_v])


def seen_by(cameras: int, points: int, seen: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which camera sees which point, and where in its picture."""
    rng = np.random.default_rng(0)
    camera = np.repeat(np.arange(cameras), seen)
    return camera, rng.integers(0, points, len(camera)), rng.normal(size=(len(camera), 2))


def bundle(
    cameras: int, points: int, camera: np.ndarray, point: np.ndarray, observed: np.ndarray
) -> Callable[[Any], Any]:
    """Where cameras see points: residuals by nine numbers a camera and three a point."""

    def residuals(x: Any) -> Any:
        of_camera = x[: 9 * cameras].reshape(cameras, 9)[camera]
        at = x[9 * cameras :].reshape(points, 3)[point]
        turn, shift = of_camera[:, :3], of_camera[:, 3:6]
        moved = at + np.cross(turn, at) + shift + np.array([0.0, 0.0, 10.0])
        flat = moved[:, :2] / moved[:, 2:]
        square = np.sum(flat**2, axis=1)
        focal, k1, k2 = of_camera[:, 6], of_camera[:, 7], of_camera[:, 8]
        radial = focal * (1 + k1 * square + k2 * square**2)
        return (radial[:, None] * flat - observed).ravel()

    return residuals


def fastest(run: Callable[[], Any]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def compare(name: str, sparse: Any, product: Callable[[Any], Any], x: np.ndarray) -> bool:
    """Whether the goal is reached."""
    started = time.perf_counter()
    matrix = sparse(x)
    first = time.perf_counter() - started
    product(x)
    shifted = iter([x + 0.01 * k for k in range(1, 2 * REPEATS + 1)])
    steady = fastest(lambda: sparse(next(shifted)))
    one = fastest(lambda: product(x))
    tracemalloc.start()
    sparse(x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    ratio = one * x.size / steady
    print(
        f"{name:34} {matrix.nnz:>9} {first:>8.2f} {steady * 1e3:>9.1f} {one * 1e3:>9.3f} "
        f"{ratio:>9.0f} {most / matrix.nnz:>9.0f}"
    )
    return ratio >= GOAL


def peer(name: str, make: Callable[[], Callable[[Any], Any]], x: np.ndarray) -> None:
    """The first and the steady call of another package."""
    started = time.perf_counter()
    run = make()
    run(x)
    first = time.perf_counter() - started
    shifted = iter([x + 0.01 * k for k in range(1, REPEATS + 1)])
    print(f"  {name:32} {'':9} {first:>8.2f} {fastest(lambda: run(next(shifted))) * 1e3:>9.1f}")


def peers(casadi: Callable[[], Any], f: Any, structure: Any, hessian: bool, x: np.ndarray) -> None:
    made = {
        "CasADi": casadi,
        "JAX with sparsejac": lambda: sparse_peers.sparsejac_derivative(
            f, structure, hessian, x.shape
        ),
        "JAX with asdex": lambda: sparse_peers.asdex_derivative(f, hessian, x),
    }
    for name in sparse_peers.installed():
        peer(name, made[name], x)


def main() -> None:
    heads = ("elements", "first s", "sparse ms", "product", "times", "B/element")
    print(f"{'':34} " + " ".join(f"{head:>9}" for head in heads))
    rng = np.random.default_rng(1)
    x = rng.uniform(size=100_000)
    times_vector = autodiff.hessian_vector(rosenbrock)
    hessian = autodiff.hessian(rosenbrock, sparse=True)
    reached = compare(
        "Hessian of Rosenbrock, n = 1e5", hessian, lambda at: times_vector(at, _tensors=at), x
    )
    peers(lambda: sparse_peers.casadi_hessian(x.size), rosenbrock, hessian(x), True, x)
    grid = rng.uniform(size=(2, 300, 300))
    jacobian = autodiff.jacobian(brusselator, sparse=True)
    reached &= compare(
        "Jacobian of Brusselator, 300 x 300",
        jacobian,
        lambda at: autodiff.jvp(brusselator, (at,), (at,)),
        grid,
    )
    peers(lambda: sparse_peers.casadi_brusselator(300), brusselator, jacobian(grid), False, grid)
    seen = (50, 3000, *seen_by(50, 3000, 400))
    residuals = bundle(*seen)
    jacobian = autodiff.jacobian(residuals, sparse=True)
    start = rng.normal(size=9 * 50 + 3 * 3000)
    reached &= compare(
        "Jacobian of bundle adjustment",
        jacobian,
        lambda at: autodiff.jvp(residuals, (at,), (at,)),
        start,
    )
    peers(lambda: sparse_peers.casadi_bundle(*seen), residuals, jacobian(start), False, start)
    if not reached:
        raise SystemExit(f"less than {GOAL:.0f} times faster")


if __name__ == "__main__":
    main()
