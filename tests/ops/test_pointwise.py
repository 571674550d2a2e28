"""Every pointwise operation against NumPy: values in every dtype, broadcasting, derivatives."""

import warnings

import numpy as np
import pytest

import autodiff
from autodiff.errors import ShapeError
from autodiff.ops.entries import ENTRIES, Partials
from tests.ops.support import DERIVATIVE_ENGINES, ENGINES, check_derivatives, check_value, run

UFUNCS = {e.name: e for e in ENTRIES.values() if e.ufunc is not None}
DTYPES = ["bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float32", "float64"]
# Integers this short are float16 to it, which is left to plain NumPy; see test_odd_arguments.
PLAIN = {("nextafter", dtype) for dtype in ("bool", "int8", "uint8")}
engines = pytest.mark.parametrize("engine", ENGINES)
operations = pytest.mark.parametrize("name", UFUNCS)


def samples(name: str, shape: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    entry = UFUNCS[name]
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, shape) for low, high in entry.samples.domain[: entry.ufunc.nin]]


def typed(name: str, dtype: str, shape: tuple[int, ...]) -> list[np.ndarray]:
    kind = np.dtype(dtype).kind
    if kind == "f":
        return [x.astype(dtype) for x in samples(name, shape)]
    rng = np.random.default_rng(1)
    high = 2 if kind == "b" else 7
    low = -3 if kind == "i" else 0
    # Integer powers of negative numbers and divisors of zero raise or warn in NumPy.
    if name in ("power", "floor_divide", "remainder", "fmod", "left_shift", "right_shift"):
        low = 1
    return [rng.integers(low, high, shape).astype(dtype) for _ in range(UFUNCS[name].ufunc.nin)]


def accepts(name: str, arguments: list[np.ndarray]) -> bool:
    try:
        with np.errstate(all="ignore"):
            UFUNCS[name].ufunc(*arguments)
    except TypeError:
        return False
    return True


def many(name: str, groups: list[list[np.ndarray]]) -> tuple:
    """One function of all the operands that applies the ufunc to each group of them."""
    nin = UFUNCS[name].ufunc.nin

    def f(*xs):
        return [UFUNCS[name].ufunc(*xs[k : k + nin]) for k in range(0, len(xs), nin)]

    return f, *[x for group in groups for x in group]


@engines
@operations
def test_value_in_every_dtype(name: str, engine: str) -> None:
    dtypes = [d for d in DTYPES if (name, d) not in PLAIN]
    groups = [typed(name, dtype, (5,)) for dtype in dtypes]
    f, *arguments = many(name, [g for g in groups if accepts(name, g)])
    check_value(f, *arguments, engine=engine)
    for dtype in [d for d in DTYPES if (name, d) in PLAIN]:
        group = typed(name, dtype, (5,))
        if engine == "jax":  # where nothing runs uncompiled
            with pytest.raises(autodiff.UnsupportedError, match="float16"):
                autodiff.function(many(name, [group])[0], engine=engine)(*group)
            continue
        with pytest.warns(autodiff.FallbackWarning, match="float16"):
            (found,) = autodiff.function(many(name, [group])[0], engine=engine)(*group)
        np.testing.assert_array_equal(found, UFUNCS[name].ufunc(*group), strict=True)


@engines
def test_spacing_of_small_integers_which_numpy_computes_in_float16(engine: str) -> None:
    x = np.array([0, 1, -1, 2, -2, 3, -3, 100, -100, 127, -128], np.int8)
    check_value(np.spacing, x, engine=engine)


@operations
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_that_numpy_refuses_are_refused(name: str, dtype: str) -> None:
    arguments = typed(name, dtype, (2,))
    if not accepts(name, arguments):
        with pytest.raises(TypeError):
            run(UFUNCS[name].ufunc, *arguments)


@operations
def test_domain_errors_give_what_numpy_gives(name: str) -> None:
    entry = UFUNCS[name]
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, 5e-324])
    if not accepts(name, [special] * entry.ufunc.nin):
        return
    grid = np.meshgrid(*[special] * entry.ufunc.nin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_value(entry.ufunc, *grid)


SHAPES = [((3, 1), (4,)), ((), (2, 3)), ((2, 3), ()), ((1,), (3,)), ((0, 3), (1, 3)), ((), ())]


@engines
@pytest.mark.parametrize("name", [n for n, e in UFUNCS.items() if e.ufunc.nin == 2])
def test_broadcasting(name: str, engine: str) -> None:
    kind = "float64" if accepts(name, samples(name, (1,))) else "int64"
    groups = [[typed(name, kind, shape)[k] for k, shape in enumerate(shapes)] for shapes in SHAPES]
    f, *arguments = many(name, groups)
    check_value(f, *arguments, engine=engine)


@pytest.mark.parametrize("engine", DERIVATIVE_ENGINES)
@pytest.mark.parametrize(
    "name", [n for n, e in UFUNCS.items() if isinstance(e.derivative, Partials)]
)
def test_derivatives(name: str, engine: str) -> None:
    check_derivatives(UFUNCS[name].ufunc, *samples(name, (4,)), engine=engine)


@pytest.mark.parametrize(
    "name",
    [n for n, e in UFUNCS.items() if isinstance(e.derivative, Partials) and e.ufunc.nin == 2],
)
@pytest.mark.parametrize("shapes", [((3, 1), (4,)), ((), (3,)), ((2, 1), (1, 3))], ids=str)
def test_derivatives_of_broadcast_operands(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    check_derivatives(
        UFUNCS[name].ufunc, *[samples(name, shape, k)[k] for k, shape in enumerate(shapes)]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "other", [2, 2.5, True, np.float32(1.5), np.float64(1.5), np.int64(3), [1.0, 2.0, 3.0]]
)
@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**", "<", ">=", "=="])
def test_operators_promote_as_numpy_does(dtype: str, other: object, operator: str) -> None:
    f = eval(f"lambda x, y: (x {operator} y, y {operator} x)")
    x = np.array([0.5, 1.5, 2.5], dtype)
    check_value(lambda x: f(x, other), x)
    if not isinstance(other, list):
        check_value(lambda x: f(x, other), x[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "bool"])
@pytest.mark.parametrize("other", [3, 2.5, np.int16(3), np.uint8(3), np.float32(1.5)])
@pytest.mark.parametrize("operator", ["+", "*", "/", "//", "%", "<", "=="])
def test_integer_arrays_promote_as_numpy_does(dtype: str, other: object, operator: str) -> None:
    f = eval(f"lambda x, y: (x {operator} y)")
    x = np.array([1, 0, 1]).astype(dtype) if dtype == "bool" else np.array([1, 5, 7], dtype)
    check_value(lambda x: f(x, other), x)


def test_a_python_integer_out_of_range_raises_as_in_numpy() -> None:
    with pytest.raises(OverflowError, match="Python integer 300 out of bounds for uint8"):
        check_value(lambda x: x + 300, np.arange(3, dtype=np.uint8))


def test_a_small_integer_array_compares_with_a_large_python_integer() -> None:
    check_value(lambda x: (x < 300, x == -1), np.arange(3, dtype=np.uint8))


@pytest.mark.parametrize("name", ["sin", "add", "less"])
def test_results_without_axes_are_numpy_scalars(name: str) -> None:
    ufunc = UFUNCS[name].ufunc
    for x in (np.array(0.5), np.float64(0.5), 0.5, np.float32(0.5)):
        check_value(ufunc, *[x] * ufunc.nin)


def test_out_where_dtype() -> None:
    x, y = np.array([1.0, 4.0, 9.0]), np.array([1, 2, 3])

    def with_out(x, y):
        z = np.zeros_like(x)
        back = np.add(x, y, out=z)
        np.multiply(z[1:], 2, out=z[1:])
        return z, back

    check_value(with_out, x, y)
    check_value(lambda x, y: np.add(x, y, dtype=np.float32), x, y)

    def where(x):
        z = x * 0 - 1
        np.sqrt(x, out=z, where=x > 2)
        return z

    check_value(where, x)


def test_in_place_casting_rule_has_numpys_text() -> None:
    def f(x):
        y = x * 1
        y += 1.5
        return y

    with pytest.raises(
        TypeError,
        match=r"Cannot cast ufunc 'add' output from dtype\('float64'\) to dtype\('int64'\)",
    ):
        run(f, np.arange(3))


def test_shapes_that_do_not_broadcast_raise_in_numpys_words() -> None:
    with pytest.raises(
        ShapeError, match=r"operands could not be broadcast together with shapes \(2,4\) \(3,2\)"
    ):
        run(lambda x, y: x + y, np.zeros((2, 4)), np.zeros((3, 2)))


METHODS = {
    "reduce": lambda x: np.add.reduce(x),
    "reduce axis": lambda x: np.multiply.reduce(x, axis=1),
    "reduce keepdims": lambda x: np.maximum.reduce(x, axis=1, keepdims=True),
    "reduce subtract": lambda x: np.subtract.reduce(x, axis=0),
    "reduce logaddexp": lambda x: np.logaddexp.reduce(x, axis=1),
    "accumulate": lambda x: np.add.accumulate(x, axis=1),
    "accumulate maximum": lambda x: np.maximum.accumulate(x, axis=1),
    "accumulate minimum": lambda x: np.minimum.accumulate(x),
    "outer": lambda x: np.subtract.outer(x[0], x),
    "reduceat": lambda x: np.add.reduceat(x, [0, 2, 1], axis=1),
}


@pytest.mark.parametrize("name", METHODS)
def test_ufunc_methods(name: str) -> None:
    x = np.random.default_rng(3).normal(size=(3, 4))
    check_value(METHODS[name], x)
    check_derivatives(METHODS[name], x)


POSITIONS = [[0, 2], [0, 2, 1], [3, 0, 3, 3], [1], []]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "name", ["add", "multiply", "maximum", "subtract", "logaddexp", "logical_or"]
)
def test_pieces_between_positions_that_are_arguments(name: str, engine: str) -> None:
    ufunc, x = getattr(np, name), np.random.default_rng(3).normal(size=(3, 4)) ** 2

    def f(x, places):
        return ufunc.reduceat(x, places, axis=1)

    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(lambda x, p: np.sum(f(x, p) ** 2), wrt="x", engine=engine)
    for places in POSITIONS:
        p, h = np.array(places, np.int64), 1e-6
        result = compiled(x, p)
        np.testing.assert_allclose(result, f(x, p), rtol=1e-14)
        assert result.dtype == f(x, p).dtype
        if name != "logical_or":
            steps = h * np.eye(x.size).reshape(-1, *x.shape)
            quotients = [np.sum(f(x + d, p) ** 2) - np.sum(f(x - d, p) ** 2) for d in steps]
            expected = np.reshape(quotients, x.shape) / (2 * h)
            np.testing.assert_allclose(slope(x, p), expected, rtol=1e-6, atol=1e-7)
    for places in ([0, 4], [-1, 2]):
        with pytest.raises(
            IndexError, match=rf"index {places[0] or 4} out-of-bounds in {name}.reduceat"
        ):
            compiled(x, np.array(places))


def test_reductions_of_logical_ufuncs_are_bools_everywhere() -> None:
    from tests.ops.support import check_value

    for x in (
        np.array([[2.0, 0.0], [3.0, 4.0]]),
        np.array([[2, 0], [3, 4]]),
        np.eye(2, dtype=bool),
    ):
        for ufunc in (np.logical_and, np.logical_or, np.logical_xor):
            check_value(
                lambda x, ufunc=ufunc: [
                    ufunc.accumulate(x, axis=1),
                    ufunc.reduce(x, axis=0),
                    ufunc.reduce(x[:1], axis=0),
                    ufunc.reduceat(x, [0, 1], axis=1),
                ],
                x,
            )


def test_casting_that_numpy_refuses_is_refused() -> None:
    from tests.ops.support import run

    for f in (lambda x: np.sin(x, casting="no"), lambda x: np.add(x, 1.5, casting="equiv")):
        with np.testing.assert_raises(TypeError):
            f(np.arange(3))
        with np.testing.assert_raises(TypeError):
            run(f, np.arange(3))
