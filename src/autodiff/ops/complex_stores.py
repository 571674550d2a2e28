"""Functions that store into an array, where it is complex, or what is stored.

    np.put(z, where, w)          np.put of the real parts, and of the imaginary ones
    np.put(x, where, w)          of the real parts of w, with NumPy's warning, as x is real
    np.add(z, w, out=x, casting="unsafe")

Filled into the tables of :mod:`autodiff.ops.complex_functions`, which imports this module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autodiff.ops.complex_numbers import (
    FOLDS,
    TABLE,
    ComplexTracer,
    as_complex,
    as_stored,
    call,
    decline,
    discarded,
    is_complex,
    parts_of,
    plain,
    stored,
)
from autodiff.ops.function_table import functions
from autodiff.ops.tracer import Tracer

# The functions, and the names of the array and of what goes into it.
_STORES: dict[Any, tuple[str, str]] = {
    np.put: ("a", "v"),
    np.put_along_axis: ("arr", "values"),
    np.fill_diagonal: ("a", "val"),
    np.copyto: ("dst", "src"),
    np.putmask: ("a", "values"),
    np.place: ("arr", "vals"),
}
_SAFE = frozenset((np.putmask, np.place))  # which NumPy lets cast without loss alone


def _storing(function: Any, array: str, value: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> None:
        given = inspect.signature(functions[function]).bind(*args, **kwargs).arguments
        a, v = given[array], given[value]
        if not isinstance(a, Tracer) or a.form != "array":
            raise decline(f"np.{function.__name__} into this")
        if isinstance(a, ComplexTracer):
            parts = parts_of(v, a.part_dtype) if is_complex(v) else (v, 0.0)
            for part, x in zip(a.parts, parts, strict=True):
                x = plain(x) if isinstance(x, Tracer) else x
                functions[function](**{**given, array: part, value: x})
            return
        is_cast = function not in _SAFE
        if function is np.copyto:
            is_cast = given.pop("casting", "same_kind") == "unsafe"
        if not is_cast:
            raise decline(f"np.{function.__name__} into a real array")  # which NumPy refuses
        functions[function](**{**given, value: as_stored(v, a.dtype)})

    return run


for _function, _names in _STORES.items():
    TABLE[_function] = _storing(_function, *_names)


# -- ufuncs -----------------------------------------------------------------------------------------
def with_options(ufunc: np.ufunc, inputs: Any, options: Mapping[str, Any]) -> Any:
    """``ufunc(*inputs, out=…, where=…, dtype=…, casting=…)``, elementwise, of complex operands."""
    rest = dict(options)
    out, where = rest.pop("out", None), rest.pop("where", True)
    dtype, casting = rest.pop("dtype", None), rest.pop("casting", "same_kind")
    if rest:
        raise decline(f"np.{ufunc.__name__} with {next(iter(rest))}=")
    if ufunc.nout > 1 or (out is None and where is not True):
        raise decline(f"np.{ufunc.__name__} with where= and without out=")
    if out is not None and not (isinstance(out, Tracer) and out.form == "array"):
        raise decline(f"np.{ufunc.__name__} with this out=")
    result = call(ufunc, _of_dtype(inputs, dtype, casting))
    if dtype is not None and (result.dtype != np.dtype(dtype) or ufunc.signature is not None):
        raise decline(f"np.{ufunc.__name__} with dtype={np.dtype(dtype)}")
    if out is None:
        return result
    if not np.can_cast(result.dtype, out.dtype, casting):
        np.positive.resolve_dtypes((result.dtype, out.dtype), casting=casting)  # which raises
    if where is not True:
        both = is_complex(result) or is_complex(out)
        result = (TABLE if both else functions)[np.where](where, result, out)
    if isinstance(out, ComplexTracer):
        return stored(out, as_complex(result))
    out[...] = discarded(result, out.dtype) if is_complex(result) else result
    return out


def _of_dtype(inputs: Any, dtype: Any, casting: str) -> Any:
    """Operands in the dtype that a ufunc is told to compute in."""
    if dtype is None:
        return inputs
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return [as_complex(x, dtype) for x in inputs]
    if casting != "unsafe":
        raise decline(f"a conversion to {dtype}")  # which NumPy refuses
    return [as_stored(x, dtype) for x in inputs]


FOLDS["with_options"] = with_options

__all__ = ["with_options"]
