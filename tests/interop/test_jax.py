"""`jax_function`: every mixture of JAX's transformations of a NumPy function is that of the same in jnp."""

import itertools

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("error::autodiff.FallbackWarning")]

import jax.numpy as jnp  # noqa: E402

from autodiff.errors import DtypeError  # noqa: E402
from autodiff.interop import jax_function  # noqa: E402

X = np.array([0.5, -0.7, 1.2])


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def in_numpy(x, w):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += w * x[k] ** 3
        else:
            total += np.sin(x[k]) * w**2
    return total


def in_jax(x, w):
    return jnp.sum(jnp.where(x > 0, w * x**3, jnp.sin(x) * w**2))


def check(ours, theirs, *arguments):
    for a, b in zip(
        jax.tree.leaves(ours(*arguments)), jax.tree.leaves(theirs(*arguments)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        assert a.shape == b.shape and a.dtype == b.dtype


@pytest.mark.parametrize(
    ("modes", "compiled"),
    [(m, len(m) != 1) for n in (0, 1, 2) for m in itertools.product("fr", repeat=n)],
    ids=lambda x: "".join(x) if isinstance(x, tuple) else None,
)
def test_derivatives_in_any_mixture(modes, compiled):
    ours, theirs = jax_function(in_numpy), in_jax
    for mode in modes:
        transform = jax.jacfwd if mode == "f" else jax.jacrev
        ours, theirs = transform(ours), transform(theirs)
    check(jax.jit(ours) if compiled else ours, theirs, X, 1.5)


def test_third_derivatives_and_several_arguments():
    check(jax.jacfwd(jax.hessian(jax_function(in_numpy))), jax.jacfwd(jax.hessian(in_jax)), X, 1.5)
    check(jax.grad(jax_function(in_numpy), (0, 1)), jax.grad(in_jax, (0, 1)), X, 1.5)


@pytest.mark.parametrize(
    "of", [lambda f: f, jax.grad, jax.hessian], ids=["value", "grad", "hessian"]
)
@pytest.mark.parametrize("axes", [(0, None), (1, 0), (None, 0)])
def test_vmap(of, axes):
    x = np.stack([X, 2 * X, -X], axis=axes[0]) if axes[0] is not None else X
    w = np.array([1.0, 2.0, 3.0]) if axes[1] is not None else 1.5
    ours = jax.jit(jax.vmap(of(jax_function(in_numpy)), axes))
    check(ours, jax.vmap(of(in_jax), axes), x, w)


def test_several_results_within_a_program_of_jax():
    both = jax_function(lambda x: (np.cumsum(np.exp(x)), np.sum(x**2)))

    def ours(x):
        a, b = both(jnp.sin(x))
        return jnp.sum(a * b)

    def theirs(x):
        return jnp.sum(jnp.cumsum(jnp.exp(jnp.sin(x))) * jnp.sum(jnp.sin(x) ** 2))

    check(jax.jit(jax.hessian(ours)), jax.hessian(theirs), X)


def test_results_that_are_constants_arguments_or_the_same():
    given = jax_function(lambda x, n: (x, 2 * x, 2 * x, 1.5, n))
    check(given, lambda x, n: (x, 2 * x, 2 * x, jnp.array(1.5), n), jnp.asarray(X), jnp.array(3))
    check(
        jax.jacobian(given),
        jax.jacobian(lambda x, n: (x, 2 * x, 2 * x, jnp.array(1.5), 0.0 * n)),
        X,
        3.0,
    )


def test_a_number_whose_type_depends_on_the_path():
    def positive(x):
        total = 0
        for k in range(len(x)):
            if x[k] > 0:
                total += x[k] ** 2
        return total

    check(
        jax.grad(jax_function(positive)), jax.grad(lambda x: jnp.sum(jnp.where(x > 0, x**2, 0))), X
    )
    assert float(jax_function(positive)(-jnp.ones(2))) == 0


def test_integers_and_single_precision():
    power = jax_function(lambda x, n: x**n * 2)
    check(jax.grad(power), jax.grad(lambda x, n: x**n * 2), 3.0, 2)
    with jax.enable_x64(False):
        found = jax_function(in_numpy)(jnp.asarray(X), jnp.asarray(1.5))
        assert found.dtype == jnp.float32
        assert jax.grad(jax_function(in_numpy))(jnp.asarray(X), 1.5).dtype == jnp.float32


def test_complex_arrays_are_refused():
    with pytest.raises(
        DtypeError, match="AD105: jax_function was given an array of dtype complex128"
    ):
        jax_function(in_numpy)(X * 1j, 1.0)
