"""The class of each transformation: what is compiled, and what a call brings along.

Function              Vmap
Gradient              ValueAndGradient     HessianVector
Jacobian, Hessian     SparseJacobian, SparseHessian, Sparsity
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.api.transformed import BoundTransformed, P, R, Transformed
from autodiff.errors import AutodiffError, NameArgumentError
from autodiff.later import later
from autodiff.tracebacks import hide_frames

if TYPE_CHECKING:
    from autodiff import batching, ladder, sparse
    from autodiff.capture import naming
    from autodiff.compiled import Compiled, devices
    from autodiff.ops import tracer
    from autodiff.transform import gradient as gradients
    from autodiff.transform import matrices, products
    from autodiff.transform.arguments import Wrt
    from autodiff.transform.plans import Transformation
else:
    batching = later("autodiff.batching")
    devices = later("autodiff.compiled.devices")
    gradients = later("autodiff.transform.gradient")
    ladder = later("autodiff.ladder")
    matrices = later("autodiff.transform.matrices")
    naming = later("autodiff.capture.naming")
    products = later("autodiff.transform.products")
    sparse = later("autodiff.sparse")
    tracer = later("autodiff.ops.tracer")


class Function(Transformed[P, R]):
    """``f`` compiled: returns what ``f`` returns.  See :class:`Transformed` for the options."""

    _is_stored = True


def planned(
    f: Any, options: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Compiled, Any, Any]:
    """What a call of a transformed function, or of a plain one's value, is compiled from.

    Its :class:`Compiled`, what was captured and the plan, for those who show or measure it.
    """
    transformed: Any = f
    if not isinstance(f, (Transformed, BoundTransformed)):
        transformed = Function(f, **options)
    if isinstance(transformed, BoundTransformed):
        args, transformed = (transformed.__self__, *args), transformed.__func__
    with transformed._compilable():
        compiled = transformed._compiled
        captured, plan = compiled.first_way(compiled.plan, args, kwargs)
    return compiled, captured, plan


class Gradient(Transformed[P, R]):
    """The exact gradient of a scalar function.  See :class:`Transformed` for the options."""

    _is_stored = True

    def _transformation(self, wrt: Wrt) -> Transformation:
        return gradients.Gradient(wrt)


class ValueAndGradient(Transformed[P, R]):
    """The value and the gradient of a scalar function, in one run."""

    _is_stored = True

    def _transformation(self, wrt: Wrt) -> Transformation:
        return gradients.Gradient(wrt, value=True)


class Matrix(Transformed[P, R]):
    """What is made by sweeps: ``mode`` says by which."""

    def __init__(self, function: Any, *, mode: str = "auto", **options: Any) -> None:
        super().__init__(function, **options)
        transformation = self._compiled.transformation
        if mode not in ("auto", "forward", "reverse"):
            raise NameArgumentError(
                f"mode={mode!r} is not known.", remedy="use 'forward', 'reverse' or 'auto'"
            )
        self._mode = transformation.mode = mode

    def __reduce__(self) -> Any:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        restore, (cls, function, wrt, options) = found
        return restore, (cls, function, wrt, {**options, "mode": self._mode})


class Jacobian(Matrix[P, R]):
    """The Jacobian, shape ``(*result, *argument)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return matrices.Jacobian(wrt)


class Hessian(Matrix[P, R]):
    """The Hessian of a scalar function, shape ``(*argument, *argument)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return matrices.Hessian(wrt)


class Vmap(Transformed[P, R]):
    """``f`` for each lane of a batch; see :func:`vmap`."""

    def __init__(
        self,
        function: Any,
        *,
        in_axes: Any = 0,
        out_axes: Any = 0,
        axis_size: int | None = None,
        **options: Any,
    ) -> None:
        self._axes: dict[str, Any] = {
            "in_axes": in_axes,
            "out_axes": out_axes,
            "axis_size": axis_size,
        }
        super().__init__(function, **options)

    def _transformation(self, wrt: Wrt) -> Transformation:
        return batching.Batched(self)

    def _what_runs(self, function: Any) -> Any:
        self.lanes: Any = batching.Lanes(function, **self._axes)
        return self.lanes

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call of this object inside of another function."""
        lanes = trace.wrapped(self, "lanes")
        return lanes.__autodiff_inline__(trace, args, kwargs)

    def __reduce__(self) -> Any:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        restore, (cls, function, wrt, options) = found
        return restore, (cls, function, wrt, {**options, **self._axes})


def _sparse(name: str, wrt: Wrt) -> Transformation:
    """A sparse transformation; SciPy's sparse arrays are loaded by who asks for one."""
    transformation: Transformation = getattr(sparse, name)(wrt)
    return transformation


class _Sparse(Transformed[P, R]):
    """Transformations whose results are sparse: they are made of a run of the program."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            compiled = self._compiled
            if compiled.code is not compiled.coded.__code__:
                compiled.follow()
            return compiled.call(args, kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Inside of another function it is called as it is: a program has no sparse arrays."""
        raise ladder.NotStaged(f"{self._compiled.transformation.name} gives a sparse array")


class SparseJacobian(_Sparse[P, R], Matrix[P, R]):
    """The Jacobian as ``csr_array``, shape (elements of the result, elements of the argument)."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("SparseJacobian", wrt)


class SparseHessian(_Sparse[P, R], Matrix[P, R]):
    """The Hessian of a scalar function as ``csr_array``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("SparseHessian", wrt)


class Sparsity(_Sparse[P, R]):
    """Which elements of the Jacobian may be other than zero."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("Sparsity", wrt)


class WithVectors(Transformed[P, R]):
    """Transformations whose call brings vectors along."""

    def _call_with(self, args: tuple[Any, ...], kwargs: dict[str, Any], vectors: Any) -> Any:
        compiled = self._compiled
        if compiled.code is not compiled.coded.__code__:
            compiled.follow()
        if not kwargs and (type(vectors) is np.ndarray or compiled.engine == "jax"):
            # One vector as it is; the compiled entry itself refuses one that does not fit.
            result = compiled.fast_with(args, (vectors,))
            if result is not NotImplemented:
                return result
        if compiled.engine == "jax":
            return devices.looked_at(self._call_slowly, args, kwargs, vectors)
        return self._call_slowly(args, kwargs, vectors)

    def _call_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any], vectors: Any) -> Any:
        compiled = self._compiled
        call = compiled.bind_whole(args, kwargs)
        try:
            extra = compiled.vectors_for(call, vectors)
        except AutodiffError:
            with suppress(ladder.Bail):  # what is wrong with the function comes first
                compiled.transformation.refuse(compiled.signature, compiled.captured(call))
            raise
        return compiled.call(args, kwargs, extra)


class HessianVector(WithVectors[P, R]):
    """The Hessian of a scalar function times a vector: ``hv(*args, _tensors=v)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return products.HessianVector(wrt)

    def __call__(self, *args: Any, _tensors: Any = None, **kwargs: Any) -> Any:
        try:
            if _tensors is None:
                raise NameArgumentError(
                    "hessian_vector needs the vectors to multiply with.",
                    code="AD108",
                    remedy="pass _tensors=v, with a tuple of vectors for several arguments",
                )
            trace = naming.capturing()
            if trace is not None and tracer.is_traced([*args, *kwargs.values(), _tensors]):
                return self.__autodiff_inline__(trace, list(args), {**kwargs, "_tensors": _tensors})
            return self._call_with(args, kwargs, _tensors)
        except BaseException as error:
            hide_frames(error)
            raise
