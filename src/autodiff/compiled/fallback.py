"""Beyond the compiled path: calls that run uncompiled, and the warning that says so.

    plain     the value: the user's function itself, which changes what it is given
    eager     a derivative: this call's path is traced, and its program run by the reference engine

A check that fails in a compiled program, and an error met while capturing, have plain Python run
first, so that NumPy's own exception is raised from the user's own line; a function whose effects
are real is not run twice for that.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, debug, tree
from autodiff.compiled.binding import Call, may_overlap_itself
from autodiff.compiled.specialisation import Specialisation
from autodiff.differentiate.reverse import OTHER_SIZE
from autodiff.errors import (
    AutodiffError,
    FallbackWarning,
    InternalError,
    NoReturnError,
    NotScalarError,
    ShapeError,
    UnsupportedError,
)
from autodiff.ir.data import Source, walk
from autodiff.labelled import is_foreign, is_labelled
from autodiff.ops.control import MEMORY_FAILED
from autodiff.sameness import same_value
from autodiff.signals import (
    Arose,
    RuleFailed,
    Signal,
    as_internal,
    is_ours,
    is_unconfirmed,
    run_users,
    take_arising,
    text_of,
)
from autodiff.tracebacks import depth_of_user

if TYPE_CHECKING:
    from autodiff.compiled.calling import Compiled
    from autodiff.compiled.compiling import Compiler


def uncompiled(
    compiled: Compiled,
    call: Call,
    reason: str | None,
    extra: tuple[Any, ...],
    plain_has_run: bool = False,
) -> Any:
    """Run a call uncompiled, and say why if it is not only this call."""
    if reason is not None and compiled.use_cache:
        if compiled.on_fallback == "error":
            raise UnsupportedError(
                f"{compiled.signature.title} cannot be compiled: {reason.rstrip('.')}.",
                code="AD304",
                remedy=(
                    "rewrite that line: the JAX engine runs nothing uncompiled"
                    if compiled.engine == "jax"
                    else "rewrite that line, or allow uncompiled calls with on_fallback='warn'"
                ),
            )
        warn(compiled, reason)
    return (
        plain(compiled, call)
        if compiled.transformation.is_value
        else eager(compiled, call, extra, plain_has_run)
    )


def plain(compiled: Compiled, call: Call) -> Any:
    """The user's function on the very arguments."""
    args, kwargs = compiled.signature.unbind(call.slots, call.left_out, call.positional)
    return compiled.function(*args, **kwargs)


def plain_path(compiled: Compiled, call: Call) -> Callable[..., Any] | None:
    """What runs later calls like one that is no longer tried: numbers and arrays by position; None of others."""
    args, kwargs = call.as_given
    if kwargs or not compiled.transformation.is_value or compiled.engine == "jax":
        return None
    if any(type(x) not in (float, np.ndarray) for x in args):
        return None
    kinds = [(type(x), x.dtype if type(x) is np.ndarray else None, np.shape(x)) for x in args]
    function, count = compiled.function, len(args)

    def run(*args: Any) -> Any:
        if len(args) != count:
            return NotImplemented
        for x, (kind, dtype, shape) in zip(args, kinds, strict=True):
            if type(x) is not kind or (
                dtype is not None and (x.dtype is not dtype or x.shape != shape)
            ):
                return NotImplemented
        return function(*args)

    return run


def run_plainly(compiled: Compiler, call: Call) -> Any:
    """The user's function on copies of the arguments, to raise what it raises."""
    slots, _ = as_now(call.slots)
    args, kwargs = compiled.signature.unbind(slots, call.left_out, call.positional)
    return run_users(compiled.function, *args, **kwargs)


def run_quietly(compiled: Compiled, call: Call) -> Any:
    """The same where floating-point errors are let pass."""
    with np.errstate(all="ignore"):
        return run_plainly(compiled, call)


def _undifferentiable(compiled: Compiled, problem: str, source: Any) -> UnsupportedError:
    return UnsupportedError(
        f"{compiled.signature.title} cannot be differentiated: {problem}.",
        code="AD304",
        source=source,
        remedy="rewrite that line, or give the function a derivative with autodiff.custom_gradient",
    )


def _traced(
    compiled: Compiled, call: Call, plain_has_run: bool
) -> Specialisation | UnsupportedError:
    """The path of this call, or why it has no derivative; an error of the user's is raised."""
    try:
        return compiled.compile(call, eager=True)
    except RuleFailed as problem:
        error, arose = problem.error, take_arising(problem)
        if problem.is_certain:
            if not (plain_has_run or arose.has_effects):
                run_plainly(compiled, call)  # the function runs before its derivative
            raise error from None
        made = _needs_plain(compiled, error, arose)
    except Signal as problem:
        made = _undifferentiable(compiled, str(problem), getattr(problem, "source", None))
        arose = take_arising(problem)
    except AutodiffError:
        raise
    except Exception as error:
        arose = take_arising(error)
        if is_ours(error):
            raise as_internal(error) from error
        if isinstance(error, (MemoryError, RecursionError)):
            raise
        if arose.has_effects and not plain_has_run:
            raise
        made = _needs_plain(compiled, error, arose)
    made.arose = arose
    return made


def _needs_plain(compiled: Compiled, error: Exception, arose: Arose) -> UnsupportedError:
    """Plain Python does not raise it: it is about a traced value in the place of a plain one."""
    text = "" if "Tracer" in text_of(error) else f" ({text_of(error)})"
    what = f"this line needs plain numbers or arrays{text}"
    return _undifferentiable(compiled, what, arose.source)


def eager(
    compiled: Compiled, call: Call, extra: tuple[Any, ...], plain_has_run: bool = False
) -> Any:
    """Trace this call's path and run it on the reference engine.

    ``plain_has_run``: plain Python was asked first, and raised nothing.
    """
    call, extra = compiled.taken_apart_with(call, extra)
    made = _traced(compiled, call, plain_has_run)
    if isinstance(made, UnsupportedError):
        if not plain_has_run and not take_arising(made).has_effects:
            run_plainly(compiled, call)  # what plain Python raises on the way comes first
        raise made
    specialisation = made
    compiled.had_effects |= specialisation.captured.has_effects
    result = compiled.run_once(specialisation, call, extra)
    if result is NotImplemented and specialisation.run.failure() in (None, OTHER_SIZE) and extra:
        compiled.refuse_vectors()
    if result is NotImplemented:
        if not specialisation.captured.has_effects:
            run_plainly(compiled, call)
        failure = specialisation.run.failure()
        raise UnsupportedError(
            f"{compiled.signature.title} cannot be differentiated here: {failure}.",
            code="AD304",
            source=_source_of(failure, specialisation),
            remedy="call it with other values, or give it a derivative with "
            "autodiff.custom_gradient",
        )
    return result


def _source_of(failure: str | None, specialisation: Specialisation) -> Source | None:
    """Where the check stands that says this."""
    checks = (op for op in walk(specialisation.plan.program.block) if op.kind == "check")
    return next((op.source for op in checks if op.attributes["message"] == failure), None)


def failed(
    compiled: Compiled, specialisation: Specialisation, call: Call, extra: tuple[Any, ...]
) -> Any:
    """A check failed at run time: plain Python decides what that means.

    What Python code of ours raised in the call, and plain Python does not, is a mistake of ours.
    """
    raised = getattr(specialisation.run, "raised", None)
    result = _plainly_or_anew(compiled, specialisation, call, extra)
    if raised is not None and is_unconfirmed(raised):
        report(compiled, as_internal(raised))
    return result


def _plainly_or_anew(
    compiled: Compiled, specialisation: Specialisation, call: Call, extra: tuple[Any, ...]
) -> Any:
    if specialisation.run.failure() == OTHER_SIZE:
        compiled.refuse_vectors()
    if compiled.transformation.is_value:
        return plain(compiled, call)
    lacks_memory = specialisation.run.failure() == MEMORY_FAILED
    plain_has_run = not specialisation.captured.has_effects
    if plain_has_run:
        run_plainly(compiled, call)
    # A size that is checked when the program begins may be that of a loop without passes.
    block = specialisation.plan.program.block
    if lacks_memory and any(operation.kind == "sized" for operation in block.operations):
        lacks_memory = not any(operation.kind in ("for", "while") for operation in block.operations)
    if lacks_memory:  # the function has enough, its derivative has not
        raise MemoryError(
            f"{compiled.transformation.name} of {compiled.signature.title} needs more memory than "
            "there is; for k in autodiff.checkpoint(...) keeps less of a loop"
        )
    return eager(compiled, call, extra, plain_has_run)


def after_error(compiled: Compiled, call: Call, error: Exception, extra: tuple[Any, ...]) -> Any:
    """The function raised while it was captured: most likely it does so in plain Python.

    There the error comes from the user's own line.  What has effects is not run twice: of a
    derivative the traced run, which has them, comes first, since nobody knows what is further down.
    """
    arose = take_arising(error)
    text = str(error) if isinstance(error, RuleFailed) else text_of(error)
    reason = reason_at(text, arose.source)
    if isinstance(error, RuleFailed) and error.is_certain:
        return eager(compiled, call, extra)  # which raises it
    if compiled.on_fallback == "error":
        if arose.has_effects:
            raise error
        run_plainly(compiled, call)
        if is_unconfirmed(error):
            report(compiled, as_internal(error))
        return uncompiled(compiled, call, reason, extra, plain_has_run=True)
    is_value = compiled.transformation.is_value
    result = plain(compiled, call) if is_value else eager(compiled, call, extra)
    if is_unconfirmed(error):
        report(compiled, as_internal(error))
    else:
        warn(compiled, reason)
    return result


def after_refusal(
    compiled: Compiled, call: Call, error: AutodiffError, extra: tuple[Any, ...]
) -> Any:
    """Capture met something that cannot work: NumPy may not come so far, or say it in its words.

    Errors come in the order of plain Python, so it runs; what is raised there is the answer.
    """
    if isinstance(error, NoReturnError):
        raise error
    if compiled.transformation.is_value:
        try:  # the arguments change as far as it comes
            result = plain(compiled, call)
        except Exception as theirs:
            raise _first(error, theirs) from None
        warn(compiled, error.message)
        return result
    if take_arising(error).has_effects:
        if isinstance(error, NotScalarError):  # about the result: the function has done its part
            raise error
        try:
            result = eager(compiled, call, extra)
        except InternalError:
            raise
        except AutodiffError:
            raise error from None
        warn(compiled, reason_at(error.message, error.source))
        return result
    try:
        run_plainly(compiled, call)
    except Exception as theirs:
        raise _first(error, theirs) from None
    raise error


def _first(ours: AutodiffError, theirs: Exception) -> Exception:
    """The exception of plain Python; ours, in NumPy's words, where both say the same."""
    if not (isinstance(ours, ShapeError) and type(theirs) is ValueError and ours.source):
        return theirs
    last, entry = None, theirs.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == ours.source.file:
            last = entry
        entry = entry.tb_next
    if last is None or last.tb_lineno != ours.source.line:
        return theirs
    if str(theirs) != ours.message and not _is_at(last, ours.source):
        return theirs
    same = ShapeError(
        str(theirs) or ours.message, code=ours.code, source=ours.source, remedy=ours.remedy
    )
    return same.with_traceback(ours.__traceback__)


def _is_at(entry: TracebackType, source: Source) -> bool:
    """Whether an exception comes from this part of its line, where others may raise as well."""
    positions = entry.tb_frame.f_code.co_positions()
    _, _, column, end = next(itertools.islice(positions, entry.tb_lasti // 2, None))
    return column is None or (column, end) == (source.column, source.end_column)


def after_mistake(
    compiled: Compiled, call: Call, error: InternalError, extra: tuple[Any, ...]
) -> tuple[Any, str]:
    """A mistake of ours, as it seems: it is reported, and the call runs uncompiled.

    What plain Python raises as well is the user's error.  The result, and the reason why there is
    no program.
    """
    if compiled.transformation.is_value and not _is_raised(compiled):
        result = plain(compiled, call)
        return result, report(compiled, error)
    if not take_arising(error).has_effects:
        run_plainly(compiled, call)
    reason = report(compiled, error)
    try:
        return eager(compiled, call, extra), reason
    except InternalError:
        raise error from None


def _is_raised(compiled: Any) -> bool:
    """Whether mistakes of ours are errors: in the tests, and where no call may run uncompiled."""
    return debug.checking() or compiled.on_fallback == "error"


def report(compiled: Compiled, error: InternalError) -> str:
    """Tell a mistake of ours: by a warning, once, or as the error that it is."""
    if _is_raised(compiled):
        raise error
    what = error.message.splitlines()[0]
    reason = f"an internal error of autodiff ({what}); please report it with this function"
    warn(compiled, reason)
    return reason


def report_beside(compiled: Compiler, error: InternalError) -> None:
    """Tell a mistake of ours that leaves the result as it is, as :func:`report` does."""
    if _is_raised(compiled):
        raise error
    what = error.message.splitlines()[0]
    text = (
        f"{compiled.signature.title}: warnings of NumPy's may be missing, because of an internal "
        f"error of autodiff ({what}); please report it with this function"
    )
    if text not in compiled.warned:
        compiled.warned.add(text)
        warnings.warn(text, FallbackWarning, stacklevel=depth_of_user())


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
    where = f" ({source.file}, line {source.line})" if source is not None else ""
    return f"{reason}{where}"


# -- arguments as they are now, for somebody who reads them later or changes them where nobody sees it --
def as_now(x: Any, deep: bool = False) -> tuple[Any, dict[int, np.ndarray]]:
    """A copy of ``x`` with its containers and arrays, and these by the identity of those that they are copies of.

    ``deep``: objects of the user's classes are copied as well.
    """
    found: list[Any] = []

    def is_array(x: Any) -> bool:
        if is_foreign(x):
            return is_labelled(x)
        return isinstance(x, np.ndarray) and np.may_share_memory(x, x) and x.size > 0

    def is_opaque(x: Any) -> bool:
        return not (deep or tree.is_container(x))

    def can_change(x: Any) -> bool:
        kind = containers.kind_of(x)
        return kind is not None and kind.is_mutable

    def noted(x: Any) -> Any:
        found.append(x)
        return x

    containers.replaced(x, is_array, noted, is_opaque)
    made = {id(x): copy for x, copy in zip(found, copied_together(found), strict=True)}
    return containers.replaced(x, is_array, lambda y: made[id(y)], is_opaque, can_change), made


def has_objects(x: Any) -> bool:
    """Whether there are objects of the user's classes in ``x``."""
    return containers.holds(
        x, lambda part: containers.kind_of(part) is not None and not tree.is_container(part)
    )


def is_as(x: Any, before: Any) -> bool:
    """Whether a structure holds what its copy does."""
    pairs = itertools.zip_longest(containers.walk(x, keys=True), containers.walk(before, keys=True))
    return all(map(_is_same, *zip(*pairs, strict=True)))


def _is_same(x: Any, y: Any) -> bool:
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x is y or (x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes())
    if containers.kind_of(x) is not None:
        return type(x) is type(y)
    return x is y or same_value(x, y)


def copied_together(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Copies of arrays, which share memory among each other, and with themselves, as these do."""
    made: dict[int, np.ndarray] = {}
    rest = list(
        {id(a): a for a in arrays if type(a) is np.ndarray and not a.dtype.hasobject}.values()
    )
    while rest:
        together = [rest.pop()]
        for a in together:
            near = [b for b in rest if np.may_share_memory(a, b)]
            together += near
            rest = [b for b in rest if not any(b is c for c in near)]
        if len(together) > 1 or may_overlap_itself(together[0]):
            made.update(_copied_as_they_lie(together))
    return [made[id(a)] if id(a) in made else _copied(a) for a in arrays]


def _copied(x: Any) -> Any:
    """A copy of an array, or of a Series or the like."""
    return np.array(x, order="K", subok=True) if isinstance(x, np.ndarray) else x.copy()


def _copied_as_they_lie(arrays: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    bounds = [np.lib.array_utils.byte_bounds(a) for a in arrays]
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    memory = np.empty(high - low, np.uint8)
    made = {}
    for a in arrays:
        made[id(a)] = np.ndarray(a.shape, a.dtype, memory, a.ctypes.data - low, a.strides)
        made[id(a)][...] = a
    return made
