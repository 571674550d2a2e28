"""One capture: the inputs found so far, the guards, the values known for this call.

A :class:`Trace` owns the builder.  ``lift`` turns objects met on the way (arguments, globals,
attributes) into tracers — arrays and floats become inputs, everything else is guarded — and
``concrete`` gives the value a tracer has at this call: free where it depends on constants alone,
otherwise with a guard in the program, or refused inside a staged loop.
"""

from __future__ import annotations

import copy
import functools
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from enum import Enum
from itertools import zip_longest
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, NoReturn, TypeAlias

import numpy as np

from autodiff import containers, labelled, lookups, tree
from autodiff.capture import remembered
from autodiff.capture.arrays import Arrays
from autodiff.capture.effort import Allowance
from autodiff.capture.given import converted
from autodiff.capture.lists import TracedList
from autodiff.capture.numbering import Numbering
from autodiff.capture.parts import Parts, table_of
from autodiff.capture.paths import Guard, Path, has_repeats
from autodiff.capture.text import is_pending, materialised
from autodiff.capture.tiers import STAGED, Tier
from autodiff.capture.written import Written
from autodiff.dims import Dim, Extent, UndecidedExtent, at_least, evaluate, upper_bound
from autodiff.dims import symbols as symbols_of
from autodiff.errors import AutodiffError, DerivativeError, DtypeError, locate
from autodiff.ir.data import ArrayType, Operation, Program, Source, Value
from autodiff.ladder import AmbiguousStore, Bail, Decision, Decisions, Declined, NotStaged, Rung
from autodiff.lookups import Name
from autodiff.ops.builder import emit
from autodiff.ops.complex_numbers import ComplexTracer, plain, whole_of
from autodiff.ops.control import GUARD, CheckFailed, emit_check
from autodiff.ops.evaluate import (
    TooManySteps,
    all_uses,
    as_program,
    at_most,
    run_operation,
    without_effects,
)
from autodiff.ops.known import check, known
from autodiff.ops.layout import set_layout
from autodiff.ops.tracer import (
    SUPPORTED_KINDS,
    Cell,
    Form,
    StoredList,
    Tracer,
    as_tracer,
    emit_tracer,
)
from autodiff.plain_data import dataclass
from autodiff.signals import run_users
from autodiff.stack import users_depth

MAXIMUM_COMPARED = 4096  # elements of an array that is compared at every call
MAXIMUM_STEPS = 20_000
"""Operations that NumPy runs to know a value at this call; for more, machine code is made.  They take
about as long as the machine code takes to make."""


@dataclass
class Input:
    """One input of the program: where it comes from and what it is."""

    value: Value
    path: Path
    form: Form
    cell: Cell
    example: Any
    leaf: int | None  # number of the argument leaf, None for a hidden input
    private: bool = False  # a copy that nobody else sees: a store into it is no effect


RunLong: TypeAlias = Callable[[Program, Sequence[Any]], Sequence[Any]]
"""Runs a program on its inputs by an engine that is fast in loops; raises :class:`CheckFailed`."""


@dataclass(eq=False)
class Tables:
    """What a capture has found out so far."""

    parts: Parts = field(default_factory=Parts)
    heap: Arrays = field(default_factory=Arrays)
    ambiguous: dict[int, Any] = field(default_factory=dict)
    chosen: dict[int, tuple[Any, Sequence[Any]]] = field(default_factory=dict)  # ... of which
    # What stands, in a loop's body, for an object of before.
    held: dict[int, Any] = field(default_factory=dict)
    merged: dict[int, Any] = field(default_factory=dict)  # tuples that may be older ones
    checkpointed: Any = None  # what ``checkpoint`` was called on last
    # What stands for an object that is reached by a path; None where the object itself does.
    stand_in: Callable[[Any, Path], Any] | None = None
    # Inputs by the identity of what they were read from.
    named: dict[int, list[Value]] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    paths: dict[int, Path] = field(default_factory=dict)
    keep_alive: list[Any] = field(default_factory=list)
    # Objects from outside whose attributes are read one by one.
    instances: set[int] = field(default_factory=set)
    known: dict[Value, tuple[Any, bool]] = field(default_factory=dict)
    guarded: dict[Value, None] = field(default_factory=dict)  # a set in order
    by_array: dict[int, Tracer] = field(default_factory=dict)
    by_path: dict[str, Tracer] = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)  # for the sides of branches
    depth: int = 0  # of the calls that are interpreted
    waiting: int = 0  # those of them that an expression with other operands has made
    is_alone: bool = True  # whether the next one is the first thing that its statement does
    runs_unseen: int = 0  # functions without source that run now
    # The exception that was met last where a function ends, and where it arose.
    raised: tuple[BaseException, Source | None] | None = None
    # Scopes whose names functions change that may outlive them (nonlocal), by identity.
    kept_scopes: dict[int, Any] = field(default_factory=dict)
    active: list[Any] = field(default_factory=list)  # syntax of the functions that are running
    endless: set[Any] = field(default_factory=set)  # of those whose recursion traced values end
    # Inputs that carry derivatives (uncompiled tier).
    differentiable: set[Value] = field(default_factory=set)
    # Containers made, per open region.
    made: list[dict[int, Any]] = field(default_factory=lambda: [{}])
    # Generators made by the function from a fixed seed.
    seeded: dict[int, Any] = field(default_factory=dict)
    # Per open catch_warnings: whether filters were set in it.
    filtered: list[bool] = field(default_factory=list)
    called_out: Any = None  # the library that calls functions of the user, if one does
    # Of complex arrays among the arguments, by the number of their leaf: each with its input.
    complex_inputs: dict[int, tuple[Any, Input]] = field(default_factory=dict)
    # Arrays that are items of an argument, of which the program has copies; dicts and the like.
    copied: dict[Cell, None] = field(default_factory=dict)
    items: dict[int, tuple[Any, list[Any]]] = field(default_factory=dict)
    # Lists of records, with columns; which tables.
    tables: list[tuple[Any, Any, Any]] = field(default_factory=list)
    whole: set[Value] = field(default_factory=set)  # float inputs that were given as ints
    # Extents of inputs that are read at run time.
    extents: dict[int, Value] = field(default_factory=dict)
    decided: dict[Any, None] = field(default_factory=dict)  # comparisons of extents; a set in order
    objects: list[Path] = field(default_factory=list)  # paths to the objects that host calls use
    scopes: list[Any] = field(default_factory=list)  # scopes of the active frames
    # What is raised where values that capture cannot look into are differentiated.
    refusals: list[tuple[str, DerivativeError]] = field(default_factory=list)
    state: Any = None  # the places outside that change (capture.state)
    slots: Sequence[Any] = ()  # the arguments as the user gave them
    arguments: tuple[Any, Any] = ((), {})  # what the function is given in their place
    slot_of: dict[str, int] = field(default_factory=dict)  # by the name of the parameter
    _given: dict[int, Any] | None = None
    # What stands for the containers in them.
    taken_apart: dict[int, Any] = field(default_factory=dict)
    lengths: list[tuple[int, Guard]] = field(default_factory=list)  # lists whose length was guarded
    # Where objects were first changed.
    changes: dict[int, Source | None] = field(default_factory=dict)
    has_text: bool = False  # whether text was made that the program writes
    # Texts whose characters Python has, of values with a derivative.
    written: Written = field(default_factory=Written)
    effects: bool = False  # whether the function does more than compute
    # Results of one of two types: how to make them, by the number of their output.
    either_outputs: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    derivative: bool = False  # whether the program will be differentiated
    # Arrays that are results, by output number.
    output_of: dict[Cell, int] = field(default_factory=dict)
    # In the uncompiled tier: objects stored into the user's objects, and what they stand for.
    kept: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    # ... and those that hold traced values until the end.
    stored: dict[int, Any] = field(default_factory=dict)
    # What was made in the place of a dataclass among the arguments, and where that is.
    remade: dict[int, tuple[Any, Path]] = field(default_factory=dict)
    # Of tuples and the like, once stored.
    plain_copies: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    kept_arrays: dict[Any, Any] = field(default_factory=dict)
    in_hand: list[Any] = field(default_factory=list)  # what statements hold that are not done yet
    # The bodies of the loops that are being staged.
    rolling: list[Any] = field(default_factory=list)
    # How many items lists have that are kept in arrays.
    counts: set[Cell] = field(default_factory=set)
    # Bodies of ``try`` and ``with`` around what is run.
    tried: int = 0
    # The ``try`` statements that are being run, outermost first.
    attempts: list[Any] = field(default_factory=list)
    # Set when what a branch chose turns out to be stored into, and raised when it is used as a whole:
    # arrays in lists are told apart; lists and dicts are choices (``choices.TOLD_APART``), then the
    # branch is guarded.
    distinguish_arrays: int = 0
    # Lists of objects from outside that loops go through (capture.gathered), by path; whether there may be any.
    gathered: dict[str, Any] = field(default_factory=dict)
    # What stands in the place of DataFrames with columns of several kinds, with these, by their id.
    dataframes: dict[int, Any] = field(default_factory=dict)
    gathers: bool = True
    # Set when it turns out to matter which list an item of a list is (capture.pools).
    shares_rows: bool = False
    # Whether objects and dicts that loops put into lists may be known by numbers (capture.members).
    has_members: bool = True
    row_kinds: Sequence[Any] = ()  # types that the numbers of rows are of as well
    holds_arrays: bool = False  # set when arrays in lists turn out to change (capture.members)
    owner: Any = None  # the object whose method is captured, or that is called
    # Where the containers of the arguments are, by the identity of what the function was given for each.
    given_at: dict[int, Path] = field(default_factory=dict)
    used_members: list[Any] = field(default_factory=list)  # the pools of such objects
    calling: Any = (
        None  # the frame of the function that was entered, or that called something, last
    )
    # Lists that are arguments, one array each (given.Given).
    given: dict[int, Any] = field(default_factory=dict)
    copies_given: bool = False  # lists hold copies of lists that are the user's own
    compares_items: bool = False  # Python compares what containers hold
    # Copies of containers, with everything in them lifted, that libraries were given; of which.
    copies: dict[int, tuple[Any, Any]] = field(default_factory=dict)


class Trace(Tables):
    """State of one capture; see the module header."""

    def __init__(
        self,
        tier: Tier = STAGED,
        naming: Any = None,
        learnt: Sequence[Decision] = (),
        warned: set[str] | None = None,
        run_long: RunLong | None = None,
    ) -> None:
        super().__init__()
        self.builder = tier.builder(self)
        self.tier = tier
        self.numbering = Numbering(self.heap, self.builder, self.rolling)
        self.heap.numbering = self.numbering
        self.run_long = run_long
        self.decisions = Decisions(learnt)
        self.warned: set[str] = set() if warned is None else warned  # codes
        self.naming = naming  # of type autodiff.capture.naming.Naming
        self.users_depth = users_depth()  # of the calls around the capture
        # What earlier derivatives have left outside, and where it is read.
        self.recalled: list[tuple[Input, Source | None]] = []
        self.asked: list[Value] = []  # what Python has decided by
        # Paths of objects that were stored into (uncompiled tier).
        self.stored_outside: set[str] = set()
        self.lookups: set[Name] = set()  # names of libraries that the code asked for

    __repr__ = object.__repr__  # it holds everything

    def forget(self) -> None:
        """Let go of the objects of the call: what is compiled reads those of later calls."""
        for record in self.inputs:
            record.example = None
        for table in (
            self.known, self.kept, self.kept_arrays, self.by_array, self.copies, self.given,
            self.copied, self.items, self.tables, self.dataframes, self.taken_apart, self.gathered,
            self.ambiguous, self.chosen, self.held, self.merged, self.keep_alive, self.kept_scopes, self.seeded, self.made,
            self.scopes, self.active, self.rolling, self.in_hand, self.complex_inputs, self.remade,
            self.attempts, self.used_members, self.given_at, self.paths, self.lengths, self.guards, self.objects,
            self.recalled, self.asked,
        ):  # fmt: skip
            table.clear()
        self.heap.forget()
        self.state = self.stand_in = self.checkpointed = self.calling = self.owner = None
        self.slots, self.arguments, self._given = (), ((), {}), None

    # -- inputs -----------------------------------------------------------------------------
    def add_input(
        self,
        example: Any,
        path: Path,
        leaf: int | None,
        hint: str | None,
        as_float: bool = False,
        symbols: tuple[int | None, ...] = (),
        title: str = "",
    ) -> Tracer:
        """A new program input for an array or number.

        ``as_float`` reads an int as a float; ``symbols`` numbers the axes whose extent is read at
        run time (axes with one number have one extent).
        """
        title = title or path.describe()
        if isinstance(example, np.ndarray) and type(example) not in (np.ndarray, np.memmap):
            raise DtypeError(
                f"{title} is a {type(example).__name__}, which is not supported.",
                remedy="pass a plain array, np.asarray(...)",
            )
        if isinstance(example, float) and _has_own_operators(type(example)):
            raise DtypeError(
                f"{title} is a {type(example).__name__}, a class of numbers with operators of its own.",
                remedy="pass a plain number, float(...)",
            )
        form, array = form_of(example, as_float)
        if is_unsupported(array):
            raise DtypeError(
                f"{title} has dtype {array.dtype}, which is not supported.",
                remedy="pass real floating-point, integer or bool arrays of at most 64 bits",
            )
        if not (array.dtype.isnative or self.derivative):
            # What only moves elements keeps their order, and ``x.dtype`` is another one.
            self.tier.decline(f"{title}, which has the byte order of another machine")
        dtype = array.dtype.newbyteorder("=")
        shape: tuple[Extent, ...] = array.shape
        if symbols:
            shape = tuple(
                n if number is None else Dim.symbol(self.extent(number, n))
                for n, number in zip(array.shape, symbols, strict=True)
            )
        value = self.builder_root_parameter(ArrayType(dtype, shape, form == "python"), hint)
        cell = Cell(value)
        tracer = Tracer(cell, form)
        if not self.tier.reusable and isinstance(example, np.ndarray):
            set_layout(tracer, example)
        elif form == "array":
            cell.follows = True
        self.inputs.append(Input(value, path, form, cell, example, leaf))
        self.named.setdefault(id(example), []).append(value)
        if self.naming is not None and self.naming.differentiates(example, path):
            self.differentiable.add(value)
        self.known[value] = (array, True)
        if leaf is None:
            remembered.note_read(self, self.inputs[-1])
        return tracer

    def remove_input(self, record: Input) -> None:
        """Take back a number that was to be read at every call, and that nothing has used."""
        value, text = record.value, record.path.text
        self.inputs.remove(record)
        self.builder.block.parameters.remove(value)
        self.guards = [g for g in self.guards if (g.path.text, g.relation) != (text, "type")]
        self.by_path.pop(text, None)
        self.differentiable.discard(value)
        self.named = {
            key: left
            for key, values in self.named.items()
            if (left := [v for v in values if v is not value])
        }

    def extent(self, number: int, size: int) -> Value:
        """The run-time extent with this number; at least 2, so that it never broadcasts."""
        value = self.extents.get(number)
        if value is None:
            value = self.extents[number] = Value(
                ArrayType(np.dtype(np.int64), (), True), f"n{number}"
            )
            value.low = 2
            self.known[value] = (np.int64(size), True)
        return value

    def decide(self, relation: str, extent: Dim) -> bool:
        """Compare an extent with zero by its value at this call, with a guard in the program."""
        local = {s for s in symbols_of(extent) if s not in self.known}
        if local:
            return self._decide_for_all(relation, extent, local)
        number = evaluate(extent, lambda s: int(self.known[s][0]))
        answer = number == 0 if relation == "==" else number >= 0
        key = (relation, frozenset(extent.terms.items()))
        if key not in self.decided:
            self.decided[key] = None
            compare = "equal" if relation == "==" else "greater_equal"
            predicate = emit_tracer(compare, as_tracer(extent), as_tracer(0)).value
            emit_check(predicate if answer else emit("logical_not", (predicate,)), GUARD)
        return answer

    def _decide_for_all(self, relation: str, extent: Dim, local: set[Value]) -> bool:
        """Compare an extent with zero that depends on loop indices, by its bounds over all of them."""
        if relation == ">=":
            highest_negated = upper_bound(-extent, local)
            if highest_negated is not None and _is_known(-highest_negated, self.known):
                if at_least(-highest_negated, 0):
                    return True
        raise UndecidedExtent(f"cannot decide {extent} {relation} 0")

    def builder_root_parameter(self, type: ArrayType, hint: str | None) -> Value:
        """Add a parameter to the outermost block."""
        value = Value(type, hint)
        root = self.builder.stack[0] if self.builder.stack else self.builder.block
        root.parameters.append(value)
        return value

    def remember(self, obj: Any, path: Path) -> Any:
        """Note the path an object was reached by."""
        known = self.paths.get(id(obj))
        if known is None:
            self.paths[id(obj)] = path
            self.keep_alive.append(obj)
        elif known.text != path.text and not isinstance(obj, _HELD_BY_IDENTITY):
            # What is inside will be read by the first path: both must lead to one object.
            self.guards.append(Guard(path, "alias", known))
        return obj

    def is_external(self, obj: Any) -> bool:
        """Whether an object existed before the call, so that changing it is an effect."""
        if id(obj) in self.paths:
            return True
        if isinstance(obj, (type, ModuleType)) and not self.was_made(obj) and not is_library(obj):
            self.remember(obj, Path.root(obj, "t"))  # reached by type(x), not by a name
            return True
        return False

    def new_list(self, items: Any = ()) -> list[Any]:
        """A list made by the captured code."""
        return self.tier.new_list(items, self)

    def listed(self, items: StoredList) -> StoredList:
        """A list of the same items."""
        assert isinstance(items, TracedList)
        return converted(items, TracedList) or items

    def length(self, items: list[Any]) -> Extent:
        """How many items there are, which for a list in an array may be known only at run time."""
        return items.extent if isinstance(items, TracedList) else len(items)

    def fresh(self, obj: Any) -> Any:
        """Note a container made during the capture: changing it has no effect outside."""
        self.made[-1][id(obj)] = obj
        return obj

    def seed(self, generator: Any) -> Any:
        """Note a random generator that is made anew, from a fixed seed, at every call."""
        self.seeded[id(generator)] = generator
        return self.fresh(generator)

    def changing(self, obj: Any, source: Source | None, part: Any = None) -> None:
        """A store into a Python object is about to happen; declined for objects from outside.

        ``part`` is the name or key that is stored to, where nothing else of the object changes.
        """
        if self.original(obj) is not obj:
            raise Declined(f"a change of a {type(obj).__name__} through a library", source)
        self.refuse_given(obj, source)
        if not self.tier.holds_back:
            return
        self.changes.setdefault(id(obj), source)
        self.touch()
        if self.is_external(obj):
            raise Declined(
                f"a change of a {type(obj).__name__} from outside of the function", source
            )
        if self.state is not None and self.state.is_kept(obj):
            raise Declined(f"a change of a {type(obj).__name__} that is kept outside", source)
        self.refuse_held(obj)
        if isinstance(obj, StoredList):
            return  # it knows itself where and how it may change
        if len(self.made) > 1 and id(obj) not in self.made[-1]:
            if self.was_made(obj) and self.parts.save_items(obj):
                return
            if part is not None and self.was_made(obj) and self.parts.save(obj, part):
                return
            raise NotStaged(f"a change of a {type(obj).__name__} inside of a branch or loop")

    def touch(self) -> None:
        """What cannot be put back is about to change: a statement that does it is not run twice."""
        for attempt in self.attempts:
            attempt.touched = True

    def given_containers(self) -> dict[int, Any]:
        """The lists, dicts and the like in the arguments, which the program has taken apart, by id."""
        if self._given is None:
            self._given = {id(x): x for x in tree.nodes(self.slots)}
        return self._given

    def refuse_given(self, obj: Any, source: Source | None = None) -> None:
        """Refuse the change of an object from outside that is in the arguments too."""
        path = self.paths.get(id(obj))
        if path is not None and id(obj) in self.given_containers():
            kind = type(obj).__name__
            reason = f"a change of {path.describe()}, a {kind} that is in the arguments too"
            raise Declined(reason, source)

    def guard_not_given(self, obj: Any) -> None:
        """Have an object from outside compared with the containers in the arguments of each call."""
        path = self.paths.get(id(obj))
        if path is None or "defaults__" in path.text:
            return
        if any(type(x) is type(obj) for x in self.given_containers().values()):
            self.guards.append(Guard(path, "not given", None))

    def changing_entries(
        self, table: dict[Any, Any], keys: Sequence[Any], source: Source | None
    ) -> None:
        """Entries of a dict are about to be stored."""
        if keys and all(key in table for key in keys):
            for key in keys:
                self.changing(table, source, key)
        else:
            self.changing(table, source)

    def advancing(self, objects: Iterable[Any]) -> None:
        """Iterators are about to be advanced: not from inside of a branch or loop, which is undone."""
        for obj in objects:
            inside = len(self.made) > 1 and self.tier.holds_back
            if self.attempts and is_iterator(obj):
                self.touch()
            if inside and is_iterator(obj) and id(obj) not in self.made[-1]:
                raise NotStaged("an iterator is advanced inside of a branch or loop")

    def hold(self, objects: Iterable[Any]) -> None:
        """Have objects refuse to change: others may refer to what they stand for."""
        self.held.update((id(obj), obj) for obj in objects)

    def let_go(self, objects: Iterable[Any]) -> None:
        """Let objects change again."""
        for obj in objects:
            self.held.pop(id(obj), None)

    def hold_item(self, obj: Any) -> Any:
        """A record of an argument, which stands for the one that was given: it may be read."""
        self.hold([obj])
        return self.note_item(obj)

    def note_item(self, obj: Any) -> Any:
        """The same for one that knows itself that it may not change."""
        self.items[id(obj)] = (obj, _parts_now(obj))
        return obj

    def has_changed_items(self) -> bool:
        """Whether one was stored into where nobody saw it: by a function without source."""
        return any(
            any(a is not b for a, b in zip_longest(parts, _parts_now(obj)))
            for obj, parts in self.items.values()
        )

    def note_given(self, arguments: Any) -> None:
        """Note the containers that the function is given in the place of those of the arguments."""
        for part in tree.nodes(arguments):
            self.taken_apart[id(part)] = part
            if type(part) is dict or table_of(part) is not None:
                self.fresh(part)  # so loops carry what they change of it

    def _guard_identity(self, left: Any, right: Any) -> None:
        """Each container in the arguments is taken apart by itself, though two may be one."""
        given = [id(x) in self.taken_apart for x in (left, right)]
        if all(given):
            self.guard_no_repeats("an identity test")
        elif any(given):
            other = left if given[1] else right
            if id(other) in self.given_containers():
                raise Declined("an identity test of an argument with itself")
            self.guard_not_given(other)

    def guard_no_repeats(self, what: str) -> None:
        """Have no container twice in the arguments, now and at every call."""
        if has_repeats(self.slots):
            raise Declined(f"{what}, where arguments have one container twice")
        self.guards.append(Guard(Path("args"), "without repeats", None))

    def guard_apart(self, left: Any, right: Any) -> None:
        """Have two objects from outside be two at every call."""
        first, second = self.paths.get(id(left)), self.paths.get(id(right))
        if left is right or first is None or second is None or first.text == second.text:
            return
        known = {*self.instances, *([] if self.owner is None else [id(self.owner)])}
        if self.tier.reusable and id(left) in known and id(right) in known:
            self.guards.append(Guard(first, "apart", second))

    def guard_hashed(self, obj: Any) -> None:
        """Have the objects from outside by which something is found or told apart be the same ones.

        Their hash and equality are those of a class that compares by identity: what else they hold
        is no guard.
        """
        for part in self.instances_in(obj):
            self.guards.append(Guard(self.paths[id(part)], "is", part))

    def refuse_identity(self, left: Any, right: Any) -> None:
        """It matters whether two objects are one: not of copies."""
        self._guard_identity(left, right)
        self.guard_apart(left, right)
        arrays = isinstance(left, Tracer) and isinstance(right, Tracer)
        if arrays and self.copied and left.form == right.form == "array":
            raise NotStaged("an identity test of arrays beside a list of arrays")
        lists = isinstance(left, StoredList) and isinstance(right, StoredList)
        if lists and (id(left) in self.items or id(right) in self.items):
            raise NotStaged("an identity test of a list that is an item of a list")
        if (isinstance(left, tuple) and isinstance(right, tuple)) and (
            id(left) in self.merged or id(right) in self.merged
        ):
            raise Declined("an identity test of a tuple that a branch or loop chose")

    def note_merged(self, x: Any) -> Any:
        """A tuple made of those that a branch or loop chose from: it may be any of them."""
        self.merged[id(x)] = x
        return x

    def refuse_items(self, *objects: Any) -> None:
        """It matters which objects these are, or that are in them, and not only what they hold."""
        if self.items and containers.holds(
            objects, lambda x: id(x) in self.items, stop=lambda x: isinstance(x, StoredList)
        ):
            raise NotStaged("a comparison of records of a list that is an argument")

    def note_copied(self, x: Any) -> None:
        """A list of lists is to hold copies: note if any of those is one of the user's own."""
        for part in containers.walk(x, is_stored):
            if isinstance(part, list) and self.is_given(part):
                self.copies_given = True

    def is_given(self, x: Any) -> bool:
        """Whether a container is from outside, or stands for one of the arguments."""
        return id(x) in self.taken_apart or id(x) in self.given or self.is_external(x)

    def cells_of_inputs(self) -> Iterator[Cell]:
        """The storages of the arrays among the inputs; of complex ones those of their parts."""
        yield from (record.cell for record in self.inputs if record.form == "array")
        for entered, _ in self.complex_inputs.values():
            yield from (part.cell for part in entered.parts)

    def make_ambiguous(self, known: Sequence[Any], merged: Any) -> None:
        """Have lists and dicts refuse to change: a branch chose one of them, or what it made."""
        self.ambiguous.update((id(obj), obj) for obj in (*known, merged))
        self.chosen[id(merged)] = (merged, known)

    def chosen_from(self, x: Any) -> list[Any]:
        """The lists and dicts that one may be, as a branch or loop chose it: itself, and those that it stands for."""
        found, pending = dict[int, Any](), [x]
        while pending:
            one = pending.pop()
            if id(one) not in found:
                found[id(one)] = one
                merged, known = self.chosen.get(id(one), (None, ()))
                pending += known if merged is one else ()
        return list(found.values())

    def refuse_copies(self, parts: Sequence[Any]) -> None:
        """Refuse where it shows, in a result, that what a branch chose of lists and dicts is a copy."""
        ids = {id(x) for x in parts}
        for x in parts:
            merged, pending = self.chosen.get(id(x), (None, ()))
            pending = [*pending] if merged is x else []
            while pending:
                one = pending.pop()
                pending += self.chosen.get(id(one), (None, ()))[1]
                if self.is_given(one) or id(one) in ids or getattr(one, "frozen", False):
                    raise AmbiguousStore("a list or dict in the result that a branch chose")

    def refuse_held(self, obj: Any) -> None:
        """A change is about to happen, or it matters which object it is."""
        if id(obj) in self.ambiguous:
            raise AmbiguousStore("a use of a list or dict itself that a branch chose among others")
        if id(obj) in self.held:
            raise NotStaged(f"a use of a {type(obj).__name__} itself that a loop binds anew")

    def was_made(self, obj: Any) -> bool:
        """Whether the captured code made an object."""
        return any(made.get(id(obj)) is obj for made in self.made)

    def outside(self, obj: Any, x: Any) -> Any:
        """``x`` as it may be stored into ``obj``: objects from outside get plain values."""
        if not self.is_external(obj):
            return x
        self.effects = True
        if id(obj) in self.paths:
            self.stored_outside.add(self.paths[id(obj)].text)
        return self.plain(x)

    def plain(self, x: Any) -> Any:
        """``x`` as the user's objects may hold it (uncompiled tier).

        The values of this call stand for traced ones, also in tuples and the like, which are made
        anew.  What can change is stored itself, for the function may change it later: its traced
        values are exchanged when the function has ended.
        """
        if isinstance(x, Tracer):
            return self._keep(x)
        if isinstance(x, StoredList) and x.python_type is tuple:
            return tuple([self.plain(item) for item in x])
        kind = containers.kind_of(x)
        if type(x).__name__ == "Closure":
            raise Declined("a function made by the function, kept outside", self.builder.source)
        if kind is None or self.is_external(x) or id(x) in self.stored:
            return x
        if id(x) in self.plain_copies:
            return self.plain_copies[id(x)][1]
        refuse_captured_class(type(x), self.builder.source)
        if kind.is_mutable:
            self.stored[id(x)] = x
            for part in containers.parts_of(x, keys=True):
                self.plain(part)
            return x
        parts = list(kind.values(x))
        made = [self.plain(part) for part in parts]
        if all(a is b for a, b in zip(parts, made, strict=True)):
            return x
        copied = kind.make(x, kind.keys(x), made)
        self.kept[id(copied)] = (copied, x)
        self.plain_copies[id(x)] = (x, copied)
        return copied

    def _keep(self, x: Tracer) -> Any:
        """The object that stands for a traced value in the user's objects: one for each array."""
        is_complex = isinstance(x, ComplexTracer)
        key = id(x) if is_complex else (x.cell, x.path)
        if x.form == "array" and key in self.kept_arrays:
            return self.kept_arrays[key]
        obj = self.concrete(x)
        if self.differentiable and x.dtype.kind == "f" and self.differentiated(x.value):
            remembered.remember(obj)
        if x.form == "array":
            for record in () if is_complex else self.inputs:
                own = record.leaf is None or not x.cell.version  # arguments stay as they are
                if record.cell is x.cell and not x.path and own:
                    obj = record.example
            self.kept_arrays[key] = obj
        self.kept[id(obj)] = (obj, x)
        return obj

    def rerun(self, failure: Bail, function: Any, args: Any, kwargs: Any) -> Any:
        """What plain Python makes of an operation whose check fails: most often its exception."""
        if failure.rung is not Rung.PLAIN:
            raise failure
        self.decisions.take(Rung.PLAIN, failure, self.builder.source)
        result = run_users(function, *self.untraced(args), **self.untraced(kwargs))
        traced = [t for t in traced_leaves((args, kwargs)) if t.dtype.kind == "f"]
        if any(self.differentiated(t.value) for t in traced):
            raise Declined(failure.reason, self.builder.source)
        return result

    def storing_into(self, obj: Any) -> None:
        """What is traced may go into an object of the user's unseen (uncompiled tier)."""
        self.effects |= self.is_external(obj)
        kind = containers.kind_of(obj)
        if kind is not None and kind.is_mutable:
            self.stored[id(obj)] = obj

    def untraced(self, x: Any) -> Any:
        """``x`` with the values of this call, to be computed with and dropped.

        What is one array in several places stays one: a function may ask ``y is x``.
        """
        made: dict[int, Any] = {}

        def once(tracer: Tracer) -> Any:
            if id(tracer) not in made:
                made[id(tracer)] = self.concrete(tracer)
            return made[id(tracer)]

        return materialised(x, once)

    def settle(self) -> None:
        """Leave nothing traced in the user's objects, and give their arrays the contents they ended with.

        Of the uncompiled tier, also when the function raises.
        """
        containers.settle(
            list(self.stored.values()),
            lambda x: is_tracer(x) or id(x) in self.plain_copies,
            lambda x: self._keep(x) if is_tracer(x) else self.plain_copies[id(x)][1],
            stop=lambda x: (
                self.is_external(x) and id(x) not in self.stored and not self.was_made(x)
            ),
        )
        examples = {id(record.example) for record in self.inputs}
        for record in self.inputs:
            if record.leaf is None and record.cell.version:
                array, after = record.example, self.concrete(Tracer(record.cell, "array"))
                # The program begins with what the array held before.
                record.example = array.copy(order="K")
                self.known[record.value] = (record.example, True)
                np.copyto(array, after)
        for obj, tracer in list(self.kept.values()):
            if is_tracer(tracer) and tracer.form == "array" and id(obj) not in examples:
                np.copyto(obj, self.concrete(tracer))

    def leave_plain(self, error: BaseException) -> None:
        """Put the values of this call in place of what is traced in an exception that leaves."""

        def value_of(tracer: Tracer) -> Any:
            try:
                return self.present(tracer, self.evaluate(tracer.value)[0])
            except Bail:
                return Ellipsis  # not known here; plain Python raises the exception again

        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None and id(current) not in seen:
            seen.add(id(current))
            containers.settle(
                [current], is_pending, lambda x: materialised(x, value_of), self.is_external
            )
            current = current.__cause__ or current.__context__

    def differentiated(self, value: Value) -> bool:
        """Whether a value depends on an input that carries derivatives."""
        return any(v in self.differentiable for v in self.origins(value, "stop_gradient"))

    def origins(self, value: Value, end: str = "") -> Iterator[Value]:
        """A value and all those that it is computed from, up to operations of the kind ``end``."""
        seen: set[Value] = set()
        pending = [value]
        while pending:
            current = pending.pop()
            if current in seen:
                continue
            yield current
            seen.add(current)
            if current.owner is not None and current.owner.kind != end:
                pending.extend(all_uses(current.owner))

    def lift(self, obj: Any, path: Path, changing: bool = False) -> Any:
        """What the interpreter works with for an object reached by ``path``.

        With ``changing`` an int is an input as well: a counter has another value at each call.
        """
        if isinstance(obj, Tracer):
            return obj
        if self.stand_in is not None:
            found = self.stand_in(obj, path)
            if found is not None:
                return found
        if id(obj) in self.kept:
            return self.kept[id(obj)][1]
        if id(obj) in self.remade and path.is_of_arguments:
            made, at = self.remade[id(obj)]
            self.guards.append(Guard(path, "alias", at))
            return made
        if isinstance(obj, np.ndarray):
            return self._lift_array(obj, path)
        if labelled.is_labelled(obj):
            labels = labelled.take_apart(obj)[0]
            at = Path(f"_labels_of({path.text})", (*path.roots, ("_labels_of", labelled.labels_of)))
            self.guards.append(Guard(at, "equal", labels))
            values = self._lift_array(obj.to_numpy(), Path(f"{path.text}.to_numpy()", path.roots))
            return labelled.put_together(labels, values)
        changing = changing or (self.state is not None and self.state.is_inside(path))
        if type(obj) is float or isinstance(obj, np.floating) or (changing and is_count(obj)):
            key = self.tier.key(path, obj)
            known = self.by_path.get(key)
            if known is None:
                self.keep_alive.append(obj)
                self.guards.append(Guard(path, "type", type(obj)))
                known = self.by_path[key] = self.add_input(obj, path, None, _hint(path))
            elif self.state is not None:
                self.state.read.add(path.text)
            return known
        self.guard(obj, path)
        return obj

    def _lift_array(self, array: np.ndarray, path: Path) -> Any:
        kind, size = array.dtype.kind, array.dtype.itemsize
        if kind not in SUPPORTED_KINDS or size > 8 or type(array) not in (np.ndarray, np.memmap):
            return self._keep_constant(array, path)
        known = self.by_path.get(path.text) if self.tier.reusable else None
        if known is not None:
            return known
        shared = self.by_array.get(id(array))
        if not self.tier.reusable and shared is not None:
            return shared
        if shared is not None:
            # Two ways to one array: they must stay two ways to one array.
            self.guards.append(Guard(path, "is", array))
            first = next(r for r in self.inputs if r.cell is shared.cell)
            self.guards.append(Guard(first.path, "is", array))
        else:
            shared = self.add_input(array, path, None, _hint(path))
            self.by_array[id(array)] = shared
            self.keep_alive.append(array)
        self.by_path[path.text] = shared
        return shared

    def _keep_constant(self, array: np.ndarray, path: Path) -> np.ndarray:
        """An array that is no input (of strings, dates, complex numbers): its contents are compared."""
        plain = type(array) in (np.ndarray, np.memmap) and not array.dtype.hasobject
        if not (plain and array.size <= MAXIMUM_COMPARED):
            what = type(array).__name__ if type(array) is not np.ndarray else array.dtype
            reason = f"{path.describe()}, an array of {what} from outside of the function"
            self.tier.decline(reason)
        self.guards.append(Guard(path, "is", array))
        if self.tier.reusable:
            self.guards.append(Guard(path, "contents", array.tobytes()))
        return array

    def guard(self, obj: Any, path: Path) -> None:
        """Make the capture valid only while ``path`` leads to what it led to now."""
        if isinstance(obj, np.void) and obj.dtype.names:  # its fields are read one by one
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path.attribute("dtype"), "equal", obj.dtype))
            self.remember(obj, path)
            self.instances.add(id(obj))
        elif isinstance(obj, (int, str, bytes, complex, type(None), np.generic)):
            self.guards.append(Guard(path, "equal", obj))
        elif isinstance(obj, ModuleType) and obj.__name__.split(".")[0] in (
            "numpy",
            "scipy",
            "math",
        ):
            self.remember(obj, path)  # what these names mean does not change under a program
        elif isinstance(obj, _HELD_BY_IDENTITY):
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
        elif isinstance(obj, (list, tuple, deque)):
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path, "length", len(obj)))
            self.lengths.append((id(obj), self.guards[-1]))
            self.remember(obj, path)
        elif isinstance(obj, (dict, MappingProxyType)):
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path, "keys", tuple(obj)))
            self.remember(obj, path)
        elif isinstance(obj, MethodType) or getattr(type(obj), "__autodiff_binds__", False):
            self.guards.append(Guard(path.attribute("__func__"), "is", obj.__func__))
            self.remember(obj, path)
            self.lift(obj.__self__, path.attribute("__self__"))
        elif _is_wrapper(obj):
            # What it calls and how does not change; another one in its place is another function.
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
            self.instances.add(id(obj))
        elif isinstance(obj, _GETTERS):
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
        elif _compares(obj) and not labelled.is_foreign(obj) and is_library(type(obj)):
            # What can change (a set) is compared with what it is now.
            expected = obj if type(obj).__hash__ is not None else copy.copy(obj)
            self.guards.append(Guard(path, "equal", expected))
            self.remember(obj, path)
        else:
            # An instance: its attributes are read, and guarded, one by one.
            self.guards.append(Guard(path, "type", type(obj)))
            self.remember(obj, path)
            if path.is_of_arguments and containers.is_record(obj):
                self.guard_not_given(obj)
            self.instances.add(id(obj))

    def wrapped(self, wrapper: Any, name: str) -> Any:
        """What an object that wraps a function calls, under ``name``.

        Of a wrapper from outside, a method's object and a partial's arguments are read anew at every
        call; of one that the captured code made, they are what they are.
        """
        inner = getattr(wrapper, name)
        path = self.paths.get(id(wrapper))
        if path is None:
            return inner
        if _is_wrapper(inner) or isinstance(inner, _HELD_BY_IDENTITY):
            return self.remember(inner, path.attribute(name))
        return self.lift(inner, path.attribute(name))

    def remove_guard(self, guard: Guard) -> None:
        """Take back a condition of which it has turned out that nothing depends on it."""
        at = max((k for k, g in enumerate(self.guards) if g is guard), default=None)
        if at is not None:
            del self.guards[at]

    def guard_class(self, cls: type, name: str, value: Any) -> None:
        """Make the capture valid only while a class has this function (or property) by that name."""
        if not is_library(cls):
            path = Path.root(cls, "t").attribute(name)
            found = getattr(cls, name, None)
            if found is not value and getattr(found, "__func__", None) is value:
                path = path.attribute("__func__")  # a class method
            self.guards.append(Guard(path, "is", value))

    def look_up(self, module: ModuleType, name: str) -> Any:
        """``np.sin``: what a module of a library has under a name, and may have no more later."""
        value = run_users(getattr, module, name)
        self.note_lookup(module, name, value)
        return value

    def note_lookup(self, module: ModuleType, name: str, value: Any) -> None:
        """Make the capture valid only while a module of a library has this under a name.

        What is no function, class, module or number is an object like ``sys.stdout``: used where it is.
        """
        if not (callable(value) or isinstance(value, (ModuleType, float, int))):
            return
        if lookups.is_followed(module, name):
            self.lookups.add(lookups.note(module, name, value))
        elif not lookups.HAS_VERSIONS and name in vars(module):
            self.guards.append(Guard(Path.root(module, "m").attribute(name), "is", value))

    def guard_presence(self, obj: Any, name: str, found: bool) -> None:
        """Make the capture valid only while an object has, or has not, an attribute."""
        path = self.paths.get(id(obj))
        if path is None and isinstance(obj, (type, ModuleType)) and not is_library(obj):
            path = Path.root(obj, "t")
        if path is not None and not isinstance(obj, _PLAIN):
            self.guards.append(Guard(path, "has" if found else "lacks", name))

    def deep(self, obj: Any, depth: int = 0) -> Any:
        """A container that comes from outside with everything in it lifted (a copy)."""
        if depth > 20:
            return obj
        path = self.paths.get(id(obj))
        copied = self._deep_in_new(obj, depth) if path is None else self._lifted(obj, path, depth)
        if copied is not obj:
            self.copies[id(copied)] = (copied, obj)
        return copied

    def original(self, x: Any, depth: int = 0) -> Any:
        """``x`` with the containers themselves for the copies that a library was given of them.

        New lists and dicts in which it put such copies hold the containers from then on.
        """
        if not self.copies or depth > 20 or self.is_external(x):
            return x
        copied, obj = self.copies.get(id(x), (None, None))
        if copied is x and x is not None:
            return obj
        if type(x) is dict:
            x.update({k: self.original(v, depth + 1) for k, v in x.items()})
        elif type(x) is list or (isinstance(x, StoredList) and not is_stored(x)):
            for k, item in enumerate(list.__iter__(x)):
                list.__setitem__(x, k, self.original(item, depth + 1))
        elif containers.is_plain_tuple(x):
            items = [self.original(item, depth + 1) for item in x]
            if any(a is not b for a, b in zip(items, x, strict=True)):
                return containers.tuple_of(type(x), items)
        return x

    def _lifted(self, obj: Any, path: Path, depth: int) -> Any:
        self.refuse_changed(obj)
        if isinstance(obj, MappingProxyType):
            return {k: self.deep(self.lift(x, path.item(k)), depth + 1) for k, x in obj.items()}
        kind = containers.kind_of(obj)
        if kind is None or kind.name not in _READ_BY_ITEM or not _iterates_plainly(obj):
            return obj
        keys = list(kind.keys(obj))
        values = [
            self.deep(self.lift(x, path.item(k)), depth + 1)
            for k, x in zip(keys, kind.values(obj), strict=True)
        ]
        # A class of lists or dicts that reads like these is one to a library, and to Python's text.
        if _base_of(type(obj)) is list:
            return values
        if _base_of(type(obj)) is dict:
            return dict(zip(keys, values, strict=True))
        return kind.make(obj, keys, values)

    def _deep_in_new(self, obj: Any, depth: int) -> Any:
        """A list, tuple or dict made here, with what comes from outside in it lifted."""
        if type(obj) is dict:
            # Keys are not looked up: how the user's are compared may change the dict.
            values = list(obj.values())
            lifted = [self.deep(x, depth + 1) for x in values]
            if all(a is b for a, b in zip(lifted, values, strict=True)):
                return obj
            return run_users(dict, zip(obj, lifted, strict=True))
        if type(obj) not in (list, tuple) and not isinstance(obj, StoredList):
            return obj
        if getattr(obj, "store", None) is not None:
            return obj  # numbers alone
        before = list(list.__iter__(obj)) if isinstance(obj, list) else list(obj)
        items = [self.deep(x, depth + 1) for x in before]
        if all(a is b for a, b in zip(items, before, strict=True)):
            return obj
        return tuple(items) if type(obj) is tuple else items

    def reads_instance(self, obj: Any) -> bool:
        """Whether who gets ``obj`` may read attributes that no guard compares."""
        if id(obj) in self.instances:
            return True
        if containers.kind_of(obj) is None or is_stored(obj) or not self.instances:
            return False
        return containers.holds(
            obj,
            lambda part: id(part) in self.instances,
            lambda part: is_stored(part) or isinstance(part, FunctionType),
        )

    def instances_in(self, obj: Any) -> list[Any]:
        """The instances from outside that an object is, or holds."""
        if not self.instances:
            return []
        parts = containers.walk(obj, is_stored, keys=True)
        return [x for x in parts if id(x) in self.instances and id(x) in self.paths]

    def refuse_changed(self, obj: Any, what: str = "a use as a whole") -> None:
        """Decline to look at an object in a way that does not see what the function changed."""
        if self.state is not None and self.state.changes(obj):
            raise Declined(f"{what} of a {type(obj).__name__} that the function changes")

    def note(self, error: Exception) -> None:
        """Say where in the user's code an error arose that Python has no frame of."""
        if self.raised is None or self.raised[0] is not error:
            self.raised = error, self.builder.source
        place = locate(self.builder.source)
        if not self.tier.holds_back and place and place not in getattr(error, "__notes__", ()):
            if not getattr(error, "__notes__", ()):
                error.add_note(place)

    def raised_at(self, error: BaseException) -> Source | None:
        """Where in the user's code an exception arose that is under way."""
        if self.raised is not None and self.raised[0] is error and self.raised[1] is not None:
            return self.raised[1]
        return self.builder.source

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note of what ends the code of one function at which of its lines it arose."""
        try:
            yield
        except (AutodiffError, Bail) as error:
            error.source = error.source or self.builder.source
            raise
        except Exception as error:
            self.note(error)
            raise

    def number_of(self, path: Path) -> int:
        """The number of an object that is read at each call, but is no input."""
        if path not in self.objects:
            self.objects.append(path)
        return self.objects.index(path)

    # -- concrete values ----------------------------------------------------------------------
    def concrete(
        self,
        tracer: Tracer,
        leaves: bool = False,
        as_given: bool = False,
        shown: str | None = None,
        hashed: bool = False,
    ) -> Any:
        """The value of a tracer at this call; guarded where it depends on the inputs.

        With ``leaves`` the value becomes a plain number that the function computes with; if it
        carries a derivative, that would be lost without a word.  With ``as_given`` it is the int
        that a float input was given as, None for other values.  With ``shown`` its value is not
        asked for: it is in that text, whose characters Python has.
        """
        if shown is not None:
            return self.note_written(tracer, shown)
        # Code that is not interpreted finds by it what it has kept of a plain number.
        leaves = leaves or (hashed and self.runs_unseen > 0)
        if isinstance(tracer, ComplexTracer):
            if as_given:
                return None
            re, im = (self.concrete(x, leaves) for x in map(plain, tracer.parts))
            return whole_of(re, im, tracer)
        value = tracer.value
        if as_given:
            return int(self.concrete(tracer)) if value in self.whole else None
        if leaves and value.type.is_float and self.differentiated(value):
            raise DerivativeError(
                "a value that carries a derivative becomes a plain number here, "
                "which would lose the derivative.",
                code="AD302",
                source=self.builder.source,
                remedy="build arrays with np.stack or by stores; give functions that NumPy does not "
                "know a derivative with autodiff.custom_gradient",
            )
        if self.called_out is not None and self.differentiated(value):
            # It decides what a library computes: which integrand, which point of a search.
            raise self.called_out.lost(self.builder.source)
        array, depends = self.evaluate(value)
        if self.compares_items:
            _refuse_two_nans(value)
        if depends and self.tier.reusable and value not in self.guarded:
            self.guarded[value] = None
            _emit_guard(tracer, array)
        return self.present(tracer, array)

    def answer(self, tracer: Tracer, *args: Any, **kwargs: Any) -> Any:
        """The value of a tracer that Python asks for: it decides by that."""
        if self.differentiable:
            self.asked.append(tracer.value)
        return self.concrete(tracer, *args, **kwargs)

    @contextmanager
    def comparing_items(self) -> Iterator[None]:
        """Python compares what containers hold, in which one object is equal to itself even if it is NaN."""
        before, self.compares_items = self.compares_items, True
        try:
            yield
        finally:
            self.compares_items = before

    def note_written(self, tracer: Tracer, text: str) -> None:
        """Note a text that shows a value, if that carries a derivative."""
        parts = map(plain, tracer.parts) if isinstance(tracer, ComplexTracer) else (tracer,)
        if self.differentiable and any(
            part.value.type.is_float and self.differentiated(part.value) for part in parts
        ):
            self.written.note(text)

    def refuse_read(self, function: Any, args: Sequence[Any]) -> None:
        """Raise where a number is read from text that shows values with a derivative."""
        if self.written.is_read(function, args):
            self.refuse_reading("a number is read")

    def refuse_reading(self, what: str) -> NoReturn:
        """Raise, as a number comes from text that shows values with a derivative."""
        raise DerivativeError(
            f"{what} from the text of a value that carries a derivative, "
            "which would lose the derivative.",
            code="AD302",
            source=self.builder.source,
            remedy="compute with the value itself, rounded with np.round if need be; or write "
            "the text of autodiff.stop_gradient(x) if no derivative should flow",
        )

    def present(self, tracer: Tracer, array: Any) -> Any:
        """The object that a traced value is in plain Python."""
        if tracer.form == "python":
            return np.asarray(array).item()
        if tracer.form == "scalar":
            return np.asarray(array, tracer.value.dtype)[()]
        return np.array(array)

    def as_index(self, x: Any) -> Any:
        """``x`` as an index or a number of steps, where it is an int that is differentiated by."""
        if isinstance(x, Tracer) and x.value in self.whole:
            return x.given_as_int()
        return tuple(self.as_index(part) for part in x) if type(x) is tuple else x

    def evaluate(self, value: Value) -> tuple[Any, bool]:
        """The array a value is at this call, and whether that depends on the inputs."""
        found = self.known.get(value)
        if found is not None:
            return found
        pending = [value]
        while pending:
            current = pending[-1]
            if current in self.known:
                pending.pop()
                continue
            operation = current.owner
            if operation is None:
                raise NotStaged("a value inside a loop is needed by Python")
            if operation.kind == "host_call":
                raise NotStaged("the result of a random draw or clock is needed by Python")
            used = all_uses(operation)
            needs = [v for v in used if v not in self.known]
            if needs:
                pending.extend(needs)
                continue
            depends = any(self.known[v][1] for v in used)
            try:
                # The program will do what acts on the world: here it would be done once more.
                with np.errstate(all="ignore"), without_effects():
                    results = self._run(operation, {v: self.known[v][0] for v in used})
            except CheckFailed as failure:
                raise NotStaged(str(failure)) from None
            if operation.kind == "host_call":
                depends = True
            for result, array in zip(operation.results, results, strict=True):
                self.known[result] = (array, depends)
            pending.pop()
        return self.known[value]

    def _run(self, operation: Operation, environment: dict[Value, Any]) -> Sequence[Any]:
        """The results of an operation; how long that takes does not grow as NumPy's loops do."""
        if self.run_long is None:
            return run_operation(operation, environment)
        try:
            with at_most(MAXIMUM_STEPS):
                return run_operation(operation, dict(environment))
        except TooManySteps:
            program, taken = as_program(operation)
            return self.run_long(program, [self.evaluate(v)[0] for v in taken])


def is_iterator(obj: Any) -> bool:
    """Whether an object is an iterator of Python's, which remembers out of sight where it stands."""
    return isinstance(getattr(type(obj), "__next__", None), WrapperDescriptorType)


# Kinds of containers whose parts are reached by an index or key.
_READ_BY_ITEM = frozenset(("list", "tuple", "named tuple", "dict", "deque"))
_PLAIN = (int, float, complex, str, bytes, type(None), np.generic)
# What tells an item or attribute and nothing else, and cannot change.
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
# What is guarded by identity itself.
_HELD_BY_IDENTITY = (ModuleType, type, FunctionType, BuiltinFunctionType, np.ufunc, Enum)


def _is_wrapper(obj: Any) -> bool:
    """Whether an object wraps a function, for good: a transformation, NumPy's loop, a cache."""
    known = isinstance(obj, (np.vectorize, functools._lru_cache_wrapper))
    return known or getattr(type(obj), "__autodiff_wraps__", False)


def _base_of(cls: type) -> type:
    """The class of Python's own that a class of containers is made from, or is."""
    return next(c for c in cls.__mro__ if containers.is_library_class(c))


def _iterates_plainly(obj: Any) -> bool:
    """Whether the class of a container leaves reading to Python's own."""
    cls = type(obj)
    if containers.is_library_class(cls):
        return True
    base = _base_of(cls)
    names = ("__iter__", "__getitem__", "__len__", "values", "items", "keys", "get")
    return all(getattr(cls, n, None) is getattr(base, n, None) for n in names)


def is_stored(x: Any) -> bool:
    """Whether ``x`` is a list whose items are in an array of the program."""
    return isinstance(x, StoredList) and x.is_stored()


def is_tracer(x: Any) -> bool:
    """Whether ``x`` is a traced value."""
    return isinstance(x, Tracer)


def traced_leaves(x: Any) -> list[Tracer]:
    """The traced values in containers and objects."""
    return [leaf for leaf in containers.leaves(x) if isinstance(leaf, Tracer)]


def refuse_captured_class(cls: type, source: Source | None) -> None:
    """Decline to leave an object of a class that captured code made to the user: its methods are ours."""
    if any(type(member).__name__ == "Closure" for member in vars(cls).values()):
        raise Declined(f"a {cls.__name__}, of a class made by the function, kept outside", source)


def _is_known(extent: Extent, known: dict[Value, Any]) -> bool:
    return all(s in known for s in symbols_of(extent))


def _has_own_operators(cls: type) -> bool:
    """Whether a class of floats computes or compares them in another way than Python."""
    if cls is float or issubclass(cls, np.generic):
        return False
    return any(
        name in vars(base) for base in cls.__mro__[:-2] if base is not float for name in _OPERATORS
    )


_OPERATORS = frozenset(
    name for name, member in vars(float).items() if type(member).__name__ == "wrapper_descriptor"
) - {"__init__", "__getattribute__", "__hash__", "__repr__"}


def _parts_now(obj: Any) -> list[Any]:
    """What a record holds; of a list that knows itself whether it changes, nothing."""
    return [] if isinstance(obj, StoredList) else list(containers.parts_of(obj, keys=True))


def _compares(obj: Any) -> bool:
    """Whether a class says what equality is."""
    equality: Any = type(obj).__eq__
    # A namespace says no more than that its attributes are equal, which are read one by one; a sparse
    # array, which elements are.
    return (
        equality is not object.__eq__
        and type(obj).__name__ not in ("SimpleNamespace", "Namespace")
        and not str(type(obj).__module__).startswith("scipy.sparse.")
    )


def is_count(obj: Any) -> bool:
    """Whether a number that changes can be an int64 input."""
    return (type(obj) is int and -(2**62) < obj < 2**62) or isinstance(obj, np.integer)


_LIBRARIES = frozenset(("numpy", "scipy", "autodiff", "llvmlite", "optree"))


def is_library(obj: Any) -> bool:
    """Whether a class or module belongs to a library that does not change under us."""
    name = obj.__name__ if isinstance(obj, ModuleType) else obj.__module__
    root = (name or "").split(".")[0]
    if name.startswith(("autodiff.nist", "autodiff.optimize", "autodiff.demo")):
        return False
    return root in _LIBRARIES or (root in sys.stdlib_module_names and root != "__main__")


def _emit_guard(tracer: Tracer, array: Any) -> None:
    value = tracer.value
    array = np.asarray(array)
    if value.dtype.kind == "b" and not array.shape:
        predicate = value if array else emit("logical_not", (value,))
    else:
        expected = Tracer.constant(array, value.dtype)
        same: Any = np.equal(Tracer(value, "array"), expected)
        if value.dtype.kind == "f":
            # NaN shaped the program as well as a number would; -0.0 is written in another way.
            same = same | (np.isnan(Tracer(value, "array")) & np.isnan(expected))
            if not np.all(array):
                alike: Any = np.equal(np.signbit(Tracer(value, "array")), np.signbit(expected))
                same = same & (alike | np.not_equal(expected, 0))
        if array.shape:
            same = np.all(same)
        predicate = same.value
    emit_check(predicate, GUARD)


def is_unsupported(x: Any) -> bool:
    """Whether an array or NumPy scalar is of a class or dtype that programs do not have."""
    if isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap):
        return True
    return isinstance(x, (np.ndarray, np.generic)) and (
        x.dtype.kind not in SUPPORTED_KINDS or x.dtype.itemsize > 8
    )


def _refuse_two_nans(value: Value) -> None:
    """Whether two items are equal is asked: where both are NaN, they are if they are one object, which nobody knows."""
    owner = value.owner
    if owner is None or owner.kind != "equal" or not all(x.type.is_float for x in owner.operands):
        return
    constants = [known(Tracer(x)) for x in owner.operands]
    if any(c is not None and not np.isnan(c) for c in constants):
        return
    nans: Any = [np.isnan(Tracer(x)) for x in owner.operands]
    check(np.logical_not(np.logical_and(*nans)), "a search for NaN")


def form_of(example: Any, as_float: bool = False) -> tuple[Form, np.ndarray]:
    """The form of a leaf and the array that holds it."""
    array = np.asarray(example)
    form: Form = (
        "array"
        if isinstance(example, np.ndarray)
        else "scalar"
        if isinstance(example, np.generic)
        else "python"
    )
    return form, array.astype(float) if as_float and array.dtype.kind in "iu" else array


def _hint(path: Path) -> str | None:
    name = path.text.split(".")[-1].split("[")[-1].strip("]'\"")
    return name if name.isidentifier() and not name.startswith("_") else None


__all__ = [
    "GUARD",
    "AutodiffError",
    "Declined",
    "Input",
    "NotStaged",
    "Trace",
    "form_of",
    "is_unsupported",
]
