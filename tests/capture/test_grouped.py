"""Dicts of lists with keys that only the run knows: one loop for any number of rows, Python's order, identity and errors."""

import bisect
import heapq
import random
import statistics
import warnings
from collections import defaultdict

import numpy as np
import pytest

import autodiff

from .support import agrees, agrees_with_slopes, one_loop_for_any_length


def means(xs, a):
    d = defaultdict(list)
    for i, x in enumerate(xs):
        d[i * i % 7].append(x * a)
    found = {k: sum(v) / len(v) for k, v in d.items()}
    return sum(k * m * m for k, m in found.items())


def set_by_default(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d.setdefault(i % 3, []).append(x * a)
    s = 0.0
    for k, vs in d.items():
        s += (k + 1) * sum(vs) ** 2 / len(vs)
    return s


def asked_first(xs, a):
    d = {}
    for x in xs:
        k = int(4 * x)
        if k not in d:
            d[k] = []
        d[k].append(x * a)
    return sum(len(v) * max(v) - min(v) * v[0] for v in d.values())


def begun_with_the_first(xs, a):
    d = {}
    for i, x in enumerate(xs):
        if i % 4 in d:
            d[i % 4].append(x)
        else:
            d[i % 4] = [x * a]
    return sum(np.std(v) * v[-1] for v in d.values()) + d[2][1]


def made_before(xs, a):
    d = {k: [] for k in range(-1, 4)}
    for i, x in enumerate(xs):
        d[i % 3].append(x * a)
    return sum(sum(v) * k for k, v in d.items()) + len(d[3])


def arrays_of_groups(xs, a):
    d = defaultdict(list)
    for i, x in enumerate(xs):
        d[i % 3].append(x * a)
    s = 0.0
    for k in sorted(d):
        v = np.array(d[k])
        s += np.sum((v - v.mean()) ** 2) * (k + 1)
    return s


def by_name(xs, a):
    d = defaultdict(list)
    for x in xs:
        d["high" if x > 1 else "low"].append(x * a)
    return np.mean(d["high"]) * len(d["low"]) + sum(v[0] for v in d.values())


def gone_through(xs, a):
    d, s = defaultdict(list), 0.0
    for i, x in enumerate(xs):
        d[i % 3].append(x * a)
    for k in d:
        for j, v in enumerate(d[k]):
            s = 0.9 * s + v * j
        s += sum(v * w for v, w in zip(d[k], d[k][1:], strict=False))
    return s


LOOPS = [
    *(means, set_by_default, asked_first, begun_with_the_first),
    *(made_before, arrays_of_groups, by_name, gone_through),
]


@pytest.mark.parametrize("f", LOOPS)
def test_values_and_slopes_are_those_of_plain_python(f):
    agrees_with_slopes(f, "native" if f in (means, by_name) else "numpy")


@pytest.mark.parametrize("f", LOOPS)
def test_one_loop_for_any_length(f):
    one_loop_for_any_length(f)


def test_the_items_are_sorted_outside_of_the_loop_that_reads_them():
    found = autodiff.function(arrays_of_groups, engine="numpy").ir(np.linspace(0.5, 1.5, 20), 0.7)
    lines = [line for line in str(found).splitlines() if "argsort" in line]
    assert not any(line.startswith("      ") for line in lines)


def _filled(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d.setdefault(i * 3 % 5, []).append(x * a)
    return d


def _default(xs, a):
    d = defaultdict(list)
    for i, x in enumerate(xs):
        d[i * 3 % 5].append(x * a)
    return d


def _known_again(xs, a):
    d = {}
    for i, x in enumerate(xs):
        v = d.setdefault(i % 3, [])
        v.append(x)
        if len(v) > 2:
            v.append(a)
    return d


def _one_list_twice(xs, a):
    one, d = [], {}
    for i, x in enumerate(xs):
        if i % 3 not in d:
            d[i % 3] = one
        d[i % 3].append(x * a)
    return one, d


def _named_and_stored(xs, a):
    d = {}
    for i, x in enumerate(xs):
        if i % 3 not in d:
            d[i % 3] = v = []
            v.append(a)
        d[i % 3].append(x)
    return d


def _replaced(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i % 3] = [x * a]
        d[i % 3].append(x)
    return d


def _replaced_while_held(xs, a):
    d = defaultdict(list)
    for i, x in enumerate(xs):
        d[i % 2].append(x)
    v = d[0]
    d[0] = [a]
    v.append(2.0)
    return v, d


def _read_while_it_grows(xs, a):
    d, s = defaultdict(list), 0.0
    for i, x in enumerate(xs):
        v = d[i % 3]
        s += sum(v) * a
        v.append(x)
        s += v[-1] * len(v)
    return s, d


def _grown_while_gone_through(xs, a):
    d = _default(xs, a)
    for v in d[0]:
        if len(d[0]) < 9:
            d[0].append(v * a)
    return d


def _through_an_iterator(xs, a):
    d = _default(xs, a)
    it = zip(d[0], d[3], strict=False)
    d[0].append(a)
    d[3].append(a)
    return list(it), d


def _missing(xs, a):
    d = _default(xs, a)
    return len(d[17]), sum(d[18]), list(d), d.get(99), len(d)


def _got_or_new(xs, a):
    d, e = _filled(xs, a), 0.0
    for k in range(12):
        e += sum(d.get(k, [])) * k
        d.get(k, []).append(a)
    return e, d


def _types_of_sums(xs, a):
    d = {k: [] for k in range(4)}
    for i, x in enumerate(xs):
        d[i % 3].append(float(x))
    return [type(sum(v)).__name__ for v in d.values()], [sum(v) for v in d.values()]


def _statistics(xs, a):
    d = _filled([float(x) for x in xs], a)
    return [(statistics.mean(v), sorted(v), list(v), 3.0 in v) for v in d.values()]


def _as_heaps(xs, a):
    d = defaultdict(list)
    for i, x in enumerate(xs):
        heapq.heappush(d[i % 2], x * a)
    return d, heapq.heappop(d[0])


def _shuffled(xs, a):
    d = _filled(xs, a)
    bisect.insort(d[0], a)
    return sorted(d[0]), d[0].copy().append(a), d


def _got_before_it_is_there(xs, a):
    d, n = defaultdict(list), 0
    for x in xs:
        got = d.get(int(4 * x), [])
        d[int(4 * x)].append(x * a)
        n += len(got)
    return n, d


def _first_of_keys_far_away(xs, a):
    d, first = defaultdict(list), None
    for x in xs:
        d[int(3000 * x)].append(x * a)
        if first is None:
            first = d[int(3000 * x)]
    return first, d


SHOWN = [
    *(_got_before_it_is_there, _first_of_keys_far_away),
    *(_as_heaps, _shuffled),
    *(_filled, _default, _known_again, _one_list_twice, _named_and_stored, _replaced),
    *(_replaced_while_held, _read_while_it_grows, _grown_while_gone_through),
    *(_through_an_iterator, _missing, _got_or_new, _types_of_sums, _statistics),
    lambda xs, a: (lambda d: (d, d[0]))(_filled(xs, a)),
    lambda xs, a: (lambda d: [d[0], d[0], d])(_default(xs, a)),
    lambda xs, a: (lambda d, e: (e[0].append(a), d, e))(*[_filled(xs, a)] * 2),
    lambda xs, a: (lambda d: (d.copy()[0].append(a), d))(_filled(xs, a)),
    lambda xs, a: (lambda d: (d[0] is d[0], d[0] is d[3], d[0] == d[3]))(_filled(xs, a)),
    lambda xs, a: (lambda d: (d.pop(0), d))(_filled(xs, a)),
    lambda xs, a: (lambda d: (d[0].sort(), d[3].reverse(), d))(_filled(xs, a)),
    lambda xs, a: (lambda d: (d[0] + d[3], d[0] * 2, d[0][1:], d))(_filled(xs, a)),
    lambda xs, a: (lambda d: (d[0].extend([a, a]), d[3].insert(0, a), d))(_filled(xs, a)),
    lambda xs, a: {k: [v * 2 for v in vs] for k, vs in _filled(xs, a).items()},
    lambda xs, a: {k: len(v) for k, v in _default(xs, a).items()},
    lambda xs, a: {k + 1: v[0] for k, v in _default(xs, a).items() if len(v) > 1},
    lambda xs, a: sorted(_filled(xs, a).items()),
    lambda xs, a: [len(v) for v in _filled(xs, a).values()],
    lambda xs, a: [(k, v) for k, v in _filled(xs, a).items()],
    lambda xs, a: max(_filled(xs, a).values(), key=len),
    lambda xs, a: (lambda d: d[0] if xs[0] > 1 else d[3])(_filled(xs, a)),
]


@pytest.mark.parametrize("f", SHOWN)
def test_what_is_returned_has_pythons_order_types_and_sharing(f):
    calls = [(xs, 0.7) for xs in (np.linspace(0.5, 1.5, 11), np.linspace(1.5, 0.5, 11))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        agrees(f, *calls)


# -- random programs -------------------------------------------------------------------------------
_KEYS = ["i % 3", "i * i % 5 - 1", "int(7 * x) % 4", "2"]
_MADE = ["defaultdict(list)", "{}", "{k: [] for k in range(-1, 5)}"]
_STATEMENTS = [
    "d[{k}].append({v})",
    "d.setdefault({k}, []).append({v})",
    "if {k} not in d: d[{k}] = []\n        d[{k}].append({v})",
    "if {k} in d: d[{k}].append({v})\n        else: d[{k}] = [{v}]",
    "v = d.get({k}, [])\n        s += len(v) * x",
    "if x > 1: d.setdefault({k}, []).append({v})",
    "if d.get({k}): s += d[{k}][-1]",
    "s += sum(sum(v) for v in d.values()) * x",
    "for v in d.values():\n            if len(v) > 2: s += v[1] * a",
    "e[{k}] = d[{k}] if {k} in d else []",
    "v = d.setdefault({k}, [])\n        v.append({v})",
]
_VALUES = ["x * a", "x", "x + i", "a"]


def _random_program(seed):
    r = random.Random(seed)

    def text(pattern):
        return pattern.format(k=r.choice(_KEYS), v=r.choice(_VALUES))

    lines = [f"d = {r.choice(_MADE)}", "e = {}", "s = 0.0", "for i, x in enumerate(xs):"]
    lines += ["    " + text(r.choice(_STATEMENTS)) for _ in range(3)]
    lines += [f"return s, e, {r.choice(['d', '[(k, sum(v)) for k, v in d.items()]', 'list(d)'])}"]
    return "def f(xs, a):\n    " + "\n    ".join(lines)


@pytest.mark.parametrize(
    "seed", [*range(4), *[pytest.param(k, marks=pytest.mark.slow) for k in range(4, 20)]]
)
def test_random_programs(seed, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(_random_program(seed))
    names = {"defaultdict": defaultdict}
    exec(compile(file.read_text(), str(file), "exec"), names)
    xs = np.linspace(0.5, 1.5, 9)

    def f(xs, a):
        try:
            return names["f"](xs, a)
        except KeyError as error:
            return error.args

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        agrees(f, (xs, 0.7), (xs[::-1].copy(), -0.7))
