"""Programs of complex numbers as computational science has them: compiled without a fallback, values and gradients.

Escape times of the quadratic map, a contour integral of resolvents, a radix-2 transform that sorts itself (Stockham), and
self-energies of electrons that scatter from vibrations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning
from tests.ops.support import ENGINES, differences

engines = pytest.mark.parametrize("engine", ENGINES)
pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
_rng = np.random.default_rng(8)


def _complex(*shape: int) -> np.ndarray:
    return _rng.normal(size=shape) + 1j * _rng.normal(size=shape)


def escape(low: Any, high: Any, steps: int, horizon: float) -> Any:
    """How long the quadratic map stays near, and where it is then."""
    x = np.linspace(low, high, 5)
    c = x + x[:, None] * 1j
    count = np.zeros(c.shape, dtype=np.int64)
    z = np.zeros(c.shape, dtype=np.complex128)
    for n in range(steps):
        near = np.abs(z) < horizon
        count[near] = n
        z[near] = z[near] ** 2 + c[near]
    count[count == steps - 1] = 0
    return z, count


def contour(points: Any, matrices: Any, right: Any) -> Any:
    """Moments of resolvents of a matrix polynomial on a contour."""
    zeroth = np.zeros(right.shape, dtype=np.complex128)
    first = np.zeros(right.shape, dtype=np.complex128)
    for z in points:
        whole = np.zeros(matrices.shape[1:], dtype=np.complex128)
        for n in range(matrices.shape[0]):
            factor = np.power(z, (matrices.shape[0] - 1) / 2 - n)
            whole += factor * matrices[n]
        x = np.linalg.solve(whole, right)
        if abs(z) < 1.0:
            x = -x
        zeroth += x
        first += z * x
    return zeroth, first


def stockham(x: Any, levels: int) -> Any:
    """A Fourier transform of ``2**levels`` numbers."""
    n = 2**levels
    y = x.astype(np.complex128)
    half = n // 2
    for level in range(levels):
        width = 2**level
        blocks = y.reshape(2, half // width, width)
        turn = np.exp(-1j * np.pi * np.arange(width) / width)
        out = np.empty((half // width, 2, width), dtype=np.complex128)
        odd = blocks[1] * turn
        out[:, 0] = blocks[0] + odd
        out[:, 1] = blocks[0] - odd
        y = out.reshape(n)
    return y


def self_energy(coupling: Any, green: Any, phonon: Any, shifts: int) -> Any:
    """Sums of ``coupling G coupling D`` over momenta, energies and frequencies."""
    energies, atoms = green.shape[1], green.shape[2]
    sigma = np.zeros_like(green)
    for k in range(green.shape[0]):
        for e in range(energies):
            for w in range(shifts):
                if e - w >= 0:
                    for a in range(atoms):
                        left = green[k, e - w, a] @ coupling[a]
                        scaled = coupling[a] * phonon[w, a]
                        sigma[k, e, a] += left @ scaled
    return sigma


C = np.exp(2j * np.pi * (np.arange(6) + 0.5) / 6) * np.where(np.arange(6) % 2, 2.0, 0.5)
M, R = _complex(3, 3, 3) + 3 * np.eye(3), _complex(3, 2)
G, H, D = _complex(2, 3, 2, 2, 2), _complex(2, 2, 2), _complex(2, 2)
X = _complex(8)
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "escape": (lambda a, b: escape(a, b, 6, 2.0), (-0.6, 0.5)),
    "contour": (lambda m, r: contour(C, m, r), (M, R)),
    "stockham": (lambda x: stockham(x, 3), (X,)),
    "self energy": (lambda h, g, d: self_energy(h, g, d, 2), (H, G, D)),
}

names = [n if n == "stockham" else pytest.param(n, marks=pytest.mark.slow) for n in PROGRAMS]


def _size(results: Any) -> Any:
    """A real number that all complex results change."""
    parts = results if isinstance(results, tuple) else (results,)
    total = 0.0
    for n, part in enumerate(parts):
        if np.iscomplexobj(part):
            total = total + np.sum(np.abs(part - 0.3j * (n + 1)) ** 2) + np.sum(np.sin(part.imag))
    return total


@engines
@pytest.mark.parametrize("name", names)
def test_values(name: str, engine: str) -> None:
    f, arguments = PROGRAMS[name]
    have, want = autodiff.function(f, engine=engine)(*arguments), f(*arguments)
    pairs = zip(have, want, strict=True) if isinstance(want, tuple) else [(have, want)]
    for h, w in pairs:
        assert h.dtype == w.dtype
        np.testing.assert_allclose(h, w, rtol=1e-12, atol=1e-13)


def test_stockham_is_a_fourier_transform() -> None:
    np.testing.assert_allclose(autodiff.function(stockham)(X, 3), np.fft.fft(X), rtol=1e-12)


@pytest.mark.parametrize("name", names)
def test_gradients(name: str) -> None:
    """The directional derivative is Re(conj(gradient) direction)."""
    f, arguments = PROGRAMS[name]
    loss = lambda *x: _size(f(*x))  # noqa: E731
    found = autodiff.vjp(loss, *arguments)[1](1.0)
    directions = [
        x if np.iscomplexobj(a) else x.real
        for a in arguments
        for x in [np.asarray(_complex(*np.shape(a)))]
    ]

    def moved(t: float) -> list[np.ndarray]:
        return [np.asarray(loss(*[a + t * d for a, d in zip(arguments, directions, strict=True)]))]

    (slope,) = differences(moved, 1e-5)
    along = sum(np.sum((np.conj(g) * d).real) for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(along, slope, rtol=1e-6, atol=1e-8)
    for g, a in zip(found, arguments, strict=True):
        assert np.iscomplexobj(g) == np.iscomplexobj(a)


OUTSIDE = _complex(2, 2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * OUTSIDE.T),
        lambda x: np.sum(x * OUTSIDE.mT + OUTSIDE.conj().T),
        lambda x: np.linalg.solve(OUTSIDE.T, x),
        lambda x: x * OUTSIDE.real.T + OUTSIDE.T.imag,
    ],
)
def test_attributes_of_arrays_from_outside_that_are_views(f: Any) -> None:
    global OUTSIDE
    compiled = autodiff.function(f, engine="numpy")
    before = OUTSIDE
    try:
        for _ in range(2):
            np.testing.assert_allclose(compiled(np.eye(2)), f(np.eye(2)), rtol=1e-12)
            OUTSIDE[0, 1] += 1j
            np.testing.assert_allclose(compiled(np.eye(2)), f(np.eye(2)), rtol=1e-12)
            OUTSIDE = OUTSIDE * 2
    finally:
        OUTSIDE = before


def test_an_iterator_of_a_complex_array_from_outside_is_read_plainly() -> None:
    f = lambda x: np.sum(x * OUTSIDE.flat[1]).real  # noqa: E731
    with pytest.warns(FallbackWarning, match=r"OUTSIDE\.flat, of an array of complex128"):
        assert autodiff.function(f)(np.ones(2)) == f(np.ones(2))
    with pytest.warns(FallbackWarning):
        found = autodiff.gradient(f)(np.ones(2))
    np.testing.assert_allclose(found, OUTSIDE[0, 1].real)
