"""
The lightest bridge: truss optimisation
=======================================

A cantilever of bars carries a load at its end.  How thick must each bar be, with a given amount
of steel, for the bridge to yield least?  In 1904 Michell found the perfect layouts; here a
computer starts from a grid in which all neighbouring joints are connected, and thins out what is
not needed.

The yielding (*compliance*) is load times displacement, and the displacement is the solution of a
linear system of stiffnesses: :math:`K(a)\\,u = f`.  Its gradient is known in closed form, minus
the strain energy of each bar, which serves as a check.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

across, up = 7, 4
joints = np.array([(i, j) for i in range(across) for j in range(up)], dtype=float)
pairs = [(a, b) for a in range(len(joints)) for b in range(a + 1, len(joints))
         if 0 < np.sum((joints[a] - joints[b]) ** 2) <= 5.1]  # fmt: skip
bars = np.array(pairs)
along = joints[bars[:, 1]] - joints[bars[:, 0]]
lengths = np.sqrt(np.sum(along**2, axis=1))
free = np.arange(2 * up, 2 * len(joints))  # the joints at the wall are held
# How much each bar is stretched by each displacement, shape (bars, displacements).
stretch = np.zeros((len(bars), 2 * len(joints)))
for k, (a, b) in enumerate(bars):
    stretch[k, 2 * a : 2 * a + 2] = -along[k] / lengths[k]
    stretch[k, 2 * b : 2 * b + 2] = along[k] / lengths[k]
stretch = stretch[:, free]
load = np.zeros(2 * len(joints))
load[2 * (len(joints) - 2) + 1] = -1.0  # downwards, at the end
load = load[free]


def displacements(areas):
    K = stretch.T @ ((areas / lengths)[:, None] * stretch)
    return np.linalg.solve(K, load)


def compliance(areas):
    return load @ displacements(areas)


# %%
# The gradient, and the formula.

steel = 30.0
even = np.full(len(bars), steel / lengths.sum())
by_energy = -((stretch @ displacements(even)) ** 2) / lengths
np.testing.assert_allclose(autodiff.gradient(compliance)(even), by_energy, rtol=1e-9)

# %%
# Compliance plus volume is convex in the areas; its minimum, scaled to the steel that there is,
# is the bridge.

LEAST = 1e-5  # no bar vanishes altogether, or joints would come loose


def objective(areas):
    return compliance(areas) + lengths @ areas


fit = optimize.minimize(objective, even, method="L-BFGS-B", bounds=[(LEAST, None)] * len(bars),
                        options={"maxiter": 5000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 40})  # fmt: skip
areas = fit.x * steel / (lengths @ fit.x)
stress = (stretch @ displacements(areas)) / lengths
kept = areas > 1e-3 * areas.max()
print(
    f"{len(bars)} bars, {np.sum(kept)} kept; compliance {compliance(even):.1f} with equal bars, {compliance(areas):.2f} at the end"
)

# %%
# At the optimum all bars that are kept are equally stressed, and no other would be stressed more:
# Michell's criterion.

used = areas > 0.05 * areas.max()
print(f"stress in the bars: {np.abs(stress[used]).min():.4f} to {np.abs(stress[used]).max():.4f}")
assert np.ptp(np.abs(stress[used])) < 0.02 * np.abs(stress[used]).max()
print(f"largest stress that a bar left out would have: {np.abs(stress[~used]).max():.4f}")
assert np.abs(stress).max() < 1.02 * np.abs(stress[used]).max()

fig, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
for ax, a, title in (
    (axes[0], even, f"equal bars: {compliance(even):.1f}"),
    (axes[1], areas, f"optimal: {compliance(areas):.1f}"),
):
    force = stretch @ displacements(a) * a / lengths
    for k in np.argsort(a):
        if a[k] > 1e-3 * a.max():
            ax.plot(
                *joints[bars[k]].T,
                color="C0" if force[k] > 0 else "C3",
                lw=5 * np.sqrt(a[k] / areas.max()),
                solid_capstyle="round",
            )
    ax.plot(*joints.T, "k.", ms=3)
    ax.annotate("", joints[-2] - [0, 0.9], joints[-2], arrowprops={"arrowstyle": "->", "lw": 2})
    ax.axvspan(-0.3, 0, color="0.8")
    ax.set(title=title, aspect="equal", xlim=(-0.3, across - 0.5), ylim=(-0.5, up - 0.5))
    ax.set_axis_off()
fig.suptitle("blue is pulled, red is pushed")
plt.show()
