"""The core scalar functions of ``autodiff.ops.scalar`` on whole arrays, in ``jax.lax``.

    s = Elements()
    s.add(a, b)          # lax.add(a, b)

All operands of one operation have its shape, or none (Python's and NumPy's constants are stretched).
``exp`` and its kin are XLA's own, within a few units in the last place of NumPy's.  What NumPy promises exactly is kept:
``log2`` of a power of two, ``log10`` of a power of ten, integer division, shifts beyond the width.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np
from jax import lax

from autodiff.errors import UnsupportedError

_BOOL = np.dtype(bool)


def _half_in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numbers of 16 bits computed with 32, as NumPy's loops do."""

    def run(*x: Any) -> Any:
        if x[0].dtype != np.float16:
            return function(*x)
        return function(*[e.astype(np.float32) for e in x]).astype(np.float16)

    return run


def _log2(x: Any) -> Any:
    # By mantissa and exponent, so that it is exact for powers of two.
    mantissa, exponent = jnp.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = jnp.where(low, 2 * mantissa, mantissa)
    whole = (exponent - low).astype(x.dtype)
    found = whole + jnp.log(mantissa) * np.asarray(1 / np.log(2), x.dtype)
    return jnp.where(jnp.isfinite(x) & (x > 0), found, jnp.log(x))


def _log10(x: Any) -> Any:
    found = jnp.log(x) * np.asarray(1 / np.log(10), x.dtype)
    nearest = jnp.round(found)
    return jnp.where(jnp.power(np.asarray(10, x.dtype), nearest) == x, nearest, found)


def _tanh_slope(x: Any) -> Any:
    small = jnp.exp(-2 * jnp.abs(x))
    return 4 * small / ((1 + small) * (1 + small))


def _gamma(x: Any) -> Any:
    # At poles C gives NaN, at 0 the infinity of the sign, as JAX does.
    whole = (jnp.floor(x) == x) & (x < 0)
    return jnp.where(whole, np.asarray(np.nan, x.dtype), special.gamma(x))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": lax.exp, "exp2": lax.exp2, "expm1": lax.expm1,
    "log": lax.log, "log2": _log2, "log10": _log10, "log1p": lax.log1p,
    "sin": lax.sin, "cos": lax.cos, "tan": lax.tan,
    "asin": lax.asin, "acos": lax.acos, "atan": lax.atan, "atan2": lax.atan2,
    "sinh": lax.sinh, "cosh": lax.cosh, "tanh": lax.tanh, "tanh_slope": _tanh_slope,
    "asinh": lax.asinh, "acosh": lax.acosh, "atanh": lax.atanh,
    "pow": lax.pow, "cbrt": lax.cbrt, "hypot": jnp.hypot, "nextafter": lax.nextafter,
    "erf": lax.erf, "erfc": lax.erfc, "lgamma": lax.lgamma, "tgamma": _gamma,
}  # fmt: skip


def _betaln(a: Any, b: Any) -> Any:
    # Not JAX's, which has 9 digits.
    return lax.lgamma(a) + lax.lgamma(b) - lax.lgamma(a + b)


def _beta(a: Any, b: Any) -> Any:
    sign = special.gammasgn(a) * special.gammasgn(b) * special.gammasgn(a + b)
    return sign * jnp.exp(_betaln(a, b))


def _rgamma(x: Any) -> Any:
    pole = (x <= 0) & (jnp.floor(x) == x)
    return jnp.where(pole, np.asarray(0, x.dtype), 1 / special.gamma(jnp.where(pole, 1, x)))


def _log_ndtr(x: Any) -> Any:
    # By the scaled function in the tail, where JAX's series has 11 digits.
    root = np.asarray(np.sqrt(0.5), x.dtype)
    tail = jnp.minimum(x, -1)
    below = jnp.log(0.5 * special.erfcx(-tail * root)) - 0.5 * tail * tail
    return jnp.where(x < -1, below, jnp.log1p(-0.5 * lax.erfc(jnp.maximum(x, -1) * root)))


# SciPy's functions that JAX computes to 12 digits in double precision, by the end of their dotted name;
# newer versions of JAX have more of them.
_OWN: dict[str, Callable[..., Any]] = {
    "psi": special.digamma, "loggamma": lax.lgamma, "gammaln": lax.lgamma, "gamma": _gamma,
    "betaln": _betaln, "beta": _beta, "rgamma": _rgamma,
}  # fmt: skip
_OF_JAX = (
    "digamma gammainc gammaincc betainc i0 i1 i0e i1e ndtr ndtri erfinv logit expit xlogy xlog1py "
    "zeta exp1 expi poch entr spence gammasgn erfcx dawsn"
).split()
SPECIAL: dict[str, Callable[..., Any]] = {
    f"scipy.special.{name}": function
    for name, function in (
        *_OWN.items(),
        ("_ufuncs._zeta", special.zeta),
        *((name, getattr(special, name)) for name in _OF_JAX if hasattr(special, name)),
        *((("log_ndtr", _log_ndtr),) if hasattr(special, "erfcx") else ()),
    )
}


@functools.cache
def _operand_count(name: str) -> int:
    found: Any = importlib.import_module("scipy.special")
    for part in name.removeprefix("scipy.special.").split("."):
        found = getattr(found, part)
    return int(found.nin)


class Elements:
    """The functions; ``shape`` is that of the operation being translated."""

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.shape = shape

    def dtype(self, x: Any) -> np.dtype[Any]:
        """The dtype of the elements."""
        return np.dtype(x.dtype)

    def constant(self, value: Any, like: Any) -> Any:
        """A constant with the dtype of ``like``."""
        with np.errstate(all="ignore"):
            return lax.full(self.shape, np.asarray(value).astype(like.dtype)[()])

    def cast(self, x: Any, dtype: np.dtype[Any]) -> Any:
        """C conversion; to bool it is ``x != 0``."""
        if x.dtype == dtype:
            return x
        if dtype.kind == "b":
            return lax.ne(x, self.constant(0, x))
        if x.dtype.kind == "f" and dtype.kind in "iu":
            return self._to_integer(x, dtype)
        return lax.convert_element_type(x, dtype)

    def _to_integer(self, x: Any, dtype: np.dtype[Any]) -> Any:
        # XLA saturates; x86, and so NumPy, gives the smallest integer for what does not fit.
        if x.dtype.itemsize == 2:
            x = x.astype(np.float32)
        if dtype.kind == "u" and dtype.itemsize == 8:
            top = self.constant(2.0**63, x)
            large = lax.ge(x, top)
            low = self._to_integer(lax.select(large, lax.sub(x, top), x), np.dtype(np.int64))
            flipped = lax.bitwise_xor(low, self.constant(np.int64(-(2**63)), low))
            return lax.convert_element_type(lax.select(large, flipped, low), dtype)
        wide = np.dtype(np.int64 if dtype.itemsize == 8 or dtype == np.uint32 else np.int32)
        bits = 8 * wide.itemsize
        lowest = -(2.0 ** (bits - 1)) - (1 if bits == 32 and x.dtype.itemsize == 8 else 0)
        above = lax.gt if lowest != -(2.0 ** (bits - 1)) else lax.ge
        fits = lax.bitwise_and(
            above(x, self.constant(lowest, x)), lax.lt(x, self.constant(2.0 ** (bits - 1), x))
        )
        converted = lax.convert_element_type(lax.select(fits, x, self.constant(0, x)), wide)
        smallest = self.constant(-(2 ** (bits - 1)), converted)
        return lax.convert_element_type(lax.select(fits, converted, smallest), dtype)

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """``a`` where ``c`` else ``b``."""
        return lax.select(c, a, b)

    # -- arithmetic -------------------------------------------------------------------------------
    def add(self, a: Any, b: Any) -> Any:
        """Sum."""
        return lax.add(a, b)

    def sub(self, a: Any, b: Any) -> Any:
        """Difference."""
        return lax.sub(a, b)

    def mul(self, a: Any, b: Any) -> Any:
        """Product."""
        return lax.mul(a, b)

    def watched(self, word: str, a: Any, b: Any) -> Any:
        """``add``, ``sub`` or ``mul`` of integers, which wrap; of overflow XLA tells nothing."""
        found: Any = getattr(self, word)(a, b)
        return found

    def mark(self, condition: Any) -> Any:
        """The condition: of marks XLA tells nothing."""
        return condition

    def div(self, a: Any, b: Any) -> Any:
        """Quotient of floats."""
        return lax.div(a, b)

    def fmod(self, a: Any, b: Any) -> Any:
        """C's fmod."""
        return _half_in_single(lax.rem)(a, b)

    def _divisor(self, a: Any, b: Any) -> tuple[Any, Any, Any]:
        zero = lax.eq(b, self.constant(0, b))
        unsafe, minus_one = zero, None
        if a.dtype.kind == "i":  # the smallest integer divided by -1 overflows
            minus_one = lax.eq(b, self.constant(-1, b))
            unsafe = lax.bitwise_or(zero, minus_one)
        return zero, lax.select(unsafe, self.constant(1, b), b), minus_one

    def _floored(self, a: Any, b: Any) -> tuple[Any, Any, Any]:
        quotient, rest, zero = lax.div(a, b), lax.rem(a, b), self.constant(0, a)
        adjust = lax.bitwise_and(lax.ne(rest, zero), lax.lt(lax.bitwise_xor(rest, b), zero))
        return quotient, rest, adjust

    def idiv(self, a: Any, b: Any) -> Any:
        """Integer quotient rounded to minus infinity; 0 for divisor 0."""
        zero, divisor, minus_one = self._divisor(a, b)
        if minus_one is None:
            result = lax.div(a, divisor)
        else:
            quotient, _, adjust = self._floored(a, divisor)
            result = lax.select(adjust, lax.sub(quotient, self.constant(1, a)), quotient)
            result = lax.select(minus_one, lax.neg(a), result)
        return lax.select(zero, self.constant(0, a), result)

    def irem(self, a: Any, b: Any) -> Any:
        """Integer remainder with the sign of the divisor; 0 for divisor 0."""
        zero, divisor, minus_one = self._divisor(a, b)
        if minus_one is None:
            result = lax.rem(a, divisor)
        else:
            _, rest, adjust = self._floored(a, divisor)
            result = lax.select(adjust, lax.add(rest, divisor), rest)
            zero = lax.bitwise_or(zero, minus_one)
        return lax.select(zero, self.constant(0, a), result)

    def neg(self, x: Any) -> Any:
        """Negation."""
        return lax.neg(x)

    def abs(self, x: Any) -> Any:
        """Absolute value."""
        return lax.abs(x)

    def copysign(self, a: Any, b: Any) -> Any:
        """Magnitude of ``a``, sign of ``b``."""
        size = lax.abs(a)
        return lax.select(self.signbit(b), lax.neg(size), size)

    def floor(self, x: Any) -> Any:
        """Round down."""
        return lax.floor(x)

    def ceil(self, x: Any) -> Any:
        """Round up."""
        return lax.ceil(x)

    def trunc(self, x: Any) -> Any:
        """Round to zero."""
        size = lax.floor(lax.abs(x))
        return self.copysign(size, x)

    def rint(self, x: Any) -> Any:
        """Round to nearest, ties to even."""
        return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return lax.sqrt(x)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``."""
        return lax.add(lax.mul(a, b), c)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller; NaN if either is; of equal ones the one that NumPy's loops return."""
        return self._chosen(lax.lt, a, b) if a.dtype.kind == "f" else lax.min(a, b)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger; NaN if either is; of equal ones the one that NumPy's loops return."""
        return self._chosen(lax.gt, a, b) if a.dtype.kind == "f" else lax.max(a, b)

    def _chosen(self, better: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        # Of zeros with different signs NumPy returns the second.
        return lax.select(lax.bitwise_or(lax.ne(a, a), better(a, b)), a, b)

    # -- comparisons ------------------------------------------------------------------------------
    def eq(self, a: Any, b: Any) -> Any:
        """Equal."""
        return lax.eq(a, b)

    def ne(self, a: Any, b: Any) -> Any:
        """Different; true of NaN."""
        return lax.ne(a, b)

    def lt(self, a: Any, b: Any) -> Any:
        """Less."""
        return lax.lt(a, b)

    def le(self, a: Any, b: Any) -> Any:
        """Less or equal."""
        return lax.le(a, b)

    def gt(self, a: Any, b: Any) -> Any:
        """Greater."""
        return lax.gt(a, b)

    def ge(self, a: Any, b: Any) -> Any:
        """Greater or equal."""
        return lax.ge(a, b)

    def isnan(self, x: Any) -> Any:
        """Not a number."""
        return lax.ne(x, x)

    def isinf(self, x: Any) -> Any:
        """Infinite."""
        if x.dtype.kind != "f":
            return lax.full(self.shape, False)
        return lax.eq(lax.abs(x), self.constant(np.inf, x))

    def isfinite(self, x: Any) -> Any:
        """Neither infinite nor NaN."""
        if x.dtype.kind != "f":
            return lax.full(self.shape, True)
        return lax.is_finite(x)

    def signbit(self, x: Any) -> Any:
        """Whether the sign bit is set."""
        bits = np.dtype(f"int{8 * x.dtype.itemsize}")
        raw = lax.bitcast_convert_type(x, bits)
        return lax.lt(raw, self.constant(0, raw))

    # -- bits -------------------------------------------------------------------------------------
    def and_(self, a: Any, b: Any) -> Any:
        """Bitwise and."""
        return lax.bitwise_and(a, b)

    def or_(self, a: Any, b: Any) -> Any:
        """Bitwise or."""
        return lax.bitwise_or(a, b)

    def xor(self, a: Any, b: Any) -> Any:
        """Bitwise exclusive or."""
        return lax.bitwise_xor(a, b)

    def not_(self, x: Any) -> Any:
        """Bitwise complement."""
        return lax.bitwise_not(x)

    def _fits(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Whether a shift is by less than the width, and one that does no harm."""
        width = 8 * a.dtype.itemsize
        fits = lax.lt(b, self.constant(width, b))
        if b.dtype.kind == "i":
            fits = lax.bitwise_and(fits, lax.ge(b, self.constant(0, b)))
        return fits, lax.select(fits, b, self.constant(0, b))

    def shl(self, a: Any, b: Any) -> Any:
        """Shift left."""
        fits, by = self._fits(a, b)
        return lax.select(fits, lax.shift_left(a, by), self.constant(0, a))

    def shr(self, a: Any, b: Any) -> Any:
        """Shift right, arithmetic for signed integers."""
        fits, by = self._fits(a, b)
        if a.dtype.kind == "u":
            return lax.select(fits, lax.shift_right_logical(a, by), self.constant(0, a))
        sign = lax.shift_right_arithmetic(a, self.constant(8 * a.dtype.itemsize - 1, a))
        return lax.select(fits, lax.shift_right_arithmetic(a, by), sign)

    # -- functions --------------------------------------------------------------------------------
    def call(self, name: str, *x: Any) -> Any:
        """A function of ``ops.scalar.FUNCTIONS``."""
        return _half_in_single(FUNCTIONS[name])(*x)

    def ufunc(self, name: str, *x: Any, part: int = 0) -> Any:
        """A ufunc by its dotted name.

        Raises
        ------
        UnsupportedError
            Where JAX has no such function.
        """
        function = SPECIAL.get(name)
        # Of complex numbers the operands are pairs: SciPy has more of them than the function of real ones.
        is_real = function is not None and not part and len(x) == _operand_count(name)
        if function is None or not is_real or any(e.dtype.kind != "f" for e in x):
            raise UnsupportedError(
                f"the JAX engine has no {name}: it is computed by SciPy's own code, on the CPU.",
                code="AD306",
                remedy="use engine='native', or compute it before and pass it as an argument",
            )
        return _half_in_single(function)(*x)
