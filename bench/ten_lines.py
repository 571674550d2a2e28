"""Functions of about ten lines on small data, where the first call is what one waits for."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.harness import Benchmark, same_code_in_jax


def rosenbrock(x: Any) -> Any:
    head = x[:-1]
    tail = x[1:]
    valley = tail - head**2
    return np.sum(100.0 * valley**2 + (1.0 - head) ** 2)


def logistic(w: Any, features: Any, labels: Any) -> Any:
    z = features @ w[1:] + w[0]
    p = 1.0 / (1.0 + np.exp(-z))
    likelihood = labels * np.log(p) + (1.0 - labels) * np.log(1.0 - p)
    penalty = 0.01 * np.sum(w[1:] ** 2)
    return penalty - np.mean(likelihood)


def perceptron(w: Any, x: Any, y: Any) -> Any:
    """Two layers: 4 inputs, 8 hidden units, 1 output; 49 weights in one vector."""
    w1 = w[:32].reshape(4, 8)
    b1 = w[32:40]
    w2 = w[40:48]
    b2 = w[48]
    hidden = np.tanh(x @ w1 + b1)
    output = hidden @ w2 + b2
    error = output - y
    return np.mean(error**2) + 1e-4 * np.sum(w**2)


def mixture(theta: Any, x: Any) -> Any:
    """Negative log likelihood of a mixture of three normal distributions."""
    logits, mean, log_sd = theta[:3], theta[3:6], theta[6:]
    log_weight = logits - np.log(np.sum(np.exp(logits)))
    z = (x[:, None] - mean) / np.exp(log_sd)
    terms = log_weight - log_sd - 0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    top = np.max(terms, axis=1)
    return -np.sum(top + np.log(np.sum(np.exp(terms - top[:, None]), axis=1)))


def predator_prey(s: Any) -> Any:
    return np.array([s[0] * (1.1 - 0.4 * s[1]), s[1] * (0.1 * s[0] - 0.4)])


def runge_kutta_step(s: Any) -> Any:
    """One classical step for the Lotka-Volterra equations, and a distance at its end."""
    h = 0.1
    k1 = predator_prey(s)
    k2 = predator_prey(s + 0.5 * h * k1)
    k3 = predator_prey(s + 0.5 * h * k2)
    k4 = predator_prey(s + h * k3)
    end = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum((end - 5.0) ** 2)


def runge_kutta_in_jax() -> Any:
    import jax.numpy as jnp

    def rate(s: Any) -> Any:
        return jnp.array([s[0] * (1.1 - 0.4 * s[1]), s[1] * (0.1 * s[0] - 0.4)])

    def step(s: Any) -> Any:
        h = 0.1
        k1 = rate(s)
        k2 = rate(s + 0.5 * h * k1)
        k3 = rate(s + 0.5 * h * k2)
        k4 = rate(s + h * k3)
        end = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        return jnp.sum((end - 5.0) ** 2)

    return step


def regression_data(inputs: int, weights: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(5)
    return (
        rng.normal(size=weights) / 2,
        rng.normal(size=(100, inputs)),
        rng.integers(0, 2, 100).astype(float),
    )


def mixture_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(6)
    return rng.normal(size=9), rng.normal(size=200)


BENCHMARKS = [
    Benchmark("ten lines: rosenbrock", rosenbrock, same_code_in_jax(rosenbrock), lambda: (np.linspace(0.5, 1.5, 10),), portable=True),
    Benchmark("ten lines: logistic", logistic, same_code_in_jax(logistic), lambda: regression_data(4, 5), portable=True),
    Benchmark("ten lines: perceptron", perceptron, same_code_in_jax(perceptron), lambda: regression_data(4, 49), portable=True),
    Benchmark("ten lines: mixture", mixture, same_code_in_jax(mixture), mixture_arguments, portable=True),
    Benchmark("ten lines: ODE step", runge_kutta_step, runge_kutta_in_jax, lambda: (np.array([10.0, 5.0]),)),
]  # fmt: skip
