"""The native way into a compiled function: from Python's arguments to the kernel and back.

``build`` writes LLVM IR for a function with CPython's fast calling convention::

    ptr @entry(ptr self, ptr arguments, i64 count)

It checks every argument against what the kernel was compiled for, allocates the results with
NumPy, calls the kernel, and wraps what it computed:

    x: float64[10]  ->  is it exactly an ndarray, of float64, C-contiguous, aligned, of shape (10,)?
    kernel(x.data, &value, gradient.data, work)
    return (float(value), gradient)

An argument that does not fit is no error here: the entry returns ``NotImplemented`` (a *miss*)
and the caller takes its general way through Python.  The same happens when the kernel reports a
status other than 0, which is then found in ``status``; an exception set meanwhile is raised.  It
is :data:`NO_MEMORY` where the results or the working memory could not be allocated.

The kernel is a C function of (inputs..., outputs..., work): a scalar input comes by value, an
array as a pointer to aligned C-contiguous elements, an output as a pointer to where it goes; an
output of a size known at run time only is a pointer to ``{data from malloc, extents...}``.
``work`` is memory of ``work_bytes``, 64-byte aligned.  Inputs are never written, so they may
overlap; an argument that is written back must not overlap another, or the call is a miss.

Before the kernel the entry clears the processor's flags of floating-point errors, and looks at them
after it: two reads of a register.  Where one is set of which the user wants to hear, what
:meth:`NativeCode.notify` was given is called (see ``flags``).

The text holds names of objects, not addresses (see ``symbols``), so machine code of an entry is
shared by every function with the same signature and kept on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.engines.native import flags
from autodiff.engines.native.callables import NativeCode, callable_of
from autodiff.engines.native.entry.arguments import NUMBERS, RECORDS, TOO_LARGE, Arguments
from autodiff.engines.native.entry.forms import (
    ArgumentOutput,
    ArrayInput,
    ArrayOutput,
    ContainerInput,
    EitherOutput,
    HiddenInput,
    Input,
    ItemsOutput,
    ObjectOutput,
    OutputLeaf,
    OutputTree,
    ScalarInput,
    ScalarOutput,
    Signature,
    StaticInput,
)
from autodiff.engines.native.entry.results import Results
from autodiff.engines.native.entry.workspace import FUNCTIONS, Workspace
from autodiff.engines.native.entry.writer import Writer
from autodiff.engines.native.pool import NEW_LARGE_ARRAY
from autodiff.engines.native.symbols import check_layout
from autodiff.errors import InternalError
from autodiff.plain_data import dataclass

__all__ = [
    "NO_MEMORY",
    "ArgumentOutput",
    "ArrayInput",
    "ArrayOutput",
    "ContainerInput",
    "EitherOutput",
    "Entry",
    "HiddenInput",
    "ItemsOutput",
    "NativeCode",
    "ObjectOutput",
    "OutputLeaf",
    "ScalarInput",
    "ScalarOutput",
    "Signature",
    "StaticInput",
    "build",
    "callable_of",
]


NO_MEMORY = -1
"""The status of a call whose results or working memory could not be allocated."""


@dataclass(frozen=True)
class Entry:
    """The text of an entry point and the addresses that only it knows."""

    text: str
    extra: dict[str, int]
    keep: tuple[Any, ...]
    names: tuple[str, ...] = ("entry", "status", flags.REPORT)


def build(
    signature: Signature,
    inputs: Sequence[Input],
    outputs: OutputTree,
    copies: Sequence[tuple[int, int]] = (),
    heeds_errstate: bool = False,
    modules: Sequence[str] = (),
) -> Entry:
    """Write the entry point of a kernel.

    Parameters
    ----------
    signature : Signature
        The kernel's parameters.
    inputs : sequence
        What each positional argument must be; hidden inputs may stand anywhere among them.
    outputs : OutputTree
        What is returned: a leaf, or nested tuples, lists and dicts of leaves.
    copies : sequence of (int, int)
        ``(output, argument)``: kernel outputs copied into positional arguments, which must be
        :class:`ArrayInput` with ``written=True``.
    heeds_errstate : bool
        Whether a call under an ``np.errstate`` that is not known to be lenient is a miss, and
        floating-point errors are reported.
    modules : sequence of str
        Modules on whose names the program stands; a call after something was stored into one is a
        miss, until the names have been looked at (see ``autodiff.lookups``).

    Returns
    -------
    Entry
        To be loaded with the kernel: ``load(kernel, ..., glue=entry.text, extra=entry.extra)``.
    """
    check_layout()
    writer = Writer()
    arguments = Arguments(writer, signature)
    positional = [spec for spec in inputs if not isinstance(spec, HiddenInput)]
    for _, target in copies:
        spec = positional[target]
        if not (isinstance(spec, ArrayInput) and spec.written):
            raise InternalError(f"argument {target} is not said to be written")
    state = _write_errstate_check(writer) if heeds_errstate else ""
    for module in modules:
        now = writer.load("i64", writer.object(f"version.{module}"))
        writer.require_equal("i64", now, writer.load("i64", writer.object(f"seen.{module}")))
    _write_checks(arguments, positional, inputs)
    passed = arguments.finish()
    results = Results(writer, arguments, outputs, copies)
    results.allocate()
    workspace = Workspace(arguments, results)
    watch = flags.Watch(writer, state, len(positional))
    _write_call(writer, signature, passed, results, workspace, watch)
    _write_exits(writer, results, workspace)
    return Entry(_module_text(writer, signature, passed), writer.extra, tuple(writer.keep))


def _write_errstate_check(w: Writer) -> str:
    """Go on under a state of ``np.errstate`` that compiled code is known to run under.

    The register that holds the state's address.
    """
    slot = w.slot("ptr")
    w.locals.append(f"  store ptr null, ptr {slot}")
    variable = w.object("errstate.variable")
    w.call("i32", "PyContextVar_Get", f"ptr {variable}", "ptr null", f"ptr {slot}")
    state = w.load("ptr", slot)
    w.call("void", "Py_DecRef", f"ptr {state}")  # its address is all that is wanted
    cells = w.object("errstate.cells")
    known = [w.value(f"icmp eq ptr {state}, {w.load('ptr', cells, 8 * k)}") for k in range(2)]
    w.require(w.value(f"or i1 {', '.join(known)}"))
    return state


def _write_checks(
    arguments: Arguments, positional: Sequence[Input], inputs: Sequence[Input]
) -> None:
    w = arguments.writer
    w.require_equal("i64", "%count", len(positional))
    for index, spec in enumerate(positional):
        value = w.load("ptr", "%arguments", 8 * index)
        arguments.data_of[index] = arguments.check(value, spec)
    for spec in inputs:
        if isinstance(spec, HiddenInput):
            arguments.hidden(spec)


def _write_call(
    w: Writer,
    signature: Signature,
    passed: list[str],
    results: Results,
    workspace: Workspace,
    watch: flags.Watch,
) -> None:
    places = [f"ptr {results.data[k]}" for k in range(len(signature.outputs))]
    work = f"ptr {workspace.pointers[0]}"
    thread = w.call("ptr", "PyEval_SaveThread") if signature.release_gil else ""
    watch.begin()
    status = w.value(f"call i32 @{signature.name}({', '.join([*passed, *places, work])})")
    watch.end()
    if thread:
        w.call("void", "PyEval_RestoreThread", f"ptr {thread}")
    wide = w.value(f"sext i32 {status} to i64")
    w.line(f"store i64 {wide}, ptr @status")
    w.require_equal("i32", status, 0, "fail")
    if signature.may_raise:
        raised = w.call("ptr", "PyErr_Occurred")
        w.require(w.value(f"icmp eq ptr {raised}, null"), "error")
    results.adopt_sized()
    result = results.collect()
    results.write_back()
    workspace.give_back()
    _drop(w, w.held)
    watch.report(result)
    w.line(f"ret ptr {result}")


def _write_exits(w: Writer, results: Results, workspace: Workspace) -> None:
    """The ways out of a call that gives no result."""
    w.label("fail")  # the kernel said so: an exception if there is one, else a miss
    raised = w.call("ptr", "PyErr_Occurred")
    w.branch_if(w.value(f"icmp ne ptr {raised}, null"), "error", "retreat")
    for name, leads_to in (("retreat", "leave"), ("error", "raise")):
        w.label(name)
        results.free_sized()
        _drop(w, results.owned)
        workspace.give_back()
        w.line(f"br label %{leads_to}")
    w.label("miss")  # no status: the kernel did not run
    w.line("store i64 0, ptr @status")
    w.line("br label %leave")
    w.label("leave")
    _drop(w, w.held)
    w.call("void", "Py_IncRef", f"ptr {w.object('object.NotImplemented')}")
    w.line("ret ptr @object.NotImplemented")
    w.label("raise")
    _drop(w, w.held)
    w.line("ret ptr null")
    w.label(TOO_LARGE)
    w.line(f"store i64 {NO_MEMORY}, ptr @status")
    w.call("void", "PyErr_Clear")  # plain Python will say it in its own words and order
    w.line("br label %retreat")


def _drop(w: Writer, slots: Sequence[str]) -> None:
    for slot in slots:
        w.call("void", "Py_DecRef", f"ptr {w.load('ptr', slot)}")  # null is fine


def _module_text(w: Writer, signature: Signature, passed: list[str]) -> str:
    types = [a.split(" ", 1)[0] for a in passed] + ["ptr"] * (len(signature.outputs) + 1)
    body = "\n".join(w.lines)
    return "\n".join(
        [
            "@status = global i64 0",
            flags.DEFINITION,
            f"declare i32 @{signature.name}({', '.join(types)})",
            *sorted(w.declared.values()),
            "define ptr @entry(ptr %self, ptr %arguments, i64 %count) {",
            *w.locals,
            body,
            "}",
            NUMBERS if "@numbers_of(" in body else "",
            RECORDS if "@column_of(" in body else "",
            FUNCTIONS if "@workspace_take(" in body else "",
            NEW_LARGE_ARRAY if "@new_large_array(" in body else "",
            flags.FUNCTION if f"@{flags.CALL}(" in body else "",
        ]
    )
