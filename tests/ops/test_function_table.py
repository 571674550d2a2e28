"""The tables of callables and of operations, whose modules are loaded by name."""

import importlib
import json
import math
import pkgutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import scipy.special
from scipy import linalg

import autodiff
from autodiff.errors import FallbackWarning
from autodiff.ops import ENTRIES, function_table, numpy_functions
from autodiff.ops.function_table import Table, as_taken, builtin_functions, functions

MODULES = [m.name for m in pkgutil.iter_modules(numpy_functions.__path__)]


@pytest.mark.parametrize("module", MODULES)
def test_every_function_is_found_by_its_name(module: str) -> None:
    """Or a program that uses it alone would be told that it is not known."""
    if module == "series":
        return  # loaded by the module of NumPy's that it stands for
    home = f"autodiff.ops.numpy_functions.{module}"
    importlib.import_module(home)
    entered = [
        key
        for key, f in functions.items()
        if f.__module__ == home and not str(getattr(key, "__module__", "")).startswith("scipy.")
    ]  # those of SciPy's that are answered alike are entered by modules of their own
    assert {function_table._home_of_numpy(key) for key in entered} <= {home}
    named = {
        key if isinstance(key, str) else getattr(key, "__name__", type(key).__name__)
        for key in entered
    }
    assert set(function_table._ANSWERS[module].split()) == named


@pytest.mark.parametrize("module", ["python_builtins", "complex_functions"])
def test_every_builtin_is_found_by_its_module(module: str) -> None:
    home = f"autodiff.ops.{module}"
    importlib.import_module(home)
    entered = [key for key, f in builtin_functions.items() if f.__module__ == home]
    assert {function_table._home_of_builtin(key) for key in entered} == {home}


def told_by(expression: str) -> object:
    """The value of an expression in a process that has loaded the tables alone."""
    code = f"""
import json, math, sys
import numpy as np
from autodiff.ops import ENTRIES
from autodiff.ops.function_table import builtin_functions, functions
def loaded():
    return sorted(m.rpartition(".")[2] for m in sys.modules if "numpy_functions." in m)
before = loaded()
value = {expression}
print(json.dumps([before, value, loaded()]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_function_loads_its_module_alone() -> None:
    assert told_by("functions.get(np.sort).__name__") == [[], "sort", ["selection", "shapes"]]
    assert told_by("np.interp in functions") == [[], True, ["shapes", "signals"]]
    assert told_by("functions.get(len) is None") == [[], True, []]
    assert told_by("functions[np.linalg.inv].__name__")[1] == "inv"  # type: ignore[index]
    assert told_by("builtin_functions[math.hypot].__name__")[0] == []  # type: ignore[index]


def test_all_functions_and_operations_are_there_for_who_goes_through_them() -> None:
    assert told_by("len(functions) > 250 and len(builtin_functions) > 80")[1] is True  # type: ignore[index]
    assert told_by("{'erf', 'determinant', 'svd', 'fft'} <= set(ENTRIES)")[1] is True  # type: ignore[index]
    assert told_by("ENTRIES['erf'].name")[1] == "erf"  # type: ignore[index]


def test_what_nobody_answers_is_absent() -> None:
    class Strange:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    for key in (Strange(), "no name", 5, np.sin, math):
        assert functions.get(key) is None
        assert builtin_functions.get(key) is None
        assert key not in functions
    for table, key in ((functions, np.sin), (builtin_functions, map), (ENTRIES, "no operation")):
        with pytest.raises(KeyError):
            table[key]  # type: ignore[index]


# Modules whose operations are entered when a program first has one: those of solvers, of SciPy's functions, ...
ENTERED_LATE = """adjoints bessel_functions boundaries complex_factors complex_forms complex_of_real complex_order complex_scipy_linalg correlation cosine_transforms
    cumulative_functions distribution_functions distribution_routines elliptic_functions holomorphic_functions integrals interpolation linear_maps minima multivariate_probability
    opaque orthogonal_polynomials scipy_clusters scipy_csgraph scipy_fft scipy_forms scipy_functions scipy_signal smoothing vertices""".split()


def test_all_other_operations_are_in_the_table() -> None:
    """Or the tests of all operations would leave some out."""
    found = told_by("""[]
import importlib, pkgutil
import autodiff.ops
before = len(ENTRIES)
for module in pkgutil.walk_packages(autodiff.ops.__path__, "autodiff.ops."):
    importlib.import_module(module.name)
    if len(ENTRIES) > before:
        value.append(module.name.removeprefix("autodiff.ops."))
    before = len(ENTRIES)
""")
    assert set(found[1]) <= set(ENTERED_LATE)  # type: ignore[index]


def test_threads_that_come_at_once_find_what_one_finds() -> None:
    code = """
import json, sys, threading
import numpy as np
import scipy.ndimage, scipy.fft, statistics
from autodiff.ops import ENTRIES
from autodiff.ops.function_table import builtin_functions, functions
sys.setswitchinterval(1e-6)
asked = [
    lambda: len(ENTRIES) > 250, lambda: ENTRIES.get("svd") is not None, lambda: "svd" in ENTRIES,
    lambda: "svd" in list(ENTRIES), lambda: functions.get(scipy.fft.dct) is not None,
    lambda: functions.get(scipy.ndimage._nd_image.correlate1d) is not None, lambda: functions.get(np.median) is not None,
    lambda: builtin_functions.get(statistics.fmean) is not None,
]
found, together = {}, threading.Barrier(4 * len(asked))
def ask(k):
    together.wait()
    try:
        found[k] = asked[k % len(asked)]()
    except BaseException as error:
        found[k] = repr(error)
threads = [threading.Thread(target=ask, args=(k,)) for k in range(4 * len(asked))]
[t.start() for t in threads], [t.join() for t in threads]
print(json.dumps([found[k] for k in sorted(found)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True] * 32


def test_an_operation_is_entered_once_and_known_by_its_name() -> None:
    entry = ENTRIES["svd"]
    assert "svd" in ENTRIES
    assert ENTRIES.get("svd") is entry
    assert ENTRIES.get("no operation") is None
    assert "no operation" not in ENTRIES
    with pytest.raises(ValueError, match="'svd' is entered twice"):
        ENTRIES.enter(entry)


def test_a_library_whose_names_have_moved_is_told_and_nothing_else_fails(monkeypatch) -> None:
    def moved(name: str) -> bool:
        raise AttributeError(f"module {name!r} has no attribute '_private'")

    table = Table({"json": "autodiff.ops.nowhere"}, set(), lambda key: None)
    monkeypatch.setattr(function_table, "is_loaded", moved)
    with pytest.warns(FallbackWarning, match="json of json .* is not as autodiff knows it"):
        assert table.get(json.dumps) is None
    assert table.get(json.loads) is None  # it is told once
    monkeypatch.setattr(function_table, "_OPTIONAL", {"json": "autodiff.ops.nowhere"})
    (found,) = function_table.unknown_libraries()
    assert found.startswith("json (No module named")


_CALLS_BY_NAMES: list[Any] = [
    (lambda x: linalg.fractional_matrix_power(A=np.outer(x, x) + np.eye(3), t=0.3), 1.0),
    (lambda x: scipy.special.lqn(n=2, z=x[0])[0], 1.0),
    (lambda x: scipy.fft.ifht(A=x, dln=0.1, mu=0.2), 1.0),
    (lambda x: scipy.signal.symiirorder1(signal=np.tile(x, 9), c0=0.8, z1=0.1), 1.0),
    (lambda x: np.stack(arrays=[x, x], axis=1), 1j),
    (lambda x: np.hstack(tup=[x, x]), 1j),
    (lambda x: np.diag(v=x), 1j),
    (lambda x: np.real(val=x) + np.any(a=x), 1j),
    (lambda x: np.convolve(a=x, v=x), 1j),
]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(("function", "unit"), _CALLS_BY_NAMES)
def test_arguments_have_the_names_of_the_library(function: Any, unit: Any, engine: str) -> None:
    x = np.array([0.3, 0.5, 0.2]) * unit
    result = autodiff.function(function, engine=engine)(x)
    np.testing.assert_allclose(result, function(x), rtol=1e-12)
    autodiff.check_gradient(lambda x: np.sum(np.abs(function(x))), x, engine=engine)


def test_an_argument_that_an_implementation_lacks_takes_no_other_place() -> None:
    def function(x: Any, axis: int, deep: bool = False, n: int = 1) -> None: ...

    def lacks_deep(y: Any, axis: int, n: int = 1) -> None: ...

    def renames(y: Any, axis: int, shallow: bool, n: int = 1) -> None: ...

    given = (0,), {"axis": 1, "deep": True}
    assert as_taken(function, lacks_deep, *given) == given
    assert as_taken(function, renames, *given) == ((0, 1, True), {})
    unknown = (0,), {"axis": 1, "depth": True}
    assert as_taken(function, renames, *unknown) == unknown
