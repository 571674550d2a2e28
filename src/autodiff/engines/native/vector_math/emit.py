"""Write LLVM IR text with ordinary arithmetic: the language in which the functions of this package are written.

    x * y + 1.0      becomes      %1 = fmul double %x, %y
                                  %2 = fadd double %1, 0x3FF0000000000000

A `Code` collects the lines of one function body; a `Value` is one SSA value of it, with its LLVM type. Python
numbers become constants of the type of the other operand. A line that was already written is not written again.

No fast-math flag is ever set: what is written is what is computed, so error-free transformations (Dekker 1971,
Knuth 1969) hold. `fma` is one rounding by definition; `muladd` leaves the choice to the machine. There are no
branches: `select` evaluates both sides, so that a loop around the function can be vectorised.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import field

from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754."""

    name: str  # of the NumPy-like dtype, and LLVM's suffix: 'f64'
    type: str  # LLVM's type: 'double'
    integer: str  # the integer type of the same width: 'i64'
    bits: int
    fraction: int  # stored bits of the significand
    bias: int

    @property
    def one(self) -> int:
        """The bit pattern of 1.0."""
        return self.bias << self.fraction

    @property
    def magic(self) -> float:
        """1.5 * 2**fraction: added to a small number, it leaves the nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def infinity(self) -> int:
        """The bit pattern of infinity."""
        return (2 * self.bias + 1) << self.fraction


F64 = Format("f64", "double", "i64", 64, 52, 1023)
F32 = Format("f32", "float", "i32", 32, 23, 127)
FORMATS = {"f64": F64, "f32": F32}
_BY_TYPE = {"double": F64, "float": F32, "i64": F64, "i32": F32}


def literal(value: float | int | bool, type: str) -> str:
    """A constant operand of an LLVM type; floating-point ones by their bits, which round-trip."""
    if type == "i1":
        return "true" if value else "false"
    if type in ("double", "float"):
        value = float(value)
        if type == "float":  # LLVM writes a float by the bits of the double of equal value
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    width = int(type[1:])
    signed = int(value) & ((1 << width) - 1)
    return str(signed - (1 << width) if signed >> (width - 1) else signed)


@dataclass
class Code:
    """The body of one function under construction, and what it needs declared."""

    lines: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)  # an ordered set
    calls: dict[tuple[str, str], None] = field(default_factory=dict)  # catalogue entries used
    _known: dict[str, Value] = field(default_factory=dict)

    def emit(self, type: str, instruction: str) -> Value:
        """The result of an instruction, written once."""
        if instruction not in self._known:
            name = f"%{len(self.lines) + 1}"
            self.lines.append(f"  {name} = {instruction}")
            self._known[instruction] = Value(self, name, type)
        return self._known[instruction]

    def intrinsic(self, name: str, *operands: Value) -> Value:
        """A call of an LLVM intrinsic whose operands and result share one type."""
        type = operands[0].type
        function = f"@llvm.{name}.{type if type[0] == 'i' else operands[0].format.name}"
        self.declarations[f"declare {type} {function}({', '.join([type] * len(operands))})"] = None
        listed = ", ".join(f"{type} {v.text}" for v in operands)
        return self.emit(type, f"call {type} {function}({listed})")

    def entry(self, name: str, symbol: str, *operands: Value) -> Value:
        """A call of another function of the catalogue, of the same type."""
        type = operands[0].type
        self.calls[name, operands[0].format.name] = None
        listed = ", ".join(f"{type} {v.text}" for v in operands)
        return self.emit(type, f"call {type} {symbol}({listed})")


@dataclass(frozen=True, eq=False)
class Value:
    """One SSA value; operators write the instruction and give its result."""

    code: Code
    text: str
    type: str

    @property
    def format(self) -> Format:
        """The floating-point format of this value, or of the same width as this integer."""
        return _BY_TYPE[self.type]

    def constant(self, value: Value | float | int) -> Value:
        """`value` as an operand of the type of this one."""
        if isinstance(value, Value):
            return value
        return Value(self.code, literal(value, self.type), self.type)

    def _binary(self, floating: str, whole: str, left: Operand, right: Operand) -> Value:
        opcode = floating if self.type in ("double", "float") else whole
        a, b = self.constant(left), self.constant(right)
        return self.code.emit(self.type, f"{opcode} {self.type} {a.text}, {b.text}")

    def __add__(self, other: Operand) -> Value:
        return self._binary("fadd", "add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Value:
        return self._binary("fsub", "sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self._binary("fsub", "sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self._binary("fmul", "mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", "", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", "", other, self)

    def __neg__(self) -> Value:
        return self.code.emit(self.type, f"fneg {self.type} {self.text}")

    def __and__(self, other: Operand) -> Value:
        return self._binary("", "and", self, other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("", "or", self, other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("", "xor", self, other)

    def __invert__(self) -> Value:
        return self ^ (1 if self.type == "i1" else -1)

    def __lshift__(self, other: int) -> Value:
        return self._binary("", "shl", self, other)

    def __rshift__(self, other: int) -> Value:
        """Logical shift: zeros come in."""
        return self._binary("", "lshr", self, other)

    def compare(self, predicate: str, other: Operand) -> Value:
        """`fcmp` or `icmp` with one of LLVM's predicates: 'olt' is false when an operand is NaN."""
        opcode = "fcmp" if self.type in ("double", "float") else "icmp"
        right = self.constant(other).text
        return self.code.emit("i1", f"{opcode} {predicate} {self.type} {self.text}, {right}")

    def __lt__(self, other: Operand) -> Value:
        return self.compare("olt", other)

    def __le__(self, other: Operand) -> Value:
        return self.compare("ole", other)

    def __gt__(self, other: Operand) -> Value:
        return self.compare("ogt", other)

    def __ge__(self, other: Operand) -> Value:
        return self.compare("oge", other)

    def equals(self, other: Operand) -> Value:
        """Equal numbers; false when an operand is NaN; `==` keeps its Python meaning."""
        return self.compare("oeq" if self.type in ("double", "float") else "eq", other)

    def differs(self, other: Operand) -> Value:
        """Not equal, or unordered."""
        return self.compare("une" if self.type in ("double", "float") else "ne", other)


Operand = Value | float | int


def select(condition: Value, yes: Operand, no: Operand) -> Value:
    """`yes` where the condition holds, else `no`; one of the two is a `Value`."""
    typed = yes if isinstance(yes, Value) else no
    assert isinstance(typed, Value)
    a, b = typed.constant(yes), typed.constant(no)
    operands = f"i1 {condition.text}, {a.type} {a.text}, {b.type} {b.text}"
    return condition.code.emit(a.type, f"select {operands}")


def fma(a: Value, b: Operand, c: Operand) -> Value:
    """a*b + c rounded once. Used where the result would be wrong with two roundings."""
    return a.code.intrinsic("fma", a, a.constant(b), a.constant(c))


def muladd(a: Value, b: Operand, c: Operand) -> Value:
    """a*b + c, rounded once or twice, whichever is fast."""
    return a.code.intrinsic("fmuladd", a, a.constant(b), a.constant(c))


def magnitude(x: Value) -> Value:
    """|x|."""
    return x.code.intrinsic("fabs", x)


def copysign(x: Value, sign: Value) -> Value:
    """|x| with the sign bit of the other."""
    return x.code.intrinsic("copysign", x, sign)


def square_root(x: Value) -> Value:
    """The correctly rounded square root."""
    return x.code.intrinsic("sqrt", x)


def rint(x: Value) -> Value:
    """The nearest integer, ties to even."""
    return x.code.intrinsic("rint", x)


def least(x: Value, bound: Operand) -> Value:
    """The smaller one; NaN in `x` stays NaN (so not LLVM's minnum)."""
    return select(x > bound, bound, x)


def greatest(x: Value, bound: Operand) -> Value:
    """The larger one; NaN in `x` stays NaN."""
    return select(x < bound, bound, x)


def bits(x: Value) -> Value:
    """The bit pattern of a float, as an integer."""
    return x.code.emit(x.format.integer, f"bitcast {x.type} {x.text} to {x.format.integer}")


def from_bits(i: Value) -> Value:
    """The float with a bit pattern."""
    return i.code.emit(i.format.type, f"bitcast {i.type} {i.text} to {i.format.type}")


def widen(x: Value) -> Value:
    """A float as a double; a 32-bit integer, which is not negative, as a 64-bit one."""
    if x.type == "i32":
        return x.code.emit("i64", f"zext i32 {x.text} to i64")
    return x.code.emit("double", f"fpext float {x.text} to double")


def narrow(x: Value) -> Value:
    """A double rounded to a float; the low half of a 64-bit integer."""
    if x.type == "i64":
        return x.code.emit("i32", f"trunc i64 {x.text} to i32")
    return x.code.emit("float", f"fptrunc double {x.text} to float")


def polynomial(t: Value, coefficients: Sequence[float]) -> Value:
    """sum c[i] t**i, constant first.

    Neighbouring terms are joined, with t, then t**2, … (Estrin 1960), and the last three by Horner's rule: a multiplication or two
    more than Horner's alone and less than half the latency, which counts where the function is called in a scalar loop.
    """
    terms: list[Operand] = list(coefficients)
    while len(terms) > 3:
        single = terms[len(terms) & ~1 :]
        pairs = zip(terms[::2], terms[1::2], strict=False)
        terms = [*(muladd(t, high, low) for low, high in pairs), *single]
        t = t * t
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = muladd(t, total, term)
    return t.constant(total)


def fast_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """(s, e) with s + e = a + b exactly, if |a| >= |b| or a = 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def two_product(a: Value, b: Operand) -> tuple[Value, Value]:
    """(p, e) with p + e = a * b exactly, barring underflow."""
    product = a * b
    return product, fma(a, b, -product)


def corrected_quotient(n: Value, n_low: Value, d: Value, d_low: Value) -> Value:
    """(n + n_low) / (d + d_low) to little more than half an ulp: one division, one Newton step."""
    reciprocal = 1.0 / d
    quotient = n * reciprocal
    rest = fma(-quotient, d, n) + muladd(-quotient, d_low, n_low)
    return muladd(rest, reciprocal, quotient)


def nearest_integer(x: Value, scale: float) -> tuple[Value, Value]:
    """(k, i): k = x * scale to the nearest integer, as a float; i = its bits plus those of `magic`.

    The low bits of i are k as an integer in two's complement. |k| < 2**(fraction - 1).
    """
    shifted = muladd(x, scale, x.format.magic)
    return shifted - x.format.magic, bits(shifted)


def power_of_two(i: Value) -> Value:
    """2**k as a float, of an integer k whose bits above the exponent's width do not matter."""
    return from_bits((i << i.format.fraction) + i.format.one)
