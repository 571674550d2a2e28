"""Optimisers and root finders that are themselves differentiated.

Gradient descent with momentum and Adam on functions of the arguments, Newton with a line search,
Nelder–Mead, Levenberg–Marquardt, projections, proximal steps, Broyden, bisection on a dual variable,
simulated annealing with given draws.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import normal, positive_definite, program, uniform


@program(
    inputs=[
        (positive_definite(1, 3), normal(2, 3), 0.1, 10),
        (positive_definite(3, 2), normal(4, 2), 0.3, 1),
    ],
    features="for integer",
)
def gradient_descent_quadratic(Q, b, rate, n):
    x = np.zeros(len(b))
    for _ in range(n):
        x = x - rate * (Q @ x - b)
    return 0.5 * x @ Q @ x - b @ x


@program(
    inputs=[(np.array([-1.0, 1.0]), 0.001, 0.9, 8), (np.array([0.5, 0.5]), 0.002, 0.5, 3)],
    features="for store integer",
)
def momentum_on_rosenbrock(x0, rate, momentum, n):
    x, v = x0.copy(), np.zeros(2)
    for _ in range(n):
        gx = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
        gy = 200 * (x[1] - x[0] ** 2)
        v *= momentum
        v[0] -= rate * gx
        v[1] -= rate * gy
        x += v
    return x


@program(inputs=[(normal(5, 3), 0.1, 6), (normal(6, 4), 0.05, 1)], features="for integer")
def adam(theta, lr, steps):
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for t in range(1, steps + 1):
        g = 4 * theta**3 - np.cos(theta)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        mhat = m / (1 - 0.9**t)
        vhat = v / (1 - 0.999**t)
        theta = theta - lr * mhat / (np.sqrt(vhat) + 1e-8)
    return np.sum(theta**2)


@program(inputs=[(3.0, 2.0), (-1.0, 5.0)], features="while branch")
def damped_newton(x, a):
    """Minimise exp(x/a) - x with step halving."""
    f = lambda t: math.exp(t / a) - t
    for _ in range(30):
        g = math.exp(x / a) / a - 1
        if abs(g) < 1e-11:
            break
        h = math.exp(x / a) / a**2
        step = g / h
        while f(x - step) > f(x):
            step /= 2
        x -= step
    return x


@program(
    inputs=[
        (np.array([0.2, 1.4, 0.7]),),
        (np.array([0.3, 0.3]),),
        (np.array([2.0, -1.0, 0.1, 0.5]),),
    ],
    features="for branch",
)
def project_on_simplex(v):
    """Euclidean projection by sorting (Duchi et al. 2008)."""
    u = np.sort(v)[::-1]
    total = 0.0
    theta = 0.0
    for k in range(len(u)):
        total += u[k]
        t = (total - 1.0) / (k + 1)
        if u[k] > t:
            theta = t
    return np.maximum(v - theta, 0.0)


@program(
    inputs=[(normal(7, 4, 3), normal(8, 4), 0.05, 5), (normal(9, 3, 2), normal(10, 3), 0.1, 2)],
    features="for integer",
)
def ista(A, y, lam, iterations):
    step = 1.0 / (np.trace(A.T @ A))
    x = np.zeros(A.shape[1])
    for _ in range(iterations):
        z = x - step * A.T @ (A @ x - y)
        x = np.sign(z) * np.maximum(np.abs(z) - lam * step, 0)
    return x


@program(
    inputs=[(np.array([2.0, 0.5]), 3), (np.array([1.0, 6.0]), 2)], features="for integer branch"
)
def levenberg_marquardt(p, n):
    t = np.linspace(0, 1, 6)
    data = 1.8 * np.exp(-0.9 * t)
    lam = 0.01
    for _ in range(n):
        model = p[0] * np.exp(-p[1] * t)
        r = model - data
        J = np.column_stack([model / p[0], -t * model])
        step = np.linalg.solve(J.T @ J + lam * np.eye(2), -J.T @ r)
        trial = p + step
        rt = trial[0] * np.exp(-trial[1] * t) - data
        if rt @ rt < r @ r:
            p, lam = trial, lam / 3
        else:
            lam = lam * 2
    return p


@program(
    inputs=[
        (np.array([[0.0, 0.0], [1.2, 0.1], [0.2, 0.8]]), 8),
        (np.array([[1.4, -0.1], [-1.3, 1.6], [0.6, -0.4]]), 5),
    ],
    features="for branch store integer",
)
def nelder_mead(simplex, n):
    """Best vertex after n steps of the simplex method (Nelder and Mead 1965), without expansion."""

    def f(p):
        return 0.1 * (p[0] - 1.0) ** 2 + abs(p[1] - p[0] ** 2) ** 0.5

    S = simplex.copy()
    for _ in range(n):
        values = np.array([f(p) for p in S])
        S = S[np.argsort(values)]
        centroid = S[:-1].mean(axis=0)
        reflected = centroid + (centroid - S[-1])
        if f(reflected) < f(S[-2]):
            S[-1] = reflected
        else:
            contracted = centroid + 0.5 * (S[-1] - centroid)
            if f(contracted) < f(S[-1]):
                S[-1] = contracted
            else:
                S[1:] = S[0] + 0.5 * (S[1:] - S[0])
    return S[0]


@program(inputs=[(np.array([0.5, 1.5]), 4), (np.array([1.0, 0.8]), 2)], features="for integer")
def broyden(x, n):
    def residual(u):
        return np.array([u[0] ** 2 + u[1] - 2.0, u[0] - np.exp(-u[1])])

    B = np.array([[2 * x[0], 1.0], [1.0, np.exp(-x[1])]])
    r = residual(x)
    for _ in range(n):
        s = np.linalg.solve(B, -r)
        x = x + s
        r_new = residual(x)
        B = B + np.outer(r_new - r - B @ s, s) / (s @ s)
        r = r_new
    return x


@program(
    inputs=[(uniform(11, 0.5, 2.0, 4), 1.5), (uniform(12, 0.5, 2.0, 3), 3.0)], features="for branch"
)
def water_filling(noise, power):
    """Level by bisection, then exactly on the active set."""
    lo, hi = noise.min(), noise.max() + power
    for _ in range(40):
        mid = (lo + hi) / 2
        if np.maximum(mid - noise, 0).sum() > power:
            hi = mid
        else:
            lo = mid
    active = noise < lo
    level = (power + (noise * active).sum()) / active.sum()
    return np.log1p(np.maximum(level - noise, 0) / noise).sum()


@program(
    inputs=[
        (0.8, normal(13, 8), uniform(14, 0, 1, 8)),
        (-1.5, normal(15, 5), uniform(16, 0, 1, 5)),
    ],
    features="for branch",
    wrt="start",
)
def annealing_with_given_draws(start, proposals, uniforms):
    energy = lambda t: t**4 - 2 * t**2 + 0.3 * t
    x, temperature = start, 1.0
    for z, u in zip(proposals, uniforms, strict=True):
        candidate = x + 0.5 * z
        delta = energy(candidate) - energy(x)
        if delta < 0 or u < math.exp(-delta / temperature):
            x = candidate
        temperature *= 0.8
    return energy(x)


@program(
    inputs=[
        (np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.5]), 2.0),
        (np.array([1.0, 4.0]), np.array([2.0, 1.0]), 2.5),
    ],
    features="for branch gather",
)
def fractional_knapsack(value, weight, capacity):
    order = np.argsort(-value / weight)
    total = 0.0
    left = capacity
    for k in order:
        if weight[k] <= left:
            total += value[k]
            left -= weight[k]
        else:
            total += value[k] * left / weight[k]
            break
    return total


@program(inputs=[(normal(17, 3), 2.0, 3), (normal(18, 2), 0.1, 2)], features="for branch integer")
def projected_gradient_ball(x, radius, n):
    for _ in range(n):
        x = x - 0.2 * (x - np.arange(1.0, x.size + 1))
        r = np.sqrt(np.sum(x * x))
        if r > radius:
            x *= radius / r
    return x
