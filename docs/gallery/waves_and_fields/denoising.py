"""
Denoising by total variation
============================

A noisy picture is cleaned by asking for one that is near to it and has little *total variation*,
the sum of the lengths of its local gradients (Rudin, Osher and Fatemi 1992).  Noise is full of
small steps and pays; an edge pays once.

The unknown has as many elements as the picture, sixteen thousand here; reverse mode gives the
whole gradient for the price of a few evaluations.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

n = 128
rng = np.random.default_rng(9)
u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
clean = (
    0.2
    + 0.6 * (u**2 + v**2 < 0.5)
    - 0.4 * ((u - 0.2) ** 2 + (v + 0.2) ** 2 < 0.05)
    + 0.3 * ((np.abs(u + 0.3) < 0.15) & (np.abs(v - 0.2) < 0.2))
)
clean = clean + 0.15 * v
noisy = clean + 0.15 * rng.standard_normal((n, n))


def total_variation(z, rounding=1e-3):
    across, down = z[1:, :-1] - z[:-1, :-1], z[:-1, 1:] - z[:-1, :-1]
    return np.sum(np.sqrt(across**2 + down**2 + rounding**2))


def energy(z, weight):
    return 0.5 * np.sum((z - noisy) ** 2) + weight * total_variation(z)


# %%
# The gradient of one picture, checked in a random direction.

direction = rng.standard_normal((n, n))
gradient = autodiff.gradient(energy, wrt="z")(noisy, 0.15)
h = 1e-6
difference = (energy(noisy + h * direction, 0.15) - energy(noisy - h * direction, 0.15)) / (2 * h)
np.testing.assert_allclose(np.sum(gradient * direction), difference, rtol=1e-6)

# %%
# The noise has a known size, so the best weight is the one that leaves a residual of that size:
# too small keeps noise, too large flattens.

weights = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
pictures, z = [], noisy
for weight in weights:
    fit = optimize.minimize(
        energy, z, args=(weight,), method="L-BFGS-B", options={"maxiter": 200, "maxcor": 20}
    )
    z = fit.x
    pictures.append(z)
errors = np.array([np.sqrt(np.mean((z - clean) ** 2)) for z in pictures])
residuals = np.array([np.sqrt(np.mean((z - noisy) ** 2)) for z in pictures])
chosen = int(np.argmin(np.abs(residuals - 0.15)))
print(
    f"noise 0.150; chosen weight {weights[chosen]}, residual {residuals[chosen]:.3f}, error {errors[chosen]:.3f}"
)
assert errors[chosen] < 0.3 * 0.15
assert errors[chosen] < 1.3 * errors.min()

# %%
fig, axes = plt.subplots(1, 4, figsize=(15, 3.8), layout="constrained")
for ax, picture, title in zip(
    axes, (clean, noisy, pictures[chosen]), ("truth", "measured", "denoised"), strict=False
):
    ax.imshow(picture, cmap="gray", vmin=-0.2, vmax=1.2)
    ax.set_title(title)
    ax.set_axis_off()
axes[3].loglog(weights, errors, "o-", label="error (not known in practice)")
axes[3].loglog(weights, residuals, "s--", label="residual")
axes[3].axhline(0.15, color="0.6", lw=0.8)
axes[3].plot(weights[chosen], errors[chosen], "C3*", ms=14)
axes[3].set(xlabel="weight")
axes[3].set_xticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
axes[3].set_yticks([0.03, 0.05, 0.1, 0.15], ["0.03", "0.05", "0.1", "0.15"])
axes[3].minorticks_off()
axes[3].legend()
plt.show()
