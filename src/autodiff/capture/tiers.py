"""Two ways to run the user's code, one interpreter: all that differs between them.

``STAGED`` makes a program that later calls run too.  What a value decides becomes a part of the
program, or is guarded; what reaches outside waits until the program runs.  ``EAGER`` is the
uncompiled tier: the program is the path of this one call, so Python may look at every value, and
what reaches outside happens where it stands.  Handlers of the interpreter ask ``trace.tier``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff import floating
from autodiff.capture.lists import TracedList
from autodiff.ir.data import Source
from autodiff.ladder import Bail, Declined, Rung
from autodiff.ops.builder import Builder
from autodiff.ops.entries import ENTRIES, Kernel
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.capture.paths import Path
    from autodiff.capture.trace import Trace


class Tier:
    """What the interpreter asks; the answers here are those of a program for many calls."""

    reusable = True
    """Later calls run the program too: what it rests on is guarded."""
    rolls = True
    """A loop may become a loop of the program: what it goes through is not run here."""
    holds_back = True
    """Stores outside, texts, draws and other effects wait until the program runs."""

    def builder(self, trace: Any) -> Builder:
        """What collects the operations."""
        return Builder()

    def stages(self, test: Any) -> bool:
        """Whether what ``test`` decides is a part of the program."""
        return isinstance(test, Tracer)

    def decline(self, reason: str, source: Source | None = None) -> None:
        """Refuse what only the path of one call, or plain Python, can do."""
        raise Declined(reason, source)

    def new_list(self, items: Any, trace: Any) -> list[Any]:
        """A list made by the captured code."""
        return TracedList(items, trace)

    def key(self, path: Path, obj: Any) -> str:
        """Under which a number from outside is known: its place is what later calls read."""
        return path.text


class EagerTier(Tier):
    """The answers for the path of one call."""

    reusable = rolls = holds_back = False

    def builder(self, trace: Any) -> Builder:
        """What runs at once the operations that may fail."""
        return EagerBuilder(trace)

    def stages(self, test: Any) -> bool:
        """Nothing: a traced condition is decided by its value."""
        return False

    def decline(self, reason: str, source: Source | None = None) -> None:
        """Nothing: it is done now."""

    def new_list(self, items: Any, trace: Any) -> list[Any]:
        """An ordinary list."""
        return list(items)

    def key(self, path: Path, obj: Any) -> str:
        """The object is a part of the key: another may come to its place during the call."""
        return f"{path.text} {id(obj)}"


STAGED, EAGER = Tier(), EagerTier()


class EagerBuilder(Builder):
    """In the uncompiled tier: what fails for the values of this call fails where it stands."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace
        self.at_once = True  # not what is for derivatives: the value does not need it

    def emit(self, kind: str, operands: Any, attributes: Any, *rest: Any, **more: Any) -> Any:
        """Append an operation; run it at once where it may fail."""
        if (
            floating.is_strict()
        ):  # set within the function, as what the user has set outside is not in force here
            raise Declined("np.errstate that raises or calls", self.source)
        results = super().emit(kind, operands, attributes, *rest, **more)
        if not self.at_once:
            return results
        inside = bool(self.stack)  # of a region, on values that may not be known yet
        if kind == "check" and not inside and not self.trace.evaluate(operands[0])[0]:
            self.block.operations.pop()
            raise Bail(Rung.PLAIN, attributes["message"])
        indexes = kind in ("gather", "scatter_update", "scatter_add")
        if results and (indexes or isinstance(ENTRIES[kind].lowering, Kernel)):
            try:
                self.trace.evaluate(results[0])
            except Exception as error:
                if inside and isinstance(error, Bail):
                    return results
                self.block.operations.pop()  # the program goes on as if it had not been tried
                raise
        return results
