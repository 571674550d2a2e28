"""Everyday code that stands in nobody's way: compiled, as plain Python computes it, and differentiated."""

import bisect
import collections
import dataclasses
import enum
import functools
import inspect
import typing
import warnings

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.special
import scipy.stats

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
A = np.array([2.0, 3.0])
KNOTS = [0.0, 1.0, 2.5, 4.0]
X = np.arange(6.0) ** 2
SQUARE = np.arange(12.0).reshape(3, 4) / 3


def same(a, b):
    """Equal in structure, type, dtype and value."""
    if isinstance(a, (list, tuple)):
        return (
            type(a) is type(b)
            and len(a) == len(b)
            and all(same(x, y) for x, y in zip(a, b, strict=True))
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, equal_nan=True)
    return bool(np.isclose(a, b, equal_nan=True))


# -- ufuncs of lists ------------------------------------------------------------------------------------
def added_in_place(x):
    a = np.zeros(2)
    a += [x, x * x]
    return a


OF_LISTS = {
    "exp": lambda x: np.exp([x, 2 * x]),
    "absolute": lambda x: np.abs([x, -2 * x]),
    "maximum": lambda x: np.maximum([x, -2 * x], 0),
    "maximum, second": lambda x: np.maximum(0, [x, -2 * x]),
    "hypot of a tuple": lambda x: np.hypot((x, 2 * x), 1.0),
    "comprehension": lambda x: np.exp([a - 1.0 for a in (x, 2 * x)]),
    "nested": lambda x: np.exp([[x, 2.0], [1, x]]),
    "lists of arrays": lambda x: np.sin([x * A, A]),
    "list * array": lambda x: [x, 2 * x] * A,
    "array * list": lambda x: A * [x, 2 * x],
    "tuple * array": lambda x: (x, 1.0) * A,
    "tuple + array": lambda x: (x, 2 * x) + A,
    "list ** array": lambda x: [x, x] ** A,
    "list @ array": lambda x: [x, x] @ A,
    "array @ list": lambda x: A @ [x, x],
    "comparison": lambda x: (A < [x, x + 1.5]) * 1.0 * x,
    "in place": added_in_place,
    "outer": lambda x: np.multiply.outer([x, 2 * x], A),
    "reduce": lambda x: np.add.reduce([x, 2 * x, x * x]),
    "accumulate": lambda x: np.multiply.accumulate([x, 2 * x, x * x]),
    "reduceat": lambda x: np.add.reduceat([x, 2 * x, 3.0, x * x], [0, 2, 1]),
    "two results": lambda x: np.modf([x, 2 * x])[0],
    "isnan": lambda x: np.isnan([x, 2 * x]) * x,
    "out": lambda x: np.exp([x, x], out=np.zeros(2)),
    "out by position": lambda x: np.exp([x, x], np.zeros(2)),
    "where": lambda x: np.exp([x, x], where=[True, False], out=np.zeros(2)),
    "matmul": lambda x: np.matmul([[x, 1.0], [2, x]], [x, 1.0]),
    "scipy": lambda x: scipy.special.expit([x, 2 * x]),
}


@ENGINES
@pytest.mark.parametrize("name", OF_LISTS)
def test_ufuncs_and_operators_take_lists_as_numpy_does(engine, name):
    f = OF_LISTS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in (1.5, 0.7, 2.25):
        assert same(compiled(x), f(x))
    assert len(compiled.cache) == 1  # no value is part of the program
    autodiff.check_gradient(lambda x: np.sum(f(x)), 1.3, engine=engine)


@ENGINES
@pytest.mark.parametrize("x", [np.float64(2.0), np.int64(2), np.array(2.0), np.array(2), 2.0])
def test_lists_times_numbers_are_what_python_makes_of_them(engine, x):
    for f in (lambda x: [1.0, 2.5] * x, lambda x: x * [1.0, 2.5], lambda x: (1.0, x) * x):
        try:
            expected = f(x)
        except TypeError as error:
            with pytest.raises(TypeError) as caught:
                autodiff.function(f, engine=engine)(x)
            assert str(caught.value) == str(error)
        else:
            assert same(autodiff.function(f, engine=engine)(x), expected)


# -- values that no program has -------------------------------------------------------------------------
def beside_objects(x):
    unused = np.array([[None] * 2]).T
    return x * x + 0 * unused.size


OUT_OF_REACH = {
    "complex constants": lambda x: np.real(np.exp(1j * np.arange(3.0)).sum()) * x,
    "complex of the argument": lambda x: np.abs(x * 1j + 2.0),
    "complex array": lambda x: np.abs(np.exp(1j * x * A)),
    "cast to complex": lambda x: np.abs((x * A).astype(complex)),
    "complex root": lambda x: np.sqrt(x + 0j).real,
    "objects": beside_objects,
    "text": lambda x: x * (2.0 if np.array(["a", "b"])[0] == "a" else 3.0),
    "records": lambda x: np.array([(x, 1)], dtype=[("a", float), ("b", int)])["a"],
    "objects with the value": lambda x: np.array([x, "a"], dtype=object)[0],
}


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_elements_of_other_kinds_inside_of_a_function_run_as_plain_python(name):
    f = OUT_OF_REACH[name]
    compiled = autodiff.function(f)
    for x in (0.7, 2.0):
        assert same(compiled(x), f(x))


# -- caches -----------------------------------------------------------------------------------------------
@functools.lru_cache(maxsize=None)
def weights(n):
    return 1.0 / (1 + np.arange(n))


@functools.cache
def square(x):
    return x * x


@functools.lru_cache
def buffer(n):
    return np.zeros(n)


@functools.lru_cache
def mixed(k):
    return 1.5, k, [1.0, 2.0], {"a": np.ones(2)}


def accumulated(x):
    kept = buffer(3)
    kept += x
    return kept.sum()


CACHED = {
    "array": (lambda c: np.sum(weights(len(c)) * c**2), [(np.ones(4),), (np.ones(6),)]),
    "of the argument": (lambda x: square(x) + square(x + 1), [(2.0,), (3.0,)]),
    "number": (lambda x, k: mixed(k)[1] * x, [(2.0, 3), (3.0, 4)]),
    "containers": (
        lambda x: mixed(2)[0] * x + mixed(2)[2][1] + np.sum(mixed(2)[3]["a"]),
        [(2.0,), (3.0,)],
    ),
}


@ENGINES
@pytest.mark.parametrize("name", CACHED)
def test_functions_under_lru_cache(engine, name):
    f, calls = CACHED[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for arguments in calls:
        assert same(compiled(*arguments), f(*arguments))
        autodiff.check_gradient(f, *arguments, wrt=0, engine=engine)


@ENGINES
def test_what_a_cache_holds_is_that_object(engine):
    compiled = autodiff.function(accumulated, engine=engine, on_fallback="error")
    buffer.cache_clear()
    assert [compiled(1.0), accumulated(1.0), compiled(1.0)] == [3.0, 6.0, 9.0]
    assert np.array_equal(buffer(3), [3.0, 3.0, 3.0])
    with pytest.raises(TypeError, match=r"unhashable type: 'numpy.ndarray'"):
        autodiff.function(lambda x: square(x), engine=engine)(A)


# -- nditer -----------------------------------------------------------------------------------------------
def products(a, b):
    total = 0.0
    for u, v in np.nditer([a, b]):
        total += u * v + u
    return total


def doubled(a):
    made = np.zeros(a.shape)
    for u, v in np.nditer([a, made], op_flags=[["readonly"], ["readwrite"]]):
        v[...] = 2 * u
    return made


def added(a):
    made = np.ones(a.shape)
    with np.nditer([a, made], op_flags=[["readonly"], ["readwrite"]]) as elements:
        for u, v in elements:
            v[...] += 2 * u
    return made


@ENGINES
def test_nditer_is_a_context_manager(engine):
    compiled = autodiff.function(added, engine=engine, on_fallback="error")
    for a in (A, np.arange(6.0).reshape(2, 3), np.arange(40.0)):
        assert same(compiled(a), added(a))
    autodiff.check_gradient(lambda a: np.sum(added(a) * a), A, engine=engine)


@pytest.mark.parametrize("flags", [["readwrite"], [["readwrite"]], (("readwrite",),)])
def test_nditer_of_one_array_takes_its_flags_alone_or_in_a_list(flags):
    def squared(a):
        made = a.copy()
        with np.nditer(made, op_flags=flags) as elements:
            for v in elements:
                v[...] = v * v
        return made

    assert same(autodiff.function(squared, engine="numpy", on_fallback="error")(A), A * A)


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_code_without_source_that_iterates_stores_as_numpy_does(engine):
    names = {"np": np}
    exec(compile(inspect.getsource(added), "<no source>", "exec"), names)
    assert same(autodiff.function(names["added"], engine=engine)(A), added(A))


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("body", ["sq(x)", "(lambda: sq(x))()", "kept.setdefault(x, x * x)"])
def test_code_without_source_loses_no_derivative_to_what_it_has_kept(body):
    names = {"functools": functools, "kept": {}}
    text = "@functools.lru_cache\ndef sq(x):\n    return x * x\n"
    exec(compile(f"{text}def f(x):\n    return {body}\n", "<no source>", "exec"), names)
    assert names["f"](2.0) == 4.0
    with pytest.raises(autodiff.DerivativeError, match="AD302"):
        autodiff.gradient(names["f"])(2.0)
    assert autodiff.function(names["f"])(2.0) == 4.0


def test_keys_in_dictionaries_outside_are_plain_numbers():
    table = {}

    def f(x):
        table[x] = x * x
        table[x, 1] = 2.0
        return 3 * x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.errors.FallbackWarning)
        assert autodiff.gradient(f)(2.0) == 3.0
    assert table == {2.0: 4.0, (2.0, 1): 2.0}
    assert all(type(x) in (float, tuple) for x in table)


@ENGINES
def test_nditer_of_several_arrays(engine):
    compiled = autodiff.function(products, engine=engine, on_fallback="error")
    for a, b in (
        (A, A + 1),
        (np.arange(6.0).reshape(2, 3), np.ones(3)),
        (np.arange(400.0), np.ones(400)),
    ):
        assert same(compiled(a, b), products(a, b))
    assert "for" in str(compiled.ir(np.arange(400.0), np.ones(400)))
    autodiff.check_gradient(products, SQUARE, SQUARE[0], engine=engine)
    assert same(autodiff.function(doubled, engine=engine, on_fallback="error")(A), doubled(A))
    with pytest.raises(ValueError, match="read-only"):
        autodiff.function(lambda a: [v.__setitem__(..., 1.0) for _, v in np.nditer([a, a])])(A)


def by_index(a):
    it, total = np.nditer(a, flags=["multi_index"]), 0.0
    for v in it:
        i, j = it.multi_index
        if v > 0.5:
            total = total * 0.9 + v * (i + 2 * j)
    return total


def into_places(a):
    made, it = np.zeros(a.shape), np.nditer(a, flags=["multi_index"])
    for v in it:
        made[it.multi_index] = v * v + a[it.multi_index[0], 0]
    return made


def by_number(a):
    it, total = np.nditer(a, flags=["f_index"]), 0.0
    for v in it:
        total = total * 0.9 + v * it.index
    return total * it.itersize


def by_columns(a):
    total = 0.0
    for k, v in enumerate(np.nditer(a, order="F")):
        total = total * 0.9 + v * k
    return total


def where_it_stopped(a):
    it = np.nditer(a, flags=["multi_index"])
    for v in it:
        if v > 1.0:
            break
    return it.multi_index[1] + a[0, 0]


def past_the_end(a):
    it = np.nditer(a, flags=["multi_index"])
    total = sum(v for v in it)
    return total * it.multi_index[0]


@ENGINES
@pytest.mark.parametrize("f", [by_index, into_places, by_number, by_columns])
def test_nditer_tells_where_it_is(f, engine):
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for a in (np.sin(np.arange(6.0)).reshape(2, 3), np.cos(np.arange(63.0)).reshape(7, 9)):
        assert same(compiled(a), f(a))
    a = np.cos(np.arange(12.0)).reshape(3, 4)
    autodiff.check_gradient(lambda a: np.sum(np.sin(f(a))), a, engine=engine)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("size", [(2, 2), (5, 6)])
def test_nditer_outside_of_its_loop_is_numpys(size):
    a = np.cos(np.arange(float(np.prod(size)))).reshape(size) * 2
    assert same(autodiff.function(where_it_stopped)(a), where_it_stopped(a))
    for f in (past_the_end, lambda a: autodiff.gradient(past_the_end)(a)):
        with pytest.raises((ValueError, autodiff.errors.AutodiffError)):
            autodiff.function(f)(a)


# -- delete, insert, bisect -----------------------------------------------------------------------------
def leave_one_out(x):
    total = 0.0
    for i in range(len(x)):
        total += np.var(np.delete(x, i))
    return total


def insert_each(x):
    total = 0.0
    for i in range(len(x) + 1):
        total += np.sum(np.insert(x, i, x[0] * i) * np.arange(len(x) + 1))
    return total


def without(x, i):
    return np.delete(x, i)


def with_column(x, i):
    return np.insert(x, i, x[:, 0], axis=1)


def through_knots(x):
    return (x - KNOTS[bisect.bisect_right(KNOTS, x) - 1]) ** 2


AT_RUN_TIME = {
    "delete in a loop": (leave_one_out, [(X,), (np.arange(9.0) ** 2,), (np.arange(10.0) ** 2,)]),
    "insert in a loop": (insert_each, [(X,), (np.arange(1.0, 6.0),), (np.arange(1.0, 9.0),)]),
    "delete": (
        without,
        [(X, 1), (X, -1), (X, 5), (X, -6), (X, 6), (X, -7), (X[:4], 4), (X[:5], 4)],
    ),
    "delete a column": (lambda x, i: np.delete(x, i, 1), [(SQUARE, 1), (SQUARE, 3), (SQUARE, 4)]),
    "delete by a mask": (lambda x: np.delete(x, x > 1), [(X,), (X[::-1].copy(),), (X + 2,)]),
    "insert a column": (with_column, [(SQUARE, 1), (SQUARE, 4), (SQUARE, 5), (SQUARE, -4)]),
    "insert two": (lambda x, i: np.insert(x, i, [7.0, 8.0]), [(X, 0), (X, 3), (X, 6), (X, 7)]),
    "knots": (through_knots, [(v,) for v in (3.0, 0.5, 1.0, -3.0, 9.0, np.nan)]),
    "bisect_left": (
        lambda x: bisect.bisect_left(KNOTS, x),
        [(v,) for v in (3.0, 0.5, 1.0, 4.0, -3.0, 9.0, np.nan)],
    ),
    "bisect in an unsorted list": (
        lambda x: (bisect.bisect([3.0, 1.0, 2.0, x], 1.5), bisect.bisect_left([x, 2, x], x)),
        [(v,) for v in (3.0, 0.5, 1.0, 1.5, np.nan)],
    ),
    "bisect in an array": (
        lambda a, x: bisect.bisect(a, x),
        [(np.arange(5.0), 2.2), (np.arange(7.0), 2.2), (np.arange(9.0), 12.0)],
    ),
    "bisect in a part": (
        lambda x: (bisect.bisect(KNOTS, x, 1, 3), bisect.bisect([], x), bisect.bisect(KNOTS, x, 3)),
        [(v,) for v in (3.0, 0.5, 9.0)],
    ),
}


@ENGINES
@pytest.mark.parametrize("name", AT_RUN_TIME)
def test_positions_that_are_known_at_run_time(engine, name):
    f, calls = AT_RUN_TIME[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for arguments in calls:
        try:
            expected = f(*arguments)
        except IndexError as error:
            with pytest.raises(IndexError) as caught:
                compiled(*arguments)
            assert str(caught.value) == str(error)
        else:
            assert same(compiled(*arguments), expected)


@ENGINES
@pytest.mark.parametrize("name", ["delete in a loop", "insert in a loop"])
def test_loops_over_positions_are_rolled(engine, name):
    f, calls = AT_RUN_TIME[name]
    (arguments, *_) = calls
    assert "for" in str(autodiff.function(f, engine=engine).ir(*arguments))
    autodiff.check_gradient(f, *arguments, engine=engine)


# -- classes that a function makes ------------------------------------------------------------------------
def with_named_tuple(x):
    pair = collections.namedtuple("pair", "a b", defaults=(2.0,))
    first, second = pair(x), pair(x, x)._replace(a=3 * x)
    return first.a * first.b + second.a * second.b


def with_typed_tuple(x):
    class Pair(typing.NamedTuple):
        a: float
        b: float = 3.0

    return Pair(x).a * Pair(x).b + sum(Pair(x, x))


def with_dataclass(x):
    @dataclasses.dataclass
    class Point:
        a: float
        b: float = 3.0

        def product(self):
            return self.a * self.b

    return Point(x).product() + Point(x, x).product()


def with_frozen_dataclass(x):
    @dataclasses.dataclass(frozen=True)
    class Point:
        a: float
        parts: list = dataclasses.field(default_factory=list)

    point = dataclasses.replace(Point(x), a=x * x)
    point.parts.append(x)
    return point.a + point.parts[0]


def with_made_dataclass(x):
    made = dataclasses.make_dataclass("made", ["a", "b"])
    return made(x, 2.0).a * made(x, x).b


def with_enumeration(x):
    class Kind(enum.Enum):
        ONE = 1
        TWO = 2

    return x**Kind.TWO.value


MAKERS = [
    with_named_tuple, with_typed_tuple, with_dataclass, with_frozen_dataclass, with_made_dataclass,
    with_enumeration,
]  # fmt: skip


@ENGINES
@pytest.mark.parametrize("f", MAKERS, ids=lambda f: f.__name__)
def test_classes_made_inside_of_a_function(engine, f):
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in (1.5, 2.0):
        assert same(compiled(x), f(x))
    autodiff.check_gradient(f, 1.5, engine=engine)


# -- functions of libraries, passed as they are ---------------------------------------------------------
MATRIX = np.array([[2.0, 0.5], [0.25, 3.0]])
BARE = [
    (scipy.special.logsumexp, A), (scipy.special.softmax, A), (scipy.special.expit, A),
    (scipy.special.gammaln, 2.5), (scipy.linalg.det, MATRIX), (scipy.linalg.inv, MATRIX),
    (scipy.linalg.norm, A), (scipy.linalg.norm, MATRIX), (np.linalg.norm, MATRIX), (np.linalg.inv, MATRIX),
    (np.var, A), (np.sum, A), (np.trapezoid, A), (np.sin, A), (scipy.stats.norm._cdf, 0.2),
    (scipy.stats.norm.logpdf, 0.2), (scipy.stats.expon._pdf, 0.2),
]  # fmt: skip


@ENGINES
@pytest.mark.parametrize(("f", "x"), BARE, ids=lambda v: getattr(v, "__name__", None))
def test_functions_of_libraries_are_compiled_without_a_lambda_around_them(engine, f, x):
    assert same(autodiff.function(f, engine=engine, on_fallback="error")(x), f(x))
    if np.ndim(f(x)) == 0:
        autodiff.check_gradient(f, x, engine=engine)
    else:
        found = autodiff.jacobian(f, engine=engine)(x)
        assert np.allclose(found, autodiff.jacobian(lambda x: f(x), engine=engine)(x))


@ENGINES
@pytest.mark.parametrize("matrix", [MATRIX, np.asfortranarray(MATRIX), MATRIX[:1], np.arange(3)])
def test_the_norm_of_scipy_has_the_type_that_scipy_gives(engine, matrix):
    for options in ({}, {"ord": 1}, {"ord": np.inf}, {"ord": 2}, {"axis": 0}, {"keepdims": True}):
        f = functools.partial(scipy.linalg.norm, **options)
        assert same(autodiff.function(lambda x, f=f: f(x), engine=engine)(matrix), f(matrix))


# -- libraries that call back ------------------------------------------------------------------------------
def root_of(x):
    return scipy.optimize.brentq(lambda z: z**2 - x, 0.0, 2.0)


CALLING_BACK = {
    "quad": lambda x: scipy.integrate.quad(lambda t: np.exp(-x * t), 0, 1)[0],
    "brentq": root_of,
    "bisect": lambda x: scipy.optimize.bisect(lambda z: z**2 - x, 0.0, 2.0),
    "fsolve": lambda x: scipy.optimize.fsolve(lambda z: z**2 - x, 1.0)[0],
    "minimize_scalar": lambda x: scipy.optimize.minimize_scalar(lambda z: (z - x) ** 2).x,
    "golden": lambda x: scipy.optimize.minimize_scalar(lambda z: (z - x) ** 2, method="golden").x,
    "solve_ivp": lambda x: scipy.integrate.solve_ivp(lambda t, y: -x * y, (0, 1), [1.0]).y[0, -1],
}


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("name", CALLING_BACK)
def test_a_library_that_computes_with_what_it_calls_is_not_compiled_for_each_value(name):
    f = CALLING_BACK[name]
    compiled = autodiff.function(f)
    for k in range(6):
        x = 0.7 + 0.05 * k
        assert same(compiled(x), f(x))
    assert len(compiled.cache) <= 2


def test_derivatives_lost_in_a_library_are_refused_by_its_name():
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(
            lambda a: scipy.optimize.brute(lambda x: (x[0] - a) ** 2, ((0, 1),), finish=None)
        )(2.0)
    first, *_, last = str(caught.value).split("\n")
    assert first == (
        "AD302: scipy.optimize.brute has no derivative by what the function it calls reads: "
        "a search of a grid that ends in another way."
    )
    assert "test_everyday.py" in str(caught.value) and "custom_gradient" in last


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_a_library_that_calls_back_without_the_argument_is_part_of_the_program():
    def f(a, x):
        return a * scipy.optimize.brentq(lambda z: z**2 - 2.0, 0.0, 2.0) * x

    assert np.isclose(autodiff.gradient(f, wrt="a")(1.0, 3.0), 3 * np.sqrt(2))
    assert np.isclose(autodiff.gradient(lambda a, x: a * root_of(x), wrt="a")(1.0, 2.0), 2**0.5)


# -- filters of warnings -----------------------------------------------------------------------------------
def quietly(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = np.log(x)
    return y * x


def quietly_in_a_loop(x):
    total = 0.0
    for k in range(40):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=RuntimeWarning)
            total += np.sqrt(x + k)
    return total


def returning_from_within(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if x > 1.0:
            return np.sqrt(x)
    return x * x


@ENGINES
@pytest.mark.parametrize("f", [quietly, quietly_in_a_loop, returning_from_within])
def test_filters_of_warnings_hold_nothing_up(engine, f):
    before = list(warnings.filters)
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in (2.0, 0.5):
        assert same(compiled(x), f(x))
        autodiff.check_gradient(f, x, engine=engine)
    assert list(warnings.filters) == before


def test_a_warning_given_under_filters_of_the_function_is_plain_pythons():
    def shown(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("not shown", UserWarning, stacklevel=2)
        warnings.warn("shown", UserWarning, stacklevel=2)
        return x

    with pytest.warns(UserWarning) as caught:
        assert autodiff.function(shown)(1.5) == 1.5
    texts = [str(w.message) for w in caught]
    assert "shown" in texts and "not shown" not in texts
