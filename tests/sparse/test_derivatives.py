"""Sparse Jacobians and Hessians: the full ones, without their structural zeros.

Every function of the tables is called at several points through one object, so that a pattern that misses an
element elsewhere shows.
"""

import copy
import pickle
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
RNG = np.random.default_rng(7)
INDEX = np.array([3, 0, 3, 5, 1])


def points(*shapes: tuple[int, ...], count: int = 3) -> list[tuple[np.ndarray, ...]]:
    """Points far from each other, of both signs, equal elements among them."""
    rng = np.random.default_rng(11)
    found = [tuple([rng.normal(size=s) for s in shapes]) for _ in range(count)]
    return [*found, tuple([np.sign(x) for x in found[0]]), found[0]]


def assert_same(dense: Any, sparse: Any) -> None:
    """The same structure, with a sparse array of the same elements for each array or number."""
    if isinstance(dense, dict):
        assert list(dense) == list(sparse)
        dense, sparse = list(dense.values()), list(sparse.values())
    if isinstance(dense, (tuple, list)):
        assert type(dense) is type(sparse)
        assert len(dense) == len(sparse)
        for one, other in zip(dense, sparse, strict=True):
            assert_same(one, other)
        return
    assert type(sparse) is csr_array
    assert sparse.has_canonical_format
    assert sparse.dtype == np.asarray(dense).dtype
    np.testing.assert_allclose(
        sparse.toarray(), np.reshape(dense, sparse.shape), rtol=1e-10, atol=1e-13
    )


# -- Jacobians: what an index function does, at several points -------------------------------------------
def slices(x):
    return x[1:-1:2] * x[-1:1:-2][: len(x[1:-1:2])]


def shifted(x):
    return np.roll(x, 2) - np.flip(x) * x


def stores(x):
    y = np.zeros(8)
    y[2:8] = x
    y[::3] += x[:3] ** 2
    y[1] = x[0] * x[5]
    return y


def masked_store(x):
    y = x * 1.0
    y[y > 0] = 3.0
    return y


def scatters(x):
    y = np.zeros(7)
    np.add.at(y, INDEX, x[:5])
    y[INDEX[:2]] = x[4:] ** 2
    return y


def gathers(x):
    return x[INDEX] * x[INDEX[::-1]]


def sorts(x):
    return np.sort(x) ** 2


def by_order(x):
    return x[np.argsort(x)][:3] * x[:3]


def largest(x):
    return np.array([x[np.argmax(x)], np.max(x), np.min(x[:2])])


def concatenated(x):
    return np.concatenate([x[:2], np.ones(2), np.stack([x[4], x[3]]), np.repeat(x[:2], 2)])


def where(x):
    return np.where(x > 0, x**2, x[::-1])


def where_by_place(x):
    return np.where(np.arange(6) % 2 == 0, x**2, x[::-1])


def branch(x):
    if x[0] > 0:
        return x[::-1] * 2.0
    return x * np.sum(x[:2])


def branch_with_index(x):
    y = np.zeros(6)
    for k in range(6):
        if x[k] > 0 and k < 5:
            y[k] = x[k + 1] * x[k]
        else:
            y[k] = x[k - 1]
    return y


def branch_by_place(x):
    y = np.zeros(6)
    for k in range(6):
        y[k] = x[k] ** 2 if k % 2 == 0 else x[k - 1] * x[k]
    return y


def recurrence(x):
    y = x * 1.0
    for k in range(1, len(x)):
        y[k] = 0.5 * y[k - 1] + x[k] ** 2
    return y


def halved_until_small(x):
    y = x * 1.0
    k = 0
    while np.sum(np.abs(y)) > 1.0:
        y = 0.5 * (y + np.roll(y, 1))
        y[k % 6] = 0.0
        k += 1
    return y


def place_by_value(x):
    k = int(np.abs(x[0]) * 2) % 5
    return x[k : k + 2] * x[-1]


def last_larger(x):
    found = 0
    for k in range(len(x)):
        if x[k] > 0.3:
            found = k
    return x[found] * np.ones(2)


def sums(x):
    y = np.reshape(x, (2, 3))
    return np.concatenate([np.sum(y, axis=0), np.mean(y, axis=1), np.cumsum(x)[:2]])


def products(x):
    y = np.reshape(x, (2, 3))
    return np.diag(y[:, :2]) @ y[:, 1:] + np.outer(x[:2], x[4:])


def solves(x):
    a = np.stack([np.diag(2.0 + x[:2] ** 2), np.eye(2)])
    return np.linalg.solve(a, np.reshape(x[2:], (2, 2, 1)))


def transposed(x):
    return np.einsum("ij,kj->ik", np.reshape(x, (3, 2)), np.ones((2, 2))).T


def convolved(x):
    return np.convolve(x, np.array([1.0, -2.0, 1.0])) * np.append(np.convolve(x[:2], x[3:5]), x[:5])


def constant(x):
    return np.sin(x[:3]) * 0.0 + np.floor(x[:3])


def unused(x):
    return x[2:3] ** 2


def of_one(x):
    return np.sum(x[1:3])


def twice_the_same(x):
    y = np.sin(x)
    return y, y


def scattered_loop(x):
    y = np.zeros(6)
    for j, k in zip(INDEX, INDEX[::-1], strict=True):
        y[j] += x[k] ** 2
    return y


def derived_by_hand(x):
    return steep(x) * x[0]


@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 3.0)
def steep(x):
    return 3.0 * x


VECTORS = [
    slices, shifted, stores, masked_store, scatters, gathers, sorts, by_order, largest, concatenated,
    where, where_by_place, branch, branch_with_index, branch_by_place, recurrence, halved_until_small,
    place_by_value, last_larger, sums, products, solves, transposed, convolved, constant, unused, of_one,
    twice_the_same, scattered_loop, derived_by_hand,
]  # fmt: skip


def sampled(functions, one_in):
    """Each function on each engine; all but one in so many run with the slow tests."""
    rows = [(f, engine) for f in functions for engine in ("numpy", "native")]
    return [
        pytest.param(
            *row, marks=[pytest.mark.slow] if k % one_in else [], id=f"{row[0].__name__}-{row[1]}"
        )
        for k, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("f", "engine"), sampled(VECTORS, one_in=3))
def test_jacobian_is_the_full_one_at_every_point(f, engine):
    full = autodiff.jacobian(f)
    sparse = autodiff.jacobian(f, sparse=True, engine=engine)
    for (x,) in points((6,)):
        assert_same(full(x), sparse(x))


# -- Hessians -------------------------------------------------------------------------------------------
def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arrow(x):
    return np.sum(x[0] * x[1:] ** 2) + x[0] ** 3


def linear(x):
    return np.sum(3.0 * x)


def separable_by_loop(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += x[k] ** 3
        else:
            total += np.exp(x[k]) * x[0]
    return total


def dense(x):
    return np.sum(x**2) ** 2


def picked(x):
    return x[np.argmax(x)] ** 3 + x[1] * x[2]


SCALARS = [rosenbrock, arrow, linear, separable_by_loop, dense, picked]


@pytest.mark.parametrize(("f", "engine"), sampled(SCALARS, one_in=3))
def test_hessian_is_the_full_one_at_every_point(f, engine):
    full = autodiff.hessian(f)
    sparse = autodiff.hessian(f, sparse=True, engine=engine)
    for (x,) in points((6,)):
        assert_same(full(x), sparse(x))
    for (x,) in points((4,), count=1):  # another size: a symbol of the program from then on
        assert_same(full(x), sparse(x))
    for (x,) in points((9,), count=1):
        assert_same(full(x), sparse(x))


# -- several arguments and results ------------------------------------------------------------------------
class Pair(NamedTuple):
    w: Any
    b: Any


def of_several(x, n, y):
    return {"a": x[:2] * y, "b": np.sum(x) * n[1] + y**2}


def of_containers(pair, rest):
    return pair.w[:, 0] * pair.b, rest["q"] * pair.w[0]


def scalar_of_several(x, n, y):
    return np.sum(x[1:] ** 2 * x[:-1]) * y + n[0] * y**2


@ENGINES
def test_blocks_are_arranged_as_the_full_ones(engine):
    rng = np.random.default_rng(2)
    n = np.array([2, 3])
    calls = [
        (of_several, (rng.normal(size=3), n, 2.0)),
        (of_several, (rng.normal(size=4), n, np.float64(1.5))),
        (of_containers, (Pair(rng.normal(size=(2, 2)), 2.0), {"q": rng.normal(size=2)})),
        (of_several, (rng.normal(size=5), n, 0.5)),
    ]
    for f, args in calls:
        full = autodiff.jacobian(f)(*args)
        assert_same(full, autodiff.jacobian(f, sparse=True, engine=engine)(*args))
    args = (rng.normal(size=4), n, 0.7)
    full = autodiff.hessian(scalar_of_several)(*args)
    assert_same(full, autodiff.hessian(scalar_of_several, sparse=True, engine=engine)(*args))


@ENGINES
def test_wrt_chooses_arguments_and_what_the_function_reads(engine):
    weights = np.array([1.0, 2.0, 3.0])

    def f(x, y):
        return weights * x**2 + y[0]

    x, y = np.array([1.0, -2.0, 0.5]), np.array([4.0, 5.0])
    for wrt in ("y", ("y", "x"), weights):
        full = autodiff.jacobian(f, wrt=wrt)(x, y)
        assert_same(full, autodiff.jacobian(f, wrt=wrt, sparse=True, engine=engine)(x, y))


def test_wrt_a_tag():
    def f(x):
        y = autodiff.tag(x[1:] ** 2, "y")
        return y[::-1] * y

    x = np.arange(1.0, 5.0)
    full = autodiff.jacobian(f, wrt="y")(x)
    assert_same(full, autodiff.jacobian(f, wrt="y", sparse=True)(x))


@ENGINES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_shapes_are_those_of_the_full_one(engine, dtype):
    def f(x):
        return x[:, 1:] * x[:, :-1]

    x = np.arange(12, dtype=dtype).reshape(3, 4)
    found = autodiff.jacobian(f, sparse=True, engine=engine)(x)
    assert found.shape == (9, 12)
    assert_same(autodiff.jacobian(f)(x), found)
    for y in (x.T.copy().T, x[::-1], np.ma.array(x).data, x[:0]):
        assert_same(autodiff.jacobian(f)(y), autodiff.jacobian(f, sparse=True, engine=engine)(y))


@ENGINES
def test_numbers_and_empty_arrays(engine):
    def f(x):
        return x * 2.0

    for x in (2.0, np.float32(3.0), np.array(1.0), np.zeros(0), np.zeros((0, 3)), np.ones(1)):
        found = autodiff.jacobian(f, sparse=True, engine=engine)(x)
        assert found.shape == (np.size(x), np.size(x))
        assert np.all(found.data == 2.0)
    found = autodiff.jacobian(lambda x: x * 2, sparse=True, engine=engine)(3)
    assert found.toarray().tolist() == [[2.0]]


def test_by_integers_alone_all_is_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = autodiff.jacobian(lambda n: n[1:] * 2.0, sparse=True)(np.arange(4))
    assert found.shape == (3, 4)
    assert found.nnz == 0


# -- structure ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [5, 40])
def test_nothing_is_stored_but_the_structure(n):
    x = np.linspace(1.0, 2.0, n)
    hessian = autodiff.hessian(rosenbrock, sparse=True)(x)
    assert hessian.nnz == 3 * n - 2
    hessian = autodiff.hessian(arrow, sparse=True)(x)
    assert hessian.nnz == 3 * n - 2
    blocks = autodiff.jacobian(lambda a: np.sum(a, axis=2)[:, :, None] * a, sparse=True)
    assert blocks(np.ones((3, 2, 4))).nnz == 6 * 16
    assert autodiff.hessian(linear, sparse=True)(x).nnz == 0
    smooth = autodiff.jacobian(lambda x: np.convolve(x, np.ones(3), "same"), sparse=True)
    assert smooth(x).nnz == 3 * n - 2
    assert autodiff.jacobian(lambda x: np.array([0.0, 1.0]) + 0 * x[1], sparse=True)(x).nnz <= 2


def count_of_products(transformed: Any) -> int:
    """Colours of the pattern that was used last."""
    products = transformed.cache[-1].plan.prepare.__closure__
    (found,) = [c.cell_contents for c in products if hasattr(c.cell_contents, "coloured")]
    return list(found.known.values())[-1].count


def test_few_products_are_enough():
    x = np.linspace(1.0, 2.0, 30)
    for f, count in ((rosenbrock, 3), (arrow, 2), (linear, 0)):
        hessian = autodiff.hessian(f, sparse=True)
        hessian(x)
        assert count_of_products(hessian) == count
    # One row with all columns and one column with all rows: by columns, or by rows.
    wide = autodiff.jacobian(lambda x: np.append(x**2, np.sum(x)), sparse=True)
    wide(x)
    assert count_of_products(wide) == 2  # rows: all the others have no column in common
    tall = autodiff.jacobian(lambda x: x**2 * x[0], sparse=True)
    tall(x)
    assert count_of_products(tall) == 2


def test_a_pattern_is_found_once_for_sizes_and_indices(monkeypatch):
    from autodiff.sparse.dependencies import Dependencies

    found = []
    before = Dependencies.pattern
    monkeypatch.setattr(
        Dependencies, "pattern", lambda self, values: found.append(1) or before(self, values)
    )
    where_it_is = np.array([0, 2])

    def f(x):
        return x[where_it_is] ** 2

    jacobian = autodiff.jacobian(f, sparse=True)
    for x in (np.ones(3), np.arange(3.0), -np.ones(3)):
        jacobian(x)
    assert len(found) == 1
    where_it_is[:] = 1  # read at every call
    assert jacobian(np.ones(3)).toarray().tolist() == [[0.0, 2.0, 0.0]] * 2
    assert len(found) == 2
    where_it_is[:] = [0, 2]
    jacobian(np.ones(3))
    assert len(found) == 2


# -- effects, errors, other uses ----------------------------------------------------------------------------
@ENGINES
def test_what_is_drawn_is_drawn_once(engine):
    def f(x, rng):
        return x**2 * rng.normal(size=len(x))

    x = np.arange(1.0, 5.0)
    found = autodiff.jacobian(f, wrt="x", sparse=True, engine=engine)(x, np.random.default_rng(1))
    noise = np.random.default_rng(1).normal(size=4)
    np.testing.assert_allclose(found.toarray(), np.diag(2 * x * noise))


def test_what_is_printed_is_printed_once(capsys):
    def f(x):
        for k in range(2):
            print("pass", k)
        return x[1:] ** 2

    jacobian = autodiff.jacobian(f, sparse=True)
    jacobian(np.ones(3))
    capsys.readouterr()
    jacobian(np.ones(3))
    assert capsys.readouterr().out == "pass 0\npass 1\n"


def test_an_index_that_is_drawn_makes_everything_depend_on_everything():
    def f(x, rng):
        return x[rng.integers(0, 4)] ** 2 * np.ones(2)

    jacobian = autodiff.jacobian(f, wrt="x", sparse=True)
    for seed in range(4):
        x = np.arange(1.0, 5.0)
        k = np.random.default_rng(seed).integers(0, 4)
        expected = np.zeros((2, 4))
        expected[:, k] = 2 * x[k]
        np.testing.assert_allclose(jacobian(x, np.random.default_rng(seed)).toarray(), expected)


def test_errors_of_the_function_are_its_own():
    def f(x, k):
        return x[k : k + 1] * x[k]

    jacobian = autodiff.jacobian(f, wrt="x", sparse=True)
    jacobian(np.ones(3), 1)
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        jacobian(np.ones(3), 7)


def test_complex_numbers_are_refused():
    with pytest.raises(
        autodiff.AutodiffError, match="sparse derivatives are those of real numbers"
    ):
        autodiff.jacobian(lambda x: x * 1j, sparse=True)(np.ones(2))
    with pytest.raises(
        autodiff.AutodiffError, match="sparse derivatives are those of real numbers"
    ):
        autodiff.jacobian(lambda x: np.abs(x), sparse=True)(np.ones(2) * 1j)
    with pytest.raises(autodiff.AutodiffError, match="has no option 'holomorphic'"):
        autodiff.hessian(lambda x: x, sparse=True, holomorphic=True)


def test_results_that_have_no_jacobian_are_refused_as_ever():
    with pytest.raises(autodiff.AutodiffError, match="every result must be a floating-point array"):
        autodiff.jacobian(lambda x: x > 0, sparse=True)(np.ones(2))
    with pytest.raises(autodiff.NotScalarError, match=r"its result has shape \(2,\)"):
        autodiff.hessian(lambda x: x, sparse=True)(np.ones(2))


def test_a_dense_derivative_of_many_is_refused(monkeypatch):
    from autodiff.sparse import sets

    monkeypatch.setattr(sets, "MOST_MEMBERS", 1000)
    with pytest.raises(autodiff.UnsupportedError, match="the derivative is not sparse"):
        autodiff.jacobian(lambda x: x * np.sum(x), sparse=True)(np.ones(100))


def test_a_function_that_runs_uncompiled_has_them_too():
    def f(x):
        names = {float(v): k for k, v in enumerate(x)}  # a dict by values: each call is traced
        return x * len(names)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jacobian = autodiff.jacobian(f, sparse=True, use_cache=False)
        found = jacobian(np.arange(3.0))
    np.testing.assert_allclose(found.toarray(), 3 * np.eye(3))


@autodiff.jacobian(sparse=True)
def decorated(x):
    return x[1:] * 2.0


def test_it_is_a_decorator_is_pickled_and_is_a_method():
    assert decorated(np.ones(3)).nnz == 2
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again = pickle.loads(pickle.dumps(autodiff.hessian(rosenbrock, sparse=True)))
    assert again(np.ones(4)).nnz == 10

    class Model:
        scale = 3.0

        @autodiff.jacobian(sparse=True)
        def step(self, x):
            return self.scale * x[1:]

    assert np.all(Model().step(np.ones(3)).data == 3.0)


def test_inside_of_a_compiled_function_it_runs_as_plain_python():
    jacobian = autodiff.jacobian(lambda x: x**2, sparse=True)

    @autodiff.function
    def trace(x):
        return jacobian(x).trace()

    with pytest.warns(autodiff.FallbackWarning, match="gives a sparse array"):
        assert trace(np.array([1.0, 2.0])) == 6.0


# -- the pattern alone ------------------------------------------------------------------------------------
def test_the_pattern_shows_itself():
    pattern = autodiff.sparsity(lambda x: x[1:] * x[:-1])(np.ones(4))
    assert str(pattern) == (
        "3 x 4, 6 elements, at most 2 in a row and 2 in a column\nX X . .\n. X X .\n. . X X"
    )
    assert issparse(pattern)
    assert pattern.dtype == bool
    many = str(autodiff.sparsity(lambda x: x**2)(np.ones(100)))
    assert many.splitlines()[1].startswith("X . .")
    assert many.splitlines()[-1] == "(each of these is 3 x 3 elements)"


def test_the_pattern_of_the_hessian_is_that_of_the_gradient():
    pattern = autodiff.sparsity(autodiff.gradient(rosenbrock))(np.ones(6))
    assert (pattern.toarray() == (np.abs(np.subtract.outer(range(6), range(6))) <= 1)).all()


def test_pattern_of_several():
    found = autodiff.sparsity(of_several)(np.ones(3), np.array([1, 2]), 2.0)
    assert found["a"][0].toarray().tolist() == [[True, False, False], [False, True, False]]
    assert found["a"][1].shape == (2, 2)
    assert found["a"][1].nnz == 0
    assert found["b"][0].nnz == 3


def test_results_are_the_callers_own():
    jacobian = autodiff.jacobian(lambda x: x[1:] ** 2, sparse=True)
    first = jacobian(np.ones(4))
    kept = copy.deepcopy(first)
    first.indices[:] = 0
    first.data[:] = 7.0
    second = jacobian(np.ones(4))
    assert (second.toarray() == kept.toarray()).all()


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_a_mode_that_is_asked_for(mode):
    def f(x):
        return np.concatenate([x[1:] * x[:-1], [np.sum(x**2)]])

    def g(x):
        return np.sum(f(x) ** 2)

    for x in (np.arange(1.0, 7.0), np.arange(3.0)):
        found = autodiff.jacobian(f, sparse=True, mode=mode)(x)
        np.testing.assert_allclose(found.toarray(), autodiff.jacobian(f)(x))
        found = autodiff.hessian(g, sparse=True, mode=mode)(x)
        np.testing.assert_allclose(found.toarray(), autodiff.hessian(g)(x), rtol=1e-12)


def test_a_mode_that_is_not_known():
    with pytest.raises(autodiff.AutodiffError, match="mode='sideways' is not known"):
        autodiff.jacobian(np.sin, sparse=True, mode="sideways")
    with pytest.raises(autodiff.AutodiffError, match="no option 'mode'"):
        autodiff.sparsity(np.sin, mode="forward")


def test_a_full_row_is_one_product_in_reverse_and_a_full_column_one_forward():
    def wide(x):
        return np.append(x[:3], np.sum(x))

    def tall(x):
        return x[0] * np.arange(50.0) + np.append(np.zeros(47), x[1:4])

    x = np.arange(1.0, 51.0)
    for f, mode, products in ((wide, "reverse", 2), (wide, "forward", 50), (tall, "forward", 2)):
        transformed = autodiff.jacobian(f, sparse=True, mode=mode)
        expected = autodiff.jacobian(f)(x)
        np.testing.assert_allclose(transformed(x).toarray(), expected)
        assert count_of_products(transformed) == products


def arrow_in_both_ways(x, s):
    """Full rows, full columns and a diagonal, of two arguments and two results."""
    return np.append(x[1:] ** 2 * x[0] * s, np.sum(x) * s), np.array([np.sum(x**3), s * x[0]])


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_arrows_are_found_by_products_of_both_kinds(engine):
    full = autodiff.jacobian(arrow_in_both_ways, wrt=(0, 1))
    sparse = autodiff.jacobian(arrow_in_both_ways, wrt=(0, 1), sparse=True, engine=engine)
    for n in (20, 31, 20):
        x = np.linspace(0.5, 2.0, n)
        assert_same(full(x, 1.5), sparse(x, 1.5))
        assert count_of_products(sparse) == 3 + 2  # x[0], s and the others; the two sums


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrows_of_either_precision(dtype):
    def f(x):
        return np.append(x[1:] ** 2 * x[0], np.sum(x))

    x = np.linspace(0.5, 2.0, 20, dtype=dtype)
    found = autodiff.jacobian(f, sparse=True)(x)
    expected = autodiff.jacobian(f)(x)
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)


def test_arrows_take_time_in_proportion_to_their_elements():
    def two_heads(x):
        return np.sum(x[0] * x[2:] ** 2) + np.sum(x[1] * x[2:] ** 3)

    n = 50_000
    hessian = autodiff.hessian(two_heads, sparse=True)
    assert hessian(np.linspace(1.0, 2.0, n)).nnz > 5 * n - 20
    assert count_of_products(hessian) == 3


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_an_integer_that_is_the_size_of_the_result(engine):
    def first(x, count):
        return x[:count] ** 2

    jacobian = autodiff.jacobian(first, wrt=0, sparse=True, mode="reverse", engine=engine)
    for count in (3, 2, 4, 9, -2):
        found = jacobian(np.arange(1.0, 7.0), count).toarray()
        np.testing.assert_array_equal(found, np.diag(np.arange(2.0, 14.0, 2.0))[:count])


@ENGINES
@pytest.mark.parametrize("reduce", [np.diff, lambda x: x[1:] * x[:-1], lambda x: x[2:] - x[:-2]])
def test_results_with_fewer_elements_than_the_argument_at_any_length(reduce, engine):
    """A length that does not fit the program of others has one of its own, also where nothing is left."""
    sparse = autodiff.jacobian(lambda x: reduce(x) ** 2, sparse=True, engine=engine)
    full = autodiff.jacobian(lambda x: reduce(x) ** 2)
    for n in (5, 3, 2, 1, 0, 7):
        x = np.arange(1.0, n + 1)
        np.testing.assert_array_equal(sparse(x).toarray(), full(x))
