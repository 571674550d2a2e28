"""Iterators give their items when they are asked: every order that a program can see is Python's."""

# Programs are as users write them.
# ruff: noqa: B905, C417

import copy
import heapq
import itertools
import math
import random
import statistics
import sys
import warnings
from collections import deque

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning

from . import iterator_programs
from .support import ENGINES, one_loop_for_any_length

NUMBERS = [0.5, 1.25, -0.75, 2.0, 1.5, 0.3, 0.9, -0.2, 1.1, 0.7, 0.1, 1.9, 0.6]
LENGTHS = (5, 0, 12, 13, 1)
A = 0.71
PROGRAMS = {
    name: f
    for name, f in vars(iterator_programs).items()
    if getattr(f, "__module__", "") == iterator_programs.__name__ and not isinstance(f, type)
}
# What jumps where ``a`` changes a little, or is no function of ``a`` alone.
NOT_SMOOTH = {name for name in PROGRAMS if name.endswith("nograd")}
IN_DEFAULT = (
    "map_var map_zip_two map_next iter_half zip_twice filter_var accumulate_var chain_from pairwise_ any_map "
    "any_rest next_stop zip_strict2 up_half seq_list mylistiter_plus mylistlen chunk stop_in_genexp isinst "
    "min_gen_key count_held zip_gen_state gen_in_outer_loop any_in_comp gen_return_in_loop2 fsum2 geo stop_acc bag_all"
).split()


def _first(x):
    while isinstance(x, (tuple, list)):
        x = x[0]
    return x


def _outcome(f, args):
    """What a call gives or raises, and the arguments after it."""
    args = copy.deepcopy(args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        try:
            return ("value", f(*args), args)
        except Exception as error:
            return (type(error).__name__, str(error), args)


def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (float, np.ndarray, np.generic)):
        return np.allclose(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)
    return a == b


def _agrees(f, engine, lengths=LENGTHS):
    """A function of a list and a number does what it does in plain Python, for one length after the other."""
    compiled = autodiff.function(f, engine=engine)
    for n in lengths:
        args = (NUMBERS[:n], A)
        assert _same(_outcome(compiled, args), _outcome(f, args)), (n, _outcome(compiled, args))


def _has_slope(f, engine, n):
    """The derivative by the number is what differences say."""
    if _outcome(f, (NUMBERS[:n], A))[0] != "value":
        return

    def value(xs, a):
        return _first(f(xs, a))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        slope = autodiff.gradient(value, wrt="a", engine=engine)(NUMBERS[:n], A)
    h = 1e-6
    expected = (value(NUMBERS[:n], A + h) - value(NUMBERS[:n], A - h)) / (2 * h)
    assert slope == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", IN_DEFAULT)
def test_programs_do_what_they_do_in_python(name):
    f = PROGRAMS[name]
    _agrees(f, "numpy", (5, 12))
    if name not in NOT_SMOOTH:
        _has_slope(f, "numpy", 12)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_all_programs_do_what_they_do_in_python(name, engine):
    f = PROGRAMS[name]
    _agrees(f, engine)
    if name not in NOT_SMOOTH:
        _has_slope(f, engine, 5)
        _has_slope(f, engine, 13)


# -- iterators put together at random ------------------------------------------------------------------
def made(plan, xs, a, log):
    """An iterator over ``xs`` by a plan: what it is, and over which others."""
    kind, *inner = plan
    sources = [made(x, xs, a, log) for x in inner]

    def f(x):
        log.append(x)
        return x * a + len(log) * 0.01

    def is_kept(x):
        log.append(-x)
        return x * a > 0.3 or len(log) > 20

    if kind == "list":
        return iter(xs)
    if kind == "backwards":
        return reversed(xs)
    if kind == "map":
        return map(f, sources[0])
    if kind == "filter":
        return filter(is_kept, sources[0])
    if kind == "takewhile":
        return itertools.takewhile(is_kept, sources[0])
    if kind == "dropwhile":
        return itertools.dropwhile(is_kept, sources[0])
    if kind == "accumulate":
        return itertools.accumulate(sources[0], lambda p, q: f(p) * 0.5 + q)
    if kind == "islice":
        return itertools.islice(sources[0], 4)
    if kind == "genexp":
        return (f(x) for x in sources[0] if x > -0.5)
    if kind == "chain":
        return itertools.chain(*sources)
    if kind == "zip":
        return (x - y * a for x, y in zip(*sources, strict=False))
    if kind == "starmap":
        return itertools.starmap(lambda x, y: f(x) + y, zip(*sources, strict=False))
    if kind == "pairwise":
        return (x * y for x, y in itertools.pairwise(sources[0]))
    return (k * 0.1 + x for k, x in enumerate(sources[0]))


def consumed(how, it, a, log):
    """A number made of what an iterator gives, part of which may be left."""
    if how == "sum":
        return sum(it)
    if how == "list":
        return sum([x * 0.5 for x in it])
    if how == "max":
        return max(it, default=a)
    if how == "next":
        return next(it, a) + 2 * next(it, a)
    if how == "any":
        return a if any(x > 0.8 for x in it) else 2 * a
    if how == "in":
        return a if 0.5 in it else 3 * a
    if how == "zip":
        return sum(x * k for k, x in zip(range(3), it, strict=False))
    total = 0.0
    for x in it:
        log.append(0)
        total = total * 0.9 + x
        if how == "break" and x > 0.9:
            break
    return total


ONE = "map filter takewhile dropwhile accumulate islice genexp pairwise enumerate".split()
TWO = "chain zip starmap".split()
HOW = "sum list max next any in zip break loop".split()


def _plan(rng, depth):
    if depth == 0 or rng.random() < 0.15:
        return (rng.choice(("list", "list", "backwards")),)
    kind = rng.choice(ONE + TWO)
    return (kind, *(_plan(rng, depth - 1) for _ in range(2 if kind in TWO else 1)))


def _compared_at_random(seed, engines, lengths):
    rng = random.Random(seed)
    plan = _plan(rng, rng.choice((1, 2, 2, 3)))
    first, second, third = (rng.choice(HOW) for _ in range(3))

    def f(xs, a):
        log = [0.0]
        it = made(plan, xs, a, log)
        log.append(a)
        p = consumed(first, it, a, log)
        q = consumed(second, it, a, log)
        r = consumed(third, made(plan, xs, a, log), a, log)
        return p + 10 * q + 100 * r + sum(it), log

    for engine in engines:
        _agrees(f, engine, lengths)
        _has_slope(f, engine, lengths[0])


@pytest.mark.parametrize("seed", range(6))
def test_iterators_put_together_at_random(seed):
    _compared_at_random(seed, ["numpy"], (5,))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_iterators_put_together_at_random(seed):
    _compared_at_random(seed, ENGINES, (5, 12, 0))


# -- methods that tell the items ---------------------------------------------------------------------
weight = 2.0


class Yields:
    def __init__(self, xs):
        self.xs = xs

    def __iter__(self):
        for x in self.xs:
            yield x * weight


class Asked(Yields):
    k = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.k == len(self.xs):
            raise StopIteration
        self.k += 1
        return self.xs[self.k - 1] * weight


class Indexed:
    def __init__(self, xs):
        self.xs = xs

    def __getitem__(self, k):
        return self.xs[k] * weight

    def __len__(self):
        return len(self.xs)


class Multiplied(list):
    def __iter__(self):
        for x in list.__iter__(self):
            yield x * weight


def _extended(q):
    ys = [1.0]
    ys.extend(q)
    return ys


def _added(q):
    ys = [1.0]
    ys += q
    return ys


def _put_in(q):
    ys = [1.0, 2.0]
    ys[1:] = q
    return ys


def _queued(q):
    queue = deque([1.0])
    queue.extend(q)
    return list(queue)


def _unpacked(q):
    first, *rest = q
    return [first, *rest]


TAKERS = {
    **{f.__name__: f for f in (_extended, _added, _put_in, _queued, _unpacked, list, tuple)},
    **{f.__name__: lambda q, f=f: [f(q)] for f in (sum, max, sorted, math.fsum, math.prod)},
    "star": lambda q: [*q],
    "call": lambda q: (lambda *values: values)(*q),
    "chain": lambda q: list(itertools.chain(q, [1.0])),
    "longest": lambda q: list(itertools.zip_longest(q, [1.0])),
    "tee": lambda q: list(itertools.tee(q)[1]),
    "product": lambda q: list(itertools.product(q, [1.0])),
    "islice": lambda q: list(itertools.islice(q, 1, 3)),
    "nlargest": lambda q: heapq.nlargest(1, q),
    "dict": lambda q: dict(zip("abc", q)),
    "array": lambda q: np.array(list(q)),
    "any": lambda q: any(x > 3.5 for x in q),
    "next": lambda q: next(iter(q)),
}


@pytest.mark.parametrize("kind", [Yields, Asked, Indexed, Multiplied])
def test_what_methods_read_is_read_at_every_call(kind, monkeypatch):
    for name, take in TAKERS.items():
        compiled = autodiff.function(lambda xs, take=take: take(kind(xs)), engine="numpy")
        for value in (2.0, 4.0):
            monkeypatch.setitem(globals(), "weight", value)
            args = ([0.5, 1.0, 1.5],)
            expected = _outcome(lambda xs, take=take: take(kind(xs)), args)
            assert _same(_outcome(compiled, args), expected), name


@pytest.mark.parametrize("engine", ENGINES)
def test_of_an_iterator_from_outside_no_more_is_taken_than_python_takes(engine):
    takers = (
        lambda a: sum(x * y * a for x, y in zip([0.5, 1.5], numbers)),
        lambda a: sum(x * y * a for y, x in zip(numbers, [0.5, 1.5])),
        lambda a: next(numbers) * a,
        lambda a: sum(itertools.islice(itertools.chain(numbers, [0.0]), 3)) * a,
        lambda a: next(k * a for k in numbers if k % 3 == 0),
    )
    for take in takers:
        found = []
        for f in (take, autodiff.function(take, engine=engine)):
            numbers = itertools.count(1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FallbackWarning)
                found.append([float(f(0.5)), float(f(0.5)), next(numbers)])
        assert found[0] == found[1]


# -- one loop -------------------------------------------------------------------------------------------
def path(xs, a):
    s = 1.0
    for x in xs:
        s = s * a + x
        yield s


def numbered(xs, a):
    return sum(k * y for k, y in enumerate(path(xs, a)))


def zipped_after(xs, a):
    t = 0.0
    for y, x in zip(path(xs, a), xs):
        t = t * a + x * y
    return t


def zipped_before(xs, a):
    t = 0.0
    for x, y, z in zip(xs, path(xs, a), xs[1:]):
        t = t * a + x * y - z
    return t


def kept_map(xs, a):
    c = [1.0]
    m = map(lambda x: x * c[0], xs)
    s = 0.0
    for k, y in enumerate(m):
        s += k * y
        c[0] *= a
    return s


def first_and_rest(xs, a):
    it = iter(xs)
    s = next(it)
    for x in it:
        s = s * a + x
    return s


def left_half_way(xs, a):
    it = iter(xs)
    s = 0.0
    for x in it:
        if x > 1.3:
            break
        s += x * a
    return s + 2 * sum(it)


def put_together(xs, a):
    kept = (x * a for x in xs if x > 0.7)
    sums = itertools.accumulate(xs, lambda p, x: p * a + x)
    both = itertools.chain(xs, map(lambda x: x * a, xs))
    ends = itertools.takewhile(lambda x: x < 1.2, xs)
    firsts = itertools.islice(path(xs, a), 7)
    return sum(kept) + sum(sums) + sum(both) + sum(ends) + sum(firsts)


def asked(xs, a):
    return a if any(y > 5 for y in path(xs, a)) else 2 * a


class Counted:
    def __init__(self, xs):
        self.xs, self.k = xs, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.k >= len(self.xs):
            raise StopIteration
        self.k += 1
        return self.xs[self.k - 1]


def of_a_class(xs, a):
    s = 0.0
    for x in Counted(xs):
        s = s * a + x
    return s


ONE_LOOP = (
    *(numbered, zipped_after, zipped_before, kept_map, first_and_rest),
    *(left_half_way, put_together, asked, of_a_class),
)


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_programs_are_as_long_for_any_number_of_items(f):
    one_loop_for_any_length(f)


# -- sums ------------------------------------------------------------------------------------------------
def sums(xs):
    return [
        sum(xs),
        sum(xs, 0.1),
        sum([x * 0.3 for x in xs]),
        sum(x * 0.3 for x in xs),
        sum(map(float, xs)),
        sum(np.float64(x) for x in xs),
        sum(np.array(xs)),
        sum(np.array(xs, np.float32)),
    ]


@pytest.mark.parametrize("n", [1, 9, 200])
def test_sums_are_those_of_python_to_the_last_bit(n):
    rng = np.random.default_rng(n)
    xs = (rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4, n)).tolist()
    found, expected = autodiff.function(sums, engine="numpy")(xs), sums(xs)
    assert found == expected
    assert [type(x) for x in found] == [type(x) for x in expected]
    native = autodiff.function(sums)(xs)
    np.testing.assert_allclose(native, expected, rtol=1e-4 if n > 1 else 1e-6)


def sums_of_floats(xs):
    return [
        sum(xs),
        sum(xs, 0.0),
        sum(xs, 3),
        sum(xs, xs[0]),
        sum([x * 2.0 for x in xs]),
        sum(x * 2.0 for x in xs),
        sum(np.array(xs).tolist()),
        sum([xs[0], xs[1], -xs[0]]),
        sum([1, 2, *xs[:4]]),
        sum([*xs[:2], 3, *xs[:4], True, 1.0]),
        sum([*xs[:4], math.inf, 1.0]),
    ]


def sums_of_other_numbers(xs):
    """Python adds up what additions round off where all are its own floats."""
    return [
        sum(xs, np.float64(1.0)),
        sum(xs, True),
        sum(np.float64(x) for x in xs),
        sum([np.float64(xs[0]), *xs[:4]]),
        sum([*xs[:4], np.float64(1.0), *xs[:4]]),
        sum([*xs[:3], xs[0] if xs[0] < 0.0 else 1, *xs[:4]]),
        sum([-0.0, xs[0] * -0.0, xs[1] * -0.0], -0.0),
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n", [1, 12])
@pytest.mark.parametrize("f", [sums_of_floats, sums_of_other_numbers], ids=lambda f: f.__name__)
def test_what_additions_round_off_is_added_where_python_does_so(f, n, engine):
    if engine == "native" and n > 1 and (f is sums_of_other_numbers or sys.version_info < (3, 12)):
        return  # in another order: where floats cancel there is nothing to compare
    xs = [1e16, 1.0, -1e16, 0.75, 1e3, -7.0] * n
    for values in (xs, [1.0, *xs[1:]], [math.nan, *xs]):
        found, expected = autodiff.function(f, engine=engine)(values), f(values)
        np.testing.assert_array_equal(found, expected)
        assert [math.copysign(1, x) for x in found if x == x] == [
            math.copysign(1, x) for x in expected if x == x
        ]
        assert [type(x) for x in found] == [type(x) for x in expected]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n", [3, 12])
def test_the_derivative_of_a_sum_of_floats_is_that_of_the_terms(n, engine):
    xs = [1e16, 1.0, -1e16, 2.0] * n
    slopes = autodiff.gradient(lambda xs: sum(x * x for x in xs), engine=engine)(xs)
    np.testing.assert_array_equal(slopes, 2.0 * np.array(xs))
    terms = (lambda x: sum([x, x * x, -x * 2.0]), (3.0,), (1.0,))
    _, tangent = autodiff.jvp(*terms, engine=engine)
    assert tangent == 1.0 + 6.0 - 2.0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_additions_lose_is_not_lost_by_fsum_and_means(engine):
    xs = [1e16, 1.0, -1e16, 1e-3, 3.0]

    def f(xs):
        return math.fsum(xs), statistics.mean(xs), statistics.fmean(x for x in xs)

    np.testing.assert_allclose(autodiff.function(f, engine=engine)(xs), f(xs), rtol=1e-15)
    slopes = autodiff.gradient(lambda xs: math.fsum(x * x for x in xs), engine=engine)([1.0, 2.0])
    np.testing.assert_array_equal(slopes, [2.0, 4.0])
    assert autodiff.function(lambda xs: math.fsum(xs), engine=engine)([math.inf, 1.0]) == math.inf


# -- names bound to one iterator or another ----------------------------------------------------------
def bound_anew_and_not_asked(xs, a):
    it = iter(xs)
    for x in xs:
        if x > a:
            it = iter([x, 1.0])  # noqa: F841
    return 1


def bound_anew_and_asked_after_the_loop(xs, a):
    it = iter([3.0, a])
    for x in xs:
        if x > a:
            it = iter([x, 1.0])
    return next(it)


def bound_anew_and_asked_at_once(xs, a):
    it, total = iter([a]), 0.0
    for x in xs:
        if x > a:
            it = zip([x], [2.0])
            for p, q in it:
                total = total + p * q
    return total, list(it)


def bound_on_two_sides(xs, a):
    it = iter([a, 2.0]) if a > 0.5 else iter([3.0])
    return sum(it)


def in_a_list_and_bound_anew(xs, a):
    held = [iter([a])]
    for x in xs:
        if x > a:
            held[0] = map(math.sin, [x, 3.0])
    return next(held[0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [
        bound_anew_and_not_asked,
        bound_anew_and_asked_after_the_loop,
        bound_anew_and_asked_at_once,
        bound_on_two_sides,
        in_a_list_and_bound_anew,
    ],
    ids=lambda f: f.__name__,
)
def test_a_name_may_be_bound_to_another_iterator_under_a_condition(f, engine) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        for a in (A, -1.0, 3.0):
            for x in (NUMBERS, NUMBERS[3:5]):
                found = autodiff.function(f, engine=engine)(np.array(x), a)
                assert _same(found, f(np.array(x), a))


# -- the end that ``iter(f, last)`` waits for --------------------------------------------------------
class Marked:
    """A number that notes whenever it is compared."""

    def __init__(self, value, notes):
        self.value = value
        self.notes = notes

    def __eq__(self, other):
        self.notes.append(self.value)
        return self.value == other.value


def ends_at_the_very_nan(x):
    last = float("nan")
    items = iter([1.0, float("nan"), last, 2.0])
    return [x * item for item in iter(lambda: next(items), last)]


def asks_the_last_one(x):
    notes = []
    items = iter([Marked(1, notes), Marked(2, notes), Marked(3, notes)])
    return [x * item.value for item in iter(lambda: next(items), Marked(2.0, notes))], notes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [ends_at_the_very_nan, asks_the_last_one], ids=lambda f: f.__name__)
def test_the_last_item_is_known_by_identity_and_then_by_its_own_comparison(f, engine) -> None:
    assert _same(autodiff.function(f, engine=engine)(A), f(A))


# -- what ``enumerate`` counts from -------------------------------------------------------------------
class Third:
    def __index__(self):
        return 2


def numbered_items(x, start):
    found = []
    for k, item in enumerate(x, start):
        found += [k, k * item]
    return found


def numbered_by_keyword(x, start):
    return [k for k, _ in enumerate(x, start=start)], list(enumerate(x, Third()))


def last_number(x, start):
    last = None
    for k, item in enumerate((v * 2 for v in x), start):
        last = k, k + item
    return last


def numbered_from_comparison(x, start):
    return list(enumerate(x, start > 0))


def numbered_array(x, start):
    last = 0.0
    for k, item in enumerate(np.array(x), start):
        if item > 1:
            last = k
    return last


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [numbered_items, numbered_by_keyword, last_number, numbered_from_comparison, numbered_array],
    ids=lambda f: f.__name__,
)
def test_enumerate_counts_ints(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    starts = [
        1, 3, True, False, np.int64(1), np.int64(5), np.int8(127), np.True_, 1.5, np.float64(2.0), np.array(2)
    ]  # fmt: skip
    for start in starts:
        arguments = ([1.5, 0.5], start)
        want, got = _outcome(f, arguments), _outcome(compiled, arguments)
        assert repr(got[:2]) == repr(want[:2]), start


def copied_chain(x):
    z = itertools.chain([x, 2 * x], [3 * x, 4 * x])
    y = copy.copy(z)
    next(y)
    return next(z) + 10 * next(y)


def copied_zip(x):
    items = iter([x, 2 * x, 3 * x, 4 * x])
    z = zip(items, [1, 2, 3])
    y = copy.copy(z)
    next(y)
    return next(z)[0] + 10 * next(y)[0]


def copied_deeply(x):
    z = iter([x, 2 * x, 3 * x])
    y = copy.deepcopy(z)
    next(y)
    return next(z) + 10 * next(y)


def copied_generator(x):
    g = (v * x for v in [x, 2.0])
    return next(copy.copy(g))


def copied_generator_in_a_list(x):
    return len(copy.deepcopy([(v * x for v in [x, 2.0])]))


def copied_generator_in_a_branch(x):
    g = (v * x for v in [x, 2.0])
    if x > 0.5:
        g = copy.copy(g)
    return x * 2.0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [
        copied_chain,
        copied_zip,
        copied_deeply,
        copied_generator,
        copied_generator_in_a_list,
        copied_generator_in_a_branch,
    ],
)
def test_copies_of_iterators_share_what_python_shares_and_generators_have_none(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (0.3, 0.7, 0.3):
        assert _outcome(compiled, (x,)) == _outcome(f, (x,))
