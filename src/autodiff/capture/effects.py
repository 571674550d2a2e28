"""Effects: print, warnings, logging, clocks and random numbers happen at every call, in order.

Each becomes a host call of the program: when the program runs, the engine calls Python with the
values that the traced arguments have then.  A random draw is made by NumPy's own generator, so
the same seed gives the same numbers as plain NumPy; its result is a value of the program, which
the backward pass uses again, and derivatives flow through location and scale.

What a draw returns (shape, dtype) is found on a copy of the generator, so that capturing consumes
nothing.  A generator made inside the function from a fixed seed gives the same numbers at every
call: they are constants.
"""

from __future__ import annotations

import ast
import copy
import inspect
import io
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, floating
from autodiff.capture import remembered
from autodiff.capture.frames import UNBOUND
from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import module_of, name_of, owner_of
from autodiff.capture.paths import Guard
from autodiff.capture.running import current_run, is_of_python
from autodiff.capture.state import keeper, note_inputs, reacher
from autodiff.capture.text import DeferredText, Said, characters, is_pending, refuse_hidden
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.capture.written_back import Store
from autodiff.ir.data import ArrayType, Block, Operation, walk
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.ops.complex_numbers import ComplexTracer, plain, whole_of
from autodiff.ops.either import is_array
from autodiff.ops.entries import ENTRIES, Kernel
from autodiff.ops.known import answer_by_types
from autodiff.ops.tracer import Cell, Form, StoredList, Tracer, ViewStep
from autodiff.signals import door, run_users

if TYPE_CHECKING:
    from autodiff.capture import draws, given_warnings, opaque, seeds
else:
    given_warnings = later("autodiff.capture.given_warnings")
    draws = later("autodiff.capture.draws")  # few programs draw numbers
    seeds = later("autodiff.capture.seeds")
    opaque = later("autodiff.capture.opaque")

CLOCKS = frozenset(
    (
        time.time,
        time.perf_counter,
        time.monotonic,
        time.process_time,
        time.time_ns,
        time.perf_counter_ns,
    )
)


# -- host calls -------------------------------------------------------------------------------------
def _present(array: Any, form: Form) -> Any:
    """An operand of a host call as the user's code would see it."""
    if form == "python" and type(array) in (float, int, bool):
        return array
    array = np.asarray(array)
    if form == "python":
        return array.item()
    return array[()] if form == "scalar" else np.array(array)


class Operands:
    """The traced values inside the arguments of a host call, in order."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []
        self.forms: list[Form] = []
        # The arrays that it keeps outside, and whether passes of a loop do so that have not made them.
        self.kept: dict[tuple[Cell, tuple[ViewStep, ...]], bool] = {}

    def template(self, x: Any) -> Callable[[tuple[Any, ...]], Any]:
        """From the operands' arrays to ``x`` with its values."""
        refuse_hidden(x)
        return containers.planned(x, is_pending, self.pending, copied=_is_own)

    def pending(self, x: Any) -> Callable[[tuple[Any, ...]], Any]:
        """From the operands' arrays to a traced value, or to text made of some."""
        if isinstance(x, ComplexTracer):
            re, im = (self.pending(part) for part in map(plain, x.parts))
            return lambda arrays: whole_of(re(arrays), im(arrays), x)
        if isinstance(x, Tracer):
            number = len(self.tracers)
            self.tracers.append(x)
            self.forms.append(x.form)
            return lambda arrays: _present(arrays[number], self.forms[number])
        if isinstance(x, StoredList):
            whole, cls, exact = x.numbers(), x.python_type, x.item_form == "scalar"
            if whole is not None:
                array = self.pending(whole)
                return lambda arrays: cls(array(arrays) if exact else array(arrays).tolist())
            makes = [self.template(item) for item in x]
            return lambda arrays: cls([make(arrays) for make in makes])
        if isinstance(x, Said):
            say = self.pending(x.text)
            return lambda arrays: Said(say(arrays))
        parts = [(p, None) if isinstance(p, str) else (p, self.template(p[0])) for p in x.parts]

        def render(arrays: tuple[Any, ...]) -> str:
            known = [p if make is None else (make(arrays), p[1], p[2]) for p, make in parts]
            return DeferredText(known).render(lambda v: v)

        return render


def _is_own(x: Any) -> bool:
    """Whether each run makes a new object: as the display or call that made this one does."""
    return type(x) in (list, tuple, dict) or isinstance(x, StoredList)


class HostCall:
    """What a ``host_call`` operation runs: Python, with the arrays the operands are at this run.

    Parameters
    ----------
    effect : callable
        From the operands' arrays to the result.
    name : str
        What it is called where the program is shown.
    has_result : bool
        Whether the result is a value of the program.
    generator : callable, optional
        Gives the random generator that this draws from.
    """

    def __init__(
        self,
        effect: Callable[[tuple[Any, ...]], Any],
        name: str,
        has_result: bool,
        generator: Callable[[], Any] | None = None,
    ) -> None:
        self.effect = effect
        self.__name__ = name
        self.has_result = has_result
        self.generator = generator
        # Whether the run may fail after this: set when the capture is complete.
        self.may_fail_later = False
        self.at_the_end = False  # needs the results of the run
        self.makes = False  # what others draw from
        self.kept: dict[tuple[Cell, tuple[ViewStep, ...]], bool] = {}  # as its operands say

    @property
    def follows(self) -> bool:
        """Whether it happens when the run has succeeded, and gives it nothing."""
        waits = self.may_fail_later or self.at_the_end
        return waits and not self.has_result and self.generator is None and not self.makes

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        if self.generator is not None:
            if self.may_fail_later:
                current_run().about_to_draw(self.generator())
        elif self.follows:
            copies = tuple(np.array(a) for a in arrays)  # the program will reuse the memory
            current_run().held_back.append(lambda: self.effect(copies))
            return ()
        result = self.effect(arrays)
        return (result,) if self.has_result else ()


def _emit(
    trace: Trace,
    function: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    types: tuple[ArrayType, ...],
    generator: Callable[[], Any] | None = None,
) -> tuple[Any, ...]:
    """Append a host call of ``function``; it returns one value per type, or anything for none."""
    operands = Operands()
    make_args, make_kwargs = operands.template(args), operands.template(kwargs)

    def effect(arrays: tuple[Any, ...]) -> Any:
        return function(*make_args(arrays), **make_kwargs(arrays))

    name = getattr(function, "__name__", "host")
    return _emit_host(trace, HostCall(effect, name, bool(types), generator), operands, types)


def _emit_host(
    trace: Trace, host: HostCall, operands: Operands, types: tuple[ArrayType, ...] = ()
) -> tuple[Any, ...]:
    values = tuple(t.value for t in operands.tracers)
    trace.effects = True
    host.kept = operands.kept
    return trace.builder.emit("host_call", values, {"function": host, "types": types}, types)


def append_outside(frame: Frame, owner: list[Any], item: Any, node: ast.AST) -> None:
    """``owner.append(item)`` on a list from outside: an effect at every run."""
    trace = frame.trace
    try:
        operands = Operands()
        make, reach = keeper(trace, item, operands), reacher(trace, owner)
    except Bail as problem:
        raise problem.at(frame.source(node)) from None
    trace.state.append(owner, item, frame.source(node))
    host = HostCall(lambda arrays: reach().append(make(arrays)), "append", False)
    host.at_the_end = True
    _emit_host(trace, host, operands)


def store_state(trace: Trace, derivative: bool, beside: Sequence[Store]) -> None:
    """At the end of the program: store what the places outside have become, and what is ``beside``.

    A derivative leaves the arrays among its arguments as they are, but changes those outside as
    the function does (which writes them back as outputs).
    """
    changed = trace.state.leave()
    note_inputs(trace)
    hidden = [r for r in trace.inputs if r.leaf is None]
    arrays_changed = [
        (k, Tracer(r.cell, "array"))
        for k, r in enumerate(hidden)
        if derivative and r.cell.version and not r.private
    ]
    if not changed and not arrays_changed and not beside:
        return
    operands = Operands()
    contents = [(k, operands.template(tracer)) for k, tracer in arrays_changed]
    stores = [(p.kind, reacher(trace, p.owner), p.key) for p, _ in changed]
    stores += [(x.kind, x.reach, x.key) for x in beside]
    if len(changed) == 1 and not contents and not beside:
        kind, reach, key = stores[0]
        make = keeper(trace, changed[0][1], operands)
        if remembered.has_derivative(trace, changed[0][1]):
            make = _remembering(make)

        def store(arrays: tuple[Any, ...]) -> None:
            if kind == "attribute":
                setattr(reach(), key, make(arrays))
            else:
                reach()[key] = make(arrays)

        _emit_host(trace, _at_the_end(store), operands)
        return
    # All at once: an object in two of the places is one object.
    make_values = keeper(trace, (*[x for _, x in changed], *[x.value for x in beside]), operands)
    if remembered.has_derivative(trace, [x for _, x in changed]):
        make_values = _remembering(make_values)

    def effect(arrays: tuple[Any, ...]) -> None:
        for k, content in contents:
            np.copyto(current_run().hidden[k], content(arrays))
        for (kind, reach, key), value in zip(stores, make_values(arrays), strict=True):
            owner = reach()
            if kind == "attribute":
                setattr(owner, key, value)
            elif kind == "item":
                owner[key] = value
            elif kind == "gone":
                del owner[key]
            else:
                owner.clear()
                owner.extend(value)

    _emit_host(trace, _at_the_end(effect), operands)


def _remembering(make: Callable[[tuple[Any, ...]], Any]) -> Callable[[tuple[Any, ...]], Any]:
    """Know what is stored, for later calls."""

    def made(arrays: tuple[Any, ...]) -> Any:
        stored = make(arrays)
        remembered.remember(stored)
        return stored

    return made


def _at_the_end(effect: Callable[[tuple[Any, ...]], None]) -> HostCall:
    host = HostCall(effect, "store", False)
    host.at_the_end = True
    return host


def order_effects(block: Block) -> bool:
    """Tell each host call whether the run may fail after it; whether a run must be watched.

    An effect that has to wait for the end makes those after it wait as well, so all wait.
    """
    hosts = [op.attributes["function"] for op in walk(block) if op.kind == "host_call"]
    if not hosts:
        return False
    _note_failing(block, False, {})
    watched = any(host.at_the_end or host.may_fail_later for host in hosts)
    effects = [host for host in hosts if not host.has_result and host.generator is None]
    if any(host.may_fail_later for host in effects):
        for host in effects:
            host.may_fail_later = True
    return watched


def _note_failing(block: Block, failing: bool, known: dict[int, bool]) -> bool:
    """Tell host calls, backwards, whether something after them may fail; whether something in the block may, or after it.

    What comes before in a loop's body comes after, an iteration later.
    """
    for operation in reversed(block.operations):
        if operation.kind in ("for", "while"):
            failing |= any(_may_fail(region, known) for region in operation.regions)
        for region in reversed(operation.regions):
            failing = _note_failing(region, failing, known)
        if operation.kind == "host_call":
            operation.attributes["function"].may_fail_later |= failing
        failing |= _fails(operation)
    return failing


def _may_fail(block: Block, known: dict[int, bool]) -> bool:
    """Whether something in a block may fail; of each block this is found once."""
    if id(block) not in known:
        known[id(block)] = any(
            _fails(operation) or any(_may_fail(region, known) for region in operation.regions)
            for operation in block.operations
        )
    return known[id(block)]


def _fails(operation: Operation) -> bool:
    return operation.kind == "check" or isinstance(ENTRIES[operation.kind].lowering, Kernel)


def call_impure(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A function with an effect, or whose result differs from call to call."""
    trace = frame.trace
    if _is_numpys_random_loaded() and function is np.random.seed:
        function = np.random.mtrand._rand.seed  # which it calls
    owner = owner_of(function)
    if _makes_generator(function):
        return seeds.make(frame, function, args, kwargs, node, _teller(trace))
    if _is_seed(owner):
        return seeds.call_method(
            frame, owner, function.__name__, args, kwargs, node, _teller(trace)
        )
    if is_generator(owner):
        return _draw(frame, owner, function.__name__, args, kwargs, node)
    if function is print:
        from autodiff.capture.formatting import as_texts

        _refuse_no_text(kwargs)
        args = as_texts(frame, args)
    if function is warnings.catch_warnings and not (args or kwargs.get("record")):
        return warnings.catch_warnings(**kwargs)
    if function in _FILTERS and "error" in (*args[:1], kwargs.get("action")):
        # NumPy warns where the program does not: only plain Python raises there.
        raise Declined(f"{name_of(function)} that makes errors of warnings", frame.source(node))
    if not trace.tier.holds_back:
        return _run_now(frame, function, args, kwargs, node)
    if function in _FILTERS and trace.filtered:
        # Compiled code gives no warnings of its own; what it gives on purpose is looked at below.
        trace.filtered[-1] = True
        trace.builder.quiet = floating.filtered_by(function, args, kwargs, trace.builder.quiet)
        return run_users(function, *args, **kwargs)
    logging = _logging()
    makes_logger = logging is not None and function is logging.getLogger
    if makes_logger and all(isinstance(name, str) for name in args):
        return run_users(function, *args, **kwargs)  # of one name there is one
    if function is warnings.warn and any(trace.filtered):
        raise Declined("a warning under filters that the function sets", frame.source(node))
    if function is print or function is warnings.warn or _logs(function):
        for obj in (owner, *args, *kwargs.values()):  # a file, a logger: the very one
            if trace.is_external(obj) and not isinstance(obj, (str, int, float, Tracer)):
                trace.guards.append(Guard(trace.paths[id(obj)], "is", obj))
        if function is warnings.warn:
            function = given_warnings.warning_from(frame, node)
        _emit(trace, function, args, kwargs, ())
        return None
    if (function in CLOCKS and not args) or _asks_a_logger(function):
        example = run_users(function, *args, **kwargs)
        kind = np.dtype(type(example))
        (value,) = _emit(trace, function, args, kwargs, (ArrayType(kind, (), True),))
        return Tracer(value, "python")
    raise Declined(f"{name_of(function)} (it must run at every call)", frame.source(node))


def _refuse_no_text(options: dict[str, Any]) -> None:
    """Raise what ``print`` raises of its options where it is called: what is printed comes later."""
    given = {name: x for name, x in options.items() if name not in ("file", "flush")}

    @door
    def print_nothing(*values: Any) -> None:
        print(file=io.StringIO(), **dict(zip(given, values, strict=True)))

    answer_by_types(print_nothing, *given.values())
    file = options.get("file")
    if file is not None and not isinstance(file, Tracer):
        run_users(getattr, file, "write")


_LOGS = frozenset("debug info warning warn error critical fatal exception log".split())


def _logs(function: Any) -> bool:
    """Whether a function only writes to a log."""
    return _is_logging(function) and getattr(function, "__name__", "") in _LOGS


def _asks_a_logger(function: Any) -> bool:
    """Whether a function says how a logger is set, which may be another thing at each call."""
    is_asked = getattr(function, "__name__", "") in ("isEnabledFor", "getEffectiveLevel")
    return is_asked and _is_logger(owner_of(function))


def _logging() -> Any:
    """The module, which is not imported for a program that has no use for it."""
    return sys.modules.get("logging")


def _is_logger(x: Any) -> bool:
    return isinstance(x, getattr(_logging(), "Logger", ()))


def _is_logging(function: Any) -> bool:
    is_of_module = getattr(function, "__module__", "") == "logging"
    return is_of_module or _is_logger(owner_of(function))


def _run_now(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """In the uncompiled tier: with the values of this call."""
    if function is globals:
        return frame.scope.globals
    if function in (locals, vars) and not args:
        return {n: v for n, v in frame.scope.locals.items() if v is not UNBOUND}
    if function in (inspect.currentframe, inspect.stack):  # which would be frames of ours
        raise Declined("the frame of a function that is differentiated", frame.source(node))
    if function in (exec, eval):
        return _execute(frame, function, [characters(a) for a in args])
    if not (function in _OUTPUT_ONLY or _is_logging(function) or _is_writer(function)):
        opaque.refuse_lost_derivative(frame, function, args, kwargs, node)
    operands = Operands()
    make_args, make_kwargs = operands.template(args), operands.template(kwargs)
    arrays = tuple(np.asarray(frame.trace.concrete(t)) for t in operands.tracers)
    frame.trace.effects = True
    if function is warnings.warn:
        function = given_warnings.warning_from(frame, node)
    return opaque.lift_result(run_users(function, *make_args(arrays), **make_kwargs(arrays)))


def _is_writer(function: Any) -> bool:
    return module_of(function).startswith("scipy.io") and function.__name__ in _WRITERS


_FILTERS = (warnings.simplefilter, warnings.filterwarnings, warnings.resetwarnings)
_OUTPUT_ONLY = frozenset(
    (
        *(print, warnings.warn, open, input, id, time.sleep),
        *(np.save, np.savez, np.savez_compressed, np.savetxt),
    )
)
_WRITERS = ("savemat", "mmwrite", "hb_write", "write")  # of scipy.io


def _execute(frame: Frame, function: Any, args: list[Any]) -> Any:
    """``exec`` and ``eval``: Python itself runs the code, on traced values."""
    trace = frame.trace
    if len(args) == 1:
        visible: dict[str, Any] = {}
        scope: Any = frame.scope
        while scope is not None:
            visible = {n: v for n, v in scope.locals.items() if v is not UNBOUND} | visible
            scope = scope.parent
        args = [*args, frame.scope.globals, visible]
    result = run_users(function, *args)
    for names in args[1:]:
        if trace.is_external(names) or names is frame.scope.globals:
            for name, value in list(names.items()):
                if isinstance(value, Tracer):
                    names[name] = trace.plain(value)
    return result


# -- random numbers ---------------------------------------------------------------------------------
def _is_numpys_random_loaded() -> bool:
    """Whether anybody has used ``numpy.random``, which NumPy loads when it is first asked for."""
    return "numpy.random" in sys.modules


def is_generator(x: Any) -> bool:
    if _is_numpys_random_loaded() and isinstance(x, (np.random.Generator, np.random.RandomState)):
        return True
    return is_of_python(x)


def _is_seed(x: Any) -> bool:
    return _is_numpys_random_loaded() and seeds.is_seed(x)


def _makes_generator(function: Any) -> bool:
    """Whether it makes a random generator, or what one is made of."""
    if not isinstance(function, type):
        return _is_numpys_random_loaded() and function is np.random.default_rng
    python = (sys.modules["random"].Random,) if "random" in sys.modules else ()
    if function in python or not _is_numpys_random_loaded():
        return function in python
    whole = (np.random.RandomState, np.random.Generator, np.random.SeedSequence)
    return function in whole or issubclass(function, np.random.BitGenerator)


def _teller(trace: Trace) -> Callable[[Callable[[], None]], None]:
    """Has every run call a function."""

    def tell(make: Callable[[], None]) -> None:
        host = HostCall(lambda arrays: make(), "random", False)
        host.makes = host.at_the_end = True  # the run is told whether it succeeds
        _emit_host(trace, host, Operands())

    return tell


def _draw(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    if name == "spawn":
        return seeds.call_method(frame, owner, name, args, kwargs, node, _teller(frame.trace))
    if name == "shuffle":
        return _shuffle(frame, owner, *args, node=node, **kwargs)
    if kwargs.get("out") is not None:
        return _draw_into(frame, owner, name, args, kwargs, node)
    if not is_of_python(owner):
        args = [draws.valued(x) for x in args]
        kwargs = {k: draws.valued(x) for k, x in kwargs.items()}
    operands = Operands()
    operands.template(args)
    operands.template(kwargs)
    if operands.tracers and draws.is_known(owner, name):

        def other(method: str, a: list[Any], k: dict[str, Any]) -> Any:
            return _draw(frame, owner, method, a, k, node)

        def emit(method: str, a: list[Any], k: dict[str, Any], type: ArrayType, form: Form) -> Any:
            return _draw_at_run(frame, owner, method, (a, k), type, form, node)

        return draws.draw_traced(frame, owner, name, args, kwargs, node, other, emit)
    if operands.tracers:
        if not frame.trace.tier.holds_back:
            return _run_now(frame, getattr(owner, name), args, kwargs, node)
        raise Declined(f"random.{name} with traced arguments", frame.source(node))
    return _plain_draw(frame, owner, name, args, kwargs)


def _shuffle(frame: Frame, owner: Any, x: Any, axis: int = 0, *, node: ast.AST) -> None:
    """``rng.shuffle(x)``: an order is drawn, as NumPy draws it, and the items take it."""
    trace = frame.trace
    whole = is_array(x)
    count = x.shape[axis] if whole else len(x)
    known = whole and isinstance(count, int) and not is_of_python(owner)
    if not known:
        trace.tier.decline(f"random.shuffle of a {type(x).__name__}", frame.source(node))

    def order() -> np.ndarray:
        positions: Any = np.arange(count)
        if is_of_python(owner):
            positions = list(range(count))
        getattr(reach(), "shuffle")(positions)  # noqa: B009 - of three kinds of generators
        return np.asarray(positions, np.int64)

    if not trace.tier.holds_back or id(owner) in trace.seeded:

        def reach() -> Any:
            return owner

        drawn = order()
        if not whole:
            trace.changing(x, frame.source(node))
            x[:] = [x[k] for k in drawn]
            return
        positions = Tracer.constant(drawn)
    else:
        reach = reacher(trace, owner)
        types = (ArrayType(np.dtype(np.int64), (count,), False),)
        (value,) = _emit(trace, order, [], {}, types, reach)
        positions = Tracer(value, "array")
    x[...] = np.take(x, positions, axis)


def _draw_into(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A draw with ``out=``."""
    out = kwargs["out"]
    others = {key: value for key, value in kwargs.items() if key != "out"}
    if name != "permuted" and len(args) <= (name == "standard_gamma"):  # the size comes first
        others.setdefault("size", out.shape)
    out[...] = _draw(frame, owner, name, args, others, node)
    return out


def _draw_at_run(
    frame: Frame, owner: Any, name: str, given: Any, type: ArrayType, form: Form, node: ast.AST
) -> Any:
    """A draw with the values that its traced arguments have when the program runs."""
    trace, (args, kwargs) = frame.trace, given
    if not trace.tier.holds_back:
        return _run_now(frame, getattr(owner, name), args, kwargs, node)
    if id(owner) in trace.seeded:
        raise Declined(
            f"random.{name} with traced arguments, from a generator made by the function",
            frame.source(node),
        )
    reach = reacher(trace, owner)

    def draw(*a: Any, **k: Any) -> Any:
        return getattr(reach(), name)(*a, **k)

    (value,) = _emit(trace, draw, args, kwargs, (type,), reach)
    return Tracer(value, form)


def _plain_draw(
    frame: Frame, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """A draw whose arguments are known."""
    trace = frame.trace
    if not trace.tier.holds_back:
        return opaque.lift_result(run_users(getattr(owner, name), *args, **kwargs))
    if id(owner) in trace.seeded:
        if len(trace.made) > 1:
            raise NotStaged(
                "a draw from a generator seeded inside of the function, in a branch or loop"
            )
        trace.touch()
        return opaque.lift_result(run_users(getattr(owner, name), *args, **kwargs))
    example = run_users(getattr(copy.deepcopy(owner), name), *args, **kwargs)
    reach = reacher(trace, owner)

    def draw(*a: Any, **k: Any) -> Any:
        return getattr(reach(), name)(*a, **k)

    if example is None:  # seed
        _emit(trace, draw, args, kwargs, (), reach)
        return None
    if isinstance(example, (np.ndarray, np.generic, float, int)):
        array = np.asarray(example)
        weak = not isinstance(example, (np.ndarray, np.generic))
        types = (ArrayType(array.dtype, array.shape, weak),)
        (value,) = _emit(trace, draw, args, kwargs, types, reach)
        form: Form = (
            "python" if weak else ("array" if isinstance(example, np.ndarray) else "scalar")
        )
        return Tracer(value, form)
    raise Declined(f"random.{name}, whose result is a {type(example).__name__}")


__all__ = ["HostCall", "Operands", "append_outside", "call_impure", "order_effects", "store_state"]
