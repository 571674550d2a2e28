"""What the tools say of programs of many kinds is true: explain, find_nan, profile, derivative_source, picture.

Each program stands with arguments for which value and gradient are finite.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.special as sp

import autodiff
from autodiff import tree
from autodiff.ir import walk

PROGRAMS: list[Any] = []


def called_with(*args: Any) -> Callable[[Any], Any]:
    """Enter a program; some of them run by default."""

    def enter(f: Any) -> Any:
        marks = [] if len(PROGRAMS) % 9 == 0 else [pytest.mark.slow]
        PROGRAMS.append(pytest.param(f, args, marks=marks, id=f.__name__))
        return f

    return enter


rng = np.random.default_rng(3)
X = rng.uniform(0.5, 1.5, 6)
A = rng.normal(size=(4, 4))
S = A @ A.T + 4 * np.eye(4)
B = rng.normal(size=4)


@called_with(X)
def horner(x):
    r = 0.0
    for k in range(len(x) - 1, -1, -1):
        r = r * 0.7 + x[k]
    return r


@called_with(X)
def newton_sqrt(x):
    s = 0.0
    for v in x:
        g = v
        while abs(g * g - v) > 1e-10:
            g = 0.5 * (g + v / g)
        s += g
    return s


@called_with(X)
def branchy(x):
    t = 0.0
    for v in x:
        if v > 1:
            t += v**3
        elif v > 0.7:
            t -= np.sin(v)
        else:
            t += 1 / v
    return t


@called_with(X)
def inplace(x):
    y = np.zeros(len(x) + 1)
    y[1:] = x
    y[0] += x[0] * 2
    y[::2] *= 3
    y[-1] = y[0] * y[1]
    return np.sum(y**2)


@called_with(X)
def cumulative(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] += 0.5 * y[i - 1]
    return np.prod(y)


@called_with(X)
def lists(x):
    out = []
    for v in x:
        if v > 0.8:
            out.append(np.exp(-v))
    return sum(out) * len(out)


@called_with(X)
def fftpower(x):
    f = np.fft.rfft(x)
    return np.sum(np.abs(f) ** 2 * np.arange(len(f)))


@called_with(S, B)
def gaussian(s, b):
    l = np.linalg.cholesky(s)
    z = sl.solve_triangular(l, b, lower=True)
    return -0.5 * z @ z - np.sum(np.log(np.diag(l)))


@called_with(S)
def eigs(s):
    w, v = np.linalg.eigh(s)
    return np.sum(np.sqrt(w)) + v[0, 0] ** 2


@called_with(A + 5 * np.eye(4))
def logdet(a):
    s, l = np.linalg.slogdet(a)
    return l + np.trace(np.linalg.inv(a))


@called_with(X)
def special(x):
    return np.sum(sp.gammaln(x) + sp.erf(x) * sp.j0(x)) + sp.logsumexp(x)


@called_with(X)
def softmax_entropy(x):
    e = np.exp(x - x.max())
    q = e / e.sum()
    return -np.sum(q * np.log(q))


@dataclass
class Par:
    w: np.ndarray
    b: float


@called_with(Par(X[:3], 0.5), rng.normal(size=(5, 3)))
def model(par, data):
    return np.mean(np.tanh(data @ par.w + par.b) ** 2)


@called_with({"a": X[:2], "b": [X[2:4], 1.5]})
def nested(q):
    return np.sum(q["a"] * q["b"][0]) * q["b"][1]


@called_with(X)
def complexpart(x):
    z = np.exp(1j * x) * (1 + 2j)
    return np.sum((z * z).imag)


@called_with(X[:3])
def rk4(y):
    def f(y):
        return np.array([y[1], -y[0] * y[2], -0.1 * y[2]])

    h = 0.1
    for _ in range(20):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0] ** 2 + y[1]


@called_with(0.3, 7)
def scalar_pow(a, n):
    r = 1.0
    while n > 0:
        if n % 2:
            r *= a
        a = a * a
        n //= 2
    return r


@called_with(X)
def sorted_gaps(x):
    y = np.sort(x)
    return np.sum(np.diff(y) ** 2 * np.arange(1, len(y)))


@called_with(X)
def maxpool(x):
    return np.max(x[:3]) * np.min(x[3:]) + np.median(x)


@called_with(rng.normal(size=(3, 5)))
def einsums(m):
    return np.einsum("ij,kj->ik", m, m).trace() + np.tensordot(m, m, 2)


@called_with(X)
def doubleloop(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            s += 1 / np.sqrt((x[i] - x[j]) ** 2 + 0.1)
    return s


@called_with(X)
def early(x):
    t = 0.0
    for i, v in enumerate(x):
        t += v * i
        if t > 4:
            return t * 2
    return t


@called_with(X)
def wheres(x):
    return np.sum(np.where(x > 1, np.log(x), x**2))


@called_with(X)
def convolve(x):
    return np.sum(np.convolve(x, [1.0, -2.0, 1.0]) ** 2)


@called_with(X, np.array([0, 2, 2, 5]))
def gathers(x, i):
    return np.sum(x[i] * np.arange(4))


@called_with(X)
def scatter(x):
    h = np.zeros(3)
    np.add.at(h, [0, 1, 1, 2, 0, 2], x)
    return h @ h


@called_with(X)
def polyfit(x):
    c = np.polyfit(np.arange(6.0), x, 2)
    return np.polyval(c, 2.5)


@called_with(S, B)
def solver(s, b):
    return np.sum(np.linalg.solve(s, b) ** 2)


@called_with(X)
def cg(x):
    M = np.diag(x) + 0.1
    b = np.ones(6)
    y = np.zeros(6)
    r = b - M @ y
    d = r.copy()
    for _ in range(6):
        a = (r @ r) / (d @ M @ d)
        y = y + a * d
        rn = r - a * (M @ d)
        d = rn + (rn @ rn) / (r @ r) * d
        r = rn
    return y.sum()


@called_with(X)
def lstm(x):
    h = c = 0.0
    for v in x:
        i = 1 / (1 + np.exp(-(v + h)))
        c = 0.5 * c + i * np.tanh(v - h)
        h = i * np.tanh(c)
    return h


class Acc:
    def __init__(self):
        self.t = 0.0
        self.n = 0

    def add(self, v):
        self.t += v * v
        self.n += 1


@called_with(X)
def objects(x):
    a = Acc()
    for v in x:
        a.add(v)
    return a.t / a.n


@called_with(X)
def recursion(x):
    def r(k):
        return x[0] if k == 0 else 0.5 * r(k - 1) + x[k]

    return r(5)


@called_with(X.reshape(2, 3))
def norms(m):
    return np.linalg.norm(m) + np.linalg.norm(m, axis=1).sum() + np.var(m)


@called_with(X)
def interp(x):
    return np.interp(1.3, np.arange(6.0), x) + np.trapezoid(x)


@called_with(np.float32(1.5) * X.astype(np.float32))
def single(x):
    return np.sum(np.sin(x) * x)


@called_with(X)
def broken(x):
    t = 1.0
    for v in x:
        if v < 0.6:
            continue
        t *= v
        if t > 3:
            break
    return t


@called_with(X)
def trycatch(x):
    try:
        y = x[0] / x[1]
    except ZeroDivisionError:
        y = 0.0
    return y * x[2]


@called_with(X)
def dots(x):
    return (x @ x) * np.outer(x, x).sum() / np.kron(x[:2], x[2:4]).sum()


@called_with(X)
def pad(x):
    return np.sum(np.pad(x, 2, mode="reflect") * np.roll(np.pad(x, 2), 1))


@called_with(X)
def scan(x):
    return np.sum(np.cumsum(x)[::-1] * np.cumprod(x))


def _handled(x):
    try:
        for v in x:
            if v > 1.25:
                raise ValueError
        return np.sum(x * 2)
    except ValueError:
        return np.sum(x * x)


@called_with(np.array([0.5, 1.0]))
def raises_nothing(x):
    return _handled(x)


@called_with(np.array([0.5, 2.0]))
def handles_what_a_loop_raises(x):
    return _handled(x)


@called_with(np.array([0.5, 2.0]))
def handles_an_error_in_a_branch(x):
    table = [x[0], x[1]]
    try:
        if x[0] < 1:
            x = x * table[int(x[1])]
    except IndexError:
        return x[1] ** 3
    return x[1]


# -- what is said of them ------------------------------------------------------------------------------
over_programs = pytest.mark.parametrize(("f", "args"), PROGRAMS)


@over_programs
def test_the_source_of_the_derivative_runs_and_agrees(f, args) -> None:
    expected = autodiff.gradient(f)(*args)
    found = autodiff.derivative_source(f)(*args).function()(*args)
    wanted, given = (
        tree.parts(expected),
        tree.parts(found),
    )  # of containers the source gives the parts
    for want, have in zip(wanted, given, strict=True):
        assert np.result_type(have) == np.result_type(want)
        rtol = 1e-10 if np.result_type(want) == np.float64 else 1e-5
        np.testing.assert_allclose(have, want, rtol=rtol, atol=1e-13)


@over_programs
def test_nothing_is_found_where_all_is_finite(f, args) -> None:
    assert autodiff.find_nan(f)(*args) is None


@over_programs
def test_a_profile_has_the_lines_of_the_program(f, args) -> None:
    found = autodiff.profile(autodiff.gradient(f))(*args)
    lines = sum(line.seconds for line in found.lines)
    assert lines + found.rest == pytest.approx(found.seconds) and found.lines
    assert {line.file for line in found.lines} == {__file__}
    assert all(line.text == source_line(line.number) for line in found.lines)


def source_line(number: int) -> str:
    return inspect.getsource(inspect.getmodule(called_with)).splitlines()[number - 1].strip()


@over_programs
def test_what_is_explained_is_so(f, args) -> None:
    gradient = autodiff.gradient(f)
    text = gradient.explain(*args)
    lines = text.splitlines()
    assert len(lines) == len(set(lines)) or not any(
        "guard" in x for x in lines if lines.count(x) > 1
    )
    assert "0x" not in text, "an address says nothing"
    program = gradient.ir(*args)
    count = re.search(r"program (\d+) operations", text)
    assert count is not None and int(count[1]) == sum(1 for _ in walk(program.block))
    # What is kept is part of the memory.
    kept = sum(int(x.replace(",", "")) for x in re.findall(r"keeps .*: ([\d,]+) bytes", text))
    memory = re.search(r"memory  ([\d,]+) bytes", text)
    assert memory is not None and kept <= int(memory[1].replace(",", ""))
    assert autodiff.picture(gradient)(*args).startswith("<svg")


def test_explain_names_the_values_that_a_program_is_made_for() -> None:
    def power(x, n, mode="sum", scale=2.0):
        return getattr(np, mode)(x**n) * scale

    text = autodiff.function(power).explain(np.ones(3), 2, mode="mean")
    assert "  fixed   args[2] equal 'mean'\n" in text and "fixed   args[3]" not in text
    assert "  guard   no global is named getattr\n" in text
    assert "  memory  0 bytes of work memory\n" in text
