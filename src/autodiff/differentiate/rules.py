"""Applying an entry's derivative form to one operation.

``pushforward(site, form, kind, tangents)`` and ``pullback(site, form, kind, cotangents)`` turn
the five forms of autodiff.ops.entries into tangents and cotangents.  Here, and only here, happen
the strong zero, the sum over broadcast scalars and the casts.

A cotangent of what is divided by, ``-ct y / b``, may underflow where the slope that it is multiplied
by next is as large.  So the last factor of a slope that is a tuple is kept apart: whatever comes
next multiplies this factor, and the rest multiplies what comes out.

    1 / cosh(x) at 400      (1/b * -y) * sinh(x)   ==  1e-348 * 1e173  ==  0
                            1/b * (-y * sinh(x))   ==  1e-174 * -1
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    Pointwise,
    Rules,
    Site,
)
from autodiff.ops.structural import reduce_sum, zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass

WITH_VECTORS = frozenset(
    ("svd", "eigh", "symmetric_eigen", "eigen_found", "complex_eigh", "complex_svd")
)
"""Decompositions whose vectors have derivatives of their own (`spectra`)."""

MOST_PRODUCTS = 16
"""How many terms a sum of cotangents is remembered to be of: the next slope multiplies each."""

MOST_REPEATED = 32
"""How many multiplications more that may be in a program; then sums are sums, or long ones would take thrice the time."""


@dataclass(frozen=True)
class Factors:
    """A product of two, of which the next slope multiplies the last; ``absorbing``: 0 where either is.

    A term of a sum that is no such product has no first factor.
    """

    first: Any
    last: Any
    absorbing: bool = False


def no_derivative(operation: Operation) -> DerivativeError:
    """The error for an operation that has a value but no derivative."""
    return DerivativeError(
        f"{operation.kind} has no derivative.",
        source=operation.source,
        remedy="wrap the call in a function with autodiff.custom_gradient, or in stop_gradient",
    )


def _scaled(d: Any, partial: Any, absorbing: bool = False) -> Tracer | None:
    """``d * partial`` with the strong zero; None where the partial is the constant 0.

    Of factors, the product is taken from the left, and the last one is kept apart.
    """
    if isinstance(partial, tuple):
        for factor in partial[:-1]:
            d = None if d is None else _scaled(d, factor, absorbing)
        return None if d is None else _kept_apart(d, partial[-1], absorbing)
    found = () if _grows(d, partial) else _factors(d)
    if isinstance(partial, Tracer) and found and not _is_constant_zero(partial):
        current_builder().repeated += len(found) - 1
        how = [x.absorbing or absorbing for x in found]
        terms = [
            _kept_apart(x.first, _times(x.last, partial, a), a)
            for x, a in zip(found, how, strict=True)
        ]
        return functools.reduce(_add, terms)
    product = _times(d, partial, absorbing)
    if product is not None and product is not d:
        _remember(product, [replace(x, last=_times(x.last, partial)) for x in found])
    return product


def _grows(d: Any, partial: Any) -> bool:
    """Whether a product with a number has many elements: that number is better made before."""
    return not d.shape and isinstance(partial, Tracer) and bool(partial.shape)


def _times(d: Any, partial: Any, absorbing: bool = False) -> Tracer | None:
    """``d * partial`` as one product."""
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


def _kept_apart(a: Any, b: Any, absorbing: bool = False) -> Tracer | None:
    """``a * b``, of which it is remembered that it is the product of these two; ``b`` where there is no ``a``."""
    if a is None:
        return b
    product = _times(a, b, absorbing)
    if product is not None and product is not a:
        _remember(product, [Factors(a, b, absorbing)])
    return product


def _factors(x: Tracer) -> Sequence[Factors]:
    """The products whose sum ``x`` is, where that is remembered."""
    return current_builder().factors.get(x.value, ())


def _remember(x: Tracer, products: Sequence[Factors]) -> None:
    if products and all(isinstance(p.last, Tracer) for p in products):
        current_builder().factors[x.value] = tuple(products)


def _pulled(
    entry: Entry, transpose: Callable[..., Sequence[Any]], site: Site, ct: Tracer
) -> Sequence[Any]:
    """The transposed operation applied to ``ct``, to its last factor where that is enough.

    Where it gives 0, as for what is not chosen, the other factor does not matter.
    """
    first = _outside(entry, ct)
    if first is not None:
        (factors,) = _factors(ct)
        pulled = transpose(site, factors.last)
        if all(x is None or (isinstance(x, Tracer) and x.dtype == ct.dtype) for x in pulled):
            return [None if x is None else _kept_apart(first, x, absorbing=True) for x in pulled]
    return transpose(site, ct)


def _outside(entry: Entry, x: Tracer) -> Any:
    """The first factor of a product if a linear operation leaves it, as those of elements alone do."""
    factors = _factors(x)
    if len(factors) != 1 or not isinstance(entry.lowering, Pointwise):
        return None
    (first,) = (f.first for f in factors)
    return first if first is not None and same_shape(first.shape, x.shape) else None


def _remember_slopes(site: Site, ct: Tracer, pulled: Sequence[Any]) -> None:
    """Of a product of a cotangent and a slope: what the slope receives is a product, whose factors are kept apart."""
    x = pulled[1]
    if x is not None:
        _remember(x, [Factors(site.operands[0], ct, absorbing=True)])


def _pushed(entry: Entry, apply: Callable[[Any], Any], tangent: Tracer) -> Tracer:
    """What is linear, applied to a tangent, to its last factor where that is enough."""
    first = _outside(entry, tangent)
    if first is not None:
        (factors,) = _factors(tangent)
        pushed = apply(factors.last)
        product = (
            _kept_apart(first, pushed, absorbing=True) if pushed.dtype == tangent.dtype else None
        )
        if product is not None:
            return product
    result: Tracer = apply(tangent)
    return result


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
        arguments = _linear_arguments(form, len(site.operands))
        operands = list(site.operands)
        for k in arguments:
            tangent = tangents[k]
            operands[k] = zeros_like(site.operands[k]) if tangent is None else tangent
        active = [k for k in arguments if tangents[k] is not None]
        if len(active) == 1:
            one = _with_operand(operation, site, active[0], operands)
            return (_pushed(entry, one, operands[active[0]]),)
        return (_emit(operation, operands, site),)
    if isinstance(form, Bilinear):
        total: Tracer | None = None
        for k in range(2):
            tangent = tangents[k]
            if tangent is not None:
                one = _with_operand(operation, site, k)
                total = _add(total, _pushed(entry, one, tangent))
        return (total,)
    if isinstance(form, Rules):
        return form.jvp(site, tuple(tangents))
    if isinstance(form, OfPrograms):
        from autodiff.differentiate import solvers

        return solvers.push(operation, site, tangents)
    raise no_derivative(operation)


def _with_operand(
    operation: Operation, site: Site, k: int, operands: Sequence[Tracer] | None = None
) -> Callable[[Any], Tracer]:
    """The operation as a function of its operand ``k``, beside others, by default its own."""
    others = list(site.operands if operands is None else operands)
    return lambda x: _emit(operation, [*others[:k], x, *others[k + 1 :]], site)


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
        absorbing = k in form.absorbing or k in form.fading
        term: Any = _scaled(tangent, rule(site.result, *site.operands), absorbing)
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
        ct, entry = cotangents[0], ENTRIES[operation.kind]
        assert ct is not None
        pulled = _pulled(entry, form.transpose, site, ct)
        if isinstance(form, Bilinear) and isinstance(entry.lowering, Pointwise):
            _remember_slopes(site, ct, pulled)
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
        for factor in partial[:-1]:
            ct = None if ct is None else _scaled(ct, factor, absorbing)
        total = _spread_back(ct, operand)
        return None if total is None else _kept_apart(total, partial[-1], absorbing)
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
        together: Tracer = total + contribution
    finally:
        builder.source = source
    first, second = _factors(total), _factors(contribution)
    if first or second:
        terms = (*(first or (Factors(None, total),)), *(second or (Factors(None, contribution),)))
        if len(terms) <= MOST_PRODUCTS and current_builder().repeated < MOST_REPEATED:
            _remember(together, terms)
    return together
