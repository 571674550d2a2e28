"""Arrays have identity: views, mutated and returned arguments, arguments that are one array."""

import collections
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees, same, uncompiled_allowed

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
    ["contiguous", "strided", "reversed", "fortran", "float32", "read in a list"],
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


# -- a branch or loop that makes one name mean one of several objects ---------------------------------
class Holder:
    def __init__(self, x):
        self.x = x


def dict_or_new(p):
    d0 = {"x": p[0]}
    d = d0
    if p[1] > 0:
        d = {"x": p[1]}
    d["x"] = 7.0
    return d0["x"]


def list_or_new(p):
    d0 = [p[0], 1.0]
    d = d0
    if p[1] > 0:
        d = [p[1], 2.0]
    d[0] = 7.0
    return d0[0]


def object_or_new(p):
    d0 = Holder(p[0])
    d = d0
    if p[1] > 0:
        d = Holder(p[1])
    d.x = 7.0
    return d0.x


def one_of_two_objects(p):
    a, b = Holder(p[0]), Holder(p[1])
    d = a if p[1] > p[0] else b
    d.x = d.x * 2
    return a.x, b.x


def one_of_two_dicts(p):
    a, b = {"x": p[0]}, {"x": p[1]}
    d = a if p[1] > p[0] else b
    d["x"] = d["x"] * 2
    return a["x"], b["x"]


def one_of_two_lists(p):
    a, b = [p[0]], [p[1]]
    d = a if p[1] > p[0] else b
    d.append(p[0])
    d[0] = 3.0
    return a, b


def dict_changed_later(p):
    d0 = {"x": p[0]}
    d = d0
    if p[1] > 0:
        d = {"x": p[1]}
    d0["x"] = 7.0
    return d["x"]


def list_changed_later(p):
    a, b = [p[0]], [p[1]]
    d = a if p[1] > p[0] else b
    a[0] = 3.0
    return d[0]


def object_bound_anew(p):
    s = Holder(p[0])
    if p[1] > 0:
        s = Holder(p[1] * 2)
    return s.x * p[0]


def best_object(p):
    best = None
    for k in range(6):
        s = Holder(p[0] * k)
        if best is None or np.sin(s.x) > best.x:
            best = s
    return best.x


def array_changed_later(p):
    a, b = p * 1.0, p * 2.0
    d = a if p[1] > p[0] else b
    a[0] = 3.0
    return d[0]


def array_or_other(p):
    a, b = p * 1.0, p * 2.0
    d = a
    if p[1] > 0:
        d = b
    d[0] = 7.0
    return a[0], b[0]


def array_in_a_tuple(p):
    a, b = p * 1.0, p * 2.0
    d = (a, 1) if p[1] > p[0] else (b, 1)
    a[0] = 5.0
    return d[0][0]


def array_in_a_dict(p):
    a, b = {"u": p * 1.0}, {"u": p * 2.0}
    d = a if p[1] > p[0] else b
    d["u"][0] = 9.0
    return a["u"], b["u"]


def array_of_a_list(p):
    x = [p * 1.0, p * 2.0]
    y = x[0] if p[1] > 0 else x[1]
    x[0][0] = 4.0
    return y


def length_of_a_choice(p):
    l = [1.0]
    if p[0] > 0:
        l2 = l
    else:
        l2 = [2.0]
    l.append(p[1])
    return len(l2)


def buckets(p):
    l = [p[0]]
    m = [p[1]]
    for k in range(8):
        cur = l if np.sin(p[0] * k) > 0 else m
        cur.append(k * p[1])
    return l, m


def pick(a, b, c):
    return a if c > 0 else b


def chosen_by_a_function(p):
    l = [p[0]]
    m = [p[1]]
    t = pick(l, m, p[1])
    t[0] = t[0] * 2
    return l, m


def list_of_a_dict(p):
    s = {"a": [p[0]], "b": [p[1]]}
    k = s["a"] if p[1] > 0 else s["b"]
    k.append(1.0)
    return s


def alias_before_the_store(p):
    u = p * 1.0
    prev = p * 0.0
    for k in range(8):
        prev = u
        u[0] = u[0] + 1.0
    return prev


def alias_stored_into_after(p):
    u = p * 1.0
    prev = p * 0.0
    for k in range(8):
        u[0] = u[0] + 1.0
        prev = u
    u[1] = 5.0
    return prev


def best_is_an_alias(p):
    u = p * 1.0
    best = p * 0.0
    for k in range(8):
        u[0] = u[0] + np.sin(p[1] * k)
        if u[0] > best[0]:
            best = u
    return best


def arrays_swapped(p):
    u = p * 1.0
    v = p * 2.0
    for k in range(8):
        u, v = v, u
        u[0] = u[0] + k
    return u, v


def row_of_a_loop(p):
    rows = np.outer(p, p)
    r = rows[0]
    for k in range(2):
        r = rows[k]
        r[0] = r[0] * 2
    r[1] = 9.0
    return rows


def alias_in_while(p):
    x = p * 1.0
    y = x
    k = 0
    while k < 5:
        y = x
        x = x + 1.0
        k += 1
    y[0] = 100.0
    return x, y


def dict_alias(p):
    a = {"n": 0.0}
    b = a
    for k in range(6):
        b = a
        a["n"] = a["n"] + p[0]
    return b["n"]


def list_alias(p):
    l = []
    m = l
    for k in range(6):
        m = l
        l.append(p[0] * k)
    return m


def lists_swapped(p):
    l = [p[0]]
    m = [p[1]]
    for k in range(6):
        l, m = m, l
        l.append(p[0] * k)
    return l, m


def alias_of_an_alias(p):
    cur = p * 1.0
    hist = []
    for k in range(6):
        nxt = cur
        nxt[0] += 1.0
        hist.append(nxt[0])
        cur = nxt
    return cur, np.array(hist)


CHOICES = [
    dict_or_new, list_or_new, object_or_new, one_of_two_objects, one_of_two_dicts, one_of_two_lists, dict_changed_later, list_changed_later, object_bound_anew, best_object, array_changed_later, array_or_other, array_in_a_tuple, array_in_a_dict, array_of_a_list, length_of_a_choice, buckets, chosen_by_a_function, list_of_a_dict, alias_before_the_store, alias_stored_into_after, best_is_an_alias, arrays_swapped, row_of_a_loop, alias_in_while, dict_alias, list_alias, lists_swapped, alias_of_an_alias
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", CHOICES, ids=lambda f: f.__name__)
def test_what_was_chosen_is_one_of_the_objects_not_a_copy(f, engine) -> None:
    calls = [([1.0, 2.0],), ([1.0, -2.0],), ([3.0, 2.0],), ([-3.0, 2.0],)]
    agrees(f, *[(np.array(p),) for (p,) in calls], engine=engine)


# -- lists and dicts that a result has in several places ------------------------------------------------
def one_list_twice(p, n):
    xs = [p[k % 2] for k in range(n)]
    return xs, {"xs": xs, "more": (xs, [xs])}


def grown_by_a_loop(p, n):
    xs, records = [], []
    for k in range(n):
        xs.append(p[0] * k)
        records.append((k, p[1]))
    return {"xs": xs, "records": records}, xs, [records, records]


def dicts_in_lists(p, n):
    d = {"p": p * n}
    return [d, d, {"p": d["p"]}], d, d["p"]


def rows_by_multiplication(p, n):
    table = [[p[0], p[1]]] * n
    if n:
        table[-1][0] = p[1]
    return table


@dataclass
class Model:
    w: object
    losses: list


def a_list_of_attributes(p, n):
    losses = [p[0]]
    a, b = Model(p * 2.0, losses), Model(p * 3.0, losses)
    for k in range(n):
        a.losses.append(p[1] * k)
    return a.losses, b.losses, a.w


def one_of_two(p, n):
    a, b = [p[0]], [p[1]]
    d = a if p[0] > 1.0 else b
    for _ in range(n):
        d.append(d[-1] * 0.5)
    return a, b, d


def a_view_in_what_is_shared(p, n):
    a = p * n
    parts = [a[1:]]
    return parts, a, parts


SHARED = [
    one_list_twice, grown_by_a_loop, dicts_in_lists, rows_by_multiplication, a_list_of_attributes, one_of_two,
    a_view_in_what_is_shared,
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", SHARED, ids=lambda f: f.__name__)
def test_a_list_that_a_result_has_twice_is_one_list(f, engine) -> None:
    p = np.array([0.7, 1.3])
    agrees(f, (p, 12), (p[::-1].copy(), 5), (p, 0), (p, 1), (p, 2), engine=engine)


@over_engines
def test_a_view_in_a_list_that_a_result_has_twice_is_a_view(engine) -> None:
    first, a, second = autodiff.function(a_view_in_what_is_shared, engine=engine)(vector(), 2)
    a[1] = 7.0
    assert first is second
    assert first[0][0] == 7.0


@over_engines
def test_a_result_that_contains_itself(engine) -> None:
    def f(x):
        xs = [x]
        xs.append(xs)
        return xs

    with pytest.warns(autodiff.errors.FallbackWarning, match="a list that contains itself"):
        result = autodiff.function(f, engine=engine)(2.0)
    assert result[1] is result


# -- one list or dict in several places of the result ------------------------------------------------
Pair = collections.namedtuple("Pair", "first second")


def list_twice(x):
    rows = [x[0], x[1]]
    return rows, rows


def dict_and_its_array(x):
    table = {"u": x * 2, "s": x[0]}
    other = table
    other["s"] = 0.5
    return table, [other], table["u"], {"again": table}


def grown_list_twice(x):
    found = []
    for v in x:
        found.append(v * 2)
    return found, {"found": found}


def row_and_rows(x):
    rows = [[x[0], 1.0], [x[1], 2.0]]
    rows.append(rows[0])
    return rows, rows[1]


def shared_in_shared(x):
    inner = [x * 2]
    outer = {"a": inner, "b": inner}
    return Pair(outer, collections.deque([outer, inner], 5)), (inner, x)


def views_in_shared(x):
    y = x * 2
    d = collections.OrderedDict(b=y[1:], a=[y])
    return d, d["a"], d, y


def argument_in_shared(x):
    held = [x, x[1:]]
    return held, (held, 3), "text"


def equal_but_two(x):
    one, other = [x[0]], [x[0]]
    return one, other, {"one": one}


def of_an_object(x):
    class Store:
        def __init__(self):
            self.log = []

    store = Store()
    for v in x:
        if v > 2:
            store.log.append(v)
    return store.log, [store.log]


def identities(found):
    """For every list, dict and array in a result, the first place where it stands."""
    places, kept = {}, []

    def walk(part):
        if isinstance(part, (list, dict, collections.deque, np.ndarray)):
            kept.append(places.setdefault(id(part), len(places)))
        if isinstance(part, (list, dict, tuple, collections.deque)):
            for item in part.values() if isinstance(part, dict) else part:
                walk(item)

    walk(found)
    return kept


@over_engines
@pytest.mark.parametrize(
    "function",
    [
        *(list_twice, dict_and_its_array, grown_list_twice, row_and_rows, shared_in_shared),
        *(views_in_shared, argument_in_shared, equal_but_two, of_an_object),
    ],
)
def test_what_is_one_list_or_dict_in_plain_python_is_one_in_the_result(function, engine) -> None:
    compiled = autodiff.function(function, engine=engine)
    for size in (6, 6, 4, 5):
        x = np.arange(1.0, size + 1)
        result, expected = compiled(x), function(x)
        assert repr(result) == repr(expected)
        assert identities(result) == identities(expected)


def test_a_result_that_contains_itself_is_left_to_plain_python() -> None:
    def endless(x):
        found = [x[0]]
        found.append(found)
        return found

    with uncompiled_allowed():
        result = autodiff.function(endless)(vector())
    assert result[1] is result
