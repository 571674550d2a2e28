"""
Greeks of options: a tree and a simulation
==========================================

The price of an option is a function of the stock, its volatility, the interest and time; a bank
that sells it hedges by the derivatives, which traders call Greeks: *delta* by the stock, *vega*
by the volatility, *rho* by the interest, *gamma* the second by the stock.

For a European option Black and Scholes have formulas.  For an American one there are none: a
binomial tree decides at each node whether to exercise.  For an option on the average there is
only simulation.  All three are differentiated here as they stand.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import autodiff

strike, years = 100.0, 1.0


def black_scholes_put(stock, volatility, interest):
    spread = volatility * np.sqrt(years)
    d1 = (np.log(stock / strike) + (interest + volatility**2 / 2) * years) / spread
    return strike * np.exp(-interest * years) * norm.cdf(spread - d1) - stock * norm.cdf(-d1)


def american_put(stock, volatility, interest, steps=500):
    """The tree of Cox, Ross and Rubinstein (1979), rolled back from its leaves."""
    dt = years / steps
    up = np.exp(volatility * np.sqrt(dt))
    probability = (np.exp(interest * dt) - 1 / up) / (up - 1 / up)
    discount = np.exp(-interest * dt)
    value = np.maximum(strike - stock * up ** (steps - 2.0 * np.arange(steps + 1)), 0.0)
    for n in range(steps - 1, -1, -1):
        wait = discount * (probability * value[:-1] + (1 - probability) * value[1:])
        exercise = strike - stock * up ** (n - 2.0 * np.arange(n + 1))
        value = np.maximum(wait, exercise)
    return value[0]


# %%
# Greeks by derivative, and by the book.

market = (95.0, 0.25, 0.04)
price, (delta, vega, rho) = autodiff.value_and_gradient(black_scholes_put)(*market)
gamma = autodiff.gradient(autodiff.gradient(black_scholes_put, wrt="stock"), wrt="stock")(*market)
S, sigma, r = market
d1 = (np.log(S / strike) + (r + sigma**2 / 2) * years) / (sigma * np.sqrt(years))
np.testing.assert_allclose(delta, norm.cdf(d1) - 1, rtol=1e-10)
np.testing.assert_allclose(vega, S * norm.pdf(d1) * np.sqrt(years), rtol=1e-10)
np.testing.assert_allclose(gamma, norm.pdf(d1) / (S * sigma * np.sqrt(years)), rtol=1e-10)
print(
    f"European put {price:.4f}: delta {delta:.4f}, vega {vega:.3f}, rho {rho:.3f}, gamma {gamma:.5f}"
)

american, greeks = autodiff.value_and_gradient(
    american_put, wrt=("stock", "volatility", "interest")
)(*market)
print(
    f"American put {american:.4f}: delta {greeks[0]:.4f}, vega {greeks[1]:.3f}, rho {greeks[2]:.3f}"
)
assert american > price  # the right to exercise early is worth something
h = 1e-5
difference = (american_put(S, sigma + h, r) - american_put(S, sigma - h, r)) / (2 * h)
np.testing.assert_allclose(greeks[1], difference, rtol=1e-4)

# %%
# Simulation: an Asian call pays by the average of the year.  The path's derivative is that of the
# average payoff, with the same random numbers; the standard error says how sure it is.  For the
# *geometric* average there is a formula to compare with.

rng = np.random.default_rng(7)
shocks = rng.standard_normal((20_000, 52))


def payoffs(stock, volatility, interest, shocks):
    dt = years / 52
    steps = (interest - volatility**2 / 2) * dt + volatility * np.sqrt(dt) * shocks
    average = np.exp(np.mean(np.log(stock) + np.cumsum(steps, axis=1), axis=1))
    return np.exp(-interest * years) * np.maximum(average - strike, 0.0)


def asian_call(stock, volatility, interest, shocks):
    return np.mean(payoffs(stock, volatility, interest, shocks))


simulated, by_simulation = autodiff.value_and_gradient(
    asian_call, wrt=("stock", "volatility", "interest")
)(*market, shocks)
_, by_path = autodiff.jvp(lambda s: payoffs(s, sigma, r, shocks), (S,), (1.0,))
error = by_path.std() / np.sqrt(len(by_path))


def geometric_call(stock, volatility, interest):
    n, dt = 52, years / 52
    k = np.arange(1, n + 1)
    mean = np.log(stock) + (interest - volatility**2 / 2) * dt * np.mean(k)
    variance = volatility**2 * dt * np.sum((n - k + 1) ** 2) / n**2
    d = (mean - np.log(strike) + variance) / np.sqrt(variance)
    return np.exp(-interest * years) * (
        np.exp(mean + variance / 2) * norm.cdf(d) - strike * norm.cdf(d - np.sqrt(variance))
    )


exact, (exact_delta, exact_vega, _) = autodiff.value_and_gradient(geometric_call)(*market)
print(
    f"Asian call, simulated {simulated:.3f}, exact {exact:.3f}; delta {by_simulation[0]:.4f} ± {error:.4f}, exact {exact_delta:.4f}"
)
assert abs(by_simulation[0] - exact_delta) < 4 * error

# %%
stocks = np.linspace(60, 140, 60)
curves = autodiff.vmap(
    autodiff.value_and_gradient(american_put, wrt="stock"), in_axes=(0, None, None)
)
values, deltas = curves(stocks, sigma, r)
european, european_deltas = autodiff.vmap(
    autodiff.value_and_gradient(black_scholes_put, wrt="stock"), in_axes=(0, None, None)
)(stocks, sigma, r)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(stocks, values, label="American put")
left.plot(stocks, european, "--", label="European put")
left.plot(stocks, np.maximum(strike - stocks, 0), ":", color="0.5", label="exercised now")
left.set(xlabel="stock", ylabel="price")
left.legend()
right.plot(stocks, deltas, label="American")
right.plot(stocks, european_deltas, "--", label="European")
right.set(xlabel="stock", ylabel="delta")
right.legend()
plt.show()
