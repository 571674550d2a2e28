"""Effects that follow a run: what they need are outputs, and Python is not called in between.

    self.calls += 1; return x * x      before   v1 = add(n, 1); v7 = multiply(x, x); host_call(v1, function=store); return v7
                                       after    v1 = add(n, 1); v7 = multiply(x, x); return v7, v1          store(v1)

A store into an object, or an append to a list, waits for the end of the run anyway, as nothing may have
happened where the run fails (``capture.running``).  Where all calls of Python's in a program are of this
kind and each happens once, their operands become outputs: compiled code is entered and left once, and
the effects follow in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.effects import HostCall
from autodiff.ir.data import Block, Program, Value, walk
from autodiff.plain_data import dataclass

_FORMS: dict[np.dtype[Any], str] = {
    np.dtype(np.float64): "float",
    np.dtype(np.int64): "int",
    np.dtype(np.bool_): "bool",
}


@dataclass(frozen=True)
class After:
    """An effect, and the outputs that it is given."""

    effect: Callable[[Sequence[Any]], Any]
    outputs: tuple[int, ...]

    def happen(self, outputs: Sequence[Any]) -> None:
        """Let it happen."""
        if len(self.outputs) == 1:  # without a function for the list
            self.effect([outputs[self.outputs[0]]])
        else:
            self.effect([outputs[k] for k in self.outputs])


def form_of(value: Value) -> str:
    """How an effect gets an output."""
    return "array" if value.shape else _FORMS.get(value.dtype, "scalar")


def follow(program: Program, forms: list[str]) -> tuple[Program, list[str], tuple[After, ...]]:
    """The program without the effects that may follow it, the forms of its outputs, and the effects."""
    own = [op for op in program.block.operations if op.kind == "host_call"]
    if not own or len(own) != sum(op.kind == "host_call" for op in walk(program.block)):
        return program, forms, ()
    hosts = [op.attributes["function"] for op in own]
    if not all(isinstance(host, HostCall) and host.follows for host in hosts):
        return program, forms, ()
    outputs, forms = list(program.outputs), list(forms)
    numbers: dict[Value, int] = {}
    for value in [value for op in own for value in op.operands]:
        if value not in numbers:
            numbers[value] = len(outputs)
            outputs.append(value)
            forms.append(form_of(value))
    after = [
        After(host.effect, tuple([numbers[v] for v in op.operands]))
        for op, host in zip(own, hosts, strict=True)
    ]
    operations = [op for op in program.block.operations if op.kind != "host_call"]
    block = Block(program.block.parameters, operations, outputs)
    return Program(block, program.name), forms, tuple(after)


__all__ = ["After", "follow", "form_of"]
