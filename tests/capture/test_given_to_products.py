"""Jacobians, Hessians and products by lists and tuples of numbers: lists, by one program for all lengths.

Compared with the same derivative by an array of the numbers, whose last axis is taken apart here.
"""

import math

import numpy as np
import pytest

import autodiff

ENGINES = ["native", "numpy"]
Y = np.array([1.0, 2.0, 0.5])


# -- functions of a list and an array ------------------------------------------------------------------
def a_number(v, y):
    s = 0.0
    for k, x in enumerate(v):
        s += x * x * y[0] * (k + 1) + x**3 * v[0]
    return s + np.sum(y**3)


def in_numpy(v, y):
    return np.sum(np.sin(np.array(v))) * np.sum(y * y) + np.prod(v)


def branches(v, y):
    s = y[1] * 0.0
    for x in v:
        s = s + (x * x * y[1] if x > 1.0 else x * y[2])
    return s


def returned_as_given(v, y):
    return v


def changed(v, y):
    v[0] = 2.0 * v[1]
    return sum(v) * v[0] * y[0]


def extended(v, y):
    return sum([*v, 1.0]) * y[0] * v[1]


def an_array(v, y):
    return np.cumsum(v) * v[-1] * y[0]


def a_list(v, y):
    return [2.0 * x * y[0] for x in v]


def several(v, y):
    return {"sum": sum(v) * y, "last": v[-1] ** 2 * y[0]}


NUMBERS = [a_number, in_numpy, branches, changed, extended]
RESULTS = [*NUMBERS, returned_as_given, an_array, a_list, several]
KINDS = ["list", "tuple", "float64", "ints"]


def given(kind, n):
    v = [0.75 + 0.5 * k for k in range(n)]
    if kind == "ints":
        return list(range(1, n + 1))
    if kind == "float64":
        return [np.float64(x) for x in v]
    return tuple(v) if kind == "tuple" else v


def by_array(f, kind):
    """The function of an array of the numbers."""

    def g(w, y):
        return f(tuple(w) if kind == "tuple" else list(w), y)

    return g


def array_of(v):
    return np.array(v, float)


def numbers(block, kind, n):
    """Derivatives by an array as those by a list: of integers, they are zero."""
    parts = [np.zeros_like(block[..., k]) if kind == "ints" else block[..., k] for k in range(n)]
    if np.ndim(block) == 1:
        parts = [np.float64(x) if kind == "float64" else float(x) for x in parts]
    return tuple(parts) if kind == "tuple" else parts


def same(got, want):
    """Of one structure and the same types, and equal."""
    assert type(got) is type(want)
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for key in want:
            same(got[key], want[key])
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for a, b in zip(got, want, strict=True):
            same(a, b)
    else:
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)


# A tuple refuses the store; of integers alone no result is a float.
LEFT_OUT = [(changed, "tuple"), (returned_as_given, "ints")]
ALWAYS = [
    (a_number, "list", "native"), (an_array, "tuple", "native"), (a_number, "float64", "numpy"),
    (branches, "ints", "numpy"), (changed, "list", "numpy"), (several, "tuple", "numpy"),
    (a_list, "list", "numpy"), (returned_as_given, "list", "numpy"),
]  # fmt: skip


def rows(functions):
    """Functions, kinds of lists and engines; most of them in the slow runs."""
    return [
        row if row in ALWAYS else pytest.param(*row, marks=pytest.mark.slow)
        for f in functions
        for kind in KINDS
        for engine in ENGINES
        if (f, kind) not in LEFT_OUT
        for row in ((f, kind, engine),)
    ]


def name_of(x):
    return getattr(x, "__name__", str(x))


@pytest.mark.parametrize(("f", "kind", "engine"), rows(RESULTS), ids=name_of)
def test_jacobians(f, kind, engine):
    compiled = autodiff.jacobian(f, engine=engine)
    plain = autodiff.jacobian(by_array(f, kind), engine="numpy")
    for n in (3, 4, 9):
        v = given(kind, n)

        def parts(row, n=n):
            return numbers(row[0], kind, n), row[1]

        want = plain(array_of(v), Y)
        if f is several:
            want = {key: parts(row) for key, row in want.items()}
        elif f in (a_list, returned_as_given):
            want = type(want)(parts(row) for row in want)
        else:
            want = parts(want)
        same(compiled(v, Y), want)


@pytest.mark.parametrize(("f", "kind", "engine"), rows(NUMBERS), ids=name_of)
def test_hessians_and_their_products(f, kind, engine):
    hessian = autodiff.hessian(f, engine=engine)
    product = autodiff.hessian_vector(f, engine=engine)
    plain = by_array(f, kind)
    for n in (3, 4, 9):
        v = given(kind, n)
        (vv, vy), (yv, yy) = autodiff.hessian(plain, engine="numpy")(array_of(v), Y)
        if kind == "ints":
            vv, vy = 0.0 * vv, 0.0 * vy
        rows = [(numbers(vv[k], kind, n), vy[k]) for k in range(n)]
        rows = tuple(rows) if kind == "tuple" else rows
        same(hessian(v, Y), (rows, (numbers(yv, kind, n), yy)))
        t = type(v)(0.5 + 0.25 * k for k in range(n))
        moved = array_of(t) * (kind != "ints")
        want = autodiff.hessian_vector(plain, engine="numpy")(array_of(v), Y, _tensors=(moved, Y))
        same(product(v, Y, _tensors=(t, Y)), (numbers(want[0], kind, n), want[1]))


@pytest.mark.filterwarnings("ignore:changed runs uncompiled")  # its value, which changes the list
@pytest.mark.parametrize(("f", "kind", "engine"), rows(RESULTS), ids=name_of)
def test_tangents_and_cotangents(f, kind, engine):
    plain = by_array(f, kind)
    for n in (3, 4, 9):
        v = given(kind, n)
        t = type(v)(0.5 + 0.25 * k for k in range(n))
        moved = array_of(t) * (kind != "ints")
        value, tangent = autodiff.jvp(f, (type(v)(v), Y), (t, Y), engine=engine)
        same(value, f(type(v)(v), Y))
        _, want = autodiff.jvp(plain, (array_of(v), Y), (moved, Y), engine="numpy")
        close(tangent, want)
        _, pull = autodiff.vjp(f, type(v)(v), Y, engine=engine)
        _, plain_pull = autodiff.vjp(plain, array_of(v), Y, engine="numpy")
        by_v, by_y = plain_pull(value)
        same(pull(value), (numbers(by_v, kind, n), by_y))


def close(got, want):
    """Equal, whatever the types of the numbers."""
    if isinstance(want, dict):
        for key in want:
            close(got[key], want[key])
    else:
        np.testing.assert_allclose(got, want, rtol=1e-11)


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        pytest.param(f, kind, marks=() if f is branches and kind == "list" else pytest.mark.slow)
        for f in (a_number, in_numpy, branches)
        for kind in ("list", "tuple", "float64")
    ],
    ids=name_of,
)
def test_one_program_for_all_lengths(f, kind):
    products = [
        (autodiff.jacobian(f, on_fallback="error"), False),
        (autodiff.hessian(f, on_fallback="error", engine="numpy"), False),
        (autodiff.hessian_vector(f, on_fallback="error", engine="numpy"), True),
    ]
    for compiled, with_vectors in products:
        for n in (5, 6, 7, 8, 40):
            v = given(kind, n)
            options = {"_tensors": (v, Y)} if with_vectors else {}
            compiled(v, Y, **options)
        assert len(compiled.cache) == 2  # for the first length, and for all


def test_programs_do_not_grow_with_the_list():
    for transform in (autodiff.jacobian, autodiff.hessian):
        sizes = {str(transform(a_number).ir(given("list", n), Y)).count("\n") for n in (20, 60)}
        assert len(sizes) == 1


def test_lists_in_containers():
    def f(p, a):
        return sum(x * x for x in p["v"]) * a * p["w"] + math.fsum(p["v"]) * p["w"] ** 2

    p = {"v": given("list", 4), "w": 2.0}
    h = autodiff.hessian(f)(p, 1.5)
    by_v, by_w = h[0]["v"], h[0]["w"]
    assert [row[0]["v"][k] for k, row in enumerate(by_v)] == [2 * 1.5 * 2.0] * 4
    assert [row[0]["w"] for row in by_v] == by_w[0]["v"]
    assert [row[1] for row in by_v] == h[1][0]["v"]
    t = {"v": [1, 0, 0, 0], "w": 0}  # ints, in the place of floats
    _, tangent = autodiff.jvp(f, (p, 1.5), (t, 0.0))
    assert tangent == pytest.approx(2 * 0.75 * 3.0 + 4.0)


def test_vectors_have_the_structure_of_the_argument():
    def f(v):
        return sum(v) * v[0]

    v = given("list", 3)
    for wrong, count in (([1.0, 2.0], 2), (2.0, 1), (np.ones(3), 1), ([1.0] * 4, 4)):
        with pytest.raises(
            autodiff.ShapeError, match=f"has {count} parts where the argument has 3"
        ):
            autodiff.jvp(f, (v,), (wrong,))
        with pytest.raises(
            autodiff.ShapeError, match=f"has {count} parts where the argument has 3"
        ):
            autodiff.hessian_vector(f)(v, _tensors=wrong)


def test_inside_of_another_function():
    def f(v):
        return sum(x**3 for x in v)

    got = autodiff.gradient(lambda v: np.sum(np.array(autodiff.hessian(f)(v))))([1.0, 2.0, 3.0])
    assert got == [6.0, 6.0, 6.0]


def test_cotangents_of_results_of_other_lengths():
    def f(w):
        return [2.0 * x for x in w]

    for n in (3, 4, 9):
        _, pull = autodiff.vjp(f, np.ones(n))
        np.testing.assert_array_equal(pull([1.0] * n)[0], np.full(n, 2.0))
    for wrong in ([1.0] * 8, 1.0, [np.ones(2)] * 9):
        with pytest.raises(autodiff.ShapeError, match="does not have the shape of the result"):
            pull(wrong)
