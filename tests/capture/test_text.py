"""Text of traced values: what Python sees is this call's characters, guarded; effects format at each run."""

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)

USES = [
    lambda x: {"1.0": x * 2, "2.0": x * 3, "10.0": x}[f"{x:.1f}"],
    lambda x: x * 2 if f"{x:.1f}" == "1.0" else x * 3,
    lambda x: x * 2 if f"{x:.1f}" != "1.0" else x * 3,
    lambda x: x * 2 if f"{x:.1f}" in ("1.0", "2.0") else x * 3,
    lambda x: x * 2 if f"{x:.1f}" < "15" else x * 3,
    lambda x: x * len(f"{x:.1f}"),
    lambda x: x * len("a" + f"{x:.1f}" + "b" + str(x)),
    lambda x: x * len(",".join([f"{x:.1f}", "b", str(x)])),
    lambda x: x * float(f"{x:.1f}"),
    lambda x: x * ("1" in f"{x:.1f}"),
    lambda x: x * (f"{x:.1f}" in "1.0 and 12.0") + (str(x) not in "2.0"),
    lambda x: x * len(f"{x:.1f}" * 2),
    lambda x: x * len(f"{x:.1f}"[1:]),
    lambda x: x * len(f"{x:.1f}".upper().split(".")),
    lambda x: x * len(str(x)) + len(repr(x)) + len(ascii(x)),
    lambda x: x * len(format(x, ".3f")) + len("%5.2f" % x) + len("{:.1f}".format(x)),
    lambda x: x * isinstance(f"{x}", str) + (type(str(x)) is str),
    lambda x: x * sum(c == "0" for c in f"{x:.1f}"),
    lambda x: x * len(f"{x!r:>12}") + len(f"{f'{x:.1f}':>9}"),
    lambda x: x * len(np.array2string(np.array([x, 0.5]), precision=2, separator=", ")),
    lambda x: x * len(np.array_repr(np.array([x])) + np.array_str(np.array([x]), precision=2)),
    lambda x: x * len(np.format_float_positional(x, precision=2) + np.format_float_scientific(x)),
    lambda x: (
        x * len(np.array2string(np.array([x]), formatter={"float": lambda v: f"{v + x:.1f}"}))
    ),
]


@over_engines
@pytest.mark.parametrize("f", USES, ids=range(len(USES)))
def test_python_sees_the_characters_of_every_call(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (1.0, 2.0, 10.0, 1.0):
        result = compiled(x)
        assert type(result) is type(f(x))
        assert result == f(x)


@over_engines
def test_text_as_a_result(engine) -> None:
    compiled = autodiff.function(lambda x: (f"{x:.2f}", [str(x)]), engine=engine)
    with uncompiled_allowed():
        for x in (1.0, 2.5, 1.0):
            assert compiled(x) == (f"{x:.2f}", [str(x)])


@over_engines
def test_printed_text_is_formatted_at_every_run_by_one_program(engine, capsys) -> None:
    def f(x):
        message = f"x = {x[0]:.2f}" + " and " + str(x[1])
        print(message, f"{x.sum()!r:>6}", repr(x[0]), sep=" | ")
        print(np.array2string(x, precision=1), np.format_float_scientific(x[1], precision=3))
        return x * 2

    compiled = autodiff.function(f, engine=engine)
    for k in range(3):
        x = np.array([0.5, 1.5]) + k
        compiled(x)
        ours = capsys.readouterr().out
        f(x)
        assert ours == capsys.readouterr().out
    assert len(compiled.cache) == 1


@over_engines
def test_the_text_of_an_error_is_that_of_the_call(engine) -> None:
    def f(x):
        if x < 0:
            raise ValueError(f"no root of {x:.3f}")
        return np.sqrt(x)

    compiled = autodiff.function(f, engine=engine)
    compiled(4.0)
    for x in (-1.0, -2.5):
        with pytest.raises(ValueError, match=f"^no root of {x:.3f}$"):
            compiled(x)
