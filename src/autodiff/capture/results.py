"""Results: what a capture is, and how the result of a call is made again from the outputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.findings import Input
from autodiff.capture.naming import Naming
from autodiff.capture.paths import Guard, Path
from autodiff.capture.running import current_run
from autodiff.capture.trace import Trace
from autodiff.ir.data import Program, Value
from autodiff.ladder import Bail, Decision
from autodiff.lookups import Name
from autodiff.plain_data import dataclass


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
    outside, ``("found", number)`` of the ``objects`` of the capture, a container of the arguments, ``("view", plan, steps, number)`` of one of these, ``("list", ListPlan)``, ``("copy", object)``,
    ``("constant", object)``, ``("either", number, leaf, leaf)`` by whether an output is true,
    ``("complex", number, form)`` of an output of pairs, ``("converted", number, type)``,
    ``("real part", number, type)`` and ``("complex number", number, type)`` of an output of pairs, ``("part", number)`` of the ``parts`` that it has in several places,
    or ``("one of parts", number, parts)`` by an output.
    Of derivatives by a list that is one array: ``("columns", plan, type, form)``, a list with an item for each index of the
    last axis, and ``("rows", Result, type)`` for each of the first axis of all its outputs.
    """

    leaves: list[tuple[Any, ...]]
    definition: Any | None
    parts: tuple[Result, ...] = ()  # each made of those before it
    is_kept: bool = False  # whether effects of the run keep its arrays, which they know by numbers

    def numbers(self) -> list[int]:
        """The outputs that it is made of, where it is the row of a matrix."""
        found = [leaf[1] if leaf[0] == "columns" else leaf for leaf in self.leaves]
        return [leaf[1] for leaf in found if leaf[0] == "output"]

    def _of_row(self, outputs: dict[int, Any], arguments: Sequence[Any]) -> Any:
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
            elif kind == "argument":
                items.append(arguments[what])
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
        made: dict[Any, Any] = current_run().made if self.is_kept else {}
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
            if kind == "complex number":
                return leaf[2](as_complex_result(outputs[what], "scalar"))
            if kind == "columns":
                return leaf[2](_columns(item(what), leaf[3]))
            if kind == "rows":
                return leaf[2](_rows(what, outputs, arguments))
            if kind == "list":
                return what.build(outputs, item, made)
            if kind == "argument":
                return arguments[what]
            if kind == "hidden":
                return hidden[what]
            if kind == "found":
                return found[what]
            if kind == "copy":
                key = kind, id(what)
                if key not in made:
                    made[key] = copy.copy(what)
                return made[key]
            if kind in ("part", "one of parts"):
                return parts[what if kind == "part" else leaf[2][int(outputs[what])]]
            if kind == "view":
                key = kind, leaf[3]
                if key not in made:
                    array = item(what)
                    for repeat, extents in leaf[2]:
                        sizes = [n if at is None else outputs[at] for n, at in extents]
                        array = repeat(array, sizes)
                    made[key] = array
                return made[key]
            return what

        def whole(part: Result) -> Any:
            items = [item(leaf) for leaf in part.leaves]
            return items[0] if part.definition is None else tree.unflatten(part.definition, items)

        return whole(self)


def _rows(table: Any, outputs: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    """The items of a list whose columns are outputs."""
    columns = {k: np.asarray(outputs[k]) for k in table.numbers()}
    (count, *_) = map(len, columns.values())
    rows = [{k: column[at] for k, column in columns.items()} for at in range(count)]
    return [table._of_row(row, arguments) for row in rows]


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


def as_complex_result(pair: np.ndarray, form: str) -> Any:
    """The complex array, NumPy scalar or Python number of an output."""
    whole = np.ascontiguousarray(pair).view(np.result_type(pair.dtype, np.complex64))[..., 0]
    return whole if form == "array" else whole[()] if form == "scalar" else complex(whole)
