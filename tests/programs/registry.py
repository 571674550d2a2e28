"""The table of corpus programs: what each is called with and what is asked of it.

    @program(inputs=[(2.0,), (-1.0,)], features="branch")
    def soft_sign(x):
        ...

registers the function and returns it unchanged.  An entry of ``inputs`` is one call: a tuple of
positional arguments, a `call` with keywords, or a function of no arguments that builds either (for
arguments that are views of one another).  Arguments are copied for every use, so a program may
mutate them.  Nothing here imports `autodiff`.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

THEMES = (
    "branches",
    "loops",
    "while_loops",
    "stores",
    "views",
    "sizes",
    "growing_lists",
    "linear_algebra",
    "signals",
    "dynamics",
    "statistics",
    "optimisation",
    "dynamic_programming",
    "effects",
    "straight_line",
    "straight_models",
    "straight_objects",
)

FEATURES = frozenset(
    {
        "alias",  # two names, or two arguments, for one array
        "branch",  # if, conditional expression, and/or/not on traced values
        "container",  # lists, tuples, dicts, dataclasses of arrays
        "effect",  # print, warnings, logging, outer lists
        "for",  # a loop whose trip count or body depends on inputs
        "gather",  # integer-array or traced indices
        "generator",
        "integer",  # integer arguments that shape the computation
        "mask",  # boolean-mask selection or stores
        "object",  # classes, dataclasses, methods
        "raise",  # raise and assert on traced values
        "size",  # sizes that depend on a loop index or on data
        "store",  # in-place changes of arrays
        "straight",  # no control flow on traced values
        "try",
        "view",  # slices, transposes, reshapes that share memory
        "while",
    }
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class Call:
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Failure:
    """A call that raises: the exception's type and a part of its text."""

    call: Call
    exception: type[BaseException]
    message: str


@dataclasses.dataclass(frozen=True)
class Program:
    """One corpus program; the attributes are those of `program`."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    features: frozenset[str]
    wrt: tuple[str, ...] | None
    mutates: tuple[str, ...]
    differentiable: bool
    smooth: bool
    step: float | None
    may_run_uncompiled: bool
    failures: tuple[Failure, ...]

    @property
    def calls(self) -> range:
        """The numbers of the calls, for `arguments`."""
        return range(len(self.inputs))

    def arguments(self, number: int) -> Call:
        """Fresh arguments of call `number`; what aliases there, aliases here."""
        entry = self.inputs[number]
        if callable(entry):
            return as_call(entry())
        return copy.deepcopy(as_call(entry))

    def bind(self, arguments: Call) -> dict[str, Any]:
        """Parameter names to the values passed; defaults are not among them."""
        signature = inspect.signature(self.function)
        return dict(signature.bind(*arguments.args, **arguments.kwargs).arguments)

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the parameters that are differentiated: in every call they hold floats."""
        if self.wrt is not None:
            return self.wrt
        calls = [self.bind(self.arguments(number)) for number in self.calls]
        return tuple(
            name for name in calls[0] if all(has_float(bound.get(name)) for bound in calls)
        )

    def __repr__(self) -> str:
        return self.name


_programs: dict[str, Program] = {}


def program(
    inputs: Sequence[Any],
    *,
    features: str,
    wrt: str | Sequence[str] | None = None,
    mutates: str | Sequence[str] = (),
    differentiable: bool = True,
    smooth: bool = True,
    step: float | None = None,
    may_run_uncompiled: bool = False,
    failures: Sequence[tuple[tuple[Any, ...], type[BaseException], str]] = (),
) -> Callable[[F], F]:
    """Register a function as a corpus program.

    Parameters
    ----------
    inputs
        Calls, chosen so that every line runs and the function is differentiable at each.
    features
        Words of `FEATURES`, separated by blanks.
    wrt
        Parameters that are differentiated; by default all that hold floats.
    mutates
        Parameters whose arrays the function changes.  They count as results.
    differentiable
        False for programs of which only the value is compared.
    smooth
        False where second derivatives are not compared (numerical noise, ties).
    step
        First step of the numerical derivative, for functions with near kinks.
    may_run_uncompiled
        True where the warning that a function runs uncompiled is in order: its effects on Python
        objects need not be compiled, but must happen.
    failures
        ``(arguments, exception type, part of the message)`` for calls that raise.
    """
    words = frozenset(features.split())
    if not words <= FEATURES:
        raise ValueError(f"unknown features {sorted(words - FEATURES)}")

    def register(function: F) -> F:
        theme = function.__module__.rpartition(".")[2]
        name = f"{theme}.{function.__name__}"
        if name in _programs:
            raise ValueError(f"two programs are called {name}")
        _programs[name] = Program(
            name,
            function,
            tuple(inputs),
            words,
            _names(wrt),
            _names(mutates) or (),
            differentiable,
            smooth and differentiable,
            step,
            may_run_uncompiled,
            tuple(Failure(as_call(args), kind, text) for args, kind, text in failures),
        )
        return function

    return register


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def load() -> tuple[Program, ...]:
    """Import every theme and return all programs, in the order they are written."""
    for theme in THEMES:
        importlib.import_module(f"{__package__}.{theme}")
    return tuple(_programs.values())


def call(*args: Any, **kwargs: Any) -> Call:
    """An entry of ``inputs`` with keyword arguments."""
    return Call(args, kwargs)


def as_call(entry: Call | tuple[Any, ...]) -> Call:
    """Make a `Call` of a tuple of positional arguments."""
    return entry if isinstance(entry, Call) else Call(tuple(entry))


# --- leaves: the arrays and numbers in a nest of containers ------------------------------------


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the numbers and arrays in nested lists, tuples, dicts, dataclasses, in order."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from leaves(value)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from leaves(getattr(tree, field.name))
    elif tree is not None:
        yield tree


def replace_leaves(tree: Any, fresh: Iterator[Any]) -> Any:
    """Return `tree` with its leaves replaced by those of the iterator `fresh`, in order."""
    if isinstance(tree, dict):
        return {key: replace_leaves(value, fresh) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        items = [replace_leaves(value, fresh) for value in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        changed = {
            field.name: replace_leaves(getattr(tree, field.name), fresh)
            for field in dataclasses.fields(tree)
        }
        return dataclasses.replace(tree, **changed)
    return tree if tree is None else next(fresh)


def is_float(leaf: Any) -> bool:
    """Whether `leaf` is a real floating-point number or array (not a string, not an int)."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind == "f"
    return isinstance(leaf, float)


def has_float(tree: Any) -> bool:
    """Whether any leaf of `tree` is floating point."""
    return any(is_float(leaf) for leaf in leaves(tree))


# --- makers of inputs -------------------------------------------------------------------------


def normal(seed: int, *shape: int) -> NDArray[np.float64]:
    """Standard normal numbers, the same at every call."""
    return np.random.default_rng(seed).standard_normal(shape)


def uniform(seed: int, low: float, high: float, *shape: int) -> NDArray[np.float64]:
    """Uniform numbers between `low` and `high`, the same at every call."""
    return np.random.default_rng(seed).uniform(low, high, shape)


def positive_definite(seed: int, n: int) -> NDArray[np.float64]:
    """A well-conditioned symmetric positive definite matrix."""
    a = normal(seed, n, n)
    return np.asarray(a @ a.T / n + np.eye(n))


def dominant(seed: int, n: int) -> NDArray[np.float64]:
    """A diagonally dominant matrix: elimination without pivoting is stable."""
    return np.asarray(uniform(seed, -1.0, 1.0, n, n) + (n + 1.0) * np.eye(n))
