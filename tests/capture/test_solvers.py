"""SciPy's root finders and integrators in captured code: values as SciPy's, derivatives as in the books."""

import functools
import warnings

import numpy as np
import pytest
import scipy.integrate as si
import scipy.optimize as so

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
WEIGHTS = np.array([1.0, 2.0, 3.0])


class Spring:
    """What a method of it reads is found anew at each call."""

    def __init__(self, stiffness):
        self.stiffness = stiffness

    def force(self, z):
        return z * self.stiffness - np.cos(z)


SPRING = Spring(2.0)


# Each entry: a function of a number, and a number.
def by_bracket(find):
    return lambda a: find(lambda z: z**3 - a, 0.0, 5.0)


def captures_an_array(a):
    return so.brentq(lambda z: np.sum(WEIGHTS * z) - np.exp(-z) - a, -5, 5)


def by_further_arguments(a):
    return so.brentq(lambda z, p, q: z**3 - p * q, 0, 5, args=(a, a + 1))


def by_one_further_argument(a):
    return so.fsolve(lambda z, p: z**3 - p, 1.0, args=a)[0]


def with_a_branch(a):
    def g(z):
        if z > 1:
            return z * z - a
        return z - a

    return so.brentq(g, 0, 5)


def with_a_loop(a):
    def g(z):
        total = -a
        for k in range(1, 6):
            total += z**k / k
        return total

    return so.bisect(g, 0, 5)


def in_a_loop(a):
    total = 0.0
    for k in range(4):
        total += so.brentq(lambda z: z**2 - a - k - total, 0, 10)
    return total


def in_a_while_loop(a):
    total = a
    while total < 10:
        total += si.quad(lambda t: np.exp(-a * t) + total, 0, 1)[0]
    return total


def on_a_branch(a):
    if a > 1:
        return so.brentq(lambda z: z * z - a, 0, 5)
    return si.quad(lambda t: t * a, 0, 1)[0]


def by_a_method(a):
    return a * so.newton(SPRING.force, 0.5) + so.newton(lambda z: SPRING.force(z) - a, 0.5)


def with_its_report(a):
    zero, report = so.brentq(lambda z: z**2 - a, 0, 5, full_output=True)
    return zero if report.converged else zero * report.iterations


def with_all_of_fsolve(a):
    x, information, flag, message = so.fsolve(lambda z: z**2 - a, 1.0, full_output=True)
    return x[0] * flag + information["fvec"][0] * len(message)


def by_a_system(a):
    def equations(z):
        return [z[0] ** 2 + z[1] - a, z[1] - a * z[0]]

    return so.fsolve(equations, [1.0, 1.0])[0] + np.sum(so.root(equations, [1.0, 1.0]).x)


def with_a_jacobian(a):
    found = so.root(lambda z: z**3 + a * z - 3.0, np.ones(2), jac=lambda z: np.diag(3 * z**2 + a))
    return found.x[0] * found.x[1] if found.success else 0.0


def by_levenberg_and_marquardt(a):
    return np.sum(so.root(lambda z: z**3 + a * z - 3.0, np.ones(2), method="lm").x)


def from_many_starts(a):
    def equations(z):
        return z**3 - np.array([[2.0, 3.0], [4.0, 5.0]]) * a

    def slopes(z):
        return 3 * z**2

    starts = np.full((2, 2), 1.5)
    return so.newton(equations, starts)[0, 1] + np.sum(so.newton(equations, starts, fprime=slopes))


def with_a_jacobian_beside(a):
    def system(z):
        return z**3 + a * z - 3.0, np.diag(3 * z**2 + a)

    def number(z):
        return z**3 - a, 3 * z**2

    def more(z):
        return z**3 - a, 3 * z**2, 6 * z

    found = so.root(system, np.ones(2), jac=True).x[1] + so.root(system, [2.0], jac=True).x[0]
    found = found + so.root_scalar(number, x0=1.0, fprime=True).root
    return found + so.root_scalar(more, x0=1.0, fprime=True, fprime2=True).root


def at_rest(a):
    """Fixed points of a number, of arrays, and one by plain iteration."""
    x = so.fixed_point(lambda z: np.cos(a * z) / 2, 0.5, xtol=1e-13)
    y = so.fixed_point(lambda z, c: np.sqrt(c / (z + a)), np.full((2, 2), 1.2), args=(WEIGHTS[:2],))
    return x * np.sum(y) + so.fixed_point(lambda z: np.exp(-a * z / 2), 0.5, method="iteration")


def at_rest_alone(a):
    return so.fixed_point(lambda z: np.cos(a * z) / 2, 0.5, xtol=1e-13)


def by_large_methods(a):
    def equations(z):
        return z + 0.1 * z[::-1] ** 2 - a * np.array([0.7, 1.3])

    total = so.newton_krylov(equations, np.ones(2), f_tol=1e-13)[0]
    for find in (so.broyden1, so.broyden2, so.diagbroyden):
        total = total + np.sum(find(equations, np.ones(2), f_tol=1e-13))
    return total


def of_a_root_of_a_root(a):
    return so.brentq(lambda b: si.quad(lambda t: np.exp(-a * t), 0, b)[0] - 0.3, 0, 5)


def of_a_gradient(a):
    return so.brentq(lambda z: autodiff.gradient(lambda u: u**4 - a * u)(z), 0, 5)


def of_the_gradient_of_a_root(a):
    def slope(b):
        return autodiff.gradient(lambda c: so.brentq(lambda y: y * y - c, 0, 9))(b)

    return so.brentq(lambda z: z - slope(a), 0, 5)


def of_a_partial(a):
    return si.quad(functools.partial(lambda p, t: p * t, a), 0, a)[0]


ROOTS = {
    "brentq": (by_bracket(so.brentq), 2.0),
    "brenth": (by_bracket(so.brenth), 2.0),
    "bisect": (by_bracket(so.bisect), 2.0),
    "ridder": (by_bracket(so.ridder), 2.0),
    "toms748": (by_bracket(so.toms748), 2.0),
    "newton": (lambda a: so.newton(lambda z: z**2 - a, 1.0), 2.0),
    "newton with slope": (lambda a: so.newton(lambda z: z**2 - a, 1.0, lambda z: 2 * z), 2.0),
    "newton with curvature": (
        lambda a: so.newton(lambda z: z**2 - a, 1.0, lambda z: 2 * z, fprime2=lambda z: 2.0),
        2.0,
    ),
    "root_scalar": (lambda a: so.root_scalar(lambda z: z**2 - a, bracket=[0, 3]).root, 2.0),
    "root_scalar of a method": (
        lambda a: so.root_scalar(lambda z: z**2 - a, bracket=(0, 3), method="ridder").root,
        2.0,
    ),
    "root_scalar from a start": (lambda a: so.root_scalar(lambda z: z**2 - a, x0=a).root, 2.0),
    "root_scalar with slope": (
        lambda a: so.root_scalar(lambda z: z**2 - a, x0=1.0, fprime=lambda z: 2 * z).root,
        2.0,
    ),
    "a bracket that moves": (lambda a: so.brentq(lambda z: z**2 - a, 0, a + 1), 2.0),
    "options that move": (lambda a: so.brentq(lambda z: z**2 - a, 0, 5, xtol=a * 1e-14), 2.0),
    "fsolve of a number": (lambda a: so.fsolve(lambda z: z**3 - a, 1.0)[0], 2.0),
    **{
        f.__name__: (f, a)
        for f, a in (
            (captures_an_array, 1.0), (by_further_arguments, 1.0), (by_one_further_argument, 2.0),
            (with_a_branch, 2.0), (with_a_loop, 2.0), (in_a_loop, 2.0), (on_a_branch, 2.0),
            (by_a_method, 0.7), (with_its_report, 2.0), (with_all_of_fsolve, 2.0),
            (by_a_system, 3.0), (with_a_jacobian, 2.0), (by_levenberg_and_marquardt, 2.0),
            (of_a_root_of_a_root, 1.2), (of_a_gradient, 2.0), (of_the_gradient_of_a_root, 2.0),
            (from_many_starts, 1.2), (with_a_jacobian_beside, 1.3), (at_rest, 0.8), (at_rest_alone, 0.8),
            (by_large_methods, 0.9),
        )
    },
}  # fmt: skip


def many_at_once(a):
    """Zeros from an array of starts, with all that is told of them."""
    found = so.newton(
        lambda z, b: z**3 + b * z - 1.0, np.array([0.5, 0.6]), args=(np.array([a, 2 * a]),),
        full_output=True,
    )  # fmt: skip
    return found.root[0] * found.root[1] + (0.0 if np.all(found.converged) else np.nan)


ROOTS["many at once"] = (many_at_once, 1.3)
INTEGRALS = {
    "by a parameter": (lambda a: si.quad(lambda t: np.exp(-a * t), 0, 1)[0], 1.3),
    "by its limits": (lambda a: si.quad(lambda t: np.cos(t * t), -a, a**2)[0], 1.3),
    "by everything": (lambda a: si.quad(lambda t: np.exp(-a * t * t), a, 3 * a)[0], 0.7),
    "backwards": (lambda a: si.quad(lambda t: np.exp(-a * t), a, 0)[0], 1.3),
    "of a library's function": (lambda a: si.quad(np.cos, 0, a)[0], 1.3),
    "to infinity": (lambda a: si.quad(lambda t: np.exp(-a * t), a, np.inf)[0], 1.3),
    "from infinity": (lambda a: si.quad(lambda t: np.exp(a * t), -np.inf, a)[0], 0.4),
    "over the line": (lambda a: si.quad(lambda t: np.exp(-a * t * t), -np.inf, np.inf)[0], 1.3),
    "with arguments": (
        lambda a: si.quad(lambda t, p, q: t**3 - p * q, a, 2, args=(a, 3.0))[0],
        1.0,
    ),
    "with one argument": (lambda a: si.quad(lambda t, p: t * p, 0, 2, args=a)[0], 1.0),
    "with break points": (
        lambda a: si.quad(lambda t: abs(t - 0.3) ** a, 0, 1, points=[0.3], limit=100)[0],
        2.5,
    ),
    "the error's estimate": (lambda a: sum(si.quad(lambda t: t * a, 0, 1)), 1.3),
    "of an integral": (
        lambda a: si.quad(lambda x: si.quad(lambda y: np.exp(-a * x * y), 0, x)[0], 0, 1)[0],
        1.3,
    ),
    "by hand in a partial": (of_a_partial, 1.3),
    "in a while loop": (in_a_while_loop, 1.2),
    "constant": (lambda a: a * si.quad(np.cos, 0, 1)[0] * so.brentq(lambda z: z - 2.0, 0, 5), 1.0),
}
CALLS = {**ROOTS, **INTEGRALS}
LONG = {
    "at_rest_alone",
    "from_many_starts",
    "with_a_jacobian_beside",
    "at_rest",
    "by_large_methods",
}
SECOND = [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in CALLS]
# Results whose texts tell which of several criteria was met: a program for each text.
PROGRAMS = {"by_levenberg_and_marquardt": 2}


def difference(f, x, step=1e-4):
    """The derivative by five points."""
    near = f(x + step) - f(x - step)
    return (8 * near - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


@pytest.mark.native_one_in(3)
@ENGINES
@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_scipy_and_new_ones_compile_nothing(engine, name):
    f, a = CALLS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for k in range(6):
        x = a * (1 + 0.01 * k)
        found, right = compiled(x), f(x)
        assert type(found) is type(right)
        assert abs(found - right) <= 4e-15 * abs(right)
    assert len(compiled.cache) <= PROGRAMS.get(name, 1)


@pytest.mark.native_one_in(3)
@ENGINES
@pytest.mark.parametrize("name", CALLS)
def test_derivatives_in_both_modes_are_those_of_differences(engine, name):
    f, a = CALLS[name]
    slope = autodiff.gradient(f, engine=engine)
    assert np.isclose(slope(a), difference(f, a), rtol=1e-7, atol=1e-9)
    value, forward = autodiff.jvp(autodiff.function(f, engine=engine), (a,), (2.0,))
    assert np.isclose(value, f(a), rtol=1e-14)
    assert np.isclose(forward, 2 * slope(a), rtol=1e-12, atol=1e-14)
    for k in range(1, 4):
        slope(a * (1 + 0.01 * k))
    assert len(slope.cache) <= PROGRAMS.get(name, 1)


@pytest.mark.native_one_in(3)
@ENGINES
@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives_are_those_of_differences_of_the_first(engine, name):
    f, a = CALLS[name]
    curvature = autodiff.hessian(f, engine=engine)(a)
    expected = difference(autodiff.gradient(f, engine=engine), a)
    assert np.isclose(curvature, expected, rtol=1e-6, atol=1e-8)
    found = autodiff.hessian_vector(f, engine=engine)(a, _tensors=1.0)
    assert np.isclose(found, curvature, rtol=1e-10, atol=1e-12)


@ENGINES
def test_closed_forms(engine):
    cube_root = autodiff.gradient(lambda a: so.brentq(lambda z: z**3 - a, 0, 5), engine=engine)
    assert np.isclose(cube_root(2.0), 2 ** (-2 / 3) / 3, rtol=1e-14)
    exponential = autodiff.value_and_gradient(
        lambda a, b: si.quad(lambda t: np.exp(-a * t), 0, b)[0], engine=engine
    )
    value, (by_rate, by_limit) = exponential(1.0, 1.0)
    assert np.isclose(value, 1 - 1 / np.e, rtol=1e-14)
    assert np.isclose(by_rate, 2 / np.e - 1, rtol=1e-13)
    assert np.isclose(by_limit, 1 / np.e, rtol=1e-14)


def of_arrays(w):
    return so.brentq(lambda z: np.sum(w * z) - np.exp(-z) - 1.0, -5, 5)


def integral_of_arrays(w):
    return si.quad(lambda t: np.sum(np.exp(-w * t)), 0, np.inf)[0]


def system_of_any_size(w):
    return np.sum(so.fsolve(lambda z: z**3 + z - w + 0.1 * np.sum(z), np.zeros(len(w))) ** 2)


def from_a_start_that_moves(w):
    return np.sum(so.root(lambda z: z**3 + z - w, w + 1, tol=1e-12).x ** 2)


def in_a_loop_over_items(w):
    total = 0.0
    for k in autodiff.checkpoint(range(len(w))):
        total += so.brentq(lambda z: z + np.exp(z) - w[k] * (1 + total), -10, 10)
    return total


@ENGINES
@pytest.mark.parametrize(
    "f",
    [
        of_arrays,
        integral_of_arrays,
        system_of_any_size,
        from_a_start_that_moves,
        in_a_loop_over_items,
    ],
)
def test_arrays_of_any_size_are_read(engine, f):
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine)
    for n in (3, 4, 5, 6):
        w = np.arange(1.0, 1.0 + n)
        assert np.isclose(compiled(w), f(w), rtol=1e-14)
        autodiff.check_gradient(f, w, engine=engine)
        numeric = [
            difference(lambda y, k=k: f(np.r_[w[:k], y, w[k + 1 :]]), w[k]) for k in range(n)
        ]
        assert np.allclose(slope(w), numeric, rtol=1e-5, atol=1e-7)
    assert len(compiled.cache) == len(slope.cache) == 2


@ENGINES
def test_what_the_function_reads_is_read_at_every_call(engine):
    compiled = autodiff.function(by_a_method, engine=engine)
    before = compiled(0.7)
    SPRING.stiffness = 3.0
    try:
        assert compiled(0.7) == by_a_method(0.7) != before
    finally:
        SPRING.stiffness = 2.0


# -- what cannot be solved ----------------------------------------------------------------------------------
def no_change_of_sign(a):
    return so.brentq(lambda z: z**2 + a, 0, 5)


def too_few_iterations(a):
    return so.brentq(lambda z: z**3 - a, 0, 5, maxiter=3)


def raised_inside(a):
    def g(z):
        if z > 4:
            raise KeyError("big")
        return z * z - a

    return so.brentq(g, 0, 5)


def divided_by_zero(a):
    return so.brentq(lambda z: 1 / (z - a), 0, 5)


def no_interval(a):
    return si.quad(lambda t: a * t, 0, 1, limit=-1)[0]


def raised_in_an_integrand(a):
    def g(t):
        if t > 0.5:
            raise LookupError("far")
        return t * a

    return si.quad(g, 0, 1)[0]


def raised_in_a_system(a):
    def g(z):
        if z[0] > 1.2:
            raise ArithmeticError("far")
        return z**2 - a

    return so.fsolve(g, [1.0])[0]


RAISING = [
    no_change_of_sign, too_few_iterations, raised_inside, divided_by_zero, no_interval,
    raised_in_an_integrand, raised_in_a_system,
]  # fmt: skip


@ENGINES
@pytest.mark.parametrize("f", RAISING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", [autodiff.function, autodiff.gradient])
def test_exceptions_are_those_of_the_plain_call(engine, f, way):
    with pytest.raises(Exception) as plain:  # noqa: B017, PT011 - whatever it is
        f(2.0)
    with pytest.raises(type(plain.value)) as caught:
        way(f, engine=engine)(2.0)
    assert type(caught.value) is type(plain.value)
    assert str(caught.value) == str(plain.value)


@ENGINES
def test_an_exception_of_a_solver_can_be_caught(engine):
    def f(a):
        try:
            return so.brentq(lambda z: z * z - a, 0, 5)
        except ValueError:
            return -a

    assert autodiff.function(f, engine=engine)(-2.0) == 2.0
    assert np.isclose(autodiff.gradient(f, engine=engine)(-2.0), -1.0)
    assert np.isclose(autodiff.gradient(f, engine=engine)(4.0), 0.25)


NOT_SOLVED = {
    "brentq": lambda a: so.brentq(lambda z: z**3 - a, 0, 5, maxiter=3, disp=False),
    "root_scalar": lambda a: so.root_scalar(lambda z: z**3 - a, bracket=[0, 5], maxiter=3).root,
    "newton": lambda a: so.newton(lambda z: z**2 + a, 1.0, maxiter=5, disp=False),
    "fsolve": lambda a: so.fsolve(lambda z: z**2 + a, 1.0)[0],
    "root": lambda a: so.root(lambda z: z**2 + a, [1.0]).x[0],
    "toms748": lambda a: so.toms748(lambda z: np.divide(1.0, z - a), 0, 5, maxiter=200),
    "bisect": lambda a: so.bisect(lambda z: z - a + (1.0 if z > a else -1.0), 0, 5),
}


@ENGINES
@pytest.mark.parametrize("name", NOT_SOLVED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_derivative_where_nothing_is_solved_says_so(engine, name):
    f = NOT_SOLVED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RuntimeWarning)
        assert np.isclose(autodiff.function(f, engine=engine)(2.1), f(2.1), rtol=1e-12)
    with pytest.warns(autodiff.errors.NoSolutionWarning) as caught:
        autodiff.gradient(f, engine=engine)(2.1)
    text = str(caught[-1].message)
    assert text.startswith(f"scipy.optimize.{name} (") and "test_solvers.py, line " in text
    assert "the derivative of what it returns is meaningless" in text
    assert caught[-1].filename == __file__


IN_UNITS = {  # functions of a number and a unit, whose derivative has no unit
    "fsolve": lambda a, unit: so.fsolve(lambda z: [z[0] ** 2 - a * unit**2, z[1] * z[0] - unit], [unit, 2.0])
    @ [1 / unit, 1.0],
    "curve_fit": lambda a, unit: so.curve_fit(
        lambda t, size, rate: size * np.exp(-rate * t),
        WEIGHTS / unit,
        a * np.exp(-a * WEIGHTS),
        [1.0, unit],
        method="lm",
    )[0]
    @ [1.0, 1 / unit],
    "minimize": lambda a, unit: so.minimize(
        lambda z: np.exp(z[0] / unit) - a * z[0] / unit + (z[1] - z[0] / unit) ** 2,
        [unit, 1.0],
        method="Nelder-Mead",
        options={"xatol": 1e-12 * unit},
    ).x
    @ [1 / unit, 1.0],
}  # fmt: skip


@pytest.mark.parametrize("unit", [1e-5, 1e9])
@pytest.mark.parametrize("name", IN_UNITS)
def test_unknowns_may_be_in_different_units(name, unit):
    """A rate of 1e9 beside an amplitude of 1 makes no system singular."""
    one, other = (
        autodiff.gradient(IN_UNITS[name], wrt="a", engine="numpy")(1.3, u) for u in (1.0, unit)
    )
    assert np.isclose(one, other, rtol=1e-3)


SINGULAR = {
    "brentq": (lambda a: so.brentq(lambda z: z**3 - a, -1, 1), 0.0),
    "brentq beside it": (lambda a: so.brentq(lambda z: z**3 - a + 1.0, -1, 2), 1.0),
    "newton": (lambda a: so.newton(lambda z: (z - 1) ** 2 + a, 3.0), 0.0),
    "fsolve": (
        lambda a: so.fsolve(lambda z: [z[0] + z[1] - a, 2 * z[0] + 2 * z[1] - 2 * a], [1.0, 1.0])[
            0
        ],
        1.0,
    ),
    "a step": (lambda a: so.brentq(lambda z: np.where(z < a, -1.0, 1.0), 0, 5), 2.0),
}


@ENGINES
@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_zero_that_does_not_move_smoothly_has_no_derivative(engine, name):
    f, a = SINGULAR[name]
    assert np.isclose(autodiff.function(f, engine=engine)(a), f(a), rtol=1e-9, atol=1e-9)
    for way in (autodiff.gradient, autodiff.jacobian):
        with pytest.raises(autodiff.DerivativeError) as caught:
            way(f, engine=engine)(a)
        first, *_ = str(caught.value).split("\n")
        assert first.startswith("AD305: scipy.optimize.")
        assert first.endswith(
            "has no derivative here: at the solution, the derivative of the function by its "
            "unknown is singular."
        )
        assert "test_solvers.py, line " in str(caught.value)


# -- what keeps its ordinary way -----------------------------------------------------------------------------
SEEN: list[float] = []


def counts(a):
    calls = 0

    def g(z):
        nonlocal calls
        calls += 1
        return z * z - a

    return so.brentq(g, 0, 5) * calls


def notes(a):
    SEEN.clear()

    def g(z):
        SEEN.append(float(z))
        return z * z - a

    return so.brentq(g, 0, 5) + 0.0 * len(SEEN)


def remembers(a):
    last = {}

    def g(z):
        last["z"] = z
        return z * z - a

    so.brentq(g, 0, 5)
    return last["z"]


OUT_OF_REACH = [counts, notes, remembers]


@ENGINES
@pytest.mark.parametrize("f", OUT_OF_REACH, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_is_out_of_reach_has_its_value_and_no_derivative(engine, f):
    assert np.isclose(autodiff.function(f, engine=engine)(2.0), f(2.0), rtol=1e-14)
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(f, engine=engine)(2.0)
    assert str(caught.value).startswith("AD302: scipy.")


@ENGINES
def test_results_beside_the_solution_have_no_derivative(engine):
    def f(a):
        return np.sum(so.root(lambda z: z**2 - a, [1.0]).fjac) + a

    expected = "AD301: scipy.optimize.root has a derivative by its solution, not by its 'fjac'."
    for derivative in (
        lambda: autodiff.gradient(f, engine=engine)(2.0),
        lambda: autodiff.jvp(autodiff.function(f, engine=engine), (2.0,), (1.0,)),
    ):
        with pytest.raises(autodiff.DerivativeError) as caught:
            derivative()
        assert str(caught.value).split("\n")[0] == expected
    residual = autodiff.gradient(
        lambda a: so.root(lambda z: z**2 - a, [1.0]).fun[0] + a, engine=engine
    )
    assert residual(2.0) == 1.0


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_results_that_are_returned_whole_are_those_of_scipy(engine):
    for f in (
        lambda a: so.root_scalar(lambda z: z**2 - a, bracket=[0, 5]),
        lambda a: so.root(lambda z: z**2 - a, [1.0]),
    ):
        found, right = autodiff.function(f, engine=engine)(2.0), f(2.0)
        assert type(found) is type(right) and list(found) == list(right)
        assert str(found) == str(right)


@ENGINES
def test_warnings_of_scipy_arise_on_the_users_line(engine):
    def f(a):
        return si.quad(lambda t: a / t, 0, 1)[0]

    with pytest.warns(si.IntegrationWarning) as caught:
        autodiff.function(f, engine=engine)(2.0)
    assert caught[0].filename == __file__
    assert caught[0].lineno == f.__code__.co_firstlineno + 1


# Sums and products alone, which are rounded everywhere alike.
def reaction(z, p):
    return np.array([z[0] * z[0] + p[0] * z[1] - 2.0, z[1] * z[1] * z[1] - p[1] * z[0]])


def parts(result):
    x, found, status, _ = result
    return (x, *(found[k] for k in ("nfev", "fvec", "fjac", "r", "qtf")), status)


def names(result):
    return tuple(result[k] for k in ("x", "nfev", "fun", "fjac", "r", "qtf", "status", "success"))


WAYS_OF_MINPACK = {
    "fsolve": lambda p: (so.fsolve(reaction, [1.0, 1.0], args=(p,)),),
    "with all": lambda p: parts(so.fsolve(reaction, [1, 1], args=(p,), full_output=True)),
    "options": lambda p: (so.fsolve(reaction, [1, 1], (p,), xtol=1e-3, factor=10, epsfcn=1e-8),),
    "few calls": lambda p: parts(so.fsolve(reaction, [1, 1], (p,), maxfev=7, full_output=True)),
    "root": lambda p: names(so.root(reaction, [1, 1], args=(p,))),
    "tolerance": lambda p: names(so.root(reaction, [1, 1], args=(p,), tol=1e-4)),
    "named": lambda p: names(so.root(reaction, [1, 1], (p,), "hybr", options={"xtol": 1e-4})),
}


@pytest.mark.filterwarnings("ignore:The iteration is not making good progress:RuntimeWarning")
@pytest.mark.parametrize("way", WAYS_OF_MINPACK)
def test_systems_are_solved_as_scipy_does_without_its_python(way, monkeypatch):
    f = WAYS_OF_MINPACK[way]
    compiled, random = autodiff.function(f), np.random.default_rng(5)
    compiled(random.normal(size=2))
    asked = []
    hybr = so._minpack_py._root_hybr
    for _ in range(12):
        p = random.normal(size=2) * random.choice([0.1, 1.0, 5.0])
        want = f(p)
        with monkeypatch.context() as patched:
            patched.setattr(
                so._minpack_py, "_root_hybr", lambda *a, **k: (asked.append(p), hybr(*a, **k))[1]
            )
            found = compiled(p)
        for x, y in zip(found, want, strict=True):
            np.testing.assert_array_equal(x, y)
    if way == "fsolve":
        assert len(asked) < 6  # where no zero was found, for SciPy's warning
