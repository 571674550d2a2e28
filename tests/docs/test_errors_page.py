"""docs/errors.md has one entry for each error code in the sources, and for no other."""

import re
from pathlib import Path

import pytest

from autodiff import errors, plot, testing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^## (AD\d{3})$", PAGE, re.MULTILINE)
ROWS = re.findall(
    r"^\| \[(AD\d{3})\]\(#(ad\d{3})\) \| `(\w+)`(?:, an? `(\w+)`)? \|", PAGE, re.MULTILINE
)


def codes_in_the_sources() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        found.update(re.findall(r"\bcode = \"(AD\d{3})\"", path.read_text(encoding="utf-8")))
        found.update(re.findall(r"\bcode=\"(AD\d{3})\"", path.read_text(encoding="utf-8")))
    return found


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    assert len(ENTRIES) == len(set(ENTRIES))
    assert set(ENTRIES) == codes_in_the_sources()


def test_the_entries_are_in_order_and_in_the_table() -> None:
    assert sorted(ENTRIES) == ENTRIES
    assert [code for code, _, _, _ in ROWS] == ENTRIES
    assert all(anchor == code.lower() for code, anchor, _, _ in ROWS)


@pytest.mark.parametrize(("code", "anchor", "name", "builtin"), ROWS, ids=ENTRIES)
def test_the_class_of_a_code_is_what_the_table_says(
    code: str, anchor: str, name: str, builtin: str
) -> None:
    homes = [module for module in (errors, testing, plot) if hasattr(module, name)]
    kind = getattr(homes[0], name)
    assert issubclass(kind, (errors.AutodiffError, UserWarning))
    if builtin:
        assert builtin in [base.__name__ for base in kind.__mro__]
    raised = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if re.search(
            rf"{name}\([^()]*(?:\([^()]*\)[^()]*)*code=\"{code}\"", path.read_text("utf-8")
        )
    ]
    assert raised or kind.code == code, f"no {name} carries {code}"


@pytest.mark.parametrize("code", [code for code in ENTRIES if code != "AD000"])
def test_an_entry_names_a_remedy(code: str) -> None:
    entry = PAGE.split(f"## {code}\n")[1].split("\n## ")[0]
    assert "Remedy:" in entry
