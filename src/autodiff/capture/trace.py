"""One capture: the inputs found so far, the guards, the values known for this call.

A :class:`Trace` owns the builder.  ``lift`` turns objects met on the way (arguments, globals,
attributes) into tracers — arrays and floats become inputs, everything else is guarded — and
``concrete`` gives the value a tracer has at this call: free where it depends on constants alone,
otherwise with a guard in the program, or refused inside a staged loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import BuiltinMethodType, GeneratorType, MethodType, ModuleType, WrapperDescriptorType
from typing import Any

import numpy as np

from autodiff import containers, lookups
from autodiff.capture import remembered
from autodiff.capture.findings import Input
from autodiff.capture.inputs import form_of, is_unsupported
from autodiff.capture.outside import Outside
from autodiff.capture.paths import Guard, Path
from autodiff.capture.text import is_pending, materialised
from autodiff.errors import AutodiffError, locate
from autodiff.ir.data import Source
from autodiff.ladder import Bail, Declined, NotStaged, Rung
from autodiff.ops.complex_numbers import ComplexTracer, plain
from autodiff.ops.control import GUARD
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import run_users


class Trace(Outside):
    """State of one capture; see the module header."""

    __repr__ = object.__repr__  # it holds everything

    def forget(self) -> None:
        """Let go of the objects of the call: what is compiled reads those of later calls."""
        for record in self.inputs:
            record.example = None
        for table in (
            self.known, self.stood_for, self.kept, self.kept_arrays, self.by_array, self.copies, self.given,
            self.copied, self.items, self.tables, self.dataframes, self.taken_apart, self.gathered,
            self.ambiguous, self.in_passes, self.numbers, self.chosen, self.sides, self.held, self.merged, self.keep_alive, self.kept_scopes, self.seeded, self.reached, self.made, self.made_at,
            self.scopes, self.calls, self.active, self.rolling, self.in_hand, self.complex_inputs, self.remade,
            self.attempts, self.used_members, self.given_at, self.callers_at, self.paths, self.lengths, self.guards, self.objects,
            self.recalled, self.asked, self.left_pools, self.renamed,
        ):  # fmt: skip
            table.clear()
        self.heap.forget()
        self.state = self.stand_in = self.checkpointed = self.calling = self.owner = None
        self.slots, self.arguments, self._given = (), ((), {}), None
        self.given_leaves = ()

    def changing(self, obj: Any, source: Source | None, part: Any = None) -> None:
        """A store into a Python object is about to happen; declined for objects from outside.

        ``part`` is the name or key that is stored to, where nothing else of the object changes.
        """
        if self.original(obj) is not obj:
            raise Declined(f"a change of a {type(obj).__name__} through a library", source)
        self.refuse_given(obj, source)
        self.changes.setdefault(id(obj), source)
        if not self.tier.holds_back:
            return
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

    def let_go(self, objects: Iterable[Any]) -> None:
        """Let objects change again."""
        for obj in objects:
            self.held.pop(id(obj), None)

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
        if kind is None and (what := _of_capture(x)):
            article = "an" if what[0] in "aei" else "a"
            reason = f"{article} {what} of traced values, kept outside"
            raise Declined(reason, self.builder.source)
        if isinstance(x, (MethodType, BuiltinMethodType)):
            self.plain(x.__self__)
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
            if error.source is None:
                error.source = self.builder.source
                self.raised = error, error.source
            raise
        except Exception as error:
            self.note(error)
            raise

    def answer(self, tracer: Tracer, *args: Any, **kwargs: Any) -> Any:
        """The value of a tracer that Python asks for: it decides by that."""
        if self.differentiable:
            parts = tracer.parts if isinstance(tracer, ComplexTracer) else (tracer,)
            self.asked += [part.value for part in parts]
        return self.concrete(tracer, *args, **kwargs)


def is_iterator(obj: Any) -> bool:
    """Whether an object is an iterator of Python's, which remembers out of sight where it stands."""
    return isinstance(getattr(type(obj), "__next__", None), WrapperDescriptorType)


def is_tracer(x: Any) -> bool:
    """Whether ``x`` is a traced value."""
    return isinstance(x, Tracer)


def traced_leaves(x: Any) -> list[Tracer]:
    """The traced values in containers and objects; of complex ones, both parts."""
    found: list[Tracer] = []
    for leaf in containers.leaves(x):
        if isinstance(leaf, Tracer):
            found += map(plain, leaf.parts) if isinstance(leaf, ComplexTracer) else (leaf,)
    return found


def _of_capture(x: Any) -> str:
    """What an object is in Python that capture has put in the place of it; "" of any other."""
    if type(x).__module__.startswith("autodiff.capture."):
        return "generator" if "Generator" in type(x).__name__ else type(x).__name__
    if isinstance(x, GeneratorType) and x.gi_code.co_filename.startswith(_HERE):
        return "iterator"
    is_ours = isinstance(getattr(x, "__self__", None), (Tracer, StoredList))
    return "method" if is_ours and isinstance(x, (MethodType, BuiltinMethodType)) else ""


_HERE = os.path.dirname(__file__)


def refuse_captured_class(cls: type, source: Source | None) -> None:
    """Decline to leave an object of a class that captured code made to the user: its methods are ours."""
    if any(type(member).__name__ == "Closure" for member in vars(cls).values()):
        raise Declined(f"a {cls.__name__}, of a class made by the function, kept outside", source)


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
