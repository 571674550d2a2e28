"""Python in the middle of a program on the JAX engine: effects happen as in plain Python, once and in order."""

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import autodiff
from autodiff import errors

pytestmark = pytest.mark.jax
jax = pytest.importorskip("jax", reason="the JAX engine is not tested: JAX is not installed")

from autodiff.engines.jax import engine as engines  # noqa: E402
from autodiff.engines.jax import platform  # noqa: E402

with platform.double_precision():
    from autodiff.engines.jax import elements, host

X = np.array([0.3, 1.2, 2.5, 0.7])
SEEN: list[Any] = []
COUNT = {"calls": 0}


# -- effects ----------------------------------------------------------------------------------------
def printing(x):
    print("x is", x, "and", len(x))
    return np.sum(x**2)


def printing_in_loops(x):
    total = 0.0
    for k in range(len(x)):
        total = total + x[k] ** 2
        print(k, total)
        for j in range(2):
            print("  ", j, total * j)
    return total


def printing_in_a_branch(x):
    if x[0] > x[1]:
        print("first", x[0])
    else:
        print("second", x[1])
    return x[0] * x[1]


def printing_while(x):  # more steps than the first tape has room for
    total, step = x[0], 0
    while total < 1e30:
        total = total * (1.5 + 0.1 * x[1])
        print(step, total)
        step += 1
    return total


def printing_what_is_chosen(x):
    large = x[x > 0.5]
    print(large)
    return np.sum(large**3)


def storing(x):
    SEEN.append(float(x[0]))
    COUNT["calls"] += 1
    COUNT["last"] = np.sum(x)
    return np.sum(x * COUNT["calls"])


def drawing(x):
    noise = np.random.normal(size=4)
    total = np.sum(noise * x)
    for _ in range(3):
        total = total + np.random.uniform() * x[0]
    return total


def drawing_while(x):
    total, steps = 0.0, 0
    while total < 100.0:
        total = total + np.random.uniform() * x[0]
        steps += 1
    return total * steps


def logs(x):
    logging.getLogger("steps").warning("at %s", x[0])
    return np.sum(np.sin(x))


def warns(x):
    warnings.warn(f"from {x[0]}", UserWarning, stacklevel=2)
    return np.sum(x)


def raises_after_printing(x):
    for k in range(len(x)):
        print("step", k)
        if x[k] > 2.0:
            raise ValueError(f"too large: {k}")
    return np.sum(x)


EFFECTS = [
    printing, printing_in_loops, printing_in_a_branch, printing_while, printing_what_is_chosen, storing,
    drawing, drawing_while, logs, warns, raises_after_printing,
]  # fmt: skip


def observed(call: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """What a call gives, and what it does to the world."""
    SEEN.clear()
    COUNT.update(calls=0)
    np.random.seed(7)
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logger = logging.getLogger("steps")
    logger.addHandler(handler)
    logger.propagate = False
    results: list[Any] = []
    try:
        with contextlib.redirect_stdout(said), warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            for _ in range(2):
                try:
                    results.append(call(*args))
                except ValueError as error:
                    results.append(str(error).splitlines()[0])
    finally:
        logger.removeHandler(handler)
    told = [(str(w.message), w.category) for w in given]
    return results, said.getvalue(), told, list(SEEN), dict(COUNT), np.random.uniform()


@pytest.mark.parametrize("f", EFFECTS, ids=lambda f: f.__name__)
def test_effects_happen_as_in_plain_python(f) -> None:
    # Rounded as NumPy rounds, so that texts are equal to the last digit.
    plain = observed(f, X)
    ours = observed(autodiff.function(f, engine="jax"), X)
    assert ours[1:3] == plain[1:3]
    for have, want in zip(ours[3:], plain[3:], strict=True):
        assert have == pytest.approx(want, rel=1e-13)
    for have, want in zip(ours[0], plain[0], strict=True):
        assert have == want if isinstance(want, str) else have == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize("f", EFFECTS[:-1], ids=lambda f: f.__name__)
def test_derivatives_have_the_effects_of_the_function(f) -> None:
    ours = observed(autodiff.value_and_gradient(f, engine="jax"), X)
    reference = observed(autodiff.value_and_gradient(f, engine="numpy"), X)
    assert ours[1:3] == reference[1:3]
    for have, want in zip(ours[3:], reference[3:], strict=True):
        assert have == pytest.approx(want, rel=1e-13)
    for have, want in zip(ours[0], reference[0], strict=True):
        assert have[0] == pytest.approx(want[0], rel=1e-13)
        np.testing.assert_allclose(have[1], want[1], rtol=1e-12)


def test_numbers_of_64_bits_pass_whole() -> None:
    seen = []

    def f(x, n):
        seen.append((x[0], n + 1))
        return x * 1.0

    compiled = autodiff.function(f, engine="jax")
    for x, n in ((1 + 2.0**-50, 2**40), (1 - 2.0**-50, 2**50)):
        compiled(np.array([x]), n)
    assert seen == [(1 + 2.0**-50, 2**40 + 1), (1 - 2.0**-50, 2**50 + 1)]


def test_an_exception_of_an_effect_is_the_users() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("the disk is full")

    compiled = autodiff.function(printing, engine="jax")
    compiled(X)
    for _ in range(2):
        with (
            pytest.raises(OSError, match="^the disk is full$"),
            contextlib.redirect_stdout(Broken()),
        ):
            compiled(X)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert compiled(X) == printing(X)
    assert said.getvalue().count("x is") == 2
    assert not host._running


def test_calls_of_several_threads_have_their_own_state() -> None:
    def f(x, generator):
        return x[0] * generator.uniform() + np.sum(generator.normal(size=3))

    compiled = autodiff.function(f, engine="jax")
    expected = [f(X, np.random.default_rng(k)) for k in range(6)]
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(
            target=lambda k=k: found.update({k: compiled(X, np.random.default_rng(k))})
        )
        for k in range(6)
    ]
    [t.start() for t in threads]
    [t.join(60) for t in threads]
    assert [found[k] for k in range(6)] == pytest.approx(expected, rel=1e-14)


def test_lanes_act_one_after_the_other() -> None:
    def f(x):
        print("lane", x[0])
        return np.sum(x)

    rows = np.arange(6.0).reshape(3, 2)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        found = autodiff.vmap(f, engine="jax")(rows)
    np.testing.assert_array_equal(found, rows.sum(axis=1))
    assert said.getvalue() == "lane 0.0\nlane 2.0\nlane 4.0\n"


# -- what JAX has not -------------------------------------------------------------------------------
def bessel(x):
    from scipy.special import kv

    return kv(0.5, x)


def partitioned(x):
    return np.argpartition(x, 2)


def eigenvalues(x):
    return np.sum(np.abs(np.linalg.eigvals(np.outer(x, x) + np.diag(x[::-1]))) ** 2)


def integrated(x):
    from scipy.integrate import quad

    return quad(lambda t: np.exp(-x[0] * t), 0.0, x[1])[0]


def factor_of_chosen(x):
    large = x[x > 0.5]
    return np.sum(np.linalg.cholesky(np.outer(large, large) + np.eye(len(large))))


COMPUTED = [bessel, partitioned, eigenvalues, integrated, factor_of_chosen]


@pytest.mark.parametrize("f", COMPUTED, ids=lambda f: f.__name__)
def test_what_jax_has_not_is_computed_by_numpy_on_the_cpu(f) -> None:
    compiled, expected = autodiff.function(f, engine="jax"), f(X)
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), expected, rtol=1e-12)
    if f is not partitioned:
        ours, reference = (
            autodiff.gradient(lambda x: np.sum(f(x)), engine=e)(X) for e in ("jax", "numpy")
        )
        np.testing.assert_allclose(ours, reference, rtol=1e-10)


def test_it_is_computed_in_loops_and_lanes() -> None:
    rows = np.outer([1.0, 2.0, 3.0], X)
    found = autodiff.vmap(bessel, engine="jax")(rows)
    np.testing.assert_allclose(found, bessel(rows), rtol=1e-14)

    def f(x):
        total = 0.0
        for k in range(len(x)):
            total = total + np.sum(bessel(x[k] * x))
        return total

    ours, reference = (autodiff.value_and_gradient(f, engine=e)(X) for e in ("jax", "numpy"))
    assert ours[0] == pytest.approx(reference[0], rel=1e-13)
    np.testing.assert_allclose(ours[1], reference[1], rtol=1e-12)


@pytest.mark.parametrize("f", [bessel, partitioned, eigenvalues], ids=lambda f: f.__name__)
def test_away_from_the_memory_of_the_host_it_is_refused_with_its_line(f, monkeypatch) -> None:
    monkeypatch.setattr(engines.DeviceProgram, "_platform_of", lambda self, given: "cuda")
    compiled = autodiff.function(f, engine="jax")
    for _ in range(2):
        with pytest.raises(errors.UnsupportedError, match="AD306") as caught:
            compiled(X)
        text, first = str(caught.value), f.__code__.co_firstlineno
        assert "test_host.py, line " in text and f"in {f.__name__}" in text
        assert first < caught.value.source.line <= first + 3
        assert "Remedy: " in text and "engine='native'" in text


def test_where_it_fails_plain_python_says_what_is_raised() -> None:
    def f(x):
        return np.sum(np.linalg.eigvals(x).real)

    compiled = autodiff.function(f, engine="jax")
    a = np.diag(X)
    assert compiled(a) == pytest.approx(np.sum(X))
    with pytest.raises(np.linalg.LinAlgError) as plain:
        f(a * np.nan)
    with pytest.raises(np.linalg.LinAlgError) as ours:
        compiled(a * np.nan)
    assert str(ours.value).startswith(str(plain.value))


def test_explain_lists_what_python_does() -> None:
    text = autodiff.function(printing, engine="jax").explain(X)
    assert f"  host    print at line {printing.__code__.co_firstlineno + 1}" in text
    text = autodiff.function(bessel, engine="jax").explain(X)
    assert f" at line {bessel.__code__.co_firstlineno + 3}" in text.partition("  host    ")[2]
    text = autodiff.function(partitioned, engine="jax").explain(X)
    assert "  host    argpartition at line" in text


def test_calls_of_what_is_not_known_are_refused_with_their_line() -> None:
    def f(x):
        return np.sum(np.frompyfunc(lambda t: t * 2, 1, 1)(x).astype(float))

    with pytest.raises(errors.AutodiffError) as caught:
        autodiff.gradient(f, engine="jax")(X)
    assert "test_host.py, line" in str(caught.value)


def test_every_core_scalar_function_is_there() -> None:
    from autodiff.engines.native.scalars import Scalars

    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(Scalars) - public(elements.Elements) <= {"extremum"}  # of native reductions


def test_special_functions_of_complex_numbers_are_not_those_of_real_ones() -> None:
    z = np.array([0.35 + 0.45j, 0.9 - 0.2j])
    for name in ("ndtr", "psi", "loggamma", "erfcx", "expi"):
        f = getattr(scipy.special, name)
        np.testing.assert_array_equal(autodiff.function(f, engine="jax")(z), f(z))
