"""
Inverse kinematics: a robot arm behind a pillar
===============================================

An arm of five joints shall reach a point, and then draw a circle.  Where the hand is, given the
angles, is a few lines; which angles bring the hand to a place is the inverse problem.  Each step
of Gauss and Newton asks for the Jacobian of the hand by the angles, the same that turns joint
speeds into hand speeds, and whose singular values tell how far the arm is from being stuck.

With more joints than coordinates there is freedom left, which a gradient uses to keep away from a
pillar.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff

links = np.array([1.0, 0.9, 0.8, 0.6, 0.4])
pillar, radius = np.array([0.9, 0.6]), 0.35


def joints(angles):
    """All joints from the base to the hand, shape (6, 2)."""
    points, heading = [np.zeros(2)], 0.0
    for length, angle in zip(links, angles, strict=True):
        heading = heading + angle
        points.append(points[-1] + length * np.array([np.cos(heading), np.sin(heading)]))
    return np.array(points)


def hand(angles):
    return joints(angles)[-1]


def nearness(angles):
    """Grows as points along the arm come near the pillar."""
    points = joints(angles)
    along = np.linspace(0, 1, 7)[:, None, None]
    inside = points[:-1] + along * (points[1:] - points[:-1])
    distance = np.sqrt(np.sum((inside - pillar) ** 2, axis=-1))
    return np.sum(np.exp(-12 * (distance - radius)))


# %%
# The derivative of a rotating arm by its first angle is the hand's place, turned by a right
# angle.

angles = np.array([0.9, 0.4, -0.8, -0.5, 0.3])
J = autodiff.jacobian(hand)(angles)
x, y = hand(angles)
np.testing.assert_allclose(J[:, 0], [-y, x], rtol=1e-12)

# %%
# A step moves the hand by the pseudo-inverse, and the arm away from the pillar within the null
# space of the Jacobian.


@autodiff.function
def follow(angles, target):
    for _ in range(12):
        J = autodiff.jacobian(hand)(angles)
        inverse = J.T @ np.linalg.inv(J @ J.T + 1e-6 * np.eye(2))
        away = -0.02 * autodiff.gradient(nearness)(angles)
        angles = angles + inverse @ (target - hand(angles)) + away - inverse @ (J @ away)
    return angles


turn = np.linspace(0, 2 * np.pi, 80)
circle = np.array([1.9, 0.9]) + 0.5 * np.column_stack([np.cos(turn), np.sin(turn)])
poses = []
for target in circle:
    angles = follow(angles, target)
    poses.append(angles)
poses = np.array(poses)
reached = np.array([hand(pose) for pose in poses])
print(f"largest distance from the circle {np.max(np.linalg.norm(reached - circle, axis=1)):.1e}")
assert np.max(np.linalg.norm(reached - circle, axis=1)) < 1e-4
clear = min(np.min(np.linalg.norm(joints(pose) - pillar, axis=1)) for pose in poses)
print(f"no joint comes nearer to the pillar's middle than {clear:.2f}; its radius is {radius}")
assert clear > radius

# %%
# Manipulability: the smallest singular value of the Jacobian.  An arm stretched out cannot move
# its hand outwards.

stiffest = [np.linalg.svd(autodiff.jacobian(hand)(pose), compute_uv=False)[-1] for pose in poses]
stretched = np.linalg.svd(autodiff.jacobian(hand)(np.zeros(5)), compute_uv=False)[-1]
print(f"least singular value on the way {min(stiffest):.2f}, stretched out {stretched:.0e}")

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for k in range(0, 80, 8):
    left.plot(*joints(poses[k]).T, "o-", color=plt.get_cmap("viridis")(k / 80), ms=3, lw=1.5)
left.plot(*circle.T, "C3", lw=1)
left.add_patch(plt.Circle(pillar, radius, color="0.7"))
left.set(aspect="equal", title="ten of eighty poses")
right.plot(turn, poses, label=[f"joint {k + 1}" for k in range(5)])
right.set(xlabel="place on the circle (rad)", ylabel="angle (rad)")
right.legend(ncols=3)
plt.show()
