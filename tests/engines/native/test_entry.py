"""The entry point: what it lets in, what it gives back, references, memory, threads, speed.

Kernels are written by hand, so that nothing else is tested.
"""

import copy
import gc
import math
import pickle
import sys
import threading
import types
import weakref

import numpy as np
import pytest

from autodiff.dims import Dim, maximum, minimum
from autodiff.engines.native import entry, session, symbols
from autodiff.engines.native.entry import (
    ArgumentOutput,
    ArrayInput,
    ArrayOutput,
    ContainerInput,
    EitherOutput,
    HiddenInput,
    ItemsOutput,
    ObjectOutput,
    ScalarInput,
    ScalarOutput,
    Signature,
    StaticInput,
)
from autodiff.engines.native.entry.forms import FEW
from autodiff.engines.native.entry.writer import element_type
from autodiff.errors import InternalError

F8, F4, I8, B1 = (np.dtype(code) for code in ("f8", "f4", "i8", "?"))
DTYPES = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]  # fmt: skip


def compile_entry(kernel, signature, inputs, outputs, copies=(), name="f", **options):
    built = entry.build(signature, inputs, outputs, copies)
    machine = session.load(kernel, built.names, glue=built.text, extra=built.extra)
    return entry.callable_of(machine, built, name, **options)


def copy_kernel(signature, status=0):
    """A kernel that copies input k to output k, for arrays of fixed size and numbers."""
    parameters, body = [], []
    for k, (dtype, shape) in enumerate(signature.inputs):
        parameters.append(f"{'ptr' if shape else element_type(dtype)} %in{k}")
    for k, (dtype, shape) in enumerate(signature.outputs):
        parameters.append(f"ptr %out{k}")
        if shape:
            size = math.prod(shape) * dtype.itemsize
            body.append(f"call void @llvm.memcpy.p0.p0.i64(ptr %out{k}, ptr %in{k}, i64 {size}, i1 false)")  # fmt: skip
        else:
            body.append(f"store {element_type(dtype)} %in{k}, ptr %out{k}")
    lines = "\n  ".join([*body, f"ret i32 {status}"])
    return (
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        f"define i32 @kernel({', '.join([*parameters, 'ptr %work'])}) #0 {{\n  {lines}\n}}\n"
    )


def copier(types_, inputs, outputs, **options):
    signature = Signature(types_, types_[: options.pop("results", len(types_))], **options)
    return compile_entry(copy_kernel(signature), signature, inputs, outputs)


# -- containers and choices among the results ------------------------------------------------------
def test_elements_are_given_as_a_list_or_tuple_of_floats():
    types_ = [(F8, (N,))]
    for kind in (list, tuple):
        signature = Signature([*types_, (I8, ())], types_, extents={"n": 1})
        kernel = (
            "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
            "define i32 @kernel(ptr %in0, i64 %n, ptr %out0, ptr %work) #0 {\n"
            "  %size = mul i64 %n, 8\n"
            "  call void @llvm.memcpy.p0.p0.i64(ptr %out0, ptr %in0, i64 %size, i1 false)\n"
            "  ret i32 0\n}\n"
        )
        f = compile_entry(kernel, signature, [ArrayInput(F8, (N,), 0)], ItemsOutput(0, kind))
        for x in (np.arange(5.0), np.zeros(0), np.arange(300.0)):
            y = f(x)
            assert type(y) is kind
            assert y == kind(x.tolist())
            assert all(type(v) is float for v in y)
            assert all(sys.getrefcount(v) <= 4 for v in y)


@pytest.mark.parametrize("kind", [float, np.float64])
def test_a_few_numbers_come_as_a_list_a_tuple_or_an_array(kind):
    f = copier([(F8, (3,))], [ArrayInput(F8, (3,), 0, numbers=kind)], ArrayOutput(0))
    numbers = [kind(x) for x in (0.5, -0.0, np.nan)]
    before = [sys.getrefcount(x) for x in numbers]
    for x in (numbers, tuple(numbers), np.array(numbers)):
        np.testing.assert_array_equal(np.signbit(f(x)), [False, True, False])
        np.testing.assert_array_equal(f(x), [0.5, -0.0, np.nan])
    assert [sys.getrefcount(x) for x in numbers] == before
    other = np.float64 if kind is float else float
    for wrong in (
        numbers[:2], [*numbers, kind(1.0)], [], (), [1, 2, 3], [*numbers[:2], 3], [True] * 3,
        [other(x) for x in numbers], [MyFloat(x) for x in numbers], [*numbers[:2], None],
        Sub(numbers), {0: 1.0}, "abc", None, np.ones((3, 1)), np.ones(3, np.float32), np.ones(6)[::2],
    ):  # fmt: skip
        assert f(wrong) is NotImplemented, wrong


def test_as_many_numbers_as_are_read_onto_the_stack():
    signature = Signature([(F8, (N,)), (I8, ())], [(F8, (N,))], extents={"n": 1})
    kernel = (
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        "define i32 @kernel(ptr %in0, i64 %n, ptr %out0, ptr %work) #0 {\n"
        "  %size = mul i64 %n, 8\n"
        "  call void @llvm.memcpy.p0.p0.i64(ptr %out0, ptr %in0, i64 %size, i1 false)\n"
        "  ret i32 0\n}\n"
    )
    spec = ArrayInput(F8, (N,), 0, numbers=float)
    f = compile_entry(kernel, signature, [spec], ArrayOutput(0))
    for n in (1, 2, FEW - 1, FEW):
        numbers = np.linspace(0.0, 1.0, n)
        np.testing.assert_array_equal(f(numbers.tolist()), numbers)
        np.testing.assert_array_equal(f(tuple(numbers.tolist())), numbers)
    assert f([1.0] * (FEW + 1)) is NotImplemented
    np.testing.assert_array_equal(f(np.ones(FEW + 1)), np.ones(FEW + 1))


class Sub(list):
    pass


def test_dictionaries_hold_the_only_references_to_what_they_are_made_of():
    mark = ["an object"]
    tree = {"x": ArrayOutput(0), 1: {"a": ScalarOutput(1, float)}, "same": [ArrayOutput(0)], "o": ObjectOutput(mark)}  # fmt: skip
    f = copier([(F8, (3,)), (F8, ())], [ArrayInput(F8, (3,), 0), ScalarInput(float, 1)], tree)
    before = sys.getrefcount(mark)
    x = np.arange(3.0)
    for _ in range(50):
        y = f(x, 0.5)
    assert list(y) == ["x", 1, "same", "o"]
    assert y["x"] is y["same"][0]
    assert y["o"] is mark
    assert y[1] == {"a": 0.5}
    np.testing.assert_array_equal(y["x"], x)
    array = y["x"]
    del y
    assert sys.getrefcount(array) == 2  # the name, and the argument of this call
    assert sys.getrefcount(mark) == before


@pytest.mark.parametrize(
    ("narrow", "value", "wanted"),
    [
        (ScalarOutput(1, int), 3.0, 3),
        (ScalarOutput(1, int), -(2.0**60), -(2**60)),
        (ScalarOutput(1, bool), 1.0, True),
        (ScalarOutput(1, bool), 0.0, False),
        (ObjectOutput("text"), 2.0, "text"),
    ],
)
def test_a_result_is_one_of_two(narrow, value, wanted):
    types_ = [(B1, ()), (F8, ())]
    f = copier(
        types_, [ScalarInput(bool, 0), ScalarInput(float, 1)], EitherOutput(0, narrow, ScalarOutput(1, F8))
    )  # fmt: skip
    assert f(True, value) == wanted
    assert type(f(True, value)) is type(wanted)
    assert type(f(False, value)) is np.float64


# -- arrays ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3, 2), (0,), (3, 0, 2)])
def test_arrays_of_every_type_and_shape_go_through(dtype, shape):
    f = copier([(dtype, shape)], [ArrayInput(dtype, shape, 0)], ArrayOutput(0))
    x = (np.arange(math.prod(shape)) % 100).astype(dtype).reshape(shape)
    y = f(x)
    assert type(y) is np.ndarray
    assert (y.dtype, y.shape, y.strides) == (x.dtype, x.shape, x.copy().strides)
    assert y.flags.owndata and y.flags.writeable and y.flags.c_contiguous and y.base is None
    np.testing.assert_array_equal(x, y)
    assert not np.shares_memory(x, y)


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((3, 2)),
        np.zeros(6),
        np.zeros((2, 3, 1)),
        np.zeros((2, 3), "f4"),
        np.zeros((2, 3), "i8"),
        np.zeros((2, 3), ">f8"),
        np.zeros((2, 3), "c16"),
        np.zeros((2, 3), "M8[s]"),
        np.zeros((2, 3), object),
        np.zeros((3, 2)).T,
        np.zeros((4, 3))[::2],
        np.zeros((2, 6))[:, ::2],
        np.zeros((2, 3))[::-1],
        np.zeros(49, "u1")[1:].view("f8").reshape(2, 3),
        np.zeros((2, 3)).view(Subclass),
        np.ma.zeros((2, 3)),
        [[0.0] * 3] * 2,
        0.0,
        None,
    ],
    ids=repr,
)
def test_arrays_that_do_not_fit_are_a_miss(wrong):
    f = copier([(F8, (2, 3))], [ArrayInput(F8, (2, 3), 0)], ArrayOutput(0))
    assert f(wrong) is NotImplemented
    assert f(np.ones((2, 3))).sum() == 6


def test_wrong_number_of_arguments_is_a_miss():
    f = copier([(F8, (2,))], [ArrayInput(F8, (2,), 0)], ArrayOutput(0))
    assert f() is NotImplemented
    assert f(np.ones(2), np.ones(2)) is NotImplemented
    with pytest.raises(TypeError, match="keyword"):
        f(x=np.ones(2))


def test_a_descriptor_that_came_from_a_pickle_fits():
    f = copier([(F8, (2,))], [ArrayInput(F8, (2,), 0)], ArrayOutput(0))
    x = pickle.loads(pickle.dumps(np.array([1.0, 2.0])))
    y = np.array([1.0, 2.0], np.dtype("f8", copy=True))
    assert y.dtype is not F8
    assert list(f(x)) == list(f(y)) == [1.0, 2.0]


def test_integers_of_the_same_size_keep_their_own_type():
    long, longlong = np.dtype("l"), np.dtype("q")
    if long.itemsize != longlong.itemsize:
        pytest.skip("long is shorter here")
    f = copier([(longlong, (2,))], [ArrayInput(longlong, (2,), 0)], ArrayOutput(0))
    assert f(np.arange(2, dtype="q")).dtype.char == "q"
    assert f(np.arange(2, dtype="l")) is NotImplemented


def test_inputs_may_be_the_same_array():
    spec = [ArrayInput(F8, (2,), 0), ArrayInput(F8, (2,), 1)]
    f = copier([(F8, (2,))] * 2, spec, (ArrayOutput(0), ArrayOutput(1)))
    x = np.ones(2)
    a, b = f(x, x)
    assert a is not b and a is not x
    x.flags.writeable = False
    assert f(x, x)[0].flags.writeable


# -- numbers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_scalars_of_numpy_go_through(dtype):
    f = copier([(dtype, ())], [ScalarInput(dtype, 0)], ScalarOutput(0, dtype))
    for x in (np.ones(1, dtype)[0], np.zeros(1, dtype)[0]):
        assert type(f(x)) is dtype.type
        assert f(x) == x
    for wrong in (1, 1.0, True, np.ones((), dtype), np.complex128(1), None):
        assert f(wrong) is NotImplemented
    for other in DTYPES:
        if other != dtype:
            assert f(np.ones(1, other)[0]) is NotImplemented


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324, 1e308])
def test_floats_go_through(value):
    f = copier([(F8, ())], [ScalarInput(float, 0)], ScalarOutput(0, float))
    y = f(value)
    assert type(y) is float
    assert np.float64(y).tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [0, 1, -1, 257, 10**9, 2**63 - 1, -(2**63)])
def test_ints_go_through(value):
    f = copier([(I8, ())], [ScalarInput(int, 0)], ScalarOutput(0, int))
    assert type(f(value)) is int
    assert f(value) == value


@pytest.mark.parametrize("value", [True, False])
def test_bools_go_through(value):
    f = copier([(B1, ())], [ScalarInput(bool, 0)], ScalarOutput(0, bool))
    assert f(value) is value
    assert f(int(value)) is NotImplemented


class MyFloat(float):
    pass


@pytest.mark.parametrize(
    ("kind", "dtype", "wrong"),
    [
        (float, F8, [1, True, np.float64(1), MyFloat(1), "1", None, 1j]),
        (int, I8, [1.0, True, np.int64(1), 2**63, -(2**63) - 1, 10**30, "1", None]),
        (bool, B1, [1, 0, 1.0, np.True_, None]),
        (int, np.dtype("i2"), [2**15, -(2**15) - 1]),
        (int, np.dtype("u1"), [-1, 256]),
        (int, np.dtype("u8"), [-1]),
    ],
)
def test_numbers_that_do_not_fit_are_a_miss(kind, dtype, wrong):
    result = {"f": float, "b": bool}.get(dtype.kind, int)
    f = copier([(dtype, ())], [ScalarInput(kind, 0)], ScalarOutput(0, result))
    for value in wrong:
        assert f(value) is NotImplemented
        assert not sys.exc_info()[0]
    assert f(kind(1)) == 1


@pytest.mark.parametrize(
    ("kind", "dtype", "value", "expected"),
    [
        (int, F8, 3, 3.0),
        (int, F8, 2**53 + 1, float(2**53 + 1)),
        (int, F4, 3, 3.0),
        (bool, F8, True, 1.0),
        (float, F4, 0.1, float(np.float32(0.1))),
    ],
)
def test_numbers_are_converted_to_what_the_kernel_takes(kind, dtype, value, expected):
    f = copier([(dtype, ())], [ScalarInput(kind, 0)], ScalarOutput(0, float))
    assert f(value) == expected


@pytest.mark.parametrize("shape", [()])
def test_arrays_without_axes_are_passed_by_value(shape):
    f = copier([(F8, shape)], [ArrayInput(F8, shape, 0)], ScalarOutput(0, F8))
    y = f(np.array(2.5))
    assert type(y) is np.float64 and y == 2.5
    assert f(np.float64(2.5)) is NotImplemented


# -- objects --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "same", "other"),
    [
        (None, [None], [0, False, ""]),
        (True, [True], [1, 1.0, np.True_, False]),
        (3, [3], [True, 3.0, 4, np.int64(3)]),
        (10**6, [int("1000000")], [10**6 + 1, 10**30, 1e6]),
        (1.5, [float("1.5")], [2.5, np.float64(1.5), 1]),
        (0.0, [float("0")], [-0.0, 0, False]),
        (math.nan, [float("nan")], [0.0]),
        ("axis", ["".join(["ax", "is"])], ["axes", b"axis", None]),
        (np.float64(2.0), [np.float64(2.0)], [2.0, np.float32(2.0), np.float64(3.0)]),
        (np.int32(2), [np.int32(2)], [2, np.int64(2), np.int32(3)]),
        (np.add, [np.add], [np.subtract]),
        (10**30, [], [10**31, "x"]),
    ],
    ids=repr,
)
def test_static_arguments_pass_by_identity_or_value(value, same, other):
    f = copier([(F8, ())], [ScalarInput(float, 0), StaticInput(value)], ScalarOutput(0, float))
    assert f(1.0, value) == 1.0
    for object_ in same:
        assert f(1.0, object_) == 1.0
    for object_ in other:
        assert f(1.0, object_) is NotImplemented


@pytest.mark.parametrize("kind", [tuple, list])
def test_containers_are_taken_apart(kind):
    spec = ContainerInput(kind, (ArrayInput(F8, (2,), 0), ScalarInput(float, 1)))
    f = copier([(F8, (2,)), (F8, ())], [spec], [ArrayOutput(0), (ScalarOutput(1, float),)])
    x = np.array([1.0, 2.0])
    y = f(kind([x, 3.0]))
    assert type(y) is list and type(y[1]) is tuple
    assert list(y[0]) == [1.0, 2.0] and y[1] == (3.0,)
    other = {tuple: list, list: tuple}[kind]
    for wrong in (other([x, 3.0]), kind([x]), kind([x, 3.0, 1]), kind([x, 3]), x, {}):
        assert f(wrong) is NotImplemented
    assert sys.getrefcount(x) == 2


def test_hidden_inputs_are_read_at_each_call():
    def outer():
        c = np.array([5.0])

        def inner():
            return c

        return inner, inner.__closure__[0]

    keep, cell = outer()
    table = {"w": np.array([1.0])}
    inputs = [
        HiddenInput(ArrayInput(F8, (1,), 0), (table, "w")),
        HiddenInput(ArrayInput(F8, (1,), 1), cell),
        ScalarInput(float, 2),
    ]
    f = copier([(F8, (1,)), (F8, (1,)), (F8, ())], inputs,
               (ArrayOutput(0), ArrayOutput(1), ScalarOutput(2, float)))  # fmt: skip
    assert [float(np.sum(v)) for v in f(7.0)] == [1.0, 5.0, 7.0]
    table["w"] = np.array([2.0])
    cell.cell_contents = np.array([6.0])
    assert [float(np.sum(v)) for v in f(7.0)] == [2.0, 6.0, 7.0]
    w = table["w"]
    before = sys.getrefcount(w)
    for _ in range(100):
        f(7.0), f("miss")
    assert sys.getrefcount(w) == before
    table["w"] = np.array([2.0, 3.0])
    assert f(7.0) is NotImplemented
    del table["w"]
    assert f(7.0) is NotImplemented
    table["w"] = w
    del cell.cell_contents
    assert f(7.0) is NotImplemented
    assert keep


# -- results --------------------------------------------------------------------------------------
def test_results_take_any_form():
    marker = object()
    tree = (
        ArgumentOutput(0),
        [ScalarOutput(1, float), ScalarOutput(1, F8)],
        (),
        ObjectOutput(None),
        (ObjectOutput(marker), (ObjectOutput(True), ObjectOutput(1))),
        ArrayOutput(0),
        ArrayOutput(0),
    )
    f = copier([(F8, (2,)), (F8, ())], [ArrayInput(F8, (2,), 0), ScalarInput(float, 1)], tree)
    x = np.array([1.0, 2.0])
    a, numbers, empty, none, (mark, (true, one)), b, c = f(x, 3.0)
    assert a is x and none is None and mark is marker and true is True and type(one) is int
    assert [type(v) for v in numbers] == [float, np.float64] and numbers == [3.0, 3.0]
    assert empty == () and b is c and b is not x
    assert sys.getrefcount(b) == 3  # b, c, the argument


@pytest.mark.parametrize("tree", [ObjectOutput(None), ArgumentOutput(1), ScalarOutput(1, float)])
def test_outputs_that_nobody_wants_are_dropped(tree):
    f = copier([(F8, (2000,)), (F8, ())],
               [ArrayInput(F8, (2000,), 0), ScalarInput(float, 1)], tree)  # fmt: skip
    assert f(np.ones(2000), 3.0) in (None, 3.0)


def test_a_number_may_come_back_as_an_array():
    f = copier([(F8, ())], [ScalarInput(float, 0)], ArrayOutput(0))
    y = f(2.0)
    assert type(y) is np.ndarray and y.shape == () and y == 2.0


@pytest.mark.parametrize("size", [3, 100_000])
def test_outputs_are_copied_back_into_arguments(size):
    types_ = [(F8, (size,)), (F8, ())]
    signature = Signature(types_, [(F8, (size,))])
    kernel = f"""
    define i32 @kernel(ptr noalias %x, double %s, ptr noalias %y, ptr %work) #0 {{
    entry:
      br label %loop
    loop:
      %i = phi i64 [ 0, %entry ], [ %n, %loop ]
      %px = getelementptr double, ptr %x, i64 %i
      %py = getelementptr double, ptr %y, i64 %i
      %v = load double, ptr %px
      %w = fadd double %v, %s
      store double %w, ptr %py
      %n = add i64 %i, 1
      %more = icmp ult i64 %n, {size}
      br i1 %more, label %loop, label %done
    done:
      ret i32 0
    }}
    """
    inputs = [ArrayInput(F8, (size,), 0, written=True), ScalarInput(float, 1)]
    f = compile_entry(kernel, signature, inputs, ObjectOutput(None), copies=[(0, 0)])
    x = np.arange(float(size))
    assert f(x, 2.0) is None
    np.testing.assert_array_equal(x, np.arange(size) + 2.0)
    x.flags.writeable = False
    assert f(x, 2.0) is NotImplemented
    g = compile_entry(kernel, signature, inputs, ArrayOutput(0), copies=[(0, 0)])
    z = np.zeros(size)
    np.testing.assert_array_equal(g(z, 1.0), z)
    assert z[0] == 1.0


def test_a_written_argument_that_overlaps_another_is_a_miss():
    inputs = [ArrayInput(F8, (4,), 0, written=True), ArrayInput(F8, (4,), 1)]
    signature = Signature([(F8, (4,))] * 2, [(F8, (4,))] * 2)
    f = compile_entry(copy_kernel(signature), signature, inputs, ObjectOutput(None), [(1, 0)])
    memory = np.arange(12.0)
    assert f(memory[:4], memory[2:6]) is NotImplemented
    assert f(memory[2:6], memory[:4]) is NotImplemented
    assert f(memory[:4], memory[:4]) is NotImplemented
    assert f(memory[:4], memory[4:8]) is None
    assert list(memory[:5]) == [4, 5, 6, 7, 4]


# -- extents known at run time ----------------------------------------------------------------------
def fill_kernel(parameters, count):
    """Fill output %y with 1.0, %count elements of it."""
    return f"""
    define i32 @kernel({parameters}, ptr %y, ptr %work) #0 {{
    entry:
      {count}
      %some = icmp sgt i64 %count, 0
      br i1 %some, label %loop, label %done
    loop:
      %i = phi i64 [ 0, %entry ], [ %next, %loop ]
      %p = getelementptr double, ptr %y, i64 %i
      store double 1.0, ptr %p
      %next = add i64 %i, 1
      %more = icmp ult i64 %next, %count
      br i1 %more, label %loop, label %done
    done:
      ret i32 0
    }}
    """


N, M = Dim.symbol("n"), Dim.symbol("m")


@pytest.mark.parametrize(
    ("extent", "value"),
    [
        (N + M, lambda n, m: n + m),
        (2 * N * M - M * M + 7, lambda n, m: 2 * n * m - m * m + 7),
        (N // M, lambda n, m: n // m),
        ((N - 20) // M + 20, lambda n, m: (n - 20) // m + 20),
        ((N - 20) % M, lambda n, m: (n - 20) % m),
        (minimum(N, M), min),
        (maximum(N, M + 1), lambda n, m: max(n, m + 1)),
    ],
)  # fmt: skip
def test_extents_are_computed_as_python_would(extent, value):
    signature = Signature(
        [(F8, (N,)), (F8, (M, 2)), (I8, ()), (I8, ())], [(F8, (extent,))], extents={"n": 2, "m": 3},
        work_bytes=8 * N,
    )  # fmt: skip
    f = compile_entry(
        fill_kernel("ptr %a, ptr %b, i64 %n, i64 %m", "%count = add i64 0, 0"),
        signature, [ArrayInput(F8, (N,), 0), ArrayInput(F8, (M, 2), 1)], ArrayOutput(0),
    )  # fmt: skip
    for n, m in [(5, 3), (12, 5), (1, 1), (9, 10), (20, 7)]:
        if value(n, m) >= 0:
            assert f(np.ones(n), np.ones((m, 2))).shape == (value(n, m),)


def test_extents_bind_once_and_must_agree():
    signature = Signature([(I8, ())], [(F8, (N,))], extents={"n": 0})
    kernel = fill_kernel("i64 %n", "%count = add i64 %n, 0")
    inputs = [ArrayInput(F8, (N, N)), ArrayInput(F8, (2 * N + 1,)), ScalarInput(int, 0)]
    f = compile_entry(kernel, signature, inputs, ArrayOutput(0))
    for n in (0, 1, 4):
        np.testing.assert_array_equal(f(np.ones((n, n)), np.ones(2 * n + 1), n), np.ones(n))
    assert f(np.ones((3, 4)), np.ones(7), 3) is NotImplemented
    assert f(np.ones((3, 3)), np.ones(8), 3) is NotImplemented
    assert f(np.ones((3, 3)), np.ones(7), 4) is NotImplemented


def test_a_negative_extent_is_for_plain_python_to_refuse():
    signature = Signature([(I8, ())], [(F8, (N,))], extents={"n": 0})
    kernel = fill_kernel("i64 %n", "%count = add i64 %n, 0")
    f = compile_entry(kernel, signature, [ScalarInput(int, 0)], ArrayOutput(0))
    assert f(3).shape == (3,)
    assert f(-1) is NotImplemented
    assert f.__self__.status == entry.NO_MEMORY


SIZED = """
declare ptr @malloc(i64)
define i32 @kernel(i64 %n, i64 %status, ptr %y, ptr %work) #0 {
entry:
  %some = add i64 %n, 1
  %bytes = mul i64 %some, 8
  %data = call ptr @malloc(i64 %bytes)
  store ptr %data, ptr %y
  %at = getelementptr i64, ptr %y, i64 1
  store i64 %n, ptr %at
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr double, ptr %data, i64 %i
  %v = sitofp i64 %i to double
  store double %v, ptr %p
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  %s = trunc i64 %status to i32
  ret i32 %s
}
"""


@pytest.mark.parametrize("n", [0, 1, 5, 100_000])
@pytest.mark.parametrize("wanted", [True, False])
def test_outputs_of_a_size_found_by_the_kernel(n, wanted):
    signature = Signature([(I8, ()), (I8, ())], [(F8, (N,))], sized=frozenset({0}))
    tree = ArrayOutput(0) if wanted else ObjectOutput(None)
    f = compile_entry(SIZED, signature, [ScalarInput(int, 0), ScalarInput(int, 1)], tree)
    for _ in range(3):
        y = f(n, 0)
        if wanted:
            np.testing.assert_array_equal(y, np.arange(float(n)))
            assert y.flags.owndata and y.base is None
            y[...] = 0
        assert f(n, 4) is NotImplemented
        assert f.__self__.status == 4


# -- failure ---------------------------------------------------------------------------------------
def test_a_status_is_reported_and_the_call_is_a_miss():
    signature = Signature([(F8, (2,))], [(F8, (2,))])
    f = compile_entry(copy_kernel(signature, status=-7), signature,
                      [ArrayInput(F8, (2,), 0)], ArrayOutput(0))  # fmt: skip
    assert f.__self__.status == 0
    assert f(np.ones(2)) is NotImplemented
    assert f.__self__.status == -7
    assert f(np.ones(3)) is NotImplemented
    assert f.__self__.status == 0  # the arguments did not fit: no failure of the kernel


RAISES = """
declare void @PyErr_SetNone(ptr)
@own = external global i8
declare ptr @PyErr_NoMemory()
define i32 @kernel(double %x, ptr %y, ptr %work) {
  %n = call ptr @PyErr_NoMemory()
  ret i32 1
}
"""


def test_an_exception_set_by_the_kernel_is_raised():
    signature = Signature([(F8, ())], [(F8, (2,))], work_bytes=100_000)
    kernel = RAISES.replace("@own = external global i8\n", "")
    f = compile_entry(kernel, signature, [ScalarInput(float, 0)], ArrayOutput(0))
    for _ in range(3):
        with pytest.raises(MemoryError):
            f(1.0)


def test_more_memory_than_there_is_is_a_miss_with_a_status_of_its_own():
    signature = Signature([(I8, ())], [(F8, (N,))], extents={"n": 0})
    kernel = fill_kernel("i64 %n", "%count = add i64 %n, 0")
    f = compile_entry(kernel, signature, [ScalarInput(int, 0)], ArrayOutput(0))
    assert f(2**58) is NotImplemented
    assert f.__self__.status == entry.NO_MEMORY
    work = Signature([(I8, ())], [(F8, (2,))], extents={"n": 0}, work_bytes=N)
    g = compile_entry(fill_kernel("i64 %n", "%count = add i64 0, 2"), work,
                      [ScalarInput(int, 0)], ArrayOutput(0))  # fmt: skip
    for n in (2**60, 2**63 - 1, 2**63 - 64):  # the last ones are rounded up, which overflows
        assert g(n) is NotImplemented
        assert g.__self__.status == entry.NO_MEMORY
    assert list(g(2**20)) == [1.0, 1.0]


@pytest.mark.parametrize("shape", [(N, N), (N * 8,), (N * N + 1,), (4, N, N), (2**40 * N,)])
def test_sizes_that_64_bits_do_not_hold_are_not_taken_modulo_2_to_64(shape):
    """With n a power of two, the bytes of the array are 0 modulo 2**64."""
    signature = Signature([(I8, ())], [(F8, shape)], extents={"n": 0})
    kernel = fill_kernel("i64 %n", "%count = add i64 0, 0")
    f = compile_entry(kernel, signature, [ScalarInput(int, 0)], ArrayOutput(0))
    for n in (2**31, 2**32, 2**59, 2**61, 2**62, 2**63 - 1):
        assert f(n) is NotImplemented
        assert f.__self__.status == entry.NO_MEMORY


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "message"),
    [
        (Signature([(F8, ())], []), [], ObjectOutput(None), r"no argument gives .* \[0\]"),
        (Signature([(F8, (2,))], []), [ArrayInput(F4, (2,), 0)], ObjectOutput(None), "is float64"),
        (Signature([(F8, (2,))], []), [ScalarInput(float, 0)], ObjectOutput(None), "is an array"),
        (Signature([], [(F8, (2,))]), [], ScalarOutput(0, float), "is an array"),
        (Signature([], [(F8, ())]), [], ScalarOutput(0, str), "no .* is made of float64"),
        (Signature([], [(F8, (N,))]), [], ArrayOutput(0), "no argument gives the extent n"),
        (Signature([], []), [ArrayInput(np.dtype("c16"), ())], ObjectOutput(None), "no element"),
        (Signature([], []), [ArrayInput(np.dtype(">f8"), ())], ObjectOutput(None), "no element"),
    ],
)
def test_impossible_entries_are_refused(signature, inputs, outputs, message):
    with pytest.raises(InternalError, match=message):
        entry.build(signature, inputs, outputs)


# -- memory ----------------------------------------------------------------------------------------
WORK = """
define i32 @kernel(ptr %x, ptr %y, ptr %work) #0 {{
  %a = ptrtoint ptr %work to i64
  %r = urem i64 %a, 64
  %f = uitofp i64 %r to double
  store double %f, ptr %y
  %end = getelementptr i8, ptr %work, i64 {last}
  store i8 1, ptr %work
  store i8 1, ptr %end
  ret i32 0
}}
"""


@pytest.mark.parametrize("size", [1, 64, 16_384, 16_385, 10**6, 3 * 10**8])
def test_working_memory_is_aligned(size):
    signature = Signature([(F8, (2,))], [(F8, ())], work_bytes=size)
    f = compile_entry(WORK.format(last=size - 1), signature, [ArrayInput(F8, (2,), 0)],
                      ScalarOutput(0, float))  # fmt: skip
    for _ in range(3):
        assert f(np.ones(2)) == 0.0


def count_blocks(action, times):
    """Blocks of Python's allocator that stay after ``times`` calls."""
    action()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        action()
    gc.collect()
    return sys.getallocatedblocks() - before


@pytest.mark.usefixtures("new_objects_only")
def test_calls_leave_nothing_behind():
    tree = (ScalarOutput(1, float), ScalarOutput(1, F8), ArrayOutput(0), [ArgumentOutput(0)], ObjectOutput(None))  # fmt: skip
    f = copier([(F8, (10,)), (F8, ())], [ArrayInput(F8, (10,), 0), ScalarInput(float, 1)], tree)
    x = np.ones(10)
    objects = [x, F8, None, NotImplemented, np.ndarray]
    gc.collect()  # what earlier tests left behind refers to some of them
    before = [sys.getrefcount(o) for o in objects]

    def action():
        f(x, 300.5)
        f(x, "miss")

    assert count_blocks(action, 100_000) < 20
    after = [sys.getrefcount(o) for o in objects]
    assert all(abs(a - b) < 50 for a, b in zip(after, before, strict=True)), (before, after)


@pytest.mark.usefixtures("new_objects_only")
def test_failing_calls_leave_nothing_behind():
    signature = Signature([(F8, (10,)), (F8, ())], [(F8, (10,)), (F8, ())], work_bytes=50_000)
    f = compile_entry(copy_kernel(signature, status=3), signature,
                      [ArrayInput(F8, (10,), 0), ScalarInput(float, 1)],
                      (ArrayOutput(0), ScalarOutput(1, float)))  # fmt: skip
    x = np.ones(10)
    assert count_blocks(lambda: f(x, 2.5), 20_000) < 20
    assert sys.getrefcount(x) == 2


def test_memory_of_the_system_does_not_grow():
    try:
        with open("/proc/self/statm"):
            pass
    except OSError:
        pytest.skip("no /proc here")

    def pages():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    signature = Signature([(F8, (10,))], [(F8, (10,))], work_bytes=100_000)
    ok = compile_entry(
        copy_kernel(signature), signature, [ArrayInput(F8, (10,), 0)], ArrayOutput(0)
    )
    sized = Signature([(I8, ()), (I8, ())], [(F8, (N,))], sized=frozenset({0}))
    grow = compile_entry(SIZED, sized, [ScalarInput(int, 0), ScalarInput(int, 1)], ArrayOutput(0))
    x = np.ones(10)

    def action():
        ok(x), grow(1000, 0), grow(1000, 1)

    for _ in range(100):
        action()
    before = pages()
    for _ in range(10_000):
        action()
    assert pages() - before < 500  # 2 MB; a leak of either would be 80 MB or more


@pytest.mark.usefixtures("new_objects_only")
def test_the_callable_keeps_what_it_needs_and_lets_go():
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    f = copier([(F8, ())], [ScalarInput(float, 0)], (ScalarOutput(0, float), ObjectOutput(thing)))
    del thing
    gc.collect()
    assert f(1.0)[1] is gone()
    machine = weakref.ref(f.__self__.machine)
    del f
    gc.collect()
    assert gone() is None
    assert machine() is None


def test_callables_have_a_name_and_a_docstring():
    signature = Signature([(F8, ())], [(F8, ())])
    f = compile_entry(copy_kernel(signature), signature, [ScalarInput(float, 0)],
                      ScalarOutput(0, float), name="loss", doc="A loss.")  # fmt: skip
    assert (f.__name__, f.__doc__, type(f)) == ("loss", "A loss.", types.BuiltinFunctionType)


# -- threads ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("release_gil", [False, True])
def test_threads_may_call_the_same_entry(release_gil):
    size = 20_000
    signature = Signature([(F8, (size,)), (F8, ())], [(F8, (size,)), (F8, ())],
                          work_bytes=100_000, release_gil=release_gil)  # fmt: skip
    f = compile_entry(copy_kernel(signature), signature,
                      [ArrayInput(F8, (size,), 0), ScalarInput(float, 1)],
                      (ArrayOutput(0), ScalarOutput(1, float)))  # fmt: skip
    wrong = []

    def work(k):
        x = np.full(size, float(k))
        for _ in range(300):
            y, s = f(x, float(k))
            if s != k or not (y == k).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_other_threads_run_while_the_lock_is_released():
    # The kernel waits until Python, in another thread, writes into its input.
    kernel = """
    define i32 @kernel(ptr %flag, ptr %y, ptr %work) {
    entry:
      br label %wait
    wait:
      %i = phi i64 [ 0, %entry ], [ %n, %wait ]
      %v = load volatile double, ptr %flag
      %set = fcmp une double %v, 0.0
      %n = add i64 %i, 1
      %late = icmp ugt i64 %n, 5000000000
      %stop = or i1 %set, %late
      br i1 %stop, label %done, label %wait
    done:
      store double %v, ptr %y
      ret i32 0
    }
    """
    signature = Signature([(F8, (1,))], [(F8, ())], release_gil=True)
    f = compile_entry(kernel, signature, [ArrayInput(F8, (1,), 0)], ScalarOutput(0, float))
    flag = np.zeros(1)
    timer = threading.Timer(0.05, lambda: flag.__setitem__(0, 4.0))
    timer.start()
    assert f(flag) == 4.0
    timer.join()


# -- the same text for the same form ----------------------------------------------------------------
def test_the_text_depends_on_forms_alone():
    def text(constant, name):
        signature = Signature([(F8, (2,))], [(F8, (2,))])
        inputs = [ArrayInput(F8, (2,), 0), StaticInput(constant)]
        return entry.build(signature, inputs, (ArrayOutput(0), ObjectOutput(name))).text

    assert text(object(), object()) == text(object(), [1])
    assert str(id(np.ndarray)) not in text(object(), None)


def test_entries_reach_no_name_without_an_address():
    built = entry.build(
        Signature(
            [(F8, (N,)), (I8, ())], [(F8, (N,)), (F8, ())], extents={"n": 1}, work_bytes=8 * N
        ),
        [ArrayInput(F8, (N,), 0)],
        (ArrayOutput(0), ScalarOutput(1, F8), ScalarOutput(1, float)),
    )
    for name in session._names(built.text)[0]:
        assert name == "kernel" or name in built.extra or symbols.address(name)


def test_forms_are_plain_data():
    spec = ArrayInput(F8, (2,), 0)
    assert copy.deepcopy(spec) == spec
