"""
Bundle adjustment: cameras and points at once
=============================================

From pictures of the same object, taken from unknown places, one wants both the shape and the
places.  Every point seen in a picture gives two equations, in the six numbers of the camera and
the three of the point.  There are hundreds of unknowns, here, and thousands in earnest; an
equation has eight of them (a camera's shift to the side does not move the picture up): the
Jacobian is almost empty.

:func:`autodiff.jacobian` with ``sparse=True`` finds out which elements may differ from zero, and
computes all of them with as many products as one row needs, not as there are columns.
`optimize.least_squares` hands the sparse matrix to SciPy.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import least_squares

import autodiff

rng = np.random.default_rng(12)
cameras, points = 12, 200

# A dome, seen from a circle of cameras that look at it.
height, turn = rng.uniform(0, 1, points), rng.uniform(0, 2 * np.pi, points)
dome = np.column_stack(
    [np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height]
)
seen_from = np.linspace(0, 2 * np.pi, cameras, endpoint=False)


def rotate(vectors, points):
    """Rodrigues' formula: rotation vectors and points, both of shape (n, 3)."""
    angle = np.sqrt(np.sum(vectors**2, axis=1) + 1e-20)[:, None]
    axis = vectors / angle
    along = np.sum(axis * points, axis=1)[:, None]
    return (
        points * np.cos(angle)
        + np.cross(axis, points) * np.sin(angle)
        + axis * along * (1 - np.cos(angle))
    )


def project(camera_of, point_of, poses, positions):
    """Where the cameras see the points, in units of the focal length."""
    p = rotate(poses[camera_of, :3], positions[point_of]) + poses[camera_of, 3:]
    return p[:, :2] / p[:, 2:]


# Poses that look at the dome from five radii away: turn about the vertical, then tilt.
poses = np.empty((cameras, 6))
for k, a in enumerate(seen_from):
    about, tilt = a + np.pi / 2, np.deg2rad(110)
    Rz = np.array(
        [[np.cos(about), np.sin(about), 0], [-np.sin(about), np.cos(about), 0], [0, 0, 1]]
    )
    Rx = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    R = Rx @ Rz
    angle = np.arccos((np.trace(R) - 1) / 2)
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / (2 * np.sin(angle))
    poses[k] = [*(angle * axis), 0.0, 0.0, 5.0]
camera_of, point_of = [
    a.ravel() for a in np.meshgrid(np.arange(cameras), np.arange(points), indexing="ij")
]
# Each point is seen by five of the cameras.
visible = np.argsort(rng.uniform(size=(cameras, points)), axis=0).ravel() < 5
camera_of, point_of = camera_of[visible], point_of[visible]
noise = 1e-3
observed = project(camera_of, point_of, poses, dome) + noise * rng.standard_normal(
    (camera_of.size, 2)
)


def residuals(x):
    found = project(
        camera_of, point_of, x[: 6 * cameras].reshape(-1, 6), x[6 * cameras :].reshape(-1, 3)
    )
    return ((found - observed) / noise).ravel()


start = np.concatenate(
    [
        (poses + 0.03 * rng.standard_normal(poses.shape)).ravel(),
        (dome + 0.1 * rng.standard_normal(dome.shape)).ravel(),
    ]
)
sparse_jacobian = autodiff.jacobian(residuals, sparse=True)
J = sparse_jacobian(start)
print(
    f"{J.shape[0]} equations, {J.shape[1]} unknowns, {J.nnz / np.prod(J.shape):.1%} of the Jacobian is other than zero"
)
assert J.nnz == 8 * J.shape[0]
direction = rng.standard_normal(start.size)
np.testing.assert_allclose(
    J @ direction, autodiff.jvp(residuals, (start,), (direction,))[1], rtol=1e-8, atol=1e-6
)

# %%
# SciPy's trust-region method takes the matrix as it is.

fit = least_squares(
    residuals,
    start,
    jac=sparse_jacobian,
    x_scale="jac",
    method="trf",
    tr_solver="lsmr",
    max_nfev=60,
    xtol=1e-10,
    ftol=1e-8,
)
freedom = J.shape[0] - (J.shape[1] - 7)  # the whole may be moved, turned and scaled
print(f"{fit.nfev} evaluations; chi² {2 * fit.cost:.0f} for {freedom} degrees of freedom")
assert abs(2 * fit.cost - freedom) < 5 * np.sqrt(2 * freedom)

# %%
# The reconstruction is known up to a similarity, which Procrustes' method takes out.

found = fit.x[6 * cameras :].reshape(-1, 3)


def aligned(a, b):
    """a, moved, turned and scaled to be as near to b as can be."""
    a0, b0 = a - a.mean(axis=0), b - b.mean(axis=0)
    u, s, vt = np.linalg.svd(a0.T @ b0)
    return a0 @ (u @ vt) * s.sum() / np.sum(a0**2) + b.mean(axis=0)


before = np.sqrt(
    np.mean(np.sum((aligned(start[6 * cameras :].reshape(-1, 3), dome) - dome) ** 2, axis=1))
)
after = np.sqrt(np.mean(np.sum((aligned(found, dome) - dome) ** 2, axis=1)))
print(f"error of the points {before:.4f} before, {after:.5f} after, in units of the dome's radius")
assert after < 0.02

fig = plt.figure(figsize=(12, 4), layout="constrained")
ax = fig.add_subplot(1, 2, 1)
rows = 160
ax.spy(J[:rows, : 6 * cameras + 60], markersize=1, aspect="auto")
ax.axvline(6 * cameras - 0.5, color="C3", lw=0.8)
ax.set(
    xlabel="unknowns: cameras, then points", ylabel="equations", title="a corner of the Jacobian"
)
ax = fig.add_subplot(1, 2, 2, projection="3d")
ax.scatter(*aligned(start[6 * cameras :].reshape(-1, 3), dome).T, s=6, color="0.7", label="guess")
ax.scatter(*aligned(found, dome).T, s=8, c=dome[:, 2], cmap="viridis", label="adjusted")
ax.set(title="the dome")
ax.legend()
plt.show()
