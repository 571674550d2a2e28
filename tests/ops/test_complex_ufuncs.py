"""Every ufunc of NumPy and SciPy that has a loop for complex numbers, NumPy's order, and text."""

import cmath
import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import autodiff
from autodiff.errors import FallbackWarning

ENGINES = ("numpy", "native")
Z = np.array([0.3 + 0.5j, 1 - 0.2j, -0.7 + 1j, 0.3 + 0.1j, 1 - 0.2j, -1.4 - 0.9j])
_PARTS = np.array([0.0, -0.0, 1.0, -2.5, 3e-200, np.inf, -np.inf, np.nan])


def _grid() -> np.ndarray:
    real, imag = np.meshgrid(_PARTS, _PARTS)
    grid = np.empty(real.size, complex)
    grid.real, grid.imag = real.ravel(), imag.ravel()
    return grid


def _ufuncs(module: Any) -> list[str]:
    """The ufuncs of a module with a loop of complex numbers, each under one of its names."""
    found: dict[int, str] = {}
    for name in dir(module):
        ufunc = getattr(module, name)
        if isinstance(ufunc, np.ufunc) and any("D" in t.split("->")[0] for t in ufunc.types):
            found.setdefault(id(ufunc), name)
    return sorted(found.values())


# Of several results, or of an order and a complex number.
UNFOLLOWED = frozenset(
    """
    airy airye fresnel shichi sici betainc eval_chebyc eval_chebys eval_chebyt eval_chebyu
    eval_gegenbauer eval_jacobi eval_laguerre eval_genlaguerre eval_legendre eval_sh_chebyt
    eval_sh_chebyu eval_sh_jacobi eval_sh_legendre hankel1 hankel1e hankel2 hankel2e hyp0f1 hyp1f1
    hyp2f1 iv ive jn jv jve kv kve sph_harm xlog1py xlogy yv yve sph_harm_y lambertw
    """.split()
)
SPECIAL = [name for name in _ufuncs(scipy.special) if name not in UNFOLLOWED]


def _close(found: Any, wanted: Any, ulps: float) -> bool:
    """One dtype and shape, and elements within units of the last place of |wanted|, NaN beside NaN."""
    a, b = np.asarray(found), np.asarray(wanted)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    finite = np.isfinite(b)
    step = ulps * np.finfo(b.dtype).eps
    near = np.abs(a[finite] - b[finite]) <= step * np.abs(b[finite])
    same = all(
        np.allclose(x[~finite], y[~finite], rtol=step, atol=0, equal_nan=True)
        for x, y in ((a.real, b.real), (a.imag, b.imag))
    )
    return bool(near.all()) and same


def _assert_value(function: Callable[..., Any], *args: Any, ulps: float = 4) -> None:
    with np.errstate(all="ignore"):
        wanted = function(*args)
    for engine in ENGINES:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", FallbackWarning)
            found = autodiff.function(function, engine=engine)(*args)
        assert type(found) is type(wanted)
        assert _close(found, wanted, ulps), (engine, args, found, wanted)


_SHAPES: dict[str, Any] = {
    "matmul": ((2, 3), (3, 2)), "vecdot": (6, 6), "matvec": ((2, 3), 3), "vecmat": (3, (3, 2)),
}  # fmt: skip


def _sample(names: Any, default: str) -> list[Any]:
    """Names, of which those that are not in the default run are slow."""
    chosen = default.split()
    return [n if n in chosen else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", _sample(_ufuncs(np), "power arcsin sign less matmul"))
def test_every_ufunc_of_numpy_has_a_value_and_its_dtype(name: str) -> None:
    ufunc = getattr(np, name)
    if ufunc.signature is not None:
        operands = _SHAPES[name]
        _assert_value(lambda *x: ufunc(*x), *(Z[: np.prod(n)].reshape(n) for n in operands))
        return
    for z in (Z, Z.astype(np.complex64), Z[0], complex(Z[1])):
        _assert_value(lambda *x: ufunc(*x), *(z, z * 0.5 - 0.2j)[: ufunc.nin], ulps=16)


# Values of the ufunc itself, or choices among operands: at special points bit by bit.
EXACT = (
    "arcsin arccos arctan arcsinh arccosh arctanh expm1 log1p exp2 rint sign maximum minimum fmax "
    "fmin less less_equal greater greater_equal equal not_equal"
).split()


@pytest.mark.parametrize("name", _sample(EXACT, "sign fmax"))
def test_special_points_are_those_of_numpy(name: str) -> None:
    ufunc, grid = getattr(np, name), _grid()
    args = (grid,) if ufunc.nin == 1 else (np.repeat(grid, 64), np.tile(grid, 64))
    _assert_value(lambda *x: ufunc(*x), *args, ulps=1)


@pytest.mark.parametrize("name", _sample(SPECIAL, "erf gamma"))
def test_special_functions_have_scipys_values_and_derivatives(name: str) -> None:
    ufunc = getattr(scipy.special, name)
    if ufunc.nin != 1 or ufunc.nout != 1:
        pytest.skip("of several numbers")
    _assert_value(lambda z: ufunc(z), Z, ulps=0)
    if name in ("psi", "digamma"):
        return
    z, h = Z[:3], 1e-5
    wanted = (ufunc(z + h) - ufunc(z - h)) / (2 * h)
    for engine in ENGINES:
        found = autodiff.jacobian(lambda z: ufunc(z), holomorphic=True, engine=engine)(z)
        np.testing.assert_allclose(found, np.diag(wanted), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "name",
    _sample("arcsin arccos arctan arcsinh arccosh arctanh expm1 log1p exp2".split(), "arccosh"),
)
def test_inverse_functions_have_derivatives_to_second_order(name: str) -> None:
    ufunc, z, h = getattr(np, name), Z[:3], 1e-5
    slope = autodiff.gradient(lambda z: np.sum(ufunc(z)), holomorphic=True)
    np.testing.assert_allclose(slope(z), (ufunc(z + h) - ufunc(z - h)) / (2 * h), rtol=1e-8)
    curved = autodiff.hessian(lambda z: np.sum(ufunc(z)), holomorphic=True)(z)
    np.testing.assert_allclose(curved, np.diag((slope(z + h) - slope(z - h)) / (2 * h)), rtol=1e-7)


def test_derivative_at_a_branch_cut_is_that_of_the_side_of_the_zero() -> None:
    for name in ("arcsin", "arccos", "arccosh"):
        slope = autodiff.gradient(lambda z, name=name: getattr(np, name)(z), holomorphic=True)
        for z in (complex(-2, 0.0), complex(-2, -0.0)):
            above = z + (1e-9j if np.copysign(1, z.imag) > 0 else -1e-9j)
            assert abs(slope(z) - slope(above)) < 1e-8


# -- order --------------------------------------------------------------------------------------------
NANS = np.array([np.nan + 1j, complex(1, np.nan), 2 + 1j, complex(3, np.nan), -1j, 0.5])
ORDER: dict[str, Callable[[Any], Any]] = {
    "sort": lambda z: (np.sort(z), np.sort_complex(z))[0],
    "argsort": lambda z: z.argsort(),
    "max": lambda z: z.max(),
    "min": lambda z: np.min(z),
    "argmax": lambda z: np.argmax(z),
    "argmin": lambda z: z.argmin(),
    "ptp": lambda z: np.ptp(z[2:3]) + np.ptp(z[4:]),
    "in place": lambda z: (z.sort(), z * 1)[1],
    "axes": lambda z: np.sort(np.stack([z, z[::-1]]), axis=0),
    "max of axes": lambda z: np.max(np.stack([z, z[::-1]]), axis=1, keepdims=True),
    "rounded": lambda z: np.round(z * 10, 1),
    "nan_to_num": lambda z: np.nan_to_num(z),
    "isclose": lambda z: np.isclose(z, z + 1e-9),
}


@pytest.mark.parametrize("name", _sample(ORDER, "sort argsort max"))
def test_order_is_lexicographic_and_nan_comes_last(name: str) -> None:
    for z in (Z.copy(), NANS.copy(), Z.astype(np.complex64)):
        _assert_value(ORDER[name], z)


def test_derivatives_flow_to_the_elements_that_order_chooses() -> None:
    def loss(z: Any) -> Any:
        return (np.sort(z)[1] * 2j + z.max() + np.maximum(z, z[0]).sum()).real

    z, h = Z[[0, 1, 2, 5]], 1e-6
    wanted = [
        sum(u * (loss(z + h * u * e) - loss(z - h * u * e)) / (2 * h) for u in (1, 1j))
        for e in np.eye(4)
    ]
    for engine in ENGINES:
        np.testing.assert_allclose(autodiff.gradient(loss, engine=engine)(z), wanted, atol=1e-8)


def test_pythons_complex_numbers_have_no_order() -> None:
    with pytest.raises(TypeError, match="'<' not supported between instances of 'complex'"):
        autodiff.function(lambda z: z < 1j)(1 + 2j)


def test_real_if_close_is_decided_by_the_values_of_each_call() -> None:
    f = autodiff.function(lambda z: np.real_if_close(z))
    for z in (Z, Z.real + 1e-17j, Z):
        assert f(z).dtype == np.real_if_close(z).dtype


# -- cmath and text -----------------------------------------------------------------------------------
CMATH = [n for n in dir(cmath) if not n.startswith("_") and callable(getattr(cmath, n))]


@pytest.mark.parametrize(
    "name", _sample([n for n in CMATH if n not in ("rect", "isclose")], "acos log")
)
def test_functions_of_cmath(name: str) -> None:
    function = getattr(cmath, name)
    for z in (0.3 + 0.5j, -0.4 - 2j):
        _assert_value(lambda z: function(z), z, ulps=8)
    _assert_value(lambda x: function(x), 0.25, ulps=8)


def test_cmath_of_two_numbers() -> None:
    _assert_value(lambda r: cmath.rect(r, 2.0), 0.5)
    _assert_value(lambda z: cmath.log(z, 2 + 1j), 0.5 + 1j)
    for near in (1e-12, 1e-3):
        _assert_value(lambda z, near=near: cmath.isclose(z, z + near), 0.3 + 0.5j)
        _assert_value(lambda z, near=near: cmath.isclose(z, z + near, abs_tol=0.1), 0.3 + 0.5j)


def test_complex_numbers_are_written_as_python_writes_them() -> None:
    def shown(z: Any) -> Any:
        print(z, z[0], complex(z[1]), f"{z[0]:.2f} {z[1]!r}", [z[0], {"a": z[1:]}])
        return z.sum()

    for engine in ENGINES:
        f = autodiff.function(shown, engine=engine)
        for z in (Z, Z * 2):
            texts = []
            for run in (f, shown):
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    run(z)
                texts.append(out.getvalue())
            assert texts[0] == texts[1]
