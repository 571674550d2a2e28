"""Everyday loops over numbers that are given, of any number: each is one loop of the program, or loops in loops."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

PROGRAMS: dict[str, Callable[..., Any]] = {}


def program(function: Callable[..., Any]) -> Callable[..., Any]:
    PROGRAMS[function.__name__] = function
    return function


# -- itertools ----------------------------------------------------------------------------------------
@program
def pairs_of_places(x):
    total = 0.0
    for i, j in itertools.combinations(range(len(x)), 2):
        total += abs(x[i] - x[j])
    return total


@program
def pairs_of_items(x):
    return sum(a * b for a, b in itertools.combinations(x, 2))


@program
def pairs_with_themselves(x):
    return sum(a * b for a, b in itertools.combinations_with_replacement(x, 2))


@program
def pairs_in_both_orders(x):
    return np.sum(np.array([a - 2 * b for a, b in itertools.permutations(x, 2)]) ** 2)


@program
def pairs_of_rows(x):
    rows = np.outer(x, x)
    for a, b in itertools.combinations(rows, 2):
        a += 0.001 * b
    return np.sum(rows)


@program
def places_of_a_matrix(x):
    total = 0.0
    for i, j in itertools.product(range(len(x)), repeat=2):
        total += x[i] * x[j] * (i + 1)
    return total


@program
def items_with_powers(x):
    return sum(a**b for a, b in itertools.product(x, [1.0, 2.0]))


@program
def items_as_they_were(x):
    x, total = x.copy(), 0.0
    for a, b in itertools.product(x, x):
        total += a * b
        x[0] = 5.0
    return total


@program
def every_third(x):
    total = 0.0
    for v in itertools.islice(x, 1, None, 3):
        total = total * 0.9 + v
    return total


@program
def some_and_the_rest(x):
    items = itertools.islice(x, 3, 15, 4)
    total = next(items)
    for v in items:
        total = total * 0.9 + v
    return total


@program
def with_weights_in_turn(x):
    total = 0.0
    for v, w in zip(x, itertools.cycle([1.0, 2.0, 3.0]), strict=False):
        total = total * 0.9 + v * w
    return total


@program
def weights_in_turn_first(x):
    total = 0.0
    for w, v in zip(itertools.cycle((1, 2.0)), x, strict=False):
        total = total * 0.9 + v * w
    return total


@program
def item_and_next(x):
    before, after = itertools.tee(x)
    next(after)
    total = 0.0
    for a, b in zip(before, after, strict=False):
        total += a * b
    return total


@program
def longer_first(x):
    long, short = iter(x), iter(x[3:])
    total = 0.0
    for a, b in zip(long, short, strict=False):
        total += a * b
    for a in long:  # one of which is gone
        total = total * 0.9 + a
    return total


@program
def filled_up(x):
    return sum(a * b for a, b in itertools.zip_longest(x, x[2:], fillvalue=1.0))


@program
def filled_up_and_left(x):
    long, short = iter(x), iter(x[3:])
    total = 0.0
    for a, b in itertools.zip_longest(short, long, fillvalue=2.0):
        total += a * b
        if total > 20.0:
            break
    for b in long:
        total = total * 0.9 + b
    return total
