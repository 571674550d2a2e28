"""Specialisations on disk: what holds is loaded, what has changed in any way is not, what is not ours is never run."""

import importlib.util
import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import cache
from autodiff.compiled import storing
from autodiff.stored import image, loading

pytestmark = pytest.mark.skipif(not image.is_possible(), reason="images are of Linux on x86-64")

X = np.array([0.25, -1.5, 2.0])
HEAD = "import math\nimport numpy as np\n"
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_CACHE", "1")
    monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(tmp_path / "cache"))
    storing._pending.clear()
    yield
    storing._pending.clear()


def module(folder: Path, source: str) -> ModuleType:
    """A module of this source, which is on disk, as capture wants it."""
    name = f"stored_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(HEAD + source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def store(transformed: Any, *args: Any) -> int:
    """Call a function and end its process, as far as entries go: how many are written."""
    transformed(*args)
    before = len(cache._files()) if cache.directory().exists() else 0
    names = [noted.key for noted in storing._pending]
    storing._write_all(os.getpid())
    assert len(cache._files()) - before >= 0
    return sum(cache.read(name) is not None for name in names)


def loaded(transformed: Any, *args: Any) -> tuple[bool, Any]:
    """Whether a call is answered from disk, and what it gives."""
    result = transformed(*args)
    answers = transformed._answers
    return not isinstance(answers, autodiff.compiled.Compiled), result


def same(a: Any, b: Any) -> None:
    """Assert that two results are equal, in values and types."""
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key, x in a.items():
            same(x, b[key])
    else:
        np.testing.assert_array_equal(a, b)


# -- what is kept ---------------------------------------------------------------------------------
KEPT = {
    "elementary functions": "def f(x): return np.sum(np.sin(x) ** 2 + np.exp(-x))",
    "a loop with branches": """
def f(x):
    s = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            s += x[k] ** 2
        else:
            s -= math.sin(x[k])
    return s
""",
    "a helper with a default": """
def helper(x, scale=1.5): return np.exp(x) * scale
def f(x): return np.sum(helper(x))
""",
    "helpers that call each other": """
def one(x, n): return x if n == 0 else two(x * x, n - 1)
def two(x, n): return one(x + 1, n)
def f(x): return np.sum(one(x, 3))
""",
    "globals, read and compared": """
N = 3
SCALE = 2.5
WEIGHTS = np.array([1.0, 2.0, 3.0])
def f(x): return np.sum(WEIGHTS * x**N) * SCALE
""",
    "a closure": """
def make(a, n):
    def f(x): return np.sum(a * x) * n
    return f
f = make(1.5, 2)
""",
    "linear algebra": "def f(x): return np.linalg.norm(np.outer(x, x) + np.eye(3))",
    "a constant array": "def f(x): return np.sum(x * np.array([1.0, 2.0, 3.0]))",
    "a name of a module": "pi = math.pi\ndef f(x): return pi * np.mean(x) + np.pi",
    "an exception that is not raised": """
def f(x):
    if x[0] > 10:
        raise ValueError("too large")
    return np.sum(x)
""",
    "a nested function": """
def f(x):
    def inner(y): return y * y
    return np.sum(inner(x) + sum([inner(y) for y in x]))
""",
}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("function", marks=pytest.mark.slow),
        pytest.param("gradient", marks=pytest.mark.slow),
        "value_and_gradient",
    ],
)
@pytest.mark.parametrize("name", KEPT)
def test_an_entry_answers_as_the_process_that_stored_it(name, kind, tmp_path):
    transform = getattr(autodiff, kind)
    f = module(tmp_path, KEPT[name]).f
    first = transform(f)
    assert store(first, X) == 1
    again = module(tmp_path, KEPT[name]).f  # other objects throughout, as in another process
    second = transform(again)
    from_disk, result = loaded(second, X)
    assert from_disk
    same(result, first(X))
    for x in (X + 1.0, -X):
        same(second(x), transform(f)(x))
    if kind == "function":
        np.testing.assert_allclose(second(X), f(X), rtol=1e-14)


ARGUMENTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "numbers": ("def f(a, b): return a * b + np.sin(a)", (1.5, 2.0)),
    "scalars of NumPy": ("def f(a, b): return a * b", (np.float64(1.5), np.float32(2.0))),
    "an int": ("def f(x, n): return np.sum(x) * n", (X, 3)),
    "single precision": ("def f(x): return np.sum(x * x)", (X.astype("f"),)),
    "numbers that are left at their default": (
        "def f(x, a=2.5, n=3): return np.sum(x * a) * n",
        (X,),
    ),
    "some of them": ("def f(x, a=2.5, n=3): return np.sum(x * a) * n", (X, 1.5)),
    "a matrix": ("def f(A, x): return np.sum(A @ x)", (np.ones((2, 3)), X)),
    "a result of containers": ("def f(x): return x * 2, {'s': np.sum(x), 'n': 1.5}", (X,)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_every_kind(name, tmp_path):
    source, args = ARGUMENTS[name]
    first = autodiff.function(module(tmp_path, source).f)
    assert store(first, *args) == 1
    from_disk, result = loaded(autodiff.function(module(tmp_path, source).f), *args)
    assert from_disk
    same(result, first(*args))


def test_other_arguments_are_other_entries(tmp_path):
    f = module(tmp_path, "def f(x): return np.sum(x * x)").f
    assert store(autodiff.function(f), X) == 1
    for x in (X[:2], X.astype("f"), X.astype(int), 2.0, X.reshape(1, 3)):
        from_disk, result = loaded(autodiff.function(f), x)
        assert not from_disk
        same(result, autodiff.function(f, use_cache=False)(x))


def test_arguments_that_do_not_fit_are_for_the_compiler(tmp_path):
    f = module(tmp_path, "def f(x): return np.sum(x * x)").f
    store(autodiff.function(f), X)
    second = autodiff.function(f)
    assert loaded(second, X)[0]
    strided = np.arange(6.0)[::2]
    assert second(strided) == np.sum(strided * strided)
    with pytest.raises(TypeError):
        second(X, X)
    assert second(x=X) == np.sum(X * X)
    same(second(X[:, None]), np.sum(X * X))


def test_a_call_shows_what_it_was_answered_by(tmp_path):
    f = module(tmp_path, "N = 2\ndef f(x): return np.sum(x**N)").f
    store(autodiff.gradient(f), X)
    second = autodiff.gradient(f)
    second(X)
    (one,) = second.cache
    assert repr(one) == "<stored specialisation for (x: float64[3]); guards N equal 2>"
    assert "def f_vjp" in str(second.ir(X))  # captured now
    same(second(X), 2 * X)


def test_the_same_function_once_more_is_answered_by_what_is_to_be_written(tmp_path):
    source = """
W = np.array([1.0, 2.0, 3.0])
def f(x): return np.sum(W * x * x)
def make(n):
    def g(x): return np.sum(x * n)
    return g
"""
    made = module(tmp_path, source)
    same(autodiff.gradient(made.f)(X), 2 * made.W * X)
    # Nothing is stored yet: that waits for the end of the process, or for this.
    made.W = np.array([3.0, 1.0, 2.0])
    from_disk, slope = loaded(autodiff.gradient(made.f), X)
    assert from_disk
    same(slope, 2 * made.W * X)
    assert autodiff.function(made.make(2))(X) == np.sum(X * 2)
    from_disk, value = loaded(autodiff.function(made.make(3)), X)  # the same code, of another cell
    assert not from_disk and value == np.sum(X * 3)


# -- what has changed --------------------------------------------------------------------------------
STALE = {
    "the function": ("def f(x): return np.sum(x)", "def f(x): return np.sum(-x)"),
    "a constant": ("def f(x): return 2.0 * x[0]", "def f(x): return 3.0 * x[0]"),
    "the sign of zero": ("def f(x): return x[0] * 0.0", "def f(x): return x[0] * -0.0"),
    "the type of a constant": ("def f(x): return x[0] ** 1", "def f(x): return x[0] ** True"),
    "a helper": (
        "def h(x): return x\ndef f(x): return np.sum(h(x))",
        "def h(x): return -x\ndef f(x): return np.sum(h(x))",
    ),
    "a helper's helper": (
        "def g(x): return x\ndef h(x): return g(x)\ndef f(x): return np.sum(h(x))",
        "def g(x): return -x\ndef h(x): return g(x)\ndef f(x): return np.sum(h(x))",
    ),
    "a global": ("N = 2\ndef f(x): return np.sum(x**N)", "N = 3\ndef f(x): return np.sum(x**N)"),
    "the type of a global": (
        "N = 2\ndef f(x): return np.sum(x**N)",
        "N = True\ndef f(x): return np.sum(x**N)",
    ),
    "a tuple": (
        "AT = (0, 1)\ndef f(x): return x[AT[0]] + x[AT[1]]",
        "AT = (0, 2)\ndef f(x): return x[AT[0]] + x[AT[1]]",
    ),
    "a constant of a closure": (
        "def m(n):\n    def f(x): return np.sum(x) * n\n    return f\nf = m(2)",
        "def m(n):\n    def f(x): return np.sum(x) * n\n    return f\nf = m(3)",
    ),
    "a function in a closure": (
        "def m(g):\n    def f(x): return np.sum(g(x))\n    return f\nf = m(lambda x: x)",
        "def m(g):\n    def f(x): return np.sum(g(x))\n    return f\nf = m(lambda x: -x)",
    ),
    "a default": ("def f(x, n=2): return x * n", "def f(x, n=3): return x * n"),
    "the type of a default": ("def f(x, n=2): return x * n", "def f(x, n=2.0): return x * n"),
    "a default of a helper": (
        "def h(x, n=2): return x**n\ndef f(x): return np.sum(h(x))",
        "def h(x, n=3): return x**n\ndef f(x): return np.sum(h(x))",
    ),
    "a keyword's default": (
        "def h(x, *, n=2): return x**n\ndef f(x): return np.sum(h(x))",
        "def h(x, *, n=3): return x**n\ndef f(x): return np.sum(h(x))",
    ),
    "a builtin under a name of its own": (
        "def f(x): return max(x[0], x[1])",
        "def max(a, b): return a * b\ndef f(x): return max(x[0], x[1])",
    ),
    "a module under another's name": (
        "def f(x): return math.sqrt(x[2]) + np.sum(x)",
        "class math:\n    sqrt = staticmethod(lambda x: x)\ndef f(x): return math.sqrt(x[2]) + np.sum(x)",
    ),
    "a function of a library": (
        "g = np.sin\ndef f(x): return np.sum(g(x))",
        "g = np.cos\ndef f(x): return np.sum(g(x))",
    ),
    "a float that is an array by now": (
        "W = 2.0\ndef f(x): return np.sum(W * x)",
        "W = np.array([1.0, 2.0, 3.0])\ndef f(x): return np.sum(W * x)",
    ),
    "a decorated helper": (
        "def h(x): return x\ndef f(x): return np.sum(h(x))",
        "def h(x): return x\nh.rule = 1\ndef f(x): return np.sum(h(x))",
    ),
    "helpers that are one by now": (
        "def g(x): return 2 * x\ndef h(x): return 2 * x\ndef f(x): return np.sum(g(x)) * (1.0 if g == h else 5.0)",
        "def g(x): return 2 * x\nh = g\ndef f(x): return np.sum(g(x)) * (1.0 if g == h else 5.0)",
    ),
    "a nested function's constant": (
        "def f(x):\n    def g(y): return 2.0 * y\n    return np.sum(g(x))",
        "def f(x):\n    def g(y): return 3.0 * y\n    return np.sum(g(x))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STALE)
def test_what_has_changed_is_not_answered_from_disk(name, tmp_path):
    before, after = (module(tmp_path, text) for text in STALE[name])
    assert store(autodiff.function(before.f), X) == 1
    from_disk, result = loaded(autodiff.function(after.f), X)
    assert not from_disk
    same(result, autodiff.function(after.f, use_cache=False)(X))


@pytest.mark.parametrize("name", [n for n in STALE if "global" in n or "tuple" in n])
def test_a_global_that_changes_later_is_seen(name, tmp_path):
    before, after = STALE[name]
    first = module(tmp_path, before)
    store(autodiff.function(first.f), X)
    second = autodiff.function(first.f)
    assert loaded(second, X)[0]
    changed = vars(module(tmp_path, after))
    for key in ("N", "AT"):
        if key in changed:
            setattr(first, key, changed[key])
    same(second(X), autodiff.function(first.f, use_cache=False)(X))


def test_what_is_read_at_each_call_may_differ(tmp_path):
    source = "S = 2.0\nW = np.array([1.0, 2.0, 3.0])\ndef f(x): return np.sum(W * x) * S"
    store(autodiff.function(module(tmp_path, source).f), X)
    other = module(tmp_path, source.replace("2.0\nW", "5.0\nW").replace("[1.0", "[9.0"))
    second = autodiff.function(other.f)
    from_disk, result = loaded(second, X)
    assert from_disk and result == other.f(X)
    other.S, other.W = -1.0, other.W[::-1].copy()
    assert second(X) == other.f(X)
    other.W = np.ones(2)
    with pytest.raises(ValueError, match="broadcast"):
        second(X)
    other.W = np.float64(2.0)
    assert second(X) == other.f(X)


def test_a_default_that_is_replaced_is_seen(tmp_path):
    f = module(tmp_path, "def f(x, n=2): return np.sum(x) * n").f
    store(autodiff.function(f), X)
    second = autodiff.function(f)
    assert loaded(second, X)[0]
    for n in (5, 2.5, np.ones(2)):
        f.__defaults__ = (n,)
        same(second(X), f(X))


def test_code_that_is_replaced_in_place_is_another_function(tmp_path):
    one = module(tmp_path, "def f(x): return np.sum(x)").f
    two = module(tmp_path, "def f(x): return np.sum(x * x)").f
    store(autodiff.function(one), X)
    second = autodiff.function(one)
    assert loaded(second, X)[0]
    one.__code__ = two.__code__
    assert second(X) == np.sum(X * X)


def test_a_library_that_is_patched_is_another_library(tmp_path, monkeypatch):
    f = module(tmp_path, "def f(x): return np.sum(np.sin(x))").f
    store(autodiff.function(f), X)
    for other in (np.cos, lambda x: x):
        monkeypatch.setattr(np, "sin", other)
        with pytest.warns(autodiff.FallbackWarning, match="numpy.sin, in whose place"):
            assert autodiff.function(f)(X) == np.sum(other(X))


OTHER = {
    "versions, processor and sources": lambda m: m.setattr(loading, "_environment", lambda: "other"),
    "settings": lambda m: m.setenv("AUTODIFF_CHECK", "2"),
    "the cache is off": lambda m: m.setenv("AUTODIFF_CACHE", "0"),
    "only machine code is kept": lambda m: m.setenv("AUTODIFF_CACHE", "code"),
    "what is made is to be shown": lambda m: m.setenv("AUTODIFF_DEBUG", "1"),
    "another place": lambda m: m.setenv("AUTODIFF_CACHE_DIR", os.environ["AUTODIFF_CACHE_DIR"] + "2"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_another_environment_has_other_entries(name, tmp_path, monkeypatch):
    f = module(tmp_path, "def f(x): return np.sum(x * x)").f
    store(autodiff.function(f), X)
    assert loaded(autodiff.function(f), X)[0]
    OTHER[name](monkeypatch)
    assert not loaded(autodiff.function(f), X)[0]


def test_the_environment_is_all_that_code_depends_on():
    text = loading._environment()
    assert text is not None
    for part in (sys.version, np.__version__, "flags", "llvmlite", "scipy", "stored/loading.py"):
        assert part in text


@pytest.mark.parametrize(
    "options", [{"wrt": "x"}, {"threads": 2}, {"engine": "numpy"}, {"use_cache": False}]
)
def test_other_options_have_other_entries(options, tmp_path):
    f = module(tmp_path, "def f(x): return np.sum(x * x)").f
    store(autodiff.gradient(f), X)
    assert loaded(autodiff.gradient(f), X)[0]
    assert not loaded(autodiff.gradient(f, **options), X)[0]


# -- what is never kept ------------------------------------------------------------------------------
NEVER = {
    "which object is which": "A = 1000\nB = A\ndef f(x): return np.sum(x) * (1.0 if A is B else 5.0)",
    "text of numbers": "def f(x): return np.sum(x) * len(f'{np.float64(1) / 3}')",
    "text of arrays": "def f(x): return np.sum(x) * len(np.array2string(np.ones(2) / 3))",
    "prints": "def f(x):\n    print('here')\n    return np.sum(x)",
    "draws": "def f(x): return np.sum(x) + np.random.normal()",
    "calls what is not known": "import time\ndef f(x): return np.sum(x) + 0 * time.time()",
    "imports": "def f(x):\n    import numpy\n    return numpy.sum(x)",
    "changes a global": "N = 0\ndef f(x):\n    global N\n    N += 1\n    return np.sum(x)",
    "stores into its argument": "def f(x):\n    x[0] = 1.0\n    return np.sum(x)",
    "gives an object of a class": "def f(x): return np.linalg.slogdet(np.diag(x))",
    "reads an object": "class A: w = 2.0\na = A()\ndef f(x): return np.sum(x) * a.w",
    "reads a class": "class A:\n    n = 2\ndef f(x): return np.sum(x) * A.n",
    "reads a list": "L = [1.0, 2.0]\ndef f(x): return np.sum(x) * L[0]",
    "reads a dict": "D = {'a': 2}\ndef f(x): return np.sum(x) * D['a']",
    "has a function with attributes": "def h(x): return x\nh.n = 3\ndef f(x): return np.sum(h(x)) * h.n",
    "asks for names by text": "def f(x): return getattr(np, 'sum')(x)",
    "has a vectorised function": "h = np.vectorize(lambda x: x * 2)\ndef f(x): return np.sum(h(x))",
    "has a function of frompyfunc": "h = np.frompyfunc(abs, 1, 1)\ndef f(x): return np.sum(x) + 0 * h(2)",
    "has a function that says it is NumPy's": """
def sin(x): return x
sin.__module__ = "numpy"
def f(x): return np.sum(sin(x))
""",
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_what_has_no_exact_description_is_not_stored(name, tmp_path):
    f = module(tmp_path, NEVER[name]).f
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert store(autodiff.function(f), X.copy()) == 0


def test_floating_point_errors_are_told_as_ever(tmp_path):
    f = module(tmp_path, "def f(x): return np.sum(np.log(x))").f
    store(autodiff.function(f), np.abs(X))
    second = autodiff.function(f)
    assert loaded(second, np.abs(X))[0]
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        assert np.isnan(second(X))
    third = autodiff.function(f)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        third(X)
    with np.errstate(all="ignore"):
        assert np.isnan(autodiff.function(f)(X))


def test_a_check_that_fails_is_answered_by_plain_python(tmp_path):
    f = module(tmp_path, KEPT["an exception that is not raised"]).f
    store(autodiff.gradient(f), X)
    second = autodiff.gradient(f)
    assert loaded(second, X)[0]
    with pytest.raises(ValueError, match="too large"):
        second(X + 100)
    same(second(X), np.ones(3))


# -- what is not ours --------------------------------------------------------------------------------
def entry(tmp_path: Path) -> tuple[Any, Path]:
    """A function with one entry on disk, and the entry's file."""
    f = module(tmp_path, "def f(x): return np.sum(x * x)").f
    autodiff.function(f)(X)
    (noted,) = storing._pending
    storing._write_all(os.getpid())
    return f, cache.path_of(noted.key)


DAMAGE = {
    "nothing": lambda content: b"",
    "cut short": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "another byte": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "another digest": lambda content: content[:20] + bytes(8) + content[28:],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_none_and_is_written_anew(name, tmp_path, monkeypatch):
    f, path = entry(tmp_path)
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    with monkeypatch.context() as patch:
        patch.setattr(loading.marshal, "loads", None)  # nothing of it is even looked at
        second = autodiff.function(f)
        assert not loaded(second, X)[0]
    storing._write_all(os.getpid())
    assert loaded(autodiff.function(f), X)[0]


FOREIGN = {
    "others may write it": lambda path: path.chmod(0o666),
    "others may write to its folder": lambda path: path.parent.chmod(0o777),
    "a link": lambda path: (path.rename(path.with_suffix(".real")), path.symlink_to(path.with_suffix(".real"))),
    "another user's": lambda path: os.chown(path, 12345, -1),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_an_entry_that_is_not_ours_is_not_read(name, tmp_path, monkeypatch):
    f, path = entry(tmp_path)
    try:
        FOREIGN[name](path)
    except PermissionError:
        pytest.skip("only the system's administrator gives files away")
    monkeypatch.setattr(loading.marshal, "loads", None)
    assert not loaded(autodiff.function(f), X)[0]


def test_an_entry_under_the_name_of_another_is_none(tmp_path):
    f, path = entry(tmp_path)
    g = module(tmp_path, "def f(x): return np.sum(x)").f
    autodiff.function(g)(X)
    (noted,) = storing._pending
    storing._write_all(os.getpid())
    cache.path_of(noted.key).write_bytes(path.read_bytes())
    from_disk, result = loaded(autodiff.function(g), X)
    assert not from_disk and result == np.sum(X)


# -- processes -----------------------------------------------------------------------------------
PROGRAM = """
import sys
import numpy as np
before = set(sys.modules)
import autodiff
SCALE = 2.0
def helper(x): return np.sin(x) * SCALE
def loss(x, n):
    s = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            s += helper(x[k]) * n
    return s
value, slope = autodiff.value_and_gradient(loss, wrt="x")(np.array([0.25, -1.5, 2.0]), 2)
print(repr(float(value)), slope.tolist())
heavy = ("capture", "compiled", "differentiate", "ir", "ops", "passes", "transform", "engines.choosing")
print([name for name in heavy if f"autodiff.{name}" in sys.modules] + [m for m in sys.modules if m == "llvmlite"])
print(len(set(sys.modules) - before))
"""


def run(path: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "AUTODIFF_CHECK"}
    return subprocess.Popen(
        [sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_warm_start_captures_and_compiles_nothing(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    writers = [run(path) for _ in range(2)]  # at the same time
    told = [p.communicate(timeout=60)[0].splitlines() for p in writers]
    told.append(run(path).communicate(timeout=60)[0].splitlines())
    assert told[0][0] == told[1][0] == told[2][0]
    assert told[2][1] == "[]"
    assert int(told[2][2]) <= 45  # modules beside NumPy's: each takes its tenth of a millisecond
    assert not [p for p in cache._files() if p.endswith(".tmp")]
