"""Operations that no output depends on are not differentiated, in either mode."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.capture import Leaf, capture
from autodiff.capture.paths import Path
from autodiff.differentiate import jvp, vjp
from autodiff.ir import Program, verify, walk
from autodiff.ops.entries import type_rule_of

X = np.array([0.5, 1.0, 1.5])


def live(x):
    return np.sum(np.sin(x))


def beside(x):
    rest = np.tanh(x) * np.arctan(x)
    np.linalg.eigh(np.outer(rest, rest))
    return np.sum(np.sin(x))


def in_turn(x):
    a = np.exp(x)
    b = a * np.cos(a)
    b = np.arctan2(b, a)
    return np.sum(np.sin(x))


def branches(x):
    dead = np.arctan(x) if x[0] > 0 else np.exp(x)
    dead = dead * 2.0
    return np.sum(np.sin(x))


def loops(x):
    dead = x
    for _ in range(30):
        dead = np.arctan(dead)
    return np.sum(np.sin(x))


def program_of(f: Callable[..., Any]) -> Program:
    argument = Leaf(X, Path("args[0]"), "array", "x")
    return capture(f, [argument], lambda leaves: (leaves, {}), "f").program


def added(before: Program, after: Program) -> Counter[str]:
    """Kinds of operations that the derivative has and the function has not."""
    kinds = [Counter(op.kind for op in walk(p.block)) for p in (after, before)]
    return kinds[0] - kinds[1]


@pytest.mark.parametrize("f", [beside, in_turn, branches, loops])
def test_dead_operations_have_no_derivative(f: Callable[..., Any]) -> None:
    program, alone = program_of(f), program_of(live)
    forward = verify(jvp(program, [True]), type_rule_of, "jvp")
    assert added(program, forward) == added(alone, jvp(alone, [True]))
    backward = verify(
        vjp(program, wrt=[0], outputs=[0], seed_ones=True, keep_values=True), type_rule_of, "vjp"
    )
    wanted = vjp(alone, wrt=[0], outputs=[0], seed_ones=True, keep_values=True)
    assert added(program, backward) == added(alone, wanted)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", [beside, in_turn, branches, loops])
def test_values_are_right(f: Callable[..., Any], engine: str) -> None:
    value, tangent = autodiff.jvp(f, (X,), (np.ones(3),))
    np.testing.assert_allclose(value, np.sum(np.sin(X)))
    np.testing.assert_allclose(tangent, np.sum(np.cos(X)))
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(X), np.cos(X))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_loop_of_which_one_result_is_dead(engine: str) -> None:
    def f(x):
        s, w = 0.0, 0.0
        for k in range(len(x)):
            s = s + np.sin(x[k])
            w = w + s * x[k]
        return s

    hessian = autodiff.hessian(f, engine=engine)(X)
    np.testing.assert_allclose(hessian, np.diag(-np.sin(X)), atol=1e-15)
    np.testing.assert_allclose(autodiff.jvp(f, (X,), (np.ones(3),))[1], np.sum(np.cos(X)))
