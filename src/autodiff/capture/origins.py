"""Whose a function is, and whether calling it while capturing does what calling it later would.

    np.sum         a library's, pure: run at Python speed where no argument is traced
    f of the user  interpreted; so are NumPy's polynomials, which are plain Python on arrays
    time.time      impure: it reads or changes more than its arguments

Told by the module that a function, or the object it is a method of, says it is from.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import warnings
from types import BuiltinFunctionType, FunctionType, MethodWrapperType
from typing import Any

import numpy as np

from autodiff.capture.frames import Scope
from autodiff.capture.iterators import Iterating
from autodiff.capture.lists import TracedList
from autodiff.capture.text import DeferredText
from autodiff.containers import found_plainly, is_library_class
from autodiff.ops import dispatch
from autodiff.ops.tracer import HoldsTracers, Tracer

# Modules whose functions neither read nor change anything but their arguments.
PURE_MODULES = frozenset(
    "math cmath operator itertools functools collections numbers string re copy dataclasses typing "
    "fractions decimal statistics enum abc types numpy scipy builtins textwrap bisect heapq "
    "contextlib inspect warnings optree autodiff array struct".split()
)
# Functions of ``os.path`` that look at the text of a path, and at no file.
_PATHS = ("posixpath", "ntpath")
_OF_PATHS = frozenset(
    "basename commonpath commonprefix dirname isabs join normcase normpath split splitdrive splitext splitroot".split()
)
IMPURE = frozenset(
    (
        print,
        input,
        open,
        exec,
        eval,
        globals,
        locals,
        vars,
        id,
        compile,
        breakpoint,
        __import__,
        warnings.warn,
    )
)
# NumPy's and SciPy's that read or write files, or what is set for the whole process; who calls whom.
_OUTWARD: dict[Any, str] = {
    np: "load save savez savez_compressed loadtxt savetxt genfromtxt fromfile fromregex memmap seterr geterr "
    "seterrcall geterrcall setbufsize getbufsize set_printoptions get_printoptions",
    np.ndarray: "tofile dump",
    inspect: "stack currentframe",
}
IMPURE |= {getattr(owner, name) for owner, names in _OUTWARD.items() for name in names.split()}
IMPURE_MODULES = (
    "numpy.random", "random", "time", "warnings", "logging", "os", "datetime",
    "scipy.io", "scipy.datasets", "numpy.lib.npyio", "numpy.lib.format",
)  # fmt: skip
_DECIMAL = ("decimal", "_decimal", "_pydecimal")  # which is not imported to be asked for
_WRITING = frozenset(_OUTWARD[np.ndarray].split())  # methods of arrays
# Methods of lists that compare items.
COMPARING = {"index": "__eq__", "count": "__eq__", "remove": "__eq__", "sort": "__lt__"}
# Functions of containers and methods of theirs that do, by whatever of these.
COMPARING_ITEMS = frozenset(
    "index count remove eq ne lt le gt ge contains countOf indexOf sort sorted "
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __contains__".split()
)
# Classes whose methods are plain Python on arrays; of NumPy: polynomials.
INTERPRETED = (
    "numpy.polynomial",
    "numpy.lib._polynomial_impl",
    # Of SciPy: covariances, kernel estimates, rotations, linear systems, approximations of Hessians, linear operators.
    "scipy.stats._covariance",
    "scipy.stats._kde",
    "scipy.signal._ltisys",
    "scipy.spatial.transform._rotation",
    "scipy.spatial.transform._rigid_transform",
    "scipy.optimize._hessian_update_strategy",
    "scipy.sparse.linalg._interface",
    # Classes that hold a dictionary or list, and what abstract classes add to the user's methods.
    "collections",
    "_collections_abc",
)
# Of ``contextlib``: what keeps the user's objects, and calls them.
_CONTEXTS = ("nullcontext", "closing")
# Libraries whose functions compute with arrays of their own: what is in them is no NumPy code.
ARRAY_LIBRARIES = ("jax", "jaxlib", "torch", "tensorflow", "cupy")
_WRITTEN_AS_USERS_DO = (
    "autodiff.nist", "autodiff.optimize", "autodiff.demo", "autodiff.capture.assembled",
)  # fmt: skip


def module_of(function: Any) -> str:
    """The module that a function says it is from, "" where it does not."""
    if type(function).__name__ == "fortran":  # of scipy.linalg, with no module of their own
        return "scipy"
    return getattr(function, "__module__", None) or getattr(type(function), "__module__", "") or ""


def module_of_class(function: Any, owner: Any) -> str:
    """The module of the class that a method belongs to: of one in C not the user's class around it."""
    classes = type(owner).__mro__
    if isinstance(function, (BuiltinFunctionType, MethodWrapperType)):
        classes = tuple(filter(is_library_class, classes)) or classes
    return classes[0].__module__ or ""


def keeps_contexts(x: Any) -> bool:
    """Whether a class of ``contextlib``, or a function of it, only keeps the user's objects and calls them."""
    return module_of(x) == "contextlib" and x.__qualname__.split(".")[0] in _CONTEXTS


def is_library(function: FunctionType) -> bool:
    """Whether a Python function belongs to a library that is not interpreted.

    NumPy, SciPy, this package, the standard library; pandas and xarray, which ask of their objects
    what traced ones cannot answer; libraries that have arrays of their own.

    What this package writes as its users would, models and objectives, counts as theirs.
    """
    module = module_of(function)
    if module.startswith((*_WRITTEN_AS_USERS_DO, *INTERPRETED)) and not module.endswith("_cy"):
        return False
    root = module.split(".")[0]
    if keeps_contexts(function):
        return False
    return root in ("numpy", "scipy", "autodiff", "pandas", "xarray", *ARRAY_LIBRARIES) or (
        # Functions that `exec` made in a namespace without a name say that they are builtins.
        root in sys.stdlib_module_names and root not in ("__main__", "builtins")
    )


def is_of_library(scope: Scope) -> bool:
    """Whether code is of a library: NumPy, SciPy, the standard library, this package."""
    module = str(scope.globals.get("__name__") or "")
    if module.startswith(_WRITTEN_AS_USERS_DO):
        return False
    root = module.split(".")[0]
    of_python = root in sys.stdlib_module_names and root not in ("__main__", "builtins")
    return of_python or root in ("numpy", "scipy", "autodiff")


def is_read_piecewise(leaf: Any) -> bool:
    """Whether a callable is an object of a user's class, whose attributes are read one by one."""
    cls = type(leaf)
    call = getattr(cls, "__call__", None)  # noqa: B004 - the function itself
    if hasattr(cls, "__autodiff_wraps__") or hasattr(cls, "__autodiff_inline__"):
        return False
    return isinstance(call, FunctionType) and not is_library(call)


def is_own(function: Any) -> bool:
    """Whether a function is one of ours, such as a method of a traced array."""
    while isinstance(function, functools.partial):
        function = function.func
    return module_of(function).split(".")[0] == "autodiff"


def ufunc_method(ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
    """``np.add.reduce([x, y])``: NumPy itself would not look into the list."""
    return dispatch.apply_ufunc(ufunc, method, args, kwargs)


def is_of_paths(function: Any) -> bool:
    """Whether a function of ``os.path`` asks no file system."""
    return module_of(function) in _PATHS and getattr(function, "__name__", "") in _OF_PATHS


def is_impure(function: Any) -> bool:
    """Whether a function reads or changes more than its arguments: it must run at every call."""
    try:
        if function in IMPURE:
            return True
    except TypeError:
        return False
    module = module_of(function)
    owner = owner_of(function)
    if owner is not None and not isinstance(owner, type(sys)):
        module = module_of_class(function, owner)
        if isinstance(owner, np.ndarray) and getattr(function, "__name__", "") in _WRITING:
            return True
    if module in _DECIMAL and getattr(function, "__name__", "") in ("getcontext", "setcontext"):
        return True
    return any(module == m or module.startswith(m + ".") for m in IMPURE_MODULES)


def owner_of(function: Any) -> Any:
    """What a bound method is a method of; None of anything else."""
    return found_plainly(function, "__self__")


def name_of(function: Any) -> str:
    """What a message calls a function: ``np.sort``, ``scipy.integrate.quad``."""
    if isinstance(function, np.ufunc):
        if function.__name__.endswith("(vectorized)"):
            return f"numpy.frompyfunc of {function.__name__.partition(' ')[0]}"
        return f"np.{function.__name__}" if hasattr(np, function.__name__) else function.__name__
    module = module_of(function)
    name: Any = getattr(function, "__qualname__", None)
    name = name or getattr(function, "__name__", None)
    public = module.split("._")[0]
    if name is None:  # an object that is called: by what its home calls it
        home = vars(sys.modules[public]) if public in sys.modules else {}
        name = next((n for n, value in list(home.items()) if value is function), repr(function))
    if public != module and getattr(sys.modules.get(public), name, None) is function:
        module = public  # scipy.integrate.quad, which is defined in scipy.integrate._quadpack_py
    is_builtin = module == "builtins" or getattr(builtins, name, None) is function  # open, of io
    return f"{module}.{name}" if module and not is_builtin else name


def type_of(obj: Any) -> Any:
    """The class that an object has in plain Python."""
    if isinstance(obj, Tracer):
        return obj.python_type
    if isinstance(obj, DeferredText):
        return str
    if isinstance(obj, TracedList):
        return obj.python_type
    if isinstance(obj, Iterating):
        return obj.kind
    if isinstance(obj, HoldsTracers) or "python_type" in vars(type(obj)):
        return obj.python_type
    return type(obj)
