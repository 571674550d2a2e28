"""What stands in the place of a function's specialisations until one has to be made.

    first call      is there an entry on disk for it?  then it is loaded, and answers
    later calls     the entry itself, as that of any specialisation
    anything else   ``Compiled``, which knows how to make what there is not

So a process whose calls are all answered from disk never loads what captures and compiles.
"""

from __future__ import annotations

import linecache
import sys
import weakref
from collections.abc import Callable, Set
from types import CodeType, FunctionType
from typing import Any

from autodiff import floating, lookups
from autodiff.stored.loading import Again, Described, Stored, load, signature_of


def nothing_yet(*args: Any) -> Any:
    """No entry is loaded."""
    return NotImplemented


class Waiting:
    """The entries that were found for a function."""

    def __init__(self, described: Described) -> None:
        function = described.function
        self.described = described
        self.coded: FunctionType = function
        # The text as it is now, which may be edited before the function is captured.
        file = function.__code__.co_filename
        self.lines = tuple(linecache.getlines(file, function.__globals__))
        self._start()
        lookups.listen(self)

    def _start(self) -> None:
        self.code: CodeType = self.coded.__code__
        self.fast: Any = nothing_yet
        self.named: dict[Any, Any] = {}  # calls with keywords are not on disk
        self.found: dict[tuple[str, ...], Stored | None] = {}

    def forget_names(self, altered: Set[lookups.Name] | None) -> None:
        """Look again whether what was found holds, where names that it stands on lead elsewhere."""
        if altered is None or any(not one.names.isdisjoint(altered) for one in self.loaded):
            self._start()

    def follow(self) -> None:
        """The code of the function was replaced: what was found is for another one."""
        self._start()

    @property
    def loaded(self) -> list[Stored]:
        """The specialisations that were read."""
        return [one for one in self.found.values() if one is not None]

    def answer(self, args: tuple[Any, ...]) -> Any:
        """The result of a call, or NotImplemented where none on disk gives it."""
        signature = signature_of(args)
        if signature is None:
            return NotImplemented
        lookups.settle()
        if lookups.state.replaced:
            return NotImplemented
        if signature not in self.found:
            self.found[signature] = self._load(self.described.key(signature))
        stored = self.found[signature]
        if stored is None or floating.is_strict():
            return NotImplemented
        self.fast = stored.run
        return stored.run(*args)

    def _load(self, key: str | None) -> Stored | None:
        """The entry of that name; one that this process will write is written for it."""
        if key is None:
            return None
        stored = load(key, self.coded, _listener(self))
        storing: Any = sys.modules.get("autodiff.compiled.storing")
        if stored is None and storing is not None and storing.flush(key):
            return load(key, self.coded, _listener(self))
        return stored

    def give_up(self) -> None:
        """Answer nothing any more."""
        self.fast = nothing_yet
        self.found = dict.fromkeys(self.found)


def _listener(waiting: Waiting) -> Callable[..., None]:
    """What hears of floating-point errors of which NumPy may warn.

    That is told by what knows the program, so the call is made again.
    """
    reference = weakref.ref(waiting)

    def hear(errors: int, *arguments: Any) -> None:
        found = reference()
        if found is not None:
            found.give_up()
        raise Again

    return hear
