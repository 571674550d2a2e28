"""The surface of PyAutoDiff: signatures, containers, results of every kind, one object for all dimensions."""

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([1.0, 2.0, 3.0])
Point = namedtuple("Point", "a b")  # noqa: PYI024 - as users write it


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: np.ndarray
    name: str = "unnamed"


def equal(a: Any, b: Any) -> bool:
    """Same types, containers and values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if dataclasses.is_dataclass(a):
        return equal(vars(a), vars(b))
    if isinstance(a, (list, tuple, deque)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b)
    return a == b or np.isclose(a, b)


# -- signatures ----------------------------------------------------------------------------------------
def every_kind(x, /, y=2.0, *rest, k=3.0, **more):
    return np.sum(x) * y + sum(rest) * 2 + k**2 + sum(more.values(), 0.0) * 3


@ENGINES
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((X,), {}), ((X, 4.0), {}), ((X, 4.0, 1.0, 2.0), {}), ((X,), {"k": 5.0, "q": 1.0, "y": 2.5})],
)
def test_signatures_of_every_kind(args, kwargs, engine):
    f = autodiff.function(every_kind, engine=engine)
    assert equal(f(*args, **kwargs), every_kind(*args, **kwargs))
    g = autodiff.gradient(every_kind, wrt=("x", "y", "rest", "k", "more"), engine=engine)
    y, k = kwargs.get("y", args[1] if len(args) > 1 else 2.0), kwargs.get("k", 3.0)
    rest, more = args[2:], {n: v for n, v in kwargs.items() if n not in ("y", "k")}
    expected = (np.full(3, y), 6.0, (2.0,) * len(rest), 2 * k, dict.fromkeys(more, 3.0))
    assert equal(g(*args, **kwargs), expected)


def test_errors_of_binding_are_pythons():
    f = autodiff.function(every_kind)
    with pytest.raises(
        TypeError, match=r"every_kind\(\) missing 1 required positional argument: 'x'"
    ):
        f()
    with pytest.raises(TypeError, match=r"multiple values for argument 'y'"):
        f(X, 1.0, y=2.0)


# -- containers ------------------------------------------------------------------------------------------
EMPTY = [[], (), {}, OrderedDict(), {"a": [], "b": ((), {})}]


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_empty_containers(empty):
    assert equal(autodiff.gradient(lambda p, x: np.sum(x * x))(empty, X), 2 * X)
    both = autodiff.gradient(lambda p, x: np.sum(x * x), wrt=("p", "x"))(empty, X)
    assert equal(both, (empty, 2 * X))
    assert equal(autodiff.gradient(lambda p: 1.0)(empty), empty)
    inside = {"x": X, "empty": empty}
    assert equal(
        autodiff.gradient(lambda p: np.sum(p["x"]))(inside), {"x": np.ones(3), "empty": empty}
    )
    hv = autodiff.hessian_vector(lambda p, x: np.sum(x * x), wrt=("p", "x"))
    assert equal(hv(empty, X, _tensors=(empty, X)), (empty, 2 * X))
    assert equal(autodiff.function(lambda x: (x, empty))(X), (X, empty))


@ENGINES
def test_nested_containers_keep_their_types(engine):
    p = {
        "list": [(X, Point(X, 2.0)), None],
        "ordered": OrderedDict(z=X * 2, a=X),
        "default": defaultdict(list, q=X),
        "deque": deque([X]),
        "frozen": Frozen(X),
        3: X,
    }

    def f(p):
        (x, point), _ = p["list"]
        return np.sum(x * point.a) * point.b + np.sum(
            p["ordered"]["z"] * p["default"]["q"] * p["deque"][0] * p["frozen"].w + p[3]
        )

    expected = {
        "list": [(2 * X, Point(2 * X, 14.0)), None],
        "ordered": OrderedDict(z=X**3, a=0 * X),
        "default": defaultdict(list, q=2 * X**3),
        "deque": deque([2 * X**3]),
        "frozen": Frozen(2 * X**3),
        3: np.ones(3),
    }
    assert equal(autodiff.gradient(f, engine=engine)(p), expected)


# -- results -----------------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize(
    "f",
    [
        lambda x: None,
        lambda x: "text",
        lambda x: 3,
        lambda x: np.ones(2),
        lambda x: (x, x * 2, x[0]),
        lambda x: {"a": x, "b": (x * 2, [x.sum(), None]), "p": Point(x, 1), "e": []},
        lambda x: Frozen(x * 2),
        lambda x: OrderedDict(z=x * 2, a=x[0]),
        lambda x: [],
    ],
)
def test_results_of_every_kind(f, engine):
    assert equal(autodiff.function(f, engine=engine)(X), f(X))


@ENGINES
def test_results_that_do_not_depend_on_the_argument(engine):
    def made(transformation, f):
        return transformation(f, engine=engine)

    zero = np.zeros(3)
    assert equal(made(autodiff.gradient, lambda x: 3.0)(X), zero)
    assert equal(made(autodiff.gradient, lambda x, y: np.sum(x))(X, X), (np.ones(3), zero))
    assert equal(made(autodiff.value_and_gradient, lambda x: 3.0)(X), (3.0, zero))
    assert equal(made(autodiff.hessian, lambda x: 3.0)(X), np.zeros((3, 3)))
    assert equal(made(autodiff.hessian_vector, lambda x: 3.0)(X, _tensors=X), zero)
    assert equal(made(autodiff.hessian_vector, lambda x: np.sum(x))(X, _tensors=X), zero)
    assert equal(made(autodiff.jacobian, lambda x: np.ones(2))(X), np.zeros((2, 3)))
    fresh = made(autodiff.function, lambda x: (np.ones(2), [1, 2]))
    array, numbers = fresh(X)
    array[0], numbers[0] = 9.0, 9
    assert equal(fresh(X), (np.ones(2), [1, 2]))


@ENGINES
def test_one_object_for_every_dimension_and_type(engine):
    f = autodiff.function(lambda x: x * 2 + 1, engine=engine)
    g = autodiff.gradient(lambda x: np.sum(x**2), engine=engine)
    for x in (1.0, X, np.ones((2, 3)), np.ones(0), np.array(3.0), np.float32(1), np.float64(2),
              np.ones((2, 2, 2)), np.ones((1, 0, 2)), X.astype(np.float32), 1.0):  # fmt: skip
        assert equal(f(x), x * 2 + 1)
        found = g(x)
        assert (
            type(found) is type(x) and np.shape(found) == np.shape(x) and np.allclose(found, 2 * x)
        )
        assert np.asarray(found).dtype == np.asarray(x).dtype


# -- Hessian-vector products and non-scalars -----------------------------------------------------------------
def test_vectors_of_hessian_vector():
    one = autodiff.hessian_vector(lambda x: np.sum(x**3))
    two = autodiff.hessian_vector(lambda x, y: np.sum(x**2 * y))
    assert equal(one(X, _tensors=X), 6 * X * X) and equal(one(X, _tensors=(X,)), 6 * X * X)
    assert equal(one(X, _tensors=[1.0, 2.0, 3.0]), 6 * X * X)
    for vectors in ((X, 0 * X), [X, 0 * X]):
        assert equal(two(X, X, _tensors=vectors), (2 * X * X, 2 * X * X))
    p = {"a": X, "b": X}
    by_p = autodiff.hessian_vector(lambda p: np.sum(p["a"] ** 2 * p["b"]))(p, _tensors=p)
    assert equal(by_p, {"a": 4 * X * X, "b": 2 * X * X})
    for call in (lambda: one(X), lambda: two(X, X), lambda: two(X, X, _tensors=None)):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            "AD108: hessian_vector needs the vectors to multiply with.\n"
            "  Remedy: pass _tensors=v, with a tuple of vectors for several arguments"
        )
    with pytest.raises(ValueError) as caught:
        two(X, X, _tensors=(X,))
    assert str(caught.value) == (
        "AD108: hessian_vector: 2 arguments are differentiated, so 2 vectors are needed.\n"
        "  Remedy: pass a tuple with one vector per differentiated argument"
    )


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x * 2, "its result has shape (2, 3), not one number."),
        (lambda x: x.sum(keepdims=True), "its result has shape (1, 1), not one number."),
        (lambda x: x[0], "its result has shape (3,), not one number."),
        (lambda x: x, "its result has shape (2, 3), not one number."),
        (lambda x: (x.sum(), 1), "its result is a container, not one number."),
        (lambda x: None, "its result is None, not one number."),
        (lambda x: np.ones(2), "its result has shape (2,), not one number."),
    ],
)
@pytest.mark.parametrize("name", ["gradient", "value_and_gradient", "hessian", "hessian_vector"])
def test_a_gradient_needs_one_number(f, said, name):
    made = getattr(autodiff, name)(f)
    vectors = {"_tensors": np.ones((2, 3))} if name == "hessian_vector" else {}
    with pytest.raises(TypeError) as caught:
        made(np.ones((2, 3)), **vectors)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"AD104: {name} of <lambda>: {said}"
    if "shape" in said:
        assert lines[-1] == "  Remedy: reduce it, for example with np.sum, or use autodiff.jacobian"
