"""Types as NumPy has them: weak Python scalars, isinstance, one object with many shapes and dtypes."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees

over_engines = pytest.mark.parametrize("engine", ENGINES)
V = np.array([0.5, 1.5, 2.5])

SCALARS: list[Any] = [
    2,
    2.5,
    True,
    np.float32(2.5),
    np.float64(2.5),
    np.int64(2),
    np.int8(2),
    np.bool_(True),
]
ARRAYS = [
    np.array([1.0, 2.0]), np.array([1.0, 2.0], np.float32), np.array([1, 2]), np.array([1, 2], np.int8),
    np.array([True, False]), np.array(1.5), np.array(1.5, np.float32),
]  # fmt: skip


# -- NEP 50 ---------------------------------------------------------------------------------------------
@over_engines
@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__}")
def test_scalars_promote_as_in_numpy(scalar, engine) -> None:
    def f(x, s):
        return x * s, s * x, x + s, x / s, s - x * 1, x > s

    def g(x, s):
        return x * s, x + s, x / s

    for array in ARRAYS:
        h = g if array.dtype.kind == "b" else f
        agrees(h, (array, scalar), engine=engine)


@over_engines
def test_python_constants_are_weak(engine) -> None:
    def f(x):
        return (
            x * 2,
            x * 2.5,
            x + True,
            x**2,
            x**0.5,
            -x * 1,
            np.sin(x) * math.pi,
            np.where(x > 1, x, 0),
        )

    for array in (ARRAYS[0], ARRAYS[1], np.array(1.5, np.float32)):
        agrees(f, (array,), engine=engine)


@over_engines
def test_two_python_scalars_stay_python(engine) -> None:
    def f(a, b):
        c = a * b
        return c, c > 1, a + 1, math.sin(a), (a, 1)

    agrees(f, (1.5, 2.5), (0.5, 1.0), engine=engine)
    agrees(lambda n: (n + 1, n * 1.5, n // 2, n > 1), (3,), (4,), engine=engine)


@over_engines
def test_weakness_survives_a_loop_and_a_branch(engine) -> None:
    def f(x, t):
        s = 0.0
        for k in range(6):
            s = s + t * k
        u = t if t > 1 else t * 2
        return x * s, x * u

    agrees(f, (np.ones(2, np.float32), 1.5), (np.ones(2, np.float32), 0.5), engine=engine)


# -- isinstance -------------------------------------------------------------------------------------------
def kind(x):
    return (
        isinstance(x, np.ndarray), isinstance(x, float), isinstance(x, int), isinstance(x, np.floating),
        isinstance(x, (list, tuple)), isinstance(x, np.generic), type(x) is float, type(x) is np.ndarray,
        hasattr(x, "shape"), hasattr(x, "nothing"), np.isscalar(x), np.ndim(x), callable(x),
        x.__class__ is np.ndarray, x.__class__ is float, attributes(x),
    )  # fmt: skip


def attributes(x):
    """Names that only arrays have, or nothing; the second row are those of what traces."""
    found = []
    for name in (
        "shape", "real", "is_integer", "nothing",
        "value", "form", "path", "cell", "write", "weak", "type", "alias",
    ):  # fmt: skip
        try:
            getattr(x, name)
        except AttributeError as error:
            found.append(str(error))
    return found


@over_engines
@pytest.mark.parametrize(
    "x", [V, np.array(2.0), 2.0, 2, True, np.float64(2), np.float32(2), np.int64(3)], ids=repr
)
def test_a_traced_value_has_the_type_it_has(x, engine) -> None:
    def f(x):
        return kind(x), x * 1

    agrees(f, (x,), engine=engine)


@over_engines
def test_results_of_operations_have_numpys_types(engine) -> None:
    def f(x):
        return (
            kind(x[0]),
            kind(x.sum()),
            kind(x > 1),
            kind(x[0] > 1),
            kind(x * 2),
            kind(float(x[0])),
            kind(len(x)),
        )

    agrees(f, (V,), engine=engine)


@over_engines
def test_other_numbers_and_objects_pass_through(engine) -> None:
    def f(x, c, d):
        return x * c.numerator * d["k"], c, d

    agrees(f, (2.0, Fraction(3, 4), {"k": 2.0}), engine=engine)


# -- one object, many signatures -------------------------------------------------------------------------
@over_engines
def test_every_dtype_and_shape_of_one_function(engine) -> None:
    def f(x):
        return np.sum(x * x, axis=-1) * 2

    arrays = [
        V, V.astype(np.float32), np.arange(4), np.arange(4, dtype=np.int32), np.ones((2, 3)), np.zeros((0, 3)),
        np.zeros(0), np.ones((2, 3, 4)), np.array([True, True]), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::2], np.arange(4, dtype=np.uint8),
    ]  # fmt: skip
    agrees(f, *[(x,) for x in arrays], engine=engine)


OTHER_ORDER: dict[str, Callable[..., Any]] = {
    "itself": lambda x: x,
    "sort": lambda x: np.sort(x),
    "take": lambda x: np.take(x, [0, 2]),
    "mask": lambda x: x[x > 1],
    "copy": lambda x: x.copy(),
    "zeros_like": lambda x: np.zeros_like(x),
    "zeros of its dtype": lambda x: np.zeros(2, x.dtype),
    "concatenate": lambda x: np.concatenate([x, x]),
    "where": lambda x: np.where(x > 1, x, 0.0),
    "sum": lambda x: np.sum(x * 2),
    "name": lambda x: x.dtype.str,
    "branch": lambda x: x[0] if x.dtype == np.float64 else x[-1],
    "store": lambda x: [x.sort(), x][1],
}


@over_engines
@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4"])
@pytest.mark.parametrize("name", OTHER_ORDER)
def test_arrays_in_the_byte_order_of_another_machine_are_numpys(name, dtype, engine) -> None:
    f = OTHER_ORDER[name]
    x = np.array([2.0, 1.0, 3.0]).astype(dtype)
    want, ours = f(x.copy()), x.copy()
    with pytest.warns(autodiff.FallbackWarning, match="byte order of another machine"):
        got = autodiff.function(f, engine=engine)(ours)
    assert type(got) is type(want)
    np.testing.assert_array_equal(got, want)
    if isinstance(want, np.ndarray):
        assert got.dtype.str == want.dtype.str


@over_engines
def test_derivatives_by_arrays_of_another_byte_order_are_compiled(engine) -> None:
    x = np.array([2.0, 1.0, 3.0])
    slope = autodiff.gradient(lambda x: np.sum(np.sort(x) * x**2), engine=engine)
    np.testing.assert_array_equal(slope(x.astype(">f8")), slope(x))


@over_engines
def test_an_array_read_outside_changes_its_byte_order(engine) -> None:
    kept = [np.array([2.0, 1.0])]

    def f(y):
        return y * np.sort(kept[0]), np.sort(kept[0])

    made = autodiff.function(f, engine=engine)
    assert made(2.0)[1].dtype == np.float64
    kept[0] = kept[0].astype(">f8")
    with pytest.warns(autodiff.FallbackWarning, match="byte order of another machine"):
        assert made(2.0)[1].dtype.str == ">f8"


@over_engines
def test_every_structure_of_one_argument(engine) -> None:
    def f(x):
        if isinstance(x, dict):
            return sum(x.values())
        if isinstance(x, (list, tuple)):
            return sum(x) * 2
        return x * 3

    compiled = autodiff.function(f, engine=engine)
    for x in (1.0, [1.0, 2.0], (1.0, 2.0, 3.0), {"a": 1.0, "b": 5.0}, {"b": 5.0}, 2, [V, V], V, []):
        np.testing.assert_allclose(compiled(x), f(x))


@over_engines
def test_gradients_keep_dtype_and_kind(engine) -> None:
    gradient = autodiff.gradient(lambda x: np.sum(x**2), engine=engine)
    for x, expected in (
        (V, V * 2),
        (V.astype(np.float32), (V * 2).astype(np.float32)),
        (np.array(3.0), np.array(6.0)),
        (np.float64(3), np.float64(6)),
        (np.float32(3), np.float32(6)),
        (3.0, 6.0),
        (3, 6.0),
    ):
        result = gradient(x)
        assert type(result) is type(expected), x
        assert np.asarray(result).dtype == np.asarray(expected).dtype, x
        np.testing.assert_array_equal(result, expected)


@over_engines
def test_float16_and_large_integers(engine) -> None:
    agrees(lambda x: x * 2 + 1, (np.ones(2, np.float16),), engine=engine)
    agrees(lambda n: n + 2**40, (2**41,), (np.array([2**62]),), engine=engine)
    with np.errstate(over="ignore"):
        agrees(lambda x: x * x, (np.array([2**40]),), engine=engine)


@over_engines
def test_a_python_int_beyond_64_bits_is_pythons(engine) -> None:
    from tests.capture.support import uncompiled_allowed

    def f(n, x):
        return (n * n) % 1000 + x

    with uncompiled_allowed():
        assert autodiff.function(f, engine=engine)(2**70, 1.0) == f(2**70, 1.0)
        assert autodiff.function(f, engine=engine)(2**40, 1.0) == f(2**40, 1.0)
