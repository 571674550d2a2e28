"""The native engine: a program becomes a built-in function.

    native = compile_native(program, [ArrayInput(float64, (10,), 0)], ScalarOutput(0, float))
    native.call(x)              # about 0.1 µs above the kernel; NotImplemented: x does not fit
    native.llvm(), native.assembly()

    program --lower--> kernel (LLVM IR) --build--> entry point --load--> machine code

Nothing is compiled here: ``lowering`` writes the kernel, ``entry`` the way into it, ``session``
makes code of both and ``symbols`` knows the addresses of what they call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autodiff.engines.native import entry, session
from autodiff.engines.native.entry import (
    ArrayInput,
    ArrayOutput,
    EitherOutput,
    Input,
    ItemsOutput,
    ObjectOutput,
    OutputLeaf,
    OutputTree,
    ScalarInput,
    ScalarOutput,
    Signature,
)
from autodiff.engines.native.entry.arguments import bare_symbol
from autodiff.engines.native.entry.forms import FEW
from autodiff.engines.native.host import HostCaller
from autodiff.engines.native.lowering import Kernel, lower
from autodiff.errors import InternalError, is_signal_handlers
from autodiff.ir.arguments import arguments_of
from autodiff.ir.data import ArrayType, Block, Program, walk
from autodiff.ir.results import Constant, Converted, Either, Items, ResultTree
from autodiff.later import later
from autodiff.ops.control import MEMORY_FAILED, CheckFailed
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native import integrands
else:
    integrands = later("autodiff.engines.native.integrands")

quadrature = later("autodiff.passes.quadrature")  # programs with integrals are few
searches = later("autodiff.passes.searches")

LONG_WORK = 200_000
"""Elements computed in a call, from which on other Python threads run meanwhile (about 50 µs)."""


@dataclass
class NativeFunction:
    """A program in machine code."""

    program: Program
    kernel: Kernel
    machine: session.Machine
    call: Callable[..., Any]
    _host: HostCaller = field(repr=False)
    raised: BaseException | None = field(
        default=None, repr=False
    )  # by Python code in the last call that failed
    most_numbers = FEW

    @property
    def status(self) -> int:
        """What the last call reported: 0, or the number of the check that failed."""
        code: entry.NativeCode = self.call.__self__  # type: ignore[attr-defined]
        return code.status

    def failure(self) -> str | None:
        """Which check the last call failed, or what Python raised in it; None: nothing failed."""
        status, self.raised = self.status, None
        if not status:
            return None
        if status == entry.NO_MEMORY:
            return MEMORY_FAILED
        self.heed()
        error = self.raised = self._host.take_error()
        if error is None:
            return self.kernel.failure(status)
        return f"{type(error).__name__}: {error}"

    def heed(self) -> None:
        """Raise what a signal's handler raised while the last call was in Python."""
        error = self._host.error
        if error is None or (isinstance(error, Exception) and not is_signal_handlers(error)):
            return
        self._host.error = None
        raise error

    @property
    def callable(self) -> Callable[..., Any]:
        """What answers calls: the entry, heeding interrupts of the Python code that it runs."""
        if not self._host.calls:
            return self.call

        def call(*given: Any) -> Any:
            results = self.call(*given)
            if results is NotImplemented:  # nobody may ask for the failure, but call again
                self.heed()
            return results

        return call

    def notify(self, listener: Callable[..., None]) -> Any:
        """See :class:`autodiff.engines.Executable`."""
        code: entry.NativeCode = self.call.__self__  # type: ignore[attr-defined]
        return code.notify(listener)

    def llvm(self) -> str:
        """The LLVM IR of the kernel, as written."""
        return self.kernel.text

    def optimised_llvm(self) -> str:
        """The LLVM IR of the kernel after optimisation."""
        return self.machine.optimised_ir()

    def assembly(self) -> str:
        """The assembly of the kernel."""
        return self.machine.assembly()

    @functools.cached_property
    def _run(self) -> NativeFunction:
        """The same kernel behind an entry that takes and gives ndarrays only."""
        inputs = [ArrayInput(v.dtype, v.shape, k) for k, v in enumerate(self.program.inputs)]
        outputs = tuple([ArrayOutput(k) for k in range(len(self.program.outputs))])
        built = entry.build(_signature(self.program, self.kernel), inputs, outputs)
        addresses = {self.kernel.symbol: self.machine.address(self.kernel.symbol)}
        machine = session.load(
            "", built.names, glue=built.text, extra=built.extra | addresses, keep=self.machine
        )
        call = entry.callable_of(machine, built, self.program.name)
        return NativeFunction(self.program, self.kernel, machine, call, self._host)

    def run(self, arguments: Sequence[Any]) -> list[np.ndarray]:
        """The outputs for any arguments that have the right shapes.

        Raises
        ------
        CheckFailed
            When a check of the program fails.
        TypeError
            When the arguments do not have the right number or shapes.
        """
        arrays = [
            np.require(np.asarray(a, v.dtype), requirements=["C", "A"]).view(np.ndarray)
            for a, v in zip(arguments, self.program.inputs, strict=True)
        ]
        # np.require makes what has no axes one-dimensional.
        arrays = [
            a.reshape(()) if not v.shape else a
            for a, v in zip(arrays, self.program.inputs, strict=True)
        ]
        results = self._run.call(*arrays)
        if results is NotImplemented:
            error = self._host.take_error()
            if error is not None:
                raise error
            failure = self._run.failure()
            if failure is not None:
                raise CheckFailed(failure)
            raise TypeError(f"arguments do not fit the program\n{self.program}")
        return list(results)


def compile_native(
    program: Program,
    inputs: Sequence[Input],
    outputs: OutputTree,
    threads: int = 1,
    copies: Sequence[tuple[int, int]] = (),
    heeds_errstate: bool = False,
    modules: Sequence[str] = (),
    is_integrand: bool = False,
) -> NativeFunction:
    """Compile a program behind an entry of the forms given.

    Parameters
    ----------
    program : Program
        What to compile.
    inputs, outputs, copies, heeds_errstate, modules
        See :func:`autodiff.engines.native.entry.build`; numbers are those of the program's inputs
        and outputs.
    threads : int
        Most threads that large loops may use.
    is_integrand : bool
        Whether it is part of an integral, which may want to know how accurate those in it are.
    """
    kernel = lower(_with_first_looks(program, is_integrand), threads)
    signature = _signature(program, kernel)
    built = entry.build(signature, inputs, outputs, copies, heeds_errstate, modules)
    constants = [np.ascontiguousarray(c) for c in kernel.constants]
    addresses = {f"constant.{k}": c.ctypes.data for k, c in enumerate(constants)}
    host = HostCaller(kernel.host_calls)
    machine = session.load(
        kernel.text,
        (kernel.symbol, *built.names),
        glue=built.text,
        extra=built.extra | addresses | host.addresses,
        keep=(constants, host),
    )
    call = entry.callable_of(machine, built, program.name)
    return NativeFunction(program, kernel, machine, call, host)


def _with_first_looks(program: Program, is_integrand: bool) -> Program:
    """The program with searches and integrals that most often need no call of SciPy's."""
    kinds = {operation.kind for operation in walk(program.block)}
    if "integral" in kinds:  # first, since there may be searches in it
        program = quadrature.look_first(program, is_integrand)
        kinds |= {operation.kind for operation in walk(program.block)}
    if kinds & {"root", "regular"}:
        program = searches.search_here(program)
    return program


def integrand_of(program: Program) -> integrands.Integrand | None:
    """The program for QUADPACK, which calls it without Python; None of one that it cannot call."""
    if not integrands.may_be_one(program):
        return None
    kernel = lower(_with_first_looks(program, True))
    if kernel.extents or kernel.sized or not isinstance(kernel.work_bytes, int):
        return None
    return integrands.Integrand(kernel, HostCaller(kernel.host_calls))


def _signature(program: Program, kernel: Kernel) -> Signature:
    return Signature(
        kernel.inputs,
        kernel.outputs,
        sized=kernel.sized,
        extents=kernel.extents,
        work_bytes=kernel.work_bytes,
        release_gil=not kernel.host_calls and _work(program.block) >= LONG_WORK,
        may_raise=kernel.calls_ufuncs,
        name=kernel.symbol,
    )


def _work(block: Block) -> int:
    """A lower bound of the elements computed in a block; what is not known counts once."""
    total = 0
    for operation in block.operations:
        for value in (*operation.operands, *operation.results):
            known = [n for n in value.shape if isinstance(n, int)]
            total += int(np.prod(known)) if len(known) == len(value.shape) else 1
        count = operation.attributes.get("count", 1) if operation.regions else 1
        for region in operation.regions:
            total += (count if isinstance(count, int) else 1) * _work(region)
    return total


_PYTHON: dict[str, type] = {"f": float, "i": int, "u": int, "b": bool}


if TYPE_CHECKING:

    class Form(Protocol):
        """How an input arrives: ``form`` is array, scalar (NumPy's) or python (float, int, bool)."""

        @property
        def form(self) -> str: ...

        @property
        def type(self) -> ArrayType: ...

        @property
        def numbers(self) -> Any: ...


def _input(number: int, form: Form) -> Input:
    dtype = form.type.dtype
    if form.form == "array":
        return ArrayInput(dtype, form.type.shape, number, numbers=form.numbers)
    return ScalarInput(dtype if form.form == "scalar" else _PYTHON[dtype.kind], number)


def _output(number: int, form: str, dtype: np.dtype[Any]) -> OutputLeaf:
    if form == "array":
        return ArrayOutput(number)
    if form == "scalar":
        return ScalarOutput(number, dtype)
    return ScalarOutput(number, {"float": float, "int": int, "bool": bool}[form])


def native_executable(
    program: Program,
    inputs: Sequence[Form],
    outputs: Sequence[str],
    result: ResultTree,
    threads: int = 1,
    modules: Sequence[str] = (),
) -> NativeFunction:
    """Compile a program whose inputs and outputs have forms, for ``autodiff.engines``.

    ``outputs`` are array, scalar, float, int or bool.
    """
    leaves = [_output(k, f, program.outputs[k].dtype) for k, f in enumerate(outputs)]
    numbers = arguments_of(program, inputs)
    specs = [_input(k, form) for k, form in zip(numbers, inputs, strict=True)]
    tree = _output_tree(result, leaves)
    return compile_native(program, specs, tree, threads, heeds_errstate=True, modules=modules)


def _output_tree(result: ResultTree, leaves: Sequence[OutputLeaf]) -> OutputTree:
    """How the entry makes a result of the outputs."""
    if isinstance(result, int):
        return leaves[result]
    if isinstance(result, Constant):
        return ObjectOutput(result.value)
    if isinstance(result, Items):
        return ItemsOutput(result.number, result.kind)
    if isinstance(result, Converted):
        return ScalarOutput(result.number, result.kind)
    if isinstance(result, Either):
        narrow, wide = _output_tree(result.narrow, leaves), leaves[result.wide]
        return EitherOutput(result.number, narrow, wide)  # type: ignore[arg-type]
    if isinstance(result, dict):
        return {key: _output_tree(part, leaves) for key, part in result.items()}
    items = [_output_tree(part, leaves) for part in result]
    return tuple(items) if isinstance(result, tuple) else items


def native_run(program: Program, arguments: Sequence[Any]) -> list[np.ndarray]:
    """Compile a program and run it once, on arguments that its inputs are the types of.

    Raises
    ------
    CheckFailed
        When a check of the program fails.
    """
    found = {s for v in program.inputs for n in v.shape if (s := bare_symbol(n)) is not None}
    specs: list[Input] = []
    given: list[Any] = []
    for k, (value, x) in enumerate(zip(program.inputs, arguments, strict=True)):
        if value in found:
            continue
        array = np.require(np.asarray(x, value.dtype), requirements=["C", "A"]).view(np.ndarray)
        scalar = not value.shape
        specs.append(
            ScalarInput(value.dtype, k) if scalar else ArrayInput(value.dtype, value.shape, k)
        )
        given.append(array.reshape(())[()] if scalar else array)
    native = compile_native(
        program, specs, tuple([ArrayOutput(k) for k in range(len(program.outputs))])
    )
    results = native.call(*given)
    if results is NotImplemented:
        failure = native.failure()
        if failure is None:
            raise InternalError(f"arguments do not fit the program\n{program}")
        raise CheckFailed(failure)
    return list(results)
