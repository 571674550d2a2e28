"""The text of programs: names, alignment, attributes, regions, places in the user's code."""

from typing import Any

import numpy as np
import pytest

from autodiff.dims import Dim
from autodiff.ir import ArrayType, Block, Operation, Program, Source, Value, format_program
from autodiff.ir.printing import format_type
from autodiff.ops.builder import building, emit
from autodiff.ops.control import INT, emit_cond, emit_for, emit_while

FLOAT = np.dtype(float)


def test_a_straight_program() -> None:
    with building() as builder:
        x = builder.parameter(ArrayType(FLOAT, (3,)), "x")
        builder.source = Source("/home/someone/model.py", 3, 11, 14, "loss")
        y = emit("multiply", (x, x))
        builder.source = None
        builder.block.outputs = [emit("reduce_sum", (y,), axes=(0,))]
    assert format_program(Program(builder.block, "loss")) == (
        "def loss(x: float64[3]):\n"
        "    v0 = multiply(x, x)             # float64[3]   model.py:3:12\n"
        "    v1 = reduce_sum(v0, axes=(0,))  # float64\n"
        "    return v1"
    )


def test_control_flow_is_indented() -> None:
    with building() as builder:
        x = builder.parameter(ArrayType(FLOAT, ()), "x")
        p = emit("greater", (x, x))
        with builder.region() as then:
            then.outputs = [emit("negative", (x,))]
        with builder.region() as orelse:
            orelse.outputs = [x]
        (y,) = emit_cond(p, then, orelse)
        with builder.region() as body:
            builder.parameter(ArrayType(INT, ()), "k")
            s = builder.parameter(ArrayType(FLOAT, ()), "s")
            body.outputs = [emit("add", (s, y)), s]
        _, stack = emit_for(4, (x,), body)
        with builder.region() as test:
            t = builder.parameter(ArrayType(FLOAT, ()), "t")
            test.outputs = [emit("less", (t, y))]
        with builder.region() as step:
            builder.parameter(ArrayType(INT, ()), "j")
            step.outputs = [emit("exp", (builder.parameter(ArrayType(FLOAT, ()), "u"),))]
        _trips, w = emit_while((x,), test, step)
        builder.block.outputs = [w, stack]
    lines = [
        line.split("  #")[0].rstrip() for line in format_program(Program(builder.block)).split("\n")
    ]
    assert lines == [
        "def f(x: float64):",
        "    v0 = greater(x, x)",
        "    v1 = cond(v0):",
        "      region 0():",
        "        v2 = negative(x)",
        "        yield v2",
        "      region 1():",
        "        yield x",
        "    v3, v4 = for(x, count=4):",
        "      region 0(k: int64, s: float64):",
        "        v5 = add(s, v1)",
        "        yield v5, s",
        "    v6, v7 = while(x):",
        "      region 0(t: float64):",
        "        v8 = less(t, v1)",
        "        yield v8",
        "      region 1(j: int64, u: float64):",
        "        v9 = exp(u)",
        "        yield v9",
        "    return v7, v4",
    ]


def test_a_hint_names_one_value_only() -> None:
    with building() as builder:
        x = builder.parameter(ArrayType(FLOAT, ()), "x")
        y = emit("sin", (x,))
        y.hint = "x"
        builder.block.outputs = [y]
    assert "v0 = sin(x)" in format_program(Program(builder.block))


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        (np.float64(2.5), "2.5"),
        (np.array(2.5), "2.5"),
        (np.array([1, 2, 3]), "[1, 2, 3]"),
        (np.zeros((2, 50)), "<float64[2, 50]>"),
        (np.dtype(np.float32), "float32"),
        ((1,), "(1,)"),
        ((1, (2, 3)), "(1, (2, 3))"),
        ("text", "'text'"),
        (np.sin, "sin"),
        (len, "len"),
    ],
)
def test_attributes(attribute: Any, text: str) -> None:
    operation = Operation("thing", (), {"a": attribute, "_hidden": 1, "absent": None}, ())
    shown = repr(operation).split("  #")[0].rstrip()
    if isinstance(attribute, np.generic):
        assert shown in (f"thing(a={text})", f"thing(a={attribute!r})")
    else:
        assert shown == f"thing(a={text})"


def test_extents_use_the_names_of_values() -> None:
    n = Value(ArrayType(INT, ()), "n")
    anonymous = Value(ArrayType(INT, ()))
    x = Value(ArrayType(FLOAT, (Dim.symbol(n) + 1, Dim.symbol(anonymous))), "x")
    block = Block([n, anonymous, x], [], [x])
    text = format_program(Program(block))
    assert text.split("\n")[0] == "def f(n: int64, v0: int64, x: float64[n + 1,v0]):"


def test_an_operation_without_results() -> None:
    p = Value(ArrayType(np.dtype(bool), ()), "p")
    check = Operation("check", (p,), {"message": "too small"}, ())
    assert repr(check).rstrip() == "check(p, message='too small')"


def test_types_alone() -> None:
    assert format_type(ArrayType(FLOAT, (), True)) == "~float64"
    assert format_type(ArrayType(FLOAT, (2, 0))) == "float64[2,0]"
