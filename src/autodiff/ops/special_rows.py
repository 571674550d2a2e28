"""Rows of the tables of special functions, and what all rows have in common.

    row("erfi", (lambda y, x: …,), ((-1.5, 1.5),), "DLMF 7.2")           one result
    rows("airy", (…, …, …, …), ((-3.0, 3.0),), "DLMF 9.2.1")              several
    inverse("gammaincinv", of="gammainc", solved=1, domain=…)            by the implicit rule

A row holds the name of SciPy's ufunc, the partial derivative by each argument, where tests may
sample, and where the formula is from.  The value is SciPy's own, see :mod:`autodiff.ops.special`.
A partial derivative is a function ``rule(y, *operands)``; ``None`` where the function is piecewise
constant in the argument (an order that SciPy cuts); the argument's name where no formula is known,
so that differentiation by it is refused.

``ROWS`` lists all that is entered, for ``autodiff.ops.scipy_functions`` and for the tests.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from autodiff.ops import special
from autodiff.ops.entries import ENTRIES, Partials
from autodiff.plain_data import dataclass

Rule: TypeAlias = Callable[..., Any]
Domain: TypeAlias = tuple[tuple[float, float], ...]
_PRIVATE = "scipy.special._ufuncs."


@dataclass(frozen=True)
class Row:
    """One ufunc of SciPy: the rules of each of its results."""

    name: str
    partials: tuple[tuple[Rule | str | None, ...], ...]
    domain: Domain
    source: str
    private: bool = False  # a ufunc of SciPy's own use, ``scipy.special._ufuncs._name``

    @property
    def operations(self) -> tuple[str, ...]:
        """The operation of each result."""
        if len(self.partials) == 1:
            return (f"scipy_{self.name}",)
        return tuple([f"scipy_{self.name}.{k}" for k in range(len(self.partials))])


ROWS: dict[str, Row] = {}
# The modules of tables.
MODULES = tuple(
    f"autodiff.ops.{name}"
    for name in (
        "bessel_functions", "elliptic_functions", "orthogonal_polynomials", "cumulative_functions",
        "wave_functions", "holomorphic_functions",
        "distribution_functions",
    )
)  # fmt: skip


def _enter(row: Row) -> None:
    ROWS[row.name] = row
    path = f"{_PRIVATE}_{row.name}" if row.private else f"scipy.special.{row.name}"
    for part, (operation, rules) in enumerate(zip(row.operations, row.partials, strict=True)):
        special.enter_ufunc(operation.removeprefix("scipy_"), rules, row.domain, path, part)


def private_exists(name: str) -> bool:
    """Whether this SciPy has a ufunc of its own use."""
    return hasattr(importlib.import_module(_PRIVATE[:-1]), f"_{name}")


def row(
    name: str,
    partials: tuple[Rule | str | None, ...],
    domain: Domain,
    source: str,
    private: bool = False,
) -> Rule:
    """Enter a ufunc of one result; the function that applies it."""
    _enter(Row(name, (partials,), domain, source, private))
    return of(name)


def rows(
    name: str,
    partials: tuple[tuple[Rule | str | None, ...], ...],
    domain: Domain,
    source: str,
) -> None:
    """Enter a ufunc of several results, by the rules of each."""
    _enter(Row(name, partials, domain, source))


def of(name: str) -> Rule:
    """The function that applies the operation of a name, as ``airy.0``."""
    return lambda *operands: special.apply(f"scipy_{name}", *operands)


_function = of


def _rules(of: str) -> tuple[Any, ...]:
    if of in ROWS:
        return ROWS[of].partials[0]
    derivative = ENTRIES[f"scipy_{of}"].derivative
    assert isinstance(derivative, Partials)
    return derivative.rules


def inverse(
    name: str,
    of: str | tuple[Rule, tuple[Rule | str | None, ...]],
    solved: int,
    domain: Domain,
    private: bool = False,
) -> None:
    """Enter the solution of ``p = F(a, b, …)`` for one argument, in whose place p stands.

    Where there is no solution SciPy gives a bound of the argument, which has derivative 0.

    Parameters
    ----------
    name : str
        The ufunc.
    of : str or tuple
        The name of F, whose entry has the rules, or F and its rules.
    solved : int
        The number of the argument that is solved for.
    domain : tuple of (float, float)
        Where tests may sample the operands.
    private : bool
        Whether it is one of SciPy's own use.
    """
    function, rules = (_function(of), _rules(of)) if isinstance(of, str) else of
    by_solved = rules[solved]
    made: list[Rule | str | None] = []
    for k, rule in enumerate(rules):
        if rule is None or isinstance(rule, str):
            made.append(rule)
        elif by_solved is None or isinstance(by_solved, str):
            made.append(by_solved)
        else:
            made.append(_implicit(function, k, solved, rule, by_solved))
    source = f"the inverse of {of}" if isinstance(of, str) else "the implicit rule"
    _enter(Row(name, (tuple(made),), domain, source, private))


# A solution has digits: SciPy's solvers go on until there are 8 or more.
_SOLVED = 1e-3


def _implicit(function: Rule, k: int, solved: int, rule: Rule, by_solved: Rule) -> Rule:
    def partial(y: Any, *operands: Any) -> Any:
        p = operands[solved]
        arguments = (*operands[:solved], y, *operands[solved + 1 :])
        solved_for = np.abs(function(*arguments) - p) <= _SOLVED * np.abs(p)
        unsolved = np.logical_not(solved_for) & np.equal(p, p) & np.equal(y, y)
        slope = by_solved(p, *arguments)
        if k == solved:
            return np.where(unsolved, 0.0, 1 / slope)
        change = rule(p, *arguments)
        # A solution at 0 for all parameters: the quantile of level 0 of what is positive.
        at_end = np.equal(y, 0) & np.equal(change, 0) & np.equal(slope, 0)
        return np.where(unsolved | at_end, 0.0, -change / np.where(at_end, 1.0, slope))

    return partial
