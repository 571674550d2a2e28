"""Where a function is no number, its derivatives are none: a finite slope there would be believed.

    np.log(-1.0)            NaN, and so are its derivatives of all orders, not -1, -1, -2
    stats.gamma.pdf(1.0, -1.0)

Every operation that has partial derivatives is asked on a grid that leaves its domain.  What is
linear in an operand keeps its derivative where infinities cancel (``inf - inf``, ``0 * inf``), as
does what is a sum or a product of others.
"""

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import autodiff
import autodiff.ops.scipy_functions
import autodiff.ops.scipy_stats  # noqa: F401 - both enter operations
from autodiff.ops.entries import ENTRIES, Partials
from tests.ops.support import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)

# Sums, products and remainders: linear in an operand, or made of what is.
LINEAR = {
    "add", "subtract", "multiply", "divide", "remainder", "fmod", "strong_product", "strong_multiply",
    "scaled_power", "power_product",  # derivatives themselves, of powers with a real exponent
}  # fmt: skip
# At exponents below 1e-16, where ``b - 1`` is -1.
POWERS = {"power", "float_power"}
# SciPy takes minutes for some orders, ends the process, or wants integers.
LEFT_OUT = {"nct_", "ncf", "noncentral_f", "kn", "yn", "hyp1f1", "spherical", "eval_", "lambertw", "lpmv", "hyp2f1", "smirnov", "cv", "pro_", "obl_", "expn", "sph_", "first_order"}  # fmt: skip

LINE = (-np.inf, -1e300, -55.5, -3.0, -2.0, -1.5, -1.0, -0.5, -1e-10, 0.0, 1e-10, 0.3, 0.5, 1.0, 1.5, 2.0, 7.5, 200.0, 1e300, np.inf)  # fmt: skip
FEW = (-3.0, -1.5, -1.0, -0.5, 0.0, 1e-10, 0.5, 1.0, 2.0, 7.5)
FEWER = (-2.0, -0.5, 0.0, 0.5, 2.5)


def _grid(count: int) -> list[np.ndarray]:
    values = {1: LINE, 2: FEW, 3: FEWER}.get(count, FEWER[:4])
    return [np.array(c) for c in zip(*itertools.product(values, repeat=count), strict=True)]


def _asked() -> list[str]:
    return [
        name
        for name, entry in ENTRIES.items()
        if isinstance(entry.derivative, Partials)
        and name not in LINEAR | POWERS
        and not name.startswith("complex_")
        and not any(part in name for part in LEFT_OUT)
    ]


def test_most_operations_are_asked() -> None:
    asked = set(_asked())
    assert len(asked) > 300
    assert {
        "log",
        "log1p",
        "sqrt",
        "arcsin",
        "arccosh",
        "arctanh",
        "scipy_logit",
        "scipy_kv",
    } <= asked


@pytest.mark.parametrize("part", range(8))
def test_rules_are_no_numbers_where_functions_are_none(part: int) -> None:
    found = []
    for name in _asked()[part::8]:
        entry = ENTRIES[name]
        assert isinstance(entry.derivative, Partials)
        points = _grid(len(entry.derivative.rules))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                y = np.asarray(entry.meaning(*points))
            except (
                OverflowError
            ):  # of the Boost library, in a function that SciPy never calls there
                continue
            none = np.isnan(y) if y.dtype.kind == "f" else np.zeros(y.shape, bool)
            if not none.any():
                continue
            for k, rule in enumerate(entry.derivative.rules):
                if rule is None:
                    continue
                slope = rule(y, *points)
                slope = math.prod(slope) if isinstance(slope, tuple) else slope
                slope = np.broadcast_to(np.asarray(slope), y.shape)
                wrong = np.flatnonzero(none & ~np.isnan(slope))
                if len(wrong):
                    at = tuple(float(p[wrong[0]]) for p in points)
                    found.append(f"{name} by {k} at {at}: {slope[wrong[0]]}")
    assert not found, "\n".join(found)


OUTSIDE: list[tuple[Callable[[Any], Any], float]] = [
    (np.log, -3.0), (np.log2, -0.5), (np.log10, -3.0), (np.log1p, -3.0), (np.sqrt, -2.0),
    (np.arcsin, 2.0), (np.arccos, -1.5), (np.arccosh, 0.5), (np.arccosh, -1e10), (np.arctanh, -3.0),
    (lambda x: np.power(x, 0.3), -2.0), (special.logit, 1.5), (special.exp1, -0.7),
    (special.digamma, -2.0), (lambda x: special.boxcox(x, 2.5), -3.0), (lambda x: special.gammainc(2.5, x), -1.0),
    (lambda x: special.betainc(-2.0, 1.0, x), 0.5), (lambda x: special.zeta(2.5, x), -3.5),
    (lambda y: special.xlogy(2.0, y), -3.0), (special.ndtri, 1.5), (special.y0, -1.0),
    (lambda x: stats.gamma.logpdf(x, -1.0), 0.5), (lambda a: stats.gamma.cdf(0.5, a), -1.0),
    (lambda s: stats.norm.logpdf(0.5, 1.0, s), -1.0), (lambda q: stats.expon.ppf(q), 1.5),
    (lambda q: stats.alpha.ppf(q, 2.0), -0.5), (lambda a: stats.alpha.pdf(0.5, a), -0.5),
    (lambda p: stats.binom.logpmf(2, 5, p), 1.5), (lambda n: stats.t.var(n), 0.5),
    (lambda s: stats.gumbel_l.entropy(0.0, s), -1.0), (lambda x: stats.beta.pdf(x, -1.0, 2.0), 5.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "step"),
    [("numpy", 1), ("native", 5), pytest.param("native", 1, marks=pytest.mark.slow)],
)
def test_derivatives_of_all_orders_are_no_numbers(engine: str, step: int) -> None:
    found = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (function, x) in enumerate(OUTSIDE[::step]):
            f = lambda x, function=function: function(x)  # noqa: E731
            assert np.isnan(f(x)), number
            for order in (1, 2, 3):
                forwards = autodiff.jvp(f, (x,), (1.0,), engine=engine)[1]
                f = autodiff.gradient(f, engine=engine)
                if not np.isnan([forwards, f(x)]).all():
                    found.append((number, order, forwards, f(x)))
    assert not found


@engines
def test_all_derivatives_by_all_arguments_are_no_numbers(engine: str) -> None:
    f = lambda v: stats.gamma.logpdf(v[0], v[1], v[2], v[3])  # noqa: E731
    assert np.isnan(autodiff.hessian(f, engine=engine)(np.array([2.0, -1.0, 0.1, 1.0]))).all()
    assert np.isfinite(autodiff.hessian(f, engine=engine)(np.array([2.0, 1.5, 0.1, 1.0]))).all()


@engines
def test_branches_that_are_not_taken_do_not_matter(engine: str) -> None:
    f = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0) + np.where(x < 0, x * np.inf, 0.0))  # noqa: E731
    x = np.array([2.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(autodiff.gradient(f, engine=engine)(x), [0.5, 0.0])


@engines
def test_an_infinite_number_of_the_program_times_a_zero_in_a_loop(engine: str) -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for _ in range(3):
            total = total + np.where(x > 0, x * np.inf, 0.0)
        return total

    with np.errstate(all="ignore"):
        assert autodiff.gradient(f, engine=engine)(-1.0) == 0.0


@engines
def test_functions_that_would_end_the_process_have_no_value(engine: str) -> None:
    """SciPy's library raises errors in them that nobody catches."""
    density = lambda x, n, c: stats.nct.pdf(x, n, c)  # noqa: E731
    slopes = autodiff.value_and_gradient(density, engine=engine)
    of_sum = autodiff.gradient(lambda x, n, c: stats.nct.cdf(x, n, c), engine=engine)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (1e-16, 1e-320):
            value, slope = slopes(-1e100, n, -0.75)
            assert np.isnan([value, *slope]).all()
            of_sum(-1e100, n, -0.75)
        for method in (stats.invgauss.ppf, stats.invgauss.isf):
            value, slope = autodiff.value_and_gradient(lambda q, mu, m=method: m(q, mu), engine=engine)(5e-324, 1e-310)  # fmt: skip
            assert np.isnan([value, *slope]).all()
