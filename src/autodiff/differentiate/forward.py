"""Forward mode: a program to the program of its values and tangents.

    jvp(f(x, y) -> z, active=(True, False))  ==  f'(x, y, dx) -> z, dz

Every operation is copied and followed by its tangent; a zero tangent is not represented.  A
conditional yields values and tangents from both branches; a loop carries both.

A tangent of 0 is strong: what it is multiplied by does not matter.  Yet it may be the tangent of what
does vary, by a slope of 0, and what comes next a pole: then backwards the same is 0 times infinity, NaN.
``reach`` tells the two apart where a value certainly depends on all that the seeds move::

    log(x**2) at 0      dx = 1, d(x**2) = 0, log' = inf:    NaN
    log(x[1])           the tangent is 0 since x[1] is not moved: 0, whatever x[1] is

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.differentiate import custom
from autodiff.differentiate.activity import loop_carry_activity, propagate, useful
from autodiff.differentiate.rules import pushforward
from autodiff.differentiate.spectra import push_vectors, with_bases_apart
from autodiff.ir.copying import Mapping, copy_operation, copy_value, map_attribute, map_type
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value
from autodiff.ops.builder import Builder, building
from autodiff.ops.control import MARKS, emit_cond, emit_for, emit_while
from autodiff.ops.entries import ENTRIES, Kernel, Pointwise, Reduction, Site
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import Tracer

Reach = tuple[tuple[Value, bool], ...]
_MOST_SEEDS = 4
# What takes one of its operands, or none.
_CHOOSE = frozenset(
    (
        "select",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "heaviside",
        "copysign",
        "reduce_max",
        "reduce_min",
    )
    + ("strong_multiply", "strong_product", "with_slope", "with_slopes", "derived_as")
)
_SPREAD = frozenset(("broadcast", "reshape"))
# Pointwise operations without an infinite slope at a number, unless that is out of range; all others are asked about.
_WITHOUT_POLES = frozenset(
    (
        "add subtract multiply negative positive absolute fabs square remainder fmod sin cos tan tanh arctan"
        " arcsinh arctan2 hypot logaddexp logaddexp2 deg2rad rad2deg degrees radians erf erfc cast select"
    ).split()
)


def jvp(program: Program, active: Sequence[bool]) -> Program:
    """The program of values and tangents.

    Inputs: those of ``program``, then a tangent for each active input.  Outputs: those of
    ``program``, then a tangent for each floating-point output (zeros where it does not depend on
    an active input).
    """
    program = with_bases_apart(program)
    with building() as builder:
        sweep = Forward(builder)
        builder.block.parameters = list(program.inputs)
        for value, wanted in zip(program.inputs, active, strict=True):
            if wanted:
                tangent = builder.parameter(ArrayType(value.dtype, value.shape), _hint("d", value))
                sweep.tangent[value] = tangent
                sweep.reach[value] = ((tangent, False),)
                sweep.active.add(value)
        sweep.second = any(x.source and x.source.derived for x in program.block.operations)
        propagate(program.block, sweep.active)
        leave_out_dead(program.block, sweep.active)
        sweep.run(program.block)
        outputs = [sweep.primal(v) for v in program.outputs]
        tangents = [sweep.dense(v) for v in program.outputs if v.type.is_float]
        builder.block.outputs = outputs + tangents
        return Program(builder.block, f"{program.name}_jvp")


def leave_out_dead(block: Block, active: set[Value]) -> None:
    """Take from ``active`` the results that no output of the block depends on: nobody reads their tangents."""
    needed = useful(block, active, set(block.outputs))
    for operation in block.operations:
        active.difference_update(v for v in operation.results if v not in needed)


def _hint(prefix: str, value: Value) -> str | None:
    return prefix + value.hint if value.hint else None


class Forward:
    """One forward sweep; tangents are kept by the value of the program being differentiated.

    ``run`` emits values and tangents together.  ``run_primal`` followed by ``push`` emits the
    values once and the tangents as often as wanted (a Jacobian's columns); loops and branches
    with tangents are then run again with them.
    """

    def __init__(self, builder: Builder, active: set[Value] | None = None) -> None:
        self.builder = builder
        self.mapping: Mapping = {}
        self.tangent: dict[Value, Value] = {}
        # Values that depend on each seed element by element, or (True) on all of its elements.
        self.reach: dict[Value, Reach] = {}
        self.second = (
            False  # of a derivative, in which elements are not asked about: the price is theirs
        )
        self.active: set[Value] = set() if active is None else active
        self.copies: dict[int, Operation] = {}  # by id of the old operation, once copied

    def run_primal(self, block: Block) -> None:
        """Emit the values alone."""
        for operation in block.operations:
            new = copy_operation(operation, self.mapping)
            self.builder.block.operations.append(new)
            self.copies[id(operation)] = new

    def push(self, tangents: dict[Value, Value], block: Block) -> Callable[[Value], Value]:
        """Emit the tangents for given tangents of inputs; returns that of any output, of any value if there are none."""
        sweep = Forward(self.builder, set(tangents))
        propagate(block, sweep.active)
        if block.outputs:
            leave_out_dead(block, sweep.active)
        sweep.mapping = dict(self.mapping)
        sweep.tangent = dict(tangents)
        sweep.reach = {v: ((t, False),) for v, t in tangents.items()}
        sweep.copies = self.copies
        sweep.run(block)
        return sweep.dense

    def primal(self, value: Value) -> Value:
        return self.mapping.get(value, value)

    def dense(self, value: Value) -> Value:
        """The tangent of a value, as zeros where it has none."""
        tangent = self.tangent.get(value)
        return zeros_like(Tracer(self.primal(value), "array")).value if tangent is None else tangent

    def run(self, block: Block) -> None:
        for operation in block.operations:
            if operation.regions and any(v in self.active for v in operation.results):
                self._control(operation)
            else:
                self._operation(operation)

    def _operation(self, operation: Operation) -> None:
        copied = self.copies.get(id(operation))
        if copied is not None:
            new = copied
        else:
            # What is run again with tangents shares nothing with its first copy, whose values the
            # mapping still knows: not even a constant, which no mapped operand forces to be copied.
            new = copy_operation(operation, self.mapping, share=not self.copies)
            self.builder.block.operations.append(new)
        if not any(v in self.active for v in operation.results):
            return
        tangents = [self._tracer(self.tangent.get(v)) for v in operation.operands]
        if all(t is None for t in tangents):
            return
        site = Site(
            tuple([Tracer(v, "array") for v in new.operands]),
            tuple([Tracer(v, "array") for v in new.results]),
            new.attributes,
            tuple([t is not None for t in tangents]),
            tuple([v in self.active for v in operation.results]),
        )
        self.builder.source = operation.source and operation.source.derivative()
        turned = push_vectors(site, operation, tangents)
        if turned is not None:
            values, results = turned
            self.mapping.update(zip(operation.results, values, strict=True))
        else:
            moved = [self._moved(operation, v) for v in operation.operands]
            results = pushforward(operation, site, tangents, moved)
            self._follow(operation)
        for value, tangent in zip(operation.results, results, strict=True):
            if tangent is not None and value.type.is_float:
                self.tangent[value] = tangent.value

    def _follow(self, operation: Operation) -> None:
        """Note what the result depends on, unless it may be chosen among its operands or their elements."""
        result, lowering = operation.results[0], ENTRIES[operation.kind].lowering
        active = [v for v in operation.operands if v in self.active]
        if operation.kind in _CHOOSE or any(v not in self.reach for v in active):
            return
        seeds = dict.fromkeys(seed for v in active for seed in self.reach[v])
        if isinstance(lowering, Reduction | Kernel) and not result.shape:
            seeds = dict.fromkeys((seed, bool(seed.shape)) for seed, _ in seeds)
        elif operation.kind in _SPREAD:
            if any(seed.shape and not whole for seed, whole in seeds):
                return  # it is not element by element any more
        elif not isinstance(lowering, Pointwise):
            return
        if len(seeds) <= _MOST_SEEDS:
            self.reach[result] = tuple(seeds)

    def _moved(self, operation: Operation, operand: Value) -> Callable[[], Any] | None:
        """Whether the seeds move an operand, as a traced truth, where that is known and may matter."""
        seeds = self.reach.get(operand)
        pointwise = isinstance(ENTRIES[operation.kind].lowering, Pointwise)
        asked = pointwise and operation.kind not in _CHOOSE | _WITHOUT_POLES and not self.second
        if not seeds or not (asked or not operation.results[0].shape):
            return None

        def any_of() -> Any:
            moving: list[Any] = [Tracer(seed, "array") for seed, _ in seeds]
            found = [
                np.any(x != 0) if whole else x != 0
                for x, (_, whole) in zip(moving, seeds, strict=True)
            ]
            return functools.reduce(np.logical_or, found)

        return any_of

    @staticmethod
    def _tracer(value: Value | None) -> Tracer | None:
        return None if value is None else Tracer(value, "array")

    # -- control flow ---------------------------------------------------------------------------
    def _control(self, operation: Operation) -> None:
        if operation.kind == "custom":
            self._custom(operation)
        elif operation.kind == "cond":
            self._cond(operation)
        elif operation.kind == "for":
            self._for(operation)
        else:
            self._while(operation)

    def _custom(self, operation: Operation) -> None:
        operands = [self.primal(v) for v in operation.operands]
        results = custom.inline(self.builder, operation.regions[0], operands, self.mapping)
        self.mapping.update(zip(operation.results, results, strict=True))
        tangents = [self.dense(v) for v in operation.operands]
        pushed = custom.push(self.builder, operation, operands, results, tangents, self.mapping)
        for value, tangent in zip(operation.results, pushed, strict=True):
            self.tangent[value] = tangent

    def _cond(self, operation: Operation) -> None:
        live = [k for k, v in enumerate(operation.results) if v in self.active]
        regions = []
        for region in operation.regions:
            leave_out_dead(region, self.active)
            with self.builder.region() as block:
                self.run(region)
                block.outputs = [self.primal(v) for v in region.outputs]
                block.outputs += [self.dense(region.outputs[k]) for k in live]
            regions.append(block)
        predicate = self.primal(operation.operands[0])
        results = emit_cond(predicate, regions[0], regions[1], operation.source)
        self._bind(operation.results, results, live)

    def _bind(self, old: Sequence[Value], new: Sequence[Value], live: list[int]) -> None:
        self.mapping.update(zip(old, new, strict=False))
        for k, tangent in zip(live, new[len(old) :], strict=True):
            self.tangent[old[k]] = tangent

    def _enter_body(self, body: Block, block: Block, live: list[int]) -> None:
        block.parameters = [copy_value(p, self.mapping) for p in body.parameters]
        for k in live:
            carry = body.parameters[1 + k]
            tangent = Value(ArrayType(carry.dtype, map_type(carry.type, self.mapping).shape))
            block.parameters.append(tangent)
            self.tangent[carry] = tangent

    def _body(self, operation: Operation, live: list[int]) -> tuple[Block, list[int]]:
        """The body that carries tangents; which stacks have tangents too."""
        body = operation.regions[-1]
        n = len(operation.operands)
        stacked = [k for k in range(n, len(body.outputs)) if body.outputs[k] in self.active]
        leave_out_dead(body, self.active)
        with self.builder.region() as block:
            self._enter_body(body, block, live)
            self.run(body)
            outputs = [self.primal(v) for v in body.outputs]
            block.outputs = outputs[:n]
            block.outputs += [self.dense(body.outputs[k]) for k in live]
            block.outputs += outputs[n:]
            block.outputs += [self.dense(body.outputs[k]) for k in stacked]
        return block, stacked

    def _loop_operands(self, operation: Operation, live: list[int]) -> tuple[Value, ...]:
        starts = [self.primal(v) for v in operation.operands]
        return tuple(starts + [self.dense(operation.operands[k]) for k in live])

    def _bind_loop(
        self,
        operation: Operation,
        old: Sequence[Value],
        new: Sequence[Value],
        live: list[int],
        stacked: list[int],
    ) -> None:
        n, m, s = len(operation.operands), len(live), len(old) - len(operation.operands)
        carries, tangents = new[:n], new[n : n + m]
        stacks, stack_tangents = new[n + m : n + m + s], new[n + m + s :]
        self.mapping.update(zip(old, (*carries, *stacks), strict=True))
        for k, tangent in zip(live + stacked, (*tangents, *stack_tangents), strict=True):
            self.tangent[old[k]] = tangent

    def _for(self, operation: Operation) -> None:
        activity = loop_carry_activity(operation, self.active)
        live = [k for k, a in enumerate(activity) if a]
        operands = self._loop_operands(operation, live)
        count = map_attribute(operation.attributes["count"], self.mapping)
        block, stacked = self._body(operation, live)
        marks = {name: operation.attributes.get(name) for name in MARKS}
        results = emit_for(count, operands, block, operation.source, **marks)
        self._bind_loop(operation, operation.results, results, live, stacked)

    def _while(self, operation: Operation) -> None:
        activity = loop_carry_activity(operation, self.active)
        live = [k for k, a in enumerate(activity) if a]
        operands = self._loop_operands(operation, live)
        test = operation.regions[0]
        with self.builder.region() as test_block:
            test_block.parameters = [copy_value(p, self.mapping) for p in test.parameters]
            test_block.parameters += [
                Value(ArrayType(operands[k].dtype, operands[k].shape))
                for k in range(len(operation.operands), len(operands))
            ]
            for inner in test.operations:
                again = copy_operation(inner, self.mapping, share=not self.copies)
                test_block.operations.append(again)
            test_block.outputs = [self.primal(v) for v in test.outputs]
        block, stacked = self._body(operation, live)
        marks = {name: operation.attributes.get(name) for name in MARKS}
        results = emit_while(operands, test_block, block, operation.source, **marks)
        self.mapping[operation.results[0]] = results[0]
        self._bind_loop(operation, operation.results[1:], results[1:], live, stacked)


def has_derivative(kind: str) -> bool:
    """Whether an operation can be differentiated (a zero derivative counts)."""
    entry = ENTRIES[kind]
    return entry.derivative is not None or entry.zero_derivative
