"""Running a specialisation: ask its guards, bring the inputs into form, run, put the outputs back.

    reader     guards hold?  then what is read beside the arguments
    inputs     arguments and what was read: contiguous, in native byte order, apart in memory
    outputs    new values of arrays that the function stores into go into those arrays
    result     rebuilt from the outputs, as the function returns it

``NotImplemented`` says that a guard or a check did not hold, and that nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import floating, lookups
from autodiff.capture.given import array_of, kind_of
from autodiff.capture.running import Run, changing_objects, running
from autodiff.compiled.binding import (
    Call,
    Recognised,
    contiguous,
    is_in_c_order,
    may_overlap_itself,
)
from autodiff.compiled.specialisation import Specialisation
from autodiff.compiled.warned import current
from autodiff.engines import InputForm
from autodiff.errors import ArgumentError
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff.compiled import devices, fallback, orders
    from autodiff.compiled.calling import Compiled
else:
    devices = later("autodiff.compiled.devices")  # for the JAX engine
    fallback = later("autodiff.compiled.fallback")
    orders = later("autodiff.compiled.orders")  # for arrays that are not in C order


UNFIT = object()  # instead of a result: the guards do not hold, nothing was run


def run(
    compiled: Compiled,
    specialisation: Specialisation,
    call: Call | Recognised,
    extra: tuple[Any, ...],
    as_given: bool = False,
) -> Any:
    """Run a specialisation if its guards hold; ``as_given``: on objects that fit as they are."""
    if specialisation.captured.changes_objects:
        # From reading a counter to storing it, no other thread may do the same.
        with changing_objects:
            return _read_and_run(compiled, specialisation, call, extra, as_given)
    return _read_and_run(compiled, specialisation, call, extra, as_given)


def _read_and_run(
    compiled: Compiled,
    specialisation: Specialisation,
    call: Call | Recognised,
    extra: tuple[Any, ...],
    as_given: bool,
) -> Any:
    hidden = specialisation.reader(call.slots)
    if hidden is None:
        return UNFIT
    captured = specialisation.captured
    if not captured.objects and not captured.watched:
        return _run_on(compiled, specialisation, call, hidden, extra, as_given)
    count = len(hidden) - len(captured.objects)
    hidden, objects = hidden[:count], hidden[count:]
    run = Run(objects, call.leaves, hidden, compiled.transformation.is_value)
    with running(run):
        return _run_on(compiled, specialisation, call, hidden, extra, as_given, run)


def _run_on(
    compiled: Compiled,
    specialisation: Specialisation,
    call: Call | Recognised,
    hidden: tuple[Any, ...],
    extra: tuple[Any, ...],
    as_given: bool,
    run: Run | None = None,
) -> Any:
    captured = specialisation.captured
    prepare = specialisation.plan.prepare
    if specialisation.is_value and not all(map(_is_native, hidden)):
        return UNFIT  # whose results have that order, too
    if prepare is None and len(extra) != len(specialisation.plan.extra_inputs):
        return UNFIT  # of a result with more parts, or fewer
    arguments = [call.leaves[k] for k in specialisation.input_leaves]
    for at, kind, as_float in specialisation.lists:
        if kind_of(arguments[at]) is not kind:
            return UNFIT
        arguments[at] = array_of(arguments[at], as_float)
    if captured.mutated:
        read = [*arguments, *hidden]
        stored = [read[number] for number, _ in captured.mutated]
        if compiled.engine == "jax" and compiled.transformation.is_value:
            devices.refuse_stores(compiled.signature.title, stored)
        if compiled.transformation.is_value and any(map(is_read_only, stored)):
            # Whether there is a store is decided on the way, and who handles its exception.
            return fallback.uncompiled(compiled, call.whole(), None, extra)
        if may_overlap(read, stored):
            if compiled.transformation.is_value:
                return fallback.uncompiled(compiled, call.whole(), None, extra)
            _refuse_overlap(compiled, read, stored)
    inputs: list[Any] = [*arguments, *hidden, *extra]
    if captured.needs_c_order and not all(map(is_in_c_order, inputs)):
        return fallback.uncompiled(compiled, call.whole(), None, extra)
    in_order = not as_given or all(map(is_in_c_order, inputs))
    if not in_order and prepare is not None:
        inputs, in_order = list(map(contiguous, inputs)), True
    if not as_given:
        forms = specialisation.input_dtypes
        read = forms[len(arguments) : len(arguments) + len(hidden)]
        if not all(map(_same_kind, hidden, read)):
            return UNFIT
        inputs = [_prepared(x, form) for x, form in zip(inputs, forms, strict=prepare is None)]
    finish: Callable[[Any], Any] | None = None
    if prepare is not None:
        extra, finish = prepare(inputs)
        inputs = [*inputs, *extra]
    before, current.running = current.running, (specialisation, call)
    try:
        while True:
            # Asked before the run, which may itself store into modules: SciPy's sets filters of ``warnings``.
            ready = floating.is_known() and lookups.is_settled()
            outputs = (
                specialisation.run.call(*inputs) if in_order else orders.run(specialisation, inputs)
            )
            if outputs is not NotImplemented or ready:
                break
            floating.is_strict()  # another thread has looked at its state in between
            if not captured.lookups.isdisjoint(lookups.settle()):
                return UNFIT  # a name was replaced since the call began
    except BaseException as error:
        if run is not None:
            if error is current.raised:
                run.fail()
            else:
                run.succeed(())  # what came before an effect that raised has happened
        raise
    finally:
        current.running, current.raised = before, None
    if outputs is NotImplemented:
        if run is not None:
            run.fail()
        return NotImplemented
    specialisation.calls += 1
    specialisation.used = next(compiled.clock)
    result = outputs
    if specialisation.after and specialisation.ready:
        result, outputs = outputs
    result = _finish(specialisation, result, call, hidden, () if run is None else run.objects)
    if finish is not None:
        result = finish(result)
    if run is not None:
        run.succeed(outputs)
        for effect in specialisation.after:
            effect.happen(outputs)
    return result


def _refuse_overlap(compiled: Compiled, arrays: Sequence[Any], stored: Sequence[Any]) -> None:
    """A program keeps its arrays apart; where one stored into is part of another, it may not.

    Nor may elements of one that is stored into lie in one place: each has a derivative of its own.
    """
    if any(map(_overlaps_itself, stored)):
        raise ArgumentError(
            f"{compiled.transformation.name} of {compiled.signature.title}: elements of an array share "
            "memory, and the function stores into it.",
            remedy="pass a copy, x.copy(), whose elements are independent",
        )
    real = [a for a in arrays if isinstance(a, np.ndarray)]
    if any(np.shares_memory(a, b) for k, a in enumerate(real) for b in real[k + 1 :]):
        raise ArgumentError(
            f"{compiled.transformation.name} of {compiled.signature.title}: two arrays share memory, and "
            "the function stores into them.",
            remedy="pass copies, x.copy(), or differentiate by the array that the other is a view of",
        )


def _finish(
    specialisation: Specialisation,
    outputs: Any,
    call: Call | Recognised,
    hidden: tuple[Any, ...],
    objects: Sequence[Any],
) -> Any:
    if specialisation.ready:
        return outputs
    if specialisation.make is not None:
        return specialisation.make(outputs)
    plan, captured, leaves = specialisation.plan, specialisation.captured, call.leaves
    for write in specialisation.writes:
        record = captured.inputs[write.number]
        target = (
            leaves[record.leaf]
            if record.leaf is not None
            else hidden[write.number - len(specialisation.input_leaves)]
        )
        write.happen(target, outputs)
    wholes = call.wholes
    if wholes:  # what is returned of complex arguments is these, not the pairs that were read
        leaves = [wholes.get(k, x) for k, x in enumerate(leaves)]
    return plan.result.rebuild(outputs, leaves, hidden, objects)


def may_overlap(arrays: Sequence[Any], stored: Sequence[Any]) -> bool:
    """Whether arrays may share memory, with each other or what is stored into with itself."""
    return _may_alias(arrays) or any(map(may_overlap_itself, stored))


def _may_alias(arrays: Sequence[Any]) -> bool:
    """Whether two of the arrays may share memory."""
    real = [a for a in arrays if isinstance(a, np.ndarray)]
    return len(real) > 1 and any(
        np.may_share_memory(a, b) for k, a in enumerate(real) for b in real[k + 1 :]
    )


def _overlaps_itself(x: Any) -> bool:
    """Whether two elements of an array do share memory."""
    if not may_overlap_itself(x):
        return False
    places = np.zeros(x.shape, np.int64)
    for axis, (stride, n) in enumerate(zip(x.strides, x.shape, strict=True)):
        at = np.arange(n) * stride
        places += at.reshape(-1, *(1,) * (x.ndim - axis - 1))
    return bool(np.diff(np.sort(places, axis=None)).min() < x.itemsize)


def is_read_only(x: Any) -> bool:
    """Whether a store into an argument raises."""
    return isinstance(x, np.ndarray) and not x.flags.writeable


def _is_native(x: Any) -> bool:
    return not isinstance(x, np.ndarray) or x.dtype.isnative


def _has_no_axes(x: Any) -> bool:
    return isinstance(x, (int, float)) or np.ndim(x) == 0


def _prepared(x: Any, form: InputForm) -> Any:
    """An input as the engine takes it: C-contiguous, native byte order, exact scalar type."""
    type_ = form.type
    if form.form == "array":
        if (
            type(x) is np.ndarray
            and x.dtype == type_.dtype
            and x.dtype.isnative
            and x.flags.c_contiguous
            and x.flags.aligned
        ):
            return x
        return np.require(np.asarray(x), dtype=type_.dtype, requirements=["C", "A"]).view(
            np.ndarray
        )
    if type_.dtype.kind == "f":  # an int that is differentiated by
        if form.form == "python" and type(x) is not float and _has_no_axes(x):
            return float(x)
        if form.form == "scalar" and type(x) is not type_.dtype.type:
            return type_.dtype.type(x)
    return x


def _same_kind(x: Any, form: InputForm) -> bool:
    """Whether what is read at this call is an array of the dtype that was read before.

    The types of numbers are guarded; a list or ``None`` could be made an array, but computes
    in another way.
    """
    if form.form != "array":
        return True
    return type(x) in (np.ndarray, np.memmap) and x.dtype.newbyteorder("=") == form.type.dtype
