"""Products and contractions, and ``np.linalg`` by the factorisations of ops.linear_algebra.

np.einsum("ij,jk->ik", a, b)     dot_general, after diagonals and sums over lone axes
np.linalg.solve(a, b)            solve, with the leading axes broadcast
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from typing import cast as cast_type

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.dims import Extent, equal, product
from autodiff.later import later
from autodiff.ops import linear_algebra as primitives
from autodiff.ops import smooth, structural
from autodiff.ops.builder import current_builder, emit
from autodiff.ops.custom import stop
from autodiff.ops.determinants import determinant
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import require_equal
from autodiff.ops.marks import note_deprecated
from autodiff.ops.numpy_functions.shapes import array_of, diagonal_view, ravel, reshape, transpose
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    constant,
    describe,
    pointwise,
    result_dtype,
    select,
    shape_error,
)
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import as_output, call, write_out

if TYPE_CHECKING:
    from autodiff.ops import lengths
else:
    lengths = later("autodiff.ops.lengths")

Axes = tuple[int, ...]


def _finish(result: Tracer, out: Any) -> Tracer:
    result = Tracer(result.value, "array" if result.shape else "scalar")
    target = as_output(out)
    return result if target is None else write_out(result, target)


def contract(
    a: Tracer, b: Tracer, axes: tuple[Axes, Axes], batch: tuple[Axes, Axes] = ((), ())
) -> Tracer:
    """``dot_general`` with promotion; bools and integers, which have no fast kernel, included."""
    a, b = _of_one_length(a, b, axes)
    dtype = result_dtype(a, b)
    if dtype.kind == "b":
        wide = primitives.dot_general(cast(a, np.int64), cast(b, np.int64), axes, batch)
        return cast(wide, bool)
    return primitives.dot_general(cast(a, dtype), cast(b, dtype), axes, batch)


def _of_one_length(a: Tracer, b: Tracer, axes: tuple[Axes, Axes]) -> tuple[Tracer, Tracer]:
    """The operands with the axes that are summed over written alike: a guard may say that they are."""
    of_a, of_b = list(a.shape), list(b.shape)
    for i, j in zip(*axes, strict=True):
        if isinstance(of_a[i], int):
            of_b[j] = of_a[i]
        else:
            of_a[i] = of_b[j]
    return broadcast_to(a, tuple(of_a)), broadcast_to(b, tuple(of_b))


def _plain(x: Any) -> Tracer:
    return Tracer(as_array(x).value, "array")


# -- dot products ---------------------------------------------------------------------------------
@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Tracer:
    """``np.dot``."""
    x, y = _plain(a), _plain(b)
    if not x.shape or not y.shape:
        return _finish(pointwise("multiply", x, y), out)
    over = y.ndim - 2 if y.ndim > 1 else 0
    if not require_equal(x.shape[-1], y.shape[over], "shapes not aligned"):
        raise shape_error(
            f"shapes {describe(x.shape)} and {describe(y.shape)} not aligned: "
            f"{x.shape[-1]} (dim {x.ndim - 1}) != {y.shape[over]} (dim {over})"
        )
    return _finish(contract(x, y, ((x.ndim - 1,), (over,))), out)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Tracer:
    """``np.vdot``."""
    return dot(ravel(a), ravel(b))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Tracer:
    """``np.inner``."""
    x, y = _plain(a), _plain(b)
    if not x.shape or not y.shape:
        return _finish(pointwise("multiply", x, y), None)
    if not require_equal(x.shape[-1], y.shape[-1], "shapes not aligned"):
        raise shape_error(
            f"shapes {describe(x.shape)} and {describe(y.shape)} not aligned: "
            f"{x.shape[-1]} (dim {x.ndim - 1}) != {y.shape[-1]} (dim {y.ndim - 1})"
        )
    return _finish(contract(x, y, ((x.ndim - 1,), (y.ndim - 1,))), None)


@implements(np.linalg.outer)
def vector_outer(x1: Any, x2: Any, /) -> Tracer:
    """``np.linalg.outer``: of vectors only."""
    x, y = array_of(x1), array_of(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(
            "Input arrays must be one-dimensional, but they are "
            f"x1.ndim={x.ndim!r} and x2.ndim={y.ndim!r}."
        )
    return outer(x, y)


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Tracer:
    """``np.outer``."""
    x, y = ravel(a), ravel(b)
    return _finish(pointwise("multiply", structural.reshape(x, (x.shape[0], 1)), y), out)


@implements(np.matmul, np.linalg.matmul)
def matmul(a: Any, b: Any, /, out: Any = None) -> Tracer:
    """``np.matmul``."""
    x, y = _plain(a), _plain(b)
    if not x.shape or not y.shape:
        raise ValueError(
            f"matmul: Input operand {int(bool(x.shape))} does not have enough dimensions (has 0, "
            "gufunc core with signature (n?,k),(k,m?)->(n?,m?) requires 1)"
        )
    over = y.ndim - 2 if y.ndim > 1 else 0
    if not require_equal(x.shape[-1], y.shape[over], "matmul: sizes differ"):
        raise shape_error(
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n?,k),(k,m?)->(n?,m?) (size {y.shape[over]} is different from {x.shape[-1]})"
        )
    if x.ndim <= 2 and y.ndim <= 2:
        return _finish(contract(x, y, ((x.ndim - 1,), (over,))), out)
    if y.ndim <= 2:
        return _finish(contract(x, y, ((x.ndim - 1,), (over,))), out)
    x, y = _batched(x, y, 1 if x.ndim == 1 else 2, 2)
    lead = tuple(range(y.ndim - 2))
    return _finish(contract(x, y, ((x.ndim - 1,), (y.ndim - 2,)), (lead, lead)), out)


def _batched(x: Tracer, y: Tracer, core_x: int, core_y: int) -> tuple[Tracer, Tracer]:
    """Broadcast the leading axes of two arrays against each other."""
    lead = broadcast_shapes(x.shape[: x.ndim - core_x], y.shape[: y.ndim - core_y])
    x = broadcast_to(x, lead + x.shape[x.ndim - core_x :])
    y = broadcast_to(y, lead + y.shape[y.ndim - core_y :])
    return x, y


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Tracer:
    """``np.vecdot``."""
    x, y = functions[np.moveaxis](x1, axis, -1), functions[np.moveaxis](x2, axis, -1)
    if not require_equal(x.shape[-1], y.shape[-1], "vecdot: a mismatch in the core dimension"):
        raise shape_error(
            "vecdot: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n),(n)->() (size {y.shape[-1]} is different from {x.shape[-1]})"
        )
    x, y = _batched(x, y, 1, 1)
    lead = tuple(range(x.ndim - 1))
    return _finish(contract(x, y, ((x.ndim - 1,), (y.ndim - 1,)), (lead, lead)), None)


implements(np.linalg.vecdot)(vecdot)
if hasattr(np, "vecdot"):
    implements(np.vecdot)(vecdot)
if hasattr(np, "matvec"):

    @implements(np.matvec)
    def matvec(a: Any, v: Any) -> Tracer:
        """``np.matvec``."""
        _require_core(np.matvec, a, v)
        return matmul(a, array_of(v)[..., None])[..., 0]

    @implements(np.vecmat)
    def vecmat(v: Any, a: Any) -> Tracer:
        """``np.vecmat``."""
        _require_core(np.vecmat, v, a)
        return matmul(array_of(v)[..., None, :], a)[..., 0, :]


def _require_core(gufunc: np.ufunc, *operands: Any) -> None:
    """NumPy's exception where an operand has not the axes that the signature names."""
    ndims = [array_of(x).ndim for x in operands]
    cores = [part.count(",") + 1 for part in str(gufunc.signature).split("->")[0].split("),(")]
    if any(n < core for n, core in zip(ndims, cores, strict=True)):
        gufunc(*[np.zeros((1,) * n) for n in ndims])


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    """``np.tensordot``."""
    x, y = _plain(a), _plain(b)
    if isinstance(axes, int):
        over_x, over_y = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        over_x = normalize_axis_tuple(axes[0], x.ndim)
        over_y = normalize_axis_tuple(axes[1], y.ndim)
    fits = len(over_x) == len(over_y) and all(
        require_equal(x.shape[i], y.shape[j], "shape-mismatch for sum")
        for i, j in zip(over_x, over_y, strict=True)
    )
    if not fits:
        raise shape_error("shape-mismatch for sum")
    return Tracer(_finish(contract(x, y, (over_x, over_y)), None).value, "array")


@implements(np.kron)
def kron(a: Any, b: Any) -> Tracer:
    """``np.kron``."""
    x, y = array_of(a), array_of(b)
    ndim = max(x.ndim, y.ndim)
    if not ndim:
        return call(np.multiply, (a, b))
    m = (1,) * (ndim - x.ndim) + x.shape
    n = (1,) * (ndim - y.ndim) + y.shape
    left = structural.reshape(x, tuple(v for k in m for v in (k, 1)))
    right = structural.reshape(y, tuple(v for k in n for v in (1, k)))
    shape = tuple(i * j for i, j in zip(m, n, strict=True))
    return Tracer(structural.reshape(pointwise("multiply", left, right), shape).value, "array")


@implements(np.linalg.cross)
def vector_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tracer:
    """``np.linalg.cross``: of vectors in three dimensions only."""
    x, y = array_of(x1), array_of(x2)
    if not (equal(x.shape[axis], 3) and equal(y.shape[axis], 3)):
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{x.shape[axis]} and {y.shape[axis]} dimensional instead."
        )
    return cross(x, y, axis=axis)


TAKES_PLANES = np.lib.NumpyVersion(np.__version__) < "2.5.0"  # vectors of two elements


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tracer:
    """``np.cross``."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = functions[np.moveaxis](a, axisa, -1), functions[np.moveaxis](b, axisb, -1)
    if not TAKES_PLANES and all(isinstance(z.shape[-1], int) for z in (x, y)):
        if x.shape[-1] != 3 or y.shape[-1] != 3:
            raise ValueError(
                "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
                f"{x.shape[-1]} and {y.shape[-1]} dimensional instead."
            )
    if not all(isinstance(z.shape[-1], int) and z.shape[-1] in (2, 3) for z in (x, y)):
        raise ValueError(
            "incompatible dimensions for cross product\n(dimension must be 2 or 3)"
            if all(isinstance(z.shape[-1], int) for z in (x, y))
            else "a cross product of vectors of run-time size"
        )
    u, v = [[z[..., k] for k in range(z.shape[-1])] for z in (x, y)]

    def minor(i: int, j: int) -> Any:
        return u[i] * v[j] - u[j] * v[i]

    if len(u) == 2 or len(v) == 2:
        note_deprecated()
    if len(u) == 2 and len(v) == 2:
        return Tracer(minor(0, 1).value, "array")
    if len(u) == 2:
        parts = [u[1] * v[2], -(u[0] * v[2]), minor(0, 1)]
    elif len(v) == 2:
        parts = [-(u[2] * v[1]), u[2] * v[0], minor(0, 1)]
    else:
        parts = [minor(1, 2), minor(2, 0), minor(0, 1)]
    result: Tracer = functions[np.stack](parts, -1)
    moved: Tracer = functions[np.moveaxis](result, -1, axisc)
    return moved


# -- einsum -------------------------------------------------------------------------------------
def _parse(arguments: Sequence[Any]) -> tuple[list[str], str, list[Tracer]]:
    """Subscripts of operands, of the result, and the operands; ellipses become letters."""
    if isinstance(arguments[0], str):
        text, operands = arguments[0].replace(" ", ""), [array_of(x) for x in arguments[1:]]
    else:
        text, operands = _from_lists(arguments)
    inputs, arrow, output = text.partition("->")
    for c in text.replace("->", "").replace("...", "").replace(",", ""):
        if not (c.isascii() and c.isalpha()):
            raise ValueError(
                f"invalid subscript {c!r} in einstein sum subscripts string, subscripts must be letters"
            )
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            "more operands provided to einstein sum function than specified in the subscripts string"
        )
    spare = [c for c in map(chr, range(0x391, 0x3F0)) if c.isalpha()]
    width = max(
        [
            x.ndim - len(t.replace("...", ""))
            for t, x in zip(terms, operands, strict=True)
            if "..." in t
        ],
        default=0,
    )
    letters = "".join(spare[:width])
    full = []
    for term, x in zip(terms, operands, strict=True):
        if "..." in term:
            own = x.ndim - len(term.replace("...", ""))
            term = term.replace("...", letters[width - own :])
        if len(term) != x.ndim:
            raise ValueError(
                "einstein sum subscripts string contains too many subscripts for operand, or too few"
            )
        full.append(term)
    if arrow:
        if width > 0 and "..." not in output:
            raise ValueError(
                "output has more dimensions than subscripts given in einstein sum, but no '...' "
                "ellipsis provided to broadcast the extra dimensions."
            )
        output = output.replace("...", letters)
        for c in output:
            if output.count(c) > 1:
                raise ValueError(
                    f"einstein sum subscripts string includes output subscript {c!r} multiple times"
                )
    else:
        joined = "".join(full)
        output = letters + "".join(
            sorted(c for c in set(joined) if joined.count(c) == 1 and c not in letters)
        )
    missing = set(output) - set("".join(full))
    if missing:
        raise ValueError(
            f"einstein sum subscripts string included output subscript {min(missing)!r} which never appeared in an input"
        )
    return full, output, operands


def _from_lists(arguments: Sequence[Any]) -> tuple[str, list[Tracer]]:
    def spell(subscripts: Sequence[Any]) -> str:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        return "".join("..." if s is Ellipsis else alphabet[s] for s in subscripts)

    pairs = len(arguments) // 2
    operands = [array_of(arguments[2 * k]) for k in range(pairs)]
    text = ",".join(spell(arguments[2 * k + 1]) for k in range(pairs))
    if len(arguments) % 2:
        text += "->" + spell(arguments[-1])
    return text, operands


def _without_repeats(x: Tracer, term: str, which: str) -> tuple[Tracer, str]:
    """Take diagonals, which are views, until every letter occurs once."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            m, n = x.shape[i], x.shape[j]
            found = (
                f"dimensions in {which} for collapsing index {letter!r} don't match ({m} != {n})"
            )
            if not require_equal(m, n, found):
                raise ValueError(found)
            x = diagonal_view(x, i, j)
            term = "".join(c for k, c in enumerate(term) if k not in (i, j)) + letter
    return x, term


def _sum_lone(x: Tracer, term: str, keep: set[str]) -> tuple[Tracer, str]:
    """Sum over the letters that nothing else needs."""
    axes = tuple(k for k, c in enumerate(term) if c not in keep)
    if axes:
        x = functions[np.sum](x, axis=axes, dtype=x.dtype)
    return Tracer(x.value, "array"), "".join(c for c in term if c in keep)


def _squeeze_ones(x: Tracer, term: str, sizes: dict[str, Extent]) -> tuple[Tracer, str]:
    """Drop axes of extent 1 where another operand has the letter with a larger extent."""
    kept = [k for k, c in enumerate(term) if not (x.shape[k] == 1 and sizes[c] != 1)]
    if len(kept) < len(term):
        x = structural.reshape(x, tuple(x.shape[k] for k in kept))
    return x, "".join(term[k] for k in kept)


def _contract_pair(x: Tracer, s: str, y: Tracer, t: str, keep: set[str]) -> tuple[Tracer, str]:
    x, s = _sum_lone(x, s, keep | set(t))
    y, t = _sum_lone(y, t, keep | set(s))
    shared = [c for c in s if c in t]
    batch = [c for c in shared if c in keep]
    summed = [c for c in shared if c not in keep]
    at = (tuple(s.index(c) for c in summed), tuple(t.index(c) for c in summed))
    lead = (tuple(s.index(c) for c in batch), tuple(t.index(c) for c in batch))
    letters = "".join(batch) + "".join(c for c in s if c not in shared)
    letters += "".join(c for c in t if c not in shared)
    if not summed:
        # No sum: a product of broadcast operands, which fuses with what follows.
        def align(z: Tracer, term: str) -> Tracer:
            order = tuple(term.index(c) for c in letters if c in term)
            shape = tuple(z.shape[term.index(c)] if c in term else 1 for c in letters)
            return structural.reshape(structural.transpose(z, order), shape)

        return Tracer(pointwise("multiply", align(x, s), align(y, t)).value, "array"), letters
    return Tracer(contract(x, y, at, lead).value, "array"), letters


def _sizes(terms: list[str], operands: list[Tracer]) -> dict[str, Extent]:
    sizes: dict[str, Extent] = {}
    for term, x in zip(terms, operands, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            if c not in sizes or (isinstance(sizes[c], int) and sizes[c] == 1):
                sizes[c] = n
            elif not (isinstance(n, int) and n == 1) and not require_equal(sizes[c], n, "einsum"):
                raise shape_error(
                    f"operands could not be broadcast together: subscript {c!r} has sizes {sizes[c]} and {n}"
                )
    return sizes


@implements(np.einsum)
def einsum(
    *arguments: Any, out: Any = None, optimize: Any = False, dtype: Any = None, casting: str = "safe",
    order: str = "K",
) -> Tracer:  # fmt: skip
    """``np.einsum``: operands are contracted pair by pair, cheapest first."""
    terms, output, operands = _parse(arguments)
    if len(terms) == 1 and out is None and output and set(output) == set(terms[0]):
        # No sum: NumPy gives a view of the operand, whatever dtype and order are asked for.
        x, term = _without_repeats(operands[0], terms[0], "single operand")
        return transpose(x, tuple(term.index(c) for c in output))
    common = np.dtype(dtype) if dtype is not None else result_dtype(*operands)
    for k, x in enumerate(operands):
        if not np.can_cast(x.dtype, common, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Iterator operand {k} dtype could not be cast from {x.dtype!r} to {common!r} "
                f"according to the rule {casting!r}"
            )
    operands = [Tracer(cast(x, common).value, "array") for x in operands]
    pairs = [
        _without_repeats(x, t, f"operand {k}")
        for k, (x, t) in enumerate(zip(operands, terms, strict=True))
    ]
    sizes = _sizes([t for _, t in pairs], [x for x, _ in pairs])
    pairs = [_squeeze_ones(x, t, sizes) for x, t in pairs]
    while len(pairs) > 1:
        i, j = _cheapest([t for _, t in pairs], output, sizes)
        second, first = pairs.pop(j), pairs.pop(i)
        keep = set(output).union(*(set(t) for _, t in pairs))
        pairs.append(_contract_pair(*first, *second, keep))
    x, term = _sum_lone(*pairs[0], set(output))
    x = structural.transpose(x, tuple(term.index(c) for c in output))
    target = as_output(out)
    if target is not None:  # its exception where the result may not be cast so
        tiny, sample = np.ones((), common), np.ones((), target.dtype)
        np.einsum(
            ",".join([""] * len(terms)) + "->", *[tiny] * len(terms), out=sample, casting=casting
        )  # type: ignore[call-overload]
    return _finish(x, out)


def _cheapest(terms: list[str], output: str, sizes: dict[str, Extent]) -> tuple[int, int]:
    """The pair whose contraction has the smallest result and least work (greedy)."""
    if len(terms) == 2:
        return 0, 1

    def cost(letters: set[str]) -> int:
        return int(
            np.prod(
                [n if isinstance(n := sizes[c], int) else 64 for c in letters], dtype=np.float64
            )
        )

    best: tuple[int, int, int, int] | None = None
    for i in range(len(terms)):
        for j in range(i + 1, len(terms)):
            rest = set(output).union(*(set(t) for k, t in enumerate(terms) if k not in (i, j)))
            union = set(terms[i]) | set(terms[j])
            candidate = (cost(union & rest), cost(union), i, j)
            best = candidate if best is None or candidate < best else best
    assert best is not None
    return best[2], best[3]


# -- np.linalg ------------------------------------------------------------------------------------
def float_matrix(a: Any, square: bool = True) -> Tracer:
    """The operand of a ``np.linalg`` function: matrices of floats."""
    x = _plain(a)
    if x.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if square and not require_equal(
        x.shape[-1], x.shape[-2], "Last 2 dimensions of the array must be square"
    ):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    refuse_half(x)
    return cast(x, x.dtype if x.dtype.kind == "f" else np.float64)


F = TypeVar("F", bound=Callable[..., Any])


def in_double(function: F) -> F:
    """A function of ``np.linalg``: what is in single precision is computed in double, as NumPy does.

    LAPACK is given doubles, and the results are rounded once; so a matrix is singular, or has a
    rank, in double precision.
    """

    @functools.wraps(function)
    def computed(*args: Any, **options: Any) -> Any:
        given = [x for x in (*args, *options.values()) if isinstance(x, (Tracer, np.ndarray))]
        if not given or any(x.dtype != np.float32 for x in given):
            return function(*args, **options)
        wide = {k: _as_double(x) for k, x in options.items()}
        return _as_single(function(*map(_as_double, args), **wide))

    return cast_type(F, computed)


def _as_double(x: Any) -> Any:
    return cast(as_array(x), np.float64) if isinstance(x, (Tracer, np.ndarray)) else x


def _as_single(x: Any) -> Any:
    if type(x) is tuple:
        return tuple(map(_as_single, x))
    if isinstance(x, tuple):  # SVDResult and the like
        return type(x)(*map(_as_single, x))
    is_double = isinstance(x, Tracer) and x.dtype == np.float64
    return Tracer(cast(x, np.float32).value, x.form) if is_double else x


def refuse_half(x: Tracer) -> None:
    """Raise for float16 and long doubles, of which LAPACK knows nothing."""
    if x.dtype == np.float16 or x.dtype.itemsize > 8:
        raise TypeError(f"array type {x.dtype} is unsupported in linalg")


_ROUTINES: dict[Any, str] = {
    np.linalg.cholesky: "cholesky",
    np.linalg.inv: "lu",
    np.linalg.solve: "lu",
}


def note_call(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """A function is called that raises for some matrices: the user's ``try`` may be there for it."""
    raising = current_builder().raising
    if raising is None or not any(function is f for f in _ROUTINES) or not args:
        return
    if not all(type(x) is Tracer for x in args) or kwargs.keys() - {"upper"}:
        return  # plain Python answers where it raises
    try:
        x = float_matrix(args[0])
    except (np.linalg.LinAlgError, TypeError):
        return  # as the call itself says
    for other in args[1:]:  # both are of one dtype
        dtype = other.dtype if other.dtype.kind == "f" else np.dtype(np.float64)
        x = cast(x, np.result_type(x.dtype, dtype))
    routine = _ROUTINES[function]
    if kwargs.get("upper"):
        x, routine = primitives.t(x), "upper cholesky"
    x = cast(x, np.float64)  # as it is computed
    raising(lambda: emit("factorises", (x.value,), routine=routine), np.linalg.LinAlgError)


@implements(np.linalg.inv)
@in_double
def inv(a: Any) -> Tracer:
    """``np.linalg.inv``."""
    result: Tracer = emit_tracer("inverse", float_matrix(a))
    return result


@implements(np.linalg.solve)
@in_double
def solve(a: Any, b: Any) -> Tracer:
    """``np.linalg.solve``: b is a vector only if it is 1-d."""
    x, y = float_matrix(a), _plain(b)
    refuse_half(y)
    dtype = np.result_type(x.dtype, y.dtype if y.dtype.kind == "f" else np.float64)
    x, y = cast(x, dtype), cast(y, dtype)
    is_vector = y.ndim == 1
    if is_vector:
        y = structural.reshape(y, (*y.shape, 1))
    if not require_equal(x.shape[-1], y.shape[-2], "solve: sizes differ"):
        raise shape_error(
            "solve: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(m,m),(m,n)->(m,n) (size {y.shape[-2]} is different from {x.shape[-1]})"
        )
    x, y = _batched(x, y, 2, 2)
    result = primitives.solve(x, y)
    return structural.reshape(result, result.shape[:-1]) if is_vector else result


@implements(np.linalg.cholesky)
@in_double
def cholesky(a: Any, /, *, upper: bool = False) -> Tracer:
    """``np.linalg.cholesky``; like NumPy it reads one triangle only."""
    x = float_matrix(a)
    if upper:
        factor = emit_tracer("cholesky", primitives.t(x), upper=True)
        return primitives.t(factor)
    result: Tracer = emit_tracer("cholesky", x)
    return result


@implements(np.linalg.slogdet)
@in_double
def slogdet(a: Any) -> Any:
    """``np.linalg.slogdet``."""
    from numpy.linalg._linalg import SlogdetResult

    sign, logabs = emit_tracer("slogdet", float_matrix(a))
    return SlogdetResult(sign, logabs)


@implements(np.linalg.det)
@in_double
def det(a: Any) -> Tracer:
    """``np.linalg.det``: of small matrices by cofactors, else the product of pivots' logarithms."""
    x = float_matrix(a)
    n = x.shape[-1]
    if isinstance(n, int) and n <= 3:
        return _finish(_cofactors(x, n), None)
    return _finish(determinant(x), None)


def _cofactors(x: Tracer, n: int) -> Any:
    # A polynomial in the elements: exact derivatives at singular matrices too.
    if n == 0:
        return functions[np.ones](x.shape[:-2], x.dtype)
    e = [[x[..., i, j] for j in range(n)] for i in range(n)]
    if n == 1:
        return e[0][0]
    if n == 2:
        return e[0][0] * e[1][1] - e[0][1] * e[1][0]
    return (
        e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1])
        - e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0])
        + e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0])
    )


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Tracer:
    """``np.linalg.matrix_power`` by repeated squaring."""
    x = _plain(a)
    if x.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    message = "Last 2 dimensions of the array must be square"
    if not require_equal(x.shape[-1], x.shape[-2], message):
        raise np.linalg.LinAlgError(message)
    try:
        power = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    if power == 0:
        eye = functions[np.eye](x.shape[-1], dtype=x.dtype)
        return broadcast_to(eye, x.shape)
    if power == 1:
        return array_of(a)  # itself, no copy
    if power < 0:
        x, power = inv(x), -power
    result = None
    while power:
        if power & 1:
            result = x if result is None else matmul(result, x)
        power >>= 1
        if power:
            x = matmul(x, x)
    assert result is not None
    return Tracer(result.value, "array")


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Tracer:
    """``np.linalg.multi_dot``: the order of products by dynamic programming."""
    xs = [as_array(a) for a in arrays]
    if len(xs) < 2:
        raise ValueError("Expecting at least two arrays.")
    first_is_vector, last_is_vector = xs[0].ndim == 1, xs[-1].ndim == 1
    for x in xs if len(xs) > 2 else ():
        if x.ndim != 2 and not (x.ndim == 1 and (x is xs[0] or x is xs[-1])):
            raise np.linalg.LinAlgError(
                f"{x.ndim}-dimensional array given. Array must be two-dimensional"
            )
    if first_is_vector:
        xs[0] = reshape(xs[0], (1, xs[0].shape[0]))
    if last_is_vector:
        xs[-1] = reshape(xs[-1], (xs[-1].shape[0], 1))
    sizes = [x.shape[0] for x in xs] + [xs[-1].shape[1]]
    plan = _chain([n if isinstance(n, int) else 64 for n in sizes])

    def multiply(i: int, j: int) -> Tracer:
        return xs[i] if i == j else dot(multiply(i, plan[i, j]), multiply(plan[i, j] + 1, j))

    result = multiply(0, len(xs) - 1)
    if first_is_vector and last_is_vector:
        return _finish(reshape(result, ()), out)
    if first_is_vector or last_is_vector:
        result = ravel(result)
    return _finish(result, out)


def _chain(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each sub-chain (Cormen et al., Introduction to Algorithms, section 15.2)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            options = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(options)
    return split


# -- norms --------------------------------------------------------------------------------------
@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:
    """``np.linalg.norm``."""
    a = _plain(x)
    if a.dtype.kind != "f":
        a = cast(a, np.float64)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and a.ndim == 2) or (ord == 2 and a.ndim == 1):
            return _euclidean(a, tuple(range(a.ndim)), keepdims)
        axis = tuple(range(a.ndim))
    if isinstance(axis, list):
        raise TypeError("'axis' must be None, an integer or a tuple of integers")
    axes = normalize_axis_tuple(axis, a.ndim)
    if len(axes) == 1:
        return _vector_norm(a, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(a, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _euclidean(a: Tracer, axes: Axes, keepdims: bool) -> Tracer:
    total = functions[np.sum](pointwise("multiply", a, a), axis=axes, keepdims=keepdims)
    length = pointwise("sqrt", total)
    return Tracer(lengths.with_length(length, a, axes).value, length.form)


def _vector_norm(a: Tracer, ord: Any, axes: Axes, keepdims: bool) -> Tracer:
    size = pointwise("absolute", a)
    if ord is None or ord == 2:
        return _euclidean(a, axes, keepdims)
    options: dict[str, Any] = {"axis": axes, "keepdims": keepdims}
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == np.inf:
        return functions[np.max](size, **options)
    if ord == -np.inf:
        return functions[np.min](size, **options)
    if ord == 0:
        return functions[np.sum](cast(pointwise("not_equal", a, 0), a.dtype), **options)
    if ord == 1:
        return functions[np.sum](size, **options)
    total = functions[np.sum](pointwise("power", size, ord), **options)
    inverse = pointwise("divide", 1.0, ord) if isinstance(ord, Tracer) else 1.0 / ord
    result = pointwise("power", total, cast(inverse, total.dtype))
    scale = _scaled_negative_norm if ord < 0 else _scaled_norm
    scaled = scale(a, size, ord, inverse, axes, keepdims)
    return Tracer(smooth.derived_as(result, scaled).value, result.form)


def _scaled_norm(
    a: Tracer, size: Tracer, ord: Any, inverse: Any, axes: Axes, keepdims: bool
) -> Tracer:
    """The norm of ``a`` over its largest element, times that: what the derivative is taken of.

    Powers of tiny or huge elements are 0 or infinite, and their quotients then NaN.  The scale is a
    constant, as the result does not depend on it.  At zero the derivative is 0, as of the order 2;
    so is the contribution of zeros where the power has an infinite slope or curvature there.
    """
    one, nothing = constant(1, a.dtype), constant(0, a.dtype)
    top = functions[np.max](size, axis=axes, keepdims=True, initial=0.0)
    usable = pointwise("logical_and", pointwise("greater", top, 0), pointwise("isfinite", top))
    infinite = pointwise("isinf", top)
    top = stop(select(usable, top, one))
    # Of an infinite norm the derivative is 0 in both modes, not infinity times 0 in one of them.
    ratio = pointwise("divide", select(infinite, nothing, a if ord % 2 == 0 else size), top)
    zero = pointwise("equal", ratio, 0)
    if ord < 2:
        terms = pointwise("power", select(zero, one, ratio), ord)
        terms = select(zero, nothing, terms)
    else:
        terms = pointwise("power", ratio, ord)
    total = functions[np.sum](terms, axis=axes, keepdims=True)
    none = pointwise("equal", total, 0)
    root = pointwise("power", select(none, one, total), cast(inverse, total.dtype))
    result = select(none, nothing, pointwise("multiply", top, root))
    return result if keepdims else functions[np.squeeze](result, axes)


def _scaled_negative_norm(
    a: Tracer, size: Tracer, ord: Any, inverse: Any, axes: Axes, keepdims: bool
) -> Tracer:
    """The same for a negative order, over the smallest element, which counts most.

    Where that is 0 the norm is 0, and so are its derivatives.
    """
    one, nothing = constant(1, a.dtype), constant(0, a.dtype)
    least = functions[np.min](size, axis=axes, keepdims=True, initial=np.inf)
    usable = pointwise("logical_and", pointwise("greater", least, 0), pointwise("isfinite", least))
    zero = pointwise("equal", least, 0)
    least = stop(select(usable, least, one))
    ratio = pointwise("divide", select(zero, one, size), least)
    total = functions[np.sum](pointwise("power", ratio, ord), axis=axes, keepdims=True)
    root = pointwise("power", total, cast(inverse, total.dtype))
    result = select(zero, nothing, pointwise("multiply", least, root))
    return result if keepdims else functions[np.squeeze](result, axes)


def _matrix_norm(a: Tracer, ord: Any, axes: Axes, keepdims: bool) -> Tracer:
    row, column = axes
    if row == column:
        raise ValueError("Duplicate axes given.")
    if ord in (None, "fro", "f"):
        return _euclidean(a, axes, keepdims)
    if ord in (2, -2, "nuc"):
        moved = functions[np.moveaxis](a, (row, column), (-2, -1))
        # |s|: singular values of 0 are kinks, as is the size of a number.
        values = pointwise("absolute", functions[np.linalg.svd](moved, compute_uv=False))
        reduce = {2: np.max, -2: np.min, "nuc": np.sum}[ord]
        result = functions[reduce](values, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        over, along = (row, column) if abs(ord) == 1 else (column, row)
        sums = functions[np.sum](pointwise("absolute", a), axis=over)
        along -= along > over
        result = functions[np.max if ord > 0 else np.min](sums, axis=along)
    else:
        raise ValueError("Invalid norm order for matrices.")
    if keepdims:
        shape = tuple(1 if k in axes else n for k, n in enumerate(a.shape))
        result = structural.reshape(result, shape)
    return _finish(result, None)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:
    """``np.linalg.vector_norm``."""
    a = _plain(x)
    a = cast(a, a.dtype if a.dtype.kind == "f" else np.float64)
    axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
    return _vector_norm(a, ord, axes, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tracer:
    """``np.linalg.matrix_norm``."""
    a = _plain(x)
    a = cast(a, a.dtype if a.dtype.kind == "f" else np.float64)
    return _matrix_norm(a, ord, (a.ndim - 2, a.ndim - 1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Tracer:
    """``np.linalg.cond``."""
    a = float_matrix(x, square=False)
    if p in (None, 2, -2):
        values = functions[np.linalg.svd](a, compute_uv=False)
        large, small = values[..., 0], values[..., -1]
        found = pointwise("divide", *((small, large) if p == -2 else (large, small)))
    else:
        axes = (a.ndim - 2, a.ndim - 1)
        found = pointwise(
            "multiply", _matrix_norm(a, p, axes, False), _matrix_norm(inv(a), p, axes, False)
        )
    # Of a matrix without any NaN it is infinite where it would be NaN.
    is_given = functions[np.any](pointwise("isnan", a), axis=(-2, -1))
    singular = pointwise(
        "logical_and", pointwise("isnan", found), pointwise("logical_not", is_given)
    )
    return select(singular, constant(np.inf, found.dtype), found, found.dtype)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Tracer:
    """``np.linalg.tensorsolve``."""
    x, y = _plain(a), _plain(b)
    if axes is not None:
        order = [k for k in range(x.ndim) if k not in axes] + list(axes)
        x = functions[np.transpose](x, order)
    rest = x.shape[y.ndim :]
    n = product(rest)
    message = (
        "Input arrays must satisfy the requirement             "
        "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
    )
    if not require_equal(x.size, n * n, message):
        raise np.linalg.LinAlgError(message)
    result = solve(structural.reshape(Tracer(x.value, "array"), (n, n)), ravel(y))
    return Tracer(structural.reshape(result, rest).value, "array")


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Tracer:
    """``np.linalg.tensorinv``."""
    x = _plain(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    n = product(x.shape[ind:])
    if not require_equal(
        product(x.shape[:ind]), n, "Last 2 dimensions of the array must be square"
    ):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    flat = structural.reshape(x, (n, n))
    return Tracer(structural.reshape(inv(flat), x.shape[ind:] + x.shape[:ind]).value, "array")
