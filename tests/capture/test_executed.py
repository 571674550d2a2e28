"""Functions made by `exec`, in a namespace that has no name."""

import linecache

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES

SOURCE = """
def positive(x, k):
    z = x[x > 0]
    return z.sum() * len(z[1:]) if len(x[:k]) > 1 else z[0]
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_an_executed_function_is_looked_into_where_it_is_called(engine: str) -> None:
    name = "<executed>"
    linecache.cache[name] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), name)
    namespace = {"np": np}
    exec(compile(SOURCE, name, "exec"), namespace)
    inner = namespace["positive"]

    def outer(x, k):
        return inner(x, k) * 2.0

    gradient = autodiff.gradient(outer, wrt="x", engine=engine)
    for k in (3, 1, 2):
        x = np.array([1.0, -2.0, 3.0, 0.5])
        expected = [4.0, 0.0, 4.0, 4.0] if k > 1 else [2.0, 0.0, 0.0, 0.0]
        assert gradient(x, k).tolist() == expected
