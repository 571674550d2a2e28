"""Tracing through several functions, and naming what was met on the way.

    tracer = Symbolic()
    a = tracer.trace(f, x)                # runs f(x), and remembers
    b = tracer.trace(g, a)
    slope = tracer.compile_gradient(inputs=x, outputs=b, wrt=weights, reduction=np.sum)

A :class:`Symbolic` keeps a recording: which functions were called with which objects, and what they
returned.  A compiled function replays the recording, with the objects that are named as inputs
replaced by its arguments; it is captured like any function (:class:`Replay` is what capture meets),
so its branches, loops, guards and shapes behave as those of ``autodiff.function``.  What a recording
read and nobody named keeps the value it had when it was traced.

``tag`` names a value from within a function, ``constant`` makes one part of the program.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from keyword import iskeyword
from types import MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import transform, tree
from autodiff.api import _WithVectors
from autodiff.capture import Captured, Declined, NotStaged, Result
from autodiff.capture.calls import call as call_inside
from autodiff.capture.naming import (
    Naming,
    Tagged,
    Tags,
    constant_inside,
    distinct,
    refuse_untagged_uses,
    single,
    tag_inside,
)
from autodiff.capture.nested import call_frame
from autodiff.capture.paths import Path
from autodiff.capture.trace import Trace
from autodiff.compiled import Call, Compiled, depth_of_user
from autodiff.differentiate.custom import inline
from autodiff.dims import UndecidedExtent
from autodiff.errors import (
    ArgumentError,
    AutodiffError,
    FallbackWarning,
    NameArgumentError,
    NotScalarError,
    UnsupportedError,
)
from autodiff.ir.data import Block, Program
from autodiff.ops.builder import building
from autodiff.ops.tracer import Tracer
from autodiff.transform import Named, Plan, Transformation, Wrt

# What tags the plain run of a traced function; None outside of Symbolic.trace.
_recording: ContextVar[_Recording | None] = ContextVar("autodiff_recording", default=None)


# -- in the user's functions ---------------------------------------------------------------------------
def tag(x: Any, key: Hashable) -> Any:
    """``x`` itself, known by ``key`` from now on.

    Parameters
    ----------
    x : array_like or container of them
        Any value of a function.  In plain Python nothing happens to it.
    key : hashable
        The name.  ``f.s_vars[key]`` shows the value after a call of a compiled ``f``; ``wrt=key``
        differentiates by it; :class:`Symbolic` takes it as input and output as well.

    Returns
    -------
    array_like
        ``x``.  Go on with what ``tag`` returns, ``y = tag(y, key)``: where the untagged value of a
        tag that is an input or is differentiated by is used too, that is an error.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> @autodiff.function
    ... def local(x):
    ...     y = autodiff.tag(x + 2, "y_var")
    ...     return y * 3
    >>> local(10.0)
    36.0
    >>> local.s_vars["y_var"].type
    ArrayType(dtype=dtype('float64'), shape=(), weak=True)
    >>> autodiff.gradient(local, wrt="y_var")(10.0)
    3.0
    """
    recording = _recording.get()
    if recording is not None and not isinstance(x, Tracer):
        recording.tagged(key, x)
    return x


def constant(x: Any) -> Any:
    """``x`` as a static value: the program is compiled for the value it has.

    Parameters
    ----------
    x : array_like or container of them
        Any value; in plain Python nothing happens to it.  A call with another value is compiled
        for that value.

    Returns
    -------
    array_like
        ``x``.

    Raises
    ------
    DerivativeError
        if ``x`` carries a derivative, which would be lost.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> along = autodiff.function(lambda x, a: x.sum(axis=autodiff.constant(a)))
    >>> along(np.ones((2, 3)), 0), along(np.ones((2, 3)), 1)
    (array([2., 2., 2.]), array([3., 3.]))
    """
    return x._concretizer()(x, leaves=True) if isinstance(x, Tracer) else x


# How capture treats calls of these.
tag.__autodiff_inline__ = tag_inside  # type: ignore[attr-defined]
constant.__autodiff_inline__ = constant_inside  # type: ignore[attr-defined]


# -- the recording -------------------------------------------------------------------------------------
@dataclass
class _Met:
    """An object met while tracing, and the value it had then."""

    obj: Any
    snapshot: Any
    last: Any  # the content after the last step
    title: str
    places: set[str] = field(default_factory=set)


@dataclass
class _Step:
    """One traced call."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    title: str
    reads: set[int] = field(default_factory=set)  # ids of the objects it was given or found
    result: Any = None
    results: list[Any] = field(default_factory=list)  # leaves of what it returned
    changed: set[int] = field(default_factory=set)  # ids of arrays it stored into
    tags: set[Any] = field(default_factory=set)


class _Recording:
    """Steps and the objects met, by identity.  Objects are kept alive, so ids are never reused."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self.met: dict[int, _Met] = {}
        self.by_path: dict[str, int] = {}  # objects read from globals, closures and attributes
        self.tags: dict[Any, list[Any]] = {}  # objects tagged in plain runs
        self.shown: dict[Any, Any] = {}  # structures of Tagged
        self.alive: list[Any] = []

    def meet(self, obj: Any, title: str, place: str) -> None:
        """Note an object; its first value is the one it keeps."""
        if not _has_identity(obj):
            return
        known = self.met.get(id(obj))
        if known is None:
            copy = _copied(obj)
            known = self.met[id(obj)] = _Met(obj, copy, copy, title)
        known.places.add(place)

    def tagged(self, key: Any, x: Any) -> None:
        """Note what a plain run tags."""
        self.tags.setdefault(key, []).append(x)
        self.alive.append(x)

    def refuse_changes(self, step: _Step) -> None:
        """What a step reads must hold what the steps before left in it."""
        for number in step.reads:
            known = self.met[number]
            if not _same(known.obj, known.last):
                raise NameArgumentError(
                    f"{known.title} was changed between two traces, which a recording does not see.",
                    remedy="make the change in a function, and trace that",
                )

    def note_changes(self, step: _Step) -> None:
        """Find the arrays that a step stored into."""
        for number, known in self.met.items():
            if not _same(known.obj, known.last):
                step.changed.add(number)
                known.last = _copied(known.obj)


def _has_identity(obj: Any) -> bool:
    """Whether an object is an array or number that can be told from an equal one."""
    if isinstance(obj, np.bool_):
        return False
    return type(obj) is float or (
        isinstance(obj, (np.ndarray, np.generic)) and obj.dtype.kind in "fiub"
    )


def _copied(obj: Any) -> Any:
    return np.array(obj) if isinstance(obj, np.ndarray) else obj


def _same(obj: Any, last: Any) -> bool:
    if not isinstance(obj, np.ndarray):
        return True
    return obj.shape == last.shape and np.array_equal(obj, last, equal_nan=obj.dtype.kind == "f")


def _leaves(x: Any) -> list[Any]:
    return tree.flatten(x)[0] if tree.is_container(x) else [x]


def _own_floats(x: Any) -> Any:
    """``x`` with each Python float a new object, since Python shares equal literals."""
    if tree.is_container(x):
        leaves, definition = tree.flatten(x)
        if not any(type(leaf) is float for leaf in leaves):
            return x
        return tree.unflatten(definition, [_own_floats(leaf) for leaf in leaves])
    return np.float64(x).item() if type(x) is float else x


# -- what a compiled function runs -----------------------------------------------------------------------
class Replay:
    """The steps of a recording as one function of the named inputs.

    Returns a flat tuple: the outputs, then, with a reduction, the reduced output.
    """

    def __init__(
        self,
        recording: _Recording,
        steps: Sequence[_Step],
        inputs: Sequence[Any],
        names: Sequence[str],
        outputs: Sequence[Any],
        reduction: Callable[..., Any] | None,
        title: str,
    ) -> None:
        self.recording = recording
        self.steps = steps
        self.inputs = inputs  # objects, or _Tag
        self.outputs = outputs
        self.reduction = reduction
        self.__name__ = self.__qualname__ = title
        self.__doc__ = f"Recorded: {', '.join(s.title for s in steps)}."
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The values, traced along the path of this call and run by the reference engine."""
        compiled = Compiled(self, Transformation())
        call = compiled.bind(args, kwargs)
        return compiled.run_once(compiled.compile(call, eager=True), call)

    def __autodiff_inline__(self, trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call: the steps one after the other."""
        return _Player(self, trace, args).play()


@dataclass(frozen=True)
class _Tag:
    """A tag among inputs or outputs."""

    key: Any


@dataclass(frozen=True)
class _Place:
    """A result without identity (a Python int): which leaf of which step's result."""

    step: int
    leaf: int


class _Player:
    """One replay in a capture: what stands for each object so far."""

    def __init__(self, replay: Replay, trace: Trace, args: Sequence[Any]) -> None:
        self.replay = replay
        self.recording = replay.recording
        self.trace = trace
        self.stands: dict[int, Any] = {}
        self.given: set[int] = set()
        self.places: dict[_Place, Any] = {}
        tags = {}
        for name, value in zip(replay.inputs, args, strict=True):
            if isinstance(name, _Tag):
                tags[name.key] = value
            else:
                self.stands[id(name)] = value
                self.given.add(id(name))
        trace.naming.given = tags
        trace.stand_in = self.stand_in

    def play(self) -> tuple[Any, ...]:
        """Run the steps; the outputs."""
        frame = call_frame(self.trace)
        node = frame.scope.syntax.node
        for step in self.replay.steps:
            owner = step.function
            owner = owner.__self__ if isinstance(owner, MethodType) else owner
            if not isinstance(owner, type | ModuleType):
                self.trace.remember(owner, Path.root(owner, "self"))
            args = [self.argument(a) for a in step.args]
            kwargs = {k: self.argument(a) for k, a in step.kwargs.items()}
            result = call_inside(frame, step.function, args, kwargs, node)
            self.returned(step, result)
        found = [self.output(o) for o in self.replay.outputs]
        if self.replay.reduction is not None:
            found.append(call_inside(frame, self.replay.reduction, [found[0]], {}, node))
        return tuple(found)

    def stand_in(self, obj: Any, path: Path) -> Any:
        """What is taken for an object that captured code reads by a path; None: the object."""
        if not _has_identity(obj):
            return None
        known = self.recording.by_path.get(path.text)
        if known is not None:
            return self.held(known)
        # Read on a path that was not traced: another value, unless it is an array that is named.
        return self.stands.get(id(obj)) if type(obj) is not float else None

    def held(self, number: int) -> Any:
        """What stands for an object of the recording; if nothing does, the value it had."""
        found = self.stands.get(number)
        if found is None:
            known = self.recording.met[number]
            path = Path.root(known.snapshot, "kept")
            found = self.trace.add_input(known.snapshot, path, None, _identifier(known.title))
            self.stands[number] = found
            self.trace.named.setdefault(number, []).append(found.value)
            if any(known.obj is x for x in self.trace.naming.objects):
                self.trace.differentiable.add(found.value)
        return found

    def argument(self, x: Any) -> Any:
        """An argument of a step: arrays as they now stand, containers around them."""
        if id(x) in self.stands:
            return self.stands[id(x)]
        if tree.is_container(x):
            leaves, definition = tree.flatten(x)
            made = tree.unflatten(definition, [self.argument(leaf) for leaf in leaves])
            # One object for all steps, since a step may change it.
            self.stands[id(x)] = self.trace.fresh(made)
            return made
        if id(x) in self.recording.met and _has_identity(x):
            return self.held(id(x))
        return self.trace.lift(x, Path.root(x, "a"))

    def returned(self, step: _Step, result: Any) -> None:
        """Note what stands for the objects that a step returned."""
        found = _leaves(result)
        if len(found) != len(step.results):
            raise UnsupportedError(
                f"{step.title} returned {len(step.results)} values when it was traced and returns "
                f"{len(found)} on the path of this call.",
                remedy="trace the functions again for such arguments",
            )
        for k, (obj, value) in enumerate(zip(step.results, found, strict=True)):
            self.places[_Place(id(step), k)] = value
            if not _has_identity(obj) or id(obj) in self.given:
                continue
            made_here = id(obj) not in step.reads
            if made_here and any(obj is x for x in self.trace.naming.objects):
                value = value if isinstance(value, Tracer) else Tracer.constant(value)
                value = Tracer(distinct(self.trace, value.value), value.form)
                self.trace.named[id(obj)] = [value.value]
                self.trace.differentiable.add(value.value)
            self.stands[id(obj)] = value

    def output(self, wanted: Any) -> Any:
        """The value of an output."""
        if isinstance(wanted, _Tag):
            tagged = single(self.trace.naming, wanted.key, self.replay.__name__)
            return Tracer(tagged.value, tagged.form)  # type: ignore[arg-type]
        if isinstance(wanted, _Place):
            return self.places[wanted]
        return self.stands[id(wanted)] if id(wanted) in self.stands else self.held(id(wanted))


# -- what is computed from the outputs -------------------------------------------------------------------
class _Combination(transform.Derivative):
    """The values of the outputs, the gradient, the Hessian-vector product: any of them."""

    name = "symbolic function"

    def __init__(
        self,
        replay: Replay,
        definition: Any,
        wrt: Wrt,
        value: bool,
        gradient: bool,
        hessian_vector: bool,
    ) -> None:
        super().__init__(wrt)
        self.replay = replay
        self.definition = definition  # structure of the outputs
        self.value = value
        self.derivatives: list[transform.Derivative] = []
        if gradient:
            self.derivatives.append(transform.Gradient(wrt))
        if hessian_vector:
            self.derivatives.append(transform.HessianVector(wrt))
        self.multiplies = hessian_vector

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        return super().integer_slots_as_float(signature, slots) if self.derivatives else set()

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        return super().differentiated_leaves(signature, call) if self.derivatives else []

    def naming(self, signature: Any) -> Naming | None:
        asked = (super().naming(signature) if self.derivatives else None) or Naming()
        outputs = frozenset(o.key for o in self.replay.outputs if isinstance(o, _Tag))
        return replace(asked, outputs=outputs)

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        for key in captured.naming.given:
            tagged = single(captured.naming, key, signature.title)
            refuse_untagged_uses(captured.program, tagged)
        leaves = captured.result.leaves
        n = len(self.replay.outputs)
        plans = []
        if self.value:
            plans.append(_values(captured, leaves[:n], self.definition))
        for derivative in self.derivatives:
            derivative.found = self.found
            # The reduced output comes last; without a reduction it is the only one.
            part = replace(_own_program(captured), result=Result([leaves[-1]], None))
            plans.append(derivative.apply(signature, part, call))
        return plans[0] if len(plans) == 1 else _joined(plans, captured)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return self.vectors(signature, call, vectors, "hessian_vector") if self.multiplies else ()


def _own_program(captured: Captured) -> Captured:
    """The capture with a program whose outputs may be changed."""
    block = captured.program.block
    own = Block(list(block.parameters), list(block.operations), list(block.outputs))
    return replace(captured, program=Program(own, captured.program.name))


def _values(captured: Captured, leaves: Sequence[tuple[Any, ...]], definition: Any) -> Plan:
    """The outputs as they are."""
    captured = _own_program(captured)
    outputs: list[Any] = []
    forms: list[str] = []
    plans: list[tuple[Any, ...]] = []
    for leaf in leaves:
        if leaf[0] != "output":
            plans.append(leaf)
            continue
        plans.append(("output", len(outputs), leaf[2]))
        outputs.append(captured.program.outputs[leaf[1]])
        forms.append(leaf[2])
    captured.program.block.outputs = outputs
    return Plan(captured.program, forms, Result(plans, definition))


def _joined(plans: Sequence[Plan], captured: Captured) -> Plan:
    """One program for several plans; the result is the tuple of theirs."""
    n = len(captured.inputs) + len(captured.extents)
    forms: list[str] = []
    extra = []
    structures = []
    with building() as builder:
        shared = list(captured.program.inputs)
        builder.block.parameters = list(shared)
        outputs: list[Any] = []
        for plan in plans:
            own = plan.program.inputs[n:]
            builder.block.parameters += own
            first = len(outputs)
            outputs += inline(builder, plan.program.block, [*shared, *own], {})
            forms += plan.output_forms
            extra += plan.extra_inputs
            slots = [
                transform.slot(
                    ("output", leaf[1] + first, leaf[2]) if leaf[0] == "output" else leaf
                )
                for leaf in plan.result.leaves
            ]
            definition = plan.result.definition
            structures.append(slots[0] if definition is None else tree.unflatten(definition, slots))
        builder.block.outputs = outputs
    result = transform.result_of(tuple(structures))
    return Plan(Program(builder.block, captured.program.name), forms, result, extra)


class SymbolicFunction(_WithVectors):
    """A function compiled from a recording: called with one value for each of its inputs.

    With a Hessian-vector product, the vectors are passed as ``_tensors``.  ``cache``, ``ir``,
    ``explain`` and the like are those of :class:`autodiff.Function`.
    """

    def __init__(self, replay: Replay, combination: _Combination, **options: Any) -> None:
        self._combination = combination
        super().__init__(replay, **options)

    def _transformation(self, wrt: Wrt) -> Transformation:
        return self._combination

    def __call__(self, *args: Any, _tensors: Any = None, **kwargs: Any) -> Any:
        if not self._combination.multiplies:
            if _tensors is not None:
                raise NameArgumentError(
                    f"{self._compiled.signature.title} takes no _tensors: it has no Hessian-vector product.",
                    code="AD108",
                    remedy="compile it with hessian_vector=True",
                )
            return super().__call__(*args, **kwargs)
        if _tensors is None:
            raise NameArgumentError(
                f"{self._compiled.signature.title} needs the vectors to multiply with.",
                code="AD108",
                remedy="pass _tensors=v, with a tuple of vectors for several arguments",
            )
        return self._call_with(args, kwargs, _tensors)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a function compiled by Symbolic cannot be pickled: its recording names objects of this "
            "process"
        )

    def __repr__(self) -> str:
        count = len(self.cache)
        inputs = ", ".join(self._compiled.signature.names)
        return (
            f"<autodiff symbolic function of ({inputs}): {self.__doc__} "
            f"{count} specialisation{'s' * (count != 1)}>"
        )


# -- the public class --------------------------------------------------------------------------------------
class Symbolic:
    """A recording of traced calls, from which functions and derivatives are compiled.

    ``trace`` runs functions on arrays and remembers what they did.  Any array or number met on the
    way can then be named as an input, as an output, or as what to differentiate by: arguments,
    globals, values of closures, attributes and results by the object itself; values inside of a
    function by their :func:`tag`.

    What is not named as an input keeps the value it had when it was traced.  Branches and loops are
    compiled as by :func:`autodiff.function`, so a compiled function takes the path that its
    arguments ask for; where an int, a flag or a function that shaped the recording changes, it is
    captured again.

    A Python float is known by its object too; one that was met in several places is refused as a
    name, since Python shares equal literals.  Ints and bools have no identity: tag them, or use
    NumPy's.

    Parameters
    ----------
    engine, threads, on_fallback
        As for :func:`autodiff.function`; they hold for every function compiled.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> weights = np.array([1.0, 2.0, 3.0])
    >>> def shift(x):
    ...     return x + 2
    >>> def weigh(x):
    ...     return x * weights
    >>> def local(x):
    ...     z = autodiff.tag(np.ones(3), "z")
    ...     return (x + z) ** 2
    >>> x = np.zeros(3)
    >>> tracer = autodiff.Symbolic()
    >>> a = tracer.trace(shift, x)
    >>> b = tracer.trace(weigh, a)
    >>> c = tracer.trace(local, b)
    >>> value = tracer.compile_function(inputs=[x, weights, "z"], outputs=c)
    >>> value(np.ones(3), np.ones(3), np.zeros(3))
    array([9., 9., 9.])
    >>> slope = tracer.compile_gradient(inputs=x, outputs=c, wrt=weights, reduction=np.sum)
    >>> slope(x)
    array([12., 20., 28.])
    """

    def __init__(
        self, *, engine: str = "native", threads: int = 1, on_fallback: str = "warn"
    ) -> None:
        self._options = {"engine": engine, "threads": threads, "on_fallback": on_fallback}
        self._recording = _Recording()

    def __repr__(self) -> str:
        steps = self._recording.steps
        return f"<autodiff.Symbolic: {', '.join(s.title for s in steps) or 'nothing traced'}>"

    @property
    def s_vars(self) -> Tags:
        """The tagged values of the traced functions, by key."""
        return Tags(dict(self._recording.shown), "the traced functions")

    # -- tracing ---------------------------------------------------------------------------------
    def trace(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``fn(*args, **kwargs)`` and remember it.

        Parameters
        ----------
        fn : callable
            Plain NumPy code: a function, a method, a callable object, an autodiff function.
        *args, **kwargs
            Its arguments.  A result of an earlier trace is followed back through that trace.

        Returns
        -------
        object
            What ``fn`` returns: ordinary NumPy values.

        Raises
        ------
        NameArgumentError
            (a ``ValueError``) if an array was changed since an earlier trace, or if a Python int may
            be the result of an earlier trace.
        """
        while isinstance(fn, partial):
            args, kwargs = (*fn.args, *args), {**fn.keywords, **kwargs}
            fn = fn.func
        if not callable(fn):
            raise ArgumentError(
                f"trace needs a function, not {type(fn).__name__}.",
                remedy="pass the function itself and its arguments: trace(f, x)",
            )
        recording = self._recording
        step = _Step(fn, args, kwargs, getattr(fn, "__name__", type(fn).__name__))
        recording.alive += [fn, args, kwargs]
        self._refuse_earlier_ints(step)
        captured, run = self._looked_into(step)
        self._note_reads(step, captured)
        recording.refuse_changes(step)
        result = run() if run is not None else self._run(step)
        step.result = result = _own_floats(result)
        step.results = _leaves(result)
        recording.alive += step.results
        recording.note_changes(step)
        for obj in step.results:
            recording.meet(obj, f"a result of {step.title}", f"the result of {step.title}")
        if captured is not None:
            step.tags = set(captured.naming.tags)
            recording.shown.update({k: v[-1] for k, v in captured.naming.tags.items()})
        recording.steps.append(step)
        return result

    def _run(self, step: _Step) -> Any:
        token = _recording.set(self._recording)
        try:
            return step.function(*step.args, **step.kwargs)
        finally:
            _recording.reset(token)

    def _refuse_earlier_ints(self, step: _Step) -> None:
        """A Python int is one object for all its uses: whose result it is cannot be known."""
        given = [x for a in (*step.args, *step.kwargs.values()) for x in _leaves(a)]
        for before in self._recording.steps:
            for result in before.results:
                if isinstance(result, (int, np.bool_)) and any(result is x for x in given):
                    raise NameArgumentError(
                        f"the {type(result).__name__} {result!r} may be what {before.title} "
                        "returned: it has no identity to follow it by.",
                        remedy=f"have {before.title} return np.int64({int(result)}), or, if it is "
                        "another one, pass that",
                    )

    def _looked_into(self, step: _Step) -> tuple[Captured | None, Callable[[], Any] | None]:
        """A capture of one step alone, which finds what it reads.

        Where it cannot be compiled, its path is traced as it runs; then the run is the result.
        """
        single_step = Replay(_Recording(), [step], (), (), (), None, step.title)
        compiled = Compiled(_Lone(single_step), Transformation())
        call = compiled.bind((), {})
        try:
            return compiled.captured(call), None
        except (Declined, NotStaged, UndecidedExtent, UnsupportedError) as problem:
            return self._traced_as_it_runs(compiled, call, step, problem)
        except AutodiffError:
            raise
        except Exception:
            return None, None  # most likely the user's own error, which the plain run raises

    def _traced_as_it_runs(
        self, compiled: Compiled, call: Call, step: _Step, problem: Exception
    ) -> tuple[Captured, Callable[[], Any]]:
        text = getattr(problem, "message", None) or str(problem)
        if self._options["on_fallback"] == "error":
            raise UnsupportedError(
                f"{step.title} cannot be compiled: {text}.",
                code="AD304",
                source=getattr(problem, "source", None),
                remedy="rewrite that line, or allow uncompiled calls with on_fallback='warn'",
            )
        warnings.warn(
            f"{step.title} is traced uncompiled: {text}", FallbackWarning, depth_of_user()
        )
        specialisation = compiled.compile(call, eager=True)
        return specialisation.captured, lambda: compiled.run_once(specialisation, call)

    def _note_reads(self, step: _Step, captured: Captured | None) -> None:
        recording = self._recording
        given = [*enumerate(step.args), *step.kwargs.items()]
        for name, argument in given:
            where = f"argument {name} of {step.title}"
            for leaf in _leaves(argument):
                if _has_identity(leaf):
                    earlier = any(leaf is r for s in recording.steps for r in s.results)
                    recording.meet(leaf, where, "" if earlier else where)
                    step.reads.add(id(leaf))
        if captured is None:
            return
        assert captured.trace is not None
        of_cell = {r.cell: r for r in captured.inputs}
        for text, tracer in captured.trace.by_path.items():
            record = of_cell.get(tracer.cell)
            if record is None or not _has_identity(record.example):
                continue
            obj = record.example
            step.reads.add(id(obj))
            if any(obj is leaf for _, a in given for leaf in _leaves(a)) and text.startswith("_a"):
                continue
            name = _last_name(text)
            recording.meet(obj, f"{name} in {step.title}" if name else step.title, text)
            recording.by_path.setdefault(text, id(obj))
            recording.alive.append(record.path)

    # -- compiling -------------------------------------------------------------------------------
    def compile(
        self,
        inputs: Any = None,
        outputs: Any = None,
        wrt: Any = None,
        function: bool = False,
        gradient: bool = False,
        hessian_vector: bool = False,
        reduction: Callable[..., Any] | str | None = None,
    ) -> SymbolicFunction:
        """Compile any of value, gradient and Hessian-vector product.

        Parameters
        ----------
        inputs : array, number, tag, or list of them, optional
            What the compiled function takes, in this order; by default the floating-point arguments
            of the traces that are no results of others.  Everything else keeps its value.
        outputs : array, number, tag, or container of them, optional
            What it returns, in the same structure; by default the result of the last trace.
        wrt : array, number, tag, or list of them, optional
            What to differentiate by, inputs or not, results in the order given; by default the
            inputs.  For a result of a trace: through everything computed from it.
        function, gradient, hessian_vector : bool
            What to compute, in this order; several give a tuple.
        reduction : callable or str, optional
            What makes one number of the output before it is differentiated: ``np.sum``, ``"mean"``.

        Returns
        -------
        SymbolicFunction
            Called with one value per input, and ``_tensors=v`` for a Hessian-vector product.

        Raises
        ------
        NameArgumentError
            (a ``ValueError``) if something named was not met, does not reach the outputs, or names
            several values.
        NotScalarError
            (a ``TypeError``) if the output to differentiate is not one number.
        """
        if not (function or gradient or hessian_vector):
            raise NameArgumentError(
                "compile was asked for nothing.",
                remedy="pass function=True, gradient=True or hessian_vector=True",
            )
        if not self._recording.steps:
            raise NameArgumentError(
                "nothing has been traced yet.", remedy="call trace(f, x) before compile"
            )
        names = _Names(self._recording)
        if outputs is None:
            outputs = names.last_result()
        found, definition = (
            tree.flatten(outputs) if tree.is_container(outputs) else ([outputs], None)
        )
        wanted = [names.output(o) for o in found]
        chosen = (
            names.default_inputs(names.needed(wanted, ()))
            if inputs is None
            else [names.named(x, "inputs") for x in _as_list(inputs)]
        )
        names.refuse_twice(chosen)
        asked_wrt = [] if wrt is None else [names.named(x, "wrt") for x in _as_list(wrt)]
        steps = names.needed(wanted, chosen)
        for x, role in [(c, "inputs") for c in chosen] + [(w, "wrt") for w in asked_wrt]:
            names.refuse_unconnected(x, role, steps, wanted)
        derived = gradient or hessian_vector
        reduce = _reduction(reduction)
        if derived and len(wanted) != 1:
            raise NotScalarError(
                f"a derivative of {len(wanted)} outputs was asked for.",
                remedy="name one output",
            )
        if not derived:
            reduce = None
        titles = names.parameters(chosen)
        title = steps[-1].title if steps else "f"
        replay = Replay(self._recording, steps, chosen, titles, wanted, reduce, title)
        combination = _Combination(
            replay, definition, _positions(chosen, asked_wrt), function, gradient, hessian_vector
        )
        compiled = SymbolicFunction(replay, combination, **self._options)
        values = [names.value(x) for x in chosen]
        if derived and reduce is None:
            names.refuse_no_scalar(found[0])
        if all(v is not _NO_VALUE for v in values):
            compiled._compiled.prepare(tuple(values))
        return compiled

    def compile_function(self, inputs: Any = None, outputs: Any = None) -> SymbolicFunction:
        """Compile the outputs as a function of the inputs; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x, x)
        >>> tracer.compile_function(inputs=x, outputs=y)(np.array([1.0, 2.0]))
        array([3., 6.])
        """
        return self.compile(inputs, outputs, function=True)

    def compile_gradient(
        self,
        inputs: Any = None,
        outputs: Any = None,
        wrt: Any = None,
        reduction: Callable[..., Any] | str | None = None,
    ) -> SymbolicFunction:
        """Compile the gradient of one output as a function of the inputs; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x**2, x)
        >>> tracer.compile_gradient(x, y, reduction="sum")(np.array([1.0, 2.0]))
        array([ 6., 12.])
        """
        return self.compile(inputs, outputs, wrt, gradient=True, reduction=reduction)

    def compile_function_gradient(
        self,
        inputs: Any = None,
        outputs: Any = None,
        wrt: Any = None,
        reduction: Callable[..., Any] | str | None = None,
    ) -> SymbolicFunction:
        """Compile output and gradient, as a tuple, in one program; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x**2, x)
        >>> tracer.compile_function_gradient(x, y, reduction="sum")(np.array([1.0, 2.0]))
        (array([ 3., 12.]), array([ 6., 12.]))
        """
        return self.compile(inputs, outputs, wrt, function=True, gradient=True, reduction=reduction)


class _Names:
    """What the arguments of ``compile`` name."""

    def __init__(self, recording: _Recording) -> None:
        self.recording = recording
        self.results = {
            id(r): step for step in recording.steps for r in step.results if _has_identity(r)
        }

    # -- one name ----------------------------------------------------------------------------------
    def named(self, x: Any, role: str) -> Any:
        """The object or tag that ``x`` names."""
        if _has_identity(x):
            known = self.recording.met.get(id(x))
            if known is None:
                raise NameArgumentError(
                    f"{role}: {_described(x)} was not met in any trace.",
                    remedy="name the object itself that was traced, not a copy, or name it by a tag",
                )
            places = sorted(p for p in known.places if p)
            if type(x) is float and len(places) > 1:
                raise NameArgumentError(
                    f"{role}: the float {x!r} was met in {len(places)} places ({'; '.join(places)}), "
                    "and Python may use one object for equal numbers.",
                    remedy="trace with np.float64(...), or name the value by a tag",
                )
            return x
        key = x.key if isinstance(x, Tagged) else x
        if isinstance(key, (int, np.bool_)) and not any(key in s.tags for s in self.steps()):
            raise NameArgumentError(
                f"{role}: a Python {type(key).__name__} ({key!r}) has no identity to name it by.",
                remedy="name the value by a tag, or trace with NumPy's np.int64(...)",
            )
        if not isinstance(key, Hashable):
            raise NameArgumentError(
                f"{role}: a {type(key).__name__} is neither an array nor a tag.",
                remedy="name the arrays in it",
            )
        known_tags = {t: None for s in self.steps() for t in s.tags} | dict.fromkeys(
            self.recording.tags
        )
        if key not in known_tags:
            raise NameArgumentError(
                f"{role}: no traced value is tagged {key!r}; "
                f"the tags met are {', '.join(map(repr, known_tags)) or 'none'}.",
                remedy="tag the value with autodiff.tag(x, key), or name the object itself",
            )
        return _Tag(key)

    def output(self, x: Any) -> Any:
        """An output: what ``named`` gives, or the place of a result without identity."""
        if isinstance(x, (bool, int, np.bool_)):
            places = [
                _Place(id(step), k)
                for step in self.steps()
                for k, leaf in enumerate(step.results)
                if leaf is x
            ]
            if len(places) == 1:
                return places[0]
        return self.named(x, "outputs")

    def steps(self) -> Sequence[_Step]:
        """Every traced step."""
        return self.recording.steps

    # -- defaults ----------------------------------------------------------------------------------
    def last_result(self) -> Any:
        """The result of the last trace."""
        return self.recording.steps[-1].result

    def default_inputs(self, steps: Sequence[_Step]) -> list[Any]:
        """The floating-point arguments of these steps that are no results of others."""
        found: dict[int, Any] = {}
        for step in steps:
            for leaf in (x for a in (*step.args, *step.kwargs.values()) for x in _leaves(a)):
                if _has_identity(leaf) and np.asarray(leaf).dtype.kind == "f":
                    if id(leaf) not in self.results:
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    # -- what is needed ------------------------------------------------------------------------------
    def needed(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> list[_Step]:
        """The steps that the outputs need, given the inputs."""
        given = {id(x) for x in inputs if not isinstance(x, _Tag)}
        steps = self.recording.steps
        chosen: set[int] = set()
        pending: list[tuple[int, int]] = []  # an object, and the step before which it is needed

        def choose(k: int) -> None:
            if k not in chosen:
                chosen.add(k)
                pending.extend((number, k) for number in steps[k].reads)

        for wanted in outputs:
            for k, step in enumerate(steps):
                if isinstance(wanted, _Tag) and wanted.key in step.tags:
                    choose(k)
                if isinstance(wanted, _Place) and wanted.step == id(step):
                    choose(k)
            if not isinstance(wanted, (_Tag, _Place)):
                pending.append((id(wanted), len(steps)))
        while pending:
            number, before = pending.pop()
            for k, step in enumerate(steps[:before]):
                made = number not in given and any(id(r) == number for r in step.results)
                if made or number in step.changed:
                    choose(k)
        return [steps[k] for k in sorted(chosen)]

    def refuse_unconnected(
        self, x: Any, role: str, steps: Sequence[_Step], outputs: Sequence[Any]
    ) -> None:
        """What is named must reach the outputs: an operation between traces is not seen."""
        if isinstance(x, _Tag):
            reached = any(x.key in step.tags for step in steps)
        else:
            reached = any(x is o for o in outputs) or any(
                id(x) in step.reads or any(x is r for r in step.results) for step in steps
            )
        if not reached:
            what = f"the tag {x.key!r}" if isinstance(x, _Tag) else _described(x)
            raise NameArgumentError(
                f"{role}: {what} does not reach the outputs through the traced functions.",
                remedy="trace what lies between as well: operations outside of trace are not seen",
            )

    def refuse_twice(self, inputs: Sequence[Any]) -> None:
        """One object cannot be two inputs."""
        for k, x in enumerate(inputs):
            if any(_same_name(x, y) for y in inputs[:k]):
                what = f"the tag {x.key!r}" if isinstance(x, _Tag) else _described(x)
                raise NameArgumentError(
                    f"inputs: {what} is named twice.",
                    remedy="name each object once; for equal numbers trace with np.float64(...)",
                )

    def refuse_no_scalar(self, x: Any) -> None:
        """A gradient needs one number."""
        if isinstance(x, np.ndarray) and x.shape:
            raise NotScalarError(
                f"the output to differentiate has shape {x.shape}, not one number.",
                remedy="pass a reduction, such as reduction=np.sum, or trace a function that returns "
                "one number; for all derivatives use autodiff.jacobian",
            )

    # -- values and titles ---------------------------------------------------------------------------
    def value(self, x: Any) -> Any:
        """What an input was when it was traced."""
        if isinstance(x, _Tag):
            found = self.recording.tags.get(x.key)
            return found[-1] if found else _NO_VALUE
        return self.recording.met[id(x)].snapshot

    def parameters(self, inputs: Sequence[Any]) -> list[str]:
        """A name for each input."""
        names: list[str] = []
        for k, x in enumerate(inputs):
            if isinstance(x, _Tag):
                name = str(x.key)
            else:
                name = self._argument_name(x) or self.recording.met[id(x)].title.split(" in ")[0]
            if not name.isidentifier() or iskeyword(name):
                name = f"x{k}"
            while name in names:
                name += "_"
            names.append(name)
        return names

    def _argument_name(self, x: Any) -> str:
        for step in self.recording.steps:
            try:
                bound = inspect.signature(step.function).bind(*step.args, **step.kwargs).arguments
            except (TypeError, ValueError):
                continue
            for name, value in bound.items():
                if value is x:
                    return name
        return ""


_NO_VALUE = object()


def _same_name(x: Any, y: Any) -> bool:
    return x is y or (isinstance(x, _Tag) and isinstance(y, _Tag) and x == y)


def _described(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"the array {x.dtype}{list(x.shape)}"
    return f"the {type(x).__name__} {x!r}"


def _as_list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _positions(inputs: Sequence[Any], wrt: Sequence[Any]) -> Any:
    """What to differentiate by: inputs by number, everything else by name."""
    if not wrt:
        return tuple(range(len(inputs)))
    found: list[Any] = []
    for x in wrt:
        numbers = [k for k, y in enumerate(inputs) if _same_name(x, y)]
        if numbers:
            found.append(numbers[0])
        elif isinstance(x, _Tag):
            found.append(Named(x.key, True, repr(x.key)))
        else:
            found.append(Named(x, False, _described(x)))
    return tuple(found)


def _reduction(reduction: Any) -> Callable[..., Any] | None:
    if reduction is None or callable(reduction):
        return reduction
    found = getattr(np, reduction, None) if isinstance(reduction, str) else None
    if not callable(found):
        raise NameArgumentError(
            f"reduction={reduction!r} is neither a function nor the name of one of NumPy's.",
            remedy="pass np.sum, another callable, or a name such as 'sum' or 'mean'",
        )
    return found


def _last_name(path: str) -> str:
    """The last name in a path, if it is one the user gave."""
    name = path.split(".")[-1].split("[")[-1].strip("]'\"")
    return name if name.isidentifier() and not name.startswith("_") else ""


def _identifier(title: str) -> str | None:
    name = title.split(" in ")[0]
    return name if name.isidentifier() and not iskeyword(name) else None


class _Lone:
    """One step alone, all of whose arguments are read where they stand."""

    def __init__(self, replay: Replay) -> None:
        self.step = replay.steps[0]
        self.__name__ = replay.__name__
        self.__signature__ = inspect.Signature([])

    def __call__(self) -> Any:
        return self.step.function(*self.step.args, **self.step.kwargs)

    def __autodiff_inline__(self, trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        frame = call_frame(trace)
        step = self.step
        owner = step.function
        owner = owner.__self__ if isinstance(owner, MethodType) else owner
        if not isinstance(owner, type | ModuleType):
            trace.remember(owner, Path.root(owner, "self"))

        def argument(x: Any) -> Any:
            if tree.is_container(x) and not trace.eager:
                leaves, definition = tree.flatten(x)
                return trace.fresh(tree.unflatten(definition, [argument(leaf) for leaf in leaves]))
            return trace.lift(x, Path.root(x, "a"))

        args = [argument(a) for a in step.args]
        kwargs = {k: argument(a) for k, a in step.kwargs.items()}
        return call_inside(frame, step.function, args, kwargs, frame.scope.syntax.node)
