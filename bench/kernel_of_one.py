"""Compile one function of the catalogue as a kernel over arrays, to test and time it by itself.

    f = compile_kernel("exp", "f64")
    f(x)                               # like np.exp(x), for a contiguous float64 array

The engine has no such kernels: there a function is inlined into loops of fused operations.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from autodiff.engines.native import vector_math
from autodiff.engines.native.vector_math.emit import FORMATS
from autodiff.plain_data import dataclass

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES: dict[str, np.dtype[Any]] = {"f64": np.dtype(np.float64), "f32": np.dtype(np.float32)}


@dataclass(frozen=True)
class Kernel:
    """A compiled loop over one function.

    `optimised` is its LLVM IR after optimisation, `seconds` the processor time from text to machine code.
    """

    call: Callable[..., Any]
    dtype: np.dtype[Any]
    optimised: str
    seconds: float
    engine: Any  # keeps the machine code alive

    def __call__(self, *arrays: Array, out: Array | None = None) -> Array:
        """The function of every element."""
        inputs = [np.ascontiguousarray(a, self.dtype) for a in arrays]
        result = np.empty_like(inputs[0]) if out is None else out
        self.call(*(a.ctypes.data for a in (*inputs, result)), result.size)
        return result


def _loop(name: str | None, dtype: str, arguments: int, width: int) -> str:
    """A loop that stores `name` of its inputs; without a name, a plain sum (the cost of the loop)."""
    type = FORMATS[dtype].type
    pointers = "".join(f"ptr noalias %p{i}, " for i in range(arguments))
    loads = "".join(
        f"  %a{i} = getelementptr inbounds {type}, ptr %p{i}, i64 %i\n"
        f"  %v{i} = load {type}, ptr %a{i}\n"
        for i in range(arguments)
    )
    operands = ", ".join(f"{type} %v{i}" for i in range(arguments))
    value = (
        f"call {type} {vector_math.symbol(name, dtype)}({operands})"
        if name
        else f"fadd {type} %v0, %v{arguments - 1}"
    )
    return f"""
define void @kernel({pointers}ptr noalias %out, i64 %n) "prefer-vector-width"="{width}" {{
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %loop, label %exit
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
{loads}  %r = {value}
  %ar = getelementptr inbounds {type}, ptr %out, i64 %i
  store {type} %r, ptr %ar
  %next = add nuw nsw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %exit
exit:
  ret void
}}
"""


def compile_kernel(
    name: str | None, dtype: str, width: int = 512, features: str | None = None
) -> Kernel:
    """Compile the loop for this machine, or for the given LLVM features of a baseline processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    arguments = vector_math.arity(name) if name else 1
    text = vector_math.module_text({(name, dtype)}) if name else ""
    text += _loop(name, dtype, arguments, width)
    host = features is None
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name() if host else "",
        features=llvm.get_host_cpu_features().flatten() if host else features,
        opt=3,
        jit=True,
    )
    start = time.process_time()
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    middle = time.process_time() - start
    optimised = str(module)
    start = time.process_time()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    seconds = middle + time.process_time() - start
    signature = [ctypes.c_void_p] * (arguments + 1) + [ctypes.c_int64]
    call = ctypes.CFUNCTYPE(None, *signature)(engine.get_function_address("kernel"))
    return Kernel(call, DTYPES[dtype], optimised, seconds, engine)
