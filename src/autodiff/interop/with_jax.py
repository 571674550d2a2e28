"""A function of NumPy as a function of JAX's arrays, for jit, grad, jvp, hessian and vmap.

    f = jax_function(numpy_function)
    jax.jit(jax.hessian(f))(x)

Two primitives, each a callback: ``call`` is a function, ``linear`` its derivative, linear in the tangents.
The derivative of ``call`` is ``linear``; that of ``linear`` is ``linear`` of the function that pushes tangents, and its
transpose is ``call`` of the one that pulls cotangents. So both modes exist to any order, in any mixture, which
neither ``jax.custom_jvp`` nor ``jax.custom_vjp`` gives with a callback inside.

JAX needs the shapes of results before anything is computed: they are those of the captured program. In
single precision, which is JAX's default, arguments and results are of float32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from autodiff.api import vmap
from autodiff.capture.numbering import ArrayPlan
from autodiff.errors import UnsupportedError

from .derivatives import (
    Function,
    called,
    compiled,
    needed,
    plain_function,
    pull,
    push,
    refuse_complex,
)


class _Primitives(NamedTuple):
    call: Any
    linear: Any


def jax_function(f: Function) -> Function:
    """`f` as a function of JAX's arrays, with exact derivatives in both modes.

    Parameters
    ----------
    f
        Of arrays and numbers, in plain NumPy; returns an array, a number, or a tuple of several. Arrays
        without axes are given to it as numbers.

    Returns
    -------
    callable
        May be compiled and transformed by JAX; runs on the CPU, by a callback.

    Raises
    ------
    MissingPackageError
        if JAX is not installed.
    """
    f = plain_function(f, "jax_function")
    needed("jax")
    numpy = needed("jax.numpy", "jax")
    primitives = _primitives()

    def call(*arguments: Any) -> Any:
        arrays = [numpy.asarray(x) for x in arguments]
        refuse_complex("jax_function", [x.dtype for x in arrays])
        found = primitives.call.bind(*arrays, f=f)
        return found[0] if len(found) == 1 else tuple(found)

    call.__name__ = getattr(f, "__name__", "function")
    call.__doc__ = getattr(f, "__doc__", None)
    return call


@lru_cache(maxsize=1)
def _primitives() -> _Primitives:
    """JAX's part, made at the first use."""
    jax = needed("jax")
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    primitives = _Primitives(Primitive("autodiff_call"), Primitive("autodiff_linear"))

    def run_call(*xs: Any, f: Function) -> Any:
        return _callback(jax, f, xs, _results(jax, f, xs))

    def run_linear(*values: Any, f: Function) -> Any:
        count = len(values) // 2
        # The tangent of a result has its shape and dtype.
        return _callback(jax, push(f, count), values, _results(jax, f, values[:count]))

    for primitive, run in zip(primitives, (run_call, run_linear), strict=True):
        primitive.multiple_results = True
        primitive.def_impl(run)
        mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=True))

    def call_type(*xs: Any, f: Function) -> Any:
        return [jax.core.ShapedArray(r.shape, r.dtype) for r in _results(jax, f, xs)]

    primitives.call.def_abstract_eval(call_type)
    primitives.linear.def_abstract_eval(
        lambda *values, f: call_type(*values[: len(values) // 2], f=f)
    )

    def call_jvp(xs: Any, tangents: Any, *, f: Function) -> Any:
        given = [_tangent(jax, ad, t, x) for t, x in zip(tangents, xs, strict=True)]
        results = primitives.call.bind(*xs, f=f)
        return results, _of_floats(jax, ad, primitives.linear.bind(*xs, *given, f=f), results)

    def linear_jvp(values: Any, tangents: Any, *, f: Function) -> Any:
        count = len(values) // 2
        results = primitives.linear.bind(*values, f=f)
        given = [_tangent(jax, ad, t, x) for t, x in zip(tangents, values, strict=True)]
        if all(type(t) is ad.Zero for t in tangents[:count]):
            return results, primitives.linear.bind(*values[:count], *given[count:], f=f)
        return results, primitives.linear.bind(*values, *given, f=push(f, count))

    def linear_transpose(cotangents: Any, *values: Any, f: Function) -> Any:
        count = len(values) // 2
        xs = values[:count]
        given = [
            jax.numpy.zeros(ct.aval.shape, ct.aval.dtype) if type(ct) is ad.Zero else ct
            for ct in cotangents
        ]
        pulled = primitives.call.bind(*xs, *given, f=pull(f, count, len(given)))
        moved = [
            ct if ad.is_undefined_primal(dx) else None
            for ct, dx in zip(pulled, values[count:], strict=True)
        ]
        return [*[None] * count, *moved]

    ad.primitive_jvps[primitives.call] = call_jvp
    ad.primitive_jvps[primitives.linear] = linear_jvp
    ad.primitive_transposes[primitives.linear] = linear_transpose

    def batcher(primitive: Any) -> Any:
        def batched(values: Any, axes: Any, *, f: Function) -> Any:
            size = next(x.shape[a] for x, a in zip(values, axes, strict=True) if a is not None)
            lanes = [
                jax.numpy.broadcast_to(x, (size, *x.shape))
                if a is None
                else jax.numpy.moveaxis(x, a, 0)
                for x, a in zip(values, axes, strict=True)
            ]
            found = primitive.bind(*lanes, f=_batched(f))
            return found, [0] * len(found)

        return batched

    for primitive in primitives:
        batching.primitive_batchers[primitive] = batcher(primitive)
    return primitives


@lru_cache(maxsize=64)
def _batched(f: Function) -> Function:
    made: Function = vmap(f)
    return made


def _callback(jax: Any, f: Function, values: Any, results: Any) -> Any:
    def run(*arrays: Any) -> list[Any]:
        found = called(f, [np.asarray(x) for x in arrays])
        return [
            np.asarray(x, r.dtype).reshape(r.shape) for x, r in zip(found, results, strict=True)
        ]

    return jax.pure_callback(run, results, *values)


def _results(jax: Any, f: Function, values: Any) -> Any:
    """Shapes and dtypes of the results of `f`, without running it."""
    types = _result_types(f, tuple([(x.shape, np.dtype(x.dtype).str) for x in values]))
    exact = jax.dtypes.canonicalize_dtype
    return [jax.ShapeDtypeStruct(shape, exact(np.dtype(dtype))) for shape, dtype in types]


@lru_cache(maxsize=1024)
def _result_types(
    f: Function, arguments: tuple[tuple[tuple[int, ...], str], ...]
) -> tuple[tuple[tuple[int, ...], str], ...]:
    """From the program that is captured for arguments of these types; their values are not looked at."""
    examples = [np.ones(shape, dtype) for shape, dtype in arguments]
    plan = compiled(f)._compiled.plan  # type: ignore[attr-defined]
    given = tuple([x if x.ndim else x[()] for x in examples])
    found = compiled(f)._compiled.first_way(plan, given, {})[1]  # type: ignore[attr-defined]
    types = []
    for leaf in found.result.leaves:
        while leaf[0] == "either" or isinstance(leaf[1], ArrayPlan):
            # A number of two types by the path: the wider one; an array that may be an argument.
            leaf = leaf[3] if leaf[0] == "either" else leaf[1].content
        if leaf[0] == "output":
            value = found.program.outputs[leaf[1]]
            types.append((tuple(value.type.shape), np.dtype(value.type.dtype).str))
        elif leaf[0] in ("constant", "argument"):
            value = np.asarray(leaf[1] if leaf[0] == "constant" else examples[leaf[1]])
            types.append((value.shape, value.dtype.str))
        else:
            raise UnsupportedError(
                f"jax_function of {getattr(f, '__name__', f)}: a result that is neither array nor number",
                remedy="return arrays, numbers, or a tuple of them",
            )
    return tuple(types)


def _tangent(jax: Any, ad: Any, tangent: Any, x: Any) -> Any:
    """A tangent as an array of the dtype of what it belongs to: zero of integers."""
    if type(tangent) is ad.Zero or tangent.dtype == jax.dtypes.float0:
        return jax.numpy.zeros(x.shape, x.dtype)
    return tangent


def _of_floats(jax: Any, ad: Any, tangents: Any, results: Any) -> Any:
    """Tangents of the results that have one: JAX has none of integers but its own zero."""
    return [
        t
        if jax.numpy.issubdtype(r.dtype, jax.numpy.floating)
        else ad.Zero(jax.core.ShapedArray(r.shape, jax.dtypes.float0))
        for t, r in zip(tangents, results, strict=True)
    ]
