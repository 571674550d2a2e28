"""Sizes near 2**31, 2**32 and 2**63: NumPy's own exception, never a smaller array.

Below: polynomials of extents, which the kernel computes exactly or not at all; functions of sizes,
which raise what plain NumPy raises; memory that the system refuses.
"""

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autodiff
from autodiff.dims import Dim, evaluate
from autodiff.engines.native.compile import compile_program
from autodiff.engines.native.sizes import LIMIT, TOO_LARGE
from autodiff.ir import ArrayType, Program
from autodiff.ir.data import walk
from autodiff.ops.builder import building, constant, emit
from autodiff.ops.control import INT, MEMORY_FAILED, CheckFailed

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
CORNERS = [0, 1, 2, 3, 7, 2**15, 2**16, 2**30, 2**31, 2**32, 2**47, 2**59, 2**60, 2**61, 2**62]
GIVEN = 2**60  # integers of a call that extents may be made of

_numbers = st.one_of(
    st.sampled_from(CORNERS),
    st.sampled_from(CORNERS).map(lambda n: n - 1),
    st.sampled_from(CORNERS).map(lambda n: n + 1),
    st.integers(0, 2**62),
    st.integers(-5, 5),
)
_terms = st.lists(
    st.tuples(
        st.sampled_from([1, -1, 2, 8, 3, -7, 2**20]),
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)),
    ),
    min_size=1,
    max_size=3,
)


def polynomial(terms: Any, symbols: Any) -> Any:
    total: Any = 0
    for c, powers in terms:
        term: Any = c
        for s, power in zip(symbols, powers, strict=True):
            term = term * Dim.symbol(s) ** power
        total = total + term
    return total


def run(make: Callable[..., Any], numbers: Any) -> tuple[Any, Any]:
    """What a program of three integers gives (None: no memory), and the extents it is made of."""
    with building() as builder:
        symbols = [builder.parameter(ArrayType(INT, ()), f"n{k}") for k in range(3)]
        extents, output = make(symbols)
        builder.block.outputs = [output]
    values = dict(zip(symbols, numbers, strict=True))
    exact = [e if isinstance(e, int) else evaluate(e, values.__getitem__) for e in extents]
    try:
        return compile_program(Program(builder.block, "f"))(numbers)[0], exact
    except CheckFailed as failed:
        assert str(failed) in (MEMORY_FAILED, TOO_LARGE)
        return None, exact


@settings(max_examples=100)
@given(_terms, st.tuples(_numbers, _numbers, _numbers))
def test_an_extent_is_computed_exactly_or_not_at_all(terms: Any, numbers: Any) -> None:
    def make(symbols: Any) -> Any:
        extent = polynomial(terms, symbols)
        if isinstance(extent, int):
            return [extent], constant(np.int64(extent))
        return [extent], emit("extent_value", value=extent)

    result, (exact,) = run(make, numbers)
    if result is None:
        largest = sum(
            abs(c * math.prod(n**p for n, p in zip(numbers, powers, strict=True)))
            for c, powers in terms
        )
        assert largest >= 2**63 or max(map(abs, numbers)) > GIVEN
    else:
        assert result == exact


@settings(max_examples=100)
@given(st.lists(_terms, min_size=1, max_size=3), st.tuples(_numbers, _numbers, _numbers))
def test_an_array_has_its_size_or_is_not_made(shape: Any, numbers: Any) -> None:
    def make(symbols: Any) -> Any:
        extents = tuple([polynomial(terms, symbols) for terms in shape])
        assume(all(isinstance(e, Dim) or e >= 0 for e in extents))  # NumPy refuses it before
        ones = emit("broadcast", (constant(1.0),), shape=extents, axes=())
        corner = {"starts": (0,) * len(extents), "sizes": (None,) * len(extents)}
        return extents, emit("slice", (ones,), **corner, steps=(1,) * len(extents))

    try:
        result, exact = run(make, numbers)
    except MemoryError:  # of a size that is known when the program is compiled
        return
    if result is None:
        total = math.prod(max(abs(n), 1) for n in exact)
        assert min(exact) < 0 or total * 8 > LIMIT or max(map(abs, numbers)) > GIVEN
    else:
        assert result == 1.0
        assert min(exact) >= 0
        assert math.prod(exact) < 2**60


# -- functions ----------------------------------------------------------------------------------
def zeros_corner(x, n):
    y = np.zeros((n, n))
    y[n - 1, n - 1] = 2.0
    return y[0, 0]


def ones_sum(x, n):
    return np.ones((n, n)).sum()


def returned(x, n):
    return np.full((n, n), 3.0)


def returned_with_more(x, n):
    return np.zeros((n, n)), x * 2.0, np.zeros((2, n, n))


def eye_trace(x, n):
    return np.trace(np.eye(n))


def cube(x, n):
    return np.empty((n, 2, n)).shape[1] + np.ones((n, 2, n))[0, 0, 0]


def last_of_tile(x, n):
    return np.tile(x, (n, n))[-1, -1]


def stretched(x, n):
    return np.repeat(np.repeat(x[:, np.newaxis], n, axis=1), n, axis=0)[-1, -1]


def in_a_loop(x, n):
    total = 0.0
    for k in range(3):
        total = total + np.ones((n, n))[k, 0] * x[k]
    return total


def in_a_branch(x, n):
    if x[0] > 0.0:
        return np.ones((n, n)).sum()
    return 0.0


def product_of_sizes(x, n):
    return np.zeros(n * n * 8).sum() + x[0]


def computed_size(x, n):
    m = n * 2 + 1
    return np.ones((m, n)).sum()


def small_elements(x, n):
    return np.zeros((n, n, 4), np.int8).sum() + x[0]


# -- arrays that nothing reads
def size_alone(x, n):
    return np.zeros((n, n)).size


def length_alone(x, n):
    return len(np.ones((n, n, 2))) + x[0]


def bytes_alone(x, n):
    return np.full((n, n), 2.0).nbytes + np.arange(4 * n * n).itemsize


def made_and_dropped(x, n):
    np.empty((n, 3, n))
    return x * 2


def overwritten(x, n):
    y = np.zeros((n, n))
    y = x + 1.0
    return y


def dropped_in_a_loop(x, n):
    total = 0.0
    for k in range(3):
        y = np.ones((n, n))
        total = total + x[k] * y.ndim
    return total


def dropped_in_a_branch(x, n):
    if x[0] > 0.0:
        return x[1] * np.ones((n, n)).ndim
    return 0.0


def beside_a_length(x, n):
    return np.zeros((len(x), n, n)).shape[0] * x


# -- the same, of sizes that are computed, not polynomials of what is given
def power_alone(x, n):
    return np.zeros(n**2).ndim * x


def power_beside_an_element(x, n):
    return np.zeros((2, n**2))[1, 0] * x + x


def power_of_two_sizes(x, n):
    return np.ones_like(np.zeros((n**2 // 2, 8), np.int8), dtype=float).ndim * x


def multiplied_in_a_loop(x, n):
    m = n
    for _ in range(2):
        m = m * n
    return np.zeros((m, 2)).ndim * x


def dropped_where_it_was_multiplied(x, n):
    m = n
    for _ in range(2):
        m = m * 2 + n
        x = x * np.zeros((m, n**2)).ndim
    return x


def power_in_a_branch(x, n):
    if x[0] > 0.0:
        return x * np.zeros(n**2).ndim
    return x


def power_before_a_branch(x, n):
    y = np.zeros(n**2)
    return x * x if x[0] > 0.0 else x * y[0]


COMPUTED = [
    power_alone, power_beside_an_element, power_of_two_sizes, multiplied_in_a_loop,
    dropped_where_it_was_multiplied, power_in_a_branch, power_before_a_branch,
]  # fmt: skip


def counted(x, n):
    return np.linspace(0.0, x[0], n).sum()


UNREAD = [
    size_alone, length_alone, bytes_alone, made_and_dropped, overwritten, dropped_in_a_loop,
    dropped_in_a_branch, beside_a_length, *COMPUTED,
]  # fmt: skip
FUNCTIONS = [
    *UNREAD, zeros_corner, ones_sum, returned, returned_with_more, eye_trace, cube, last_of_tile, stretched,
    in_a_loop, in_a_branch, product_of_sizes, computed_size, small_elements, counted,
]  # fmt: skip
SAMPLED = [
    f if f in (power_alone, dropped_in_a_loop) else pytest.param(f, marks=pytest.mark.slow)
    for f in UNREAD
]
# Plain NumPy makes arrays of n numbers first: n must be more than any machine has.
IN_STEPS = (eye_trace, last_of_tile, stretched, counted)
LARGE = sorted({2**k + d for k in (31, 32, 60, 61, 62, 63, 64) for d in (-1, 0, 1)} - {2**31 - 1})


@ENGINES
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_function_of_sizes_raises_what_numpy_raises(function, engine):
    compiled = autodiff.function(function, engine=engine)
    x = np.array([1.0, 2.0, 3.0])
    for n in (3, 4):  # from now on one program for every n
        np.testing.assert_equal(compiled(x, n), function(x, n))
    for n in [n for n in LARGE if n > 2**50 or function not in IN_STEPS]:
        # Of 2**63 - 1 numbers NumPy makes none, and says so where the last one is read.
        with pytest.raises((ValueError, MemoryError, OverflowError, IndexError)) as plain:
            function(x, n)
        with pytest.raises(type(plain.value)) as ours:
            compiled(x, n)
        assert str(ours.value) == str(plain.value)
    np.testing.assert_equal(compiled(x, 5), function(x, 5))


@ENGINES
@pytest.mark.parametrize("function", [ones_sum, size_alone, dropped_in_a_branch, product_of_sizes])
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_no_loop_goes_over_what_no_memory_holds(function, engine):
    """Arrays of some TiB, whose sums would take half an hour in place of NumPy's MemoryError."""
    compiled, x = autodiff.function(function, engine=engine), np.array([1.0, 2.0, 3.0])
    for n in (3, 4):
        compiled(x, n)
    with pytest.raises(MemoryError, match="Unable to allocate"):
        compiled(x, 2**20)


@ENGINES
@pytest.mark.parametrize(
    "function",
    [zeros_corner, ones_sum, product_of_sizes, in_a_loop, *UNREAD],
    ids=lambda f: f.__name__,
)
def test_a_derivative_of_sizes_raises_what_numpy_raises(function, engine):
    slope = autodiff.gradient(lambda x, n: np.sum(function(x, n)) * x[0], wrt="x", engine=engine)
    x = np.array([1.0, 2.0, 3.0])
    assert slope(x, 3).shape == slope(x, 4).shape == (3,)
    for n in (2**31, 2**61):
        with pytest.raises((ValueError, MemoryError)) as plain:
            function(x, n)
        with pytest.raises(type(plain.value)):
            slope(x, n)
    assert slope(x, 5).shape == (3,)


@ENGINES
@pytest.mark.parametrize("function", SAMPLED, ids=lambda f: f.__name__)
def test_so_do_tangents_and_values_beside_derivatives(function, engine):
    def scaled(x, n):
        return np.sum(function(x, n)) * x[0]

    x = np.array([1.0, 2.0, 3.0])
    both = autodiff.value_and_gradient(scaled, wrt="x", engine=engine)
    for n in (3, 4, 2**31, 2**32 + 1):
        for derivative in (
            lambda: both(x, n)[0],
            lambda: autodiff.jvp(scaled, (x, n), (x, None), engine=engine)[0],
        ):
            if n < 2**31:
                assert derivative() == scaled(x, n)
                continue
            with pytest.raises((ValueError, MemoryError)) as plain:
                scaled(x, n)
            with pytest.raises(type(plain.value)):
                derivative()


@ENGINES
@pytest.mark.parametrize("function", UNREAD, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_the_first_size_may_be_the_one_that_does_not_fit(function, engine):
    for n in (2**31, 2**60):
        compiled = autodiff.function(function, engine=engine)
        x = np.array([1.0, 2.0, 3.0])
        for _ in range(2):
            with pytest.raises((ValueError, MemoryError)) as plain:
                function(x, n)
            with pytest.raises(type(plain.value)) as ours:
                compiled(x, n)
            assert str(ours.value) == str(plain.value)


def test_a_length_that_is_not_fixed_beside_a_size():
    compiled = autodiff.function(beside_a_length)
    for length in (3, 4, 5):
        x = np.arange(1.0, length + 1)
        np.testing.assert_equal(compiled(x, 4), beside_a_length(x, 4))
        with pytest.raises(ValueError, match="too big"):
            compiled(x, 2**32)


@pytest.mark.parametrize("function", [made_and_dropped, power_alone])
def test_what_is_left_of_an_array_is_a_comparison(function):
    compiled = autodiff.function(function)
    x = np.arange(3.0)
    compiled(x, 3)
    compiled(x, 4)
    kinds = [operation.kind for operation in walk(compiled.cache[-1].plan.program.block)]
    assert kinds.count("sized") == 1
    assert "broadcast" not in kinds


def test_of_what_is_counted_nothing_is_left():
    def passing(x):
        np.zeros(3 * len(np.nonzero(x > 0.0)[0]))
        return x * 2

    slope = autodiff.gradient(lambda x: np.sum(passing(x)))
    slope(np.arange(3.0))
    kinds = {operation.kind for operation in walk(slope.cache[-1].plan.program.block)}
    assert not kinds & {"sized", "reduce_sum"}


# -- memory that the system refuses -----------------------------------------------------------------
REFUSED = """
import resource
import numpy as np, autodiff

def scratch(x, n):      # a running sum of its own, in the kernel's memory
    return np.cumsum(np.ones(n) * x[0])[-1]

def result(x, n):
    return np.ones(n) * x[0]

def tape(x, n):         # what the way back needs of every step
    y = x
    for k in range(n):
        y = y * x
    return y.sum()

def growing(x, n):
    y, k = x, 0
    while k < n:
        y = y * x
        k = k + 1
    return y.sum()

x = np.ones(2**16)
F, G = autodiff.function(scratch), autodiff.function(result)
H, W = autodiff.gradient(tape, wrt="x"), autodiff.gradient(growing, wrt="x")
for n in (3, 4):
    F(x, n), G(x, n), H(x, n), W(x, n)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
for f, n in ((F, 2**28), (G, 2**28), (H, 2**12), (W, 2**12)):
    try:
        f(x, n)
    except MemoryError:
        print("MemoryError")
    print(np.asarray(f(x, 5)).size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_refused_memory_is_a_memory_error_and_the_next_call_is_right(tmp_path):
    script = tmp_path / "refused.py"  # with a source, or the loops would not be compiled
    script.write_text(REFUSED)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[1::2] == ["1", "5", "65536", "65536"]
    assert words[0::2] == ["MemoryError"] * 4


def _made_and_stored(x: Any) -> Any:
    if x > 100.0:
        y = np.zeros(2**62)
        y[0] = x
        return y.sum()
    return x


def _made_by_an_expression(x: Any) -> Any:
    return np.ones(2**62).sum() * x if x > 100.0 else x


def _made_in_a_loop(x: Any) -> Any:
    for _ in range(3):
        if x > 100.0:
            x = x + np.full(2**62, x).sum()
    return x


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", [_made_and_stored, _made_by_an_expression, _made_in_a_loop])
def test_the_size_of_an_array_on_a_side_counts_where_the_side_is_taken(f: Any, engine: str) -> None:
    assert autodiff.function(f, engine=engine)(2.0) == 2.0
    assert autodiff.gradient(f, engine=engine)(2.0) == 1.0
    assert autodiff.jvp(f, (2.0,), (1.0,), engine=engine)[1] == 1.0
    assert autodiff.hessian(f, engine=engine)(2.0) == 0.0
    with pytest.raises((MemoryError, ValueError)):
        autodiff.function(f, engine=engine)(200.0)


def _first_pass_apart(x, n):
    last, total = None, 0.0
    for _ in range(n):
        last = x * x if last is None else last * x
        total = total * x + np.sin(last)
    return total


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_loop_with_fewer_passes_than_stand_by_themselves_is_another_program(engine: str) -> None:
    # The size of what the loop keeps, n - 1, is looked at before the guard that says n > 0.
    slope = autodiff.gradient(_first_pass_apart, wrt="x", engine=engine)
    for n in (3, 0, 1, 4, -2, 0):
        step = 1e-6
        found = _first_pass_apart(1.5 + step, n) - _first_pass_apart(1.5 - step, n)
        assert slope(1.5, n) == pytest.approx(found / (2 * step), rel=1e-6)
