"""What each of SciPy's methods can use: the one table.

    METHODS["newton-cg"]  ->  Method("Newton-CG", gradient=True, curvature="product", ...)

`minimize` and `root` look a method up here and hand it exactly these derivatives; `methods_table`
prints the table for the documentation. A new SciPy method is one line.

Curvature comes as products of the Hessian with a vector where the method asks for no more: one
product costs about as much as a gradient, whatever the number of parameters. The methods that
factorise the Hessian get it whole; so do those that take it sparse, where it is large and mostly empty.

Source: the reference pages of `scipy.optimize.minimize` and `scipy.optimize.root`, SciPy 1.17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Curvature = Literal["none", "product", "matrix"]


@dataclass(frozen=True)
class Method:
    """One method of `minimize`.

    Attributes
    ----------
    name
        SciPy's spelling.
    gradient
        Whether it takes the gradient of the objective.
    curvature
        ``"product"``: Hessian-vector products; ``"matrix"``: the whole Hessian.
    bounds
        Whether it respects bounds.
    sparse
        Whether it takes the whole Hessian as a sparse array instead, and gains by it.
    constraints
        ``"none"``, ``"values"`` (only the constraint functions' values), ``"jacobian"``, or
        ``"hessian"`` (their Jacobians and the Hessian of their weighted sum).
    """

    name: str
    gradient: bool = False
    curvature: Curvature = "none"
    bounds: bool = False
    sparse: bool = False
    constraints: Literal["none", "values", "jacobian", "hessian"] = "none"


METHODS: dict[str, Method] = {
    method.name.lower(): method
    for method in (
        Method("Nelder-Mead", bounds=True),
        Method("Powell", bounds=True),
        Method("CG", gradient=True),
        Method("BFGS", gradient=True),
        Method("Newton-CG", gradient=True, curvature="product", sparse=True),
        Method("L-BFGS-B", gradient=True, bounds=True),
        Method("TNC", gradient=True, bounds=True),
        Method("COBYLA", bounds=True, constraints="values"),
        Method("COBYQA", bounds=True, constraints="values"),
        Method("SLSQP", gradient=True, bounds=True, constraints="jacobian"),
        Method(
            "trust-constr",
            gradient=True,
            curvature="product",
            sparse=True,
            bounds=True,
            constraints="hessian",
        ),
        Method("dogleg", gradient=True, curvature="matrix"),
        Method("trust-ncg", gradient=True, curvature="product"),
        Method("trust-exact", gradient=True, curvature="matrix"),
        Method("trust-krylov", gradient=True, curvature="product"),
    )
}

# A method given as a callable gets what `scipy.optimize.minimize` would hand on to it.
CUSTOM = Method("custom", gradient=True, curvature="product", bounds=True, constraints="jacobian")

# The methods of `root` that take a Jacobian; the others build their own approximation.
ROOT_METHODS_WITH_JACOBIAN = frozenset({"hybr", "lm"})

# The derivatives that the methods of `root_scalar` take; those not named take none.
ROOT_SCALAR_DERIVATIVES = {"newton": 1, "halley": 2}


def method_named(method: object, *, constrained: bool, bounded: bool) -> Method:
    """The entry for SciPy's `method` argument; ``None`` chooses as SciPy does."""
    if callable(method):
        return CUSTOM
    if method is None:
        method = "SLSQP" if constrained else "L-BFGS-B" if bounded else "BFGS"
    entry = METHODS.get(str(method).lower())
    if entry is None:
        known = ", ".join(entry.name for entry in METHODS.values())
        raise ValueError(f"minimize has no method {method!r}; it has {known}")
    return entry


def methods_table() -> str:
    """The table in Markdown, as the documentation shows it."""
    lines = [
        "| method | gradient | curvature | bounds | constraints |",
        "| --- | --- | --- | --- | --- |",
    ]
    curvature = {"none": "", "product": "Hessian-vector product", "matrix": "Hessian"}
    constraints = {
        "none": "",
        "values": "values",
        "jacobian": "values, Jacobian",
        "hessian": "values, Jacobian, Hessian",
    }
    for entry in METHODS.values():
        lines.append(
            f"| {entry.name} | {'exact' if entry.gradient else ''} | {curvature[entry.curvature]}"
            f" | {'yes' if entry.bounds else ''} | {constraints[entry.constraints]} |"
        )
    return "\n".join(lines)
