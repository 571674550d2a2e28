"""Strings that a loop or branch chooses: numbers in the program, and Python's own strings wherever they are seen."""

import contextlib
import io
import warnings
from collections import Counter, defaultdict

import numpy as np
import pytest

import autodiff

from .support import (
    agrees,
    agrees_with_slopes,
    kinds,
    one_loop_for_any_length,
    program_of,
    same,
)

LABELS = ["r", "g", "b", "g", "r"] * 8
RATES = {"r": 0.1, "g": 0.5, "b": 2.0}


def keys_of_a_list(xs, a):
    names, d = ["a", "b", "c"], {}
    for i, x in enumerate(xs):
        key = names[i % 3]
        d[key] = d.get(key, 0.0) + x * a
    return d["a"] * d["b"] - d["c"]


def keys_of_a_branch(xs, a):
    d, n = defaultdict(float), Counter()
    for x in xs:
        kind = "high" if x > 1 else "low"
        d[kind] += x * a
        n[kind] += 1
    return d["high"] / n["high"] * d["low"]


def labels_beside_values(xs, a):
    d = {}
    for label, x in zip(LABELS, xs, strict=False):
        if label in d:
            d[label] += x * a
        else:
            d[label] = a
    return d["r"] * d["g"] - d["b"]


def state_machine(xs, a):
    state, s = "idle", 0.0
    for x in xs:
        if state == "idle":
            state = "busy" if x > 0.8 else state
            s += a
        elif state != "done":
            s += x * a
            if x > 1.2:
                state = "done"
        else:
            s -= x
    return s


def state_of_an_object(xs, a):
    class Machine:
        def __init__(self):
            self.mode, self.s = "off", 0.0

        def step(self, x):
            if self.mode == "off" and x > 0.7:
                self.mode = "on"
            elif self.mode in ("on", "hot"):
                self.s += x * a
                self.mode = "hot" if self.mode == "on" else "on"

    machine = Machine()
    for x in xs:
        machine.step(x)
    return machine.s + (machine.mode == "hot") * a


def items_of_a_table(xs, a):
    s = 0.0
    for i, x in enumerate(xs):
        s += RATES[LABELS[i % 5]] * x * a
    return s


def arguments_of_a_call(xs, a):
    def force(kind, x):
        return x * a if kind == "up" else -x

    return sum(force("up" if x > 1 else "down", x) for x in xs)


def markov_chain(xs, a):
    chain = {"A": {"A": 0.9, "B": 0.1}, "B": {"A": 0.4, "B": 0.6}}
    seen = list("ABBA") * 5
    return sum(np.log(chain[u][v] * a * xs[0]) for u, v in zip(seen, seen[1:], strict=False))


LOOPS = [
    *(keys_of_a_list, keys_of_a_branch, labels_beside_values, state_machine),
    *(state_of_an_object, items_of_a_table, arguments_of_a_call, markov_chain),
]


@pytest.mark.parametrize("f", LOOPS)
def test_values_and_slopes_are_those_of_plain_python(f):
    agrees_with_slopes(f, "native" if f is state_machine else "numpy")


@pytest.mark.parametrize("f", LOOPS)
def test_one_loop_for_any_length(f):
    one_loop_for_any_length(f)


def _last(xs):
    kind = "none"
    for x in xs:
        if x > 1.4:
            kind = "hit"
    return kind


def _exchanged(xs):
    p, q = "x", "y"
    for x in xs:
        if x > 0.7:
            p, q = q, p
    return [p, q, p], {"last": q}, p == q


def _in_structures(xs):
    pair, d = ("x", 0.0), {"mode": "x", "n": 0}
    for x in xs:
        pair = ("y", pair[1] + x) if pair[0] == "x" else ("x", pair[1] * 2)
        if d["mode"] == "x" and x > 1:
            d["mode"] = "z"
        elif d["mode"] == "z":
            d["n"] += x
    return pair, d


NEXT = {"a": "b", "b": "c", "c": "d", "d": "a"}


def _round(xs):
    kind, late, counts = "a", 0.0, {}
    for x in xs:
        late += x if kind in ("c", "d") else 0.0
        counts[kind] = counts.get(kind, 0) + 1
        kind = NEXT[kind]
    return kind, late, counts


def _round_of_loops(xs):
    kind, late = "a", 0.0
    for x in xs:
        for y in xs[:3]:
            late += y if kind in ("c", "d") else x
        kind = NEXT[kind] if x > 0.2 else kind
    return kind, late


def _of_the_pass_before(xs):
    kind, pair = "c", (0.0, ("c", "q"))
    for x in xs:
        pair = (x, (kind, "q"))
        kind = "a" if x > 1 else "b"
    return pair, kind


def _of_the_pass_before_while(xs):
    kind, pair, i = "c", ["c", 0.0], 0
    while i < len(xs) and xs[i] < 1.3:
        pair = [kind, xs[i]]
        kind = "a" if xs[i] > 1 else "b"
        i += 1
    return pair, kind


@pytest.mark.parametrize(
    "f",
    [
        _last, _exchanged, _in_structures, _round, _round_of_loops, _of_the_pass_before,
        _of_the_pass_before_while,
    ],
)  # fmt: skip
def test_strings_of_the_result_are_pythons(f):
    xs = np.linspace(0.5, 1.5, 11)
    agrees(f, (xs,), (xs / 2,))


# What needs the string itself: the function is captured without numbers.
OWN = [
    lambda k: (k == 3, k == None, k != "hit", k is None, k in ("hit", "x"), k in {"a"}),  # noqa: E711
    lambda k: (k.upper(), len(k), k + "!", "!" + k, k * 2, k[0], list(k), "i" in k),
    lambda k: (f"{k:>6}", "%s" % k, ",".join([k, "z"]), "{}".format(k), str(k), repr([k])),  # noqa: UP031, UP032
    lambda k: (bool(k), k or 1, k < "k", sorted([k, "a"]), max(k, "a")),
    lambda k: (isinstance(k, str), type(k).__name__, {k: 1}, {k}, hash(k) == hash(str(k))),
    lambda k: getattr(np.float64(2.0), k),
    lambda k: {"hit": 1.0}[k],
    lambda k: ["a"][k],
    lambda k: float(k),
    lambda k: "xhit".endswith((k,)),
    lambda k: k.nothing,
]


@pytest.mark.parametrize("use", OWN)
@pytest.mark.parametrize("top", [1.5, 0.6])
def test_what_needs_the_string_itself_gets_it(use, top):
    def f(xs):
        return use(_last(xs))

    def answer(g):
        try:
            return g(np.linspace(0.5, top, 11))
        except Exception as error:
            return type(error).__name__, str(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answer(autodiff.function(f, engine="numpy"))
    same(found, answer(f))


def test_printed_strings_are_pythons():
    def f(xs):
        kind = "x"
        for x in xs:
            kind = "z" if x > 1 else kind
            print(kind, end="")
        return xs[0]

    texts = []
    for g in (f, autodiff.function(f, engine="numpy")):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            g(np.linspace(0.5, 1.5, 11))
        texts.append(out.getvalue())
    assert texts[0] == texts[1]


def test_strings_from_outside_are_read_at_every_call():
    names, chosen, table = ["a", "b", "c"], {"a"}, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}

    def f(xs):
        s, d = 0.0, {}
        for i, x in enumerate(xs):
            k = names[-(i % 3) - 1]
            d[k] = d.get(k, 0.0) + x
            s += table[k] if k in chosen else x
        return s, d

    g, xs = autodiff.function(f, engine="numpy"), np.linspace(0.5, 1.5, 11)
    same(g(xs), f(xs))
    for change in (
        lambda: names.append("d"),
        lambda: names.__setitem__(1, "a"),
        lambda: chosen.add("d"),
        lambda: table.update(d=7.0, a=5),
        chosen.clear,
    ):
        change()
        same(g(xs), f(xs))


# -- text that a loop goes through -----------------------------------------------------------------------
def alignment(first, second, p):
    best = np.zeros((len(first) + 1, len(second) + 1))
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            score = p[0] if first[i - 1] == second[j - 1] else -p[1]
            best[i, j] = max(
                best[i - 1, j - 1] + score, best[i - 1, j] - p[2], best[i, j - 1] - p[2]
            )
    return best[-1, -1]


def matches(first, second, p):
    s = 0.0
    for a, b in zip(first, second):  # noqa: B905
        s = s * 0.9 + (p[0] if a == b else p[1])
    return s


def vowels(first, second, p):
    s = 0.0
    for k, character in enumerate(first):
        s = s * p[2] + (p[0] * k if character in "aeo" else p[1])
    return s + sum(p[1] for character in second if character in "aeo")


def weights(first, second, p):
    table, s = {"a": p[0], "b": p[1]}, 0.0
    for character in first:
        s = s * 0.5 + table.get(character, p[2])
    return s


def counted(first, second, p):
    counts = {"a": 0, "b": 0, "c": 0}
    s = 0.0
    for character in "abc" + first:
        counts[character] += 1
        s = s * 0.9 + p[0] * counts[character]
    return s + counts["a"] * p[1]


@pytest.mark.parametrize("f", [alignment, matches, vowels, weights, counted])
def test_the_characters_of_a_text_are_gone_through_in_one_loop(f) -> None:
    p = np.array([1.0, 0.6, 0.7])
    value, slope = (
        autodiff.function(f, engine="numpy"),
        autodiff.gradient(f, wrt="p", engine="numpy"),
    )
    for first, second in (("abcabcabac", "bacacabbca"), ("aaaaaaaaab", "bcbcbcbcbc"), ("cab", "")):
        same(value(first, second, p), f(first, second, p))
        difference = [
            (f(first, second, p + h) - f(first, second, p - h)) / 2e-6 for h in 1e-6 * np.eye(3)
        ]
        np.testing.assert_allclose(slope(first, second, p), difference, rtol=1e-6, atol=1e-8)
    programs = [program_of(f, "abcabcbcabcac"[:n], "bacacabbcabca"[:n], p) for n in (10, 13)]
    assert len({sum(kinds(program).values()) for program in programs}) == 1
