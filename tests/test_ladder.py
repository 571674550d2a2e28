"""The ladder: one exception that names the rung that is left, and a record of each rung taken."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import ladder
from autodiff.errors import FallbackWarning
from autodiff.ir import Source
from autodiff.ladder import Bail, Decision, Decisions, Rung
from autodiff.signals import is_ours
from tests.capture.support import captured, same

FILE = "/home/me/model.py"
X = np.linspace(0.5, 3.0, 6)


def at(line: int, file: str = FILE) -> Source:
    return Source(file, line, 4, 8, "loss")


# -- the page and the record ------------------------------------------------------------------------
def test_the_page_draws_every_rung() -> None:
    page = ladder.__doc__ or ""
    drawn = [
        line.split()[0]
        for line in page.splitlines()
        if line.split()[:1] and line.split()[0].isupper()
    ]
    assert drawn == [rung.name for rung in Rung]


def test_capture_has_no_other_exception_of_its_own() -> None:
    """What bails out names a rung; those that do not are told of on the page, or where they are."""
    package = Path(ladder.__file__).parent
    found = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r"^ *class (\w+)\((?:Signal|Bail)\b", path.read_text("utf-8"), re.M)
    }
    others = {
        "UndecidedExtent",
        "CheckFailed",
        "TooManySteps",
        "Refused",
        "RuleFailed",
        "Stopped",
        "Acts",
    }
    assert found == {"Bail", *others, "Over", "Closing"}


def test_a_bail_is_no_mistake_of_ours() -> None:
    assert not is_ours(Bail(Rung.UNROLLED, "a reason"))


def test_a_bail_keeps_the_first_line_that_it_is_told() -> None:
    problem = Bail(Rung.UNROLLED, "a reason")
    assert problem.at(at(3)) is problem
    assert problem.at(at(9)).source == at(3)
    assert (str(problem), problem.rung, problem.needs) == ("a reason", Rung.UNROLLED, None)


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (Decision(Rung.ROLLED, "", at(12)), "loop at line 12 is one loop"),
        (Decision(Rung.ROLLED, "", at(12), 2), "loop at line 12 is one loop (2 times)"),
        (
            Decision(Rung.CARRIED, "it changes a list", at(12)),
            "loop at line 12 is one loop that carries more: it changes a list",
        ),
        (
            Decision(Rung.LEARNT, "it changes a.n", at(4)),
            "captured again for line 4: it changes a.n",
        ),
        (Decision(Rung.LEARNT, "it changes a.n"), "captured again for an unknown line: it changes a.n"),
        (
            Decision(Rung.PEELED, "'y' of another type", at(12)),
            "loop at line 12 ran its first pass by itself: 'y' of another type",
        ),
        (
            Decision(Rung.UNROLLED, "a list of other things", at(12), 60),
            "loop at line 12 unrolled 60 times: a list of other things",
        ),
        (
            Decision(Rung.GUARDED, "different shapes", at(7)),
            "branch at line 7 took one path under a guard: different shapes",
        ),
        (
            Decision(Rung.GUARDED, "different shapes", at(7, "/home/me/helpers.py"), 3),
            "branch at helpers.py, line 7 took one path under a guard (3 times): different shapes",
        ),
        (Decision(Rung.PLAIN, "a check", at(7)), "line 7 ran as plain Python: a check"),
    ],
)  # fmt: skip
def test_the_text_of_a_decision(decision: Decision, text: str) -> None:
    assert decision.text(FILE) == text


def test_decisions_are_counted_and_taken_back() -> None:
    log = Decisions([Decision(Rung.LEARNT, "before", at(1))])
    log.take(Rung.UNROLLED, "few", at(2), 3)
    mark = log.mark()
    log.take(Rung.GUARDED, "undone", at(4))
    log.back_to(mark)
    log.take(Rung.UNROLLED, "few", at(2), 4)
    log.take(Rung.GUARDED, Bail(Rung.UNROLLED, "elsewhere", at(9)), at(4))
    log.take(Rung.GUARDED, Bail(Rung.UNROLLED, "another file", at(9, "b.py")), at(4))
    log.take(Rung.GUARDED, Bail(Rung.UNROLLED, "here", at(4)), at(4))
    assert log.all() == (
        Decision(Rung.LEARNT, "before", at(1)),
        Decision(Rung.UNROLLED, "few", at(2), 7),
        Decision(Rung.GUARDED, "elsewhere (line 9)", at(4)),
        Decision(Rung.GUARDED, "another file (b.py, line 9)", at(4)),
        Decision(Rung.GUARDED, "here", at(4)),
    )


# -- the rungs that programs take ---------------------------------------------------------------------
def rolled(x):
    total = 0.0
    for k in range(len(x)):
        total = total + x[k]
    return total


def carried(x):
    found = []
    for v in x:
        found.append(v * 2)
    return np.array(found)


def peeled(x):
    total = 0
    for _ in range(9):
        total = total + x
    return total


def peeled_then_unrolled(x):
    total, found = 0, None
    for k in range(9):
        total = total + x
        found = (chr(97 + k), found)
    return total


def peeled_while(x):
    previous = None
    while np.sum(x) < 100.0:
        previous = x if previous is None else previous
        x = x * 2
    return x + previous


def unrolled(x):
    found = []
    for k in range(len(x)):
        found.append({chr(97 + k): x[k]})
    return sum(v for one in found for v in one.values())


def unrolled_objects(x):
    for scale in [SimpleNamespace(by=k) for k in (1.0, 2.0)] * 3:
        x = x * scale.by
    return x


def few_passes(x):
    for k in range(3):
        x = x * k
    return x


def guarded(x):
    y = x if x[0] > 0 else np.append(x, x[0])
    return y * 2


def guarded_with_end(x):
    for v in [{"a": x[k]} for k in range(6)]:
        if v["a"] > 1.0:
            break
        x = x * 2
    return x


def guarded_in_a_generator(x):
    def chosen():
        if x[0] > 0:
            yield x
        else:
            yield -x

    return sum(chosen())


def learnt(x):
    a, b = [x + 1], [x + 2]
    c = a if x[0] > 0 else b
    c[0] = x
    return a[0] + b[0]


def a_region_given_up_leaves_no_decision(x):
    for k in range(9):
        if x[0] > k:
            x = np.append(x, x[0]) if x[1] > 100 else x
        "abcdefghi"[k]  # noqa: B018
    return x


def a_side_that_raises(x):
    if x[0] > 100:
        raise ValueError("large")
    else:
        for v in x:
            x = x + v
    return x


# Of each function the decisions: rung, line from that of the ``def``, how often, why.
SHAPES = "the branches give arrays of different shapes"
RUNGS: list[tuple[Callable[..., Any], list[tuple[Rung, int, int, str]]]] = [
    (rolled, [(Rung.ROLLED, 2, 1, "")]),
    (carried, [(Rung.CARRIED, 2, 1, "it changes a list (line +3)")]),
    (
        peeled,
        [
            (Rung.PEELED, 2, 1, "'total' of another type or shape before the loop"),
            (Rung.ROLLED, 2, 1, ""),
        ],
    ),
    (
        peeled_then_unrolled,
        [(Rung.UNROLLED, 2, 9, "a value inside a loop is needed by Python (line +4)")],
    ),
    (
        peeled_while,
        [
            (Rung.PEELED, 2, 1, "'previous', a NoneType before the loop"),
            (Rung.ROLLED, 2, 1, ""),
        ],
    ),
    (unrolled, [(Rung.UNROLLED, 2, 6, "a value inside a loop is needed by Python (line +3)")]),
    (unrolled_objects, [(Rung.UNROLLED, 1, 6, "a list that Python goes through item by item")]),
    (few_passes, [(Rung.UNROLLED, 1, 3, "few passes")]),
    (guarded, [(Rung.GUARDED, 1, 1, SHAPES)]),
    (
        guarded_with_end,
        [
            (Rung.UNROLLED, 1, 6, "a comprehension of few items, or over objects"),
            (Rung.GUARDED, 2, 3, "a break in it"),
            (Rung.UNROLLED, 1, 3, "a list that Python goes through item by item"),
        ],
    ),
    (guarded_in_a_generator, [(Rung.GUARDED, 2, 1, "a change of a list inside of a branch")]),
    (
        learnt,
        [
            (
                Rung.LEARNT,
                3,
                1,
                "a use of a list or dict itself that a branch chose among others",
            ),
        ],
    ),
    (
        a_region_given_up_leaves_no_decision,
        [(Rung.GUARDED, 3, 9, SHAPES), (Rung.UNROLLED, 1, 9, f"{SHAPES} (line +3)")],
    ),
    (a_side_that_raises, [(Rung.ROLLED, 4, 1, "")]),
]


@pytest.mark.parametrize(("function", "expected"), RUNGS, ids=lambda x: getattr(x, "__name__", ""))
def test_programs_and_their_rungs(function: Callable[..., Any], expected: Any) -> None:
    first = function.__code__.co_firstlineno

    def relative(reason: str) -> str:
        return re.sub(r"line (\d+)", lambda m: f"line +{int(m[1]) - first}", reason)

    found = captured(function, X).decisions
    assert [(d.rung, d.source.line - first, d.count, relative(d.reason)) for d in found] == expected


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("function", [f for f, _ in RUNGS], ids=lambda f: f.__name__)
def test_every_rung_gives_what_numpy_gives(function: Callable[..., Any], engine: str) -> None:
    compiled = autodiff.function(function, engine=engine)
    for x in (X, np.r_[-1.0, X[1:]], X * 2):
        same(compiled(x), function(x.copy()))


def test_explain_shows_the_decisions() -> None:
    line = unrolled.__code__.co_firstlineno
    text = autodiff.function(unrolled, engine="numpy").explain(X)
    assert (
        f"\n  decided loop at line {line + 2} unrolled 6 times: "
        f"a value inside a loop is needed by Python (line {line + 3})"
        "  # for k in range(len(x)):\n"
    ) in text


def test_a_reason_that_ends_the_capture_names_the_line() -> None:
    def drawn(x):
        total = 0.0
        while total < x:
            total = total + len("ab" * int(np.random.rand() * x))
        return total

    line = drawn.__code__.co_firstlineno + 3
    with pytest.warns(
        FallbackWarning, match=rf"runs uncompiled: .*\({re.escape(__file__)}, line {line}\)"
    ):
        autodiff.function(drawn)(2.0)
