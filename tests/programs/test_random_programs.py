"""Random programs: plain Python and compiled code agree in value, mutated arguments, derivative.

The programs come from `random_programs`.  A fixed few run by default; ``-m slow`` draws many more
through hypothesis, which also shrinks what fails.  Derivatives are compared along random directions,
where the numerical one is trustworthy (no kink within its steps).
"""

from __future__ import annotations

import copy
import random
import warnings
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import autodiff

from .random_programs import RandomProgram, generate
from .reference import Point, derivative, flatten
from .registry import Call

ENGINES = ("numpy", "native")
FIXED = 12  # programs in the default run
FLOATS = ("x", "y", "M", "a", "b")
VARIANTS = (0, 1, 2, 0)  # the first again at the end: nothing may be locked in


def tame(program: RandomProgram) -> bool:
    """Whether plain Python computes moderate numbers, without a warning, for every variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            for variant in VARIANTS:
                arguments = program.arguments(variant)
                if not abs(program.function(*arguments.args)) < 1e4:
                    return False
        except RuntimeWarning:
            return False
    return True


def fixed_program(seed: int) -> RandomProgram:
    """The first tame program of a seed."""
    choose = random.Random(seed)
    while True:
        program = generate(choose)
        if tame(program):
            return program


def check(program: RandomProgram, engine: str) -> None:
    """Compare one program, compiled once, with plain Python at all variants."""
    function = autodiff.function(program.function, engine=engine)
    gradient = autodiff.gradient(program.function, wrt=FLOATS, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # running uncompiled is allowed here, being wrong is not
        for variant in VARIANTS:
            compare_values(program, function, program.arguments(variant))
            compare_derivatives(program, gradient, program.arguments(variant), variant)


def compare_values(program: RandomProgram, function: Any, arguments: Call) -> None:
    """Equal results, and equal arguments afterwards."""
    plain = copy.deepcopy(arguments)
    expected = program.function(*plain.args)
    result = function(*arguments.args)
    assert type(result) is type(expected), program
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-10, err_msg=program.source)
    for ours, theirs in zip(arguments.args, plain.args, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10, err_msg=program.source)


def compare_derivatives(
    program: RandomProgram, gradient: Any, arguments: Call, variant: int
) -> None:
    """Equal derivatives along two random directions; the arguments stay as they were."""
    point = Point(program.function, arguments, FLOATS)
    before = copy.deepcopy(arguments)
    slopes = flatten(list(gradient(*arguments.args)))
    assert all(map(np.array_equal, arguments.args, before.args)), program
    origin = point.position()
    for direction in np.random.default_rng(variant).uniform(-1, 1, (2, origin.size)):
        value, error = derivative(lambda t: point.value(origin + t * direction), 1e-3)  # noqa: B023
        if error <= 1e-6 * max(1.0, abs(value)):
            expected = float(value)
            np.testing.assert_allclose(
                slopes @ direction,
                expected,
                rtol=1e-6,
                atol=1e-8 + 50 * float(error),
                err_msg=program.source,
            )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(FIXED))
def test_random_program_agrees_with_plain_python(seed: int, engine: str) -> None:
    check(fixed_program(seed), engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.settings(max_examples=150, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(choose=st.randoms(use_true_random=False))
def test_many_random_programs_agree_with_plain_python(choose: random.Random, engine: str) -> None:
    program = generate(choose, statements=5, depth=3)
    hypothesis.assume(tame(program))
    check(program, engine)


@pytest.mark.parametrize("seed", range(60))
def test_generated_programs_are_tame_and_reproducible(seed: int) -> None:
    program = fixed_program(seed)
    assert program.source == fixed_program(seed).source
    first, second = program.arguments(1), program.arguments(1)
    assert program.function(*first.args) == program.function(*second.args)


def test_generated_programs_use_every_construct() -> None:
    text = "".join(fixed_program(seed).source for seed in range(60))
    for construct in [
        "while ",
        "elif ",
        "else:",
        "break",
        "continue",
        "zip(",
        "reversed(",
        "enumerate",
    ]:
        assert construct in text
    for construct in [
        "[::-1]",
        "squash(",
        "smooth(",
        "np.add.at",
        "where=",
        " and ",
        "M.T[",
        "ravel",
    ]:
        assert construct in text


def test_derivatives_of_generated_programs_can_be_trusted() -> None:
    trusted = total = 0
    for seed in range(40):
        program = fixed_program(seed)
        point = Point(program.function, program.arguments(0), FLOATS)
        origin = point.position()
        direction = np.random.default_rng(seed).uniform(-1, 1, origin.size)
        value, error = derivative(lambda t: point.value(origin + t * direction), 1e-3)  # noqa: B023
        trusted += bool(error <= 1e-6 * max(1.0, abs(value)))
        total += 1
    assert trusted >= 0.9 * total
