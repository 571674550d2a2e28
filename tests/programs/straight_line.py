"""Straight-line programs: array expressions, indexing, reductions, Python's ways of calling.

No branch or loop depends on an input's value; loops run over concrete things.  Comprehensions,
closures, helpers, tuple unpacking, augmented assignment, keyword-only arguments, ``*args``,
``**kwargs``, nested functions, lambdas, einsum, broadcasting, axis and keepdims, fancy indexing,
concatenate and stack, where and clip.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import functools
import math
import operator
from functools import partial
from math import exp, sqrt

import numpy as np
import numpy.linalg as la
from numpy import log, tanh

from .registry import call, normal, positive_definite, program, uniform


@program(inputs=[(normal(1, 4),), (normal(2, 10),)], features="straight")
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@program(inputs=[(2.0, 3.0), (-0.5, 1.2)], features="straight")
def scalar_polynomial(x, y):
    return x**2 * y + y**3 - 3 * x / (1 + y * y)


@program(inputs=[(0.5,), (1.7,)], features="straight")
def math_module(x):
    return math.sin(x) * exp(-x) + sqrt(x) + math.atan2(x, 2.0) + math.log1p(x) + math.pi


@program(inputs=[(1.3,), (0.4,)], features="straight")
def numpy_scalars_stay_numpy(x):
    y = np.sqrt(x) + 1
    return y * 2.0 - np.float64(3) / y


@program(
    inputs=[
        (normal(3, 3, 4), normal(4, 4), normal(5, 3)),
        (normal(6, 2, 2), normal(7, 2), normal(8, 2)),
    ],
    features="straight",
)
def affine_map(W, x, b):
    return W @ x + b


@program(inputs=[(normal(9, 3, 4),), (normal(10, 5, 2),)], features="straight")
def standardise_columns(X):
    mu = X.mean(axis=0)
    sd = X.std(axis=0, ddof=1)
    return (X - mu) / sd


@program(inputs=[(normal(11, 3, 4),), (normal(12, 2, 6),)], features="straight")
def softmax_rows(z):
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


@program(inputs=[(normal(13, 6),), (normal(14, 3) * 100,)], features="straight")
def logsumexp(a):
    m = np.max(a)
    return m + np.log(np.sum(np.exp(a - m)))


@program(
    inputs=[(normal(15, 3), normal(16, 4)), (normal(17, 2), normal(18, 2))], features="straight"
)
def broadcast_outer(a, b):
    grid = a[:, None] * b[None, :] + np.tanh(a)[:, np.newaxis]
    return grid.sum(axis=0) / grid.shape[0]


@program(
    inputs=[(normal(19, 2, 3), normal(20, 3, 4)), (normal(21, 3, 3), normal(22, 3, 1))],
    features="straight",
)
def einsum_contractions(A, B):
    C = np.einsum("ij,jk->ik", A, B)
    d = np.einsum("ij,ij->i", A, A)
    return np.einsum("ik,i->", C, d)


@program(
    inputs=[(normal(23, 2, 3, 4), normal(24, 4)), (normal(25, 1, 2, 2), normal(26, 2))],
    features="straight",
)
def tensordot_and_inner(T, v):
    w = np.tensordot(T, v, axes=([2], [0]))
    return np.inner(w, w).sum() + np.outer(v, v).trace()


@program(inputs=[(normal(27, 5),), (normal(28, 7),)], features="straight")
def list_comprehension_of_powers(x):
    return sum([np.sum(x**p) / math.factorial(p) for p in range(1, 5)])


@program(inputs=[(normal(29, 3),), (normal(30, 3) * 2,)], features="straight")
def dict_comprehension(v):
    moments = {k: np.mean(v**k) for k in (1, 2, 3)}
    return moments[2] - moments[1] ** 2 + 0.1 * moments[3]


@program(inputs=[(0.3, 1.0, 2.0), (1.2, -0.5, 0.1)], features="straight")
def variadic(*args):
    first, *rest = args
    return first * sum(r**2 for r in rest) + len(rest)


@program(
    inputs=[call(0.5, alpha=1.0, beta=2.0), call(1.5, beta=0.3, alpha=-1.0)],
    features="straight",
    wrt="x",
)
def keyword_dict(x, **kw):
    return x ** kw["beta"] * kw["alpha"] + sum(kw.values())


@program(inputs=[call(0.5, scale=2.0), call(1.5, scale=0.7, shift=1.0)], features="straight")
def keyword_only(x, *, scale, shift=0.25):
    return np.tanh(scale * x + shift)


def _kernel(r, length=1.0, *, amplitude=1.0):
    return amplitude * np.exp(-0.5 * (r / length) ** 2)


@program(inputs=[(normal(31, 3), 0.7), (normal(32, 4), 1.9)], features="straight")
def helper_with_defaults(x, length):
    d = x[:, None] - x
    return (_kernel(d) + _kernel(d, length, amplitude=2.0) + _kernel(d, length=0.5 * length)).sum()


@program(inputs=[(0.4, 1.1), (2.0, 0.6)], features="straight")
def closures(a, b):
    def outer(t):
        def inner(s):
            return a * s + t

        return inner(b) * inner(t)

    return outer(a + b) - outer(1.0)


@program(inputs=[(0.7,), (-1.3,)], features="straight")
def several_lambdas(x):
    f, g = (lambda t: t**2 + 1), (lambda t: np.sin(t) * x)
    return f(g(x)) - g(f(x))


@program(inputs=[(normal(33, 3),), (normal(34, 5),)], features="straight")
def composed_functions(x):
    stages = [np.sin, lambda t: t * t, partial(np.multiply, 3.0), np.exp]
    return functools.reduce(lambda acc, f: f(acc), stages, x).sum()


@program(inputs=[(1.0, 2.0, 3.0), (0.5, -1.0, 2.0)], features="straight")
def swaps_and_unpacking(a, b, c):
    a, b = b, a * c
    (p, q), r = (a + b, a - b), c
    x = y = p * r
    x += q
    return x * y


@program(inputs=[(normal(35, 4), 2.0), (normal(36, 3), -1.0)], features="straight")
def augmented_assignment(v, s):
    out = v * s
    out += 1
    out *= v
    out -= s
    out /= 2 + v**2
    out **= 2
    return out


@program(inputs=[(normal(37, 6),), (normal(38, 8),)], features="straight gather")
def fancy_indexing(x):
    idx = np.array([0, 2, 2, 5])
    return x[idx] @ x[[1, 3, 0, -1]] + x[np.ix_([1, 4])].sum()


@program(inputs=[(normal(39, 3, 4),), (normal(40, 4, 4),)], features="straight gather")
def fancy_indexing_matrix(A):
    picked = A[[0, 2, 1], [3, 0, 0]]
    return picked.prod() + A[:, [0, 2]].sum(axis=1)[:3] @ A[[2, 1, 0]][:, 1]


@program(inputs=[(normal(41, 3, 4),), (normal(42, 3, 5),)], features="straight")
def slices_everywhere(A):
    return A[::-1, 1:].T @ A[:, 0] + A[-1, ..., 1:] * A[1, :-1]


@program(
    inputs=[(normal(43, 3), normal(44, 3)), (normal(45, 2), normal(46, 2))], features="straight"
)
def concatenate_and_stack(a, b):
    c = np.concatenate([a, b[::-1], [1.0, 2.0]])
    s = np.stack((a, b), axis=1)
    h = np.hstack([a, 2 * b])
    v = np.vstack([b, a])
    return c.sum() ** 2 + (s @ v).sum() * h[-1]


@program(inputs=[(normal(47, 6),), (normal(48, 4) * 3,)], features="straight")
def where_and_clip(x):
    y = np.where(x > 0.1, x**2, np.exp(x))
    return np.clip(y, 0.05, 2.0) + np.maximum(x, 0.3) - np.minimum(x, -0.2)


@program(
    inputs=[(np.array([0.5, -1.0, 2.0, -0.3]),), (np.array([-3.0, 4.0]),)],
    features="straight",
    smooth=False,
)
def safe_log_by_where(x):
    inside = np.where(x > 0, x, 1.0)
    return np.where(x > 0, np.log(inside), 0.1 * x * x).sum()


@program(inputs=[(normal(49, 2, 3, 4),), (normal(50, 3, 1, 2),)], features="straight")
def reductions_over_axes(T):
    a = T.sum(axis=(0, 2))
    b = T.mean(axis=1, keepdims=True)
    c = T.max(axis=-1).min(axis=0)
    return a * c + (T - b).var() + T.prod(axis=2).sum()


@program(inputs=[(normal(51, 6),), (normal(52, 9),)], features="straight")
def cumulative_operations(x):
    return np.cumsum(x) * np.cumprod(1 + 0.1 * x) + np.append(np.diff(x), x[0])


@program(inputs=[(normal(53, 2, 6),), (normal(54, 4, 3),)], features="straight view")
def shape_shuffling(A):
    B = A.reshape(3, 4).T.ravel()
    C = np.expand_dims(B, 0).swapaxes(0, 1)
    D = np.moveaxis(A.reshape(2, 3, 2), 0, -1)
    return (C.squeeze() * np.arange(12)).sum() + (D * D.transpose(1, 0, 2).reshape(3, 2, 2)).sum()


@program(inputs=[(normal(55, 4),), (normal(56, 3),)], features="straight")
def flips_rolls_and_tiles(x):
    y = np.roll(x, 1) * x + np.flip(x) ** 2
    return (np.tile(y, 2) * np.repeat(x, 2)).sum() + np.pad(y, (1, 2))[1]


@program(inputs=[(normal(57, 3, 3),), (normal(58, 4, 4),)], features="straight")
def triangles_and_diagonals(A):
    return np.tril(A) @ np.triu(A, 1) + np.diag(np.diag(A)) * np.eye(len(A)) + np.trace(A)


@program(
    inputs=[(positive_definite(59, 3), normal(60, 3)), (positive_definite(61, 4), normal(62, 4))],
    features="straight",
)
def linear_algebra_calls(A, b):
    x = la.solve(A, b)
    return x @ b + la.slogdet(A)[1] + la.det(A) + la.inv(A).trace() + la.norm(b)


@program(inputs=[(0.5, 1.5), (2.0, 0.3)], features="straight")
def array_from_scalars(a, b):
    M = np.array([[a, b], [-b, a * b]])
    v = np.asarray([a, 1.0])
    return M @ v


@program(inputs=[(2.0, 3), (0.5, 4)], features="straight integer")
def integer_exponent(x, n):
    return x**n + n**x + np.power(x, n + 0.5)


@program(inputs=[(normal(63, 3),), (uniform(64, 1, 2, 5),)], features="straight")
def from_imports(x):
    y = tanh(x) + log(1 + x * x)
    return operator.mul(y, x).sum()


_SCALE = 2.5
_TABLE = np.array([1.0, -0.5, 0.25])


@program(inputs=[(normal(65, 3),), (normal(66, 3) + 1,)], features="straight")
def module_globals(x):
    return (_SCALE * x @ _TABLE) ** 2


@program(inputs=[(normal(67, 4),), (normal(68, 2),)], features="straight")
def hyperbolic_and_inverse(x):
    u = np.tanh(x)
    return np.arctanh(u) + np.arcsinh(x) + np.arccosh(np.cosh(x) + 1) + np.arctan(x) + np.arcsin(u)


@program(
    inputs=[
        (uniform(69, 0.2, 2, 3), uniform(70, 0.2, 2, 3)),
        (uniform(71, 1, 3, 5), uniform(72, 1, 3, 5)),
    ],
    features="straight",
)
def two_argument_ufuncs(a, b):
    return np.hypot(a, b) + np.arctan2(a, b) + np.logaddexp(a, b) + a**b + np.fmax(a, 2 * b)


@program(inputs=[(uniform(73, 0.2, 2, 4),), (uniform(74, 0.5, 3, 2),)], features="straight")
def rarer_ufuncs(x):
    return (
        np.cbrt(x)
        + np.exp2(x)
        + np.log2(x) * np.log10(x)
        + np.expm1(x)
        + np.reciprocal(x)
        + np.deg2rad(x)
        + np.square(x)
    )


@program(
    inputs=[(normal(75, 3), np.float32(0.5)), (normal(76, 2), np.float32(1.5))],
    features="straight",
    wrt="x",
)
def mixed_precision(x, s):
    return (x * s).sum() * s


@program(
    inputs=[(normal(77, 4).astype(np.float32),), (normal(78, 3).astype(np.float32),)],
    features="straight",
    differentiable=False,
)
def single_precision(x):
    return np.exp(-x * 0.5) + x.mean() / 3


@program(inputs=[(np.array([1, 2, 3]), 0.5), (np.array([4, 5]), -1.5)], features="straight")
def integer_array_promotes(k, s):
    return (k * s) ** 2 + k // 2 + k / 2


@program(inputs=[(normal(79, 5), [3, 1]), (normal(80, 4), [0, 2])], features="straight container")
def index_by_list_argument(x, idx):
    return sum(x[i] * (i + 1) for i in idx) ** 2


@program(inputs=[(np.array(0.7),), (np.array(-1.2),)], features="straight")
def zero_dimensional(x):
    y = x * 2
    return y + np.sin(x[()])


@program(
    inputs=[(np.asfortranarray(normal(81, 3, 4)),), (normal(82, 8, 6)[::2, ::3],)],
    features="straight",
)
def unusual_memory_layouts(A):
    return (A * 2).sum(axis=0) @ A.T + A.ravel()[:1]


@program(inputs=[(normal(83, 4), 2.0), (normal(84, 6), 0.5)], features="straight")
def errstate_context(x, p):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(np.abs(x)) / p
    return y.sum()


@program(inputs=[(normal(85, 4),), (normal(86, 5),)], features="straight")
def f_strings_and_asserts_on_shapes(x):
    assert x.ndim == 1, f"expected a vector, got shape {x.shape}"
    label = f"{x.shape[0]} elements"
    return np.sum(x**2) * len(label)


@program(inputs=[(normal(87, 3, 3),), (normal(88, 3, 3),)], features="straight")
def walrus_and_comparisons(A):
    return (t := A @ A).sum() + (t > A).sum() * t[0, 0]


@program(
    inputs=[(uniform(89, 0.1, 0.9, 3, 4),), (uniform(90, 0.1, 0.9, 2, 2),)], features="straight"
)
def method_chains(P):
    return P.T.dot(P).clip(0.2, 1.5).reshape(-1).cumsum().mean() + P.copy().T.flatten().dot(
        P.ravel()
    )


@program(inputs=[(normal(91, 6), 3), (normal(92, 5), 2)], features="straight integer")
def partition_by_argument(x, k):
    s = np.sort(x)
    return s[:k].sum() - s[k:].sum() * np.ptp(x)


@program(
    inputs=[(normal(93, 3), normal(94, 3)), (normal(95, 3), normal(96, 3))], features="straight"
)
def cross_product_by_hand(a, b):
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )
