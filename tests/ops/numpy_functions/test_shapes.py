"""Shape functions against NumPy: values, dtypes, derivatives, and views that stay views."""

import numpy as np
import pytest

import autodiff
from autodiff.errors import ShapeError
from tests.ops.support import ENGINES, check_derivatives, check_value, run

X = np.random.default_rng(0).normal(size=(3, 4))
Y = np.random.default_rng(1).normal(size=(2, 3, 4))
V = np.random.default_rng(2).normal(size=5)

CASES = {
    "reshape": lambda x: np.reshape(x, (2, -1)),
    "reshape F": lambda x: np.reshape(x, (2, 6), order="F"),
    "reshape A of transposed": lambda x: x.T.reshape((2, 6), order="A"),
    "reshape method": lambda x: x.reshape(4, 3) * 2,
    "reshape to itself": lambda x: x.reshape(3, 4),
    "ravel": lambda x: x.ravel(),
    "ravel F": lambda x: np.ravel(x, order="F"),
    "flatten": lambda x: x.T.flatten(),
    "transpose": lambda x: np.transpose(x),
    "T": lambda x: x.T @ x,
    "mT": lambda x: x.mT,
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, -1, 0),
    "rollaxis": lambda x: np.rollaxis(x, 1),
    "expand_dims": lambda x: np.expand_dims(x, (0, 2)),
    "squeeze": lambda x: np.squeeze(x[:, None, :1]),
    "squeeze axis": lambda x: x[:1, None].squeeze(axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x[:, :1], (2, 3, 4)),
    "broadcast_arrays": lambda x: list(np.broadcast_arrays(x[:, :1], x[:1])),
    "atleast": lambda x: [np.atleast_1d(x[0, 0]), np.atleast_2d(x[0]), np.atleast_3d(x)],
    "concatenate": lambda x: np.concatenate([x, x[:1]], axis=0),
    "concatenate flat": lambda x: np.concatenate([x, x[:1]], axis=None),
    "concatenate mixed": lambda x: np.concatenate([x, np.ones((1, 4), int)]),
    "stack": lambda x: np.stack([x, 2 * x], axis=1),
    "hstack": lambda x: np.hstack([x, x]),
    "hstack vectors": lambda x: np.hstack([x[0], x[1, :2], 3.0]),
    "vstack": lambda x: np.vstack([x, x[0]]),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x[:, 0], x]),
    "append": lambda x: np.append(x, x[:, :1], axis=1),
    "block": lambda x: np.block([[x, x], [x[:1], x[1:2]]]),
    "split": lambda x: np.split(x, 2, axis=1),
    "split at": lambda x: np.split(x, [1, 3], axis=1),
    "array_split": lambda x: np.array_split(x, 3, axis=1),
    "hsplit": lambda x: np.hsplit(x, 2),
    "vsplit": lambda x: np.vsplit(x, 3),
    "tile": lambda x: np.tile(x, (2, 1, 2)),
    "tile scalar": lambda x: np.tile(x[0], 3),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat flat": lambda x: x.repeat(2),
    "repeat counts": lambda x: np.repeat(x, [1, 0, 2], axis=0),
    "resize": lambda x: np.resize(x, (2, 8)),
    "flip": lambda x: np.flip(x),
    "flip axis": lambda x: np.flip(x, 1),
    "fliplr": lambda x: np.fliplr(x),
    "flipud": lambda x: np.flipud(x),
    "rot90": lambda x: [np.rot90(x, k) for k in range(4)],
    "roll": lambda x: np.roll(x, 5),
    "roll axis": lambda x: np.roll(x, -1, axis=1),
    "roll axes": lambda x: np.roll(x, (1, 2), axis=(0, 1)),
    "pad constant": lambda x: np.pad(x, ((1, 2), (0, 1))),
    "pad constant values": lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad reflect": lambda x: np.pad(x, ((1, 1), (5, 2)), mode="reflect"),
    "pad symmetric": lambda x: np.pad(x, 2, mode="symmetric"),
    "pad wrap": lambda x: np.pad(x, (2, 1), mode="wrap"),
    "diagonal": lambda x: np.diagonal(x),
    "diagonal above": lambda x: x.diagonal(1),
    "diagonal below": lambda x: np.diagonal(x, -2),
    "diagonal outside": lambda x: np.diagonal(x, 9),
    "diag of matrix": lambda x: np.diag(x, 1),
    "diag of vector": lambda x: [np.diag(x[0]), np.diag(x[0], 1), np.diag(x[0], -2)],
    "diagflat": lambda x: np.diagflat(x),
    "trace": lambda x: np.trace(x, 1),
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x, 1),
    "tril of vector": lambda x: np.tril(x[0]),
    "copy": lambda x: x.copy(),
    "unstack": lambda x: [a for a in x],
}
BATCHED = {
    "diagonal": lambda y: np.diagonal(y, 1, 0, 2),
    "transpose": lambda y: np.transpose(y, (2, 0, 1)),
    "moveaxis": lambda y: np.moveaxis(y, [0, 1], [-1, 0]),
    "trace": lambda y: np.trace(y, axis1=1, axis2=2),
    "tril": lambda y: np.tril(y),
    "reshape": lambda y: y.transpose(1, 0, 2).reshape(6, 4),
    "dsplit": lambda y: np.dsplit(y, 2),
}
engines = pytest.mark.parametrize("engine", ENGINES)


@engines
@pytest.mark.parametrize("name", CASES)
def test_value(name: str, engine: str) -> None:
    check_value(CASES[name], X, engine=engine)


@engines
@pytest.mark.parametrize("name", BATCHED)
def test_value_of_batched(name: str, engine: str) -> None:
    check_value(BATCHED[name], Y, engine=engine)
    check_derivatives(BATCHED[name], Y, engine=engine)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("layout", ["F", "strided", "float32", "int64"])
def test_value_in_other_layouts_and_dtypes(name: str, layout: str) -> None:
    if layout == "F":
        x = np.asfortranarray(X)
    elif layout == "strided":
        x = np.repeat(X, 2, axis=1)[:, ::2]
    else:
        x = (10 * X).astype(layout)
    check_value(CASES[name], x)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    check_derivatives(CASES[name], X)


ERRORS = [
    (lambda x: x.reshape(5, 3), ValueError, r"cannot reshape array of size 12 into shape \(5,3\)"),
    (lambda x: x.reshape(5, -1), ValueError, r"array of size 12 into shape \(5,newaxis\)"),
    (lambda x: x.reshape(-1, 5), ValueError, r"array of size 12 into shape \(5\)"),
    (lambda x: np.transpose(x, (0, 0)), ValueError, "repeated axis in transpose"),
    (lambda x: np.swapaxes(x, 0, 3), ValueError, "out of bounds"),
    (lambda x: np.squeeze(x, 0), ValueError, "cannot select an axis to squeeze out"),
    (
        lambda x: np.concatenate([x, x[:, 1:]]),
        ShapeError,
        "along dimension 1, the array at index 0 has size 4",
    ),
    (
        lambda x: np.split(x, 3, axis=1),
        ValueError,
        "array split does not result in an equal division",
    ),
    (
        lambda x: np.broadcast_to(x, (5, 4)),
        ValueError,
        "could not be broadcast together with remapped shapes",
    ),
    (lambda x: np.block((x, x)), TypeError, "arrays is a tuple"),
    (lambda x: np.block([x, (x, x)]), TypeError, r"arrays\[1\] is a tuple"),
    (lambda x: np.block([x, [x]]), ValueError, "List depths are mismatched"),
    (lambda x: np.block([[x], []]), ValueError, r"List at arrays\[1\] cannot be empty"),
    (
        lambda x: np.broadcast_to(x, (2, 3, 4)).__setitem__(0, 1.0),
        ValueError,
        "assignment destination is read-only",
    ),
]


@pytest.mark.parametrize(("f", "error", "text"), ERRORS)
def test_errors_are_numpys(f, error, text) -> None:
    with pytest.raises(error, match=text):
        run(f, X)


def changed(x):
    block, same = np.block(x), np.linalg.matrix_power(x, 1)
    block += 1.0
    same *= 2.0
    return block, same is x, x, np.real_if_close(x.sum())


def test_copies_and_arrays_themselves() -> None:
    found, wanted = autodiff.function(changed, engine="numpy")(np.eye(2)), changed(np.eye(2))
    assert found[1] and type(found[3]) is type(wanted[3])
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[2], wanted[2])


def test_an_array_is_no_dtype() -> None:
    for f in (lambda x: x.astype(x), lambda x: np.zeros(3, x), lambda x: np.array(x, dtype=x)):
        with pytest.raises(TypeError, match="data type|dtype"):
            autodiff.function(f, engine="numpy")(X)


EMPTY = {
    "concatenate": lambda x: np.concatenate([x, np.ones((2, 3))]),
    "reshape": lambda x: x.reshape(3, -1),
    "transpose": lambda x: x.T,
    "tile": lambda x: np.tile(x, 2),
    "flip": lambda x: x[::-1],
    "roll": lambda x: np.roll(x, 1, axis=0),
    "ravel": lambda x: x.ravel(),
    "stack": lambda x: np.stack([x, x]),
    "pad": lambda x: np.pad(x, 1),
    "sum": lambda x: x.sum(axis=0),
}


@engines
@pytest.mark.parametrize("name", EMPTY)
def test_empty_arrays(name: str, engine: str) -> None:
    check_value(EMPTY[name], np.zeros((0, 3)), engine=engine)


@engines
@pytest.mark.parametrize("name", EMPTY)
def test_arrays_that_turn_out_empty_at_run_time(name: str, engine: str) -> None:
    def rest(x, k):
        return EMPTY[name](x[k:])

    compiled = autodiff.function(rest, engine=engine)
    for n, k in [(5, 1), (4, 2), (3, 3), (6, 2), (2, 2)]:
        x = np.arange(3.0 * n).reshape(n, 3)
        np.testing.assert_array_equal(compiled(x, k), rest(x, k))
