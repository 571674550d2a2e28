"""Arrays that are changed in place.

Stores by integer, slice, negative and traced index, integer array and mask; augmented assignment on
elements, slices and whole arrays against scalars; out=, where=, ufunc.at, copyto, fill_diagonal,
fill, sort; swaps with NumPy's semantics; functions that change their arguments.

The functions are written as users write them; nothing here imports `autodiff`.
"""

# ruff: noqa: B905
import numpy as np

from .registry import call, normal, program


@program(inputs=[(normal(1, 5),), (normal(2, 9),), (normal(3, 1),)], features="store for")
def prefix_sums(x):
    y = np.zeros(len(x))
    acc = 0.0
    for i in range(len(x)):
        acc += x[i]
        y[i] = acc
    return y


@program(inputs=[(normal(4, 6), 0.4), (normal(5, 9), -0.3)], features="store for")
def recurrence_with_sine(x, a):
    y = np.empty_like(x)
    y[0] = x[0]
    for i in range(1, x.size):
        y[i] = a * y[i - 1] + np.sin(x[i])
    return y


@program(inputs=[(normal(6, 4, 4),), (normal(7, 3, 5),)], features="store for")
def add_to_elements(A):
    B = A.copy()
    m, n = B.shape
    for i in range(m):
        for j in range(n):
            B[i, j] += i * A[i, j] ** 2 - 0.5 * j
    return B


@program(inputs=[(normal(8, 7),), (normal(9, 4),)], features="store view")
def slice_stores(x):
    y = np.zeros_like(x)
    y[1:-1] = 0.5 * (x[:-2] + x[2:])
    y[0] = x[0]
    y[-1] = x[-1] ** 2
    y[::2] *= 3.0
    return y


@program(inputs=[(normal(10, 6),), (normal(11, 8),)], features="store view")
def negative_step_store(x):
    out = np.empty(x.shape)
    out[::-1] = x**2
    out[-2] += x[0]
    return out


@program(
    inputs=[(normal(12, 5), 2), (normal(12, 5), -1), (normal(13, 5), 0)], features="store integer"
)
def store_at_argument(x, k):
    y = x * 2
    y[k] = x[k] ** 3
    return y.sum() * y[k]


@program(
    inputs=[(np.array([0.2, 2.7, 1.4, 0.9]), normal(14, 4)), (np.array([3.2, 3.7]), normal(15, 2))],
    features="store gather for",
)
def histogram_weights(positions, weights):
    bins = np.zeros(5)
    for p, w in zip(positions, weights):
        k = int(p)
        bins[k] += w * (1 - (p - k))
        bins[k + 1] += w * (p - k)
    return bins


@program(
    inputs=[(normal(16, 4), np.array([0, 2, 5, 2])), (normal(17, 3), np.array([5, 1, 0]))],
    features="store gather",
)
def scatter_add_at(values, index):
    out = np.ones(6)
    np.add.at(out, index, values**2)
    return out


@program(
    inputs=[(normal(18, 6), np.array([4, 1, 1])), (normal(19, 7), np.array([0, -1, 3]))],
    features="store gather",
)
def integer_array_store(x, idx):
    y = x.copy()
    y[idx] = 10 * x[idx]
    y[idx] += 1.0
    return y


@program(inputs=[(normal(20, 6),), (normal(21, 9),), (-np.ones(3),)], features="store mask")
def mask_store_scalar(x):
    y = x.copy()
    y[y < 0] = 0.0
    return y**2


@program(inputs=[(normal(22, 4, 3),), (normal(23, 2, 5),)], features="store mask")
def mask_store_array(A):
    B = A * 1.0
    big = np.abs(A) > 0.5
    B[big] = np.sqrt(np.abs(A[big]))
    B[~big] *= 2
    return B


@program(inputs=[(normal(24, 3), normal(25, 3)), (normal(26, 5), normal(27, 5))], features="store")
def whole_array_assignment(a, b):
    work = np.empty(len(a))
    work[:] = a
    work *= b
    work[...] = work**2 + a
    work -= b.mean()
    return work


@program(inputs=[(2.0, normal(28, 3)), (-1.0, normal(29, 4))], features="store alias")
def scalar_rebinds_array_mutates(s, v):
    t = s
    t += 1.0
    w = v * 1.0
    u = w
    u += t
    return s * t + (w * v).sum()


@program(inputs=[(normal(30, 4), normal(31, 4)), (normal(32, 2), normal(33, 2))], features="store")
def out_arguments(x, y):
    z = np.zeros_like(x)
    np.add(x, y, out=z)
    np.multiply(z, x, z)
    np.sin(z, out=z)
    return z


@program(inputs=[(normal(34, 6),), (normal(35, 3),)], features="store mask")
def ufunc_where(x):
    out = np.zeros_like(x)
    np.log(x, out=out, where=x > 0)
    return out + np.sqrt(np.abs(x))


@program(
    inputs=[(normal(36, 3), normal(37, 2, 3)), (normal(38, 2), normal(39, 4, 2))], features="store"
)
def copyto_rows(row, A):
    B = np.zeros(A.shape)
    np.copyto(B, row)
    B[0] *= 2
    np.copyto(B, A, where=A > 0.2)
    return B


@program(inputs=[(normal(40, 3, 3), 2.0), (normal(41, 4, 4), -0.5)], features="store")
def fill_the_diagonal(A, d):
    M = A.copy()
    np.fill_diagonal(M, d)
    return M @ M


@program(inputs=[(1.5, 4), (0.5, 2)], features="store integer")
def fill_method(c, n):
    b = np.empty(n)
    b.fill(c)
    b[0] = c**2
    return b


@program(inputs=[(normal(42, 6),), (normal(43, 5),)], features="store")
def sort_in_place(x):
    y = x.copy()
    y.sort()
    return y * np.arange(len(y))


@program(inputs=[(normal(44, 3, 2),), (normal(45, 2, 4),)], features="store view")
def store_through_transpose(A):
    B = np.zeros_like(A)
    B.T[...] = 2 * A.T
    B.T[0, 1] = A[0, 0] ** 2
    return B


@program(inputs=[(normal(46, 5),), (normal(47, 6),)], features="store for branch")
def bubble_sort(x):
    a = x.copy()
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a


@program(inputs=[(normal(48, 4, 3), 0, 2), (normal(49, 3, 2), 1, 1)], features="store view integer")
def swap_rows_gone_wrong(A, i, j):
    """Row swap without copies: NumPy's views make both rows equal."""
    B = A.copy()
    B[i], B[j] = B[j], B[i]
    return B * np.arange(1.0, A.shape[1] + 1)


@program(
    inputs=[(normal(50, 4, 3), 0, 2), (normal(51, 3, 2), 1, 2)], features="store gather integer"
)
def swap_rows_properly(A, i, j):
    B = A.copy()
    B[[i, j]] = B[[j, i]]
    return B * np.arange(1.0, A.shape[1] + 1)


@program(inputs=[(normal(52, 7),), (normal(53, 4),)], features="store while branch")
def quicksort_partition(x):
    """Hoare's partition (1961) around the first element."""
    a = x.copy()
    pivot = a[0]
    i, j = 0, len(a) - 1
    while i < j:
        while a[j] > pivot:
            j -= 1
        while i < j and a[i] <= pivot:
            i += 1
        if i < j:
            tmp = a[i]
            a[i] = a[j]
            a[j] = tmp
    a[0] = a[j]
    a[j] = pivot
    return a * (1 + np.arange(len(a)))


@program(inputs=[(normal(54, 4), 0.3), (normal(55, 6), -2.0)], features="store", mutates="x")
def scale_the_argument(x, c):
    x *= c
    x[0] = c**2
    return x.sum() + c


@program(inputs=[(normal(56, 5), 3), (normal(57, 4), 1)], features="store for integer", mutates="u")
def smooth_argument_in_place(u, sweeps):
    """Gauss–Seidel sweeps that return nothing."""
    for _ in range(sweeps):
        for i in range(1, len(u) - 1):
            u[i] = 0.5 * (u[i - 1] + u[i + 1])


@program(
    inputs=[([normal(58, 3), normal(59, 2)], 0.1), ([normal(60, 2), normal(61, 4)], 0.5)],
    features="store for container",
    mutates="params",
)
def update_a_list_of_arrays(params, rate):
    norm = 0.0
    for p in params:
        p -= rate * p**3
        norm += np.sum(p * p)
    return norm


@program(inputs=[(normal(62, 4),), (normal(63, 3),)], features="store")
def store_after_read(x):
    a = x * 1.0
    first = a[0]
    head = a[:2].copy()
    a[0] = 5.0
    a[1] = a[0] * first
    return a.sum() + head @ head


@program(inputs=[(normal(64, 6),), (normal(65, 8),)], features="store for gather")
def permutation_cycle(x):
    n = len(x)
    y = np.zeros(n)
    k = 0
    for i in range(n):
        y[k] = x[i] * (i + 1)
        k = (k + 3) % n if n % 3 else (k + 1) % n
    return y


@program(inputs=[(normal(66, 3, 4), 1), (normal(67, 4, 3), -1)], features="store view integer")
def columns_and_ellipsis(A, k):
    B = A.copy()
    B[:, k] = B[:, 0] * 2
    B[..., 0] += B[..., k]
    B[1:, 1:] -= 0.5 * B[:-1, :-1]
    return B


@program(
    inputs=[(np.array([0.7, 0.2, 0.9, 0.1, 0.4]),), (np.array([0.1, 0.2]),)],
    features="store for branch",
)
def conditional_store(x):
    y = np.zeros_like(x)
    for i, v in enumerate(x):
        if v > 0.5:
            y[i] = v**2
        elif i > 0:
            y[i] = y[i - 1] + v
    return y


@program(inputs=[(normal(70, 3), 2), (normal(71, 4), 5)], features="store for integer")
def rolling_buffer(x, steps):
    buf = x.copy()
    for _ in range(steps):
        new = 0.5 * buf[0] + np.tanh(buf[-1])
        buf[:-1] = buf[1:]
        buf[-1] = new
    return buf


@program(inputs=[(np.array([1, 2, 3]), 0.5), (np.array([4, 5]), 1.5)], features="store", wrt="s")
def integer_buffer_truncates(k, s):
    """A float stored into an integer array is truncated: its derivative ends there."""
    a = k.copy()
    a[0] = 7.9
    return (a * s).sum()


@program(
    inputs=[call(normal(72, 4)), call(normal(73, 3), scale=2.0)], features="store branch", wrt="x"
)
def optional_scale(x, scale=None):
    out = np.empty_like(x)
    out[:] = np.exp(x)
    if scale is not None:
        out *= scale
    return out * x


def _shrink(x):
    x *= 0.9
    return x[0]


@program(inputs=[(normal(74, 4),), (normal(75, 6),)], features="store for", mutates="x")
def comprehension_over_a_changing_array(x):
    """NumPy reads an element when the iterator reaches it, not before the loop."""
    return sum([e * _shrink(x) for e in x])


@program(
    inputs=[(normal(76, 5), 0.7), (normal(77, 3), -1.1)], features="store for view", mutates="y"
)
def reversed_view_that_changes(y, b):
    w = y[:-1]
    for e in reversed(w):
        w *= np.cos(b * np.sin(e))
    return w.sum()


@program(
    inputs=[
        (normal(78, 4), normal(79, 4), 0.3),
        (normal(80, 2) + 2.0, normal(81, 2), 1.0),
    ],
    features="store for branch",
    mutates="x",
)
def zip_with_break_over_a_changing_array(x, y, t):
    total = 0.0
    for e, f in zip(x, y):
        for k in range(3):
            total += _shrink(x) * f
            if k % 2 == 0 and e > t:
                break
    return total
