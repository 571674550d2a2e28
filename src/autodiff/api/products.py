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
from autodiff.api.transformed import P, R, Transformed, product
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.later import later
from autodiff.tracebacks import without_our_frames

if TYPE_CHECKING:
    from autodiff import inlining
    from autodiff.api.options import Options
    from autodiff.compiled import binding, fallback
    from autodiff.transform import arguments, products
    from autodiff.transform import vectors as cotangents
    from autodiff.transform.arguments import Wrt
    from autodiff.transform.plans import Transformation
else:
    arguments = later("autodiff.transform.arguments")
    binding = later("autodiff.compiled.binding")
    fallback = later("autodiff.compiled.fallback")
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
    primals = tuple(map(binding.as_numbers, primals))
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

    def at(given: Any, named: Any, deep: bool = False) -> tuple[Any, Any, Any]:
        """The arguments as they are now, what ``wrt`` names of them, and the product there."""
        kept, made = fallback.as_now(given, deep)
        named = _of_copies(named, made)
        return kept, named, product(_Vjp, f, options if wrt is None else {"wrt": named, **options})

    primals = tuple(map(binding.as_numbers, primals))
    kept, named, compiled = at(primals, wrt)
    # An object is itself to the function, and copied where that has changed it.
    objects = at(primals, wrt, deep=True) if fallback.has_objects(primals) else None
    value = product(Function, f, options)(*primals)
    if objects is not None and fallback.is_as(kept, objects[0]):
        objects = None
    signature = compiled._compiled.signature
    chosen = arguments.by_default(arguments.by_parameter(signature, primals), signature)
    several = isinstance(wrt, (list, tuple)) and len(wrt) != 1

    @without_our_frames
    def pull(cotangent: Any) -> tuple[Any, ...]:
        cotangent = cotangents.as_cotangent(value, cotangent)
        given, _, pulled = (kept, named, compiled) if objects is None else at(*objects[:2], True)
        result: Any = pulled._call_with(given, {}, cotangent)
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
    primals = tuple(map(binding.as_numbers, primals))
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


def _of_copies(wrt: Any, made: dict[int, np.ndarray]) -> Any:
    """What ``wrt`` names, with the copies of arrays."""
    if isinstance(wrt, (list, tuple)):
        return type(wrt)([made.get(id(x), x) for x in wrt])
    return made.get(id(wrt), wrt)


def _no_cotangent(x: Any) -> Any:
    """The cotangent of a primal that holds no floating-point number: zeros, None for an object."""
    if isinstance(x, (np.ndarray, np.generic)) and not arguments.is_number(x):
        return None  # text, dates
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
