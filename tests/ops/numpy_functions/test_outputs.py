"""Arrays that NumPy's reductions and accumulations store into: right ones, wrong ones, fatal ones."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import NoReturnError
from tests.ops.support import ENGINES, is_refused_everywhere

REDUCTIONS = [
    "sum", "prod", "mean", "std", "var", "max", "min", "all", "any", "argmax", "argmin", "ptp",
    "nansum", "nanmax", "nanmin", "nanmean", "nanvar", "nanargmin", "median", "nanmedian", "cumsum",
    "cumprod", "nancumsum", *(["cumulative_sum"] if hasattr(np, "cumulative_sum") else []),
]  # fmt: skip
ACCUMULATIONS = {"cumsum", "cumprod", "nancumsum", "cumulative_sum"}
SAMPLE = ["sum", "argmin", "nanmax", "median", "cumsum"]

WAYS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "array": lambda reduce, x, y: (reduce(x, out=y), y),
    "tuple": lambda reduce, x, y: (reduce(x, out=(y,)), y),
    "kept": lambda reduce, x, y: (reduce(x, axis=-1, out=y), y),
    "view": lambda reduce, x, y: (reduce(x, out=y[...]), y),
    "itself": lambda reduce, x, y: (reduce(x, out=x[:1]), x),
}
ARGUMENTS: list[Callable[[], Any]] = [
    lambda: np.array([3.0, 1.0, 2.0]),
    lambda: np.array([3, 1, 2], np.float32),
    lambda: np.array([3, 1, 2]),
    lambda: np.array([True, False, True]),
    lambda: np.arange(6.0).reshape(3, 2),
    lambda: np.array(2.5),
    lambda: np.float64(2.5),
]
SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (2,), (0,), (1, 1)]
EXCEPTIONS = (TypeError, ValueError, IndexError, AttributeError)
DTYPES = [np.float64, np.float32, np.int64, np.bool_]


def answer(f: Callable[..., Any], *args: Any) -> Any:
    """The results and what became of the arguments; or the type of the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = f(*args)
    except EXCEPTIONS as error:
        return next(kind for kind in EXCEPTIONS if isinstance(error, kind))
    arrays = [np.asarray(part) for part in (*results, *args)]
    return [(a.dtype, a.shape, a.tolist()) for a in arrays]


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in REDUCTIONS]
)
def test_an_output_is_taken_or_refused_as_numpy_does(name: str, way: str, engine: str) -> None:
    reduce, store = getattr(np, name), WAYS[way]

    def f(x: Any, y: Any) -> Any:
        return store(reduce, x, y)

    compiled = autodiff.function(f, engine=engine)
    chosen = ARGUMENTS if name not in SAMPLE else ARGUMENTS[::2]
    for make in chosen:
        for shape in SHAPES:
            for dtype in DTYPES if name not in SAMPLE else DTYPES[::2]:
                if name in ACCUMULATIONS and shape == ():
                    continue  # NumPy does not return
                expected = answer(f, make(), np.zeros(shape, dtype))
                try:
                    found = answer(compiled, make(), np.zeros(shape, dtype))
                except autodiff.UnsupportedError:
                    given = lambda: [make(), np.zeros(shape, dtype)]
                    assert engine == "jax" and is_refused_everywhere(f, given), (shape, dtype)
                else:
                    assert found == expected, (shape, dtype)


INTO_NO_AXES: dict[str, Callable[[Any, Any], Any]] = {
    "cumsum": lambda x, y: np.cumsum(x, out=y),
    "cumsum, by position": lambda x, y: np.cumsum(x, None, None, y),
    "cumsum of a number": lambda x, y: np.cumsum(x[0], out=y),
    "cumsum of a list": lambda x, y: np.cumsum([x[0], 1.0], out=y),
    "cumsum into itself": lambda x, y: np.cumsum(x, out=x[0, ...]),
    "cumprod": lambda x, y: np.cumprod(x, axis=0, out=y),
    "nancumsum": lambda x, y: np.nancumsum(x, out=y),
    "nancumprod": lambda x, y: np.nancumprod(x, out=y),
    "cumsum, a method": lambda x, y: x.cumsum(out=y),
    "cumprod, a method": lambda x, y: x.cumprod(out=y),
    "cumsum, of the class": lambda x, y: np.ndarray.cumsum(x, out=y),
    "add.accumulate": lambda x, y: np.add.accumulate(x, out=y),
    "maximum.accumulate": lambda x, y: np.maximum.accumulate(x, out=y),
    "subtract.accumulate": lambda x, y: np.subtract.accumulate(x, out=(y,)),
}
if hasattr(np, "cumulative_sum"):
    INTO_NO_AXES["cumulative_sum"] = lambda x, y: np.cumulative_sum(x, out=y)
    INTO_NO_AXES["cumulative_prod"] = lambda x, y: np.cumulative_prod(x, out=y)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", INTO_NO_AXES)
def test_nothing_is_accumulated_into_an_array_without_axes(name: str, engine: str) -> None:
    """NumPy is not called at all: a process that it ends says nothing of the test either."""
    accumulate = INTO_NO_AXES[name]

    def f(x: Any, y: Any) -> Any:
        accumulate(x, y)
        return np.sum(x) + y

    for made in (autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)):
        for _ in range(2):
            with pytest.raises(NoReturnError, match=r"array without axes(.|\n)*np\.|x\.cum"):
                made(np.array([3.0, 1.0, 2.0]), np.array(0.0))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", INTO_NO_AXES)
def test_nothing_complex_is_accumulated_into_an_array_without_axes(name: str, engine: str) -> None:
    accumulate = INTO_NO_AXES[name]

    def given(z: Any, y: Any) -> Any:
        accumulate(z, y)
        return y

    def made(z: Any) -> Any:
        y = np.zeros((), complex)
        accumulate(z, y)
        return y

    z = np.array([3.0, 1.0j, 2.0])
    for _ in range(2):
        with pytest.raises(NoReturnError, match=r"array without axes(.|\n)*(np\.|x\.cum)"):
            autodiff.function(given, engine=engine)(z, np.zeros((), complex))
        with pytest.raises(NoReturnError, match="array without axes"):
            autodiff.function(made, engine=engine)(z)
        with pytest.raises(NoReturnError, match="array without axes"):
            autodiff.gradient(lambda z: np.real(made(z)), engine=engine)(z)


INTO_OBJECTS: dict[str, Callable[[Any, Any], Any]] = {
    "all": lambda x, y: np.all(x, out=y),
    "any": lambda x, y: np.any(x, None, y),
    "all, a method": lambda x, y: x.all(out=y),
    "reduce": lambda x, y: np.logical_and.reduce(x, dtype=bool, out=y),
    "reduce into a tuple": lambda x, y: np.logical_or.reduce(x, dtype=bool, out=(y,)),
    "prod": lambda x, y: np.prod(x, dtype=float, out=y),
    "multiply.reduce": lambda x, y: np.multiply.reduce(x, dtype=float, out=y),
    "mean of float16": lambda x, y: np.mean(x.astype(np.float16), out=y),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", INTO_OBJECTS)
def test_no_reduction_of_another_dtype_is_stored_into_objects(name: str, engine: str) -> None:
    """NumPy gives back references that it did not take: after enough calls the process ends."""
    reduce = INTO_OBJECTS[name]

    def f(x: Any) -> Any:
        y = np.empty((), object)
        reduce(x, y)
        return np.sum(x) * bool(y)

    for make in (autodiff.function, autodiff.gradient):
        with pytest.raises(NoReturnError, match=r"array of objects(.|\n)*y\[\.\.\.\] ="):
            make(f, engine=engine)(np.array([3.0, 1.0, 2.0]))
    if name == "all":
        with pytest.raises(NoReturnError, match="array of objects"):
            autodiff.function(f, engine=engine)(np.array([3.0, 1.0j, 2.0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_other_reductions_are_stored_into_objects(engine: str) -> None:
    def f(x: Any) -> Any:
        y = np.empty((), object)
        np.sum(x, out=y)
        return y

    if engine == "jax":
        with pytest.raises(
            autodiff.UnsupportedError, match="cannot be written into an array that is"
        ):
            autodiff.function(f, engine=engine)(np.ones(3))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert autodiff.function(f, engine=engine)(np.array([3.0, 1.0, 2.0])) == np.array(6.0)
