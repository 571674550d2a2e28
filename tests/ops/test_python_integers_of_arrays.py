"""Python's integers of the elements of unsigned arrays: never another number."""

import numpy as np
import pytest

import autodiff
from tests.ops.support import ENGINES

BIG, SMALL = np.array([2**63 + 5, 3], np.uint64), np.array([7, 3], np.uint64)
FUNCTIONS = [
    lambda x: x.tolist(),
    lambda x: x[0].item(),
    lambda x: x.item(0),
    lambda x: x[0].tolist(),
    lambda x: int(x[0]),
    lambda x: [int(v) for v in x],
    lambda x: x.reshape(2, -1).tolist(),
]


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_integers_of_unsigned_elements(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (SMALL, BIG, SMALL, np.tile(BIG, 300), np.tile(SMALL, 300)):
        assert compiled(x) == f(x)
