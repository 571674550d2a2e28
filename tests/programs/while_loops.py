"""While loops whose trip count depends on the data.

Newton and fixed-point iterations, bisection, golden sections, series to a tolerance, continued
halving, nested loops, break, continue and else, loops that never run.  Where an iteration converges
to a tolerance, its inputs are such that a small change does not alter the number of steps, or the
last step is smooth in the parameters: else there would be no derivative to compare.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import call, normal, program


@program(inputs=[(2.0,), (9.5,), (0.01,)], features="while", smooth=True)
def newton_square_root(a):
    x = a if a > 1 else 1.0
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


@program(inputs=[(100.0, 3.0), (0.9, 3.0), (50.3, 1.5)], features="while")
def divide_until_small(x, d):
    n = 0
    while x > 1:
        x = x / d
        n += 1
    return x + n


@program(inputs=[(0.5, 0.3), (1.3, 0.9), (3.0, 0.05)], features="while")
def kepler_equation(M, e):
    """Eccentric anomaly by Newton's method."""
    E = M
    delta = 1.0
    while abs(delta) > 1e-12:
        delta = (E - e * math.sin(E) - M) / (1 - e * math.cos(E))
        E -= delta
    return E


@program(inputs=[(0.7, 1e-9), (-1.2, 1e-9), (4.1, 1e-6)], features="while", wrt="x")
def sine_series(x, tol):
    term = x
    total = 0.0
    n = 1
    while abs(term) > tol:
        total += term
        term = -term * x * x / ((n + 1) * (n + 2))
        n += 2
    return total + term


@program(
    inputs=[(0.0, 2.0, 1.7), (1.0, 4.0, 6.2)], features="while branch", wrt=("lo", "hi"), step=1e-5
)
def bisection_bracket(lo, hi, target):
    """The middle of the bracket after bisection: it moves with the ends of the first bracket."""
    while hi - lo > 0.05:
        mid = (lo + hi) / 2
        if mid * mid < target:
            lo = mid
        else:
            hi = mid
    return (lo + hi) / 2


@program(inputs=[(2.0,), (7.3,)], features="while branch")
def bisection_polished(c):
    """Cube root: bisection for the start, two Newton steps for the derivative."""
    a, b = 0.0, 3.0
    it = 0
    while True:
        m = 0.5 * (a + b)
        it += 1
        if it >= 12:
            break
        if m**3 > c:
            b = m
        else:
            a = m
    for _ in range(3):
        m = m - (m**3 - c) / (3 * m**2)
    return m


@program(
    inputs=[(1.3, 0.4), (-0.6, 2.0)], features="while branch", wrt="shift", step=1e-6, smooth=False
)
def golden_section(shift, width):
    """Minimiser of a shifted well in a bracket that moves with the shift (Kiefer 1953)."""
    phi = (math.sqrt(5) - 1) / 2
    f = lambda t: (t - shift - 0.3) ** 2 + 0.1 * width  # noqa: E731
    a, b = shift - 1.0, shift + 2.0
    c, d = b - phi * (b - a), a + phi * (b - a)
    while b - a > 0.01:
        if f(c) < f(d):
            b = d
        else:
            a = c
        c, d = b - phi * (b - a), a + phi * (b - a)
    return 0.5 * (a + b)


@program(inputs=[(24.0, 36.5), (7.0, 21.3)], features="while")
def arithmetic_geometric_mean(a, b):
    while abs(a - b) > 1e-9:
        a, b = (a + b) / 2, math.sqrt(a * b)
    return a


@program(inputs=[(np.array([3.0, 4.0]), 1.0), (np.array([0.3, 0.4, 0.1]), 1.0)], features="while")
def shrink_into_ball(x, radius):
    while np.linalg.norm(x) > radius:
        x = 0.8 * x
    return x


@program(inputs=[(np.array([1.0, -2.0, 0.5]),), (np.array([4.0, 4.0]),)], features="while store")
def fixed_point_vector(b):
    x = np.zeros_like(b)
    while True:
        new = 0.3 * np.cos(x) + b
        if np.max(np.abs(new - x)) < 1e-12:
            break
        x = new
    return new


@program(inputs=[(5.0, 2.0), (17.5, 4.0), (1.0, 3.0)], features="while", step=1e-3)
def remainder_by_subtraction(a, m):
    while a >= m:
        a -= m
    return a * m


@program(inputs=[(3.7, 2.3), (0.4, 5.2)], features="while")
def nested_while(x, y):
    total = 0.0
    while x > 0.5:
        z = y
        while z > x:
            z = z * 0.6
            total += z
        x = x * 0.7
    return total + x


@program(inputs=[(10.0, 3.0), (1e6, 3.0)], features="while branch")
def while_else(x, limit):
    n = 0
    while n < 5:
        x = x / limit
        n += 1
        if x < 1.0:
            scale = 1.0
            break
    else:
        scale = 2.0
    return x * scale


@program(inputs=[(0.2,), (2.6,)], features="while branch")
def while_continue(x):
    k = 0
    s = 0.0
    while k < 10:
        k += 1
        if k % 3 == 0:
            continue
        s += x / k if s < 1.5 else -x / k
    return s


@program(
    inputs=[(np.array([1.5, 2.0]), 0.5), (np.array([-1.2, 1.0]), 1.0), (np.array([0.0, 0.0]), 0.1)],
    features="while branch",
    smooth=True,
)
def backtracking_line_search(x, step):
    """One step of steepest descent on Rosenbrock's function with Armijo's rule (1966)."""

    def f(p):
        return 100.0 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2

    g = np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])
    t = step
    f0 = f(x)
    while f(x - t * g) > f0 - 1e-4 * t * (g @ g):
        t *= 0.5
    return x - t * g


@program(inputs=[(6.2,), (27.4,), (1.2,)], features="while branch", smooth=False)
def collatz_like(x):
    steps = 0
    while x > 1.5 and steps < 50:
        if int(x) % 2 == 0:
            x = x / 2
        else:
            x = x * 0.3 + 1
        steps += 1
    return x * (steps + 1)


@program(inputs=[(0.9, 10), (0.5, 0), (1.05, 7)], features="while integer")
def countdown(x, n):
    y = x
    while n > 0:
        y = y * x + 1 / n
        n -= 1
    return y


@program(inputs=[(-0.12, 0.74, 20), (0.5, 0.6, 30), (0.1, 0.1, 12)], features="while", smooth=True)
def mandelbrot_smooth_escape(cr, ci, limit):
    """Modulus of the orbit when it leaves the disc of radius 2, or after `limit` steps."""
    zr = zi = 0.0
    n = 0
    while zr * zr + zi * zi < 4.0 and n < limit:
        zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
        n += 1
    return zr * zr + zi * zi + n


@program(inputs=[(np.array([0.1, 0.5, 0.7, 2.0]),), (np.array([0.6, 0.6]),)], features="while size")
def walk_the_array(x):
    i = 0
    total = 0.0
    while i < len(x) and total < 1.0:
        total += x[i]
        i += 1
    return total * i


@program(
    inputs=[call(2.0, 5.0), call(2.0, 5.0, tol=1e-3), call(-0.3, 0.4)],
    features="while",
    wrt=("a", "b"),
)
def secant_method(a, b, tol=1e-10):
    """Root of x**3 - a*x - b by the secant method."""

    def f(x):
        return x**3 - a * x - b

    x0, x1 = 2.5, 3.1
    f0, f1 = f(x0), f(x1)
    while abs(f1) > tol:
        x0, x1 = x1, x1 - f1 * (x1 - x0) / (f1 - f0)
        f0, f1 = f1, f(x1)
    return x1


@program(inputs=[(normal(5, 3),), (10.0 * normal(6, 4),)], features="while store")
def normalise_in_place(v):
    w = v.copy()
    while (w * w).sum() > 1.0:
        w *= 0.5
    return w
