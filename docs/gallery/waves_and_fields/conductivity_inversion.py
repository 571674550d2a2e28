"""
Seeing inside: inversion of a heat equation
===========================================

A bar is heated at one end, and thermometers along it record the temperatures.  Somewhere inside,
the conductivity is different.  Where, and by how much?  This is *PDE-constrained* inversion: the
unknown is a whole field :math:`k(x)`, and the data are related to it by

.. math:: \\partial_t T = \\partial_x\\,(k(x)\\,\\partial_x T).

The equation is integrated by implicit steps; in each the tridiagonal system is solved by Thomas'
algorithm, two loops over the cells.  Plain Python is slow at that, and :func:`autodiff.function`
is not.  The gradient of the misfit by all eighty conductivities costs a few runs of the
simulation; by differences it would cost eighty.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

n, steps, dt = 80, 120, 0.004
x = (np.arange(n) + 0.5) / n
k_true = 1.0 - 0.6 * np.exp(-(((x - 0.35) / 0.07) ** 2)) + 0.8 * ((x > 0.6) & (x < 0.75))
thermometers = np.arange(4, n, 8)


@autodiff.function
def temperatures(log_k):
    """At the thermometers after every step, shape (steps, 10)."""
    k = np.exp(log_k)
    between = 2 * k[1:] * k[:-1] / (k[1:] + k[:-1]) * n**2  # harmonic means: heat flows in series
    left_end = 2 * k[0] * n**2  # half a cell to the heated end
    diagonal = np.ones(n)
    diagonal[1:] += dt * between
    diagonal[:-1] += dt * between
    diagonal[0] += dt * left_end
    pivots = np.empty(n)  # of Thomas' elimination, which are the same in every step
    pivots[0] = diagonal[0]
    for i in range(1, n):
        pivots[i] = diagonal[i] - (dt * between[i - 1]) ** 2 / pivots[i - 1]
    T, record = np.zeros(n), np.empty((steps, thermometers.size))
    for s in range(steps):
        T[0] += dt * left_end * 1.0
        for i in range(1, n):
            T[i] += dt * between[i - 1] * T[i - 1] / pivots[i - 1]
        T[n - 1] /= pivots[n - 1]
        for i in range(n - 2, -1, -1):
            T[i] = (T[i] + dt * between[i] * T[i + 1]) / pivots[i]
        record[s] = T[thermometers]
    return record


rng = np.random.default_rng(0)
noise = 0.002
data = temperatures(np.log(k_true)) + noise * rng.standard_normal((steps, thermometers.size))


def misfit(log_k):
    return 0.5 * np.sum(((temperatures(log_k) - data) / noise) ** 2)


def objective(log_k, weight):
    """Noise must not be explained by a rugged field: jumps between neighbours have a price."""
    jumps = log_k[1:] - log_k[:-1]
    return misfit(log_k) + weight * np.sum(np.sqrt(jumps**2 + 1e-4))


start = np.zeros(n)
gradient = autodiff.gradient(misfit)(start)
direction = rng.standard_normal(n)
h = 1e-5
difference = (misfit(start + h * direction) - misfit(start - h * direction)) / (2 * h)
np.testing.assert_allclose(gradient @ direction, difference, rtol=1e-5)

fit = optimize.minimize(
    objective, start, args=(10.0,), method="L-BFGS-B", options={"maxiter": 600, "maxfun": 2000}
)
found = np.exp(fit.x)
print(
    f"misfit {misfit(start):.0f} at the start, {misfit(fit.x):.0f} at the end, {data.size / 2:.0f} expected; {fit.nfev} gradients"
)
error = np.sqrt(np.mean((found - k_true) ** 2))
print(
    f"error of the conductivity {error:.3f}; that of a uniform bar {np.sqrt(np.mean((1 - k_true) ** 2)):.3f}"
)
assert abs(misfit(fit.x) - data.size / 2) < 0.15 * data.size / 2
assert error < 0.15

# %%
# How well each place is seen: the Fisher information of the data, whose diagonal is found from
# one Jacobian.

J = autodiff.jacobian(temperatures)(fit.x) / noise
seen = np.sqrt(np.einsum("tsk,tsk->k", J, J))

fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
axes[0].plot(np.arange(steps) * dt, data, lw=0.7)
axes[0].set(xlabel="time", ylabel="temperature", title="what the thermometers say")
axes[1].step(x, k_true, where="mid", color="0.6", label="truth")
axes[1].step(x, found, where="mid", label="found")
axes[1].plot(x[thermometers], np.full(thermometers.size, 0.1), "k^", ms=4, label="thermometers")
axes[1].set(xlabel="place", title="conductivity", ylim=(0, 2.2))
axes[1].legend()
axes[2].plot(x, seen)
axes[2].set(
    xlabel="place",
    ylabel="information (1/error of log k)",
    title="how well each place is seen",
    ylim=(0, None),
)
plt.show()
