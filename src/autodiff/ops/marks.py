"""Conditions of which NumPy warns from Python: ``Mean of empty slice``, ``All-NaN slice encountered``.

    nothing = marked(count == 0)      # the same condition; where it holds, the run is marked
    note_discarded()                  # a cast of complex numbers to real ones, which C warns of

No loop of NumPy's meets a floating-point error there, so that no flag of the processor would tell.  A
mark sets one: it is a question, as any other (``compiled.warned``), and NumPy, which runs the user's
function again, answers it in its own words.  Where a condition holds nowhere, a mark is a branch that
is not taken; where it is known not to hold, nothing is written.

What C warns of nobody can listen to, so that such a mark knows its words: where the program runs for
whoever asks, it tells them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autodiff.floating import Recorder
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Pointwise, register
from autodiff.ops.known import known
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.tracer import Tracer, emit_tracer

# What NumPy warns of in C: text and kind, by the attribute ``says`` of a mark.
SAID: dict[str, tuple[str, type[Warning]]] = {
    "discarded": (
        "Casting complex values to real discards the imaginary part",
        np.exceptions.ComplexWarning,
    ),
    "unwritten": (
        "'where' used without 'out', expect unitialized memory in output. If this is intentional, "
        "use out=None.",
        UserWarning,
    ),
    "third": (
        "Passing more than 2 positional arguments to np.maximum and np.minimum is deprecated. If you "
        "meant to use the third argument as an output, use the `out` keyword argument instead. If you "
        "hoped to work with more than 2 inputs, combine them into a single array and get the extrema "
        "for the relevant axis.",
        DeprecationWarning,
    ),
}
# Whether it warns of what ufuncs are given.
_WARNS = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 4)


def _meaning(condition: Any, says: str | None = None) -> Any:
    recorder = np.geterrcall()
    if isinstance(recorder, Recorder) and np.any(condition):
        text, category = SAID[says] if says is not None else (None, Warning)
        recorder.take_said(text, category, sys._getframe())
    return np.not_equal(condition, 0)


register(
    Entry(
        name="mark",
        type_rule=lambda types, says=None: (ArrayType(np.dtype(bool), types[0].shape),),
        meaning=_meaning,
        lowering=Pointwise(lambda s, x, says=None: s.mark(s.cast(x, np.dtype(bool)))),
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


def note_discarded() -> None:
    """Mark the run: NumPy casts complex numbers to real ones here."""
    _note("discarded")


def note_unwritten() -> None:
    """Mark the run: what a mask leaves out has no memory named for it."""
    if _WARNS:
        _note("unwritten")


def note_third() -> None:
    """Mark the run: an output is given to a maximum or minimum by its position."""
    if _WARNS:
        _note("third")


def _note(says: str) -> None:
    emit_tracer("mark", constant(True, np.dtype(bool)), says=says)
