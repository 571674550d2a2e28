"""Comparisons of int64 with uint64, and ``where=`` with an ``out`` of another dtype."""

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["native", "numpy"])
SIGNED = np.array([3, -1, 4, -(2**63), 2**63 - 1, 0])
UNSIGNED = np.array([3, 2**64 - 1, 1, 2**63, 2**63 - 1, 0], np.uint64)
COMPARISONS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
X = np.array([0.31, 0.62, 0.0, 0.83, 0.45])
M = X > 0.4


def _agree(f, args, engine) -> None:
    got, want = autodiff.function(f, engine=engine)(*args), f(*args)
    assert type(got) is type(want)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@ENGINES
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda u: u.__name__)
def test_numbers_are_compared_not_bits(compare, engine) -> None:
    for a, b in ((SIGNED, UNSIGNED), (UNSIGNED, SIGNED), (SIGNED[:, None], UNSIGNED)):
        _agree(lambda a, b: compare(a, b), (a, b), engine)
        _agree(lambda a, b: np.where(compare(a, b), 1.0, 2.0), (a, b), engine)
        _agree(lambda a, b: compare(a[1], b[1]), (a, b), engine)


@ENGINES
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda u: u.__name__)
def test_unsigned_arrays_meet_negative_numbers(compare, engine) -> None:
    for dtype in (np.uint8, np.uint32, np.uint64):
        a = np.array([0, 1, 200], dtype)
        _agree(lambda a: compare(a, -1), (a,), engine)
        _agree(lambda a: compare(-1, a), (a,), engine)


BEYOND = (-1, -129, 256, -(2**63) - 1, 2**63, 2**64 - 1, 2**64, -(2**70))


@ENGINES
@pytest.mark.parametrize("number", BEYOND[::3])
def test_numbers_that_the_dtype_does_not_hold_are_compared(number, engine) -> None:
    for array in (SIGNED, UNSIGNED, SIGNED.astype(np.int8), UNSIGNED.astype(np.uint8)):
        _compare_all(array, number, engine)


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize("number", BEYOND)
def test_numbers_that_no_dtype_holds_are_compared(number, engine) -> None:
    for dtype in "bhilBHILfd?":
        _compare_all(SIGNED.astype(dtype), number, engine)


def _compare_all(array, number, engine) -> None:
    def f(v):
        results = []
        for compare in COMPARISONS:
            results += [compare(v, number), compare(number, v), compare(v[1], number)]
        return results

    try:
        want = f(array)
    except OverflowError as error:
        with pytest.raises(OverflowError, match=str(error)):
            autodiff.function(f, engine=engine)(array)
        return
    for got, w in zip(autodiff.function(f, engine=engine)(array), want, strict=True):
        assert type(got) is type(w)
        np.testing.assert_array_equal(got, w)


LARGEST = 2**64 - 1
MADE = {
    "beside a small one": lambda u: np.array([LARGEST, 2, 3], np.uint64) + u,
    "as a row": lambda u: np.array([[LARGEST, 2], [u[0], 4]], np.uint64),
    "with a traced number": lambda u: np.array([u[0], LARGEST], np.uint64),
    "asarray": lambda u: np.asarray([LARGEST, 1, 1], "u8") * u,
    "of no dtype given": lambda u: np.array([2**63, u[0]]),
    "in a stack": lambda u: np.stack([2**63, u[1]]),
    "rounded once": lambda u: np.array([2**53 + 1, 2**24 + 1], np.float32) + u[0],
    "cut": lambda u: np.array([1.7, 2], np.int64) + u[0].astype(np.int64),
}


@ENGINES
@pytest.mark.parametrize("name", MADE)
def test_arrays_of_large_integers_are_made_at_once_of_their_dtype(name, engine) -> None:
    _agree(MADE[name], (np.array([1, 2, 3], np.uint64),), engine)


UFUNCS = {
    "isnan": lambda x, **k: np.isnan(x, **k),
    "isfinite": lambda x, **k: np.isfinite(x, **k),
    "signbit": lambda x, **k: np.signbit(x, **k),
    "less": lambda x, **k: np.less(x, 0.7, **k),
    "equal": lambda x, **k: np.equal(x, x, **k),
    "logical_and": lambda x, **k: np.logical_and(x, 1, **k),
    "logical_not": lambda x, **k: np.logical_not(x, **k),
    "add": lambda x, **k: np.add(x, 0.5, **k),
    "sqrt": lambda x, **k: np.sqrt(x, **k),
}


@ENGINES
@pytest.mark.parametrize("name", UFUNCS)
def test_where_leaves_what_is_in_out(name, engine) -> None:
    f = UFUNCS[name]
    outs = [2.0, np.float32(2.5)] if name in ("add", "sqrt") else [2.0, 3, np.uint8(7), True]
    for out in outs:
        _agree(lambda x, o=out: f(x, where=x > 0.4, out=np.full(5, o)), (X,), engine)


MASKED = {
    "a ufunc": lambda x, m: np.add(x, 1.0, out=np.zeros(5), where=m),
    "a composed ufunc": lambda x, m: np.cbrt(x, out=np.zeros(5), where=m),
    "a sum": lambda x, m: np.sum(x, where=m),
    "a mean": lambda x, m: np.mean(x, where=m),
    "a deviation": lambda x, m: np.std(x, where=m),
    "a maximum": lambda x, m: np.max(x, where=m, initial=0.0),
    "any": lambda x, m: np.any(x > 0.5, where=m),
    "a method": lambda x, m: x.prod(where=m),
    "a copy": lambda x, m: [np.copyto(x, 2.0, where=m), x][1],
}


@ENGINES
@pytest.mark.parametrize("name", MASKED)
def test_an_array_for_where_has_bools(name, engine) -> None:
    made = autodiff.function(MASKED[name], engine=engine)
    for mask in (M.astype(int), M.astype(float), M.astype(np.uint8)):
        with pytest.raises(TypeError, match=f"from dtype.'{mask.dtype}'. to dtype.'bool'."):
            MASKED[name](X.copy(), mask)
        with pytest.raises(TypeError, match=f"from dtype.'{mask.dtype}'. to dtype.'bool'."):
            made(X.copy(), mask)
    for mask in (M, M.tolist()):
        _agree(lambda x, m=mask: MASKED[name](x, m), (X.copy(),), engine)


@ENGINES
def test_what_was_left_has_its_derivative(engine) -> None:
    def f(x):
        return np.sum(np.isnan(x, where=x > 0.4, out=np.full(5, 2.0)) * x)

    np.testing.assert_array_equal(autodiff.gradient(f, engine=engine)(X), np.where(M, 0.0, 2.0))


@ENGINES
def test_where_does_not_let_through_what_may_not_be_cast(engine) -> None:
    with pytest.raises(TypeError, match="Cannot cast ufunc 'add' output"):
        autodiff.function(lambda x: np.add(x, 1, where=x > 0, out=np.zeros(5, int)), engine=engine)(
            X
        )
