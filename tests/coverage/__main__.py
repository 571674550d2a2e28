"""``python -m tests.coverage``: measure every row and write docs/reference/coverage.md.

``python -m tests.coverage scipy.ndimage`` prints the rows whose names begin so, and writes nothing;
with ``--write`` it writes the page, on which the other rows stay what they were. ``accuracy`` and
``docstrings`` (or ``docstrings:scipy.linalg``, for a part) name the two tables that are not of rows.
"""

import sys
from pathlib import Path

from tests.coverage import accuracy
from tests.coverage.measure import Found, Row, measure
from tests.coverage.page import SECTIONS, named, page, read, section, space_of
from tests.coverage.rows import rows
from tests.docstrings import check as docstrings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"


def main(beginnings: list[str], write: bool) -> None:
    """Measure, print, and write after every heading."""
    text = PAGE.read_text() if PAGE.exists() else ""
    said, sections = read(text), [section(text, title) for title in SECTIONS]
    table, chosen = rows(), tuple(beginnings)
    if not beginnings or "accuracy" in beginnings:
        sections[0] = accuracy.section()
    spaces = [b.removeprefix("docstrings:") for b in beginnings if b.startswith("docstrings:")]
    if not beginnings or spaces or "docstrings" in beginnings:
        sections[1] = docstrings.section(sections[1], spaces)
    found: dict[Row, Found] = {}
    for row in table:
        cells = said.get(f"{space_of(row)} {named(row)}")
        if row.call and cells is not None:
            found[row] = Found(*cells)

    def save() -> None:
        if write or not beginnings:
            PAGE.parent.mkdir(exist_ok=True)
            shown = [(row, found.get(row)) for row in table if row in found or not row.call]
            PAGE.write_text(page(shown, sections))

    last = ""
    for row in table:
        name = f"{row.space}.{row.name}"
        if not row.call or (beginnings and not name.startswith(chosen)):
            continue
        if last and space_of(row) != last:
            save()
        last = space_of(row)
        try:
            result = measure(row)
        except Exception as error:  # of the table: the call itself is not right
            print(f"{name}: {row.call}: {type(error).__name__}: {error}", flush=True)
            found.pop(row, None)
            continue
        found[row] = result
        cells = (result.value, result.gradient, result.jvp, result.second)
        print(f"{name:50} {' '.join(f'{s:9}' for s in cells)} {result.note}", flush=True)
    save()


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--write"], "--write" in sys.argv)
