"""Differentiation: programs to programs, in forward and in reverse mode.

The module of a name is loaded when the name is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.differentiate.budget import in_segments_throughout as in_segments_throughout
    from autodiff.differentiate.budget import within_budget as within_budget
    from autodiff.differentiate.compressed import forward_products as forward_products
    from autodiff.differentiate.compressed import products_modes as products_modes
    from autodiff.differentiate.compressed import reverse_products as reverse_products
    from autodiff.differentiate.forward import jvp as jvp
    from autodiff.differentiate.intermediate import perturbed as perturbed
    from autodiff.differentiate.intermediate import unperturbed as unperturbed
    from autodiff.differentiate.jacobians import forward_jacobian as forward_jacobian
    from autodiff.differentiate.jacobians import jacobian as jacobian
    from autodiff.differentiate.jacobians import reverse_jacobian as reverse_jacobian
    from autodiff.differentiate.linear import linearized as linearized
    from autodiff.differentiate.pairs import broken_by as broken_by
    from autodiff.differentiate.pairs import conjugate as conjugate
    from autodiff.differentiate.pairs import pairs_last as pairs_last
    from autodiff.differentiate.pairs import real_part as real_part
    from autodiff.differentiate.pairs import with_outputs as with_outputs
    from autodiff.differentiate.reverse import vjp as vjp

_HOMES = {
    "budget": ("in_segments_throughout", "within_budget"),
    "compressed": ("forward_products", "products_modes", "reverse_products"),
    "forward": ("jvp",),
    "intermediate": ("perturbed", "unperturbed"),
    "jacobians": ("forward_jacobian", "jacobian", "reverse_jacobian"),
    "linear": ("linearized",),
    "pairs": ("broken_by", "conjugate", "pairs_last", "real_part", "with_outputs"),
    "reverse": ("vjp",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
