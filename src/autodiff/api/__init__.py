"""The public transformations: decorators and calls that compile and differentiate.

    function(f)            f itself, compiled
    gradient(f)            gradient of a scalar result
    value_and_gradient(f)  both, sharing the work
    hessian_vector(f)      Hessian times a vector
    jacobian(f)  hessian(f)
    jvp(f, primals, tangents)   vjp(f, *primals)   linearize(f, *primals)
    vmap(f)                for each lane of a batch

Each can be called (``gradient(f)``), used as a decorator (``@gradient``) and as a decorator with
options (``@gradient(wrt="x")``), on functions, methods, static and class methods, lambdas and
callable objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff.api.classes import (
    Function,
    Gradient,
    Hessian,
    HessianVector,
    Jacobian,
    SparseHessian,
    SparseJacobian,
    Sparsity,
    ValueAndGradient,
    Vmap,
)
from autodiff.api.decorators import (
    function,
    gradient,
    hessian,
    hessian_vector,
    jacobian,
    sparsity,
    value_and_gradient,
    vmap,
)
from autodiff.api.transformed import BoundTransformed, Transformed, _restore
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff.api import products
    from autodiff.api.products import jvp as jvp
    from autodiff.api.products import linearize as linearize
    from autodiff.api.products import vjp as vjp
else:
    products = later("autodiff.api.products")


def __getattr__(name: str) -> Any:
    if name in ("jvp", "linearize", "vjp", "_Jvp", "_Linearize", "_Vjp"):
        return getattr(products, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Pickles, help and error messages name the package, whatever module something is written in.
for _each in (
    Transformed, BoundTransformed, _restore, Function, Gradient, ValueAndGradient, HessianVector,
    Jacobian, Hessian, Vmap, SparseJacobian, SparseHessian, Sparsity,
    function, gradient, value_and_gradient, hessian_vector, jacobian, hessian, sparsity, vmap,
):  # fmt: skip
    _each.__module__ = __name__
del _each
