"""The program of a call as a picture: ``picture(f)(*args)`` is an SVG.

    values flow downwards; a box is an operation, a frame a loop or a branch with the boxes inside of it;
    what belongs to the derivative is of another colour; the pointer over a box shows the user's line

Layers are longest paths from the inputs; in a layer, boxes stand where those that they read stand on
average (Sugiyama, Tagawa, Toda 1981).  Constants and changes of shape alone are part of the boxes that
use them.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from autodiff.api.classes import planned
from autodiff.api.options import refuse_no_function
from autodiff.ir.copying import Mapping
from autodiff.ir.data import Block, Operation, Program, Value, free_values
from autodiff.ir.printing import format_operation, format_type
from autodiff.plain_data import dataclass
from autodiff.tracebacks import without_our_frames

_SIGNS = {
    "multiply": "×", "add": "+", "subtract": "−", "divide": "÷", "negative": "−x", "power": "xⁿ",
    "strong_multiply": "×", "strong_product": "×", "dot_general": "@", "reduce_sum": "Σ",
    "reduce_prod": "Π", "reduce_max": "max", "reduce_min": "min", "less": "<", "greater": ">",
    "less_equal": "≤", "greater_equal": "≥", "equal": "=", "not_equal": "≠", "sqrt": "√x",
    "select": "where", "slice": "x[…]", "slice_update": "x[…] = v", "slice_add": "x[…] += v",
    "gather": "x[i]", "scatter_update": "x[i] = v", "scatter_add": "x[i] += v",
    "inverse": "inv", "host_call": "Python",
}  # fmt: skip
_PART_OF_OTHERS = ("broadcast", "reshape", "cast", "extent_value")
_LETTER, _HIGH, _GAP, _MARGIN = 7.5, 26.0, 30.0, 14.0
_STYLE = """\
<style>
  text { font: 12px sans-serif; fill: #222; text-anchor: middle; }
  .head { font-weight: bold; text-anchor: start; fill: #555; }
  .box { fill: #e8f0fb; stroke: #5b7fb4; } .derived { fill: #fdeedd; stroke: #c98a3b; }
  .input { fill: #e7f5e7; stroke: #5c9e5c; } .output { fill: #f3e8f7; stroke: #9162a8; }
  .frame { fill: none; stroke: #888; stroke-dasharray: 5 3; }
  path { fill: none; stroke: #9aa4b1; stroke-width: 1.2; } g:hover > .box, g:hover > .derived { stroke-width: 2.5; }
</style>"""


class Picture(str):
    """An SVG, shown by notebooks; ``save(file)`` writes it."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<picture, {len(self)} characters of SVG: save(file) writes it>"

    def save(self, file: Any) -> None:
        """Write the picture, for browsers and papers."""
        Path(file).write_text(str(self), encoding="utf-8")


@without_our_frames
def picture(f: Any, **options: Any) -> Callable[..., Picture]:
    """The program that a call becomes, as an SVG picture.

    Parameters
    ----------
    f : callable
        A transformed function, ``autodiff.gradient(g)``; or a plain one, whose value is shown.
    **options
        As for :func:`autodiff.function`, where ``f`` is plain.

    Returns
    -------
    callable
        It takes the arguments of ``f`` and gives a :class:`Picture`.

    Raises
    ------
    UnsupportedError
        If the function cannot be compiled.

    Examples
    --------
    >>> import autodiff
    >>> svg = autodiff.picture(autodiff.gradient(lambda x: x**3))(2.0)
    >>> svg.startswith("<svg")
    True
    """
    refuse_no_function(f, "picture")

    @without_our_frames
    def draw(*args: Any, **kwargs: Any) -> Picture:
        _, _, plan = planned(f, options, args, kwargs)
        return of_program(plan.program)

    return draw


def of_program(program: Program) -> Picture:
    """The picture of a program."""
    shapes = _Shapes()
    layout = _layout(program.block, "result", {})
    layout.place(_MARGIN, _MARGIN, shapes)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    )
    return Picture("\n".join([head, _STYLE, *shapes.edges, *shapes.boxes, "</svg>"]) + "\n")


class _Shapes:
    """What is drawn: edges lie under boxes."""

    def __init__(self) -> None:
        self.edges: list[str] = []
        self.boxes: list[str] = []

    def box(self, kind: str, x: float, y: float, w: float, label: str, title: str) -> None:
        self.boxes.append(
            f'<g><title>{_escaped(title)}</title><rect class="{kind}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{w:.1f}" height="{_HIGH:.0f}" rx="6"/><text x="{x + w / 2:.1f}" '
            f'y="{y + 17:.1f}">{_escaped(label)}</text></g>'
        )

    def frame(self, x: float, y: float, w: float, h: float, label: str, title: str) -> None:
        self.boxes.append(
            f'<g><title>{_escaped(title)}</title><rect class="frame" x="{x:.1f}" y="{y:.1f}" '
            f'width="{w:.1f}" height="{h:.1f}" rx="8"/><text class="head" x="{x + 8:.1f}" '
            f'y="{y + 16:.1f}">{_escaped(label)}</text></g>'
        )

    def edge(self, x: float, y: float, to_x: float, to_y: float) -> None:
        middle = (y + to_y) / 2
        self.edges.append(
            f'<path d="M{x:.1f} {y:.1f} C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"/>'
        )


def _escaped(text: str) -> str:
    for mark, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot")):
        text = text.replace(mark, f"&{name};")
    return text


@dataclass
class _Box:
    """An input, an operation or the result of a block, with what it reads."""

    kind: str
    label: str
    title: str
    reads: list[_Box] = field(default_factory=list)
    inside: list[_Layout] = field(default_factory=list)
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        if self.inside:
            gaps = _MARGIN * (len(self.inside) + 1)
            return max(sum(part.width for part in self.inside) + gaps, self._label_width)
        return self._label_width

    @property
    def _label_width(self) -> float:
        return max(30.0, _LETTER * len(self.label) + 16)

    @property
    def height(self) -> float:
        if self.inside:
            return max(part.height for part in self.inside) + 2 * _MARGIN + 14
        return _HIGH

    def draw(self, shapes: _Shapes) -> None:
        for other in {id(read): read for read in self.reads}.values():
            shapes.edge(
                other.x + other.width / 2, other.y + other.height, self.x + self.width / 2, self.y
            )
        if not self.inside:
            shapes.box(self.kind, self.x, self.y, self.width, self.label, self.title)
            return
        shapes.frame(self.x, self.y, self.width, self.height, self.label, self.title)
        x = self.x + _MARGIN
        for part in self.inside:
            part.place(x, self.y + _MARGIN + 14, shapes)
            x += part.width + _MARGIN


class _Layout:
    """The boxes of a block in layers."""

    def __init__(self, boxes: list[_Box]) -> None:
        self.layers: list[list[_Box]] = []
        for box in boxes:
            box.layer = max([read.layer + 1 for read in box.reads], default=0)
            if box.kind == "output":
                box.layer = max([other.layer + 1 for other in boxes if other is not box], default=0)
            while len(self.layers) <= box.layer:
                self.layers.append([])
            self.layers[box.layer].append(box)
        widths = [sum(b.width for b in row) + 16 * (len(row) - 1) for row in self.layers]
        self.width = max(widths, default=30.0)
        self.height = sum(max(b.height for b in row) + _GAP for row in self.layers) - _GAP
        self._order()

    def _order(self) -> None:
        """Boxes of a layer by where those that they read stand."""
        at: dict[int, float] = {}
        for row in self.layers:
            wanted = {}
            for k, box in enumerate(row):
                places = [at[id(read)] for read in box.reads if id(read) in at]
                wanted[id(box)] = sum(places) / len(places) if places else float(k)
            row.sort(key=lambda box: wanted[id(box)])
            total = sum(b.width for b in row) + 16 * (len(row) - 1)
            x = (self.width - total) / 2
            for box in row:
                box.x = x
                at[id(box)] = x + box.width / 2
                x += box.width + 16

    def place(self, x: float, y: float, shapes: _Shapes) -> None:
        """Draw the boxes with their corner here."""
        for row in self.layers:
            for box in row:
                box.x, box.y = box.x + x, y
            y += max(box.height for box in row) + _GAP
        for row in self.layers:
            for box in row:
                box.draw(shapes)


def _layout(block: Block, end: str, outer: Mapping) -> _Layout:
    """The boxes of a block; values from around it are inputs where they are read."""
    boxes: list[_Box] = []
    made: dict[Value, list[_Box]] = {}
    free = [v for v in free_values(block) if not _is_constant(v)]
    for value in [*block.parameters, *free]:
        label = value.hint or format_type(value.type)
        boxes.append(_Box("input", label, format_type(value.type)))
        made[value] = [boxes[-1]]
    for operation in block.operations:
        used = [*operation.operands, *(v for r in operation.regions for v in free_values(r))]
        reads = [box for v in used for box in made.get(v, ())]
        if operation.kind in _PART_OF_OTHERS or _is_constant_operation(operation):
            made.update(dict.fromkeys(operation.results, reads))
            continue
        box = _box(operation, reads)
        boxes.append(box)
        made.update({value: [box] for value in operation.results})
    if block.outputs:
        label = f"{end}: {', '.join(format_type(v.type) for v in block.outputs[:4])}"
        label += ", …" if len(block.outputs) > 4 else ""
        reads = [box for v in block.outputs for box in made.get(v, ())]
        boxes.append(_Box("output", label, label, reads))
    return _Layout(boxes or [_Box("output", end, end)])


def _is_constant_operation(operation: Operation) -> bool:
    return operation.kind in ("constant", "iota")


def _is_constant(value: Value) -> bool:
    return value.owner is not None and _is_constant_operation(value.owner)


_FRAMES = {
    "cond": ("if", ("then", "else")), "for": ("for", ("each pass",)),
    "while": ("while", ("as long as", "each pass")),
}  # fmt: skip


def _box(operation: Operation, reads: list[_Box]) -> _Box:
    source = operation.source
    text = format_operation(operation).splitlines()[0]
    if source is not None:
        line = linecache.getline(source.file, source.line).strip()
        place = f"{os.path.basename(source.file)}:{source.line}"
        text = f"{'derivative of ' if source.derived else ''}{place}: {line}\n{text}"
    frame = _FRAMES.get(operation.kind)
    if frame is not None:
        name, ends = frame
        inside = [_layout(r, end, {}) for r, end in zip(operation.regions, ends, strict=True)]
        count = operation.attributes.get("count")
        label = f"for k in range({count})" if isinstance(count, int) else name
        return _Box("frame", label, text, reads, inside)
    return _Box("derived" if operation.is_derived else "box", _label(operation), text, reads)


def _label(operation: Operation) -> str:
    """The sign or name of an operation, with constants that it takes."""
    name = _SIGNS.get(operation.kind, operation.kind)
    constants = [_number(v) for v in operation.operands]
    known = [text for text in constants if text]
    if len(operation.operands) == 2 and len(known) == 1 and len(name) == 1:
        return f"{known[0]} {name}" if constants[0] else f"{name} {known[0]}"
    return name


def _number(value: Value) -> str:
    while value.owner is not None and value.owner.kind in _PART_OF_OTHERS and value.owner.operands:
        value = value.owner.operands[0]
    if value.owner is None or value.owner.kind != "constant":
        return ""
    array: np.ndarray[Any, Any] = value.owner.attributes["value"]
    return f"{array.item():.4g}" if array.ndim == 0 and array.dtype.kind in "fi" else ""
