"""Colours for the columns of a sparse matrix, so that one product finds the elements of many columns.

    columns that share no row may have one colour       x 0 0 x     colours 0 1 1 0
    (distance 2 in the bipartite graph)                 0 x 0 x             would clash in row 1

Greedy colouring in a given order; the functions are plain loops over the compressed rows and columns
of the pattern, which ``autodiff.function`` compiles where the pattern is large.  For symmetric
matrices a star colouring needs fewer colours, since each element stands in two places: of an arrow
matrix 2 where the other needs n.

Source: A. H. Gebremedhin, F. Manne, A. Pothen, "What color is your Jacobian? Graph coloring for
computing derivatives", SIAM Review 47 (2005), algorithms 3.1 and 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Colouring = Callable[..., np.ndarray]


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

    ``ends`` and ``neighbours`` are a symmetric pattern by rows; the diagonal is not looked at.
    """
    count = len(order)
    colours = np.full(count, -1)
    forbidden = np.full(count + 1, -1)
    for position in range(count):
        v = order[position]
        for at in range(ends[v], ends[v + 1]):
            w = neighbours[at]
            if w != v:
                of_w = colours[w]
                if of_w >= 0:
                    forbidden[of_w] = v
                for other in range(ends[w], ends[w + 1]):
                    x = neighbours[other]
                    of_x = colours[x]
                    if x != v and of_x >= 0 and (of_w < 0 or of_x < of_w):
                        forbidden[of_x] = v
        colour = 0
        while forbidden[colour] == v:
            colour += 1
        colours[v] = colour
    return colours


def largest_first(ends: np.ndarray) -> np.ndarray:
    """Rows by their number of elements, the largest first, equals as they stand."""
    return np.argsort(-np.diff(ends), kind="stable")


def colour_columns(matrix: Any, run: Callable[[Colouring], Colouring]) -> np.ndarray:
    """Colours of the columns of a ``csr_array``; ``run`` says what runs the loops, compiled or not."""
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


def colour_symmetric(matrix: Any, run: Callable[[Colouring], Colouring]) -> np.ndarray:
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
