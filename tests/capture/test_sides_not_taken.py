"""What stands on a side that is not taken, or is bound by a loop's last pass only, decides nothing."""

import linecache
from types import SimpleNamespace

import numpy as np
import pytest

import autodiff
from autodiff.capture import interpreter

from .support import ENGINES, agrees


class Refused(Exception):
    pass


def last_object_of_two_types(x, values):
    n = len(x)
    for i, v in enumerate(values):
        for _ in range(1, n):
            last = SimpleNamespace(least=min(v, i))  # noqa: F841
    return x.sum()


def range_of_no_number(x, a, step):
    try:
        if a:
            raise Refused(a)
        for _ in range(0, len, step):
            pass
    except Refused:
        pass
    return x * 2


def elements_of_unknown_number(x):
    return sum(u * u for u in np.nditer(np.bincount([0, 2, 2], minlength=len(x)) * x))


@pytest.mark.parametrize("engine", ENGINES)
def test_programs_are_compiled_and_right(engine):
    values = [0.5, 1.5, 2.5, -1.0, 3.0]
    agrees(last_object_of_two_types, (np.ones(5), values), (np.ones(7), values), engine=engine)
    agrees(range_of_no_number, (np.ones(3), 1.0, 1), (np.ones(3), 2.0, 2), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_range_of_no_number_is_pythons_error(engine):
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        autodiff.function(range_of_no_number, engine=engine)(np.ones(3), 0.0, 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_elements_of_an_array_whose_size_is_known_at_run_time(engine):
    counted = autodiff.function(elements_of_unknown_number, engine=engine)
    for n in (3, 5, 7):
        assert counted(np.arange(1.0, n + 1)) == elements_of_unknown_number(np.arange(1.0, n + 1))


# -- how often sides are looked at ------------------------------------------------------------------
FAILING = [
    "[1, 2][5]",
    "x.foo",
    "undefined",
    "len(3)",
    "{}[1]",
    "int('z')",
    "np.ones(3) + np.ones(2)",
]
SHAPES = {
    "one after the other": lambda n, e: "".join(f"    if n == {k}: return {e}\n" for k in range(n)),
    "one in the other": lambda n, e: (
        "".join(f"{'    ' * (k + 1)}if n != {k}:\n" for k in range(n))
        + "    " * (n + 1)
        + "x = x * 2.0\n"
        + "".join(f"{'    ' * (k + 1)}else: x = {e}\n" for k in reversed(range(n)))
    ),
    "with elif": lambda n, e: (
        "    if n < 0: pass\n" + "".join(f"    elif n == {k}: return {e}\n" for k in range(n))
    ),
    "with an expression": lambda n, e: "".join(
        f"    x = {e} if n == {k} else x * 2.0\n" for k in range(n)
    ),
}


def steps_of(n, shape, expression, monkeypatch):
    """How many statements and expressions are interpreted."""
    name = f"<failing {n} {expression}>"
    text = f"def f(x, n):\n{SHAPES[shape](n, expression)}    return x\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"np": np, "__name__": __name__}
    exec(compile(text, name, "exec"), space)
    count = 0

    def counted(frame, node, evaluate=interpreter.Frame.evaluate):
        nonlocal count
        count += 1
        return evaluate(frame, node)

    with monkeypatch.context() as patch:
        patch.setattr(interpreter.Frame, "evaluate", counted)
        assert autodiff.function(space["f"], engine="numpy")(1.5, 100) == space["f"](1.5, 100)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_sides_that_raise_are_looked_at_once(shape, monkeypatch):
    for expression in FAILING if shape == "one after the other" else FAILING[:1]:
        few, many = (steps_of(n, shape, expression, monkeypatch) for n in (4, 12))
        assert many < 4 * few, expression
