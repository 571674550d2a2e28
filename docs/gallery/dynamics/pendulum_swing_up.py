"""
Optimal control: swinging up a pendulum on a cart
=================================================

A pendulum hangs from a cart.  Which force on the cart, over two seconds, brings the pendulum
upright and both to rest, with the least effort?  The unknown is the whole history of the force.
The simulation is a loop; the constraint is its last state; the derivative of both by each of the
sixty forces is one sweep back through the loop.

`optimize.minimize` hands the optimiser the gradient of the effort and the Jacobian of the
constraint.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

cart, bob, rod, gravity = 1.0, 0.3, 0.5, 9.81
steps, dt = 60, 2.0 / 60


def change(state, force):
    """Position, angle from hanging, and their speeds (Kelly 2017, SIAM Review 59, 849)."""
    angle, speed, turning = state[1], state[2], state[3]
    s, c = np.sin(angle), np.cos(angle)
    below = cart + bob * s * s
    push = (rod * bob * s * turning**2 + force + bob * gravity * c * s) / below
    swing = -(rod * bob * c * s * turning**2 + force * c + (cart + bob) * gravity * s) / (
        rod * below
    )
    return np.array([speed, turning, push, swing])


def simulate(forces):
    state = np.zeros(4)
    path = np.empty((steps + 1, 4))
    path[0] = state
    for k in range(steps):
        k1 = change(state, forces[k])
        k2 = change(state + dt / 2 * k1, forces[k])
        k3 = change(state + dt / 2 * k2, forces[k])
        k4 = change(state + dt * k3, forces[k])
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[k + 1] = state
    return path


goal = np.array([0.8, np.pi, 0.0, 0.0])


def effort(forces):
    return np.sum(forces**2) * dt


def miss(forces):
    return simulate(forces)[-1] - goal


start = np.full(steps, 0.1)
fit = optimize.minimize(effort, start, method="SLSQP", constraints={"type": "eq", "fun": miss},
                        bounds=[(-20, 20)] * steps, options={"maxiter": 1000, "ftol": 1e-7})  # fmt: skip
print(
    f"{fit.message}: effort {fit.fun:.2f} N²s after {fit.nit} iterations, misses by {np.abs(miss(fit.x)).max():.1e}"
)
assert fit.success
assert np.abs(miss(fit.x)).max() < 1e-6

# %%
# At a minimum the gradient of the effort is a combination of those of the constraints (Lagrange);
# the weights say what another goal would cost.

J = autodiff.jacobian(miss)(fit.x)
slope = autodiff.gradient(effort)(fit.x)
weights = np.linalg.lstsq(J.T, slope, rcond=None)[0]
print(
    f"the gradients are parallel to {np.linalg.norm(slope - J.T @ weights) / np.linalg.norm(slope):.1e}"
)
assert np.linalg.norm(slope - J.T @ weights) < 1e-2 * np.linalg.norm(slope)
print(f"a goal one centimetre further on costs {0.01 * weights[0]:+.3f} N²s")

path = simulate(fit.x)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
colours = plt.get_cmap("viridis")(np.linspace(0, 1, steps + 1))
for k in range(0, steps + 1, 2):
    x, angle = path[k, :2]
    left.plot([x, x + rod * np.sin(angle)], [0, -rod * np.cos(angle)], color=colours[k], lw=1)
    left.plot(x + rod * np.sin(angle), -rod * np.cos(angle), "o", color=colours[k])
left.axhline(0, color="k", lw=0.6)
left.set(aspect="equal", xlabel="m", title="dark to bright: two seconds")
t = np.arange(steps) * dt
right.step(t, fit.x, where="post", label="force (N)")
right.plot(np.arange(steps + 1) * dt, path[:, 1], label="angle (rad)")
right.set(xlabel="time (s)")
right.legend()
plt.show()
