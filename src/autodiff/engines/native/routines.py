"""NumPy's own routines for matrices and for lines of arrays, called without Python.

    eigh, svd, singular_values, qr      numpy.linalg: LAPACK as NumPy was built with it
    real_eig, real_eigenvalues          the same; eigenvalues and vectors are complex, as pairs
    fft, rfft, irfft                    numpy.fft: pocketfft
    sort, argsort                       the functions of a dtype

``np.linalg`` and ``np.fft`` are generalised ufuncs: behind each signature is a C function ``loop(args, dimensions,
steps, data)`` for arrays in memory, as behind every ufunc (`ufunc_calls`), and a dtype holds functions that
sort.  Called from a kernel they give NumPy's values bit by bit, without the four to fifteen microseconds that a call
through Python takes (`host`).

    dimensions    how many problems, then each letter of ``(m,n)->(m,p),(p),(p,n)`` in the order in which it first appears
    steps         bytes from one problem to the next for each argument, then along each axis of each argument

A routine of linear algebra says by the processor's flag of an invalid operation that it has failed, and hides
all others, so the flags are put back after the call.  What transforms meet shows in the flags, as in NumPy.

Not here: single precision, which NumPy computes in double precision, of transforms where they are not scaled; what a
NumPy lacks or has with another signature.  Both are calls of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from autodiff.dims import Dim, Extent, bounds, minimum, product
from autodiff.engines.native import flags, small_matrices, symbols
from autodiff.engines.native.generator import Generator
from autodiff.engines.native.storage import Buffer
from autodiff.engines.native.writer import register_type
from autodiff.errors import InternalError
from autodiff.ir.data import Operation, Value

_LINALG = "numpy.linalg._umath_linalg"
_FFT = "numpy.fft._pocketfft_umath"
_CALL = "autodiff.routine"

# Whether the loop has failed; flags are left as they were.
_ON_X86 = f"""\
define internal i1 @{_CALL}(ptr %loop, ptr %arguments, ptr %dimensions, ptr %steps, ptr %data) noinline nounwind {{
  %before = alloca i32, align 4
  %other = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %before)
  call void %loop(ptr %arguments, ptr %dimensions, ptr %steps, ptr %data)
  call void @llvm.x86.sse.stmxcsr(ptr %other)
  %register = load i32, ptr %other
  %invalid = trunc i32 %register to i1
  call void @llvm.x86.sse.ldmxcsr(ptr %before)
  ret i1 %invalid
}}"""
_ELSEWHERE = f"""\
define internal i1 @{_CALL}(ptr %loop, ptr %arguments, ptr %dimensions, ptr %steps, ptr %data) noinline nounwind {{
  %flags = alloca [64 x i8], align 16
  %held = call i32 @feholdexcept(ptr %flags)
  call void %loop(ptr %arguments, ptr %dimensions, ptr %steps, ptr %data)
  %raised = call i32 @fetestexcept(i32 1)
  %invalid = icmp ne i32 %raised, 0
  %restored = call i32 @fesetenv(ptr %flags)
  ret i1 %invalid
}}"""


# -- calling a loop -------------------------------------------------------------------------------
def _has(path: str, signature: str, types: str) -> bool:
    """Whether this NumPy has a generalised ufunc with such axes and a loop for such types."""
    try:
        ufunc = symbols.ufunc_of(path)
    except (ImportError, InternalError):
        return False
    return ufunc.signature == signature and types in ufunc.types


def _loop(g: Generator, path: str, types: str) -> tuple[str, str]:
    """The names of a loop and of its data."""
    symbol = f"ufunc.{path}.{types.replace('->', '_')}"
    if f"{symbol}.loop" not in g.w.declared:
        g.w.globals.append(f"@{symbol}.data = external global i8")
    g.w.routines = True
    return g.w.declare(f"{symbol}.loop", "void", "ptr, ptr, ptr, ptr"), f"@{symbol}.data"


def _list(g: Generator, type: str, items: Sequence[str]) -> str:
    """An array of pointers or numbers on the stack."""
    place = g.w.slot(f"[{len(items)} x {type}]")
    for k, item in enumerate(items):
        at = g.w.here(f"getelementptr {type}, ptr {place}, i64 {k}")
        g.w.line(f"store {type} {item}, ptr {at}")
    return place


def _numbers(g: Generator, items: Sequence[Extent]) -> str:
    return _list(g, "i64", [g.w.extent(n) for n in items])


def _matrices(
    g: Generator,
    path: str,
    types: str,
    sizes: Sequence[Extent],
    arguments: Sequence[tuple[Buffer, tuple[Extent, ...]]],
    operation: Operation,
    message: str,
) -> None:
    """Call a loop of linear algebra for all matrices of a batch; ``sizes``: of the letters of its signature.

    An argument is an array with the extents of one of its problems.
    """
    first, axes = arguments[0]
    batch = len(first.shape) - len(axes)
    count = product(first.shape[:batch])
    # A complex number is a pair, of an axis of its own.
    sizes_of = [b.dtype.itemsize << len(b.shape) - batch - len(shape) for b, shape in arguments]
    steps = [product(shape) * size for (_, shape), size in zip(arguments, sizes_of, strict=True)]
    for (_, shape), size in zip(arguments, sizes_of, strict=True):
        steps += [product(shape[k + 1 :]) * size for k in range(len(shape))]
    pointers = [g.memory.address(buffer) for buffer, _ in arguments]
    name, data = _loop(g, path, types)
    definition = _ON_X86 if flags.is_x86() else _ELSEWHERE
    if definition not in g.w.globals:
        g.w.globals.append(definition)
        if flags.is_x86():
            for declaration in flags.DECLARATIONS_OF_THREADS:
                g.w.declared[declaration] = declaration
        else:
            for function in (
                "i32 @feholdexcept(ptr)",
                "i32 @fesetenv(ptr)",
                "i32 @fetestexcept(i32)",
            ):
                g.w.declared[function] = f"declare {function} nounwind"
    failed = g.w.here(
        f"call i1 @{_CALL}(ptr {name}, ptr {_list(g, 'ptr', pointers)}, "
        f"ptr {_numbers(g, (count, *sizes))}, ptr {_numbers(g, steps)}, ptr {data})"
    )
    good = g.w.here(f"xor i1 {failed}, true")
    g.fail_unless(good, message, operation.source)


def _is_positive(n: Extent) -> bool:
    """Whether an extent is at least 1 in every call."""
    if isinstance(n, int):
        return n > 0
    low, _ = bounds(n)
    return low is not None and low >= 1


@contextmanager
def _each(g: Generator, count: Extent) -> Iterator[Extent]:
    """The numbers of some problems, without a loop if there is one."""
    with g.w.scope():
        if isinstance(count, int) and count == 1:
            yield 0
        else:
            with g.w.loop(0, count) as which:
                yield Dim.symbol(which)


def _places(g: Generator, operation: Operation) -> list[Buffer]:
    return [g.destination(value) for value in operation.results]


def _bind(g: Generator, operation: Operation, places: Sequence[Buffer]) -> bool:
    for value, place in zip(operation.results, places, strict=True):
        g.bind(value, place)
    return True


# -- decompositions -------------------------------------------------------------------------------
def _decomposed(
    g: Generator, operation: Operation, name: str, signature: str, types: str, message: str
) -> bool:
    """A decomposition whose results are those of the loop."""
    (a,) = operation.operands
    path = f"{_LINALG}.{name}"
    *_, m, n = a.shape
    known = a.dtype == np.float64 and _has(path, signature, types)
    if not (known and _is_positive(m) and _is_positive(n)):
        return False
    matrix, places = g.buffer(a), _places(g, operation)
    batch = len(a.shape) - 2
    if types[-1] == "D":
        _require_finite(g, matrix, operation)
    axes = [len(part.split(",")) for part in signature.partition("->")[2].split("),(")]
    arguments = [
        (matrix, (m, n)),
        *[(p, p.shape[batch : batch + k]) for p, k in zip(places, axes, strict=True)],
    ]
    sizes = (m,) if signature.startswith("(m,m)") else (m, n, minimum(m, n))
    _matrices(g, path, types, sizes, arguments, operation, message)
    return _bind(g, operation, places)


def _eigh(g: Generator, operation: Operation) -> bool:
    name = "eigh_up" if operation.attributes.get("upper") else "eigh_lo"
    message = "Eigenvalues did not converge"
    return _decomposed(g, operation, name, "(m,m)->(m),(m,m)", "d->dd", message)


def _require_finite(g: Generator, matrix: Buffer, operation: Operation) -> None:
    """Fail where an element is infinite or NaN, which NumPy says before it asks LAPACK."""
    count = product(matrix.shape)
    good = small_matrices.is_finite(g.w, matrix.dtype, g.memory.address(matrix, 0, count), count)
    g.fail_unless(good, "Array must not contain infs or NaNs", operation.source)


def _eig(g: Generator, operation: Operation) -> bool:
    message = "Eigenvalues did not converge"
    return _decomposed(g, operation, "eig", "(m,m)->(m),(m,m)", "d->DD", message)


def _eigenvalues(g: Generator, operation: Operation) -> bool:
    message = "Eigenvalues did not converge"
    return _decomposed(g, operation, "eigvals", "(m,m)->(m)", "d->D", message)


def _svd(g: Generator, operation: Operation) -> bool:
    return _decomposed(
        g, operation, "svd_s", "(m,n)->(m,p),(p),(p,n)", "d->ddd", "SVD did not converge"
    )


def thin_svd(
    g: Generator, operation: Operation, values: Value
) -> tuple[Buffer, Buffer, Buffer] | None:
    """``u``, ``s`` and ``vh`` of the operand, for what is computed of them: work memory, and a result's."""
    (a,) = operation.operands
    *batch, m, n = a.shape
    path = f"{_LINALG}.svd_s"
    known = a.dtype == np.float64 and _has(path, "(m,n)->(m,p),(p),(p,n)", "d->ddd")
    if not (known and _is_positive(m) and _is_positive(n)):
        return None
    k = minimum(m, n)
    shapes: tuple[tuple[Extent, ...], ...] = ((m, k), (k,), (k, n))
    u, vh = [g.memory.allocate(a.dtype, (*batch, *shape)) for shape in shapes[::2]]
    made = [u, g.destination(values), vh]
    arguments = [(g.buffer(a), (m, n)), *zip(made, shapes, strict=True)]
    _matrices(g, path, "d->ddd", (m, n, k), arguments, operation, "SVD did not converge")
    return u, made[1], vh


def _singular_values(g: Generator, operation: Operation) -> bool:
    return _decomposed(g, operation, "svd", "(m,n)->(p)", "d->d", "SVD did not converge")


def _qr(g: Generator, operation: Operation) -> bool:
    """``q`` of the reflections that the first loop leaves below ``r``, in a copy of the matrix."""
    (a,) = operation.operands
    *batch, m, n = a.shape
    raw, reduced = f"{_LINALG}.qr_r_raw", f"{_LINALG}.qr_reduced"
    known = _has(raw, "(m,n)->(p)", "d->d") and _has(reduced, "(m,n),(k)->(m,k)", "dd->d")
    if not (a.dtype == np.float64 and known and _is_positive(m) and _is_positive(n)):
        return False
    k = minimum(m, n)
    both = g.memory.allocate(a.dtype, a.shape)
    g.store(a, both)
    scales = g.memory.allocate(a.dtype, (*batch, k))
    q, r = _places(g, operation)
    message = "Incorrect argument found while performing QR factorization"
    _matrices(g, raw, "d->d", (m, n, k), [(both, (m, n)), (scales, (k,))], operation, message)
    arguments = [(both, (m, n)), (scales, (k,)), (q, (m, k))]
    _matrices(g, reduced, "dd->d", (m, n, k), arguments, operation, message)
    with _each(g, product(tuple(batch))) as which, g.w.loop(0, k) as i:
        row = which * (k * n) + Dim.symbol(i) * n
        its = which * (m * n) + Dim.symbol(i) * n
        with g.w.loop(0, Dim.symbol(i)) as j:
            g.memory.store("0.0", r, row + Dim.symbol(j))
        with g.w.loop(Dim.symbol(i), n) as j:
            g.memory.store(g.memory.load(both, its + Dim.symbol(j), False), r, row + Dim.symbol(j))
    return _bind(g, operation, [q, r])


# -- transforms -----------------------------------------------------------------------------------
def _factor(g: Generator, n: Extent, dtype: np.dtype, inverse: bool, norm: str | None) -> str:
    """A pointer to what NumPy multiplies a transform of ``n`` elements by."""
    type = register_type(dtype)
    whole = (norm in (None, "backward")) != inverse if norm != "ortho" else False
    factor = "1.0"
    if not whole:
        length = g.w.here(f"sitofp i64 {g.w.extent(n)} to {type}")
        if norm == "ortho":
            length = g.w.intrinsic("sqrt", type, length)
        factor = g.w.here(f"fdiv {type} 1.0, {length}")
    place = g.w.slot(type)
    g.w.line(f"store {type} {factor}, ptr {place}")
    return place


def _lines(
    g: Generator,
    call: tuple[str, str],
    axis: int,
    given: tuple[Buffer, tuple[Extent, ...], int],
    made: tuple[Buffer, tuple[Extent, ...], int],
    factor: str,
) -> None:
    """Call a transform for the lines along an axis; operand and result with shape and bytes of an item.

    Items lie beside each other behind the axis: these lines are one call for each index before it.
    """
    (x, shape, bytes_of), (y, made_shape, bytes_made) = given, made
    behind = product(shape[axis + 1 :])
    before = product(shape[:axis])
    n, m = shape[axis], made_shape[axis]
    steps = [bytes_of, 0, bytes_made, behind * bytes_of, behind * bytes_made]
    loop, data = call
    one = isinstance(behind, int) and behind == 1
    if one:  # all lines in one call
        steps[0], steps[2] = n * bytes_of, m * bytes_made
    numbers = _numbers(g, (before if one else behind, n, m)), _numbers(g, steps)
    with _each(g, 1 if one else before) as k:
        parts, made_parts = bytes_of // x.dtype.itemsize, bytes_made // y.dtype.itemsize
        read = g.memory.address(x, k * (n * behind * parts), None if one else n * behind * parts)
        write = g.memory.address(
            y, k * (m * behind * made_parts), None if one else m * behind * made_parts
        )
        pointers = _list(g, "ptr", [read, factor, write])
        g.w.line(
            f"call void {loop}(ptr {pointers}, ptr {numbers[0]}, ptr {numbers[1]}, ptr {data})"
        )


def _transform(
    g: Generator, operation: Operation, name: str, signature: str, types: str, inverse: bool
) -> bool:
    (x,), (y,) = operation.operands, operation.results
    axis = operation.attributes["axis"]
    path = f"{_FFT}.{name}"
    of_pairs, made_pairs = types[0] in "DF", types[-1] in "DF"
    shape = x.shape[:-1] if of_pairs else x.shape
    made = y.shape[:-1] if made_pairs else y.shape
    known = x.dtype == np.float64 and _has(path, signature, types)
    if not (known and all(map(_is_positive, (*shape, *made)))):
        return False
    buffer, place = g.buffer(x), g.destination(y)
    longer = made if name == "irfft" else shape
    factor = _factor(g, longer[axis], x.dtype, inverse, operation.attributes["norm"])
    itemsize = x.dtype.itemsize
    _lines(
        g,
        _loop(g, path, types),
        axis,
        (buffer, shape, 2 * itemsize if of_pairs else itemsize),
        (place, made, 2 * itemsize if made_pairs else itemsize),
        factor,
    )
    return _bind(g, operation, [place])


def _fft(g: Generator, operation: Operation) -> bool:
    if operation.attributes["inverse"]:
        return _transform(g, operation, "ifft", "(m),()->(n)", "Dd->D", True)
    return _transform(g, operation, "fft", "(n),()->(m)", "Dd->D", False)


def _rfft(g: Generator, operation: Operation) -> bool:
    n = operation.operands[0].shape[operation.attributes["axis"]]
    if not isinstance(n, int):
        return False  # which of two loops it is depends on the length
    name = "rfft_n_odd" if n % 2 else "rfft_n_even"
    return _transform(g, operation, name, "(n),()->(m)", "dd->D", False)


def _irfft(g: Generator, operation: Operation) -> bool:
    return _transform(g, operation, "irfft", "(m),()->(n)", "Dd->d", True)


# -- sorting --------------------------------------------------------------------------------------
_KINDS = {None: 0, "quicksort": 0, "stable": 2, "mergesort": 2}


def _sorter(family: str, x: Value, axis: int, number: int | None) -> str | None:
    """The symbol of what sorts along an axis as this NumPy does; None where it is not known."""
    is_last = len(x.shape) > 0 and axis in (-1, len(x.shape) - 1)
    if not is_last or number is None or x.dtype.char not in symbols.SORTED:
        return None
    name = f"{family}.{x.dtype.char}.{number}"
    try:
        symbols.address(name)
    except InternalError:
        return None
    return name


def _sort(g: Generator, operation: Operation) -> bool:
    (x,) = operation.operands
    name = _sorter("sort", x, operation.attributes["axis"], 0)
    if name is None:
        return False
    place = g.destination(operation.result)
    g.store(x, place)
    n = x.shape[-1]
    sort = g.w.declare(name, "i32", "ptr, i64, ptr")
    with _each(g, product(x.shape[:-1])) as which:
        line = g.memory.address(place, which * n, n)
        status = g.w.here(f"call i32 {sort}(ptr {line}, i64 {g.w.extent(n)}, ptr null)")
        _require(g, status, operation)
    return _bind(g, operation, [place])


def _argsort(g: Generator, operation: Operation) -> bool:
    (x,) = operation.operands
    how = operation.attributes
    name = _sorter("argsort", x, how["axis"], _KINDS.get(how["algorithm"]))
    if name is None or operation.result.dtype.itemsize != 8:
        return False
    values, place = g.buffer(x), g.destination(operation.result)
    n = x.shape[-1]
    sort = g.w.declare(name, "i32", "ptr, ptr, i64, ptr")
    with _each(g, product(x.shape[:-1])) as which:
        start = which * n
        with g.w.loop(0, n) as j:
            g.memory.store(j.name, place, start + Dim.symbol(j))
        line, order = g.memory.address(values, start, n), g.memory.address(place, start, n)
        status = g.w.here(
            f"call i32 {sort}(ptr {line}, ptr {order}, i64 {g.w.extent(n)}, ptr null)"
        )
        _require(g, status, operation)
    return _bind(g, operation, [place])


def _require(g: Generator, status: str, operation: Operation) -> None:
    """Fail where there was no memory for sorting."""
    good = g.w.here(f"icmp sge i32 {status}, 0")
    g.fail_unless(good, "no memory is left to sort", operation.source)


ROUTINES: dict[str, Callable[[Generator, Operation], bool]] = {
    "eigh": _eigh,
    "real_eig": _eig,
    "real_eigenvalues": _eigenvalues,
    "svd": _svd,
    "singular_values": _singular_values,
    "qr": _qr,
    "fft": _fft,
    "rfft": _rfft,
    "irfft": _irfft,
    "sort": _sort,
    "argsort": _argsort,
}
