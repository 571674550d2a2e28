"""Numbers that a call of the tables takes, known at run time alone: value and error are NumPy's."""

import itertools
from collections.abc import Iterator

import pytest

from tests.coverage.numbers import PLACES, Call, calls_of, wrong, wrong_slope
from tests.coverage.rows import rows

_SAMPLE = 60  # one in so many in the default run
# Numbers of these are tolerances, efforts and limits of a search; masked arrays run as plain Python.
_OTHERS = (
    "scipy.integrate scipy.interpolate scipy.optimize scipy.sparse scipy.cluster scipy.constants "
    "scipy.differentiate numpy.ma"
).split()


def _every_call() -> Iterator[Call]:
    """Of each row; a class of polynomials is like the next one."""
    for row in rows():
        if row.space.startswith(tuple(_OTHERS)):
            continue
        if row.call and row.space.rpartition(".")[0] != "numpy.polynomial":
            yield from calls_of(row)


_CALLS = list(_every_call())
_NUMPY = [k for k, call in enumerate(_CALLS) if call.row.space.startswith("numpy")]
_WAYS = list(itertools.product(("numpy", "native"), PLACES))


def test_most_functions_with_numbers_are_among_them() -> None:
    named = {(call.row.space, call.row.name) for call in _CALLS}
    assert len(named) > 400
    assert {("numpy", "roll"), ("numpy", "repeat"), ("numpy.linalg", "norm")} <= named


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", _NUMPY[::_SAMPLE])
def test_a_number_at_run_time_is_checked(at: int) -> None:
    engine, place = _WAYS[at // _SAMPLE % len(_WAYS)]
    found = wrong(_CALLS[at], engine, place)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("space", sorted({call.row.space for call in _CALLS}))
def test_every_number_at_run_time_is_checked(space: str, place: str) -> None:
    found = []
    for at, call in enumerate(_CALLS):
        if call.row.space == space:
            found += wrong(call, _WAYS[at % len(_WAYS)][0], place)
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", _NUMPY[30 :: 2 * _SAMPLE])
def test_a_gradient_refuses_a_number_as_well(at: int) -> None:
    found = wrong_slope(_CALLS[at], ("native", "numpy")[at % 2])
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", sorted({call.row.space for call in _CALLS}))
def test_every_gradient_refuses_a_number_as_well(space: str) -> None:
    found = []
    for at, call in enumerate(_CALLS):
        if call.row.space == space:
            found += wrong_slope(call, ("native", "numpy")[at % 2])
    assert not found, "\n".join(found)
