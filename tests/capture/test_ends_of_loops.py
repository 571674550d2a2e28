"""How a loop ends: by itself, by ``break`` or ``return``, with an ``else``, and in which loop it stands.

Every combination is a program, whose values and slopes are those of Python on whichever way it ends.
"""

import importlib.util
import itertools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

KINDS = ("for", "while")
ENDS = ("return", "break", "return and break", "continue and break")
ELSES = ("none", "store", "return")
# What stands around: nothing, a loop that is one loop of the program, and one that Python goes through.
AROUND = ("function", "rolled", "unrolled")

END = {
    "return": ["if s > t: return s * 2"],
    "break": ["if s > t: break"],
    "return and break": ["if s > t: return s", "if s < -t: break"],
    "continue and break": ["if v < 0: continue", "if s > t: break"],
}
ELSE = {"none": [], "store": ["s = s * 0.5"], "return": ["return -s"]}


def text_of(name: str, kind: str, end: str, orelse: str, around: str) -> str:
    """One program; ``x`` is summed, in passes that end where the sum is beyond ``t``."""
    if kind == "for":
        loop = ["for v in x:", *[f"    {line}" for line in ["s = s + v * v * v", *END[end]]]]
    else:
        body = ["v = x[k]", "k += 1", "s = s + v * v * v", *END[end]]
        loop = ["k = 0", "while k < 5:", *[f"    {line}" for line in body]]
    if ELSE[orelse]:
        loop += ["else:", *[f"    {line}" for line in ELSE[orelse]]]
    if around != "function":
        head = "for i in range(6):" if around == "rolled" else "for i, _ in [(2, 'a'), (3, 'b')]:"
        loop = [head, *[f"    {line}" for line in ["s = s + i", *loop, "s = s - x[0]"]]]
    return "\n    ".join([f"def {name}(x, t):", "s = 0.0", *loop, "return s * 3"])


ROWS = list(itertools.product(KINDS, ENDS, ELSES, AROUND))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module with a function for each row."""
    path = tmp_path_factory.mktemp("ends") / "ends_of_loops.py"
    path.write_text("\n\n\n".join(text_of(f"f{k}", *row) for k, row in enumerate(ROWS)) + "\n")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(f: Callable[..., Any], engine: str) -> None:
    x = np.array([0.3, -0.7, 1.1, -0.4, 0.9, 0.2])
    compiled, slope = (make(f, engine=engine) for make in (autodiff.function, value_slope))
    for t, sign in itertools.product((0.02, 0.9, 4.0, 50.0), (1.0, -1.3)):
        y = sign * x
        np.testing.assert_allclose(compiled(y, t), f(y, t), rtol=1e-12)
        steps = 1e-6 * np.eye(len(x))
        expected = [(f(y + h, t) - f(y - h, t)) / 2e-6 for h in steps]
        np.testing.assert_allclose(slope(y, t), expected, rtol=1e-4, atol=1e-5)


def value_slope(f: Callable[..., Any], engine: str) -> Callable[..., Any]:
    return autodiff.gradient(f, wrt="x", engine=engine)


# A row of each kind of end and place runs always, all of them when asked for.
SAMPLE = [
    k
    for k, row in enumerate(ROWS)
    if k % 9 == 3 or row[1:] == ("return and break", "store", "unrolled")
]


@pytest.mark.parametrize(
    "k",
    [pytest.param(k, marks=[] if k in SAMPLE else [pytest.mark.slow]) for k in range(len(ROWS))],
    ids=lambda k: " ".join(ROWS[k]).replace(" ", "-"),
)
def test_a_loop_ends_as_in_python(programs: Any, k: int) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=autodiff.FallbackWarning)
        for engine in ("numpy", "native"):
            check(getattr(programs, f"f{k}"), engine)
