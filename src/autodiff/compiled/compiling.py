"""From one call to a specialisation: capture, differentiate, optimise, make machine code.

    captured    the program of the call as the function is written         (capture)
    plan        that of the transformation, after the passes               (transform, passes)
    compile     a specialisation that runs it, with its guards as code     (engines)

What is made depends on the call alone: nothing is remembered here.  ``AUTODIFF_DEBUG`` shows each
step.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autodiff import debug, lookups
from autodiff.capture import Captured, Leaf, capture
from autodiff.capture.given import kind_of
from autodiff.capture.lifetimes import let_go
from autodiff.capture.paths import Path, compile_reader
from autodiff.compiled.after import After, follow
from autodiff.compiled.binding import Call, Rebuild, Signature, flattened, rebuilding
from autodiff.compiled.generality import Generality
from autodiff.compiled.results import result_maker, result_tree
from autodiff.compiled.specialisation import Specialisation
from autodiff.compiled.warned import listen
from autodiff.engines import InputForm, executable, run_native
from autodiff.errors import (
    WARNINGS_OF_COMPILING,
    AutodiffError,
    InternalError,
    NotScalarError,
    SequentialWarning,
    is_signal_handlers,
)
from autodiff.garbage import few_collections
from autodiff.ir.data import Program
from autodiff.ir.printing import format_type
from autodiff.ir.results import ResultTree
from autodiff.ladder import Declined
from autodiff.later import later
from autodiff.passes import optimize
from autodiff.signals import Arose, Signal, as_internal, refuse_ours
from autodiff.stack import users_depth, with_room
from autodiff.tables import Column
from autodiff.tracebacks import depth_of_user
from autodiff.transform.plans import Plan, Transformation

if TYPE_CHECKING:
    from autodiff.compiled import writing
    from autodiff.engines.jax import advice
else:
    advice = later("autodiff.engines.jax.advice")
    writing = later("autodiff.compiled.writing")

T = TypeVar("T")


class Vectors(tuple[Any, ...]):
    """Inputs beside those of a call; ``given`` is what they were made of."""

    given: Any

    def __new__(cls, items: Iterable[Any], given: Any) -> Vectors:
        """The inputs."""
        made = super().__new__(cls, items)
        made.given = given
        return made


class Compiler:
    """A function, a transformation of it, and the engine to compile for."""

    def __init__(
        self,
        function: Any,
        transformation: Transformation,
        engine: str,
        threads: int,
        device: str | None = None,
    ) -> None:
        self.function = function
        self.transformation = transformation
        self.engine = engine
        self.threads = threads
        self.device = device
        self.signature = Signature(function)
        self.warned: set[str] = set()  # what was said of it
        self.names: set[lookups.Name] = set()  # of libraries, which programs stand on

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Bind a call and flatten its arguments, lists of numbers too."""
        return flattened(self.signature, self.transformation, args, kwargs)

    def bind_whole(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Bind a call and flatten its arguments, but for lists of numbers or records, which are arrays."""
        whole, tables = self.transformation.takes_lists, self.transformation.takes_tables
        return flattened(self.signature, self.transformation, args, kwargs, whole, tables)

    def taken_apart(self, call: Call) -> Call:
        """The call with lists flattened."""
        if not call.can_be_taken_apart:
            return call
        return self.bind(*call.as_given)

    def other_way(self, call: Call, extra: tuple[Any, ...]) -> tuple[Call, tuple[Any, ...]]:
        """The call with lists of records flattened, if it has any, else all lists; its vectors."""
        if not call.has_tables:
            return self.taken_apart_with(call, extra)
        whole = self.transformation.takes_lists
        apart = flattened(self.signature, self.transformation, *call.as_given, whole)
        return apart, self._vectors_again(apart, extra)

    def vectors_for(self, call: Call, vectors: Any) -> Vectors:
        """The vectors that belong to a call, as inputs of the program."""
        return Vectors(self.transformation.extra(self.signature, call, vectors), vectors)

    def taken_apart_with(self, call: Call, extra: tuple[Any, ...]) -> tuple[Call, tuple[Any, ...]]:
        """The call with lists of numbers flattened, and so the vectors that belong to it."""
        apart = self.taken_apart(call)
        return apart, extra if apart is call else self._vectors_again(apart, extra)

    def _vectors_again(self, call: Call, extra: tuple[Any, ...]) -> tuple[Any, ...]:
        return self.vectors_for(call, extra.given) if isinstance(extra, Vectors) else extra

    def first_way(self, make: Callable[[Call], T], args: Any, kwargs: dict[str, Any]) -> T:
        """What is made of a call with lists as arrays, or else with their numbers one by one."""
        return self._first_way(make, self.bind_whole(args, kwargs))

    def _first_way(self, make: Callable[[Call], T], call: Call) -> T:
        if not call.can_be_taken_apart:
            return make(call)
        try:
            return make(call)
        except (InternalError, *WARNINGS_OF_COMPILING):
            raise
        except (
            Exception
        ) as error:  # of the user's, or ours on purpose: the other way tells it better
            refuse_ours(error)
            return self._first_way(make, self.other_way(call, ())[0])

    def rebuild(self, call: Call) -> Rebuild:
        """From leaf values to the arguments and keywords of the call."""
        return rebuilding(self.signature, call)

    def captured(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> Captured:
        """Capture one call."""
        if lookups.state.replaced:  # what rules are written in
            name = lookups.state.replaced
            raise Declined(f"{name}, in whose place another was put since autodiff was imported")
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
            self.warned,
            _run_long if self.engine != "numpy" and not eager else None,
            # A derivative by a default takes it for an argument of its own.
            call.slots if self.transformation.is_value else call.given,
            self.transformation.handing,
        )

    def plan(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> tuple[Captured, Plan]:
        """Capture, transform and optimise one call."""
        started = time.perf_counter()
        captured = self.captured(call, eager, general)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: captured\n{captured.program}")
        with _our_own(self.transformation.name, captured):
            plan = self._planned(captured, call)
        elapsed = (time.perf_counter() - started) * 1e3
        debug.show(
            1,
            f"autodiff: {self.transformation.name} of {self.signature.title} captured in {elapsed:.1f} ms",
        )
        return captured, plan

    def _planned(self, captured: Captured, call: Call) -> Plan:
        plan = self.transformation.apply(self.signature, captured, call)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: {self.transformation.name}\n{plan.program}")
        plan.program = optimize(plan.program)
        if debug.level() >= 2:
            debug.show(2, f"# {self.signature.title}: optimised\n{plan.program}")
        return plan

    def compile(
        self, call: Call, eager: bool = False, general: Generality | None = None
    ) -> Specialisation:
        """A specialisation for one call."""
        with few_collections():
            return with_room(users_depth(), self._compile, call, eager, general)

    def _compile(self, call: Call, eager: bool, general: Generality | None) -> Specialisation:
        changes = lookups.state.changes
        captured, plan = self.plan(call, eager, general)
        self.names |= captured.lookups
        if lookups.state.changes != changes:
            raise Declined("a name of a library that another thread has replaced meanwhile")
        if captured.changed_argument is not None and self.transformation.is_value:
            raise captured.changed_argument
        forms = [
            InputForm(r.form, r.value.type, _floats_of(call, r.leaf)) for r in captured.inputs
        ] + plan.extra_inputs
        writes: tuple[writing.Write, ...] = ()
        if plan.write_back:
            plan.program, plan.output_forms, writes = writing.written(
                plan.program, plan.output_forms, captured.mutated
            )
        after: tuple[After, ...] = ()
        if captured.watched and self.engine != "jax":
            plan.program, plan.output_forms, after = follow(plan.program, plan.output_forms)
        ready = result_tree(captured, plan, bool(after))
        outputs: ResultTree = tuple(range(len(plan.output_forms)))
        result = outputs if ready is None else (ready, outputs) if after else ready
        started = time.perf_counter()
        engine = "numpy" if eager else self.engine
        if engine == "jax":
            self._warn_of_sequences(plan.program)
        modules = lookups.modules_of(captured.lookups)
        given = plan.output_forms, result, engine, self.threads, self.device, modules
        with _our_own(f"the {engine} engine", captured):
            run = executable(plan.program, forms, *given)
        elapsed = (time.perf_counter() - started) * 1e3
        debug.show(
            1,
            f"autodiff: {self.signature.title} compiled by the {engine} engine in {elapsed:.1f} ms",
        )
        if debug.level() >= 4 and run.llvm is not None:
            debug.show(4, run.llvm())
        if debug.level() >= 5 and run.assembly is not None:
            debug.show(5, run.assembly())
        if not eager and captured.trace is not None:
            let_go(captured, self.function)
        hidden = [r.path for r in captured.inputs if r.leaf is None]
        reader = (
            _reader_of_examples(captured)
            if eager
            else compile_reader(captured.guards, [*hidden, *captured.objects])
        )
        if not eager and captured.trace is not None:
            captured.trace.forget()
        leaves = [r.leaf for r in captured.inputs if r.leaf is not None]
        specialisation = Specialisation(
            captured,
            plan,
            run,
            reader,
            leaves,
            forms,
            ready is not None,
            None if ready is not None else result_maker(captured, plan),
            general or Generality(),
            lists=tuple(
                (at, kind_of(call.leaves[k]), call.roles[k] == "float")
                for at, k in enumerate(leaves)
                if k in call.lists
            ),
            arguments=tuple(self._arguments(call, captured)),
            after=after,
            writes=writes,
            remake=(lambda program, forms: executable(program, forms, *given))
            if engine == "native"
            else None,
            is_value=self.transformation.is_value,
        )
        listen(self, specialisation)
        return specialisation

    def _warn_of_sequences(self, program: Program) -> None:
        """Say what a GPU does slowly, before it is sent there."""
        if not advice.is_accelerator(self.device):
            return
        for text in advice.sequences(program):
            if text not in self.warned:
                self.warned.add(text)
                title = self.signature.title
                warnings.warn(f"{title}: {text}", SequentialWarning, stacklevel=depth_of_user())

    def _title(self, call: Call, leaf: int) -> str:
        """How the user calls an argument leaf: ``argument x``, ``argument x['w']``."""
        slot = call.slot_of[leaf]
        names = self.signature.names
        name = names[slot] if slot < len(names) else f"{slot}"
        return "argument " + call.paths[leaf].replace(f"args[{slot}]", name, 1)

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


def _floats_of(call: Call, leaf: int | None) -> type | Column | None:
    """The type of the floats in a list that is an array of theirs to the program, or the column that is one."""
    if leaf is None:
        return None
    if leaf not in call.lists:
        return call.columns.get(leaf) if call.has_tables else None
    kind = kind_of(call.leaves[leaf])
    return kind if kind in (float, np.float64) else None


def _run_long(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """Run what capture has to know, where NumPy would take long."""
    debug.show(1, f"autodiff: a long {program.name} loop is run to know a value at this call")
    return run_native(optimize(program), inputs)


@contextmanager
def _our_own(stage: str, captured: Captured) -> Iterator[None]:
    """No code of the user's runs here: whatever it raises but our errors on purpose is a mistake."""
    try:
        yield
    except InternalError as error:
        error.arose = Arose(None, captured.has_effects)
        raise
    except NotScalarError as error:  # what the function itself raises comes first
        error.arose = Arose(error.source, captured.has_effects)
        raise
    except (AutodiffError, Signal, MemoryError, RecursionError, *WARNINGS_OF_COMPILING):
        raise
    except Exception as error:
        if is_signal_handlers(error):
            raise
        internal = as_internal(error, stage)
        internal.arose = Arose(None, captured.has_effects)
        raise internal from error


def _reader_of_examples(captured: Captured) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What an uncompiled call read: it may have changed what it read it from."""
    examples = tuple([r.example for r in captured.inputs if r.leaf is None])
    return lambda args: examples
