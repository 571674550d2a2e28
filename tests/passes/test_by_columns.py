"""The program of the transposes of its inputs gives what the program gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff.ir import Program, verify
from autodiff.ops.entries import type_rule_of
from autodiff.passes import optimize
from autodiff.passes.by_columns import by_columns
from tests.capture.support import corpus, inputs_of, kinds, run
from tests.ops.support import trace
from tests.passes.test_properties import gradient

THEMES = sorted({name.split(".")[0] for name in corpus()})


def turned(program: Program) -> tuple[Program | None, list[int]]:
    """The program of the transposes of all inputs of two axes or more."""
    numbers = [k for k, v in enumerate(program.inputs) if len(v.shape) > 1]
    return by_columns(program, numbers), numbers


def check(program: Program, inputs: list[Any]) -> Program | None:
    """Compare both programs; the second, if there is one."""
    before = str(program)
    made, numbers = turned(program)
    assert str(program) == before, "the pass changed the program that it was given"
    if made is None:
        return None
    verify(made, type_rule_of, "by_columns")
    given = [np.asarray(x).T if k in numbers else x for k, x in enumerate(inputs)]
    for result, wanted in zip(run(made, given), run(program, inputs), strict=True):
        assert result.shape == wanted.shape and result.dtype == wanted.dtype
        size = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)
        rtol = 1e-5 if wanted.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=rtol * size)
    return made


@pytest.mark.parametrize("theme", THEMES)
def test_the_corpus_and_its_gradients(theme: str) -> None:
    for name in corpus():
        if name.startswith(theme + "."):
            case, found = corpus()[name][:2]
            program, inputs = found.program, inputs_of(found)
            if any(len(v.shape) > 1 for v in program.inputs):
                check(optimize(program), inputs)
                if case.differentiable:
                    program, inputs = gradient(program, inputs)
                    check(optimize(program), inputs)


A = np.random.default_rng(0).standard_normal((3, 4))
B = np.random.default_rng(1).standard_normal((4, 3))
V = np.array([0.5, -1.0, 2.0, 0.25])
T = np.random.default_rng(2).standard_normal((2, 3, 4))


def stored(a: Any) -> Any:
    y = a * 1.0
    y[1] = y[2] * 2.0
    y[:, 1:3] += y[:, :2]
    y[0, 0] = 5.0
    return y


# What is done, on what, and how many transposes of what lies by columns are left.
RULES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "element by element": (lambda a: np.sum(np.exp(a) * a - 1.0), (A,), 0),
    "with a vector by columns": (lambda a, v: (a * v).sum(), (A, V), 0),
    "with a vector by rows": (lambda a, v: np.sum(a / v[:3, None]), (A, V), 1),
    "with a matrix in C order": (lambda a, v: a * (np.outer(v[:3], v) + v), (A, V), 1),
    "with its own means": (lambda a: (a - a.mean(1, keepdims=True)).max(1), (A,), 1),
    "reduced": (lambda a: (a.sum(0), a.max(1), a.min(), np.prod(a, axis=-1)), (A,), 0),
    "of three axes": (lambda t: (t.sum(1), t.sum((0, 2)), np.sum(t * t)), (T,), 1),
    "parts": (lambda a: (a[1], a[:, 2], a[1, 2], a[::2, 1:].sum(1)), (A,), 0),
    "parts of three axes": (lambda t: (t[1, :, ::2].sum(0), t[:, 1, 0]), (T,), 0),
    "stored": (lambda a: np.sum(stored(a)), (A,), 0),
    "stored and returned": (stored, (A,), 1),
    "transposed": (lambda a: a.T, (A,), 0),
    "axes in another order": (lambda t: t.transpose(1, 0, 2), (T,), 1),
    "times a vector": (lambda a, v: a @ v, (A, V), 0),
    "products": (lambda a, b: (a @ b, a.T @ a, b.T @ a.T), (A, B), 0),
    "batches of products": (lambda t, v: t @ v, (T, V), 1),
    "sorted": (lambda a: np.sort(a, axis=0), (A,), 1),
    "returned": (lambda a: a, (A,), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_rules(name: str) -> None:
    f, inputs, left = RULES[name]
    made = check(trace(f, *inputs), list(inputs))
    assert made is not None
    assert kinds(made)["transpose"] == left


def test_what_needs_the_array_itself_again_and_again_copies_it() -> None:
    many = lambda a: [np.sort(a, axis=0), np.cumsum(a, axis=1), np.flip(a), np.sort(a)]  # noqa: E731
    assert turned(trace(many, A))[0] is None
