"""Elementwise compositions against NumPy: values in every dtype and at special points, derivatives."""

import numpy as np
import pytest

import autodiff
from tests.ops.support import ENGINES, check_derivatives, check_value, named_tests

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


def _first_alone(t):
    return t * 2 if len(t) > 1 else t


# Functions that see which elements they get, and how many; conditions of the first axes.
PIECES = {
    "the mean": lambda x: np.piecewise(x, [x > 0], [lambda t: t - t.mean(), -1.0]),
    "the order": lambda x: np.piecewise(x, [x > 0, x <= 0], [lambda t: t[::-1], np.cumsum]),
    "the number": lambda x: np.piecewise(x, [x > 0], [lambda t: t * t.size]),
    "whether there are several": lambda x: np.piecewise(x, [x > 1.5], [_first_alone]),
    "their places": lambda x: np.piecewise(x, [x > 0], [lambda t: np.arange(len(t)) * t]),
    "none": lambda x: np.piecewise(x, [x > 9], [lambda t: t - np.max(t, initial=0.0)]),
    "each for itself": lambda x: np.piecewise(x, [x > 0], [np.log, lambda t: t / 2]),
    "rows": lambda x: np.piecewise(x.reshape(2, 2), [x[:2] > 0], [lambda t: t**2, lambda t: t * 3]),
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("engine", ENGINES)
def test_pieces_get_the_elements_for_which_a_condition_holds(name, engine):
    f, compiled = PIECES[name], autodiff.function(PIECES[name], engine=engine, on_fallback="error")
    for x in (np.array([-1.0, 2.0, 0.5, 1.0]), np.array([0.3, -2.0, 3.0, 4.0])):
        found, wanted = compiled(x), f(x)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    if engine == "numpy":
        autodiff.check_gradient(lambda x: np.sum(np.sin(f(x))), x, engine=engine)
        slope = autodiff.gradient(lambda x: np.sum(np.sin(f(x))), engine=engine)
        bend = autodiff.hessian(lambda x: np.sum(np.sin(f(x))), engine=engine)(x)
        columns = [(slope(x + 1e-5 * e) - slope(x - 1e-5 * e)) / 2e-5 for e in np.eye(4)]
        np.testing.assert_allclose(bend, columns, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.piecewise(x, [np.array([True, False])], [1.0]),
        lambda x: np.piecewise(x, [x[:1] > 0], [1.0]),
        lambda x: np.piecewise(x, [x[None] > 0], [1.0]),
        lambda x: np.piecewise(x.reshape(2, 2), [True], [1.0]),
    ],
)
def test_conditions_of_pieces_have_the_shape_of_an_index(f):
    x = np.array([-1.0, 2.0, 0.5, 1.0])
    with pytest.raises(IndexError) as plain:
        f(x)
    with pytest.raises(IndexError) as found:
        autodiff.function(f, engine="numpy")(x)
    assert str(plain.value) in str(found.value)


def test_a_function_of_pieces_prints_how_many_it_gets(capsys):
    def told(t):
        print(len(t))
        return t * 2

    x = np.array([-1.0, 2.0, 0.5])
    for engine in ENGINES:
        autodiff.function(lambda x: np.piecewise(x, [x > 0], [told]), engine=engine)(x)
    assert capsys.readouterr().out.split() == ["2"] * len(ENGINES)
