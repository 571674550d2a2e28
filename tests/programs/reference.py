"""Derivatives by numerical means alone: what the corpus is compared with.

`gradient` perturbs every floating-point leaf of the arguments.  It takes central differences at
steps h, h/2, h/4, ... and extrapolates them (Richardson 1911; the tableau with error estimates of
Ridders 1982), again with a ten times smaller h where the estimate is poor, as it is when a step
crosses a branch.  Where the program runs on complex numbers and the complex step (Squire and Trapp
1998) agrees with the differences, its value is taken, as it is exact to rounding.

`scalar_function` makes the scalar that is differentiated: the result itself where it is one float,
else the sum of results and mutated arguments with fixed random weights.

It does not: find out whether a function is differentiable (choose inputs where it is).
"""

from __future__ import annotations

import copy
import inspect
import itertools
import linecache
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .registry import Call, Program, is_float, leaves, replace_leaves

Vector = NDArray[np.float64]

LEVELS = 6  # steps h ... h/32: the last differences carry roundoff of about 1e-16/3e-4
FIRST_STEP = 1e-2
COMPLEX_STEP = 1e-30
WEIGHTS = "weights_"


@dataclass(frozen=True)
class Estimate:
    """A numerical gradient, flat over the differentiated leaves, with its error."""

    value: Vector
    error: Vector


# --- the scalar that is differentiated ----------------------------------------------------------


def run(program: Program, arguments: Call) -> tuple[Any, dict[str, Any]]:
    """Run a program plainly: its result, and the arguments as it left them."""
    result = program.function(*arguments.args, **arguments.kwargs)
    bound = program.bind(arguments)
    return result, {name: bound[name] for name in program.mutates}


def is_scalar(result: Any) -> bool:
    """Whether `result` is one floating-point number."""
    return is_float(result) and np.ndim(result) == 0


def needs_weights(program: Program) -> bool:
    """Whether some result of the program is not one float, so that it must be reduced."""
    results = [run(program, program.arguments(k))[0] for k in program.calls]
    return bool(program.mutates) or not all(is_scalar(result) for result in results)


def weights_for(program: Program, arguments: Call) -> list[Vector | float]:
    """One array of random weights for every leaf of results and mutated arguments."""
    random = np.random.default_rng(12345)
    outputs = run(program, copy.deepcopy(arguments))
    return [
        random.uniform(0.5, 1.5, np.shape(leaf)) if np.ndim(leaf) else random.uniform(0.5, 1.5)
        for leaf in leaves(outputs)
    ]


def scalar_function(program: Program) -> Callable[..., Any]:
    """Return the program, or source code around it that reduces its outputs to one float.

    The reduced function has the program's parameters and one more, ``weights_``: the list that
    `weights_for` returns.  It is real source text (known to `linecache`), as a user would write it.
    """
    if not needs_weights(program):
        return program.function
    parameters = inspect.signature(program.function).parameters.values()
    head = [str(p.replace(annotation=p.empty)) for p in parameters]
    first_keyword = [p.kind for p in parameters].count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if first_keyword < len(head):
        head.insert(first_keyword, "*")
    passed = [f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else p.name for p in parameters]
    result, mutated = run(program, program.arguments(0))
    outputs = [*_accessors("result", result)]
    for name, value in mutated.items():
        outputs += _accessors(name, value)
    terms = [f"np.sum({output} * {WEIGHTS}[{k}])" for k, output in enumerate(outputs)]
    source = "\n".join(
        [
            f"def weighted({', '.join([WEIGHTS, *head])}):",
            f"    result = program({', '.join(passed)})",
            f"    return {' + '.join(terms)}",
            "",
        ]
    )
    namespace = {"program": program.function, "np": np}
    return compile_source(source, f"<weighted {program.name}>", namespace)["weighted"]


def _accessors(name: str, tree: Any) -> Iterator[str]:
    """Expressions for the leaves of `tree`, in the order of `leaves`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _accessors(f"{name}[{key!r}]", value)
    elif isinstance(tree, (list, tuple)):
        for index, value in enumerate(tree):
            yield from _accessors(f"{name}[{index}]", value)
    elif is_dataclass(tree):
        for field in fields(tree):
            yield from _accessors(f"{name}.{field.name}", getattr(tree, field.name))
    elif tree is not None:
        yield name


def compile_source(source: str, filename: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Execute `source` so that `inspect.getsource` finds it under `filename`."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), namespace)
    return namespace


def scalar_call(program: Program, number: int) -> Call:
    """The arguments with which `scalar_function` of the program is called."""
    arguments = program.arguments(number)
    if not needs_weights(program):
        return arguments
    return Call((weights_for(program, arguments), *arguments.args), arguments.kwargs)


# --- flat views of the differentiated arguments ---------------------------------------------------


@dataclass(frozen=True)
class Point:
    """Arguments, and which of their leaves move."""

    function: Callable[..., Any]
    arguments: Call
    active: tuple[str, ...]

    def bound(self) -> dict[str, Any]:
        """Parameter names to values."""
        signature = inspect.signature(self.function)
        return signature.bind(*self.arguments.args, **self.arguments.kwargs).arguments

    def position(self) -> Vector:
        """The moving leaves as one vector."""
        bound = self.bound()
        return flatten([bound[name] for name in self.active])

    def moved(self, position: NDArray[Any]) -> Call:
        """Arguments with the moving leaves at `position` (which may be complex)."""
        # One deep copy of everything, so that arguments which alias one another still do.
        fresh = copy.deepcopy(self.arguments)
        signature = inspect.signature(self.function)
        bound = signature.bind(*fresh.args, **fresh.kwargs)
        values = [bound.arguments[name] for name in self.active]
        replaced = replace_leaves(values, _unflatten(values, position))
        bound.arguments.update(zip(self.active, replaced, strict=True))
        return Call(bound.args, bound.kwargs)

    def value(self, position: NDArray[Any]) -> Any:
        """The function at `position`."""
        arguments = self.moved(position)
        return self.function(*arguments.args, **arguments.kwargs)


def flatten(tree: Any) -> Vector:
    """All floating-point leaves of `tree` as one vector; each array once, however often it occurs."""
    parts = [np.ravel(leaf).astype(float) for leaf in _distinct(leaves(tree))]
    return np.concatenate(parts) if parts else np.zeros(0)


def _distinct(found: Iterator[Any]) -> Iterator[Any]:
    seen: set[int] = set()
    for leaf in found:
        if is_float(leaf) and not (isinstance(leaf, np.ndarray) and id(leaf) in seen):
            seen.add(id(leaf))
            yield leaf


def _unflatten(tree: Any, position: NDArray[Any]) -> Iterator[Any]:
    """The leaves of `tree` with the floating-point ones taken from `position`."""
    start = 0
    made: dict[int, Any] = {}
    for leaf in leaves(tree):
        if not is_float(leaf):
            yield leaf
        elif id(leaf) in made and isinstance(leaf, np.ndarray):
            yield made[id(leaf)]
        else:
            size = int(np.size(leaf))
            piece = position[start : start + size]
            start += size
            made[id(leaf)] = _like(leaf, piece)
            yield made[id(leaf)]


def _like(leaf: Any, piece: NDArray[Any]) -> Any:
    if isinstance(leaf, np.ndarray):
        if piece.dtype.kind != "c":
            piece = piece.astype(leaf.dtype)
        fresh = np.empty_like(leaf, dtype=piece.dtype)  # keeps Fortran order
        fresh[...] = piece.reshape(leaf.shape)
        return fresh
    number = piece[0]
    if piece.dtype.kind == "c":
        return number if isinstance(leaf, np.generic) else complex(number)
    return type(leaf)(number)


# --- numerical derivatives --------------------------------------------------------------------


def gradient(point: Point, step: float | None = None) -> Estimate:
    """The gradient of ``point.function`` by differences, or by the complex step where it agrees."""
    origin = point.position()
    columns = [
        derivative(_along(point, origin, axis), step, scale=max(abs(origin[axis]), 0.1))
        for axis in range(origin.size)
    ]
    value = np.array([column[0] for column in columns])
    error = np.array([column[1] for column in columns])
    exact = _complex_gradient(point, origin)
    scale = 1e-12 + np.max(np.abs(value), initial=0.0)
    # Differences of little worth cannot vouch for anything: at a tie they diverge.
    trusted = np.max(error, initial=0.0) <= 1e-4 * scale + 1e-6
    if trusted and exact is not None and np.all(np.abs(exact - value) <= 10 * error + 1e-8 * scale):
        return Estimate(exact, np.full(exact.shape, 1e-13 * scale))
    return Estimate(value, error)


def _along(point: Point, origin: Vector, axis: int) -> Callable[[float], float]:
    def moved(distance: float) -> float:
        position = origin.copy()
        position[axis] += distance
        return float(point.value(position))

    return moved


def _complex_gradient(point: Point, origin: Vector) -> Vector | None:
    columns = np.empty(origin.size)
    for axis in range(origin.size):
        position = origin.astype(complex)
        position[axis] += 1j * COMPLEX_STEP
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a discarded imaginary part
                columns[axis] = complex(point.value(position)).imag / COMPLEX_STEP
        except Exception:  # a program may refuse complex numbers in any way it likes
            return None
    return columns if np.all(np.isfinite(columns)) else None


def derivative(
    function: Callable[[float], Any], step: float | None = None, scale: float = 1.0
) -> tuple[Any, Any]:
    """The derivative at 0 of a function of one float, and an estimate of its error.

    The result may be an array; then so are derivative and estimate.
    """
    best: tuple[Any, Any] | None = None
    for factor in (1.0, 0.1, 0.01, 0.001):
        found = _extrapolate(function, (step or FIRST_STEP) * scale * factor)
        if best is None or np.max(found[1], initial=0.0) < np.max(best[1], initial=0.0):
            best = found
        if np.all(best[1] <= 1e-8 * np.max(np.abs(best[0]), initial=1e-12)):
            break
    assert best is not None
    return best


def _extrapolate(function: Callable[[float], Any], step: float) -> tuple[Any, Any]:
    """Richardson's tableau of central differences; the entry with the least estimated error."""
    rows: list[list[Any]] = []
    value: Any = np.nan
    error: Any = np.inf
    for level in range(LEVELS):
        h = step / 2**level
        ahead, behind = np.asarray(function(h)), np.asarray(function(-h))
        rounding = 1e-16 * (np.max(np.abs(ahead), initial=0.0) + 1e-30) / h
        row = [(ahead - behind) / (2 * h)]
        for order in range(1, level + 1):
            power = 4.0**order
            row.append((power * row[-1] - rows[-1][order - 1]) / (power - 1))
            change = np.maximum(abs(row[order] - row[order - 1]), abs(row[order] - rows[-1][-1]))
            estimate = change + rounding
            better = estimate < error
            value = np.where(better, row[order], value)
            error = np.where(better, estimate, error)
        rows.append(row)
    return value, error


def unreached_lines(program: Program) -> list[int]:
    """Lines of the program (and of functions nested in it) that no call of its table runs."""
    import sys

    codes = [program.function.__code__]
    for code in codes:
        codes.extend(c for c in code.co_consts if inspect.iscode(c))
    wanted = {(code, line) for code in codes for _, _, line in code.co_lines() if line}
    wanted -= {(code, code.co_firstlineno) for code in codes}
    reached: set[tuple[Any, int]] = set()

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code in codes:
            reached.add((frame.f_code, frame.f_lineno))
            return trace
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for number in program.calls:
            run(program, program.arguments(number))
        for failure in program.failures:
            try:
                program.function(*copy.deepcopy(failure.call.args), **failure.call.kwargs)
            except failure.exception:
                pass
    finally:
        sys.settrace(before)
    lines = itertools.chain(line for code, line in wanted - reached)
    return sorted(set(lines))
