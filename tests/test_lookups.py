"""What names of libraries lead to is what is compiled, also where they are replaced after the first call."""

import contextlib
import io
import math
import os
import subprocess
import sys
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


def of_callback(x):
    return np.sum(np.apply_along_axis(lambda row: np.sin(row), 0, x))


without_source: Any = {"np": np}
exec("def of_nothing(x):\n    return np.sum(np.sin(x) * x)", without_source)

# What is replaced, by what, and in which function.
REPLACED: dict[str, tuple[Any, str, Any, Callable[..., Any]]] = {
    "another ufunc": (np, "sin", np.cos, of_sine),
    "a function of the user's": (np, "sin", lambda v: v * v, of_sine),
    "what a rule is written with": (np, "sin", lambda v: v * v, of_cosine),
    "what others are composed of": (np, "sum", lambda v: np.prod(v), of_norm),
    "a function of math": (math, "sin", math.cos, of_math),
    "a function of SciPy's": (scipy.special, "erf", scipy.special.erfc, of_special),
    "a function in a module below": (np.linalg, "norm", lambda v: v[0], of_norm),
    "a constant": (np, "pi", 3.0, of_constant),
    "what a function given to NumPy's asks for": (np, "sin", np.cos, of_callback),
    "in a function without source": (np, "sin", np.cos, without_source["of_nothing"]),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", REPLACED)
def test_a_replaced_name_is_what_it_leads_to(
    name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, attribute, new, f = REPLACED[name]
    made, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    before = made(X), slope(X)
    made(X), slope(X)
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        patch.setattr(owner, attribute, new)
        for _ in range(2):
            np.testing.assert_array_equal(made(X), f(X))
            if f is of_cosine:  # which does not ask for it, but for what is written with it
                continue
            with pytest.raises(autodiff.UnsupportedError, match="in whose place another was put"):
                slope(X)
    for _ in range(2):
        assert made(X) == before[0] and np.array_equal(slope(X), before[1])


def test_what_is_first_asked_for_under_a_replaced_name_is_right_afterwards() -> None:
    code = """
import numpy as np, warnings, autodiff
warnings.simplefilter("ignore")
x = np.array([3.0, 1.0, 2.0])
assert autodiff.gradient(lambda x: np.sum(x))(x).tolist() == [1.0, 1.0, 1.0]
sort, sin = np.sort, np.sin
np.sort, np.sin = lambda a: sort(a) * 10, lambda a: sin(a) * 10
def f(x): return np.argsort(x) * 1.0 + np.sort(x) + np.sin(x)
found = autodiff.function(f)
assert found(x).tolist() == f(x).tolist()
np.sort, np.sin = sort, sin
assert np.allclose(found(x), f(x), rtol=1e-14)
assert np.allclose(autodiff.gradient(lambda x: np.sum(f(x)))(x), 1.0 + np.cos(x))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


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
        with pytest.warns(autodiff.FallbackWarning, match="in whose place another was put"):
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
    with pytest.warns(autodiff.FallbackWarning, match="numpy.sin, in whose place"):
        assert made(X) == np.sum(np.cos(X) * X)


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


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_run_that_stores_into_a_module_and_fails_is_not_begun_again(engine) -> None:
    """SciPy's solvers set filters of ``warnings`` while they run."""
    calls: list[float] = []

    def noted(x):
        calls.append(float(x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
        return x

    def failing(x):
        warnings.warn("this module is looked into", UserWarning, stacklevel=1)
        y = autodiff.custom_gradient(noted, vjp=lambda x, v: v)(x)
        return np.linalg.inv(np.array([[y, 1.0], [1.0, 1.0]])).sum()

    made = autodiff.function(failing, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert made(3.0) == failing(3.0)
        calls.clear()
        with pytest.raises(np.linalg.LinAlgError):
            made(1.0)
    assert len(calls) < 5


TRANSFORMS = """
import sys
import numpy as np, autodiff
x = np.array([0.3, 1.0, 0.2])
autodiff.gradient(lambda x: np.sum(np.sin(x)))(x)
assert "numpy.fft" not in sys.modules
first = np.fft.fft  # which loads them
np.fft.fft = lambda x: 2 * first(x)
def transformed(x):
    return np.sum(np.fft.fft(x).real * x)
for engine in ("numpy", "native"):
    try:
        autodiff.function(transformed, engine=engine, on_fallback="error")(x)
        raise SystemExit("a rule was used whose name leads elsewhere")
    except autodiff.UnsupportedError as error:
        assert "numpy.fft.fft, in whose place another was put" in str(error), error
    np.fft.fft, mine = first, np.fft.fft
    np.testing.assert_allclose(autodiff.function(transformed, engine=engine)(x), transformed(x))
    np.fft.fft = mine
"""


def test_transforms_that_are_replaced_as_soon_as_they_are_loaded() -> None:
    settings = {**os.environ, "AUTODIFF_CACHE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", TRANSFORMS], capture_output=True, text=True, env=settings
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
