"""Addresses of everything native code refers to by name, found when a module first needs them.

    address("dgemm")              # SciPy's BLAS
    address("dpotrf")             # SciPy's LAPACK
    address("expm1")              # the C library
    address("PyFloat_FromDouble") # CPython's C API
    address("PyArray_New")        # NumPy's C API table
    address("object.None"), address("type.ndarray"), address("descr.float64")
    address("ufunc.scipy.special.betaln.dd_d.value")    # what a ufunc computes, see ufunc_calls
    address("sort.d.0"), address("argsort.d.2")         # what sorts elements of a type: NumPy's kinds by number

The text of a module carries names only, so its machine code can be kept on disk and linked again
in any process.  BLAS and LAPACK are the pointers that SciPy exports for Cython
(``scipy.linalg.cython_blas.__pyx_capi__``); the two extension modules are loaded from their files,
because importing ``scipy.linalg`` runs two hundred other modules first.

The offsets of the C structures that generated code reads are here as well.  They are part of
NumPy's and CPython's binary interface, and are compared with live objects once before use.
This module knows nothing of LLVM.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autodiff import floating, lookups
from autodiff.errors import InternalError
from autodiff.patterns import pattern
from autodiff.stack import lock_of_the_process

SMALL = "autodiff.small."
"""What the names of functions of small matrices begin with (`small_matrices`), which are compiled once in a process."""

# -- layout of C structures ---------------------------------------------------------------------
HEADER = object.__basicsize__
"""Bytes of ``PyObject_HEAD``: 16, more in free-threaded builds."""

TYPE = HEADER - ctypes.sizeof(ctypes.c_void_p)
"""Offset of ``ob_type``, the last field of the header."""

# PyArrayObject_fields, numpy/ndarraytypes.h
ARRAY_DATA = HEADER
ARRAY_NDIM = HEADER + 8
ARRAY_SHAPE = HEADER + 16
ARRAY_DESCR = HEADER + 40
ARRAY_FLAGS = HEADER + 48
# PyArray_Descr, the fields that NumPy 1 and 2 share
DESCR_BYTEORDER = HEADER + 10
DESCR_TYPE_NUMBER = HEADER + 12

C_CONTIGUOUS, OWNS_DATA, ALIGNED, WRITEABLE = 0x1, 0x4, 0x100, 0x400

# -- tables of names ----------------------------------------------------------------------------
NUMPY_SLOTS: dict[str, int] = {
    # numpy/__multiarray_api.h; the order of the table is NumPy's binary interface
    "PyArray_Scalar": 60,
    "PyArray_New": 93,
    "PyArray_NewFromDescr": 94,
    "PyDataMem_SetHandler": 304,
    "_PyDataType_GetArrFuncs": 365,
}

_REAL_FUNCTIONS = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 "
    "expm1 fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log "
    "log10 log1p log2 logb lrint lround modf nearbyint nextafter pow remainder rint round scalbn "
    "sin sincos sinh sqrt tan tanh tgamma trunc"
).split()

MATH_FUNCTIONS: tuple[str, ...] = tuple(f + s for f in _REAL_FUNCTIONS for s in ("", "f"))
MEMORY_FUNCTIONS = ("malloc", "calloc", "realloc", "free", "memcpy", "memmove", "memset", "memcmp")
# What LLVM calls for operations the processor lacks: half precision, 128-bit integers, powi.
COMPILER_FUNCTIONS = (
    "__truncdfhf2", "__truncsfhf2", "__extendhfsf2", "__powidf2", "__powisf2",
    "__multi3", "__muloti4", "__divti3", "__modti3", "__udivti3", "__umodti3",
)  # fmt: skip

THREAD_FUNCTIONS = ("pthread_create", "pthread_join", "sched_yield", "usleep")
FLAG_FUNCTIONS = ("feholdexcept", "fesetenv", "fetestexcept")
LIBRARY_CALLS: tuple[str, ...] = (
    MATH_FUNCTIONS + MEMORY_FUNCTIONS + COMPILER_FUNCTIONS + THREAD_FUNCTIONS + FLAG_FUNCTIONS
)
"""Names a module may come to need without declaring them (LLVM forms such calls itself)."""


def pause() -> None:
    """Do nothing: CPython runs what is due, and lets other threads run, where a function is entered."""


_OBJECTS: dict[str, Any] = {
    "object.None": None,
    "object.pause": pause,
    "object.True": True,
    "object.False": False,
    "object.NotImplemented": NotImplemented,
    "type.float": float,
    "type.int": int,
    "type.bool": bool,
    "type.str": str,
    "type.tuple": tuple,
    "type.list": list,
    "type.ndarray": np.ndarray,
}

# One cell for the process, see entry.WORKSPACE: the working memory that no call is using.
_workspace_cell = ctypes.c_int64(0)

_lock = lock_of_the_process()
_known: dict[str, int] = {}
_of_the_system: dict[str, int] = {}


def address(name: str) -> int:
    """The address that ``name`` stands for in generated code.

    Raises
    ------
    InternalError
        When nothing has that name.
    """
    found = _known.get(name)
    if found is None:
        with _lock:
            found = _find(name)
            if not found:
                raise InternalError(f"no native symbol is called {name!r}")
            _known[name] = found
    return found


def process_address(name: str) -> int:
    """The address of a function of the system, or 0 where it has none of that name."""
    found = _of_the_system.get(name)
    if found is None:
        with _lock:
            found = _of_the_system[name] = _from_c_library(name)
    return found


def routine_signature(name: str) -> str:
    """The C signature SciPy declares for a BLAS or LAPACK routine."""
    table = blas() if name in blas() else lapack()
    return _capsule_name(table[name]).decode()


# What gives the addresses of names that begin so, for families that are made by modules further up.
PROVIDERS: dict[str, Callable[[str], int]] = {}


def _find(name: str) -> int:
    family, _, rest = name.partition(".")
    if family in PROVIDERS:
        return PROVIDERS[family](rest)
    if name in _OBJECTS:
        return id(_OBJECTS[name])
    if name == "workspace.cell":
        return ctypes.addressof(_workspace_cell)
    if name == "errstate.variable":
        return id(floating.variable)
    if name == "errstate.cells":
        return ctypes.addressof(floating.cells)
    if family == "version":
        return ctypes.addressof(lookups.of_module(rest).version)
    if family == "seen":
        return ctypes.addressof(lookups.of_module(rest).seen)
    if family == "descr":
        return id(np.dtype(rest))
    if family == "scalar":
        return id(np.dtype(rest).type)
    if family == "ufunc":
        return _from_ufunc(rest)
    if family in _SORTING:
        return _from_dtype(family, rest)
    if name in NUMPY_SLOTS:
        return _from_numpy(name)
    if name.startswith(("Py", "_Py")):
        return _address_in(ctypes.pythonapi, name)
    if name in LIBRARY_CALLS:
        return _from_c_library(name)
    table = blas() if name in blas() else lapack()
    capsule = table.get(name)
    return 0 if capsule is None else _capsule_pointer(capsule, _capsule_name(capsule))


# -- the C library ------------------------------------------------------------------------------
def _address_in(library: ctypes.CDLL, name: str) -> int:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


@functools.cache
def _c_libraries() -> tuple[ctypes.CDLL, ...]:
    """Libraries to search in order: the process itself, then the usual homes of the functions."""
    if sys.platform == "win32":
        names: tuple[str | None, ...] = ("ucrtbase", "vcruntime140")
    elif sys.platform == "darwin":
        names = (None, "/usr/lib/libSystem.B.dylib")
    else:
        names = (None, "libm.so.6", "libgcc_s.so.1")
    libraries = []
    for name in names:
        try:
            libraries.append(ctypes.CDLL(name))
        except OSError:  # another C library: the process has what it needs
            continue
    return tuple(libraries)


def _from_c_library(name: str) -> int:
    return next((a for lib in _c_libraries() if (a := _address_in(lib, name))), 0)


# -- capsules: NumPy's table, SciPy's routines --------------------------------------------------
def _capsule_name(capsule: Any) -> bytes:
    function = ctypes.pythonapi.PyCapsule_GetName
    prototype = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)
    return prototype(ctypes.cast(function, ctypes.c_void_p).value or 0)(capsule) or b""


def _capsule_pointer(capsule: Any, name: bytes | None) -> int:
    function = ctypes.pythonapi.PyCapsule_GetPointer
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    return prototype(ctypes.cast(function, ctypes.c_void_p).value or 0)(capsule, name) or 0


@functools.cache
def _numpy_table() -> int:
    table = _capsule_pointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    _check_table(table)
    return table


def _slot(table: int, number: int) -> int:
    return ctypes.c_void_p.from_address(table + number * ctypes.sizeof(ctypes.c_void_p)).value or 0


def _from_numpy(name: str) -> int:
    return _slot(_numpy_table(), NUMPY_SLOTS[name])


def _check_table(table: int) -> None:
    """Make an array and a scalar through the table, and compare them with what NumPy makes."""
    if _slot(table, 2) != id(np.ndarray) or _slot(table, 3) != id(np.dtype):
        raise InternalError("NumPy's C API table does not begin as published")
    integer, pointer, obj = ctypes.c_int, ctypes.c_void_p, ctypes.py_object
    new = ctypes.PYFUNCTYPE(
        obj, obj, integer, pointer, integer, pointer, pointer, integer, integer, pointer
    )(_slot(table, NUMPY_SLOTS["PyArray_New"]))
    shape = (ctypes.c_ssize_t * 2)(2, 3)
    made = new(np.ndarray, 2, ctypes.addressof(shape), np.dtype("f4").num, None, None, 0, 0, None)
    scalar = ctypes.PYFUNCTYPE(obj, pointer, obj, pointer)(
        _slot(table, NUMPY_SLOTS["PyArray_Scalar"])
    )
    number = ctypes.c_double(1.5)  # named: its memory is read by the call, later than its address
    value = scalar(ctypes.addressof(number), np.dtype("f8"), None)
    right = made.shape == (2, 3) and made.dtype == np.float32 and made.flags.owndata
    if not (right and type(value) is np.float64 and value == 1.5):
        raise InternalError("NumPy's C API table does not hold what was published")


# -- functions of dtypes --------------------------------------------------------------------------
SORTED = frozenset("bBhHiIlLqQfd")
"""Type codes of numbers that are sorted by a function of the dtype."""

# PyArray_ArrFuncs, numpy/ndarraytypes.h: 21 casts and 12 other functions precede three of each kind.
_SORTING = {"sort": 33, "argsort": 36}


@functools.cache
def _from_dtype(family: str, name: str) -> int:
    """The function that sorts elements, or their places, of a type code by an algorithm, as ``d.0``."""
    code, number = name.split(".")
    dtype = np.dtype(code)
    functions = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
        _from_numpy("_PyDataType_GetArrFuncs")
    )(dtype)
    found = _slot(functions, _SORTING[family] + int(number))
    _check_sorting(family, dtype, int(number), found)
    return found


def _check_sorting(family: str, dtype: np.dtype[Any], number: int, where: int) -> None:
    """Compare what the function does with what NumPy does, before code is called by it."""
    kind: Any = ("quicksort", "heapsort", "stable")[number]
    given = (np.arange(100) * 37 % 50).astype(dtype)  # every number twice
    if dtype.kind == "f":
        given[[3, 60]] = np.nan, -np.inf
    pointer, size = ctypes.c_void_p, ctypes.c_ssize_t
    if family == "sort":
        made, wanted = given.copy(), np.sort(given, kind=kind)
        function = ctypes.PYFUNCTYPE(ctypes.c_int, pointer, size, pointer)(where)
        status = function(made.ctypes.data, 100, None)
    else:
        made, wanted = np.arange(100), np.argsort(given, kind=kind)
        function = ctypes.PYFUNCTYPE(ctypes.c_int, pointer, pointer, size, pointer)(where)
        status = function(given.ctypes.data, made.ctypes.data, 100, None)
    if status != 0 or made.tobytes() != wanted.tobytes():
        raise InternalError(f"NumPy's functions of {dtype} are not laid out as published")


# -- ufuncs ---------------------------------------------------------------------------------------
class _Ufunc(ctypes.Structure):
    """The head of ``PyUFuncObject``, numpy/ufuncobject.h: the same in NumPy 1 and 2."""

    _fields_ = (
        ("header", ctypes.c_char * HEADER),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_char)),
    )


# The address of a loop's data where it has none: the loop does not look at it.
_no_data = ctypes.c_int64(0)


@functools.cache
def ufunc_of(path: str) -> np.ufunc:
    """The ufunc of a dotted name, as ``scipy.special.betaln``."""
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, np.ufunc):
        raise InternalError(f"{path} is not a ufunc")
    return found


_C_TYPES = {"double": "d", "float": "f", "long": "l"}
_EXPORTED = pattern(r"(?:__pyx_fuse_[\d_]*\d)?(\w+)")


@functools.cache
def _special_functions() -> Mapping[tuple[str, str], Any]:
    """What ``scipy.special.cython_special`` exports of real functions, by name and signature.

    A name of several signatures is exported as ``__pyx_fuse_0psi``, ``__pyx_fuse_1psi``; which is
    which is in the C signature, ``double (double, int __pyx_skip_dispatch)``.
    """
    table = importlib.import_module("scipy.special.cython_special").__pyx_capi__
    found = {}
    for exported, capsule in table.items():
        match = re.fullmatch(
            r"(\w+) \(((?:\w+, )+)int __pyx_skip_dispatch\)", _capsule_name(capsule).decode()
        )
        name = _EXPORTED.fullmatch(exported)
        if match is None or name is None:
            continue
        codes = [_C_TYPES.get(c) for c in (*match.group(2).split(", ")[:-1], match.group(1))]
        if None not in codes:
            found[name.group(1), "".join(codes[:-1]) + "->" + codes[-1]] = capsule  # type: ignore
    return found


def has_value_function(path: str, signature: str) -> bool:
    """Whether SciPy exports what a ufunc computes as a C function of numbers."""
    key = (ufunc_of(path).__name__, signature)
    return path.startswith("scipy.special.") and key in _special_functions()


def _from_ufunc(name: str) -> int:
    """Of a signature as ``scipy.special.betaln.dd_d`` the ``.value``, the ``.loop`` or its ``.data``.

    These are the C function of numbers, NumPy's C function of arrays, and an argument of the latter.
    """
    path, signature, what = name.rsplit(".", 2)
    ufunc, signature = ufunc_of(path), signature.replace("_", "->")
    if what == "value":
        capsule = _special_functions()[ufunc.__name__, signature]
        return _capsule_pointer(capsule, _capsule_name(capsule))
    number = ufunc.types.index(signature)
    laid_out = _Ufunc.from_address(id(ufunc))
    _check_ufunc(ufunc, laid_out, number)
    if what == "loop":
        return laid_out.functions[number] or 0
    data = laid_out.data[number] if laid_out.data else None
    return data or ctypes.addressof(_no_data)


def _check_ufunc(ufunc: np.ufunc, laid_out: _Ufunc, number: int) -> None:
    """Compare the structure with what the object says of itself, before code is called by it."""
    counts = (laid_out.nin, laid_out.nout, laid_out.nargs, laid_out.ntypes)
    right = counts == (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes)
    if right and laid_out.name == ufunc.__name__.encode():
        codes = laid_out.types[number * ufunc.nargs : (number + 1) * ufunc.nargs]
        right = list(codes) == [np.dtype(c).num for c in ufunc.types[number].replace("->", "")]
    else:
        right = False
    if not right:
        raise InternalError(f"the ufunc {ufunc.__name__} is not laid out as published")


def _extension(name: str) -> Any:
    """An extension module of ``scipy.linalg``, without importing that package where possible."""
    full = f"scipy.linalg.{name}"
    if full in sys.modules:
        return sys.modules[full]
    package = importlib.util.find_spec("scipy")
    places = (package.submodule_search_locations or []) if package else []
    for place in places:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = os.path.join(place, "linalg", name + suffix)
            if not os.path.exists(path):
                continue
            try:
                loader = importlib.machinery.ExtensionFileLoader(full, path)
                spec = importlib.util.spec_from_file_location(full, path, loader=loader)
                if spec is None:
                    break
                module = importlib.util.module_from_spec(spec)
                loader.exec_module(module)
                return module
            except (ImportError, OSError):  # it wants its package first: import as usual
                break
    return importlib.import_module(full)


@functools.cache
def blas() -> Mapping[str, Any]:
    """SciPy's BLAS routines as capsules, by name (``dgemm``)."""
    return _extension("cython_blas").__pyx_capi__


@functools.cache
def lapack() -> Mapping[str, Any]:
    """SciPy's LAPACK routines as capsules, by name (``dpotrf``)."""
    return _extension("cython_lapack").__pyx_capi__


# -- layout check -------------------------------------------------------------------------------
@functools.cache
def check_layout() -> None:
    """Compare the structure offsets with live objects.

    Raises
    ------
    InternalError
        When this interpreter or NumPy lays its objects out differently.
    """
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    at = id(array)
    word, integer = ctypes.c_void_p.from_address, ctypes.c_int32.from_address
    shape = ctypes.c_ssize_t * 2
    number = 1.25
    facts = [
        word(at + TYPE).value == id(np.ndarray),
        word(at + ARRAY_DATA).value == array.ctypes.data,
        integer(at + ARRAY_NDIM).value == 2,
        tuple(shape.from_address(word(at + ARRAY_SHAPE).value or 0)) == (2, 3),
        word(at + ARRAY_DESCR).value == id(array.dtype),
        integer(at + ARRAY_FLAGS).value & 0x3FF == C_CONTIGUOUS | ALIGNED,  # a view: owns nothing
        integer(id(array.dtype) + DESCR_TYPE_NUMBER).value == array.dtype.num,
        chr(ctypes.c_uint8.from_address(id(array.dtype) + DESCR_BYTEORDER).value) == "=",
        ctypes.c_double.from_address(id(number) + HEADER).value == number,
        all(_scalar_in_place(code) for code in "?bhilqBHILQefd"),
    ]
    if not all(facts):
        raise InternalError(f"objects are laid out unexpectedly (facts {facts})")


def _scalar_in_place(code: str) -> bool:
    scalar = np.ones(1, code)[0]
    there = ctypes.string_at(id(scalar) + HEADER, scalar.dtype.itemsize)
    return there == scalar.tobytes()
