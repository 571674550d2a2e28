"""Tangents, cotangents and vectors that a call brings along, checked and flattened.

    flat_vectors(hessian_vector, signature, call, (v, w), "hessian_vector")    one array for each target
    as_cotangent(value, cotangent)                                             one of the structure of the value

Targets that are integers need no vector, as their derivative is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.paths import compile_reader
from autodiff.errors import ArgumentError, DtypeError, NameArgumentError, ShapeError
from autodiff.ops.complex_numbers import parts_of_complex
from autodiff.transform.arguments import Named, holds_float, is_number, wrt_items
from autodiff.transform.derivative import Derivative


def flat_vectors(
    derivative: Derivative, signature: Any, call: Any, vectors: Any, what: str
) -> tuple[Any, ...]:
    """The vectors that multiply with what is differentiated by, flattened and checked."""
    items = wrt_items(signature, derivative.wrt, call.given)
    examples = [x if isinstance(x, int) else _present(derivative, x, call) for x in items]
    return tuple(_flat_vectors(examples, call, vectors, what))


def _present(derivative: Derivative, item: Named, call: Any) -> Any:
    """What a named object is at this call; ``_Unknown`` for a tag, which only the program knows."""
    if item.is_tag:
        return _Unknown
    path = derivative.found.get(id(item.key))
    if path is None:
        return item.key
    found = compile_reader((), (path,))(call.slots)
    return _Unknown if found is None else found[0]


class _Unknown:
    """In place of an array whose shape only the program knows."""


def _flat_vectors(items: Sequence[Any], call: Any, vectors: Any, what: str) -> list[Any]:
    """One vector leaf per differentiated leaf, checked against the arguments' structure.

    ``items`` are numbers of parameters, objects, or ``_Unknown``.
    """
    vectors = _one_for_each(items, call, vectors, what)
    flat: list[Any] = []
    for item, vector in zip(items, vectors, strict=True):
        if item is _Unknown:
            flat.append(_vector(vector, what))
            continue
        if type(item) is not int:
            if np.asarray(item).dtype.kind == "f":
                flat.append(_fitting(vector, item, what))
            continue
        leaves = [k for k, s in enumerate(call.slot_of) if s == item]
        if not any(moves(call, k) for k in leaves):
            continue
        parts = _parts_of(vector, call.definitions[item], any(k in call.lists for k in leaves))
        leaves = [k for k in leaves if not isinstance(call.leaves[k], tree.Carried)]
        _require_parts(len(parts), len(leaves), what)
        for leaf, part in zip(leaves, parts, strict=True):
            if leaf in call.wholes:
                whole = call.wholes[leaf]
                flat.append(parts_of_complex(_fitting(part, whole, what, np.asarray(whole).dtype)))
            elif moves(call, leaf):
                if leaf in call.lists:
                    count = len(part) if isinstance(part, (list, tuple)) else 1
                    _require_parts(count, len(call.leaves[leaf]), what)
                flat.append(_fitting(part, call.leaves[leaf], what))
    return flat


def _require_parts(given: int, count: int, what: str) -> None:
    if given != count:
        raise ShapeError(
            f"{what}: a vector has {given} parts where the argument has {count}.",
            code="AD202",
            remedy="give vectors the structure of the arguments",
        )


def _parts_of(vector: Any, definition: Any, has_lists: bool) -> list[Any]:
    """The parts of a vector by the leaves of an argument."""
    if definition is None:
        return [vector]
    if has_lists:  # the vector may have numbers of other types in the place of a list
        with suppress(ValueError, TypeError):  # another structure: there are not as many leaves
            found = definition.flatten_up_to(vector)
            return [x for x in found if not isinstance(x, tree.Carried)]
    return tree.parts(vector)


def _one_for_each(items: Sequence[Any], call: Any, vectors: Any, what: str) -> Sequence[Any]:
    """One vector for each item; integers need none, as their derivative is zero."""
    if len(items) == 1:
        return (vectors,)
    if isinstance(vectors, (tuple, list)) and len(vectors) == len(items):
        return vectors
    moving = [
        type(x) is not int or any(moves(call, k) for k, s in enumerate(call.slot_of) if s == x)
        for x in items
    ]
    count = sum(moving)
    given = [vectors] if count == 1 else vectors
    if not isinstance(given, (tuple, list)) or len(given) != count:
        raise NameArgumentError(
            f"{what}: {count} arguments are differentiated, so {count} vectors are needed.",
            code="AD108",
            remedy="pass a tuple with one vector per differentiated argument",
        )
    of_moving = iter(given)
    return [next(of_moving) if moves else None for moves in moving]


def moves(call: Any, leaf: int) -> bool:
    """Whether derivatives by an argument leaf are not zero by its type."""
    x = call.leaves[leaf]
    if leaf in call.lists and type(x[0]) is int:
        return bool(call.roles[leaf] == "float")
    return call.roles[leaf].startswith(("float", "complex")) or (
        call.roles[leaf] == "array"
        and (not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind == "f")
    )


def _fitting(part: Any, x: Any, what: str, dtype: Any = float) -> np.ndarray:
    array = _vector(part, what, dtype)
    if array.shape != np.shape(x) and isinstance(part, tuple) and len(part) == 1:
        array = _vector(part[0], what, dtype)  # a tuple of one vector for one argument
    if array.shape != np.shape(x):
        raise ShapeError(
            f"{what}: a vector has shape {array.shape} where the argument has {np.shape(x)}.",
            code="AD202",
            remedy="give vectors the shapes of the arguments",
        )
    return array


def _refuse_masked(part: Any, what: str) -> None:
    """What is masked would count: a derivative has a number for every element."""
    if isinstance(part, np.ma.MaskedArray):
        raise DtypeError(
            f"{what} a {type(part).__name__}, which is not supported.",
            remedy="pass a plain array, such as x.filled(0.0)",
        )


def _vector(part: Any, what: str, dtype: Any = float) -> np.ndarray:
    _refuse_masked(part, f"{what}: a vector is")
    if np.iscomplexobj(part) and dtype is float:
        raise ArgumentError(
            f"{what}: a vector is complex where the argument is real.",
            code="AD103",
            remedy="give real vectors for real arguments",
        )
    try:
        return np.asarray(part, dtype=dtype)
    except (TypeError, ValueError):
        raise NameArgumentError(
            f"{what}: a vector is of type {type(part).__name__}, not an array of numbers.",
            code="AD108",
            remedy="pass arrays or numbers with the shapes of the arguments",
        ) from None


def as_cotangent(value: Any, cotangent: Any) -> Any:
    """A cotangent with complex numbers where the value has complex numbers, and real ones elsewhere.

    Of what is no floating-point number any cotangent will do, or none at all.
    """
    if not tree.is_container(value):
        return _cotangent_of(value, cotangent)
    leaves, definition = tree.flatten(value)
    taken = tree.is_of_derivatives(definition)
    parts = [x for x, is_taken in zip(leaves, taken, strict=True) if is_taken]
    given = tree.parts(cotangent)
    if len(given) == sum(map(holds_float, parts)) < len(parts):
        of_floats = iter(given)
        given = [next(of_floats) if holds_float(x) else None for x in parts]
    if len(given) != len(parts):
        return cotangent  # which is refused for its structure
    found = iter([_cotangent_of(x, g) for x, g in zip(parts, given, strict=True)])
    return tree.unflatten(
        definition,
        [
            next(found) if is_taken else np.zeros(np.shape(x) if is_number(x) else ())
            for x, is_taken in zip(leaves, taken, strict=True)
        ],
    )


def _cotangent_of(x: Any, cotangent: Any) -> Any:
    _refuse_masked(cotangent, "vjp: a cotangent is")
    if not holds_float(x) and not (is_number(cotangent) and np.shape(cotangent) == np.shape(x)):
        return np.zeros(np.shape(x) if is_number(x) else ())
    if np.iscomplexobj(x):
        return np.asarray(cotangent, dtype=np.asarray(x).dtype)
    if np.iscomplexobj(cotangent):
        raise ArgumentError(
            "vjp: a cotangent is complex where the result is real.",
            code="AD103",
            remedy="give real cotangents for real results",
        )
    if np.asarray(cotangent).dtype.kind not in "fiubO":
        raise NameArgumentError(
            f"vjp: a cotangent is of type {type(cotangent).__name__}, not an array of numbers.",
            code="AD108",
            remedy="pass arrays or numbers with the shapes of the results",
        )
    return cotangent
