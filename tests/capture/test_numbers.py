"""Numbers taken out of arrays: their methods give what NumPy's scalars give."""

import enum
import operator

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES


def methods(x):
    a = x[0]
    return (
        *(a.copy(), x.sum().copy(), np.copy(a), x[:1].copy(), a.item(), a.tolist(), a.reshape(1)),
        *(a.ravel(), a.flatten(), a.astype(int), a.round(1), a.T, a[()], a.sum(), a.squeeze()),
        *(a.mean(), a.real, a.clip(0, 1), a.conj(), a.cumsum(), a.any(), a.max(), a.repeat(2)),
        *(np.sum(a), np.reshape(a, 1), np.atleast_1d(a), np.squeeze(a), np.abs(a), -a),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_methods_of_numpys_scalars(engine: str) -> None:
    compiled = autodiff.function(methods, engine=engine, on_fallback="error")
    for x in (np.array([1.25, -2.0]), np.array([-0.75, 1.0, 3.0])):
        result, expected = compiled(x), methods(x)
        assert [type(r) for r in result] == [type(r) for r in expected]
        assert repr(result) == repr(expected)


# -- numbers of subclasses ----------------------------------------------------------------------------
class Level(enum.IntEnum):
    TWO = 2


class Whole(int):
    """An int of the user's."""


class Real(float):
    """A float of the user's."""


MEMBERS = [Level.TWO, Whole(3), Real(2.5)]
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.lt, operator.eq,
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: type(m).__name__)
def test_a_number_of_a_subclass_counts_as_in_python_and_as_in_numpy(member, engine):
    def f(x):
        return [g(*pair) for g in OPERATORS for pair in ((x, member), (member, x))]

    def of_an_argument(x, number):
        return [x * number, number - x, x / number]

    points = [1.5, 4, np.float32(1.5), np.ones(2, np.float32), np.arange(2)]
    with np.errstate(all="ignore"):
        for x in points:
            wanted, found = f(x), autodiff.function(f, engine=engine)(x)
            if not isinstance(member, float):
                wanted += of_an_argument(x, member)
                found += autodiff.function(of_an_argument, engine=engine)(x, member)
            for a, b in zip(wanted, found, strict=True):
                assert type(a) is type(b)
                assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
                np.testing.assert_allclose(b, a, rtol=1e-6)
