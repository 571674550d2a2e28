"""The data structures: types, uses (extents included), free values, the order of a walk."""

import numpy as np
import pytest

from autodiff.dims import Dim
from autodiff.ir import (
    ArrayType,
    Block,
    Operation,
    Program,
    Source,
    Value,
    free_values,
    uses,
    walk,
)

FLOAT, INT = np.dtype(float), np.dtype(np.int64)
SCALAR = ArrayType(INT, ())


def value(*shape: object, hint: str | None = None, dtype: np.dtype = FLOAT) -> Value:
    return Value(ArrayType(dtype, shape), hint)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "text", "ndim", "is_float", "is_static"),
    [
        (ArrayType(FLOAT, ()), "float64", 0, True, True),
        (ArrayType(np.dtype(np.float32), (2, 3)), "float32[2,3]", 2, True, True),
        (ArrayType(np.dtype(bool), (0,)), "bool[0]", 1, False, True),
        (ArrayType(FLOAT, (), True), "~float64", 0, True, True),
        (ArrayType(INT, (Dim.symbol("n"), 3)), "int64[n,3]", 2, False, False),
    ],
)
def test_types(type: ArrayType, text: str, ndim: int, is_float: bool, is_static: bool) -> None:
    assert str(type) == text
    assert (type.ndim, type.is_float, type.is_static) == (ndim, is_float, is_static)


def test_types_compare_by_content() -> None:
    assert ArrayType(FLOAT, (2,)) == ArrayType(np.dtype("float64"), (2,))
    assert ArrayType(FLOAT, ()) != ArrayType(FLOAT, (), True)


def test_a_source_reads_as_editors_do() -> None:
    assert str(Source("model.py", 12, 4, 9, "loss")) == "model.py:12:5"


def test_results_know_their_operation() -> None:
    y = value(2)
    operation = Operation("sin", (value(2),), {}, (y,))
    assert y.owner is operation
    assert operation.result is y
    with pytest.raises(ValueError):
        Operation("cond", (), {}, (value(), value())).result  # noqa: B018


def test_values_compare_by_identity() -> None:
    assert value(2) != value(2)


def test_extents_are_uses() -> None:
    n, k, x = Value(SCALAR, "n"), Value(SCALAR, "k"), value(9)
    size = Dim.symbol(n)
    attributes = {"starts": ((Dim.symbol(k) + 1,), 0), "name": "text", "sizes": [size]}
    operation = Operation("slice", (x,), attributes, (value(2 * size),))
    assert list(uses(operation)) == [x, k, n, n]


def test_a_count_among_the_results_is_no_use() -> None:
    count = Value(SCALAR)
    operation = Operation("nonzero", (value(5),), {}, (count, value(Dim.symbol(count))))
    assert count not in list(uses(operation))


def nest() -> tuple[Block, dict[str, Value]]:
    """A loop body in a loop body; each uses values from outside."""
    v = {name: value(hint=name) for name in ("a", "b", "c", "d")}
    n = Value(SCALAR, "n")
    k = Value(SCALAR, "k")
    inner = Block([k], [Operation("add", (v["a"], v["b"]), {}, (value(hint="s"),))])
    inner.outputs = [inner.operations[0].result, v["c"]]
    loop = Operation("for", (v["d"],), {"count": Dim.symbol(n)}, (value(),), (inner,))
    outer = Block([v["d"]], [loop], [loop.result])
    return outer, {**v, "n": n, "k": k}


def test_free_values_are_what_a_block_takes_from_outside() -> None:
    block, v = nest()
    assert free_values(block) == [v["n"], v["a"], v["b"], v["c"]]


def test_free_values_of_parameters_extents() -> None:
    n = Value(SCALAR, "n")
    assert free_values(Block([value(Dim.symbol(n))])) == [n]
    assert free_values(Block([n, value(Dim.symbol(n))])) == []


def test_walk_visits_regions_after_their_operation() -> None:
    block, _ = nest()
    assert [operation.kind for operation in walk(block)] == ["for", "add"]


def test_a_program_names_its_ends() -> None:
    x = value(2, hint="x")
    program = Program(Block([x], [], [x]), "same")
    assert program.inputs == [x]
    assert program.outputs == [x]
    assert repr(program) == "def same(x: float64[2]):\n    return x"
