"""What runs where the data are: one transformation of the user's function, on one shard.

    evaluate(program, "value_and_gradient", (), params, (), shard)  ->  (value, gradient)

A program is the function itself in this process, or its pickle elsewhere. Machine code never
travels: each process compiles for the CPU and the versions that it has, once.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from types import CodeType, FunctionType
from typing import Any

from autodiff import tree
from autodiff.optimize.evaluation import Options, first_parameter, transformed

# Shards of more shapes than these share code: to compile for each would take too long.
MOST_APART = 64


@dataclass(frozen=True, eq=False)
class Local:
    """The user's function, in its own process.

    Two are equal if they hold the same object: one that its class finds equal may compute otherwise.
    """

    function: Callable[..., Any]

    def __hash__(self) -> int:
        return id(self.function)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Local) and other.function is self.function


def evaluate(
    program: Local | bytes,
    transformation: str,
    options: Options,
    apart: bool,
    parameters: Any,
    keywords: dict[str, Any],
    shard: Any,
) -> Any:
    """``transformation(function)(parameters, *shard, **keywords)``.

    Shapes have code of their own if they are to be kept `apart`: code for one length and code for any
    length may differ in the last digit, and which of them a function has depends on the order of its
    calls, which is another one on each worker.
    """
    arguments = _arguments(shard)
    of = (signature(parameters), signature(shard)) if apart else None
    made = _compiled(program, transformation, options, len(arguments), of)
    return made(parameters, *arguments, **keywords)


def signature(x: Any) -> Any:
    """What the code for an argument may depend on: shapes and types, and what is no array or float."""
    leaves, structure = tree.flatten(x)
    return str(structure), tuple([_of_leaf(leaf) for leaf in leaves])


def _of_leaf(leaf: Any) -> Any:
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return leaf.shape, str(leaf.dtype), getattr(leaf, "strides", None)
    return type(leaf).__name__, None if isinstance(leaf, float | complex) else repr(leaf)


def call(program: Local | bytes, shard: Any) -> Any:
    """``function(*shard)``, as the function is."""
    return _function(program)(*_arguments(shard))


def kind(program: Local | bytes, shard: Any) -> Any:
    """The signature of a shard, found where it is."""
    return signature(shard)


def _arguments(shard: Any) -> tuple[Any, ...]:
    return shard if isinstance(shard, tuple) else (shard,)


@lru_cache(maxsize=4 * MOST_APART)
def _compiled(
    program: Local | bytes, transformation: str, options: Options, count: int, of: Any
) -> Callable[..., Any]:
    function = _function(program)
    wrt = first_parameter(function, (None,) * count)
    return transformed(transformation, function, wrt, options)


def _function(program: Local | bytes) -> Callable[..., Any]:
    return program.function if isinstance(program, Local) else _unpickled(program)


# -- functions that travel -------------------------------------------------------------------------
def pickled(function: Callable[..., Any]) -> bytes:
    """A function as bytes, by cloudpickle: also one of a notebook, with the text of its file.

    What is compiled is read from the text of the code, and that of a notebook's cell, or of a script,
    is not on the other machine.
    """
    import cloudpickle

    texts: dict[str, str] = {}
    for code in _codes(function, set()):
        lines = linecache.getlines(code.co_filename)
        if lines:
            texts[code.co_filename] = "".join(lines)
    data: bytes = cloudpickle.dumps((function, texts))
    return data


@lru_cache(maxsize=8)
def _unpickled(program: bytes) -> Callable[..., Any]:
    import pickle

    function, texts = pickle.loads(program)
    for name, text in texts.items():
        if not os.path.exists(name) and not linecache.getlines(name):
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    made: Callable[..., Any] = function
    return made


def _codes(obj: Any, seen: set[int]) -> Iterator[CodeType]:
    """The code of the functions that are pickled by value with `obj`: not found by name elsewhere."""
    if id(obj) in seen:
        return
    seen.add(id(obj))
    if isinstance(obj, partial):
        yield from _codes(obj.func, seen)
    elif not isinstance(obj, FunctionType):
        for name in ("__wrapped__", "__func__"):
            if hasattr(obj, name):
                yield from _codes(getattr(obj, name), seen)
    elif obj.__module__ == "__main__" or "<" in obj.__qualname__:
        yield obj.__code__
        for cell in obj.__closure__ or ():
            try:
                yield from _codes(cell.cell_contents, seen)
            except ValueError:  # an empty cell
                continue
        for name in obj.__code__.co_names:
            if callable(value := obj.__globals__.get(name)):
                yield from _codes(value, seen)


# -- sums ------------------------------------------------------------------------------------------
def tree_sum(parts: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    """The sum, by neighbours: ((0+1)+(2+3))+4 of five. Its order depends on the count alone."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        parts = [add(a, b) for a, b in pairs] + parts[len(parts) - len(parts) % 2 :]
    return parts[0]


def add(a: Any, b: Any) -> Any:
    """The sum of two results: numbers, arrays, or containers of them in the same structure."""
    if isinstance(a, tuple) and type(a) is tuple:
        return tuple([add(x, y) for x, y in zip(a, b, strict=True)])
    if not tree.is_container(a):
        return None if a is None else a + b
    ours, definition = tree.flatten(a)
    return tree.unflatten(
        definition, [add(x, y) for x, y in zip(ours, tree.flatten(b)[0], strict=True)]
    )
