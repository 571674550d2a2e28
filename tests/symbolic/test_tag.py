"""tag and constant: names for the values of a function, and values that become part of the program."""

import collections
import inspect

import numpy as np
import pytest

import autodiff
from autodiff import Symbolic, constant, tag

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([2.0, 3.0, 4.0])
M = np.arange(6.0).reshape(2, 3)


def squares(x):
    y = tag(x * x, "y")
    return np.sum(y * y * x)


# -- plain Python ------------------------------------------------------------------------------------
def test_both_are_identity_functions():
    thing = object()
    for x in (X, 3, None, thing, [X]):
        assert tag(x, "key") is x
        assert constant(x) is x


# -- s_vars -------------------------------------------------------------------------------------------
def test_s_vars_show_type_and_source_line():
    f = autodiff.function(squares)
    assert len(f.s_vars) == 0 and repr(f.s_vars) == "no tags"
    f(X)
    y = f.s_vars["y"]
    line = inspect.getsourcelines(squares)[1] + 1
    assert repr(y) == f"<tag 'y': float64[3] at test_tag.py:{line}: y = tag(x * x, \"y\")>"
    assert (y.key, y.shape, y.dtype) == ("y", (3,), np.float64)
    assert y.operation.kind == "multiply" and y.source.line == line
    assert repr(f.s_vars) == f"tags of squares:\n  'y': {y!r}"
    assert list(f.s_vars) == ["y"] and "y" in f.s_vars and "z" not in f.s_vars
    with pytest.raises(KeyError) as caught:
        f.s_vars["z"]
    assert caught.value.args == ("no value of squares is tagged 'z'; its tags: 'y'",)


def test_tags_of_numbers_containers_and_of_values_in_loops():
    Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024 - as users write it

    @autodiff.function
    def f(x):
        tag(3, ("number", 1))
        pair = tag(Pair(x, {"c": x + 1}), "pair")
        total = 0.0
        for k in range(len(x)):
            total = tag(total + x[k], "total")
        return total + np.sum(pair.b["c"])

    assert np.isclose(f(X), 21.0)
    assert f.s_vars["pair"].b["c"].shape == (3,)
    assert f.s_vars["number", 1].dtype == np.int64
    assert f.s_vars["total"].shape == ()


# -- wrt -----------------------------------------------------------------------------------------------
@ENGINES
def test_every_transformation_differentiates_by_a_tag(engine):
    def make(transformation, f=squares, **options):
        return transformation(f, engine=engine, on_fallback="error", **options)

    y = X * X
    assert np.allclose(make(autodiff.gradient, wrt="y")(X), 2 * y * X)
    by_x, by_y = make(autodiff.gradient, wrt=("x", "y"))(X)
    assert np.allclose(by_x, 5 * X**4) and np.allclose(by_y, 2 * y * X)
    value, by_y = make(autodiff.value_and_gradient, wrt="y")(X)
    assert np.isclose(value, np.sum(X**5)) and np.allclose(by_y, 2 * y * X)
    assert np.allclose(make(autodiff.hessian, wrt="y")(X), np.diag(2 * X))
    (xx, xy), (yx, yy) = make(autodiff.hessian, wrt=("x", "y"))(X)
    assert np.allclose(xx, np.diag(20 * X**3)) and np.allclose(yy, np.diag(2 * X))
    assert np.allclose(xy, np.diag(6 * X * X)) and np.allclose(yx, xy)
    hv = make(autodiff.hessian_vector, wrt="y")
    assert np.allclose(hv(X, _tensors=np.ones(3)), 2 * X)
    jacobian = make(autodiff.jacobian, lambda x: tag(x * x, "y") * x, wrt="y")
    assert np.allclose(jacobian(X), np.diag(X))
    value, tangent = autodiff.jvp(squares, (X,), (np.ones(3),), wrt="y", engine=engine)
    assert np.isclose(tangent, np.sum(2 * y * X))
    _, pull = autodiff.vjp(lambda x: tag(x * x, "y") * x, X, wrt="y", engine=engine)
    assert np.allclose(pull(X)[0], X * X)


def test_the_tagged_value_of_s_vars_stands_for_its_key():
    f = autodiff.function(squares)
    f(X)
    by_y = autodiff.gradient(squares, wrt=f.s_vars["y"])(X)
    assert np.allclose(by_y, 2 * X**3)


def test_lengths_may_change():
    g = autodiff.gradient(squares, wrt="y")
    for n in range(2, 9):
        assert np.allclose(g(np.ones(n)), 2.0)
    assert len(g.cache) == 2


@ENGINES
def test_numbers_arguments_and_statements(engine):
    def number(x):
        c = tag(2, "c")  # an int that is named is differentiated as a float
        return np.sum(c * c * x)

    def argument(x):
        x = tag(x, "x'")
        return np.sum(x * x)

    def statement(x):
        y = x + 2
        tag(y, "y")
        return np.sum(y * y)

    def copied(x):
        y = tag(x.copy(), "y")
        return np.sum(x * y)

    def view(x):
        y = x * 1.0
        v = tag(y[1:], "v")
        v *= 2
        return np.sum(y * y)

    def stored(x):
        y = tag(x * 1.0, "y")
        y[0] = 7.0
        return np.sum(y * y)

    for f, key, expected in (
        (number, "c", 36.0),
        (argument, "x'", 2 * X),
        (statement, "y", 2 * (X + 2)),
        (copied, "y", X),
        (view, "v", 8 * X[1:]),
        (stored, "y", [0.0, 6.0, 8.0]),
    ):
        assert np.allclose(autodiff.gradient(f, wrt=key, engine=engine)(X), expected), f.__name__
        assert np.allclose(autodiff.function(f, engine=engine)(X), f(X)), f.__name__


@ENGINES
def test_a_tag_in_a_branch_belongs_to_its_path(engine):
    @autodiff.gradient(wrt="y", engine=engine)
    def f(x):
        y = tag(x * 2, "y") if np.sum(x) > 0 else tag(x * 3, "y")
        return np.sum(y * y)

    assert np.allclose(f(X), 4 * X) and np.allclose(f(-X), -6 * X) and np.allclose(f(X), 4 * X)


def test_tags_in_a_loop_need_keys_of_their_own():
    def doubling(x):
        for k in range(3):
            x = tag(x * 2, f"x{k}")
        return np.sum(x * x)

    found = autodiff.gradient(doubling, wrt=("x0", "x1", "x2"))(X)
    assert np.allclose(found[2], 16 * X) and np.allclose(found[1], 32 * X)
    assert np.allclose(found[0], 64 * X)


def test_derivatives_by_a_tag_of_a_zero_of_either_sign():
    # What is added to a tagged value is the exact neutral element, also for -0.0.
    def f(x):
        y = tag(x, "y")
        return np.sum(np.copysign(1.0, y) * y)

    value, by_y = autodiff.value_and_gradient(f, wrt="y")(np.array([-0.0, 0.0]))
    assert np.array_equal(by_y, [-1.0, 1.0]) and not np.signbit(value)
    kept = autodiff.jvp(lambda x: tag(x, "y") * 1.0, (np.array([-0.0]),), (np.ones(1),), wrt="y")[0]
    assert np.signbit(kept[0])


# -- inputs of Symbolic -----------------------------------------------------------------------------------
@ENGINES
def test_a_tag_as_input_replaces_the_value(engine):
    def view(x):
        y = x * 1.0
        v = tag(y[1:], "v")
        v *= 2
        return y

    def scalar(x):
        s = tag(np.sum(x), "s")
        return s * x

    tracer = Symbolic(engine=engine, on_fallback="error")
    out = tracer.trace(view, X)
    f = tracer.compile_function(["v", X], out)
    assert np.allclose(f(np.array([10.0, 20.0]), X), [2.0, 20.0, 40.0])
    with pytest.raises(
        autodiff.ShapeError, match=r"is given a float64\[3\] where it is a float64\[2\]"
    ):
        f(X, X)
    out = tracer.trace(scalar, X)
    f = tracer.compile_function("s", out)
    assert np.allclose(f(2.0), 2 * X) and np.allclose(f(np.float32(0.5)), X / 2)
    assert np.isclose(tracer.compile_gradient("s", out, reduction="sum")(2.0), 9.0)


# -- errors -------------------------------------------------------------------------------------------------
def early(x):
    y = np.sum(x)
    z = y * y
    y = tag(y, "y")
    return y * z


def late(x):
    y = np.sum(x)
    tag(y, "y")
    return y * y


def literal(x):
    c = 1.5
    tag(c, "c")
    return np.sum(c * x)


def container(x):
    both = tag({"a": x, "b": x}, "both")
    return np.sum(both["a"] * both["b"])


def integers(x):
    k = tag(np.arange(3), "k")
    return np.sum(k * x)


def counted(x):
    y = tag(x[x > 2.5], "y")
    return np.sum(y)


def repeated(x):
    y = tag(x, "y")
    return np.sum(tag(y * 2, "y"))


@pytest.mark.parametrize(
    ("f", "key", "kind", "first", "remedy"),
    [
        (early, "y", ValueError, "AD102: the value tagged 'y' is also used without its tag.",
         "tag it where it is made, before it is used"),
        (late, "y", ValueError, "AD102: the value tagged 'y' is also used without its tag.",
         "go on with what tag returns: y = tag(y, key)"),
        (literal, "c", ValueError, "AD102: the value tagged 'c' is also used without its tag.",
         "go on with what tag returns: y = tag(y, key)"),
        (container, "both", ValueError, "AD102: the tag 'both' is a dict, not one array or number.",
         "tag the arrays in it, each with a key of its own"),
        (integers, "k", TypeError, "AD103: wrt='k' of integers is int64[3], whose derivative is zero "
         "everywhere.", "differentiate by a floating-point value"),
        (counted, "y", NotImplementedError, "AD304: a value whose size is known only when the program runs "
         "cannot be differentiated by.", "differentiate by an array that it is computed from"),
        (repeated, "y", ValueError, "AD102: the tag 'y' names 2 values of repeated.",
         "give each a key of its own"),
        (early, "q", ValueError, "AD102: wrt='q' is not an argument of early; its arguments are x, its "
         "tags 'y'.", "name one of them"),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)  # fmt: skip
def test_errors_name_the_line(f, key, kind, first, remedy):
    with pytest.raises(kind) as caught:
        autodiff.gradient(f, wrt=key)(X)
    lines = str(caught.value).splitlines()
    assert lines[0] == first and lines[-1] == f"  Remedy: {remedy}"
    if kind is not TypeError and key != "q":
        assert "test_tag.py, line" in lines[1]


def test_a_vector_that_does_not_fit_a_tag():
    with pytest.raises(autodiff.ShapeError) as caught:
        autodiff.hessian_vector(squares, wrt="y")(X, _tensors=np.ones(4))
    assert str(caught.value) == (
        "AD202: hessian_vector of squares: a vector does not have the shape of what is "
        "differentiated by.\n  Remedy: give vectors the shapes of what they multiply with"
    )


# -- constant -------------------------------------------------------------------------------------------------
def axis_literal(x, a):
    return x.sum(axis=1) if a == 1 else x.sum(axis=0)


def axis_local(x, a):
    b = 1 if a == 1 else 0
    return x.sum(axis=b)


def axis_constant(x, a):
    return x.sum(axis=constant(a))


def axis_plain(x, a):
    return x.sum(axis=a)


@ENGINES
@pytest.mark.parametrize("f", [axis_literal, axis_local, axis_constant, axis_plain])
def test_an_axis_may_be_written_in_any_way(engine, f):
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(lambda x, a: np.sum(f(x, a) ** 2), wrt="x", engine=engine)
    for a in (0, 1, 0, 1):
        assert np.array_equal(compiled(M, a), M.sum(axis=a))
        assert np.allclose(slope(M, a), 2 * M.sum(axis=a, keepdims=True) * np.ones_like(M))


def test_constant_specialises_on_numbers_arrays_and_containers():
    k = autodiff.gradient(lambda x, y: x * constant(y), wrt="x")
    assert [k(2.0, 3.0), k(2.0, 4.0), k(2.0, 3.0)] == [3.0, 4.0, 3.0] and len(k.cache) == 2
    a = autodiff.gradient(lambda x, y: np.sum(x * constant(y)), wrt="x")
    assert np.allclose(a(X, X), X) and np.allclose(a(X, X + 1), X + 1) and len(a.cache) == 2
    shaped = autodiff.function(lambda x, shape: x.reshape(constant(shape)))
    assert shaped(M, (3, 2)).shape == (3, 2) and shaped(M, (6,)).shape == (6,)

    @autodiff.function
    def stores(x):
        c = constant(np.zeros(3))
        c[0] = x[1]
        return c

    assert np.array_equal(stores(X), [3.0, 0.0, 0.0])


def carried(x):
    return x * constant(x)


def test_constant_of_a_differentiated_value_is_refused():
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(carried)(2.0)
    lines = str(caught.value).splitlines()
    assert (
        lines[0] == "AD302: constant(x) of a value that carries a derivative, which would be lost."
    )
    assert lines[-1] == (
        "  Remedy: differentiate by other arguments (wrt), or write autodiff.stop_gradient(x) where no "
        "derivative should flow"
    )
    assert autodiff.function(carried)(2.0) == 4.0
