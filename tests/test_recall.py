"""Calls recognised by generated code are bound and flattened as every call is."""

import collections
import inspect
from typing import Any

import numpy as np
import pytest
from scipy import stats

import autodiff
from autodiff.compiled import Compiled
from autodiff.compiled.binding import NOT_GIVEN
from autodiff.recall import compile_recognise
from autodiff.transform.plans import Transformation

X = np.array([1.0, 2.0, 3.0])
Point = collections.namedtuple("Point", "x y")


def positional(a, /, b, c=2.0, d="mode"):
    return a


def keywords(a, *rest, k=1.5, option=None, **more):
    return a


def private(_a, _b=2.0):
    return _a


def only_keywords(*, a, b=3):
    return a


def builtin_names(type, len, list=2, *, dict="a"):
    return type


CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (positional, (X, 2), {}),
    (positional, (X, 2, 4.0), {}),
    (positional, (X, 2), {"d": "other"}),
    (positional, (X,), {"b": 2, "c": 1.0}),
    (positional, ({"w": X, "b": [1.0, X]}, ()), {}),
    (positional, ({}, []), {}),
    (positional, ((X, (X, 1.0)), None), {}),
    (positional, (Point(X, 2.0), True), {}),
    (positional, (collections.OrderedDict(b=X, a=1.0), 1), {}),
    (positional, ({1: X, 2: X}, np.float32(1.0)), {}),
    (positional, (X, len), {}),
    (positional, (X, object()), {}),
    (keywords, (X,), {}),
    (keywords, (X, 1.0, X), {"k": 2.0}),
    (keywords, (X,), {"extra": X, "option": "a"}),
    (keywords, (X, 3), {"extra": {"deep": X}, "k": X}),
    (only_keywords, (), {"a": X}),
    (builtin_names, ([X], (X, 1)), {"dict": "b"}),
    (builtin_names, (X, 1.0), {}),
    (only_keywords, (), {"b": 4, "a": X}),
]


def recogniser(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: Any = None) -> Any:
    compiled = Compiled(f, Transformation())
    call = compiled.bind(args, kwargs)
    if inputs is None:
        inputs = [k for k, role in enumerate(call.roles) if role != "static"]
    return compile_recognise(f, compiled.signature.parameters, call, NOT_GIVEN, inputs), compiled


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_what_is_recognised_is_what_binding_gives(number: int) -> None:
    f, args, kwargs = CALLS[number]
    recognise, compiled = recogniser(f, args, kwargs)
    assert recognise is not None
    for other, others, more in CALLS:
        if other is not f:
            continue
        try:
            found = recognise(*others, **more)
        except (TypeError, LookupError, AttributeError, ValueError):
            found = None
        call, first = compiled.bind(others, more), compiled.bind(args, kwargs)
        static = [
            [(k, key) for k, (key, role) in enumerate(zip(c.key[: len(c.leaves)], c.roles, strict=True)) if role == "static"]
            for c in (call, first)
        ]  # fmt: skip
        if found is not None:
            assert all(a is b for a, b in zip(found[1], call.leaves, strict=True))
            assert len(found[0]) == len(call.slots)
            assert call.definitions == first.definitions
            assert call.key[-1] == first.key[-1]
            assert static[0] == static[1]
        if others is args and more is kwargs:
            assert found is not None


def test_what_it_is_not_made_for() -> None:
    assert recogniser(private, (X,), {})[0] is None  # its names may be ours
    assert recogniser(positional, (X.view(np.ndarray), X), {}, inputs=[0])[0] is None
    assert recogniser(positional, (collections.deque([X]), 1), {})[0] is None
    assert recogniser(positional, (collections.defaultdict(int, a=X), 1), {})[0] is None
    assert recogniser(positional, ({Point(1, 2): X}, 1), {})[0] is None


def compare(compiled: Any, plain: Any, *args: Any, **kwargs: Any) -> None:
    expected, got = plain(*args, **kwargs), compiled(*args, **kwargs)
    assert type(got) is type(expected)
    np.testing.assert_array_equal(got, expected)


over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])


@over_engines
def test_one_object_for_many_kinds_of_calls(engine: str) -> None:
    def f(p, x, *rest, scale=2.0, mode="sum", **more):
        total = np.sum(p["w"] * x) if mode == "sum" else np.max(p["w"] * x)
        for r in rest:
            total = total + r
        for name in sorted(more):
            total = total * more[name]
        return total * scale + p.get("b", 0.0)

    compiled = autodiff.function(f, engine=engine)
    p, q = {"w": X}, {"b": 1.0, "w": X}
    for _ in range(3):
        for x in (X, X[::-1], X.astype(np.float32), np.ones((2, 3)), 2.0):
            compare(compiled, f, p, x)
            compare(compiled, f, q, x, mode="max")
            compare(compiled, f, {"w": X, "b": 3.0}, x, scale=3.0)
            compare(compiled, f, p, x, 1.0, 2.0, factor=4.0)
            compare(compiled, f, p, x, 1, mode="sum")
            with pytest.raises(KeyError):
                compiled({"v": X}, x)
            with pytest.raises(TypeError):
                compiled(p)


@over_engines
def test_changed_defaults_are_seen(engine: str) -> None:
    def f(x, a=2.0, *, k=3.0, n=1):
        return x * a + k * n

    compiled = autodiff.function(f, engine=engine)
    for _ in range(2):
        compare(compiled, f, 1.5)
        f.__defaults__ = (f.__defaults__[0] + 1,)
        compare(compiled, f, 1.5)
        f.__kwdefaults__["k"] += 1.0
        compare(compiled, f, 1.5)
        f.__kwdefaults__ = {"k": 0.5, "n": f.__kwdefaults__["n"] + 1}
        compare(compiled, f, 1.5)
    f.__defaults__ = None
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        compiled(1.5)


@over_engines
def test_guards_stores_and_methods(engine: str) -> None:
    class Model:
        def __init__(self) -> None:
            self.k, self.calls = 2.0, 0

        def plain(self, x, y):
            self.calls += 1
            x[0] = y[1]
            return self.k * np.sum(x) if self.calls < 4 else self.k

        value = autodiff.function(plain, engine=engine)

    ours, plain = Model(), Model()
    for step in range(6):
        x, y = X.copy(), X.copy()
        if step == 4:
            y = x  # two names for one array
        a, b = x.copy(), y.copy()
        if step == 4:
            b = a
        assert ours.value(x, y) == plain.plain(a, b)
        np.testing.assert_array_equal(x, a)
        ours.k = plain.k = step + 0.5
    assert ours.calls == plain.calls == 6


def test_defaults_of_a_signature_that_was_set_are_no_defaults_of_the_function() -> None:
    """As SciPy sets them; and defaults by keyword may be taken away again."""

    def f(a, *, k=2.0, n=None):
        return np.sum(a * k)

    def any_arguments(*args, **kwargs):
        return f(*args, **kwargs)

    def some(a, *, _extra=0, **kwargs):
        return f(a, **kwargs)

    for g in (any_arguments, some):
        g.__signature__ = inspect.signature(f)
        for transformed in (autodiff.function(g), autodiff.gradient(g)):
            results = [transformed(X), transformed(X), transformed(2 * X, k=3.0), transformed(X)]
            np.testing.assert_array_equal(results[1], results[0])
            np.testing.assert_array_equal(results[3], results[0])
    geometric = autodiff.gradient(stats.gmean)
    for _ in range(2):
        np.testing.assert_allclose(geometric(X), stats.gmean(X) / (3 * X))
    compiled = autodiff.function(f)
    assert compiled(X) == compiled(X) == 12.0
    for defaults in ({"n": None}, None):
        f.__kwdefaults__ = defaults
        with pytest.raises(TypeError, match="required keyword-only argument"):
            compiled(X)


def test_derivatives_with_vectors_are_recognised_too() -> None:
    def f(p, n):
        return np.sum(p["w"] ** n) * p["b"]

    product = autodiff.hessian_vector(f, wrt="p")
    p = {"w": X, "b": 2.0}
    first = product(p, n=3, _tensors={"w": X, "b": 0.0})
    again = product(p, n=3, _tensors={"w": X, "b": 0.0})
    np.testing.assert_allclose(first["w"], 2.0 * 6 * X * X)
    np.testing.assert_array_equal(first["w"], again["w"])
    with pytest.raises(ValueError):
        product(p, n=3, _tensors={"w": np.ones(4), "b": 0.0})


def test_signatures_are_written_as_they_are() -> None:
    for f, args, kwargs in CALLS:
        recognise, _ = recogniser(f, args, kwargs)
        kinds = [p.kind for p in inspect.signature(recognise).parameters.values()]
        assert kinds == [p.kind for p in inspect.signature(f).parameters.values()]
