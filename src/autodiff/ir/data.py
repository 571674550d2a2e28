"""The intermediate representation: typed SSA over arrays with structured control flow.

Six dataclasses say it all::

    Program(block, name)                 a function: its block's parameters are the inputs
    Block(parameters, operations, outputs)
    Operation(kind, operands, attributes, results, regions, source)
    Value(type)                          defined once, by an operation or as a parameter
    ArrayType(dtype, shape, weak)
    Source(file, line, column, …)        where in the user's code an operation comes from

Values are immutable and nothing aliases: an in-place store in the user's program is an operation
that takes the old array and gives the new one.  The blocks of an operation's regions may use
values of the enclosing blocks directly.  Extents in shapes and attributes may be ``Dim``
polynomials whose symbols are scalar integer ``Value`` objects; such a use counts like an operand.

This layer knows no operation by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, symbols
from autodiff.floating import Quiet
from autodiff.plain_data import dataclass, replace

# What follows is made and asked so often, and by every program, that its methods are written out.
_put = object.__setattr__


@dataclass(frozen=True)
class Source:
    """A place in the user's code.

    ``derived`` tells what belongs to the derivative of that place from what the user wrote there:
    what the user wrote is rounded as NumPy rounds it.  ``summed``: it adds up derivatives by several uses of
    one value, whose order nobody wrote.  ``quiet``: what the function's own ``np.errstate`` silences there.
    """

    __slots__ = ("column", "derived", "end_column", "file", "function", "line", "quiet", "summed")

    file: str
    line: int
    column: int
    end_column: int
    function: str
    derived: bool
    summed: bool
    quiet: Quiet | None

    def __init__(
        self,
        file: str,
        line: int,
        column: int,
        end_column: int,
        function: str,
        derived: bool = False,
        summed: bool = False,
        quiet: Quiet | None = None,
    ) -> None:
        _put(self, "file", file)
        _put(self, "line", line)
        _put(self, "column", column)
        _put(self, "end_column", end_column)
        _put(self, "function", function)
        _put(self, "derived", derived)
        _put(self, "summed", summed)
        _put(self, "quiet", quiet)

    def __reduce__(self) -> tuple[Any, ...]:
        place = (self.file, self.line, self.column, self.end_column, self.function)
        return Source, (*place, self.derived, self.summed, self.quiet)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column + 1}"

    def derivative(self) -> Source:
        """The same place, for what its derivative computes."""
        return self if self.derived else replace(self, derived=True)

    def sum(self) -> Source:
        """The same place, for a sum of derivatives."""
        return self if self.summed else replace(self, derived=True, summed=True)


@dataclass(frozen=True)
class ArrayType:
    """Type of a value: NumPy dtype, shape, and whether it is a weak Python scalar (NEP 50)."""

    __slots__ = ("dtype", "shape", "weak")

    dtype: np.dtype[Any]
    shape: tuple[Extent, ...]
    weak: bool

    def __init__(self, dtype: np.dtype[Any], shape: tuple[Extent, ...], weak: bool = False) -> None:
        _put(self, "dtype", dtype)
        _put(self, "shape", shape)
        _put(self, "weak", weak)

    def __eq__(self, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        theirs = (other.dtype, other.shape, other.weak)
        return (self.dtype, self.shape, self.weak) == theirs

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape, self.weak))

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.dtype, self.shape, self.weak)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating point, hence may carry derivatives."""
        return self.dtype.kind == "f"

    @property
    def is_static(self) -> bool:
        """Whether every extent is a plain integer."""
        return not any(isinstance(n, Dim) for n in self.shape)

    def __str__(self) -> str:
        shape = "[" + ",".join(str(n) for n in self.shape) + "]" if self.shape else ""
        return f"{'~' if self.weak else ''}{self.dtype.name}{shape}"


class Value:
    """An array defined once.  ``low`` and ``high`` bound an integer scalar used in extents."""

    __slots__ = ("high", "hint", "low", "owner", "type")

    def __init__(self, type: ArrayType, hint: str | None = None) -> None:
        self.type = type
        self.hint = hint
        self.owner: Operation | None = None
        self.low: Extent | None = None
        self.high: Extent | None = None

    @property
    def shape(self) -> tuple[Extent, ...]:
        """Shape of the array."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the array."""
        return self.type.dtype

    def __repr__(self) -> str:
        return f"<{self.hint or 'value'}: {self.type}>"

    def __str__(self) -> str:
        return self.hint or f"v{id(self) & 0xFFFF:x}"


@dataclass(eq=False)
class Operation:
    """One step.  Never changed after it is built; rewrites build a new one."""

    __slots__ = ("attributes", "kind", "operands", "regions", "results", "source")

    kind: str
    operands: tuple[Value, ...]
    attributes: dict[str, Any]
    results: tuple[Value, ...]
    regions: tuple[Block, ...]
    source: Source | None

    def __init__(
        self,
        kind: str,
        operands: tuple[Value, ...],
        attributes: dict[str, Any],
        results: tuple[Value, ...],
        regions: tuple[Block, ...] = (),
        source: Source | None = None,
    ) -> None:
        self.kind = kind
        self.operands = operands
        self.attributes = attributes
        self.results = results
        self.regions = regions
        self.source = source
        for value in results:
            value.owner = self

    @property
    def is_derived(self) -> bool:
        """Whether it computes a derivative, rather than what the user wrote."""
        return self.source is not None and self.source.derived

    @property
    def is_sum(self) -> bool:
        """Whether it adds up derivatives by several uses of one value."""
        return self.source is not None and self.source.summed

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def __repr__(self) -> str:
        from autodiff.ir.printing import format_operation

        return format_operation(self)


@dataclass(eq=False)
class Block:
    """Parameters, operations in order, outputs."""

    __slots__ = ("operations", "outputs", "parameters")

    parameters: list[Value]
    operations: list[Operation]
    outputs: list[Value]

    def __init__(
        self,
        parameters: list[Value] | None = None,
        operations: list[Operation] | None = None,
        outputs: list[Value] | None = None,
    ) -> None:
        self.parameters = [] if parameters is None else parameters
        self.operations = [] if operations is None else operations
        self.outputs = [] if outputs is None else outputs


@dataclass(eq=False)
class Program:
    """A function of arrays: ``block.parameters`` are the inputs, ``block.outputs`` the results."""

    __slots__ = ("block", "name")

    block: Block
    name: str

    def __init__(self, block: Block, name: str = "f") -> None:
        self.block = block
        self.name = name

    @property
    def inputs(self) -> list[Value]:
        """The inputs."""
        return self.block.parameters

    @property
    def outputs(self) -> list[Value]:
        """The outputs."""
        return self.block.outputs

    def __repr__(self) -> str:
        from autodiff.ir.printing import format_program

        return format_program(self)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from autodiff.ir.printing import as_html

        return as_html(repr(self))


def attribute_symbols(attribute: Any) -> list[Value]:
    """The values used by the extents inside an attribute (an extent, or nested tuples of them)."""
    found: list[Value] = []
    _find_symbols((attribute,), found)
    return found


def _find_symbols(items: Any, found: list[Value]) -> None:
    for item in items:
        kind = type(item)
        if kind is int or kind is str:
            continue  # most
        if isinstance(item, Dim):
            found.extend(symbols(item))
        elif isinstance(item, (tuple, list)):
            _find_symbols(item, found)


def uses(operation: Operation) -> Sequence[Value]:
    """Values an operation uses itself: operands, then symbols of attributes and result types."""
    found: list[Value] = []
    if operation.attributes:
        _find_symbols(operation.attributes.values(), found)
    for result in operation.results:
        for extent in result.type.shape:
            if isinstance(extent, Dim):
                # A result may name its own run-time count in a sibling result's shape.
                found.extend([s for s in symbols(extent) if s not in operation.results])
    return (*operation.operands, *found) if found else operation.operands


def free_values(block: Block) -> list[Value]:
    """Values of enclosing blocks that a block (with its nested regions) uses, in order of use."""
    defined = set(block.parameters)
    found: dict[Value, None] = {}
    for parameter in block.parameters:
        for extent in parameter.type.shape:
            for symbol in symbols(extent):
                if symbol not in defined:
                    found[symbol] = None
    for operation in block.operations:
        for value in uses(operation):
            if value not in defined:
                found[value] = None
        for region in operation.regions:
            for value in free_values(region):
                if value not in defined:
                    found[value] = None
        defined.update(operation.results)
    for value in block.outputs:
        if value not in defined:
            found[value] = None
    return list(found)


def live_values(program: Program) -> set[Value]:
    """The values that the outputs depend on."""
    live = set(program.outputs)
    for operation in reversed(program.block.operations):
        if not live.isdisjoint(operation.results):
            live.update(uses(operation))
            for region in operation.regions:
                live.update(free_values(region))
    return live


def walk(block: Block) -> Iterator[Operation]:
    """Every operation of a block and its nested regions, in program order."""
    for operation in block.operations:
        yield operation
        for region in operation.regions:
            yield from walk(region)
