"""Notebooks run in a kernel of Jupyter, as they do for a reader: `pytest -m notebooks`.

Those of `examples/`, and scripts of the gallery cut into cells: functions have no file there, and the text of
a cell is all that there is of their source.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
GALLERY = ROOT / "docs" / "gallery"
IN_CELLS = (
    "fitting/school_influenza.py",
    "dynamics/robot_arm.py",
    "waves_and_fields/magnet_fixed_point.py",
)


def run(book: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in list(os.environ):
        if name == "AUTODIFF_CHECK":  # a reader has no checks on
            monkeypatch.delenv(name)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    client = nbclient.NotebookClient(book, timeout=120, kernel_name="python3")
    return client.execute()


def outputs(book: Any, kind: str) -> list[str]:
    """What cells show, of one MIME type."""
    return [
        output["data"][kind]
        for cell in book.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", {})
    ]


def test_notebooks_are_stored_without_outputs() -> None:
    assert len(NOTEBOOKS) >= 2
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    book = run(nbformat.read(path, as_version=4), monkeypatch)
    told = [o for cell in book.cells for o in cell.get("outputs", ()) if o.get("name") == "stderr"]
    assert told == []  # no warning: every function was compiled
    if path.stem == "first_steps":
        shown = outputs(book, "text/html")
        assert any("agrees with finite differences" in text for text in shown)  # the report
        assert any(text.startswith("<pre") for text in shown)  # the program
    else:
        assert len(outputs(book, "image/png")) == 1


@pytest.mark.notebooks
@pytest.mark.parametrize("script", IN_CELLS)
def test_a_script_of_the_gallery_runs_cell_by_cell(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    text = (GALLERY / script).read_text(encoding="utf-8")
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(part) for part in text.split("\n# %%\n")]
    book = run(book, monkeypatch)
    assert len(outputs(book, "image/png")) >= 1
