"""Images of machine code: what a linker is asked for, and what is refused."""

import ctypes
import struct

import numpy as np
import pytest

from autodiff.engines.native import session, symbols
from autodiff.stored import image, objects

pytestmark = pytest.mark.skipif(not image.is_possible(), reason="images are of Linux on x86-64")

TEXT = """
@count = global i64 40
@zero = global [100 x i64] zeroinitializer
@table = internal constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0], align 32
@names = global [2 x ptr] [ptr @count, ptr @double_of]
@outside = external global i8
declare double @cos(double)
declare i64 @other(i64)
define internal double @double_of(double %x) noinline {
  %y = fmul double %x, 2.0
  ret double %y
}
define double @run(i64 %k) {
  %at = getelementptr [4 x double], ptr @table, i64 0, i64 %k
  %x = load double, ptr %at
  %twice = call double @double_of(double %x)
  %y = call double @cos(double %twice)
  %n = load i64, ptr @count
  %m = call i64 @other(i64 %n)
  store i64 %m, ptr @count
  %f = sitofp i64 %m to double
  %sum = fadd double %y, %f
  ret double %sum
}
define i64 @named() {
  %at = load ptr, ptr @names
  %n = load i64, ptr %at
  ret i64 %n
}
define ptr @where() {
  ret ptr @outside
}
"""
OTHER = """
define i64 @other(i64 %n) {
  %m = add i64 %n, 2
  ret i64 %m
}
"""
NAMES = ("run", "named", "where", "count")


def compiled(text: str) -> bytes:
    """The object file of a module."""
    return session._compile(text, "code", False)


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [compiled(TEXT), compiled(OTHER)]


def address(name: str) -> int:
    return 0x1234567890 if name == "outside" else symbols.address(name)


def test_functions_constants_and_variables_are_where_code_looks_for_them(files):
    machine = image.Image(objects.linked(files, NAMES), address)
    run = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(machine.address("run"))
    count = ctypes.c_int64.from_address(machine.address("count"))
    named = ctypes.CFUNCTYPE(ctypes.c_int64)(machine.address("named"))
    for k, n in ((0, 42), (3, 44), (2, 46)):
        assert run(k) == pytest.approx(np.cos(2.0 * 2**k) + n)
        assert count.value == named() == n
    where = ctypes.CFUNCTYPE(ctypes.c_void_p)(machine.address("where"))
    assert where() == 0x1234567890


def test_images_are_apart_and_their_memory_is_protected(files):
    data = objects.linked(files, NAMES)
    one, two = image.Image(data, address), image.Image(data, address)
    ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(one.address("run"))(0)
    assert ctypes.c_int64.from_address(one.address("count")).value == 42
    assert ctypes.c_int64.from_address(two.address("count")).value == 40
    with open("/proc/self/maps") as file:
        maps = [line.split() for line in file]
    rights = {}
    for place, what, *_ in maps:
        low, high = (int(x, 16) for x in place.split("-"))
        for name in ("run", "count"):
            if low <= one.address(name) < high:
                rights[name] = what[:3]
    assert rights == {"run": "r-x", "count": "rw-"}


def test_the_order_of_files_does_not_matter(files):
    machine = image.Image(objects.linked(files[::-1], NAMES), address)
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(machine.address("run"))(1) == (
        pytest.approx(np.cos(4.0) + 42)
    )


def test_what_is_outside_is_listed(files):
    assert {"cos", "other", "outside"} <= set(objects.undefined(files[0]))
    assert {name for _, name, _ in objects.linked(files, NAMES)["outside"]} == {"cos", "outside"}
    alone = objects.linked(files[:1], NAMES)
    assert {name for _, name, _ in alone["outside"]} == {"cos", "outside", "other"}


REFUSED = {
    "no object file": lambda code: b"\x7fELF\x02\x01" + bytes(100),
    "of another processor": lambda code: code[:18] + struct.pack("<H", 183) + code[20:],
    "thread-local variables": lambda code: compiled(
        "@x = thread_local global i64 1\ndefine i64 @run() {\n  %v = load i64, ptr @x\n  ret i64 %v\n}"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused(name, files):
    with pytest.raises(objects.Unlinkable):
        objects.linked([REFUSED[name](files[0])], ("run",))


def test_every_kind_of_relocation_but_the_known_is_refused(files):
    code = bytearray(files[0])
    (table,) = struct.unpack_from("<Q", code, 40)
    (count,) = struct.unpack_from("<H", code, 60)
    heads = [struct.unpack_from("<IIQQQQIIQQ", code, table + 64 * k) for k in range(count)]
    (text,) = [h for h in heads if h[1] == 4 and heads[h[7]][2] & 0x4]
    known = {1, 2, 4, 9, 24, 41, 42}
    for kind in set(range(43)) - known:
        struct.pack_into("<I", code, text[4] + 8, kind)
        with pytest.raises(objects.Unlinkable):
            objects.linked([bytes(code), files[1]], NAMES)
