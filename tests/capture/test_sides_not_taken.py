"""What stands on a side that is not taken, or is bound by a loop's last pass only, decides nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

import autodiff

from .support import ENGINES, agrees


class Refused(Exception):
    pass


def last_object_of_two_types(x, values):
    n = len(x)
    for i, v in enumerate(values):
        for _ in range(1, n):
            last = SimpleNamespace(least=min(v, i))  # noqa: F841
    return x.sum()


def range_of_no_number(x, a, step):
    try:
        if a:
            raise Refused(a)
        for _ in range(0, len, step):
            pass
    except Refused:
        pass
    return x * 2


def elements_of_unknown_number(x):
    return sum(u * u for u in np.nditer(np.bincount([0, 2, 2], minlength=len(x)) * x))


@pytest.mark.parametrize("engine", ENGINES)
def test_programs_are_compiled_and_right(engine):
    values = [0.5, 1.5, 2.5, -1.0, 3.0]
    agrees(last_object_of_two_types, (np.ones(5), values), (np.ones(7), values), engine=engine)
    agrees(range_of_no_number, (np.ones(3), 1.0, 1), (np.ones(3), 2.0, 2), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_range_of_no_number_is_pythons_error(engine):
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        autodiff.function(range_of_no_number, engine=engine)(np.ones(3), 0.0, 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_elements_of_an_array_whose_size_is_known_at_run_time(engine):
    counted = autodiff.function(elements_of_unknown_number, engine=engine)
    for n in (3, 5, 7):
        assert counted(np.arange(1.0, n + 1)) == elements_of_unknown_number(np.arange(1.0, n + 1))
