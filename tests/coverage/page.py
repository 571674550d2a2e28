"""docs/reference/coverage.md, from what was measured."""

import re
from collections import Counter
from collections.abc import Sequence

from tests.coverage.measure import Found, Row

_HEAD = """# What is covered

Written by `python -m tests.coverage`; not edited by hand. Every public callable of the namespaces below, with one call in which it does what it is for (the calls
are in `tests/coverage/`): its value on both engines against plain Python, gradient, jvp and Hessian product against finite differences.

**value**: *compiled*; *plain*: right, by running the plain function, with a warning that names the line; *refused*: an error that names the line.
**derivatives**: *right*; *zero*: piecewise constant, and zero; *none*: the result holds no floating-point number; *refused*: an error that names the line.

"""


def space_of(row: Row) -> str:
    """Under which heading a row stands."""
    if row.space.startswith("numpy.polynomial."):
        return "numpy.polynomial"
    if row.name in ("reduce", "accumulate", "outer", "reduceat", "at"):
        return "numpy.ufunc" if row.space.count(".") == 1 else row.space
    return f"{row.space} by argument" if " by " in row.name else row.space


def named(row: Row) -> str:
    """What a row is called under its heading."""
    if " by " in row.name:
        return row.name
    name = f"{row.space}.{row.name}".removeprefix(f"{space_of(row)}.")
    return name.removeprefix("numpy.") if space_of(row) == "numpy.ufunc" else name


def read(text: str) -> dict[str, tuple[str, str, str, str]]:
    """Of a page: heading and name -> value, gradient, jvp, second order."""
    said: dict[str, tuple[str, str, str, str]] = {}
    space = ""
    for line in text.splitlines():
        if line.startswith("## "):
            space = line[4:-1]
        found = re.fullmatch(r"\| `(.+)` \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|", line)
        if found and space:
            said[f"{space} {found[1]}"] = (found[2], found[3], found[4], found[5])
    return said


def _of_derivatives(found: Sequence[Found]) -> str:
    counts = Counter(f.gradient for f in found)
    asked = sum(n for what, n in counts.items() if what != "none")
    return f"{counts['right'] + counts['zero']} of {asked}"


def page(measured: Sequence[tuple[Row, Found | None]]) -> str:
    """The text of the page: totals, then one table a namespace."""
    spaces: dict[str, list[tuple[Row, Found | None]]] = {}
    for row, found in measured:
        spaces.setdefault(space_of(row), []).append((row, found))
    text = (
        _HEAD
        + "| namespace | calls | compiled | value right | gradient right | second order right |\n"
    )
    text += "| --- | --- | --- | --- | --- | --- |\n"
    everything = {"in all": [pair for pairs in spaces.values() for pair in pairs]}
    for space, pairs in (spaces | everything).items():
        found = [f for _, f in pairs if f is not None]
        values = Counter(f.value for f in found)
        asked = [f for f in found if f.gradient != "none"]
        second = sum(f.second in ("right", "zero") for f in asked)
        text += (
            f"| `{space}` | {len(found)} | {values['compiled']} | "
            f"{values['compiled'] + values['plain']} | {_of_derivatives(found)} | "
            f"{second} of {len(asked)} |\n"
        )
    for space, pairs in spaces.items():
        text += f"\n## `{space}`\n\n| | value | gradient | jvp | second order |\n| --- | --- | --- | --- | --- |\n"
        for row, found in pairs:
            if found is not None:
                name = named(row)
                text += f"| `{name}` | {found.value} | {found.gradient} | {found.jvp} | {found.second} |\n"
        reasons: dict[str, list[str]] = {}
        for row, found in pairs:
            if found is None:
                reasons.setdefault(row.reason, []).append(f"`{row.name}`")
        for reason, names in reasons.items():
            text += f"\nNot called ({reason}): {', '.join(names)}.\n"
    return text
