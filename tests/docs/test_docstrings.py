"""The examples in the docstrings of autodiff run, and every public function has one."""

import doctest
import importlib
import inspect
import io
import linecache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "autodiff"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Only modules whose text holds an example are imported: the rest has nothing to run, and every public function has one.
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
        test.globs["__name__"] = "__main__"  # examples are a user's code, not the library's
        for number, example in enumerate(test.examples):
            name = f"<doctest {test.name}[{number}]>"  # where functions of the example have source
            lines = example.source.splitlines(keepends=True)
            linecache.cache[name] = (len(example.source), None, lines, name)
        runner.run(test, out=report.write)
    assert runner.summarize(verbose=False).failed == 0, report.getvalue()


def test_every_public_function_has_an_example() -> None:
    autodiff = importlib.import_module("autodiff")
    lacking = [
        name
        for name in autodiff.__all__
        if inspect.isfunction(value := getattr(autodiff, name))
        and ">>>" not in (inspect.getdoc(value) or "")
    ]
    assert not lacking, f"no example in the docstring of {', '.join(lacking)}"
