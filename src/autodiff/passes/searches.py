"""Searches for a zero of a function of a number, put into the program: no Python runs between two values.

    x, start = root(a, b, *read; solver=brentq, programs=(f,))
                        =>      _, found, … = while(…): a step of Brent's, with f in its body
                                x, start = cond(found): x, where it began; or root(a, b, *read)

    J = regular(J, r, x, …)     =>      J = cond(surely simple): J; or regular(J, r, x, …)

SciPy has ``brentq``, ``brenth``, ``bisect`` and ``ridder`` in C, ``toms748``, the methods of Newton and Halley and the secant method in Python.  What they do is
short, and is done here in the same order, so that each place at which the function is asked, and the zero, are
SciPy's to the last bit.  Wherever a search ends otherwise (no sign changes, a NaN, no convergence, no slope) SciPy is
called, whose exception or warning it is.  The function is part of the program, as often as there are searches.

``regular`` looks at each zero before it is divided by its derivative (``ops.standing``).  Of a number that is a few
comparisons where there is no doubt; where there is, it is asked.

``toms748`` is in a module of its own.  Not here: systems.

Source: R. P. Brent, *Algorithms for Minimization without Derivatives* (1973), chapter 4; J. C. P. Bus and
T. J. Dekker, "Two efficient algorithms with guaranteed convergence for finding a zero of a function", ACM
Transactions on Mathematical Software 1 (1975), for ``brenth``; C. J. F. Ridders, "A new algorithm for computing a single root of a real
continuous function", IEEE Transactions on Circuits and Systems 26 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import ArrayType, Operation, Program, Value
from autodiff.later import later
from autodiff.ops.builder import Builder, building, constant, current_builder, emit
from autodiff.ops.control import INT, emit_cond, emit_while
from autodiff.ops.standing import EPSILON
from autodiff.ops.tracer import Tracer
from autodiff.passes import optimize
from autodiff.passes.rewrite import Scope, either, rebuild
from autodiff.plain_data import dataclass

toms748 = later("autodiff.passes.toms748")

_FLOAT = np.dtype(float)
_MOST = 400  # operations of a function that is put into the program
Number = Any  # a tracer of a number, with which is computed as with one
State = dict[str, Number]
where: Callable[..., Number] = np.where


def search_here(program: Program) -> Program:
    """The program with the searches in it that need no Python."""

    def visit(operation: Operation, scope: Scope) -> Sequence[Value] | None:
        if operation.kind == "root":
            search = _search_of(operation)
            return None if search is None else _searched(operation, search, scope)
        if operation.kind == "regular" and _is_of_number(operation):
            return _looked_at(operation, scope)
        return None

    return rebuild(program, visit)


# -- which searches -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Search:
    """A search: its method, and what it is given: numbers, or which of the operands they are."""

    method: str
    first: Any
    second: Any
    xtol: float
    rtol: float
    most: int
    places: int = 1  # that toms748 interpolates in a pass


# What is divided by where a quotient is not chosen, so that no flag tells of it.  By 1, LLVM would choose between the
# quotients instead, and compute both.
_IDLE = 2.0
_NAMED = frozenset(("converged", "iterations", "function_calls"))
_LEAST_SHARE = 4 * EPSILON  # SciPy refuses less


def _search_of(operation: Operation) -> _Search | None:
    """What a ``root`` asks for; None of one that SciPy has to be called for."""
    solver, programs = operation.attributes["solver"], operation.attributes["programs"]
    if solver.is_system or solver.zero != 0 or not set(solver.others) <= _NAMED:
        return None
    if len(programs) != len(solver.callbacks) or not 1 <= len(programs) <= 3:
        return None
    if any(
        len(p.outputs) != 1 or p.outputs[0].dtype != _FLOAT or p.outputs[0].shape for p in programs
    ):
        return None
    operands = operation.operands[: solver.count]
    if any(v.dtype != _FLOAT or v.shape for v in operands):
        return None
    # What becomes of operands in the call is a function of theirs: each is a number by which it is known again.
    marks = [float(np.float64(1.2345678901234567e77 * (3 + k))) for k in range(len(operands))]
    given = dict(solver.keywords([np.float64(m) for m in marks]))
    given.update(dict.fromkeys(solver.callbacks))

    def number(x: Any) -> Any:
        """A number that is known, or an operand."""
        if isinstance(x, (float, np.floating)) and float(x) in marks:
            return operands[marks.index(float(x))]
        return float(x) if type(x) in (int, float) else None

    made = _READ.get(solver.name.rpartition(".")[2], lambda *_: None)(given, solver.callbacks)
    if made is None:
        return None
    method, first, second, xtol, rtol, most, *places = made
    first, second = number(first), number(second) if second is not None else 0.0
    known = type(xtol) is float and type(rtol) is float and type(most) is int
    if first is None or second is None or not known or not xtol > 0 or most < 1:
        return None
    if {xtol, rtol} & set(marks) or (method in _BRACKETS and rtol < _LEAST_SHARE):
        return None
    if places and places[0] not in (1, 2):
        return None
    return _Search(method, first, second, xtol, rtol, most, *places)


def _of_bracket(given: dict[str, Any], callbacks: tuple[str, ...], method: str) -> Any:
    if callbacks != ("f",) or given.get("args", ()) != ():
        return None
    asked = [
        given.get(k, v) for k, v in (("xtol", 2e-12), ("rtol", _LEAST_SHARE), ("maxiter", 100))
    ]
    return method, given["a"], given["b"], *asked, given.get("k", 1)


def _of_newton(given: dict[str, Any], callbacks: tuple[str, ...]) -> Any:
    method = _BY_SLOPES.get(callbacks[1:]) if callbacks[0] in ("f", "func") else None
    if method is None or given.get("x1") is not None or given.get("args", ()) != ():
        return None
    asked = [given.get(k, v) for k, v in (("tol", 1.48e-8), ("rtol", 0.0), ("maxiter", 50))]
    return method, given.get("x0"), None, *asked


_BY_SLOPES = {(): "secant", ("fprime",): "newton", ("fprime", "fprime2"): "halley"}


def _of_root_scalar(given: dict[str, Any], callbacks: tuple[str, ...]) -> Any:
    method = given.get("method")
    bracket: Any = given.get("bracket")
    named = (("xtol", "xtol"), ("rtol", "rtol"), ("maxiter", "maxiter"))
    if method is not None and method == _BY_SLOPES.get(callbacks[1:]) and method != "secant":
        named = (("xtol", "tol"), *named[1:])
    elif method not in (None, *_BRACKETS) or type(bracket) not in (tuple, list):
        return None
    if any(given.get(k) for k in ("options", "x1", "args")):
        return None
    asked = {name: given[k] for k, name in named if given.get(k) is not None}
    if "tol" in dict(named).values():
        return _of_newton({"x0": given.get("x0"), **asked}, callbacks) if bracket is None else None
    if len(bracket) != 2 or given.get("x0") is not None:
        return None
    asked |= {"a": bracket[0], "b": bracket[1]}
    return _of_bracket(asked, callbacks, method or "brentq")


_READ: dict[str, Callable[..., Any]] = {
    **{
        name: lambda given, callbacks, name=name: _of_bracket(given, callbacks, name)
        for name in ("brentq", "brenth", "bisect", "ridder", "toms748")
    },
    "newton": _of_newton,
    "root_scalar": _of_root_scalar,
}


# -- the search ---------------------------------------------------------------------------------------------
def _searched(operation: Operation, search: _Search, scope: Scope) -> Sequence[Value] | None:
    """Emit the search, and the call of SciPy's for where it does not end as it should."""
    programs = [search_here(optimize(p)) for p in operation.attributes["programs"]]
    if sum([len(p.block.operations) for p in programs]) > _MOST:
        return None
    builder = Builder()
    builder.block, builder.source = scope.block, operation.source
    with building(builder):
        functions = [_function(p, operation) for p in programs]
        begin, step = _METHODS[search.method]
        a, b = (_float(x) for x in (search.first, search.second))
        state = _repeated(begin(search, a, b), lambda now: step(search, functions, now, a, b))
        with builder.region() as done:
            done.outputs = _results(operation, state)
        with builder.region() as asked:
            mapping: Mapping = {}
            asked.operations.append(again := copy_operation(operation, mapping, share=False))
            asked.outputs = list(again.results)
        return emit_cond(np.equal(state["status"], _FOUND).value, done, asked)


_RUNNING, _FOUND, _LOST = 0, 1, 2
_COUNTS = ("status", "calls", "iterations")


def _repeated(state: State, step: Callable[[State], State]) -> State:
    """The state at which a search ends."""
    builder, names = current_builder(), list(state)
    values = tuple([state[name].value for name in names])

    def parameters() -> State:
        return {
            name: Tracer(builder.parameter(v.type), "scalar")
            for name, v in zip(names, values, strict=True)
        }

    with builder.region() as test:
        test.outputs = [np.equal(parameters()["status"], _RUNNING).value]
    with builder.region() as body:
        builder.parameter(ArrayType(INT, ())).low = 0
        now = parameters()
        after = {**now, **step(now)}
        body.outputs = [_as(after[name], v.type) for name, v in zip(names, values, strict=True)]
    found = emit_while(values, test, body)
    return {name: Tracer(v, "scalar") for name, v in zip(names, found[1:], strict=True)}


def _as(x: Number, type: ArrayType) -> Value:
    value: Value = x.value if isinstance(x, Tracer) else constant(type.dtype.type(x))
    if value.type.dtype == type.dtype and value.type.weak == type.weak:
        return value
    return emit("cast", (value,), dtype=type.dtype, weak=type.weak)


def _float(x: Any) -> Number:
    value = x if isinstance(x, Value) else constant(np.float64(x))
    return Tracer(_as(Tracer(value), ArrayType(_FLOAT, ())), "scalar")


def _count(x: int) -> Number:
    return Tracer(constant(np.int64(x)), "scalar")


def _function(program: Program, operation: Operation) -> Callable[[Number], Number]:
    """The user's function, put in the place where it is asked for."""
    read = operation.operands[operation.attributes["solver"].count :]

    def value(x: Number) -> Number:
        first, *others = program.inputs
        mapping: Mapping = dict(zip(others, read, strict=True))
        mapping[first] = _as(x, first.type)
        for inner in program.block.operations:
            current_builder().block.operations.append(copy_operation(inner, mapping, share=False))
        (output,) = program.outputs
        return _float(mapping.get(output, output))

    return value


def _results(operation: Operation, state: State) -> list[Value]:
    """What the operation gives: the zero, what else is asked for, and how the search began."""
    solver = operation.attributes["solver"]
    known = {"converged": True, "iterations": state["iterations"], "function_calls": state["calls"]}
    x, *others, _ = operation.results
    sizes = np.abs(state["f0"]), np.abs(state["f1"])
    start: Any = np.stack([np.maximum(*sizes), np.minimum(*sizes), state["x0"], state["x1"]])
    named = [_as(known[k], v.type) for k, v in zip(solver.others, others, strict=True)]
    return [_as(state["x"], x.type), *named, start.value]


def _begun(**more: Number) -> State:
    """The state of a search that has not begun; ``f0`` and ``f1`` are the first two values, at ``x0`` and ``x1``."""
    zero = _float(0.0)
    none = dict.fromkeys(("x", "f0", "f1", "x0", "x1"), zero)
    return {**dict.fromkeys(_COUNTS, _count(0)), **none, **more}


def _noted(now: State, x: Number, fx: Number) -> State:
    """The state with one more call of the function, one of the first two perhaps."""
    first, early = np.equal(now["calls"], 0), np.less(now["calls"], 2)
    return {
        "calls": now["calls"] + 1,
        "x0": where(first, x, now["x0"]), "f0": where(first, fx, now["f0"]),
        "x1": where(early, x, now["x1"]), "f1": where(early, fx, now["f1"]),
    }  # fmt: skip


def _status(found: Number, lost: Number) -> Number:
    return where(lost, _count(_LOST), where(found, _count(_FOUND), _count(_RUNNING)))


# -- brackets -----------------------------------------------------------------------------------------------
def _begin_bracket(search: _Search, a: Number, b: Number) -> State:
    zero = _float(0.0)
    return _begun(
        pre=a, cur=b, blk=zero, fpre=zero, fblk=zero, spre=zero, scur=zero, next=a,
    )  # fmt: skip


def _asked(functions: Sequence[Any], now: State) -> tuple[Number, Number, State, Number, Number]:
    """The next place, the value there, the state with that, and whether it is the one end or the other."""
    x = now["next"]
    fx = functions[0](x)
    return x, fx, _noted(now, x, fx), np.equal(now["calls"], 0), np.equal(now["calls"], 1)


def _at_ends(at_b: Number, fa: Number, fb: Number) -> tuple[Number, Number]:
    """Whether an end is a zero, and whether there is no change of sign: both ends are looked at before either is one."""
    zero_at_end = at_b & (np.equal(fa, 0.0) | np.equal(fb, 0.0))
    return zero_at_end, at_b & ~zero_at_end & ~_signs_differ(fa, fb)


def _signs_differ(x: Number, y: Number) -> Number:
    return np.not_equal(np.signbit(x), np.signbit(y))


def _step_of_brent(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    """One value, then what Brent's method makes of it: the first two are those at the ends."""
    x, fx, noted, at_a, at_b = _asked(functions, now)
    fpre, fcur = where(at_a, fx, now["fpre"]), fx
    pre, cur = where(at_a | at_b, a, now["pre"]), where(at_b, b, x)
    zero_at_end, no_sign = _at_ends(at_b, fpre, fcur)

    turned = (fpre != 0.0) & (fcur != 0.0) & _signs_differ(fpre, fcur)
    blk, fblk = where(turned, pre, now["blk"]), where(turned, fpre, now["fblk"])
    spre = where(turned, cur - pre, now["spre"])
    scur = where(turned, cur - pre, now["scur"])
    swapped = np.abs(fblk) < np.abs(fcur)
    pre, cur, blk = (
        where(swapped, cur, pre), where(swapped, blk, cur), where(swapped, cur, blk),
    )  # fmt: skip
    fpre, fcur, fblk = (
        where(swapped, fcur, fpre), where(swapped, fblk, fcur), where(swapped, fcur, fblk),
    )  # fmt: skip
    delta = (search.xtol + search.rtol * np.abs(cur)) / 2
    half = (blk - cur) / 2
    near = np.equal(fcur, 0.0) | (np.abs(half) < delta)
    places, values = (pre, cur, blk), (fpre, fcur, fblk)
    good, tried = _short_step(search, places, values, (spre, half, delta), at_a | near)
    spre, scur = where(good, scur, half), where(good, tried, half)
    least = where(half > 0, delta, -delta)
    further = cur + where(np.abs(scur) > delta, scur, least)

    found = ~at_a & (zero_at_end | (near & ~no_sign))
    lost = np.isnan(fx) | no_sign | (~at_a & (now["calls"] > search.most))
    ends = where(np.equal(noted["f0"], 0.0), a, b)
    return {
        **noted,
        "status": _status(found, lost),
        "iterations": where(zero_at_end, _count(0), now["calls"]),
        "x": where(zero_at_end, ends, cur),
        "pre": cur, "cur": further, "next": where(at_a, b, further),
        "blk": where(at_a, 0.0, blk), "fpre": where(at_a, fx, fcur), "fblk": where(at_a, 0.0, fblk),
        "spre": where(at_a, 0.0, spre), "scur": where(at_a, 0.0, scur),
    }  # fmt: skip


def _short_step(
    search: _Search,
    places: Sequence[Number],
    values: Sequence[Number],
    steps: Sequence[Number],
    idle: Number,
) -> tuple[Number, Number]:
    """Whether an interpolated step is a good one, and that step."""
    (pre, cur, blk), (fpre, fcur, fblk), (spre, half, delta) = places, values, steps
    tries = ~idle & (np.abs(spre) > delta) & (np.abs(fcur) < np.abs(fpre))

    def bent() -> Number:
        by_pre, by_blk = (fpre - fcur) / (pre - cur), (fblk - fcur) / (blk - cur)
        if search.method == "brenth":
            above, below = -fcur * (fblk - fpre), fblk * by_pre - fpre * by_blk
        else:
            above = -fcur * (fblk * by_blk - fpre * by_pre)
            below = by_blk * by_pre * (fblk - fpre)
        return either(below != 0.0, lambda: above / below, lambda: _float(math.inf))

    # Branches, not choices between numbers: nothing is divided by what is zero where it is not asked for.
    tried = either(
        tries,
        lambda: either(np.equal(pre, blk), lambda: -fcur * (cur - pre) / (fcur - fpre), bent),
        lambda: _float(math.inf),
    )
    bound = np.abs(spre), 3 * np.abs(half) - delta
    return tries & (2 * np.abs(tried) < where(bound[0] < bound[1], *bound)), tried


def _step_of_halves(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    """One value, and the half of the interval in which the sign changes."""
    x, fx, noted, at_a, at_b = _asked(functions, now)
    f_a = where(at_a, fx, now["fpre"])
    zero_at_end, no_sign = _at_ends(at_b, f_a, fx)
    begins = at_a | at_b
    left = where(begins, a, where(_signs_differ(fx, f_a), now["pre"], x))
    width = where(begins, b - a, now["spre"])
    found = ~begins & (np.equal(fx, 0.0) | (np.abs(width) < search.xtol + search.rtol * np.abs(x)))
    iterations = where(begins, _count(0), now["calls"] - 1)
    lost = np.isnan(fx) | no_sign | (~found & ~begins & (iterations >= search.most))
    ends = where(np.equal(noted["f0"], 0.0), a, b)
    half = width * 0.5
    return {
        **noted,
        "status": _status(found | zero_at_end, lost),
        "iterations": iterations,
        "x": where(zero_at_end, ends, x),
        "pre": left, "fpre": f_a, "spre": half, "next": where(at_a, b, left + half),
    }  # fmt: skip


def _begin_ridder(search: _Search, a: Number, b: Number) -> State:
    zero = _float(0.0)
    tolerance = search.xtol + search.rtol * _less(np.abs(a), np.abs(b))
    return _begun(
        left=a, right=b, fleft=zero, fright=zero, middle=a, fmiddle=zero, next=a, tolerance=tolerance,
    )  # fmt: skip


def _less(x: Number, y: Number) -> Number:
    return where(x < y, x, y)


def _sign(x: Number) -> Number:
    return where(x > 0.0, _float(1.0), _float(-1.0))


def _step_of_ridder(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    """One value: at an end, in the middle, or where an exponential through all three is zero."""
    x, fx, noted, at_a, at_b = _asked(functions, now)
    calls = now["calls"]
    inside = calls >= 2
    in_middle, is_last = inside & np.equal(calls % 2, 0), inside & np.equal(calls % 2, 1)
    fa, fb = where(at_a, fx, now["fleft"]), where(at_b, fx, now["fright"])
    xa, xb, xm, fm = now["left"], now["right"], now["middle"], now["fmiddle"]
    zero_at_end, no_sign = _at_ends(at_b, fa, fb)

    half = 0.5 * (xb - xa)
    square = fx * fx - fa * fb
    step = either(
        in_middle & (square > 0.0),
        lambda: _sign(fb - fa) * half * fx / np.sqrt(square),
        lambda: _float(math.inf),
    )
    after = x - _sign(step) * _less(np.abs(step), np.abs(half) - 0.5 * now["tolerance"])

    beyond, before = is_last & _signs_differ(fx, fm), is_last & _signs_differ(fx, fa)
    left, right = (
        where(is_last & (beyond | ~before), x, xa),
        where(beyond, xm, where(before, x, xb)),
    )
    fleft, fright = (
        where(is_last & (beyond | ~before), fx, fa),
        where(beyond, fm, where(before, fx, fb)),
    )
    tolerance = where(is_last, search.xtol + search.rtol * x, now["tolerance"])
    found = is_last & (np.equal(fx, 0.0) | (np.abs(right - left) < tolerance))
    iterations = where(is_last, (calls - 1) // 2, now["iterations"])
    odd = in_middle & ~(square > 0.0)
    lost = np.isnan(fx) | no_sign | odd | (is_last & ~found & (iterations >= search.most))
    middle = left + 0.5 * (right - left)
    further = where(in_middle, after, where(at_a, b, middle))
    return {
        **noted,
        "status": _status(found | zero_at_end, lost),
        "iterations": iterations,
        "x": where(zero_at_end, where(np.equal(noted["f0"], 0.0), a, b), x),
        "left": left, "right": right, "fleft": fleft, "fright": fright,
        "middle": where(in_middle, x, xm), "fmiddle": where(in_middle, fx, fm),
        "next": further, "tolerance": tolerance,
    }  # fmt: skip


def _begin_748(search: _Search, a: Number, b: Number) -> State:
    named = dict.fromkeys(toms748.NAMES, _float(0.0))
    return _begun(**named, next=a, phase=_count(0), passes=_count(0)) | {"a": a, "b": b}


def _step_of_748(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    x, fx, noted, _, at_b = _asked(functions, now)
    after = toms748.step(now, fx, search.places, search.xtol, search.rtol)
    ended, near, middle = (after.pop(name) for name in ("ended", "near", "middle"))
    is_zero = np.equal(fx, 0.0)
    no_sign = at_b & (np.sign(now["fa"]) * np.sign(fx) > 0)
    odd = ~np.isfinite(fx) | ~np.isfinite(b - a) | ~(a < b)
    late = ended & ~near & (now["passes"] >= search.most)
    return {
        **noted, **after,
        "status": _status(is_zero | (ended & near), odd | no_sign | late),
        "iterations": now["passes"],
        "x": where(is_zero, x, middle),
    }  # fmt: skip


# -- slopes -------------------------------------------------------------------------------------------------
def _is_close(p: Number, q: Number, search: _Search) -> Number:
    """``np.isclose`` of finite numbers."""
    return np.abs(p - q) <= search.xtol + search.rtol * np.abs(q)


def _step_of_newton(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    x = now["next"]
    fx, slope, *bent = [function(x) for function in functions]
    is_zero = np.equal(fx, 0.0)
    divides = ~is_zero & (slope != 0.0)
    step = where(divides, fx, 0.0) / where(divides, slope, _IDLE)
    if bent:  # Halley's method, where it does not turn the step around
        share = step * bent[0] / where(divides, slope, _IDLE) / 2
        step = step / where(np.abs(share) < 1, 1.0 - share, _IDLE / 2)
    after = x - step
    passes = now["iterations"] + 1
    close = _is_close(after, x, search) & divides
    noted = _noted(now, x, fx)
    early = np.less(now["iterations"], 2)
    lost = ~(np.isfinite(after) & np.isfinite(slope)) | (~is_zero & ~divides)
    return {
        **noted,
        "x1": where(early, x, now["x1"]), "f1": where(early, fx, now["f1"]),
        "calls": now["calls"] + where(is_zero, _count(1), _count(len(functions))),
        "status": _status(is_zero | close, lost | (~is_zero & ~close & (passes >= search.most))),
        "iterations": where(is_zero, now["iterations"], passes),
        "x": where(is_zero, x, after), "next": after,
    }  # fmt: skip


def _begin_slope(search: _Search, a: Number, b: Number) -> State:
    return _begun(next=a * 1.0, p=a * 1.0, q=_float(0.0))


def _step_of_secant(
    search: _Search, functions: Sequence[Any], now: State, a: Number, b: Number
) -> State:
    """One value; of the last two, the place where their line is zero."""
    x = now["next"]
    fx = functions[0](x)
    noted = _noted(now, x, fx)
    at_first, at_second = np.equal(now["calls"], 0), np.equal(now["calls"], 1)
    beside = x * (1 + 1e-4)
    beside = beside + where(beside >= 0, 1e-4, -1e-4)
    swapped = at_second & (np.abs(fx) < np.abs(now["q"]))
    p0, p1 = now["p"], x
    q0, q1 = now["q"], fx
    p0, p1, q0, q1 = (
        where(swapped, p1, p0), where(swapped, p0, p1),
        where(swapped, q1, q0), where(swapped, q0, q1),
    )  # fmt: skip
    level = ~at_first & np.equal(q1, q0)
    ahead = np.abs(q1) > np.abs(q0)
    # A share of the smaller value by the larger one, as SciPy has it.
    small, large = where(ahead, q0, q1), where(ahead, q1, q0)
    near, far = where(ahead, p1, p0), where(ahead, p0, p1)
    ready = ~at_first & ~level & (large != 0.0)
    share = -small / where(ready, large, _IDLE)
    under = 1 - small / where(ready, large, _IDLE)
    after = (share * near + far) / where(ready, under, _IDLE)
    passes = now["iterations"] + 1
    close = ready & _is_close(after, p1, search)
    lost = ~np.isfinite(fx) | level | (~at_first & ~np.isfinite(after))
    late = ~at_first & ~close & (passes >= search.most)
    return {
        **noted,
        "status": _status(close, lost | late),
        "iterations": where(at_first, now["iterations"], passes),
        "x": after,
        "p": where(at_first, x, p1), "q": where(at_first, fx, q1),
        "next": where(at_first, beside, after),
    }  # fmt: skip


_BRACKETS = ("brentq", "brenth", "bisect", "ridder", "toms748")
_METHODS: dict[str, tuple[Callable[..., State], Callable[..., State]]] = {
    "brentq": (_begin_bracket, _step_of_brent),
    "brenth": (_begin_bracket, _step_of_brent),
    "bisect": (_begin_bracket, _step_of_halves),
    "ridder": (_begin_ridder, _step_of_ridder),
    "toms748": (_begin_748, _step_of_748),
    "newton": (_begin_slope, _step_of_newton),
    "halley": (_begin_slope, _step_of_newton),
    "secant": (_begin_slope, _step_of_secant),
}


# -- whether a zero is one ------------------------------------------------------------------------------
def _is_of_number(operation: Operation) -> bool:
    slope, residual, x = operation.operands[:3]
    is_number = not (slope.shape or residual.shape or x.shape)
    return is_number and not operation.attributes["solver"].is_system


def _looked_at(operation: Operation, scope: Scope) -> Sequence[Value]:
    """Emit the comparisons that settle it as a rule, and the look itself."""
    solver = operation.attributes["solver"]
    builder = Builder()
    builder.block, builder.source = scope.block, operation.source
    with building(builder):
        slope, residual, x = (_float(v) for v in operation.operands[:3])
        start: Any = Tracer(operation.operands[4], "array")
        first, last = start[2], start[3]
        # Of a bracket the end that is farther away.
        gone = np.maximum(np.abs(x - first), np.abs(x - last))
        left = np.maximum(np.abs(residual), 4 * EPSILON * start[1])
        steep = np.abs(slope)
        doubt_of = solver.relative * np.abs(x)
        clear = (
            (steep > 1e-300) & (steep < 1e300) & (gone < math.inf)
            & (left < steep * (EPSILON**0.5 / 8 * gone))
            & (left <= steep * doubt_of)
            & (np.abs(residual) <= start[0])
        )  # fmt: skip
        with builder.region() as done:
            done.outputs = [operation.operands[0]]
        with builder.region() as asked:
            mapping: Mapping = {}
            asked.operations.append(again := copy_operation(operation, mapping, share=False))
            asked.outputs = list(again.results)
        return emit_cond(clear.value, done, asked)


__all__ = ["search_here"]
