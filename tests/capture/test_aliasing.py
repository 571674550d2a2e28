"""Arrays have identity: views, mutated and returned arguments, arguments that are one array."""

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees, same

over_engines = pytest.mark.parametrize("engine", ENGINES)


def vector():
    return np.arange(1.0, 7.0)


def matrix():
    return np.arange(1.0, 7.0).reshape(2, 3)


# -- inside a function -----------------------------------------------------------------------------
def store_through_a_slice(x):
    y = x * 1
    v = y[1:4]
    v[0] = 10
    v *= 2
    return y


def view_of_a_view(x):
    y = x * 1
    y[1:][::2][0] = -1
    w = y[::-1]
    w[:2] += y[:2]
    return y


def row_and_transpose(x):
    m = x.reshape(2, 3) * 1
    row, t = m[1], m.T
    t[0, 0] = 50
    row[:] = t[:, 0]
    return m


def reshape_is_a_view(x):
    m = (x * 1).reshape(3, 2)
    m[0] = 9
    flat = m.ravel()
    flat[-1] = 8
    copy = m.flatten()
    copy[0] = 7
    return m, flat, copy


def reshape_of_a_transpose_copies(x):
    m = (x * 1).reshape(2, 3)
    c = m.T.reshape(6)
    c[0] = 99
    return m, c


def two_names(x):
    y = x * 1
    z = y
    z += 1
    w = y + 0
    w += 1
    return y, z, w, y is z


def overlapping(x):
    y = x * 1
    y[1:] = y[:-1]
    y[:-1] += y[1:]
    return y


def swapped_views(x):
    y = x * 1
    y[:3], y[3:] = y[3:], y[:3]
    return y


def swapped_copies(x):
    y = x * 1
    y[:3], y[3:] = y[3:].copy(), y[:3].copy()
    return y


def rows_swapped(x):
    m = (x * 1).reshape(2, 3)
    m[[0, 1]] = m[[1, 0]]
    m[0], m[1] = m[1], m[0]
    return m


def gather_copies(x):
    y = x * 1
    g = y[[0, 1]]
    g[0] = 77
    return y, g


def scalar_is_a_value(x):
    y = x * 1
    s = y[0]
    y[0] = 5
    s += 1
    return y, s


def passed_to_a_function(x):
    def fill(a, v):
        a[:] = v
        return a

    y = x * 1
    z = fill(y[2:4], 3.0)
    z += 1
    return y


def list_of_views(x):
    y = x * 1
    views = [y[k : k + 2] for k in range(0, 6, 2)]
    for k, v in enumerate(views):
        v += k
    return y


def out_argument(x):
    y = np.empty_like(x)
    np.multiply(x, 2, out=y)
    np.add(y, 1, out=y[:3], where=x[:3] > 1) if False else np.add(y[:3], 1, out=y[:3])
    return y


def diagonal_store(x):
    m = np.outer(x[:3], x[:3])
    np.fill_diagonal(m, 0.0)
    m.flat[1] = 100.0
    return m, np.diag(m)


def methods_in_place(x):
    y = x * 1
    y[::2].fill(3.0)
    y.sort()
    np.copyto(y[:2], y[4:])
    return y


INSIDE = [
    store_through_a_slice, view_of_a_view, row_and_transpose, reshape_is_a_view, reshape_of_a_transpose_copies,
    two_names, overlapping, swapped_views, swapped_copies, rows_swapped, gather_copies, scalar_is_a_value,
    passed_to_a_function, list_of_views, out_argument, diagonal_store, methods_in_place,
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", INSIDE, ids=lambda f: f.__name__)
def test_views_share_and_copies_do_not(f, engine) -> None:
    agrees(f, (vector(),), (vector()[::-1].copy(),), engine=engine)


@pytest.mark.parametrize("f", INSIDE, ids=lambda f: f.__name__)
def test_gradients_follow_the_sharing(f) -> None:
    def loss(x):
        result = f(x)
        parts = result if isinstance(result, tuple) else (result,)
        return sum(
            np.sum(np.sin(p) * (k + 1)) for k, p in enumerate(parts) if not isinstance(p, bool)
        )

    autodiff.check_gradient(loss, vector() + 0.1, engine="numpy")


# -- arguments ------------------------------------------------------------------------------------------
def mutates(x, y):
    x[0] = 100.0
    y[1:] *= 2
    return x.sum() + y.sum()


@over_engines
def test_mutated_arguments_are_mutated_for_the_caller(engine) -> None:
    agrees(mutates, (vector(), vector()), (vector() * 2, np.ones(3)), engine=engine)


@over_engines
@pytest.mark.parametrize(
    "kind",
    ["contiguous", "strided", "reversed", "fortran", "float32", "read in a list", "big endian"],
)
def test_mutation_reaches_any_layout(kind, engine) -> None:
    def f(a):
        a = a[0] if isinstance(a, list) else a
        a[..., 0] = 50.0
        a += 1
        return a.sum()

    def argument():
        return {
            "contiguous": matrix(),
            "strided": np.arange(24.0).reshape(4, 6)[::2, ::2],
            "reversed": matrix()[::-1, ::-1],
            "fortran": np.asfortranarray(matrix()),
            "float32": matrix().astype(np.float32),
            "read in a list": [matrix()],
            "big endian": matrix().astype(">f8"),
        }[kind]

    ours, plain = argument(), argument()
    result, expected = autodiff.function(f, engine=engine)(ours), f(plain)
    assert result == pytest.approx(expected)
    same(
        *(
            [x[0] for x in (ours, plain)]
            if kind == "read in a list"
            else (np.array(ours), np.array(plain))
        )
    )


@over_engines
def test_gradients_never_mutate(engine) -> None:
    def f(x):
        x *= 2
        x[0] = x[1] ** 2
        return np.sum(x**2)

    for transformation in (
        autodiff.gradient,
        autodiff.value_and_gradient,
        autodiff.hessian,
        autodiff.jacobian,
    ):
        x = vector()
        transformation(f, engine=engine)(x)
        np.testing.assert_array_equal(x, vector())
    x = vector()
    autodiff.hessian_vector(f, engine=engine)(x, _tensors=np.ones(6))
    autodiff.jvp(f, (x,), (np.ones(6),), engine=engine)
    np.testing.assert_array_equal(x, vector())
    expected = 8 * vector()
    expected[0] = 0.0
    expected[1] += 64 * vector()[1] ** 3
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(vector()), expected)


@over_engines
def test_a_returned_argument_is_the_argument(engine) -> None:
    compiled = autodiff.function(lambda x, y: (x, [y, x], x[1:]), engine=engine)
    x, y = vector(), matrix()
    first, (second, third), part = compiled(x, y)
    assert first is x
    assert third is x
    assert second is y
    np.testing.assert_array_equal(part, x[1:])


@over_engines
def test_a_returned_mutated_argument_is_the_argument(engine) -> None:
    def f(x):
        x += 1
        return x

    compiled = autodiff.function(f, engine=engine)
    x = vector()
    for k in (1, 2):
        assert compiled(x) is x
        np.testing.assert_array_equal(x, vector() + k)


@over_engines
def test_equal_results_are_one_array_as_in_numpy(engine) -> None:
    def f(x):
        y = x * 2
        return y, y, y.copy()

    a, b, c = autodiff.function(f, engine=engine)(vector())
    assert a is b
    assert c is not a
    np.testing.assert_array_equal(c, a)


@over_engines
def test_results_do_not_share_memory_with_later_results(engine) -> None:
    compiled = autodiff.function(lambda x: x * 2, engine=engine)
    first = compiled(vector())
    kept = first.copy()
    compiled(vector() * 100)
    np.testing.assert_array_equal(first, kept)


@over_engines
def test_arguments_that_are_one_array(engine) -> None:
    def f(x, y):
        x[0] = 7.0
        y[1] = x[0] + y[0]
        return x.sum() + y.sum() + (x is y)

    compiled = autodiff.function(f, engine=engine)
    for _ in range(2):
        ours, plain = vector(), vector()
        assert compiled(ours, ours) == f(plain, plain)
        same(ours, plain)
        a, b, c, d = vector(), vector(), vector(), vector()
        assert compiled(a, b) == f(c, d)
        same([a, b], [c, d])


@over_engines
def test_arguments_that_overlap(engine) -> None:
    def f(x, y):
        x[:] = y[::-1]
        y += 1
        return (x * y).sum()

    compiled = autodiff.function(f, engine=engine)
    assert compiled(np.ones(4), np.arange(4.0)) == f(np.ones(4), np.arange(4.0))
    ours, plain = np.arange(8.0), np.arange(8.0)
    for a, b in (
        (slice(0, 4), slice(2, 6)),
        (slice(0, 8, 2), slice(1, 8, 2)),
        (slice(0, 4), slice(3, None, -1)),
    ):
        assert compiled(ours[a], ours[b]) == f(plain[a], plain[b])
        same(ours, plain)


@over_engines
def test_gradients_by_arguments_that_are_one_array(engine) -> None:
    gradient = autodiff.gradient(lambda x, y: np.sum(x * y**2), engine=engine)
    x = vector()
    by_x, by_y = gradient(x, x)
    np.testing.assert_allclose(by_x, x**2)
    np.testing.assert_allclose(by_y, 2 * x * x)


@over_engines
def test_mutation_of_a_closure_array_is_seen_outside(engine) -> None:
    history = np.zeros(3)

    def f(x, k):
        history[k] += x
        return history.sum()

    compiled = autodiff.function(f, engine=engine)
    for k, x in enumerate((1.0, 2.0, 4.0)):
        assert compiled(x, k) == history.sum()
    np.testing.assert_array_equal(history, [1.0, 2.0, 4.0])


@over_engines
def test_a_read_only_argument_cannot_be_stored_into(engine) -> None:
    def f(x):
        x[0] = 1.0
        return x

    x = vector()
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(x)
    with pytest.raises(ValueError, match="read-only"):
        autodiff.function(f, engine=engine)(x)


@over_engines
def test_a_broadcast_view_cannot_be_stored_into(engine) -> None:
    def f(x):
        y = np.broadcast_to(x, (2, 6))
        y[0, 0] = 1.0
        return y

    with pytest.raises(ValueError, match="read-only"):
        autodiff.function(f, engine=engine)(vector())


# -- stores before staging is given up -------------------------------------------------------------
def store_then_return_what_does_not_merge(x, y, k):
    for e in x:
        y[0] += e
        s = 0
        for t in x[:k]:
            s += t
        return s


def store_then_return_a_list(x, y, k):
    i = 0
    while x[i] < 10.0:
        y[i] += x[i]
        i += 1
        if i > k:
            return [y[0], y[k]][0]
    return [y[1]][0]


def store_in_a_branch_that_does_not_merge(x, y, k):
    if x[0] > 0:
        y[0] += x[0]
        z = "positive"
    else:
        y[1] += x[0]
        z = "negative"
    return y.sum() + len(z)


@pytest.mark.parametrize(
    "f",
    [
        store_then_return_what_does_not_merge,
        store_then_return_a_list,
        store_in_a_branch_that_does_not_merge,
    ],
    ids=lambda f: f.__name__,
)
@over_engines
def test_stores_are_made_once_where_staging_is_given_up(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for sign in (1.0, -1.0, 1.0):
        for k in (1, 2, 0):
            x = sign * np.arange(1.0, 6.0)
            x[-1] = 20.0
            plain, ours = np.zeros(5), np.zeros(5)
            assert compiled(x, ours, k) == f(x, plain, k)
            assert ours.tolist() == plain.tolist()
