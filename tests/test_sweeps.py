"""`mode=` of Jacobians and Hessians: which sweeps are made, and that all of them give the same."""

import pickle

import numpy as np
import pytest

import autodiff
from autodiff import hessian, jacobian

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
MODES = ("auto", "forward", "reverse")
X = np.array([0.5, -1.0, 2.0])


def wide(x):  # one result of three arguments: reverse mode needs fewer sweeps
    return np.array([np.sum(np.sin(x) * x)])


def tall(x):  # nine results of three arguments: forward mode does
    return np.outer(x, np.exp(x)).ravel()


def steps(x):
    y = np.zeros(4)
    for k in range(3):
        y[k + 1] = y[k] * x[k] if y[k] > 0 else x[k] ** 2
    return y


def sweeps(matrix, x):
    """How often the sweep of a Jacobian runs."""
    counts = [op.attributes["count"] for op in matrix.ir(x).block.operations if op.kind == "for"]
    return counts[-1] if counts else 1  # one sweep needs no loop


@pytest.mark.parametrize(
    ("f", "mode", "expected"),
    [
        (wide, "auto", 1), (wide, "reverse", 1), (wide, "forward", 3),
        (tall, "auto", 3), (tall, "reverse", 9), (tall, "forward", 3),
    ],
)  # fmt: skip
def test_the_mode_decides_how_many_sweeps_are_made(f, mode, expected):
    assert sweeps(jacobian(f, mode=mode), X) == expected


@ENGINES
@pytest.mark.parametrize("f", [
    pytest.param(wide, marks=pytest.mark.slow), tall, pytest.param(steps, marks=pytest.mark.slow)
])  # fmt: skip
def test_all_modes_give_the_same(f, engine):
    reference = jacobian(f, engine="numpy")(X)
    for mode in MODES:
        found = jacobian(f, mode=mode, engine=engine)(X)
        np.testing.assert_allclose(found, reference, rtol=1e-14, atol=1e-14)
        inside = autodiff.function(lambda x, m=mode: jacobian(f, mode=m)(x) * 2, engine=engine)(X)
        np.testing.assert_allclose(inside, 2 * reference, rtol=1e-14, atol=1e-14)
    second = hessian(lambda x: np.sum(f(x) ** 2), engine="numpy")(X)
    for mode in MODES:
        found = hessian(lambda x: np.sum(f(x) ** 2), mode=mode, engine=engine)(X)
        np.testing.assert_allclose(found, second, rtol=1e-13, atol=1e-13)


@ENGINES
def test_what_a_loop_prints_is_printed_once_in_every_mode(engine, capsys):
    def f(x):
        for k in range(6):
            print(k)
            x = x * x[0]
        return x

    for mode in MODES:
        jacobian(f, mode=mode, engine=engine)(X)
        assert capsys.readouterr().out.split() == [str(k) for k in range(6)]


def test_pickled_with_its_mode():
    again = pickle.loads(pickle.dumps(jacobian(np.sin, mode="forward")))
    assert again._mode == again._compiled.transformation.mode == "forward"


def test_errors():
    with pytest.raises(ValueError, match="AD102: mode='backward' is not known.") as caught:
        jacobian(wide, mode="backward")
    assert caught.value.remedy == "use 'forward', 'reverse' or 'auto'"
    with pytest.raises(TypeError, match="AD101: gradient has no option 'mode'."):
        autodiff.gradient(wide, mode="forward")
