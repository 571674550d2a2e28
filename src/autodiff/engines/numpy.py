"""The reference engine: runs a program operation by operation with NumPy.

    run = compile_program(program)
    outputs = run([x, y])        # a list of arrays, one per program output

It is the oracle: each operation is its entry's NumPy meaning, control flow is Python's own, and
nothing is fused or reused.  It needs no compiler and is what the other engines are tested against.
A failed check raises :class:`autodiff.ops.control.CheckFailed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ir.data import Program
from autodiff.ops.evaluate import run_block
from autodiff.ops.nonfinite import Finder, watching, who_is_told


def compile_program(program: Program) -> Callable[[Sequence[Any]], list[Any]]:
    """A function that runs ``program`` on a sequence of arrays, without NumPy's warnings."""

    def run(arguments: Sequence[Any]) -> list[Any]:
        with np.errstate(all="ignore"):
            return run_program(program, arguments)

    return run


def run_program(program: Program, arguments: Sequence[Any]) -> list[Any]:
    """Run ``program`` under the ``np.errstate`` in force."""
    environment = dict(zip(program.inputs, arguments, strict=True))
    told = who_is_told()
    if told is None:
        return [np.asarray(v) for v in run_block(program.block, environment)]
    finder = Finder()
    for value, given in zip(program.inputs, arguments, strict=True):
        finder.note_given(value.hint or "", given)
    with watching(finder):
        outputs = run_block(program.block, environment)
    told(finder, outputs)
    return [np.asarray(v) for v in outputs]
