"""Random programs: plain Python and compiled code agree in everything that a caller can see.

The programs come from `fuzz`, one grammar for arrays, dtypes, containers, text and exceptions.  A fixed few
run by default, ``-m slow`` runs many more, and ``python -m tests.programs.fuzz`` as many as time allows; that
one shrinks what fails.
"""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from .fuzz import checks
from .fuzz.__main__ import Tally, main, program_of, report_on
from .fuzz.checks import (
    Allowance,
    Failure,
    Mismatch,
    Outcome,
    attempt,
    check,
    check_second_order,
    compare,
    is_tame,
    judge,
    point_of,
    slope_along,
)
from .fuzz.programs import Program, generate, made, rules
from .fuzz.shrink import HEADER, shrink
from .fuzz.writer import Form
from .registry import Call

ENGINES = ("numpy", "native")
FIXED = 20  # programs in the default run
MANY = 400
FOUND = (50033, 90802, 3011012, 3012907, 3013619, 3013869)  # programs that were wrong once
over_engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.mark.parametrize(("seed", "engine"), [(k, ENGINES[k % len(ENGINES)]) for k in range(FIXED)])
def test_random_program_agrees_with_plain_python(seed: int, engine: str) -> None:
    check(program_of(seed, statements=3, depth=1), engine)


@pytest.mark.slow
@over_engines
@pytest.mark.parametrize("seed", [*range(MANY), *FOUND])
def test_many_random_programs_agree_with_plain_python(seed: int, engine: str) -> None:
    check(program_of(seed), engine)


@pytest.mark.slow
@over_engines
@pytest.mark.parametrize("seed", range(60))
def test_second_derivatives_of_random_programs(seed: int, engine: str) -> None:
    program = program_of(seed)
    if program.is_single:  # differences of float32 numbers say nothing
        program = made(program.source.replace("F(", "float("), program.parameters, program.seed)
    check_second_order(program, engine)


# --- the grammar ------------------------------------------------------------------------------------


def test_programs_of_a_seed_are_reproducible() -> None:
    for seed in range(20):
        program, again = program_of(seed), program_of(seed)
        assert program.source == again.source
        one, other = (attempt(p.loss(), p.arguments(1)) for p in (program, again))
        compare(one, other, program.parameters, Allowance(), "again")


def test_every_form_of_the_grammar_is_written() -> None:
    used: Counter[Form] = Counter()
    for seed in range(680):
        generate(random.Random(seed), 20, used=used)
    forms = [form for rule in rules().values() for form in rule]
    assert [form.text for form in forms if not used[form]] == []


@pytest.mark.slow
def test_every_feature_is_compiled_staged_and_specialised() -> None:
    tally = Tally()
    features = {form.feature for rule in rules().values() for form in rule}
    ways = (tally.compiled, tally.staged, tally.specialised)
    for seed in range(800):
        tally.add({"engine": "numpy", **report_on(seed, "numpy", 1.0)})
        if all(features <= counts.keys() for counts in ways):
            return
    assert [sorted(features - counts.keys()) for counts in ways] == [[], [], []]


def test_derivatives_of_programs_can_be_trusted() -> None:
    trusted = total = 0
    for seed in range(40):
        program = program_of(seed)
        point = point_of(program, program.twin(), 0)
        origin = point.position()
        direction = np.random.default_rng(seed).uniform(-1, 1, origin.size)
        value, error = slope_along(point, origin, direction)
        trusted += bool(error <= 1e-6 * max(1.0, abs(value)))
        total += 1
    assert trusted >= 0.8 * total


# --- the comparison sees what differs -----------------------------------------------------------------

SMALL = """def loss(x, L):
    return program(x, L)[0]


def program(x, L):
    y = np.sin(x)
    if x[0] > 5.0:
        y = y * 2.0
    z = 3.0 * y
    print('sum', y.sum())
    return y.sum() + L[0], (y, z, L)
"""


def small() -> Program:
    return made(SMALL, ("x", "L"), 3)


WRONG = {
    "value": lambda o: (o.result[0] + 1e-6, o.result[1]),
    "type": lambda o: (float(o.result[0]), o.result[1]),
    "dtype": lambda o: (o.result[0], (o.result[1][0].astype(np.float32), *o.result[1][1:])),
    "shape": lambda o: (o.result[0], (o.result[1][0][None], *o.result[1][1:])),
    "structure": lambda o: (*o.result, 0),
    "sharing": lambda o: (o.result[0], (o.arguments.args[0], *o.result[1][1:])),
}


@pytest.mark.parametrize("kind", WRONG)
def test_comparison_sees_a_wrong(kind: str) -> None:
    program = small()
    plain, ours = (attempt(program.function, program.arguments(0)) for _ in range(2))
    compare(ours, plain, program.parameters, Allowance(), "the same")
    if kind == "sharing":  # equal in value, but one object where plain Python has two
        ours.arguments.args[0][:] = plain.arguments.args[0][:] = plain.result[1][0]
    wrong = Outcome(WRONG[kind](ours), None, ours.printed, ours.arguments)
    with pytest.raises(Mismatch) as caught:
        compare(wrong, plain, program.parameters, Allowance(), "call")
    assert caught.value.kind == kind


def test_comparison_sees_changed_arguments_text_and_exceptions() -> None:
    program = small()
    plain, ours = (attempt(program.function, program.arguments(0)) for _ in range(2))
    changed = Call((ours.arguments.args[0] + 1.0, *ours.arguments.args[1:]))
    for wrong, kind in (
        (Outcome(ours.result, None, ours.printed, changed), "value"),
        (Outcome(ours.result, None, "sum 77.0", ours.arguments), "text"),
        (Outcome(None, ValueError("no"), ours.printed, ours.arguments), "exception"),
    ):
        with pytest.raises(Mismatch) as caught:
            compare(wrong, plain, program.parameters, Allowance(), "call")
        assert caught.value.kind == kind


def test_a_failing_program_is_shrunk_to_what_fails() -> None:
    def fails(trial: Program) -> bool:
        return "3.0 *" in trial.source and "np.sin" in trial.source

    best = shrink(small(), fails, 30.0)
    body = best.source[best.source.index(HEADER) :]
    assert "print" not in body
    assert "if" not in body
    assert fails(best)


ENDLESS = """def loss(x):
    return program(x)[0]


def program(x):
    k = 0
    while k < 3 or x[0] > 7.0:
        k += 1
        x = 0.5 * x
    return x.sum(), (x,)
"""


def test_what_shrinking_tries_comes_to_an_end() -> None:
    def fails(trial: Program) -> bool:
        return "while k < 3" in trial.source  # what holds of it without its counter, too

    best = shrink(made(ENDLESS, ("x",), 3), fails, 30.0)
    assert "k += 1" in best.source
    assert "0.5" not in best.source
    endless = made(ENDLESS.replace("k += 1", "x = 0.9 * x"), ("x",), 3)
    assert not is_tame(endless)
    assert is_tame(made(ENDLESS, ("x",), 3))


def test_an_overlong_comparison_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> None:
        while True:
            pass

    monkeypatch.setattr(checks, "SECONDS", 0.1)
    monkeypatch.setattr(checks, "check", endless)
    outcome = judge(small(), "numpy")
    assert isinstance(outcome, Failure)
    assert outcome.kind == "TimeoutError"


def test_command_counts_programs_and_how_they_ran(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "0", "--count", "1", "--engine", "numpy"]) == 0
    shown = capsys.readouterr().out
    assert "programs {'numpy': 1}" in shown
    assert "compiled  plainly" in shown
    assert "mismatches {}" in shown
