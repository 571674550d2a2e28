"""Sparse Jacobians and Hessians: pattern, colours, products, and elements out of these.

    derive      the program of tangents, which the pattern is found from (``dependencies``), and a program
                of products for as many colours as it is given (``differentiate.compressed``)
    each call   the pattern for its sizes and indices, known from an earlier call or found now;
                colours; one run of the program; the elements as ``csr_array``

Whether columns or rows are put together, or some of both, is decided when the program is made, by the
pattern of that call.  The blocks of a result by several arguments, or of several results, are one matrix until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from autodiff.capture import Captured, Result
from autodiff.compiled import Compiled
from autodiff.differentiate import jvp, unperturbed
from autodiff.differentiate.compressed import (
    both_products,
    forward_products,
    products_modes,
    reverse_products,
)
from autodiff.dims import evaluate, symbols
from autodiff.engines import InputForm, matches
from autodiff.errors import ArgumentError, AutodiffError, InternalError, UnsupportedError
from autodiff.ir.data import ArrayType, Block, Program
from autodiff.passes import optimize
from autodiff.plain_data import dataclass
from autodiff.sparse.colouring import (
    Colouring,
    colour_both,
    colour_columns,
    colour_symmetric,
    is_alone,
)
from autodiff.sparse.dependencies import Dependencies, Pattern
from autodiff.sparse.structure import Structure
from autodiff.transform.gradient import gradient_program
from autodiff.transform.matrices import Hessian, Jacobian
from autodiff.transform.plans import Plan, Transformation
from autodiff.transform.results import Slot, result_of, scalar_output, structured
from autodiff.transform.targets import Targets, is_object, shape_of

MOST_PATTERNS = 4  # that are remembered of one program
LARGE = 20_000  # elements from which on it pays to compile the colouring


# -- colours ----------------------------------------------------------------------------------------
_COMPILED: dict[Colouring, Compiled] = {}


def _running(elements: int) -> Callable[[Colouring], Colouring]:
    """What runs the loops of a colouring: machine code where there are many elements."""

    def compiled(colouring: Colouring) -> Colouring:
        if colouring not in _COMPILED:
            _COMPILED[colouring] = Compiled(colouring, Transformation())
        return lambda *args: _COMPILED[colouring].call(args, {})

    return compiled if elements > LARGE else lambda colouring: colouring


@dataclass(frozen=True, eq=False)
class Coloured:
    """A pattern, the colours of its columns or rows, and where its elements are among the products."""

    pattern: Pattern
    counts: tuple[int, ...]  # of products, forward or in reverse or both
    colours: tuple[np.ndarray, ...]
    product: np.ndarray  # of each element: the product that holds it
    place: np.ndarray  # ... and where
    in_last: np.ndarray | None = None  # ... and whether in the last of two kinds of products
    positions: dict[tuple[int, ...], np.ndarray] = field(
        default_factory=dict
    )  # all, by the widths of products

    @property
    def count(self) -> int:
        """How many products there are."""
        return sum(self.counts)

    def taken(self, tables: Sequence[np.ndarray]) -> np.ndarray:
        """The elements, from tables of products, one row each."""
        widths = tuple([table.shape[1] for table in tables])
        at = self.positions.get(widths)
        if at is None:
            at = self.product * widths[0] + self.place
            if self.in_last is not None:
                last = tables[0].size + self.product * widths[-1] + self.place
                at = np.where(self.in_last, last, at)
            at = self.positions[widths] = at.astype(np.intp)
        flat = [table.reshape(-1) for table in tables]
        return np.take(flat[0] if len(flat) == 1 else np.concatenate(flat), at)


def _matrix(pattern: Pattern) -> Any:
    data = np.ones(len(pattern.columns), bool)
    return csr_array((data, pattern.columns, pattern.ends), shape=pattern.shape)


def _rows_of(pattern: Pattern) -> np.ndarray:
    """The row of each element."""
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.ends))


def _number(colours: np.ndarray) -> int:
    return int(colours.max(initial=-1)) + 1


def _by_columns(pattern: Pattern) -> Coloured:
    matrix = _matrix(pattern)
    colours = colour_columns(matrix, _running(matrix.nnz))
    product, place = colours[pattern.columns], _rows_of(pattern)
    return Coloured(pattern, (_number(colours),), (colours,), product, place)


def _by_rows(pattern: Pattern) -> Coloured:
    matrix = _matrix(pattern).T.tocsr()
    colours = colour_columns(matrix, _running(matrix.nnz))
    product, place = colours[_rows_of(pattern)], pattern.columns
    return Coloured(pattern, (_number(colours),), (colours,), product, place)


def _by_both(pattern: Pattern) -> Coloured:
    """Some elements by products forward and the others in reverse, or all by one of the two."""
    matrix = _matrix(pattern)
    split = colour_both(matrix, _running(matrix.nnz))
    rows, columns = _rows_of(pattern), pattern.columns
    product = np.where(split.in_reverse, split.rows[rows], split.columns[columns])
    place = np.where(split.in_reverse, columns, rows)
    colours = (split.columns, split.rows)
    return Coloured(pattern, split.counts, colours, product, place, split.in_reverse)


def _by_star(pattern: Pattern) -> Coloured:
    """Where a column is not alone with its colour in a row, the element stands in the other's product."""
    matrix = _matrix(pattern)
    symmetric = csr_array(matrix + matrix.T)
    symmetric.sort_indices()
    whole = Pattern(
        symmetric.indptr.astype(np.int64),
        symmetric.indices.astype(np.int64),
        pattern.row_shapes,
        pattern.column_shapes,
    )
    colours = colour_symmetric(symmetric, _running(symmetric.nnz))
    rows, columns = _rows_of(whole), whole.columns
    alone = is_alone(symmetric, colours)
    product = np.where(alone, colours[columns], colours[rows])
    place = np.where(alone, rows, columns)
    return Coloured(whole, (_number(colours),), (colours,), product, place)


_MODES = {"columns": _by_columns, "rows": _by_rows, "both": _by_both, "star": _by_star}
_MAKERS = {"rows": reverse_products, "both": both_products}
# Which of the two a mode has products of: with colours for the argument, or for the result.
_SIDES = {"rows": ("rows",), "both": ("columns", "rows")}


# -- one program ------------------------------------------------------------------------------------
class Products:
    """The products of one specialisation, and the blocks that their elements are put into."""

    def __init__(
        self,
        captured: Captured,
        targets: Targets,
        program: Program,
        outputs: Sequence[int],
        title: str,
    ) -> None:
        self.captured = captured
        self.targets = targets
        self.program = program
        self.outputs = outputs
        self.wrt = targets.floats
        self.title = title
        self.known: dict[bytes, Coloured] = {}
        self.forms = [InputForm(r.form, r.value.type) for r in captured.inputs]
        tangents = optimize(self._tangents())
        self.dependencies = Dependencies(tangents, len(tangents.inputs) - len(self.wrt))
        self.mode = "columns"

    def _tangents(self) -> Program:
        """The program whose outputs are the tangents of ours, for tangents of what is differentiated by."""
        program = self.program
        active = [k in self.wrt for k in range(len(program.inputs))]
        linear = jvp(program, active)
        own = linear.inputs[: len(program.inputs)]
        of_input = dict(zip(sorted(self.wrt), linear.inputs[len(own) :], strict=True))
        linear.block.parameters = [*own, *(of_input[k] for k in self.wrt)]
        floats = [k for k, v in enumerate(program.outputs) if v.type.is_float]
        first = len(program.outputs)
        linear.block.outputs = [linear.outputs[first + floats.index(k)] for k in self.outputs]
        if self.targets.perturbed:
            at = len(self.captured.inputs) + len(self.captured.extents)
            linear = unperturbed(linear, at - self.targets.perturbed, self.targets.perturbed)
        return linear

    def choose_mode(self, symmetric: bool, asked: str) -> None:
        """Decide by the pattern of this call what is put together, where nobody asked for a mode."""
        forward, reverse = products_modes(self.program, self.outputs)
        if asked == "reverse" and reverse:
            self.mode = "rows"
            return
        if not forward:
            if not reverse:
                raise UnsupportedError(
                    f"{self.title} has no sparse derivative: what it prints or draws in a loop must "
                    "happen once, and the size of its result is known only when it runs.",
                    code="AD304",
                    remedy="leave sparse=True out",
                )
            self.mode = "rows"
            return
        try:
            values = self._values([r.example for r in self.captured.inputs])
            pattern = self.dependencies.pattern(values)
        except Exception:  # whatever it is, it comes again at the call, which tells it
            return
        longest = np.diff(pattern.ends).max(initial=0)  # no fewer colours have the columns
        if symmetric:
            self.mode, chosen = "star", _by_star(pattern)
            if longest <= chosen.count:
                other = _by_columns(pattern)
                if other.count <= chosen.count:
                    self.mode, chosen = "columns", other
        elif asked == "auto" and reverse:
            chosen = _by_both(pattern)
            if 0 in chosen.counts:  # all is found by one of the two
                self.mode = "rows" if chosen.counts[1] else "columns"
                chosen = _MODES[self.mode](pattern)
            else:
                self.mode = "both"
        else:
            chosen = _by_columns(pattern)
        self.known[self.dependencies.key(values)] = chosen

    def products(self) -> Program:
        """The program that is run."""
        make = _MAKERS.get(self.mode, forward_products)
        return make(self.program, self.wrt, self.outputs)

    @property
    def sides(self) -> tuple[str, ...]:
        """Whether columns or rows have colours, for each kind of products."""
        return _SIDES.get(self.mode, ("columns",))

    def _values(self, inputs: Sequence[Any]) -> list[Any]:
        """The values of the inputs of the program, extents too."""
        extents: dict[Any, int] = {}
        if not all(matches(x, form, extents) for x, form in zip(inputs, self.forms, strict=True)):
            raise ValueError("the inputs are those of another specialisation")
        arrays = [np.asarray(x, f.type.dtype) for x, f in zip(inputs, self.forms, strict=True)]
        own = self.dependencies.program.inputs[len(arrays) : self.dependencies.first]
        return [*arrays, *(np.int64(extents[v]) for v in own)]

    def coloured(self, values: Sequence[Any]) -> Coloured:
        """The pattern for given inputs, with its colours; remembered for those that steer."""
        key = self.dependencies.key(values)
        found = self.known.get(key)
        if found is None:
            found = _MODES[self.mode](self.dependencies.pattern(values))
            while len(self.known) >= MOST_PATTERNS:
                self.known.pop(next(iter(self.known)), None)
            self.known[key] = found
        return found

    # -- one call -----------------------------------------------------------------------------------
    def prepare_with(
        self, blocks: Blocks, only_pattern: bool
    ) -> Callable[[Sequence[Any]], tuple[tuple[Any, ...], Callable[[Any], Any]]]:
        """What gives the colours for the inputs of a call, and what puts its result together."""

        def prepare(inputs: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[[Any], Any]]:
            try:
                values = self._values(inputs)
                coloured = self.coloured(values)
            except AutodiffError:
                raise
            except Exception as error:
                # An index is out of bounds, say: a check of the program fails, or the inputs are not
                # for this program, and the run tells.
                return self._no_colours(inputs, only_pattern), _failing(error)
            extents = dict(zip(self.dependencies.program.inputs, values, strict=False))
            size = blocks.zero_sizes(extents)

            def finish(stacks: Sequence[Any]) -> Any:
                data = None if only_pattern else self._elements(coloured, stacks)
                return blocks.filled(coloured.pattern, data, self._dtypes(stacks), size)

            return () if only_pattern else self._inputs_of(coloured), finish

        return prepare

    def _inputs_of(self, coloured: Coloured) -> tuple[Any, ...]:
        """For each kind of products, the number of colours and the colours as the program takes them."""
        pattern = coloured.pattern
        shapes = {"rows": pattern.row_shapes, "columns": pattern.column_shapes}
        found: list[Any] = []
        for side, count, colours in zip(self.sides, coloured.counts, coloured.colours, strict=True):
            found += [np.arange(count), *_split(colours, shapes[side])]
        return tuple(found)

    def _elements(self, coloured: Coloured, stacks: Sequence[Any]) -> np.ndarray:
        """The elements of the matrix, in the order of its pattern, from the products."""
        if not coloured.count:
            return np.zeros(0)
        tables, rest = [], list(stacks)
        for side, count in zip(self.sides, coloured.counts, strict=True):
            taken = len(self.wrt if side == "rows" else self.outputs)
            flat = [np.reshape(x, (count, _width(x))) for x in rest[:taken]]
            tables.append(flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1))
            rest = rest[taken:]
        return coloured.taken(tables)

    def _no_colours(self, inputs: Sequence[Any], only_pattern: bool) -> tuple[Any, ...]:
        if only_pattern:
            return ()
        extents: dict[Any, int] = {}
        for x, form in zip(inputs, self.forms, strict=True):
            matches(x, form, extents)
        # An integer that is given may be an extent of the result.
        for x, v in zip(inputs, self.program.inputs, strict=False):
            if v.type.dtype.kind == "i" and not v.shape:
                extents[v] = int(x)
        found: list[Any] = []
        for side in self.sides:
            values = [self.program.inputs[k] for k in self.wrt]
            if side == "rows":
                values = [self.program.outputs[k] for k in self.outputs]
            # An extent that is not known, or less than 0, is that of another program, as the run tells.
            shapes = [
                tuple([max(0, evaluate(n, lambda s: extents.get(s, 0))) for n in v.shape])
                for v in values
            ]
            sizes = [int(np.prod(shape)) for shape in shapes]
            found += [np.arange(0), *_split(np.full(sum(sizes), -1), shapes)]
        return tuple(found)

    def extra_forms(self, program: Program) -> list[InputForm]:
        """The forms of the inputs that ``program`` has more than ours; counts are extents of some."""
        extra = program.inputs[len(self.program.inputs) :]
        counts = {s for v in extra for n in v.shape for s in symbols(n)}
        extra = [v for v in extra if v not in counts]
        return [
            InputForm("array" if v.shape else "python", ArrayType(v.dtype, v.shape, not v.shape))
            for v in extra
        ]

    def _dtypes(self, stacks: Sequence[Any]) -> Callable[[int, int], Any]:
        """The dtype of the block of a row and a column."""
        if self.mode == "rows":
            return lambda row, column: stacks[column].dtype
        return lambda row, column: stacks[row].dtype


def _failing(error: Exception) -> Callable[[Any], Any]:
    def finish(stacks: Any) -> Any:
        raise InternalError(f"no pattern could be found: {error!r}") from error

    return finish


def _split(colours: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """One array of colours for each shape; of a number an int."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(colours, ends[:-1]) if len(shapes) else []
    return [
        np.ascontiguousarray(part.reshape(shape)) if shape else int(part[0])
        for part, shape in zip(parts, shapes, strict=True)
    ]


def _width(stack: Any) -> int:
    """How many numbers one product has in a stack of them."""
    return int(np.prod(np.shape(stack)[1:]))


# -- blocks -----------------------------------------------------------------------------------------
class Blocks:
    """How one matrix is cut into blocks, one for each result and each leaf of the arguments.

    A row or column of blocks is given by its number among those of the matrix, or by a leaf of
    integers, whose blocks are zero.
    """

    def __init__(self, targets: Targets) -> None:
        self.targets = targets
        self.places: list[tuple[Any, Any]] = []
        self.result = Result([], None)

    def row(self, row: Any) -> Any:
        """The structure of one row of blocks."""
        items = []
        column = 0
        for leaf in self.targets.leaves:
            if leaf.number is not None and leaf.number in self.targets.floats:
                items.append(self._block(row, column))
                column += 1
            elif is_object(leaf):
                items.append(Slot(("constant", leaf.example)))
            else:
                items.append(self._block(row, leaf))
        return self.targets.combine(items)

    def _block(self, row: Any, column: Any) -> Any:
        self.places.append((row, column))
        return Slot(("output", len(self.places) - 1, "array"))

    def zero_sizes(self, extents: dict[Any, int]) -> Callable[[Any], int]:
        """The number of elements of a leaf of integers at a call."""

        def size(leaf: Any) -> int:
            shape = shape_of(leaf, self.targets)
            return int(np.prod([evaluate(n, lambda s: int(extents[s])) for n in shape]))

        return size

    def filled(
        self,
        pattern: Pattern,
        data: np.ndarray | None,
        dtypes: Callable[[int, int], Any],
        size: Callable[[Any], int],
    ) -> Any:
        """The result, with the elements ``data`` in place; None: a pattern of True."""
        given = np.ones(len(pattern.columns), bool) if data is None else data
        # Copies, which are the caller's to change, in the type that SciPy takes where numbers fit.
        fits = max(len(pattern.columns), *pattern.shape) <= np.iinfo(np.int32).max
        kind = np.int32 if fits else np.int64
        indices = (pattern.columns.astype(kind), pattern.ends.astype(kind))
        whole = csr_array((given, *indices), shape=pattern.shape)
        row_ends, column_ends = [
            np.concatenate([[0], np.cumsum([int(np.prod(s)) for s in shapes])]).astype(int)
            for shapes in (pattern.row_shapes, pattern.column_shapes)
        ]
        blocks = []
        for row, column in self.places:
            if type(row) is int and type(column) is int:
                block = whole
                if len(row_ends) > 2 or len(column_ends) > 2:
                    block = whole[
                        row_ends[row] : row_ends[row + 1],
                        column_ends[column] : column_ends[column + 1],
                    ]
                if data is not None:
                    block = block.astype(dtypes(row, column), copy=False)
            else:
                shape = tuple(
                    [
                        int(ends[x + 1] - ends[x]) if type(x) is int else size(x)
                        for x, ends in ((row, row_ends), (column, column_ends))
                    ]
                )
                block = csr_array(shape, dtype=bool if data is None else float)
            blocks.append(Structure(block) if data is None else block)
        return self.result.rebuild(blocks, (), ())


# -- transformations --------------------------------------------------------------------------------
class _Sparse:
    """What the sparse transformations have in common."""

    takes_lists = False
    takes_tables = False
    takes_holomorphic = False
    only_pattern = False
    symmetric = False
    mode: str
    name: str

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        if is_complex or by_complex:
            raise ArgumentError(
                f"{what}: sparse derivatives are those of real numbers.",
                code="AD103",
                remedy="return real and imaginary parts as two results, and take them as two "
                "arguments; or leave sparse=True out",
            )

    def planned(self, products: Products, blocks: Blocks) -> Plan:
        """The plan around the products."""
        if self.only_pattern:
            program = Program(
                Block(list(products.program.inputs), list(products.program.block.operations))
            )
            return Plan(program, [], result_of(()), prepare=products.prepare_with(blocks, True))
        products.choose_mode(self.symmetric, self.mode)
        program = products.products()
        count = len(program.outputs)
        result = result_of(tuple([Slot(("output", k, "array")) for k in range(count)]))
        return Plan(
            program,
            ["array"] * count,
            result,
            products.extra_forms(program),
            prepare=products.prepare_with(blocks, False),
        )


class SparseJacobian(_Sparse, Jacobian):
    """The Jacobian as ``csr_array``s of shape (elements of the result, elements of the argument)."""

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        live = self.live_outputs(signature, captured, targets)
        title = signature.title
        products = Products(captured, targets, captured.program, live, title)
        blocks = Blocks(targets)
        rows = [blocks.row(k) for k in range(len(live))]
        blocks.result = result_of(structured(captured, rows))
        return self.planned(products, blocks)


class Sparsity(SparseJacobian):
    """The structure of the Jacobian."""

    name = "sparsity"
    only_pattern = True


class SparseHessian(_Sparse, Hessian):
    """The Hessian as ``csr_array``s of shape (elements of the argument, elements of the argument)."""

    symmetric = True

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        output = scalar_output(signature, captured, self.name, bool(targets.floats))
        first = gradient_program(captured.program, output, targets.floats)
        numbers = list(range(len(targets.floats)))
        products = Products(captured, targets, first, numbers, signature.title)
        blocks = Blocks(targets)
        rows: list[Any] = []
        number = 0
        for leaf in targets.leaves:
            if leaf.number is not None and leaf.number in targets.floats:
                rows.append(blocks.row(number))
                number += 1
            else:
                itself = Slot(("constant", leaf.example))
                rows.append(itself if is_object(leaf) else blocks.row(leaf))
        blocks.result = result_of(targets.combine(rows))
        return self.planned(products, blocks)
