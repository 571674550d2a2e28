"""Numbers of two or three types that come together, constants among them: type and bits are those of plain Python.

Each program joins three values, of any scalar types, of which each is a constant or an argument, in one of the ways
that paths join; then computes with what comes out.  One compiled function is called with arguments that take
different paths.
"""

import itertools
import linecache
import random
import re
import warnings

import numpy as np
import pytest

import autodiff

# The types, with what a constant of it is written as, one that embeds in narrower types and one that does not, and
# arguments.
TYPES = {
    "bool": (("True", "False"), (True, False, True)),
    "int": (("1", "300"), (2, -3, 2**24 + 1)),
    "float": (("0.5", "0.1"), (1.5, -0.3, 2.7)),
    "int8": (("np.int8(1)", "np.int8(-7)"), (np.int8(5), np.int8(-3), np.int8(100))),
    "int16": (("np.int16(1)", "np.int16(299)"), (np.int16(5), np.int16(-3), np.int16(20000))),
    "int32": (("np.int32(1)", "np.int32(16777217)"), (np.int32(5), np.int32(-3), np.int32(2**30))),
    "int64": (("np.int64(1)", "np.int64(2**31)"), (np.int64(5), np.int64(-3), np.int64(2**40))),
    "uint8": (("np.uint8(1)", "np.uint8(200)"), (np.uint8(5), np.uint8(0), np.uint8(250))),
    "uint64": (("np.uint64(1)", "np.uint64(2**40)"), (np.uint64(5), np.uint64(0), np.uint64(2**40))),
    "float32": (
        ("np.float32(2.0)", "np.float32(0.1)"),
        (np.float32(5.1), np.float32(-0.1), np.float32(0.3)),
    ),
    "float64": (
        ("np.float64(0.5)", "np.float64(0.1)"),
        (np.float64(1.1), np.float64(-0.7), np.float64(3.3)),
    ),
    "bool_": (("np.True_", "np.False_"), (np.True_, np.False_, np.True_)),
    "complex": (("(0.5 + 0j)", "(1.5 - 2j)"), (1 + 2j, -0.5j, 2.1 + 0j)),
}  # fmt: skip

# How three values come together as ``m``.
FORMS = {
    "two ifs": "m = P\nif y > 0: m = Q\nif y > 1: m = R",
    "nested ifs": "if y > 1:\n    m = P\nelif y > 0:\n    m = Q\nelse:\n    m = R",
    "conditional expressions": "m = P if y > 0 else Q\nm = R if y > 1 else m",
    "nested expression": "m = P if y > 1 else (Q if y > 0 else R)",
    "max": "m = max(P, Q, R)",
    "min of max": "m = min(max(P, Q), R)",
    "compared": "m = P\nif Q > m: m = Q\nif R > m: m = R",
    "reduce": "m = functools.reduce(lambda u, v: v if v > u else u, [P, Q, R])",
    "loop": "m = P\nfor i in range(3):\n    if y > i: m = Q\n    elif y < -1: m = R",
    "loop of n": "m = P\nfor i in range(n):\n    if y > i: m = Q\n    elif y < -1: m = R",
    "loop index": "m = P\nfor i in range(3):\n    if y > i: m = i\n    elif y < -1: m = Q",
    "index of n": "m = P\nfor i in range(n):\n    if y > i: m = i\n    elif y < -1: m = Q",
    "while": "m, i = P, 0\nwhile i < n:\n    i += 1\n    m = Q if i < y else m\n    if m is None: break",
    "carried": "m = P\nfor i in range(3):\n    if y > 0: m = m * Q\n    else: m = i * R",
    "carried of n": "m = P\nfor i in range(n):\n    if y > 0: m = m * Q\n    else: m = i * R",
    "largest of n": "m = P\nfor i in range(n):\n    m = max(m, Q)\n    if y > i: m = R",
    "list": "a = [P, Q, R]\nfor i in range(3):\n    if y > i: a[i] = Q\nm = a[0] if y > 1 else a[2]",
    "largest of list": "a = [P, 1, R]\nfor i in range(3):\n    if y > i: a[i] = Q\nm = max(a)",
    "appended": "a = [P if y > 0 else Q]\nfor i in range(2): a.append(a[-1] if y > 1 else R)\nm = max(a)",
    "appended n": "a = []\nfor i in range(n): a.append(P if y > i else Q)\na.append(R)\nm = a[0]",
    "sum": "a = []\nfor i in range(n): a.append(P if y > i else Q)\nm = sum(a) + R",
    "dict": "d = {'k': P}\nfor i in range(3):\n    if y > i: d['k'] = Q\n    else: d['j'] = R\nm = d['k']",
    "attribute": "o = SimpleNamespace(k=P)\nfor i in range(n):\n    if y > i: o.k = Q\n    elif y < -1: o.k = R\nm = o.k",
    "int32 index": "m = P\nfor i in range(n):\n    if y > i: m = np.int32(i)\n    elif y < -1: m = Q",
    "half the index": "m = P\nfor i in range(3):\n    if y > i: m = i * 0.5\n    elif y < -1: m = Q",
    "float32 index": "m = P\nfor i in range(n):\n    if y > i: m = np.float32(i) if i else Q\n    else: m = m + R",
    "exchanged": "m, t = P, Q\nfor i in range(n):\n    if y > i: m, t = t, R\n    else: m, t = t, m",
    "nested loops": "m = P\nfor i in range(n):\n    for j in range(i):\n        if y > j: m = Q\n    if y < -1: m = R",
    "generator": "m = max((v for v in (P, Q, R) if y > 0 or v > 0), default=P)",
    "function": "def g():\n    if y > 1: return P\n    if y > 0: return Q\n    return R\nm = g()",
    "or": "m = (P if y > 0 else Q) or R",
    "list of tuples": "a = []\nfor i in range(n): a.append((P if y > i else Q, R))\nm = a[0][0] + a[1][1]",
    "row": "a = [[P, Q], [Q, R]]\nfor i in range(n - 1):\n    if y > i: a[i][0] = R\nm = a[0][0] if y > 1 else a[1][1]",
    "comprehension": "a = [P if y > i else Q for i in range(n)]\nm = a[1] if y > 0 else R",
    "early end": "m = P\nfor i in range(n):\n    if y > i: m = Q\n    else:\n        m = R if y > 1 else m\n        break",
    "returned from loop": "def g():\n    for i in range(n):\n        if y < -1: return P\n        if i > y: return Q\n    return R\nm = g()",
    "sorted": "m = sorted([P, Q, R])[0 if y > 1 else 2]",
    "abs and minus": "m = -(P + 0) if y > 1 else abs(Q) if y > 0 else R",
    "clipped": "m = min(max(P, 0), Q)\nif y > 1: m = m - R",
    "stored twice": "a = [P] * 4\nfor i in range(n):\n    if y > i: a[i] = Q\nfor i in range(n):\n    if y < i - 1: a[i] = R\nm = max(a)",
    "repeated": "a = [P if y > 0 else Q] * n\nfor i in range(n):\n    if y > i: a[i] = R\nm = a[-1] if y > 1 else max(a)",
    "rebound": "a = [P] * 10\nfor i in range(n): a = [v if y > i else R for v in a]\nif y < 0: a = [Q] * 10\nm = a[1]",
    "in order": "a = [P if y > 0 else Q, Q, R]\na.sort()\nm = a[0] if y > 1 else a[-1]",
    "converted": "m = P\nfor i in range(n):\n    if y > i: m = np.float64(Q)\n    elif y < 0: m = np.float32(R)",
    "tuple": "t = (P, Q)\nif y > 0: t = (Q, R)\nm = t[0] if y > 1 else t[1]",
}  # fmt: skip
PATHS = (0.5, 2.5, -2.0, 1.5)
MAKE = "from types import SimpleNamespace\nimport functools\nimport numpy as np\ndef f(p, q, r, y, n):\n"
RETURNS = "return m, m * 0.1, m + np.float32(0.1), m * 4, m / 3, m * np.int16(2000), m == P"


def written(form, values):
    """The text of a program; ``values``: of each a type, and which constant it is, or None of an argument."""
    body = FORMS[form] + "\n" + RETURNS
    for name, (kind, number) in zip("PQR", values, strict=True):
        value = name.lower() if number is None else TYPES[kind][0][number]
        body = re.sub(rf"\b{name}\b", value, body)
    return MAKE + "".join(f"    {line}\n" for line in body.split("\n"))


def function_of(text):
    """The function that a text defines."""
    name = f"<types that join {hash(text):x}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    table = {"__name__": __name__}
    exec(compile(text, name, "exec"), table)  # as a user would have written it
    return table["f"]


def outcome(f, arguments):
    """The numbers of a call, each as its type and its bits, or what it raises."""
    try:
        found = f(*arguments)
    except Exception as error:
        return type(error)
    return [(type(x), "nan" if x != x else repr(x)) for x in found]


def disagreements(form, values, engine):
    """The calls of a program that plain Python answers otherwise."""
    f = function_of(written(form, values))
    compiled = autodiff.function(f, engine=engine)
    for k, y in enumerate(PATHS):
        taken = [TYPES[kind][1][(k + place) % 3] for place, (kind, _) in enumerate(values)]
        arguments = (*taken, y, 3)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            want, got = outcome(f, arguments), outcome(compiled, arguments)
        if got != want:
            yield f"{form} {values} {arguments} {engine}\n  plain    {want}\n  autodiff {got}"


def _choices():
    return [(kind, number) for kind in TYPES for number in (0, 1, None)]


def pairs():
    """All pairs of types, each constant or argument, in a few forms, which all come round."""
    forms = itertools.cycle(FORMS)
    for first, second in itertools.product(_choices(), repeat=2):
        for k in range(6):
            yield next(forms), (first, second, (first, second)[k % 2])


def triples(number, seed):
    """So many triples, each in a form."""
    draw = random.Random(seed)
    for _ in range(number):
        yield draw.choice([*FORMS]), tuple([draw.choice(_choices()) for _ in range(3)])


def _report(found):
    assert not found, f"{len(found)} calls:\n" + "\n".join(found[:5])


FOUND = [
    ("min of max", (("float", 0), ("float32", None), ("float", None))),
    ("compared", (("float", 0), ("float32", None), ("float", None))),
    ("loop index", (("int32", None), ("int32", None), ("int", None))),
    ("two ifs", (("int64", 0), ("complex", 1), ("float", 0))),
    ("carried of n", (("complex", None), ("float32", 0), ("complex", None))),
    ("row", (("int64", 1), ("int", 1), ("uint8", 0))),
    ("stored twice", (("int8", None), ("uint8", 0), ("int32", 0))),
    ("stored twice", (("float", 1), ("int16", 0), ("float", None))),
    ("repeated", (("float", 0), ("float32", None), ("float", None))),
    ("sum", (("int", None), ("uint8", 1), ("int32", 0))),
    ("sum", (("float32", 0), ("float", 1), ("int", 0))),
]


@pytest.mark.parametrize("form, values", FOUND)
def test_types_change_places(form, values) -> None:
    _report([*disagreements(form, values, "numpy")])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_some_types_that_join(engine) -> None:
    number = 12 if engine == "native" else 40
    _report([x for case in triples(number, 1) for x in disagreements(*case, engine)])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(24))
def test_all_pairs_of_types_that_join(part) -> None:
    found = []
    for k, case in enumerate(itertools.islice(pairs(), part, None, 24)):
        found += disagreements(*case, "native" if k % 20 == 0 else "numpy")
    _report(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_triples_of_types_that_join(seed) -> None:
    found = []
    for k, case in enumerate(triples(500, seed)):
        found += disagreements(*case, "native" if k % 10 == 0 else "numpy")
    _report(found)
