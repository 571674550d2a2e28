"""Every corpus program as a batch: `autodiff.vmap` gives what a loop over the lanes gives.

The lanes of a program are its own calls of one size, and its first call at other points.  Compared are values
with dtypes and containers, the batch as the lanes left it, what was printed, exceptions, and the derivative of
the whole batch with the derivatives of the lanes.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import tree

from .registry import Call, Program, load
from .test_corpus import assert_same, invoke

ENGINES = ("numpy", "native")
ONE_IN = 64  # of the programs run by default, others on each engine; the rest is slow
SCALES = (0.9, 1.1)  # of the numbers in further lanes


def _is_mapped(x: Any) -> bool:
    return isinstance(x, (float, np.floating)) or (
        isinstance(x, np.ndarray) and x.dtype.kind == "f"
    )


def _scaled(x: Any, by: float) -> Any:
    return type(x)(x * by) if not isinstance(x, np.ndarray) else (x * by).astype(x.dtype)


def _positional(program: Program, call: Call) -> list[Any] | None:
    """The arguments by position; None where some only go by keyword."""
    return None if call.kwargs else list(call.args)


def batch_of(program: Program) -> tuple[list[Any], tuple[Any, ...], int] | None:
    """Arguments with an axis of lanes first, their ``in_axes``, and the number of lanes."""
    first = _positional(program, program.arguments(0))
    if first is None:
        return None
    leaves, definition = tree.flatten(first)
    if not any(map(_is_mapped, leaves)):
        return None
    lanes = [leaves]
    for number in program.calls[1:]:
        other = _positional(program, program.arguments(number))
        given, own = tree.flatten(other) if other is not None else ([], None)
        if own == definition and all(map(_fits, leaves, given)):
            lanes.append(given)
    lanes += [[_scaled(x, by) if _is_mapped(x) else x for x in leaves] for by in SCALES]
    mapped = [_is_mapped(x) for x in leaves]
    made = [
        np.stack([lane[k] for lane in lanes]) if of_lanes else leaves[k]
        for k, of_lanes in enumerate(mapped)
    ]
    axes = [0 if of_lanes else None for of_lanes in mapped]
    return (
        tree.unflatten(definition, made),
        tuple(tree.unflatten(definition, axes)),
        len(lanes),
    )


def _fits(one: Any, other: Any) -> bool:
    """Whether two leaves may be of lanes of one batch."""
    if _is_mapped(one):
        return (
            type(one) is type(other)
            and np.shape(one) == np.shape(other)
            and (np.result_type(one) == np.result_type(other))
        )
    return one is other or (
        type(one) is type(other) and isinstance(one, (int, str)) and one == other
    )


def lane_of(args: list[Any], axes: tuple[Any, ...], k: int) -> list[Any]:
    leaves, definition = tree.flatten(args)
    entries = tree.flatten(list(axes))[0]
    return tree.unflatten(
        definition, [x if axis is None else x[k] for x, axis in zip(leaves, entries, strict=True)]
    )


class OfDifferentStructures(Exception):
    """Lanes whose results do not make one container of stacks."""


def loop(function: Callable[..., Any], axes: tuple[Any, ...], count: int) -> Callable[..., Any]:
    """What `vmap` stands for."""

    def run(*args: Any) -> Any:
        rows, definition = [], None
        for k in range(count):
            result = function(*lane_of(list(args), axes, k))
            leaves, own = tree.flatten(result) if tree.is_container(result) else ([result], None)
            if rows and own != definition:
                raise OfDifferentStructures
            definition = own
            rows.append([np.copy(x) if isinstance(x, np.ndarray) else x for x in leaves])
        columns = [list(c) for c in zip(*rows, strict=True)]
        stacks = [None if c[0] is None else np.stack(c) for c in columns]
        return stacks[0] if definition is None else tree.unflatten(definition, stacks)

    return run


def _attempt(function: Callable[..., Any], args: list[Any]) -> tuple[Any, ...]:
    """Result, what was printed, arguments afterwards; or what was raised."""
    given = copy.deepcopy(args)
    try:
        with np.errstate(all="ignore"):
            result, printed = invoke(function, Call(tuple(given)))
    except Exception as error:
        return ("raised", type(error), str(error))
    return ("returned", result, printed, given)


BATCHES = [(p, batch) for p in load() if (batch := batch_of(p)) is not None]


def over_batches() -> pytest.MarkDecorator:
    cases = [
        pytest.param(
            program, batch, engine, id=f"{program}-{engine}",
            marks=[pytest.mark.slow] if (number + ONE_IN // 2 * turn) % ONE_IN else [],
        )
        for number, (program, batch) in enumerate(BATCHES)
        for turn, engine in enumerate(ENGINES)
    ]  # fmt: skip
    return pytest.mark.parametrize(("program", "batch", "engine"), cases)


@over_batches()
def test_a_batch_is_a_loop_over_its_lanes(program: Program, batch: Any, engine: str) -> None:
    args, axes, count = batch
    expected = _attempt(loop(program.function, axes, count), args)
    batched = autodiff.vmap(program.function, axes, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        found = _attempt(batched, args)
        again = _attempt(batched, args)
    for one in (found, again):
        _assert_alike(one, expected, f"{program}")


def _assert_alike(found: tuple[Any, ...], expected: tuple[Any, ...], where: str) -> None:
    assert found[0] == expected[0], (where, found, expected)
    if found[0] == "returned":
        _assert_same(found[1], expected[1], where)
        assert found[2] == expected[2], where
        _assert_same(found[3], expected[3], where)
    elif expected[1] is OfDifferentStructures:
        assert "lanes return results of different structures" in found[2], where
    else:
        assert found[1:] == expected[1:], where


def _assert_same(found: Any, expected: Any, where: str) -> None:
    """As for one call, with infinities in the same places."""
    leaves, definition = tree.flatten([expected])
    if any(_is_mapped(x) and not np.all(np.isfinite(x)) for x in leaves):
        others, other_definition = tree.flatten([found])
        assert definition == other_definition, where
        for one, other in zip(others, leaves, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert_same(found, expected, where)


def test_most_programs_make_batches() -> None:
    assert len(BATCHES) > 400


def _loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """A number of everything that a function returns, in which nothing cancels."""

    def total(*args: Any) -> Any:
        return _summed(function(*args))

    return total


def _summed(x: Any) -> Any:
    if isinstance(x, (dict, tuple, list)):
        return sum(_summed(part) for part in (x.values() if isinstance(x, dict) else x))
    return np.sum(np.sin(x) * x)


DIFFERENTIABLE = [(p, b) for p, b in BATCHES if p.differentiable and not p.mutates and all(
    _is_mapped(x) for x in b[0])]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "batch", "engine"),
    [
        pytest.param(
            program, batch, engine, id=f"{program}-{engine}",
            marks=[pytest.mark.slow] if (number + ONE_IN // 2 * turn) % ONE_IN else [],
        )
        for number, (program, batch) in enumerate(DIFFERENTIABLE)
        for turn, engine in enumerate(ENGINES)
    ],
)  # fmt: skip
def test_the_gradient_of_a_batch_is_that_of_its_lanes(
    program: Program, batch: Any, engine: str
) -> None:
    args, axes, count = batch
    slope = autodiff.gradient(_loss(program.function), engine="numpy")
    of_batch = autodiff.gradient(_loss(autodiff.vmap(program.function, axes)), engine=engine)
    by_lanes = autodiff.vmap(slope, axes, engine=engine)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            lanes = [slope(*copy.deepcopy(lane_of(args, axes, k))) for k in range(count)]
        except Exception as error:
            for function in (of_batch, by_lanes):
                with pytest.raises(type(error)):
                    function(*copy.deepcopy(args))
            return
        expected = tuple(np.stack(column) for column in zip(*lanes, strict=True))
        if _attempt(loop(program.function, axes, count), args)[0] == "raised":  # no stack
            with pytest.raises(autodiff.AutodiffError):
                of_batch(*copy.deepcopy(args))
            of_batch = by_lanes
        for function in (of_batch, by_lanes):
            _assert_same(function(*copy.deepcopy(args)), expected, f"{program}")
