"""A function of NumPy as a function of CasADi's, with the Jacobians that its solvers ask for.

    f = casadi_callback(numpy_function, np.zeros(3), 1.0)      # shapes by example
    x = casadi.MX.sym("x", 3)
    casadi.nlpsol("solver", "ipopt", {"x": x, "f": f(x, 2.0)})

CasADi asks for whole Jacobians, and for Jacobians of Jacobians: each is a function of the same kind. Its
vectors are columns and its matrices lie column by column, so a Jacobian's rows and columns are in that order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.api import function, jacobian
from autodiff.errors import ArgumentError

from .derivatives import Function, needed, plain_function, refuse_complex, written

Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Outputs:
    """What a callback returns: the results of a function, with zeros between them.

    Each entry is the number of a result, or None for zeros; with the shape of each as a matrix.
    """

    entries: tuple[tuple[int | None, tuple[int, int]], ...]


def casadi_callback(f: Function, *examples: Any) -> Any:
    """`f` as a CasADi function with exact Jacobians.

    Parameters
    ----------
    f
        Of numbers, vectors and matrices, in plain NumPy; returns one, or a tuple of several.
    *examples
        Arguments of the shapes that it will be called with. CasADi knows shapes beforehand; `f` is called
        once with these.

    Returns
    -------
    casadi.Callback
        Keep it as long as what is made of it: CasADi holds no reference.

    Raises
    ------
    MissingPackageError
        if CasADi is not installed.

    Notes
    -----
    An ``SX`` cannot call it: use ``MX``, as for every callback.
    """
    f = plain_function(f, "casadi_callback")
    casadi = needed("casadi")
    arrays = [np.asarray(x, dtype=None if np.iscomplexobj(x) else np.float64) for x in examples]
    refuse_complex("casadi_callback", [x.dtype for x in arrays])
    if not arrays or any(x.ndim > 2 for x in arrays):
        raise ArgumentError(
            "casadi_callback needs an example of each argument, of two axes at most",
            remedy="pass arrays or numbers of the shapes that f takes, after f",
        )
    found = function(f)(*[x if x.ndim else x[()] for x in arrays])
    several = isinstance(found, tuple | list)
    results = [np.asarray(r) for r in (found if several else [found])]
    refuse_complex("casadi_callback", [r.dtype for r in results])
    if any(r.ndim > 2 for r in results):
        raise ArgumentError(
            "CasADi has no arrays of more than two axes", remedy="return them as matrices"
        )
    outputs = _Outputs(tuple([(k, _matrix(r.shape)) for k, r in enumerate(results)]))
    shapes = tuple([x.shape for x in arrays])
    return _class(casadi)(f, shapes, (), outputs, tuple([r.shape for r in results]), several)


def _matrix(shape: Shape) -> tuple[int, int]:
    """The shape as a matrix of CasADi's."""
    rows, columns = (*shape, 1, 1)[:2]
    return rows, columns


@lru_cache(maxsize=1)
def _class(casadi: Any) -> Any:
    """The class, made at the first use: it is one of CasADi's."""

    class NumpyCallback(casadi.Callback):
        """A function of NumPy, compiled by autodiff.

        `shapes` are those of its arguments; `unused` those of further ones that CasADi passes;
        `raw` those of its results, as NumPy has them, `several` if they are a tuple.
        """

        def __init__(
            self, f: Function, shapes: tuple[Shape, ...], unused: tuple[tuple[int, int], ...],
            outputs: _Outputs, raw: tuple[Shape, ...], several: bool,
        ) -> None:  # fmt: skip
            casadi.Callback.__init__(self)
            self._function, self._compiled, self._shapes = f, function(f), shapes
            self._unused, self._outputs, self._raw = unused, outputs, raw
            self._several = several
            self._kept: list[Any] = []
            self.construct(_identifier(f), {})

        def get_n_in(self) -> int:
            return len(self._shapes) + len(self._unused)

        def get_n_out(self) -> int:
            return len(self._outputs.entries)

        def get_sparsity_in(self, k: int) -> Any:
            return casadi.Sparsity.dense(*[*map(_matrix, self._shapes), *self._unused][k])

        def get_sparsity_out(self, k: int) -> Any:
            number, shape = self._outputs.entries[k]
            return casadi.Sparsity(*shape) if number is None else casadi.Sparsity.dense(*shape)

        def eval(self, arguments: Any) -> Any:
            given = [_as_numpy(x, shape) for x, shape in zip(arguments, self._shapes, strict=False)]
            found = self._compiled(*given)
            results = found if self._several else [found]
            return [
                casadi.DM(*shape) if number is None else _as_casadi(casadi, results[number], shape)
                for number, shape in self._outputs.entries
            ]

        def has_jacobian(self) -> bool:
            return True

        def get_jacobian(self, name: str, inames: Any, onames: Any, options: Any) -> Any:
            derived = _jacobian(self._function, self._shapes, self._raw, self._several)
            entries: list[tuple[int | None, tuple[int, int]]] = []
            for number, out in self._outputs.entries:
                rows = out[0] * out[1]
                for k, shape in enumerate(self._shapes):
                    block = None if number is None else number * len(self._shapes) + k
                    entries.append((block, (rows, int(np.prod(shape)))))
                entries += [(None, (rows, shape[0] * shape[1])) for shape in self._unused]
            blocks = tuple(
                [(int(np.prod(r)), int(np.prod(s))) for r in self._raw for s in self._shapes]
            )
            nominal = tuple([shape for _, shape in self._outputs.entries])
            made = NumpyCallback(
                derived, self._shapes, (*self._unused, *nominal), _Outputs(tuple(entries)), blocks,
                True,
            )  # fmt: skip
            self._kept.append(made)
            return made

    return NumpyCallback


def _as_numpy(x: Any, shape: Shape) -> Any:
    array = np.asarray(x.full())
    return array.reshape(shape, order="F") if shape else float(array[0, 0])


def _as_casadi(casadi: Any, result: Any, shape: tuple[int, int]) -> Any:
    return casadi.DM(np.asarray(result, dtype=np.float64).reshape(shape, order="F"))


def _identifier(f: Function) -> str:
    name = re.sub(r"\W+", "_", getattr(f, "__name__", "")).strip("_")
    return re.sub(r"__+", "_", name) if name[:1].isalpha() else "numpy_function"


@lru_cache(maxsize=256)
def _jacobian(
    f: Function, shapes: tuple[Shape, ...], raw: tuple[Shape, ...], several: bool
) -> Function:
    """All blocks of the Jacobian of `f`, as matrices, in the order of CasADi's."""
    names = [f"x{k}" for k in range(len(shapes))]
    lines = [f"found = jacobian(f)({', '.join(names)})"]
    blocks = []
    for i, out in enumerate(raw):
        for j, shape in enumerate(shapes):
            index = (f"[{i}]" if several else "") + (f"[{j}]" if len(shapes) > 1 else "")
            axes = _by_columns(len(out), len(shape))
            size = (int(np.prod(out)), int(np.prod(shape)))
            blocks.append(f"np.reshape(np.transpose(found{index}, {axes}), {size})")
    lines.append(f"return ({', '.join(blocks)},)")
    return written("jacobian", f, ", ".join(names), lines, {"jacobian": jacobian, "np": np})


def _by_columns(out: int, given: int) -> tuple[int, ...]:
    """The axes of a block, such that both groups run column by column when it is made a matrix."""
    return (*reversed(range(out)), *reversed(range(out, out + given)))
