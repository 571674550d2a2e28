"""check_gradient: it agrees where it should, finds a wrong derivative, and says where."""

import contextlib
import math
import warnings

import numpy as np
import pytest

import autodiff
from autodiff.testing import GradientMismatch, Report, derivative, numerical_gradient

V = np.array([0.5, 1.5, 2.5])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda t: math.sin(1 + t), math.cos(1)),
        (lambda t: math.exp(3 * t), 3.0),
        (lambda t: (1 + t) ** 7, 7.0),
        (lambda t: 1 / (0.5 + t), -4.0),
        (lambda t: 2.0, 0.0),
    ],
)
def test_ridders_differences(f, expected) -> None:
    value, doubt = derivative(f)
    assert abs(value - expected) <= 10 * doubt + 1e-13
    assert doubt < 1e-8


def test_the_doubt_is_honest() -> None:
    # A ripple below the first steps, seen by the next ones.
    value, doubt = derivative(lambda t: math.sin(t) + 1e-6 * math.sin(1e4 * t))
    assert abs(value - 1.01) <= 10 * doubt
    # A step that no difference can see through: the doubt says so.
    value, doubt = derivative(lambda t: 3.0 * t + (1.0 if t > 0 else 0.0))
    assert doubt > 1.0


@pytest.mark.parametrize("kink", [8e-3, 3e-3, 1e-3, 2e-4, 3e-5])
def test_a_kink_within_the_first_steps_does_not_mislead(kink: float) -> None:
    value, doubt = derivative(lambda t: math.sin(t) + max(t - kink, 0.0))
    assert abs(value - 1.0) <= 10 * doubt
    assert doubt < 1e-6


def test_numerical_gradient_of_chosen_leaves() -> None:
    values, doubts = numerical_gradient(
        lambda a, b: np.sum(a * b), [V, 2.0], [1, 0], lambda leaves: leaves
    )
    np.testing.assert_allclose(values[0], V.sum(), rtol=1e-10)
    np.testing.assert_allclose(values[1], np.full(3, 2.0), rtol=1e-10)
    assert [d.shape for d in doubts] == [(), (3,)]


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: np.sum(np.sin(x)), (V,)),
        (lambda x, y: np.sum(x * y), (V, V)),
        (lambda p: p["a"] * np.sum(p["b"][0]), ({"a": 2.0, "b": [V]},)),
        (lambda x: x**3, (2.0,)),
        (lambda x, n: np.sum(x[:n] ** 2), (V, 2)),
        (lambda x: np.sum(x.astype(np.float64) ** 2), (V.astype(np.float64),)),
        (lambda x: x * x, (3,)),
        (lambda m: np.linalg.det(m), (np.array([[2.0, 1.0], [0.5, 3.0]]),)),
    ],
)
def test_right_gradients_agree(f, args) -> None:
    report = autodiff.check_gradient(f, *args)
    assert report.agrees
    assert report.error < 1e-7
    assert "agrees with finite differences" in str(report)


def wrong(x):
    """Differs from its derivative since its derivative is given wrongly."""
    return np.sum(cube(x))


@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 3 * x)
def cube(x):
    return x**3


def test_a_wrong_derivative_is_found_and_located() -> None:
    x = np.array([1.0, 1.0, 2.0])
    with pytest.raises(GradientMismatch) as caught:
        autodiff.check_gradient(wrong, x)
    assert isinstance(caught.value, AssertionError)
    text = str(caught.value)
    assert text.startswith(
        "AD401: gradient DIFFERS with finite differences: largest relative error "
    )
    assert "at args[0][2]" in text
    assert "Remedy: look at autodiff.gradient(f).ir(*args)" in text


def test_without_raising_there_is_a_report() -> None:
    report = autodiff.check_gradient(wrong, np.array([1.0, 2.0]), raises=False)
    assert isinstance(report, Report)
    assert not report.agrees
    np.testing.assert_allclose(report.gradient, [3.0, 6.0])
    np.testing.assert_allclose(report.differences[0], [3.0, 12.0], rtol=1e-8)
    assert report.worst == "args[0][1]"


def test_the_tolerance_is_relative_to_the_gradient() -> None:
    nearly = autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 2e3 * x * (1 + 1e-5))(
        lambda x: 1e3 * x**2
    )
    assert not autodiff.check_gradient(lambda x: nearly(x), 2.0, raises=False).agrees
    assert autodiff.check_gradient(lambda x: nearly(x), 2.0, tolerance=1e-4, raises=False).agrees


def test_a_gradient_that_is_nan_does_not_agree() -> None:
    bad = autodiff.custom_gradient(vjp=lambda ct, y, x: ct * np.nan)(lambda x: x * 2)
    report = autodiff.check_gradient(lambda x: bad(x), 2.0, raises=False)
    assert not report.agrees


def test_wrt_and_a_gradient_object() -> None:
    f = lambda x, y: np.sum(x * y**2)  # noqa: E731
    assert autodiff.check_gradient(f, V, 2 * V, wrt="y").agrees
    assert autodiff.check_gradient(f, V, 2 * V, wrt=["y", "x"]).agrees
    assert autodiff.check_gradient(autodiff.gradient(f, wrt="x", engine="numpy"), V, V).agrees


def test_arguments_are_not_changed() -> None:
    def f(x):
        x *= 2
        return np.sum(x**2)

    x = V.copy()
    assert autodiff.check_gradient(f, x).agrees
    np.testing.assert_array_equal(x, V)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_options_reach_the_gradient(engine) -> None:
    assert autodiff.check_gradient(lambda x: np.sum(np.exp(x)), V, engine=engine).agrees


def _nan_beside(x: np.ndarray) -> np.floating:
    return np.sum(np.where(x == 0.0, np.nan, x * x))


NOT_NUMBERS = {
    "outside of the domain": (lambda x: np.sum(np.sqrt(x)), np.array([-1.0, 3.0])),
    "at the end of the domain": (lambda x: np.sum(x * np.log(x)), np.array([3.0, 0.0])),
    "nowhere a number": (lambda x: x * np.nan, 2.0),
    "a constant that is nan": (lambda x: 0.0 * x + np.nan, 2.0),
    "infinity times zero": (lambda x: (x - x) * np.inf, 1.0),
    "nan at this point alone": (_nan_beside, np.array([1.0, 0.0])),
    "nan on one side": (lambda x: np.arcsin(x), 1.0),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_nan_does_not_agree_with_nan(case: str, engine: str) -> None:
    f, x = NOT_NUMBERS[case]
    with np.errstate(all="ignore"):
        with pytest.raises(
            autodiff.testing.GradientMismatch,
            match="is nan, or raises, at or around args|is nan, or raises, at or around these",
        ):
            autodiff.check_gradient(f, x, engine=engine)
        report = autodiff.check_gradient(f, x, engine=engine, raises=False)
    assert not report.agrees
    assert report.undefined
    assert "cannot be checked" in str(report)


def _warns(x: np.ndarray) -> np.floating:
    warnings.warn("the user's own", UserWarning, stacklevel=1)
    return np.sum(x**2)


def test_what_differences_would_warn_of_is_not_said() -> None:
    """The points beside the arguments are ours; what is said of the arguments is said once, by the gradient."""
    for f, x, said in (
        (_warns, V, ["the user's own"]),
        (lambda x: np.sum(np.log(x)), np.array([1e-5, 2.0]), []),
        (lambda x: np.sum(np.sqrt(x) / x[::-1]), np.array([1e-3, 0.5e-3]), []),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert autodiff.check_gradient(f, x, engine="numpy").agrees
        assert [str(w.message) for w in caught] == said
        with np.errstate(all="raise"):
            warned = pytest.warns(UserWarning, match="own") if said else contextlib.nullcontext()
            with warned:
                assert autodiff.check_gradient(f, x, engine="numpy").agrees


def _of_python(x: float) -> float:
    assert x > 0.0
    return math.sqrt(x) + math.log(x)


def test_a_step_over_the_end_of_the_domain_raises_nothing() -> None:
    assert autodiff.check_gradient(_of_python, 1e-4, engine="numpy").agrees
    with pytest.raises(AssertionError) as caught:
        autodiff.check_gradient(_of_python, -1.0, engine="numpy")
    assert not isinstance(caught.value, autodiff.testing.GradientMismatch)
    report = autodiff.check_gradient(lambda x: math.sqrt(x), 0.0, raises=False, engine="numpy")
    assert report.undefined


@pytest.mark.filterwarnings("ignore::autodiff.testing.KinkWarning")
def test_differences_that_tell_nothing_agree_with_nothing() -> None:
    noise = np.random.default_rng(3)
    for f in (lambda x: x * noise.uniform(), lambda x: np.floor(x) * x):
        report = autodiff.check_gradient(f, 1.0, raises=False, engine="numpy")
        assert not report.agrees
        assert "cannot be checked: differences at args[0] are certain to" in str(report)
        assert "cannot be checked" in report._repr_html_()


def test_what_is_infinite_hides_no_other_difference() -> None:
    bad = autodiff.custom_gradient(vjp=lambda ct, y, x: ct * np.array([np.inf, 3.0]))(
        lambda x: x * 2.0
    )
    with np.errstate(all="ignore"):
        report = autodiff.check_gradient(lambda x: np.sum(bad(x)), np.ones(2), raises=False)
    assert not report.agrees


# -- kinks ----------------------------------------------------------------------------------------------
Z = np.zeros(3)
KINKS = {
    "abs": (lambda x: np.abs(x), 0.0, ["args[0]"]),
    "relu": (lambda x: np.maximum(x, 0.0), 0.0, ["args[0]"]),
    "a tie of maximum": (lambda x: np.sum(np.maximum(x, 1.0)), V - V + [1.0, 0.5, 2.0], ["args[0][0]"]),
    "a tie of max": (lambda x: np.max(x), np.array([3.0, 1.0, 3.0]), ["args[0][0]", "args[0][2]"]),
    "norm": (lambda x: np.linalg.norm(x), Z, ["args[0][0]", "args[0][1]", "args[0][2]"]),
    "largest of two functions": (lambda x: max(x * x, x), 1.0, ["args[0]"]),
    "clip": (lambda x: np.clip(x, -1.0, 1.0), 1.0, ["args[0]"]),
    "a branch": (lambda x: x if x > 0 else 0.0, 0.0, ["args[0]"]),
    "a jump": (lambda x: x + np.floor(x), 2.0, ["args[0]"]),
    "an infinite slope": (lambda x: np.cbrt(x), 0.0, ["args[0]"]),
    "a root of the size": (lambda x: np.sqrt(np.abs(x)), 0.0, ["args[0]"]),
    "large numbers": (lambda x: np.abs(x - 1e6) * 1e3, 1e6, ["args[0]"]),
    "single precision": (lambda x: np.sum(np.abs(x)), np.zeros(2, np.float32), ["args[0][0]", "args[0][1]"]),
}  # fmt: skip
SMOOTH = {
    "a square": (lambda x: np.sum(x**2), Z),
    "abs beside 0": (lambda x: np.abs(x), 1e-3),
    "much curvature": (lambda x: np.exp(50 * x), 0.1),
    "fast": (lambda x: np.sin(1e3 * x), 0.3),
    "a kink of the second derivative": (lambda x: x * np.abs(x), 0.0),
    "a constant": (lambda x: 0.0 * x + 1e8, 1.0),
    "a cube": (lambda x: x**3, 0.0),
    "a large offset": (lambda x: 1e6 + np.sin(x), 0.7),
    "a sum of many": (lambda x: np.sum(np.cos(np.arange(1e4) * x)) + 1e3, 0.5),
    "single precision": (lambda x: np.sum(np.sin(x) * 100), np.ones(2, np.float32)),
    "a squared norm": (lambda x: np.linalg.norm(x) ** 2, Z),
    "softplus": (lambda x: np.logaddexp(x, 0.0), 0.0),
    "a sharp softplus": (lambda x: np.logaddexp(1e3 * x, 0.0), 0.0),
}


@pytest.mark.parametrize("case", KINKS)
def test_a_kink_is_told(case: str) -> None:
    f, x, elements = KINKS[case]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = autodiff.check_gradient(f, x, raises=False)
    assert list(report.kinks) == elements
    assert f"has a kink here, by {elements[0]}" in str(report)
    (warning,) = caught
    assert warning.category is autodiff.testing.KinkWarning
    assert "only a convention" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("case", SMOOTH)
def test_smooth_functions_have_no_kink(case: str) -> None:
    f, x = SMOOTH[case]
    assert autodiff.check_gradient(f, x, raises=False, tolerance=1e-2).kinks == ()


def test_a_mismatch_at_a_kink_says_so() -> None:
    with pytest.raises(autodiff.testing.GradientMismatch, match="check beside the kink"):
        autodiff.check_gradient(lambda x: x if x > 0 else 0.0, 0.0)
    with pytest.warns(autodiff.testing.KinkWarning, match="a kink here, by args"):
        assert autodiff.check_gradient(np.abs, 0.0).agrees
