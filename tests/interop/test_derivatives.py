"""What needs no other library: functions that push and pull, and what is said where one is missing."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff
from autodiff import interop
from autodiff.errors import MissingPackageError
from autodiff.interop.derivatives import called, plain_function, pull, push


def f(x, w):
    total = 0.0
    for k in range(len(x)):
        total += w * x[k] ** 3 if x[k] > 0 else np.sin(x[k]) * w**2
    return total


X = np.array([0.5, -0.7, 1.2])


@pytest.mark.parametrize(
    "of", [f, lambda x, w: f(x, w), lambda *v: f(*v)], ids=["function", "lambda", "any"]
)
def test_derivatives_of_derivatives(of):
    exact = autodiff.gradient(f)(X, 1.5)
    pulled = called(pull(of, 2), [X, np.array(1.5), np.array(2.0)])
    np.testing.assert_allclose(pulled[0], 2 * exact[0])
    np.testing.assert_allclose(pulled[1], 2 * exact[1])
    pushed = called(push(of, 2), [X, np.array(1.5), np.ones(3), np.array(1.0)])
    np.testing.assert_allclose(pushed[0], np.sum(exact[0]) + exact[1])
    hessian = autodiff.hessian(f, wrt="x")(X, 1.5)
    again = called(
        push(pull(of, 2), 3),
        [X, np.array(1.5), np.array(1.0), np.ones(3), np.array(0.0), np.array(0.0)],
    )
    np.testing.assert_allclose(again[0], hessian @ np.ones(3))


def test_objects_are_known_by_their_identity():
    @dataclass
    class Scaled:
        by: float = 1.0

        def __call__(self, x):
            return self.by * np.sum(x**2)

        def __eq__(self, other):
            return True  # of what computes otherwise

    first, second = plain_function(Scaled(1.0), "it"), plain_function(Scaled(3.0), "it")
    for f, by in ((first, 1), (second, 3), (plain_function(Scaled(5.0).__call__, "it"), 5)):
        np.testing.assert_allclose(called(pull(f, 1), [X, np.array(1.0)])[0], 2 * by * X)


def test_of_several_results():
    def both(x):
        return np.sum(x**2), x[0] * x

    pulled = called(pull(both, 1, 2), [X, np.array(1.0), np.ones(3)])
    np.testing.assert_allclose(pulled[0], 2 * X + X[0] + np.array([X.sum(), 0, 0]))


@pytest.mark.parametrize(
    ("call", "package", "extra"),
    [
        (lambda: interop.pytensor_op(f), "pytensor.tensor", "pytensor"),
        (lambda: interop.torch_function(f), "torch", "torch"),
        (lambda: interop.jax_function(f), "jax", "jax"),
        (lambda: interop.casadi_callback(f, X), "casadi", "casadi"),
        (lambda: interop.lmfit_jacobian(f), "lmfit", "lmfit"),
        (lambda: autodiff.distributed.sum_over(f, [X], client=1), "distributed", "dask"),
    ],
    ids=["pytensor", "torch", "jax", "casadi", "lmfit", "dask"],
)
def test_a_missing_library_is_named_with_its_extra(call, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        call()
    assert type(caught.value) is MissingPackageError
    name = package.split(".")[0]
    assert str(caught.value) == (
        f'AD602: {name} is not installed\n  Remedy: pip install "autodiff-numpy[{extra}]"'
    )


def test_names_are_found_and_nothing_is_imported_for_them():
    assert set(interop.__all__) == set(dir(interop))
    with pytest.raises(AttributeError, match="has no attribute 'tensorflow_function'"):
        interop.tensorflow_function  # noqa: B018
