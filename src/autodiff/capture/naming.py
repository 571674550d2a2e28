"""Values of a captured function that have a name: tags, and objects known by identity.

``tag(x, key)`` gives a value a name, which inspection shows and which outputs, inputs and ``wrt``
may use.  What a tag means is kept exact: the value that ``tag`` returns, and, where it is an array,
that array under every name.  Where the function goes on to use the untagged value as well, input
and ``wrt`` would mean only part of what the user sees as one variable; that is an error.

``constant(x)`` makes a value part of the program, guarded by its value at this call.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.arrays import Chosen
from autodiff.capture.paths import Path
from autodiff.capture.text import DeferredText
from autodiff.capture.trace import NotStaged, Trace
from autodiff.errors import DerivativeError, NameArgumentError, ShapeError
from autodiff.ir.data import ArrayType, Program, Source, Value, free_values, uses
from autodiff.ir.printing import format_type
from autodiff.ops.builder import current_builder
from autodiff.ops.tracer import Form, Tracer, as_tracer
from autodiff.plain_data import dataclass

# The capture that is running, for code that Python itself runs with traced values.
_capturing: ContextVar[Trace | None] = ContextVar("autodiff_capturing", default=None)


def capturing() -> Trace | None:
    """The capture that is running, if one is."""
    return _capturing.get()


@contextmanager
def captured_by(trace: Trace) -> Iterator[None]:
    """While this lasts, ``tag`` and ``constant`` belong to ``trace``."""
    token = _capturing.set(trace)
    try:
        yield
    finally:
        _capturing.reset(token)


class Tagged:
    """A tagged value: an array or number of the captured program.

    Prints with its type and the source line that tags it.  Stands for its key wherever a tag may be
    named.
    """

    def __init__(
        self,
        key: Hashable,
        value: Value,
        form: Form,
        source: Source | None,
        before: Value,
        everywhere: bool = False,
    ) -> None:
        self.key = key
        self.value = value
        self.form: Form = form
        self.source = source
        # What was tagged: another value where the tag is an input or is differentiated by.
        self.before = before
        self.everywhere = everywhere  # whether every name of a tagged array has ``value``

    @property
    def type(self) -> ArrayType:
        """Dtype and shape."""
        return self.value.type

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape; an extent that differs between calls is a symbol."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.value.dtype

    @property
    def operation(self) -> Any:
        """The operation of the program that computes the value; None for an input."""
        return self.before.owner

    def __repr__(self) -> str:
        text = f"<tag {self.key!r}: {format_type(self.value.type)}"
        if self.source is not None:
            line = linecache.getline(self.source.file, self.source.line).strip()
            text += f" at {os.path.basename(self.source.file)}:{self.source.line}: {line}"
        return text + ">"


class Tags(Mapping[Any, Any]):
    """The tagged values of a function, by key; a container of arrays keeps its structure."""

    def __init__(self, found: dict[Any, Any], title: str) -> None:
        self._found = found
        self._title = title

    def __getitem__(self, key: Any) -> Any:
        if key not in self._found:
            known = ", ".join(map(repr, self._found)) or "none"
            raise KeyError(f"no value of {self._title} is tagged {key!r}; its tags: {known}")
        return self._found[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def __repr__(self) -> str:
        lines = [f"  {key!r}: {value!r}" for key, value in self._found.items()]
        return "\n".join([f"tags of {self._title}:", *lines]) if lines else "no tags"


@dataclass
class Naming:
    """What a capture is asked for by name, and what it found.

    ``by_tags`` are differentiated by; ``outputs`` are wanted as results; ``given`` replaces the
    value of a tag.
    """

    by_tags: frozenset[Any] = frozenset()
    outputs: frozenset[Any] = frozenset()
    given: dict[Any, Any] = field(default_factory=dict)
    objects: tuple[Any, ...] = ()  # differentiated by, found by identity
    paths: frozenset[str] = frozenset()  # where they were found before
    tags: dict[Any, list[Any]] = field(default_factory=dict)  # structures of Tagged, by key
    # Of a derivative taken inside of the function: the names of what is around it, and how many
    # regions lie around it.
    around: Naming | None = None
    depth: int = 0
    holomorphic: bool = False  # whether what is not holomorphic is to be noted

    def wants(self, key: Any) -> bool:
        """Whether the program, not only its user, needs the value of this tag."""
        return key in self.by_tags or key in self.outputs or key in self.given

    def differentiates(self, example: Any, path: Path) -> bool:
        """Whether an input is one of the objects to differentiate by."""
        return path.text in self.paths or any(example is x for x in self.objects)


# -- in captured code -------------------------------------------------------------------------------
def tag_inside(trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A call of ``tag`` in captured code."""

    def inside(x: Any, key: Any) -> Any:
        if isinstance(key, (Tracer, DeferredText)):
            raise NotStaged("a tag whose key is known only when the program runs")
        if isinstance(x, DeferredText):
            return x
        naming = trace.naming
        wanted = naming.wants(key)
        if wanted and len(trace.builder.stack) > naming.depth or _is_wanted_around(naming, key):
            raise NotStaged(f"the tag {key!r} inside of a branch or loop")
        if tree.is_container(x):
            if wanted:
                raise NameArgumentError(
                    f"the tag {key!r} is a {type(x).__name__}, not one array or number.",
                    source=trace.builder.source,
                    remedy="tag the arrays in it, each with a key of its own",
                )
            leaves, definition = tree.flatten(x)
            found = [_noted(trace, leaf, key) for leaf in leaves]
            naming.tags.setdefault(key, []).append(tree.unflatten(definition, found))
            return x
        if not _is_numeric(x):
            return x
        if key in naming.by_tags or key in naming.given:
            return _own(trace, x, key)
        naming.tags.setdefault(key, []).append(_noted(trace, x, key))
        return x

    return inside(*args, **kwargs)


def _is_wanted_around(naming: Naming, key: Any) -> bool:
    around = naming.around
    return around is not None and (around.wants(key) or _is_wanted_around(around, key))


def _is_numeric(x: Any) -> bool:
    return isinstance(x, (Tracer, np.ndarray, np.generic, int, float)) and not (
        isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "fiub"
    )


def _noted(trace: Trace, x: Any, key: Any) -> Any:
    """A record of a value that goes on as it is."""
    if not _is_numeric(x):
        return x
    tracer = as_tracer(x)
    value = tracer.value
    return Tagged(key, value, tracer.form, trace.builder.source, value)


def _own(trace: Trace, x: Any, key: Any) -> Any:
    """The value that goes on: one of its own, by which to differentiate, or the one given."""
    naming = trace.naming
    if isinstance(x, int) and not isinstance(x, bool) and key in naming.by_tags:
        x = float(x)  # as for an argument that is named in wrt
    tracer = as_tracer(x)
    before = tracer.value
    if key in naming.given:
        new: Tracer = as_tracer(naming.given[key])
        form = new.form
        value = distinct(trace, new.value)
    else:
        form = tracer.form
        value = distinct(trace, before)
    if key in naming.by_tags:
        trace.differentiable.add(value)
    new, everywhere = replaced(tracer, value, form)
    naming.tags.setdefault(key, []).append(
        Tagged(key, value, form, trace.builder.source, before, everywhere)
    )
    return new


def replaced(tracer: Tracer, value: Value, form: Form) -> tuple[Tracer, bool]:
    """An array or number with ``value`` for its content, and whether all its names have it.

    An array keeps its identity; for a view, what it is a view of changes, too.
    """
    same = tracer.form == form == "array" and value.type == tracer.value.type
    if not same or any(step.write is None for step in tracer.path):
        if tracer.path and not same:
            raise ShapeError(
                f"a tagged view of another array is given a {value.type} where it is a "
                f"{tracer.value.type}.",
                source=current_builder().source,
                remedy="give it an array of that shape and dtype",
            )
        return Tracer(value, form), False
    if tracer.path or isinstance(tracer.cell, Chosen):
        tracer.write(value)
    else:
        tracer.cell.value = value  # no store, which the caller's array would show
    return tracer, True


def distinct(trace: Trace, value: Value) -> Value:
    """A value equal to ``value`` that is an operation's own result."""
    (new,) = trace.builder.emit("reshape", (value,), {"shape": value.shape}, (value.type,))
    return new


def constant_inside(trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A call of ``constant`` in captured code."""

    def inside(x: Any) -> Any:
        if tree.is_container(x):
            leaves, definition = tree.flatten(x)
            return tree.unflatten(definition, [inside(leaf) for leaf in leaves])
        if not isinstance(x, Tracer):
            return x
        if x.value.type.is_float and trace.differentiated(x.value):
            raise DerivativeError(
                "constant(x) of a value that carries a derivative, which would be lost.",
                code="AD302",
                source=trace.builder.source,
                remedy="differentiate by other arguments (wrt), or write autodiff.stop_gradient(x) "
                "where no derivative should flow",
            )
        value = trace.concrete(x)
        return Tracer.constant(value) if isinstance(value, np.ndarray) else value

    return inside(*args, **kwargs)


# -- after the capture ------------------------------------------------------------------------------
def single(naming: Naming, key: Any, title: str) -> Tagged:
    """The one value with a tag."""
    found = naming.tags.get(key, [])
    if not found:
        known = ", ".join(map(repr, naming.tags)) or "none"
        raise NameArgumentError(
            f"no value of {title} is tagged {key!r} on the path of this call; its tags: {known}.",
            remedy="tag the value with autodiff.tag(x, key)",
        )
    if len(found) > 1 or not isinstance(found[0], Tagged):
        raise NameArgumentError(
            f"the tag {key!r} names {len(found)} values of {title}.",
            source=getattr(found[-1], "source", None),
            remedy="give each a key of its own",
        )
    return found[0]


def refuse_untagged_uses(program: Program, tagged: Tagged) -> None:
    """What a tag stands for is one variable only if the untagged value is used nowhere else."""
    passed = used = False
    for operation in program.block.operations:
        if tagged.value in operation.results:
            passed = True
            continue
        needs = [*uses(operation), *(v for r in operation.regions for v in free_values(r))]
        used = used or tagged.value in needs
        if tagged.before in needs and not (passed and tagged.everywhere):
            raise _untagged(
                tagged,
                operation.source,
                "go on with what tag returns: y = tag(y, key)"
                if passed
                else "tag it where it is made, before it is used",
            )
    owner = tagged.before.owner
    if owner is not None and owner.kind == "constant" and not used:
        # A number of the source: its untagged uses are not values of the program.
        if tagged.value not in program.outputs:
            raise _untagged(tagged, tagged.source, "go on with what tag returns: y = tag(y, key)")


def _untagged(tagged: Tagged, source: Source | None, remedy: str) -> NameArgumentError:
    return NameArgumentError(
        f"the value tagged {tagged.key!r} is also used without its tag.",
        source=source,
        remedy=remedy,
    )
