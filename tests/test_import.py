"""`import autodiff` loads little more than NumPy: heavy packages are loaded by what first needs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"scipy", "llvmlite", "matplotlib", "tqdm", "optree"}


def loaded_by(statement: str) -> set[str]:
    """The top-level packages in sys.modules after `statement` in a fresh interpreter."""
    report = "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    command = [sys.executable, "-W", "error", "-c", f"import json, sys; {statement}; {report}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_import_loads_no_heavy_package() -> None:
    assert loaded_by("import autodiff") & HEAVY == set()


def test_import_loads_nothing_but_this_package() -> None:
    # Its modules load when their names are first used: the cost of the import is one small file.
    command = "import numpy; before = set(sys.modules); import autodiff"
    report = "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys, __future__; {command}; {report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["autodiff"]


def test_the_check_sees_a_heavy_package() -> None:
    assert "scipy" in loaded_by("import scipy.linalg")


FIRST = """
import sys
from pathlib import Path

import pytest
import numpy as np
before = set(sys.modules)
import autodiff
autodiff.gradient(lambda x: np.sum(np.sin(x) ** 2))(np.arange(3.0))
print(json.dumps(sorted(set(sys.modules) - before)))
"""
# Of the standard library, what a first gradient has no use for, or llvmlite alone has.
NEEDLESS = {
    "hashlib", "difflib", "statistics", "numpy.polynomial", "numpy.fft", "scipy", "random", "mmap",
}  # fmt: skip


def test_a_first_gradient_loads_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import json{FIRST}"], capture_output=True, text=True, check=True
    )
    found = set(json.loads(done.stdout))
    assert found & (NEEDLESS) == set()
    assert len(found) <= 212  # each costs some tenths of a millisecond


MADE = """
import dataclasses, json, re, sys
import numpy as np
expressions, classes = [], []
def noted(function, notes):
    def call(what, *args, **kwargs):
        notes.append(getattr(what, "__name__", str(what)))
        return function(what, *args, **kwargs)
    return call
re._compiler.compile = noted(re._compiler.compile, expressions)
dataclasses._process_class = noted(dataclasses._process_class, classes)
import autodiff
autodiff.gradient(lambda x: np.sum(np.sin(x) ** 2))(np.arange(3.0))
print(json.dumps([expressions, classes]))
"""


def test_a_first_gradient_makes_no_expressions_and_has_no_class_described() -> None:
    # Each takes as long as to load a module: of those of this package, most are never asked for anything.
    done = subprocess.run([sys.executable, "-c", MADE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], []]


def test_a_first_call_loads_no_table_of_scipy() -> None:
    # However many functions of SciPy have rules, a program of NumPy alone does not wait for them.
    command = "import numpy as np, autodiff; autodiff.gradient(lambda x: np.sum(np.sin(x) * x))(np.ones(3))"
    report = "print(json.dumps(sorted(m for m in sys.modules if m.startswith(('scipy', 'autodiff.ops.'))))) "
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys; {command}; {report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    tables = ("scipy", "special_rows", "distribution", "bessel_functions", "elliptic", "wave",
              "holomorphic", "cumulative_functions", "orthogonal", "cosine", "odes", "minima")  # fmt: skip
    loaded = [
        m for m in json.loads(done.stdout) if m.removeprefix("autodiff.ops.").startswith(tables)
    ]
    assert not loaded


FIRST_OF_A_KIND = {
    "copies": "copy.deepcopy([x, 2 * x])[1].sum()",
    "functions of NumPy that take functions": "np.sum(np.vectorize(lambda y: y * y)(x))",
    "places in turn": "sum(x[i] for i in np.ndindex(3))",
    "comprehensions": "np.sum(np.stack([y * y for y in x]))",
    "dicts of comprehensions": "sum({k: x[k] * k for k in range(3)}.values())",
    "generators": "sum(y * y for y in x)",
    "the largest of a generator": "max(y * y for y in x)",
    "deques": "collections.deque((y * y for y in x), 2)[0]",
    "functions that are filled in": "functools.partial(np.dot, x)(x)",
    "sums by Python": "math.fsum([x[0], x[1] * x[2]])",
    "a loop": "looped(x)",
    "a loop over a generator": "looped(y * y for y in x)",
    "a generator in a loop": "looped(map(lambda y: y * y, x))",
    "pairs": "sum(k * a * b for k, (a, b) in enumerate(zip(x, x[1:])))",
    "products of sequences": "sum(a * b for a, b in itertools.product(x, x))",
    "an iterator": "next(iter(x)) * x[1]",
    "methods of ufuncs of complex numbers": "np.add.reduce(1j * x).imag + np.subtract.reduce(1j * x).imag",
    "ufuncs of SciPy": "np.sum(scipy.special.ellipk(x / 9.0))",
    "views that are compared": "np.sum(x[::-1] * x)",
}


# Each program is the first of its process, which begins as a copy of one that has run none.
EACH_BY_ITSELF = """
import contextlib, os, runpy, sys, traceback, warnings
import collections, copy, functools, itertools, math
import numpy as np, autodiff, scipy.special
import autodiff.capture, autodiff.compiled, autodiff.engines.native.engine
for file in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        with open(file + ".said", "w") as said, contextlib.redirect_stderr(said):
            try:
                runpy.run_path(file)
            except BaseException:
                traceback.print_exc()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("part", range(4))
def test_what_waits_is_loaded_by_the_first_program_that_needs_it(part: int, tmp_path: Path) -> None:
    files = {}
    for number, kind in list(enumerate(FIRST_OF_A_KIND))[part::4]:
        files[kind] = tmp_path / f"program{number}.py"  # what has no text is run on tracers
        files[kind].write_text(first_program(kind))
    command = [sys.executable, "-c", EACH_BY_ITSELF, *files.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    said = {kind: Path(f"{file}.said").read_text() for kind, file in files.items()}
    assert said == dict.fromkeys(files, "")


def first_program(kind: str) -> str:
    return f"""
import collections, copy, functools, itertools, math, warnings
import numpy as np, autodiff, scipy.special
warnings.simplefilter("error")
def looped(items):
    total = 1.0
    for item in items:
        total = total * item + item
    return total
def f(x):
    return {FIRST_OF_A_KIND[kind]}
x = np.array([1.5, 2.0, 2.5])
np.testing.assert_allclose(autodiff.function(f)(x), f(x), rtol=1e-15)
h = 1e-6 * np.eye(3)
slopes = [(f(x + d) - f(x - d)) / 2e-6 for d in h]
np.testing.assert_allclose(autodiff.gradient(f)(x), slopes, rtol=1e-7)
"""


def test_what_waits_is_what_its_module_answers() -> None:
    program = """
import importlib, json
import autodiff.capture
from autodiff.capture import calls
from autodiff.capture.interpreter import EXPRESSIONS
known = [set(calls.SPECIAL), set(calls.SPECIAL_TYPES), set(calls.TAKES_ALL), set(EXPRESSIONS)]
answered = []
for name in ("iterating", "combining", "copying", "numpy_callables", "pushing", "comprehensions"):
    module = importlib.import_module(f"autodiff.capture.{name}")
    answered += getattr(module, "FUNCTIONS", {})
now = [set(calls.SPECIAL), set(calls.SPECIAL_TYPES), set(calls.TAKES_ALL), set(EXPRESSIONS)]
new = [x for x in answered if x not in known[0]] + [x for a, b in zip(now, known) for x in a - b]
# Not those that only such a module makes calls of.
print(json.dumps([str(x) for x in new if "autodiff" not in getattr(x, "__module__", "")]))
print(len(calls.AT_ONCE))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    found, several = done.stdout.splitlines()
    assert (json.loads(found), several) == ([], "2")  # what waits steps aside when it is asked
