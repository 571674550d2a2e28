"""SciPy's global searches in captured code: SciPy's minima, derivatives of the point where the gradient vanishes."""

import numpy as np
import pytest
import scipy.optimize as so

import autodiff
from autodiff.errors import DerivativeError, FallbackWarning

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
BOX = [(-2.0, 3.0), (-2.0, 3.0)]


def valley(z, a):
    """A bowl with ripples, of which the least minimum is near (a, a**2)."""
    bowl = (z[0] - a) ** 2 + (z[1] - a**2) ** 2 + 0.1 * z[0] * z[1]
    return bowl + 0.05 * np.sin(7 * z[0]) ** 2


def by(name, **options):
    def found(a):
        return getattr(so, name)(lambda z: valley(z, a), BOX, **options).x[1]

    return found


def hopping(a):
    start = np.array([0.3, 0.4])
    how = {"method": "BFGS", "options": {"gtol": 1e-9}}
    found = so.basinhopping(lambda z: valley(z, a), start, niter=3, minimizer_kwargs=how, rng=1)
    return found.x[0] * found.fun


def in_a_loop(a):
    total = 0.0
    for k in range(3):
        total = total + so.shgo(lambda z, b: valley(z, b), BOX, args=(a + 0.1 * k,)).x[0]
    return total


def held_by_a_bound(a):
    box = so.Bounds([-2.0, -2.0], [3.0, 0.5])
    return so.differential_evolution(valley, box, args=(a,), seed=3, tol=1e-8).x[0]


def on_a_grid(a):
    return so.brute(valley, ((-2.0, 3.0), slice(-2, 3, 0.5)), args=(a,), Ns=6)[1]


def by_sequential_squares(a):
    return so.fmin_slsqp(
        lambda z, b: (z[0] - b) ** 2 + (z[1] - 1) ** 2 + z[2] ** 2 + z[2] * z[0],
        [0.1, 0.2, 0.3],
        eqcons=[lambda z, b: z[0] + z[1] - b * b],
        f_ieqcons=lambda z, b: np.array([z[2] - 0.1 * b, 5.0 - z[1]]),
        args=(a,),
        iprint=0,
        acc=1e-12,
    )[0]


def by_linear_models(a):
    return so.fmin_cobyla(
        lambda z, b: (z[0] - b) ** 2 + (z[1] - b * b) ** 2,
        [0.1, 0.2],
        lambda z, b: b - z[0] - z[1],
        args=(a,),
        rhoend=1e-8,
    )[1]


SEARCHES = {
    "differential_evolution": by("differential_evolution", rng=1, tol=1e-9),
    "dual_annealing": by("dual_annealing", rng=1, maxiter=30),
    "direct": by("direct", eps=1e-6, maxiter=2000),
    "shgo": by("shgo"),
    "hopping": hopping,
    "in_a_loop": in_a_loop,
    "held_by_a_bound": held_by_a_bound,
    "on_a_grid": on_a_grid,
    "by_sequential_squares": by_sequential_squares,
    "by_linear_models": by_linear_models,
}
FAST = ("shgo", "by_sequential_squares", "by_linear_models")
names = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in SEARCHES]


@ENGINES
@pytest.mark.parametrize("name", names)
def test_minima_are_those_of_scipy_and_move_with_the_objective(name, engine):
    f = SEARCHES[name]
    for a in (1.1, 1.2):
        assert autodiff.function(f, engine=engine)(a) == pytest.approx(
            f(a), rel=1e-10
        )  # differences of differences
    step = 3e-2 if name in ("direct", "by_linear_models", "on_a_grid") else 1e-2
    slope = (8 * (f(1.1 + step) - f(1.1 - step)) - f(1.1 + 2 * step) + f(1.1 - 2 * step)) / (12 * step)  # fmt: skip
    gradient = autodiff.gradient(f, engine=engine)
    assert gradient(1.1) == pytest.approx(slope, rel=2e-3)
    assert autodiff.jvp(f, (1.1,), (2.0,), engine=engine)[1] == pytest.approx(2 * gradient(1.1), rel=1e-7)  # fmt: skip
    bend = (gradient(1.1 + 1e-3) - gradient(1.1 - 1e-3)) / 2e-3
    second = autodiff.hessian_vector(f, engine=engine)(1.1, _tensors=1.0)
    assert second == pytest.approx(bend, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("options", [{}, {"rng": np.random.default_rng(1)}])
def test_a_generator_from_outside_is_drawn_from_once_a_call(options):
    def f(a):
        return so.dual_annealing(lambda z: (z[0] - a) ** 2, [(-2, 2)], maxiter=3, **options).x[0]

    with pytest.warns(FallbackWarning):
        np.random.seed(3)
        found = autodiff.function(f)(0.5), np.random.random()
    np.random.seed(3)
    if not options:
        assert found == (f(0.5), np.random.random())
    with pytest.warns(FallbackWarning), pytest.raises(DerivativeError) as caught:
        autodiff.gradient(f)(0.5)
    assert str(caught.value).startswith(
        "AD302: scipy.optimize.dual_annealing has no derivative by what the function it calls reads: "
        "a search whose generator is not made of a whole number (rng=1)."
    )


def test_a_search_for_a_bracket_says_why_it_has_no_derivative():
    with pytest.raises(DerivativeError) as caught:
        autodiff.gradient(lambda a: so.bracket(lambda z: (z - a) ** 2)[1])(1.0)
    assert str(caught.value).startswith(
        "AD302: scipy.optimize.bracket has its value alone, and no derivative: it is the result of a "
        "search that compares values."
    )


@pytest.mark.parametrize("search", ["differential_evolution", "shgo", "direct"])
def test_a_search_everywhere_in_a_loop(search):
    how = {"rng": 1} if search == "differential_evolution" else {}

    def f(p):
        total = 0.0
        for k in range(3):
            total = (
                total + getattr(so, search)(lambda z: (z[0] - p * k) ** 2, [(-1, 4)], **how).x[0]
            )
        return total

    assert np.isclose(autodiff.function(f, engine="numpy")(1.3), f(1.3), rtol=1e-12)
    slope = autodiff.vmap(autodiff.gradient(f, engine="numpy"))(np.array([1.3]))
    np.testing.assert_allclose(slope, [3.0], rtol=1e-6)
