"""Programs that hand iterators on: kept, asked one by one, left half way, gone through together.

Each is a function of a list of floats and a number; what it returns begins with a float, and may tell the order in which
things were done.  ``test_iterators`` compares all of them with plain Python.
"""

# They are written as users write, lazily and badly; every one of them says in which order things happen.
# ruff: noqa: B007, B023, B031, B905, C400, C416, C417, C419, D, E501, E731, E741, FURB, PERF, PLR, PLW, RET, RUF, SIM, TRY, UP, B018, B030

import functools
import heapq
import itertools
import math
import operator
import statistics
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import (
    accumulate,
    chain,
    combinations,
    compress,
    count,
    cycle,
    dropwhile,
    groupby,
    islice,
    pairwise,
    permutations,
    product,
    repeat,
    starmap,
    takewhile,
    tee,
    zip_longest,
)

import numpy as np


def map_var(xs, a):
    scale = [1.0]
    m = map(lambda x: x * scale[0], xs)
    s = 0.0
    for y in m:
        s += y
        scale[0] *= a
    return s


def map_nonlocal(xs, a):
    c = a

    def f(x):
        return x * c

    m = map(f, xs)
    c = c * 2
    return sum(m)


def map_log(xs, a):
    log = []

    def f(x):
        log.append(x * a)
        return x * a

    m = map(f, xs)
    log.append(-1.0)
    s = 0.0
    for y in m:
        log.append(y + 1)
        s += y
    return s, log


def map_list_changed(xs, a):
    ys = list(xs)
    m = map(lambda x: x * a, ys)
    ys.append(3.0)
    return sum(m)


def map_zip(xs, a):
    c = [1.0]
    s = 0.0
    for x, y in zip(xs, map(lambda x: x * c[0], xs)):
        s += x * y
        c[0] = c[0] * a
    return s


def map_zip_two(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    def g(x):
        c[0] += 0.1
        return x + c[0]

    return sum(p * q for p, q in zip(map(f, xs), map(g, xs)))


def map_enumerate(xs, a):
    c = [1.0]
    s = 0.0
    for k, y in enumerate(map(lambda x: x * c[0], xs), 1):
        s += k * y
        c[0] *= a
    return s


def map_comp(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    return sum([y * c[0] for y in map(f, xs)])


def map_genexpr(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    return sum(y * c[0] for y in map(f, xs))


def map_next(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    m = map(f, xs)
    p = next(m, 0.5)
    c[0] = 2.0
    q = next(m, 0.25)
    return p + q + sum(m) + c[0]


def map_half(xs, a):
    m = map(lambda x: x * a, xs)
    s = 0.0
    for y in m:
        if y > 0.8:
            break
        s += y
    t = 0.0
    for y in m:
        t += 2 * y
    return s + 3 * t


def iter_half(xs, a):
    it = iter(xs)
    s = 0.0
    for y in it:
        s += y * a
        if s > 0.8:
            break
    t = sum(it)
    return s + 3 * t * a


def zip_half(xs, a):
    it = zip(xs, xs[1:])
    s = 0.0
    for y, z in it:
        s += y * z * a
        if s > 0.8:
            break
    t = sum(y + z for y, z in it)
    return s + 3 * t * a


def zip_twice(xs, a):
    z = zip(xs, xs)
    p = sum(x * y for x, y in z)
    q = sum(x + y for x, y in z)
    return p * a + q + len(list(z))


def enum_twice(xs, a):
    z = enumerate(xs)
    p = sum(k * y for k, y in z)
    q = sum(k + y for k, y in z)
    return p * a + q


def enum_next(xs, a):
    z = enumerate(xs)
    k, x = next(z, (7, 1.0))
    q = sum(k * y for k, y in z)
    return (k + x) * a + q


def reversed_twice(xs, a):
    z = reversed(xs)
    p = sum(y * a for y in z)
    q = sum(y for y in z)
    return p * a + q


def reversed_next(xs, a):
    z = reversed(xs)
    last = next(z, 0.0)
    p = 0.0
    for y in z:
        p = p * a + y
    return p + last


def zip_same_iter(xs, a):
    it = iter(xs)
    s = 0.0
    for p, q in zip(it, it):
        s += p * a + q
    return s


def zip_star_iter(xs, a):
    it = [iter(xs)] * 3
    s = 0.0
    for p, q, r in zip(*it):
        s += p * a + q - r
    return s


def next_idiom(xs, a):
    it = iter(xs)
    m = next(it, 0.0)
    for x in it:
        m = m * a + x
    return m


def next_stop(xs, a):
    it = iter(xs)
    s = 0.0
    while True:
        try:
            s = s * a + next(it)
        except StopIteration:
            break
    return s


def next_raises(xs, a):
    it = map(lambda x: x * a, xs)
    return next(it) + next(it)


def filter_var(xs, a):
    t = [0.0]
    m = filter(lambda x: x > t[0], xs)
    s = 0.0
    for y in m:
        s += y * a
        t[0] = t[0] + 0.6
    return s


def filter_list(xs, a):
    t = [0.0]

    def keep(x):
        t[0] += 0.2
        return x > t[0]

    return sum(filter(keep, xs)) * a + t[0]


def filter_none(xs, a):
    return sum(filter(None, [x - 0.5 for x in xs])) * a


def filterfalse_(xs, a):
    return sum(itertools.filterfalse(lambda x: x > 0.5, xs)) * a


def starmap_var(xs, a):
    c = [1.0]
    m = starmap(lambda x, y: x * y * c[0], zip(xs, xs[1:]))
    s = 0.0
    for y in m:
        s += y
        c[0] *= a
    return s


def accumulate_var(xs, a):
    c = [1.0]
    m = accumulate(xs, lambda p, x: p * c[0] + x)
    s = 0.0
    for y in m:
        s += y
        c[0] *= a
    return s


def accumulate_init(xs, a):
    c = [1.0]
    m = accumulate(xs, lambda p, x: p * c[0] + x, initial=a)
    c[0] = a
    return sum(m)


def accumulate_zip(xs, a):
    s = 0.0
    for x, t in zip(xs, accumulate(xs)):
        s = s * a + x * t
    return s


def chain_var(xs, a):
    ys = [a, 2 * a]
    c = chain(xs, ys)
    ys.append(3.0 * a)
    s = 0.0
    for y in c:
        s = s * 0.9 + y
    return s


def chain_lazy(xs, a):
    log = []

    def gen(n):
        log.append(n)
        for x in xs:
            yield x * n * a
        log.append(-n)

    s = 0.0
    for y in chain(gen(1), gen(2)):
        s = s * 0.9 + y
        log.append(0)
    return s, log


def chain_from(xs, a):
    log = []

    def gens():
        for n in (1, 2, 3):
            log.append(n)
            yield (x * n for x in xs)

    return sum(chain.from_iterable(gens())) * a, log


def islice_(xs, a):
    it = iter(xs)
    p = sum(islice(it, 2))
    q = sum(islice(it, 1, 3))
    return p * a + q * a * a + sum(it)


def islice_gen(xs, a):
    def g():
        x = 1.0
        while True:
            x = x * a
            yield x

    return sum(islice(g(), 5)) + sum(islice(g(), len(xs)))


def takewhile_(xs, a):
    it = iter(xs)
    p = sum(takewhile(lambda x: x < 1.3, it))
    return p * a + 2 * sum(it)


def dropwhile_(xs, a):
    return sum(dropwhile(lambda x: x < 1.0, xs)) * a


def ziplongest(xs, a):
    return sum(x * y for x, y in zip_longest(xs, xs[1:], fillvalue=a)) * a


def pairwise_(xs, a):
    p = pairwise(xs)
    s = 0.0
    for x, y in p:
        s = s * a + x * y
    return s + len(list(p))


def product_(xs, a):
    return sum(x * y * a for x, y in product(xs[:4], repeat=2))


def groupby_(xs, a):
    s, k = 0.0, 1
    for key, g in groupby(xs, key=lambda x: x > 0.6):
        s += sum(g) * k * a
        k += 1
    return s


def count_(xs, a):
    s = 0.0
    for k, x in zip(count(1), xs):
        s += k * x * a
    return s


def count_map(xs, a):
    return sum(map(lambda k, x: k * x * a, count(), xs))


def cycle_(xs, a):
    return sum(x * w for x, w in zip(xs, cycle([1.0, a])))


def repeat_(xs, a):
    return sum(map(lambda x, y: x * y, xs, repeat(a)))


def repeat_pow(xs, a):
    return sum(map(operator.mul, xs, repeat(a, 3)))


def tee_(xs, a):
    p, q = tee(xs)
    next(q, None)
    return sum(x * y * a for x, y in zip(p, q))


def tee_map(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    p, q = tee(map(f, xs))
    s = sum(p)
    c[0] = 5.0
    return s + sum(y * c[0] for y in q)


def enum_gen(xs, a):
    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            yield s

    t = 0.0
    for k, y in enumerate(g()):
        t += k * y
    return t


def zip_gen(xs, a):
    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            yield s

    t = 0.0
    for y, x in zip(g(), xs):
        t += x * y
    return t


def zip_gen_shorter(xs, a):
    log = []

    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            log.append(s)
            yield s

    t = 0.0
    for y, x in zip(g(), xs[:3]):
        t += x * y
    return t, log


def zip_gen_second(xs, a):
    log = []

    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            log.append(s)
            yield s

    t = 0.0
    for x, y in zip(xs[:3], g()):
        t += x * y
    return t, log


def zip_two_gens(xs, a):
    log = []

    def g(n):
        s = 1.0 * n
        for x in xs:
            s = s * a + x
            log.append(s)
            yield s

    t = 0.0
    for x, y in zip(g(1), g(2)):
        t += x * y
    return t, log


def zip_strict(xs, a):
    return sum(x * y for x, y in zip(xs, xs[1:], strict=True)) * a


def zip_strict2(xs, a):
    s = 0.0
    try:
        for x, y in zip(xs, xs[1:], strict=True):
            s += x * y * a
    except ValueError as e:
        return s, str(e)
    return s, "none"


def reduce_init(xs, a):
    return functools.reduce(lambda p, x: p * a + x, xs, 0.5)


def reduce_none(xs, a):
    return functools.reduce(lambda p, x: p * a + x, xs)


def reduce_map(xs, a):
    c = [1.0]

    def f(x):
        c[0] *= a
        return x * c[0]

    return functools.reduce(lambda p, x: p * c[0] + x, map(f, xs), 0.0)


def min_key_iter(xs, a):
    return min(iter(xs), key=lambda x: abs(x - a), default=9.0) * a


def max_map_default(xs, a):
    return max(map(lambda x: x * a, xs), default=a)


def max_key_gen(xs, a):
    return max((x * a for x in xs), key=lambda y: y * (1 - y), default=0.1)


def min_empty(xs, a):
    return min(map(lambda x: x * a, xs))


def sorted_key(xs, a):
    ys = sorted(map(lambda x: x * a, xs), key=lambda y: round(y))
    s = 0.0
    for y in ys:
        s = s * 0.5 + y
    return s


def sorted_stable(xs, a):
    ys = sorted(enumerate(xs), key=lambda p: p[1] > 0.6)
    s = 0.0
    for k, y in ys:
        s = s * a + y
    return s


def any_map(xs, a):
    log = []

    def f(x):
        log.append(x)
        return x * a > 0.7

    r = any(map(f, xs))
    return (a if r else 2 * a), log


def all_map(xs, a):
    log = []

    def f(x):
        log.append(x)
        return x * a < 0.9

    m = map(f, xs)
    r = all(m)
    return (a if r else 2 * a), log, len(list(m))


def any_rest(xs, a):
    it = iter(xs)
    r = any(x > 1.0 for x in it)
    return sum(it) * a, r


def in_iter(xs, a):
    it = iter(xs)
    r = 2.0 in it
    return sum(it) * a, r


def in_map(xs, a):
    m = map(lambda x: x * 2, xs)
    r = 4.0 in m
    return sum(m) * a, r


def dict_zip(xs, a):
    d = dict(zip("abcde", map(lambda x: x * a, xs)))
    return sum(d.values()), list(d)


def unpack_map(xs, a):
    p, *q = map(lambda x: x * a, xs)
    return p + 2 * sum(q)


def unpack_exact(xs, a):
    p, q, r = map(lambda x: x * a, xs[:3])
    return p * q * r


def star_call(xs, a):
    def f(*v):
        return sum(v)

    return f(*map(lambda x: x * a, xs))


def star_list(xs, a):
    ys = [*map(lambda x: x * a, xs), *(x for x in xs)]
    return sum(ys)


def extend_map(xs, a):
    ys = [a]
    ys.extend(map(lambda x: x * a, xs))
    ys += (x * 2 for x in xs)
    return sum(ys), len(ys)


def extend_self(xs, a):
    ys = [a]
    ys.extend(map(lambda x: x * ys[0], xs))
    return sum(ys)


def np_array_map(xs, a):
    return float(np.sum(np.array(list(map(lambda x: x * a, xs))) ** 2))


def fromiter_(xs, a):
    return float(np.fromiter((x * a for x in xs), float).sum())


def map_three(xs, a):
    return sum(map(lambda x, y, z: x * y - z * a, xs, xs[1:], xs[2:]))


def map_of_map(xs, a):
    c = [0.0]

    def f(x):
        c[0] += 1
        return x * a

    def g(x):
        c[0] *= 0.9
        return x + c[0]

    m = map(g, map(f, xs))
    s = 0.0
    for y in m:
        s = s * 0.8 + y * c[0]
    return s


def gen_of_map(xs, a):
    c = [0.0]

    def f(x):
        c[0] += 1
        return x * a

    g = (y * c[0] for y in map(f, xs))
    c[0] = 3.0
    s = 0.0
    for y in g:
        s = s * 0.8 + y * c[0]
    return s


def genexp_late(xs, a):
    c = a
    g = (x * c for x in xs)
    c = 3 * a
    return sum(g)


def fsum_(xs, a):
    return math.fsum(xs) * a


def fsum_gen(xs, a):
    return math.fsum(x * a for x in xs)


def prod_(xs, a):
    return math.prod(map(lambda x: x * a, xs)) + math.prod(xs, start=a)


def dist_(xs, a):
    return math.dist(xs, [x * a for x in xs])


def hypot_(xs, a):
    return math.hypot(*xs, a)


def sumprod_mean(xs, a):
    return statistics.mean(xs) * a


def fmean_(xs, a):
    return statistics.fmean(x * a for x in xs)


def fmean_map(xs, a):
    return statistics.fmean(map(lambda x: x * a, xs))


def variance_(xs, a):
    return statistics.variance([x * a for x in xs])


def pvariance_gen(xs, a):
    return statistics.pvariance(x * a for x in xs)


def stdev_(xs, a):
    return statistics.stdev(map(lambda x: x * a, xs))


def median_(xs, a):
    return statistics.median(xs) * a


def geomean(xs, a):
    return statistics.geometric_mean([abs(x) + a for x in xs])


def harmonic(xs, a):
    return statistics.harmonic_mean([abs(x) + a for x in xs])


class Up:
    def __init__(self, xs, a):
        self.xs, self.a, self.k = xs, a, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.k >= len(self.xs):
            raise StopIteration
        self.k += 1
        return self.xs[self.k - 1] * self.a


class Seq:
    def __init__(self, xs, a):
        self.xs, self.a, self.log = xs, a, []

    def __len__(self):
        self.log.append("len")
        return len(self.xs)

    def __getitem__(self, k):
        self.log.append(k)
        return self.xs[k] * self.a


class SeqIter(Seq):
    def __iter__(self):
        self.log.append("iter")
        for x in self.xs:
            yield x * self.a * 2


class MyList(list):
    def __getitem__(self, k):
        return list.__getitem__(self, k) * 10


class MyListIter(list):
    def __iter__(self):
        for x in list.__iter__(self):
            yield x * 3


class MyListLen(list):
    def __len__(self):
        return 2


class MyListAppend(list):
    def append(self, x):
        super().append(x * 2)


class MyTuple(tuple):
    def __iter__(self):
        return iter([x * 2 for x in tuple.__iter__(self)])

    def __getitem__(self, k):
        return tuple.__getitem__(self, k) * 5


class MyDict(dict):
    def __getitem__(self, k):
        return dict.__getitem__(self, k) * 3

    def __contains__(self, k):
        return True

    def __iter__(self):
        return iter(["a"])


class MyDict2(dict):
    def keys(self):
        return ["b", "a"]

    def values(self):
        return [1.0, 2.0]

    def __missing__(self, k):
        return 7.0


class Rev:
    def __init__(self, xs):
        self.xs = xs

    def __reversed__(self):
        for k in range(len(self.xs) - 1, -1, -1):
            yield self.xs[k] * 2


def up_for(xs, a):
    s = 0.0
    for y in Up(xs, a):
        s = s * 0.9 + y
    return s


def up_sum(xs, a):
    return sum(Up(xs, a))


def up_list(xs, a):
    return sum(list(Up(xs, a))) + len(list(Up(xs, a)))


def up_zip(xs, a):
    return sum(x * y for x, y in zip(xs, Up(xs, a)))


def up_map(xs, a):
    return sum(map(lambda y: y * a, Up(xs, a)))


def up_next(xs, a):
    u = Up(xs, a)
    p = next(u, 0.0)
    return p * 2 + sum(u)


def up_comp(xs, a):
    return sum([y * y for y in Up(xs, a)])


def up_half(xs, a):
    u = Up(xs, a)
    s = 0.0
    for y in u:
        if y > 0.9:
            break
        s += y
    return s + 2 * sum(u) + u.k


def up_enumerate(xs, a):
    return sum(k * y for k, y in enumerate(Up(xs, a), 2))


def up_unpack(xs, a):
    p, *q = Up(xs, a)
    return p + 2 * sum(q)


def up_array(xs, a):
    return float(np.array(list(Up(xs, a))).sum())


def up_reduce(xs, a):
    return functools.reduce(lambda p, q: p * a + q, Up(xs, a), 1.0)


def up_max(xs, a):
    return max(Up(xs, a), default=a)


def up_sorted(xs, a):
    return sum(k * y for k, y in enumerate(sorted(Up(xs, a))))


def up_in(xs, a):
    u = Up(xs, 1.0)
    r = 0.5 in u
    return sum(u) * a, r


def up_any(xs, a):
    u = Up(xs, a)
    r = any(u)
    return u.k * a, r


def up_global(xs, a):
    u = Up(xs, a)
    return sum(islice(u, 3)) + u.k


def seq_for(xs, a):
    q = Seq(xs, a)
    s = 0.0
    for y in q:
        s = s * 0.9 + y
    return s, q.log


def seq_sum(xs, a):
    q = Seq(xs, a)
    return sum(q), q.log


def seq_list(xs, a):
    q = Seq(xs, a)
    return sum(list(q)), q.log


def seq_rev(xs, a):
    q = Seq(xs, a)
    s = 0.0
    for y in reversed(q):
        s = s * 0.9 + y
    return s, q.log


def seq_zip(xs, a):
    q = Seq(xs, a)
    return sum(x * y for x, y in zip(q, xs[:3])), q.log


def seq_in(xs, a):
    q = Seq(xs, 1.0)
    r = 0.5 in q
    return a, r, q.log


def seq_array_nograd(xs, a):
    q = Seq(xs, a)
    return float(np.array(q).sum()), q.log


def seqiter_for(xs, a):
    q = SeqIter(xs, a)
    s = 0.0
    for y in q:
        s = s * 0.9 + y
    return s + sum(q), q.log


def seqiter_list(xs, a):
    q = SeqIter(xs, a)
    r = list(q)
    return sum(r), q.log


def seqiter_tuple(xs, a):
    q = SeqIter(xs, a)
    r = tuple(q)
    return sum(r), q.log


def mylist_for(xs, a):
    s = 0.0
    for y in MyList(xs):
        s = s * a + y
    return s + MyList(xs + [a])[0]


def mylist_sum(xs, a):
    return sum(MyList(xs)) * a


def mylist_list(xs, a):
    return sum(list(MyList(xs))) * a


def mylist_array(xs, a):
    return float(np.array(MyList(xs)).sum()) * a


def mylist_rev(xs, a):
    s = 0.0
    for y in reversed(MyList(xs)):
        s = s * a + y
    return s


def mylist_zip(xs, a):
    return sum(x * y for x, y in zip(MyList(xs), xs)) * a


def mylist_unpack(xs, a):
    p, *q = MyList([a, *xs])
    return p + sum(q)


def mylist_max(xs, a):
    return max(MyList([a, *xs]))


def mylistiter_for(xs, a):
    s = 0.0
    for y in MyListIter(xs):
        s = s * a + y
    return s


def mylistiter_sum(xs, a):
    return sum(MyListIter(xs)) * a


def mylistiter_list(xs, a):
    return sum(list(MyListIter(xs))) * a


def mylistiter_tuple(xs, a):
    return sum(tuple(MyListIter(xs))) * a


def mylistiter_array(xs, a):
    return float(np.array(MyListIter(xs)).sum()) * a


def mylistiter_unpack(xs, a):
    p, *q = MyListIter([a, *xs])
    return p + sum(q)


def mylistiter_star(xs, a):
    return sum([*MyListIter([a, *xs])])


def mylistiter_extend(xs, a):
    ys = [a]
    ys.extend(MyListIter(xs))
    ys += MyListIter(xs)
    return sum(ys)


def mylistiter_plus(xs, a):
    return sum([a] + MyListIter(xs))


def mylistiter_sorted(xs, a):
    return sum(k * y for k, y in enumerate(sorted(MyListIter(xs)))) * a


def mylistiter_fsum(xs, a):
    return math.fsum(MyListIter(xs)) * a


def mylistiter_max(xs, a):
    return max(MyListIter([a, *xs]))


def mylistiter_index(xs, a):
    return MyListIter([a, *xs])[0]


def mylistiter_in(xs, a):
    return a, 1.5 in MyListIter(xs), 0.5 in MyListIter(xs)


def mylistiter_len(xs, a):
    return len(MyListIter(xs)) * a


def mylistlen(xs, a):
    q = MyListLen([a, *xs, a])
    return sum(q) + len(q), bool(q)


def mylistlen_array_nograd(xs, a):
    return float(np.array(MyListLen([a, *xs, a])).sum())


def mylistlen_rev(xs, a):
    return sum(reversed(MyListLen([a, *xs, a]))) + a


def mylistappend(xs, a):
    q = MyListAppend()
    for x in xs:
        q.append(x * a)
    q.extend([a])
    q += [a]
    return sum(q), len(q)


def mytuple_for(xs, a):
    s = 0.0
    for y in MyTuple([a, *xs]):
        s = s * a + y
    return s


def mytuple_sum(xs, a):
    return sum(MyTuple([a, *xs]))


def mytuple_list(xs, a):
    return sum(list(MyTuple([a, *xs])))


def mytuple_index(xs, a):
    return MyTuple([a, *xs])[0]


def mytuple_unpack(xs, a):
    p, *q = MyTuple([a, *xs])
    return p + sum(q)


def mytuple_array(xs, a):
    return float(np.array(MyTuple([a, *xs])).sum())


def mydict_get(xs, a):
    d = MyDict(a=a, b=2.0)
    return d["a"] + d.get("b") * a, "zz" in d, list(d), len(d), dict(d)


def mydict_items(xs, a):
    d = MyDict(a=a, b=2.0)
    return sum(d.values()), list(d.items()), [k for k in d], sorted(d)


def mydict2(xs, a):
    d = MyDict2(a=a, b=2.0 * a)
    return d["a"] + d["q"] + sum(d.values()), list(d.keys()), list(d)


def mydict2_dict(xs, a):
    d = MyDict2(a=a, b=2.0 * a)
    e = dict(d)
    f = {**d}
    return e["a"], e, f


def rev_own(xs, a):
    s = 0.0
    for y in reversed(Rev(xs)):
        s = s * a + y
    return s


def iter_sentinel(xs, a):
    it = iter(xs + [99.0])
    s = 0.0
    for y in iter(lambda: next(it), 99.0):
        s = s * a + y
    return s


def iter_callable(xs, a):
    c = [0.0]

    def f():
        c[0] += 0.5
        return c[0]

    return sum(iter(f, 2.5)) * a


def gen_send(xs, a):
    def g():
        t = 0.0
        while True:
            x = yield t
            t = t * a + x

    k = g()
    next(k)
    r = 0.0
    for x in xs:
        r = k.send(x)
    return r


def gen_return(xs, a):
    def g():
        for x in xs:
            yield x * a
        return 5.0

    def h():
        r = yield from g()
        yield r * a

    return sum(h())


def gen_stop(xs, a):
    def g():
        for x in xs:
            if x > 1.4:
                raise StopIteration
            yield x * a

    return sum(g())


def gen_stop2(xs, a):
    def g():
        it = iter(xs)
        while True:
            yield next(it) * a

    try:
        return sum(g())
    except RuntimeError as e:
        return a, str(e)


def gen_held(xs, a):
    log = []

    def g():
        for x in xs:
            log.append(x)
            yield x * a

    k = g()
    s = 0.0
    for y, _ in zip(k, range(2)):
        s += y
    return s + sum(k), log


def gen_enum_half(xs, a):
    def g():
        for x in xs:
            yield x * a

    k = g()
    s = 0.0
    for n, y in enumerate(k):
        if n == 2:
            break
        s += n * y
    return s + 3 * sum(k)


def gen_list_comp(xs, a):
    def g():
        for x in xs:
            yield x * a

    return sum([n * y for n, y in enumerate(g(), start=1)])


def gen_zip_strict(xs, a):
    def g():
        for x in xs:
            yield x * a

    return sum(x * y for x, y in zip(xs, g(), strict=True))


def gen_zip_range(xs, a):
    def g():
        s = 1.0
        while True:
            s *= a
            yield s

    return sum(k * y for k, y in zip(range(10), g()))


def gen_zip_map(xs, a):
    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            yield s

    return sum(map(lambda x, y: x * y, xs, g()))


def gen_zip3(xs, a):
    def g():
        s = 1.0
        for x in xs:
            s = s * a + x
            yield s

    return sum(x * y * z for x, y, z in zip(xs, g(), xs[1:]))


def dictcomp(xs, a):
    d = {k: x * a for k, x in enumerate(xs)}
    return sum(d.values()), list(d)


def setcomp(xs, a):
    return len({k % 3 for k, x in enumerate(xs)}) * a


def deque_map(xs, a):
    d = deque(map(lambda x: x * a, xs), maxlen=3)
    return sum(d), len(d)


def join_map(xs, a):
    return a, ",".join(map(str, xs))


def print_zip(xs, a):
    return a, str(list(zip(xs, xs)))


def isinst(xs, a):
    m = map(lambda x: x, xs)
    z = zip(xs, xs)
    e = enumerate(xs)
    r = reversed(xs)
    return (
        a,
        isinstance(m, map),
        isinstance(z, zip),
        type(e) is enumerate,
        iter(m) is m,
        iter(z) is z,
        hasattr(m, "__next__"),
        hasattr(r, "__len__"),
        type(filter(None, xs)).__name__,
        type(iter(xs)).__name__,
    )


def len_zip(xs, a):
    return len(zip(xs, xs)) * a


def index_zip(xs, a):
    return zip(xs, xs)[0]


def len_map(xs, a):
    return len(map(abs, xs)) * a


def sum_start(xs, a):
    return sum((x * a for x in xs), 10)


def sum_ints(xs, a):
    return sum(map(int, xs)) * a, sum([1, 2, 3]), sum(x > 0 for x in xs)


def sum_arrays(xs, a):
    return sum([np.array([x, x * a]) for x in xs])


def sum_lists(xs, a):
    return sum([[x * a] for x in xs], [])


def sum_strs(xs, a):
    return sum(["a"])


def next_default_map(xs, a):
    m = map(lambda x: x * a, filter(lambda x: x > 1.3, xs))
    return next(m, a) + next(m, 2 * a)


def find_first(xs, a):
    return next((x * a for x in xs if x > 1.0), a)


def find_first_idx(xs, a):
    k = next((k for k, x in enumerate(xs) if x > 1.0), -1)
    return xs[k] * a if k >= 0 else a


def nested_iter(xs, a):
    it = iter(xs)
    s = 0.0
    for x in it:
        for y in islice(it, 1):
            s = s * a + x * y
    return s


def skip_next(xs, a):
    it = iter(xs)
    s = 0.0
    for x in it:
        s = s * a + x
        next(it, None)
    return s


def chunk(xs, a):
    it = iter(xs)
    s = 0.0
    while True:
        c = list(islice(it, 3))
        if not c:
            break
        s = s * a + sum(c) * len(c)
    return s


def chunk_walrus(xs, a):
    it = iter(xs)
    s = 0.0
    while c := tuple(islice(it, 2)):
        s = s * a + sum(c)
    return s


def roundrobin(xs, a):
    its = cycle([iter(xs), iter(xs[2:])])
    s = 0.0
    for it in its:
        v = next(it, None)
        if v is None:
            break
        s = s * a + v
    return s


def windows(xs, a):
    its = tee(xs, 3)
    for k, it in enumerate(its):
        for _ in range(k):
            next(it, None)
    return sum(p * a + q - r for p, q, r in zip(*its))


def compress_(xs, a):
    return sum(compress(xs, [x > 0.6 for x in xs])) * a


def combos(xs, a):
    return sum(x * y for x, y in combinations(xs[:5], 2)) * a


def perms(xs, a):
    return sum(x - y * a for x, y in permutations(xs[:3], 2))


def nsmall(xs, a):
    return sum(heapq.nsmallest(2, map(lambda x: x * a, xs)))


def iter_dict(xs, a):
    d = {"p": a, "q": a * a}
    it = iter(d)
    k = next(it)
    return d[k] + sum(d[j] for j in it)


def dict_items_it(xs, a):
    d = {k: x * a for k, x in enumerate(xs)}
    it = iter(d.items())
    s = 0.0
    for k, v in it:
        s += k * v
        if k == 1:
            break
    return s + 2 * sum(v for k, v in it)


def dict_changed(xs, a):
    d = {k: x * a for k, x in enumerate(xs)}
    for k in d:
        if k == 1:
            d[99] = 1.0
    return sum(d.values())


def list_grows(xs, a):
    ys = list(xs)
    s = 0.0
    for y in ys:
        s = s * a + y
        if len(ys) < 15 and y > 1.0:
            ys.append(y - 0.5)
    return s


def list_shrinks(xs, a):
    ys = list(xs)
    s = 0.0
    for y in ys:
        s = s * a + y
        if y > 1.0:
            ys.remove(y)
    return s


def array_iter(xs, a):
    v = np.array(xs)
    it = iter(v)
    p = next(it, 0.0)
    v *= a
    return float(p + sum(it))


def array_zip(xs, a):
    v = np.array(xs) * a
    z = zip(v, v[1:])
    v += 1.0
    return float(sum(p * q for p, q in z))


def array_rows(xs, a):
    m = np.outer(xs, xs) * a
    it = iter(m)
    s = 0.0
    for row in it:
        s += row.sum()
        row *= 2
        if s > 1.0:
            break
    return float(s + sum(map(np.sum, it)) + m.sum())


def map_none_args(xs, a):
    try:
        map(abs)
    except TypeError as e:
        return a, str(e)


def map_raises(xs, a):
    log = []

    def f(x):
        log.append(x)
        if x > 1.0:
            raise ValueError("big")
        return x * a

    s = 0.0
    try:
        for y in map(f, xs):
            s += y
    except ValueError as e:
        return s, log, str(e)
    return s, log, ""


def map_not_iter(xs, a):
    try:
        map(abs, 5)
    except TypeError as e:
        return a, str(e)


def zip_not_iter(xs, a):
    try:
        zip(xs, a)
    except TypeError as e:
        return a, str(e)


def enumerate_not(xs, a):
    try:
        enumerate(a)
    except TypeError as e:
        return a, str(e)


def reversed_not(xs, a):
    try:
        reversed(iter(xs))
    except TypeError as e:
        return a, str(e)


def iter_reversed_list(xs, a):
    ys = list(xs)
    r = reversed(ys)
    ys.append(5.0)
    s = 0.0
    for y in r:
        s = s * a + y
    return s


def stop_in_for(xs, a):
    s = 0.0
    it = iter([])
    try:
        for x in xs:
            s += x * a
            next(it)
    except StopIteration:
        return s
    return s


def stop_in_map(xs, a):
    it = iter(xs[:3])
    return sum(map(lambda x: x * next(it), xs)) * a


def stop_in_genexp(xs, a):
    it = iter(xs[:3])
    try:
        return sum(x * next(it) for x in xs) * a
    except RuntimeError as e:
        return a, str(e)


def stop_in_listcomp(xs, a):
    it = iter(xs[:3])
    try:
        return sum([x * next(it) for x in xs]) * a
    except StopIteration as e:
        return a, str(e)


def fsum2(xs, a):
    return math.fsum([x * a for x in xs] + [1e16, *xs, -1e16])


def fsum3(xs, a):
    return math.fsum(x * a for x in xs), math.fsum([]), math.fsum([math.inf, 1.0])


def fsum4(xs, a):
    return math.fsum(map(lambda x: x * a, xs))


def mean2(xs, a):
    return statistics.mean(xs) * a if xs else a


def fmean2(xs, a):
    return statistics.fmean(map(lambda x: x * a, xs)) if xs else a


def geo(xs, a):
    return statistics.geometric_mean([abs(x) + a for x in xs])


def geo2(xs, a):
    return statistics.geometric_mean([x + a for x in xs])


def harm(xs, a):
    return statistics.harmonic_mean([abs(x) + a for x in xs])


def harm2(xs, a):
    return statistics.harmonic_mean([x + a for x in xs])


def pvar(xs, a):
    return statistics.pvariance(x * a for x in xs)


def sum_start2(xs, a):
    return sum((x * a for x in xs), a)


def sum_exact_nograd(xs, a):
    return [
        sum([x * a for x in xs]),
        sum(xs),
        sum(np.float64(x) for x in xs),
        sum(np.array(xs)),
        sum(map(np.sin, xs)),
        sum(xs, 0.1),
    ]


def sum_f32(xs, a):
    return float(sum(np.array(xs, np.float32))) * a


def prodstart(xs, a):
    return math.prod((x for x in xs), start=a)


def sumint(xs, a):
    return sum(k for k in range(len(xs))) * a, sum([True, False]), sum(x > 0 for x in xs)


G = [1.0, 2.0, 3.0]


W = 2.0


class Reads:
    def __init__(self, xs):
        self.xs, self.k = xs, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.k == len(self.xs):
            raise StopIteration
        self.k += 1
        return self.xs[self.k - 1] * W


class Node:
    def __init__(self, v, nxt):
        self.v, self.nxt = v, nxt


class Linked:
    def __init__(self, head):
        self.head = head

    def __iter__(self):
        n = self.head
        while n is not None:
            yield n.v
            n = n.nxt


class Holder:
    def __init__(self, xs, a):
        self.it = map(lambda x: x * a, xs)

    def take(self, n):
        return list(islice(self.it, n))


def range_rev(xs, a):
    s = 0.0
    for k in reversed(range(len(xs))):
        s = s * a + xs[k]
    return s


def range_len_enum(xs, a):
    s = 0.0
    for k, j in enumerate(reversed(range(len(xs)))):
        s = s * a + xs[j] * k
    return s


def attr_iter(xs, a):
    h = Holder(xs, a)
    p = h.take(2)
    q = h.take(1)
    return sum(p) + 2 * sum(q) + 3 * sum(h.it)


def global_iter(xs, a):
    it = iter(G)
    return next(it) * a + sum(it)


def global_map(xs, a):
    return sum(map(lambda g, x: g * x * a, G, xs))


def reads_global(xs, a):
    return sum(Reads(xs)) * a


def linked(xs, a):
    h = None
    for x in xs:
        h = Node(x * a, h)
    return sum(Linked(h)) + sum(k * v for k, v in enumerate(Linked(h)))


def passed_on(xs, a):
    def consume(it, n):
        s = 0.0
        for _ in range(n):
            s += next(it, 0.0)
        return s

    it = map(lambda x: x * a, xs)
    return consume(it, 2) * 2 + consume(it, 3) * 3 + sum(it)


def in_branch(xs, a):
    it = iter(xs)
    s = next(it, 0.0)
    if s > 0.2:
        s += next(it, 0.0) * a
    else:
        s += sum(it)
    return s + 2 * sum(it)


def in_loop_branch(xs, a):
    it = iter(xs)
    s = 0.0
    for k in range(8):
        if k % 2 == 0:
            s += next(it, 0.0) * a
    return s


def while_next(xs, a):
    it = iter(xs)
    s = 0.0
    x = next(it, None)
    while x is not None:
        s = s * a + x
        x = next(it, None)
    return s


def dict_of_iters(xs, a):
    d = {"p": iter(xs), "q": map(lambda x: x * a, xs)}
    s = next(d["p"], 1.0)
    s += next(d["q"], 1.0)
    return s + sum(d["p"]) + 2 * sum(d["q"])


def list_of_iters(xs, a):
    its = [iter(xs), reversed(xs), (x * a for x in xs)]
    s = 0.0
    for it in its:
        s = s * a + next(it, 0.5)
    for it in its:
        s = s * a + sum(it)
    return s


def enumerate_zip(xs, a):
    s = 0.0
    for k, (x, y) in enumerate(zip(xs, xs[1:])):
        s += k * x * y * a
    return s


def zip_enumerate(xs, a):
    s = 0.0
    for (k, x), y in zip(enumerate(xs), reversed(xs)):
        s += k * x * y * a
    return s


def zip_star_rows(xs, a):
    rows = [(x, x * a) for x in xs]
    if not rows:
        return a
    p, q = zip(*rows)
    return sum(p) * sum(q)


def break_then_else(xs, a):
    it = iter(xs)
    for x in it:
        if x > 1.0:
            s = x * a
            break
    else:
        s = a
    return s + sum(map(abs, it))


def break_in_zip(xs, a):
    it = iter(xs)
    s = 0.0
    for x, k in zip(it, range(3)):
        s += x * a * k
    return s + 10 * next(it, 0.0)


def zip_range_first(xs, a):
    it = iter(xs)
    s = 0.0
    for k, x in zip(range(3), it):
        s += x * a * k
    return s + 10 * next(it, 0.0)


def zip_two_lists_held(xs, a):
    p, q = iter(xs), iter(xs[:4])
    s = sum(x * y for x, y in zip(p, q)) * a
    return s + 10 * next(p, 0.0) + 20 * next(q, 0.5)


def count_held(xs, a):
    c = count(3)
    s = sum(k * x for k, x in zip(c, xs)) * a
    return s + next(c)


def count_held2(xs, a):
    c = count(3, 2)
    s = 0.0
    for x, k in zip(xs, c):
        s += k * x * a
    return s + next(c)


def repeat_held(xs, a):
    r = repeat(a, 30)
    s = sum(map(operator.mul, xs, r))
    return s + len(list(r))


def repeat_held2(xs, a):
    r = repeat(a, 30)
    s = sum(x * y for y, x in zip(r, xs))
    return s + len(list(r))


def enum_held(xs, a):
    e = enumerate(xs)
    s = 0.0
    for k, x in e:
        s += x * a
        if k == 2:
            break
    return s + sum(k for k, x in e)


def islice_held(xs, a):
    it = iter(xs)
    s = 0.0
    for x in islice(it, 3):
        s = s * a + x
    t = 0.0
    for x in it:
        t = t * a + x
    return s + 2 * t


def islice_step(xs, a):
    return sum(islice(xs, 1, None, 2)) * a, list(islice(xs, 2, 5))


def islice_map_log(xs, a):
    log = []

    def f(x):
        log.append(x)
        return x * a

    m = map(f, xs)
    return sum(islice(m, 3)), log, sum(m), log


def accumulate_max(xs, a):
    return sum(accumulate(xs, max)) * a


def accumulate_half(xs, a):
    it = accumulate(xs, lambda p, x: p * a + x)
    s = 0.0
    for y in it:
        if y > 1.3:
            break
        s += y
    return s + 2 * sum(it)


def takewhile_log(xs, a):
    log = []

    def t(x):
        log.append(x)
        return x < 0.9

    s = 0.0
    for x in takewhile(t, xs):
        s = s * a + x
        log.append(s)
    return s, log


def filter_log(xs, a):
    log = []

    def t(x):
        log.append(x)
        return x > 0.1

    s = 0.0
    for x in filter(t, map(lambda x: x * a, xs)):
        s = s * a + x
        log.append(-s)
    return s, log


def nested_maps_loop(xs, a):
    s = 0.0
    for x in xs[:4]:
        for y in map(lambda z: z * x * a, xs[:3]):
            s = s * 0.9 + y
    return s


def map_in_comp(xs, a):
    return sum([sum(map(lambda z: z * x, xs)) for x in xs]) * a


def map_method(xs, a):
    class C:
        def __init__(self):
            self.t = 0.0

        def f(self, x):
            self.t += x
            return self.t * a

    c = C()
    m = map(c.f, xs)
    c.t = 1.0
    s = sum(m)
    return s + c.t


def any_lazy_error(xs, a):
    return a, any(1.0 / x > 1.0 for x in [1.5, 0.5, 0.0])


def any_lazy_error2(xs, a):
    ys = [2.0, 0.4, 0.0]
    return a, any(a / y > 1.0 for y in ys), all(a / y < 1.0 for y in ys)


def any_method(xs, a):
    log = []

    def t(x):
        log.append(x)
        return x * a > 0.5

    return a, any(t(x) for x in xs), any([t(x) for x in xs]), log


def any_values_nograd(xs, a):
    return any(xs), all(xs), any(x - x for x in xs), all(x for x in xs), any(iter(xs)), any([])


def filter_array(xs, a):
    v = np.array(xs)
    return float(sum(filter(lambda x: x > 0, v)) * a)


def map_arrays(xs, a):
    v = np.outer(xs, [1.0, a])
    m = map(np.sum, v)
    v += 1.0
    return float(sum(m))


def min_gen_key(xs, a):
    log = []

    def g():
        for x in xs:
            log.append(x)
            yield x * a

    def k(y):
        log.append(-y)
        return (y - 0.3) ** 2

    return min(g(), key=k, default=a), log


def sorted_gen_key(xs, a):
    log = []

    def g():
        for x in xs:
            log.append(x)
            yield x * a

    def k(y):
        log.append(-y)
        return -y

    return sum(n * y for n, y in enumerate(sorted(g(), key=k))), log


def reduce_gen(xs, a):
    log = []

    def g():
        for x in xs:
            log.append(x)
            yield x * a

    def f(p, q):
        log.append(p)
        return p * 0.5 + q

    return functools.reduce(f, g(), 0.1), log


def reduce_gen2(xs, a):
    def g():
        for x in xs:
            yield x * a

    return functools.reduce(lambda p, q: p * 0.5 + q, g())


def list_mult_iter(xs, a):
    it = iter(xs)
    p = [next(it, 0.0) for _ in range(3)]
    return sum(p) * a + sum(it)


def starred_iter(xs, a):
    it = map(lambda x: x * a, xs)
    p, *q = [*it, 1.0]
    return p + sum(q) + len(list(it))


def two_targets(xs, a):
    it = iter(xs)
    pairs = list(zip(it, it))
    return sum(x * y for x, y in pairs) * a


def gen_in_gen(xs, a):
    def evens(it):
        for k, x in enumerate(it):
            if k % 2 == 0:
                yield x

    def scaled(it):
        for x in it:
            yield x * a

    return sum(scaled(evens(scaled(xs))))


def gen_state_between(xs, a):
    c = [1.0]

    def g():
        for x in xs:
            yield x * c[0]

    s = 0.0
    for k, y in enumerate(g()):
        s += y * k
        c[0] *= a
    return s + c[0]


def zip_gen_state(xs, a):
    c = [1.0]

    def g():
        for x in xs:
            c[0] += 0.1
            yield x * c[0]

    s = 0.0
    for y, x in zip(g(), xs):
        s += y * x
        c[0] *= a
    return s + c[0]


def zip_gen_longer(xs, a):
    c = [1.0]

    def g():
        for x in xs + [1.0, 2.0]:
            c[0] += 0.1
            yield x * c[0]

    s = 0.0
    for y, x in zip(g(), xs):
        s += y * x
    return s * a + c[0]


def zip_gen_longer2(xs, a):
    c = [1.0]

    def g():
        for x in xs + [1.0, 2.0]:
            c[0] += 0.1
            yield x * c[0]

    s = 0.0
    for x, y in zip(xs, g()):
        s += y * x
    return s * a + c[0]


def zip_gen_array(xs, a):
    v = np.array(xs) * a

    def g():
        s = 1.0
        while True:
            s = s * a
            yield s

    return float(sum(x * y for x, y in zip(v, g())))


def genexp_twice(xs, a):
    g = (x * a for x in xs)
    return sum(g) + 2 * sum(g) + len(list(g))


def genexp_next(xs, a):
    g = (x * a for x in xs if x > 0)
    p = next(g, 1.0)
    return p + 2 * sum(g)


def genexp_nested(xs, a):
    g = (x * y * a for x in xs[:3] for y in xs if y > x)
    return sum(g)


def stop_value(xs, a):
    it = iter(xs)
    n = 0
    try:
        while True:
            next(it)
            n += 1
    except StopIteration:
        pass
    return n * a


def long_list_built(xs, a):
    ys = []
    for x in map(lambda x: x * a, xs):
        ys.append(x)
    for k, y in enumerate(ys):
        ys[k] = y * k
    return sum(ys)


def modify_while(xs, a):
    ys = list(xs)
    for k, y in enumerate(ys):
        if k + 1 < len(ys):
            ys[k + 1] += y * a
    return sum(ys)


def modify_map(xs, a):
    ys = [x * 1.0 for x in xs]
    m = map(lambda y: y * a, ys)
    s = 0.0
    for k, y in enumerate(m):
        s += y
        if k + 1 < len(ys):
            ys[k + 1] += y
    return s


def clear_while(xs, a):
    ys = list(xs)
    s = 0.0
    for y in ys:
        s += y * a
        ys.clear()
    return s


def reversed_grow(xs, a):
    ys = list(xs)
    s = 0.0
    for y in reversed(ys):
        s = s * a + y
        if len(ys) < 30:
            ys.append(y)
    return s + len(ys)


def gen_in_outer_loop(xs, a):
    def g():
        for x in xs:
            yield x * a

    it = g()
    s = 0.0
    for k in range(3):
        for y in it:
            s += y * (k + 1)
            if y > 0.5:
                break
    return s


def gen_in_outer_loop2(xs, a):
    def g():
        for x in xs:
            yield x * a

    it = g()
    s = 0.0
    for k in range(10):
        for y in it:
            s += y * (k + 1)
            if s > 0.5:
                break
    return s


def filter_in_outer(xs, a):
    it = filter(lambda x: x > 0.1, xs)
    s = 0.0
    while s < 4.0:
        for y in it:
            s += y * a
            if y > 0.5:
                break
        else:
            break
    return s


def gen_called_twice(xs, a):
    it = (x * a for x in xs)

    def first():
        for y in it:
            if y > 0.4:
                return y
        return 0.0

    return first() + 2 * first() + 3 * first()


def gen_called_twice2(xs, a):
    it = (x * a for x in xs)

    def first():
        r = 0.0
        for y in it:
            r = y
            if y > 0.4:
                break
        return r

    return first() + 2 * first() + 3 * first()


def gen_any_twice(xs, a):
    it = iter(xs)

    def more():
        return any(x > 0.5 for x in it)

    n = 0
    while more():
        n += 1
    return n * a


def gen_return_in_loop(xs, a):
    def g():
        for x in xs:
            for y in xs:
                if x + y > 2.0:
                    return
                yield x * y * a
        yield 5.0

    return sum(g())


def gen_return_in_loop2(xs, a):
    def g():
        for x in xs:
            for y in xs:
                if x + y > 2.0:
                    break
                yield x * y * a
            else:
                yield a
        else:
            yield 5.0

    s = 0.0
    for y in g():
        s += y
        if s > 3.0:
            break
    return s


def while_gen(xs, a):
    def g():
        k = 0
        while k < len(xs):
            if xs[k] > 1.9:
                return
            yield xs[k] * a
            k += 1
        yield 7.0

    s = 0.0
    for y in g():
        s = s * 0.9 + y
        if s > 3.5:
            break
    return s


def any_in_comp(xs, a):
    it = iter(xs)
    r = [any(x > 0.5 for x in it) for k in range(4)]
    return a, r


def any_in_comp2(xs, a):
    it = (x * a for x in xs)
    r = [any(x > 0.5 for x in it) for k in range(4)]
    return a, r, sum(it)


def zip_gen_break(xs, a):
    def g():
        for x in xs:
            yield x * a

    it = g()
    s = 0.0
    for x, y in zip(xs, it):
        s += x * y
        if s > 0.8:
            break
    return s + 2 * sum(it)


class Bag:
    def __init__(self, xs):
        self.items = list(xs)
        self.log = []

    def __len__(self):
        self.log.append("len")
        return len(self.items)

    def __iter__(self):
        self.log.append("iter")
        return iter(self.items)

    def __contains__(self, x):
        self.log.append("in")
        return x in self.items

    def __reversed__(self):
        self.log.append("rev")
        return reversed(self.items)

    def __getitem__(self, k):
        self.log.append("get")
        return self.items[k]

    def __bool__(self):
        self.log.append("bool")
        return len(self.items) > 3


class Pairs(list):
    def __iter__(self):
        return zip(list.__iter__(self), range(100))


class Lazy:
    def __init__(self, xs, a):
        self.xs, self.a = xs, a

    def __iter__(self):
        return map(lambda x: x * self.a, self.xs)


class Shifting:
    def __init__(self, xs):
        self.xs, self.n = xs, 0

    def __iter__(self):
        self.n += 1
        return (x * self.n for x in self.xs)


class Stack(list):
    def append(self, x):
        if len(self) < 3:
            list.append(self, x)

    def pop(self, *k):
        return list.pop(self, *k) * 10


class Vec(list):
    def __add__(self, o):
        return Vec(x + y for x, y in zip(self, o))

    def __mul__(self, c):
        return Vec(x * c for x in self)

    def __setitem__(self, k, v):
        list.__setitem__(self, k, v * 2)

    def __eq__(self, o):
        return len(self) == len(o)


class Default(dict):
    def __missing__(self, k):
        self[k] = v = k * 2.0
        return v

    def __setitem__(self, k, v):
        dict.__setitem__(self, k, v + 1)


def bag_all(xs, a):
    b = Bag(xs)
    r = sum(b) * a + len(b)
    s = 0.0
    for x in reversed(b):
        s = s * a + x
    t = sorted(b)
    c = (
        max(b, default=0.0),
        list(b),
        tuple(b),
        0.5 in b,
        bool(b),
        (1 if b else 0),
        [*b],
        b[0] if len(xs) else 0,
    )
    return r + s + sum(t), c, b.log


def bag_unpack(xs, a):
    b = Bag(xs[:3] if len(xs) >= 3 else [1.0, 2.0, 3.0])
    p, q, r = b
    f = lambda *v: sum(v)
    return p * a + q + f(*b) + r, b.log


def bag_extend(xs, a):
    b = Bag(xs)
    ys = [a]
    ys.extend(b)
    ys += b
    return sum(ys), ys, b.log


def bag_set(xs, a):
    b = Bag([1, 2, 1])
    return a, len(set(b)), dict.fromkeys(b), Counter(b), deque(b, maxlen=2), b.log


def bag_zip(xs, a):
    b = Bag(xs)
    z = zip(b, b)
    s = sum(x * y for x, y in z) * a
    e = list(enumerate(b))
    m = sum(map(lambda x: x, b))
    return s + m, len(e), b.log


def bag_array_nograd(xs, a):
    b = Bag(xs)
    v = np.array(b)
    return float(v.sum()), b.log


def pairs(xs, a):
    return sum(x * k * a for x, k in Pairs(xs)), len(Pairs(xs)), [x for x, k in Pairs(xs)]


def lazy(xs, a):
    q = Lazy(xs, a)
    return sum(q) + max(q, default=0.0) + sum(y * y for y in q) + len(list(q))


def lazy_nested(xs, a):
    q = Lazy(Lazy(xs, a), 2.0)
    return sum(q) + sum(map(lambda x: x, q)) + sum(x * y for x, y in zip(q, xs))


def shifting(xs, a):
    q = Shifting(xs)
    return sum(q) * a + sum(q) + sum(list(q)) + q.n


def stack(xs, a):
    s = Stack()
    for x in xs:
        s.append(x * a)
    if len(s) < 2:
        return a
    return s.pop() + s.pop(0) + sum(s), len(s)


def vec(xs, a):
    v = Vec(xs) + Vec(xs)
    w = v * a
    if len(w):
        w[0] = 1.0
    return sum(w) + 0.0, type(w).__name__, v == w, list(w)


def default(xs, a):
    d = Default()
    d["p"] = a
    d[3] = a * 2
    return d["p"] + d[3] + d[5], sorted(map(str, d)), sum(d.values())


def od_iter(xs, a):
    d = OrderedDict((k, x * a) for k, x in enumerate(xs))
    if len(d) > 1:
        d.move_to_end(0)
    it = iter(d.items())
    return sum(k * v for k, v in it), list(reversed(d))


def dd(xs, a):
    d = defaultdict(list)
    for k, x in enumerate(xs):
        d[k % 2].append(x * a)
    return sum(map(sum, d.values())), {k: len(v) for k, v in d.items()}


def sum_of_map_lists(xs, a):
    return sum(map(sum, zip(xs, xs[1:], xs[2:]))) * a


def zip_unzip(xs, a):
    if len(xs) < 2:
        return a
    p, q = zip(*((x, x * a) for x in xs))
    return sum(p) + sum(q) * 2, type(p).__name__


def dictzip(xs, a):
    d = dict(zip(range(len(xs)), map(lambda x: x * a, xs)))
    return sum(k * v for k, v in d.items()), len(d)


def dict_enum(xs, a):
    d = dict(enumerate(x * a for x in xs))
    return sum(d.values()), list(d)


def maxenum(xs, a):
    k, x = max(enumerate(xs), key=lambda p: p[1], default=(7, a))
    return x * a + k


def minzip(xs, a):
    x, y = min(zip(xs, reversed(xs)), default=(a, a))
    return x * a + y


def sortzip(xs, a):
    return sum(k * x * a for k, (x, y) in enumerate(sorted(zip(xs, reversed(xs)))))


def argsort(xs, a):
    order = sorted(range(len(xs)), key=lambda k: xs[k], reverse=True)
    return sum(k * xs[j] * a for k, j in enumerate(order)), order


def sort_key_iter(xs, a):
    log = []

    def key(x):
        log.append(x)
        return -x

    ys = [x * a for x in xs]
    ys.sort(key=key)
    return sum(k * y for k, y in enumerate(ys)), log


def stable(xs, a):
    rows = [(k % 3, x * a) for k, x in enumerate(xs)]
    rows.sort(key=operator.itemgetter(0))
    s = 0.0
    for k, y in rows:
        s = s * 0.7 + y
    return s


def partial_map(xs, a):
    return sum(map(functools.partial(lambda c, x: c * x, a), xs))


def method_map(xs, a):
    v = np.array([1.0, a])
    return float(sum(map(v.dot, [np.array([x, 1.0]) for x in xs])))


def npfunc_map(xs, a):
    return float(sum(map(np.exp, map(lambda x: x * a, xs))))


def mathfunc_map(xs, a):
    return sum(map(math.exp, map(lambda x: x * a, xs)))


def two_level(xs, a):
    rows = [[x, x * a] for x in xs]
    return (
        sum(itertools.chain.from_iterable(rows))
        + sum(sum(r) for r in rows)
        + sum(x for r in rows for x in r)
    )


def matrix_t(xs, a):
    m = [[x * k * a for k in range(3)] for x in xs]
    t = list(map(list, zip(*m)))
    return sum(map(sum, t)), len(t)


def dotprod(xs, a):
    return sum(map(operator.mul, xs, xs)) * a


def polyval(xs, a):
    return functools.reduce(lambda s, c: s * a + c, xs, 0.0)


def cumprod(xs, a):
    return sum(accumulate((x * a for x in xs), operator.mul))


def cumini(xs, a):
    return list(accumulate([1, 2, 3], initial=10)), sum(accumulate(xs, initial=a))


def moving(xs, a):
    d = deque(maxlen=3)
    s = 0.0
    for x in map(lambda x: x * a, xs):
        d.append(x)
        s += sum(d) / len(d)
    return s


def pair_loop(xs, a):
    it = iter(xs)
    prev = next(it, None)
    s = 0.0
    for cur in it:
        s += (cur - prev) ** 2 * a
        prev = cur
    return s


def first_true(xs, a):
    return next(filter(lambda x: x > 0.6, xs), a) * a


def index_of(xs, a):
    return next((k for k, x in enumerate(map(lambda x: x * a, xs)) if x > 1.0), -1) * a


def exhaust(xs, a):
    m = map(lambda x: x * a, xs)
    deque(m, maxlen=0)
    return a, list(m)


def consume_n(xs, a):
    it = map(lambda x: x * a, xs)
    next(islice(it, 2, 2), None)
    return sum(it)


def all_equal(xs, a):
    g = groupby(xs)
    return a, next(g, True) and not next(g, False)


def iter_of_iter(xs, a):
    it = iter(iter(iter(xs)))
    return next(it, a) * a + sum(iter(it))


def map_kw(xs, a):
    try:
        return sum(map(lambda x, y: x * y, xs)) * a
    except TypeError as e:
        return a, "missing" in str(e)


def throw_in(xs, a):
    def g():
        try:
            for x in xs:
                yield x * a
        except ValueError:
            yield 100.0 * a

    it = g()
    s = next(it, 0.0)
    if xs:
        s += it.throw(ValueError("x"))
    return s + sum(it)


def send_map(xs, a):
    def g():
        s = 0.0
        while True:
            x = yield s
            s = s * a + x

    h = g()
    next(h)
    return sum(map(h.send, xs))


def nested_gen_state(xs, a):
    c = [0.0]

    def outer():
        for x in inner():
            c[0] += 1
            yield x * c[0]

    def inner():
        for x in xs:
            c[0] += 0.5
            yield x * a

    return sum(y * c[0] for y in outer()) + c[0]


def return_early(xs, a):
    for k, y in enumerate(map(lambda x: x * a, xs)):
        if y > 1.0:
            return y * k
    return a


def continue_zip(xs, a):
    s = 0.0
    for x, y in zip(xs, map(lambda x: x * a, xs)):
        if x < 0.6:
            continue
        s += y
    else:
        s += 100 * a
    return s


def while_zip(xs, a):
    z = zip(xs, map(lambda x: x * a, xs))
    s, n = 0.0, 0
    while (p := next(z, None)) is not None:
        s += p[0] * p[1]
        n += 1
    return s, n


def try_map(xs, a):
    def f(x):
        if x > 1.4:
            raise KeyError("big")
        return x * a

    s = 0.0
    it = map(f, xs)
    for k in range(6):
        try:
            s += next(it)
        except KeyError:
            s += 10.0 * a
        except StopIteration:
            s += 1.0
    return s


def arr_enumerate(xs, a):
    v = np.array(xs)
    for k, x in enumerate(v):
        v[k] = x * a + k
    return float(v.sum())


def arr_zip_write(xs, a):
    v, w = np.array(xs), np.zeros(len(xs))
    for k, (x, y) in enumerate(zip(v, w)):
        w[k] = x * a + y
        if k + 1 < len(w):
            w[k + 1] = w[k]
    return float(w.sum())


def arr_rows_map(xs, a):
    m = np.outer(xs, [1.0, a, a * a])
    for row in map(lambda r: r * 2, m):
        row += 1
    for row in m:
        row += a
    return float(m.sum())


def arr_rev(xs, a):
    v = np.array(xs) * a
    r = reversed(v)
    v += 1.0
    s = 0.0
    for x in r:
        s = s * 0.9 + x
    return float(s)


def stop_map(xs, a):
    def f(x):
        if x > 1.4:
            raise StopIteration
        return x * a

    s = 0.0
    for y in map(f, xs):
        s += y
    return s


def stop_map_sum(xs, a):
    def f(x):
        if x > 1.4:
            raise StopIteration
        return x * a

    return sum(map(f, xs))


def stop_filter(xs, a):
    def f(x):
        if x > 1.4:
            raise StopIteration
        return x > 0

    return sum(filter(f, xs)) * a


def stop_take(xs, a):
    def f(x):
        if x > 1.4:
            raise StopIteration
        return x > -1

    s = 0.0
    for y in takewhile(f, xs):
        s += y * a
    return s


def stop_acc(xs, a):
    def f(p, x):
        if x > 1.4:
            raise StopIteration
        return p * a + x

    return sum(accumulate(xs, f))


def stop_filter_iter(xs, a):
    it = iter(xs)
    return sum(filter(lambda x: x > next(it), xs[1:])) * a


def stop_next_filter(xs, a):
    def f(x):
        if x > 1.4:
            raise StopIteration
        return x > 5

    return next(filter(f, xs), a) * a


def raise_in_zip(xs, a):
    def f(x):
        if x > 1.4:
            raise ValueError("big")
        return x * a

    try:
        return sum(x * y for x, y in zip(xs, map(f, xs)))
    except ValueError as e:
        return a, str(e)


def isl_two(xs, a):
    return sum(islice(map(lambda x: x * a, xs), 1, 6, 2)), sum(islice(xs, 0, None, 3)) * a
