"""What NumPy and Python say where an array is taken for a truth value, a number or a sequence, as a value."""

import math
import operator
import warnings

import numpy as np
import pytest

import autodiff

CONVERSIONS = {
    "if": lambda x: 1 if x else 2,
    "not": lambda x: not x,
    "and": lambda x: x and 1.0,
    "or": lambda x: x or 1.0,
    "bool": lambda x: bool(x),
    "a condition": lambda x: [0 for _ in range(1) if x],
    "all": lambda x: all([x]),
    "a chain": lambda x: 0 < x < 1,
    "in": lambda x: x in [1.0, 2.0],
    "sorted": lambda x: sorted([x, 1.0]),
    "float": lambda x: float(x),
    "int": lambda x: int(x),
    "complex": lambda x: complex(x),
    "math": lambda x: math.sqrt(x),
    "an index": lambda x: [1, 2, 3][x],
    "operator.index": lambda x: operator.index(x),
    "range": lambda x: range(x),
    "times": lambda x: [1] * x,
    "len": lambda x: len(x),
    "next": lambda x: next(iter(x)),
    "the first": lambda x: x[0],
    "item": lambda x: x.item(),
    "round": lambda x: round(x),
    "hash": lambda x: hash(x),
    "text": lambda x: f"{x:.2f}",
    "max of it": lambda x: max(x),
    "min of it": lambda x: min(x),
    "max with": lambda x: max(x, 1.0),
    "sum": lambda x: sum(x),
    "np.max": lambda x: np.max(x),
}
VALUES = [
    np.array([]), np.zeros((0, 3)), np.array([1.5, 2.5]), np.array(2.5), np.array([1]), 2.5,
    np.float32(1.5),
]  # fmt: skip


def said(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(x)


@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=list(CONVERSIONS))
def test_the_text_of_a_conversion_that_fails_is_numpys(convert):
    def f(x):
        try:
            return convert(x)
        except (ValueError, TypeError, IndexError, AttributeError, StopIteration) as error:
            return type(error).__name__, str(error)

    compiled = autodiff.function(f, engine="numpy")
    for x in VALUES:
        assert repr(said(compiled, x)) == repr(said(f, x))


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_length_that_is_no_constant_tells_which_text(engine):
    def f(x):
        try:
            return 1 if x[x > 1.0] else 2
        except ValueError as error:
            return str(error)

    compiled = autodiff.function(f, engine=engine)
    for x in ([0.5, 2.0], [0.5, 0.5], [2.0, 2.0], [0.5], [2.0, 1.0, 0.0]):
        assert compiled(np.array(x)) == f(np.array(x))
