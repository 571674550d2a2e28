"""
A straight line with error bands
================================

A cold spring is stretched by eight weights.  How stiff is it, and how far can the fitted line be
trusted between and beyond the measurements?

A straight line needs no optimiser; it is here because everything about it is known in closed
form.  The curvature of the log-likelihood, which :func:`autodiff.hessian` computes, gives the
uncertainty of the parameters, and :func:`autodiff.jacobian` carries it over to the line.  The
same three calls work for any other model.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff

rng = np.random.default_rng(3)
force = np.linspace(0.5, 4.0, 8)  # newtons
noise = 0.15  # centimetres, known from repeated readings
length = 12.0 + 1.7 * force + noise * rng.standard_normal(8)


def line(p, f):
    return p[0] + p[1] * f


def minus_log_likelihood(p):
    return 0.5 * np.sum(((length - line(p, force)) / noise) ** 2)


# %%
# A quadratic function has its minimum one Newton step from anywhere, here from zero.

start = np.zeros(2)
information = autodiff.hessian(minus_log_likelihood)(start)
best = start - np.linalg.solve(information, autodiff.gradient(minus_log_likelihood)(start))
covariance = np.linalg.inv(information)
deviations = np.sqrt(np.diag(covariance))
print(f"length at rest {best[0]:.2f} ± {deviations[0]:.2f} cm")
print(f"compliance     {best[1]:.2f} ± {deviations[1]:.2f} cm/N")

# %%
# The textbook has formulas for these.  They agree to rounding.

design = np.column_stack([np.ones_like(force), force])
np.testing.assert_allclose(best, np.linalg.lstsq(design, length, rcond=None)[0], rtol=1e-9)
np.testing.assert_allclose(covariance, np.linalg.inv(design.T @ design) * noise**2, rtol=1e-9)

# %%
# The line at a force :math:`f` has the variance :math:`J C J^T`, with :math:`J` its derivative by
# the parameters.  A *new measurement* also has the noise of a reading.

shown = np.linspace(-0.5, 6.0, 200)
J = autodiff.jacobian(line, wrt="p")(best, shown)
of_line = np.sqrt(np.einsum("ij,jk,ik->i", J, covariance, J))
of_reading = np.sqrt(of_line**2 + noise**2)

fig, ax = plt.subplots(layout="constrained")
middle = line(best, shown)
ax.fill_between(shown, middle - 2 * of_reading, middle + 2 * of_reading, color="C0", alpha=0.15,
                label="a new reading, 95 %")  # fmt: skip
ax.fill_between(shown, middle - 2 * of_line, middle + 2 * of_line, color="C0", alpha=0.35,
                label="the line, 95 %")  # fmt: skip
ax.plot(shown, middle, color="C0")
ax.errorbar(force, length, noise, fmt="o", color="black", capsize=3, label="measured")
ax.set(xlabel="force (N)", ylabel="length (cm)", title="A spring, and how well it is known")
ax.legend()
plt.show()
