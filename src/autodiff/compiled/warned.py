"""Floating-point warnings: what NumPy would have said of a call that ran compiled.

    errors    flags of the processor, or of NumPy's loops, that were set during the run  (a hint)
    asked     the user's own function runs on the same arguments, and NumPy tells what it meets
    given     the same texts at the same lines, through the filters of ``warnings``, once per call

A flag does not say which line of the user's it belongs to, nor whether it belongs to one: compiled
code may compute both sides of a choice, and a derivative divides where its function does not.  So a
flag is a question, put to the plain function, as with checks that fail.  What was answered is kept
for the next calls with the same flags, and asked again more and more rarely; where the answer is
that there is nothing to say, the entry is told not to call for a while.

A function with effects is not run twice: NumPy runs its program without them, and of what depends on
the result of an effect (a call of what cannot be looked into) nothing is said.  Random numbers are
drawn anew for the question, and the generators put back.  Nothing is said, either, of what comes
after the first many lines of the plain run: a loop that takes a moment compiled may take minutes
there.
"""

from __future__ import annotations

import functools
import math
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autodiff import floating
from autodiff.capture import Captured
from autodiff.capture.running import Run
from autodiff.compiled.binding import Call
from autodiff.compiled.specialisation import Specialisation
from autodiff.dims import Dim
from autodiff.engines import matches
from autodiff.errors import is_signal_handlers
from autodiff.ir.data import Operation, Program, Source, Value, walk
from autodiff.ladder import NotStaged
from autodiff.later import later
from autodiff.ops.entries import ENTRIES, Pointwise, Reduction, View
from autodiff.plain_data import dataclass
from autodiff.signals import as_internal, is_ours, run_users
from autodiff.tracebacks import depth_of_user, is_internal

if TYPE_CHECKING:
    from autodiff.compiled import fallback, python_warnings
    from autodiff.compiled.compiling import Compiler
    from autodiff.compiled.python_warnings import Spoken
    from autodiff.ops import evaluate
else:
    python_warnings = later("autodiff.compiled.python_warnings")
    fallback = later("autodiff.compiled.fallback")
    evaluate = later("autodiff.ops.evaluate")

ALWAYS = 8
"""Calls with the same flags that are each looked into; from then on, those that are a power of two."""

LINES = 20_000
"""Lines of Python after which a plain run is given up: some milliseconds."""

FIRST_LINES = 200_000
"""The same for the first one."""

MOST = 100
"""Warnings that are kept of one program."""

LONGEST = 2**20
"""Calls for which an entry is told to keep quiet, at most."""


@dataclass(frozen=True)
class Warned:
    """A warning of NumPy's and where it arose; without a file: at the line of the call."""

    text: str
    file: str | None
    line: int
    module: str
    registry: dict[Any, Any]
    category: type[Warning] = RuntimeWarning
    # A loop, as ``np.errstate`` says; else NumPy's Python, or its C, whatever that says.
    by: Literal["loop", "python", "c"] = "loop"

    @property
    def key(self) -> tuple[str, str | None, int]:
        """Warnings with one key are one warning."""
        return self.text, self.file, self.line

    @property
    def kind(self) -> int:
        """The kind of error, see ``floating.BITS``."""
        return floating.of_text(self.text)

    def give(self) -> None:
        """Warn, as NumPy does."""
        if self.file is None:
            warnings.warn(self.text, self.category, stacklevel=depth_of_user())
        else:
            warnings.warn_explicit(
                self.text, self.category, self.file, self.line, self.module, self.registry
            )


class _Current(threading.local):
    """What a thread runs on its way through Python, as entries know arguments only."""

    # A specialisation, and the call, or its arguments by position and those by keyword, if any.
    running: tuple[Any, ...] | None = None
    raised: Warning | None = None  # the last warning that a filter has made an error


current = _Current()


def listen(compiled: Compiler, specialisation: Specialisation) -> None:
    """Have the warnings of a specialisation's calls given."""
    listener = _Listener(weakref.ref(compiled), weakref.ref(specialisation))
    listener.report = specialisation.run.notify(listener.hear)
    captured = specialisation.captured
    listener.report.always |= captured.errors | _errors_of_constants(captured.program)
    operations = list(walk(captured.program.block))
    marks = [op for op in operations if op.kind == "mark"]
    for source in {op.source for op in operations}:
        if source is not None and source.quiet is not None:
            listener.asks |= source.quiet.told
    if marks or listener.asks & floating.LOUD:  # no flag is needed for what NumPy's Python says
        listener.report.must = floating.LOUD | listener.asks
    elif listener.asks:
        listener.report.must = listener.asks
    says = any(op.attributes.get("says") for op in marks)
    listener.may_say = says or listener.asks != 0


class _Listener:
    """What is known of the floating-point errors of one specialisation."""

    def __init__(
        self,
        compiled: weakref.ref[Compiler],
        specialisation: weakref.ref[Specialisation],
    ) -> None:
        self.compiled = compiled
        self.specialisation = specialisation
        self.report: Any = None
        self.may_say = False  # whether C warns of something that nobody can listen to
        self.asks = 0  # kinds that the function has NumPy's loops warn of, whatever holds outside
        self.times: dict[int, int] = {}
        self.known: dict[int, list[Warned]] = {}
        self.ignored: dict[int, list[Any]] = {}  # the filters that ignore all that is known
        self.silences = 0

    def hear(self, errors: int, *arguments: Any) -> None:
        """A call has ended, and these errors are among its flags."""
        times = self.times[errors] = self.times.get(errors, 0) + 1
        known = self.known.get(errors)
        is_plain = False
        is_asked = not known or times <= ALWAYS or times & (times - 1) == 0
        if not is_asked and self.ignored.get(errors) == warnings.filters:
            if floating.recorder() is None:
                return
        compiled, specialisation = self.compiled(), self.specialisation()
        if compiled is None or specialisation is None:
            return
        arguments = tuple([np.array(x) if type(x) in (list, tuple) else x for x in arguments])
        if is_asked:
            question, is_plain = _question(compiled, specialisation, arguments)
            lines = FIRST_LINES if times == 1 else LINES
            asks = 0 if is_plain else self.asks
            found, is_all = _warnings_of(compiled, question, lines, asks)
            if self.may_say and is_plain:  # it has been said: by which lines, the program knows
                captured, forms = specialisation.captured, specialisation.input_dtypes
                again = lambda: _run_program(captured, forms, arguments)  # noqa: E731
                more, _ = _warnings_of(compiled, again, lines, self.asks)
                found += [x for x in more if x.by == "c"]
            # Draws of another time tell other things, and less is found in fewer lines.
            if found or (is_all and not specialisation.captured.has_effects):
                known = self.known[errors] = found
        if not known:
            self._keep_quiet(errors, times)
            return
        self.report.quiet = self.silences = 0
        self.ignored.pop(errors, None)
        if all(_is_ignored(one, warnings.filters) for one in known):
            self.ignored[errors] = list(warnings.filters)
        said = ("python", "c") if is_asked and is_plain else ("python",) if is_asked else ()
        error = _give(known, said)
        if error is None:
            return
        # An error, by the user's filters: it is raised from the user's line, if it may be.
        if not specialisation.captured.has_effects:
            fallback.run_plainly(compiled, _whole(compiled, specialisation, arguments))
        current.raised = error
        raise error

    def _keep_quiet(self, errors: int, times: int) -> None:
        """NumPy has nothing to say: ask again after twice as many calls as the last time."""
        if times >= ALWAYS:
            self.silences += 1
            self.report.quiet |= errors
            self.report.skip = min(2**self.silences, LONGEST)


def _give(found: Sequence[Warned], said: Sequence[str]) -> Warning | None:
    """Warn of what the user wants to hear of; the exception where a filter makes one of it.

    ``said``: by whom it has been said already, as he has just been asked.
    """
    wanted, recorder = floating.wanted(), floating.recorder()
    try:
        for one in found:
            if one.by in said or (one.by == "loop" and not one.kind & wanted):
                continue
            if recorder is None or one.by != "loop":
                one.give()
            elif isinstance(recorder, _Log):
                recorder.add(one)
            else:
                recorder.take(one.text)
    except Warning as error:
        return error
    return None


def _whole(compiled: Compiler, specialisation: Specialisation, arguments: Sequence[Any]) -> Call:
    """The call that is made."""
    running = current.running
    if running is not None and running[0] is specialisation:
        call, kwargs = running[1], running[2] if len(running) > 2 else {}
        return compiled.bind_whole(call, kwargs) if isinstance(call, tuple) else call.whole()
    return compiled.bind(tuple(arguments[: len(specialisation.input_leaves)]), {})


def _question(
    compiled: Compiler, specialisation: Specialisation, arguments: Sequence[Any]
) -> tuple[Callable[[], Any], bool]:
    """What to run for NumPy's warnings; whether that is the user's own function."""
    captured = specialisation.captured
    if not captured.has_effects:
        call = _whole(compiled, specialisation, arguments)
        return lambda: fallback.run_plainly(compiled, call), True
    if _only_draws(captured):
        call = _whole(compiled, specialisation, arguments)
        plain = lambda: fallback.run_plainly(compiled, call)  # noqa: E731
        return lambda: _run_drawing(captured, plain), True
    forms = specialisation.input_dtypes
    return lambda: _run_program(captured, forms, arguments), False


def _host_calls(captured: Captured) -> list[Any]:
    program = captured.program
    return [op.attributes["function"] for op in walk(program.block) if op.kind == "host_call"]


def _only_draws(captured: Captured) -> bool:
    """Whether the effects of a function are random draws, which can be taken back."""
    hidden = any(captured.inputs[number].leaf is None for number, _ in captured.mutated)
    return not hidden and all(_generator(f) is not None for f in _host_calls(captured))


def _generator(function: Any) -> Any:
    """What gives the generator that a host call draws from, if it does."""
    return getattr(function, "generator", None)


def _run_drawing(captured: Captured, run: Callable[[], Any]) -> None:
    """Run with draws of its own: the generators are put back."""
    drawing = Run()
    for function in _host_calls(captured):
        drawing.about_to_draw(_generator(function)())
    try:
        run()
    finally:
        drawing.fail()


def _run_program(captured: Captured, forms: Sequence[Any], arguments: Sequence[Any]) -> None:
    """The function's program, with draws of its own, and without its effects."""
    count = len(captured.inputs)
    extents: dict[Any, int] = {}
    given = arguments[:count]
    if not all(matches(x, form, extents) for x, form in zip(given, forms[:count], strict=True)):
        return
    values = iter([np.asarray(x, f.type.dtype) for x, f in zip(given, forms, strict=False)])
    program = captured.program
    inputs = [np.int64(extents[v]) if v in extents else next(values) for v in program.inputs]
    drawing = Run()

    def draw(function: Any, operands: Sequence[Any]) -> Sequence[Any]:
        generator = _generator(function)
        if generator is None:
            raise NotStaged("the result of an effect is needed")
        drawing.about_to_draw(generator())
        return (function.effect(tuple(operands)),)

    try:
        with evaluate.without_effects(draw):
            evaluate.run_block(program.block, dict(zip(program.inputs, inputs, strict=True)))
    finally:
        drawing.fail()


# -- constants --------------------------------------------------------------------------------------
SMALL = 16
"""Elements of what is computed from constants to see what it meets."""


def _errors_of_constants(program: Program) -> int:
    """Errors in what a compiler computes beforehand: ``0 / 0`` in the mean of an empty array."""
    known: dict[Value, Any] = {}
    with floating.noting(floating.LOUD) as errors:
        for operation in walk(program.block):
            given = [_constant(v, known) for v in operation.operands]
            meaning = ENTRIES[operation.kind].meaning
            if _is_divided_by_zero(operation, given):
                meaning(np.ones_like(given[1]), given[1], **operation.attributes)
            if not any(x is None for x in given) and _is_small(operation):
                known[operation.results[0]] = meaning(*given, **operation.attributes)
        return errors()


def _constant(value: Value, known: dict[Value, Any]) -> Any:
    """A value that is known, or has no elements."""
    shape = value.type.shape
    if not shape or any(isinstance(n, Dim) for n in shape) or 0 not in shape:
        return known.get(value)
    return np.zeros(shape, value.dtype)


def _is_divided_by_zero(operation: Operation, given: Sequence[Any]) -> bool:
    """Whether integers are divided by a constant 0, whatever they are."""
    return (
        len(given) == 2
        and given[1] is not None
        and operation.operands[0].dtype.kind in "iu"
        and isinstance(ENTRIES[operation.kind].lowering, Pointwise)
        and not np.any(given[1])
    )


def _is_small(operation: Operation) -> bool:
    """Whether an operation of constants is one to compute."""
    lowering = ENTRIES[operation.kind].lowering
    simple = operation.kind == "constant" or isinstance(lowering, (Pointwise, Reduction, View))
    if not simple or len(operation.results) != 1:
        return False
    shape = operation.results[0].type.shape
    sizes = [n for n in shape if isinstance(n, int)]
    static = all(_is_static(a) for a in operation.attributes.values())
    return len(sizes) == len(shape) and math.prod(sizes) <= SMALL and static


def _is_static(attribute: Any) -> bool:
    if isinstance(attribute, tuple):
        return all(map(_is_static, attribute))
    return not isinstance(attribute, (Dim, Program))


# -- asking -----------------------------------------------------------------------------------------
def _warnings_of(
    compiled: Compiler, run: Callable[[], Any], lines: int, asks: int
) -> tuple[list[Warned], bool]:
    """What NumPy warns of in a run, once for each text and line; whether it came to its end."""
    is_all = True
    # A user's function that silences warnings inside has other filters than these.
    log = _Log(warnings.filters)
    # All that any state warns of: what is silenced now may not be at the next call.
    told = floating.LOUD | floating.wanted() | asks
    how: dict[str, Any] = {k: "log" if bit & told else "ignore" for k, bit in floating.BITS.items()}
    before, current.running = (
        current.running,
        None,
    )  # what is called on the way has calls of its own
    try:
        with np.errstate(call=log, **how), python_warnings.noted(log.hear), _limited(lines):
            run()
    except _Enough:
        is_all = False
    except Warning:
        raise  # one of another kind, which the user's filters make an error
    except Exception as error:  # what the compiled code has not met, or an effect that is needed
        if is_signal_handlers(error):
            raise
        if is_ours(error):
            fallback.report_beside(compiled, as_internal(error, "a question for warnings"))
    finally:
        current.running = before
    return list(log.found.values()), is_all


def _shown() -> Any:
    """What a warning is given to: a list's ``append`` while ``warnings.catch_warnings`` records."""
    return getattr(warnings, "_showwarnmsg_impl", None)


class _Log(floating.Recorder):
    """NumPy's warnings, and those of compiled functions that are called on the way."""

    def __init__(self, filters: Any) -> None:
        self.found: dict[Any, Warned] = {}
        self.filters = filters
        self.shown = _shown()

    def take(self, text: str) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename == floating.__file__:
            frame = frame.f_back
        assert frame is not None
        self._add_at(frame, text, RuntimeWarning, "loop")

    def take_said(self, text: str | None, category: type[Warning], frame: FrameType) -> None:
        if text is not None:  # what NumPy's Python says, nobody knows who does not run it
            self._add_at(frame, text, category, "c")

    def hear(self, one: Spoken) -> None:
        """Note what NumPy's Python is about to say."""
        self._add_at(one.frame, one.text, one.category, "python")

    def _add_at(
        self,
        frame: FrameType,
        text: str,
        category: type[Warning],
        by: Literal["loop", "python", "c"],
    ) -> None:
        source = _operation_at(frame)
        file, line, space = _place(frame, source)
        module = space.get("__name__", "<string>")
        registry = space.setdefault("__warningregistry__", {})
        quiet = None if source is None else source.quiet
        if quiet is not None and by == "loop" and floating.of_text(text) & quiet.told:
            by = "c"  # whatever the state in force is
        one = Warned(text, file, line, module, registry, category, by)
        if quiet is None or not (one.kind & quiet.kinds or _is_ignored(one, quiet.filters)):
            self.add(one)

    def add(self, one: Warned) -> None:
        """Note a warning."""
        if _shown() is not self.shown:  # the function has it recorded, and nobody else hears it
            return
        if warnings.filters is not self.filters and _is_ignored(one, warnings.filters):
            return
        if len(self.found) < MOST:
            self.found.setdefault(one.key, one)


def _operation_at(frame: FrameType) -> Source | None:
    """The place in the user's code of the operation of a program that runs, if one does."""
    at: FrameType | None = frame
    while at is not None and is_internal(at.f_code.co_filename):
        if at.f_code is evaluate.run_operation.__code__:
            source: Source | None = at.f_locals["operation"].source
            return source
        at = at.f_back
    return None


def _place(frame: FrameType, source: Source | None) -> tuple[str | None, int, dict[str, Any]]:
    """File, line and globals where NumPy was called; of an operation, those of its source."""
    if not is_internal(frame.f_code.co_filename):
        return frame.f_code.co_filename, frame.f_lineno, frame.f_globals
    return (None, 0, {}) if source is None else (source.file, source.line, _space(source))


def _space(source: Any) -> dict[str, Any]:
    """The globals of the module that a line belongs to."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == source.file:
            return vars(module)
    return {}


def _is_ignored(one: Warned, filters: Sequence[Any]) -> bool:
    """Whether filters of ``warnings`` drop a warning."""
    for action, message, category, module, line in filters:
        if (
            _is_of(message, one.text)
            and issubclass(one.category, category)
            and _is_of(module, one.module)
            and line in (0, one.line)
        ):
            return action == "ignore"
    return False


def _is_of(pattern: Any, text: str) -> bool:
    """Whether a filter is about a text; Python's own first filters have names in place of patterns."""
    if pattern is None or isinstance(pattern, str):
        return pattern is None or pattern == text
    return pattern.match(text) is not None


# -- an end to it -------------------------------------------------------------------------------------
class _Enough(BaseException):
    """A run has gone on for long; not an Exception, which the user's code may catch."""


@functools.cache
def _counted() -> frozenset[CodeType]:
    """What is run here for NumPy's answers, called by what is not counted: this library's own code."""
    return frozenset((fallback.plain.__code__, run_users.__code__))


OPERATION = 10
"""Lines that an operation of a program counts for."""


class _Count:
    """Counts lines of the user's functions, by Python's way of tracing."""

    def __init__(self, lines: int) -> None:
        self.left = lines
        self.counting = False

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        """A function is called."""
        code = frame.f_code
        if code is evaluate.run_operation.__code__:
            self.left -= OPERATION
            self.end_if_long(frame)
            return None
        counted = code in _counted()
        if counted == self.counting or not (counted or is_internal(code.co_filename)):
            return self.line if self.counting else None
        before, self.counting = self.counting, counted
        frame.f_trace_lines = False

        def leave(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "return":
                self.counting = before
            return leave

        return leave

    def line(self, frame: FrameType, event: str, argument: Any) -> Any:
        """A line is reached."""
        self.left -= 1
        self.end_if_long(frame)
        return self.line

    def end_if_long(self, frame: FrameType | None) -> None:
        """Raise, but not in a method of an object that goes, where exceptions are lost."""
        if self.left >= 0:
            return
        while frame is not None:
            if frame.f_code.co_name == "__del__":
                return
            frame = frame.f_back
        raise _Enough


@contextmanager
def _limited(lines: int) -> Iterator[None]:
    """Leave by ``_Enough`` after so many lines of Python."""
    before = sys.gettrace()
    sys.settrace(_Count(lines).enter)
    try:
        yield
    finally:
        sys.settrace(before)


__all__ = ["current", "listen"]
