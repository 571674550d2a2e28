"""Elements of ufuncs by their own C functions: the same bits, no Python, no addresses in the text."""

import ctypes
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import special

import autodiff
from autodiff.engines.native import symbols, ufunc_calls
from autodiff.engines.native.compile import compile_program
from autodiff.engines.native.lowering import lower
from autodiff.ir import ArrayType, Program
from autodiff.ops.builder import building
from autodiff.ops.entries import ENTRIES, Entry, Pointwise, register
from tests.ops.support import trace

UFUNCS = {
    f.__name__: f"scipy.special.{name}"
    for name, f in vars(special).items()
    if isinstance(f, np.ufunc) and not name.startswith("_")
}
# Functions of one result and real operands, all of one dtype; sampled where all of them are quick.
CALLS = [
    (path, signature)
    for path in UFUNCS.values()
    for signature in symbols.ufunc_of(path).types
    if re.fullmatch(r"(d+->d|f+->f|ld+->d)", signature)
]


@pytest.fixture
def operation() -> Iterator[Callable[[str, ufunc_calls.UfuncCall], str]]:
    """An operation that is entered for one test."""
    entered: list[str] = []

    def enter(path: str, call: ufunc_calls.UfuncCall) -> str:
        name = f"test.{call.symbol}"
        ufunc = symbols.ufunc_of(path)
        register(
            Entry(
                name,
                lambda types: (ArrayType(call.results[0], types[0].shape),),
                ufunc,
                Pointwise(lambda s, *x: s.ufunc(path, *x)),
            )
        )
        entered.append(name)
        return name

    yield enter
    for name in entered:
        del ENTRIES[name]


def test_most_functions_of_scipy_are_called_by_value() -> None:
    found = [symbols.has_value_function(path, s) for path, s in CALLS if "d->" in s]
    assert sum(found) > 0.7 * len(found)
    assert len(CALLS) > 300


@pytest.mark.parametrize("part", range(4))
def test_every_function_gives_the_bits_of_its_ufunc(
    part: int, operation, rng: np.random.Generator
) -> None:
    """Many in one program, each on a few numbers of ordinary size."""
    arguments, wanted, calls = [], [], CALLS[part::4]
    with building() as builder:
        for path, signature in calls:
            dtypes = tuple(np.dtype(c) for c in signature.partition("->")[0])
            call = ufunc_calls.find(path, dtypes)
            values = [rng.uniform(0.1, 0.9, 5) for _ in dtypes]
            values = [
                rng.integers(0, 4, 5) if d.kind == "i" else v.astype(d)
                for v, d in zip(values, dtypes, strict=True)
            ]
            operands = tuple(builder.parameter(ArrayType(v.dtype, v.shape)) for v in values)
            builder.block.outputs += builder.emit(operation(path, call), operands, {})
            arguments += values
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                wanted.append(symbols.ufunc_of(path)(*values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compile_program(Program(builder.block))(arguments)
    for (path, signature), want, have in zip(calls, wanted, found, strict=True):
        np.testing.assert_array_equal(have, want, err_msg=f"{path} {signature}")


def test_the_text_of_a_module_holds_names() -> None:
    x = np.ones(3)
    text = lower(trace(lambda x: special.beta(x, 2.0) + special.loggamma(x.astype("f")), x)).text
    assert "@ufunc.scipy.special.beta.dd_d.value" in text
    assert "@ufunc.scipy.special.loggamma.f_f.loop" in text
    assert not re.search(r"inttoptr|\b\d{12,}\b", text)


def test_machine_code_is_linked_again_in_another_process(tmp_path) -> None:
    program = (
        "import numpy as np, autodiff\n"
        "from scipy import special\n"
        "from autodiff import cache\n"
        "f = autodiff.function(lambda x: special.beta(x, 2.0) + special.kv(1.5, x))\n"
        "x = np.array([0.5, 1.5], np.float32)\n"
        "assert np.array_equal(f(x), special.beta(x, 2.0) + special.kv(1.5, x))\n"
        "print(len(list(cache.directory().glob('*/*.machinecode'))))\n"
    )
    environment = os.environ | {"AUTODIFF_CACHE_DIR": str(tmp_path)}
    counts = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert counts[0] == counts[1]


def test_a_loop_leaves_the_flags_of_before(operation) -> None:
    """1 / 0 before the call is not forgotten; what the special function raises does not count."""
    libm = ctypes.CDLL(None)
    divide = 4
    if not ufunc_calls._is_x86() or not hasattr(libm, "fetestexcept"):
        pytest.skip("flags are numbered as x86 does")
    call = ufunc_calls.find("scipy.special.gammaln", (np.dtype("f"),))
    assert not call.by_value
    with building() as builder:
        x = builder.parameter(ArrayType(np.dtype("f"), ()))
        y = builder.parameter(ArrayType(np.dtype("f"), ()))
        builder.block.outputs += builder.emit("divide", (x, y), {})
        builder.block.outputs += builder.emit(operation("scipy.special.gammaln", call), (y,), {})
    run = compile_program(Program(builder.block))
    for bottom, raised in ((0.0, True), (-1.0, False)):
        libm.feclearexcept(divide)
        run([np.float32(1.0), np.float32(bottom)])  # -1 is a pole of gammaln
        assert bool(libm.fetestexcept(divide)) is raised
        libm.feclearexcept(divide)


@pytest.mark.parametrize("threads", [1, 2])
def test_warnings_of_scipy_come_from_any_thread(threads: int) -> None:
    f = autodiff.function(lambda n: special.kn(n, 0.4), threads=threads)
    f(np.ones(300_000))
    with pytest.warns(RuntimeWarning, match="floating point number truncated"):
        f(np.where(np.arange(300_000) % 100_000 == 50_000, 1.7, 1.0))


def test_a_warning_that_is_an_error_is_raised() -> None:
    f = autodiff.function(lambda n: special.kn(n, 0.4))
    assert f(1.0) == special.kn(1, 0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="floating point number truncated"):
            f(1.7)
    assert f(2.0) == special.kn(2, 0.4)


def test_a_dtype_without_a_loop_is_refused() -> None:
    with pytest.raises(autodiff.errors.UnsupportedError, match="eval_hermite has no loop"):
        ufunc_calls.find("scipy.special.eval_hermite", (np.dtype("f"), np.dtype("f")))
