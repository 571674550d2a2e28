"""
A neural network, by hand
=========================

Two spirals that wind around each other cannot be told apart by any line.  A network with two
hidden layers can, and everything about it is plain NumPy: the layers, the loss, the optimiser
*Adam*.  No framework holds the parameters; they are a list of arrays, and the gradient is a list
like it.

The training loop itself is compiled as one function, gradient calls included: a thousand steps
are one call.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff

rng = np.random.default_rng(0)
turn = np.sqrt(rng.uniform(0.05, 1, 300)) * 3 * np.pi
arm = np.column_stack([np.cos(turn), np.sin(turn)]) * turn[
    :, None
] / 10 + 0.03 * rng.standard_normal((300, 2))
X = np.concatenate([arm, -arm])
label = np.concatenate([np.ones(300), np.zeros(300)])


def network(layers, x):
    for W, b in layers[:-1]:
        x = np.tanh(x @ W + b)
    W, b = layers[-1]
    return (x @ W + b)[:, 0]


def loss(layers, x, label):
    """Cross-entropy of the logistic probability, and a little weight decay."""
    z = network(layers, x)
    decay = sum(np.sum(W**2) for W, _ in layers)
    return np.mean(np.logaddexp(0, z) - label * z) + 1e-5 * decay


def new_layers(*sizes):
    return [
        (rng.standard_normal((m, n)) * np.sqrt(2 / m), np.zeros(n))
        for m, n in zip(sizes[:-1], sizes[1:], strict=True)
    ]


start = new_layers(2, 32, 32, 1)
print(autodiff.check_gradient(loss, start, X[:20], label[:20], wrt="layers"))


# %%
# Adam (Kingma and Ba 2015), on all parameters in one vector.


def flat(layers):
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def unflat(p):
    layers, place = [], 0
    for W, b in start:
        layers.append(
            (
                p[place : place + W.size].reshape(W.shape),
                p[place + W.size : place + W.size + b.size],
            )
        )
        place += W.size + b.size
    return layers


def flat_loss(p, x, label):
    return loss(unflat(p), x, label)


@autodiff.function
def train(p, steps, rate, x, label):
    m, v = np.zeros_like(p), np.zeros_like(p)
    values = np.empty(steps)
    for k in range(steps):
        value, g = autodiff.value_and_gradient(flat_loss, wrt="p")(p, x, label)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        p = p - rate * (m / (1 - 0.9 ** (k + 1))) / (np.sqrt(v / (1 - 0.999 ** (k + 1))) + 1e-8)
        values[k] = value
    return p, values


p, values = train(flat(start), 2000, 0.01, X, label)
layers = unflat(p)
right_ones = np.mean((network(layers, X) > 0) == label)
print(f"{p.size} parameters, loss from {values[0]:.3f} to {values[-1]:.4f}, {right_ones:.1%} right")
assert right_ones > 0.99

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
u, v = np.meshgrid(np.linspace(-1.2, 1.2, 200), np.linspace(-1.2, 1.2, 200))
probability = 1 / (
    1 + np.exp(-network(layers, np.column_stack([u.ravel(), v.ravel()])).reshape(u.shape))
)
left.contourf(u, v, probability, levels=20, cmap="RdBu_r", alpha=0.7)
left.scatter(*X.T, c=label, cmap="RdBu_r", s=8, edgecolors="k", linewidths=0.3)
left.set(aspect="equal", title=f"{right_ones:.1%} right")
right.semilogy(values)
right.set(xlabel="step", ylabel="loss")
plt.show()
