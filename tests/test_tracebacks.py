"""Errors in user code: NumPy's type and message, the user's lines, and no frames of this package."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodiff

PACKAGE = os.path.dirname(autodiff.__file__)


# -- what raises only when the program runs -----------------------------------------------------------
def index_in_a_loop(x: Any, k: int) -> Any:
    total = 0.0
    for i in range(len(x)):
        total += x[i + k] ** 2
    return total


def index_in_a_branch(x: Any, k: int) -> Any:
    if x[0] > 0:
        return x[k] * 2
    return x[0]


def index_in_a_while_loop(x: Any, k: int) -> Any:
    i = 0
    while x[i] < 5:
        i += k + 1
    return x[i]


def store_out_of_bounds(x: Any, k: int) -> Any:
    y = x * 2
    for i in range(3):
        y[k + i] = x[i]
    return np.sum(y)


def shapes_of_run_time_sizes(x: Any, k: int) -> Any:
    return np.sum(x[: k + 2] * x[:2])


def shapes_in_a_loop(x: Any, k: int) -> Any:
    total = 0.0
    for i in range(1, 3):
        total += np.dot(x[: i + k], x[:i])
    return total


def own_error_in_a_loop(x: Any, k: int) -> Any:
    for i in range(len(x)):
        if x[i] * k > 3:
            raise LookupError(f"x[{i}] is {x[i]}")
    return np.sum(x)


def assertion_in_a_called_function(x: Any, k: int) -> Any:
    def checked(v: Any) -> Any:
        assert v * k < 3, "too large"
        return v

    total = 0.0
    for i in range(len(x)):
        total += checked(x[i])
    return total


def division_of_python_numbers(x: Any, k: int) -> Any:
    return x[0] * (1.0 / (float(x[0]) - k))


def singular_matrix(x: Any, k: int) -> Any:
    a = np.eye(2) * (x[0] - k)
    return np.sum(np.linalg.solve(a, x[:2]))


X = np.array([1.0, 2.0, 6.0])
# (function, an integer with which it returns, one with which it raises, how often)
CASES = [
    (index_in_a_loop, 0, 1),
    (index_in_a_branch, 1, 3),
    (index_in_a_while_loop, 0, 6),
    (store_out_of_bounds, 0, 2),
    (shapes_of_run_time_sizes, 0, 1),
    (shapes_in_a_loop, 0, 1),
    (own_error_in_a_loop, 0, 2),
    (assertion_in_a_called_function, 0, 1),
    (division_of_python_numbers, 0, 1),
    (singular_matrix, 0, 1),
]


def raised(call: Callable[..., Any], *args: Any) -> BaseException:
    try:
        call(*args)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def innermost(error: BaseException) -> tuple[str, int]:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename, frame.lineno or 0


def user_line(error: BaseException) -> tuple[str, int]:
    mine = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__]
    return mine[-1].filename, mine[-1].lineno or 0


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(("f", "good", "bad"), CASES, ids=lambda c: getattr(c, "__name__", None))
def test_run_time_errors_are_those_of_plain_python(f, good, bad, engine) -> None:
    expected = raised(f, X, bad)
    value = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, wrt="x", engine=engine)
    bound = autodiff.hessian_vector(f, wrt="x", engine=engine)
    calls = {
        "value": value,
        "gradient": gradient,
        "hessian_vector": lambda x, k: bound(x, k, _tensors=np.ones(3)),
    }
    for name, call in calls.items():
        assert np.all(np.isfinite(call(X, good))), name
        for _ in range(2):
            error = raised(call, X, bad)
            assert type(error) in (type(expected), autodiff.errors.ShapeError), name
            assert isinstance(error, type(expected))
            if type(error) is type(expected):
                assert str(error) == str(expected)
                assert user_line(error) == user_line(expected)
            else:  # with the line and a caret in the text
                assert str(expected).strip() in str(error)
                assert f"line {user_line(expected)[1]}, in {f.__name__}\n" in str(error)
                assert "^" in str(error).splitlines()[3]
            ours = [
                entry
                for entry in traceback.extract_tb(error.__traceback__)
                if entry.filename.startswith(PACKAGE)
            ]
            assert len(ours) <= 2
            assert {os.path.basename(entry.filename) for entry in ours} <= {"api.py"}
            assert error.__suppress_context__ or error.__context__ is None


def own_error_after_an_effect(x: Any, k: int) -> Any:
    print(k)
    for i in range(len(x)):
        if x[i] * k > 3:
            raise LookupError(f"x[{i}] is {x[i]}")
    return np.sum(x)


def test_errors_of_a_call_that_is_traced_for_itself_show_the_line() -> None:
    gradient = autodiff.gradient(own_error_in_a_loop, wrt="x", use_cache=False)
    error = raised(gradient, X, 2)
    assert str(error) == "x[1] is 2.0"
    assert user_line(error)[1] == own_error_in_a_loop.__code__.co_firstlineno + 3


def test_errors_of_a_traced_call_with_effects_show_the_line() -> None:
    gradient = autodiff.gradient(own_error_after_an_effect, wrt="x", use_cache=False)
    error = raised(gradient, X, 2)
    assert str(error) == "x[1] is 2.0"
    line = own_error_after_an_effect.__code__.co_firstlineno + 4
    assert getattr(error, "__notes__", []) == [
        f"  {__file__}, line {line}, in own_error_after_an_effect\n"
        '    raise LookupError(f"x[{i}] is {x[i]}")\n'
        "          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"
    ]
    assert len(traceback.extract_tb(error.__traceback__)) == 2  # raised() and api.py


def test_methods_and_products_hide_frames_too() -> None:
    class Model:
        @autodiff.function
        def pick(self, x):
            return x[7]

    def outer(x):
        return Model().pick(x)

    for call in (
        lambda: Model().pick(X),
        lambda: autodiff.function(outer)(X),
        lambda: autodiff.jvp(outer, (X,), (X,)),
        lambda: autodiff.vjp(outer, X),
    ):
        error = raised(call)
        assert isinstance(error, IndexError)
        names = [os.path.basename(f.filename) for f in traceback.extract_tb(error.__traceback__)]
        assert names.count("api.py") <= 3
        assert set(names) <= {"api.py", os.path.basename(__file__)}


def test_the_debug_variable_shows_all_frames(tmp_path: Path) -> None:
    script = tmp_path / "model.py"
    script.write_text(
        "import autodiff, numpy as np\n"
        "def loss(x):\n"
        "    return x[9]\n"
        "autodiff.gradient(loss)(np.ones(3))\n"
    )
    for level, hidden in (("0", True), ("1", False)):
        environment = {**os.environ, "AUTODIFF_DEBUG": level}
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, env=environment
        )
        assert done.stderr.rstrip().endswith(
            "IndexError: index 9 is out of bounds for axis 0 with size 3"
        )
        assert ("calling.py" not in done.stderr) is hidden
        assert "    return x[9]\n" in done.stderr
        assert "    autodiff.gradient(loss)(np.ones(3))\n" in done.stderr
        assert "During handling" not in done.stderr or not hidden
