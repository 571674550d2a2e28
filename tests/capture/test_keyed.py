"""Dicts with keys that only the run knows: one loop, whatever its length, and Python's own order, types and errors."""

import random
import warnings
from collections import Counter, defaultdict

import numpy as np
import pytest

import autodiff

from .support import agrees, agrees_with_slopes, captured, one_loop_for_any_length, same


def remainders(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i % 3] = d.get(i % 3, 0.0) + x * a
    return sum(d.values()) * d[1]


def known_before(xs, a):
    d = dict.fromkeys(range(3), 0.0)
    for i, x in enumerate(xs):
        d[i % 3] += x * a
    return d[0] + 2 * d[1] * d[2]


def defaults(xs, a):
    d = defaultdict(float)
    for i, x in enumerate(xs):
        d[i * i % 7] += x * a
    return sum(v * k for k, v in d.items())


def asked_first(xs, a):
    d = {}
    for i, x in enumerate(xs):
        if i % 4 not in d:
            d[i % 4] = 0.0
        d[i % 4] += x * a
    return d[0] * d[1] + d[3] * len(d)


def of_values(xs, a):
    total, count = {}, Counter()
    for x in xs:
        k = int(x * 3)
        total[k] = total.get(k, 0.0) + x * a
        count[k] += 1
    return sum(total[k] / count[k] for k in count)


def remembered(xs, a):
    d = {0: 0.0, 1: a}
    for i in range(2, len(xs)):
        d[i] = d[i - 1] * a + d[i - 2] * xs[i]
    return d[len(xs) - 1]


def missing_keys(xs, a):
    d, s = {0: a, 1: 2.0}, 0.0
    for i in range(len(xs)):
        try:
            s += d[i % 4] * xs[i]
        except KeyError:
            s -= a
    return s


def the_largest(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i % 5] = d.get(i % 5, 0.0) + np.sin(3 * x) * a
    return d[max(d, key=d.get)] + min(d.values())


def of_an_object(xs, a):
    class Table:
        def __init__(self):
            self.rows = {}

        def add(self, key, value):
            self.rows.setdefault(key, value)
            self.rows[key] *= value

    table = Table()
    for i, x in enumerate(xs):
        table.add(i % 3, x * a)
    return sum(table.rows.values())


def in_every_pass(xs, a):
    s = 0.0
    for j in range(5):
        d = {}
        for i, x in enumerate(xs):
            d[i % 3] = d.get(i % 3, 0.0) + x * a * j
        s += sum(d.values()) * len(d)
    return s


def strings_on_paths(xs, a):
    d, n = {}, Counter()
    for x in xs:
        if x > 1:
            d["high"] = d.get("high", 0.0) + x * a
            n["high"] += 1
        else:
            d["low"] = d.get("low", 0.0) + x
    return d["high"] * d["low"] + n["high"] * a - n["none"]


def the_best(xs, a):
    best = {}
    for i, x in enumerate(xs):
        v = np.sin(5 * x) * a
        if "value" not in best or v > best["value"]:
            best["value"] = v
            best["index"] = i
    return best["value"] + best["index"]


def copied(xs, a):
    d = defaultdict(float)
    for x in xs:
        d["sum"] += x * a
        if x > 1:
            d["big"] += x
    e = dict(d)
    e["sum"] = 2 * e["sum"]
    return sum(d.values()) * sum(e.values())


def taken_out(xs, a):
    d, s = {}, 0.0
    for i, x in enumerate(xs):
        d[i % 5] = d.get(i % 5, 0.0) + x * a
        if i % 7 == 6:
            s += d.pop(i % 5, 0.0) * x
            d.pop((i + 1) % 5, None)
        if i % 11 == 10 and 2 in d:
            del d[2]
        try:
            s -= d.pop(i % 3 - 1)
        except KeyError:
            s += a
    return s * sum(k * v for k, v in d.items()) + len(d)


def pruned(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i * i % 7] = d.get(i * i % 7, a) * x
    for k in list(d):
        if d[k] < 0.5:
            del d[k]
    return sum(d.values()) * len(d)


def seen_before(xs, a):
    seen, s = set(), 0.0
    for x in xs:
        k = int(x * 7)
        if k in seen:
            s += x * a
        else:
            seen.add(k)
            s -= x
        if len(seen) > 5:
            seen.discard(k - 3)
    return s * len(seen)


def left_to_do(xs, a):
    todo, s = {0, 1, 2, 3, 9}, 0.0
    for i, x in enumerate(xs):
        if i * i % 7 in todo:
            todo.remove(i * i % 7)
            s += x * a * i
    return s if todo else -s


def edit_distance(xs, a):
    d, n = {}, 6
    for i in range(n + 1):
        d[i, 0] = i * a
        d[0, i] = i * xs[1]
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            c = 0.0 if i % 3 == j % 2 else a
            d[i, j] = min(d[i - 1, j] + a, d[i, j - 1] + xs[0], d[i - 1, j - 1] + c)
    s = d[n, n]
    for i, x in enumerate(xs):
        s += d.get((i % 4, i % 5 - 1), x)
    return s


def by_two_keys(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[(int(3 * x), i % 2)] = d.get((int(3 * x), i % 2), 0.0) + x * a
    return sum(v * (r + 2 * c) for (r, c), v in d.items()) + ((3, 1) in d)


LOOPS = [
    *(edit_distance, by_two_keys),
    *(seen_before, left_to_do),
    *(taken_out, pruned),
    *(remainders, known_before, defaults, asked_first, of_values, remembered),
    *(missing_keys, the_largest, of_an_object, in_every_pass),
    *(strings_on_paths, the_best, copied),
]


@pytest.mark.parametrize("f", LOOPS)
def test_values_and_slopes_are_those_of_plain_python(f):
    agrees_with_slopes(f, "native" if f in (of_values, missing_keys) else "numpy")


@pytest.mark.parametrize("f", LOOPS)
def test_one_loop_for_any_length(f):
    one_loop_for_any_length(f)


def _filled(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i * 3 % 5] = d.get(i * 3 % 5, 0.0) + x * a
    return d


def _kept_keys(xs, a):
    d = {}
    for k in np.arange(len(xs)) % 3:
        d[k] = xs[k] * a
    return [type(k).__name__ for k in d], d


def _default_dict(xs, a):
    d = defaultdict(int)
    for i, x in enumerate(xs):
        d[i % 3] += x * a
    return d[7], d


def _of_two_types(xs, a):
    d = {0: 1, 1: 2}
    for i, x in enumerate(xs):
        if x > 1:
            d[i % 3] = x * a
    return d


def _live_views(xs, a):
    d = {}
    keys, values = d.keys(), d.values()
    for i, x in enumerate(xs):
        d[i % 3] = x * a
    return len(keys), 1 in keys, 5 in keys, list(values), list(keys)


def _changed_while_gone_through(xs, a):
    d, seen = _filled(xs, a), []
    for k, v in d.items():
        d[(k + 1) % 5] = v * 2
        seen.append(v)
    return seen, d


def _named(xs, a):
    d = {"start": a}
    for x in xs:
        if x > 1.2 and "first" not in d:
            d["first"] = x * a
        d["last"] = x
    return d, d.copy(), len(d)


def _numbers_on_paths(xs, a):
    d = {}
    for x in xs:
        if x > 1:
            d[0] = x
        else:
            d[5] = a * x
    return d, list(d)


def _come_and_gone(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i % 4] = x
        d.pop((i + 1) % 3, None)
    return d, list(d), len(d)


def _changed_in_number(xs, a):
    d = _filled(xs, a)
    try:
        for k in d:
            del d[k]
    except RuntimeError as error:
        return str(error)


def _one_for_another(xs, a):
    d, seen = _filled(xs, a), []
    try:
        for k in d:
            seen.append(k)
            del d[k]
            d[k + 100] = a
            if len(seen) > 3:
                break
    except RuntimeError as error:
        seen.append(str(error))
    return seen, d


def _of_tuples(xs, a):
    d, g = {}, {}
    for k in np.arange(len(xs)) % 5:
        d[k, int(k) % 2] = xs[k] * a
        g.setdefault((int(k) - 1, int(k) % 2, 0), []).append(xs[k])
    return d, g, list(d), len(d), [[type(x).__name__ for x in k] for k in d]


def _of_tuples_and_numbers(xs, a):
    d = {(0, 1): a}
    for i, x in enumerate(xs):
        d[i % 3, 1] = x
    return d, 1 in d, (1,) in d, d.get((1, 1, 1)), (1.0, 1) in d


SHOWN = [
    *(_of_tuples, _of_tuples_and_numbers),
    *(_come_and_gone, _changed_in_number, _one_for_another),
    _filled,
    _named,
    _numbers_on_paths,
    _kept_keys,
    _default_dict,
    _of_two_types,
    _live_views,
    _changed_while_gone_through,
    lambda xs, a: (lambda d: [d, d, 1])(_filled(xs, a)),
    lambda xs, a: (list(_filled(xs, a).items()), sorted(_filled(xs, a)), [*_filled(xs, a)]),
    lambda xs, a: {k: v * 2 for k, v in _filled(xs, a).items()},
]


@pytest.mark.parametrize("f", SHOWN)
def test_what_is_returned_has_pythons_order_types_and_sharing(f):
    calls = [(xs, 0.7) for xs in (np.linspace(0.5, 1.5, 11), np.linspace(1.5, 0.5, 11))]
    agrees(f, *calls)


# What needs the dict itself: the function is captured with Python's own.
OWN = [
    lambda d: d == {0: 1.0},
    lambda d: (d.pop(0), list(d), d.popitem()),
    lambda d: ({**d}, dict(d), d.copy(), d | {9: 1.0}),
    lambda d: (type(d).__name__, isinstance(d, dict), isinstance(d, list), hasattr(d, "get")),
    lambda d: (d is d, d is None, not d, bool(d)),
    lambda d: (d.get("z"), "z" in d, d.get(1.0), True in d),
    lambda d: list(reversed(d)),
    lambda d: d[99],
    lambda d: d.nothing,
    lambda d: {d},
    lambda d: d.get(1, 2, 3),
    lambda d: [d.__setitem__(k + 10, 0.0) for k in d],
    lambda d: sum(d.items()),
]


@pytest.mark.parametrize("use", OWN)
def test_what_needs_the_dict_itself_gets_it(use):
    def f(xs, a):
        return use(_filled(xs, a))

    def answer(g):
        try:
            return g(np.linspace(0.5, 1.5, 11), 0.7)
        except Exception as error:
            return type(error).__name__, str(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answer(autodiff.function(f, engine="numpy"))
    expected = answer(f)
    same(found, expected)


def _set_of(xs):
    s = set()
    for x in xs:
        s.add(int(7 * x))
    return s


OF_SETS = [
    lambda s: s,
    lambda s: [s, s, len(s), bool(s)],
    lambda s: (sorted(s), list(s), sum(s), max(s)),
    lambda s: (s | {1}, s & {4}, s - {4}, {99} - s, s ^ {4}, s <= {4}),
    lambda s: (s == {1}, s is s, isinstance(s, set), type(s).__name__, s.copy()),
    lambda s: (s.remove(4), s, [k for k in s]),
    lambda s: s.remove(99),
    lambda s: s[0],
    lambda s: (4 in s, 4.0 in s, "a" in s, s.isdisjoint({4})),
    lambda s: (s.pop(), s),
    lambda s: (s.update([9]), s),
]


@pytest.mark.parametrize("use", OF_SETS)
def test_sets_that_loops_fill_are_pythons_to_everything_else(use):
    def f(xs):
        return use(_set_of(xs))

    def answer(g):
        try:
            return g(np.linspace(0.5, 1.5, 11))
        except Exception as error:
            return type(error).__name__, str(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answer(autodiff.function(f, engine="numpy"))
    same(found, answer(f))


def test_a_number_of_another_type_in_many_columns_is_pythons():
    def f(xs):
        d = {}
        for i in range(len(xs)):
            for j in range(len(xs)):
                d[i, j] = xs[i] * xs[j]
        d[0, 0] = 1.0
        return d[0, 0], d[1, 2], d

    agrees(f, *[(np.linspace(0.5, 1.5, n),) for n in (4, 5)])


def test_sets_have_the_order_of_what_was_added_one_by_one():
    def f(xs):
        s = set()
        for x in xs:
            s.add(int(x))
        return s

    xs = np.array([15.0, -5.0, 2.0, 5.0, 10.0, 31.0, -13.0])
    assert list(autodiff.function(f)(xs)) == list(f(xs))


def test_keys_far_apart_are_pythons():
    def f(xs, a):
        d = {}
        for x in xs:
            d[int(x * 1e5)] = x * a
        return sum(d.values())

    agrees(f, (np.linspace(0.5, 1.5, 6), 0.7))


def test_a_key_that_the_columns_do_not_have_is_left_to_python():
    def f(xs, a):
        d = {}
        for x in xs:
            d[int(x)] = x * a
        return sum(d.values())

    small = np.linspace(0.5, 9.5, 6)
    agrees(f, (small, 0.7), (small * 1000, 0.7))


# -- random programs -------------------------------------------------------------------------------
_KEYS = ["i % 3", "i % 4 - 1", "i", "i * i % 5", "2", "i // 3", "-i", "int(7 * x) % 6"]
_MADE = ["{}", "{0: a}", "dict.fromkeys(range(3), 0.0)", "defaultdict(float)", "Counter()"]
_STATEMENTS = [
    "{d}[{k}] = {v}",
    "{d}[{k}] = {d}.get({k}, 0.0) + {v}",
    "if {k} in {d}: s += {d}[{k}]\n        else: {d}[{k}] = {v}",
    "{d}.setdefault({k}, {v})",
    "try: s += {d}[{k}]\n        except KeyError: s -= a",
    "s += len({d}) + sum({d}.values())",
    "for q, y in {d}.items(): s += q * y",
    "if x > 1: {d}[{k}] = {v}",
    "if {k} in {d}: del {d}[{k}]",
    "s += {d}.pop({k}, a)",
    "if {d} is {e}: s += 1.0",
]
_VALUES = ["x * a", "x", "{d}.get({k}, a) * x", "x * a + i"]


def _random_program(seed):
    r = random.Random(seed)

    def text(pattern):
        names = {"d": r.choice("de"), "e": r.choice("de"), "k": r.choice(_KEYS)}
        value = r.choice(_VALUES).format(**names | {"k": r.choice(_KEYS)})
        return pattern.format(**names, v=value)

    lines = [f"d = {r.choice(_MADE)}", f"e = {r.choice(['d', *_MADE])}", "s = 0.0"]
    lines += ["for i, x in enumerate(xs):"]
    lines += ["    " + text(r.choice(_STATEMENTS)) for _ in range(3)]
    lines += ["return s, list(d.items()), e"]
    return "def f(xs, a):\n    " + "\n    ".join(lines)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(_random_program(seed))
    names = {"Counter": Counter, "defaultdict": defaultdict}
    exec(compile(file.read_text(), str(file), "exec"), names)
    xs = np.linspace(0.5, 1.5, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        agrees(names["f"], (xs, 0.7), (xs[::-1].copy(), -0.7))


_LEFT = {}


def _left_outside(xs, a):
    d = {}
    for i, x in enumerate(xs):
        d[i % 3] = d.get(i % 3, 0.0) + x * a
    _LEFT["d"] = d
    return a * a


@pytest.mark.parametrize("f", [_filled, _of_two_types, _left_outside])
def test_decisions_name_the_users_lines(f):
    """Also those of the loops that put together what the function returns, or leaves outside."""
    found = captured(f, np.linspace(0.5, 2.0, 12), 0.7)
    assert {d.source.file for d in found.decisions} == {__file__}
