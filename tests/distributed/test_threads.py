"""Sums over shards on the threads of this process: values, derivatives, order, containers, fits."""

import os
import pickle
import threading
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff
from autodiff import distributed, optimize
from autodiff.distributed import tasks, workers
from autodiff.errors import ArgumentError, UnsupportedError

X = np.cos(1.7 * np.arange(60.0) ** 1.1).reshape(20, 3)
Y = np.tanh(X @ np.array([0.5, -1.0, 2.0])) + 0.01 * np.cos(np.arange(20.0))


def loss(p, x, y):
    return np.sum((np.tanh(x @ p) - y) ** 2)


def residuals(p, x, y):
    return np.tanh(x @ p) - y


def shards(count):
    return list(zip(np.array_split(X, count), np.array_split(Y, count), strict=True))


POINT = np.array([0.1, 0.2, 0.3])


@pytest.fixture
def with_threads(monkeypatch):
    monkeypatch.setattr(workers, "_WORTH", -1.0)
    monkeypatch.setattr(workers, "_cores", lambda: 3)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "count", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 8))]
)
def test_derivatives_of_the_sum_are_the_sums_of_derivatives(count, engine, with_threads):
    objective = distributed.sum_over(loss, shards(count))
    value, gradient = objective.value_and_gradient(POINT, engine=engine)
    assert value == pytest.approx(loss(POINT, X, Y), rel=1e-14)
    assert objective(POINT) == pytest.approx(value, rel=1e-14)
    exact = autodiff.gradient(loss, wrt="p")(POINT, X, Y)
    np.testing.assert_allclose(gradient, exact, rtol=1e-13)
    np.testing.assert_array_equal(objective.gradient(POINT, engine=engine), gradient)
    whole = autodiff.hessian(loss, wrt="p")(POINT, X, Y)
    np.testing.assert_allclose(objective.hessian(POINT, engine=engine), whole, rtol=1e-12)
    product = objective.hessian_vector(POINT, _tensors=np.array([1.0, 2.0, -1.0]), engine=engine)
    np.testing.assert_allclose(product, whole @ [1, 2, -1], rtol=1e-12)


def test_the_order_of_additions_depends_on_the_number_of_shards_alone():
    written = [tasks.tree_sum([*"abcdefg"][:n], lambda a, b: f"({a}{b})") for n in range(1, 8)]
    assert written == [
        "a", "(ab)", "((ab)c)", "((ab)(cd))", "(((ab)(cd))e)", "(((ab)(cd))(ef))", "(((ab)(cd))((ef)g))",
    ]  # fmt: skip


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    alone = distributed.sum_over(loss, shards(7)).value_and_gradient(POINT)
    monkeypatch.setattr(workers, "_WORTH", -1.0)
    for cores in (2, 3, 8):
        monkeypatch.setattr(workers, "_cores", lambda cores=cores: cores)
        value, gradient = distributed.sum_over(loss, shards(7)).value_and_gradient(POINT)
        assert value.tobytes() == alone[0].tobytes()
        assert gradient.tobytes() == alone[1].tobytes()


def test_the_history_of_a_worker_does_not_matter():
    of_two, of_three = (np.array([0.1, 0.3]),), (np.array([0.1, 0.7, 1.1]),)

    def spread(p, x):
        return np.sum(np.exp(p * x)) / np.sum(np.cos(x))

    program = tasks.Local(spread)
    ways = [(of_two, of_three, of_two, of_three), (of_three, of_two, of_two, of_three)]
    found = []
    for way in ways:
        tasks._compiled.cache_clear()
        results = [tasks.evaluate(program, "gradient", (), True, 0.3, {}, shard) for shard in way]
        found.append(results[2:])
    assert found[0] == found[1]


def test_shards_of_many_shapes_share_code(monkeypatch):
    monkeypatch.setattr(tasks, "MOST_APART", 3)
    tasks._compiled.cache_clear()
    ragged = [(np.ones(n),) for n in range(1, 9)]
    objective = distributed.sum_over(lambda p, x: np.sum(p * x), ragged)
    assert objective.gradient(2.0) == 36
    assert tasks._compiled.cache_info().currsize == 1


def test_parameters_may_be_containers():
    def affine(p, x, y):
        return np.sum((x @ p["w"] + p["b"] - y) ** 2)

    objective = distributed.sum_over(affine, shards(3))
    start = {"w": np.zeros(3), "b": 0.0}
    value, gradient = objective.value_and_gradient(start)
    exact = autodiff.gradient(affine, wrt="p")(start, X, Y)
    assert value == pytest.approx(affine(start, X, Y))
    np.testing.assert_allclose(gradient["w"], exact["w"])
    assert gradient["b"] == pytest.approx(exact["b"])
    best = optimize.minimize(objective, start, method="trust-krylov").x
    np.testing.assert_allclose(
        optimize.minimize(affine, start, args=(X, Y), method="trust-krylov").x["w"],
        best["w"],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    "method",
    [
        "BFGS",
        "Newton-CG",
        *(
            pytest.param(m, marks=pytest.mark.slow)
            for m in ("L-BFGS-B", "trust-exact", "Nelder-Mead")
        ),
    ],
)
def test_minimize_takes_it_with_what_each_method_uses(method):
    found = optimize.minimize(
        distributed.sum_over(loss, shards(4)), POINT, method=method, history=True
    )
    alone = optimize.minimize(loss, POINT, (X, Y), method=method)
    np.testing.assert_allclose(found.x, alone.x, rtol=1e-4)
    assert len(found.history) >= found.nfev


def test_other_optimisers_take_it():
    objective = distributed.sum_over(loss, shards(4))
    best = optimize.minimize(loss, POINT, (X, Y), method="trust-exact").x
    np.testing.assert_allclose(
        optimize.fmin_l_bfgs_b(objective, POINT, pgtol=1e-9), best, rtol=1e-4
    )
    found = optimize.basinhopping(objective, POINT, niter=2, rng=0)
    np.testing.assert_allclose(found.x, best, rtol=1e-3)
    found = optimize.differential_evolution(objective, [(-3, 3)] * 3, rng=0, maxiter=20)
    np.testing.assert_allclose(found.x, best, rtol=1e-3)


def test_rows_for_least_squares_and_models_for_curve_fit():
    rows = distributed.rows_over(residuals, shards(4))
    np.testing.assert_allclose(rows(POINT), residuals(POINT, X, Y), atol=1e-15)
    alone = optimize.least_squares(residuals, POINT, args=(X, Y))
    np.testing.assert_allclose(optimize.least_squares(rows, POINT).x, alone.x, rtol=1e-8)
    np.testing.assert_allclose(optimize.leastsq(rows, POINT)[0], alone.x, rtol=1e-6)

    def model(x, a, k):
        return a * np.exp(-k * x)

    t = np.linspace(0, 3, 30)
    ours = optimize.curve_fit(
        distributed.model_over(model, np.array_split(t, 4)),
        None,
        model(t, 2.0, 0.7) + 0.1 * Y[0],
        p0=[1.0, 1.0],
    )
    theirs = optimize.curve_fit(model, t, model(t, 2.0, 0.7) + 0.1 * Y[0], p0=[1.0, 1.0])
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-7)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)


def test_rows_of_containers():
    rows = distributed.rows_over(lambda p, x, y: x @ p["w"] + p["b"] - y, shards(3))
    found = rows.jacobian({"w": np.zeros(3), "b": 0.0})
    np.testing.assert_array_equal(found["w"], X)
    np.testing.assert_array_equal(found["b"], np.ones(20))
    best = optimize.least_squares(rows, {"w": np.zeros(3), "b": 0.0}).x
    design = np.column_stack([X, np.ones(20)])
    off = design @ np.array([*best["w"], best["b"]]) - Y
    np.testing.assert_allclose(design.T @ off, 0, atol=1e-10)


def test_map_is_many_computations(with_threads):
    def fit_one(y, start):
        return optimize.curve_fit(lambda x, a: a * x, np.arange(1.0, 5.0), y, p0=start)[0][0]

    jobs = [(k * np.arange(1.0, 5.0), [0.5]) for k in range(6)]
    np.testing.assert_allclose(distributed.map(fit_one, jobs), range(6), atol=1e-12)
    slopes = autodiff.vmap(autodiff.gradient(lambda x: x**3))
    found = distributed.map(slopes, [np.array([1.0, 2.0]), np.array([3.0])])
    np.testing.assert_array_equal(np.concatenate(found), [3, 12, 27])


def test_threads_see_what_the_caller_has_set_and_none_is_left(with_threads):
    names = []

    def watched(p, x):
        names.append(threading.current_thread().name)
        return np.log(x * p)

    jobs = [(1.0, np.zeros(1))] * 3
    before = threading.active_count()
    with np.errstate(divide="ignore"):
        distributed.map(watched, jobs)
    assert any(name.startswith("autodiff-shard") for name in names)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        distributed.map(watched, jobs)
    assert threading.active_count() == before


def test_an_error_of_the_users_comes_through(with_threads):
    def fails(p, x, y):
        raise ValueError("no such luck")

    with pytest.raises(ValueError, match="no such luck"):
        distributed.sum_over(fails, shards(3))(POINT)


def test_objects_that_are_equal_and_unhashable_are_told_apart():
    @dataclass
    class Scaled:
        by: float

        def __call__(self, p, x):
            return self.by * np.sum(p * x)

        def __eq__(self, other):
            return True

    found = [distributed.sum_over(Scaled(by), [np.ones(2)]).gradient(1.0) for by in (1.0, 3.0)]
    assert found == [2, 6]


def test_it_pickles():
    copy = pickle.loads(pickle.dumps(distributed.sum_over(loss, shards(3))))
    assert repr(copy) == "<SumOver of loss, 3 shards on threads>"
    assert copy(POINT) == distributed.sum_over(loss, shards(3))(POINT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_after_threads_have_run_can_go_on(with_threads):
    objective = distributed.sum_over(loss, shards(4))
    expected = objective.value_and_gradient(POINT)[0]
    child = os.fork()
    if child == 0:
        os._exit(0 if objective.value_and_gradient(POINT)[0] == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distributed.sum_over(loss, []), "there are no shards"),
        (lambda: distributed.sum_over(loss, X), "shards is one ndarray, not a list of shards"),
        (lambda: distributed.sum_over(3.0, [X]), "a function is needed, not float"),
    ],
)
def test_what_is_said_to_mistakes(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_it_says_that_it_cannot_be_differentiated_from_outside():
    objective = distributed.sum_over(loss, shards(2))
    with pytest.raises(UnsupportedError, match="use its own value_and_gradient"):
        autodiff.gradient(objective)(POINT)
    with pytest.raises(UnsupportedError, match="RowsOver of residuals.* has no value_and_gradient"):
        optimize.minimize(distributed.rows_over(residuals, shards(2)), POINT)
