"""The text that is interpreted is the text of the code that runs, whatever its file says now."""

import ast
import dis
import importlib
import linecache
import math
import re
import subprocess
import sys
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.capture import texts
from autodiff.capture.sourcecode import syntax_of
from autodiff.capture.texts import find_text, same_code
from autodiff.errors import FallbackWarning
from tests.capture.support import ENGINES

X = np.array([0.5, 1.5, -2.5])
Load = Callable[[str], Any]
HEAD = "import numpy as np\n\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write a text to one file and import it anew; the file can be edited by ``write``."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"written_{tmp_path.name}"

    def run(text: str) -> Any:
        (tmp_path / f"{name}.py").write_text(HEAD + textwrap.dedent(text))
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    yield run
    sys.modules.pop(name, None)


def edit(module: Any, text: str) -> None:
    """Change the file of a module that has been imported."""
    Path(module.__file__).write_text(HEAD + textwrap.dedent(text))


# A text as it was imported, and what its file holds by the time of the first call.
EDITS = {
    "a constant": ("def f(x): return np.sum(x * 2.0)", "def f(x): return np.sum(x * 3.0)"),
    "an operator": ("def f(x): return np.sum(x + x * x)", "def f(x): return np.sum(x - x * x)"),
    "a function called": (
        "def f(x): return np.sum(np.sin(x))",
        "def f(x): return np.sum(np.cos(x))",
    ),
    "the sign of zero": (
        "def f(x): return np.sum(np.copysign(x, 0.0))",
        "def f(x): return np.sum(np.copysign(x, -0.0))",
    ),
    "the type of a constant": (
        "def f(x): return np.sum(x * True) / len(str(True))",
        "def f(x): return np.sum(x * True) / len(str(1))",
    ),
    "a default that is no part of the code": (
        "def f(x, a=2.0): return np.sum(x * a)",
        "def f(x, a=5.0): return np.sum(x * a)",
    ),
    "an argument's place": (
        "def f(x, a=2.0, b=3.0): return np.sum(x * a - b)",
        "def f(x, b=2.0, a=3.0): return np.sum(x * a - b)",
    ),
    "another module's name": (
        "import math\ndef f(x): return np.sum(x) * math.pi",
        "import math\ndef f(x): return np.sum(x) * math.e",
    ),
    "a branch": (
        """
        def f(x):
            return np.sum(x) if x[0] > 0 else -np.sum(x)
        """,
        """
        def f(x):
            return np.sum(x) if x[0] < 0 else -np.sum(x)
        """,
    ),
    "a function inside": (
        """
        def f(x):
            def inner(v):
                return v * 2.0
            return np.sum(inner(x))
        """,
        """
        def f(x):
            def inner(v):
                return v * 7.0
            return np.sum(inner(x))
        """,
    ),
    "a helper": (
        "def h(v): return v * 2.0\ndef f(x): return np.sum(h(x))",
        "def h(v): return v * 9.0\ndef f(x): return np.sum(h(x))",
    ),
    "a lambda beside another": (
        "g, f = lambda x: np.sum(x), lambda x: np.sum(x * 2.0)",
        "g, f = lambda x: np.sum(x), lambda x: np.sum(x * 4.0)",
    ),
    "a line above": (
        "def f(x): return np.sum(x * 2.0)",
        "def f(x): return np.sum(x * 6.0)\ndef g(x): return np.sum(x * 2.0)",
    ),
    "an exception's handler": (
        """
        def f(x):
            try:
                return np.sum(x) * {}["a"]
            except KeyError:
                return np.sum(x) * 2.0
        """,
        """
        def f(x):
            try:
                return np.sum(x) * {}["a"]
            except KeyError:
                return np.sum(x) * 3.0
        """,
    ),
    "everything": ("def f(x): return np.sum(x * 2.0)", "nothing = ("),
    "the whole file emptied": ("def f(x): return np.sum(x * 2.0)", ""),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("change", EDITS)
def test_a_file_edited_after_its_import_changes_nothing(
    change: str, engine: str, load: Load
) -> None:
    before, after = EDITS[change]
    module = load(before)
    expected = module.f(X.copy())
    slope = autodiff.gradient(load(before).f, wrt="x", engine=engine)(X.copy())
    module = load(before)
    edit(module, after)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        value = autodiff.function(module.f, engine=engine)(X.copy())
        found = autodiff.gradient(module.f, wrt="x", engine=engine)(X.copy())
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_array_equal(found, slope)


LOOP = """
import autodiff
@autodiff.function
def f(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += x[k] ** 2
    return total
"""


def test_what_was_transformed_before_the_edit_is_compiled_from_the_text_of_then(load: Load) -> None:
    module = load(LOOP)
    edit(module, LOOP.replace("** 2", "** 3"))
    linecache.checkcache()
    assert module.f(X) == 0.5**2 + 1.5**2
    assert "for(" in str(module.f.ir(np.ones(30)))


def test_a_function_moved_by_an_edit_above_is_still_compiled(load: Load) -> None:
    text = LOOP.replace("@autodiff.function\n", "")
    module = load(text)
    edit(module, "# a remark\n" * 7 + text)
    assert autodiff.function(module.f)(X) == 0.5**2 + 1.5**2


def test_the_warning_says_that_the_file_was_edited(load: Load) -> None:
    text = "class Scale:\n    by = 2.0\ndef f(x): return np.sum(x) * Scale.by"
    module = load(text)
    edit(module, text.replace("2.0", "3.0") + " + 1.0")
    told = "f has no source (its file has changed since) and reads the global 'Scale', of type type"
    with pytest.warns(FallbackWarning, match=re.escape(told)):
        assert autodiff.function(module.f)(X) == np.sum(X) * 2.0


def test_a_file_imported_again_is_the_new_one(load: Load) -> None:
    old = load(LOOP)
    assert old.f(X) == 2.5
    new = load(LOOP.replace("** 2", "** 3"))
    assert new.f(X) == 0.5**3 + 1.5**3
    assert old.f(np.ones(2)) == 2.0  # another size is compiled now, from the text of the old one
    importlib.reload(new)
    assert new.f(X) == 0.5**3 + 1.5**3


def test_code_replaced_in_place_is_looked_up_anew(load: Load) -> None:
    old = load("def f(x): return np.sum(x * 2.0)")
    compiled = autodiff.function(old.f)
    assert compiled(X) == np.sum(X * 2.0)
    new = load("def f(x): return np.sum(x * 3.0)")
    old.f.__code__ = new.f.__code__
    assert compiled(X) == np.sum(X * 3.0)
    old.f.__code__ = old.f.__code__.replace(
        co_consts=tuple(5.0 if c == 3.0 else c for c in old.f.__code__.co_consts)
    )
    assert compiled(X) == np.sum(X * 5.0)  # of which there is no text


def test_a_name_typed_into_twice_gives_each_function_its_own_text() -> None:
    made = []
    for factor in ("2.0", "3.0"):
        text = f"def f(x):\n    return np.sum(x * {factor}) if x[0] > 0 else 0.0\n"
        linecache.cache["<typed>"] = (len(text), None, text.splitlines(True), "<typed>")
        space: dict[str, Any] = {"np": np}
        exec(compile(text, "<typed>", "exec"), space)
        made.append(autodiff.gradient(space["f"]))
        if factor == "2.0":
            assert made[0](X).tolist() == [2.0] * 3
    del linecache.cache["<typed>"]
    assert made[1](X).tolist() == [3.0] * 3
    assert made[0](np.ones(2)).tolist() == [2.0] * 2


def test_a_file_that_is_gone_leaves_a_function_without_source() -> None:
    text = "def f(x):\n    return np.sum(x)\n"
    space: dict[str, Any] = {"np": np}
    exec(compile(text, "/nowhere/at/all.py", "exec"), space)
    assert syntax_of(space["f"]) is None
    assert autodiff.function(space["f"])(X) == np.sum(X)


# -- what is the same code ------------------------------------------------------------------------
SHAPES = """
from __future__ import annotations
import functools
import numpy as np

def plain(x: float) -> float:
    "A text."
    return x + 1

def keyed(x, /, y, *rest, z=1.0, **more):
    return x * z

def closing(k):
    def inner(x):
        nonlocal k
        k = k + 1
        return x * k
    return inner

@functools.wraps(plain)
def decorated(x):
    return [v * x for v in (i for i in range(3))]

def generating(x):
    yield from (x, lambda: x)

async def waiting(x):
    await x

def handling(x):
    try:
        with x as y:
            return y
    except (KeyError, ValueError) as error:
        raise TypeError from error
    finally:
        x = None

def matching(x):
    match x:
        case {"a": [1, *rest]}:
            return rest
        case _:
            return {1.0, -0.0, float("nan")}, 1 in {1, 2, 3}

def asserting(x):
    assert x > 0, f"{x} is not positive"
    return x if __debug__ else -x

def nested_assertion(x):
    def inner(y):
        assert y
        return y
    return inner(x)

class Base:
    def __init__(self, w):
        self.__w = w
    def get(self):
        return self.__w

class Owner(Base, metaclass=type):
    '''Documented.'''
    key = property(lambda self: self.__hidden)
    __hidden = 3.0
    def __init__(self, w):
        super().__init__(w)
    class Inner:
        def method(self, x):
            return __class__, self.__x, x
    if True:
        def chosen(self):
            return np.sum(self.__hidden)

pair = lambda x: x * 2, lambda x: x * 3
same = lambda x: x, lambda x: x
deep = lambda x: (lambda y: (lambda z: x + y + z))
"""


def _functions(code: types.CodeType, space: dict[str, Any]) -> Iterator[types.FunctionType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            cells = tuple(types.CellType() for _ in constant.co_freevars)
            yield types.FunctionType(constant, space, constant.co_name, None, cells)
            yield from _functions(constant, space)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_shape_of_function_is_found_again(level: int) -> None:
    name = f"<shapes {level}>"
    linecache.cache[name] = (len(SHAPES), None, SHAPES.splitlines(True), name)
    whole = compile(SHAPES, name, "exec", dont_inherit=True, optimize=level)
    found = 0
    for function in _functions(whole, {}):
        syntax = syntax_of(function)
        if function.__code__.co_name in ("<listcomp>", "<genexpr>", "Base", "Owner", "Inner"):
            assert syntax is None
            continue
        assert syntax is not None, function
        lines = [n.lineno for n in (syntax.node,)]
        assert lines[0] >= function.__code__.co_firstlineno
        found += 1
    del linecache.cache[name]
    assert found > 25


def test_lambdas_on_one_line_are_told_apart() -> None:
    f, g = (lambda x: np.sum(x * 2.0)), (lambda x: np.sum(x * 3.0))
    h = lambda x: (lambda y: np.sum(x * y))(2.0 * x)  # noqa: E731
    assert [autodiff.function(k)(X) for k in (f, g, h)] == [k(X) for k in (f, g, h)]


def test_functions_with_assertions_that_pytest_rewrote_are_compiled() -> None:
    def f(x):
        assert len(x) > 2, "three"
        total = 0.0
        for k in range(len(x)):
            if x[k] > 0:
                total += x[k]
        assert total > 0
        return total

    assert any("@py" in str(i.argval) for i in dis.get_instructions(f))
    assert autodiff.function(f)(X) == 2.0
    assert "for(" in str(autodiff.function(f).ir(np.ones(30)))


def _functions_of(scope: Any, module: str) -> list[types.FunctionType]:
    """The functions of a module or class, those of its classes and those that others hold."""
    found: list[types.FunctionType] = []
    for x in vars(scope).values():
        x = getattr(x, "__func__", getattr(x, "fget", x))
        if isinstance(x, types.FunctionType):
            held = [c.cell_contents for c in x.__closure__ or ()]
            found += [x, *[f for f in held if isinstance(f, types.FunctionType)]]
        elif isinstance(x, type) and x.__module__ == module:
            found += _functions_of(x, module)
    return found


def test_code_of_this_process_is_found_in_its_files() -> None:
    modules = ("json.decoder", "textwrap", "autodiff.dims", "autodiff.api", __name__)
    functions = [
        f
        for name in modules
        for f in _functions_of(sys.modules[name], name)
        if f.__module__ == name and f.__code__.co_filename.endswith(".py")
    ]
    assert len(functions) > 50
    assert [f for f in functions if find_text(f) is None] == []


def test_constants_are_the_same_only_if_they_compute_the_same() -> None:
    def code(text: str) -> Any:
        return compile(f"lambda: {text}", "<constants>", "eval").co_consts[0]

    different = ["1", "1.0", "True", "0.0", "-0.0", "0j", "(1, 2)", "(1.0, 2)", "'a'", "b'a'"]
    different += ["x in {1, 2}", "x in {1.0, 2}", "lambda: 1", "lambda: 1.0", "1e400 * 0", "None"]
    for a in different:
        for b in different:
            assert same_code(code(a), code(b)) == (a == b), (a, b)
    assert math.isnan(eval("1e400 * 0"))


SCRIPT = """
import numpy as np, autodiff
def f(x):
    assert x[0] > 0, "positive"
    return np.sum(x * x) if __debug__ else np.sum(x * 3.0)
for values in ([1.0, 2.0], [-1.0, 2.0]):
    x = np.array(values)
    def told(g):
        try:
            return np.asarray(g(x)).tolist()
        except AssertionError as error:
            return str(error)
    print(told(f), told(autodiff.function(f)), told(autodiff.gradient(f)))
"""


@pytest.mark.parametrize("options", [(), ("-O",), ("-OO",), ("-X", "no_debug_ranges")])
def test_a_script_under_each_option_of_python(options: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, "-W", "error", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if options[:1] in (("-O",), ("-OO",)):
        assert done.stdout.splitlines() == ["9.0 9.0 [3.0, 3.0]", "3.0 3.0 [3.0, 3.0]"]
    else:
        assert done.stdout.splitlines() == ["5.0 5.0 [2.0, 4.0]", "positive positive positive"]


@pytest.mark.parametrize("way", ["command", "standard input"])
def test_text_that_is_in_no_file(way: str) -> None:
    text = SCRIPT.replace("    def told", "    def told")
    command = [sys.executable, "-W", "ignore", *(["-c", text] if way == "command" else ["-"])]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["5.0 5.0 [2.0, 4.0]", "positive positive positive"]


def test_no_more_than_a_few_texts_of_a_file_are_kept(load: Load) -> None:
    for k in range(6):
        module = load(f"import autodiff\n@autodiff.function\ndef f(x): return np.sum(x) * {k}.0")
        assert module.f(X) == np.sum(X) * k
    assert len(texts._TEXTS[module.__file__]) == texts.MAXIMUM_TEXTS


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "statement by statement"])
def test_a_file_that_is_run_in_parts_is_found_again(whole: bool, tmp_path: Path) -> None:
    """Calls of what is imported compile to other instructions where the import is compiled along."""
    source = (
        "import math\nimport numpy as np\nfrom scipy import special as sp\n\n"
        "def f(x):\n    y = np.zeros(2)\n    for k in range(2):\n        y[k] = sp.gammaln(x[k]) + math.pi\n"
        "    return np.sum(y)\n\n"
        "class Model:\n    def value(self, x):\n        return np.sum(np.array([x[0], 2 * x[1]]))\n"
    )
    path = tmp_path / "parts.py"
    path.write_text(source)
    module = ast.parse(source)
    namespace: dict[str, Any] = {"__name__": "parts"}
    parts = [module] if whole else [ast.Module([statement], []) for statement in module.body]
    for part in parts:
        exec(compile(part, str(path), "exec"), namespace)
    for function in (namespace["f"], namespace["Model"].value):
        assert find_text(function) is not None
    gradient = autodiff.gradient(namespace["Model"]().value, on_fallback="error")
    np.testing.assert_array_equal(gradient(X[:2]), [1.0, 2.0])


@pytest.mark.filterwarnings("ignore:invalid escape")
def test_what_python_says_of_a_text_is_said_once(load: Load) -> None:
    module = load("def f(x):\n    return x * len('\\.')\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert autodiff.function(module.f)(2.0) == 4.0
