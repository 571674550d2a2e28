"""The sparse derivatives of `bench/sparse_derivatives.py` by other packages, where they are installed.

CasADi finds structure and colours itself, from a graph of single operations. JAX has `sparsejac`, which colours a
structure that it is given (here autodiff's) and gives the elements; the Hessian is the Jacobian of `jax.grad`. JAX has
`asdex` too, which finds the structure in the graph of JAX's operations. All run the same formulas, compiled, on one thread.
"""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[np.ndarray], Any]


def installed() -> list[str]:
    """Which of them can be measured here."""
    needs = {
        "CasADi": ("casadi",),
        "JAX with sparsejac": ("jax", "sparsejac"),
        "JAX with asdex": ("jax", "asdex"),
    }
    return [
        name
        for name, modules in needs.items()
        if all(importlib.util.find_spec(module) is not None for module in modules)
    ]


# -- CasADi -----------------------------------------------------------------------------------------
def casadi_hessian(n: int) -> Run:
    import casadi as ca

    x = ca.SX.sym("x", n)
    value = ca.sum1(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return _function(ca, x, ca.hessian(value, x)[0])


def casadi_brusselator(n: int) -> Run:
    import casadi as ca

    y = ca.SX.sym("y", 2 * n * n)
    places = np.arange(n * n).reshape(n, n)
    around = [np.roll(places, step, axis).ravel().tolist() for step in (1, -1) for axis in (0, 1)]
    u, v = y[: n * n], y[n * n :]
    spread = 0.02 * (n - 1) ** 2

    def laplacian(w: Any) -> Any:
        return sum(w[at] for at in around) - 4.0 * w

    slope_u = 1.0 + u**2 * v - 4.4 * u + spread * laplacian(u)
    slope_v = 3.4 * u - u**2 * v + spread * laplacian(v)
    return _function(ca, y, ca.jacobian(ca.vertcat(slope_u, slope_v), y))


def casadi_bundle(
    cameras: int, points: int, camera: np.ndarray, point: np.ndarray, observed: np.ndarray
) -> Run:
    import casadi as ca

    x = ca.SX.sym("x", 9 * cameras + 3 * points)
    of_camera = [x[(9 * camera + k).tolist()] for k in range(9)]
    at = [x[(9 * cameras + 3 * point + k).tolist()] for k in range(3)]
    turn, shift = of_camera[:3], of_camera[3:6]
    moved = [
        at[k]
        + turn[(k + 1) % 3] * at[(k + 2) % 3]
        - turn[(k + 2) % 3] * at[(k + 1) % 3]
        + shift[k]
        + (10.0 if k == 2 else 0.0)
        for k in range(3)
    ]
    flat = [moved[0] / moved[2], moved[1] / moved[2]]
    square = flat[0] ** 2 + flat[1] ** 2
    radial = of_camera[6] * (1 + of_camera[7] * square + of_camera[8] * square**2)
    rows = [radial * flat[k] - observed[:, k] for k in range(2)]
    return _function(ca, x, ca.jacobian(ca.vertcat(*rows), x))


def _function(ca: Any, x: Any, matrix: Any) -> Run:
    made = ca.Function("derivative", [x], [matrix])
    return lambda at: made(at.ravel())


# -- JAX --------------------------------------------------------------------------------------------
def sparsejac_derivative(
    f: Callable[[Any], Any], structure: Any, hessian: bool, shape: tuple[int, ...]
) -> Run:
    """``f``, with `np` bound to `jax.numpy`, of an array of ``shape``; ``structure``: a sparse array."""
    import jax
    import jax.experimental.sparse as jsparse
    import sparsejac

    of_vector = _of_vector(f, shape)
    places = np.stack(structure.tocoo().coords, axis=1)
    pattern = jsparse.BCOO((np.ones(len(places), np.float32), places), shape=structure.shape)
    made = jax.jit(sparsejac.jacfwd(jax.grad(of_vector) if hessian else of_vector, pattern))
    return lambda at: made(at.ravel()).data.block_until_ready()


def asdex_derivative(f: Callable[[Any], Any], hessian: bool, x: np.ndarray) -> Run:
    """``f``, with `np` bound to `jax.numpy`, of arrays like ``x``."""
    import asdex
    import jax

    of_vector = _of_vector(f, x.shape)
    made = jax.jit((asdex.hessian if hessian else asdex.jacobian)(of_vector, x.ravel()))
    return lambda at: made(at.ravel()).data.block_until_ready()


def _of_vector(f: Callable[[Any], Any], shape: tuple[int, ...]) -> Callable[[Any], Any]:
    """``f`` in `jax.numpy`, from a vector to a vector or a number."""
    import jax.numpy as jnp

    names = {**f.__globals__, "np": jnp}
    translated = types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, f.__closure__)

    def of_vector(x: Any) -> Any:
        y = translated(x.reshape(shape))
        return y.ravel() if y.ndim else y

    return of_vector
