"""
Hyperparameters of a Gaussian process
=====================================

Carbon dioxide, like much else in nature, has a trend and a season.  A Gaussian process describes
both by a covariance: a smooth function plus a periodic one whose shape may drift, plus noise.
How long, how strong, how noisy are its hyperparameters, and the likelihood that chooses them is a
Cholesky factorisation and a triangular solve.  Its gradient is exact, through both, at the price
of a few evaluations.

The measurements are made up, in the shape of those of a mountain station, so that the forecast
can be judged.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import cho_solve, cholesky

import autodiff
from autodiff import optimize

rng = np.random.default_rng(11)
months = (
    np.sort(rng.choice(np.arange(144), 110, replace=False)) / 12.0
)  # years; some months are missing


def carbon_dioxide(t):
    """What the data are made of: a trend that speeds up, and a season that grows."""
    season = 3 * np.sin(2 * np.pi * t) + 0.8 * np.cos(4 * np.pi * t)
    return 1.8 * t + 0.04 * t**2 + (0.7 + 0.06 * t) * season


observed = carbon_dioxide(months) + 0.35 * rng.standard_normal(months.size)
y = observed - observed.mean()


def covariance(log_p, a, b):
    trend_size, trend_length, season_size, season_shape, drift = np.exp(log_p[:5])
    apart = a[:, None] - b[None, :]
    trend = trend_size**2 * np.exp(-0.5 * (apart / trend_length) ** 2)
    season = season_size**2 * np.exp(
        -2 * np.sin(np.pi * apart) ** 2 / season_shape**2 - 0.5 * (apart / drift) ** 2
    )
    return trend + season


def minus_log_likelihood(log_p):
    L = cholesky(
        covariance(log_p, months, months) + np.exp(2 * log_p[5]) * np.eye(y.size), lower=True
    )
    return (
        0.5 * y @ cho_solve((L, True), y)
        + np.sum(np.log(np.diag(L)))
        + 0.5 * y.size * np.log(2 * np.pi)
    )


start = np.log([10.0, 5.0, 2.0, 1.0, 20.0, 1.0])
print(autodiff.check_gradient(minus_log_likelihood, start))
fit = optimize.minimize(minus_log_likelihood, start, method="L-BFGS-B", bounds=[(-3, 6)] * 6)
names = ("size of the trend", "length of the trend (years)", "size of the season", "smoothness of the season",
         "drift of the season (years)", "noise")  # fmt: skip
for name, value in zip(names, np.exp(fit.x), strict=True):
    print(f"{name:28} {value:8.3f}")
print(
    f"log-likelihood from {-minus_log_likelihood(start):.1f} to {-fit.fun:.1f} in {fit.nfev} evaluations"
)
assert 0.25 < np.exp(fit.x[5]) < 0.45  # it was 0.35

# %%
# The forecast, four years beyond the data, in parts.

t = np.linspace(0, 16, 500)
K = covariance(fit.x, months, months) + np.exp(2 * fit.x[5]) * np.eye(y.size)
across = covariance(fit.x, t, months)
mean = observed.mean() + across @ np.linalg.solve(K, y)
variance = np.diag(covariance(fit.x, t, t)) - np.einsum(
    "ij,ji->i", across, np.linalg.solve(K, across.T)
)
band = 2 * np.sqrt(variance)

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.axvspan(12, 16, color="0.95")
ax.fill_between(t, mean - band, mean + band, alpha=0.3, label="95 % band")
ax.plot(t, mean, lw=1)
ax.plot(months, observed, "k.", ms=4, label="measured")
ax.plot(t, carbon_dioxide(t), "C3:", lw=1, label="truth")
ax.set(xlabel="years", ylabel="ppm above the first year", title="Trend, season and forecast")
ax.legend()
plt.show()
