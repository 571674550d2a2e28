"""Applying an entry's derivative form to one operation.

``pushforward(site, form, kind, tangents)`` and ``pullback(site, form, kind, cotangents)`` turn
the five forms of autodiff.ops.entries into tangents and cotangents.  Here, and only here, happen
the strong zero, the sum over broadcast scalars and the casts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import same_shape
from autodiff.errors import DerivativeError
from autodiff.ir.data import Operation
from autodiff.ops.builder import current_builder
from autodiff.ops.entries import (
    ENTRIES,
    Accumulate,
    Bilinear,
    Entry,
    Linear,
    OfPrograms,
    Partials,
    Rules,
    Site,
)
from autodiff.ops.structural import reduce_sum, zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer

WITH_VECTORS = frozenset(("svd", "eigh", "symmetric_eigen", "eigen_found"))
"""Decompositions whose vectors have derivatives of their own (`spectra`)."""


def no_derivative(operation: Operation) -> DerivativeError:
    """The error for an operation that has a value but no derivative."""
    return DerivativeError(
        f"{operation.kind} has no derivative.",
        source=operation.source,
        remedy="wrap the call in a function with autodiff.custom_gradient, or in stop_gradient",
    )


def _scaled(d: Any, partial: Any, absorbing: bool = False) -> Tracer | None:
    """``d * partial`` with the strong zero; None where the partial is the constant 0.

    Of factors, the product is taken from the left.
    """
    if isinstance(partial, tuple):
        for factor in partial:
            d = None if d is None else _scaled(d, factor, absorbing)
        return d
    if isinstance(partial, (int, float)):
        if partial == 0:
            return None
        if partial == 1:
            return d
        return -d if partial == -1 else d * float(partial)
    if _is_constant_zero(partial):
        return None
    if partial.dtype != d.dtype:
        partial = partial.astype(d.dtype)
    if not d.shape and partial.shape:
        d = np.broadcast_to(d, partial.shape)
    product: Tracer = emit_tracer("strong_product" if absorbing else "strong_multiply", d, partial)
    return product


def _is_constant_zero(x: Tracer) -> bool:
    owner = x.value.owner
    return owner is not None and owner.kind == "constant" and not np.any(owner.attributes["value"])


def _add(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _linear_arguments(form: Linear, count: int) -> tuple[int, ...]:
    if form.arguments is None:
        return tuple(range(count))
    return tuple([k % count for k in form.arguments])


def pushforward(
    operation: Operation, site: Site, tangents: Sequence[Tracer | None]
) -> Sequence[Tracer | None]:
    """Tangents of the results from tangents of the operands (None: zero)."""
    entry: Entry = ENTRIES[operation.kind]
    form = entry.derivative
    if isinstance(form, Partials):
        return (_push_partials(form, site, tangents),)
    if isinstance(form, Linear):
        operands = list(site.operands)
        for k in _linear_arguments(form, len(operands)):
            tangent = tangents[k]
            operands[k] = zeros_like(site.operands[k]) if tangent is None else tangent
        return (_emit(operation, operands, site),)
    if isinstance(form, Bilinear):
        total: Tracer | None = None
        for k in range(2):
            if tangents[k] is not None:
                operands = list(site.operands)
                operands[k] = tangents[k]
                total = _add(total, _emit(operation, operands, site))
        return (total,)
    if isinstance(form, Rules):
        return form.jvp(site, tuple(tangents))
    if isinstance(form, OfPrograms):
        from autodiff.differentiate import solvers

        return solvers.push(operation, site, tangents)
    raise no_derivative(operation)


def _emit(operation: Operation, operands: Sequence[Tracer], site: Site) -> Tracer:
    if operation.kind == "cast" and "weak" in site.attributes:
        return emit_tracer("cast", *operands, dtype=site.attributes["dtype"])
    return emit_tracer(operation.kind, *operands, **site.attributes)


def _push_partials(form: Partials, site: Site, tangents: Sequence[Tracer | None]) -> Tracer | None:
    total: Tracer | None = None
    shape = site.result.shape
    for k, (rule, tangent) in enumerate(zip(form.rules, tangents, strict=True)):
        if rule is None or tangent is None:
            continue
        term: Any = _scaled(tangent, rule(site.result, *site.operands), k in form.absorbing)
        if term is not None and not same_shape(term.shape, shape):
            term = np.broadcast_to(term, shape)
        total = _add(total, term)
    return total


def pullback(
    operation: Operation, site: Site, cotangents: Sequence[Tracer | None]
) -> Sequence[Any]:
    """Cotangents of the operands (arrays, Accumulate, or None) from those of the results."""
    form = ENTRIES[operation.kind].derivative
    if isinstance(form, Partials):
        return [
            _pull_partial(form, site, k, cotangents[0]) if site.needed[k] else None
            for k in range(len(form.rules))
        ]
    if isinstance(form, (Linear, Bilinear)):
        pulled = form.transpose(site, cotangents[0])
        return [_spread_back(ct, x) for ct, x in zip(pulled, site.operands, strict=True)]
    if isinstance(form, Rules):
        return form.vjp(site, tuple(cotangents))
    if isinstance(form, OfPrograms):
        from autodiff.differentiate import solvers

        return solvers.pull(operation, site, cotangents)
    raise no_derivative(operation)


def _pull_partial(form: Partials, site: Site, k: int, ct: Any) -> Any:
    rule = form.rules[k]
    if rule is None:
        return None
    partial, operand, absorbing = (
        rule(site.result, *site.operands),
        site.operands[k],
        k in form.absorbing,
    )
    if isinstance(partial, tuple) and not partial[-1].shape and not operand.shape:
        # The sum over what the operand was spread to is multiplied by a number, not each of its terms.
        total = _spread_back(_scaled(ct, partial[:-1], absorbing), operand)
        return None if total is None else _scaled(total, partial[-1], absorbing)
    return _spread_back(_scaled(ct, partial, absorbing), operand)


def _spread_back(ct: Any, operand: Any) -> Any:
    """The cotangent of a scalar operand that a pointwise operation spread: the sum."""
    if isinstance(ct, Tracer) and ct.shape and not operand.shape:
        return reduce_sum(ct, tuple(range(len(ct.shape))))
    return ct


def accumulate(total: Tracer | None, contribution: Any, like: Tracer) -> Tracer:
    """Add a contribution to the cotangent of ``like``."""
    if isinstance(contribution, Accumulate):
        return contribution.into(zeros_like(like) if total is None else total)
    if contribution.dtype != like.dtype:
        contribution = contribution.astype(like.dtype)
    if total is None:
        return contribution
    builder = current_builder()
    source = builder.source
    builder.source = source and source.sum()
    try:
        return total + contribution
    finally:
        builder.source = source
