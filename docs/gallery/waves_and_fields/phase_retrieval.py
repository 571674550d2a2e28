"""
Phase retrieval: a picture from its diffraction
===============================================

A detector behind a crystal, or behind a virus in an X-ray laser, counts photons: it sees the
*magnitude* of the Fourier transform and loses the phase.  With enough samples the phase can be
recovered.  In *coded diffraction* several known masks are put in front of the object, and the
misfit

.. math:: \\sum_m \\left(|F(\\text{mask}_m\\, z)| - \\text{measured}_m\\right)^2

is a function of complex numbers.  Its gradient by the complex object is what the optimiser needs:
the direction of steepest ascent.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

n = 48
rng = np.random.default_rng(6)
u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
thickness = (
    1.2 * np.exp(-((u + 0.3) ** 2 + v**2) / 0.08)
    + 0.9 * ((u - 0.35) ** 2 + (v - 0.1) ** 2 < 0.08)
    + 0.6 * (np.abs(v + 0.6) < 0.1) * (np.abs(u) < 0.6)
)
thing = (1 - 0.4 * thickness / thickness.max()) * np.exp(
    1j * thickness
)  # absorbs a little, delays a lot
masks = np.exp(2j * np.pi * rng.integers(0, 4, (4, n, n)) / 4)


def diffraction(z, masks):
    return np.abs(np.fft.fft2(masks * z, norm="ortho")) ** 2


photons = 2000.0
measured = np.sqrt(rng.poisson(photons * diffraction(thing, masks)) / photons)


def misfit(parts, masks):
    z = parts[0] + 1j * parts[1]
    magnitude = np.sqrt(diffraction(z, masks) + 1e-12)
    return np.sum((magnitude - measured) ** 2)


# %%
# The gradient by a complex array is complex, dL/dRe + i dL/dIm, and agrees with that by the two
# parts.

z0 = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))


def complex_misfit(z, masks):
    return np.sum((np.sqrt(diffraction(z, masks) + 1e-12) - measured) ** 2)


by_parts = autodiff.gradient(misfit, wrt="parts")(np.array([z0.real, z0.imag]), masks)
by_z = autodiff.gradient(complex_misfit, wrt="z")(z0, masks)
np.testing.assert_allclose(by_z, by_parts[0] + 1j * by_parts[1], rtol=1e-9, atol=1e-9)

start = np.array([np.ones((n, n)), 0.1 * rng.standard_normal((n, n))])
fit = optimize.minimize(
    misfit, start, args=(masks,), method="L-BFGS-B", history=True, options={"maxiter": 400}
)
z = fit.x[0] + 1j * fit.x[1]
z = z * np.exp(-1j * np.angle(np.vdot(thing, z)))  # a common phase cannot be known
error = np.linalg.norm(z - thing) / np.linalg.norm(thing)
print(
    f"{2 * n * n} unknowns, {measured.size} magnitudes; misfit {fit.fun:.3f}, error of the object {error:.2%}"
)
assert error < 0.1

# %%
fig, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")
axes[0].imshow(np.log10(np.fft.fftshift(measured[0]) ** 2 + 1e-4), cmap="magma")
axes[0].set_title("one of four measurements")
axes[1].imshow(np.angle(thing), cmap="viridis", vmin=-0.2, vmax=1.4)
axes[1].set_title("phase of the object")
axes[2].imshow(np.angle(z), cmap="viridis", vmin=-0.2, vmax=1.4)
axes[2].set_title("phase recovered")
for ax in axes[:3]:
    ax.set_axis_off()
axes[3].semilogy(fit.history.values)
axes[3].set(xlabel="evaluations", title="misfit")
plt.show()
