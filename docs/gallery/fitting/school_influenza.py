"""
Influenza in a boarding school
==============================

In January 1978 influenza went through a boarding school of 763 boys.  The *British Medical
Journal* printed how many were confined to bed on each day.  The equations of Kermack and
McKendrick divide the school into susceptible, infected and recovered,

.. math:: \\dot S = -\\beta S I/N, \\quad \\dot I = \\beta S I/N - \\gamma I, \\quad \\dot R = \\gamma I.

The simulation is a plain loop of Runge–Kutta steps.  The Fisher information of the counts, and
with it the uncertainty of the reproduction number :math:`R_0 = \\beta/\\gamma`, is one
:func:`autodiff.hessian`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import gammaln

import autodiff
from autodiff import optimize

in_bed = np.array([3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4.0])
N, per_day = 763.0, 12


def change(y, beta, gamma):
    infection, recovery = beta * y[0] * y[1] / N, gamma * y[1]
    return np.array([-infection, infection - recovery, recovery])


def epidemic(log_p, days):
    """How many are ill, twelve times a day."""
    beta, gamma, first = np.exp(log_p)
    y = np.array([N - first, first, 0.0])
    ill, dt = np.empty(days * per_day + 1), 1 / per_day
    ill[0] = first
    for k in range(days * per_day):
        k1 = change(y, beta, gamma)
        k2 = change(y + dt / 2 * k1, beta, gamma)
        k3 = change(y + dt / 2 * k2, beta, gamma)
        k4 = change(y + dt * k3, beta, gamma)
        y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        ill[k + 1] = y[1]
    return ill


def minus_log_likelihood(p, days=13):
    """Negative binomial counts: they scatter more than Poisson's, by a factor to be found."""
    mean = epidemic(p[:3], days)[::per_day]
    size = np.exp(p[3])
    return -np.sum(gammaln(in_bed + size) - gammaln(size) - gammaln(in_bed + 1)
                   + size * np.log(size / (size + mean)) + in_bed * np.log(mean / (size + mean)))  # fmt: skip


fit = optimize.minimize(minus_log_likelihood, np.log([2.0, 0.5, 1.0, 10.0]), method="trust-exact",
                        options={"gtol": 1e-8})  # fmt: skip
assert fit.success
information = autodiff.hessian(minus_log_likelihood, wrt="p")(fit.x)
covariance = np.linalg.inv(information)

# %%
# The uncertainty of the reproduction number is carried over by its gradient.


def reproduction(p):
    return np.exp(p[0] - p[1])


R0 = reproduction(fit.x)
slope = autodiff.gradient(reproduction)(fit.x)
deviation = np.sqrt(slope @ covariance @ slope)
print(f"infection {np.exp(fit.x[0]):.2f} a day, recovery {np.exp(fit.x[1]):.2f} a day")
print(f"R0 = {R0:.2f} ± {deviation:.2f}")
assert 3.2 < R0 < 4.2  # what others find for this outbreak

# %%
# What if the ill had been isolated?  The gradient says how much of the peak a per cent of each
# rate is worth.


def peak(log_p):
    return np.max(epidemic(log_p, 20))


by_infection, by_recovery, _ = autodiff.gradient(peak)(fit.x[:3])
print(f"peak {peak(fit.x[:3]):.0f} boys; one per cent less infection: {-by_infection / 100:.1f}, "
      f"one per cent faster recovery: {by_recovery / 100:.1f}")  # fmt: skip

fig, ax = plt.subplots(layout="constrained")
t = np.arange(20 * per_day + 1) / per_day
J = autodiff.jacobian(epidemic, wrt="log_p")(fit.x[:3], 20)
band = np.sqrt(np.einsum("ij,jk,ik->i", J, covariance[:3, :3], J))
ill = epidemic(fit.x[:3], 20)
ax.fill_between(t, ill - 2 * band, ill + 2 * band, alpha=0.3, label="95 % band of the mean")
ax.plot(t, ill, label="model")
for less, colour in ((0.8, "C2"), (0.6, "C3")):
    ax.plot(t, epidemic(fit.x[:3] + np.array([np.log(less), 0, 0]), 20), color=colour, ls="--",
            label=f"{100 * (1 - less):.0f} % fewer contacts")  # fmt: skip
ax.plot(in_bed, "ko", label="boys in bed")
ax.set(xlabel="day", ylabel="ill", title=f"$R_0$ = {R0:.2f} ± {deviation:.2f}", ylim=(0, None))
ax.legend()
plt.show()
