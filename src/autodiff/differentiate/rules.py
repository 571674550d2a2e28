"""Applying an entry's derivative form to one operation.

``pushforward(site, form, kind, tangents)`` and ``pullback(site, form, kind, cotangents)`` turn
the five forms of autodiff.ops.entries into tangents and cotangents.  Here, and only here, happen
the strong zero, the sum over broadcast scalars and the casts.

A cotangent of what is divided by, ``-ct y / b``, may underflow where the slope that it is multiplied
by next is as large.  So the last factor of a slope that is a tuple is kept apart: whatever comes
next multiplies this factor, and the rest multiplies what comes out.

    1 / cosh(x) at 400      (1/b * -y) * sinh(x)   ==  1e-348 * 1e173  ==  0
                            1/b * (-y * sinh(x))   ==  1e-174 * -1

A number is such a factor of each element of an array, and leaves all that is linear; where cotangents
are added that have the same number as a factor, it multiplies their sum:

    sum(x**3) / sum(x**2)   1/b * (3 x**2) + 1/b * (-y * 2 x)   ==  1/b * (3 x**2 - y * 2 x)
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
    Reduction,
    Rules,
    Site,
)
from autodiff.ops.known import may_overflow
from autodiff.ops.roots import is_same
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
    """A product of two, of which the next slope multiplies the last.

    ``absorbing``: 0 where either is, or the next slope; ``chosen``: where either is, as the last is 0 where
    something was not chosen.  A term of a sum that is no such product has no first factor; a number that is
    spread has no last one.
    """

    first: Any
    last: Any
    absorbing: bool = False
    chosen: bool = False

    def last_times(self, slope: Any, absorbing: bool = False) -> Any:
        """The last factor, multiplied by the next slope."""
        return slope if self.last is None else _times(self.last, slope, absorbing)


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
    found = _factors(d)
    if len(found) > 1 and _grows(d, partial):
        found = ()
    if d.shape and not np.shape(partial) and any(x.last is None for x in found):
        found = ()
    if isinstance(partial, Tracer) and found and not _is_constant_zero(partial):
        current_builder().repeated += len(found) - 1
        how = [x.absorbing or absorbing for x in found]
        terms = [
            _kept_apart(x.first, x.last_times(partial, a), a, x.chosen)
            for x, a in zip(found, how, strict=True)
        ]
        return functools.reduce(_add, terms)
    product = _times(d, partial, absorbing)
    if product is not None and product is not d:
        _remember(product, [replace(x, last=x.last_times(partial)) for x in found])
    return product


def _grows(d: Any, partial: Any) -> bool:
    """Whether a product with a number has many elements: a number of several terms is better made before."""
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
    spread = not d.shape and partial.shape
    every: Any = np.broadcast_to(d, partial.shape) if spread else d
    kind = "strong_product" if absorbing else "strong_multiply"
    product: Tracer = emit_tracer(kind, every, partial)
    if spread:
        _remember(product, [Factors(d, partial, absorbing)])
    return product


def _kept_apart(a: Any, b: Any, absorbing: bool = False, chosen: bool = False) -> Tracer | None:
    """``a * b``, of which it is remembered that it is the product of these two; ``b`` where there is no ``a``."""
    if a is None:
        return b
    product = _times(a, b, absorbing or chosen)
    if product is not None and product is not a:
        _remember(product, [Factors(a, b, absorbing, chosen)])
    return product


def _factors(x: Tracer) -> Sequence[Factors]:
    """The products whose sum ``x`` is, where that is remembered."""
    return current_builder().factors.get(x.value, ())


def _remember(x: Tracer, products: Sequence[Factors]) -> None:
    if products and all(isinstance(p.last, Tracer | None) for p in products):
        current_builder().factors[x.value] = tuple(products)


def _pulled(
    entry: Entry, transpose: Callable[..., Sequence[Any]], site: Site, ct: Tracer
) -> Sequence[Any]:
    """The transposed operation applied to ``ct``, to its last factor where that is enough.

    Where it gives 0, as for what is not chosen, the other factor does not matter.
    """
    first = _outside(entry, ct, _ranks(site))
    if first is not None:
        (factors,) = _factors(ct)
        pulled = transpose(site, factors.last)
        if all(x is None or (isinstance(x, Tracer) and x.dtype == ct.dtype) for x in pulled):
            how = factors.absorbing, factors.chosen or not _multiplies(entry)
            return [None if x is None else _kept_apart(first, x, *how) for x in pulled]
        if first.shape:
            return transpose(site, ct)
        formed = transpose(site, ct)
        return [
            replace(x, apart=(first, y.into)) if isinstance(x, Accumulate) else x
            for x, y in zip(formed, pulled, strict=True)
        ]
    pulled = transpose(site, ct)
    if not ct.shape and _multiplies(entry) and not _is_constant(ct):
        _remember_number(site, ct, pulled)
    return pulled


def _multiplies(entry: Entry) -> bool:
    """Whether all elements are summed, or products of them: no cotangent is 0 for one that is not chosen."""
    if isinstance(entry.derivative, Bilinear):
        return not isinstance(entry.lowering, Pointwise)
    return isinstance(entry.derivative, Linear) and isinstance(entry.lowering, Reduction)


def _remember_number(site: Site, ct: Tracer, pulled: Sequence[Any]) -> None:
    """Of the cotangents of a sum, or of a product of vectors: that they are products with its own."""
    others = reversed(site.operands) if len(site.operands) == 2 else (None,)
    for x, other in zip(pulled, others, strict=True):
        if (
            isinstance(x, Tracer)
            and x.dtype == ct.dtype
            and (other is None or len(other.shape) == 1)
        ):
            _remember(x, [Factors(ct, other)])


def _ranks(site: Site) -> int:
    """Of how many axes the largest cotangent is that an operation has for its operands."""
    wanted = zip(site.operands, site.needed, strict=True)
    return max((len(x.shape) for x, needed in wanted if needed), default=0)


def _outside(entry: Entry, x: Tracer, rank: int) -> Any:
    """The first factor of a product if a linear operation leaves it.

    What is done to each element leaves an array, and everything a number, which multiplies the
    result of ``rank`` axes instead: not one that has more elements, unless of a number.
    """
    factors = _factors(x)
    if len(factors) != 1 or factors[0].first is None or factors[0].last is None:
        return None
    first = factors[0].first
    if not first.shape and (not x.shape or rank <= len(x.shape)):
        return first
    return (
        first
        if isinstance(entry.lowering, Pointwise) and same_shape(first.shape, x.shape)
        else None
    )


def _remember_slopes(site: Site, ct: Tracer, pulled: Sequence[Any]) -> None:
    """Of a product of a cotangent and a slope: what the slope receives is a product, whose factors are kept apart."""
    x = pulled[1]
    if x is not None:
        _remember(x, [Factors(site.operands[0], ct, absorbing=True)])


def _pushed(entry: Entry, apply: Callable[[Any], Any], tangent: Tracer) -> Tracer:
    """What is linear, applied to a tangent, to its last factor where that is enough."""
    first = _outside(entry, tangent, len(tangent.shape))
    if first is not None:
        (factors,) = _factors(tangent)
        pushed = apply(factors.last)
        product = (
            _kept_apart(first, pushed, factors.absorbing, chosen=True)
            if pushed.dtype == tangent.dtype
            else None
        )
        if product is not None:
            return product
    result: Tracer = apply(tangent)
    return result


def _is_constant(x: Tracer) -> bool:
    owner = x.value.owner
    return owner is not None and owner.kind == "constant"


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


Moved = Callable[[], Any] | None


def pushforward(
    operation: Operation,
    site: Site,
    tangents: Sequence[Tracer | None],
    moved: Sequence[Moved] = (),
) -> Sequence[Tracer | None]:
    """Tangents of the results from tangents of the operands (None: zero).

    ``moved``: for each operand where known, what tells which of its tangents that are 0 are so by a slope.
    """
    entry: Entry = ENTRIES[operation.kind]
    form = entry.derivative
    if isinstance(form, Partials):
        return (_push_partials(form, site, tangents, moved),)
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


def _or_nan(lost: Any, x: Any) -> Any:
    result: Any = np.where(lost, np.nan, x).astype(x.dtype)
    return result


def _at_poles(d: Any, partial: Any, moved: Callable[[], Any]) -> Any:
    """The tangent ``d``, but NaN where it is 0 by a slope and the next one, ``partial``, is infinite."""
    slopes = partial if isinstance(partial, tuple) else (partial,)
    traced = [
        x
        for x in slopes
        if isinstance(x, Tracer) and not _is_constant(x) and len(x.shape) <= len(d.shape)
    ]
    if not traced:
        return d
    endless = functools.reduce(np.logical_or, [np.logical_not(np.isfinite(x)) for x in traced])
    lost = (d == 0) & endless & moved()
    factors = _factors(d)
    guarded = _or_nan(lost, d)
    if all(
        x is not None and same_shape(x.shape, lost.shape)
        for product in factors
        for x in (product.first, product.last)
    ):
        both = [(_or_nan(lost, x.first), _or_nan(lost, x.last)) for x in factors]
        _remember(
            guarded, [replace(x, first=a, last=b) for x, (a, b) in zip(factors, both, strict=True)]
        )
    return guarded


def _unless_undefined(term: Any, tangent: Any, result: Tracer) -> Any:
    """A term that fades, but NaN where the result is, as an element out of range by a number that is.

    (Where both are arrays, or none is, the slope itself is NaN.)
    """
    if term is None:
        return None
    undefined = np.isnan(result) & (tangent != 0)
    return np.where(undefined, np.nan, term).astype(result.dtype)


def _push_partials(
    form: Partials, site: Site, tangents: Sequence[Tracer | None], moved: Sequence[Moved]
) -> Tracer | None:
    total: Tracer | None = None
    shape = site.result.shape
    for k, (rule, tangent) in enumerate(zip(form.rules, tangents, strict=True)):
        if rule is None or tangent is None:
            continue
        partial = rule(site.result, *site.operands)
        # A slope of several factors is that of a quotient, reciprocal or negative power, which fades.
        fades = k in form.fading or (isinstance(partial, tuple) and len(partial) > 1)
        absorbing = k in form.absorbing or fades
        if isinstance(partial, tuple) and len(partial) == 1:
            (partial,) = partial  # forwards what is as large as x comes before 1 / x
        may_move = moved[k] if moved else None
        if may_move is not None:
            tangent = _at_poles(tangent, partial, may_move)
        term: Any = _scaled(tangent, partial, absorbing)
        operand = site.operands[k]
        if k in form.fading and not same_shape(operand.shape, shape) and may_overflow(operand):
            term = _unless_undefined(term, tangent, site.result)
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
        if len(cotangents) == 1 and cotangents[0] is not None:
            vjp = lambda site, ct: form.vjp(site, (ct,))  # noqa: E731
            return _pulled(ENTRIES[operation.kind], vjp, site, cotangents[0])
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
        axes, factors = tuple(range(len(ct.shape))), _factors(ct)
        if _of_one_number(factors, factors):
            (one,) = factors
            return _kept_apart(one.first, reduce_sum(one.last, axes), one.absorbing, one.chosen)
        return reduce_sum(ct, axes)
    return ct


def accumulate(total: Tracer | None, contribution: Any, like: Tracer) -> Tracer:
    """Add a contribution to the cotangent of ``like``."""
    if isinstance(contribution, Accumulate):
        together: Tracer = contribution.into(zeros_like(like) if total is None else total)
        if total is None and contribution.apart is not None:
            number, into = contribution.apart
            _remember(together, [Factors(number, into(zeros_like(like)), chosen=True)])
        return together
    if contribution.dtype != like.dtype:
        contribution = contribution.astype(like.dtype)
    if total is None:
        return contribution
    first, second = _factors(total), _factors(contribution)
    if _of_one_number(first, second):
        (a,), (b,) = first, second
        how = a.absorbing and b.absorbing, a.chosen and b.chosen
        product = _kept_apart(a.first, _sum(a.last, b.last), *how)
        assert product is not None
        return product
    together = _sum(total, contribution)
    if first or second:
        terms = (*(first or (Factors(None, total),)), *(second or (Factors(None, contribution),)))
        if len(terms) <= MOST_PRODUCTS and current_builder().repeated < MOST_REPEATED:
            _remember(together, terms)
    return together


def _sum(a: Any, b: Any) -> Tracer:
    builder = current_builder()
    source = builder.source
    builder.source = source and source.sum()
    try:
        together: Tracer = a + b
    finally:
        builder.source = source
    return together


def _of_one_number(a: Sequence[Factors], b: Sequence[Factors]) -> bool:
    """Whether both are products with the same number: it multiplies the sum."""
    if len(a) != 1 or len(b) != 1:
        return False
    first, second = a[0].first, b[0].first
    return (
        first is not None
        and second is not None
        and a[0].last is not None
        and b[0].last is not None
        and not first.shape
        and is_same(first.value, second.value)
        and same_shape(a[0].last.shape, b[0].last.shape)
    )
