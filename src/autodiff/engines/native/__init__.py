"""The native engine: programs to machine code by LLVM, without a C compiler.

lowering      program → LLVM IR of one function     (planning, nests, steps, control_flow, …)
session       LLVM IR → machine code, or from the cache on disk
entry         the built-in function that checks its arguments, runs the code, makes results
engine        all of it: program → executable
"""
