"""Runs on arrays in another order than C's.

    run(specialisation, inputs)      what the entry gives for these, which may lie in any order

Entries take arrays in C order, so others are copied.  Where arrays in Fortran order keep coming (a table of pandas is in
that order), a second program is compiled, of their transposes, which are in C order as they are (``passes.by_columns``).

Not here: programs that call Python, have effects or expect warnings: these copy always.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from autodiff.compiled.binding import contiguous
from autodiff.engines import InputForm
from autodiff.garbage import few_collections
from autodiff.ir.arguments import arguments_of
from autodiff.ir.data import ArrayType, walk
from autodiff.passes import optimize
from autodiff.passes.by_columns import by_columns
from autodiff.stack import users_depth, with_room

if TYPE_CHECKING:
    from autodiff.compiled.specialisation import Specialisation

ENOUGH = 3_000_000
"""Elements copied until a program is made that needs no copies."""

_OF_CALL = 3000
"""Elements that could be copied while the copying of some is asked for."""


class _Told(Exception):
    """The run had floating-point errors, of which the first program can tell."""


def run(specialisation: Specialisation, inputs: Sequence[Any]) -> Any:
    """The outputs, or NotImplemented where the entry does not take the inputs in C order either."""
    known = specialisation.orders
    numbers = _of_columns(inputs)
    found = known.get(numbers, 0)
    if type(found) is int and numbers:
        found += sum([inputs[k].size for k in numbers]) + _OF_CALL
        known[numbers] = found = found if found < ENOUGH else _made(specialisation, numbers)
    if callable(found):
        try:
            if len(inputs) == 1:
                outputs = found(inputs[0].T)
            else:
                outputs = found(
                    *[x.T if k in numbers else contiguous(x) for k, x in enumerate(inputs)]
                )
        except _Told:
            known[numbers] = None
        else:
            if outputs is not NotImplemented:
                return outputs
    return specialisation.run.call(*map(contiguous, inputs))


def _of_columns(inputs: Sequence[Any]) -> tuple[int, ...]:
    """The numbers of the inputs that lie in Fortran order, and not in C order."""
    if len(inputs) == 1:  # most often, and in less time than a loop takes
        (x,) = inputs
        return _FIRST if type(x) is np.ndarray and x.flags.fnc else ()
    return tuple([k for k, x in enumerate(inputs) if type(x) is np.ndarray and x.flags.fnc])


_FIRST = (0,)


def _made(specialisation: Specialisation, numbers: tuple[int, ...]) -> Any:
    """What takes the transposes of these inputs; None where there is nothing to gain."""
    first, remake = specialisation.run, specialisation.remake
    code: Any = getattr(first.call, "__self__", None)
    if (
        not isinstance(first.call, BuiltinFunctionType)  # which asks something of Python
        or remake is None
        or specialisation.after
        or specialisation.captured.has_effects
        or code.always
        or code.must
        or any(operation.kind == "host_call" for operation in walk(first.program.block))
    ):
        return None
    forms = specialisation.input_dtypes
    places = arguments_of(first.program, forms)
    with few_collections():
        program = by_columns(first.program, [places[k] for k in numbers])
        if program is None:
            return None
        forms = [_turned(form) if k in numbers else form for k, form in enumerate(forms)]
        made = with_room(users_depth(), remake, optimize(program), forms)
    made.notify(_tell)
    return made.call


def _turned(form: InputForm) -> InputForm:
    """The form of the transpose of what has one."""
    given = form.type
    return InputForm(form.form, ArrayType(given.dtype, given.shape[::-1], given.weak))


def _tell(errors: int, *arguments: Any) -> NoReturn:
    raise _Told


__all__ = ["run"]
