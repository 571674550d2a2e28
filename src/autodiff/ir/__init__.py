"""The intermediate representation: plain data, printing and checking."""

from autodiff.ir.checking import verify
from autodiff.ir.data import (
    ArrayType,
    Block,
    Operation,
    Program,
    Source,
    Value,
    free_values,
    uses,
    walk,
)
from autodiff.ir.printing import format_program

__all__ = [
    "ArrayType",
    "Block",
    "Operation",
    "Program",
    "Source",
    "Value",
    "format_program",
    "free_values",
    "uses",
    "verify",
    "walk",
]
