"""What a specialisation leaves open: ints, and extents of arrays that differ between calls.

    f(np.ones(3), 2)       compiled for float64[3] and any int
    f(np.ones(5), 2)       the first extent has differed: compiled for float64[n0] and any int
    f(np.ones(7), 4)       runs what is there

Extents that agree in every call share one symbol.
"""

from __future__ import annotations

from autodiff.compiled.binding import Call, is_int
from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Generality:
    """What of a call is read at run time instead of being fixed: ints, and extents of arrays.

    ``ints`` are leaf numbers; ``axes[leaf][axis]`` numbers the symbol of an extent (None: fixed).
    """

    ints: frozenset[int] = frozenset()
    axes: tuple[tuple[int | None, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ints) or any(n is not None for axes in self.axes for n in axes)


def generality(
    call: Call,
    before: list[list[tuple[int, ...]]],
    ints: bool,
    always: frozenset[tuple[int, int]] = frozenset(),
) -> Generality:
    """What to leave open for a call, given the shapes that calls of its structure had before.

    Extents that differ between calls become symbols, and those of the leaves and axes in ``always``;
    extents that agree in every call share one.  Extents of 0 and 1 stay fixed, since they broadcast.
    """
    shapes = call.shapes()
    numbers: dict[tuple[int, ...], int] = {}
    axes = []
    for leaf, shape in enumerate(shapes):
        row: list[int | None] = []
        for axis, size in enumerate(shape):
            history = (size, *(seen[leaf][axis] for seen in before))
            differs = any(other != size for other in history)
            open_ = size >= 2 and (differs or (leaf, axis) in always)
            row.append(numbers.setdefault(history, len(numbers)) if open_ else None)
        axes.append(tuple(row))
    found = [
        k for k, (x, r) in enumerate(zip(call.leaves, call.roles, strict=True)) if is_int(x, r)
    ]
    return Generality(frozenset(found) if ints else frozenset(), tuple(axes))
