"""Where the time of a call goes, line by line of the user's code: ``profile(f)(*args)``."""

from __future__ import annotations

import linecache
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.api import BoundTransformed, Function, Transformed
from autodiff.api.classes import planned
from autodiff.api.options import refuse_no_function
from autodiff.engines.native.compile import TimedRunner
from autodiff.engines.native.timing import Part
from autodiff.errors import UnsupportedError
from autodiff.explain import kept_values, size_in_bytes
from autodiff.ir.data import Source
from autodiff.ir.printing import Text, table_html
from autodiff.ops.control import CheckFailed
from autodiff.plain_data import dataclass
from autodiff.tracebacks import without_our_frames

_ENOUGH = 0.2  # seconds of running
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class Line:
    """What one line of the user's code takes in a run: seconds, in the value and in the derivative."""

    file: str
    number: int
    text: str
    value: float
    derivative: float
    times: int  # how often what took most of it ran

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.value + self.derivative


class Profile(Text):
    """The time of each line as text; its parts are attributes.

    Attributes
    ----------
    lines : list of Line
        The lines that took longest first.
    rest : float
        The seconds that belong to no line: buffers for derivatives, and reading the clock.
    seconds : float
        What one run takes, without the checks of arguments that a call makes before it: the lines
        and the rest.
    work_bytes, result_bytes, kept_bytes : int
        Memory of the program: scratch, results, and what loops keep for the reverse sweep (part of the
        first, where sizes are known).
    runs : int
        How many runs were made.
    """

    lines: list[Line]
    rest: float
    seconds: float
    work_bytes: int
    result_bytes: int
    kept_bytes: int
    runs: int

    def _repr_html_(self) -> str:
        rows = {f"{os.path.basename(x.file)}:{x.number}": _row(x, self.seconds) for x in self.lines}
        return table_html(rows)


@without_our_frames
def profile(f: Any, **options: Any) -> Callable[..., Profile]:
    """Measure where compiled code spends its time, by the lines of the user's code.

    Parameters
    ----------
    f : callable
        A transformed function, ``autodiff.gradient(g)``; or a plain one, whose value is measured.
    **options
        As for :func:`autodiff.function`, where ``f`` is plain.

    Returns
    -------
    callable
        It takes the arguments of ``f``, runs the program as often as fits in a fifth of a second (at
        least three times), and gives a :class:`Profile`.

    Raises
    ------
    UnsupportedError
        If the function cannot be compiled, or acts on the world: it would do so at every run.
    Exception
        Whatever the function raises with these arguments.

    Notes
    -----
    The program is compiled with clocks around its loops and routines, for one thread.  What was fused
    into one loop counts for the line of its result; numbers in a loop of the program share the time that
    is left of the loop by how many operations they are.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff
    >>> def loss(x):
    ...     y = np.sort(x)
    ...     return np.sum(y * np.arange(y.size))
    >>> found = autodiff.profile(autodiff.gradient(loss))(np.random.default_rng(0).random(1000))
    >>> found.lines[0].text, found.seconds > 0
    ('y = np.sort(x)', True)
    """
    refuse_no_function(f, "profile")

    @without_our_frames
    def measure(*args: Any, **kwargs: Any) -> Profile:
        compiled, captured, plan = planned(f, options, args, kwargs)
        if captured.has_effects or len(plan.program.inputs) != len(captured.inputs):
            raise UnsupportedError(
                f"profile of {compiled.signature.title}: a run acts on the world, or takes vectors.",
                code="AD108",
                remedy="take out what prints, draws random numbers or changes objects; of a product "
                "with vectors, profile the gradient",
            )
        try:
            return _measured(compiled.signature.title, captured, plan.program)
        except CheckFailed as failed:
            is_transformed = isinstance(f, (Transformed, BoundTransformed))
            (f if is_transformed else Function(f, **options))(*args, **kwargs)  # raises what it is
            raise UnsupportedError(
                f"profile of {compiled.signature.title}: this call runs uncompiled: {failed}.",
                code="AD108",
                remedy="call it with other values",
            ) from None

    return measure


def _measured(title: str, captured: Any, program: Any) -> Profile:
    runner = TimedRunner(program)
    given = [np.asarray(record.example) for record in captured.inputs]
    runner(given)
    runner.clear()
    runs, spent, begun = 0, 0.0, time.perf_counter()
    outputs: Sequence[Any] = ()
    while runs < 3 or (spent < _ENOUGH and runs < _MOST_RUNS):
        outputs = runner(given)
        runs += 1
        spent = time.perf_counter() - begun
    parts = runner.parts()
    of_a_tick = spent / max(runner.ticks, 1) / runs
    whole = sum(part.ticks for part in parts) * of_a_tick
    lines: dict[tuple[str, int], list[float]] = {}
    rest = 0.0
    for part in parts:
        seconds = part.ticks * of_a_tick
        shares = _shares(part, parts)
        rest += 0.0 if shares else seconds
        for source, share in shares:
            entry = lines.setdefault((source.file, source.line), [0.0, 0.0, 0.0, 0.0])
            entry[source.derived] += share * seconds
            if share * seconds >= entry[2]:
                entry[2], entry[3] = share * seconds, part.times / runs
    found = [
        Line(file, number, linecache.getline(file, number).strip(), a, b, round(times))
        for (file, number), (a, b, _, times) in lines.items()
    ]
    found.sort(key=lambda line: -line.seconds)
    kept = sum(size_in_bytes(value) or 0 for _, value in kept_values(program))
    work = runner.kernel.work_bytes + runner.kernel.stack_bytes
    report = Profile(_text(title, found, rest, whole, work, outputs, kept, runs))
    report.lines, report.rest, report.seconds, report.runs = found, rest, whole, runs
    report.work_bytes, report.kept_bytes = work, kept
    report.result_bytes = sum(x.nbytes for x in outputs)
    return report


def _shares(part: Part, parts: Sequence[Part]) -> list[tuple[Source, float]]:
    """The lines that a part's time belongs to, and how much of it; none where it has no line."""
    of = [o.source for o in part.numbers if o.source is not None]
    of = of or [o.source for o in part.operations if o.source is not None]
    if not of and part.inside:  # such as what a derivative is added to, in a loop of the user's
        return _shares(parts[part.inside], parts)
    return [(source, 1 / len(of)) for source in of]


def _text(
    title: str,
    lines: Sequence[Line],
    rest: float,
    seconds: float,
    work: int,
    outputs: Sequence[Any],
    kept: int,
    runs: int,
) -> str:
    made = sum(x.nbytes for x in outputs)
    head = [
        f"{title}: {_time(seconds)} a run ({runs} runs); memory: {_size(work)} of work, "
        f"{_size(made)} of results"
        + (f", {_size(kept)} kept for the reverse sweep" if kept else "")
    ]
    place = max([len(f"{os.path.basename(x.file)}:{x.number}") for x in lines], default=0)
    for x in lines:
        where = f"{os.path.basename(x.file)}:{x.number}"
        head.append(f"  {where:<{place}}  {_row(x, seconds)}")
    if rest:
        share = 100 * rest / seconds
        head.append(
            f"  {'':<{place}}  {share:5.1f} %  {_time(rest)} of no line: buffers, the clock"
        )
    return "\n".join(head)


def _row(x: Line, seconds: float) -> str:
    share = 100 * x.seconds / seconds if seconds else 0.0
    return (
        f"{share:5.1f} %  value {_time(x.value):>9}  derivative {_time(x.derivative):>9}  "
        f"{x.times:>7} ×  {x.text}"
    )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} B"
