"""Elementwise compositions against NumPy: values in every dtype and at special points, derivatives."""

import numpy as np
import pytest

import autodiff
from tests.ops.support import check_derivatives, check_value, named_tests

X = np.random.default_rng(0).normal(size=(3, 4)) * 3
SPECIAL = np.array([0.0, -0.0, 0.5, -1.5, 2.5, 1e300, -1e-300, 5e-324, np.inf, -np.inf, np.nan])

CASES = {
    "round": lambda x: np.round(x),
    "round method": lambda x: x.round(1),
    "around -1": lambda x: np.around(x, -1),
    "fix": lambda x: np.fix(x),
    "modf": lambda x: list(np.modf(x)),
    "divmod": lambda x: list(np.divmod(x, 0.7)),
    "real": lambda x: np.real(x) * 2,
    "imag": lambda x: np.imag(x) + x,
    "conj": lambda x: np.conj(x) * x.conj(),
    "real attributes": lambda x: x.real + x.imag,
    "nan_to_num": lambda x: np.nan_to_num(x),
    "sinc": lambda x: np.sinc(x),
    "i0": lambda x: np.i0(x),
    "unwrap": lambda x: np.unwrap(x, axis=1),
    "unwrap period": lambda x: np.unwrap(x, period=2.5, axis=0),
    "ldexp": lambda x: np.ldexp(x, np.array([1, -2, 3, 0])),
    "frexp mantissa": lambda x: np.frexp(x + 45)[0],
    "piecewise": lambda x: np.piecewise(x, [x < -1, x > 1], [lambda v: v * v, 3.0, lambda v: -v]),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda r: r[0] * r, 1, x),
    "angle": lambda x: np.angle(x) + x,
    "heaviside": lambda x: np.heaviside(x, 0.5) * x,
    "degrees": lambda x: np.degrees(np.radians(x)),
}
# Constant, or constant but for steps that differences would straddle.
INTEGER = {
    "round 2": lambda x: np.round(x, 2),
    "frexp": lambda x: list(np.frexp(x)),
    "isreal": lambda x: [np.isreal(x), np.iscomplex(x), np.isrealobj(x)],
    "isposinf": lambda x: [np.isposinf(x), np.isneginf(x)],
    "signbit": lambda x: np.signbit(x),
}
AT_SPECIAL_POINTS = ["round", "round 2", "fix", "modf", "nan_to_num", "sinc", "ldexp", "i0"]

test_value, test_derivatives = named_tests(CASES, INTEGER, X)


@pytest.mark.parametrize("name", [*AT_SPECIAL_POINTS, *INTEGER])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_points(name: str) -> None:
    f = {**CASES, **INTEGER}[name]
    points = SPECIAL[:, None] + np.zeros(4) if name == "ldexp" else SPECIAL
    if name == "i0":
        points = np.array([0.0, 1e-8, 29.9, 30.1, 700.0, -5.0])
    check_value(f, points, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "bool"])
@pytest.mark.parametrize("name", ["round", "sinc", "nan_to_num", "real", "conj"])
def test_dtypes(name: str, dtype: str) -> None:
    x = np.array([3, 0, 1]).astype(dtype)
    if dtype == "bool" and name in ("round", "conj", "sinc"):
        pytest.skip("NumPy treats bools differently from version to version")
    check_value(CASES[name], x)


def test_sinc_is_smooth_at_zero() -> None:
    check_derivatives(np.sinc, np.array([0.0, 1e-6, 1e-3, 1.0]), rtol=1e-5)


def test_scalars_stay_scalars() -> None:
    for x in (np.float64(1.25), np.array(1.25)):
        check_value(
            lambda x: [np.round(x, 1), np.sinc(x), np.real(x) + 0, np.nan_to_num(x), *np.modf(x)], x
        )


@pytest.mark.parametrize("function", [np.imag, np.isreal, np.iscomplex])
def test_the_type_of_what_a_number_has_no_part_of(function) -> None:
    for x in (2.5, 3, True, np.float32(2.5), np.int8(3), np.array(2.5), [1.5, 2], np.ones(2)):
        found, wanted = autodiff.function(lambda x: function(x), engine="numpy")(x), function(x)
        assert type(found) is type(wanted)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
        np.testing.assert_array_equal(found, wanted)
