"""A derivative as NumPy source that runs: ``derivative_source(f)(*args)``.

    def loss(w):                      @np.errstate(all="ignore")
        r = np.sin(w) - 0.5           def gradient_of_loss(w):
        return np.sum(r * r)              r = np.sin(w) - 0.5
                                          return np.cos(w) * (2.0 * r)

What is written is the program that compiled code is made of, after differentiation and optimisation,
with the names of the user's variables where they have one.  Operations that are used once stand where
they are used; stores are made in place where nobody else has the array.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import inspect
import keyword
import linecache
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.api import BoundTransformed, Jacobian, Transformed
from autodiff.api import Gradient as GradientOf
from autodiff.api.options import refuse_no_function
from autodiff.capture.stores import ListPlan
from autodiff.compiled import fallback
from autodiff.dims import same_shape, symbols
from autodiff.errors import NotScalarError, UnsupportedError
from autodiff.ir.data import Block, Operation, Program, Value, uses, walk
from autodiff.ir.printing import Text as Shown
from autodiff.numpy_calls import (
    ATOM,
    Needs,
    Text,
    extent,
    index,
    indexed,
    literal,
    ordered,
    scalar_type,
    written,
)
from autodiff.ops.control import Refusal
from autodiff.ops.entries import ENTRIES, Pointwise
from autodiff.tracebacks import without_our_frames

_LONGEST = 60  # of what is written where it is used
_STORES = ("slice_update", "slice_add", "scatter_update", "scatter_add")
_TAKEN = frozenset((*dir(builtins), *keyword.kwlist, "np", "scipy", "times", "meaning", "stacked"))
_SIZED = '''\
def stacked(rows, shape, dtype):
    """The rows of a loop as one array, also where there are none."""
    return np.stack(rows) if rows else np.zeros((0, *shape), dtype)
'''


class Source(Shown):
    """Source that runs: ``exec(source, source.objects)`` defines the function ``source.name``.

    ``objects`` has what no text says, such as large arrays that the function was made with.
    """

    objects: dict[str, Any]
    name: str

    def function(self) -> Callable[..., Any]:
        """The function that it defines."""
        names = dict(self.objects)
        exec(compile(str(self), f"<{self.name}>", "exec"), names)
        made: Callable[..., Any] = names[self.name]
        return made


def meaning(kind: str) -> Callable[..., Any]:
    """What an operation without a name in NumPy computes."""
    function: Callable[..., Any] = ENTRIES[kind].meaning
    return function


@without_our_frames
def derivative_source(f: Any, **options: Any) -> Callable[..., Source]:
    """NumPy source of the gradient of a function, that runs.

    Parameters
    ----------
    f : callable
        A function, whose gradient is written (its Jacobian where the result is not one number); or a
        transformed one, such as ``autodiff.function(g)`` or ``autodiff.hessian(g)``: then that.
    **options
        ``wrt``, ``holomorphic`` as for :func:`autodiff.gradient`.

    Returns
    -------
    callable
        It takes the arguments of ``f`` and gives the source as text, for arguments of these types and
        shapes and the branches that they take under a guard.  Its ``function()`` is the function that
        it defines, with the parameters of ``f``, then what ``f`` reads elsewhere, by keyword; its
        ``objects`` are what the text names and does not say, such as large arrays.

    Raises
    ------
    UnsupportedError
        If the function cannot be compiled, or acts on the world.

    Notes
    -----
    The function gives what is differentiated by in the form of the result of the transformation where that
    is a number, an array, or a built-in container of these; else a tuple of its parts: views among results
    and lists of a length that values decide are made by the compiled function alone, and complex
    results are pairs of numbers along the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff
    >>> def energy(x):
    ...     return np.sum(np.sin(x) ** 2)
    >>> source = autodiff.derivative_source(energy)(np.arange(3.0))
    >>> print(source.name, source.function()(np.zeros(3)))
    gradient_of_energy [0. 0. 0.]
    """
    refuse_no_function(f, "derivative_source")

    @without_our_frames
    def write(*args: Any, **kwargs: Any) -> Source:
        for transformed in _candidates(f, options):
            given = args
            if isinstance(transformed, BoundTransformed):
                given, transformed = (transformed.__self__, *args), transformed.__func__
            try:
                with transformed._compilable():
                    compiled = transformed._compiled
                    call, (captured, plan) = compiled.first_way(
                        lambda call, plan=compiled.plan: (call, plan(call)), given, kwargs
                    )
            except NotScalarError:
                if isinstance(f, Transformed):
                    raise
                continue
            source = _source(compiled, captured, plan, call)
            if not _takes_another_path(compiled, call, plan.program, source, given, kwargs):
                return source
            with transformed._compilable():
                call, (captured, plan) = compiled.first_way(
                    lambda call, plan=compiled.plan: (call, plan(call, eager=True)), given, kwargs
                )
            return _source(compiled, captured, plan, call)
        raise AssertionError("one of the two fits")

    return write


def _takes_another_path(
    compiled: Any, call: Any, program: Program, source: Source, args: Any, kwargs: Any
) -> bool:
    """Whether a check fails for these arguments, and the function goes on: it handles what is raised."""
    if not any(operation.kind == "check" for operation in walk(program.block)):
        return False
    try:
        source.function()(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    except ArithmeticError:
        with np.errstate(all="ignore"):
            try:
                fallback.run_plainly(compiled, call)
            except Exception:
                return False  # as the source does
        return True
    except Exception:
        return False
    return False


def _candidates(f: Any, options: dict[str, Any]) -> Iterator[Any]:
    if isinstance(f, (Transformed, BoundTransformed)):
        yield f
        return
    yield GradientOf(f, **options)
    yield Jacobian(f, **options)


# -- names of the user's ---------------------------------------------------------------------------------
@functools.lru_cache(maxsize=64)
def _assignments(file: str) -> dict[tuple[int, int, int], str]:
    """The variables of a file that expressions are assigned to, by where the expressions stand."""
    try:
        module = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return {}
    found = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            found[value.lineno, value.col_offset, value.end_col_offset or 0] = node.targets[0].id
    return found


def _assigned(operation: Operation | None) -> str | None:
    """The user's variable for what an operation gives."""
    source = None if operation is None else operation.source
    if source is None or source.derived or operation is None or len(operation.results) != 1:
        return None
    return _assignments(source.file).get((source.line, source.column, source.end_column))


# -- values of a block as text ------------------------------------------------------------------------
class _Writer:
    """Writes the operations of a program, line by line."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set(_TAKEN)
        self.needs = Needs(self.taken)
        self.inlined: dict[Value, Text] = {}
        self.uses: Counter[Value] = Counter()
        self.users: dict[Value, list[Operation]] = {}
        self.home: dict[Value, Block] = {}  # where a value is made
        self.user_blocks: dict[Value, set[int]] = {}
        self.lines: list[str] = []
        self.depth = 1
        self.line = ""  # the user's line that was written last
        # Arrays that a store may change where they lie: what reads them is to stay before it.
        self.stored = {op.operands[0] for op in walk(program.block) if op.kind in _STORES}
        self._count(program.block)

    def _count(self, block: Block) -> None:
        for value in block.parameters:
            self.home[value] = block
        for operation in block.operations:
            for value in operation.results:
                self.home[value] = block
            for value in uses(operation):
                self._used(value, block)
                self.users.setdefault(value, []).append(operation)
            for region in operation.regions:
                self._count(region)
        for value in block.outputs:
            self._used(value, block)
            for extent_ in value.shape:
                for symbol in symbols(extent_):
                    self._used(symbol, block)

    def _used(self, value: Value, block: Block) -> None:
        self.uses[value] += 1
        self.user_blocks.setdefault(value, set()).add(id(block))

    # -- names --------------------------------------------------------------------------------
    def name(self, value: Any) -> str:
        """The variable that holds a value."""
        found = self.names.get(value)
        if found is None:
            if value in self.inlined:  # an extent
                return self.inlined[value].within(ATOM)
            hint = value.hint or _assigned(value.owner) or "t"
            found = self.names[value] = self.fresh(hint)
        return found

    def fresh(self, hint: str) -> str:
        """A variable that there was none of so far."""
        hint = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in hint) or "t"
        if not hint.isidentifier():
            hint = f"t_{hint}"
        name, k = hint, 1
        while name in self.taken or (hint == "t" and name == "t"):
            name, k = f"{hint}{k}" if hint == "t" else f"{hint}_{k}", k + 1
        self.taken.add(name)
        return name

    def text(self, value: Value) -> Text:
        """The value where it is used."""
        found = self.inlined.get(value)
        return Text(self.name(value)) if found is None else found

    # -- lines --------------------------------------------------------------------------------
    def put(self, line: str) -> None:
        """Add a line."""
        self.lines.append("    " * self.depth + line)

    def mark(self, operation: Operation) -> None:
        """Say which line of the user's the next ones belong to."""
        source = operation.source
        if source is None:
            return
        where = f"{os.path.basename(source.file)}:{source.line}"
        said = f"# {'derivative of ' if source.derived else ''}{where}"
        if said != self.line:
            self.line = said
            self.put(said)

    def block(self, block: Block) -> None:
        """Write the operations of a block."""
        for operation in block.operations:
            control = _CONTROL.get(operation.kind)
            if control is not None:
                self.mark(operation)
                control(self, operation)
            elif operation.kind in _STORES:
                self.mark(operation)
                self._store(operation)
            else:
                self._expression(operation)

    def _expression(self, operation: Operation) -> None:
        operands = [self.text(v) for v in operation.operands]
        if len(operation.results) != 1:
            self.mark(operation)
            found = written(operation, operands, self.name, self.needs)
            self.put(f"{', '.join(self.name(v) for v in operation.results)} = {found.code}")
            return
        (value,) = operation.results
        if operation.kind == "broadcast" and self._stretches_itself(operation):
            self.inlined[value] = operands[0]
            return
        found = written(operation, operands, self.name, self.needs)
        if self._may_stand_inside(operation, value, found):
            self.inlined[value] = found
            return
        self.mark(operation)
        self.put(f"{self.name(value)} = {found.code}")

    def _may_stand_inside(self, operation: Operation, value: Value, found: Text) -> bool:
        """Whether the value is written where it is used."""
        if operation.kind == "constant" and not value.shape:
            return True
        if operation.kind in ("reshape", "transpose", "slice") and len(found.code) < 16:
            only_read = not any(u.kind in (*_STORES, *_CONTROL) for u in self.users.get(value, ()))
            if only_read and operation.operands[0] not in self.stored:
                return self.user_blocks.get(value) == {id(self.home[value])}
        lowering = ENTRIES[operation.kind].lowering
        cheap = isinstance(lowering, Pointwise) or operation.kind in ("broadcast", "iota")
        return (
            self.uses[value] == 1
            and self.user_blocks[value] == {id(self.home[value])}
            and (cheap or operation.kind in ("reduce_sum", "dot_general"))
            and len(found.code) <= _LONGEST
            and not any(v in self.stored for v in operation.operands)
            and not _assigned(operation)
        )

    def _stretches_itself(self, operation: Operation) -> bool:
        """Whether NumPy broadcasts the operand anyway, wherever the result is used."""
        (value,) = operation.results
        shape, axes = operation.attributes["shape"], operation.attributes["axes"]
        if (
            axes != tuple(range(len(shape) - len(axes), len(shape)))
            or value in self.program.outputs
        ):
            return False
        users = self.users.get(value, [])
        if self.uses[value] != len(users) or self.user_blocks.get(value) != {id(self.home[value])}:
            return False
        return all(_has_another(user, value) for user in users)

    # -- stores -------------------------------------------------------------------------------
    def _store(self, operation: Operation) -> None:
        x, value = operation.operands[0], operation.result
        text = self.text(x)
        if self._is_free(x):
            self.inlined.pop(x, None)
            if x not in self.names:  # zeros that were to be written here
                self.put(f"{self.name(value)} = {text.code}")
            else:
                self.names[value] = self.names[x]
        else:
            self.put(f"{self.name(value)} = {text.within(ATOM)}.copy()")
        place, stored = self.name(value), self.text(operation.operands[-1]).code
        if operation.kind.startswith("slice"):
            sign = "=" if operation.kind == "slice_update" else "+="
            at = index(operation.attributes, self.name) or "()"
            self.put(f"{place}[{at}] {sign} {stored}")
            return
        indices = [self.text(v) for v in operation.operands[1:-1]]
        if operation.kind == "scatter_update":
            self.put(f"{indexed(operation, Text(place), indices)} = {stored}")
            return
        listed = ", ".join(i.code for i in indices)
        where = f"({listed},)" if len(indices) == 1 else f"({listed})"
        self.put(f"np.add.at({ordered(operation, Text(place))}, {where}, {stored})")

    def _is_free(self, value: Value) -> bool:
        """Whether an array was made here and nobody else has it."""
        owner = value.owner
        if owner is None or self.uses[value] != 1:
            return False
        if self.user_blocks[value] != {id(self.home[value])}:
            return False
        if owner.kind == "broadcast":
            made = not owner.operands[0].shape  # zeros, not a view
        else:
            made = owner.kind in _STORES or isinstance(ENTRIES[owner.kind].lowering, Pointwise)
        return made and bool(value.shape) and owner.kind not in ("stop_gradient", "derived_as")

    # -- control flow ---------------------------------------------------------------------------
    def assign(self, targets: Sequence[str], texts: Sequence[str]) -> None:
        """All at once, as what is assigned may read what is assigned to."""
        pairs = [(a, b) for a, b in zip(targets, texts, strict=True) if a != b]
        if pairs:
            self.put(f"{', '.join(a for a, _ in pairs)} = {', '.join(b for _, b in pairs)}")

    def nested(self, block: Block) -> None:
        """A block one step further in."""
        self.depth += 1
        self.line = ""
        self.block(block)
        self.depth -= 1

    def close(
        self, targets: Sequence[str], values: Sequence[Value], extra: Sequence[str] = ()
    ) -> None:
        """The last lines of a nested block."""
        self.depth += 1
        before = len(self.lines)
        for line in extra:
            self.put(line)
        self.assign(targets, [self.text(v).code for v in values])
        if len(self.lines) == before and self.lines[-1].rstrip().endswith(":"):
            self.put("pass")
        self.depth -= 1
        self.line = ""

    def finished(self, name: str, parameters: str, head: Sequence[str], result: str) -> Source:
        """The module that defines the function."""
        return self.module(name, name, parameters, head, result, ())

    def module(
        self,
        name: str,
        inner: str,
        parameters: str,
        head: Sequence[str],
        result: str,
        last: Sequence[str],
    ) -> Source:
        """The module that defines a function ``inner``, and ``name`` by the last lines if that is another."""
        needs = self.needs
        imports = sorted(line for line in needs.lines if not line.startswith("def"))
        lines = ["import numpy as np", *imports, ""]
        if needs.objects:
            lines += [f"# {', '.join(needs.objects)}: in `objects`", ""]
        for helper in (line for line in needs.lines if line.startswith("def")):
            lines += ["", helper.rstrip(), ""]
        lines += ["", '@np.errstate(all="ignore")', f"def {inner}({parameters}):"]
        lines += [f"    {line}" for line in head]
        source = Source("\n".join([*lines, *self.lines, f"    return {result}", *last]) + "\n")
        source.objects, source.name = needs.objects, name
        return source


def _has_another(user: Operation, value: Value) -> bool:
    """Whether an operand of the full shape stands beside one that is stretched."""
    if user.kind in ("slice_update", "slice_add"):
        return value is user.operands[1] and user.operands[0] is not value
    if not isinstance(ENTRIES[user.kind].lowering, Pointwise) or user.kind == "cast":
        return False
    return any(
        x is not value
        and same_shape(x.shape, value.shape)
        and (x.owner is None or x.owner.kind != "broadcast")
        and not _is_stretched(x)
        for x in user.operands
    )


def _is_stretched(x: Value) -> bool:
    """Whether all that an element-wise value is made of may be stretched."""
    owner = x.owner
    if owner is None or not isinstance(ENTRIES[owner.kind].lowering, Pointwise):
        return False
    return all(v.owner is not None and v.owner.kind == "broadcast" for v in owner.operands)


def _cond(w: _Writer, operation: Operation) -> None:
    names = [w.name(v) for v in operation.results]
    for head, region in zip(
        (f"if {w.text(operation.operands[0]).code}:", "else:"), operation.regions, strict=True
    ):
        w.put(head)
        w.nested(region)
        w.close(names, region.outputs)


def _begin(w: _Writer, operation: Operation, first: int) -> tuple[list[str], list[str]]:
    """The carries and stacks of a loop, as they are before it."""
    carried = operation.results[first : first + len(operation.operands)]
    names = [w.name(v) for v in carried]
    for name, given in zip(names, operation.operands, strict=True):
        w.put(f"{name} = {w.text(given).code}")
    rows = [w.fresh("rows") for _ in operation.results[first + len(names) :]]
    for name in rows:
        w.put(f"{name} = []")
    return names, rows


def _end(w: _Writer, operation: Operation, first: int, rows: list[str], count: int) -> None:
    for name, value in zip(rows, operation.results[first + count :], strict=True):
        w.needs.lines[_SIZED] = None
        inner = ", ".join(extent(n, w.name) for n in value.shape[1:])
        shape = f"({inner},)" if inner else "()"
        w.put(f"{w.name(value)} = stacked({name}, {shape}, np.{value.dtype.name})")


def _body(w: _Writer, body: Block, names: list[str], rows: list[str], last: Sequence[str]) -> None:
    """The body of a loop: rows are copied, as what they are of may be stored into."""
    w.nested(body)
    pushed = zip(rows, body.outputs[len(names) :], strict=True)
    appended = [f"{row}.append(np.array({w.text(v).code}))" for row, v in pushed]
    w.close(names, body.outputs[: len(names)], appended)
    w.depth += 1
    for line in last:
        w.put(line)
    w.depth -= 1


def _for(w: _Writer, operation: Operation) -> None:
    (body,) = operation.regions
    names, rows = _begin(w, operation, 0)
    w.names.update(zip(body.parameters[1:], names, strict=True))
    count = extent(operation.attributes["count"], w.name)
    w.put(f"for {w.name(body.parameters[0])} in range({count}):")
    _body(w, body, names, rows, ())
    _end(w, operation, 0, rows, len(names))


def _while(w: _Writer, operation: Operation) -> None:
    test, body = operation.regions
    names, rows = _begin(w, operation, 1)
    for parameters in (test.parameters, body.parameters[1:]):
        w.names.update(zip(parameters, names, strict=True))
    passes = w.names[body.parameters[0]] = w.name(operation.results[0])
    w.put(f"{passes} = 0")
    w.put("while True:")
    w.nested(test)
    w.close((), (), [f"if not {w.text(test.outputs[0]).within(ATOM)}:", "    break"])
    _body(w, body, names, rows, [f"{passes} += 1"])
    _end(w, operation, 1, rows, len(names))


def _check(w: _Writer, operation: Operation) -> None:
    w.put(f"if not {w.text(operation.operands[0]).within(ATOM)}:")
    w.put(f"    raise ArithmeticError({operation.attributes['message']!r})")


def _host_call(w: _Writer, operation: Operation) -> None:
    function = operation.attributes["function"]
    if isinstance(function, Refusal):  # of a derivative that is none for some values
        w.put(f"{w.needs.object('refuse', function)}()")
        return
    name = getattr(function, "__name__", "a function")
    raise UnsupportedError(
        f"derivative_source: the function calls {name}, which acts on the world.",
        code="AD108",
        source=operation.source,
        remedy="take out what prints, draws random numbers or changes objects, or pass its results",
    )


_CONTROL: dict[str, Callable[[_Writer, Operation], None]] = {
    "cond": _cond,
    "for": _for,
    "while": _while,
    "check": _check,
    "sized": lambda w, operation: None,
    "host_call": _host_call,
}


# -- the whole function --------------------------------------------------------------------------------
def of_program(program: Program, name: str) -> Source:
    """The source of a program as a function of its inputs, which gives a tuple of its outputs."""
    w = _Writer(program)
    name = w.fresh(name)
    inputs = [w.name(value) for value in program.inputs]
    head = [
        f"{w.names[v]} = {scalar_type(v.dtype)}({w.names[v]})"
        for v in program.inputs
        if not v.shape
    ]
    w.block(program.block)
    outputs = "".join([f"{w.text(v).code}, " for v in program.outputs])
    return w.finished(name, ", ".join(inputs), head, f"({outputs.rstrip()})")


def _source(compiled: Any, captured: Any, plan: Any, call: Any) -> Source:
    """The source of a planned transformation, with the parameters of the user's function.

    The ``call`` tells which parts of the arguments are complex: programs have pairs in their place; and
    which are lists of numbers: programs have arrays.
    """
    program: Program = plan.program
    roles: Sequence[str] = call.roles
    w = _Writer(program)
    called = getattr(compiled.function, "__name__", "f")
    called = called if called.isidentifier() else "f"
    name = w.fresh(f"{compiled.transformation.name}_of_{called}")
    parameters = list(compiled.signature.names)
    w.taken.update(parameters)
    others = {p: w.fresh(p) for p in parameters if p in _TAKEN}  # np, times: the text needs them
    head: list[str] = []
    keywords: list[str] = []
    returned: dict[int, str] = {}  # arguments that may be given back as they are
    records = captured.inputs
    for number, value in enumerate(program.inputs):
        record = records[number] if number < len(records) else None
        parameter = None if record is None else _parameter(compiled, record, parameters)
        leaf = None if record is None else record.leaf
        if parameter is not None:
            root = next(p for p in parameters if re.match(rf"{p}(?!\w)", parameter))
            given = others.get(root, root) + parameter[len(root) :]
            known = parameter == root and leaf not in call.lists
            w.names[value] = given if known else w.fresh(value.hint or "x")
        else:  # what is read elsewhere, and vectors that the transformation takes
            path = "" if record is None else record.path.describe()
            given = w.names[value] = w.fresh(value.hint or path.rpartition(".")[2] or "vector")
            known = True
            keywords.append(given)
            if record is not None:
                head.append(f"# {given}: {path}, read at every call")
        if leaf is not None and not roles[leaf].startswith("complex"):
            returned[leaf] = given if leaf in call.lists else w.names[value]
        if leaf is not None and roles[leaf].startswith("complex"):
            pairs = f"np.stack([np.real({given}), np.imag({given})], axis=-1)"
            head.append(f"{w.names[value]} = {pairs}")
        elif not value.shape:
            head.append(f"{w.names[value]} = {scalar_type(value.dtype)}({given})")
        elif not known:
            head.append(f"{w.names[value]} = np.asarray({given})")
    w.block(program.block)
    outputs = [w.text(v) for v in program.outputs]
    listed = _parameters(compiled.signature, keywords, w.needs)
    result = _result(plan.result, outputs, w.needs, {} if captured.mutated else returned)
    if not others:
        return w.finished(name, listed, head, result)
    inner = w.fresh("inside")
    taken = ", ".join([*(others.get(p, p) for p in parameters), *keywords])
    calls = f"    return {inner}({', '.join([*parameters, *keywords])})"
    return w.module(name, inner, taken, head, result, ["", "", f"def {name}({listed}):", calls])


class _Said:
    """Shown as some code."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __repr__(self) -> str:
        return self.code


def _parameters(signature: Any, keywords: Sequence[str], needs: Needs) -> str:
    """The user's parameters with their defaults, and keywords for what is read elsewhere."""
    kinds = inspect.Parameter
    given: list[inspect.Parameter] = (
        [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in signature.names]
        if signature.signature is None
        else list(signature.signature.parameters.values())
    )
    found = []
    for parameter in given:
        default: Any = parameter.default
        if default is not parameter.empty:
            default = _Said(_constant(default, needs))
        found.append(parameter.replace(annotation=parameter.empty, default=default))
    rest = [found.pop()] if found and found[-1].kind is kinds.VAR_KEYWORD else []
    found += [kinds(name, kinds.KEYWORD_ONLY) for name in keywords]
    return str(inspect.Signature(found + rest))[1:-1]


def _parameter(compiled: Any, record: Any, parameters: Sequence[str]) -> str | None:
    """How what is read is reached from the parameters; None where it is no argument or default."""
    path = record.path.describe()
    if record.leaf is not None:
        return _argument(path, parameters)
    if not path.startswith("defaults[") or record.path.roots[0][1] is not compiled.function:
        return None
    key, _, rest = path.removeprefix("defaults[").partition("]")
    if not key.isdigit():
        return key.strip("'") + rest
    optional = [
        p.name
        for p in compiled.signature.parameters
        if p.default is not p.empty and p.kind is not p.KEYWORD_ONLY
    ]
    return optional[int(key)] + rest


def _argument(path: str, parameters: Sequence[str]) -> str:
    """How an argument is reached from the parameters: ``args[0]['w']`` as ``p['w']``."""
    number, _, rest = path.removeprefix("args[").partition("]")
    return parameters[int(number)] + rest


def _result(result: Any, outputs: Sequence[Text], needs: Needs, arguments: dict[int, str]) -> str:
    """The result in its form, where that is made of outputs, arguments, constants and built-in containers."""
    parts: list[str | None] = []
    for part in (*result.parts, result):  # each is made of those before it
        parts.append(_whole(part, outputs, needs, arguments, parts))
    flat = f"({', '.join([x.code for x in outputs])},)" if outputs else "()"
    return parts[-1] or flat


def _whole(
    result: Any,
    outputs: Sequence[Text],
    needs: Needs,
    arguments: dict[int, str],
    parts: Sequence[str | None],
) -> str | None:
    def text(leaf: tuple[Any, ...]) -> str | None:
        if leaf[0] == "part":
            return parts[leaf[1]]
        return arguments.get(leaf[1]) if leaf[0] == "argument" else _leaf(leaf, outputs, needs)

    texts = [text(leaf) for leaf in result.leaves]
    if any(found is None for found in texts):
        return None
    found = [str(x) for x in texts]
    if result.definition is None:
        return found[0]
    nested = tree.unflatten(result.definition, [_Number(k) for k in range(len(found))])
    return _nested(nested, found)


def _leaf(leaf: tuple[Any, ...], outputs: Sequence[Text], needs: Needs) -> str | None:
    """A part of the result; None where it is made in a way that is left to the compiled function."""
    kind, what = leaf[0], leaf[1]
    if kind == "output":
        return outputs[what].code
    if kind == "constant":
        return _constant(what, needs)
    if kind == "converted":
        return f"{leaf[2].__name__}({outputs[what].code})"
    if kind == "either":
        sides = [_leaf(side, outputs, needs) for side in leaf[2:]]
        return None if None in sides else f"({sides[0]} if {outputs[what].code} else {sides[1]})"
    if isinstance(what, ListPlan) and what.is_whole and what.form == "python":
        items = f"{outputs[what.buffer].within(ATOM)}.tolist()"
        return items if what.kind is list else f"{what.kind.__name__}({items})"
    return None


class _Number(int):
    """The number of a leaf."""


def _constant(value: Any, needs: Needs) -> str:
    if value is None or type(value) in (bool, int, str):
        return repr(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub":
        text = literal(np.asarray(value))
        if text is not None:
            return text if value.ndim else f"{scalar_type(value.dtype)}({text})"
    return needs.object("c", value)


def _nested(part: Any, texts: Sequence[str]) -> str | None:
    if type(part) is _Number:
        return texts[part]
    if type(part) in (tuple, list):
        items = [_nested(x, texts) for x in part]
        if any(x is None for x in items):
            return None
        inner = ", ".join(map(str, items))
        if type(part) is list:
            return f"[{inner}]"
        return f"({inner},)" if len(items) == 1 else f"({inner})"
    if type(part) is dict and all(type(k) in (str, int) for k in part):
        pairs = [(k, _nested(x, texts)) for k, x in part.items()]
        if any(x is None for _, x in pairs):
            return None
        return "{" + ", ".join(f"{k!r}: {x}" for k, x in pairs) + "}"
    return None
