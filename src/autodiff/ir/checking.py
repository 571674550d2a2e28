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


def verify(
    program: Program,
    type_rule: TypeRule | None = None,
    stage: str = "",
    known: set[Operation] | None = None,
) -> Program:
    """Check ``program`` and return it; raise :class:`InternalError` naming ``stage`` otherwise.

    Types of an operation that is in ``known`` are not looked at again; those looked at now are entered there.
    """
    try:
        with deciding(None):  # a check must not leave a guard behind, whoever is capturing
            _Verifier(type_rule, set() if known is None else known).check(program.block)
    except _Invalid as problem:
        raise InternalError(
            f"invalid program after {stage or 'construction'}: {problem}\n{format_program(program)}"
        ) from None
    return program


class _Invalid(Exception):
    pass


class _Verifier:
    def __init__(self, rule: TypeRule | None, known: set[Operation]) -> None:
        self.rule = rule
        self.known = known
        self.defined: set[Value] = set()
        self.visible: set[Value] = set()  # here: what is defined before, in this block or around it

    def define(self, value: Value) -> None:
        if value in self.defined:
            raise _Invalid(f"{value!r} is defined twice")
        self.defined.add(value)
        self.visible.add(value)

    def check(self, block: Block) -> None:
        visible = self.visible
        for parameter in block.parameters:
            self.define(parameter)
        for parameter in block.parameters:
            for extent in parameter.type.shape:
                if not visible.issuperset(symbols(extent)):
                    raise _Invalid(f"the extent {extent} of parameter {parameter!r} is undefined")
        for operation in block.operations:
            used = uses(operation)
            if not visible.issuperset(used):
                value = next(v for v in used if v not in visible)
                raise _Invalid(f"{operation.kind} uses {value!r} before its definition")
            for region in operation.regions:
                self.check(region)
            for value in operation.results:
                if value.owner is not operation:
                    raise _Invalid(f"{value!r} does not know its operation {operation.kind}")
                self.define(value)
            if self.rule is not None and operation not in self.known:
                _verify_types(operation, self.rule)
                self.known.add(operation)
        for value in block.outputs:
            if value not in visible:
                raise _Invalid(f"output {value!r} is undefined")
        visible.difference_update(block.parameters)
        for operation in block.operations:
            visible.difference_update(operation.results)


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
