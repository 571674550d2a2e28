"""A branch is never locked: one compiled object, called on every side, in any order."""

import itertools

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)
X = (-2.0, -0.5, 0.0, 0.5, 2.0)


def plain_if(x):
    if x > 0:
        return x * 2
    return x * 3


def early_returns(x):
    if x > 1:
        return x
    y = x * 2
    if y < -1:
        return y * y
    return y + 1


def names_on_one_side(x):
    if x > 0:
        y = x * 2
    if x > 0:
        return y
    return x


def different_names(x):
    if x > 0:
        a = x
        b = a * 2
    else:
        b = x * x
        c = b + 1
        b = c
    return b


def promoted(x):
    if x > 0:
        y = 1
    else:
        y = x
    return y * 2.0


def conditional_dtype(x):
    y = np.float32(x) if x > 0 else x
    return float(y)


def different_shapes(x):
    y = np.ones(2) * x if x > 0 else np.ones(3) * x
    return y.sum() + y.shape[0]


def container_or_array(x):
    y = [x, x] if x > 0 else (x, x, x)
    return sum(y) + len(y)


def none_or_number(x):
    y = None if x > 0 else x
    return x if y is None else y * 5


def function_by_branch(x):
    f = np.sin if x > 0 else np.cos
    return f(x)


def stores_by_branch(x):
    a = np.zeros(3)
    if x > 0:
        a[1] = x
    else:
        a[:] = x * 2
        a[0] += 1
    return a.sum()


def array_by_branch(x):
    a, b = np.ones(2), np.zeros(2)
    c = a if x > 0 else b
    c[0] = x
    return a[0] + 10 * b[0]


def nested_branches(x):
    if x > -1:
        if x > 1:
            return x
        elif x == 0:
            return x + 5
        z = 7.0
    else:
        z = -7.0
    return x * z


def boolean_values(x):
    flag = x > 0
    other = not flag
    both = flag and x < 1
    return x * (flag + 2 * other + 4 * both + 8 * (flag or other))


def loop_by_branch(x):
    n = 3 if x > 0 else 5
    for _ in range(n):
        x = x * 1.1
    return x


def index_by_branch(x):
    table = np.array([1.0, 10.0, 100.0])
    k = 0 if x < 0 else 2
    return table[k] * x


def dictionary_by_branch(x):
    table = {"low": 2.0, "high": 3.0}
    return x * table["low" if x < 0 else "high"]


def recursion_by_branch(x):
    return x if x > 1 else 1 + recursion_by_branch(x + 1)


def match_by_value(x):
    match x > 0:
        case True:
            return x
        case _:
            return -x * 2


def integer_by_value(x):
    return x * int(x) + x * round(x) + x * (int(x) % 2)


def identity_with_truth(x):
    return x if (x > 0) is True else x * 3 if (x > -1) is not False else x * 5


def min_and_max(x):
    return max(x, 1.0) * min(x, 0.25) + max([x, -x]) + sorted([x, 0.1])[0]


FUNCTIONS = [
    plain_if, early_returns, names_on_one_side, different_names, promoted, conditional_dtype,
    different_shapes, container_or_array, none_or_number, function_by_branch, stores_by_branch,
    array_by_branch, nested_branches, boolean_values, loop_by_branch, index_by_branch,
    dictionary_by_branch, match_by_value, integer_by_value, min_and_max, identity_with_truth,
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", [*FUNCTIONS, recursion_by_branch], ids=lambda f: f.__name__)
def test_every_side_in_any_order(f, engine) -> None:
    with uncompiled_allowed():
        for order in ((0, 4, 1, 3, 2), (4, 0, 2), (2, 1, 0)):
            compiled = autodiff.function(f, engine=engine)
            for k in order:
                assert compiled(X[k]) == pytest.approx(f(X[k]), rel=1e-12), (order, k)


@over_engines
@pytest.mark.parametrize("f", [*FUNCTIONS, recursion_by_branch], ids=lambda f: f.__name__)
def test_every_side_has_its_gradient(f, engine) -> None:
    points = (-2.1, -0.6, 0.13, 0.6, 2.2)
    if f is conditional_dtype:
        points = (-2.1, -0.6)  # differences of a float32 say little
    gradient = autodiff.gradient(f, engine=engine)
    with uncompiled_allowed():
        for x in (*points, *reversed(points)):
            expected, _ = autodiff.testing.derivative(lambda t: float(f(x + t)))  # noqa: B023
            assert gradient(x) == pytest.approx(expected, rel=1e-6, abs=1e-7), x


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_most_branches_compile_once(f) -> None:
    compiled = autodiff.function(f, engine="numpy")
    for x in X:
        compiled(x)
    if f in (
        plain_if,
        early_returns,
        different_names,
        stores_by_branch,
        nested_branches,
        boolean_values,
    ):
        assert len(compiled.cache) == 1
    assert len(compiled.cache) <= len(X)


@over_engines
def test_many_branches_of_arrays(engine) -> None:
    def f(x):
        total = np.zeros(2)
        for k in range(3):
            if x[k] > 0:
                total = total + x[k]
            else:
                total = total - x[k] * 2 * k
        return total

    calls = [
        (np.array(s) * np.array([0.5, 1.5, 2.5]),) for s in itertools.product((1, -1), repeat=3)
    ]
    compiled = agrees(f, *calls, engine=engine)
    assert len(compiled.cache) == 1


@over_engines
def test_a_nan_takes_the_branch_that_python_takes(engine) -> None:
    def f(x):
        if x > 0:
            return 1.0
        if x < 0:
            return -1.0
        return 0.5 if x == 0 else 7.0

    compiled = autodiff.function(f, engine=engine)
    assert [compiled(x) for x in (1.0, np.nan, -1.0, 0.0, np.nan)] == [1.0, 7.0, -1.0, 0.5, 7.0]


@over_engines
def test_more_paths_than_are_compiled_run_uncompiled(engine) -> None:
    def f(x):
        return x * len([k for k in range(int(x))])

    compiled = autodiff.function(f, engine=engine)
    with uncompiled_allowed():
        for k in range(40):
            assert compiled(k + 0.5) == f(k + 0.5)


# -- raising -------------------------------------------------------------------------------------------
def checked_root(x):
    if x < 0:
        raise ValueError(f"no root of {x}")
    assert x < 100, "too large"
    if x == 5:
        raise KeyError("five")
    return np.sqrt(x)


@over_engines
def test_a_raise_in_a_branch_is_raised_when_it_is_reached(engine) -> None:
    compiled, gradient = (
        autodiff.function(checked_root, engine=engine),
        autodiff.gradient(checked_root, engine=engine),
    )
    for f in (compiled, gradient):
        f(4.0)
        with pytest.raises(ValueError, match="no root of -4.0"):
            f(-4.0)
        with pytest.raises(AssertionError, match="too large"):
            f(400.0)
        with pytest.raises(KeyError, match="five"):
            f(5.0)
        f(9.0)
    assert compiled(9.0) == 3.0
    assert gradient(4.0) == 0.25


@over_engines
def test_a_first_call_that_raises_leaves_the_function_usable(engine) -> None:
    compiled = autodiff.function(checked_root, engine=engine)
    with pytest.raises(ValueError, match="no root of -1.0"):
        compiled(-1.0)
    assert compiled(4.0) == 2.0


@over_engines
def test_an_index_out_of_bounds_is_numpys_error_at_the_users_line(engine) -> None:
    def f(x, k):
        y = x * 2
        return y[k]

    compiled = autodiff.function(f, engine=engine)
    assert compiled(np.ones(3), 2) == 2.0
    with pytest.raises(
        IndexError, match="index 3 is out of bounds for axis 0 with size 3"
    ) as caught:
        compiled(np.ones(3), 3)
    assert caught.traceback[-1].lineno == f.__code__.co_firstlineno + 1


# -- guards inside of branches and loops -----------------------------------------------------------
WEIGHTS = [1.0, 2.0, 3.0, 4.0]


def guarded_in_a_branch(x, a):
    k = int(x[0])
    if a > 0:
        s = WEIGHTS[k] * a
    else:
        s = 0.0
    return s + WEIGHTS[k] * x[1]


def guarded_in_a_loop(x, a):
    s = 0  # becomes a float: the body is looked at twice
    k = int(x[0])
    for i in range(6):
        s = s + WEIGHTS[k] * x[1] * a
    return s


@pytest.mark.parametrize("f", [guarded_in_a_branch, guarded_in_a_loop], ids=lambda f: f.__name__)
@over_engines
def test_a_value_that_python_needs_in_a_region_is_guarded_there_and_after(f, engine) -> None:
    compiled, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt="a", engine=engine),
    )
    for k, a in [(1, 1.0), (1, -1.0), (0, -1.0), (3, -2.0), (2, 1.0), (3, 1.0)]:
        x = np.array([k, 1.5])
        assert compiled(x, a) == pytest.approx(f(x, a))
        assert gradient(x, a) == pytest.approx((f(x, a + 0.25) - f(x, a - 0.25)) / 0.5)


def given_up_in_a_loop(x, k):
    for _ in range(len(x)):
        if k % 2:
            module = np  # is no number: the loop is not one loop of the program
            return module.sum(x)
        x[k] = float(x[0]) ** 2  # checked, as Python raises for an overflow
    return np.sum(x)


@over_engines
def test_of_a_loop_that_is_given_up_nothing_is_left(engine) -> None:
    f = autodiff.function(given_up_in_a_loop, engine=engine)
    for k in (2, 0, 4, 1):
        x, y = np.linspace(0.5, 1.5, k + 1), np.linspace(0.5, 1.5, k + 1)
        assert f(x, k) == pytest.approx(given_up_in_a_loop(y, k), rel=1e-14)
        np.testing.assert_array_equal(x, y)


def returns_after_continue(x, limit):
    for _ in range(4):
        if limit < 0.5:
            continue
        return 0.75, x
    return 0.0, x


def breaks_after_continue(x, limit):
    total = 0.0
    for e in x:
        if limit < 0.5:
            continue
        total = total + e
        break
    return total, None


def returns_after_continue_in_a_branch(x, limit):
    for e in x:
        if e > 0:
            if limit < 0.5:
                continue
        return e, "found"
    return 0.0, "not found"


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "f",
    [returns_after_continue, breaks_after_continue, returns_after_continue_in_a_branch],
    ids=lambda f: f.__name__,
)
def test_what_follows_a_continue_may_end_the_loop(f, engine):
    ours = autodiff.function(f, engine=engine)
    for limit in (0.1, 0.9, 0.1, 0.9):
        for x in (np.ones(3), -np.ones(3)):
            assert repr(ours(x, limit)) == repr(f(x, limit))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_short_loops_that_end_early_are_loops_where_no_value_is_known(transform, engine):
    def first_negative(x):
        for value in x:
            if value < 0:
                return value * 2
        return np.sum(x)

    slope = autodiff.gradient(first_negative)

    def over_rows(table):
        total = 0.0
        for k in range(len(table)):
            total += np.sum(slope(table[k]) * table[k]) + first_negative(table[k])
        return total

    compiled = transform(over_rows, engine=engine, on_fallback="error")
    rows = np.array(
        [[1.0, -2.0, 3.0], [-1.0, 2.0, 2.0], [1.0, 1.0, 1.0], [2.0, 3.0, -0.5], [4.0, 1.0, 1.0]]
    )
    for table in (rows, -rows, rows[::-1].copy()):
        if transform is autodiff.function:
            assert np.isclose(compiled(table), over_rows(table))
        else:
            plain = np.array([2 * slope(row) for row in table])
            assert np.allclose(compiled(table), plain)
    assert len(compiled.cache) == 1
