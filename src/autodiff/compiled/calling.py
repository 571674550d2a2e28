"""A call finds its specialisation, or makes one.

    fast    the entry of the last specialisation, which checks the arguments itself
    recall  a call like one seen before: its leaves are found by generated code (``recall``)
    slow    bind the arguments, flatten containers, look among the specialisations of this
            signature, check their guards, run
    miss    capture, transform, optimise, compile; remember as a new specialisation
    beyond  what cannot be compiled runs uncompiled, with one warning that names the line

A specialisation belongs to a signature (types, shapes, static values) and holds while its guards
do.  Of one function at most MAXIMUM_PROGRAMS are kept: the one used least recently goes, with what
is known of its signature.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Set
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from autodiff import debug, floating, lookups, tree
from autodiff.capture.texts import keep_text
from autodiff.capture.trace import GUARD
from autodiff.compiled import storing
from autodiff.compiled.binding import (
    NOT_GIVEN,
    Call,
    Recognised,
    Signature,
    by_position,
    is_complex,
    is_in_c_order,
)
from autodiff.compiled.compiling import Compiler
from autodiff.compiled.fast import fast_path, no_fast_path, structured_path
from autodiff.compiled.generality import generality
from autodiff.compiled.running import UNFIT, run
from autodiff.compiled.specialisation import Specialisation
from autodiff.dims import UndecidedExtent
from autodiff.errors import (
    WARNINGS_OF_COMPILING,
    ArgumentError,
    AutodiffError,
    DtypeError,
    InternalError,
    ShapeError,
    UnsupportedError,
    is_signal_handlers,
)
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.signals import as_internal, is_ours, text_of
from autodiff.stack import Lock
from autodiff.stored import bytecode
from autodiff.stored.loading import Described
from autodiff.transform.plans import Transformation, ValueOnly

if TYPE_CHECKING:
    from autodiff import recall
    from autodiff.compiled import devices, fallback, orders
else:
    devices = later("autodiff.compiled.devices")  # for the JAX engine
    fallback = later("autodiff.compiled.fallback")
    orders = later("autodiff.compiled.orders")
    recall = later("autodiff.recall")

# Captures of one signature that may fail before they are no longer tried: what a call finds in
# the objects it reads may differ the next time.
MAXIMUM_ATTEMPTS = 3
MAXIMUM_PATHS = 32  # captures of one signature before the function is run uncompiled
MAXIMUM_PROGRAMS = 256  # kept of one function
MAXIMUM_SIGNATURES = 4096  # of which something is remembered without a program
MAXIMUM_RECALLED = 16  # kinds of calls recognised without flattening them
MAXIMUM_SHAPES = 64  # shapes remembered of one structure, to see which extents differ


def _agree(one: Any, other: Any) -> bool:
    """Whether two results of the same function hold the same numbers."""
    a, b = (tree.flatten(x)[0] for x in (one, other))
    if len(a) != len(b):
        return False
    with np.errstate(all="ignore"):
        return all(
            bool(np.array_equal(x, y, equal_nan=_is_number(x))) for x, y in zip(a, b, strict=True)
        )


def _is_number(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def _nothing() -> None:
    """Learn nothing of a call."""


def _leaves_out(call: Call) -> bool:
    """Whether parameters are left at their default: a call that gives them is another one."""
    return any(x is NOT_GIVEN for x in call.given)


class _Codeless:
    """In the place of a callable without code of its own."""

    __code__ = None


class Compiled(Compiler):
    """A function, a transformation of it, and the specialisations compiled so far."""

    def __init__(
        self,
        function: Any,
        transformation: Transformation,
        *,
        engine: str = "native",
        threads: int = 1,
        device: str | None = None,
        use_cache: bool = True,
        on_fallback: str = "warn",
        described: Described | None = None,
    ) -> None:
        super().__init__(function, transformation, engine, threads, device)
        self.use_cache = use_cache
        self.described = described  # what names the entries on disk; None: there are none
        # Who asks for a device is not given the CPU.
        self.on_fallback = "error" if engine == "jax" else on_fallback
        # A function whose code is replaced in place, as reloading tools do, is another function.
        self.coded: Any = function if hasattr(function, "__code__") else _Codeless
        keep_text(function)
        self._start()
        lookups.listen(self)
        self.of_integers: Compiled | None = None  # the value, where ints are differentiated by
        self.had_effects = False  # a call that ran uncompiled
        self.locks: dict[int, Lock] = {}  # by process

    def _start(self) -> None:
        """Know nothing yet of the function."""
        self.names = set()
        self.code: Any = self.coded.__code__
        self.specialisations: dict[tuple[Any, ...], list[Specialisation]] = {}
        self.seen: dict[tuple[Any, ...], list[list[tuple[int, ...]]]] = {}  # shapes, by structure
        self.fixed: set[tuple[Any, ...]] = set()  # structures compiled for each size and int
        self.apart: set[tuple[Any, ...]] = set()  # structures whose lists are no arrays
        self.clock = itertools.count()  # when programs were used
        self.fast: Callable[..., Any] = no_fast_path
        self.answering: Specialisation | None = None  # what ``fast`` is of
        # The same for transformations that take vectors: fast_with(arguments, vectors).
        self.fast_with: Callable[[tuple[Any, ...], tuple[Any, ...]], Any] = no_fast_path
        # The same for calls with keywords, by how many arguments come before them and their names: named(args, kwargs).
        self.named: dict[tuple[int | str, ...], Callable[..., Any]] = {}
        self.recalled: tuple[tuple[recall.Recognise, Specialisation], ...] = ()
        # How often calls of a signature could not be compiled, and why the last time.
        self.declined: dict[tuple[Any, ...], tuple[int, str]] = {}

    def forget_names(self, altered: Set[lookups.Name] | None) -> None:
        """Start anew where names that a program stands on lead elsewhere."""
        if altered is None or not self.names.isdisjoint(altered):
            self._start()

    def follow(self) -> None:
        """Start anew if the code of the function was replaced."""
        if self.code is not self.coded.__code__:
            with self.lock:
                self.signature = Signature(self.function)
                self._start()

    @property
    def lock(self) -> Any:
        """Held while a call is specialised.

        A forked child has one of its own: the thread that holds the parent's does not exist there.
        """
        return self.locks.setdefault(os.getpid(), Lock())

    def call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], extra: tuple[Any, ...] = ()
    ) -> Any:
        """The slow path of a call."""
        lookups.settle()
        if floating.is_strict():
            return self._call_strictly(args, kwargs, extra)
        if not kwargs and not extra and type(self.fast) is BuiltinFunctionType:
            # The entry itself, which reads nothing beside: arrays in another order are its misses.
            if self.answering is not None and not all(map(is_in_c_order, args)):
                result = orders.run(self.answering, args)
                if result is not NotImplemented:
                    return result
        result = self._recalled_call(args, kwargs, extra)
        if result is not NotImplemented:
            return result
        if self.engine == "jax":
            return devices.looked_at(self._new_call, args, kwargs, extra)
        return self._new_call(args, kwargs, extra)

    def _recalled_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], extra: tuple[Any, ...]
    ) -> Any:
        """The result of a call like one seen before."""
        for recognise, specialisation in self.recalled:
            try:
                recognised = recognise(*args, **kwargs)
            except (TypeError, LookupError, AttributeError, ValueError):
                continue  # another kind of call, or one that does not bind
            if recognised is None:
                continue
            like = Recognised(*recognised, lambda: self.bind_whole(args, kwargs))
            result = run(self, specialisation, like, extra, as_given=True)
            if result is UNFIT:
                continue
            if result is not NotImplemented:
                return result
            failure = specialisation.run.failure()
            if failure is not None and failure != GUARD:
                return fallback.failed(self, specialisation, like.whole(), extra)
        return NotImplemented

    def _new_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], extra: tuple[Any, ...]
    ) -> Any:
        """The result of a call that is bound and flattened first."""
        call = self.bind_whole(args, kwargs)
        result = self._bound(call, extra)
        if "float" in call.roles and self.transformation.gives_value:
            return self._with_value_of_integers(result, args, kwargs)
        return result

    def _with_value_of_integers(
        self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The result with the value that the function has for the ints that counted as floats.

        What prints or draws numbers is not run twice: its value stays that of the floats.
        """
        if self._has_effects():
            return result
        if self.of_integers is None:
            self.of_integers = Compiled(
                self.function,
                ValueOnly(),
                engine=self.engine,
                threads=self.threads,
                device=self.device,
            )
            self.of_integers.warned = self.warned
        return (self.of_integers.call(args, kwargs), *result[1:])

    def _bound(self, call: Call, extra: tuple[Any, ...]) -> Any:
        """The result of a call that has been bound."""
        if not self.use_cache:
            return fallback.uncompiled(self, call, None, extra)
        if self.transformation.is_value and any(d is not None for d in call.definitions):
            reason = fallback.labelled(call)
            if reason is not None:
                return fallback.uncompiled(self, call, reason, extra)
        structure = call.structure()
        failed: list[tuple[Any, ...]] = []
        while True:
            while call.can_be_taken_apart and structure in self.apart:
                call, extra = self.other_way(call, extra)
                structure = call.structure()
            tried = 0
            for key in (call.key, structure):
                found = self.specialisations.get(key, ())
                tried += len(found)
                for specialisation in found:
                    # Where it changes the arguments they are those of another call then.
                    stores = specialisation.captured.stores_into_arguments
                    learn = self._recall(specialisation, call) if stores else None
                    result = run(self, specialisation, call, extra)
                    if result is UNFIT:
                        continue
                    if result is not NotImplemented:
                        (learn or self._recall(specialisation, call))()
                        return result
                    failure = specialisation.run.failure()
                    if failure is not None and failure != GUARD:
                        return fallback.failed(self, specialisation, call, extra)
                if sum(not s.is_dead for s in found) >= MAXIMUM_PATHS:
                    reason = f"more than {MAXIMUM_PATHS} different paths"
                    return fallback.uncompiled(self, call, reason, extra)
            times, reason = self.declined.get(call.key, (0, ""))
            if times >= MAXIMUM_ATTEMPTS:
                if self.fast is no_fast_path and self.on_fallback != "error":
                    path = fallback.plain_path(self, call)
                    self.fast, self.answering = path or no_fast_path, None
                return fallback.uncompiled(self, call, reason, extra)
            with self.lock:
                now = sum(len(self.specialisations.get(key, ())) for key in (call.key, structure))
                if now > tried:  # another thread was first; what it made may fit
                    continue
                made = self._specialise(call, structure)
                if call.can_be_taken_apart and not isinstance(
                    made, (Specialisation, InternalError)
                ):
                    title = self.signature.title
                    debug.show(1, f"autodiff: {title} takes the items of lists one by one: {made}")
                    failed.append(structure)
                    if not isinstance(made, Exception):  # the user's own, perhaps, of this call
                        self.apart.add(structure)
                    call, extra = self.other_way(call, extra)
                    structure = call.structure()
                    continue
                if isinstance(made, Specialisation):
                    self.apart.update(failed)
            break
        if isinstance(made, InternalError):
            result, reason = fallback.after_mistake(self, call, made, extra)
            self.declined[call.key] = (MAXIMUM_ATTEMPTS, reason)
            return result
        if isinstance(made, AutodiffError):
            return fallback.after_refusal(self, call, made, extra)
        if isinstance(made, Exception):
            return fallback.after_error(self, call, made, extra)
        if isinstance(made, str):
            self.declined[call.key] = (times + 1, made)
            return fallback.uncompiled(self, call, made, extra)
        result = run(self, made, call, extra)
        if result is UNFIT and len(extra) != len(made.plan.extra_inputs):
            self.refuse_vectors()
        if result is UNFIT:
            return fallback.uncompiled(
                self, call, "what it reads differs each time it is read", extra
            )
        if result is NotImplemented:
            failure = made.run.failure()
            if failure is None and extra:
                self.refuse_vectors()
            if failure == GUARD:
                # The engine rounds otherwise than the capture did, across a threshold.
                return fallback.uncompiled(self, call, None, extra)
            if failure is None:
                mistake = InternalError("the program does not accept the call it was made for")
                return fallback.after_mistake(self, call, mistake, extra)[0]
            return fallback.failed(self, made, call, extra)
        if self.engine == "jax":  # so that the next call needs no copies for the host
            self._recall(made, call)()
        return result

    def refuse_vectors(self) -> NoReturn:
        """Raise what says that the tangents or cotangents do not fit."""
        problem, remedy = self.transformation.misfit
        raise ShapeError(
            f"{self.transformation.name} of {self.signature.title}: {problem}.",
            code="AD202",
            remedy=remedy,
        )

    def _call_strictly(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], extra: tuple[Any, ...]
    ) -> Any:
        """A call under an ``np.errstate`` that raises, calls or records: NumPy runs the function.

        A derivative has the errors of the function, which is run beside it, unless that would have
        effects twice; what its own formulas divide by is nothing that NumPy would tell.
        """
        if self.transformation.is_value:
            return fallback.plain(self, self.bind(args, kwargs))
        with np.errstate(all="ignore"):
            result = self.call(args, kwargs, extra)
            call = self.bind(args, kwargs)
        if not self._has_effects() and not _agree(
            fallback.run_plainly(self, call), fallback.run_quietly(self, call)
        ):
            title = self.signature.title
            raise UnsupportedError(
                f"{title} cannot be differentiated here: it handles a floating-point error that "
                "np.errstate raises, and returns something else.",
                code="AD304",
                remedy="compute what the handler gives by np.where, or leave out the np.errstate",
            )
        return result

    def _has_effects(self) -> bool:
        """Whether a call has done more than compute, so that it must not run twice."""
        made = [s for found in self.specialisations.values() for s in found]
        return self.had_effects or any(s.captured.has_effects for s in made)

    def _recall(self, specialisation: Specialisation, call: Call) -> Callable[[], None]:
        """What has later calls like this one recognised, once it has run."""
        if specialisation.recalled or len(self.recalled) >= MAXIMUM_RECALLED:
            return _nothing
        recognise = self._recogniser(specialisation, call)
        fast = None
        args, kwargs = call.as_given
        if recognise is not None and not (
            "float" in call.roles and self.transformation.gives_value
        ):
            # Else the value is that of the ints.
            direct = fast_path(self.signature, specialisation, call)[0]
            if direct is no_fast_path or _leaves_out(call) or kwargs:
                fast = structured_path(self.signature, specialisation, call)

        def learn() -> None:
            specialisation.recalled = True
            if recognise is not None:
                self.recalled = ((recognise, specialisation), *self.recalled)
            if fast is not None and kwargs:
                self.named[len(args), *kwargs] = fast
            elif fast is not None:
                self.fast, self.answering = fast, None

        return learn

    def _recogniser(self, specialisation: Specialisation, call: Call) -> recall.Recognise | None:
        if any(map(is_complex, call.roles)):
            return None  # the leaves are not the objects themselves
        signature = self.signature
        if signature.signature is None:
            return None
        parameters = signature.parameters
        if call.positional is not None:
            if call.positional < sum(x is not NOT_GIVEN for x in call.given):
                return None
            parameters = [by_position(p) for p in parameters]
        return recall.compile_recognise(
            None if signature.forwards else signature.holder,
            parameters,
            call,
            NOT_GIVEN,
            specialisation.input_leaves,
        )

    def _specialise(
        self, call: Call, structure: tuple[Any, ...]
    ) -> Specialisation | str | Exception:
        """A specialisation, or the reason why there is none, or what the user's code raised."""
        try:
            specialisation = self._specialise_generally(call, structure)
            if specialisation is not None:
                return specialisation
            specialisation = self.compile(call)
        except InternalError as error:
            return error
        except Bail as problem:
            return fallback.reason_at(problem.reason, problem.source)
        except UndecidedExtent as problem:
            return str(problem)
        except AutodiffError as error:
            if call.can_be_taken_apart:  # taken apart, it may be compiled, or have another error
                return error
            is_value = self.transformation.is_value
            outside = isinstance(error, (UnsupportedError, DtypeError))  # of what is compiled
            if error.arose is None and not (is_value and outside):
                raise  # about the call, not about what the function does
            if is_value and not isinstance(error, (ShapeError, ArgumentError)):
                return fallback.reason_at(error.message, error.source)
            return error
        except WARNINGS_OF_COMPILING:  # as the user has it: an error
            raise
        except Exception as error:
            if is_signal_handlers(error):
                raise
            return as_internal(error) if is_ours(error) else error
        self._keep(specialisation, call.key)
        if self.engine == "native":
            bytecode.note()
        self._go_fast(specialisation, call)
        return specialisation

    def _go_fast(self, specialisation: Specialisation, call: Call) -> None:
        """Have the next call of this kind go straight to the entry, also in the next process."""
        fast, fast_with = fast_path(self.signature, specialisation, call)
        if fast is not no_fast_path:
            storing.note(self, specialisation, call)
        if _leaves_out(call):
            fast = fast_with = no_fast_path
        self.fast, self.fast_with, self.answering = fast, fast_with, specialisation

    def _specialise_generally(
        self, call: Call, structure: tuple[Any, ...]
    ) -> Specialisation | None:
        """A specialisation that reads ints, and sizes that have differed, at run time.

        Where that is not possible, or where an int turns out to shape the program, calls of this
        structure are compiled for each of their sizes and ints.
        """
        always = self.transformation.open_axes(self.signature, call)
        before = self.seen.setdefault(structure, [])
        if structure in self.fixed:
            return None
        general = generality(call, before, True, always)
        shapes = call.shapes()
        if shapes not in before and len(before) < MAXIMUM_SHAPES:
            before.append(shapes)
        if not general:
            return None
        try:
            specialisation = self.compile(call, general=general)
        except WARNINGS_OF_COMPILING:
            raise
        except Exception as problem:  # compiling for fixed sizes tells better what it is
            if is_signal_handlers(problem) or is_ours(problem):
                raise
            debug.show(
                1,
                f"autodiff: {self.signature.title} is compiled for fixed sizes: {text_of(problem)}",
            )
            self.fixed.add(structure)
            return None
        if specialisation.captured.specialised_leaves & general.ints:
            self.fixed.add(structure)
            return None
        self._keep(specialisation, structure)
        self._go_fast(specialisation, call)
        return specialisation

    def _keep(self, specialisation: Specialisation, key: tuple[Any, ...]) -> None:
        """Add a specialisation; where there are too many, the one used least recently goes.

        So do those for functions that are no more.  Lists are exchanged, not changed: another thread
        may be looking through them.
        """
        specialisation.used = next(self.clock)
        alive = {k: [s for s in v if not s.is_dead] for k, v in self.specialisations.items()}
        self.specialisations = {k: v for k, v in alive.items() if v}
        self.recalled = tuple([one for one in self.recalled if not one[1].is_dead])
        self.specialisations[key] = [*self.specialisations.get(key, ()), specialisation]
        found = [(s.used, k, s) for k, group in self.specialisations.items() for s in group]
        if len(found) > MAXIMUM_PROGRAMS:
            _, of_key, oldest = min(found, key=lambda one: one[0])
            left = [s for s in self.specialisations[of_key] if s is not oldest]
            if left:
                self.specialisations[of_key] = left
            else:
                del self.specialisations[of_key]
            self.recalled = tuple([one for one in self.recalled if one[1] is not oldest])
        for table in (self.seen, self.declined):
            while len(table) > MAXIMUM_SIGNATURES:
                del table[next(iter(table))]
        for known in (self.fixed, self.apart):
            if len(known) > MAXIMUM_SIGNATURES:
                known.clear()

    def prepare(self, args: tuple[Any, ...]) -> None:
        """Compile for a call that is not made yet; what cannot be compiled is told by its call."""
        with self.lock:
            self.first_way(lambda call: self._specialise(call, call.structure()), args, {})

    def run_once(
        self, specialisation: Specialisation, call: Call, extra: tuple[Any, ...] = ()
    ) -> Any:
        """Run a specialisation made for this call."""
        result = run(self, specialisation, call, extra)
        return NotImplemented if result is UNFIT else result
