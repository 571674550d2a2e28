"""Sets of inputs, each under one number, and unions of whole arrays of them at once.

    sets = Sets(4)              0 is the empty set, k + 1 is {k}
    a = sets.of_inputs(2, 2)    array([3, 4]): the elements 2 and 3
    b = sets.unite(a, a[::-1])  array([5, 5]): {2, 3}, made once

An array of such numbers says of each element of an array which inputs it depends on.  What moves
elements (views, stores, gathers) moves the numbers; what computes unites the sets.  Sets are made
by all the elements of an operation together, in NumPy, and kept behind one another as the rows of a
sparse matrix are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff.errors import UnsupportedError

INDEX = np.dtype(np.int64)
MOST_MEMBERS = 2**28  # of all sets together: 2 GiB, in which no derivative is sparse any more
_FEW = 16  # elements whose unions are looked up one by one


class Sets:
    """All sets that occur while one program is followed."""

    def __init__(self, count: int) -> None:
        self.count = count  # of inputs
        self.number = count + 1  # of sets
        self._members = np.arange(max(count, 16), dtype=INDEX)
        self._starts = np.concatenate(
            [np.zeros(1, INDEX), np.arange(max(count, 16) + 1, dtype=INDEX)]
        )
        self._known: dict[tuple[int, int], int] = {}

    def of_inputs(self, first: int, count: int) -> np.ndarray:
        """The sets of one input each."""
        return np.arange(first + 1, first + 1 + count, dtype=INDEX)

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """How many members each set has."""
        sizes: np.ndarray = self._starts[numbers + 1] - self._starts[numbers]
        return sizes

    def rows(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sets as the rows of a sparse matrix: where each ends, and their members, in order."""
        sizes = self.sizes(numbers)
        ends = np.concatenate([np.zeros(1, INDEX), np.cumsum(sizes)])
        if ends[-1] > MOST_MEMBERS:
            raise too_dense()
        # Positions count up within a row and jump at its beginning.
        at = np.arange(ends[-1]) + np.repeat(self._starts[numbers] - ends[:-1], sizes)
        return ends, self._members[at]

    # -- unions -------------------------------------------------------------------------------------
    def unite(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The unions of two arrays of sets of one shape, element by element."""
        if a.size <= _FEW:
            pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
            return np.array([self.pair(x, y) for x, y in pairs], INDEX).reshape(a.shape)
        result = np.where(b == 0, a, b)
        differ = np.flatnonzero((a != b).ravel() & (a != 0).ravel() & (b != 0).ravel())
        if len(differ):
            x, y = a.ravel()[differ], b.ravel()[differ]
            low, high = np.minimum(x, y), np.maximum(x, y)
            keys = low * self.number + high
            order = np.argsort(keys, kind="stable")
            first = _firsts(keys[order])
            pairs = keys[order][first]
            at = np.empty(len(keys), INDEX)
            at[order] = np.cumsum(first) - 1
            groups = np.repeat(np.arange(len(pairs)), 2)
            members = np.stack([pairs // self.number, pairs % self.number], axis=1).ravel()
            united = self.unite_groups(groups, members, len(pairs))
            result = result.ravel()
            result[differ] = united[at]
            result = result.reshape(a.shape)
        return result

    def pair(self, a: int, b: int) -> int:
        """The union of two sets."""
        if a == b or b == 0:
            return a
        if a == 0:
            return b
        key = (a, b) if a < b else (b, a)
        known = self._known.get(key)
        if known is None:
            of_a = self._members[self._starts[a] : self._starts[a + 1]]
            of_b = self._members[self._starts[b] : self._starts[b + 1]]
            united = set(of_a.tolist())
            united.update(of_b.tolist())
            if len(united) == len(of_a):
                known = a
            elif len(united) == len(of_b):
                known = b
            else:
                known = self.number
                self._add(np.array([len(united)]), np.array(sorted(united), INDEX))
            self._known[key] = known
        return known

    def unite_all(self, numbers: Sequence[np.ndarray]) -> int:
        """The union of every set in some arrays."""
        flat = _distinct(np.concatenate([np.ravel(x) for x in numbers]))
        return int(self.unite_groups(np.zeros(len(flat), INDEX), flat, 1)[0])

    def unite_along(self, numbers: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """The unions along axes, which are dropped."""
        kept = [k for k in range(numbers.ndim) if k not in axes]
        moved = np.transpose(numbers, (*kept, *axes))
        shape = moved.shape[: len(kept)]
        count = int(np.prod(shape))
        inner = moved.size // count if count else 0
        groups = np.repeat(np.arange(count), inner)
        return self.unite_groups(groups, moved.ravel(), count).reshape(shape)

    def unite_groups(self, groups: np.ndarray, numbers: np.ndarray, count: int) -> np.ndarray:
        """For each of ``count`` groups the union of the sets whose ``groups`` entry names it."""
        present = numbers != 0
        pairs = _distinct(groups[present] * self.number + numbers[present])
        groups, numbers = pairs // self.number, pairs % self.number
        result = np.zeros(count, INDEX)
        sizes = self.sizes(numbers)
        # Of each group the largest set comes last: the union is often that one.
        order = np.lexsort((sizes, groups))
        result[groups[order]] = numbers[order]
        several = np.bincount(groups, minlength=count) > 1
        among = several[groups]
        if not among.any():
            return result
        groups, numbers = groups[among], numbers[among]
        ends, members = self.rows(numbers)
        found = _distinct(np.repeat(groups, np.diff(ends)) * self.count + members)
        of, members = found // self.count, found % self.count
        united = np.bincount(of, minlength=count)
        new = several & (united > self.sizes(result))
        result[new] = self._add(united[new], members[new[of]])
        return result

    def _add(self, sizes: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Numbers for new sets, given by their sizes and their members one after the other."""
        first, end = self.number, self._starts[self.number]
        self.number += len(sizes)
        if end + len(members) > MOST_MEMBERS:
            raise too_dense()
        self._members = _grown(self._members, end + len(members))
        self._members[end : end + len(members)] = members
        self._starts = _grown(self._starts, self.number + 1)
        self._starts[first + 1 : self.number + 1] = end + np.cumsum(sizes)
        return np.arange(first, self.number)


def _firsts(ordered: np.ndarray) -> np.ndarray:
    """Where each value occurs first in an array in order."""
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def _distinct(keys: np.ndarray) -> np.ndarray:
    """The values of an array, once each and in order: ten times as fast as ``np.unique``, which hashes."""
    ordered = np.sort(keys)
    return ordered[_firsts(ordered)]


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    """The array with room for ``size`` elements; it at least doubles, so that all is copied few times."""
    if size <= len(array):
        return array
    grown = np.zeros(max(size, 2 * len(array)), array.dtype)
    grown[: len(array)] = array
    return grown


def too_dense() -> UnsupportedError:
    """The error for a derivative that has no room as a sparse matrix either."""
    return UnsupportedError(
        "the derivative is not sparse: the elements of an intermediate value depend on more than "
        f"{MOST_MEMBERS} inputs in all.",
        code="AD304",
        remedy="use products, autodiff.jvp, autodiff.vjp or autodiff.hessian_vector",
    )
