"""
Hares and lynxes: parameters of a differential equation
=======================================================

The pelts that the Hudson's Bay Company bought between 1900 and 1920 are the best-known record of
a predator and its prey.  The equations of Lotka and Volterra,

.. math:: \\dot u = \\alpha u - \\beta u v, \\qquad \\dot v = -\\gamma v + \\delta u v,

have four parameters and two unknown initial values.  `scipy.integrate.solve_ivp` integrates them,
and the fit needs the derivative of the trajectory by all six: autodiff integrates the equations
of the sensitivities along.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import autodiff
from autodiff import optimize

years = np.arange(1900, 1921)
# Thousands of pelts (Hewitt 1921; Howard 2009).
hares = np.array([30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3,
                  19.5, 11.2, 7.6, 14.6, 16.2, 24.7])  # fmt: skip
lynxes = np.array([4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1,
                   29.7, 15.8, 9.7, 10.1, 8.6])  # fmt: skip
observed = np.array([hares, lynxes])


def populations(log_p, t):
    """Both populations at the times, shape (2, times); the parameters are logarithms, so they stay positive."""
    alpha, beta, gamma, delta, u0, v0 = np.exp(log_p)

    def change(t, y):
        u, v = y
        return [alpha * u - beta * u * v, -gamma * v + delta * u * v]

    return solve_ivp(change, (0.0, 20.0), [u0, v0], t_eval=t, rtol=1e-7, atol=1e-7).y


def residuals(log_p):
    """Counts scatter by a factor, so logarithms are compared."""
    return (np.log(populations(log_p, years - 1900.0)) - np.log(observed)).ravel()


# %%
# The sensitivities are right: central differences agree, to the accuracy that those have.

start = np.log([0.5, 0.025, 0.8, 0.025, 30.0, 5.0])
J = autodiff.jacobian(residuals)(start)
h = 1e-4
for k, direction in enumerate(np.eye(6)):
    difference = (residuals(start + h * direction) - residuals(start - h * direction)) / (2 * h)
    np.testing.assert_allclose(J[:, k], difference, atol=2e-4)

fit = optimize.least_squares(residuals, start)
spread = np.sqrt(2 * fit.cost / (fit.fun.size - 6))
covariance = np.linalg.inv(fit.jac.T @ fit.jac) * spread**2
for name, value, deviation in zip(
    ("alpha", "beta", "gamma", "delta", "hares in 1900", "lynxes in 1900"),
    np.exp(fit.x), np.sqrt(np.diag(covariance)), strict=True):  # fmt: skip
    print(f"{name:15} {value:8.4f}, known to {100 * deviation:.0f} %")
print(f"counts scatter by a factor of {np.exp(spread):.2f} about the curves")
# Bayesian analyses of the same data have posterior means of 0.55, 0.028, 0.80 and 0.024.
np.testing.assert_allclose(np.exp(fit.x[:4]), [0.55, 0.028, 0.80, 0.024], rtol=0.1)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[2, 1], layout="constrained")
t = np.linspace(0, 20, 300)
curves = populations(fit.x, t)
J = autodiff.jacobian(populations, wrt="log_p")(fit.x, t)
bands = np.sqrt(np.einsum("stj,jk,stk->st", J, covariance, J))
for name, counts, curve, band, colour in zip(
    ("hares", "lynxes"), observed, curves, bands, ("C0", "C1"), strict=True):  # fmt: skip
    left.fill_between(1900 + t, curve - 2 * band, curve + 2 * band, color=colour, alpha=0.25)
    left.plot(1900 + t, curve, color=colour, label=name)
    left.plot(years, counts, "o", color=colour)
left.set(xlabel="year", ylabel="pelts (thousands)", xticks=range(1900, 1921, 5), ylim=(0, 110))
left.legend()
right.plot(*curves)
right.plot(hares, lynxes, "k.", ms=4)
right.set(xlabel="hares", ylabel="lynxes", title="the cycle")
plt.show()
