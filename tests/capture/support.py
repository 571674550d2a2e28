"""Captured programs for tests: of any function, and of the programs of the corpus."""

import contextlib
import copy
import functools
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.capture import Captured
from autodiff.compiled import Compiled
from autodiff.engines.numpy import compile_program
from autodiff.ir import Program, walk
from autodiff.ladder import Bail
from autodiff.tracebacks import is_internal
from autodiff.transform.plans import Transformation
from tests.programs import registry


def captured(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Captured:
    """What capture finds for one call, before any pass."""
    compiled = Compiled(function, Transformation(), engine="numpy")
    found = compiled.captured(compiled.bind(args, kwargs))
    of_ours = [d for d in found.decisions if d.source is not None and is_internal(d.source.file)]
    assert not of_ours, "decisions name the user's lines"
    return found


def program_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Program:
    """The captured program of one call."""
    return captured(function, *args, **kwargs).program


def inputs_of(found: Captured) -> list[np.ndarray]:
    """Copies of the inputs of the captured call."""
    return [np.array(r.example, r.value.dtype) for r in found.inputs]


def run(program: Program, inputs: Sequence[Any]) -> list[np.ndarray]:
    """The outputs by the reference engine, on copies of the inputs."""
    return compile_program(program)([np.array(x) for x in inputs])


def kinds(program: Program) -> Counter[str]:
    """How many operations of each kind a program has, nested regions included."""
    return Counter(operation.kind for operation in walk(program.block))


@functools.cache
def corpus() -> dict[str, tuple[registry.Program, Captured]]:
    """The corpus programs that can be captured and run twice, at their first input."""
    found = {}
    for entry in registry.load():
        arguments = entry.arguments(0)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                taken = captured(entry.function, *arguments.args, **arguments.kwargs)
            except Bail:
                continue
        # Host calls print, warn and draw random numbers: a second run is another program.
        if "host_call" not in kinds(taken.program):
            found[entry.name] = (entry, taken)
    return found


# -- what every captured function must do ------------------------------------------------------------
ENGINES = ("numpy", "native")


def same(result: Any, expected: Any) -> None:
    """Equal type, dtype, shape, structure; values to rounding."""
    assert type(result) is type(expected), f"{type(result)} for {type(expected)}"
    if isinstance(expected, (list, tuple)):
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            same(one, other)
    elif isinstance(expected, dict):
        assert list(result) == list(expected)
        for key in expected:
            same(result[key], expected[key])
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        rtol = 1e-5 if expected.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol)
    elif isinstance(expected, float):
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    else:
        assert result == expected


def sharing(x: Any, names: dict[int, str] | None = None, at: str = "") -> list[tuple[str, str]]:
    """Which lists and dicts of a result are in it at several places, and at which place first."""
    names = {} if names is None else names
    if not isinstance(x, (list, tuple, dict)):
        return []
    if not isinstance(x, tuple):
        if id(x) in names:
            return [(at, names[id(x)])]
        names[id(x)] = at
    items = x.items() if isinstance(x, dict) else enumerate(x)
    return [pair for key, part in items for pair in sharing(part, names, f"{at}[{key!r}]")]


def agrees(function: Callable[..., Any], *calls: tuple[Any, ...], engine: str = "numpy") -> Any:
    """One compiled object, called as often as there are calls, gives what plain Python gives.

    Arguments afterwards are compared too: what the function stores into them is stored.  A
    warning that the function runs uncompiled is an error, as every warning is.
    """
    from autodiff.api import Function

    compiled = Function(function, engine=engine)
    for call in [*calls, calls[0]]:
        plain, ours = copy.deepcopy(call), copy.deepcopy(call)
        expected, result = function(*plain), compiled(*ours)
        same(result, expected)
        assert sharing(result) == sharing(expected)
        same(list(ours), list(plain))
    return compiled


def agrees_with_slopes(f: Callable[..., Any], engine: str) -> None:
    """A function of an array and a number, and its slope by the number, are those of plain Python, call after call."""
    import autodiff

    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, wrt=1, engine=engine)
    first, h = np.linspace(0.5, 1.5, 11), 1e-6
    for xs, a in [(first, 0.7), (1.1 * first, 0.8)]:
        same(value(xs, a), f(xs, a))
        expected = (f(xs, a + h) - f(xs, a - h)) / (2 * h)
        np.testing.assert_allclose(slope(xs, a), expected, rtol=2e-6, atol=1e-7)


def one_loop_for_any_length(f: Callable[..., Any]) -> None:
    """The program of a function of an array and a number is as long for two lengths of the array."""
    import autodiff

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        programs = [
            autodiff.function(f, engine="numpy").ir(np.linspace(0.5, 1.5, n), 0.7) for n in (20, 33)
        ]
    assert len({str(program).count("\n") for program in programs}) == 1


@contextlib.contextmanager
def uncompiled_allowed() -> Iterator[None]:
    """Calls may run uncompiled, for a reason: right values are the point, not how they are reached."""
    from autodiff.errors import FallbackWarning

    # The two that say that a second look, with arrays told apart, did not help; and mistakes of ours.
    ours = (
        ".*uncompiled: (a store into an array (that|of)|a use of a list or dict itself that"
        "|Bail|InternalError|AssertionError|KeyError)"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        warnings.filterwarnings("error", ours, FallbackWarning)
        yield
