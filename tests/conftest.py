"""Settings that every test shares: checks on, caches private, randomness fixed.

`AUTODIFF_CHECK=1`, unless set otherwise, has every program verified after every pass. `AUTODIFF_CACHE_DIR` points into a directory of this run, so
no test meets machine code of an earlier one. Both are set before anything imports autodiff.
"""

import difflib
import gc
import importlib.util
import inspect
import os
import shutil
import signal
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("AUTODIFF_CHECK", "1")  # 3: native code under bounds checks
os.environ["AUTODIFF_CACHE_DIR"] = _CACHE = tempfile.mkdtemp(prefix="autodiff-tests-")
os.environ["AUTODIFF_CACHE"] = "code"  # what a test looks at was made by it, not loaded
os.environ.pop("AUTODIFF_DEBUG", None)  # a developer's setting must not change what tests print
# One BLAS thread a process: pytest-xdist already uses every core. Must precede the import of NumPy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Searches for garbage at every 700 new objects are a tenth of the time that the tests take.
gc.set_threshold(1_000_000, 20, 20)

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from numpy._core import arrayprint  # noqa: E402

# Operations that are entered when they are first captured: tables of all operations have them too.
import autodiff.capture.interpolators  # noqa: E402
import autodiff.capture.solvers  # noqa: E402, F401
from autodiff.engines.native import session  # noqa: E402

# Derandomised: the same examples at every run. No deadline: compile times are not the property.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


def pytest_collection_finish() -> None:
    """Keep a million objects of the collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark, before marks are chosen from, what runs on the JAX engine, and most rows of large tables in machine code.

    With AUTODIFF_TEST_EVERY=20 every twentieth test is run, of all files: a sample for another version of Python.
    """
    items[:] = items[:: int(os.environ.get("AUTODIFF_TEST_EVERY", "1"))]
    absent = importlib.util.find_spec("jax") is None
    compiled: Counter[tuple[Path, str]] = Counter()
    for item in items:
        engine = getattr(getattr(item, "callspec", None), "params", {}).get("engine")
        if engine == "jax":
            item.add_marker("jax")
            if absent:
                item.add_marker(pytest.mark.skip(reason="JAX is not installed"))
        elif engine == "native" and (few := item.get_closest_marker("native_one_in")) is not None:
            table = item.path, item.name.partition("[")[0]
            if compiled[table] % few.args[0]:
                item.add_marker("slow")
            compiled[table] += 1


# Where kernels are made for their own sake every test has LLVM's passes; elsewhere one in four, for most of
# the time that LLVM takes goes into code that runs once. AUTODIFF_TEST_EFFORT=passes: all have them.
# Workers of a cluster are processes of their own, which know nothing of this.
_OF_KERNELS = (
    *("bench", "cpython", "distributed", "docs", "engines", "interop"),
    *("passes", "programs", "symbolic"),
)
_LEAST_EFFORT = os.environ.get("AUTODIFF_TEST_EFFORT", "translation")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Choose how much effort goes into machine code, the same at every run."""
    directory = item.path.relative_to(Path(__file__).parent).parts[0]
    full = directory in _OF_KERNELS or zlib.crc32(item.nodeid.encode()) % 4 == 0
    session.EFFORT = "passes" if full else _LEAST_EFFORT
    try:
        return (yield)
    finally:
        session.EFFORT = "passes"


@pytest.fixture
def new_objects_only() -> Iterator[None]:
    """`gc.collect()` and `gc.get_objects()` in the test concern what is made in it."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def garbage_as_usual() -> Iterator[None]:
    """Python searches for garbage as often as it does by itself."""
    before, enabled = gc.get_threshold(), gc.isenabled()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)
    (gc.enable if enabled else gc.disable)()


def pytest_unconfigure() -> None:
    shutil.rmtree(_CACHE, ignore_errors=True)


# What NumPy remembers while it prints an array: such a one is shown as "...".
_PRINTING = [
    inspect.getclosurevars(getattr(arrayprint, name)).nonlocals["repr_running"]
    for name in ("_array2string", "_guarded_repr_or_str")
]


@pytest.fixture(autouse=True)
def _numpy_is_left_as_it_was() -> Iterator[None]:
    """No call leaves NumPy in another state: how it warns, how it prints."""
    before = (np.geterr(), np.geterrcall(), np.get_printoptions())
    yield
    assert before == (np.geterr(), np.geterrcall(), np.get_printoptions())
    assert not any(_PRINTING), "a call into NumPy's printing was not left"


@pytest.fixture
def control_c() -> Iterator[None]:
    """SIGINT is Python's, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same stream for every test."""
    return np.random.default_rng(20240229)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: `text` equals the file `golden/<name>` beside the test.

    With AUTODIFF_UPDATE_GOLDEN=1 (`make golden`) the file is rewritten instead, and the diff is the review.
    """

    def compare(name: str, text: str) -> None:
        path = Path(request.path).parent / "golden" / name
        if os.environ.get("AUTODIFF_UPDATE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        assert path.exists(), f"no golden file {name}: run `make golden`, review what it writes"
        found, expected = text.rstrip("\n").split("\n"), path.read_text("utf-8")[:-1].split("\n")
        assert found == expected, "\n".join(difflib.unified_diff(expected, found, "golden", "now"))

    return compare
