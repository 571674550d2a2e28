"""Does the test-suite notice?  Central rules are broken on purpose; named tests must fail.

    python -m tests.mutation_check                 all mutations, one line each; exit code 1 if one survives
    python -m tests.mutation_check "strong zero"   one of them, with pytest's own report

Each mutation is a monkeypatch of one rule and a small set of tests.  They run in a process of
their own, with `--fresh`: first unchanged, where all must pass, then patched, where at least one of
each named test must fail.  `tests/test_mutations.py` runs the whole table (marked slow).
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutation:
    """A rule, how it is broken, and the tests that must notice."""

    rule: str
    apply: Callable[[], None]
    tests: tuple[str, ...]


def views_are_copies() -> None:
    """A view gets storage of its own: stores through it do not reach the array."""
    from autodiff.ops.tracer import Tracer

    Tracer.follow = lambda self, step: Tracer(step.read(self).value, "array")  # type: ignore[method-assign]


def residuals_in_forward_order() -> None:
    """The backward loop reads the residuals of iteration k in its k-th iteration."""
    from autodiff.differentiate import reverse_control
    from autodiff.dims import Dim
    from autodiff.ops.structural import slice_of
    from autodiff.ops.tracer import Tracer

    def row(stack, index, type):
        mirrored = stack.shape[0] - 1 - Dim.symbol(index)
        starts = (mirrored,) + (0,) * len(type.shape)
        return slice_of(
            Tracer(stack, "array"), starts, (None, *type.shape), (1,) * len(starts)
        ).value

    reverse_control._row = row


def peeled_loops_start_again() -> None:
    """After the first iteration is peeled off, the loop starts at the first item again."""
    from autodiff.capture.sequences import LazySequence

    LazySequence.shifted = lambda self, by: LazySequence(self.count - by, self.item)  # type: ignore[method-assign]


def guards_are_not_read() -> None:
    """A specialisation is used whatever the globals, attributes and defaults are now."""
    from autodiff.capture.paths import compile_reader
    from autodiff.compiled import compiling

    compiling.compile_reader = lambda guards, hidden: compile_reader((), hidden)


def values_are_not_guarded() -> None:
    """Python looks at a traced value, and the program does not check it at the next call."""
    from autodiff.capture import trace

    trace._emit_guard = lambda tracer, array: None


def zeros_are_weak() -> None:
    """A cotangent of 0 times an infinite partial is NaN."""
    from autodiff.differentiate import rules
    from autodiff.ops.tracer import emit_tracer

    def emit(kind, *operands, **attributes):
        return emit_tracer(
            "multiply" if kind == "strong_multiply" else kind, *operands, **attributes
        )

    rules.emit_tracer = emit


def slices_overwrite_their_cotangent() -> None:
    """The cotangent of a slice replaces what the array's cotangent has there, instead of adding."""
    from autodiff.ops import structural

    structural.slice_add = structural.slice_update


ALIASING = "tests/capture/test_aliasing.py"
STRUCTURE = "tests/capture/test_structure.py"
HIDDEN = "tests/capture/test_hidden_inputs.py"
BRANCHES = "tests/capture/test_branches.py"
CONTROL = "tests/differentiate/test_control_flow.py"
MODES = "tests/differentiate/test_modes.py"
ZEROS = "tests/differentiate/test_zeros.py"

MUTATIONS = (
    Mutation(
        "aliasing of views",
        views_are_copies,
        (
            f"{ALIASING}::test_views_share_and_copies_do_not",
            f"{ALIASING}::test_gradients_follow_the_sharing",
        ),
    ),
    Mutation(
        "residual order",
        residuals_in_forward_order,
        (
            f"{CONTROL}::test_the_order_of_residuals_is_reversed",
            f"{CONTROL}::test_branches_inside_of_a_loop",
            f"{MODES}::test_forward_and_reverse_are_dual",
        ),
    ),
    Mutation(
        "peeled iteration",
        peeled_loops_start_again,
        (f"{STRUCTURE}::test_values_and_gradients",),
    ),
    Mutation(
        "guard check: what is read outside",
        guards_are_not_read,
        (
            f"{HIDDEN}::test_a_change_outside_is_seen_at_the_next_call",
            f"{HIDDEN}::test_attributes_of_self_are_read_at_every_call",
        ),
    ),
    Mutation(
        "guard check: values that steer",
        values_are_not_guarded,
        (f"{BRANCHES}::test_every_side_in_any_order",),
    ),
    Mutation(
        "strong zero",
        zeros_are_weak,
        (
            f"{ZEROS}::test_a_cotangent_of_zero_contributes_zero",
            f"{ZEROS}::test_second_derivatives_are_finite_too",
        ),
    ),
    Mutation(
        "slice accumulation",
        slices_overwrite_their_cotangent,
        (
            f"{ZEROS}::test_their_gradients_are_right",
            f"{MODES}::test_forward_and_reverse_are_dual",
        ),
    ),
)


class _Outcomes:
    """A pytest plugin that notes which tests failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed: list[str] = []

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call":
            (self.failed if report.failed else self.passed).append(report.nodeid)
        elif report.failed:
            self.failed.append(report.nodeid)


def run_tests(tests: tuple[str, ...], quiet: bool) -> _Outcomes:
    """Run tests in this process, on the numpy engine where they are parametrised by engine."""
    import pytest

    outcomes = _Outcomes()
    options = ["-q", "-p", "no:cacheprovider", "-k", "not native", "--no-header", "--tb=line"]
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        pytest.main([*options, *tests], plugins=[outcomes])
    return outcomes


def check(mutation: Mutation, quiet: bool = True) -> str | None:
    """In a fresh process: apply a mutation and run its tests; what is wrong, or None."""
    before = run_tests(mutation.tests, quiet=True)
    if before.failed or not before.passed:
        return f"fails without the mutation: {before.failed or 'no tests'}"
    from autodiff.api import transformed

    transformed._PRODUCTS.clear()  # what was compiled by the unbroken rule
    mutation.apply()
    after = run_tests(mutation.tests, quiet)
    blind = [t for t in mutation.tests if not any(f.split("[")[0] == t for f in after.failed)]
    return f"survives: {', '.join(blind)}" if blind else None


def check_in_a_fresh_process(mutation: Mutation) -> subprocess.CompletedProcess[str]:
    """Run `check` where nothing is patched yet."""
    command = [sys.executable, "-m", "tests.mutation_check", "--fresh", mutation.rule]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def main(arguments: list[str]) -> int:
    """The command line; see the module header."""
    fresh = "--fresh" in arguments
    rules = [a for a in arguments if a != "--fresh"]
    chosen = [m for m in MUTATIONS if not rules or m.rule in rules]
    if not chosen:
        print(f"no such rule; there are: {', '.join(m.rule for m in MUTATIONS)}")
        return 2
    if fresh:
        problem = check(chosen[0])
        print(problem or "noticed")
        return problem is not None
    survivors = 0
    for mutation in chosen:
        if rules:
            problem = check(mutation, quiet=False)
        else:
            done = check_in_a_fresh_process(mutation)
            problem = None if done.returncode == 0 else done.stdout.strip() or done.stderr[-500:]
        survivors += problem is not None
        print(f"{mutation.rule:<36} {problem or 'noticed'}", flush=True)
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
