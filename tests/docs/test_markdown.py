"""The code blocks of README.md and docs/ run, and every output they show is what they print.

In a ```python (or ```pycon) block, lines with `>>>` are doctests. A block without prompts is run as a script; what it prints
must stand in a ```text block right after it. The blocks of one file share their names, from top to bottom. A ```python
block under the comment `<!-- not run -->` is shown only. A script whose first line is `# NAME.py` has that file name in what
is printed about it.
"""

import contextlib
import doctest
import io
import linecache
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FENCE = re.compile(
    r"(?P<skip><!-- not run -->\s*)?^```(?P<language>\w+)[ \t]*\n(?P<body>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the line it starts on, and where it ends in the page."""

    language: str
    body: str
    line: int
    end: int
    skip: bool


def blocks(text: str) -> list[Block]:
    found = []
    for m in FENCE.finditer(text):
        line = text.count("\n", 0, m.start("body")) + 1
        found.append(Block(m["language"], m["body"], line, m.end(), bool(m["skip"])))
    return found


def run_doctest(block: Block, page: str, names: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(block.body, names, page, page, block.line - 1)
    test.globs = names  # DocTest copies them; the next block shall see what this one defines
    report = io.StringIO()
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.write, clear_globs=False)
    assert result.failed == 0, report.getvalue()


def run_script(block: Block, expected: str, page: str, names: dict[str, Any]) -> None:
    named = re.match(r"# (\w+\.py)\n", block.body)
    filename = named[1] if named else f"<{page}:{block.line}>"
    # So that the functions defined here have source text to capture and to show in errors.
    lines = block.body.splitlines(keepends=True)
    linecache.cache[filename] = (len(block.body), None, lines, filename)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.body, filename, "exec"), names)
    checker = doctest.OutputChecker()
    assert checker.check_output(expected, printed.getvalue(), FLAGS), (
        f"{filename} printed\n{printed.getvalue()}\nwhere the page shows\n{expected or '(nothing)'}"
    )


def run_page(path: Path) -> int:
    """Run a page's blocks; return how many ran."""
    text = path.read_text(encoding="utf-8")
    found = blocks(text)
    names: dict[str, Any] = {"__name__": "__main__"}
    ran = 0
    for block, following in zip_longest(found, found[1:]):
        if block.skip or block.language not in ("python", "pycon"):
            continue
        if ">>>" in block.body:
            run_doctest(block, path.name, names)
        else:
            # Its output is the ```text block right after it, with nothing but blank lines between.
            shown = following is not None and re.match(r"\s*```text\b", text[block.end :])
            run_script(block, following.body if following and shown else "", path.name, names)
        ran += 1
    return ran


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_blocks_print_what_the_page_shows(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(path)


def test_readme_shows_exactly_two_setup_commands() -> None:
    consoles = [
        b for b in blocks((ROOT / "README.md").read_text("utf-8")) if b.language == "console"
    ]
    commands = [line for b in consoles for line in b.body.splitlines() if "-m venv" in line]
    assert len(commands) == 2
    assert "-m autodiff demo" in commands[0]
    assert "-m pytest" in commands[1]


@pytest.mark.parametrize(
    ("page", "fails"),
    [
        ("```python\n>>> 1 + 1\n2\n```\n", False),
        ("```python\n>>> 1 + 1\n3\n```\n", True),
        ("```python\nx = 2\n```\n\n```pycon\n>>> x\n2\n```\n", False),
        ("```python\nprint(7)\n```\n\n```text\n7\n```\n", False),
        ("```python\nprint(7)\n```\n\n```text\n8\n```\n", True),
        ("```python\nprint(7)\n```\n", True),
        ("no code\n", False),
        ("```python\nprint(7)\n```\nprose\n```text\n7\n```\n", True),
        ("<!-- not run -->\n```python\nprint(7)\n```\n", False),
        (
            "```python\n# model.py\nprint(__import__('sys')._getframe().f_code.co_filename)\n```\n```text\nmodel.py\n```\n",
            False,
        ),
        (
            "```python\nimport inspect\ndef f(): pass\nassert 'def f' in inspect.getsource(f)\n```\n",
            False,
        ),
    ],
)
def test_a_wrong_page_fails(page: str, fails: bool, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(page, encoding="utf-8")
    if fails:
        with pytest.raises(AssertionError):
            run_page(path)
    else:
        run_page(path)
