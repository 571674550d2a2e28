"""Reductions, cumulative operations, extrema positions and sorting.

    reduce_sum, reduce_prod, reduce_max, reduce_min, reduce_any, reduce_all (x; axes)
    argmax, argmin (x; axis)              int64 position of the first extremum; NaN wins
    cumulative_sum, cumulative_prod (x; axis, reverse)
    sort (x; axis)  argsort (x; axis, algorithm)     NaN last
    argpartition (x; kth, axis)  partition_order (x; kth, axis)     as NumPy arranges the rest
    searchsorted (a, v; side)             int64 positions of v in the sorted vector a
    nonzero (mask; size)                  int64 positions of the ``size`` true elements, per axis

The reduced axes are dropped.  reduce_max and reduce_min share the cotangent equally among ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Linear, Reduction, Rules, Site, register
from autodiff.ops.smooth import rest_of_sum, with_rest
from autodiff.ops.structural import INT, broadcast, gather, reduce_sum, reshape, scatter_add, zeros
from autodiff.ops.tracer import Tracer, emit_tracer


def _reduced(type: ArrayType, axes: tuple[int, ...], dtype: Any = None) -> tuple[ArrayType, ...]:
    shape = tuple(n for k, n in enumerate(type.shape) if k not in axes)
    return (ArrayType(np.dtype(dtype or type.dtype), shape),)


def _over(x: Tracer, like: Tracer, axes: tuple[int, ...]) -> Tracer:
    """Spread a reduced array back over the reduced axes of ``like``."""
    shape = like.value.shape
    return broadcast(x, shape, tuple(k for k in range(len(shape)) if k not in axes))


def _sum_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    return (_over(ct, site.operands[0], site.attributes["axes"]),)


def _sum_meaning(x: Any, axes: tuple[int, ...], order: str = "") -> Any:
    """``np.sum``; with an ``order``, Python's ``sum`` over the first axis, bit for bit.

    ``"items"`` adds one item after the other; other engines add them in an order of theirs.  ``"floats"`` is what
    Python does with floats of its own from 3.12 on: what each addition rounds off is added at the end, by native code too.
    """
    if not order or not len(x):
        return np.sum(x, axis=axes, dtype=x.dtype)
    if order == "floats":
        totals = np.add.accumulate(x)
        rests = rest_of_sum(np.zeros(len(x) - 1), totals[:-1], x[1:])
        return with_rest(totals[-1], np.add.accumulate([0.0, *rests])[-1])
    return np.add.accumulate(x, axis=0, dtype=x.dtype)[-1]


register(
    Entry(
        "reduce_sum",
        lambda types, axes, order="": _reduced(types[0], axes),
        _sum_meaning,
        Reduction("sum"),
        Linear(_sum_transpose),
    )
)


def _strong(d: Any, p: Any) -> Any:
    """``d * p`` of a tangent or cotangent ``d``: 0 where it is exactly 0, also beside infinity."""
    return emit_tracer("strong_multiply", d, p)


def _extremum_share(site: Site) -> tuple[Any, Any]:
    x, axes = site.operands[0], site.attributes["axes"]
    hit = np.equal(x, _over(site.result, x, axes))
    return hit, reduce_sum(hit.astype(x.dtype), axes)


# Chosen, not multiplied by 0 or 1: an infinite derivative of, or beside, the extremum is no other
# element's.  Of NaN, which equals nothing, the count is 0 and the derivative 0/0.
def _extremum_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    hit, count = _extremum_share(site)
    chosen: Any = np.where(hit, tangents[0], np.zeros((), tangents[0].dtype)[()])
    return (reduce_sum(chosen, site.attributes["axes"]) / count,)


def _extremum_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    hit, count = _extremum_share(site)
    x, axes = site.operands[0], site.attributes["axes"]
    none = np.zeros((), x.dtype)[()]
    beside: Any = np.where(np.equal(cts[0], none), none, none / count)
    return (np.where(hit, _over(cts[0] / count, x, axes), _over(beside, x, axes)),)


_functions: tuple[tuple[str, Any], ...] = (("max", np.max), ("min", np.min))
for _name, _function in _functions:
    register(
        Entry(
            f"reduce_{_name}",
            lambda types, axes: _reduced(types[0], axes),
            lambda x, axes, function=_function: function(x, axis=axes),
            Reduction(_name),
            Rules(_extremum_jvp, _extremum_vjp),
        )
    )

_functions = (("any", np.any), ("all", np.all))
for _name, _function in _functions:
    register(
        Entry(
            f"reduce_{_name}",
            lambda types, axes: _reduced(types[0], axes, bool),
            lambda x, axes, function=_function: function(x, axis=axes),
            Reduction(_name),
            zero_derivative=True,
        )
    )


def _others_product(x: Any, axes: tuple[int, ...]) -> Any:
    """Product over ``axes`` of all the other elements, exact also where elements are zero."""
    shape = x.value.shape
    kept = tuple(k for k in range(len(shape)) if k not in axes)
    order = kept + axes
    moved: Any = np.transpose(x, order)
    count: Any = 1
    for k in axes:
        count = count * shape[k]
    flat_shape = tuple(shape[k] for k in kept) + (count,)
    flat = reshape(moved, flat_shape)
    last = len(flat_shape) - 1
    edge = broadcast(
        Tracer.constant(np.ones((), x.dtype)), tuple(shape[k] for k in kept) + (1,), ()
    )
    # One element too many and then one dropped, so that it also holds for no elements at all.
    before: Any = np.concatenate(
        [edge, emit_tracer("cumulative_prod", flat, axis=last, reverse=False)], axis=last
    )[..., :count]
    after: Any = np.concatenate(
        [emit_tracer("cumulative_prod", flat, axis=last, reverse=True), edge], axis=last
    )[..., 1:]
    others = reshape(before * after, moved.value.shape)
    inverse = tuple(int(k) for k in np.argsort(order))
    return np.transpose(others, inverse)


register(
    Entry(
        "reduce_prod",
        lambda types, axes: _reduced(types[0], axes),
        lambda x, axes: np.prod(x, axis=axes, dtype=x.dtype),
        Reduction("prod"),
        Rules(
            lambda site, tangents: (
                reduce_sum(
                    _strong(
                        tangents[0], _others_product(site.operands[0], site.attributes["axes"])
                    ),
                    site.attributes["axes"],
                ),
            ),
            lambda site, cts: (
                _strong(
                    _over(cts[0], site.operands[0], site.attributes["axes"]),
                    _others_product(site.operands[0], site.attributes["axes"]),
                ),
            ),
        ),
    )
)

_functions = (("argmax", np.argmax), ("argmin", np.argmin))
for _name, _function in _functions:
    register(
        Entry(
            _name,
            lambda types, axis: _reduced(types[0], (axis,), INT),
            lambda x, axis, function=_function: function(x, axis=axis),
            Kernel(_name),
            zero_derivative=True,
        )
    )


# -- cumulative ---------------------------------------------------------------------------------
def _cumulative(function: Any) -> Any:
    def meaning(x: Any, axis: int, reverse: bool) -> Any:
        if reverse:
            return np.flip(function(np.flip(x, axis), axis=axis, dtype=x.dtype), axis)
        return function(x, axis=axis, dtype=x.dtype)

    return meaning


def _same_type(types: Any, axis: int, reverse: bool = False) -> tuple[ArrayType, ...]:
    return (ArrayType(types[0].dtype, types[0].shape),)


def cumulative_sum(x: Tracer, axis: int, reverse: bool = False) -> Tracer:
    """Running sum along an axis, from the end where ``reverse``."""
    return emit_tracer("cumulative_sum", x, axis=axis, reverse=reverse)


register(
    Entry(
        "cumulative_sum",
        _same_type,
        _cumulative(np.cumsum),
        Kernel("cumulative_sum"),
        Linear(
            lambda site, ct: (
                cumulative_sum(ct, site.attributes["axis"], not site.attributes["reverse"]),
            )
        ),
    )
)


def _shifted_products(site: Site) -> tuple[Any, Any]:
    """``m[..., j, i]``: derivative of cumulative product i by element j, with zeros exact.

    And where there is one: i >= j.

    The product of x[0..i] without x[j] is (x[0]…x[j-1]) (x[j+1]…x[i]); the second factor is a
    cumulative product started at j + 1, an n × n table.  Dividing by x[j] would fail at zeros.
    """
    x, axis, reverse = site.operands[0], site.attributes["axis"], site.attributes["reverse"]
    moved = np.moveaxis(x, axis, -1)
    if reverse:
        moved = moved[..., ::-1]
    n = moved.shape[-1]
    index = emit_tracer("iota", size=n, dtype=INT)
    upper = index[None, :] > index[:, None]  # [j, i]: i > j
    at_or_before = index[None, :] >= index[:, None]
    table: Any = np.where(upper, moved[..., None, :], np.ones((), x.dtype)[()])
    after = emit_tracer("cumulative_prod", table, axis=len(table.shape) - 1, reverse=False)
    lower = index[None, :] < index[:, None]  # [j, k]: k < j
    before = np.prod(np.where(lower, moved[..., None, :], np.ones((), x.dtype)[()]), axis=-1)
    return before[..., :, None] * after, at_or_before


def _cumulative_prod_apply(site: Site, d: Any, transposed: bool) -> Any:
    axis, reverse = site.attributes["axis"], site.attributes["reverse"]
    matrix, depends = _shifted_products(site)
    moved = np.moveaxis(d, axis, -1)
    if reverse:
        moved = moved[..., ::-1]
    rank = len(moved.shape)
    spread = broadcast(moved, matrix.shape, (*range(rank - 1), rank if transposed else rank - 1))
    terms = np.where(depends, _strong(spread, matrix), np.zeros((), d.dtype)[()])
    result = np.sum(terms, axis=-1 if transposed else -2)
    if reverse:
        result = result[..., ::-1]
    return np.moveaxis(result, -1, axis)


register(
    Entry(
        "cumulative_prod",
        _same_type,
        _cumulative(np.cumprod),
        Kernel("cumulative_prod"),
        Rules(
            lambda site, tangents: (_cumulative_prod_apply(site, tangents[0], False),),
            lambda site, cts: (_cumulative_prod_apply(site, cts[0], True),),
        ),
    )
)

# -- sorting ------------------------------------------------------------------------------------
register(
    Entry(
        "argsort",
        lambda types, axis, algorithm: (ArrayType(INT, types[0].shape),),
        lambda x, axis, algorithm: np.argsort(x, axis=axis, kind=algorithm),
        Kernel("argsort"),
        zero_derivative=True,
    )
)

register(
    Entry(
        "argpartition",
        lambda types, kth, axis: (ArrayType(INT, types[0].shape),),
        lambda x, kth, axis: np.argpartition(x, kth, axis=axis),
        Kernel("argpartition"),
        zero_derivative=True,
    )
)


def _partition_order(x: np.ndarray[Any, Any], kth: tuple[int, ...], axis: int) -> Any:
    """Where each element of ``np.partition`` comes from, which ``np.argpartition`` does not tell."""
    placed = np.argsort(np.partition(x, kth, axis=axis), axis=axis, kind="stable")
    order = np.empty(x.shape, np.int64)
    np.put_along_axis(order, placed, np.argsort(x, axis=axis, kind="stable"), axis=axis)
    return order


register(
    Entry(
        "partition_order",
        lambda types, kth, axis: (ArrayType(INT, types[0].shape),),
        _partition_order,
        Kernel("partition_order"),
        zero_derivative=True,
    )
)


def along_axis(shape: tuple[Any, ...], axis: int, index: Tracer) -> tuple[Tracer, ...]:
    """Full index arrays that pick ``index`` along ``axis`` and stay put along the others."""
    grids = []
    for k, n in enumerate(shape):
        if k == axis:
            grids.append(index)
        else:
            line = emit_tracer("iota", size=n, dtype=INT)
            grids.append(broadcast(line, index.value.shape, (k,)))
    return tuple(grids)


def _sort_indices(site: Site) -> tuple[tuple[Tracer, ...], tuple[int, ...]]:
    x, axis = site.operands[0], site.attributes["axis"]
    order = emit_tracer("argsort", x, axis=axis, algorithm="stable")
    shape = x.value.shape
    return along_axis(shape, axis, order), tuple(range(len(shape)))


def _sort_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    indices, axes = _sort_indices(site)
    return (gather(tangents[0], indices, axes),)


def _sort_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    indices, axes = _sort_indices(site)
    x = site.operands[0]
    return (scatter_add(zeros(x.value.shape, x.value.dtype), indices, cts[0], axes),)


register(
    Entry(
        "sort",
        lambda types, axis: (ArrayType(types[0].dtype, types[0].shape),),
        lambda x, axis: np.sort(x, axis=axis),
        Kernel("sort"),
        Rules(_sort_jvp, _sort_vjp),
    )
)

register(
    Entry(
        "searchsorted",
        lambda types, side: (ArrayType(INT, types[1].shape),),
        lambda a, v, side: np.searchsorted(a, v, side),
        Kernel("searchsorted"),
        zero_derivative=True,
    )
)

register(
    Entry(
        "nonzero",
        lambda types, size: (ArrayType(INT, (size,)),) * types[0].ndim,
        lambda mask, size: np.nonzero(mask),
        Kernel("nonzero"),
        zero_derivative=True,
    )
)


def true_positions(mask: Tracer) -> tuple[Tracer, ...]:
    """``np.nonzero`` of a traced mask: index arrays whose size is counted at run time."""
    axes = tuple(range(len(mask.value.shape)))
    count = reduce_sum(emit_tracer("cast", mask, dtype=INT), axes)
    count.value.low, count.value.high = 0, mask.size
    found = emit_tracer("nonzero", mask, size=Dim.symbol(count.value))
    return found if isinstance(found, tuple) else (found,)
