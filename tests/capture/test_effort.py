"""What a side that is not taken would compute is not computed at capture, however much it is."""

import itertools
import math
import sys
from collections import deque

import pytest

import autodiff
from autodiff.capture import effort
from tests.ops.calls import ENGINES

HUGE = 2**40
WIDE = 3 * 10**9  # characters that memory may hold, after some seconds

# Expressions that plain Python could not end, or that the memory does not hold.
ROWS = {
    "list": lambda x: x if x > 0 else x * len(list(range(HUGE))),
    "a size that no list has": lambda x: x if x > 0 else x * len(list(range(sys.maxsize // 2))),
    "tuple": lambda x: x if x > 0 else x * len(tuple(range(HUGE))),
    "set": lambda x: x if x > 0 else x * len(set(range(HUGE))),
    "frozenset": lambda x: x if x > 0 else x * len(frozenset(range(HUGE))),
    "dict": lambda x: x if x > 0 else x * len(dict.fromkeys(range(HUGE))),
    "deque": lambda x: x if x > 0 else x * len(deque(range(HUGE))),
    "star": lambda x: x if x > 0 else x * len([*range(HUGE)]),
    "comprehension": lambda x: x if x > 0 else x * len([k for k in range(HUGE)]),
    "set comprehension": lambda x: x if x > 0 else x * len({k for k in range(HUGE)}),
    "dict comprehension": lambda x: x if x > 0 else x * len({k: 0 for k in range(HUGE)}),
    "generator": lambda x: x if x > 0 else x * sum(k for k in range(HUGE)),
    "sum": lambda x: x if x > 0 else x * sum(range(HUGE)),
    "max": lambda x: x if x > 0 else x * max(range(HUGE)),
    "sorted": lambda x: x if x > 0 else x * len(sorted(range(HUGE))),
    "map": lambda x: x if x > 0 else x * len(list(map(abs, range(HUGE)))),
    "zip": lambda x: x if x > 0 else x * len(list(zip(range(HUGE), range(HUGE)))),  # noqa: B905
    "endless": lambda x: x if x > 0 else x * len(list(itertools.count())),
    "endless, in C": lambda x: x if x > 0 else x * len(set(itertools.repeat(1))),
    "join": lambda x: x if x > 0 else x * len(",".join(map(str, range(HUGE)))),
    "bytes": lambda x: x if x > 0 else x * len(bytes(HUGE)),
    "bytearray": lambda x: x if x > 0 else x * len(bytearray(HUGE)),
    "repeated list": lambda x: x if x > 0 else x * len([0] * HUGE),
    "repeated text": lambda x: x if x > 0 else x * len(HUGE * "a"),
    "repeated array items": lambda x: x if x > 0 else x * len([x] * HUGE),
    "power": lambda x: x if x > 0 else x * (10**10**10 % 7),
    "shift": lambda x: x if x > 0 else x * ((1 << HUGE) % 7),
    "ljust": lambda x: x if x > 0 else x * len("x".ljust(WIDE)),
    "ljust, of the class": lambda x: x if x > 0 else x * len(str.ljust("x", WIDE)),
    "ljust of a traced text": lambda x: x if x > 0 else x * len(str(x).ljust(WIDE)),
    "zfill of bytes": lambda x: x if x > 0 else x * len(b"1".zfill(WIDE)),
    "tabs": lambda x: x if x > 0 else x * len("\t".expandtabs(WIDE)),
    "bytes of a number": lambda x: x if x > 0 else x * len((1).to_bytes(WIDE, "big")),
    "replaced": lambda x: x if x > 0 else x * len(("a" * 60000).replace("a", "b" * 100000)),
    "a width": lambda x: x if x > 0 else x * len(f"{x:{WIDE}}"),
    "a width of a constant": lambda x: x if x > 0 else x * len(f"{1:3000000000}"),
    "digits": lambda x: x if x > 0 else x * len(f"{x:.{WIDE}f}"),
    "format": lambda x: x if x > 0 else x * len(format(1.5, f".{WIDE}f")),
    "a template": lambda x: x if x > 0 else x * len("{:{}}".format("a", WIDE)),
    "percent": lambda x: x if x > 0 else x * len("%*d" % (WIDE, 3)),
    "percent of a traced number": lambda x: x if x > 0 else x * len("%.*f" % (WIDE, x)),
    "factorial": lambda x: x if x > 0 else x * (math.factorial(10**9) % 7),
    "binomial": lambda x: x if x > 0 else x * (math.comb(10**9, 5 * 10**8) % 7),
    "pow": lambda x: x if x > 0 else x * (pow(3, 10**10) % 7),
    "the other side": lambda x: len(list(range(HUGE))) * x if x < 0 else x,
    "in a condition": lambda x: x if x > 0 or len(list(range(HUGE))) else 2 * x,
}  # fmt: skip
SAMPLE = (
    "list",
    "a size that no list has",
    "endless, in C",
    "bytes",
    "repeated list",
    "power",
    "ljust",
    "digits",
)


def check(name: str, engine: str) -> None:
    f = ROWS[name]
    assert autodiff.function(f, engine=engine)(1.5) == 1.5
    assert autodiff.gradient(f, engine=engine)(1.5) == 1.0


@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_not_taken_is_not_made(name: str) -> None:
    check(name, "native")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_what_is_not_taken_is_not_made_whatever_it_is(name: str, engine: str) -> None:
    check(name, engine)


def counting(x):
    if x > 0:
        return x * 2
    k = 0
    while k < 10**12:
        k += 1
    return x * k


def appending(x):
    if x > 0:
        return x * 2
    items = []
    for k in range(10**12):
        items.append(str(k))
    return x * len(items)


def in_a_loop(x):
    total = 0.0
    for k in range(50):
        if x > k:
            total += 2 * x
        else:
            total += 1.0 * len(set(range(HUGE)))
    return total


@pytest.mark.parametrize("f", [counting, appending, in_a_loop])
def test_statements_of_a_side_end_too(f) -> None:
    assert autodiff.function(f)(100.0) == f(100.0)
    assert autodiff.gradient(f)(100.0) == (100.0 if f is in_a_loop else 2.0)


def test_a_side_that_is_taken_makes_what_plain_python_makes() -> None:
    def f(x):
        if x > 0:
            return x * 2
        return x * len([0] * (2 * effort.ITEMS)) + sum(range(2 * effort.ITEMS))

    compiled, slope = autodiff.function(f), autodiff.gradient(f)
    for x in (1.5, -1.5, 2.5, -0.5):
        assert compiled(x) == f(x)
        assert slope(x) == (2.0 if x > 0 else 2.0 * effort.ITEMS)


def test_few_items_are_no_reason_to_guard_a_branch() -> None:
    def f(x):
        return x * len(list(range(1000))) if x > 0 else x * sum([1] * 1000)

    compiled = autodiff.function(f)
    assert [compiled(x) for x in (1.0, -1.0)] == [1000.0, -1000.0]
    assert len(compiled.cache) == 1
    assert "under a guard" not in compiled.explain(1.0)


def test_an_iterator_from_before_the_branch_loses_no_items() -> None:
    def f(x):
        items = iter(range(10))
        if x > 0:
            return x * sum(items)
        return x * next(items) + len([0] * HUGE)

    assert autodiff.function(f)(2.0) == 90.0


def test_wide_text_of_a_side_not_taken_is_not_made() -> None:
    def f(x):
        if x > 0:
            return x
        return x * len("%0999999999d" % 1) * len("%*d" % (999999999, 1))

    assert autodiff.function(f)(1.0) == 1.0
    assert autodiff.gradient(f)(1.0) == 1.0
