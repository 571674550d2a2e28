"""A sample of CPython's own tests through capture; `python -m tests.cpython` runs all of them."""

import pytest

from .__main__ import WAYS, in_a_process
from .subject import MODULES, cases

EACH = 40  # every so many methods, one is in the default run


def _sample(name: str) -> list:
    return list(cases(name))[::EACH]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODULES)
def test_a_sample_is_as_in_python(name, way) -> None:
    for case in _sample(name):
        what, why = in_a_process(case, way)
        assert what != "wrong", (case.id(), why)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODULES)
def test_all_are_as_in_python(name, way) -> None:
    outcomes = [(case.id(), *in_a_process(case, way)) for case in cases(name)]
    assert not [outcome for outcome in outcomes if outcome[1] == "wrong"]
    assert any(what == "compiled" for _, what, _ in outcomes) or name == "unpack"
