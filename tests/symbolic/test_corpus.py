"""Every corpus program in a recording: what is compiled from one call answers for all the others.

The program is traced with the arguments of its first call, through a second function that takes its
result.  The compiled value and gradient, of the arguments that are arrays or NumPy numbers, are
compared at every call of the same structure with plain Python and with `autodiff.gradient`.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import Symbolic
from tests.programs.registry import Program, load

ONE_IN = 8  # of the programs, by default; the rest is slow
PROGRAMS = [
    pytest.param(p, id=repr(p), marks=[pytest.mark.slow] if k % ONE_IN else [])
    for k, p in enumerate(load())
    # Results that are lists of run-time length have no leaves to know again.
    if not p.features & {"effect", "raise"}
    and not p.name.startswith("growing_lists")
    and p.name
    != "views.argument_is_view_of_another"  # derivatives by overlapping arrays are refused
]


def flat(result: Any) -> list[Any]:
    """The floating-point leaves of a result."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in flat(item)]
    if hasattr(result, "__dataclass_fields__"):
        return [
            leaf for name in result.__dataclass_fields__ for leaf in flat(getattr(result, name))
        ]
    kept = isinstance(result, float) or (
        isinstance(result, (np.ndarray, np.generic)) and result.dtype.kind == "f"
    )
    return [result] if kept else []


def total(result: Any) -> Any:
    """One number made of a result."""
    parts = [np.sum(np.sin(leaf)) for leaf in flat(result)]
    return sum(parts[1:], parts[0]) if parts else np.float64(0.0)


def inputs_of(arguments: dict[str, Any]) -> list[str]:
    """The arguments that a recording can take as inputs."""
    return [
        name
        for name, x in arguments.items()
        if type(x) is float or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f")
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_recording_of_one_call_answers_for_the_others(program: Program) -> None:
    first = program.bind(program.arguments(0))
    names = inputs_of(first)
    if not names or program.arguments(0).kwargs or any(n.startswith("*") for n in first):
        pytest.skip("no arguments that can be named")
    tracer = Symbolic()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        given = {n: np.float64(x) if type(x) is float else x for n, x in first.items()}
        result = tracer.trace(program.function, *given.values())
        out = tracer.trace(total, result)
        chosen = [given[n] for n in names]
        if len({id(x) for x in chosen}) < len(chosen):
            pytest.skip("one object for two arguments")
        value = tracer.compile_function(chosen, out)
        slope = tracer.compile_gradient(chosen, out) if program.differentiable else None
        compared = 0
        for number in [*program.calls, 0]:
            now = program.bind(program.arguments(number))
            fixed = {n: x for n, x in now.items() if n not in names}
            if set(now) != set(first) or not all(_same(x, first[n]) for n, x in fixed.items()):
                continue
            compared += 1
            expected = total(program.function(*now.values()))
            got = value(*chosen_of(program, number, names))
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
            if slope is None or np.asarray(expected).dtype.kind != "f":
                continue

            rest = program.bind(program.arguments(number))
            function = program.function

            def run(*chosen: Any) -> Any:
                given = dict(rest)  # noqa: B023
                for name, x in zip(names, chosen, strict=True):
                    given[name] = x
                return total(function(*given.values()))  # noqa: B023

            known = autodiff.gradient(run)(*chosen_of(program, number, names))
            found = slope(*chosen_of(program, number, names))
            found = found if isinstance(found, tuple) else (found,)
            for g, k in zip(found, known, strict=True):
                np.testing.assert_allclose(g, k, rtol=1e-7, atol=1e-9)
        if not compared:
            pytest.skip("no call with the same other arguments")


def chosen_of(program: Program, number: int, names: list[str]) -> list[Any]:
    """Fresh inputs of a call; what aliases there, aliases here."""
    bound = program.bind(program.arguments(number))
    return [bound[name] for name in names]


def _same(a: Any, b: Any) -> bool:
    try:
        return type(a) is type(b) and bool(np.all(a == b))
    except (ValueError, TypeError):
        return False
