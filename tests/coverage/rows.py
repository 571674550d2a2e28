"""The rows of all tables, and the names that the namespaces have.

rows()          every row
absent()        public callables without a row, and rows of names that are not there
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.coverage import numpy_calls, scipy_calls
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
    return found


def _spaces() -> dict[str, list[str]]:
    import scipy.linalg
    import scipy.ndimage
    import scipy.signal
    import scipy.spatial.distance
    import scipy.spatial.transform

    spaces: dict[str, list[str]] = {
        "numpy": public(np),
        "numpy.linalg": public(np.linalg),
        "numpy.random": public(np.random),
        "numpy.random.Generator": attributes(np.random.Generator),
        "numpy.ndarray": attributes(np.ndarray),
        "scipy.linalg": public(scipy.linalg),
        "scipy.signal": public(scipy.signal),
        "scipy.signal.windows": public(scipy.signal.windows),
        "scipy.ndimage": public(scipy.ndimage),
        "scipy.spatial": public(scipy.spatial),
        "scipy.spatial.distance": public(scipy.spatial.distance),
        "scipy.spatial.transform": public(scipy.spatial.transform),
        "scipy.spatial.transform.Rotation": attributes(scipy.spatial.transform.Rotation),
    }
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


def absent() -> tuple[set[str], set[str]]:
    """Public callables that no table has, and names of the tables that are not public."""
    there = {f"{r.space}.{r.name}" for r in rows()}
    wanted = {f"{space}.{name}" for space, names in _spaces().items() for name in names}
    # Operators of polynomials, and distances by metric, are rows of their own.
    beyond = {r for r in there - wanted if "__" not in r and ".distance." not in r}
    return wanted - there, beyond
