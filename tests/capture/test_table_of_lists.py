"""Every method of a list in a loop, for items of each kind, whatever is asked afterwards: as Python has it."""

import importlib.util
import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pytest

import autodiff
from tests.capture.support import same, uncompiled_allowed

# Of items of a kind: two from before the loop, one of a pass, the number in it.
ITEMS = {
    "float": ("x", "2.0 * x", "x * i", "{}"),
    "int": ("2", "5", "i + 3", "{}"),
    "int then float": ("1", "2", "x * i", "{}"),
    "float then NumPy's": ("x", "2.0", "np.float64(x) * i", "{}"),
    "tuple": ("(x, 2)", "(x + 1.0, 3)", "(x * i, i)", "{}[0]"),
    "list": ("[x, 2.0]", "[x + 1.0, 3.0]", "[x * i, 1.0]", "{}[0]"),
    "array": ("np.array([x, 2.0])", "np.array([3.0, x])", "np.array([x * i, 1.0])", "{}[0]"),
    "object": ("Pair(x, 2)", "Pair(x + 1.0, 3)", "Pair(x * i, i)", "{}.a"),
}
METHODS = {
    "append": "s.append(N)",
    "insert front": "s.insert(0, N)",
    "insert middle": "s.insert(1, N)",
    "insert back": "s.insert(len(s), N)",
    "pop back": "if s: s.pop()",
    "pop front": "if s: s.pop(0)",
    "pop middle": "if len(s) > 1: s.pop(1)",
    "pop and append": "s.pop(); s.append(N)",
    "rotate": "s.append(s.pop(0)); s[-1] = N",
    "take off and put on": "t = s.pop(); s.append(N); s.append(t)",
    "del": "if s: del s[0]",
    "sort by key": "s.sort(key=lambda v: V)",
    "sort": "s.sort()",
    "reverse": "s.reverse()",
    "extend": "s.extend([N, N])",
    "clear": "s.clear()",
    "remove": "if s: s.remove(s[0])",
    "slice": "s[:1] = [N]",
    "+=": "s += [N]",
    "*=": "s *= 2",
    "item": "s[0] = N",
    "last item": "s[-1] = N",
    "anew": "s = s[1:] + [N]",
    "anew and pop": "s = s[1:] + [N]; if s: s.pop(0); if s: s[-1] = N",
}
BEGUN = {
    "of two": ["s = [A, B]"],
    "by a branch": ["s = [A]", "if x >= 1.0:", "    s.append(B)"],
    "by a loop": ["s = [B]", "for i in range(n):", "    s.append(N)"],
    "by repetition": ["s = [A] * len(ns)"],
    "of zeros": ["s = [0] * len(ns)"],
}
WHEN = {"always": "i >= 0", "never": "x > 100.0 + i", "sometimes": "x * i > 1.0"}
WHERE = ("in the loop", "before the loop", "after the loop")
ASKED = {
    "pop": "s.pop()",
    "last": "s[-1]",
    "first": "s[0]",
    "length": "len(s)",
    "items": "[V for v in s]",
    "sum": "sum([V for v in s])",
    "list": "list(s), len(s)",
    "equal": "s == [A, B], len(s)",
    "itself": "s",
    "pop and rest": "s.pop(0), s, len(s)",
}
# The length of an array is known when the program runs.
CALLS = tuple([(x, n, np.zeros(n + 2)) for x, n in ((1.5, 3), (0.4, 1), (2.5, 0), (0.7, 3))])
CLASS = """
import numpy as np

class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b
    def __eq__(self, other):
        return self.a == other.a and self.b == other.b
    def __lt__(self, other):
        return self.a < other.a
"""
Names: TypeAlias = tuple[str, str, str, str, str, str]
COMBINATIONS: list[Names] = [*itertools.product(ITEMS, METHODS, BEGUN, WHEN, ASKED, WHERE)]


def source(name: str, kind: str, method: str, begun: str, when: str, asked: str, where: str) -> str:
    """The program of one combination."""
    first, second, new, number = ITEMS[kind]
    lines = METHODS[method].split("; ")
    if when != "always":
        lines = [f"if {WHEN[when]}:", *[f"    {line}" for line in lines]]
    inside = lines if where == "in the loop" else ["s.append(N)"]
    text = [
        *BEGUN[begun],
        *(["i = 1", *lines] if where == "before the loop" else []),
        "for i in range(n):",
        *[f"    {line}" for line in inside],
        *(["i = 2", *lines] if where == "after the loop" else []),
        f"return {ASKED[asked]}",
    ]
    found = {"A": first, "B": second, "N": new, "V": number.format("v"), "NAME": name}
    words = _words("\n".join(["def NAME(x, n, ns):", *[f"    {line}" for line in text]]))
    return "".join([found.get(word, word) for word in words])


def _words(text: str) -> list[str]:
    return ["".join(part) for _, part in itertools.groupby(text, str.isidentifier)]


def module(folder: Path, combinations: Sequence[Names]) -> ModuleType:
    """The programs of some combinations, ``program0`` and so on."""
    path = folder / "programs_of_lists.py"
    texts = [source(f"program{k}", *names) for k, names in enumerate(combinations)]
    path.write_text("\n\n".join([CLASS, *texts]))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def plain(x: Any) -> Any:
    """A result with objects as what they hold."""
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, (list, tuple)):
        return type(x)(map(plain, x))
    return vars(x) if hasattr(x, "__dict__") else x


def outcome(function: Any, call: tuple[Any, ...]) -> Any:
    """What a call gives, or which exception."""
    try:
        return plain(function(*call))
    except (IndexError, ValueError, TypeError, AttributeError) as error:
        return type(error).__name__


def check(folder: Path, combinations: Sequence[Names], engine: str) -> None:
    """Every program gives what Python does, in each call."""
    programs = module(folder, combinations)
    wrong = []
    for k, names in enumerate(combinations):
        function = getattr(programs, f"program{k}")
        differentiated = autodiff.function(function, engine=engine)
        for call in CALLS:
            expected = outcome(function, call)
            with uncompiled_allowed():
                found = outcome(differentiated, call)
            try:
                same(found, expected)
            except AssertionError:
                wrong.append(f"{', '.join(names)} at {call}: {found!r} for {expected!r}")
                break
    assert not wrong, "\n".join(wrong)


# The rules that each of these stands for: an item where one was before; columns of a list that a branch or loop has made.
IN_EACH_RUN: list[Names] = [
    ("float", "pop and append", "of two", "always", "pop", "in the loop"),
    ("float", "take off and put on", "of two", "sometimes", "items", "in the loop"),
    ("tuple", "sort", "by a branch", "always", "length", "in the loop"),
    ("list", "sort", "by a branch", "always", "sum", "in the loop"),
    ("tuple", "pop front", "of two", "never", "itself", "in the loop"),
    ("list", "insert front", "of two", "always", "pop and rest", "in the loop"),
    ("tuple", "insert front", "of two", "sometimes", "pop", "in the loop"),
    ("int then float", "append", "of two", "always", "items", "in the loop"),
    ("int then float", "item", "by a loop", "sometimes", "first", "in the loop"),
    ("int then float", "pop back", "of two", "sometimes", "items", "after the loop"),
    ("float", "anew", "by a loop", "always", "itself", "in the loop"),
    ("tuple", "reverse", "by a loop", "always", "items", "in the loop"),
    ("array", "append", "of two", "always", "last", "before the loop"),
    ("object", "clear", "of two", "sometimes", "length", "in the loop"),
    ("int then float", "item", "of zeros", "always", "itself", "before the loop"),
    ("float then NumPy's", "last item", "by repetition", "sometimes", "items", "before the loop"),
    ("float then NumPy's", "insert front", "of zeros", "always", "itself", "before the loop"),
]
EVERY = 911  # of the combinations, which are in an order that this goes across


def test_lists_in_loops_are_as_python_has_them(tmp_path: Path) -> None:
    check(tmp_path, IN_EACH_RUN + COMBINATIONS[::EVERY], "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ITEMS)
def test_all_lists_in_loops_are_as_python_has_them(kind: str, tmp_path: Path) -> None:
    check(tmp_path, [names for names in COMBINATIONS if names[0] == kind], "numpy")


@pytest.mark.parametrize(
    "start", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 6))]
)
def test_native_lists_in_loops_are_as_python_has_them(start: int, tmp_path: Path) -> None:
    check(tmp_path, IN_EACH_RUN if start == 0 else COMBINATIONS[start::739], "native")


def check_gradients(folder: Path, combinations: Sequence[Names]) -> None:
    """The derivatives of programs that give a float are those of central differences."""
    programs = module(folder, combinations)
    for k, names in enumerate(combinations):
        function = getattr(programs, f"program{k}")
        gradient = autodiff.gradient(function, wrt="x", engine="numpy")

        def pushed(*call: Any, function: Any = function) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", autodiff.FallbackWarning)
                return autodiff.jvp(function, call, (1.0,), wrt="x", engine="numpy")[1]

        for x, n, ns in CALLS:
            if isinstance(outcome(function, (x, n, ns)), float):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", autodiff.FallbackWarning)
                    found = gradient(x, n, ns)
                expected = (function(x + 1e-6, n, ns) - function(x - 1e-6, n, ns)) / 2e-6
                assert found == pytest.approx(expected, rel=1e-8, abs=1e-8), (names, x, n)
                tangent = pushed(x, n, ns)
                assert tangent == pytest.approx(expected, rel=1e-8, abs=1e-8), (names, x, n)


OF_FLOATS = [c for c in COMBINATIONS if c[0] != "int" and c[4] == "sum"]


def test_gradients_through_lists_in_loops(tmp_path: Path) -> None:
    check_gradients(tmp_path, OF_FLOATS[::211])


@pytest.mark.slow
@pytest.mark.parametrize("start", range(8))
def test_all_gradients_through_lists_in_loops(start: int, tmp_path: Path) -> None:
    check_gradients(tmp_path, OF_FLOATS[start::8])
