"""A mistake of this library is never taken for an exception of the user's.

Faults are injected into every stage: a function of capture, differentiation, the passes or an
engine raises what a slip in it would raise.  In the tests that is an `InternalError`; elsewhere it
is told once, and the call runs uncompiled.
"""

import functools
import importlib
import itertools
import pkgutil
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import passes, signals
from autodiff.errors import FallbackWarning, InternalError
from autodiff.ir import Block, Program
from autodiff.signals import as_internal, is_ours, run_users, text_of

X = np.array([0.5, 1.5, 2.5])
SLIPS = [AttributeError, KeyError, TypeError, ValueError, IndexError, AssertionError, NameError]


def straight(x):
    return np.sum(np.sin(x) * x[0])


def branch(x):
    if x[0] > 0:
        y = x * 2.0
    else:
        y = x * 3.0
    return np.sum(y)


def loop(x):
    total = 0.0
    for k in range(20):
        total += x[0] * k
    return total + np.sum(x)


def ending_loop(x):
    total = 0.0
    while total < 20.0:
        total = total + x[1]
    return total


def choice(x):
    return np.sum(x) if x[0] > 0 else np.prod(x)


def guarded_by_the_user(x):
    try:
        if x[0] > 0:
            y = np.sin(x) * x[1]
        else:
            y = x
        return np.sum(y)
    except Exception:
        return 0.0 * x[0] - 1.0


def guarded_by_finally(x):
    total = 0.0
    try:
        for k in range(20):
            total = total + x[1] * k
    finally:
        total = total * 2.0
    return total


def with_a_helper(x):
    def inner(v, scale=2.0):
        return v * scale

    return sum([inner(v) for v in x])


PROGRAMS = [straight, branch, loop, ending_loop, choice, guarded_by_the_user, guarded_by_finally]
PROGRAMS += [with_a_helper]
# Where a slip may happen: functions by the place they are looked up in.
PLACES = [
    "autodiff.capture.staging.run_region",
    "autodiff.capture.staging._merge",
    "autodiff.capture.staging.stage_if",
    "autodiff.capture.staging.stage_choice",
    "autodiff.capture.regions.freeze",
    "autodiff.capture.regions._entangled",
    "autodiff.capture.slots.slot_of",
    "autodiff.capture.merging.Merge.value",
    "autodiff.capture.rolling.roll_for",
    "autodiff.capture.rolling.roll_while",
    "autodiff.capture.loops.lazy_sequence",
    "autodiff.capture.rolling._make_while",
    "autodiff.capture.rolling.emit_for",
    "autodiff.capture.access.load_item",
    "autodiff.capture.expressions.apply_binary",
    "autodiff.capture.statements.condition",
    "autodiff.capture.functions.bind",
    "autodiff.capture.suspending.steps",
    "autodiff.capture.calls.call_library",
    "autodiff.capture.trace.Trace.lift",
    "autodiff.capture.trace.Trace.deep",
    "autodiff.capture.effects.order_effects",
    "autodiff.capture.leave",
    "autodiff.ops.protocol.protocol.apply_ufunc",
    "autodiff.ops.builder.Builder.emit",
    "autodiff.passes.simplify",
    "autodiff.compiled.compiling.optimize",
    "autodiff.compiled.compiling.executable",
]


@pytest.fixture(autouse=True, scope="module")
def everything_is_loaded() -> None:
    """A module that is loaded while a function is replaced would keep what stands in its place."""
    for package in ("capture", "ops", "differentiate", "passes", "compiled", "engines.native"):
        inside = importlib.import_module(f"autodiff.{package}")
        for module in pkgutil.walk_packages(inside.__path__, f"{inside.__name__}."):
            importlib.import_module(module.name)


def slip(kind: type[Exception], calls: list[int]) -> Callable[..., Any]:
    def slipping(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        raise kind("a slip")

    return slipping


def inject(monkeypatch: pytest.MonkeyPatch, place: str, kind: type[Exception]) -> list[int]:
    """Have a function of ours raise; the list tells how often it was called."""
    calls: list[int] = []
    path, _, name = place.rpartition(".")
    try:
        home = importlib.import_module(path)
    except ModuleNotFoundError:  # a class
        module, _, owner = path.rpartition(".")
        home = getattr(importlib.import_module(module), owner)
    if place == "autodiff.passes.simplify":
        monkeypatch.setattr(passes, "PIPELINE", (slip(kind, calls),))
    elif hasattr(home, name):
        monkeypatch.setattr(home, name, slip(kind, calls))
    else:
        pytest.fail(f"there is no {place}")
    return calls


def _slips() -> Iterator[Any]:
    """Every place with three kinds of slip, every kind at twelve places or more; the rest is slow."""
    for (p, place), (k, kind) in itertools.product(enumerate(PLACES), enumerate(SLIPS)):
        marks = pytest.mark.slow if (3 * p + k) % len(SLIPS) > 2 else ()
        yield pytest.param(place, kind, marks=marks, id=f"{kind.__name__}-{place}")


@pytest.mark.parametrize(("place", "kind"), list(_slips()))
def test_a_slip_anywhere_is_an_internal_error(place, kind, monkeypatch) -> None:
    reached = 0
    for function in PROGRAMS:
        for transform in (autodiff.function, autodiff.gradient):
            with monkeypatch.context() as patched:
                calls = inject(patched, place, kind)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        result = transform(function)(X.copy())
                except InternalError as error:
                    assert calls
                    assert "a slip" in str(error)
                    assert str(error).startswith("AD900: ")
                    reached += 1
                    continue
                assert not calls, f"{function.__name__}: {result}, as if nothing had happened"
    assert reached


@pytest.mark.parametrize("place", PLACES)
def test_a_slip_is_told_once_and_the_call_runs_uncompiled(place, monkeypatch) -> None:
    monkeypatch.setenv("AUTODIFF_CHECK", "0")
    told = 0
    for function in PROGRAMS:
        with monkeypatch.context() as patched:
            calls = inject(patched, place, AttributeError)
            compiled = autodiff.function(function)
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                for _ in range(3):
                    np.testing.assert_allclose(compiled(X.copy()), function(X.copy()))
            if not calls:
                continue
            (warning,) = seen
            assert warning.category is FallbackWarning
            assert warning.filename == __file__
            text = str(warning.message)
            assert text.startswith(
                f"{function.__name__} runs uncompiled: an internal error of auto"
            )
            assert "AttributeError: a slip" in text
            assert text.endswith("please report it with this function")
            told += 1
    assert told


def test_a_slip_of_an_engine_leaves_derivatives_right(monkeypatch) -> None:
    monkeypatch.setenv("AUTODIFF_CHECK", "0")
    expected = autodiff.gradient(loop)(X)
    made = autodiff.compiled.compiling.executable

    @functools.wraps(made)
    def without_native(program, forms, outputs, single, engine, *others):
        if engine == "native":
            raise KeyError("a slip")
        return made(program, forms, outputs, single, engine, *others)

    monkeypatch.setattr(autodiff.compiled.compiling, "executable", without_native)
    gradient = autodiff.gradient(loop)
    with pytest.warns(FallbackWarning, match="KeyError: 'a slip' during the native engine") as seen:
        for _ in range(3):
            np.testing.assert_array_equal(gradient(X), expected)
    assert len(seen) == 1
    with pytest.raises(InternalError, match="a slip"):
        autodiff.gradient(loop, on_fallback="error")(X)


@pytest.mark.parametrize(
    "place", ["autodiff.capture.leave", "autodiff.compiled.compiling.optimize"]
)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_effects_happen_once_though_a_slip_made_the_call_run_again(
    transform, place, monkeypatch, capsys
) -> None:
    def function(x):
        print("once")
        return np.sum(x * x)

    monkeypatch.setenv("AUTODIFF_CHECK", "0")
    inject(monkeypatch, place, AttributeError)
    try:
        with pytest.warns(FallbackWarning, match="a slip"):
            transform(function)(X)
    except InternalError:  # no derivative without what slips
        assert transform is autodiff.gradient
        assert capsys.readouterr().out in ("", "once\n")
        return
    assert capsys.readouterr().out == "once\n"


def spoilt(program: Program) -> Program:
    """A pass that loses what its output is made of."""
    return Program(Block(program.inputs, [], list(program.outputs)), program.name)


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_the_verdict_of_the_verifier_is_not_swallowed(transform, function, monkeypatch) -> None:
    monkeypatch.setattr(passes, "PIPELINE", (spoilt,))
    with pytest.raises(InternalError, match="invalid program after spoilt"):
        transform(function)(X)


def test_a_slip_while_sizes_become_symbols_is_not_a_reason_to_compile_for_each(monkeypatch) -> None:
    compiled = autodiff.function(straight)
    compiled(X)
    inject(monkeypatch, "autodiff.capture.trace.Trace.extent", AttributeError)
    with pytest.raises(InternalError, match="a slip"):
        compiled(np.ones(5))


def test_what_plain_python_raises_too_is_the_users(monkeypatch) -> None:
    def wrong(x):
        return np.sum(x[7])

    inject(monkeypatch, "autodiff.capture.access.load_item", AttributeError)
    for transform in (autodiff.function, autodiff.gradient):
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            transform(wrong)(X)


# -- whose exception it is --------------------------------------------------------------------------
class Raising:
    """An object of the user's, of which nothing works."""

    def __getattr__(self, name):
        raise AttributeError(f"none of {name}")

    def __eq__(self, other):
        raise KeyError("not comparable")

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self):
        yield 1.0
        raise KeyError("no more")

    def __bool__(self):
        raise AttributeError("neither true nor false")

    def __getitem__(self, key):
        raise NameError(f"no item {key}")

    def __add__(self, other):
        raise AssertionError("not to be added")


def missing_module(x):
    import no_such_module  # type: ignore[import-not-found]

    return no_such_module.f(x)


OBJECT = Raising()
USERS: dict[str, Callable[[Any], Any]] = {
    "an attribute": lambda x: OBJECT.missing * x,
    "an attribute of none": lambda x: None.missing * x,  # type: ignore[attr-defined]
    "an attribute of an array": lambda x: x.missing,
    "a key": lambda x: {"a": x}["b"],
    "an unhashable key": lambda x: {"a": x}[[]],
    "an index": lambda x: list(x)[3],
    "an index of an array": lambda x: x[9],
    "a name": lambda x: undefined_name * x,  # type: ignore[name-defined] # noqa: F821
    "an operator": lambda x: "a" - x[0],
    "an operator of plain objects": lambda x: ("a" + 1) * x,  # type: ignore[operator]
    "an operator of the user's": lambda x: (OBJECT + 1.0) * x,
    "a comparison": lambda x: x if OBJECT == 1.0 else -x,
    "a condition": lambda x: x if OBJECT else -x,
    "an iteration": lambda x: sum(v * x[0] for v in OBJECT),
    "an item of the user's": lambda x: OBJECT[1] * x,
    "a call of no function": lambda x: X(x),  # type: ignore[operator]
    "a conversion": lambda x: int("one") * x,
    "a call with too much": lambda x: len([x], 1),  # type: ignore[call-arg]
    "a set of lists": lambda x: ({(1,), [2]}, x)[1],  # type: ignore[list-item]
    "a list in a set": lambda x: x * ([2] in {1, 2}),
    "a list as a key": lambda x: {(1,): x, **{k: x for k in [[2]]}}[(1,)],  # type: ignore[misc]
    "a missing module": missing_module,
    "a wrong argument of NumPy's": lambda x: np.sum(x, axis="a"),
    "a wrong option of NumPy's": lambda x: np.sum(x, nothing=1),
    "unpacking": lambda x: (lambda a, b: a + b)(*x),
    "a format": lambda x: format(x[0], "nonsense") and x,
}


@pytest.mark.parametrize("function", USERS.values(), ids=USERS)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_exceptions_of_the_users_code_are_the_users(transform, function) -> None:
    def total(x):
        return np.sum(function(x))

    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever it is
        total(X)
    with pytest.raises(expected.type) as found:
        transform(total)(X)
    assert not isinstance(found.value, InternalError)
    assert str(expected.value).split("\n")[0] in str(found.value)


@pytest.mark.parametrize("function", USERS.values(), ids=USERS)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_the_users_handlers_meet_the_users_exceptions(transform, function) -> None:
    def handled(x):
        try:
            return np.sum(function(x))
        except (Exception, KeyError) as error:
            kinds = (TypeError, ValueError, KeyError, IndexError, AttributeError, NameError)
            return np.sum(x) * (
                2.0 + sum(2**k for k, c in enumerate(kinds) if isinstance(error, c))
            )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        found = transform(handled)(X)
    length = handled(X) / np.sum(X)
    expected = handled(X) if transform is autodiff.function else np.full(3, length)
    np.testing.assert_array_equal(found, expected)


def test_the_text_says_where_the_slip_is() -> None:
    try:
        signals.text_of(None.__traceback__)  # type: ignore[arg-type]
        raise AssertionError
    except AttributeError as error:
        assert not is_ours(error)  # none of our frames
        caught = error
    assert text_of(caught) == "AttributeError: 'NoneType' object has no attribute '__traceback__'"
    try:
        signals.as_internal(3)  # type: ignore[arg-type]
    except AttributeError as error:
        assert is_ours(error)
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        assert f"(signals.py, line {line})" in as_internal(error).message
        assert as_internal(error).__cause__ is error


def test_a_door_lets_the_users_through() -> None:
    for function, args in ((getattr, (3, "x")), (int, ("x",)), ({}.__getitem__, (1,))):
        with pytest.raises((AttributeError, ValueError, KeyError)) as caught:
            run_users(function, *args)
        assert not is_ours(caught.value)


def test_a_text_that_cannot_be_made_is_left_out() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert text_of(Mute()) == "Mute"
    assert text_of(KeyError("a")) == "KeyError: 'a'"


# -- a container that changes while it is gone through --------------------------------------------------
class Clearing:
    """Equal to nothing, and clears what it is in when it is compared."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        self.held.clear()
        return False

    __hash__ = None  # type: ignore[assignment]


def _compared(x: Any) -> Any:
    held = deque([x[0], x[1]])
    held.extend([Clearing(held), 1.0])
    return x[2] in held


def _longer(x: Any) -> None:
    held = deque(x)
    for v in held:
        held.append(v)


def _more_keys(x: Any) -> None:
    held = {0: x[0]}
    for _ in held:
        held[len(held)] = x[1]


def _more_items(x: Any) -> None:
    held = {1, 2}
    for v in held:
        held.add(v + 10)


def _shorter(x: Any) -> Any:
    held = deque(x)
    return sum(held.pop() for _ in held)


def _fewer_keys(x: Any) -> Any:
    held = {0: x[0], 1: x[1]}
    return [held.pop(k) for k in held]


@pytest.mark.parametrize(
    "change", [_compared, _longer, _more_keys, _more_items, _shorter, _fewer_keys]
)
def test_a_container_that_changes_on_the_way_is_the_users_error(change: Any) -> None:
    def caught(x: Any) -> Any:
        try:
            change(x)
        except RuntimeError:
            return x[0] * 3.0
        return x[0]

    x = np.array([0.5, -1.5, 2.0])
    assert autodiff.function(caught)(x) == caught(x) == 1.5
    np.testing.assert_array_equal(autodiff.gradient(caught)(x), [3.0, 0.0, 0.0])
    with pytest.raises(RuntimeError, match=r"mutated during|changed size during"):
        autodiff.function(change)(x)
