"""Signals and images: filters, transforms, stencils, windows.

FFT butterflies in real arithmetic, Haar wavelets, IIR and FIR filters, stencils in one and two
dimensions, sliding windows, resampling, run statistics, Game-of-life-like masks.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import numpy as np

from .registry import normal, program, uniform


@program(
    inputs=[(normal(1, 8), 3), (normal(2, 5), 1), (normal(3, 5), 0)],
    features="for view store integer",
)
def heat_stencil_vector(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


@program(inputs=[(normal(4, 6), 2), (normal(5, 4), 3)], features="for store integer alias")
def heat_stencil_two_buffers(u, steps):
    old = u.copy()
    new = np.zeros_like(old)
    for _ in range(steps):
        for i in range(1, len(old) - 1):
            new[i] = 0.25 * old[i - 1] + 0.5 * old[i] + 0.25 * old[i + 1]
        new[0], new[-1] = old[0], old[-1]
        old, new = new, old
    return old


@program(inputs=[(normal(6, 4, 5), 2), (normal(7, 3, 3), 1)], features="for view store integer")
def laplace_jacobi_2d(grid, n):
    g = grid.copy()
    for _ in range(n):
        g[1:-1, 1:-1] = 0.25 * (g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:])
    return g


@program(inputs=[(normal(8, 4, 4), 1), (normal(9, 3, 5), 2)], features="for store integer")
def seidel_2d(A, sweeps):
    A = A.copy()
    for t in range(sweeps):
        for i in range(1, A.shape[0] - 1):
            for j in range(1, A.shape[1] - 1):
                A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1] + A[i, j]) / 5.0
    return A


@program(
    inputs=[(normal(10, 8), normal(11, 8)), (normal(12, 4), normal(13, 4))],
    features="while for store gather",
)
def fft_butterflies(re, im):
    """Radix-2 decimation in time, iteratively (Cooley and Tukey 1965)."""
    n = len(re)
    bits = n.bit_length() - 1
    order = [int(format(i, f"0{bits}b")[::-1], 2) for i in range(n)]
    re, im = re[order], im[order]
    half = 1
    while half < n:
        for start in range(0, n, 2 * half):
            for k in range(half):
                angle = -np.pi * k / half
                wr, wi = np.cos(angle), np.sin(angle)
                a, b = start + k, start + k + half
                tr = wr * re[b] - wi * im[b]
                ti = wr * im[b] + wi * re[b]
                re[b], im[b] = re[a] - tr, im[a] - ti
                re[a], im[a] = re[a] + tr, im[a] + ti
        half *= 2
    return re, im


@program(inputs=[(normal(14, 8),), (normal(15, 4),)], features="view size")
def recursive_walsh_hadamard(x):
    n = len(x)
    if n == 1:
        return x
    even = recursive_walsh_hadamard(x[: n // 2])
    odd = recursive_walsh_hadamard(x[n // 2 :])
    return np.concatenate([even + odd, even - odd])


@program(inputs=[(normal(16, 8),), (normal(17, 4),)], features="while store view size")
def haar_wavelet(x):
    out = x.copy()
    n = len(out)
    while n > 1:
        half = n // 2
        a = (out[0:n:2] + out[1:n:2]) / np.sqrt(2)
        d = (out[0:n:2] - out[1:n:2]) / np.sqrt(2)
        out[:half] = a
        out[half:n] = d
        n = half
    return out


@program(
    inputs=[(normal(18, 7), np.array([0.5, 0.3, 0.2])), (normal(19, 5), np.array([1.0, -1.0]))],
    features="for store",
)
def fir_by_loops(x, h):
    y = np.zeros(len(x))
    for n in range(len(x)):
        for k in range(len(h)):
            if n - k >= 0:
                y[n] += h[k] * x[n - k]
    return y


@program(inputs=[(normal(20, 7), 0.3, -0.4), (normal(21, 3), 0.8, 0.1)], features="for store")
def biquad_states(x, a1, a2):
    z1 = z2 = 0.0
    y = np.empty(x.shape[0])
    for n, v in enumerate(x):
        w = v - a1 * z1 - a2 * z2
        y[n] = w + 2 * z1 + z2
        z2, z1 = z1, w
    return y


@program(inputs=[(normal(22, 6), 0.3), (normal(23, 9), 0.9)], features="for")
def exponential_smoothing(x, alpha):
    level = x[0]
    sse = 0.0
    for obs in x[1:]:
        err = obs - level
        sse += err**2
        level += alpha * err
    return sse


@program(
    inputs=[(normal(24, 5, 6), normal(25, 2, 3)), (normal(26, 4, 4), normal(27, 3, 1))],
    features="for store view",
)
def convolve_2d(image, kernel):
    kh, kw = kernel.shape
    out = np.zeros((image.shape[0] - kh + 1, image.shape[1] - kw + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (image[i : i + kh, j : j + kw] * kernel).sum()
    return out


@program(inputs=[(normal(28, 9), 3), (normal(29, 6), 2)], features="for store integer size")
def sliding_window_variance(x, w):
    n = len(x) - w + 1
    out = np.empty(n)
    s = x[:w].sum()
    q = (x[:w] ** 2).sum()
    for i in range(n):
        out[i] = q / w - (s / w) ** 2
        if i + w < len(x):
            s += x[i + w] - x[i]
            q += x[i + w] ** 2 - x[i] ** 2
    return out


@program(
    inputs=[(normal(30, 7), np.array([0.3, 2.6, 5.9])), (normal(31, 4), np.array([1.2, 1.7]))],
    features="for gather container",
)
def linear_resampling(signal, times):
    out = []
    for t in times:
        k = int(np.floor(t))
        frac = t - k
        out.append((1 - frac) * signal[k] + frac * signal[k + 1])
    return np.array(out)


@program(inputs=[(normal(32, 8), 0.2), (normal(33, 6), 0.7)], features="for branch store")
def soft_clip_with_hysteresis(x, gate):
    y = np.zeros_like(x)
    on = False
    for i in range(len(x)):
        if on and abs(x[i]) < gate:
            on = False
        elif not on and abs(x[i]) > 2 * gate:
            on = True
        y[i] = np.tanh(x[i]) if on else 0.1 * x[i]
    return y


@program(
    inputs=[(uniform(34, 0, 1, 4, 4), 2), (uniform(35, 0, 1, 5, 3), 1)],
    features="for mask store integer",
)
def life_like_growth(field, generations):
    """Cells grow where the number of live neighbours is two or three and decay elsewhere."""
    f = field.copy()
    for _ in range(generations):
        alive = (f > 0.5).astype(float)
        padded = np.pad(alive, 1)
        m, n = f.shape
        count = sum(
            padded[1 + di : 1 + di + m, 1 + dj : 1 + dj + n]
            for di in (-1, 0, 1)
            for dj in (-1, 0, 1)
            if (di, dj) != (0, 0)
        )
        grow = (count == 2) | (count == 3)
        f[grow] = 1 - 0.5 * (1 - f[grow])
        f[~grow] *= 0.3
    return f


@program(
    inputs=[(normal(36, 6), normal(37, 6)), (normal(38, 4), normal(39, 4))],
    features="for store view integer",
    wrt=("re", "im"),
)
def dft_rows(re, im):
    n = re.size
    power = np.zeros(n)
    for k in range(n):
        w = 2 * np.pi * k * np.arange(n) / n
        a = re @ np.cos(w) + im @ np.sin(w)
        b = im @ np.cos(w) - re @ np.sin(w)
        power[k] = a * a + b * b
    return power


@program(inputs=[(normal(40, 9),), (normal(41, 5),)], features="for branch")
def local_maxima_energy(x):
    e = 0.0
    for i in range(1, len(x) - 1):
        if x[i - 1] < x[i] > x[i + 1]:
            e += x[i] ** 2
        elif x[i - 1] > x[i] and x[i] < x[i + 1]:
            e -= 0.5 * x[i]
    return e
