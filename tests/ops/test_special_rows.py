"""Every row of the tables of special functions: SciPy's bits on both engines, derivatives of two orders."""

import warnings
from typing import Any

import numpy as np
import pytest

import autodiff.ops.scipy_functions  # noqa: F401 - fills the tables
from autodiff.errors import DerivativeError
from autodiff.ir import Program
from autodiff.ops import special
from autodiff.ops.builder import building
from autodiff.ops.entries import ENTRIES
from autodiff.ops.special_rows import ROWS, Row
from autodiff.ops.tracer import Tracer
from tests.ops.support import ENGINES, check_derivatives, parameter_of, trace

engines = pytest.mark.parametrize("engine", ENGINES)
# A second derivative of these is refused.
ONCE = ("pro_ang1_cv", "pro_rad1_cv", "obl_ang1_cv", "obl_rad1_cv")
# Integrals for each element, in second derivatives twice over.
LONG = ("btdtria", "btdtrib", "bdtrik", "bdtrin", "nbdtrik", "nbdtrin", "stdtridf", "fdtridfd")
# SciPy's own value is no more accurate, so that differences of it are not.
ROUGH = {
    "itairy": 1e-3,
    "ncfdtrinc": 1e-3,
    "ncfdtridfn": 1e-3,
    "ncfdtridfd": 1e-3,
    "nctdtrinc": 1e-4,
    "chndtrinc": 1e-4,
    "nctdtridf": 1e-4,
}


def sampled(row: Row, rng: np.random.Generator) -> list[np.ndarray]:
    """Arguments of a row; orders that SciPy wants whole are so, and so is the level of its equation."""
    given = [rng.uniform(low, high, 5) for low, high in row.domain]
    types = special.ufunc_at(special.ufunc_path(row.operations[0])).types
    for k, rules in enumerate(zip(*row.partials, strict=True)):
        whole = all(t[k] == "l" for t in types if "f" not in t)
        if whole or all(rule is None for rule in rules) and row.domain[k][0] == row.domain[k][1]:
            given[k] = np.rint(given[k]).astype(int)
    if row.name.endswith("_cv") and len(given) == 5:
        level = special.ufunc_at(f"scipy.special.{row.name[:3]}_cv")
        given[3] = level(*given[:3])
    return given


def applied(row: Row, *operands: Any, part: int | None = None) -> list[Any]:
    """All results, or one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a count that is cut
        return [
            special.apply(name, *operands)
            for k, name in enumerate(row.operations)
            if part in (None, k)
        ]


@engines
@pytest.mark.parametrize("part", range(3))
def test_values_are_scipys_bits(part: int, engine: str, rng: np.random.Generator) -> None:
    """Many rows in one program."""
    rows = list(ROWS.values())[part::3]
    given = [sampled(row, rng) for row in rows]
    arguments = [x for group in given for x in group]
    with building() as builder:
        operands = iter([parameter_of(builder, x, k) for k, x in enumerate(arguments)])
        for row, group in zip(rows, given, strict=True):
            found = applied(row, *[next(operands) for _ in group])
            builder.block.outputs += [x.value for x in found]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        have = iter(ENGINES[engine](Program(builder.block))(arguments))
        for row, group in zip(rows, given, strict=True):
            want = special.ufunc_at(special.ufunc_path(row.operations[0]))(*group)
            for result in want if isinstance(want, tuple) else (want,):
                np.testing.assert_array_equal(next(have), result, err_msg=row.name)


def check_row(name: str) -> None:
    row = ROWS[name]
    given = sampled(row, np.random.default_rng(5))
    for number, rules in enumerate(row.partials):
        active = [k for k, rule in enumerate(rules) if callable(rule)]
        if not active:
            continue

        def f(*xs: Any, active: Any = active, number: int = number) -> Any:
            full = list(given)
            for k, x in zip(active, xs, strict=True):
                full[k] = x
            return applied(row, *full, part=number)[0]

        rough = ROUGH.get(name)
        second = rough is None and name not in ONCE
        check_derivatives(f, *[given[k] for k in active], second=second, rtol=rough or 2e-6)


@pytest.mark.parametrize("name", [name for name in list(ROWS)[::6] if name not in LONG])
def test_derivatives(name: str) -> None:
    check_row(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_derivatives_of_all(name: str) -> None:
    check_row(name)


REFUSED = [
    (name, part, k)
    for name, row in ROWS.items()
    for part, rules in enumerate(row.partials)
    for k, rule in enumerate(rules)
    if isinstance(rule, str)
]


@pytest.mark.parametrize(("name", "part", "k"), REFUSED[::9])
def test_an_argument_without_a_formula_is_refused(name: str, part: int, k: int) -> None:
    from autodiff.differentiate import jvp

    row = ROWS[name]
    given = sampled(row, np.random.default_rng(5))
    program = trace(
        lambda x: applied(row, *given[:k], x, *given[k + 1 :], part=part)[0], given[k] * 1.0
    )
    with pytest.raises(
        DerivativeError, match=r"AD302: scipy\.special\.\w+ has no derivative by its"
    ):
        jvp(program, [True])


def test_rules_name_arguments_of_the_ufunc() -> None:
    for row in ROWS.values():
        for name, rules in zip(row.operations, row.partials, strict=True):
            assert len(rules) == len(row.domain) == special.ufunc_at(special.ufunc_path(name)).nin
            assert ENTRIES[name].samples.domain == row.domain
            assert isinstance(row.source, str) and row.source
    assert not isinstance(special.apply("scipy_erfi", 0.5), Tracer)
