"""Options and attributes that few programs use: the result, its type, or the exception is NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.transform import Rotation

import autodiff

_Z = np.array([1 + 1j, complex(np.nan, 1), 2.0, complex(np.inf, np.nan)])
_Y = np.array([1 + 1j, complex(1, np.nan), 2 + 1e-9, complex(np.nan, 1)])


def _flag_is_set(a: Any) -> Any:
    b = a.copy()
    b.flags.writeable = False
    try:
        b[0] = 7
    except ValueError:
        return -1, b
    return 1, b


def _flag_by_key(a: Any) -> Any:
    a.flags["W"] = False
    b = np.copy(a)
    return b.flags["WRITEABLE"], a.flags["WRITEABLE"], b.flags.owndata


def _orders(a: Any) -> Any:
    b = a.reshape(2, 2)
    names = ("c_contiguous", "f_contiguous", "contiguous", "fortran", "fnc", "forc")
    keys = ("C", "F", "CONTIGUOUS", "FORTRAN", "FNC", "FORC")
    return [getattr(x.flags, n) for x in (a, b, b.T, b[:, 1]) for n in names], [
        x.flags[k] for x in (b, b.T) for k in keys
    ]


def _flags_of_a_view(a: Any) -> Any:
    return np.broadcast_to(a, (2, 4)).flags.writeable, a[1:].flags.owndata, a.flags.num


def _rotations(q: Any) -> Any:
    r = Rotation.from_quat(q, scalar_first=True)
    unit = Rotation.identity().as_quat(scalar_first=True)
    return r.as_quat(scalar_first=True).argmax(), (-r.as_quat()).argmax(), unit


def _casting(x: Any) -> Any:
    return x.astype(np.int64, casting="same_value" if hasattr(np, "unstack") else "unsafe")


def _signs(z: Any) -> Any:
    """The signs of the parts that are no NaN, which has none that counts."""
    return [np.signbit(x) & ~np.isnan(x) for x in (z.real, z.imag)]


_FOUR = np.arange(4)
_PARTS = (0.0, -0.0, 1.0, -3.0, np.inf, -np.inf, np.nan)
_ENDS = np.array([complex(a, b) for a in _PARTS for b in _PARTS])
ROWS: list[tuple[Callable[..., Any], list[Any]]] = [
    (_flag_is_set, [_FOUR]),
    (_flag_by_key, [_FOUR]),
    (_orders, [_FOUR]),
    (_flags_of_a_view, [_FOUR]),
    (lambda a: str(a.flags), [_FOUR]),
    (lambda a, b: (np.array_equal(a, b, equal_nan=True), np.array_equal(a, b)), [_Z, _Y]),
    (lambda a, b: (np.allclose(a, b, equal_nan=True), np.allclose(a, b, atol=1.0)), [_Z, _Y]),
    (lambda a, b: (np.isclose(a, b, equal_nan=True), np.isclose(a, b)), [_Z, _Y]),
    (lambda a, b: np.array_equal(a[:3], b), [_Z, _Y]),
    (lambda a, i: (np.split(a, i), np.array_split(a, i)), [np.arange(8.0), np.array([2, 5])]),
    (lambda a, i: (np.hsplit(a, i), np.array_split(a, i[0])), [np.arange(8.0), np.array([3, 20])]),
    (lambda a, i: np.vsplit(a, i), [np.arange(12.0).reshape(6, 2), np.array([-2, -1])]),
    *[
        (lambda n, x=x: (np.ldexp(x, n), np.ldexp(x, 3), np.ldexp(x, np.int8(2))), [_FOUR])
        for x in (True, 5, 5.0, np.int8(5), np.int32(5), np.float32(5), 100_000)
    ],
    (lambda m: np.ravel_multi_index(m, (3, 4), mode=("clip", "wrap")), [np.array([[3, 6], [4, 5]])]),
    (lambda m: np.ravel_multi_index(m, (3, 4), mode=("clip",)), [np.array([[3, 6], [4, 5]])]),
    (lambda m: np.ravel_multi_index(m, (3, 4), mode=("raise", "wrap")), [np.array([[3], [4]])]),
    *[
        (lambda x: (np.unique_values(x), np.unique(x)), [np.array([5, 3, 1, 5, 0, 200, 7]).astype(d)])
        for d in ("int64", "uint8", "float64", "float32", "complex128", "bool")
    ],
    (lambda q: _rotations(q), [np.array([0.1, 0.2, 0.3, 0.9])]),
    (lambda m: (Rotation.from_matrix(m).as_matrix(), m), [np.diag([0.5, 0.5, 0.5])]),
    (_casting, [np.array([1.0, 2.0])]),
    (lambda a, b: np.tensordot(a, b, axes=1), [_Z[:1], _Y[:1]]),
    (lambda a, b: linalg.lstsq(a, b)[2], [np.eye(3)[:, :2], np.arange(3.0)]),
    (lambda a: linalg.lu(a, p_indices=True)[0], [np.arange(9.0).reshape(3, 3)[::-1] ** 2 + np.eye(3)]),
    (lambda z: [_signs(f(z)) for f in (np.reciprocal, np.cos, np.cosh, np.tan, np.tanh, np.exp)], [_ENDS]),
]  # fmt: skip


def _outcome(f: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return f(*[x.copy() for x in arguments])
    except Exception as error:
        return error


def _same(found: Any, wanted: Any) -> bool:
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, Exception):
        return str(wanted) in str(found)
    if isinstance(wanted, (tuple, list)):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    f, w = np.asarray(found), np.asarray(wanted)
    return (
        f.dtype == w.dtype and f.shape == w.shape and bool(np.all((f == w) | ((f != f) & (w != w))))
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", range(len(ROWS)))
def test_options_are_those_of_numpy(at: int) -> None:
    f, arguments = ROWS[at]
    wanted = _outcome(f, arguments)
    for engine in ("native", "numpy"):
        found = _outcome(autodiff.function(f, engine=engine), arguments)
        assert _same(found, wanted), f"{engine}: {found}, not {wanted}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "dtype", ["int64", "int8", "uint8", "float16", "float32", "float64", "bool"]
)
def test_the_sum_of_the_items_of_a_long_array_adds_in_order(dtype: str) -> None:
    def sums(x: Any) -> Any:
        return sum(x), sum(x, 0.5), sum(x.reshape(-1, 2)), sum(sum(x.reshape(-1, 2))), sum(x[:10])

    x = (np.random.default_rng(0).normal(size=200) * 30).astype(dtype)
    for engine in ("native", "numpy"):
        assert _same(autodiff.function(sums, engine=engine)(x), sums(x))


def _sum_of_squares(x: Any) -> Any:
    return sum(x * x)


def test_the_sum_of_the_items_of_an_array_is_one_operation() -> None:
    sizes = [len(str(autodiff.function(_sum_of_squares).ir(np.ones(n)))) for n in (101, 3001)]
    assert max(sizes) < 3000
    x = np.random.default_rng(0).normal(size=300)
    np.testing.assert_allclose(autodiff.gradient(_sum_of_squares)(x), 2 * x)


def test_what_a_negative_zero_sums_up_to() -> None:
    x = np.full(100, -0.0)
    assert not np.signbit(autodiff.function(lambda s: sum(s))(x))
