"""Whether from some objects others can be reached, by the references that Python's garbage collector sees."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable
from types import CodeType, FunctionType, GeneratorType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.frames import Scope
from autodiff.capture.parts import Parts
from autodiff.capture.sourcecode import Known, Syntax
from autodiff.ir.data import Block, Operation, Value
from autodiff.ops.builder import Builder
from autodiff.ops.tracer import Cell, Tracer

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace

MOST_LOOKED_AT = 20_000  # objects; more are taken to have what is looked for among them
# What leads to no other name of an array, or to everything that the trace has.
_OPAQUE = (
    *(Parts, Builder, Block, Value, Operation, Cell, Syntax),
    *(ModuleType, type, CodeType, TracebackType, np.ufunc),
)


def reaches(
    trace: Trace,
    objects: list[Any],
    is_such: Callable[[Any], bool],
    partly: Callable[[Any], list[Any] | None] = lambda x: None,
) -> bool:
    """Whether from objects one can be reached that is such.

    Through containers, attributes, closures, iterators, suspended generators.  ``partly`` gives what of an object is to
    be gone on from, where that is not all.  What was there before the call is passed over, however much it is: nothing
    made or traced here is stored into it.  What was stored into the arguments the caller has, whether a variable leads
    to it still or not; the arguments themselves count where a variable does.
    """
    seen = set[int]()
    if _leads_to(trace, [*objects, *trace.in_hand], is_such, partly, seen):
        return True

    def is_new(x: Any) -> bool:
        return is_such(x) and not trace.is_given(x)

    return _leads_to(trace, [*trace.arguments], is_new, partly, seen)


def _leads_to(
    trace: Trace,
    objects: list[Any],
    is_such: Callable[[Any], bool],
    partly: Callable[[Any], list[Any] | None],
    seen: set[int],
) -> bool:
    while objects:
        x = objects.pop()
        if is_such(x):
            return True
        if isinstance(x, type) and trace.was_made(x):
            objects += vars(x).values()
        if isinstance(x, (Tracer, type(trace))) or not gc.is_tracked(x) or id(x) in seen:
            continue
        if isinstance(x, _OPAQUE) or trace.is_external(x):
            continue
        seen.add(id(x))
        if len(seen) > MOST_LOOKED_AT:
            return True
        part = partly(x)
        if part is not None:
            objects += part
        elif isinstance(x, Scope):
            objects += [*x.locals.values(), x.parent, x.closure]
        elif isinstance(x, FunctionType):  # not its globals
            objects += [x.__closure__, x.__defaults__, x.__kwdefaults__, x.__dict__]
        elif isinstance(x, GeneratorType) and x.gi_frame is None:
            continue  # one that is closed before it began: Python 3.12 and newer keep its variables
        elif isinstance(x, ast.AST):  # a suspended generator puts values into its statements
            objects += [inner.value for inner in ast.walk(x) if isinstance(inner, Known)]
        else:
            objects += gc.get_referents(x)
    return False


__all__ = ["reaches"]
