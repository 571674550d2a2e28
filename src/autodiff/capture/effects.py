"""Effects: print, warnings, logging, clocks and random numbers happen at every call, in order.

Each becomes a host call of the program: when the program runs, the engine calls Python with the
values that the traced arguments have then.  A random draw is made by NumPy's own generator, so
the same seed gives the same numbers as plain NumPy; its result is a value of the program, which
the backward pass uses again, and derivatives flow through location and scale.

What a draw returns (shape, dtype) is found on a copy of the generator, so that capturing consumes
nothing.  A generator made inside the function from a fixed seed gives the same numbers at every
call: they are constants.
"""

from __future__ import annotations

import ast
import copy
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.text import DeferredText
from autodiff.capture.trace import Declined, NotStaged
from autodiff.ir.data import ArrayType
from autodiff.ops.tracer import Form, Tracer

CLOCKS = frozenset(
    (
        time.time,
        time.perf_counter,
        time.monotonic,
        time.process_time,
        time.time_ns,
        time.perf_counter_ns,
    )
)
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)

# The objects (generators) that the running call reached by its paths, for host calls to use.
_objects: ContextVar[tuple[Any, ...]] = ContextVar("autodiff_host_objects", default=())


@contextmanager
def using_objects(objects: tuple[Any, ...]) -> Iterator[None]:
    """Run a program whose host calls use ``objects``."""
    token = _objects.set(objects)
    try:
        yield
    finally:
        _objects.reset(token)


# -- host calls -------------------------------------------------------------------------------------
def _present(array: Any, form: Form) -> Any:
    """An operand of a host call as the user's code would see it."""
    array = np.asarray(array)
    if form == "python":
        return array.item()
    return array[()] if form == "scalar" else np.array(array)


class _Operands:
    """The traced values inside the arguments of a host call, in order."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []
        self.forms: list[Form] = []

    def template(self, x: Any) -> Callable[[tuple[Any, ...]], Any]:
        """From the operands' arrays to ``x`` with its values."""
        if isinstance(x, Tracer):
            number = len(self.tracers)
            self.tracers.append(x)
            self.forms.append(x.form)
            return lambda arrays: _present(arrays[number], self.forms[number])
        if isinstance(x, DeferredText):
            parts = [(p, None) if isinstance(p, str) else (p, self.template(p[0])) for p in x.parts]

            def render(arrays: tuple[Any, ...]) -> str:
                known = [p if make is None else (make(arrays), p[1], p[2]) for p, make in parts]
                return DeferredText(known).render(lambda v: v)

            return render
        if type(x) in (list, tuple):
            makes = [self.template(item) for item in x]
            kind = type(x)
            return lambda arrays: kind(make(arrays) for make in makes)
        if type(x) is dict:
            entries = {k: self.template(v) for k, v in x.items()}
            return lambda arrays: {k: make(arrays) for k, make in entries.items()}
        return lambda arrays: x


def _emit(
    frame: Frame,
    function: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    types: tuple[ArrayType, ...],
) -> tuple[Any, ...]:
    """Append a host call of ``function``; it returns one value per type, or anything for none."""
    operands = _Operands()
    make_args, make_kwargs = operands.template(args), operands.template(kwargs)

    def host(*arrays: Any) -> Any:
        result = function(*make_args(arrays), **make_kwargs(arrays))
        return (result,) if types else ()

    host.__name__ = getattr(function, "__name__", "host")
    values = tuple(t.value for t in operands.tracers)
    return frame.trace.builder.emit("host_call", values, {"function": host, "types": types}, types)


def call_impure(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A function with an effect, or whose result differs from call to call."""
    trace = frame.trace
    owner = getattr(function, "__self__", None)
    if function in _makers():
        return _make_generator(frame, function, args, kwargs)
    if isinstance(owner, GENERATORS):
        return _draw(frame, owner, function.__name__, args, kwargs, node)
    if trace.eager:
        return _run_now(frame, function, args, kwargs)
    if function is print or function is warnings.warn or _is_logging(function):
        _emit(frame, function, args, kwargs, ())
        return None
    if function in CLOCKS and not args:
        example = function()
        kind = np.dtype(type(example))
        (value,) = _emit(frame, function, [], {}, (ArrayType(kind, (), True),))
        return Tracer(value, "python")
    from autodiff.capture.calls import _name

    raise Declined(f"{_name(function)} (it must run at every call)", frame.source(node))


def _is_logging(function: Any) -> bool:
    import logging

    return getattr(function, "__module__", "") == "logging" or isinstance(
        getattr(function, "__self__", None), logging.Logger
    )


def _run_now(frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """In the uncompiled tier: with the values of this call."""
    from autodiff.capture.calls import lift_result

    operands = _Operands()
    make_args, make_kwargs = operands.template(args), operands.template(kwargs)
    arrays = tuple(np.asarray(frame.trace.concrete(t)) for t in operands.tracers)
    return lift_result(function(*make_args(arrays), **make_kwargs(arrays)))


# -- random numbers ---------------------------------------------------------------------------------
def _makers() -> tuple[Any, ...]:
    return (np.random.default_rng, np.random.RandomState, random.Random)


def _make_generator(frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    generator = function(*args, **kwargs)
    seeded = bool(args or kwargs) and not any(isinstance(a, GENERATORS) for a in args)
    if args and isinstance(args[0], GENERATORS):
        return generator  # default_rng(rng) is rng itself
    frame.trace.fresh(generator)
    if seeded:
        frame.trace.seeded[id(generator)] = generator
    else:
        frame.trace.keep_alive.append(generator)
    return generator


# Draws of the form loc + scale * standard draw, as NumPy computes them: (method of the standard
# draw, names of its parameters, how location and scale follow from them).
_LOCATION_SCALE: dict[str, tuple[str, tuple[str, ...], tuple[float, ...], Callable[..., Any]]] = {
    "normal": (
        "standard_normal",
        ("loc", "scale"),
        (0.0, 1.0),
        lambda z, loc, scale: loc + scale * z,
    ),
    "uniform": ("random", ("low", "high"), (0.0, 1.0), lambda z, low, high: low + (high - low) * z),
    "exponential": ("standard_exponential", ("scale",), (1.0,), lambda z, scale: scale * z),
    "laplace": ("laplace", ("loc", "scale"), (0.0, 1.0), lambda z, loc, scale: loc + scale * z),
    "logistic": ("logistic", ("loc", "scale"), (0.0, 1.0), lambda z, loc, scale: loc + scale * z),
    "gumbel": ("gumbel", ("loc", "scale"), (0.0, 1.0), lambda z, loc, scale: loc + scale * z),
}


def _draw(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    operands = _Operands()
    operands.template(args)
    operands.template(kwargs)
    rule = _LOCATION_SCALE.get(name)
    if operands.tracers and rule is not None and not isinstance(owner, random.Random):
        return _scaled_draw(frame, owner, rule, args, kwargs, node)
    if operands.tracers:
        if frame.trace.eager:
            return _run_now(frame, getattr(owner, name), args, kwargs)
        raise Declined(f"random.{name} with traced arguments", frame.source(node))
    return _plain_draw(frame, owner, name, args, kwargs)


def _scaled_draw(
    frame: Frame, owner: Any, rule: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    standard, names, defaults, combine = rule
    given = dict(zip((*names, "size"), args, strict=False)) | kwargs
    values = [given.get(n, d) for n, d in zip(names, defaults, strict=True)]
    size = given.get("size")
    if size is None:
        shapes: list[Any] = [v.shape if isinstance(v, Tracer) else np.shape(v) for v in values]
        shape = np.broadcast_shapes(*shapes)
        size = shape or None
    if standard == "random" and isinstance(owner, np.random.RandomState):
        standard = "random_sample"
    z = _plain_draw(frame, owner, standard, [], {"size": size})
    return combine(z, *values)


def _plain_draw(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """A draw whose arguments are known."""
    from autodiff.capture.calls import lift_result

    trace = frame.trace
    if trace.eager:
        return lift_result(getattr(owner, name)(*args, **kwargs))
    if id(owner) in trace.seeded:
        if len(trace.made) > 1:
            raise NotStaged(
                "a draw from a generator seeded inside of the function, in a branch or loop"
            )
        return lift_result(getattr(owner, name)(*args, **kwargs))
    example = getattr(copy.deepcopy(owner), name)(*args, **kwargs)
    reach = _reacher(trace, owner)

    def draw(*a: Any, **k: Any) -> Any:
        return getattr(reach(), name)(*a, **k)

    if example is None:  # seed, shuffle of something known
        _emit(frame, draw, args, kwargs, ())
        return None
    if isinstance(example, (np.ndarray, np.generic, float, int)):
        array = np.asarray(example)
        weak = not isinstance(example, (np.ndarray, np.generic))
        (value,) = _emit(frame, draw, args, kwargs, (ArrayType(array.dtype, array.shape, weak),))
        form: Form = (
            "python" if weak else ("array" if isinstance(example, np.ndarray) else "scalar")
        )
        return Tracer(value, form)
    raise Declined(f"random.{name}, whose result is a {type(example).__name__}")


def _reacher(trace: Any, owner: Any) -> Callable[[], Any]:
    """How a host call gets at the generator: by its path, read anew at each call."""
    path = trace.paths.get(id(owner))
    if path is None:
        trace.keep_alive.append(owner)  # NumPy's global generator, or one made while capturing
        return lambda: owner
    if path not in trace.objects:
        trace.objects.append(path)
    number = trace.objects.index(path)
    return lambda: _objects.get()[number]


__all__ = ["call_impure", "using_objects"]
