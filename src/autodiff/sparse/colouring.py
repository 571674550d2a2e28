"""Colours for the columns of a sparse matrix, so that one product finds the elements of many columns.

    columns that share no row may have one colour       x 0 0 x     colours 0 1 1 0
    (distance 2 in the bipartite graph)                 0 x 0 x             would clash in row 1

Greedy colouring in a given order; the functions are plain loops over the compressed rows and columns
of the pattern, which ``autodiff.function`` compiles where the pattern is large.  For symmetric
matrices a star colouring needs fewer colours, since each element stands in two places: of an arrow
matrix 2 where the other needs n.  Of an arrow that is not symmetric, the full rows are found by
products in reverse, and the rest by products forward, or the other way round.

Source: A. H. Gebremedhin, F. Manne, A. Pothen, "What color is your Jacobian? Graph coloring for
computing derivatives", SIAM Review 47 (2005), algorithms 3.1 and 4.1 and section 5; which rows are
taken out: T. F. Coleman, A. Verma, "The efficient computation of sparse Jacobian matrices using
automatic differentiation", SIAM J. Sci. Comput. 19 (1998).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from autodiff.plain_data import dataclass

Colouring = Callable[..., np.ndarray]
Runs = Callable[[Colouring], Colouring]
"""What runs the loops of a colouring, compiled or not."""
REVERSE = 2  # what a product in reverse costs, in products forward
MOST_SPLITS = 6  # that are coloured, of those that may be the best


def greedy_columns(
    order: np.ndarray,
    row_ends: np.ndarray,
    columns: np.ndarray,
    column_ends: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """The smallest colour that no column with a common row has, column by column.

    Parameters
    ----------
    order : array of int, shape (n,)
        The columns in the order in which they are coloured.
    row_ends, columns
        The pattern by rows, as in ``csr_array``.
    column_ends, rows
        The pattern by columns.

    Returns
    -------
    array of int, shape (n,)
        -1 for columns without elements.
    """
    count = len(order)
    colours = np.full(count, -1)
    # Which column a colour was last forbidden for: no need to clear it between columns.
    forbidden = np.full(count + 1, -1)
    for position in range(count):
        j = order[position]
        if column_ends[j + 1] > column_ends[j]:
            for at in range(column_ends[j], column_ends[j + 1]):
                i = rows[at]
                for other in range(row_ends[i], row_ends[i + 1]):
                    colour = colours[columns[other]]
                    if colour >= 0:
                        forbidden[colour] = j
            colour = 0
            while forbidden[colour] == j:
                colour += 1
            colours[j] = colour
    return colours


def greedy_star(order: np.ndarray, ends: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Colours in which no two neighbours agree, and every path of four has three or more.

    ``ends`` and ``neighbours`` are a symmetric pattern by rows; the diagonal is not looked at.  A
    coloured vertex keeps the colours below its own that its neighbours have, each once, so that
    what a vertex with many neighbours costs does not grow with their square.
    """
    count = len(order)
    colours = np.full(count, -1)
    forbidden = np.full(count + 1, -1)
    below = np.full(len(neighbours), -1)  # as many places as the vertex has neighbours
    known = np.zeros(count, np.int64)  # how many of them are taken
    for position in range(count):
        v = order[position]
        for at in range(ends[v], ends[v + 1]):
            w = neighbours[at]
            if w != v:
                of_w = colours[w]
                if of_w >= 0:
                    forbidden[of_w] = v
                # Of a coloured one the colours below its own; else those of all its neighbours.
                end = ends[w] + known[w] if of_w >= 0 else ends[w + 1]
                for other in range(ends[w], end):
                    near = below[other] if of_w >= 0 else colours[neighbours[other]]
                    if near >= 0:
                        forbidden[near] = v
        colour = 0
        while forbidden[colour] == v:
            colour += 1
        colours[v] = colour
        for at in range(ends[v], ends[v + 1]):
            w = neighbours[at]
            of_w = colours[w]
            # The one of the two with the larger colour keeps the smaller.
            keeper = w if of_w > colours[v] else v
            kept = min(of_w, colours[v])
            if kept >= 0 and of_w != colours[v]:
                end = ends[keeper] + known[keeper]
                times = 0
                for other in range(ends[keeper], end):
                    if below[other] == kept:
                        times += 1
                if times == 0:
                    below[end] = kept
                    known[keeper] += 1
    return colours


def largest_first(ends: np.ndarray) -> np.ndarray:
    """Rows by their number of elements, the largest first, equals as they stand."""
    return np.argsort(-np.diff(ends), kind="stable")


def colour_columns(matrix: Any, run: Runs) -> np.ndarray:
    """Colours of the columns of a ``csr_array``."""
    by_columns = matrix.tocsc()
    pattern = [matrix.indptr, matrix.indices, by_columns.indptr, by_columns.indices]
    pattern = [x.astype(np.int64) for x in pattern]
    natural = np.arange(matrix.shape[1])
    colour = run(greedy_columns)
    first = colour(natural, *pattern)
    # No colouring has fewer colours than a row has elements.
    if len(first) and first.max() + 1 > np.diff(matrix.indptr).max(initial=0):
        second = colour(largest_first(by_columns.indptr), *pattern)
        if second.max() < first.max():
            return second
    return first


def colour_symmetric(matrix: Any, run: Runs) -> np.ndarray:
    """Star colours of a symmetric ``csr_array``."""
    ends, neighbours = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return run(greedy_star)(largest_first(ends), ends, neighbours)


def is_alone(matrix: Any, colours: np.ndarray) -> np.ndarray:
    """For each element of a ``csr_array``: whether no other in its row has a column of its colour."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    count = int(colours.max(initial=-1)) + 1
    keys = rows * count + colours[matrix.indices]
    _, at, times = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(times[at] == 1)


# -- rows and columns ---------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Split:
    """Elements that columns are coloured for, and those that rows are coloured for.

    Attributes
    ----------
    columns, rows : array of int
        The colour of each column and row; -1: it has none.
    in_reverse : array of bool
        Of each element of the matrix whether a row holds it.
    """

    columns: np.ndarray
    rows: np.ndarray
    in_reverse: np.ndarray

    @property
    def counts(self) -> tuple[int, int]:
        """How many products forward, and in reverse."""
        return int(self.columns.max(initial=-1)) + 1, int(self.rows.max(initial=-1)) + 1

    @property
    def cost(self) -> int:
        forward, reverse = self.counts
        return forward + REVERSE * reverse


def _limits(matrix: Any, cost: int, cost_of_taken: int) -> list[tuple[int, int]]:
    """For each number of elements a row may have: what it costs at least to take longer ones out.

    The columns of what is left have at least as many colours as the longest row has elements, and
    the rows that are taken out at least as many as share one column.
    """
    sizes = np.diff(matrix.indptr)
    order = largest_first(matrix.indptr)
    columns = matrix[order].indices
    # Which one each element is in its column, longest rows first.
    by_column = np.argsort(columns, kind="stable")
    starts = np.searchsorted(columns[by_column], columns[by_column])
    number = np.empty(len(columns), np.int64)
    number[by_column] = np.arange(len(columns)) - starts + 1
    shared = np.concatenate([[0], np.maximum.accumulate(number)])
    limits = np.unique(sizes[sizes > 0])
    longer = np.searchsorted(-sizes[order], -limits)  # how many rows are longer than each
    taken = np.concatenate([[0], np.cumsum(sizes[order])])[longer]
    bounds = cost * limits + cost_of_taken * shared[taken]
    return list(zip(bounds.tolist(), limits.tolist(), strict=True))


def _split(matrix: Any, limit: int, run: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours of the columns, of the rows longer than ``limit``, and which elements these hold."""
    sizes = np.diff(matrix.indptr)
    longer = np.repeat(sizes > limit, sizes)
    at = np.repeat(np.arange(matrix.shape[0]), sizes)

    def part(these: np.ndarray) -> Any:
        places = (at[these], matrix.indices[these])
        return csr_array((np.ones(len(places[0]), bool), places), shape=matrix.shape)

    rows = colour_columns(csr_array(part(longer).T), run)
    return colour_columns(part(~longer), run), rows, longer


def colour_both(matrix: Any, run: Runs) -> Split:
    """The cheapest of: columns alone, rows alone, long rows and columns, long columns and rows."""
    turned = csr_array(matrix.T)
    turned.sort_indices()
    numbered = csr_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    numbers = csr_array(numbered.T)
    numbers.sort_indices()
    ways = [(*x, False) for x in _limits(matrix, 1, REVERSE)]
    ways += [(*x, True) for x in _limits(turned, REVERSE, 1)]
    best: Split | None = None
    for bound, limit, is_turned in sorted(ways)[:MOST_SPLITS]:
        if best is not None and bound >= best.cost:
            break
        if is_turned:
            rows, columns, forward = _split(turned, limit, run)
            in_reverse = np.empty(matrix.nnz, bool)
            in_reverse[numbers.data] = ~forward
        else:
            columns, rows, in_reverse = _split(matrix, limit, run)
        found = Split(columns, rows, in_reverse)
        if best is None or found.cost < best.cost:
            best = found
    if best is None:  # no element at all
        columns, rows = (np.full(n, -1) for n in reversed(matrix.shape))
        best = Split(columns, rows, np.zeros(0, bool))
    return best
