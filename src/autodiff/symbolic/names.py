"""What the arguments of ``Symbolic.compile`` name, and which steps the outputs need."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from keyword import iskeyword
from typing import Any

import numpy as np

from autodiff.capture.naming import Tagged
from autodiff.errors import NameArgumentError, NotScalarError
from autodiff.symbolic.recording import Recording, Step, has_identity, leaves_of
from autodiff.symbolic.replay import Place, Tag
from autodiff.transform.arguments import Named

Reduction = Callable[..., Any] | str | None  # what makes one number of an output, or its name


class Names:
    """What the arguments of ``compile`` name."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.results = {
            id(r): step for step in recording.steps for r in step.results if has_identity(r)
        }

    # -- one name ----------------------------------------------------------------------------------
    def named(self, x: Any, role: str) -> Any:
        """The object or tag that ``x`` names."""
        if has_identity(x):
            if id(x) not in self.recording.met:
                raise NameArgumentError(
                    f"{role}: {described(x)} was not met in any trace.",
                    remedy="name the object itself that was traced, not a copy, or name it by a tag",
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
        return Tag(key)

    def output(self, x: Any) -> Any:
        """An output: what ``named`` gives, or the place of a result without identity."""
        if isinstance(x, (bool, int, np.bool_)):
            places = [
                Place(id(step), k)
                for step in self.steps()
                for k, leaf in enumerate(step.results)
                if leaf is x
            ]
            if len(places) == 1:
                return places[0]
        return self.named(x, "outputs")

    def steps(self) -> Sequence[Step]:
        """Every traced step."""
        return self.recording.steps

    # -- defaults ----------------------------------------------------------------------------------
    def last_result(self) -> Any:
        """The result of the last trace."""
        return self.recording.steps[-1].result

    def default_inputs(self, steps: Sequence[Step]) -> list[Any]:
        """The floating-point arguments of these steps that are no results of others."""
        found: dict[int, Any] = {}
        for step in steps:
            for leaf in (x for a in (*step.args, *step.kwargs.values()) for x in leaves_of(a)):
                if has_identity(leaf) and np.asarray(leaf).dtype.kind == "f":
                    if id(leaf) not in self.results:
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    # -- what is needed ------------------------------------------------------------------------------
    def needed(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> list[Step]:
        """The steps that the outputs need, given the inputs."""
        given = {id(x) for x in inputs if not isinstance(x, Tag)}
        steps = self.recording.steps
        chosen: set[int] = set()
        pending: list[tuple[int, int]] = []  # an object, and the step before which it is needed

        def choose(k: int) -> None:
            if k not in chosen:
                chosen.add(k)
                pending.extend((number, k) for number in steps[k].reads)

        for wanted in outputs:
            for k, step in enumerate(steps):
                if isinstance(wanted, Tag) and wanted.key in step.tags:
                    choose(k)
                if isinstance(wanted, Place) and wanted.step == id(step):
                    choose(k)
            if not isinstance(wanted, (Tag, Place)):
                pending.append((id(wanted), len(steps)))
        while pending:
            number, before = pending.pop()
            for k, step in enumerate(steps[:before]):
                made = number not in given and any(id(r) == number for r in step.results)
                if made or number in step.changed:
                    choose(k)
        return [steps[k] for k in sorted(chosen)]

    def refuse_unconnected(
        self, x: Any, role: str, steps: Sequence[Step], outputs: Sequence[Any]
    ) -> None:
        """What is named must reach the outputs: an operation between traces is not seen."""
        if isinstance(x, Tag):
            reached = any(x.key in step.tags for step in steps)
        else:
            reached = any(x is o for o in outputs) or any(
                id(x) in step.reads or any(x is r for r in step.results) for step in steps
            )
        if not reached:
            what = f"the tag {x.key!r}" if isinstance(x, Tag) else described(x)
            raise NameArgumentError(
                f"{role}: {what} does not reach the outputs through the traced functions.",
                remedy="trace what lies between as well: operations outside of trace are not seen",
            )

    def refuse_ambiguous(self, x: Any, role: str, steps: Sequence[Step]) -> None:
        """A Python float must have been met in one place that the outputs depend on."""
        if type(x) is not float:
            return
        needed = {id(step) for step in steps}
        met = self.recording.met[id(x)].places
        places = sorted(text for (text, _), of in met.items() if of & needed)
        if len(places) > 1:
            raise NameArgumentError(
                f"{role}: the float {x!r} was met in {len(places)} places ({'; '.join(places)}), "
                "and Python may use one object for equal numbers.",
                remedy="trace with np.float64(...), or name the value by a tag",
            )

    def refuse_twice(self, inputs: Sequence[Any]) -> None:
        """One object cannot be two inputs."""
        for k, x in enumerate(inputs):
            if any(same_name(x, y) for y in inputs[:k]):
                what = f"the tag {x.key!r}" if isinstance(x, Tag) else described(x)
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
        if isinstance(x, Tag):
            found = self.recording.tags.get(x.key)
            return found[-1] if found else NO_VALUE
        return self.recording.met[id(x)].snapshot

    def parameters(self, inputs: Sequence[Any]) -> list[str]:
        """A name for each input."""
        names: list[str] = []
        for k, x in enumerate(inputs):
            if isinstance(x, Tag):
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


NO_VALUE = object()  # of a tag whose plain run was not seen


def same_name(x: Any, y: Any) -> bool:
    """Whether two names are one object or one tag."""
    return x is y or (isinstance(x, Tag) and isinstance(y, Tag) and x == y)


def described(x: Any) -> str:
    """How errors call an object."""
    if isinstance(x, np.ndarray):
        return f"the array {x.dtype}{list(x.shape)}"
    return f"the {type(x).__name__} {x!r}"


def as_list(x: Any) -> list[Any]:
    """One name or several."""
    return list(x) if isinstance(x, (list, tuple)) else [x]


def positions(inputs: Sequence[Any], wrt: Sequence[Any]) -> Any:
    """What to differentiate by: inputs by number, everything else by name."""
    if not wrt:
        return tuple(range(len(inputs)))
    found: list[Any] = []
    for x in wrt:
        numbers = [k for k, y in enumerate(inputs) if same_name(x, y)]
        if numbers:
            found.append(numbers[0])
        elif isinstance(x, Tag):
            found.append(Named(x.key, True, repr(x.key)))
        else:
            found.append(Named(x, False, described(x)))
    return tuple(found)


def reduction_of(reduction: Reduction) -> Callable[..., Any] | None:
    """The function that a reduction, or its name, means."""
    if reduction is None or callable(reduction):
        return reduction
    found = getattr(np, reduction, None) if isinstance(reduction, str) else None
    if not callable(found):
        raise NameArgumentError(
            f"reduction={reduction!r} is neither a function nor the name of one of NumPy's.",
            remedy="pass np.sum, another callable, or a name such as 'sum' or 'mean'",
        )
    return found
