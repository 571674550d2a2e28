"""A function of NumPy as an Op of PyTensor's, which PyMC's models are made of.

    log_likelihood = pytensor_op(f)
    with pymc.Model():
        slope = pymc.Normal("slope")
        pymc.Potential("data", log_likelihood(slope))
        pymc.sample()                                    # NUTS, by exact gradients

The derivative of the Op is an Op of the same kind, made of `push` or `pull` of the function, so derivatives
of any order exist. Both spellings of PyTensor's methods are there: ``L_op`` and ``R_op``, and ``pullback`` and
``pushforward``, as later versions call them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .derivatives import Function, called, needed, plain_function, pull, push, refuse_complex

Types = tuple[tuple[str, int], ...]  # dtype and number of axes of each result


def pytensor_op(f: Function, ndim: int = 0, dtype: str = "float64") -> Any:
    """`f` as a PyTensor Op with exact derivatives.

    Parameters
    ----------
    f
        Of arrays and numbers, in plain NumPy; returns one array or number.
    ndim, dtype
        Of what it returns: by default one number, such as a logarithm of a likelihood.

    Returns
    -------
    pytensor.graph.op.Op
        Called with symbolic variables, or what PyTensor makes such of.

    Raises
    ------
    MissingPackageError
        if PyTensor is not installed.
    """
    f = plain_function(f, "pytensor_op")
    return _op_class()(f, ((dtype, ndim),))


@lru_cache(maxsize=1)
def _op_class() -> Any:
    """The class, made at the first use: it is one of PyTensor's."""
    tensor = needed("pytensor.tensor")
    from pytensor.gradient import DisconnectedType
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op

    class NumpyOp(Op):
        """A function of NumPy, compiled by autodiff."""

        __props__ = ("function", "types")

        def __init__(self, function: Function, types: Types) -> None:
            self.function, self.types = function, types

        def make_node(self, *inputs: Any) -> Any:
            variables = [tensor.as_tensor_variable(x) for x in inputs]
            refuse_complex("pytensor_op", [v.dtype for v in variables])
            outputs = [tensor.TensorType(dtype, (None,) * n)() for dtype, n in self.types]
            return Apply(self, variables, outputs)

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
            results = called(self.function, list(inputs))
            for cell, result, (dtype, n) in zip(output_storage, results, self.types, strict=True):
                if result.ndim != n:
                    raise ValueError(
                        f"{self} returned an array with {result.ndim} axes, not {n}: "
                        f"say pytensor_op(f, ndim={result.ndim})"
                    )
                cell[0] = np.asarray(result, dtype=dtype)

        def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
            cotangents = [
                out.zeros_like() if isinstance(ct.type, DisconnectedType) else ct
                for out, ct in zip(outputs, output_grads, strict=True)
            ]
            types = tuple([(_float(x.dtype), x.ndim) for x in inputs])
            return NumpyOp(pull(self.function, len(inputs), len(cotangents)), types)(
                *inputs, *cotangents, return_list=True
            )

        def R_op(self, inputs: Any, eval_points: Any) -> Any:
            tangents = [
                x.zeros_like() if t is None or isinstance(t.type, DisconnectedType) else t
                for x, t in zip(inputs, eval_points, strict=True)
            ]
            return NumpyOp(push(self.function, len(inputs)), self.types)(
                *inputs, *tangents, return_list=True
            )

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
            return self.L_op(inputs, outputs, cotangents)

        def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> Any:
            return self.R_op(inputs, tangents)

        def __str__(self) -> str:
            return f"NumpyOp({getattr(self.function, '__name__', self.function)})"

    return NumpyOp


def _float(dtype: str) -> str:
    """The dtype of a derivative by an argument: a float, of integers as well."""
    return dtype if dtype.startswith("float") else "float64"
