"""
Variational inference: a posterior without sampling it
======================================================

A clinical question with few data: of twelve small trials of the same drug, how large is the
effect, and how much do trials differ? The hierarchical model has a normal effect for each trial
around a common mean.  Its posterior is fourteen-dimensional.

*Variational inference* looks for the normal distribution that is closest to the posterior.  The
expected log density under it is written with fixed random numbers, :math:`z = \\mu + L\\epsilon`
(the reparameterisation trick), so it is an ordinary function of :math:`\\mu` and :math:`L`, and
has a gradient.
"""

import matplotlib.pyplot as plt
import numpy as np

from autodiff import optimize

rng = np.random.default_rng(21)
trials = 12
error = rng.uniform(0.15, 0.5, trials)  # the standard error that each trial reports
effect = rng.normal(0.6, 0.35, trials) + error * rng.standard_normal(trials)
d = 2 + trials  # common mean, log of the spread between trials, standardised effects


def log_posterior(z):
    """Of many points at once: z has shape (points, d)."""
    mean, log_spread, standard = z[:, 0], z[:, 1], z[:, 2:]
    each = mean[:, None] + np.exp(log_spread)[:, None] * standard
    likelihood = -0.5 * np.sum(((effect - each) / error) ** 2, axis=1)
    prior = -0.5 * np.sum(standard**2, axis=1) - 0.5 * mean**2 - 0.5 * (log_spread + 1.0) ** 2
    return likelihood + prior


epsilon = rng.standard_normal((128, d))
epsilon = np.concatenate([epsilon, -epsilon])  # mirrored pairs: the mean is exact
below = np.tril_indices(d, -1)


def minus_bound(q):
    """Minus the evidence lower bound."""
    L = np.zeros((d, d))
    L[below] = q["lower"]
    L = L + np.diag(np.exp(q["log_diagonal"]))
    return -np.mean(log_posterior(q["mean"] + epsilon @ L.T)) - np.sum(q["log_diagonal"])


start = {"mean": np.zeros(d), "log_diagonal": np.full(d, -1.0), "lower": np.zeros(len(below[0]))}
fit = optimize.minimize(
    minus_bound, start, method="L-BFGS-B", history=True, options={"maxiter": 500}
)
q = fit.x
print(f"{start['lower'].size + 2 * d} parameters, {fit.nit} iterations")
L = np.diag(np.exp(q["log_diagonal"]))
L[below] = q["lower"]
deviation = np.sqrt(np.diag(L @ L.T))
print(f"common effect {q['mean'][0]:.3f} ± {deviation[0]:.3f}; spread between trials "
      f"{np.exp(q['mean'][1]):.2f}, within a factor of {np.exp(deviation[1]):.2f}")  # fmt: skip

# %%
# Integrated over the effects of the trials, the posterior of the other two can be computed on a
# grid: the truth to compare with.

means, log_spreads = np.linspace(-0.2, 1.4, 161), np.linspace(-3.5, 1.0, 181)
total = np.sqrt(error[:, None, None] ** 2 + np.exp(2 * log_spreads[None, None, :]))
log_p = np.sum(
    -0.5 * ((effect[:, None, None] - means[None, :, None]) / total) ** 2 - np.log(total), axis=0
)
log_p += -0.5 * means[:, None] ** 2 - 0.5 * (log_spreads[None, :] + 1.0) ** 2
density = np.exp(log_p - log_p.max())
density /= density.sum() * (means[1] - means[0]) * (log_spreads[1] - log_spreads[0])
exact_mean = np.sum(density.sum(axis=1) * means) / density.sum()
exact_deviation = np.sqrt(np.sum(density.sum(axis=1) * (means - exact_mean) ** 2) / density.sum())
print(f"exact: common effect {exact_mean:.3f} ± {exact_deviation:.3f}")
assert abs(q["mean"][0] - exact_mean) < 0.25 * exact_deviation
assert 0.7 < deviation[0] / exact_deviation < 1.3

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.contourf(means, log_spreads, density.T, levels=12, cmap="Blues")
turn = np.linspace(0, 2 * np.pi, 100)
for radius in (1, 2):
    circle = L[:2, :2] @ np.array([np.cos(turn), np.sin(turn)]) * radius + q["mean"][:2, None]
    left.plot(*circle, "C1", label="normal approximation" if radius == 1 else None)
left.set(
    xlabel="common effect",
    ylabel="log spread between trials",
    title="exact posterior, and the fitted normal",
)
left.legend()
each = q["mean"][0] + np.exp(q["mean"][1]) * q["mean"][2:]
order = np.argsort(effect)
right.errorbar(
    effect[order], np.arange(trials), xerr=error[order], fmt="o", color="0.6", label="reported"
)
right.plot(each[order], np.arange(trials), "C1d", label="shrunk towards each other")
right.axvline(q["mean"][0], color="C1", lw=0.8)
right.set(xlabel="effect", ylabel="trial", yticks=range(trials))
right.legend()
plt.show()
