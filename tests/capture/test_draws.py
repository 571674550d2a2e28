"""Random draws with traced parameters: NumPy's own numbers, derivatives by parameters of every kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import autodiff
from autodiff.capture import draws
from tests.ops.support import ENGINES, differences

A, B = np.array([0.7, 2.5, 13.0]), np.array([1.3, 0.4, 5.0])
ROW = np.array([0.2, -0.4, 1.1])

# Functions of draws that do not depend on the parameters: differences of the draw itself are right.
PATHS: dict[str, Callable[..., Any]] = {
    "normal": lambda r, a, b: r.normal(a, b),
    "uniform": lambda r, a, b: r.uniform(a, a + b),
    "exponential": lambda r, a, b: r.exponential(a),
    "rayleigh": lambda r, a, b: r.rayleigh(a, size=(2, 3)),
    "lognormal": lambda r, a, b: r.lognormal(0.1 * a, b),
    "weibull": lambda r, a, b: r.weibull(a),
    "pareto": lambda r, a, b: r.pareto(a + 2),
    "power": lambda r, a, b: r.power(a),
    "triangular": lambda r, a, b: r.triangular(-a, 0.1 * b, a + b),
    "laplace": lambda r, a, b: r.laplace(a, b),
    "logistic": lambda r, a, b: r.logistic(a, b),
    "gumbel": lambda r, a, b: r.gumbel(a, b),
    "multivariate_normal": lambda r, a, b: r.multivariate_normal(a, np.diag(b) + 0.1, size=2),
    "choice": lambda r, a, b: r.choice(a * b, 5),
    "choice by probabilities": lambda r, a, b: b * r.choice(a, 3, p=(1 + 1e-9 * a) / np.sum(1 + 1e-9 * a)),
    "choice of places": lambda r, a, b: b * r.choice(3, (2, 3), p=(1 + 1e-9 * a) / np.sum(1 + 1e-9 * a)),
    "one choice": lambda r, a, b: b * r.choice(7, p=np.append(1e-9 * a, np.ones(4) / 4) / (1 + 1e-9 * np.sum(a))),
    "permutation": lambda r, a, b: r.permutation(a * b),
    "poisson": lambda r, a, b: r.poisson(3.0 + 1e-9 * a) * b,
    "binomial": lambda r, a, b: r.binomial(5, 0.4 + 1e-9 * a) * b,
    "negative_binomial": lambda r, a, b: r.negative_binomial(5, 0.4 + 1e-9 * a) * b,
    "geometric": lambda r, a, b: r.geometric(0.4 + 1e-9 * a) * b,
    "zipf": lambda r, a, b: r.zipf(2.5 + 1e-9 * a) * b,
    "logseries": lambda r, a, b: r.logseries(0.4 + 1e-9 * a) * b,
    "one number": lambda r, a, b: r.normal(a[0], b[0]) * r.poisson(2.0 + 1e-9 * a[0]),
}  # fmt: skip

# Drawn by accepting and rejecting: (a draw, its probability, its quantile) with parameters a and b.
IMPLICIT: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "gamma": (
        lambda r, a, b: r.gamma(a, b),
        lambda v, a, b: stats.gamma.cdf(v / b, a),
        lambda q, a, b: stats.gamma.ppf(q, a) * b,
    ),
    "chisquare": (
        lambda r, a, b: r.chisquare(a),
        lambda v, a, b: stats.chi2.cdf(v, a),
        lambda q, a, b: stats.chi2.ppf(q, a),
    ),
    "beta": (
        lambda r, a, b: r.beta(a, b),
        lambda v, a, b: stats.beta.cdf(v, a, b),
        lambda q, a, b: stats.beta.ppf(q, a, b),
    ),
    "f": (
        lambda r, a, b: r.f(a + 1, b + 1),
        lambda v, a, b: stats.f.cdf(v, a + 1, b + 1),
        lambda q, a, b: stats.f.ppf(q, a + 1, b + 1),
    ),
    "standard_t": (
        lambda r, a, b: r.standard_t(a + 1),
        lambda v, a, b: stats.t.cdf(v, a + 1),
        lambda q, a, b: stats.t.ppf(q, a + 1),
    ),
    "wald": (
        lambda r, a, b: r.wald(a, b),
        lambda v, a, b: stats.invgauss.cdf(v, a / b, scale=b),
        lambda q, a, b: stats.invgauss.ppf(q, a / b, scale=b),
    ),
    "noncentral_chisquare": (
        lambda r, a, b: r.noncentral_chisquare(a + 1, b),
        lambda v, a, b: stats.ncx2.cdf(v, a + 1, b),
        lambda q, a, b: stats.ncx2.ppf(q, a + 1, b),
    ),
    "noncentral_f": (
        lambda r, a, b: r.noncentral_f(a + 1, b + 2, b),
        lambda v, a, b: stats.ncf.cdf(v, a + 1, b + 2, b),
        lambda q, a, b: stats.ncf.ppf(q, a + 1, b + 2, b),
    ),
    "vonmises": (
        lambda r, a, b: r.vonmises(0.0, b),
        lambda v, a, b: stats.vonmises.cdf(v, b),
        lambda q, a, b: stats.vonmises.ppf(q, b),
    ),
}
GENERATORS: dict[str, Callable[[], Any]] = {
    "Generator": lambda: np.random.default_rng(3),
    "RandomState": lambda: np.random.RandomState(3),
}
_SAMPLE = ("triangular", "multivariate_normal", "gamma", "poisson")
names = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in _SAMPLE else pytest.mark.slow) for n in [*PATHS, *IMPLICIT]]
)  # fmt: skip
kinds = pytest.mark.parametrize("kind", GENERATORS)


def draw_of(name: str) -> Callable[..., Any]:
    return PATHS[name] if name in PATHS else IMPLICIT[name][0]


@kinds
@names
def test_the_numbers_are_numpys_own(name: str, kind: str) -> None:
    """Also the state of the generator after the draw, at a second call with other parameters."""
    draw = draw_of(name)
    for engine in ENGINES:
        generator, other = GENERATORS[kind](), GENERATORS[kind]()
        f = autodiff.function(lambda a, b: draw(generator, a, b), engine=engine)  # noqa: B023
        for a, b in ((A, B), (A + 0.5, 2 * B)):
            found, wanted = f(a, b), draw(other, a, b)
            assert type(found) is type(wanted)
            np.testing.assert_allclose(found, wanted, 1e-13, 1e-15)
        assert generator.normal() == other.normal()


@kinds
@names
def test_derivatives(name: str, kind: str) -> None:
    draw = draw_of(name)
    generator = GENERATORS[kind]()
    state = generator.bit_generator.state if kind == "Generator" else generator.get_state()

    def again() -> None:
        if kind == "Generator":
            generator.bit_generator.state = state
        else:
            generator.set_state(state)

    def number(a: Any, b: Any) -> Any:
        return np.sum(np.sin(draw(generator, a, b)) * ROW)

    if name in IMPLICIT:
        _, probability, quantile = IMPLICIT[name]
        q = probability(draw(generator, A, B), A, B)
        plain = lambda a, b: float(np.sum(np.sin(quantile(q, a, b)) * ROW))
    else:
        plain = number
        if name in ("rayleigh", "multivariate_normal", "choice", "choice of places", "one number"):
            number = lambda a, b: np.sum(np.sin(draw(generator, a, b)))
            plain = number

    def seeded(f: Callable[..., Any], *args: Any) -> Any:
        again()
        return f(*args)

    da, db = np.array([0.3, -0.2, 0.5]), np.array([-0.1, 0.2, 0.4])
    gradient = autodiff.gradient(number, wrt=(0, 1))
    (slope,) = differences(lambda t: [np.asarray(seeded(plain, A + t * da, B + t * db))], 1e-3)
    by_a, by_b = seeded(gradient, A, B)
    np.testing.assert_allclose(np.sum(by_a * da) + np.sum(by_b * db), slope, 1e-5, 1e-7)
    product = autodiff.hessian_vector(number, wrt=(0, 1), engine="numpy")
    (bend,) = differences(
        lambda t: [np.concatenate(seeded(gradient, A + t * da, B + t * db))], 1e-3
    )
    found = seeded(lambda a, b: product(a, b, _tensors=(da, db)), A, B)
    if name not in IMPLICIT:
        np.testing.assert_allclose(np.concatenate(found), bend, 1e-5, 1e-6)
    assert np.all(np.isfinite(np.concatenate(found)))


@pytest.mark.parametrize("name", ["gamma", "beta", "wald"])
def test_second_derivatives_are_those_of_the_quantile(name: str) -> None:
    draw, probability, quantile = IMPLICIT[name]
    generator = np.random.default_rng(3)
    state = generator.bit_generator.state
    q = probability(draw(generator, A, B), A, B)
    product = autodiff.hessian_vector(lambda a: np.sum(draw(generator, a, B)), engine="numpy")
    generator.bit_generator.state = state
    found = product(A, _tensors=np.ones(3))
    step = 1e-3
    shifted = [quantile(q, A + k * step, B) for k in (-1, 0, 1)]
    wanted = (shifted[0] - 2 * shifted[1] + shifted[2]) / step**2
    np.testing.assert_allclose(found, wanted, 1e-3, 1e-4)


@pytest.mark.parametrize("call", [
    lambda r, t: r.normal(0.0, -t), lambda r, t: r.exponential(-t), lambda r, t: r.gamma(1.0, -t),
    lambda r, t: r.poisson(-t), lambda r, t: r.triangular(t, 0.0, 1.0), lambda r, t: r.beta(-t, 1.0),
])  # fmt: skip
def test_parameters_that_numpy_refuses(call: Callable[..., Any]) -> None:
    generator, other = np.random.default_rng(3), np.random.default_rng(3)
    f = autodiff.function(lambda t: call(generator, t))
    with pytest.raises(ValueError) as wanted:
        call(other, 2.0)
    with pytest.raises(ValueError, match=str(wanted.value).split(",")[0][:20]):
        f(2.0)
    assert generator.normal() == other.normal()


# NumPy reads its parameters in double precision, and looks at the sign of a zero.
OF_TYPES: list[tuple[Any, ...]] = [
    (np.float32(1.7), np.float32(2.3)), (np.float16(1.7), 2.0), (np.array([1.1, 2.2], np.float32), 1.25),
    (np.array([1, 2]), 3.0), (np.int8(1), np.uint8(2)), (1.5, np.float32(2.1)), (True, True),
    (-0.0, -0.0), (0.0, 0.0), (1.5, -0.0), (np.array([0.5, -0.0]), 1.0), (np.nan, 1.0), (-1.0, 0.5),
]  # fmt: skip


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("name", [*draws.STANDARD, *draws.SMOOTH, "gamma", "chisquare"])
def test_parameters_are_read_as_numpy_reads_them(name: str, make: Callable[..., Any]) -> None:
    count = len(COMPOSED[name] if name in COMPOSED else LISTED[name])

    def f(a: Any, b: Any, r: Any) -> Any:
        return getattr(r, name)(*(a, b, b + 1)[:count])

    def outcome(run: Any, given: Any) -> Any:
        try:
            found = run(*given, make(3))
        except (ValueError, OverflowError) as error:
            return str(error)
        return type(found), np.asarray(found).dtype, repr(np.round(found, 14))

    compiled = autodiff.function(f, engine="numpy")
    for given in OF_TYPES:
        assert outcome(compiled, given) == outcome(f, given), given


def test_the_old_generators_choose_from_vectors_alone() -> None:
    for owner in (np.random, np.random.RandomState(3)):
        compiled = autodiff.function(lambda x, r=owner: r.choice(x))
        assert compiled(np.array([2.0, 2.0])) == 2.0
        with pytest.raises(ValueError, match="a must be 1-dimensional"):
            compiled(np.eye(2))


def test_a_scale_of_zero() -> None:
    generator = np.random.default_rng(3)
    value, slope = autodiff.value_and_gradient(lambda t: generator.gamma(2.0, t))(0.0)
    assert value == 0.0 and slope == np.random.default_rng(3).gamma(2.0)


# -- draws of branches -------------------------------------------------------------------------------
def drawn_if(x):
    return x * np.random.normal() if x > 0 else 0.0


def drawn_or_int(x):
    return x * np.random.normal() if x > 0 else 0


def drawn_by_either(x):
    if x > 0:
        z = np.random.normal() if x > 0.5 else np.random.random()
        return x * z
    return x


def drawn_often(x):
    if x > 0:
        return x * np.random.normal() * np.random.uniform() + x * np.random.gamma(2.0)
    return x


def drawn_array(x):
    return np.sum(x * np.random.normal(size=3)) if x > 0 else x


def drawn_in_a_loop(x):
    total = 0.0
    for k in range(40):
        if x > k - 20:
            total += x * np.random.normal()
    return total


def drawn_in_the_loop_of_a_branch(x):
    total = 0.0
    if x > 0:
        for _ in range(60):
            total += x * np.random.normal()
    return total


def drawn_in_an_inner_while(x):
    total = 0.0
    for k in range(3):
        j = 0
        while j < x * k:
            total += x * np.random.normal()
            j += 1
    return total


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "f",
    [
        drawn_if, drawn_or_int, drawn_by_either, drawn_often, drawn_array, drawn_in_a_loop,
        drawn_in_the_loop_of_a_branch, drawn_in_an_inner_while,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_what_a_branch_draws_is_drawn_once(f, engine) -> None:
    # Each function is x times what was drawn: then so is its derivative times x.
    both = autodiff.value_and_gradient(f, engine=engine)
    within = autodiff.function(lambda x: autodiff.value_and_gradient(f)(x), engine=engine)
    for x in (1.0, 0.25):
        for run in (both, within, lambda x: autodiff.jvp(f, (x,), (1.0,), engine=engine)):
            np.random.seed(3)
            value, slope = run(x)
            after = np.random.random()
            np.random.seed(3)
            assert value == pytest.approx(f(x)) and value == pytest.approx(slope * x)
            assert after == np.random.random()


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_permuted_elements_keep_their_derivatives(axis: int | None) -> None:
    """``Generator.permuted`` draws as many numbers for places as for elements of the same size."""
    x = np.arange(12.0).reshape(3, 4)
    weights = np.cos(x)
    for engine in ENGINES:
        generator, other, third = (np.random.default_rng(5) for _ in range(3))
        f = autodiff.function(lambda x: generator.permuted(x, axis=axis), engine=engine)  # noqa: B023
        g = autodiff.gradient(
            lambda x: np.sum(third.permuted(x, axis=axis) * weights), engine=engine
        )  # noqa: B023
        found = f(x)
        np.testing.assert_array_equal(found, other.permuted(x, axis=axis))
        assert generator.normal() == other.normal()
        slope = g(x)
        np.testing.assert_allclose(slope.ravel()[found.astype(int)], weights)


# -- parameters that are lists ----------------------------------------------------------------------
VALID = {
    "low": 0.5,
    "left": 0.1,
    "mode": 0.2,
    "p": 0.4,
    "n": 5,
    "ngood": 5,
    "nbad": 6,
    "nsample": 3,
}
COMPOSED = {"gamma": ("shape", "scale"), "chisquare": ("df",), "dirichlet": ("alpha",)}
LISTED = {
    **{name: rule.names for name, rule in (draws.STANDARD | draws.SMOOTH).items()},
    **draws.DISCRETE,
    **COMPOSED,
}


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("name", LISTED)
def test_parameters_may_be_lists(name: str, make: Callable[..., Any]) -> None:
    names = LISTED[name]
    kinds: list[Callable[..., Any]] = [
        lambda v, s: [v * s, v],
        lambda v, s: (v * s, v * s),
    ]
    for place in range(len(names)):
        for kind in kinds:

            def f(s: Any, r: Any, place: int = place, kind: Any = kind) -> Any:
                given = [VALID.get(n, 2.0 + k) for k, n in enumerate(names)]
                given = [v * s if k == (place + 1) % len(names) else v for k, v in enumerate(given)]
                given[place] = kind(VALID.get(names[place], 2.0 + place), s)
                return getattr(r, name)(*given)

            compiled = autodiff.function(f, engine="numpy", on_fallback="error")
            s = 1 if name in ("binomial", "hypergeometric") else 1.0  # of integers
            found, expected = compiled(s, make(3)), f(s, make(3))
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_derivatives_by_items_of_lists(engine: str) -> None:
    def f(s: Any, r: Any) -> Any:
        total: Any = r.normal(s, [s, 2 * s]).sum() + r.uniform(s, [3.0, 4.0])[1]
        return total + np.sum(r.exponential([1.0, s * s]))

    slope, h = autodiff.gradient(f, wrt="s", engine=engine), 1e-6
    f_of = lambda s: f(s, np.random.default_rng(2))  # noqa: E731
    expected = (f_of(1.5 + h) - f_of(1.5 - h)) / (2 * h)
    np.testing.assert_allclose(slope(1.5, np.random.default_rng(2)), expected, rtol=1e-7)
