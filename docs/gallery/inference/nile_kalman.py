"""
The Nile: likelihood of a Kalman filter
=======================================

The yearly flow of the Nile at Aswan, 1871 to 1970, is the standard example of the *local level
model*: a level that wanders, seen through noise,

.. math:: y_t = \\mu_t + \\varepsilon_t, \\qquad \\mu_{t+1} = \\mu_t + \\eta_t.

The filter is a loop over the years.  It yields the likelihood of the two variances, and the
derivative of that likelihood is the derivative of the loop.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

flow = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740.0])  # fmt: skip


def filtered(log_variances):
    """The filter: log-likelihood, and the level and its variance after each year."""
    noise, wandering = np.exp(log_variances)
    level, variance = flow[0], noise  # after the first year, from a start of which nothing is known
    levels, variances, log_likelihood = [level], [variance], 0.0
    for y in flow[1:]:
        variance = variance + wandering
        F = variance + noise
        surprise = y - level
        log_likelihood -= 0.5 * (np.log(2 * np.pi * F) + surprise**2 / F)
        gain = variance / F
        level = level + gain * surprise
        variance = variance * (1 - gain)
        levels.append(level)
        variances.append(variance)
    return log_likelihood, np.array(levels), np.array(variances)


def minus_log_likelihood(log_variances):
    return -filtered(log_variances)[0]


fit = optimize.minimize(
    minus_log_likelihood, np.log([1e4, 1e4]), method="trust-exact", options={"gtol": 1e-8}
)
noise, wandering = np.exp(fit.x)
print(f"variance of the noise {noise:.0f}, of the level's steps {wandering:.0f}")
# Durbin and Koopman, Time Series Analysis by State Space Methods (2012), section 2.10.
np.testing.assert_allclose([noise, wandering], [15099, 1469], rtol=1e-3)

# %%
# How sure are the variances?  The step of the level is known to a factor only, and the surface is
# far from a parabola.

covariance = np.linalg.inv(autodiff.hessian(minus_log_likelihood)(fit.x))
for name, log_value, deviation in zip(
    ("noise", "wandering"), fit.x, np.sqrt(np.diag(covariance)), strict=True
):
    print(
        f"{name}: between {np.exp(log_value - 2 * deviation):.0f} and {np.exp(log_value + 2 * deviation):.0f}"
    )

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
years = np.arange(1871, 1971)
_, levels, variances = filtered(fit.x)
left.fill_between(
    years, levels - 2 * np.sqrt(variances), levels + 2 * np.sqrt(variances), alpha=0.25
)
left.plot(years, levels, label="level")
left.plot(years, flow, "k.", ms=4, label="flow")
left.axvline(1899, color="0.6", ls=":")
left.set(xlabel="year", ylabel="flow ($10^8$ m³)", ylim=(400, 1450))
left.legend()
a, b = np.linspace(fit.x[0] - 1, fit.x[0] + 1, 50), np.linspace(fit.x[1] - 5, fit.x[1] + 3, 50)
surface = np.array([[minus_log_likelihood(np.array([u, v])) for u in a] for v in b]) - fit.fun
right.contour(np.exp(a), np.exp(b), surface, levels=[0.5, 2, 4.5, 8])
right.plot(noise, wandering, "k+")
right.set(xlabel="variance of the noise", ylabel="variance of the steps", yscale="log", xscale="log",
          title="1, 2, 3 and 4 standard deviations")  # fmt: skip
right.set_xticks([6000, 10000, 20000, 40000], ["6000", "10000", "20000", "40000"])
right.minorticks_off()
plt.show()
