"""Transformations inside of captured functions: a gradient of a gradient, a solver that uses one.

    autodiff.gradient(lambda x: autodiff.gradient(g)(x) * h(x))

The inner function is interpreted into a region on placeholders for its differentiated arguments;
the region is a program of its own, which may use values of the enclosing function; its derivative
program is put in place of the call.  What comes out are ordinary operations, through which outer
derivatives flow, also to values that the inner function closes over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture import Declined
from autodiff.capture.calls import call
from autodiff.capture.naming import Naming, refuse_untagged_uses, single
from autodiff.capture.nested import call_frame
from autodiff.capture.regions import run_region
from autodiff.capture.slots import Slot, fit, is_numeric, slot_of
from autodiff.compiled import Signature
from autodiff.compiled.binding import NOT_GIVEN, not_passed_on
from autodiff.differentiate import custom, in_segments_throughout, jvp, perturbed, vjp
from autodiff.differentiate.jacobians import jacobian
from autodiff.dims import same_shape
from autodiff.errors import NameArgumentError, NotScalarError, ShapeError
from autodiff.ir.copying import copy_operation
from autodiff.ir.data import ArrayType, Block, Program, Value
from autodiff.ops import complex_numbers
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either
from autodiff.ops.structural import broadcast, zeros
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.signals import RuleFailed
from autodiff.transform.arguments import Named, by_parameter, by_position, is_number, wrt_items
from autodiff.transform.gradient import Gradient
from autodiff.transform.matrices import Hessian, Jacobian
from autodiff.transform.plans import Transformation
from autodiff.transform.products import HessianVector, Jvp, Vjp


def inline_call(transformed: Any, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The result of calling a transformed function from captured code."""
    transformation: Transformation = transformed._compiled.transformation
    if transformation.is_value:
        frame = call_frame(trace)
        inner = trace.wrapped(transformed, "__wrapped__")
        with _handing(transformed, trace):
            return call(frame, inner, args, kwargs, frame.scope.syntax.node)
    vectors = kwargs.pop("_tensors", None)
    return _apply(transformation, _inner(transformed, trace, args, kwargs), vectors)


def derivative_at(kind: str, function: Any, trace: Any, z: Any) -> Any:
    """The ``jacobian``, ``gradient`` or ``hessian`` of a function of capture's own at a traced value."""
    transformation = {"jacobian": Jacobian, "gradient": Gradient, "hessian": Hessian}[kind]()
    inner = _inner_of(function, Signature(function), transformation, trace, [z], {})
    return _apply(transformation, inner, None)


def inline_jvp(
    transformed: Any, trace: Any, primals: Sequence[Any], tangents: Sequence[Any], by_wrt: bool
) -> Any:
    """``jvp(f, primals, tangents)`` in captured code: value and tangent."""
    inner = _inner(transformed, trace, primals, {})
    moved = by_parameter(transformed._compiled.signature, tangents)
    vectors = list(tangents) if by_wrt else [moved[k] for k in inner.chosen]
    return _apply(transformed._compiled.transformation, inner, vectors)


class InlinedPull:
    """What ``vjp`` in captured code gives beside the value: from a cotangent to cotangents."""

    def __init__(
        self, inner: _Inner, signature: Signature, primals: Sequence[Any], by_wrt: bool
    ) -> None:
        self.inner = inner
        self.signature = signature
        self.primals = primals
        self.by_wrt = by_wrt

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        inner = self.inner
        (cotangent,) = (*args, *kwargs.values())
        live = [k for k, v in enumerate(inner.program.outputs) if v.type.is_float]
        try:
            given = _vectors(cotangent, inner.program.outputs, live, "vjp", "result")
        except ShapeError as error:
            problem, remedy = Vjp.misfit
            raise ShapeError(
                f"vjp of {inner.title}: {problem}.",
                code=error.code,
                source=error.source,
                remedy=remedy,
            ) from None
        derived = vjp(inner.program, inner.wrt, live, keep_values=False)
        result = inner.by_argument(_inlined(derived, [*inner.values, *given]))
        if self.by_wrt:
            return (result,) if len(inner.chosen) == 1 else tuple(result)
        found = dict(
            zip(inner.chosen, (result,) if len(inner.chosen) == 1 else result, strict=True)
        )
        return by_position(self.signature, found, self.primals, _no_cotangent)


def _no_cotangent(x: Any) -> Any:
    if isinstance(x, Tracer):
        return Tracer(zeros(x.shape, float).value) if x.shape else 0.0
    if isinstance(x, (np.ndarray, np.generic)) and not is_number(x):
        return None  # text, dates
    if isinstance(x, np.ndarray):
        return np.zeros(x.shape)
    return 0.0 if isinstance(x, (int, np.generic)) else None


def inline_vjp(transformed: Any, trace: Any, primals: Sequence[Any]) -> Any:
    """``vjp(f, *primals)`` in captured code: value and pull."""
    inner = _inner(transformed, trace, primals, {})
    value = inner.value(_inlined(inner.program, inner.values))
    return value, InlinedPull(
        inner, transformed._compiled.signature, primals, transformed._wrt is not None
    )


class InlinedPush:
    """What ``linearize`` in captured code gives beside the value: from tangents to a tangent."""

    def __init__(
        self, inner: _Inner, transformation: Transformation, signature: Signature, by_wrt: bool
    ) -> None:
        self.inner = inner
        self.transformation = transformation
        self.signature = signature
        self.by_wrt = by_wrt

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call; the program computes once what two calls share."""
        tangents: Sequence[Any] = args
        if not self.by_wrt:
            moved = by_parameter(self.signature, args)
            tangents = [moved[k] for k in self.inner.chosen]
        return _apply(self.transformation, self.inner, list(tangents), "linearize")[1]


def inline_linearize(transformed: Any, trace: Any, primals: Sequence[Any]) -> Any:
    """``linearize(f, *primals)`` in captured code: value and push."""
    inner = _inner(transformed, trace, primals, {})
    value = inner.value(_inlined(inner.program, inner.values))
    compiled = transformed._compiled
    by_wrt = transformed._wrt is not None
    return value, InlinedPush(inner, compiled.transformation, compiled.signature, by_wrt)


class _Inner:
    """The inner function as a program of its differentiated arguments' leaves.

    ``operands`` are the leaves that carry derivatives.  ``arguments`` has for each differentiated
    argument its structure (None for one leaf) and its leaves; a leaf that is no operand, an integer
    or an object, is paired with None there.
    """

    def __init__(
        self,
        program: Program,
        chosen: Sequence[int],
        arguments: Sequence[tuple[Any, list[tuple[Any, Tracer | None]]]],
        result_forms: Sequence[Any],
        definition: Any,
        title: str,
        as_called: Callable[[], Any] | None = None,
    ) -> None:
        self.program = program
        self.chosen = chosen  # numbers of the differentiated arguments
        self.arguments = arguments
        self.operands = [t for _, leaves in arguments for _, t in leaves if t is not None]
        self.result_forms = result_forms
        self.definition = definition  # of the result
        self.title = title
        # The result by the arguments themselves, where the program has its value in another type.
        self.as_called = as_called
        self.wrt = list(range(len(self.operands)))
        self.values = [t.value for t in self.operands]
        self.forms = [t.form for t in self.operands]

    def value(self, values: Sequence[Value]) -> Any:
        """The result that goes with derivatives."""
        if self.as_called is not None:
            return self.as_called()
        return self.by_result(values, self.result_forms)

    def by_result(self, values: Sequence[Value], forms: Sequence[Any]) -> Any:
        """One value per leaf of the result, in the result's structure."""
        leaves = _tracers(values, forms)
        return leaves[0] if self.definition is None else tree.unflatten(self.definition, leaves)

    def by_argument(self, values: Sequence[Value], shape: tuple[Any, ...] = ()) -> Any:
        """One value per operand, in the structure of the arguments; zeros for integers.

        ``shape`` is that of what is differentiated, where it is no single number.
        """
        return self.arranged(_tracers(values, self.forms), lambda x: _zero(shape, x))

    def by_both(self, values: Sequence[Value]) -> Any:
        """One value per pair of operands, in the structure of the arguments, twice."""
        n = len(self.operands)
        rows = [
            self.by_argument(values[k * n : (k + 1) * n], operand.shape)
            for k, operand in enumerate(self.operands)
        ]

        def zero_row(x: Any) -> Any:
            shape = _shape(x)
            zeros_of_operands = [_zero(shape, operand) for operand in self.operands]
            return self.arranged(zeros_of_operands, lambda y: _zero(shape, y))

        return self.arranged(rows, lambda x: x if _kind(x) == "object" else zero_row(x))

    def arranged(self, items: Sequence[Any], other: Callable[[Any], Any]) -> Any:
        """One item per operand, ``other(leaf)`` for other leaves, in the arguments' structure."""
        of_operand = iter([
            t.joined(x) if isinstance(t, _Pair) else x
            for t, x in zip(self.operands, items, strict=True)
        ])  # fmt: skip
        parts: list[Any] = []
        for definition, leaves in self.arguments:
            part = [
                tree.NOTHING
                if isinstance(x, tree.Carried)
                else other(x)
                if t is None
                else next(of_operand)
                for x, t in leaves
            ]
            parts.append(part[0] if definition is None else tree.unflatten(definition, part))
        return parts[0] if len(parts) == 1 else tuple(parts)

    def vectors(self, vectors: Any, what: str) -> list[Value]:
        """One vector for each operand; those given for integers are left out."""
        leaves = tree.parts(vectors)
        pairs = [pair for _, of_argument in self.arguments for pair in of_argument]
        operands = [t for x, t in pairs if not isinstance(x, tree.Carried)]
        if len(leaves) == len(operands) != len(self.operands):
            leaves = [x for x, t in zip(leaves, operands, strict=True) if t is not None]
        if len(leaves) == len(self.operands):
            leaves = [
                _Pair(complex_numbers.as_complex(x)) if isinstance(t, _Pair) else x
                for x, t in zip(leaves, self.operands, strict=True)
            ]
        return _vectors(leaves, self.values, self.wrt, what, "argument")


def _shape(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape) if isinstance(x, Tracer) else np.shape(x)


def _zero(shape: tuple[Any, ...], x: Any) -> Any:
    """The derivative, of what has this shape, by a leaf that is an integer; objects are themselves."""
    if _kind(x) == "object":
        return x
    shape = (*shape, *_shape(x))
    return Tracer(zeros(shape, float).value) if shape else 0.0


def _inner(transformed: Any, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> _Inner:
    """Interpret the inner function into a region on placeholders for what is differentiated."""
    function, compiled = trace.wrapped(transformed, "__wrapped__"), transformed._compiled
    with _handing(transformed, trace):
        return _inner_of(function, compiled.signature, compiled.transformation, trace, args, kwargs)


def _inner_of(
    function: Any,
    signature: Signature,
    transformation: Transformation,
    trace: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> _Inner:
    frame = call_frame(trace)
    node = frame.scope.syntax.node
    bound, defaulted = signature.bind_telling(tuple(args), kwargs)
    slots, as_bound = list(bound), list(bound)
    given = [NOT_GIVEN if k in defaulted else x for k, x in enumerate(slots)]
    chosen, integers = _chosen(signature, transformation, given)
    arguments: list[Any] = []
    parameters: list[Value] = []
    wholes: list[tuple[ComplexTracer, Tracer]] = []
    for k in chosen:
        if not isinstance(k, int):
            arguments.append(None)  # found when the function has been interpreted
            continue
        container = tree.is_container(slots[k])
        leaves, definition = tree.flatten_argument(slots[k]) if container else ([slots[k]], None)
        taken = ("float", "integer") if integers else ("float",)
        pairs = [(x, _operand(x) if _kind(x) in taken else None) for x in leaves]
        stand_ins: list[Any] = []
        for x, t in pairs:
            if t is None:
                stand_ins.append(x)
                continue
            parameters.append(Value(ArrayType(t.dtype, t.shape, t.form == "python")))
            trace.stood_for[parameters[-1]] = t.value
            stand_in = Tracer(parameters[-1], t.form)
            if isinstance(t, _Pair):
                wholes.append((t.like(), stand_in))
                stand_in = wholes[-1][0]
            stand_ins.append(stand_in)
        slots[k] = tree.unflatten(definition, stand_ins) if container else stand_ins[0]
        arguments.append((definition, pairs))
    tree.link(as_bound, slots)
    as_given: tuple[Any, ...] = (defaulted, len(args)) if signature.forwards else ()
    if signature.tells:
        named = {k for k in chosen if isinstance(k, int)}
        as_given = (not_passed_on(signature, named, defaulted),)
    inner_args, inner_kwargs = signature.unbind(slots, *as_given)
    naming = Naming(
        by_tags=frozenset(x.key for x in chosen if isinstance(x, Named) and x.is_tag),
        around=trace.naming,
        depth=len(trace.builder.stack) + 1,
    )

    def interpret() -> Any:
        for whole, pair in wholes:  # the parts of complex arguments, from the parameters
            whole.parts = complex_numbers.from_pair(pair, whole.form).parts
        return call(frame, function, inner_args, inner_kwargs, node)

    raised: Exception | None = None
    had_effects, trace.effects = trace.effects, False
    try:
        outcome = run_region(
            frame,
            lambda: _with_names(trace, naming, interpret),
            parameters,
        )
    except RuleFailed as failure:  # a handler around this derivative sees it
        raised = failure.error if failure.is_certain else Declined(str(failure))
    finally:
        computes_only = not trace.effects
        trace.effects |= had_effects
    if raised is not None:
        raise raised
    if outcome.raised is not None:
        raise outcome.raised
    if outcome.cells or outcome.names:
        raise Declined("a differentiated function that changes variables or arrays from outside")
    results, definition = (
        tree.flatten(outcome.value) if tree.is_container(outcome.value) else ([outcome.value], None)
    )
    if not all(is_numeric(x) for x in results):
        raise Declined(
            "a derivative, inside of a function, of a function whose result is not made of numbers"
        )
    found = [slot_of(x) for x in results]
    with trace.builder.reopened(outcome.block):
        outcome.block.outputs = [fit(x, slot) for x, slot in zip(results, found, strict=True)]
    program = Program(outcome.block, signature.title)
    program = _by_names(trace, program, naming, chosen, arguments, signature.title)
    forms = [slot.form for slot in found]
    counted = integers and any(
        t is not None and _kind(x) == "integer"
        for _, pairs in filter(None, arguments)
        for x, t in pairs
    )
    of_two_types = any(isinstance(x, Either) for x in results)
    as_called = None
    if (counted or of_two_types) and computes_only:  # else it must not run twice
        values = signature.unbind(as_bound, *as_given)
        as_called = lambda: call(frame, function, *values, node)  # noqa: E731
    return _Inner(program, chosen, arguments, forms, definition, signature.title, as_called)


@contextmanager
def _handing(transformed: Any, trace: Any) -> Iterator[None]:
    """Have solvers in the inner function handed derivatives, if it or what is around it asks for that."""
    around, asked = trace.handing, transformed._compiled.transformation.handing
    trace.handing = around or asked
    try:
        yield
    finally:
        trace.handing = around


def _with_names(trace: Any, naming: Naming, thunk: Callable[[], Any]) -> Any:
    """Run code whose tags belong to a derivative inside of the function."""
    trace.naming = naming
    trace.derivatives += 1
    naming.tags.clear()
    try:
        return thunk()
    finally:
        trace.derivatives -= 1
        trace.naming = naming.around
        if trace.naming is not None:
            for key, values in naming.tags.items():
                trace.naming.tags.setdefault(key, []).extend(values)


def _by_names(
    trace: Any,
    program: Program,
    naming: Naming,
    chosen: Sequence[Any],
    arguments: list[Any],
    title: str,
) -> Program:
    """The program with an input for each operand, also for tags and for objects that it reads."""
    parameters = iter(list(program.inputs))
    tagged: list[Value] = []  # by which to differentiate inside of the program
    objects: dict[Value, Value] = {}  # values from outside, and their placeholders
    order: list[Value | None] = []  # placeholders in the order of the operands, None for a tag
    for k, item in enumerate(chosen):
        if isinstance(item, int):
            order += [next(parameters) for _, t in arguments[k][1] if t is not None]
        elif isinstance(item, Named) and item.is_tag:
            tag = single(naming, item.key, title)
            refuse_untagged_uses(program, tag)
            tagged.append(tag.value)
            order.append(None)
            zero = Tracer.constant(np.array(-0.0, tag.dtype))
            start = broadcast(zero, tag.shape, ()) if tag.shape else zero
            arguments[k] = (None, [(tag, Tracer(start.value, tag.form))])
        else:
            tracer = _read(trace, item, title)
            placeholder = Value(tracer.value.type)
            objects[tracer.value] = placeholder
            order.append(placeholder)
            arguments[k] = (None, [(tracer, tracer)])
    if objects:
        mapping = dict(objects)
        operations = [copy_operation(op, mapping) for op in program.block.operations]
        outputs = [mapping.get(v, v) for v in program.outputs]
        tagged = [mapping.get(v, v) for v in tagged]
        inputs = [v for v in order if v is not None]
        program = Program(Block(inputs, operations, outputs), program.name)
    count = len(program.inputs)
    if tagged:
        program = perturbed(program, tagged)
    deltas = iter(program.inputs[count:])
    inputs = [v if v is not None else next(deltas) for v in order]
    return Program(Block(inputs, program.block.operations, program.outputs), program.name)


def _read(trace: Any, item: Any, title: str) -> Tracer:
    """An array that the enclosing function and this one read, as it now stands."""
    if isinstance(item, Tracer):
        return item
    found = [r for r in trace.inputs if r.example is item.key]
    if not found:
        raise NameArgumentError(
            f"{title} does not read wrt={item.asked}: it is not found among the arrays of its "
            "arguments, globals, closures and attributes.",
            source=current_builder().source,
            remedy="name the array object itself, not a view or a copy of it",
        )
    return Tracer(found[0].cell.value, found[0].form)


def _chosen(
    signature: Signature, transformation: Transformation, slots: Sequence[Any]
) -> tuple[list[Any], bool]:
    """What is differentiated by: arguments by number, names, traced arrays from outside.

    Also whether integer numbers among the arguments count as floats.
    """
    if transformation.wrt is not None:
        wrt: Any = transformation.wrt
        items = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
        found: list[Any] = []
        for item in items:
            one = [item] if isinstance(item, Tracer) else wrt_items(signature, item, slots)
            found += one
        return found, True
    kinds = [{_kind(x) for x in _leaves(slot)} for slot in slots]
    floats = any("float" in found for found in kinds)
    return [k for k, found in enumerate(kinds) if found - {"object"}], not floats


def _leaves(slot: Any) -> list[Any]:
    return tree.parts(slot)


def _kind(x: Any) -> str:
    """What a leaf is to a derivative: a float, an integer number, integers, or none of these."""
    if not isinstance(x, Tracer) and not is_number(x):
        return "object"
    dtype = x.dtype if isinstance(x, Tracer) else np.asarray(x).dtype
    if isinstance(x, Tracer) and x.form == "python" and dtype.kind == "b":
        return "object"
    if dtype.kind not in "iu":
        return "float" if dtype.kind in "fc" else "integers"
    return "integers" if np.ndim(x) else "integer"


class _Pair(Tracer):
    """A complex operand: its real and imaginary parts, along the last axis of a real array.

    The derivative by the pair is that by the real part and by the imaginary part, so the pair of the gradient.
    """

    def __init__(self, x: ComplexTracer) -> None:
        super().__init__(x.pair.value, "array")
        self.whole = x.form
        self.parts = x.parts

    def like(self) -> ComplexTracer:
        """Another complex number or array of the same type, whose parts are still to be taken."""
        return ComplexTracer(self.parts, self.whole)

    def joined(self, x: Tracer) -> ComplexTracer:
        """The complex number or array whose parts are in ``x``."""
        return complex_numbers.from_pair(x, self.whole if x.ndim == self.ndim else "array")


def _operand(x: Any) -> Tracer:
    if complex_numbers.is_complex(x):
        return _Pair(complex_numbers.as_complex(x))
    tracer = as_tracer(float(x) if isinstance(x, int) else x)
    if tracer.dtype.kind == "f":
        return tracer
    slot = Slot(np.dtype(float), tracer.shape, tracer.form)
    return Tracer(fit(tracer, slot), tracer.form)


def _vectors(
    vectors: Any, like: Sequence[Value], live: Sequence[int], what: str, whose: str
) -> list[Value]:
    """The leaves of tangents or cotangents, one for each of the floating-point values ``like``."""
    leaves = tree.flatten(vectors)[0] if tree.is_container(vectors) else [vectors]
    if len(leaves) != len(like):
        raise NameArgumentError(
            f"{what}: {len(like)} vectors are needed, and {len(leaves)} are given.",
            code="AD108",
            source=current_builder().source,
            remedy=f"pass one vector for each array of the {whose}",
        )
    given = []
    for k in live:
        vector = as_tracer(leaves[k])
        if not same_shape(vector.shape, like[k].shape):
            raise ShapeError(
                f"{what}: a vector has shape {format_shape(vector.shape)} where the {whose} has "
                f"{format_shape(like[k].shape)}.",
                code="AD202",
                remedy=f"give vectors the shapes of the {whose}s",
            )
        given.append(fit(vector, Slot(like[k].dtype, like[k].shape, "array")))
    return given


def format_shape(shape: Sequence[Any]) -> str:
    """A shape as NumPy writes it; extents known only at run time by their symbols."""
    return "(" + ", ".join(str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def _scalar(inner: _Inner, what: str) -> None:
    value = inner.program.outputs[0] if len(inner.program.outputs) == 1 else None
    if inner.definition is not None or value is None:
        problem = "is a container, not one number"
    elif value.shape or (inner.operands and not value.type.is_float):
        problem = f"is {value.type}, not one floating-point number"
    else:
        return
    raise NotScalarError(
        f"{what} of {inner.title}: its result {problem}.",
        source=current_builder().source,
        remedy="reduce it, for example with np.sum, or use autodiff.jacobian",
    )


def _apply(
    transformation: Transformation, inner: _Inner, vectors: Any, name: str | None = None
) -> Any:
    """The derivative of the inner function, under the ``name`` that was asked for."""
    program, wrt, values = inner.program, inner.wrt, inner.values
    if transformation.budget is not None:  # sizes are those of calls of the function around
        program = in_segments_throughout(program)
    if isinstance(transformation, Gradient):
        _scalar(inner, "gradient")
        if not inner.operands:
            zero = inner.by_argument([])
            return (inner.value(_inlined(program, values)), zero) if transformation.value else zero
        derived = vjp(program, wrt, [0], seed_ones=True, keep_values=transformation.value)
        results = _inlined(derived, values)
        if transformation.value:
            return inner.value(results[:1]), inner.by_argument(results[1:])
        return inner.by_argument(results)
    if any(isinstance(t, _Pair) for t in inner.operands):
        if isinstance(transformation, (Jacobian, Hessian)):
            raise Declined("a matrix of derivatives, inside of a function, by complex numbers")
    if isinstance(transformation, Jacobian):
        live = [k for k, v in enumerate(program.outputs) if v.type.is_float]
        if len(live) != len(program.outputs):
            raise Declined("a Jacobian, inside of a function, of a result that is no float array")
        results = _inlined(jacobian(program, wrt, live, transformation.mode), values)
        return _matrix(inner, results, inner.definition, len(live))
    if isinstance(transformation, Hessian):
        _scalar(inner, "hessian")
        if not inner.operands:
            return inner.by_both([])
        first = vjp(program, wrt, [0], seed_ones=True, keep_values=False)
        matrix = jacobian(first, wrt, wrt, transformation.mode)
        return inner.by_both(_inlined(matrix, values))
    if isinstance(transformation, HessianVector):
        _scalar(inner, "hessian_vector")
        if not inner.operands:
            return inner.by_argument([])
        first = vjp(program, wrt, [0], seed_ones=True, keep_values=False)
        derived = jvp(first, [True] * len(wrt))
        derived.block.outputs = derived.outputs[len(first.outputs) :]
        given = inner.vectors(vectors, "hessian_vector")
        return inner.by_argument(_inlined(derived, [*values, *given]))
    if isinstance(transformation, Jvp):
        derived = jvp(program, [True] * len(wrt))
        given = inner.vectors(vectors, name or "jvp")
        results = _inlined(derived, [*values, *given])
        n = len(program.outputs)
        floats = iter(results[n:])
        tangents = [
            next(floats) if v.type.is_float else as_tracer(0.0).value for v in program.outputs
        ]
        return inner.value(results[:n]), inner.by_result(tangents, inner.result_forms)
    raise Declined(f"{transformation.name} inside of a captured function")


def _matrix(inner: _Inner, results: Sequence[Value], definition: Any, count: int) -> Any:
    n = len(inner.wrt)
    rows = [
        inner.by_argument(results[k * n : (k + 1) * n], inner.program.outputs[k].shape)
        for k in range(count)
    ]
    if definition is None:
        return rows[0]
    taken = tree.is_of_derivatives(definition)
    items = [row if is_taken else tree.NOTHING for row, is_taken in zip(rows, taken, strict=True)]
    return tree.unflatten(definition, items)


def _inlined(program: Program, values: Sequence[Value]) -> list[Value]:
    block: Block = program.block
    return custom.inline(current_builder(), block, values, {})


def _tracers(results: Sequence[Value], forms: Sequence[Any]) -> list[Tracer]:
    made = [
        Tracer(v, "array" if v.shape or form == "array" else form)
        for v, form in zip(results, forms, strict=True)
    ]
    return [_weakened(t) if t.form == "python" and t.dtype.kind == "f" else t for t in made]


def _weakened(tracer: Tracer) -> Tracer:
    slot = slot_of(0.0)
    return Tracer(fit(tracer, slot), "python")
