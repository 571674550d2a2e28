"""Elementary functions as LLVM IR text that a loop vectoriser can inline and widen.

    module_text({("exp", "f64")})
      declare double @llvm.fmuladd.f64(double, double, double)
      define internal double @ad.exp.f64(double %x) alwaysinline nounwind willreturn { ... }

Every function is straight-line code, without branches or instructions of one processor: polynomials, selections, and bit
operations. Errors are at most 2 ulp over the whole range, special values are those of C99. The C library is called for one
thing: sin, cos and tan of large arguments, which are rare (`large_argument`).
Names are the C library's (`asin`, `pow`) where it has the function, dtypes 'f64' and 'f32'.

The functions are Python functions over `emit.Value`, in `exponential`, `logarithm`, `power`, `trigonometric`, …;
`_HOMES` lists them. To add one: write it, list it, and add its row to the tests' table.

Not here: functions of integers and complex numbers, and those that LLVM has itself (sqrt, fabs, floor, …).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from autodiff.engines.native.vector_math.emit import FORMATS, Code, Value
from autodiff.later import later
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native.vector_math import trigonometric
else:
    trigonometric = later("autodiff.engines.native.vector_math.trigonometric")

# Functions by their modules, which are loaded for the first function that is written.
_HOMES = {
    "exponential": ("exp", "exp2", "expm1", "tanh", "tanh_slope", "sinh", "cosh"),
    "logarithm": ("log", "log2", "log10", "log1p"),
    "trigonometric": ("sin", "cos", "tan"),
    "inverse": ("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"),
    "power": ("pow", "cbrt", "hypot"),
    "error_function": ("erf",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
# Those of which a part is straight-line code alone, for scalar loops, which may branch where the argument is of another size.
_IN_PARTS = frozenset(_HOMES["trigonometric"])
_TWO_ARGUMENTS = frozenset({"pow", "atan2", "hypot"})

NAMES: tuple[str, ...] = tuple(_HOME_OF)


@dataclass(frozen=True)
class _Entry:
    text: str
    requires: tuple[tuple[str, str], ...]
    declarations: tuple[str, ...]


@cache
def _entry(name: str, dtype: str) -> _Entry:
    form = FORMATS[dtype]
    code = Code()
    arguments = [Value(code, text, form.type) for text in ("%x", "%y")[: arity(name)]]
    whole, _, part = name.partition(".")
    home = importlib.import_module(f"{__name__}.{_HOME_OF[whole]}")
    result: Value = getattr(home, f"{whole}_{part}" if part else whole)(*arguments)
    listed = ", ".join(f"{v.type} {v.text}" for v in arguments)
    head = f"define internal {form.type} {symbol(name, dtype)}({listed})"
    lines = [f"{head} alwaysinline nounwind willreturn {{", *code.lines]
    lines += [f"  ret {result.type} {result.text}", "}"]
    return _Entry("\n".join(lines) + "\n", tuple(code.calls), tuple(code.declarations))


def arity(name: str) -> int:
    """The number of arguments."""
    return 2 if name in _TWO_ARGUMENTS else 1


def branches(name: str, dtype: str) -> tuple[str, float, float] | None:
    """(part, low, high): for low <= |x| < high the function is `part`, else the C library's; None: one piece.

    The part is for scalar loops, where each step waits for the last one: a branch that is hardly ever taken is off its way.
    """
    return (f"{name}.within", *trigonometric.within(name, dtype)) if name in _IN_PARTS else None


def symbol(name: str, dtype: str) -> str:
    """The name of the function in the module, with its '@'."""
    return f"@ad.{name}.{dtype}"


def definition(name: str, dtype: str) -> str:
    """The text of the function; what it refers to is in `declarations` and `requires`."""
    return _entry(name, dtype).text


def requires(name: str, dtype: str) -> tuple[str, ...]:
    """Other functions of the catalogue that it calls, of the same dtype."""
    return tuple(other for other, _ in _entry(name, dtype).requires)


def declarations(name: str, dtype: str) -> tuple[str, ...]:
    """What it needs at module level: declared intrinsics, one line each, and helper functions that several share."""
    return _entry(name, dtype).declarations


def module_parts(names: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """(declarations, definitions) for some (name, dtype) and what those call, each once.

    A declared intrinsic is one line, spelled `declare double @llvm.fma.f64(double, double, double)`: LLVM refuses a
    second declaration, so a module that has such lines of its own leaves out those that are equal.
    """
    wanted: set[tuple[str, str]] = set()
    pending = list(names)
    while pending:
        pair = pending.pop()
        if pair not in wanted:
            wanted.add(pair)
            pending.extend(_entry(*pair).requires)
    entries = [_entry(*pair) for pair in sorted(wanted)]
    declared = dict.fromkeys(line for entry in entries for line in entry.declarations)
    return list(declared), [entry.text for entry in entries]


def module_text(names: Iterable[tuple[str, str]]) -> str:
    """The text of `module_parts`."""
    declared, defined = module_parts(names)
    return "\n".join(declared) + "\n\n" + "\n".join(defined)
