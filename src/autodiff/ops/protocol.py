"""What Python and NumPy ask a tracer for, and the functions that answer.

    x + y, -x, x += y           binary_operator, unary_operator, in_place_operator
    np.sin(x), np.sum(x)        apply_ufunc, apply_function
    np.add.reduce(z)            complex_method
    x.shape, z.conj             attribute, complex_attribute
    x[i], x[i] = v              get_item, set_item
    1.0 where others are 2j     as_complex

The answers are built of operations on tracers, which are built of tracers: so tracers, below, find
them here, and :mod:`autodiff.ops.dispatch`, above, puts them here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Protocol:
    """One function for each thing that a tracer is asked."""

    apply_ufunc: Callable[..., Any]
    apply_function: Callable[..., Any]
    attribute: Callable[..., Any]
    complex_attribute: Callable[..., Any]
    complex_method: Callable[..., Any]
    binary_operator: Callable[..., Any]
    unary_operator: Callable[..., Any]
    in_place_operator: Callable[..., Any]
    get_item: Callable[..., Any]
    set_item: Callable[..., Any]
    as_complex: Callable[..., Any]

    def answered_by(self, **functions: Callable[..., Any]) -> None:
        """Put the functions in place."""
        assert functions.keys() == Protocol.__annotations__.keys()
        vars(self).update(functions)


protocol = Protocol()

__all__ = ["Protocol", "protocol"]
