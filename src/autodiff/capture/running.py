"""One run of a program, as its host calls see it: objects reached by paths, effects held back.

A run may fail (a check, a singular matrix), and then the call is made again as plain Python, which
has the effects once more.  So an effect that something failing may follow is *held back* until
the run has succeeded, and a generator drawn from is put back where it was when it has not:
whatever way a call takes, its effects happen once and in order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autodiff.ladder import NotStaged
from autodiff.stack import lock_of_the_process


class Run:
    """State of one run.

    Parameters
    ----------
    objects : sequence
        What the paths of ``Trace.objects`` lead to at this call.
    leaves : sequence
        The argument leaves of the call.
    hidden : sequence
        The hidden inputs of the call.
    is_value : bool
        Whether the outputs are the results of the function itself.
    """

    __slots__ = (
        "generators", "held_back", "hidden", "is_value", "leaves", "made", "objects", "outputs",
    )  # fmt: skip

    def __init__(
        self,
        objects: Sequence[Any] = (),
        leaves: Sequence[Any] = (),
        hidden: Sequence[Any] = (),
        is_value: bool = True,
    ) -> None:
        self.objects = objects
        self.leaves = leaves
        self.hidden = hidden
        self.is_value = is_value
        self.outputs: Sequence[Any] = ()
        self.held_back: list[Callable[[], Any]] = []
        self.generators: dict[int, tuple[Any, Any]] = {}
        self.made: dict[Any, Any] = {}  # random generators that the run makes (capture.seeds)

    def about_to_draw(self, generator: Any) -> None:
        """Note the state of a generator, to go back to if the run fails."""
        if id(generator) not in self.generators:
            self.generators[id(generator)] = (generator, _state(generator))

    def succeed(self, outputs: Sequence[Any]) -> None:
        """Let the effects that were held back happen."""
        self.outputs = outputs
        for effect in self.held_back:
            effect()

    def fail(self) -> None:
        """Put generators back; effects held back do not happen."""
        # Last first: two may draw from one source.
        for generator, state in reversed(self.generators.values()):
            _restore(generator, state)


def is_of_python(generator: Any) -> bool:
    """Whether it is a generator of Python's module ``random``, which need not be loaded to tell."""
    loaded = sys.modules.get("random")
    return loaded is not None and isinstance(generator, loaded.Random)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if is_of_python(generator) else generator.get_state()


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif is_of_python(generator):
        generator.setstate(state)
    else:
        generator.set_state(state)


# Held by a run that reads objects which it will change.  Such a run calls Python, so it keeps
# Python's own lock anyway.
changing_objects = lock_of_the_process()

_current: ContextVar[Run | None] = ContextVar("autodiff_run", default=None)
begin_run, end_run = _current.set, _current.reset


def current_run() -> Run:
    """The run that a host call belongs to."""
    run = _current.get()
    assert run is not None, "a host call outside of a run"
    return run


def made_by_run(key: Any) -> Any:
    """What the current run has made under a key; not there where a program runs without its effects."""
    run = _current.get()
    if run is None or key not in run.made:
        raise NotStaged("a random generator that a run makes")
    return run.made[key]


class running:
    """Run a program whose host calls use ``run``: ``with running(run): …``."""

    __slots__ = ("run", "token")

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        self.token = _current.set(self.run)

    def __exit__(self, *raised: object) -> None:
        _current.reset(self.token)


__all__ = [
    "Run",
    "begin_run",
    "changing_objects",
    "current_run",
    "end_run",
    "is_of_python",
    "made_by_run",
    "running",
]
