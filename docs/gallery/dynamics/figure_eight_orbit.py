"""
Three bodies on a figure of eight
=================================

In 1993 C. Moore found, and in 2000 A. Chenciner and R. Montgomery proved, that three equal masses
can chase each other for ever along one curve, a figure of eight.  How is such an orbit found?  By
asking for it: run Newton's equations for a third of a period, demand that each body be where
another was, and let the gradient improve the initial velocity and the period.

The simulation is written as one would: bodies, pairs, a loop.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize


def accelerations(r):
    a = np.zeros_like(r)
    for i in range(3):
        for j in range(3):
            if i != j:
                apart = r[j] - r[i]
                a[i] += apart / np.sum(apart**2) ** 1.5
    return a


def simulate(r, v, duration, steps):
    """Fourth-order symplectic steps (Forest and Ruth 1990); all positions, shape (steps + 1, 3, 2)."""
    theta = 1 / (2 - 2 ** (1 / 3))
    dt = duration / steps
    path = np.empty((steps + 1, 3, 2))
    path[0] = r
    for k in range(steps):
        for drift, kick in (
            (theta / 2, theta),
            ((1 - theta) / 2, 1 - 2 * theta),
            ((1 - theta) / 2, theta),
            (theta / 2, 0.0),
        ):
            r = r + drift * dt * v
            if kick != 0.0:
                v = v + kick * dt * accelerations(r)
        path[k + 1] = r
    return path, v


start = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])


def initial_velocities(p):
    outer = np.array([p[0], p[1]])
    return np.stack([outer, outer, -2 * outer])


def mismatch(p):
    """After a third of the period each body has the place and velocity of the next."""
    v = initial_velocities(p)
    path, end_v = simulate(start, v, p[2] / 3, 120)
    order = [1, 2, 0]
    return np.sum((path[-1] - start[order]) ** 2) + np.sum((end_v - v[order]) ** 2)


# %%
# From a rough guess.  The three numbers are known to many digits (C. Simó).

guess = np.array([0.4, 0.5, 6.0])
fit = optimize.minimize(mismatch, guess, method="BFGS", options={"gtol": 1e-10})
print(f"velocity ({fit.x[0]:.6f}, {fit.x[1]:.6f}), period {fit.x[2]:.6f}, mismatch {fit.fun:.1e}")
np.testing.assert_allclose(fit.x, [0.347117, 0.532725, 6.325914], atol=1e-6)

# %%
# Is it stable?  The derivative of the state after one period by the state before, the *monodromy
# matrix*, has the answer in its eigenvalues: none leaves the unit circle.  (Eight of them are
# one, for the conserved quantities; a multiple eigenvalue is computed to a root of the accuracy
# only.)  A symplectic flow has determinant one, which checks the derivative.


def after_a_period(state):
    path, v = simulate(state[:6].reshape(3, 2), state[6:].reshape(3, 2), fit.x[2], 720)
    return np.concatenate([path[-1].ravel(), v.ravel()])


state = np.concatenate([start.ravel(), initial_velocities(fit.x).ravel()])
np.testing.assert_allclose(after_a_period(state), state, atol=1e-4)
monodromy = autodiff.jacobian(after_a_period)(state)
multipliers = np.linalg.eigvals(monodromy)
print(
    f"determinant {np.linalg.det(monodromy):.8f}, largest multiplier {np.max(np.abs(multipliers)):.2f}"
)
assert np.max(np.abs(multipliers)) < 1.05
np.testing.assert_allclose(np.linalg.det(monodromy), 1.0, atol=1e-6)

# %%
fig, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 4), width_ratios=[5, 5, 3], layout="constrained"
)
for ax, p, title in ((left, guess, "the guess"), (middle, fit.x, "found")):
    path, _ = simulate(start, initial_velocities(p), 0.95 * p[2], 684)
    for k in range(3):
        ax.plot(*path[:, k].T, lw=1)
        ax.plot(*path[-1, k], "o", color=f"C{k}")
    ax.set(title=title, aspect="equal", xlim=(-1.6, 1.6), ylim=(-0.9, 0.9))
turn = np.linspace(0, 2 * np.pi, 200)
right.plot(np.cos(turn), np.sin(turn), "0.7")
right.plot(multipliers.real, multipliers.imag, "k.")
right.set(aspect="equal", title="multipliers", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3))
plt.show()
