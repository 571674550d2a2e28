"""Elementary functions that are called: every form equals the inlined function, and small programs call."""

import ctypes

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import session, vector_math
from autodiff.engines.native.vector_math import library
from autodiff.engines.native.vector_math.emit import FORMATS
from autodiff.engines.native.vector_math.large_argument import lanes_of
from bench.kernel_of_one import DTYPES, compile_kernel
from bench.vector_math import CASES

from .test_vector_math import specials

F64 = FORMATS["f64"]

PAIRS = [(name, dtype) for name in vector_math.NAMES for dtype in DTYPES]


def caller(name, dtype, lanes):
    """A module that applies one form to as many elements, from memory to memory."""
    scalar = FORMATS[dtype].type
    type = scalar if lanes == 1 else f"<{lanes} x {scalar}>"
    arguments = "xy"[: vector_math.arity(name)]
    operands = ", ".join(f"{type} %{a}" for a in arguments)
    loads = "\n".join(f"%{a} = load {type}, ptr %p{a}, align 4" for a in arguments)
    return f"""
    declare {type} @{library.symbol(name, dtype, lanes)}({", ".join([type] * len(arguments))})
    define void @apply({", ".join(f"ptr %p{a}" for a in arguments)}, ptr %out) #0 {{
      {loads}
      %r = call {type} @{library.symbol(name, dtype, lanes)}({operands})
      store {type} %r, ptr %out, align 4
      ret void
    }}
    """


def apply(name, dtype, lanes, arguments):
    machine = session.load(caller(name, dtype, lanes), ("apply",))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(arguments) + 1))(
        machine.address("apply")
    )
    rows = -(-arguments[0].size // lanes)
    padded = [np.resize(a, rows * lanes).reshape(rows, lanes) for a in arguments]
    out = np.empty_like(padded[0])
    for k in range(rows):
        call(*(a[k].ctypes.data for a in (*padded, out)))
    return out.reshape(-1)[: arguments[0].size]


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_form_computes_what_the_inlined_function_does(name, dtype):
    rng = np.random.default_rng(3)
    arguments = [a.astype(DTYPES[dtype]) for a in CASES[name].timed(rng, 50, dtype)]
    extremes = specials(DTYPES[dtype])
    arguments = [np.concatenate([a, np.roll(extremes, k * 7)]) for k, a in enumerate(arguments)]
    wanted = compile_kernel(name, dtype)(*arguments)
    for lanes in (1, *lanes_of(FORMATS[dtype])):
        np.testing.assert_array_equal(apply(name, dtype, lanes, arguments), wanted, f"{lanes}")


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_a_form_of_one_element_asks_the_c_library_itself(name):
    one, several = (library.text([library.symbol(name, "f64", n)]) for n in (1, lanes_of(F64)[0]))
    assert f"call double @{name}(double %x)" in one and "ad.large" not in one
    assert "ad.large" in several


def test_a_form_is_compiled_once():
    before = dict(session._functions)
    session.load(caller("exp", "f64", 1), ("apply",))
    first = session._functions["library.exp.f64"]
    session.load(caller("exp", "f64", 1), ("apply",))
    assert session._functions["library.exp.f64"] == first
    assert set(session._functions) - set(before) <= {"library.exp.f64"}


def test_only_forms_that_are_used_are_compiled(monkeypatch):
    monkeypatch.setattr(session, "_functions", {})
    session.load(
        library.declarations([("cosh", "f64")])
        + "\ndefine double @f(double %x) #0 {\n"
        + f"  %y = {library.call('cosh', 'f64', ['%x'])}\n  ret double %y\n}}\n",
        ("f",),
    )
    assert set(session._functions) == {"library.cosh.f64"}


def test_small_programs_call_and_large_ones_inline():
    small = autodiff.function(lambda x: np.sum(np.exp(x))).llvm(np.ones(100))
    large = autodiff.function(lambda x: np.sum(np.exp(x))).llvm(np.ones(100_000))
    assert "call double @library.exp.f64" in small and "@ad.exp" not in small
    assert "call double @ad.exp.f64" in large and "@library" not in large


def test_calls_in_a_loop_count_as_often_as_it_runs():
    def walk(x, n):
        for _ in range(n):
            x = np.sin(x) + 0.5
        return x

    def run(n):
        return autodiff.function(lambda x: walk(x, n)).llvm(1.0)

    assert "@library.sin" in run(500)
    assert "@library.sin" not in run(5000)


def test_vectorised_loops_call_forms_for_several_elements():
    code = session.load(
        autodiff.function(lambda x: np.exp(x)).llvm(np.ones(512)), ("kernel",)
    ).optimised_ir()
    assert any(f"@{library.symbol('exp', 'f64', n)}(" in code for n in lanes_of(FORMATS["f64"]))
