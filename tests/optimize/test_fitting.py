"""`optimize.fit`: what `curve_fit` finds, and what is known of it: errors, profiles, contours, reports."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from autodiff import optimize, plot
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.optimize import Parameter, fit

T = np.linspace(0, 5, 40)
NOISE = 0.05 * np.cos(37 * np.arange(40.0)) * (1 + 0.1 * np.arange(40))
Y = 3 * np.exp(-0.7 * T) + 0.5 + NOISE
SIGMA = 0.05 * (1 + 0.1 * np.arange(40))
START = {"a": 1.0, "k": 0.1, "c": 0.0}
CORRELATED = np.diag(SIGMA**2) + 1e-3


def decay(t, a, k, c):
    return a * np.exp(-k * t) + c


def gaussian(x, mu, s):
    return -0.5 * ((x - mu) / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi)


@pytest.fixture
def figures():
    yield
    plt.close("all")


# -- values and errors -----------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "sigma", [None, 0.1, SIGMA, CORRELATED], ids=["none", "one", "each", "matrix"]
)
@pytest.mark.parametrize("absolute", [False, True])
def test_values_and_covariance_are_those_of_curve_fit(sigma, absolute, engine):
    result = fit(decay, (T, Y), START, sigma=sigma, absolute_sigma=absolute, engine=engine)
    given = np.full(40, sigma) if isinstance(sigma, float) else sigma
    best, covariance = scipy.optimize.curve_fit(
        decay, T, Y, [1.0, 0.1, 0.0], given, absolute and sigma is not None, xtol=1e-12, ftol=1e-12
    )
    if sigma is None and absolute:  # residuals as they are: of variance 1
        covariance = covariance / result.reduced_chi_square
    assert result.success
    np.testing.assert_allclose([*result.values.values()], best, rtol=1e-6)
    np.testing.assert_allclose(result.covariance, covariance, rtol=1e-4)
    np.testing.assert_allclose([*result.errors.values()], np.sqrt(np.diag(covariance)), rtol=1e-4)
    np.testing.assert_allclose(np.diag(result.correlations), 1)


def test_errors_from_the_hessian_are_those_of_the_cost():
    result = fit(decay, (T, Y), START, sigma=SIGMA, absolute_sigma=True, errors="hessian")

    def half(p):
        return 0.5 * np.sum(((decay(T, *p) - Y) / SIGMA) ** 2)

    from autodiff import hessian

    np.testing.assert_allclose(
        np.linalg.inv(result.covariance), hessian(half)(result.vector), rtol=1e-7
    )
    by_jacobian = fit(decay, (T, Y), START, sigma=SIGMA, absolute_sigma=True)
    assert not np.allclose(result.covariance, by_jacobian.covariance, rtol=1e-4)


@pytest.mark.parametrize("form", ["tuple", "Parameter"])
def test_parameters_with_bounds_fixed_and_tied_ones(form):
    held = {"a": (1.0, 0.0, 10.0), "k": Parameter(0.7, fixed=True), "c": lambda a: a / 6}
    if form == "Parameter":
        held = {
            "c": Parameter(tied=lambda a: a / 6),
            "k": Parameter(0.7, fixed=True),
            "a": Parameter(1.0, 0, 10),
        }
    result = fit(decay, (T, Y), held)
    shape = np.exp(-0.7 * T) + 1 / 6
    exact = shape @ Y / (shape @ shape)
    error = np.sqrt(np.sum((exact * shape - Y) ** 2) / 39 / (shape @ shape))
    assert result.labels == ("a",)
    assert [*result.values] == [*held]
    assert result.values["a"] == pytest.approx(exact)
    assert result.values["c"] == pytest.approx(exact / 6)
    assert result.values["k"] == 0.7
    assert result.errors["a"] == pytest.approx(error)
    assert result.errors["c"] == pytest.approx(error / 6)
    assert result.errors["k"] == 0


def test_ties_of_ties_and_arrays():
    def wave(t, w, phase, offset):
        return w[0] * np.sin(w[1] * t + phase[0, 0]) + offset

    y = wave(T, [2.0, 1.5], np.array([[0.3]]), 4.0) + 0.1 * NOISE
    given = {
        "offset": lambda double: double / 2,
        "double": lambda w: 4 * w[0],
        "w": np.array([1.8, 1.45]),
        "phase": Parameter(np.zeros((1, 1)), -np.pi, np.pi),
    }
    result = fit(lambda t, w, phase, offset, double: wave(t, w, phase, offset), (T, y), given)
    assert result.labels == ("w[0]", "w[1]", "phase[0, 0]")
    np.testing.assert_allclose(result.values["w"], [2, 1.5], rtol=1e-2)
    assert result.errors["w"].shape == (2,) and result.errors["phase"].shape == (1, 1)
    assert result.errors["offset"] == pytest.approx(2 * result.errors["w"][0])
    low, high = result.interval("w[1]")
    assert low < result.values["w"][1] < high


@pytest.mark.parametrize("exponent", [2, 3, 2.0])
def test_a_fixed_integer_stays_one_and_is_not_mixed_up(exponent):
    def power(x, scale, n):
        total = scale
        for _ in range(int(n)):
            total = total * x
        return total

    x = np.linspace(1, 2, 5)
    result = fit(power, (x, 3 * x**exponent), {"scale": 1.0, "n": Parameter(exponent, fixed=True)})
    assert result.values["scale"] == pytest.approx(3)


def test_a_second_fit_of_the_model_compiles_nothing(monkeypatch):
    fit(decay, (T, Y), START).covariance  # noqa: B018
    from autodiff.compiled import Compiled

    def never(*_args, **_kwargs):
        raise AssertionError("compiled again")

    monkeypatch.setattr(Compiled, "compile", never)
    result = fit(decay, (T, Y + 1), {"a": 2.0, "k": 0.3, "c": 1.0})
    assert result.covariance.shape == (3, 3)


def test_a_parameter_at_its_bound_has_no_error_and_holds_the_others():
    result = fit(decay, (T, Y), {"a": 1.0, "k": (0.1, 0, 0.5), "c": 0.0})
    held = fit(decay, (T, Y), {"a": 1.0, "k": Parameter(0.5, fixed=True), "c": 0.0})
    assert result.at_bound == ("k",)
    assert np.isnan(result.errors["k"])
    reduced = np.sqrt(37 / 38)  # one free parameter more is counted
    assert result.errors["a"] == pytest.approx(held.errors["a"] / reduced, rel=1e-6)
    assert "at its bound" in str(result)


def test_what_the_data_do_not_determine_is_said():
    result = fit(lambda t, a, b: (a + b) * t, (T, 2 * T), {"a": 1.0, "b": 0.5})
    assert np.isnan(result.errors["a"]) and np.isnan(result.errors["b"])
    assert str(result).count("not determined") == 2


def test_an_exact_fit_has_no_scale_of_errors():
    result = fit(
        lambda t, a, b: a + b * t, ([0, 1, 2, 3], [1.0, 3.0, 5.0, 7.0]), {"a": 1.0, "b": 2.0}
    )
    assert result.errors == {"a": 0.0, "b": 0.0}
    assert "b, a" not in str(result)
    for ask in (
        lambda: result.interval("a"),
        lambda: result.contour("a", "b"),
        lambda: result.profile("a"),
    ):
        with pytest.raises(ArgumentError, match="the residuals tell no size of errors"):
            ask()
    full = fit(lambda t, a, b: a + b * t, ([0, 1], [1.0, 3.5]), {"a": 1.0, "b": 2.0})
    assert np.isnan(full.errors["a"]) and "not determined" in str(full)
    known = fit(
        lambda t, a, b: a + b * t,
        ([0, 1], [1.0, 3.5]),
        {"a": 1.0, "b": 2.0},
        sigma=0.1,
        absolute_sigma=True,
    )
    assert known.errors["a"] == pytest.approx(0.1)
    assert known.interval("a")[0] == pytest.approx(0.9, abs=1e-5)


def test_names_that_the_model_does_not_have_are_pythons_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'd'"):
        fit(decay, (T, Y), {**START, "d": 1.0})
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'c'"):
        fit(decay, (T, Y), {"a": 1.0, "k": 0.1})


def test_residuals_complex_data_and_models_without_x():
    result = fit(
        lambda d, w: w[0] + w[1] * d["t"] - d["y"],
        {"t": T, "y": Y},
        {"w": np.zeros(2)},
        cost="residuals",
    )
    np.testing.assert_allclose(result.values["w"], np.polyfit(T, Y, 1)[::-1])
    z = fit(lambda t, a, w: a * np.exp(1j * w * t), (T, 2 * np.exp(1.5j * T)), {"a": 1.0, "w": 1.4})
    assert z.values["w"] == pytest.approx(1.5) and z.count == 80
    alone = fit(
        lambda a, b: np.array([a, b, a + b]),
        (None, np.array([1.0, 2.0, 3.3])),
        {"a": 0.0, "b": 0.0},
    )
    assert alone.values["a"] == pytest.approx(1.1)


# -- likelihoods -----------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("method", [None, "trust-constr"])
def test_a_likelihood_has_the_errors_of_its_hessian(method, engine):
    x = 2 + 3 * scipy.stats.norm.ppf((np.arange(200) + 0.5) / 200)
    result = fit(
        gaussian,
        x,
        {"mu": 0.0, "s": (1.0, 1e-3, np.inf)},
        cost="likelihood",
        method=method,
        engine=engine,
    )
    assert result.success
    assert result.values["mu"] == pytest.approx(x.mean(), abs=1e-9)
    assert result.values["s"] == pytest.approx(x.std(), rel=1e-9)
    assert result.errors["mu"] == pytest.approx(x.std() / np.sqrt(200))
    assert result.errors["s"] == pytest.approx(x.std() / np.sqrt(400))
    assert result.cost == pytest.approx(-np.sum(gaussian(x, x.mean(), x.std())))
    assert result.aic == pytest.approx(2 * result.cost + 4)
    assert result.residuals is None and result.chi_square is None


@pytest.mark.filterwarnings("ignore:invalid value encountered in log:RuntimeWarning")
@pytest.mark.parametrize("start", [(0.0, 1.0), (50.0, 1.0), (0.0, 100.0), (2.0, 0.05)])
def test_a_likelihood_is_fitted_from_afar_though_the_way_leaves_its_domain(start):
    x = 2 + 3 * scipy.stats.norm.ppf((np.arange(200) + 0.5) / 200)
    result = fit(gaussian, x, {"mu": start[0], "s": start[1]}, cost="likelihood")
    assert result.success
    assert [result.values["mu"], abs(result.values["s"])] == pytest.approx([x.mean(), x.std()])


def test_a_saddle_is_no_fit():
    result = fit(
        lambda d, a, b: b**2 - a**2 - d * 0,
        np.zeros(1),
        {"a": 0.0, "b": 0.0},
        cost="likelihood",
        method="BFGS",
    )
    assert np.isnan(result.errors["a"])
    assert "not determined" in str(result)


# -- profiles --------------------------------------------------------------------------------------
def test_intervals_of_a_linear_model_are_those_of_the_errors():
    result = fit(lambda t, a, b: a + b * t, (T, Y), {"a": 0.0, "b": 0.0})
    for level in (0.6827, 0.95):
        wide = scipy.stats.t.ppf(0.5 + level / 2, 38)
        for name, (low, high) in result.intervals(level).items():
            middle, error = result.values[name], result.errors[name]
            np.testing.assert_allclose(
                [low, high], [middle - wide * error, middle + wide * error], rtol=1e-6
            )


def test_an_interval_of_a_likelihood_is_where_it_has_fallen_by_a_half():
    counts = np.array([3.0, 5, 2, 4])
    result = fit(
        lambda n, rate: n * np.log(rate) - rate,
        counts,
        {"rate": (1.0, 0.0, np.inf)},
        cost="likelihood",
    )
    low, high = result.interval("rate")
    for end in (low, high):
        fall = np.sum(counts * np.log(3.5) - 3.5) - np.sum(counts * np.log(end) - end)
        assert fall == pytest.approx(0.5, rel=1e-3)  # one sigma is not quite 0.6827
    assert 3.5 - low < high - 3.5


def test_intervals_end_at_bounds_and_never_where_the_cost_does_not_rise():
    result = fit(decay, (T, Y), {"a": 1.0, "k": (0.1, 0, 0.71), "c": 0.0})
    assert result.interval("k", 0.999)[1] == pytest.approx(0.71)
    saturated = fit(
        lambda t, a, k: a * np.tanh(k * t), (T[1:], np.full(39, 2.0) + 0.1 * np.cos(np.arange(39.0))),
        {"a": 1.0, "k": (30.0, 0.0, np.inf)}, sigma=0.1, absolute_sigma=True,
    )  # fmt: skip
    assert saturated.interval("k")[1] == np.inf


def test_a_contour_goes_around_where_the_profile_is_at_its_level():
    result = fit(decay, (T, Y), START, sigma=SIGMA, absolute_sigma=True)
    edge = result.contour("a", "k", level=0.9, points=6)
    assert edge.shape == (7, 2)
    np.testing.assert_array_equal(edge[0], edge[-1])
    for a, k in edge[:3]:
        held = fit(
            decay,
            (T, Y),
            {"a": Parameter(a, fixed=True), "k": Parameter(k, fixed=True), "c": 0.0},
            sigma=SIGMA,
        )
        assert held.chi_square - result.chi_square == pytest.approx(
            scipy.stats.chi2.ppf(0.9, 2), rel=1e-3
        )


def test_a_profile_that_finds_something_better_says_so():
    def wave(t, w):
        return np.sin(w * t)

    result = fit(wave, (T, np.sin(3 * T)), {"w": 5.0}, sigma=0.1, absolute_sigma=True)
    assert abs(result.values["w"] - 3) > 0.5  # a minimum, not the least one
    with pytest.warns(UserWarning, match="w held at .* fits better than the fit itself"):
        result.profile("w", [3.0])


# -- reports ---------------------------------------------------------------------------------------
def test_the_report():
    def line(t, a, b, c):
        return a + b * t + 0 * c

    y = np.array([1.0, 3.1, 4.9, 7.05])
    given = {"a": 0.0, "b": (1.0, 0, 5), "c": Parameter(2.0, fixed=True)}
    result = fit(line, (np.arange(4.0), y), given)
    assert str(result) == (
        "fit of line by least squares (trf), 4 evaluations: converged\n"
        "  data: 4\n"
        "  free parameters: 2\n"
        "  chi-square: 0.02175\n"
        "  reduced chi-square: 0.010875\n"
        "  R²: 0.998908\n"
        "  AIC: -16.8577\n"
        "  BIC: -18.0852\n"
        "  parameter  value  error          start  bounds\n"
        "  a          1.02   0.0872  8.6 %  0\n"
        "  b          1.995  0.0466  2.3 %  1      0 … 5\n"
        "  c          2              fixed\n"
        "  correlations above 0.1 in size\n"
        "    b, a  -0.802"
    ).replace("4 evaluations", f"{result.scipy.nfev} evaluations")  # fmt: skip
    assert repr(result) == "<FitResult of line, converged: a=1.02, b=1.995, c=2>"
    page = result._repr_html_()
    assert page.count("<tr>") == page.count("</tr>") and "<td>0.0466</td>" in page


def test_histories_and_callbacks_by_name():
    seen = []
    result = fit(decay, (T, Y), START, history=True, callback=seen.append)
    assert len(result.history) == len(seen) == result.scipy.nfev
    assert seen[0] == START
    assert result.history.values[-1] == pytest.approx(result.cost, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(decay, (T, Y), {"a": (1.0, 2.0, 3.0)}), "AD102: parameter a starts at 1.0, outside of its bounds 2.0 … 3.0"),
        (lambda: fit(decay, (T, Y), {"a": (1.0, 2.0)}), "AD101: parameter a: (1.0, 2.0) is not (start, low, high)"),
        (lambda: fit(decay, (T, Y), {"a": Parameter(1.0, fixed=True)}), "AD101: there is nothing to fit: no parameter is free"),
        (lambda: fit(decay, (T, Y), {"a": 1.0, "k": lambda b: b}), "AD102: parameter k is tied to b, which is no parameter"),
        (lambda: fit(decay, (T, Y), {"a": 1.0, "k": lambda c: c, "c": lambda k: k}), "AD102: the ties of k, c go in a circle"),
        (lambda: fit(decay, (T, Y), {"a": "one"}), "AD101: parameter a is not made of real numbers"),
        (lambda: fit(decay, T, START), "AD101: data is not (x, y)"),
        (lambda: fit(decay, (T, Y), START, cost="l1"), "AD102: cost='l1' is not known"),
        (lambda: fit(decay, (T, Y), START, sigma=0.0), "AD102: sigma has entries that are not positive"),
        (lambda: fit(gaussian, T, {"mu": 0.0, "s": 1.0}, cost="likelihood", sigma=1.0), "AD101: cost='likelihood' has no use for sigma"),
        (lambda: fit(decay, (T, Y), START).interval("b"), "AD102: there is no parameter 'b'"),
        (lambda: fit(decay, (T, Y), {**START, "c": lambda a: a}).interval("c"), "AD102: c is tied"),
        (lambda: fit(decay, (T, Y), START).interval("a", 95), "AD102: level=95 is no probability"),
        (lambda: fit(decay, (T, Y), START).contour("a", "a"), "AD102: a contour needs two parameters"),
    ],
)  # fmt: skip
def test_what_is_said_to_mistakes(call, message):
    with pytest.raises((ArgumentError, NameArgumentError)) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert "Remedy:" in str(caught.value)


# -- pictures --------------------------------------------------------------------------------------
def test_pictures_of_a_fit(figures):
    result = fit(decay, (T, Y), START)
    axes = plot.fitted(result)
    grid, value = axes.lines[1].get_data()
    np.testing.assert_allclose(value, decay(grid, **result.values))
    off = plot.residuals(result).lines[1].get_ydata()
    np.testing.assert_allclose(off, Y - decay(T, **result.values))
    values, rises = plot.profile(result, "k").lines[0].get_data()
    assert rises[10] == pytest.approx(0, abs=1e-9) and values[10] == pytest.approx(
        result.values["k"]
    )
    drawn = plot.contours(result, "a", "k", points=8)
    assert [line.get_label() for line in drawn.lines[:2]] == ["68.27 %", "95.45 %"]
    with pytest.raises(ArgumentError, match="no residuals"):
        plot.residuals(fit(gaussian, T, {"mu": 0.0, "s": (1.0, 1e-3, 9)}, cost="likelihood"))


def test_the_band_of_a_line_is_narrowest_amid_the_data():
    result = fit(lambda t, a, b: a + b * t, (T, Y), {"a": 0.0, "b": 0.0})
    value, width = result.band(np.array([0.0, T.mean(), 5.0]))
    np.testing.assert_allclose(value, result.predict(np.array([0.0, T.mean(), 5.0])))
    assert width[1] < min(width[0], width[2])
    assert width[1] == pytest.approx(np.sqrt(result.reduced_chi_square / 40), rel=2e-2)


def test_fit_is_public():
    assert {"fit", "Parameter", "FitResult"} <= set(optimize.__all__)
