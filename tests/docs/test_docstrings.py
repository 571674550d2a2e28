"""The examples in the docstrings of autodiff run."""

import doctest
import importlib
import io
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "autodiff"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Only modules whose text holds an example are imported: the rest has nothing to run.
MODULES = [
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_print_what_they_show(module: str) -> None:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in found:
        runner.run(test, out=report.write)
    assert runner.summarize(verbose=False).failed == 0, report.getvalue()
