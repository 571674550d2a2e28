"""Python in the middle of a program: what the user's code does to the world, and what JAX has not.

    acted(t, operation)       a ``host_call``: print, a draw, a store outside; once a run, in order
    computed(t, operation)    an operation without a counterpart, by its NumPy meaning, on JAX's CPU

*Order.*  Effects take the status and give it back, so each waits for the one before, those after a failed
check do not happen, and who has read the status knows that all have happened.

*Whose.*  XLA calls from threads of its own, and several calls of one function may run at a time.  Each
run has a number, which is an argument of the program; with it a callback finds the context of the
caller (his ``np.errstate``, the objects that effects change) and where to leave an exception.

*Once.*  A run whose tapes were too short is made again.  What its effects gave is kept, and given
again instead of acting twice; past the point where something was cut off they do not act.

*Bits.*  JAX cuts 64-bit numbers that pass a callback to 32 bits unless the user's own setting says
otherwise.  So they pass as pairs of 32-bit integers.
"""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import io_callback

from autodiff.dims import Dim, evaluate
from autodiff.errors import is_signal_handlers
from autodiff.ir.data import Operation, Value, attribute_symbols
from autodiff.ops.control import CheckFailed
from autodiff.ops.evaluate import run_operation
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.jax.translation import Translation

FAILURES = (CheckFailed, IndexError, np.linalg.LinAlgError, OverflowError, ValueError)
"""What a NumPy meaning raises where a check of the program would have failed."""


# -- runs -----------------------------------------------------------------------------------------
@dataclass(eq=False)
class Run:
    """One call of a program, as its callbacks find it."""

    number: int
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    error: BaseException | None = None  # the first that Python raised
    failure: str | None = None  # what the first operation computed here says of its operands
    given: list[Sequence[Any]] = field(default_factory=list)  # by the effects, in order
    at: int = 0  # the effects of this attempt so far


_numbers = itertools.count(1)
_running: dict[int, Run] = {}


class running:
    """A run, while its callbacks may come: ``with running() as run: ... run.number ...``."""

    def __enter__(self) -> Run:
        self.run = Run(next(_numbers) % 2**31)
        _running[self.run.number] = self.run
        return self.run

    def __exit__(self, *raised: object) -> None:
        del _running[self.run.number]


# -- operations -------------------------------------------------------------------------------------
def acted(t: Translation, operation: Operation) -> list[Any]:
    """The results of what acts on the world."""
    number = np.int32(t.shared.number_of(operation, "what Python did has failed"))
    capacity = t.shared.rows
    unpacked = _Arrays(t, operation)

    def act(ticket: Any, status: Any, rows: Any, *words: Any) -> tuple[Any, ...]:
        run = _running[int(ticket)]
        if int(status) or int(rows) > capacity:
            return (np.int32(status), *unpacked.nothing)
        run.at += 1
        if run.at > len(run.given):
            try:
                environment = unpacked.environment(words)
                made = run.context.run(run_operation, operation, environment)
                run.given.append(unpacked.packed(made))
            except BaseException as error:
                run.error = error
                return (number, *unpacked.nothing)
        return (np.int32(0), *run.given[run.at - 1])

    status = jnp.asarray(0 if t.status is None else t.status, np.int32)
    rows = jnp.minimum(jnp.asarray(0 if t.rows is None else t.rows), 2**31 - 1).astype(np.int32)
    shapes = (jax.ShapeDtypeStruct((), np.int32), *unpacked.shapes)
    t.status, *words = io_callback(act, shapes, t.shared.ticket, status, rows, *unpacked.words)
    return unpacked.results(words)


def computed(t: Translation, operation: Operation) -> list[Any]:
    """The results of an operation by its NumPy meaning; a run fails where that raises."""
    unpacked = _Arrays(t, operation)

    def compute(ticket: Any, *words: Any) -> tuple[Any, ...]:
        try:
            return (np.bool_(True), *unpacked.computed(words))
        except BaseException as error:
            run = _running[int(ticket)]
            if isinstance(error, FAILURES) and not is_signal_handlers(error):
                run.failure = run.failure or str(error)
            else:
                run.error = run.error or error
            return (np.bool_(False), *unpacked.nothing)

    shapes = (jax.ShapeDtypeStruct((), np.bool_), *unpacked.shapes)
    good, *words = jax.pure_callback(
        compute, shapes, t.shared.ticket, *unpacked.words, vmap_method="sequential"
    )
    t.require(good, "an operation of NumPy's has failed")
    return unpacked.results(words)


def infallible(t: Translation, operation: Operation) -> list[Any]:
    """The results of an operation by its NumPy meaning, which raises nothing."""
    unpacked = _Arrays(t, operation)

    def compute(*words: Any) -> tuple[Any, ...]:
        return tuple(unpacked.computed(words))

    words = jax.pure_callback(
        compute, tuple(unpacked.shapes), *unpacked.words, vmap_method="sequential"
    )
    return unpacked.results(words)


class _Arrays:
    """Operands and sizes of an operation on their way to Python, and its results on theirs back."""

    def __init__(self, t: Translation, operation: Operation) -> None:
        self.operation = operation
        self.values = list(operation.operands)
        shapes = [v.shape for v in (*self.values, *operation.results)]
        sizes = attribute_symbols([*shapes, *operation.attributes.values()])
        self.sizes = [s for s in dict.fromkeys(sizes) if s not in operation.results]
        arrays = [jnp.asarray(t[v], v.dtype) for v in self.values]
        extents = [jnp.asarray(t.extent(Dim.symbol(s)), np.int64) for s in self.sizes]
        self.held = [t.shape_among(v, operation) for v in operation.results]
        self.words = [_to_words(x) for x in (*arrays, *extents)]
        self.shapes = [
            jax.ShapeDtypeStruct(*_form(v.dtype, shape))
            for v, shape in zip(operation.results, self.held, strict=True)
        ]
        self.nothing = [np.zeros(s.shape, s.dtype) for s in self.shapes]

    def environment(self, words: Sequence[Any]) -> dict[Value, Any]:
        """Operands and sizes as NumPy's arrays, in memory of their own, cut to their sizes."""
        count = len(self.values)
        found: dict[Value, Any] = {
            s: _from_words(w, np.dtype(np.int64))[()]
            for s, w in zip(self.sizes, words[count:], strict=True)
        }
        for v, w in zip(self.values, words[:count], strict=True):
            array = _from_words(w, v.dtype)
            shape = [evaluate(n, found.__getitem__) for n in v.shape]
            array = array[tuple([slice(0, n) for n in shape])] if v.shape else array[()]
            found[v] = np.ascontiguousarray(array) if v.shape else array
        return found

    def computed(self, words: Sequence[Any]) -> list[Any]:
        """The results by the NumPy meaning of the operation."""
        environment = self.environment(words)
        with np.errstate(all="ignore"):
            return self.packed(run_operation(self.operation, environment))

    def packed(self, made: Sequence[Any]) -> list[Any]:
        """Results, filled up to the shape in which they are held."""
        packed = []
        for v, x, held in zip(self.operation.results, made, self.held, strict=True):
            array = np.asarray(x, v.dtype)
            if array.shape != held:
                whole = np.zeros(held, v.dtype)
                part = tuple([slice(0, min(m, n)) for m, n in zip(array.shape, held, strict=True)])
                whole[part] = array[part]
                array = whole
            shape, dtype = _form(v.dtype, held)
            packed.append(np.ascontiguousarray(array).view(dtype).reshape(shape))
        return packed

    def results(self, words: Sequence[Any]) -> list[Any]:
        """Results in JAX."""
        return [
            lax.bitcast_convert_type(w, v.dtype) if v.dtype.itemsize == 8 else w
            for v, w in zip(self.operation.results, words, strict=True)
        ]


def _form(dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return ((*shape, 2), np.dtype(np.uint32)) if dtype.itemsize == 8 else (shape, dtype)


def _to_words(x: Any) -> Any:
    return lax.bitcast_convert_type(x, np.uint32) if x.dtype.itemsize == 8 else x


def _from_words(words: Any, dtype: np.dtype[Any]) -> np.ndarray:
    array = np.array(words)
    return array.view(dtype).reshape(array.shape[:-1]) if dtype.itemsize == 8 else array
