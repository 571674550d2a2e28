"""Systems that evolve: integrators, particles, epidemics, rays, random walks with given draws.

Fixed and adaptive steps, symplectic schemes, events, delays, rejection of steps, masks over
populations, trajectories stored or only summed.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import call, normal, program, uniform


@program(inputs=[(10.0, 28.0, 8 / 3, 20), (9.0, 25.0, 2.5, 3)], features="for integer")
def lorenz_euler(sigma, rho, beta, n):
    x, y, z = 1.0, 1.0, 1.0
    dt = 0.01
    for _ in range(n):
        dx = sigma * (y - x)
        dy = x * (rho - z) - y
        dz = x * y - beta * z
        x, y, z = x + dt * dx, y + dt * dy, z + dt * dz
    return x + 2 * y - z


def _pendulum(state, damping):
    return np.array([state[1], -np.sin(state[0]) - damping * state[1]])


@program(
    inputs=[(np.array([0.5, 0.0]), 0.1, 10), (np.array([2.0, -1.0]), 0.0, 4)],
    features="for integer",
)
def pendulum_rk4(state, damping, n, h=0.1):
    for _ in range(n):
        k1 = _pendulum(state, damping)
        k2 = _pendulum(state + h / 2 * k1, damping)
        k3 = _pendulum(state + h / 2 * k2, damping)
        k4 = _pendulum(state + h * k3, damping)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


@program(inputs=[(1.5, 0.7), (0.4, 2.0)], features="while branch", smooth=False)
def rk45_adaptive(y0, rate):
    """Heun–Euler pair with step control on y' = -rate*y + sin(3t) up to t = 1."""

    def f(t, y):
        return -rate * y + math.sin(3 * t)

    t, y, h = 0.0, y0, 0.4
    tol = 1e-3
    while t < 1.0:
        h = min(h, 1.0 - t)
        k1 = f(t, y)
        k2 = f(t + h, y + h * k1)
        err = abs(h * (k2 - k1) / 2)
        if err <= tol:
            t += h
            y += h * (k1 + k2) / 2
        h *= min(3.0, max(0.3, 0.9 * math.sqrt(tol / (err + 1e-12))))
    return y


_A = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_B5 = np.append(_A[6], 0.0)
_B4 = np.array([5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40])


@program(
    inputs=[(np.array([1.0, 0.0]), 1.0), (np.array([0.5, 0.5]), 3.0)],
    features="while for store branch",
    smooth=False,
)
def dormand_prince(y, mu):
    """Van der Pol with the Dormand–Prince pair (1980), stages in a table."""
    t, h = 0.0, 0.5
    while t < 1.0 - 1e-12:
        h = min(h, 1.0 - t)
        K = np.zeros((7, 2))
        for s in range(7):
            u = y + h * (_A[s, :s] @ K[:s])
            K[s, 0] = u[1]
            K[s, 1] = mu * (1 - u[0] ** 2) * u[1] - u[0]
        error = h * np.sqrt(np.mean(((_B5 - _B4) @ K) ** 2))
        if error < 1e-5:
            t += h
            y = y + h * (_B5 @ K)
        h = h * min(4.0, max(0.2, 0.9 * (1e-5 / error) ** 0.2))
    return y


@program(
    inputs=[
        (normal(1, 3, 2), np.array([1.0, 2.0, 0.5]), 3),
        (normal(2, 2, 3), np.array([1.0, 1.0]), 1),
    ],
    features="for store integer branch",
)
def verlet_n_body(positions, masses, steps):
    x = positions.copy()
    v = np.zeros_like(x)
    dt = 0.01

    def forces(x):
        a = np.zeros_like(x)
        for i in range(len(x)):
            for j in range(len(x)):
                if i != j:
                    d = x[j] - x[i]
                    a[i] += masses[j] * d / (d @ d + 0.1) ** 1.5
        return a

    acc = forces(x)
    for _ in range(steps):
        v += 0.5 * dt * acc
        x += dt * v
        acc = forces(x)
        v += 0.5 * dt * acc
    return x


@program(
    inputs=[(0.99, 0.01, 0.4, 0.1, 10), (0.7, 0.3, 0.2, 0.3, 4)],
    features="for store integer container",
)
def sir_model(s, i, beta, gamma, days):
    history = np.zeros((days + 1, 3))
    r = 0.0
    history[0] = s, i, r
    for d in range(days):
        new = beta * s * i
        rec = gamma * i
        s, i, r = s - new, i + new - rec, r + rec
        history[d + 1] = [s, i, r]
    return history


@program(
    inputs=[(0.5, 0.2, normal(3, 12)), (-0.1, 1.0, normal(4, 5))],
    features="for",
    wrt=("mu", "sigma"),
)
def geometric_walk(mu, sigma, draws):
    price = 100.0
    dt = 1 / 12
    total = 0.0
    for z in draws:
        price *= math.exp((mu - 0.5 * sigma**2) * dt + sigma * math.sqrt(dt) * z)
        total += price
    return total / len(draws)


@program(
    inputs=[(0.5, 0.6, normal(5, 12)), (0.2, 0.3, normal(6, 8) - 1.0)],
    features="for branch",
    wrt=("drift", "barrier"),
)
def walk_with_barriers(drift, barrier, draws):
    """A reflected walk; absorbed when it falls below zero."""
    x = 0.5 * barrier + 0.2
    time = 0
    for z in draws:
        x += 0.1 * drift + 0.3 * z
        if x > barrier:
            x = 2 * barrier - x
        if x < -1.0:
            break
        time += 1
    return x * time


@program(
    inputs=[
        (np.array([0.0, 0.0, -3.0]), np.array([0.05, 0.1, 1.0])),
        (np.array([0.0, 0.0, -3.0]), np.array([1.0, 1.0, 0.2])),
    ],
    features="while branch",
    smooth=True,
    step=1e-5,
)
def ray_marching(origin, direction):
    """Sphere tracing (Hart 1996) of a unit sphere on a plane; depth, refined by one Newton step."""
    d = direction / np.linalg.norm(direction)

    def scene(p):
        sphere = np.linalg.norm(p) - 1.0
        plane = p[1] + 1.5
        return sphere if sphere < plane else plane

    t = 0.0
    for _ in range(60):
        dist = scene(origin + t * d)
        if dist < 1e-9:
            break
        t += dist
        if t > 20.0:
            return 20.0 + 0 * t
    return t


@program(inputs=[(5.0, 3.0, 0.8), (2.0, 8.0, 0.5)], features="while branch", smooth=True)
def bouncing_ball(height, speed, restitution):
    """Energy after three bounces found by events."""
    g, bounces = 9.81, 0
    v, y, t = speed, height, 0.0
    while bounces < 3:
        # time until the ball is at the floor
        fall = (v + math.sqrt(v * v + 2 * g * y)) / g
        t += fall
        v = restitution * (g * fall - v)
        y = 0.0
        bounces += 1
    return 0.5 * v * v + t


@program(inputs=[(normal(7, 4, 2), 0.5), (normal(8, 6, 2), 1.5)], features="mask store")
def reflect_particles(pos, box):
    p = pos * 1.0
    out = np.abs(p) > box
    p[out] = np.sign(p[out]) * (2 * box) - p[out]
    return p


@program(
    inputs=[(1.2, 0.6, 0.8, 0.3, 15), (0.5, 1.0, 0.9, 0.1, 2)], features="for integer container"
)
def lotka_volterra_trapezoid(prey, pred, a, b, n):
    energy = []
    for _ in range(n):
        dp = a * prey - b * prey * pred
        dq = b * prey * pred - 0.5 * pred
        mid_p, mid_q = prey + 0.025 * dp, pred + 0.025 * dq
        prey = prey + 0.05 * (a * mid_p - b * mid_p * mid_q)
        pred = pred + 0.05 * (b * mid_p * mid_q - 0.5 * mid_q)
        energy.append(prey * pred)
    return sum(energy) / len(energy)


@program(inputs=[(0.2, 25, 8), (0.9, 12, 3)], features="for store integer")
def mackey_glass_delay(x0, n, delay):
    x = np.zeros(n + 1)
    x[0] = x0
    for t in range(n):
        past = x[t - delay] if t >= delay else x0
        x[t + 1] = x[t] + 0.1 * (2 * past / (1 + past**4) - x[t])
    return x


@program(inputs=[(normal(9, 6), 0.4, 2), (normal(10, 4), 0.8, 5)], features="for integer")
def upwind_advection(u, c, steps):
    for _ in range(steps):
        u = u - c * (u - np.roll(u, 1))
    return u


@program(
    inputs=[(normal(11, 5), 0.5, 3), (normal(12, 4), 0.9, 1)],
    features="for view store integer branch",
)
def burgers_godunov(u, cfl, steps):
    u = u.copy()
    for _ in range(steps):
        flux = np.zeros(len(u) + 1)
        for i in range(1, len(u)):
            left, right = u[i - 1], u[i]
            if left > right:
                s = 0.5 * (left + right)
                flux[i] = 0.5 * left**2 if s > 0 else 0.5 * right**2
            elif left > 0:
                flux[i] = 0.5 * left**2
            elif right < 0:
                flux[i] = 0.5 * right**2
        u -= 0.1 * cfl * (flux[1:] - flux[:-1])
    return u


@program(inputs=[(uniform(13, 0, 1, 5), 6), (uniform(14, 0, 1, 3), 2)], features="for integer")
def kuramoto(theta, n):
    for _ in range(n):
        coupling = np.sin(theta[None, :] - theta[:, None]).mean(axis=1)
        theta = theta + 0.1 * (np.arange(theta.size) + coupling)
    return np.hypot(np.cos(theta).mean(), np.sin(theta).mean())


@program(inputs=[call(1.0, 0.5), call(3.0, 0.5, dt=0.2)], features="while branch")
def leaky_integrate_and_fire(current, leak, dt=0.1):
    v, t, spikes = 0.0, 0.0, 0
    while t < 2.95:
        v += dt * (current - leak * v)
        if v > 1.03:
            v -= 1.0
            spikes += 1
        t += dt
    return v + spikes
