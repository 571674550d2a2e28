"""Programs that do more than compute: print, count, remember, draw random numbers.

What is printed, appended or counted must happen at every call, in order, with the real values; draws
come from NumPy's own generators, so that the same seed gives the same numbers.

The functions are written as users write them; nothing here imports `autodiff`.
"""

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
