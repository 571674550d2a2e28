"""Where a compiled function is slower than the plain one: a table that is to be empty.

    python -m bench.plain [WORD...] [--all] [--json FILE]

Each case is a function as users write it, on small or middling arguments: containers, counters, sorted places, linear
algebra, arrays that lie in another order. `function(f)` is called as `f` is, after the results of both were compared. The
two take turns, a fraction of a millisecond each, and the least of many turns counts, which other programs of the machine
disturb least. A case is listed where the compiled function takes longer, by more than the clock's noise (`NOISE`); `--all`
lists all. The exit status is the number of cases that are listed.

What plain Python does in less than a microsecond is told apart: a compiled call begins at 0.15 µs.
"""

from __future__ import annotations

import os

# One thread each. Must precede the import of NumPy.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse  # noqa: E402
import collections  # noqa: E402
import dataclasses  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import scipy.special  # noqa: E402

import autodiff  # noqa: E402

NOISE = 1.05  # ratios up to this are equal
TURNS = 40
TURN_SECONDS = 2e-4
SMALL = 1e-6  # seconds of plain Python below which a case is told apart

# A function, its arguments, and those by keyword, if any.
Case = (
    tuple[Callable[..., Any], tuple[Any, ...]]
    | tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
)
_rng = np.random.default_rng(0)
X = _rng.standard_normal(1000)
SMALL_X = _rng.standard_normal(10)
POSITIVE = np.abs(X) + 0.1
KNOTS = np.linspace(-2.0, 2.0, 50)
SQUARE = _rng.standard_normal((30, 30))
SYMMETRIC = SQUARE + SQUARE.T
DEFINITE = SQUARE @ SQUARE.T + 30.0 * np.eye(30)
MATRIX = _rng.standard_normal((100, 100))
MANY = _rng.standard_normal((100, 6, 6)) + 6.0 * np.eye(6)
VECTOR = _rng.standard_normal(30)
INTEGERS = _rng.integers(0, 20, 1000)
COMPLEX = X[:200] + 1j * X[200:400]

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Pair:
    """Two numbers."""

    a: float
    b: float


class Model:
    """An objective with many attributes, which counts its calls."""

    def __init__(self) -> None:
        for k in range(15):
            setattr(self, f"p{k}", float(k))
        self.calls = 0
        self.history: list[float] = []
        self.data = X[:100]

    def attributes(self, x: Any) -> Any:
        """A sum over all attributes."""
        return (
            x * self.p0 + self.p1 * x**2 + self.p2 + self.p3 + self.p4 + self.p5 * x + self.p6  # type: ignore[attr-defined]
            + self.p7 + self.p8 + self.p9 + self.p10 + self.p11 + self.p12 + self.p13 + self.p14  # type: ignore[attr-defined]
        )  # fmt: skip

    def counted(self, x: Any) -> Any:
        """A loss that counts."""
        self.calls += 1
        return np.sum((self.data - x) ** 2)

    def remembered(self, x: Any) -> Any:
        """A loss whose values are kept."""
        loss = np.sum((self.data - x) ** 2)
        self.history.append(loss)
        if len(self.history) > 50:
            self.history.clear()
        return loss


MODEL = Model()


# -- calls ----------------------------------------------------------------------------------------
def of_list(p: Any) -> Any:
    a, b, c = p
    return np.sum(X[:50] * a + b) * c


def of_dict(p: Any) -> Any:
    return np.sum(X[:50] * p["a"] + p["b"]) * p["c"]


def of_point(p: Any) -> Any:
    return np.sum(X[:50] * p.x + p.y)


def of_pairs(rows: Any) -> Any:
    total = 0.0
    for row in rows:
        total += np.sin(row.a) * row.b
    return total


def of_dicts(rows: Any) -> Any:
    total = 0.0
    for row in rows:
        total += np.sin(row["a"]) * row["b"]
    return total


def of_arrays(arrays: Any) -> Any:
    total = 0.0
    for a in arrays:
        total = total + np.sum(a * a)
    return total


def of_layers(p: Any) -> Any:
    hidden = np.tanh(X[:40].reshape(10, 4) @ p["w1"] + p["b1"])
    return np.mean((hidden @ p["w2"] + p["b2"]) ** 2)


def of_keywords(x: Any, scale: float = 2.0, *, mode: str = "sum") -> Any:
    return np.sum(x * scale) if mode == "sum" else np.mean(x)


def of_any_number(x: Any, *p: Any) -> Any:
    return np.sum(p[0] * np.exp(-x * p[1]) + p[2])


# -- arrays ---------------------------------------------------------------------------------------
def masked_store(x: Any) -> Any:
    y = x.copy()
    y[y > 0] = y[y > 0] ** 2
    return y


def stencil_in_place(a: Any) -> None:
    a[1:-1, 1:-1] = 0.25 * (a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2])


def row_stored(a: Any) -> Any:
    a[3] = a[4] * 2.0
    return a.sum()


def one_row(a: Any, i: int) -> None:
    a[i] = a[i - 1] * 2.0


def correlation(d: Any) -> Any:
    z = (d - d.mean(0)) / d.std(0)
    return z.T @ z / len(d)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# -- loops ----------------------------------------------------------------------------------------
def branches(x: Any) -> Any:
    total = 0.0
    for i in range(x.size):
        if x[i] > 1:
            total += x[i] ** 2
        elif x[i] > 0:
            total += np.sin(x[i])
        else:
            total -= x[i]
    return total


def swaps(x: Any) -> Any:
    u, v = x.copy(), np.zeros_like(x)
    for _ in range(20):
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u, v = v, u
    return u


def newton(x: Any) -> Any:
    y = x
    for _ in range(20):
        y = y - (y * y - x) / (2 * y)
    return y


def while_loop(x: float) -> Any:
    steps = 0
    while x > 1.0:
        x = x * 0.9
        steps += 1
    return steps


def triangular(a: Any, b: Any) -> Any:
    x = np.zeros_like(b)
    for i in range(b.size):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    return x


def recursion(n: int, x: float) -> float:
    return x if n == 0 else recursion(n - 1, x) * 0.5 + 1.0


LAYERS = {
    "w1": SQUARE[:4, :8].copy(), "b1": VECTOR[:8].copy(), "w2": VECTOR[:8].copy(), "b2": 0.5,
}  # fmt: skip

FAMILIES: dict[str, dict[str, Case]] = {
    "calls": {
        "list of 3": (of_list, ([1.0, 2.0, 3.0],)),
        "tuple of 3": (of_list, ((1.0, 2.0, 3.0),)),
        "dict of 3": (of_dict, ({"a": 1.0, "b": 2.0, "c": 3.0},)),
        "named tuple": (of_point, (Point(1.0, 2.0),)),
        "dataclass": (lambda p: np.sum(X[:50] * p.a + p.b), (Pair(1.0, 2.0),)),
        "9 dataclasses": (of_pairs, ([Pair(float(k), 2.0) for k in range(9)],)),
        "100 dataclasses": (of_pairs, ([Pair(float(k), 2.0) for k in range(100)],)),
        "9 dicts": (of_dicts, ([{"a": float(k), "b": 2.0} for k in range(9)],)),
        "100 dicts": (of_dicts, ([{"a": float(k), "b": 2.0} for k in range(100)],)),
        "9 arrays": (of_arrays, ([np.full(5, float(k)) for k in range(9)],)),
        "100 arrays": (of_arrays, ([np.full(5, float(k)) for k in range(100)],)),
        "list of 200": (lambda xs: sum([x * x for x in xs]), (X[:200].tolist(),)),
        "layers in a dict": (of_layers, (LAYERS,)),
        "flags and defaults": (of_keywords, (X[:50],)),
        "keyword": (of_keywords, (X[:50],), {"scale": 3.0, "mode": "sum"}),
        "any number of arguments": (of_any_number, (X[:50], 1.0, 2.0, 3.0)),
        "15 attributes": (MODEL.attributes, (X[:50],)),
        "counter": (MODEL.counted, (2.0,)),
        "append": (MODEL.remembered, (2.0,)),
        "formatted text": (lambda x: f"{x:.3f} and {x * 2:.2e}", (1.5,)),
        "a tuple of results": (lambda x: (x.sum(), x.mean(), x * 2, {"n": x.size}), (SMALL_X,)),
    },
    "arrays": {
        "rosenbrock 10": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), (SMALL_X,)),
        "exp and sum": (lambda x: np.sum(np.exp(-x * x)), (X,)),
        "float32": (lambda x: np.sum(np.exp(-x * x)), (X.astype(np.float32),)),
        "softmax": (softmax, (MATRIX,)),
        "norm by rows": (lambda x: np.sqrt((x * x).sum(axis=1)), (MATRIX,)),
        "mean and std": (lambda x: (x.mean(), x.std(), x.var(ddof=1)), (X,)),
        "where": (lambda x: np.where(x > 0, x, 0.1 * x), (X,)),
        "clip": (lambda x: np.clip(x, -1, 1), (X,)),
        "cumsum": (lambda x: np.cumsum(x), (X,)),
        "diff": (lambda x: np.diff(x, n=2), (X,)),
        "roll": (lambda x: np.roll(x, 3), (X,)),
        "pad": (lambda x: np.pad(x, 2, mode="edge"), (X,)),
        "outer": (lambda x: np.outer(x, x), (VECTOR,)),
        "stack": (lambda x: np.stack([x, 2 * x, x * x]), (X,)),
        "tile": (lambda x: np.tile(x, 3), (VECTOR,)),
        "argmax": (lambda x: x[np.argmax(x)], (X,)),
        "max of absolute": (lambda x: np.max(np.abs(x)), (X,)),
        "all and any": (lambda x: (np.all(x > -9), np.any(x > 9)), (X,)),
        "masked mean": (lambda x: x[x > 0].mean(), (X,)),
        "masked store": (masked_store, (X,)),
        "fancy index": (lambda x: x[INTEGERS].sum(), (X,)),
        "bincount": (lambda x: np.bincount(INTEGERS, weights=x), (X,)),
        "add.at": (lambda x: np.add.at(np.zeros(20), INTEGERS, x), (X,)),
        "integers": (lambda k: (k * k % 7).sum(), (INTEGERS,)),
        "complex": (lambda z: np.abs(np.exp(1j * z)).sum(), (COMPLEX,)),
        "transpose of Fortran": (lambda a: (a * a).sum(), (np.asfortranarray(MATRIX),)),
        "every second": (lambda a: (a * a).sum(), (np.repeat(MATRIX, 2, 0)[::2],)),
        "row stored": (row_stored, (MATRIX.copy(),)),
        "row stored, Fortran": (row_stored, (np.asfortranarray(MATRIX),)),
        "row of many stored": (one_row, (np.tile(MATRIX, (10, 10)), 7)),
        "stencil in place": (stencil_in_place, (MATRIX.copy(),)),
        "stencil in place, Fortran": (stencil_in_place, (np.asfortranarray(MATRIX),)),
        "stencil in place, slices": (stencil_in_place, (np.repeat(np.repeat(MATRIX, 2, 0), 2, 1)[::2, ::2],)),
    },
    "sorted places": {
        "sort": (lambda x: np.sort(x), (X,)),
        "argsort": (lambda x: np.argsort(x), (X,)),
        "median": (lambda x: np.median(x), (X,)),
        "quantile": (lambda x: np.quantile(x, 0.9), (X,)),
        "interp": (lambda x: np.interp(x, KNOTS, KNOTS**2), (X,)),
        "interp of one": (lambda x: np.interp(x, KNOTS, KNOTS**2), (0.3,)),
        "searchsorted": (lambda x: np.searchsorted(KNOTS, x), (X,)),
        "searchsorted of one": (lambda x: np.searchsorted(KNOTS, x), (0.3,)),
        "digitize": (lambda x: np.digitize(x, KNOTS), (X,)),
        "histogram": (lambda x: np.histogram(x, bins=20, range=(-3, 3))[0], (X,)),
        "unique": (lambda k: np.unique(k).size, (INTEGERS,)),
        "nonzero": (lambda x: np.nonzero(x > 1)[0], (X,)),
    },
    "linear algebra": {
        "matrix and vector": (lambda a, x: a @ x, (SQUARE, VECTOR)),
        "matrices": (lambda a: a @ a, (MATRIX,)),
        "3 by 3": (lambda a: a @ a.T, (SQUARE[:3, :3].copy(),)),
        "inverse": (lambda a: np.linalg.inv(a), (DEFINITE,)),
        "solve": (lambda a, b: np.linalg.solve(a, b), (DEFINITE, VECTOR)),
        "determinant": (lambda a: np.linalg.det(a), (DEFINITE,)),
        "determinant 3 by 3": (lambda a: np.linalg.det(a), (SQUARE[:3, :3].copy(),)),
        "solve 3 by 3": (lambda a, b: np.linalg.solve(a, b), (DEFINITE[:3, :3].copy(), VECTOR[:3].copy())),
        "cholesky": (lambda a: np.linalg.cholesky(a), (DEFINITE,)),
        "100 products of 6 by 6": (lambda a: a @ a, (MANY,)),
        "100 inverses of 6 by 6": (lambda a: np.linalg.inv(a), (MANY,)),
        "100 solutions of 6 by 6": (lambda a: np.linalg.solve(a, np.sum(a, axis=2, keepdims=True)), (MANY,)),
        "cholesky 3 by 3": (lambda a: np.linalg.cholesky(a), (DEFINITE[:3, :3].copy(),)),
        "eigvalsh": (lambda a: np.linalg.eigvalsh(a), (SYMMETRIC,)),
        "eigh": (lambda a: np.linalg.eigh(a), (SYMMETRIC,)),
        "eigvals": (lambda a: np.linalg.eigvals(a), (SQUARE,)),
        "singular values": (lambda a: np.linalg.svd(a, compute_uv=False), (SQUARE,)),
        "svd": (lambda a: np.linalg.svd(a), (SQUARE,)),
        "qr": (lambda a: np.linalg.qr(a), (SQUARE,)),
        "pinv": (lambda a: np.linalg.pinv(a), (SQUARE,)),
        "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], (MATRIX[:, :5].copy(), X[:100])),
        "norm": (lambda a: np.linalg.norm(a), (SQUARE,)),
        "norm of a vector": (lambda x: np.linalg.norm(x), (VECTOR,)),
        "einsum": (lambda a, b: np.einsum("ij,jk,k->i", a, a, b), (SQUARE, VECTOR)),
        "kron": (lambda a: np.kron(a, a), (SQUARE[:5, :5].copy(),)),
        "trace": (lambda a: np.trace(a @ a), (SQUARE,)),
        "expm": (lambda a: scipy.linalg.expm(a), (SQUARE[:5, :5].copy(),)),
        "solve_triangular": (lambda a, b: scipy.linalg.solve_triangular(a, b, lower=True), (DEFINITE, VECTOR)),
        "cho_solve": (lambda a, b: scipy.linalg.cho_solve((a, True), b), (DEFINITE, VECTOR)),
        "correlation": (correlation, (MATRIX,)),
    },
    "functions": {
        "rfft": (lambda x: np.abs(np.fft.rfft(x)).sum(), (X,)),
        "fft and back": (lambda x: np.fft.ifft(np.fft.fft(x)).real, (X,)),
        "convolve": (lambda x, k: np.convolve(x, k), (X, VECTOR)),
        "polyval": (lambda x: np.polyval([1.0, 2.0, 3.0, 4.0], x), (X,)),
        "polyfit": (lambda y: np.polyfit(KNOTS, y, 3), (X[:50],)),
        "trapezoid": (lambda y: np.trapezoid(y, KNOTS), (X[:50],)),
        "gradient of samples": (lambda y: np.gradient(y), (X,)),
        "i0": (lambda x: np.i0(x), (SMALL_X,)),
        "gamma": (lambda x: scipy.special.gammaln(x), (POSITIVE,)),
        "erf": (lambda x: scipy.special.erf(x), (X,)),
        "bessel": (lambda x: scipy.special.j0(x), (POSITIVE,)),
        "logsumexp": (lambda x: scipy.special.logsumexp(x), (X,)),
    },
    "loops": {
        "branches": (branches, (X[:200],)),
        "swaps": (swaps, (X[:200],)),
        "newton": (newton, (2.0,)),
        "while": (while_loop, (100.0,)),
        "triangular": (triangular, (DEFINITE, VECTOR)),
        "recursion": (recursion, (10, 1.0)),
        "comprehension": (lambda x: np.array([np.sin(v) for v in x]), (SMALL_X,)),
        "zip": (lambda x: sum([a * b for a, b in zip(x, x[1:], strict=False)]), (SMALL_X.tolist(),)),
    },
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Measured:
    """The least seconds a call of both; ``note``: why there are none."""

    family: str
    name: str
    plain: float
    ours: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times longer the compiled function takes."""
        return self.ours / self.plain


def least(calls: list[Callable[[], Any]]) -> list[float]:
    """The least seconds a call, the calls taking turns."""
    counts = []
    for call in calls:
        start = time.perf_counter()
        call()
        counts.append(max(1, round(TURN_SECONDS / max(time.perf_counter() - start, 1e-7))))
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(counts[k]):
                call()
            best[k] = min(best[k], (time.perf_counter() - start) / counts[k])
    return best


def measure(family: str, name: str) -> Measured:
    """Compare the results of a case, then time it."""
    function, arguments, *more = FAMILIES[family][name]
    named: dict[str, Any] = more[0] if more else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        compiled = autodiff.function(function)
        try:
            for _ in range(3):
                plain, ours = function(*arguments, **named), compiled(*arguments, **named)
        except Exception as error:  # a case that fails is a result, and is reported
            return Measured(
                family, name, 1.0, float("inf"), f"{type(error).__name__}: {error}"[:100]
            )
    if "stored" not in name and "in place" not in name:
        np.testing.assert_equal(type(ours), type(plain))
    seconds = least([lambda: function(*arguments, **named), lambda: compiled(*arguments, **named)])
    return Measured(family, name, *seconds)


def cases(words: list[str]) -> Iterator[tuple[str, str]]:
    """The families and names of the cases that contain one of the words."""
    for family, of_family in FAMILIES.items():
        for name in of_family:
            if not words or any(word in f"{family}: {name}" for word in words):
                yield family, name


def lines(found: list[Measured]) -> str:
    """A table in Markdown."""
    head = ["| family | case | plain | compiled | ratio |", "| --- | --- | ---: | ---: | ---: |"]
    rows = [
        f"| {m.family} | {m.name} | {m.plain * 1e6:.2f} µs | {m.ours * 1e6:.2f} µs | {m.ratio:.2f} | {m.note}".rstrip(
            " |"
        )
        + " |"
        for m in sorted(found, key=lambda m: -m.ratio)
    ]
    return "\n".join(head + rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.plain", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("words", nargs="*", help="only cases whose names contain one of these")
    parser.add_argument(
        "--all", action="store_true", help="list all cases, not those that are slower alone"
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = [measure(family, name) for family, name in cases(options.words)]
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(m) for m in found], indent=1))
    slower = [m for m in found if m.ratio > NOISE]
    print(lines(found if options.all else slower))
    tiny = [m for m in slower if m.plain < SMALL]
    print(
        f"\n{len(found)} cases, {len(slower)} slower than plain, of which {len(tiny)} take less than a microsecond"
    )
    return len(slower)


if __name__ == "__main__":
    raise SystemExit(min(main(), 100))
