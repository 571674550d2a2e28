"""Convolution, interpolation, differences and polynomials against NumPy, with derivatives."""

import numpy as np
import pytest

from tests.ops.support import ENGINES, check_derivatives, check_value

rng = np.random.default_rng(0)
X, Y, F = rng.normal(size=6), rng.normal(size=3), rng.normal(size=(4, 5))
KNOTS = np.array([-1.5, -0.4, 0.3, 1.1])
engines = pytest.mark.parametrize("engine", ENGINES)

CASES = {
    **{
        f"{name} {mode} {order}": (
            lambda x, y, f, name=name, mode=mode, order=order: getattr(np, name)(
                *((x, y) if order == "long" else (y, x)), mode
            )
        )
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
        for order in ("long", "short")
    },
    "convolve even": lambda x, y, f: np.convolve(x, y[:2], "same"),
    "correlate even": lambda x, y, f: [
        np.correlate(x, x[:4], "same"),
        np.correlate(x[:2], x, "same"),
        np.correlate(y, x[:4], "same"),
    ],
    "convolve with itself": lambda x, y, f: np.convolve(x, x),
    "interp": lambda x, y, f: np.interp(x, KNOTS, f[:, 0]),
    "interp points": lambda x, y, f: np.interp(x[:2], np.sort(x), f[0, 0] * x),
    "interp ends": lambda x, y, f: np.interp(
        [-9.0, 9.0, 0.0], KNOTS, f[:, 1], left=-1.0, right=y[0]
    ),
    "interp period": lambda x, y, f: np.interp(x, KNOTS, f[:, 0], period=3.0),
    "trapezoid": lambda x, y, f: np.trapezoid(f),
    "trapezoid dx": lambda x, y, f: np.trapezoid(f, dx=0.5, axis=0),
    "trapezoid x": lambda x, y, f: np.trapezoid(f, KNOTS * y[0], axis=0),
    "gradient": lambda x, y, f: np.gradient(x),
    "gradient both": lambda x, y, f: list(np.gradient(f)),
    "gradient spacing": lambda x, y, f: np.gradient(f, 0.5, axis=1),
    "gradient spacings": lambda x, y, f: list(np.gradient(f, 2.0, 0.5)),
    "gradient second": lambda x, y, f: np.gradient(f, 0.5, axis=0, edge_order=2),
    "gradient uneven": lambda x, y, f: np.gradient(f, KNOTS * (2 + y[0]), axis=0),
    "gradient uneven second": lambda x, y, f: np.gradient(f, KNOTS, axis=0, edge_order=2),
    "polyval": lambda x, y, f: np.polyval(y, x),
    "polyval constant": lambda x, y, f: np.polyval(y[:1], x),
    "polyval known": lambda x, y, f: np.polyval([1.0, -2.0, 3.0], f),
    "polyder": lambda x, y, f: np.polyder(x, 2),
    "polyint": lambda x, y, f: np.polyint(y, 2, k=[1.0, 2.0]),
    "polyadd": lambda x, y, f: [np.polyadd(x, y), np.polysub(y, x), np.polymul(x, y)],
    "polyfit": lambda x, y, f: np.polyfit(KNOTS, f[:, 0], 2),
    "polyfit weights": lambda x, y, f: np.polyfit(KNOTS, f, 1, w=[1.0, 2.0, 1.0, 0.5]),
    "fftshift": lambda x, y, f: [np.fft.fftshift(f), np.fft.ifftshift(f, axes=1)],
}


@engines
@pytest.mark.parametrize("name", CASES)
def test_value(name: str, engine: str) -> None:
    check_value(CASES[name], X, Y, F, engine=engine, rtol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    check_derivatives(CASES[name], X, Y, F)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_dtypes(dtype: str) -> None:
    x, y = (10 * X).astype(dtype), (10 * Y).astype(dtype)
    check_value(
        lambda x, y: [np.convolve(x, y), np.gradient(x), np.polyval(y, x), np.trapezoid(x)], x, y
    )


def test_interp_of_scalars_gives_scalars() -> None:
    check_value(lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0]), 0.25)
    check_value(lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0]), np.float64(0.25))
