"""Arguments and globals that are no arrays: a program holds for the value it was made for, no other."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import types

import numpy as np
import pytest
import scipy.optimize
import scipy.special

import autodiff
from tests.capture.support import ENGINES, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)


class Mode(enum.Enum):
    A = 1.0
    B = 2.0


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k


class Compared:
    def __init__(self, k):
        self.k = k

    def __eq__(self, other):
        return isinstance(other, Compared) and self.k == other.k

    def __hash__(self):
        return hash(self.k)


class Scaling:
    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        return x * self.k


@dataclasses.dataclass
class Data:
    k: float
    n: int


Named = collections.namedtuple("Named", "k n")

CASES = {
    "complex": (lambda x, s: x * s.real + abs(s), [1 + 1j, 2 + 2j]),
    "decimal": (lambda x, s: x * float(s), [decimal.Decimal("1.5"), decimal.Decimal("2.5")]),
    "fraction": (lambda x, s: x * float(s) + s.numerator, [fractions.Fraction(1, 2), fractions.Fraction(3, 2)]),
    "slice": (lambda x, s: np.sum(np.arange(5.0)[s]) * x, [slice(0, 2), slice(1, 5)]),
    "range": (lambda x, s: x * sum(s) + len(s), [range(3), range(5)]),
    "range in a loop": (lambda x, s: sum(x * k for k in s), [range(3), range(5), range(0)]),
    "set": (lambda x, s: x * sum(s) + len(s), [{1}, {2}, {1, 2}]),
    "frozenset": (lambda x, s: x * (2 in s), [frozenset({1}), frozenset({2})]),
    "enum": (lambda x, s: x * s.value if s is Mode.A else -x, [Mode.A, Mode.B]),
    "date": (lambda x, s: x * s.year, [dt.date(2000, 1, 1), dt.date(2001, 1, 1)]),
    "slots": (lambda x, s: x * s.k, [Slotted(1.0), Slotted(2.0), Slotted(3)]),
    "compared": (lambda x, s: x if s == Compared(1.0) else -x, [Compared(1.0), Compared(2.0)]),
    "callable": (lambda x, s: s(x), [Scaling(1.0), Scaling(2.0), lambda x: x * 9]),
    "dataclass": (lambda x, s: x * s.k * s.n, [Data(1.0, 2), Data(2.0, 2), Data(2.0, 3)]),
    "named tuple": (lambda x, s: x * s.k * s.n, [Named(1.0, 2), Named(2.0, 2), Named(2.0, 3)]),
    "namespace": (lambda x, s: x * s.k, [types.SimpleNamespace(k=1.0), types.SimpleNamespace(k=2.0)]),
    "text": (lambda x, s: x * len(s) + (s == "a"), ["a", "b", "bb"]),
    "bytes": (lambda x, s: x * len(s), [b"a", b"bb", bytearray(b"a"), bytearray(b"ccc")]),
    "class": (lambda x, s: float(s(x)), [float, int, np.float32]),
    "dtype": (lambda x, s: np.zeros(2, s).itemsize * x, [np.dtype("f4"), np.dtype("f8")]),
    "None": (lambda x, s: x if s is None else -x, [None, Ellipsis]),
    "keys": (lambda x, s: x * len("".join(s)), [{"a": 1.0}, {"bb": 1.0}]),
    "ufunc": (lambda x, s: s(x), [np.sin, np.cos]),
    "builtin": (lambda x, s: s([x, 2 * x]), [max, min, sum]),
    "bool and int": (lambda x, s: x * 2 if s is True else x * s, [True, 1, False, 0]),
}  # fmt: skip


@over_engines
@pytest.mark.parametrize("name", CASES)
def test_an_argument_of_another_value_is_another_program(name, engine) -> None:
    f, values = CASES[name]
    compiled = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, wrt="x", engine=engine)
    for s in [*values, *values]:
        assert compiled(2.0, s) == pytest.approx(f(2.0, s))
        expected, _ = autodiff.testing.derivative(lambda t, s=s: float(f(2.25 + t, s)))
        if name != "class":
            assert gradient(2.25, s) == pytest.approx(expected, abs=1e-8)


@over_engines
@pytest.mark.parametrize("name", CASES)
def test_a_global_of_another_value_is_another_program(name, engine) -> None:
    f, values = CASES[name]
    box = types.SimpleNamespace(s=values[0])
    compiled = autodiff.function(lambda x: f(x, box.s), engine=engine)
    for s in [*values, *values]:
        box.s = s
        assert compiled(2.0) == pytest.approx(f(2.0, s))


@over_engines
def test_what_can_change_is_compared_with_what_it_was(engine) -> None:
    chosen, buffer = {1, 2}, bytearray(b"ab")
    compiled = autodiff.function(lambda x, s, b: x * sum(s) + len(b), engine=engine)
    assert compiled(1.0, chosen, buffer) == 5.0
    chosen.add(10)
    assert compiled(1.0, chosen, buffer) == 15.0
    buffer.append(1)
    assert compiled(1.0, chosen, buffer) == 16.0


# -- functions that no table knows -------------------------------------------------------------------------
@over_engines
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(scipy.special.ellip_harm(5, 8, 1, 1, x)),
        lambda x: scipy.special.mathieu_even_coef(2, x[0])[1],
    ],
)
def test_unknown_functions_have_values_and_no_derivative(f, engine) -> None:
    x = np.array([0.5, 1.5, 0.7])
    with uncompiled_allowed():
        assert autodiff.function(f, engine=engine)(x) == pytest.approx(f(x))
        with pytest.raises(NotImplementedError):
            autodiff.gradient(f, engine=engine)(x)


@over_engines
def test_a_callback_of_compiled_code_cannot_lose_a_derivative(engine) -> None:
    def lowest(a):
        return scipy.optimize.bracket(lambda t: (t - a) ** 2, -10, 10)[1]

    compiled = autodiff.function(lowest, engine=engine)
    with uncompiled_allowed():
        assert [compiled(2.0), compiled(3.0)] == [lowest(2.0), lowest(3.0)]
        with pytest.raises(autodiff.DerivativeError, match="bracket has its value alone"):
            autodiff.gradient(lowest, engine=engine)(2.0)


# -- results that do not depend on the input -----------------------------------------------------------------
@over_engines
def test_a_constant_result_is_constant_on_its_path_only(engine) -> None:
    """The program of a zero gradient still checks what made the result constant."""

    def f(x, n, table={"a": 1.0}):  # noqa: B006
        if n == 0:
            return 1.0
        return x * n if len(table) < 2 else 7.0

    for order in ((0, 1, 2, 0), (2, 0, 1)):
        gradient = autodiff.gradient(f, wrt="x", engine=engine)
        assert [gradient(2.0, n) for n in order] == [float(n) for n in order]


@over_engines
def test_a_constant_result_keeps_the_effects(engine, capsys) -> None:
    def f(x):
        print("x is", x)
        return 1.0

    gradient = autodiff.gradient(f, engine=engine)
    assert [gradient(2.0), gradient(3.0)] == [0.0, 0.0]
    assert capsys.readouterr().out == "x is 2.0\nx is 3.0\n"
