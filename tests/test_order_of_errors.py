"""Of several errors, the first one in the order of plain Python is raised, with Python's own text.

Capture reaches a line that can never work before the program has run at all: what stands before it,
an error that depends on values, a text that was printed, a store into an array, comes first.
"""

import contextlib
import linecache
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import AutodiffError, ShapeError

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
TRANSFORMS = pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
X = np.array([0.5, -1.5, 2.5])
LOG: list[Any] = []


class Refused(Exception):
    """An exception of the user's own, which keeps what it is about."""

    def __init__(self, message: str, value: Any) -> None:
        super().__init__(message, value)
        self.value = value


class Machine:
    """Something outside of the function, which remembers."""

    steps = 0
    last: Any = None
    buffer = np.zeros(3)


MACHINE = Machine()

# -- what fails first -----------------------------------------------------------------------------
FIRST: dict[str, Callable[[Any], Any]] = {}


def first(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    FIRST[function.__name__] = function
    return function


@first
def own_message(x):
    raise ValueError(f"bad value {x[0]:.3f} of {x}")


@first
def own_message_by_percent(x):
    raise RuntimeError("residual %.3e" % x[0])


@first
def own_message_by_format(x):
    raise RuntimeError("residual {:.3e} at {!r}".format(x[0], x[1]))  # noqa: UP032


@first
def own_class_with_values(x):
    raise Refused("refused", x * 2.0)


@first
def chained(x):
    try:
        {}[0]
    except KeyError as error:
        raise Refused(f"no {x[0]}", x[0]) from error


@first
def in_a_branch(x):
    if x[0] > 0:
        raise ValueError(f"positive: {x[0]}")
    return x.sum()


@first
def in_both_branches(x):
    if x[0] > 0:
        raise ValueError(f"positive: {x[0]}")
    raise KeyError(f"negative: {x[0]}")


@first
def in_a_loop(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] < 0:
            raise ArithmeticError(f"negative at {k}: {x[k]}")
        total += np.sqrt(x[k])
    return total


@first
def in_a_long_loop(x):
    total = 0.0
    for k in range(100):
        if k * x[0] > 7:
            raise ArithmeticError(f"at {k}: {total}")
        total += x[0]
    return total


# Not rewritten by pytest, which gives assertions texts of its own.
ASSERTIONS = """
def assertion_with_a_message(x):
    assert x[0] > 1, f"too small: {x[0]}"
    return x.sum()

def assertion(x):
    assert np.all(x > 0)
    return x.sum()
"""
linecache.cache["<assertions>"] = (0, None, ASSERTIONS.splitlines(True), "<assertions>")
SPACE: dict[str, Any] = {"np": np}
exec(compile(ASSERTIONS, "<assertions>", "exec"), SPACE)
first(SPACE["assertion_with_a_message"])
first(SPACE["assertion"])


@first
def division(x):
    return x.sum() * (1.0 / float(x[0] - 0.5))


@first
def domain(x):
    import math

    return math.sqrt(x[1]) + x.sum()


@first
def index(x):
    return x[int(x[2]) + 7]


@first
def store(x):
    y = np.zeros(2)
    for k in range(len(x)):
        y[k] = x[k]
    return y.sum()


@first
def singular(x):
    return np.linalg.inv(np.outer(x, x) * 0.0).sum()


@first
def conversion(x):
    return float(str(x[0]) + "x")


@first
def unpacking(x):
    a, b = x
    return a + b


@first
def missing_key(x):
    return {0.25: 1.0}[float(x[0])]


@first
def recursion_of_errors(x):
    try:
        raise Refused("inner", x[0])
    except Refused as error:
        raise ValueError(f"outer of {error.value}") from error


# -- what can never work, further down --------------------------------------------------------------
def unlike_shapes(x):
    return x + np.ones(7)


def unlike_product(x):
    return np.ones((2, 5)) @ x


def no_such_axis(x):
    return np.sum(x, axis=5)


def no_such_reshape(x):
    return x.reshape(2, 5)


def unlike_concatenation(x):
    return np.concatenate([x, np.ones((2, 2))])


def no_derivative(x):
    return float(np.ma.masked_array(x).sum())


LATER = [unlike_shapes, unlike_product, no_such_axis, no_such_reshape, unlike_concatenation]


def raised(function: Callable[..., Any], *args: Any) -> BaseException:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(*args)
        except Exception as error:
            return error
    raise AssertionError("nothing was raised")


def told(error: Any) -> Any:
    """What a user sees of an exception and of those it comes from."""
    if error is None:
        return None
    shown = [repr(error.args), repr(getattr(error, "value", None))]
    return type(error), str(error), shown, told(error.__cause__)


@ENGINES
@TRANSFORMS
@pytest.mark.parametrize("function", FIRST.values(), ids=FIRST)
def test_an_error_is_that_of_plain_python(function, transform, engine) -> None:
    expected = told(raised(function, X.copy()))
    compiled = transform(function, engine=engine)
    for _ in range(2):
        assert told(raised(compiled, X.copy())) == expected


@TRANSFORMS
@pytest.mark.parametrize("later", [*LATER, no_derivative], ids=lambda f: f.__name__)
@pytest.mark.parametrize("function", FIRST.values(), ids=FIRST)
def test_an_error_is_not_overtaken_by_what_can_never_work(function, later, transform) -> None:
    def both(x):
        value = function(x)
        return value + np.sum(later(x))

    compiled = transform(both)
    for _ in range(2):
        assert told(raised(compiled, X.copy())) == told(raised(both, X.copy()))


# Results that have no gradient.
RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    "an array": lambda x, value: x + value,
    "an int": lambda x, value: len(x),
    "an int of run time": lambda x, value: int(value + x[2]),
    "a bool": lambda x, value: value > 0,
    "nothing": lambda x, value: None,
    "a text": lambda x, value: f"{value}",
    "a tuple": lambda x, value: (value, x[0]),
}


@pytest.mark.parametrize("number, function", list(enumerate(FIRST.values())), ids=FIRST)
def test_an_error_is_not_overtaken_by_a_result_without_gradient(number, function) -> None:
    results = list(RESULTS.values())
    for result in (results[number % len(results)], results[(number + 3) % len(results)]):

        def both(x, result=result):
            return result(x, function(x))

        vector = autodiff.hessian_vector(both, wrt="x")
        for run in (autodiff.gradient(both, wrt="x"), lambda x: vector(x, _tensors=np.ones(3))):
            assert told(raised(run, X.copy())) == told(raised(both, X.copy()))


def until_it_raises(x):
    while True:
        x = x - 1.0
        if x[0] < -3:
            raise OverflowError(f"at {x[0]}")


def strictly(x):
    with np.errstate(invalid="raise"):
        y = np.sqrt(x)
    return np.sum(y + np.ones(3))


@ENGINES
@TRANSFORMS
@pytest.mark.parametrize("function", [until_it_raises, strictly], ids=lambda f: f.__name__)
def test_an_error_comes_before_the_refusal_of_a_derivative(function, transform, engine) -> None:
    compiled = transform(function, engine=engine)
    for _ in range(2):
        assert told(raised(compiled, X.copy())) == told(raised(function, X.copy()))


@contextlib.contextmanager
def telling(x):
    try:
        yield x
    finally:
        print("left", x[0])


def in_try(x):
    try:
        print("entered")
        raise KeyError(x[0])  # here
    finally:
        print("left", x[0])


def in_with(x):
    with telling(x) as y:
        raise KeyError(y[0])  # here


def in_nested(x):
    def inner(y):
        raise ValueError("handled")

    try:
        inner(x)
    except ValueError:
        print("again")
    try:
        raise KeyError(x[0])  # here
    finally:
        print("left")


@ENGINES
@pytest.mark.parametrize("function", [in_try, in_with, in_nested], ids=lambda f: f.__name__)
def test_what_is_cleaned_up_is_not_where_it_arose(function, engine, capsys) -> None:
    error = raised(autodiff.gradient(function, engine=engine), X.copy())
    lines = linecache.getlines(__file__)
    frames = traceback.extract_tb(error.__traceback__)
    places = "".join(lines[f.lineno - 1] for f in frames if f.filename == __file__ and f.lineno)
    notes = "".join(getattr(error, "__notes__", []))
    assert told(error) == told(raised(function, X.copy()))
    assert "# here" in places or "raise KeyError" in notes


@ENGINES
@TRANSFORMS
@pytest.mark.parametrize("later", LATER, ids=lambda f: f.__name__)
def test_what_can_never_work_says_what_numpy_says_and_where(later, transform, engine) -> None:
    def total(x):
        return np.sum(later(x))

    expected = raised(later, X.copy())
    error = raised(transform(total, engine=engine), X.copy())
    assert isinstance(error, type(expected))
    assert str(expected) in str(error)
    if isinstance(error, ShapeError):
        assert f"AD201: {expected}" in str(error)
        assert f"in {later.__name__}" in str(error)
        assert "^^^" in str(error)


# -- what happened before ----------------------------------------------------------------------------
def printing(x):
    print(f"first {x[0]}")
    return unlike_shapes(x)


def counting(x):
    MACHINE.steps += 1
    MACHINE.last = float(np.round(3.0))
    return unlike_shapes(x)


def filling(x):
    MACHINE.buffer[1] = 5.0
    return unlike_shapes(x)


def appending(x):
    LOG.append("before")
    return unlike_shapes(x)


def drawing(x):
    return np.random.random() * unlike_shapes(x)


def printing_then_raising(x):
    print("first")
    raise Refused("after", x[0])


def filling_then_raising(x):
    print("first")
    MACHINE.buffer[1] = x[0]
    raise Refused("after", x)


def world() -> Any:
    return MACHINE.steps, MACHINE.last, MACHINE.buffer.tolist(), list(LOG), np.random.random()


BEFORE = [printing, counting, filling, appending, drawing]
BEFORE += [printing_then_raising, filling_then_raising]


@ENGINES
@TRANSFORMS
@pytest.mark.parametrize("function", BEFORE, ids=lambda f: f.__name__)
def test_what_comes_before_an_error_happens_once(function, transform, engine, capsys) -> None:
    outcomes = []
    for run in (function, transform(function, engine=engine)):
        MACHINE.steps, MACHINE.last, MACHINE.buffer = 0, None, np.zeros(3)
        LOG.clear()
        np.random.seed(3)
        error = raised(run, X.copy())
        outcomes.append((capsys.readouterr().out, world()))
        if isinstance(error, Refused):
            assert told(error)[1:] == told(raised(function, X.copy()))[1:]
            capsys.readouterr()
        else:
            assert isinstance(error, ValueError)
    assert outcomes[0] == outcomes[1]


@ENGINES
def test_stores_before_an_error_have_happened(engine) -> None:
    def function(x):
        for k in range(2):
            x[k] += 1.0
        x[2] = 7.0
        return x + np.ones(5)

    for run in (function, autodiff.function(function, engine=engine)):
        x = np.zeros(3)
        raised(run, x)
        assert x.tolist() == [1.0, 1.0, 7.0]
    x = np.zeros(3)
    raised(autodiff.gradient(function, engine=engine), x)
    assert x.tolist() == [0.0, 0.0, 0.0]  # a derivative leaves its arguments alone


@TRANSFORMS
def test_an_exception_of_the_users_is_as_the_user_raised_it(transform) -> None:
    kept = Refused("kept", None)

    def function(x):
        print("an effect")
        raise kept

    error = raised(transform(function), X)
    assert error is kept
    assert set(vars(kept)) <= {"value", "__notes__"}


@TRANSFORMS
def test_nothing_traced_is_left_in_an_exception(transform) -> None:
    listed = [1.0, 2.0]

    def function(x):
        print("an effect")
        error = Refused("kept", {"a": [x, x[0]], "b": listed})
        error.more = (x * 2.0, "text")
        raise ExceptionGroup("several", [error, ValueError(x[1])])

    error = raised(transform(function), X.copy())
    first, second = error.exceptions
    assert type(first.value["a"][0]) is np.ndarray
    assert first.value["a"][0].tolist() == X.tolist()
    assert type(first.value["a"][1]) is np.float64
    assert first.value["b"] == listed
    assert first.args[1]["a"][1] == 0.5
    assert first.more[0].tolist() == [1.0, -3.0, 5.0]
    assert second.args == (-1.5,)
    assert type(second.args[0]) is np.float64


@TRANSFORMS
def test_after_an_error_the_next_call_is_right(transform) -> None:
    compiled = transform(in_a_branch)
    raised(compiled, X)
    expected = [1.0] * 3 if transform is autodiff.gradient else -3.5
    assert np.array_equal(compiled(np.array([-0.5, -1.5, -1.5])), expected)
    assert isinstance(raised(compiled, X), ValueError)


class Diverged(BaseException):
    """What no ``except Exception`` catches."""


@ENGINES
@TRANSFORMS
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, Diverged])
@pytest.mark.parametrize("effect", [False, True])
def test_what_ends_more_than_the_function_ends_it_only_where_it_is_reached(
    effect, kind, transform, engine, capsys
) -> None:
    def function(x):
        if effect:
            print("begun")
        if x[0] > 1:
            raise kind(f"diverged at {x[0]}")
        return np.sum(x * x)

    compiled = transform(function, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for _ in range(2):
            expected = np.sum(X * X) if transform is autodiff.function else 2 * X
            np.testing.assert_allclose(compiled(X), expected)
            with pytest.raises(kind) as caught:
                compiled(X + 1.0)
            assert caught.value.args == ("diverged at 1.5",)
    assert capsys.readouterr().out == "begun\n" * (4 if effect else 0)


# -- texts --------------------------------------------------------------------------------------------
class Sized(np.ndarray):
    def __new__(cls, q: Any) -> Any:
        return super().__new__(cls, (4,), float, np.asarray(q, float))


def through_a_solver(x):
    import scipy.spatial

    return scipy.spatial.ConvexHull(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, x]])).area


def through_a_class(x):
    return np.sum(Sized(np.array([x, 1.0, 2.0, 3.0])) ** 2)


def through_bytes(x):
    import struct

    return struct.unpack("d", struct.pack("d", x))[0]


@pytest.mark.parametrize(
    ("function", "where", "word"),
    [
        (through_a_solver, "through_a_solver", "ConvexHull"),
        (through_a_class, "__new__", "super().__new__(cls"),
        (through_bytes, "through_bytes", "struct"),
    ],
)
def test_what_only_traced_values_break_is_no_error_of_the_users(function, where, word) -> None:
    error = raised(autodiff.gradient(function), 2.0)
    assert isinstance(error, AutodiffError)
    assert f"in {where}" in str(error)
    assert word in str(error)
    assert "Remedy" in str(error)
    assert "Tracer" not in str(error)


def test_a_class_given_as_a_function_raises_pythons_error() -> None:
    for compiled in (autodiff.gradient(Sized), autodiff.function(Sized)):
        error = raised(compiled, 1.0, 2.0)
        assert told(error) == told(raised(Sized, 1.0, 2.0))


def test_a_method_that_is_not_supported_is_named() -> None:
    def function(x):
        y = x.copy()
        y.resize(5, refcheck=False)
        return y.sum()

    with pytest.warns(
        autodiff.FallbackWarning, match=r"numpy\.ndarray\.resize has its value alone"
    ) as seen:
        assert autodiff.function(function)(X) == X.sum()
    assert f"{__file__}, line " in str(seen[0].message)


def test_an_argument_named_twice() -> None:
    def loss(w, x):
        return np.sum(w * x)

    for wrt, name in ((("w", "w"), "'w'"), ((0, "x", "w"), "'w'"), ((X, "x", X), "<array")):
        error = raised(autodiff.gradient(loss, wrt=wrt), X, X)
        assert isinstance(error, ValueError)
        assert f"names {name}" in str(error)
        assert "twice.\n  Remedy: name each" in str(error)


def test_primals_and_tangents_are_tuples() -> None:
    for primals, tangents, name in ((X, (X,), "primals"), ((X,), X, "tangents"), (1.0, 1.0, "pr")):
        error = raised(autodiff.jvp, lambda x: x * 2.0, primals, tangents)
        assert isinstance(error, TypeError)
        assert f"AD101: jvp takes {name}" in str(error)
        assert "Remedy: write jvp(f, (x,), (dx,))" in str(error)
