"""The fast path: a call goes straight to the compiled entry, which checks the arguments itself.

    nothing is read beside the arguments    the entry
    guards                                  the guards, then the entry
    globals, attributes                     the guards, what they find, then the entry

Each gives ``NotImplemented`` for a call that is not one for the specialisation.  ``fast`` takes the
arguments of a call, ``fast_with`` arguments and vectors, for transformations that take those too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.compiled.binding import Call, Signature, is_complex
from autodiff.compiled.specialisation import Specialisation

FastPath = tuple[Callable[..., Any], Callable[[tuple[Any, ...], tuple[Any, ...]], Any]]


def fast_path(signature: Signature, specialisation: Specialisation, call: Call) -> FastPath:
    """What answers later calls at once; nothing does where more is to be done than to run."""
    captured, plan = specialisation.captured, specialisation.plan
    direct = plan.result.is_direct(len(plan.output_forms))
    if (
        not signature.plain
        or call.positional not in (None, len(call.slots))
        or any(d is not None for d in call.definitions)
        or call.lists
        or _has_static(specialisation, call)
        or any(map(is_complex, call.roles))
        or captured.mutated
        or captured.objects
        or captured.watched
        or captured.needs_c_order
        or not direct
    ):
        return no_fast_path, no_fast_path
    run = specialisation.run.call
    if not captured.guards and not any(r.leaf is None for r in captured.inputs):
        return run, lambda args, vectors: run(*args, *vectors)
    reader = specialisation.reader

    def fast_with(args: tuple[Any, ...], vectors: tuple[Any, ...]) -> Any:
        hidden = reader(args)
        return NotImplemented if hidden is None else run(*args, *hidden, *vectors)

    def fast(*args: Any) -> Any:
        hidden = reader(args)
        return NotImplemented if hidden is None else run(*args, *hidden)

    def fast_guarded(*args: Any) -> Any:
        return NotImplemented if reader(args) is None else run(*args)

    hidden = any(r.leaf is None for r in captured.inputs)
    return (fast if hidden else fast_guarded), fast_with


def _has_static(specialisation: Specialisation, call: Call) -> bool:
    ints = specialisation.generality.ints
    return any(role == "static" and k not in ints for k, role in enumerate(call.roles))


def no_fast_path(*args: Any, **kwargs: Any) -> Any:
    """Every call is left to the slow path."""
    return NotImplemented
