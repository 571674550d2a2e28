"""wrt: one name or several, a position, an array object that the function reads, and all of them mixed."""

import copy
import functools
import pickle
import struct

import numpy as np
import pytest
from scipy import special
from scipy.optimize import BFGS

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([2.0, 3.0, 4.0])
W = np.array([1.0, 2.0, 3.0])
alias = W
integers = np.array([1, 2, 3])
scale = np.float64(3.0)
reads = 1


def loss(x):
    return np.sum(W**2 * x)


@pytest.fixture(autouse=True)
def the_globals():
    before = W, alias, reads
    yield
    globals().update(W=before[0], alias=before[1], reads=before[2])


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])
        self.parts = {"b": [np.ones(3)]}

    def energy(self, x):
        return np.sum(self.w**2 * x * self.parts["b"][0])

    @autodiff.gradient
    def slope(self, x):
        return self.energy(x)


def closure():
    c = np.array([1.0, 1.0, 2.0])
    return c, lambda x: np.sum(c * c * x)


# -- arguments -----------------------------------------------------------------------------------------
@ENGINES
def test_results_come_in_the_order_asked_for(engine):
    def f(a, b, c):
        return np.sum(a * b**2 * c**3)

    a, b, c = X, X + 1, X + 2
    parts = {"a": b**2 * c**3, "b": 2 * a * b * c**3, "c": 3 * a * b**2 * c**2}
    for wrt in (("c", "a"), ("b", "c", "a"), (2, 0), (-1, "a"), ["c", "a"]):
        found = autodiff.gradient(f, wrt=wrt, engine=engine)(a, b, c)
        names = ["abc"[w] if isinstance(w, int) else w for w in wrt]
        assert isinstance(found, tuple) and len(found) == len(wrt)
        assert all(np.allclose(g, parts[n]) for g, n in zip(found, names, strict=True))
    assert np.allclose(autodiff.gradient(f, wrt=["b"], engine=engine)(a, b, c), parts["b"])
    assert len(autodiff.gradient(f, engine=engine)(a, b, c)) == 3


@ENGINES
def test_vectors_belong_to_what_wrt_names_in_its_order(engine):
    def f(a, b):
        return np.sum(a**3 * b)

    a, b, v, w = X, X + 1, np.array([1.0, 0.0, 2.0]), np.array([0.5, 3.0, -1.0])
    for wrt, vectors in ((("a", "b"), (v, w)), (("b", "a"), (w, v))):
        found = autodiff.hessian_vector(f, wrt=wrt, engine=engine)(a, b, _tensors=vectors)
        expected = {"a": 6 * a * b * v + 3 * a**2 * w, "b": 3 * a**2 * v}
        assert all(np.allclose(h, expected[n]) for h, n in zip(found, wrt, strict=True))
        _, tangent = autodiff.jvp(f, (a, b), vectors, wrt=wrt, engine=engine)
        assert np.isclose(tangent, np.sum(3 * a**2 * b * v + a**3 * w))
    with pytest.raises(ValueError) as caught:
        autodiff.hessian_vector(f, wrt=("a", "a"))(a, b, _tensors=(v, v))
    assert str(caught.value) == (
        "AD102: wrt=('a', 'a') names 'a' twice.\n  Remedy: name each argument, tag or array once"
    )


# -- objects -------------------------------------------------------------------------------------------
@ENGINES
def test_every_transformation_takes_a_captured_array(engine):
    def made(transformation, f=loss, wrt=W):
        return transformation(f, wrt=wrt, engine=engine, on_fallback="error")

    v = np.array([1.0, -1.0, 2.0])
    assert np.allclose(made(autodiff.gradient)(X), 2 * W * X)
    by_x, by_w = made(autodiff.gradient, wrt=("x", W))(X)
    assert np.allclose(by_x, W**2) and np.allclose(by_w, 2 * W * X)
    value, by_w = made(autodiff.value_and_gradient)(X)
    assert np.isclose(value, loss(X)) and np.allclose(by_w, 2 * W * X)
    assert np.allclose(made(autodiff.jacobian, lambda x: W**2 * x)(X), np.diag(2 * W * X))
    assert np.allclose(made(autodiff.hessian)(X), np.diag(2 * X))
    (ww, wx), (xw, xx) = made(autodiff.hessian, wrt=[W, "x"])(X)
    assert np.allclose(ww, np.diag(2 * X)) and np.allclose(xx, 0)
    assert np.allclose(wx, np.diag(2 * W)) and np.allclose(xw, wx)
    assert np.allclose(made(autodiff.hessian_vector)(X, _tensors=v), 2 * X * v)
    both = made(autodiff.hessian_vector, wrt=(W, "x"))(X, _tensors=(v, 0 * v))
    assert np.allclose(both[0], 2 * X * v) and np.allclose(both[1], 2 * W * v)
    value, tangent = autodiff.jvp(loss, (X,), (v,), wrt=W, engine=engine)
    assert np.isclose(value, loss(X)) and np.isclose(tangent, 2 * W * X @ v)
    value, pull = autodiff.vjp(lambda x: W**2 * x, X, wrt=W, engine=engine)
    (by_w,) = pull(v)
    assert np.allclose(value, W**2 * X) and np.allclose(by_w, 2 * W * X * v)
    _, pull = autodiff.vjp(lambda x: W**2 * x, X, wrt=("x", W), engine=engine)
    by_x, by_w = pull(v)
    assert np.allclose(by_x, W**2 * v) and np.allclose(by_w, 2 * W * X * v)


@ENGINES
def test_closures_attributes_items_and_arguments(engine):
    c, f = closure()
    assert np.allclose(autodiff.gradient(f, wrt=c, engine=engine)(X), 2 * c * X)
    model = Model()
    g = autodiff.gradient(model.energy, wrt=(model.parts["b"][0], model.w), engine=engine)
    by_b, by_w = g(X)
    assert np.allclose(by_b, model.w**2 * X) and np.allclose(by_w, 2 * model.w * X)
    f = autodiff.gradient(lambda x, y: np.sum(x * y * y), wrt=X, engine=engine)
    assert np.allclose(f(W, X), 2 * W * X)  # the second argument: X was passed there
    assert np.allclose(f(W, W), 2 * W * W)


@ENGINES
def test_what_the_name_is_bound_to_now_is_differentiated_by(engine):
    global W
    g = autodiff.gradient(loss, wrt=W, engine=engine)
    hv = autodiff.hessian_vector(loss, wrt=W, engine=engine)
    first = W
    assert np.allclose(g(X), 2 * W * X) and np.allclose(hv(X, _tensors=X), 2 * X * X)
    W = np.array([5.0, 6.0, 7.0])
    assert np.allclose(g(X), 2 * W * X)
    W = np.array([5.0, 6.0])  # another shape, another capture
    assert np.allclose(g(X[:2]), 2 * W * X[:2])
    assert np.allclose(hv(X[:2], _tensors=np.ones(2)), 2 * X[:2])
    with pytest.raises(
        autodiff.ShapeError, match=r"has shape \(3,\) where the argument has \(2,\)"
    ):
        hv(X[:2], _tensors=np.ones(3))
    first[0] = 10.0  # no longer read
    assert np.allclose(g(X[:2]), 2 * W * X[:2])
    first[0] = 1.0


def test_zeros_where_a_call_does_not_read_the_array():
    global reads

    def f(x):
        return np.sum(W * x) if reads else np.sum(x)

    g = autodiff.gradient(f, wrt=W)
    assert np.allclose(g(X), X)
    reads = 0
    assert np.array_equal(g(X), np.zeros(3))
    reads = 1
    assert np.allclose(g(X), X)


@ENGINES
def test_two_names_of_one_array_integers_and_numpy_numbers(engine):
    f = lambda x: np.sum(W * x) + np.sum(alias * 2)
    assert np.allclose(autodiff.gradient(f, wrt=W, engine=engine)(X), X + 2)
    found = autodiff.gradient(lambda x: np.sum(integers * x), wrt=integers, engine=engine)(X)
    assert np.array_equal(found, np.zeros(3)) and found.dtype == np.float64
    assert autodiff.gradient(lambda x: scale * scale * x, wrt=scale, engine=engine)(2.0) == 12.0
    hv = autodiff.hessian_vector(
        lambda x: np.sum(integers * x * x), wrt=(integers, "x"), engine=engine
    )
    by_integers, by_x = hv(X, _tensors=(np.zeros(3), np.ones(3)))
    assert np.array_equal(by_integers, np.zeros(3)) and np.allclose(by_x, 2 * integers)


def test_a_store_into_the_array_is_differentiated_through():
    def f(x):
        W[0] = x[0]
        return np.sum(W * W)

    assert np.allclose(autodiff.gradient(f, wrt=W)(X), [0.0, 4.0, 6.0])
    W[0] = 1.0


def test_uncompiled_calls_and_calls_without_cache():
    def opaque(x):
        n = struct.unpack("i", struct.pack("i", 2))[0]
        return np.sum(W**n * x) + len(struct.pack("d", x[0])) * 0.0

    with pytest.warns(autodiff.FallbackWarning):
        assert np.allclose(autodiff.gradient(opaque, wrt=W)(X), 2 * W * X)
    assert np.allclose(autodiff.gradient(loss, wrt=W, use_cache=False)(X), 2 * W * X)


def test_an_opaque_function_of_the_array_loses_no_derivative_silently():
    def opaque(x):
        return x[0] * struct.unpack("d", struct.pack("d", W[0]))[0]

    with pytest.warns(autodiff.FallbackWarning), pytest.raises(autodiff.DerivativeError):
        autodiff.gradient(opaque, wrt=W)(X)


def test_an_object_that_keeps_what_it_is_given_loses_no_derivative():
    def kept(x):
        strategy = BFGS()
        strategy.initialize(3, "hess")
        strategy.update(W, W**2 * x)
        return np.sum(strategy.get_matrix())

    slope, h = autodiff.gradient(kept, wrt=W)(X), 1e-6
    for k in range(3):
        before, found = W[k], []
        for step in (h, -h):
            W[k] = before + step
            found.append(kept(X))
        W[k] = before
        assert slope[k] == pytest.approx((found[0] - found[1]) / (2 * h), rel=1e-6, abs=1e-8)


def test_copies_and_repr():
    g = autodiff.gradient(loss, wrt=W)
    assert np.allclose(copy.copy(g)(X), 2 * W * X)
    assert repr(g) == "<autodiff.gradient of loss, wrt=<array float64[3]>; 0 specialisations>"
    both = autodiff.gradient(loss, wrt=("x", W))
    assert repr(both).endswith("wrt=('x', <array float64[3]>); 0 specialisations>")
    again = pickle.loads(
        pickle.dumps(g)
    )  # the array is a copy then, which the function does not read
    with pytest.raises(ValueError, match="does not read wrt=<array float64"):
        again(X)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: autodiff.gradient(loss, wrt=W.copy())(X),
            "AD102: loss does not read wrt=<array float64[3]>: it is not found among the arrays of its "
            "arguments, globals, closures and attributes.\n"
            "  Remedy: name the array object itself, not a view or a copy of it",
        ),
        (
            lambda: autodiff.gradient(lambda x, y: np.sum(x * y), wrt=X)(X, X),
            "AD102: <lambda> reads wrt=<array float64[3]> in 2 places.\n"
            "  Remedy: name an argument, or tag the value that is meant",
        ),
        (
            lambda: autodiff.gradient(loss, wrt="nope")(X),
            "AD102: wrt='nope' is not an argument of loss; its arguments are x.\n  Remedy: name one of them",
        ),
        (
            lambda: autodiff.hessian_vector(loss, wrt=W)(X, _tensors=np.ones(4)),
            "AD202: hessian_vector: a vector has shape (4,) where the argument has (3,).\n"
            "  Remedy: give vectors the shapes of the arguments",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == text


# -- inside of other functions -------------------------------------------------------------------------
def tagged_loss(x):
    z = autodiff.tag(np.sin(x), "z")
    return np.sum(z**3)


by_tag = autodiff.gradient(tagged_loss, wrt="z")
by_global = autodiff.gradient(loss, wrt=W)
by_both = autodiff.gradient(lambda x: np.sum(W**2 * x**2), wrt=("x", W))
by_both_turned = autodiff.gradient(lambda x: np.sum(W**2 * x**2), wrt=(W, "x"))
by_tag_and_argument = autodiff.gradient(tagged_loss, wrt=("z", "x"))
product_by_tag = autodiff.hessian_vector(tagged_loss, wrt="z")
hessian_by_tag = autodiff.hessian(tagged_loss, wrt="z")


class Slopes(Model):
    def by_attribute(self, x):
        return autodiff.gradient(self.energy, wrt=self.w)(x)


MODEL = Slopes()


def over_and_over(x):
    total = 0.0
    for k in range(50):
        total += np.sum(by_tag(x * k)) + np.sum(MODEL.by_attribute(x))
    return total


Z = np.sin(X)
INSIDE = {
    "attribute": (MODEL.by_attribute, 2 * W * X),
    "global": (lambda x: by_global(x), 2 * W * X),
    "argument and global": (lambda x: by_both(x), (2 * W**2 * X, 2 * W * X**2)),
    "global and argument": (lambda x: by_both_turned(x), (2 * W * X**2, 2 * W**2 * X)),
    "tag": (lambda x: by_tag(x), 3 * Z**2),
    "tag and argument": (lambda x: by_tag_and_argument(x), (3 * Z**2, 3 * Z**2 * np.cos(X))),
    "product by tag": (lambda x: product_by_tag(x, _tensors=x), 6 * Z * X),
    "hessian by tag": (lambda x: hessian_by_tag(x), np.diag(6 * Z)),
    "loop": (
        over_and_over,
        sum(np.sum(3 * np.sin(X * k) ** 2) + np.sum(2 * W * X) for k in range(50)),
    ),
    "slope of a slope by attribute": (
        lambda x: autodiff.gradient(lambda y: np.sum(MODEL.by_attribute(y)))(x),
        2 * W,
    ),
    "slope of a slope by tag": (
        lambda x: autodiff.gradient(lambda y: np.sum(by_tag(y)))(x),
        6 * Z * np.cos(X),
    ),
}


@ENGINES
@pytest.mark.parametrize("name", INSIDE)
def test_tags_and_attributes_inside_of_another_function(engine, name):
    f, expected = INSIDE[name]
    found = autodiff.function(f, engine=engine, on_fallback="error")(X)
    plain = f(X)
    for got in (found, plain):
        parts = got if isinstance(got, tuple) else (got,)
        right = expected if isinstance(expected, tuple) else (expected,)
        assert len(parts) == len(right)
        assert all(np.allclose(g, r) for g, r in zip(parts, right, strict=True))


@ENGINES
def test_derivatives_flow_through_those_taken_inside(engine):
    made = autodiff.gradient(
        lambda x: np.sum(by_global(x) ** 2), wrt=W, engine=engine, on_fallback="error"
    )
    assert np.allclose(made(X), 8 * W * X * X)
    assert np.allclose(
        autodiff.gradient(lambda x: np.sum(by_tag(x)), engine=engine)(X), 6 * Z * np.cos(X)
    )


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_is_not_there_inside_of_another_function():
    with pytest.raises(
        ValueError, match="wrt='q' is not an argument of tagged_loss; .* its tags 'z'"
    ):
        autodiff.function(lambda x: autodiff.gradient(tagged_loss, wrt="q")(x))(X)


@ENGINES
def test_an_object_is_ambiguous_only_among_the_places_that_the_result_depends_on(engine):
    def f(x, y):
        unused = np.sum(y) * 2.0
        return np.sum(x**2), unused

    def first(x, y):
        return f(x, y)[0]

    assert np.allclose(autodiff.gradient(first, wrt=X, engine=engine)(X, X), 2 * X)
    with pytest.raises(ValueError, match="in 2 places"):
        autodiff.gradient(lambda x, y: np.sum(x * y), wrt=X, engine=engine)(X, X)


def test_vectors_are_looked_at_after_the_function():
    with pytest.raises(TypeError, match=r"its result has shape \(3,\), not one number"):
        autodiff.hessian_vector(lambda x: x**2)(X, _tensors=np.ones(2))
    with pytest.raises(TypeError, match="its result is complex"):
        autodiff.hessian_vector(lambda x: np.sum(x * 1j))(X, _tensors=np.ones(2))
    with pytest.raises(autodiff.ShapeError, match=r"a vector has shape \(2,\)"):
        autodiff.hessian_vector(lambda x: np.sum(x**2))(X, _tensors=np.ones(2))


def cubed(x, k=2.0):
    return x**3 * k


def by_keyword_only(x, *, k=2):
    return x**3 * k


def by_position_only(x, k=2.0, j=1.0, /):
    return x**3 * k * j


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("function", [cubed, by_keyword_only, by_position_only])
def test_a_default_is_no_argument_of_the_call_in_a_transformation_of_a_transformation(
    function, engine
):
    slope = autodiff.gradient(function, engine=engine)
    assert slope(1.0) == 6.0
    assert autodiff.function(slope, engine=engine)(1.0) == 6.0
    assert autodiff.function(lambda x: slope(x), engine=engine)(1.0) == 6.0
    assert autodiff.gradient(slope, engine=engine)(1.0) == 12.0
    assert autodiff.gradient(autodiff.gradient(slope), engine=engine)(1.0) == 12.0
    assert autodiff.function(lambda x: autodiff.gradient(slope)(x), engine=engine)(1.0) == 12.0


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_default_that_is_given_or_named_is_passed_on(engine):
    slope = autodiff.gradient(cubed)
    assert autodiff.function(slope, engine=engine)(1.0, 3.0) == (9.0, 1.0)
    assert autodiff.function(slope, engine=engine)(1.0, k=3.0) == (9.0, 1.0)
    named = autodiff.gradient(cubed, wrt="k")
    assert autodiff.function(named, engine=engine)(2.0) == 8.0
    assert autodiff.gradient(named, wrt="x", engine=engine)(2.0) == 12.0
    for name, right in (("k", 8.0), ("j", 16.0)):
        fixed = autodiff.gradient(by_position_only, wrt=name)
        assert autodiff.function(fixed, engine=engine)(2.0) == right


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    ("function", "right"),
    [
        (special.expit, -0.05755679485232075),
        (special.ellipk, 1.8540746773013717),
        (np.sin, -0.479425538604203),
        (functools.partial(special.xlogy, 2.0), -8.0),
        (np.var, 0.0),
    ],
)
def test_functions_of_libraries_passed_bare_have_second_derivatives(function, right, engine):
    slope = autodiff.gradient(function, engine=engine)
    assert autodiff.gradient(slope, engine=engine)(0.5) == pytest.approx(right, rel=1e-12)
    assert autodiff.function(slope, engine=engine)(0.5) == slope(0.5)


# -- integers alone -------------------------------------------------------------------------------------
INTEGERS = np.array([1, 2, 3])
FLAGS = np.array([True, False, True])


def product(x, y):
    return np.sum(x * y)


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.errors.IntegerWarning")
@pytest.mark.parametrize(
    "a, b", [(INTEGERS, INTEGERS), (FLAGS, FLAGS), (FLAGS, np.uint8([1, 2, 3])), (np.True_, np.False_)],
    ids=["ints", "bools", "both", "scalars"],
)  # fmt: skip
def test_derivatives_by_integers_alone_are_zero(a, b, engine) -> None:
    zeros = (np.zeros(np.shape(a)), np.zeros(np.shape(b)))

    def check(got) -> None:
        assert [np.shape(x) for x in got] == [x.shape for x in zeros]
        assert all(np.asarray(x).dtype == float and not np.any(x) for x in got)

    both = autodiff.value_and_gradient(product, engine=engine)
    check(autodiff.gradient(product, engine=engine)(a, b))
    check(autodiff.hessian_vector(product, engine=engine)(a, b, _tensors=zeros))
    value, found = both(a, b)
    assert repr(value) == repr(product(a, b))
    check(found)
    value, pull = autodiff.vjp(product, a, b, engine=engine)
    assert repr(value) == repr(product(a, b))
    check(pull(1.0))
    within = autodiff.function(lambda s: autodiff.gradient(product)(a, b), engine=engine)
    check(within(1.0))
    rows = autodiff.hessian(product, engine=engine)(a, b)
    assert np.shape(rows[0][1]) == (*np.shape(a), *np.shape(b)) and not np.any(rows[0][1])


def test_an_integer_array_that_is_named_warns_whatever_the_result_is() -> None:
    with pytest.warns(autodiff.errors.IntegerWarning, match=r"astype\(float\)"):
        assert autodiff.gradient(product, wrt="y")(INTEGERS, INTEGERS).tolist() == [0.0] * 3


def test_an_integer_of_floats_is_no_result() -> None:
    with pytest.raises(TypeError, match="AD104"):
        autodiff.gradient(lambda x: int(x))(2.5)


# -- any number of arguments ----------------------------------------------------------------------------
REST = [
    (lambda *a: a[0] ** 2, (2.0,), (1.0,), 4.0, (4.0,)),
    (lambda *a: a[0] * a[1], (2.0, 3.0), (1.0, 0.0), 3.0, (3.0, 2.0)),
    (lambda x, *a: x * a[0], (2.0, 3.0), (1.0, 1.0), 5.0, (3.0, 2.0)),
    (lambda x, *a: x**2, (2.0,), (1.0,), 4.0, (4.0,)),
    (lambda x, *a: x * a[1], (2.0, 3, 4.0), (1.0, 0.0, 1.0), 6.0, (4.0, 0.0, 2.0)),
    (lambda p, *a: p["w"] * a[0], ({"w": 2.0}, 3.0), ({"w": 1.0}, 0.0), 3.0, ({"w": 3.0}, 2.0)),
    (lambda *a: a[0] * len(a[1]), (2.0, "abc"), (1.0, None), 3.0, (3.0, None)),
    (lambda x, y=3.0: x * y, (2.0,), (1.0,), 3.0, (3.0,)),
]


@ENGINES
@pytest.mark.parametrize("f, primals, tangents, slope, cotangents", REST)
def test_products_take_any_number_of_arguments(
    f, primals, tangents, slope, cotangents, engine
) -> None:
    def inside(s):
        value, pull = autodiff.vjp(f, *primals)
        return autodiff.jvp(f, primals, tangents), value, pull(1.0)

    value, pull = autodiff.vjp(f, *primals, engine=engine)
    assert autodiff.jvp(f, primals, tangents, engine=engine) == (f(*primals), slope)
    assert (value, pull(1.0)) == (f(*primals), cotangents)
    expected = (f(*primals), slope), value, cotangents
    assert autodiff.function(inside, engine=engine)(1.0) == expected


@ENGINES
def test_cotangents_of_what_is_no_number_are_not_looked_at(engine) -> None:
    def f(x):
        return {"a": x * x, "n": int(x), "s": "text"}

    value, pull = autodiff.vjp(f, 2.5, engine=engine)
    assert value == {"a": 6.25, "n": 2, "s": "text"}
    assert pull({"a": 2.0, "n": 0, "s": None}) == pull({"a": 2.0}) == (10.0,)


# -- the value inside of another function ----------------------------------------------------------------
@ENGINES
def test_the_value_inside_of_another_function_has_its_own_type(engine) -> None:
    def rectified(x):
        return x if x > 0 else 0

    def f(s):
        a = autodiff.value_and_gradient(rectified)(s)
        b = autodiff.value_and_gradient(lambda x, n: x * n)(2, 3)
        c = autodiff.jvp(rectified, (s,), (1.0,))
        d = autodiff.value_and_gradient(lambda n: n * n, wrt="n")(len(str(s)))
        return [a, b, c, d, autodiff.vjp(rectified, s)[0]]

    compiled = autodiff.function(f, engine=engine)
    for s in (1.5, -1.5):
        assert repr(compiled(s)) == repr(f(s))


@ENGINES
def test_products_inside_of_another_function_take_an_array_in_wrt(engine, recwarn) -> None:
    def f(s):
        value, slope = autodiff.jvp(loss, (s * X,), (X,), wrt=W)
        return slope, autodiff.vjp(loss, s * X, wrt=W)[1](1.0)[0]

    slope, cotangent = autodiff.function(f, engine=engine)(2.0)
    assert slope == pytest.approx(np.sum(2 * W * 2 * X * X))
    assert cotangent == pytest.approx(2 * W * 2 * X)
    assert not recwarn.list


@pytest.mark.parametrize("first", [(), (3.0,)])
def test_an_argument_is_differentiated_by_whether_or_not_it_was_given_before(first):
    slope = autodiff.gradient(lambda x, y=2.0: np.sum(x) * y)
    x = np.array([1.0, 2.0])
    slope(x, *first)
    for _ in range(3):
        assert isinstance(slope(x), np.ndarray)
        assert slope(x, 3.0)[1] == 3.0


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_integer_that_counts_as_a_float_has_the_derivative_of_its_own_path(engine):
    def by_class(x):
        return x * 2.0 if isinstance(x, float) else x * 3.0

    def by_type(x):
        return x * x if type(x) is int else x * 5.0

    for f, of_int, of_float in [
        (by_class, (6.0, 3.0), (4.0, 2.0)),
        (by_type, (4, 4.0), (10.0, 5.0)),
    ]:
        both = autodiff.value_and_gradient(f, engine=engine)
        assert [both(2), both(2.0), both(2)] == [of_int, of_float, of_int]


def _relabelled(x, names):
    names[0] = "b"
    return np.sum(x[names == "a"] ** 2)


# -- arrays of text and of dates are no numbers ----------------------------------------------------------
DAYS = np.array(["2020-01-01", "2020-01-05", "2020-02-01"], "datetime64[D]")
NO_NUMBERS = {
    "text": (lambda x, names: np.sum(x[names == "a"] ** 2), np.array(["a", "b", "a"])),
    "bytes": (lambda x, names: np.sum(x[names == b"a"] ** 2), np.array([b"a", b"b", b"a"])),
    "groups": (
        lambda x, names: np.sum(np.bincount(np.unique(names, return_inverse=True)[1], x) ** 2),
        np.array(["left", "right", "left"]),
    ),
    "dates": (lambda x, days: np.sum(x[1:] * (np.diff(days) / np.timedelta64(1, "D"))), DAYS),
    "spans": (lambda x, spans: np.sum(x * (spans > np.timedelta64(3, "D"))), DAYS - DAYS[0]),
    "item by item": (
        lambda x, names: sum(v * (2 if n == "a" else 3) for v, n in zip(x, names, strict=True)),
        np.array(["a", "b", "a"]),
    ),
    "stored into": (_relabelled, np.array(["a", "b", "a"])),
}


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("case", NO_NUMBERS)
def test_an_array_without_numbers_is_not_differentiated(case: str) -> None:
    f, given = NO_NUMBERS[case]
    x = np.array([0.5, 1.5, 2.5])
    function, slope = (t(f, engine="numpy") for t in (autodiff.function, autodiff.gradient))
    by_name = autodiff.gradient(f, wrt=0, engine="numpy")
    of_dict = autodiff.gradient(lambda d: f(d["x"], d["given"]), engine="numpy")
    for labels in (given, given[::-1], given[[1, 1, 0]], given):
        ours, plain = labels.copy(), labels.copy()
        assert function(x, ours) == f(x, plain)
        assert np.array_equal(ours, plain)
        steps = 1e-6 * np.eye(3)
        right = [(f(x + h, labels.copy()) - f(x - h, labels.copy())) / 2e-6 for h in steps]
        kept = labels.copy()
        parts = of_dict({"x": x, "given": kept})
        assert parts["given"] is kept
        for found in (slope(x, labels.copy()), by_name(x, labels.copy()), parts["x"]):
            np.testing.assert_allclose(found, right, atol=1e-6)


def test_text_and_dates_have_no_cotangent_and_are_refused_where_they_are_named() -> None:
    names, day = np.array(["a", "b"]), np.datetime64("2020-01-01")

    def f(x, names, day):
        return np.sum(x) * len(names) * (day > DAYS[0] - np.timedelta64(1, "D"))

    x = np.ones(2)
    _, pull = autodiff.vjp(f, x, names, day, engine="numpy")
    slopes, *others = pull(1.0)
    assert slopes.tolist() == [2.0, 2.0] and others == [None, None]
    inside = autodiff.function(lambda x: autodiff.vjp(f, x, names, day)[1](1.0), engine="numpy")(x)
    assert inside[0].tolist() == [2.0, 2.0] and inside[1:] == (None, None)
    for wrt, given in (("names", (x, names, day)), (("x", "names"), (x, names, day))):
        with pytest.raises(autodiff.errors.DtypeError, match="argument names has dtype <U1"):
            autodiff.gradient(f, wrt=wrt, engine="numpy")(*given)
    with pytest.raises(autodiff.errors.DtypeError, match="argument names has dtype <U1"):
        autodiff.gradient(lambda names: float(len(names)), engine="numpy")(names)
