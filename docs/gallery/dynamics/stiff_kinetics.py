"""
Stiff kinetics: which rate matters when
=======================================

Robertson's reaction, three species with rate constants nine powers of ten apart, is the
touchstone of stiff solvers:

.. math:: A \\to B, \\qquad B + B \\to B + C, \\qquad B + C \\to A + C.

Which of the three constants does the product depend on, and when?  The answer is the derivative
of the trajectory by the logarithms of the constants.  `scipy.integrate.solve_ivp` needs an
implicit method here, which in turn needs the Jacobian of the right-hand side:
:func:`autodiff.jacobian` gives it that as well.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import autodiff

times = np.logspace(-5, 6, 90)
rates = np.array([0.04, 3e7, 1e4])


def change(t, y, k):
    a, b, c = y
    forward, pair, back = k[0] * a, k[1] * b * b, k[2] * b * c
    return np.array([back - forward, forward - pair - back, pair])


def concentrations(log_k):
    k = np.exp(log_k)
    solution = solve_ivp(change, (0.0, 1e6), np.array([1.0, 0.0, 0.0]), method="Radau", t_eval=times, args=(k,),
                         rtol=1e-7, atol=1e-10)  # fmt: skip
    return solution.y


y = concentrations(np.log(rates))
np.testing.assert_allclose(y.sum(axis=0), 1.0, rtol=1e-6)  # matter is conserved

# %%
# The classical value of Hindmarsh at t = 40 serves as a check of the trajectory.

at_40 = solve_ivp(change, (0.0, 40.0), [1.0, 0.0, 0.0], method="Radau", args=(rates,), rtol=1e-9, atol=1e-12,
                  jac=autodiff.jacobian(change, wrt="y")).y[:, -1]  # fmt: skip
print("at t = 40:", at_40)
np.testing.assert_allclose(at_40, [0.7158, 9.185e-6, 0.2842], rtol=2e-4)

# %%
# Elasticities: by how many per cent a concentration changes for one per cent of a rate.

sensitivity = autodiff.jacobian(concentrations)(np.log(rates))  # (species, times, rates)
elasticity = sensitivity / y[:, :, None]
np.testing.assert_allclose(
    sensitivity.sum(axis=0), 0.0, atol=1e-5
)  # what one species gains the others lose

# If all rates double, everything happens twice as fast: the elasticities add up to that by the time.
by_time = np.array([change(t, state, rates) for t, state in zip(times, y.T, strict=True)]).T * times
np.testing.assert_allclose(sensitivity.sum(axis=2), by_time, atol=2e-5)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for name, values, scale in zip("ABC", y, (1, 1e4, 1), strict=True):
    left.semilogx(times, values * scale, label=name if scale == 1 else f"{name} × 10⁴")
left.set(xlabel="time", ylabel="concentration")
left.legend()
for k, name in enumerate((r"$A \to B$", r"$2B \to B + C$", r"$B + C \to A + C$")):
    right.semilogx(times, elasticity[0, :, k], label=name)
right.set(
    xlabel="time", ylabel="per cent of A for a per cent of the rate", title="who is in control of A"
)
right.legend()
plt.show()
