"""Many at once: a function of one lane as a function of a batch.

    vmap(f, in_axes=(0, None))(X, w)     ==     np.stack([f(x, w) for x in X])

:class:`Lanes` is that loop.  Called by Python it goes through the lanes one by one; inside of captured
code it is one loop of the program (:mod:`autodiff.capture.lanes`), which is differentiated and compiled
like one that the user wrote.  ``in_axes`` and ``out_axes`` are read as JAX reads them: one entry for
all, or a container of entries with the structure of the first levels of what they are for.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.calls import call
from autodiff.capture.frames import Scope
from autodiff.capture.interpreter import Frame
from autodiff.capture.lanes import Stacks, lanes, no_lanes
from autodiff.capture.naming import capturing
from autodiff.capture.sourcecode import Syntax
from autodiff.compiled.binding import signature_of
from autodiff.dims import Extent, equal
from autodiff.errors import ArgumentError, NameArgumentError, ShapeError, UnsupportedError
from autodiff.labelled import is_labelled
from autodiff.ops import dispatch
from autodiff.ops.known import check
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.plain_data import dataclass
from autodiff.transform.plans import Transformation

Axes = Any  # int, None, or a container of them


def _is_entry(x: Any) -> bool:
    """Whether a part of ``in_axes`` or ``out_axes`` is one entry."""
    return x is None or (isinstance(x, int) and not isinstance(x, bool))


def check_axes(axes: Axes, what: str) -> None:
    """Refuse entries that are no axes."""
    leaves = tree.flatten(axes)[0] if tree.is_container(axes) else [axes]
    for x in leaves:
        if not _is_entry(x):
            raise ArgumentError(
                f"vmap: {what} has {x!r}, which is no axis.",
                remedy="give ints, None, or containers of them",
            )


@dataclass(frozen=True)
class Part:
    """A leaf of an argument that is mapped: its axis, and how messages call it."""

    leaf: Any
    axis: int
    name: str

    @property
    def size(self) -> Extent:
        """How many lanes it has."""
        size: Extent = self.leaf.shape[self.axis]
        return size

    def lane(self, k: Any) -> Any:
        """What lane ``k`` gets of it: a view, or a number of an array with one axis."""
        return self.leaf[(*(slice(None),) * self.axis, k)]

    def type_of_lane(self) -> tuple[np.dtype[Any], tuple[Any, ...]]:
        """Dtype and shape of what a lane gets."""
        shape = self.leaf.shape
        return self.leaf.dtype, (*shape[: self.axis], *shape[self.axis + 1 :])


@dataclass(frozen=True)
class Argument:
    """An argument of a call: its parts that are mapped, and how it is put together around others."""

    parts: list[Part]
    put_together: Callable[[Sequence[Any]], Any]


def _argument(value: Any, axes: Axes, name: str) -> Argument:
    """An argument under its entry of ``in_axes``."""
    if axes is None:
        return Argument([], lambda given: value)
    subtrees, outer = _under(value, axes, name)
    parts: list[Part] = []
    rebuild: list[Callable[[Iterator[Any]], Any]] = []
    for entry, subtree, where in subtrees:
        if entry is None:
            rebuild.append(lambda given, x=subtree: x)  # type: ignore[misc]
            continue
        mapped, definition = _mapped(subtree, entry, where)
        parts += [x for x in mapped if isinstance(x, Part)]
        rebuild.append(functools.partial(_filled, mapped, definition))

    def put_together(given: Sequence[Any]) -> Any:
        left = iter(given)
        made = [make(left) for make in rebuild]
        return made[0] if outer is None else tree.unflatten(outer, made)

    return Argument(parts, put_together)


def _filled(mapped: Sequence[Any], definition: Any, given: Iterator[Any]) -> Any:
    leaves = [next(given) if isinstance(x, Part) else x for x in mapped]
    return leaves[0] if definition is None else tree.unflatten(definition, leaves)


def _under(value: Any, axes: Axes, name: str) -> tuple[list[tuple[Any, Any, str]], Any]:
    """The parts of a value that entries are for, with their names; what puts these together."""
    if _is_entry(axes):
        return [(axes, value, name)], None
    entries, definition = tree.flatten(axes)
    tree.flatten(value)  # makes the classes in it known
    try:
        subtrees = definition.flatten_up_to(value)
    except (ValueError, TypeError):
        raise ArgumentError(
            f"vmap: the entry {axes!r} of in_axes does not have the structure of {name}.",
            remedy="give one entry for the whole argument, or entries in containers like its own",
        ) from None
    wheres = tree.paths(definition, name)
    return list(zip(entries, subtrees, wheres, strict=True)), definition


def _mapped(subtree: Any, axis: int, name: str) -> tuple[list[Any], Any]:
    """The leaves below one entry: parts, and None where there is None."""
    if not tree.is_container(subtree) or is_labelled(subtree):
        return [_part(subtree, axis, name)], None
    leaves, definition = tree.flatten(subtree)
    paths = tree.paths(definition, name)
    mapped = [_part(x, axis, path) for x, path in zip(leaves, paths, strict=True)]
    return mapped, definition


def _part(x: Any, axis: int, name: str) -> Part | None:
    if x is None:
        return None
    if not isinstance(x, (np.ndarray, Tracer)):
        kind = "number" if isinstance(x, (int, float, complex, np.generic)) else type(x).__name__
        raise ShapeError(
            f"vmap: {name} is a {kind}, which has no axis {axis}.",
            remedy="give it None in in_axes where all lanes share it, or pass an array with an item "
            "for each lane",
        )
    ndim = x.ndim
    if not -ndim <= axis < ndim:
        raise ShapeError(
            f"vmap: {name} has shape {_shape(x.shape)}, hence no axis {axis}.",
            remedy="give the axis along which its lanes lie, or None in in_axes where all share it",
        )
    return Part(x, axis % ndim, name)


def _shape(shape: Sequence[Extent]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


@dataclass(frozen=True)
class Batch:
    """The arguments of a call, taken apart by lanes."""

    positional: list[Argument]
    by_name: dict[str, Argument]
    parts: list[Part]
    count: Extent

    def given(self, of_parts: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments and keywords around what a lane gets of the parts."""
        left = iter(of_parts)

        def one(argument: Argument) -> Any:
            return argument.put_together([next(left) for _ in argument.parts])

        args = [one(argument) for argument in self.positional]
        return args, {name: one(argument) for name, argument in self.by_name.items()}

    def lane(self, k: Any) -> tuple[list[Any], dict[str, Any]]:
        """Arguments and keywords of lane ``k``."""
        return self.given([part.lane(k) for part in self.parts])


class Lanes:
    """A function for each lane of a batch, results stacked.

    Called as the function is, with arguments that have an axis more where ``in_axes`` says so.
    """

    __autodiff_wraps__ = True

    def __init__(
        self, function: Callable[..., Any], in_axes: Axes, out_axes: Axes, axis_size: int | None
    ) -> None:
        if isinstance(in_axes, list):
            in_axes = tuple(in_axes)
        check_axes(in_axes, "in_axes")
        check_axes(out_axes, "out_axes")
        if not _is_entry(in_axes) and not isinstance(in_axes, tuple):
            raise ArgumentError(
                f"vmap: in_axes={in_axes!r} is no int, no None and no tuple.",
                remedy="give one entry for all arguments, or a tuple with one for each",
            )
        if axis_size is not None and (not _is_entry(axis_size) or axis_size < 0):
            raise ArgumentError(
                f"vmap: axis_size={axis_size!r} is no number of lanes.", remedy="give an int"
            )
        self.function = function
        self.in_axes = in_axes
        self.out_axes = out_axes
        self.axis_size = axis_size
        functools.update_wrapper(self, function, updated=())
        self.title = getattr(function, "__name__", type(function).__name__)
        try:
            self.parameters = tuple(signature_of(function).parameters.values())
        except (TypeError, ValueError):  # of C
            self.parameters = ()

    # -- arguments ------------------------------------------------------------------------------
    def batch(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Batch:
        """The arguments of a call, taken apart by lanes; what does not fit is refused."""
        names = self._names(len(args))
        by_position = {name: k for k, name in enumerate(names)}
        axes = self._axes(len(args), kwargs, by_position)
        positional = [_argument(x, axes[k], names[k]) for k, x in enumerate(args)]
        by_name = {
            name: _argument(x, axes.get(by_position.get(name, -1), 0), name)
            for name, x in kwargs.items()
        }
        parts = [p for argument in (*positional, *by_name.values()) for p in argument.parts]
        return Batch(positional, by_name, parts, self._count(parts))

    def _names(self, count: int) -> list[str]:
        """How messages call the arguments that may be given by position."""
        names: list[str] = []
        for parameter in self.parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = range(max(count - len(names), 0))
                return [*names, *[f"{parameter.name}[{k}]" for k in rest]]
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
                break
            names.append(parameter.name)
        return [*names, *[f"argument {k + 1}" for k in range(len(names), count)]]

    def _axes(
        self, count: int, kwargs: dict[str, Any], by_position: dict[str, int]
    ) -> dict[int, Axes]:
        """The entry of each argument that may be given by position."""
        if not isinstance(self.in_axes, tuple):
            return dict.fromkeys([*range(count), *by_position.values()], self.in_axes)
        given = {*range(count), *[by_position[name] for name in kwargs if name in by_position]}
        if given != set(range(len(self.in_axes))):
            raise NameArgumentError(
                f"vmap of {self.title}: in_axes has {len(self.in_axes)} entries, and the call has "
                f"{len(given)} arguments that they could be for.",
                remedy="give one entry for each argument, None for those that all lanes share",
            )
        return dict(enumerate(self.in_axes))

    def _count(self, parts: Sequence[Part]) -> Extent:
        if not parts:
            if self.axis_size is None:
                raise ShapeError(
                    f"vmap of {self.title}: no argument has an axis of lanes.",
                    remedy="give an axis in in_axes, or the number of lanes as axis_size",
                )
            return self.axis_size
        first = parts[0]
        count = first.size if self.axis_size is None else self.axis_size
        if any(not equal(part.size, count) for part in parts):
            of_axes = {
                part.name: f"{part.size} in {part.name} (axis {part.axis})" for part in parts
            }
            asked = [] if self.axis_size is None else [f"{self.axis_size} by axis_size"]
            raise ShapeError(
                f"vmap of {self.title}: the numbers of lanes differ: "
                f"{', '.join([*of_axes.values(), *asked])}.",
                remedy="pass arrays that have as many items along these axes, or give None in "
                "in_axes to what all lanes share",
            )
        return count

    # -- results --------------------------------------------------------------------------------
    def _refusal(self, x: Any) -> ArgumentError:
        return ArgumentError(
            f"vmap of {self.title}: a lane returns a {type(x).__name__}, of which there is no stack.",
            remedy="return numbers, arrays, or containers of them",
        )

    def _arranged(self, stacks: Stacks, shared: Callable[[Any, bool | None], Any]) -> Any:
        """The result, with the axis of lanes where ``out_axes`` has it.

        ``shared(stack, differs)`` is what all lanes have in common.
        """
        definition = stacks.definition
        pairs = list(zip(stacks.leaves, stacks.differ, strict=True))
        numbered = list(range(len(pairs)))
        whole = numbered[0] if definition is None else tree.unflatten(definition, numbered)
        made: list[Any] = list(stacks.leaves)
        for axis, subtree in self._out_entries(whole):
            leaves = tree.flatten(subtree)[0] if tree.is_container(subtree) else [subtree]
            for k in leaves:
                stack, differs = pairs[k]
                if stack is None:
                    continue
                made[k] = shared(stack, differs) if axis is None else self._moved(stack, axis)
        return made[0] if definition is None else tree.unflatten(definition, made)

    def _out_entries(self, whole: Any) -> list[tuple[int | None, Any]]:
        if _is_entry(self.out_axes):
            return [(self.out_axes, whole)]
        entries, definition = tree.flatten(self.out_axes)
        try:
            return list(zip(entries, definition.flatten_up_to(whole), strict=True))
        except (ValueError, TypeError):
            raise ArgumentError(
                f"vmap of {self.title}: out_axes={self.out_axes!r} does not have the structure of "
                "the result.",
                remedy="give one entry for the whole result, or entries in containers like its own",
            ) from None

    def _moved(self, stack: Any, axis: int) -> Any:
        ndim = stack.ndim
        if not -ndim <= axis < ndim:
            raise ShapeError(
                f"vmap of {self.title}: out_axes has axis {axis} for a result whose stack has "
                f"{ndim} axes.",
                remedy="give an axis that the stacked result has",
            )
        if axis % ndim == 0:
            return stack
        order = [*range(1, ndim)]
        order.insert(axis % ndim, 0)
        return stack.transpose(order)

    def _differing(self) -> ArgumentError:
        return ArgumentError(
            f"vmap of {self.title}: out_axes has None for a result that may differ between lanes.",
            remedy="give the axis that its lanes shall lie along",
        )

    # -- as Python runs it ----------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results of all lanes, one after the other."""
        trace = capturing()
        if trace is not None and is_traced([*args, *kwargs.values()]):
            return self.__autodiff_inline__(trace, list(args), kwargs)
        batch = self.batch(args, kwargs)
        count = int(batch.count)  # type: ignore[arg-type]
        if not count:
            raise UnsupportedError(
                f"vmap of {self.title}: there are no lanes, and of a function that is not compiled "
                "only a lane tells what it returns.",
                remedy="leave out the call where there are no lanes",
            )
        definition: Any = None
        rows: list[list[Any]] = []
        for k in range(count):
            given, named = batch.lane(k)
            result = self.function(*given, **named)
            container = tree.is_container(result) and not is_labelled(result)
            leaves, own = tree.flatten(result) if container else ([result], None)
            if rows and own != definition:
                raise ArgumentError(
                    f"vmap of {self.title}: lanes return results of different structures.",
                    remedy="return containers of the same kinds, sizes and keys from every lane",
                )
            definition = own
            rows.append([self._copy(x) for x in leaves])
        columns = [list(column) for column in zip(*rows, strict=True)]
        stacks = [None if column[0] is None else np.stack(column) for column in columns]
        return self._arranged(Stacks(definition, stacks, [None] * len(stacks)), self._common)

    def _copy(self, x: Any) -> Any:
        """A leaf of a lane's result, as it is now: a later lane may store into it."""
        if x is None:
            return None
        if isinstance(x, np.ndarray) and x.dtype.kind in "fiubc":
            return x.copy()
        if isinstance(x, (bool, int, float, complex)) or (
            isinstance(x, np.generic) and x.dtype.kind in "fiubc"
        ):
            return x
        raise self._refusal(x)

    def _common(self, stack: np.ndarray, differs: bool | None) -> Any:
        if any(
            not np.array_equal(row, stack[0], equal_nan=row.dtype.kind in "fc") for row in stack
        ):
            raise self._differing()
        return stack[0]

    # -- as capture runs it ---------------------------------------------------------------------
    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call: as a loop of the program."""
        batch = self.batch(args, kwargs)
        function = trace.wrapped(self, "function")
        frame = _frame(trace, function)
        node = frame.scope.syntax.node

        def run(given: tuple[list[Any], dict[str, Any]]) -> Any:
            return call(frame, function, *given, node)

        if isinstance(batch.count, int) and batch.count == 0 and trace.tier.rolls:
            types = [part.type_of_lane() for part in batch.parts]
            stacks = no_lanes(frame, lambda given: run(batch.given(given)), types, self._refusal)
        else:
            stacks = lanes(frame, node, batch.count, lambda k: run(batch.lane(k)), self._refusal)
        return self._arranged(stacks, self._shared)

    def _shared(self, stack: Any, differs: bool | None) -> Any:
        if differs:
            raise self._differing()
        if isinstance(stack.shape[0], int) and stack.shape[0] == 0:
            raise self._differing()
        first = stack[0]
        if differs is None:
            equal_or_nan = (stack == first) | ((stack != stack) & (first != first))
            check(dispatch.functions[np.all](equal_or_nan), "a result that differs between lanes")
        return first


def _frame(trace: Any, function: Any) -> Frame:
    """A frame that calls the lanes, where captured code is, else where the function is."""
    node = ast.parse("lambda: None", mode="eval").body
    assert isinstance(node, ast.Lambda)
    here = trace.builder.source
    code = getattr(inspect.unwrap(function), "__code__", None)
    if here is not None:
        node.lineno, node.col_offset, node.end_col_offset = here.line, here.column, here.end_column
    elif code is not None:
        node.lineno, node.col_offset, node.end_col_offset = code.co_firstlineno, 0, 1
    node.end_lineno = node.lineno
    file = here.file if here is not None else code.co_filename if code is not None else "<vmap>"
    name = here.function if here is not None else getattr(function, "__name__", "<vmap>")
    syntax = Syntax(node, file, frozenset(), frozenset(), False)
    return Frame(trace, Scope(syntax, {}, {}, None), name)


class Batched(Transformation):
    """The value of :class:`Lanes`, whose number of lanes no program is made for."""

    name = "vmap"
    takes_lists = False  # what a list holds is mapped
    takes_tables = False

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of  # who has the lanes

    def open_axes(self, signature: Any, call: Any) -> frozenset[tuple[int, int]]:
        """The axes of lanes, by leaf; arguments that do not fit are refused."""
        args, kwargs = call.as_given
        axes = {id(part.leaf): part.axis for part in self.of.lanes.batch(args, kwargs).parts}
        return frozenset(
            (k, axes[id(call.wholes.get(k, leaf))])
            for k, leaf in enumerate(call.leaves)
            if id(call.wholes.get(k, leaf)) in axes
        )


__all__ = ["Batched", "Lanes"]
