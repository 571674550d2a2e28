"""
Overlapping spectral lines
==========================

Three emission lines on a sloping background, wider than they are apart, and counted photon by
photon.  Each line is a *Voigt profile*: the natural width of the transition, folded with the
Doppler width of the gas.  The profile is the real part of the Faddeeva function :math:`w(z)`, of
complex argument; derivatives go through it.

Counts have Poisson's distribution, so the fit maximises Poisson's likelihood.  Where lines
overlap, their intensities trade against each other: the covariance from the exact Hessian shows
by how much.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import wofz

import autodiff
from autodiff import optimize

wavelength = np.linspace(-6, 6, 241)


def voigt(x, doppler, natural):
    """Of unit area."""
    z = (x + 1j * natural) / (doppler * np.sqrt(2))
    return np.real(wofz(z)) / (doppler * np.sqrt(2 * np.pi))


def spectrum(p):
    """Expected counts: p holds positions, log areas, then log widths and the background."""
    positions, areas = p[:3], np.exp(p[3:6])
    doppler, natural = np.exp(p[6]), np.exp(p[7])
    counts = np.exp(p[8] + p[9] * wavelength)
    for k in range(3):
        counts = counts + areas[k] * voigt(wavelength - positions[k], doppler, natural)
    return counts


rng = np.random.default_rng(4)
truth = np.concatenate(
    [[-1.3, 0.0, 1.7], np.log([900.0, 500.0, 1200.0]), np.log([0.55, 0.25]), [np.log(30.0), 0.05]]
)
observed = rng.poisson(spectrum(truth)).astype(float)


def minus_log_likelihood(p):
    mean = spectrum(p)
    return np.sum(mean - observed * np.log(mean))


start = np.concatenate(
    [[-1.5, 0.2, 1.5], np.log([600.0, 600.0, 600.0]), np.log([0.4, 0.4]), [np.log(20.0), 0.0]]
)
fit = optimize.minimize(minus_log_likelihood, start, method="trust-exact", options={"gtol": 1e-5})
assert fit.success
covariance = np.linalg.inv(autodiff.hessian(minus_log_likelihood)(fit.x))
deviations = np.sqrt(np.diag(covariance))
for k in range(3):
    print(f"line {k + 1}: at {fit.x[k]:6.3f} ± {deviations[k]:.3f}, area {np.exp(fit.x[3 + k]):6.0f} "
          f"± {np.exp(fit.x[3 + k]) * deviations[3 + k]:.0f} (truth {truth[k]:.1f}, {np.exp(truth[3 + k]):.0f})")  # fmt: skip
pull = (fit.x - truth) / deviations
print("deviations from the truth, in standard errors:", pull.round(1))
assert np.all(np.abs(pull) < 4)

# %%
correlation = covariance / np.outer(deviations, deviations)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
left.step(wavelength, observed, where="mid", color="0.5", lw=0.8, label="counts")
left.plot(wavelength, spectrum(fit.x), "k", label="fit")
background = np.exp(fit.x[8] + fit.x[9] * wavelength)
for k in range(3):
    line = np.exp(fit.x[3 + k]) * voigt(wavelength - fit.x[k], np.exp(fit.x[6]), np.exp(fit.x[7]))
    left.fill_between(wavelength, background, background + line, alpha=0.4, label=f"line {k + 1}")
left.set(xlabel="wavelength (nm from the middle)", ylabel="photons")
left.legend()
names = [
    *(f"position {k}" for k in (1, 2, 3)),
    *(f"area {k}" for k in (1, 2, 3)),
    "doppler",
    "natural",
    "level",
    "slope",
]
image = right.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
right.set_xticks(range(10), names, rotation=90)
right.set_yticks(range(10), names)
right.set_title("correlations")
fig.colorbar(image)
plt.show()
