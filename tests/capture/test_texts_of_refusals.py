"""What Python says of objects that are not what a statement takes them for, in a handler and outside of one."""

import ast
import linecache
import warnings

import numpy as np
import pytest

import autodiff

VALUES = {
    "float": 2.5, "int": 3, "np.float64": np.float64(2.5), "array": np.array([1.0, 2.0, 3.0]),
    "list": [1.0, 2.0], "tuple": (1.0, 2.0), "dict": {"a": 1.0, "b": 2.0},
}  # fmt: skip
CALLED = """
x(); x(1, k=2); (x * 1)(); x[0](); x[0][0](); {"a": x}(); None(x); (lambda a: a)(); (lambda a: a)(x, x); (lambda a: a)(b=x)
(lambda *a: a)(*None); (lambda *a: a)(*3); (lambda *a: a)(*x); (lambda *a: a)(1, *x); (lambda a, b: a)(*x); (lambda **k: k)(**x)
(lambda **k: k)(**[x]); (lambda **k: k)(**None); (lambda **k: k)(a=1, **x); (lambda **k: k)(**x, a=1); dict(**x, **x); {**x}; {**[x]}; print(**x); print(*x, sep=3)
print(x, sep=x); print(x, end=3); print(x, foo=1); print(x, file=3); [x].append(); [x].append(x, x); [x].sort(3); [x].sort(foo=3)
[x].sort(key=3); [x, None].sort(); [x].extend(3); [x].insert("a", x); [x].pop(4); [x].index(7); len(x); int(x); sum(x); list(x)
"""
ITEMS = """
x[0]; x["k"]; x[9]; x[None]; x[1.0]; x[0][0]; None[x]; "abc"[x]; (1, x)[2]; (1, x)["a"]; [1, x][x]; {"a": x}[x]; {"a": x}["b"]
x["k"] = 1; x[9] = 1.0; None[0] = x; (1, x)[0] = 2; [1, x]["a"] = 2; [1, x][7] = x; {1: x}[[x]] = 2; x.foo; x.foo = 1; [x].foo = 1
(x,).foo = 1; None.foo = x; setattr(x, "foo", 1); x[0].foo = 2; {"a": x}.get([x]); {"a": x}.pop([x]); {"a": x}.setdefault([x], 1)
{1}.add([x]); {1}.discard([[x]]); {1}.update([[x]]); {1}.union([1], [[x]]); dict.fromkeys([[x]]); {(x, [1])}; {x: 1}; {x} | {1}
x in 3; x in None; x not in 2.5; 3 in x; None in x; not_there; x + not_there; len[x]; range(3)[x]; range(3)[7]
"""
UNPACKED = """
a, b = x; a, b, c = x; a, b, c, d = x; a, *b = x; a, b, c, *d = x; *a, b, c, d, e = x; (a, b), c = x; a, b = x, x, x; a, b = [x]
a, b = [x, x, x]; a, b = (x for _ in range(3)); a, b = {"p": x}; a, b = 1; a, b = None; a, = x, x; a, b = "abc"; a, b = {x}
a, b = iter([x]); a, b = zip([x], [x]); a, b = map(abs, [1, 2, 3]); a, b, *c = [x]; [p for p in x]; [p for p, q in [[x]]]
[p for p, q in [x]]; {p: 1 for p in x}; [p for p in None]; a, b = object(); a, b = x, *x; a = [*x]; a = (*None, x)
"""
DELETED = """
del x; del x, y; del y; del x[0]; del x["a"]; del x["zz"]; del x[9]; del x[0:1]; del x.foo; del [x][3]; del [x].foo; del {"a": x}["b"]
del (1, x)[0]; del None[0]; del None.a; del "abc"[0]; del [x]["a"]; del {"a": x}[[x]]; del not_there
"""
TEXTS = [t.strip() for group in (CALLED, ITEMS, UNPACKED, DELETED) for t in group.replace("\n", ";").split(";") if t.strip()]  # fmt: skip


def _functions(text):
    """A function of a statement, and one that gives what a handler sees of it."""
    body = f"r = {text}" if isinstance(ast.parse(text).body[0], ast.Expr) else text
    source = (
        f"def plain(x):\n    if False: y = 1\n    r = 0\n    {body}\n    return r, x * 2\n"
        f"def caught(x):\n    if False: y = 1\n    r = 0\n    try:\n        {body}\n"
        "    except Exception as error:\n        r = type(error).__name__, str(error), getattr(error, 'name', None)\n"
        "    return r\n"
    )
    name = f"<{text}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"__name__": "made", "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(source, name, "exec"), space)
    return space["plain"], space["caught"]


def _copy(x):
    return x.copy() if isinstance(x, (np.ndarray, list, dict)) else x


def _outcome(f, x):
    given = _copy(x)
    try:
        return repr(f(given)), repr(given)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("text", TEXTS)
def test_python_says(text, capsys):
    for f in _functions(text):
        for value in VALUES.values():
            assert _outcome(autodiff.function(f, engine="numpy"), value) == _outcome(f, value)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_handler_has_a_derivative_of_its_own(engine):
    def f(x):
        try:
            a, b = x
        except TypeError as error:
            return x * len(str(error))
        return a * b

    text = "cannot unpack non-iterable float object"
    assert autodiff.value_and_gradient(f, engine=engine)(2.0) == (2.0 * len(text), len(text))
