"""
The fastest slide: the brachistochrone
======================================

Along which curve does a bead slide fastest from one point to another below?  Johann Bernoulli put
the question to the mathematicians of Europe in 1696.  The answer is a cycloid, and today a dozen
lines find it: heights at eighty places are the unknowns, the time along the straight pieces
between them is the objective.

Newton's method needs the Hessian, which has three diagonals only, as each piece joins two
neighbours.  ``sparse=True`` computes just those.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.sparse.linalg import spsolve

import autodiff

pieces, width, drop, g = 80, 2.0, 1.0, 9.81
# More places where the curve is steep, at the start.
x = width * np.linspace(0, 1, pieces + 1) ** 2


def duration(depths):
    """Seconds along the polygon: on a straight piece the acceleration is constant, so the mean speed is the speeds' mean."""
    y = np.concatenate([np.zeros(1), depths, np.full(1, drop)])
    speed = np.sqrt(2 * g * y)
    length = np.sqrt((x[1:] - x[:-1]) ** 2 + (y[1:] - y[:-1]) ** 2)
    return np.sum(2 * length / (speed[1:] + speed[:-1]))


straight = drop * x[1:-1] / width
fall = autodiff.function(duration)
slope = autodiff.gradient(duration)
curvature = autodiff.hessian(duration, sparse=True)
np.testing.assert_allclose(
    curvature(straight).toarray(), autodiff.hessian(duration)(straight), rtol=1e-9, atol=1e-9
)
print(
    f"{curvature(straight).nnz} of {(pieces - 1) ** 2} elements of the Hessian are other than zero"
)

# %%
# Newton's method, with steps halved until the time falls.

depths, history = straight, [straight]
for _ in range(60):
    gradient = slope(depths)
    if np.max(np.abs(gradient)) < 1e-11:
        break
    H = curvature(depths).tocsc()
    damping = 0.0
    step = -spsolve(H, gradient)
    if gradient @ step > 0:  # the time is not convex here
        step = -gradient / np.max(np.abs(H.diagonal()))
    size = 1.0
    while np.any(depths + size * step <= 0) or fall(depths + size * step) > fall(depths) + 1e-15:
        size /= 2
        if size < 1e-12:
            break
    depths = depths + size * step
    history.append(depths)
print(
    f"{len(history) - 1} steps: {fall(straight):.4f} s on the straight line, {fall(depths):.5f} s at the end"
)

# %%
# The cycloid through both points, and its time.


def beyond(theta):
    return (theta - np.sin(theta)) / (1 - np.cos(theta)) - width / drop


theta = brentq(beyond, 0.1, 2 * np.pi - 0.1)
radius = drop / (1 - np.cos(theta))
exact = theta * np.sqrt(radius / g)
print(f"the cycloid takes {exact:.5f} s")
assert 0 < fall(depths) - exact < 2e-4 * exact

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
for k in sorted({0, 1, 2, 4, 8, len(history) - 1}):
    if k < len(history):
        y = np.concatenate([[0], history[k], [drop]])
        last = k == len(history) - 1
        left.plot(
            x,
            -y,
            color="C3" if last else "0.7",
            lw=2 if last else 1,
            label="found" if last else None,
        )
turn = np.linspace(0, theta, 30)
left.plot(radius * (turn - np.sin(turn)), -radius * (1 - np.cos(turn)), "k.", label="cycloid")
left.set(aspect="equal", xlabel="m", ylabel="m")
left.legend()
right.semilogy([fall(h) - fall(depths) + 1e-16 for h in history[:-1]], "o-")
right.set(xlabel="Newton step", ylabel="seconds above the minimum")
plt.show()
