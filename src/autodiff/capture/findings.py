"""What a capture has found out so far: its inputs, guards and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from autodiff.capture.arrays import Arrays
from autodiff.capture.effort import Allowance
from autodiff.capture.parts import Parts
from autodiff.capture.paths import Guard, Path
from autodiff.capture.written import Written
from autodiff.errors import DerivativeError
from autodiff.ir.data import Program, Source, Value
from autodiff.ops.tracer import (
    Cell,
    Form,
    Tracer,
)
from autodiff.plain_data import dataclass

RunLong: TypeAlias = Callable[[Program, Sequence[Any]], Sequence[Any]]
"""Runs a program on its inputs by an engine that is fast in loops; raises :class:`CheckFailed`."""


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


@dataclass(eq=False)
class Tables:
    """What a capture has found out so far."""

    parts: Parts = field(default_factory=Parts)
    heap: Arrays = field(default_factory=Arrays)
    ambiguous: dict[int, Any] = field(default_factory=dict)
    in_passes: dict[int, Any] = field(
        default_factory=dict
    )  # ... that stand in loops for the caller's
    chosen: dict[int, tuple[Any, Sequence[Any]]] = field(default_factory=dict)  # ... of which
    # ... where the test holds and where not: what was chosen, the test, both.
    sides: dict[int, tuple[Any, Value, Any, Any]] = field(default_factory=dict)
    # What stands, in a loop's body, for an object of before.
    held: dict[int, Any] = field(default_factory=dict)
    merged: dict[int, Any] = field(default_factory=dict)  # tuples that may be older ones
    # The numbers of objects that branches and loops choose among (capture.choices), by id.
    numbers: dict[int, tuple[Any, int]] = field(default_factory=dict)
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
    # What the parameters of a function that is differentiated inside of this one are at this call.
    stood_for: dict[Value, Value] = field(default_factory=dict)
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
    # Generators that stand still whose end can be seen, by identity, and where they were made; those let go.
    standing: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    let_go_of: list[tuple[Any, Any]] = field(default_factory=list)
    # Generators made by the function from a fixed seed.
    seeded: dict[int, Any] = field(default_factory=dict)
    # Generators that are others at each run, and how a run gets at its own.
    reached: dict[int, tuple[Any, Callable[[], Any]]] = field(default_factory=dict)
    # Per open catch_warnings: whether filters were set in it.
    filtered: list[bool] = field(default_factory=list)
    called_out: Any = None  # the library that calls functions of the user, if one does
    set_aside: tuple[Any, str] = (None, "")  # the last solver that could not be captured, and why
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
    calls: list[Any] = field(default_factory=list)  # scope of each active call, and its line
    # What is raised where values that capture cannot look into are differentiated.
    refusals: list[tuple[str, DerivativeError]] = field(default_factory=list)
    state: Any = None  # the places outside that change (capture.state)
    slots: Sequence[Any] = ()  # the arguments as the user gave them
    given_leaves: Sequence[Any] = ()  # of type Leaf: what is in them
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
    # Makes the derivatives that solvers are handed where the user gave none; None: they are handed none.
    handing: Callable[..., Any] | None = None
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
    derivatives: int = 0  # taken inside of the function, around what is run
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
    # Whether loops may carry those of lists that each pass makes anew; whether one does.
    renews_members: bool = True
    has_renewed: bool = False
    # Dicts made here, and at which line; what is known of the keys of those of a line (capture.keyed), None where none may be
    # in columns; whether one is.
    made_at: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    keys: dict[Any, Any] | None = field(default_factory=dict)
    has_keyed: bool = False
    # The strings that are known by numbers (choices.Words); None where none may be.
    words: Any = None
    row_kinds: Sequence[Any] = ()  # types that the numbers of rows are of as well
    holds_arrays: bool = False  # set when arrays in lists turn out to change (capture.members)
    owner: Any = None  # the object whose method is captured, or that is called
    # Where the containers of the arguments are, by the identity of what the function was given for each.
    given_at: dict[int, Path] = field(default_factory=dict)
    callers_at: dict[int, Path] = field(default_factory=dict)  # the same, of derivatives too
    used_members: list[Any] = field(default_factory=list)  # the pools of such objects
    # Pools of rows that loops carry, what they held at the end of a region, and as what they go on.
    left_pools: list[tuple[Any, tuple[Any, ...], Any]] = field(default_factory=list)
    # What has had a member put in its place: the pool, the table and name, what that had, and has.
    renamed: list[tuple[Any, Any, str, Any, Any]] = field(default_factory=list)
    calling: Any = (
        None  # the frame of the function that was entered, or that called something, last
    )
    # Lists that are arguments, one array each (given.Given).
    given: dict[int, Any] = field(default_factory=dict)
    copies_given: bool = False  # lists hold copies of lists that are the user's own
    compares_items: bool = False  # Python compares what containers hold
    # Copies of containers, with everything in them lifted, that libraries were given; of which.
    copies: dict[int, tuple[Any, Any]] = field(default_factory=dict)
