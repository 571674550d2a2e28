"""CPython's own tests of scopes and assignment through capture; `python -m tests.cpython` runs more."""

import pytest

from .__main__ import WAYS, in_a_process
from .subject import cases

EACH = 10  # every so many methods, one is in the default run
RIGHT = ("scope", "augassign", "unpack")  # the modules of which no method is wrong


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RIGHT)
def test_a_sample_is_as_in_python(name, way) -> None:
    for case in list(cases(name))[::EACH]:
        what, why = in_a_process(case, way)
        assert what != "wrong", (case.id(), why)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RIGHT)
def test_all_are_as_in_python(name, way) -> None:
    outcomes = [(case.id(), *in_a_process(case, way)) for case in cases(name)]
    assert outcomes
    assert not [outcome for outcome in outcomes if outcome[1] == "wrong"]
