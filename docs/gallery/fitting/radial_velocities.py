"""
A planet from the wobble of its star
====================================

A planet pulls its star to and fro.  The velocity of the star along the line of sight is

.. math:: v(t) = \\gamma + K\\,[\\cos(\\nu(t) + \\omega) + e\\cos\\omega],

with the true anomaly :math:`\\nu`, which follows from the eccentric anomaly :math:`E`, which is
the root of *Kepler's equation* :math:`E - e\\sin E = M`.  The root is found by Newton's iteration
in a ``while`` loop; how many turns it takes depends on the eccentricity.  The derivative goes
through it like through any other code.

The data are made up after a planet in an eccentric orbit, with gaps where the star stood too
close to the Sun.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize


def kepler(mean_anomaly, e):
    """The eccentric anomaly."""
    E = mean_anomaly + e * np.sin(mean_anomaly)
    step = np.ones_like(E)
    while np.max(np.abs(step)) > 1e-12:
        step = (E - e * np.sin(E) - mean_anomaly) / (1 - e * np.cos(E))
        E = E - step
    return E


def velocity(t, period, K, e, omega, phase, gamma):
    E = kepler(2 * np.pi * (t / period - phase), e)
    nu = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(E / 2), np.sqrt(1 - e) * np.cos(E / 2))
    return gamma + K * (np.cos(nu + omega) + e * np.cos(omega))


rng = np.random.default_rng(8)
nights = np.concatenate([rng.uniform(365 * year, 365 * year + 200, 14) for year in range(4)])
nights.sort()
truth = np.array([111.4, 62.0, 0.52, 1.1, 0.3, 4.0])  # days, m/s, 1, rad, 1, m/s
error = 4.0
observed = velocity(nights, *truth) + error * rng.standard_normal(nights.size)

# %%
# The derivative by the eccentricity agrees with the implicit function theorem, :math:`\partial
# E/\partial e = \sin E/(1 - e \cos E)`.

M, e = np.linspace(0.1, 6.0, 7), 0.8
slope = autodiff.jacobian(kepler, wrt="e")(M, e)
E = kepler(M, e)
np.testing.assert_allclose(slope, np.sin(E) / (1 - e * np.cos(E)), rtol=1e-10)

# %%
# The period is the hard part: the sum of squares has a narrow valley for each.  A scan with
# circular orbits, which are linear least squares, finds it; the fit does the rest.

periods = 1 / np.linspace(1 / 300, 1 / 20, 4000)


def power(period):
    design = np.column_stack([np.ones_like(nights), np.cos(2 * np.pi * nights / period),
                              np.sin(2 * np.pi * nights / period)])  # fmt: skip
    fitted = design @ np.linalg.lstsq(design, observed, rcond=None)[0]
    return 1 - np.sum((observed - fitted) ** 2) / np.sum((observed - observed.mean()) ** 2)


spectrum = np.array([power(p) for p in periods])
first = periods[np.argmax(spectrum)]
fits = []
for phase in np.linspace(0, 1, 6, endpoint=False):
    for omega in (0.5, 2.5, 4.5):
        p, covariance = optimize.curve_fit(
            velocity, nights, observed, p0=[first, 50.0, 0.3, omega, phase, 0.0],
            sigma=np.full(nights.size, error), absolute_sigma=True,
            bounds=([50, 0, 0, -10, -3, -50], [200, 300, 0.9, 10, 3, 50]))  # fmt: skip
        fits.append((np.sum(((observed - velocity(nights, *p)) / error) ** 2), p, covariance))
chi2, best, covariance = min(fits, key=lambda fit: fit[0])
deviations = np.sqrt(np.diag(covariance))
for name, value, deviation, true in zip(
    ("period (d)", "K (m/s)", "eccentricity", "omega", "phase", "gamma (m/s)"),
    best, deviations, truth, strict=True):  # fmt: skip
    print(f"{name:14} {value:9.3f} ± {deviation:.3f}   truth {true:.3f}")
print(f"chi² {chi2:.1f} for {nights.size - best.size} degrees of freedom")
assert np.all(np.abs(best - truth)[:3] < 4 * deviations[:3])

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(periods, spectrum, lw=0.7)
left.axvline(best[0], color="C1", ls=":", label=f"{best[0]:.1f} days")
left.set(xlabel="period (days)", ylabel="variance explained by a circle", xscale="log")
left.set_xticks([20, 50, 100, 200, 300], ["20", "50", "100", "200", "300"], minor=False)
left.minorticks_off()
left.legend()
turn = np.linspace(0, 1, 300)
right.plot(turn, velocity(turn * best[0], *best), label="fitted orbit")
right.errorbar(nights / best[0] % 1, observed, error, fmt="k.", label="observed")
right.set(
    xlabel="phase", ylabel="radial velocity (m/s)", title=f"e = {best[2]:.2f} ± {deviations[2]:.2f}"
)
right.legend()
plt.show()
