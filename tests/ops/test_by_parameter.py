"""Derivatives by orders and parameters are right to two digits fewer than SciPy's values (mpmath)."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import autodiff
import autodiff.ops.scipy_functions  # noqa: F401 - fills the tables
from autodiff.ops.by_parameter import NODES, WEIGHTS, by_parameter
from autodiff.ops.entries import ENTRIES, Partials

mp = mpmath.mp
_V, _X = (-2.3, 0.0, 0.4, 3.0, 17.5), (1e-200, 1e-3, 0.7, 4.2, 60.0)
_N, _U = (0.3, 2.0, 6.7), (-0.9, 0.1, 0.8)
_A, _B, _Z = (-1.5, 0.4, 3.2), (-0.6, 0.3, 4.0), (-12.0, -0.3, 2.1, 9.0)
# The argument, where arguments are taken from, and the function in many digits.
EXACT: dict[str, tuple[int, tuple[tuple[float, ...], ...], Callable[..., Any], float]] = {
    "jv": (0, (_V, _X), mp.besselj, 1e-12), "yv": (0, (_V, _X), mp.bessely, 1e-12),
    "iv": (0, (_V, _X), mp.besseli, 1e-12),
    "ive": (0, (_V, _X), lambda v, x: mp.besseli(v, x) * mp.exp(-x), 1e-12),
    "struve": (0, (_V[1:], _X[1:]), mp.struveh, 1e-13),
    "modstruve": (0, (_V[1:], _X[1:]), mp.struvel, 1e-12),
    # SciPy's own values have 12 digits or fewer near x = -1.
    "eval_chebyt": (0, (_N, _U), mp.chebyt, 1e-9), "eval_legendre": (0, (_N, _U), mp.legendre, 1e-11),
    "eval_laguerre": (0, (_N, _X[1:4]), lambda n, x: mp.laguerre(n, 0, x), 1e-12),
    "eval_genlaguerre by n": (0, (_N, _B[1:], _X[1:4]), mp.laguerre, 1e-11),
    "eval_genlaguerre by alpha": (1, (_N, _B[1:], _X[1:4]), mp.laguerre, 1e-11),
    "eval_gegenbauer by alpha": (1, (_N, _B[1:], _U), mp.gegenbauer, 1e-6),
    "eval_jacobi by n": (0, (_N, _B[1:], _B[1:], _U), mp.jacobi, 1e-6),
    "eval_jacobi by alpha": (1, (_N, _B[1:], _B[1:], _U), mp.jacobi, 1e-6),
    "eval_jacobi by beta": (2, (_N, _B[1:], _B[1:], _U), mp.jacobi, 1e-6),
    "hyp0f1": (0, (_B, _Z), mp.hyp0f1, 1e-12),
    "hyp1f1 by a": (0, (_A, _B, _Z), mp.hyp1f1, 1e-12), "hyp1f1 by b": (1, (_A, _B, _Z), mp.hyp1f1, 1e-12),
    "hyp2f1 by a": (0, (_A, _A, _B, _U), mp.hyp2f1, 1e-12),
    "hyp2f1 by c": (2, (_A, _A, _B, _U), mp.hyp2f1, 1e-12),
    # SciPy's own values have 7 digits here.
    "hyperu by a": (0, (_A, _B, (0.3, 2.0, 9.0)), mp.hyperu, 1e-6),
    "hyperu by b": (1, (_A, _B, (0.3, 2.0, 9.0)), mp.hyperu, 1e-6),
}  # fmt: skip
# SciPy's own values have less than 7 digits at some of these places, or nearby.
NOISY = ("eval_jacobi by n", "eval_jacobi by alpha", "eval_jacobi by beta", "eval_gegenbauer by alpha", "hyperu by a", "hyperu by b")  # fmt: skip


def check(name: str) -> None:
    """The error, relative to the derivative or the function over the radius of the rule."""
    k, places, exact, limit = EXACT[name]
    grid = [np.array(column) for column in zip(*np.stack(np.meshgrid(*places), -1).reshape(-1, len(places)), strict=True)]  # fmt: skip
    entry = ENTRIES[f"scipy_{name.partition(' ')[0]}"]
    assert isinstance(entry.derivative, Partials)
    with np.errstate(all="ignore"):
        found = entry.derivative.rules[k](entry.meaning(*grid), *grid)
    for n, have in enumerate(found):
        at = [float(x[n]) for x in grid]
        with mp.workdps(40):
            moved = lambda t, at=at: exact(*at[:k], t, *at[k + 1 :])  # noqa: E731
            want, value = mp.diff(moved, mp.mpf(at[k])), moved(mp.mpf(at[k]))
            scale = abs(want) + 4 * abs(value)
            if not 1e-290 < scale < 1e290:  # of numbers that doubles do not hold
                continue
            if np.isnan(have):
                assert name in NOISY, f"{name}{tuple(at)}"
                continue
            assert abs(mp.mpf(float(have)) - want) < limit * scale, f"{name}{tuple(at)}: {have}, not {want}"  # fmt: skip


@pytest.mark.parametrize("name", ["jv", "hyp1f1 by b"])
def test_accuracy(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_accuracy_of_all(name: str) -> None:
    check(name)


def test_the_rule_is_exact_for_polynomials() -> None:
    powers = [np.sum(NODES**n * WEIGHTS) for n in range(16)]
    np.testing.assert_allclose(powers, np.eye(16)[1], atol=1e-14)


def test_near_a_root_digits_are_counted_from_the_terms() -> None:
    """SciPy's rounding of a polynomial whose terms cancel is no noise of its parameter."""
    for x in (0.0, 4e-17, 1e-16, -3e-16):
        bend = autodiff.hessian_vector(special.eval_gegenbauer, wrt=(1, 2), engine="numpy")
        by_a, by_x = bend(2.0, 1.5, x, _tensors=(1.0, 1.0))
        # 2 a (1 + a) x**2 - a
        np.testing.assert_allclose((by_a, by_x), (16 * x, 16 * x + 15.0), rtol=1e-9, atol=1e-12)


def test_the_rule_takes_arrays_of_any_shape() -> None:
    rule = by_parameter(lambda v, x: np.sin(v * x), 0, lambda v, x: np.abs(x))
    for shape in ((), (3,), (2, 0), (2, 3)):
        v, x = np.full(shape, 0.4), np.full(shape, 2.5)
        np.testing.assert_allclose(rule(None, v, x), 2.5 * np.cos(v * x), rtol=1e-13)


@pytest.mark.parametrize("x", [3.0])
def test_bessel_functions_of_the_second_kind_are_even_in_their_order(x: float) -> None:
    def f(v: Any) -> Any:
        return special.kv(v, x)

    with mp.workdps(30):
        exact = mp.taylor(lambda v: mp.besselk(v, x), 0, 3)
    for order, want in enumerate((0.0, 2 * exact[2], 0.0), 1):
        f = autodiff.gradient(f, engine="numpy")
        assert f(0.0) == pytest.approx(float(want), rel=1e-10, abs=1e-12), f"order {order}"
