"""Everyday loops over numbers that are given, of any number: each is one loop of the program, or loops in loops."""

import bisect
import heapq
import itertools
import statistics
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


# -- lists in order -----------------------------------------------------------------------------------
@program
def by_falling_value(x):
    total = 0.0
    for v in sorted(x, key=lambda v: -v):
        total = total * 0.9 + v
    return total


@program
def places_in_order(x):
    total = 0.0
    for i in sorted(range(len(x)), key=lambda i: np.floor(2 * x[i]), reverse=True):
        total = total * 0.9 + x[i] * (i + 1)
    return total


@program
def pairs_in_order(x):
    total = 0.0
    for v, i in sorted(zip(x, range(len(x)), strict=True)):
        total = total * 0.9 + v * i
    return total


@program
def records_in_order(x):
    rows = [(v, i) for i, v in enumerate(x)]
    rows.sort(key=lambda row: (row[1] % 3, -row[0]), reverse=True)
    total = 0.0
    for v, i in rows:
        total = total * 0.9 + v * (i + 1)
    return total


@program
def in_order_again_and_again(x):
    items, total = list(x), 0.0
    for i in range(len(x)):
        items[i] = items[i] * 0.5 + 1.0
        items.sort(key=lambda v: -v)
        total = total * 0.9 + items[0] - items[3]
    return total


@program
def sorted_by_insertion(x):
    items = list(x)
    for i in range(1, len(items)):
        j = i
        while j > 0 and items[j - 1] > items[j]:
            items[j - 1], items[j] = items[j], items[j - 1]
            j -= 1
    return sum(v * i for i, v in enumerate(items))


@program
def over_tolist(x):
    total = 0.0
    for v in x.tolist():
        total = total * 0.9 + v
    return np.float64(total)


# -- stacks -------------------------------------------------------------------------------------------
@program
def halves_on_a_stack(x):
    stack, total = [(0, len(x))], 0.0
    while stack:
        low, high = stack.pop()
        if high - low <= 1:
            total += x[low] ** 2
        else:
            middle = (low + high) // 2
            stack.append((low, middle))
            stack.append((middle, high))
    return total


@program
def tree_on_a_stack(x):
    stack, total, n = [0], 0.0, len(x)
    while stack:
        i = stack.pop()
        total = total * 0.9 + x[i]
        if 2 * i + 1 < n:
            stack.append(2 * i + 1)
        if 2 * i + 2 < n:
            stack.append(2 * i + 2)
    return total


@program
def quadrature_on_a_stack(x):
    a, n = np.mean(x), len(x)
    stack, total = [(0.0, 1.0)], 0.0
    while stack:
        low, high = stack.pop()
        middle = 0.5 * (low + high)
        one = (high - low) * np.exp(a * middle)
        two = (high - low) / 2 * (np.exp(a * (low + middle) / 2) + np.exp(a * (middle + high) / 2))
        if abs(one - two) < 1e-3 / n:
            total += two
        else:
            stack.append((low, middle))
            stack.append((middle, high))
    return total


@program
def falling_stack(x):
    stack, total = [], 0.0
    for v in x:
        while stack and stack[-1] < v:
            total += v - stack.pop()
        stack.append(v)
    return total + len(stack)


@program
def every_second_again(x):
    total, items = 0.0, list(x)
    while items:
        total += items[0]
        items = items[1::2]
    return total


# -- heaps --------------------------------------------------------------------------------------------
@program
def two_smallest_joined(x):
    heap, total = list(x), 0.0
    heapq.heapify(heap)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        total += a * b
        heapq.heappush(heap, a + b)
    return total


@program
def put_in_order(x):
    ordered = []
    for v in x:
        bisect.insort(ordered, np.sin(5 * v))
    return sum(v * k for k, v in enumerate(ordered))


@program
def running_median(x):
    window, ordered, total = [], [], 0.0
    for v in x:
        window.append(v)
        bisect.insort_left(ordered, v)
        if len(window) > 5:
            ordered.remove(window.pop(0))
        total += ordered[len(ordered) // 2]
    return total


@program
def largest_kept(x):
    heap = []
    for v in x:
        if len(heap) < 3:
            heapq.heappush(heap, v)
        else:
            heapq.heappushpop(heap, v)
    return heap[0] * heap[1] + heap[2]


@program
def paths_by_a_heap(x):
    n = len(x)
    cost, heap = np.full(n, 1e9), [(x[0], 0)]
    cost[0] = x[0]
    while heap:
        d, i = heapq.heappop(heap)
        if d <= cost[i]:
            for j in (i + 1, i + 3):
                if j < n and d + x[j] ** 2 < cost[j]:
                    cost[j] = d + x[j] ** 2
                    heapq.heappush(heap, (cost[j], j))
    return cost[n - 1]


@program
def smallest_and_largest(x):
    return sum(heapq.nsmallest(3, x)) * heapq.nlargest(2, x, key=np.cos)[1]


# -- ints beside floats -------------------------------------------------------------------------------
@program
def largest_sum_of_a_part(x):
    total, largest = 0, 0
    for v in x:
        total = max(0, total + v - 1.7)
        largest = max(largest, total)
    return largest * 1.0


@program
def knapsack(x):
    best = [0] * (len(x) + 1)
    for v in x:
        for w in range(len(x), 1, -1):
            best[w] = max(best[w], best[w - 2] + v)
    return best[len(x)]


# -- statistics ---------------------------------------------------------------------------------------
@program
def means(x):
    return statistics.fmean(x) * statistics.mean(x) + statistics.harmonic_mean(x)


@program
def spreads(x):
    return statistics.variance(x) + statistics.pstdev(list(x)) + statistics.median(x)


# -- lists of None that are filled --------------------------------------------------------------------
@program
def filled_from_a_first_one(x):
    y = [None] * 20
    y[0] = x[0]
    for i in range(1, 20):
        y[i] = y[i - 1] * 0.9 + x[i]
    return sum(y)


@program
def filled_in_a_loop(x):
    y = [None] * 20
    for i in range(20):
        y[i] = x[i] ** 2
    return np.sum(np.array(y)) * y[3]
