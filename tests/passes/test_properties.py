"""Every pass keeps the answer, on every program: the corpus, its gradients, hand-built control flow.

The verifier accepts what a pass gives; the program it was given is as it was; a second run finds
nothing more to do.
"""

import functools
from typing import Any

import numpy as np
import pytest

from autodiff.differentiate import vjp
from autodiff.ir import Program, verify
from autodiff.ops.entries import type_rule_of
from autodiff.passes import (
    eliminate_common_subexpressions,
    eliminate_dead_code,
    optimize,
    simplify,
)
from tests.capture.support import corpus, inputs_of, kinds, run
from tests.passes.programs import PROGRAMS, make

PASSES = (eliminate_dead_code, simplify, eliminate_common_subexpressions, optimize)
EXACT = (eliminate_dead_code, eliminate_common_subexpressions)  # do the same arithmetic

THEMES = sorted({name.split(".")[0] for name in corpus()})
over_passes = pytest.mark.parametrize("run_pass", PASSES, ids=lambda f: f.__name__)


@functools.cache
def reference(name: str) -> tuple[Program, list[Any], list[np.ndarray]]:
    """A program, inputs, and its answer before any pass."""
    if name in PROGRAMS:
        program, inputs = make(name)
    else:
        found = corpus()[name.removesuffix(" gradient")][1]
        program, inputs = found.program, inputs_of(found)
        if name.endswith(" gradient"):
            program, inputs = gradient(program, inputs)
    return program, inputs, run(program, inputs)


def gradient(program: Program, inputs: list[np.ndarray]) -> tuple[Program, list[np.ndarray]]:
    """The vjp program, with ones as cotangents."""
    wrt = [k for k, v in enumerate(program.inputs) if v.type.is_float]
    static = [k for k, v in enumerate(program.outputs) if v.type.is_float and v.type.is_static]
    program = vjp(program, wrt, static)
    cotangents = [np.ones(v.shape, v.dtype) for v in program.inputs[len(inputs) :]]
    return program, inputs + cotangents


def check(run_pass: Any, name: str) -> None:
    program, inputs, expected = reference(name)
    before = str(program)
    better = verify(run_pass(program), type_rule_of, run_pass.__name__)
    assert str(program) == before, "the pass changed the program that it was given"
    assert better.inputs == program.inputs
    results = run(better, inputs)
    rtol = 0.0 if run_pass in EXACT else 1e-11
    for result, wanted, value in zip(results, expected, program.outputs, strict=True):
        assert result.dtype == value.dtype
        assert result.shape == wanted.shape
        tolerance = 1e-5 if rtol and wanted.dtype == np.float32 else rtol
        atol = tolerance * np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)
        np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=atol)
    assert sum(kinds(run_pass(better)).values()) <= sum(kinds(better).values())


@over_passes
@pytest.mark.parametrize("name", PROGRAMS)
def test_passes_keep_the_answer_of_built_programs(run_pass: Any, name: str) -> None:
    check(run_pass, name)


def sample(theme: str, part: int) -> list[str]:
    """Every third program of a theme; `part` tells which third."""
    return [name for name in corpus() if name.startswith(theme + ".")][part::3]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("number", range(len(PASSES)), ids=[f.__name__ for f in PASSES])
def test_passes_keep_the_answer_of_the_corpus(number: int, theme: str) -> None:
    for name in sample(theme, number % 3):
        check(PASSES[number], name)


@pytest.mark.parametrize("theme", THEMES)
def test_passes_keep_gradients(theme: str) -> None:
    for name in sample(theme, 1):
        if corpus()[name][0].differentiable:
            check(optimize, f"{name} gradient")


@pytest.mark.parametrize("run_pass", EXACT, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_second_run_changes_nothing(run_pass: Any, name: str) -> None:
    once = run_pass(make(name)[0])
    assert str(run_pass(once)) == str(once)


def test_the_pipeline_shrinks_the_corpus_gradients() -> None:
    """Not a promise about one program: over all of them, most of what reverse mode writes is idle."""
    before = after = 0
    for name in list(corpus())[::8]:
        if corpus()[name][0].differentiable:
            program = reference(f"{name} gradient")[0]
            before += sum(kinds(program).values())
            after += sum(kinds(optimize(program)).values())
    assert after < 0.8 * before
