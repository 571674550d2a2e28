"""The examples of the pages on other libraries and on clusters run, where what they import is installed."""

import ast
import importlib.util
import linecache
from pathlib import Path

import pytest

from tests.docs.test_markdown import blocks

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = [
    pytest.param(page, block, id=f"{page}:{block.line}")
    for page in ("interop.md", "distributed.md")
    for block in blocks((DOCS / page).read_text("utf-8"))
    if block.skip and block.language == "python"
]


def packages(text: str) -> set[str]:
    """The packages that a script imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.filterwarnings("error::autodiff.FallbackWarning")
@pytest.mark.parametrize(("page", "block"), EXAMPLES)
def test_an_example_runs(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = [name for name in packages(block.body) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    name = f"<{page}:{block.line}>"
    linecache.cache[name] = (len(block.body), None, block.body.splitlines(keepends=True), name)
    exec(compile(block.body, name, "exec"), {"__name__": "__main__"})


def test_the_pages_have_examples():
    assert len(EXAMPLES) >= 9
