"""Products with derivatives, at the point of one call: ``jvp``, ``vjp``, ``linearize``.

    jvp(f, primals, tangents)   the value and its tangent
    vjp(f, *primals)            the value, and a function of cotangents
    linearize(f, *primals)      the value, and a function of tangents

A function is compiled once, however often a product is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from autodiff.api.classes import Function, WithVectors
from autodiff.api.options import Options
from autodiff.api.transformed import P, R, Transformed, product
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.later import later
from autodiff.tracebacks import without_our_frames

if TYPE_CHECKING:
    from autodiff import containers, inlining, tree
    from autodiff.compiled import running
    from autodiff.transform import arguments, products
    from autodiff.transform import vectors as cotangents
    from autodiff.transform.arguments import Wrt
    from autodiff.transform.plans import Transformation
else:
    arguments = later("autodiff.transform.arguments")
    containers = later("autodiff.containers")
    cotangents = later("autodiff.transform.vectors")
    inlining = later("autodiff.inlining")
    products = later("autodiff.transform.products")
    running = later("autodiff.compiled.running")
    tree = later("autodiff.tree")


class _Jvp(WithVectors[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return products.Jvp(wrt)


class _Linearize(Transformed[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return products.Linearize(wrt)


class _Vjp(WithVectors[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return products.Vjp(wrt)


@without_our_frames
def jvp(
    f: Callable[..., R],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    wrt: Wrt = None,
    **options: Unpack[Options],
) -> tuple[R, R]:
    """The result of ``f(*primals)`` and its directional derivative along ``tangents``.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  Works inside of other compiled and differentiated functions, too.
    primals : tuple
        The arguments of ``f``.
    tangents : tuple
        One per primal, of its shape and structure.  Those of primals that hold no floating-point
        number (an int, an integer array) are not looked at.
    wrt : str, int, array or sequence of them, optional
        What moves along the tangents instead of the primals, as for :func:`gradient`; one tangent
        for each.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    tuple
        The result, and its tangent in the same structure.

    Raises
    ------
    NameArgumentError
        (a ``ValueError``) if there is not one tangent per primal.
    ShapeError
        (a ``ValueError``) if a tangent does not have the shape of its primal.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    _refuse_bare(primals, tangents)
    compiled = product(_Jvp, f, options if wrt is None else {"wrt": wrt, **options})
    if wrt is None:
        tangents = _of_chosen(compiled._compiled.signature, primals, tangents, "jvp")
    vectors = tangents[0] if len(tangents) == 1 else tuple(tangents)
    return compiled._call_with(tuple(primals), {}, vectors)


def _refuse_bare(primals: Any, tangents: Any) -> None:
    """An array alone would be taken for a tuple of its rows."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise ArgumentError(
                f"jvp takes {name} as a tuple, one for each argument, not as one "
                f"{type(given).__name__}.",
                remedy="write jvp(f, (x,), (dx,))",
            )


def _one_tangent_per_primal(
    primals: Sequence[Any], tangents: Sequence[Any], what: str = "jvp"
) -> None:
    if len(tangents) != len(primals):
        raise NameArgumentError(
            f"{what} has {len(primals)} primals and {len(tangents)} tangents.",
            code="AD108",
            remedy="pass one tangent per primal",
        )


@without_our_frames
def vjp(
    f: Callable[..., R], *primals: Any, wrt: Wrt = None, **options: Unpack[Options]
) -> tuple[R, Callable[[Any], tuple[Any, ...]]]:
    """The result of ``f(*primals)`` and a function from its cotangent to those of the primals.

    The function returns a tuple with one cotangent per primal (zeros for an int or an integer array),
    or, with ``wrt``, one for each thing named there.  Works inside of other compiled and
    differentiated functions, too.

    Parameters
    ----------
    f : callable
        Plain NumPy code.
    *primals
        The arguments of ``f``.
    wrt : str, int, array or sequence of them, optional
        What to differentiate by, as for :func:`gradient`.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Raises
    ------
    ShapeError
        (a ``ValueError``) if the cotangent does not have the shape of the result.

    Notes
    -----
    The derivative is that at the primals as they were given, whatever is stored into them later. What ``f``
    reads from outside is read when the derivative is computed.

    Examples
    --------
    >>> import autodiff
    >>> value, pull = autodiff.vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pull(1.0)
    (6.0, (3.0, 2.0))
    """
    kept, wrt = _kept(primals, wrt)
    compiled = product(_Vjp, f, options if wrt is None else {"wrt": wrt, **options})
    value = product(Function, f, options)(*primals)
    signature = compiled._compiled.signature
    chosen = arguments.by_default(arguments.by_parameter(signature, primals), signature)
    several = isinstance(wrt, (list, tuple)) and len(wrt) != 1

    @without_our_frames
    def pull(cotangent: Any) -> tuple[Any, ...]:
        cotangent = cotangents.as_cotangent(value, cotangent)
        result: Any = compiled._call_with(kept, {}, cotangent)
        if wrt is not None:
            return result if several else (result,)
        found = dict(zip(chosen, (result,) if len(chosen) == 1 else result, strict=True))
        return arguments.by_position(signature, found, kept, _no_cotangent)

    return value, pull


@without_our_frames
def linearize(
    f: Callable[..., R], *primals: Any, wrt: Wrt = None, **options: Unpack[Options]
) -> tuple[R, Callable[..., R]]:
    """The result of ``f(*primals)`` and its derivative there, a function of tangents.

    ``value, push = linearize(f, x)``; then ``push(dx)`` is the tangent that ``jvp(f, (x,), (dx,))``
    gives beside the value, without running ``f`` again: what the derivative reads is kept.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  Works inside of other compiled and differentiated functions, too.
    *primals
        The arguments of ``f``.
    wrt : str, int, array or sequence of them, optional
        What moves along the tangents instead of the primals, as for :func:`gradient`.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    tuple
        The result, and ``push``, which takes one tangent for each primal (or thing named in ``wrt``)
        and returns that of the result in its structure.

    Raises
    ------
    NameArgumentError
        (a ``ValueError``) if ``push`` is not given one tangent for each.
    ShapeError
        (a ``ValueError``) if a tangent does not have the shape of its primal.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> value, push = autodiff.linearize(lambda x: x**2, np.array([1.0, 2.0]))
    >>> value, push(np.array([1.0, 0.0])), push(np.array([0.0, 1.0]))
    (array([1., 4.]), array([2., 0.]), array([0., 4.]))
    """
    made = product(_Linearize, f, options if wrt is None else {"wrt": wrt, **options})
    value, kept, linear = made(*primals)
    compiled = made._compiled
    call = compiled.bind(primals, {})

    @without_our_frames
    def push(*tangents: Any) -> Any:
        if wrt is None:
            tangents = _of_chosen(compiled.signature, primals, tangents, "linearize")
        vectors = tangents[0] if len(tangents) == 1 else tangents
        engine, device = made._options["engine"], made._options["device"]
        return linear(engine, device, kept, compiled.vectors_for(call, vectors))

    return value, push


def _of_chosen(
    signature: Any, primals: Sequence[Any], tangents: Sequence[Any], what: str
) -> tuple[Any, ...]:
    """Of one tangent for each primal, those of what is differentiated by."""
    _one_tangent_per_primal(primals, tangents, what)
    moved = arguments.by_parameter(signature, tangents)
    slots = arguments.by_parameter(signature, primals)
    return tuple([moved[k] for k in arguments.by_default(slots, signature)])


def _kept(primals: tuple[Any, ...], wrt: Any) -> tuple[tuple[Any, ...], Any]:
    """Arguments as they are now, for a derivative that is asked for later, and what ``wrt`` names of them."""
    found: list[Any] = []

    def is_array(x: Any) -> bool:
        return isinstance(x, np.ndarray) and np.may_share_memory(x, x) and x.size > 0

    def is_opaque(x: Any) -> bool:
        return not tree.is_container(x)

    def noted(x: Any) -> Any:
        found.append(x)
        return x

    for x in primals:
        containers.replaced(x, is_array, noted, stop=is_opaque)
    made = {id(x): copy for x, copy in zip(found, running.copied_together(found), strict=True)}
    kept = tuple(
        [containers.replaced(x, is_array, lambda y: made[id(y)], stop=is_opaque) for x in primals]
    )
    if isinstance(wrt, (list, tuple)):
        return kept, type(wrt)([made.get(id(x), x) for x in wrt])
    return kept, made.get(id(wrt), wrt)


def _no_cotangent(x: Any) -> Any:
    """The cotangent of a primal that holds no floating-point number: zeros, None for an object."""
    if isinstance(x, np.ndarray):
        return np.zeros(x.shape)
    return 0.0 if isinstance(x, (int, np.generic)) else None


def _jvp_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    def inside(f: Any, primals: Any, tangents: Any, wrt: Any = None, **options: Any) -> Any:
        _refuse_bare(primals, tangents)
        if wrt is None:
            _one_tangent_per_primal(primals, tangents)
        given = options if wrt is None else {"wrt": wrt, **options}
        return inlining.inline_jvp(
            product(_Jvp, f, given), trace, primals, tangents, wrt is not None
        )

    return inside(*args, **kwargs)


def _vjp_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return inlining.inline_vjp(product(_Vjp, args[0], kwargs), trace, args[1:])


def _linearize_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return inlining.inline_linearize(product(_Jvp, args[0], kwargs), trace, args[1:])


# How capture treats calls of these inside of other functions.
jvp.__autodiff_inline__ = _jvp_inside  # type: ignore[attr-defined]
vjp.__autodiff_inline__ = _vjp_inside  # type: ignore[attr-defined]
linearize.__autodiff_inline__ = _linearize_inside  # type: ignore[attr-defined]

# As of the other public names, whose package is imported with them.
for _each in (jvp, vjp, linearize, _Jvp, _Vjp, _Linearize):
    _each.__module__ = "autodiff.api"
del _each
