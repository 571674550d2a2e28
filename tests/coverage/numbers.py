"""Calls in which a number is known at run time alone: those of the tables, with one number as an argument.

    np.roll(x, 1, axis=1)     ->     np.roll(x, n, axis=1), np.roll(x, 1, axis=n)

So whatever NumPy checks of a number that stands in the program is checked of one that does not, for every
callable that has a row.  Optional parameters that a call leaves out are numbers as well.
"""

import ast
import copy
import inspect
import linecache
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff
from autodiff.errors import DerivativeError, UnsupportedError
from autodiff.ops.function_table import functions
from tests.coverage.measure import ARGUMENTS, CONSTANTS, Row, _modules, agree
from tests.ops.support import leaves

INTEGERS = (0, -1, -2, 1, 2, 3, 5, 33, -(2**31), 2**62, -(2**63), 2**63 - 1)
REALS = (0.0, -1.0, 0.5, 1.5, 101.0, 1e300, 1e-300, np.inf, -np.inf, np.nan)

# Parameters without a number as their default that take one.
_NUMBERS = frozenset(
    "axis axes axis1 axis2 n M ddof k minlength period initial fill_value prepend append rcond tol rtol "
    "to_begin to_end size maxpower p s count discont posinf neginf right".split()
)
# With numbers of 2**31 and more NumPy itself reads memory that is not its own, never ends, or
# builds lists of so many items; -2**63 has no absolute value.
_ENDLESS = (
    "trace(", "diagonal(", "diag(", "resize(", "tile(", "repeat(", "split(", "polyder(", "diff(",
    "ndindex(", "matrix_power(",
)  # fmt: skip
# Their number limits an effort, or NumPy's own loop never ends for some.
_NOT_COMPARED = ("shares_memory", "may_share_memory", "zipf")
# Along the last axis NumPy's vector loops of these give other numbers than one call after the other.
_OTHER_ORDER = ("numpy.power", "numpy.float_power", "numpy.arctan2")


@dataclass(frozen=True)
class Call:
    """A call of a row whose argument ``n`` was the number ``usual``."""

    row: Row
    text: str
    usual: int | float

    @property
    def _is_checked(self) -> bool:
        """Whether the function looks at a large number before it works with it."""
        return self.row.space == "numpy" and not any(name in self.text for name in _ENDLESS)

    @property
    def numbers(self) -> tuple[int | float, ...]:
        """The numbers to call with, a usual one first."""
        others: tuple[int | float, ...] = INTEGERS if type(self.usual) is int else REALS
        if not self._is_checked:
            others = tuple(n for n in others if type(n) is float or abs(n) < 2**31)
        return (self.usual, self.usual + 1, *others)


class _Put(ast.NodeTransformer):
    """Puts the name ``n`` in the place of one of the numbers of a call."""

    def __init__(self, which: int) -> None:
        self.left = which
        self.found: int | float | None = None

    def _number(self, node: ast.expr, value: Any) -> ast.expr:
        if type(value) not in (int, float):
            return node
        self.left -= 1
        if self.left != -1:
            return node
        self.found = value
        return ast.Name("n", ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.expr:  # noqa: N802
        return self._number(node, node.value)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:  # noqa: N802
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return self._number(node, -node.operand.value)  # type: ignore[operator]
        return self.generic_visit(node)


def calls_of(row: Row) -> Iterator[Call]:
    """The calls that a row gives rise to, one for each number."""
    if any(name in row.name for name in _NOT_COMPARED):
        return
    if row.space in _OTHER_ORDER and row.name.startswith("reduce"):
        return
    for which in range(100):
        put = _Put(which)
        tree = put.visit(ast.parse(row.call))
        if put.found is None:
            break
        yield Call(row, _text(tree), put.found)
    tree = ast.parse(row.call)
    last = tree.body[-1]
    call = _call_of(tree)
    if call is None or not isinstance(last, ast.Expr):
        return
    for name, usual in _left_out(call):
        call.keywords.append(ast.keyword(name, ast.Name("n", ast.Load())))
        yield Call(row, _text(tree), usual)
        call.keywords.pop()


def _text(tree: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(tree)).replace("\n", "; ")


def parameters_of(row: Row, varied: bool = False) -> list[str]:
    """The parameters of the function that a row calls; ``varied``: those that a number of run time stands for."""
    call = _call_of(ast.parse(row.call))
    parameters = _parameters(call) if call is not None else None
    if call is None or not parameters:
        return []
    names = [
        n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if not varied:
        return names
    found = set()
    for each in calls_of(row):
        again = _call_of(ast.parse(each.text.replace("; ", "\n")))
        if again is None:
            continue
        given = [*zip(names, again.args, strict=False), *((k.arg, k.value) for k in again.keywords)]
        found |= {
            name
            for name, value in given
            if name and any(isinstance(x, ast.Name) and x.id == "n" for x in ast.walk(value))
        }
    return list(found)


def _call_of(tree: ast.Module) -> ast.Call | None:
    return next((c for c in ast.walk(tree.body[-1]) if isinstance(c, ast.Call)), None)


def _parameters(call: ast.Call) -> Any:
    try:
        function = eval(ast.unparse(call.func), {**CONSTANTS, **_modules()})
        entered = None if isinstance(function, np.ufunc) else functions.get(function)
        return inspect.signature(function if entered is None else entered).parameters
    except (NameError, TypeError, ValueError):  # of an argument, or without a signature
        return None


def _left_out(call: ast.Call) -> Iterator[tuple[str, int | float]]:
    """Optional parameters that take a number and are not among the arguments."""
    parameters = _parameters(call)
    if parameters is None:
        return
    given = {k.arg for k in call.keywords} | set(list(parameters)[: len(call.args)])
    for name, parameter in parameters.items():
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if name in given or not named:
            continue
        if type(parameter.default) in (int, float):
            yield name, parameter.default
        elif name in _NUMBERS and parameter.default in (None, np._NoValue, parameter.empty):
            yield name, 1


# How the number comes to be: an argument, an item of an array, the end of a loop.
PLACES = {
    "argument": "",
    "item": "    n = np.array([n])[0]\n",
    "loop": "    m = n - 2\n    for _ in range(2):\n        m = m + 1\n    n = m\n",
}


def function_of(call: Call, place: str, result: str = "{}") -> tuple[Callable[..., Any], list[Any]]:
    """The call as a function of its letters and ``n``, and its arguments but for ``n``."""
    used = {node.id for node in ast.walk(ast.parse(call.text)) if isinstance(node, ast.Name)}
    letters = [letter for letter in ARGUMENTS if letter in used]
    *before, last = call.text.split("; ")
    text = f"def call({', '.join([*letters, 'n'])}):\n{PLACES[place]}"
    text += "".join(f"    {statement}\n" for statement in before)
    text += f"    return {result.format(last)}\n"
    file = f"<{call.row.space}.{call.row.name} {call.text} {place} {result}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {**CONSTANTS, **_modules(), "__name__": "coverage"}
    exec(compile(text, file, "exec"), names)
    return names["call"], [ARGUMENTS[letter] for letter in letters]


def outcome(f: Callable[..., Any], args: list[Any]) -> tuple[Any, Exception | None]:
    """What a call returns or raises, with NumPy's generators in a known state."""
    np.random.seed(11)
    CONSTANTS["rng"].bit_generator.state = np.random.PCG64(3).state
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*copy.deepcopy(args)), None
        except Exception as error:
            return None, error


def _text_of(error: Exception) -> str:
    return str(error.args[0]).split("\n")[0] if error.args else ""


def is_same(got: tuple[Any, Exception | None], want: tuple[Any, Exception | None]) -> bool:
    """Whether an outcome is that of plain Python: value and types, or kind of error and text."""
    if want[1] is not None:
        known = got[1] is not None and isinstance(got[1], type(want[1]))
        return known and _text_of(want[1]) in _text_of(got[1])  # type: ignore[arg-type]
    if got[1] is not None or not agree(got[0], want[0]):
        return False
    return all(type(g) is type(w) for g, w in zip(leaves(got[0]), leaves(want[0]), strict=True))


def wrong(call: Call, engine: str, place: str) -> list[str]:
    """The numbers with which the compiled call does other things than the plain one."""
    f, args = function_of(call, place)
    compiled = autodiff.function(f, engine=engine)
    found = []
    for n in call.numbers:
        if place != "argument" and type(n) is int and abs(n) > 2**62:
            continue  # NumPy's integers wrap around in what is computed of them
        want = outcome(f, [*args, n])
        got = outcome(compiled, [*args, n])
        if not is_same(got, want):
            found.append(f"{call.text}, n = {n!r}: {got[1] or got[0]}, not {want[1] or want[0]}")
    return found


def wrong_slope(call: Call, engine: str) -> list[str]:
    """The numbers that plain Python refuses and for which the gradient gives something.

    It may refuse all of them, where the function has no derivative.
    """
    f, args = function_of(call, "argument", "weighed({})")
    if not args:
        return []
    slope = autodiff.gradient(f, wrt=tuple(range(len(args))), engine=engine)
    found = []
    for n in call.numbers:
        want = outcome(f, [*args, n])
        if want[1] is None:
            continue
        got = outcome(slope, [*args, n])
        if not is_same(got, want) and not isinstance(got[1], (UnsupportedError, DerivativeError)):
            found.append(f"{call.text}, n = {n!r}: {got[1] or got[0]}, not {want[1]}")
    return found
