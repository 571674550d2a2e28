"""Lists and tuples of numbers as arguments: what plain Python gives, and one program for all lengths."""

import copy
import functools
import itertools
import math
import operator
import statistics
import warnings

import numpy as np
import pytest

import autodiff

ENGINES = ["native", "numpy"]


def total(v, a=2.0):
    s = 0.0
    for x in v:
        s += a * x * x
    return s


def zipped(v, a=2.0):
    s = 0.0
    for k, (x, y) in enumerate(zip(v, v[1:], strict=False)):
        s = s + k * a * x * y
    return s


def indexed(v, a=2.0):
    s = a
    for k in range(len(v)):
        s += v[k] * v[-1 - k]
    return s


def in_numpy(v, a=2.0):
    return np.sum(np.exp(-np.array(v) * a)) + np.mean(v)


def comprehended(v, a=2.0):
    return sum([math.sin(x * a) for x in v]) / len(v)


def largest(v, a=2.0):
    return max(v) * a - min(v)


def summed(v, a=2.0):
    return sum(v) * a + math.fsum(v)


def branches(v, a=2.0):
    s = a * 0
    for x in v:
        if x > 0.5:
            s += x
        else:
            s -= x * x
    return s


def while_loop(v, a=2.0):
    k, s = 0, a
    while k < len(v) and s < 100.0:
        s = s + v[k]
        k += 1
    return s


def sliced(v, a=2.0):
    return sum(v[1:]) * a + v[0] + sum(v[::2])


def first_two(v, a=2.0):
    x, y, *rest = v
    return x * a + y + len(rest)


def truth(v, a=2.0):
    return a * v[0] if v else a


def found(v, a=2.0):
    return a if v[0] in v else -a


def sorted_list(v, a=2.0):
    s = sorted(v)
    return s[0] * a - s[-1]


def dotted(v, a=2.0):
    return np.dot(v, v) * a


def grown(v, a=2.0):
    w = []
    for x in v:
        w.append(x * a)
    return sum(w) + len(w)


def joined(v, a=2.0):
    s = 0.0
    for x in v + v:
        s += x * a
    return s


def repeated(v, a=2.0):
    return sum(v * 2) * a


def weighted(v, a=2.0):
    return sum(x * a**k for k, x in enumerate(reversed(v)))


def typed(v, a=2.0):
    return a * (3.0 if isinstance(v, list) else 5.0 if isinstance(v, tuple) else 7.0)


def type_of_item(v, a=2.0):
    return a * (3.0 if type(v[0]) is float else 5.0 if type(v[0]) is int else 7.0)


# -- Python's functions of sequences
def in_order(v, a=2.0):
    return sum((k + 1) * x for k, x in enumerate(sorted(v, reverse=True))) * a


def in_order_of_a_key(v, a=2.0):
    return sum((k + 1) * x for k, x in enumerate(sorted(v, key=lambda x: (x - 0.52) ** 2))) * a


def median(v, a=2.0):
    s, n = sorted(v), len(v)
    return a * (s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2)


def any_all(v, a=2.0):
    return a * v[0] if any(x > 1.2 for x in v) and all(x < 20 for x in v) else -a * v[1]


def mapped(v, a=2.0):
    return sum(map(lambda x, y: a * x * y, v, reversed(v))) + sum(map(math.sin, v))


def filtered(v, a=2.0):
    return a * sum(filter(lambda x: x > 0.5, v)) + len(list(filter(None, v)))


def reduced(v, a=2.0):
    return functools.reduce(lambda s, x: s * 0.5 + a * x, v, 0.25) + functools.reduce(
        operator.add, v
    )


def accumulated(v, a=2.0):
    return a * sum(itertools.accumulate(v)) + max(itertools.accumulate(v, max))


def in_pairs(v, a=2.0):
    return sum((y - x) ** 2 for x, y in itertools.pairwise(v)) * a


def starmapped(v, a=2.0):
    return sum(itertools.starmap(lambda k, x: a * k * x, enumerate(v)))


def closest(v, a=2.0):
    return a * min(v, key=lambda x: abs(x - 0.6)) - max(v, key=lambda x: -x, default=1.0)


def searched(v, a=2.0):
    return a * v[v.index(v[2])] * v.count(v[1]) + (a if v[1] in v else 0.0) + (30.0 not in v)


def put_together(v, a=2.0):
    w = list(v) + [v[0] * a, v[1]]
    return sum(x * a for x in list(v) + w[:2]) + sum([v[0] * 0.5] + list(v) * 2) + w[-1]


def listed(v, a=2.0):
    pairs = list(zip(v, v[1:], strict=False))
    backwards = list(reversed(v))
    backwards.reverse()
    return a * sum(x * y for x, y in pairs) + backwards[1]


def multiplied(v, a=2.0):
    return a * math.prod(v) + math.fsum(v)


def statistical(v, a=2.0):
    if type(v[0]) is not float:
        v = [float(x) for x in v]
    return statistics.mean(v) * a + statistics.median(v) + statistics.fmean(x * x for x in v)


def spread(v, a=2.0):
    if type(v[0]) is not float:
        v = [float(x) for x in v]
    return statistics.stdev(v) * a + statistics.pvariance(v)


def of_none(v, a=2.0):
    return a if list(v) == [] else a * v[-1]


OF_SEQUENCES = [
    in_order, in_order_of_a_key, median, any_all, mapped, filtered, reduced, accumulated, in_pairs,
    starmapped, closest, searched, put_together, listed, multiplied, statistical,
    spread, of_none,
]  # fmt: skip
READERS = [
    *OF_SEQUENCES,
    total, zipped, indexed, in_numpy, comprehended, largest, summed, branches, while_loop, sliced,
    first_two, truth, found, sorted_list, dotted, grown, joined, repeated, weighted, typed,
    type_of_item,
]  # fmt: skip


def rows(*kinds, only=None):
    """Each function with each kind of list; those of Python's functions with one kind in short runs."""
    return pytest.mark.parametrize(
        ("f", "kind"),
        [
            pytest.param(f, kind, id=f"{f.__name__}-{kind}", marks=marks)
            for f in only or READERS
            for kind in kinds
            for marks in ([pytest.mark.slow] if f in OF_SEQUENCES and kind != "list" else [],)
        ],
    )


ONE_PROGRAM = [
    *(total, zipped, indexed, in_numpy, largest, branches, while_loop, sliced, dotted, grown),
    *(found, sorted_list, joined, repeated, *OF_SEQUENCES),
]
NUMBERS = [0.3, 0.9, 0.1, 0.7, 0.55, 1.3, 0.2, 0.8, 0.45, 0.6, 1.1]


def given(kind, n):
    return {
        "list": lambda: NUMBERS[:n],
        "tuple": lambda: tuple(NUMBERS[:n]),
        "ints": lambda: [int(10 * x) for x in NUMBERS[:n]],
        "float64": lambda: list(np.array(NUMBERS[:n])),
        "mixed": lambda: [x if k % 3 else int(10 * x) for k, x in enumerate(NUMBERS[:n])],
    }[kind]()


def close(got, want):
    assert type(got) is type(want), (type(got), type(want))
    assert got == pytest.approx(want, rel=1e-13)


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@rows("list", "tuple", "ints", "float64", "mixed")
def test_values(f, kind, engine):
    compiled = autodiff.function(f, engine=engine)
    for n in (9, 4, 11, 9, 3):
        v = given(kind, n)
        before = copy.copy(v)
        close(compiled(v, 1.5), f(v, 1.5))
        assert v == before


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@rows("list", "tuple", "ints", "float64")
def test_gradients_have_the_structure_of_the_argument(f, kind, engine):
    slope = autodiff.gradient(f, wrt=("v", "a"), engine=engine)
    for n in (9, 11):
        v = given(kind, n)
        by_v, by_a = slope(v, 1.5)
        assert type(by_v) is type(v) and len(by_v) == n
        item = np.float64 if kind == "float64" else float
        assert all(type(x) is item for x in by_v)
        h = 1e-6
        numbers = [float(x) for x in v]
        if f is type_of_item or (f is largest and kind == "ints"):
            continue
        for k in range(n):
            up, down = list(numbers), list(numbers)
            up[k] += h
            down[k] -= h
            want = (f(type(v)(up), 1.5) - f(type(v)(down), 1.5)) / (2 * h)
            assert by_v[k] == pytest.approx(want, rel=1e-6, abs=1e-7)
        assert by_a == pytest.approx((f(v, 1.5 + h) - f(v, 1.5 - h)) / (2 * h), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@rows("list", "tuple", "float64", only=ONE_PROGRAM)
def test_one_program_for_all_lengths(f, kind, transform):
    compiled = transform(f, on_fallback="error")
    for n in (3, 4, 8, 11):
        compiled(given(kind, n), 1.5)
    assert len(compiled.cache) == 2  # for the first length, and for all


@pytest.mark.parametrize("f", [total, zipped, indexed, branches], ids=lambda f: f.__name__)
def test_programs_do_not_grow_with_the_list(f):
    for transform in (autodiff.function, autodiff.gradient):
        sizes = {str(transform(f).ir(list(np.arange(n) / n), 1.5)).count("\n") for n in (20, 60)}
        assert len(sizes) == 1


# -- functions that change what they are given ----------------------------------------------------------
def appends(v, a):
    v.append(a)
    return sum(v)


def stores(v, a):
    v[1] = a * v[0]
    return v[1]


def stores_in_a_loop(v, a):
    for k in range(len(v)):
        v[k] = v[k] * a
    return sum(v)


def pops(v, a):
    return v.pop() * a


def sorts(v, a):
    v.sort()
    return v[0] * a


def extends(v, a):
    v += [a, a]
    return v[-1] * a


def clears(v, a):
    del v[:2]
    return v[0] * a


CHANGERS = [appends, stores, stores_in_a_loop, pops, sorts, extends, clears]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", CHANGERS, ids=lambda f: f.__name__)
def test_changes_of_a_list_are_seen_by_the_caller(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for n in (6, 9, 6):
        mine, theirs = given("list", n), given("list", n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            got = compiled(mine, 1.5)
        assert got == pytest.approx(f(theirs, 1.5), rel=1e-14)
        assert mine == theirs


@pytest.mark.parametrize("f", CHANGERS, ids=lambda f: f.__name__)
def test_gradients_leave_the_list_as_it_was(f):
    slope = autodiff.gradient(f, wrt="a")
    for n in (6, 9):
        v = given("list", n)
        h = 1e-6
        want = (f(list(v), 1.5 + h) - f(list(v), 1.5 - h)) / (2 * h)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            assert slope(v, 1.5) == pytest.approx(want, rel=1e-7)
        assert v == given("list", n)


@pytest.mark.parametrize("f", [appends, stores, pops, sorts], ids=lambda f: f.__name__)
def test_a_change_of_a_tuple_is_pythons_error(f):
    with pytest.raises((AttributeError, TypeError)) as got:
        autodiff.function(f)((0.5, 1.5), 1.5)
    with pytest.raises(got.type, match=str(got.value)[:20]):
        f((0.5, 1.5), 1.5)


# -- results ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["list", "tuple", "float64", "ints", "mixed"])
def test_results_made_of_the_list(kind, engine):
    def f(v):
        return v[1:], [2 * x for x in v], {"all": v}, v[0], len(v), tuple(v), list(v)

    compiled = autodiff.function(f, engine=engine)
    for n in (9, 10, 11):
        v = given(kind, n)
        got, want = compiled(v), f(v)
        assert repr(got) == repr(want)


@pytest.mark.parametrize("kind", ["list", "tuple"])
def test_the_list_itself_is_returned(kind):
    v = given(kind, 9)
    assert autodiff.function(lambda v: v)(v) is v


def test_lists_in_containers():
    def f(p, scale):
        return sum(p["w"]) * scale + p["pair"][0] * len(p["w"]) - p["bias"]

    compiled = autodiff.function(f, on_fallback="error")
    slope = autodiff.gradient(f)
    for n in (9, 5, 11, 7):
        p = {"w": NUMBERS[:n], "pair": (0.5, 0.25), "bias": 0.1}
        close(compiled(p, 2.0), f(p, 2.0))
        by_p, by_scale = slope(p, 2.0)
        assert by_p == {"w": [2.0] * n, "pair": (float(n), 0.0), "bias": -1.0}
        assert by_scale == pytest.approx(sum(p["w"]))
    assert len(compiled.cache) == len(slope.cache) == 2


def test_other_types_in_the_place_of_a_list():
    compiled = autodiff.function(total)
    array = np.array(NUMBERS)
    for v in (NUMBERS, tuple(NUMBERS), array, [1] * 9, [True, 2.0], [], [array, 2.0], NUMBERS[:3]):
        got, want = compiled(v, 1.5), total(v, 1.5)
        assert type(got) is type(want)
        np.testing.assert_allclose(got, want, rtol=1e-13)


def test_weak_numbers_beside_narrow_arrays():
    def f(v, x):
        return x * v[0] + v[1]

    x = np.ones(3, np.float32)
    assert autodiff.function(f)(NUMBERS, x).dtype == np.float32
    assert autodiff.function(f)(list(np.array(NUMBERS)), x).dtype == f(np.array(NUMBERS), x).dtype


def test_ints_that_shape_the_program():
    def f(v, x):
        return np.ones(v[0]).sum() * x + np.sum(np.arange(12.0).reshape(v[1], v[2])[0])

    compiled = autodiff.function(f)
    for v in ([2, 3, 4, 1, 1, 1, 1, 1, 1], [5, 2, 6, 1, 1, 1, 1, 1, 1, 1], [2, 3]):
        if len(v) > 2:
            close(compiled(v, 1.5), f(v, 1.5))
        else:
            with pytest.raises(IndexError):
                compiled(v, 1.5)


def test_large_ints_stay_exact():
    def f(v):
        return v[0] * 3 + v[-1]

    v = [2**70, 3, 4, 5, 6, 7, 8, 9]
    assert autodiff.function(f)(v) == f(v)
    compiled = autodiff.function(f)
    for first in (1, 2**61, 2**65, 2**40):
        v[0] = first
        assert compiled(v) == f(v)


def test_an_index_out_of_range():
    compiled = autodiff.function(lambda v, k: v[k])
    for n in (3, 4, 5):
        with pytest.raises(IndexError, match="list index out of range"):
            compiled(NUMBERS[:n], n)
        assert compiled(NUMBERS[:n], n - 1) == NUMBERS[n - 1]


def test_an_error_of_one_call_says_nothing_of_others():
    def f(v):
        if len(v) < 4:
            raise ValueError("too short")
        s = 0.0
        for x in v:
            s += x * x
        return s

    compiled = autodiff.function(f)
    for v in (NUMBERS[:3], NUMBERS[:2]):
        with pytest.raises(ValueError, match="too short"):
            compiled(v)
    for n in (5, 6, 7, 8):
        close(compiled(NUMBERS[:n]), f(NUMBERS[:n]))
    with pytest.raises(ValueError, match="too short"):
        compiled(NUMBERS[:3])
    assert len(compiled.cache) <= 2


def test_default_and_keyword_lists():
    def f(x, v=(0.5, 0.25, 2.0), *rest, w=(1.0, 2.0)):
        return x * sum(v) + sum(rest) * w[1]

    compiled = autodiff.function(f)
    for args, named in (
        ((2.0,), {}),
        ((2.0, NUMBERS), {}),
        ((2.0, NUMBERS, 1.0, 2.0), {"w": [1.0, 4.0]}),
    ):
        close(compiled(*args, **named), f(*args, **named))


def unpacked(v, a=2.0):
    first, *middle, last = v
    return first * a + last + sum(middle) * len(middle) + (type(middle) is list)


def compared(v, a=2.0):
    return a * (v < v[1:]) + (v >= v) + (v == v[:]) + (v != v[::-1])


def converted(v, a=2.0):
    w, t = list(v), tuple(v)
    w.append(a)
    return sum(w) * sum(t) * isinstance(t, tuple) * (type(w) is list)


def spelt(v, a=2.0):
    return f"{v} and {v[0]:.2f} of {len(v)}, {v!r}, " + str(v)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["list", "tuple", "ints", "float64", "mixed"])
@pytest.mark.parametrize("f", [unpacked, compared, converted], ids=lambda f: f.__name__)
def test_values_of_what_lists_alone_do(f, kind, engine):
    test_values(f, kind, engine)


@pytest.mark.parametrize("f", [unpacked, converted], ids=lambda f: f.__name__)
def test_unpacking_and_conversion_are_for_all_lengths(f):
    for kind in ("list", "tuple"):
        test_one_program_for_all_lengths(f, kind, autodiff.function)


@pytest.mark.parametrize("kind", ["list", "tuple", "ints", "float64", "mixed"])
def test_text(kind, capsys):
    def shows(v, a):
        print(v, v[0])
        print(f"{v!r} {a}")
        return sum(v) * a

    for transform in (autodiff.function, autodiff.gradient):
        compiled = transform(shows)
        for n in (9, 10, 11):
            v = given(kind, n)
            compiled(v, 1.5)
            got = capsys.readouterr().out
            shows(v, 1.5)
            assert got == capsys.readouterr().out
    compiled = autodiff.function(spelt)
    for n in (9, 10) if kind != "mixed" else ():  # of lists that are one array
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            assert compiled(given(kind, n), 1.5) == spelt(given(kind, n), 1.5)


def test_what_is_left_at_its_default_is_not_differentiated_by():
    def f(x, v, w=(1.0, 2.0)):
        v.append(x)  # which takes lists apart where the value is asked for
        return sum(v) * w[1] + {w: x}[w]

    slope = autodiff.gradient(f)
    for n in (3, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            assert slope(1.5, NUMBERS[:n]) == (3.0, [2.0] * n)


def test_statistics_of_too_few_numbers_is_pythons_error():
    for transform in (autodiff.function, autodiff.gradient):
        of_two = transform(spread, wrt="v") if transform is autodiff.gradient else transform(spread)
        of_two([1.0, 2.0, 4.0])
        with pytest.raises(statistics.StatisticsError, match="at least two data points"):
            of_two([1.0])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_order_with_nan_is_pythons(engine):
    ordered = autodiff.function(lambda v: sorted(v), engine=engine)
    for v in ([3.0, 1.0, 2.0, 0.5], [3.0, math.nan, 2.0, 0.5], [0.0, -0.0, 1.0, 0.0]):
        assert str(ordered(v)) == str(sorted(v))
    held = autodiff.function(lambda v: v[0] in v, engine=engine)
    for v in ([3.0, 1.0, 2.0], [math.nan, 1.0]):
        assert held(v) is True
