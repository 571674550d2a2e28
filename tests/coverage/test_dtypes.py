"""Each call of the tables with arguments of other dtypes and none at all: value, dtype, type and error."""

import ast
import itertools
import linecache
from collections.abc import Iterator
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
_SAMPLE = 260  # one in so many in the default run
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
    for g, w in zip(leaves(got), leaves(want), strict=True):
        if type(g) is not type(w) or getattr(g, "dtype", None) != getattr(w, "dtype", None):
            return False
        g, w = np.asarray(g), np.asarray(w)
        if g.shape != w.shape:
            return False
        if w.dtype.kind not in "fc":
            if not np.array_equal(g, w):
                return False
            continue
        largest = np.max(np.abs(w[np.isfinite(w)]), initial=1.0).astype(float)
        near = 64 * float(np.finfo(w.dtype).eps)
        wide = [x.astype(complex) for x in (g, w)]
        if not np.allclose(*wide, rtol=near, atol=near * largest, equal_nan=True):
            return False
    return True


def wrong(row: Row, dtypes: Any = DTYPES) -> Iterator[str]:
    """The dtypes with which the compiled call does other things than the plain one."""
    f, letters = call_of(row)
    for dtype, engine in zip(dtypes, itertools.cycle(("native", "numpy")), strict=False):
        args = [as_dtype(ARGUMENTS[letter], dtype) for letter in letters]
        want, raised = outcome(f, args)
        got, refused = outcome(autodiff.function(f, engine=engine), args)
        if raised is not None:
            first = str(raised).split("\n")[0]
            same = isinstance(refused, type(raised)) and first in str(refused)
        else:
            same = refused is None and (_alike(got, want) or _equal(got, want))
        if not same:
            yield f"{row.call} of {dtype}, {engine}: {refused or got!r}, not {raised or want!r}"


def _equal(got: Any, want: Any) -> bool:
    types = [[type(x) for x in leaves(r)] for r in (got, want)]
    return types[0] == types[1] and agree(got, want)


_ROWS = [
    row
    for row in rows()
    if row.call and not any(name in row.call for name in _NOT_COMPARED) and call_of(row)[1]
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", range(0, len(_ROWS), _SAMPLE))
def test_dtypes_of_a_call(at: int) -> None:
    found = list(wrong(_ROWS[at], DTYPES[at % 2 :: 4]))
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", sorted({row.space for row in _ROWS}))
def test_dtypes_of_every_call(space: str) -> None:
    found = [text for row in _ROWS if row.space == space for text in wrong(row)]
    assert not found, "\n".join(found)


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
