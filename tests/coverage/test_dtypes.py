"""Each call of the tables with arguments of other dtypes, layouts and types: what NumPy gives, or its error.

Compared are values, types, dtypes, shapes, whether a result may be written to and has the memory of an
argument, and what is left in the arguments, at a first call and at a second one.
"""

import ast
import copy
import linecache
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.coverage.measure import ARGUMENTS, CONSTANTS, Row, _modules, agree
from tests.coverage.numbers import outcome
from tests.coverage.rows import rows
from tests.ops.support import leaves

DTYPES = (
    "int8", "int16", "int32", "uint8", "uint64", "float16", "float32", "bool", "empty",
    "complex128", "longdouble", "complex64",
)  # fmt: skip
# SciPy's own results depend on what was in memory, or overflow the dtype in C.
_NOT_COMPARED = ("gaussian_laplace", "Rotation", "cossin", "sepfir2d")


def as_dtype(x: Any, dtype: str) -> Any:
    """An argument in another dtype, whole numbers and not negative where it has to be."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub":
        return x
    if dtype == "empty":
        return x[:0].copy() if x.ndim else x
    if np.dtype(dtype).kind == "c":
        x = x + 0.25j * np.flip(x)
    if np.dtype(dtype).kind in "iu":
        x = np.ceil(x)
    return (np.abs(x) if dtype.startswith("u") else x).astype(dtype)


def _first(x: Any) -> Any:
    return x.flat[0] if isinstance(x, np.ndarray) else np.float64(x)


def _of_arrays(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: change(x) if isinstance(x, np.ndarray) else x


def _spaced(x: Any) -> Any:
    wide = np.zeros([2 * n for n in x.shape], x.dtype)[(slice(None, None, 2),) * x.ndim]
    wide[...] = x
    return wide


def _read_only(x: Any) -> Any:
    x = x.copy()
    x.setflags(write=False)
    return x


def _masked(x: Any) -> Any:
    return np.ma.masked_array(x, np.arange(x.size).reshape(x.shape) % 3 == 1)


def _records(x: Any) -> Any:
    made = np.zeros(x.shape, [("a", float), ("b", int)])
    made["a"] = x
    return made


# What an argument is made to be: arrays of another layout, class or kind, numbers, lists.
KINDS: dict[str, Callable[[Any], Any]] = {
    **{d: lambda x, d=d: as_dtype(x, d) for d in (*DTYPES, "int64", "uint16", "uint32")},
    "floats": lambda x: x.tolist() if isinstance(x, np.ndarray) else float(x),
    "ints": lambda x: np.ceil(x).astype(int).tolist(),
    "bools": lambda x: (np.asarray(x) > 0).tolist(),
    "complexes": lambda x: (np.asarray(x) + 1j).tolist(),
    "a float": lambda x: float(_first(x)),
    "an int": lambda x: int(np.ceil(_first(x))),
    "float64": _first,
    "float32 number": lambda x: np.float32(_first(x)),
    "no axes": lambda x: np.array(_first(x)),
    "no columns": _of_arrays(lambda x: x[..., :0].copy()),
    "one": _of_arrays(lambda x: x.flat[:1].reshape((1,) * x.ndim).copy()),
    "not contiguous": _of_arrays(_spaced),
    "Fortran": _of_arrays(np.asfortranarray),
    "backwards": _of_arrays(lambda x: np.flip(x).copy()[(slice(None, None, -1),) * x.ndim]),
    "swapped": _of_arrays(lambda x: x.astype(x.dtype.newbyteorder())),
    "read-only": _of_arrays(_read_only),
    "matrix": _of_arrays(lambda x: np.matrix(x) if x.ndim < 3 else x),
    "masked": _of_arrays(_masked),
    "objects": _of_arrays(lambda x: x.astype(object)),
    "whole objects": _of_arrays(lambda x: np.ceil(x).astype(int).astype(object)),
    "records": _of_arrays(_records),
    "dates": _of_arrays(lambda x: (np.abs(x) * 100).astype(int).astype("M8[D]")),
    "times": _of_arrays(lambda x: (np.abs(x) * 100).astype(int).astype("m8[s]")),
    "texts": _of_arrays(lambda x: x.astype("U5")),
    "NaN": _of_arrays(lambda x: np.where(np.arange(x.size).reshape(x.shape) % 3 == 1, np.nan, x)),
    "zeros": _of_arrays(lambda x: x * 0),
}
# (a part of a call, kinds) where NumPy's own result depends on rounding or on memory, or is of another precision.
_OF_KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("i0(", frozenset({"longdouble"})),
    ("dirichlet(", frozenset({"complex64", "a float", "an int", "float64", "float32 number"})),
    ("shuffle(", frozenset({"masked"})),
    ("hfft(", frozenset({"float16"})),
)


def call_of(row: Row) -> tuple[Any, list[str]]:
    """The call of a row as a function, and the letters of its arguments."""
    tree = ast.parse(row.call)
    *before, last = ast.unparse(tree).split("\n")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    letters = [letter for letter in ARGUMENTS if letter in used]
    lines = [f"def call({', '.join(letters)}):", *(f"    {x}" for x in before)]
    text = "\n".join([*lines, f"    return {last}", ""])
    file = f"<{row.space}.{row.name} {row.call} by dtype>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {**CONSTANTS, **_modules(), "__name__": "coverage"}
    exec(compile(text, file, "exec"), names)
    return names["call"], letters


def _alike(got: Any, want: Any) -> bool:
    """Types, dtypes, shapes, and values but for rounding in the precision that they have."""
    if len(list(leaves(got))) != len(list(leaves(want))):
        return False
    for g, w in zip(leaves(got), leaves(want), strict=True):
        if type(g) is not type(w) or getattr(g, "dtype", None) != getattr(w, "dtype", None):
            return False
        g, w = np.asarray(g), np.asarray(w)
        if g.shape != w.shape:
            return False
        if w.dtype.kind not in "fc":
            if not (np.array_equal(g, w) if w.dtype.kind in "biu" else repr(g) == repr(w)):
                return False
            continue
        largest = np.max(np.abs(w[np.isfinite(w)]), initial=1.0).astype(float)
        near = 64 * float(np.finfo(w.dtype).eps)
        wide = [x.astype(complex) for x in (g, w)]
        if not np.allclose(*wide, rtol=near, atol=near * largest, equal_nan=True):
            return False
    return True


def _told(f: Callable[..., Any], args: list[Any]) -> tuple[Any, Exception | None, Any]:
    """What a call gives or raises, and what shows besides: memory, and the arguments afterwards."""
    args = copy.deepcopy(args)
    kept: list[Any] = []

    def call(*_: Any) -> Any:
        kept.append(f(*args))
        return kept[-1]

    value, raised = outcome(call, [])
    arrays = [x for x in leaves(value) if isinstance(x, np.ndarray)]
    given = [x for x in args if isinstance(x, np.ndarray)]
    flags = [(x.flags.writeable, [np.may_share_memory(x, y) for y in given]) for x in arrays]
    return value, raised, (flags, args)


def _differs(f: Any, compiled: Any, args: list[Any], is_strict: bool) -> str | None:
    """How a compiled call differs from the plain one."""
    want, raised, shown = _told(f, args)
    for _ in range(2 if is_strict else 1):
        got, refused, ours = _told(compiled, args)
        if raised is not None:
            first = str(raised).split("\n")[0]
            if not isinstance(refused, type(raised)) or first not in str(refused):
                return f"{refused or got!r}, not {raised!r}"
        elif refused is not None or not (_alike(got, want) or _equal(got, want)):
            return f"{refused or got!r}, not {want!r}"
        if is_strict and raised is None and ours[0] != shown[0]:
            return f"writeable and shared: {ours[0]}, not {shown[0]}"
        if is_strict and not _alike(ours[1], shown[1]):
            return f"arguments afterwards: {ours[1]}, not {shown[1]}"
    return None


def wrong(row: Row, kind: str, engine: str) -> str | None:
    """What the compiled call does otherwise than the plain one with arguments of a kind."""
    f, letters = call_of(row)
    if any(part in row.call and kind in kinds for part, kinds in _OF_KINDS):
        return None
    try:
        args = [KINDS[kind](ARGUMENTS[letter]) for letter in letters]
    except (TypeError, ValueError):  # no such thing of this argument
        return None
    found = _differs(f, autodiff.function(f, engine=engine), args, row.space.startswith("numpy"))
    return found and f"{row.call} of {kind}, {engine}: {found}"


def _equal(got: Any, want: Any) -> bool:
    types = [[type(x) for x in leaves(r)] for r in (got, want)]
    return types[0] == types[1] and agree(got, want)


_ROWS = [
    row
    for row in rows()
    if row.call and not any(name in row.call for name in _NOT_COMPARED) and call_of(row)[1]
]


def _jobs(space: str) -> list[tuple[Row, str]]:
    kinds = KINDS if space.startswith("numpy") else DTYPES
    return [(row, kind) for row in _ROWS if row.space == space for kind in kinds]


_SPACES = sorted({row.space for row in _ROWS})
_SAMPLES = 6  # of the default run, and calls in each
_SIZE = 30


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(_SAMPLES))
def test_kinds_of_arguments(seed: int) -> None:
    jobs = [job for space in _SPACES if space.startswith("numpy") for job in _jobs(space)]
    engine = "native" if seed == 0 else "numpy"
    found = [wrong(*job, engine) for job in random.Random(seed).sample(jobs, _SIZE)]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", _SPACES)
def test_kinds_of_arguments_of_every_call(space: str) -> None:
    jobs = [(*job, ("native", "numpy")[k % 2]) for k, job in enumerate(_jobs(space))]
    found = [wrong(*job) for job in jobs]
    assert not any(found), "\n".join(filter(None, found))


# -- LAPACK's routines: (the function of a matrix and a vector, in each pair of dtypes) -------------
_MATRIX, _VECTOR = np.array([[5, 1, 2], [1, 6, 1], [2, 1, 7.0]]), np.array([1, 2, 1.0])
_PAIRS = (
    ("int8", "int8"), ("uint8", "int16"), ("int32", "int32"), ("int8", "int32"),
    ("float32", "float32"), ("float32", "int8"), ("int8", "float32"), ("float32", "float64"),
    ("float16", "float16"), ("float64", "int8"), ("float32", "int32"),
)  # fmt: skip


def _of_scipy() -> dict[str, Any]:
    from scipy import linalg

    return {
        "solve": lambda a, b: linalg.solve(a, b),
        "lstsq": lambda a, b: linalg.lstsq(a, b),
        "inv": lambda a, b: linalg.inv(a),
        "pinv": lambda a, b: linalg.pinv(a),
        "triangular": lambda a, b: linalg.solve_triangular(a, b, lower=True),
        "cholesky": lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b),
        "lu": lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
        "singular values": lambda a, b: linalg.svdvals(a),
        "eigenvalues": lambda a, b: linalg.eigvalsh(a),
        "logm": lambda a, b: linalg.logm(a),
        "polar": lambda a, b: linalg.polar(a),
        "banded": lambda a, b: linalg.solve_banded((1, 1), np.stack([b, b + 5, b]), b),
        "cholesky of bands": lambda a, b: linalg.cholesky_banded(np.stack([b * 0, b + 5])),
        "tridiagonal": lambda a, b: linalg.eigh_tridiagonal(b, b[1:]),
        "norm": lambda a, b: [linalg.norm(a), linalg.norm(a, 1), linalg.norm(b)],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        x if k % 5 == 0 else pytest.param(x, marks=pytest.mark.slow)
        for k, x in enumerate(_of_scipy())
    ],
)
def test_the_routine_is_that_of_both_operands(name: str) -> None:
    f = _of_scipy()[name]
    compiled = autodiff.function(f, engine="numpy")
    for pair in _PAIRS:
        args = [x.astype(d) for x, d in zip((_MATRIX, _VECTOR), pair, strict=True)]
        want, raised = outcome(f, args)
        got, refused = outcome(compiled, args)
        assert (type(refused), str(refused)) == (type(raised), str(raised)), pair
        types = [[(type(x), np.asarray(x).dtype) for x in leaves(r)] for r in (got, want)]
        assert types[0] == types[1], pair
