"""Libraries that draw random numbers out of sight: SciPy's distributions, resampling and global searches.

    norm.rvs(size=3)           draws from NumPy's global generator, which nobody handed over
    qmc.Sobol(2)               begins at a place that the operating system chooses
    qmc.Sobol(2, rng=3)        the same numbers at every call: a constant of the program
    check_random_state(3)      a generator that begins anew at every call

What they give at one call is no constant of the program. Told by the parameter that takes a generator,
where the function says it has one, and else by a look at the global generators after the call.
"""

from __future__ import annotations

import ast
import inspect
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import module_of, name_of, owner_of
from autodiff.capture.trace import Declined, NotStaged

_PARAMETERS = ("rng", "random_state", "seed")
_DRAWING = ("scipy", "statistics")


def _may_draw(function: Any) -> bool:
    owner = owner_of(function)
    if owner is None or isinstance(owner, (type, ModuleType)):
        return module_of(function).split(".")[0] in _DRAWING
    return type(owner).__module__.split(".")[0] in _DRAWING


def draws_anew(function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a function takes a generator, and has been given none or the global one."""
    if not _may_draw(function):
        return False
    try:
        signature = inspect.signature(function)
        names = [name for name in _PARAMETERS if name in signature.parameters]
        given = {**signature.bind_partial(*args, **kwargs).arguments, **kwargs} if names else {}
    except (TypeError, ValueError):
        return False
    seeds = [given[name] for name in _PARAMETERS if given.get(name) is not None]
    return bool(names) and (not seeds or any(isinstance(seed, ModuleType) for seed in seeds))


def note_seeded(frame: Frame, generator: Any) -> Any:
    """A generator that a library has made of a seed is made anew at every call; NumPy's own never is."""
    shared = generator is np.random.mtrand._rand or generator is getattr(random, "_inst", None)
    return generator if shared else frame.trace.seed(generator)


@contextmanager
def without_draws(frame: Frame, function: Any, node: ast.AST) -> Iterator[None]:
    """Decline where a call has drawn from a global generator, which is put back.

    One that the function has seeded may be drawn from where the numbers are the same at every call: not in a branch or
    loop, which is captured more than once, and run as often as it is run.
    """
    if not _may_draw(function):
        yield
        return
    trace = frame.trace
    seeded = [(x, _state_of(x)) for x in trace.seeded.values() if _has_state(x)]
    everybodys = [*_global_generators()] if trace.tier.reusable else []
    before = [(x, _state_of(x)) for x in everybodys]
    yield
    if _put_back(before):
        raise Declined(f"{name_of(function)} (it must run at every call)", frame.source(node))
    if len(trace.made) > 1:
        if _put_back(seeded):
            raise NotStaged(
                "a draw from a generator seeded inside of the function, in a branch or loop"
            )
    elif any(_has_moved(x, state) for x, state in seeded):
        trace.touch()


def _global_generators() -> Iterator[Any]:
    yield np.random.mtrand._rand
    generator = getattr(random, "_inst", None)
    if generator is not None:
        yield generator


def _has_state(x: Any) -> bool:
    """Whether it is a generator, and not what one is made of."""
    whole = (np.random.Generator, np.random.RandomState, random.Random)
    return isinstance(x, whole)


def _state_of(generator: Any) -> Any:
    """What a generator goes on from."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def _has_moved(generator: Any, state: Any) -> bool:
    return pickle.dumps(_state_of(generator)) != pickle.dumps(state)


def _put_back(states: list[tuple[Any, Any]]) -> bool:
    """Whether a generator has been drawn from, which then goes on from where it was."""
    moved = [(x, state) for x, state in states if _has_moved(x, state)]
    for generator, state in moved:
        if isinstance(generator, random.Random):
            generator.setstate(state)
        elif isinstance(generator, np.random.RandomState):
            generator.set_state(state)
        else:
            generator.bit_generator.state = state
    return bool(moved)


__all__ = ["draws_anew", "note_seeded", "without_draws"]
