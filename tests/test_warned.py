"""Floating-point warnings: what NumPy says of a call, compiled code says of it, once, at the user's line."""

import itertools
import math
import sys
import threading
import warnings

import numpy as np
import pytest

import autodiff
from autodiff import floating
from autodiff.compiled import fallback, warned
from autodiff.engines.native import flags
from autodiff.ops.entries import ENTRIES, Pointwise
from autodiff.signals import run_users

ENGINES = ["native", "numpy"]
INFINITE, NAN = np.inf, np.nan


def told(f, *args, **kwargs):
    """The result of a call and its floating-point warnings, each with its place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = f(*args, **kwargs)
    found = [(str(w.message), w.filename, w.lineno) for w in caught]
    assert all(w.category is RuntimeWarning for w in caught)
    return result, found


def kinds(f, *args, **kwargs):
    """The texts of the warnings of a call."""
    return sorted({text for text, _, _ in told(f, *args, **kwargs)[1]})


def agree(f, compiled, *args, copies=True):
    """Compare the warnings of a call with NumPy's: the same, and none of them twice."""
    again = [np.array(a) if copies and isinstance(a, np.ndarray) else a for a in args]
    _, expected = told(f, *args)
    _, found = told(compiled, *again)
    assert sorted(found) == sorted(set(expected))


@pytest.fixture
def every_call_is_looked_into(monkeypatch):
    monkeypatch.setattr(warned, "ALWAYS", 10**9)


# -- every ufunc, at its special points -------------------------------------------------------------
SIZES = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1e-300, -1e-300, 5e-324, 1e300, -1e300]
POINTS = [*SIZES, 1.0000001, 1000.0, -1000.0, 710.0, -745.5, 88.9, INFINITE, -INFINITE, NAN, 37.0]
PAIRS = list(
    itertools.product([0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e300, 1e-300, INFINITE, NAN], repeat=2)
)
UFUNCS = [
    name
    for name, entry in ENTRIES.items()
    if isinstance(entry.lowering, Pointwise)
    and isinstance(getattr(np, name, None), np.ufunc)
    and any(set(t.split("->")[0]) == {"d"} for t in getattr(np, name).types)
]
IN_DEFAULT = {"log", "exp", "divide", "power", "arctanh", "sqrt", "floor_divide"}
ROWS = [n if n in IN_DEFAULT else pytest.param(n, marks=pytest.mark.slow) for n in UFUNCS]


def scalars(point, dtype):
    return [dtype(x) for x in point]


def short(point, dtype):
    return [np.full(3, x, dtype) for x in point]


def long(point, dtype):
    """Among many ones: in vectors, inlined."""
    return [np.array([1.0] * 1100 + [x] + [1.0] * 1100, dtype) for x in point]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", [scalars, short, long])
@pytest.mark.parametrize("name", ROWS)
def test_a_ufunc_warns_as_numpy_does(name, form, engine, every_call_is_looked_into):
    ufunc = getattr(np, name)
    if form is long and name == "arctanh":
        pytest.skip("it is infinite at the ones")

    def one(x):
        return ufunc(x)

    def two(x, y):
        return ufunc(x, y)

    f = one if ufunc.nin == 1 else two
    compiled = autodiff.function(f, engine=engine)
    points = [(x,) for x in POINTS] if ufunc.nin == 1 else PAIRS
    for dtype, point in itertools.product((np.float64, np.float32), points):
        with np.errstate(all="ignore"):
            arguments = form(point, dtype)
        if name == "power" and form is scalars and point[0] == -INFINITE:
            continue  # NumPy takes a root there, see the sharp bits
        agree(f, compiled, *arguments)


@pytest.mark.skipif(not flags.is_x86(), reason="flags are read on x86")
@pytest.mark.parametrize("form", [scalars, short, long])
@pytest.mark.parametrize("name", ROWS)
def test_no_flag_is_set_at_ordinary_points(name, form):
    ufunc = getattr(np, name)
    if name == "arctanh" and form is long:
        pytest.skip("it is infinite at the ones")
    f = (lambda x: ufunc(x)) if ufunc.nin == 1 else (lambda x, y: ufunc(x, y))
    compiled = autodiff.function(f)
    inside = {"arccosh": [1.0, 1.5, 30.0, 1e5], "arctanh": [0.0, 0.5, -0.99]}
    root = name in ("sqrt", "power", "float_power", "reciprocal") or name.startswith(
        ("log", "arcc")
    )
    points = [1e-20, 1e-3, 0.5, 0.99, *([] if name.startswith("arc") else [3.0, 40.0, 1e5][:2])]
    points = inside.get(name, points if root else [*points, *[-x for x in points]])
    for dtype in (np.float64, np.float32):
        for point in itertools.product(points, repeat=ufunc.nin):
            heard = []
            arguments = form(point, dtype)
            if kinds(f, *arguments):
                continue
            compiled(*arguments)
            listen = lambda errors, *given: heard.append(errors)
            for specialisation in compiled.cache:
                specialisation.run.notify(listen)
            compiled(*arguments)
            assert not heard, (dtype, point)


INTEGERS = [0, 1, -1, 7, -7, 2**31 - 1, -(2**31)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint64])
@pytest.mark.parametrize("form", ["scalars", "arrays", "loop"])
def test_division_of_integers(dtype, form, engine, every_call_is_looked_into):
    def divided(x, y):
        return x // y, x % y, np.fmod(x, y)

    def looped(x, y):
        total = 0
        for k in range(len(x)):
            total = x[k] // y[k]
        return total

    f = looped if form == "loop" else divided
    compiled = autodiff.function(f, engine=engine)
    for a, b in itertools.product(INTEGERS, repeat=2):
        if np.iinfo(dtype).min <= min(a, b):
            x, y = (
                (dtype(a), dtype(b))
                if form == "scalars"
                else (np.full(3, a, dtype), np.full(3, b, dtype))
            )
            # Of the smallest integer divided by -1, in loops over arrays, nothing is told.
            if form != "arrays" or dtype is not np.int32 or (a, b) != (-(2**31), -1):
                agree(f, compiled, x, y)


def operators(x, y):
    return x + y, x - y, x * y, -x, abs(x), x // y, x**2


def with_python_numbers(x, y):
    return x + 100, 100 - x, 3 * x, x * x * 2 - 1, divmod(y, -1) if y < 0 else y


def of_elements(x, y):
    both = np.array([x, y])
    total = both[0] * 0
    for k in range(len(both)):
        total += both[k] * 3
    return total, sum([x, y]), both.max() + both.min()


def in_place_and_mixed(x, y):
    x += y
    x *= np.int8(3)
    return x, x - np.bool_(True), max(x - 1, y)


def of_arrays(x, y):  # of which NumPy tells nothing
    return np.array(x) + y, np.add(x, y), np.abs(x), np.negative(x), np.array([x]) * y, x << 3


CORNERS = [
    *range(-2, 3),
    7,
    100,
    127,
    128,
    -127,
    -128,
    2**31,
    -(2**31),
    2**62,
    -(2**62),
    2**63 - 1,
    -(2**63),
]
LEFT = np.int64(2**62)


def numpys_integers_on_the_left(a, b):
    c = np.int8(100)
    c *= b
    s = LEFT * a
    for k in (a, b):
        s = np.int16(300) * k - s
    return LEFT + a, np.uint8(2) - b, np.int32(2**30) * a, c, s, np.int64(2) * (a if b > 0 else b)


OF_INTEGERS = [operators, with_python_numbers, of_elements, in_place_and_mixed, of_arrays,
               numpys_integers_on_the_left]  # fmt: skip


def agree_on_integers(f, engine, dtypes, corners):
    compiled = autodiff.function(f, engine=engine)
    for one, other in dtypes:
        for a, b in itertools.product(corners, repeat=2):
            if all(np.iinfo(d).min <= n <= np.iinfo(d).max for d, n in ((one, a), (other, b))):
                agree(f, compiled, one(a), other(b))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", OF_INTEGERS, ids=lambda f: f.__name__)
def test_overflow_of_integer_scalars(f, engine, every_call_is_looked_into):
    dtypes = [(np.int64, np.int64), (np.int8, np.int16)]
    agree_on_integers(f, engine, dtypes, [-(2**63), -128, -1, 2, 100, 2**63 - 1])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", OF_INTEGERS, ids=lambda f: f.__name__)
def test_overflow_of_integer_scalars_of_all_dtypes(f, engine, every_call_is_looked_into):
    kinds = [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64]
    agree_on_integers(f, engine, itertools.product(kinds, repeat=2), CORNERS)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_overflow_of_integers_is_told_beside_a_derivative_and_raised_where_asked_for(engine):
    def f(n, x):
        return (n * 4) * x

    large = np.int64(2**62)
    for transformed in (
        autodiff.value_and_gradient(f, wrt="x", engine=engine),
        autodiff.gradient(f, wrt="x", engine=engine),
    ):
        assert kinds(transformed, large, 2.0) == ["overflow encountered in scalar multiply"]
        assert not kinds(transformed, np.int64(3), 2.0)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="scalar multiply"):
            transformed(large, 2.0)
        with np.errstate(over="ignore"):
            assert not kinds(transformed, large, 2.0)


def test_who_has_no_integer_scalars_pays_nothing():
    compiled = autodiff.function(lambda a, b, n: (a * b + a, -b, abs(a - n), n * 2))
    a = np.arange(3)
    compiled(a, a, 4)
    assert "overflow" not in compiled.llvm(a, a, 4) and "mark" not in compiled.llvm(a, a, 4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [3, 2100])
@pytest.mark.parametrize(
    "source, target",
    [
        (np.float64, np.int64), (np.float64, np.int32), (np.float32, np.int64), (np.float64, np.float32),
        (np.float64, np.int8), (np.float64, bool),
    ],
)  # fmt: skip
def test_casts(source, target, size, engine, every_call_is_looked_into):
    def f(x):
        return x.astype(target)

    compiled = autodiff.function(f, engine=engine)
    for value in (0.0, 1.5, NAN, INFINITE, -INFINITE, 1e300, -1e300, 3e9, 300.0, -1.0, 1e19):
        with np.errstate(all="ignore"):
            x = np.ones(size, source)
            x[size // 2] = value
        agree(f, compiled, x)


# -- programs -----------------------------------------------------------------------------------------
BESIDE = np.zeros(3)


def logarithm(x):
    return np.log(x)


def two_lines(x):
    y = np.log(x)
    return y - 1 / x


def one_line_twice(x):
    total = 0.0
    for k in range(len(x)):
        total += np.log(x[k])
    return total


def printed(x):
    print(end="")
    return np.sum(1 / x)


def drawn(x):
    return np.log(x) + np.random.normal()


def beside(x):
    return x / BESIDE


def stored(x):
    x[0] = x[1] / x[2]
    return x


def silent_inside(x):
    with np.errstate(divide="ignore"):
        y = 1 / x
    return y + np.log(x)


def filtered_inside(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = 1 / x
    return y


def of_constants(x):
    return x + np.log(0.0) * np.zeros(3)


def branched(x):
    if x[0] > 0:
        return np.log(x)
    return np.sum(1 / x) + 0 * x


def chosen(x):
    return np.where(x > 0, np.log(x), 0.0)


def chosen_safely(x):
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)


def softmax(x):
    e = np.exp(x * 1e4 + 1e3)
    return e / e.sum()


def doubled(x):
    y, n = x[1], 0
    while y < 1e308 * 10 and n < 2000:
        y = y * 2.0
        n += 1
    return y


def by_library(x):
    return np.linalg.norm(np.sort(x) / 0.0) + np.median(x / x)


def of_lists(x):
    return np.log(np.array([x[0], x[1]])).sum()


def complex_numbers(x):
    z = x + 1j
    return np.abs(z / (z - z))


def product(x):
    return np.outer(x / 0, x) @ x


def quotient_chosen(x):
    return np.where(x > 0, 1 / x, 0)


def root_chosen(x):
    return np.where(x > 0.5, np.sqrt(x) / x, x)


PROGRAMS = [
    quotient_chosen, root_chosen,
    logarithm, two_lines, one_line_twice, printed, drawn, beside, stored, silent_inside,
    filtered_inside, of_constants, branched, chosen, chosen_safely, softmax, doubled, by_library,
    of_lists, complex_numbers, product,
]  # fmt: skip
DATA = [
    np.array([0.0, 1.0, 2.0]),
    np.array([1.0, 2.0, 0.0]),
    np.ones(3),
    np.array([-1.0, 0.0, 0.0]),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", PROGRAMS)
def test_programs_warn_as_numpy_does(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (*DATA, *DATA):
        agree(f, compiled, x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [logarithm, two_lines, one_line_twice])
def test_numbers_warn_as_numpys_do(f, engine):
    compiled = autodiff.function(f, engine=engine)
    one = np.float64 if f is not one_line_twice else lambda x: [np.float64(x)]
    for x in (0.0, 1.0, -1.0, 0.0):
        agree(f, compiled, one(x))


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_arrays(engine):
    for f in (np.mean, lambda x: np.sum(x) / len(x) if len(x) else np.float64(0) / 0):
        agree(f, autodiff.function(f, engine=engine), np.zeros(0))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bare_ufunc_warns_at_the_line_of_the_call(engine):
    compiled = autodiff.function(np.log, engine=engine)
    line = sys._getframe().f_lineno + 1
    _, found = told(lambda: compiled(np.zeros(2)))
    assert found == [("divide by zero encountered in log", __file__, line)]


@pytest.mark.parametrize("engine", ENGINES)
def test_python_numbers_raise_as_before(engine):
    for f, x in ((lambda x: math.log(x), 0.0), (lambda x: 1.0 / x, 0.0), (lambda x: 1 // x, 0)):
        compiled = autodiff.function(f, engine=engine)
        with pytest.raises((ValueError, ZeroDivisionError)):
            compiled(x)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_threads_of_a_nest_are_heard(engine):
    f = lambda x: np.sum(np.log(x))
    compiled = autodiff.function(f, engine=engine, threads=4)
    for place in (0, 399_999):
        x = np.ones(400_000)
        x[place] = 0.0
        agree(f, compiled, x)


@pytest.mark.parametrize("engine", ENGINES)
def test_compiled_functions_inside_of_others(engine):
    inner = autodiff.function(logarithm, engine=engine)

    def outer(x):
        return inner(x) + 1 / x

    def plain(x):
        return logarithm(x) + 1 / x

    _, found = told(autodiff.function(outer, engine=engine), np.zeros(2))
    assert [text for text, _, _ in found] == [text for text, _, _ in told(plain, np.zeros(2))[1]]


# -- derivatives ------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [autodiff.gradient, autodiff.value_and_gradient, autodiff.hessian])
@pytest.mark.parametrize(
    "f", [np.log, np.log2, lambda x: np.arctanh(1 - x), lambda x: np.log1p(x - 1)]
)
def test_derivatives_warn_of_what_their_function_meets(make, engine, f):
    def summed(x):
        return np.sum(f(x))

    compiled = make(summed, engine=engine)
    x = np.array([0.0, 1.0])
    _, expected = told(summed, x)
    for _ in range(3):
        assert told(compiled, x)[1] == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [lambda x: np.sum(np.arccos(x)), lambda x: np.sum(np.arcsin(x))])
def test_what_only_a_derivative_meets_is_no_warning(f, engine):
    x = np.array([0.0, 1.0])
    slope = autodiff.gradient(f, engine=engine)
    for _ in range(20):
        result, found = told(slope, x)
        assert np.isinf(result).any() and not found
    assert not told(autodiff.jvp, f, (x,), (x + 1,), engine=engine)[1]


# -- how they are given -----------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_the_default_filter_shows_a_line_once(engine):
    space = {"np": np, "__name__": "some_module"}
    exec(compile("def f(x):\n    return np.log(x)\n", "some_module.py", "exec"), space)
    compiled = autodiff.function(space["f"], engine=engine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(40):
            compiled(np.zeros(2))
    assert [(w.filename, w.lineno) for w in caught] == [("some_module.py", 2)]
    assert "__warningregistry__" in space


@pytest.mark.parametrize("engine", ENGINES)
def test_a_filter_may_name_the_module(engine):
    compiled = autodiff.function(logarithm, engine=engine)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))
        compiled(np.zeros(2))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_warning_that_is_an_error_is_raised_from_the_users_line(times, engine):
    compiled = autodiff.function(logarithm, engine=engine)
    x = np.zeros(2)
    for _ in range(times - 1):
        told(compiled, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="^divide by zero encountered in log$") as info:
            compiled(x)
    last = info.traceback[-1]
    assert last.name == "logarithm"
    assert info.value.__context__ is None
    assert told(compiled, np.ones(2)) is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_each_kind_may_be_silenced(engine):
    compiled = autodiff.function(two_lines, engine=engine)
    x = np.array([0.0, -1.0])
    divide, invalid = "divide by zero encountered in", "invalid value encountered in log"
    for _ in range(3):
        assert kinds(compiled, x) == [f"{divide} divide", f"{divide} log", invalid]
        with np.errstate(divide="ignore"):
            assert kinds(compiled, x) == [invalid]
        with np.errstate(invalid="ignore"):
            assert kinds(compiled, x) == [f"{divide} divide", f"{divide} log"]
        with np.errstate(all="ignore"):
            assert kinds(compiled, x) == []
    before = np.seterr(all="ignore")
    try:
        assert kinds(compiled, x) == []
    finally:
        np.seterr(**before)


@pytest.mark.parametrize("engine", ENGINES)
def test_underflow_is_told_to_who_asks(engine):
    f = lambda x: x * 1e-200 * 1e-200
    compiled = autodiff.function(f, engine=engine)
    x = np.ones(3)
    assert kinds(compiled, x) == []
    with np.errstate(under="warn"):
        assert kinds(compiled, x) == kinds(f, x) == ["underflow encountered in multiply"]
    assert kinds(compiled, x) == []


def that_asks_itself(x):
    with np.errstate(under="warn", divide="warn"):
        return (1.0 / x, x * 1e-200 * 1e-200)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_function_asks_for_is_told_whatever_holds_outside(engine):
    compiled = autodiff.function(that_asks_itself, engine=engine)
    x = np.array([0.0, 1.0])
    for outside in ({}, {"all": "ignore"}, {"all": "warn"}):
        with np.errstate(**outside):
            for _ in range(2):
                assert kinds(compiled, x) == kinds(that_asks_itself, x)
                assert len(kinds(compiled, x)) == 2


def test_flags_of_others_are_not_taken_for_a_calls_own():
    compiled = autodiff.function(logarithm)
    compiled(np.ones(3))
    for _ in range(20):
        with np.errstate(all="ignore"):
            np.log(np.zeros(3))
        assert kinds(compiled, np.ones(3)) == []
    assert kinds(compiled, np.zeros(3)) == ["divide by zero encountered in log"]


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_hear_of_their_own_calls(engine):
    compiled = autodiff.function(logarithm, engine=engine)
    found = {}
    compiled(np.ones(2))

    def work(k):
        with np.errstate(divide="ignore" if k % 2 else "warn"):
            found[k] = [compiled(np.zeros(2)) for _ in range(50)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caught) == 100 and len(found) == 4


# -- what it costs ------------------------------------------------------------------------------------
@pytest.fixture
def plain_runs(monkeypatch):
    """Counts how often the user's function is asked."""
    runs = []
    run = fallback.run_plainly
    monkeypatch.setattr(fallback, "run_plainly", lambda *args: runs.append(1) or run(*args))
    return runs


@pytest.mark.parametrize("engine", ENGINES)
def test_flags_without_a_warning_are_asked_about_more_and_more_rarely(engine, plain_runs):
    slope = autodiff.gradient(lambda x: np.sum(np.log(x) + np.sqrt(x)), engine=engine)
    x = np.array([1e-310, 1.0])  # 1 / x overflows
    for _ in range(1000):
        slope(x)
    assert 1 < len(plain_runs) < 20
    # Others are heard of none the less.
    assert kinds(slope, np.array([-2.0, 1.0])) == [
        "invalid value encountered in log",
        "invalid value encountered in sqrt",
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_known_warning_is_given_without_asking_again(engine, plain_runs):
    compiled = autodiff.function(logarithm, engine=engine)
    x = np.zeros(2)
    assert sum(len(told(compiled, x)[1]) for _ in range(1000)) == 1000
    assert len(plain_runs) < 20


def test_no_question_takes_long(monkeypatch):
    def looped(x, n):
        total = x
        for k in range(n):
            total += x / (k - 5)
        return total

    def late(x, n):
        total = x
        for k in range(n):
            total += x / (k - (n - 1))
        return total

    counted = []
    line = warned._Count.line

    def count(self, frame, event, argument):
        counted.append(1)
        return line(self, frame, event, argument)

    monkeypatch.setattr(warned, "FIRST_LINES", 2000)
    monkeypatch.setattr(warned, "LINES", 1000)
    monkeypatch.setattr(warned._Count, "line", count)
    for f, expected in ((looped, ["divide by zero encountered in scalar divide"]), (late, [])):
        compiled = autodiff.function(f)
        for _ in range(3):
            assert kinds(compiled, np.float64(1.0), 300_000) == expected
    assert len(counted) < 10_000


@pytest.mark.parametrize("place", ["_Log.take", "_run_program"])
def test_a_slip_while_numpy_is_asked_is_told(place, monkeypatch):
    def slip(*arguments):
        raise AttributeError("a slip")

    def prints(x):
        print(end="")
        return np.log(x)

    owner, _, name = place.rpartition(".")
    monkeypatch.setattr(getattr(warned, owner) if owner else warned, name, slip)
    f = prints if name == "_run_program" else logarithm
    with pytest.raises(autodiff.errors.InternalError, match="a slip"):
        autodiff.function(f)(np.zeros(2))
    monkeypatch.setenv("AUTODIFF_CHECK", "0")
    compiled = autodiff.function(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            assert compiled(np.zeros(2))[0] == -np.inf
    (warning,) = caught
    assert warning.category is autodiff.errors.FallbackWarning
    assert "warnings of NumPy's may be missing" in str(warning.message)
    assert "a slip" in str(warning.message)


def test_what_the_users_function_raises_while_numpy_is_asked_is_no_slip(monkeypatch):
    def raises():
        return {}[0]

    monkeypatch.setattr(fallback, "run_plainly", lambda compiled, call: run_users(raises))
    _, found = told(autodiff.function(logarithm), np.zeros(2))
    assert found == []


def test_an_object_that_goes_does_not_end_a_question(monkeypatch):
    gone = []

    class Object:
        def __del__(self):
            for _ in range(100):
                gone.append(1)

    def f(x):
        Object()
        for _ in range(100):
            x = x / 0.0
        return x

    def asked():
        f(np.float64(1.0))

    monkeypatch.setattr(warned, "_counted", lambda: frozenset((asked.__code__,)))
    with np.errstate(all="ignore"), pytest.raises(warned._Enough), warned._limited(10):
        asked()
    assert len(gone) == 100


# -- effects ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_effects_happen_once(engine, capsys):
    seen = []

    def f(x):
        print("called")
        seen.append(1)
        return 1 / x

    compiled = autodiff.function(f, engine=engine)
    x = np.zeros(2)
    agree(f, compiled, x)
    agree(f, compiled, x)
    assert capsys.readouterr().out == "called\n" * 4
    assert len(seen) == 4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shown", [False, True])
def test_random_numbers_are_those_of_numpy(shown, engine):
    def f(x):
        if shown:
            print(end="")
        return np.log(x * np.random.random(3)), np.random.random()

    compiled = autodiff.function(f, engine=engine)
    for x in (np.zeros(3), np.ones(3), np.zeros(3)):
        np.random.seed(3)
        expected, warnings_expected = told(f, x)
        state = np.random.get_state()[2]
        np.random.seed(3)
        found, warnings_found = told(compiled, x)
        assert np.random.get_state()[2] == state
        assert warnings_found == warnings_expected
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("engine", ENGINES)
def test_effects_of_a_call_whose_warning_is_an_error_do_not_happen(engine):
    seen = []

    def f(x, k):
        y = x[k] / 0.0
        seen.append(y)
        return y

    compiled = autodiff.function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(RuntimeWarning, match="^divide by zero"):
                compiled(np.ones(3), 1)
    assert not seen
    assert told(compiled, np.ones(3), 1)[0] == INFINITE and seen == [INFINITE]


def test_arrays_beside_are_stored_to_once():
    total = np.zeros(2)

    def f(x):
        total[:] = total + 1
        return 1 / x

    compiled = autodiff.function(f)
    assert kinds(compiled, np.zeros(2)) == ["divide by zero encountered in divide"]
    np.testing.assert_array_equal(total, [1.0, 1.0])


# -- the entry ----------------------------------------------------------------------------------------
@pytest.mark.skipif(not flags.is_x86(), reason="flags are read on x86")
def test_a_call_without_errors_reads_the_flags_once():
    compiled = autodiff.function(logarithm)
    compiled(np.ones(3))
    glue = compiled.cache[0].run.call.__self__.machine.glue
    entry = glue[: glue.index("define internal i32 @report_errors")]
    assert entry.count("call void @llvm.x86.sse.stmxcsr") == 2  # one of them once a flag was set
    assert entry.count("call void @llvm.x86.sse.ldmxcsr") == 1
    kernel = compiled.llvm(np.ones(3))
    assert "mxcsr" not in kernel


def test_the_state_is_lenient_while_numpy_is_asked():
    with floating.noting(floating.ALL) as errors:
        assert not floating.is_strict()
        with np.errstate(divide="raise"):
            assert floating.is_strict()
        np.log(np.zeros(1))
        autodiff.function(logarithm)(np.array([-1.0]))
        assert errors() == floating.BITS["divide"] | floating.BITS["invalid"]


# -- what a function with effects silences itself ---------------------------------------------------
HEARD: list[int] = []


def filtered(a, x):
    HEARD.append(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = a / x
    return r


def filtered_by_text(a, x):
    HEARD.append(1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="divide")
        r = a / x
        s = np.log(-a)
    return r + s


def one_kind_within(a, x):
    with np.errstate(all="ignore"):
        with np.errstate(divide="warn"):
            r = a / x
        s = np.log(-a)
    HEARD.append(1)
    return r + s


def partly(a, x):
    with np.errstate(divide="ignore"):
        r = a / x
    print("effect")
    return r + a / x


def divided(a, x):
    return a / x


def called_in_both(a, x):
    with np.errstate(divide="ignore"):
        r = divided(a, x)
    HEARD.append(1)
    return r + divided(2 * a, x)


def called(a, x):
    with np.errstate(divide="ignore"):
        r = divided(a, x)
    HEARD.append(1)
    return r


def in_a_loop(a, x):
    s = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(len(a)):
            s = s + a[i] / np.float64(x)
    print("effect")
    return s


def in_a_branch(a, x):
    with np.errstate(divide="ignore"):
        r = a / x if a[0] > 0 else np.log(x * a)
    HEARD.append(1)
    return r


def in_a_generator(a, x):
    def values():
        with np.errstate(divide="ignore"):
            yield a / x
            yield 2 * a / x

    HEARD.append(1)
    return sum(values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f", [filtered, filtered_by_text, one_kind_within, partly, called_in_both, called, in_a_loop, in_a_branch, in_a_generator], ids=lambda f: f.__name__
)  # fmt: skip
def test_what_a_function_with_effects_silences_is_not_told(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (0.0, 0.0, 1.0, 0.0):
        agree(f, compiled, np.ones(2), x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if f in (filtered, called, in_a_loop, in_a_branch, in_a_generator):
            compiled(np.ones(2), 0.0)
        else:
            with pytest.raises(RuntimeWarning):
                compiled(np.ones(2), 0.0)
