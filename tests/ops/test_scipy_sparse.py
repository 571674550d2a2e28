"""``scipy.sparse`` inside of functions: what is made outside and read at every call, and what is made of traced arrays."""

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff

BY_ROWS = sp.csr_array(
    np.array(
        [
            [3.0, 0.5, 0.0, 0.0],
            [0.0, 2.0, -1.0, 0.0],
            [1.0, 0.0, 4.0, 0.2],
            [0.0, 0.0, 0.3, 5.0],
        ]
    )
)
X = np.array([1.0, -2.0, 0.5, 3.0])
FORMATS = ["csr", "csc", "coo", "dia", "bsr"]
PRODUCTS = {
    "A @ x": lambda A, x: A @ x,
    "A.dot(x)": lambda A, x: A.dot(x),
    "A @ X": lambda A, x: A @ np.outer(x, np.array([1.0, 2.0])),
    "A @ column": lambda A, x: A @ x[:, None],
    "x @ A @ x": lambda A, x: x @ (A @ x),
}
OTHERS = {
    "A.T @ x": lambda A, x: A.T @ x,
    "x @ A": lambda A, x: x @ A,
    "(A * 2) @ x": lambda A, x: (A * 2.0) @ x,
    "(-A) @ x": lambda A, x: (-A) @ x,
    "A.sum()": lambda A, x: A.sum() * x,
    "A.sum(axis)": lambda A, x: A.sum(axis=0) * x,
    "A.toarray()": lambda A, x: A.toarray() @ x,
    "A.diagonal()": lambda A, x: A.diagonal() * x,
    "A.multiply(x)": lambda A, x: A.multiply(x) @ x,
    "A.mean(axis)": lambda A, x: A.mean(axis=1) * x,
    "A.shape, A.nnz": lambda A, x: x[: A.shape[0]] * A.nnz,
}


def assert_derivative(f, x, engine="native", compiled=True):
    """Value and Jacobian, against NumPy and differences; ``compiled``: without a fallback."""
    with warnings.catch_warnings():
        warnings.simplefilter("error" if compiled else "ignore", autodiff.FallbackWarning)
        function = autodiff.function(f, engine=engine)
        for at in (x, x[::-1].copy()):
            np.testing.assert_allclose(function(at), f(at), rtol=1e-12)
        jacobian = autodiff.jacobian(f, engine=engine)(x)
    step = 1e-6
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    expected = np.stack([np.asarray(c) for c in columns], axis=-1)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-6, atol=1e-7)


def sampled(*tables, one_in):
    """Every combination of the tables' entries; all but one in so many run with the slow tests."""
    rows = list(itertools.product(*tables))
    return [
        pytest.param(*row, marks=[pytest.mark.slow] if k % one_in else [])
        for k, row in enumerate(rows)
    ]


# -- matrices from outside ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("form", "name", "engine"), sampled(FORMATS, PRODUCTS, ["numpy", "native"], one_in=7)
)
def test_products_with_a_matrix_from_outside(form, name, engine):
    matrix = BY_ROWS.asformat(form)
    assert_derivative(lambda x: PRODUCTS[name](matrix, x), X, engine)


@pytest.mark.parametrize("name", sampled(OTHERS, one_in=4))
def test_other_uses_of_a_matrix_by_rows(name):
    assert_derivative(lambda x: OTHERS[name](BY_ROWS, x), X)


@pytest.mark.slow
@pytest.mark.parametrize("form", [*FORMATS, "lil", "dok"])
@pytest.mark.parametrize("name", {**PRODUCTS, **OTHERS})
def test_uses_of_a_matrix_of_any_form_are_right_or_refused(form, name):
    matrix, use = BY_ROWS.asformat(form), {**PRODUCTS, **OTHERS}[name]
    try:
        assert_derivative(lambda x: use(matrix, x), X, compiled=False)
    except autodiff.AutodiffError as error:  # said, not computed wrongly
        assert error.code != "AD900"


def test_a_matrix_is_read_at_every_call():
    matrix = BY_ROWS.copy()
    function = autodiff.function(lambda x: matrix @ x)
    gradient = autodiff.gradient(lambda x: np.sum(matrix @ x))
    np.testing.assert_allclose(function(X), matrix @ X)
    gradient(X)
    matrix.data *= 2.0
    matrix.indices[:2] = [2, 3]
    np.testing.assert_allclose(function(X), matrix @ X)
    np.testing.assert_allclose(gradient(X), matrix.sum(axis=0))
    matrix = sp.csr_array(np.ones((2, 4)))
    np.testing.assert_allclose(function(X), matrix @ X)
    matrix = sp.csc_array(np.ones((2, 4)))
    np.testing.assert_allclose(function(X), matrix @ X)


def test_elements_beyond_the_last_row_are_no_elements():
    matrix = sp.csr_array((2, 3))
    matrix.data = np.array([2.0, 3.0, np.nan])
    matrix.indices = np.array([0, 2, 7], np.int32)
    matrix.indptr = np.array([0, 1, 2], np.int32)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(autodiff.function(lambda x: matrix @ x)(x), [2.0, 9.0])
    found = autodiff.gradient(lambda x: np.sum(matrix @ x))(x)
    np.testing.assert_allclose(found, [2.0, 0.0, 3.0])


@pytest.mark.parametrize("dtype", sampled([np.float32, np.int64, np.int32, bool], one_in=2))
def test_dtypes_are_those_of_scipy(dtype):
    matrix = BY_ROWS.astype(dtype)
    for x in (X, X.astype(np.float32), np.arange(4)):
        found, expected = autodiff.function(lambda x: matrix @ x)(x), matrix @ x
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected)


def test_matrices_with_no_rows_columns_or_elements():
    for shape in ((0, 4), (3, 4)):
        empty = sp.csr_array(shape)
        np.testing.assert_array_equal(autodiff.function(lambda x: empty @ x)(X), empty @ X)
        jacobian = autodiff.jacobian(lambda x: empty @ x)(X)
        np.testing.assert_array_equal(jacobian, np.zeros(shape))


def test_shapes_that_do_not_fit_raise_what_scipy_raises():
    with pytest.raises(ValueError, match="dimension mismatch"):
        autodiff.function(lambda x: BY_ROWS @ x)(np.ones(3))


def test_the_pattern_of_a_product_is_that_of_the_matrix():
    pattern = autodiff.sparsity(lambda x: BY_ROWS @ x)(X)
    assert (pattern.toarray() == (BY_ROWS.toarray() != 0)).all()
    hessian = autodiff.hessian(lambda x: x @ (BY_ROWS @ x), sparse=True)(X)
    np.testing.assert_allclose(hessian.toarray(), (BY_ROWS + BY_ROWS.T).toarray())


def test_a_matrix_that_is_an_attribute():
    class Model:
        def __init__(self):
            self.matrix = BY_ROWS.tocsc()

        def energy(self, x):
            return 0.5 * x @ (self.matrix @ x)

    model = Model()
    gradient = autodiff.gradient(model.energy)
    symmetric = 0.5 * (BY_ROWS + BY_ROWS.T).toarray()
    np.testing.assert_allclose(gradient(X), symmetric @ X)
    model.matrix = model.matrix * 3.0
    np.testing.assert_allclose(gradient(X), 3 * symmetric @ X)


# -- matrices of traced elements ------------------------------------------------------------------------
ENDS, COLUMNS, PLACES = BY_ROWS.indptr, BY_ROWS.indices, np.arange(4)
MADE = {
    "csr": lambda x: sp.csr_array((BY_ROWS.data * x[0] * x[1], COLUMNS, ENDS), shape=(4, 4)),
    "csc": lambda x: sp.csc_array((BY_ROWS.data * x[2], COLUMNS, ENDS), shape=(4, 4)),
    "coo": lambda x: sp.coo_array((x**2, (PLACES, PLACES[::-1])), shape=(4, 4)),
    "coo twice": lambda x: sp.coo_array((x**2, (PLACES // 2, PLACES // 2)), shape=(4, 4)),
    "dia": lambda x: sp.dia_array((x[None, :], np.array([1])), shape=(4, 4)),
    "diags": lambda x: sp.diags_array(x),
    "scaled": lambda x: BY_ROWS * x[0],
}
USED = {
    "@ x": lambda A, x: A @ x,
    "@ 1": lambda A, x: A @ np.arange(4.0),
    "1 @": lambda A, x: np.arange(4.0) @ A,
    ".T": lambda A, x: A.T @ x,
    "* 2": lambda A, x: (A * 2.0) @ x,
}


@pytest.mark.parametrize(("kind", "use"), sampled(MADE, USED, one_in=9))
def test_products_with_a_matrix_of_traced_elements(kind, use):
    assert_derivative(lambda x: USED[use](MADE[kind](x), x), X)


def setting_the_diagonal(A, x):
    A = A.copy().tocsr()
    A.setdiag(7.0)
    return A @ x


MORE = {
    **USED,
    "toarray": lambda A, x: A.toarray() @ x,
    "sum": lambda A, x: A.sum() * x,
    "element": lambda A, x: A.tocsr()[1, 1] * x,
    "+": lambda A, x: (A + A) @ x,
    "tocsc": lambda A, x: A.tocsc() @ x,
    "power": lambda A, x: A.power(2) @ x,
    "setdiag": setting_the_diagonal,
    "data": lambda A, x: A.tocsr().data.sum() * x,
    "A @ A": lambda A, x: (A @ A) @ x,
    "np.sum": lambda A, x: np.sum(A) * x,
}
MADE_OTHERWISE = {
    **MADE,
    "csr by elements": lambda x: sp.csr_array((x, (PLACES, PLACES[::-1])), shape=(4, 4)),
    "of a full one": lambda x: sp.csr_array(np.outer(x, x)),
    "blocks": lambda x: sp.bsr_array(np.outer(x, x), blocksize=(2, 2)),
    "constant": lambda x: sp.csr_array(np.eye(4)),
    "kron": lambda x: sp.kron(np.eye(2), np.ones((2, 2))),
    "vstack": lambda x: sp.vstack([BY_ROWS[:2] * x[0], BY_ROWS[2:]]),
    "multiplied": lambda x: BY_ROWS.multiply(x),
}


@pytest.mark.parametrize(("kind", "use"), sampled(MADE_OTHERWISE, MORE, one_in=40))
def test_whatever_is_made_and_used_is_right_or_refused(kind, use):
    try:
        assert_derivative(lambda x: MORE[use](MADE_OTHERWISE[kind](x), x), X, compiled=False)
    except autodiff.AutodiffError as error:  # said, not computed wrongly
        assert error.code != "AD900"


TWICE = np.array([0, 0, 1, 1])
LINKS = np.array([[0, 1], [1, 2], [2, 3]])


def assembled(x):
    """Stiffness of a chain of springs: each adds four elements, which meet on the diagonal."""
    of_one = x[:3, None, None] * np.array([[2.0, -1.0], [-1.0, 2.0]])
    rows, columns = np.repeat(LINKS, 2, axis=1).ravel(), np.tile(LINKS, (1, 2)).ravel()
    return of_one.ravel(), (rows, columns)


BY_ELEMENTS = {
    "permuted": lambda x: sp.csr_array((x, (PLACES, PLACES[::-1])), shape=(4, 4)) @ x,
    "in one place": lambda x: sp.csr_array((x, (TWICE, TWICE)), shape=(4, 4)) @ x,
    "by columns, unsorted": lambda x: sp.csc_array((x**2, (PLACES[::-1], TWICE)), (4, 4)) @ x,
    "coo.tocsr()": lambda x: sp.coo_array((x, (TWICE, PLACES)), shape=(4, 4)).tocsr() @ x,
    "assembled": lambda x: sp.csr_array(assembled(x), shape=(4, 4)) @ x,
    "assembled and solved": lambda x: sl.spsolve(sp.csc_array(assembled(x), shape=(4, 4)), x),
    "to columns and solved": lambda x: sl.splu(
        sp.coo_array(assembled(x), shape=(4, 4)).tocsr().tocsc()
    ).solve(x),
    "their elements": lambda x: sp.csr_array((x, (TWICE, TWICE)), shape=(4, 4)).data * 2.0,
    "how many": lambda x: sp.csr_array((x, (TWICE, TWICE)), shape=(4, 4)).nnz * x,
}


@pytest.mark.parametrize(("name", "engine"), sampled(BY_ELEMENTS, ["numpy", "native"], one_in=5))
def test_matrices_made_by_elements(name, engine):
    assert_derivative(BY_ELEMENTS[name], np.array([1.0, 2.0, 0.5, 3.0]), engine)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sp.csr_array(np.diag(x)) @ np.ones(4),
        lambda x: sp.coo_array([[x[0], x[1]], [x[2], x[3]]]) @ np.ones(2),
        lambda x: sp.diags_array(x).tocoo() @ np.ones(4),
    ],
)
def test_elements_that_scipy_leaves_out_have_a_derivative_all_the_same(f):
    # At 0 the full array has a derivative by each element, of which the sparse one knows nothing.
    x = np.array([1.0, 0.0, 2.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(autodiff.function(f)(x), f(x))
        with pytest.raises(autodiff.DerivativeError, match="leaves out elements that are 0"):
            autodiff.jacobian(f)(x)


# -- systems -------------------------------------------------------------------------------------------
BY_COLUMNS = BY_ROWS.tocsc()
FACTORS = sl.splu(BY_COLUMNS)
SOLVE = sl.factorized(BY_COLUMNS)
SOLVED = {
    "spsolve by rows": lambda x: sl.spsolve(BY_ROWS, x**2),
    "spsolve by columns": lambda x: sl.spsolve(BY_COLUMNS, x),
    "several right-hand sides": lambda x: sl.spsolve(BY_COLUMNS, np.outer(x, [1.0, 2.0])),
    "a column": lambda x: sl.spsolve(BY_ROWS, x[:, None]),
    "splu": lambda x: sl.splu(BY_COLUMNS).solve(x),
    "splu, transposed": lambda x: sl.splu(BY_COLUMNS).solve(x**2, "T"),
    "factorized": lambda x: sl.factorized(BY_COLUMNS)(x),
    "factors from outside": lambda x: FACTORS.solve(x**2),
    "factors from outside, transposed": lambda x: FACTORS.solve(x, trans="T"),
    "a solver from outside": lambda x: SOLVE(x),
    "a constant": lambda x: sl.spsolve(BY_COLUMNS, np.ones(4)) * x,
    "traced elements": lambda x: sl.spsolve(
        sp.csc_array(
            (BY_COLUMNS.data * np.sum(x), BY_COLUMNS.indices, BY_COLUMNS.indptr), shape=(4, 4)
        ),
        x,
    ),
    "traced elements, by rows": lambda x: sl.spsolve(BY_ROWS * x[0], np.outer(x, [1.0, 2.0])),
    "splu with options": lambda x: sl.splu(
        BY_COLUMNS * x[0], "MMD_AT_PLUS_A", relax=1, options={"Equil": False}
    ).solve(x, trans="H"),
    "a sparse right-hand side": lambda x: sl.spsolve(
        BY_COLUMNS * x[1], sp.csc_array(np.eye(4)[:, 1:3])
    ).toarray(),
    "a sparse column": lambda x: sl.spsolve(BY_COLUMNS * x[1], sp.csc_array(np.eye(4)[:, 1:2])),
}


@pytest.mark.parametrize(("name", "engine"), sampled(SOLVED, ["numpy", "native"], one_in=5))
def test_solutions_of_sparse_systems(name, engine):
    assert_derivative(SOLVED[name], X, engine)


def test_second_derivatives_of_a_solution():
    def f(x):
        return np.sum(sl.spsolve(BY_ROWS * x[0], x**2) ** 2)

    dense = BY_ROWS.toarray()
    expected = autodiff.hessian(lambda x: np.sum(np.linalg.solve(dense * x[0], x**2) ** 2))(X)
    np.testing.assert_allclose(autodiff.hessian(f)(X), expected, rtol=1e-8)


def test_a_system_is_read_at_every_call():
    matrix = BY_COLUMNS.copy()
    gradient = autodiff.gradient(lambda x: np.sum(sl.spsolve(matrix, x)))
    for factor in (1.0, 2.0, 0.5):
        matrix.data[:] = factor * BY_COLUMNS.data
        expected = np.linalg.solve(matrix.toarray().T, np.ones(4))
        np.testing.assert_allclose(gradient(X), expected)


@pytest.mark.parametrize("form", ["coo", "dia", "bsr", "lil", "dok"])
@pytest.mark.parametrize("solve", [lambda m, b: sl.spsolve(m, b), lambda m, b: sl.splu(m).solve(b)])
def test_a_matrix_of_another_form_is_put_by_columns_with_scipys_warning(form, solve):
    matrix = BY_ROWS.asformat(form)
    with pytest.warns(sp.SparseEfficiencyWarning) as plain:
        expected = solve(matrix, X)
    with pytest.warns(sp.SparseEfficiencyWarning) as caught:
        found = autodiff.function(lambda x: solve(matrix, x), engine="numpy")(X)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert [str(w.message) for w in caught] == [str(w.message) for w in plain]
    assert (caught[0].filename, caught[0].lineno) == (plain[0].filename, plain[0].lineno)
    with warnings.catch_warnings():  # what is not computed is not slow either
        warnings.simplefilter("ignore")
        slope = autodiff.gradient(lambda x: np.sum(solve(matrix, x)), engine="numpy")(X)
    np.testing.assert_allclose(slope, np.linalg.solve(BY_ROWS.toarray().T, np.ones(4)))


def test_a_singular_system_is_scipys_affair():
    matrix = sp.csc_array(np.diag([1.0, 0.0]))
    with pytest.warns(sl.MatrixRankWarning):
        found = autodiff.function(lambda b: sl.spsolve(matrix, b))(np.ones(2))
    assert np.isnan(found).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(autodiff.AutodiffError, match="Factor is exactly singular"):
            autodiff.gradient(lambda b: np.sum(sl.spsolve(matrix, b)))(np.ones(2))


def test_right_hand_sides_that_do_not_fit_raise_what_scipy_raises():
    with pytest.raises(ValueError, match="matrix - rhs dimension mismatch"):
        autodiff.function(lambda b: sl.spsolve(BY_ROWS, b))(np.ones(3))


def test_a_name_that_asks_whether_something_is_a_number():
    def f(x):
        return x * 1.0 if np.isscalar((x, x)) or np.isscalar([x]) else x * 2.0

    np.testing.assert_array_equal(autodiff.function(f)(np.ones(2)), f(np.ones(2)))


SMALL = sp.csr_array(np.array([[0.0, 2, 0], [1, 0, 0], [0, 0, 4]]))
OTHER = sp.csr_array(np.array([[0.0, 2, 0], [1, 0, 0], [0, 0, 4]])).tolil()
OF_TABLES = {
    "@": lambda A, x: A @ x,
    "from the left": lambda A, x: x @ A,
    "@ matrix": lambda A, x: A @ np.stack([x, x**2], 1),
    "dot": lambda A, x: A.dot(x),
    "toarray": lambda A, x: A.toarray() @ x,
    "sum": lambda A, x: A.sum(axis=0) * x,
    "tocsr": lambda A, x: (A.tocsr() * x[0]) @ x,
    "@ csr": lambda A, x: (A @ SMALL) @ x,
    "csr @": lambda A, x: (SMALL @ A) @ x,
    "@ lil": lambda A, x: (A @ OTHER.T) @ x,
    "transposed": lambda A, x: A.T @ x,
    "negated": lambda A, x: (-A) @ x,
    "absolute": lambda A, x: abs(A) @ x,
    "multiple": lambda A, x: (2 * A * 3 / 4) @ x,
    "+ of one form": lambda A, x: (A + A.T) @ x,
    "- of one form": lambda A, x: (A - 2 * A.T) @ x,
    "+ csr": lambda A, x: (A + SMALL) @ x,
    "csr -": lambda A, x: (SMALL - A) @ x,
    "+ lil": lambda A, x: (A + OTHER) @ x,
    "+ traced": lambda A, x: (A + SMALL * x[1]) @ x,
    "- traced": lambda A, x: (A - SMALL * x[1]) @ x,
    "@ traced": lambda A, x: (A @ (SMALL * x[1])) @ x,
    "multiply": lambda A, x: A.multiply(x).toarray() @ x,
    "multiply lil": lambda A, x: A.multiply(OTHER) @ x,
    "power": lambda A, x: A.power(2) @ x,
    "nnz": lambda A, x: A.nnz * x,
    "vstack": lambda A, x: sp.vstack([A, SMALL], format="csr") @ x,
    "kron": lambda A, x: sp.kron(A, SMALL) @ np.concatenate([x, x, x]),
}
WITH_ITEMS = {
    "rows": lambda A, x: A[1:] @ x,
    "columns": lambda A, x: A[:, [2, 0]].T @ x,
    "reversed": lambda A, x: A[::-1] @ x,
    "row": lambda A, x: A[[0]].toarray()[0] * x,
    "item": lambda A, x: A[1, 1] * x,
}
OF_LISTS = {
    f"{form} {name}": (form, use)
    for form in ("lil", "dok")
    for name, use in {**OF_TABLES, **WITH_ITEMS}.items()
} | {f"bsr {name}": ("bsr", use) for name, use in OF_TABLES.items()}


def test_a_norm_is_compiled_by_the_first_call_of_a_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np, scipy.sparse as sp, scipy.sparse.linalg as sl, autodiff\n"
        "A = sp.eye_array(3).tocsr()\n"
        "f = autodiff.function(lambda t: sl.norm(A * t), on_fallback='error', engine='numpy')\n"
        "assert f(2.0) == sl.norm(A * 2.0)\n"
    )
    subprocess.run([sys.executable, program], check=True, timeout=300)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8, np.uint8, bool])
def test_sums_have_the_type_of_scipy(dtype):
    for form in ("csr", "csc", "bsr"):
        matrix = sp.csr_array(np.array([[100, 0, 1], [0, 120, 7]])).astype(dtype).asformat(form)

        def f(x, matrix=matrix):
            return matrix.sum(), matrix.sum(axis=0), matrix.sum(axis=1), x

        found = autodiff.function(f, engine="numpy", on_fallback="error")(1.0)
        for mine, theirs in zip(found, f(1.0), strict=True):
            assert type(mine) is type(theirs)
            assert np.asarray(mine).dtype == np.asarray(theirs).dtype
            np.testing.assert_array_equal(mine, theirs)


def test_what_is_stored_into_a_copy_stays_in_the_function():
    for form in ("lil", "dok", "bsr"):
        matrix = sp.csr_array(np.eye(3)).asformat(form)

        def f(x, matrix=matrix):
            own = matrix.copy()
            if own.format == "bsr":
                own.data[0] = 9.0
            else:
                own[0, 0] = 9.0
            return own @ x + matrix @ x

        expected, x = f(np.arange(1.0, 4.0)), np.arange(1.0, 4.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            for _ in range(2):
                np.testing.assert_array_equal(autodiff.function(f, engine="numpy")(x), expected)
        np.testing.assert_array_equal(matrix.toarray(), np.eye(3))


@pytest.mark.parametrize("name", OF_LISTS)
def test_arrays_of_lists_and_of_blocks_are_read_at_every_call(name):
    form, use = OF_LISTS[name]
    matrix = sp.csr_array(np.array([[2.0, 0, 1], [0, 3, 0], [1, 0, 0]])).asformat(form)
    x = np.array([0.3, -0.7, 1.1])

    def f(x):
        return use(matrix, x)

    compiled = autodiff.function(f, on_fallback="error", engine="numpy")
    slope = autodiff.jacobian(f, on_fallback="error", engine="numpy")
    for value in (5.0, 6.0):
        if form in ("lil", "dok"):
            matrix[1, 1] = value
        else:
            matrix.data[0] = value
        assert np.allclose(compiled(x), f(x), rtol=1e-15)
        columns = [(f(x + e) - f(x - e)) / 2 for e in np.eye(3)]  # exact of polynomials of degree 2
        if not name.endswith("@ matrix"):
            assert np.allclose(slope(x), np.stack(columns, -1), rtol=1e-13, atol=1e-13)
