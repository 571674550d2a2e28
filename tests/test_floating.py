"""Floating-point errors under np.errstate: who asks for exceptions, calls or records gets NumPy's."""

import threading
import traceback

import numpy as np
import pytest

import autodiff
from autodiff import floating

BAD = np.array([0.0, 1.0, -1.0])
GOOD = np.array([0.5, 1.0, 2.0])


def divided(x):
    return np.sum(1.0 / x)


def logarithm(x):
    return np.sum(np.log(x))


def exponential(x):
    return np.sum(np.exp(x * 1e4 + 1e3))


def root(x):
    return np.sum(np.sqrt(x))


def tiny(x):
    return np.sum(np.exp(-800.0 + 0 * x) * 1e-300)


def masked(x):
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0))


def looped(x):
    total = 0.0
    for k in range(len(x)):
        total += np.float64(1.0) / x[k]
    return total


FUNCTIONS = [divided, logarithm, exponential, root, tiny, masked, looped]
STATES = [
    {"all": "raise"},
    {"all": "ignore", "divide": "raise"},
    {"all": "ignore", "over": "raise"},
    {"all": "ignore", "under": "raise"},
    {"all": "raise", "divide": "ignore"},
    {"all": "ignore", "invalid": "raise"},
]


def outcome(f, x):
    """The result, or the text and the line of what is raised."""
    try:
        return float(f(x))
    except FloatingPointError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return str(error), frame.name, frame.lineno


def _name(state):
    return ",".join(f"{kind}={how}" for kind, how in state.items())


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("state", STATES, ids=_name)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_what_numpy_raises_is_raised_at_every_call(f, state, engine):
    compiled = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, engine=engine)
    with np.errstate(all="ignore"):
        slopes = {id(x): slope(x) for x in (GOOD, BAD)}
        values = {id(x): compiled(x) for x in (GOOD, BAD)}
    for x in (GOOD, BAD, GOOD, BAD, BAD):
        with np.errstate(all="ignore"):
            right = float(f(x))
        with np.errstate(**state):
            expected = outcome(f, x)
            found = outcome(compiled, x)
            if isinstance(expected, float):
                np.testing.assert_array_equal(found, expected)  # made by the same loops
            else:
                assert found == expected
            if isinstance(expected, float):  # the derivative's own divisions are no errors
                np.testing.assert_array_equal(slope(x), slopes[id(x)])
            else:
                with pytest.raises(FloatingPointError, match=f"^{expected[0]}$"):
                    slope(x)
        # Outside, calls are compiled again.
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(compiled(x), right, rtol=1e-14)
            assert compiled(x) == values[id(x)] or np.isnan(values[id(x)])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_first_call_may_be_under_a_strict_state(engine):
    for make in (autodiff.function, autodiff.gradient):
        with np.errstate(all="raise"):
            compiled = make(divided, engine=engine)
            compiled(GOOD)
            with pytest.raises(FloatingPointError, match="divide by zero"):
                compiled(BAD)
        with pytest.warns(RuntimeWarning, match="^divide by zero encountered in divide$"):
            compiled(BAD)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("make", [autodiff.function, autodiff.gradient])
def test_a_callback_is_called_and_a_log_is_written(make, engine):
    compiled = make(divided, engine=engine)
    compiled(GOOD)
    calls = []
    with np.errstate(all="call", call=lambda text, flag: calls.append(text)):
        compiled(GOOD)
        assert calls == []
        compiled(BAD)
        compiled(BAD)
    assert calls == ["divide by zero"] * 2

    class Log:
        lines: list[str] = []

        def write(self, text):
            self.lines.append(text)

    with np.errstate(all="log", call=Log()):
        compiled(BAD)
    assert Log.lines == ["Warning: divide by zero encountered in divide\n"]


def test_seterr_holds_as_errstate_does():
    compiled = autodiff.function(divided)
    compiled(GOOD)
    before = np.seterr(all="raise")
    try:
        with pytest.raises(FloatingPointError):
            compiled(BAD)
    finally:
        np.seterr(**before)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        compiled(BAD)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_lenient_states_run_compiled():
    compiled = autodiff.function(divided)
    compiled(BAD)
    made = len(compiled.cache)
    for state in ({"all": "ignore"}, {"divide": "ignore"}, {"all": "warn"}, {"under": "warn"}):
        for _ in range(3):
            with np.errstate(**state):
                compiled(BAD)
                assert floating.is_known()
    assert len(compiled.cache) == made
    assert compiled.cache[-1].calls > 0


def test_a_store_into_an_argument_goes_as_far_as_in_numpy():
    def f(x):
        x += 1.0
        x /= 0.0
        x += 5.0
        return x

    compiled = autodiff.function(f)
    with np.errstate(divide="ignore"):
        compiled(np.ones(3))
    mine, theirs = np.ones(3), np.ones(3)
    with np.errstate(all="raise"):
        for g, x in ((f, theirs), (compiled, mine)):
            with pytest.raises(FloatingPointError):
                g(x)
    np.testing.assert_array_equal(mine, theirs)


def test_effects_happen_once_under_a_strict_state():
    seen = []

    def f(x):
        seen.append(1)
        return x * 2.0

    for make in (autodiff.function, autodiff.gradient):
        compiled = make(f)
        with np.errstate(all="raise"):
            compiled(1.0)
            del seen[:]
            compiled(1.0)
        assert seen == [1]
        del seen[:]


def test_threads_have_states_of_their_own():
    compiled = autodiff.function(divided)
    compiled(GOOD)
    wrong = []
    start = threading.Barrier(4)

    def work(strict):
        start.wait()
        for _ in range(300):
            with np.errstate(divide="raise" if strict else "ignore"):
                try:
                    compiled(BAD)
                    raised = False
                except FloatingPointError:
                    raised = True
                if raised != strict:
                    wrong.append(strict)

    threads = [threading.Thread(target=work, args=(k % 2 == 0,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_vectors_and_other_transformations_heed_the_state():
    x = np.array([0.0, 1.0])
    for call in (
        lambda: autodiff.value_and_gradient(logarithm)(x),
        lambda: autodiff.hessian_vector(logarithm)(x, _tensors=np.ones(2)),
    ):
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            call()
