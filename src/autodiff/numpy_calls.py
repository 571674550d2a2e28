"""How each operation is written in NumPy: ``written(operation, operands)``.

    multiply(a, b)                       a * b
    reduce_sum(x; axes=(0,))             np.sum(x, axis=0)
    slice(x; starts=(1,), sizes=(3,))    x[1:4]

Text comes with how tightly it binds (``Text``), so that it can stand inside of other text.  What has no
name in NumPy or SciPy is called by ``meaning("kind")``, the function that the reference engine runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import scipy.special

from autodiff.dims import Dim, format_extent, same_shape
from autodiff.ir.data import Operation
from autodiff.ops.entries import ENTRIES
from autodiff.ops.structural import index_of

Name: TypeAlias = Callable[[Any], str]  # the variable that holds a value

# How tightly text binds: a name or call, a sign, products, sums, comparisons.
ATOM, SIGN, PRODUCT, SUM, COMPARISON = 10, 8, 7, 6, 4

_INFIX = {
    "multiply": ("*", PRODUCT), "divide": ("/", PRODUCT), "floor_divide": ("//", PRODUCT),
    "remainder": ("%", PRODUCT), "add": ("+", SUM), "subtract": ("-", SUM),
    "equal": ("==", COMPARISON), "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON), "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON), "greater_equal": (">=", COMPARISON),
}  # fmt: skip

# Slopes that have no name of their own, by formulas that a reader knows.
_FORMULAS = {
    "sech_squared": "1 / np.cosh({0}) ** 2",
    "inverse_square": "1 / (1 + {0} ** 2)",
    "half_slope": "{0} / (1 + {0} ** 2)",
    "inverse_root": "1 / np.hypot(1, {0})",
    "inverse_cosine": "1 / np.sqrt((1 - {0}) * (1 + {0}))",
    "inverse_hyperbolic": "1 / np.sqrt(({0} - 1) * ({0} + 1))",
    "inverse_difference": "1 / ((1 - {0}) * (1 + {0}))",
    "rest_of_sum": "{0} + (({1} - (({1} + {2}) - (({1} + {2}) - {1}))) + ({2} - (({1} + {2}) - {1})))",
    "with_rest": "{0} + {1}",
}
# What is a value with a derivative of its own is that value, where all is differentiated already.
_VALUES = (
    "stop_gradient",
    "first_order",
    "derived_as",
    "with_slope",
    "with_slopes",
    "with_length",
    "with_turn",
)

_SPECIAL = {
    "logistic": "expit", "erf": "erf", "erfc": "erfc", "lgamma": "gammaln", "tgamma": "gamma",
    "exprel": "exprel",
}  # fmt: skip

_REDUCTIONS = {
    "reduce_sum": "np.sum", "reduce_prod": "np.prod", "reduce_max": "np.max", "reduce_min": "np.min",
    "reduce_any": "np.any", "reduce_all": "np.all",
}  # fmt: skip

_LINALG = {
    "cholesky": "np.linalg.cholesky", "solve": "np.linalg.solve", "inverse": "np.linalg.inv",
    "determinant": "np.linalg.det", "slogdet": "np.linalg.slogdet", "qr": "np.linalg.qr",
    "singular_values": "np.linalg.svdvals", "convolve": "np.convolve",
}  # fmt: skip


class Text(NamedTuple):
    """An expression and how tightly it binds."""

    code: str
    tight: int = ATOM

    def within(self, tight: int) -> str:
        """The code, in parentheses where something binds tighter."""
        return self.code if self.tight >= tight else f"({self.code})"


class Needs:
    """What the written code needs beside NumPy: imports, helpers, and objects that no text says."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken  # what the function calls its own variables
        self.lines: dict[str, None] = {}
        self.objects: dict[str, Any] = {}

    def object(self, prefix: str, value: Any) -> str:
        """The name of an object that is handed over."""
        for name, known in self.objects.items():
            if known is value:
                return name
        number = len(self.objects)
        while f"{prefix}{number}" in self.taken:
            number += 1
        name = f"{prefix}{number}"
        self.taken.add(name)
        self.objects[name] = value
        return name


STRONG = '''\
def times(cotangent, slope):
    """The product; 0 where the cotangent is 0, whatever the slope is."""
    return np.where(cotangent == 0, 0, cotangent * slope)[()]
'''


def extent(x: Any, name: Name) -> str:
    """An extent as an expression."""
    if not isinstance(x, Dim):
        return str(x)
    return f"({format_extent(x, name)})"


def literal(value: np.ndarray[Any, Any]) -> str | None:
    """A constant as text; None where it is too large for that, or no text says it."""
    if value.ndim == 0:
        x = value.item()
        if isinstance(x, float) and not math.isfinite(x):
            return "np.nan" if math.isnan(x) else ("np.inf" if x > 0 else "-np.inf")
        return repr(x) if isinstance(x, (bool, int, float)) else None
    if value.size > 16 or value.dtype.kind not in "fiub":
        return None
    with np.printoptions(floatmode="unique", threshold=100, linewidth=10_000):
        text = np.array2string(value, separator=", ").replace("\n", "")
    text = text.replace("nan", "np.nan").replace("inf", "np.inf")
    kind = "" if value.dtype in (np.float64, np.int64, np.bool) else f", np.{value.dtype.name}"
    return (
        f"np.array({text}{kind})"
        if value.size
        else f"np.zeros({value.shape}, np.{value.dtype.name})"
    )


def index(attributes: dict[str, Any], name: Name) -> str:
    """The index of a slice, between its brackets."""
    given = attributes["starts"], attributes["sizes"], attributes["steps"]
    if any(isinstance(x, Dim) for part in given for x in part):
        return ", ".join(_symbolic(*axis, name) for axis in zip(*given, strict=True))
    parts = []
    for part in index_of(*given):
        if isinstance(part, slice):
            start = "" if part.start == 0 and part.step > 0 else str(part.start)
            stop = "" if part.stop is None else str(part.stop)
            parts.append(f"{start}:{stop}" + (f":{part.step}" if part.step != 1 else ""))
        else:
            parts.append(str(part))
    return ", ".join(parts)


def _symbolic(start: Any, size: Any, step: Any, name: Name) -> str:
    first = extent(start, name)
    if size is None:
        return first
    if isinstance(step, int) and step > 0:
        stop = extent(start + step * size, name)
        return f"{first}:{stop}" + ("" if step == 1 else f":{step}")
    count, stride = extent(size, name), extent(step, name)
    return f"({first}) + ({stride}) * np.arange({count})"


def _call(function: str, *arguments: str, **keywords: Any) -> Text:
    given = [*arguments, *(f"{k}={v}" for k, v in keywords.items())]
    return Text(f"{function}({', '.join(given)})")


def _axes(axes: Sequence[int], ndim: int) -> dict[str, Any]:
    if len(axes) == ndim:
        return {}
    return {"axis": axes[0] if len(axes) == 1 else tuple(axes)}


def _reduction(operation: Operation, x: Text) -> Text:
    value = operation.operands[0]
    keywords = _axes(operation.attributes["axes"], len(value.shape))
    # NumPy adds up small integers in a larger type.
    if operation.kind in ("reduce_sum", "reduce_prod") and value.dtype.kind in "iub":
        keywords["dtype"] = f"np.{value.dtype.name}"
    return _call(_REDUCTIONS[operation.kind], x.code, **keywords)


def _dot(operation: Operation, a: Text, b: Text) -> Text:
    x, y = operation.operands
    contract, batch = operation.attributes["contract"], operation.attributes["batch"]
    if not batch[0] and len(contract[0]) == 1:
        if contract == ((len(x.shape) - 1,), (max(len(y.shape) - 2, 0),)) and len(y.shape) <= 2:
            return Text(f"{a.within(PRODUCT)} @ {b.within(SIGN)}", PRODUCT)
        if contract == ((0,), (0,)) and len(x.shape) == 2:
            return Text(f"{a.within(ATOM)}.T @ {b.within(SIGN)}", PRODUCT)
        if contract == ((1,), (1,)) and (len(x.shape), len(y.shape)) == (2, 2):
            return Text(f"{a.within(PRODUCT)} @ {b.within(ATOM)}.T", PRODUCT)
    if not batch[0] and not contract[0] and (len(x.shape), len(y.shape)) == (1, 1):
        return _call("np.outer", a.code, b.code)
    if not batch[0] and not contract[0] and () in (x.shape, y.shape):
        return Text(f"{a.within(PRODUCT)} * {b.within(SIGN)}", PRODUCT)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    of_x = [next(letters) for _ in x.shape]
    of_y = [""] * len(y.shape)
    for axes in (contract, batch):
        for k, j in zip(*axes, strict=True):
            of_y[j] = of_x[k]
    of_y = [letter or next(letters) for letter in of_y]
    kept = [of_x[k] for k in batch[0]]
    kept += [c for k, c in enumerate(of_x) if k not in contract[0] and k not in batch[0]]
    kept += [c for k, c in enumerate(of_y) if k not in contract[1] and k not in batch[1]]
    formula = f"{''.join(of_x)},{''.join(of_y)}->{''.join(kept)}"
    return _call("np.einsum", repr(formula), a.code, b.code)


def _ordered(operation: Operation, x: Text) -> Text:
    """The operand with the indexed axes first, as gathers and scatters take it."""
    ndim, axes = len(operation.operands[0].shape), operation.attributes["axes"]
    first = (*axes, *(k for k in range(ndim) if k not in axes))
    if first == tuple(range(ndim)):
        return x
    return _call("np.transpose", x.code, str(first))


def indexed(operation: Operation, x: Text, indices: Sequence[Text]) -> str:
    """The elements that a gather reads or a scatter stores to."""
    return f"{_ordered(operation, x).within(ATOM)}[{', '.join(i.code for i in indices)}]"


def ordered(operation: Operation, x: Text) -> str:
    """What a scatter adds to, its indexed axes first."""
    return _ordered(operation, x).code


def _broadcast(operation: Operation, x: Text, name: Name) -> Text:
    (value,) = operation.operands
    shape, axes = operation.attributes["shape"], operation.attributes["axes"]
    text = shape_text(shape, name)
    if axes != tuple(range(len(shape) - len(axes), len(shape))):
        aligned: list[Any] = [1] * len(shape)
        for k, axis in enumerate(axes):
            aligned[axis] = value.shape[k]
        x = Text(f"{x.within(ATOM)}.reshape({shape_text(aligned, name)})")
    elif not value.shape:
        zero = value.owner is not None and value.owner.kind == "constant"
        kind = "" if value.dtype == np.float64 else f", np.{value.dtype.name}"
        if zero and x.code in ("0.0", "0", "False"):
            return Text(f"np.zeros({text}{kind})")
        return Text(f"np.full({text}, {x.code}{kind})")
    return _call("np.broadcast_to", x.code, text)


def shape_text(shape: Sequence[Any], name: Name) -> str:
    """A shape as text; of one axis, its extent."""
    parts = [extent(n, name) for n in shape]
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def _reshape(operation: Operation, x: Text, name: Name) -> Text:
    shape = operation.attributes["shape"]
    (value,) = operation.operands
    if len(shape) == 2 and len(value.shape) == 1 and 1 in shape:
        if same_shape(shape, (1, *value.shape)):
            return Text(f"{x.within(ATOM)}[None]")
        if same_shape(shape, (*value.shape, 1)):
            return Text(f"{x.within(ATOM)}[:, None]")
    if not value.shape:
        return _call("np.reshape", x.code, shape_text(shape, name) if shape else "()")
    return Text(f"{x.within(ATOM)}.reshape({shape_text(shape, name) if shape else '()'})")


def _cumulative(operation: Operation, x: Text) -> Text:
    function = "np.cumsum" if operation.kind == "cumulative_sum" else "np.cumprod"
    axis, value = operation.attributes["axis"], operation.operands[0]
    keywords = {} if len(value.shape) == 1 else {"axis": axis}
    if value.dtype.kind in "iub":
        keywords["dtype"] = f"np.{value.dtype.name}"
    if not operation.attributes["reverse"]:
        return _call(function, x.code, **keywords)
    if len(value.shape) == 1:
        return Text(f"{_call(function, f'{x.within(ATOM)}[::-1]', **keywords).code}[::-1]")
    flipped = _call("np.flip", x.code, str(axis)).code
    return _call("np.flip", _call(function, flipped, **keywords).code, str(axis))


def _pointwise(operation: Operation, operands: Sequence[Text], needs: Needs) -> Text | None:
    kind = operation.kind
    codes = [x.code for x in operands]
    if kind in _INFIX:
        return _between(*_INFIX[kind], *operands)
    if kind == "negative":
        return Text(f"-{operands[0].within(SIGN)}", SIGN)
    if kind == "square":
        return Text(f"{operands[0].within(ATOM)} ** 2", SIGN)
    if kind == "power":
        return Text(f"{operands[0].within(ATOM)} ** {operands[1].within(ATOM)}", SIGN)
    if kind == "select":
        return _call("np.where", *codes)
    if kind == "cast":
        return _cast(operation, operands[0])
    if kind == "strong_multiply":
        needs.lines[STRONG] = None
        return _call("times", *codes)
    if kind in _VALUES:
        return operands[0]
    if kind == "direction":  # a length of 0 has none
        length = f"np.where({codes[2]} == 0, 1.0, {codes[2]})"
        return Text(f"{operands[0].within(PRODUCT)} / {length}", PRODUCT)
    if kind in _FORMULAS and codes[0].isidentifier():
        return Text(_FORMULAS[kind].format(codes[0]), PRODUCT)
    name = _SPECIAL.get(kind) or kind.removeprefix("scipy_")
    if (kind in _SPECIAL or kind.startswith("scipy_")) and hasattr(scipy.special, name):
        needs.lines["import scipy.special"] = None
        return _call(f"scipy.special.{name}", *codes)
    ufunc = ENTRIES[kind].ufunc
    if ufunc is not None and getattr(np, kind, None) is ufunc:
        return _call(f"np.{kind}", *codes)
    return None


def _between(sign: str, tight: int, a: Text, b: Text) -> Text:
    left = a.within(tight + (tight == COMPARISON))
    if sign == "+" and b.tight == SIGN and b.code.startswith("-"):
        return Text(f"{left} - {b.code[1:]}", SUM)
    return Text(f"{left} {sign} {b.within(tight + 1)}", tight)


def _cast(operation: Operation, x: Text) -> Text:
    dtype = scalar_type(operation.result.dtype)
    if operation.operands[0].shape:
        return Text(f"{x.within(ATOM)}.astype({dtype})")
    return _call(dtype, x.code)


def scalar_type(dtype: np.dtype[Any]) -> str:
    """NumPy's name of a dtype's type."""
    return f"np.{dtype.name}"


def _constant(operation: Operation, needs: Needs) -> Text:
    text = literal(operation.attributes["value"])
    if text is None:
        return Text(needs.object("c", operation.attributes["value"]))
    return Text(text, SIGN if text.startswith("-") else ATOM)


def _iota(operation: Operation, name: Name) -> Text:
    dtype = np.dtype(operation.attributes["dtype"])
    size = extent(operation.attributes["size"], name)
    return _call("np.arange", size, **({} if dtype == np.int64 else {"dtype": f"np.{dtype.name}"}))


def _transpose(operation: Operation, x: Text) -> Text:
    axes = tuple(operation.attributes["axes"])
    if axes == tuple(reversed(range(len(axes)))):
        return Text(f"{x.within(ATOM)}.T")
    return _call("np.transpose", x.code, str(axes))


def _concatenate(operation: Operation, operands: Sequence[Text]) -> Text:
    axis = _axes((operation.attributes["axis"],), len(operation.result.shape))
    return _call("np.concatenate", f"[{', '.join(x.code for x in operands)}]", **axis)


def _nonzero(operation: Operation, mask: Text) -> Text:
    found = _call("np.nonzero", mask.code)
    return Text(f"{found.code}[0]") if len(operation.results) == 1 else found


def _along(function: str, operation: Operation, x: Text) -> Text:
    keywords = {"axis": operation.attributes["axis"]}
    if function == "np.argsort":
        keywords["kind"] = repr(operation.attributes["algorithm"])
    return _call(function, x.code, **keywords)


def _of_triangle(function: str, operation: Operation, x: Text) -> Text:
    return _call(function, x.code, *(["'U'"] if operation.attributes.get("upper") else []))


# What is written of the operation, its operands and the names of extents.
_WRITTEN: dict[str, Callable[[Operation, Sequence[Text], Name], Text]] = {
    "iota": lambda o, x, name: _iota(o, name),
    "extent_value": lambda o, x, name: _call("np.int64", extent(o.attributes["value"], name)),
    "broadcast": lambda o, x, name: _broadcast(o, x[0], name),
    "reshape": lambda o, x, name: _reshape(o, x[0], name),
    "transpose": lambda o, x, name: _transpose(o, x[0]),
    "slice": lambda o, x, name: Text(f"{x[0].within(ATOM)}[{index(o.attributes, name)}]"),
    "concatenate": lambda o, x, name: _concatenate(o, x),
    "gather": lambda o, x, name: Text(indexed(o, x[0], x[1:])),
    "dot_general": lambda o, x, name: _dot(o, *x),
    "cumulative_sum": lambda o, x, name: _cumulative(o, x[0]),
    "cumulative_prod": lambda o, x, name: _cumulative(o, x[0]),
    "argmax": lambda o, x, name: _along("np.argmax", o, x[0]),
    "argmin": lambda o, x, name: _along("np.argmin", o, x[0]),
    "sort": lambda o, x, name: _along("np.sort", o, x[0]),
    "argsort": lambda o, x, name: _along("np.argsort", o, x[0]),
    "searchsorted": lambda o, x, name: _call(
        "np.searchsorted", x[0].code, x[1].code, repr(o.attributes["side"])
    ),
    "nonzero": lambda o, x, name: _nonzero(o, x[0]),
    "eigh": lambda o, x, name: _of_triangle("np.linalg.eigh", o, x[0]),
    "eigenvalues": lambda o, x, name: _of_triangle("np.linalg.eigvalsh", o, x[0]),
    "svd": lambda o, x, name: _call("np.linalg.svd", x[0].code, full_matrices=False),
}


def written(operation: Operation, operands: Sequence[Text], name: Name, needs: Needs) -> Text:
    """An operation without regions and stores, as an expression of its operands' text."""
    kind = operation.kind
    if kind == "constant":
        return _constant(operation, needs)
    if kind in _WRITTEN:
        return _WRITTEN[kind](operation, operands, name)
    if kind in _REDUCTIONS:
        return _reduction(operation, operands[0])
    codes = [x.code for x in operands]
    if kind in _LINALG:
        return _call(_LINALG[kind], *codes)
    found = _pointwise(operation, operands, needs)
    return found if found is not None else _by_meaning(operation, codes, name, needs)


def _by_meaning(operation: Operation, codes: Sequence[str], name: Name, needs: Needs) -> Text:
    needs.lines["from autodiff.numpy_source import meaning"] = None
    keywords = {k: _attribute(v, name, needs) for k, v in operation.attributes.items()}
    return _call(f"meaning({operation.kind!r})", *codes, **keywords)


def _attribute(value: Any, name: Name, needs: Needs) -> str:
    if isinstance(value, Dim):
        return extent(value, name)
    if isinstance(value, tuple):
        inner = ", ".join(_attribute(x, name, needs) for x in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    return needs.object("c", value)
