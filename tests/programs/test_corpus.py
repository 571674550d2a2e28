"""Every corpus program through `autodiff`, on every engine: what NumPy gives is right.

For each program one compiled object serves all its inputs, and the first once more at the end, so
that a locked branch, a frozen trip count or a stale size shows.  Compared are the value with its
types, shapes and dtypes, the arguments as the call left them, what was printed, the exceptions, the
gradient with the numerical one, and the Hessian times a vector with differences of gradients.

A program may run uncompiled only where `registry` says so: the warning that announces it fails the
test, after the values have been compared.

`GAPS` names the programs that are not yet right, each with its cause.  An entry is a defect: delete
it with the repair.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff

from . import reference
from .reference import Estimate, Point, derivative, scalar_call, scalar_function
from .registry import Call, Program, is_float, leaves, load, replace_leaves

ENGINES = ("numpy", "native", *(("jax",) if os.environ.get("AUTODIFF_TEST_JAX") == "1" else ()))
PROGRAMS = load()
# One in so many is run by default, others on each engine; the rest is slow.
GRADIENTS, PRODUCTS = 2, 6

GAPS: dict[str, str] = {}


def over(programs: list[Program], one_in: int = 1) -> pytest.MarkDecorator:
    """Parametrise a test over programs and engines, with the marks of `GAPS`."""
    cases = []
    for number, program in enumerate(programs):
        for turn, engine in enumerate(ENGINES):
            marks = []
            if program.name in GAPS:  # not strict: a gap may be in one engine or one derivative
                marks.append(pytest.mark.xfail(reason=GAPS[program.name], strict=False))
            if (number + turn) % one_in:
                marks.append(pytest.mark.slow)
            cases.append(pytest.param(program, engine, marks=marks, id=f"{program}-{engine}"))
    return pytest.mark.parametrize(("program", "engine"), cases)


# --- comparing ----------------------------------------------------------------------------------


def assert_same(result: Any, expected: Any, where: str) -> None:
    """Equal structure, types, shapes and dtypes; values equal up to the order of summation."""
    assert type(result) is type(expected), f"{where}: {type(result)} for {type(expected)}"
    if isinstance(expected, dict):
        assert list(result) == list(expected), where
        for key in expected:
            assert_same(result[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        assert len(result) == len(expected), where
        for k, (one, other) in enumerate(zip(result, expected, strict=True)):
            assert_same(one, other, f"{where}[{k}]")
    elif hasattr(expected, "__dataclass_fields__"):
        for name in expected.__dataclass_fields__:
            assert_same(getattr(result, name), getattr(expected, name), f"{where}.{name}")
    elif is_float(expected):
        assert np.shape(result) == np.shape(expected), where
        assert np.result_type(result) == np.result_type(expected), where
        rtol = 1e-10 if np.result_type(expected) == np.float64 else 1e-5
        scale = np.max(np.abs(expected), initial=0.0)
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol * scale, err_msg=where)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert result.dtype == expected.dtype, where
        np.testing.assert_array_equal(result, expected, err_msg=where)
    else:
        assert result == expected, where


def assert_close(result: Any, oracle: Estimate, where: str) -> None:
    """Agreement with a numerical derivative, as far as that one can be trusted."""
    scale = np.max(np.abs(oracle.value), initial=0.0)
    assert np.all(oracle.error <= 1e-6 * scale + 1e-10), f"{where}: the reference is too coarse"
    atol = 50 * np.max(oracle.error, initial=0.0) + 1e-9 * scale + 1e-12
    np.testing.assert_allclose(result, oracle.value, rtol=1e-8, atol=atol, err_msg=where)


@contextlib.contextmanager
def compiled(program: Program) -> Iterator[None]:
    """Collect warnings; at the end fail on the first, as when it says the program ran uncompiled."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Those of NumPy are the program's own, at points that differences are taken from.
        warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)
        if program.may_run_uncompiled:
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
        yield
    messages = [str(w.message) for w in caught]
    assert not messages, f"{program}: {messages[0]}"


def invoke(function: Callable[..., Any], arguments: Call) -> tuple[Any, str]:
    """Call; return the result and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = function(*arguments.args, **arguments.kwargs)
    return result, printed.getvalue()


# --- derivatives as flat vectors ---------------------------------------------------------------


def wrt_of(program: Program) -> str | tuple[str, ...] | None:
    """What to pass as ``wrt``: nothing where every parameter is differentiated and all are given."""
    parameters = inspect.signature(program.function).parameters
    active = program.active
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    if variadic or (list(parameters) == list(active) and not reference.needs_weights(program)):
        return None
    return active[0] if len(active) == 1 else active


def point_of(program: Program, number: int) -> Point:
    """The scalar function of a program at one of its inputs."""
    return Point(scalar_function(program), scalar_call(program, number), program.active)


@functools.cache
def oracle(program_name: str, number: int) -> Estimate:
    """The numerical gradient; computed once for all engines."""
    program = next(p for p in PROGRAMS if p.name == program_name)
    with contextlib.redirect_stdout(io.StringIO()):
        return reference.gradient(point_of(program, number), program.step)


def flat_gradient(result: Any, point: Point, where: str) -> np.ndarray[Any, Any]:
    """The gradient's leaves that belong to floating-point leaves of the arguments, as one vector."""
    bound = point.bound()
    arguments = list(leaves([bound[name] for name in point.active]))
    found = list(leaves(result))
    assert len(found) == len(arguments), f"{where}: {len(found)} gradients, {len(arguments)} leaves"
    parts = [np.zeros(0)]
    for gradient, argument in zip(found, arguments, strict=True):
        assert np.shape(gradient) == np.shape(argument), where
        if is_float(argument):
            parts.append(np.ravel(gradient))
    return np.concatenate(parts)


# --- the tests ------------------------------------------------------------------------------------


@over(list(PROGRAMS))
def test_function_gives_what_numpy_gives(program: Program, engine: str) -> None:
    function = autodiff.function(program.function, engine=engine)
    with compiled(program):
        for number in [*program.calls, 0]:
            plain, ours = program.arguments(number), program.arguments(number)
            expected, printed = invoke(program.function, plain)
            result, ours_printed = invoke(function, ours)
            where = f"{program} at input {number}"
            assert_same(result, expected, where)
            assert_same(program.bind(ours), program.bind(plain), f"{where}, arguments afterwards")
            assert ours_printed == printed, where
        for failure in program.failures:
            with pytest.raises(failure.exception) as caught:
                function(*copy.deepcopy(failure.call.args), **failure.call.kwargs)
            assert failure.message in str(caught.value)


@over([program for program in PROGRAMS if program.differentiable], one_in=GRADIENTS)
def test_gradient_agrees_with_differences(program: Program, engine: str) -> None:
    gradient = autodiff.gradient(scalar_function(program), wrt=wrt_of(program), engine=engine)
    with compiled(program):
        for number in [*program.calls, 0]:
            where = f"{program} at input {number}"
            point = point_of(program, number)
            before = copy.deepcopy(point.bound())
            result, _ = invoke(gradient, point.arguments)
            assert_close(flat_gradient(result, point, where), oracle(program.name, number), where)
            assert_same(dict(point.bound()), dict(before), f"{where}, arguments afterwards")


@over([program for program in PROGRAMS if program.smooth], one_in=PRODUCTS)
def test_hessian_vector_agrees_with_differences_of_gradients(program: Program, engine: str) -> None:
    wrt = wrt_of(program)
    function = scalar_function(program)
    gradient = autodiff.gradient(function, wrt=wrt, engine=engine)
    product = autodiff.hessian_vector(function, wrt=wrt, engine=engine)
    random = np.random.default_rng(99)
    with compiled(program):
        for number in program.calls:
            where = f"{program} at input {number}"
            point = point_of(program, number)
            origin = point.position()
            direction = random.uniform(0.5, 1.0, origin.size)

            def moved(
                t: float, point: Point = point, origin: Any = origin, direction: Any = direction
            ) -> Any:
                result, _ = invoke(gradient, point.moved(origin + t * direction))
                return flat_gradient(result, point, "moved")

            expected = Estimate(*derivative(moved, program.step))
            arguments = point.arguments
            tensors = tensors_like(point, direction)
            result, _ = invoke(
                product, Call(arguments.args, {**arguments.kwargs, "_tensors": tensors})
            )
            assert_close(flat_gradient(result, point, where), expected, where)


def tensors_like(point: Point, direction: np.ndarray[Any, Any]) -> Any:
    """The direction in the structure of the differentiated arguments."""
    bound = point.bound()
    values = [bound[name] for name in point.active]
    if any(
        p.kind is p.VAR_POSITIONAL for p in inspect.signature(point.function).parameters.values()
    ):
        values = list(values[0])
    offset = 0

    def pieces() -> Iterator[Any]:
        nonlocal offset
        for leaf in leaves(values):
            if not is_float(leaf):
                yield np.zeros_like(leaf)
                continue
            size = int(np.size(leaf))
            piece = direction[offset : offset + size].reshape(np.shape(leaf))
            yield piece if np.ndim(leaf) or isinstance(leaf, np.ndarray) else float(piece)
            offset += size

    tensors = replace_leaves(values, pieces())
    return tensors[0] if len(tensors) == 1 else tuple(tensors)
