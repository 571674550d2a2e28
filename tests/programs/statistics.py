"""Statistics and filtering with control flow: recursions over time, over states, over samples.

Kalman filter, hidden Markov models, GARCH, Welford's moments, rank statistics, k-means steps, EM
steps, censored likelihoods, streaming quantiles, isotonic regression.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import normal, positive_definite, program, uniform


@program(inputs=[(normal(1, 6), 0.1, 0.5), (normal(2, 3), 1.0, 0.2)], features="for")
def kalman_scalar(y, q, r):
    m, p = 0.0, 1.0
    nll = 0.0
    for obs in y:
        p = p + q
        s = p + r
        v = obs - m
        nll += 0.5 * (math.log(2 * math.pi * s) + v * v / s)
        k = p / s
        m = m + k * v
        p = (1 - k) * p
    return nll


@program(
    inputs=[
        (normal(3, 5, 1), np.array([[1.0, 0.1], [0.0, 0.9]]), 0.1 * positive_definite(4, 2)),
        (normal(5, 2, 1), np.array([[0.8, 0.3], [-0.2, 0.7]]), positive_definite(6, 2)),
    ],
    features="for store",
)
def kalman_matrix(obs, F, Q):
    H = np.array([[1.0, 0.0]])
    R = np.array([[0.3]])
    x = np.zeros(2)
    P = np.eye(2)
    means = np.empty((len(obs), 2))
    for t, z in enumerate(obs):
        x = F @ x
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + R
        K = np.linalg.solve(S, H @ P).T
        x = x + K @ (z - H @ x)
        P = (np.eye(2) - K @ H) @ P
        means[t] = x
    return means


@program(
    inputs=[
        (uniform(7, 0.1, 1, 2, 2), uniform(8, 0.1, 1, 2, 3), [0, 2, 1, 1]),
        (uniform(9, 0.1, 1, 3, 3), uniform(10, 0.1, 1, 3, 2), [1]),
    ],
    features="for gather container",
)
def hmm_forward(A, B, observations):
    A = A / A.sum(axis=1, keepdims=True)
    B = B / B.sum(axis=1, keepdims=True)
    alpha = np.full(len(A), 1 / len(A)) * B[:, observations[0]]
    loglik = 0.0
    for o in observations[1:]:
        c = alpha.sum()
        loglik += np.log(c)
        alpha = (alpha / c) @ A * B[:, o]
    return loglik + np.log(alpha.sum())


@program(
    inputs=[(normal(11, 3, 3), normal(12, 5, 3)), (normal(13, 2, 2), normal(14, 1, 2))],
    features="for store",
)
def hmm_log_space(logA, logB):
    T, K = logB.shape
    la = logB[0] - np.log(K)
    for t in range(1, T):
        new = np.empty(K)
        for k in range(K):
            z = la + logA[:, k]
            m = z.max()
            new[k] = logB[t, k] + m + np.log(np.exp(z - m).sum())
        la = new
    top = la.max()
    return top + np.log(np.sum(np.exp(la - top)))


@program(inputs=[(normal(15, 8), 0.1, 0.2, 0.6), (normal(16, 4), 0.5, 0.05, 0.9)], features="for")
def garch_likelihood(r, omega, alpha, beta):
    h = r.var()
    ll = 0.0
    for t in range(len(r)):
        ll -= 0.5 * (np.log(h) + r[t] ** 2 / h)
        h = omega + alpha * r[t] ** 2 + beta * h
    return ll


@program(inputs=[(normal(17, 6),), (normal(18, 2),)], features="for")
def welford(x):
    mean = m2 = 0.0
    for n, v in enumerate(x, 1):
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return m2 / (len(x) - 1)


@program(
    inputs=[
        (normal(19, 6, 2), np.array([[0.5, 0.5], [-0.5, -0.5]])),
        (normal(20, 5, 3), normal(21, 2, 3)),
    ],
    features="for branch store",
)
def k_means_step(X, centers):
    sums = np.zeros_like(centers)
    counts = np.zeros(len(centers))
    for x in X:
        best, best_d = 0, np.inf
        for k in range(len(centers)):
            d = np.sum((x - centers[k]) ** 2)
            if d < best_d:
                best, best_d = k, d
        sums[best] += x
        counts[best] += 1
    return sums / np.maximum(counts, 1)[:, None]


@program(
    inputs=[(normal(22, 6, 2), normal(23, 2, 2)), (normal(24, 4, 3), normal(25, 3, 3))],
    features="gather",
)
def k_means_inertia(X, centers):
    d = ((X[:, None, :] - centers[None]) ** 2).sum(-1)
    label = d.argmin(axis=1)
    return sum(((X[label == k] - centers[k]) ** 2).sum() for k in range(len(centers)))


@program(
    inputs=[
        (np.array([0.5, 1.2, 2.0]), [True, False, True], 0.8, 1.5),
        (np.array([0.7, 0.1]), [False, False], 1.4, 0.6),
    ],
    features="for branch container",
    wrt=("shape", "scale"),
)
def weibull_censored(times, observed, shape, scale):
    ll = 0.0
    for t, event in zip(times, observed, strict=True):
        z = (t / scale) ** shape
        if event:
            ll += math.log(shape / scale) + (shape - 1) * math.log(t / scale)
        ll -= z
    return ll


@program(inputs=[(normal(26, 7), 0.3), (normal(27, 5), 0.8)], features="for branch")
def streaming_quantile(x, tau):
    q = 0.0
    for v in x:
        if v > q:
            q += 0.3 * tau
        elif v < q:
            q -= 0.3 * (1 - tau)
    loss = 0.0
    for v in x:
        u = v - q
        loss += u * tau if u > 0 else u * (tau - 1)
    return loss


@program(
    inputs=[
        (np.array([1.0, 3.0, 2.0, 4.0, 3.5]),),
        (np.array([3.0, 2.0, 1.0]),),
        (np.array([1.0, 2.0]),),
    ],
    features="while store for branch integer",
)
def isotonic_pool_adjacent(y):
    """Pool adjacent violators (Barlow 1972) on stacks of means and weights."""
    means = np.zeros(len(y))
    weights = np.zeros(len(y), dtype=int)
    top = -1
    for v in y:
        top += 1
        means[top] = v
        weights[top] = 1
        while top > 0 and means[top - 1] > means[top]:
            w = weights[top - 1] + weights[top]
            means[top - 1] = (weights[top - 1] * means[top - 1] + weights[top] * means[top]) / w
            weights[top - 1] = w
            top -= 1
    return (means[: top + 1] ** 3 * weights[: top + 1]).sum()


@program(
    inputs=[(normal(28, 6), normal(29, 6)), (normal(30, 4), normal(31, 4))],
    features="for branch",
    smooth=False,
)
def concordance_weighted(x, y):
    score = 0.0
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            s = (x[i] - x[j]) * (y[i] - y[j])
            score += math.sqrt(s) if s > 0 else -math.sqrt(-s)
    return score


@program(
    inputs=[
        (normal(32, 7), np.array([-1.0, 1.0]), np.array([0.5, 0.8]), 2),
        (normal(33, 5), np.array([0.0, 2.0]), np.array([1.0, 1.0]), 1),
    ],
    features="for integer",
    wrt=("mu", "sigma"),
)
def em_steps_two_normals(x, mu, sigma, n):
    w = np.array([0.5, 0.5])
    for _ in range(n):
        dens = w * np.exp(-0.5 * ((x[:, None] - mu) / sigma) ** 2) / sigma
        resp = dens / dens.sum(axis=1, keepdims=True)
        total = resp.sum(axis=0)
        mu = (resp * x[:, None]).sum(axis=0) / total
        sigma = np.sqrt((resp * (x[:, None] - mu) ** 2).sum(axis=0) / total)
        w = total / len(x)
    return np.concatenate((mu, sigma, w))


@program(inputs=[(normal(34, 8),), (normal(35, 5),)], features="straight")
def trimmed_mean_and_median(x):
    s = np.sort(x)
    return s[1:-1].mean() + np.median(x) ** 2


@program(
    inputs=[(normal(36, 6), np.array([0, 1, 0, 2, 1, 0])), (normal(37, 4), np.array([1, 1, 0, 1]))],
    features="for gather mask size",
)
def anova_f_statistic(y, group):
    grand = y.mean()
    between = within = 0.0
    labels = np.unique(group)
    for g in labels:
        members = y[group == g]
        between += len(members) * (members.mean() - grand) ** 2
        within += ((members - members.mean()) ** 2).sum()
    return between / (within + 0.1) * (len(y) - len(labels))


@program(inputs=[(0.3, 0.7, [1, 0, 1, 1]), (0.6, 0.2, [0, 0])], features="for container")
def rescorla_wagner(rate, start, outcomes):
    v, loglik = start, 0.0
    for o in outcomes:
        p = 1 / (1 + math.exp(-3 * (v - 0.5)))
        loglik += math.log(p if o == 1 else 1 - p)
        v += rate * (o - v)
    return loglik
