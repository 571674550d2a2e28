"""Each ufunc of ``scipy.special`` is an operation; what is right of it is told by ``tests/coverage``."""

import numpy as np
from scipy import special

from autodiff.ops.dispatch import functions


def test_every_ufunc_is_an_operation() -> None:
    ufuncs = [n for n in dir(special) if isinstance(getattr(special, n), np.ufunc)]
    assert len(ufuncs) > 200
    assert [n for n in ufuncs if getattr(special, n) not in functions] == []
