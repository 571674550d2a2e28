"""
Lens design by ray tracing
==========================

A lens with spherical faces does not bring all rays to one point.  Which shape does?  Rays are
traced through the surfaces by Snell's law, and the size of the spot on the detector is a function
of the shape.  Optical designers call its minimisation *merit function optimisation*, and take
differences.  With a derivative of the ray tracer the answer is exact, and here it can be compared
with Descartes', who found in 1637 that the perfect face for parallel light is a hyperboloid.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

glass, thickness, aperture = 1.5168, 6.0, 10.0  # crown glass; millimetres
heights = np.linspace(0.4, aperture, 25)


def sag(r, curvature, conic):
    """Depth of the face at distance r from the axis."""
    return curvature * r**2 / (1 + np.sqrt(1 - (1 + conic) * curvature**2 * r**2))


def steepness(r, curvature, conic):
    return curvature * r / np.sqrt(1 - (1 + conic) * curvature**2 * r**2)


def refract(direction, normal, ratio):
    """Snell's law for vectors; ratio of the indices before and after."""
    cosine = -(direction[0] * normal[0] + direction[1] * normal[1])
    root = np.sqrt(1 - ratio**2 * (1 - cosine**2))
    return ratio * direction[0] + (ratio * cosine - root) * normal[0], ratio * direction[1] + (
        ratio * cosine - root
    ) * normal[1]


def trace(shape, heights, focus):
    """Through a flat face, 6 mm of glass and a curved one: where rays leave, and where they meet the detector."""
    # Parallel light is not bent by the flat face, so it meets the second at its own height.
    z = thickness - sag(heights, *shape)
    tilt = steepness(heights, *shape)
    length = np.sqrt(1 + tilt**2)
    normal = (-tilt / length, -1 / length)
    dr, dz = refract((np.zeros_like(heights), np.ones_like(heights)), normal, glass)
    return z, dr, dz, heights + dr / dz * (focus - z)


def spot(p):
    """Mean square distance from the axis; p holds curvature (1/100 mm), conic constant and detector's place (100 mm)."""
    _, _, _, landed = trace((p[0] / 100, p[1]), heights, 100 * p[2])
    return np.mean(landed**2)


# %%
# First with spheres, then with the conic constant free, for a focal length of 60 mm.

curvature = 1 / (60 * (glass - 1)) * 100


def sphere(q):
    return spot(np.array([curvature, 0.0, q[0]]))


def conic(q):
    return spot(np.array([curvature, q[0], q[1]]))


round_face = optimize.minimize(sphere, np.array([0.64]), method="BFGS", options={"gtol": 1e-10})
best = optimize.minimize(
    conic, np.array([0.0, 0.64]), method="trust-exact", options={"gtol": 1e-14, "maxiter": 300}
)
print(f"sphere: spot {1e3 * np.sqrt(round_face.fun):.1f} µm")
print(
    f"conic:  spot {1e3 * np.sqrt(best.fun):.2e} µm, conic constant {best.x[0]:.6f}; Descartes: {-(glass**2):.6f}"
)
np.testing.assert_allclose(best.x[0], -(glass**2), rtol=1e-4)
assert np.sqrt(best.fun) < 1e-3 * np.sqrt(round_face.fun)

# %%
# Tolerances: how exactly must the face be made?  The Hessian of the spot at the best shape says
# how fast the spot grows.

H = autodiff.hessian(conic)(best.x)
allowed = np.sqrt(2 * (1e-3) ** 2 / H[0, 0])
print(f"for a spot of 1 µm the conic constant must be right to {allowed:.4f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[3, 2], layout="constrained")
shown = np.linspace(-aperture, aperture, 15)
for shape, focus, offset, colour, name in (
    ((curvature / 100, 0.0), 100 * round_face.x[0], 24, "C0", "sphere"),
    ((curvature / 100, best.x[0]), 100 * best.x[1], 0, "C1", "hyperboloid"),
):
    z, dr, dz, _ = trace(shape, shown, focus)
    for k in range(shown.size):
        end = shown[k] + dr[k] / dz[k] * (90 - z[k])
        left.plot(
            [-12, z[k], 90],
            [shown[k] + offset, shown[k] + offset, end + offset],
            color=colour,
            lw=0.6,
        )
    r = np.linspace(-aperture, aperture, 100)
    left.fill_betweenx(r + offset, 0, thickness - sag(r, *shape), color="0.85")
    left.text(20, offset + 9.5, name, color=colour)
left.set(xlabel="mm", ylabel="mm", aspect="equal")
for shape, focus, name in (
    ((curvature / 100, 0.0), round_face.x[0], "sphere"),
    ((curvature / 100, best.x[0]), best.x[1], "hyperboloid"),
):
    right.plot(heights, 1e3 * trace(shape, heights, 100 * focus)[3], label=name)
right.set(xlabel="height of the ray (mm)", ylabel="misses the axis by (µm)")
right.legend()
plt.show()
