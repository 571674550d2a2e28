"""Following NaN and infinity through a program that the reference engine runs.

    with watching(Finder()) as finder:      every operation run in here is shown to it
        outputs = run_block(block, environment)
    cause = finder.cause_of(outputs)        the operation that made the first one that came through
    error_of(cause)                         its line, operands, pass of the loop, and the remedy

An operation *makes* a NaN if it has none among its operands, an infinity if all its operands are
finite.  What it made is followed to the outputs by the arrays that hold it, so that a logarithm of
zero on the side that ``np.where`` did not take is no cause.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

from autodiff import debug
from autodiff.errors import NonFiniteError
from autodiff.ir.data import Operation, Source
from autodiff.patterns import pattern
from autodiff.plain_data import dataclass

Told: TypeAlias = Callable[["Finder", Sequence[Any]], None]
"""Is told, after a run of a program, who watched it and what its outputs are."""

_told: ContextVar[Told | None] = ContextVar("autodiff_told", default=None)
_watcher: ContextVar[Finder | None] = ContextVar("autodiff_watcher", default=None)


@dataclass(frozen=True)
class Cause:
    """Where a NaN or infinity came into a program.

    ``kind`` is the operation's; ``operands`` and ``result`` are those elements of which one is not
    finite, or whole arrays where no element of an operand belongs to it; ``passes`` are the loops
    around it, each with the number of its pass; where there is none, ``times`` is how often its place
    had been run with it, as those of unrolled loops are.  ``source`` is None for what came from outside.
    """

    kind: str
    source: Source | None
    operands: tuple[Any, ...]
    result: Any
    index: tuple[int, ...]
    shape: tuple[int, ...]
    passes: tuple[tuple[Source | None, int], ...]
    times: int = 1


class Finder:
    """Sees every operation that runs, and remembers which arrays hold what was made."""

    def __init__(self) -> None:
        self.causes: dict[int, tuple[Any, Cause]] = {}  # by the identity of the array, kept alive
        self.order: list[Cause] = []
        self.running: list[Operation] = []
        self.passes: list[tuple[Source | None, int]] = []
        self.runs: Counter[tuple[str, Source | None]] = Counter()  # of operations at a place

    def note_given(self, name: str, value: Any) -> None:
        """An input of the program: what it holds came from outside."""
        if is_bad(value):
            index = _first_bad(np.asarray(value))
            found = np.asarray(value)[index]
            self._note(value, Cause("input", None, (name,), found, index, np.shape(value), ()))

    def begin(self, operation: Operation) -> int:
        """An operation is about to run: how many causes there were before."""
        self.running.append(operation)
        self.runs[operation.kind, operation.source] += 1
        return len(self.order)

    def end(self, before: int, operands: Sequence[Any], results: Sequence[Any]) -> None:
        """It has run on ``operands``; with the number that ``begin`` gave."""
        operation = self.running.pop()
        for result in results:
            if not is_bad(result) or self._cause(result) is not None:
                continue
            cause = self._handed_on(operands, result)
            if operation.regions and cause is None and len(self.order) > before:
                cause = self.order[before]  # rows of a loop, put together
            if cause is None:
                cause = self._made(operation, operands, np.asarray(result))
                self.order.append(cause)
            self._note(result, cause)

    def begin_pass(self, number: int) -> None:
        """A pass of the loop that is running, by its number from zero."""
        self.passes.append((self.running[-1].source if self.running else None, number))

    def cause_of(self, outputs: Sequence[Any], infinities: bool = True) -> Cause | None:
        """The cause of the first output that holds NaN or (``infinities``) an infinity."""
        test = is_bad if infinities else _has_nan
        return next((self._cause(output) for output in outputs if test(output)), None)

    def _cause(self, value: Any) -> Cause | None:
        known = self.causes.get(id(value))
        return None if known is None else known[1]

    def _note(self, value: Any, cause: Cause) -> None:
        self.causes[id(value)] = value, cause

    def _handed_on(self, operands: Sequence[Any], result: Any) -> Cause | None:
        """The cause of what an operand brought: of NaN if there is one, else of an infinity."""
        for test in (_has_nan, is_bad):
            for operand in operands:
                cause = self._cause(operand) if test(operand) else None
                # NaN made of an infinity the user wrote on purpose is made here.
                written = cause is not None and cause.kind in ("constant", "input")
                if cause is not None and not (
                    written and _has_nan(result) and not _has_nan(operand)
                ):
                    return cause
        return None

    def _made(self, operation: Operation, operands: Sequence[Any], result: Any) -> Cause:
        index = _first_bad(result)
        elements = tuple([_element(np.asarray(x), index, result.shape) for x in operands])
        return Cause(
            operation.kind, operation.source, elements, result[index], index, result.shape,
            tuple(self.passes), self.runs[operation.kind, operation.source],
        )  # fmt: skip


@contextmanager
def watching(finder: Finder) -> Iterator[Finder]:
    """Show every operation that the reference engine runs to ``finder``."""
    token = _watcher.set(finder)
    try:
        yield finder
    finally:
        _watcher.reset(token)


def watcher() -> Finder | None:
    """Who is shown the operations, if anybody."""
    return _watcher.get()


def is_bad(value: Any) -> bool:
    """Whether an array of floats or complex numbers holds NaN or an infinity."""
    array = np.asarray(value)
    return array.dtype.kind in "fc" and not bool(np.isfinite(array).all())


def _has_nan(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def _first_bad(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """The index of the first NaN, or of the first infinity where there is none."""
    bad = np.isnan(array) if np.isnan(array).any() else ~np.isfinite(array)
    return tuple(int(k) for k in np.argwhere(bad)[0])


def _element(operand: np.ndarray[Any, Any], index: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """What an elementwise operation takes from an operand for one element; else the operand."""
    try:
        return np.broadcast_to(operand, shape)[index]
    except ValueError:
        return operand


# -- runs of whole programs -------------------------------------------------------------------------
@contextmanager
def telling(told: Told) -> Iterator[None]:
    """Have every program that the reference engine runs watched, and ``told`` of it."""
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)


def who_is_told() -> Told | None:
    """Who is told of runs; with AUTODIFF_DEBUG_NAN, what raises where an output holds NaN."""
    told = _told.get()
    return _refuse_nan if told is None and debug.finding_nan() else told


def _refuse_nan(finder: Finder, outputs: Sequence[Any]) -> None:
    cause = finder.cause_of(outputs, infinities=False)
    if cause is not None:
        raise error_of(cause)


# -- what the user reads ----------------------------------------------------------------------------
_BY_WORD = {
    "log": "keep its argument positive: np.log(x + eps), np.log1p, or np.log(np.where(x > 0, x, 1.0))",
    "sqrt": "the slope of a square root at 0 is infinite, and below there is none: np.sqrt(x + eps), "
    "or np.sqrt(np.where(x > 0, x, 1.0)) with np.where around it",
    "divide": "keep the denominator away from 0: np.where(d != 0, d, 1.0) inside of the division",
    "power": "a power that is no whole number needs a positive base, and below 1 has an infinite "
    "slope at 0: np.where(x > 0, x, 1.0) inside of it",
    "exp": "subtract the largest exponent first: scipy.special.logsumexp, log_softmax, expit",
    "subtract": "infinity minus infinity is nan: see where the infinities come from",
    "arcsin": "keep its argument inside of -1 to 1: np.clip(x, -1 + eps, 1 - eps)",
    "norm": "the norm has no derivative at 0: np.sqrt(np.sum(x**2) + eps)",
    "input": "look at where the caller makes it",
    "multiply": "the product of 0 and infinity is nan, that of large numbers overflows: "
    "rescale, or add logarithms",
}
_LIKE = {
    "log2": "log", "log10": "log", "log1p": "log", "true_divide": "divide", "reciprocal": "divide",
    "exp2": "exp", "expm1": "exp", "cosh": "exp", "sinh": "exp", "arccos": "arcsin", "inverse_cosine": "arcsin", "arctanh": "arcsin",
    "float_power": "power", "pow": "power", "xlogy": "log", "hypot": "norm", "add": "subtract",
    "cbrt": "power",
}  # fmt: skip


def error_of(cause: Cause, derived: bool = False) -> NonFiniteError:
    """The error, and the report, of one cause: its text has the place and the remedy.

    ``derived``: it belongs to the derivative, where its place does not say so.
    """
    word = _LIKE.get(cause.kind, cause.kind)
    derived = derived or (cause.source is not None and cause.source.derived)
    if cause.source is not None and derived:  # what the user wrote, whose derivative it is
        written = _word_at(cause.source)
        word = _LIKE.get(written, written) or word
    error = NonFiniteError(
        _sentence(cause, derived), source=cause.source, remedy=_BY_WORD.get(word, "")
    )
    error.cause = cause
    return error


def _sentence(cause: Cause, derived: bool) -> str:
    where = f" at index {list(cause.index)} of shape {cause.shape}" if cause.shape else ""
    if cause.kind == "input":
        return f"the argument {cause.operands[0]} holds {_shown(cause.result)}{where}."
    if cause.kind == "constant":
        return f"the function itself writes {_shown(cause.result)}{where}."
    operands = ", ".join(map(_shown, cause.operands))
    passes = "".join(
        f", in pass {number} of the loop{'' if loop is None else f' at line {loop.line}'}"
        f"{' as the derivative goes through it' if derived else ''}"
        for loop, number in cause.passes
    )
    if not cause.passes and cause.times > 1:
        passes = f", when this runs for the {_ordinal(cause.times)} time"
    what = "in the value"
    if derived:
        what = f"in the derivative{'' if cause.source is None else ' of this line'}"
    return f"{what}, {cause.kind}({operands}) is {_shown(cause.result)}{where}{passes}."


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def _shown(x: Any) -> str:
    array = np.asarray(x)
    if array.ndim == 0:
        return f"{array[()]:.6g}" if array.dtype.kind in "fc" else str(array[()])
    if array.size == 0 or array.dtype.kind not in "fiub":
        return f"an array of shape {array.shape}"
    return f"an array of shape {array.shape} from {array.min():.6g} to {array.max():.6g}"


_WORDS = pattern(r"\*\*|/|[A-Za-z_][A-Za-z0-9_.]*(?=\()")


def _word_at(source: Source | None) -> str:
    """The function or operator that the text of a place starts with."""
    if source is None:
        return ""
    line = linecache.getline(source.file, source.line).rstrip("\n")
    found = _WORDS.search(line[source.column : source.end_column])
    if found is None:
        return ""
    return {"**": "power", "/": "divide"}.get(found[0], found[0].rpartition(".")[2])
