"""
Ten-year cycles: an ARMA model of the lynx
==========================================

The numbers of lynx trapped on the Mackenzie river from 1821 to 1934 rise and fall every ten
years.  An *autoregressive moving average* explains each logarithm by the two before it, and by
what was unforeseen in the year before:

.. math:: x_t = \\phi_1 x_{t-1} + \\phi_2 x_{t-2} + e_t + \\theta e_{t-1}.

The unforeseen :math:`e_t` follow one from the other, so the likelihood is a recursion, a loop
over the years.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

lynx = np.array([
    269, 321, 585, 871, 1475, 2821, 3928, 5943, 4950, 2577, 523, 98, 184, 279, 409, 2285, 2685, 3409, 1824, 409, 151,
    45, 68, 213, 546, 1033, 2129, 2536, 957, 361, 377, 225, 360, 731, 1638, 2725, 2871, 2119, 684, 299, 236, 245, 552,
    1623, 3311, 6721, 4254, 687, 255, 473, 358, 784, 1594, 1676, 2251, 1426, 756, 299, 201, 229, 469, 736, 2042, 2811,
    4431, 2511, 389, 73, 39, 49, 59, 188, 377, 1292, 4031, 3495, 587, 105, 153, 387, 758, 1307, 3465, 6991, 6313, 3794,
    1836, 345, 382, 808, 1388, 2713, 3800, 3091, 2985, 3790, 674, 81, 80, 108, 229, 399, 1132, 2432, 3574, 2935, 1537,
    529, 485, 662, 1000, 1590, 2657, 3396.0])  # fmt: skip
years = np.arange(1821, 1935)
assert lynx.size == years.size
x = np.log10(lynx) - np.mean(np.log10(lynx))


def unforeseen(p):
    phi1, phi2, theta = p
    e = np.zeros_like(x)
    for t in range(2, len(x)):
        e[t] = x[t] - phi1 * x[t - 1] - phi2 * x[t - 2] - theta * e[t - 1]
    return e[2:]


def minus_log_likelihood(p):
    """Conditional on the first two years; the variance at its best value."""
    e = unforeseen(p)
    return 0.5 * e.size * np.log(np.mean(e**2))


# %%
# Without the moving average it is linear regression, whose answer is known.


def autoregression(p):
    return minus_log_likelihood(np.array([p[0], p[1], 0.0]))


AR = optimize.minimize(autoregression, np.zeros(2), method="trust-exact", options={"gtol": 1e-9})
design = np.column_stack([x[1:-1], x[:-2]])
np.testing.assert_allclose(AR.x, np.linalg.lstsq(design, x[2:], rcond=None)[0], rtol=1e-6)

fit = optimize.minimize(
    minus_log_likelihood, np.array([*AR.x, 0.0]), method="trust-exact", options={"gtol": 1e-8}
)
covariance = np.linalg.inv(autodiff.hessian(minus_log_likelihood)(fit.x))
for name, value, deviation in zip(
    ("phi 1", "phi 2", "theta"), fit.x, np.sqrt(np.diag(covariance)), strict=True
):
    print(f"{name} {value:7.3f} ± {deviation:.3f}")
print(f"the moving average is worth {2 * (AR.fun - fit.fun):.2f} in twice the log-likelihood")

# %%
# The period of the cycle is the angle of a complex root of :math:`z^2 = \phi_1 z + \phi_2`; its
# standard error comes by its gradient.


def period(p):
    return 2 * np.pi / np.arccos(p[0] / (2 * np.sqrt(-p[1])))


slope = autodiff.gradient(period)(fit.x)
print(f"period {period(fit.x):.2f} ± {np.sqrt(slope @ covariance @ slope):.2f} years")
assert 9 < period(fit.x) < 11

# %%
fig, (above, below) = plt.subplots(2, 1, figsize=(9, 5), layout="constrained")
above.semilogy(years, lynx, "k.-", lw=0.6, label="trapped")
forecast = 10 ** (x[2:] - unforeseen(fit.x) + np.mean(np.log10(lynx)))
above.semilogy(years[2:], forecast, "C1", lw=1, label="foreseen the year before")
above.set(ylabel="lynx", xlim=(1821, 1934), ylim=(8, 1e4))
above.legend(ncols=2, loc="lower left")
frequency = np.linspace(0.005, 0.5, 500)
z = np.exp(-2j * np.pi * frequency)
spectrum = np.abs((1 + fit.x[2] * z) / (1 - fit.x[0] * z - fit.x[1] * z**2)) ** 2
periodogram = np.abs(np.fft.rfft(x)[1:]) ** 2 / x.size / np.var(unforeseen(fit.x))
below.semilogy(np.fft.rfftfreq(x.size)[1:], periodogram, "k.", ms=3, label="periodogram")
below.semilogy(frequency, spectrum, "C1", label="ARMA(2, 1)")
below.set(xlabel="cycles a year", ylabel="power", ylim=(1e-3, None))
below.legend()
plt.show()
