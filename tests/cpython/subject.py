"""CPython's own tests, made into functions that can be given to `autodiff.function`.

The methods of `test.test_list` and its neighbours are taken as they are; two things around them are changed:

- `unittest` is a library, which is called and not interpreted: its checks would end every capture at the
  first line. `Checks` has the same ones in plain Python, so that they are part of the program.
- In the second of two ways to run a method, its numbers are given: each int or float written in it becomes an
  item of a tuple that is an argument. What was decided while reading the program now depends on its inputs.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import linecache
import re
import textwrap
import unittest
from collections.abc import Callable, Iterator
from typing import Any

MODULES = ("list", "dict", "set", "deque", "iter", "generators", "scope", "augassign", "unpack")
NUMBERS = "given_numbers"  # the name of the argument that holds them


class Expected:
    """What `assertRaises` gives to a `with` statement."""

    def __init__(self, kind: Any, pattern: str | None = None) -> None:
        self.kind = kind
        self.pattern = pattern
        self.exception: BaseException | None = None

    def __enter__(self) -> Expected:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            raise AssertionError(f"{self.kind} not raised")
        if not issubclass(kind, self.kind):
            return False
        self.exception = error
        if self.pattern is not None and re.search(self.pattern, str(error)) is None:
            raise AssertionError(f"{error} does not match {self.pattern}")
        return True


class Checks:
    """The checks of `unittest.TestCase`, as code of the program."""

    def check(self, good: Any, text: str) -> None:
        if not good:
            raise AssertionError(text)

    def assertTrue(self, x: Any, msg: Any = None) -> None:
        self.check(x, "not true")

    def assertFalse(self, x: Any, msg: Any = None) -> None:
        self.check(not x, "not false")

    def assertEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a == b, "not equal")

    assertListEqual = assertTupleEqual = assertSetEqual = assertDictEqual = assertEqual

    def assertNotEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a != b, "equal")

    def assertIs(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a is b, "not the same")

    def assertIsNot(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a is not b, "the same")

    def assertIsNone(self, a: Any, msg: Any = None) -> None:
        self.check(a is None, "not None")

    def assertIsNotNone(self, a: Any, msg: Any = None) -> None:
        self.check(a is not None, "None")

    def assertIn(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a in b, "not in it")

    def assertNotIn(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a not in b, "in it")

    def assertIsInstance(self, a: Any, kind: Any, msg: Any = None) -> None:
        self.check(isinstance(a, kind), "of another type")

    def assertNotIsInstance(self, a: Any, kind: Any, msg: Any = None) -> None:
        self.check(not isinstance(a, kind), "of this type")

    def assertLess(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a < b, "not less")

    def assertLessEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a <= b, "greater")

    def assertGreater(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a > b, "not greater")

    def assertGreaterEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        self.check(a >= b, "less")

    def assertRaises(self, kind: Any, *call: Any, **options: Any) -> Any:
        expected = Expected(kind)
        if not call:
            return expected
        with expected:
            call[0](*call[1:], **options)
        return None

    def assertRaisesRegex(self, kind: Any, pattern: Any, *call: Any, **options: Any) -> Any:
        expected = Expected(kind, pattern)
        if not call:
            return expected
        with expected:
            call[0](*call[1:], **options)
        return None


class _Given(ast.NodeTransformer):
    """Makes the numbers that a function writes items of a tuple."""

    def __init__(self) -> None:
        self.numbers: list[Any] = []

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) not in (int, float) or abs(node.value) >= 2**31:
            return node  # no int64 with room to compute
        self.numbers.append(node.value)
        item = ast.Constant(len(self.numbers) - 1)
        read = ast.Subscript(ast.Name(NUMBERS, ast.Load()), item, ast.Load())
        return ast.fix_missing_locations(ast.copy_location(read, node))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        return node  # a pattern holds no expressions


def with_numbers_given(
    method: Callable[..., Any],
) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """The method with a further argument, and what to give; None where it cannot be written so.

    A method that reads names of an enclosing function, or calls `super()` without arguments, is bound to where
    it was defined.
    """
    if method.__code__.co_freevars:
        return None
    source, line = inspect.getsourcelines(method)
    inside = ast.parse("if True:\n" + textwrap.indent("".join(source), " ")).body[0]
    assert isinstance(inside, ast.If)
    definition = inside.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return None
    definition.decorator_list = []
    given = _Given()
    definition.body = [given.visit(statement) for statement in definition.body]
    definition.args.args.append(ast.arg(NUMBERS))
    ast.fix_missing_locations(definition)
    text = ast.unparse(definition)
    file = f"<{method.__qualname__} of line {line} with its numbers given>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = dict(method.__globals__)
    exec(compile(text, file, "exec"), names)
    return names[method.__name__], tuple(given.numbers)


def cases(name: str) -> Iterator[unittest.TestCase]:
    """The test cases of `test.test_<name>`, one a method, with `Checks` for those of `unittest`."""
    module = importlib.import_module(f"test.test_{name}")
    for kind in vars(module).values():
        if not (isinstance(kind, type) and issubclass(kind, unittest.TestCase)):
            continue
        if kind.__module__ != module.__name__:
            continue
        names = unittest.defaultTestLoader.getTestCaseNames(kind)
        subject = type(kind.__name__, (Checks, kind), {"__module__": kind.__module__})
        for method in names:
            yield subject(method)
