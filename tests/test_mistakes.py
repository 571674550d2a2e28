"""What newcomers write: it just works, or the error says what is wrong and what to write instead."""

import decimal
import functools
import os
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

import autodiff
from autodiff import function, gradient, optimize

X = np.array([1.0, 2.0, 3.0])
PACKAGE = os.path.dirname(autodiff.__file__)


def squares(x):
    return np.sum(x**2)


def line(weights, data):
    return np.sum(weights * data)


class Model:
    def __init__(self) -> None:
        self.weights = np.ones(3)

    @gradient(wrt="self")
    def loss(self, x):
        return np.sum(self.weights * x)

    @property
    @gradient
    def slope(self):
        return np.sum(self.weights)

    @gradient
    @classmethod
    def of_class(cls, x):
        return x**2

    @staticmethod
    @gradient
    def of_none(x):
        return x**2

    def __call__(self, x):
        return np.sum(self.weights * x**2)


def forgets(x):
    np.sum(x**2)


def yields(x):
    yield np.sum(x)


async def waits(x):
    return np.sum(x)


@function
@gradient
def both_ways(x):
    return x**3


# -- what just works -----------------------------------------------------------------------------------
WORKS: dict[str, tuple[Callable[[], Any], Any]] = {
    "integers to start from": (lambda: optimize.minimize(squares, [1, 2, 3]).x.round(9), np.zeros(3)),
    "a number to start from": (lambda: optimize.minimize(lambda x: (x - 1) ** 2, 3).x, [1.0]),
    "no start of a fit": (
        lambda: optimize.curve_fit(lambda t, a, b: a * t + b, X, 2 * X + 1)[0],
        [2.0, 1.0],
    ),
    "lists of lists": (
        lambda: gradient(lambda x: np.sum(np.array(x) ** 2))([[1.0, 2.0], [3.0, 4.0]]),
        [[2.0, 4.0], [6.0, 8.0]],
    ),
    "a lambda in a dict": (lambda: gradient({"loss": lambda x: np.sum(x**2)}["loss"])(X), 2 * X),
    "a ufunc": (lambda: gradient(np.sin)(0.0), 1.0),
    "a function of NumPy's": (lambda: gradient(np.sum)(X), np.ones(3)),
    "a builtin": (lambda: gradient(abs)(-2.0), -1.0),
    "a method of a distribution": (lambda: gradient(scipy.stats.norm(0, 1).logpdf)(1.0), -1.0),
    "a callable object": (lambda: gradient(Model())(X), 2 * X),
    "part of a function": (lambda: gradient(functools.partial(line, X))(X), X),
    "a class method": (lambda: Model.of_class(3.0), 6.0),
    "a static method": (lambda: Model.of_none(3.0), 6.0),
    "decorators on decorators": (lambda: both_ways(2.0), 12.0),
    "a decorator with brackets": (lambda: gradient()(squares)(X), 2 * X),
    "wrt by a number from the end": (lambda: gradient(line, wrt=-1)(X, X), X),
    "a store into the argument": (lambda: gradient(stores)(X), [0.0, 4.0, 6.0]),
    "float() on the way": (lambda: gradient(lambda x: float(x[0]) ** 2)(X), [2.0, 0.0, 0.0]),
    "tolist() on the way": (lambda: gradient(lambda x: sum(x.tolist()))(X), np.ones(3)),
    "print()": (lambda: gradient(prints)(X), np.ones(3)),
}  # fmt: skip


def stores(x):
    x[0] = 5.0
    return np.sum(x**2)


def prints(x):
    print("x is", x)
    return np.sum(x)


@pytest.mark.parametrize("name", WORKS)
def test_what_just_works(name: str) -> None:
    call, expected = WORKS[name]
    np.testing.assert_allclose(call(), expected, rtol=1e-7, atol=1e-8)
    assert X.tolist() == [1.0, 2.0, 3.0]


# -- what is told --------------------------------------------------------------------------------------
TOLD: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: gradient(squares(X)), "gradient needs a function, not float64", "pass the function itself"),
    (lambda: gradient({"loss": squares}), "not dict", "one of the functions that it holds"),
    (lambda: gradient(np), "not module", "pass one of its functions, numpy.f"),
    (lambda: gradient(scipy.stats.norm(0, 1)), "not rv_continuous_frozen", "its methods, such as x.logpdf"),
    (lambda: gradient(property(squares)), "not property", "put @property above it"),
    (lambda: gradient("x"), "not str", "@autodiff.gradient(wrt='x')"),
    (lambda: gradient(squares, wrt=5)(X), "wrt=5: squares has 1 argument.", "a position that exists"),
    (lambda: gradient(squares, wrt=())(X), "wrt=() names nothing", "leave wrt out"),
    (lambda: gradient(squares, wrt={"x"})(X), "wrt={'x'} is neither", "give a name"),
    (lambda: gradient(line, wrt="weight")(X, X), "wrt='weight' is not an argument", "mean 'weights'?"),
    (lambda: gradient(forgets)(X), "its result is None", "end it with return"),
    (lambda: gradient(len)(X), "whose derivative is zero everywhere", "return a floating-point number"),
    (lambda: gradient(lambda x: "a")(X), "its result is str", "return one floating-point number"),
    (lambda: gradient(lambda x: {"loss": x})(X), "its result is a container", "autodiff.jacobian"),
    (lambda: gradient(lambda x: x**2)(X), "its result has shape (3,)", "np.sum"),
    (lambda: gradient(gradient(squares))(X), "its result has shape (3,)", "autodiff.hessian"),
    (lambda: gradient(yields)(X), "it is a generator", "collect what it yields"),
    (lambda: gradient(waits)(X), "it is a coroutine", "a plain function"),
    (lambda: gradient(lambda x: len(x) * 2.0)("3"), "(x is of type str)", "pass floats"),
    (lambda: gradient(squares)(decimal.Decimal("1.5")), "(x is of type Decimal)", "float(x)"),
    (lambda: gradient(sum)({1.0, 2.0}), "of type set)", "a set has no order"),
    (lambda: gradient(sum)(range(3)), "of type range)", "np.arange"),
    (lambda: gradient(lambda z: 1.0 * len(list(z)))(zip(X)), "of type zip)", "gone through once only"),
    (lambda: gradient(squares)(np.array(["1"])), "argument x has dtype <U1", "pass floating-point"),
    (lambda: gradient(squares)(np.ma.array(X)), "argument x is a MaskedArray", "np.asarray"),
    (lambda: Model().loss(X), "by an argument of type Model", "name the arrays that it holds"),
    (lambda: Model().slope, "(self is of type Model)", "name what is meant in wrt"),
    (lambda: gradient(squares, requires_grad=True), "no option 'requires_grad'", 'wrt="x"'),
    (lambda: gradient(squares, persistent=True), "no option 'persistent'", "as often as you like"),
    (lambda: gradient(squares, mode="reverse"), "no option 'mode'", "autodiff.jacobian"),
    (lambda: gradient(squares, order=2), "no option 'order'", "autodiff.hessian"),
    (lambda: autodiff.vmap(squares, in_dims=0), "no option 'in_dims'", "use in_axes"),
    (lambda: autodiff.jacobian(squares, mode="rev"), "mode='rev' is not known", "'reverse'"),
    (lambda: gradient(squares, engine="torch"), "no engine 'torch'", "native, numpy, jax"),
    (lambda: gradient(squares, device="gpu"), "device='gpu' is for engine='jax'", "engine='jax'"),
    (lambda: autodiff.vmap(squares)(3.0), "x is a number, which has no axis 0", "in_axes"),
    (lambda: autodiff.hessian_vector(squares)(X, X), "needs the vectors", "_tensors=v"),
    (lambda: autodiff.jvp(squares, X, X), "primals as a tuple", "jvp(f, (x,), (dx,))"),
    (lambda: optimize.minimize(squares, X, metod="BFGS"), "minimize has no option 'metod'", "mean method?"),
    (lambda: optimize.minimize(squares, "abc"), "a parameter has dtype <U3", "float or complex"),
    (lambda: optimize.minimize(gradient(squares), X), "its result has shape (3,)", "autodiff.hessian"),
    (lambda: optimize.minimize(X, squares), "a parameter is a function", "the function comes first"),
    (lambda: optimize.minimize(squares, X, jac=True), "returns its value and its gradient", "leave jac out"),
    (lambda: optimize.curve_fit(X, X, line), "curve_fit needs a function, not ndarray", "the model comes first"),
    (lambda: optimize.fit(line, (X, X), [1.0]), "parameters are of type list", "give a dict"),
    (lambda: optimize.fit(line, (X, X), {"data": "1"}), "its start is '1'", "give numbers"),
    (lambda: gradient(lambda x: of_jax(x))(X), "jax.numpy.sum is not known", "plain NumPy is differentiated: write np.sum"),
    (lambda: gradient(lambda x: 2.0)(ArrayImpl()), "(x is of type ArrayImpl)", 'engine="jax"'),
    (lambda: gradient(squares, engine="cuda"), "no engine 'cuda'", 'device="gpu"'),
    (lambda: gradient(squares, engine="nativ"), "no engine 'nativ'", "did you mean 'native'?"),
    (lambda: function(squares, nogil=True), "no option 'nogil'", "without the GIL"),
    (lambda: function(squares, fullgraph=True), "no option 'fullgraph'", 'on_fallback="error"'),
    (lambda: gradient(squares, grad_outputs=X), "no option 'grad_outputs'", "autodiff.vjp"),
    (lambda: autodiff.vjp(lambda x: x**2, X)[1]("a"), "a cotangent is of type str", "shapes of the results"),
    (lambda: autodiff.checkpoint(squares), "checkpoint takes what a loop goes through", "in the loop"),
    (lambda: autodiff.find_nan(3.0), "find_nan needs a function, not float", "find_nan(f)(*args)"),
    (lambda: autodiff.profile(X), "profile needs a function, not ndarray", "profile(f)(*args)"),
    (lambda: autodiff.picture(X), "picture needs a function", "picture(f)(*args)"),
    (lambda: autodiff.derivative_source(X), "derivative_source needs a function", "(f)(*args)"),
]  # fmt: skip


def of_jax(x):
    return x.sum()


of_jax.__module__, of_jax.__name__, of_jax.__qualname__ = "jax.numpy", "sum", "sum"


class ArrayImpl:
    """What JAX's arrays say that they are."""


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("number", range(len(TOLD)))
def test_what_is_told(number: int) -> None:
    call, cause, remedy = TOLD[number]
    with pytest.raises(autodiff.AutodiffError) as caught:
        call()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert not any(frame.filename.startswith(PACKAGE) for frame in frames)
    first = str(caught.value).partition("\n")[0]
    assert cause in first
    assert remedy in caught.value.remedy
    if caught.value.source is not None:  # a line of the user's
        assert caught.value.source.file == __file__


@pytest.mark.parametrize(("name", "advice"), [
    ("grad", "autodiff.gradient(f)"), ("lower", "f.ir(*args)"), ("clear_cache", "make a new one"),
    ("py_func", "f.__wrapped__"),
])  # fmt: skip
def test_attributes_of_others_are_told_ours(name: str, advice: str) -> None:
    with pytest.raises(
        AttributeError, match=f"'Function' object has no attribute '{name}': "
    ) as caught:
        getattr(function(squares), name)
    assert advice in str(caught.value)
    assert not hasattr(function(squares), "_repr_html_") and not hasattr(
        function(squares), "nonsense"
    )


@pytest.mark.parametrize(("name", "advice"), [
    ("grad", "it is autodiff.gradient"), ("numpy", "import numpy as np"), ("symbols", "a function of NumPy"),
    ("make_jaxpr", "f).ir("), ("gradien", "did you mean autodiff.gradient?"),
])  # fmt: skip
def test_names_that_are_imported_are_told_ours(name: str, advice: str) -> None:
    with pytest.raises(ImportError, match="cannot import name") as caught:
        exec(f"from autodiff import {name}")
    assert advice in str(caught.value)
    with pytest.raises(AttributeError) as told:
        getattr(autodiff, name)
    assert advice in str(told.value)


def test_optimisers_of_others_are_told_ours() -> None:
    with pytest.raises(AttributeError, match=r'minimize, with method="BFGS"'):
        optimize.fmin_bfgs
    with pytest.raises(AttributeError, match=r"did you mean autodiff.optimize.curve_fit\?"):
        optimize.curvefit
    assert not hasattr(optimize, "_nothing")
