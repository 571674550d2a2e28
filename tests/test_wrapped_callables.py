"""Objects that wrap a function: what the wrapped method, partial or object reads is read at every call.

A table of wrappers by what they wrap and by how they are reached.  After each change outside, of an
array in place, an attribute, an item or a flag, the same compiled function is called again.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import interpolate

import autodiff
from autodiff import gradient, implicit, vmap
from autodiff.api import products, transformed

X = np.array([1.0, 2.0])
Function = Callable[[Any], Any]


class Model:
    """An affine function of its state, whose sign is a flag."""

    def __init__(self) -> None:
        self.weights = np.array([1.0, 2.0])
        self.offsets = [1.0]
        self.positive = True

    def value(self, x: Any) -> Any:
        result = self.weights @ x + self.offsets[0]
        return result if self.positive else -result

    def __call__(self, x: Any) -> Any:
        return self.value(x)

    def step(self, x: Any) -> Any:
        self.weights = self.weights + x
        return self.weights @ x

    @autodiff.function
    def decorated(self, x: Any) -> Any:
        return self.weights @ x + self.offsets[0]


def slope(model: Model) -> np.ndarray:
    """The gradient of the model's value."""
    return model.weights if model.positive else -model.weights


def alone(batched: Function) -> Function:
    """A function of a batch as one of its only lane."""
    return lambda x: batched(x[None])[0]


def vectorized(of: Function) -> Function:
    """NumPy's loop around a function of a vector."""
    return np.vectorize(of, signature="(n)->()")


def by_hand(of: Function) -> Function:
    """A function whose gradient is its argument."""
    return autodiff.custom_gradient(vjp=lambda ct, y, x: ct * x)(of)


def solved(of: Function) -> Function:
    """A function as a solver of its own, and its value as the residual's zero."""
    return implicit(of, lambda y, x: y - of(x))


# What is called, and what it has to give.
WRAPPERS: dict[str, tuple[Callable[[Function], Function], Callable[[Model], Any]]] = {
    "vmap": (lambda f: alone(vmap(f)), lambda m: m.value(X)),
    "vmap of gradient": (lambda f: alone(vmap(gradient(f))), slope),
    "vmap of vmap": (lambda f: lambda x: vmap(vmap(f))(x[None, None])[0, 0], lambda m: m.value(X)),
    "function of gradient": (lambda f: autodiff.function(gradient(f)), slope),
    "gradient of function": (lambda f: gradient(autodiff.function(f)), slope),
    "function of np.vectorize": (lambda f: autodiff.function(vectorized(f)), lambda m: m.value(X)),
    "function of custom_gradient": (lambda f: autodiff.function(by_hand(f)), lambda m: m.value(X)),
    "function of implicit": (lambda f: autodiff.function(solved(f)), lambda m: m.value(X)),
    "gradient of implicit": (lambda f: gradient(solved(f)), slope),
}
WRAPPED: dict[str, Callable[[Model], Function]] = {
    "method": lambda m: m.value,
    "callable": lambda m: m,
    "partial": lambda m: functools.partial(Model.value, m),
}


def changes(model: Model) -> list[Callable[[], None]]:
    """What is done between calls."""

    def replace() -> None:
        model.weights = np.array([5.0, 4.0])

    def store() -> None:
        model.weights[0] = 9.0

    def item() -> None:
        model.offsets[0] = 7.0

    def flag() -> None:
        model.positive = False

    return [lambda: None, replace, store, item, flag]


def rows() -> list[Any]:
    """The whole table; all but a row for each wrapper and each thing wrapped are slow."""
    made = []
    for wrapper in WRAPPERS:
        for wrapped in WRAPPED:
            for inside in (False, True):
                quick = not inside and (wrapped == "method" or wrapper == "vmap")
                made.append(
                    pytest.param(
                        *(wrapper, wrapped, inside),
                        id=f"{wrapper}-{wrapped}-{'inside' if inside else 'alone'}",
                        marks=() if quick else pytest.mark.slow,
                    )
                )
    return made


@pytest.mark.parametrize(("wrapper", "wrapped", "inside"), rows())
def test_what_is_wrapped_is_read_at_every_call(wrapper: str, wrapped: str, inside: bool) -> None:
    make, expected = WRAPPERS[wrapper]
    model = Model()
    called = make(WRAPPED[wrapped](model))
    run = autodiff.function(lambda x: called(x)) if inside else called
    for change in changes(model):
        change()
        np.testing.assert_allclose(run(X), expected(model), rtol=1e-12)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_lanes_of_a_method_change_its_object_as_the_loop_does(engine: str) -> None:
    model, plain = Model(), Model()
    run = vmap(model.step, engine=engine)
    for count in (3, 1, 4):
        batch = np.arange(2.0 * count).reshape(count, 2)
        np.testing.assert_array_equal(run(batch), np.stack([plain.step(x) for x in batch]))
        assert type(model.weights) is np.ndarray
        np.testing.assert_array_equal(model.weights, plain.weights)


def test_a_wrapper_in_the_place_of_another_is_another_function() -> None:
    a, b = Model(), Model()
    b.weights = np.array([7.0, 3.0])
    holder, functions = SimpleNamespace(f=None), [None]
    by_attribute = autodiff.function(lambda x: holder.f(x))
    by_item = autodiff.function(lambda x: functions[0](x))
    wrappers: list[Any] = [
        gradient(a.value),
        gradient(b.value),
        gradient(lambda x: x @ x),
        gradient(lambda x: x @ x * x[0]),
        autodiff.jacobian(lambda x: x * x),
        vmap(lambda x: x * 2),
        vmap(lambda x: x * 3),
        vectorized(a.value),
        vectorized(b.value),
        by_hand(a.value),
        by_hand(b.value),
        solved(a.value),
        solved(b.value),
        a.decorated,
        b.decorated,
        a.decorated,
    ]
    for wrapper in wrappers:
        holder.f = functions[0] = wrapper
        for run in (by_attribute, by_item):
            np.testing.assert_allclose(run(X), wrapper(X), rtol=1e-12)


def test_a_transformation_of_a_bound_transformation_reads_its_object_anew() -> None:
    model = Model()
    value, derivative = autodiff.function(model.decorated), gradient(model.decorated)
    for change in changes(model)[:4]:
        change()
        np.testing.assert_allclose(value(X), model.weights @ X + model.offsets[0], rtol=1e-12)
        np.testing.assert_allclose(derivative(X), model.weights, rtol=1e-12)


def test_a_cached_function_in_the_place_of_another_is_another_function() -> None:
    holder = SimpleNamespace(f=None)
    run = autodiff.function(lambda x: holder.f(2) * x)
    for factor in (1.0, 5.0, 3.0):
        holder.f = functools.lru_cache(lambda n, factor=factor: n * factor)
        np.testing.assert_array_equal(run(X), 2 * factor * X)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_interpolator_in_the_place_of_another_is_read_anew(engine: str) -> None:
    knots, points = np.arange(4.0), np.array([0.3, 1.2])
    first, second = np.array([1.0, 3.0, 2.0, 5.0]), np.array([2.0, 0.0, 1.0, 7.0])
    holder = SimpleNamespace(f=None)
    run = autodiff.function(lambda x: holder.f(x), engine=engine)
    makers: list[Callable[[Any], Any]] = [
        lambda v: interpolate.UnivariateSpline(knots, v),
        lambda v: interpolate.InterpolatedUnivariateSpline(knots, v, k=2),
        lambda v: interpolate.interp1d(knots, v, kind="cubic"),
        lambda v: interpolate.CubicSpline(knots, v),
    ]
    for make in makers:
        for values in (first, second, first):
            holder.f = make(values)
            np.testing.assert_allclose(run(points), holder.f(points), rtol=1e-12)
    holder.f = interpolate.UnivariateSpline(knots, first)
    run(points)
    holder.f.set_smoothing_factor(100.0)
    np.testing.assert_allclose(run(points), holder.f(points), rtol=1e-12)


class Scaled:
    """A callable that equals every other of its name, whatever its factor."""

    def __init__(self, name: str, factor: float) -> None:
        self.name, self.factor = name, factor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scaled) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __call__(self, x: Any) -> Any:
        return self.factor * x

    def method(self, x: Any) -> Any:
        return self.factor * x


@pytest.mark.parametrize("of", [lambda f: f, lambda f: f.method], ids=["callable", "method"])
def test_products_of_callables_that_are_equal_are_each_its_own(of: Function) -> None:
    functions = [Scaled("a", 2.0), Scaled("a", 3.0), Scaled("a", 2.5)]
    for f in (*functions, *functions):
        assert autodiff.jvp(of(f), (1.0,), (1.0,)) == (f.factor, f.factor)
        assert autodiff.vjp(of(f), 1.0)[1](1.0) in (f.factor, (f.factor,))
        assert autodiff.linearize(of(f), 1.0)[1](1.0) == f.factor


@pytest.mark.usefixtures("new_objects_only")
def test_products_of_functions_made_for_one_call_are_not_kept_for_good() -> None:
    class Held:
        def value(self, x: Any) -> Any:
            return 2.0 * x

    first = Held()
    gone = weakref.ref(first)
    autodiff.jvp(first.value, (1.0,), (1.0,), engine="numpy")
    del first
    for k in range(transformed.MOST_PRODUCTS):
        transformed.product(products._Jvp, lambda x, k=k: k * x, {"engine": "numpy"})
    gc.collect()
    assert gone() is None
    assert len(transformed._PRODUCTS) == transformed.MOST_PRODUCTS


def halved(function: Any) -> Function:
    """A decorator that gives an argument itself."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, factor=0.5, **kwargs)

    return wrapper


def with_one(function: Any) -> Function:
    """The same, whose wrapper names its argument."""

    @functools.wraps(function)
    def wrapper(x: Any) -> Any:
        return function(x, 0.5)

    return wrapper


def squares(x: Any, factor: float) -> Any:
    """A function that decorators give its last argument."""
    return np.sum(x * x) * factor


@pytest.mark.parametrize("decorate", [halved, with_one])
def test_a_decorator_that_gives_an_argument_has_a_signature_of_its_own(decorate: Any) -> None:
    f = decorate(squares)
    batch = np.stack([X, X + 1])
    np.testing.assert_allclose(vmap(f)(batch), [f(x) for x in batch])
    alone = gradient(f)(X)  # a tuple where the wrapper takes any arguments
    np.testing.assert_allclose(np.ravel(alone), X)
    for of in (
        autodiff.function(gradient(f)),
        gradient(autodiff.function(f)),
        gradient(by_hand(f)),
    ):
        np.testing.assert_allclose(np.ravel(of(X)), X)
    np.testing.assert_allclose(np.ravel(gradient(solved(f))(X)), X)
    np.testing.assert_allclose(np.ravel(vmap(gradient(f))(batch)), np.ravel(batch))
    np.testing.assert_allclose(vmap(functools.partial(f))(batch), [f(x) for x in batch])
