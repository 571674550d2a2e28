"""Programs run by the native engine through ctypes, with the reference engine's contract.

    run = compile_program(program)
    outputs = run([x, y])        # a list of arrays, one per output

This is the plain way in, for tests and for callers that have arrays at hand; the fast way in is
``entry``.  A failed check raises :class:`CheckFailed` with the check's message.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import evaluate
from autodiff.engines.native import session, symbols
from autodiff.engines.native.host import HostCaller
from autodiff.engines.native.lowering import Kernel, lower
from autodiff.engines.native.timing import COUNTS, Part, Timer
from autodiff.ir.data import Program
from autodiff.ops.control import CheckFailed

_SCALARS = {
    "b1": ctypes.c_int8, "i1": ctypes.c_int8, "u1": ctypes.c_uint8, "i2": ctypes.c_int16,
    "u2": ctypes.c_uint16, "i4": ctypes.c_int32, "u4": ctypes.c_uint32, "i8": ctypes.c_int64,
    "u8": ctypes.c_uint64, "f4": ctypes.c_float, "f8": ctypes.c_double,
}  # fmt: skip


def compile_program(program: Program, threads: int = 1) -> Callable[[Sequence[Any]], list[Any]]:
    """A function that runs ``program`` on a sequence of arrays."""
    return Runner(lower(program, threads))


class Runner:
    """A loaded kernel that is called with arrays."""

    def __init__(self, kernel: Kernel, counters: Sequence[str] = ()) -> None:
        self.kernel = kernel
        self.caller = HostCaller(kernel.host_calls)
        extra = dict(self.caller.addresses)
        for number, array in enumerate(kernel.constants):
            extra[f"constant.{number}"] = array.ctypes.data
        keep = (self.caller, kernel.constants)
        self.machine = session.load(kernel.text, (kernel.symbol, *counters), extra=extra, keep=keep)
        types: list[Any] = []
        for dtype, shape in kernel.inputs:
            types.append(
                _SCALARS[f"{dtype.kind}{dtype.itemsize}"] if shape == () else ctypes.c_void_p
            )
        types += [ctypes.c_void_p] * (len(kernel.outputs) + 1)
        # With the GIL, so that what a signal handler raises in it is raised here.
        self.function = ctypes.PYFUNCTYPE(ctypes.c_int32, *types)(
            self.machine.address(kernel.symbol)
        )
        self.work = np.empty(kernel.work_bytes + 64, np.uint8)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        kernel = self.kernel
        symbol_values = {s: int(arguments[k]) for s, k in kernel.extents.items()}
        given: list[Any] = []
        keep: list[Any] = []
        for (dtype, shape), x in zip(kernel.inputs, arguments, strict=True):
            if shape == ():
                given.append(np.asarray(x, dtype).item())
            else:
                array = np.ascontiguousarray(x, dtype)
                expected = tuple([evaluate(n, symbol_values.__getitem__) for n in shape])
                if array.shape != expected:
                    raise ValueError(f"an argument has shape {array.shape}, not {expected}")
                keep.append(array)
                given.append(array.ctypes.data)
        outputs = [self._output(k, symbol_values) for k in range(len(kernel.outputs))]
        start = self.work.ctypes.data
        status = self.function(*given, *[o.ctypes.data for o in outputs], start + -start % 64)
        if status:
            error = self.caller.take_error()
            if error is not None:
                raise error
            raise CheckFailed(kernel.failure(status))
        return [self._finished(k, o) for k, o in enumerate(outputs)]

    def _output(self, number: int, symbol_values: dict[Any, int]) -> np.ndarray:
        dtype, shape = self.kernel.outputs[number]
        if number in self.kernel.sized:
            return np.zeros(1 + len(shape), np.int64)
        return np.empty(tuple([evaluate(n, symbol_values.__getitem__) for n in shape]), dtype)

    def _finished(self, number: int, output: np.ndarray) -> np.ndarray:
        if number not in self.kernel.sized:
            return output
        dtype, _ = self.kernel.outputs[number]
        pointer, *shape = (int(n) for n in output)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        memory: Any = (ctypes.c_char * size).from_address(pointer)
        array: Any = np.frombuffer(memory, dtype).reshape(shape).copy()
        _free()(pointer)
        return array


@functools.cache
def _free() -> Callable[[int], None]:
    """C's ``free``, of the library whose ``malloc`` native code calls."""
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return kind(symbols.process_address("free"))


class TimedRunner:
    """A kernel with clocks, see ``timing``."""

    def __init__(self, program: Program) -> None:
        self.timer = Timer()
        self.kernel = lower(program, timer=self.timer)
        self.run = Runner(self.kernel, (COUNTS,))
        size = 2 * len(self.timer.parts) + 2
        self.counts = (ctypes.c_int64 * size).from_address(self.run.machine.address(COUNTS))

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        return self.run(arguments)

    def clear(self) -> None:
        """Start anew."""
        ctypes.memset(self.counts, 0, ctypes.sizeof(self.counts))

    def parts(self) -> list[Part]:
        """The parts with what they took since the start, less what parts inside of them took."""
        self.timer.note(list(self.counts))
        return self.timer.parts

    @property
    def ticks(self) -> int:
        """From the begin of the first run since the start to the end of the last, once there are parts."""
        return self.timer.ticks
