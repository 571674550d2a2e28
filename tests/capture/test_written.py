"""Numbers read from the text of values that carry derivatives: never a derivative of zero."""

import ast
import json
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import DerivativeError, UnsupportedError
from tests.capture.support import ENGINES

READ: dict[str, Callable[[Any], Any]] = {
    "repr": lambda x: float(repr(x)),
    "str": lambda x: x * float(str(x)),
    "f-string": lambda x: float(f"{x:.3f}"),
    "format": lambda x: float("{:.2f}".format(x)),  # noqa: UP032
    "percent": lambda x: float("%g" % x),  # noqa: UP031
    "a whole number": lambda x: x * int(f"{x:.0f}"),
    "complex": lambda x: complex(str(x)).real,
    "of a complex number": lambda x: complex(str(x + 1j)).real,
    "Decimal": lambda x: float(Decimal(str(x))),
    "Fraction": lambda x: float(Fraction(str(x))),
    "json": lambda x: json.loads(json.dumps({"a": [x]}))["a"][0],
    "eval": lambda x: eval(f"2*{x}"),
    "literal_eval": lambda x: ast.literal_eval(repr([x]))[0],
    "float64": lambda x: np.float64(str(x)),
    "np.array": lambda x: np.array([str(x), "3"], dtype=float).sum(),
    "astype": lambda x: np.array(str(x)).astype(float),
    "fromstring": lambda x: np.fromstring(str(x), sep=" ")[0],
    "text of an array": lambda x: float(str(np.array([x, 2 * x]))[1:-1].split()[0]),
    "array2string": lambda x: float(np.array2string(np.asarray(x))),
    "a piece": lambda x: float(str(x).split(".")[0]),
    "other characters": lambda x: float(str(x).replace(".", ",").replace(",", ".")),
    "bytes": lambda x: float(str(x).encode()),
    "joined": lambda x: float("".join([str(x), "1"])),
    "several": lambda x: sum(map(float, f"{x} {x * x}".split())),
    "in a loop": lambda x: sum([float(str(x * k)) for k in range(3)]),
    "by another function": lambda x: (lambda text: float(text))(str(x)),
    "kept in a dict": lambda x: float({"a": str(x)}["a"]),
}


def without_source(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function, as a prompt or ``exec`` would have made it."""
    return FunctionType(f.__code__.replace(co_filename="<gone>"), f.__globals__, "f")


SAMPLE = ["str", "f-string", "json", "several", "np.array"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in READ]
)
def test_a_number_read_from_text_has_its_value_and_no_silent_derivative(
    name: str, engine: str
) -> None:
    f = READ[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in (2.5, 3.25):
            assert autodiff.function(f, engine=engine)(x) == f(x)
            with pytest.raises(DerivativeError, match=r"AD302.*text(.|\n)*stop_gradient"):
                autodiff.gradient(f, engine=engine)(x)
            with pytest.raises(DerivativeError, match=r"AD302.*text(.|\n)*test_written"):
                autodiff.jvp(f, (x,), (1.0,), engine=engine)


SHOWN: dict[str, Callable[[Any], Any]] = {
    "of a value that is held": lambda x: x * float(str(autodiff.stop_gradient(x))),
    "of a whole number": lambda x: x * int(str(int(x))),
    "compared": lambda x: x * (3.0 if f"{x:.3f}" == "2.500" else 2.0),
    "a key": lambda x: x * {"2.5": float("7.5")}.get(str(x), 1.0),
    "a length": lambda x: x * len(str(x)),
    "another text": lambda x: x * float("7.25") * (str(x) == "2.5"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SHOWN)
def test_text_that_is_shown_or_compared_leaves_derivatives_alone(name: str, engine: str) -> None:
    f = SHOWN[name]
    assert autodiff.function(f, engine=engine)(2.5) == f(2.5)
    assert autodiff.gradient(f, engine=engine)(2.5) == f(2.5) / 2.5


def test_a_number_that_was_printed_may_be_read_from_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The characters are Python's only when the program runs."""

    def f(x: Any) -> Any:
        print(f"x = {x}")
        return x * float("2.5")

    assert autodiff.gradient(f)(2.5) == 2.5
    assert capsys.readouterr().out == "x = 2.5\n"


UNSEEN = [*READ, *SHOWN]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "name",
    [
        n if n in ("str", "several", *SHOWN) else pytest.param(n, marks=pytest.mark.slow)
        for n in UNSEEN
    ],
)
def test_so_it_is_in_functions_without_source(name: str, engine: str) -> None:
    f = without_source(READ.get(name) or SHOWN[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in (2.5, 3.25):
            assert repr(autodiff.function(f, engine=engine)(x)) == repr(f(x))
            try:
                slope = autodiff.gradient(f, engine=engine)(x)
            except (DerivativeError, UnsupportedError):
                continue
            assert name in SHOWN  # where it is not refused
            assert slope == autodiff.gradient(SHOWN[name], engine=engine)(x)
