"""What decides where the elements of sparse arrays are: sums, products, slices, blocks, other forms."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff

FIXED = sp.csr_array(np.array([[4.0, 0.5, 0, 0], [0, 3, -1, 0], [1, 0, 5, 0.2], [0, 0, 0.3, 6]]))
ROWS, COLUMNS = np.array([0, 0, 1, 2, 2, 3, 3, 0]), np.array([0, 3, 2, 2, 1, 3, 0, 0])
X = np.array([1.0, -2.0, 0.5, 3.0])
B = np.array([1.0, 2.0, 3.0, 4.0])
PLACES = np.arange(4)


WHOLE = sp.csr_array(np.array([[1, 0, 2, 0], [0, 1, 0, 0], [0, 3, 1, 0], [0, 0, 0, 1]]))


def free_part(A):
    """Without what is held by the boundary, as finite elements do it."""
    free = np.setdiff1d(np.arange(4), [1])
    return A[free][:, free]


def is_array(A):
    return isinstance(A, sp.sparray)


def elements(x):
    return np.concatenate([x**2 + 1.0, np.sin(x)])


# (0, 0) comes twice.
MADE = {
    "csr": lambda x: sp.csr_array((elements(x), (ROWS, COLUMNS)), shape=(4, 4)),
    "csc": lambda x: sp.csc_array((elements(x), (ROWS, COLUMNS)), shape=(4, 4)),
    "coo": lambda x: sp.coo_array((elements(x)[:7], (ROWS[:7], COLUMNS[:7])), shape=(4, 4)),
    "matrix": lambda x: sp.csr_matrix((elements(x), (ROWS, COLUMNS)), shape=(4, 4)),
    "dia": lambda x: sp.diags_array([x[1:], x**2 + 1], offsets=[-1, 0], shape=(4, 4)),
    "scaled": lambda x: FIXED * x[1],
}
USED = {
    "+ fixed": lambda A, x: (A + FIXED) @ B,
    "fixed -": lambda A, x: (FIXED - A) @ x,
    "+ itself": lambda A, x: (A + A.T) @ B,
    "- a multiple": lambda A, x: (A - 3.0 * A) @ B,
    "+ unit": lambda A, x: (A + sp.eye_array(4)) @ B,
    "multiply": lambda A, x: A.multiply(FIXED) @ B,
    "maximum": lambda A, x: A.maximum(0.7 * FIXED - A.T) @ B,
    "minimum": lambda A, x: A.tocsc().minimum(FIXED.T) @ B,
    "@ fixed": lambda A, x: (A @ FIXED) @ B,
    "fixed @": lambda A, x: (FIXED @ A) @ x,
    "A.T @ A": lambda A, x: (A.T @ A) @ B,
    "tocsr": lambda A, x: A.tocsr() @ B,
    "tocsc": lambda A, x: A.tocsc() @ B,
    "tocoo": lambda A, x: A.tocoo() @ B,
    "todia": lambda A, x: A.todia() @ B,
    "asformat": lambda A, x: A.asformat("csc").asformat("csr") @ B,
    "rows": lambda A, x: A.tocsr()[1:3] @ B,
    "every other": lambda A, x: A.tocsr()[::2, 1:] @ B[:3],
    "columns": lambda A, x: A.tocsc()[:, [0, 2]] @ B[:2],
    "chosen rows": lambda A, x: A.tocsr()[np.array([2, 0])] @ B,
    "at several places": lambda A, x: A.tocsr()[ROWS[:4], COLUMNS[:4]] * x,
    "at places of a table": lambda A, x: A.tocsc()[np.ix_(PLACES[:3], PLACES[1:])] @ x[:3],
    "a column alone": lambda A, x: A.tocsc()[:, 1].toarray() * x,
    "mean": lambda A, x: A.tocsr().mean() * x + A.tocsr().mean(axis=1) if is_array(A) else x,
    "norm": lambda A, x: sl.norm(A, 1) * x + sl.norm(A.tocsr(), axis=1) if is_array(A) else x,
    "np.abs": lambda A, x: np.abs(A.tocsr()) @ np.sqrt(abs(A.tocsr())) @ x,
    "inv": lambda A, x: sl.inv((A + 9.0 * sp.eye_array(4)).tocsc()) @ x,
    "expm": lambda A, x: sl.expm((A * 0.1).tocsc()) @ x,
    "an element": lambda A, x: A.tocsr()[2, -2] * x + A.tocsc()[0, 0] * x,
    "vstack": lambda A, x: sp.vstack([A, FIXED, 2.0 * A]) @ B,
    "hstack": lambda A, x: sp.hstack([FIXED, A], format="csr") @ np.append(B, B),
    "blocks": lambda A, x: sp.block_array([[A, None], [FIXED, A]]) @ np.append(B, B),
    "vstack of its own": lambda A, x: sp.vstack([A, 2.0 * A]) @ B,
    "hstack of its own": lambda A, x: sp.hstack((A, A.T)) @ np.append(B, x),
    "blocks of its own": lambda A, x: sp.block_array([[A, None], [A.T, A]]) @ np.append(B, B),
    "block_diag": lambda A, x: sp.block_diag([A, FIXED]) @ np.append(B, x),
    "kron": lambda A, x: sp.kron(A, sp.eye_array(3)) @ np.arange(12.0),
    "multiply of its own": lambda A, x: A.multiply(A.T) @ B,
    "@ of its own": lambda A, x: (A @ A) @ B,
    "toarray": lambda A, x: A.toarray() @ B * x[0],
    "blocks by diagonals": lambda A, x: sp.block_diag([A, FIXED], format="dia") @ np.append(B, x),
    "kron by diagonals": lambda A, x: sp.kron(A, A, format="dia") @ np.arange(16.0),
    "kron, by columns": lambda A, x: sp.kron(sp.eye_array(2), A, format="csc") @ np.append(B, x),
    "tril, triu": lambda A, x: sp.tril(A) @ B + sp.triu(A, 1) @ x,
    "sums": lambda A, x: np.asarray(A.tocsr().sum(axis=1)).ravel() + A.tocsc().sum() * x,
    "trace": lambda A, x: A.tocsr().trace() * x,
    "+ integers": lambda A, x: (A + WHOLE) @ B + (WHOLE @ A) @ x,
    "blocks of integers": lambda A, x: sp.vstack([A, WHOLE, WHOLE.astype(bool)]) @ B,
    "free unknowns": lambda A, x: free_part(A.tocsr()) @ B[:3],
}


def jacobian_by_differences(f, x, step=1e-6):
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    return np.stack([np.asarray(c) for c in columns], axis=-1)


def sampled(*tables, one_in):
    rows = list(itertools.product(*tables))
    return [
        pytest.param(*row, marks=[pytest.mark.slow] if k % one_in else [])
        for k, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("made", "used", "engine"), sampled(MADE, USED, ["numpy", "native"], one_in=163)
)
def test_values_are_those_of_scipy_and_both_modes_agree_with_differences(made, used, engine):
    def f(x):
        return USED[used](MADE[made](x), x)

    if made == "matrix" and used == "sums":
        pytest.skip("a sum of a matrix is a matrix")
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        function = autodiff.function(f, engine=engine)
        for at in (X, X[::-1].copy()):
            np.testing.assert_allclose(function(at), f(at), rtol=1e-13, atol=1e-14)
        expected = jacobian_by_differences(f, X)
        for mode in ("forward", "reverse"):
            found = autodiff.jacobian(f, mode=mode, engine=engine)(X)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def with_wide_indices(A):
    wide = A.copy()
    wide.indptr, wide.indices = wide.indptr.astype(np.int64), wide.indices.astype(np.int64)
    return wide


@pytest.mark.parametrize(
    "use",
    [
        lambda A, B: A + B,
        lambda A, B: B - A,
        lambda A, B: A.multiply(B),
        lambda A, B: A @ B,
        lambda A, B: sp.vstack([A, B]),
        lambda A, B: sp.hstack([B, A], format="csr"),
    ],
)
def test_indices_have_the_type_of_the_wider_of_both(use):
    wide = with_wide_indices(FIXED)

    def f(x):
        made = use(FIXED * x[0], wide)
        return made.data, made.indices, made.indptr

    found = autodiff.function(f, engine="numpy", on_fallback="error")(X)
    for mine, theirs in zip(found, f(X), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def by_blocks(x):
    data = np.concatenate([x, x**2, np.sin(x)]).reshape(3, 2, 2)
    return sp.bsr_array((data, np.array([0, 1, 0]), np.array([0, 2, 3])), shape=(4, 4))


BLOCKS = sp.bsr_array(np.kron([[1.0, 0], [2, 3]], [[1.0, 2], [0, 4]]), blocksize=(2, 2))
OF_BLOCKS = {
    "tocsr": lambda A, x: A.tocsr() @ B,
    "tocoo": lambda A, x: A.tocoo() @ B,
    "toarray": lambda A, x: A.toarray() @ x,
    "+ itself": lambda A, x: (A + A * x[0]) @ B,
    "- fixed": lambda A, x: (A - BLOCKS) @ B,
    "fixed +": lambda A, x: (BLOCKS + A) @ B,
    "+ by rows": lambda A, x: (A + FIXED) @ B,
    "by rows -": lambda A, x: (FIXED * x[1] - A) @ B,
    "multiply": lambda A, x: A.multiply(A) @ B,
    "sum": lambda A, x: A.sum() * x + A.sum(axis=1),
    "diagonal": lambda A, x: A.diagonal() * x + A.trace(),
    "parts of a sum": lambda A, x: (A + BLOCKS).data.reshape(-1),
}


@pytest.mark.parametrize("name", OF_BLOCKS)
def test_matrices_by_blocks(name):
    def f(x):
        return OF_BLOCKS[name](by_blocks(x), x)

    function = autodiff.function(f, engine="numpy", on_fallback="error")
    np.testing.assert_allclose(function(X), f(X), rtol=1e-13)
    expected = jacobian_by_differences(f, X)
    for mode in ("forward", "reverse"):
        found = autodiff.jacobian(f, mode=mode, engine="numpy", on_fallback="error")(X)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("used", ["+ fixed", "multiply", "A.T @ A", "blocks", "kron"])
def test_second_derivatives(used):
    def f(x):
        return np.sum(USED[used](MADE["csr"](x), x) ** 2)

    expected = jacobian_by_differences(autodiff.gradient(f), X)
    np.testing.assert_allclose(autodiff.hessian(f)(X), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
def test_indices_from_outside_are_read_at_every_call(engine):
    held = {"rows": np.array([0, 2, 1]), "columns": np.array([3, 1, 0])}

    def f(x):
        A = MADE["csr"](x)
        return A[held["rows"], held["columns"]] * (A[held["rows"]] @ x)

    function, jacobian = autodiff.function(f, engine=engine), autodiff.jacobian(f, engine=engine)
    for rows, columns in (([0, 2, 1], [3, 1, 0]), ([3, 3, 0], [3, 0, 3]), ([1, 1, 2], [2, 2, 2])):
        held["rows"], held["columns"] = np.array(rows), np.array(columns)
        np.testing.assert_allclose(function(X), f(X))
        np.testing.assert_allclose(jacobian(X), jacobian_by_differences(f, X), atol=1e-7)
    held["rows"] = np.array([0, 9, 0])
    with pytest.raises(IndexError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(X)


@pytest.mark.slow
def test_what_is_returned_has_the_elements_that_scipy_gives_it():
    def parts(x):
        C = MADE["csr"](x) + FIXED @ MADE["csr"](x)
        return C.data, C.indices, C.indptr, C.nnz

    for x in (X, np.zeros(4)):  # at 0 SciPy leaves out what is 0
        for found, expected in zip(autodiff.function(parts)(x), parts(x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.slow
def test_a_matrix_from_outside_may_change_its_elements_and_their_number():
    held = {"A": FIXED.copy()}

    def f(x):
        return (held["A"] + MADE["csr"](x)) @ B

    function, jacobian = autodiff.function(f), autodiff.jacobian(f)
    for A in (FIXED, FIXED * 2.0, sp.csr_array(np.ones((4, 4))), sp.csr_array((4, 4))):
        held["A"] = A
        np.testing.assert_allclose(function(X), f(X))
        np.testing.assert_allclose(jacobian(X), jacobian_by_differences(f, X), atol=1e-7)


LEFT_OUT = {
    "sum": lambda x: (sp.csr_array((x, (ROWS[:4], COLUMNS[:4])), shape=(4, 4)) + FIXED * 0.0) @ B,
    "product": lambda x: sp.csr_array((x, (PLACES, PLACES)), shape=(4, 4)).multiply(FIXED) @ B,
    "by columns": lambda x: sp.diags_array(x, format="csc") @ B,
    "by elements": lambda x: sp.diags_array(x).tocoo() @ B,
    "at several places": lambda x: sp.csr_array((x, (PLACES, PLACES)), shape=(4, 4))[
        PLACES.reshape(2, 2), PLACES.reshape(2, 2)
    ].sum(axis=0),
    "expm": lambda x: sl.expm(sp.csc_array((x, (PLACES // 2, PLACES)), shape=(4, 4))).sum(axis=0),
}


@pytest.mark.parametrize(
    ("name", "mode", "engine"),
    sampled(LEFT_OUT, ["forward", "reverse"], ["numpy", "native"], one_in=16),
)
def test_an_element_that_scipy_leaves_out_has_no_derivative_and_says_so(name, mode, engine):
    f = LEFT_OUT[name]
    x = np.array([1.0, 0.0, 2.0, 3.0])
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(x), f(x))
    with pytest.raises(autodiff.DerivativeError, match="leaves out elements that are 0") as caught:
        autodiff.jacobian(f, mode=mode, engine=engine)(x)
    assert "csr_array((data, (i, j)))" in str(caught.value)
    x = np.where(x == 0, 1.0, x)
    np.testing.assert_allclose(
        autodiff.jacobian(f, mode=mode, engine=engine)(x), jacobian_by_differences(f, x), atol=1e-7
    )


@pytest.mark.slow
def test_a_sum_in_a_loop_and_a_solution_with_it():
    def f(x):
        A = sp.csc_array(FIXED)
        for k in range(3):
            A = A + sp.diags_array(x + k + 5.0, format="csc") * 0.5
        return sl.spsolve(A, B)

    np.testing.assert_allclose(autodiff.function(f)(X), f(X))
    np.testing.assert_allclose(
        autodiff.jacobian(f)(X), jacobian_by_differences(f, X), rtol=1e-5, atol=1e-9
    )


LOOPS = {
    "solutions": lambda u, p: sl.spsolve(
        sp.csc_array(sp.eye_array(4, format="csr") + FIXED * p), u
    ),
    "products with a sum": lambda u, p: 0.1 * (FIXED * p + sp.diags_array(1.0 + 0.1 * u**2)) @ u,
    "solutions by columns of a sum of rows": lambda u, p: sl.spsolve(
        (FIXED * p + sp.diags_array(1.0 + 0.1 * u**2)).tocsc(), u
    ),
    "products with full and transposed ones": lambda u, p: (
        0.1 * sp.csc_array(FIXED * p + FIXED.T) @ u + (FIXED * p).toarray() @ u * 0.01
    ),
}


@pytest.mark.parametrize("engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [n if n == "solutions" else pytest.param(n, marks=pytest.mark.slow) for n in LOOPS]
)
def test_matrices_of_as_many_elements_as_scipy_says_in_one_loop(name, engine):
    """It is one, not forty; what it keeps for the way back has its extents kept beside it."""

    def f(p):
        u = np.ones(4)
        for _ in range(40):
            u = LOOPS[name](u, p)
        return np.log(np.sum(u**2))

    kept = {"engine": engine, "on_fallback": "error"}
    np.testing.assert_allclose(autodiff.function(f, **kept)(0.3), f(0.3), rtol=1e-12)
    forward = autodiff.jvp(f, (0.3,), (1.0,), **kept)[1]
    np.testing.assert_allclose(autodiff.gradient(f, **kept)(0.3), forward, rtol=1e-11)
    np.testing.assert_allclose(forward, (f(0.30001) - f(0.29999)) / 2e-5, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "f",
    [
        lambda x: MADE["csr"](x) + sp.csr_array((3, 4)),
        lambda x: MADE["csr"](x) @ sp.csr_array((3, 4)),
        lambda x: MADE["csr"](x)[5],
        lambda x: sp.vstack([MADE["csr"](x), sp.csr_array((4, 3))]),
    ],
)
def test_shapes_that_do_not_fit_raise_what_scipy_raises(f):
    with pytest.raises((ValueError, IndexError)) as expected:
        f(X)
    for transformed in (autodiff.function(f), autodiff.gradient(lambda x: f(x).sum())):
        with pytest.raises(expected.type), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformed(X)
