"""The verifier: structural invariants of a program, and the types its operations promise.

Checked after every pass when ``AUTODIFF_CHECK=1``: every use is defined before it in the same or
an enclosing block, nothing is defined twice, regions yield what their operation declares (the rules
that are asked for types look at the regions as well), and the result types are those the operation's type rule gives (the rules come as an argument: this layer
knows no operation by name).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autodiff.dims import UndecidedExtent, deciding, symbols
from autodiff.errors import InternalError, ShapeError
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, uses
from autodiff.ir.printing import format_program

TypeRule = Callable[[Operation], Sequence[ArrayType] | None]


def verify(program: Program, type_rule: TypeRule | None = None, stage: str = "") -> Program:
    """Check ``program`` and return it; raise :class:`InternalError` naming ``stage`` otherwise."""
    try:
        with deciding(None):  # a check must not leave a guard behind, whoever is capturing
            _verify_block(program.block, set(), set(), type_rule)
    except _Invalid as problem:
        raise InternalError(
            f"invalid program after {stage or 'construction'}: {problem}\n{format_program(program)}"
        ) from None
    return program


class _Invalid(Exception):
    pass


def _define(value: Value, visible: set[Value], everything: set[Value]) -> None:
    if value in everything:
        raise _Invalid(f"{value!r} is defined twice")
    everything.add(value)
    visible.add(value)


def _verify_block(
    block: Block, visible: set[Value], everything: set[Value], rule: TypeRule | None
) -> None:
    visible = set(visible)
    for parameter in block.parameters:
        _define(parameter, visible, everything)
    for parameter in block.parameters:
        for extent in parameter.type.shape:
            if any(symbol not in visible for symbol in symbols(extent)):
                raise _Invalid(f"the extent {extent} of parameter {parameter!r} is undefined")
    for operation in block.operations:
        for value in uses(operation):
            if value not in visible:
                raise _Invalid(f"{operation.kind} uses {value!r} before its definition")
        for region in operation.regions:
            _verify_block(region, visible, everything, rule)
        for value in operation.results:
            if value.owner is not operation:
                raise _Invalid(f"{value!r} does not know its operation {operation.kind}")
            _define(value, visible, everything)
        if rule is not None:
            _verify_types(operation, rule)
    for value in block.outputs:
        if value not in visible:
            raise _Invalid(f"output {value!r} is undefined")


def _verify_types(operation: Operation, rule: TypeRule) -> None:
    try:
        expected = rule(operation)
    except ShapeError as error:
        raise _Invalid(f"{operation.kind}: {error.message}") from None
    except UndecidedExtent as open_:
        raise _Invalid(f"the type rule of {operation.kind} asks for a decision: {open_}") from None
    if expected is None:
        return
    if len(expected) != len(operation.results):
        raise _Invalid(
            f"{operation.kind} has {len(operation.results)} results, not {len(expected)}"
        )
    for value, type in zip(operation.results, expected, strict=True):
        if value.type.dtype != type.dtype or value.type.shape != type.shape:
            raise _Invalid(
                f"{operation.kind} gives {type}, but its result is declared {value.type}"
            )
