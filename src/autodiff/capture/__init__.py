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
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from enum import Enum
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import containers, floating, tree
from autodiff.capture import (
    calls,
    copying,
    dataclass_calls,
    effects,
    expressions,
    formatting,
    functions,
    given,
    handlers,
    matching,
    numpy_callables,
    passing,
    pushing,
    python_builtins,
    remembered,
    statements,
)
from autodiff.capture.arrays import Chosen
from autodiff.capture.choices import TOLD_APART, is_choice, refuse
from autodiff.capture.frames import Scope
from autodiff.capture.gathered import OBJECTS, refuse_changes
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.lists import TracedList, refuse_open_length
from autodiff.capture.members import (
    MEMBERS,
    ArrayOfMemberPlan,
    ListOfMembersPlan,
    MemberPlan,
    Members,
    MembersPlan,
    member,
    refuse_part,
    refuse_unknown_rows,
    row_step,
)
from autodiff.capture.naming import Naming, captured_by
from autodiff.capture.nested import call_frame
from autodiff.capture.numbering import ARRAYS, ArrayPlan, ArraysMatter
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Guard, Path
from autodiff.capture.pools import ROWS, TypesOfRows, row_of
from autodiff.capture.records import Member, PoolPlan, RecordPlan, Ref, RowPlan, RowsPlan
from autodiff.capture.regions import cells_of, is_listed
from autodiff.capture.sequences import LazySequence
from autodiff.capture.sharing import Part, take_apart
from autodiff.capture.sourcecode import Syntax
from autodiff.capture.state import MAXIMUM_PLACES, Place, State
from autodiff.capture.stores import HELD, ListPlan
from autodiff.capture.text import DeferredText, is_pending
from autodiff.capture.tiers import EAGER, STAGED, Tier
from autodiff.capture.trace import (
    Declined,
    Input,
    NotStaged,
    RunLong,
    Trace,
    is_library,
    is_stored,
)
from autodiff.capture.written_back import Container, Store, given_to, stores
from autodiff.dims import Dim, deciding
from autodiff.errors import AutodiffError
from autodiff.ir.data import Program, Source, Value
from autodiff.ladder import Bail, Decision, Rung
from autodiff.lookups import Name
from autodiff.ops.builder import building
from autodiff.ops.complex_numbers import ComplexTracer, from_pair
from autodiff.ops.either import VARIES, Either, is_array, union
from autodiff.ops.function_table import functions as numpy_functions
from autodiff.ops.tracer import (
    Cell,
    Tracer,
    as_tracer,
    concretizing,
    is_traced,
)
from autodiff.plain_data import dataclass
from autodiff.signals import Arose, is_ours, note_arising
from autodiff.tables import Table

__all__ = ["Captured", "Declined", "Leaf", "NotStaged", "Result", "capture"]


@dataclass(frozen=True)
class Leaf:
    """One argument leaf: its value at this call, how to reach it, and how it is taken.

    ``role`` is ``"array"`` (an input: array, NumPy scalar or Python float), ``"float"`` (an int
    differentiated as a float), ``"complex array"`` and the like (an array of real and imaginary
    parts along its last axis, with the form of the complex object), ``"int"`` (an int read at run
    time) or ``"static"`` (a value that shapes the program).  ``symbols`` numbers the axes whose extent is read at run time.
    """

    value: Any
    path: Path
    role: str
    name: str | None = None
    symbols: tuple[int | None, ...] = ()
    title: str = ""  # what errors call it


@dataclass
class Result:
    """How to rebuild a function's result: per leaf an output number, or a constant.

    ``leaves[k]`` is ``("output", number, form)``, ``("argument", leaf number)`` where the function
    returns its argument itself, ``("hidden", number)`` where it returns an array that it found
    outside, ``("found", number)`` of the ``objects`` of the capture, a container of the arguments, ``("view", plan, steps)`` of one of these, ``("list", ListPlan)``, ``("copy", object)``,
    ``("constant", object)``, ``("either", number, leaf, leaf)`` by whether an output is true,
    ``("complex", number, form)`` of an output of pairs, ``("converted", number, type)``,
    ``("real part", number, type)`` of an output of pairs, or ``("part", number)`` of the ``parts`` that it has in several places.
    Of derivatives by a list that is one array: ``("columns", plan, type, form)``, a list with an item for each index of the
    last axis, and ``("rows", Result, type)`` for each of the first axis of all its outputs.
    """

    leaves: list[tuple[Any, ...]]
    definition: Any | None
    parts: tuple[Result, ...] = ()  # each made of those before it

    def numbers(self) -> list[int]:
        """The outputs that it is made of, where it is the row of a matrix."""
        found = [leaf[1] if leaf[0] == "columns" else leaf for leaf in self.leaves]
        return [leaf[1] for leaf in found if leaf[0] == "output"]

    def _of_row(self, outputs: dict[int, Any]) -> Any:
        """The result around one row of each output, which is an array or a number of its own."""
        items = []
        for leaf in self.leaves:
            kind, what = leaf[0], leaf[1]
            if kind == "columns":
                items.append(leaf[2](_columns(outputs[what[1]], leaf[3])))
            elif kind == "output":
                row = outputs[what]
                plain = float(row) if leaf[2] == "float" else row
                items.append(np.array(row) if row.ndim else plain)
            else:
                items.append(what)
        return items[0] if self.definition is None else tree.unflatten(self.definition, items)

    def rebuild(
        self,
        outputs: Sequence[Any],
        arguments: Sequence[Any],
        hidden: Sequence[Any] = (),
        found: Sequence[Any] = (),
    ) -> Any:
        """The result around the outputs of one run."""
        parts: list[Any] = []
        made: dict[Any, Any] = {}
        for part in self.parts:
            parts.append(part._around(outputs, arguments, hidden, found, parts, made))
        return self._around(outputs, arguments, hidden, found, parts, made)

    def _around(
        self,
        outputs: Sequence[Any],
        arguments: Sequence[Any],
        hidden: Sequence[Any],
        found: Sequence[Any],
        parts: Sequence[Any],
        made: dict[Any, Any],
    ) -> Any:
        def item(leaf: tuple[Any, ...]) -> Any:
            kind, what = leaf[0], leaf[1]
            if kind == "output":
                return outputs[what]
            if kind == "either":
                return item(leaf[2 if outputs[what] else 3])
            if kind == "complex":
                if leaf not in made:
                    made[leaf] = as_complex_result(outputs[what], leaf[2])
                return made[leaf]
            if kind == "converted":
                return leaf[2](outputs[what])
            if kind == "real part":
                return leaf[2](outputs[what][0])
            if kind == "columns":
                return leaf[2](_columns(item(what), leaf[3]))
            if kind == "rows":
                blocks = [np.asarray(outputs[k]) for k in what.numbers()]
                rows = (
                    {k: b[at] for k, b in zip(what.numbers(), blocks, strict=True)}
                    for at in range(len(blocks[0]))
                )
                return leaf[2]([what._of_row(row) for row in rows])
            if kind == "list":
                return what.build(outputs, item, made)
            if kind == "argument":
                return arguments[what]
            if kind == "hidden":
                return hidden[what]
            if kind == "found":
                return found[what]
            if kind == "copy":
                return copy.copy(what)
            if kind == "part":
                return parts[what]
            if kind == "view":
                array = item(what)
                for repeat, extents in leaf[2]:
                    array = repeat(array, [n if at is None else outputs[at] for n, at in extents])
                return array
            return what

        def whole(part: Result) -> Any:
            items = [item(leaf) for leaf in part.leaves]
            return items[0] if part.definition is None else tree.unflatten(part.definition, items)

        return whole(self)


def _columns(block: Any, form: str) -> list[Any]:
    """The parts of an array along its last axis; numbers where it has no other."""
    array = np.asarray(block)
    if array.ndim > 1:
        return [np.array(array[..., k]) for k in range(array.shape[-1])]
    return array.tolist() if form == "float" else list(array)


@dataclass
class Captured:
    """What one capture found."""

    program: Program
    inputs: list[Input]
    guards: list[Guard]
    result: Result
    mutated: list[tuple[int, int]] = field(default_factory=list)  # (input number, output number)
    output_forms: list[str] = field(default_factory=list)
    keep_alive: list[Any] = field(default_factory=list)
    trace: Trace | None = None
    objects: list[Path] = field(default_factory=list)  # read at each call for host calls
    extents: list[Value] = field(default_factory=list)  # program inputs that are input extents
    naming: Naming = field(default_factory=Naming)  # the tags met
    named: dict[int, list[Value]] = field(default_factory=dict)  # values by the id of an object
    watched: bool = False  # a run holds effects back until it has succeeded
    has_effects: bool = False
    changes_objects: bool = False  # places outside are read and stored to
    # What is a view and what a copy was decided for arrays in C order, and stores make it show.
    needs_c_order: bool = False
    # A list or dict among the arguments that the function changes, and how.
    changed_argument: Bail | None = None
    stores_into_arguments: bool = False  # into the lists, dicts and objects among them
    # Floating-point errors of what was computed while capturing, and is not computed again.
    errors: int = 0
    # Int leaves read at run time whose value turned out to shape the program.
    specialised_leaves: frozenset[int] = frozenset()
    decisions: tuple[Decision, ...] = ()  # how loops and branches were compiled, and why so
    lookups: frozenset[Name] = frozenset()  # names of libraries that the code asked for

    def extra_inputs(self, program: Program) -> list[Value]:
        """Inputs of a program made from this one beyond its own."""
        return program.inputs[len(self.inputs) + len(self.extents) :]


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
    """
    naming, warned = naming or Naming(), set() if warned is None else warned
    tier = EAGER if eager else STAGED
    # None: arrays are to be told apart; ``ROWS``: so are lists that are items of lists; ``ARRAYS``: arrays that are
    # have numbers; ``OBJECTS``: objects in lists are read one by one.
    wanted, learnt = list[Place | TypesOfRows | str | None](), list[Decision]()
    while True:
        trace = Trace(tier, replace(naming, tags={}), learnt, warned, run_long)
        trace.slots, trace.derivative = slots, derivative
        trace.distinguish_arrays, trace.shares_rows = wanted.count(None), ROWS in wanted
        trace.gathers, trace.has_members = OBJECTS not in wanted, MEMBERS not in wanted
        trace.numbering.is_carried = ARRAYS in wanted
        for types in (x for x in wanted if isinstance(x, TypesOfRows)):
            known = trace.row_kinds
            trace.row_kinds = (union(known, types.kinds) if known else types.kinds) or known
        told_apart = trace.distinguish_arrays > 0 or MEMBERS in wanted or ARRAYS in wanted
        trace.holds_arrays = HELD in wanted and not told_apart
        places = [place for place in wanted if isinstance(place, Place)]
        try:
            with floating.noting(floating.wanted()) as errors:
                found = _capture(trace, function, arguments, rebuild, name, differentiated, places)
                found.errors = errors()
            return found
        except Bail as problem:
            needs = _needs(trace, problem, wanted)
            if not needs:
                raise
            learnt.append(Decision(Rung.LEARNT, problem.reason, problem.source))
            wanted += needs
        if len(wanted) > MAXIMUM_PLACES:
            raise Declined(f"changes of more than {MAXIMUM_PLACES} places outside of the function")


def _needs(
    trace: Trace, problem: Bail, wanted: Sequence[Any]
) -> Sequence[Place | TypesOfRows | str | None]:
    """What another attempt has to know; nothing where none would help."""
    if problem.rung is not Rung.LEARNT:
        needs = [(OBJECTS, trace.gathered), (MEMBERS, trace.used_members)]
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
        trace.slot_of = dict(filter(None, map(_named, arguments)))
        if not trace.derivative and trace.tier.holds_back:
            trace.given_at = _given_containers(trace)
        try:
            result = _run_knowing(trace, function, args, kwargs)
            captured = _leave(trace, result, name, own)
            remembered.warn_of_recalled(trace, captured.program.outputs, function)
        except (AutodiffError, Bail) as error:
            error.source = error.source or trace.builder.source
            error.arose = _arose(trace, error.source)
            raise
        except Exception as error:
            _leave_by(trace, error)
            raise
        finally:
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
    return Arose(source, _has_effects(trace) or bool(trace.state.places))


def _has_effects(trace: Trace) -> bool:
    """Whether the function does more than compute: a second run would do it again."""
    return trace.effects or any(r.leaf is None and r.cell.version for r in trace.inputs)


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
    """Where copies of arguments were changed: who reads these by another way has seen nothing.

    Which argument a copy stands for is not known, so its class tells.
    """
    changed = {type(container.obj) for container in given_to if container.has_changed}
    if not all(given.is_unchanged(trace, x.list) for x in trace.given.values()):
        changed.add(list)
    if not changed:
        return

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
    frame = call_frame(trace)
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
            part.cell.follows = pair.cell.follows
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
            path = functools.reduce(_step, pair.path, Path(f"args[{k}]"))
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
            lifted = trace.lift(value, _step(path, (cls, name)))
            containers.set_attributes(pair.made, {name: lifted})
    return made


def _step(path: Path, step: tuple[type, Any]) -> Path:
    """The path to a part of a container of a class."""
    cls, key = step
    if isinstance(key, str) and hasattr(cls, "__dataclass_fields__") or issubclass(cls, tuple):
        return Path(containers.path_to(cls, key, path.text), path.roots)
    return path.item(key)


def _leave(trace: Trace, result: Any, name: str, taken: Sequence[Container]) -> Captured:
    derivative = trace.derivative
    if trace.tier.holds_back:
        trace.state.forget_unread()
    given.leave(trace, result, derivative)
    refuse_changes(trace)
    outputs: list[Value] = []
    forms: list[str] = []
    # Of what is found outside, and of what is shared.
    copies = derivative or not trace.tier.holds_back
    own = {} if copies else trace.given_at
    result, parts = (
        (result, [])
        if copies
        else take_apart(result, lambda x: id(x) in own or trace.is_external(x))
    )
    plain = [_plain_keys(trace, _plain_lists(x, whole=not derivative)) for x in (*parts, result)]
    plan = _plan_result(trace, plain, outputs, forms, copies)
    for entered, record in trace.complex_inputs.values():
        if any(part.cell.version for part in entered.parts):
            record.cell.write(entered.pair.value)
    mutated = []
    for number, record in enumerate(trace.inputs):
        if record.cell.version:
            mutated.append((number, len(outputs)))
            outputs.append(record.cell.value)
            forms.append("array")
    trace.builder.block.outputs = outputs
    watched = False
    changed: list[Store] | Bail = []
    if trace.tier.holds_back:
        if not derivative:
            _refuse_two_of_one(trace, [*parts, result])
            changed = stores(trace, taken, [*parts, result])
            trace.effects |= not isinstance(changed, Bail) and bool(changed)
        effects.store_state(trace, derivative, [] if isinstance(changed, Bail) else changed)
        watched = effects.order_effects(trace.builder.block)
    extents = list(trace.extents.values())
    trace.builder.block.parameters += extents
    program = Program(trace.builder.block, name)
    return Captured(
        program,
        trace.inputs,
        trace.guards,
        plan,
        mutated,
        forms,
        trace.keep_alive,
        trace,
        trace.objects,
        extents,
        trace.naming,
        trace.named,
        watched,
        _has_effects(trace),
        bool(trace.state.places),
        trace.tier.reusable and _decided_by_order(trace),
        changed_argument=changed if isinstance(changed, Bail) else None,
        stores_into_arguments=bool(changed),
        lookups=frozenset(trace.lookups),
    )


def _refuse_two_of_one(trace: Trace, result: Any) -> None:
    """Decline where the result holds an object that is kept outside too: each would be made for itself."""
    kept = {id(x): x for x in trace.state.kept()}
    # Lists in a store are another kind of result; their items need not be computed to see that.
    for part in containers.walk(result, lambda x: is_stored(x) or trace.is_external(x)):
        if id(part) in kept:
            raise Declined(f"a {type(part).__name__} that is kept outside and returned as well")


def _decided_by_order(trace: Trace) -> bool:
    """Whether arguments in another order than C would give other values, or show a copy as a view."""
    builder = trace.builder
    return (
        builder.ordered_values
        or (builder.stored and builder.ordered_copies)
        or any(cell.version for cell in builder.ordered_views)
    )


def _plain_lists(result: Any, whole: bool) -> Any:
    """The result with ordinary lists for those made here, but for those that stay in their store."""

    def stays(x: Any) -> bool:
        return bool(x.is_stored() and whole and x.is_even())

    def plain(x: Any) -> Any:
        if not isinstance(x, TracedList):
            return _plain_lists(x, whole)
        if stays(x):
            return x
        refuse_open_length(x)
        items = [plain(item) for item in x]
        return tuple(items) if type_of(x) is tuple else items

    if isinstance(result, TracedList):
        return plain(result)
    if not tree.is_container(result):
        return result
    # What holds none of them stays: it may be one of the user's own.
    return containers.replaced(
        result,
        lambda x: isinstance(x, TracedList) and not stays(x),
        plain,
        stop=lambda x: isinstance(x, TracedList) or not tree.is_container(x),
    )


def _plain_keys(trace: Trace, result: Any) -> Any:
    """The result with the values of this call, guarded, for traced keys and members of sets."""

    def has_traced_keys(x: Any) -> bool:
        kind = containers.kind_of(x)
        if kind is None:
            return False
        if kind.name in ("set", "frozenset"):
            return any(is_pending(item) for item in kind.values(x))
        return kind.has_keys and any(containers.holds(key, is_pending) for key in kind.keys(x))

    def plain(x: Any) -> Any:
        kind = containers.kind_of(x)
        assert kind is not None
        if not kind.has_keys:
            return trace.untraced(x)
        keys = [trace.untraced(key) for key in kind.keys(x)]
        return kind.make(x, keys, [_plain_keys(trace, value) for value in kind.values(x)])

    return containers.replaced(
        result,
        has_traced_keys,
        plain,
        stop=lambda x: isinstance(x, TracedList) or trace.is_external(x),
    )


def _plan_list(
    trace: Trace, x: TracedList, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """A list whose items are in a store: the array, and how many there are."""
    if id(x) in trace.given and given.is_unchanged(trace, x):
        leaf = trace.given[id(x)].leaf
        if leaf is None:
            raise NotStaged("a list of records that is an argument, in the result")
        return ("argument", leaf)
    if row_of(x) is not None or isinstance(x.template, Ref):
        return _plan_rows(trace, x, outputs, forms, seen)
    if x.columns is not None and isinstance(x.template, Member):
        pool = _plan_members(trace, x.template.pool, outputs, forms, seen)
        plan = _plan_list(trace, x.columns[0], outputs, forms, seen)[1]
        return ("list", ListOfMembersPlan(pool, plan))
    if x.columns is not None and x.template is not None:
        plans = [_plan_list(trace, c, outputs, forms, seen)[1] for c in x.columns]
        return ("list", RecordPlan(x.template, tuple(plans)))
    if x.block is not trace.builder.block or x.store is None:
        raise Declined("a list made inside of a branch or loop in the result")
    key = (x.store.buffer, "list")
    if key in seen:
        return seen[key]
    store = x.store
    array = x.whole()
    assert array is not None
    length, count, changed = store.length, None, None
    outputs.append(array.value)
    forms.append("array")
    buffer = len(outputs) - 1
    if isinstance(length, Dim):
        count = len(outputs)
        outputs.append(store.count.value)
        forms.append("int")
    head: list[Any] = []
    repeated: tuple[Any, ...] | None = None
    if store.changed is not None:
        known: dict[Any, tuple[Any, ...]] = {}
        for item in store.head:
            is_one = isinstance(item, Tracer) and not isinstance(item, Either)
            which = (item.value, item.form) if is_one else id(item)
            if which not in known:
                known[which] = _plan_leaf(trace, item, outputs, forms, {})
            head.append(known[which])
        if store.repeated is not None:
            repeated = _plan_leaf(trace, store.repeated[0], outputs, forms, {})
        if store.changed.value is not store.unchanged or store.repeated is not None:
            changed = len(outputs)
            outputs.append(store.changed.value)
            forms.append("array")
    plan = ListPlan(
        buffer,
        None if isinstance(length, Dim) else length,
        count,
        store.slot.form,
        tuple(head),
        repeated,
        changed,
        type_of(x),
    )
    seen[key] = ("list", plan)
    return seen[key]


def _plan_members(
    trace: Trace, pool: Members, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> MembersPlan:
    """The members of a pool."""
    arrays = {name for name, slot in pool.form.slots.items() if slot.form == "array"}
    if trace.derivative or arrays - pool.form.owned:  # of which several may have one
        raise pool.refusal()
    if (pool, "pool") not in seen:
        columns = {
            name: _plan_list(trace, column, outputs, forms, seen)[1]
            for name, column in pool.columns.items()
        }
        seen[pool, "pool"] = MembersPlan(len(outputs), pool.form, columns)
    plan: MembersPlan = seen[pool, "pool"]
    return plan


def _plan_member(
    trace: Trace, x: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """An object that is an item of a list."""
    found = member(x)
    if found is None:
        refuse(x)
    assert found is not None
    pool, number = found
    plan = _plan_members(trace, pool, outputs, forms, seen)
    return ("list", _plan_number(plan, number, outputs, forms))


def _plan_number(
    plan: MembersPlan, number: Any, outputs: list[Value], forms: list[str]
) -> MemberPlan:
    if isinstance(number, int):
        return MemberPlan(plan, number, is_output=False)
    outputs.append(as_tracer(number).value)
    forms.append("int")
    return MemberPlan(plan, len(outputs) - 1, is_output=True)


def _plan_array_of_member(
    trace: Trace, x: Tracer, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...] | None:
    """An array that an object in a list holds; None of others."""
    if not trace.used_members or trace.derivative or not x.path:
        return None
    step = row_step(x)
    if step is None:
        refuse_part(trace, x)
        return None
    plan = _plan_members(trace, step.pool, outputs, forms, seen)
    return ("list", ArrayOfMemberPlan(_plan_number(plan, step.number, outputs, forms), step.name))


def _plan_rows(
    trace: Trace, x: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """A list that is a row of a pool, or a list of such."""
    row = row_of(x)
    pool = row.pool if row is not None else x.template.pool
    if pool.rows.block is not trace.builder.block:
        raise Declined("a list made inside of a branch or loop in the result")
    if (pool, "pool") not in seen:
        seen[pool, "pool"] = PoolPlan(len(outputs), pool.slot, len(outputs) + 1, pool.template)
        for one in (pool, pool.tags) if pool.tags is not None else (pool,):
            outputs.append(one.content.value)
            forms.append("array")
    plan = seen[pool, "pool"]
    if row is None:
        assert x.columns is not None
        (column,) = x.columns
        return ("list", RowsPlan(plan, _plan_list(trace, column, outputs, forms, seen)[1]))
    if isinstance(row.number, int):
        return ("list", RowPlan(plan, row.number, is_output=False))
    outputs.append(as_tracer(row.number).value)
    forms.append("int")
    return ("list", RowPlan(plan, len(outputs) - 1, is_output=True))


_EMPTY: tuple[()] = ()  # of which there is one


class _Held:
    """A container from outside that is part of the result: it is returned itself."""

    def __init__(self, obj: Any, path: Path | None = None) -> None:
        self.obj = obj
        self.path = path  # of one among the arguments


def _own(trace: Trace, x: Any, given: dict[int, Path]) -> _Held | None:
    """How to return a container that is one of the user's own."""
    if isinstance(x, TracedList) or not tree.is_container(x) or x is _EMPTY:
        return None
    copied, obj = trace.copies.get(id(x), (None, None))
    obj = obj if copied is x else x
    path = given.get(id(x)) or trace.paths.get(id(obj))
    return None if path is None else _Held(obj, path if path.is_of_arguments else None)


def _hold(trace: Trace, result: Any) -> Any:
    """The result with what is returned itself in place of the user's own containers."""
    given = trace.given_at if containers.kind_of(result) is not None else {}
    return containers.replaced(
        result,
        lambda x: _own(trace, x, given) is not None,
        lambda x: _own(trace, x, given),
        stop=lambda x: isinstance(x, TracedList) or not tree.is_container(x),
    )


def _named(leaf: Leaf) -> tuple[str, int] | None:
    """The parameter that a leaf belongs to, and the number of its slot."""
    name = re.match(r"argument (\w+)", leaf.title)
    number = re.match(r"\D*args\[(\d+)\]", leaf.path.text)
    return None if name is None or number is None else (name[1], int(number[1]))


def _given_containers(trace: Trace) -> dict[int, Path]:
    """Where the containers are in whose places others were made, by the identities of these."""
    found: dict[int, Path] = {}
    args, kwargs = trace.arguments
    for k, (original, made) in enumerate(zip(trace.slots, args, strict=False)):
        if not _match(trace, original, made, Path(f"args[{k}]"), found):
            break  # *rest: what comes after are its items
    for name, made in kwargs.items():
        k = trace.slot_of.get(name, len(trace.slots))
        if k < len(trace.slots):
            _match(trace, trace.slots[k], made, Path(f"args[{k}]"), found)
    return found


def _match(trace: Trace, original: Any, made: Any, path: Path, found: dict[int, Path]) -> bool:
    """Note what was made of a container and of those in it; whether that is what it was made of."""
    cls = type(original)
    if id(made) in trace.given:
        return given.is_unchanged(trace, made)
    if cls is not type(made) or not tree.is_container(original) or id(made) in found:
        return not tree.is_container(original) and not tree.is_container(made)
    attributes = containers.attributes_of(made) if containers.is_record(made) else {}
    parts = dict(tree.children(made)) | attributes
    found[id(made)] = path
    fits = True
    for key, part in tree.children(original):
        fits = (
            fits
            and key in parts
            and _match(trace, part, parts[key], _step(path, (cls, key)), found)
        )
    if not fits:
        del found[id(made)]
    return fits


def _plan_result(
    trace: Trace, pieces: Sequence[Any], outputs: list[Value], forms: list[str], copies: bool
) -> Result:
    """How to rebuild the last of the pieces, of which the others are parts.

    ``copies``: what is returned of arrays and objects from outside need not be these.
    """
    leaves: list[Any] = []
    structures = []
    for piece in pieces:
        held = piece if copies else _hold(trace, piece)
        if tree.is_container(held) and not isinstance(held, TracedList):
            found, definition = tree.flatten(held, whole_lists=True)
        else:
            found, definition = [held], None
        structures.append((len(leaves), len(leaves) + len(found), definition))
        leaves += found
    plans: dict[int, tuple[Any, ...]] = {}
    seen: dict[tuple[Cell, Any], tuple[Any, ...]] = {}
    arrays = [leaf for leaf in leaves if is_array(leaf)]
    whole = {part.cell for leaf in arrays for part in parts_of(leaf) if not part.path}

    def is_view(k: int) -> bool:
        """Whether a leaf is a view of another one, which is planned before it."""
        leaf = leaves[k]
        return is_array(leaf) and any(p.path and p.cell in whole for p in parts_of(leaf))

    if not copies:
        refuse_unknown_rows(trace, leaves)
    numbered = None if copies else Numbered(trace, leaves, outputs, forms, seen)
    for k in sorted(range(len(leaves)), key=is_view):
        if isinstance(leaves[k], Part):
            plans[k] = ("part", leaves[k].number)
            continue
        plan = None if copies else _plan_found(trace, leaves[k], outputs, forms, seen)
        plans[k] = plan or _plan_leaf(trace, leaves[k], outputs, forms, seen)
        if numbered is not None and is_array(leaves[k]):
            plans[k] = numbered.plan(leaves[k], plans[k])
    if numbered is not None:
        numbered.finish()
    *parts, result = [
        Result([plans[k] for k in range(first, end)], definition)
        for first, end, definition in structures
    ]
    return dataclasses.replace(result, parts=tuple(parts))


class Numbered:
    """The arrays of a result of which it depends on the path, or on a list's items, whether they are one."""

    def __init__(
        self,
        trace: Trace,
        leaves: Sequence[Any],
        outputs: list[Value],
        forms: list[str],
        seen: dict[Any, Any],
    ) -> None:
        self.trace, self.outputs, self.forms, self.seen = trace, outputs, forms, seen
        self.numbering = trace.numbering
        arrays = {id(leaf): leaf for leaf in leaves if is_array(leaf)}.values()
        self.times = Counter(cell for leaf in arrays for cell in cells_of(leaf))
        self.times.update(trace.cells_of_inputs())

    def _matters(self, leaf: Tracer) -> bool:
        """Whether others may be an array that is one of several."""
        chosen = [x.cell for x in parts_of(leaf) if isinstance(x.cell, Chosen)]
        return any(self.times[cell] > 1 for one in chosen for cell in one.cells)

    def plan(self, leaf: Tracer, plan: tuple[Any, ...]) -> tuple[Any, ...]:
        """How the result has an array that is planned as if no other were it."""
        if isinstance(plan[1], ArrayPlan):
            return plan
        matters = self._matters(leaf)
        if not (matters or self.numbering.is_carried):
            return plan
        if matters and self._is_kept(leaf):
            raise Declined("an array in the result that is one of several, and is kept outside")
        number = self._number(leaf, matters)
        if number is None:
            return plan
        is_output = isinstance(number, Tracer)
        is_complex = isinstance(leaf, ComplexTracer)
        if not is_output and plan[0] not in ("output", "complex"):
            self.numbering.known[number, is_complex] = plan
            return plan
        if is_output:
            self.outputs.append(number.value)
            self.forms.append("int")
            number = len(self.outputs) - 1
        made = ArrayPlan(number, is_output, plan, self.numbering.known, is_complex)
        for key in [key for key, known in self.seen.items() if known is plan]:
            self.seen[key] = ("list", made)
        return ("list", made)

    def _is_kept(self, leaf: Tracer) -> bool:
        """Whether an array, or one that it may be, is kept outside as well."""
        state, cells = self.trace.state, cells_of(leaf).keys()
        outside = [*state.kept(), *state.scope.locals.values()]
        found = containers.walk(outside, lambda x: is_stored(x) or self.trace.is_external(x))
        return any(is_array(x) and cells_of(x).keys() & cells for x in found)

    def _number(self, leaf: Tracer, matters: bool) -> Any:
        try:
            return self.numbering.of(leaf)
        except Bail as problem:
            if not self.numbering.is_carried:
                raise ArraysMatter(problem.reason) from None
            if matters or is_listed(leaf):
                raise Declined(f"{problem.reason}, and in the result") from None
            return None

    def finish(self) -> None:
        """Say how the arrays are made that are, or are views of, those of the arguments and from outside."""
        pairs = [pair for pair, _ in self.trace.complex_inputs.values()]
        entered = [part.cell for pair in pairs for part in pair.parts]
        for x, number in [*self.numbering.sites.items()]:
            plan = _plan_found(self.trace, x.like, self.outputs, self.forms, self.seen)
            if plan is not None and not isinstance(plan[1], ArrayPlan):
                key = number, x.like.cell in entered or plan[0] == "complex"
                self.numbering.known.setdefault(key, plan)


def parts_of(leaf: Tracer) -> tuple[Tracer, ...]:
    """The real arrays that an array is made of: both parts of a complex one, or itself."""
    return leaf.parts if isinstance(leaf, ComplexTracer) else (leaf,)


def _plan_found(
    trace: Trace, leaf: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...] | None:
    """An array or object that was there before the call, or a view of an array."""
    if isinstance(leaf, _Held):
        if leaf.path is not None:
            return ("found", trace.number_of(leaf.path))
        leaf = leaf.obj
    if not isinstance(leaf, Tracer):
        if trace.is_external(leaf):
            if isinstance(leaf, np.void):
                return ("found", trace.number_of(trace.paths[id(leaf)]))
            trace.guards.append(Guard(trace.paths[id(leaf)], "is", leaf))
            return ("constant", leaf)
        if isinstance(leaf, (set, bytearray)):
            return ("copy", leaf)
        kind = type(leaf)
        if _is_plain(leaf) or is_library(kind) or isinstance(leaf, (type, FunctionType, Enum)):
            return None
        if isinstance(leaf, DeferredText) or kind.__module__.startswith("autodiff"):
            return None
        raise Declined(f"a result of type {kind.__name__} that the function makes")
    if not is_array(leaf):
        return None
    part = parts_of(leaf)[0]
    source = _source_of(trace, part.cell, seen)
    if source is None or not part.path:
        return source
    steps = []
    for step in part.path:
        if step.repeat is None:
            return None
        extents = []
        for extent in step.extents:
            if isinstance(extent, Dim):
                outputs.append(as_tracer(extent).value)
                forms.append("int")
            extents.append((extent, len(outputs) - 1 if isinstance(extent, Dim) else None))
        steps.append((step.repeat, extents))
    return ("view", source, steps)


def _source_of(trace: Trace, cell: Cell, seen: dict[Any, Any]) -> tuple[Any, ...] | None:
    """The array outside, or the whole array among the results, that has this storage."""
    first = sum(record.leaf is not None for record in trace.inputs)
    for number, record in enumerate(trace.inputs):
        if record.cell is cell and not record.private:
            if record.leaf is not None:
                return ("argument", record.leaf)
            return ("hidden", number - first)
    for number, (entered, _) in trace.complex_inputs.items():
        if any(part.cell is cell for part in entered.parts):
            return ("argument", number)
    return seen.get((cell, ()))


def _plan_leaf(
    trace: Trace,
    leaf: Any,
    outputs: list[Value],
    forms: list[str],
    seen: dict[Any, tuple[Any, ...]],
) -> tuple[Any, ...]:
    if is_choice(leaf):
        return _plan_member(trace, leaf, outputs, forms, seen)
    if isinstance(leaf, DeferredText):
        raise Declined("a result that is text made of traced values")
    if isinstance(leaf, TracedIterator):
        raise Declined(f"a result that is an iterator ({leaf.kind.__name__})")
    if isinstance(leaf, TracedGenerator) or inspect.iscoroutine(leaf):
        if inspect.iscoroutine(leaf):
            leaf.close()
        raise Declined("a result that is a generator or coroutine")
    if isinstance(leaf, TracedList):
        return _plan_list(trace, leaf, outputs, forms, seen)
    if isinstance(leaf, LazySequence):
        raise Declined("a result that is a range of run-time size")
    if not isinstance(leaf, Tracer):
        if not _is_plain(leaf) and not trace.is_external(leaf) and _reaches_tracer(leaf):
            raise Declined(f"a result of type {type(leaf).__name__} that holds traced arrays")
        return ("constant", leaf)
    if isinstance(leaf, ComplexTracer):
        return _plan_complex(leaf, outputs, forms, seen)
    if isinstance(leaf, Either):
        return _plan_either(trace, leaf, outputs, forms, seen)
    held = _plan_array_of_member(trace, leaf, outputs, forms, seen)
    if held is not None:
        return held
    if leaf.form == "array" and not leaf.path:
        for record in trace.inputs:
            if record.cell is leaf.cell and record.leaf is not None:
                return ("argument", record.leaf)
    key = (leaf.cell, leaf.path)
    if leaf.form == "array" and key in seen:
        return seen[key]
    form: str = leaf.form
    if form == "python":
        form = {"f": "float", "i": "int", "u": "int", "b": "bool"}[leaf.dtype.kind]
    plan = ("output", len(outputs), form)
    outputs.append(leaf.value)
    forms.append(form)
    seen[key] = plan
    if form == "array" and not leaf.path:
        trace.output_of[leaf.cell] = plan[1]
    return plan


def _plan_complex(
    leaf: ComplexTracer, outputs: list[Value], forms: list[str], seen: dict[Any, tuple[Any, ...]]
) -> tuple[Any, ...]:
    """A complex result: an output with real and imaginary parts along its last axis."""
    re, im = leaf.parts
    key = (re.cell, (re.path, im.cell, im.path)) if leaf.form == "array" else (id(leaf), "number")
    if key in seen:
        return seen[key]
    plan = ("complex", len(outputs), leaf.form)
    outputs.append(leaf.pair.value)
    forms.append("array")
    seen[key] = plan
    for part in leaf.parts:  # views of it, its parts among them, are views of what is made
        if leaf.form == "array" and not part.path:
            seen[part.cell, ()] = plan
    return plan


def as_complex_result(pair: np.ndarray, form: str) -> Any:
    """The complex array, NumPy scalar or Python number of an output."""
    whole = np.ascontiguousarray(pair).view(np.result_type(pair.dtype, np.complex64))[..., 0]
    return whole if form == "array" else whole[()] if form == "scalar" else complex(whole)


def _plan_either(
    trace: Trace, leaf: Either, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """A number that is of one of two types."""
    wide = _plan_leaf(trace, leaf.wide, outputs, forms, seen)
    narrow: tuple[Any, ...] = ("constant", leaf.narrow.constant)
    if leaf.narrow.constant is VARIES and leaf.narrow.dtype.kind == "c":
        narrow = ("complex", wide[1], leaf.narrow.form)
    elif leaf.narrow.constant is VARIES:
        kind = leaf.narrow.dtype
        python = leaf.narrow.form == "python"
        how = "real part" if wide[0] == "complex" else "converted"
        narrow = (how, wide[1], type(kind.type().item()) if python else kind.type)
    outputs.append(leaf.is_narrow)
    forms.append("bool")
    trace.either_outputs[wide[1]] = ("either", len(outputs) - 1, narrow, wide)
    return wide if trace.derivative else trace.either_outputs[wide[1]]


def _is_plain(obj: Any) -> bool:
    return obj is None or isinstance(
        obj, (bool, int, float, complex, str, bytes, np.generic, np.ndarray)
    )


def _reaches_tracer(obj: Any) -> bool:
    parts = [] if isinstance(obj, type) else list(getattr(obj, "__dict__", {}).values())
    return any(containers.holds(part, is_pending) for part in (obj, *parts))
