"""Views and copies: who sees a store, exactly as in NumPy.

Each program stores into an array by way of a view (or of what might be one) and returns every
array involved; a view taken for a copy, or a copy for a view, changes the answer.
"""

import numpy as np
import pytest

from tests.ops.support import ENGINES, check_derivatives, check_value

X = np.random.default_rng(0).normal(size=(3, 4))
engines = pytest.mark.parametrize("engine", ENGINES)

VIEWS = {
    "slice": lambda a: a[1:],
    "row": lambda a: a[1],
    "column": lambda a: a[:, 2],
    "steps": lambda a: a[::2, ::-1],
    "ellipsis": lambda a: a[...],
    "element": lambda a: a[1, 2, ...],
    "new axis": lambda a: a[None, :, None],
    "T": lambda a: a.T,
    "transpose": lambda a: np.transpose(a, (1, 0)),
    "swapaxes": lambda a: a.swapaxes(0, 1),
    "moveaxis": lambda a: np.moveaxis(a, 0, 1),
    "reshape": lambda a: a.reshape(2, 6),
    "reshape of transposed": lambda a: a.T.reshape(2, 6),
    "reshape of transposed back": lambda a: a.T.reshape(4, 3),
    "reshape of rows": lambda a: a[1:].reshape(-1),
    "reshape of columns": lambda a: a[:, 1:].reshape(-1),
    "reshape of columns in place": lambda a: a[:, 1:].reshape(3, 3, 1),
    "reshape of steps": lambda a: a[::2].reshape(4, 2),
    "reshape of reversed": lambda a: a[:, ::-1].reshape(12),
    "reshape F": lambda a: a.reshape((4, 3), order="F"),
    "ravel": lambda a: a.ravel(),
    "ravel of transposed": lambda a: a.T.ravel(),
    "ravel F of transposed": lambda a: a.T.ravel("F"),
    "flatten": lambda a: a.flatten(),
    "squeeze": lambda a: a[:1].squeeze(),
    "expand_dims": lambda a: np.expand_dims(a, 1),
    "flip": lambda a: np.flip(a, 1),
    "flipud": lambda a: np.flipud(a),
    "rot90": lambda a: np.rot90(a),
    "split": lambda a: np.split(a, 2, axis=1)[1],
    "array_split": lambda a: np.array_split(a, 2)[0],
    "real": lambda a: a.real,
    "np.real": lambda a: np.real(a),
    "atleast_3d": lambda a: np.atleast_3d(a),
    "view": lambda a: a.view(),
    "getfield": lambda a: a.getfield(a.dtype),
    "copy": lambda a: a.copy(),
    "np.copy": lambda a: np.copy(a),
    "astype": lambda a: a.astype(float),
    "astype without copy": lambda a: a.astype(float, copy=False),
    "list index": lambda a: a[[0, 2]],
    "mask": lambda a: a[[True, False, True]],
    "take": lambda a: a.take([0, 1], axis=0),
    "positive": lambda a: +a,
    "roll": lambda a: np.roll(a, 1),
    "repeat": lambda a: np.repeat(a, 2),
    "concatenate": lambda a: np.concatenate([a, a]),
    "K order then ravel": lambda a: (a.T * 2).ravel(),
    "view of view of view": lambda a: a[1:].T[::-1][1:, 0],
    "view of reshaped": lambda a: a.reshape(2, 6)[:, 1::2],
    "slice of new axis": lambda a: a[:, None][1:, :, 2:],
    "transposed row": lambda a: a.T[2],
    "rows of reversed": lambda a: a[::-1][1:],
    "empty": lambda a: a[5:],
}


def through(view):
    """Store through the view, then into the array, and look at both after each."""

    def f(x):
        a = x * 2
        b = view(a)
        b[...] = b * 3 + 1
        first = a.copy(), b.copy()
        a[1] = x[0]
        a[0, 1] += 5
        return (*first, a, b, b.sum())

    return f


@engines
@pytest.mark.parametrize("name", VIEWS)
def test_a_store_is_seen_where_numpy_shows_it(name: str, engine: str) -> None:
    check_value(through(VIEWS[name]), X, engine=engine)


@pytest.mark.parametrize("name", VIEWS)
def test_derivatives_through_stores_into_views(name: str) -> None:
    check_derivatives(through(VIEWS[name]), X)


def argument_views(view):
    def f(x):
        b = view(x)
        b[...] = b + 1
        return x * 1, b * 1

    return f


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("layout", ["F", "columns of a larger array", "every second row"])
def test_views_of_arguments_with_other_strides(name: str, layout: str) -> None:
    if layout == "F":
        check_value(argument_views(VIEWS[name]), np.asfortranarray(X))
        return
    # copies() keeps the order but not gaps, so the gaps are made inside.
    large = np.random.default_rng(1).normal(size=(6, 8))
    part = (
        (lambda a: a[:3, 2:6]) if layout == "columns of a larger array" else (lambda a: a[::2, :4])
    )
    check_value(lambda x: argument_views(VIEWS[name])(part(x)), large)


def overlapping(x):
    a = x.ravel() * 1
    a[1:] = a[:-1]
    a[:-2] += a[2:]
    return a


def swap_rows(x):
    a = x * 1
    a[0], a[1] = a[1], a[0]  # views: the second store reads what the first one wrote
    return a


def swap_elements(x):
    a = x * 1
    a[0, 0], a[1, 1] = a[1, 1], a[0, 0]
    return a


def fancy_swap(x):
    a = x * 1
    a[[0, 2]] = a[[2, 0]]
    return a


def two_names(x):
    a = b = x * 1
    a += 1
    b[0] = 0
    return a, b


def rebinding_of_scalars(x):
    s = x[0, 0]
    t = s
    s += 1
    return s, t, x[0, 0] * 1


def transposed_store(x):
    a = x * 1
    a.T[1:, 0] = [1.0, 2.0, 3.0]
    a.T[...] = a.T + x.T
    return a


def row_loop(x):
    a = x * 1
    for row in a:
        row *= 2
        row[0] = 1
    return a


def in_place_operators(x):
    a = x * 1
    b = a[1:]
    b += x[0]
    b *= 2
    b -= b
    a /= 2
    a **= 2
    return a, b


def store_into_matrix_product(x):
    a = x * 1
    a[:, :3] = a[:, :3] @ a[:3, :3]
    np.add(a, 1, out=a[:])
    np.multiply(a[0], 2, out=a[1])
    return a


def set_shape(x):
    a = x * 1
    b = a.view() if isinstance(a, np.ndarray) else a[...]
    c = b.reshape(2, 6)
    c[0] = 0
    return a, b, c


def sort_in_place(x):
    a = x * 1
    a[1].sort()
    a[:, ::-1].sort(axis=0)
    return a


def fill(x):
    a = x * 1
    a[:, 1].fill(x[0, 0])
    np.fill_diagonal(a[:, 1:], 0.5)
    np.copyto(a[2], x[1], where=x[0] > 0)
    return a


def diagonal_reads_follow(x):
    a = x * 1
    d = np.diagonal(a)
    a[1, 1] = 9
    return d * 1, np.diag(a).copy()


def integer_array(x):
    a = np.zeros_like(x, dtype=int)
    a[...] = x * 10
    a[0] += 2
    a[1] = 2.9
    return a


PROGRAMS = [
    overlapping, swap_rows, swap_elements, fancy_swap, two_names, rebinding_of_scalars, transposed_store,
    row_loop, in_place_operators, store_into_matrix_product, set_shape, sort_in_place, fill,
    diagonal_reads_follow,
]  # fmt: skip


@engines
@pytest.mark.parametrize("f", [*PROGRAMS, integer_array], ids=lambda f: f.__name__)
def test_program(f, engine: str) -> None:
    check_value(f, X, engine=engine)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives_of_program(f) -> None:
    check_derivatives(f, X)


def test_arguments_are_mutated() -> None:
    from tests.ops.support import trace_with_result

    program, result = trace_with_result(lambda x: (x.__setitem__(0, 1.0), x)[1], X)
    assert result.value is not program.inputs[0]


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (lambda a: np.broadcast_to(a[:, :1], (3, 4)), "assignment destination is read-only"),
        (lambda a: np.diagonal(a), "assignment destination is read-only"),
        (lambda a: np.diag(a), "assignment destination is read-only"),
        (lambda a: a.imag, "assignment destination is read-only"),
        (lambda a: np.imag(a), "assignment destination is read-only"),
        (lambda a: np.imag(a > 0)[1:], "assignment destination is read-only"),
    ],
)
def test_read_only_views(view, text) -> None:
    from tests.ops.support import run

    def f(x):
        view(x * 1)[0] = 1.0

    with pytest.raises(ValueError, match=text):
        run(f, X)
    with pytest.raises(ValueError, match=text):
        f(X)


def test_in_place_results_keep_the_shape() -> None:
    from tests.ops.support import run

    def f(x):
        a = x[0] * 1
        a += x
        return a

    text = r"non-broadcastable output operand with shape \(4,\) doesn't match the broadcast shape \(3,4\)"
    for call in (lambda: f(X), lambda: run(f, X)):
        with pytest.raises(ValueError, match=text):
            call()


def test_a_store_to_one_element_of_a_row_touches_that_element_only() -> None:
    from tests.ops.support import trace

    def f(x):
        row = x[1]
        row[2] = 5.0
        return x

    text = str(trace(f, X))
    assert text.count("slice_update") == 1
    assert (
        "slice_update(x0, v1, starts=(1, 2)" in text or "starts=(1, 2), sizes=(None, None)" in text
    )


def test_an_augmented_row_is_stored_once() -> None:
    from tests.ops.support import trace

    def f(x, y):
        x[1] += y
        return x

    assert str(trace(f, X, X[0])).count("slice_update") == 1
