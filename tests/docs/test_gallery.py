"""The scripts of the gallery run, check themselves and draw.

A short one runs always; `pytest -m gallery` runs all of them, each in a process of its own.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery"
SCRIPTS = sorted(GALLERY.rglob("*.py"))
SHORT = {"line_with_error_bands"}
LIMIT = 60  # seconds; most take less than five


def run(script: Path) -> str:
    command = [sys.executable, str(Path(__file__).with_name("run_script.py")), str(script)]
    readers = {name: value for name, value in os.environ.items() if name != "AUTODIFF_CHECK"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, check=False, env=readers
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "script",
    [pytest.param(s, marks=() if s.stem in SHORT else pytest.mark.gallery) for s in SCRIPTS],
    ids=lambda script: script.stem,
)
def test_a_script_runs_and_draws(script: Path) -> None:
    pictures = re.findall(r"^(\d+) pictures$", run(script), re.MULTILINE)
    assert int(pictures[-1]) >= 1


def test_there_are_enough_of_them() -> None:
    assert len(SCRIPTS) >= 24
    assert SHORT <= {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_tells_what_it_does_and_checks_itself(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    tree = ast.parse(text)
    story = ast.get_docstring(tree)
    assert story is not None
    title, line, *_ = story.splitlines()
    assert line == "=" * len(title)
    assert len(story) > 300  # what the problem is, and why it matters
    checks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr.startswith("assert_"))
    ]
    assert len(checks) >= 1
    assert "plt.show()" in text
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported <= {"numpy", "scipy", "matplotlib", "autodiff"}


def test_every_section_has_a_title() -> None:
    for section in {script.parent for script in SCRIPTS}:
        assert (section / "GALLERY_HEADER.rst").exists()
