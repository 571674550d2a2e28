"""Programs that do more than compute: print, count, remember, draw random numbers.

What is printed, appended or counted must happen at every call, in order, with the real values; draws
come from NumPy's own generators, so that the same seed gives the same numbers.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import normal, program


@program(inputs=[(2.0,), (-1.0,), (0.5,)], features="effect", may_run_uncompiled=True)
def print_a_value(x):
    y = x**2
    print("y =", y)
    return y * x


@program(inputs=[(2.0,), (-1.0,), (0.5,)], features="effect branch", may_run_uncompiled=True)
def print_in_a_branch(x):
    if x > 0:
        print(f"positive: {x:.3f}")
        x = x * 2
    else:
        print(f"negative: {x:.3f}")
    return x**3


@program(
    inputs=[(3, 0.5), (1, 0.25), (0, 2.0)], features="effect for integer", may_run_uncompiled=True
)
def print_in_a_loop(n, x):
    total = 0.0
    for k in range(n):
        total += x**k
        print(k, total)
    return total


@program(inputs=[(5.0,), (0.5,), (17.0,)], features="effect while", may_run_uncompiled=True)
def print_in_a_while(x):
    while x > 1:
        x /= 3
        print("x is now", x)
    return x


class Counted:
    """A model that counts its evaluations, as callers of optimisers write it."""

    def __init__(self):
        self.nfev = 0

    def __call__(self, x):
        self.nfev += 1
        return np.sum(x**2) * self.nfev


@program(
    inputs=[(normal(1, 3),), (normal(2, 4),)], features="effect object", may_run_uncompiled=True
)
def count_evaluations(x):
    model = Counted()
    return model(x) + model(2 * x) + 0.1 * model.nfev


@program(
    inputs=[(0.5, 3), (2.0, 1)], features="effect container for integer", may_run_uncompiled=True
)
def history_of_iterates(x, n):
    history = []

    def record(value):
        history.append(value)

    for _ in range(n):
        record(x)
        x = np.cos(x)
    return sum(history) + len(history)


@program(inputs=[(0.3, 1.5, 4), (-1.0, 0.2, 2)], features="effect integer", may_run_uncompiled=True)
def draws_from_a_seeded_generator(mu, sigma, n):
    rng = np.random.default_rng(11)
    return np.mean((mu + sigma * rng.standard_normal(n)) ** 2)


@program(inputs=[(0.3, 1.5, 4), (-1.0, 0.2, 2)], features="effect integer", may_run_uncompiled=True)
def location_and_scale_of_draws(mu, sigma, n):
    rng = np.random.default_rng(12)
    return rng.normal(mu, sigma, size=n).prod() + rng.uniform(0.0, sigma)


@program(inputs=[(0.3, 5), (1.4, 3)], features="effect for integer branch", may_run_uncompiled=True)
def random_walk_in_a_loop(step, n):
    rng = np.random.default_rng(13)
    x = 0.0
    for _ in range(n):
        x += step if rng.random() < 0.5 else -step
        x += 0.1 * step * rng.normal()
    return x**2


@program(
    inputs=[(normal(3, 5), 0.5), (normal(4, 4), 0.9)],
    features="effect mask",
    may_run_uncompiled=True,
)
def dropout(x, keep):
    rng = np.random.default_rng(14)
    mask = rng.random(x.shape) < 0.7
    return np.sum(x * mask / keep)


class Objective:
    """An objective that counts, logs and remembers its best point."""

    def __init__(self):
        self.nfev = 0
        self.history = []
        self.best = {"loss": np.inf, "x": None}

    def __call__(self, x):
        loss = np.sum((x - 0.5) ** 4) + 0.1 * np.sum(x[1:] * x[:-1])
        self.nfev += 1
        self.history.append(float(loss))
        if loss < self.best["loss"]:
            self.best["loss"], self.best["x"] = loss, x
        return loss


OBJECTIVE = Objective()
TRACE = []
TOTALS = {"sum": 0.0, "calls": 0}
CALLS = 0


@program(inputs=[(normal(21, 3),), (normal(22, 4),)], features="effect object branch container")
def objective_that_keeps_books(x):
    return OBJECTIVE(x)


@program(inputs=[(0.5, 6), (2.0, 9), (1.0, 0)], features="effect for integer container")
def log_of_iterates(x, n):
    for k in range(n):
        x = 0.5 * (x + 2.0 / x)
        if k % 2 == 0:
            TRACE.append((k, x))
    return x


@program(inputs=[(3.0,), (0.5,)], features="effect while container")
def log_of_a_while_loop(x):
    while x > 1.0:
        x *= 0.7
        TRACE.append(x)
    return x**2


@program(inputs=[(normal(23, 3),), (normal(24, 3),)], features="effect container")
def running_totals(x):
    TOTALS["calls"] += 1
    TOTALS["sum"] = np.sum(x**2)
    return np.sqrt(TOTALS["sum"]) * 2.0


@program(inputs=[(1.5,), (-2.0,)], features="effect branch")
def count_in_a_global(x):
    global CALLS
    CALLS += 1
    return x**3 if x > 0 else -x


@program(inputs=[(normal(25, 5),), (normal(26, 4),)], features="effect for branch")
def variables_of_an_enclosing_function(x):
    positive = 0
    largest = 0.0

    def look(v):
        nonlocal positive, largest
        if v > 0:
            positive += 1
            largest = max(largest, v)

    for v in x:
        look(v)
    return largest**2 + positive * np.sum(x)


def steps_of_newton(x, n):
    """Yields the iterates of Newton's method for the cube root of 2."""
    for _ in range(n):
        x = x - (x**3 - 2.0) / (3.0 * x**2)
        yield x


@program(inputs=[(1.0, 4), (2.5, 6)], features="generator for integer")
def last_of_a_generator(x, n):
    previous = x
    for y in steps_of_newton(x, n):
        if abs(y - previous) < 1e-3:
            break
        previous = y
    return y + 0.1 * previous


@program(inputs=[(normal(27, 6),), (normal(28, 3),)], features="generator")
def pairs_of_a_generator(x):
    def pairs():
        before = x[0]
        for v in x[1:]:
            yield before, v
            before = v

    return sum(a * b**2 for a, b in pairs())


@program(inputs=[(2.5, 0.5), (0.5, 1.5)], features="try")
def quotient_or_default(x, y):
    try:
        return y / math.floor(x)
    except ZeroDivisionError:
        return 3.0 * y + x


@program(inputs=[(normal(29, 4), 2), (normal(30, 4), 9)], features="try for integer")
def neighbours_that_may_be_missing(x, k):
    total = 0.0
    for i in range(len(x)):
        try:
            total = total + x[i] * x[i + k]
        except IndexError:
            total = total + x[i]
    return total
