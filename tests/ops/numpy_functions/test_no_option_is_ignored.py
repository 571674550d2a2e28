"""Each of NumPy's functions and methods with each option that it has: the option has its effect.

The table is made of NumPy's own signatures: a function that gets ``where=``, ``out=``, ``initial=``,
``dtype=``, ``casting=``, ``order=`` or ``keepdims=`` is called with it, and with pairs of them.  What is
compared is the value, its dtype, its order in memory, what became of ``out``, or the exception.
"""

import copy
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.linalg

import autodiff
from autodiff.ops.function_table import functions

M = np.array([[1.5, -2.0, 3.25], [0.5, 4.0, -1.0]])
MASK = np.array([[True, False, True], [False, True, True]])
C = M * (1 + 2j)
OPTIONS = ("where", "out", "initial", "dtype", "casting", "order", "keepdims")
UFUNC_OPTIONS = ("where", "out", "dtype", "casting", "order")


def _parameters(f: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except ValueError:  # older versions of NumPy do not say it of functions in C
        return []


# What comes before the options; the first of them is traced.  Functions of one array need no row.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "argpartition": (M, 1), "astype": (M, np.float32), "average": (M, 0), "broadcast_to": (M, (2, 2, 3)),
    "choose": (np.array([0, 1]), [M[0, :2], M[1, :2]]), "clip": (M, -0.5, 2.0),
    "compress": (np.array([True, False]), M), "concatenate": ([M, M],), "hstack": ([M, M],),
    "vstack": ([M, M],), "stack": ([M, M],), "copyto": (M, -M), "count_nonzero": (M, 0),
    "dot": (M, M.T), "einsum": ("ij,kj->ik", M, M), "outer": (M[0], M[1]), "partition": (M, 1),
    "percentile": (M, 30.0), "quantile": (M, 0.3), "nanpercentile": (M, 30.0), "nanquantile": (M, 0.3),
    "reshape": (M, (3, 2)), "take": (M, [2, 0]), "full_like": (M, 2.5), "full": ((2, 3), M[0, 0]),
    "arange": (M[0, 0], 9.0), "linspace": (M[0], M[1], 3), "geomspace": (M[0] ** 2, M[1] ** 2, 3),
    "logspace": (M[0], M[1], 3), "searchsorted": (np.sort(M[0]), M[1]), "multi_dot": ([M, M.T, M],),
    "trace": (M,), "ravel_multi_index": ((np.array([0, 1]), np.array([2, 1])), (2, 3)),
    "unravel_index": (np.array([4, 1]), (2, 3)), "clip, below": (M, -0.5, None), "clip, above": (M, None, 2.0),
    "clip, not": (M, None, None), "round": (M, 1), "cumulative_sum": (M[0],), "cumulative_prod": (M[0],),
    "matrix_norm": (M,), "pad": (M, 1), "divide": (M, 2 * M), "power": (M**2, M),
}  # fmt: skip
SKIPPED = {
    "empty", "empty_like",  # without values
    "apply_along_axis", "fromfunction", "piecewise", "can_cast", "broadcast_arrays", "require", "corrcoef",
    "ones", "zeros", "identity", "eye", "tri", "indices",  # of numbers that are no data
}  # fmt: skip
METHODS = (
    "all any argmax argmin argsort clip cumprod cumsum dot max mean min prod ravel repeat round sum "
    "std take trace var choose argpartition flatten copy astype reshape compress"
).split()
UFUNCS = "add divide sqrt exp absolute maximum power negative isnan greater logical_and sin".split()
INITIAL = {"max": 3.5, "amax": 3.5, "nanmax": 3.5, "min": -1.5, "amin": -1.5, "nanmin": -1.5}


def _values(name: str, option: str, result: Any) -> list[Any]:
    """What an option is given."""
    if option == "where":
        return [MASK, MASK[0]]
    if option == "out":
        shape = np.shape(result)
        kinds = {np.asarray(result).dtype, np.dtype(np.float64), np.dtype(np.float32)}
        return [np.full(shape, 7, kind) for kind in sorted(kinds, key=str)]
    if option == "initial":
        return [INITIAL.get(name.split()[-1], 2.5)]
    if option == "dtype":
        return [np.float32, np.int64]
    return {"casting": ["no", "unsafe"], "order": ["F", "C"], "keepdims": [True]}[option]


def _calls(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], options: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    with np.errstate(all="ignore"):
        result = f(*copy.deepcopy(args))
    if isinstance(result, tuple):
        return
    for count in (1, 2):
        for chosen in itertools.combinations(options, count):
            for given in itertools.product(*[_values(name, o, result) for o in chosen]):
                if "where" not in chosen or "out" in chosen or "keepdims" in options:
                    yield dict(zip(chosen, given, strict=True))  # elsewhere nothing is defined


def _answer(f: Callable[..., Any], *args: Any) -> Any:
    args = tuple(a.copy(order="K") if isinstance(a, np.ndarray) else a for a in args)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            results = f(*args)
        except Exception as error:
            return next(
                k for k in (TypeError, ValueError, IndexError, Exception) if isinstance(error, k)
            )
    parts = [
        np.asarray(part)
        for part in (*results, *args)
        if isinstance(part, (np.ndarray, np.generic, float, int))
    ]
    return [(a.dtype, a.shape, _digits(a)) for a in parts]


def _digits(a: Any) -> Any:
    return np.round(a, 5).tolist() if a.dtype.kind in "fc" else a.tolist()


def _check(
    f: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], engine: str
) -> str:
    traced = [k for k, a in enumerate(args) if isinstance(a, np.ndarray)]
    arrays = {k: v for k, v in options.items() if isinstance(v, np.ndarray)}
    others = {k: v for k, v in options.items() if k not in arrays}

    def called(*given: Any) -> Any:
        full: list[Any] = copy.deepcopy(list(args))
        for k, x in zip(traced, given, strict=False):
            full[k] = x
        named = dict(zip(arrays, given[len(traced) :], strict=True))
        result = f(*full, **named, **others)
        return result, isinstance(result, np.ndarray) and result.flags.f_contiguous

    given = [*(args[k] for k in traced), *arrays.values()]
    wanted = _answer(called, *given)
    found = _answer(autodiff.function(called, engine=engine), *given)
    if repr(found) == repr(wanted):
        return ""
    shown = {
        k: (v.dtype if k == "out" else "mask") if k in arrays else v for k, v in options.items()
    }
    return f"{shown}: {found}, not {wanted}"


def _rows() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[str, ...]]]:
    rows: dict[str, Any] = {}
    for module in (np, np.linalg, np.fft):
        for name in sorted(dir(module)):
            f = getattr(module, name)
            if not inspect.isroutine(f) and type(f) is not type(np.sum) or isinstance(f, np.ufunc):
                continue
            try:
                options = tuple(p for p in _parameters(f) if p in OPTIONS)
            except (ValueError, TypeError):
                continue
            if options and f in functions and name not in SKIPPED and name != "busday_count":
                label = f"{module.__name__}.{name}"
                rows[label] = (f, ARGUMENTS.get(name, (M,)), options)
    for kind in ("clip", "clip, below", "clip, above", "clip, not"):
        rows[f"numpy.{kind}"] = (np.clip, ARGUMENTS[kind], UFUNC_OPTIONS)
        rows[f"method {kind}"] = (np.ndarray.clip, ARGUMENTS[kind], UFUNC_OPTIONS)
    for name in METHODS:
        f, args = getattr(np, name, None), ARGUMENTS.get(name, (M,))
        like = {"flatten": ("order",), "copy": ("order",), "astype": ("order", "casting")}.get(name)
        if like is None:
            like = tuple(p for p in _parameters(f) if p in OPTIONS) if f else ()
        args = (args[1], args[0]) if name == "compress" else args
        rows.setdefault(f"method {name}", (_method(name), args, like))
    for name in UFUNCS:
        ufunc = getattr(np, name)
        args = ARGUMENTS.get(name, (M, M[::-1])[: ufunc.nin])
        rows[f"ufunc {name}"] = (ufunc, args, UFUNC_OPTIONS)
        if ufunc.nin == 2 and name != "power":
            if name == "greater":
                continue  # of bools alone
            options = ("out", "initial", "dtype", "keepdims")
            if name != "divide":
                options = ("where", *options)
            rows[f"reduce {name}"] = (ufunc.reduce, (M,), options)
            rows[f"accumulate {name}"] = (ufunc.accumulate, (M,), ("out", "dtype"))
            rows[f"outer {name}"] = (
                ufunc.outer,
                (M[0], M[1]),
                ("out", "dtype", "casting", "order"),
            )
            rows[f"reduceat {name}"] = (ufunc.reduceat, (M, [0, 1, 0]), ("out", "dtype"))
    return {k: row for k, row in rows.items() if row[2]}


def _method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **options: getattr(x, name)(*args, **options)


ROWS = _rows()


@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_option_is_ignored(all_of_them: bool) -> None:
    """Of the many calls every tenth, unless all are asked for."""
    wrong, number = [], 0
    for name, (f, args, options) in ROWS.items():
        for call in _calls(name, f, args, options):
            number += 1
            if all_of_them or number % 10 == 0 or name.endswith("clip"):
                found = _check(f, args, call, ("numpy", "native")[number % 2])
                wrong += [f"{name}, {found}"] if found else []
    assert not wrong, "\n".join(wrong)


SPELLINGS: dict[str, Callable[..., Any]] = {
    "modf, first": lambda x, o: (np.modf(x, out=(o, None))[1], o),
    "modf, by position": lambda x, o: (np.modf(x, o)[1], o),
    "modf, second": lambda x, o: (np.modf(x, None, o)[0], o),
    "divmod": lambda x, o: (np.divmod(x, 2.0, out=(o, None))[1], o),
    "divmod, in part": lambda x, o: (np.divmod(x, 2.0, out=(o, x), where=MASK), o, x),
    "frexp": lambda x, o: (np.frexp(x, out=(o, None))[1], o),
    "add, by position": lambda x, o: (np.add(x, 2.0, o), o),
    "signature": lambda x, o: np.add(x, o, signature="ff->f", casting="unsafe"),
    "sig": lambda x, o: np.add(x, o, sig="ff->f", casting="unsafe"),
    "all": lambda x, o: np.logical_and.reduce(x, dtype=bool),
    "any of an initial": lambda x, o: np.logical_or.reduce(x * 0, initial=2.5, keepdims=True),
    "maximum": lambda x, o: np.maximum.reduce(x, 1, np.float32, initial=2.5),
    "clip, by name": lambda x, o: (np.clip(x, min=-0.5, where=MASK, out=o), o),
    "clip, into itself": lambda x, o: (x.clip(max=1.0, out=x, where=x > 2), x),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_options_however_they_are_spelled(name: str, engine: str) -> None:
    f = SPELLINGS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    wanted = _answer(lambda x, o: (*_items(f(x, o)),), M, 7 + M)
    assert _answer(lambda x, o: (*_items(compiled(x, o)),), M, 7 + M) == wanted


def _items(result: Any) -> list[Any]:
    return [x for r in result for x in _items(r)] if isinstance(result, tuple) else [result]


def test_a_clip_in_part_has_the_derivative_of_its_parts() -> None:
    def total(x: Any) -> Any:
        for _ in range(3):
            x = np.clip(x, -0.5, 2.0, where=MASK, out=2.5 * x)
        return np.sum(x * x)

    def plain(x: Any) -> Any:
        for _ in range(3):
            x = np.where(MASK, np.clip(x, -0.5, 2.0), 2.5 * x)
        return np.sum(x * x)

    for engine in ("native", "numpy"):
        slope = autodiff.gradient(total, engine=engine)(M)
        np.testing.assert_allclose(slope, autodiff.gradient(plain, engine=engine)(M))


# -- options that there are not ----------------------------------------------------------------------
MISSPELT = [
    lambda x: np.percentile(x, 30, interpolation="lower"),
    lambda x: np.nanquantile(x, 0.3, metod="linear"),
    lambda x: np.arange(0.0, x[0], stp=0.5),
    lambda x: np.std(x, ddf=1),
    lambda x: scipy.fft.fft(x, m=2),
    lambda x: scipy.linalg.inv(np.diag(x), overwrite=True),
    lambda x: scipy.linalg.eigh(np.diag(x), lowr=True),
]


@pytest.mark.parametrize("f", MISSPELT)
def test_a_misspelt_option_is_an_error_as_in_the_library(f: Callable[..., Any]) -> None:
    x = np.array([2.0, 1.0, 3.0])
    with pytest.raises(TypeError, match="got an unexpected keyword argument") as plain:
        f(x)
    with pytest.raises(TypeError) as ours:
        autodiff.function(f, engine="numpy")(x)
    assert str(ours.value).partition("\n")[0] == str(plain.value)
