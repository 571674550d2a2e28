"""Names that share memory.

Slices, transposes, reshapes (a view or a copy, exactly as NumPy decides), ravel against flatten,
diagonals, rows bound to names and then stored into, self-assignment that overlaps, two names for
one array, arguments that alias one another.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import numpy as np

from .registry import normal, program


@program(inputs=[(normal(1, 5),), (normal(2, 8),)], features="view store alias")
def write_through_slice(x):
    a = x * 1.0
    b = a[1:]
    b[0] = 3 * x[0]
    b *= 2
    return a


@program(inputs=[(normal(3, 3, 4),), (normal(4, 2, 3),)], features="view store")
def row_as_name(A):
    M = A.copy()
    row = M[1]
    row[:] = row / (1 + row @ row)
    row[0] += 1
    return M


@program(inputs=[(normal(5, 2, 3),), (normal(6, 4, 2),)], features="view store")
def column_as_name(A):
    M = A.copy()
    col = M[:, -1]
    col += M[:, 0] ** 2
    return M.sum(axis=1) * col


@program(inputs=[(normal(7, 2, 6),), (normal(8, 4, 3),)], features="view store")
def reshape_is_a_view(A):
    M = A + 0.0
    flat = M.reshape(-1)
    flat[3] = flat[0] * flat[1]
    flat[::4] = 1.5
    return M * A


@program(inputs=[(normal(9, 3, 4),), (normal(10, 2, 2),)], features="view store")
def reshape_of_transpose_is_a_copy(A):
    M = A * 1.0
    flat = M.T.reshape(-1)
    flat[0] = 100.0
    return M + flat.sum()


@program(inputs=[(normal(11, 3, 2),), (normal(12, 2, 4),)], features="view store")
def ravel_against_flatten(A):
    M = A * 1.0
    r, f = M.ravel(), M.flatten()
    r[1] = A[0, 0] * 5
    f[2] = -7.0
    return M, f


@program(inputs=[(normal(13, 6),), (normal(14, 4),)], features="view store alias")
def overlapping_shift_right(x):
    a = x.copy()
    a[1:] = a[:-1]
    a[0] = x[-1]
    return a * np.arange(len(a))


@program(inputs=[(normal(15, 6),), (normal(16, 5),)], features="view store alias")
def overlapping_add(x):
    a = x * 1.0
    a[:-1] += a[1:]
    a[2:] -= 0.5 * a[:-2]
    a[::-1][:2] *= 3
    return a


@program(inputs=[(normal(17, 4),), (normal(18, 7),)], features="view store alias")
def reverse_in_place(x):
    a = x.copy()
    a[:] = a[::-1]
    return a * x.sum()


@program(inputs=[(normal(19, 3),), (normal(20, 5),)], features="alias store")
def two_names_one_array(x):
    a = x * 2.0
    b = a
    b[0] = x[1] ** 2
    a += 1
    return b


@program(inputs=[(normal(21, 3, 3),), (normal(22, 4, 4),)], features="view")
def read_the_diagonal(A):
    return np.diag(A).prod() + np.trace(A @ A) + np.diag(np.diag(A))[0, 0]


@program(inputs=[(normal(23, 2, 3),), (normal(24, 3, 2),)], features="view store alias")
def transposed_view(A):
    B = A.copy()
    T = B.T
    T[1] = 0.5
    T += 1
    B[0, 0] = A[1, 1] ** 3
    return T @ B


@program(
    inputs=[
        lambda: (lambda x: (x, x))(normal(25, 4)),
        (normal(26, 4), normal(27, 4)),
        (normal(28, 3), normal(29, 3)),
    ],
    features="alias store",
    mutates=("a", "b"),
    differentiable=False,
)
def arguments_may_alias(a, b):
    a += 1.0
    b *= 2.0
    a[0] = b[1] - a[1]
    return a.sum() * b.sum()


@program(
    inputs=[
        lambda: (lambda x: (x, x[1:]))(normal(30, 5)),
        (normal(31, 5), normal(32, 4)),
    ],
    features="alias view store",
    mutates=("x", "tail"),
    differentiable=False,
)
def argument_is_view_of_another(x, tail):
    tail[:] = tail**2
    x[0] = tail[0] + x[1]
    return x.sum()


@program(inputs=[(normal(33, 4, 4),), (normal(34, 6, 6),)], features="view store for")
def quadrants_as_views(A):
    M = A.copy()
    h = M.shape[0] // 2
    blocks = [M[:h, :h], M[:h, h:], M[h:, :h], M[h:, h:]]
    for k, b in enumerate(blocks):
        b *= k + 1
        b[0, 0] = b.sum()
    return M


@program(inputs=[(normal(35, 3, 2),), (normal(36, 2, 2),)], features="view store for")
def rows_from_iteration(A):
    M = A * 1.0
    for row in M:
        row[0] = row[1] * row[0]
        row /= 2.0
    return M


@program(inputs=[(normal(37, 6),), (normal(38, 8),)], features="view store")
def view_of_a_view(x):
    a = x.copy()
    evens = a[::2]
    inner = evens[1:]
    inner[0] *= evens[0]
    evens[-1] = 2 * a[1]
    return a + np.sum(inner)


@program(inputs=[(normal(39, 4),), (normal(40, 3),)], features="view store")
def newaxis_and_broadcast(x):
    a = x * 1.0
    col = a[:, None]
    col[0] = 4.0 * x[1]
    grid = np.broadcast_to(col, (len(x), 2))
    return grid * a[:, np.newaxis]


def _normalise(v):
    v /= 1 + np.sum(v**2)


@program(inputs=[(normal(41, 3, 4),), (normal(42, 2, 2),)], features="view store for")
def helper_mutates_a_view(A):
    M = A.copy()
    for i in range(M.shape[0]):
        _normalise(M[i])
    _normalise(M[:, 0])
    return M


@program(
    inputs=[(normal(43, 5), True), (normal(43, 5), False)], features="view store branch", wrt="x"
)
def view_or_copy_by_flag(x, share):
    a = x * 1.0
    b = a[1:4] if share else a[1:4].copy()
    b[:] = 0.25
    return a * x


@program(inputs=[(normal(44, 4),), (normal(45, 4) + 1.5,)], features="view store branch alias")
def alias_chosen_by_data(x):
    a, b = x * 1.0, x + 1.0
    target = a if x.sum() > 0 else b
    target[0] = 7.0 * x[2]
    target += 0.5
    return a * b


@program(inputs=[(normal(46, 2, 2, 3),), (normal(47, 3, 2, 2),)], features="view store")
def swapaxes_and_squeeze(T):
    W = T.copy()
    S = W.swapaxes(0, 2)
    S[0] *= 2
    first = W[:1].squeeze(0)
    first -= T[0].mean()
    return np.moveaxis(W, 1, 0)


@program(
    inputs=[(normal(81, 6),), (normal(82, 4),), (-normal(81, 6),)],
    features="view store for branch alias",
    mutates="x",
)
def scale_the_best_window(x):
    best = x[:2]
    for i in range(len(x) - 1):
        window = x[i : i + 2]
        if window.sum() > best.sum():
            best = window
    best *= 0.5
    return best.sum()


@program(
    inputs=[(normal(83, 6),), (normal(84, 4),), (-normal(83, 6),)],
    features="view store for alias",
    mutates="x",
)
def halve_the_window_before(x):
    window = np.zeros(2)
    for i in range(len(x) - 1):
        window[:] = window * 0.5
        window = x[i : i + 2]
    return window.sum()


@program(
    inputs=[(normal(85, 6),), (normal(86, 4),), (-normal(85, 6),)],
    features="view store while branch alias",
    mutates="x",
)
def last_window_that_begins_positive(x):
    window = np.ones(2)
    i = 0
    while i < len(x) - 1 and x[i] < 5.0:
        window[0] += 1.0
        if x[i] > 0:
            window = x[i : i + 2]
        i += 1
    window *= 2
    return window.sum()


@program(inputs=[(normal(87, 3, 4),), (normal(88, 4, 4),)], features="view store", mutates="A")
def every_ravel_is_a_view_or_a_copy(A):
    parts = [A.ravel(), A.T.ravel("K"), A.ravel("F"), A[::-1].ravel("K"), A.ravel("A")]
    parts += [A.T.ravel("A"), A.T.ravel("F"), A[:, ::2].ravel(), A[0].ravel(), A[0, ::-1].ravel()]
    parts += [
        A.reshape(-1, order="F"),
        A[:, ::2].reshape(-1),
        A[:, 1:].ravel("K"),
        np.ravel(A[:, 0]),
    ]
    total = 0.0
    for k, part in enumerate(parts):
        part[k % 3] += 0.5 * k * part[-1]
    for k, part in enumerate(parts):
        total += (part * np.arange(1.0, len(part) + 1)).sum() * (k + 1)
    return total


@program(
    inputs=[(normal(89, 6), 2), (normal(90, 4), 1), (normal(91, 5), 3)],
    features="view store for branch",
    mutates="y",
    wrt=("y",),
    differentiable=False,
)
def store_before_results_that_do_not_merge(y, k):
    for value in y:
        y[0] += value
        total = 0
        for item in y[:k]:
            total += item
        return total
