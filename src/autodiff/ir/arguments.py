"""Which inputs of a program are arguments, and which are extents of others.

    f(x: float64[n], n, c: float64[k], k)        n is found from x; k too, unless it is given itself

What is found is not given: an engine reads it from the shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from autodiff.dims import symbols
from autodiff.ir.data import ArrayType, Program

if TYPE_CHECKING:

    class Form(Protocol):
        """How one argument arrives."""

        @property
        def type(self) -> ArrayType: ...


def arguments_of(program: Program, forms: Sequence[Form]) -> list[int]:
    """The numbers of the inputs that are arguments, one for each form.

    Extents of others are none: they are found from these.  But an integer that is given may be the
    extent of a vector as well; no integer follows upon the extents.
    """
    extents = {s for form in forms for n in form.type.shape for s in symbols(n)}
    numbers: list[int] = []
    for k, v in enumerate(program.inputs):
        if v in extents:
            form = forms[len(numbers)] if len(numbers) < len(forms) else None
            if form is None or form.type.shape or form.type.dtype.kind != "i":
                continue
        numbers.append(k)
    return numbers


__all__ = ["arguments_of"]
