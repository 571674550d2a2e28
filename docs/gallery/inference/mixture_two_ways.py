"""
A mixture, by EM and by its gradient
====================================

Two kinds of star, or of anything, are measured in two colours, and nobody says which is which.
The likelihood of a mixture of two normal distributions is usually climbed by *expectation and
maximisation* (EM), which needs formulas for each model and slows down where the groups overlap.
With gradients any optimiser can climb it.

Both must end at the same place.  The picture shows how fast each gets there.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp

from autodiff import optimize

rng = np.random.default_rng(5)
A = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.5], [0.5, 0.6]], 250)
B = rng.multivariate_normal([2.0, 0.6], [[0.6, -0.3], [-0.3, 0.7]], 150)
data = np.concatenate([A, B])
n = len(data)


def log_densities(p):
    """Shape (n, 2): of each point in each group, times the share of the group."""
    columns = []
    for k in range(2):
        L = np.array([[np.exp(p["scale"][k, 0]), 0.0], [p["skew"][k], np.exp(p["scale"][k, 1])]])
        z = np.linalg.solve(L, (data - p["mean"][k]).T)  # the covariance is L @ L.T
        columns.append(-0.5 * np.sum(z * z, axis=0) - np.sum(p["scale"][k]) - np.log(2 * np.pi))
    share = np.array([0.0, p["odds"]]) - np.logaddexp(0.0, p["odds"])
    return np.stack(columns, axis=1) + share


def minus_log_likelihood(p):
    return -np.sum(logsumexp(log_densities(p), axis=1)) / n


start = {
    "mean": np.array([[-0.5, 0.5], [1.0, 0.0]]),
    "scale": np.zeros((2, 2)),
    "skew": np.zeros(2),
    "odds": 0.0,
}

# %%
# The parameters are a dictionary of arrays; the optimiser takes it as it is and gives one back.

climb = optimize.minimize(
    minus_log_likelihood, start, method="BFGS", history=True, options={"gtol": 1e-7}
)
best = climb.x
print(
    "means",
    best["mean"].round(2).tolist(),
    "share of the second",
    (1 / (1 + np.exp(-best["odds"]))).round(3),
)


# %%
# EM, for comparison.


def expectation_maximisation(p, steps):
    values = []
    for _ in range(steps):
        values.append(minus_log_likelihood(p))
        log_weights = log_densities(p)
        weight = np.exp(log_weights - logsumexp(log_weights, axis=1, keepdims=True))
        mean = weight.T @ data / weight.sum(axis=0)[:, None]
        scale, skew = np.empty((2, 2)), np.empty(2)
        for k in range(2):
            d = data - mean[k]
            L = np.linalg.cholesky((weight[:, k, None] * d).T @ d / weight[:, k].sum())
            scale[k], skew[k] = np.log(np.diag(L)), L[1, 0]
        share = weight[:, 1].mean()
        p = {"mean": mean, "scale": scale, "skew": skew, "odds": np.log(share / (1 - share))}
    return p, np.array(values)


by_em, em_values = expectation_maximisation(start, 1500)
for name in start:
    np.testing.assert_allclose(by_em[name], best[name], atol=1e-3)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
weight = np.exp(log_densities(best)[:, 1] - logsumexp(log_densities(best), axis=1))
points = left.scatter(*data.T, c=weight, cmap="coolwarm", s=12)
fig.colorbar(points, label="probability of the second group")
turn = np.linspace(0, 2 * np.pi, 100)
for k, colour in enumerate(("C0", "C3")):
    L = np.array([[np.exp(best["scale"][k, 0]), 0], [best["skew"][k], np.exp(best["scale"][k, 1])]])
    left.plot(
        *(best["mean"][k][:, None] + 2 * L @ np.array([np.cos(turn), np.sin(turn)])), color=colour
    )
left.set(xlabel="first colour", ylabel="second colour", title="two groups, never labelled")
floor = climb.fun - 1e-13
right.semilogy(em_values - floor, label="EM")
right.semilogy(np.array(climb.history.values) - floor, label="BFGS with the gradient")
right.set(xlabel="evaluations", ylabel="above the minimum", xlim=(0, 150), ylim=(1e-12, None))
right.legend()
plt.show()
