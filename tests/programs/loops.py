"""For loops over ranges, rows, pairs, lists and dicts.

Bounds that are constants, arguments or extents; steps of either sign; nested and triangular loops;
enumerate, zip, reversed; break, continue, else, early return; the loop variable after the loop;
accumulators that change type in the first iteration; lists that grow; comprehensions and generator
expressions over traced rows.  Trip counts 0 and 1 are among the inputs.

The functions are written as users write them; nothing here imports `autodiff`.
"""

# ruff: noqa: B905
import itertools
import math
from functools import reduce

import numpy as np

from .registry import call, normal, program, uniform


@program(inputs=[(2.0, 4), (2.0, 5), (1.5, 0), (1.5, 1)], features="for integer")
def loop_mult(x, N):
    y = 0.0
    for _ in range(N):
        y += x
    return y


@program(inputs=[(1.1, 3), (0.9, 20), (0.9, 0)], features="for integer")
def power_by_loop(x, n):
    result = 1.0
    for k in range(n):
        result = result * x
    return result


@program(
    inputs=[(normal(1, 4), 0.5), (normal(2, 9), -1.2), (normal(3, 1), 2.0)],
    features="for size",
)
def horner(coefficients, x):
    acc = coefficients[-1]
    for k in range(len(coefficients) - 2, -1, -1):
        acc = acc * x + coefficients[k]
    return acc


@program(inputs=[(normal(4, 6),), (normal(5, 3),), (np.zeros(0),)], features="for")
def sum_of_cubes_by_index(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] ** 3
    return s


@program(inputs=[(normal(6, 7),), (normal(7, 12),), (normal(8, 1),)], features="for")
def every_third_backwards(x):
    s = 0
    for i in range(len(x) - 1, -1, -3):
        s = s * 0.5 + np.sin(x[i])
    return s


@program(inputs=[(normal(9, 3, 4),), (normal(10, 5, 2),), (normal(11, 1, 1),)], features="for")
def double_loop_frobenius(A):
    m, n = A.shape
    total = 0.0
    for i in range(m):
        for j in range(n):
            total += A[i, j] * A[i, j]
    return math.sqrt(total)


@program(inputs=[(normal(12, 5),), (normal(13, 8),), (normal(14, 1),)], features="for")
def pairwise_repulsion(x):
    energy = 0.0
    for i in range(len(x)):
        for j in range(i):
            energy += 1.0 / (0.1 + (x[i] - x[j]) ** 2)
    return energy


@program(inputs=[(normal(15, 4),), (normal(16, 6),)], features="for")
def enumerate_weights(x):
    out = 0.0
    for i, v in enumerate(x, start=1):
        out += v / i
    return out


@program(
    inputs=[(normal(17, 4), normal(18, 4)), (normal(19, 7), normal(20, 7))],
    features="for",
)
def zip_dot(a, b):
    s = 0.0
    for u, v in zip(a, b):
        s = s + u * v**2
    return s


@program(inputs=[(normal(21, 5),), (normal(22, 3),)], features="for")
def reversed_recurrence(x):
    h = 0.0
    for v in reversed(x):
        h = np.tanh(0.5 * h + v)
    return h


@program(inputs=[(normal(23, 4, 3),), (normal(24, 6, 2),), (normal(25, 1, 3),)], features="for")
def rows_accumulate(X):
    y = 0
    for row in X:
        y += row * row.sum()
    return y


@program(
    inputs=[
        ([normal(26, 2, 3), normal(27, 2, 2), normal(28, 1, 2)], normal(29, 3)),
        ([normal(30, 4, 2)], normal(31, 2)),
    ],
    features="for container",
)
def layers_in_a_list(weights, x):
    h = x
    for i, W in enumerate(weights):
        h = W @ h
        if i < len(weights) - 1:
            h = np.tanh(h)
    return h.sum()


@program(
    inputs=[
        ({"mass": 2.0, "length": 0.5, "g": 9.81},),
        ({"mass": 1.0, "length": 3.0, "g": 1.62},),
    ],
    features="for container",
)
def dict_of_parameters(params):
    total = 0.0
    for name, value in params.items():
        total += len(name) * math.log(value)
    return total * params["mass"]


@program(
    inputs=[
        (np.array([0.5, 1.0, 2.0, 4.0]), 2.2),
        (np.array([0.5, 1.0, 2.0, 4.0]), 100.0),
        (np.array([5.0, 1.0]), 2.2),
    ],
    features="for branch",
)
def stop_when_exceeded(x, limit):
    total = 0.0
    for v in x:
        total += v
        if total > limit:
            break
    return total * limit


@program(inputs=[(normal(32, 8),), (normal(33, 5),), (-np.ones(3),)], features="for branch")
def skip_negatives(x):
    acc = 1.0
    for v in x:
        if v < 0:
            continue
        acc *= 1 + v
    return acc


@program(
    inputs=[(np.array([1.0, 2.0, 0.3]), 0.7), (np.array([1.0, 2.0]), 0.7), (np.array([0.1]), 3.0)],
    features="for branch",
)
def for_else(x, t):
    for v in x:
        if v < t:
            result = v * t
            break
    else:
        result = t**2
    return result


@program(
    inputs=[(np.array([0.1, 0.2, 0.9]), 0.5), (np.array([0.9, 0.2]), 0.5), (np.array([0.1]), 0.5)],
    features="for branch",
)
def first_crossing(x, level):
    """Interpolated index of the first upward crossing; early return from inside the loop."""
    for i in range(1, len(x)):
        if x[i - 1] < level and x[i] >= level:
            return i - 1 + (level - x[i - 1]) / (x[i] - x[i - 1])
    return -1.0 * level


@program(inputs=[(normal(34, 4), 1.0), (normal(35, 6), -2.0)], features="for")
def loop_variable_afterwards(x, c):
    for i in range(len(x)):
        c = c * 0.9 + x[i]
    return c * i


@program(
    inputs=[(normal(36, 3), 4), (normal(37, 2), 1), (normal(38, 2), 2)], features="for integer"
)
def accumulator_changes_type(x, n):
    y = 0
    for k in range(n):
        y = y * 0.5 + x
    return y


@program(inputs=[(0.3, 6), (0.3, 1), (-0.8, 3)], features="for integer container")
def grow_a_list(x0, n):
    path = [x0]
    for _ in range(n):
        path.append(path[-1] + 0.1 * math.cos(path[-1]))
    return np.array(path)


@program(inputs=[(normal(39, 4, 3),), (normal(40, 6, 3),)], features="for container")
def list_then_stack(X):
    out = []
    for row in X:
        out.append(row / np.sqrt(np.sum(row**2) + 1.0))
    return np.stack(out).mean(axis=0)


@program(inputs=[(normal(41, 4, 3),), (normal(42, 2, 5),)], features="for")
def comprehension_over_rows(X):
    norms = [np.sqrt((r * r).sum()) for r in X]
    return np.array(norms).prod()


@program(inputs=[(normal(43, 5),), (normal(44, 9),)], features="for branch")
def generator_with_condition(x):
    return sum(v**2 for v in x if v > 0)


@program(inputs=[(normal(45, 4),), (normal(46, 7),)], features="for")
def functools_reduce(x):
    return reduce(lambda acc, v: acc * 0.7 + v * v, x, 0.5)


@program(inputs=[(normal(47, 4),), (normal(48, 3),)], features="for")
def itertools_pairs(x):
    return sum((a - b) ** 2 for a, b in itertools.combinations(x, 2))


@program(inputs=[(3.0, 0, 10, 2), (3.0, 10, 0, -3), (3.0, 5, 5, 1)], features="for integer")
def range_of_three_arguments(x, start, stop, step):
    s = x
    for k in range(start, stop, step):
        s = np.sin(s) + k * 0.1
    return s


@program(inputs=[(3.5, 0.1, 40), (3.2, 0.7, 5), (2.0, 0.3, 0)], features="for integer")
def logistic_map(r, x, n):
    for _ in range(n):
        x = 0.5 * r * x * (1 - x)
    return x


@program(inputs=[(1.0, 0.0, 30), (0.3, -0.2, 7)], features="for integer")
def tuple_state(a, b, n):
    for _ in range(n):
        a, b = a - 0.05 * b, b + 0.05 * np.sin(a)
    return a * b


@program(
    inputs=[(np.array([[0.1, 0.7], [0.8, 0.3]]), 1.3), (uniform(49, 0, 1, 3, 4), 5.0)],
    features="for branch",
)
def break_out_of_inner(A, budget):
    spent = 0.0
    for i in range(A.shape[0]):
        row = 0.0
        for j in range(A.shape[1]):
            if row + A[i, j] > 1.0:
                break
            row += A[i, j]
        spent += row * budget
    return spent


@program(
    inputs=[call(0.7, terms=8), call(1.2, terms=3), call(1.2, terms=0)], features="for integer"
)
def taylor_exponential(x, *, terms):
    total, term = 1.0, 1.0
    for k in range(1, terms + 1):
        term *= x / k
        total += term
    return total


@program(inputs=[(2.0, 10), (1.5, 4)], features="for integer")
def continued_fraction(x, depth):
    f = x
    for k in range(depth, 0, -1):
        f = x + k / f
    return f


@program(
    inputs=[(normal(50, 6), 3), (normal(51, 9), 2), (normal(52, 4), 4)], features="for integer"
)
def batches_by_slice(x, size):
    worst = 0.0
    for start in range(0, len(x), size):
        chunk = x[start : start + size]
        worst = worst + chunk.sum() ** 2
    return worst


@program(
    inputs=[(normal(53, 3, 2), normal(54, 4, 2)), (normal(55, 2, 5), normal(56, 2, 5))],
    features="for store",
)
def distance_matrix(P, Q):
    D = np.empty((len(P), len(Q)))
    for i, p in enumerate(P):
        for j, q in enumerate(Q):
            D[i, j] = np.sqrt(np.sum((p - q) ** 2))
    return D


@program(inputs=[(normal(57, 4),), (normal(58, 5),)], features="for")
def nested_function_in_loop(x):
    total = 0.0
    for v in x:

        def shifted(t, v=v):
            return (t - v) ** 2

        total += shifted(total)
    return total


@program(inputs=[(normal(59, 4), 2), (normal(60, 5), 3)], features="for integer")
def string_keyed_updates(x, sweeps):
    state = {"position": x, "energy": 0.0}
    for _ in range(sweeps):
        state["position"] = state["position"] * 0.5 + 1
        state["energy"] += np.sum(state["position"] ** 2)
    return state["energy"]


@program(inputs=[(uniform(61, 0.1, 0.9, 5),), (uniform(62, 0.1, 0.9, 2),)], features="for branch")
def running_maximum(x):
    best = -np.inf
    total = 0.0
    for v in x:
        if v > best:
            best = v
        total += best
    return total
