"""The core scalar functions: the whole vocabulary of pointwise operations.

A pointwise entry computes one element as ``scalar(s, *operands)``, where ``s`` is an engine's
implementation of the functions listed here.  Elements are opaque to the entry; ``s`` knows their
dtypes.  An engine that offers these functions and can loop runs every pointwise operation.

    constant(v, like)      a constant with the dtype of ``like``
    cast(x, dtype)         C conversion; float to bool is ``x != 0``; bool to number 0 or 1
    select(c, a, b)        a where c else b (both sides are computed)
    add sub mul div        on floats and integers (div: floats only; integers wrap)
    watched(word, a, b)    add, sub or mul of integers, of whose overflow the user hears if the engine can tell
    idiv irem              integer division rounding to minus infinity; 0 for divisor 0
    fmod neg abs copysign  C fmod; abs of the smallest integer wraps
    floor ceil trunc rint sqrt fma
    minimum maximum        NaN if either is NaN
    eq ne lt le gt ge      ordered comparison, bool (ne is true of NaN)
    and_ or_ xor not_      bool or integer, bitwise; shl shr (arithmetic for signed)
    isnan isinf isfinite signbit
    dtype(x) -> np.dtype   of an element (a Python-level question)
    call(name, *x)         a function of FUNCTIONS, float elements: those of C, and tanh_slope,
                           which is 1 / cosh(x)**2
    ufunc(name, *x, part=0)  a ufunc by its dotted name ("scipy.special.betaln"), as its own C function
                           computes it; elements of the dtypes of one of its signatures, complex
                           numbers as two; ``part`` counts its results, those of complex ones twice
"""

from __future__ import annotations

FUNCTIONS: tuple[str, ...] = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "tanh_slope", "asinh", "acosh", "atanh",
    "pow", "cbrt", "hypot", "nextafter", "erf", "erfc", "lgamma", "tgamma",
)  # fmt: skip
