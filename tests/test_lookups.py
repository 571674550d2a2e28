"""What names of libraries lead to is what is compiled, also where they are replaced after the first call."""

import contextlib
import io
import math
import unittest.mock
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import autodiff
from autodiff import lookups

X = np.array([0.3, 1.0, 0.2])


def of_sine(x):
    return np.sum(np.sin(x) * x)


def of_cosine(x):
    return np.sum(np.cos(x) * np.mean(x))


def of_norm(x):
    return np.mean(x) * np.sum(np.exp(x)) + np.linalg.norm(x)


def of_math(x):
    return math.sin(x[0]) * x[1]


def of_special(x):
    return np.sum(scipy.special.erf(x))


def of_constant(x):
    return np.sum(x) * np.pi


# What is replaced, by what, and the function and derivative then.
REPLACED: dict[str, tuple[Any, str, Any, Callable[..., Any], Any, Any]] = {
    "another ufunc": (
        np, "sin", np.cos, of_sine, np.sum(np.cos(X) * X), np.cos(X) - np.sin(X) * X,
    ),
    "a function of the user's": (np, "sin", lambda v: v * v, of_sine, np.sum(X**3), 3 * X**2),
    # The rule of the cosine has a sine in it.
    "what a rule is written with": (
        np, "sin", lambda v: v * v, of_cosine, np.sum(np.cos(X) * X.mean()),
        np.sum(np.cos(X)) / 3 - np.sin(X) * X.mean(),
    ),
    "what others are composed of": (
        np, "sum", lambda v: np.prod(v), of_norm,
        np.mean(X) * np.prod(np.exp(X)) + np.linalg.norm(X),
        np.prod(np.exp(X)) / 3 + np.mean(X) * np.prod(np.exp(X)) + X / np.linalg.norm(X),
    ),
    "a function of math": (
        math, "sin", math.cos, of_math, math.cos(0.3), np.array([-math.sin(0.3), math.cos(0.3), 0.0]),
    ),
    "a function of SciPy's": (
        scipy.special, "erf", scipy.special.erfc, of_special, np.sum(scipy.special.erfc(X)),
        -2 / np.sqrt(np.pi) * np.exp(-(X**2)),
    ),
    "a function in a module below": (
        np.linalg, "norm", lambda v: v[0], of_norm, np.mean(X) * np.sum(np.exp(X)) + 0.3,
        np.sum(np.exp(X)) / 3 + np.mean(X) * np.exp(X) + [1.0, 0.0, 0.0],
    ),
    "a constant": (np, "pi", 3.0, of_constant, np.sum(X) * 3.0, np.full(3, 3.0)),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", REPLACED)
def test_a_replaced_name_is_what_it_leads_to(
    name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, attribute, new, f, value, derivative = REPLACED[name]
    made = autodiff.value_and_gradient(f, engine=engine)
    before = made(X)
    made(X)
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, new)
        for _ in range(2):
            now = made(X)
            np.testing.assert_allclose(now[0], value, rtol=1e-12)
            np.testing.assert_allclose(now[1], derivative, rtol=1e-12, atol=1e-15)
    for _ in range(2):
        again = made(X)
        assert again[0] == before[0] and np.array_equal(again[1], before[1])


def test_other_names_of_a_module_make_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = autodiff.function(of_sine)
    made(X)
    first = made.cache[0]
    monkeypatch.setattr(np, "of_nobody", 3, raising=False)
    monkeypatch.setattr(np, "tanh", np.tanh)
    assert made(X) == of_sine(X)
    assert made.cache == [first]
    assert lookups.is_settled()


def test_what_a_mock_stands_for_runs_uncompiled() -> None:
    made = autodiff.function(of_sine)
    made(X)
    with unittest.mock.patch("numpy.sin", side_effect=lambda v: 2 * v) as stand_in:
        with pytest.warns(autodiff.FallbackWarning, match="not known to autodiff"):
            assert made(X) == np.sum(2 * X * X)
        assert stand_in.call_count == 1
    assert made(X) == of_sine(X)


def test_an_entry_asks_for_the_modules_that_the_function_looks_into() -> None:
    made = autodiff.function(of_math)
    made(X)
    entry = made.cache[0].run.call.__self__.machine.glue
    assert ("@seen.math" in entry) is lookups.HAS_VERSIONS
    assert "@seen.numpy" not in entry


def test_dicts_without_numbers_have_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "HAS_VERSIONS", False)
    made = autodiff.function(of_sine)
    made(X)
    assert any("sin" in guard for guard in made.cache[0].guards)
    monkeypatch.setattr(np, "sin", np.cos)
    np.testing.assert_allclose(made(X), np.sum(np.cos(X) * X))


def shows(x):
    print("sum", np.sum(x))
    warnings.warn("small", UserWarning, stacklevel=1)
    return np.sum(x)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_what_the_user_redirects_stays_redirected(engine) -> None:
    made = autodiff.function(shows, engine=engine)
    for k in range(3):
        text = io.StringIO()
        with contextlib.redirect_stdout(text), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made(X + k)
        assert text.getvalue() == f"sum {np.sum(X + k)}\n"
        assert [str(w.message) for w in caught] == ["small"]
        assert not lookups.state.replaced
