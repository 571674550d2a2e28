"""How captured code makes text: ``str``, ``repr``, f-strings, ``format``, ``%``, ``join``, ``print``.

    str(Pair(x, [y]))          DeferredText: Python writes Pair(…) when the program runs
    f"{thing!r:>20}"           the user's ``__repr__`` is interpreted; its result is a part of the text
    "%s: %.2f" % (name, x)     DeferredText of three parts

What is shown is copied when the text is made, for it may change before it is shown.  An object whose
class defines ``__repr__`` (``__str__``, ``__format__``) in Python has that method interpreted, also
where the object is in a container: what it reads is seen, and read anew at every call.  One without
such a method is shown by its address, which does not change.  Everything else is written by Python.
"""

from __future__ import annotations

import collections
import dataclasses
import inspect
import operator
import re
import reprlib
from _string import (  # type: ignore[import-not-found]
    formatter_field_name_split,
    formatter_parser,
)
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.capture.access import load_attribute, load_item
from autodiff.capture.calls import SPECIAL, call, iterate
from autodiff.capture.functions import Closure, own_method
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.origins import is_library, type_of
from autodiff.capture.sequences import LazySequence
from autodiff.capture.sourcecode import syntax_of
from autodiff.capture.text import (
    DeferredText,
    Said,
    characters,
    hides_pending,
    is_pending,
    materialised,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim
from autodiff.later import later
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.known import require_formattable
from autodiff.ops.tracer import StoredList, Tracer, as_tracer
from autodiff.patterns import pattern
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import opaque
else:
    opaque = later("autodiff.capture.opaque")

CONVERSIONS: dict[str, Any] = {"r": repr, "s": str, "a": ascii, "": None}
_NUMBERS = frozenset((int, float, bool, complex, type(None)))


# -- one object -------------------------------------------------------------------------------------
def text_of(frame: Frame, x: Any, conversion: str, specification: str = "") -> Any:
    """The text of an object: ``repr``, ``str``, ``ascii`` or, with ``""``, ``format`` of it."""
    if specification:
        frame.trace.allowance.before_formatting(specification)
    if isinstance(x, (str, DeferredText)) and conversion in ("", "s") and not specification:
        return str(x) if isinstance(x, str) or not frame.trace.tier.holds_back else x
    if type(x) in _NUMBERS:
        return format(CONVERSIONS[conversion](x) if conversion else x, specification)
    if not isinstance(x, (Tracer, DeferredText)):
        own = _own_text(frame, x, conversion, specification)
        if own is not None:
            return own
        if _is_shown_by_address(x):
            return format(CONVERSIONS[conversion](x) if conversion else x, specification)
        x = frame.trace.deep(x)
        opaque.refuse_unseen(frame, (x,))
    convert = CONVERSIONS[conversion]
    shown = snapshot(frame, x)
    return _settled(frame, DeferredText([(shown, convert, specification)]), bool(specification))


def _settled(frame: Frame, text: DeferredText, may_fail: bool = False) -> Any:
    """Text that need not wait for the program as a string; what formatting raises is raised now."""
    if not frame.trace.tier.holds_back or not _is_open(text):
        return str(text)
    if may_fail:
        text.render(lambda shown: materialised(shown, _example))
    frame.trace.has_text = True
    return text


def _is_open(text: DeferredText) -> bool:
    return any(not isinstance(p, str) and containers.holds(p[0], is_pending) for p in text.parts)


def _example(tracer: Tracer) -> Any:
    """A value like a traced one, to try formatting with."""
    shape = [n if isinstance(n, int) else 1 for n in tracer.shape]
    ones = np.ones(shape, tracer.dtype)
    if tracer.form == "array":
        return ones
    return ones.item() if tracer.form == "python" else ones[()]


def _own_text(frame: Frame, x: Any, conversion: str, specification: str) -> Any:
    """What the class of ``x`` says its text is, by a method in Python; None where it says nothing."""
    for name in _methods_for(conversion):
        method = _interpretable(frame, x, name)
        if method is None:
            if _is_objects_own(x, name):
                continue
            return _text_of_dataclass(frame, x, conversion, specification)
        formats = name == "__format__"
        node = frame.scope.syntax.node
        found = call(frame, method, [x, specification] if formats else [x], {}, node)
        if not isinstance(found, (str, DeferredText)):
            raise TypeError(f"{name} returned non-string (type {type_of(found).__name__})")
        return _as_shown(frame, x, found, conversion, "" if formats else specification)
    return None


def _as_shown(frame: Frame, x: Any, found: Any, conversion: str, specification: str) -> Any:
    """The text that a method gave, as what asked for it shows it."""
    if conversion == "a":
        found = _settled(frame, DeferredText([(found, _escaped, "")]))
    if specification and not conversion:
        object.__format__(x, specification)  # raises: only a class that formats takes any
    if specification:
        found = _settled(frame, DeferredText([(found, None, specification)]), may_fail=True)
    return found if frame.trace.tier.holds_back else str(found)


def _escaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _methods_for(conversion: str) -> Sequence[str]:
    """The methods that Python tries, in their order; those of ``object`` go on to the next."""
    if conversion in ("r", "a"):
        return ("__repr__",)
    return ("__str__", "__repr__") if conversion == "s" else ("__format__", "__str__", "__repr__")


def _is_objects_own(x: Any, name: str) -> bool:
    return inspect.getattr_static(type(x), name, None) is inspect.getattr_static(object, name)


def _interpretable(frame: Frame, x: Any, name: str) -> Any:
    """A method of the user's class that can be interpreted."""
    method = own_method(frame, x, name)
    if isinstance(method, FunctionType) and (is_library(method) or _is_generated(method)):
        return None
    return method if isinstance(method, Closure) or method and syntax_of(method) else None


def _is_generated(method: FunctionType) -> bool:
    """Whether ``@dataclass`` made a ``__repr__``, or ``namedtuple``."""
    if (
        method.__code__.co_filename == _GUARD
    ):  # from Python 3.13 on around what @dataclass makes, or the user's
        inner = getattr(method, "__wrapped__", None)
        return isinstance(inner, FunctionType) and inner.__code__.co_filename == "<string>"
    return method.__code__.co_filename in _GENERATORS


_GUARD = inspect.getfile(reprlib)
_GENERATORS = (inspect.getfile(dataclasses), inspect.getfile(collections))


def _text_of_dataclass(frame: Frame, x: Any, conversion: str, specification: str) -> Any:
    """The text of a dataclass from outside, by its fields, which are read like all attributes."""
    method = inspect.getattr_static(type(x), "__repr__", None)
    generated = isinstance(method, FunctionType) and _is_generated(method)
    if not generated or not dataclasses.is_dataclass(x) or not frame.trace.is_external(x):
        return None
    if not _is_objects_own(x, "__str__") or not _is_objects_own(x, "__format__"):
        return None
    node = frame.scope.syntax.node
    parts: list[Any] = [f"{type(x).__qualname__}("]
    for k, field in enumerate(f for f in dataclasses.fields(x) if f.repr):
        shown = text_of(frame, load_attribute(frame, x, field.name, node), "r")
        parts += [f"{', ' if k else ''}{field.name}=", *_parts(shown)]
    return _as_shown(frame, x, joined(frame, [*parts, ")"]), conversion, specification)


def _parts(text: Any) -> list[Any]:
    return text.parts if isinstance(text, DeferredText) else [text]


def text_by_class(frame: Frame, cls: type, name: str, x: Any) -> Any:
    """``cls.__repr__(x)`` of a class in C, as ``super().__repr__()`` asks for it."""
    write = getattr(cls, name)
    if cls is object and name == "__repr__":
        return write(x)
    if cls is object:
        return text_of(frame, x, "r")
    shown = frame.trace.deep(x)
    opaque.refuse_unseen(frame, (shown,))
    return _settled(frame, DeferredText([(snapshot(frame, shown), write, "")]))


def joined(frame: Frame, texts: list[Any]) -> Any:
    """Text made of texts, or of parts of texts."""
    if all(isinstance(text, str) for text in texts):
        return "".join(texts)
    return _settled(frame, DeferredText([part for text in texts for part in _parts(text)]))


# -- what is shown, as it is now ---------------------------------------------------------------------
def snapshot(frame: Frame, x: Any) -> Any:
    """``x`` as it is now: later stores into it, its arrays and its parts do not change what is shown."""
    trace = frame.trace

    def speaks(part: Any) -> bool:
        """Whether a part is shown by its address, or by what a method of the user's says."""
        if isinstance(part, _OF_CAPTURE):
            return True
        if part is x or containers.kind_of(part) is None:
            return False
        return _is_shown_by_address(part) or _interpretable(frame, part, "__repr__") is not None

    def frozen(part: Any) -> Any:
        if isinstance(part, ComplexTracer):
            return part.__copy__()
        if isinstance(part, Tracer):
            return Tracer(part.value, "array") if part.form == "array" else part
        if isinstance(part, Dim):
            return as_tracer(part)
        if isinstance(part, DeferredText):
            return part
        if isinstance(part, StoredList):  # numbers that are one array
            return part if part.python_type is tuple else part.copy()
        if isinstance(part, _OF_CAPTURE):
            return Said(_text_of_ours(frame, part))
        return Said(text_of(frame, part, "r"))

    return containers.replaced(
        x,
        lambda part: isinstance(part, Dim) or is_pending(part) or speaks(part),
        frozen,
        stop=trace.is_external,
        copied=lambda part: True,
    )


def _is_shown_by_address(x: Any) -> bool:
    kind = containers.kind_of(x)
    return (
        kind is not None
        and kind.name == "instance"
        and all(_is_objects_own(x, name) for name in ("__repr__", "__str__", "__format__"))
    )


# Objects of this package that stand for ones of Python in captured code.
_OF_CAPTURE = (Closure, LazySequence, TracedGenerator, TracedIterator)


def _text_of_ours(frame: Frame, x: Any) -> str:
    if isinstance(x, Closure):
        return f"<function {x.__name__} at {id(x):#x}>"
    if isinstance(x, TracedGenerator):
        return f"<generator object at {id(x):#x}>"
    if isinstance(x, TracedIterator):
        return f"<{type_of(x).__qualname__} object at {id(x):#x}>"
    raise Declined("the text of a range or zip of traced numbers", frame.trace.builder.source)


# -- functions ----------------------------------------------------------------------------------------
def _text(conversion: str, plain: Callable[..., str]) -> Callable[..., Any]:
    def run(frame: Frame, *arguments: Any, **keywords: Any) -> Any:
        if len(arguments) == 1 and not keywords:
            return text_of(frame, arguments[0], conversion)
        return plain(*characters(arguments), **keywords)

    return run


def _format(frame: Frame, x: Any, specification: Any = "") -> Any:
    return text_of(frame, x, "", str(specification))


def _numpys(plain: Callable[..., str]) -> Callable[..., Any]:
    """A function of NumPy that writes an array or a number."""

    def run(frame: Frame, *arguments: Any, **keywords: Any) -> Any:
        others = [*arguments[1:], *keywords.values()]
        if arguments and all(isinstance(x, (int, float, str, type(None))) for x in others):
            shown = snapshot(frame, frame.trace.deep(arguments[0]))
            write = lambda x: plain(x, *arguments[1:], **keywords)  # noqa: E731
            return _settled(frame, DeferredText([(shown, write, "")]))
        return plain(*materialised(arguments), **materialised(keywords))

    return run


def as_texts(frame: Frame, objects: Sequence[Any]) -> list[Any]:
    """What ``print`` gets: objects with something in them as the text that Python would ask for."""
    return [
        text_of(frame, x, "s")
        if isinstance(x, _OF_CAPTURE) or containers.kind_of(x) is not None or hides_pending(x)
        else x
        for x in objects
    ]


# -- templates ------------------------------------------------------------------------------------------
_DIRECTIVE = pattern(
    r"%(?:\((?P<name>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d+)?"
    r"(?P<dot>\.)?(?P<precision>\*|\d+)?[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])"
)


def percent(frame: Frame, template: Any, values: Any) -> Any:
    """``template % values``."""
    template = str(template)
    values = values if isinstance(values, Tracer) else frame.trace.deep(values)
    opaque.refuse_unseen(frame, (values,))
    literal = _DIRECTIVE.sub("", template)
    given = iter(values if isinstance(values, tuple) else (values,))
    parts: list[Any] = []
    end = 0
    try:
        for match in _DIRECTIVE.finditer(template):
            parts += [template[end : match.start()], _directive(frame, match, values, given)]
            end = match.end()
    except StopIteration:
        literal = "%"
    unused = any(True for _ in given) and isinstance(values, tuple)
    if "%" in literal or unused or (len(parts) == 0 and not containers.kind_of(values)):
        known = materialised(snapshot(frame, values))
        return run_users(operator.mod, template, known)  # Python says what is wrong
    texts = [part for text in (*parts, template[end:]) for part in _parts(text)]
    return _settled(frame, DeferredText(texts), may_fail=True)


def _directive(frame: Frame, match: re.Match[str], values: Any, given: Iterator[Any]) -> Any:
    """What one ``%`` of a template becomes."""
    kind = match["kind"]
    if kind == "%":
        return "%"
    taken = [next(given) for part in (match["width"], match["precision"]) if part == "*"]
    if match["name"] is None:
        value = next(given)
    else:
        value = load_item(frame, values, match["name"], frame.scope.syntax.node)
    if kind in "rsa":
        value, kind = text_of(frame, value, kind), "s"
    else:
        value = snapshot(frame, value)
    size = f"{match['width'] or ''}{match['dot'] or ''}{match['precision'] or ''}"
    directive = f"%{match['flags']}{size}{kind}"
    if not taken:
        require_formattable(directive, value)
    return DeferredText([((*taken, value), lambda shown: directive % shown, "")])


def format_template(frame: Frame, template: Any, args: Sequence[Any], named: Any) -> Any:
    """``template.format(*args, **named)``."""
    return joined(frame, _fields(frame, str(template), args, named, _Numbering(), 2))


class _Numbering:
    """How the fields of a template are numbered: one after the other, or as they say."""

    def __init__(self) -> None:
        self.next = 0
        self.is_automatic: bool | None = None

    def position(self, given: int | None) -> int:
        """Which argument a field takes."""
        if self.is_automatic is (given is not None):
            ways = ["manual field specification", "automatic field numbering"]
            old, new = ways if given is None else reversed(ways)
            raise ValueError(f"cannot switch from {old} to {new}")
        self.is_automatic = given is None
        self.next += given is None
        return self.next - 1 if given is None else given


def _fields(
    frame: Frame, template: str, args: Sequence[Any], named: Any, count: _Numbering, depth: int
) -> list[Any]:
    """The texts that the fields of a template become, and what is between them."""
    if depth < 0:
        raise ValueError("Max string recursion exceeded")
    texts: list[Any] = []
    for literal, name, specification, conversion in formatter_parser(template):
        texts.append(literal)
        if name is None:
            continue
        value = _field(frame, name, args, named, count)
        inner = _fields(frame, specification or "", args, named, count, depth - 1)
        told = str(joined(frame, inner))
        if conversion is None:
            texts.append(text_of(frame, value, "", told))
        elif conversion in CONVERSIONS:
            shown = text_of(frame, value, conversion)
            texts.append(text_of(frame, shown, "", told))
        else:
            raise ValueError(f"Unknown conversion specifier {conversion!r}")
    return texts


def _field(frame: Frame, name: str, args: Sequence[Any], named: Any, count: _Numbering) -> Any:
    """What a field such as ``0.loss[k]`` names."""
    first, rest = formatter_field_name_split(name)  # as str.format itself takes it apart
    node = frame.scope.syntax.node
    if first == "" or isinstance(first, int):
        number = count.position(None if first == "" else first)
        if number >= len(args):
            raise IndexError(f"Replacement index {number} out of range for positional args tuple")
        value = args[number]
    else:
        value = load_item(frame, named, first, node)
    for is_attribute, key in rest:
        value = (load_attribute if is_attribute else load_item)(frame, value, key, node)
    return value


def join(frame: Frame, separator: Any, items: Any) -> Any:
    """``separator.join(items)``."""
    found = list(iterate(frame, items))
    if not all(isinstance(x, (str, DeferredText)) for x in found):
        return run_users(str(separator).join, materialised(found))  # raises as Python does
    texts: list[Any] = []
    for k, item in enumerate(found):
        texts += [separator, item] if k else [item]
    return joined(frame, texts)


def string_method(frame: Frame, owner: Any, name: str, args: Any, kwargs: Any) -> Any:
    """A method of a string that puts the texts of objects into it; NotImplemented for others."""
    if name == "format":
        return format_template(frame, owner, args, kwargs)
    if name == "format_map" and len(args) == 1 and not kwargs:
        return format_template(frame, owner, (), args[0])
    if name == "join" and len(args) == 1 and not kwargs:
        return join(frame, owner, args[0])
    if name == "__mod__" and len(args) == 1 and not kwargs:
        return percent(frame, owner, args[0])
    return NotImplemented


# The interpreter's own versions of functions that write values.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    str: _text("s", str),
    repr: _text("r", repr),
    ascii: _text("a", ascii),
    format: _format,
    **{
        write: _numpys(write)
        for write in (
            np.array2string,
            np.array_repr,
            np.array_str,
            np.format_float_positional,
            np.format_float_scientific,
        )
    },
}

SPECIAL.update(FUNCTIONS)

__all__ = [
    "CONVERSIONS",
    "FUNCTIONS",
    "as_texts",
    "joined",
    "percent",
    "snapshot",
    "string_method",
    "text_of",
]
