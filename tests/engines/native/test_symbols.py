"""Addresses by name: each family, absent names, and SciPy's routines without scipy.linalg."""

import ctypes
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from autodiff.engines.native import symbols
from autodiff.errors import InternalError


@pytest.mark.parametrize("name", ["exp", "log1p", "tanh", "erf", "cbrt", "atan", "expm1"])
def test_functions_of_the_c_library_compute(name):
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(symbols.address(name))
    assert math.isclose(function(0.75), getattr(math, name)(0.75), rel_tol=1e-15)


def test_single_precision_functions_are_there():
    function = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)(symbols.address("cosf"))
    assert function(0.0) == 1.0


def test_every_routine_of_blas_and_lapack_has_an_address():
    for table in (symbols.blas(), symbols.lapack()):
        assert len(table) > 100
        assert all(symbols.address(name) for name in table)


def test_blas_computes():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(6.0, 12.0).reshape(3, 2)
    c = np.empty((2, 2))
    pointer = ctypes.c_void_p
    gemm = ctypes.CFUNCTYPE(None, *[pointer] * 13)(symbols.address("dgemm"))
    n, two, three = ctypes.c_char(b"N"), ctypes.c_int(2), ctypes.c_int(3)
    one, zero = ctypes.c_double(1), ctypes.c_double(0)
    at = ctypes.addressof
    # Row-major c = a b is column-major c' = b' a'.
    gemm(at(n), at(n), at(two), at(two), at(three), at(one), b.ctypes.data, at(two),
         a.ctypes.data, at(three), at(zero), c.ctypes.data, at(two))  # fmt: skip
    np.testing.assert_array_equal(c, a @ b)


def test_routines_say_their_signature():
    assert symbols.routine_signature("ddot").startswith("__pyx_t") or "int *" in (
        symbols.routine_signature("ddot")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("object.None", None),
        ("object.NotImplemented", NotImplemented),
        ("type.ndarray", np.ndarray),
        ("descr.float64", np.dtype("float64")),
        ("descr.bool", np.dtype("bool")),
        ("scalar.float32", np.float32),
        ("scalar.int64", np.int64),
    ],
)
def test_objects_have_their_own_address(name, value):
    assert symbols.address(name) == id(value)


def test_python_and_numpy_functions_have_addresses():
    for name in ("PyFloat_FromDouble", "PyTuple_New", "Py_IncRef", *symbols.NUMPY_SLOTS):
        assert symbols.address(name)


@pytest.mark.parametrize("name", ["nonsense", "PyNonsense", "object.Nonsense"])
def test_absent_names_are_refused(name):
    with pytest.raises(InternalError, match=f"no native symbol is called '{name}'"):
        symbols.address(name)


def test_layout_of_objects_is_as_assumed():
    symbols.check_layout()


def test_wrong_layout_is_noticed(monkeypatch):
    monkeypatch.setattr(symbols, "ARRAY_NDIM", symbols.ARRAY_NDIM + 4)
    with pytest.raises(InternalError, match="laid out unexpectedly"):
        symbols.check_layout.__wrapped__()


def test_wrong_table_is_noticed(monkeypatch):
    monkeypatch.setitem(symbols.NUMPY_SLOTS, "PyArray_Scalar", 2)  # a type, not a function
    table = (ctypes.c_void_p * 310)()
    with pytest.raises(InternalError, match="does not begin as published"):
        symbols._check_table(ctypes.addressof(table))


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    ).stdout.split()


def test_tables_are_found_where_freed_memory_is_overwritten():
    code = (
        "from autodiff.engines.native import symbols\nsymbols._numpy_table()\n"
        "symbols.check_layout()\nprint('found')"
    )
    assert run(code, PYTHONMALLOC="debug") == ["found"]


def test_blas_needs_no_import_of_scipy_linalg():
    code = (
        "import sys\nfrom autodiff.engines.native import symbols\nsymbols.address('dgemm')\n"
        "print('scipy.linalg' in sys.modules)\n"
        "import scipy.linalg, numpy as np\nimport scipy.linalg.cython_blas\n"
        "print(float(scipy.linalg.solve(2 * np.eye(2), np.ones(2))[0]))"
    )
    assert run(code) == ["False", "0.5"]


def test_blas_is_found_where_files_are_not():
    # An importer that has no files (a frozen application): the ordinary import serves.
    code = (
        "from autodiff.engines.native import symbols\n"
        "symbols.importlib.machinery.EXTENSION_SUFFIXES[:] = ['.none'] and "
        "symbols.importlib.machinery.EXTENSION_SUFFIXES\n"
        "symbols.os.path.exists = lambda path: False\n"
        "print(symbols.address('dgemm') != 0)"
    )
    assert run(code) == ["True"]
