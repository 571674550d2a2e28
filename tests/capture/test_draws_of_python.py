"""Draws of Python's module ``random`` whose parameters have derivatives."""

import random

import pytest

import autodiff
from tests.capture.support import ENGINES

DRAWS = {
    "gauss": lambda r, x: r.gauss(x, 0.3) + r.gauss(1.0, x) + r.gauss(sigma=x),
    "normalvariate": lambda r, x: r.normalvariate(x, x * x),
    "uniform": lambda r, x: r.uniform(x, 3.0) * r.uniform(-1.0, b=x),
    "expovariate": lambda r, x: r.expovariate(x) * x * x,
    "lognormvariate": lambda r, x: r.lognormvariate(x, 0.1 * x),
    "weibullvariate": lambda r, x: r.weibullvariate(x, 1.5) + r.weibullvariate(2.0, x),
    "paretovariate": lambda r, x: r.paretovariate(x),
}


def own(draw):
    def f(x, r):
        total = draw(r, x)
        for _ in range(10):
            total = 0.5 * total + draw(r, x)
        return total + r.random()

    return f


def seeded(draw):
    return lambda x: draw(random.Random(5), x)


def everybodys(draw):
    return lambda x: draw(random, x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_that_of_plain_python_and_has_its_derivative(name, engine) -> None:
    f = own(DRAWS[name])
    compiled = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, wrt=0, engine=engine)
    for x, seed in ((0.7, 1), (0.7, 2), (1.5, 1)):
        mine, plain = random.Random(seed), random.Random(seed)
        assert compiled(x, mine) == pytest.approx(f(x, plain), rel=1e-13)
        assert mine.getstate() == plain.getstate()
        low, high = (f(x + step, random.Random(seed)) for step in (-1e-6, 1e-6))
        slope = (high - low) / 2e-6
        assert gradient(x, random.Random(seed)) == pytest.approx(slope, rel=1e-6)
        primals, tangents = (x, random.Random(seed)), (1.0,)
        _, tangent = autodiff.jvp(f, primals, tangents, wrt=0, engine=engine)
        assert tangent == pytest.approx(slope, rel=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DRAWS)
def test_from_a_seed_made_inside_and_from_everybodys_generator(name, engine) -> None:
    f, g = seeded(DRAWS[name]), everybodys(DRAWS[name])
    for x in (0.7, 1.5):
        assert autodiff.function(f, engine=engine)(x) == pytest.approx(f(x), rel=1e-13)
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert autodiff.gradient(f, engine=engine)(x) == pytest.approx(slope, rel=1e-6)
        random.seed(7)
        found = autodiff.function(g, engine=engine)(x)
        random.seed(7)
        expected = g(x)
        assert type(found) is type(expected)
        assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["gammavariate", "betavariate"])
def test_a_draw_that_rejects_is_one_of_its_distribution_function(name, engine) -> None:
    """The derivative is that of NumPy's draw, at the same number."""
    from scipy import stats

    def f(x, r):
        return getattr(r, name)(x, 2.0 * x)

    def quantile(x, p):
        return (
            stats.gamma.ppf(p, x, scale=2.0 * x) if name[0] == "g" else stats.beta.ppf(p, x, 2 * x)
        )

    compiled, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt=0, engine=engine),
    )
    for x, seed in ((0.7, 1), (1.5, 2), (2.5, 3)):
        z = f(x, random.Random(seed))
        assert compiled(x, random.Random(seed)) == z
        p = stats.gamma.cdf(z, x, scale=2.0 * x) if name[0] == "g" else stats.beta.cdf(z, x, 2 * x)
        slope = (quantile(x + 1e-5, p) - quantile(x - 1e-5, p)) / 2e-5
        assert gradient(x, random.Random(seed)) == pytest.approx(slope, rel=1e-5)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["expovariate", "weibullvariate", "paretovariate", "gammavariate"])
def test_errors_are_those_of_plain_python(name, engine) -> None:
    def f(x, r):
        return getattr(r, name)(x) if name[0] in "ep" else getattr(r, name)(1.0, x) + r.random()

    def told(call, r):
        try:
            return call(0.0, r), r.getstate()
        except (ZeroDivisionError, ValueError) as error:
            return type(error), str(error), r.getstate()

    compiled = autodiff.function(f, engine=engine)
    compiled(1.5, random.Random(1))
    assert told(compiled, random.Random(1)) == told(f, random.Random(1))
