"""
Electron mobility, to the digits that NIST certifies
====================================================

The mobility of electrons in silicon against the logarithm of their density, measured by R.
Thurber at NIST, is one of the hard problems of NIST's *Statistical Reference Datasets*: a ratio
of two cubics with seven parameters, for which NIST computed the best fit in 128-bit arithmetic
and certifies eleven digits.

Fitters fail here when their Jacobian is too coarse.  An exact one costs less than a difference
and leaves the digits to the arithmetic.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import nist, optimize

problem = nist.load("Thurber")  # the file of NIST comes with the package
x, y = problem.x, problem.y


def mobility(x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + x * (b2 + x * (b3 + x * b4))) / (1 + x * (b5 + x * (b6 + x * b7)))


# %%
# NIST gives two starting points, the first far away.

parameters, covariance = optimize.curve_fit(
    mobility, x, y, p0=problem.starts[0], xtol=1e-15, ftol=1e-15
)
deviations = np.sqrt(np.diag(covariance))
print("parameter      found          certified      digits   deviation")
for found, certified, deviation in zip(parameters, problem.parameters, deviations, strict=True):
    digits = nist.agreed_digits(found, certified)
    print(f"{found:18.10g} {certified:18.10g} {digits:8.1f} {deviation:12.4g}")
assert nist.agreed_digits(parameters, problem.parameters) > 7
np.testing.assert_allclose(deviations, problem.deviations, rtol=1e-4)

# %%
# The band around the curve comes from the Jacobian of the model by its parameters.


def model(b, x):
    return mobility(x, *b)


shown = np.linspace(x.min() - 0.2, x.max() + 0.4, 300)
J = autodiff.jacobian(model, wrt="b")(parameters, shown)
band = np.sqrt(np.einsum("ij,jk,ik->i", J, covariance, J))
curve = model(parameters, shown)

fig, (above, below) = plt.subplots(2, 1, sharex=True, height_ratios=[3, 1], layout="constrained")
above.fill_between(shown, curve - 2 * band, curve + 2 * band, alpha=0.3, label="95 % band")
above.plot(shown, curve, label="rational function")
above.plot(x, y, "k.", label="measured")
above.set(ylabel="electron mobility", title="Thurber's silicon, NIST StRD")
above.set_ylim(0, 1600)
above.legend()
below.axhline(0, color="C0")
below.plot(x, y - model(parameters, x), "k.")
below.set(xlabel="logarithm of the density", ylabel="residual")
plt.show()
