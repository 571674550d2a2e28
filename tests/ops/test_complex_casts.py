"""Where NumPy casts complex numbers to real ones it warns, and compiled code does; the derivative is that of the real part."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.ops.support import ENGINES

Z = np.array([1.5 + 2j, -3.25 - 1j])
engines = pytest.mark.parametrize("engine", ENGINES)


def stored(store: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def f(z: Any) -> Any:
        x = np.zeros(2)
        store(x, z)
        return x * z.real

    return f


def in_a_loop(z: Any) -> Any:
    x = np.zeros(5)
    for k in range(5):
        x[k] = z[k % 2] * k
    return x


def on_a_side(z: Any) -> Any:
    x = np.zeros(2)
    if z[0].real > 0:
        x[0] = z[1]
    else:
        x[1] = z[1].imag
    return x


def silenced(z: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return z.astype(float)


def shown(z: Any) -> Any:
    print(end="")
    return z.astype(float) ** 2


CASTS: dict[str, Callable[[Any], Any]] = {
    "astype": lambda z: z.astype(float) ** 2,
    "astype without loss": lambda z: z.astype(bool) * z.real,
    "astype int": lambda z: z.astype(int) * z.imag,
    "array": lambda z: np.array(z, dtype=float, ndmin=2),
    "asarray": lambda z: np.asarray(z * 1j, float),
    "array of numbers": lambda z: np.array([z[0] * z[1], 2.0], float),
    "number": lambda z: np.float64(z[0] ** 2),
    "float": lambda z: float(z[0] ** 2),
    "int": lambda z: int(z[1]) * z.imag,
    "full": lambda z: np.full(3, z[0] * z[1], float),
    "full_like": lambda z: np.full_like(z.real, z[1]),
    "sum": lambda z: np.sum(z**2, dtype=float),
    "prod": lambda z: z.prod(dtype=float),
    "concatenate": lambda z: np.concatenate([z, z.real], dtype=float, casting="unsafe"),
    "linspace": lambda z: np.linspace(z[0], z[1], 3, dtype=float),
    "insert": lambda z: np.insert(z.imag, 1, z),
    "element": stored(lambda x, z: x.__setitem__(0, z[1])),
    "all elements": stored(lambda x, z: x.__setitem__(slice(None), z**2)),
    "positions": stored(lambda x, z: x.__setitem__(np.array([1, 0]), z)),
    "mask": stored(lambda x, z: x.__setitem__(np.array([True, False]), z[1])),
    "fill": stored(lambda x, z: x.fill(z[0])),
    "put": stored(lambda x, z: np.put(x, [1], z[0])),
    "put_along_axis": stored(lambda x, z: np.put_along_axis(x, np.array([1, 0]), z, 0)),
    "copyto": stored(lambda x, z: np.copyto(x, z, casting="unsafe", where=[True, False])),
    "out": stored(lambda x, z: np.multiply(z, z, out=x, casting="unsafe")),
    "in a loop": in_a_loop,
    "on a side": on_a_side,
    "on the other": lambda z: on_a_side(-z),
    "silenced": silenced,
    "beside an effect": shown,
}


def heard(f: Callable[..., Any], z: Any) -> tuple[Any, bool]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        value = f(z)
    about = np.exceptions.ComplexWarning
    return value, any(issubclass(w.category, about) for w in found)


@engines
@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", CASTS)
def test_casts(name: str, engine: str) -> None:
    f = CASTS[name]
    compiled = autodiff.function(f, engine=engine)
    wanted, warns = heard(f, Z)
    for call in range(10):
        value, told = heard(compiled, Z)
        assert type(value) is type(wanted)
        np.testing.assert_allclose(value, wanted, rtol=1e-14)
        assert told == warns, f"call {call}"
        if engine == "numpy":
            break
    number = lambda z: np.sum(f(z) * 1.5)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        found = autodiff.gradient(number, engine=engine)(Z)
        moved = [number(Z + step) - number(Z - step) for step in np.eye(2) * 1e-6]
        turned = [number(Z + step * 1j) - number(Z - step * 1j) for step in np.eye(2) * 1e-6]
    slopes = (np.array(moved) + 1j * np.array(turned)) / 2e-6
    np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-6)
    assert found.dtype == Z.dtype


@pytest.mark.parametrize(
    "store",
    [
        lambda x, z: x.__setitem__(0, complex(z[0])),
        lambda x, z: x.__setitem__(slice(None), [1j, 2.0]),
        lambda x, z: np.add(z, 1, out=x),
        lambda x, z: np.copyto(x, z),
        lambda x, z: np.place(x, [True, False], z),
        lambda x, z: float(complex(z[0])),
        lambda x, z: np.random.default_rng(3).normal(z, 1.0),
        lambda x, z: z.astype(float, casting="same_kind"),
    ],
)
def test_what_numpy_refuses(store: Callable[[Any, Any], Any]) -> None:
    f = stored(store)
    with pytest.raises(TypeError) as wanted:
        f(Z)
    with warnings.catch_warnings(), pytest.raises(TypeError) as found:
        warnings.simplefilter("ignore", autodiff.errors.FallbackWarning)
        autodiff.function(f)(Z)
    assert str(found.value) == str(wanted.value)


def test_a_cast_is_not_holomorphic() -> None:
    f = lambda z: np.sum(z.astype(float) * 1j)  # noqa: E731
    with pytest.raises(autodiff.errors.ArgumentError, match="cast to real numbers"):
        autodiff.gradient(f, holomorphic=True)(Z)


def test_a_filter_makes_it_an_error() -> None:
    compiled = autodiff.function(lambda z: z.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        for _ in range(12):
            with pytest.raises(np.exceptions.ComplexWarning):
                compiled(Z)
