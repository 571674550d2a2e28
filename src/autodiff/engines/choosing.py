"""Programs to callables, by one of the engines, each of which is loaded when it is first used.

``executable(program, inputs, outputs, result, engine, threads, device)`` gives an :class:`Executable`, whose
``call(*inputs)`` checks what it is given, runs, and returns what ``result`` makes of the outputs
(``ir.results``);
``NotImplemented`` means that an input does not fit or that a check failed (``failure()`` tells).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import floating, lookups
from autodiff.dims import Dim, Extent, evaluate, symbols
from autodiff.engines import ENGINES
from autodiff.errors import NameArgumentError, is_signal_handlers
from autodiff.ir.arguments import arguments_of
from autodiff.ir.data import ArrayType, Program, walk
from autodiff.ir.results import ResultTree, assembled
from autodiff.later import later
from autodiff.ops.control import MEMORY_FAILED, CheckFailed
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines import numpy as reference
else:
    reference = later("autodiff.engines.numpy")


@dataclass(frozen=True)
class InputForm:
    """How an input arrives: ``array``, ``scalar`` (NumPy scalar) or ``python`` (float, int, bool).

    ``numbers``: the array may come as a list or tuple of numbers of this type, or of records with such a
    ``Column``, where the engine takes them (``Executable.most_numbers``).
    """

    form: str
    type: ArrayType
    numbers: Any = None


@dataclass
class Executable:
    """A compiled program."""

    program: Program
    call: Callable[..., Any]
    failure: Callable[[], str | None]
    # Have ``listener(errors, *inputs)`` called after runs with floating-point errors (``floating.BITS``)
    # of which the user wants to hear; the object returned can keep it from being called.
    notify: Callable[[Callable[..., None]], Any]
    llvm: Callable[[], str] | None = None
    assembly: Callable[[], str] | None = None
    most_numbers: int = 0  # of a list or tuple that ``call`` takes in the place of an array


def executable(
    program: Program,
    inputs: Sequence[InputForm],
    outputs: Sequence[str],
    result: ResultTree,
    engine: str,
    threads: int = 1,
    device: str | None = None,
    modules: Sequence[str] = (),
) -> Executable:
    """Compile ``program`` for an engine; ``outputs`` are the forms of its outputs.

    After something was stored into one of ``modules``, calls are answered when the names in them
    have been looked at (``lookups.settle``).
    """
    if engine == "jax":
        return _jax_executable(program, inputs, outputs, result, device)
    if engine == "numpy" or has_long_doubles(program):
        return _numpy_executable(program, inputs, outputs, result)
    if engine == "native":
        from autodiff.engines.native.engine import native_executable

        native = native_executable(program, inputs, outputs, result, threads, modules)
        return Executable(
            program,
            native.callable,
            native.failure,
            native.notify,
            native.llvm,
            native.assembly,
            native.most_numbers,
        )
    raise NameArgumentError(
        f"there is no engine {engine!r}.",
        code="AD107",
        remedy=f"choose one of {', '.join(ENGINES)}",
    )


def run_native(program: Program, inputs: Sequence[Any]) -> list[np.ndarray]:
    """Compile a program by the native engine and run it once, on any arrays of the right shapes.

    Raises
    ------
    CheckFailed
        When a check of the program fails.
    """
    if has_long_doubles(program):
        return runner(program, "numpy")(inputs)
    from autodiff.engines.native.engine import native_run

    return native_run(program, inputs)


def has_long_doubles(program: Program) -> bool:
    """Whether there are long doubles in a program, which the reference engine alone computes with."""
    block = program.block
    values = [*program.inputs, *(v for op in walk(block) for v in op.results)]
    return any(v.dtype.itemsize > 8 for v in values)


def runner(
    program: Program, engine: str, device: str | None = None
) -> Callable[[Sequence[Any]], list[Any]]:
    """A function that runs a program on arrays of the right shapes, one for each of its inputs.

    It raises :class:`CheckFailed` when a check of the program fails.
    """
    if engine == "numpy" or (engine == "native" and has_long_doubles(program)):
        return reference.compile_program(program)
    if engine == "jax":
        from autodiff.engines.jax.engine import compile_program as compile_for_device

        return compile_for_device(program, device)
    from autodiff.engines.native.compile import compile_program as compile_natively

    return compile_natively(program)


@dataclass
class _Report:
    """Whom to tell of floating-point errors; see ``engines.native.flags``."""

    listener: Callable[..., None] | None = None
    quiet: int = 0
    skip: int = 0
    always: int = 0
    must: int = 0

    def notify(self, listener: Callable[..., None]) -> _Report:
        self.listener = listener
        return self

    def tell(self, errors: int, arguments: Sequence[Any]) -> None:
        if not errors or self.listener is None:
            return
        if errors & ~self.quiet == 0 and self.skip > 0:
            self.skip -= 1
            return
        self.listener(errors, *arguments)


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "array": lambda a: np.array(a),
    "scalar": lambda a: a[()],
    "float": float,
    "int": int,
    "bool": bool,
}


def matches(example: Any, form: InputForm, extents: dict[Any, int] | None = None) -> bool:
    """Whether an object is what an input expects; symbolic extents are bound in ``extents``."""
    type_ = form.type
    if form.form == "array":
        return (
            type(example) is np.ndarray
            and example.dtype == type_.dtype
            and example.dtype.num == type_.dtype.num  # ``longlong`` equals ``int64``
            and example.ndim == len(type_.shape)
            and all(
                _bind_extent(n, size, extents)
                for n, size in zip(type_.shape, example.shape, strict=True)
            )
        )
    if form.form == "scalar":
        return type(example) is type_.dtype.type
    if type_.dtype.kind == "i":
        return type(example) is int and -(2**63) <= example < 2**63
    return type(example) is {"f": float, "u": int, "b": bool}[type_.dtype.kind]


def _bind_extent(extent: Extent, size: int, extents: dict[Any, int] | None) -> bool:
    if isinstance(extent, int):
        return extent == size
    if extents is None:
        return False
    if extent not in [Dim.symbol(s) for s in symbols(extent)]:
        # Made of others, which are known before.
        known = all(s in extents for s in symbols(extent))
        return known and evaluate(extent, lambda s: extents[s]) == size
    (symbol,) = symbols(extent)
    low = symbol.low if isinstance(symbol.low, int) else 0
    return size >= low and extents.setdefault(symbol, size) == size


def _jax_executable(
    program: Program,
    inputs: Sequence[InputForm],
    outputs: Sequence[str],
    result: ResultTree,
    device: str | None,
) -> Executable:
    from autodiff.engines.jax.engine import JaxFunction

    made = JaxFunction(program, inputs, outputs, result, device, matches)

    def call(*arguments: Any) -> Any:
        return made.call(*arguments) if lookups.is_settled() else NotImplemented

    # XLA tells of no floating-point errors, so nobody is told.
    return Executable(program, call, made.failure, lambda listener: _Report())


def _numpy_executable(
    program: Program, inputs: Sequence[InputForm], outputs: Sequence[str], result: ResultTree
) -> Executable:
    state: dict[str, str | None] = {"failure": None}
    convert = [_CONVERT[form] for form in outputs]
    dtypes = [form.type.dtype for form in inputs]
    report = _Report()
    numbers = arguments_of(program, inputs)
    # Integers that are given and are extents as well.
    sizes = [(k, program.inputs[n]) for k, n in enumerate(numbers) if not inputs[k].type.shape]

    def call(*arguments: Any) -> Any:
        state["failure"] = None
        if floating.is_strict() or not lookups.is_settled():
            return NotImplemented
        if len(arguments) != len(inputs):
            return NotImplemented
        extents: dict[Any, int] = {v: arguments[k] for k, v in sizes if type(arguments[k]) is int}
        if not all(matches(a, f, extents) for a, f in zip(arguments, inputs, strict=True)):
            return NotImplemented
        values: list[Any] = [extents.get(v) for v in program.inputs]
        for number, a, dtype in zip(numbers, arguments, dtypes, strict=True):
            values[number] = np.asarray(a, dtype)
        try:
            values = [np.int64(x) if type(x) is int else x for x in values]
            wanted = floating.wanted() | report.must
            with floating.noting(wanted) as errors:
                results = reference.run_program(program, values)
        except CheckFailed as failed:
            state["failure"] = str(failed)
            return NotImplemented
        except (
            IndexError,
            np.linalg.LinAlgError,
            OverflowError,
            RuntimeError,
            ValueError,
        ) as error:
            # What has no derivative says so itself; that a solver does not converge is for its caller.
            if isinstance(error, (NotImplementedError, RecursionError)) or is_signal_handlers(
                error
            ):
                raise
            state["failure"] = str(error)
            return NotImplemented
        except MemoryError:
            state["failure"] = MEMORY_FAILED
            return NotImplemented
        finished = [c(r) for c, r in zip(convert, results, strict=True)]
        report.tell(errors() | report.always & wanted, arguments)
        return assembled(result, finished)

    return Executable(program, call, lambda: state["failure"], report.notify)
