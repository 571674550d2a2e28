"""
Challenger: logistic regression by Newton's method
==================================================

On 28 January 1986 the air at Cape Canaveral was near freezing, and the rubber rings that seal the
boosters of the space shuttle failed.  Twenty-three earlier flights had shown how damage depends
on temperature.  Could it have been foreseen?

The probability of damage is modelled as :math:`1/(1 + e^{-(a + b T)})`.  The log-likelihood is a
few lines of NumPy; Newton's method with conjugate gradients (*Newton-CG*) asks for products of
its Hessian with vectors, which :func:`autodiff.hessian_vector` makes without the matrix.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import autodiff

# Degrees Fahrenheit at launch, and whether a ring was damaged (Dalal, Fowlkes and Hoadley 1989).
temperature = np.array(
    [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58.0]
)
damaged = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1])


def minus_log_likelihood(p):
    odds = p[0] + p[1] * (temperature - 70)
    return np.sum(np.logaddexp(0, odds) - damaged * odds)


product = autodiff.hessian_vector(minus_log_likelihood)
fit = minimize(autodiff.value_and_gradient(minus_log_likelihood), np.zeros(2), jac=True, method="Newton-CG",
               hessp=lambda p, v: product(p, _tensors=v), options={"xtol": 1e-12})  # fmt: skip
covariance = np.linalg.inv(autodiff.hessian(minus_log_likelihood)(fit.x))
a, b = fit.x[0] - 70 * fit.x[1], fit.x[1]
print(
    f"intercept {a:.4f}, slope {b:.4f} ± {np.sqrt(covariance[1, 1]):.4f} per °F, {fit.nit} iterations"
)
# Every textbook that has the example gives these.
np.testing.assert_allclose([a, b, np.sqrt(covariance[1, 1])], [15.0429, -0.2322, 0.1082], rtol=1e-3)

# %%
# The probability at any temperature, with a band made where the model is linear, on the scale of
# the odds.

shown = np.linspace(28, 84, 200)
odds = fit.x[0] + fit.x[1] * (shown - 70)
J = np.column_stack([np.ones_like(shown), shown - 70])
band = 1.96 * np.sqrt(np.einsum("ij,jk,ik->i", J, covariance, J))


def probability(odds):
    return 1 / (1 + np.exp(-odds))


at_launch = probability(fit.x[0] + fit.x[1] * (31 - 70))
print(f"at 31 °F, the temperature of the last flight: {at_launch:.4f}")
assert at_launch > 0.99

# %%
# The likelihood itself is far from a parabola in the original parameters.  Newton's path, step by
# step, over it:

path = [np.array([0.0, 0.0])]
for _ in range(6):
    p = path[-1]
    path.append(
        p
        - np.linalg.solve(
            autodiff.hessian(minus_log_likelihood)(p), autodiff.gradient(minus_log_likelihood)(p)
        )
    )
np.testing.assert_allclose(path[-1], fit.x, rtol=1e-6)
path = np.array(path)
grid = np.array([[minus_log_likelihood(np.array([u, v])) for u in np.linspace(-4, 1.5, 60)]
                 for v in np.linspace(-0.7, 0.15, 60)])  # fmt: skip

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.fill_between(
    shown, probability(odds - band), probability(odds + band), alpha=0.25, label="95 % band"
)
left.plot(shown, probability(odds))
left.plot(temperature, damaged, "ko", alpha=0.6, label="earlier flights")
left.axvline(31, color="C3", ls="--", label="28 January 1986")
left.set(xlabel="temperature at launch (°F)", ylabel="probability of damage")
left.legend(loc="center right")
right.contour(
    np.linspace(-4, 1.5, 60),
    np.linspace(-0.7, 0.15, 60),
    grid,
    levels=fit.fun + np.array([0.5, 2, 4.5, 8, 16, 32]),
)
right.plot(path[:, 0], path[:, 1], "C3o-", ms=4, label="Newton's path")
right.set(xlabel="log odds at 70 °F", ylabel="slope per °F", title="minus log-likelihood")
right.legend()
plt.show()
