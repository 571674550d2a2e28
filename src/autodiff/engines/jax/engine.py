"""The function that is called: what comes in, what goes out, what failed, tapes that grow.

    made = JaxFunction(program, inputs, outputs, result, device, matches)
    made.call(x)              NotImplemented: x does not fit, or a check failed (``made.failure()``)

Arrays of NumPy's come in and go out as such.  Where an array of JAX's comes in, all results are
arrays of JAX's, and nothing is copied to the host but the status, and that only where something can
fail.  The function is compiled by XLA once for each combination of sizes, as JAX does.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from autodiff import floating
from autodiff.dims import Dim, symbols
from autodiff.engines.jax import platform
from autodiff.errors import DtypeError, EngineError
from autodiff.ir.data import (
    ArrayType,
    Block,
    Operation,
    Program,
    Value,
    attribute_symbols,
    walk,
)
from autodiff.ir.results import Constant, Converted, Either, Items, ResultTree, assembled
from autodiff.ops.control import CheckFailed, Refusal
from autodiff.ops.entries import ENTRIES, Pointwise

FIRST_BYTES = 2**20
"""What the tape of a ``while`` loop takes in the first run, as near as whole rows come to it."""

MOST_ROWS = 64
"""Of a tape in the first run."""


class Form(Protocol):
    """How an input arrives: ``form`` is array, scalar (NumPy's) or python (float, int, bool)."""

    @property
    def form(self) -> str: ...

    @property
    def type(self) -> ArrayType: ...


# -- one program on a device ------------------------------------------------------------------------
class DeviceProgram:
    """A program as a jitted function of all its inputs but the extents of others.

    Inputs that sizes are made of are given as plain integers: for each of their values JAX compiles
    anew, as it does for each shape.
    """

    def __init__(self, program: Program, device: str | None) -> None:
        self.jax = platform.jax()  # with its own error where it is not installed
        translation, self.host = _modules()
        self.program = program
        self.device = platform.device_of(device)
        self.device_name = device
        _refuse_dtypes(program)
        found = {s for v in program.inputs for n in v.shape for s in symbols(n)}
        self.taken = [v for v in program.inputs if v not in found]
        sizes = _of_sizes(program)
        self.static = [k for k, v in enumerate(self.taken) if v in sizes and not v.shape]
        self.shared = translation.Shared(_first_rows(program.block))
        self.failure: str | None = None
        self.shared.rounded = translation.products_inside(program)
        self.minus_zero = (np.float64(-0.0),) if translation.hides_numbers(program) else ()
        # What a run of it needs beside its inputs, if Python takes part in it.
        self.calls_python = translation.asks_python(program)

        def run(
            rows: int,
            known: tuple[Any, ...],
            where: str,
            arrays: Sequence[Any],
            ticket: Any,
            minus_zero: Sequence[Any],
        ) -> Any:
            values = list(arrays)
            for k, x in zip(self.static, known, strict=True):
                values.insert(k, np.int64(x))
            given = self._with_extents(values)
            return translation.translated(
                program, given, self.shared.traced(rows, where, ticket, *minus_zero)
            )

        run.__name__ = run.__qualname__ = program.name.replace("<", "").replace(">", "") or "f"
        self.run = self.jax.jit(run, static_argnums=(0, 1, 2))

    def _with_extents(self, values: Sequence[Any]) -> list[Any]:
        """All inputs: those taken, and the extents that their shapes tell."""
        extents: dict[Value, int] = {}
        for v, x in zip(self.taken, values, strict=True):
            for n, size in zip(v.shape, np.shape(x), strict=True):
                for symbol in symbols(n):
                    extents[symbol] = size
        given = iter(values)
        return [np.int64(extents[v]) if v in extents else next(given) for v in self.program.inputs]

    def __call__(self, arrays: list[Any]) -> list[Any] | None:
        """The outputs, on the device; None where a check failed, which ``failure`` tells."""
        known = tuple([int(arrays[k]) for k in self.static])
        given = [x for k, x in enumerate(arrays) if k not in self.static]
        self.failure = None
        if not self.calls_python:
            return self._found(known, given, None)
        with self.host.running() as run:
            try:
                found = self._found(known, given, run)
            except self.jax.errors.JaxRuntimeError:
                if run.error is None:  # else XLA reports what Python has raised
                    raise
            if run.error is not None:
                raise run.error
            return found

    def _found(self, known: tuple[Any, ...], given: list[Any], run: Any) -> list[Any] | None:
        rows = self.shared.rows
        while True:
            outputs, status, needed = self._run(rows, known, given, run)
            if needed and int(needed[0]) > rows:
                rows = 2 ** math.ceil(math.log2(int(needed[0])))
                continue
            self.shared.rows = rows  # the next call begins with as many
            if status and int(status[0]):
                self.failure = self.shared.failures[int(status[0]) - 1]
                if run is not None and run.failure is not None:
                    self.failure = run.failure
                return None
            with platform.double_precision():
                return [_true(x, sizes) for x, sizes in outputs]

    def _run(self, rows: int, known: tuple[Any, ...], given: list[Any], run: Any) -> Any:
        ticket = None
        if run is not None:
            run.at, ticket = 0, np.int32(run.number)
        where = self._platform_of(given)
        try:
            with platform.double_precision(), platform.on_device(self.device):
                return self.run(rows, known, where, given, ticket, self.minus_zero)
        except self.jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise MemoryError(f"the device has no memory for this: {error}") from None

    def _platform_of(self, given: Sequence[Any]) -> str:
        """What a run is on: the device asked for, else that of the arrays, else JAX's choice."""
        if self.device is not None:
            return str(self.device.platform)
        for x in given:
            if platform.is_device_array(x) and not isinstance(x, self.jax.core.Tracer):
                return str(next(iter(x.devices())).platform)
        return str(self.jax.default_backend())


@functools.cache
def _modules() -> tuple[Any, Any]:
    """The translation, with what all modules have entered in it, and what Python does in a run."""
    with platform.double_precision():
        # Loaded in double precision: some modules of JAX make constants.
        from autodiff.engines.jax import arrays, host, kernels, translation
    assert arrays and kernels
    return translation, host


def on_the_host(program: Program) -> list[str]:
    """What Python or NumPy does while a program runs, by its line; without JAX, what Python does."""
    has_jax = importlib.util.find_spec("jax") is not None
    lacks = _modules()[0].is_by_numpy if has_jax else lambda operation: False
    found = []
    for operation in walk(program.block):
        function = operation.attributes.get("function")
        if lacks(operation):
            name = operation.kind
        elif operation.kind == "host_call" and not isinstance(function, Refusal):
            name = getattr(function, "__name__", "Python")
        else:
            continue
        where = "" if operation.source is None else f" at line {operation.source.line}"
        found.append(f"{name}{where}")
    return list(dict.fromkeys(found))


def _true(x: Any, sizes: tuple[Any, ...]) -> Any:
    """An output without what lies beyond its size."""
    return x[tuple([slice(0, int(n)) for n in sizes])] if sizes else x


def _of_sizes(program: Program) -> set[Value]:
    """The integers that sizes are made of, among them inputs."""
    needed: set[Value] = set()
    operations = list(walk(program.block))
    for operation in operations:
        if operation.kind == "sized":
            needed |= set(attribute_symbols(operation.attributes["shape"]))
        for value in operation.results:
            for n in value.shape:
                needed |= set(symbols(n))
        for region in operation.regions:
            for value in region.parameters:
                for n in value.shape:
                    needed |= set(symbols(n))
    for operation in reversed(operations):
        scalar = not any(v.shape for v in operation.operands)
        pure = isinstance(ENTRIES[operation.kind].lowering, Pointwise)
        if pure and scalar and not needed.isdisjoint(operation.results):
            needed |= {v for v in operation.operands if v.dtype.kind in "iu"}
    return needed


def _first_rows(block: Block) -> int:
    """How many rows tapes have in the first run."""
    largest = 1
    for operation in walk(block):
        if operation.kind != "while":
            continue
        stacks = operation.results[1 + len(operation.operands) :]
        row = sum(_bytes_of_row(v) for v in stacks)
        largest = max(largest, row)
    return max(min(FIRST_BYTES // largest, MOST_ROWS), 16)


def _bytes_of_row(stack: Value) -> int:
    known = [n for n in stack.shape[1:] if not isinstance(n, Dim)]
    return math.prod(known) * stack.dtype.itemsize


def _refuse_dtypes(program: Program) -> None:
    """An error for elements that XLA does not have."""

    def check(value: Value, operation: Operation | None) -> None:
        dtype = value.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise DtypeError(
                f"the JAX engine has no elements of dtype {dtype}.",
                code="AD105",
                source=None if operation is None else operation.source,
                remedy=f"use float64, or engine='native'; {platform.DOCTOR} shows the engines",
            )

    for value in program.inputs:
        check(value, None)
    for operation in walk(program.block):
        for value in operation.results:
            check(value, operation)


# -- as it is called --------------------------------------------------------------------------------
class JaxFunction:
    """A program behind the forms of its inputs and outputs; see ``autodiff.engines.Executable``."""

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Form],
        outputs: Sequence[str],
        result: ResultTree,
        device: str | None,
        matches: Callable[[Any, Any, dict[Any, int]], bool],
    ) -> None:
        self.on_device = DeviceProgram(program, device)
        self.matches = matches
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.result = result

    def failure(self) -> str | None:
        """Which check the last call failed."""
        return self.on_device.failure

    def call(self, *arguments: Any) -> Any:
        """The result; NotImplemented where an argument does not fit or a check failed."""
        self.on_device.failure = None
        if len(arguments) != len(self.inputs) or floating.is_strict():
            return NotImplemented
        kept = given_for(arguments)
        extents: dict[Any, int] = {}
        arrays, is_jax = [], False
        for x, form in zip(kept, self.inputs, strict=True):
            if platform.is_device_array(x):
                is_jax = True
                self._refuse_elsewhere(x)
                if not _fits_device_array(x, form, extents):
                    return NotImplemented
                arrays.append(x)
            elif self.matches(x, form, extents):
                arrays.append(np.asarray(x, form.type.dtype))
            else:
                return NotImplemented
        found = self.on_device(arrays)
        if found is None:
            return NotImplemented
        if is_jax:
            return assembled_on_device(self.result, found)
        return self._of_numpy(found)

    def _of_numpy(self, found: list[Any]) -> Any:
        arrays = self.on_device.jax.device_get(found)
        made = [_CONVERT[form](x) for form, x in zip(self.outputs, arrays, strict=True)]
        return assembled(self.result, made)

    def _refuse_elsewhere(self, x: Any) -> None:
        """What is on another device than the one asked for is not moved there by itself."""
        device = self.on_device.device
        if device is not None and not isinstance(x, self.on_device.jax.core.Tracer):
            if x.devices() != {device}:
                where = ", ".join(sorted(map(platform.name_of, x.devices())))
                raise EngineError(
                    f"an array is on device {where!r}, and device={self.on_device.device_name!r} "
                    "was asked for.",
                    remedy="move it with jax.device_put, or leave device=None, which follows the "
                    f"arrays; {platform.DOCTOR} lists the devices",
                )


def _array_of(x: Any) -> Any:
    return np.array(x)


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "array": _array_of,
    "scalar": lambda a: np.asarray(a)[()],
    "float": float,
    "int": int,
    "bool": bool,
}


def assembled_on_device(tree: ResultTree, outputs: Sequence[Any]) -> Any:
    """What a result tree makes of arrays that stay on the device."""
    if isinstance(tree, int):
        return outputs[tree]
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Items):
        return tree.kind([outputs[tree.number][k] for k in range(outputs[tree.number].shape[0])])
    if isinstance(tree, Converted):
        return outputs[tree.number]
    if isinstance(tree, Either):  # the same number, whatever Python would call it
        return outputs[tree.wide]
    if isinstance(tree, dict):
        return {key: assembled_on_device(part, outputs) for key, part in tree.items()}
    return type(tree)([assembled_on_device(part, outputs) for part in tree])


def _fits_device_array(x: Any, form: Form, extents: dict[Any, int]) -> bool:
    type_ = form.type
    return (
        form.form == "array"
        and x.dtype == type_.dtype
        and x.ndim == len(type_.shape)
        and all(_bound(n, m, extents) for n, m in zip(type_.shape, x.shape, strict=True))
    )


# -- arrays of JAX's that stand beside their copies for the host ----------------------------------
def given_for(arguments: Sequence[Any]) -> Sequence[Any]:
    """The arguments, those that were copied to the host for a first look as they were given."""
    kept = platform.originals.get()
    if not kept:
        return arguments
    return [kept[id(x)][1] if id(x) in kept and kept[id(x)][0] is x else x for x in arguments]


def compile_program(
    program: Program, device: str | None = None
) -> Callable[[Sequence[Any]], list[Any]]:
    """A function that runs ``program`` on arrays of the right shapes.

    Raises
    ------
    CheckFailed
        When a check of the program fails.
    """
    on_device = DeviceProgram(program, device)

    def run(arguments: Sequence[Any]) -> list[Any]:
        taken = set(on_device.taken)
        given = [
            x if platform.is_device_array(x) else np.asarray(x, v.dtype)
            for v, x in zip(program.inputs, arguments, strict=True)
            if v in taken
        ]
        found = on_device(given)
        if found is None:
            assert on_device.failure is not None
            raise CheckFailed(on_device.failure)
        if any(map(platform.is_device_array, arguments)):
            return found
        return [np.array(x) for x in on_device.jax.device_get(found)]

    return run


def _bound(extent: Any, size: int, extents: dict[Any, int]) -> bool:
    if isinstance(extent, int):
        return extent == size
    (symbol,) = symbols(extent)
    low = symbol.low if isinstance(symbol.low, int) else 0
    return size >= low and extents.setdefault(symbol, size) == size
