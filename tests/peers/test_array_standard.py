"""Every function of the Python array API standard (2024.12), compiled: all its types, special values, shapes.

The standard says by example what ``atan2(+0, -0)`` or an empty ``prod`` is. NumPy's main namespace follows it, so
what is compared is NumPy's own result: value, sign of zero, type and shape, on both engines.
"""

import itertools
import linecache
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff

# -- the types of the standard, and values that decide ------------------------------------------------
FLOATS = "float32 float64"
COMPLEX = "complex64 complex128"
SIGNED = "int8 int16 int32 int64"
INTEGERS = f"{SIGNED} uint8 uint16 uint32 uint64"
REALS = f"{INTEGERS} {FLOATS}"
NUMBERS = f"{REALS} {COMPLEX}"
KINDS = {
    "floats": FLOATS, "inexact": f"{FLOATS} {COMPLEX}", "complex": COMPLEX, "reals": REALS,
    "numbers": NUMBERS, "bits": f"bool {INTEGERS}", "integers": INTEGERS, "bool": "bool",
    "all": f"bool {NUMBERS}", "ordered": f"bool {REALS}",
}  # fmt: skip


def special(dtype: str) -> np.ndarray:
    """The values of a type at which functions change what they do."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.array([True, False, True])
    if kind in "iu":
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 7, info.max, info.min, info.max // 2, info.min // 3], dtype)
    if kind == "f":
        info = np.finfo(dtype)  # type: ignore[assignment]
        values = [
            0.0,
            0.5,
            1.0,
            1.5,
            2.5,
            3.0,
            np.pi,
            100.25,
            info.max,
            info.tiny,
            info.eps,
            np.inf,
        ]
        return np.array([s * v for v in values for s in (1, -1)] + [np.nan], dtype)
    parts = [0.0, -0.0, 1.0, -1.5, 3.0, np.inf, -np.inf, np.nan]
    return np.array([complex(a, b) for a in parts for b in parts], dtype)


def ordinary(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Small numbers in an order that is not sorted, some of them twice."""
    count = int(np.prod(shape))
    values = (np.arange(count) * 7) % 5 + (0 if np.dtype(dtype).kind in "bu" else -2)
    if np.dtype(dtype).kind in "fc":
        values = values * 0.75
    found = values.astype(dtype).reshape(shape)
    return found * np.asarray(1 + 0.5j, dtype) if np.dtype(dtype).kind == "c" else found


# -- the functions ------------------------------------------------------------------------------------
# Elementwise: kinds of types -> names, on special values; of two arrays, on all pairs of them.
UNARY = """
numbers: abs square negative positive sign reciprocal
inexact: acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 sin sinh sqrt tan tanh
floats: signbit
reals: ceil floor trunc
numbers: round isfinite isinf isnan
complex: conj imag real
bits: bitwise_invert
bool: logical_not
"""
BINARY = """
numbers: add subtract multiply equal not_equal
inexact: divide pow
floats: atan2 copysign hypot logaddexp nextafter
reals: floor_divide remainder maximum minimum less less_equal greater greater_equal
bits: bitwise_and bitwise_or bitwise_xor
integers: bitwise_left_shift bitwise_right_shift
bool: logical_and logical_or logical_xor
"""
# Calls of x (and y, of the same type), on ordinary numbers of all shapes named.
SHAPES: dict[str, tuple[int, ...]] = {
    "0": (), "e": (0,), "v": (5,), "m": (3, 4), "s": (3, 3), "c": (2, 3, 2), "n": (2, 0, 3),
}  # fmt: skip
CALLS = """
numbers 0evmcn: np.sum(x); np.prod(x); np.sum(x, axis=-1) if x.ndim else x; np.prod(x, axis=0, keepdims=True) if x.ndim else x
reals 0vmc: np.max(x); np.min(x); np.max(x, axis=0) if x.ndim else x; np.min(x, axis=-1, keepdims=True) if x.ndim else x
inexact 0vmc: np.mean(x); np.mean(x, axis=-1) if x.ndim else x
floats 0vmc: np.std(x); np.var(x); np.var(x, axis=0, correction=1) if x.ndim else x
numbers evm: np.cumulative_sum(x, axis=0); np.cumulative_prod(x, axis=0); np.cumulative_sum(x, axis=-1, include_initial=True)
all 0evmcn: np.all(x); np.any(x); np.all(x, axis=0) if x.ndim else x; np.any(x, axis=-1, keepdims=True) if x.ndim else x
ordered vmc: np.argmax(x); np.argmin(x); np.argmax(x, axis=0); np.argmin(x, axis=-1, keepdims=True)
all 0evmc: np.count_nonzero(x); np.nonzero(x) if x.ndim else x; np.where(x != 0, x, x[::-1]) if x.ndim else x
reals v: np.searchsorted(np.sort(x), x); np.searchsorted(np.sort(x), x, side='right')
ordered evmc: np.sort(x); np.sort(x, axis=0); np.argsort(x, stable=True); np.argsort(x, axis=0, stable=True)
ordered evm: np.unique_values(x); np.unique_counts(x); np.unique_inverse(x); np.unique_all(x)
reals m: np.sort(x, axis=1)[:, ::-1]; np.isin(x, x[0]); np.diff(x, axis=1); np.diff(x, n=2, axis=0)
all vmc: np.take(x, np.array([1, 0, 1]), axis=0); np.flip(x); np.flip(x, axis=0); np.roll(x, 2); np.roll(x, -1, axis=0)
all vm: np.take_along_axis(x, np.zeros(x.shape, int), axis=0); np.repeat(x, 2); np.repeat(x, 2, axis=0); np.tile(x, (2, 1))
all 0evmcn: np.reshape(x, (-1,)) if x.size else x; np.expand_dims(x, axis=0); np.squeeze(np.expand_dims(x, axis=-1), axis=-1)
all mc: np.concat([x, x], axis=1); np.concat([x, x], axis=None); np.stack([x, x], axis=1); np.unstack(x, axis=1); np.moveaxis(x, 0, -1)
all ms: np.matrix_transpose(x); np.permute_dims(x, (1, 0)); np.tril(x, k=1); np.triu(x, k=-1); np.linalg.diagonal(x, offset=1)
all 0evm: np.broadcast_to(x, (2, *x.shape)); np.broadcast_arrays(x, np.zeros((1,) * x.ndim)); np.astype(x, np.float32) if x.dtype.kind != 'c' else x
all 0evm: np.zeros_like(x); np.ones_like(x); np.full_like(x, 1); np.empty_like(x).shape; np.asarray(x, copy=True); np.astype(x, np.complex128)
numbers ms: np.matmul(x, np.matrix_transpose(x)); np.tensordot(x, x, axes=((0, 1), (0, 1))); np.vecdot(x, x); np.linalg.outer(x[0], x[1])
numbers s: np.linalg.matrix_power(x, 3); np.linalg.trace(x); np.linalg.cross(x, x[::-1]); np.vecdot(x, x, axis=0)
inexact s: np.linalg.det(x + 3 * np.eye(3, dtype=x.dtype)); np.linalg.inv(x + 5 * np.eye(3, dtype=x.dtype)); np.linalg.solve(x + 5 * np.eye(3, dtype=x.dtype), x)
inexact s: np.linalg.cholesky(x @ np.conj(x.T) + 9 * np.eye(3, dtype=x.dtype)); np.linalg.slogdet(x + 5 * np.eye(3, dtype=x.dtype)); np.linalg.pinv(x + 5 * np.eye(3, dtype=x.dtype))
inexact sm: np.linalg.svdvals(x); np.linalg.matrix_norm(x); np.linalg.matrix_norm(x, ord=1); np.linalg.matrix_rank(x); np.linalg.vector_norm(x, ord=3, axis=0)
inexact s: np.linalg.eigvalsh(x + np.conj(x.T)); np.abs(np.linalg.qr(x + 5 * np.eye(3, dtype=x.dtype))[1]); np.linalg.vector_norm(x, ord=0)
inexact vm: np.fft.fft(x); np.fft.ifft(x, norm='ortho'); np.fft.fftn(x); np.fft.ifftn(x); np.fft.fftshift(x); np.fft.ifftshift(x); np.fft.irfft(x); np.fft.hfft(x)
floats vm: np.fft.rfft(x); np.fft.rfftn(x); np.fft.irfftn(np.fft.rfftn(x), s=x.shape); np.fft.ihfft(x); np.clip(x, -1.0, 1.0); np.clip(x, None, x * 0)
reals vm: np.clip(x, 0, 1); np.clip(x, x[::-1], None); np.maximum(x, 1); np.minimum(1, x); np.where(x > 0, x, 0)
reals 0m: np.meshgrid(x, x); x + 1; 2 * x; x // 2; x % 3; -x if x.dtype.kind != 'u' else x; abs(x); x == 1; x < 2
floats 0vm: x / 2; 1.5 - x; x ** 2; 2.0 ** x; x // 0.3; x % 0.3; -x; +x; abs(x)
integers 0v: x & 3; x | 1; x ^ 5; ~x; x << 2; x >> 1; int(x.ravel()[0]); float(x.ravel()[0]); bool(x.ravel()[0])
numbers 0v: complex(x.ravel()[0]); x.real if x.dtype.kind == 'c' else x; np.result_type(x, np.float32) == np.float64; np.isdtype(x.dtype, 'integral')
numbers m: x[1]; x[:, 1]; x[..., None]; x[::-2, 1:3]; x[np.array([0, 2])]; x[np.asarray(x != 0)]; x[x.shape[0] - 1, -1]; x.T; x.mT
all 0vm: np.ones(x.shape, dtype=x.dtype); np.zeros(x.shape, dtype=x.dtype); np.full(x.shape, 1, dtype=x.dtype); np.empty(x.shape, dtype=x.dtype).shape; np.eye(2, 3, k=1, dtype=x.dtype)
numbers vm: np.from_dlpack(x); np.from_dlpack(x) * 2
reals v: np.arange(x.shape[0], dtype=x.dtype); np.arange(0, x.shape[0], 2, dtype=x.dtype); np.can_cast(x.dtype, np.float64); np.can_cast(x.dtype, np.int8)
inexact v: np.linspace(0, x.shape[0], 4, dtype=x.dtype); np.linspace(x[0], x[1], 3); np.linspace(0, 1, x.shape[0], endpoint=False); np.finfo(x.dtype).eps * x; np.finfo(x.dtype).max; np.finfo(x.dtype).smallest_normal
integers v: np.iinfo(x.dtype).max; np.iinfo(x.dtype).min; np.isdtype(x.dtype, ('integral', 'bool')); np.result_type(x, np.int32)
floats v: np.fft.fftfreq(x.shape[0], d=0.5); np.fft.rfftfreq(x.shape[0]); x * np.fft.fftfreq(x.shape[0]); np.nan * x; np.inf * x; x * np.pi; x * np.e; x[np.newaxis]
numbers ms: np.linalg.matmul(x, np.linalg.matrix_transpose(x)); np.linalg.tensordot(x, x, axes=2); np.linalg.vecdot(x, x); np.linalg.matrix_transpose(x); np.tensordot(x, x, axes=0)
inexact s: np.linalg.eigh(x @ np.conj(x.T) + np.diag(np.arange(3)).astype(x.dtype))[0]; np.linalg.svd(x)[1]; np.linalg.svd(x, full_matrices=False).S; np.linalg.qr(x, mode='r').shape
numbers vm: np.sum(x, dtype=np.complex128); np.prod(x, dtype=np.complex64); np.cumulative_sum(x, axis=0, dtype=np.complex128); np.diff(x, prepend=x[:1], axis=0); np.diff(x, append=x[-1:], axis=0)
ordered v: np.searchsorted(x, x, sorter=np.argsort(x)); np.sort(x, stable=False); np.max(x, keepdims=True); np.argmax(x, keepdims=True); np.repeat(x, np.arange(x.shape[0])); np.roll(x, (1,), axis=(0,))
all m: np.roll(x, (1, 2), axis=(0, 1)); np.flip(x, axis=(0, 1)); np.squeeze(x[None, :, None], axis=(0, 2)); np.moveaxis(x, (0, 1), (1, 0)); np.expand_dims(x, axis=(0, 2)); np.count_nonzero(x, axis=0); np.any(x, axis=(0, 1)); np.all(x, axis=(), keepdims=True)
bits 0vm: x & x; x | x; x ^ x; ~x
numbers m: x.shape; x.ndim; x.size; x.dtype == np.float64; x @ x.T; x + x.T[0, 0]; x.mT @ x; x.device; x.to_device('cpu')
inexact em: np.mean(x, keepdims=True); np.sum(x, axis=(), keepdims=True); np.prod(x, axis=None); np.mean(x, axis=0)
"""


def _named(table: str) -> Iterator[tuple[str, str]]:
    for line in table.strip().splitlines():
        kinds, _, names = line.partition(": ")
        yield from ((kinds, name) for name in names.split())


def function_of(text: str) -> Callable[..., Any]:
    """``text`` as a function of ``x`` and ``y``."""
    source = f"def f(x, y):\n    return {text}\n"
    file = f"<array standard {text}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"np": np}
    exec(compile(source, file, "exec"), names)
    return names["f"]  # type: ignore[no-any-return]


def rows() -> Iterator[tuple[str, str, str]]:
    """A text, a type, and which arguments it takes."""
    for kinds, name in _named(UNARY):
        for dtype in KINDS[kinds].split():
            yield f"np.{name}(x)", dtype, "special"
    for kinds, name in _named(BINARY):
        for dtype in KINDS[kinds].split():
            yield f"np.{name}(x, y)", dtype, "pairs"
    for line in CALLS.strip().splitlines():
        (kinds, shapes), _, texts = line.partition(": ")[0].split(), "", line.partition(": ")[2]
        for text, dtype, shape in itertools.product(
            texts.split("; "), KINDS[kinds].split(), shapes
        ):
            yield text, dtype, shape


def arguments(text: str, dtype: str, which: str) -> tuple[np.ndarray, np.ndarray]:
    """What a row is called with."""
    if which in SHAPES:
        return ordinary(dtype, SHAPES[which]), ordinary(dtype, SHAPES[which])
    x = special(dtype)
    y = x[: 12 if dtype.startswith("complex") else None]
    if "shift" in text:
        y = np.array([0, 1, 3, 7], dtype)
    if which == "pairs":
        x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(x[:, None], y))
        if "floor_divide" in text or "remainder" in text or "divide" in text:
            keep = (y != 0) | (np.dtype(dtype).kind in "fc")
            x, y = x[keep], y[keep]
    return x, y


def parts(result: Any) -> list[Any]:
    """The leaves of a result."""
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in parts(item)]
    return [result]


_EXACT = frozenset(
    "square negative positive sign floor ceil trunc round isfinite isinf isnan real imag conj add "
    "subtract multiply maximum minimum equal not_equal less greater copysign nextafter floor_divide "
    "remainder bitwise_and logical_or reciprocal".split()
)


def ulps(text: str, dtype: str) -> int:
    """How many units in the last place may differ: elementary functions, and sums in another order."""
    call = re.fullmatch(r"np\.(\w+)\((x|x, y)\)", text)
    if call is None:
        return 1000 if "linalg" in text else 64
    exact = call[1] in _EXACT or (call[1] == "abs" and dtype not in COMPLEX.split())
    return 0 if exact else 4


def same(found: Any, wanted: Any, allowed: int) -> bool:
    """Whether results agree: type, shape, values, and the signs of zeros of what is exact."""
    if type(found) is not type(wanted):
        return False
    f, w = np.asarray(found), np.asarray(wanted)
    if (f.dtype, f.shape) != (w.dtype, w.shape):
        return False
    if w.dtype.kind == "c":
        pairs = ((f.real, w.real), (f.imag, w.imag))
        scale = np.maximum(np.abs(w), 1) if allowed else None
        return all(_close(a, b, allowed, scale) for a, b in pairs)
    return np.array_equal(f, w) if w.dtype.kind != "f" else _close(f, w, allowed, None)


def _close(f: np.ndarray, w: np.ndarray, allowed: int, scale: Any) -> bool:
    with np.errstate(all="ignore"):
        settled = (f == w) | (np.isnan(f) & np.isnan(w))
        if allowed == 0 or allowed == 4:
            zeros = (w == 0) & (f == 0)
            settled &= ~zeros | (np.signbit(f) == np.signbit(w))
        unit = (
            np.spacing(np.abs(w))
            if scale is None
            else scale.astype(w.dtype) * np.finfo(w.dtype).eps
        )
        if allowed > 4:
            unit = np.maximum(
                unit,
                np.finfo(w.dtype).eps
                * max(1.0, float(np.max(np.abs(w), initial=0.0, where=np.isfinite(w)))),
            )
        return bool(np.all(settled | (np.abs(f - w) <= allowed * unit)))


def difference(text: str, dtype: str, which: str, engine: str) -> str:
    """What differs from NumPy; empty where nothing does."""
    f, (x, y) = function_of(text), arguments(text, dtype, which)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            wanted: Any = f(x.copy(), y.copy())
        except (TypeError, ValueError) as error:
            wanted = error
        try:
            found: Any = autodiff.function(f, engine=engine)(x.copy(), y.copy())
        except Exception as error:
            found = error
    if isinstance(wanted, Exception) or isinstance(found, Exception):
        agree = isinstance(wanted, Exception) and isinstance(found, type(wanted))
        return (
            "" if agree else f"{text} {dtype} {which} {engine}: {found!r:.200}, not {wanted!r:.200}"
        )
    got, want = parts(found), parts(wanted)
    for g, w in itertools.zip_longest(got, want):
        if not same(g, w, ulps(text, dtype)):
            return f"{text} {dtype} {which} {engine}: {_at(g, w)}"
    return ""


def _at(g: Any, w: Any) -> str:
    f, v = np.asarray(g), np.asarray(w)
    if f.shape != v.shape or f.dtype != v.dtype or not v.size:
        return f"{type(g).__name__} {f.dtype}{f.shape}, not {type(w).__name__} {v.dtype}{v.shape}"
    other = ~((f == v) | ((f != f) & (v != v)))
    return f"{f[other][:4]}, not {v[other][:4]}"


ROWS = list(rows())


# Every function of the standard, the two extensions with their names.
STANDARD = """
arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like
astype can_cast finfo iinfo isdtype result_type take take_along_axis matmul matrix_transpose tensordot vecdot
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or
bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater
greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not
logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder
round sign signbit sin sinh square sqrt subtract tan tanh trunc
broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack
argmax argmin count_nonzero nonzero searchsorted where unique_all unique_counts unique_inverse unique_values argsort sort
cumulative_prod cumulative_sum max mean min prod std sum var all any diff
linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eigh linalg.eigvalsh linalg.inv linalg.matmul
linalg.matrix_norm linalg.matrix_power linalg.matrix_rank linalg.matrix_transpose linalg.outer linalg.pinv linalg.qr
linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm
fft.fft fft.ifft fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfftn fft.irfftn fft.hfft fft.ihfft fft.fftfreq
fft.rfftfreq fft.fftshift fft.ifftshift
"""


def test_the_table_has_every_function_of_the_standard() -> None:
    texts = " ".join({text for text, _, _ in ROWS})
    assert [name for name in STANDARD.split() if f"np.{name}(" not in texts] == []
    assert len(ROWS) > 5000


@pytest.mark.parametrize("at", range(40, len(ROWS), 97))
def test_a_call_is_what_the_standard_says(at: int) -> None:
    assert not difference(*ROWS[at], ("native", "numpy")[at % 2])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("text", sorted({text for text, _, _ in ROWS}))
def test_every_call_is_what_the_standard_says(text: str, engine: str) -> None:
    found = [difference(*row, engine) for row in ROWS if row[0] == text]
    assert not any(found), "\n".join(f for f in found if f)
