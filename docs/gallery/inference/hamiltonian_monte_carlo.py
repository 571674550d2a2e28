"""
Hamiltonian Monte Carlo, by hand
================================

Rosenbrock's banana is a hard shape to sample: a narrow curved valley.  Hamiltonian Monte Carlo
lets a particle slide over the negative logarithm of the density, frictionless, from random kicks.
It needs the gradient at each of the leapfrog's steps, which is why it is seldom written by hand.
Here the log-density is a line, and the sampler a page.

The whole trajectory is one compiled function: the gradient is called *inside* of it.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff


def potential(q):
    """Minus the logarithm of the density: q[0] is normal(1, 0.7), q[1] given it normal(q[0]**2, 0.25)."""
    return 0.5 * ((q[0] - 1.0) / 0.7) ** 2 + 0.5 * ((q[1] - q[0] ** 2) / 0.25) ** 2


slope = autodiff.gradient(potential)


@autodiff.function
def leapfrog(q, momentum, step, count):
    """Where the particle is after so many steps, and how its energy has changed."""
    before = potential(q) + 0.5 * momentum @ momentum
    momentum = momentum - 0.5 * step * slope(q)
    for _ in range(count - 1):
        q = q + step * momentum
        momentum = momentum - step * slope(q)
    q = q + step * momentum
    momentum = momentum - 0.5 * step * slope(q)
    return q, momentum, potential(q) + 0.5 * momentum @ momentum - before


# %%
# Newton's mechanics can be run backwards: from the end, with the momentum reversed, to the start.

q0, p0 = np.array([0.5, 0.5]), np.array([1.0, -0.3])
q1, p1, _ = leapfrog(q0, p0, 0.05, 40)
back, _, _ = leapfrog(q1, -p1, 0.05, 40)
np.testing.assert_allclose(back, q0, atol=1e-10)

# %%
# Sampling.

rng = np.random.default_rng(2)
q, samples, accepted = np.array([1.0, 1.0]), [], 0
for _ in range(6000):
    proposal, _, change = leapfrog(q, rng.standard_normal(2), 0.042 * rng.uniform(0.7, 1.3), 50)
    if np.log(rng.uniform()) < -change:
        q, accepted = proposal, accepted + 1
    samples.append(q)
samples = np.array(samples[500:])


def effective(x):
    """Effective number of independent samples, by Geyer's initial positive sequence."""
    x = x - x.mean()
    spectrum = np.abs(np.fft.fft(x, 2 * x.size)) ** 2
    correlation = np.fft.ifft(spectrum).real[: x.size] / (x @ x)
    pairs = correlation[:-1:2] + correlation[1::2]
    stop = np.argmax(pairs < 0) if np.any(pairs < 0) else pairs.size
    return x.size / (2 * np.sum(pairs[:stop]) - 1)


print(f"{accepted / 6000:.0%} accepted; {effective(samples[:, 0]):.0f} and {effective(samples[:, 1]):.0f} effective "
      f"samples of {len(samples)}")  # fmt: skip
# Exact: E q0 = 1, var q0 = 0.49, E q1 = 1 + 0.49.
error = 4 * samples.std(axis=0) / np.sqrt([effective(s) for s in samples.T])
assert np.all(np.abs(samples.mean(axis=0) - [1.0, 1.49]) < error)
np.testing.assert_allclose(samples[:, 0].var(), 0.49, rtol=0.12)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(*samples[::2].T, ".", ms=2, alpha=0.4)
x, y = np.meshgrid(np.linspace(-1.5, 3.5, 200), np.linspace(-1, 9, 200))
left.contour(
    x, y, np.exp(-potential([x, y])), levels=[0.1, 0.3, 0.6, 0.9], colors="k", linewidths=0.6
)
left.set(
    xlabel="$q_0$", ylabel="$q_1$", xlim=(-1.5, 3.5), ylim=(-1, 9), title="samples and density"
)
path = np.array([leapfrog(q0, np.array([2.0, 1.5]), 0.02, n)[0] for n in range(1, 180)])
right.contour(x, y, np.log1p(potential([x, y])), levels=12, linewidths=0.5)
right.plot(*path.T, "C3")
right.plot(*q0, "C3o")
right.set(
    xlabel="$q_0$",
    ylabel="$q_1$",
    xlim=(-1.5, 3.5),
    ylim=(-1, 9),
    title="one trajectory in the potential",
)
plt.show()
