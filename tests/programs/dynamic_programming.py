"""Dynamic programming and sequences: tables filled by recurrences with min and max.

Dynamic time warping, edit distance with costs, shortest paths, Viterbi, knapsack tables, option
trees, matrix chains, longest increasing runs, soft alignments, memoised recursion.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import dominant, normal, program, uniform


@program(inputs=[(normal(1, 4), normal(2, 5)), (normal(3, 3), normal(4, 2))], features="for store")
def dynamic_time_warping(a, b):
    n, m = len(a), len(b)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[n, m]


@program(
    inputs=[(normal(5, 4), normal(6, 3), 0.5), (normal(7, 2), normal(8, 5), 2.0)],
    features="for store",
)
def soft_dynamic_time_warping(a, b, gamma):
    """Smoothed minimum (Cuturi and Blondel 2017)."""
    R = np.full((len(a) + 1, len(b) + 1), 1e3)
    R[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            z = np.array([R[i, j], R[i, j + 1], R[i + 1, j]]) / -gamma
            top = np.max(z)
            R[i + 1, j + 1] = (a[i] - b[j]) ** 2 - gamma * (np.log(np.sum(np.exp(z - top))) + top)
    return R[-1, -1]


@program(
    inputs=[("kitten", "sitting", 1.3, 0.7), ("ab", "b", 0.4, 1.1)], features="for store branch"
)
def edit_distance_with_costs(s, t, substitution, gap):
    previous = [j * gap for j in range(len(t) + 1)]
    for i, c in enumerate(s):
        current = [(i + 1) * gap]
        for j, d in enumerate(t):
            change = previous[j] + (0.0 if c == d else substitution)
            current.append(min(change, previous[j + 1] + gap, current[-1] + gap))
        previous = current
    return previous[-1]


@program(inputs=[(uniform(9, 0.5, 2, 3, 4),), (uniform(10, 0.5, 2, 4, 2),)], features="for store")
def cheapest_path_in_a_grid(cost):
    m, n = cost.shape
    best = cost.copy()
    for j in range(1, n):
        best[0, j] += best[0, j - 1]
    for i in range(1, m):
        best[i, 0] += best[i - 1, 0]
        for j in range(1, n):
            best[i, j] += min(best[i - 1, j], best[i, j - 1])
    return best[-1, -1]


@program(inputs=[(uniform(11, 0.5, 3, 4, 4),), (uniform(12, 0.5, 3, 3, 3),)], features="for store")
def floyd_warshall(W):
    D = W.copy()
    n = len(D)
    np.fill_diagonal(D, 0.0)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                via = D[i, k] + D[k, j]
                if via < D[i, j]:
                    D[i, j] = via
    return D


@program(
    inputs=[(normal(13, 3, 3), normal(14, 5, 3)), (normal(15, 2, 2), normal(16, 3, 2))],
    features="for store gather",
)
def viterbi_score(transition, emission):
    T, K = emission.shape
    score = emission[0].copy()
    back = np.zeros((T, K), dtype=int)
    for t in range(1, T):
        total = score[:, None] + transition
        back[t] = np.argmax(total, axis=0)
        score = total[back[t], np.arange(K)] + emission[t]
    best = int(np.argmax(score))
    for t in range(T - 1, 0, -1):
        best = back[t, best]
    return score.max() + 0.1 * emission[0, best]


@program(
    inputs=[(np.array([3.0, 4.2, 5.1]), [2, 3, 4], 6), (np.array([1.0, 2.5]), [1, 5], 4)],
    features="for store branch container integer",
)
def knapsack_table(value, weight, capacity):
    best = np.zeros(capacity + 1)
    for k in range(len(value)):
        for c in range(capacity, weight[k] - 1, -1):
            take = best[c - weight[k]] + value[k]
            if take > best[c]:
                best[c] = take
    return best[capacity]


@program(
    inputs=[(100.0, 95.0, 0.05, 0.3, 4), (80.0, 95.0, 0.02, 0.5, 3)],
    features="for integer size view",
    wrt=("spot", "rate", "sigma"),
)
def american_put_on_a_tree(spot, strike, rate, sigma, n):
    """Cox, Ross and Rubinstein (1979)."""
    dt = 1.0 / n
    up = np.exp(sigma * np.sqrt(dt))
    q = (np.exp(rate * dt) - 1 / up) / (up - 1 / up)
    prices = spot * up ** np.arange(-n, n + 1, 2)
    value = np.maximum(strike - prices, 0)
    for step in range(n - 1, -1, -1):
        prices = prices[1:] / up
        value = np.exp(-rate * dt) * (q * value[1:] + (1 - q) * value[:-1])
        value = np.where(strike - prices > value, strike - prices, value)
    return value[0]


@program(
    inputs=[(np.array([3.0, 5.0, 2.0, 4.0]),), (np.array([2.0, 3.0, 4.0]),)],
    features="for store branch",
)
def matrix_chain_cost(sizes):
    n = len(sizes) - 1
    cost = np.zeros((n, n))
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            best = math.inf
            for k in range(i, j):
                trial = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if trial < best:
                    best = trial
            cost[i, j] = best
    return cost[0, n - 1]


@program(
    inputs=[(np.array([1.0, -2.0, 3.0, 4.0, -1.0, 2.0]),), (np.array([-1.0, -0.5]),)],
    features="for branch",
)
def maximum_subarray(x):
    """Kadane's algorithm."""
    best = here = x[0]
    for v in x[1:]:
        here = max(v, here + v)
        if here > best:
            best = here
    return best**2


@program(inputs=[(1.3, 8), (0.7, 1), (0.7, 0)], features="integer container branch")
def memoised_fibonacci_polynomial(x, n):
    memo = {0: 0.0, 1: 1.0}

    def fib(k):
        if k not in memo:
            memo[k] = x * fib(k - 1) + fib(k - 2)
        return memo[k]

    return fib(n) + x


@program(
    inputs=[(0.9, uniform(17, 0, 1, 3, 3), 6), (0.5, uniform(18, 0, 1, 2, 2), 2)],
    features="for integer",
)
def value_iteration(discount, reward, sweeps):
    V = np.zeros(reward.shape[0])
    for _ in range(sweeps):
        Q = reward + discount * V[None, :] * 0.8 + discount * 0.2 * V.mean()
        V = Q.max(axis=1)
    return V


@program(inputs=[(dominant(19, 3), 0.3), (dominant(20, 4), 0.6)], features="for")
def page_rank(links, damping):
    P = np.abs(links)
    P = P / P.sum(axis=0)
    n = len(P)
    r = np.ones(n) / n
    for _ in range(6):
        r = damping * P @ r + (1 - damping) / n
    return r


@program(
    inputs=[(np.array([0.5, 2.0, 1.0, 3.0, 0.2]),), (np.array([2.0, 1.0]),)],
    features="for branch store",
)
def heaviest_increasing_subsequence(w):
    n = len(w)
    best = w.copy()
    for i in range(n):
        for j in range(i):
            if w[j] < w[i] and best[j] + w[i] > best[i]:
                best[i] = best[j] + w[i]
    return best.max() ** 2
