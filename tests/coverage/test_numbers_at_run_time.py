"""Numbers that a call of the tables takes, known at run time alone: value and error are NumPy's."""

import itertools
from collections.abc import Iterator

import pytest

from tests.coverage.numbers import PLACES, Call, calls_of, parameters_of, wrong, wrong_slope
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


# Parameters that take no number: arrays, names, flags, functions, and what NumPy ignores.
_NO_NUMBERS = frozenset(
    "a a1 a2 all ar ar1 ar2 arg1 arg2 args arr arr1 array arrays ary assume_unique aweights axes b B A bias bitorder begindates "
    "buffer busdaycal c c1 c2 call casting char check_valid choicelist choices coef compute_uv condition copy cov dates "
    "default density device divide domain dtype edgeitems einsum_call element endpoint enddates equal_nan f filt floatmode "
    "formatter fractional from_ full full_matrices func func1d function fweights hermitian holidays imag include_initial "
    "increasing indexing indices inplace int_type invalid invert iter iterable k keepdims keys kind legacy like m mask_func "
    "max_line_width method mode norm object obj optimize order out over overwrite_input pad_left pad_right pol prefix ravel "
    "replace requirements retstep return_counts return_index return_indices return_inverse returned roll roots rowvar self "
    "separator seq_of_zeros series shuffle side sign signature sorted sorter sparse stable subok suffix suppress_small "
    "symbol tensor threshold timezone to trim tup type1 type2 typechars typeset under unique unit UPLO upper v val value "
    "values w weekmask weights where window x x1 x2 y z x_ test_elements ord u".split()
    # Numbers that a row gives by an array, those of text, and of a search.
    + "a_max max min correction fill_value kappa mu nonc sigma range stop exp_digits min_digits precision width max_work".split()
)


def test_the_parameters_of_every_function_are_known() -> None:
    """A new parameter is among the numbers, or among those that take none."""
    plain = [row for row in rows() if row.call and row.space.startswith("numpy")]
    plain = [row for row in plain if not row.space.startswith(("numpy.ma", "numpy.polynomial"))]
    numbers = {name for row in plain for name in parameters_of(row, varied=True)}
    new = {
        (row.space, row.name, name)
        for row in plain
        for name in parameters_of(row)
        if name not in _NO_NUMBERS and name not in numbers
    }
    assert not new


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
