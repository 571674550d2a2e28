"""Beyond the compiled path: calls that run uncompiled, and the warning that says so.

    plain     the value: the user's function itself, which changes what it is given
    eager     a derivative: this call's path is traced, and its program run by the reference engine

A check that fails in a compiled program, and an error met while capturing, have plain Python run
first, so that NumPy's own exception is raised from the user's own line; a function whose effects
are real is not run twice for that.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import tree
from autodiff.capture import Declined, NotStaged
from autodiff.capture.trace import FailedNow
from autodiff.compiled.binding import Call
from autodiff.compiled.specialisation import Specialisation
from autodiff.dims import UndecidedExtent
from autodiff.errors import FallbackWarning, UnsupportedError
from autodiff.ops.tracer import ConcreteNeeded

if TYPE_CHECKING:
    from autodiff.compiled.calling import Compiled


def uncompiled(compiled: Compiled, call: Call, reason: str | None, extra: tuple[Any, ...]) -> Any:
    """Run a call uncompiled, and say why if it is not only this call."""
    if reason is not None and compiled.use_cache:
        if compiled.on_fallback == "error":
            raise UnsupportedError(
                f"{compiled.signature.title} cannot be compiled: {reason}.",
                code="AD304",
                remedy="rewrite that line, or allow uncompiled calls with on_fallback='warn'",
            )
        warn(compiled, reason)
    return (
        plain(compiled, call) if compiled.transformation.is_value else eager(compiled, call, extra)
    )


def plain(compiled: Compiled, call: Call) -> Any:
    """The user's function on the very arguments."""
    args, kwargs = compiled.signature.unbind(call.slots, call.left_out, call.positional)
    return compiled.function(*args, **kwargs)


def run_plainly(compiled: Compiled, call: Call) -> Any:
    """The user's function on copies of the arguments, to raise what it raises."""
    copies = [
        np.array(x) if isinstance(x, np.ndarray) else list(x) if type(x) is list else x
        for x in call.leaves
    ]
    args, kwargs = compiled.rebuild(call)(copies)
    return compiled.function(*args, **kwargs)


def eager(compiled: Compiled, call: Call, extra: tuple[Any, ...]) -> Any:
    """Trace this call's path and run it on the reference engine."""
    call = compiled.taken_apart(call)
    try:
        specialisation = compiled.compile(call, eager=True)
    except (Declined, NotStaged, UndecidedExtent, ConcreteNeeded, FailedNow) as problem:
        raise UnsupportedError(
            f"{compiled.signature.title} cannot be differentiated: {problem}.",
            code="AD304",
            source=getattr(problem, "source", None),
            remedy="rewrite that line, or give the function a derivative with "
            "autodiff.custom_gradient",
        ) from None
    result = compiled.run_once(specialisation, call, extra)
    if result is NotImplemented:
        if not specialisation.captured.has_effects:
            run_plainly(compiled, call)
        raise UnsupportedError(
            f"{compiled.signature.title} cannot be differentiated here: "
            f"{specialisation.run.failure()}.",
            code="AD304",
            remedy="call it with other values, or give it a derivative with "
            "autodiff.custom_gradient",
        )
    return result


def failed(
    compiled: Compiled, specialisation: Specialisation, call: Call, extra: tuple[Any, ...]
) -> Any:
    """A check failed at run time: plain Python decides what that means."""
    if compiled.transformation.is_value:
        return plain(compiled, call)
    if not specialisation.captured.has_effects:
        run_plainly(compiled, call)
    return eager(compiled, call, extra)


def after_error(compiled: Compiled, call: Call, error: Exception, extra: tuple[Any, ...]) -> Any:
    """The function raised while it was captured: most likely it does so in plain Python.

    There the error comes from the user's own line.  What has effects is not run twice: then
    the derivative's run is the one that raises.
    """
    reason = f"{type(error).__name__}: {error}"
    if compiled.transformation.is_value and compiled.on_fallback != "error":
        result = plain(compiled, call)
        warn(compiled, reason)
        return result
    if not getattr(error, "autodiff_effects", False):
        run_plainly(compiled, call)
        return uncompiled(compiled, call, reason, extra)
    if compiled.on_fallback == "error":
        raise error
    result = eager(compiled, call, extra)
    warn(compiled, reason)
    return result


def warn(compiled: Compiled, reason: str) -> None:
    """Say that the function runs uncompiled, once for each reason."""
    if reason not in compiled.warned:
        compiled.warned.add(reason)
        warnings.warn(
            f"{compiled.signature.title} runs uncompiled: {reason}",
            FallbackWarning,
            stacklevel=depth_of_user(),
        )


def labelled(call: Call) -> str | None:
    """Why a call with labelled arguments runs as it is: its result has labels, and more."""
    for slot, definition in zip(call.slots, call.definitions, strict=True):
        found = None if definition is None else tree.labelled_in(slot)
        if found is not None:
            return (
                f"an argument is a {type(found).__name__}, which computes in its own way "
                "(arrays, such as x.to_numpy(), are compiled)"
            )
    return None


def reason_at(reason: str, source: Any) -> str:
    """The reason, with the line it is about."""
    where = f" ({source.file}:{source.line})" if source is not None else ""
    return f"{reason}{where}"


def depth_of_user() -> int:
    """How many frames above the caller the first one outside of this package is."""
    here = os.path.dirname(os.path.dirname(__file__)) + os.sep
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        depth, frame = depth + 1, frame.f_back
    return depth
