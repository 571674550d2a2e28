"""Integrands that QUADPACK calls without Python: a program of one number behind `scipy.LowLevelCallable`.

    block = integrand.lent(read);  quad(block.callable, a, b)

QUADPACK hands every call the address of a block of 64-bit words, made for one integral at a time:

    0   the status of the first run that failed, else 0
    1   which number of the results is wanted
    2   working memory
    3   memory for the results, all of which are floats
    4 … what the program reads beside the variable: a number itself, or the address of an array

A run that fails gives NaN; the caller looks at the status, and asks Python what was wrong.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.engines.native import session
from autodiff.ir.data import Program

_KIND = ctypes.CFUNCTYPE(
    ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p
)
_FIRST = 4  # the word from which on what is read lies
_ALIGNMENT = 64
MOST_RESULTS = 16  # of more, all are computed for each one too often
_FLOAT = np.dtype(float)


class Block:
    """The words of one integral, and the memory that they point to."""

    def __init__(self, function: Any, words: int, work: int, results: int) -> None:
        from scipy import LowLevelCallable

        self.words = np.zeros(words, np.int64)
        self.floats = self.words.view(_FLOAT)
        self.memory = np.zeros(work + 8 * results + _ALIGNMENT, np.uint8)
        start = self.memory.ctypes.data
        start += -start % _ALIGNMENT
        self.words[2], self.words[3] = start, start + work
        self.given: list[Any] = []  # arrays that the program reads
        address = ctypes.c_void_p(self.words.ctypes.data)
        self.callable = LowLevelCallable(function, user_data=address)


class Integrand:
    """A compiled program for QUADPACK: its kernel, and what that calls of Python."""

    def __init__(self, kernel: Any, host: Any) -> None:
        self.host = host
        self.kernel = kernel
        constants = [np.ascontiguousarray(c) for c in kernel.constants]
        addresses = {f"constant.{k}": c.ctypes.data for k, c in enumerate(constants)}
        self.machine = session.load(
            kernel.text,
            (kernel.symbol, "integrand"),
            glue=_glue(kernel),
            extra=addresses | self.host.addresses,
            keep=(constants, self.host),
        )
        self.function = _KIND(self.machine.address("integrand"))
        self.results = sum(_size(shape) for _, shape in kernel.outputs)
        read = kernel.inputs[1:]
        self.dtypes = [dtype for dtype, _ in read]
        self.are_arrays = [bool(shape) for _, shape in read]
        self.places = range(_FIRST, _FIRST + len(read))
        self.free: list[Block] = []  # of integrals that are done

    def lent(self, read: Sequence[Any]) -> Block:
        """A block for one integral with these values of what the program reads, to be given back."""
        try:
            block = self.free.pop()
        except IndexError:  # all are lent, perhaps to other threads
            block = self._new()
        words, floats = block.words, block.floats
        words[0] = words[1] = 0
        for k, dtype, is_array, x in zip(
            self.places, self.dtypes, self.are_arrays, read, strict=True
        ):
            if is_array:
                array = np.require(x, dtype, ("C", "A"))
                block.given.append(array)
                words[k] = array.ctypes.data
            elif dtype == _FLOAT:
                floats[k] = x
            else:
                words[k : k + 1].view(dtype)[0] = x
        return block

    def _new(self) -> Block:
        words = _FIRST + len(self.kernel.inputs) - 1
        work: Any = self.kernel.work_bytes
        return Block(self.function, words, work + -work % _ALIGNMENT, self.results)

    def give_back(self, block: Block) -> None:
        """Let the next integral have the block."""
        block.given.clear()
        self.free.append(block)


def may_be_one(program: Program) -> bool:
    """Whether a program is an integrand that QUADPACK can call: of a number, with a few floats as results."""
    if len(program.inputs) == 0 or program.inputs[0].type.shape or not program.outputs:
        return False
    values = (*program.inputs, *program.outputs)
    if not all(v.type.is_static for v in values) or program.inputs[0].dtype != _FLOAT:
        return False
    if any(v.dtype != _FLOAT for v in program.outputs):
        return False
    return sum(_size(v.type.shape) for v in program.outputs) <= MOST_RESULTS


def _size(shape: Any) -> int:
    """Of static extents."""
    return math.prod(shape)


def _glue(kernel: Any) -> str:
    """LLVM of what QUADPACK calls."""
    declared = re.search(r"define i32 @kernel\((.*?)\) #0", kernel.text)
    assert declared is not None
    types = [parameter.split()[0] for parameter in declared.group(1).split(",")]
    count = len(kernel.inputs)
    lines, arguments = ["%z = load double, ptr %x"], ["double %z"]
    if types[0] == "ptr":
        arguments = ["ptr %x"]
    for k, type in enumerate(types[1:count], _FIRST):
        lines.append(f"%at{k} = getelementptr i64, ptr %block, i64 {k}")
        lines.append(f"%read{k} = load {type}, ptr %at{k}")
        arguments.append(f"{type} %read{k}")
    at = 0
    for k, (_, shape) in enumerate(kernel.outputs):
        lines.append(f"%result{k} = getelementptr double, ptr %results, i64 {at}")
        arguments.append(f"ptr %result{k}")
        at += _size(shape)
    body = "\n".join(f"  {line}" for line in lines)
    return f"""\
declare i32 @kernel({", ".join(types)})
define double @integrand(i32 %n, ptr %x, ptr %block) {{
entry:
  %at.number = getelementptr i64, ptr %block, i64 1
  %number = load i64, ptr %at.number
  %at.work = getelementptr i64, ptr %block, i64 2
  %work = load ptr, ptr %at.work
  %at.results = getelementptr i64, ptr %block, i64 3
  %results = load ptr, ptr %at.results
{body}
  %status = call i32 @kernel({", ".join([*arguments, "ptr %work"])})
  %good = icmp eq i32 %status, 0
  br i1 %good, label %done, label %failed
done:
  %wanted = getelementptr double, ptr %results, i64 %number
  %value = load double, ptr %wanted
  ret double %value
failed:
  %wide = sext i32 %status to i64
  store i64 %wide, ptr %block
  ret double 0x7FF8000000000000
}}
"""


__all__ = ["Block", "Integrand", "may_be_one"]
