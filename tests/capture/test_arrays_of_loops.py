"""Random loops that bind, exchange and store into arrays: as in plain Python, whatever is one array.

What each program returns depends on which names are one array, for stores after the loop are read under
all names; so do its arguments afterwards.
"""

import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodiff

# Where it cannot be told what an array is a part of, a store after the loop is not compiled.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*of a store into an array that is a part of others"),
    pytest.mark.filterwarnings(
        "ignore:.*uncompiled. a store into an array that is a part of others"
    ),
]

NAMES = ["a", "b", "c", "o.v"]
STARTS = ["x", "x * 1.0", "x * 2.0", "np.zeros(3)", "m[0]", "m[1]", "x[::-1]"]


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = NAMES[: self.random.choice([3, 4])]
        self.has_views = self.random.random() < 0.5
        self.asks = self.random.random() < 0.3

    def any(self) -> str:
        return self.random.choice([*self.names, "x"])

    def made(self, k: str) -> str:
        p, q = self.any(), self.any()
        return self.random.choice(
            [f"{p} * t", f"{p} * 0.5 + {q} * t", f"np.sin({p})", f"{p}.copy()", "np.zeros(3)"]
        )

    def condition(self, k: str) -> str:
        found = [f"x0[{k} % 3] > t", f"{self.any()}.sum() > 1.0", f"{k} % 2 == 0", f"{k} > 1"]
        return self.random.choice(found + self.asks * 3 * [f"{self.any()} is {self.any()}"])

    def array(self, k: str) -> str:
        views = [f"m[{k} % 4]", "m[:, 1][:3]", f"{self.any()}[::-1]", f"{self.any()}[:]"]
        choice = f"{self.any()} if {self.condition(k)} else {self.any()}"
        found = [self.made(k), self.made(k), self.any(), self.any(), choice]
        return self.random.choice(found + self.has_views * [self.random.choice(views)])

    def store(self, k: str) -> str:
        p, q = self.any(), self.any()
        return self.random.choice(
            [
                f"{p}[{k} % 3] = {q}[1] * t",
                f"{p}[0] += 0.1",
                f"{p} *= 0.9",
                f"{p}[:] = {q}[::-1] * 0.5",
                f"m[{k} % 4, 0] = {q}[1]",
            ]
        )

    def statement(self, k: str, indent: str, depth: int) -> list[str]:
        kind = self.random.random()
        if kind < 0.3:
            return [f"{indent}{self.random.choice(self.names)} = {self.array(k)}"]
        if kind < 0.42:
            names = self.random.sample(self.names, self.random.choice([2, 3]))
            sources = [*names[1:], self.random.choice([names[0], self.made(k)])]
            return [f"{indent}{', '.join(names)} = {', '.join(sources)}"]
        if kind < 0.68 or depth > 1:
            return [indent + self.store(k)]
        if kind < 0.8:
            return [f"{indent}s += {self.any()}[1] * 0.1"]
        return [
            f"{indent}if {self.condition(k)}:",
            *self.statement(k, indent + "    ", depth + 1),
            f"{indent}else:",
            *self.statement(k, indent + "    ", depth + 1),
        ]

    def loop(self, k: str, indent: str, is_outer: bool) -> list[str]:
        inside = indent + "    "
        body = [line for _ in range(3) for line in self.statement(k, inside, 0)]
        if is_outer and self.random.random() < 0.25:
            body += self.loop("j", inside, False)
        if self.random.random() < 0.7:
            return [f"{indent}for {k} in range(n):", *body]
        return [f"{indent}{k} = 0", f"{indent}while {k} < n:", *body, f"{inside}{k} += 1"]

    def program(self) -> str:
        lines = ["def f(x, m, n, t):", "    x0, s, o = x.copy(), 0.0, Held()"]
        for k, name in enumerate(self.names):
            starts = STARTS if self.has_views else STARTS[:4]
            lines.append(f"    {name} = {self.random.choice(starts + self.names[:k])}")
        lines += self.loop("k", "    ", True)
        lines += [f"    {self.store('1')}" for _ in range(2)]
        weighted = " + ".join(f"{w} * {p}.sum()" for w, p in zip("1357", self.names, strict=False))
        lines.append(f"    return s + {weighted} + 11.0 * x.sum() + 0.3 * m.sum()")
        return "\n".join(["import numpy as np", "class Held: pass", *lines, ""])


def written(seed: int, folder: Path) -> Callable[..., Any]:
    path = folder / f"arrays_of_loops_{seed}.py"
    path.write_text(Writer(seed).program())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def check(seed: int, folder: Path, engine: str) -> None:
    f = written(seed, folder)
    compiled = autodiff.function(f, engine=engine)
    for number, (n, t) in enumerate(((6, 0.5), (0, 0.4), (1, 0.7), (3, 0.3))):
        rng = np.random.default_rng(number)
        x, m = rng.uniform(0.1, 1.0, 3), rng.uniform(0.1, 1.0, (4, 3))
        ours, theirs = (x.copy(), m.copy()), (x.copy(), m.copy())
        expected = f(*theirs, n, t)
        np.testing.assert_allclose(compiled(*ours, n, t), expected, rtol=1e-12, atol=1e-13)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    check_slopes(f, (x, m, n, t), engine)


def check_slopes(f: Callable[..., Any], arguments: tuple[Any, ...], engine: str) -> None:
    x, *others = arguments

    def value(x: Any) -> Any:
        return f(x, others[0].copy(), *others[1:])

    slope = autodiff.gradient(f, wrt="x", engine=engine)(x.copy(), others[0].copy(), *others[1:])
    steps = 1e-6 * np.eye(3)
    expected = [(value(x + h) - value(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5)
    v = np.array([0.3, -0.7, 0.2])
    primals = (x.copy(), others[0].copy(), *others[1:])
    _, forward = autodiff.jvp(f, primals, (v,), wrt="x", engine=engine)
    np.testing.assert_allclose(forward, np.dot(slope, v), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", [*range(12), pytest.param(121, marks=pytest.mark.slow)])
def test_a_random_loop_shares_what_python_shares(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("seed", range(100, 250))
def test_random_loops_share_what_python_shares(seed: int, tmp_path: Path, engine: str) -> None:
    check(seed, tmp_path, engine)


def read_before_it_is_bound_again(x, n):
    s = 0.0
    for k in range(n):
        u = x[0] + k
    for _ in range(9):
        s += u
        u = 2.5 * x[1]
    return s


def bound_to_the_same_array_again(x, n):
    a = x * 1.0
    c = a
    for _ in range(n):
        a = c
    c[2] += 1.0
    return a.sum()


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", [read_before_it_is_bound_again, bound_to_the_same_array_again])
def test_what_a_pass_finds_is_what_the_pass_before_has_left(f, engine) -> None:
    compiled, x = autodiff.function(f, engine=engine), np.array([0.4, 0.7, 0.2])
    for n in (4, 1, 7):
        np.testing.assert_allclose(compiled(x.copy(), n), f(x.copy(), n), rtol=1e-14)
