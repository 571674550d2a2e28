"""Every pointwise entry on every dtype it takes, against the reference engine."""

import importlib
import itertools
import warnings

import numpy as np
import pytest

from autodiff.errors import DtypeError
from autodiff.ir import ArrayType, Program
from autodiff.ops import special_rows
from autodiff.ops.builder import building
from autodiff.ops.entries import ENTRIES, Bilinear, Entry, Pointwise

from .programs import assert_engines_agree

DTYPES = [np.dtype(c) for c in "?bBhHiIqQfd"]
# Rows of SciPy's functions, of which either engine calls the same C function, have tests of their own.
for _module in special_rows.MODULES:
    importlib.import_module(_module)
ROWS = {name for row in special_rows.ROWS.values() for name in row.operations}
NAMES = [
    n
    for n, e in ENTRIES.items()
    if isinstance(e.lowering, Pointwise) and n not in ROWS and not n.startswith("scipy_complex_")
]
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (7,), (3, 5)]
# Where both operands are infinite or zero the reference's C library and NumPy loops themselves differ by platform.
SPECIAL = {
    "f": [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 1e300, -1e-300],
    "i": [0, 1, -1, 2, 100],
}


def signatures(name: str) -> list[tuple[np.dtype, ...]]:
    """The operand dtypes (all equal, and NumPy's loop is of that dtype) that an entry takes."""
    entry = ENTRIES[name]
    if name == "select":
        return [(np.dtype(bool), d, d) for d in DTYPES]
    if name == "cast":
        return [(d,) for d in DTYPES]
    if entry.ufunc is None:
        partials = getattr(entry.derivative, "rules", ())
        count = 2 if isinstance(entry.derivative, Bilinear) else max(len(partials), 1)
        return [(np.dtype(d),) * count for d in "fd"]
    found = []
    for dtype in DTYPES:
        operands = (dtype,) * entry.ufunc.nin
        try:
            loop = entry.ufunc.resolve_dtypes((*operands, None))
        except TypeError:
            continue
        if loop[:-1] == operands:
            found.append(operands)
    return found


def operand(
    entry: Entry, k: int, dtype: np.dtype, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    low, high = entry.samples.domain[k % len(entry.samples.domain)]
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        return rng.uniform(low, high, shape).astype(dtype)
    return rng.integers(0 if dtype.kind == "u" else -9, 9, shape).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_pointwise_agrees_with_numpy(name: str, rng: np.random.Generator) -> None:
    entry = ENTRIES[name]
    cases = list(itertools.product(signatures(name), SHAPES))
    if name == "power":  # integer powers are long: one shape each
        cases = [(d, s) for d, s in cases if d[0].kind == "f" or s == (7,)]
    assert cases
    with building() as builder:
        arguments = []
        for dtypes, shape in cases:
            operands = []
            for k, dtype in enumerate(dtypes):
                operands.append(builder.parameter(ArrayType(dtype, shape)))
                arguments.append(operand(entry, k, dtype, shape, rng))
            targets = [{"dtype": d} for d in DTYPES] if name == "cast" else [{}]
            for attributes in targets:
                builder.block.outputs += builder.emit(name, tuple(operands), attributes)
    if name in ("power", "left_shift", "right_shift"):
        arguments = [np.abs(a) if a.dtype.kind == "i" else a for a in arguments]
    assert_engines_agree(Program(builder.block), arguments, rtol=1e-15 * 8)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("cast", "select")])
def test_pointwise_special_values(name: str) -> None:
    entry = ENTRIES[name]
    with building() as builder:
        arguments = []
        for dtypes in signatures(name):
            if dtypes[0].kind not in "fi" or name in ("power", "left_shift", "right_shift"):
                continue
            with np.errstate(over="ignore", under="ignore"):
                values = np.array(SPECIAL[dtypes[0].kind]).astype(dtypes[0])
            # SciPy takes as many steps as the order says (minutes); it raises an OverflowError.
            if name in ("scipy_yn", "scipy_nbinom_pmf"):
                values = values[(np.abs(values) < 1e3) & (np.abs(values) > 0.1)]
            last = [values[:3]] * (len(dtypes) - 2)
            grids = [g.ravel() for g in np.meshgrid(*[values] * min(len(dtypes), 2), *last)]
            operands = tuple(builder.parameter(ArrayType(g.dtype, g.shape)) for g in grids)
            arguments += grids
            builder.block.outputs += builder.emit(name, operands, {})
    if not arguments:
        pytest.skip("no floating-point or signed signature")
    assert entry.name == name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert_engines_agree(Program(builder.block), arguments, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_casts_of_numbers_out_of_range_are_what_numpy_gives(dtype: str) -> None:
    x = np.array(
        [np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, -(2.0**31), 2.0**40, 300.7, -300.7, -0.9],
        dtype,
    )
    with building() as builder:
        value = builder.parameter(ArrayType(x.dtype, x.shape))
        for target in "qil":
            builder.block.outputs += builder.emit("cast", (value,), {"dtype": np.dtype(target)})
    assert_engines_agree(Program(builder.block), [x])


def test_complex_elements_are_refused() -> None:
    with building() as builder:
        value = builder.parameter(ArrayType(np.dtype(float), (3,)))
        with pytest.raises(DtypeError):
            builder.emit("cast", (value,), {"dtype": np.dtype(complex)})
