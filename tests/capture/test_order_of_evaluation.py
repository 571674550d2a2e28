"""Every form of expression evaluates its operands in Python's order, and each as often as Python does."""

import ast
import copy
import linecache
import math
import warnings

import numpy as np
import pytest

import autodiff
from autodiff.capture import expressions
from tests.capture.support import ENGINES, kinds, program_of

# ``t(k, v)`` is ``v`` and leaves a mark; ``p`` and ``q`` are conditions, traced or known.
EXPRESSIONS = """
t(1, x) < t(2, y)
t(1, x) < t(2, y) < t(3, 3.0)
t(1, x) < t(2, y) < t(3, 3.0) < t(4, x) < t(5, y)
t(1, x) == t(2, y) != t(3, x)
t(1, y) > t(2, x) in t(3, [x, y])
t(1, 1) < t(2, n) < t(3, 5)
t(1, x) < t(2, n) < t(3, y)
t(1, n) < n < len([x, y]) < x + 10
0 < n - 1 < len([x, y]) < 4 < [x, y, 3.0][n - 1]
0 < x < box.v < t(1, y) < [x, y][1]
(t(1, x) < t(2, y)) < t(3, 3.0)
not t(1, x) < t(2, y) < t(3, 3.0)
t(1, x) < t(2, y) < t(3, 3.0) and t(4, p)
t(1, p) and t(2, q)
t(1, p) or t(2, q)
t(1, p) and t(2, q) or t(3, x)
t(1, p) or t(2, q) and t(3, x)
not t(1, p) or t(2, q)
t(1, p) and (t(2, q) or t(3, p)) and t(4, x)
t(1, x) if t(2, p) else t(3, y)
t(1, x) if t(2, p) and t(3, q) else t(4, y) if t(5, q) else t(6, 2.0)
t(1, x) + t(2, y) * t(3, x) ** t(4, 2)
-t(1, x) + abs(t(2, y)) // t(3, 3.0)
(t(1, x), t(2, y), t(3, x))
[t(1, x), *t(2, [x, y]), t(3, y)]
len({t(1, 1), t(2, 2), t(3, 1)})
{t(1, "a"): t(2, x), t(3, "b"): t(4, y), **t(5, {"c": x})}
both(t(1, x), t(2, y))
both(b=t(1, x), a=t(2, y))
both(*t(1, [x]), **t(2, {"b": y}))
both(*t(1, [x]), *t(2, [y]))
t(1, both)(t(2, x), t(3, y))
both(t(1, x) if t(2, p) else t(3, y), t(4, q) and t(5, x))
t(1, [x, y])[t(2, 1)]
t(1, [x, y, x])[t(2, 0):t(3, 3):t(4, 2)]
t(1, [x, y])[t(2, 0) if t(3, p) else t(4, 1)]
t(1, {"a": x}).get(t(2, "b"), t(3, y))
t(1, {"a": x}).setdefault(t(2, "a"), t(3, y))
[t(1, k) for k in t(2, range(2)) if t(3, p)]
[t(1, k) for k in t(2, range(3)) if t(3, k) < t(4, n) < t(5, 5)]
{t(1, k): t(2, x) for k in t(3, (1, 2))}
len({t(1, k) for k in t(2, (1, 2))})
sum(t(1, x) for k in t(2, range(2)))
any(t(k, x > k) for k in t(5, (1, 2, 3)))
all(t(k, x < k) for k in t(5, (3, 2, 1)))
any([t(k, x > k) for k in t(5, (1, 2, 3))])
any(t(k, x > k) for k in range(n))
next(t(k, x) for k in t(5, (1, 2, 3)) if t(4, x > k) or k == 3)
max(t(1, x), t(2, y), key=lambda v: t(3, -v))
min([x, y, 3.0], key=lambda v: (t(3, v), 0))
sorted([x, y, 3.0], key=lambda v: t(3, v))
max(range(3), key=lambda k: (t(k, x * k), -k))
max(range(n), key=lambda k: (t(k, x * k), -k))
min(range(n), key=lambda k: (k, t(k, x * k)))
min(range(3), key=lambda k: (t(k, x * k), -k))
(w := t(1, x)) + t(2, w)
(w := t(1, p)) and t(2, w)
t(1, x) < (w := t(2, y)) < t(3, 2 * w)
f"{t(1, n)} {t(2, 2)!r:>{t(3, 4)}} {t(4, 'a') if t(5, p) else t(6, 'b')}"
(lambda a, b=t(1, y): t(3, a) + b)(t(2, x))
t(1, divmod)(t(2, x), t(3, 2.0))
t(1, pow)(t(2, 3), t(3, n), t(4, 5))
t(1, zip)(t(2, [x]), t(3, [y])).__next__()
t(1, box).v + t(2, y)
t(1, "a") + t(2, "b") if t(3, p) else t(4, "c") * t(5, 2)
t(1, "%s %s") % (t(2, 1), t(3, 2))
t(1, "{} {a}").format(t(2, 1), a=t(3, 2))
""".strip().splitlines()

# What ends with ``r`` bound to something.
STATEMENTS = r"""
r = a = t(1, x)
r, s = t(1, x), t(2, y)
l = [0.0, 0.0]; l[t(3, 0)], l[t(4, 1)] = t(1, x), t(2, y); r = l
l = [x, y]; l[t(1, 0)] += t(2, y); r = l
t(1, box).v = t(2, x); r = 0
t(1, box).v += t(2, x); r = 0
r: float = t(1, x)
r = 0; assert t(1, True), t(2, "a")
r = 0; assert t(1, y > -9.0) and t(2, True), t(3, "a")
r = 0\nif t(1, x) < t(2, y) < t(3, 3.0): r = t(4, x)\nelif t(5, q): r = t(6, y)
r = 0\nwhile t(1, r) < t(2, 2) < t(3, n): r += 1
r = 0\nwhile t(1, r < 2) and t(2, p): r += 1
r = 0\nfor k in t(1, range(2)): r += t(2, x) if t(3, p) else t(4, y)
match t(1, n):\n  case 1 if t(2, p): r = 1\n  case _ if t(3, q): r = 2\n  case _: r = 3
def g(a, b=t(1, x), *, c=t(2, y)): return a + b + t(4, c)\nr = g(t(3, x))
try: r = t(1, x) < t(2, y) < t(3, 1 / (n - n))\nexcept ZeroDivisionError: r = 7.0
del l2[t(1, 0)]; r = l2
r = t(1, y)\nif r > t(2, x): pass\nelse: r = t(3, x)
""".strip().splitlines()

HEAD = """
class Box:
    v = 1.0
def f(x, y, n):
    mark = 0
    box = Box()
    box.v = 2.0
    l2 = [x, y]
    p, q = CONDITIONS
    def t(k, v):
        nonlocal mark
        mark = mark * 7 + k + 1
        return v
    def both(a, b):
        return a * b
"""
CONDITIONS = {"traced": "x > 1.5, y > 1.5", "known": "True, False", "of an integer": "n > 2, n < 4"}
ARGUMENTS = [(1.0, 2.0, 3), (2.0, 1.0, 3), (2.0, 2.5, 1), (-1.0, -2.0, 6)]


def made(statement, conditions, name):
    lines = statement.replace("\\n", "\n").splitlines()
    body = "\n".join("    " + line for line in lines)
    return loaded(
        HEAD.replace("CONDITIONS", CONDITIONS[conditions]) + body + "\n    return mark, r\n", name
    )


def loaded(text, name):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": __name__}
    exec(compile(text, name, "exec"), space)
    return space["f"]


def cases():
    for k, text in enumerate([*("r = " + e for e in EXPRESSIONS), *STATEMENTS]):
        for conditions in CONDITIONS:
            if conditions == "traced" or any(name in text for name in ("p)", "q)")):
                yield pytest.param(text, conditions, k, id=f"{text} ({conditions})")


@pytest.mark.parametrize(("text", "conditions", "k"), [*cases()])
def test_operands_are_evaluated_in_pythons_order_and_as_often(text, conditions, k):
    f = made(text, conditions, f"<order {k} {conditions}>")
    for engine in ENGINES:
        compiled = autodiff.function(f, engine=engine)
        for arguments in ARGUMENTS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected, found = outcome(f, arguments), outcome(compiled, arguments)
            assert found == expected, arguments


def outcome(f, arguments):
    try:
        return f(*arguments)
    except Exception as error:
        return type(error)


def test_the_table_has_every_form_of_expression():
    def collect(text):
        return {type(node) for node in ast.walk(ast.parse(text.replace("\\n", "\n")))}

    found = set().union(*map(collect, [*EXPRESSIONS, *STATEMENTS]))
    kinds = {
        kind
        for kind in vars(ast).values()
        if isinstance(kind, type) and ast.expr in kind.__bases__ and kind.__module__ == "ast"
    }
    assert {k.__name__ for k in kinds - found} <= {
        "Yield", "YieldFrom", "Await", "TemplateStr", "Interpolation",
    }  # fmt: skip


# -- keys ---------------------------------------------------------------------------------------------
# ``p(v)`` remembers that it was asked.
KEYS = """
sorted([3.0, x, 1.0], key=p)
sorted(range(n), key=p)
sorted(range(n), key=lambda k: (p(k), -k))
sorted([3.0, x, 1.0], key=lambda k: (p(k), -k))
sorted([3.0, x, 1.0], key=lambda k: str(p(n)))
sorted([3, n, 1], key=lambda k: (p(k) > 2, -k))
sorted([3.0, x, 1.0], key=p, reverse=True)
sorted((p(k) for k in range(n)), key=p)
sorted({3: x, 1: x}, key=p)
sorted(np.arange(n), key=p)
sorted(np.arange(n) * x, key=p)
max([3.0, x, 1.0], key=p)
max([3.0, x, 1.0], key=lambda k: (p(k), 0))
max(3.0, x, 1.0, key=p)
min(3.0, x, 1.0, key=lambda k: (p(k), 0))
max(range(n), key=p)
max(np.arange(n), key=p)
max(np.arange(n) * x, key=p)
min(np.arange(n) * x, key=lambda k: (p(k), 0))
max((p(k) for k in range(n)), key=p)
max((p(k) for k in range(n)), key=lambda k: (p(k), 0))
max({3: x, 1: x}, key=p)
max([[x], [1.0, 2.0]], key=lambda r: p(len(r)))
max("abc", key=lambda ch: p(ord(ch)))
max(range(0), key=p, default=1.0)
max(range(n), key=p, default=1.0)
max([3.0, x], key=p, default=1.0)
in_place(3.0, x, 1.0, key=p)
in_place(3.0, x, 1.0, key=lambda k: (p(k), 0))
[(k, len(list(g))) for k, g in itertools.groupby([3, 3, n], key=lambda k: p(k) > 2)]
list(map(p, [3.0, x]))
list(filter(lambda k: p(k) > 2, [3.0, x]))
sorted([3.0, x, 1.0], key=functools.cmp_to_key(lambda a, b: p(a) - p(b)))
functools.reduce(lambda a, b: a + p(b), [3.0, x, 1.0])
functools.reduce(lambda a, b: a + p(b), range(n))
list(itertools.accumulate([3.0, x, 1.0], lambda a, b: a + p(b)))
list(itertools.takewhile(lambda k: p(k) < 2, [x, 3.0, 1.0]))
np.vectorize(p)(np.arange(n) * 1.0)
np.array([p(k) for k in range(n)])
np.apply_along_axis(lambda r: r * p(r[0]), 0, np.ones((2, 2)) * x)
np.fromiter((p(k) for k in range(n)), float)
""".strip().splitlines()

ASKING = """
import functools, itertools
import numpy as np
def f(x, n):
    seen = []
    def p(v):
        seen.append(v)
        return v * 1.5
    def in_place(*items, key):
        l = list(items)
        l.sort(key=key)
        return l
    r = EXPRESSION
    return r, seen
"""


@pytest.mark.parametrize("expression", KEYS)
def test_keys_are_asked_for_once_and_in_order(expression):
    f = loaded(ASKING.replace("EXPRESSION", expression), f"<key {expression}>")
    compiled = autodiff.function(f, engine="numpy")
    for arguments in [(2.5, 4), (0.5, 2), (9.0, 1)]:
        assert repr(outcome(compiled, arguments)) == repr(outcome(f, arguments))


# -- chained comparisons ------------------------------------------------------------------------------
def refused(x, y):
    return x * y if 1.0 < x < math.sqrt(y) else 3 * y


def divided(x, y):
    return x * y if 1.0 < x < 1 / y else 3 * x


def popped(x, items):
    return x if x < 1 < items.pop() else x * len(items)


def printed(x, y):
    def p(v):
        print(v)
        return v

    return x * y if p(1.0) < p(x) < p(y) else y


def advanced(x, items):
    it = iter(items)
    return x if x < next(it) < next(it) else x * next(it)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "calls"),
    [
        (refused, [(0.5, -1.0), (2.0, 9.0), (4.0, 9.0)]),
        (divided, [(0.5, 0.0), (2.0, 0.25), (4.0, 1.0)]),
        (popped, [(2.0, [1.0, 2.0, 3.0]), (0.5, [1.0, 2.0]), (0.5, [1.0, 0.5])]),
        (printed, [(0.5, 2.0), (1.5, 2.0), (3.0, 2.0)]),
        (advanced, [(2.0, [1.0, 2.0, 3.0]), (0.5, [1.0, 2.0, 3.0]), (0.5, [1.0, 0.5, 3.0])]),
    ],
)
def test_a_comparison_that_does_not_hold_ends_a_chain(f, calls, engine, capsys):
    compiled, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for call in calls:
        given, plain = copy.deepcopy(call), copy.deepcopy(call)
        expected, text = f(*plain), capsys.readouterr().out
        assert compiled(*given) == expected
        assert given == plain
        assert capsys.readouterr().out == text
        leaves = slope(*copy.deepcopy(call))
        h = 1e-6
        change = f(call[0] + h, *copy.deepcopy(call[1:])) - f(call[0] - h, *copy.deepcopy(call[1:]))
        assert leaves[0] == pytest.approx(change / (2 * h), abs=1e-6)
        capsys.readouterr()


def inner(x, a):
    total = 0.0
    for i in range(1, len(x) - 1):
        if x[i - 1] < x[i] < x[i + 1] < a.v:
            total += x[i]
    return total


def test_a_chain_of_numbers_is_no_branch():
    class Bound:
        v = 1.5

    program = program_of(inner, np.linspace(0.0, 2.0, 30), Bound())
    assert kinds(program)["cond"] == 1
    assert kinds(program)["logical_and"] == 2
    assert kinds(program_of(lambda x: 2 * x if 0 < x < 1 else x, 0.5))["cond"] == 1


@pytest.mark.parametrize(("operand", "times"), [("x{}", 1), ("abs(x{})", 1), ("x{} / y", 2)])
@pytest.mark.parametrize("links", [4, 8, 16])
def test_links_of_a_chain_are_each_captured_a_fixed_number_of_times(
    operand, times, links, monkeypatch
):
    names = ", ".join(f"x{k}" for k in range(links + 1))
    chain = " < ".join(operand.format(k) for k in range(links + 1))
    text = f"def f({names}, y):\n    return x0 * 3.0 if {chain} else x0 * 2.0\n"
    f = loaded(text, f"<chain of {links}: {operand}>")
    seen = []

    def counted(*arguments):
        seen.append(1)
        return compare_pair(*arguments)

    compare_pair = expressions.compare_pair
    monkeypatch.setattr(expressions, "compare_pair", counted)
    compiled = autodiff.function(f, engine="numpy")
    rising = [float(k + 1) for k in range(links + 1)]
    for k in (None, 1, links // 2, links):
        arguments = [0.5 if k == j else x for j, x in enumerate(rising)]
        assert compiled(*arguments, 2.0) == f(*arguments, 2.0)
    assert len(seen) <= times * links + 1
