"""Objects of a library that are made of traced values: their class, their text and where they go are the library's."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse, stats
from scipy.sparse import linalg

import autodiff

EYE = np.eye(2)
MADE: dict[str, Callable[[Any], Any]] = {
    "norm": lambda m: stats.norm(m),
    "poisson": lambda m: stats.poisson(m),
    "multivariate_normal": lambda m: stats.multivariate_normal(m * np.ones(2), EYE),
    "multivariate_t": lambda m: stats.multivariate_t(m * np.ones(2), EYE, 3.0),
    "splu": lambda m: linalg.splu(sparse.csc_array(m * EYE)),
}
if hasattr(stats, "Normal"):
    Normal: Any = stats.Normal
    MADE |= {
        "Normal": lambda m: Normal(mu=m, sigma=1.0),
        "Uniform": lambda m: stats.Uniform(a=0.2, b=m),
        "gamma": lambda m: stats.make_distribution(stats.gamma)(a=m),
        "scaled": lambda m: 2 * Normal(mu=m) + 1,
        "truncated": lambda m: stats.truncate(Normal(mu=m), lb=-m),
        "order statistic": lambda m: stats.order_statistic(Normal(mu=m), r=1, n=2),
        "folded": lambda m: abs(Normal(mu=m)),
        "mapped": lambda m: stats.exp(Normal(mu=m)),
        "mixture": lambda m: stats.Mixture([Normal(mu=m), Normal()]),
    }


class Box:
    def __init__(self, X: Any) -> None:
        self.X = X


# SciPy takes a second to make its class.
some = [n if n != "gamma" else pytest.param(n, marks=pytest.mark.slow) for n in MADE]
PLACES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda X: X,
    "list": lambda X: [X, 1],
    "nested": lambda X: {"a": (0, [X])},
    "attribute": Box,
    "attribute of one in a list": lambda X: [Box([X])],
    "closure": lambda X: lambda: X,
}


def inside(place: str, x: Any) -> Any:
    if place == "closure":
        return x()
    steps = {"list": [0], "nested": ["a", 1, 0], "attribute of one in a list": [0]}
    for step in steps.get(place, []):
        x = x[step]
    x = x.X if isinstance(x, Box) else x
    return x[0] if isinstance(x, list) else x


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", some)
def test_what_is_returned_is_the_librarys_own(name: str) -> None:
    make = MADE[name]
    for place, put in PLACES.items():
        found = inside(place, autodiff.function(lambda m, put=put: put(make(m)))(1.5))
        assert type(found).__module__.split(".")[0] != "autodiff", place
        assert type(found).__name__ == type(make(1.5)).__name__, place
        if hasattr(found, "entropy"):
            np.testing.assert_allclose(found.entropy(), make(1.5).entropy())


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", some)
def test_what_is_kept_outside_is_the_librarys_own(name: str) -> None:
    box, rows = Box(None), []

    def f(m: Any) -> Any:
        box.X = MADE[name](m)
        rows.append([box.X])
        return 2 * m

    assert autodiff.function(f)(1.5) == 3.0
    for found in (box.X, rows[0][0]):
        assert type(found).__name__ == type(MADE[name](1.5)).__name__
        assert type(found).__module__.split(".")[0] != "autodiff"


ASKED: dict[str, Callable[[Any, Any], Any]] = {
    "isinstance": lambda X, cls: (isinstance(X, cls), isinstance(X, (float, cls)), isinstance(X, dict)),
    "type": lambda X, cls: (type(X).__name__, type(X) is type(X), X.__class__.__name__),
    "text": lambda X, cls: ([repr(X), str([X]), f"{X}"]),
    "hasattr": lambda X, cls: [
        hasattr(X, n) for n in ("sigma", "mu", "args", "dist", "frozen", "inner", "cdf1", "pdf", "mean", "nothing")
    ],
    "getattr": lambda X, cls: (getattr(X, "nothing", 3), callable(getattr(X, "pdf", None))),
    "identity": lambda X, cls: (X is X, X == X, X != X, bool(X)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", some)
def test_what_is_asked_of_one_is_answered_as_by_the_library(name: str, asked: str) -> None:
    cls, question = type(MADE[name](1.5)), ASKED[asked]
    if name == "gamma":
        cls = cls.__mro__[1]

    def f(m: Any) -> Any:
        return question(MADE[name](m), cls)

    found, wanted = autodiff.function(f)(1.5), f(1.5)
    if asked == "text" and name not in ("Normal", "Uniform", "scaled"):  # an address
        found, wanted = (str(x).split(" at ")[0] for x in (found, wanted))
    assert found == wanted


@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", [n for n in MADE if n not in ("gamma", "splu", "poisson")])
def test_a_derivative_may_follow_from_the_class(name: str) -> None:
    cls = type(MADE[name](1.5))

    def f(m: Any) -> Any:
        X = MADE[name](m)
        assert type(X).__name__ == cls.__name__
        return X.logpdf(0.4 * np.ones(2)).sum() if isinstance(X, cls) else 7.0 * m

    h = 1e-6
    slope = (f(1.5 + h) - f(1.5 - h)) / (2 * h)
    np.testing.assert_allclose(autodiff.gradient(f)(1.5), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.skipif(not hasattr(stats, "Normal"), reason="of newer versions of SciPy")
@pytest.mark.parametrize(
    "operation",
    [
        lambda X, m: X**2,
        lambda X, m: 1 / X,
        lambda X, m: X < m,
        lambda X, m: X + X,
        lambda X, m: copy.copy(X).mean(),
        lambda X, m: copy.deepcopy([X])[0].mean(),
        lambda X, m: m @ X,
        lambda X, m: np.asarray(X).shape,
        lambda X, m: np.exp(X),
        lambda X, m: len(X),
        lambda X, m: X.sigma,
        lambda X, m: Normal(m, 1.0),
        lambda X, m: stats.Uniform(a=m),
        lambda X, m: stats.Uniform(m, 2.0),
        lambda X, m: Normal(mu=m, s=1.0),
        lambda X, m: Normal(mu=m, sigma=None).mean(),
        lambda X, m: stats.make_distribution(stats.gamma)(m),
        lambda X, m: stats.make_distribution(stats.gamma)(b=m),
        lambda X, m: stats.order_statistic(X, 1, 2),
        lambda X, m: stats.Mixture([]),
        lambda X, m: stats.Mixture([X, X], weights=[m]),
        lambda X, m: X.kurtosis(convention="bad"),
        lambda X, m: X.kurtosis(convention="EXCESS"),
        lambda X, m: X.moment(1.5),
        lambda X, m: X.moment(2, kind="bad"),
        lambda X, m: X.cdf(0.3, method="bad"),
        lambda X, m: X.cdf(0.3, method="quadrature"),
        lambda X, m: X.mean(1),
        lambda X, m: X.pdf(),
    ],
)
def test_what_the_library_refuses_is_refused(operation: Callable[[Any, Any], Any]) -> None:
    def f(m: Any) -> Any:
        return operation(Normal(mu=m, sigma=1.0), m)

    def outcome(g: Callable[[Any], Any]) -> Any:
        with np.errstate(all="ignore"):
            try:
                x = g(1.5)
            except Exception as error:
                return type(error), str(error)
        return type(x), round(x, 12) if isinstance(x, float) else None

    assert outcome(autodiff.function(f)) == outcome(f)
