"""Transformations inside of captured functions: a gradient of a gradient, a solver that uses one.

    autodiff.gradient(lambda x: autodiff.gradient(g)(x) * h(x))

The inner function is interpreted into a region on placeholders for its differentiated arguments;
the region is a program of its own, which may use values of the enclosing function; its derivative
program is put in place of the call.  What comes out are ordinary operations, through which outer
derivatives flow, also to values that the inner function closes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff import transform, tree
from autodiff.capture import Declined
from autodiff.capture.calls import call
from autodiff.capture.nested import call_frame
from autodiff.capture.regions import fit, is_numeric, run_region, slot_of
from autodiff.compiled import Signature
from autodiff.differentiate import custom, jacobian, jvp, vjp
from autodiff.errors import NotScalarError
from autodiff.ir.data import ArrayType, Block, Program, Value
from autodiff.ops.builder import current_builder
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.transform import Transformation


def inline_call(transformed: Any, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The result of calling a transformed function from captured code."""
    function = transformed.__wrapped__
    transformation: Transformation = transformed._compiled.transformation
    frame = call_frame(trace)
    node = frame.scope.syntax.node
    if transformation.is_value:
        return call(frame, function, args, kwargs, node)
    vectors = kwargs.pop("_tensors", None)
    signature: Signature = transformed._compiled.signature
    slots = list(signature.bind(tuple(args), kwargs))
    chosen = _chosen(signature, transformation, slots)
    operands = [_operand(slots[k]) for k in chosen]
    parameters = [Value(ArrayType(t.dtype, t.shape, t.form == "python")) for t in operands]
    for k, value, operand in zip(chosen, parameters, operands, strict=True):
        slots[k] = Tracer(value, operand.form)
    inner_args, inner_kwargs = signature.unbind(slots)
    outcome = run_region(
        frame, lambda: call(frame, function, inner_args, inner_kwargs, node), parameters
    )
    if outcome.raised is not None:
        raise outcome.raised
    if outcome.cells or outcome.names:
        raise Declined("a differentiated function that changes variables or arrays from outside")
    if not is_numeric(outcome.value):
        raise Declined(
            "a derivative, inside of a function, of a function with a container as result"
        )
    with trace.builder.reopened(outcome.block):
        outcome.block.outputs = [fit(outcome.value, slot_of(outcome.value))]
    program = Program(outcome.block, signature.title)
    return _apply(transformation, program, operands, vectors, signature.title)


def _chosen(
    signature: Signature, transformation: Transformation, slots: Sequence[Any]
) -> list[int]:
    if transformation.wrt is not None:
        return transform.wrt_slots(signature, transformation.wrt, slots)
    floats = [
        k
        for k, x in enumerate(slots)
        if (isinstance(x, Tracer) and x.dtype.kind == "f") or isinstance(x, (float, np.ndarray))
    ]
    return floats or ([0] if len(slots) == 1 else [])


def _operand(x: Any) -> Tracer:
    if tree.is_container(x):
        raise Declined("a derivative, inside of a function, by a container of arrays")
    tracer = as_tracer(float(x) if isinstance(x, int) else x)
    return tracer if tracer.dtype.kind == "f" else as_tracer(tracer.astype(float))


def _scalar(program: Program, what: str, title: str) -> None:
    value = program.outputs[0]
    if value.shape or not value.type.is_float:
        raise NotScalarError(
            f"{what} of {title}: its result is {value.type}, not one floating-point number.",
            source=current_builder().source,
            remedy="reduce it, for example with np.sum, or use autodiff.jacobian",
        )


def _apply(
    transformation: Transformation,
    program: Program,
    operands: Sequence[Tracer],
    vectors: Any,
    title: str,
) -> Any:
    wrt = list(range(len(operands)))
    values = [t.value for t in operands]
    forms = [t.form for t in operands]
    if isinstance(transformation, transform.Gradient):
        _scalar(program, "gradient", title)
        derived = vjp(program, wrt, [0], seed_ones=True, keep_values=transformation.value)
        results = _inlined(derived, values)
        if transformation.value:
            value = Tracer(results[0], "scalar")
            return value, _arranged(results[1:], forms)
        return _arranged(results, forms)
    if isinstance(transformation, transform.Jacobian):
        return _arranged(_inlined(jacobian(program, wrt, [0]), values), forms)
    if isinstance(transformation, transform.Hessian):
        _scalar(program, "hessian", title)
        first = vjp(program, wrt, [0], seed_ones=True, keep_values=False)
        results = _inlined(jacobian(first, wrt, wrt), values)
        n = len(wrt)
        rows = [_arranged(results[k * n : (k + 1) * n], forms) for k in range(n)]
        return rows[0] if n == 1 else tuple(rows)
    if isinstance(transformation, transform.HessianVector):
        _scalar(program, "hessian_vector", title)
        first = vjp(program, wrt, [0], seed_ones=True, keep_values=False)
        derived = jvp(first, [True] * len(wrt))
        derived.block.outputs = derived.outputs[len(first.outputs) :]
        given = vectors if isinstance(vectors, tuple) and len(wrt) > 1 else (vectors,)
        return _arranged(_inlined(derived, [*values, *(as_tracer(v).value for v in given)]), forms)
    raise Declined(f"{transformation.name} inside of a captured function")


def _inlined(program: Program, values: Sequence[Value]) -> list[Value]:
    block: Block = program.block
    return custom.inline(current_builder(), block, values, {})


def _arranged(results: Sequence[Value], forms: Sequence[str]) -> Any:
    made = [
        Tracer(v, "array" if v.shape or form == "array" else form)  # type: ignore[arg-type]
        for v, form in zip(results, forms, strict=True)
    ]
    made = [_weakened(t) if t.form == "python" else t for t in made]
    return made[0] if len(made) == 1 else tuple(made)


def _weakened(tracer: Tracer) -> Tracer:
    slot = slot_of(0.0)
    return Tracer(fit(tracer, slot), "python")
