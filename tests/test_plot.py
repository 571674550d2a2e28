"""Pictures: what is drawn, in whose axes, and the error without matplotlib."""

import sys

import numpy as np
import pytest

import autodiff
from autodiff import plot
from autodiff.optimize import History, minimize

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture
def ax():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_convergence_draws_the_best_so_far_above_the_best_of_all(ax):
    history = History([5.0, 9.0, 2.0, 1.0], [1.0] * 4, [0.0, 1.0, 2.0, 3.0])
    assert plot.convergence({"exact": history}, ax=ax) is ax
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [4, 4, 1, np.nan])
    assert ax.get_legend().get_texts()[0].get_text() == "exact"


def test_convergence_towards_a_known_target(ax):
    plot.convergence(History([5.0, 2.0], [1.0] * 2, [0.0, 1.0]), target=1.0, ax=ax)
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), [4, 1])
    assert ax.get_legend() is None


def test_fit_draws_data_and_curve(ax):
    x = np.arange(5.0)
    plot.fit(lambda x, a, b: a + b * x, (1.0, 2.0), x, 1 + 2 * x, title="line", ax=ax)
    data, curve = ax.get_lines()
    np.testing.assert_array_equal(data.get_ydata(), 1 + 2 * x)
    assert curve.get_ydata()[-1] == 9
    assert ax.get_title() == "line"


def test_gradient_check_draws_the_diagonal(ax):
    plot.gradient_check(np.array([1.0, 2.0]), np.array([1.0, 2.1]), ax=ax)
    diagonal, points = ax.get_lines()
    np.testing.assert_array_equal(diagonal.get_xdata(), [1, 2.1])
    np.testing.assert_array_equal(points.get_ydata(), [1, 2])


def test_gradient_check_takes_reports_and_containers(ax):
    def loss(p):
        return np.sum(p["a"] ** 2) + 3 * p["b"]

    report = autodiff.check_gradient(loss, {"a": np.array([1.0, 2.0]), "b": 5.0})
    plot.gradient_check(report, ax=ax)
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), [2, 4, 3])
    plot.gradient_check({"a": np.zeros((0,))}, {"a": np.zeros((0,))}, ax=ax)
    assert len(ax.get_lines()) == 2


def test_a_history_without_evaluations_draws_an_empty_line(ax):
    plot.convergence(History(), ax=ax)
    assert len(ax.get_lines()[0].get_ydata()) == 0


def test_pictures_of_a_search_can_be_rendered(tmp_path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3)
    x, y = np.arange(5.0), np.array([0.0, 2.1, 3.9, 6.2, 7.8])
    result = minimize(lambda p: np.sum((p[0] * x + p[1] - y) ** 2), np.zeros(2), history=True)
    plot.convergence({"BFGS": result.history}, ax=axes[0])
    plot.fit(lambda x, a, b: a * x + b, result.x, x, y, ax=axes[1])
    plot.gradient_check(autodiff.check_gradient(lambda p: np.sum(p**3), y), ax=axes[2])
    figure.savefig(tmp_path / "picture.png")
    plt.close(figure)
    image = plt.imread(tmp_path / "picture.png")
    for third in np.split(image[:, : image.shape[1] // 3 * 3, :3], 3, axis=1):
        assert third.min() < 0.5  # something is drawn in each


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(plot.PlotError, match="not installed") as error:
        plot.convergence(History([1.0], [1.0], [0.0]))
    assert 'pip install "autodiff-numpy[plot]"' in str(error.value)
    assert isinstance(error.value, ImportError)


def test_a_pattern_is_drawn(ax):
    pattern = autodiff.sparsity(lambda x: x[1:] * x[:-1])(np.ones(6))
    assert plot.sparsity(pattern, ax=ax) is ax
    assert ax.get_xlabel() == "6 columns, 10 elements"
    assert ax.get_ylabel() == "5 rows"
    (line,) = ax.lines
    assert len(line.get_xdata()) == 10
