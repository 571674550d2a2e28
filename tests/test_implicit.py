"""``autodiff.implicit``: a solver of the user's own, and the residual that says how its solution moves."""

import numpy as np
import pytest
import scipy.optimize as so

import autodiff
from autodiff import implicit

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


def heron(p):
    x = 1.0
    while abs(x * x - p) > 1e-13:
        x = (x + p / x) / 2
    return x


square_root = implicit(heron, lambda x, p: x * x - p)
linear = implicit(lambda a, b: np.linalg.solve(a, b), lambda x, a, b: a @ x - b)
elementwise = implicit(lambda w: np.sqrt(w), lambda x, w: x * x - w)
pair = implicit(
    lambda p: {"a": 2 * p, "b": np.array([p, p**3])},
    lambda s, p: {"a": s["a"] - 2 * p, "b": s["b"] - np.array([s["a"] / 2, p**3])},
)
two = implicit(lambda p: (p * p, p), lambda s, p: [s[0] - p * p, s[1] - p])
by_name = implicit(lambda p, *, scale: p / scale, lambda x, p, *, scale: scale * x - p)
# Its search is out of sight, and runs as plain Python.
out_of_sight = implicit(
    lambda p: so.brute(lambda z: (z[0] - p) ** 2, [(0, 4)])[0], lambda x, p: 2 * (x - p)
)


class Plant:
    """A steady state, whose equation reads attributes."""

    def __init__(self, rate):
        self.rate = rate

    def settle(self, feed):
        return np.sqrt(feed / self.rate)

    def balance(self, x, feed):
        return self.rate * x * x - feed


def of_a_closure(p):
    return implicit(lambda: heron(p), lambda x: x * x - p)() * p


def in_a_loop(p):
    total = 0.0
    for k in range(1, 4):
        total = total + square_root(p * k)
    return total


def in_a_branch(p):
    return square_root(p) if p > 1 else 3 * square_root(p)


def of_an_attribute(p):
    plant = Plant(p)
    return implicit(plant.settle, plant.balance)(3.0)


def of_itself(p):
    return square_root(square_root(p))


MATRIX = np.array([[2.0, 1.0, 0.5], [0.3, 1.5, 0.2], [0.0, 0.4, 1.0]])
# Each entry: a function of a number, and the same in closed form.
CALLS = {
    "a loop": (square_root, np.sqrt),
    "a closure": (of_a_closure, lambda p: p**1.5),
    "in a loop": (in_a_loop, lambda p: np.sqrt(p) * (1 + 2**0.5 + 3**0.5)),
    "in a branch": (in_a_branch, np.sqrt),
    "an attribute": (of_an_attribute, lambda p: np.sqrt(3.0 / p)),
    "of itself": (of_itself, lambda p: p**0.25),
    "a vector": (
        lambda p: linear(MATRIX * p, np.array([1.0, p, 2.0])).sum(),
        lambda p: np.linalg.solve(MATRIX, [1.0, p, 2.0]).sum() / p,
    ),
    "a matrix": (
        lambda p: elementwise(p * np.array([[1.0, 4.0], [9.0, 16.0]])).sum(),
        lambda p: 10 * np.sqrt(p),
    ),
    "a dict": (lambda p: pair(p)["a"] * pair(p)["b"][1], lambda p: 2 * p**4),
    "a tuple": (lambda p: two(p)[0] * two(p)[1], lambda p: p**3),
    "by name": (lambda p: by_name(p, scale=p**2), lambda p: 1 / p),
}


SAMPLE = {"a loop", "a vector", "a dict"}  # what the default run takes of the table
ROWS = [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.slow) for n in CALLS]


def difference(f, x, step=1e-3):
    near = f(x + step) - f(x - step)
    return (8 * near - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


@ENGINES
@pytest.mark.parametrize("name", ROWS)
def test_solutions_and_their_derivatives_are_those_of_closed_forms(engine, name):
    f, closed = CALLS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine)
    for x in (1.7, 1.8):
        assert compiled(x) == pytest.approx(f(x), rel=1e-15)
        assert slope(x) == pytest.approx(difference(closed, x), rel=1e-9)
        _, forward = autodiff.jvp(compiled, (x,), (2.0,))
        assert forward == pytest.approx(2 * slope(x), rel=1e-12)
    assert autodiff.hessian(f, engine=engine)(1.7) == pytest.approx(
        difference(lambda x: difference(closed, x), 1.7), rel=1e-5, abs=1e-8
    )
    assert len(compiled.cache) == len(slope.cache) == 1


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_a_search_out_of_sight_is_run_and_not_differentiated(engine):
    f = autodiff.value_and_gradient(lambda p: 3 * out_of_sight(p * p), engine=engine)
    value, slope = f(1.1)
    assert value == pytest.approx(3 * 1.21, abs=1e-3)
    assert slope == pytest.approx(6.6)


@ENGINES
def test_arrays_of_any_size_are_solved_for(engine):
    slope = autodiff.gradient(lambda w: np.sum(elementwise(w) ** 3), engine=engine)
    for n in (2, 3, 5, 6):
        w = np.arange(1.0, n + 1)
        assert np.allclose(slope(w), 1.5 * np.sqrt(w), rtol=1e-12)
    assert len(slope.cache) <= 2


def test_outside_of_a_differentiated_function_it_is_the_solver():
    assert square_root(9.0) == heron(9.0)
    assert square_root.__name__ == "heron"


@ENGINES
def test_a_point_that_is_no_solution_is_warned_of(engine):
    half = implicit(lambda p: 0.5 * p, lambda x, p: x * x - p)
    with pytest.warns(autodiff.errors.NoSolutionWarning) as caught:
        autodiff.gradient(lambda p: half(p), engine=engine)(2.0)
    text = str(caught[0].message)
    assert text.startswith("implicit(<lambda>, <lambda>) (") and "test_implicit.py, line" in text
    assert "stopped where the function is not zero (it is 1)" in text


@ENGINES
def test_a_singular_residual_is_an_error(engine):
    double = implicit(lambda p: np.sqrt(p), lambda x, p: (x * x - p) ** 2 + p - 2.0)
    flat = implicit(lambda p: np.array([p, p]), lambda x, p: (x[0] + x[1] - 2 * p) * np.ones(2))
    for f in (lambda p: double(p), lambda p: flat(p)[0]):
        with pytest.raises(autodiff.DerivativeError) as caught:
            autodiff.gradient(f, engine=engine)(2.0)
        first, *_ = str(caught.value).split("\n")
        assert first == (
            "AD305: implicit(<lambda>, <lambda>) has no derivative here: at the solution, the "
            "derivative of the function by its unknown is singular."
        )
        assert "test_implicit.py, line" in str(caught.value)


TURNED = np.array([[0.6, 0.8], [-0.8, 0.6]])


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("off", [1e-8, 1e-6])
@pytest.mark.parametrize("middle", [0.0, 1.0])
def test_a_double_root_of_a_system_is_an_error_and_a_simple_one_is_not(middle, off, scale):
    """However exactly it is found, and however unknowns are scaled."""

    def solved(p, power):
        def residual(x, p):
            y = TURNED.T @ (x / scale) - middle
            return np.array([y[0] ** power - (p - 1.0), y[1] - (p - 1.0)])

        far = off if power == 2 else 0.0
        return implicit(lambda p: scale * (TURNED @ np.array([middle + far, middle])), residual)(p)

    simple = autodiff.jacobian(lambda p: solved(p, 1), mode="forward", engine="numpy")(1.0)
    np.testing.assert_allclose(simple, scale * (TURNED @ np.ones(2)), rtol=1e-9)
    # At 0 nothing tells how far off is far: a warning, which is an error here.
    with pytest.raises((autodiff.DerivativeError, autodiff.errors.NoSolutionWarning)) as caught:
        autodiff.gradient(lambda p: solved(p, 2)[0], engine="numpy")(1.0)
    assert not middle or "is singular" in str(caught.value)


WRONG = {
    "too many equations": (
        lambda x, p: np.array([x, p]),
        lambda p: p,
        "AD202: the residual of implicit(<lambda>, <lambda>) has 2 elements where the solution has 1.",
    ),
    "no equation": (
        lambda x, p: None,
        lambda p: p,
        "AD101: the residual of implicit(<lambda>, <lambda>) gives None.",
    ),
    "a text": (
        lambda x, p: x,
        lambda p: "p",
        "AD101: the solver of implicit(<lambda>, <lambda>) gives a str, not an array or a number.",
    ),
    "an integer": (
        lambda x, p: x - p,
        lambda p: 3,
        "AD101: the solver of implicit(<lambda>, <lambda>) gives a int, not an array or a number.",
    ),
    "complex": (
        lambda x, p: x - p,
        lambda p: p * 1j,
        "AD101: the solver of implicit(<lambda>, <lambda>) gives a complex number, not a real one.",
    ),
}


@ENGINES
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(engine, name):
    residual, solve, text = WRONG[name]
    wrong = implicit(solve, residual)
    with pytest.raises(autodiff.AutodiffError) as caught:
        autodiff.gradient(lambda p: (wrong(p), p * p)[1], engine=engine)(1.5)
    first, *rest = str(caught.value).split("\n")
    assert first == text
    assert "test_implicit.py, line" in rest[0] and "Remedy: return" in rest[-1]


def test_it_takes_functions():
    with pytest.raises(TypeError) as caught:
        implicit(3.0, heron)
    assert str(caught.value) == (
        "AD101: implicit takes functions; solve is a float.\n"
        "  Remedy: pass implicit(solve, residual): x = solve(*args), residual(x, *args) is zero"
    )
