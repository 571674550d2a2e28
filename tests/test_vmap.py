"""Many at once: a batch gives what a loop over its lanes gives, compiled and differentiated.

Every comparison is with a loop written here, in plain Python over plain NumPy; `corpus` has it done with every
program of the corpus.
"""

import contextlib
import dataclasses
import io
import struct
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import gradient, vmap

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
# Where axes and containers are sorted out before any engine sees a program, one tells enough by default.
EACH = pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
X = np.array(
    [[1.0, -2.0, 3.0], [-1.0, 0.5, 2.0], [0.25, -4.0, -0.5], [2.0, 2.0, 2.0], [-3.0, 1.0, 0.0]]
)
Pair = namedtuple("Pair", "first second")  # noqa: PYI024 - as users write it


@dataclasses.dataclass
class State:
    position: Any
    speed: Any


def same(result: Any, expected: Any) -> None:
    """Equal containers, shapes, dtypes and values."""
    assert type(result) is type(expected), (type(result), type(expected))
    if isinstance(expected, dict):
        assert list(result) == list(expected)
        for key in expected:
            same(result[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            same(one, other)
    elif dataclasses.is_dataclass(expected):
        same(vars(result), vars(expected))
    elif expected is not None:
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-14)


# -- lanes ---------------------------------------------------------------------------------------------
def branches(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += x[k] ** 2
        else:
            total -= np.sin(x[k])
    return total


def halvings(x):
    y, count = np.sum(np.abs(x)), 0
    while y > 0.1:
        y = y / 2 - 0.01
        count += 1
    return y, count


def early(x):
    for value in x:
        if value < 0:
            return value * 2
    return np.sum(x)


def stores(x):
    y = np.zeros(4)
    y[:3] = x
    view = y[::2]
    view += 1.0
    y[3] = y[0] * y[1]
    return y


def grows(x):
    found = []
    for value in x:
        found.append(value * value)
    return np.array(found)


def sorts(x):
    return np.sort(x)[::-1] @ np.arange(3.0)


LANES = [branches, halvings, early, stores, grows, sorts]


@ENGINES
@pytest.mark.parametrize("f", LANES)
def test_each_lane_has_the_value_of_running_alone(f, engine):
    results = [f(x) for x in X]
    expected = (
        tuple(np.stack(column) for column in zip(*results, strict=True))
        if isinstance(results[0], tuple)
        else np.stack(results)
    )
    batch = vmap(f, engine=engine, on_fallback="error")
    same(batch(X), expected)
    same(
        batch(X[:2]),
        tuple(y[:2] for y in expected) if isinstance(expected, tuple) else expected[:2],
    )


def scalar(f):
    def total(x):
        y = f(x)
        return np.sum(y[0] if isinstance(y, tuple) else y)

    return total


@ENGINES
@pytest.mark.parametrize(
    "f",
    [f if f in (branches, halvings) else pytest.param(f, marks=pytest.mark.slow) for f in LANES],
)
def test_derivatives_by_lanes_and_of_the_batch(f, engine):
    f = scalar(f)
    slopes = np.stack([gradient(f)(x) for x in X])
    same(vmap(gradient(f), engine=engine, on_fallback="error")(X), slopes)
    of_batch = gradient(lambda X: np.sum(vmap(f)(X)), engine=engine, on_fallback="error")
    same(of_batch(X), slopes)
    weights = np.arange(5.0)
    _, pull = autodiff.vjp(vmap(f), X, engine=engine)
    same(pull(weights)[0], slopes * weights[:, None])
    _, moved = autodiff.jvp(vmap(f), (X,), (np.ones_like(X),), engine=engine)
    same(moved, slopes.sum(axis=1))


@ENGINES
def test_a_new_number_of_lanes_compiles_nothing(engine):
    batch = vmap(gradient(branches), engine=engine)
    batch(X)
    for n in (2, 3, 4, 5):
        same(batch(X[:n]), np.stack([gradient(branches)(x) for x in X[:n]]))
    assert len(batch.cache) == 1
    program = batch.cache[0].plan.program
    assert [op.kind for op in program.block.operations] == ["for"]


# -- axes ----------------------------------------------------------------------------------------------
@EACH
@pytest.mark.parametrize(
    ("in_axes", "lane"),
    [
        ((0, None), lambda x, w, k: (x[k], w)),
        ((1, None), lambda x, w, k: (x[:, k], w)),
        ((-1, 0), lambda x, w, k: (x[:, k], w[k])),
        ([1, 0], lambda x, w, k: (x[:, k], w[k])),
        ((None, 0), lambda x, w, k: (x, w[k])),
    ],
)
@pytest.mark.parametrize("out_axes", [0, 1, -1])
def test_axes_of_arguments_and_results(in_axes, lane, out_axes, engine):
    x, w = X[:3], np.array([2.0, 3.0, 4.0])
    f = lambda x, w: x * np.sum(w) + 1  # noqa: E731
    expected = np.stack([f(*lane(x, w, k)) for k in range(3)], axis=out_axes)
    same(vmap(f, in_axes, out_axes, engine=engine)(x, w), expected)


@ENGINES
def test_containers_of_arguments_axes_and_results(engine):
    def f(state, pair, table):
        position = state.position + table["step"] * state.speed
        return State(position, state.speed), {
            "energy": pair.second * position @ position,
            "none": None,
        }

    state = State(X, np.array([1.0, 2.0, 3.0]))
    pair, table = Pair(None, np.arange(5.0)), {"step": np.linspace(0, 1, 5), "name": "steps"}
    axes = (State(0, None), Pair(None, 0), {"step": 0, "name": None})
    position, speed = vmap(f, axes, engine=engine)(state, pair, table)
    lanes = [
        f(State(X[k], state.speed), Pair(None, pair.second[k]), {"step": table["step"][k]})
        for k in range(5)
    ]
    same(position, State(np.stack([a.position for a, _ in lanes]), np.stack([state.speed] * 5)))
    same(speed, {"energy": np.stack([b["energy"] for _, b in lanes]), "none": None})
    out = (State(1, None), 0)
    position, _ = vmap(f, axes, out, engine=engine)(state, pair, table)
    same(position, State(np.stack([a.position for a, _ in lanes], axis=1), state.speed))


@EACH
def test_keywords_and_defaults(engine):
    def f(x, scale=2.0, *, shift=0.0):
        return x * scale + shift

    batch = vmap(f, engine=engine)
    column = X[:, 0]
    same(batch(column), column * 2)
    same(batch(column, shift=X[:, 1]), column * 2 + X[:, 1])
    same(batch(x=column, scale=X[:, 1]), column * X[:, 1])
    same(vmap(f, (0, None), engine=engine)(column, scale=3.0), column * 3)


@EACH
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "u1", "?", "c16"])
def test_dtypes_are_those_of_the_lanes(dtype, engine):
    x = (X * 3).astype(dtype)
    for f in (lambda v: v, lambda v: v[0], lambda v: v.sum(), lambda v: v * 2):
        same(vmap(f, engine=engine)(x), np.stack([f(v) for v in x]))


@ENGINES
def test_numbers_become_arrays(engine):
    f = lambda x: (x, 1, 2.0, True, x > 0, 1j, np.float32(3))  # noqa: E731
    lanes = [f(x) for x in X[:, 0]]
    same(vmap(f, engine=engine)(X[:, 0]), tuple(np.stack(c) for c in zip(*lanes, strict=True)))


@ENGINES
@pytest.mark.parametrize("f", [branches, stores, lambda x: {"a": x, "b": (np.sum(x), 1)}])
def test_no_lanes_give_empty_stacks(f, engine):
    one = vmap(f, engine=engine)(np.ones((1, 3)))
    none = vmap(f, engine=engine, on_fallback="error")(np.ones((0, 3)))
    same(none, autodiff.tree.unflatten(*_emptied(one)) if isinstance(one, dict) else one[:0])


def _emptied(x):
    leaves, definition = autodiff.tree.flatten(x)
    return definition, [leaf[:0] for leaf in leaves]


@ENGINES
def test_one_lane(engine):
    same(vmap(branches, engine=engine)(X[:1]), np.array([branches(X[0])]))


# -- composed ------------------------------------------------------------------------------------------
@ENGINES
def test_nested(engine):
    table = np.arange(12.0).reshape(3, 4) / 7
    f = lambda x, y: np.sin(x) * y if x > y else x - y  # noqa: E731
    outer = vmap(vmap(f, (None, 0)), (0, None), engine=engine)
    same(outer(table[:, 0], table[0]), np.array([[f(x, y) for y in table[0]] for x in table[:, 0]]))
    same(vmap(vmap(branches), engine=engine)(table.reshape(2, 2, 3)),
         np.array([[branches(v) for v in m] for m in table.reshape(2, 2, 3)]))  # fmt: skip


@EACH
@pytest.mark.parametrize(
    "of_one",
    [
        lambda f: autodiff.function(f),
        lambda f: autodiff.value_and_gradient(f),
        lambda f: autodiff.jacobian(lambda x: x * f(x)),
        lambda f: autodiff.hessian(f),
        lambda f: lambda x: autodiff.jvp(f, (x,), (x + 1,)),
        lambda f: lambda x: autodiff.vjp(f, x)[1](2.0),
        lambda f: lambda x: autodiff.hessian_vector(f)(x, _tensors=x),
        lambda f: gradient(lambda x: np.sum(gradient(f)(x) ** 2)),
    ],
)
def test_around_every_transformation(of_one, engine):
    g = of_one(branches)
    lanes = [g(x) for x in X]
    expected = (
        tuple(np.stack(column) for column in zip(*lanes, strict=True))
        if isinstance(lanes[0], tuple)
        else np.stack(lanes)
    )
    same(vmap(g, engine=engine, on_fallback="error")(X), expected)


@ENGINES
def test_inside_of_every_transformation(engine):
    def f(x, w):
        return np.tanh(x @ w) * branches(x)

    batch = vmap(f, (0, None))
    loop = lambda X, w: np.stack([f(x, w) for x in X])  # noqa: E731
    w = np.array([0.5, -0.25, 0.125])
    same(autodiff.function(batch, engine=engine)(X, w), loop(X, w))
    same(
        autodiff.jacobian(batch, wrt="w", engine=engine)(X, w),
        autodiff.jacobian(loop, wrt="w")(X, w),
    )
    total, of_loop = lambda X, w: np.sum(batch(X, w) ** 2), lambda X, w: np.sum(loop(X, w) ** 2)
    same(gradient(total, engine=engine)(X, w), gradient(of_loop)(X, w))


@pytest.mark.slow
@ENGINES
def test_second_derivatives_of_a_batch(engine):
    batch = vmap(lambda x, w: np.tanh(x @ w) * branches(x), (0, None))
    loop = lambda X, w: np.stack([np.tanh(x @ w) * branches(x) for x in X])  # noqa: E731
    w = np.array([0.5, -0.25, 0.125])
    total, of_loop = lambda X, w: np.sum(batch(X, w) ** 2), lambda X, w: np.sum(loop(X, w) ** 2)
    for wrt in ("w", "X"):
        same(
            autodiff.hessian(total, wrt=wrt, engine=engine)(X, w),
            autodiff.hessian(of_loop, wrt=wrt)(X, w),
        )


# -- effects -------------------------------------------------------------------------------------------
@ENGINES
def test_prints_and_draws_in_the_order_of_the_lanes(engine):
    def f(x):
        noise = np.random.normal()
        print("lane", x)
        return x + noise

    batch = vmap(f, engine=engine, on_fallback="error")
    for _ in range(2):
        np.random.seed(3)
        with contextlib.redirect_stdout(io.StringIO()) as expected_text:
            expected = np.stack([f(x) for x in X[:, 0]])
        np.random.seed(3)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            result = batch(X[:, 0])
        same(result, expected)
        assert text.getvalue() == expected_text.getvalue()


@ENGINES
def test_what_lanes_change_outside_changes_in_their_order(engine):
    class Counter:
        total = 0.0

    def run(through):
        counter, seen = Counter(), np.zeros(3)

        def f(x):
            counter.total = counter.total * 2 + x[0]
            seen[1] += x[1] * counter.total
            return seen[1] + x[2]

        return through(f), counter.total, seen

    result, total, seen = run(lambda f: vmap(f, engine=engine, on_fallback="error")(X))
    expected, of_loop, seen_by_loop = run(lambda f: np.stack([f(x) for x in X]))
    same(result, expected)
    same(seen, seen_by_loop)
    assert total == of_loop


@ENGINES
def test_stores_into_a_lane_are_stores_into_the_batch(engine):
    def f(x):
        x[0] *= 2
        return np.sum(x)

    batch, expected = X.copy(), X.copy()
    result = vmap(f, engine=engine)(batch)
    same(result, np.stack([f(x) for x in expected]))
    same(batch, expected)


def test_what_is_not_compiled_runs_lane_by_lane():
    def f(x):
        return struct.unpack("d", struct.pack("d", x[0]))[0] * x

    with pytest.warns(autodiff.FallbackWarning, match="f runs uncompiled"):
        same(vmap(f)(X), np.stack([f(x) for x in X]))


# -- errors --------------------------------------------------------------------------------------------
def _two(x, y):
    return x


@EACH
@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda v: v(_two)(X, X[:3]), ValueError,
         "vmap of _two: the numbers of lanes differ: 5 in x (axis 0), 3 in y (axis 0)."),
        (lambda v: v(_two, (0, 1))(X, {"w": X}), ValueError,
         "vmap of _two: the numbers of lanes differ: 5 in x (axis 0), 3 in y['w'] (axis 1)."),
        (lambda v: v(_two, (0, None), axis_size=4)(X, 1.0), ValueError,
         "vmap of _two: the numbers of lanes differ: 5 in x (axis 0), 4 by axis_size."),
        (lambda v: v(_two)(X, 1.0), ValueError, "vmap: y is a number, which has no axis 0."),
        (lambda v: v(_two)(X, "text"), ValueError, "vmap: y is a str, which has no axis 0."),
        (lambda v: v(_two)(X, [X, 2.0]), ValueError, "vmap: y[1] is a number, which has no axis 0."),
        (lambda v: v(_two, 2)(X, X), ValueError, "vmap: x has shape (5, 3), hence no axis 2."),
        (lambda v: v(_two, None)(X, X), ValueError, "vmap of _two: no argument has an axis of lanes."),
        (lambda v: v(_two, (0,))(X, X), ValueError,
         "vmap of _two: in_axes has 1 entries, and the call has 2 arguments that they could be for."),
        (lambda v: v(_two, (0, [0, 0]))(X, (X, X)), TypeError,
         "vmap: the entry [0, 0] of in_axes does not have the structure of y."),
        (lambda v: v(_two, (0, 1.5)), TypeError, "vmap: in_axes has 1.5, which is no axis."),
        (lambda v: v(_two, out_axes=True), TypeError, "vmap: out_axes has True, which is no axis."),
        (lambda v: v(_two, {"x": 0}), TypeError, "vmap: in_axes={'x': 0} is no int, no None and no tuple."),
        (lambda v: v(_two, axis_size=-1), TypeError, "vmap: axis_size=-1 is no number of lanes."),
        (lambda v: v(branches, out_axes=1)(X), ValueError,
         "vmap of branches: out_axes has axis 1 for a result whose stack has 1 axes."),
        (lambda v: v(branches, out_axes=(0, 0))(X), TypeError,
         "vmap of branches: out_axes=(0, 0) does not have the structure of the result."),
        (lambda v: v(branches, out_axes=None)(X), TypeError,
         "vmap of branches: out_axes has None for a result that may differ between lanes."),
        (lambda v: v(lambda x: "text")(X), TypeError,
         "vmap of <lambda>: a lane returns a str, of which there is no stack."),
        (lambda v: v(branches, wrt="x"), TypeError, "vmap has no option 'wrt'."),
        (lambda v: v(3), TypeError, "vmap needs a function, not int."),
    ],
)  # fmt: skip
def test_errors(make, kind, text, engine):
    with pytest.raises(kind) as caught:
        make(lambda f, *axes, **options: vmap(f, *axes, engine=engine, **options))
    assert isinstance(caught.value, autodiff.AutodiffError)
    assert caught.value.message == text
    assert caught.value.remedy


@ENGINES
def test_what_a_lane_raises_is_raised(engine):
    def f(x):
        if x[1] < -3:
            raise ValueError(f"too small: {x[1]}")
        return x

    with pytest.raises(ValueError, match=r"^too small: -4.0$"):
        vmap(f, engine=engine)(X)
    same(vmap(f, engine=engine)(X[:2]), X[:2])


def test_errors_inside_of_other_functions_name_the_line():
    def outer(x):
        return np.sum(vmap(_two)(x, x[:2]))

    with pytest.raises(ValueError) as caught:
        gradient(outer)(X)
    assert "the numbers of lanes differ: 5 in x (axis 0), 2 in y (axis 0)" in str(caught.value)


def test_as_decorator_method_and_copy():
    @vmap(in_axes=(0, None))
    def scaled(x, w):
        """Scaled."""
        return x * w

    same(scaled(X, 2.0), X * 2)
    assert scaled.__doc__ == "Scaled."
    assert repr(scaled).startswith("<autodiff.vmap of")

    class Model:
        def __init__(self, w):
            self.w = w

        def predict(self, x):
            return x @ self.w

        many = vmap(predict, in_axes=(None, 0))

    model = Model(np.ones(3))
    same(vmap(model.predict)(X), X @ np.ones(3))
    same(model.many(X), X @ np.ones(3))
    model.w = np.array([1.0, 0.0, 0.0])
    same(model.many(X), X[:, 0])


def test_the_axis_size_without_mapped_arguments():
    same(vmap(lambda: np.ones(2), axis_size=3)(), np.ones((3, 2)))
    same(vmap(lambda x: x * 2, None, None, axis_size=3)(np.arange(2.0)), np.arange(2.0) * 2)


def test_no_warning_is_given():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vmap(gradient(branches))(X)
