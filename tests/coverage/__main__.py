"""``python -m tests.coverage``: measure every row and write docs/reference/coverage.md.

``python -m tests.coverage scipy.ndimage`` prints the rows whose names begin so, and writes nothing;
with ``--write`` it writes the page, on which the other rows stay what they were.
"""

import sys
from pathlib import Path

from tests.coverage.measure import Found, Row, measure
from tests.coverage.page import named, page, read, space_of
from tests.coverage.rows import rows

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"


def main(beginnings: list[str], write: bool) -> None:
    """Measure, print, and write."""
    said = read(PAGE.read_text()) if PAGE.exists() and beginnings else {}
    found: list[tuple[Row, Found | None]] = []
    for row in rows():
        name = f"{row.space}.{row.name}"
        if not row.call:
            found.append((row, None))
            continue
        if beginnings and not name.startswith(tuple(beginnings)):
            cells = said.get(f"{space_of(row)} {named(row)}")
            if cells is not None:
                found.append((row, Found(*cells)))
            continue
        try:
            result = measure(row)
        except Exception as error:  # of the table: the call itself is not right
            print(f"{name}: {row.call}: {type(error).__name__}: {error}", flush=True)
            continue
        found.append((row, result))
        cells = (result.value, result.gradient, result.jvp, result.second)
        print(f"{name:50} {' '.join(f'{s:9}' for s in cells)} {result.note}", flush=True)
    if write or not beginnings:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(found))


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--write"], "--write" in sys.argv)
