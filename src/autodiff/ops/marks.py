"""Conditions of which NumPy warns from Python: ``Mean of empty slice``, ``All-NaN slice encountered``.

    nothing = marked(count == 0)      # the same condition; where it holds, the run is marked

No loop of NumPy's meets a floating-point error there, so that no flag of the processor would tell.  A
mark sets one: it is a question, as any other (``compiled.warned``), and NumPy, which runs the user's
function again, answers it in its own words.  Where a condition holds nowhere, a mark is a branch that
is not taken; where it is known not to hold, nothing is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.floating import Recorder
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Pointwise, register
from autodiff.ops.known import known
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.tracer import Tracer, emit_tracer


def _meaning(condition: Any) -> Any:
    if np.any(condition) and isinstance(np.geterrcall(), Recorder):
        np.divide(1.0, 0.0)  # noted by whoever notes what NumPy meets, and by nobody else
    return np.not_equal(condition, 0)


register(
    Entry(
        name="mark",
        type_rule=lambda types: (ArrayType(np.dtype(bool), types[0].shape),),
        meaning=_meaning,
        lowering=Pointwise(lambda s, condition: s.mark(s.cast(condition, np.dtype(bool)))),
        zero_derivative=True,
        kept=True,
    )
)


def marked(condition: Tracer) -> Tracer:
    """A condition whose result decides something, of any shape; the run is marked where it holds."""
    some = condition
    if condition.shape:
        some = emit_tracer("reduce_any", condition, axes=tuple(range(condition.ndim)))
    folded = known(some)
    if folded is not None and not folded:
        return condition
    mark = emit_tracer("mark", some)
    if not condition.shape:
        return Tracer(mark.value, condition.form)
    return pointwise("logical_and", condition, mark)


def note_deprecated() -> None:
    """Mark the run whatever it meets: NumPy warns of how it is called."""
    marked(constant(True, np.dtype(bool)))
