"""The steps of a recording as one function, which capture meets like any other.

:class:`Replay` is that function, of the named inputs; :class:`Lone` is one step, captured when it is
traced to find what it reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MethodType, ModuleType
from typing import Any

from autodiff import tree
from autodiff.capture.calls import call as call_inside
from autodiff.capture.naming import distinct, replaced, single
from autodiff.capture.nested import call_frame
from autodiff.capture.paths import Path
from autodiff.capture.trace import Trace
from autodiff.compiled import Compiled
from autodiff.errors import UnsupportedError
from autodiff.ops.tracer import Tracer
from autodiff.symbolic.recording import Recording, Step, has_identity, identifier, leaves_of
from autodiff.transform.plans import Transformation


class Replay:
    """The steps of a recording as one function of the named inputs.

    Returns a flat tuple: the outputs, then, with a reduction, the reduced output.
    """

    def __init__(
        self,
        recording: Recording,
        steps: Sequence[Step],
        inputs: Sequence[Any],
        names: Sequence[str],
        outputs: Sequence[Any],
        reduction: Callable[..., Any] | None,
        title: str,
    ) -> None:
        self.recording = recording
        self.steps = steps
        self.inputs = inputs  # objects, or Tag
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
class Tag:
    """A tag among inputs or outputs."""

    key: Any


@dataclass(frozen=True)
class Place:
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
        self.places: dict[Place, Any] = {}
        self.by_path: dict[str, int] = {}  # of the step that is replayed
        tags = {}
        for name, value in zip(replay.inputs, args, strict=True):
            if isinstance(name, Tag):
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
            self.by_path = step.by_path
            owner = step.function
            owner = owner.__self__ if isinstance(owner, MethodType) else owner
            if not isinstance(owner, type | ModuleType):
                self.trace.remember(owner, Path.root(owner, "self"))
            args = [self.argument(a) for a in step.args]
            kwargs = {k: self.argument(a) for k, a in step.kwargs.items()}
            result = call_inside(frame, step.function, args, kwargs, node)
            self.returned(step, result)
        found = [self.output(o) for o in self.replay.outputs]
        self.by_path = {}
        if self.replay.reduction is not None:
            found.append(call_inside(frame, self.replay.reduction, [found[0]], {}, node))
        return tuple(found)

    def stand_in(self, obj: Any, path: Path) -> Any:
        """What is taken for an object that captured code reads by a path; None: the object."""
        if not has_identity(obj):
            return None
        known = self.by_path.get(path.text)
        if known is not None:
            return self.held(known)
        # Read on a path that was not traced: another value, unless it is an array that is named.
        return self.stands.get(id(obj)) if type(obj) is not float else None

    def held(self, number: int) -> Any:
        """What stands for an object of the recording; if nothing does, the value it had."""
        found = self.stands.get(number)
        if found is None:
            known = self.recording.met[number]
            name = identifier(known.title)
            path = Path.root(known.snapshot, f"kept_{name}_" if name else "kept")
            found = self.trace.add_input(known.snapshot, path, None, name)
            self.trace.inputs[-1].private = True
            self.stands[number] = found
            self.trace.named[number] = [found.value]
            if any(known.obj is x for x in self.trace.naming.objects):
                self.trace.differentiable.add(found.value)
        return found

    def argument(self, x: Any) -> Any:
        """An argument of a step: arrays as they now stand, containers around them."""
        if id(x) in self.stands:
            return self.stands[id(x)]
        if tree.is_container(x):
            leaves, definition = self.recording.containers[id(x)].first
            made = tree.unflatten(definition, [self.argument(leaf) for leaf in leaves])
            # One object for all steps, since a step may change it.
            self.stands[id(x)] = self.trace.fresh(made)
            return made
        if id(x) in self.recording.met and has_identity(x):
            return self.held(id(x))
        return self.trace.lift(x, Path.root(x, "a"))

    def returned(self, step: Step, result: Any) -> None:
        """Note what stands for the objects that a step returned."""
        found = leaves_of(result)
        if len(found) != len(step.results):
            raise UnsupportedError(
                f"{step.title} returned {len(step.results)} values when it was traced and returns "
                f"{len(found)} on the path of this call.",
                remedy="trace the functions again for such arguments",
            )
        for k, (obj, value) in enumerate(zip(step.results, found, strict=True)):
            self.places[Place(id(step), k)] = value
            if not has_identity(obj) or id(obj) in self.given:
                continue
            made_here = id(obj) not in step.reads
            if made_here and any(obj is x for x in self.trace.naming.objects):
                value = value if isinstance(value, Tracer) else Tracer.constant(value)
                own = distinct(self.trace, value.value)
                value, _ = replaced(value, own, value.form)
                self.trace.named[id(obj)] = [own]
                self.trace.differentiable.add(own)
            self.stands[id(obj)] = value

    def output(self, wanted: Any) -> Any:
        """The value of an output."""
        if isinstance(wanted, Tag):
            tagged = single(self.trace.naming, wanted.key, self.replay.__name__)
            return Tracer(tagged.value, tagged.form)
        if isinstance(wanted, Place):
            return self.places[wanted]
        return self.stands[id(wanted)] if id(wanted) in self.stands else self.held(id(wanted))


class Lone:
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
            if tree.is_container(x) and trace.tier.holds_back:
                leaves, definition = tree.flatten(x)
                return trace.fresh(tree.unflatten(definition, [argument(leaf) for leaf in leaves]))
            return trace.lift(x, Path.root(x, "a"))

        args = [argument(a) for a in step.args]
        kwargs = {k: argument(a) for k, a in step.kwargs.items()}
        return call_inside(frame, step.function, args, kwargs, frame.scope.syntax.node)
