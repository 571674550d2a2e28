"""What the docstrings of NumPy and SciPy show is the same when it is compiled."""

import functools
import re

import pytest

from tests.coverage.__main__ import PAGE
from tests.coverage.page import section
from tests.docstrings.check import check
from tests.docstrings.examples import MODULES, docstrings, examples_of
from tests.docstrings.exceptions import EXCEPTIONS

_docstrings = functools.cache(docstrings)
# A few of NumPy's for the default run; the whole takes an hour.
_SAMPLE = (
    "numpy.abs numpy.append numpy.argsort numpy.average numpy.copy numpy.diagonal numpy.fft.fft "
    "numpy.ldexp numpy.linalg.det numpy.ndarray.sort numpy.put_along_axis numpy.ravel_multi_index "
    "numpy.polynomial.polynomial.polyval numpy.random.Generator.shuffle numpy.split numpy.unique"
).split()


def _wrong(name: str) -> list[str]:
    found = []
    for example in examples_of(name, _docstrings().get(name, "")):
        if f"{name} {example.number}" not in EXCEPTIONS:
            outcome = check(example)
            if outcome.kind not in ("compiled", "plain", "changing"):
                found.append(f"{name}, block {example.number}: {outcome}\n{example.text}")
    return found


def test_docstrings_give_functions() -> None:
    assert len(_docstrings()) > 2000
    (first, *_) = examples_of("numpy.copy", _docstrings()["numpy.copy"])
    assert first.text.startswith("def example(arg1")
    assert first.function()(*first.arguments.values())


def test_the_page_has_the_counts() -> None:
    text = section(PAGE.read_text(), "Examples in docstrings")
    assert "| `numpy` |" in text
    assert not re.search(r"\| [1-9]\d* \| \d+ \|$", text, re.MULTILINE), "something is wrong"


def test_exceptions_are_of_docstrings_that_are_there() -> None:
    assert {key.rpartition(" ")[0] for key in EXCEPTIONS} <= set(_docstrings())


@pytest.mark.parametrize("name", _SAMPLE)
def test_an_example_is_the_same_compiled(name: str) -> None:
    assert not _wrong(name)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_example_is_the_same_compiled(module: str) -> None:
    found: list[str] = []
    for name in _docstrings():
        if max((m for m in MODULES if name.startswith(f"{m}.")), key=len) == module:
            found += _wrong(name)
    assert not found, "\n".join(found)
