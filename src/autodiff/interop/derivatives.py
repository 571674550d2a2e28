"""The two derivatives that every library asks for, as plain functions that can be asked again.

    push(f, 2)(x, y, dx, dy)    ->  the tangent of f(x, y)                   (jvp)
    pull(f, 2)(x, y, ct)        ->  the cotangents of x and y, as a tuple    (vjp)

They are functions of arrays as `f` is, so a library that differentiates a derivative gets
``push(pull(f, 2), 3)``, and so on to any order; each is compiled at its first use.
"""

from __future__ import annotations

import importlib
import itertools
import linecache
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.api import Transformed, function
from autodiff.api.products import jvp, vjp
from autodiff.errors import ArgumentError, DtypeError, MissingPackageError
from autodiff.optimize.parameters import Array

Function = Callable[..., Any]

_numbers = itertools.count(1)


@lru_cache(maxsize=256)
def push(f: Function, count: int) -> Function:
    """The tangent of ``f``'s result, as a function of ``count`` arguments and as many tangents."""
    xs, dxs = _names("x", count), _names("dx", count)
    body = f"jvp(f, ({xs},), ({dxs},))[1]"
    return written("push", f, f"{xs}, {dxs}", [f"return {body}"], {"jvp": jvp})


@lru_cache(maxsize=256)
def pull(f: Function, count: int, results: int = 1) -> Function:
    """The cotangents of ``count`` arguments, as a function of them and of those of the results."""
    xs, cts = _names("x", count), _names("ct", results)
    body = f"vjp(f, {xs})[1]({cts if results == 1 else f'({cts})'})"
    return written("pull", f, f"{xs}, {cts}", [f"return {body}"], {"vjp": vjp})


def _names(stem: str, count: int) -> str:
    return ", ".join([f"{stem}{k}" for k in range(count)])


def written(
    kind: str, f: Function, parameters: str, lines: list[str], names: dict[str, Any]
) -> Function:
    """A function of `f` as its lines say, which is put where capture and tracebacks look for it.

    Not a closure over ``*args``: what is differentiated by needs a name. Nor one of this module: code of
    autodiff's own is not captured when a user's function calls it.
    """
    title = f"{kind}_{_name(f)}".replace("<lambda>", "lambda")
    name = title if title.isidentifier() else kind
    text = f"def {name}({parameters}):\n" + "".join([f"    {line}\n" for line in lines])
    file = f"<{title}, number {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"f": f, "__name__": "autodiff_interop", **names}
    exec(compile(text, file, "exec"), namespace)
    made: Function = namespace[name]
    return made


@lru_cache(maxsize=256)
def compiled(f: Function) -> Function:
    """`f`, compiled once."""
    made: Function = function(f)
    return made


def _name(f: Function) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


def called(f: Function, values: list[Any]) -> list[Array]:
    """The results of `f`, compiled, for arrays of another library; numbers are given as numbers."""
    arrays = [np.asarray(value) for value in values]
    found = compiled(f)(*[array if array.ndim else array[()] for array in arrays])
    several = isinstance(found, tuple | list)
    return [np.asarray(result) for result in (found if several else [found])]


def refuse_complex(name: str, dtypes: list[Any]) -> None:
    """Complex numbers, for whose derivatives libraries have different conventions."""
    for dtype in dtypes:
        if np.dtype(dtype).kind == "c":
            raise DtypeError(
                f"{name} was given an array of dtype {np.dtype(dtype)}",
                remedy="pass real and imaginary parts as two arrays of floats",
            )


def needed(package: str, extra: str | None = None) -> Any:
    """A library, or an error that names the extra which brings it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise MissingPackageError(package.split(".")[0], extra or package.split(".")[0]) from None


def plain_function(f: Any, what: str) -> Function:
    """`f` as a function that is known by its identity, which the code made of it is remembered by.

    An object with a ``__call__``, or the method of one, may be unhashable, or equal to another.
    """
    if not callable(f):
        raise ArgumentError(
            f"{what} needs a function, not {type(f).__name__}",
            remedy="pass the function itself, not the result of calling it",
        )
    if isinstance(f, FunctionType | Transformed):
        return f
    return written("call", f, "*arguments", ["return f(*arguments)"], {})
