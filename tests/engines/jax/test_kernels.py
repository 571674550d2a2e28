"""The kernels of the benchmarks on the JAX engine: values and gradients are those of native code."""

import numpy as np
import pytest

import autodiff
from bench.catalogue import GROUPS

pytestmark = pytest.mark.jax
pytest.importorskip("jax", reason="the JAX engine is not tested: JAX is not installed")

BENCHMARKS = [benchmark for group in GROUPS.values() for benchmark in group]


@pytest.mark.parametrize("benchmark_", BENCHMARKS, ids=lambda b: b.name)
def test_kernels_give_what_native_code_gives(benchmark_) -> None:
    arguments = benchmark_.arguments()
    expected = autodiff.value_and_gradient(benchmark_.function)(*arguments)
    found = autodiff.value_and_gradient(benchmark_.function, engine="jax")(*arguments)
    plain = benchmark_.function(*arguments)
    # Of single precision eight digits less: the order of sums is each engine's own.
    rounding = 1e-5 if np.asarray(plain).dtype == np.float32 else 1e-10
    assert found[0] == pytest.approx(plain, rel=rounding)
    for have, want in zip(parts(found[1]), parts(expected[1]), strict=True):
        scale = max(np.abs(want).max(), 1.0)
        np.testing.assert_allclose(have, want, rtol=100 * rounding, atol=rounding * scale)


def parts(found):
    return found if isinstance(found, tuple) else (found,)
