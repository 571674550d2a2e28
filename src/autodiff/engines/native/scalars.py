"""The core scalar functions of ``autodiff.ops.scalar`` as LLVM instructions.

    s = Scalars(writer)
    s.add(a, b)        # Element("%v7", float64)

An :class:`Element` is a name and a dtype; bool elements are i1.  What the user wrote is rounded
after every operation, as in NumPy: ``sqrt(x * x - y * y)`` is 0 for equal x and y, which it is not
where the difference is fused with one of the products.  In derivatives additions, subtractions and
products carry ``contract`` (``may_fuse``: a product and a sum may become one fused operation).
Nothing here is reassociated, and NaN, infinities and signed zeros are kept.  Integer division by zero gives 0 and
conversions of numbers out of range give what x86 gives (the smallest integer), as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autodiff.engines.native import flags, vector_math
from autodiff.engines.native.vector_math import library
from autodiff.engines.native.writer import UFUNC_COST, Writer, literal, register_type
from autodiff.errors import UnsupportedError
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff.engines.native import ufunc_calls
else:
    ufunc_calls = later("autodiff.engines.native.ufunc_calls")

BOOL = np.dtype(bool)
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_FORMATS = {"double": "f64", "float": "f32"}
CALLED = 1000
"""Evaluations of an elementary function in a call, up to which it is not inlined."""
_LIBM = frozenset(
    "asin acos atan atan2 asinh acosh atanh cbrt hypot nextafter erf erfc lgamma tgamma exp exp2 expm1 log "
    "log2 log10 log1p sin cos tan sinh cosh tanh pow".split()
)


class Element(NamedTuple):
    """One array element in a register."""

    name: str
    dtype: np.dtype[Any]


class Scalars:
    """Core scalar functions, written through ``writer``."""

    def __init__(self, writer: Writer) -> None:
        self.w = writer
        self.may_fuse = False  # the operation being written belongs to a derivative
        self.is_running = False  # the maximum or minimum of all steps of a loop
        self.may_reorder = False  # it adds up derivatives, in no order that was written
        self.may_warn = True  # NumPy warns of it; Python's numbers raise, and are checked
        self.may_branch = False  # scalar code, where a branch that is never taken costs nothing
        self.in_sequence = False  # in a loop that waits for its last step, and cannot be vectorised

    def _op(self, dtype: np.dtype[Any], text: str, *operands: Element) -> Element:
        return Element(self.w.op(text, *[x.name for x in operands]), dtype)

    def _binary(self, word: str, a: Element, b: Element) -> Element:
        return self._op(a.dtype, f"{word} {register_type(a.dtype)} {a.name}, {b.name}", a, b)

    def _intrinsic(self, name: str, *x: Element) -> Element:
        type = register_type(x[0].dtype)
        return Element(self.w.intrinsic(name, type, *[e.name for e in x]), x[0].dtype)

    # -- constants and conversions ------------------------------------------------------------
    def dtype(self, x: Element) -> np.dtype[Any]:
        """The dtype of an element."""
        return x.dtype

    def constant(self, value: Any, like: Element) -> Element:
        """A constant with the dtype of ``like``."""
        return Element(literal(value, like.dtype), like.dtype)

    def cast(self, x: Element, dtype: np.dtype[Any]) -> Element:
        """C conversion; to bool it is ``x != 0``."""
        source = x.dtype
        if source == dtype:
            return x
        if dtype.kind == "b":
            return self.ne(x, self.constant(0, x))
        from_type, to_type = register_type(source), register_type(dtype)
        if dtype.kind == "f":
            if source.kind == "f":
                word = "fpext" if dtype.itemsize > source.itemsize else "fptrunc"
            else:
                word = "sitofp" if source.kind == "i" else "uitofp"
        elif source.kind == "f":
            return self._float_to_integer(x, dtype)
        elif from_type == to_type:
            return Element(x.name, dtype)
        elif source.itemsize > dtype.itemsize and source.kind != "b":
            word = "trunc"
        else:
            word = "sext" if source.kind == "i" else "zext"
        return self._op(dtype, f"{word} {from_type} {x.name} to {to_type}", x)

    def _float_to_integer(self, x: Element, dtype: np.dtype[Any]) -> Element:
        if dtype.kind == "u" and dtype.itemsize == 8:
            return self._float_to_uint64(x)
        # Narrow integers are cut from int32, uint32 from int64, as compilers do on x86.
        wide = _INT64 if dtype.itemsize == 8 or dtype == np.uint32 else _INT32
        if x.dtype.itemsize == 2:
            x = self.cast(x, np.dtype(np.float32))
        bits = 8 * wide.itemsize
        type, wide_type = register_type(x.dtype), register_type(wide)
        low, high = self.constant(-(2.0 ** (bits - 1)), x), self.constant(2.0 ** (bits - 1), x)
        fits = self.and_(self.ge(x, low), self.lt(x, high))
        if bits == 32 and x.dtype.itemsize == 8:  # -2147483648.5 still truncates into range
            fits = self.and_(self.gt(x, self.constant(-(2.0**31) - 1, x)), self.lt(x, high))
        # Out of range the result is replaced; that it was tried leaves a mark in the processor's flags
        # (frozen, as a masked conversion would not try).
        tried = self._op(wide, f"fptosi {type} {x.name} to {wide_type}", x)
        converted = self._op(wide, f"freeze {wide_type} {tried.name}", tried)
        smallest = Element(str(-(2 ** (bits - 1))), wide)
        return self.cast(self.select(fits, converted, smallest), dtype)

    def _float_to_uint64(self, x: Element) -> Element:
        top = self.constant(2.0**63, x)
        large = self.ge(x, top)
        shifted = self._float_to_integer(self.select(large, self.sub(x, top), x), _INT64)
        flipped = self.xor(shifted, Element(str(-(2**63)), _INT64))
        return Element(self.select(large, flipped, shifted).name, np.dtype(np.uint64))

    def select(self, c: Element, a: Element, b: Element) -> Element:
        """``a`` where ``c`` else ``b``."""
        type = register_type(a.dtype)
        if self.may_branch:
            shorter = self._strong_product(c, a, b, type)
            if shorter is not None:
                return shorter
        text = f"select i1 {c.name}, {type} {a.name}, {type} {b.name}"
        if self._may_raise_flags(a) or self._may_raise_flags(b):
            # LLVM would divide behind a branch, and NumPy, which always divides, not be asked for its warning.
            text += f", !unpredictable {self.w.metadata('!{}')}"
        return self._op(a.dtype, text, c, a, b)

    def _may_raise_flags(self, x: Element) -> bool:
        """Whether it is computed by an instruction that is slow and can set a flag of the processor."""
        text = self.w.text_of(x.name)
        return text.startswith(("fdiv", "frem")) or "@llvm.sqrt." in text

    def _strong_product(self, c: Element, a: Element, b: Element, type: str) -> Element | None:
        """``0 where ct == 0 else ct * p`` with the comparison off the path from ``ct``.

        In a scalar loop the cotangent is what everything waits for.  A finite ``p`` needs no
        comparison, and whether ``p`` is finite is known early: a branch that is hardly ever taken.
        """
        condition, product = self.w.text_of(c.name), self.w.text_of(b.name)
        prefix = f"fcmp oeq {type} "
        if a.name != "0x0000000000000000" or not condition.startswith(prefix):
            return None
        ct, _, zero = condition[len(prefix) :].partition(", ")
        start = f"{self._float('fmul')} {type} {ct}, "
        if zero != a.name or not product.startswith(start):
            return None
        p = Element(product[len(start) :], a.dtype)
        if p.name.startswith("0x"):  # a number written in the program, of the bits of a double
            return b if int(p.name, 16) >> 52 & 0x7FF != 0x7FF else None
        finite = self.isfinite(p)
        n = self.w.number()
        unlikely = self.w.metadata('!{!"branch_weights", i32 1000000, i32 1}')
        self.w.line(f"br label %from{n}")
        self.w.label(f"from{n}")
        self.w.line(f"br i1 {finite.name}, label %to{n}, label %zero{n}, !prof {unlikely}")
        self.w.label(f"zero{n}")
        self.w.line(f"%z{n} = select i1 {c.name}, {type} {a.name}, {type} {b.name}")
        self.w.line(f"br label %to{n}")
        self.w.label(f"to{n}")
        text = f"phi {type} [ {b.name}, %from{n} ], [ %z{n}, %zero{n} ]"
        return Element(self.w.here(text), a.dtype)

    # -- arithmetic ---------------------------------------------------------------------------
    def _float(self, word: str) -> str:
        return f"{word} contract" if self.may_fuse else word

    def add(self, a: Element, b: Element) -> Element:
        """Sum."""
        word = self._float("fadd") + (" reassoc nsz" if self.may_reorder else "")
        return self._binary(word if a.dtype.kind == "f" else "add", a, b)

    def sub(self, a: Element, b: Element) -> Element:
        """Difference."""
        return self._binary(self._float("fsub") if a.dtype.kind == "f" else "sub", a, b)

    def mul(self, a: Element, b: Element) -> Element:
        """Product."""
        return self._binary(self._float("fmul") if a.dtype.kind == "f" else "mul", a, b)

    def watched(self, word: str, a: Element, b: Element) -> Element:
        """``add``, ``sub`` or ``mul`` of integers, which leaves a mark where the result does not fit.

        In scalar code alone: a branch would keep loops over arrays from being vectorised.
        """
        if not self.may_branch:
            return self._binary(word, a, b)
        type = register_type(a.dtype)
        name = f"llvm.{'s' if a.dtype.kind == 'i' else 'u'}{word}.with.overflow.{type}"
        self.w.declared.setdefault(name, f"declare {{ {type}, i1 }} @{name}({type}, {type})")
        text = f"call {{ {type}, i1 }} @{name}({type} {a.name}, {type} {b.name})"
        both = self.w.op(text, a.name, b.name)
        result = self.w.op(f"extractvalue {{ {type}, i1 }} {both}, 0", both)
        self._mark_if(self.w.op(f"extractvalue {{ {type}, i1 }} {both}, 1", both))
        return Element(result, a.dtype)

    def mark(self, condition: Element) -> Element:
        """The condition; where it holds there is a mark in the processor's flags, in scalar code."""
        if self.may_branch:
            self._mark_if(condition.name)
        return condition

    def div(self, a: Element, b: Element) -> Element:
        """Quotient of floats."""
        return self._binary("fdiv", a, b)

    def fmod(self, a: Element, b: Element) -> Element:
        """C's fmod."""
        return self._binary("frem", a, b)

    def _safe_divisor(self, a: Element, b: Element) -> tuple[Element, Element, Element | None]:
        """Whether ``b`` is 0, a divisor that does no harm, and whether ``b`` is -1."""
        unsafe, minus_one = self.eq(b, self.constant(0, b)), None
        if a.dtype.kind == "i":  # the smallest integer divided by -1 overflows
            minus_one = self.eq(b, self.constant(-1, b))
            unsafe = self.or_(unsafe, minus_one)
        return self._is_zero(b), self.select(unsafe, self.constant(1, b), b), minus_one

    def _is_zero(self, b: Element) -> Element:
        """Whether a divisor is 0; if it is, there is a mark in the processor's flags."""
        zero = self.eq(b, self.constant(0, b))
        if not b.name.startswith("%") or not self.may_warn:
            return zero
        if self.may_branch:  # LLVM drops it where it knows the divisor
            self._mark_if(zero.name)
            return zero
        # By a division of floats, beside the slower one of integers, so that loops are vectorised.
        real = self.cast(b, np.dtype(np.float32))  # no integer but 0 becomes 0
        one, infinity = self.constant(1.0, real), self.constant(np.inf, real)
        return self.eq(self.div(one, real), infinity)

    def _mark_if(self, condition: str) -> None:
        """Leave a mark in the processor's flags behind a branch that is hardly ever taken."""
        n = self.w.number()
        self.w.marks = True
        unlikely = self.w.metadata('!{!"branch_weights", i32 1, i32 1000000}')
        self.w.line(f"br i1 {condition}, label %mark{n}, label %go{n}, !prof {unlikely}")
        self.w.label(f"mark{n}")
        self.w.line(flags.CALL_MARK)
        self.w.line(f"br label %go{n}")
        self.w.label(f"go{n}")

    def idiv(self, a: Element, b: Element) -> Element:
        """Integer quotient rounded to minus infinity; 0 for divisor 0."""
        zero, divisor, minus_one = self._safe_divisor(a, b)
        if minus_one is None:
            result = self._binary("udiv", a, divisor)
        else:
            quotient, adjust, _ = self._floored(a, divisor)
            result = self.select(adjust, self.sub(quotient, self.constant(1, a)), quotient)
            result = self.select(minus_one, self.neg(a), result)
            if self.may_branch and self.may_warn:
                smallest = self.constant(np.iinfo(a.dtype).min, a)
                self._mark_if(self.and_(minus_one, self.eq(a, smallest)).name)
        return self.select(zero, self.constant(0, a), result)

    def irem(self, a: Element, b: Element) -> Element:
        """Integer remainder with the sign of the divisor; 0 for divisor 0."""
        zero, divisor, minus_one = self._safe_divisor(a, b)
        if minus_one is None:
            result = self._binary("urem", a, divisor)
        else:
            _, adjust, rest = self._floored(a, divisor)
            result = self.select(adjust, self.add(rest, divisor), rest)
            zero = self.or_(zero, minus_one)
        return self.select(zero, self.constant(0, a), result)

    def _floored(self, a: Element, b: Element) -> tuple[Element, Element, Element]:
        quotient, rest = self._binary("sdiv", a, b), self._binary("srem", a, b)
        nothing = self.constant(0, a)
        adjust = self.and_(self.ne(rest, nothing), self.lt(self.xor(rest, b), nothing))
        return quotient, adjust, rest

    def neg(self, x: Element) -> Element:
        """Negation."""
        if x.dtype.kind == "f":
            return self._op(x.dtype, f"fneg {register_type(x.dtype)} {x.name}", x)
        return self._binary("sub", self.constant(0, x), x)

    def abs(self, x: Element) -> Element:
        """Absolute value; that of the smallest integer wraps."""
        if x.dtype.kind == "f":
            return self._intrinsic("fabs", x)
        return self.select(self.lt(x, self.constant(0, x)), self.neg(x), x)

    def copysign(self, a: Element, b: Element) -> Element:
        """Magnitude of ``a``, sign of ``b``."""
        return self._intrinsic("copysign", a, b)

    def floor(self, x: Element) -> Element:
        """Round down."""
        return self._intrinsic("floor", x)

    def ceil(self, x: Element) -> Element:
        """Round up."""
        return self._intrinsic("ceil", x)

    def trunc(self, x: Element) -> Element:
        """Round to zero."""
        return self._intrinsic("trunc", x)

    def rint(self, x: Element) -> Element:
        """Round to nearest, ties to even."""
        return self._intrinsic("rint", x)

    def sqrt(self, x: Element) -> Element:
        """Square root."""
        return self._intrinsic("sqrt", x)

    def fma(self, a: Element, b: Element, c: Element) -> Element:
        """``a * b + c`` rounded once."""
        return self._intrinsic("fma", a, b, c)

    def minimum(self, a: Element, b: Element) -> Element:
        """The smaller; NaN if either is; of equal ones the one that NumPy's loops return."""
        return self._chosen(self.lt, self.le, "min", a, b)

    def maximum(self, a: Element, b: Element) -> Element:
        """The larger; NaN if either is; of equal ones the one that NumPy's loops return."""
        return self._chosen(self.gt, self.ge, "max", a, b)

    def _chosen(
        self,
        strict: Callable[[Element, Element], Element],
        weak: Callable[[Element, Element], Element],
        word: str,
        a: Element,
        b: Element,
    ) -> Element:
        # Of zeros with different signs NumPy returns the second, as x86 does; the first of float16.
        if a.dtype.kind != "f" or self.is_running:
            return self.extremum(word, a, b)
        better = weak if a.dtype.itemsize == 2 else strict
        return self.select(self.isnan(a), a, self.select(better(a, b), a, b))

    def extremum(self, word: str, a: Element, b: Element) -> Element:
        """The ``max`` or ``min`` by LLVM's own operation, which it takes apart over lanes in a reduction."""
        if a.dtype.kind == "f":
            return self._intrinsic(f"{word}imum", a, b)
        if a.dtype.kind == "b":
            return self.and_(a, b) if word == "min" else self.or_(a, b)
        return self._intrinsic(("s" if a.dtype.kind == "i" else "u") + word, a, b)

    # -- comparisons --------------------------------------------------------------------------
    def _compare(self, floating: str, integer: str, a: Element, b: Element) -> Element:
        if a.dtype.kind == "f":
            word = f"fcmp {floating}"
        elif integer in ("eq", "ne"):
            word = f"icmp {integer}"
        else:
            word = f"icmp {'s' if a.dtype.kind == 'i' else 'u'}{integer}"
        return self._op(BOOL, f"{word} {register_type(a.dtype)} {a.name}, {b.name}", a, b)

    def eq(self, a: Element, b: Element) -> Element:
        """Equal."""
        return self._compare("oeq", "eq", a, b)

    def ne(self, a: Element, b: Element) -> Element:
        """Different; true of NaN."""
        return self._compare("une", "ne", a, b)

    def lt(self, a: Element, b: Element) -> Element:
        """Less."""
        return self._compare("olt", "lt", a, b)

    def le(self, a: Element, b: Element) -> Element:
        """Less or equal."""
        return self._compare("ole", "le", a, b)

    def gt(self, a: Element, b: Element) -> Element:
        """Greater."""
        return self._compare("ogt", "gt", a, b)

    def ge(self, a: Element, b: Element) -> Element:
        """Greater or equal."""
        return self._compare("oge", "ge", a, b)

    def isnan(self, x: Element) -> Element:
        """Not a number."""
        return self._is_class(x, "uno", "0.0")

    def isinf(self, x: Element) -> Element:
        """Infinite."""
        if x.dtype.kind != "f":
            return Element("false", BOOL)
        return self.eq(self.abs(x), self.constant(np.inf, x))

    def isfinite(self, x: Element) -> Element:
        """Neither infinite nor NaN."""
        if x.dtype.kind != "f":
            return Element("true", BOOL)
        return self.lt(self.abs(x), self.constant(np.inf, x))

    def _is_class(self, x: Element, word: str, other: str) -> Element:
        if x.dtype.kind != "f":
            return Element("false", BOOL)
        return self._op(BOOL, f"fcmp {word} {register_type(x.dtype)} {x.name}, {other}", x)

    def signbit(self, x: Element) -> Element:
        """Whether the sign bit is set."""
        bits = f"i{8 * x.dtype.itemsize}"
        raw = self.w.op(f"bitcast {register_type(x.dtype)} {x.name} to {bits}", x.name)
        return Element(self.w.op(f"icmp slt {bits} {raw}, 0", raw), BOOL)

    # -- bits ---------------------------------------------------------------------------------
    def and_(self, a: Element, b: Element) -> Element:
        """Bitwise and."""
        return self._binary("and", a, b)

    def or_(self, a: Element, b: Element) -> Element:
        """Bitwise or."""
        return self._binary("or", a, b)

    def xor(self, a: Element, b: Element) -> Element:
        """Bitwise exclusive or."""
        return self._binary("xor", a, b)

    def not_(self, x: Element) -> Element:
        """Bitwise complement."""
        ones = "true" if x.dtype.kind == "b" else "-1"
        return self._op(x.dtype, f"xor {register_type(x.dtype)} {x.name}, {ones}", x)

    def _shift(self, word: str, a: Element, b: Element, beyond: Element) -> Element:
        # NumPy defines shifts by the width or more; LLVM does not.
        type, bits = register_type(b.dtype), 8 * a.dtype.itemsize
        fits = self._op(BOOL, f"icmp ult {type} {b.name}, {bits}", b)
        amount = self.select(fits, b, self.constant(0, b))
        return self.select(fits, self._binary(word, a, amount), beyond)

    def shl(self, a: Element, b: Element) -> Element:
        """Shift left."""
        return self._shift("shl", a, b, self.constant(0, a))

    def shr(self, a: Element, b: Element) -> Element:
        """Shift right, arithmetic for signed integers."""
        if a.dtype.kind == "u":
            return self._shift("lshr", a, b, self.constant(0, a))
        sign = self._binary("ashr", a, self.constant(8 * a.dtype.itemsize - 1, a))
        return self._shift("ashr", a, b, sign)

    # -- elementary functions -----------------------------------------------------------------
    def call(self, name: str, *x: Element) -> Element:
        """A function of ``ops.scalar.FUNCTIONS``: vector_math's, inlined where it runs often, else libm's."""
        dtype = x[0].dtype
        type = register_type(dtype)
        if type == "half":
            single = np.dtype(np.float32)
            return self.cast(self.call(name, *[self.cast(e, single) for e in x]), dtype)
        if name == "pow":
            short = self._short_power(*x)
            if short is not None:
                return short
        if name in vector_math.NAMES:
            pair = (name, _FORMATS[type])
            if self.w.repeats <= CALLED:
                if name == "tanh_slope":
                    return self._slope_alone(x[0])
                self.w.note_call()
                self.w.called.add(pair)
                return self._op(dtype, library.call(*pair, [e.name for e in x]), *x)
            parts = vector_math.branches(*pair)
            if parts is not None and self.in_sequence and self.may_branch:
                return self._branching(name, parts, x[0])
            self.w.functions.add(pair)
            symbol = vector_math.symbol(*pair)
        elif name in _LIBM:
            symbol = self._libm(name, *x)
        else:
            raise UnsupportedError(f"the native engine has no function {name}.")
        self.w.note_call()
        listed = ", ".join(f"{type} {e.name}" for e in x)
        return self._op(dtype, f"call {type} {symbol}({listed})", *x)

    def _slope_alone(self, x: Element) -> Element:
        """1 / cosh(x)**2 by a call of exp: shorter where nothing is shared with a tanh beside it."""
        one = self.constant(1.0, x)
        small = self.call("exp", self.mul(self.constant(-2.0, x), self.abs(x)))
        total = self.add(one, small)
        return self.div(self.mul(self.constant(4.0, x), small), self.mul(total, total))

    def ufunc(self, name: str, *x: Element, part: int = 0) -> Element:
        """An element of a ufunc, given by its dotted name, by the C function that the ufunc runs."""
        half = any(e.dtype.kind == "f" and e.dtype.itemsize == 2 for e in x)
        if half:
            x = tuple(self.cast(e, np.dtype(np.float32)) for e in x)
        call = ufunc_calls.find(name, tuple([e.dtype for e in x]))
        self.w.ufuncs.add(call)
        self.w.note_call(UFUNC_COST)
        whole = self._op(call.results[part], call.text([e.name for e in x]), *x)
        if len(call.results) == 1:
            return whole
        taken = self.w.op(f"extractvalue {call.returned} {whole.name}, {part}", whole.name)
        return Element(taken, call.results[part])

    def _branching(self, name: str, parts: tuple[str, float, float], x: Element) -> Element:
        """A function as straight-line code where it serves, else the C library's, behind a branch."""
        part, low, high = parts
        key = ("branching", name, x.name)
        joined = self.w.recall(key)
        if joined is not None:
            return Element(joined, x.dtype)
        type, bits = register_type(x.dtype), 8 * x.dtype.itemsize
        form = (part, _FORMATS[type])
        self.w.note_call()
        self.w.functions.add(form)
        straight = self._op(x.dtype, f"call {type} {vector_math.symbol(*form)}({type} {x.name})", x)
        size = self.abs(x)
        integer = np.dtype(f"int{bits}")
        pattern = self._op(integer, f"bitcast {type} {size.name} to i{bits}", size)
        bottom, top = (int(np.array(v, x.dtype).view(integer)) for v in (low, high))
        above = self.sub(pattern, self.constant(bottom, pattern))
        ordinary = self._op(BOOL, f"icmp ult i{bits} {above.name}, {top - bottom}", above)
        library = self._libm(name, x)
        n = self.w.number()
        likely = self.w.metadata('!{!"branch_weights", i32 1000000, i32 1}')
        self.w.line(f"br label %from{n}")
        self.w.label(f"from{n}")
        self.w.line(f"br i1 {ordinary.name}, label %to{n}, label %rare{n}, !prof {likely}")
        self.w.label(f"rare{n}")
        self.w.line(f"%r{n} = call {type} {library}({type} {x.name})")
        self.w.line(f"br label %to{n}")
        self.w.label(f"to{n}")
        joined = self.w.here(f"phi {type} [ {straight.name}, %from{n} ], [ %r{n}, %rare{n} ]")
        self.w.remember(key, joined, joined)
        return Element(joined, x.dtype)

    def _libm(self, name: str, *x: Element) -> str:
        """A function of the C library, declared."""
        type = register_type(x[0].dtype)
        full = name + ("f" if type == "float" else "")
        types = ", ".join([type] * len(x))
        return self.w.declare(full, type, types, "nounwind willreturn memory(none)")

    def _short_power(self, x: Element, y: Element) -> Element | None:
        """Powers that are a product or two, as NumPy takes them (exponents written in the code)."""
        exponents = {literal(v, y.dtype): v for v in (1.0, 2.0, 3.0, 4.0, -1.0)}
        exponent = exponents.get(y.name)
        if exponent is None:
            return None
        if exponent == 1.0:
            return x
        if exponent == -1.0:
            return self.div(self.constant(1.0, x), x)
        square = self.mul(x, x)
        if exponent == 2.0:
            return square
        return self.mul(square, x if exponent == 3.0 else square)


class Costs:
    """Stands in for :class:`Scalars` to find what one element of an operation costs, in additions."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self.total = 0

    def dtype(self, x: Any) -> np.dtype[Any]:
        """Every element has the dtype of the first operand."""
        return self._dtype

    def constant(self, value: Any, like: Any) -> Any:
        """Costs nothing."""
        return None

    def call(self, name: str, *x: Any) -> Any:
        """An elementary function."""
        self.total += 20

    def ufunc(self, name: str, *x: Any, part: int = 0) -> Any:
        """A special function."""
        self.total += 100

    def __getattr__(self, name: str) -> Any:
        price = {"div": 4, "sqrt": 5, "fmod": 40, "idiv": 25, "irem": 25, "cast": 1}.get(name, 1)

        def charge(*x: Any) -> Any:
            self.total += price

        return charge
