"""Numerical kernels as textbooks write them: loops, stores and slices whose sizes depend on the loop index.

Sizes are such that plain NumPy takes 1 to 10 ms. JAX has no slices of varying size inside loops and differentiates in reverse
only loops with constant bounds, so its versions use masks over whole rows, `lax.scan` where one value a step is stored and
`fori_loop` with constant bounds elsewhere, as its users write them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.harness import Benchmark
from bench.loops import cholesky, cholesky_in_jax_by_columns, positive_definite


def lu(a0: Any) -> Any:
    """Doolittle elimination without pivoting (Golub and Van Loan 2013, algorithm 3.2.1)."""
    a = a0.copy()
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    return np.sum(a * a)


def lu_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(a0: Any) -> Any:
        n = a0.shape[0]
        index = jnp.arange(n)

        def step(k: Any, a: Any) -> Any:
            below = index > k
            factor = jnp.where(below, a[:, k] / a[k, k], 0.0)
            a = a - jnp.outer(factor, jnp.where(below, a[k], 0.0))
            return a.at[:, k].set(jnp.where(below, factor, a[:, k]))

        a = lax.fori_loop(0, n, step, a0)
        return jnp.sum(a * a)

    return total


def triangular_solve(b: Any, lower: Any) -> Any:
    """Forward substitution by rows (Golub and Van Loan 2013, algorithm 3.1.1)."""
    n = len(b)
    x = np.zeros(n)
    for i in range(n):
        x[i] = (b[i] - np.dot(lower[i, :i], x[:i])) / lower[i, i]
    return np.sum(x * x)


def triangular_solve_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(b: Any, lower: Any) -> Any:
        def step(i: Any, x: Any) -> Any:
            # x is still zero from i on, so the whole row gives the shorter dot product.
            return x.at[i].set((b[i] - jnp.dot(lower[i], x)) / lower[i, i])

        x = lax.fori_loop(0, len(b), step, jnp.zeros(len(b)))
        return jnp.sum(x * x)

    return total


def triangular_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(9)
    lower = np.tril(rng.normal(size=(600, 600))) / 30 + 2 * np.eye(600)
    return rng.normal(size=600), lower


def gram_schmidt(a0: Any) -> Any:
    """Modified Gram-Schmidt (Golub and Van Loan 2013, algorithm 5.2.6)."""
    a = a0.copy()
    m, n = a.shape
    q = np.zeros((m, n))
    r = np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(np.dot(a[:, k], a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= r[k, j] * q[:, k]
    return np.sum(q[0]) + np.sum(r * r * r)


def gram_schmidt_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(a0: Any) -> Any:
        m, n = a0.shape
        index = jnp.arange(n)

        def step(k: Any, state: Any) -> Any:
            a, q, r = state
            norm = jnp.sqrt(jnp.dot(a[:, k], a[:, k]))
            q_k = a[:, k] / norm
            row = jnp.where(index > k, q_k @ a, 0.0)
            return a - jnp.outer(q_k, row), q.at[:, k].set(q_k), r.at[k].set(row).at[k, k].set(norm)

        zeros = jnp.zeros((m, n)), jnp.zeros((n, n))
        _, q, r = lax.fori_loop(0, n, step, (a0, *zeros))
        return jnp.sum(q[0]) + jnp.sum(r * r * r)

    return total


def seidel(a0: Any) -> Any:
    """Gauss-Seidel sweeps of the nine-point mean, in place (PolyBench 4.2, seidel-2d)."""
    a = a0.copy()
    n = a.shape[0]
    for _ in range(2):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
                    + a[i, j - 1] + a[i, j] + a[i, j + 1]
                    + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                ) / 9.0  # fmt: skip
    return np.sum(a * a)


def seidel_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(a0: Any) -> Any:
        n = a0.shape[0]

        def sweep(_: Any, a: Any) -> Any:
            def row(above: Any, own_and_below: Any) -> Any:
                own, below = own_and_below
                # All but the left neighbour is known for the whole row; the left one comes by a scan along it.
                known = (
                    above[:-2]
                    + above[1:-1]
                    + above[2:]
                    + own[1:-1]
                    + own[2:]
                    + below[:-2]
                    + below[1:-1]
                    + below[2:]
                )

                def entry(left: Any, rest: Any) -> Any:
                    value = (left + rest) / 9.0
                    return value, value

                _, inner = lax.scan(entry, own[0], known)
                new = own.at[1:-1].set(inner)
                return new, new

            _, inner_rows = lax.scan(row, a[0], (a[1:-1], a[2:]))
            return a.at[1:-1].set(inner_rows)

        a = lax.fori_loop(0, 2, sweep, a0)
        assert n == a.shape[0]
        return jnp.sum(a * a)

    return total


def durbin(r: Any) -> Any:
    """Durbin's recursion for the Yule-Walker equations (Golub and Van Loan 2013, algorithm 4.7.1)."""
    n = len(r)
    y = np.zeros(n)
    y[0] = -r[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        alpha = -(r[k] + np.dot(r[:k][::-1], y[:k])) / beta
        y[:k] = y[:k] + alpha * y[:k][::-1]
        y[k] = alpha
    return np.sum(y * y)


def durbin_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(r: Any) -> Any:
        n = len(r)
        index = jnp.arange(n)

        def step(k: Any, state: Any) -> Any:
            y, alpha, beta = state
            beta = (1.0 - alpha * alpha) * beta
            mirror = jnp.where(index < k, k - 1 - index, 0)  # i -> k-1-i within the first k
            used = index < k
            alpha = -(r[k] + jnp.sum(jnp.where(used, r[mirror] * y, 0.0))) / beta
            y = y + jnp.where(used, alpha * y[mirror], 0.0)
            return y.at[k].set(alpha), alpha, beta

        y0 = jnp.zeros(n).at[0].set(-r[0])
        y, _, _ = lax.fori_loop(1, n, step, (y0, -r[0], 1.0))
        return jnp.sum(y * y)

    return total


def autocorrelations(n: int) -> tuple[Any, ...]:
    return (0.5 ** np.arange(1, n + 1) + 0.01 * np.random.default_rng(10).normal(size=n) / n,)


def adi(u0: Any) -> Any:
    """Alternating-direction implicit diffusion: a column sweep, then a row sweep (PolyBench 4.2, adi)."""
    n = u0.shape[0]
    u = u0.copy()
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    a, b, c, d, f = -1.0, 3.0, 1.0, -1.5, 0.5
    for _ in range(3):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            known = -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - f * u[j, 2:]
            q[1:-1, j] = (known - a * q[1:-1, j - 1]) / (a * p[1:-1, j - 1] + b)
        v[n - 1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, n - 1):
            p[1:-1, j] = -f / (d * p[1:-1, j - 1] + b)
            known = -a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - c * v[2:, j]
            q[1:-1, j] = (known - d * q[1:-1, j - 1]) / (d * p[1:-1, j - 1] + b)
        u[1:-1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return np.sum(u * u)


def adi_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    a, b, c, d, f = -1.0, 3.0, 1.0, -1.5, 0.5

    def sweep(lower: float, upper: float, known: Any) -> Any:
        """Solve along the leading axis, both ends held at one; `known` holds the inner right-hand sides."""
        width = known.shape[1]

        def forward(state: Any, row: Any) -> Any:
            p, q = state
            scale = lower * p + b
            state = -upper / scale, (row - lower * q) / scale
            return state, state

        def backward(x: Any, pq: Any) -> Any:
            x = pq[0] * x + pq[1]
            return x, x

        _, pq = lax.scan(forward, (jnp.zeros(width), jnp.ones(width)), known)
        _, inner = lax.scan(backward, jnp.ones(width), pq, reverse=True)
        return inner

    def total(u0: Any) -> Any:
        v0 = jnp.zeros_like(u0)

        def step(state: Any, _: Any) -> Any:
            u, v = state
            known = -d * u[1:-1, :-2] + (1.0 + 2.0 * d) * u[1:-1, 1:-1] - f * u[1:-1, 2:]
            v = v.at[0, 1:-1].set(1.0).at[-1, 1:-1].set(1.0).at[1:-1, 1:-1].set(sweep(a, c, known))
            known = (-a * v[:-2, 1:-1] + (1.0 + 2.0 * a) * v[1:-1, 1:-1] - c * v[2:, 1:-1]).T
            u = (
                u.at[1:-1, 0]
                .set(1.0)
                .at[1:-1, -1]
                .set(1.0)
                .at[1:-1, 1:-1]
                .set(sweep(d, f, known).T)
            )
            return (u, v), None

        (u, _), _ = lax.scan(step, (u0, v0), None, length=3)
        return jnp.sum(u * u)

    return total


def thomas(d: Any, lower: Any, main: Any, upper: Any) -> Any:
    """Solve a tridiagonal system by forward elimination and back substitution (Thomas 1949)."""
    n = len(d)
    c = np.zeros(n)
    x = np.zeros(n)
    c[0] = upper[0] / main[0]
    x[0] = d[0] / main[0]
    for i in range(1, n):
        pivot = main[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        x[i] = (d[i] - lower[i] * x[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        x[i] = x[i] - c[i] * x[i + 1]
    return np.sum(x * x)


def thomas_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax import lax

    def total(d: Any, lower: Any, main: Any, upper: Any) -> Any:
        def eliminate(state: Any, row: Any) -> Any:
            c, x = state
            d_i, lower_i, main_i, upper_i = row
            pivot = main_i - lower_i * c
            state = upper_i / pivot, (d_i - lower_i * x) / pivot
            return state, state

        def substitute(x: Any, row: Any) -> Any:
            x = row[1] - row[0] * x
            return x, x

        # Before the first row: c = x = 0, for lower[0] plays no part.
        _, rows = lax.scan(eliminate, (0.0, 0.0), (d, lower.at[0].set(0.0), main, upper))
        _, x = lax.scan(substitute, 0.0, rows, reverse=True)
        return jnp.sum(x * x)

    return total


def tridiagonal(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(11)
    lower, main, upper = rng.uniform(-1, 1, (3, n))
    return rng.normal(size=n), lower, main + 4.0, upper


BENCHMARKS = [
    Benchmark("LU n=60", lu, lu_in_jax, lambda: positive_definite(60)),
    Benchmark("Cholesky n=70", cholesky, cholesky_in_jax_by_columns, lambda: positive_definite(70)),
    Benchmark("triangular solve n=600", triangular_solve, triangular_solve_in_jax, triangular_arguments),
    Benchmark("Gram-Schmidt 80x40", gram_schmidt, gram_schmidt_in_jax, lambda: (np.random.default_rng(12).normal(size=(80, 40)),)),
    Benchmark("Seidel 30x30, 2 sweeps", seidel, seidel_in_jax, lambda: (np.random.default_rng(13).normal(size=(30, 30)),)),
    Benchmark("Durbin n=300", durbin, durbin_in_jax, lambda: autocorrelations(300)),
    Benchmark("ADI 30x30, 3 steps", adi, adi_in_jax, lambda: (np.random.default_rng(14).uniform(size=(30, 30)),)),
    Benchmark("Thomas n=1500", thomas, thomas_in_jax, lambda: tridiagonal(1500)),
]  # fmt: skip
