"""Building programs from plain functions for the tests of this folder, and running them."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.engines.native.compile import compile_program as native_engine
from autodiff.engines.numpy import compile_program as numpy_engine
from autodiff.ir import ArrayType, Program, verify
from autodiff.ops.builder import building
from autodiff.ops.entries import type_rule_of
from autodiff.ops.layout import set_layout
from autodiff.ops.tracer import Tracer, as_tracer

# An engine is one more line here: name -> compile_program.
ENGINES: dict[str, Callable[[Program], Callable[[Sequence[Any]], list[Any]]]] = {
    "numpy": numpy_engine,
    "native": native_engine,
}
DERIVATIVE_ENGINES = ["numpy"]  # the derivatives are programs, which all engines run alike

# With AUTODIFF_TEST_JAX=1 (`make jax`) the tables have rows for the JAX engine, marked `jax`.
if os.environ.get("AUTODIFF_TEST_JAX") == "1":
    from autodiff.engines.jax.engine import compile_program as jax_engine

    ENGINES["jax"] = jax_engine
    DERIVATIVE_ENGINES.append("jax")


def is_refused_everywhere(f: Callable[..., Any], arguments: Callable[[], Sequence[Any]]) -> bool:
    """Whether a call is compiled by no engine: JAX, where nothing runs uncompiled, may refuse it too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            autodiff.function(f, engine="numpy", on_fallback="error")(*arguments())
        except autodiff.UnsupportedError:
            return True
        except Exception:
            return False
    return False


def parameter_of(builder: Any, x: Any, k: int) -> Tracer:
    """A program parameter in the place of a number, NumPy scalar or array."""
    array = np.asarray(x)
    weak = type(x) in (int, float)
    value = builder.parameter(ArrayType(array.dtype, array.shape, weak), f"x{k}")
    form = (
        "python"
        if type(x) in (int, float, bool)
        else "scalar"
        if isinstance(x, np.generic)
        else "array"
    )
    tracer = Tracer(value, form)
    set_layout(tracer, array)
    return tracer


def leaves(result: Any) -> list[Any]:
    """The arrays of a result: itself, or the items of a tuple or list."""
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result]


def trace_with_result(f: Callable[..., Any], *examples: Any) -> tuple[Program, Any]:
    """The program of ``f`` at arguments like ``examples``, and what ``f`` returned."""
    with building() as builder:
        result = f(*[parameter_of(builder, x, k) for k, x in enumerate(examples)])
        builder.block.outputs = [as_tracer(leaf).value for leaf in leaves(result)]
    program = Program(builder.block, getattr(f, "__name__", "f"))
    return verify(program, type_rule_of, "tracing"), result


def trace(f: Callable[..., Any], *examples: Any) -> Program:
    """The program of ``f`` at arguments like ``examples``."""
    return trace_with_result(f, *examples)[0]


def run(f: Callable[..., Any], *arguments: Any, engine: str = "numpy") -> Any:
    """``f`` of the arguments by way of a program and an engine, forms restored."""
    program, result = trace_with_result(f, *arguments)
    outputs = ENGINES[engine](program)([np.asarray(x) for x in arguments])
    shaped = [_in_form(o, leaf) for o, leaf in zip(outputs, leaves(result), strict=True)]
    if not isinstance(result, (tuple, list)):
        return shaped[0]
    return tuple(shaped)


def _in_form(output: Any, leaf: Any) -> Any:
    form = leaf.form if isinstance(leaf, Tracer) else as_tracer_form(leaf)
    array = np.asarray(output)
    if form == "array":
        return array
    return array[()] if form == "scalar" else array[()].item()


def as_tracer_form(x: Any) -> str:
    """The form of something that is not traced."""
    return (
        "array"
        if isinstance(x, np.ndarray)
        else "scalar"
        if isinstance(x, np.generic)
        else "python"
    )


# -- what every case must satisfy ---------------------------------------------------------------
def copies(arguments: Sequence[Any]) -> list[Any]:
    """Fresh copies of the arguments, layout kept: programs and plain functions may store into them."""
    return [x.copy(order="K") if isinstance(x, np.ndarray) else x for x in arguments]


def check_value(
    f: Callable[..., Any], *arguments: Any, engine: str = "numpy", rtol: float = 1e-12
) -> None:
    """``f`` through a program is what ``f`` is in NumPy: value, dtype, shape, and kind of scalar."""
    with np.errstate(all="ignore"):
        expected = f(*copies(arguments))
    found = run(f, *copies(arguments), engine=engine)
    wanted, got = leaves(expected), leaves(found)
    assert len(wanted) == len(got)
    for number, (want, have) in enumerate(zip(wanted, got, strict=True)):
        assert type(have) is type(want), f"result {number}: {have!r} is not a {type(want).__name__}"
        if isinstance(want, (np.ndarray, np.generic)):
            assert have.dtype == want.dtype, f"result {number}: {have.dtype}, not {want.dtype}"
            assert have.shape == want.shape, f"result {number}: {have.shape}, not {want.shape}"
        tolerance = rtol if np.asarray(want).dtype.itemsize >= 8 else max(rtol, 1e-5)
        if np.asarray(want).dtype == np.float16:
            tolerance = 2e-3
        np.testing.assert_allclose(
            have, want, rtol=tolerance, atol=tolerance, err_msg=f"result {number}"
        )


def _is_active(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


def _direction(rng: np.random.Generator, x: Any) -> Any:
    return rng.normal(size=np.shape(x))


def differences(f: Callable[[float], list[np.ndarray]], step: float = 1e-3) -> list[np.ndarray]:
    """The derivative at 0 by the central formula of order six (Fornberg, 1988)."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    pairs = [(w, f(k * step), f(-k * step)) for k, w in weights.items()]
    return [
        sum(w * (np.asarray(p[i], float) - np.asarray(m[i], float)) for w, p, m in pairs) / step
        for i in range(len(pairs[0][1]))
    ]


def check_derivatives(
    f: Callable[..., Any],
    *arguments: Any,
    engine: str = "numpy",
    second: bool = True,
    rtol: float = 1e-6,
) -> None:
    """Both modes agree with differences of ``f`` and with each other, to second order.

    The jvp is compared with differences of the plain NumPy function, the vjp with the jvp through
    ``<ct, jvp(dx)> = <vjp(ct), dx>``, and the jvp of the vjp with differences of the vjp.
    """
    from autodiff.differentiate import jvp, vjp

    rng = np.random.default_rng(7)
    compile_program = ENGINES[engine]
    program = trace(f, *arguments)
    if any(not v.type.is_static for v in program.outputs):
        # A cotangent of run-time size cannot be an input: look at one number made of the results.
        inner = f
        f = lambda *x: sum(np.sum(np.cos(leaf)) for leaf in leaves(inner(*x)))
        program = trace(f, *arguments)
    active = [_is_active(x) for x in arguments]
    wrt = [k for k, a in enumerate(active) if a]
    tangents = [_direction(rng, arguments[k]) for k in wrt]

    def moved(t: float) -> list[Any]:
        x = copies(arguments)
        for k, d in zip(wrt, tangents, strict=True):
            x[k] = x[k] + t * d
        return x

    floats = [k for k, v in enumerate(program.outputs) if v.type.is_float]
    count = len(program.outputs)

    def plain(t: float) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            return [np.asarray(leaves(f(*moved(t)))[k]) for k in floats]

    forward = compile_program(verify(jvp(program, active), type_rule_of, "jvp"))
    pushed = forward([np.asarray(x) for x in copies(arguments)] + tangents)[count:]
    for have, want in zip(pushed, differences(plain), strict=True):
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol * 10)

    backward_program = verify(vjp(program, wrt), type_rule_of, "vjp")
    backward = compile_program(backward_program)
    cts = [_direction(rng, x) for x in pushed]
    pulled = backward([np.asarray(x) for x in copies(arguments)] + cts)[count:]
    left = sum(np.sum(c * p) for c, p in zip(cts, pushed, strict=True))
    right = sum(np.sum(c * d) for c, d in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8)
    for k, ct in zip(wrt, pulled, strict=True):
        assert np.shape(ct) == np.shape(arguments[k])
    if second:
        _check_second_order(
            backward_program, backward, moved, cts, tangents, active, count, rtol, compile_program
        )


def _check_second_order(
    program: Program, backward: Any, moved: Any, cts: Any, tangents: Any, active: Any, count: int,
    rtol: float, compile_program: Any,
) -> None:  # fmt: skip
    from autodiff.differentiate import jvp

    both = verify(jvp(program, [*active, *(False for _ in cts)]), type_rule_of, "jvp of vjp")
    inputs = [np.asarray(x) for x in moved(0.0)] + cts
    outputs = compile_program(both)(inputs + tangents)
    floats = sum(v.type.is_float for v in program.outputs)
    derivatives = outputs[len(program.outputs) :][floats - len(tangents) :]

    def gradient(t: float) -> list[np.ndarray]:
        return backward([np.asarray(x) for x in moved(t)] + cts)[count:]

    for have, want in zip(derivatives, differences(gradient), strict=True):
        np.testing.assert_allclose(have, want, rtol=rtol * 10, atol=rtol * 100)


# -- tables ----------------------------------------------------------------------------------------
def named_tests(
    cases: dict[str, Callable[..., Any]], integer: dict[str, Callable[..., Any]], *arguments: Any
) -> tuple[Callable[..., None], Callable[..., None]]:
    """The tests of a table: values of all functions on each engine, derivatives of ``cases``."""
    functions = {**cases, **integer}

    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("name", functions)
    def test_value(name: str, engine: str) -> None:
        check_value(functions[name], *arguments, engine=engine)

    @pytest.mark.parametrize("engine", DERIVATIVE_ENGINES)
    @pytest.mark.parametrize("name", cases)
    def test_derivatives(name: str, engine: str) -> None:
        check_derivatives(cases[name], *arguments, engine=engine)

    return test_value, test_derivatives
