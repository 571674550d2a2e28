"""SciPy's minimisers in captured code: one operation, with the objective in it.

    minimize(lambda z: (z - x)**2, 0)      minimized(0, …, x; programs=(f(z, x),))

What the call returns beside the minimum is known by running it while capturing.  Where it cannot be
run, in loops and branches, the minimum and its value are all there is.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.constraints import (
    Callback,
    Constraints,
    array_valued,
    limits,
    product_valued,
    spread,
)
from autodiff.capture.solvers.patterns import made_structure
from autodiff.capture.solvers.programs import (
    NUMBER,
    NUMPY_NUMBER,
    array_of,
    as_float,
    at,
    bound,
    captured,
    closed_program,
    further_arguments,
    numbers,
    presented,
    reading,
)
from autodiff.capture.trace import Declined
from autodiff.dims import equal
from autodiff.ir.data import ArrayType, Value
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.ops.compressed import compressed
from autodiff.ops.evaluate import bound_program
from autodiff.ops.minima import Minimizer, Returns, solve
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, emit_tracer, is_traced

if TYPE_CHECKING:
    from autodiff.capture.solvers import handed
else:
    handed = later("autodiff.capture.solvers.handed")

_INT = np.dtype(np.int64)
_BOOL, _COUNT = ArrayType(np.dtype(bool), (), True), ArrayType(_INT, (), True)
Path = tuple[Any, ...]


# -- the user's functions -----------------------------------------------------------------------------
def _number_of(value: Any) -> tuple[Tracer, Returns]:
    """What an objective returned as a number, and what it is to SciPy."""
    result = as_float(value)
    form = value.form if isinstance(value, Tracer) else "python"
    if result.shape:
        if not all(equal(n, 1) for n in result.shape):
            raise Declined("an objective whose result is no number")
        result = reshape(result, ())
    return result, "number" if form == "scalar" else "float"


def objective_of(
    frame: Frame,
    name: str,
    function: Any,
    z: Tracer,
    extra: Sequence[Any],
    gradient: bool,
    node: Any,
) -> Callback:
    """A function from the unknown to a number, or to a number and its gradient."""
    parameter = Value(z.value.type, "z")
    outcome = captured(frame, function, [Tracer(parameter, z.form)], extra, node)
    with frame.trace.builder.reopened(outcome.block):
        value, more = outcome.value, []
        if gradient:
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise Declined("an objective that does not return its gradient beside it")
            value, slope = value
            more = [array_of(slope, z.shape).value]
        result, returns = _number_of(value)
        outcome.block.outputs = [result.value, *more]
    program, read = closed_program(outcome.block, getattr(function, "__name__", "f"))
    if gradient:
        returns = "number pair" if returns == "number" else "pair"
    return Callback(name, program, read, returns)


# -- minimize -------------------------------------------------------------------------------------------
def minimize(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.minimize``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    refuse_options(given, "callback")
    x0 = start_of(trace.deep(given.pop("x0")))
    n = x0.shape[0]
    objective, slope = given.pop("fun"), given.get("jac")
    callbacks = [objective_of(frame, "fun", objective, x0, extra, slope is True, node)]
    for name, shape in (("jac", (n,)), ("hess", (n, n))):
        if callable(given.get(name)):
            callbacks.append(array_valued(frame, name, given.pop(name), x0, extra, shape, node))
    if callable(given.get("hessp")):
        callbacks.append(product_valued(frame, "hessp", given.pop("hessp"), x0, extra, node))
    matrix = None
    if trace.handing is not None:
        matrix = handed.for_constraints(frame, node, given)
    asked = Constraints(frame, given.pop("constraints", ()), x0, node, matrix)
    equal = asked.equal
    lower, upper = _pairs(frame, trace.deep(given.get("bounds")), n)
    sides = asked.sides
    if asked.order and given.get("bounds") is not None:  # of which the derivative is one with them
        sides += [limits(frame, x0, b, sign, equal) for b, sign in ((lower, 1.0), (upper, -1.0))]
        lower, upper = _pairs(frame, None, n)
    functions = [*callbacks, *asked.called, *asked.given, *sides]
    given.update(asked.parts)
    call = Call(frame, function, "x0", functions, equal=tuple(equal))
    call.constraints = asked
    call.sides = len(sides)
    method = given.get("method")
    call.is_inner = isinstance(method, str) and method.lower() == "trust-constr"
    return call.emitted([x0, lower, upper], given, ("x",), (("fun", "objective"),))


# The older names of the methods: what they call the objective and its derivatives.
OLDER = {
    "fmin": ("func",),
    "fmin_powell": ("func",),
    "fmin_cg": ("f", "fprime"),
    "fmin_bfgs": ("f", "fprime"),
    "fmin_ncg": ("f", "fprime", "fhess"),
}
ALONG_A_LINE = ("fminbound", "brent", "golden")
# How many results they have with ``full_output``: the minimum, its value, others.
_FULL = {
    "fmin": 5, "fmin_powell": 6, "fmin_cg": 5, "fmin_bfgs": 7, "fmin_ncg": 6, "fminbound": 4,
    "brent": 4, "golden": 3, "fmin_l_bfgs_b": 3, "fmin_tnc": 3,
}  # fmt: skip
WITH_BOUNDS = ("fmin_l_bfgs_b", "fmin_tnc")


def minimize_by_name(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``fmin``, ``fmin_bfgs`` and the like: the minimum alone."""
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    refuse_options(given, "callback", "fhess_p")
    is_full = is_full_output(given)
    if given.get("retall"):
        raise Declined("a minimiser with all that it has looked at")
    first, *others = OLDER[function.__name__]
    x0 = start_of(frame.trace.deep(given.pop("x0")))
    n = x0.shape[0]
    callbacks = [objective_of(frame, first, given.pop(first), x0, extra, False, node)]
    for name, shape in zip(others, ((n,), (n, n)), strict=False):
        if given.get(name) is not None:
            derived = given.pop(name)
            callbacks.append(array_valued(frame, name, derived, x0, extra, shape, node))
    call = Call(frame, function, "x0", callbacks)
    start = [x0, spread(-np.inf, n), spread(np.inf, n)]
    return call.alone(start, given, x0.value.type, _FULL[function.__name__] if is_full else 0)


def is_full_output(given: dict[str, Any]) -> bool:
    """Whether more than the minimum is asked for."""
    asked = given.get("full_output", False)
    if is_traced([asked]):
        raise Declined("a minimiser that may give more than a minimum")
    return bool(asked)


def minimize_with_bounds(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``fmin_l_bfgs_b`` and ``fmin_tnc``: the minimum, its value or a number, a dict or another number."""
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    refuse_options(given, "callback")
    x0 = start_of(frame.trace.deep(given.pop("x0")))
    n = x0.shape[0]
    both = given.get("fprime") is None and not given.get("approx_grad")
    callbacks = [objective_of(frame, "func", given.pop("func"), x0, extra, both, node)]
    if given.get("fprime") is not None:
        slope = given.pop("fprime")
        callbacks.append(array_valued(frame, "fprime", slope, x0, extra, (n,), node))
    lower, upper = _pairs(frame, frame.trace.deep(given.get("bounds")), n)
    call = Call(frame, function, "x0", callbacks)
    if function.__name__ == "fmin_l_bfgs_b":
        return call.alone([x0, lower, upper], given, x0.value.type, 3, has_flag=False)
    types = (x0.value.type, ArrayType(_INT, (), True), ArrayType(_INT, (), True))
    return call.known([x0, lower, upper], given, ("x", "nfeval", "rc"), types)


def minimize_along_a_line(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``fminbound``, ``brent`` and ``golden``: the minimum alone."""
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    is_full = is_full_output(given)
    is_bounded = function.__name__ == "fminbound"
    z = Tracer(Value(NUMPY_NUMBER if is_bounded else NUMBER), "scalar" if is_bounded else "python")
    lower, upper = as_float(-np.inf), as_float(np.inf)
    if is_bounded:
        lower, upper = (as_float(frame.trace.deep(given[name])) for name in ("x1", "x2"))
        if lower.shape or upper.shape:
            raise Declined("bounds that are no numbers")
    callbacks = [objective_of(frame, "func", given.pop("func"), z, extra, False, node)]
    call = Call(frame, function, None, callbacks)
    count = _FULL[function.__name__] if is_full else 0
    begin = upper if is_bounded else _end_of(frame.trace.deep(given.get("brack")))
    return call.alone([begin, lower, upper], given, NUMPY_NUMBER, count, has_flag=False)


def refuse_options(given: dict[str, Any], *names: str) -> None:
    """Take options out of the arguments, which have to be left out or empty."""
    for name in names:
        x = given.pop(name, None)
        if not (x is None or (isinstance(x, (tuple, list)) and not x)):
            raise Declined(f"a minimiser with {name}")


def start_of(x: Any) -> Tracer:
    """The vector from which a minimiser starts."""
    if getattr(x, "dtype", FLOAT).kind == "f" and getattr(x, "dtype", FLOAT) != FLOAT:
        raise Declined("a minimiser in single precision")
    start = as_float(x)
    if len(start.shape) > 1:
        raise Declined("a start that is no vector")
    return start if start.shape else reshape(start, (1,))


def _pairs(frame: Frame, bounds: Any, n: Any) -> tuple[Tracer, Tracer]:
    """The vectors of lower and upper bounds from a sequence of pairs, or an object that holds two."""
    if bounds is None:
        return spread(-np.inf, n), spread(np.inf, n)
    if is_bounds(bounds):
        return two_vectors(frame, bounds, n)
    if isinstance(bounds, (Tracer, np.ndarray)) and bounds.shape == (n, 2):
        array = as_float(bounds)
        return array[:, 0], array[:, 1]
    if not isinstance(bounds, (list, tuple)) or len(bounds) != n:
        raise Declined("bounds that are no list of pairs")
    sides: tuple[list[Any], list[Any]] = ([], [])
    for pair in bounds:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise Declined("bounds that are no list of pairs")
        for side, x, none in zip(sides, pair, (-np.inf, np.inf), strict=True):
            side.append(none if x is None else x)
    return as_float(sides[0]), as_float(sides[1])


def bounds_of(frame: Frame, bounds: Any, n: Any, pairs: bool = False) -> tuple[Tracer, Tracer]:
    """The vectors of lower and upper bounds, from a pair of vectors or ``pairs`` of numbers."""
    return _pairs(frame, bounds, n) if pairs else two_vectors(frame, bounds, n)


def is_bounds(x: Any) -> bool:
    """Whether bounds are an object of SciPy's."""
    return type(x) is sys.modules["scipy.optimize"].Bounds


def two_vectors(frame: Frame, bounds: Any, n: Any) -> tuple[Tracer, Tracer]:
    """The vectors of lower and upper bounds from a pair of vectors or numbers."""
    if is_bounds(bounds):
        path, sides = frame.trace.paths.get(id(bounds)), [bounds.lb, bounds.ub]
        if path is not None:  # from outside, where it may be changed
            sides = [
                frame.trace.lift(x, path.attribute(name))
                for name, x in zip(("lb", "ub"), sides, strict=True)
            ]
    elif isinstance(bounds, (tuple, list)) and len(bounds) == 2:
        sides = list(bounds)
    else:
        raise Declined("bounds that are no pair")
    lower, upper = (spread(side, n) for side in sides)
    return lower, upper


# -- minimize_scalar --------------------------------------------------------------------------------------
def minimize_scalar(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.minimize_scalar``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    method = given.get("method") or ("bounded" if given.get("bounds") is not None else "brent")
    if not isinstance(method, str):
        raise Declined("a minimiser of the user's own")
    # What brent and golden hand to the function are numbers of Python or NumPy, as the bracket is.
    is_bounded = method.lower() == "bounded"
    z = Tracer(Value(NUMPY_NUMBER if is_bounded else NUMBER), "scalar" if is_bounded else "python")
    lower, upper = as_float(-np.inf), as_float(np.inf)
    if is_bounded:
        limits = trace.deep(given.get("bounds"))
        if not isinstance(limits, (list, tuple)) or len(limits) != 2:
            raise Declined("bounds that are no pair")
        lower, upper = map(as_float, limits)
    callbacks = [objective_of(frame, "fun", given.pop("fun"), z, extra, False, node)]
    call = Call(frame, function, None, callbacks)
    begin = upper if is_bounded else _end_of(trace.deep(given.get("bracket")))
    return call.emitted([begin, lower, upper], given, ("x",), (("fun", "objective"),))


def _end_of(bracket: Any) -> Tracer:
    """An end of where a search along a line begins: how far it went says which step is large."""
    known = isinstance(bracket, (list, tuple)) and len(bracket) > 1
    return as_float(bracket[-1] if known else 1.0)  # SciPy's own begins with 0 and 1


def _as_model(evaluate: Any, count: int) -> Any:
    """A program of a vector as a model of data and ``count`` parameters."""

    def model(x: Any, *parameters: Any) -> Any:
        return evaluate(np.array(parameters, float))

    names = ["x", *(f"p{k}" for k in range(count))]
    model.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return model


def _give_structure(given: dict[str, Any], shape: tuple[int, int]) -> None:
    """The structure of a Jacobian, or the Jacobian that has it."""
    structure = made_structure(given.pop("jac_sparsity"), shape)
    if "products" in given:
        given["jac"] = compressed(structure, given.pop("products"))
    else:
        given["jac_sparsity"] = structure


def _of_two(function: Any) -> Any:
    """A function of an unknown and a direction, of one that takes both as one vector."""
    return lambda z, direction, *args: function(np.concatenate([z, direction]))


# -- all of them ---------------------------------------------------------------------------------------------
class Call:
    """One call of a minimiser."""

    def __init__(
        self,
        frame: Frame,
        function: Any,
        start: str | None,
        callbacks: Sequence[Callback],
        loss: str | None = None,
        scale: float = 1.0,
        objective: int = 0,
        equal: tuple[bool, ...] = (),
    ) -> None:
        self.frame = frame
        self.function = function
        self.start = start
        self.callbacks = callbacks
        self.loss = loss
        self.scale = scale
        self.objective = objective
        self.equal = equal
        self.constraints: Constraints | None = None
        self.is_inner = False
        self.sides = 0  # the last programs, which SciPy is not given
        self.operands = Operands()
        self.read = list(dict.fromkeys(v for c in callbacks for v in c.read))
        self.programs = tuple([reading(c.program, c.read, self.read) for c in callbacks])

    def _solver(self, first: Sequence[Tracer], given: dict[str, Any]) -> Minimizer:
        for tracer in first:
            self.operands.template(tracer)
        trace = self.frame.trace
        box: Any = given.get("bounds")
        if is_bounds(box) and is_traced([box.lb, box.ub]):  # SciPy gets one of their values
            if np.any(box.keep_feasible):
                raise Declined("bounds that are kept all the time")
            del given["bounds"]
            given |= {"lb of bounds": box.lb, "ub of bounds": box.ub}
        template = self.operands.template({k: numbers(trace.deep(v)) for k, v in given.items()})
        function, start = self.function, self.start
        calling = calling_from(trace.builder.source)
        is_fit = function.__name__ == "curve_fit"
        asked = self.constraints
        names = () if asked is None else asked.names

        def run(functions: dict[str, Any], values: Sequence[Any]) -> Any:
            made = {**template(tuple(values)), **functions}
            if "lb of bounds" in made:
                ends = [np.array(made.pop(f"{end} of bounds")) for end in ("lb", "ub")]
                made["bounds"] = sys.modules["scipy.optimize"].Bounds(*ends)
            if "hessp" in functions:
                made["hessp"] = _of_two(functions["hessp"])
            if "rows" in made:
                _give_structure(made, (made.pop("rows"), len(values[0])))
            if asked is not None and asked.order:
                made["constraints"] = asked.made(made)
            if start is not None:
                made[start] = np.array(values[0])
            if is_fit:
                for name in functions:
                    made[name] = _as_model(functions[name], len(values[0]))
            return calling(function, made)

        used = self.callbacks[: self.objective or len(self.callbacks) - self.sides]
        bounded = not all(
            v.value.owner is not None
            and v.value.owner.kind in ("constant", "broadcast")
            and np.all(np.isinf(trace.evaluate(v.value)[0]))
            for v in first[1:]
        )
        return Minimizer(
            f"scipy.optimize.{function.__name__}",
            (*(c.name for c in used[: len(used) - len(names)]), *names),
            tuple([c.returns for c in used]),
            len(self.operands.tracers),
            run, lambda result: (result,), (), (), self.objective, self.loss, self.scale, (), bounded,
            self.equal, len(names) + self.sides, trace.builder.source,
            self.is_inner,
        )  # fmt: skip

    def _values(self) -> tuple[Value, ...]:
        values = (*(t.value for t in self.operands.tracers), *self.read)
        if all(v.owner is not None and v.owner.kind == "constant" for v in values):
            raise Declined("a minimiser of constants")
        return values

    def _emit(self, solver: Minimizer) -> list[Tracer]:
        attributes = {"solver": solver, "programs": self.programs}
        found = self.frame.trace.builder.emit("minimized", self._values(), attributes)
        return [presented(v) for v in found]

    def known(
        self,
        first: Sequence[Tracer],
        given: dict[str, Any],
        names: tuple[str, ...],
        types: tuple[ArrayType, ...],
        leaves: Callable[[Any], tuple[Any, ...]] = tuple,
    ) -> Any:
        """The results of a call that returns a tuple of arrays."""
        solver = replace(self._solver(first, given), leaves=leaves, types=types, names=names)
        return tuple(self._emit(solver))

    def alone(
        self,
        first: Sequence[Tracer],
        given: dict[str, Any],
        type: ArrayType,
        count: int = 0,
        has_flag: bool = True,
    ) -> Any:
        """The result of a call that returns the minimum and nothing else.

        ``count``: it returns so many things, the value of the minimum the second, and a flag, if it has one,
        the last of them.
        """
        solver = replace(self._solver(first, given), types=(type,), names=("x",))
        if not count:
            return self._emit(solver)[0]
        number = NUMPY_NUMBER if self.callbacks[0].returns.startswith("number") else NUMBER
        flag = ((ArrayType(_INT, (), True),), ("flag",)) if has_flag else ((), ())
        solver = replace(
            solver,
            leaves=lambda result: (result[0], result[1], *([result[-1]] if has_flag else [])),
            types=(type, number, *flag[0]),
            names=("x", "fun", *flag[1]),
            moved=((1, "objective"),),
        )
        x, value, *flags = self._emit(solver)
        return (x, value, *[NotKept()] * (count - 2 - len(flags)), *flags)

    def emitted(
        self,
        first: Sequence[Tracer],
        given: dict[str, Any],
        x: Path,
        moved: Sequence[tuple[str, str]],
    ) -> Any:
        """The result object, of which ``x`` and what is ``moved`` have derivatives."""
        trace = self.frame.trace
        solver = self._solver(first, given)
        values = self._values()
        try:
            arrays = [trace.evaluate(v)[0] for v in values]
        except Bail:
            return self._bare(solver, first[0], moved)
        evaluators = [functools.partial(bound_program, p) for p in self.programs]
        example = solve(arrays, solver, evaluators)
        found = [p for p in _leaves(example) if p != x]
        if not all(isinstance(n, int) for n in first[0].shape):
            found = [p for p in found if not np.shape(at(example, p))]
        paths = [x, *found]
        types = [_type(at(example, p)) for p in found]
        solver = replace(
            solver,
            leaves=lambda result: tuple([at(result, p) for p in paths]),
            types=(ArrayType(FLOAT, first[0].shape), *types),
            names=tuple([str(p[-1]) for p in paths]),
            moved=tuple([(paths.index((k,)), what) for k, what in moved if (k,) in paths]),
        )
        return _rebuilt(trace, example, dict(zip(paths, self._emit(solver), strict=True)), ())

    def _bare(self, solver: Minimizer, x0: Tracer, moved: Sequence[tuple[str, str]]) -> Any:
        """In a loop or branch: the minimum, its value, how the call went."""
        names = [name for name, what in moved if what == "objective"]
        counts = _COUNTS.get(solver.name.rpartition(".")[2], ("nfev",))

        def leaves(result: Any) -> tuple[Any, ...]:
            counted = (int(result[name]) for name in counts)
            return (result.x, *(result[name] for name in names), bool(result.success), *counted)

        number = NUMPY_NUMBER if self.callbacks[0].returns.startswith("number") else NUMBER
        solver = replace(
            solver,
            leaves=leaves,
            types=(
                ArrayType(FLOAT, x0.shape),
                *(number for _ in names),
                _BOOL,
                *(_COUNT for _ in counts),
            ),
            names=("x", *names, "success", *counts),
            moved=tuple([(1 + k, "objective") for k in range(len(names))]),
        )
        made: dict[str, Any] = dict.fromkeys(_OTHERS, NotKept())
        made |= dict(zip(solver.names, self._emit(solver), strict=True))
        result_type = sys.modules["scipy.optimize"].OptimizeResult
        result = dict.__new__(result_type)
        for name, value in made.items():
            dict.__setitem__(result, name, value)
        return self.frame.trace.fresh(result)


# -- result objects -----------------------------------------------------------------------------------------
_OTHERS = (
    "message", "status", "nit", "nfev", "njev", "nhev", "jac", "hess", "hess_inv", "fun", "cost",
    "grad", "optimality", "active_mask", "direc", "final_simplex",
)  # fmt: skip


# Numbers that a result has whatever the method; of others how often the function was called.
_COUNTS = {
    "minimize": ("status", "nfev"), "minimize_scalar": ("nit", "nfev"), "least_squares": ("status", "nfev"),
}  # fmt: skip


class NotKept:
    """A part of a result that is no number or array: the call is plain Python's where it is used.

    A text is none either: which one it is may follow from more than the numbers.
    """

    stays_inside = True  # it is no result of a function either

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise Declined("what a solver returns beside numbers and arrays")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()

    __str__ = __repr__ = __format__ = __eq__ = __ne__ = __hash__ = __contains__ = _refuse
    __array__ = __call__ = __getitem__ = __iter__ = __len__ = __bool__ = _refuse
    __matmul__ = __rmatmul__ = __mul__ = __rmul__ = __add__ = __radd__ = __sub__ = __rsub__ = (
        _refuse
    )


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, np.ndarray, np.generic)) and (
        np.asarray(x).dtype.kind in "fib"
    )


def _leaves(x: Any, path: Path = ()) -> Iterator[Path]:
    """Where numbers and arrays are in a result."""
    if _is_number(x):
        yield path
    elif isinstance(x, (dict, tuple)):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _leaves(item, (*path, key))


def _type(x: Any) -> ArrayType:
    array = np.asarray(x)
    return ArrayType(array.dtype, array.shape, not isinstance(x, (np.ndarray, np.generic)))


def _rebuilt(trace: Any, x: Any, results: dict[Path, Tracer], path: Path) -> Any:
    if path in results:
        return results[path]
    if isinstance(x, tuple) and type(x) is tuple:
        return tuple([_rebuilt(trace, item, results, (*path, k)) for k, item in enumerate(x)])
    if isinstance(x, dict):
        made = dict.__new__(type(x))
        for key, item in x.items():
            dict.__setitem__(made, key, _rebuilt(trace, item, results, (*path, key)))
        return trace.fresh(made)
    return None if x is None else NotKept()


# -- assignments --------------------------------------------------------------------------------------------
def assign(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.linear_sum_assignment``, which is constant between the costs at which it changes."""
    given = dict(zip(("cost_matrix", "maximize"), args, strict=False)) | kwargs
    if not set(given) <= {"cost_matrix", "maximize"} or "cost_matrix" not in given:
        raise Declined("linear_sum_assignment with these arguments")
    costs, maximize = frame.trace.deep(given["cost_matrix"]), given.get("maximize", False)
    if not isinstance(maximize, bool):
        raise Declined("an assignment with a flag known only at run time")
    if isinstance(costs, (list, tuple)):
        costs = as_float(costs)
    if not isinstance(costs, Tracer) or len(costs.shape) != 2 or costs.dtype.kind not in "fib":
        raise Declined("an assignment of constants")
    return emit_tracer("assignment", costs, maximize=maximize)


__all__ = [
    "ALONG_A_LINE",
    "OLDER",
    "WITH_BOUNDS",
    "Call",
    "NotKept",
    "assign",
    "bounds_of",
    "is_bounds",
    "minimize",
    "minimize_along_a_line",
    "minimize_by_name",
    "minimize_scalar",
    "minimize_with_bounds",
    "objective_of",
    "start_of",
]
