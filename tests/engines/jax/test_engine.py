"""The JAX engine on JAX's CPU: arrays in and out, precision, checks, sizes, refusals."""

import threading
import warnings

import numpy as np
import pytest

import autodiff
from autodiff import errors

pytestmark = pytest.mark.jax
jax = pytest.importorskip("jax", reason="the JAX engine is not tested: JAX is not installed")

from autodiff.compiled import devices  # noqa: E402
from autodiff.engines.jax import engine as engines  # noqa: E402

X = np.array([0.3, -1.2, 2.5, 0.7])


def on_device(x):
    """An array of JAX's with all its bits."""
    with jax.enable_x64(True):
        return jax.numpy.asarray(x)


def agrees(f, *args, rtol=1e-12) -> None:
    """Value and gradient are those of the reference engine, at the second call as at the first."""
    value = autodiff.function(f, engine="jax")
    expected = f(*args)
    for _ in range(2):
        found = value(*args)
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    ours, reference = (
        autodiff.gradient(lambda *x: np.sum(f(*x)), engine=e) for e in ("jax", "numpy")
    )
    for _ in range(2):
        for have, want in zip(parts(ours(*args)), parts(reference(*args)), strict=True):
            np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)


def parts(found):
    return found if isinstance(found, tuple) else (found,)


# -- arrays in and out --------------------------------------------------------------------------------
def test_numpy_in_numpy_out() -> None:
    f = autodiff.function(lambda x: (x * 2, np.sum(x), {"n": x[1:]}), engine="jax")
    for _ in range(2):
        doubled, total, rest = f(X)
        assert type(doubled) is np.ndarray and doubled.flags.writeable
        assert type(total) is np.float64 and total == np.sum(X)
        np.testing.assert_array_equal(rest["n"], X[1:])
        doubled[0] = 5.0  # nobody else's


def test_python_numbers_stay_python_numbers() -> None:
    f = autodiff.function(lambda a, n: (a * n, a > n, n + 1), engine="jax")
    for _ in range(2):
        found = f(2.5, 3)
        assert found == (7.5, False, 4)
        assert [type(x) for x in found] == [float, bool, int]


def loss(w, data):
    return np.sum((data["x"] @ w - data["y"]) ** 2)


def test_jax_in_jax_out() -> None:
    g = autodiff.value_and_gradient(lambda x: np.sum(np.sin(x) ** 2), engine="jax")
    for x in (on_device(X), on_device(X + 1)):
        value, slope = g(x)
        assert isinstance(value, jax.Array) and isinstance(slope, jax.Array)
        assert slope.dtype == np.float64 and slope.devices() == x.devices()
        np.testing.assert_allclose(slope, np.sin(2 * np.asarray(x)), rtol=1e-14)


def test_arrays_of_jax_in_containers() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    g = autodiff.gradient(loss, wrt="w", engine="jax")
    expected = autodiff.gradient(loss, wrt="w")(w, {"x": x, "y": y})
    for _ in range(3):
        found = g(on_device(w), {"x": on_device(x), "y": on_device(y)})
        assert isinstance(found, jax.Array)
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(g(w, {"x": x, "y": y}), expected, rtol=1e-13)


def test_after_the_first_call_nothing_is_copied_to_the_host(monkeypatch) -> None:
    copies = []
    plain_get = jax.device_get
    monkeypatch.setattr(devices, "_on_host", lambda x: copies.append("looked at") or np.asarray(x))
    monkeypatch.setattr(jax, "device_get", lambda x: copies.append("got") or plain_get(x))
    g = autodiff.gradient(lambda p, x: np.sum(p["w"] * x) ** 2, wrt="p", engine="jax")
    product = autodiff.hessian_vector(lambda x: np.sum(x**4), engine="jax")
    x = on_device(X)
    g({"w": x}, x), product(x, _tensors=x)
    assert set(copies) == {"looked at"}
    copies.clear()
    for _ in range(3):
        assert isinstance(g({"w": x}, x)["w"], jax.Array)
        assert isinstance(product(x, _tensors=x), jax.Array)
    assert copies == []


def test_arguments_that_are_returned_are_the_arrays_that_were_given() -> None:
    x = on_device(X)
    f = autodiff.function(lambda x: (x, x * 2), engine="jax")
    for _ in range(2):
        same, twice = f(x)
        assert same is x and isinstance(twice, jax.Array)


def test_stores_into_arguments() -> None:
    def halve(x):
        x[0] = 0.5 * x[0]
        return np.sum(x)

    f = autodiff.function(halve, engine="jax")
    for _ in range(2):
        x, plain = X.copy(), X.copy()
        assert f(x) == halve(plain)
        np.testing.assert_array_equal(x, plain)
    for _ in range(2):
        with pytest.raises(errors.ArgumentError, match="array of JAX's, which cannot change"):
            f(on_device(X))
    slope = autodiff.gradient(halve, engine="jax")(on_device(X))
    np.testing.assert_array_equal(slope, [0.5, 1, 1, 1])


def test_inside_of_jit_it_says_what_to_do() -> None:
    f = autodiff.function(lambda x: x * 2, engine="jax")
    with pytest.raises(errors.ArgumentError, match="a value that JAX traces"):
        jax.jit(f)(np.ones(3, np.float32))


# -- precision ----------------------------------------------------------------------------------------
def test_double_precision_is_for_our_calls_alone() -> None:
    before = jax.config.jax_enable_x64
    assert not before and jax.numpy.ones(3).dtype == np.float32
    f = autodiff.gradient(lambda x: np.sum(x**3), engine="jax")
    assert f(X).dtype == np.float64
    np.testing.assert_array_equal(f(X), 3 * X**2)
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.ones(3).dtype == np.float32
    assert jax.jit(lambda x: x + 1)(X).dtype == np.float32


def test_double_precision_in_other_threads_and_after_errors() -> None:
    f = autodiff.function(lambda x: x[0] / 3, engine="jax")
    found = []
    thread = threading.Thread(target=lambda: found.append((f(X), jax.numpy.ones(1).dtype)))
    thread.start(), thread.join()
    assert found == [(np.float64(X[0] / 3), np.float32)]
    with pytest.raises(IndexError):
        autodiff.function(lambda x, k: x[k], engine="jax")(X, np.array([9]))
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64", "bool"])
def test_dtypes_are_those_of_numpy(dtype: str) -> None:
    f = lambda x: (x * x, x.sum(), x.mean(), np.sqrt(x))
    x = np.array([1, 0, 1]).astype(dtype)
    for have, want in zip(autodiff.function(f, engine="jax")(x), f(x), strict=True):
        assert have.dtype == want.dtype
        np.testing.assert_allclose(have, want, rtol=1e-3 if dtype == "float16" else 1e-6)


def test_long_doubles_are_refused() -> None:
    with pytest.raises(errors.AutodiffError, match=r"no elements of dtype \w+\.\n"):
        autodiff.function(lambda x: x * 2, engine="jax")(np.ones(3, np.longdouble))


# -- rounding -----------------------------------------------------------------------------------------
def test_products_are_rounded_before_they_are_added_to() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=1000), rng.normal(size=1000)
    for f in (
        lambda x, y: x * x - np.abs(x) * np.abs(x) + 0 * y,
        lambda x, y: x * y + 0.1 * x - 3 * y,
        lambda x, y: x**2 - y**2 + x[::-1] * y,
        lambda x, y: 0.3 * x * 0.8 * y[0] * y[1],
        lambda x, y: (x[:, None] * y[None, :10] + x[:, None])[:, 3],
    ):
        np.testing.assert_array_equal(autodiff.function(f, engine="jax")(x, y), f(x, y))


def test_an_extremum_is_equal_to_one_of_its_elements_wherever_it_is_computed() -> None:
    def sweeps(discount, reward):
        v = np.zeros(reward.shape[0])
        for _ in range(6):
            q = reward + discount * v[None, :] * 0.8 + discount * 0.2 * v.mean()
            v = np.maximum(q.max(axis=1), discount * v + 0.1)
        return np.sum(v)

    for seed in range(3):
        reward = np.random.default_rng(seed).uniform(size=(3, 3))
        found, expected = (
            autodiff.gradient(sweeps, engine=e)(0.9, reward) for e in ("jax", "numpy")
        )
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-12, atol=1e-14)


# -- checks, raises, guards -----------------------------------------------------------------------------
def test_what_numpy_raises_is_raised() -> None:
    f = autodiff.function(lambda x, k: x[k] * 2, engine="jax")
    assert f(X, np.array([1, -1])).tolist() == [2 * X[1], 2 * X[-1]]
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 4"):
        f(X, np.array([1, 7]))
    assert f(X, np.array([0, 2])).tolist() == [2 * X[0], 2 * X[2]]
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        autodiff.function(np.linalg.cholesky, engine="jax")(-np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        autodiff.gradient(lambda a: np.sum(np.linalg.inv(a)), engine="jax")(np.zeros((2, 2)))


def checked(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 10:
            raise ValueError(f"element {k} is too large")
        total += np.sqrt(x[k])
    return total


def test_what_the_user_raises_is_raised() -> None:
    f = autodiff.function(checked, engine="jax")
    g = autodiff.gradient(checked, engine="jax")
    good, bad = np.array([1.0, 4.0, 9.0]), np.array([1.0, 40.0, 9.0])
    assert f(good) == 6.0
    np.testing.assert_allclose(g(good), [0.5, 0.25, 1 / 6])
    for call in (f, g):
        with pytest.raises(ValueError, match="element 1 is too large"):
            call(bad)
    assert f(good) == 6.0


def test_a_loop_ends_when_a_check_in_it_has_failed() -> None:
    def f(x, k):
        total = 0.0
        while total < 10:
            total += x[k[0]]
        return total

    g = autodiff.function(f, engine="jax")
    assert g(np.array([3.0, 4.0]), np.array([0])) == 12
    with pytest.raises(IndexError):
        g(np.array([3.0, 4.0]), np.array([5]))


def test_branches_and_guards() -> None:
    def f(x):
        if np.sum(x) > 0:
            return np.sum(x**2)
        return np.sum(np.abs(x))

    agrees(f, X)
    agrees(f, -np.abs(X))
    g = autodiff.function(lambda x, n: x**n, engine="jax")
    for n in (2, 3, 2, -1):
        np.testing.assert_allclose(g(X, n), X ** float(n), rtol=1e-14)


WEIGHT = np.array([1.0, 2.0, 3.0, 4.0])


def test_globals_are_read_at_every_call() -> None:
    global WEIGHT
    f = autodiff.function(lambda x: np.sum(WEIGHT * x), engine="jax")
    assert f(X) == np.sum(WEIGHT * X)
    WEIGHT = -WEIGHT
    assert f(X) == np.sum(WEIGHT * X)


# -- control flow and sizes -----------------------------------------------------------------------------
def collatz(x):
    steps = 0
    while x > 1.5:
        x = x / 2 if x > 8 else x * 0.9
        steps += 1
    return x * steps


def test_while_loops_have_gradients() -> None:
    for x in (1.0, 3.7, 100.0, 1e6):
        agrees(collatz, x)


def test_a_tape_grows_where_a_loop_takes_more_steps() -> None:
    def decay(x, rate):
        while np.sum(x) > 1.0:
            x = x * rate
        return np.sum(x)

    ours = autodiff.gradient(decay, engine="jax")
    for rate in (0.5, 0.9999, 0.99, 0.99999):  # some 4, 30,000, 300 and 300,000 steps
        found, expected = (g(np.ones(20), rate) for g in (ours, autodiff.gradient(decay)))
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)


SIZES = {
    "mask": lambda x: np.sum(x[x > 0] ** 2),
    "mask of the result": lambda x: np.exp(x[x > 0]),
    "mean of a mask": lambda x: np.mean(x[x < 1]),
    "maximum of a mask": lambda x: np.max(x[x < 1]) + np.min(x[x < 1]),
    "product of a mask": lambda x: np.prod(x[x > -1]),
    "sorted mask": lambda x: np.sort(x[x > 0])[0],
    "nonzero": lambda x: np.sum(x[np.nonzero(x > 0)[0]] * 2),
    "prefix": lambda x: sum(np.sum(x[:k]) ** 2 for k in range(len(x))),
    "cumulative sums of a mask": lambda x: np.sum(np.cumsum(x[x > 0]) ** 2),
    "product with a mask": lambda x: np.dot(x[x > 0], x[x > 0]),
    "two masks joined": lambda x: np.concatenate([x[x > 0], x[x < 0] ** 2]),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_known_at_run_time_only(name: str) -> None:
    for x in (X, np.array([0.5, -0.25, 0.1, -3.0]), np.linspace(-2, 0.9, 7)):
        agrees(SIZES[name], x)


def test_elimination_by_hand() -> None:
    def solve(a, b):
        a, b = a.copy(), b.copy()
        n = len(b)
        for k in range(n):
            for i in range(k + 1, n):
                factor = a[i, k] / a[k, k]
                a[i, k:] -= factor * a[k, k:]
                b[i] -= factor * b[k]
        x = np.zeros(n)
        for i in range(n - 1, -1, -1):
            x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
        return x

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(6, 6)) + 6 * np.eye(6), rng.normal(size=6)
    agrees(solve, a, b, rtol=1e-10)


def test_another_length_is_another_compilation_of_the_same_program() -> None:
    f = autodiff.gradient(lambda x: np.sum(x**2), engine="jax")
    for n in (3, 4, 5, 6, 7):
        np.testing.assert_array_equal(f(np.ones(n)), np.full(n, 2.0))
    assert len(f.cache) == 2


def test_integers_that_shape_arrays() -> None:
    f = autodiff.function(
        lambda x, n: np.sum(x * np.arange(n)[-1] + np.zeros(n).size), engine="jax"
    )
    for n in (3, 5, 2, 8):
        assert f(X, n) == np.sum(X * (n - 1) + n)


def test_lanes_side_by_side() -> None:
    rows = np.random.default_rng(2).normal(size=(50, 4))
    f = lambda y: collatz(5 + np.sum(y**2))
    ours = autodiff.vmap(autodiff.gradient(f), engine="jax")
    np.testing.assert_allclose(ours(rows), autodiff.vmap(autodiff.gradient(f))(rows), rtol=1e-12)
    checked_rows = autodiff.vmap(checked, engine="jax")
    good = np.abs(rows)
    np.testing.assert_allclose(checked_rows(good), [checked(r) for r in good], rtol=1e-12)
    good[7, 2] = 11.0
    with pytest.raises(ValueError, match="element 2 is too large"):
        checked_rows(good)


def test_lanes_in_portions(monkeypatch) -> None:
    from autodiff.engines.jax import translation

    rows = np.random.default_rng(2).normal(size=(50, 4))
    whole = autodiff.vmap(lambda r: np.sum(np.sin(r)), engine="jax")(rows)
    monkeypatch.setattr(translation, "BYTES_AT_ONCE", 2000)
    portions = autodiff.vmap(lambda r: np.sum(np.sin(r)), engine="jax")(rows)
    np.testing.assert_array_equal(whole, portions)


# -- every public transformation ----------------------------------------------------------------------
def test_all_transformations() -> None:
    f, v = (lambda x: np.sum(np.exp(x) * x)), np.array([1.0, 0.5, -0.5, 2.0])
    g = lambda x: np.tanh(x) * x[0]
    j, n = {"engine": "jax"}, {"engine": "numpy"}
    pairs = [
        (autodiff.hessian(f, **j)(X), autodiff.hessian(f, **n)(X)),
        (autodiff.jacobian(g, **j)(X), autodiff.jacobian(g, **n)(X)),
        (
            autodiff.hessian_vector(f, **j)(X, _tensors=v),
            autodiff.hessian_vector(f, **n)(X, _tensors=v),
        ),
        (autodiff.jvp(g, (X,), (v,), **j)[1], autodiff.jvp(g, (X,), (v,), **n)[1]),
        (autodiff.vjp(g, X, **j)[1](v)[0], autodiff.vjp(g, X, **n)[1](v)[0]),
        (autodiff.linearize(g, X, **j)[1](v), autodiff.linearize(g, X, **n)[1](v)),
    ]
    for have, want in pairs:
        assert type(have) is type(want)
        np.testing.assert_allclose(have, want, rtol=1e-12)


def test_objects_pickle_with_their_device() -> None:
    import pickle

    f = pickle.loads(pickle.dumps(autodiff.gradient(loss, wrt="w", engine="jax", device="cpu")))
    assert f._options["device"] == "cpu" and f._options["engine"] == "jax"


# -- refusals -----------------------------------------------------------------------------------------
def test_what_cannot_be_compiled_is_an_error_not_a_fallback() -> None:
    def f(x):
        with open("/nonexistent/file") as file:
            return x * len(file.read())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((errors.UnsupportedError, FileNotFoundError)):
            autodiff.function(f, engine="jax")(X)


@pytest.mark.skipif(
    any(d.platform != "cpu" for d in jax.devices()), reason="there is a GPU to be had"
)
@pytest.mark.parametrize("device", ["gpu", "gpu:1", "tpu"])
def test_a_device_that_is_not_there_is_an_error(device: str) -> None:
    with pytest.raises(errors.EngineError, match=f"there is no device '{device}'") as caught:
        autodiff.function(lambda x: x * 2, engine="jax", device=device)(X)
    assert "python -m autodiff doctor" in str(caught.value)
    assert 'ask for device="cpu"' in str(caught.value)


def test_a_device_by_name() -> None:
    f = autodiff.function(lambda x: x * 2, engine="jax", device="cpu")
    np.testing.assert_array_equal(f(X), 2 * X)
    assert f(on_device(X)).devices() == set(jax.devices("cpu")[:1])
    with pytest.raises(errors.EngineError, match="there is no device 'cpu:99'"):
        autodiff.function(lambda x: x * 2, engine="jax", device="cpu:99")(X)


def test_first_rows_depend_on_what_a_row_takes() -> None:
    g = autodiff.gradient(lambda x: np.sum(collatz_of(x)), engine="jax").ir(np.ones(100_000))
    assert engines._first_rows(g.block) == 16


def collatz_of(x):
    while np.sum(x) > 1:
        x = np.sin(x) * 0.5
    return x


# -- special functions --------------------------------------------------------------------------------
POSITIVE, ANY, UNIT = (0.1, 20.0), (-6.0, 6.0), (0.01, 0.99)
SPECIAL = {
    "gammaln": [POSITIVE], "loggamma": [POSITIVE], "gamma": [ANY], "rgamma": [ANY], "psi": [ANY],
    "digamma": [POSITIVE], "beta": [POSITIVE, POSITIVE], "betaln": [POSITIVE, POSITIVE],
    "gammainc": [POSITIVE, POSITIVE], "gammaincc": [POSITIVE, POSITIVE],
    "betainc": [POSITIVE, POSITIVE, UNIT], "i0": [ANY], "i1": [ANY], "i0e": [ANY], "i1e": [ANY],
    "ndtr": [ANY], "ndtri": [UNIT], "log_ndtr": [(-30.0, 6.0)], "erfinv": [UNIT], "logit": [UNIT],
    "expit": [ANY], "xlogy": [POSITIVE, POSITIVE], "xlog1py": [POSITIVE, POSITIVE],
    "zeta": [(1.1, 8.0), POSITIVE], "exp1": [POSITIVE], "expi": [ANY], "poch": [POSITIVE, (0.1, 5.0)],
    "entr": [POSITIVE], "spence": [POSITIVE], "gammasgn": [ANY], "erfcx": [ANY], "dawsn": [ANY],
}  # fmt: skip


def test_special_functions_have_twelve_digits() -> None:
    import scipy.special

    from autodiff.engines.jax.elements import SPECIAL as known

    names = {place: place.rpartition(".")[2].lstrip("_") for place in known}
    assert set(names.values()) <= set(SPECIAL)
    rng = np.random.default_rng(3)
    for place, function in known.items():
        name = names[place]
        x = [rng.uniform(low, high, 300) for low, high in SPECIAL[name]]
        with jax.enable_x64(True):
            found = function(*[jax.numpy.asarray(a) for a in x])
        np.testing.assert_allclose(
            found, getattr(scipy.special, name)(*x), rtol=1e-11, atol=2e-13, err_msg=name
        )


def test_the_derivative_of_a_determinant_also_where_it_is_singular() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=(4, 4))
    for x in (a, a - np.outer(a[:, 0], [1, 0, 0, 0]), np.zeros((3, 3))):
        found, expected = (autodiff.gradient(np.linalg.det, engine=e)(x) for e in ("jax", "numpy"))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
