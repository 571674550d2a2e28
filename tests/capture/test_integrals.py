"""SciPy's integrators of functions in captured code: values as SciPy's, derivatives by Leibniz' rule."""

import functools

import numpy as np
import pytest
import scipy.integrate as si
from scipy import special

import autodiff
from autodiff.errors import DerivativeError

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


def weighted(f, low, high, weight, variable, **options):
    return si.quad(f, low, high, weight=weight, wvar=variable, **options)[0]


def laplace(p, w):
    """The integral of exp(-p t) cos(w t) over t > 0."""
    return p / (p * p + w * w)


def gaussian(a):
    """Over the plane, by radii of a square."""
    ranges = [(-np.inf, np.inf), (-np.inf, np.inf)]
    return si.nquad(lambda x, y: np.exp(-a * (x * x + y * y)), ranges)[0]


def with_options(a):
    inner = {"epsabs": 1e-11, "epsrel": 1e-11, "points": [0.5]}
    return si.nquad(lambda x, y, s: s * abs(x - 0.5) * y, [(0, 1), (0, a)], (a,), [inner, {}])[0]


def of_vectors(a):
    """Elements that are of different sizes, and a number."""
    array = si.quad_vec(lambda t: np.array([[np.exp(-a * t), t], [a * t, 1.0]]), 0, a)[0]
    return np.sum(array) + si.quad_vec(lambda t: a * t * t, 0, 1)[0]


def by_args(a):
    return si.quad_vec(lambda t, p, q: p * t**q, 0, 2, args=(np.array([a, 1.0]), 2.0))[0].sum()


def complex_integral(a):
    return si.quad(lambda t: np.exp(1j * a * t) * t, 0, a, complex_func=True)[0]


def of_complex(a):
    """The integral of t exp(i a t) over 0 < t < a."""
    return np.exp(1j * a * a) * (1 / a**2 - 1j) - 1 / a**2


# Each entry: a function of a number, the same in closed form, and a number.
CALLS = {
    "complex": (
        lambda a: np.real(complex_integral(a)) + 2 * np.imag(complex_integral(a)),
        lambda a: of_complex(a).real + 2 * of_complex(a).imag, 1.3,
    ),
    "with all that is told": (
        lambda a: (
            si.quad(lambda t: np.exp(-a * t), 0, 1, full_output=True)[0]
            + si.nquad(lambda x, y: a * x * y, [(0, 1), (0, a)], full_output=True)[0]
        ),
        lambda a: (1 - np.exp(-a)) / a + a**3 / 4, 1.3,
    ),
    "cos": (
        lambda a: weighted(lambda t: np.exp(-a * t), 0, np.inf, "cos", 2.0),
        lambda a: laplace(a, 2.0), 1.3,
    ),
    "by the frequency": (
        lambda a: weighted(lambda t: np.exp(-2 * t), 0, np.inf, "cos", a),
        lambda a: laplace(2.0, a), 1.3,
    ),
    "sin": (
        lambda a: weighted(lambda t: t, 0, a, "sin", 2 * a),
        lambda a: np.sin(2 * a * a) / (4 * a * a) - np.cos(2 * a * a) / 2, 1.3,
    ),
    "between moving limits": (
        lambda a: weighted(lambda t: 1.0, a, 3 * a, "cos", a),
        lambda a: (np.sin(3 * a * a) - np.sin(a * a)) / a, 0.8,
    ),
    "algebraic": (
        lambda a: weighted(lambda t: a * t, 0, 1, "alg", (-0.5, 0.0)),
        lambda a: 2 * a / 3, 1.3,
    ),
    "logarithmic": (
        lambda a: weighted(lambda t: a * a, 0, 1, "alg-loga", (0.0, 0.0)),
        lambda a: -a * a, 1.3,
    ),
    "a pole": (
        lambda a: weighted(lambda t: a * t, -a, 2.0, "cauchy", 0.0),
        lambda a: 2 * a + a * a, 1.3,
    ),
    "points that move": (
        lambda a: si.quad(lambda t: abs(t - a), 0, 2, points=[a])[0],
        lambda a: a * a / 2 + (2 - a) ** 2 / 2, 0.7,
    ),
    "quad_vec": (
        of_vectors,
        lambda a: (1 - np.exp(-a * a)) / a + a * a / 2 + a**3 / 2 + a + a / 3, 1.2,
    ),
    "quad_vec to infinity": (
        lambda a: si.quad_vec(lambda t: np.exp(-np.array([a, 2 * a]) * t), 0, np.inf)[0][1],
        lambda a: 1 / (2 * a), 1.2,
    ),
    "quad_vec with arguments": (by_args, lambda a: (a + 1) * 8 / 3, 1.2),
    "dblquad": (
        lambda a: si.dblquad(lambda y, x: x * y, 0, a, 0, lambda x: a * x)[0],
        lambda a: a**6 / 8, 1.2,
    ),
    "dblquad to infinity": (
        lambda a: si.dblquad(lambda y, x: np.exp(-a * x - y), 0, np.inf, 0, lambda x: np.inf)[0],
        lambda a: 1 / a, 1.2,
    ),
    "dblquad between functions": (
        lambda a: si.dblquad(lambda y, x, s: s, 0, 1, lambda x: -x * a, lambda x: a * x * x, (a,))[0],
        lambda a: a * a * (1 / 3 + 1 / 2), 1.2,
    ),
    "tplquad": (
        lambda a: si.tplquad(
            lambda z, y, x: a * z, 0, a, 0, lambda x: x, lambda x, y: y, lambda x, y: x + y
        )[0],
        lambda a: a**5 * (1 / 8 + 1 / 8), 1.1,
    ),
    "nquad": (
        lambda a: si.nquad(lambda x, y, z: x * y * z * a, [(0, 1), (0, a), (0, 2)])[0],
        lambda a: a**3 / 2, 1.1,
    ),
    "nquad of ranges": (
        lambda a: si.nquad(lambda x, y: 1.0, [lambda y: (0, a * y), [0, a]])[0],
        lambda a: a**3 / 2, 1.1,
    ),
    "nquad with options": (with_options, lambda a: a * a * a / 8, 1.1),
    "nquad over the plane": (gaussian, lambda a: np.pi / a, 0.9),
}  # fmt: skip
SAMPLE = {"by the frequency", "a pole", "quad_vec", "dblquad", "nquad of ranges"}
ROWS = [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.slow) for n in CALLS]
# A kink that moves has a first derivative and no second.
ONCE = {"points that move"}


def difference(f, x, step=1e-3):
    near = f(x + step) - f(x - step)
    return (8 * near - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


@ENGINES
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_integrals_and_their_derivatives_are_those_of_closed_forms(engine, name):
    f, closed, a = CALLS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine)
    for x in (a, 1.02 * a):
        assert compiled(x) == pytest.approx(f(x), rel=1e-14)
        assert type(compiled(x)) is type(f(x))
        assert slope(x) == pytest.approx(difference(closed, x), rel=1e-7)
    assert autodiff.jvp(compiled, (a,), (2.0,))[1] == pytest.approx(2 * slope(a), rel=1e-7)
    assert len(compiled.cache) == len(slope.cache) == 1
    if name not in ONCE:
        second = difference(functools.partial(difference, closed), a)
        assert autodiff.hessian(f, engine=engine)(a) == pytest.approx(second, rel=1e-5, abs=1e-7)


@ENGINES
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_the_estimate_of_the_error_is_that_of_scipy(engine):
    def errors(a):
        ranges = [lambda y: (0, a * y), (0, 1)]
        return (
            si.nquad(lambda x, y: np.sqrt(x + y), ranges, opts={"limit": 3})[1],
            si.dblquad(lambda y, x: np.exp(-a * x * y), 0, 1, 0, 1)[1],
            si.quad_vec(lambda t: np.array([np.exp(-a * t), t]), 0, 1)[1],
        )

    found = autodiff.function(errors, engine=engine, on_fallback="error")
    for a in (1.1, 1.2):
        assert found(a) == pytest.approx(errors(a), rel=1e-3)


@ENGINES
@pytest.mark.parametrize("cls", [float, np.float32, np.float16, np.float64, np.int64])
def test_integrals_of_arrays_have_the_type_of_the_integrand(engine, cls):
    def integrals(a):
        whole = si.quad_vec(lambda t: np.array([t * a, a]).astype(cls), 0, 1)[0]
        return whole, si.quad_vec(lambda t: cls(t * a), 0, 1)[0]

    found = autodiff.function(integrals, engine=engine, on_fallback="error")(1.5)
    for one, wanted in zip(found, integrals(1.5), strict=True):
        assert type(one) is type(wanted)
        assert np.asarray(one).dtype == np.asarray(wanted).dtype
        assert np.allclose(one, wanted, rtol=1e-3)


@ENGINES
def test_integrals_of_arrays_of_any_size(engine):
    slope = autodiff.gradient(
        lambda w: np.sum(si.quad_vec(lambda t: np.exp(-w * t), 0, np.inf)[0]), engine=engine
    )
    for n in (2, 3, 4):
        w = np.arange(1.0, n + 1)
        assert np.allclose(slope(w), -1 / w**2, rtol=1e-9)
    assert len(slope.cache) <= 2


def _passes(t, a):
    count = 0
    while t < a:
        t, count = t + 0.5, count + 1
    return float(count)


def _below(t, v):
    return sum(1.0 if t < x else 0.0 for x in v)


JUMPS = {
    "a branch": lambda a: si.quad(lambda t: 1.0 if t < a else 0.0, 0, 2, points=[0.7])[0],
    "where": lambda a: si.quad(lambda t: np.where(a * t < 0.5, 2.0, t), 0, 2, points=[0.7])[0],
    "rounding": lambda a: si.quad(lambda t: np.floor(t + a), 0, 2, points=[0.3, 1.3])[0],
    "a disc": lambda a: si.nquad(
        lambda y, x: 1.0 if x * x + y * y < a else 0.0, [(0, 2), (0, 2)], opts={"limit": 1}
    )[0],
    "elements": lambda a: si.quad_vec(lambda t: np.array([t, np.sign(t - a)]), 0, 2)[0][1],
    "the number of passes": lambda a: si.quad(_passes, 0, 2, args=(a,), points=[0.2, 0.7])[0],
    "passes of any number": lambda a: si.quad(
        _below, 0, 2, args=(np.linspace(0.1, 0.3, int(10 * a)) * a,)
    )[0],
}


@ENGINES
@pytest.mark.parametrize("name", JUMPS)
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_a_jump_of_the_integrand_that_moves_is_an_error(engine, name):
    for way in (autodiff.gradient, autodiff.jacobian):
        with pytest.raises(autodiff.DerivativeError) as caught:
            way(JUMPS[name], engine=engine)(0.7)
        first, *_ = str(caught.value).split("\n")
        assert first.startswith("AD305: scipy.integrate.")
        assert "the integrand or its derivative jumps, and what is differentiated" in first
        assert "test_integrals.py, line" in str(caught.value)


@ENGINES
def test_a_jump_that_stays_and_a_kink_are_no_hindrance(engine):
    def f(a):
        stays = si.quad(lambda t: a * t if t < 0.7 else 1.0, 0, 2, points=[0.7])[0]
        return stays + si.quad(lambda t: abs(t - a) if a > 0 else 0.0, 0, 2, points=[a])[0]

    assert autodiff.gradient(f, engine=engine)(0.8) == pytest.approx(0.245 + 0.8 - 1.2)


@ENGINES
def test_ends_of_a_singular_weight_and_poles_have_no_derivative(engine):
    ends = "AD301: scipy.integrate.quad with weight='alg' has a derivative by what its integrand reads, not by its limits."
    pole = "AD301: scipy.integrate.quad with weight='cauchy' has a derivative by what its integrand reads, not by its wvar."
    for f, text in (
        (lambda a: weighted(lambda t: t, 0, a, "alg", (0.5, 0.0)), ends),
        (lambda a: weighted(lambda t: t, 0, 1, "cauchy", a), pole),
    ):
        assert autodiff.function(f, engine=engine)(0.6) == pytest.approx(f(0.6))
        for way in (autodiff.gradient, autodiff.jacobian):
            with pytest.raises(autodiff.DerivativeError) as caught:
                way(f, engine=engine)(0.6)
            assert str(caught.value).split("\n")[0] == text


@ENGINES
def test_what_an_integrand_raises_is_raised(engine):
    def f(a):
        def g(y, x):
            if x > 0.5:
                raise ValueError(f"no value at {x > 1}")
            return a * y

        return si.dblquad(g, 0, 1, 0, 1)[0]

    for way in (autodiff.function, autodiff.gradient):
        with pytest.raises(ValueError, match="no value at False"):
            way(f, engine=engine)(1.0)


def test_a_density_that_underflows_does_not_jump() -> None:
    """Where it becomes 0 a comparison changes, but what it decides is 0 beside the rest of the integrand."""

    def f(c):
        return si.quad(lambda x: special.entr(np.exp(-c * x * x)), -np.inf, np.inf)[0]

    # √(π/c) / 2
    np.testing.assert_allclose(autodiff.gradient(f)(2.0), -np.sqrt(np.pi) / 4 * 2.0**-1.5, 1e-8)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_a_slope_that_fades_faster_than_its_factors_overflow_is_0_there() -> None:
    def f(c):
        return si.quad(lambda x: np.exp(1 - np.exp(c * x * x)), 0.0, 50.0)[0]

    with np.errstate(all="ignore"):
        value, slope = autodiff.jvp(f, (1.0,), (1.0,))
        assert value == f(1.0)
        for found in (slope, autodiff.gradient(f)(1.0)):  # f(c) is f(1) / sqrt(c)
            assert found == pytest.approx(-0.5 * value, rel=1e-9)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")  # SciPy meets NaN first
def test_a_derivative_that_is_not_a_number_is_refused() -> None:
    def f(c):
        return si.quad(lambda x: x * np.power(-2.0, 2.0 * c), 0.0, 1.0)[0]

    with np.errstate(all="ignore"), pytest.raises(DerivativeError, match="AD305.*not a number"):
        autodiff.jvp(f, (1.0,), (1.0,))


# -- without Python ------------------------------------------------------------------------------------
def of_arrays(a):
    """What the integrand reads are numbers of several types, and arrays."""
    powers, single, whole = np.array([1.0, 2.0, 3.0]), np.float32(0.5), 3
    return si.quad(lambda t: np.sum(np.sin(a * t) ** powers) * single * whole, 0, 1)[0]


def nested(a):
    return si.dblquad(lambda y, x: np.exp(-a * x * y), 0, 1, 0, lambda x: 1 + x)[0]


@pytest.mark.parametrize("f", [of_arrays, nested, with_options, gaussian, complex_integral])
def test_native_integrands_are_called_without_python(f, monkeypatch):
    def by_python(*args):
        raise AssertionError("Python was asked")

    monkeypatch.setattr("autodiff.ops.integrals._by_python", by_python)
    if f is not complex_integral:
        # A kink that stays in place decides nothing: its derivatives are looked at by Python.
        slope = autodiff.gradient(f) if f is not with_options else lambda a: None
        slope(1.3)
    compiled = autodiff.function(f)
    for a in (1.3, 0.7):
        assert compiled(a) == pytest.approx(f(a), rel=1e-13)


@pytest.mark.parametrize("engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)])
def test_where_an_integrand_fails_python_is_asked(engine):
    def raising(a):
        def integrand(t):
            if t > 0.7:
                raise ValueError(f"{t:.3f} is too large")
            return a * t

        return si.quad(integrand, 0, 1)[0]

    def divided(a):
        return si.quad(lambda t: a / (t - 0.5), 0, 1)[0]

    def endless(a):
        return si.quad(lambda t: a / t, 0, 1)[0]

    for f, error in ((raising, ValueError), (divided, ZeroDivisionError)):
        with pytest.raises(error) as expected:
            f(1.3)
        with pytest.raises(error) as caught:
            autodiff.function(f, engine=engine)(1.3)
        assert str(caught.value).split("\n")[0] == str(expected.value)
    with pytest.warns(si.IntegrationWarning):
        expected_value = endless(1.3)
    with pytest.warns(si.IntegrationWarning) as told:
        assert autodiff.function(endless, engine=engine)(1.3) == pytest.approx(expected_value)
    assert [w.filename for w in told] == [__file__]


def test_a_message_of_an_integral_is_scipys():
    def message(a):
        return si.quad(lambda t: a / t, 0, 1, full_output=True)[3]

    with pytest.warns(autodiff.FallbackWarning):
        assert autodiff.function(message)(1.3) == message(1.3)


def test_an_integral_inside_of_itself():
    """Of one integrand two integrals are under way at a time."""

    def f(a, depth):
        def integrand(t):
            return a * t + (f(a, depth - 1) if depth else 0.0)

        return si.quad(integrand, 0, 1)[0]

    assert autodiff.gradient(f, wrt="a")(1.3, 3) == pytest.approx(2.0)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("weight", ["sin", "cos"])
def test_fourier_integrals_whose_derivative_does_not_decay_are_refused(engine, weight):
    def f(power):
        return lambda w: si.quad(lambda t: t**-power, 1, np.inf, weight=weight, wvar=w)[0]

    slope = autodiff.gradient(f(2.0), engine=engine)(1.3)
    assert slope == pytest.approx((f(2.0)(1.3001) - f(2.0)(1.2999)) / 2e-4, rel=1e-5)
    with pytest.raises(autodiff.DerivativeError, match="AD305: .*does not tend to 0"):
        autodiff.gradient(f(1.0), engine=engine)(1.3)
    with pytest.raises(autodiff.DerivativeError, match="AD305: .*does not tend to 0"):
        autodiff.jvp(f(1.0), (1.3,), (1.0,), engine=engine)


NOT_A_NUMBER = {
    "everywhere": (lambda c: si.quad(lambda x: np.log(-c * x - 1.0), 0.0, 1.0)[0], 1.0),
    "in a part": (lambda c: si.quad(lambda x: np.sqrt(x - c), 0.0, 1.0)[0], 0.3),
    "at one place": (lambda c: si.quad(lambda x: np.where(x == 0.5, np.nan, c * x), 0.0, 1.0)[0], 1.0),
    "to infinity": (lambda c: si.quad(lambda x: np.exp(-c * x) * np.sqrt(2.0 - x), 0.0, np.inf)[0], 1.0),
    "by its limit": (lambda c: si.quad(lambda x: np.sqrt(x - 0.3), 0.0, c)[0], 1.0),
    "by a parameter": (lambda c: si.quad(lambda x: c * x, 0.0, 1.0)[0], np.nan),
    "of a vector": (lambda c: si.quad_vec(lambda x: np.sqrt(x - c) * np.ones(2), 0.0, 1.0)[0][1], 0.3),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_A_NUMBER)
def test_an_integral_that_is_not_a_number_has_derivatives_that_are_none(name: str) -> None:
    f, c = NOT_A_NUMBER[name]
    assert np.isnan(f(c))
    assert np.isnan(autodiff.value_and_gradient(f)(c)).all()
    assert np.isnan(autodiff.jvp(f, (c,), (1.0,))).all()
    assert np.isnan(autodiff.gradient(autodiff.gradient(f))(c))
