"""Values that a derivative's run has left in the user's objects, and what a later run makes of them.

    def f(x):
        if x not in memo:
            memo[x] = x**3        # the first call: 3 x**2
        return memo[x]            # the second call: a number from outside, whose derivative is 0

What is outside of the function is constant to it, also what an earlier call has computed there from
the same argument.  Of a state that goes on from call to call (a running mean) this is what one
wants; of a value that is kept to be used again it is not, and nothing else tells.  So it is said once
where the result depends on such a value, the function may leave it where it is, and the arguments
decide of that: a state is stored anew, and what is computed at the first call alone is a constant.

Values are known by their identity, for as long as they are among the last that were stored.
"""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.capture.paths import Path
from autodiff.errors import StoredValueWarning, locate
from autodiff.ir.data import Source, Value, walk
from autodiff.later import later
from autodiff.ops.tracer import Tracer
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.ops import evaluate
else:
    evaluate = later("autodiff.ops.evaluate")

Trace = Any  # autodiff.capture.trace.Trace, which notes what it reads here
Input = Any

MOST = 4096  # values that are known
_REMEDY = (
    "empty it before each call, leave it out of what is differentiated, or use functools.lru_cache, "
    "which is looked through"
)

_known: OrderedDict[int, Any] = OrderedDict()


def remember(stored: Any) -> None:
    """Know the numbers and arrays in what has been stored."""
    for x in containers.walk(stored):
        if type(x) is float or isinstance(x, (np.floating, np.ndarray)):
            _known[id(x)] = weakref.ref(x) if isinstance(x, np.ndarray) else lambda x=x: x
            while len(_known) > MOST:
                _known.popitem(last=False)


def is_remembered(x: Any) -> bool:
    """Whether this very number or array was stored by a derivative's run."""
    found = _known.get(id(x))
    return found is not None and found() is x


def note_read(trace: Trace, record: Input) -> None:
    """Something from outside is read: note it if an earlier derivative has left it there."""
    if trace.differentiable and is_remembered(record.example):
        trace.recalled.append((record, trace.builder.source))


def has_derivative(trace: Trace, stored: Any) -> bool:
    """Whether what is stored outside depends on what is differentiated by."""
    return bool(trace.differentiable) and any(
        isinstance(x, Tracer) and x.dtype.kind in "fc" and trace.differentiated(x.value)
        for x in containers.walk(stored)
    )


def warn_of_recalled(trace: Trace, outputs: Iterable[Value], function: Any) -> None:
    """Say of which values the derivative is zero because an earlier call has computed them."""
    if not trace.recalled or StoredValueWarning.code in trace.warned:
        return
    if not _is_decided_by_arguments(trace):
        return
    needed = _sources(outputs)
    for record, source in reversed(trace.recalled):
        if record.value in needed and not _is_stored_anew(trace, record):
            trace.warned.add(StoredValueWarning.code)
            _warn(record.path, source or _first_use(trace, record.value) or _head(function))
            return


def _sources(outputs: Iterable[Value]) -> set[Value]:
    """What derivatives of the outputs come from: not what only decides of a branch."""
    found: set[Value] = set()
    pending = list(outputs)
    while pending:
        value = pending.pop()
        if value in found or value.dtype.kind != "f":
            continue
        found.add(value)
        if value.owner is not None and value.owner.kind != "stop_gradient":
            pending += evaluate.all_uses(value.owner)
    return found


def _is_decided_by_arguments(trace: Trace) -> bool:
    """Whether what is differentiated by decides what the function does: if not, it is the state alone."""
    branches = [op.operands[0] for op in walk(trace.builder.block) if op.kind == "cond"]
    return any(map(trace.differentiated, [*trace.asked, *branches]))


def _first_use(trace: Trace, value: Value) -> Source | None:
    made = {value}
    for operation in walk(trace.builder.block):
        if made.isdisjoint(evaluate.all_uses(operation)):
            continue
        if operation.source is not None and operation.kind != "cond":
            return operation.source
        made.update(operation.results)  # of a branch that gives it on
    return None


def _head(function: Any) -> Source | None:
    """The line where a function begins."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return None
    return Source(code.co_filename, code.co_firstlineno, 0, 1, code.co_name)


def _is_stored_anew(trace: Trace, record: Input) -> bool:
    """Whether the function stores another value in that place, whatever way it takes."""
    text = record.path.text
    if record.cell.version:  # into the array itself
        return not _may_be(record.cell.value, record.value)
    if trace.state is not None and text in trace.state.places:
        last = trace.state.scope.locals[text]
        return not (isinstance(last, Tracer) and _may_be(last.value, record.value))
    return any(text.startswith(owner) for owner in trace.stored_outside)


def _may_be(value: Value, other: Value) -> bool:
    """Whether a value is another one, or a branch may leave that as it was."""
    if value is other:
        return True
    owner = value.owner
    if owner is None or owner.kind != "cond":
        return False
    number = owner.results.index(value)
    return any(_may_be(region.outputs[number], other) for region in owner.regions)


def _warn(path: Path, source: Source | None) -> None:
    text = (
        f"{StoredValueWarning.code}: {path.describe()} was stored by an earlier call, which computed it "
        f"from what is differentiated by; here it is a constant, so that derivatives by way of it are zero."
        f"\n{locate(source)}\n  Remedy: {_REMEDY}"
    )
    if source is None:
        run_users(warnings.warn, text, StoredValueWarning)
    else:
        run_users(warnings.warn_explicit, text, StoredValueWarning, source.file, source.line)


__all__ = ["has_derivative", "is_remembered", "note_read", "remember", "warn_of_recalled"]
