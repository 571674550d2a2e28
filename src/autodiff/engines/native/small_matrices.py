"""Small matrices without LAPACK, whose calls take longer than the arithmetic: some 100 ns for three rows.

    solve, inverse         elimination with row exchanges, as getrf and getrs do it
    cholesky               as potrf
    triangular_solve       substitution, as trsm
    product                rows of sums in vector registers, as gemm
    turn                   a matrix by rows, of any size, copied by columns: squares in vector registers
    is_finite              whether no element of such a matrix is infinite or NaN

What such a function cannot answer for certain it leaves to the routine: LAPACK's rounding decides which matrices are singular
or not positive definite, hence raise.  ``_SAFE`` is the least product of the pivots, each relative to the largest element (for
Cholesky, to its diagonal element): an error of the rounding is amplified by less than one over it, so that with eight rows no
pivot of another order of operations is zero.  Whatever is NaN or infinite is not safe.

The functions are loops over memory on the stack, of any size up to ``MOST``, compiled once in a process and kept on disk
(``session``); products are written for their sizes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from autodiff.dims import Extent
from autodiff.engines.native.symbols import SMALL
from autodiff.engines.native.writer import Writer, register_type

MOST = 8
"""Rows, and right-hand sides."""

FEWEST = 16
"""Matrices in a call."""

_SAFE = "0x3E45798EE2308C3A"  # 1e-8


def small(w: Writer, dtype: np.dtype, batch: Sequence[Extent], *sizes: Extent) -> list[int]:
    """The sizes, where matrices of these sizes are for the functions here; else nothing.

    For few matrices in a call they are not: to compile a function takes longer than it saves.
    """
    known = [n for n in sizes if isinstance(n, int) and 1 <= n <= MOST]
    if dtype != np.float64 or len(known) < len(sizes):
        return []
    count = math.prod([n if isinstance(n, int) else math.inf for n in batch])
    return known if count * w.repeats >= FEWEST else []


def solve(w: Writer, a: str, b: str, x: str, n: int, k: int) -> str:
    """Solve for ``k`` right-hand sides, those of the identity where ``b`` is null; LAPACK's result code."""
    return _call(w, "solve", (a, b, x), (n, k))


def inverse(w: Writer, a: str, x: str, n: int) -> str:
    """The inverse; LAPACK's result code."""
    return solve(w, a, "null", x, n, n)


def cholesky(w: Writer, a: str, x: str, n: int, upper: bool) -> str:
    """The lower factor, reading the lower triangle; LAPACK's result code.

    ``upper``: ``a`` is the transpose of the matrix whose upper factor is asked for.
    """
    return _call(w, "upper" if upper else "cholesky", (a, x), (n,))


def triangular_solve(
    w: Writer, a: str, b: str, x: str, n: int, k: int, step: int, line: int, lower: bool
) -> str:
    """Solve with a triangle, ``step`` apart in a row and ``line`` in a column; 1 where its diagonal has a zero."""
    return _call(w, "forward" if lower else "back", (a, b, x), (n, k, step, line))


def _call(w: Writer, name: str, pointers: Sequence[str], sizes: Sequence[int]) -> str:
    types = ", ".join([*["ptr"] * len(pointers), *["i64"] * len(sizes)])
    w.declare(SMALL + name, "i32", types)
    given = [f"ptr {p}" for p in pointers] + [f"i64 {n}" for n in sizes]
    return w.here(f"call i32 @{SMALL}{name}({', '.join(given)})")


def text(name: str) -> str:
    """The module of a function, by its whole name."""
    make: dict[str, Callable[[_Code], object]] = {
        "solve": _solve, "cholesky": _cholesky, "upper": _upper, "forward": _forward, "back": _back,
    }  # fmt: skip
    for type in ("double", "float"):
        make[f"turn.{type}"] = functools.partial(_squares, type=type)
        make[f"finite.{type}"] = functools.partial(_finite, type=type)
    module = _Module()
    code = _Code(module)
    make[name.removeprefix(SMALL)](code)
    whole = code.text(name, "")
    return "\n".join([*module.declared.values(), whole, *module.nodes])


class _Module:
    """What the functions of a module declare, and what LLVM is told of their loops."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}
        self.nodes = [
            '!0 = !{!"llvm.loop.vectorize.enable", i1 false}',
            '!1 = !{!"llvm.loop.unroll.disable"}',
        ]

    def declare(self, name: str, result: str, types: str) -> None:
        self.declared[name] = f"declare {result} @{name}({types}) nounwind"

    def loop_metadata(self, plain: bool = True) -> str:
        number = len(self.nodes)
        self.nodes.append(f"!{number} = distinct !{{!{number}, !0, !1}}")
        return f", !llvm.loop !{number}"


def product(
    w: Writer,
    dtype: np.dtype,
    sizes: tuple[int, int, int],
    a: tuple[str, str, str],
    b: tuple[str, str, str],
    x: str,
) -> None:
    """Multiply a matrix of m by k and one of k by n, each given with its strides from row to row and in a row."""
    m, k, n = sizes
    name = f"autodiff.product.{dtype.kind}{dtype.itemsize}.{m}.{k}.{n}"
    if name not in w.declared:
        w.declared[name] = ""
        code = _product(_Code(w), register_type(dtype), sizes)
        w.globals.append(code.text(name, "internal "))
    operands = [f"ptr {p}, i64 {line}, i64 {step}" for p, line, step in (a, b)]
    w.here(f"call i32 @{name}({', '.join(operands)}, ptr {x})")


def turn(
    w: Writer, dtype: np.dtype, a: str, line: Extent, x: str, rows: Extent, columns: Extent
) -> None:
    """Copy a matrix by rows, ``line`` elements apart, to one by columns."""
    type = register_type(dtype)
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns < _SIDE * _SIDE:
        for i in range(rows):
            for j in range(columns):
                source = w.here(f"getelementptr {type}, ptr {a}, i64 {w.extent(i * line + j)}")
                to = w.here(f"getelementptr {type}, ptr {x}, i64 {j * rows + i}")
                w.line(f"store {type} {w.here(f'load {type}, ptr {source}')}, ptr {to}")
        return
    name = w.declare(f"{SMALL}turn.{type}", "i32", "ptr, i64, ptr, i64, i64")
    apart, high, wide = (w.extent(n) for n in (line, rows, columns))
    w.here(f"call i32 {name}(ptr {a}, i64 {apart}, ptr {x}, i64 {high}, i64 {wide})")


def is_finite(w: Writer, dtype: np.dtype, a: str, count: Extent) -> str:
    """Whether no element is infinite or NaN, of which zero times it is NaN."""
    name = w.declare(f"{SMALL}finite.{register_type(dtype)}", "i32", "ptr, i64")
    found = w.here(f"call i32 {name}(ptr {a}, i64 {w.extent(count)})")
    return w.here(f"icmp ne i32 {found}, 0")


# -- texts ------------------------------------------------------------------------------------------------
class _Code:
    """The lines of a function whose variables lie on the stack; LLVM puts them into registers."""

    def __init__(self, w: Writer | _Module) -> None:
        self.w = w
        self.heads: list[str] = []
        self.lines: list[str] = []
        self.parameters = ""
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def op(self, text: str) -> str:
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def variable(self, type: str, value: str) -> str:
        place = self.name()
        self.heads.append(f"  {place} = alloca {type}, align 8")
        self.line(f"store {type} {value}, ptr {place}, align 8")
        return place

    def room(self) -> str:
        place = self.name()
        self.heads.append(f"  {place} = alloca [{MOST * MOST} x double], align 64")
        return place

    def load(self, type: str, place: str) -> str:
        return self.op(f"load {type}, ptr {place}, align 8")

    def at(self, matrix: str, row: str, width: str, column: str) -> str:
        """The address of an element of a matrix by rows."""
        return self.place(
            matrix, self.op(f"add i64 {self.op(f'mul i64 {row}, {width}')}, {column}")
        )

    def place(self, base: str, number: str, type: str = "double") -> str:
        return self.op(f"getelementptr {type}, ptr {base}, i64 {number}")

    def copy(self, source: str, to: str, count: str) -> None:
        def body(i: str) -> None:
            x = self.load("double", self.place(source, i))
            self.line(f"store double {x}, ptr {self.place(to, i)}, align 8")

        self.loop("0", count, body)

    def loop(self, low: str, high: str, body: Callable[[str], None]) -> None:
        """``body`` with a counter from ``low`` up to ``high``, which it does not reach."""
        counter = self.variable("i64", low)
        head, inside, end = (f"l{self.name()[2:]}" for _ in range(3))
        self.line(f"br label %{head}")
        self.lines.append(f"{head}:")
        i = self.load("i64", counter)
        more = self.op(f"icmp slt i64 {i}, {high}")
        self.line(f"br i1 {more}, label %{inside}, label %{end}")
        self.lines.append(f"{inside}:")
        body(i)
        self.line(f"store i64 {self.op(f'add i64 {i}, 1')}, ptr {counter}")
        self.line(f"br label %{head}{self.w.loop_metadata(plain=True)}")
        self.lines.append(f"{end}:")

    def unless(self, condition: str, label: str) -> None:
        then = f"l{self.name()[2:]}"
        self.line(f"br i1 {condition}, label %{then}, label %{label}")
        self.lines.append(f"{then}:")

    def integer(self, value: str) -> str:
        """A place with an integer of Fortran's."""
        return self.variable("i32", self.op(f"trunc i64 {value} to i32"))

    def fortran(self, routine: str, *arguments: str) -> None:
        self.w.declare(routine, "void", ", ".join(["ptr"] * len(arguments)))
        self.line(f"call void @{routine}({', '.join(f'ptr {a}' for a in arguments)})")

    def text(self, name: str, linkage: str) -> str:
        body = "\n".join(["entry:", *self.heads, *self.lines])
        return f"define {linkage}i32 @{name}({self.parameters}) noinline #0 {{\n{body}\n}}\n"


def _difference(c: _Code, place: str, x: str, y: str) -> None:
    """Subtract a product from what is at a place."""
    product = c.op(f"fmul contract double {x}, {y}")
    left = c.op(f"fsub contract double {c.load('double', place)}, {product}")
    c.line(f"store double {left}, ptr {place}, align 8")


def _magnitude(c: _Code, place: str) -> str:
    c.w.declared["llvm.fabs.f64"] = "declare double @llvm.fabs.f64(double)"
    return c.op(f"call double @llvm.fabs.f64(double {c.load('double', place)})")


def _largest(c: _Code, a: str, count: str) -> str:
    largest = c.variable("double", "0.0")

    def body(i: str) -> None:
        x, old = _magnitude(c, c.place(a, i)), c.load("double", largest)
        greater = c.op(f"fcmp ogt double {x}, {old}")
        c.line(
            f"store double {c.op(f'select i1 {greater}, double {x}, double {old}')}, ptr {largest}"
        )

    c.loop("0", count, body)
    return c.load("double", largest)


def _require_safe(c: _Code, product: str, ratio: str) -> None:
    now = c.op(f"fmul double {c.load('double', product)}, {ratio}")
    c.line(f"store double {now}, ptr {product}")
    c.unless(c.op(f"fcmp ogt double {now}, {_SAFE}"), "unsafe")


def _solve(c: _Code) -> None:
    c.parameters = "ptr %a, ptr %b, ptr %x, i64 %n, i64 %k"
    matrix, right = c.room(), c.room()
    square, count = c.op("mul i64 %n, %n"), c.op("mul i64 %n, %k")
    c.copy("%a", matrix, square)
    _right_hand_side(c, right, count)
    scale, product = _largest(c, matrix, square), c.variable("double", "1.0")

    def eliminate(column: str) -> None:
        best = c.variable("double", _magnitude(c, c.at(matrix, column, "%n", column)))
        pivot = c.variable("i64", column)
        below = c.op(f"add i64 {column}, 1")

        def compare(row: str) -> None:
            x, old = _magnitude(c, c.at(matrix, row, "%n", column)), c.load("double", best)
            greater = c.op(f"fcmp ogt double {x}, {old}")
            c.line(
                f"store double {c.op(f'select i1 {greater}, double {x}, double {old}')}, ptr {best}"
            )
            place = c.op(f"select i1 {greater}, i64 {row}, i64 {c.load('i64', pivot)}")
            c.line(f"store i64 {place}, ptr {pivot}")

        c.loop(below, "%n", compare)
        _require_safe(c, product, c.op(f"fdiv double {c.load('double', best)}, {scale}"))
        other = c.load("i64", pivot)
        for place, width in ((matrix, "%n"), (right, "%k")):
            c.loop("0", width, lambda j, p=place, w=width: _exchange(c, p, w, column, other, j))  # type: ignore[misc]
        diagonal = c.load("double", c.at(matrix, column, "%n", column))

        def reduce(row: str) -> None:
            x = c.load("double", c.at(matrix, row, "%n", column))
            factor = c.op(f"fdiv double {x}, {diagonal}")
            for place, width, low in ((matrix, "%n", below), (right, "%k", "0")):

                def subtract(j: str, place: str = place, width: str = width) -> None:
                    y = c.load("double", c.at(place, column, width, j))
                    _difference(c, c.at(place, row, width, j), factor, y)

                c.loop(low, width, subtract)

        c.loop(below, "%n", reduce)

    c.loop("0", "%n", eliminate)
    _substitute(c, matrix, right, ("%n", "1"), back=True)
    c.copy(right, "%x", count)
    c.line("ret i32 0")
    c.lines.append("unsafe:")
    _solve_by_lapack(c, matrix, right, count)


def _right_hand_side(c: _Code, right: str, count: str) -> None:
    c.line("%is.identity = icmp eq ptr %b, null")
    c.line("br i1 %is.identity, label %identity, label %given")
    c.lines.append("identity:")
    _identity(c, right, count)
    c.line("br label %have.right")
    c.lines.append("given:")
    c.copy("%b", right, count)
    c.line("br label %have.right")
    c.lines.append("have.right:")


def _exchange(c: _Code, matrix: str, width: str, row: str, other: str, j: str) -> None:
    first, second = c.at(matrix, row, width, j), c.at(matrix, other, width, j)
    x, y = c.load("double", first), c.load("double", second)
    c.line(f"store double {y}, ptr {first}")
    c.line(f"store double {x}, ptr {second}")


def _substitute(c: _Code, matrix: str, right: str, strides: tuple[str, str], back: bool) -> None:
    """Solve with the upper triangle (``back``) or the lower one, in place; ``strides``: from row to row, in a row."""
    line, step = strides

    def element(i: str, j: str) -> str:
        number = c.op(f"add i64 {c.op(f'mul i64 {i}, {line}')}, {c.op(f'mul i64 {j}, {step}')}")
        return c.load("double", c.place(matrix, number))

    def row_of(i: str) -> None:
        last = c.op("sub i64 %n, 1")
        row = c.op(f"sub i64 {last}, {i}") if back else i
        diagonal = element(row, row)
        low, high = (c.op(f"add i64 {row}, 1"), "%n") if back else ("0", row)

        def side(j: str) -> None:
            place = c.at(right, row, "%k", j)

            def subtract(q: str) -> None:
                _difference(c, place, element(row, q), c.load("double", c.at(right, q, "%k", j)))

            c.loop(low, high, subtract)
            quotient = c.op(f"fdiv double {c.load('double', place)}, {diagonal}")
            c.line(f"store double {quotient}, ptr {place}")

        c.loop("0", "%k", side)

    c.loop("0", "%n", row_of)


def _solve_by_lapack(c: _Code, matrix: str, right: str, count: str) -> None:
    """The same by getrf and getrs, of the very matrix by columns: as NumPy, whose rounding decides what is singular."""
    by_rows = c.room()
    c.line("br i1 %is.identity, label %identity.again, label %given.again")
    c.lines.append("identity.again:")
    _identity(c, by_rows, count)
    c.line("br label %turn")
    c.lines.append("given.again:")
    c.copy("%b", by_rows, count)
    c.line("br label %turn")
    c.lines.append("turn:")
    _turn(c, "%a", matrix, "%n", "%n")
    _turn(c, by_rows, right, "%n", "%k")
    n, k, info = c.integer("%n"), c.integer("%k"), c.variable("i32", "0")
    pivots, other = c.room(), c.variable("i32", "0")
    c.fortran("dgetrf", n, n, matrix, n, pivots, info)
    code = c.load("i32", info)
    c.unless(c.op(f"icmp eq i32 {code}, 0"), "singular")
    c.fortran("dgetrs", c.variable("i8", str(ord("N"))), n, k, matrix, n, pivots, right, n, other)
    _turn(c, right, "%x", "%k", "%n")
    c.line("ret i32 0")
    c.lines.append("singular:")
    c.line(f"ret i32 {code}")


def _turn(c: _Code, source: str, to: str, rows: str, columns: str) -> None:
    """Copy a matrix by rows to one by columns."""

    def move(i: str, j: str) -> None:
        x = c.load("double", c.at(source, i, columns, j))
        c.line(f"store double {x}, ptr {c.at(to, j, rows, i)}")

    c.loop("0", rows, lambda i: c.loop("0", columns, lambda j: move(i, j)))


def _identity(c: _Code, place: str, count: str) -> None:
    c.loop("0", count, lambda i: c.line(f"store double 0.0, ptr {c.place(place, i)}"))
    c.loop("0", "%n", lambda i: c.line(f"store double 1.0, ptr {c.at(place, i, '%k', i)}"))


def _cholesky(c: _Code, upper: bool = False) -> None:
    c.parameters = "ptr %a, ptr %x, i64 %n"
    factor, product = c.room(), c.variable("double", "1.0")
    c.w.declared["llvm.sqrt.f64"] = "declare double @llvm.sqrt.f64(double)"

    def row_of(i: str) -> None:
        def element(j: str) -> None:
            place = c.at(factor, i, "%n", j)
            c.line(f"store double {c.load('double', c.at('%a', i, '%n', j))}, ptr {place}")

            def subtract(q: str) -> None:
                x, y = (c.load("double", c.at(factor, row, "%n", q)) for row in (i, j))
                _difference(c, place, x, y)

            c.loop("0", j, subtract)

        def below(j: str) -> None:
            element(j)
            place = c.at(factor, i, "%n", j)
            diagonal = c.load("double", c.at(factor, j, "%n", j))
            quotient = c.op(f"fdiv double {c.load('double', place)}, {diagonal}")
            c.line(f"store double {quotient}, ptr {place}")

        c.loop("0", i, below)
        element(i)
        place = c.at(factor, i, "%n", i)
        left, whole = c.load("double", place), c.load("double", c.at("%a", i, "%n", i))
        c.unless(c.op(f"fcmp ogt double {left}, 0.0"), "unsafe")
        _require_safe(c, product, c.op(f"fdiv double {left}, {whole}"))
        c.line(f"store double {c.op(f'call double @llvm.sqrt.f64(double {left})')}, ptr {place}")

    c.loop("0", "%n", row_of)
    c.line("br label %done")
    c.lines.append("unsafe:")
    by_columns = c.room()  # the matrix of the upper factor is so already: its transpose is given

    def move(source: str, to: str) -> None:
        if upper:
            c.copy(source, to, c.op("mul i64 %n, %n"))
        else:
            _turn(c, source, to, "%n", "%n")

    move("%a", by_columns)
    n, info = c.integer("%n"), c.variable("i32", "0")
    c.fortran("dpotrf", c.variable("i8", str(ord("U" if upper else "L"))), n, by_columns, n, info)
    code = c.load("i32", info)
    c.unless(c.op(f"icmp eq i32 {code}, 0"), "indefinite")
    move(by_columns, factor)
    c.line("br label %done")
    c.lines.append("indefinite:")
    c.line(f"ret i32 {code}")
    c.lines.append("done:")

    def zeros(i: str) -> None:
        after = c.op(f"add i64 {i}, 1")
        c.loop(after, "%n", lambda j: c.line(f"store double 0.0, ptr {c.at(factor, i, '%n', j)}"))

    c.loop("0", "%n", zeros)
    c.copy(factor, "%x", c.op("mul i64 %n, %n"))
    c.line("ret i32 0")


def _upper(c: _Code) -> None:
    _cholesky(c, upper=True)


def _triangle(c: _Code, back: bool) -> None:
    c.parameters = "ptr %a, ptr %b, ptr %x, i64 %n, i64 %k, i64 %step, i64 %line"
    right, count = c.room(), c.op("mul i64 %n, %k")
    between = c.op("add i64 %step, %line")
    c.loop("0", "%n", lambda i: _require_nonzero(c, c.op(f"mul i64 {i}, {between}")))
    c.copy("%b", right, count)
    _substitute(c, "%a", right, ("%line", "%step"), back)
    c.copy(right, "%x", count)
    c.line("ret i32 0")
    c.lines.append("singular:")
    c.line("ret i32 1")


def _require_nonzero(c: _Code, number: str) -> None:
    x = c.load("double", c.place("%a", number))
    c.unless(c.op(f"fcmp une double {x}, 0.0"), "singular")


def _forward(c: _Code) -> None:
    _triangle(c, back=False)


def _back(c: _Code) -> None:
    _triangle(c, back=True)


def _finite(c: _Code, type: str) -> None:
    c.parameters = "ptr %a, i64 %count"
    width = 8
    vector, align = f"<{width} x {type}>", _ALIGN[type]
    many, one = c.variable(vector, "zeroinitializer"), c.variable(type, "0.0")
    blocks = c.op(f"udiv i64 %count, {width}")
    done = c.op(f"mul i64 {blocks}, {width}")

    def add(kind: str, total: str, zero: str, place: str) -> None:
        x = c.op(f"load {kind}, ptr {place}, align {align}")
        nothing = c.op(f"fmul {kind} {x}, {zero}")
        old = c.op(f"load {kind}, ptr {total}, align 8")
        c.line(f"store {kind} {c.op(f'fadd {kind} {old}, {nothing}')}, ptr {total}, align 8")

    def block(i: str) -> None:
        start = c.op(f"mul i64 {i}, {width}")
        add(vector, many, "zeroinitializer", c.place("%a", start, type))

    c.loop("0", blocks, block)
    c.loop(done, "%count", lambda i: add(type, one, "0.0", c.place("%a", i, type)))
    total = c.op(f"load {type}, ptr {one}, align 8")
    lanes = c.op(f"load {vector}, ptr {many}, align 8")
    for k in range(width):
        lane = c.op(f"extractelement {vector} {lanes}, i32 {k}")
        total = c.op(f"fadd {type} {total}, {lane}")
    finite = c.op(f"fcmp oeq {type} {total}, 0.0")
    c.line(f"ret i32 {c.op(f'zext i1 {finite} to i32')}")


_SIDE = 4  # rows and columns of a square
_TURNS = (  # pairs of rows, then pairs of what they give
    ("<i32 0, i32 4, i32 2, i32 6>", "<i32 1, i32 5, i32 3, i32 7>"),
    ("<i32 0, i32 1, i32 4, i32 5>", "<i32 2, i32 3, i32 6, i32 7>"),
)


def _squares(c: _Code, type: str) -> None:
    c.parameters = "ptr %a, i64 %line, ptr %x, i64 %rows, i64 %columns"

    def move(i: str, j: str) -> None:
        source = c.op(f"add i64 {c.op(f'mul i64 {i}, %line')}, {j}")
        to = c.op(f"add i64 {c.op(f'mul i64 {j}, %rows')}, {i}")
        value = c.op(f"load {type}, ptr {c.place('%a', source, type)}")
        c.line(f"store {type} {value}, ptr {c.place('%x', to, type)}")

    def first_of(block: str, n: str) -> str:
        """The last square lies over the one before where the size is no multiple."""
        first, last = c.op(f"mul i64 {block}, {_SIDE}"), c.op(f"sub i64 {n}, {_SIDE}")
        return c.op(f"select i1 {c.op(f'icmp slt i64 {first}, {last}')}, i64 {first}, i64 {last}")

    def band(block: str) -> None:
        first = first_of(block, "%rows")
        rows = [c.op(f"add i64 {first}, {k}") for k in range(_SIDE)]
        starts = [c.place("%a", c.op(f"mul i64 {row}, %line"), type) for row in rows]
        c.loop("0", wide, lambda j: _square(c, type, starts, first, first_of(j, "%columns")))

    sizes = [c.op(f"icmp sge i64 {n}, {_SIDE}") for n in ("%rows", "%columns")]
    c.unless(c.op(f"and i1 {', '.join(sizes)}"), "narrow")
    high, wide = (
        c.op(f"udiv i64 {c.op(f'add i64 {n}, {_SIDE - 1}')}, {_SIDE}")
        for n in ("%rows", "%columns")
    )
    c.loop("0", high, band)
    c.line("ret i32 0")
    c.lines.append("narrow:")
    c.loop("0", "%rows", lambda i: c.loop("0", "%columns", lambda j: move(i, j)))
    c.line("ret i32 0")


def _square(c: _Code, type: str, starts: Sequence[str], first: str, column: str) -> None:
    vector = f"<{_SIDE} x {type}>"
    align = _ALIGN[type]
    lines = [
        c.op(f"load {vector}, ptr {c.place(start, column, type)}, align {align}")
        for start in starts
    ]
    for masks, order in zip(_TURNS, ((0, 1, 2, 3), (0, 2, 1, 3)), strict=True):
        pairs = [(lines[order[k]], lines[order[k + 1]]) for k in (0, 2)]
        lines = [
            c.op(f"shufflevector {vector} {p}, {vector} {q}, <4 x i32> {mask}")
            for p, q in pairs
            for mask in masks
        ]
    # Of the first two turned lines are columns 0 and 2, of the others 1 and 3.
    for k, value in zip((0, 2, 1, 3), lines, strict=True):
        line = c.op(f"mul i64 {c.op(f'add i64 {column}, {k}')}, %rows")
        to = c.op(f"add i64 {line}, {first}")
        c.line(f"store {vector} {value}, ptr {c.place('%x', to, type)}, align {align}")


_PIECES = (8, 4, 2, 1)  # elements of a vector; a longer one than the machine has is several


def _product(c: _Code, type: str, sizes: tuple[int, int, int]) -> _Code:
    m, k, n = sizes
    c.parameters = "ptr %a, i64 %a.line, i64 %a.step, ptr %b, i64 %b.line, i64 %b.step, ptr %x"
    pieces: list[tuple[int, int]] = []  # first column and width
    while (done := sum(width for _, width in pieces)) < n:
        pieces.append(
            (done, next(p for p in _PIECES if p <= n - done and (p <= 4 or type == "float")))
        )
    packed = c.name()
    c.heads.append(f"  {packed} = alloca [{k * n} x {type}], align 64")
    c.loop("0", str(k), lambda i: c.loop("0", str(n), lambda j: _pack(c, type, packed, i, j, n)))
    together = max(1, min(m, 12 // len(pieces), 4))
    whole = m - m % together
    c.loop(
        "0", str(whole // together), lambda i: _rows(c, type, packed, i, together, 0, pieces, sizes)
    )
    if whole < m:
        _rows(c, type, packed, "0", m - whole, whole, pieces, sizes)
    c.line("ret i32 0")
    return c


def _pack(c: _Code, type: str, packed: str, i: str, j: str, n: int) -> None:
    number = c.op(f"add i64 {c.op(f'mul i64 {i}, %b.line')}, {c.op(f'mul i64 {j}, %b.step')}")
    x = c.op(f"load {type}, ptr {c.place('%b', number, type)}")
    to = c.op(f"add i64 {c.op(f'mul i64 {i}, {n}')}, {j}")
    c.line(f"store {type} {x}, ptr {c.place(packed, to, type)}")


def _rows(
    c: _Code,
    type: str,
    packed: str,
    block: str,
    count: int,
    first: int,
    pieces: Sequence[tuple[int, int]],
    sizes: tuple[int, int, int],
) -> None:
    """Some rows of the result at a time: their sums are the accumulators of a loop."""
    _, k, n = sizes
    rows = [c.op(f"add i64 {c.op(f'mul i64 {block}, {count}')}, {first + r}") for r in range(count)]
    starts = [c.place("%a", c.op(f"mul i64 {row}, %a.line"), type) for row in rows]
    sums = [
        [c.variable(f"<{width} x {type}>", "zeroinitializer") for _, width in pieces] for _ in rows
    ]

    def term(q: str) -> None:
        line = c.op(f"mul i64 {q}, {n}")
        right = [
            c.op(
                f"load <{width} x {type}>, ptr {c.place(packed, c.op(f'add i64 {line}, {low}'), type)}, align {_ALIGN[type]}"
            )
            for low, width in pieces
        ]
        at = c.op(f"mul i64 {q}, %a.step")
        for start, row in zip(starts, sums, strict=True):
            x = c.op(f"load {type}, ptr {c.place(start, at, type)}")
            for place, y, (_, width) in zip(row, right, pieces, strict=True):
                vector = f"<{width} x {type}>"
                one = c.op(f"insertelement {vector} poison, {type} {x}, i32 0")
                mask = f"<{width} x i32> zeroinitializer"
                all_ = c.op(f"shufflevector {vector} {one}, {vector} poison, {mask}")
                product = c.op(f"fmul contract {vector} {all_}, {y}")
                old = c.op(f"load {vector}, ptr {place}, align 8")
                c.line(
                    f"store {vector} {c.op(f'fadd contract {vector} {old}, {product}')}, ptr {place}, align 8"
                )

    c.loop("0", str(k), term)
    for row, values in zip(rows, sums, strict=True):
        line = c.op(f"mul i64 {row}, {n}")
        for place, (low, width) in zip(values, pieces, strict=True):
            vector = f"<{width} x {type}>"
            to = c.place("%x", c.op(f"add i64 {line}, {low}"), type)
            c.line(
                f"store {vector} {c.op(f'load {vector}, ptr {place}, align 8')}, ptr {to}, align {_ALIGN[type]}"
            )


_ALIGN = {"double": 8, "float": 4}
