"""Every pointwise operation with a derivative at its special points: each is in the table, or among the reasons.

A rule that is wrong at one point alone (a tie, a zero, an end, a whole number, infinity) differs from the same rule beside
it.  So no values are needed to find it: where the derivatives to both sides agree, that between them is the same, and
is a number.  The table is all of ``ENTRIES``, so a new entry is looked at from its first day.

That the numbers are right, and those of higher orders, says ``test_special_points``, against mpmath.
"""

import functools
import itertools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
import autodiff.ops.scipy_functions  # fills the tables
from autodiff.ops.entries import ENTRIES, Partials
from autodiff.ops.special import apply

pytestmark = pytest.mark.filterwarnings("ignore")
INF = np.inf
GRIDS: dict[int, tuple[float, ...]] = {
    1: (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, 1.5, 1e-10, 10.0, -10.0, 1e20, INF, -INF),
    2: (0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 1e-10, 30.0, INF, -INF),
    3: (0.0, 1.0, -1.0, 0.5, 2.0, INF),
    4: (0.0, 1.0, 0.5, 2.0),
    5: (0.5, 1.0, 2.0),
}
STEP = 1e-6


# Found by searches of SciPy's, which take seconds on such a grid, and of which half of the digits are right; their slopes are
# those of the functions that they invert.  The others are series and quadratures as slow.
SLOW = (
    "bdtrik bdtrin nbdtrik nbdtrin btdtria btdtrib chndtridf chndtrinc chndtrix nctdtridf nctdtrinc nctdtrit ncfdtri"
    " ncfdtridfd ncfdtridfn ncfdtrinc gdtria gdtrib gdtrix fdtridfd nrdtrimn nrdtrisd stdtridf stdtrit pdtrik chdtriv"
    " ncfdtr nctdtr chndtr mathieu obl_ pro_ beta_ppf binom_ nbinom_ cauchy_ hypergeom_ landau_ ncf_ nct_ ncx2_"
    " skewnorm_ pbdv pbvv pbwa wright_bessel log_wright_bessel hyp elliprj tklmbda kolmog smirnov lpmv ellipj"
).split()
# Where a derivative beside the one at the point says nothing.
REASONS: dict[tuple[str, int], str] = {
    ("cbrt", 0): "an infinite slope, 0 by convention",
    (
        "arctan2",
        0,
    ): "1e10 beside 100: the neighbours are a step of 1e-6 away from what turns within 1e-10",
    ("arctan2", 1): "likewise",
    ("hypot", 0): "likewise",
    ("hypot", 1): "likewise",
    ("scipy_iv", 0): "half of the digits are right where x is far beyond the order",
    ("scipy_modstruve", 0): "likewise",
    ("scipy_struve", 1): "of order -1 the recurrence has a pole at 0",
    ("scipy_modstruve", 1): "likewise",
    ("scipy_poch", 0): "1e-10 beside 1e-6, as arctan2",
    ("scipy_poch", 1): "of whole numbers below 1 it jumps where its step is whole",
    ("scipy_igam_fac", 0): "only used of shapes from 2 on",
    (
        "scipy_besselpoly",
        0,
    ): "SciPy's own values at negative orders: besselpoly(1.0, 2.5, -1.5) is another beside",
    ("scipy_besselpoly", 1): "where the integral begins to diverge",
    ("scipy_besselpoly", 2): "likewise",
    ("scipy_ellipkinc", 0): "0 times infinity, at the parameter -inf",
    (
        "scipy_eval_sh_jacobi",
        1,
    ): "of half degrees SciPy's own values are singular where both exponents are whole",
    ("scipy_eval_sh_jacobi", 2): "likewise",
}
REASONS_OF_SECOND: dict[tuple[str, int], str] = {
    ("scipy_i0e", 0): "a kink: the conventions say what is at 0",
    ("scipy_ive", 1): "likewise",
    ("scipy_pseudo_huber", 1): "a step of 1e-6 is beyond where it is a square",
    ("scipy_betaln", 0): "digits of SciPy's own values at negative numbers",
    ("scipy_betaln", 1): "likewise",
    ("scipy_eval_sh_jacobi", 0): "SciPy's own values are singular where both exponents are whole",
    ("scipy_owens_t", 0): "a kink at 0, where the other argument is infinite",
}
# Whose first argument has to be whole, and has no derivative.
OF_WHOLE_ORDER = ("scipy_expn", "scipy_kn", "scipy_yn")


def _is_slow(name: str) -> bool:
    return name.removeprefix("scipy_").startswith(tuple(SLOW))


def _names() -> list[str]:
    """Ufuncs of NumPy and SciPy; those of complex numbers and the slopes of other operations have tests of their own."""
    return [
        name
        for name, entry in ENTRIES.items()
        if isinstance(entry.derivative, Partials)
        and (entry.ufunc is not None or name.startswith("scipy_"))
        and not name.startswith("scipy_complex_")
    ]


def _by_turns(names: list[str]) -> list[Any]:
    """One in ten is asked always, the others are slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow if zlib.crc32(name.encode()) % 10 else ())
        for name in names
    ]


@functools.cache
def _points(name: str) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The arguments with a derivative, and one array an argument: all combinations of the grid; orders are whole."""
    rules = ENTRIES[name].derivative.rules  # type: ignore[union-attr]
    whole = {0} if name in OF_WHOLE_ORDER else set()
    free = tuple(k for k, rule in enumerate(rules) if rule is not None and k not in whole)
    grids = [GRIDS[len(free)] if k in free else (0, 1, 2, 3) for k in range(len(rules))]
    columns = zip(*itertools.product(*grids), strict=True)
    return free, [np.array(c, float if k in free else int) for k, c in enumerate(columns)]


def _function(name: str) -> Callable[..., Any]:
    ufunc = ENTRIES[name].ufunc
    return ufunc if ufunc is not None else functools.partial(apply, name)


def _along(name: str, k: int, step: float) -> tuple[Callable[[Any], Any], np.ndarray]:
    """The operation of its argument ``k`` alone, and where: the points, or a step beside."""
    _, points = _points(name)
    x, function = points[k], _function(name)
    x = np.where(x == 0, step, x * (1 + step)) if step else x

    def f(t: Any) -> Any:
        return function(*[t if j == k else p for j, p in enumerate(points)])

    return f, x


def _reverse(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return autodiff.gradient(lambda t: np.sum(f(t)), engine="numpy")


def _forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda t: autodiff.jvp(f, (t,), (np.ones_like(t),), engine="numpy")[1]


def _torn(name: str, k: int, order: int, value: np.ndarray) -> list[Any]:
    """Where the derivatives of an order agree to both sides, and are another or none between them."""
    f, x = _along(name, k, 0.0)
    for _ in range(order):
        f = _reverse(f)
    left, here, right = (f(_along(name, k, s)[1]) for s in (-STEP, 0.0, STEP))
    mean = (left + right) / 2
    size = np.maximum(np.abs(left), np.abs(right))
    smooth = np.isfinite(mean) & (np.abs(left - right) <= 1e-3 * size + 1e-5) & (size < 1e8)
    wrong = smooth & np.isfinite(value) & ~(np.abs(here - mean) <= 1e-4 * np.abs(mean) + 1e-5)
    return [
        (tuple(float(p[i]) for p in _points(name)[1]), left[i], here[i], right[i])
        for i in np.flatnonzero(wrong)
    ]


@pytest.mark.parametrize("name", _by_turns([n for n in _names() if not _is_slow(n)]))
def test_first_derivatives_are_those_beside(name: str) -> None:
    free, points = _points(name)
    with np.errstate(all="ignore"):
        value = np.asarray(ENTRIES[name].meaning(*points))
        for k in free:
            if (name, k) not in REASONS:
                assert _torn(name, k, 1, value) == [], k


@pytest.mark.parametrize("name", _by_turns([n for n in _names() if not _is_slow(n)]))
def test_second_derivatives_are_those_beside(name: str) -> None:
    free, points = _points(name)
    with np.errstate(all="ignore"):
        value = np.asarray(ENTRIES[name].meaning(*points))
        for k in free:
            if (name, k) not in REASONS and (name, k) not in REASONS_OF_SECOND:
                assert _torn(name, k, 2, value) == [], k


@pytest.mark.parametrize("name", _by_turns([n for n in _names() if not _is_slow(n)]))
def test_modes_agree_in_the_first_derivative(name: str) -> None:
    free, points = _points(name)
    with np.errstate(all="ignore"):
        value = np.asarray(ENTRIES[name].meaning(*points))
        for k in free:
            f, x = _along(name, k, 0.0)
            backward, forward = _reverse(f)(x), autodiff.function(_forward(f), engine="numpy")(x)
            agree = np.isclose(backward, forward, rtol=1e-9, atol=1e-12, equal_nan=True)
            assert np.all(agree | ~np.isfinite(value)), k


def test_all_that_is_excepted_is_there() -> None:
    names = [name.removeprefix("scipy_") for name in _names()]
    assert [slow for slow in SLOW if not any(name.startswith(slow) for name in names)] == []
    assert {name for name, _ in REASONS} <= set(_names())
