"""``python -m tests.coverage``: measure every row and write docs/reference/coverage.md.

``python -m tests.coverage scipy.ndimage`` prints the rows whose names begin so, and writes nothing.
"""

import sys
from pathlib import Path

from tests.coverage.measure import Found, Row, measure
from tests.coverage.page import page
from tests.coverage.rows import rows

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"


def main(beginnings: list[str]) -> None:
    """Measure, and print or write."""
    found: list[tuple[Row, Found | None]] = []
    for row in rows():
        name = f"{row.space}.{row.name}"
        if beginnings and not name.startswith(tuple(beginnings)):
            continue
        if not row.call:
            found.append((row, None))
            continue
        try:
            result = measure(row)
        except Exception as error:  # of the table: the call itself is not right
            print(f"{name}: {row.call}: {type(error).__name__}: {error}", flush=True)
            continue
        found.append((row, result))
        said = (result.value, result.gradient, result.jvp, result.second)
        print(f"{name:50} {' '.join(f'{s:9}' for s in said)} {result.note}", flush=True)
    if not beginnings:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(found))


if __name__ == "__main__":
    main(sys.argv[1:])
