"""Machine code for SciPy's routines in C, which call it without Python: `scipy.LowLevelCallable`.

    integrand = low_level_callable(lambda x, a: np.exp(-a * x) / (1 + x))
    scipy.integrate.quad(integrand, 0, np.inf, args=(2.0,))

The function is captured and compiled once, for numbers, or arrays of one size; a few lines of LLVM take the
arguments in the form that SciPy gives them (``FORMS``) and call the kernel.

What differs from a compiled function: nothing can be asked at each call, so what the function reads from
outside is what it was when it was compiled; and a call that the code does not fit, or in which the function
would raise, is nan (`quad`) or an error of SciPy's (`ndimage`). What needs Python is refused.
"""

from __future__ import annotations

import ctypes
import inspect
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autodiff.api import function
from autodiff.dims import UndecidedExtent
from autodiff.engines.native import session
from autodiff.engines.native.lowering import Kernel, lower
from autodiff.errors import ArgumentError, InternalError, NameArgumentError, UnsupportedError
from autodiff.ladder import Bail
from autodiff.optimize.parameters import Array
from autodiff.patterns import pattern

from .derivatives import Function, plain_function, written

_POINTER = ctypes.POINTER(ctypes.c_double)
_STACK = 16 * 1024  # bytes of working memory that lie on the stack


@dataclass(frozen=True)
class Form:
    """How one of SciPy's routines calls: C's types, and the same in LLVM.

    ``given`` is the pointer to the input and ``length`` its checked count (empty: none is); ``result``
    is where the result goes (empty: it is returned).
    """

    types: tuple[Any, ...]
    head: str
    given: str
    length: str
    result: str


_INTEGERS = ctypes.POINTER(ctypes.c_ssize_t)
FORMS = {
    "quad": Form(
        (ctypes.c_double, ctypes.c_int, _POINTER, ctypes.c_void_p),
        "define double @entry(i32 %n, ptr %x, ptr %user)", "%x", "", "",
    ),
    "generic_filter": Form(
        (ctypes.c_int, _POINTER, ctypes.c_ssize_t, _POINTER, ctypes.c_void_p),
        "define i32 @entry(ptr %x, i64 %n, ptr %y, ptr %user)", "%x", "%n", "%y",
    ),
    "generic_filter1d": Form(
        (ctypes.c_int, _POINTER, ctypes.c_ssize_t, _POINTER, ctypes.c_ssize_t, ctypes.c_void_p),
        "define i32 @entry(ptr %x, i64 %n, ptr %y, i64 %m, ptr %user)", "%x", "%n", "%y",
    ),
    "geometric_transform": Form(
        (ctypes.c_int, _INTEGERS, _POINTER, ctypes.c_int, ctypes.c_int, ctypes.c_void_p),
        "define i32 @entry(ptr %x, ptr %y, i32 %n32, i32 %m, ptr %user)", "%x", "", "%y",
    ),
}  # fmt: skip


def low_level_callable(
    f: Function,
    routine: Literal["quad", "generic_filter", "generic_filter1d", "geometric_transform"] = "quad",
    size: int | None = None,
) -> Any:
    """`f` as a `scipy.LowLevelCallable`, which SciPy calls without Python.

    Parameters
    ----------
    f
        In plain NumPy. For ``"quad"`` a function of the variable and of the numbers in ``args``, which
        returns a number; for ``"generic_filter"`` of the array of the elements under the footprint,
        which returns a number; for ``"generic_filter1d"`` of a line with its extension, which returns the
        new line; for ``"geometric_transform"`` of an array of integers, the coordinates in the output,
        which returns those in the input.
    routine
        Who calls it.
    size
        For ``"quad"`` the number of arguments (of `nquad` the variables too), by default that of `f`; else
        the length of the array.

    Returns
    -------
    scipy.LowLevelCallable

    Raises
    ------
    UnsupportedError
        if `f` needs Python: draws, prints, functions that autodiff does not know.

    Notes
    -----
    What `f` reads from outside is read now: after a change make another one. Where `f` would raise, the
    value is nan for `quad`, and an error of SciPy's else.

    Examples
    --------
    >>> import numpy as np, scipy.integrate
    >>> integrand = low_level_callable(lambda x, a: np.exp(-a * x))
    >>> value, _ = scipy.integrate.quad(integrand, 0, 1, args=(2.0,))
    >>> round(value, 12)
    0.432332358382
    """
    if routine == "quad" and size is None and callable(f):
        size = _parameter_count(f)
    f = plain_function(f, "low_level_callable")
    if routine not in FORMS:
        raise NameArgumentError(
            f"there is no routine {routine!r}", remedy=f"use one of {', '.join(FORMS)}"
        )
    from scipy import LowLevelCallable

    form = FORMS[routine]
    machine = _machine(f, routine, form, _examples(f, routine, size))
    pointer = ctypes.CFUNCTYPE(*form.types)(machine.address("entry"))
    pointer.autodiff_machine = machine  # type: ignore[attr-defined]  # lives as long as the pointer
    return LowLevelCallable(pointer)


def _examples(f: Function, routine: str, size: int | None) -> list[Any]:
    """Arguments such as the routine gives."""
    if routine == "quad":
        return [1.0] * (size or 0)
    if size is None:
        raise ArgumentError(
            f"{routine} gives arrays, of a length that is not known",
            remedy="pass size=, for example that of the footprint",
        )
    return [np.ones(size, np.intp if routine == "geometric_transform" else np.float64)]


def _parameter_count(f: Function) -> int:
    parameters = inspect.signature(f).parameters.values()
    if _takes_any(f):
        raise ArgumentError(
            "how many arguments the function takes is not known", remedy="pass size="
        )
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _takes_any(f: Function) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(f).parameters.values())


def _machine(f: Function, routine: str, form: Form, examples: list[Any]) -> session.Machine:
    """The kernel of `f` and its entry, loaded."""
    if routine == "quad" and _takes_any(f):  # which would be one list, not numbers
        names = ", ".join([f"x{k}" for k in range(len(examples))])
        f = written("call", f, names, [f"return f({names})"], {})
    compiled = function(f)._compiled
    name = compiled.signature.title
    try:
        found = compiled.first_way(compiled.compile, tuple(examples), {})
    except (Bail, UndecidedExtent) as problem:
        raise UnsupportedError(
            f"{name} needs Python: {problem}",
            source=getattr(problem, "source", None),
            remedy="rewrite that line, or pass the function itself to SciPy",
        ) from None
    program = found.plan.program
    kernel = lower(program)
    if kernel.host_calls or found.captured.objects:
        raise UnsupportedError(
            f"{name} calls Python at each call", remedy="pass the function itself to SciPy"
        )
    _check_result(name, routine, kernel, examples)
    leaves = found.input_leaves  # which argument each input is: one that is not used is none
    for (dtype, shape), leaf in zip(kernel.inputs, leaves, strict=False):
        example = np.asarray(examples[leaf])
        if (dtype, shape) != (example.dtype, example.shape):
            raise InternalError(f"an input {dtype}{shape} of {name} for {example!r}")
    hidden = [np.array(x) for x in found.reader(tuple(examples)) or ()]
    inputs = [
        np.require(x, dtype, ["C", "A"])
        for x, (dtype, _) in zip(hidden, kernel.inputs[len(leaves) :], strict=True)
    ]
    constants = [np.ascontiguousarray(c) for c in kernel.constants]
    addresses = {f"constant.{k}": c.ctypes.data for k, c in enumerate(constants)}
    text = _entry(form, kernel, leaves, examples, inputs)
    return session.load(
        kernel.text,
        (kernel.symbol, "entry"),
        glue=text,
        extra=addresses,
        keep=(constants, inputs),
    )


def _check_result(name: str, routine: str, kernel: Kernel, examples: list[Any]) -> None:
    """One result, of floats, of the shape that the routine takes."""
    dtypes = [str(dtype) for dtype, _ in kernel.outputs]
    shapes = [shape for _, shape in kernel.outputs]
    one = len(shapes) == 1 and dtypes == ["float64"]
    if routine in ("quad", "generic_filter"):
        good, wanted = one and shapes[0] == (), "one float"
    elif routine == "geometric_transform":
        good, wanted = one and shapes[0] == examples[0].shape, "an array of as many floats"
    else:
        good, wanted = one and len(shapes[0]) == 1, "an array of floats with one axis"
    if not shapes:
        raise ArgumentError(
            f"{name} returns a constant or its argument: nothing is computed",
            remedy="pass the function itself to SciPy",
        )
    if not good or not isinstance(kernel.work_bytes, int) or kernel.extents:
        text = ", ".join(f"{d}{list(s)}" for d, s in zip(dtypes, shapes, strict=True))
        raise ArgumentError(
            f"{name} returns {text}, and {routine} takes {wanted}",
            remedy="convert the result in the function",
        )


_PARAMETERS = pattern(r"define i32 @kernel\((.*?)\) #0")


def _entry(
    form: Form, kernel: Kernel, leaves: list[int], examples: list[Any], hidden: list[Array]
) -> str:
    """LLVM of the entry: SciPy's arguments to those of the kernel, status to result."""
    declared = _PARAMETERS.search(kernel.text)
    assert declared is not None
    types = [parameter.split()[0] for parameter in declared.group(1).split(",")]
    lines, arguments = [], []
    for k, leaf in enumerate(leaves):
        place = f"%at{k}"
        lines.append(f"{place} = getelementptr double, ptr {form.given}, i64 {leaf}")
        if types[k] != "ptr":
            lines.append(f"%value{k} = load double, ptr {place}")
            place = f"%value{k}"
        arguments.append(f"{types[k]} {place}")
    for type, x in zip(types[len(leaves) : -2], hidden, strict=True):
        arguments.append(f"{type} {_constant(type, x)}")
    store = form.result or "%result"
    free = ""
    if kernel.work_bytes > _STACK:
        lines.append(f"%work = call ptr @malloc(i64 {kernel.work_bytes})")
        free = "  call void @free(ptr %work)\n"
    else:
        lines.append(f"%work = alloca [{max(kernel.work_bytes, 1)} x i8], align 64")
    if not form.result:
        lines.append("%result = alloca double")
    body = "\n".join(f"  {line}" for line in lines)
    checks = _checks(form, kernel, examples)
    end = (
        "  %value = load double, ptr %result\n"
        "  %answer = select i1 %good, double %value, double 0x7FF8000000000000\n"
        "  ret double %answer"
        if not form.result
        else "  %answer = zext i1 %good to i32\n  ret i32 %answer"
    )
    return (
        f"declare ptr @malloc(i64)\ndeclare void @free(ptr)\ndeclare i32 @kernel({', '.join(types)})\n"
        f"{form.head} {{\nentry:\n{checks}{body}\n"
        f"  %status = call i32 @kernel({', '.join([*arguments, f'ptr {store}', 'ptr %work'])})\n"
        f"{free}  %good = icmp eq i32 %status, 0\n{end}\n}}\n"
    )


def _checks(form: Form, kernel: Kernel, examples: list[Any]) -> str:
    """Leave at once where the arrays do not have the lengths that the code is for."""
    size = np.size(examples[0]) if examples else 0
    if not form.length:
        # quad gives the variable and its args, and says how many these are; the others their rank.
        if not form.result:
            return (
                f"  %enough = icmp eq i32 %n, {len(examples)}\n  br i1 %enough, label %run, label %no\n"
                "no:\n  ret double 0x7FF8000000000000\nrun:\n"
            )
        conditions = f"  %fits = icmp eq i32 %n32, {size}\n"
        conditions += f"  %both = icmp eq i32 %m, {kernel.outputs[0][1][0]}\n"
    else:
        conditions = f"  %fits = icmp eq i64 %n, {size}\n"
        shape = kernel.outputs[0][1]
        conditions += (
            f"  %both = icmp eq i64 {'%m' if shape else '%n'}, {shape[0] if shape else size}\n"
        )
    return (
        f"{conditions}  %go = and i1 %fits, %both\n  br i1 %go, label %run, label %no\n"
        "no:\n  ret i32 0\nrun:\n"
    )


def _constant(type: str, x: Array) -> str:
    """A value read from outside: a pointer into memory that the machine keeps, or a number."""
    if type == "ptr":
        return f"inttoptr (i64 {x.ctypes.data} to ptr)"
    if type in ("double", "float"):  # LLVM writes both with the digits of a double
        return f"0x{int(np.float64(x[()]).view(np.uint64)):016X}"
    return str(int(x[()]))
