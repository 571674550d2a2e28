"""
Tuning a marimba bar: derivatives of eigenvalues
================================================

A uniform wooden bar sounds its overtones at 2.76 and 5.40 times its lowest pitch, which is no
music.  Makers of marimbas carve an arch below the bar until the first overtone is *four* times as
high, two octaves.  Where must wood go?

The pitches are eigenvalues of a pencil of stiffness and mass, from finite elements.  The
derivative of an eigenvalue by the thickness at each place is a map of what carving there does; a
few steps along it tune the bar.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import eigh

import autodiff
from autodiff import optimize

elements = 32
h = 1.0 / elements

# Hermite's cubic beam element (stiffness and mass matrices for unit properties).
K_unit = np.array([[12, 6 * h, -12, 6 * h], [6 * h, 4 * h * h, -6 * h, 2 * h * h],
                   [-12, -6 * h, 12, -6 * h], [6 * h, 2 * h * h, -6 * h, 4 * h * h]]) / h**3  # fmt: skip
M_unit = np.array([[156, 22 * h, 54, -13 * h], [22 * h, 4 * h * h, 13 * h, -3 * h * h],
                   [54, 13 * h, 156, -22 * h], [-13 * h, -3 * h * h, -22 * h, 4 * h * h]]) * h / 420  # fmt: skip


def matrices(thickness):
    """Stiffness grows with the cube of the thickness, mass with the thickness."""
    size = 2 * (elements + 1)
    K, M = np.zeros((size, size)), np.zeros((size, size))
    for e in range(elements):
        K[2 * e : 2 * e + 4, 2 * e : 2 * e + 4] += thickness[e] ** 3 * K_unit
        M[2 * e : 2 * e + 4, 2 * e : 2 * e + 4] += thickness[e] * M_unit
    return K, M


def pitches(thickness):
    """The three lowest, after the two motions of the free bar as a whole."""
    K, M = matrices(thickness)
    # Both ends are free: a shift of the pencil keeps the rigid motions from being an exact zero.
    return np.sqrt(eigh(K + M, M, eigvals_only=True)[2:5] - 1.0)


uniform = pitches(np.ones(elements))
print("uniform bar:", (uniform / uniform[0]).round(4))
np.testing.assert_allclose(uniform, [22.3733, 61.6728, 120.9034], rtol=1e-4)  # Euler and Bernoulli

# %%
# The derivative of an eigenvalue is the classical formula of Rayleigh, with the mode's shape.
# They agree.

slopes = autodiff.jacobian(pitches)(np.ones(elements))
K, M = matrices(np.ones(elements))
values, modes = eigh(K, M)
by_rayleigh = np.empty((3, elements))
for m in range(3):
    for e in range(elements):
        shape = modes[2 * e : 2 * e + 4, m + 2]
        by_rayleigh[m, e] = shape @ (3 * K_unit - values[m + 2] * M_unit) @ shape / (2 * uniform[m])
np.testing.assert_allclose(slopes, by_rayleigh, rtol=1e-4, atol=1e-4)

# %%
# Tune to 1 : 4 : 10 as the makers do, with a smooth arch that is the same on both sides.

half = np.linspace(0, 1, elements // 2)


def bar(p):
    """An arch from a few cosines, in logarithms, from the end to the middle and back."""
    log_thickness = sum(p[k] * np.cos(k * np.pi * half) for k in range(len(p)))
    log_thickness = -np.logaddexp(-log_thickness / 0.1, 0) * 0.1  # never thicker than the plank
    side = np.exp(log_thickness)
    return np.concatenate([side, side[::-1]])


def mistuning(p):
    found = pitches(bar(p))
    return (
        np.log(found[1] / found[0] / 4) ** 2
        + np.log(found[2] / found[0] / 10) ** 2
        + 1e-7 * np.sum(p**2)
    )


fit = optimize.minimize(
    mistuning, np.array([0.1, 0.2, 0.0, 0.0]), method="BFGS", options={"gtol": 1e-7}
)
tuned = pitches(bar(fit.x))
cents = 1200 * np.log2(tuned[1:] / tuned[0] / np.array([4.0, 10.0]))
print("carved bar:", (tuned / tuned[0]).round(4), "off by", cents.round(2), "cents")
assert np.all(np.abs(cents) < 2)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
place = (np.arange(elements) + 0.5) / elements
for m in range(3):
    left.plot(place, slopes[m] / uniform[m], label=f"pitch {m + 1}")
left.axhline(0, color="0.7", lw=0.8)
left.set(
    xlabel="place along the bar",
    ylabel="change of the pitch per thickness",
    title="uniform bar: what carving does",
)
left.legend()
right.fill_between(place, 1 - bar(fit.x), 1.0, step="mid", color="#b5763b")
right.set(
    xlabel="place along the bar", ylabel="height", ylim=(-0.1, 1.4), title="carved: 1 : 4 : 10"
)
plt.show()
