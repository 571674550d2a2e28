"""Small programs for the passes, with inputs to run them on: what each pass is for, and its limits.

Straight ones are traced from NumPy; loops and branches are built by hand, so that what is dead,
shared or constant in them is there on purpose.  None has places in a file: golden text is stable.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.ir import ArrayType, Program, Value, verify
from autodiff.ops.builder import Builder, building, constant, emit
from autodiff.ops.control import INT, emit_check, emit_cond, emit_for, emit_while
from autodiff.ops.entries import type_rule_of
from tests.ops.support import trace

FLOAT = np.dtype(float)
SCALAR = ArrayType(FLOAT, ())

Made = tuple[Program, list[Any]]
PROGRAMS: dict[str, Callable[[], Made]] = {}
SPECIAL = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan])


def traced(*inputs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a plain function, to be traced at these inputs."""

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[f.__name__] = lambda: (trace(f, *inputs), list(inputs))
        return f

    return enter


def built(*inputs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of a builder and parameters like these inputs that gives the outputs."""

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        def make() -> Made:
            with building() as builder:
                values = []
                for k, x in enumerate(map(np.asarray, inputs)):
                    values.append(builder.parameter(ArrayType(x.dtype, x.shape), f"x{k}"))
                builder.block.outputs = list(f(builder, *values))
            return verify(Program(builder.block, f.__name__), type_rule_of), list(inputs)

        PROGRAMS[f.__name__] = make
        return f

    return enter


# -- straight -----------------------------------------------------------------------------------
@traced(SPECIAL)
def small_powers(x):
    return x**2, x**3, x**-1, x**0.5, x**5, x**4.0


@traced(SPECIAL)
def trivial_factors(x):
    return x * 1, 1.0 * x, x * -1.0, x + 0, x * 0


@traced(SPECIAL)
def signs_and_casts(x):
    y = -x
    return -y, +x, x.astype(float), np.where(x > 0, x, x), x.astype(np.float32).astype(float)


@traced(np.arange(6.0).reshape(2, 3))
def shapes_of_shapes(x):
    return (
        x.T.T,
        x.reshape(3, 2).reshape(2, 3),
        x.reshape(6).reshape(3, 2),
        x[:, :],
        x.transpose(1, 0),
    )


@traced(np.arange(3.0), 2.0)
def constants_fold(x, s):
    return x * (np.sqrt(4.0) + 1), np.full(3, 2.0) * np.full(3, 3.0), s * (2.0 * 3.0)


@traced(np.arange(4.0))
def stores_of_everything(x):
    y = x.copy()
    y[:] = 2 * x
    z = x.copy()
    z[1:3] = 0.0
    return y, z


@traced(np.arange(4.0))
def said_twice(x):
    return np.sin(x) + np.sin(x), np.sum(np.sin(x)), np.cos(x)


@traced(np.arange(4.0))
def nobody_asks(x):
    np.exp(x)
    np.sin(np.cos(x))
    return x * x


# -- built ----------------------------------------------------------------------------------------
def body_of(builder: Builder, *types: ArrayType) -> tuple[Value, list[Value]]:
    """Index and carries of the loop body that is open."""
    k = builder.parameter(ArrayType(INT, ()), "k")
    return k, [builder.parameter(t, f"c{n}") for n, t in enumerate(types)]


@built(np.arange(4.0), 1.5)
def strong_products(builder, x, s):
    one, two, zero, bad = (constant(v) for v in (1.0, 2.0, 0.0, np.inf))
    return [
        emit("strong_multiply", (x, one)),
        emit("strong_multiply", (x, two)),
        emit("strong_multiply", (x, zero)),
        emit("strong_multiply", (x, bad)),
        emit("strong_multiply", (one, s)),
        emit("strong_multiply", (zero, s)),
        emit("strong_multiply", (x, emit("log", (x,)))),
    ]


@built(np.arange(4.0))
def pieces_added(builder, x):
    zeros = emit("broadcast", (constant(0.0),), shape=(4,), axes=())
    whole = {"starts": (0,), "sizes": (4,), "steps": (1,)}
    part = {"starts": (1,), "sizes": (2,), "steps": (1,)}
    middle = emit("slice", (x,), **part)
    return [
        emit("slice_add", (zeros, x), **whole),
        emit("slice_add", (x, x), **whole),
        emit("slice_add", (zeros, middle), **part),
        emit("slice_update", (zeros, x), **whole),
    ]


@built(True, 2.0)
def branch_results(builder, p, x):
    with builder.region() as then:
        sine = emit("sin", (x,))
        then.outputs = [sine, emit("exp", (x,)), x]
    with builder.region() as orelse:
        orelse.outputs = [emit("sin", (x,)), x, emit("cos", (x,))]
    first, _unread, last = emit_cond(p, then, orelse)
    return [first, last]


@built(False, 2.0)
def shared_before_and_between_branches(builder, p, x):
    outside = emit("sin", (x,))
    with builder.region() as then:
        then.outputs = [emit("add", (emit("sin", (x,)), emit("exp", (x,))))]
    with builder.region() as orelse:
        orelse.outputs = [emit("multiply", (emit("exp", (x,)), emit("exp", (x,))))]
    (y,) = emit_cond(p, then, orelse)
    return [outside, y, emit("exp", (x,))]


@built(1.0, 2.0, 3.0, np.arange(5.0))
def loop_with_idle_carries(builder, a, b, c, x):
    """Carries: needed; feeds only itself; never changed; needed by the first. One stack unread."""
    with builder.region() as body:
        k, (s, alone, fixed, helper) = body_of(builder, *[SCALAR] * 4)
        element = emit("slice", (x,), starts=(Dim.symbol(k),), sizes=(None,), steps=(1,))
        body.outputs = [
            emit("add", (emit("add", (s, helper)), element)),
            emit("exp", (alone,)),
            fixed,
            emit("multiply", (helper, fixed)),
            emit("sin", (s,)),
            emit("cos", (alone,)),
        ]
    results = emit_for(5, (a, b, c, a), body)
    return [results[0], results[4]]


@built(3.0, 0.5)
def while_with_idle_carries(builder, a, b):
    """The test needs a carry that no output does; another carry is idle."""
    with builder.region() as test:
        t, _, _ = (builder.parameter(SCALAR, n) for n in ("t", "u", "v"))
        test.outputs = [emit("greater", (t, constant(0.25)))]
    with builder.region() as body:
        _k, (t, u, v) = body_of(builder, SCALAR, SCALAR, SCALAR)
        body.outputs = [
            emit("multiply", (t, b)),
            emit("add", (u, constant(1.0))),
            emit("exp", (v,)),
            emit("sin", (t,)),
        ]
    _trips, _, counted, _, stack = emit_while((a, b, b), test, body)
    return [counted, emit("reduce_sum", (stack,), axes=(0,))]


@built(2.0)
def checks_stay(builder, x):
    positive = emit("greater", (x, constant(0.0)))
    emit_check(positive, "x must be positive")
    with builder.region() as body:
        body_of(builder)
        emit_check(positive, "also inside")
        body.outputs = []
    emit_for(3, (), body)
    return [x]


@built(2.0)
def checked_again(builder, x):
    """Equal checks, here and inside a loop; another message is another check."""
    positive = emit("greater", (x, constant(0.0)))
    emit_check(positive, "x must be positive")
    again = emit("greater", (x, constant(0.0)))
    with builder.region() as body:
        body_of(builder)
        emit_check(again, "x must be positive")
        emit_check(again, "really")
        body.outputs = []
    emit_for(3, (), body)
    emit_check(again, "really")
    return [x]


@built(2.0)
def weak_and_strong_constants(builder, x):
    strong, weak = constant(1.0), constant(1.0, weak=True)
    return [emit("add", (x, v)) for v in (strong, weak, constant(1.0), constant(1.0, weak=True))]


@built(1.0, np.arange(6.0))
def triangle(builder, a, x):
    """An inner loop whose trip count is the outer index; slices of changing size."""
    with builder.region() as outer:
        i, (s,) = body_of(builder, SCALAR)
        i.low, i.high = 0, 5
        head = emit("slice", (x,), starts=(0,), sizes=(Dim.symbol(i),), steps=(1,))
        total = emit("reduce_sum", (emit("multiply", (head, head)),), axes=(0,))
        with builder.region() as inner:
            j, (r,) = body_of(builder, SCALAR)
            j.low, j.high = 0, Dim.symbol(i) - 1
            element = emit("slice", (x,), starts=(Dim.symbol(j),), sizes=(None,), steps=(1,))
            inner.outputs = [emit("add", (r, element))]
        (r,) = emit_for(Dim.symbol(i), (s,), inner)
        outer.outputs = [emit("add", (r, total))]
    return emit_for(6, (a,), outer)


def make(name: str) -> Made:
    return PROGRAMS[name]()
