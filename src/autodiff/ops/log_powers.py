"""Powers by way of their logarithm: ``exp(xlogy(p, x) - x - gammaln(p + 1))``, as densities are written.

The power is smooth at ``x = 0`` (x**2 has the slope 0 there, x the slope 1), its logarithm is minus
infinity, and the chain rule meets 0 times infinity.  So the exponential keeps its value and takes its
derivatives from the powers, whose derivatives are of the same kind, with lower exponents::

    exp(xlogy(p, x) + c)                    =>  derived_as(…, x**p e**c)
    exp(xlogy(p, x) + xlog1py(q, u) + c)    =>  derived_as(…, x**p (1 + u)**q e**c)

It sees one term of ``xlogy`` and one of ``xlog1py`` in a sum, with signs, or in either of two sums that
a condition selects from; other logarithms stay in c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import Value
from autodiff.ops.smooth import derived_as, smooth, where_defined
from autodiff.ops.tracer import Tracer, emit_tracer


def _times_log(p: Any, logarithm: Any) -> Any:
    return np.where(np.equal(p, 0), 0.0, p * logarithm)


def _term(s: Any, p: Any, logarithm: Any) -> Any:
    zero = s.constant(0.0, p)
    return s.select(s.eq(p, zero), zero, s.mul(p, logarithm))


def _strong(a: Any, b: Any) -> Any:
    return emit_tracer("strong_multiply", a, b) if isinstance(b, Tracer) else a * b


# x**p (1 + u)**q e**c by logarithms, as each factor may over- or underflow.
power_pair: Any = smooth(
    "power_pair",
    lambda p, q, c, x, u: np.exp(_times_log(p, np.log(x)) + _times_log(q, np.log1p(u)) + c),
    lambda s, p, q, c, x, u: s.call(
        "exp", s.add(s.add(_term(s, p, s.call("log", x)), _term(s, q, s.call("log1p", u))), c)
    ),
    lambda y, p, q, c, x, u: where_defined(
        y, np.where(x == 0, 0.0, y * np.log(np.where(x == 0, 1.0, x)))
    ),
    lambda y, p, q, c, x, u: where_defined(
        y, np.where(u == -1, 0.0, y * np.log1p(np.where(u == -1, 0.0, u)))
    ),
    lambda y, p, q, c, x, u: y,
    lambda y, p, q, c, x, u: where_defined(y, _strong(p, power_pair(p - 1, q, c, x, u))),
    lambda y, p, q, c, x, u: where_defined(y, _strong(q, power_pair(p, q - 1, c, x, u))),
    domain=((1.0, 3.0), (1.0, 3.0), (-1.0, 1.0), (0.5, 3.0), (-0.5, 2.0)),
)

_DEPTH = 12  # of sums that are searched


Wide = Callable[[Any, Tracer], Any]


def exponential_of_sum(exponent: Value, result: Value, wide: Wide) -> Value:
    """The exponential of a sum, with the derivatives that its powers have at 0.

    ``wide(x, like)`` is x with the dtype and the shape of another array.
    """
    if not result.type.is_float:
        return result
    like = Tracer(result, "array")
    smooth_one = _smooth(exponent, like, wide)
    if smooth_one is None:
        return result
    plain: Tracer = derived_as(like, smooth_one)
    plain.value.type = result.type
    return plain.value


def _smooth(exponent: Value, like: Tracer, wide: Wide) -> Any:
    """The same number by powers; None where there are none.  Of two sums each counts."""
    owner = exponent.owner
    if owner is not None and owner.kind == "select":
        condition, *sides = owner.operands
        found = [_smooth(side, like, wide) for side in sides]
        if all(f is None for f in found):
            return None
        values = [
            np.exp(wide(Tracer(side, "array"), like)) if f is None else f
            for f, side in zip(found, sides, strict=True)
        ]
        return np.where(Tracer(condition, "array"), *values)
    powers: dict[str, tuple[int, Value, Value]] = {}
    rest: list[tuple[int, Value]] = []
    _split(exponent, 1, _DEPTH, powers, rest)
    if not powers:
        return None
    p, x = _power(powers.get("log"), like, 1.0, wide)
    q, u = _power(powers.get("log1p"), like, 0.0, wide)
    c: Any = np.zeros((), like.dtype)[()]
    for sign, value in rest:
        term = wide(Tracer(value, "array"), like)
        c = c + term if sign > 0 else c - term
    return power_pair(p, q, wide(c, like), x, u)


def _split(value: Value, sign: int, depth: int, powers: dict[str, Any], rest: list[Any]) -> None:
    """The powers and the other terms of a sum; terms that are stretched to its shape count."""
    owner = value.owner
    kind = owner.kind if owner is not None and depth else ""
    if owner is None or kind not in ("add", "subtract", "negative", "broadcast", "with_slopes"):
        rest.append((sign, value))
    elif kind == "with_slopes":
        product, p, x = owner.operands[:3]
        name = _logarithm(product)
        # x**x is not meant
        if name in ("log", "log1p") and name not in powers and p is not x:
            powers[name] = (sign, p, x)
        else:
            rest.append((sign, value))
    elif kind == "broadcast":
        inner: dict[str, Any] = {}
        others: list[Any] = []
        _split(owner.operands[0], sign, depth - 1, inner, others)
        if any(name in powers for name in inner):
            rest.append((sign, value))
        else:
            powers.update(inner)
            rest.extend(others)
    else:
        _split(owner.operands[0], -sign if kind == "negative" else sign, depth - 1, powers, rest)
        if kind != "negative":
            second = -sign if kind == "subtract" else sign
            _split(owner.operands[1], second, depth - 1, powers, rest)


def _logarithm(product: Value) -> str:
    """The operation of the second factor of a product, which is 0.0 where the first is."""
    owner = product.owner
    if owner is not None and owner.kind == "select":
        owner = owner.operands[2].owner
    if owner is None or owner.kind != "multiply":
        return ""
    factor = owner.operands[1].owner
    while factor is not None and factor.kind in ("broadcast", "cast"):
        factor = factor.operands[0].owner
    return "" if factor is None else factor.kind


def _power(found: Any, like: Tracer, harmless: float, wide: Wide) -> tuple[Any, Any]:
    """Exponent and argument of a power, wide; of none the exponent 0."""
    if found is None:
        zero = np.zeros((), like.dtype)[()]
        return wide(zero, like), wide(zero + harmless, like)
    sign, p, x = found
    exponent: Any = wide(Tracer(p, "array"), like)
    return (exponent if sign > 0 else -exponent), wide(Tracer(x, "array"), like)
