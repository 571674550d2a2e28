"""Errors in user code: NumPy's type and message, the user's lines, and no frames of this package."""

import linecache
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


def frames_of_ours(error: BaseException) -> list[traceback.FrameSummary]:
    found = traceback.extract_tb(error.__traceback__)
    return [entry for entry in found if entry.filename.startswith(PACKAGE)]


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
            assert not frames_of_ours(error)
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
    assert len(traceback.extract_tb(error.__traceback__)) == 1  # raised()


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
        assert {f.filename for f in traceback.extract_tb(error.__traceback__)} == {__file__}


def raises(x: Any) -> Any:
    return np.sum(x[9])


def rows_that_raise(x: Any) -> Any:
    return x - x[9]


def raises_in_a_callback(*args: Any, **kwargs: Any) -> None:
    raise KeyError("mine")


def total(x: Any) -> Any:
    return np.sum(x**2)


def through_a_host_call(x: Any) -> Any:
    def value(a: Any) -> Any:
        raise KeyError("on the host")

    return np.sum(autodiff.custom_gradient(value, lambda a: (a, lambda ct: ct))(x))


class Loss:
    @autodiff.value_and_gradient(wrt="x")
    def of(self, x):
        return x[9]


optimize = autodiff.optimize
# Calls that raise an error of the user's, or of what is wrong with the call.
PUBLIC: dict[str, Callable[[], Any]] = {
    "value_and_gradient": lambda: autodiff.value_and_gradient(raises)(X),
    "jacobian": lambda: autodiff.jacobian(raises)(X),
    "sparse": lambda: autodiff.jacobian(raises, sparse=True)(X),
    "sparsity": lambda: autodiff.sparsity(raises)(X),
    "vmap": lambda: autodiff.vmap(raises)(np.ones((2, 3))),
    "linearize": lambda: autodiff.linearize(raises, X),
    "push": lambda: autodiff.linearize(total, X)[1](np.ones(7)),
    "pull": lambda: autodiff.vjp(total, X)[1](np.ones(7)),
    "no vectors": lambda: autodiff.hessian_vector(total)(X),
    "method": lambda: Loss().of(X),
    "host call": lambda: autodiff.function(through_a_host_call)(X),
    "check_gradient": lambda: autodiff.check_gradient(raises, X),
    "find_nan": lambda: autodiff.find_nan(raises)(X),
    "profile": lambda: autodiff.profile(raises)(X),
    "picture": lambda: autodiff.picture(raises)(X),
    "derivative_source": lambda: autodiff.derivative_source(raises)(X),
    "ir": lambda: autodiff.function(raises).ir(X),
    "explain": lambda: autodiff.function(raises).explain(X),
    "trace": lambda: autodiff.Symbolic().trace(raises, X),
    "sum_over": lambda: autodiff.distributed.sum_over(raises, [()])(X),
    "minimize": lambda: optimize.minimize(raises, X),
    "callback": lambda: optimize.minimize(total, X, callback=raises_in_a_callback),
    "no method": lambda: optimize.minimize(total, X, method="guess"),
    "least_squares": lambda: optimize.least_squares(rows_that_raise, X),
    "curve_fit": lambda: optimize.curve_fit(lambda t, a: a * t[9], X, X, p0=[1.0]),
    "root": lambda: optimize.root(rows_that_raise, X),
    "fmin_l_bfgs_b": lambda: optimize.fmin_l_bfgs_b(raises, X),
    "minimize_scalar": lambda: optimize.minimize_scalar(lambda x: raises(np.array([x]))),
    "option": lambda: autodiff.gradient(total, argnums=0),
    "option of a decorator": lambda: autodiff.gradient(argnums=0),
    "no function": lambda: autodiff.gradient()(3.0),
    "wrt": lambda: autodiff.gradient(total, wrt="y")(X),
    "arguments": lambda: autodiff.gradient(total)(X, X),
    "no number": lambda: autodiff.gradient(rows_that_raise)(np.ones(12)),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_no_public_call_shows_frames_of_ours(name: str) -> None:
    error: BaseException | None = raised(PUBLIC[name])
    while error is not None:
        assert not frames_of_ours(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.filterwarnings("ignore:stopped runs uncompiled")
def test_an_interrupt_shows_no_frames_of_ours() -> None:
    def stopped(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        autodiff.function(stopped)(X)
    assert not frames_of_ours(caught.value)


def test_a_cell_of_a_notebook_shows_its_lines_alone() -> None:
    name = "<ipython-input-7-0123456789ab>"
    text = (
        "import numpy as np, autodiff\n"
        "def loss(w):\n"
        "    return np.sum(w[:2] * w[9])\n"
        "autodiff.gradient(loss)(np.ones(3))\n"
    )
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    error = raised(lambda: exec(compile(text, name, "exec"), {}))
    found = traceback.extract_tb(error.__traceback__)
    assert [(f.filename, f.lineno) for f in found if f.filename != __file__] == [
        (name, 4),
        (name, 3),
    ]


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
