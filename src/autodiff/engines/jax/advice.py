"""Work that a GPU does slowly, with its line: small steps that wait for one another.

    sequences(program)    ["a while loop of small steps, one after the other (model.py, line 7)"]

A GPU is fast where thousands of elements are computed at once.  A loop whose iterations compute a
few numbers each runs on it as one launch after another, a thousand times slower than the same loop
in machine code on a CPU.  JAX is not imported here.
"""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.dims import Dim
from autodiff.engines.jax import platform
from autodiff.ir.data import Block, Operation, Program

SMALL = 4096
"""Elements computed in an iteration, below which a GPU has nothing to do at once."""

FEW = 64
"""Iterations that do no harm."""


def sequences(program: Program) -> list[str]:
    """Each loop of small steps that is long, or may be, in words, by its line."""
    return list(dict.fromkeys(_texts(program.block, 1)))


def _texts(block: Block, lanes: int) -> Iterator[str]:
    for operation in block.operations:
        is_loop = operation.kind in ("for", "while")
        side_by_side = operation.kind == "for" and not operation.operands
        if is_loop and not side_by_side and _is_slow(operation, lanes):
            yield _text(operation)
            continue
        count = operation.attributes.get("count")
        inner = lanes
        if side_by_side:
            inner *= count if isinstance(count, int) else SMALL
        for region in operation.regions:
            yield from _texts(region, inner)


def _is_slow(loop: Operation, lanes: int) -> bool:
    count = loop.attributes.get("count")
    if isinstance(count, int) and count <= FEW:
        return False
    return lanes * max([1, *map(_largest, loop.regions)]) < SMALL


def _largest(block: Block) -> int:
    """The elements of the largest array that is computed in a block at once; 0 for numbers only."""
    largest = 0
    for operation in block.operations:
        if operation.kind not in ("for", "while", "slice_update", "slice_add"):
            sizes = [_size(v.shape) for v in operation.results]
            largest = max([largest, *sizes])
        for region in operation.regions:
            largest = max(largest, _largest(region))
    return largest


def _size(shape: tuple[object, ...]) -> int:
    size = 1
    for n in shape:
        # Of a size that is known at run time only it is not said that it is small.
        size *= SMALL if isinstance(n, Dim) else int(n)  # type: ignore[call-overload]
    return size


def _text(loop: Operation) -> str:
    source = loop.source
    where = "" if source is None else f" ({source.file}, line {source.line})"
    count = loop.attributes.get("count")
    times = f" of {count} iterations" if isinstance(count, int) else ""
    return (
        f"a {loop.kind} loop{times} of small steps, one after the other{where}: "
        "the CPU (engine='native') runs it many times faster"
    )


def is_accelerator(device: str | None) -> bool:
    """Whether calls go to a GPU or TPU: by the name of the device, else by JAX's own choice."""
    wanted = platform.parsed(device)
    kind: str = platform.jax().default_backend() if wanted is None else wanted[0]
    return kind != "cpu"
