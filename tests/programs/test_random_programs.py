"""Random programs: plain Python and compiled code agree in value, mutated arguments, derivative.

The programs come from `random_programs`, `random_arrays`, `random_mixed` and `random_objects`.  A fixed few run by default;
``-m slow`` draws many more through hypothesis, which also shrinks what fails.  Derivatives are compared
along random directions, where the numerical one is trustworthy (no kink within its steps).
"""

from __future__ import annotations

import copy
import itertools
import operator
import random
import warnings
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import autodiff

from . import random_arrays, random_mixed, random_objects, random_programs
from .reference import Point, derivative, flatten
from .registry import Call, leaves
from .writing import Program

ENGINES = ("numpy", "native")
FIXED = {"vectors": 10, "arrays": 10, "mixed": 3, "objects": 3}  # programs in the default run
GENERATORS = {
    "vectors": random_programs.generate,
    "arrays": random_arrays.generate,
    "mixed": random_mixed.generate,
    "objects": random_objects.generate,
}
STATEMENTS = {"vectors": 6, "arrays": 4, "mixed": 2, "objects": 4}
over_generators = pytest.mark.parametrize("generator", GENERATORS)


def tame(program: Program) -> bool:
    """Whether plain Python computes moderate numbers, without a warning, for the first variant.

    The others may raise, as long as they do not warn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for variant in sorted({*program.variants, *program.aliased}):
            try:
                if not abs(program.loss()(*program.arguments(variant).args)) < 1e4:
                    return False
            except Warning:
                return False
            except Exception:
                if variant == program.variants[0]:
                    return False
    return True


def fixed_program(seed: int, generator: str = "vectors") -> Program:
    """The first tame program of a seed."""
    choose = random.Random(seed)
    while True:
        program: Program = GENERATORS[generator](choose, STATEMENTS[generator])
        if tame(program):
            return program


def check(program: Program, engine: str) -> None:
    """Compare one program, compiled once, with plain Python at all variants."""
    function = autodiff.function(program.function, engine=engine)
    gradient = autodiff.gradient(program.loss(), wrt=program.floats, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # running uncompiled is allowed here, being wrong is not
        for variant in program.aliased:
            compare_values(program, function, variant)
        for variant in program.variants:
            if compare_values(program, function, variant):
                compare_derivatives(program, gradient, program.arguments(variant), variant)


def compare_values(program: Program, function: Any, variant: int) -> bool:
    """Equal results, and equal arguments afterwards; False where both raise the same."""
    plain, arguments = program.arguments(variant), program.arguments(variant)
    expected, error = attempt(program.function, plain)
    result, ours = attempt(function, arguments)
    assert (type(error), str(error)) == (type(ours), str(ours)), program
    compare_structure((result, arguments.args), (expected, plain.args), program)
    for a, b in zip(leaves((result, arguments.args)), leaves((expected, plain.args)), strict=True):
        compare_leaves(a, b, program)
    if program.shares and error is None:
        compare_sharing((result, arguments.args), (expected, plain.args), program)
    return error is None


def compare_structure(ours: Any, theirs: Any, program: Program) -> None:
    """Containers of the same types, lengths and keys."""
    containers = (tuple, list, dict)
    if isinstance(ours, containers) or isinstance(theirs, containers):
        assert type(ours) is type(theirs), program
        assert len(ours) == len(theirs), program
        if isinstance(ours, dict):
            assert list(ours) == list(theirs), program
            ours, theirs = ours.values(), theirs.values()
        for one, other in zip(ours, theirs, strict=True):
            compare_structure(one, other, program)


def compare_sharing(ours: Any, theirs: Any, program: Program) -> None:
    """What shares memory, and what is one list or dict, does so in plain Python, too.

    The converse does not hold: the result is a copy where a branch or loop chose the array.
    """
    for find, is_one in ((arrays_in, np.shares_memory), (containers_in, operator.is_)):
        found, expected = list(find(ours)), list(find(theirs))
        for i, k in itertools.combinations(range(len(found)), 2):
            if is_one(found[i], found[k]):
                assert is_one(expected[i], expected[k]), f"{program}{find.__name__}: {i} and {k}"


def arrays_in(found: Any) -> Iterator[Any]:
    """The arrays in nested containers."""
    return (leaf for leaf in leaves(found) if isinstance(leaf, np.ndarray))


def containers_in(found: Any) -> Iterator[Any]:
    """The lists and dicts in nested containers."""
    if isinstance(found, (list, dict)):
        yield found
    if isinstance(found, (tuple, list, dict)):
        for item in found.values() if isinstance(found, dict) else found:
            yield from containers_in(item)


def attempt(function: Any, arguments: Call) -> tuple[Any, Exception | None]:
    """The result, or the exception."""
    try:
        return function(*arguments.args), None
    except Exception as error:
        return None, error


def compare_leaves(ours: Any, theirs: Any, program: Program) -> None:
    """Equal arrays of equal dtypes; equal numbers."""
    # Where one path gives a float and another an np.float64, which is a float too, both give that;
    # where one gives an int and another a float, both give a float.
    assert isinstance(ours, np.ndarray) == isinstance(theirs, np.ndarray), program
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype, program
    else:
        assert np.result_type(type(ours), type(theirs)) == np.result_type(type(ours)), program
    rtol, atol = (1e-4, 1e-5) if program.has_single else (1e-9, 1e-10)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=program.source)


def compare_derivatives(program: Program, gradient: Any, arguments: Call, variant: int) -> None:
    """Equal derivatives along two random directions; the arguments stay as they were."""
    twin = program.twin()
    before = copy.deepcopy(arguments)
    slopes = flatten(list(gradient(*arguments.args)))
    assert all(map(np.array_equal, leaves(arguments.args), leaves(before.args))), program
    double = Call(tuple(in_double(a) for a in arguments.args))
    point = Point(twin, double, program.floats)
    origin = point.position()
    for direction in np.random.default_rng(variant).uniform(-1, 1, (2, origin.size)):
        value, error = derivative(lambda t: point.value(origin + t * direction), 1e-3)  # noqa: B023
        if error <= 1e-6 * max(1.0, abs(value)):
            expected = float(value)
            np.testing.assert_allclose(
                slopes @ direction,
                expected,
                rtol=1e-4 if program.has_single else 1e-6,
                atol=(1e-4 if program.has_single else 1e-8) + 50 * float(error),
                err_msg=program.source,
            )


def in_double(argument: Any) -> Any:
    """Arrays of float32 as arrays of float64."""
    single = isinstance(argument, np.ndarray) and argument.dtype == np.float32
    return argument.astype(np.float64) if single else argument


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("generator", "seed"), [(name, k) for name, count in FIXED.items() for k in range(count)]
)
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
    statements, depth = {"vectors": (5, 3), "arrays": (5, 2), "mixed": (3, 2), "objects": (5, 2)}[
        generator
    ]
    program: Program = GENERATORS[generator](choose, statements, depth)
    hypothesis.assume(tame(program))
    check(program, engine)


def check_second_order(program: Program, engine: str) -> None:
    """jvp and gradient agree; a Hessian-vector product is the derivative of the gradient."""
    f, wrt = program.loss(), program.floats
    gradient = autodiff.gradient(f, wrt=wrt, engine=engine)
    product = autodiff.hessian_vector(f, wrt=wrt, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for variant in program.variants[:3]:
            arguments = program.arguments(variant)
            point = Point(f, arguments, wrt)
            origin = point.position()
            direction = np.random.default_rng(variant).uniform(-1, 1, origin.size)
            moved = Point(f, point.moved(direction), wrt).bound()
            vectors = tuple(moved[name] for name in wrt)
            slopes = flatten(list(gradient(*arguments.args)))
            _, along = autodiff.jvp(f, arguments.args, vectors, wrt=wrt, engine=engine)
            np.testing.assert_allclose(
                along, slopes @ direction, rtol=1e-8, atol=1e-8, err_msg=program.source
            )

            def moved_gradient(
                t: float, point: Point = point, origin: Any = origin, direction: Any = direction
            ) -> Any:
                return flatten(list(gradient(*point.moved(origin + t * direction).args)))

            value, error = derivative(moved_gradient, 1e-3)
            if np.max(error) <= 1e-5 * max(1.0, np.max(np.abs(value))):
                found = flatten(list(product(*arguments.args, _tensors=vectors)))
                np.testing.assert_allclose(
                    found, value, rtol=1e-5, atol=1e-6 + 50 * np.max(error), err_msg=program.source
                )


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("generator", ["vectors", "arrays"])  # in double precision
def test_second_derivatives_of_random_programs(generator: str, seed: int, engine: str) -> None:
    check_second_order(fixed_program(seed, generator), engine)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("generator", ["vectors", "arrays"])
def test_generated_programs_are_tame_and_reproducible(generator: str, seed: int) -> None:
    program = fixed_program(seed, generator)
    assert program.source == fixed_program(seed, generator).source
    first, second = program.arguments(1), program.arguments(1)
    assert program.loss()(*first.args) == program.loss()(*second.args)


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


@pytest.mark.slow  # written one by one, they take long
def test_generated_mixed_programs_use_every_construct() -> None:
    text = "".join(random_mixed.generate(random.Random(seed), 6).source for seed in range(50))
    for construct in [
        *("nonlocal ", "while True", "break", "continue", "else:", "elif ", "return total + "),
        *("enumerate(", "zip(", ".append(", "np.stack(", "for e in", "default="),
        *("dtype=F", ".astype(F)", "np.int32", "astype(int)", "** abs(", "//= 2", "^= "),
        *("np.add.at", "np.maximum.at", "where=", "keepdims=True", "initial=", "np.bincount("),
        *("[::2][1:]", ".reshape(m, n)", "[::m + 1]", "locate(", "halve(", "both(", "by="),
        *("['u'] = ", "['s'] ", " if flag else ", "np.argmin(", "max(0, ", "put_along_axis"),
    ]:
        assert construct in text, construct


def test_generated_object_programs_use_every_construct() -> None:
    text = "".join(random_objects.generate(random.Random(seed)).source for seed in range(150))
    for construct in [
        *("while True", "break", "continue", "else:", "elif ", "return total + ", " if flag else "),
        *("State(", "Cell(", ".push(", ".damp(", ".take(", ".note(", ".exchange(", ".settle("),
        *(
            "poke(",
            "touch(",
            "fill(",
            "rotate(",
            "extend(",
            "['u'] = ",
            "['s'] += ",
            ".log.append(",
        ),
        *(".append([", ".append((", ".append(list(", "[1][1] = ", ".pop()", ".insert(0, ", " is "),
        *("['v'] = ", "['c'] = ", "enumerate(", "zip(", "iter([", "next(", ".update(s=", "[::-1]"),
    ]:
        assert construct in text, construct


@over_generators
def test_derivatives_of_generated_programs_can_be_trusted(generator: str) -> None:
    trusted = total = 0
    for seed in range(10 if generator in ("mixed", "objects") else 40):
        program = fixed_program(seed, generator)
        double = Call(tuple(in_double(a) for a in program.arguments(0).args))
        point = Point(program.twin(), double, program.floats)
        origin = point.position()
        direction = np.random.default_rng(seed).uniform(-1, 1, origin.size)
        value, error = derivative(lambda t: point.value(origin + t * direction), 1e-3)  # noqa: B023
        trusted += bool(error <= 1e-6 * max(1.0, abs(value)))
        total += 1
    assert trusted >= 0.9 * total
