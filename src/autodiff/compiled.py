"""From calls to compiled programs: specialisations, guards, the slow path and the fast path.

A :class:`Compiled` object wraps the user's function with a transformation (value, gradient, …).
Its call goes

    fast    the entry of the last specialisation, which checks the arguments itself
    recall  a call like one seen before: its leaves are found by generated code (``recall``)
    slow    bind the arguments, flatten containers, look among the specialisations of this
            signature, check their guards, run
    miss    capture, transform, optimise, compile; remember as a new specialisation
    beyond  what cannot be compiled runs uncompiled, with one warning that names the line

A specialisation belongs to a signature (types, shapes, static values) and holds while its guards
do.  When a check in a program fails, the user's function runs as plain Python, so that NumPy's own
exception is raised from the user's own line.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from autodiff import debug, tree
from autodiff.capture import Captured, Declined, Leaf, NotStaged, capture
from autodiff.capture.paths import Path, compile_reader
from autodiff.capture.running import Run, changing_objects, running
from autodiff.capture.trace import GUARD, FailedNow
from autodiff.dims import UndecidedExtent
from autodiff.engines import Executable, InputForm, executable
from autodiff.errors import (
    ArgumentError,
    AutodiffError,
    FallbackWarning,
    InternalError,
    ShapeError,
    UnsupportedError,
)
from autodiff.ir.data import walk
from autodiff.ir.printing import format_type
from autodiff.ops.tracer import ConcreteNeeded
from autodiff.passes import optimize
from autodiff.recall import Recognise, compile_recognise
from autodiff.transform import Plan, Transformation

# Captures of one signature that may fail before they are no longer tried: what a call finds in
# the objects it reads may differ the next time.
MAXIMUM_ATTEMPTS = 3
MAXIMUM_PATHS = 32  # captures of one signature before the function is run uncompiled
MAXIMUM_RECALLED = 16  # kinds of calls recognised without flattening them
MAXIMUM_SHAPES = 64  # shapes remembered of one structure, to see which extents differ


class _Codeless:
    """In the place of a callable without code of its own."""

    __code__ = None


_NOT_GIVEN = object()  # in Call.given: the parameter has its default
# Parameters whose default cannot be left to Python once a later one is passed, or that have none.
_FIXED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)
_UNFIT = object()  # instead of a result: the guards do not hold, nothing was run


@dataclass
class Call:
    """One call, bound and flattened."""

    slots: tuple[Any, ...]  # one object per parameter
    leaves: list[Any]
    roles: list[str]
    paths: list[str]
    names: list[str | None]
    slot_of: list[int]
    definitions: list[Any | None]
    key: tuple[Any, ...]
    given: tuple[Any, ...]  # the slots, with a marker for parameters left at their default
    positional: int | None = None  # arguments given by position, where that is passed on as given
    left_out: frozenset[int] = frozenset()  # parameters that are not passed on

    def structure(self) -> tuple[Any, ...]:
        """The signature without the sizes of arrays and the values of ints."""
        parts = [
            (leaf.dtype, leaf.dtype.num, leaf.ndim, type(leaf))
            if isinstance(leaf, np.ndarray)
            else "int"
            if _is_int(leaf, role)
            else leaf_key(leaf, role)
            for leaf, role in zip(self.leaves, self.roles, strict=True)
        ]
        return (*parts, *self.definitions, *self.key[-2:])

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each leaf, () for those that are no arrays."""
        return [x.shape if isinstance(x, np.ndarray) else () for x in self.leaves]

    def whole(self) -> Call:
        """The call itself; what was only recognised is bound here."""
        return self


class _Recognised:
    """What running a specialisation needs of a call like one seen before."""

    __slots__ = ("_bind", "leaves", "slots")

    def __init__(self, slots: tuple[Any, ...], leaves: list[Any], bind: Callable[[], Call]) -> None:
        self.slots = slots
        self.leaves = leaves
        self._bind = bind

    def whole(self) -> Call:
        """The call, bound and flattened."""
        return self._bind()


@dataclass(frozen=True)
class Generality:
    """What of a call is read at run time instead of being fixed: ints, and extents of arrays.

    ``ints`` are leaf numbers; ``axes[leaf][axis]`` numbers the symbol of an extent (None: fixed).
    """

    ints: frozenset[int] = frozenset()
    axes: tuple[tuple[int | None, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ints) or any(n is not None for axes in self.axes for n in axes)


def _is_int(leaf: Any, role: str) -> bool:
    return role == "static" and type(leaf) is int and -(2**62) < leaf < 2**62


def generality(call: Call, before: list[list[tuple[int, ...]]], ints: bool) -> Generality:
    """What to leave open for a call, given the shapes that calls of its structure had before.

    Extents that differ between calls become symbols; extents that agree in every call share one.
    Extents of 0 and 1 stay fixed, since they broadcast.
    """
    shapes = call.shapes()
    numbers: dict[tuple[int, ...], int] = {}
    axes = []
    for leaf, shape in enumerate(shapes):
        row: list[int | None] = []
        for axis, size in enumerate(shape):
            history = (size, *(seen[leaf][axis] for seen in before))
            open_ = size >= 2 and any(other != size for other in history)
            row.append(numbers.setdefault(history, len(numbers)) if open_ else None)
        axes.append(tuple(row))
    found = [
        k for k, (x, r) in enumerate(zip(call.leaves, call.roles, strict=True)) if _is_int(x, r)
    ]
    return Generality(frozenset(found) if ints else frozenset(), tuple(axes))


class Signature:
    """The parameters of a function, and calls bound to them: one slot per parameter."""

    def __init__(self, function: Any) -> None:
        self.function = function
        # Whether defaults may change between calls, which is looked for where they are used.
        self.live = isinstance(function, FunctionType)
        # ``def wrapper(*args, **kwargs)`` around a function: parameters are named as that one's, but
        # the wrapper gets the arguments in the way they were given, and no defaults.
        self.forwards = self.live and hasattr(function, "__wrapped__") and _forwards(function)
        self._read(function)

    def _read(self, function: Any) -> None:
        self._defaults = self._current_defaults()
        try:
            # The signature of a ufunc names options (where, casting) that have no neutral default.
            self.signature: inspect.Signature | None = (
                None
                if isinstance(function, np.ufunc)
                else inspect.signature(function, follow_wrapped=self.forwards or not self.live)
            )
        except (TypeError, ValueError):
            self.signature = None
        self.parameters = list(self.signature.parameters.values()) if self.signature else []
        kinds = [p.kind for p in self.parameters]
        self.plain = self.signature is not None and all(
            k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for k in kinds
        )
        self.names = [p.name for p in self.parameters]
        self.title = getattr(function, "__name__", "f")

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The slots of a call: the value of each parameter, defaults included."""
        return self.bind_telling(args, kwargs)[0]

    def bind_telling(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], frozenset[int]]:
        """The slots of a call, and which of them hold the parameter's default."""
        if self.signature is None:
            return args, frozenset()
        if self.plain and not kwargs and len(args) == len(self.parameters):
            return args, frozenset()
        if self.live and not _identical(self._defaults, self._current_defaults()):
            self._read(self.function)
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            if self.forwards:  # the wrapper takes arguments of its own
                self.forwards = False
                self._read(self.function)
                return self.bind_telling(args, kwargs)
            if self.live:
                self.function(*args, **kwargs)  # raises Python's own error
            raise TypeError(f"{self.title}() {error}") from None
        given = set(bound.arguments)
        if self.forwards:
            found = [bound.arguments.get(p.name, _nothing(p)) for p in self.parameters]
            return tuple(found), frozenset(
                k for k, p in enumerate(self.parameters) if p.name not in given
            )
        bound.apply_defaults()
        slots = tuple([bound.arguments[p.name] for p in self.parameters])
        return slots, frozenset(k for k, p in enumerate(self.parameters) if p.name not in given)

    def _current_defaults(self) -> tuple[Any, ...]:
        if not self.live:
            return ()
        by_keyword = self.function.__kwdefaults__ or {}
        return (*(self.function.__defaults__ or ()), *by_keyword, *by_keyword.values())

    def unbind(
        self,
        slots: Sequence[Any],
        left_out: frozenset[int] = frozenset(),
        positional: int | None = None,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Arguments and keywords that bind to ``slots``, the first ``positional`` by position."""
        if self.signature is None:
            return list(slots), {}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        if positional is None and left_out:
            positional = min(left_out)
        for k, (parameter, value) in enumerate(zip(self.parameters, slots, strict=True)):
            if k in left_out:
                continue
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                args.extend(value)
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                kwargs.update(value)
            elif parameter.kind is inspect.Parameter.KEYWORD_ONLY or (
                positional is not None and k >= positional
            ):
                kwargs[parameter.name] = value
            else:
                args.append(value)
        return args, kwargs


def _by_position(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return parameter
    return parameter.replace(kind=inspect.Parameter.POSITIONAL_ONLY)


def _forwards(function: FunctionType) -> bool:
    kinds = [p.kind for p in inspect.signature(function, follow_wrapped=False).parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]


def _nothing(parameter: inspect.Parameter) -> Any:
    """What stands for a parameter that is not passed on."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return ()
    return {} if parameter.kind is inspect.Parameter.VAR_KEYWORD else None


def _identical(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def classify(leaf: Any, as_float: bool) -> str:
    """The role of an argument leaf: ``array``, ``float`` or ``static``."""
    if isinstance(leaf, np.ndarray):
        return "float" if as_float and leaf.dtype.kind in "iub" and leaf.ndim == 0 else "array"
    if isinstance(leaf, float) or isinstance(leaf, np.generic):
        return "array"
    if as_float and type(leaf) is int:
        return "float"
    return "static"


def leaf_key(leaf: Any, role: str) -> Any:
    """What of a leaf belongs to the signature."""
    if role == "array":
        if isinstance(leaf, np.ndarray):
            if type(leaf) is not np.ndarray:
                return (leaf.dtype, leaf.dtype.num, leaf.shape, type(leaf))
            # The number tells ``longlong`` from the ``int64`` of its size, which it equals.
            return (leaf.dtype, leaf.dtype.num, leaf.shape)
        return type(leaf)
    if role == "float":
        return "float"
    if leaf is None or isinstance(leaf, (bool, int, str, bytes)):
        return (type(leaf), leaf)
    if callable(leaf) and not hasattr(type(leaf), "__dict__"):
        return id(leaf)
    return (type(leaf), id(leaf)) if callable(leaf) else type(leaf)


@dataclass
class Specialisation:
    """One compiled program and when it applies."""

    captured: Captured
    plan: Plan
    run: Executable
    reader: Callable[[tuple[Any, ...]], tuple[Any, ...] | None]
    input_leaves: list[int]
    input_dtypes: list[Any]
    single: bool
    generality: Generality = field(default_factory=Generality)
    calls: int = 0
    recalled: bool = False  # whether calls are recognised as calls for it
    arguments: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """What is read at every call beside the arguments: ``weights: float64[3]``."""
        return tuple(
            f"{r.path.describe()}: {format_type(r.value.type)}"
            for r in self.captured.inputs
            if r.leaf is None
        )

    @property
    def guards(self) -> tuple[str, ...]:
        """What is compared at every call; a change leads to another specialisation.

        Conditions on values that the program computes are told by the line that asked for them.
        """
        found = dict.fromkeys(g.describe() for g in self.captured.guards)
        for operation in walk(self.captured.program.block):
            if operation.kind == "check" and operation.attributes.get("message") == GUARD:
                found[f"a value at {operation.source}"] = None
        return tuple(found)

    def __repr__(self) -> str:
        parts = [f"<specialisation for ({', '.join(self.arguments)})"]
        if self.reads:
            parts.append(f"reads {', '.join(self.reads)}")
        parts.append(f"guards {'; '.join(self.guards) or 'none'}")
        return "; ".join(parts) + ">"


@dataclass(frozen=True)
class _Answer:
    """What plain Python returned where the capture failed, and why that failed."""

    result: Any
    reason: str


class Compiled:
    """A function, a transformation of it, and the specialisations compiled so far."""

    def __init__(
        self,
        function: Any,
        transformation: Transformation,
        *,
        engine: str = "native",
        threads: int = 1,
        use_cache: bool = True,
        on_fallback: str = "warn",
    ) -> None:
        self.function = function
        self.transformation = transformation
        self.engine = engine
        self.threads = threads
        self.use_cache = use_cache
        self.on_fallback = on_fallback
        # A function whose code is replaced in place, as reloading tools do, is another function.
        self.coded: Any = function if hasattr(function, "__code__") else _Codeless
        self._start()
        self.locks: dict[int, threading.RLock] = {}  # by process
        self.warned: set[str] = set()

    def _start(self) -> None:
        """Know nothing yet of the function."""
        self.code: Any = self.coded.__code__
        self.signature = Signature(self.function)
        self.specialisations: dict[tuple[Any, ...], list[Specialisation]] = {}
        self.seen: dict[tuple[Any, ...], list[list[tuple[int, ...]]]] = {}  # shapes, by structure
        self.fixed: set[tuple[Any, ...]] = set()  # structures compiled for each size and int
        self.fast: Callable[..., Any] = _no_fast_path
        # The same for transformations that take vectors: fast_with(arguments, vectors).
        self.fast_with: Callable[[tuple[Any, ...], tuple[Any, ...]], Any] = _no_fast_path
        self.recalled: tuple[tuple[Recognise, Specialisation], ...] = ()
        # How often calls of a signature could not be compiled, and why the last time.
        self.declined: dict[tuple[Any, ...], tuple[int, str]] = {}

    def follow(self) -> None:
        """Start anew if the code of the function was replaced."""
        if self.code is not self.coded.__code__:
            with self.lock:
                self._start()

    @property
    def lock(self) -> Any:
        """Held while a call is specialised.

        A forked child has one of its own: the thread that holds the parent's does not exist there.
        """
        return self.locks.setdefault(os.getpid(), threading.RLock())

    # -- binding and flattening -----------------------------------------------------------------
    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Bind a call and flatten its arguments."""
        slots, defaulted = self.signature.bind_telling(args, kwargs)
        given, left_out = slots, frozenset[int]()
        if defaulted:
            given = tuple([_NOT_GIVEN if k in defaulted else x for k, x in enumerate(slots)])
            left_out = self._left_out(slots, given, defaulted)
            slots = tuple([None if k in left_out else x for k, x in enumerate(slots)])
        floats = self.transformation.integer_slots_as_float(self.signature, given)
        leaves: list[Any] = []
        roles: list[str] = []
        paths: list[str] = []
        names: list[str | None] = []
        slot_of: list[int] = []
        definitions: list[Any | None] = []
        key: list[Any] = []
        orders: list[Any] = []
        titles = self.signature.names
        for k, slot in enumerate(slots):
            as_float = k in floats
            name = titles[k] if k < len(titles) else None
            if tree.is_container(slot):
                parts, definition = tree.flatten(slot)
                definitions.append(definition)
                key.append(definition)
                orders += tree.key_orders(slot)
                accessors = tree.accessors(definition)
            else:
                parts, accessors = [slot], [""]
                definitions.append(None)
            for part, accessor in zip(parts, accessors, strict=True):
                role = classify(part, as_float)
                leaves.append(part)
                roles.append(role)
                paths.append(f"args[{k}]{accessor}")
                names.append(name if not accessor else None)
                slot_of.append(k)
                key.append(leaf_key(part, role))
        positional = len(args) if self.signature.forwards else None
        key += [tuple(orders), (defaulted, positional)]
        return Call(
            slots,
            leaves,
            roles,
            paths,
            names,
            slot_of,
            definitions,
            tuple(key),
            given,
            positional,
            left_out,
        )

    def _left_out(
        self, slots: tuple[Any, ...], given: tuple[Any, ...], defaulted: frozenset[int]
    ) -> frozenset[int]:
        """Parameters that Python fills in: a list or dict among the defaults remembers changes."""
        signature = self.signature
        if signature.forwards:
            return defaulted
        if not signature.live:
            return frozenset()
        named = self.transformation.named_slots(signature, given)
        return frozenset(
            k
            for k in defaulted - named
            if isinstance(slots[k], (list, dict, set, deque))
            and signature.parameters[k].kind not in _FIXED
        )

    def rebuild(self, call: Call) -> Callable[[list[Any]], tuple[list[Any], dict[str, Any]]]:
        """From leaf values to the arguments and keywords of the call."""

        def run(values: list[Any]) -> tuple[list[Any], dict[str, Any]]:
            slots = []
            position = 0
            for definition in call.definitions:
                count = 1 if definition is None else definition.num_leaves
                part = values[position : position + count]
                slots.append(part[0] if definition is None else tree.unflatten(definition, part))
                position += count
            return self.signature.unbind(slots, call.left_out, call.positional)

        return run

    # -- calling -----------------------------------------------------------------------------------
    def call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], extra: tuple[Any, ...] = ()
    ) -> Any:
        """The slow path of a call."""
        for recognise, specialisation in self.recalled:
            try:
                recognised = recognise(*args, **kwargs)
            except (TypeError, LookupError, AttributeError, ValueError):
                continue  # another kind of call, or one that does not bind
            if recognised is None:
                continue
            like = _Recognised(*recognised, lambda: self.bind(args, kwargs))
            result = self._run(specialisation, like, extra, as_given=True)
            if result is _UNFIT:
                continue
            if result is not NotImplemented:
                return result
            failure = specialisation.run.failure()
            if failure is not None and failure != GUARD:
                return self._failed(specialisation, like.whole(), extra)
        call = self.bind(args, kwargs)
        if not self.use_cache:
            return self._uncompiled(call, None, extra)
        if self.transformation.is_value and any(d is not None for d in call.definitions):
            reason = self._labelled(call)
            if reason is not None:
                return self._uncompiled(call, reason, extra)
        structure = call.structure()
        while True:
            tried = 0
            for key in (call.key, structure):
                found = self.specialisations.get(key, ())
                tried += len(found)
                for specialisation in found:
                    result = self._run(specialisation, call, extra)
                    if result is _UNFIT:
                        continue
                    if result is not NotImplemented:
                        self._recall(specialisation, call)
                        return result
                    failure = specialisation.run.failure()
                    if failure is not None and failure != GUARD:
                        return self._failed(specialisation, call, extra)
                if len(found) >= MAXIMUM_PATHS:
                    reason = f"more than {MAXIMUM_PATHS} different paths"
                    return self._uncompiled(call, reason, extra)
            times, reason = self.declined.get(call.key, (0, ""))
            if times >= MAXIMUM_ATTEMPTS:
                return self._uncompiled(call, reason, extra)
            with self.lock:
                now = sum(len(self.specialisations.get(key, ())) for key in (call.key, structure))
                if now > tried:  # another thread was first; what it made may fit
                    continue
                made = self._specialise(call, structure)
            break
        if isinstance(made, _Answer):
            self._warn(made.reason)
            return made.result
        if isinstance(made, Exception):
            return self._after_error(call, made, extra)
        if isinstance(made, str):
            self.declined[call.key] = (times + 1, made)
            return self._uncompiled(call, made, extra)
        result = self._run(made, call, extra)
        if result is _UNFIT:
            return self._uncompiled(call, "what it reads differs each time it is read", extra)
        if result is NotImplemented:
            failure = made.run.failure()
            if failure is None and extra:
                problem, remedy = self.transformation.misfit
                raise ShapeError(
                    f"{self.transformation.name} of {self.signature.title}: {problem}.",
                    code="AD202",
                    remedy=remedy,
                )
            if failure == GUARD:
                # The engine rounds otherwise than the capture did, across a threshold.
                return self._uncompiled(call, None, extra)
            if failure is None:
                raise InternalError(
                    f"the program of {self.signature.title} does not accept the call it was made for"
                )
            return self._failed(made, call, extra)
        return result

    def _labelled(self, call: Call) -> str | None:
        """Why a call with labelled arguments runs as it is: its result has labels, and more."""
        for slot, definition in zip(call.slots, call.definitions, strict=True):
            found = None if definition is None else tree.labelled_in(slot)
            if found is not None:
                return (
                    f"an argument is a {type(found).__name__}, which computes in its own way "
                    "(arrays, such as x.to_numpy(), are compiled)"
                )
        return None

    def _recall(self, specialisation: Specialisation, call: Call) -> None:
        """Have later calls like this one recognised."""
        if specialisation.recalled or len(self.recalled) >= MAXIMUM_RECALLED:
            return
        specialisation.recalled = True
        signature = self.signature
        if signature.signature is None:
            return
        parameters = signature.parameters
        if call.positional is not None:
            if call.positional < sum(x is not _NOT_GIVEN for x in call.given):
                return
            parameters = [_by_position(p) for p in parameters]
        recognise = compile_recognise(
            signature.function if signature.live and not signature.forwards else None,
            parameters,
            call,
            _NOT_GIVEN,
            specialisation.input_leaves,
        )
        if recognise is not None:
            self.recalled = ((recognise, specialisation), *self.recalled)

    def _run(
        self,
        specialisation: Specialisation,
        call: Call | _Recognised,
        extra: tuple[Any, ...],
        as_given: bool = False,
    ) -> Any:
        """Run a specialisation if its guards hold; ``as_given``: on objects that fit as they are."""
        if specialisation.captured.changes_objects:
            # From reading a counter to storing it, no other thread may do the same.
            with changing_objects:
                return self._read_and_run(specialisation, call, extra, as_given)
        return self._read_and_run(specialisation, call, extra, as_given)

    def _read_and_run(
        self,
        specialisation: Specialisation,
        call: Call | _Recognised,
        extra: tuple[Any, ...],
        as_given: bool,
    ) -> Any:
        hidden = specialisation.reader(call.slots)
        if hidden is None:
            return _UNFIT
        captured = specialisation.captured
        if not captured.objects and not captured.watched:
            return self._run_on(specialisation, call, hidden, extra, as_given)
        count = len(hidden) - len(captured.objects)
        hidden, objects = hidden[:count], hidden[count:]
        run = Run(objects, call.leaves, hidden, self.transformation.is_value)
        with running(run):
            return self._run_on(specialisation, call, hidden, extra, as_given, run)

    def _refuse_overlap(self, arrays: Sequence[Any]) -> None:
        """A program keeps its arrays apart; where one stored into is part of another, it may not."""
        real = [a for a in arrays if isinstance(a, np.ndarray)]
        if any(np.shares_memory(a, b) for k, a in enumerate(real) for b in real[k + 1 :]):
            raise ArgumentError(
                f"{self.transformation.name} of {self.signature.title}: two arrays share memory, and "
                "the function stores into them.",
                remedy="pass copies, x.copy(), or differentiate by the array that the other is a view of",
            )

    def _run_on(
        self,
        specialisation: Specialisation,
        call: Call | _Recognised,
        hidden: tuple[Any, ...],
        extra: tuple[Any, ...],
        as_given: bool,
        run: Run | None = None,
    ) -> Any:
        captured = specialisation.captured
        arguments = [call.leaves[k] for k in specialisation.input_leaves]
        if captured.mutated and _may_alias([*arguments, *hidden]):
            if self.transformation.is_value:
                return self._uncompiled(call.whole(), None, extra)
            self._refuse_overlap([*arguments, *hidden])
        inputs = [*arguments, *hidden, *extra]
        if captured.needs_c_order and not all(map(_in_c_order, inputs)):
            return self._uncompiled(call.whole(), None, extra)
        if not as_given:
            forms = specialisation.input_dtypes
            read = forms[len(arguments) : len(arguments) + len(hidden)]
            if not all(map(_same_kind, hidden, read)):
                return _UNFIT
            inputs = [_prepared(x, form) for x, form in zip(inputs, forms, strict=True)]
        try:
            outputs = specialisation.run.call(*inputs)
        except BaseException:
            if run is not None:
                run.succeed(())  # what came before an effect that raised has happened
            raise
        if outputs is NotImplemented:
            if run is not None:
                run.fail()
            return NotImplemented
        specialisation.calls += 1
        result = self._finish(specialisation, outputs, call.leaves, hidden)
        if run is not None:
            run.succeed((outputs,) if specialisation.single else outputs)
        return result

    def _finish(
        self,
        specialisation: Specialisation,
        outputs: Any,
        leaves: Sequence[Any],
        hidden: tuple[Any, ...],
    ) -> Any:
        plan, captured = specialisation.plan, specialisation.captured
        if specialisation.single:
            outputs = (outputs,)
        if plan.write_back:
            for number, output in captured.mutated:
                record = captured.inputs[number]
                target = (
                    leaves[record.leaf]
                    if record.leaf is not None
                    else hidden[number - len(specialisation.input_leaves)]
                )
                np.copyto(target, outputs[output])
        return plan.result.rebuild(outputs, leaves, hidden)

    # -- compiling ---------------------------------------------------------------------------------
    def _specialise(
        self, call: Call, structure: tuple[Any, ...]
    ) -> Specialisation | _Answer | str | Exception:
        """A specialisation, or the reason why there is none, or what the user's code raised."""
        specialisation = self._specialise_generally(call, structure)
        if specialisation is not None:
            return specialisation
        try:
            specialisation = self.compile(call)
        except Declined as declined:
            return self._reason(declined.reason, declined.source)
        except (NotStaged, UndecidedExtent) as problem:
            return self._reason(str(problem), None)
        except UnsupportedError as error:
            if not self.transformation.is_value:
                raise
            return self._reason(error.message, error.source)
        except ShapeError as error:
            if not self.transformation.is_value:
                raise
            try:  # Plain Python changes the arguments as far as it comes.
                return _Answer(self._plain(call), error.message)
            except Exception:
                raise error from None
        except AutodiffError:
            raise
        except Exception as error:
            return error
        self.specialisations.setdefault(call.key, []).append(specialisation)
        self._set_fast_path(specialisation, call)
        return specialisation

    def _specialise_generally(
        self, call: Call, structure: tuple[Any, ...]
    ) -> Specialisation | None:
        """A specialisation that reads ints, and sizes that have differed, at run time.

        Where that is not possible, or where an int turns out to shape the program, calls of this
        structure are compiled for each of their sizes and ints.
        """
        before = self.seen.setdefault(structure, [])
        if structure in self.fixed:
            return None
        general = generality(call, before, ints=True)
        shapes = call.shapes()
        if shapes not in before and len(before) < MAXIMUM_SHAPES:
            before.append(shapes)
        if not general:
            return None
        try:
            specialisation = self.compile(call, general=general)
        except Exception as problem:  # whatever it is, compiling for fixed sizes tells it better
            debug.show(
                1, f"autodiff: {self.signature.title} is compiled for fixed sizes: {problem}"
            )
            self.fixed.add(structure)
            return None
        if specialisation.captured.specialised_leaves() & general.ints:
            self.fixed.add(structure)
            return None
        self.specialisations.setdefault(structure, []).append(specialisation)
        self._set_fast_path(specialisation, call)
        return specialisation

    def _title(self, call: Call, leaf: int) -> str:
        """How the user calls an argument leaf: ``argument x``, ``argument x['w']``."""
        slot = call.slot_of[leaf]
        names = self.signature.names
        name = names[slot] if slot < len(names) else f"{slot}"
        return "argument " + call.paths[leaf].replace(f"args[{slot}]", name, 1)

    def captured(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> Captured:
        """Capture one call."""
        general = general or Generality(axes=((),) * len(call.leaves))
        leaves = [
            Leaf(
                value,
                Path(path),
                "int" if k in general.ints else role,
                name,
                axes,
                self._title(call, k),
            )
            for k, (value, path, role, name, axes) in enumerate(
                zip(call.leaves, call.paths, call.roles, call.names, general.axes, strict=True)
            )
        ]
        differentiated = self.transformation.differentiated_leaves(self.signature, call)
        return capture(
            self.function,
            leaves,
            self.rebuild(call),
            self.signature.title,
            eager,
            differentiated,
            self.transformation.naming(self.signature),
            not self.transformation.is_value,
        )

    def plan(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> tuple[Captured, Plan]:
        """Capture, transform and optimise one call."""
        started = time.perf_counter()
        captured = self.captured(call, eager, general)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: captured\n{captured.program}")
        plan = self.transformation.apply(self.signature, captured, call)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: {self.transformation.name}\n{plan.program}")
        plan.program = optimize(plan.program)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: optimised\n{plan.program}")
        elapsed = (time.perf_counter() - started) * 1e3
        debug.show(
            1,
            f"autodiff: {self.transformation.name} of {self.signature.title} captured in {elapsed:.1f} ms",
        )
        return captured, plan

    def compile(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> Specialisation:
        """A specialisation for one call."""
        captured, plan = self.plan(call, eager, general)
        if captured.changed_argument is not None and self.transformation.is_value:
            raise captured.changed_argument
        forms = [InputForm(r.form, r.value.type) for r in captured.inputs] + plan.extra_inputs
        single = len(plan.output_forms) == 1
        started = time.perf_counter()
        engine = "numpy" if eager else self.engine
        run = executable(plan.program, forms, plan.output_forms, single, engine, self.threads)
        elapsed = (time.perf_counter() - started) * 1e3
        debug.show(
            1,
            f"autodiff: {self.signature.title} compiled by the {engine} engine in {elapsed:.1f} ms",
        )
        if debug.level() >= 4 and run.llvm is not None:
            debug.show(4, run.llvm())
        if debug.level() >= 5 and run.assembly is not None:
            debug.show(5, run.assembly())
        hidden = [r.path for r in captured.inputs if r.leaf is None]
        reader = (
            _reader_of_examples(captured)
            if eager
            else compile_reader(captured.guards, [*hidden, *captured.objects])
        )
        leaves = [r.leaf for r in captured.inputs if r.leaf is not None]
        return Specialisation(
            captured,
            plan,
            run,
            reader,
            leaves,
            forms,
            single,
            general or Generality(),
            arguments=tuple(self._arguments(call, captured)),
        )

    def _arguments(self, call: Call, captured: Captured) -> Iterator[str]:
        """What each argument is in a specialisation: its type, or the value it is fixed to."""
        of_leaf = {r.leaf: r for r in captured.inputs if r.leaf is not None}
        for k, leaf in enumerate(call.leaves):
            name = self._title(call, k).removeprefix("argument ")
            record = of_leaf.get(k)
            if record is not None:
                yield f"{name}: {format_type(record.value.type)}"
            elif leaf is None or isinstance(leaf, (bool, int, float, str, bytes, np.generic)):
                yield f"{name}={leaf!r}"
            else:
                yield f"{name}: {type(leaf).__name__}"

    def _set_fast_path(self, specialisation: Specialisation, call: Call) -> None:
        captured, plan = specialisation.captured, specialisation.plan
        direct = plan.result.is_direct(len(plan.output_forms))
        if (
            not self.signature.plain
            or call.positional not in (None, len(call.slots))
            or any(d is not None for d in call.definitions)
            or self._has_static(specialisation, call)
            or captured.mutated
            or captured.objects
            or captured.watched
            or captured.needs_c_order
            or not direct
        ):
            self.fast = self.fast_with = _no_fast_path
            return
        run = specialisation.run.call
        if not captured.guards and not any(r.leaf is None for r in captured.inputs):
            self.fast = run
            self.fast_with = lambda args, vectors: run(*args, *vectors)
            return
        reader = specialisation.reader

        def fast_with(args: tuple[Any, ...], vectors: tuple[Any, ...]) -> Any:
            hidden = reader(args)
            return NotImplemented if hidden is None else run(*args, *hidden, *vectors)

        self.fast_with = fast_with

        def fast(*args: Any) -> Any:
            hidden = reader(args)
            return NotImplemented if hidden is None else run(*args, *hidden)

        def fast_guarded(*args: Any) -> Any:
            return NotImplemented if reader(args) is None else run(*args)

        self.fast = fast if any(r.leaf is None for r in captured.inputs) else fast_guarded

    @staticmethod
    def _has_static(specialisation: Specialisation, call: Call) -> bool:
        ints = specialisation.generality.ints
        return any(role == "static" and k not in ints for k, role in enumerate(call.roles))

    def prepare(self, args: tuple[Any, ...]) -> None:
        """Compile for a call that is not made yet; what cannot be compiled is told by its call."""
        call = self.bind(args, {})
        with self.lock:
            self._specialise(call, call.structure())

    def run_once(self, specialisation: Specialisation, call: Call) -> Any:
        """Run a specialisation made for this call."""
        result = self._run(specialisation, call, ())
        return NotImplemented if result is _UNFIT else result

    # -- beyond the compiled path --------------------------------------------------------------------
    def _reason(self, reason: str, source: Any) -> str:
        where = f" ({source.file}:{source.line})" if source is not None else ""
        return f"{reason}{where}"

    def _run_plainly(self, call: Call) -> Any:
        """The user's function on copies of the arguments, to raise what it raises."""
        copies = [np.array(x) if isinstance(x, np.ndarray) else x for x in call.leaves]
        args, kwargs = self.rebuild(call)(copies)
        return self.function(*args, **kwargs)

    def _failed(self, specialisation: Specialisation, call: Call, extra: tuple[Any, ...]) -> Any:
        """A check failed at run time: plain Python decides what that means."""
        if self.transformation.is_value:
            return self._plain(call)
        if not specialisation.captured.has_effects:
            self._run_plainly(call)
        return self._eager(call, extra)

    def _after_error(self, call: Call, error: Exception, extra: tuple[Any, ...]) -> Any:
        """The function raised while it was captured: most likely it does so in plain Python.

        There the error comes from the user's own line.  What has effects is not run twice: then
        the derivative's run is the one that raises.
        """
        reason = f"{type(error).__name__}: {error}"
        if self.transformation.is_value and self.on_fallback != "error":
            result = self._plain(call)
            self._warn(reason)
            return result
        if not getattr(error, "autodiff_effects", False):
            self._run_plainly(call)
            return self._uncompiled(call, reason, extra)
        if self.on_fallback == "error":
            raise error
        result = self._eager(call, extra)
        self._warn(reason)
        return result

    def _plain(self, call: Call) -> Any:
        args, kwargs = self.signature.unbind(call.slots, call.left_out, call.positional)
        return self.function(*args, **kwargs)

    def _uncompiled(self, call: Call, reason: str | None, extra: tuple[Any, ...]) -> Any:
        if reason is not None and self.use_cache:
            if self.on_fallback == "error":
                raise UnsupportedError(
                    f"{self.signature.title} cannot be compiled: {reason}.",
                    code="AD304",
                    remedy="rewrite that line, or allow uncompiled calls with on_fallback='warn'",
                )
            self._warn(reason)
        return self._plain(call) if self.transformation.is_value else self._eager(call, extra)

    def _warn(self, reason: str) -> None:
        """Say that the function runs uncompiled, once for each reason."""
        if reason not in self.warned:
            self.warned.add(reason)
            warnings.warn(
                f"{self.signature.title} runs uncompiled: {reason}",
                FallbackWarning,
                stacklevel=depth_of_user(),
            )

    def _eager(self, call: Call, extra: tuple[Any, ...]) -> Any:
        """Trace this call's path and run it on the reference engine."""
        try:
            specialisation = self.compile(call, eager=True)
        except (Declined, NotStaged, UndecidedExtent, ConcreteNeeded, FailedNow) as problem:
            raise UnsupportedError(
                f"{self.signature.title} cannot be differentiated: {problem}.",
                code="AD304",
                source=getattr(problem, "source", None),
                remedy="rewrite that line, or give the function a derivative with "
                "autodiff.custom_gradient",
            ) from None
        result = self._run(specialisation, call, extra)
        if result is NotImplemented:
            if not specialisation.captured.has_effects:
                self._run_plainly(call)
            raise UnsupportedError(
                f"{self.signature.title} cannot be differentiated here: "
                f"{specialisation.run.failure()}.",
                code="AD304",
                remedy="call it with other values, or give it a derivative with "
                "autodiff.custom_gradient",
            )
        return result


def _reader_of_examples(captured: Captured) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What an uncompiled call read: it may have changed what it read it from."""
    examples = tuple([r.example for r in captured.inputs if r.leaf is None])
    return lambda args: examples


def depth_of_user() -> int:
    """How many frames above the caller the first one outside of this package is."""
    here = os.path.dirname(__file__) + os.sep
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        depth, frame = depth + 1, frame.f_back
    return depth


def _no_fast_path(*args: Any, **kwargs: Any) -> Any:
    return NotImplemented


def _in_c_order(x: Any) -> bool:
    return not isinstance(x, np.ndarray) or x.flags.c_contiguous


def _may_alias(arrays: Sequence[Any]) -> bool:
    """Whether two of the arrays may share memory."""
    real = [a for a in arrays if isinstance(a, np.ndarray)]
    return any(np.may_share_memory(a, b) for k, a in enumerate(real) for b in real[k + 1 :])


def _same_kind(x: Any, form: InputForm) -> bool:
    """Whether what is read at this call is an array of the dtype that was read before.

    The types of numbers are guarded; a list or ``None`` could be made an array, but computes
    in another way.
    """
    if form.form != "array":
        return True
    return type(x) in (np.ndarray, np.memmap) and x.dtype.newbyteorder("=") == form.type.dtype


def _prepared(x: Any, form: InputForm) -> Any:
    """An input as the engine takes it: C-contiguous, native byte order, exact scalar type."""
    type_ = form.type
    if form.form == "array":
        if (
            type(x) is np.ndarray
            and x.dtype == type_.dtype
            and x.dtype.isnative
            and x.flags.c_contiguous
            and x.flags.aligned
        ):
            return x
        return np.require(np.asarray(x), dtype=type_.dtype, requirements=["C", "A"]).view(
            np.ndarray
        )
    if form.form == "python" and type_.dtype.kind == "f" and type(x) is not float:
        return float(x)
    return x
