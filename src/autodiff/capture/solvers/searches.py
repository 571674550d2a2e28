"""SciPy's searches for the least of many minima in captured code: one operation, with the objective in it.

    differential_evolution(lambda z: (z[0] - x)**2, [(-1, 1)], rng=1)    minimized(…, x; programs=(f(z, x),))

What they find is a minimum like any other and moves as one, so that the derivative is that of
:mod:`autodiff.capture.solvers.minima`; that another minimum may become the least one, no derivative says.
The search is run at every call: one that draws from a generator outside of the call is plain Python's.

``fmin_slsqp`` and ``fmin_cobyla`` are ``minimize`` by their names.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers import minima
from autodiff.capture.solvers.constraints import spread
from autodiff.capture.solvers.programs import Inlined, bound, call_of, further_arguments
from autodiff.capture.trace import Declined
from autodiff.ir.data import ArrayType
from autodiff.ops.solvers import FLOAT
from autodiff.ops.tracer import Tracer, is_traced

# What makes a search another one, and what its value would have to be.
_PLAIN = {
    "callback": None, "take_step": None, "accept_test": None, "integrality": None, "constraints": (),
    "vectorized": False, "workers": 1, "full_output": 0, "disp": False,
}  # fmt: skip
_DRAWS = ("basinhopping", "differential_evolution", "dual_annealing")


def _require_plain(given: dict[str, Any]) -> None:
    for name, usual in _PLAIN.items():
        x = given.get(name, usual)
        if is_traced([x]) or not (x is None or x is usual or x == usual):
            raise Declined(f"a search with {name}")
    given.pop("callback", None)


def _require_seed(name: str, given: dict[str, Any]) -> None:
    """A search is the same at every call where its generator is made anew, of a number."""
    seeds = [given[key] for key in ("rng", "seed") if given.get(key) is not None]
    is_seeded = len(seeds) == 1 and isinstance(seeds[0], (int, np.integer))
    if name in _DRAWS and not is_seeded:
        raise Declined("a search whose generator is not made of a whole number (rng=1)")


def _size(box: Any) -> int:
    if minima.is_bounds(box):
        box = box.lb
    size = np.shape(box)[0] if isinstance(box, (Tracer, np.ndarray)) else None
    if isinstance(box, (list, tuple)):
        size = len(box)
    if not isinstance(size, int):
        raise Declined("a search of a number of unknowns known only at run time")
    return size


def search(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``basinhopping``, ``differential_evolution``, ``dual_annealing``, ``direct`` and ``shgo``."""
    name, trace = function.__name__, frame.trace
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    _require_plain(given)
    _require_seed(name, given)
    local = trace.deep(given.get("minimizer_kwargs")) or {}
    if not isinstance(local, dict) or any(map(callable, local.values())):
        raise Declined("a search with functions for its local minimiser")
    if local.get("args") or local.get("constraints") or is_traced([*local.values()]):
        raise Declined("a search with these options of its local minimiser")
    if name == "basinhopping":
        start, box = minima.start_of(trace.deep(given.pop("x0"))), local.get("bounds")
        n = start.shape[0]
    else:
        box = trace.deep(given.get("bounds"))
        n = _size(box)
    lower, upper = minima.bounds_of(frame, box, n, pairs=True)
    z = start if name == "basinhopping" else lower
    objective = minima.objective_of(frame, "func", given.pop("func"), z, extra, False, node)
    call = minima.Call(frame, function, "x0" if name == "basinhopping" else None, [objective])
    return call.emitted([z, lower, upper], given, ("x",), (("fun", "objective"),))


def search_grid(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``brute``, with the search by ``fmin`` from the best point of the grid, as it is by default."""
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    if "finish" in given:
        raise Declined("a search of a grid that ends in another way")
    _require_plain(given)
    n = _size(frame.trace.deep(given["ranges"]))
    z = spread(np.nan, n)
    objective = minima.objective_of(frame, "func", given.pop("func"), z, extra, False, node)
    call = minima.Call(frame, function, None, [objective])
    return call.alone([z, spread(-np.inf, n), spread(np.inf, n)], given, ArrayType(FLOAT, (n,)))


# -- minimize by other names ------------------------------------------------------------------------------------
def _functions(x: Any) -> Sequence[Any]:
    return [x] if callable(x) else x


def minimize_by_cobyla(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``fmin_cobyla``: the minimum alone."""
    given = bound(function, args, kwargs)
    _require_plain(given)
    extra = given.get("args", ())
    more = given.get("consargs")
    more = extra if more is None else more
    kind = sys.modules["scipy.optimize"].NonlinearConstraint
    sides = [kind(_with(frame, f, more, node), 0, np.inf) for f in _functions(given["cons"])]
    names = {"rhobeg": "rhobeg", "rhoend": "tol", "maxfun": "maxiter", "catol": "catol"}
    usual = {"rhobeg": 1.0, "rhoend": 1e-4, "maxfun": 1000, "catol": 2e-4}
    options = {to: given.get(name, usual[name]) for name, to in names.items()}
    return _minimized(frame, "COBYLA", given, {"constraints": sides, "options": options}, node)


def minimize_by_slsqp(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``fmin_slsqp``: the minimum alone."""
    given = bound(function, args, kwargs)
    printed = given.get("disp") if given.get("disp") is not None else given.get("iprint", 1)
    if printed:
        raise Declined("a minimiser that prints")
    _require_plain({k: v for k, v in given.items() if k != "disp"})
    slopes = [given.get(k) for k in ("fprime_eqcons", "fprime_ieqcons")]
    extra = given.get("args", ())
    sides = []
    for kind, many, one, slope in (
        ("eq", "eqcons", "f_eqcons", slopes[0]),
        ("ineq", "ieqcons", "f_ieqcons", slopes[1]),
    ):
        sides += [{"type": kind, "fun": f, "args": extra} for f in given.get(many) or ()]
        if given.get(one) is not None:
            whole = {"type": kind, "fun": given[one], "args": extra}
            sides.append(whole if slope is None else {**whole, "jac": slope})
    options = {"ftol": given.get("acc", 1e-6), "maxiter": given.get("iter", 100)}
    if "epsilon" in given:
        options["eps"] = given["epsilon"]
    more = {"constraints": sides, "options": options, "jac": given.get("fprime")}
    more["bounds"] = given.get("bounds") or None
    return _minimized(frame, "SLSQP", given, more, node)


def _with(frame: Frame, function: Callable[..., Any], extra: Any, node: ast.AST) -> Inlined:
    """The function with further arguments, which SciPy does not hand on."""
    given = extra if isinstance(extra, tuple) else (extra,)
    return Inlined(lambda z: call_of(frame, function, [z, *given], node))


def _minimized(
    frame: Frame, method: str, given: dict[str, Any], more: dict[str, Any], node: ast.AST
) -> Any:
    asked = {"args": given.get("args", ()), "method": method, **more}
    function = sys.modules["scipy.optimize"].minimize
    found = minima.minimize(frame, function, [given["func"], given["x0"]], asked, node)
    return found["x"]


SEARCHES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys((*_DRAWS, "direct", "shgo"), search),
    "brute": search_grid,
    "fmin_cobyla": minimize_by_cobyla,
    "fmin_slsqp": minimize_by_slsqp,
}

__all__ = ["SEARCHES"]
