"""Colours: each element stands alone in the product that it is read from, and few products are enough."""

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array, random_array

import autodiff
from autodiff.sparse import colouring


def plainly(loops):
    """What runs the loops of a colouring: Python."""
    return loops


def pattern(rows, columns, density, seed, full_rows=0, full_columns=0):
    rng = np.random.default_rng(seed)
    matrix = random_array((rows, columns), density=density, rng=rng).toarray() != 0
    matrix[:full_rows] = True
    matrix[:, :full_columns] = True
    found = csr_array(matrix)
    found.sort_indices()
    return found


PATTERNS = [
    pattern(0, 4, 0.5, 0),
    pattern(4, 4, 0.0, 0),
    pattern(12, 9, 0.3, 1),
    pattern(30, 30, 0.05, 2, full_rows=2),
    pattern(30, 40, 0.05, 3, full_columns=3),
    pattern(40, 30, 0.04, 4, full_rows=2, full_columns=3),
    pattern(60, 60, 0.02, 5, full_rows=1, full_columns=1),
    pattern(6, 6, 1.0, 6),
]


@pytest.mark.parametrize("matrix", PATTERNS, ids=lambda m: f"{m.shape}, {m.nnz}")
def test_each_element_is_alone_in_its_product(matrix):
    split = colouring.colour_both(matrix, plainly)
    values = csr_array(
        (np.arange(1.0, matrix.nnz + 1), matrix.indices, matrix.indptr), matrix.shape
    )
    dense = values.toarray()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    forward, reverse = split.counts
    right = [dense @ (split.columns == k) for k in range(forward)]
    left = [dense.T @ (split.rows == k) for k in range(reverse)]
    for i, j, value, in_reverse in zip(
        rows, matrix.indices, values.data, split.in_reverse, strict=True
    ):
        found = left[split.rows[i]][j] if in_reverse else right[split.columns[j]][i]
        assert found == value
    one_way = [
        int(colouring.colour_columns(csr_array(m), plainly).max(initial=-1)) + 1
        for m in (matrix, matrix.T)
    ]
    assert split.cost <= min(one_way[0], colouring.REVERSE * one_way[1])


@pytest.mark.parametrize(("full_rows", "full_columns"), [(1, 1), (2, 1), (1, 3), (0, 2), (2, 0)])
def test_arrows_have_as_many_colours_as_full_rows_and_columns_and_one(full_rows, full_columns):
    n = 60
    matrix = eye_array(n, format="csr").toarray() != 0
    matrix[:full_rows] = True
    matrix[:, :full_columns] = True
    split = colouring.colour_both(csr_array(matrix), plainly)
    assert split.counts == (full_columns + 1, full_rows)


def test_long_columns_are_found_forward_where_the_rest_is_by_rows():
    # Few rows, many columns that share them: rows have few colours, but for one full column.
    matrix = np.zeros((40, 400), bool)
    matrix[np.arange(400) % 40, np.arange(400)] = True
    matrix[:, 0] = True
    split = colouring.colour_both(csr_array(matrix), plainly)
    assert split.counts == (1, 1)


def old_star(order, ends, neighbours):
    """Algorithm 4.1 as it is printed, which looks at all paths."""
    colours = np.full(len(order), -1)
    for v in order:
        forbidden = set()
        for w in neighbours[ends[v] : ends[v + 1]]:
            if w != v:
                forbidden.add(colours[w])
                for x in neighbours[ends[w] : ends[w + 1]]:
                    if x != v and colours[x] >= 0 and (colours[w] < 0 or colours[x] < colours[w]):
                        forbidden.add(colours[x])
        colours[v] = min(set(range(len(order) + 1)) - forbidden)
    return colours


@pytest.mark.parametrize(("n", "density"), [(5, 0.5), (40, 0.08), (150, 0.03)])
def test_star_colours_are_those_of_the_algorithm(n, density):
    matrix = random_array((n, n), density=density, rng=np.random.default_rng(n))
    matrix = csr_array(matrix + matrix.T + eye_array(n))
    matrix.sort_indices()
    ends, neighbours = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    order = colouring.largest_first(ends)
    found = colouring.greedy_star(order, ends, neighbours)
    assert (found == old_star(order, ends, neighbours)).all()
    assert (autodiff.function(colouring.greedy_star)(order, ends, neighbours) == found).all()
