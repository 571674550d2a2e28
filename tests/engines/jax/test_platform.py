"""What can be said of the JAX engine without JAX: options, its absence, advice by line."""

import sys
import warnings

import numpy as np
import pytest

import autodiff
from autodiff import cli, errors
from autodiff.engines.jax import advice, platform


@pytest.fixture
def without_jax(monkeypatch: pytest.MonkeyPatch):
    """Whether it is installed or not, importing JAX fails."""
    monkeypatch.setitem(sys.modules, "jax", None)
    platform.jax.cache_clear()
    yield
    platform.jax.cache_clear()


def test_without_jax_the_engine_says_how_to_install_it(without_jax) -> None:
    with pytest.raises(errors.EngineError, match="needs JAX, which cannot be imported") as caught:
        autodiff.gradient(lambda x: x * x, engine="jax")(2.0)
    assert isinstance(caught.value, RuntimeError)
    assert "AD110" in str(caught.value)
    assert 'pip install "jax"' in str(caught.value)
    assert "python -m autodiff doctor" in str(caught.value)


def test_without_jax_nothing_is_computed_by_another_engine(without_jax) -> None:
    ran = []

    def f(x):
        ran.append(1)
        return x * x

    with pytest.raises(errors.AutodiffError):
        autodiff.function(f, engine="jax")(2.0)


def test_the_doctor_has_a_line_for_jax() -> None:
    (line,) = [text for name, text in cli.doctor() if name == "engine jax"]
    assert "devices: " in line or 'pip install "jax"' in line


@pytest.mark.parametrize("device", ["cuda", "gpu:", "gpu:x", "gpu1", "", 0, "GPU"])
def test_a_device_that_is_no_name_is_refused_at_once(device) -> None:
    with pytest.raises(errors.EngineError, match="is not the name of a device"):
        autodiff.function(lambda x: x, engine="jax", device=device)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_device_is_for_the_jax_engine(engine) -> None:
    with pytest.raises(ValueError, match="device='gpu' is for engine='jax'"):
        autodiff.gradient(lambda x: x, engine=engine, device="gpu")


def test_running_uncompiled_at_every_call_is_refused() -> None:
    with pytest.raises(ValueError, match="use_cache=False runs uncompiled"):
        autodiff.function(lambda x: x, engine="jax", use_cache=False)


# -- advice -------------------------------------------------------------------------------------------
def recurrence(x):
    total = 0.0
    for k in range(len(x)):
        total = total * 0.5 + x[k]
    return total


def heat(u):
    for _ in range(1000):
        u = u + 0.1 * np.roll(u, 1)
    return np.sum(u)


def newton(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def explained(f, *args) -> list[str]:
    lines = autodiff.function(f, engine="jax").explain(*args).splitlines()
    return [line for line in lines if line.startswith("  slow ")]


def test_explain_names_the_line_of_a_loop_of_small_steps() -> None:
    (line,) = explained(recurrence, np.ones(1000))
    number = recurrence.__code__.co_firstlineno + 2
    assert "a for loop of 1000 iterations of small steps" in line
    assert f"test_platform.py, line {number}" in line
    (line,) = explained(newton, 2.0)
    assert "a while loop of small steps" in line
    assert f"line {newton.__code__.co_firstlineno + 2})" in line


def test_explain_has_nothing_against_large_steps_few_steps_and_lanes() -> None:
    assert explained(heat, np.ones(10_000)) == []
    assert explained(recurrence, np.ones(5)) == []
    assert explained(autodiff.vmap(newton), np.linspace(1, 2, 100_000)) == []
    (line,) = explained(autodiff.vmap(newton), np.linspace(1, 2, 10))
    assert "while" in line
    native = autodiff.function(recurrence).explain(np.ones(1000))
    assert "GPU" not in native


def test_the_gradient_has_the_loop_and_its_way_back() -> None:
    text = autodiff.gradient(recurrence, engine="jax").explain(np.ones(1000))
    assert "slow    on a GPU" in text


def test_a_warning_is_given_before_such_work_is_sent_to_a_gpu(
    without_jax, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = autodiff.function(recurrence, engine="jax", device="gpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(errors.EngineError):  # there is none
            f(np.ones(1000))
    (told,) = caught
    assert told.category is errors.SequentialWarning
    assert "one after the other" in str(told.message)
    assert told.filename == __file__
    assert advice.is_accelerator("tpu:0")
    assert not advice.is_accelerator("cpu")
