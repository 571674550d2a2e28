"""Vector code without loops: Rosenbrock, logistic regression, a Gaussian process, softmax cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.harness import Benchmark, same_code_in_jax


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_arguments(n: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (np.random.default_rng(1).normal(size=n),)


def logistic(w: Any, features: Any, labels: Any) -> Any:
    margin = labels * (features @ w)
    # log(1 + exp(-m)), without overflow for m << 0
    return np.mean(np.logaddexp(0.0, -margin)) + 0.5e-3 * np.dot(w, w)


def logistic_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(20_000, 50))
    labels = np.sign(features @ rng.normal(size=50) + rng.normal(size=20_000))
    return rng.normal(size=50), features, labels


def gaussian_process(theta: Any, squared: Any, y: Any) -> Any:
    """Negative log marginal likelihood (Rasmussen and Williams 2006, equation 2.30)."""
    amplitude, length, noise = np.exp(theta)
    covariance = amplitude * np.exp(-0.5 * squared / length**2) + noise * np.eye(len(y))
    factor = np.linalg.cholesky(covariance)
    fit = 0.5 * np.dot(y, np.linalg.solve(covariance, y))
    return fit + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * np.log(2 * np.pi)


def gaussian_process_in_jax() -> Callable[..., Any]:
    import jax.numpy as jnp
    from jax.scipy.linalg import cho_solve

    def likelihood(theta: Any, squared: Any, y: Any) -> Any:
        amplitude, length, noise = jnp.exp(theta)
        covariance = amplitude * jnp.exp(-0.5 * squared / length**2) + noise * jnp.eye(len(y))
        factor = jnp.linalg.cholesky(covariance)
        fit = 0.5 * jnp.dot(y, cho_solve((factor, True), y))
        return fit + jnp.sum(jnp.log(jnp.diag(factor))) + 0.5 * len(y) * jnp.log(2 * jnp.pi)

    return likelihood


def gaussian_process_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    points = np.sort(rng.uniform(0.0, 10.0, 200))
    y = np.sin(points) + 0.1 * rng.normal(size=200)
    return np.log([1.0, 1.5, 0.1]), (points[:, None] - points) ** 2, y


def cross_entropy(logits: Any, labels: Any) -> Any:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def cross_entropy_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(1000, 100)), rng.integers(0, 100, 1000)


BENCHMARKS = [
    Benchmark("rosenbrock n=10", rosenbrock, same_code_in_jax(rosenbrock), rosenbrock_arguments(10), goal=20, portable=True),
    Benchmark("rosenbrock n=1000", rosenbrock, same_code_in_jax(rosenbrock), rosenbrock_arguments(1000), portable=True),
    Benchmark("rosenbrock n=1e6", rosenbrock, same_code_in_jax(rosenbrock), rosenbrock_arguments(10**6), goal=1, portable=True),
    Benchmark("logistic regression 20000x50", logistic, same_code_in_jax(logistic), logistic_arguments, goal=1, portable=True),
    Benchmark("gaussian process n=200", gaussian_process, gaussian_process_in_jax, gaussian_process_arguments),
    Benchmark("softmax cross-entropy 1000x100", cross_entropy, same_code_in_jax(cross_entropy), cross_entropy_arguments, portable=True),
]  # fmt: skip
