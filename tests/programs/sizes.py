"""Sizes that depend on a loop index, on an argument or on the data.

Slices such as ``A[i, :i]`` and ``x[:k][::-1]``, arrays made inside loops, empty slices at the ends;
selections by mask and `np.nonzero`; integer arguments used as sizes, axes and reshapes; one function
called with many lengths.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import numpy as np

from .registry import normal, program, uniform


@program(
    inputs=[(normal(1, 4, 4), normal(2, 4)), (normal(3, 6, 6), normal(4, 6))],
    features="size for store",
)
def lower_triangle_product(L, x):
    y = np.empty(len(x))
    for i in range(len(x)):
        y[i] = np.dot(L[i, :i], x[:i]) + L[i, i] * x[i]
    return y


@program(inputs=[(normal(5, 4, 4),), (normal(6, 5, 5),), (normal(7, 1, 1),)], features="size for")
def upper_triangle_norms(A):
    total = 0.0
    for i in range(A.shape[0]):
        total += np.sqrt(1 + (A[i, i + 1 :] ** 2).sum()) + (A[i + 1 :, i]).sum()
    return total


@program(
    inputs=[(normal(8, 5),), (normal(9, 8),), (normal(10, 1),)], features="size for view store"
)
def autocorrelation(x):
    n = len(x)
    r = np.zeros(n)
    for k in range(n):
        r[k] = np.dot(x[: n - k], x[k:])
    return r


@program(
    inputs=[(normal(11, 5), normal(12, 3)), (normal(13, 4), normal(14, 6))],
    features="size for store",
)
def polynomial_product(p, q):
    out = np.zeros(len(p) + len(q) - 1)
    for i, c in enumerate(p):
        out[i : i + len(q)] += c * q
    return out


@program(inputs=[(normal(15, 6),), (normal(16, 4),)], features="size for view")
def palindromic_sums(x):
    s = 0.0
    for k in range(1, len(x) + 1):
        s += x[:k] @ x[:k][::-1]
    return s


@program(inputs=[(normal(17, 5),), (normal(18, 7),)], features="size for")
def triangular_temporary(x):
    n = len(x)
    total = 0.0
    for i in range(n):
        w = np.zeros(n - i)
        w[0] = x[i]
        w += x[i:] ** 2
        total += w.mean()
    return total


@program(inputs=[(normal(19, 8),), (normal(20, 5),), (-np.ones(4),)], features="size mask")
def sum_of_positives(x):
    return x[x > 0].sum() ** 2 + x[x <= 0].sum()


@program(inputs=[(normal(21, 8),), (normal(22, 6),)], features="size mask")
def mean_above_mean(x):
    m = x.mean()
    upper = x[x > m]
    return upper.mean() - m + np.sqrt(((upper - m) ** 2).sum())


@program(inputs=[(normal(23, 9), 0.3), (normal(24, 5), -0.2)], features="size mask", wrt="x")
def nonzero_indices(x, t):
    idx = np.nonzero(x > t)[0]
    return np.sum(x[idx] * idx) / len(idx)


@program(inputs=[(normal(25, 4, 3),), (normal(26, 5, 2),)], features="size mask")
def rows_by_mask(A):
    keep = A[:, 0] > 0
    return (A[keep] ** 2).sum() + A[~keep].sum()


@program(
    inputs=[(normal(27, 6), 2), (normal(28, 6), 3), (normal(29, 4), 1)], features="integer size"
)
def reshape_by_argument(x, k):
    return (x.reshape(k, -1) ** 2).sum(axis=1).prod()


@program(
    inputs=[(normal(30, 3, 4), 0), (normal(30, 3, 4), 1), (normal(31, 2, 2), -1)],
    features="integer",
)
def axis_by_argument(A, axis):
    return np.sqrt((A**2).sum(axis=axis)).max() * A.mean(axis=axis).sum()


@program(inputs=[(0.5, 3), (0.5, 7), (2.0, 1)], features="integer size")
def grid_of_argument_size(h, n):
    t = np.arange(n) * h
    return np.trapezoid(np.exp(-t), t) + np.linspace(0.0, h, n + 1).sum()


@program(
    inputs=[(normal(k, k),) for k in (2, 3, 5, 8, 13, 4, 21)],
    features="size integer",
)
def many_lengths(x):
    n = len(x)
    return x[: n // 2].sum() * x[n // 2 :].sum() / n + x[-1]


@program(
    inputs=[(normal(32, 6), 1, 4), (normal(32, 6), 3, 3), (normal(33, 8), 0, 8)],
    features="integer size",
)
def window_by_arguments(x, lo, hi):
    w = x[lo:hi]
    return w.sum() ** 2 + len(w) * x[0]


@program(
    inputs=[(normal(34, 7), 3), (normal(35, 5), 1), (normal(36, 9), 4)], features="size integer for"
)
def moving_average(x, k):
    return np.array([x[i : i + k].mean() for i in range(len(x) - k + 1)])


@program(inputs=[(normal(37, 5),), (normal(38, 7),)], features="size while view")
def shrinking_window(x):
    lo, hi = 0, len(x)
    acc = 0.0
    while hi - lo > 1:
        acc += x[lo:hi].sum() ** 2
        lo += 1
        hi -= 1
    return acc


@program(inputs=[(normal(39, 8),), (normal(40, 4),), (normal(41, 1),)], features="size while")
def pairwise_reduction(x):
    """Sum of squares by halving, as a parallel reduction does it."""
    y = x**2
    while len(y) > 1:
        half = len(y) // 2
        y = y[:half] + y[half : 2 * half]
    return y[0]


@program(inputs=[(normal(42, 6), 4), (normal(43, 6), 0)], features="size integer")
def empty_tail(x, k):
    head, tail = x[:k], x[k:]
    return head.sum() + 2 * tail.sum() + np.concatenate([tail, head])[0]


@program(inputs=[(normal(44, 5),), (normal(45, 3),)], features="size for store")
def vandermonde(x):
    n = x.size
    V = np.ones((n, n))
    for j in range(1, n):
        V[:, j] = V[:, j - 1] * x
    return V


@program(
    inputs=[(uniform(46, 0, 1, 6), 0.5), (uniform(47, 0, 1, 9), 0.2)],
    features="size mask store",
    wrt="x",
)
def compress_and_pad(x, t):
    kept = x[x > t]
    out = np.zeros(len(x))
    out[: len(kept)] = kept**2
    return out


@program(
    inputs=[(np.array([1.0, 1.2, 3.0, 3.1, 3.3, 0.2]),), (np.array([2.0, 5.0]),)],
    features="size for branch container",
)
def run_length_code(x):
    """Sums of runs of neighbours that differ by less than one."""
    runs = [x[0]]
    for i in range(1, len(x)):
        if abs(x[i] - x[i - 1]) < 1.0:
            runs[-1] = runs[-1] + x[i]
        else:
            runs.append(x[i])
    return sum(r**2 for r in runs)


@program(inputs=[(0.6, 3), (0.7, 1), (0.6, 0)], features="container integer size")
def l_system_rewriting(angle, generations):
    """A -> AB, B -> A, drawn as a turtle path."""
    word = ["A"]
    for _ in range(generations):
        longer = []
        for letter in word:
            longer.extend(["A", "B"] if letter == "A" else ["A"])
        word = longer
    x = y = heading = 0.0
    for letter in word:
        heading += angle if letter == "A" else -2 * angle
        x += np.cos(heading)
        y += np.sin(heading)
    return np.hypot(x, y)


@program(inputs=[(normal(48, 3, 5),), (normal(49, 4, 2),)], features="size for")
def ragged_rows(A):
    return sum((A[i, : i + 1]).prod() for i in range(min(A.shape)))


@program(inputs=[(normal(50, 5), 2), (normal(51, 4), 5)], features="integer size")
def repeat_and_tile(x, n):
    return np.repeat(x, n)[::n].sum() + (np.tile(x, n) * np.arange(n * len(x))).sum()


@program(inputs=[(normal(71, 6),), (normal(72, 3),)], features="size mask for")
def sums_over_what_is_larger(x):
    s = 0.0
    for i in range(len(x)):
        z = x[x > x[i]]
        for t in z:
            s += t * i
        s += sum(np.sin(t) for t in z) + 0.1 * len(z[1:])
    return s


@program(inputs=[(normal(73, 6),), (normal(74, 3),)], features="size for")
def sums_over_what_came_before(x):
    s = x[0]
    for i in range(len(x)):
        s = s + 0.1 * sum(np.sin(t) for t in x[:i])
    return s


@program(
    inputs=[(normal(75, 6, 6), 2), (normal(76, 5, 4), 1), (normal(77, 5, 5), 3)],
    features="size for store branch",
    wrt="u",
)
def relax_where_colours_fit(u, n):
    u = u.copy()
    for it in range(n):
        for c in (0, 1):
            inner = u[1:-1:2, 1 + c : -1 : 2]
            right = u[1:-1:2, 3 + c :: 2]
            if right.shape == inner.shape:
                inner[:] = 0.25 * (u[:-2:2, 1 + c : -1 : 2] + inner + right + u[1:-1:2, c:-2:2])
            else:
                inner *= 1.5
    return (u * u).sum()


@program(
    inputs=[(normal(78, 4), 0), (normal(79, 4), 3), (normal(80, 6), 1), (normal(81, 3), 0)],
    features="size mask integer",
    wrt="x",
)
def products_of_what_may_be_nothing(x, k):
    return np.prod(x[:k]) * x[0] + np.prod(x[x > 10.0]) * x[1] + np.prod(np.cos(x[x > 0.0]))


# --- arrays whose size changes in every iteration ----------------------------------------------------


@program(
    inputs=[(100.0, 101.0, 0.05, 0.2, 6), (90.0, 101.5, 0.04, 0.3, 9)],
    features="size for integer",
    smooth=False,
)
def american_put(s, strike, rate, sigma, n):
    """Binomial tree with early exercise."""
    up = np.exp(sigma / np.sqrt(n))
    p = (np.exp(rate / n) - 1 / up) / (up - 1 / up)
    v = np.maximum(strike - s * up ** np.arange(n, -n - 1, -2.0), 0.0)
    for k in range(n - 1, -1, -1):
        hold = np.exp(-rate / n) * (p * v[:-1] + (1 - p) * v[1:])
        v = np.maximum(hold, strike - s * up ** np.arange(k, -k - 1, -2.0))
    return v[0]


@program(
    inputs=[(normal(60, 7, 2), 0.3), (normal(61, 9, 2), 0.8), (normal(62, 1, 2), 0.8)],
    features="size for",
    smooth=True,
)
def de_casteljau(points, t):
    for _ in range(len(points) - 1):
        points = (1 - t) * points[:-1] + t * points[1:]
    return points[0]


@program(
    inputs=[
        (np.linspace(0, 1, 6), normal(63, 6), 0.37),
        (np.linspace(0, 1, 8), normal(64, 8), 0.4),
    ],
    features="size for",
    wrt=("y", "t"),
)
def neville_interpolation(x, y, t):
    p = y.copy()
    n = len(x)
    for m in range(1, n):
        p = ((t - x[m:]) * p[:-1] - (t - x[: n - m]) * p[1:]) / (x[: n - m] - x[m:])
    return p[0]


@program(inputs=[(normal(65, 14),), (normal(66, 17),)], features="size for store", smooth=True)
def shrinking_from_both_ends(v):
    """The array is new in every iteration, stored into, and read after the loop."""
    for k in range(6):
        v = v[2:] - 0.1 * v[:-2] ** 2
        v[0] = v[0] * v[-1]
        middle = v[1:]
    return v.sum() + middle[0]


@program(inputs=[(normal(67, 6),), (normal(68, 9),)], features="size for", smooth=True)
def polynomial_from_roots(roots):
    """The array grows by one in every iteration."""
    c = np.ones(1)
    for r in roots:
        c = np.concatenate([c, [0.0]]) - r * np.concatenate([[0.0], c])
    return c


@program(inputs=[(normal(69, 8, 7),), (normal(70, 9, 9),)], features="size for", smooth=True)
def condensation(a):
    """Both axes shrink, as in Dodgson's condensation."""
    for _ in range(5):
        a = 0.3 * (a[1:, 1:] * a[:-1, :-1] - a[1:, :-1] * a[:-1, 1:])
    return a


@program(
    inputs=[(normal(71, 9), 0.1), (normal(72, 7), -0.4)], features="size for branch", smooth=True
)
def difference_table_with_branch(v, threshold):
    kept = 0.0
    for _ in range(len(v) - 1):
        if v[0] > threshold:
            v = v[1:] + v[:-1]
        else:
            v = v[1:] * v[:-1]
        kept += v[-1]
    return kept + v[0]


@program(
    inputs=[(normal(82, 5),), (normal(83, 3),), (normal(84, 1),), (normal(85, 6),)],
    features="size mask container",
)
def quicksort_by_masks(x):
    def ordered(a):
        if len(a) <= 1:
            return a
        pivot, rest = a[0], a[1:]
        return np.concatenate([ordered(rest[rest < pivot]), [pivot], ordered(rest[rest >= pivot])])

    return ordered(x) @ np.arange(len(x))
