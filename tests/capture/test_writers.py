"""Modules of Python's that make text of values: what they write is written once, in derivatives too."""

import csv
import io
import json
import pprint
import reprlib
import string
import sys
import textwrap

import numpy as np
import pytest

import autodiff

STREAM = io.StringIO()
PRINTER = pprint.PrettyPrinter(width=20, stream=STREAM)


def show(text):
    print(text, file=STREAM)


WRITERS = {
    "pprint": lambda x: pprint.pprint({"a": [float(v) for v in x]}, stream=STREAM),
    "pprint of an array": lambda x: pprint.pprint(x, stream=STREAM),
    "pp": lambda x: pprint.pp([x], stream=STREAM),
    "a printer that is kept": lambda x: PRINTER.pprint({"a": x}),
    "pformat": lambda x: show(pprint.pformat([x[0]])),
    "dump": lambda x: json.dump({"a": x.tolist()}, STREAM),
    "dumps": lambda x: show(json.dumps([float(v) for v in x])),
    "encoder": lambda x: show(json.JSONEncoder(indent=1).encode([float(x[0])])),
    "row": lambda x: csv.writer(STREAM).writerow([float(v) for v in x]),
    "repr": lambda x: show(reprlib.repr([float(v) for v in x])),
    "template": lambda x: show(string.Template("$a").substitute(a=x)),
    "formatter": lambda x: show(string.Formatter().format("{:.2f}", x[0])),
    "fill": lambda x: show(textwrap.fill(str(list(x)), 9)),
    "stdout": lambda x: sys.stdout.write(f"{x}"),
}


def written(call, capsys):
    STREAM.seek(0)
    STREAM.truncate()
    call(np.array([1.5, 2.0]))
    return STREAM.getvalue(), capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient, autodiff.hessian])
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_written_once(name, transform, capsys):
    def f(x):
        WRITERS[name](x)
        return np.sum(x * x)

    wanted = written(f, capsys)
    assert any(wanted)
    compiled = transform(f)
    for _ in range(2):
        assert written(compiled, capsys) == wanted
