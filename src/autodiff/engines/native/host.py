"""Calls of Python from a kernel, for what has no native routine.

The kernel calls ``host_caller(number, operands, results)`` (`callbacks`), where ``number`` is the
position in ``Kernel.host_calls``.  ``operands`` is an array of 64-bit words: for each operand a
pointer to its C-contiguous elements, then its extents; ``results`` likewise, with memory to be
filled.  An exception makes the kernel fail.  ``HostCaller`` is the Python side.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import floating
from autodiff.dims import Dim, Extent, symbols
from autodiff.engines.native import callbacks, flags
from autodiff.engines.native.elements import element
from autodiff.engines.native.generator import Generator, HostCall
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import Buffer
from autodiff.ir.data import ArrayType, Operation, Program, Value
from autodiff.ops.control import CheckFailed, fitted_result
from autodiff.ops.entries import ENTRIES


def write(g: Generator, operation: Operation) -> None:
    """Call the NumPy meaning of an operation and bind its results."""
    operands = [_place(g, x) for x in operation.operands]
    results = [_result_place(g, v) for v in operation.results]
    symbols = _attribute_symbols(operation)
    extents = [_scalar_place(g, e) for e in symbols]
    number = len(g.host_calls)
    g.host_calls.append(
        HostCall(
            _meaning(operation, symbols),
            _name(operation),
            tuple([(b.dtype, len(b.shape)) for b in (*operands, *extents)]),
            tuple([(b.dtype, len(b.shape)) for b in results]),
            operation.kind == "host_call",
            operation.source,
        )
    )
    given, made = _words(g, [*operands, *extents]), _words(g, results)
    if callbacks.NAME not in g.w.declared:
        g.w.declared[callbacks.NAME] = callbacks.DECLARATION
        g.w.globals.append(callbacks.GLOBAL)
    status = g.w.here(
        f"call i32 @{callbacks.NAME}(ptr @{callbacks.CALLER}, i64 {number}, ptr {given}, ptr {made})"
    )
    good = g.w.here(f"icmp eq i32 {status}, 0")
    g.fail_unless(good, f"{operation.kind} failed", operation.source)
    for value, buffer in zip(operation.results, results, strict=True):
        if value.shape:
            g.bind(value, buffer)
        else:
            g.bind(value, Element(g.memory.load(buffer, 0, False), value.dtype))


def _name(operation: Operation) -> str:
    return getattr(operation.attributes.get("function"), "__name__", operation.kind)


def _place(g: Generator, x: Value) -> Buffer:
    if x.shape:
        return g.buffer(x)
    place = g.memory.allocate(x.dtype, ())
    g.memory.store(element(g, x, ()).name, place, 0)
    return place


def _scalar_place(g: Generator, extent: Extent) -> Buffer:
    place = g.memory.allocate(np.dtype(np.int64), ())
    g.memory.store(g.w.extent(extent), place, 0)
    return place


def _result_place(g: Generator, value: Value) -> Buffer:
    if value.shape:
        place = g.destination(value)
    else:
        place = g.memory.allocate(value.dtype, ())
    return place


def _words(g: Generator, buffers: Sequence[Buffer]) -> str:
    """An array of pointers and extents on the stack."""
    total = sum(1 + len(b.shape) for b in buffers)
    words = g.w.slot(f"[{max(total, 1)} x i64]")
    at = 0
    for buffer in buffers:
        pointer = g.memory.address(buffer)
        g.w.line(f"store ptr {pointer}, ptr {_word(g, words, at)}")
        for axis, extent in enumerate(buffer.shape, 1):
            name = g.w.extent(extent)
            g.w.line(f"store i64 {name}, ptr {_word(g, words, at + axis)}")
        at += 1 + len(buffer.shape)
    return words


def _word(g: Generator, words: str, at: int) -> str:
    return g.w.op(f"getelementptr i64, ptr {words}, i64 {at}")


def _attribute_symbols(operation: Operation) -> list[Dim]:
    found: list[Dim] = []

    def collect(attribute: Any) -> None:
        if isinstance(attribute, Dim):
            found.append(attribute)
        elif isinstance(attribute, (tuple, list)):
            for item in attribute:
                collect(item)

    for attribute in operation.attributes.values():
        collect(attribute)
    return found


def _meaning(operation: Operation, dims: list[Dim]) -> Callable[..., Any]:
    """The NumPy meaning with the run-time extents as last arguments."""
    meaning = ENTRIES[operation.kind].meaning
    count = len(operation.operands)
    programs = operation.attributes.get("programs", ())
    if not dims and not programs:
        return functools.partial(meaning, **operation.attributes)
    evaluators = {id(program): _Bound(program) for program in programs}
    if not dims:
        bound = tuple([evaluators[id(program)] for program in programs])
        return functools.partial(meaning, **{**operation.attributes, "programs": bound})

    def call(*values: Any) -> Any:
        extents = [int(v) for v in values[count:]]
        rest = iter(extents)

        def resolve(attribute: Any) -> Any:
            if isinstance(attribute, Dim):
                return next(rest)
            if isinstance(attribute, Program):
                return evaluators[id(attribute)]
            if isinstance(attribute, (tuple, list)):
                return type(attribute)([resolve(item) for item in attribute])
            return attribute

        attributes = {k: resolve(v) for k, v in operation.attributes.items()}
        return meaning(*values[:count], **attributes)

    assert len(dims) == len(_attribute_symbols(operation))
    return call


_FLOAT = np.dtype(np.float64)


class _Bound:
    """A program among the attributes as a function of its first inputs, for SciPy to call.

    It is compiled when it is first needed; ``bound(*read)`` gives the function for the values that
    the last inputs have in a run.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.native: Any = None
        self.kept: list[int] = []  # the numbers of the inputs that are no extents of others
        self.integrand: Any = NotImplemented  # not asked for yet

    def __call__(self, *read: Any) -> Callable[..., Sequence[Any]]:
        values = self.program.inputs
        own = len(values) - len(read)
        given = self._given(read, own)
        call, forms = self.native.call, [bool(v.shape) for v in values[:own]]
        taken = [k for k in self.kept if k < own]

        def failure() -> CheckFailed:
            return CheckFailed(self.native.failure() or "arguments that do not fit")

        def evaluate(z: Any) -> Sequence[Any]:
            results = call(_as_taken(z), *given)
            if results is NotImplemented:
                raise failure()
            return results

        def evaluate_number(t: Any) -> Sequence[Any]:
            results = call(float(t), *given)
            if results is NotImplemented:
                raise failure()
            return results

        def evaluate_at(t: Any, z: Any) -> Sequence[Any]:
            results = call(float(t), _as_taken(z), *given)
            if results is NotImplemented:
                raise failure()
            return results

        def evaluate_all(*own: Any) -> Sequence[Any]:
            results = call(*[_as_taken(own[k]) for k in taken], *given)
            if results is NotImplemented:
                raise failure()
            return results

        if own > 2:
            return evaluate_all
        if own == 2:
            return evaluate_at if not forms[0] else evaluate_all
        return evaluate if forms[0] else evaluate_number

    def _given(self, read: Sequence[Any], own: int) -> list[Any]:
        """What the program reads, as its entry takes it."""
        if self.native is None:
            self._compile(own)
        inputs = self.native.program.inputs
        return [
            np.require(read[k - own], inputs[k].dtype, "C")
            if inputs[k].shape
            else inputs[k].dtype.type(read[k - own])
            for k in self.kept
            if k >= own
        ]

    def plainly(self, *read: Any) -> Any:
        """The program as a function of one array of floats, which gives ``NotImplemented`` where it fails."""
        first = self.program.inputs[0]
        if len(self.program.inputs) - len(read) != 1 or not first.shape:
            return None
        given = self._given(read, 1)
        call = self.native.call
        return lambda z: call(z, *given)

    def for_quadpack(self) -> Any:
        """The program as QUADPACK calls it without Python; None where it cannot."""
        if self.integrand is NotImplemented:
            self.integrand = _engine().integrand_of(self._optimised())
        return self.integrand

    def _optimised(self) -> Program:
        from autodiff.passes import optimize

        return optimize(self.program)

    def _compile(self, own: int) -> None:
        from autodiff.engines.native.entry import ArrayInput, ArrayOutput, ScalarInput, ScalarOutput

        program = self._optimised()
        extents = {s for v in program.inputs for n in v.shape for s in symbols(n)}
        self.kept = [k for k, v in enumerate(program.inputs) if v not in extents]
        inputs = [
            ArrayInput(v.dtype, v.shape, k)
            if v.shape
            else ScalarInput(v.dtype if k >= own else float, k)
            for k in self.kept
            for v in (program.inputs[k],)
        ]
        outputs = [
            ArrayOutput(k) if v.shape else ScalarOutput(k, v.dtype)
            for k, v in enumerate(program.outputs)
        ]
        self.native = _engine().compile_native(program, inputs, tuple(outputs), is_integrand=True)


def _as_taken(x: Any) -> Any:
    """An array as entries take it, of which SciPy hands over most."""
    if type(x) is np.ndarray and x.dtype is _FLOAT and x.flags.carray:
        return x
    return np.require(x, np.float64, ("C", "A"))


def _engine() -> Any:
    from autodiff.engines.native import engine

    return engine


class HostCaller:
    """The Python side: what a kernel calls, and the exception that a call raised."""

    def __init__(self, calls: Sequence[HostCall]) -> None:
        self.calls = list(calls)
        self.error: BaseException | None = None
        self.addresses = {callbacks.CALLER: id(self)}
        # Views of memory where it was the last time: by number of the call, and whether of results.
        self.views: dict[tuple[int, bool], tuple[int, Any, list[int], list[np.ndarray]]] = {}

    def take_error(self) -> BaseException | None:
        """The exception of the last failed call, once."""
        error, self.error = self.error, None
        return error

    def __call__(self, number: int, operands: int, results: int) -> None:
        """Make the call of a number with operands and results at these addresses."""
        found = flags.before_python()
        flags.after_python(found | self._run(number, operands, results))

    def _run(self, number: int, operands: int, results: int) -> int:
        """Make a call; the floating-point errors that NumPy has met in the place of native code.

        A function of the user's runs under the user's ``np.errstate``, and warns itself.
        """
        call = self.calls[number]
        if call.is_users:
            made, errors = call.function(*_given(operands, call.operands)), 0
        else:
            # The meaning of an operation leaves its operands as they are, and keeps none of them.
            given = self._views(number, False, operands, call.operands)
            silent = floating.begin_noting()
            try:
                made = call.function(*[a if a.ndim else a[()] for a in given])
            finally:
                errors = floating.end_noting(silent)
        if not isinstance(made, tuple):
            made = (made,)
        places = self._views(number, True, results, call.results)
        for place, value in zip(places, made, strict=True):
            if (
                type(value) is np.ndarray
                and value.dtype == place.dtype
                and value.shape == place.shape
            ):
                place[...] = value
            else:
                place[...] = fitted_result(value, ArrayType(place.dtype, place.shape), call.name)
        return errors

    def _views(
        self, number: int, of_results: bool, words: int, types: Sequence[tuple[np.dtype[Any], int]]
    ) -> list[np.ndarray]:
        """The operands or results of a call, which lie where they did in the last call as a rule."""
        known = self.views.get((number, of_results))
        if known is not None and known[0] == words and known[1][:] == known[2]:
            return known[3]
        memory = _words_at(words, types)
        numbers = memory[:]
        made = _arrays(numbers, types)
        self.views[number, of_results] = words, memory, numbers, made
        return made


def _given(words: int, types: Sequence[tuple[np.dtype[Any], int]]) -> list[Any]:
    """The operands of a call of the user's: scalars, and copies of arrays, whose memory the kernel will reuse."""
    if all(ndim == 0 for _, ndim in types):
        pointers = (ctypes.c_int64 * len(types)).from_address(words)
        return [
            dtype.type(_c_type(dtype).from_address(pointer).value)
            for (dtype, _), pointer in zip(types, pointers, strict=True)
        ]
    arrays = _arrays(_numbers(words, types), types)
    return [a.copy() if a.ndim else a[()] for a in arrays]


@functools.cache
def _c_type(dtype: np.dtype[Any]) -> Any:
    """The number type of C that a dtype is."""
    return np.ctypeslib.as_ctypes_type(dtype)


@functools.lru_cache(maxsize=256)
def _sequence(item: Any, count: int) -> Any:
    """The type of so many items of a type of C, which takes a microsecond to make."""
    return item * count


def _numbers(words: int, types: Sequence[tuple[np.dtype[Any], int]]) -> list[int]:
    """The pointers and extents of some arrays."""
    numbers: list[int] = _words_at(words, types)[:]
    return numbers


def _words_at(words: int, types: Sequence[tuple[np.dtype[Any], int]]) -> Any:
    """The words of some arrays, where they lie."""
    return _sequence(ctypes.c_int64, sum([1 + ndim for _, ndim in types])).from_address(words)


def _arrays(numbers: list[int], types: Sequence[tuple[np.dtype[Any], int]]) -> list[np.ndarray]:
    arrays = []
    at = 0
    for dtype, ndim in types:
        shape = tuple(numbers[at + 1 : at + 1 + ndim])
        size = math.prod(shape) * dtype.itemsize
        memory = _sequence(ctypes.c_char, size).from_address(numbers[at]) if size else None
        arrays.append(np.ndarray(shape, dtype, memory))
        at += 1 + ndim
    return arrays
