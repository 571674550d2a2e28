"""Builtins and the math module on traced values: Python's results, and checks where Python raises."""

import math
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ops.control import CheckFailed
from autodiff.ops.dispatch import builtin_functions
from autodiff.ops.tracer import Tracer
from tests.ops.support import check_derivatives, check_value, run


def table(function: Any) -> Any:
    """The function itself on plain numbers, its entry of the table on traced ones."""

    def call(*arguments: Any, **options: Any) -> Any:
        def traced(x: Any) -> bool:
            return isinstance(x, Tracer) or (isinstance(x, (list, tuple)) and any(map(traced, x)))

        return (builtin_functions[function] if any(map(traced, arguments)) else function)(
            *arguments, **options
        )

    return call


UNARY = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp",
    "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "fabs", "degrees", "radians",
]  # fmt: skip
POINTS = [
    0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    2.5,
    -3.0,
    1000.0,
    -1000.0,
    math.inf,
    -math.inf,
    math.nan,
    3,
    True,
]


@pytest.mark.parametrize("name", [n for n in UNARY if hasattr(math, n)])
@pytest.mark.parametrize("x", POINTS, ids=str)
def test_math_function(name: str, x: float) -> None:
    f = getattr(math, name)
    try:
        want = f(x)
    except (ValueError, OverflowError):
        with pytest.raises(CheckFailed):
            run(table(f), x)
        return
    have = run(table(f), x)
    assert type(have) is float
    np.testing.assert_allclose(have, want, rtol=1e-15, atol=5e-16)


@pytest.mark.parametrize("name", ["sin", "exp", "log", "sqrt", "tanh", "atan", "expm1", "log1p"])
def test_derivatives_of_math_functions(name: str) -> None:
    check_derivatives(table(getattr(math, name)), 0.7)


BINARY = ["atan2", "pow", "fmod", "copysign", "hypot", "dist"]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("a", [2.5, -1.5, 0.0, math.inf])
@pytest.mark.parametrize("b", [1.5, -2.0, 0.0, 0.5])
def test_binary_math_function(name: str, a: float, b: float) -> None:
    f = getattr(math, name)
    arguments = ((a, 1.0), (b, 2.0)) if name == "dist" else (a, b)
    try:
        want = f(*arguments)
    except (ValueError, OverflowError):
        with pytest.raises(CheckFailed):
            run(table(f), a, b)
        return
    g = (lambda a, b: table(f)((a, 1.0), (b, 2.0))) if name == "dist" else table(f)
    np.testing.assert_allclose(run(g, a, b), want, rtol=1e-15)


CASES = {
    "log base": (lambda a: table(math.log)(a, 10), 100.0),
    "hypot three": (lambda a, b: table(math.hypot)(a, b, 2.0), 1.0, 3.0),
    "isnan": (lambda a: table(math.isnan)(a), math.nan),
    "isfinite": (lambda a: [table(math.isfinite)(a), table(math.isinf)(a)], math.inf),
    "isclose": (lambda a: table(math.isclose)(a, 1.0), 1.0 + 1e-12),
    "ldexp": (lambda a: table(math.ldexp)(a, 3), 1.5),
    "modf": (lambda a: table(math.modf)(a), -2.75),
    "ldexp far down": (lambda a: table(math.ldexp)(a, -1080), 1e300),
    "ldexp far up": (lambda a: table(math.ldexp)(a, 1080), 5e-324),
    "ldexp farther": (lambda a: table(math.ldexp)(a, -(10**30)), 1e300),
    "modf of infinity": (lambda a: [*table(math.modf)(a), *table(math.modf)(-a)], math.inf),
    "remainder by infinity": (lambda a: table(math.remainder)(a, math.inf), -2.5),
    "floor": (lambda a: [table(math.floor)(a), table(math.ceil)(a), table(math.trunc)(a)], -2.5),
    "fsum": (lambda a, b: table(math.fsum)([a, b, 1.0]), 0.5, 0.25),
    "prod": (lambda a, b: table(math.prod)([a, b, 2]), 0.5, 0.25),
    "int": (lambda a: table(int)(a), -2.7),
    "int of bool": (lambda a: table(int)(a), True),
    "float": (lambda a: table(float)(a), 3),
    "float of scalar": (lambda a: table(float)(a), np.float32(1.5)),
    "float of array": (lambda a: table(float)(a), np.array(2.5)),
    "int of scalar": (lambda a: table(int)(a), np.float64(-3.9)),
    "bool": (lambda a: [table(bool)(a), table(bool)(a - a)], 2.5),
    "abs": (lambda a: table(abs)(a), -2),
    "round": (lambda a: [table(round)(a), table(round)(a, 1), table(round)(a, -1)], 12.35),
    "round half": (lambda a: [table(round)(a), table(round)(a + 1)], 0.5),
    "round int": (lambda a: [table(round)(a), table(round)(a, -2), table(round)(a, 1)], 1250),
    "round scalar": (lambda a: [table(round)(a, 1), table(round)(a)], np.float64(2.55)),
    "factorial": (lambda a: [table(math.factorial)(a + k) for k in range(3)], 18),
    "factorial of bool": (lambda a: table(math.factorial)(a), True),
    "comb": (lambda a, b: [table(math.comb)(a, b + k) for k in range(3)], 66, 32),
    "comb of more": (lambda a, b: [table(math.comb)(a, b), table(math.comb)(0, b)], 3, 5),
    "perm": (lambda a, b: [table(math.perm)(a, b + k) for k in range(4)], 20, 17),
    "perm of more": (lambda a, b: [table(math.perm)(a, b), table(math.perm)(a)], 3, 5),
    "isqrt": (lambda a: [table(math.isqrt)(a + k) for k in (-1, 0, 1)], 2**60),
    "isqrt small": (lambda a: [table(math.isqrt)(a + k) for k in range(11)], 0),
    "divmod": (lambda a, b: table(divmod)(a, b), -7.5, 2.0),
    "divmod int": (lambda a, b: table(divmod)(a, b), -7, 2),
    "pow": (lambda a: table(pow)(a, 3), 2.5),
    "pow mod": (lambda a: table(pow)(a, 5, 7), 3),
    "min": (lambda a, b: [table(min)(a, b), table(max)(a, b)], 2.5, -1.0),
    "min many": (lambda a, b: [table(min)(a, b, 0), table(max)([a, 7, b])], 2, -1),
    "min mixed": (lambda a, b: table(max)(a, b), 2.5, 3.5),
    "min key": (lambda a, b: table(min)(a, b, key=lambda v: -v), 2.5, -1.0),
    "min of array": (lambda x: [table(min)(x), table(max)(x)], np.array([3.0, 1.0, 2.0])),
    "sum": (lambda x: table(sum)(x), np.array([3.0, 1.0, 2.0])),
    "sum rows": (lambda x: table(sum)(x), np.arange(6.0).reshape(2, 3)),
    "sum start": (lambda x: table(sum)(x, 10.0), np.array([3.0, 1.0])),
    "sum list": (lambda a, b: table(sum)([a, b, 1]), 2.5, 3.5),
    "sum small ints": (lambda x: table(sum)(x), np.array([100, 100], np.int32)),
    "len": (lambda x: table(len)(x) * x[0], np.array([3.0, 1.0])),
    "any": (lambda a, b: [table(any)([a, b]), table(all)([a, b])], 0.0, 1.5),
    "any of array": (lambda x: [table(any)(x > 0), table(all)(x > 0)], np.array([0.0, 1.0])),
}


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    f, *arguments = CASES[name]
    check_value(f, *arguments, rtol=1e-15)


@pytest.mark.parametrize(
    "name",
    [
        "hypot three",
        "abs",
        "divmod",
        "pow",
        "min",
        "min of array",
        "sum",
        "sum rows",
        "prod",
        "fsum",
    ],
)
def test_derivatives(name: str) -> None:
    f, *arguments = CASES[name]
    check_derivatives(f, *[float(a) if isinstance(a, int) else a for a in arguments])


@pytest.mark.parametrize("digits", [0, 1, 2, 5, -1, -2])
def test_round_to_digits_is_pythons(digits: int) -> None:
    rng = np.random.default_rng(digits % 7)
    ties = [
        k / 10 ** (digits + 1) if digits >= 0 else k * 10.0 ** (-digits - 1)
        for k in range(-95, 100, 10)
    ]
    points = [
        *ties,
        *rng.normal(size=20) * 100,
        1e300,
        1e17,
        0.0,
        -0.0,
        math.inf,
        math.nan,
        2.675,
        1.005,
    ]
    for x in map(float, points):
        if digits == 0 and not math.isfinite(x):
            continue
        check_value(lambda x: table(round)(x, digits), x, rtol=0)


def test_int_of_what_is_no_integer_fails_at_run_time() -> None:
    for bad in (math.nan, math.inf, 1e30):
        with pytest.raises(CheckFailed):
            run(table(int), bad)


def test_an_infinity_has_no_remainder() -> None:
    for a, b in ((math.inf, math.inf), (-math.inf, 2.0)):
        with pytest.raises(CheckFailed):
            run(table(math.remainder), a, b)


def test_math_functions_refuse_arrays() -> None:
    with pytest.raises(TypeError, match="only 0-dimensional arrays can be converted"):
        run(table(math.sin), np.ones(3))


@pytest.mark.parametrize(
    "f", [lambda x: round(x), lambda x: round(x, 1), lambda x: round(x if x else np.True_)]
)
def test_a_truth_value_of_numpy_is_not_rounded(f) -> None:
    with pytest.raises(TypeError, match=r"^type numpy.bool doesn't define __round__ method"):
        autodiff.function(f)(np.True_)
    assert autodiff.function(f)(True) == 1
