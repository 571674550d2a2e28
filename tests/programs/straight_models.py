"""Straight-line models: likelihoods, networks, regressions, geometry, physics.

Mixture and Gaussian-process likelihoods, logistic and Poisson regression, perceptrons, LSTM and
attention, convolutions by slices, splines, quaternions, projections, robust losses.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import normal, positive_definite, program, uniform


@program(
    inputs=[
        (normal(1, 3), normal(2, 5, 3), np.array([1.0, 0.0, 1.0, 1.0, 0.0])),
        (normal(3, 2), normal(4, 3, 2), np.array([0.0, 1.0, 1.0])),
    ],
    features="straight",
    wrt=("w", "X"),
)
def logistic_regression(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0, z) - y * z) + 0.5 * 0.1 * w @ w


@program(
    inputs=[
        (normal(5, 3), normal(6, 4, 3), np.array([0, 2, 1, 3])),
        (normal(7, 1), normal(8, 2, 1), np.array([1, 0])),
    ],
    features="straight",
    wrt="beta",
)
def poisson_deviance(beta, X, counts):
    eta = X.dot(beta)
    mu = np.exp(eta)
    return 2 * np.sum(mu - counts * eta)


def _relu(z):
    return np.maximum(z, 0)


@program(
    inputs=[
        ([(normal(9, 3, 4), normal(10, 4)), (normal(11, 4, 1), normal(12, 1))], normal(13, 5, 3)),
        ([(normal(14, 2, 3), normal(15, 3)), (normal(16, 3, 2), normal(17, 2))], normal(18, 2, 2)),
    ],
    features="straight container",
)
def multilayer_perceptron(params, X):
    h = X
    *hidden, last = params
    for W, b in hidden:
        h = _relu(h @ W + b)
    W, b = last
    return np.mean((h @ W + b) ** 2)


def _sigmoid(t):
    return 1.0 / (1.0 + np.exp(-t))


@program(
    inputs=[
        (normal(19, 3), normal(20, 2), normal(21, 2), normal(22, 8, 5), normal(23, 8)),
        (normal(24, 1), normal(25, 1), normal(26, 1), normal(27, 4, 2), normal(28, 4)),
    ],
    features="straight",
)
def lstm_step(x, h, c, W, b):
    gates = W @ np.concatenate([x, h]) + b
    i, f, o, g = np.split(gates, 4)
    c_next = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    h_next = _sigmoid(o) * np.tanh(c_next)
    return h_next, c_next


@program(
    inputs=[
        (normal(29, 3, 4), normal(30, 5, 4), normal(31, 5, 2)),
        (normal(32, 2, 2), normal(33, 2, 2), normal(34, 2, 3)),
    ],
    features="straight",
)
def attention(Q, K, V):
    scores = Q @ K.T / np.sqrt(Q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights @ V


@program(
    inputs=[(normal(35, 2, 4, 6), normal(36, 2, 4, 6)), (normal(37, 1, 2, 4), normal(38, 1, 2, 4))],
    features="straight",
)
def multi_head_attention(x, y):
    B, T, D = x.shape
    q = x.reshape(B, T, 2, D // 2).transpose(0, 2, 1, 3)
    k = y.reshape(B, T, 2, D // 2).transpose(0, 2, 1, 3)
    s = np.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(D // 2)
    p = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    out = np.matmul(p, k).transpose(0, 2, 1, 3).reshape(B, T, D)
    return out


@program(
    inputs=[
        (np.array([0.3, -0.2]), normal(39, 2, 3), normal(40, 2, 3), normal(41, 6, 3)),
        (normal(42, 3), normal(43, 3, 2), normal(44, 3, 2), normal(45, 4, 2)),
    ],
    features="straight",
    wrt=("logits", "means", "log_sd"),
)
def gaussian_mixture_log_likelihood(logits, means, log_sd, X):
    log_w = logits - np.log(np.exp(logits).sum())
    z = (X[:, None, :] - means) / np.exp(log_sd)
    log_p = -0.5 * (z**2).sum(-1) - log_sd.sum(-1) - 0.5 * X.shape[1] * np.log(2 * np.pi)
    a = log_p + log_w
    m = a.max(axis=1)
    return (m + np.log(np.exp(a - m[:, None]).sum(axis=1))).sum()


@program(
    inputs=[(normal(46, 5), normal(47, 5), 0.2, -1.0), (normal(48, 3), normal(49, 3), -0.3, 0.1)],
    features="straight",
)
def gaussian_process_marginal(x, y, log_length, log_noise):
    r = x[:, None] - x[None, :]
    K = np.exp(-0.5 * r**2 / np.exp(2 * log_length)) + np.exp(2 * log_noise) * np.eye(len(x))
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L, y)
    return -0.5 * alpha @ alpha - np.log(np.diag(L)).sum() - 0.5 * len(x) * math.log(2 * math.pi)


@program(
    inputs=[
        (normal(50, 3), normal(51, 3), positive_definite(52, 3)),
        (normal(53, 2), normal(54, 2), positive_definite(55, 2)),
    ],
    features="straight",
)
def multivariate_normal_logpdf(x, mu, cov):
    d = x - mu
    sign, logdet = np.linalg.slogdet(cov)
    return -0.5 * (d @ np.linalg.solve(cov, d) + logdet + d.size * np.log(2 * np.pi))


@program(
    inputs=[
        (normal(56, 2), normal(57, 2), positive_definite(58, 2), positive_definite(59, 2)),
        (normal(60, 3), normal(61, 3), positive_definite(62, 3), positive_definite(63, 3)),
    ],
    features="straight",
)
def kl_between_normals(m0, m1, S0, S1):
    P = np.linalg.inv(S1)
    d = m1 - m0
    return 0.5 * (
        np.trace(P @ S0) + d @ P @ d - len(d) + np.log(np.linalg.det(S1) / np.linalg.det(S0))
    )


@program(
    inputs=[(normal(64, 6, 5), normal(65, 3, 2)), (normal(66, 4, 4), normal(67, 2, 2))],
    features="straight view",
)
def convolution_by_slices(image, kernel):
    kh, kw = kernel.shape
    h, w = image.shape[0] - kh + 1, image.shape[1] - kw + 1
    out = np.zeros((h, w))
    for i in range(kh):
        for j in range(kw):
            out += kernel[i, j] * image[i : i + h, j : j + w]
    return np.tanh(out)


@program(inputs=[(normal(68, 4, 6),), (normal(69, 2, 2),)], features="straight view")
def max_pooling(x):
    m, n = x.shape
    return x.reshape(m // 2, 2, n // 2, 2).max(axis=(1, 3))


@program(
    inputs=[
        (normal(70, 4), uniform(71, -1, 1, 6), normal(72, 6)),
        (normal(73, 2), uniform(74, -1, 1, 3), normal(75, 3)),
    ],
    features="straight",
)
def polynomial_residuals(c, t, y):
    fit = sum(ck * t**k for k, ck in enumerate(c))
    return np.sqrt(np.mean((fit - y) ** 2))


@program(
    inputs=[
        (uniform(76, -1, 1, 6), normal(77, 6), 0.1),
        (uniform(78, -1, 1, 5), normal(79, 5), 1.0),
    ],
    features="straight",
)
def ridge_fit_prediction(t, y, lam):
    X = np.stack([np.ones_like(t), t, t**2], axis=1)
    beta = np.linalg.solve(X.T @ X + lam * np.eye(3), X.T @ y)
    return beta @ np.array([1.0, 0.5, 0.25])


@program(
    inputs=[
        (np.array([0.5, -0.2, 0.1]), np.array([1.0, 2.0, 3.0])),
        (np.array([1.0, 1.0, 0.3]), np.array([0.0, 1.0, 0.0])),
    ],
    features="straight",
)
def rodrigues_rotation(axis_angle, v):
    theta = np.sqrt(axis_angle @ axis_angle)
    k = axis_angle / theta
    K = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    R = np.eye(3) + np.sin(theta) * K + (1 - np.cos(theta)) * K @ K
    return R @ v


@program(
    inputs=[(normal(80, 4), normal(81, 3)), (normal(82, 4), normal(83, 3))], features="straight"
)
def quaternion_rotation(q, v):
    w, x, y, z = q / np.linalg.norm(q)
    u = np.array([x, y, z])
    t = 2 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


@program(
    inputs=[
        (normal(84, 5, 3), np.array([0.1, 0.2, 4.0]), 500.0),
        (normal(85, 2, 3), np.array([0.0, 0.5, 6.0]), 320.0),
    ],
    features="straight",
)
def pinhole_projection(points, translation, focal):
    cam = points + translation
    uv = focal * cam[:, :2] / cam[:, 2:]
    return uv


@program(inputs=[(normal(86, 7), 0.6), (normal(87, 4) * 3, 1.3)], features="straight")
def huber_loss(r, delta):
    a = np.abs(r)
    return np.where(a < delta, 0.5 * r**2, delta * (a - 0.5 * delta)).sum()


@program(
    inputs=[(np.array([1.0, 0.0]), 0.3, 0.1), (np.array([0.2, 0.9]), 1.5, 0.05)],
    features="straight",
)
def rk4_step(y, mu, h):
    def f(u):
        return np.array([u[1], mu * (1 - u[0] ** 2) * u[1] - u[0]])

    k1 = f(y)
    k2 = f(y + h * k1 / 2)
    k3 = f(y + h * k2 / 2)
    k4 = f(y + h * k3)
    return y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6


@program(
    inputs=[(normal(88, 5), np.array([0.2, 1.7, 3.9])), (normal(89, 4), np.array([0.5, 2.5]))],
    features="straight gather",
    wrt="y",
    smooth=True,
)
def cubic_hermite_spline(y, t):
    slopes = np.concatenate([[y[1] - y[0]], (y[2:] - y[:-2]) / 2, [y[-1] - y[-2]]])
    k = np.floor(t).astype(int)
    s = t - k
    h00 = (1 + 2 * s) * (1 - s) ** 2
    h10 = s * (1 - s) ** 2
    h01 = s**2 * (3 - 2 * s)
    h11 = s**2 * (s - 1)
    return h00 * y[k] + h10 * slopes[k] + h01 * y[k + 1] + h11 * slopes[k + 1]


@program(
    inputs=[(100.0, 105.0, 0.02, 0.25, 1.0), (50.0, 40.0, 0.05, 0.4, 0.5)], features="straight"
)
def black_scholes_call(S, K, r, sigma, T):
    d1 = (math.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * math.sqrt(T))
    d2 = d1 - sigma * math.sqrt(T)
    N = lambda d: 0.5 * (1 + math.erf(d / math.sqrt(2)))
    return S * N(d1) - K * math.exp(-r * T) * N(d2)


@program(inputs=[(normal(90, 4, 3), 1.2), (normal(91, 3, 2), 0.8)], features="straight")
def lennard_jones(x, sigma):
    d2 = ((x[:, None] - x[None]) ** 2).sum(-1) + np.eye(len(x)) * 1e3
    s6 = (sigma**2 / (d2 + 1.0)) ** 3
    return 2 * (s6**2 - s6).sum()


@program(
    inputs=[(normal(92, 4), normal(93, 4, 2)), (normal(94, 3), normal(95, 3, 3))],
    features="straight",
)
def factorisation_machine(w, V):
    x = np.linspace(-1, 1, len(w))
    linear = w @ x
    pair = 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum()
    return linear + pair


@program(
    inputs=[(normal(96, 4, 3), np.array([0, 2, 1, 1])), (normal(97, 2, 5), np.array([4, 0]))],
    features="straight gather",
)
def cross_entropy_with_labels(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -logp[np.arange(len(labels)), labels].mean()


@program(
    inputs=[
        (normal(98, 3, 4), normal(99, 4), normal(100, 4)),
        (normal(101, 2, 3), normal(102, 3), normal(103, 3)),
    ],
    features="straight",
)
def layer_norm(x, gain, bias):
    mean = np.mean(x, -1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    return gain * (x - mean) / np.sqrt(var + 1e-5) + bias


@program(
    inputs=[(normal(104, 5, 2), normal(105, 4, 2)), (normal(106, 3, 3), normal(107, 3, 3))],
    features="straight",
)
def maximum_mean_discrepancy(X, Y):
    def k(A, B):
        sq = (A**2).sum(1)[:, None] + (B**2).sum(1)[None] - 2 * A @ B.T
        return np.exp(-0.5 * sq).mean()

    return k(X, X) + k(Y, Y) - 2 * k(X, Y)


@program(inputs=[(normal(108, 3, 3),), (normal(109, 4, 2),)], features="straight")
def total_variation_and_smoothness(u):
    dx, dy = np.diff(u, axis=0), np.diff(u, axis=1)
    return np.sqrt(dx[:, :-1] ** 2 + dy[:-1, :] ** 2 + 1e-3).sum() + np.abs(dx).sum()


@program(
    inputs=[
        (uniform(110, 0.1, 1, 4), uniform(111, 0.1, 1, 4)),
        (uniform(112, 0.1, 1, 2), uniform(113, 0.1, 1, 2)),
    ],
    features="straight",
)
def divergences(p, q):
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2
    kl = lambda a, b: np.sum(a * np.log(a / b))
    return 0.5 * kl(p, m) + 0.5 * kl(q, m), np.sqrt(1 - np.sqrt(p * q).sum())


@program(inputs=[(1.2, 0.8, 9.81), (0.3, 2.0, 1.6)], features="straight")
def projectile_range(angle, drag, g):
    v0 = 10.0
    vx, vy = v0 * np.cos(angle), v0 * np.sin(angle)
    t = (1 - np.exp(-drag * vy / g)) / drag
    return vx * t - g * t**2 / 2
