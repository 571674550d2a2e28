"""Readable text of a program: one line an operation, NumPy-like calls, types, the user's line.

    def f(x: float64[10]):
        a = multiply(x, x)          # float64[10]   model.py:3:12
        b = reduce_sum(a, axes=(0,))  # float64
        return b

Values are named by their hint where it is free, else ``v0, v1, …`` in order of definition.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, format_extent
from autodiff.ir.data import ArrayType, Block, Operation, Program


class _Names:
    """Gives each value a short unique name."""

    def __init__(self) -> None:
        self.of: dict[Any, str] = {}
        self.taken: set[str] = set()
        self.count = 0

    def __call__(self, value: Any) -> str:
        name = self.of.get(value)
        if name is None:
            name = getattr(value, "hint", None)
            if not name or name in self.taken:
                name = f"v{self.count}"
                self.count += 1
            self.of[value] = name
            self.taken.add(name)
        return name


def _extent(extent: Extent, names: _Names) -> str:
    return format_extent(extent, names) if isinstance(extent, Dim) else str(extent)


def format_type(type: ArrayType, names: _Names | None = None) -> str:
    """``float64[3,n]``; a leading ``~`` marks a weak Python scalar."""
    names = names or _Names()
    shape = "[" + ",".join(_extent(n, names) for n in type.shape) + "]" if type.shape else ""
    return f"{'~' if type.weak else ''}{type.dtype.name}{shape}"


def _attribute(value: Any, names: _Names) -> str:
    if isinstance(value, Dim):
        return _extent(value, names)
    if isinstance(value, tuple):
        inner = ", ".join(_attribute(item, names) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return repr(value.item())
        if value.size <= 6:
            return np.array2string(value, separator=", ", threshold=8).replace("\n", "")
        return f"<{value.dtype.name}{list(value.shape)}>"
    if isinstance(value, np.dtype):
        return value.name
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return repr(value)


def _lines(operation: Operation, names: _Names, indent: str) -> list[tuple[str, str]]:
    arguments = [names(v) for v in operation.operands]
    arguments += [
        f"{key}={_attribute(v, names)}"
        for key, v in operation.attributes.items()
        if v is not None and not key.startswith("_")
    ]
    call = f"{operation.kind}({', '.join(arguments)})"
    targets = ", ".join(names(v) for v in operation.results)
    text = f"{indent}{targets} = {call}" if targets else f"{indent}{call}"
    comment = ", ".join(format_type(v.type, names) for v in operation.results)
    if operation.source is not None:
        source = operation.source
        comment += f"   {os.path.basename(source.file)}:{source.line}:{source.column + 1}"
    lines = [(text + (":" if operation.regions else ""), comment)]
    for number, region in enumerate(operation.regions):
        parameters = ", ".join(
            f"{names(p)}: {format_type(p.type, names)}" for p in region.parameters
        )
        lines.append((f"{indent}  region {number}({parameters}):", ""))
        lines += _block_lines(region, names, indent + "    ", "yield")
    return lines


def _block_lines(block: Block, names: _Names, indent: str, word: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for operation in block.operations:
        lines += _lines(operation, names, indent)
    outputs = ", ".join(names(v) for v in block.outputs)
    lines.append((f"{indent}{word} {outputs}".rstrip(), ""))
    return lines


def _align(lines: list[tuple[str, str]]) -> str:
    width = min(max((len(text) for text, comment in lines if comment), default=0), 72)
    return "\n".join(
        f"{text:<{width}}  # {comment}" if comment else text for text, comment in lines
    )


def format_program(program: Program) -> str:
    """The text of a whole program."""
    names = _Names()
    parameters = ", ".join(f"{names(p)}: {format_type(p.type, names)}" for p in program.inputs)
    head = [(f"def {program.name}({parameters}):", "")]
    return _align(head + _block_lines(program.block, names, "    ", "return"))


def format_operation(operation: Operation) -> str:
    """The text of one operation."""
    return _align(_lines(operation, _Names(), ""))


class Text(str):
    """Text of several lines that notebooks and the prompt show as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self)


def _escaped(text: str) -> str:
    """Text in which HTML sees no tags (``html.escape``, whose module has a table of entities)."""
    for mark, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "#x27")):
        text = text.replace(mark, f"&{name};")
    return text


def as_html(text: str) -> str:
    """Preformatted text for notebooks; what follows a ``#`` is grey."""
    lines = []
    for line in text.split("\n"):
        code, mark, comment = line.partition("  # ")
        shown = _escaped(code)
        if mark:
            shown += f'<span style="color: gray">  # {_escaped(comment)}</span>'
        lines.append(shown)
    return f'<pre style="line-height: 1.3">{chr(10).join(lines)}</pre>'


def table_html(rows: dict[str, str]) -> str:
    """A table of two columns for notebooks."""
    body = "".join(
        f"<tr><th>{_escaped(name)}</th><td>{_escaped(text)}</td></tr>"
        for name, text in rows.items()
    )
    return f"<table>{body}</table>"
