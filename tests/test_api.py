"""The public transformations: forms of calling, results and their structure, binding, pickling, repr."""

import copy
import dataclasses
import inspect
import pickle
import pydoc
import warnings
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from scipy.special import ellip_harm

import autodiff

over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])
V = np.array([0.5, 1.5, 2.5])
W = np.array([1.0, -2.0, 3.0])


def loss(w, x):
    """Weighted squares."""
    return np.sum(w**2 * x)


def assert_tree_equal(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_tree_equal(x, y)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for k in a:
            assert_tree_equal(a[k], b[k])
    elif dataclasses.is_dataclass(a):
        assert_tree_equal(vars(a), vars(b))
    else:
        np.testing.assert_allclose(a, b, rtol=1e-12)


# -- forms of calling --------------------------------------------------------------------------------
@over_engines
def test_call_decorator_and_decorator_with_options(engine) -> None:
    called = autodiff.gradient(loss, wrt="w", engine=engine)

    @autodiff.gradient(wrt="w", engine=engine)
    def decorated(w, x):
        return np.sum(w**2 * x)

    @autodiff.gradient
    def bare(w):
        return np.sum(w**2)

    np.testing.assert_allclose(called(W, V), 2 * W * V)
    np.testing.assert_allclose(decorated(W, V), 2 * W * V)
    np.testing.assert_allclose(bare(W), 2 * W)


def test_the_decorated_function_keeps_its_face() -> None:
    gradient = autodiff.gradient(loss)
    assert gradient.__name__ == "loss"
    assert gradient.__doc__ == "Weighted squares."
    assert gradient.__wrapped__ is loss
    assert gradient.__module__ == __name__
    assert inspect.signature(gradient) == inspect.signature(loss)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: autodiff.function(loss), "<autodiff.function of loss; 0 specialisations>"),
        (
            lambda: autodiff.gradient(loss, wrt="w"),
            "<autodiff.gradient of loss, wrt='w'; 0 specialisations>",
        ),
        (
            lambda: autodiff.value_and_gradient(loss),
            "<autodiff.value_and_gradient of loss; 0 specialisations>",
        ),
        (
            lambda: autodiff.hessian_vector(loss),
            "<autodiff.hessian_vector of loss; 0 specialisations>",
        ),
        (lambda: autodiff.jacobian(loss), "<autodiff.jacobian of loss; 0 specialisations>"),
        (lambda: autodiff.hessian(loss), "<autodiff.hessian of loss; 0 specialisations>"),
    ],
)
def test_repr(make, text) -> None:
    assert repr(make()) == text


def test_repr_counts_specialisations() -> None:
    compiled = autodiff.function(loss, engine="numpy")
    compiled(W, V)
    assert repr(compiled) == "<autodiff.function of loss; 1 specialisation>"
    assert repr(compiled.cache[0]) == (
        "<specialisation for (w: float64[3], x: float64[3]); guards none>"
    )


power, table = 2, np.array([1.0, 2.0])


def test_the_cache_tells_what_each_specialisation_is_for() -> None:
    offset = 1.5

    def f(x, n, mode="a", *, p=None):
        parts = [x * offset]
        if np.sum(x) > 0:
            parts.append(table**power)
        return np.sum(np.concatenate(parts)) * n if mode == "a" else x[0]

    compiled = autodiff.function(f)
    assert len(compiled.cache) == 0
    x = np.ones(2)
    compiled(x, 3)
    compiled(-x, 4)
    compiled(x, 4, "b", p={"k": x})
    compiled(np.ones(4), 4, "b", p={"k": x})
    compiled(np.ones(5), 4, "b", p={"k": x})
    assert [s.arguments for s in compiled.cache] == [
        ("x: float64[2]", "n: ~int64", "mode='a'", "p=None"),
        ("x: float64[2]", "n: ~int64", "mode='a'", "p=None"),
        ("x: float64[2]", "n: ~int64", "mode='b'", "p['k']: float64[2]"),
        ("x: float64[n0]", "n: ~int64", "mode='b'", "p['k']: float64[2]"),
    ]
    first = compiled.cache[0]
    assert first.reads == ("offset: ~float64", "table: float64[2]")
    line = inspect.getsourcelines(f)[1] + 2
    assert first.guards == (
        "defaults[0] equal 'a'",
        "defaults['p'] equal None",
        "offset type float",
        "power equal 2",
        f"a value at {__file__}:{line}:12",
    )
    assert repr(first) == (
        "<specialisation for (x: float64[2], n: ~int64, mode='a', p=None); "
        "reads offset: ~float64, table: float64[2]; "
        "guards defaults[0] equal 'a'; defaults['p'] equal None; offset type float; power equal 2; "
        f"a value at {__file__}:{line}:12>"
    )


@pytest.mark.parametrize(
    "name", ["function", "gradient", "value_and_gradient", "hessian_vector", "jacobian", "hessian"]
)
def test_classes_and_functions_are_one_thing(name) -> None:
    classes = {
        "function": "Function", "gradient": "Gradient", "value_and_gradient": "ValueAndGradient",
        "hessian_vector": "HessianVector", "jacobian": "Jacobian", "hessian": "Hessian",
    }  # fmt: skip
    cls = getattr(autodiff, classes[name])
    assert type(getattr(autodiff, name)(loss)) is cls
    assert type(cls(loss)) is cls


# -- wrt --------------------------------------------------------------------------------------------------
@over_engines
@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (None, (2 * W * V, W**2)),
        ("w", 2 * W * V),
        ("x", W**2),
        (("x", "w"), (W**2, 2 * W * V)),
        (["x"], W**2),
        (0, 2 * W * V),
        (-1, W**2),
        ((1, "w"), (W**2, 2 * W * V)),
    ],
)
def test_wrt(wrt, expected, engine) -> None:
    assert_tree_equal(autodiff.gradient(loss, wrt=wrt, engine=engine)(W, V), expected)
    value, gradient = autodiff.value_and_gradient(loss, wrt=wrt, engine=engine)(W, V)
    assert value == loss(W, V)
    assert_tree_equal(gradient, expected)


@over_engines
def test_without_wrt_every_argument_that_holds_numbers(engine) -> None:
    gradient = autodiff.gradient(lambda a, n, b, s, c: a * n * np.sum(b) * c["k"], engine=engine)
    assert_tree_equal(
        gradient(2.0, 3, V, "text", {"k": 5.0}), (67.5, 0.0, np.full(3, 30.0), {"k": 27.0})
    )


@over_engines
def test_integers(engine) -> None:
    assert autodiff.gradient(lambda x: x * x, engine=engine)(3) == 6.0
    assert autodiff.gradient(lambda x, y: x * y, wrt="x", engine=engine)(3, 2) == 2.0
    assert autodiff.gradient(lambda x, n: x**n, engine=engine)(3.0, 2) == (6.0, 0.0)
    sizes = autodiff.gradient(lambda x, n: np.sum(x[:n]), engine=engine)
    assert_tree_equal(sizes(V, 2), (np.array([1.0, 1.0, 0.0]), 0.0))


_PRODUCTS: list[Any] = [
    # arguments of x * y, derivatives
    ((2.0, 3.0), (3.0, 2.0)),
    ((2.0, 3), (3.0, 0.0)),
    ((2, 3.0), (0.0, 2.0)),
    ((2, 3), (3.0, 2.0)),  # nothing is a float: integer numbers count as such
    ((2.0, np.int64(3)), (3.0, np.float64(0.0))),
    ((np.int32(2), np.int64(3)), (np.float64(3.0), np.float64(2.0))),
    ((np.array(2), 3), (np.array(3.0), 2.0)),
    ((2.0, np.bool_(True)), (1.0, np.float64(0.0))),
    ((2.0, True), 1.0),  # a flag
    ((np.float32(2.0), 3), (np.float32(3.0), 0.0)),
]


@over_engines
@pytest.mark.parametrize(("arguments", "expected"), _PRODUCTS, ids=repr)
def test_the_structure_of_a_derivative_does_not_depend_on_dtypes(
    engine, arguments, expected
) -> None:
    assert_tree_equal(autodiff.gradient(lambda x, y: x * y, engine=engine)(*arguments), expected)
    value, slope = autodiff.value_and_gradient(lambda x, y: x * y, engine=engine)(*arguments)
    assert_tree_equal(slope, expected)
    plain = arguments[0] * arguments[1]
    assert type(value) is type(plain) and value == plain
    inside = autodiff.function(
        lambda x, y: autodiff.gradient(lambda a, b: a * b)(x, y), engine=engine
    )
    if not isinstance(
        arguments[0], np.ndarray
    ):  # what is derived inside by a 0-d array is a number
        found = inside(*arguments)
        assert np.allclose(np.asarray(found), np.asarray(expected))


@over_engines
def test_one_object_takes_arguments_of_all_kinds(engine) -> None:
    slope = autodiff.gradient(lambda x, y: x * y, engine=engine)
    for _ in range(2):
        for arguments, expected in _PRODUCTS:
            assert_tree_equal(slope(*arguments), expected)


@over_engines
def test_arrays_of_integers_and_bools_have_zeros(engine) -> None:
    slope = autodiff.gradient(lambda x, i, m: np.sum(x * i * m), engine=engine)
    integers, mask = np.arange(3), np.array([True, False, True])
    assert_tree_equal(slope(V, integers, mask), (integers * mask * 1.0, np.zeros(3), np.zeros(3)))
    counts = {"n": 2, "k": [3, np.arange(2)]}
    slope = autodiff.gradient(lambda x, c: np.sum(x) * c["n"] * c["k"][0], engine=engine)
    zero = {"n": 0.0, "k": [0.0, np.zeros(2)]}
    assert_tree_equal(slope(V, counts), (np.full(3, 6.0), zero))
    assert_tree_equal(autodiff.gradient(lambda p: p[0] * p[1], engine=engine)([2, 3]), [3.0, 2.0])
    named = autodiff.gradient(lambda p: p["x"] * p["n"], engine=engine)
    assert named({"x": 2.0, "n": 3, "name": "text"}) == {"x": 3.0, "n": 0.0, "name": "text"}


@over_engines
def test_jacobians_and_hessians_by_integers_are_zero_blocks(engine) -> None:
    x, n, i = V, 3, np.array([1, 2])
    jacobian = autodiff.jacobian(lambda x, n, i: x * n * np.sum(i), engine=engine)(x, n, i)
    assert_tree_equal(jacobian, (np.eye(3) * 9, np.zeros(3), np.zeros((3, 2))))
    hessian = autodiff.hessian(lambda x, n, i: np.sum(x**2) * n * i[0], engine=engine)(x, n, i)
    assert_tree_equal(
        hessian,
        (
            (np.eye(3) * 6, np.zeros(3), np.zeros((3, 2))),
            (np.zeros(3), 0.0, np.zeros(2)),
            (np.zeros((2, 3)), np.zeros(2), np.zeros((2, 2))),
        ),
    )


@over_engines
def test_vectors_for_integers_may_be_left_out(engine) -> None:
    product = autodiff.hessian_vector(lambda x, n, y: np.sum(x**2 * n) * y, engine=engine)
    expected = (6.0 * V * 2.0, 0.0, 2.0 * float(np.sum(V * V)) * 3)
    for vectors in ((V, 0.0), (V, None, 0.0), (V, 1.0, 0.0)):
        assert_tree_equal(product(V, 3, 2.0, _tensors=vectors), expected)
    with pytest.raises(ValueError, match="AD108: hessian_vector: 2 arguments are differentiated"):
        product(V, 3, 2.0, _tensors=(V,) * 4)


@over_engines
def test_integers_that_count_as_floats_are_still_sizes_and_indices(engine) -> None:
    assert autodiff.gradient(lambda n: np.sum(np.ones(n) * 2.5) + n * n, engine=engine)(3) == 6.0
    powers = autodiff.gradient(lambda x, n: sum(x**k for k in range(n)), engine=engine)
    assert powers(3, 3) == (7.0, 0.0)
    table = [1.0, 4.0, 9.0]
    assert autodiff.gradient(lambda x, k: x * table[k], engine=engine)(3, 2) == (9.0, 0.0)


@over_engines
def test_the_value_beside_a_derivative_is_that_of_the_integers(engine) -> None:
    value_and_slope = autodiff.value_and_gradient(lambda x: x // 2 + x * x, engine=engine)
    for x, value in ((7, 52), (8, 68), (7.0, 52.0)):
        found, slope = value_and_slope(x)
        assert found == value and type(found) is type(value) and slope == 2.0 * x
    value, tangent = autodiff.jvp(lambda x, y: x * y, (2, 3), (1, 0), engine=engine)
    assert value == 6 and type(value) is int and tangent == 3.0


@over_engines
def test_derivatives_by_integer_arrays_alone_are_warned_of(engine) -> None:
    def f(x, n):
        return np.sum(x.astype(float) ** 2) * n

    for wrt, asked in (("x", (np.array([1, 2]), 3.0)), (None, (np.array([1, 2]), 3))):
        gradient = autodiff.gradient(f, wrt=wrt, engine=engine)
        if wrt is None:  # the number counts as a float
            np.testing.assert_array_equal(gradient(*asked)[0], [0.0, 0.0])
            continue
        with pytest.warns(autodiff.errors.IntegerWarning) as caught:
            np.testing.assert_array_equal(gradient(*asked), [0.0, 0.0])
        (warning,) = caught
        assert warning.filename == __file__
        assert str(warning.message) == (
            "gradient of f: the derivative by x is zero, because it is an array of int64; pass "
            "x.astype(float) to differentiate by its values"
        )
        gradient(*asked)  # once
    with pytest.warns(autodiff.errors.IntegerWarning, match="the derivative by x is zero"):
        autodiff.gradient(lambda x: np.sum(x / 2), engine=engine)(np.array([1, 2]))


@over_engines
def test_by_integer_arrays_alone_integers_have_derivatives_too_which_are_zero(engine) -> None:
    x, zeros = np.array([1, 2, 3]), np.zeros
    for wrt in (None, 0):
        for derivative, f, expected in (
            (autodiff.gradient, lambda x: (x * x).sum(), zeros(3)),
            (autodiff.jacobian, lambda x: x * x, zeros((3, 3))),
            (autodiff.jacobian, lambda x: (x * x).sum(), zeros(3)),
            (autodiff.hessian, lambda x: (x * x).sum(), zeros((3, 3))),
        ):
            with pytest.warns(autodiff.errors.IntegerWarning, match=r"x.astype\(float\)"):
                found = derivative(f, wrt=wrt, engine=engine)(x)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, expected, strict=True)
    with pytest.warns(autodiff.errors.IntegerWarning):
        value, slope = autodiff.value_and_gradient(lambda x: (x * x).sum(), engine=engine)(x)
    assert value == 14 and value.dtype == np.int64
    np.testing.assert_array_equal(slope, zeros(3), strict=True)
    with pytest.raises(autodiff.NotScalarError, match="dtype int64"):
        autodiff.gradient(lambda x: np.argmax(x), engine=engine)(np.ones(3))
    refused = pytest.raises(autodiff.NotScalarError, match="dtype bool")
    with refused, pytest.warns(autodiff.errors.IntegerWarning):
        autodiff.gradient(lambda x: (x > 0).all(), engine=engine)(x)


@over_engines
def test_a_filter_makes_an_error_of_the_warning_of_integers(engine) -> None:
    for derivative in (autodiff.gradient, autodiff.value_and_gradient, autodiff.jacobian):
        compiled = derivative(lambda x: (x * x).sum(), engine=engine)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(autodiff.errors.IntegerWarning, match=r"x.astype\(float\)"):
                compiled(np.array([1, 2]))


# -- containers -------------------------------------------------------------------------------------------
@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


Pair = namedtuple("Pair", "a b")

STRUCTURES: list[Any] = [
    [V, W],
    (V, (W, 2.0)),
    {"v": V, "w": [W]},
    Pair(V, 3.0),
    OrderedDict(z=V, a=W),
    Layer(V, 2.0),
    [Layer(V, 1.0), {"k": (2.0,)}],
]


def total(structure) -> Any:
    if isinstance(structure, dict):
        return sum(total(v) for v in structure.values())
    if isinstance(structure, (list, tuple)):
        return sum(total(v) for v in structure)
    if isinstance(structure, Layer):
        return total(structure.w) + total(structure.b)
    return np.sum(structure**3)


def mapped(f, structure) -> Any:
    if isinstance(structure, dict):
        return type(structure)((k, mapped(f, v)) for k, v in structure.items())
    if isinstance(structure, Pair):
        return Pair(*[mapped(f, v) for v in structure])
    if isinstance(structure, (list, tuple)):
        return type(structure)(mapped(f, v) for v in structure)
    if isinstance(structure, Layer):
        return Layer(mapped(f, structure.w), mapped(f, structure.b))
    return f(structure)


@over_engines
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_gradients_have_the_structure_of_the_arguments(structure, engine) -> None:
    gradient = autodiff.gradient(total, engine=engine)
    assert_tree_equal(gradient(structure), mapped(lambda x: 3 * x**2, structure))
    product = autodiff.hessian_vector(total, engine=engine)
    assert_tree_equal(
        product(structure, _tensors=structure), mapped(lambda x: 6 * x * x, structure)
    )


@over_engines
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_results_have_the_structure_of_the_result(structure, engine) -> None:
    f = lambda s: mapped(lambda x: x * 2, s)  # noqa: E731
    assert_tree_equal(autodiff.function(f, engine=engine)(structure), f(structure))
    value, tangent = autodiff.jvp(f, (structure,), (structure,), engine=engine)
    assert_tree_equal(value, f(structure))
    assert_tree_equal(tangent, f(structure))
    value, pull = autodiff.vjp(f, structure, engine=engine)
    assert_tree_equal(value, f(structure))
    (cotangent,) = pull(structure)
    assert_tree_equal(cotangent, f(structure))


# -- jacobian, hessian, products ---------------------------------------------------------------------------
def two_results(x, y):
    return np.outer(x, y)[:2], np.sum(x) * y


@over_engines
def test_jacobian_shapes_and_values(engine) -> None:
    jacobian = autodiff.jacobian(two_results, engine=engine)(V, W)
    (first_x, first_y), (second_x, second_y) = jacobian
    assert first_x.shape == first_y.shape == (2, 3, 3)
    assert second_x.shape == second_y.shape == (3, 3)
    np.testing.assert_allclose(second_x, np.repeat(W[:, None], 3, axis=1))
    np.testing.assert_allclose(second_y, np.eye(3) * V.sum())
    np.testing.assert_allclose(first_x, np.einsum("j,ik->ijk", W, np.eye(3)[:2]))


@over_engines
def test_jacobian_of_scalars(engine) -> None:
    assert autodiff.jacobian(lambda x: x**3, engine=engine)(2.0) == 12.0
    np.testing.assert_allclose(autodiff.jacobian(lambda x: np.sum(x**2), engine=engine)(V), 2 * V)
    np.testing.assert_allclose(autodiff.jacobian(lambda t: t * V, engine=engine)(2.0), V)


@over_engines
def test_wide_and_tall_jacobians_agree(engine) -> None:
    """One has fewer rows, the other fewer columns: reverse and forward mode."""
    m = np.arange(12.0).reshape(3, 4) / 10
    tall = autodiff.jacobian(lambda x: np.sin(m.T @ x), engine=engine)(V)
    wide = autodiff.jacobian(lambda y: np.sin(m @ y), engine=engine)(np.arange(4.0))
    np.testing.assert_allclose(tall, np.cos(m.T @ V)[:, None] * m.T)
    np.testing.assert_allclose(wide, np.cos(m @ np.arange(4.0))[:, None] * m)


@over_engines
def test_hessian_blocks(engine) -> None:
    def f(x, y):
        return np.sum(x**2 * y) + np.sum(y**3)

    (xx, xy), (yx, yy) = autodiff.hessian(f, engine=engine)(V, W)
    np.testing.assert_allclose(xx, np.diag(2 * W))
    np.testing.assert_allclose(xy, np.diag(2 * V))
    np.testing.assert_allclose(yx, xy.T)
    np.testing.assert_allclose(yy, np.diag(6 * W))
    assert autodiff.hessian(lambda x: x**3, engine=engine)(2.0) == 12.0


@over_engines
def test_products_agree_with_matrices(engine) -> None:
    def f(x):
        return np.array([np.sum(x**2), x[0] * x[1], np.sin(x[2])])

    matrix = autodiff.jacobian(f, engine=engine)(V)
    value, tangent = autodiff.jvp(f, (V,), (W,), engine=engine)
    np.testing.assert_allclose(value, f(V))
    np.testing.assert_allclose(tangent, matrix @ W)
    value, pull = autodiff.vjp(f, V, engine=engine)
    np.testing.assert_allclose(value, f(V))
    np.testing.assert_allclose(pull(W)[0], matrix.T @ W)
    g = lambda x: np.sum(f(x) ** 2)  # noqa: E731
    product = autodiff.hessian_vector(g, engine=engine)(V, _tensors=W)
    np.testing.assert_allclose(product, autodiff.hessian(g, engine=engine)(V) @ W)


@over_engines
def test_hessian_vector_of_several_arguments(engine) -> None:
    product = autodiff.hessian_vector(loss, engine=engine)(W, V, _tensors=(V, W))
    assert_tree_equal(product, (2 * V * V + 2 * W * W, 2 * W * V))


@over_engines
def test_transformations_compose(engine) -> None:
    f = lambda x: x**4  # noqa: E731
    second = autodiff.gradient(autodiff.gradient(f, engine=engine), engine=engine)
    third = autodiff.gradient(second, engine=engine)
    assert [second(2.0), third(2.0)] == [48.0, 48.0]
    by_columns = autodiff.jacobian(
        autodiff.gradient(lambda x: np.sum(x**3), engine=engine), engine=engine
    )
    np.testing.assert_allclose(by_columns(V), np.diag(6 * V))


# -- binding ------------------------------------------------------------------------------------------------
class Model:
    scale = 3.0

    def __init__(self, w):
        self.w = w

    @autodiff.gradient(wrt="x")
    def slope(self, x):
        """The slope."""
        return np.sum(self.w * x**2)

    @autodiff.function
    def value(self, x):
        return np.sum(self.w * x**2)

    @staticmethod
    @autodiff.function
    def doubled(x):
        return 2 * x

    @autodiff.function
    @staticmethod
    def tripled(x):
        return 3 * x

    @classmethod
    @autodiff.function
    def scaled(cls, x):
        return cls.scale * x

    @autodiff.function
    @classmethod
    def shifted(cls, x):
        return cls.scale + x


def test_methods_of_every_kind() -> None:
    model, other = Model(W), Model(2 * W)
    np.testing.assert_allclose(model.slope(V), 2 * W * V)
    np.testing.assert_allclose(other.slope(V), 4 * W * V)
    np.testing.assert_allclose(Model.slope(model, V), 2 * W * V)
    assert model.value(V) == np.sum(W * V**2)
    for owner in (model, Model):
        np.testing.assert_allclose(owner.doubled(V), 2 * V)
        np.testing.assert_allclose(owner.tripled(V), 3 * V)
        np.testing.assert_allclose(owner.scaled(V), 3 * V)
        np.testing.assert_allclose(owner.shifted(V), 3 + V)
    assert model.slope.__doc__ == "The slope."
    assert model.slope.__self__ is model
    assert "slice" not in str(model.slope.ir(V))
    assert "float64[3]" in str(model.slope.ir(V))


# -- copying and pickling ------------------------------------------------------------------------------------
@autodiff.gradient(wrt="w")
def decorated_at_top(w, x):
    return np.sum(w * x)


@over_engines
def test_pickles(engine) -> None:
    gradient = autodiff.gradient(loss, wrt="x", engine=engine)
    gradient(W, V)
    twin = pickle.loads(pickle.dumps(gradient))
    assert type(twin) is type(gradient)
    assert repr(twin) == "<autodiff.gradient of loss, wrt='x'; 0 specialisations>"
    np.testing.assert_allclose(twin(W, V), W**2)
    assert pickle.loads(pickle.dumps(decorated_at_top)) is decorated_at_top


def test_copies() -> None:
    gradient = autodiff.gradient(loss, wrt="x", engine="numpy")
    for twin in (copy.copy(gradient), copy.deepcopy(gradient)):
        np.testing.assert_allclose(twin(W, V), W**2)


def test_a_function_found_by_name_is_compiled_once_however_often_it_is_unpickled() -> None:
    data = pickle.dumps(autodiff.gradient(plain_at_top, engine="numpy"))
    first, second = pickle.loads(data), pickle.loads(data)
    assert first(3.0) == second(3.0) == 6.0
    assert len(second.cache) == 1 and first is second
    other = pickle.loads(pickle.dumps(autodiff.gradient(plain_at_top, wrt="x", engine="numpy")))
    assert other is not first


def plain_at_top(x):
    return x * x


def test_bound_methods_are_equal_copied_and_pickled_like_plain_ones() -> None:
    model = Model(W)
    bound = model.slope
    assert bound == model.slope
    assert hash(bound) == hash(model.slope)
    assert bound != Model(W).slope
    assert copy.copy(bound) == bound
    other = copy.deepcopy(bound)
    assert other.__self__ is not model
    model.w = None
    np.testing.assert_allclose(other(V), 2 * W * V)
    again = pickle.loads(pickle.dumps(other))
    assert type(again.__self__) is Model
    np.testing.assert_allclose(again(V), 2 * W * V)
    shifted = pickle.loads(pickle.dumps(Model.shifted))
    np.testing.assert_allclose(shifted(V), 3 + V)
    assert pickle.loads(pickle.dumps(Model.doubled)) is Model.doubled
    assert (
        repr(Model.shifted) == "<bound autodiff.function of Model.shifted of "
        "<class 'tests.test_api.Model'>>"
    )


def test_metadata_is_that_of_the_function() -> None:
    for wrapped, plain in (
        (decorated_at_top, decorated_at_top.__wrapped__),
        (Model(W).slope, Model.slope.__wrapped__),
    ):
        for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
            assert getattr(wrapped, name) == getattr(plain, name)
        assert wrapped.__wrapped__ is plain
        assert inspect.unwrap(wrapped) is plain
        assert inspect.getsource(wrapped) == inspect.getsource(plain)
    assert str(inspect.signature(decorated_at_top)) == "(w, x)"
    assert str(inspect.signature(Model.slope)) == "(self, x)"
    assert str(inspect.signature(Model(W).slope)) == "(x)"
    assert "The slope." in pydoc.render_doc(Model(W).slope)


# -- looking inside ------------------------------------------------------------------------------------------
def test_ir_llvm_assembly_explain() -> None:
    gradient = autodiff.gradient(loss, wrt="w")
    text = str(gradient.ir(W, V))
    assert text.startswith("def loss_vjp(w: float64[3], x: float64[3]):")
    assert "test_api.py" in text
    assert "define" in gradient.llvm(W, V)
    assert "ret" in gradient.assembly(W, V)
    explained = gradient.explain(W, V)
    assert explained.startswith("gradient of loss, engine 'native'\n")
    assert "float64[3]  (argument)" in explained
    assert len(gradient.cache) == 0, "looking compiles nothing for calls"


def absolute(x: float) -> float:
    return abs(x)


def test_explain_names_places_as_the_user_does() -> None:
    box, counts = {"a": {"n": 0}}, {"n": 0}

    def f(x: float) -> float:
        counts["n"] += 1
        box["a"]["n"] = counts["n"]
        return x * absolute(counts["n"]) + absolute(x)

    explained = str(autodiff.function(f).explain(2.0))
    line = f.__code__.co_firstlineno + 1
    assert f"captured again for line {line}: it changes counts['n'], box['a']['n']" in explained
    guards = [text for text in explained.splitlines() if text.startswith("  guard ")]
    assert any("absolute" in text for text in guards) and len(set(guards)) == len(guards)
    assert "cell_contents" not in explained and "Path(" not in explained


def test_explain_names_hidden_inputs_guards_and_stores() -> None:
    mode, table = "a", np.ones(3)

    def f(x, out):
        out[:] = x * table
        return x.sum() if mode == "a" else x

    text = autodiff.function(f, engine="numpy").explain(V, np.zeros(3))
    assert "(read at every call)" in text
    assert "stores  into args[1]" in text
    assert "equal 'a'" in text


def test_explain_says_why_a_call_runs_uncompiled() -> None:
    def f(x):
        return ellip_harm(5, 8, 1, 1, x)

    text = autodiff.function(f).explain(np.ones(3))
    assert text.startswith(
        "function of f: runs uncompiled, because of scipy.special.ellip_harm, which is not known "
    )


def test_public_names() -> None:
    for name in autodiff.__all__:
        assert getattr(autodiff, name) is not None
        assert name in dir(autodiff)
    with pytest.raises(AttributeError, match="module 'autodiff' has no attribute 'gradeint'"):
        autodiff.gradeint


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_pullback_is_of_the_primals_as_they_were(engine):
    x = np.array([0.5, -1.5, 2.0])
    y, pull = autodiff.vjp(lambda x: x**3, x, engine=engine)
    held = {"a": [x]}
    _, pull_held = autodiff.vjp(lambda p: np.sum(p["a"][0] ** 2), held, engine=engine)
    x[:] = 0.0
    y[:] = 0.0
    np.testing.assert_allclose(pull(np.ones(3))[0], [0.75, 6.75, 12.0])
    np.testing.assert_allclose(pull_held(1.0)[0]["a"][0], [1.0, -3.0, 4.0])


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_pullback_of_a_function_that_stores_into_its_argument(engine):
    def f(x):
        x *= 2.0
        return np.sum(x**2)

    x = np.array([0.5, -1.5, 2.0])
    value, pull = autodiff.vjp(f, x, engine=engine)
    assert value == 4.0 * 6.5
    np.testing.assert_array_equal(x, [1.0, -3.0, 4.0])  # as in plain Python
    np.testing.assert_allclose(pull(1.0)[0], [4.0, -12.0, 16.0])
    a = np.array([1.0, 2.0])
    _, pull = autodiff.vjp(lambda x, y: np.sum(x * y), a, 3.0 * a, wrt=[a], engine=engine)
    np.testing.assert_array_equal(pull(1.0)[0], 3.0 * a)


def test_masked_vectors_are_refused():
    x = np.array([0.5, -1.5, 2.0])
    masked = np.ma.array(np.ones(3), mask=[0, 1, 0])
    said = "a MaskedArray, which is not supported"
    _, pull = autodiff.vjp(lambda x: x**2, x)
    with pytest.raises(autodiff.errors.DtypeError, match=f"vjp: a cotangent is {said}"):
        pull(masked)
    with pytest.raises(autodiff.errors.DtypeError, match=f"jvp: a vector is {said}"):
        autodiff.jvp(lambda x: x**2, (x,), (masked,))
    with pytest.raises(autodiff.errors.DtypeError, match=f"hessian_vector: a vector is {said}"):
        autodiff.hessian_vector(lambda x: np.sum(x**3))(x, _tensors=masked)
