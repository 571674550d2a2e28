"""Loops over scalars and slices: an ODE, a recurrence, a stencil, a factorisation, branches.

The NumPy versions are plain Python loops with stores and branches. The JAX versions are what its users write for them by
hand: `lax.scan` or `lax.fori_loop` with constant bounds (reverse mode asks for them), `.at[]` updates, `where` for branches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.harness import Benchmark


def lorenz(p: Any) -> Any:
    """2000 explicit Euler steps; p holds the initial state and the three parameters."""
    x, y, z = p[0], p[1], p[2]
    sigma, rho, beta = p[3], p[4], p[5]
    h = 0.001  # a time of 2 in all: short enough that rounding does not grow through chaos
    for _ in range(2000):
        dx = sigma * (y - x)
        dy = x * (rho - z) - y
        dz = x * y - beta * z
        x = x + h * dx
        y = y + h * dy
        z = z + h * dz
    return x * x + y * y + z * z


def lorenz_in_jax() -> Callable[..., Any]:
    from jax import lax

    def end(p: Any) -> Any:
        sigma, rho, beta = p[3], p[4], p[5]
        h = 0.001

        def step(_: Any, state: Any) -> Any:
            x, y, z = state
            dx = sigma * (y - x)
            dy = x * (rho - z) - y
            dz = x * y - beta * z
            return x + h * dx, y + h * dy, z + h * dz

        x, y, z = lax.fori_loop(0, 2000, step, (p[0], p[1], p[2]))
        return x * x + y * y + z * z

    return end


def recurrence(x: Any) -> Any:
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.9 * np.sin(y[i - 1]) + x[i]
    return np.sum(y * y)


def recurrence_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(x: Any) -> Any:
        def step(last: Any, x_i: Any) -> Any:
            y = 0.9 * jnp.sin(last) + x_i
            return y, y

        _, tail = lax.scan(step, x[0], x[1:])
        return x[0] * x[0] + jnp.sum(tail * tail)

    return total


def heat(u0: Any) -> Any:
    """500 steps of the heat equation on 400 points."""
    u = u0.copy()
    for _ in range(500):
        u[1:-1] = u[1:-1] + 0.25 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def heat_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(u0: Any) -> Any:
        def step(_: Any, u: Any) -> Any:
            return u.at[1:-1].add(0.25 * (u[2:] - 2.0 * u[1:-1] + u[:-2]))

        u = lax.fori_loop(0, 500, step, u0)
        return jnp.sum(u * u)

    return total


def cholesky(a: Any) -> Any:
    """Log determinant by the textbook Cholesky factorisation (Cholesky-Banachiewicz), row by row."""
    n = a.shape[0]
    factor = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            factor[i, j] = (a[i, j] - np.dot(factor[i, :j], factor[j, :j])) / factor[j, j]
        factor[i, i] = np.sqrt(a[i, i] - np.dot(factor[i, :i], factor[i, :i]))
    return 2.0 * np.sum(np.log(np.diag(factor)))


def cholesky_in_jax_by_entries() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def log_determinant(a: Any) -> Any:
        n = a.shape[0]

        def row(i: Any, factor: Any) -> Any:
            def entry(j: Any, factor: Any) -> Any:
                # Columns from j on are still zero in row i, so whole rows give the shorter dot product.
                pivot = jnp.where(j < i, factor[j, j], 1.0)
                value = (a[i, j] - jnp.dot(factor[i], factor[j])) / pivot
                return factor.at[i, j].set(jnp.where(j < i, value, 0.0))

            factor = lax.fori_loop(0, n, entry, factor)
            return factor.at[i, i].set(jnp.sqrt(a[i, i] - jnp.dot(factor[i], factor[i])))

        factor = lax.fori_loop(0, n, row, jnp.zeros((n, n)))
        return 2.0 * jnp.sum(jnp.log(jnp.diag(factor)))

    return log_determinant


def cholesky_in_jax_by_columns() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def log_determinant(a: Any) -> Any:
        n = a.shape[0]
        rows = jnp.arange(n)

        def column(factor: Any, j: Any) -> Any:
            rest = a[:, j] - factor @ factor[j]
            return factor.at[:, j].set(jnp.where(rows >= j, rest / jnp.sqrt(rest[j]), 0.0)), None

        factor, _ = lax.scan(column, jnp.zeros((n, n)), rows)
        return 2.0 * jnp.sum(jnp.log(jnp.diag(factor)))

    return log_determinant


def positive_definite(n: int) -> tuple[Any, ...]:
    a = np.random.default_rng(7).normal(size=(n, n))
    return (a @ a.T + n * np.eye(n),)


def branches(x: Any) -> Any:
    """An asymmetric tracker with a dead band: three branches a step."""
    s = 0.0
    loss = 0.0
    for i in range(len(x)):
        gap = x[i] - s
        if gap > 0.5:
            s = s + 0.3 * gap
            loss = loss + gap * gap
        elif gap < -0.5:
            s = s + 0.1 * gap
            loss = loss - 2.0 * gap
        else:
            loss = loss + 0.1 * gap * s
    return loss


def branches_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(x: Any) -> Any:
        def step(state: Any, x_i: Any) -> Any:
            s, loss = state
            gap = x_i - s
            up, down = gap > 0.5, gap < -0.5
            rate = jnp.where(up, 0.3, jnp.where(down, 0.1, 0.0))
            cost = jnp.where(up, gap * gap, jnp.where(down, -2.0 * gap, 0.1 * gap * s))
            return (s + rate * gap, loss + cost), None

        (_, loss), _ = lax.scan(step, (0.0, 0.0), x)
        return loss

    return total


def noise(n: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (np.random.default_rng(8).normal(size=n),)


BENCHMARKS = [
    Benchmark("lorenz 2000 steps", lorenz, lorenz_in_jax, lambda: (np.array([1.0, 1.0, 20.0, 10.0, 28.0, 8 / 3]),), goal=5),
    Benchmark("recurrence with sine n=5000", recurrence, recurrence_in_jax, noise(5000), goal=2),
    Benchmark("stencil 400x500", heat, heat_in_jax, noise(400), goal=3),
    Benchmark("cholesky loop n=60", cholesky, cholesky_in_jax_by_entries, lambda: positive_definite(60), goal=10),
    Benchmark("cholesky loop n=60, JAX by columns", cholesky, cholesky_in_jax_by_columns, lambda: positive_definite(60)),
    Benchmark("branchy loop n=5000", branches, branches_in_jax, noise(5000), goal=1.5),
]  # fmt: skip

# One store an iteration: seconds must grow as n does, hundredfold from the first to the last.
GROWTH = [
    Benchmark(f"recurrence with sine n=1e{k}", recurrence, recurrence_in_jax, noise(10**k)) for k in (3, 4, 5)
]  # fmt: skip
