"""What becomes of an example: the same as in plain Python, refused, or wrong."""

import contextlib
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning
from tests.docstrings.examples import Example, _copied, docstrings, examples_of, quiet
from tests.docstrings.exceptions import EXCEPTIONS


@dataclass(frozen=True)
class Outcome:
    """``kind``: compiled, plain (a part of it runs uncompiled), refused, wrong, changing."""

    kind: str
    note: str = ""


def differs(found: Any, wanted: Any, path: str = "result") -> str:
    """Where two results are not the same, to rounding; empty where they are."""
    if type(found) is not type(wanted):
        return f"{path}: {type(found).__name__}, not {type(wanted).__name__}: {found!r:.80}, not {wanted!r:.80}"
    if isinstance(wanted, (tuple, list)):
        if len(found) != len(wanted):
            return f"{path}: {len(found)} items, not {len(wanted)}"
        pairs = zip(found, wanted, strict=True)
        parts = (differs(f, w, f"{path}[{k}]") for k, (f, w) in enumerate(pairs))
        return next((part for part in parts if part), "")
    if isinstance(wanted, dict):
        if list(found) != list(wanted):
            return f"{path}: keys {list(found)}, not {list(wanted)}"
        parts = (differs(found[k], wanted[k], f"{path}[{k!r}]") for k in wanted)
        return next((part for part in parts if part), "")
    return _numbers_differ(np.asarray(found), np.asarray(wanted), path)


def _numbers_differ(found: np.ndarray, wanted: np.ndarray, path: str) -> str:
    if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        return f"{path}: {found.dtype}{found.shape}, not {wanted.dtype}{wanted.shape}"
    if wanted.dtype.kind not in "fc":
        same = np.array_equal(found, wanted)
    else:
        rtol = 1e4 * float(np.finfo(wanted.dtype).eps)
        finite = np.abs(wanted[np.isfinite(wanted)])
        atol = rtol * float(finite.max(initial=1e-3))
        same = np.allclose(found, wanted, rtol, atol, equal_nan=True)
    return "" if same else f"{path}: {found!r:.150}, not {wanted!r:.150}"


def plain(example: Example) -> Any:
    """What plain Python returns."""
    f, arguments = example.function(), _copied(example.arguments)
    with quiet():
        return f(*arguments.values())


def check(example: Example, engine: str = "native") -> Outcome:
    """The example through :func:`autodiff.function`, twice, against plain Python."""
    wanted = plain(example)
    if differs(plain(example), wanted):
        return Outcome("changing", "not the same from call to call in plain Python")
    f = autodiff.function(example.function(), engine=engine)
    fallbacks: list[str] = []
    arguments = _copied(example.arguments)
    try:
        with quiet(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = f(*arguments.values())
        fallbacks = [str(w.message) for w in caught if issubclass(w.category, FallbackWarning)]
    except AutodiffError as error:
        return Outcome("refused", _first_line(error))
    except Exception as error:
        return Outcome("wrong", f"{type(error).__name__}: {_first_line(error)}")
    wrong = differs(found, wanted) or differs(
        list(arguments.values()), list(_after(example).values()), "arguments"
    )
    if wrong:
        return Outcome("wrong", wrong)
    return Outcome("plain", fallbacks[0].split("\n")[0]) if fallbacks else Outcome("compiled")


def _after(example: Example) -> dict[str, Any]:
    """The arguments after a plain call: what it stores into them is seen outside."""
    f, arguments = example.function(), _copied(example.arguments)
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        f(*arguments.values())
    return arguments


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def space_of(name: str) -> str:
    """Under which module an example is counted."""
    parts = name.split(".")
    return parts[0] if parts[0] == "numpy" else ".".join(parts[:2])


def section(before: str, spaces: Sequence[str]) -> str:
    """The table of the page, where only ``spaces`` are measured anew; all of them if none is named."""
    found = {} if not spaces else _counted(before)
    for space in spaces:
        found.pop(space, None)
    for name, doc in docstrings().items():
        space = space_of(name)
        if spaces and space not in spaces:
            continue
        for example in examples_of(name, doc):
            is_out = f"{name} {example.number}" in EXCEPTIONS
            kind = "left out" if is_out else check(example).kind
            kind = "left out" if kind == "changing" else kind
            found.setdefault(space, Counter())[kind] += 1
    return table(found)


_KINDS = ("compiled", "plain", "refused", "wrong", "left out")


def _counted(text: str) -> dict[str, Counter[str]]:
    rows = re.findall(r"^\| `(numpy|scipy\.\w+)` \| \d+ \| (.*) \|$", text, re.MULTILINE)
    return {
        space: Counter(dict(zip(_KINDS, map(int, cells.split(" | ")), strict=True)))
        for space, cells in rows
    }


def table(found: dict[str, Counter[str]]) -> str:
    """The text of the table."""
    text = (
        "## Examples in docstrings\n\nThe examples in the docstrings of NumPy and SciPy that have numbers as their results, as functions "
        "(`tests/docstrings`): each returns,\ncompiled, what it returns in plain Python. *left out*: with "
        "a reason, in `tests/docstrings/exceptions.py`, or not the same from call to call in plain Python.\n\n"
    )
    text += f"| examples of | all | {' | '.join(_KINDS)} |\n| --- |{' --- |' * (len(_KINDS) + 1)}\n"
    total = sum(found.values(), Counter[str]())
    for space, counted in [*sorted(found.items()), ("in all", total)]:
        numbers = [counted.total(), *[counted[kind] for kind in _KINDS]]
        text += f"| `{space}` | {' | '.join(map(str, numbers))} |\n"
    return text
