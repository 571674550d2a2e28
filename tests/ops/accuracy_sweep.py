"""A sweep over distributions: values against SciPy's, derivatives of two orders against differences.

    python -m tests.ops.accuracy_sweep nct norm t       # these
    python -m tests.ops.accuracy_sweep --from nct       # from there to the end of the alphabet
    python -m tests.ops.accuracy_sweep --special [kv]   # first derivatives of scipy.special, of names with these letters

Each method is asked at levels and magnitudes of its argument for shape parameters of many sizes.  A
derivative is compared with central differences (of SciPy's values; of our gradient for second
derivatives) over a ladder of steps, of which the two that agree best tell the value and its error:
where differences are rounding the error is large, and nothing is told.  What is told has to be
looked at: a difference may be wrong where the function is not smooth.
"""

import argparse
import itertools
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import stats

import autodiff
import autodiff.ops.scipy_functions
import autodiff.ops.scipy_stats  # noqa: F401 - both enter operations
from autodiff.errors import AutodiffError
from autodiff.ops.entries import ENTRIES, Partials
from tests.ops.test_distributions import DISCRETE, FIXED, REFUSED, SHAPES

CONTINUOUS_METHODS = ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
DISCRETE_METHODS = ("pmf", "logpmf", "cdf", "sf", "logcdf", "logsf")
OF_SHAPES = ("entropy", "mean", "var")
LEVELS = np.array([1e-100, 1e-20, 1e-10, 1e-3, 0.1, 0.3, 0.5, 0.77, 0.9, 0.999, 1 - 1e-10])
MAGNITUDES = np.array([1e-300, 1e-100, 1e-16, 1e-5, 0.3, 1.0, 7.5, 1e3, 1e8, 1e16, 1e100, 1e300])
FACTORS = (1e-5, 0.1, 0.5, 2.0, 10.0, 1e3)
VALUES = (-3.0, 0.3, 1.0, 1.7, 2.0, 5.5, 30.0)
# Quadratures and searches for each number.
SLOW = {"kstwo", "ksone", "levy_stable", "studentized_range", "vonmises", "geninvgauss", "genhyperbolic", "norminvgauss", "gausshyper"}  # fmt: skip
STEPS = 10.0 ** -np.arange(1.0, 8.0)
Found = tuple[str, tuple[float, ...], Any, Any]


def named(name: str) -> Any:
    return getattr(stats, name)


def shapes_of(name: str, whole: frozenset[int], few: bool) -> list[tuple[float, ...]]:
    """SciPy's example, each of its parameters much smaller and larger, and all at fixed values."""
    dist, base = named(name), tuple(float(s) for s in SHAPES[name])
    rows = [base]
    for k in range(len(base)):
        for value in (*[base[k] * f for f in FACTORS], *VALUES):
            rows.append((*base[:k], value, *base[k + 1 :]))
    for pair in itertools.product((0.5, 3.0, 20.0), repeat=len(base)):
        rows.append(pair)
    rows = [tuple(np.rint(v) if k in whole else v for k, v in enumerate(r)) for r in rows]
    with np.errstate(all="ignore"):
        fine = [r for r in dict.fromkeys(rows) if np.all(dist._argcheck(*map(np.asarray, r)))]
    return fine[:: 4 if few else 1]


def rows_of(name: str, method: str, few: bool) -> np.ndarray:
    """Columns: the argument, if the method has one, and the shape parameters."""
    dist = named(name)
    names = [] if not dist.shapes else [n.strip() for n in dist.shapes.split(",")]
    fixed = frozenset(k for k, n in enumerate(names) if isinstance(SHAPES[name][k], int) and n in FIXED.get(name, ()))  # fmt: skip
    whole = fixed if name not in DISCRETE else frozenset(k for k, s in enumerate(SHAPES[name]) if isinstance(s, int))  # fmt: skip
    rows: list[tuple[float, ...]] = []
    for shapes in shapes_of(name, whole, few):
        if method in OF_SHAPES:
            rows.append(shapes)
            continue
        levels = LEVELS[::3] if few else LEVELS
        if method in ("ppf", "isf"):
            rows += [(q, *shapes) for q in levels]
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            low, high = (float(v) for v in dist.support(*shapes))
            inside = [
                float(found) for q in levels if (found := given(dist.ppf, q, *shapes)) is not None
            ]
        if name in DISCRETE:
            inside += [0.0, 1.0, 2.0, 7.0, 100.0, 1e6]
        elif len(rows) < 200 or len(inside) < 4:
            inside += [*MAGNITUDES[:: 3 if few else 1], *-MAGNITUDES[:: 3 if few else 1]]
        rows += [(x, *shapes) for x in dict.fromkeys(inside) if low <= x <= high and np.isfinite(x)]
    rows = rows[:: 8 if method in OF_SHAPES else 3 if few else 1]
    f = getattr(dist, method)
    if given(f, *np.array(rows).T) is None:  # SciPy raises for some: leave those out
        rows = [row for row in rows if given(f, *row) is not None]
    return np.array(rows).T


def apart_from_ends(dist: Any, method: str, rows: np.ndarray) -> np.ndarray:
    """Where differences do not reach beyond the ends of the support."""
    if method in OF_SHAPES or method in ("ppf", "isf"):
        return np.full(rows.shape[1], True)
    low, high = (np.broadcast_to(v, rows.shape[1]) for v in quiet(dist.support, *rows[1:]))
    x = rows[0]
    with np.errstate(all="ignore"):
        inside = (x - low > 0.3 * np.abs(x)) | (x - low > 1e-5 * np.abs(low)) | ~np.isfinite(low)
        return (
            inside
            & ((high - x > 1e-5 * np.abs(high)) | ~np.isfinite(high))
            & ((x == 0) | (np.abs(x) > 1e-200))
        )


def given(f: Callable[..., Any], *x: Any) -> Any:
    """What SciPy gives; None where it raises."""
    try:
        return quiet(f, *x)
    except (OverflowError, RuntimeError, ValueError, ZeroDivisionError):
        return None


def quiet(f: Callable[..., Any], *x: Any) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*x)


def differences(
    f: Callable[..., Any], x: list[np.ndarray], k: int, wide: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of ``f`` by ``x[k]``, elementwise, and its error; ``wide`` if x may be moved across 0."""
    sizes = [np.maximum(np.abs(x[k]), 1e-290), *([np.ones_like(x[k])] if wide else [])]
    found, errors = [], []
    largest: Any = 0.0  # in the neighbourhood: what cancels is rounded as its terms are
    for size in reversed(sizes):
        ladder, rounding = [], []
        for step in STEPS:
            h = size * step
            moved = [np.asarray(quiet(f, *x[:k], x[k] + c * h, *x[k + 1 :]), float) for c in (-2, -1, 1, 2)]  # fmt: skip
            with np.errstate(all="ignore"):
                ladder.append((8 * (moved[2] - moved[1]) - (moved[3] - moved[0])) / (12 * h))
                largest = np.fmax(largest, np.max(np.abs(moved), axis=0))
                rounding.append(4e-16 * largest / h)
        with np.errstate(all="ignore"):
            apart = np.abs(np.diff(ladder, axis=0))
            # Two neighbours may agree by chance: the third counts, too.
            found += ladder[1:-1]
            errors += list(np.maximum(apart[:-1], apart[1:]) + rounding[1:-1])
    values, bounds = np.array(found), np.array(errors)
    bounds[~np.isfinite(bounds) | ~np.isfinite(values)] = np.inf
    best, column = np.argmin(bounds, axis=0), np.arange(bounds.shape[1])
    return values[best, column], bounds[best, column]


def compare(title: str, rows: np.ndarray, have: Any, want: Any, error: Any) -> Iterator[Found]:
    have = np.broadcast_to(have, np.shape(want))
    with np.errstate(all="ignore"):
        sure = np.isfinite(want) & (error <= 1e-4 * np.abs(want))
        wrong = sure & ~(np.abs(have - want) <= 20 * error + 1e-7 * np.abs(want) + 1e-280)
    for j in np.flatnonzero(wrong):
        yield title, tuple(float(v) for v in rows[:, j]), have[j], want[j]


def parts(gradient: Callable[..., Any], x: Any) -> tuple[Any, ...]:
    """A gradient as a tuple, also by one argument."""
    found = quiet(gradient, *x)
    return found if isinstance(found, tuple) else (found,)


def of(count: int, f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with as many parameters."""
    return [
        lambda: f(), lambda a: f(a), lambda a, b: f(a, b), lambda a, b, c: f(a, b, c), lambda a, b, c, d: f(a, b, c, d),
        lambda a, b, c, d, e: f(a, b, c, d, e),
    ][count]  # fmt: skip


def each(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` of one row after the other: SciPy integrates one number at a time."""

    def applied(*x: Any) -> Any:
        found = [parts(f, row) for row in zip(*[column.tolist() for column in x], strict=True)]
        columns = tuple([np.array(column, float) for column in zip(*found, strict=True)])
        return columns if len(columns) > 1 else columns[0]

    return applied


def sweep(name: str, method: str, second: bool = True) -> Iterator[Found]:
    """Everything that is doubtful of a method."""
    rows = rows_of(name, method, name in SLOW)
    if not rows.size:
        return
    x = list(rows)
    f = of(len(x), getattr(named(name), method))
    want = np.asarray(quiet(f, *x), float)
    one_by_one = each if method in OF_SHAPES else lambda g: g
    have = np.asarray(quiet(one_by_one(autodiff.function(f)), *x), float)
    with np.errstate(all="ignore"):
        fine = (np.abs(have - want) <= 4 * np.spacing(np.abs(want))) | (have == want)
        fine |= np.isnan(have) & np.isnan(want)
    for j in np.flatnonzero(~fine):
        yield f"{name}.{method}", tuple(float(v) for v in rows[:, j]), have[j], want[j]
    if method in REFUSED.get(name, ()):
        return
    dist = named(name)
    names = [] if not dist.shapes else [n.strip() for n in dist.shapes.split(",")]
    places = ["x", *names] if method not in OF_SHAPES else names
    active = [
        k for k, n in enumerate(places)
        if not (n in FIXED.get(name, ()) and n != "x")
        and not (name in DISCRETE and (n == "x" or isinstance(SHAPES[name][k - (places[0] == "x")], int)))
    ]  # fmt: skip
    if not active:
        return
    total = f if method in OF_SHAPES else of(len(x), lambda *x: np.sum(f(*x)))
    wide = not np.isfinite(quiet(dist.support, *[r[0] for r in rows[len(rows) - len(names) :]])[0])
    wide = wide and method not in OF_SHAPES and method not in ("ppf", "isf")
    try:
        gradient = autodiff.gradient(total, wrt=tuple(active), engine="numpy")
        slopes = parts(one_by_one(gradient), x)
    except AutodiffError as refused:
        yield f"{name}.{method}", (), type(refused).__name__, str(refused).splitlines()[0]
        return
    # Differences of what underflows, and of what is beside a much larger number, tell nothing.
    with np.errstate(all="ignore"):
        near = (
            np.isfinite(want)
            & ((np.abs(want) > 1e-100) | (want == 0))
            & (np.max(np.abs(rows), axis=0) < 1e20)
        )
        near &= apart_from_ends(dist, method, rows)
    rows, slopes = rows[:, near], [s[near] for s in slopes]
    x = list(rows)
    if not near.any():
        return
    for n, k in enumerate(active):
        yield from compare(f"{name}.{method} by {places[k]}", rows, slopes[n], *differences(f, x, k, wide and k == 0))  # fmt: skip
    if not second:
        return
    for n, k in enumerate(active):
        try:
            part = of(len(x), lambda *x, n=n: np.sum(parts(gradient, x)[n]))
            bends = parts(one_by_one(autodiff.gradient(part, wrt=tuple(active), engine="numpy")), x)
        except AutodiffError as refused:
            yield f"{name}.{method} by {places[k]} twice", (), type(refused).__name__, str(refused).splitlines()[0]  # fmt: skip
            continue
        for m, j in enumerate(active):
            slope = lambda *x, n=n: parts(one_by_one(gradient), x)[n]  # noqa: E731
            yield from compare(f"{name}.{method} by {places[k]}, {places[j]}", rows, bends[m], *differences(slope, x, j, wide and j == 0))  # fmt: skip


SPECIAL = (1e-300, 1e-100, 1e-10, 1e-3, 0.3, 0.9, 1.0, 2.5, 7.0, 40.0, 1e3, 1e8, 1e100)
SPECIAL_FEW = (1e-10, 0.3, 1.0, 2.5, 30.0, 1e4)
# SciPy takes minutes for some operands, ends the process, or wants whole numbers.
LEFT_OUT = ("nbinom_", "hypergeom_", "gen_harmonic", "invgauss_", "spherical_", "eval_", "pro_", "obl_", "smirnov", "hyp1f1_", "ellip_harm", "lambertw")  # fmt: skip


def sweep_special(name: str) -> Iterator[Found]:
    """Every doubtful derivative of a function of ``scipy.special``: its rules on a grid of all signs."""
    entry = ENTRIES[name]
    assert isinstance(entry.derivative, Partials)
    rules = entry.derivative.rules
    line = SPECIAL if len(rules) == 1 else SPECIAL_FEW if len(rules) < 4 else SPECIAL_FEW[1:4]
    sides = [[v for v in (*line, *[-x for x in line[:6]]) if low < 0 or v > 0] for low, _ in entry.samples.domain]  # fmt: skip
    x = [np.array(c) for c in zip(*itertools.product(*sides), strict=True)]
    f = lambda *x: np.asarray(entry.meaning(*x), float)  # noqa: E731
    y = quiet(f, *x)
    fine = np.isfinite(y) & ((np.abs(y) > 1e-250) | (y == 0))
    x, y = [v[fine] for v in x], y[fine]
    for k, rule in enumerate(rules):
        if rule is None or not y.size:
            continue
        try:
            slope = np.asarray(quiet(rule, y, *x), float)
        except AutodiffError:
            continue  # refused
        yield from compare(f"{name} by {k}", np.array(x), slope, *differences(f, x, k))


def show(found: Iterator[Found], count: int) -> None:
    """What is found, by title, a few points of each."""
    places: dict[str, list[Any]] = {}
    for title, point, have, want in found:
        places.setdefault(title, []).append((point, have, want))
    for title, rows in places.items():
        print(f"{title}: {len(rows)}")
        for point, have, want in rows[:: max(1, len(rows) // count)]:
            print(f"    {point}: {have!s}, right {want!s}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--from", dest="start", default=None)
    parser.add_argument("--methods", default="")
    parser.add_argument("--special", nargs="?", const="", default=None)
    parser.add_argument("--first", action="store_true", help="no second derivatives")
    parser.add_argument("--show", type=int, default=3, help="how many points of each kind")
    options = parser.parse_args()
    if options.special is not None:
        for name, entry in list(ENTRIES.items()):
            left_out = any(part in name for part in LEFT_OUT) or options.special not in name
            if (
                name.startswith("scipy_")
                and isinstance(entry.derivative, Partials)
                and not left_out
            ):
                begin = time.time()
                show(sweep_special(name), options.show)
                print(f"- {name} {time.time() - begin:.1f} s", flush=True)
        return
    names = options.names or [n for n in sorted(SHAPES) if n >= (options.start or "")]
    for name in names:
        own = DISCRETE_METHODS if name in DISCRETE else CONTINUOUS_METHODS
        for method in (*own, *OF_SHAPES):
            if options.methods and method not in options.methods.split(","):
                continue
            begin = time.time()
            show(sweep(name, method, not options.first), options.show)
            print(f"- {name}.{method} {time.time() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
