"""The fast path: a call goes straight to the compiled entry, which checks the arguments itself.

    nothing is read beside the arguments    the entry
    guards                                  the guards, then the entry
    globals, attributes                     the guards, what they find, then the entry
    arrays, objects that are stored into     the entry, then its outputs go into them
    complex arrays                           the entry, which is given their real and imaginary parts
    containers, flags, defaults             a generated function that takes them apart (``recall``)

Each gives ``NotImplemented`` for a call that is not one for the specialisation.  ``fast`` takes the
arguments of a call, ``fast_with`` arguments and vectors, for transformations that take those too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.given import array_of, kind_of
from autodiff.capture.running import Run, begin_run, changing_objects, end_run
from autodiff.compiled.binding import (
    NOT_GIVEN,
    Call,
    Signature,
    contiguous,
    is_complex,
    is_in_c_order,
)
from autodiff.compiled.running import is_read_only, may_overlap
from autodiff.compiled.specialisation import Specialisation
from autodiff.compiled.warned import current
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff import recall
    from autodiff.compiled import orders
else:
    orders = later("autodiff.compiled.orders")
    recall = later("autodiff.recall")

FastPath = tuple[Callable[..., Any], Callable[[tuple[Any, ...], tuple[Any, ...]], Any]]


def fast_path(signature: Signature, specialisation: Specialisation, call: Call) -> FastPath:
    """What answers later calls at once; nothing does where more is to be done than to run."""
    captured = specialisation.captured
    if (
        not signature.plain
        or call.positional not in (None, len(call.slots))
        or any(d is not None for d in call.definitions)
        or call.lists
        or "float" in call.roles  # ints, which the entry does not take for floats
        or _has_static(specialisation, call)
    ):
        return no_fast_path, no_fast_path
    if captured.mutated or specialisation.after:
        return _storing_path(specialisation, call), no_fast_path
    if any(map(is_complex, call.roles)):
        return _complex_path(specialisation, call), no_fast_path
    if not _changes_arrays_only(specialisation, call):
        return no_fast_path, no_fast_path
    if not specialisation.ready:
        return _rebuilding_path(specialisation, call), no_fast_path
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


def _storing_path(specialisation: Specialisation, call: Call) -> Callable[..., Any]:
    """What answers later calls of a function that stores into arrays, objects and lists: after the run."""
    captured, plan = specialisation.captured, specialisation.plan
    if (
        any(map(is_complex, call.roles))
        or captured.needs_c_order
        or (captured.watched or captured.changes_objects)
        and not specialisation.after
        or not _takes_leaves_alone(specialisation, call)
    ):
        return no_fast_path
    count = len(call.leaves)
    stored = [number for number, _ in captured.mutated]
    writes = specialisation.writes
    arrays = [k for k, form in enumerate(specialisation.input_dtypes) if form.form == "array"]
    only = arrays[0] if len(arrays) == 1 else None
    rebuild = _rebuilt(specialisation)
    run, reader = specialisation.run.call, specialisation.reader

    def run_on(args: tuple[Any, ...], hidden: tuple[Any, ...]) -> Any:
        read = args + hidden if hidden else args
        in_order = None if only is None else _order_apart(read[only])
        if in_order is None:
            if any(is_read_only(read[number]) for number in stored):
                return NotImplemented
            if stored and may_overlap(read, [read[number] for number in stored]):
                return NotImplemented
            in_order = all(map(is_in_c_order, read))
        before, current.running = current.running, (specialisation, args)
        try:
            outputs = run(*read) if in_order else orders.run(specialisation, read)
        finally:
            current.running = before
        if writes and outputs is not NotImplemented:
            for write in writes:
                write.happen(read[write.number], outputs)
        return outputs

    reads = captured.guards or any(r.leaf is None for r in captured.inputs)

    def fast(*args: Any) -> Any:
        if len(args) != count:
            return NotImplemented
        hidden = reader(args) if reads else ()
        if hidden is None:
            return NotImplemented
        outputs = run_on(args, hidden)
        if outputs is NotImplemented or rebuild is None:
            return outputs
        return rebuild(outputs, args, hidden)

    if specialisation.after:
        return _followed(specialisation, count, run_on, rebuild)
    if reads or only != 0 or len(writes) != 1 or len(writes[0].items) != 1 or rebuild is None:
        return fast
    (write,) = writes
    ((known, at),) = write.items
    result = plan.result
    is_none = result.definition is None and result.leaves[0][:2] == ("constant", None)

    def fast_row(*args: Any) -> Any:
        """``fast`` of what stores a row of the first argument: without the functions that it calls."""
        if len(args) != count:
            return NotImplemented
        x = args[0]
        if type(x) is not np.ndarray or not x.flags.carray:
            return fast(*args)
        before, current.running = current.running, (specialisation, args)
        try:
            outputs = run(*args)
        finally:
            current.running = before
        if outputs is NotImplemented:
            return outputs
        x[outputs[at] if known is None else known] = outputs[write.output]
        return None if is_none else rebuild(outputs, args, ())

    return fast_row


def _takes_leaves_alone(specialisation: Specialisation, call: Call) -> bool:
    """Whether the machine code takes the leaves of a call in their order, and nothing made of them."""
    plan = specialisation.plan
    return (
        plan.prepare is None
        and not plan.extra_inputs
        and specialisation.run.llvm is not None
        and specialisation.input_leaves == list(range(len(call.leaves)))
    )


def _order_apart(x: Any) -> bool | None:
    """Whether an array is in C order, or else in Fortran's, of elements apart that may be stored into; None of others."""
    if type(x) is not np.ndarray:
        return None
    flags = x.flags
    return True if flags.carray else False if flags.fnc and flags.behaved else None


def _complex_path(specialisation: Specialisation, call: Call) -> Callable[..., Any]:
    """What answers later calls with complex arrays, which are read as arrays of their parts."""
    captured, plan = specialisation.captured, specialisation.plan
    if (
        any(is_complex(role) and role != "complex array" for role in call.roles)
        or captured.objects
        or captured.watched
        or captured.changes_objects
        or captured.needs_c_order
        or plan.write_back
        or not _takes_leaves_alone(specialisation, call)
    ):
        return no_fast_path
    pairs = [(k, x.dtype, call.leaves[k].dtype) for k, x in call.wholes.items()]
    count = len(call.leaves)
    rebuild = _rebuilt(specialisation)
    run, reader = specialisation.run.call, specialisation.reader

    def fast(*args: Any) -> Any:
        if len(args) != count:
            return NotImplemented
        given = list(args)
        for k, dtype, real in pairs:
            x = args[k]
            if type(x) is not np.ndarray or x.dtype != dtype:
                return NotImplemented
            given[k] = x[..., None].view(real)
        hidden = reader(args)
        if hidden is None:
            return NotImplemented
        before, current.running = current.running, (specialisation, args)
        try:
            outputs = run(*map(contiguous, given), *hidden)
        finally:
            current.running = before
        if outputs is NotImplemented or rebuild is None:
            return outputs
        return rebuild(outputs, args, hidden)

    return fast


def _rebuilding_path(specialisation: Specialisation, call: Call) -> Callable[..., Any]:
    """What answers later calls whose result the entry cannot make: of a class of its own, say."""
    captured, plan = specialisation.captured, specialisation.plan
    rebuild = _rebuilt(specialisation)
    if rebuild is None or plan.write_back or not _takes_leaves_alone(specialisation, call):
        return no_fast_path
    count = len(call.leaves)
    reads = captured.guards or any(r.leaf is None for r in captured.inputs)
    run, reader = specialisation.run.call, specialisation.reader

    def fast(*args: Any) -> Any:
        if len(args) != count:
            return NotImplemented
        hidden = reader(args) if reads else ()
        if hidden is None:
            return NotImplemented
        before, current.running = current.running, (specialisation, args)
        try:
            outputs = run(*args, *hidden)
        finally:
            current.running = before
        return outputs if outputs is NotImplemented else rebuild(outputs, args, hidden)

    return fast


def _followed(
    specialisation: Specialisation,
    count: int,
    run_on: Callable[[tuple[Any, ...], tuple[Any, ...]], Any],
    rebuild: Any,
) -> Callable[..., Any]:
    """The same where effects follow the run."""
    captured, is_value, after = (
        specialisation.captured,
        specialisation.is_value,
        specialisation.after,
    )
    reader, whole = specialisation.reader, specialisation.plan.result.rebuild
    inputs = sum(r.leaf is None for r in captured.inputs)

    def fast(*args: Any) -> Any:
        if len(args) != count:
            return NotImplemented
        with changing_objects:
            found = reader(args)
            if found is None:
                return NotImplemented
            hidden, objects = found[:inputs], found[inputs:]
            state = Run(objects, args, hidden, is_value)
            token = begin_run(state)  # ``running``, without an object for it
            try:
                outputs = run_on(args, hidden)
                if outputs is NotImplemented:
                    return NotImplemented
                if rebuild is None:
                    result, outputs = outputs
                elif rebuild == whole:
                    result = whole(outputs, args, hidden, objects)
                else:
                    result = rebuild(outputs, args, hidden)
                state.outputs = outputs
                for effect in after:
                    effect.happen(outputs)
            finally:
                end_run(token)
        return result

    return fast


def _rebuilt(specialisation: Specialisation) -> Callable[[Any, Any, Any], Any] | None:
    """The result of outputs, arguments and what is read beside them; None: it is the outputs."""
    if specialisation.ready:
        return None
    make, result = specialisation.make, specialisation.plan.result
    if make is not None:
        return lambda outputs, args, hidden: make(outputs)
    if result.definition is None and result.leaves[0][0] in ("output", "constant", "argument"):
        kind, what = result.leaves[0][:2]
        if kind == "output":
            return lambda outputs, args, hidden: outputs[what]
        if kind == "argument":
            return lambda outputs, args, hidden: args[what]
        return lambda outputs, args, hidden: what
    return result.rebuild


def structured_path(
    signature: Signature, specialisation: Specialisation, call: Call
) -> Callable[..., Any] | None:
    """What answers later calls with such containers, flags and defaults, given by position."""
    if call.positional is not None or not _only_runs(specialisation, call):
        return None
    captured = specialisation.captured
    reads = captured.guards or any(r.leaf is None for r in captured.inputs)
    of_lists = {call_leaf: (kind, as_float) for call_leaf, kind, as_float in _lists(specialisation)}
    to = recall.Direct(
        _made(specialisation.run.call, specialisation.make),
        specialisation.reader if reads else None,
        specialisation.input_leaves,
        of_lists,
        specialisation.run.most_numbers,
        kind_of,
        array_of,
        current,
        specialisation,
    )
    function = None if signature.forwards else signature.holder
    return recall.compile_direct(function, signature.parameters, call, NOT_GIVEN, to)


def _made(
    run: Callable[..., Any], make: Callable[[Sequence[Any]], Any] | None
) -> Callable[..., Any]:
    if make is None:
        return run

    def run_and_make(*given: Any) -> Any:
        outputs = run(*given)
        return outputs if outputs is NotImplemented else make(outputs)

    return run_and_make


def _lists(specialisation: Specialisation) -> Iterator[tuple[int, Any, bool]]:
    for at, kind, as_float in specialisation.lists:
        yield specialisation.input_leaves[at], kind, as_float


def _only_runs(specialisation: Specialisation, call: Call) -> bool:
    """Whether a call is a run of the entry, and nothing is to be done before or after it."""
    made = specialisation.ready or specialisation.make is not None
    return (
        made and not specialisation.captured.mutated and _changes_arrays_only(specialisation, call)
    )


def _changes_arrays_only(specialisation: Specialisation, call: Call) -> bool:
    """Whether a call does nothing more than to run, and to write to arrays."""
    captured = specialisation.captured
    return not (
        any(map(is_complex, call.roles))
        or captured.objects
        or captured.watched
        or captured.changes_objects
        or captured.needs_c_order
    )


def _has_static(specialisation: Specialisation, call: Call) -> bool:
    ints = specialisation.generality.ints
    return any(role == "static" and k not in ints for k, role in enumerate(call.roles))


def no_fast_path(*args: Any, **kwargs: Any) -> Any:
    """Every call is left to the slow path."""
    return NotImplemented
