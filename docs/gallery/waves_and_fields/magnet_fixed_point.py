"""
A fixed point: the mean field of a magnet
=========================================

In Weiss' theory each spin of a magnet feels the mean of all others, and the mean is what the
spins make of it:

.. math:: m = \\tanh\\left(\\frac{m + h}{T}\\right).

The magnetisation is the fixed point of an iteration, and physics asks for its derivatives: the
susceptibility :math:`\\partial m/\\partial h`, the specific heat.  Two ways lead there: to
differentiate the loop, however many turns it takes, or to tell autodiff the equation that holds
at its end, with :func:`autodiff.implicit`.  Neural networks know the same thing as *implicit
layers*.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff


def iterate(T, h):
    m, change = 1.0, 1.0
    while abs(change) > 1e-13:
        change = np.tanh((m + h) / T) - m
        m = m + change
    return m


def equation(m, T, h):
    return np.tanh((m + h) / T) - m


magnetisation = autodiff.implicit(iterate, equation)

# %%
# The formula for the susceptibility, the derivative of the loop, and that of the equation.

for T in (0.6, 0.9, 1.2):
    m = magnetisation(T, 0.01)
    formula = (1 - m**2) / (T - (1 - m**2))
    by_loop = autodiff.gradient(iterate, wrt="h")(T, 0.01)
    by_equation = autodiff.gradient(magnetisation, wrt="h")(T, 0.01)
    print(f"T = {T}: m = {m:.4f}, susceptibility {by_equation:.6f}, by the loop {by_loop:.6f}")
    np.testing.assert_allclose(by_equation, formula, rtol=1e-8)
    np.testing.assert_allclose(by_loop, formula, rtol=1e-6)

# %%
# A curve of such derivatives: :func:`autodiff.vmap` makes one call of many.  Without a field the
# susceptibility diverges at T = 1, where the magnet loses its order.

temperatures = np.linspace(0.3, 2.0, 300)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for h in (0.001, 0.02, 0.1):
    value_and_slope = autodiff.vmap(
        autodiff.value_and_gradient(magnetisation, wrt="h"), in_axes=(0, None)
    )
    m, susceptibility = value_and_slope(temperatures, h)
    left.plot(temperatures, m, label=f"h = {h}")
    right.semilogy(temperatures, susceptibility, label=f"h = {h}")
curie_weiss = temperatures > 1.02
right.semilogy(
    temperatures[curie_weiss],
    1 / (temperatures[curie_weiss] - 1),
    "k:",
    label="Curie and Weiss, h = 0",
)
left.set(xlabel="temperature", ylabel="magnetisation")
right.set(xlabel="temperature", ylabel="susceptibility")
left.legend()
right.legend()
plt.show()
