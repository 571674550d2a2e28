"""Complex numbers and arrays that code stores into, and that loops and branches carry.

Stores are NumPy's: into the array, through its views, through ``.real`` and ``.imag``.  A loop
that carries complex numbers is one loop of the program, its derivative that of the path.
"""

import copy
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning

ENGINES = ("numpy", "native")
VECTOR = np.array([0.5 + 1j, -1.5 + 0.2j, 2 - 0.7j, 0.3 + 0.1j, -0.2 - 1j, 1.1 + 0.4j])
HERMITIAN = np.array([[1.0, 0.3j, 0.1], [-0.3j, 0.5, 0.2], [0.1, 0.2, -1.0]])


def _sample(rows: Any, default: str) -> list[Any]:
    """Rows, of which those that are not named in ``default`` are slow."""
    chosen = default.split()
    return [
        row
        if getattr(row, "__name__", row) in chosen
        else pytest.param(row, marks=pytest.mark.slow)
        for row in rows
    ]


def _assert_same(function: Callable[..., Any], *args: Any) -> None:
    """Value, type and what becomes of the arguments, without falling back."""
    plain = copy.deepcopy(args)
    wanted = function(*plain)
    for engine in ENGINES:
        given = copy.deepcopy(args)
        with warnings.catch_warnings():
            warnings.simplefilter("error", FallbackWarning)
            found = autodiff.function(function, engine=engine)(*given)
        assert type(found) is type(wanted)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
        for mine, other in zip(given, plain, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


def _loops(function: Callable[..., Any], *args: Any) -> int:
    lines = str(autodiff.function(function).ir(*copy.deepcopy(args))).splitlines()
    return sum("= for(" in line or "= while(" in line for line in lines)


# -- stores ---------------------------------------------------------------------------------------
def _items(z: Any) -> Any:
    z[1] = 5
    z[2:4] *= 1j
    z[-1] += z[0] * 1.5
    z[[0, 2]] = [5, 1j]
    return z.sum()


def _parts(z: Any) -> Any:
    z.real[0] = 3
    z.imag += 1
    z.real = np.arange(6)
    z.imag[1:] = 2
    z.imag **= 2
    return z.copy()


def _masks(z: Any) -> Any:
    z[z.real > 1] = 0
    z[np.abs(z) < 1] *= 2j
    z[z.imag > 0] = z[z.imag > 0] * 3
    return z.copy()


def _overlapping(z: Any) -> Any:
    z[0], z[1] = z[1], z[0]
    z[1:] = z[:-1]
    z[:] = z[::-1] * 1j
    z[:] = z[::-1]
    return z * 1


def _views(z: Any) -> Any:
    w, r = z[1:], z.real
    w *= 1j
    r += 1
    turned = z.reshape(2, 3).T
    turned[0] = [1, 2j]
    z.real.ravel()[:] = 7  # a copy
    z.ravel()[3] = 9j  # a view
    return turned


def _outputs(z: Any) -> Any:
    np.multiply(z, 1 + 1j, out=z)
    w = np.empty_like(z)
    np.exp(z, out=w)
    np.add.at(z, [0, 0, 1], 1j)
    return z + w


def _made(z: Any) -> Any:
    a = np.empty((3, 2), dtype=complex)
    for i in range(3):
        a[i] = z[i] ** 2, i
    b = np.full((2, 2), 1j)
    b[0, 0] = z[0]
    c = np.eye(2, dtype=complex)
    c[:, 1] -= z[:2]
    return np.concatenate([a.ravel(), b.ravel(), c.ravel(), np.linspace(z[0], z[1], 3)])


def _single(z: Any) -> Any:
    w = z.astype(np.complex64)
    w[0] = 1 / 3
    w += 1j / 3
    return w


STORES = (_items, _parts, _masks, _overlapping, _views, _outputs, _made, _single)


@pytest.mark.parametrize("function", _sample(STORES, "_parts _views _masks"))
def test_stores_are_those_of_numpy(function: Callable[..., Any]) -> None:
    _assert_same(function, VECTOR.copy())
    _assert_same(lambda z: function(z + 0), VECTOR.copy())


@pytest.mark.parametrize(
    "function", _sample([_items, _parts, _overlapping, _views, _made], "_views")
)
def test_what_was_stored_has_its_derivative(function: Callable[..., Any]) -> None:
    def loss(z: Any) -> Any:
        return np.sum(np.abs(function(z.copy())) ** 2)

    _assert_gradient(loss, VECTOR)


def _assert_gradient(loss: Callable[..., Any], z: Any) -> None:
    h = 1e-6
    z = np.asarray(z)
    wanted = np.zeros(z.shape, complex)
    for at in np.ndindex(z.shape):
        for unit in (1, 1j):
            step = np.zeros(z.shape, complex)
            step[at] = h * unit
            wanted[at] += unit * (loss(z + step) - loss(z - step)) / (2 * h)
    for engine in ENGINES:
        found = autodiff.gradient(loss, engine=engine)(z)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_views_that_are_returned_share_memory() -> None:
    def several(z: Any) -> Any:
        y = z * 2
        return y, y[1:], y.real, y.imag[::2], z.real, z

    for engine in ENGINES:
        z = VECTOR.copy()
        found = autodiff.function(several, engine=engine)(z)
        for mine, other in zip(found, several(z), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert all(np.shares_memory(found[0], x) for x in found[1:4])
        assert np.shares_memory(found[4], z) and found[5] is z


def test_stores_that_numpy_refuses_raise_what_numpy_raises() -> None:
    def into_number(z: Any) -> None:
        z[0][0] = 1

    def too_long(z: Any) -> None:
        z[:2] = z[:3]

    def too_large(z: Any) -> None:
        z += np.ones((2, 6))

    for function, error in (
        (into_number, TypeError),
        (too_long, ValueError),
        (too_large, ValueError),
    ):
        with pytest.raises(error) as plain:
            function(VECTOR.copy())
        with warnings.catch_warnings(), pytest.raises(error) as found:
            warnings.simplefilter("ignore", FallbackWarning)
            autodiff.function(function)(VECTOR.copy())
        assert str(plain.value).split("(")[0] in str(found.value)


# -- loops ----------------------------------------------------------------------------------------
def _mandelbrot(c: Any) -> Any:
    z = 0j
    for k in range(50):
        if abs(z) > 2:
            return k
        z = z * z + c
    return 50


def _escape(z: Any) -> Any:
    for _ in range(100):
        z = z * z + 0.1
        if abs(z) > 3:
            return z
    return z * 0


def _horner(z: Any) -> Any:
    s = 0j
    for k in range(12):
        s = s * z + k
    return s


def _until(z: Any) -> Any:
    while abs(z) < 10:
        z = z * (1 + 0.2j)
    return z


def _contour(r: Any) -> Any:
    s = 0j
    for k in range(40):
        z = r * np.exp(2j * np.pi * k / 40)
        s += np.exp(z) * 2j * np.pi / 40
    return s


def _filtered(a: Any) -> Any:
    y = np.zeros(20, complex)
    y[0] = 1
    for k in range(1, 20):
        y[k] = a * y[k - 1] + k
    return y


def _evolved(t: Any) -> Any:
    psi = np.ones(3, complex)
    for _ in range(30):
        psi = psi - 1j * t * (HERMITIAN @ psi)
        psi = psi / np.sqrt(np.vdot(psi, psi).real)
    return psi


def _transformed(a: Any) -> Any:
    v = np.fft.fft(np.arange(8.0) * a)
    for _ in range(10):
        v = v * np.exp(-0.1j)
        u = np.fft.ifft(v)
    return u


def _last(z: Any) -> Any:
    for k in range(10):
        w = z * k
        z = z + w * 0.1
        if z.real > 3:
            u = w - 1
    return w + z + u


def _of_object(z: Any) -> Any:
    class State:
        pass

    state = State()
    state.z, state.seen = z, np.zeros(10, complex)
    for k in range(10):
        state.z = state.z * 1.1j
        state.seen[k] = state.z
    return state.seen


def _of_tuple(z: Any) -> Any:
    state = (z, 0.0)
    for _ in range(10):
        state = (state[0] * 1j, state[1] + abs(state[0]))
    return state[0] * state[1]


def _rotated(z: Any) -> Any:
    a, b = z, z * 1j
    for _ in range(10):
        a, b = b, a + 0.1j * b
    return a + b


def _from_zero(z: Any) -> Any:
    s = 0
    for k in range(10):
        s += z * k
    return s


def _listed(z: Any) -> Any:
    found = [z]
    for _ in range(10):
        found.append(found[-1] * (0.5 + 1j))
    return np.array(found) * 2


def _summed(z: Any) -> Any:
    found = []
    for k in range(10):
        found.append(z * k)
    return sum(found)


def _sometimes(z: Any) -> Any:
    s = 0j
    for k in range(10):
        if (z * k).real > 2:
            s += z * np.complex128(k)
    return s


def _sometimes_from_zero(z: Any) -> Any:
    s = 0
    n = 0
    for k in range(10):
        if (z * k).real > 2:
            s = s + z * k
            n += 1
    return s * 2 + n


LOOPS: dict[Callable[..., Any], int] = dict.fromkeys(
    (
        _mandelbrot, _escape, _horner, _until, _contour, _filtered, _evolved, _transformed, _last,
        _of_object, _of_tuple, _rotated, _from_zero, _listed, _summed,
        _sometimes, _sometimes_from_zero,
    ),
    1,
)  # fmt: skip


@pytest.mark.parametrize(
    "function", _sample(LOOPS, "_mandelbrot _filtered _last _of_object _listed")
)
def test_loops_that_carry_complex_numbers_are_one_loop(function: Callable[..., Any]) -> None:
    for z in (0.4 + 0.5j, np.complex128(0.9 - 0.3j)):
        _assert_same(function, z)
        assert _loops(function, z) == LOOPS[function]


@pytest.mark.parametrize(
    "function", _sample([f for f in LOOPS if f is not _mandelbrot], "_filtered _until")
)
def test_loops_that_carry_complex_numbers_have_derivatives(function: Callable[..., Any]) -> None:
    _assert_gradient(lambda z: np.sum(np.abs(function(z)) ** 2), np.complex128(0.7 + 0.4j))


@pytest.mark.parametrize("function", [_sometimes, _sometimes_from_zero])
def test_a_number_that_only_some_iterations_make_complex_has_its_own_type(function: Any) -> None:
    for z in (0.4 + 0.5j, -1j, np.complex128(0.9), np.complex128(-0.9)):
        _assert_same(function, z)


def test_branches_give_numbers_of_two_types() -> None:
    def chosen(z: Any, x: Any) -> Any:
        w = 0
        if x > 0:
            w = z
        return w

    def computed(z: Any, x: Any) -> Any:
        w = z[0] if x > 0 else 2j
        return w * w + 1

    for x in (2.0, -2.0):
        _assert_same(chosen, 1j, x)
        _assert_same(chosen, np.complex128(1j), x)
        _assert_same(computed, VECTOR.copy(), x)
    f = autodiff.function(chosen)
    for x in (2.0, -2.0, 1.0):
        assert type(f(1j, x)) is type(chosen(1j, x))
    assert len(f.cache) == 1


def test_branches_choose_among_complex_numbers_and_among_stores() -> None:
    def chosen(z: Any, x: Any) -> Any:
        if x > 0:
            w = z * 2
            u = 1j
        else:
            w = z + 1j
            u = 2 + x * 0j
        return w * u

    def stored(z: Any, x: Any) -> Any:
        w = z * 1
        if x > 0:
            w[0] = 2j
        else:
            w[1] = 3
        return w

    def bound(z: Any, x: Any) -> Any:
        if x > -5:
            w = z * 2
        return w

    for x in (0.5, -0.5):
        for function in (chosen, stored, bound):
            _assert_same(function, VECTOR.copy(), x)
        assert "cond" in str(autodiff.function(stored).ir(VECTOR, x))


@pytest.mark.parametrize("options", [{}, {"use_cache": False}], ids=["compiled", "uncompiled"])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_complex_arrays_kept_outside_stay_one_array(options) -> None:
    box = types.SimpleNamespace()

    def f(x):
        z = x * 1j
        box.one = z
        z[0] = 5.0
        box.two = (z, [z[1]], complex(x[0], -0.0))
        return np.sum(abs(box.one) ** 2)

    def left(run):
        run(np.array([1.5, 3.0]))
        return repr(box), box.two[0] is box.one

    expected = left(f)
    assert left(autodiff.gradient(f, **options)) == expected
