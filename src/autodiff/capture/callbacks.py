"""Library functions that call functions of the user, and those that are called as they are."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

from autodiff.capture.functions import Closure, call_function
from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import (
    ARRAY_LIBRARIES,
    is_library,
    module_of,
    module_of_class,
    name_of,
    owner_of,
)
from autodiff.capture.trace import Trace
from autodiff.containers import found_plainly
from autodiff.errors import AutodiffError, DerivativeError, DtypeError, UnsupportedError
from autodiff.ir.data import Source
from autodiff.ladder import Bail, Rung
from autodiff.later import later
from autodiff.ops.tracer import Tracer
from autodiff.ops.value_only import why_value_only
from autodiff.signals import apply_users, refuse_ours

if TYPE_CHECKING:
    from autodiff.capture import opaque
    from autodiff.ops import complex_functions
    from autodiff.ops.numpy_functions import linear_algebra
else:
    complex_functions = later("autodiff.ops.complex_functions")
    linear_algebra = later("autodiff.ops.numpy_functions.linear_algebra")
    opaque = later("autodiff.capture.opaque")


class Callback:
    """A user's function handed to a library, which calls it: it is interpreted like any other call.

    Were it called as it is, what it reads from globals and objects would be frozen in the program.
    """

    def __init__(self, frame: Frame, function: Any, node: ast.AST) -> None:
        self.frame, self.function, self.node = frame, function, node
        self.__name__ = found_plainly(function, "__name__", type(function).__name__)
        self.__doc__ = found_plainly(function, "__doc__")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from autodiff.capture.calls import call

        result = call(self.frame, self.function, list(args), kwargs, self.node)
        caller = self.frame.trace.called_out
        return result if caller is None else caller.numbers(result, self.frame, self.node)


class CalledOut:
    """A library that computes with numbers, while it calls functions of the user.

    Where the numbers differ from call to call the program cannot hold them, and where they carry a
    derivative it would be lost.  A library may swallow what is raised on its way: it is kept.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self.name = name_of(function)
        self.why = ""
        self.raised: BaseException | None = None

    def lost(self, source: Source | None) -> DerivativeError:
        """The error for a derivative that ends in what a callback returns, or decides."""
        says = f"{self.name} has no derivative by what the function it calls reads{self.why}."
        self.raised = DerivativeError(
            opaque.lost_text(self.name) if why_value_only(self.name) else says,
            code="AD302",
            source=source,
            remedy="give it one with autodiff.custom_gradient, or pass what it reads "
            "through autodiff.stop_gradient if no derivative should flow",
        )
        return self.raised

    def numbers(self, result: Any, frame: Frame, node: ast.AST) -> Any:
        """What a callback returned, as the library takes it."""
        trace = frame.trace
        try:
            for tracer in opaque.traced_leaves(result):
                _, depends = trace.evaluate(tracer.value)
                if depends and trace.differentiated(tracer.value):
                    raise self.lost(frame.source(node))
                if depends:
                    reason = f"{self.name}, which computes with values of the function it calls"
                    trace.tier.decline(reason, frame.source(node))
        except Exception as error:
            self.raised = self.raised or error
            raise
        return result

    def call(self, trace: Trace, call: Callable[[], Any]) -> Any:
        """Run the library; what was raised in a callback is raised."""
        solver, why = trace.set_aside
        self.why = f": {why.rstrip('.')}" if why and solver is self.function else ""
        before, trace.called_out = trace.called_out, self
        try:
            result = call()
        except BaseException:
            if self.raised is not None:
                raise self.raised from None
            raise
        finally:
            trace.called_out = before
        if self.raised is not None:
            raise self.raised
        return result


def compares_items(function: Any) -> bool:
    """Whether a function compares objects, by a ``key`` if there is one."""
    if any(function is f for f in (sorted, min, max)):
        return True
    return isinstance(owner_of(function), list) and function.__name__ == "sort"


def calls_functions(function: Any) -> bool:
    """Whether a library function may call functions among its arguments."""
    return compares_items(function) or module_of(function).split(".")[0] in (
        "numpy",
        "scipy",
        "itertools",
    )


def callback(frame: Frame, value: Any, node: ast.AST) -> Any:
    """A user's function as a :class:`Callback`, also within a list; anything else as it is."""
    if type(value) is tuple and any(callable(v) for v in value):
        return tuple([callback(frame, v, node) for v in value])
    if isinstance(value, list) and any(callable(v) for v in list.__iter__(value)):
        return [callback(frame, v, node) for v in value]
    inner = value
    while isinstance(inner, functools.partial):
        inner = inner.func
    if isinstance(inner, MethodType):
        inner = inner.__func__
    if not isinstance(inner, (FunctionType, type, Closure, Tracer)):
        inner = getattr(type(inner), "__call__", None)  # noqa: B004 - the function itself
    # A polynomial can be called, too, but is what its library computes with.
    own = isinstance(inner, FunctionType) and not is_library(inner) and not _is_polynomial(value)
    return Callback(frame, value, node) if own else value


def _is_polynomial(value: Any) -> bool:
    return module_of(type(value)).startswith("numpy.")


def is_method_in_c(function: Any) -> bool:
    """Whether ``function`` is a method of a type that is written in C."""
    owner = owner_of(function)
    return isinstance(function, BuiltinFunctionType) and not isinstance(
        owner, (type, ModuleType, type(None))
    )


def is_callback(x: Any) -> bool:
    """Whether ``x`` is a function of the user, or holds one."""
    return isinstance(x, (Callback, Closure)) or (
        isinstance(x, (list, tuple)) and any(map(is_callback, x))
    )


def as_library_sees(frame: Frame, x: Any, node: ast.AST) -> Any:
    """A function made by captured code as one whose results are looked at."""
    if type(x) in (list, tuple) and is_callback(x):
        return type(x)(as_library_sees(frame, item, node) for item in x)
    return Callback(frame, x, node) if isinstance(x, Closure) else x


def _followed(
    frame: Frame,
    function: Any,
    python: Any,
    args: list[Any],
    kwargs: dict[str, Any],
    node: ast.AST,
) -> tuple[Any] | None:
    """What a library's function gives that is written in Python; None where it reaches something out of sight."""
    mark, refusals = frame.trace.builder.source, len(frame.trace.refusals)
    try:
        found = call_function(frame.trace, python, args, kwargs)
        for name, refusal in frame.trace.refusals[refusals:]:
            # The user's line, not the library's, and what is called there.
            refusal.source = frame.source(node)
            refusal.message = opaque.lost_text(f"{name}, which {name_of(function)} calls,")
        return (found,)
    except (
        Bail, UnsupportedError, DerivativeError, DtypeError, AttributeError, TypeError,
    ) as error:  # fmt: skip
        refuse_ours(error)
        if isinstance(error, Bail) and error.rung is not Rung.UNCOMPILED:
            raise
        if isinstance(error, TypeError) and frame.trace.tier.reusable:
            raise  # plain Python says whose it is
        frame.trace.builder.source = mark  # the error names the function that the user called
        return None
    except AutodiffError as error:
        error.source = frame.source(node)  # the user's line, not the library's
        raise


def call_unknown(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A function of traced arrays that no table knows."""
    module = module_of(function).split(".")[0]
    owner = owner_of(function)
    if _reads_memory(function) and any(isinstance(x, Tracer) and x.form != "python" for x in args):
        return opaque.call_opaque(frame, function, args, kwargs, node)
    if is_method_in_c(function):
        # A method in C is of no module: it may keep what it is given, as ContextVar.set does.
        module = module_of_class(function, owner).split(".")[0]
    if isinstance(owner, (list, dict, tuple, set, str)) or module in (
        "builtins", "itertools", "functools", "operator", "collections", "copy", "typing", "enum",
        "_operator", "_functools", "_collections",
    ):  # fmt: skip
        # These move objects about or call operators and functions that we see again.
        return apply_users(function, args, kwargs)
    if frame.trace.differentiable and module_of(function).startswith("scipy.optimize"):
        if any(map(is_callback, (*args, *kwargs.values()))):
            return _search(frame, function, args, kwargs, node)
    if opaque.is_sparse(owner) and _leaves_out_zeros(function):
        opaque.refuse_lost_zeros(frame, name_of(function), [vars(owner)["data"]], node)
    keeps = opaque.is_sparse(owner) or module_of(type(owner)) == "scipy.integrate._ode"
    if keeps and why_value_only(name_of(function)) is not None:
        opaque.refuse_lost_derivative(frame, function, args, kwargs, node)
    python = in_python(function)
    of_object: list[Any] = []
    if python is None and isinstance(function, MethodType) and module in ("numpy", "scipy"):
        python, of_object = in_python(function.__func__), [owner]  # ``norm._cdf(x)``
    elif python is None and module_of(type(function)).startswith("scipy."):
        python, of_object = in_python(type(function).__call__), [function]  # ``CZT(20)(x)``
    if opaque.writes(function) or module in ARRAY_LIBRARIES:
        python = None  # it may have written some of it before it meets what cannot be followed
    if python is not None and module != "autodiff":
        followed = _followed(frame, function, python, [*of_object, *args], kwargs, node)
        if followed is not None:
            return followed[0]
    if not any(map(is_callback, (*args, *kwargs.values()))):
        return opaque.call_opaque(frame, function, args, kwargs, node)
    args = [as_library_sees(frame, a, node) for a in args]
    kwargs = {k: as_library_sees(frame, v, node) for k, v in kwargs.items()}
    caller = CalledOut(function)
    return caller.call(frame.trace, lambda: opaque.call_opaque(frame, function, args, kwargs, node))


def _reads_memory(function: Any) -> bool:
    """Whether a function takes the memory of an array where it has it, and else its items."""
    return any(function is kind for kind in (bytes, bytearray, memoryview)) or (
        getattr(function, "__self__", None) is int and function.__name__ == "from_bytes"
    )


def _leaves_out_zeros(function: Any) -> bool:
    """Whether a method of a sparse array gives only those elements that are not 0."""
    of_diagonals = getattr(function.__self__, "format", None) == "dia"
    return function.__name__ == "nonzero" or (of_diagonals and function.__name__ == "tocoo")


def _search(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A search of SciPy's for which there is no rule: it is not differentiated along its path."""
    trace = frame.trace
    reason = f"{name_of(function)}, whose derivative is not known"
    trace.tier.decline(reason, frame.source(node))
    opaque.refuse_lost_derivative(frame, function, args, kwargs, node)
    args = opaque.as_given(trace, [as_library_sees(frame, a, node) for a in args])
    kwargs = opaque.as_given(trace, {k: as_library_sees(frame, v, node) for k, v in kwargs.items()})
    call = CalledOut(function).call
    return opaque.lift_result(call(trace, lambda: opaque.run_native(function, args, kwargs)))


def in_python(function: Any) -> FunctionType | None:
    """The Python code of a library function, where it has any."""
    if not isinstance(function, FunctionType):  # NumPy's functions that dispatch on their arguments
        function = getattr(function, "_implementation", None)
    return function if isinstance(function, FunctionType) else None
