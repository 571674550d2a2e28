"""Programs whose extents are known at run time only: one kernel for many lengths."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.dims import Dim, deciding, evaluate
from autodiff.engines import numpy as reference
from autodiff.engines.native.compile import compile_program
from autodiff.ir import ArrayType, Program
from autodiff.ops.builder import building
from autodiff.ops.linear_algebra import dot_general
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer

from .test_control_flow import at, chosen, dim, growing_tape, put, rolled
from .test_nests import PROGRAMS, rosenbrock

HINT = 9


def symbolic(function: Callable[..., Any], rank: int) -> Program:
    """The program of a function of one float64 array of shape (n, n + 2, …)."""
    with building() as builder:
        n = builder.parameter(ArrayType(INT, ()), "n")
        n.low = 2
        shape = tuple(Dim.symbol(n) + 2 * k for k in range(rank))
        x = Tracer(builder.parameter(ArrayType(np.dtype(float), shape), "x"), "array")

        def decide(relation: str, difference: Dim) -> bool:
            value = evaluate(difference, lambda symbol: HINT)
            return value == 0 if relation == "==" else value >= 0

        with deciding(decide):
            results = function(x)
        results = results if isinstance(results, (tuple, list)) else (results,)
        builder.block.outputs = [r.value for r in results]
    return Program(builder.block)


def solves(x: Any) -> Any:
    n = x.shape[0]
    a = x[:, :n] + 10.0 * np.eye(HINT) if isinstance(n, int) else x[:, :n] @ x[:, :n].T
    return emit_tracer("cholesky", a + x[:, :n].T * 0.0), emit_tracer(
        "cumulative_sum", x, axis=0, reverse=True
    )


def products(x: Any) -> Any:
    return x @ x.T, dot_general(x, x, ((0,), (0,)), ((), ())), x @ x[0], x.T[1:] @ np.exp(x)


def loop(x: Any) -> Any:
    return rolled(
        x.shape[0] - 1,
        [x],
        lambda k, y: (put(y, at(y, dim(k)) * 0.5, dim(k) + 1), at(y, dim(k)), y),
    )


def branch(x: Any) -> Any:
    y = np.sin(x)
    (z,) = chosen(at(x, 0) > 1.0, lambda: y * 2.0, lambda: x)
    return z, z[1:] - y[:-1]


OWN = {
    "products": (products, 2),
    "loop": (loop, 1),
    "branch": (branch, 1),
    "tape": (growing_tape, 1),
    "solves": (solves, 2),
}
TABLE = {
    name: (function, len(shapes[0]))
    for name, (function, shapes) in PROGRAMS.items()
    # NumPy's own shapes decide here: these are written for one size, or make constants of it.
    if name not in ("reshaped", "reshaped broadcast", "diagonal", "triangle", "padded", "reversed", "rolled", "products",
                    "stacked", "normalised", "any and all", "tiny", "reduction over the middle",
                    "reduction over outer and inner axes", "row and column of a matrix", "variance",
                    "chain of reductions", "outer sum")
}  # fmt: skip
CASES = OWN | {f"{name} of any size": case for name, case in TABLE.items()}


@pytest.mark.parametrize("name", CASES)
def test_one_kernel_for_many_sizes(name: str, rng: np.random.Generator) -> None:
    function, rank = CASES[name]
    program = symbolic(function, rank)
    run, oracle = compile_program(program), reference.compile_program(program)
    for n in (HINT, 4, 5, 16, 40):
        x = rng.uniform(0.5, 2.0, tuple(n + 2 * k for k in range(rank)))
        for got, wanted in zip(run([np.int64(n), x]), oracle([np.int64(n), x]), strict=True):
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(
                got, wanted, rtol=1e-11, atol=1e-12 * np.max(np.abs(wanted), initial=1.0)
            )


def test_symbolic_sizes_keep_the_pieces_apart() -> None:
    program = symbolic(rosenbrock, 1)
    run, oracle = compile_program(program), reference.compile_program(program)
    for n in (2, 3, 4, 100):
        x = np.linspace(0.5, 1.5, n)
        for got, wanted in zip(run([np.int64(n), x]), oracle([np.int64(n), x]), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-11)


def test_a_size_known_at_run_time_comes_before_the_indices_into_it() -> None:
    def counted(a: Any, r: Any, n: int) -> Any:
        spread = np.ptp(a.sum(axis=0))
        return np.bincount(r, weights=a[0], minlength=n).sum() + spread

    r = np.array([0, 2, 0])
    gradient, oracle = (autodiff.gradient(counted, wrt="a", engine=e) for e in ("native", "numpy"))
    for n in (5, 4, 1):
        a = np.outer(np.ones(n), [1.0, 3.0, 2.0])
        np.testing.assert_array_equal(gradient(a, r, n), oracle(a, r, n))
