r"""Regular expressions that are compiled when they are first used.

    _LABEL = pattern(r"label %([\w.]+)")       # costs nothing at import
    _LABEL.findall(line)                       # compiled here, once

Python takes a sixth of a millisecond to compile one, and most of those that a program's modules
hold are never asked anything.
"""

from __future__ import annotations

import re
from typing import Any, cast


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """What ``re.compile`` gives, made when it is first asked for something."""
    return cast("re.Pattern[str]", _Later(text, flags))


class _Later:
    """An expression whose methods are those of the compiled one from the first use on."""

    def __init__(self, text: str, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
