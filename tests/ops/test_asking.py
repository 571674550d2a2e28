"""Rules that ask about values add nothing to the program: the builder refuses."""

import numpy as np
import pytest

from autodiff.errors import InternalError
from autodiff.ir import ArrayType
from autodiff.ops.builder import asks, building, constant, emit
from autodiff.ops.tracer import Tracer

VECTOR = ArrayType(np.dtype(float), (3,))


@asks
def writes(x):
    return emit("sin", (x,))


@asks
def size_of(x):
    constant(1.0)
    return x.shape


@asks
def within(question, x):
    return question(x)


def test_a_question_that_computes_is_a_mistake_of_ours() -> None:
    with building() as builder:
        x = builder.parameter(VECTOR)
        with pytest.raises(InternalError, match="a question about values adds sin to the program"):
            writes(x)
        with pytest.raises(InternalError, match="adds sin"):
            within(writes, x)
        emit("sin", (x,))  # it is over
        assert [operation.kind for operation in builder.block.operations] == ["sin"]


def test_the_type_of_a_view_is_asked_without_reading_it() -> None:
    with building() as builder:
        view = Tracer(builder.parameter(VECTOR))[1:]
        before = len(builder.block.operations)
        assert within(size_of, view) == (2,)
        assert [x.kind for x in builder.block.operations[before:]] == ["constant"]
        value = view.value
        assert value in builder.block.operations[-1].results
        assert size_of(view) == (2,)


def test_outside_of_a_capture_there_is_nothing_to_write_into() -> None:
    assert asks(len)([1, 2]) == 2
