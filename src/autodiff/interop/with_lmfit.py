"""The Jacobian of an `lmfit.Model`, through its bounds and its expressions.

    model.fit(y, parameters, x=x, fit_kws={"Dfun": lmfit_jacobian(model)})

lmfit transforms bounded parameters, and multiplies the columns that it is given by the derivative of that. What
it needs is the derivative of the residuals by the parameters that vary; those that are expressions of them
are part of it. An expression is text; it becomes a function of the parameters that it names, with the names
that lmfit's own interpreter has.

Composite models (``Model(f) + Model(g)``), prefixes, weights and complex models are taken as lmfit takes them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.api import jacobian
from autodiff.errors import ArgumentError, UnsupportedError
from autodiff.optimize.parameters import Array

from .derivatives import Function, needed, written


def lmfit_jacobian(model: Any) -> Callable[..., Array]:
    """The exact Jacobian of the residuals of `model`, as lmfit's ``Dfun``.

    Parameters
    ----------
    model
        An `lmfit.Model` whose functions are plain NumPy.

    Returns
    -------
    callable
        For ``fit_kws={"Dfun": …}``, with methods ``leastsq`` and ``least_squares``.

    Raises
    ------
    MissingPackageError
        if lmfit is not installed.
    """
    lmfit = needed("lmfit")
    if not isinstance(model, lmfit.Model):
        raise ArgumentError(
            f"lmfit_jacobian needs an lmfit.Model, not {type(model).__name__}",
            remedy="pass Model(f)",
        )
    known: dict[Any, Any] = {}

    def residual_jacobian(params: Any, data: Any, weights: Any = None, **independent: Any) -> Array:
        moving = tuple([name for name, p in params.items() if p.vary and not p.expr])
        expressions = tuple([(name, p.expr) for name, p in params.items() if p.expr])
        made = known.get((moving, expressions))
        if made is None:
            made = known[moving, expressions] = _jacobian(model, params, moving, expressions)
        held = {name: float(p.value) for name, p in params.items() if not p.vary and not p.expr}
        values = np.array([params[name].value for name in moving], dtype=np.float64)
        rows = np.asarray(made(values, held, independent)).reshape(-1, len(moving))
        return _weighted(-rows, weights)  # residuals are data less model

    return residual_jacobian


def _weighted(rows: Array, weights: Any) -> Array:
    """Rows times weights; of complex ones real and imaginary part in turn, as lmfit has them."""
    if np.iscomplexobj(rows):
        parts = np.stack([rows.real, rows.imag], axis=1).reshape(-1, rows.shape[1])
        if weights is None:
            return parts
        weights = np.asarray(weights)
        both = weights if np.iscomplexobj(weights) else weights + 1j * weights
        return parts * np.ravel(both).view(np.float64)[:, None]
    return (
        rows if weights is None else rows * np.ravel(np.broadcast_to(weights, len(rows)))[:, None]
    )


def _jacobian(
    model: Any, params: Any, moving: tuple[str, ...], expressions: tuple[tuple[str, str], ...]
) -> Function:
    """``(values, held, independent) -> rows``, compiled."""
    evaluate = _evaluator(model, set(params))
    ties = _in_order(params, expressions, set(params))
    names = ", ".join([f"{name!r}: values[{k}]" for k, name in enumerate(moving)])
    lines = [f"found = {{**held, {names}}}"]
    for k, (name, _, used) in enumerate(ties):
        arguments = ", ".join([f"found[{other!r}]" for other in used])
        lines.append(f"found[{name!r}] = expression{k}({arguments})")
    lines.append("return f(found, independent)")
    functions = {f"expression{k}": function for k, (_, function, _) in enumerate(ties)}
    of_values = written("model", evaluate, "values, held, independent", lines, functions)
    made: Function = jacobian(of_values, wrt="values")
    return made


def _evaluator(model: Any, names: set[str]) -> Function:
    """The model as a function of (values of parameters, keywords), in the user's own functions."""
    if hasattr(model, "left"):
        left, right = _evaluator(model.left, names), _evaluator(model.right, names)
        lines = ["return operation(f(found, independent), right(found, independent))"]
        return written(
            "composite", left, "found, independent", lines, {"right": right, "operation": model.op}
        )
    given = [
        f"{model._strip_prefix(name)}=found[{name!r}]"
        for name in model.param_names
        if name in names
    ]
    free = [name for name in model.independent_vars if name not in model.param_names]
    defaults = {
        name: value
        for name, value in getattr(model, "independent_vars_defvals", {}).items()
        if value is not inspect.Parameter.empty
    }
    given += [
        f"{name}=independent.get({name!r}, default_{name})"
        if name in defaults
        else f"{name}=independent[{name!r}]"
        for name in free
    ]
    options = {name: value for name, value in model.opts.items() if name not in free}
    given += [f"{name}=option_{name}" for name in options]
    names_of = {f"option_{k}": v for k, v in options.items()} | {
        f"default_{k}": v for k, v in defaults.items()
    }
    return written(
        "model", model.func, "found, independent", [f"return f({', '.join(given)})"], names_of
    )


def _in_order(
    params: Any, expressions: tuple[tuple[str, str], ...], names: set[str]
) -> list[tuple[str, Function, tuple[str, ...]]]:
    """Name, function and arguments of each expression, after those of others that it needs."""
    waiting = {name: _expression(params, text, names) for name, text in expressions}
    known = names - set(waiting)
    ordered: list[tuple[str, Function, tuple[str, ...]]] = []
    while waiting:
        ready = [name for name, (_, used) in waiting.items() if known.issuperset(used)]
        if not ready:  # lmfit itself refuses such
            raise ArgumentError(f"the expressions of {', '.join(waiting)} go in a circle")
        for name in ready:
            function, used = waiting.pop(name)
            known.add(name)
            ordered.append((name, function, used))
    return ordered


def _expression(params: Any, text: str, names: set[str]) -> tuple[Function, tuple[str, ...]]:
    """A function of the parameters that an expression names."""
    found = {
        node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)
    }
    used = tuple(sorted(found & names))
    table = params._asteval.symtable
    missing = sorted(name for name in found - names if name not in table)
    if missing:
        raise UnsupportedError(
            f"the expression {text!r} names {', '.join(missing)}",
            remedy="add it to the parameters' interpreter, as lmfit asks for",
        )
    others = {name: table[name] for name in found - names}
    return written(
        "expression", _nothing, ", ".join(used), [f"return {text.strip()}"], others
    ), used


def _nothing() -> None:
    """What an expression is made of: no function."""
