"""The rows of all tables, and the names that the namespaces have.

rows()          every row
absent()        public callables without a row, and rows of names that are not there
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
import scipy.special
from scipy import stats
from scipy.stats import _distr_params

from tests.coverage import (
    masked_calls,
    numpy_calls,
    scipy_calls,
    solver_calls,
    sparse_calls,
    special_calls,
    stats_calls,
)
from tests.coverage.measure import Row


def read(table: str, space: str, prefix: str = "", **names: str) -> Iterator[Row]:
    """The rows of a table; ``{f}``, ``{m}`` and ``names`` are put in."""
    prefix = prefix or space
    for line in table.strip().splitlines():
        head, _, call = line.partition(": ")
        if head.startswith("- "):
            for name in call.split():
                yield Row(space, name, "", head[2:])
            continue
        for name in head.split():
            text = call.replace("{f}", f"{prefix}.{name}").replace("{m}", name)
            for key, value in names.items():
                text = text.replace("{" + key + "}", value)
            yield Row(space, name, text)


def public(module: Any) -> list[str]:
    """The public callables of a module."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    return sorted({n for n in names if callable(getattr(module, n, None))})


def attributes(cls: Any) -> list[str]:
    """The public attributes of a class."""
    return sorted(n for n in dir(cls) if not n.startswith("_"))


POLYNOMIALS = ("Polynomial", "Chebyshev", "Legendre", "Laguerre", "Hermite", "HermiteE")
_OF_POLYNOMIALS = frozenset({"coef", "domain", "window", "symbol", "basis_name", "maxpower"})


def _polynomial_functions() -> Iterator[Row]:
    """The functions of the six modules: what is left of a name without its module's says how to call it."""
    calls = {
        "add": "{f}(y, s[0])", "sub": "{f}(y, s[0])", "mul": "{f}(y, s[0])", "mulx": "{f}(y)",
        "div": "{f}(y, s[0])", "pow": "{f}(y, 2)", "val": "{f}(u, y)", "val2d": "{f}(u, p, s)",
        "val3d": "{f}(u[0], p[0], x[0], z)", "grid2d": "{f}(u[0], p[0], s)",
        "grid3d": "{f}(u[0], p[0], x[0], z)", "valfromroots": "{f}(u, y)",
        "vander": "{f}(y, 3)", "vander2d": "{f}(y, y, [1, 2])", "vander3d": "{f}(y, y, y, [1, 1, 1])",
        "der": "{f}(y)", "int": "{f}(y)", "fit": "{f}(np.arange(4.0), y, 2)", "trim": "{f}(y)",
        "fromroots": "{f}(y)", "companion": "{f}(y)", "line": "{f}(t, t)", "gauss": "{f}(3)[0] * s[0]",
        "roots": "np.sort({f}(np.array([-6.0, 11.0, -6.0, 1.0]) + 0.01 * y).real)", "weight": "{f}(u)",
        "pts1": "{f}(4) * y", "pts2": "{f}(4) * y", "interpolate": "{f}(np.sin, 3)", "2poly": "{f}(y)",
    }  # fmt: skip
    for module, short in (("polynomial", "poly"), ("chebyshev", "cheb"), ("legendre", "leg"),
                          ("laguerre", "lag"), ("hermite", "herm"), ("hermite_e", "herme")):  # fmt: skip
        space = f"numpy.polynomial.{module}"
        for name in public(getattr(np.polynomial, module)):
            if name in POLYNOMIALS:
                continue
            what = name.removeprefix(short)
            if name.startswith("poly2"):
                what = "2poly"
            call = calls.get(what)
            if call is not None:
                yield Row(space, name, call.replace("{f}", f"np.polynomial.{module}.{name}"))


def _argument_names(name: str, count: int) -> list[str]:
    """What the documentation of a function of ``scipy.special`` calls its arguments."""
    function = getattr(scipy.special, name)
    if isinstance(function, np.ufunc):
        head = rf"^ *{function.__name__.lstrip('_')}\((.*?)\)"
        heads = re.findall(head, function.__doc__ or "", re.MULTILINE)[
            1:
        ]  # the first one is NumPy's
        names = re.sub(r"[^\w,]", "", heads[0] if heads else "").split(",")
    else:
        names = list(inspect.signature(function).parameters)
    return names[:count] if len(names) >= count else [f"argument {k + 1}" for k in range(count)]


_MULTIVARIATE = tuple(dict.fromkeys(
    name.partition(".")[0]
    for line in stats_calls.MULTIVARIATE.strip().splitlines()
    for name in line.partition(": ")[0].split()
    if not line.startswith("- ") and not name.startswith(("gaussian_kde", "rv_"))
))  # fmt: skip


def _special() -> Iterator[Row]:
    """The functions of ``scipy.special`` by all their arguments, then those of several by each."""
    s = special_calls
    scalar, rough = set(s.SCALAR.split()), set(s.ROUGH.split())
    for line in s.SPECIAL.strip().splitlines():
        head, _, text = line.partition(": ")
        if head.startswith("- "):
            yield from read(line, "scipy.special")
            continue
        numbers = [part.strip() for part in text.split(",")]
        active = [k for k, number in enumerate(numbers) if "." in number]
        for name in head.split():

            def call(chosen: list[int], name: str = name, numbers: list[str] = numbers) -> str:
                given = [
                    n if k not in chosen
                    else f"{n} + 0.02 * u[0, {k % 4}]" if name in scalar else f"{n} + 0.02 * u[{k % 3}]"
                    for k, n in enumerate(numbers)
                ]  # fmt: skip
                result = f"scipy.special.{name}({', '.join(given)})"
                return f"{result}.coef" if name in s.POLYNOMIALS.split() else result

            yield Row("scipy.special", name, call(active), rough=name in rough)
            if len(active) > 1:
                names = _argument_names(name, len(numbers))
                for k in active:
                    by = f"{name} by {names[k]}"
                    yield Row("scipy.special", by, call([k]), rough=name in rough)


def distributions() -> dict[str, Any]:
    """The univariate distributions of ``scipy.stats``."""
    kinds = (stats.rv_continuous, stats.rv_discrete)
    return {n: d for n in public(stats) if isinstance(d := getattr(stats, n), kinds)}


def _shapes() -> dict[str, tuple[Any, ...]]:
    """Their shape parameters, as SciPy tests them."""
    shapes: dict[str, tuple[Any, ...]] = {}
    for name, values in (*_distr_params.distcont, *_distr_params.distdiscrete):
        if isinstance(name, str):
            shapes.setdefault(name, tuple(values))
    return shapes | stats_calls.SHAPES


def _methods() -> Iterator[tuple[str, str, Row]]:
    """Each method of each distribution by all that it has a derivative by."""
    s, shapes = stats_calls, _shapes()
    for name, distribution in distributions().items():
        discrete = isinstance(distribution, stats.rv_discrete)
        whole = s.WHOLE.get(name, ())
        named = [n.strip() for n in (distribution.shapes or "").split(",")]
        given = []
        for key, value in zip(named, shapes[name], strict=False):
            fixed = key in whole or (discrete and not isinstance(value, (float, list)))
            number = f"np.array({value})" if isinstance(value, list) else f"{value}"
            given.append(f"{value}" if fixed else f"{number} * (0.95 + 0.02 * t)")
        located = ["2"] if discrete else ["0.1 * t", "1 + 0.1 * t"]
        arguments = ", ".join([*given, *located])
        points = "AT" if discrete else "AT + 0.02 * y[:3] * (AT - AT[0] + 0.1)"
        at = f"stats.{name}.ppf(np.array([0.2, 0.45, 0.8]), {arguments})"
        cls = "rv_discrete" if discrete else "rv_continuous"
        for method in (s.OF_COUNTS if discrete else s.OF_POINTS).split():
            call = f"stats.{name}.{method}({points}, {arguments})"
            yield cls, method, Row(f"scipy.stats.{cls}.{method}", name, call, at=at)
        for method in s.OF_LEVELS.split():
            call = f"stats.{name}.{method}(0.3 + 0.4 * u[0], {arguments})"
            yield cls, method, Row(f"scipy.stats.{cls}.{method}", name, call)
        for method in s.OF_SHAPES.split():
            call = f"stats.{name}.{method}({arguments})"
            slow = (name, method) in s.SLOW
            reason = "SciPy's own takes seconds, or fails" if slow else ""
            yield (
                cls,
                method,
                Row(f"scipy.stats.{cls}.{method}", name, "" if slow else call, reason),
            )


def _stats() -> Iterator[Row]:
    """The functions of ``scipy.stats``, its distributions of several variables, then those of one."""
    s = stats_calls
    for row in read(s.STATS, "scipy.stats", "stats"):
        yield replace(row, rough=row.name in s.ROUGH)
    for row in read(s.MULTIVARIATE, "scipy.stats", "stats"):
        owner, _, last = row.name.rpartition(".")
        call, quantile = row.call.replace("{last}", last), s.QUANTILES.get(row.name, ())
        yield replace(row, space=f"scipy.stats.{owner}", name=last, call=call, quantile=quantile)
    yield from sorted((row for _, _, row in _methods()), key=lambda row: (row.space, row.name))


def rows() -> list[Row]:
    """The rows of all namespaces."""
    n, s = numpy_calls, scipy_calls
    found = [*read(n.NUMPY, "numpy", "np"), *read(n.LINALG, "numpy.linalg", "np.linalg")]
    found += _polynomial_functions()
    for name in POLYNOMIALS:
        methods = read(n.POLYNOMIAL_METHODS, f"numpy.polynomial.{name}", c=f"np.polynomial.{name}")
        found += [r for r in methods if hasattr(getattr(np.polynomial, name), r.name)]
    found += read(n.NDARRAY, "numpy.ndarray")
    legacy, generator = set(public(np.random)), set(attributes(np.random.Generator))
    for space, there, r in (
        ("numpy.random", legacy, "np.random"), ("numpy.random.Generator", generator, "rng")
    ):  # fmt: skip
        for row in read(n.RANDOM, space, r=r):
            if row.name in there:
                drawn = tuple(text.replace("{r}", r) for text in n.QUANTILES.get(row.name, ()))
                found.append(replace(row, quantile=drawn))
    for names, table in (
        (n.UFUNCS_OF_FLOATS, n.UFUNC_METHODS),
        (n.UFUNCS_OF_TRUTH, n.UFUNC_METHODS_OF_TRUTH),
        (n.UFUNCS_OF_INTEGERS, n.UFUNC_METHODS_OF_INTEGERS),
    ):
        for name in names.split():
            found += read(table, f"numpy.{name}", u=name)
    found += read(special_calls.FFT, "numpy.fft", "np.fft")
    found += read(special_calls.FFT + special_calls.SCIPY_FFT, "scipy.fft")
    found += _special()
    found += _stats()
    found += read(s.LINALG, "scipy.linalg", "linalg")
    found += read(s.SIGNAL, "scipy.signal", "signal")
    found += read(s.WINDOWS, "scipy.signal.windows", "signal.windows")
    found += read(s.NDIMAGE, "scipy.ndimage", "ndimage")
    found += read(s.SPATIAL, "scipy.spatial")
    found += read(s.DISTANCE, "scipy.spatial.distance", "distance")
    for name in s.CDIST.split():
        options = ", p=3" if name == "minkowski" else ""
        binary = name in ("dice", "hamming", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule")  # fmt: skip
        first, second = ("x > 0", "p > 0.9") if binary else ("np.abs(x)", "p")
        if name == "mahalanobis":
            first, second, options = "s", "s[::-1] ** 2", ", VI=a"
        if name == "seuclidean":
            options = ", V=np.abs(y) + 1"
        call = f"distance.cdist({first}, {second}, {name!r}{options})"
        found.append(Row("scipy.spatial.distance.cdist", name, call))
        call = f"distance.pdist({first}, {name!r}{options})"
        found.append(Row("scipy.spatial.distance.pdist", name, call))
    found += read(s.TRANSFORM, "scipy.spatial.transform")
    rotation = "scipy.spatial.transform.Rotation"
    found += read(s.ROTATION, rotation, c=rotation)
    found += _solvers()
    found += _sparse()
    found += read(masked_calls.MA, "numpy.ma", "np.ma", **masked_calls.MASKED)
    gone = {x for x in n.GONE if not hasattr(np, x) and not hasattr(stats, x)}
    if np.lib.NumpyVersion(scipy.__version__) < "1.17.0":
        gone |= {
            row.name
            for row in found
            if row.space == "scipy.stats" and not hasattr(stats, row.name.split(".")[0])
        }
    return [row for row in found if row.name not in gone]


def _solvers() -> Iterator[Row]:
    """Interpolators, integrators, minimisers and clusters."""
    o = solver_calls
    for table, space in (
        (o.INTERPOLATE, "scipy.interpolate"), (o.INTEGRATE, "scipy.integrate"),
        (o.OPTIMIZE, "scipy.optimize"), (o.CLUSTER_VQ, "scipy.cluster.vq"),
        (o.HIERARCHY, "scipy.cluster.hierarchy"), (o.CONSTANTS, "scipy.constants"),
        (o.DIFFERENTIATE, "scipy.differentiate"),
    ):  # fmt: skip
        for row in read(table, space):
            yield replace(row, rough=row.name in o.ROUGH)


def _sparse() -> Iterator[Row]:
    """Sparse matrices, what is computed with them, and graphs."""
    o = sparse_calls
    made = {form: o.REGULAR.format(format=form) for form in ("csr", "csc")}
    yield from read(o.SPARSE, "scipy.sparse")
    yield from read(o.SPARSE_METHODS, "scipy.sparse.csr_array", c=f"({o.SPARSE_ARRAY})")
    symmetric = f"({made['csr']} + {made['csr']}.T)"
    for row in read(o.SPARSE_LINALG, "scipy.sparse.linalg", sym=symmetric, **made):
        # The values of so small a matrix ARPACK finds by restarts that it draws: to some 8 digits.
        yield replace(row, rough=row.name == "eigs")
    yield from read(o.CSGRAPH, "scipy.sparse.csgraph", g=o.GRAPH)


def _spaces() -> dict[str, list[str]]:
    import scipy.fft
    import scipy.linalg
    import scipy.ndimage
    import scipy.signal
    import scipy.spatial.distance
    import scipy.spatial.transform

    added = "interpolate integrate optimize sparse sparse.linalg sparse.csgraph cluster.vq"
    added += " cluster.hierarchy constants differentiate"
    spaces: dict[str, list[str]] = {
        "numpy": public(np),
        "numpy.linalg": public(np.linalg),
        "numpy.random": public(np.random),
        "numpy.random.Generator": attributes(np.random.Generator),
        "numpy.ndarray": attributes(np.ndarray),
        "numpy.fft": public(np.fft),
        "scipy.fft": public(scipy.fft),
        "scipy.special": public(scipy.special),
        "scipy.stats": [n for n in public(stats) if n not in (*distributions(), *_MULTIVARIATE)],
        "scipy.linalg": public(scipy.linalg),
        "scipy.signal": public(scipy.signal),
        "scipy.signal.windows": public(scipy.signal.windows),
        "scipy.ndimage": public(scipy.ndimage),
        "scipy.spatial": public(scipy.spatial),
        "scipy.spatial.distance": public(scipy.spatial.distance),
        "scipy.spatial.transform": public(scipy.spatial.transform),
        "scipy.spatial.transform.Rotation": attributes(scipy.spatial.transform.Rotation),
        "scipy.sparse.csr_array": attributes(scipy.sparse.csr_array),
        "numpy.ma": public(np.ma),
    }
    for name in added.split():
        spaces[f"scipy.{name}"] = public(importlib.import_module(f"scipy.{name}"))
    spaces |= _spaces_of_stats()
    for name in ("polynomial", "chebyshev", "legendre", "laguerre", "hermite", "hermite_e"):
        names = public(getattr(np.polynomial, name))
        spaces[f"numpy.polynomial.{name}"] = [n for n in names if n not in POLYNOMIALS]
    for name in POLYNOMIALS:
        found = attributes(getattr(np.polynomial, name))
        spaces[f"numpy.polynomial.{name}"] = [n for n in found if n not in _OF_POLYNOMIALS]
    binary = [
        u.__name__ for n in np.__all__ if isinstance(u := getattr(np, n), np.ufunc)
        if u.nin == 2 and u.nout == 1 and u.signature is None and u is not np.ldexp  # not of one type
    ]  # fmt: skip
    for name in binary:
        spaces[f"numpy.{name}"] = ["reduce", "accumulate", "outer", "reduceat", "at"]
    return spaces


def _spaces_of_stats() -> dict[str, list[str]]:
    frozen = [type(stats.norm()), type(stats.poisson(1.0))]
    classes = {name: [type(getattr(stats, name))] for name in _MULTIVARIATE}
    classes |= {"gaussian_kde": [stats.gaussian_kde], "rv_frozen": frozen}
    classes["rv_continuous"] = [stats.rv_continuous]
    spaces = {
        f"scipy.stats.{name}": sorted({n for cls in found for n in attributes(cls)})
        for name, found in classes.items()
    }
    methods = {(cls, method) for cls, method, _ in _methods()}
    own = {method for cls, method in methods if cls == "rv_continuous"}
    spaces["scipy.stats.rv_continuous"] = sorted({*spaces["scipy.stats.rv_continuous"]} - own)
    for names in spaces.values():
        names[:] = [n for n in names if n != "random_state"]
    for cls, method in methods:
        kind = getattr(stats, cls)
        names = [n for n, d in distributions().items() if isinstance(d, kind)]
        spaces[f"scipy.stats.{cls}.{method}"] = names
    return spaces


def absent() -> tuple[set[str], set[str]]:
    """Public callables that no table has, and names of the tables that are not public."""
    there = {f"{r.space}.{r.name}" for r in rows()}
    wanted = {f"{space}.{name}" for space, names in _spaces().items() for name in names}
    # Operators of polynomials, distances by metric and derivatives by argument are rows of their own.
    own = ("__", ".distance.", " by ")
    beyond = {r for r in there - wanted if not any(mark in r for mark in own)}
    return wanted - there, beyond
