"""Constants are folded on demand, and integers become extents that algebra understands."""

import numpy as np
import pytest

from autodiff.dims import Dim, at_least, deciding
from autodiff.ir import ArrayType
from autodiff.ops.builder import building
from autodiff.ops.control import emit_for
from autodiff.ops.dispatch import functions
from autodiff.ops.known import decide, extent_of, known, require_equal
from autodiff.ops.tracer import Tracer

INT = np.dtype(np.int64)


def number(builder, name="n", low=None, high=None):
    value = builder.parameter(ArrayType(INT, (), True), name)
    value.low, value.high = low, high
    return Tracer(value, "python")


def test_what_depends_on_constants_only_is_known() -> None:
    with building() as builder:
        x = Tracer(builder.parameter(ArrayType(np.dtype(float), (3,)), "x"), "array")
        index = functions[np.arange](3) * 2 + 1
        np.testing.assert_array_equal(known(index), [1, 3, 5])
        np.testing.assert_array_equal(known(np.argsort(-index)), [2, 1, 0])
        assert known(x) is None
        assert known(x * 0 + index) is None
        np.testing.assert_array_equal(known([1, 2]), [1, 2])
        assert x[index - 1 - index].shape == (3,)


def test_results_of_control_flow_and_parameters_of_loops_are_not_known() -> None:
    with building() as builder:
        zero = Tracer.constant(np.zeros(()))
        with builder.region() as block:
            builder.parameter(ArrayType(INT, ()))
            carry = Tracer(builder.parameter(zero.value.type), "scalar")
            assert known(carry + 1) is None
            block.outputs = [(carry + 1).value]
        (result,) = emit_for(3, (zero.value,), block)
        assert known(Tracer(result)) is None


def test_a_long_chain_of_constants_does_not_exhaust_the_stack() -> None:
    with building():
        x = Tracer.constant(np.float64(0))
        for _ in range(5000):
            x = x + 1.0
        assert known(x) == 5000


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda n: n + 1, lambda s: s + 1),
        (lambda n: 2 * n - (n + 3), lambda s: s - 3),
        (lambda n: -n, lambda s: -s),
        (lambda n: (4 * n) // 2, lambda s: 2 * s),
        (lambda n: n * n, lambda s: s * s),
        (lambda n: n % 3, lambda s: s % 3),
        (lambda n: n - n, lambda s: 0),
    ],
)
def test_integers_become_extents(f, expected) -> None:
    with building() as builder:
        n = number(builder)
        assert extent_of(f(n)) == expected(Dim.symbol(n.value))


def test_what_is_not_an_integer_is_no_extent() -> None:
    with building() as builder:
        x = Tracer(builder.parameter(ArrayType(np.dtype(float), ()), "x"), "scalar")
        with pytest.raises(
            TypeError, match=r"'numpy\.float64' object cannot be interpreted as an integer"
        ):
            extent_of(x)
        assert extent_of(np.int32(3)) == 3


def test_open_comparisons_are_left_to_the_decider_or_to_run_time() -> None:
    with building() as builder:
        n = Dim.symbol(number(builder, low=2).value)
        assert decide(lambda: at_least(n, 2)) is True
        assert decide(lambda: at_least(1, n)) is False
        assert decide(lambda: at_least(n, 5)) is None
        asked = []
        with deciding(lambda relation, difference: asked.append(relation) or True):
            assert decide(lambda: at_least(n, 5)) is True
        assert asked == [">="]
        assert not builder.block.operations
        assert require_equal(n, 7, "sizes differ")
        assert builder.block.operations[-1].kind == "check"
        assert not require_equal(n, 1, "sizes differ")
