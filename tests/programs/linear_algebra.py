"""Matrix algorithms from textbooks, written as loops.

Triangular solvers, LU with and without pivoting, Cholesky, Gram–Schmidt, Givens and Householder,
Durbin, Thomas, conjugate gradients, Gauss–Seidel, power iteration, Jacobi rotations, the matrix
exponential by scaling and squaring.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import math

import numpy as np

from .registry import dominant, normal, positive_definite, program


@program(
    inputs=[(dominant(1, 4), normal(2, 4)), (dominant(3, 6), normal(4, 6))],
    features="for store size",
)
def forward_substitution(L, b):
    n = len(b)
    x = np.zeros(n)
    for i in range(n):
        x[i] = (b[i] - np.dot(L[i, :i], x[:i])) / L[i, i]
    return x


@program(
    inputs=[(dominant(5, 4), normal(6, 4)), (dominant(7, 1), normal(8, 1))],
    features="for store size",
)
def back_substitution(U, b):
    x = b.copy()
    for i in reversed(range(len(b))):
        for j in range(i + 1, len(b)):
            x[i] -= U[i, j] * x[j]
        x[i] /= U[i, i]
    return x


@program(inputs=[(dominant(9, 4),), (dominant(10, 5),)], features="for store size")
def lu_doolittle(A):
    n = A.shape[0]
    L, U = np.eye(n), np.zeros((n, n))
    for i in range(n):
        for k in range(i, n):
            U[i, k] = A[i, k] - L[i, :i] @ U[:i, k]
        for k in range(i + 1, n):
            L[k, i] = (A[k, i] - L[k, :i] @ U[:i, i]) / U[i, i]
    return L, U


@program(
    inputs=[(dominant(11, 4), 0.5), (dominant(12, 3), 2.0)],
    features="for store view",
    mutates="A",
)
def lu_in_place(A, shift):
    """Kij elimination that overwrites its argument, as in Golub and Van Loan."""
    n = len(A)
    A[0, 0] += shift
    for k in range(n - 1):
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])


@program(
    inputs=[(normal(13, 4, 4), normal(14, 4)), (normal(15, 5, 5), normal(16, 5))],
    features="for store branch gather",
)
def gauss_with_pivoting(A, b):
    A = A.copy()
    b = b.copy()
    n = len(b)
    for k in range(n):
        p = k + np.argmax(np.abs(A[k:, k]))
        if p != k:
            A[[k, p]] = A[[p, k]]
            b[[k, p]] = b[[p, k]]
        for i in range(k + 1, n):
            f = A[i, k] / A[k, k]
            A[i, k:] -= f * A[k, k:]
            b[i] -= f * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return x


@program(
    inputs=[(positive_definite(17, 4),), (positive_definite(18, 6),)],
    features="for store size branch",
)
def cholesky_textbook(A):
    n = A.shape[0]
    L = np.zeros_like(A)
    for i in range(n):
        for j in range(i + 1):
            s = np.dot(L[i, :j], L[j, :j])
            if i == j:
                L[i, j] = np.sqrt(A[i, i] - s)
            else:
                L[i, j] = (A[i, j] - s) / L[j, j]
    return L


@program(
    inputs=[(positive_definite(19, 3),), (positive_definite(20, 5),)],
    features="for store size raise",
    failures=[((-np.eye(2),), np.linalg.LinAlgError, "not positive definite")],
)
def cholesky_logdet(A):
    a = A.copy()
    n = len(a)
    logdet = 0.0
    for j in range(n):
        pivot = a[j, j]
        if pivot <= 0:
            raise np.linalg.LinAlgError("not positive definite")
        logdet += math.log(pivot)
        col = a[j + 1 :, j] / pivot
        a[j + 1 :, j + 1 :] -= pivot * np.outer(col, col)
    return logdet


@program(inputs=[(normal(21, 4, 3),), (normal(22, 6, 2),)], features="for store view")
def gram_schmidt_modified(A):
    Q = A.astype(float)
    n = Q.shape[1]
    for k in range(n):
        Q[:, k] /= np.linalg.norm(Q[:, k])
        for j in range(k + 1, n):
            Q[:, j] -= (Q[:, k] @ Q[:, j]) * Q[:, k]
    return Q


@program(
    inputs=[([normal(23, 3), normal(24, 3)],), ([normal(25, 4), normal(26, 4), normal(27, 4)],)],
    features="for container",
)
def gram_schmidt_list(vectors):
    basis = []
    for v in vectors:
        w = v - sum(np.dot(v, b) * b for b in basis)
        basis.append(w / np.sqrt(w @ w))
    return np.array(basis)


@program(inputs=[(normal(28, 4, 3),), (normal(29, 3, 3),)], features="for store view branch size")
def householder_r(A):
    R = A.copy()
    m, n = R.shape
    for k in range(min(m - 1, n)):
        v = R[k:, k].copy()
        alpha = -np.linalg.norm(v) if v[0] > 0 else np.linalg.norm(v)
        v[0] -= alpha
        v /= np.linalg.norm(v)
        R[k:, k:] -= 2 * np.outer(v, v @ R[k:, k:])
    return np.triu(R[:n])


@program(inputs=[(normal(30, 3, 3),), (normal(31, 4, 2),)], features="for store view")
def givens_triangularise(A):
    R = A.copy()
    m, n = R.shape
    for j in range(n):
        for i in range(m - 1, j, -1):
            r = math.hypot(R[i - 1, j], R[i, j])
            c, s = R[i - 1, j] / r, R[i, j] / r
            G = np.array([[c, s], [-s, c]])
            R[i - 1 : i + 1, :] = G @ R[i - 1 : i + 1, :]
    return R


@program(
    inputs=[(np.array([0.5, 0.2, -0.1]),), (np.array([0.4, -0.3, 0.2, 0.1, 0.05]),)],
    features="for store size view",
)
def durbin(r):
    """Yule–Walker equations of a Toeplitz matrix (Durbin 1960)."""
    n = len(r)
    y = np.zeros(n)
    y[0] = -r[0]
    beta, alpha = 1.0, -r[0]
    for k in range(1, n):
        beta *= 1 - alpha**2
        alpha = -(r[k] + r[:k][::-1] @ y[:k]) / beta
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return y


@program(
    inputs=[
        (normal(32, 4), 4 + normal(33, 5) ** 2, normal(34, 4), normal(35, 5)),
        (normal(36, 1), 4 + normal(37, 2) ** 2, normal(38, 1), normal(39, 2)),
    ],
    features="for store",
)
def thomas(lower, diag, upper, rhs):
    n = len(diag)
    c, d = upper.copy(), rhs.copy()
    c[0] = c[0] / diag[0]
    d[0] = d[0] / diag[0]
    for i in range(1, n):
        m = diag[i] - lower[i - 1] * c[i - 1]
        if i < n - 1:
            c[i] = c[i] / m
        d[i] = (d[i] - lower[i - 1] * d[i - 1]) / m
    for i in range(n - 2, -1, -1):
        d[i] -= c[i] * d[i + 1]
    return d


@program(
    inputs=[(positive_definite(40, 4), normal(41, 4)), (positive_definite(42, 3), normal(43, 3))],
    features="for",
)
def conjugate_gradients(A, b):
    x = np.zeros_like(b)
    r = b - A @ x
    p = r
    rs = r @ r
    for _ in range(len(b) - 1):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x = x + alpha * p
        r = r - alpha * Ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
    return x


@program(
    inputs=[(positive_definite(44, 4), normal(45, 4)), (positive_definite(46, 5), normal(47, 5))],
    features="while",
    wrt="b",
    smooth=False,
)
def conjugate_gradients_to_tolerance(A, b):
    x = 0 * b
    r = b.copy()
    p = r.copy()
    k = 0
    while np.sqrt(r @ r) > 1e-6 and k < 50:
        Ap = A @ p
        step = (r @ r) / (p @ Ap)
        x += step * p
        r_new = r - step * Ap
        p = r_new + (r_new @ r_new) / (r @ r) * p
        r = r_new
        k += 1
    return x


@program(
    inputs=[(dominant(48, 4), normal(49, 4), 4), (dominant(50, 3), normal(51, 3), 1)],
    features="for store integer",
)
def gauss_seidel(A, b, sweeps):
    n = len(b)
    x = np.zeros(n)
    for _ in range(sweeps):
        for i in range(n):
            sigma = 0.0
            for j in range(n):
                if j != i:
                    sigma += A[i, j] * x[j]
            x[i] = (b[i] - sigma) / A[i, i]
    return x


@program(
    inputs=[(positive_definite(52, 4), 12), (positive_definite(53, 3), 5)], features="for integer"
)
def power_iteration(A, n):
    v = np.ones(A.shape[0]) / np.sqrt(A.shape[0])
    for _ in range(n):
        w = A @ v
        v = w / np.linalg.norm(w)
    return v @ A @ v


@program(inputs=[(positive_definite(54, 3),), (positive_definite(55, 4) * 3,)], features="while")
def rayleigh_until_converged(A):
    v = np.arange(1.0, len(A) + 1)
    change = 1.0
    while change > 1e-12:
        w = A @ v
        w = w / np.sqrt(w @ w)
        change = np.abs(w - v).max()
        v = w
    return v @ (A @ v)


@program(
    inputs=[(0.3 * normal(56, 3, 3),), (3.0 * normal(57, 2, 2),), (0.01 * normal(58, 2, 2),)],
    features="for while",
)
def matrix_exponential(A):
    """Scaling, a Taylor polynomial, squaring."""
    squarings = 0
    while np.abs(A).sum(axis=1).max() > 0.5:
        A = A / 2
        squarings += 1
    E = np.eye(len(A))
    term = np.eye(len(A))
    for k in range(1, 13):
        term = term @ A / k
        E = E + term
    for _ in range(squarings):
        E = E @ E
    return E


@program(
    inputs=[(normal(59, 3, 4), normal(60, 4, 2)), (normal(61, 2, 2), normal(62, 2, 3))],
    features="for store",
)
def triple_loop_matmul(A, B):
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[k, j]
    return C


@program(inputs=[(normal(63, 2, 2),), (normal(64, 3, 3),)], features="for size")
def determinant_by_minors(A):
    n = A.shape[0]
    if n == 1:
        return A[0, 0]
    total = 0.0
    for j in range(n):
        minor = np.concatenate([A[1:, :j], A[1:, j + 1 :]], axis=1)
        total += (-1) ** j * A[0, j] * determinant_by_minors(minor)
    return total


@program(
    inputs=[(positive_definite(65, 3), 3), (positive_definite(66, 4), 1)],
    features="for store integer branch",
)
def jacobi_rotations(A, sweeps):
    """Trace of cubes after cyclic Jacobi sweeps: near to the eigenvalues on the diagonal."""
    S = A.copy()
    n = len(S)
    for _ in range(sweeps):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(S[p, q]) > 1e-300:
                    theta = 0.5 * math.atan2(2 * S[p, q], S[q, q] - S[p, p])
                    c, s = math.cos(theta), math.sin(theta)
                    J = np.eye(n)
                    J[p, p] = J[q, q] = c
                    J[p, q], J[q, p] = s, -s
                    S = J.T @ S @ J
    return np.sum(np.diag(S) ** 3)


@program(inputs=[(dominant(67, 3),), (dominant(68, 4),)], features="for")
def newton_schulz_inverse(A):
    X = A.T / (np.abs(A).sum(axis=0).max() * np.abs(A).sum(axis=1).max())
    for _ in range(5):
        X = X @ (2 * np.eye(A.shape[0]) - A @ X)
    return X


@program(
    inputs=[(normal(69, 5, 3), normal(70, 5), 0.1), (normal(71, 4, 2), normal(72, 4), 1.0)],
    features="for branch store",
)
def lasso_coordinate_descent(X, y, lam):
    n, p = X.shape
    beta = np.zeros(p)
    for _ in range(3):
        for j in range(p):
            resid = y - X @ beta + X[:, j] * beta[j]
            rho = X[:, j] @ resid
            if rho > lam:
                beta[j] = (rho - lam) / (X[:, j] @ X[:, j])
            elif rho < -lam:
                beta[j] = (rho + lam) / (X[:, j] @ X[:, j])
            else:
                beta[j] = 0.0
    return beta
