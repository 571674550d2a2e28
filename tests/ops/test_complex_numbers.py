"""Complex numbers in captured code: values as NumPy has them, derivatives to second order.

A gradient by a complex argument is dL/dRe + i dL/dIm, which central differences along both
parts give as well.
"""

import cmath
import operator
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning

ENGINES = ("numpy", "native")
RANDOM = np.random.default_rng(3)
POINTS = np.array([0.7 + 0.3j, -0.5 + 1.2j, 1 + 1j, -2 - 0.7j, 0.1 - 0.1j, 1.5 - 1e-9j, 0.6 + 0.8j])
WEIGHTS = RANDOM.normal(size=7) + 1j * RANDOM.normal(size=7)
MATRIX = RANDOM.normal(size=(3, 4)) + 1j * RANDOM.normal(size=(3, 4))
OTHER = RANDOM.normal(size=(4, 3)) + 1j * RANDOM.normal(size=(4, 3))
SINGLE = {np.dtype(np.complex64), np.dtype(np.float32)}


def _close(found: Any, wanted: Any, ulps: float) -> bool:
    """Equal type, dtype and shape, and elements within a few units of the last place of |wanted|."""
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, (list, tuple)):
        pairs = zip(found, wanted, strict=True)
        return len(found) == len(wanted) and all(_close(a, b, ulps) for a, b in pairs)
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(
            _close(found[k], wanted[k], ulps) for k in wanted
        )
    a, b = np.asarray(found), np.asarray(wanted)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    step = np.finfo(b.dtype).eps
    finite = np.isfinite(b)
    near = np.abs(a[finite] - b[finite]) <= ulps * step * np.abs(b[finite])
    if not near.all():
        return False
    pairs = ((a[~finite].real, b[~finite].real), (a[~finite].imag, b[~finite].imag))
    return all(np.allclose(x, y, rtol=ulps * step, atol=0, equal_nan=True) for x, y in pairs)


def _assert_value(function: Callable[..., Any], *args: Any, ulps: float = 16) -> None:
    """The compiled value, without falling back, is that of plain Python."""
    with np.errstate(all="ignore"):
        wanted = function(*args)
    for engine in ENGINES:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", FallbackWarning)
            found = autodiff.function(function, engine=engine)(*args)
        assert _close(found, wanted, ulps), (engine, args, found, wanted)


def _differences(f: Callable[..., Any], z: np.ndarray, h: float = 1e-6) -> np.ndarray:
    found = np.zeros(z.shape, complex)
    for index in np.ndindex(z.shape):
        for step, unit in ((h, 1), (1j * h, 1j)):
            up, down = z.copy(), z.copy()
            up[index] += step
            down[index] -= step
            found[index] += unit * (f(up) - f(down)) / (2 * h)
    return found


def _assert_derivatives(f: Callable[..., Any], z: np.ndarray) -> None:
    """Gradient by a complex argument and Hessian by real and imaginary parts, on both engines."""
    n = len(z)

    def of_parts(x: Any) -> Any:
        return f(x[:n] + 1j * x[n:])

    x, h = np.concatenate([z.real, z.imag]), 1e-5
    for engine in ENGINES:
        found = autodiff.gradient(f, engine=engine)(z)
        assert found.dtype == z.dtype
        np.testing.assert_allclose(found, _differences(f, z), rtol=1e-6, atol=1e-7)
        slope = autodiff.gradient(of_parts, engine=engine)
        wanted = [(slope(x + h * e) - slope(x - h * e)) / (2 * h) for e in np.eye(2 * n)]
        second = autodiff.hessian(of_parts, engine=engine)(x)
        np.testing.assert_allclose(second, wanted, rtol=1e-5, atol=1e-5)


# -- one operand ------------------------------------------------------------------------------------
SMOOTH = (
    "exp log sqrt sin cos tan sinh cosh tanh square reciprocal negative conj log2 log10"
).split()
OTHERS = "absolute angle isfinite isnan isinf logical_not isreal iscomplex".split()


@pytest.mark.parametrize("name", SMOOTH + OTHERS)
def test_functions_of_one_number_have_numpys_values_and_dtypes(name: str) -> None:
    function = getattr(np, name)
    spread = np.concatenate([POINTS, POINTS * 20, POINTS * 1e-30, 1 + 1e-9 * POINTS])
    for z in (spread, POINTS.astype(np.complex64), POINTS[0], np.complex64(POINTS[1]), 0.5 - 2j):
        _assert_value(lambda z: function(z), z)


SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e-200, 700.0, -30.0, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("name", "exp log sqrt sinh cosh tanh sin cos tan absolute angle".split())
def test_special_points_are_those_of_numpy(name: str) -> None:
    real, imag = (x.ravel() for x in np.meshgrid(SPECIAL, SPECIAL))
    z = np.empty(real.shape, complex)
    z.real, z.imag = real, imag
    function = getattr(np, name)
    if name in ("sin", "cos", "sinh", "cosh", "tan", "tanh"):
        # The sign of an infinite part is not defined where the direction is not known.
        z = z[np.isfinite(z.imag) & np.isfinite(z.real)]
    _assert_value(lambda z: function(z), z)


@pytest.mark.parametrize("name", SMOOTH)
def test_functions_of_one_number_have_both_derivatives(name: str) -> None:
    function = getattr(np, name)
    _assert_derivatives(lambda z: np.sum((function(z) * WEIGHTS).real), POINTS)


# -- two operands -------------------------------------------------------------------------------------
OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.eq, operator.ne)
OPERANDS = (
    POINTS, POINTS.astype(np.complex64), POINTS[0], np.complex64(1 + 2j), 0.5 - 2j, 2, -1.5, True,
    np.float32(2), np.float64(3), np.int8(3), np.arange(1, 8), np.arange(1, 8, dtype=np.float32),
)  # fmt: skip


@pytest.mark.parametrize("function", OPERATORS)
@pytest.mark.parametrize("a", OPERANDS, ids=lambda x: f"{type(x).__name__}-{np.asarray(x).dtype}")
def test_operators_promote_as_numpy_and_python_do(function: Any, a: Any) -> None:
    compares = function in (operator.eq, operator.ne)
    for b in (1j, POINTS[1], POINTS[::-1].astype(np.complex64)):
        if compares and type(a) is np.float64 and type(b) is complex:
            continue  # Python's bool or NumPy's, by the order: not followed
        _assert_value(lambda a, b: function(a, b), a, b)
        _assert_value(lambda a, b: function(a, b), b, a)


def test_a_complex_number_first_and_a_float64_second_is_pythons_own() -> None:
    x = np.arange(1.0, 3.0)
    for function in (lambda x: 1j * x[0], lambda x: x[0] * 1j, lambda x: 1j + np.float32(x[0])):
        _assert_value(function, x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -3, 2.0, 0.5, 1.5, 2j, np.int64(2), 1 + 0j])
def test_powers(exponent: Any) -> None:
    for z in (POINTS, POINTS[0], complex(POINTS[1]), POINTS.astype(np.complex64)):
        _assert_value(lambda z: z**exponent, z, ulps=40)
    _assert_derivatives(lambda z: np.sum((z**exponent * WEIGHTS).real), POINTS)


def test_division_neither_overflows_nor_loses_small_numbers() -> None:
    big = np.array([1e300 + 1e300j, 1e-300 - 1e-300j, 1e200 + 1j, 3 + 4j, 0j, 1 + 0j])
    for numerator in (1.0, 2 - 1j, big[::-1].copy()):
        _assert_value(lambda a, b: a / b, np.asarray(numerator), big)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        autodiff.function(lambda z: z / 0)(1 + 2j)


# -- smoothness at zero -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "square",
    [
        lambda z: np.abs(z) ** 2, lambda z: np.square(np.abs(z)), lambda z: abs(z) * 1.0 * abs(z),
        lambda z: (z * z.conj()).real, lambda z: np.power(np.abs(z), 2), lambda z: np.vdot(z, z).real,
        lambda z: z.real**2 + z.imag**2,
    ],
)  # fmt: skip
def test_squared_modulus_has_gradient_zero_at_zero(square: Any) -> None:
    for engine in ENGINES:
        found = autodiff.gradient(lambda z: np.sum(square(z)), engine=engine)(np.zeros(2, complex))
        np.testing.assert_array_equal(found, np.zeros(2, complex))


@pytest.mark.parametrize(
    "square", [lambda z: np.abs(z) ** 2, lambda z: abs(z) ** 2.0, lambda z: np.square(np.abs(z))]
)
def test_squared_modulus_is_curved_at_zero(square: Any) -> None:
    for engine in ENGINES:
        curved = autodiff.hessian(lambda x: np.sum(square(x[:1] + 1j * x[1:])), engine=engine)
        np.testing.assert_array_equal(curved(np.zeros(2)), 2 * np.eye(2))


def _with(ufunc: np.ufunc, z: Any) -> Any:
    """One place twice, one after the other."""
    c = z.copy()
    ufunc.at(c, [1, 1, -1], 2j - z[:3])
    return c


# -- arrays -------------------------------------------------------------------------------------------
OF_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda z: (z.sum(), np.sum(z, axis=0, keepdims=True)),
    "dtype": lambda z: (np.sum(z.real, dtype=complex), np.cumsum(z.real, dtype="complex64")),
    "mean": lambda z: (z.mean(), z.mean(1)),
    "prod": lambda z: (z.prod(0), np.prod(z)),
    "cumsum": lambda z: (np.cumsum(z), z.cumsum(1)),
    "cumprod": lambda z: np.cumprod(2 * z, 1),
    "reduce": lambda z: (np.add.reduce(z), np.multiply.reduce(z, 1), np.add.accumulate(z)),
    "transpose": lambda z: (2 * z).T,
    "reshape": lambda z: ((2 * z).reshape(4, 3), (2 * z).ravel()),
    "index": lambda z: ((2 * z)[1:, ::2], z[[0, 2], 1], z[1, 2], (2 * z)[:, None]),
    "mask": lambda z: z[np.array([True, False, True])],
    "stack": lambda z: (np.stack([z, z * 2], 1), np.concatenate([z, z.real]), np.vstack([z, 1j * z])),
    "where": lambda z: (np.where(z.real > 0, z, 1j), np.where(z.real > 0, 0, z)),
    "like": lambda z: (np.ones_like(z), np.zeros_like(z), np.zeros(3, complex) + z[:, 0]),
    "products": lambda z: (z @ OTHER, z @ OTHER.real, OTHER.real @ z, np.dot(z, OTHER)),
    "conjugating": lambda z: (np.vdot(z, 1j * z), np.vecdot(z, z)),
    "inner": lambda z: (np.inner(z, z), np.outer(z, OTHER), np.tensordot(z, OTHER, 1)),
    "einsum": lambda z: (np.einsum("ij,jk->ik", z, OTHER), np.einsum("ij,ij,ij->", z, z, z)),
    "norm": lambda z: (np.linalg.norm(z), np.linalg.norm(z, axis=1), np.linalg.norm(z[0], 1)),
    "spread": lambda z: (np.var(z), np.std(z, 0)),
    "signals": lambda z: (np.convolve(z[0], z[1]), np.correlate(z[0], z[1], "full")),
    "made": lambda z: (np.array([z[0, 0], 1j, 2]), np.array([[z[0, 0], 1j], [2.0, z[1, 1].real]])),
    "parts": lambda z: ((2 * z).real, (2 * z).imag, np.real(2 * z), np.angle(z, deg=True)),
    "casts": lambda z: (z.astype(np.complex64), z.real.astype(complex), np.complex64(z[0, 0])),
    "python": lambda z: (complex(z[0, 0].real, 2), complex(z[0, 0]), abs(complex(z[0, 0]))),
    "cmath": lambda z: (cmath.exp(z[0, 0]), cmath.sqrt(z[0, 0].real), cmath.polar(z[0, 1])),
    "items": lambda z: (z[0, 0].item(), z[0].tolist(), [w * 2 for w in z[0]], sum(z[0])),
    "facts": lambda z: (z.shape, len(z), z.ndim, np.iscomplexobj(z), isinstance(z[0, 0], complex)),
    "kinds": lambda z: [
        (isinstance(w, complex), isinstance(w, (dict, list)), type(w) is complex, w.__class__ is complex)
        for w in (z[0, 0], z[0, 0].item(), 2 * complex(z[0, 1]), z)
    ],
    "containers": lambda z: {"a": 2 * z, "b": [z[0, 0], (1j * z).real]},
    "truth": lambda z: (np.any(z), z.all(), np.isfinite(z).sum()),
    "joining": lambda z: (np.append(z, 1j), np.insert(z, 1, 2j), np.meshgrid(z[0], z[1])[0]),
    "calculus": lambda z: (np.gradient(z[0]), np.trapezoid(z), np.interp(0.3, np.arange(4), z[0])),
    "folds": lambda z: (
        np.subtract.reduce(z), np.divide.reduce(z, axis=1, keepdims=True), np.subtract.accumulate(z, 1),
        np.multiply.reduceat(z, [0, 2, 1], axis=1), np.add.reduceat(z[0], [1, 3]),
    ),
    "at": lambda z: [_with(ufunc, z[0]) for ufunc in (np.multiply, np.divide, np.add)],
    "choose": lambda z: (np.choose([0, 1, 1, 0], [z[0], 2j * z[1]]), np.choose([1, 0, 0, 0], z[:2])),
    "choosing": lambda z: (
        np.select([z.real > 0, z.imag > 0], [z, 2 * z]), np.clip(z, -1, 1j), np.nonzero(z)[0],
    ),
    "weighted": lambda z: (np.average(z, weights=abs(z)), np.nanmean(z), np.cov(z)),
    "polynomial": lambda z: (np.polyval([1j, 2, 3], z), np.polyval(z[0], 0.5), np.roots(z[0])),
    "chain": lambda z: np.linalg.multi_dot([z, OTHER, z]),
    "moving": lambda z: (np.roll(z, 1), np.tile(z, 2), np.pad(z, 1), np.diff(z), np.tril(z)),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ARRAYS)
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_functions_of_arrays_have_numpys_values_and_dtypes(name: str, dtype: Any) -> None:
    if name == "conjugating" and not hasattr(np, "vecdot"):
        pytest.skip("NumPy has no vecdot")
    _assert_value(OF_ARRAYS[name], MATRIX.astype(dtype), ulps=256)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (), (1,)])
def test_small_arrays(shape: tuple[int, ...]) -> None:
    z = np.ones(shape, complex) * (1 + 2j)
    _assert_value(lambda z: (2 * z, np.exp(z), z.sum(), np.abs(z), z * z.conj()), z)


LOSSES: dict[str, Callable[[Any], Any]] = {
    "folds": lambda z: np.sum(np.abs(np.divide.reduce(z)) + np.subtract.accumulate(z).imag[1] ** 2),
    "at": lambda z: np.sum(np.abs(_with(np.multiply, z)) + _with(np.divide, z).real),
    "modulus": lambda z: np.sum(np.abs(z) * WEIGHTS.real),
    "angle": lambda z: np.sum(np.angle(z) * WEIGHTS.real),
    "quotient": lambda z: np.sum((z / (z[::-1] + 0.3)).imag),
    "product": lambda z: np.prod(z).real,
    "cumulative": lambda z: (np.cumsum(z) * np.cumprod(z) * WEIGHTS).imag.sum(),
    "matmul": lambda z: ((z[:6].reshape(2, 3) @ OTHER[:3]) ** 2).real.sum(),
    "overlap": lambda z: abs(np.vdot(z, WEIGHTS)) ** 2,
    "norm": lambda z: np.linalg.norm(z) + np.linalg.norm(z[:6].reshape(2, 3), axis=1).sum(),
    "variance": lambda z: np.var(z),
    "einsum": lambda z: np.einsum("i,i,i->", z, z, WEIGHTS).real,
    "where": lambda z: (np.where(z.real > 0, z, z**2) * WEIGHTS).real.sum(),
    "gather": lambda z: (z[[0, 0, 3]] * z[1:4]).imag.sum(),
    "exponent": lambda z: np.sum((2.0**z * WEIGHTS).real),
}


@pytest.mark.parametrize("name", LOSSES)
def test_functions_of_arrays_have_both_derivatives(name: str) -> None:
    _assert_derivatives(LOSSES[name], POINTS)


# -- control flow and objects ---------------------------------------------------------------------------
def _iterated(x: Any) -> Any:
    z = x + 0j
    for _ in range(5):
        z = z * z * 0.5 + 1j
    return np.sum(np.abs(z))


def _until(x: Any) -> Any:
    z = x * 1j + 1
    while np.abs(z).max() < 10:
        z = z * 2j
    return np.sum(np.abs(z))


def _branching(x: Any) -> Any:
    z = x * 1j if x[0] > 0 else np.exp(x + 2j)
    return np.sum((z * z).real)


def _summed(x: Any) -> Any:
    total = 0j
    for k in range(len(x)):
        total += x[k] * np.exp(1j * k)
    return abs(total) ** 2


def _collected(x: Any) -> Any:
    parts = []
    for v in x:
        parts.append(v * 1j)
    return np.sum(np.abs(np.array(parts)) ** 2)


@pytest.mark.parametrize("function", [_iterated, _until, _branching, _summed, _collected])
def test_control_flow_gives_the_value_and_gradient_of_the_path(function: Any) -> None:
    h = 1e-6
    for x in (np.array([0.3, -0.4, 1.1]), np.array([-0.3, 0.4, 0.1])):
        for engine in ENGINES:
            np.testing.assert_allclose(
                autodiff.function(function, engine=engine)(x), function(x), rtol=1e-13
            )
            wanted = [(function(x + h * e) - function(x - h * e)) / (2 * h) for e in np.eye(3)]
            found = autodiff.gradient(function, engine=engine)(x)
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


# -- arguments and results --------------------------------------------------------------------------------
def test_arguments_of_other_layouts_sizes_and_types_are_read_as_they_are() -> None:
    for engine in ENGINES:
        f = autodiff.function(lambda z, x: z * x + 1j, engine=engine)
        for z in (MATRIX, MATRIX.T, MATRIX[::2, 1:], MATRIX[0], MATRIX.real + 0j, 2 - 1j, 1.5):
            assert _close(f(z, 2.0), z * 2.0 + 1j, 2)
        assert _close(f(MATRIX.real, 2.0), MATRIX.real * 2.0 + 1j, 2)  # reals of that shape


def test_real_array_of_the_shape_of_the_parts_is_another_call() -> None:
    f = autodiff.function(lambda z: z * 2)
    z = POINTS.copy()
    for argument in (z, np.stack([z.real, z.imag], -1), z):
        assert _close(f(argument), argument * 2, 0)


def test_complex_argument_that_is_returned_is_the_argument_itself() -> None:
    z = POINTS.copy()
    for engine in ENGINES:
        for same in (lambda z: z, lambda z: np.asarray(z), lambda z: z.__imul__(1j)):
            assert autodiff.function(same, engine=engine)(z) is z
        for view in (lambda z: z.real, lambda z: z.imag, lambda z: z.T, lambda z: z[1:].real[::2]):
            found = autodiff.function(view, engine=engine)(z)
            assert np.shares_memory(found, z) and _close(found, view(z), 0)
    for copied in (lambda z: +z, lambda z: z.copy(), lambda z: z[[0, 1]], lambda z: np.roll(z, 0)):
        _assert_value(copied, z)


def test_result_in_two_places_is_one_array() -> None:
    def twice(x: Any) -> Any:
        z = 1j * x
        return z, z

    first, second = autodiff.function(twice)(np.arange(3.0))
    assert first is second


def test_gradient_by_complex_numbers_is_of_their_type() -> None:
    def loss(z: Any) -> Any:
        return abs(z) ** 2

    for z in (1 + 2j, np.complex128(1 + 2j), np.complex64(1 + 2j)):
        found = autodiff.gradient(loss)(z)
        assert type(found) is type(z) and found == 2 * z
    value, slopes = autodiff.value_and_gradient(lambda z, x: np.sum((x * z).real))(
        POINTS, np.arange(7.0)
    )
    assert _close(value, np.sum((np.arange(7.0) * POINTS).real), 16)
    assert slopes[0].dtype == complex and slopes[1].dtype == float
    np.testing.assert_array_equal(slopes[1], POINTS.real)


def test_no_derivative_flows_through_stop_gradient() -> None:
    def loss(z: Any) -> Any:
        return np.sum((autodiff.stop_gradient(z) * z).real)

    _assert_value(loss, POINTS)
    np.testing.assert_array_equal(autodiff.gradient(loss)(POINTS), POINTS.conj())


def test_check_gradient_moves_both_parts() -> None:
    report = autodiff.check_gradient(lambda z, x: np.sum(np.abs(np.exp(z) + x) ** 2), POINTS, 0.5)
    assert report.agrees and report.error < 1e-9
    wrong = autodiff.custom_gradient(lambda u: u**2, vjp=lambda ct, y, u: (ct * u,))
    with pytest.raises(AssertionError, match="args"):
        autodiff.check_gradient(lambda z: np.sum(wrong(z.real) + z.imag), POINTS)


# -- what is not followed -----------------------------------------------------------------------------------
UNFOLLOWED: list[Callable[[Any], Any]] = [
    lambda x: sum(v.imag for v in np.nditer(x * 1j)),
    lambda x: (x * 1j).view(float).sum(),
    lambda x: np.unique(np.stack([x * 1j, x * 1j]), axis=0).imag.sum(),
]  # fmt: skip


@pytest.mark.parametrize("function", UNFOLLOWED)
def test_what_is_not_followed_runs_plainly_and_is_not_differentiated(function: Any) -> None:
    x = np.array([0.3, -0.4, 1.1])
    with pytest.warns(FallbackWarning, match="test_complex_numbers.py, line"):
        found = autodiff.function(function)(x)
    assert _close(found, function(x), 0)
    with warnings.catch_warnings(), pytest.raises(AutodiffError) as error:
        warnings.simplefilter("ignore", FallbackWarning)
        autodiff.gradient(function)(x)
    assert re.search(r"test_complex_numbers\.py, line \d+", str(error.value))
    assert error.value.code in ("AD304", "AD105", "AD302")


def test_complex_results_have_no_gradient() -> None:
    with pytest.raises(AutodiffError, match="its result is complex") as error:
        autodiff.gradient(lambda x: np.sum(1j * x))(np.arange(3.0))
    assert error.value.code == "AD104"
    with pytest.raises(AutodiffError, match="by a complex argument: in general no complex matrix"):
        autodiff.hessian(lambda z: np.sum(z.real))(POINTS)
