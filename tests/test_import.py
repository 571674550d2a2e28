"""`import autodiff` loads little more than NumPy: heavy packages are loaded by what first needs them."""

import json
import subprocess
import sys

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
import numpy as np
before = set(sys.modules)
import autodiff
autodiff.gradient(lambda x: np.sum(np.sin(x) ** 2))(np.arange(3.0))
print(json.dumps(sorted(set(sys.modules) - before)))
"""
# Of the standard library, what a first gradient has no use for, or llvmlite alone has.
NEEDLESS = {
    "hashlib", "difflib", "statistics", "numpy.polynomial", "scipy", "random", "mmap",
}  # fmt: skip


def test_a_first_gradient_loads_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import json{FIRST}"], capture_output=True, text=True, check=True
    )
    found = set(json.loads(done.stdout))
    assert found & (NEEDLESS) == set()
    assert len(found) <= 240  # each costs some tenths of a millisecond


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
