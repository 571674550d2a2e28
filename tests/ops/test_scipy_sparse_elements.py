"""``find``, ``setdiag`` and diagonals of matrices whose elements carry derivatives."""

import numpy as np
import pytest
import scipy.sparse as sp

import autodiff
from autodiff.errors import DerivativeError
from tests.ops.test_scipy_sparse import assert_derivative

X = np.array([0.7, -1.3, 2.1])
ROWS, COLUMNS = np.array([0, 1, 2, 0, 2, 2]), np.array([0, 1, 2, 2, 0, 0])


def made(x, form):
    """The last two elements meet in one place."""
    return sp.coo_array(
        (np.concatenate([x, x[:2] ** 2, x[2:]]), (ROWS, COLUMNS)), shape=(3, 3)
    ).asformat(form)


def found(x, form):
    rows, columns, numbers = sp.find(made(x, form))
    return numbers * (1.0 + rows + 10.0 * columns)


def with_diagonal(x, form, values, k=0):
    matrix = made(x, form)
    matrix.setdiag(values, k)
    return matrix @ np.array([1.0, 2.0, 4.0]) + matrix.nnz


USES = {
    "find csr": lambda x: found(x, "csr"),
    "find csc": lambda x: found(x, "csc"),
    "setdiag csr": lambda x: with_diagonal(x, "csr", x**2),
    "setdiag csc, new elements": lambda x: with_diagonal(x, "csc", x[:2] * x[1], 1),
    "setdiag csr, a number": lambda x: with_diagonal(x, "csr", x[0] * 3.0, -1),
    "diagonal coo": lambda x: np.concatenate([made(x, "coo").diagonal(), made(x, "coo").diagonal(-2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_elements_that_are_found_and_set(name):
    np.testing.assert_array_equal(autodiff.function(USES[name])(X), USES[name](X))
    assert_derivative(USES[name], X)


def test_an_element_that_is_zero_has_no_place_in_what_is_found():
    slope = autodiff.gradient(lambda x: np.sum(found(x, "csr")))
    assert slope(X).shape == (3,)
    with pytest.raises(DerivativeError, match="find leaves out elements that are 0"):
        slope(np.array([0.0, 1.0, 2.0]))


def diagonals(x, width):
    data = np.stack([np.append(x, x), np.append(x**2, x), np.append(x, 1.0 - x)])
    return sp.dia_array((data, np.array([1, -2, 0])), shape=(4, width))


@pytest.mark.parametrize("width", [3, 4, 6])
def test_products_of_matrices_by_diagonals_have_the_diagonals_of_scipy(width):
    def parts(x):
        one, other = diagonals(x, width), diagonals(x * 2.0, width).T
        product, both = one @ other, one.multiply(diagonals(x**2, width))
        return product.offsets, product.data, both.offsets, both.data

    for mine, theirs in zip(autodiff.function(parts, engine="numpy")(X), parts(X), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_diagonal_element_that_is_zero_has_its_place_in_a_full_array():
    def f(x):
        return np.sum(sp.diags_array(x).toarray() @ np.array([1.0, 2.0, 4.0]))

    slope = autodiff.gradient(f, engine="numpy")
    np.testing.assert_array_equal(slope(np.array([0.0, 1.0, 0.0])), [1.0, 2.0, 4.0])


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("use", ["find", "setdiag"])
def test_several_elements_in_one_place(use):
    def f(x):
        matrix = sp.csr_array((x * 1.0, np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
        if use == "find":
            return sp.find(matrix)[2]
        matrix.setdiag(x[:2] * 2.0)
        return matrix.toarray()

    np.testing.assert_array_equal(autodiff.function(f)(X), f(X))


def test_elements_that_were_there_are_set_in_place():
    def f(data, x):
        matrix = sp.csr_array((data, np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 2))
        matrix.setdiag(x)
        return matrix @ x

    ours, theirs = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(autodiff.function(f)(ours, X[:2]), f(theirs, X[:2]))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize(("name", "form"), [("tolil", "csr"), ("todok", "coo")])
def test_lists_and_dicts_of_elements_say_what_to_do(name, form):
    text = f"{name} has its value alone, .* leave them in arrays, as tocsr"
    with pytest.raises(DerivativeError, match=text):
        autodiff.gradient(lambda x: getattr(made(x, form), name)().sum())(X)
