"""Programs through lowering, entry and linker: results, forms, failures, run-time sizes, lifetime."""

import gc
import weakref

import numpy as np
import pytest

from autodiff import lookups
from autodiff.dims import Dim
from autodiff.engines import InputForm, executable
from autodiff.engines.native.engine import compile_native
from autodiff.engines.native.entry import (
    ArrayInput,
    ArrayOutput,
    ObjectOutput,
    ScalarInput,
    ScalarOutput,
)
from autodiff.ir import ArrayType, Program
from autodiff.ops.builder import building, current_builder
from autodiff.ops.control import CheckFailed, emit_check
from autodiff.ops.tracer import Tracer
from tests.engines.native.programs import traced

F8, F4, I8, B1 = (np.dtype(code) for code in ("f8", "f4", "i8", "?"))
X = np.linspace(-1.0, 1.0, 10)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2), 2.0 * x


def test_a_program_becomes_a_builtin_function():
    native = compile_native(
        traced(rosenbrock, X), [ArrayInput(F8, (10,), 0)], (ScalarOutput(0, F8), ArrayOutput(1))
    )
    value, twice = native.call(X)
    assert type(value) is np.float64
    np.testing.assert_allclose(value, rosenbrock(X)[0], rtol=1e-14)
    np.testing.assert_array_equal(twice, 2 * X)
    assert native.call(X[:5]) is NotImplemented
    assert native.failure() is None


def test_code_can_be_seen():
    native = compile_native(
        traced(rosenbrock, X), [ArrayInput(F8, (10,), 0)], (ScalarOutput(0, F8), ArrayOutput(1))
    )
    assert "define i32 @kernel" in native.llvm()
    assert "define" in native.optimised_llvm()
    assert "kernel" in native.assembly()


@pytest.mark.parametrize(
    ("forms", "arguments", "outputs", "types"),
    [
        (["array", "python"], [X, 2.0], ["array", "float"], [np.ndarray, float]),
        (["array", "scalar"], [X, np.float64(2)], ["array", "scalar"], [np.ndarray, np.float64]),
        (["array", "array"], [X, np.array(2.0)], ["array", "array"], [np.ndarray, np.ndarray]),
    ],
)
def test_executables_take_and_give_the_forms_asked_for(forms, arguments, outputs, types):
    program = traced(lambda x, s: (x * s, s + 1.0), *arguments)
    inputs = [InputForm(f, v.type) for f, v in zip(forms, program.inputs, strict=True)]
    native = executable(program, inputs, outputs, (0, 1), "native")
    reference = executable(program, inputs, outputs, (0, 1), "numpy")
    lookups.settle()  # whatever has been stored into a module before
    for got, wanted, kind in zip(
        native.call(*arguments), reference.call(*arguments), types, strict=True
    ):
        assert type(got) is type(wanted) is kind
        np.testing.assert_array_equal(got, wanted)
    assert native.call(*arguments[:1]) is NotImplemented
    assert native.llvm is not None and "kernel" in native.llvm()


def test_one_output_comes_bare():
    program = traced(lambda x: x * x, 3.0)
    run = executable(program, [InputForm("python", program.inputs[0].type)], ["float"], 0, "native")
    assert run.call(3.0) == 9.0


def test_a_failed_check_is_a_miss_and_says_what_failed():
    def checked(x):
        emit_check((x > 0.0).value, "x must be positive")
        return np.sqrt(x)

    native = compile_native(traced(checked, 4.0), [ScalarInput(float, 0)], ScalarOutput(0, float))
    assert native.call(4.0) == 2.0
    assert native.failure() is None
    assert native.call(-4.0) is NotImplemented
    assert native.failure() == "x must be positive"
    assert native.call("4") is NotImplemented
    assert native.failure() is None  # it did not fit, nothing failed
    with pytest.raises(CheckFailed, match="x must be positive"):
        native.run([-4.0])


def host(x, function):
    return Tracer(current_builder().emit(
        "host_call", (x.value,), {"function": function, "types": (x.type,)}, (x.type,)
    )[0], "array")  # fmt: skip


def test_python_is_called_from_the_kernel_and_its_exceptions_are_kept():
    seen = []

    def python(x):
        seen.append(x.copy())
        if x[0] > 100:
            raise ValueError("too large")
        return (x * 3.0,)

    program = traced(lambda x: host(x, python) + 1.0, X)
    native = compile_native(program, [ArrayInput(F8, (10,), 0)], ArrayOutput(0))
    np.testing.assert_allclose(native.call(X), 3 * X + 1, rtol=1e-15)
    np.testing.assert_array_equal(seen[0], X)
    assert native.call(X + 200) is NotImplemented
    assert native.failure() == "ValueError: too large"
    with pytest.raises(ValueError, match="too large"):
        native.run([X + 200])


def test_run_takes_any_layout():
    program = traced(lambda x, s: (x * s, s), np.ones((3, 4)), 2.0)
    native = compile_native(
        program, [ArrayInput(F8, (3, 4), 0), ScalarInput(float, 1)], ObjectOutput(None)
    )
    x = np.arange(24.0).reshape(4, 6)
    for view in (x[:, ::2].T, x[:3, :4], np.asfortranarray(x[:3, :4]), x[:3, :4].astype(">f4")):
        product, s = native.run([view, 2])
        np.testing.assert_array_equal(product, view * 2.0)
        assert s.shape == () and s == 2.0
    with pytest.raises(TypeError, match="do not fit"):
        native.run([x, 2.0])


def test_extents_may_be_known_at_run_time():
    with building() as builder:
        n = builder.parameter(ArrayType(I8, ()), "n")
        n.low = 0
        x = builder.parameter(ArrayType(F8, (Dim.symbol(n),)), "x")
        y = Tracer(x, "array")
        builder.block.outputs = [(y * 2.0).value, np.sum(y).value]
    program = Program(builder.block)
    native = compile_native(
        program, [ArrayInput(F8, (Dim.symbol(n),), 1)], (ArrayOutput(0), ScalarOutput(1, float))
    )
    for size in (0, 1, 7, 1000):
        twice, total = native.call(np.arange(float(size)))
        np.testing.assert_array_equal(twice, 2 * np.arange(float(size)))
        assert total == size * (size - 1) / 2


@pytest.mark.usefixtures("new_objects_only")
def test_large_constants_are_part_of_the_function():
    table = np.random.default_rng(5).normal(size=3000)
    program = traced(lambda x: x * table, np.ones(3000))
    native = compile_native(program, [ArrayInput(F8, (3000,), 0)], ArrayOutput(0))
    gc.collect()
    np.testing.assert_array_equal(native.call(np.ones(3000)), table)


def test_outputs_can_be_written_into_arguments():
    program = traced(lambda x: x + 1.0, X)
    native = compile_native(
        program, [ArrayInput(F8, (10,), 0, written=True)], ObjectOutput(None), copies=[(0, 0)]
    )
    x = X.copy()
    assert native.call(x) is None
    np.testing.assert_array_equal(x, X + 1)


@pytest.mark.usefixtures("new_objects_only")
def test_everything_goes_with_the_last_reference():
    native = compile_native(
        traced(lambda x: x * 2.0, X), [ArrayInput(F8, (10,), 0)], ArrayOutput(0)
    )
    call, machine = native.call, weakref.ref(native.machine)
    native.run([X])
    del native
    gc.collect()
    np.testing.assert_array_equal(call(X), 2 * X)
    del call
    gc.collect()
    assert machine() is None


def test_long_kernels_release_the_interpreter_lock():
    short = compile_native(traced(lambda x: x * 2.0, X), [ArrayInput(F8, (10,), 0)], ArrayOutput(0))
    big = np.ones(300_000)
    long = compile_native(
        traced(lambda x: x * 2.0, big), [ArrayInput(F8, (300_000,), 0)], ArrayOutput(0)
    )
    releases = ["PyEval_SaveThread" in f.call.__self__.machine.glue for f in (short, long)]
    assert releases == [False, True]
    np.testing.assert_array_equal(long.call(big), 2 * big)
