"""Passes: programs to better programs with the same answer.

    PIPELINE = inline_custom, simplify, eliminate_common_subexpressions, eliminate_dead_code

``optimize`` runs the pipeline; with ``AUTODIFF_CHECK=1`` the verifier runs after every pass and
blames it by name.
"""

from __future__ import annotations

from collections.abc import Callable

from autodiff import debug
from autodiff.ir import Operation, Program, verify
from autodiff.ops.entries import type_rule_of
from autodiff.passes.common import eliminate_common_subexpressions
from autodiff.passes.dead import eliminate_dead_code
from autodiff.passes.inline import inline_custom
from autodiff.passes.simplify import simplify

PIPELINE: tuple[Callable[[Program], Program], ...] = (
    inline_custom,
    eliminate_dead_code,
    simplify,
    eliminate_common_subexpressions,
    eliminate_dead_code,
)


def optimize(program: Program) -> Program:
    """Run the pipeline."""
    checking, showing = debug.checking(), debug.level() >= 3
    known: set[Operation] = set()  # passes share what they leave as it is; no operation is changed
    if checking:
        verify(program, type_rule_of, "differentiation", known)
    for run in PIPELINE:
        before, program = program, run(program)
        if showing:
            debug.show(3, f"# after {run.__name__}\n{program}")
        if checking and program is not before:
            verify(program, type_rule_of, run.__name__, known)
    return program


__all__ = [
    "PIPELINE",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "inline_custom",
    "optimize",
    "simplify",
]
