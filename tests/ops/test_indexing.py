"""Indexing and stores against NumPy: every kind of index, fixed and traced, in and out of bounds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff.dims import Dim
from autodiff.engines.numpy import compile_program
from autodiff.ir import ArrayType, Program, verify
from autodiff.ladder import Bail
from autodiff.ops.builder import building
from autodiff.ops.control import CheckFailed, emit_for
from autodiff.ops.entries import type_rule_of
from autodiff.ops.tracer import Tracer
from tests.ops.support import ENGINES, check_derivatives, check_value, run

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4, 5))
M = rng.normal(size=(3, 4)) > 0
engines = pytest.mark.parametrize("engine", ENGINES)

INDICES = {
    "integer": 1,
    "negative integer": -1,
    "integers": (0, -2, 3),
    "numpy integer": np.int32(2),
    "0-d array": np.array(1),
    "slice": slice(1, 3),
    "open slice": slice(None, -1),
    "step": slice(None, None, 2),
    "negative step": slice(None, None, -1),
    "negative step bounds": (slice(None), slice(3, 0, -2)),
    "beyond the end": (slice(None), slice(2, 99)),
    "empty slice": slice(2, 1),
    "ellipsis": (..., 2),
    "only ellipsis": ...,
    "ellipsis between": (0, ..., slice(1, 3)),
    "new axis": (None, slice(None), None, 1),
    "new axis and ellipsis": (..., None),
    "empty tuple": (),
    "list": [2, 0, 2],
    "negative list": [-1, 0],
    "array": np.array([[0, 1], [2, 0]]),
    "empty list": [],
    "array second": (slice(None), [3, 1]),
    "arrays adjacent": (slice(None), [0, 1, 2], [4, 3, 2]),
    "arrays first": ([0, 1], [2, 3]),
    "arrays apart": ([0, 1], slice(None), [2, 3]),
    "array and integer": ([0, 1], 2),
    "integer and array": (1, slice(None), [2, 3]),
    "integer apart from array": (1, slice(None, 2), [0, 4, 0]),
    "arrays broadcast": (np.array([[0], [2]]), [1, 2, 3]),
    "array and new axis": ([0, 2], None, slice(1, 3)),
    "new axis between arrays": ([0, 2], None, [1, 3]),
    "array and slice with step": ([0, 2], slice(None, None, -2)),
    "mask": M,
    "mask of one axis": [True, False, True],
    "mask second": (slice(None), [True, False, False, True]),
    "mask and integer": (M, 2),
    "mask of everything": rng.normal(size=(3, 4, 5)) > 0.5,
    "empty mask": np.zeros((3, 4), bool),
}


@engines
@pytest.mark.parametrize("name", INDICES)
def test_read(name: str, engine: str) -> None:
    check_value(lambda x: x[INDICES[name]], X, engine=engine)


@pytest.mark.parametrize("name", INDICES)
def test_derivatives_of_reads(name: str) -> None:
    check_derivatives(lambda x: x[INDICES[name]] * 2, X, second=False)


def stored(index: Any, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x * 1
        y[index] = value(x)
        return y

    return f


@engines
@pytest.mark.parametrize("name", INDICES)
def test_store_of_a_scalar(name: str, engine: str) -> None:
    check_value(stored(INDICES[name], lambda x: 7), X, engine=engine)


@pytest.mark.native_one_in(3)
@engines
@pytest.mark.parametrize("name", INDICES)
def test_store_of_an_array(name: str, engine: str) -> None:
    check_value(stored(INDICES[name], lambda x: np.sin(x[INDICES[name]])), X, engine=engine)


@pytest.mark.parametrize("name", INDICES)
def test_derivatives_of_stores(name: str) -> None:
    check_derivatives(
        stored(INDICES[name], lambda x: np.sin(x[INDICES[name]])),
        X,
        second=name in ("list", "slice"),
    )


@pytest.mark.native_one_in(3)
@engines
@pytest.mark.parametrize("name", INDICES)
def test_augmented_store(name: str, engine: str) -> None:
    def f(x):
        y = x * 1
        y[INDICES[name]] += 2.5
        y[INDICES[name]] *= x[INDICES[name]]
        return y

    check_value(f, X, engine=engine)
    if not isinstance(INDICES[name], list | np.ndarray):
        check_derivatives(f, X, engine=engine, second=False)


@pytest.mark.parametrize(
    "value", [[1.0, 2, 3, 4, 5], [[9.0]], 3, True, np.float32(2), np.ones((1, 1, 4, 5))], ids=str
)
def test_stored_values_are_broadcast_and_cast(value: Any) -> None:
    check_value(stored(1, lambda x: value), X)
    check_value(stored(slice(0, 2), lambda x: value), (10 * X).astype(np.int32))


MASKS = {
    "scalar": lambda a, x: a.__setitem__(a > 0, 0.5),
    "row": lambda a, x: a.__setitem__(a[:, :, 0] > 0, x[0, 0] * 2),
    "middle": lambda a, x: a.__setitem__((slice(None), x[0, :, 0] > 0), 1.0),
    "with integer": lambda a, x: a.__setitem__((x[:, 0, 0] > 0, 1), x[2, 3]),
    "of a view": lambda a, x: a[1:, :, 1].__setitem__(a[1:, :, 1] < 0, -9.0),
    "one element": lambda a, x: a.__setitem__(a > 0, np.array([3.0])),
    "selected values": lambda a, x: a.__setitem__(x > 0, np.sin(x[x > 0])),
    "augmented": lambda a, x: a.__setitem__(x > 0, a[x > 0] * 3),
    "with array": lambda a, x: a.__setitem__((slice(None), slice(None), x[0, 0] > 0), 4.0),
}


@engines
@pytest.mark.parametrize("name", MASKS)
def test_stores_through_traced_masks(name: str, engine: str) -> None:
    def f(x):
        a = x * 1
        MASKS[name](a, x)
        return a

    check_value(f, X, engine=engine)
    check_derivatives(f, X, engine=engine)


SELECTIONS = {
    "sum": lambda x: np.sum(x[x > 0] ** 2),
    "mean": lambda x: x[x > 0].mean(),
    "max": lambda x: np.max(x[x < 0.5]),
    "partial mask": lambda x: x[x[:, :, 0] > 0],
    "mask in the middle": lambda x: x[:, x[0, :, 0] > -9],
    "nonzero": lambda x: list(np.nonzero(x > 0)),
    "flatnonzero": lambda x: x.ravel()[np.flatnonzero(x > 1)],
    "two selections": lambda x: x[x > 0] * np.cos(x[x > 0]),
    "argwhere": lambda x: np.argwhere(x > 0),
    "compress": lambda x: np.compress(x[:, 0, 0] > -9, x, axis=0),
    "unique": lambda x: np.unique(np.round(x)),
    "nothing selected": lambda x: x[x > 99].sum(),
}


@engines
@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_of_run_time_size(name: str, engine: str) -> None:
    check_value(SELECTIONS[name], X, engine=engine)
    if name not in ("nonzero", "argwhere", "unique"):
        check_derivatives(SELECTIONS[name], X, engine=engine)


def test_a_maximum_of_no_selected_element_fails_at_run_time() -> None:
    with pytest.raises(CheckFailed, match="zero-size array to reduction operation maximum"):
        run(lambda x: np.max(x[x > 99]), X)


def test_selections_of_different_run_time_sizes_do_not_mix() -> None:
    with pytest.raises(CheckFailed, match="could not be broadcast"):
        run(lambda x: x[x > 0] + x[x > 1], X)


# -- traced integers ------------------------------------------------------------------------------
TRACED = {
    "integer": lambda x, i, j: x[i],
    "integers": lambda x, i, j: x[i, j, 0],
    "beside a slice": lambda x, i, j: x[1:, j],
    "beside an array": lambda x, i, j: x[[0, 1], j],
    "ranges": lambda x, i, j: x[range(2), range(2, 0, -1)],
    "arithmetic": lambda x, i, j: x[i - 1, j + 1],
    "slice": lambda x, i, j: x[:, i:j],
    "slice size": lambda x, i, j: x[:, j:][:, ::-1].sum(),
    "negative step": lambda x, i, j: x[:, j::-1],
    "tail": lambda x, i, j: x[0, -j:],
    "argmax": lambda x, i, j: x[0, np.argmax(x[0], axis=0), [0, 1, 2, 3, 4]],
    "array of positions": lambda x, i, j: x[np.argsort(x[:, 0, 0])],
    "take": lambda x, i, j: np.take(x, i, axis=0),
}
POSITIONS = [(1, 2), (0, 0), (2, 3), (-1, 1)]


def integer(k: Any) -> Any:
    """A number that is traced where ``k`` is: an array element, as a computed index would be."""
    return k[()] if isinstance(k, Tracer) else k


@pytest.mark.parametrize("name", TRACED)
@pytest.mark.parametrize("positions", POSITIONS, ids=str)
def test_traced_positions(name: str, positions: tuple[int, int]) -> None:
    i, j = positions
    if name == "arithmetic" and (i, j) == (2, 3):
        j = 1
    f = lambda x, i, j: TRACED[name](x, integer(i), integer(j))
    check_value(f, X, np.array(i), np.array(j))
    check_derivatives(f, X, np.array(i), np.array(j))


@pytest.mark.parametrize("name", ["integer", "integers", "beside a slice"])
@pytest.mark.parametrize("positions", [(1, 2), (-1, -4)], ids=str)
def test_stores_at_traced_positions(name: str, positions: tuple[int, int]) -> None:
    def f(x, i, j):
        y = x * 1
        i, j = integer(i), integer(j)
        if name == "integer":
            y[i] = x[0]
            y[i] += x[1]
        elif name == "integers":
            y[i, j, 2] = 5
            y[i, j, 2] *= x[0, 0, 0]
        else:
            y[1:, j] += x[0, 0]
        return y

    check_value(f, X, *map(np.array, positions))
    check_derivatives(f, X, *map(np.array, positions))


@pytest.mark.parametrize("bad", [3, -4, 99])
def test_traced_positions_out_of_bounds_fail_at_run_time(bad: int) -> None:
    with pytest.raises(CheckFailed, match="is out of bounds for axis 0 with size 3"):
        run(lambda x, i: x[integer(i)], X, np.array(bad))


# -- inside loops -----------------------------------------------------------------------------------
def rolled(count: int, body: Callable[..., Any], *carries: np.ndarray) -> Program:
    """The program of a loop ``for k in range(count): body(k, *carries)``; the body stores in place."""
    with building() as builder:
        outer = [
            builder.parameter(ArrayType(c.dtype, c.shape), f"c{k}") for k, c in enumerate(carries)
        ]
        with builder.region() as block:
            k = builder.parameter(ArrayType(np.dtype(np.int64), (), True), "k")
            k.low, k.high = 0, count - 1
            inner = [Tracer(builder.parameter(v.type), "array") for v in outer]
            body(Tracer(k, "python"), *inner)
            block.outputs = [t.value for t in inner]
        builder.block.outputs = list(emit_for(count, tuple(outer), block))
    return verify(Program(builder.block, "rolled"), type_rule_of, "tracing")


def cholesky(j, a, factor):
    row = factor[j, :j]
    factor[j, j] = np.sqrt(a[j, j] - np.dot(row, row))
    factor[j + 1 :, j] = (a[j + 1 :, j] - factor[j + 1 :, :j] @ row) / factor[j, j]


def prefix_sums(k, x, y):
    y[k] = x[: k + 1].sum() + x[: k + 1][::-1][0]


def neighbours(k, x, y):
    y[k] = x[k] + x[k - 1]


def triangle(k, x, y):
    y[k, : k + 1] = np.sin(x)[: k + 1] * x[k]
    y[k:, k] += np.cos(x)[k:]


def swap(k, x, y):
    n = 6
    x[k], x[n - 1 - k] = x[n - 1 - k] * 1.0, x[k] * 1.0
    y[k] = x[0]


N = 6
B = rng.normal(size=(N, N))
LOOPS = {
    "cholesky": (cholesky, B @ B.T + N * np.eye(N), np.zeros((N, N))),
    "prefix sums": (prefix_sums, rng.normal(size=N), np.zeros(N)),
    "neighbours": (neighbours, rng.normal(size=N), np.zeros(N)),
    "triangle": (triangle, rng.normal(size=N), np.zeros((N, N))),
    "swap": (swap, rng.normal(size=N), np.zeros(N)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_index_dependent_sizes_inside_loops(name: str) -> None:
    body, *carries = LOOPS[name]
    expected = [c.copy() for c in carries]
    for k in range(N):
        body(k, *expected)
    program = rolled(N, body, *carries)
    for have, want in zip(compile_program(program)(carries), expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)


def test_ranges_prove_loop_indices_in_bounds() -> None:
    program = rolled(N, prefix_sums, *LOOPS["prefix sums"][1:])
    assert "check(" not in str(program)
    assert "check(" in str(
        rolled(N, lambda k, x, y: y.__setitem__(k, x[k + 1]), np.zeros(N), np.zeros(N))
    )


# -- errors -----------------------------------------------------------------------------------------
ERRORS = [
    (lambda x: x[3], IndexError, "index 3 is out of bounds for axis 0 with size 3"),
    (lambda x: x[0, -5], IndexError, "index -5 is out of bounds for axis 1 with size 4"),
    (
        lambda x: x[0, 0, 0, 0],
        IndexError,
        "too many indices for array: array is 3-dimensional, but 4 were indexed",
    ),
    (lambda x: x[1.0], IndexError, "only integers, slices"),
    (lambda x: x["a"], IndexError, "only integers, slices"),
    (lambda x: x[[0.5]], IndexError, "arrays used as indices must be of integer"),
    (lambda x: x[..., ...], IndexError, "an index can only have a single ellipsis"),
    (lambda x: x[[0, 3]], IndexError, "index 3 is out of bounds for axis 0 with size 3"),
    (
        lambda x: x[[0, 1], [0, 1, 2]],
        IndexError,
        r"could not be broadcast together with shapes \(2,\) \(3,\)",
    ),
    (
        lambda x: x[np.ones(4, bool)],
        IndexError,
        "boolean index did not match indexed array along axis 0",
    ),
    (lambda x: x[::0], ValueError, "slice step cannot be zero"),
    (
        lambda x: x.__setitem__(0, np.ones(3)),
        ValueError,
        r"could not broadcast input array from shape \(3,\) into shape \(4,5\)",
    ),
    # For plain Python to say: the value goes on, with NumPy's warning, where it is one of the program.
    (lambda x: x.__setitem__(0, 1j), Bail, "a conversion to real numbers of complex numbers"),
    (
        lambda x: x[0, 0, 0].__setitem__(0, 1),
        TypeError,
        "'numpy.float64' object does not support item assignment",
    ),
    (lambda x: x[0, 0, 0].item()[0], TypeError, "'float' object is not subscriptable"),
]


@pytest.mark.parametrize(("f", "error", "text"), ERRORS)
def test_errors_are_numpys(f, error, text) -> None:
    with pytest.raises(error, match=text):
        run(f, X)


def test_extents_as_indices() -> None:
    with building() as builder:
        n = builder.parameter(ArrayType(np.dtype(np.int64), ()), "n")
        n.low = 2
        x = Tracer(builder.parameter(ArrayType(np.dtype(float), (Dim.symbol(n),)), "x"), "array")
        last = x[x.shape[0] - 1] + x[-1]
        middle = x[1:-1] + x[2:]
        builder.block.outputs = [last.value, middle.value]
    program = verify(Program(builder.block), type_rule_of, "tracing")
    assert middle.shape[0] == Dim.symbol(n) - 2
    data = np.arange(5.0)
    last_value, middle_value = compile_program(program)([np.int64(5), data])
    assert last_value == 8.0
    np.testing.assert_array_equal(middle_value, data[1:-1] + data[2:])
