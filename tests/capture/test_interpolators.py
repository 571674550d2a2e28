"""SciPy's interpolators in captured code: values bit for bit, derivatives those of their ``nu``."""

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate as si
import scipy.optimize
import scipy.sparse.linalg

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
GENERATOR = np.random.default_rng(5)
X = np.sort(GENERATOR.uniform(0, 5, 9))
Y = np.cos(X) + X
COLUMNS = np.stack([Y, Y**2], 1)
AROUND, ROUND = np.append(X, 6.0), np.append(Y, Y[0])
# Inside, outside, at the places themselves and at the ends, and what is no number.
POINTS = np.concatenate([GENERATOR.uniform(-1, 6.5, 9), X[[0, 3, -1]], [np.nan]])
INSIDE = POINTS[(POINTS > X[0]) & (POINTS < X[-1])]

SPLINES = {
    "cubic": si.CubicSpline(X, Y),
    "natural, not beyond": si.CubicSpline(X, Y, bc_type="natural", extrapolate=False),
    "periodic": si.CubicSpline(AROUND, ROUND, bc_type="periodic"),
    "monotone": si.PchipInterpolator(X, Y),
    "Akima": si.Akima1DInterpolator(X, Y),
    "parabolas": si.PPoly(GENERATOR.normal(size=(3, 8)), X),
    "steps": si.PPoly(GENERATOR.normal(size=(1, 8)), X),
    "columns": si.CubicSpline(X, COLUMNS),
    "rows": si.CubicSpline(X, COLUMNS.T, axis=1),
    "B-spline": si.make_interp_spline(X, Y),
    "B-spline of degree 5": si.make_interp_spline(X, Y, k=5),
    "B-spline of degree 1": si.make_interp_spline(X, Y, k=1),
    "B-spline of rows": si.make_interp_spline(X, COLUMNS.T, axis=1),
    "periodic B-spline": si.make_interp_spline(AROUND, ROUND, bc_type="periodic"),
    "B-spline of steps": si.BSpline(np.arange(6.0), GENERATOR.normal(size=5), 0, extrapolate=False),
    "least squares": si.make_lsq_spline(X, Y, np.r_[[X[0]] * 4, X[4], [X[-1]] * 4]),
}
LINES = {
    **{
        kind: si.interp1d(X, Y, kind=kind, fill_value="extrapolate", bounds_error=False)
        for kind in ("linear", "nearest", "nearest-up", "cubic", "quadratic", "previous", "next")
    },
    "slinear": si.interp1d(X, Y, kind="slinear", bounds_error=False),
    "zero": si.interp1d(X, Y, kind="zero", bounds_error=False),
    "with fills": si.interp1d(X, Y, fill_value=(1.0, 2.0), bounds_error=False),
    "line of rows": si.interp1d(X, COLUMNS.T, bounds_error=False),
    "unsorted": si.interp1d(X[::-1], Y[::-1], bounds_error=False),
}


def alike(found, right):
    return (
        type(found) is type(right)
        and found.dtype == right.dtype
        and np.array_equal(found, right, equal_nan=True)
    )


def close(found, right):
    """Equal but for a few roundings of terms as large as the largest."""
    size = np.nanmax(np.abs(right), initial=0.0)
    return np.allclose(found, right, rtol=1e-13, atol=1e-13 * size, equal_nan=True)


SLOW_BY_POINTS = ("B-spline of degree 5", "periodic B-spline", "least squares", "B-spline of rows")


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_polynomials_in_bernsteins_basis(degree, engine):
    """Up to the third degree with SciPy's bits; SciPy raises at orders above the next one."""
    c = np.cos(np.arange(8.0 * (degree + 1))).reshape(degree + 1, 8)
    for options in ({}, {"extrapolate": False}, {"extrapolate": "periodic"}):
        made = si.BPoly(c, X, **options)
        for nu in range(min(degree, 2) + 2):
            given = autodiff.function(lambda x, nu=nu, made=made: made(x, nu), engine=engine)
            found, right = given(POINTS), made(POINTS, nu)
            same = alike if degree < 4 and not nu else close
            assert same(found, right)


@pytest.mark.native_one_in(3)
@ENGINES
@pytest.mark.parametrize("name", [*SPLINES, *LINES])
def test_values_are_those_of_scipy(engine, name):
    spline = {**SPLINES, **LINES}[name]
    compiled = autodiff.function(lambda x: spline(x), engine=engine, on_fallback="error")
    for x in (POINTS, POINTS[:12].reshape(3, 4), POINTS[:0], 1.3, np.float64(4.2), 2):
        assert alike(compiled(x), spline(x))


@ENGINES
@pytest.mark.parametrize("name", SPLINES)
@pytest.mark.parametrize(
    "nu", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow), 7]
)
def test_derivatives_asked_for_are_those_of_scipy(engine, name, nu):
    spline = SPLINES[name]
    given = autodiff.function(lambda x: spline(x, nu), engine=engine, on_fallback="error")
    assert alike(given(POINTS), spline(POINTS, nu))
    for extrapolate in (True, False, "periodic") if nu == 1 else ():
        given = autodiff.function(lambda x, e=extrapolate: spline(x, nu, e), engine=engine)
        assert alike(given(POINTS), spline(POINTS, nu, extrapolate))
    try:
        right = spline.derivative(nu)(POINTS)
    except ValueError as error:
        with pytest.raises(ValueError) as caught:
            autodiff.function(lambda x: spline.derivative(nu)(x), engine=engine)(POINTS)
        assert str(caught.value) == str(error)
    else:
        made = autodiff.function(
            lambda x: spline.derivative(nu)(x), engine=engine, on_fallback="error"
        )
        # SciPy itself rounds differently in the two ways.
        found = made(POINTS)
        assert close(found, right) or alike(found, spline(POINTS, nu))


@ENGINES
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW_BY_POINTS else ())
        for name in SPLINES
    ],
)
def test_derivatives_by_the_points_are_those_of_scipy(engine, name):
    spline = SPLINES[name]

    def f(x):
        return np.sum(spline(x))

    slope, curvature = autodiff.gradient(f, engine=engine), autodiff.hessian(f, engine=engine)
    size = 1.0 + np.nanmax(np.abs(spline(X, 2)))
    for x in (*INSIDE[:3], -0.5, 5.8):
        if np.isnan(f(x)):  # of steps, which are flat wherever they are, it is 0
            assert np.isnan(slope(x)) or name == "B-spline of steps"
            continue
        first, second = np.sum(spline(x, 1)), np.sum(spline(x, 2))
        assert np.isclose(slope(x), first, rtol=1e-11, atol=1e-11 * size)
        assert np.isclose(curvature(x), second, rtol=1e-11, atol=1e-11 * size)
        found, forward = autodiff.jvp(autodiff.function(f, engine=engine), (x,), (2.0,))
        assert found == f(x)
        assert np.isclose(forward, 2 * first, rtol=1e-11, atol=1e-11 * size)


@ENGINES
@pytest.mark.parametrize("name", LINES)
def test_lines_have_the_slope_of_differences(engine, name):
    line = LINES[name]
    points = INSIDE[~np.isin(INSIDE, X)]
    autodiff.check_gradient(lambda x: np.sum(line(x) ** 2), points, engine=engine)


@ENGINES
def test_points_of_any_number_compile_nothing_and_in_a_loop_once(engine):
    spline = SPLINES["cubic"]
    compiled = autodiff.function(lambda x: spline(x), engine=engine)
    for n in (3, 4, 5, 6):
        assert alike(compiled(np.linspace(0, 5, n)), spline(np.linspace(0, 5, n)))
    assert len(compiled.cache) == 2

    def walk(x):
        total = 0.0
        for _ in range(50):
            total += spline(x + 0.01 * total)
        return total

    assert np.isclose(autodiff.function(walk, engine=engine)(1.0), walk(1.0), rtol=1e-14)
    autodiff.check_gradient(walk, 1.0, engine=engine)


@ENGINES
def test_an_interpolator_is_read_at_every_call(engine):
    for spline in (si.CubicSpline(X, Y), si.make_interp_spline(X, Y), si.interp1d(X, Y)):
        compiled = autodiff.function(lambda x, s=spline: s(x), engine=engine)
        before = compiled(2.0)
        if isinstance(spline, si.interp1d):
            spline._y[:] *= 2.0
        else:
            spline.c[:] *= 2.0
        assert compiled(2.0) == spline(2.0) != before


@ENGINES
def test_points_out_of_range_raise_as_in_scipy(engine):
    line = si.interp1d(X, Y)
    for way in (autodiff.function, autodiff.gradient):
        compiled = way(lambda x: np.sum(line(x)), engine=engine)
        compiled(2.0)
        with pytest.raises(ValueError, match="above the interpolation range's maximum"):
            compiled(9.0)


@ENGINES
def test_made_inside_of_constants(engine):
    def f(x):
        return si.CubicSpline([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 8.0, 27.0])(x) * 1.0

    assert np.isclose(autodiff.gradient(f, engine=engine)(1.5), 6.75, rtol=1e-14)
    assert np.isclose(autodiff.hessian(f, engine=engine)(1.5), 9.0, rtol=1e-13)


OF_DATA = {
    "fills of the data": lambda y, x: np.sum(
        si.interp1d(X, y, bounds_error=False, fill_value=(2 * y[0], 3 * y[-1]))(3 * x) ** 2
    ),
    "fills that are numbers": lambda y, x: np.sum(
        si.interp1d(X, y, "cubic", bounds_error=False, fill_value=(-1, 5.0))(3 * x) ** 2
    ),
    "cubic": lambda y, x: np.sum(si.CubicSpline(X, y)(x) ** 2),
    "natural": lambda y, x: np.sum(si.CubicSpline(X, y, bc_type="natural")(x, 1) ** 2),
    "clamped": lambda y, x: np.sum(si.CubicSpline(X, y, 0, "clamped").derivative()(x) ** 2),
    "given at the ends": lambda y, x: np.sum(
        si.CubicSpline(X, y, bc_type=((1, y[0] ** 2), (2, 0.3)))(x + y[0]) ** 2
    ),
    "given for columns": lambda y, x: np.sum(
        si.CubicSpline(X, np.stack([y, y**2], 1), bc_type=("natural", (1, y[:2])))(x, 1) ** 2
    ),
    "periodic": lambda y, x: np.sum(
        si.CubicSpline(AROUND, np.append(y, y[0]), bc_type="periodic")(3 * x) ** 2
    ),
    "periodic columns": lambda y, x: np.sum(
        si.CubicSpline(
            AROUND, np.stack([np.append(y, y[0])] * 2, 1), bc_type="periodic"
        ).derivative()(x)
        ** 2
    ),
    "periodic B-spline": lambda y, x: np.sum(
        si.make_interp_spline(AROUND, np.append(y, y[0]), k=5, bc_type="periodic")(3 * x) ** 2
    ),
    "goes around": lambda y, x: np.sum(si.CubicSpline(X, y, extrapolate="periodic")(2 * x) ** 2),
    "zeros": lambda y, x: np.sum(si.CubicSpline(X, y - 3).roots(extrapolate=False) ** 2),
    "where it has a value": lambda y, x: np.sum(
        si.PchipInterpolator(X, y + np.sin(3 * X)).solve(0.4 * y[3], extrapolate=False) ** 2
    ),
    "extrema": lambda y, x: np.sum(
        si.CubicSpline(X, y + 3 * np.sin(3 * X)).derivative().roots(extrapolate=False) ** 2
    ),
    "zeros that there are not": lambda y, x: np.sum(
        si.CubicSpline(X, y + 50).roots(extrapolate=False) + y[0]
    ),
    "B-spline": lambda y, x: np.sum(si.make_interp_spline(X, y, k=3)(x) ** 2),
    "B-spline of degree 5": lambda y, x: np.sum(si.make_interp_spline(X, y, 5)(x) ** 2),
    "slopes at the ends of a B-spline": lambda y, x: np.sum(
        si.make_interp_spline(X, y, bc_type=([(1, y[0])], [(2, SHAPES["slope"])]))(x) ** 2
    ),
    "two derivatives at an end of a B-spline": lambda y, x: np.sum(
        si.make_interp_spline(X, y, 5, bc_type=([(1, 0.2), (2, y[1])], [(1, y[2]), (2, 0.0)]))(x)
        ** 2
    ),
    "names of the ends of a B-spline": lambda y, x: np.sum(
        si.make_interp_spline(X, y, bc_type=("natural", "clamped"))(x) ** 2
    ),
    "columns": lambda y, x: np.sum(si.CubicSpline(X, np.stack([y, y**2], 1))(x) ** 2),
    "monotone": lambda y, x: np.sum(si.PchipInterpolator(X, y + np.sin(3 * X))(x) ** 2),
    "Akima": lambda y, x: np.sum(si.Akima1DInterpolator(X, y + np.sin(3 * X))(x) ** 2),
    "modified Akima": lambda y, x: np.sum(
        si.Akima1DInterpolator(X, y + np.sin(3 * X), method="makima")(0.99 * x, 1) ** 2
    ),
    "Hermite": lambda y, x: np.sum(si.CubicHermiteSpline(X, y, y**2)(x) ** 2),
    "least squares": lambda y, x: np.sum(si.make_lsq_spline(X, y, FEW, k=2)(x) ** 2),
    "smoothing": lambda y, x: np.sum(si.make_smoothing_spline(X, y, lam=0.1)(x) ** 2),
    "of FITPACK": lambda y, x: np.sum(si.InterpolatedUnivariateSpline(X, y, k=4)(x) ** 2),
    "without smoothing": lambda y, x: np.sum(si.UnivariateSpline(X, y, s=0, ext=1)(x, 1) ** 2),
    "least squares of FITPACK": lambda y, x: np.sum(
        si.LSQUnivariateSpline(X, y, [X[3], X[5]], k=2, ext="const")(x) ** 2
    ),
    "splrep": lambda y, x: np.sum(si.splev(x, si.splrep(X, y), der=1) ** 2),
    "splrep of knots": lambda y, x: np.sum(si.splev(x, si.splrep(X, y, t=[X[3], X[5]])) ** 2),
    "integral": lambda y, x: si.CubicSpline(X, y).integrate(x[0], x[1]) ** 2,
    "antiderivative": lambda y, x: np.sum(si.PchipInterpolator(X, y).antiderivative()(x) ** 2),
    "integral of a B-spline": lambda y, x: si.make_interp_spline(X, y, k=2).integrate(x[0], 9.0),
    "integral of FITPACK": lambda y, x: si.UnivariateSpline(X, y, s=0).integral(x[0], 9.0) ** 2,
    "splint": lambda y, x: si.splint(-1.0, x[1], si.splrep(X, y, k=5)) ** 2,
    "derivative of FITPACK": lambda y, x: np.sum(
        si.UnivariateSpline(X, y, s=0).derivative()(x) ** 2
    ),
    "along rows": lambda y, x: np.sum(si.CubicSpline(X, np.stack([y, y**2]), axis=1)(x) ** 2),
    "monotone rows": lambda y, x: np.sum(
        si.PchipInterpolator(X, np.stack([y, y + np.sin(3 * X)]), axis=1)(0.99 * x, 1) ** 2
    ),
    "Akima along the last of three": lambda y, x: np.sum(
        si.Akima1DInterpolator(X, np.stack([[y + np.sin(3 * X)] * 2] * 3), axis=-1)(
            0.9 * np.stack([x, x])
        )
        * np.arange(1.0, 4.0).reshape(3, 1, 1, 1)
    ),
    "Hermite rows": lambda y, x: np.sum(
        si.CubicHermiteSpline(X, np.stack([y, y**2]), np.stack([y**2, y]), axis=1)(x) ** 2
    ),
    "B-spline of rows": lambda y, x: np.sum(
        si.make_interp_spline(X, np.stack([y, y**2]), k=2, axis=1)(x) ** 2
    ),
    "least squares of rows": lambda y, x: np.sum(
        si.make_lsq_spline(X, np.stack([y, y**2]), FEW, k=2, axis=1)(x) ** 2
    ),
    "as an integrand": lambda y, x: scipy.integrate.quad(si.make_interp_spline(X, y), x[0], x[1])[
        0
    ],
    "as an equation": lambda y, x: scipy.optimize.brentq(
        si.PchipInterpolator(X, X**2 + np.sin(y) - 2.0 - 0.1 * x[0]), X[0], X[-1], xtol=1e-14
    ),
    "natural B-spline": lambda y, x: np.sum(si.make_interp_spline(X, y, bc_type="natural")(x) ** 2),
    "smoothing of rows": lambda y, x: np.sum(
        si.make_smoothing_spline(X, np.stack([y, y**2], 1), lam=0.1)(x) ** 2
    ),
    "smoothing by itself": lambda y, x: np.sum(
        si.make_smoothing_spline(X, y, 2 + np.cos(y), lam=0.1 * y[0])(x) ** 2
    ),
    "polynomials": lambda y, x: np.sum(si.PPoly(np.stack([y[:-1], y[1:]]), X)(0.99 * x) ** 2),
    "Bernstein": lambda y, x: np.sum(
        si.BPoly(np.stack([y[:-1], y[1:], y[1:] ** 2, y[1:]]), X, extrapolate=False)(0.99 * x)
        * si.BPoly(np.stack([y[:-1], y[1:], y[1:] ** 2]), X).derivative()(0.99 * x, 1)
    ),
    "a B-spline": lambda y, x: np.sum(si.BSpline(FEW, y[:6], 2)(x) ** 2),
    "a line": lambda y, x: np.sum(si.interp1d(X, y)(0.99 * x) ** 2),
    "a line that goes on": lambda y, x: np.sum(
        si.interp1d(X[::-1], y, fill_value="extrapolate")(x + 1) ** 2
    ),
    "a curve": lambda y, x: np.sum(si.interp1d(X, y, kind="cubic")(x) ** 2),
    "lines of rows": lambda y, x: np.sum(
        si.interp1d(X, np.stack([y, y**2]), bounds_error=False, fill_value=(1.0, 2.0))(
            np.stack([0.99 * x, 1.9 * x])
        )
        ** 2
    ),
    "curves of columns": lambda y, x: np.sum(
        si.interp1d(X, np.stack([y, y**2], 1), kind=2, axis=0, fill_value="extrapolate")(2 * x) ** 2
    ),
    "steps of order 0": lambda y, x: np.sum(
        si.interp1d(X, np.stack([y, y**2]), kind="zero", bounds_error=False, fill_value=2.0)(
            1.1 * x
        )
        ** 2
    ),
    "steps up": lambda y, x: np.sum(
        si.interp1d(X, y, kind="next", bounds_error=False, fill_value=2.0)(0.99 * x) ** 2 * x
    ),
    "on a grid": lambda y, x: np.sum(
        si.RegularGridInterpolator(GRID, np.outer(y[:4], y), bounds_error=False, fill_value=0.5)(
            np.stack([x / 3, 0.99 * x], 1)
        )
        ** 2
    ),
    "surface": lambda y, x: np.sum(
        si.RectBivariateSpline(GRID[0], X, np.outer(y[:4], y), kx=2)(x / 3, 0.9 * x, grid=False)
        ** 2
    ),
    "surface on a grid": lambda y, x: np.sum(
        si.RectBivariateSpline(GRID[0], X, np.outer(y[:4], y))(np.sort(x) / 3, np.sort(x), dy=1)
        ** 2
    ),
    "surface at points": lambda y, x: np.sum(
        si.RectBivariateSpline(GRID[0], X, np.outer(y[:4], y)).ev(x / 3, 2.0 * x) ** 2
    ),
    "radial": lambda y, x: np.sum(
        si.RBFInterpolator(PLACES, np.stack([y, y**2], 1))(np.stack([x, x**2], 1)) ** 2
    ),
    "bells as wide as a number of each call": lambda y, x: np.sum(
        si.RBFInterpolator(
            PLACES, y, kernel="gaussian", epsilon=SHAPES["slope"], smoothing=0.1 * SHAPES["slope"]
        )(np.stack([x, x**2], 1))
    ),
    "outside of triangles, a number of each call": lambda y, x: np.sum(
        si.LinearNDInterpolator(PLACES, y, fill_value=SHAPES["slope"])(np.stack([x, x**2], 1))
    ),
    "Gaussians": lambda y, x: np.sum(
        si.RBFInterpolator(PLACES, y, kernel="gaussian", epsilon=0.7, degree=1)(
            np.stack([x, x**2], 1)
        )
        ** 2
    ),
    "triangles": lambda y, x: np.sum(
        si.griddata(PLACES, y**2, np.stack([x, x], 1), fill_value=1.0) ** 2
    ),
    "triangles by coordinates": lambda y, x: np.sum(
        si.LinearNDInterpolator(PLACES, np.stack([y, y**2], 1), fill_value=1.0)(x, x / 2) ** 2
    ),
}
FEW = np.r_[[0.0] * 3, 1.5, 2.5, 3.5, [5.0] * 3]
GRID = (np.array([0.0, 0.7, 1.2, 2.5]), X)
SHAPES = {"slope": 0.7}  # read at every call
PLACES = np.stack([X, 5 * np.sin(7 * X) ** 2], 1)
USUAL = {"cubic", "natural", "B-spline", "columns", "monotone", "Akima", "splrep", "on a grid"}
USUAL |= {"radial", "triangles", "given at the ends", "periodic"}
DATA = [pytest.param(n, marks=() if n in USUAL else pytest.mark.slow) for n in OF_DATA]
# Its weights are the solution of a system, which magnifies the last digits; the others are sums.
SOLVED = {"radial"}


@ENGINES
@pytest.mark.parametrize("name", DATA)
def test_data_may_carry_derivatives(engine, name):
    f = OF_DATA[name]
    found = autodiff.function(f, engine=engine, on_fallback="error")(Y, INSIDE)
    assert np.isclose(found, f(Y, INSIDE), rtol=1e-13 if name in SOLVED else 4e-15)
    autodiff.check_gradient(f, Y, INSIDE, engine=engine)
    slope = autodiff.gradient(f, wrt="y", engine=engine)
    direction = np.sin(np.arange(9.0))
    along = autodiff.hessian_vector(f, wrt="y", engine=engine)(Y, INSIDE, _tensors=direction)
    h = 1e-5
    numeric = (slope(Y + h * direction, INSIDE) - slope(Y - h * direction, INSIDE)) / (2 * h)
    assert np.allclose(along, numeric, rtol=1e-6, atol=1e-7)


# One point or several, as SciPy takes them: the shape of the result follows from the form.
FORMS = {
    "numbers": (0.3, 0.4),
    "a number and a vector": (0.3, np.array([0.2, 0.4])),
    "arrays without an axis": (np.array(0.3), np.array(0.4)),
    "a vector": np.array([0.3, 0.4]),
    "a list": [0.3, 0.4],
    "pairs": [(0.3, 0.4), (0.2, 0.1)],
    "rows of rows": np.full((2, 3, 2), 0.3),
    "a mesh": tuple(np.meshgrid([0.2, 0.3], [0.3, 0.4, 0.5])),
}
LATTICE = np.linspace(0.0, 1.0, 4)
SCATTERED = np.random.default_rng(0).random((12, 2)) * 2 - 0.5
IN_SPACE = {
    "triangles": lambda z, at: si.LinearNDInterpolator(SCATTERED, z[:12])(at),
    "triangles of columns": lambda z, at: si.LinearNDInterpolator(SCATTERED, z.reshape(12, 2))(at),
    "griddata": lambda z, at: si.griddata(SCATTERED, z[:12], at),
    "a grid": lambda z, at: si.RegularGridInterpolator((LATTICE, LATTICE), z[:16].reshape(4, 4))(
        at
    ),
    "a cubic grid": lambda z, at: si.RegularGridInterpolator(
        (LATTICE, LATTICE), z[:16].reshape(4, 4), method="cubic"
    )(at),
    "interpn": lambda z, at: si.interpn((LATTICE, LATTICE), z[:16].reshape(4, 4), at),
}


@ENGINES
@pytest.mark.parametrize("name", IN_SPACE)
def test_results_have_the_shape_that_scipy_gives_points_of_that_form(engine, name):
    z = np.sin(np.arange(24.0))

    def f(z):
        return [IN_SPACE[name](z, at) for at in FORMS.values()]

    found = autodiff.function(f, engine=engine, on_fallback="error")(z)
    for have, want in zip(found, f(z), strict=True):
        assert type(have) is type(want)
        assert have.shape == want.shape
        assert np.allclose(have, want, rtol=1e-12, equal_nan=True)


@ENGINES
def test_separate_coordinates_that_are_numbers_are_one_point(engine):
    def f(z, x):
        return si.LinearNDInterpolator(SCATTERED, z)(x, x / 2)

    z = np.sin(np.arange(12.0))
    found = autodiff.function(f, engine=engine, on_fallback="error")(z, 0.4)
    assert found.shape == f(z, 0.4).shape == ()
    assert np.isclose(found, f(z, 0.4))
    autodiff.check_gradient(f, z, 0.4, engine=engine)


@ENGINES
@pytest.mark.parametrize("method", ["slinear", "cubic"])
def test_splines_on_a_grid(engine, method):
    """SciPy finds coefficients by an iteration that stops early; derivatives are those of the spline."""

    def f(y, x, **options):
        made = si.RegularGridInterpolator(GRID, np.outer(y[:4], y), method=method, **options)
        return np.sum(made(np.stack([x / 3, 0.99 * x + 0.02], 1)) ** 2)

    assert np.isclose(autodiff.function(f, engine=engine)(Y, INSIDE), f(Y, INSIDE), rtol=1e-12)
    by_y, by_x = autodiff.gradient(f, engine=engine)(Y, INSIDE)
    direct = {"solver": lambda a, b, **_: (scipy.sparse.linalg.spsolve(a.tocsc(), b), 0)}
    h = 1e-6
    along_y = [
        (f(Y + h * e, INSIDE, **direct) - f(Y - h * e, INSIDE, **direct)) / (2 * h)
        for e in np.eye(9)
    ]
    along_x = [(f(Y, INSIDE + h * e) - f(Y, INSIDE - h * e)) / (2 * h) for e in np.eye(len(INSIDE))]
    assert np.allclose(by_y, along_y, rtol=1e-4, atol=1e-4 * np.max(np.abs(by_y)))
    assert np.allclose(by_x, along_x, rtol=1e-6, atol=1e-6 * np.max(np.abs(by_x)))
    outside = si.RegularGridInterpolator(GRID, np.outer(Y[:4], Y), method=method)
    at = np.array([[0.5, 2.0], [1.1, 2.5]])
    found = autodiff.function(lambda p: outside(p), engine=engine, on_fallback="error")(at)
    assert np.allclose(found, outside(at), rtol=1e-12)


@ENGINES
@pytest.mark.parametrize("method", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("fill", [None, np.nan, 2.0])
def test_beyond_a_grid(engine, method, fill):
    def f(y, x):
        values = np.outer(y[:4], y)
        return si.interpn(GRID, values, np.stack([x, x], 1), method, False, fill)

    at = np.array([-0.3, 0.9, 2.8, 6.0, np.nan])
    found = autodiff.function(f, engine=engine, on_fallback="error")(Y, at)
    assert np.allclose(found, f(Y, at), rtol=1e-11, equal_nan=True)


OUTSIDE = {
    "on a grid": (si.RegularGridInterpolator, ((np.arange(4.0), np.arange(3.0)), np.eye(4)[:, :3])),
    "radial": (si.RBFInterpolator, (np.eye(4)[:, :2] + 0.1 * np.arange(8).reshape(4, 2), Y[:4])),
    "FITPACK": (si.UnivariateSpline, (X, Y)),
    "surface": (si.RectBivariateSpline, (np.arange(4.0), np.arange(5.0), np.eye(4, 5))),
    "smooth surface": (si.SmoothBivariateSpline, (X, X[::-1] ** 2, Y, None, [None] * 4, 1, 1)),
}
AT_PAIRS = {"surface", "smooth surface"}


@ENGINES
@pytest.mark.parametrize("name", OUTSIDE)
def test_made_outside_and_used_inside(engine, name):
    cls, arguments = OUTSIDE[name]
    made = cls(*arguments)
    x = np.array([0.3, 0.8]) if name == "FITPACK" else np.array([[0.3, 0.4], [0.9, 1.7]])
    if name in AT_PAIRS:

        def f(x):
            return np.sum(made(x[0], x[1]) ** 2) + np.sum(made.ev(x[:, 0], x[:, 1]) ** 3)

    else:

        def f(x):
            return np.sum(made(x) ** 2)

    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    assert np.isclose(compiled(x), f(x), rtol=1e-13)
    autodiff.check_gradient(f, x, engine=engine)


@ENGINES
def test_the_places_of_data_carry_none_and_say_so(engine):
    def f(x):
        return np.sum(si.CubicSpline(x, Y)(INSIDE))

    assert np.isclose(autodiff.function(f, engine=engine)(X), f(X), rtol=1e-15)
    with pytest.raises(autodiff.DerivativeError, match=r"scipy\.interpolate\.CubicSpline"):
        autodiff.gradient(f, engine=engine)(X)


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_is_out_of_reach_has_its_value_and_no_derivative(engine):
    spline = SPLINES["cubic"]
    for f in (
        lambda y: np.sum(si.splev(INSIDE, si.splrep(X, y, s=0.1, per=1))),
        lambda y: si.InterpolatedUnivariateSpline(X, y - 3).roots()[0],
        lambda y: np.sum(spline.integrate(0, y[0], "periodic")),
    ):
        assert np.isclose(autodiff.function(f, engine=engine)(Y), f(Y), rtol=1e-15)
        with pytest.raises((autodiff.DerivativeError, autodiff.errors.UnsupportedError)):
            autodiff.gradient(f, engine=engine)(Y)
    is_polynomial = autodiff.function(
        lambda x: x if isinstance(spline.derivative(), si.PPoly) else -x, engine=engine
    )
    assert is_polynomial(1.0) == 1.0
    made = autodiff.function(lambda x: (x, spline.derivative()), engine=engine)(1.0)[1]
    assert isinstance(made, si.PPoly) and made(1.0) == spline.derivative()(1.0)


MANY = np.linspace(0, 3, 20)
NOISY = np.sin(2 * MANY) + 0.1 * np.random.default_rng(3).normal(size=20)
WEIGHTS = 1 + 0.3 * np.cos(MANY)
AT = np.array([0.3, 1.1, 2.7])


def closest(t, k, x, y, w, s):
    """What FITPACK's smoothing spline is on its knots, with ``s`` reached exactly."""
    functions = si.BSpline.design_matrix(x, t, k).toarray()
    n = functions.shape[1]
    steps = si.BSpline(t, np.eye(n), k)((t[k:n] + t[k + 1 : n + 1]) / 2, k)
    jumps = np.diff(steps, axis=0) / 1e3

    def coefficients(logarithm):
        normal = (functions.T * w**2) @ functions + np.exp(logarithm) * (jumps.T @ jumps)
        return np.linalg.solve(normal, functions.T @ (w**2 * y))

    def missed(logarithm):
        return np.sum((w * (y - functions @ coefficients(logarithm))) ** 2) - s

    c = coefficients(scipy.optimize.brentq(missed, -30, 30, xtol=1e-14))
    return si.BSpline(t, c, k)(AT)


SMOOTHED = {
    "UnivariateSpline": lambda x, y, w, s: si.UnivariateSpline(x, y, w, s=s)(AT),
    "splrep": lambda x, y, w, s: si.splev(AT, si.splrep(x, y, w, s=s)),
    "of degree 4": lambda x, y, w, s: si.UnivariateSpline(x, y, w, k=4, s=s)(AT),
}


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SMOOTHED)
def test_knots_stay_at_places_of_the_data_and_coefficients_move(engine, name):
    """By the places of the data, the data, their weights, and by how close the spline shall be."""
    f, k, s = SMOOTHED[name], 4 if name.endswith("4") else 3, 0.15
    arguments = (MANY, NOISY, WEIGHTS, s)
    found = autodiff.function(f, engine=engine, on_fallback="error")(*arguments)
    assert np.array_equal(found, f(*arguments))
    t, c, _ = si.splrep(MANY, NOISY, WEIGHTS, k=k, s=s)
    assert len(t) > 2 * k + 2
    at = np.searchsorted(MANY, t)
    assert np.array_equal(MANY[at], t)
    reached = np.sum((WEIGHTS * (NOISY - si.splev(MANY, (t, c, k)))) ** 2)

    def numeric(dx, dy, dw, ds, h=1e-6):
        places = [MANY + h * i * dx for i in (-1, 1)]
        ends = [
            closest(x[at], k, x, NOISY + h * i * dy, WEIGHTS + h * i * dw, reached + h * i * ds)
            for x, i in zip(places, (-1, 1), strict=True)
        ]
        return (ends[1] - ends[0]) / (2 * h)

    direction = np.sin(np.arange(20.0))
    by = autodiff.jacobian(f, mode="reverse", engine=engine)(*arguments)
    for j, moved in enumerate([direction] * 3 + [1.0]):
        wanted = numeric(*[moved if i == j else 0 for i in range(4)])
        assert np.allclose(by[j] @ direction if j < 3 else by[j], wanted, rtol=1e-5, atol=1e-7)
    forward = autodiff.jacobian(f, mode="forward", engine=engine)(*arguments)
    for a, b in zip(forward, by, strict=True):
        assert np.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_places_of_data_have_second_derivatives_under_a_smoothing_spline():
    def f(x):
        return np.sum(np.sin(si.UnivariateSpline(x, NOISY + x, WEIGHTS, s=0.15)(AT)))

    direction, h = np.cos(np.arange(20.0)), 1e-4
    slope = autodiff.gradient(f, engine="numpy")
    product = autodiff.hessian_vector(f, engine="numpy")(MANY, _tensors=direction)
    assert np.allclose(product @ np.sin(np.arange(20.0)), autodiff.hessian_vector(f, engine="numpy")(
        MANY, _tensors=np.sin(np.arange(20.0))
    ) @ direction)  # fmt: skip
    numeric = (slope(MANY + h * direction) - slope(MANY - h * direction)) / (2 * h)
    assert np.allclose(product, numeric, rtol=1e-3, atol=2e-2 * np.max(np.abs(numeric)))


def test_two_data_at_one_place_have_no_derivative_by_it():
    twice = np.sort(np.append(MANY, MANY[5]))

    def f(x):
        return si.UnivariateSpline(x, np.append(NOISY, 0.1), s=0.15)(1.0)

    with pytest.raises(autodiff.DerivativeError, match="two are given at one place"):
        autodiff.gradient(f, engine="numpy")(twice)


def test_a_smoothing_spline_that_needs_no_knots_is_a_polynomial():
    def f(y):
        return si.UnivariateSpline(MANY, y, s=100.0)(AT)

    cubic = [np.polyval(np.polyfit(MANY, e, 3), AT) for e in np.eye(20)]
    assert np.allclose(autodiff.jacobian(f)(NOISY), np.transpose(cubic), atol=1e-9)


def test_how_smooth_is_read_at_every_call():
    f = autodiff.function(lambda s: si.UnivariateSpline(MANY, NOISY, s=s)(AT), on_fallback="error")
    for s in (0.15, 0.6, 5.0, 0.15):
        assert np.array_equal(f(s), si.UnivariateSpline(MANY, NOISY, s=s)(AT))


def test_smoothing_by_cross_validation():
    """SciPy finds the penalty to 1e-5; its derivative is that of the exact one."""

    def f(y):
        return si.make_smoothing_spline(MANY, y)(AT)

    assert np.array_equal(autodiff.function(f, on_fallback="error")(NOISY), f(NOISY))
    found = autodiff.jacobian(f)(NOISY)
    direction, h = np.cos(np.arange(20.0)), 1e-3
    numeric = (f(NOISY + h * direction) - f(NOISY - h * direction)) / (2 * h)
    fixed = si.make_smoothing_spline(MANY, direction, lam=0.003)(AT)
    assert np.allclose(found @ direction, numeric, rtol=0.02, atol=1e-3)
    assert not np.allclose(fixed, numeric, rtol=0.02, atol=1e-3)


def test_a_zero_that_touches_has_no_derivative():
    """p**2, which is 0 at 0 and nowhere else; and a place at a jump is no zero."""

    def touching(y):
        return si.PPoly(np.array([[1.0], [0.0], [0.0]]) * y, np.array([-1.0, 1.0])).roots()[0]

    with pytest.raises(autodiff.DerivativeError, match="AD305: solve of a piecewise polynomial"):
        autodiff.gradient(touching)(2.0)

    def jumping(y):
        return si.PPoly(np.array([[-1.0, 1.0]]) * y, np.array([-1.0, 0.0, 1.0])).roots()[0]

    assert autodiff.function(jumping)(2.0) == jumping(2.0) == 0.0


def test_a_period_whose_ends_differ_is_scipys_error():
    def f(y):
        return np.sum(si.CubicSpline(X, y, bc_type="periodic")(INSIDE))

    for way in (autodiff.function, autodiff.gradient):
        with pytest.raises(ValueError, match="must be identical"):
            way(f)(Y)


PLACED = {
    "cubic": lambda x: si.CubicSpline(np.cumsum(np.abs(x) + 1), X**2)(4.0),
    "B-spline": lambda x: si.make_interp_spline(np.cumsum(np.abs(x) + 1), X**2)(4.0),
}


@ENGINES
@pytest.mark.parametrize("name", PLACED)
def test_the_places_of_data_are_refused_with_the_line(engine, name):
    with pytest.raises(
        autodiff.DerivativeError, match="not by where the values are given"
    ) as caught:
        autodiff.gradient(PLACED[name], engine=engine)(np.ones(9))
    assert "test_interpolators.py, line" in str(caught.value)


_KNOTS, _VALUES = np.arange(5.0), np.array([1 + 1j, 2 - 1j, 0.5 + 0.2j, -1 + 3j, 2.0])
_PLACES, _GRID = np.array([0.3, 0.7, 2.2]), np.arange(12.0).reshape(3, 4) * (1 + 0.5j) ** 2
_SQUARE = np.array([[0, 0], [1, 0.1], [0.9, 1], [0.1, 1.1], [0.5, 0.4]])
_OUTSIDE = si.CubicSpline(_KNOTS, _VALUES), si.make_interp_spline(_KNOTS, _VALUES)
OF_COMPLEX = {
    "CubicSpline": lambda y: si.CubicSpline(_KNOTS, y, bc_type="natural")(_PLACES, 1),
    "CubicHermiteSpline": lambda y: si.CubicHermiteSpline(_KNOTS, y, y[::-1])(_PLACES),
    "PPoly": lambda y: si.PPoly(np.stack([y, y * 2]), np.arange(6.0))(_PLACES),
    "BSpline": lambda y: si.BSpline(np.arange(9.0), y, 3).antiderivative()(3 + 0.3 * _PLACES),
    "integrate": lambda y: si.CubicSpline(_KNOTS, y).integrate(0.2, 3.0) * y,
    "interp1d": lambda y: si.interp1d(_KNOTS, y, "cubic")(_PLACES),
    "filled": lambda y: si.interp1d(_KNOTS, y, bounds_error=False, fill_value=1 + 2j)([-1.0, 0.5, 9]),
    "on a grid": lambda y: si.RegularGridInterpolator((_KNOTS[:3], _KNOTS[:4]), _GRID * y[0])(
        np.stack([_PLACES / 2, _PLACES], -1)
    ),
    "radial": lambda y: si.RBFInterpolator(_SQUARE, y)(_SQUARE[:3] + 0.2),
    "griddata": lambda y: si.griddata(_SQUARE, y, np.array([[0.5, 0.3], [0.6, 0.6]])),
    "made outside": lambda y: _OUTSIDE[0](np.abs(y)) * y + _OUTSIDE[1].derivative()(y.real),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_complex_values(name):
    f = OF_COMPLEX[name]
    compiled = autodiff.function(f, engine="numpy", on_fallback="error")(_VALUES)
    np.testing.assert_allclose(compiled, f(_VALUES), rtol=1e-12, atol=1e-13)
    loss = lambda y: np.sum(np.abs(f(y) + 1j) ** 2)  # noqa: E731
    along = np.conj(_VALUES[::-1]) + 0.3
    slope = (loss(_VALUES + 1e-5 * along) - loss(_VALUES - 1e-5 * along)) / 2e-5
    gradient = autodiff.gradient(loss, engine="numpy")(_VALUES)
    np.testing.assert_allclose(np.vdot(gradient, along).real, slope, rtol=1e-6)


_NUMBERS = np.random.default_rng(7)
OPEN, CLOSED = np.r_[[0.0] * 3, 1, 2, [3.0] * 3], np.r_[[0.0] * 4, 1.5, [3.0] * 4]
NET, NETS = _NUMBERS.normal(size=(5, 5)), _NUMBERS.normal(size=(5, 5, 2))
BROKEN = np.array([0.0, 1, 3]), np.array([0.0, 0.7, 1.9, 3])
TABLE_OF_PIECES = _NUMBERS.normal(size=(3, 2, 2, 3))
SPLINE, PIECES = si.NdBSpline((OPEN, CLOSED), NET, (2, 3)), si.NdPPoly(TABLE_OF_PIECES, BROKEN)
SURFACE = [OPEN, CLOSED, NET.ravel(), 2, 3]
SITES = _NUMBERS.uniform(0.1, 2.9, size=(4, 2))
TENSORS = {
    "B-splines": (lambda p: si.NdBSpline((OPEN, CLOSED), NET, (2, 3))(p), SITES),
    "by the coefficients": (lambda c: si.NdBSpline((OPEN, CLOSED), c, [2, 3])(SITES.reshape(2, 2, 2)), NETS),
    "by the knots": (lambda t: si.NdBSpline((t, CLOSED), NET, (2, 3))(SITES), OPEN + np.linspace(-0.1, 0.1, 8)),
    "derivatives beyond": (lambda p: si.NdBSpline((OPEN, CLOSED), NET, (2, 3))(p, nu=(1, 2)), SITES * 1.4),
    "nothing beyond": (lambda p: np.nan_to_num(SPLINE(p, extrapolate=False)), SITES * 1.4),
    "from outside": (lambda p: SPLINE(p[0]) * SPLINE(p, nu=[0, 1]), SITES),
    "pieces": (lambda p: PIECES(p) + PIECES((p[:, 0], p[:, 1]), nu=(2, 1)), SITES),
    "pieces by coefficients": (lambda c: si.NdPPoly(c, BROKEN)(SITES, nu=(1, 1)), TABLE_OF_PIECES),
    "pieces by break points": (lambda x: si.NdPPoly(TABLE_OF_PIECES, (x, BROKEN[1]))(SITES), BROKEN[0]),
    "a surface": (lambda p: si.bisplev(np.sort(p[:, 0]), p[0, 1], SURFACE, dy=1), SITES),
    "a surface by coefficients": (lambda c: si.bisplev(1.0, 2.0, [OPEN, CLOSED, c, 2, 3]), SURFACE[2]),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TENSORS)
def test_splines_of_several_variables(name, engine):
    f, x = TENSORS[name]
    found, wanted = autodiff.function(f, engine=engine, on_fallback="error")(x), f(x)
    assert type(found) is type(wanted) and np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    loss = lambda x: np.sum(np.sin(f(x)))  # noqa: E731
    direction = np.cos(np.arange(float(x.size))).reshape(x.shape)
    slope = autodiff.gradient(loss, engine=engine)

    def difference(of, h):
        return (of(x + h * direction) - of(x - h * direction)) / (2 * h)

    wanted = difference(loss, 1e-6)
    assert np.isclose(np.sum(slope(x) * direction), wanted, rtol=1e-6, atol=1e-7)
    assert np.isclose(autodiff.jvp(loss, (x,), (direction,), engine=engine)[1], wanted, atol=1e-7)
    bend = autodiff.hessian_vector(loss, engine=engine)(x, _tensors=direction)
    np.testing.assert_allclose(bend, difference(slope, 1e-5), rtol=1e-5, atol=1e-6)


def test_splines_of_several_variables_with_complex_values():
    f = lambda c: si.NdBSpline((OPEN, CLOSED), c * (1 + 2j), (2, 3))(SITES)  # noqa: E731
    np.testing.assert_allclose(
        autodiff.function(f, on_fallback="error", engine="numpy")(NET), f(NET)
    )
