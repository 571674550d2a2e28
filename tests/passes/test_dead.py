"""Of operations with several results, what computes the one that is used alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.differentiate import vjp
from autodiff.engines import numpy as reference
from autodiff.engines.native.compile import compile_program
from autodiff.ops import scipy_linalg  # noqa: F401  registers its operations
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.passes import eliminate_dead_code, optimize
from tests.engines.native.programs import traced


def _of_scipy(a: Any) -> Any:
    if not isinstance(a, Tracer):
        return scipy.linalg.eigvalsh(a)
    return emit_tracer("symmetric_eigen", a)[0]


def _of_pairs(a: Any) -> Any:
    if not isinstance(a, Tracer):
        w = np.linalg.eigvals(a)
        return np.stack([w.real, w.imag], axis=-1)
    return emit_tracer("real_eig", a)[0]


ALONE: dict[str, tuple[Callable[..., Any], str]] = {
    "eigvalsh": (np.linalg.eigvalsh, "eigenvalues"),
    "upper": (lambda a: np.linalg.eigvalsh(a, "U"), "eigenvalues"),
    "svdvals": (lambda a: np.linalg.svd(a, compute_uv=False), "singular_values"),
    "thrown away": (lambda a: np.linalg.eigh(a)[0] * 2.0, "eigenvalues"),
    "of SciPy": (_of_scipy, "symmetric_eigenvalues"),
    "general": (_of_pairs, "real_eigenvalues"),
}


@pytest.mark.parametrize("name", ALONE)
def test_values_alone_are_computed_without_vectors(name: str, rng: np.random.Generator) -> None:
    f, kind = ALONE[name]
    a = rng.standard_normal((6, 6))
    whole = traced(f, a)
    program = optimize(whole)
    assert kind in [operation.kind for operation in program.block.operations]
    for run in (compile_program(program), reference.compile_program(program)):
        np.testing.assert_allclose(run([a])[0], f(a), 1e-14)
    # The program that it was made of is as before, and its derivative has the vectors.
    decompositions = ("eigh", "svd", "symmetric_eigen", "real_eig")
    (first,) = [op for op in whole.block.operations if op.kind in decompositions]
    assert all(value.owner is first for value in first.results)
    kinds = [operation.kind for operation in optimize(vjp(whole, (0,))).block.operations]
    assert first.kind in kinds and kind not in kinds


def test_values_alone_in_a_loop_that_also_needs_vectors() -> None:
    def spectra(a, n):
        total = 0.0
        for k in range(n):
            w, v = np.linalg.eigh(a + k * np.eye(5))
            total += np.linalg.eigvalsh(a * (k + 1.0))[k] * w[0] + abs(v[0, k])
        return total

    a = np.random.default_rng(3).standard_normal((5, 5))
    for engine in ("native", "numpy"):
        f = autodiff.function(spectra, engine=engine)
        np.testing.assert_allclose(f(a, 4), spectra(a, 4), 1e-13)
        autodiff.check_gradient(lambda a: spectra(a + a.T, 4), a, engine=engine)


def test_a_program_of_which_all_is_needed_is_itself() -> None:
    needed = traced(lambda x: np.sum(np.sin(x) * x), np.ones(3))
    assert eliminate_dead_code(needed) is needed
    dropping = traced(lambda x: (np.cos(x), np.sin(x))[1], np.ones(3))
    left = eliminate_dead_code(dropping)
    assert [op.kind for op in left.block.operations] == ["sin"]
    assert [op.kind for op in dropping.block.operations] == ["cos", "sin"]
