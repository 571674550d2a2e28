"""The corpus is valid: every program, run plainly, is what the comparisons assume it to be.

Nothing here uses `autodiff`.  A program is finite and deterministic, changes only the arguments it
says it changes, runs every one of its lines over its inputs, and has a numerical gradient that is
the same from two first steps.
"""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
import pytest

from .reference import (
    Point,
    derivative,
    gradient,
    run,
    scalar_call,
    scalar_function,
    unreached_lines,
)
from .registry import FEATURES, Program, has_float, is_float, leaves, load

PROGRAMS = load()
DIFFERENTIABLE = [program for program in PROGRAMS if program.differentiable]


def same(left: object, right: object) -> bool:
    """Whether two nests hold bitwise equal leaves of equal types."""
    one, other = list(leaves(left)), list(leaves(right))
    return len(one) == len(other) and all(
        type(a) is type(b) and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def test_corpus_has_the_size_it_claims() -> None:
    straight = [p for p in PROGRAMS if "straight" in p.features]
    assert len(straight) >= 80
    assert len(PROGRAMS) - len(straight) >= 240
    assert {word for p in PROGRAMS for word in p.features} == FEATURES


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_program_is_finite_and_deterministic(program: Program) -> None:
    assert len(program.inputs) >= 2
    for number in program.calls:
        with contextlib.redirect_stdout(io.StringIO()):
            first = run(program, program.arguments(number))
            second = run(program, program.arguments(number))
        assert same(first, second)
        assert all(np.all(np.isfinite(leaf)) for leaf in leaves(first) if is_float(leaf))


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_program_changes_only_the_arguments_it_declares(program: Program) -> None:
    changed = set()
    for number in program.calls:
        arguments = program.arguments(number)
        before = copy.deepcopy(program.bind(arguments))
        with contextlib.redirect_stdout(io.StringIO()):
            program.function(*arguments.args, **arguments.kwargs)
        after = program.bind(arguments)
        changed |= {name for name in before if not same(before[name], after[name])}
    assert changed == set(program.mutates)


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_inputs_reach_every_line(program: Program) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert unreached_lines(program) == []


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.failures], ids=repr)
def test_program_fails_as_declared(program: Program) -> None:
    for failure in program.failures:
        with pytest.raises(failure.exception) as caught:
            program.function(*copy.deepcopy(failure.call.args), **failure.call.kwargs)
        assert failure.message in str(caught.value)


@pytest.mark.slow  # `test_corpus` refuses a numerical gradient whose own estimate is too coarse
@pytest.mark.parametrize("program", DIFFERENTIABLE, ids=repr)
def test_numerical_gradient_is_the_same_from_two_steps(program: Program) -> None:
    function = scalar_function(program)
    with contextlib.redirect_stdout(io.StringIO()):
        for number in program.calls:
            arguments = scalar_call(program, number)
            active = program.active
            point = Point(function, arguments, active)
            assert has_float([point.bound()[name] for name in active])
            one = gradient(point, program.step)
            two = gradient(point, 0.37 * (program.step or 1e-2))
            scale = np.max(np.abs(one.value), initial=0.0)
            assert np.all(one.error <= 1e-6 * scale + 1e-11), (number, one)
            np.testing.assert_allclose(one.value, two.value, rtol=1e-6, atol=1e-7 * scale + 1e-11)


def test_derivative_is_exact_to_its_estimate_near_a_branch() -> None:
    # The kink at 0.001 lies inside the first steps: the estimate must make them smaller.
    value, error = derivative(lambda t: np.sin(t) if t < 0.001 else 5.0 + t * t)
    assert abs(value - 1.0) <= max(10 * error, 1e-9)
    assert error < 1e-6


def test_derivative_says_that_a_jump_has_none() -> None:
    _, error = derivative(lambda t: float(t > 0))
    assert error > 1.0
