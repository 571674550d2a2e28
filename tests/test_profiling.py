"""Where compiled code spends its time, by the user's lines."""

import inspect

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import session
from autodiff.engines.native.compile import TimedRunner
from autodiff.engines.numpy import compile_program
from autodiff.passes import optimize
from tests.capture.support import corpus, inputs_of


def mixed(x, n):
    y = np.sort(x)
    total = 0.0
    for i in range(n):
        total += np.sin(y[i]) * x[i]
        if total > 100.0:
            total = total * 0.5
    return total + np.sum(np.exp(y))


X = np.random.default_rng(0).random(20_000)
FIRST = mixed.__code__.co_firstlineno


@pytest.fixture(autouse=True)
def machine_code_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which line takes longest is told by code that LLVM's passes have been through."""
    monkeypatch.setattr(session, "EFFORT", "passes")


def test_lines_of_a_value() -> None:
    found = autodiff.profile(mixed)(X, 50)
    by_line = {line.number - FIRST: line for line in found.lines}
    assert set(by_line) <= {1, 2, 3, 4, 5, 6, 7} and {1, 4, 5, 7} <= set(by_line)
    assert found.lines[0].text == "y = np.sort(x)" and found.lines[0].times == 1
    assert by_line[5].times == 50 or by_line[6].times == 50
    assert all(line.derivative == 0 for line in found.lines)
    assert sum(line.seconds for line in found.lines) > 0.5 * found.seconds
    assert found.runs >= 3 and found.result_bytes == 8 and found.kept_bytes == 0


def test_lines_of_a_derivative() -> None:
    found = autodiff.profile(autodiff.gradient(mixed))(X, 50)
    assert sum(line.derivative for line in found.lines) > 0
    assert found.result_bytes >= X.nbytes and found.kept_bytes >= 50 * 8
    first, *rest = str(found).splitlines()
    assert first.startswith("mixed: ") and "kept for the reverse sweep" in first
    assert len(rest) == len(found.lines) + (found.rest > 0) and "test_profiling.py:" in rest[0]
    assert "<table>" in found._repr_html_() and "np.sort(x)" in found._repr_html_()


def elements(x):
    total = 0.0
    for v in x:
        if v > 0.5:
            total += v**3
        else:
            total -= np.sin(v)
    return total


def until(x):
    product = 1.0
    for v in x:
        product *= v + 0.9
        if product > 3:
            break
    return product


def power(x):
    base, result = x[0], 1.0
    for _ in range(3):
        result *= base
        base *= base
    return result


def gathered(x):
    return np.sum(x[[0, 2, 2]] * x[1])


@pytest.mark.parametrize("f", [elements, until, power, gathered])
@pytest.mark.parametrize("transformation", [autodiff.function, autodiff.gradient])
def test_lines_add_up_to_the_whole(f, transformation) -> None:
    found = autodiff.profile(transformation(f))(X[:30])
    first, count = f.__code__.co_firstlineno, len(inspect.getsourcelines(f)[0])
    assert found.lines and all(first < line.number < first + count for line in found.lines)
    lines = sum(line.seconds for line in found.lines)
    assert lines + found.rest == pytest.approx(found.seconds)
    assert lines > 0.3 * found.seconds
    assert ("of no line" in str(found)) is (found.rest > 0)


class Model:
    def __init__(self) -> None:
        self.rate = 2.0

    @autodiff.gradient
    def slope(self, x):
        return np.sum(np.exp(self.rate * x))


def test_methods_are_profiled() -> None:
    assert "self.rate * x" in str(autodiff.profile(Model().slope)(np.ones(3)))


def test_what_acts_on_the_world_is_not_run_again_and_again(capsys: pytest.CaptureFixture) -> None:
    def loud(x):
        print("once")
        return x * x

    with pytest.raises(autodiff.UnsupportedError, match="acts on the world"):
        autodiff.profile(loud)(2.0)
    with pytest.raises(autodiff.UnsupportedError, match="takes vectors"):
        autodiff.profile(autodiff.hessian_vector(lambda x: x @ x))(np.ones(3))
    assert capsys.readouterr().out == ""


def too_large(x):
    if x[0] > 1:
        raise ValueError(f"{x[0]} is too large")
    return np.sum(x * x)


def singular(x):
    return np.linalg.inv(x * np.ones((3, 3))).sum()


@pytest.mark.parametrize("profiled", [lambda f: f, autodiff.gradient])
@pytest.mark.parametrize(
    "f, error, text",
    [
        (too_large, ValueError, "2.0 is too large"),
        (singular, np.linalg.LinAlgError, "Singular matrix"),
        (lambda x: np.sum(x[3:] * x[5]), IndexError, "index 5 is out of bounds"),
        (lambda x: np.sum(x) * {}["missing"], KeyError, "missing"),
        (lambda x: np.repeat(x, int(-x[0])).sum(), ValueError, "negative dimensions"),
    ],
)
def test_what_the_function_raises_is_raised(f, error, text, profiled) -> None:
    with pytest.raises(error, match=text):
        autodiff.profile(profiled(f))(np.array([2.0, 1.0, 3.0]))


@pytest.mark.parametrize("name", [name for k, name in enumerate(corpus()) if k % 25 == 3])
def test_clocks_change_no_result(name: str) -> None:
    captured = corpus()[name][1]
    program, inputs = optimize(captured.program), inputs_of(captured)
    wanted = compile_program(program)(inputs)
    runner = TimedRunner(program)
    for _ in range(2):
        for got, w in zip(runner(inputs), wanted, strict=True):
            np.testing.assert_allclose(got, w, 1e-11, 1e-11)
    assert all(part.times % 2 == 0 and part.ticks >= 0 for part in runner.parts())
