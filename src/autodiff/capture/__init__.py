"""Capture: a Python function and the arguments of one call to a program.

    captured = capture(function, arguments)

``captured.program`` computes the traced leaves of the result (and the new content of arrays the
function stores into) from the argument leaves and hidden inputs.  ``captured.result`` rebuilds
the result around them.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, floating, tree
from autodiff.capture import (
    calls,
    effects,
    expressions,
    formatting,
    functions,
    given,
    passing,
    python_builtins,
    remembered,
    standing,
    statements,
)
from autodiff.capture.choices import TOLD_APART, WORDS, Words
from autodiff.capture.findings import RunLong
from autodiff.capture.gathered import OBJECTS
from autodiff.capture.leaving import (
    given_containers,
    has_effects,
    leave,
    name_of_leaf,
    path_of_part,
)
from autodiff.capture.lists import TracedList
from autodiff.capture.members import ANEW, MEMBERS
from autodiff.capture.naming import Naming, captured_by
from autodiff.capture.numbering import ARRAYS
from autodiff.capture.paths import Path
from autodiff.capture.pools import KEYS, ROWS, TypesOfRows
from autodiff.capture.results import Captured, Leaf, Result
from autodiff.capture.state import MAXIMUM_PLACES, Place, State
from autodiff.capture.stores import HELD
from autodiff.capture.tiers import EAGER, STAGED
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.capture.written_back import Container, given_to
from autodiff.dims import UndecidedExtent, deciding
from autodiff.errors import AutodiffError, UnsupportedError
from autodiff.ir.data import Source
from autodiff.ladder import Bail, Decision, Rung
from autodiff.later import append_later, enter_later, later
from autodiff.ops.builder import building
from autodiff.ops.complex_numbers import ComplexTracer, from_pair
from autodiff.ops.either import union
from autodiff.ops.function_table import functions as numpy_functions
from autodiff.ops.tracer import Tracer, concretizing
from autodiff.plain_data import replace
from autodiff.signals import Arose, is_ours, note_arising
from autodiff.tables import Table

if TYPE_CHECKING:
    from autodiff.capture import nested
else:
    nested = later("autodiff.capture.nested")

calls.answer_later("autodiff.capture.copying", copy.copy, copy.deepcopy)
calls.TAKES_CHOICES.update((copy.copy, copy.deepcopy))
calls.answer_later("autodiff.capture.dataclass_calls", dataclasses.replace)
calls.answer_later(
    "autodiff.capture.numpy_callables",
    np.ndindex, np.ndenumerate, np.nditer, np.fromiter, np.poly1d, np.roots,
)  # fmt: skip
enter_later(calls.SPECIAL_TYPES, "autodiff.capture.numpy_callables", np.vectorize)
calls.columns = later("autodiff.capture.grouped")
append_later(calls.AT_ONCE, "autodiff.capture.pushing")
enter_later(
    calls.TAKES_ALL,
    "autodiff.capture.pushing",
    sum, min, max, set, frozenset, deque, math.fsum, math.prod, dict, list, tuple, sorted,
)  # fmt: skip

__all__ = ["Captured", "Declined", "Leaf", "NotStaged", "Result", "capture"]


def _take_up(trace: Trace, wanted: Sequence[Place | TypesOfRows | str | None]) -> list[Place]:
    """Have a capture do what those before it have found to be needed; the places that change outside.

    None: arrays are to be told apart; ``ROWS``: so are lists that are items of lists; ``ARRAYS``: arrays that are
    have numbers; ``OBJECTS``: objects in lists are read one by one; ``ANEW``: no loop carries members of lists that passes make;
    ``KEYS``: dicts are Python's own, else what is known of the keys of those that a line makes.
    """
    if len(wanted) > MAXIMUM_PLACES:
        raise Declined(f"changes of more than {MAXIMUM_PLACES} places outside of the function")
    trace.distinguish_arrays, trace.shares_rows = wanted.count(None), ROWS in wanted
    trace.gathers, trace.has_members = OBJECTS not in wanted, MEMBERS not in wanted
    trace.renews_members = ANEW not in wanted
    trace.numbering.is_carried = ARRAYS in wanted
    keys = {site: one for one in wanted if (site := getattr(one, "site", None)) is not None}
    trace.keys = None if KEYS in wanted else keys
    trace.words = None if WORDS in wanted else Words()
    for types in (x for x in wanted if isinstance(x, TypesOfRows)):
        known = trace.row_kinds
        trace.row_kinds = (union(known, types.kinds) if known else types.kinds) or known
    told_apart = trace.distinguish_arrays > 0 or MEMBERS in wanted or ARRAYS in wanted
    trace.holds_arrays = HELD in wanted and not told_apart
    return [place for place in wanted if isinstance(place, Place)]


def capture(
    function: Any,
    arguments: Sequence[Leaf],
    rebuild: Any,
    name: str = "f",
    eager: bool = False,
    differentiated: Sequence[int] = (),
    naming: Naming | None = None,
    derivative: bool = False,
    warned: set[str] | None = None,
    run_long: RunLong | None = None,
    slots: Sequence[Any] = (),
    handing: Callable[..., Any] | None = None,
) -> Captured:
    """Capture one call.

    Parameters
    ----------
    function : callable
        The user's function.
    arguments : sequence of Leaf
        The leaves of the call's arguments.
    rebuild : callable
        From the list of leaves (tracers and static objects) to ``(args, kwargs)`` of the call.
    name : str
        Name of the program.
    eager : bool
        Whether the program is good for this call only, so that Python may look at any value.
    differentiated : sequence of int
        Leaves that carry derivatives: an opaque function that would lose one is an error.
    naming : Naming, optional
        The tags and objects that are asked for by name.
    derivative : bool
        Whether it will be differentiated: outputs are not written back, lists are leaf by leaf.
    warned : set of str, optional
        The codes of the warnings that were given of the function; new ones are added.
    run_long : callable, optional
        Runs a program on arrays; asked where Python needs a value that comes out of long loops.
    slots : sequence of object
        The arguments as the user gave them: what is in them may be changed by another way.
    handing : callable, optional
        Makes the derivatives that solvers are handed where the user gave none.
    """
    naming, warned = naming or Naming(), set() if warned is None else warned
    wanted, learnt = list[Place | TypesOfRows | str | None](), list[Decision]()
    while True:
        naming = replace(naming, tags={})
        trace = Trace(EAGER if eager else STAGED, naming, learnt, warned, run_long)
        trace.slots, trace.derivative, trace.handing = slots, derivative, handing
        places = _take_up(trace, wanted)
        try:
            with floating.noting(floating.wanted()) as errors:
                found = _capture(trace, function, arguments, rebuild, name, differentiated, places)
                found.errors = errors()
            return found
        except (Bail, UndecidedExtent, UnsupportedError) as problem:
            if not (needs := _needs(trace, problem, wanted)):
                raise
            learnt.append(Decision(Rung.LEARNT, str(problem), _source(problem) or trace.left_at))
            wanted += needs


def _source(problem: Exception) -> Any:
    return problem.source if isinstance(problem, Bail) else None


def _needs(
    trace: Trace, problem: Bail | UndecidedExtent | UnsupportedError, wanted: Sequence[Any]
) -> Sequence[Place | TypesOfRows | str | None]:
    """What another attempt has to know; nothing where none would help."""
    if not isinstance(problem, Bail):  # the size of an array of a list, perhaps
        is_ragged = any(getattr(x, "is_ragged", False) for x in trace.gathered.values())
        return [OBJECTS] if is_ragged else []
    if problem.rung is not Rung.LEARNT:
        if trace.has_renewed:
            return [ANEW]
        used = trace.words is not None and trace.words.numbers
        needs = [
            (WORDS, used),
            (KEYS, trace.has_keyed),
            (OBJECTS, trace.gathered),
            (MEMBERS, trace.used_members),
        ]
        return [what for what, is_used in needs if is_used]
    if problem.needs is None or all(one in wanted for one in problem.needs):
        return [] if trace.distinguish_arrays > TOLD_APART else [None]
    return problem.needs or [None]


def _capture(
    trace: Trace,
    function: Any,
    arguments: Sequence[Leaf],
    rebuild: Any,
    name: str,
    differentiated: Sequence[int],
    places: list[Place],
) -> Captured:
    trace.builder.interpret = functools.partial(functions.interpret, trace)
    if trace.naming.holomorphic:
        trace.builder.not_holomorphic = []
    with (
        building(trace.builder),
        deciding(trace.decide),
        concretizing(trace.answer),
        captured_by(trace),
    ):
        values = _enter(trace, arguments, differentiated)
        trace.state = State(trace, places)
        trace.scopes.append(trace.state.scope)
        if any(isinstance(x, tree.Carried) for x in values):
            link = functools.partial(_linked, trace, bool(differentiated))
            args, kwargs = rebuild(values, link)
        else:
            args, kwargs = _with_tables(trace, rebuild(values))
        own, trace.arguments = list(given_to([args, kwargs])), (args, kwargs)
        trace.note_given([args, kwargs])
        trace.slot_of = dict(filter(None, map(name_of_leaf, arguments)))
        if trace.tier.holds_back:
            trace.callers_at = given_containers(trace)
            trace.given_at = {} if trace.derivative else trace.callers_at
        try:
            result = _run_knowing(trace, function, args, kwargs)
            standing.end_all(trace)
            captured = leave(trace, result, name, own)
            remembered.warn_of_recalled(trace, captured.program.outputs, function)
        except (AutodiffError, Bail) as error:
            error.source = error.source or trace.builder.source
            error.arose = _arose(trace, error.source)
            raise
        except Exception as error:
            _refuse_seen_twice(trace, own)
            _leave_by(trace, error)
            raise
        finally:
            standing.forget(trace)
            if not trace.tier.holds_back:
                trace.settle()
        captured.decisions = trace.decisions.all()
        _refuse_seen_twice(trace, own)
        if any(container.has_changed for container in own):
            given.refuse_change_beside(trace)
        captured.specialised_leaves = frozenset(
            r.leaf
            for r in trace.inputs
            if r.leaf is not None and r.form == "python" and r.value in trace.guarded
        )
        return captured


def _arose(trace: Trace, source: Source | None) -> Arose:
    return Arose(source, has_effects(trace) or bool(trace.state.places))


def _leave_by(trace: Trace, error: Exception) -> None:
    """An exception ends the capture: note where it arose.

    Where effects are real, it is what the user gets, so nothing traced may be left in it.
    """
    note_arising(error, _arose(trace, trace.raised_at(error)))
    if not is_ours(error):
        trace.leave_plain(error)


def _is_traced_list(x: Any) -> bool:
    return isinstance(x, TracedList)


def _refuse_seen_twice(trace: Trace, given_to: Sequence[Container]) -> None:
    """Where copies of arguments were changed, for a time at least: who reads these by another way has seen nothing.

    Which argument a copy stands for is not known, so its class tells.
    """
    changed = {
        type(container.obj)
        for container in given_to
        if container.has_changed or id(container.obj) in trace.changes
    }
    lists = [x.list for x in trace.given.values()]
    if any(id(x) in trace.changes or not given.is_unchanged(trace, x) for x in lists):
        changed.add(list)
    if not changed:
        return
    own = [*(container.obj for container in given_to), *lists]
    sources = (trace.changes[id(x)] for x in own if id(x) in trace.changes)
    trace.guard_no_repeats("a change of an argument", next(sources, None))

    def may_be_changed(obj: Any) -> bool:
        return type(obj) in changed

    for obj in trace.given_containers().values():
        path = trace.paths.get(id(obj))
        if path is not None and may_be_changed(obj):
            kind = type(obj).__name__
            raise Declined(
                f"a change of a {kind} that is an argument, and is {path.describe()} too"
            )
    for obj in trace.keep_alive:  # nor may it turn out so in another call
        if may_be_changed(obj):
            trace.guard_not_given(obj)


def _run_knowing(trace: Trace, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run the function, unless there turn out to be places that it changes without our knowing."""
    try:
        result = _run(trace, function, args, kwargs)
    except Exception:
        trace.state.restart()
        raise
    trace.state.restart()
    return result


def _run(trace: Trace, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if isinstance(function, FunctionType):
        if function not in numpy_functions:
            return functions.call_function(trace, function, args, kwargs)
        args, kwargs = _without_defaults(function, args, kwargs)
    if isinstance(function, functools.partial):
        trace.remember(function, Path.root(function, "partial"))
        inner, first, named = calls.partial_parts(trace, function)
        return _run(trace, inner, [*first, *args], {**named, **kwargs})
    # The object that a method or a callable object stands for: its attributes are read anew at
    # every call, like globals.
    owner = function.__self__ if isinstance(function, MethodType) else function
    if not isinstance(owner, type | ModuleType):
        trace.remember(owner, Path.root(owner, "self"))
        trace.owner = owner
    frame = nested.call_frame(trace)
    return calls.call(frame, function, list(args), dict(kwargs), frame.scope.syntax.node)


def _without_defaults(
    function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Arguments of a library's function without those that are its defaults, which tables know."""
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.signature(function).parameters
    parameters = list(signature.values())
    given: list[Any] = []
    named = {
        name: x
        for name, x in kwargs.items()
        if name not in signature or x is not signature[name].default
    }
    for x, parameter in zip(args, parameters, strict=False):
        if parameter.default is inspect.Parameter.empty and not named:
            given.append(x)
        elif x is not parameter.default:
            if parameter.kind not in by_keyword:
                return args, kwargs
            named[parameter.name] = x
    return (given, named) if len(args) <= len(parameters) else (args, kwargs)


def _enter(trace: Trace, arguments: Sequence[Leaf], differentiated: Sequence[int]) -> list[Any]:
    """Inputs for the argument leaves; the values the interpreter sees."""
    values: list[Any] = []
    trace.given_leaves = arguments
    for number, leaf in enumerate(arguments):
        if isinstance(leaf.value, tree.Carried):
            values.append(leaf.value)
            continue
        if leaf.role == "static":
            values.append(_static(trace, leaf))
            continue
        whole = given.is_whole(leaf.value)
        value = given.array_of(leaf.value, leaf.role == "float") if whole else leaf.value
        tracer = trace.add_input(
            value, leaf.path, number, leaf.name, leaf.role == "float", leaf.symbols, leaf.title
        )
        if leaf.role == "float":
            trace.whole.add(tracer.value)
        if number in differentiated:
            trace.differentiable.add(tracer.value)
        if leaf.role.startswith("complex"):
            tracer = _enter_complex(trace, tracer, number, leaf)
        values.append(given.enter(trace, leaf.value, tracer, number) if whole else tracer)
    return values


def _with_tables(trace: Trace, arguments: Any) -> Any:
    """The arguments with lists for the tables among them."""
    return containers.replaced(
        arguments,
        lambda x: isinstance(x, Table),
        lambda table: given.enter_table(trace, table),
        stop=_is_traced_list,
    )


def _enter_complex(trace: Trace, pair: Tracer, number: int, leaf: Leaf) -> ComplexTracer:
    """The complex number or array of an input of pairs."""
    entered = from_pair(pair, leaf.role.split()[1])  # type: ignore[arg-type]
    if entered.form == "array":
        trace.complex_inputs[number] = (entered, trace.inputs[-1])
        for part in entered.parts:
            part.cell.follows, part.cell.is_laid = pair.cell.follows, True
            strides = pair.cell.strides
            part.cell.strides = None if strides is None else tuple(n // 2 for n in strides[:-1])
    return entered


def _static(trace: Trace, leaf: Leaf) -> Any:
    """A static leaf: plain values are part of the signature, others are guarded or read piecewise."""
    value = leaf.value
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    trace.guard(value, leaf.path)
    return value


def _linked(
    trace: Trace, derivative: bool, originals: Sequence[Any], made: Sequence[Any]
) -> Sequence[Any]:
    """The arguments with the attributes that dataclasses carry besides their fields: read at every call.

    Where these lead back into the arguments, they lead to what was made in their place.  What a
    ``cached_property`` has computed of the fields is computed again for a derivative.
    """
    made = _with_tables(trace, made)
    found: list[tuple[tree.Pair, Path]] = []
    for k, (original, obj) in enumerate(zip(originals, made, strict=True)):
        for pair in tree.pairs(original, obj):
            path = functools.reduce(path_of_part, pair.path, Path(f"args[{k}]"))
            found.append((pair, path))
            trace.remade.setdefault(id(pair.original), (pair.made, path))
    for pair, path in found:
        cls = type(pair.original)
        for name in pair.carried:
            static = inspect.getattr_static(cls, name, None)
            if derivative and isinstance(static, functools.cached_property):
                containers.drop_attribute(pair.made, name)
                continue
            value = containers.attribute_of(pair.original, name)
            lifted = trace.lift(value, path_of_part(path, (cls, name)))
            containers.set_attributes(pair.made, {name: lifted})
    return made
