"""`linearize`: a value, and its derivative as a map of tangents that does not run the function again."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import jvp, linearize

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
EACH = pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
X = np.array([0.5, -1.0, 2.0])
D = np.array([[1.0, 0.0, 0.0], [0.5, -2.0, 1.0]])


@dataclasses.dataclass
class State:
    place: Any
    name: str = "state"


def recurrence(x):
    y = 1.0
    for k in range(4 * len(x)):
        y = y * np.sin(x[k % 3]) + x[k % 3] if y > 0 else y * x[0] + 1
    return y


def until_small(x):
    s = np.sum(x * x)
    while s > 0.1:
        s = s * 0.5 * np.cos(x[0])
    return {"s": s, "moved": (x * s, None), "steps": 3}


def stores(x):
    y = np.zeros(5)
    y[1:4] = x
    y[::2] += y[1] * x[0]
    return y @ np.outer(y, x)


def same(found, expected):
    one, definition = autodiff.tree.flatten([found])
    other, expected_definition = autodiff.tree.flatten([expected])
    assert definition == expected_definition
    for a, b in zip(one, other, strict=True):
        assert type(a) is type(b)
        if b is not None:
            assert np.shape(a) == np.shape(b)
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


@ENGINES
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**2, lambda x: np.sum(np.sin(x) * x), lambda x: np.outer(x, x) @ x,
        lambda x: x[x > 0], lambda x: np.linalg.solve(np.outer(x, x) + np.eye(3), x),
        lambda x: x * (1 + 2j), lambda x: 2.0, recurrence, until_small, stores,
    ],
)  # fmt: skip
def test_value_and_tangents_are_those_of_jvp(f, engine):
    value, push = linearize(f, X, engine=engine)
    for tangent in D:
        expected_value, expected = jvp(f, (X,), (tangent,), engine="numpy")
        same(value, expected_value)
        same(push(tangent), expected)


@ENGINES
def test_sizes_may_change_and_points_stay_apart(engine):
    made = []
    for n in (3, 4, 5, 6):
        x = np.linspace(0.5, 1.5, n)
        _, push = linearize(recurrence, x, engine=engine)
        made.append((x, push))
    for x, push in made:
        tangent = np.cos(x)
        same(push(tangent), jvp(recurrence, (x,), (tangent,))[1])


@ENGINES
def test_several_arguments_containers_and_numbers(engine):
    def f(state, scale, n, w):
        return State(state.place * scale + w["w"] * n), scale**n

    primals = (State(X), 2.0, 3, {"w": X + 1})
    tangents = (State(D[1]), 0.5, 0.0, {"w": D[0]})
    value, push = linearize(f, *primals, engine=engine)
    expected = jvp(f, primals, tangents, engine="numpy")
    same((value[0].place, value[1]), (expected[0][0].place, expected[0][1]))
    found = push(*tangents)
    same((found[0].place, found[1]), (expected[1][0].place, expected[1][1]))
    _, by_w = linearize(f, *primals, wrt="w", engine=engine)
    same(by_w({"w": D[0]})[0].place, 3.0 * D[0])


@ENGINES
def test_the_function_is_not_run_again(engine, capsys):
    def f(x):
        print("run")
        return x * x[0]

    _, push = linearize(f, X, engine=engine)
    assert capsys.readouterr().out == "run\n"
    same(push(D[1]), jvp(lambda x: x * x[0], (X,), (D[1],))[1])
    assert capsys.readouterr().out == ""


def test_what_is_kept_does_not_change_with_the_argument():
    x = X.copy()
    _, push = linearize(recurrence, x)
    x[:] = 0.0
    same(push(D[1]), jvp(recurrence, (X,), (D[1],))[1])


@EACH
def test_inside_of_other_functions(engine):
    def directions(x):
        value, push = linearize(recurrence, x)
        return value * push(D[0]) + push(x)

    def by_jvp(x):
        value, first = jvp(recurrence, (x,), (D[0],))
        return value * first + jvp(recurrence, (x,), (x,))[1]

    same(autodiff.function(directions, engine=engine)(X), by_jvp(X))
    same(autodiff.gradient(directions, engine=engine)(X), autodiff.gradient(by_jvp)(X))
    rows = np.stack([X, X + 1])
    same(autodiff.vmap(directions, engine=engine)(rows), np.stack([by_jvp(x) for x in rows]))
    same(autodiff.vmap(lambda d: linearize(recurrence, X)[1](d), engine=engine)(D),
         np.stack([jvp(recurrence, (X,), (d,))[1] for d in D]))  # fmt: skip


def test_errors():
    _, push = linearize(lambda x, y: x * y, X, 2.0)
    with pytest.raises(ValueError, match="AD108: linearize has 2 primals and 1 tangents."):
        push(X)
    with pytest.raises(ValueError, match=r"AD202: linearize: a vector has shape \(2,\) where the"):
        push(X[:2], 1.0)
    with pytest.raises(TypeError, match="AD103"):
        linearize(lambda x: x, "text")
