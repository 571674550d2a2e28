"""What Python says of operands that an operator does not take, word for word, and only where it says so."""

import itertools
import linecache
import warnings

import numpy as np
import pytest

import autodiff

OPERATORS = "+ - * / // % ** @ & | ^ << >> < <= > >=".split()
OTHERS = ["[1]", "(1,)", "'a'", "b'a'", "bytearray(b'a')", "{}", "{1}", "None", "range(3)", "slice(1)", "object", "1j", "...", "len"]  # fmt: skip
VALUES = [1.5, True, 3, np.float64(1.5), np.float32(2), np.ones(2), np.arange(3)]


def forms(symbol, other):
    yield f"return {other} {symbol} x"
    yield f"return x {symbol} {other}"
    if symbol[0] not in "<>" or symbol in ("<<", ">>"):
        yield f"y = {other}; y {symbol}= x; return y"
        yield f"y = x; y {symbol}= {other}; return y"


def made(body):
    text = f"def f(x):\n    try:\n        {body}\n    except TypeError as error:\n        return str(error)\n"
    name, space = f"<refused {body}>", {}
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), space)
    return space["f"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("symbol", OPERATORS)
def test_refusals_are_pythons(symbol):
    for body in itertools.chain.from_iterable(forms(symbol, other) for other in OTHERS):
        f = made(body)
        compiled = autodiff.function(f, engine="numpy")
        for value in VALUES:
            expected = outcome(f, value)
            if isinstance(expected, str):
                assert outcome(compiled, value) == expected, (body, value)


def outcome(f, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(value * 1)
        except Exception as error:
            return repr(error)
