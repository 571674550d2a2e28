"""Instances of classes: a user's ``__init__`` is interpreted.

    Model(w, 0.5)        a fresh object, whose attributes the interpreted ``__init__`` stores
    Point(x, y)          named tuples, enumerations and the like: made by their own machinery
    np.float64(x)        a cast
    ValueError("…")      only to be raised

Classes of NumPy and of the standard library are called as their functions are.  What a dataclass does when
it is called is in :mod:`~autodiff.capture.dataclass_calls`.
"""

from __future__ import annotations

import ast
import contextlib
from collections import deque
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import generators
from autodiff.capture.functions import Closure, call_function
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.origins import (
    INTERPRETED,
    PURE_MODULES,
    is_library,
    keeps_contexts,
    module_of,
    name_of,
)
from autodiff.capture.sourcecode import syntax_of
from autodiff.containers import found_plainly, home_of_class
from autodiff.later import append_later, later
from autodiff.ops import complex_numbers, dispatch
from autodiff.ops.promotion import check_number
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import assembled, opaque
    from autodiff.ops import value_only
else:
    assembled = later("autodiff.capture.assembled")
    opaque = later("autodiff.capture.opaque")
    value_only = later("autodiff.ops.value_only")

# What does the work of an ``__init__`` that has no source, and says whether it did: filled in by the
# modules that know how one is written.
INITIALISERS: list[Callable[..., bool]] = []


append_later(INITIALISERS, "autodiff.capture.dataclass_calls")


# Classes of SciPy whose ``__init__`` is plain Python on arrays.
_OF_TRACED = (
    "scipy.sparse._", "scipy.stats._stats_py", "scipy.stats._morestats", "scipy.stats._hypotests",
    "scipy.stats._survival", "scipy.stats._common", "scipy.stats._fit", "scipy.stats._binomtest",
    "scipy.stats._page_trend_test", "scipy.stats._resampling", "scipy.stats._censored_data",
    "scipy.stats._multicomp", "scipy.stats._wilcoxon", "scipy.stats._continuous_distns",
    "scipy.signal._short_time_fft", "scipy.spatial._kdtree", "scipy.interpolate._polyint",
    "scipy.interpolate._bary_rational", "scipy.interpolate._rbf.", "scipy.interpolate._ndgriddata",
    "scipy.integrate._ivp.rk", "scipy.integrate._ode.", "scipy.optimize._lbfgsb_py", "scipy.special._orthogonal",
)  # fmt: skip


def _converted(x: Tracer, cls: type) -> Tracer:
    """A number or array in a scalar type of NumPy's."""
    if complex_numbers.is_complex(x):
        return complex_numbers.discarded(x, cls)
    if x.form == "python":
        check_number(x, np.dtype(cls))
    return dispatch.cast(x, cls)


def _is_interpreted(
    frame: Frame, cls: type, init: Any, args: list[Any], kwargs: dict[str, Any]
) -> bool:
    """Whether what a library's class does when it is called is interpreted as the user's would be."""
    if module_of(init).startswith(INTERPRETED) or keeps_contexts(cls):
        return True
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return True
    if not f"{module_of(init)}.".startswith(_OF_TRACED) or dispatch.functions.get(cls) is not None:
        return False
    if value_only.why_value_only(name_of(cls)) is not None and _of_traced(
        [*args, *kwargs.values()]
    ):
        return False
    # A sparse array of what is known is made at Python speed, with all of SciPy's checks.
    return _of_traced([*args, *kwargs.values()]) or any(
        opaque.is_sparse(x) and frame.trace.reads_instance([x]) for x in args
    )


def construct(
    frame: Frame, cls: type, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """An instance of a class: a user's ``__init__`` is interpreted."""
    if issubclass(cls, np.generic) and len(args) == 1 and not kwargs and is_traced(args):
        if issubclass(cls, np.complexfloating):
            return complex_numbers.as_complex(args[0], cls)
        if isinstance(args[0], Tracer):
            return _converted(args[0], cls)
    if issubclass(cls, BaseException):  # only to be raised, which becomes a check
        return run_users(cls, *args, **kwargs)
    if cls is SimpleNamespace and not args:
        return frame.trace.fresh(run_users(cls, **kwargs))
    if cls is contextlib._GeneratorContextManager:
        return generators.make_context(frame, args[0], args[1], args[2], node)
    init, module = cls.__init__, home_of_class(cls)
    interpreted = _is_interpreted(frame, cls, init, args, kwargs)
    if module.startswith("scipy.sparse.") and (begun := assembled.begun(cls, args, kwargs)):
        return _assembled(frame, begun)
    if interpreted and module.startswith("scipy.sparse."):
        _refuse_full(frame, cls, args, kwargs, node)
    if issubclass(cls, dict) and module.startswith("scipy.") and is_traced([*kwargs.values()]):
        # A table of results, whose entries are read as attributes: it only keeps them.
        return frame.trace.fresh(run_users(cls, *args, **kwargs))
    if module.split(".")[0] in PURE_MODULES and not interpreted:
        made = call_library(frame, cls, args, kwargs, node)
        return frame.trace.fresh(made) if cls in (dict, deque) else made
    new: Any = cls.__new__
    making = type(cls).__call__
    if isinstance(making, FunctionType) and not is_library(making):
        frame.trace.tier.decline(f"the metaclass of {cls.__name__}", frame.source(node))
    if isinstance(new, FunctionType) and not is_library(new) and syntax_of(new) is not None:
        frame.trace.guard_class(cls, "__new__", new)
        instance = call_function(frame.trace, new, [cls, *args], kwargs)
        init = type(instance).__init__  # of a class below, perhaps
        if isinstance(instance, cls) and isinstance(init, FunctionType) and not is_library(init):
            frame.trace.guard_class(type(instance), "__init__", init)
            call_function(frame.trace, init, [instance, *args], kwargs)
        return instance
    if making is not type.__call__ or new is not object.__new__:
        # Enumerations, named tuples and the like: made by their own machinery.
        if issubclass(cls, (dict, set, frozenset)):  # Counter hashes what it is given
            frame.trace.guard_hashed((args, kwargs))
        return frame.trace.fresh(run_users(cls, *args, **kwargs))
    if not isinstance(init, (FunctionType, Closure)):
        return frame.trace.fresh(run_users(cls, *args, **kwargs))
    if isinstance(init, FunctionType):
        frame.trace.guard_class(cls, "__init__", init)
    instance = frame.trace.fresh(run_users(cls.__new__, cls))
    if isinstance(init, FunctionType) and any(
        initialise(frame, instance, init, args, kwargs, node) for initialise in INITIALISERS
    ):
        return instance
    if isinstance(init, Closure) or syntax_of(init) is None:
        # Generated, as by dataclasses: plain assignments.
        run_users(init, instance, *args, **kwargs)
        _adopt(frame, instance, [*args, *kwargs.values()])
    else:
        call_function(frame.trace, init, [instance, *args], kwargs)
    return instance


def _refuse_full(
    frame: Frame, cls: type, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> None:
    """Raise where a sparse array is made of a full one that carries a derivative."""
    if isinstance(args[0], (Tracer, list)) if args else bool(kwargs):
        opaque.refuse_lost_zeros(frame, f"{cls.__name__} of a full array", [args[:1], kwargs], node)


def _assembled(frame: Frame, args: list[Any]) -> Any:
    """A sparse matrix that the function is going to fill."""
    instance = frame.trace.fresh(assembled.Assembled.__new__(assembled.Assembled))
    init: Any = assembled.Assembled.__init__
    call_function(frame.trace, init, [instance, *args], {})
    return instance


def _of_traced(parts: list[Any]) -> bool:
    """Whether traced arrays are among the parts that a sparse array is made of."""
    return (
        is_traced(parts)
        or opaque.holds_traced(parts)
        or any(type(x) is tuple and _of_traced(list(x)) for x in parts)
    )


def _adopt(frame: Frame, instance: Any, given: list[Any]) -> None:
    """Have the lists and dicts that a generated ``__init__`` made count as made by the captured code."""
    table: Any = found_plainly(instance, "__dict__", {})
    for name, value in list(table.items()):
        if frame.trace.is_external(value) or any(value is x for x in given):
            continue
        if type(value) is list:
            table[name] = frame.trace.fresh(frame.trace.new_list(value))
        elif type(value) is dict:
            frame.trace.fresh(value)
