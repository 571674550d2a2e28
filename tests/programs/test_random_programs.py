"""Random programs: plain Python and compiled code agree in value, mutated arguments, derivative.

The programs come from `random_programs` and `random_arrays`.  A fixed few run by default; ``-m slow`` draws many more
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

from . import random_arrays, random_programs
from .random_arrays import RandomProgram as ArrayProgram
from .random_programs import RandomProgram as VectorProgram
from .reference import Point, derivative, flatten
from .registry import Call

ENGINES = ("numpy", "native")
FIXED = 12  # programs in the default run
RandomProgram = VectorProgram | ArrayProgram
GENERATORS = {"vectors": random_programs.generate, "arrays": random_arrays.generate}
over_generators = pytest.mark.parametrize("generator", GENERATORS)


def tame(program: RandomProgram) -> bool:
    """Whether plain Python computes moderate numbers, without a warning, for every variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            for variant in {*program.variants, *program.aliased}:
                arguments = program.arguments(variant)
                if not abs(program.function(*arguments.args)) < 1e4:
                    return False
        except (RuntimeWarning, UnboundLocalError):  # an inner function may make a name local
            return False
    return True


def fixed_program(seed: int, generator: str = "vectors") -> RandomProgram:
    """The first tame program of a seed."""
    choose = random.Random(seed)
    while True:
        program = GENERATORS[generator](choose, 6 if generator == "vectors" else 4)
        if tame(program):
            return program


def check(program: RandomProgram, engine: str) -> None:
    """Compare one program, compiled once, with plain Python at all variants."""
    function = autodiff.function(program.function, engine=engine)
    gradient = autodiff.gradient(program.function, wrt=program.floats, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # running uncompiled is allowed here, being wrong is not
        for variant in program.aliased:
            compare_values(program, function, variant)
        for variant in program.variants:
            compare_values(program, function, variant)
            compare_derivatives(program, gradient, program.arguments(variant), variant)


def compare_values(program: RandomProgram, function: Any, variant: int) -> None:
    """Equal results, and equal arguments afterwards."""
    plain, arguments = program.arguments(variant), program.arguments(variant)
    expected = program.function(*plain.args)
    result = function(*arguments.args)
    # Where one path gives a float and another an np.float64, which is a float too, both give that.
    assert isinstance(result, type(expected)), program
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-10, err_msg=program.source)
    for ours, theirs in zip(arguments.args, plain.args, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10, err_msg=program.source)


def compare_derivatives(
    program: RandomProgram, gradient: Any, arguments: Call, variant: int
) -> None:
    """Equal derivatives along two random directions; the arguments stay as they were."""
    point = Point(program.function, arguments, program.floats)
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
@over_generators
def test_random_program_agrees_with_plain_python(generator: str, seed: int, engine: str) -> None:
    check(fixed_program(seed, generator), engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@over_generators
@hypothesis.settings(max_examples=150, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(choose=st.randoms(use_true_random=False))
def test_many_random_programs_agree_with_plain_python(
    choose: random.Random, engine: str, generator: str
) -> None:
    program = GENERATORS[generator](choose, 5, 3 if generator == "vectors" else 2)
    hypothesis.assume(tame(program))
    check(program, engine)


@pytest.mark.parametrize("seed", range(60))
@over_generators
def test_generated_programs_are_tame_and_reproducible(generator: str, seed: int) -> None:
    program = fixed_program(seed, generator)
    assert program.source == fixed_program(seed, generator).source
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


def test_generated_array_programs_use_every_construct() -> None:
    text = "".join(fixed_program(seed, "arrays").source for seed in range(120))
    for construct in [
        *("while True", "while ", "break", "continue", "else:", "elif ", "return total + "),
        *("    def g", ".append(", "for e in [", "zip(", "enumerate(", "in A.T:", "range(k"),
        *("np.add.at", "np.copyto", "out=", "where=", ".sort(", ".fill(", "fill_diagonal"),
        *(".ravel()[", ".reshape(-1)[", "[::-1, ::-1]", "np.argsort", "%= ", "= ~", "np.nonzero"),
    ]:
        assert construct in text, construct


@over_generators
def test_derivatives_of_generated_programs_can_be_trusted(generator: str) -> None:
    trusted = total = 0
    for seed in range(40):
        program = fixed_program(seed, generator)
        point = Point(program.function, program.arguments(0), program.floats)
        origin = point.position()
        direction = np.random.default_rng(seed).uniform(-1, 1, origin.size)
        value, error = derivative(lambda t: point.value(origin + t * direction), 1e-3)  # noqa: B023
        trusted += bool(error <= 1e-6 * max(1.0, abs(value)))
        total += 1
    assert trusted >= 0.9 * total
