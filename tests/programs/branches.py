"""Branches on values that depend on the inputs.

if/elif/else, conditional expressions, and/or/not, chained comparisons, builtin min/max/abs, early
returns, raise and assert, match, branches that bind other names or other dtypes.  Every program is
called on both sides of every branch, by one compiled object: a branch that was locked at the first
call gives a wrong answer at the second.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import call, normal, program


@program(inputs=[(2.0,), (-1.5,), (0.25,), (-4.0,)], features="branch")
def absolute_by_hand(x):
    if x < 0:
        x = -x
    return x * x * x + np.sin(x)


@program(inputs=[(normal(1, 5),), (normal(2, 5) - 3.0,), (normal(3, 7) + 3.0,)], features="branch")
def pick_by_sum(x):
    if x.sum() > 0.0:
        y = np.exp(-(x**2)).sum()
    else:
        y = np.log1p(x**2).sum()
    return 2.0 * y


@program(inputs=[(0.3, 1.0), (3.0, 1.0), (-3.0, 1.0), (-7.5, 2.0)], features="branch")
def huber_scalar(r, delta):
    if abs(r) <= delta:
        return 0.5 * r**2
    return delta * (abs(r) - 0.5 * delta)


@program(inputs=[(-2.0,), (0.3,), (1.4,), (2.7,), (9.0,)], features="branch")
def cubic_bspline(t):
    """Uniform cubic B-spline basis function on [0, 4] (de Boor 1978)."""
    if t < 0:
        b = 0.0 * t
    elif t < 1:
        b = t**3 / 6
    elif t < 2:
        b = (-3 * t**3 + 12 * t**2 - 12 * t + 4) / 6
    elif t < 3:
        b = (3 * t**3 - 24 * t**2 + 60 * t - 44) / 6
    else:
        b = 0.5 * (t - 4.0) ** 2 if t < 4 else 0.0 * t
    return b


@program(inputs=[(1.0, 2.0), (2.0, 1.0), (-1.0, -3.0)], features="branch")
def conditional_expression(a, b):
    hi = a if a > b else b
    lo = b if a > b else a
    return (hi - lo) ** 2 / (1 + hi**2)


@program(inputs=[(0.5,), (1.5,), (-0.5,), (2.5,)], features="branch")
def chained_comparison(x):
    if 0 < x < 1:
        return x * (1 - x)
    elif 1 <= x < 2:
        return math.sin(math.pi * x)
    else:
        return np.float64(0.1) * x


@program(inputs=[(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)], features="branch")
def quadrant(x, y):
    if x > 0 and y > 0:
        value = x * y
    elif not (x > 0) and y > 0:
        value = y - x**2
    elif x > 0 or y > 0.5:
        value = np.exp(x + y)
    else:
        value = x**2 * y**3
    return value


@program(inputs=[(1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (2.0, 3.5, -1.0)], features="branch")
def median_of_three(a, b, c):
    return max(min(a, b), min(max(a, b), c)) * 2.0 + min(a, b, c) * max(a, b, c)


@program(
    inputs=[(np.array([1.0, -2.0, 0.5]),), (np.array([0.1, 0.2, -0.3, 0.9]),)], features="branch"
)
def builtin_min_max_abs(v):
    top = max(v)
    bottom = min(abs(e) for e in v)
    return top * bottom + abs(v[0] * v[1])


@program(inputs=[(4.0,), (0.5,), (-3.0,)], features="branch")
def early_returns(x):
    if x < 0:
        return -x
    y = np.sqrt(x)
    if y < 1:
        return y + 10.0
    z = y * y * y
    return z - 1


@program(
    inputs=[(4.0,), (0.25,)],
    features="branch raise",
    failures=[((-1.0,), ValueError, "negative argument -1.0"), ((0.0,), ZeroDivisionError, "")],
)
def checked_inverse_root(x):
    if x < 0:
        raise ValueError(f"negative argument {x}")
    if x == 0:
        raise ZeroDivisionError("no inverse root of 0")
    return 1 / math.sqrt(x)


@program(
    inputs=[(np.array([0.2, 0.3, 0.5]),), (np.array([0.9, 0.1]),)],
    features="raise",
    failures=[((np.array([0.5, 0.7]),), AssertionError, "probabilities must sum to one")],
    step=1e-10,
    differentiable=False,
)
def asserted_entropy(p):
    assert abs(p.sum() - 1) < 1e-9, "probabilities must sum to one"
    return -(p * np.log(p)).sum()


@program(
    inputs=[(0.5, np.array([1.0, 2.0])), (2.5, np.array([1.0, 2.0])), (1.5, np.array([3.0, 0.5]))],
    features="branch raise",
    failures=[((-0.5, np.array([1.0, 2.0])), AssertionError, "")],
)
def assert_then_branch(t, w):
    assert t > 0
    if t > 1.0:
        w = w * t
    assert np.all(w > 0), "weights"
    return np.log(w).sum() * t


@program(inputs=[(0.4, 0), (0.4, 1), (1.2, 2), (1.2, 7)], features="branch integer")
def match_on_integer(x, kind):
    match kind:
        case 0:
            return np.sin(x)
        case 1 | 2:
            return np.cos(x) * kind
        case _:
            return x**kind


@program(inputs=[(0.5,), (-0.5,), (2.5,), (-2.5,)], features="branch")
def match_with_guards(x):
    match np.sign(x):
        case s if s > 0 and x > 2:
            y = x**2
        case s if s > 0:
            y = x
        case _ if x < -2:
            y = x**3
        case _:
            y = 0.5 * x
    return y + np.tanh(x)


@program(inputs=[(1.5, 2.0), (-1.5, 2.0)], features="branch")
def branches_bind_other_names(x, k):
    scale = 1.0
    if x > 0:
        slope = k * x
        scale = slope + 1
    else:
        bump = np.exp(x)
        x = x + bump
    return x * scale


@program(inputs=[(0.7,), (-0.7,)], features="branch")
def branches_of_other_dtypes(x):
    if x > 0:
        n = 3
    else:
        n = x * 0.5
    return n * x


@program(inputs=[(np.array([0.7, 0.2]),), (np.array([-0.7, 0.2]),)], features="branch")
def int_or_float_result(v):
    if v[0] > 0:
        return v.sum()
    return 0


@program(
    inputs=[(normal(5, 4), 1.0), (normal(5, 4), -1.0)],
    features="branch container",
)
def incompatible_results(x, sign):
    """One side makes a pair, the other an array: only a guard can serve both."""
    state = (x, x * 2) if sign > 0 else x + 1
    if isinstance(state, tuple):
        return np.dot(state[0], state[1])
    return state.sum() * sign


@program(inputs=[(normal(6, 3),), (-np.abs(normal(7, 3)),), (normal(8, 6),)], features="branch for")
def relu_loop(x):
    total = 0.0
    for v in x:
        if v > 0:
            total += v**2
        else:
            total += 0.1 * v
    return total


@program(
    inputs=[(1.0, -3.0, 2.0), (1.0, 2.0, 5.0), (-2.0, 0.5, 4.0), (2.0, 4.0, 1.5)],
    features="branch",
)
def quadratic_roots(a, b, c):
    """Larger real root, or the modulus of the complex pair; the stable formula."""
    disc = b * b - 4 * a * c
    if disc >= 0:
        q = -0.5 * (b + math.copysign(math.sqrt(disc), b))
        r1, r2 = q / a, c / q
        return r1 if r1 > r2 else r2
    re = -b / (2 * a)
    im = math.sqrt(-disc) / (2 * a)
    return math.hypot(re, im)


def _saturate(v, limit):
    if v > limit:
        return limit + np.tanh(v - limit)
    if v < -limit:
        return -limit + np.tanh(v + limit)
    return v


@program(inputs=[(0.2, 1.0), (3.0, 1.0), (-4.0, 0.5)], features="branch")
def branch_in_helper(v, limit):
    once = _saturate(v, limit)
    return _saturate(once * 2.0, limit) + once


@program(inputs=[(0.3,), (0.8,), (-0.3,), (-0.8,)], features="branch")
def nested_branches(x):
    y = x
    if x > 0:
        y = y + 1
        if x > 0.5:
            y *= 2
        else:
            y -= x**2
    else:
        if not x > -0.5:
            y = np.cos(y)
    return y * x


@program(inputs=[(0.0, 2.0), (1.3, 0.0), (0.0, 0.0)], features="branch", differentiable=False)
def truthiness_of_numbers(x, y):
    a = x or 3.0
    b = 1.0 if y else 2.0
    return a * (y + 1.0) ** 2 * b


@program(
    inputs=[
        (np.array([0.5, -1.0, 2.0]), 2.0),
        (np.array([0.5, 1.0, 2.0]), 2.0),
        (np.array([-0.5, -1.0, -2.0, -0.1]), 0.5),
    ],
    features="branch",
)
def any_and_all(x, t):
    if np.all(x > 0):
        return np.prod(x) * t
    if (x > t / 3).any():
        return np.sum(x * t)
    return np.dot(x, x) + t**2


@program(inputs=[(25.0, 10.0), (45.0, 10.0), (130.0, 20.0)], features="branch for container")
def progressive_tax(income, allowance):
    brackets = [(20.0, 0.1), (50.0, 0.25), (float("inf"), 0.42)]
    taxable = max(income - allowance, 0.0)
    tax, lower = 0.0, 0.0
    for upper, rate in brackets:
        if taxable > lower:
            tax += rate * (min(taxable, upper) - lower)
        lower = upper
    return tax


@program(
    inputs=[call(0.4), call(0.4, mode="cos"), call(-1.4, mode="auto"), call(1.4, mode="auto")],
    features="branch",
)
def branch_on_string_and_value(x, mode="sin"):
    if mode == "auto":
        mode = "sin" if x > 0 else "cos"
    return {"sin": np.sin, "cos": np.cos}[mode](x)


@program(inputs=[(300.0,), (250.0,), (700.0,)], features="branch")
def saturation_pressure(T):
    """Piecewise Antoine-like vapour pressure with a floor and a ceiling, as engineers code it."""
    if T < 273.15:
        A, B, C = 8.2, 1900.0, 270.0
    elif T < 500:
        A, B, C = 8.07, 1730.6, 233.4
    else:
        A, B, C = 8.14, 1810.9, 244.5
    p = 10 ** (A - B / (C + T - 273.15))
    return p if p < 1e4 else 1e4 + math.log(p)


@program(inputs=[(np.array([3.0, 4.0]), 10.0), (np.array([3.0, 4.0]), 2.0)], features="branch")
def clip_gradient_norm(g, max_norm):
    norm = np.linalg.norm(g)
    if norm > max_norm:
        g = g * (max_norm / norm)
    return g
