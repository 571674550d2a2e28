"""The elementary functions of native code: error, special values, vectorisation, and the shape of the text."""

import itertools
import re

import llvmlite.binding as llvm
import numpy as np
import pytest

import autodiff
from autodiff.engines.native import vector_math
from bench.kernel_of_one import DTYPES, compile_kernel
from bench.vector_math import CASES, worst

PAIRS = [(name, dtype) for name in vector_math.NAMES for dtype in DTYPES]
EVERY = pytest.mark.parametrize(("name", "dtype"), PAIRS)


def test_every_function_has_a_case():
    assert set(CASES) == set(vector_math.NAMES)


@EVERY
def test_error_is_at_most_two_ulp(name, dtype):
    for error, at in worst(name, dtype, points=200, seed=1):
        assert error <= 2.0, at


def specials(dtype):
    """Values at which something happens in some function, with their neighbours."""
    info = np.finfo(dtype)
    positive = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 1e3, 2.5, 2.0**20, 2.0**30, info.max, np.inf]
    positive += [info.smallest_subnormal, info.tiny, info.eps, 1e-5]
    values = np.array(positive + [-v for v in positive] + [np.nan], dtype)
    return np.unique(np.concatenate([values, np.nextafter(values, np.inf).astype(dtype)]))


def agree(ours, numpy, ulps=4):
    """The same NaNs, infinities and signed zeros; elsewhere nearly equal."""
    finite = np.isfinite(numpy) & (numpy != 0)
    same = np.where(
        np.isnan(numpy), np.isnan(ours), (ours == numpy) & (np.signbit(ours) == np.signbit(numpy))
    )
    with np.errstate(all="ignore"):
        close = np.abs(ours - numpy) <= ulps * np.spacing(np.abs(numpy))
    return np.where(finite, close, same)


@pytest.mark.parametrize(("name", "dtype"), [pair for pair in PAIRS if CASES[pair[0]].numpy])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values_are_those_of_numpy(name, dtype):
    x = specials(DTYPES[dtype])
    arguments = (x,)
    if vector_math.arity(name) == 2:
        arguments = tuple(a.ravel() for a in np.meshgrid(x, x))
    ours, theirs = compile_kernel(name, dtype)(*arguments), CASES[name].numpy(*arguments)
    wrong = ~agree(ours, theirs)
    rows = [a[wrong] for a in (*arguments, ours, theirs)]
    assert not wrong.any(), list(zip(*rows, strict=True))[:10]


EXACT = [
    ("exp", (0.0,), 1.0),
    ("exp2", (-3.0,), 0.125),
    ("cos", (0.0,), 1.0),
    ("cosh", (-0.0,), 1.0),
    ("log2", (8.0,), 3.0),
    ("log10", (1000.0,), 3.0),
    ("log", (1.0,), 0.0),
    ("pow", (-3.0, 3.0), -27.0),
    ("pow", (2.0, -1.0), 0.5),
    ("pow", (0.0, 0.0), 1.0),
    ("pow", (1.0, np.nan), 1.0),
    ("pow", (np.nan, 0.0), 1.0),
    ("pow", (-1.0, np.inf), 1.0),
    ("pow", (-8.0, 1.0), -8.0),
    ("tanh", (30.0,), 1.0),
]


@pytest.mark.parametrize(("name", "point", "value"), EXACT)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_numbers_are_exact(name, dtype, point, value):
    arguments = [np.full(9, p, DTYPES[dtype]) for p in point]  # vector and remainder loop
    assert (compile_kernel(name, dtype)(*arguments) == value).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_has_the_special_values_of_c(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, 30.0, np.nan], DTYPES[dtype])
    expected = np.array([0.0, -0.0, 1.0, -1.0, 1.0, np.nan], DTYPES[dtype])
    assert agree(compile_kernel("erf", dtype)(x), expected).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_underflows_gradually(dtype):
    lowest, count = {"f64": (-745.0, 30), "f32": (-103.0, 12)}[dtype]
    x = np.linspace(lowest, lowest + count, 50, dtype=DTYPES[dtype])
    result = compile_kernel("exp", dtype)(x)
    smallest = np.finfo(x.dtype).smallest_subnormal
    assert (result > 0).all()
    assert (
        np.abs(result - np.exp(x.astype(np.longdouble)))
        <= np.maximum(smallest, result * np.finfo(x.dtype).eps)
    ).all()


@EVERY
@pytest.mark.parametrize("width", [128, 256])
def test_loops_are_vectorised(name, dtype, width):
    type = {"f64": "double", "f32": "float"}[dtype]
    loop = compile_kernel(name, dtype, width).optimised
    body = loop[loop.index("@kernel(") :]
    assert re.search(rf"load <\d+ x {type}>", body)
    assert re.search(rf"store <\d+ x {type}>", body)


@EVERY
def test_without_fused_multiply_add_the_error_stays(name, dtype):
    # the baseline of the architecture: on x86-64 there is neither FMA nor AVX
    for error, at in worst(name, dtype, points=60, seed=2, features=""):
        assert error <= 2.0, at


def test_module_text_declares_everything_once_and_parses():
    text = vector_math.module_text(PAIRS)
    llvm.parse_assembly(text).verify()
    heads = [line for line in text.splitlines() if line.startswith(("declare", "define"))]
    assert len(heads) == len(set(heads))
    for name, dtype in PAIRS:
        assert f"{vector_math.symbol(name, dtype)}(" in text


@EVERY
def test_a_definition_with_what_it_names_is_a_module(name, dtype):
    parts = [*vector_math.declarations(name, dtype), vector_math.definition(name, dtype)]
    for other in vector_math.requires(name, dtype):
        parts += [*vector_math.declarations(other, dtype), vector_math.definition(other, dtype)]
    llvm.parse_assembly("\n".join(dict.fromkeys(parts))).verify()


def test_the_text_is_the_same_each_time():
    assert vector_math.module_text({("exp", "f64"), ("sin", "f32")}) == vector_math.module_text(
        [("sin", "f32"), ("exp", "f64")]
    )


# -- scalar loops ------------------------------------------------------------------------------------
def recurrence(x):
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        y[i] = np.sin(y[i - 1]) + x[i]
    return y


def two_steps_back(x):
    y = np.zeros(len(x))
    for i in range(len(x) - 3, -1, -1):
        y[i] = np.cos(y[i + 2]) + x[i]
    return y


def carried(x):
    s, y = 0.0, np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.tan(x[i])
        s = 0.5 * s + y[i]
    return s + y


def until(x):
    i, y = 0, np.zeros(len(x))
    while i < len(x):
        y[i] = np.sin(x[i])
        i += 1
    return y


def elementwise(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.sin(x[i])
    return y


def in_place(x):
    y = x.copy()
    for i in range(len(y)):
        y[i] = np.sin(y[i])
    return y


def summed(x):
    total = 0.0
    for i in range(len(x)):
        total += np.cos(x[i])
    return total


def rows(x):
    u = np.zeros((4, len(x)))
    u[0] = x
    for t in range(3):
        for i in range(len(x)):
            u[t + 1, i] = np.sin(u[t, i])
    return u


LOOPS = [
    *[(f, True) for f in (recurrence, two_steps_back, carried, until)],
    *[(f, False) for f in (elementwise, in_place, summed, rows)],
]


@pytest.mark.parametrize(("f", "branches"), LOOPS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_loops_branch_where_each_step_waits_for_the_last_one(f, branches, rng):
    x = rng.standard_normal(2000)
    compiled = autodiff.function(f)
    np.testing.assert_allclose(compiled(x), f(x), rtol=1e-12, atol=1e-12)
    assert (".within.f64" in compiled.llvm(x)) == branches


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_scalar_loops_give_what_whole_arrays_give(name, dtype):
    function = getattr(np, name)

    def f(x):
        i, y = 0, np.zeros_like(x)
        while i < len(x):
            y[i] = function(x[i])
            i += 1
        return y

    x = np.tile(specials(DTYPES[dtype]), 30)
    compiled = autodiff.function(f)
    ours, whole = compiled(x), autodiff.function(lambda x: function(x))(x)
    assert f".within.{dtype}" in compiled.llvm(x)
    np.testing.assert_array_equal(ours, whole)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(whole))


def test_tanh_and_its_slope_share_a_loop_and_their_reduction():
    def layer(w, x):
        return np.sum(np.tanh(x @ w) @ np.ones((40, 1)))

    w, x = np.full((10, 40), 0.1), np.full((64, 10), 0.2)
    text = autodiff.value_and_gradient(layer).llvm(w, x)
    of_tanh = re.findall(r"call double @ad\.tanh\.f64\(double (%\w+)\)", text)
    of_slope = re.findall(r"call double @ad\.tanh_slope\.f64\(double (%\w+)\)", text)
    assert len(of_tanh) == 1
    assert of_tanh == of_slope
    lines = [vector_math.definition(n, "f64").splitlines()[1:] for n in ("tanh", "tanh_slope")]
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*lines, strict=False))
    common = len(list(alike))
    assert common > 0.8 * (len(lines[1]) - 2)  # what LLVM computes once
