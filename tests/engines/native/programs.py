"""Programs traced from plain NumPy code, and the comparison of the engines on them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.engines import numpy as reference
from autodiff.engines.native.compile import Runner, compile_program
from autodiff.ir import ArrayType, Program, verify
from autodiff.ops.builder import building
from autodiff.ops.entries import type_rule_of
from autodiff.ops.tracer import Tracer


def traced(function: Callable[..., Any], *arguments: Any) -> Program:
    """The program of `function` on arguments like these; Python floats become float64 scalars."""
    with building() as builder:
        tracers = []
        for number, argument in enumerate(arguments):
            array = np.asarray(argument)
            value = builder.parameter(ArrayType(array.dtype, array.shape), f"x{number}")
            tracers.append(Tracer(value, "array" if array.ndim else "scalar"))
        results = function(*tracers)
        if not isinstance(results, (tuple, list)):
            results = (results,)
        outputs = [r if isinstance(r, Tracer) else Tracer.constant(r) for r in results]
        builder.block.outputs = [t.value for t in outputs]
    return verify(Program(builder.block), type_rule_of)


def assert_engines_agree(
    program: Program, arguments: Sequence[Any], rtol: float = 1e-13, atol: float = 0.0
) -> Runner:
    """Run both engines: equal dtypes, shapes and integers; floats within `rtol` (scaled to the dtype).

    `atol` is relative to the largest element of an output.
    """
    wanted = reference.compile_program(program)(arguments)
    run = compile_program(program)
    before = [np.array(a) for a in arguments]
    got = run(arguments)
    for old, new in zip(before, arguments, strict=True):
        np.testing.assert_array_equal(old, new, "an input was written")
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted, strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        if g.dtype.kind == "f":
            scale = np.finfo(g.dtype).eps / np.finfo(np.float64).eps
            largest = float(np.max(np.abs(w), initial=0.0, where=np.isfinite(w)))
            np.testing.assert_allclose(g, w, rtol=rtol * scale, atol=atol * scale * largest)
        else:
            np.testing.assert_array_equal(g, w)
    assert isinstance(run, Runner)
    return run
