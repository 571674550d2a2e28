"""The NIST problems: what is read from the files, and the models against the certified sums."""

import numpy as np
import pytest

from autodiff import nist
from autodiff.nist.problems import parse

PROBLEMS = {problem.name: problem for problem in nist.load_all()}
each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)

# Lanczos1 is generated data with a residual sum of squares of 1.4e-25: the certified parameters,
# rounded to eleven digits, give 4.0e-21 themselves.
SUM_LOST_IN_ROUNDING = {"Lanczos1": 1e-20}


def test_there_are_27_problems_in_three_levels():
    levels = [problem.level for problem in PROBLEMS.values()]
    assert [levels.count(level) for level in ("Lower", "Average", "Higher")] == [8, 11, 8]


@each_problem
def test_models_reproduce_the_certified_residual_sum_of_squares(problem):
    residuals = problem.residuals(problem.parameters)
    rss = float(residuals @ residuals)
    if problem.name in SUM_LOST_IN_ROUNDING:
        assert rss < SUM_LOST_IN_ROUNDING[problem.name]
    else:
        # The certified parameters have eleven digits, the sum is flat around them.
        assert rss == pytest.approx(problem.rss, rel=3e-10)


@each_problem
def test_standard_deviations_follow_from_the_model(problem):
    """The covariance of the fit has the certified standard deviations on its diagonal."""
    b = problem.parameters
    columns = []
    for i in range(len(b)):
        moved = b.astype(complex)
        moved[i] += 1e-30j
        columns.append(problem.model(moved, problem.x).imag / 1e-30)
    jacobian = np.stack(columns, axis=1)
    # By QR with scaled columns: the normal equations would square a condition of up to 1e10.
    scale = np.linalg.norm(jacobian, axis=0)
    inverse = np.linalg.inv(np.linalg.qr(jacobian / scale)[1])
    variance = problem.rss / (len(problem.y) - len(b))
    deviations = np.sqrt(variance * np.sum(inverse**2, axis=1)) / scale
    np.testing.assert_allclose(deviations, problem.deviations, rtol=2e-5)


def test_what_the_files_say_is_read():
    problem = nist.load("Misra1a")
    assert problem.level == "Lower"
    np.testing.assert_array_equal(problem.starts, [[500, 0.0001], [250, 0.0005]])
    np.testing.assert_array_equal(problem.parameters, [2.3894212918e02, 5.5015643181e-04])
    np.testing.assert_array_equal(problem.deviations, [2.7070075241, 7.2668688436e-06])
    assert problem.rss == 1.2455138894e-01
    assert problem.y[0] == 10.07
    assert problem.x[-1] == 760.0


def test_nelson_has_two_predictors_and_a_logarithmic_response():
    problem = nist.load("Nelson")
    assert problem.x.shape == (2, 128)
    assert problem.y[0] == np.log(15.0)


def test_an_unknown_name_is_an_error_that_lists_the_names():
    with pytest.raises(ValueError, match="no NIST problem named 'Misra'; there are Misra1a, Chw"):
        nist.load("Misra")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Number of Observations:                            14", "Number of Observations: 15",
         "another number of observations"),
        ("  b2 =", "  b3 =", "not b1, b2"),
        ("Data:   y ", "Values: y ", "no data heading"),
        ("Residual Sum of Squares", "Sum", "found no line 'Residual Sum of Squares'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_an_error(old, new, message):
    from importlib import resources

    text = resources.files("autodiff.nist").joinpath("data", "Misra1a.dat").read_text()
    assert old in text
    with pytest.raises(ValueError, match=message):
        parse("Misra1a", text.replace(old, new))


@pytest.mark.parametrize(
    ("found", "certified", "digits"),
    [
        ([1.0, 2.0], [1.0, 2.0], 11.0),
        ([1.0, 2.002], [1.0, 2.0], 3.0),
        ([-1.0], [1.0], 0.0),
        ([np.nan], [1.0], 0.0),
        (1 + 1e-13, 1.0, 11.0),
    ],
)
def test_agreed_digits(found, certified, digits):
    assert nist.agreed_digits(found, certified) == pytest.approx(digits, abs=1e-9)
