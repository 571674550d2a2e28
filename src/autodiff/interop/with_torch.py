"""A function of NumPy as a function of PyTorch's tensors.

    f = torch_function(numpy_function)
    f(x).backward()                       # and torch.func.grad, jvp, hessian, vmap

Tensors on the CPU share their memory with NumPy's arrays, so nothing is copied on the way in. A derivative
is a function of the same kind, made of `push` or `pull`: derivatives of any order exist.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.api import vmap
from autodiff.errors import ArgumentError

from .derivatives import Function, called, needed, plain_function, pull, push, refuse_complex


def torch_function(f: Function) -> Function:
    """`f` as a function of tensors, with exact derivatives in both modes.

    Parameters
    ----------
    f
        Of arrays and numbers, in plain NumPy; returns an array, a number, or a tuple of them. Tensors
        without axes are given to it as numbers.

    Returns
    -------
    callable
        Takes tensors on the CPU, and what `torch.as_tensor` makes such of.

    Raises
    ------
    MissingPackageError
        if PyTorch is not installed.
    """
    f = plain_function(f, "torch_function")
    torch = needed("torch")
    apply = _class().apply

    def call(*arguments: Any) -> Any:
        tensors = [torch.as_tensor(x) for x in arguments]
        found = apply(f, *tensors)
        return found[0] if len(found) == 1 else found

    call.__name__ = getattr(f, "__name__", "function")
    call.__doc__ = getattr(f, "__doc__", None)
    return call


@lru_cache(maxsize=1)
def _class() -> Any:
    """The class, made at the first use: it is one of PyTorch's."""
    torch = needed("torch")
    base: Any = torch.autograd.Function

    class NumpyFunction(base):
        """A function of NumPy, compiled by autodiff; returns a tuple of tensors."""

        @staticmethod
        def forward(f: Function, *tensors: Any) -> Any:
            _refuse(tensors)
            results = called(f, [t.detach().numpy() for t in tensors])
            # A copy where the result is memory of an argument: PyTorch takes it for a new tensor.
            return tuple([torch.from_numpy(np.array(result)) for result in results])

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.function, ctx.count = inputs[0], len(inputs) - 1
            ctx.floats = [t.is_floating_point() for t in inputs[1:]]
            ctx.save_for_backward(*inputs[1:])
            ctx.save_for_forward(*inputs[1:])
            ctx.mark_non_differentiable(*[t for t in output if not t.is_floating_point()])

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            found = NumpyFunction.apply(
                pull(ctx.function, ctx.count, len(cotangents)), *ctx.saved_tensors, *cotangents
            )
            known = [
                ct.to(x.dtype) if is_float else None
                for ct, x, is_float in zip(found, ctx.saved_tensors, ctx.floats, strict=True)
            ]
            return None, *known

        @staticmethod
        def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
            saved = ctx.saved_tensors
            given = [
                torch.zeros_like(x) if t is None else t
                for t, x in zip(tangents, saved, strict=True)
            ]
            return NumpyFunction.apply(push(ctx.function, ctx.count), *saved, *given)

        @staticmethod
        def vmap(info: Any, in_dims: Any, f: Function, *tensors: Any) -> Any:
            batch = _batched(f, tuple(in_dims[1:]), info.batch_size)
            found = NumpyFunction.apply(batch, *tensors)
            return found, (0,) * len(found)

    def _refuse(tensors: Any) -> None:
        refuse_complex(
            "torch_function",
            [str(t.dtype).removeprefix("torch.").replace("bfloat16", "float16") for t in tensors],
        )
        for tensor in tensors:
            if tensor.device.type != "cpu":
                raise ArgumentError(
                    f"torch_function was given a tensor on {tensor.device}",
                    remedy="move it to the CPU, where NumPy computes: x.cpu()",
                )

    return NumpyFunction


@lru_cache(maxsize=64)
def _batched(f: Function, axes: tuple[int | None, ...], size: int) -> Function:
    made: Function = vmap(f, in_axes=axes, axis_size=size)
    return made
