"""Orthogonal polynomials of SciPy, and hypergeometric functions, by rows of a table.

The derivative of a classical polynomial is one of a lower degree and higher parameters, that of a
hypergeometric function one of higher parameters (DLMF chapters 13, 15, 18), so all orders of
derivatives by x follow.  By degree and parameters there is no such formula: refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.special import _f
from autodiff.ops.special_rows import row

_gegenbauer, _jacobi, _laguerre = (
    _f(f"eval_{name}") for name in ("gegenbauer", "jacobi", "genlaguerre")
)
_chebyu, _shifted = _f("eval_chebyu"), _f("eval_sh_jacobi")
_DEGREE, _X = (2.0, 5.0), (-0.8, 0.8)


def _lower(n: Any) -> Any:
    """The degree below; of 0 again 0, whose polynomial is multiplied with 0."""
    return np.where(np.equal(n, 0), n, n - 1)


def _by_x(name: str, rule: Any, source: str, x: tuple[float, float] = _X) -> None:
    row(f"eval_{name}", ("n", rule), (_DEGREE, x), source)


_by_x("legendre", lambda y, n, x: _gegenbauer(n - 1, 1.5, x), "DLMF 18.9.19")
_by_x("chebyt", lambda y, n, x: n * _chebyu(n - 1, x), "DLMF 18.9.21")
_by_x("chebyu", lambda y, n, x: 2.0 * _gegenbauer(n - 1, 2.0, x), "DLMF 18.9.19")
_by_x("chebyc", lambda y, n, x: n * _chebyu(n - 1, 0.5 * x), "DLMF 18.9.21")
_by_x("chebys", lambda y, n, x: _gegenbauer(n - 1, 2.0, 0.5 * x), "DLMF 18.9.19")
_by_x("sh_legendre", lambda y, n, x: 2.0 * _gegenbauer(n - 1, 1.5, 2 * x - 1), "DLMF 18.9.19", (0.1, 0.9))  # fmt: skip
_by_x("sh_chebyt", lambda y, n, x: 2.0 * n * _chebyu(n - 1, 2 * x - 1), "DLMF 18.9.21", (0.1, 0.9))
_by_x("sh_chebyu", lambda y, n, x: 4.0 * _gegenbauer(n - 1, 2.0, 2 * x - 1), "DLMF 18.9.19", (0.1, 0.9))  # fmt: skip
_by_x("hermite", lambda y, n, x: 2.0 * n * _f("eval_hermite")(_lower(n), x), "DLMF 18.9.25")
_by_x("hermitenorm", lambda y, n, x: n * _f("eval_hermitenorm")(_lower(n), x), "DLMF 18.9.27")
_by_x("laguerre", lambda y, n, x: -_laguerre(n - 1, 1.0, x), "DLMF 18.9.23")
_P = (0.5, 2.0)
row(
    "eval_gegenbauer",
    ("n", "alpha", lambda y, n, a, x: 2 * a * _gegenbauer(n - 1, a + 1, x)),
    (_DEGREE, _P, _X),
    "DLMF 18.9.19",
)
row(
    "eval_genlaguerre",
    ("n", "alpha", lambda y, n, a, x: -_laguerre(n - 1, a + 1, x)),
    (_DEGREE, _P, _X),
    "DLMF 18.9.23",
)
row(
    "eval_jacobi",
    ("n", "alpha", "beta", lambda y, n, a, b, x: 0.5 * (n + a + b + 1) * _jacobi(n - 1, a + 1, b + 1, x)),
    (_DEGREE, _P, _P, _X),
    "DLMF 18.9.15",
)  # fmt: skip
row(
    "eval_sh_jacobi",
    ("n", "p", "q", lambda y, n, p, q, x: n * _shifted(_lower(n), p + 2, q + 1, x)),
    (_DEGREE, (3.0, 4.0), (0.5, 2.0), (0.1, 0.9)),
    "DLMF 18.9.15",
)


# -- Legendre functions of the first kind --------------------------------------------------------------
def _lpmv_partial(y: Any, m: Any, v: Any, x: Any) -> Any:
    below = _f("lpmv")(m, np.where(np.less(v, 1), -v, v - 1), x)  # P of degree -v - 1 is that of v
    return (v * x * y - (v + m) * below) / (x * x - 1)


row("lpmv", ("m", "v", _lpmv_partial), ((1.0, 1.0), (2.0, 4.0), _X), "DLMF 14.10.5")

# -- hypergeometric functions ---------------------------------------------------------------------------
_hyp0f1, _hyp1f1, _hyp2f1, _hyperu = (_f(n) for n in ("hyp0f1", "hyp1f1", "hyp2f1", "hyperu"))
row(
    "hyp0f1", ("v", lambda y, v, z: _hyp0f1(v + 1, z) / v), ((0.5, 3.0), (-2.0, 2.0)), "DLMF 16.3.1"
)
row(
    "hyp1f1",
    ("a", "b", lambda y, a, b, x: a / b * _hyp1f1(a + 1, b + 1, x)),
    ((0.5, 3.0), (0.5, 3.0), (-2.0, 2.0)),
    "DLMF 13.3.15",
)
row(
    "hyp2f1",
    ("a", "b", "c", lambda y, a, b, c, z: a * b / c * _hyp2f1(a + 1, b + 1, c + 1, z)),
    ((0.5, 3.0), (0.5, 3.0), (0.5, 3.0), (-0.7, 0.7)),
    "DLMF 15.5.1",
)
row(
    "hyperu",
    ("a", "b", lambda y, a, b, x: -a * _hyperu(a + 1, b + 1, x)),
    ((0.5, 3.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 13.3.22",
)
_wright, _log_wright = _f("wright_bessel"), _f("log_wright_bessel")
row(
    "wright_bessel",
    ("a", "b", lambda y, a, b, x: _wright(a, a + b, x)),
    ((0.5, 2.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 10.46.1",
)
row(
    "log_wright_bessel",
    ("a", "b", lambda y, a, b, x: np.exp(_log_wright(a, a + b, x) - y)),
    ((0.5, 2.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 10.46.1",
)
