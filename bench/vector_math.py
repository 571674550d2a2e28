"""Error and speed of the elementary functions that native code inlines, beside NumPy's.

    python -m bench.vector_math [NAME...] [--points N] [--width 256]

Prints, for each function and dtype, the largest error found against mpmath in units in the last place, nanoseconds
per element of a loop over 1e5 elements for us and for NumPy, and the time that compiling the function adds to a loop.

`CASES` says for each function what it is called elsewhere and where it is tried; the tests use the same table.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from autodiff.engines.native import vector_math
from bench.kernel_of_one import DTYPES, Array, compile_kernel

CONTEXT = mpmath.mp.clone()
CONTEXT.prec = 160  # sin and its like reduce large arguments with as much more as they need

Sampler = Callable[[np.random.Generator, int, str], tuple[Array, ...]]


def uniform(low: float, high: float) -> Sampler:
    """Evenly spread arguments."""
    return lambda rng, n, dtype: (rng.uniform(low, high, n),)


def spread(low: float, high: float, signs: bool = True) -> Sampler:
    """Arguments of every size between powers of ten, cut to the range of the dtype; of both signs."""

    def sample(rng: np.random.Generator, n: int, dtype: str) -> tuple[Array, ...]:
        limits = (-323.0, 308.2) if dtype == "f64" else (-44.5, 38.5)
        powers = rng.uniform(max(low, limits[0]), min(high, limits[1]), n)
        return (10**powers * (rng.choice([-1.0, 1.0], n) if signs else 1.0),)

    return sample


def near(center: float, signs: bool = True) -> Sampler:
    """Arguments that approach a point from both sides, or from above."""

    def sample(rng: np.random.Generator, n: int, dtype: str) -> tuple[Array, ...]:
        distance = 10 ** rng.uniform(-15.5 if dtype == "f64" else -7, -1, n)
        return (center + distance * (rng.choice([-1.0, 1.0], n) if signs else 1.0),)

    return sample


def by_dtype(double: Sampler, single: Sampler) -> Sampler:
    """One sampler for each dtype."""
    return lambda rng, n, dtype: (double if dtype == "f64" else single)(rng, n, dtype)


def multiples(step: float) -> Sampler:
    """The floats nearest to multiples of a number: the hardest for argument reduction."""
    return lambda rng, n, dtype: (rng.integers(-(10**6), 10**6, n) * step,)


def powers(rng: np.random.Generator, n: int, dtype: str) -> tuple[Array, ...]:
    """Bases of every size, and exponents that put the result anywhere in range."""
    base = np.asarray(spread(-300, 300, signs=False)(rng, n, dtype)[0], DTYPES[dtype])
    base = np.where(rng.random(n) < 0.5, base, near(1.0)(rng, n, dtype)[0].astype(base.dtype))
    logs = np.log(base.astype(np.float64))
    return base, rng.uniform(-1, 1, n) * (740 if dtype == "f64" else 100) / np.where(logs, logs, 1)


def pairs(*samplers: Sampler) -> Sampler:
    """Two independent arguments."""
    return lambda rng, n, dtype: tuple(sampler(rng, n, dtype)[0] for sampler in samplers)


def comparable(rng: np.random.Generator, n: int, dtype: str) -> tuple[Array, ...]:
    """Two arguments of any size, but of similar sizes."""
    (x,) = spread(-290, 290)(rng, n, dtype) if dtype == "f64" else spread(-36, 36)(rng, n, dtype)
    return x, x * rng.uniform(0.05, 20, n) * rng.choice([-1.0, 1.0], n)


@dataclass(frozen=True)
class Case:
    """A function's names elsewhere, where its error is measured, and where it is timed."""

    numpy: Callable[..., Any] | None
    exact: Callable[..., Any]
    samples: tuple[Sampler, ...]
    timed: Sampler


_ANY = spread(-330, 330)
_UNIT = (uniform(-1, 1), spread(-330, 0))
_ANGLES = (uniform(-10, 10), uniform(-2e6, 2e6), multiples(np.pi / 2), _ANY)
_POSITIVE = (spread(-330, 330, signs=False), near(1.0), uniform(0.5, 2))
_EXPONENTS = by_dtype(uniform(-746, 710), uniform(-104, 89))
_HYPERBOLIC = (uniform(-2, 2), by_dtype(uniform(-711, 711), uniform(-90, 90)), spread(-330, 1))

_mp = CONTEXT
CASES: dict[str, Case] = {
    "exp": Case(np.exp, _mp.exp, (uniform(-1, 1), _EXPONENTS), uniform(-20, 20)),
    "exp2": Case(
        np.exp2,
        lambda x: _mp.mpf(2) ** x,
        (uniform(-1, 1), by_dtype(uniform(-1076, 1025), uniform(-151, 129))),
        uniform(-20, 20),
    ),
    "expm1": Case(np.expm1, _mp.expm1, (*_HYPERBOLIC, uniform(-50, 10)), uniform(-2, 2)),
    "tanh": Case(np.tanh, _mp.tanh, (uniform(-1, 1), uniform(-20, 20), _ANY), uniform(-5, 5)),
    "tanh_slope": Case(
        lambda x: 1.0 / np.cosh(x) ** 2,
        lambda x: 1 / _mp.cosh(x) ** 2,
        (uniform(-1, 1), by_dtype(uniform(-376, 376), uniform(-54, 54)), uniform(-20, 20), _ANY),
        uniform(-5, 5),
    ),
    "sinh": Case(np.sinh, _mp.sinh, _HYPERBOLIC, uniform(-5, 5)),
    "cosh": Case(np.cosh, _mp.cosh, _HYPERBOLIC, uniform(-5, 5)),
    "log": Case(np.log, _mp.log, _POSITIVE, uniform(0.01, 100)),
    "log2": Case(np.log2, lambda x: _mp.log(x) / _mp.ln2, _POSITIVE, uniform(0.01, 100)),
    "log10": Case(np.log10, _mp.log10, _POSITIVE, uniform(0.01, 100)),
    "log1p": Case(
        np.log1p,
        _mp.log1p,
        (uniform(-1, 1), spread(-330, 330, signs=False), spread(-20, -0.01)),
        uniform(-0.5, 10),
    ),
    "sin": Case(np.sin, _mp.sin, _ANGLES, uniform(-10, 10)),
    "cos": Case(np.cos, _mp.cos, _ANGLES, uniform(-10, 10)),
    "tan": Case(np.tan, _mp.tan, _ANGLES, uniform(-10, 10)),
    "asin": Case(np.arcsin, _mp.asin, _UNIT, uniform(-1, 1)),
    "acos": Case(np.arccos, _mp.acos, (*_UNIT, near(0.5)), uniform(-1, 1)),
    "atan": Case(np.arctan, _mp.atan, (uniform(-5, 5), _ANY), uniform(-5, 5)),
    "atan2": Case(
        np.arctan2,
        _mp.atan2,
        (pairs(_ANY, _ANY), pairs(uniform(-1, 1), uniform(-1, 1)), comparable),
        pairs(uniform(-1, 1), uniform(-1, 1)),
    ),
    "asinh": Case(np.arcsinh, _mp.asinh, (uniform(-5, 5), _ANY), uniform(-5, 5)),
    "acosh": Case(
        np.arccosh,
        _mp.acosh,
        (uniform(1, 3), spread(0.01, 330, signs=False), near(1.0, signs=False)),
        uniform(1, 10),
    ),
    "atanh": Case(np.arctanh, _mp.atanh, (uniform(-1, 1), spread(-330, -0.01)), uniform(-0.9, 0.9)),
    "cbrt": Case(
        np.cbrt,
        lambda x: _mp.cbrt(x) if x >= 0 else -_mp.cbrt(-x),
        (uniform(-8, 8), _ANY),
        uniform(0, 100),
    ),
    "hypot": Case(
        np.hypot,
        _mp.hypot,
        (pairs(uniform(-1, 1), uniform(-1, 1)), comparable),
        pairs(uniform(-1, 1), uniform(-1, 1)),
    ),
    "erf": Case(None, _mp.erf, (uniform(-1, 1), uniform(-7, 7), _ANY), uniform(-3, 3)),
    "pow": Case(
        np.power,
        _mp.power,
        (powers, pairs(uniform(0.1, 5), uniform(-3, 3))),
        pairs(uniform(0.1, 10), uniform(-3, 3)),
    ),
}


def errors(result: Array, arguments: tuple[Array, ...], exact: Callable[..., Any]) -> list[float]:
    """Distances from the exact values in units in the last place of these; overflow counts as the next power of two."""
    info = np.finfo(result.dtype)
    beyond = CONTEXT.mpf(2) ** int(info.maxexp)
    found = []
    for value, *point in zip(result.tolist(), *(a.tolist() for a in arguments), strict=True):
        truth = exact(*(CONTEXT.mpf(p) for p in point))
        truth = max(min(truth, beyond), -beyond)
        computed = beyond * np.sign(value) if np.isinf(value) else CONTEXT.mpf(value)
        exponent = max(CONTEXT.frexp(truth)[1], int(info.minexp) + 1)
        found.append(float(abs(computed - truth) / CONTEXT.mpf(2) ** (exponent - info.nmant - 1)))
    return found


def worst(
    name: str, dtype: str, points: int, seed: int = 0, features: str | None = None
) -> Iterator[tuple[float, Array]]:
    """For each sampler of the case, the largest error and where it is."""
    rng = np.random.default_rng(seed)
    kernel, case = compile_kernel(name, dtype, features=features), CASES[name]
    for sampler in case.samples:
        with np.errstate(over="ignore", under="ignore"):
            arguments = tuple(a.astype(DTYPES[dtype]) for a in sampler(rng, points, dtype))
        found = errors(kernel(*arguments), arguments, case.exact)
        at = int(np.argmax(found))
        yield found[at], np.array([a[at] for a in arguments])


def nanoseconds(run: Callable[[], object], count: int, repeats: int = 60) -> float:
    """The best time of a call, per element."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e9


def compile_milliseconds(name: str | None, dtype: str, width: int) -> float:
    """The processor time from text to machine code of a loop over the function."""
    return 1e3 * statistics.median(compile_kernel(name, dtype, width).seconds for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions; none: all")
    parser.add_argument("--points", type=int, default=4000, help="points of each error sample")
    parser.add_argument("--width", type=int, default=512, help="preferred vector width in bits")
    options = parser.parse_args()
    empty = {dtype: compile_milliseconds(None, dtype, options.width) for dtype in DTYPES}
    print("function dtype  max ulp  ns/element  NumPy  compile ms")
    for name in options.names or vector_math.NAMES:
        case = CASES[name]
        for dtype in DTYPES:
            error, at = max(worst(name, dtype, options.points), key=lambda pair: pair[0])
            kernel = compile_kernel(name, dtype, options.width)
            count = 100_000
            arguments = tuple(
                a.astype(kernel.dtype) for a in case.timed(np.random.default_rng(0), count, dtype)
            )
            out = np.empty_like(arguments[0])
            ours = nanoseconds(lambda: kernel(*arguments, out=out), count)
            theirs = np.nan
            if case.numpy is not None:
                theirs = nanoseconds(lambda: case.numpy(*arguments, out=out), count, 20)
            added = compile_milliseconds(name, dtype, options.width) - empty[dtype]
            place = ", ".join(f"{v:.9g}" for v in at)
            print(
                f"{name:8} {dtype}  {error:7.2f}  {ours:10.2f}  {theirs:5.2f}  {added:10.1f}   at {place}",
                flush=True,
            )


if __name__ == "__main__":
    main()
