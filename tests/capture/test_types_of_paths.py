"""dtype and type of a number are those of the path taken, whatever the other path gives.

Two numbers or arrays of different types meet where paths do: in branches, conditional expressions,
loops that may not run, early returns.  What comes out, and what is computed from it, has the type
and the digits of plain Python.
"""

import itertools
import re

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["native", "numpy"])

# Values by name; "of x" depend on the argument, the others are constants.
VALUES = {
    "zero": lambda x: 0,
    "minus zero": lambda x: -0.0,
    "zero float": lambda x: 0.0,
    "int": lambda x: 3,
    "large int": lambda x: 2**53 + 2,
    "int of no dtype": lambda x: 2**70,
    "true": lambda x: True,
    "float": lambda x: 0.1,
    "float of x": lambda x: x * 0.1,
    "float64": lambda x: np.float64(0.1),
    "float64 of x": lambda x: np.float64(x) * 0.1,
    "float32": lambda x: np.float32(0.1),
    "float32 of x": lambda x: np.float32(x) * np.float32(0.1),
    "int32": lambda x: np.int32(7),
    "int64": lambda x: np.int64(7),
    "uint8": lambda x: np.uint8(200),
    "bool of x": lambda x: x > 2,
    "array": lambda x: np.array([1.0, 2.0]) * x,
    "float32 array": lambda x: np.float32([1, 2]) * np.float32(x),
    "0-d array": lambda x: np.array(x),
}


def if_else(a, b, x):
    if x > 0:
        v = a(x)
    else:
        v = b(x)
    return v


def if_only(a, b, x):
    v = b(x)
    if x > 0:
        v = a(x)
    return v


def expression(a, b, x):
    return a(x) if x > 0 else b(x)


def early_return(a, b, x):
    if x > 0:
        return a(x)
    return b(x)


def in_tuple(a, b, x):
    return (x, a(x)) if x > 0 else (x, b(x))


def in_dict(a, b, x):
    return {"v": a(x) if x > 0 else b(x)}


def loop_of_no_iterations(a, b, x):
    v = b(x)
    k = 0.0
    while k < x:
        v = a(x)
        k = k + 1.0
    return v


def some_iterations(a, b, x):
    v = b(x)
    for k in range(6):
        if k < x:
            v = a(x)
    return v


def with_break(a, b, x):
    v = b(x)
    for k in range(8):
        if k > x:
            break
        v = a(x)
    return v


def within_try(a, b, x):
    try:
        v = a(x) if x > 0 else b(x)
    except ValueError:
        v = 5
    return v


CONSTRUCTS = [
    if_else,
    if_only,
    expression,
    early_return,
    in_tuple,
    in_dict,
    loop_of_no_iterations,
    some_iterations,
    with_break,
    within_try,
]

# What is done with the value: the results must have the digits of its own type.
USES = {
    "itself": lambda v, x: v,
    "times two": lambda v, x: v * 2,
    "plus a float": lambda v, x: v + 0.1,
    "times float32": lambda v, x: v * np.float32(1.1),
    "by three": lambda v, x: v / 3,
    "floor by two": lambda v, x: v // 2,
    "large": lambda v, x: v * 16777217.0,
    "and x": lambda v, x: v + x * 0.3,
    "sine": lambda v, x: np.sin(v),
    "type": lambda v, x: isinstance(v, int),
    "truth": lambda v, x: 1.0 if v else 2.0,
    "twice": lambda v, x: (v + v) * v,
    "into float32": lambda v, x: np.zeros(2, np.float32) + v,
    "compared": lambda v, x: v < 0.1,
}


def _same(got, want) -> bool:
    if type(got) is not type(want):
        return False
    if isinstance(want, dict):
        return all(_same(got[key], want[key]) for key in want)
    if isinstance(want, tuple):
        return all(map(_same, got, want))
    if isinstance(want, (np.ndarray, np.generic)) and got.dtype != want.dtype:
        return False
    if isinstance(want, int):
        return bool(got == want)
    rtol = 1e-6 if np.asarray(want).dtype == np.float32 else 1e-14
    close = np.allclose(got, want, rtol=rtol, atol=0)
    return bool(close and np.array_equal(np.signbit(got), np.signbit(want)))


def _outcome(f, x):
    """The result, or which exception (the truth of an array, the sine of a large int)."""
    try:
        return f(x)
    except (ValueError, TypeError) as error:
        return {"error": len(type(error).__name__)}


def _check(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (2.5, -1.5, 3.5, -0.5):
        got, want = _outcome(compiled, x), _outcome(f, x)
        assert _same(got, want), (x, got, want)


def _pairs():
    order = {name: k for k, name in enumerate(VALUES)}
    for number, (a, b) in enumerate(itertools.permutations(VALUES, 2)):
        # Each pair in a few constructs and uses, which all come round; in one order, the other one is slow.
        i, j = order[a], order[b]
        marks = () if (i < j) == ((i + j) % 2 == 0) else pytest.mark.slow
        yield pytest.param(a, b, number, marks=marks, id=f"{a}, {b}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first, second, number", list(_pairs()))
def test_two_types_meet(first, second, number) -> None:
    a, b = VALUES[first], VALUES[second]
    uses = list(USES.values())
    for k in range(2):
        construct = CONSTRUCTS[(number * 2 + k) % len(CONSTRUCTS)]
        engine = "native" if (number + k) % 5 == 0 else "numpy"
        _check(lambda x, c=construct: c(a, b, x), engine)
    use = uses[number % len(uses)]
    _check(lambda x: use(a(x) if x > 0 else b(x), x), "numpy")


# -- comparisons -------------------------------------------------------------------------------------
CHAINS = {
    "of a NumPy number": lambda x, y: 0 < x[0] < 2,
    "of a Python number": lambda x, y: 0 < y < 2,
    "Python's, then NumPy's": lambda x, y: 0 < y < x[0],
    "NumPy's, then Python's": lambda x, y: x[0] > y != 1,
    "of four": lambda x, y: 0 < x[0] < y < x[1] != 3,
    "of one element": lambda x, y: 0 < x[:1] < 2,
    "computed with": lambda x, y: (0 < x[0] < 2) + 1,
    "times an array": lambda x, y: (0 < y < x[0]) * x,
    "negated": lambda x, y: not 0 < x[0] < 2,
    "in a container": lambda x, y: [0 < x[0] < 2, {"k": 0 < y < 1}],
    "or a number": lambda x, y: 0 < x[0] < 2 or 5,
    "counted": lambda x, y: sum(0 < v < 2 for v in x),
}


@ENGINES
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_comparisons_is_the_one_that_decides(name, engine) -> None:
    f = CHAINS[name]
    compiled = autodiff.function(f, engine=engine)
    for x, y in [((1.0, 2.0), 0.5), ((-1.0, 2.0), 1.5), ((5.0, 3.0), -1.0), ((1.0, 2.0), 1.5)]:
        assert repr(compiled(np.array(x), y)) == repr(f(np.array(x), y)), (x, y)


def number_of_steps(x):
    n = 1
    while n < x:
        n *= 2
    return n * 1.0 if x > 5 else n


def one_or_more(x):
    n = 1
    if n < x:
        n = 1.5
    return n


@ENGINES
@pytest.mark.parametrize("f", [one_or_more, number_of_steps, lambda x: x // 2 if x > 3 else x / 2])
def test_the_value_beside_a_gradient_is_that_of_the_integer(f, engine) -> None:
    for calls in [(1, 9, 1), (9, 1), (0.5, 9, 1, 3.0, 3)]:
        both = autodiff.value_and_gradient(f, engine=engine)
        for x in calls:
            if isinstance(f(float(x)), float):  # integers have no derivative
                assert _same(both(x)[0], f(x)), (calls, x)


def test_the_value_of_an_integer_where_the_call_runs_uncompiled(tmp_path) -> None:
    path = tmp_path / "data"
    path.write_text("4")

    def f(x):
        return x * x + len(path.read_text())

    with pytest.warns(autodiff.FallbackWarning):
        value, slope = autodiff.value_and_gradient(f)(3)
    assert (type(value), value, slope) == (int, 10, 6.0)


KEYS = [({1: "a"}, {True: "a"}), ({0.0: 1}, {-0.0: 1}), ({1: 1.5}, {1.0: 2.5})]


@ENGINES
@pytest.mark.parametrize("a, b", KEYS)
def test_keys_that_are_equal_are_those_of_the_path(a, b, engine) -> None:
    def f(x):
        table = dict(a)
        if x > 0:
            table = dict(b)
        return table

    compiled = autodiff.function(f, engine=engine)
    for x in (1.0, -1.0, 2.0):
        assert repr(compiled(x)) == repr(f(x))


# -- loops that keep one program --------------------------------------------------------------------
X = np.array([0.3, -0.2, 0.5, 0.7, -0.1, 0.2, 0.9])


def sum_from_int(x):
    y = 0
    for i in range(len(x)):
        y += x[i]
    return y


def positive_sum(x):
    s = 0
    for i in range(len(x)):
        if x[i] > 0:
            s += x[i]
    return s


def running_maximum(x):
    best, total = -np.inf, 0.0
    for v in x:
        if v > best:
            best = v
        total += best
    return total


def triangle(x):
    energy = 0.0
    for i in range(len(x)):
        for j in range(i):
            energy += (x[i] - x[j]) ** 2
    return energy


def greatest(x):
    m = 0
    for v in x:
        m = max(m, v)
    return m


def while_positive(x):
    s, k = 0, 0
    while s < 1.1 and k < 7:
        s = s + abs(x[k])
        k += 1
    return s


def relu_sum(x):
    s = 0.0
    for v in x:
        a = v if v > 0 else 0
        s += a * a
    return s


ROLLED = [
    sum_from_int,
    positive_sum,
    running_maximum,
    triangle,
    greatest,
    while_positive,
    relu_sum,
]


@ENGINES
@pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)
def test_the_loop_is_one_loop_and_one_program(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (X, -np.abs(X), np.abs(X), X):
        assert _same(compiled(x), f(x))
    assert len(compiled.cache) == 1
    assert re.search(r"= (for|while)\(", str(compiled.ir(X)))


@ENGINES
@pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)
def test_the_gradient_is_one_loop_and_one_program(f, engine) -> None:
    gradient = autodiff.gradient(f, engine=engine)
    for x in (X, np.abs(X) + 0.01 * np.arange(7)):
        expected = [(f(x + 1e-6 * e) - f(x - 1e-6 * e)) / 2e-6 for e in np.eye(7)]
        assert gradient(x) == pytest.approx(np.array(expected), abs=1e-7)
    assert len(gradient.cache) == 1


@ENGINES
def test_a_choice_of_number_or_zero_is_one_program(engine) -> None:
    def f(x):
        return x if x > 0 else 0

    compiled, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    both = autodiff.value_and_gradient(f, engine=engine)
    for x in (1.5, -1.5, 2.5):
        assert _same(compiled(x), f(x))
        assert gradient(x) == float(x > 0)
        assert _same(both(x), (f(x), float(x > 0)))
        assert _same(autodiff.jvp(f, (x,), (1.0,), engine=engine), (f(x), float(x > 0)))
    assert len(compiled.cache) == len(gradient.cache) == len(both.cache) == 1


@ENGINES
def test_an_object_keeps_the_type_of_the_path(engine) -> None:
    class Account:
        def __init__(self):
            self.total = 0

        def add(self, v):
            if v > 0:
                self.total += v

    def f(x):
        account = Account()
        for v in x:
            account.add(v)
        return account.total

    compiled = autodiff.function(f, engine=engine)
    for x in (X, -np.abs(X)):
        assert _same(compiled(x), f(x))


def add_to(x, s):
    np.add(x, max(0, s), out=x)
    return x


def add_to_third(x, s):
    np.add(x, max(0, s), x)
    return x


def clip_into(x, s):
    y = np.zeros(2)
    np.maximum(x if s > 5 else x * 2, s if s > 0 else 0, out=y)
    return y


def added_where(x, s):
    return np.multiply(x, max(0, s), out=np.ones(2), where=x > 0.5)


def added_in_a_loop(x, s):
    for _ in range(3):
        np.add(x, max(0, s), out=x)
    return x


@ENGINES
@pytest.mark.parametrize(
    "f", [add_to, add_to_third, clip_into, added_where, added_in_a_loop], ids=lambda f: f.__name__
)
def test_a_number_of_two_types_is_stored_once(f, engine) -> None:
    ours = autodiff.function(f, engine=engine)
    slopes = autodiff.gradient(lambda x, s: np.sum(f(x * 1.0, s)), engine=engine)
    for s in (1.5, -1.0, 0.5):
        x, same = np.array([0.25, 2.0]), np.array([0.25, 2.0])
        np.testing.assert_array_equal(ours(x, s), f(same, s))
        np.testing.assert_array_equal(x, same)
        steps = [np.sum(f(np.array([0.25, 2.0]), s + h)) for h in (1e-6, -1e-6)]
        slope = slopes(np.array([0.25, 2.0]), s)[1]
        np.testing.assert_allclose(slope, (steps[0] - steps[1]) / 2e-6, atol=1e-6)


SUMS = {
    "of some": lambda x: sum([e for e in x if e > 0.9]),
    "of a generator": lambda x: sum(e for e in x if e > 0.9),
    "in a list": lambda x: [0.5, sum(e for e in x if e > 0.9)],
    "from a float": lambda x: sum([e for e in x if e > 0.9], 0.0),
    "from an array": lambda x: sum([e * x for e in x if e > 0.9], np.zeros(1)),
    "and one more": lambda x: sum([e for e in x if e > 0.9]) + x[0],
    "of a list": lambda x: sum(x.tolist()),
    "in a loop": lambda x: [sum(e for e in x if e > limit) for limit in (0.5, 0.9)],
}


@ENGINES
@pytest.mark.parametrize("f", SUMS.values(), ids=SUMS)
def test_a_sum_of_nothing_is_what_it_starts_with(f, engine) -> None:
    ours = autodiff.function(f, engine=engine)
    for n in (2, 3, 5, 3):
        for x in (np.ones(n), -np.ones(n), np.linspace(0.6, 1.1, n)):
            result, expected = ours(x), f(x)
            np.testing.assert_allclose(result, expected, rtol=1e-15)
            if isinstance(expected, list):
                assert list(map(type, result)) == list(map(type, expected))
            assert type(result) is type(expected)


def appended(x, items):
    items.append(min(x, items[0]))
    return items


def put(x, items):
    items[0] = max(0, x)
    return items, items[0]


def put_at(x, items):
    items[len(items) - 1] = x if x > 0 else 3
    return items, items[-1]


@ENGINES
@pytest.mark.parametrize("f", [appended, put, put_at], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, float])
def test_an_item_of_a_list_has_the_type_of_the_path(f, dtype, engine) -> None:
    ours = autodiff.function(lambda x, items: f(x, list(items)), engine=engine)
    for n in (2, 3, 5, 3):
        for x in (dtype(0.75), dtype(-0.75)):
            items = np.linspace(-0.5, 0.5, n).tolist()
            assert repr(ours(x, items)) == repr(f(x, list(items)))
