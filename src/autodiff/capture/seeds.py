"""Random generators that the function makes, and what they are made of.

    default_rng(3), Generator(PCG64(3))       anew at every call: their draws are constants
    SeedSequence(3).spawn(2)                  likewise, and so are its children
    default_rng(), default_rng(None)          of the operating system's numbers: drawn from at every call
    default_rng(s), rng.spawn(2)              of one from outside: every run makes them of the one it reaches

What a run makes is kept by the run, under a key that the program knows; a host call makes it, in its turn.
The children of one from outside are those of a copy of its seed: that it has had children is
written down when the run has succeeded, as a run that fails is made again by plain Python.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.opaque import lift_result
from autodiff.capture.origins import name_of
from autodiff.capture.running import current_run, is_of_python, made_by_run
from autodiff.capture.state import reacher
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.ops.tracer import is_traced
from autodiff.signals import run_users

# ``tell(make)``: every run calls ``make`` at this place of the program.
Tell = Callable[[Callable[[], None]], None]


def is_source(x: Any) -> bool:
    """Whether it is a generator, or what a generator is made of."""
    return (
        isinstance(x, np.random.Generator | np.random.RandomState) or is_seed(x) or is_of_python(x)
    )


def is_seed(x: Any) -> bool:
    """Whether it is what a generator is made of."""
    return isinstance(x, np.random.SeedSequence | np.random.BitGenerator)


def make(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST, tell: Tell
) -> Any:
    """A generator, or what one is made of."""
    trace = frame.trace
    given = [x for x in (*args, *kwargs.values()) if x is not None]
    if function is np.random.default_rng and given and isinstance(given[0], np.random.Generator):
        return given[0]
    if is_traced(given) and not _is_pythons(function):
        trace.tier.decline("a generator whose seed is traced", frame.source(node))
    sources = [x for x in given if is_source(x)]
    if given and all(id(x) in trace.seeded for x in sources):
        return _seeded(trace, run_users(function, *args, **kwargs))
    if not sources:
        if function not in (np.random.default_rng, np.random.RandomState) and not _is_pythons(
            function
        ):
            raise Declined(f"{name_of(function)} (it must run at every call)", frame.source(node))
        generator = run_users(function, *args, **kwargs)
        trace.reached[id(generator)] = (generator, lambda: generator)
        return trace.fresh(generator)
    if not trace.tier.holds_back:
        return trace.fresh(run_users(function, *args, **kwargs))
    example = run_users(function, *copy.deepcopy(args), **copy.deepcopy(kwargs))
    reach = {id(x): reacher(trace, x) for x in sources}

    def at_run(x: Any) -> Any:
        return reach[id(x)]() if id(x) in reach else x

    def made() -> list[Any]:
        return [function(*map(at_run, args), **{k: at_run(x) for k, x in kwargs.items()})]

    return _made_at_run(frame, [example], made, node, tell)[0]


def _is_pythons(function: Any) -> bool:
    return not function.__module__.startswith("numpy")


def _seeded(trace: Trace, x: Any) -> Any:
    """What is made anew at every call, and what it is made of."""
    if isinstance(x, np.random.Generator | np.random.RandomState):
        _seeded(trace, getattr(x, "_bit_generator"))  # noqa: B009 - of both kinds, not in NumPy's stubs
    elif isinstance(x, np.random.BitGenerator) and x.seed_seq is not None:
        trace.seed(x.seed_seq)
    return trace.seed(x)


def call_method(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST,
    tell: Tell,
) -> Any:  # fmt: skip
    """A method of what a generator is made of, or ``spawn`` of a generator."""
    trace = frame.trace
    method = getattr(owner, name)
    if is_traced([*args, *kwargs.values()]):
        trace.tier.decline(f"random.{name} with traced arguments", frame.source(node))
    if not trace.tier.holds_back:
        return lift_result(run_users(method, *args, **kwargs))
    if id(owner) in trace.seeded:
        if len(trace.made) > 1:
            raise NotStaged(
                "a draw from a generator seeded inside of the function, in a branch or loop"
            )
        trace.touch()
        found = run_users(method, *args, **kwargs)
        if name == "spawn":
            return trace.fresh(trace.new_list([_seeded(trace, child) for child in found]))
        return _seeded(trace, found) if is_source(found) else lift_result(found)
    if name != "spawn":
        raise Declined(f"{name_of(method)} (it must run at every call)", frame.source(node))
    examples = run_users(copy.deepcopy(owner).spawn, *args, **kwargs)
    if type(_sequence_of(owner)) is not np.random.SeedSequence or not examples:
        raise Declined(f"{name_of(method)} of this generator", frame.source(node))
    reach = reacher(trace, owner)

    def spawn() -> list[Any]:
        return _children(reach(), len(examples))

    return _made_at_run(frame, examples, spawn, node, tell)


def _made_at_run(
    frame: Frame, examples: Sequence[Any], make: Callable[[], list[Any]], node: ast.AST, tell: Tell
) -> list[Any]:
    """What stands, in the capture, for generators that every run makes."""
    trace = frame.trace
    if len(trace.made) > 1:  # it would be another one in every iteration
        raise Declined(
            "a generator made of one from outside, in a branch or loop", frame.source(node)
        )
    key = object()

    def at_run() -> None:
        current_run().made[key] = make()

    tell(at_run)
    for k, example in enumerate(examples):
        trace.reached[id(example)] = (example, _reacher_of_made(key, k))
        trace.fresh(example)
    made: list[Any] = trace.fresh(trace.new_list(list(examples)))
    return made


def _reacher_of_made(key: Any, k: int) -> Callable[[], Any]:
    return lambda: made_by_run(key)[k]


def _sequence_of(x: Any) -> Any:
    if isinstance(x, np.random.Generator):
        x = x.bit_generator
    return x.seed_seq if isinstance(x, np.random.BitGenerator) else x


def _children(owner: Any, count: int) -> list[Any]:
    """What ``owner.spawn(count)`` gives, which happens when the run has succeeded."""
    run, sequence = current_run(), _sequence_of(owner)
    key = ("children", id(sequence))
    if key not in run.made:
        run.made[key] = np.random.SeedSequence(
            sequence.entropy,
            spawn_key=sequence.spawn_key,
            pool_size=sequence.pool_size,
            n_children_spawned=sequence.n_children_spawned,
        )
    seeds = run.made[key].spawn(count)
    run.held_back.append(lambda: sequence.spawn(count))
    if isinstance(owner, np.random.SeedSequence):
        return seeds
    generator = isinstance(owner, np.random.Generator)
    kind = type(owner.bit_generator if generator else owner)
    made = [kind(seed) for seed in seeds]
    return [type(owner)(x) for x in made] if generator else made


__all__ = ["call_method", "is_seed", "is_source", "make"]
