"""Polynomials of low degree have derivatives that are constant or zero, everywhere; counts that SciPy cuts are cut in slopes."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy import special

import autodiff

DEGREES, POINTS = np.arange(6)[:, None], np.array([-2.5, -1.0, 0.0, 0.4, 1.0, 2.0])
PLACES = np.cos(np.arange(1, 12, 2) * np.pi / 12)

# By the name: what stands between the degree and the argument.
POLYNOMIALS: dict[str, tuple[float, ...]] = {
    **dict.fromkeys("legendre chebyt chebyu chebyc chebys sh_legendre sh_chebyt sh_chebyu".split(), ()),
    **dict.fromkeys(("hermite", "hermitenorm", "laguerre"), ()),
    **{"gegenbauer": (0.7,), "genlaguerre": (0.7,), "jacobi": (0.7, 0.3)},
}  # fmt: skip


def slopes(f: Callable[..., Any], order: int, engine: str) -> Callable[..., Any]:
    """The derivative of a function of each element."""
    for _ in range(order):
        f = autodiff.gradient(lambda x, f=f: np.sum(f(x)), engine=engine)
    return f


@pytest.mark.parametrize(
    ("name", "engine"), [*[(name, "numpy") for name in POLYNOMIALS], ("legendre", "native"), ("chebyt", "native")]
)  # fmt: skip
def test_all_derivatives_of_low_degrees(name: str, engine: str) -> None:
    parameters, function = POLYNOMIALS[name], getattr(special, f"eval_{name}")

    def values(x: Any) -> Any:
        return function(DEGREES, *parameters, x)

    grid = np.broadcast_to(POINTS, (len(DEGREES), len(POINTS))).copy()
    for order in (1, 2, 3):
        # The polynomial through six of its values, differentiated.
        fits = [Polynomial.fit(PLACES, row, 5).deriv(order) for row in values(PLACES)]
        have = slopes(values, order, engine)(grid)
        np.testing.assert_allclose(
            have, [fit(POINTS) for fit in fits], rtol=1e-9, atol=1e-8, err_msg=f"order {order}"
        )


def test_mixed_derivatives_by_a_degree_below_zero_are_not_known() -> None:
    def slope(n: Any) -> Any:
        return autodiff.gradient(autodiff.gradient(special.eval_legendre, wrt=1), wrt=1)(n, 0.3)

    assert slope(0.0) == 0.0
    assert np.isnan(autodiff.gradient(slope)(0.0))


CUT = [
    *[(name, (2.7, 5.6)) for name in ("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri")],
    *[(name, (2.7,)) for name in ("pdtr", "pdtrc", "pdtri", "smirnov", "smirnovi", "expn", "kn", "yn")],
    ("expn", (0.7,)), ("expn", (1.3,)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:floating point number truncated")
@pytest.mark.filterwarnings("ignore:non-integer arg")
@pytest.mark.parametrize(("name", "counts"), CUT)
def test_slopes_see_counts_as_the_values_do(name: str, counts: tuple[float, ...]) -> None:
    function = getattr(special, name)
    whole = np.trunc(counts)
    slope = autodiff.gradient(lambda x: function(*counts, x), engine="numpy")(0.4)
    assert slope == autodiff.gradient(lambda x: function(*whole, x), engine="numpy")(0.4)
    assert slope == pytest.approx((function(*counts, 0.401) - function(*counts, 0.399)) / 0.002, rel=1e-3)  # fmt: skip


# Functions with what comes before the argument, and the arguments: SciPy has some of their values, and none of the
# functions of which the slopes are made.
OTHER_DEGREES: dict[str, tuple[Any, list[tuple[float, ...]], tuple[float, ...]]] = {
    "eval_legendre": (mpmath.legendre, [(0.3,), (6.7,), (30.2,), (300.5,)], (-0.9, -0.3, 1e-8, 0.1, 0.8)),
    "eval_chebyt": (mpmath.chebyt, [(0.3,), (30.2,), (300.5,)], (-0.9, -0.3, 1e-8, 0.1, 0.8)),
    "eval_gegenbauer": (mpmath.gegenbauer, [(6.7, 4.0), (30.2, 0.3)], (-0.9, -0.3, 0.1)),
    "eval_genlaguerre": (mpmath.laguerre, [(6.7, 0.3), (30.2, 4.0)], (0.7, 4.2, 30.0)),
    "eval_jacobi": (mpmath.jacobi, [(6.7, 0.3, 0.3), (30.2, 4.0, 0.3)], (-0.999, -0.3, 0.1)),
    "hyp1f1": (mpmath.hyp1f1, [(-1.5, 1e4), (0.4, 3.0)], (-300.0, -2.0, 9.0)),
    "hyp2f1": (mpmath.hyp2f1, [(-10.3, 30.0, 50.0), (3.2, 0.4, -0.6)], (-30.0, -0.9, 0.8, 0.999)),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_DEGREES)
def test_slopes_of_other_degrees_are_right_or_none(name: str) -> None:
    exact, parameters, points = OTHER_DEGREES[name]
    grid = [np.array(column) for column in zip(*[(*p, x) for p in parameters for x in points], strict=True)]  # fmt: skip
    total = {
        2: lambda n, x: np.sum(getattr(special, name)(n, x)),
        3: lambda n, a, x: np.sum(getattr(special, name)(n, a, x)),
        4: lambda n, a, b, x: np.sum(getattr(special, name)(n, a, b, x)),
    }[len(grid)]
    with np.errstate(all="ignore"):
        found = autodiff.gradient(total, wrt=len(grid) - 1, engine="numpy")(*grid)
    assert np.mean(np.isfinite(found)) >= 0.5
    for have, point in zip(found, np.transpose(grid), strict=True):
        with mpmath.workdps(60):
            right = mpmath.diff(lambda x, p=point: exact(*p[:-1], x), point[-1], h=1e-25)
        assert np.isnan(have) or have == pytest.approx(float(mpmath.re(right)), rel=1e-4), point
