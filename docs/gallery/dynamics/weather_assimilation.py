"""
Weather: fitting a chaotic model to observations
================================================

A weather forecast starts by finding the state of the air that best explains the observations of
the last hours: *4D-Var*. Unknown is the initial state, the model takes it through time, and the
misfit at each observation is summed.  The gradient of that sum runs the model backwards: the
*adjoint*, which weather services write by hand, line by line.

Here the model is the one of Lorenz (1996), forty variables on a circle of latitude with the chaos
of the real thing.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

n, dt, window = 40, 0.05, 24  # 0.05 is six hours; the window is six days


def change(x):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0


def step(x):
    k1 = change(x)
    k2 = change(x + dt / 2 * k1)
    k3 = change(x + dt / 2 * k2)
    k4 = change(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@autodiff.function
def run(x, steps):
    path = np.empty((steps + 1, x.size))
    path[0] = x
    for k in range(steps):
        x = step(x)
        path[k + 1] = x
    return path


rng = np.random.default_rng(1)
truth = run(run(8.0 + rng.standard_normal(n), 400)[-1], 80)
seen = np.sort(rng.choice(n, 20, replace=False))  # half of the places have a station
observations = truth[: window + 1, seen] + 0.5 * rng.standard_normal((window + 1, 20))
background = truth[0] + 1.0 * rng.standard_normal(n)  # yesterday's forecast


def cost(x0):
    path = run(x0, window)
    return 0.5 * np.sum((x0 - background) ** 2) + 0.5 * np.sum(
        ((path[:, seen] - observations) / 0.5) ** 2
    )


# %%
# The test of every adjoint: the tangent of a direction, squared, is the product of that direction
# with the adjoint of its tangent.

direction = rng.standard_normal(n)
_, tangent = autodiff.jvp(lambda x: run(x, window), (background,), (direction,))
_, pull = autodiff.vjp(lambda x: run(x, window), background)
np.testing.assert_allclose(np.sum(tangent**2), pull(tangent)[0] @ direction, rtol=1e-10)

fit = optimize.minimize(cost, background, method="L-BFGS-B", options={"maxiter": 300})
analysis = fit.x


def error(x):
    return np.sqrt(np.mean((x - truth[0]) ** 2))


print(
    f"error of the initial state: background {error(background):.2f}, analysis {error(analysis):.2f}"
)
print(f"{fit.nfev} runs of the model and its adjoint")
assert error(analysis) < 0.4 * error(background)

# %%
# How long is the forecast good?  Errors double every two days or so, so a better start buys time.

paths = {"background": run(background, 80), "analysis": run(analysis, 80)}
errors = {name: np.sqrt(np.mean((path - truth) ** 2, axis=1)) for name, path in paths.items()}

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
image = left.imshow((paths["analysis"] - truth).T, aspect="auto", cmap="RdBu_r", vmin=-8, vmax=8,
                    extent=(0, 20, n, 0))  # fmt: skip
left.axvline(6, color="k", ls=":")
left.set(xlabel="day", ylabel="place", title="forecast from the analysis, minus truth")
fig.colorbar(image)
for name, values in errors.items():
    right.semilogy(np.arange(81) / 4, values, label=f"from the {name}")
right.axhline(np.sqrt(2) * truth.std(), color="0.7", label="two states at random")
right.axvspan(0, 6, color="0.93", zorder=0)
right.set(xlabel="day", ylabel="error", title="observed for six days, then forecast")
right.legend()
plt.show()
