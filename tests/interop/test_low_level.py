"""`low_level_callable`: machine code that SciPy calls without Python gives what the function gives."""

import gc

import numpy as np
import pytest
import scipy.integrate
import scipy.ndimage

from autodiff.errors import ArgumentError, NameArgumentError, UnsupportedError
from autodiff.interop import low_level_callable

RATE = 2.5
WEIGHTS = np.arange(1.0, 10.0)
IMAGE = np.cos(np.arange(240.0) ** 1.1).reshape(15, 16)


def decay(x, b):
    return np.exp(-RATE * x * b)


def steps(x):
    total = 0.0
    for k in range(5):
        if x > 0.2 * k:
            total += x**k
    return total


def through_integers(x, n):
    return x ** int(n // 1) if n > 0 else 1.0


@pytest.mark.parametrize(
    ("f", "args"),
    [(decay, (2.0,)), (steps, ()), (lambda x: 3.0 * x, ()), (lambda x: abs(x - 0.3), ())],
)
def test_quad(f, args):
    given = low_level_callable(f)
    gc.collect()  # the machine code lives as long as the callable
    assert scipy.integrate.quad(given, 0, 1, args=args) == scipy.integrate.quad(f, 0, 1, args=args)


def test_nquad_and_functions_of_arguments_by_number():
    product = low_level_callable(lambda x, y: x * y**2)
    assert scipy.integrate.nquad(product, [(0, 1), (0, 2)])[0] == pytest.approx(4 / 3)
    total = low_level_callable(lambda *x: x[0] + x[1], size=2)
    assert scipy.integrate.quad(total, 0, 1, args=(3.0,))[0] == pytest.approx(3.5)


def weighted(b):
    return np.sum(WEIGHTS * b) / np.sum(WEIGHTS) + np.max(b)


def branching(b):
    if b[4] > b[0]:
        return b[4] - b[0]
    return np.std(b)


@pytest.mark.parametrize("f", [weighted, branching])
def test_generic_filter(f):
    given = low_level_callable(f, "generic_filter", 9)
    ours = scipy.ndimage.generic_filter(IMAGE, given, size=3)
    np.testing.assert_allclose(ours, scipy.ndimage.generic_filter(IMAGE, f, size=3), rtol=1e-13)


def test_generic_filter_of_many_elements_takes_working_memory():
    def sorted_apart(b):
        u = np.outer(b, b) @ np.cos(np.outer(b, b))
        return np.sum(u @ u)

    given = low_level_callable(sorted_apart, "generic_filter", 49)
    ours = scipy.ndimage.generic_filter(IMAGE, given, size=7)
    np.testing.assert_allclose(
        ours, scipy.ndimage.generic_filter(IMAGE, sorted_apart, size=7), rtol=1e-9
    )


def test_generic_filter1d_and_geometric_transform():
    def difference(x):
        return np.cumsum(x)[2:] - np.cumsum(x)[:-2]

    def into(x, out):
        out[:] = difference(x)

    given = low_level_callable(difference, "generic_filter1d", 18)
    ours = scipy.ndimage.generic_filter1d(IMAGE, given, 3)
    np.testing.assert_allclose(ours, scipy.ndimage.generic_filter1d(IMAGE, into, 3))

    def shift(c):
        return c - np.array([0.5, 1.5])

    given = low_level_callable(shift, "geometric_transform", 2)
    theirs = scipy.ndimage.geometric_transform(IMAGE, lambda c: tuple(shift(np.array(c))))
    np.testing.assert_allclose(scipy.ndimage.geometric_transform(IMAGE, given), theirs, atol=1e-13)


def test_arguments_that_are_not_used():
    second = low_level_callable(lambda x, a, b: b * 2.0)
    assert scipy.integrate.quad(second, 0, 1, args=(5.0, 3.0))[0] == pytest.approx(6)
    total = np.sum(WEIGHTS)
    of_none = low_level_callable(lambda b: np.sum(WEIGHTS) * 1.0, "generic_filter", 9)
    assert scipy.ndimage.generic_filter(IMAGE, of_none, size=3)[0, 0] == total


def test_what_is_read_from_outside_is_what_it_was():
    weight = np.array([2.0])
    given = low_level_callable(lambda x: x * weight[0])
    weight[0] = 100.0
    assert scipy.integrate.quad(given, 0, 1)[0] == pytest.approx(1.0)
    again = low_level_callable(lambda x: x * weight[0])
    assert scipy.integrate.quad(again, 0, 1)[0] == pytest.approx(50.0)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_a_call_that_does_not_fit_is_not_a_number():
    def guarded(x):
        if x > 0.5:
            raise ValueError("too large")
        return x

    assert np.isnan(scipy.integrate.quad(low_level_callable(guarded), 0, 1)[0])
    assert np.isnan(scipy.integrate.quad(low_level_callable(decay), 0, 1, args=(1.0, 2.0))[0])
    with pytest.raises(RuntimeError):
        scipy.ndimage.generic_filter(
            IMAGE, low_level_callable(weighted, "generic_filter", 9), size=5
        )


def draws(x):
    return x + np.random.rand()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: low_level_callable(draws), UnsupportedError, "draws calls Python at each call"),
        (lambda: low_level_callable(lambda x: print(x)), UnsupportedError, "calls Python|needs Python"),
        (lambda: low_level_callable(lambda x: np.array([x, x])), ArgumentError, r"float64\[2\], and quad takes one float"),
        (lambda: low_level_callable(lambda x: 4.0), ArgumentError, "returns a constant or its argument"),
        (lambda: low_level_callable(lambda x: x > 0), ArgumentError, "returns bool"),
        (lambda: low_level_callable(weighted, "generic_filter"), ArgumentError, "gives arrays"),
        (lambda: low_level_callable(lambda *x: x[0]), ArgumentError, "how many arguments"),
        (lambda: low_level_callable(1.0), ArgumentError, "needs a function, not float"),
        (lambda: low_level_callable(weighted, "median"), NameArgumentError, "there is no routine 'median'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
