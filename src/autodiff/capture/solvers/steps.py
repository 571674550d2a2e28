"""``scipy.integrate.ode`` in captured code: each ``integrate`` is an initial value problem.

    r = ode(f).set_integrator("dopri5").set_initial_value(y0, t0)
    r.integrate(t1)                       ivp(t0, t1, y0, …; programs=(f(t, y, …),))

The class is Python and is followed, so what it holds (``r.y``, ``r.t``) is captured like any object's, but for
``integrate``, which calls C and is one operation.  ``vode`` and
``lsoda`` go on from the steps that they took before: the operation gets all times that were asked for since
the initial value, and takes up where it left off if these are the ones that it was asked for last.
"""

from __future__ import annotations

import ast
import sys
import threading
import warnings
from collections.abc import Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.nested import call_frame
from autodiff.capture.opaque import refuse_lost_derivative
from autodiff.capture.solvers.odes import _Call
from autodiff.capture.solvers.programs import as_float
from autodiff.capture.trace import Declined
from autodiff.dims import UndecidedExtent
from autodiff.errors import AutodiffError, DerivativeError, InternalError
from autodiff.ladder import Bail, Rung
from autodiff.later import later
from autodiff.ops.control import CheckFailed
from autodiff.ops.custom import stop
from autodiff.ops.interpreting import interpreted
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.capture.solvers import handed
else:
    handed = later("autodiff.capture.solvers.handed")

# The methods that derivatives are integrated by, of the same kind.
_METHODS = {"dopri5": "RK45", "dop853": "DOP853"}
_OPTIONS = {
    "dopri5": ("nsteps", "max_step", "first_step", "safety", "ifactor", "dfactor", "beta"),
    "vode": ("with_jacobian", "order", "nsteps", "max_step", "min_step", "first_step"),
    "lsoda": (
        "with_jacobian", "nsteps", "max_step", "min_step", "first_step", "max_order_ns",
        "max_order_s",
    ),
}  # fmt: skip
_OPTIONS["dop853"] = _OPTIONS["dopri5"]


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """What ``integrate`` of an ``ode`` gives; NotImplemented for anything else."""
    module = sys.modules.get("scipy.integrate._ode")
    if module is None or not isinstance(function, MethodType):
        return NotImplemented
    if function.__func__ is not module.ode.integrate:
        return NotImplemented
    owner = function.__self__
    if frame.trace.is_external(owner):
        return _refused(frame, node)
    kinds = {getattr(module, name): name for name in _OPTIONS if hasattr(module, name)}
    try:
        if len(args) != 1 or kwargs:
            raise Declined("single steps of an integrator")
        name = kinds.get(type(vars(owner)["_integrator"]))
        if name is None:
            raise Declined("an integrator of another kind")
        return interpreted(_integrate, _Step(name), owner, *args)
    except InternalError:
        raise
    except (Bail, UndecidedExtent, AutodiffError) as problem:
        if isinstance(problem, Bail) and (
            problem.needs is not None or problem.rung is not Rung.UNCOMPILED
        ):
            raise
        # What is in C must not be called with traced arrays.
        held = [x for x in (vars(owner)["_y"], vars(owner)["t"], *args) if isinstance(x, Tracer)]
        if not held:
            return NotImplemented
        refuse_lost_derivative(frame, function, held, {}, node)
        raise Declined("an integrator of traced values", frame.source(node)) from None


def _refused(frame: Frame, node: ast.AST) -> Any:
    """Of an integrator made outside of the function, what it holds may be anybody's."""
    reason = "an integrator that was made outside of the function"
    frame.trace.tier.decline(reason, frame.source(node))
    if frame.trace.differentiable:
        raise DerivativeError(
            "scipy.integrate.ode has no derivative here: the integrator was made outside of the function.",
            code="AD302",
            source=frame.source(node),
            remedy="make it inside, with ode(f).set_integrator(...).set_initial_value(...)",
        )
    return NotImplemented


def _integrate(step: Any, self: Any, t: Any) -> Any:
    """Interpreted, in place of SciPy's method."""
    integrator = self._integrator
    if integrator.call_args[3] == 1 or step.starts_anew:
        integrator.begun = self._y.copy(), self.t
        integrator.asked = []
    first, at = integrator.begun
    y = step(self, t, first, at, integrator.asked)
    if not step.starts_anew:
        integrator.asked = [*integrator.asked, t]
        integrator.call_args[3] = 2
    integrator.istate = 1 if step.starts_anew else 2
    integrator.success = 1
    if step.in_place and len(integrator.asked) > 1:
        self._y[:] = y
    else:
        self._y = y
    self.t = t
    return self._y


class _Step:
    """One run of an integrator, as an operation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.starts_anew = name.startswith("dop")
        self.in_place = name == "lsoda"  # each result is the same array, as SciPy's C code has it

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        owner, t, first, at, asked = args
        return _stepped(call_frame(trace), self.name, owner, t, first, (at, *asked))

    def __call__(self, *args: Any) -> Any:
        """It is called in captured code only."""
        raise InternalError("an integrator's step outside of captured code")


def _stepped(
    frame: Frame, name: str, owner: Any, t: Any, first: Any, times: tuple[Any, ...]
) -> Any:
    held, starts_anew = vars(owner), name.startswith("dop")
    integrator = vars(held["_integrator"])
    options = {option: _known(frame, integrator[option]) for option in _OPTIONS[name]}
    if starts_anew:
        method, has_jacobian = _METHODS[name], False
        if integrator["iout"]:
            raise Declined("an integrator with a solout")
    else:
        has_jacobian = held["jac"] is not None
        if name == "vode":
            options["method"] = "bdf" if integrator["meth"] == 2 else "adams"
        method = "BDF" if options.get("method") == "bdf" else "LSODA"
        if integrator["mu"] is not None or integrator["ml"] is not None:
            raise Declined("an integrator with bands")
        if has_jacobian and held["f_params"] != held["jac_params"]:
            raise Declined("a Jacobian with other arguments than the function")
    functions = {"f": held["f"], **({"jac": held["jac"]} if has_jacobian else {})}
    if frame.trace.handing is not None and not has_jacobian and method in ("BDF", "LSODA"):
        if name == "lsoda" or options["method"] == "bdf":
            functions["jac"] = handed.of_states(frame, frame.scope.syntax.node, held["f"])
    y0, start, end = as_float(held["_y"]), as_float(held["t"]), as_float(t)
    call = _Call(frame, functions, y0, tuple(held["f_params"]), frame.scope.syntax.node)
    maximum = float(options["max_step"]) or np.inf
    given = {"rtol": integrator["rtol"], "atol": integrator["atol"]}
    given["first"] = stop(as_float(first))
    given["times"] = np.stack([stop(as_float(x)) for x in times])
    tolerances = [("rtol", 1e-6), ("atol", 1e-12)]
    keywords = call.arguments([start, end, y0, reshape(end, (1,))], given, tolerances, maximum)
    run = _Run(type(held["_integrator"]), options, keywords)
    leaves = (lambda y: (y,), ())
    problem = call.problem("scipy.integrate.ode", method, run, leaves, True, True)
    return call.result(problem)[0]


def _known(frame: Frame, option: Any) -> Any:
    """An option, as it is at this call: it is guarded, also where it is a default of SciPy's."""
    if not isinstance(option, Tracer) or option.shape:
        return option
    return frame.trace.concrete(option)


class _Run:
    """SciPy's integrator, kept for the times that come next."""

    def __init__(self, cls: type, options: dict[str, Any], keywords: Any) -> None:
        self.cls = cls
        self.options = options
        self.keywords = keywords
        self.goes_on = not cls.__name__.startswith("dop")

    def __call__(self, functions: dict[str, Any], values: Sequence[Any]) -> Any:
        given = self.keywords(values)
        tolerances = {"rtol": given["rtol"], "atol": given["atol"]}
        module = sys.modules["scipy.integrate"]
        times = [*given["times"], float(values[1])]
        key = [
            self.cls,
            repr(self.options),
            *_bytes(tolerances.values()),
            *_bytes(functions["f"].read),
        ]
        key += _bytes([given["first"]])
        before, solver = _last.__dict__.pop("kept", (None, None))
        if before == [*key, *times[:-1]] and self.goes_on:
            solver.f, solver.jac = functions["f"], functions.get("jac")
            left = times[-1:]
        else:
            solver = module.ode(functions["f"], functions.get("jac"))
            solver.set_integrator(self.cls.__name__, **self.options, **tolerances)
            solver.set_initial_value(np.array(given["first"]), float(times[0]))
            left = times[1:]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for t in left:
                solver.integrate(float(t))
        if not solver.successful():
            raise CheckFailed(f"ode stopped early: {caught[-1].message if caught else ''}")
        y = np.array(solver.y)
        if self.goes_on:
            solver.f = solver.jac = None
            _last.kept = [*key, *times], solver
        return y[None, :]


def _bytes(values: Any) -> list[bytes]:
    return [np.asarray(x).tobytes() for x in values]


_last = threading.local()

__all__ = ["attempt"]
