"""Families of benchmarks whose code is the same for every peer: calls, arrays, linear algebra, second order, sizes.

Each function uses names that NumPy, JAX, autograd, PyTorch, mygrad, PyTensor and CasADi have in common.  `moved` is the
least number of bytes that value and gradient have to read and write, for comparison with the bandwidth of a copy; `flops`
the arithmetic of matrix products, for comparison with that of gemm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.harness import Benchmark, same_code_in_jax


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


ROSENBROCK_IN_C = """
double value_and_gradient(const double *x, long n, double *g) {
    double total = 0.0;
    for (long i = 0; i < n; i++) g[i] = 0.0;
    for (long i = 0; i + 1 < n; i++) {
        double valley = x[i + 1] - x[i] * x[i], away = 1.0 - x[i];
        total += 100.0 * valley * valley + away * away;
        g[i] += -400.0 * valley * x[i] - 2.0 * away;
        g[i + 1] += 200.0 * valley;
    }
    return total;
}
"""


def quadratic(x: Any) -> Any:
    return np.sum(x * x + 3.0 * x)


def bumps(x: Any) -> Any:
    return np.sum(np.exp(-x * x) * np.sin(3.0 * x))


def logistic(w: Any, features: Any, signs: Any) -> Any:
    return np.sum(np.log(1.0 + np.exp(-signs * (features @ w)))) + 0.01 * np.sum(w * w)


def layers(w: Any, features: Any, target: Any) -> Any:
    hidden = np.tanh(features @ w)
    return np.sum((np.sum(hidden, 1) - target) ** 2)


def least_squares(w: Any, features: Any, target: Any) -> Any:
    residual = features @ w - target
    return np.sum(residual * residual)


def softened(x: Any) -> Any:
    return np.sum(np.sqrt(1.0 + x * x) + np.tanh(x))


def chain(x: Any, a: Any) -> Any:
    return np.sum((a @ (a @ x)) ** 2)


def solved(x: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(x, b) ** 2)


def log_determinant(x: Any) -> Any:
    return np.sum(np.log(np.linalg.det(x)))


def spectrum(x: Any) -> Any:
    return np.sum(np.abs(np.fft.rfft(x)) ** 2)


def _vector(n: int, dtype: Any = np.float64) -> Callable[[], tuple[Any, ...]]:
    return lambda: (np.random.default_rng(1).normal(size=n).astype(dtype),)


def _regression(rows: int, columns: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    signs = np.sign(rng.normal(size=rows))
    return rng.normal(size=columns), rng.normal(size=(rows, columns)), signs


def _network(rows: int, columns: int, hidden: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    return (
        rng.normal(size=(columns, hidden)) / 4,
        rng.normal(size=(rows, columns)),
        rng.normal(size=rows),
    )


def _matrices(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(n, n)) / n + np.eye(n), rng.normal(size=(n, n)) / n


def _case(
    name: str, function: Any, arguments: Callable[[], tuple[Any, ...]], **more: Any
) -> Benchmark:
    return Benchmark(name, function, same_code_in_jax(function), arguments, portable=True, **more)


CALLS = [
    _case("call: quadratic n=3", quadratic, _vector(3)),
    _case("call: rosenbrock n=10", rosenbrock, _vector(10), c=ROSENBROCK_IN_C),
    _case("call: bumps n=100", bumps, _vector(100)),
    _case("call: softened n=1000", softened, _vector(1000)),
    _case("call: logistic 100x5", logistic, lambda: _regression(100, 5)),
    _case("call: layer 100x4x8", layers, lambda: _network(100, 4, 8)),
]
ARRAYS = [
    _case("array: bumps n=1e6", bumps, _vector(10**6), moved=2 * 8e6),
    _case("array: softened n=1e6", softened, _vector(10**6), moved=2 * 8e6),
    _case("array: quadratic n=1e6", quadratic, _vector(10**6), moved=2 * 8e6),
    _case(
        "array: bumps n=1e6, float32",
        bumps,
        _vector(10**6, np.float32),
        tolerance=1e-3,
        moved=2 * 4e6,
    ),
    _case(
        "array: least squares 20000x50", least_squares, lambda: _regression(20_000, 50), moved=8e6
    ),
    _case("array: logistic 20000x50", logistic, lambda: _regression(20_000, 50), moved=8e6),
]
LINEAR_ALGEBRA = [
    _case("linalg: chain n=300", chain, lambda: _matrices(300), flops=8 * 300**3),
    _case("linalg: solve n=100", solved, lambda: _matrices(100)),
    _case("linalg: log det n=100", log_determinant, lambda: _matrices(100)[:1]),
    _case(
        "linalg: layer 2000x64x64", layers, lambda: _network(2000, 64, 64), flops=4 * 2000 * 64 * 64
    ),
]
SECOND_ORDER = [
    replace(_case("second: rosenbrock n=1000", rosenbrock, _vector(1000)), second=True),
    replace(
        _case("second: logistic 1000x20", logistic, lambda: _regression(1000, 20)), second=True
    ),
]
FOURIER = [_case("fft: spectrum n=4096", spectrum, _vector(4096))]
THREADS = [
    _case("threads: bumps n=1e6, 2 threads", bumps, _vector(10**6), threads=2, moved=2 * 8e6),
]
SIZES = [
    _case(f"size: rosenbrock n=1e{k}", rosenbrock, _vector(10**k), c=ROSENBROCK_IN_C, moved=16.0 * 10**k)
    for k in range(2, 8)
]  # fmt: skip
