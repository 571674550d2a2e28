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
The last column says why something is plain or refused.

In the totals, the rows without a gradient are of two kinds. *value alone*: refused for a reason that is stated: no derivative is known of it, it is a search or a choice,
or nobody has written it, as of masked arrays, which are computed by plain NumPy. *missing*: what has not been looked at, or not been reached.

"""


def space_of(row: Row) -> str:
    """Under which heading a row stands."""
    if row.space.startswith("numpy.polynomial."):
        return "numpy.polynomial"
    methods = ("reduce", "accumulate", "outer", "reduceat", "at")
    if row.name in methods and row.space != "numpy.ma":
        return "numpy.ufunc" if row.space.count(".") == 1 else row.space
    return f"{row.space} by argument" if " by " in row.name else row.space


def named(row: Row) -> str:
    """What a row is called under its heading."""
    if " by " in row.name:
        return row.name
    name = f"{row.space}.{row.name}".removeprefix(f"{space_of(row)}.")
    return name.removeprefix("numpy.") if space_of(row) == "numpy.ufunc" else name


Cells = tuple[str, str, str, str, str]
# What an error says of a call that has no derivative for a reason of its own (``autodiff.ops.value_only``).
STATED = re.compile(
    r"has its value alone, and no derivative: \S|has no derivative by [^:]+: \S|has no derivative here: \S"
    r"|has derivatives by the values "
    # What a function does not go into: named, not told.
    r"|leaves out elements that are 0|of run-time size|a pair of complex eigenvalues|of an array from outside|dtype float128"
)

# What is in the tables of the page beside its rows: measured by functions of their own.
SECTIONS = ("Accuracy", "Examples in docstrings")


def read(text: str) -> dict[str, Cells]:
    """Of a page: heading and name -> value, gradient, jvp, second order, and why not."""
    said: dict[str, Cells] = {}
    space = ""
    for line in text.splitlines():
        if line.startswith("## "):
            space = line[4:-1] if line[3] == "`" else ""
        found = _ROW.fullmatch(line)
        if found and space:
            note = re.sub(r"\\(.)", r"\1", (found[6] or "").strip())
            said[f"{space} {found[1]}"] = (found[2], found[3], found[4], found[5], note)
    return said


_ROW = re.compile(r"\| `(.+?)` \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|(?:(.*)\|)?")


def section(text: str, title: str) -> str:
    """What a page has under a heading, with the heading; empty where it has none."""
    found = re.search(rf"^## {title}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0].rstrip("\n") + "\n" if found else ""


def why(found: Found) -> str:
    """Of a row that is not compiled or has no derivative: what the warning or the error says."""
    if found.value in ("compiled",) and "refused" not in (found.gradient, found.jvp, found.second):
        return ""
    text = re.sub(r" *\(?<[^>]*>, line \d+\)?|\([^()]*\.py, line \d+\)?|\((/|<).*$", "", found.note)
    text = re.sub(r"^(\w+: )?AD\d+: |^.*? runs uncompiled: ", "", text.strip())
    return re.sub(r"([|\\*_<>`\[\]])", r"\\\1", text).strip()


def _of_derivatives(found: Sequence[Found]) -> str:
    counts = Counter(f.gradient for f in found)
    asked = sum(n for what, n in counts.items() if what != "none")
    return f"{counts['right'] + counts['zero']} of {asked}"


def _without(found: Sequence[Found]) -> tuple[int, int]:
    """How many rows have no gradient for a stated reason, and how many have none."""
    others = [f for f in found if f.gradient in ("refused", "wrong")]
    stated = sum(bool(STATED.search(f.note)) for f in others)
    return stated, len(others) - stated


def page(measured: Sequence[tuple[Row, Found | None]], more: Sequence[str] = ()) -> str:
    """The text of the page: totals, the sections given, then one table a namespace."""
    spaces: dict[str, list[tuple[Row, Found | None]]] = {}
    for row, found in measured:
        spaces.setdefault(space_of(row), []).append((row, found))
    text = (
        _HEAD
        + "| namespace | calls | compiled | value right | gradient right | second order right | value alone | missing |\n"
    )
    text += f"|{' --- |' * 8}\n"
    everything = {"in all": [pair for pairs in spaces.values() for pair in pairs]}
    for space, pairs in (spaces | everything).items():
        found = [f for _, f in pairs if f is not None]
        values = Counter(f.value for f in found)
        asked = [f for f in found if f.gradient != "none"]
        second = sum(f.second in ("right", "zero") for f in asked)
        text += (
            f"| `{space}` | {len(found)} | {values['compiled']} | "
            f"{values['compiled'] + values['plain']} | {_of_derivatives(found)} | "
            f"{second} of {len(asked)} | {' | '.join(map(str, _without(found)))} |\n"
        )
    text += "".join(f"\n{part}" for part in more if part)
    for space, pairs in spaces.items():
        text += f"\n## `{space}`\n\n| | value | gradient | jvp | second order | |\n| --- | --- | --- | --- | --- | --- |\n"
        for row, found in pairs:
            if found is not None:
                name = named(row)
                cells = (found.value, found.gradient, found.jvp, found.second, why(found))
                text += f"| `{name}` | {' | '.join(cells)} |\n".replace("|  |", "| |")
        reasons: dict[str, list[str]] = {}
        for row, found in pairs:
            if found is None:
                reasons.setdefault(row.reason, []).append(f"`{row.name}`")
        for reason, names in reasons.items():
            text += f"\nNot called ({reason}): {', '.join(names)}.\n"
    return text
