"""The inputs of a program, and the values that are known for this call."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from autodiff import containers
from autodiff.capture import remembered
from autodiff.capture.findings import Input, RunLong, Tables
from autodiff.capture.numbering import Numbering
from autodiff.capture.paths import Guard, Path
from autodiff.capture.tiers import STAGED, Tier
from autodiff.dims import Dim, Extent, UndecidedExtent, at_least, evaluate, upper_bound
from autodiff.dims import symbols as symbols_of
from autodiff.errors import DerivativeError, DtypeError
from autodiff.ir.data import ArrayType, Operation, Source, Value
from autodiff.ladder import Decision, Decisions, NotStaged
from autodiff.later import later
from autodiff.lookups import Name
from autodiff.ops.builder import emit
from autodiff.ops.complex_numbers import ComplexTracer, plain, whole_of
from autodiff.ops.control import GUARD, CheckFailed, emit_check
from autodiff.ops.known import check, known
from autodiff.ops.layout import set_layout
from autodiff.ops.tracer import (
    SUPPORTED_KINDS,
    Cell,
    Form,
    Tracer,
    as_tracer,
    emit_tracer,
)
from autodiff.stack import users_depth

if TYPE_CHECKING:
    from autodiff.ops import evaluate as evaluation
else:
    evaluation = later("autodiff.ops.evaluate")

MAXIMUM_STEPS = 20_000
"""Operations that NumPy runs to know a value at this call; for more, machine code is made.  They take
about as long as the machine code takes to make."""

# What is guarded by identity itself.
HELD_BY_IDENTITY = (ModuleType, type, FunctionType, BuiltinFunctionType, np.ufunc, Enum)

_OPERATORS = frozenset(
    name for name, member in vars(float).items() if type(member).__name__ == "wrapper_descriptor"
) - {"__init__", "__getattribute__", "__hash__", "__repr__"}

_LIBRARIES = frozenset(("numpy", "scipy", "autodiff", "llvmlite", "optree"))


class Inputs(Tables):
    """The inputs of a program, and the values that are known at this call."""

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
        self.left_at: Source | None = None  # the line by which the function was left
        # What earlier derivatives have left outside, and where it is read.
        self.recalled: list[tuple[Input, Source | None]] = []
        self.asked: list[Value] = []  # what Python has decided by
        # Paths of objects that were stored into (uncompiled tier).
        self.stored_outside: set[str] = set()
        self.lookups: set[Name] = set()  # names of libraries that the code asked for

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
            raise unsupported_dtype(title, array.dtype)
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
        cell.block = None  # older than any loop or branch, though one may be the first to read it
        tracer = Tracer(cell, form)
        if not self.tier.reusable and isinstance(example, np.ndarray):
            set_layout(tracer, example)
        elif form == "array":
            cell.follows = cell.is_laid = True
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
        elif known.text != path.text and not isinstance(obj, HELD_BY_IDENTITY):
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

    def was_made(self, obj: Any) -> bool:
        """Whether the captured code made an object."""
        return any(made.get(id(obj)) is obj for made in self.made)

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
                pending.extend(evaluation.all_uses(current.owner))

    def number_of(self, path: Path) -> int:
        """The number of an object that is read at each call, but is no input."""
        if path not in self.objects:
            self.objects.append(path)
        return self.objects.index(path)

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
        if self.called_out is not None and self.differentiated(value):
            # It decides what a library computes: which integrand, which point of a search.
            raise self.called_out.lost(self.builder.source)
        if leaves and value.type.is_float and self.differentiated(value):
            raise DerivativeError(
                "a value that carries a derivative becomes a plain number here, "
                "which would lose the derivative.",
                code="AD302",
                source=self.builder.source,
                remedy="build arrays with np.stack or by stores; give functions that NumPy does not "
                "know a derivative with autodiff.custom_gradient",
            )
        array, depends = self.evaluate(value)
        if self.compares_items:
            _refuse_two_nans(value)
        if depends and self.tier.reusable and value not in self.guarded:
            self.guarded[value] = None
            _emit_guard(tracer, array)
        return self.present(tracer, array)

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

    def class_given(self, x: Tracer) -> type:
        """The class of a number in plain Python: of one that is given, that of the user's floats."""
        if type(x) is Tracer and x.form == "python" and x.value.owner is None:
            for record in self.inputs:
                cls = type(record.example)
                if record.value is x.value and issubclass(cls, float) and cls.__module__ != "numpy":
                    return cls
        return x.python_type

    def is_whole(self, x: Any) -> bool:
        """Whether it is an int that is differentiated by, as a float."""
        return type(x) is Tracer and x.value in self.whole

    def as_index(self, x: Any) -> Any:
        """``x`` as an index or a number of steps, where it is an int that is differentiated by."""
        if self.is_whole(x):
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
            if operation is None and (given := self.stood_for.get(current)) is not None:
                if given in self.known:
                    self.known[current] = self.known[given]
                else:
                    pending.append(given)
                continue
            if operation is None:
                raise NotStaged("a value inside a loop is needed by Python")
            if operation.kind == "host_call":
                raise NotStaged("the result of a random draw or clock is needed by Python")
            used = evaluation.all_uses(operation)
            needs = [v for v in used if v not in self.known]
            if needs:
                pending.extend(needs)
                continue
            depends = any(self.known[v][1] for v in used)
            try:
                # The program will do what acts on the world: here it would be done once more.
                with np.errstate(all="ignore"), evaluation.without_effects():
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
            return evaluation.run_operation(operation, environment)
        try:
            with evaluation.at_most(MAXIMUM_STEPS):
                return evaluation.run_operation(operation, dict(environment))
        except evaluation.TooManySteps:
            program, taken = evaluation.as_program(operation)
            return self.run_long(program, [self.evaluate(v)[0] for v in taken])


def _is_known(extent: Extent, known: dict[Value, Any]) -> bool:
    return all(s in known for s in symbols_of(extent))


def _has_own_operators(cls: type) -> bool:
    """Whether a class of floats computes or compares them in another way than Python."""
    if cls is float or issubclass(cls, np.generic):
        return False
    return any(
        name in vars(base) for base in cls.__mro__[:-2] if base is not float for name in _OPERATORS
    )


def is_library(obj: Any) -> bool:
    """Whether a class or module belongs to a library that does not change under us."""
    name = obj.__name__ if isinstance(obj, ModuleType) else obj.__module__
    if not isinstance(obj, ModuleType):
        name = containers.home_of_class(obj) if isinstance(obj, type) else name or ""
    root = name.split(".")[0]
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


def unsupported_dtype(title: str, dtype: np.dtype[Any]) -> DtypeError:
    """The error for an array whose dtype programs do not have."""
    return DtypeError(
        f"{title} has dtype {dtype}, which is not supported.",
        remedy="pass floating-point, complex, integer or bool arrays",
    )


def is_unsupported(x: Any) -> bool:
    """Whether an array or NumPy scalar is of a class or dtype that programs do not have."""
    if isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap):
        return True
    return isinstance(x, (np.ndarray, np.generic)) and (x.dtype.kind not in SUPPORTED_KINDS)


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
