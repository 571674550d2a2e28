"""The first look at integrals: SciPy's numbers to the last bit, and no Python where one look is enough."""

import math
import warnings

import numpy as np
import pytest
import scipy.integrate as si

import autodiff
from autodiff.ops import integrals
from autodiff.passes.quadrature import look_first


def wave(a):
    return si.quad(lambda t: np.exp(-a * t) * np.sin(3.0 * t) + t**2, 0, 2)[0]


def backwards(a):
    return si.quad(lambda t: a * t**2 + 1.0, a, 0.5)[0]


def nothing(a):
    return si.quad(lambda t: a * t, a, a)[0] + si.quad(lambda t: 0.0 * a * t, 0, 1)[0]


def constant(a):
    return si.quad(lambda t: a, 0.1, 7.3)[0]


def odd(a):
    return si.quad(lambda t: a * math.sin(t), -1, 1)[0]


def peak(a):
    return si.quad(lambda t: 1.0 / (1e-4 + (t - a) ** 2), 0, 3)[0]


def root(a):
    return si.quad(lambda t: math.sqrt(abs(t - a)), 0, 3)[0]


def endless(a):
    return si.quad(lambda t: math.exp(-a * t * t), -np.inf, np.inf)[0]


def tight(a):
    return si.quad(lambda t: math.exp(a * t), 0, 1, epsabs=1e-14, epsrel=1e-14)[0]


def triangle(a):
    return si.dblquad(lambda y, x: np.exp(-a * x * y), 0, 1, lambda x: 0, lambda x: x * a)[0]


def plane(a):
    return si.dblquad(lambda y, x: math.exp(-a * (x * x + y * y)), -np.inf, np.inf, -1, 1)[0]


def ridge(a):
    return si.dblquad(lambda y, x: 1.0 / (1e-3 + (x - a * y) ** 2), 0, 1, 0, 1)[0]


def solid(a):
    return si.tplquad(lambda z, y, x: a * x * y * z, 0, 1, 0, 1, 0, lambda x, y: x + y)[0]


def many(a):
    return si.nquad(lambda x, y, b: a * x * np.exp(-y * b), [[0, 1], lambda b: [0, b]], args=(a,))[
        0
    ]


def within(a):
    inner = lambda t: si.quad(lambda s: math.cos(s * t), 0, a)[0]  # noqa: E731
    return si.quad(lambda t: inner(t) * t, 0, 1)[0]


def estimated(a):
    value, error = si.quad(lambda t: np.exp(-a * t) * np.sin(3.0 * t), 0, 2)
    return value + error


def number(a):
    value, error = si.quad_vec(lambda t: np.exp(-a * t) * t, 2, a)
    return value + error


def vector(a):
    return si.quad_vec(lambda t: np.array([np.exp(-a * t), a * t**2]), 0, 2, epsrel=1e-9)[0].sum()


def table(a):
    return si.quad_vec(lambda t: t * a * np.arange(6.0).reshape(2, 3), -1.0, a)[0].sum()


def peaks(a):
    return si.quad_vec(lambda t: 1.0 / (1e-4 + (t - np.array([a, 1.0])) ** 2), 0, 3)[0].sum()


SMOOTH = [
    wave,
    backwards,
    constant,
    odd,
    triangle,
    solid,
    many,
    within,
    estimated,
    number,
    vector,
    table,
]
OTHERS = [nothing, peak, root, endless, tight, plane, ridge, peaks]


@pytest.mark.parametrize("f", [*SMOOTH, *OTHERS], ids=lambda f: f.__name__)
def test_values_are_scipys(f):
    """But for the last bit of ``exp`` and its like, which are native code's own."""
    compiled = autodiff.function(f)
    for a in (0.3, 1.7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", si.IntegrationWarning)
            assert compiled(a) == pytest.approx(f(a), rel=1e-14, abs=1e-16)


def test_sums_are_scipys_to_the_last_bit(rng):
    """Integrands of which each operation is rounded once, on many intervals."""

    def f(a, b, c):
        return si.quad(lambda t: (c * t - a) * t / (t * t + c * c + 0.3), a, b)

    alone = autodiff.function(lambda a, b, c: f(a, b, c)[0])
    both = autodiff.function(f)
    for a, b, c in rng.normal(size=(300, 3)) * 2.0:
        value, error = f(a, b, c)
        assert alone(a, b, c) == value
        assert both(a, b, c) == (value, pytest.approx(error, rel=1e-14))  # which has a power


@pytest.mark.parametrize("of_numbers", [True, False])
def test_sums_of_quad_vec_are_scipys_to_the_last_bit(of_numbers, rng):
    def f(a, b, c):
        one = lambda t: (c * t - a) * t / (t * t + c * c + 0.3)  # noqa: E731
        return si.quad_vec(lambda t: one(t) if of_numbers else np.array([one(t), c * t]), a, b)

    alone = autodiff.function(lambda a, b, c: f(a, b, c)[0])
    both = autodiff.function(f)
    for a, b, c in rng.normal(size=(50, 3)) * 2.0:
        value, error = f(a, b, c)
        found, estimate = both(a, b, c)
        np.testing.assert_array_equal([alone(a, b, c), found], [value, value])
        assert estimate == pytest.approx(error, rel=1e-14)
        assert type(found) is type(value)


def _refuse(*args, **options):
    raise AssertionError("Python was asked")


@pytest.mark.parametrize("f", SMOOTH, ids=lambda f: f.__name__)
def test_no_python_where_one_look_is_enough(f, monkeypatch):
    compiled, slope = autodiff.function(f), autodiff.gradient(f)
    value, expected = f(1.2), slope(1.2)
    monkeypatch.setattr(integrals, "_by_python", _refuse)
    monkeypatch.setattr(integrals, "_without_python", _refuse)
    assert compiled(1.2) == pytest.approx(value, rel=1e-14, abs=1e-16)
    assert slope(1.2) == expected
    assert math.isfinite(compiled(1.3) + slope(1.3))


@pytest.mark.parametrize("f", [wave, backwards, triangle, many, within], ids=lambda f: f.__name__)
def test_derivatives_are_those_of_scipys_integrals(f):
    for transformed in (autodiff.gradient, autodiff.hessian):
        a = transformed(f)(0.8)
        b = transformed(f, engine="numpy")(0.8)
        assert a == pytest.approx(b, rel=1e-11, abs=1e-12)


def test_in_loops_and_batches():
    def total(xs):
        found = 0.0
        for x in xs:
            if x > 0:
                found += si.quad(lambda t: np.exp(-x * t), 0, x)[0]
        return found

    xs = np.linspace(-1.0, 2.0, 40)
    assert autodiff.function(total)(xs) == pytest.approx(total(xs), rel=1e-14)
    one = autodiff.function(wave)
    np.testing.assert_array_equal(autodiff.vmap(wave)(xs), [one(x) for x in xs])
    closed = np.where(xs > 0, 0.0, 0.0)
    positive = xs > 0
    closed[positive] = (np.exp(-(xs[positive] ** 2)) * (1 + 2 * xs[positive] ** 2) - 1) / xs[
        positive
    ] ** 2
    np.testing.assert_allclose(autodiff.gradient(total)(xs), closed, rtol=1e-9)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_estimates_of_errors_that_are_read_are_scipys(engine):
    def both(a):
        value, error = si.dblquad(lambda y, x: np.exp(-a * x * y), 0, 1, 0, 1)
        return value, error, si.quad(lambda t: np.exp(a * t), 0, 1)[1]

    assert autodiff.function(both, engine=engine)(1.3) == both(1.3)


def test_what_an_integrand_raises_is_raised():
    def f(a):
        return si.dblquad(lambda y, x: math.log(x * y - a), 1, 2, 1, 2)[0]

    compiled = autodiff.function(f)
    assert compiled(0.5) == f(0.5)
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        compiled(1.5)
    assert compiled(0.25) == f(0.25)


def test_a_check_of_an_integrand_is_no_jump():
    """``math.exp`` may raise; that it does not, decides nothing of the result."""
    f = lambda a: si.quad(lambda t: math.exp(-a * t), 0, 1)[0]  # noqa: E731
    program = autodiff.gradient(f).ir(1.3)
    (integral,) = [o for o in program.block.operations if o.kind == "integral"]
    assert integral.attributes["watches"] is None
    assert look_first(program) is not program
